"""An executor without workers: tasks run where they are handed in, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from ..clock import OutOfTime
from ..search.run import Run
from .task import Task, TaskResult, nothing_done, run_of, work_on

__all__ = ["InlineExecutor"]


class InlineExecutor(Executor):
    """Runs the tasks of one run in this process.

    A task for what the last one has left goes on with its search: nothing is done twice.

    Parameters
    ----------
    run : Run
        What the tasks are parts of.
    """

    _max_workers = 1

    def __init__(self, run: Run) -> None:
        self._run = run
        self._last: Run | None = None
        self._left: list[Any] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a task; errors are the future's."""
        future: Future[Any] = Future()
        try:
            future.set_result(self._work(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def _work(self, task: Task) -> TaskResult:
        run = self._last
        other = run is None or self._left != [task.part] or run.spent
        if run is None or other or run.regions >= run.max_regions:
            try:
                run = run_of(task, self._run.program, self._run.domain)
            except OutOfTime:
                return nothing_done(task)
        self._last = None
        result = work_on(run, task.seconds, 1)
        self._last, self._left = run, result.remaining
        return result
