"""Processes that search: a pool that is renewed when one of them dies."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from multiprocessing.context import BaseContext

from ..errors import ParameterError, WorkerError
from ..kernels import keep_quiet
from ..search.compiled import warn_if_lost
from .inline import InlineExecutor
from .task import Task, TaskResult, load_kernels, run_task

__all__ = ["Pool", "check_executor", "end", "processes", "worker_count"]


def processes(count: int) -> ProcessPoolExecutor:
    """A pool of processes on this machine, for searches.

    Parameters
    ----------
    count : int
        At least 1.

    Raises
    ------
    WorkerError
        If the system offers no semaphores.

    Notes
    -----
    On Linux they are forked, so that they need not load anything. They leave Ctrl-C to this
    process, and end when it is gone, however it went.
    """
    method = "fork" if sys.platform == "linux" else "spawn"
    return _pool(count, multiprocessing.get_context(method))


def _pool(count: int, context: BaseContext | None) -> ProcessPoolExecutor:
    try:
        return ProcessPoolExecutor(count, context, _begin_worker, (os.getpid(),))
    except (OSError, ImportError, NotImplementedError) as error:  # of semaphores and pipes
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        what = "semaphores"
        if sys.platform == "linux":
            what += ", which are files in /dev/shm"
        raise WorkerError(
            f"processes cannot be started ({reason}): they need {what}; let this user write "
            "there, or search in one process (without --workers) or in a ThreadPoolExecutor"
        ) from error


def end(pool: ProcessPoolExecutor) -> None:
    """Shut a pool of `processes` down without waiting for tasks that nobody wants any more."""
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.terminate()
    pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker(parent: int) -> None:
    """Set up a worker process."""
    keep_quiet()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(os, "getppid"):
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent has died: kill -9 leaves no time to tell."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def check_executor(executor: object) -> Executor:
    """Refuse what is no executor before anything starts."""
    if not isinstance(executor, Executor):
        raise ParameterError(
            f"executor {type(executor).__name__}: give a concurrent.futures.Executor, for "
            "example ProcessPoolExecutor(4), or client.get_executor() of dask.distributed"
        )
    return executor


def worker_count(executor: Executor) -> int:
    """How many tasks an executor runs at once, as far as it says."""
    client = getattr(executor, "_client", None)  # dask.distributed
    if client is not None:
        with contextlib.suppress(Exception):
            return max(1, sum(client.ncores().values()))
    count = getattr(executor, "_max_workers", None)
    return count if isinstance(count, int) and count > 0 else os.cpu_count() or 1


class Pool:
    """An executor for tasks; one of processes is replaced when it breaks.

    Parameters
    ----------
    executor : Executor
        It is not shut down.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._own: ProcessPoolExecutor | None = None  # that replaced a broken one

    @property
    def workers(self) -> int:
        """How many tasks run at once."""
        return worker_count(self._own or self._executor)

    @property
    def is_near(self) -> bool:
        """Whether workers share this machine's cache of kernels, as far as one can see."""
        return isinstance(self._executor, InlineExecutor | ProcessPoolExecutor | ThreadPoolExecutor)

    def begin(self, engine: str, facets: bool) -> None:
        """Have the workers load an engine's kernels, all at the same time."""
        warn_if_lost(engine, facets=facets)
        with contextlib.suppress(Exception):  # whatever is wrong, tasks will meet it, too
            for _ in range(self.workers - 1):  # one more does so with the first task
                self._executor.submit(load_kernels, engine, facets)

    def submit(self, task: Task) -> Future[TaskResult]:
        """Have a task run.

        Raises
        ------
        WorkerError
            If the executor takes no tasks any more.
        """
        try:
            return (self._own or self._executor).submit(run_task, task)
        except BrokenExecutor as error:
            if self._renewed():
                return self.submit(task)
            raise _gone(error) from error
        except Exception as error:  # shut down, or a cluster that is gone
            raise _gone(error) from error

    def _renewed(self) -> bool:
        """Put a new pool of processes in the place of a broken one."""
        broken = self._own or self._executor
        if not isinstance(broken, ProcessPoolExecutor):
            return False
        context: BaseContext | None = getattr(broken, "_mp_context", None)
        if self._own is not None:
            self._own.shutdown(wait=False)
        self._own = _pool(worker_count(broken), context)
        return True

    def close(self) -> None:
        """End the processes that were started here."""
        if self._own is not None:
            end(self._own)
            self._own = None


def _gone(error: Exception) -> WorkerError:
    reason = str(error) or type(error).__name__
    return WorkerError(
        f"the executor takes no more tasks ({reason}); start it again and resume the run from "
        "its store, if it has one"
    )
