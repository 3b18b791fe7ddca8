"""Whether Numba has the kernels in its cache already, and who brings them in.

The first search on a machine compiles for about a minute, which nothing can interrupt. Where
a search is to end on time, another process compiles into the cache; this one waits, and looks
at its clock.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from ..clock import Clock

__all__ = ["compile_elsewhere", "is_compiled", "warm_up", "warn_if_lost"]

HEARTBEAT = 0.05  # seconds between two looks at the other process
_children: dict[bool, subprocess.Popen[bytes]] = {}
_COMMAND = "from exactspline.search.compiled import _compile_for_parent as run; run({}, {})"


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


def warm_up(*, facets: bool = False) -> None:
    """Compile the kernels, or load them from the cache, by a search of one unit.

    Parameters
    ----------
    facets : bool
        Those that find facets, too.
    """
    from ..domain import WholeSpace
    from ..network import Dense, Network, ReLU
    from .run import Run

    network = Network([Dense([[1]]), ReLU()], (1,))
    for _ in Run(
        network.program, WholeSpace(1), store=facets, engine="kernel", facets=facets, max_regions=2
    ).batches():
        pass


def compile_elsewhere(clock: Clock, *, facets: bool = False) -> Iterator[bool]:
    """Have another process compile the kernels, unless they are in the cache.

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
        False now and then while it works. At the end True if the kernels are in the cache.
    """
    if is_compiled(facets=facets):
        yield True
        return
    child = _children.get(facets)
    if child is None:
        child = _begin(facets)
    if child is None:
        return
    _children[facets] = child
    while child.poll() is None:
        if clock.late():
            return
        time.sleep(HEARTBEAT)
        yield False
    del _children[facets]
    if is_compiled(facets=facets):
        yield True


def _begin(facets: bool) -> subprocess.Popen[bytes] | None:
    """Start a process that compiles; None if there can be none."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    command = [sys.executable, "-c", _COMMAND.format(facets, os.getpid())]
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
    except (OSError, ValueError):  # no interpreter by that name, no processes
        return None


def is_working(*, facets: bool = False) -> bool:
    """Whether another process compiles the kernels."""
    child = _children.get(facets)
    return child is not None and child.poll() is None


def _compile_for_parent(facets: bool, parent: int) -> None:
    """Compile in the process of `_begin`, which ends when its parent has."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    if hasattr(os, "getppid"):
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    warm_up(facets=facets)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


@atexit.register
def _end_children() -> None:
    for child in _children.values():
        if child.poll() is None:
            child.kill()
            child.wait()
