"""Bringing an engine's kernels into this process: compiled, or read from the cache."""

from __future__ import annotations

import contextlib
import os
from functools import partial

from ..compilation import listening, write_step
from ..locks import FileLock, LockTaken
from ..mode import guarded
from .children import end_with_parent
from .compiled import OTHER_COMPILES, all_kernels, beside_cache, kernels_of

__all__ = ["compile_for_parent", "warm_up"]


@guarded
def warm_up(engine: str, *, facets: bool = False) -> None:
    """Compile the kernels, or load them from the cache, by a search of one unit.

    Parameters
    ----------
    engine : str
        Whose kernels; one that needs none has nothing to do.
    facets : bool
        Those that find facets, too.
    """
    kernels = kernels_of(engine)
    if kernels is not None:
        kernels.warm_up(facets)


def compile_for_parent(engine: str, facets: bool, parent: int) -> None:
    """Compile in a process that `compile_elsewhere` has started, which ends when its parent has."""
    end_with_parent(parent)
    lock, step = (beside_cache(kind, engine, facets) for kind in ("lock", "step"))
    if lock is None or step is None:  # nothing can be kept
        return
    try:
        held = FileLock(lock)
    except LockTaken:  # another process was faster
        raise SystemExit(OTHER_COMPILES) from None
    try:
        with listening(all_kernels(engine, facets=facets), partial(write_step, step)):
            warm_up(engine, facets=facets)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(step)
        held.release()
