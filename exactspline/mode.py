"""The processor's floating-point mode: checked at every public call, set for the work, restored.

Error bounds and proofs count on IEEE 754 as every thread starts with it: sums round to the
nearest float64, and numbers below 2^-1022 (subnormals) are numbers like others. A thread can be
made to round otherwise (``fesetround``) or to take subnormals as 0 (``torch.set_flush_denormal``,
libraries built with -ffast-math), and the very parameters of a network would be misread then.

`guarded` makes a function, or all public methods of a class, run in that standard mode whatever
the caller's is. The mode belongs to a thread, so threads and processes that work for a call are
guarded by themselves; threads that libraries keep (BLAS) cannot be reached, and what they compute
is bounded as if they flushed and rounded in any direction.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Generator
from functools import cache, cached_property, wraps
from types import FunctionType, GeneratorType
from typing import Any, NoReturn, TypeVar, cast

import numpy as np

from .errors import FloatingPointModeError

__all__ = ["TELLING", "checks_itself", "guarded", "is_standard"]

T = TypeVar("T")

# Globals, so that the sums are made when they are asked for and by the processor. Powers of two
# are written as such: a decimal or a power is itself computed, in the mode of who imports this.
_LEAST, _HALF, _TWO = float.fromhex("0x1p-1022"), 0.5, 2.0
_ONE, _BELOW, _ABOVE = 1.0, float.fromhex("0x1p-60"), float.fromhex("0x3p-54")
_NEXT = float.fromhex("0x1.0000000000001p0")

# for kernels that make the same sums
TELLING = _LEAST, _HALF, _TWO, _ONE, _BELOW, _ABOVE, _NEXT


def is_standard() -> bool:
    """Whether this thread rounds to nearest and keeps subnormals, by sums that tell.

    Half of the least normal number, doubled, is that number again, unless subnormals are taken
    as 0 where they arise or where they are read. 1 + 2^-60 is 1, and 1 + 3 * 2^-54 the float64
    after 1; upwards the first sum is larger, downwards and towards 0 the second one stays 1.
    """
    return _LEAST * _HALF * _TWO == _LEAST and _ONE + _BELOW + _ABOVE == _NEXT


class _Here(threading.local):
    """Whether this thread is inside of a guarded call."""

    inside = False


_here = _Here()


def _begin_process() -> None:
    """A process that was forked during a call is not inside of it."""
    _here.inside = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_process)


# --- The mode of this thread, by the C library ----------------------------------------------


class _Fenv:
    """fegetenv and fesetenv of <fenv.h>. Python's lock is kept: the mode is a thread's own.

    Attributes
    ----------
    put : C function
        Makes an environment this thread's. It is called as it is: Python cannot be interrupted
        on the way to it.
    default : pointer
        FE_DFL_ENV: round to nearest, keep subnormals, trap nothing.
    """

    def __init__(self) -> None:
        import ctypes

        names: list[str | None] = [None, "libm.so.6", "libc.so", "libSystem.B.dylib"]
        for name in names:
            try:
                library = ctypes.PyDLL(name)
                self._get, self.put = library.fegetenv, library.fesetenv
                break
            except (AttributeError, OSError, TypeError):
                continue
        else:
            raise OSError("no C library with fesetenv was found")
        self._get.argtypes = self.put.argtypes = [ctypes.c_void_p]
        self._room: Callable[[], Any] = ctypes.c_uint64 * 64  # fenv_t has 8 to 32 bytes
        if sys.platform == "darwin":  # FE_DFL_ENV is a macro
            default = ctypes.c_char.in_dll(library, "_FE_DFL_ENV")
            self.default: Any = ctypes.c_void_p(ctypes.addressof(default))
        elif sys.platform == "linux":
            self.default = ctypes.c_void_p(-1)
        else:
            raise OSError(f"how to set it on {sys.platform} is not known")

    def current(self) -> Any:
        """The environment of this thread, to be put back."""
        room = self._room()
        self._get(room)
        return room


@cache
def _fenv() -> _Fenv:
    return _Fenv()


def _leave() -> tuple[Callable[[Any], Any], Any] | None:
    """How to put this thread's mode back: a C function and what to give it; None if standard."""
    if is_standard():
        return None
    try:
        fenv = _fenv()
        return fenv.put, fenv.current()
    except (ImportError, OSError, ValueError) as error:
        return _refuse(str(error))


def _set_standard() -> None:
    fenv = _fenv()
    fenv.put(fenv.default)
    if not is_standard():
        _refuse("fesetenv(FE_DFL_ENV) does not change it")


def _refuse(why: str) -> NoReturn:
    raise FloatingPointModeError(
        "this thread does not compute as IEEE 754 says (subnormal numbers are taken as 0, or sums "
        f"are not rounded to the nearest), and that could not be set for the work: {why}. Undo "
        "what changed it (torch.set_flush_denormal(False); a library built with -ffast-math), or "
        "call exactspline in another thread or process"
    )


# --- Guarded calls --------------------------------------------------------------------------


def _run(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call in standard mode, wherever it comes from.

    NumPy's warnings and errors are off: what overflows has infinite bounds and proves nothing.
    """
    if _here.inside:
        return function(*args, **kwargs)
    caller = _leave()
    try:
        if caller is not None:
            _set_standard()
        with np.errstate(all="ignore"):
            _here.inside = True
            out = function(*args, **kwargs)
        if not is_standard():
            _set_standard()
            raise FloatingPointModeError(
                "the floating-point mode of this thread changed during the work (a library built "
                "with -ffast-math was loaded meanwhile?), so no result can be vouched for; "
                "call again"
            )
        return out
    finally:  # no interrupt comes between these lines
        _here.inside = False
        if caller is not None:
            caller[0](caller[1])


class _Guarded(Generator[Any, Any, Any]):
    """An iterator whose steps are guarded calls: between them the caller's mode holds."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __next__(self) -> Any:
        return _run(next, (self._inner,), {})

    def send(self, value: Any) -> Any:
        return _run(self._inner.send, (value,), {})

    def throw(self, *args: Any) -> Any:
        return _run(self._inner.throw, args, {})

    def close(self) -> None:
        if isinstance(self._inner, GeneratorType):
            _run(self._inner.close, (), {})


_LAZY = (GeneratorType, map, filter, zip)  # iterators that work when they are asked
_CALLBACKS = ("progress", "before")  # parameters that take a function of the caller


def _function(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in standard mode; so are the steps of an iterator that it returns."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    callbacks = [name for name in _CALLBACKS if name in names]

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _here.inside:
            return function(*args, **kwargs)
        for name in callbacks:
            if callable(kwargs.get(name)):
                kwargs[name] = _outside(kwargs[name])
        out = _run(function, args, kwargs)
        return _Guarded(out) if isinstance(out, _LAZY) else out

    return checks_itself(call)


def _outside(callback: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the caller, in the caller's mode and with the caller's NumPy settings."""
    caller, errors = _leave(), dict(np.geterr())

    def call(*args: Any) -> Any:
        _here.inside = False
        try:
            if caller is not None:
                caller[0](caller[1])
            with np.errstate(**cast(Any, errors)):
                return callback(*args)
        finally:
            _here.inside = True
            if not is_standard():
                _set_standard()

    return call


_SPECIAL = frozenset(
    f"__{name}__" for name in ("init", "call", "contains", "eq", "getitem", "iter", "next", "repr")
)


def _class(cls: type) -> type:
    """The same class, its public methods and properties guarded in place."""
    for name, member in list(vars(cls).items()):
        if name.startswith("_") and name not in _SPECIAL:
            continue
        if isinstance(member, FunctionType):
            if not _is_guarded(member):
                setattr(cls, name, _function(member))
        elif isinstance(member, classmethod | staticmethod):
            inner = member.__func__
            if isinstance(inner, FunctionType) and not _is_guarded(inner):
                setattr(cls, name, type(member)(_function(inner)))
        elif isinstance(member, property) and member.fget is not None:
            if isinstance(member.fget, FunctionType) and not _is_guarded(member.fget):
                own = property(_function(member.fget), member.fset, member.fdel, member.__doc__)
                setattr(cls, name, own)
        elif isinstance(member, cached_property) and not _is_guarded(member.func):
            member.func = _function(member.func)
    return cls


def guarded(target: T) -> T:
    """Have a function, or the public methods and properties of a class, run in standard mode.

    Parameters
    ----------
    target : function or class
        A class is changed in place. Of an iterator that is returned (a generator, ``map``) every
        step is guarded, and the caller's mode holds between them.

    Returns
    -------
    The guarded function, or the class.

    Raises
    ------
    FloatingPointModeError
        At a call: if the mode is another one and cannot be set, or changes during the work.

    Examples
    --------
    >>> @guarded
    ... def half(x: float) -> float:
    ...     return x / 2
    >>> half(3.0)
    1.5
    """
    made = _class(target) if isinstance(target, type) else _function(cast(Any, target))
    return cast(T, made)


def checks_itself(function: T) -> T:
    """Mark a function that sees to the mode by itself: the guard of its class leaves it alone."""
    function._sees_to_mode = True  # type: ignore[attr-defined]
    return function


def _is_guarded(function: Any) -> bool:
    return getattr(function, "_sees_to_mode", False) is True
