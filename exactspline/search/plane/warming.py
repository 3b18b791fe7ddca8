"""Which kernels the plane's search is compiled of: see `engine.Kernels`."""

from __future__ import annotations

from typing import Any

from ..children import end_with_parent
from ..kernel.block import given
from ..smallest import smallest
from .engine import PlaneSearch
from .state import make_pairs

__all__ = ["called", "compile_pairs", "compile_seldom", "expected", "needed", "warm_up"]


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


def compile_seldom(parent: int) -> None:
    """Compile what only some networks need, likewise."""
    from .rare import bring_in

    end_with_parent(parent)
    search = PlaneSearch(*smallest(2), keep=False)  # all problems have one layout
    bring_in(search.problem, search.state)


def compile_pairs(parent: int) -> None:
    """Compile double-double into the cache, in a process that `compile_in_time` has started."""
    from .pairs import tell_in_pairs

    end_with_parent(parent)
    program, space = smallest(2)
    search = PlaneSearch(program, space, keep=False)
    make_pairs(search.state, search.prepared, program, space)
    tell_in_pairs(given(search.problem), given(search.state))
