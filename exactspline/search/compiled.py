"""Whether Numba has an engine's kernels in its cache already, and who brings them in.

The first search on a machine compiles for a quarter of a minute or more, which nothing can
interrupt. Where a search is to end on time, another process compiles into the cache; this one
waits, and looks at its clock. What is compiled is the engine's own: see `engine.Kernels`.
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
from .children import process_of
from .choice import engine_called
from .engine import Kernels

__all__ = [
    "all_kernels",
    "beside_cache",
    "compile_elsewhere",
    "is_compiled",
    "kernels_of",
    "step_of_compilation",
    "warn_if_lost",
]

OTHER_COMPILES = 3  # how a process ends that finds another one compiling
HEARTBEAT = 0.05  # seconds between two looks at the other process
_children: dict[str, subprocess.Popen[bytes]] = {}  # by the name of what they compile
_COMMAND = "from exactspline.search.warm import compile_for_parent as run; run({!r}, {}, {})"


def kernels_of(engine: str) -> Kernels | None:
    """What is compiled for an engine; None if nothing is."""
    load = engine_called(engine).kernels
    return None if load is None else load()


def is_compiled(engine: str, *, facets: bool = False) -> bool:
    """Whether an engine's kernels need no compilation, as far as can be seen without compiling.

    Parameters
    ----------
    engine : str
    facets : bool
        Ask for the kernels that find facets, too.

    Returns
    -------
    bool
        False only if the cache is readable and holds no fresh entry of a kernel for this
        processor. In doubt True: better no message than a wrong one.

    Notes
    -----
    Reads a small index file a kernel, unless the kernel is in this process. It looks into Numba's
    cache objects, which are no public interface; whatever is not found there as expected counts
    as doubt.
    """
    try:
        kernels = kernels_of(engine)
        return kernels is None or all(_in_cache(kernel) for kernel in kernels.needed(facets))
    except Exception:  # Numba's inside may be another one tomorrow
        return True


def _in_cache(kernel: object) -> bool:
    if kernel.signatures:  # type: ignore[attr-defined]  # loaded in this process
        return True
    processor = kernel.targetctx.codegen().magic_tuple()  # type: ignore[attr-defined]
    return kernel._cache.holds(processor)  # type: ignore[attr-defined]


def warn_if_lost(engine: str, *, facets: bool = False) -> None:
    """Warn if every process will compile the kernels again, as no cache can be written."""
    kernels = kernels_of(engine)
    if kernels is None or is_compiled(engine, facets=facets):
        return
    from ..kernels import warn_if_lost as warn

    warn(kernels.needed(facets)[0])


def all_kernels(engine: str, *, facets: bool = False) -> list[Any]:
    """The kernels that most searches need, with those that find facets or without."""
    kernels = kernels_of(engine)
    pending = [] if kernels is None else kernels.expected(facets)
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


def beside_cache(kind: str, engine: str, facets: bool) -> str | None:
    """A file in the folder of compiled kernels; None if there is no such folder."""
    kernels = kernels_of(engine)
    if kernels is None:
        return None
    first = kernels.needed(facets)[0]
    folder = getattr(getattr(first, "_cache", None), "cache_path", None)
    return None if folder is None else os.path.join(folder, f"{kind}-{kernels.called(facets)}")


def step_of_compilation(engine: str, *, facets: bool = False) -> Step | None:
    """How far a compilation is, here or in another process; None if that is not known."""
    name = beside_cache("step", engine, facets)
    return None if name is None else read_step(name)


def _held(engine: str, facets: bool) -> bool:
    """Whether some process is compiling."""
    name = beside_cache("lock", engine, facets)
    try:
        if name is not None:
            FileLock(name).release()
    except LockTaken:
        return True
    except OSError:
        pass
    return False


def compile_elsewhere(clock: Clock, engine: str, *, facets: bool = False) -> Iterator[bool]:
    """Have another process compile an engine's kernels, unless they are in the cache.

    If some process is at it already, its work is waited for.

    Parameters
    ----------
    clock : Clock
        When to stop waiting. The other process goes on, so that the next search finds more of
        its work done; it ends with this process at the latest.
    engine : str
    facets : bool
        As in `is_compiled`.

    Yields
    ------
    bool
        False now and then while it works. At the end True if the kernels are in the cache, or
        if none can be kept and there is no time limit: then this process compiles.
    """
    kernels = kernels_of(engine)
    if kernels is None or is_compiled(engine, facets=facets):
        yield True
        return
    if beside_cache("lock", engine, facets) is None:
        if clock.deadline is None:
            yield True
        return
    name = kernels.called(facets)
    while not is_compiled(engine, facets=facets):
        child = _children.get(name)
        if child is not None and child.poll() is not None:
            del _children[name]
            if child.returncode != OTHER_COMPILES and not is_compiled(engine, facets=facets):
                return  # it has failed, or has nothing to show for it
            child = None
        if child is None and not _held(engine, facets):
            child = _begin(engine, facets)
            if child is None:
                return
            _children[name] = child
        if clock.late():
            return
        time.sleep(HEARTBEAT)
        yield False
    yield True


def _begin(engine: str, facets: bool) -> subprocess.Popen[bytes] | None:
    """Start a process that compiles; None if there can be none."""
    return process_of(_COMMAND.format(engine, facets, os.getpid()))


@atexit.register
def _end_children() -> None:
    for child in _children.values():
        if child.poll() is None:
            child.kill()
            child.wait()
