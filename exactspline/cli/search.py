"""The search that commands share: its progress, its limits, and what an interrupt leaves."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ..api import _begun, _in_tasks, _prepared
from ..clock import Clock, OutOfTime
from ..domain import Domain
from ..errors import ParameterError
from ..interrupts import Requests, Stopped, uninterrupted
from ..search.decisions import PREPARING
from .domains import domain_lines
from .progress import Progress
from .report import Report, result_json, result_lines, results_json
from .text import path_text
from .workers import workers

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..api import AnyRun
    from ..compile.program import Program
    from ..network import Network
    from ..partition import Partition
    from ..search.decisions import Decisions

__all__ = [
    "Outcome",
    "Stopped",
    "compile_kernel",
    "conclude",
    "interrupt_word",
    "program_in_time",
    "search",
    "searches",
    "uninterrupted",
]


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
    phase: str = PREPARING  # what it was doing when it was stopped
    share: float = 0.0  # of the search tree that is done
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

    several = len(domains) > 1
    with workers(arguments) as executor:
        for i, domain in enumerate(domains):
            label = f"domain {i + 1}/{len(domains)}" if several else "domain"
            report.block(label, domain_lines(domain))
            file = files[i] if files else None
            partition = Partition(network, domain) if store and file is None else None
            outcome = search(
                network, domain, arguments, label if several else "", partition, facets=facets,
                executor=executor, store=file,
            )  # fmt: skip
            report.lines(result_lines(outcome))
            if file is not None:
                partition = _opened(file, network, outcome, report)
            yield outcome, partition
            if outcome.interrupt is not None:
                return


def program_in_time(arguments: argparse.Namespace, network: Network) -> Program | None:
    """The network's program; None if the command's time is over before it is made."""
    try:
        with arguments.clock.running():
            return network.program
    except OutOfTime:
        return None


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
        With ``limit``, ``engine`` and the ``clock`` of the command.
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
    clock = arguments.clock
    outcome = Outcome(domain, arguments.engine)
    run: AnyRun | None = None
    start = time.perf_counter()
    progress = Progress(sys.stderr, label)
    orderly = True  # the search has handed over all that it had
    with Requests(clock, (signal.SIGINT, signal.SIGTERM), always=True) as requests:
        try:
            run = _begun(
                network, domain, arguments.engine, clock,
                partial(_begin, network, domain, arguments, partition is not None, facets,
                        executor, store),
            )  # fmt: skip
            outcome.engine = run.engine_name
            if outcome.engine == "kernel":
                compile_kernel(clock, facets=facets)
                start = time.perf_counter()  # a rate is that of the search
            progress.start()
            # the first of several domains may use up all of the time
            if not label or not clock.late():
                with contextlib.closing(run.batches(clock)) as batches:
                    for batch in batches:
                        if partition is not None:
                            with uninterrupted():  # a region is in all columns or in none
                                partition._append(batch)
                        progress.update(run)
        except KeyboardInterrupt as interrupt:
            outcome.interrupt, orderly = interrupt, False
        if requests.asked and not (run is not None and run.complete and orderly):
            outcome.interrupt = requests.interrupt
    progress.clear()
    outcome.seconds = time.perf_counter() - start
    if run is not None:
        outcome.regions, outcome.complete = run.regions, run.complete and orderly
        outcome.before, outcome.engine = run.before, run.engine_name
        outcome.decisions = run.decisions
        outcome.phase, outcome.share = run.phase, min(1.0, run.share)
    if partition is not None:
        _close(partition, outcome)
    if not outcome.complete:
        reached = arguments.limit is not None and outcome.regions >= arguments.limit
        outcome.stopped = "limit" if reached else "time limit"
    if outcome.interrupt is not None:
        outcome.stopped = interrupt_word(outcome.interrupt)
    return outcome


def interrupt_word(interrupt: KeyboardInterrupt) -> str:
    """What an outcome calls an interrupt."""
    return "terminated" if isinstance(interrupt, Stopped) else "interrupt"


def _begin(
    network: Network, domain: Domain, arguments: argparse.Namespace, keep: bool, facets: bool,
    executor: Executor | None, store: str | None,
) -> AnyRun:  # fmt: skip
    """A run as the arguments want it."""
    plain = _prepared(
        network, domain, arguments.limit, store=keep or store is not None,
        engine=arguments.engine, facets=facets,
    )  # fmt: skip
    resume = store is not None and arguments.resume
    with uninterrupted():  # a store is made or it is not
        return _in_tasks(network, plain, executor, store, resume=resume)


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

    if not outcome.complete and is_empty(file):  # before the run had begun
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


def compile_kernel(clock: Clock, *, facets: bool = False) -> None:
    """Have the kernels compiled and loaded, as far as the clock lets it; say so if that is long."""
    from ..search.compiled import compile_elsewhere, is_compiled, warm_up

    if not is_compiled(facets=facets):
        long = "some minutes" if facets else "about a minute"
        sys.stderr.write(f"compiling the search kernel (once, {long})...\n")
        sys.stderr.flush()
    last = [False, *compile_elsewhere(clock, facets=facets)][-1]
    if last and not clock.late():
        warm_up(facets=facets)
