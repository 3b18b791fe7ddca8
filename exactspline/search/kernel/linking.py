"""Kernels that exist only inside of others: no machine code of their own.

Numba optimises every function and translates it to machine code, although most kernels are only
ever compiled into those that call them, where all of that is done again: it is most of the time
that LLVM takes. Kernels compiled by `InsideCompiler` stay what they are until then.

This is Numba's inside, as in `block_types.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.types.functions import BaseFunction

__all__ = ["EntryCompiler", "InsideCompiler"]


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


@contextmanager
def _remembered() -> Iterator[None]:
    """Have Numba find out once what an operation gives for operands of some types.

    It goes through all that is declared for an operator wherever one stands: a few hundred
    questions are asked some ten thousand times, a seventh of all compiling. Numba compiles for one
    thread at a time, so no other code is compiled meanwhile.
    """
    told: dict[
        tuple[int, Any], tuple[Any, Any]
    ] = {}  # the functions are kept, so that an id is one
    own = BaseFunction.get_call_type

    def get_call_type(function: Any, context: Any, args: Any, kws: Any) -> Any:
        if kws:
            return own(function, context, args, kws)
        key = id(function), tuple(args)
        if key not in told:
            told[key] = function, own(function, context, args, kws)
        return told[key][1]

    setattr(BaseFunction, "get_call_type", get_call_type)  # noqa: B010
    try:
        yield
    finally:
        setattr(BaseFunction, "get_call_type", own)  # noqa: B010


class EntryCompiler(Compiler):
    """Numba's compiler for what Python calls, with all kernels that are compiled into it."""

    _running = 0  # compilations inside of each other

    def _compile_core(self) -> Any:
        if EntryCompiler._running:
            return super()._compile_core()
        EntryCompiler._running += 1
        try:
            with _remembered():
                return super()._compile_core()
        finally:
            EntryCompiler._running -= 1


class InsideCompiler(EntryCompiler):
    """The same, up to what others link."""

    def define_pipelines(self) -> Any:
        state = self.state
        state.library = _InsideLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        return super().define_pipelines()
