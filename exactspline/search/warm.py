"""Bringing the kernels into this process: compiled, or read from the cache."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from fractions import Fraction
from functools import partial

from ..cells.space import search_space
from ..compilation import listening, write_step
from ..compile.builder import Builder
from ..domain import WholeSpace
from ..locks import FileLock, LockTaken
from ..mode import guarded
from .compiled import OTHER_COMPILES, all_kernels, beside_cache
from .kernel.engine import KernelSearch

__all__ = ["compile_for_parent", "warm_up"]


@guarded
def warm_up(*, facets: bool = False) -> None:
    """Compile the kernels, or load them from the cache, by a search of one unit.

    Parameters
    ----------
    facets : bool
        Those that find facets, too.
    """
    builder = Builder(1)
    zero, one = Fraction(0), Fraction(1)
    unit = builder.scalar_units(builder.input((1,)), [[zero]], [[(zero, zero), (one, zero)]])
    program = builder.program(unit)
    space = search_space(program, WholeSpace(1).chart)
    for _ in KernelSearch(program, space, keep=facets, facets=facets, max_regions=2).batches():
        pass


def compile_for_parent(facets: bool, parent: int) -> None:
    """Compile in a process that `compile_elsewhere` has started, which ends when its parent has."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    if hasattr(os, "getppid"):
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
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


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
