"""A search cut into tasks: handed out, split again where they last, and put in order.

Parts are handed out in the order of their codes, so that results come nearly in order: what
waits for an earlier part is bounded. A task ends after a while and gives back what remains of
its part, in pieces if workers would run out of work.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ..clock import Clock
from ..errors import ExactSplineError, WorkerError
from ..mode import guarded
from ..network.network import Network
from ..search.decisions import COMPILING, SEARCHING, Batch, Decisions
from ..search.part import WHOLE, Part
from ..search.run import Run
from .inline import InlineExecutor
from .order import Begin, InOrder
from .task import Task, TaskResult, pack_problem
from .workers import Pool

if TYPE_CHECKING:
    from ..domain import Domain
    from .chunk import Chunk

__all__ = ["Sink", "TaskRun"]

SECONDS = 1.0  # that a task lasts
SHORT_SECONDS = 0.1  # while there are few: workers wait for what they leave
MANY = 100  # workers: with more of them tasks last longer
HEARTBEAT = 0.1  # seconds between two batches at most
ATTEMPTS = 3  # to run a task
QUEUE = 2  # tasks a worker that are handed out
PARTS = 4  # parts a worker that there should be
_BUFFER = 1 << 28  # bytes of results that may wait for earlier ones
_BYTES_PER_SECOND = 1 << 20  # of networks that tasks carry to one worker, at most


class Sink(Protocol):
    """What takes results in and knows what is still to be done: a store."""

    @property
    def regions(self) -> int: ...

    @property
    def decisions(self) -> Decisions: ...

    def pending(self) -> list[tuple[int, Part]]: ...

    def commit(
        self, key: int, chunks: Sequence[Chunk], remaining: Sequence[Part], regions: int,
        decisions: Decisions, seconds: float,
    ) -> list[int]: ...  # fmt: skip


@dataclass(order=True)
class _Work:
    """A part that is to be searched."""

    begin: Begin
    number: int
    part: Part
    key: int = 0  # in the store
    attempts: int = 0


@guarded
class TaskRun:
    """A run whose parts are searched by the workers of an executor, or one by one.

    It offers what a ``Run`` offers: ``batches``, and where it stands.

    Parameters
    ----------
    network : Network
    run : Run
        What to do: domain, engine, limit, facets.
    executor : Executor, optional
        By default tasks run in this process.
    store : Sink, optional
        Takes the results in; batches are then empty. What is pending there is done.
    """

    def __init__(
        self, network: Network, run: Run, executor: Executor | None = None,
        store: Sink | None = None,
    ) -> None:  # fmt: skip
        self.run, self.store = run, store
        self._inline = executor is None
        self._pool = Pool(InlineExecutor(run) if executor is None else executor)
        self._problem = (b"", b"") if self._inline else pack_problem(network, run.domain)
        self._order = InOrder(run.program, run.dims, run.max_regions)
        self._pending: list[_Work] = []  # a heap
        self._running: dict[Future[TaskResult], _Work] = {}
        self._number = 0  # of parts so far
        self.before = self._found = 0 if store is None else store.regions
        self._sum = Decisions() if store is None else store.decisions
        self._workers = self._pool.workers
        self.closed = 0  # cells on which a goal holds nowhere, in this run
        for key, part in [(0, WHOLE)] if store is None else store.pending():
            self._push(part, key)

    # ---------------------------------------------------------------- what a run says
    @property
    def domain(self) -> Domain:
        """The domain that is searched."""
        return self.run.domain

    @property
    def trivial(self) -> bool:
        """Whether one exact evaluation is all there is."""
        return self.run.trivial

    @property
    def engine_name(self) -> str:
        """The engine of the workers."""
        return self.run.engine_name

    @property
    def regions(self) -> int:
        """Regions proved so far, whatever their part."""
        return self._found if self.store is not None else min(self._found, self.run.max_regions)

    @property
    def complete(self) -> bool:
        """Whether every region has been found."""
        over = self.store is None and self._found > self.run.max_regions
        return not (self._pending or self._running or over)

    @property
    def decisions(self) -> Decisions:
        """Proved decisions so far, by tier."""
        return self._sum

    @property
    def phase(self) -> str:
        """What it is doing, as ``Stop`` says it."""
        return self.run.phase

    @property
    def detail(self) -> str:
        """What there is to say of the phase."""
        return self.run.detail

    @property
    def share(self) -> float:
        """Share of the search tree that is done, 0 to 1."""
        works = [*self._pending, *self._running.values()]
        return min(1.0, max(0.0, 1.0 - sum(work.part.weight for work in works)))

    # ------------------------------------------------------------------------ running
    def batches(self, deadline: Clock | float | None = None) -> Generator[Batch, None, None]:
        """Search until a clock or a value of ``time.monotonic()`` says.

        What tasks that are still running then would find is left to be found again.

        Yields
        ------
        Batch
            Regions in order, or an empty batch as a sign of life; with a store none else.

        Raises
        ------
        WorkerError
            If a task fails three times, or the executor is gone.
        """
        clock = Clock.of(deadline)
        try:
            if self._pool.is_near:
                yield from self.run.ready(clock)
            if self.run.phase == COMPILING:
                return
            self.run.phase = SEARCHING
            if not self._inline and self._pending and self.run.needs_kernels:
                self._pool.begin(self.run.engine_name, self.run.facets)
            late = False  # so that something is done, however short the time
            while (self._pending or self._running) and not self._enough():
                if late:
                    self._withdraw()
                else:
                    with clock.running():
                        self._hand_out(clock)
                if not self._running:
                    break
                timeout = 0.0 if self._inline else HEARTBEAT
                for future in wait(self._running, timeout, FIRST_COMPLETED).done:
                    self._collect(future)
                yield from self._order.ready(self.first)
                yield self.run.nothing()
                late = clock.late()
                if clock.over():
                    self._withdraw()
                    self._give_up()
            yield from self._order.ready(self.first)
        finally:
            self._withdraw()
            self._pool.close()

    def _enough(self) -> bool:
        """Whether the limit has been reached, and there is more."""
        if self.store is not None:
            return self._found >= self.run.max_regions
        done = self._order.is_full() if self.run.keep else True
        return done and self._found > self.run.max_regions

    @property
    def first(self) -> Begin | None:
        """Where the earliest part begins that is not done."""
        begins = [work.begin for work in self._running.values()]
        begins += [work.begin for work in self._pending[:1]]
        return min(begins, default=None)

    def _push(self, part: Part, key: int = 0) -> None:
        heapq.heappush(self._pending, _Work(part.begin, self._number, part, key))
        self._number += 1

    def _withdraw(self) -> None:
        """Take back what no worker has begun."""
        for future, work in list(self._running.items()):
            if future.cancel():
                del self._running[future]
                heapq.heappush(self._pending, work)

    def _give_up(self) -> None:
        """Leave running tasks to themselves: what they bring back is not taken any more."""
        for work in self._running.values():
            heapq.heappush(self._pending, work)
        self._running.clear()

    def _hand_out(self, clock: Clock) -> None:
        """Give the workers what comes next."""
        queue = 1 if self._inline else QUEUE * self._workers
        while self._pending and len(self._running) < queue:
            if self._order.nbytes > _BUFFER and self._pending[0].begin != self.first:
                return
            work = heapq.heappop(self._pending)
            try:
                future = self._pool.submit(self._task(work, clock))
            except BaseException:
                heapq.heappush(self._pending, work)
                raise
            self._running[future] = work

    def _task(self, work: _Work, clock: Clock) -> Task:
        run, parts = self.run, len(self._pending) + len(self._running) + 1
        enough = self._inline or parts >= PARTS * self._workers
        # one process puts the results together: it gets no more tasks than it can take
        seconds = SECONDS * max(1.0, self._workers / MANY) if enough else SHORT_SECONDS
        seconds = max(seconds, len(self._problem[0]) / _BYTES_PER_SECOND)
        if clock.deadline is not None:
            seconds = min(seconds, max(0.0, clock.deadline - clock.now()))
        # points are not handed over: regions tell as much
        goal = None if run.goal is None else replace(run.goal, points=False)
        return Task(
            *self._problem, work.part, "rational" if run.slow else run.engine, run.keep,
            run.facets, seconds,
            1 if self._inline else max(1, PARTS * self._workers + 1 - parts),
            self._limit(), clock.left(), goal,
        )  # fmt: skip

    def _limit(self) -> int:
        """Regions after which a task stops: one more than are wanted shows that there are more."""
        most = self.run.max_regions
        if self.store is not None:
            return max(1, most - self._found)
        return max(1, most + 1 - self._order.regions)

    def _collect(self, future: Future[TaskResult]) -> None:
        """Take in what a task has found, or have it done again."""
        work = self._running.pop(future)
        try:
            result = future.result()
        except (ExactSplineError, MemoryError):
            heapq.heappush(self._pending, work)
            raise
        except (KeyboardInterrupt, SystemExit):
            heapq.heappush(self._pending, work)
            raise
        except BaseException as error:  # whatever workers may die of, and CancelledError
            work.attempts += 1
            heapq.heappush(self._pending, work)
            if self._inline:  # it would fail again
                raise
            if work.attempts >= ATTEMPTS:
                raise _given_up(error) from error
            return
        keys = [0] * len(result.remaining)
        if self.store is None:
            self._order.take(work.part, result)
        else:
            try:
                keys = self.store.commit(
                    work.key, result.chunks, result.remaining, result.regions, result.decisions,
                    result.seconds,
                )  # fmt: skip
            except BaseException:  # then nothing of it is in the store
                heapq.heappush(self._pending, work)
                raise
        self._found += result.regions
        self.closed += result.closed
        self._sum = self._sum + result.decisions
        for part, key in zip(result.remaining, keys, strict=True):
            self._push(part, key)


def _given_up(error: BaseException) -> WorkerError:
    reason = str(error) or type(error).__name__
    return WorkerError(
        f"a part of the search failed {ATTEMPTS} times, the last time with: {reason}; see "
        "whether workers have enough memory and the same release of exactspline, then resume "
        "from the run's store, if it has one"
    )
