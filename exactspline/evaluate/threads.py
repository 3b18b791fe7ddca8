"""Ranges of samples on several threads; kernels let go of the interpreter's lock."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from itertools import pairwise

from ..errors import ParameterError
from ..mode import guarded

__all__ = ["checked_threads", "in_ranges"]


def checked_threads(threads: int | None) -> int:
    """The number of threads: all cores that this process may use, by default."""
    if threads is None:
        able = getattr(os, "sched_getaffinity", None)
        return len(able(0)) if able is not None else os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ParameterError(f"threads {threads!r}: give a whole number of at least 1")
    return threads


def in_ranges(
    work: Callable[[int, int], None], n: int, block: int, threads: int, each: int = 1
) -> None:
    """Call work(start, stop) for ranges of whole blocks that make up 0..n, some of them here.

    ``each``: ranges a thread, which takes the next one when it is done, since cores are rarely
    equally fast. No pool: threads that wait would be lost in a forked process, and the work left
    to them.
    """
    blocks = -(-n // block)
    parts = max(1, min(threads * each, blocks))
    ends = [min(n, blocks * i // parts * block) for i in range(parts + 1)]
    waiting, failed = deque(pairwise(ends)), list[BaseException]()

    @guarded  # a thread has a mode of its own, and NumPy's settings, too
    def some() -> None:
        while not failed:
            try:
                start, stop = waiting.popleft()
            except IndexError:
                return
            work(start, stop)

    def run() -> None:
        try:
            some()
        except BaseException as error:
            failed.append(error)

    others = [threading.Thread(target=run) for _ in range(min(threads, parts) - 1)]
    for thread in others:
        thread.start()
    run()
    for thread in others:
        thread.join()
    if failed:
        raise failed[0]
