"""Whether Numba has the kernels in its cache already, and who brings them in.

The first search on a machine compiles for about half a minute, which nothing can interrupt. Where
a search is to end on time, another process compiles into the cache; this one waits, and looks
at its clock.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from ..clock import Clock
from ..compilation import Step, read_step
from ..locks import FileLock, LockTaken

__all__ = [
    "all_kernels",
    "beside_cache",
    "compile_elsewhere",
    "is_compiled",
    "step_of_compilation",
    "warn_if_lost",
]

OTHER_COMPILES = 3  # how a process ends that finds another one compiling
HEARTBEAT = 0.05  # seconds between two looks at the other process
_children: dict[bool, subprocess.Popen[bytes]] = {}
_COMMAND = "from exactspline.search.warm import compile_for_parent as run; run({}, {})"


def is_compiled(*, facets: bool = False) -> bool:
    """Whether the kernels need no compilation, as far as can be seen without compiling.

    Parameters
    ----------
    facets : bool
        Ask for the kernels that find facets, too.

    Returns
    -------
    bool
        False only if the cache is readable and holds no fresh entry of a kernel for this
        processor. In doubt True: better no message than a wrong one.

    Notes
    -----
    Reads a few small index files. It looks into Numba's cache objects, which are no public
    interface; whatever is not found there as expected counts as doubt.
    """
    try:
        from .kernel import control as c
        from .kernel.dfs import advance
        from .kernel.tiers import tier

        kernels = [advance, tier(c.ENTER_LAYER)]
        if facets:
            kernels.append(tier(c.LEAF_FACETS))
        return all(_in_cache(kernel) for kernel in kernels)
    except Exception:  # Numba's inside may be another one tomorrow
        return True


def _in_cache(kernel: object) -> bool:
    if kernel.signatures:  # type: ignore[attr-defined]  # loaded in this process
        return True
    processor = kernel.targetctx.codegen().magic_tuple()  # type: ignore[attr-defined]
    return kernel._cache.holds(processor)  # type: ignore[attr-defined]


def warn_if_lost(*, facets: bool = False) -> None:
    """Warn if every process will compile the kernels again, as no cache can be written."""
    if is_compiled(facets=facets):
        return
    from ..kernels import warn_if_lost as warn
    from .kernel.dfs import advance

    warn(advance)


def all_kernels(*, facets: bool = False) -> list[Any]:
    """The kernels that most searches need, with those that find facets or without."""
    from .kernel import control as c
    from .kernel.dfs import advance
    from .kernel.tiers import tier

    tiers = [c.ENTER_LAYER, c.BOX_PROOF, c.COEFFICIENT_PROOF]
    if facets:
        tiers.append(c.LEAF_FACETS)
    pending = [advance, *map(tier, tiers)]
    out = {}
    while pending:
        kernel = pending.pop()
        out[kernel.py_func] = kernel
        pending += [
            value
            for name, value in kernel.py_func.__globals__.items()
            if name in kernel.py_func.__code__.co_names
            and hasattr(value, "py_func")
            and value.py_func not in out
        ]
    return list(out.values())


def beside_cache(kind: str, facets: bool) -> str | None:
    """A file in the folder of compiled kernels; None if there is no such folder."""
    from .kernel.dfs import advance

    folder = getattr(getattr(advance, "_cache", None), "cache_path", None)
    what = "graph" if facets else "count"
    return None if folder is None else os.path.join(folder, f"{kind}-{what}")


def step_of_compilation(*, facets: bool = False) -> Step | None:
    """How far a compilation is, here or in another process; None if that is not known."""
    name = beside_cache("step", facets)
    return None if name is None else read_step(name)


def _held(facets: bool) -> bool:
    """Whether some process is compiling."""
    name = beside_cache("lock", facets)
    try:
        if name is not None:
            FileLock(name).release()
    except LockTaken:
        return True
    except OSError:
        pass
    return False


def compile_elsewhere(clock: Clock, *, facets: bool = False) -> Iterator[bool]:
    """Have another process compile the kernels, unless they are in the cache.

    If some process is at it already, its work is waited for.

    Parameters
    ----------
    clock : Clock
        When to stop waiting. The other process goes on, so that the next search finds more of
        its work done; it ends with this process at the latest.
    facets : bool
        As in `is_compiled`.

    Yields
    ------
    bool
        False now and then while it works. At the end True if the kernels are in the cache, or
        if none can be kept and there is no time limit: then this process compiles.
    """
    if is_compiled(facets=facets):
        yield True
        return
    if beside_cache("lock", facets) is None:
        if clock.deadline is None:
            yield True
        return
    while not is_compiled(facets=facets):
        child = _children.get(facets)
        if child is not None and child.poll() is not None:
            del _children[facets]
            if child.returncode != OTHER_COMPILES and not is_compiled(facets=facets):
                return  # it has failed, or has nothing to show for it
            child = None
        if child is None and not _held(facets):
            child = _begin(facets)
            if child is None:
                return
            _children[facets] = child
        if clock.late():
            return
        time.sleep(HEARTBEAT)
        yield False
    yield True


def _begin(facets: bool) -> subprocess.Popen[bytes] | None:
    """Start a process that compiles; None if there can be none."""
    from .kernel.elsewhere import process_of

    return process_of(_COMMAND.format(facets, os.getpid()))


@atexit.register
def _end_children() -> None:
    for child in _children.values():
        if child.poll() is None:
            child.kill()
            child.wait()
