"""Ranges of samples on several threads; kernels let go of the interpreter's lock.

| a helper is | event            | what happens                                  | then it is |
|-------------|------------------|-----------------------------------------------|------------|
| (not there) | none waits       | a thread is made                              | given work |
| waiting     | a call needs one | taken off `_waiting`, kept off the call's core | given work |
| given work  | no range is left | put on `_waiting`, then the call is told      | waiting    |
| any         | the process forks | forgotten in the child, where no thread is   | (not there)|

Threads stay, since one that is made for a call is often put on the core of the thread that made it,
where it waits for some milliseconds until the scheduler moves it: as long as many calls take.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

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


class _Helper:
    """A thread that waits for work; it ends with the process."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Callable[[], None], Any]] = SimpleQueue()
        self._cores: set[int] = set()
        self.thread = threading.Thread(target=self._loop, name="exactspline", daemon=True)
        self.thread.start()

    def give(self, run: Callable[[], None]) -> Any:
        """Let it run something that raises nothing; the lock is released when that is done."""
        done = threading.Lock()
        done.acquire()
        self._work.put((run, done))
        return done

    def stay_on(self, cores: set[int]) -> None:
        """Have it woken on one of these cores, if the system allows that."""
        number = self.thread.native_id
        if number is not None and cores != self._cores:
            with suppress(OSError):
                os.sched_setaffinity(number, cores)
            self._cores = cores

    def _loop(self) -> None:
        while True:
            run, done = self._work.get()
            run()
            del run  # what it worked on may be large
            _waiting.append(self)
            done.release()


_AHEAD = 25  # blocks of which the caller takes one more
_waiting: list[_Helper] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_waiting.clear)


def _helpers(count: int) -> list[_Helper]:
    """Helpers that nobody else has; fewer, where the system gives no more threads."""
    out: list[_Helper] = []
    with suppress(RuntimeError):
        while len(out) < count:
            try:
                out.append(_waiting.pop())
            except IndexError:
                out.append(_Helper())
    return out


def _keep_off(helpers: list[_Helper]) -> None:
    """Have helpers woken on other cores than this thread's, where there are enough, and a way."""
    here = _core_of_thread()
    if here is None:
        return
    cores = os.sched_getaffinity(0)
    others = cores - {here()}
    if len(helpers) <= len(others):
        cores = others
    for helper in helpers:
        helper.stay_on(cores)


@cache
def _core_of_thread() -> Callable[[], int] | None:
    """A function that gives the number of this thread's core."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    try:
        return ctypes.CDLL(None).sched_getcpu
    except (AttributeError, OSError):
        return None


def in_ranges(
    work: Callable[[int, int], None], n: int, block: int, threads: int, each: int = 1
) -> None:
    """Call work(start, stop) for ranges of whole blocks that make up 0..n, some of them here.

    ``each``: ranges a thread, which takes the next one when it is done, since cores are rarely
    equally fast. With one each, the caller's is longer: it begins before the helpers are awake, and
    would be woken itself if it had to wait for them.
    """
    blocks = -(-n // block)
    parts = max(1, min(threads * each, blocks))
    ahead = blocks // _AHEAD if each == 1 else 0
    ends = [0, *(ahead + (blocks - ahead) * i // parts for i in range(1, parts + 1))]
    waiting = deque(pairwise(min(n, end * block) for end in ends))
    failed = list[BaseException]()
    helpers = _helpers(min(threads, parts) - 1)
    if helpers:
        _keep_off(helpers)
    done = [helper.give(partial(_run, work, waiting, failed)) for helper in helpers]
    _run(work, waiting, failed)
    for lock in done:
        lock.acquire()
    if failed:
        raise failed[0]


def _run(
    work: Callable[[int, int], None], waiting: deque[tuple[int, int]], failed: list[BaseException]
) -> None:
    try:
        _some(work, waiting, failed)
    except BaseException as error:
        failed.append(error)


@guarded  # a thread has a mode of its own, and NumPy's settings, too
def _some(
    work: Callable[[int, int], None], waiting: deque[tuple[int, int]], failed: list[BaseException]
) -> None:
    """Take ranges as long as there are any, and nothing has failed."""
    while not failed:
        try:
            start, stop = waiting.popleft()
        except IndexError:
            return
        work(start, stop)
