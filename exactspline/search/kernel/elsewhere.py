"""Rare kernels under a time limit: another process compiles them, this one looks at its clock.

Nothing can interrupt a compilation. The kernels that most searches need are waited for before a
search begins (`search/compiled.py`); this is for those that it asks for on its way.
"""

from __future__ import annotations

import atexit
import math
import os
import subprocess
import time
from typing import Any

from ...clock import OutOfTime, current
from ..children import process_of

__all__ = ["compile_in_time"]

HEARTBEAT = 0.05  # seconds between two looks at the other process
_children: dict[str, subprocess.Popen[bytes]] = {}  # by what they run


def compile_in_time(kernel: Any, command: str) -> None:
    """Have a kernel in the cache, if there is a clock; without one it is compiled when called.

    Parameters
    ----------
    kernel : dispatcher
    command : str
        Python that compiles it into the cache, in a process that ends with this one, whose number
        takes the place of ``{}``.

    Raises
    ------
    OutOfTime
        If the clock is over before. The other process goes on, so that the next search finds
        its work done; it ends with this process at the latest.

    Notes
    -----
    Where the other process fails, and where there is no cache, the kernel is compiled here.
    """
    clock = current()
    if clock is None or math.isinf(clock.left()) or not _can_be_kept(kernel):
        return
    while not _is_kept(kernel):
        child = _children.get(command)
        if child is None:
            child = process_of(command.format(os.getpid()))
            if child is None:
                return
            _children[command] = child
        if child.poll() is not None:
            del _children[command]
            return
        if clock.over():
            raise OutOfTime
        time.sleep(HEARTBEAT)


def _can_be_kept(kernel: Any) -> bool:
    return getattr(getattr(kernel, "_cache", None), "cache_path", None) is not None


def _is_kept(kernel: Any) -> bool:
    if kernel.signatures:  # loaded in this process
        return True
    return bool(kernel._cache.holds(kernel.targetctx.codegen().magic_tuple()))


@atexit.register
def _end_children() -> None:
    for child in _children.values():
        if child.poll() is None:
            child.kill()
            child.wait()
