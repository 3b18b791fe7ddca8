"""The search that commands share: its progress, its limits, and what an interrupt leaves."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from ..api import _in_tasks, _prepared
from ..domain import Domain
from ..errors import ParameterError
from .domains import domain_lines
from .progress import Progress
from .report import Report, result_json, result_lines, results_json
from .signals import Stopped, uninterrupted
from .text import path_text
from .workers import workers

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..api import AnyRun
    from ..network import Network
    from ..partition import Partition
    from ..search.decisions import Decisions

__all__ = [
    "Outcome",
    "Stopped",
    "compile_kernel",
    "conclude",
    "search",
    "searches",
    "uninterrupted",
]


_PATIENCE = 1.0  # seconds that a search which is asked to stop may go on


@dataclass
class Outcome:
    """The result on one domain."""

    domain: Domain
    engine: str
    regions: int = 0
    before: int = 0  # of them, that an earlier run had found
    complete: bool = False
    seconds: float = 0.0
    stopped: str | None = None  # None, "limit", "time limit", "interrupt" or "terminated"
    decisions: Decisions | None = None
    interrupt: KeyboardInterrupt | None = field(default=None, repr=False)
    extra: dict[str, Any] = field(default_factory=dict)  # what a command adds to the JSON object


def searches(
    arguments: argparse.Namespace,
    network: Network,
    domains: Sequence[Domain],
    report: Report,
    *,
    store: bool = False,
    facets: bool = False,
) -> Iterator[tuple[Outcome, Partition | None]]:
    """Search one domain after the other and report on each; an interrupt is the end.

    With ``store`` the regions are kept: in memory, or in the files that --store names.
    """
    from ..partition import Partition

    files = store_files(arguments, len(domains))

    left = arguments.time_limit
    several = len(domains) > 1
    with workers(arguments) as executor:
        for i, domain in enumerate(domains):
            label = f"domain {i + 1}/{len(domains)}" if several else "domain"
            report.block(label, domain_lines(domain))
            file = files[i] if files else None
            partition = Partition(network, domain) if store and file is None else None
            outcome = search(
                network, domain, arguments, left, label if several else "", partition,
                facets=facets, executor=executor, store=file,
            )  # fmt: skip
            report.lines(result_lines(outcome))
            if file is not None:
                partition = _opened(file, network, outcome, report)
            yield outcome, partition
            if outcome.interrupt is not None:
                return
            if left is not None:
                left = max(0.0, left - outcome.seconds)


def conclude(
    arguments: argparse.Namespace,
    network: Network,
    domains: Sequence[Domain],
    outcomes: Sequence[Outcome],
    report: Report,
) -> int:
    """What comes after all domains: overlaps, the JSON object; returns the exit code."""
    several = len(domains) > 1
    if several:
        from ..formats import overlapping

        pairs = overlapping(domains)
        report.overlaps(pairs, domains)
    if arguments.json:
        if several:
            value = results_json(network, arguments.network, outcomes, len(domains), pairs)
        else:
            value = result_json(network, arguments.network, outcomes[0])
        report.json(value)
    interrupt = outcomes[-1].interrupt
    if interrupt is None:
        return 0
    return 143 if isinstance(interrupt, Stopped) else 130


def search(
    network: Network,
    domain: Domain,
    arguments: argparse.Namespace,
    time_limit: float | None,
    label: str,
    partition: Partition | None = None,
    *,
    facets: bool = False,
    executor: Executor | None = None,
    store: str | None = None,
) -> Outcome:
    """Search one domain; an interrupt ends it with what was proved by then.

    Parameters
    ----------
    network, domain
    arguments : Namespace
        With ``limit`` and ``engine``.
    time_limit : float or None
        Seconds that are left.
    label : str
        Tells one of several domains in the progress bar.
    partition : Partition, optional
        An empty one, which takes the regions in; without it they are only counted.
    facets : bool
        Whether their facets are found as well.
    executor : Executor, optional
        Whose workers search.
    store : str, optional
        The file that takes the regions in, instead of a partition.
    """
    outcome = Outcome(domain, arguments.engine)
    run: AnyRun | None = None
    start: float | None = None
    progress = Progress(sys.stderr, label)
    try:
        plain = _prepared(
            network, domain, arguments.limit, store=partition is not None or store is not None,
            engine=arguments.engine, facets=facets,
        )  # fmt: skip
        resume = store is not None and arguments.resume
        with uninterrupted():  # a store is made or it is not
            run = _in_tasks(network, plain, executor, store, resume=resume)
        outcome.engine = run.engine_name
        if outcome.engine == "kernel":
            compile_kernel(facets=facets)
        progress.start()
        start = time.perf_counter()
        deadline = None if time_limit is None else time.monotonic() + time_limit
        # the first of several domains may use up all of the time
        if time_limit is None or time_limit > 0 or not label:
            with _Request() as request, contextlib.closing(run.batches(deadline)) as batches:
                for batch in batches:
                    if partition is not None:
                        with uninterrupted():  # a region is in all columns or in none
                            partition._append(batch)
                    progress.update(run)
                    if request.due(len(batch.codes) > 0 or partition is None):
                        raise request.interrupt
    except KeyboardInterrupt as interrupt:
        outcome.interrupt = interrupt
        outcome.stopped = "terminated" if isinstance(interrupt, Stopped) else "interrupt"
    finally:
        progress.clear()
    if start is not None:
        outcome.seconds = time.perf_counter() - start
    if run is not None:
        outcome.regions, outcome.complete = run.regions, run.complete
        outcome.before = run.before
        outcome.decisions = run.decisions
    if partition is not None:
        _close(partition, outcome)
    if not outcome.complete and outcome.stopped is None:
        reached = arguments.limit is not None and outcome.regions >= arguments.limit
        outcome.stopped = "limit" if reached else "time limit"
    return outcome


def store_files(arguments: argparse.Namespace, parts: int) -> list[str]:
    """The files that --store names, one a domain; none without it."""
    name = getattr(arguments, "store", None)
    if name is None:
        if getattr(arguments, "resume", False):
            raise ParameterError("--resume: name the store to resume with --store FILE")
        return []
    from .output import paths_for

    return paths_for(name, parts, arguments.network, lambda _: None, "--store")


def _opened(file: str, network: Network, outcome: Outcome, report: Report) -> Partition:
    """The partition in a store, after the search."""
    from ..api import open_partition
    from ..partition import Partition
    from ..store.database import is_empty

    if outcome.interrupt is not None and is_empty(file):  # before the run had begun
        return Partition(network, outcome.domain)
    partition = open_partition(file)
    outcome.extra["store"] = path_text(file)
    text = path_text(file)
    if not outcome.complete:
        text += f" (the first {len(partition):,} regions are in order; --resume goes on)"
    report.block("store", [text])
    return partition


def _close(partition: Partition, outcome: Outcome) -> None:
    """Finish a partition; an interrupt may have kept the last regions out of it."""
    with uninterrupted():
        partition._finish()
    outcome.complete = outcome.complete and len(partition) == outcome.regions
    outcome.regions = len(partition)
    partition.complete = outcome.complete
    partition.seconds = outcome.seconds
    partition.engine = outcome.engine
    if outcome.decisions is not None:
        partition.certificates = outcome.decisions


class _Request:
    """Takes the first Ctrl-C or SIGTERM as a request to stop; the second one ends at once.

    A search that is asked hands over what it has; an exception in the middle would lose the
    regions since the last batch.
    """

    def __init__(self) -> None:
        self.interrupt = KeyboardInterrupt()
        self._since: float | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if callable(signal.getsignal(number)):  # else it is ignored, or kills
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self._since is not None:
            raise self.interrupt
        self._since = time.monotonic()
        if signum == signal.SIGTERM:
            self.interrupt = Stopped()

    def due(self, handed_over: bool) -> bool:
        """Whether to stop now: after a batch with regions, or when none comes for a second."""
        if self._since is None:
            return False
        return handed_over or time.monotonic() - self._since > _PATIENCE


def compile_kernel(*, facets: bool = False) -> None:
    """Bring the kernels in before the clock starts; say so if that takes long."""
    from ..search.compiled import is_compiled, warm_up

    with uninterrupted():  # a second at most; an interrupt in the middle of Numba can get lost
        ready = is_compiled(facets=facets)
        if ready:
            warm_up(facets=facets)
    if not ready:
        long = "some minutes" if facets else "about a minute"
        sys.stderr.write(f"compiling the search kernel (once, {long})...\n")
        sys.stderr.flush()
        warm_up(facets=facets)
