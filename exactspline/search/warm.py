"""Bringing the kernels into this process: compiled, or read from the cache."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from functools import partial

from ..cells.space import SearchSpace, search_space
from ..compilation import listening, write_step
from ..compile.builder import Builder
from ..compile.program import Program
from ..domain import WholeSpace
from ..locks import FileLock, LockTaken
from ..mode import guarded
from .compiled import OTHER_COMPILES, all_kernels, beside_cache
from .kernel.elsewhere import end_with_parent
from .kernel.engine import KernelSearch
from .kernel.tiers import tier

__all__ = ["compile_for_parent", "compile_tier", "warm_up"]


@guarded
def warm_up(*, facets: bool = False) -> None:
    """Compile the kernels, or load them from the cache, by a search of one unit.

    Parameters
    ----------
    facets : bool
        Those that find facets, too.
    """
    program, space = _smallest()
    for _ in KernelSearch(program, space, keep=facets, facets=facets, max_regions=2).batches():
        pass


def compile_for_parent(facets: bool, parent: int) -> None:
    """Compile in a process that `compile_elsewhere` has started, which ends when its parent has."""
    end_with_parent(parent)
    lock, step = beside_cache("lock", facets), beside_cache("step", facets)
    if lock is None or step is None:  # nothing can be kept
        return
    try:
        held = FileLock(lock)
    except LockTaken:  # another process was faster
        raise SystemExit(OTHER_COMPILES) from None
    try:
        with listening(all_kernels(facets=facets), partial(write_step, step)):
            warm_up(facets=facets)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(step)
        held.release()


def compile_tier(number: int, parent: int) -> None:
    """Compile one tier into the cache, in a process that `compile_in_time` has started."""
    from .kernel.block_types import address_of

    end_with_parent(parent)
    search = KernelSearch(*_smallest())  # all problems have one layout
    address_of(tier(number), search.problem, search.state)


def _smallest() -> tuple[Program, SearchSpace]:
    """A search of one unit on the line."""
    builder = Builder(1)
    zero, one = Fraction(0), Fraction(1)
    unit = builder.scalar_units(builder.input((1,)), [[zero]], [[(zero, zero), (one, zero)]])
    program = builder.program(unit)
    return program, search_space(program, WholeSpace(1).chart)
