"""Which engines there are, and which one searches in how many dimensions."""

from __future__ import annotations

from ..discovery import load_files
from ..errors import ParameterError
from . import engines
from .engine import ENGINES, Engine

__all__ = [
    "AUTO", "REFERENCE", "automatic", "engine_called", "engine_names", "label_of", "needs_kernels",
]  # fmt: skip

load_files(engines)  # they register themselves

AUTO = "auto"
REFERENCE = "rational"  # the engine that needs nothing: no kernels, no certificates in float64


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
