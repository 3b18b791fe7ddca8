"""Which kernels this search is compiled of: see `engine.Kernels`."""

from __future__ import annotations

from typing import Any

from ..children import end_with_parent
from ..smallest import smallest
from . import control as c
from .engine import KernelSearch
from .tiers import tier

__all__ = ["called", "compile_tier", "expected", "needed", "warm_up"]


def called(facets: bool) -> str:
    """What the files beside the cache are called after."""
    return "graph" if facets else "count"


def needed(facets: bool) -> list[Any]:
    """The kernels without which no search begins."""
    from .dfs import advance

    tiers = [c.ENTER_LAYER, c.LEAF_FACETS] if facets else [c.ENTER_LAYER]
    return [advance, *map(tier, tiers)]


def expected(facets: bool) -> list[Any]:
    """Those that most searches need."""
    return [*needed(facets), tier(c.BOX_PROOF), tier(c.COEFFICIENT_PROOF)]


def warm_up(facets: bool) -> None:
    """Compile or load them, by a search of one unit on the line."""
    program, space = smallest(1)
    for _ in KernelSearch(program, space, keep=facets, facets=facets, max_regions=2).batches():
        pass


def compile_tier(number: int, parent: int) -> None:
    """Compile one tier into the cache, in a process that `compile_in_time` has started."""
    from .block_types import address_of

    end_with_parent(parent)
    search = KernelSearch(*smallest(1))  # all problems have one layout
    address_of(tier(number), search.problem, search.state)
