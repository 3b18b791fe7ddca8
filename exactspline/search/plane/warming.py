"""Which kernels the plane's search is compiled of: see `engine.Kernels`."""

from __future__ import annotations

from typing import Any

from ..smallest import smallest
from .engine import PlaneSearch

__all__ = ["called", "expected", "needed", "warm_up"]


def called(facets: bool) -> str:
    """What the files beside the cache are called after: one kernel counts and finds faces."""
    return "plane"


def needed(facets: bool) -> list[Any]:
    """The kernel that everything is compiled into."""
    from .dfs import advance

    return [advance]


expected = needed


def warm_up(facets: bool) -> None:
    """Compile or load it, by a search of two units on the plane."""
    for _ in PlaneSearch(*smallest(2), keep=False).batches():
        pass
