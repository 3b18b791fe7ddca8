"""This thread's floating-point mode for the tests: set by hand, and always put back."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import struct
from collections.abc import Iterator
from typing import NamedTuple

_LIBRARY = ctypes.PyDLL(None)
for _function in (_LIBRARY.fegetenv, _LIBRARY.fesetenv):
    _function.argtypes = [ctypes.c_void_p]

MAC = platform.system() == "Darwin"
ARM = platform.machine() in ("aarch64", "arm64")
ROUNDS = ("nearest", "down", "up", "zero")
# where the control word stands in fenv_t, its bits for rounding, for results and for operands
if ARM:  # FPCR: one bit flushes both
    _AT, _ROUND = 8 if MAC else 0, (0, 2 << 22, 1 << 22, 3 << 22)
    _RESULTS, _OPERANDS = 1 << 24, 1 << 24
else:  # MXCSR
    _AT, _ROUND = 4 if MAC else 28, (0, 1 << 13, 2 << 13, 3 << 13)
    _RESULTS, _OPERANDS = 1 << 15, 1 << 6


class Mode(NamedTuple):
    """How a thread rounds, and whether it takes subnormal results and operands as 0."""

    rounding: str = "nearest"
    results: bool = False
    operands: bool = False


FLUSH = Mode("nearest", True, True)
OTHERS = [
    Mode(r, a, b) for r in ROUNDS for a in (False, True) for b in (False, True)
    if (r, a, b) != ("nearest", False, False) and not (ARM and a != b)
]  # fmt: skip


def _environment() -> ctypes.Array:
    room = (ctypes.c_uint64 * 64)()
    _LIBRARY.fegetenv(room)
    return room


def current() -> Mode:
    """This thread's mode, from the processor's control word."""
    (word,) = struct.unpack_from("I", _environment(), _AT)
    rounding = ROUNDS[_ROUND.index(word & _ROUND[3])]
    return Mode(rounding, bool(word & _RESULTS), bool(word & _OPERANDS))


def put(mode: Mode) -> None:
    """Set this thread's mode."""
    room = _environment()
    (word,) = struct.unpack_from("I", room, _AT)
    word &= ~(_ROUND[3] | _RESULTS | _OPERANDS)
    word |= _ROUND[ROUNDS.index(mode.rounding)]
    word |= _RESULTS * mode.results | _OPERANDS * mode.operands
    struct.pack_into("I", room, _AT, word)
    _LIBRARY.fesetenv(room)
    assert current() == mode


@contextlib.contextmanager
def in_mode(mode: Mode) -> Iterator[None]:
    """A block in some mode; it must still be in it at the end."""
    before = current()
    put(mode)
    try:
        yield
        assert current() == mode, "the caller's mode was changed"
    finally:
        put(before)
