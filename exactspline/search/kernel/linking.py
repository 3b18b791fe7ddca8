"""Kernels that exist only inside of others: no machine code of their own.

Numba optimises every function and translates it to machine code, although most kernels are only
ever compiled into those that call them, where all of that is done again: it is most of the time
that LLVM takes. Kernels compiled by `InsideCompiler` stay what they are until then.

This is Numba's inside, as in `block_types.py`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import errors, typed_passes, untyped_passes
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


class _EntryLibrary(JITCodeLibrary):
    """Code that is optimised once: the round before is for reference counts, which it has not."""

    def _optimize_final_module(self) -> None:
        manager, builder = self._codegen._module_pass_manager()
        manager.run(self._final_module, builder)


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


# For what kernels do not have: closures, ``with``, functions to be inlined before types are known,
# literals to be unrolled, exceptions. Each looks at every statement, and after some of them all
# is analysed again.
_NOT_NEEDED = (
    untyped_passes.IRProcessing, untyped_passes.WithLifting, untyped_passes.InlineClosureLikes,
    untyped_passes.RewriteDynamicRaises, untyped_passes.MakeFunctionToJitFunction,
    untyped_passes.InlineInlinables, untyped_passes.FindLiterallyCalls,
    untyped_passes.LiteralUnroll, untyped_passes.LiteralPropagationSubPipelinePass,
    typed_passes.InlineOverloads,
)  # fmt: skip


class _Plain:
    """How messages are marked where there is no terminal: not at all."""

    def __getattr__(self, name: str) -> Any:
        return lambda message: message


@contextmanager
def _briefly() -> Iterator[None]:
    """Spare Numba what it does again and again to no avail.

    A signature that does not fit is an error whose message is coloured, thousands of times; and
    Python looks for cycles among ever more objects that are all in use (a seventh of all
    compiling, for some 100 MB more while it lasts).
    """
    collects = gc.isenabled()
    gc.disable()
    inside: Any = errors
    coloured, inside._termcolor_inst = inside._termcolor_inst, _Plain()
    try:
        yield
    finally:
        inside._termcolor_inst = coloured
        if collects:
            gc.enable()


class EntryCompiler(Compiler):
    """Numba's compiler for what Python calls, with all kernels that are compiled into it."""

    _running = 0  # compilations inside of each other

    def _compile_core(self) -> Any:
        if EntryCompiler._running:
            return super()._compile_core()
        EntryCompiler._running += 1
        try:
            with _remembered(), _briefly():
                return super()._compile_core()
        finally:
            EntryCompiler._running -= 1

    def define_pipelines(self) -> Any:
        state = self.state
        if state.library is None:
            state.library = _EntryLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
            state.library.enable_object_caching()
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [p for p in pipeline.passes if p[0] not in _NOT_NEEDED]
            pipeline._finalized = False
            pipeline.finalize()
        return pipelines


class InsideCompiler(EntryCompiler):
    """The same, up to what others link."""

    def define_pipelines(self) -> Any:
        state = self.state
        state.library = _InsideLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        return super().define_pipelines()
