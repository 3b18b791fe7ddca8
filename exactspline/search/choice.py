"""Which engines there are, and which one searches in how many dimensions."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

from ..discovery import load_files
from ..errors import ParameterError
from . import engines
from .engine import ENGINES, Engine

__all__ = [
    "AUTO", "REFERENCE", "automatic", "engine_called", "engine_names", "label_of", "needs_kernels",
    "small_without_compiler", "waits_for_no_compiler",
]  # fmt: skip

load_files(engines)  # they register themselves

AUTO = "auto"
REFERENCE = "rational"  # the engine that needs nothing: no kernels, no certificates in float64


_small = contextvars.ContextVar("units that are searched without a compiler", default=0)


@contextlib.contextmanager
def small_without_compiler(units: int = 128) -> Iterator[None]:
    """Where no engine is named, search programs of so few units without waiting for a compiler.

    The reference engine takes them as long as the kernels of the automatic one are not compiled.
    """
    token = _small.set(units)
    try:
        yield
    finally:
        _small.reset(token)


def waits_for_no_compiler(units: int) -> bool:
    """Whether a program of so many units is to be searched without a compiler."""
    return units <= _small.get()


def engine_names() -> tuple[str, ...]:
    """The names of all engines, first those that are taken by themselves."""
    table = sorted(ENGINES.values(), key=lambda e: (e.automatic == 0, e.automatic, e.name))
    return tuple(e.name for e in table)


def engine_called(name: str) -> Engine:
    """The engine of a name.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if name not in ENGINES:
        raise ParameterError(
            f"engine {name!r} is unknown; choose one of {', '.join((AUTO, *engine_names()))}"
        )
    return ENGINES[name]


def automatic(dim: int, *, goals: bool = False) -> Engine:
    """The engine for so many dimensions where none is named; with goals, one that knows them."""
    able = [e for e in ENGINES.values() if e.automatic >= dim]
    able = [e for e in able if e.goals >= goals] or able
    return min(able, key=lambda e: e.automatic)


def needs_kernels(name: str) -> bool:
    """Whether what has searched, or will, asks for kernels that are compiled first."""
    return name in ENGINES and ENGINES[name].kernels is not None


def label_of(name: str) -> str:
    """How reports call what has searched."""
    if name == "exact":
        return "one exact evaluation"
    return ENGINES[name].label if name in ENGINES else name
