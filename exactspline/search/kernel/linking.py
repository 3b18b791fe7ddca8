"""Kernels that exist only inside of others: no machine code of their own.

Numba optimises every function and translates it to machine code, although most kernels are only
ever compiled into those that call them, where all of that is done again: it is most of the time
that LLVM takes. Kernels compiled by `InsideCompiler` stay what they are until then.

This is Numba's inside, as in `block_types.py`.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

__all__ = ["InsideCompiler"]


class _NoEnvironment:
    """Numba's code generator, for code that is nowhere yet: there is nothing to write to."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """What a function would need to raise an exception; kernels raise none."""


class _InsideLibrary(JITCodeLibrary):
    """Code that is only there to be linked."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    @property
    def codegen(self) -> Any:
        return _NoEnvironment(self._codegen)

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    def serialize_using_object_code(self) -> Any:
        return self.serialize_using_bitcode()


class InsideCompiler(Compiler):
    """Numba's compiler, up to what others link."""

    def define_pipelines(self) -> Any:
        state = self.state
        state.library = _InsideLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        return super().define_pipelines()
