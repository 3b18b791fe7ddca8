"""The search that commands share: its progress, its limits, and what an interrupt leaves."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..clock import Clock, OutOfTime
from ..domain import Domain
from ..driver.driver import Driver
from ..driver.outcome import Outcome
from ..driver.progress import Progress
from ..driver.request import Request
from ..errors import ParameterError
from ..interrupts import BOTH, Stopped
from ..search.choice import needs_kernels
from .domains import domain_lines
from .output import paths_for
from .report import Report, result_json, result_lines, results_json
from .text import path_text
from .workers import workers

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..compile.program import Program
    from ..driver.request import AnyRun
    from ..network import Network
    from ..partition.partition import Partition

_MANY = 100  # dimensions and units

__all__ = [
    "compile_kernel",
    "conclude",
    "program_in_time",
    "search",
    "searches",
    "store_files",
]


def searches(
    arguments: argparse.Namespace,
    network: Network,
    domains: Sequence[Domain],
    report: Report,
    *,
    store: bool = False,
    facets: bool = False,
    polygons: bool = False,
) -> Iterator[tuple[Outcome, Partition | None]]:
    """Search one domain after the other and report on each; an interrupt is the end.

    With ``store`` the regions are kept: in memory, or in the files that --store names.
    """
    from ..partition.partition import Partition

    files = store_files(arguments, len(domains))

    several = len(domains) > 1
    with workers(arguments) as executor:
        for i, domain in enumerate(domains):
            label = f"domain {i + 1}/{len(domains)}" if several else "domain"
            report.block(label, domain_lines(domain))
            _warn_of_endless(arguments, network, domain)
            file = files[i] if files else None
            partition = Partition(network, domain) if store and file is None else None
            outcome = search(
                network, domain, arguments, label if several else "", partition, facets=facets,
                polygons=polygons, executor=executor, store=file,
            )  # fmt: skip
            report.lines(result_lines(outcome))
            if file is not None:
                partition = _opened(file, network, outcome, report)
            yield outcome, partition
            if outcome.interrupt is not None:
                return


def _warn_of_endless(arguments: argparse.Namespace, network: Network, domain: Domain) -> None:
    """Say before a search in hundreds of dimensions that it will hardly end, and what would."""
    limited = arguments.limit is not None or arguments.time_limit is not None
    if limited or domain.chart.dim < _MANY or network.units < _MANY:
        return
    sys.stderr.write(
        f"exactspline: note: {network.units:,} units in {domain.chart.dim} dimensions may have "
        "more regions than can be counted (see 'exactspline info'); a slice through three inputs "
        "has few: --slice a.npy b.npy c.npy; Ctrl-C gives what is found\n"
    )
    sys.stderr.flush()


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
            value = results_json(network, arguments, outcomes, len(domains), pairs)
        else:
            value = result_json(network, arguments, outcomes[0])
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
    polygons: bool = False,
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
    polygons : bool
        Whether the polygons of a search in the plane are kept.
    executor : Executor, optional
        Whose workers search.
    store : str, optional
        The file that takes the regions in, instead of a partition.
    """
    clock = arguments.clock
    request = Request(
        network, domain, arguments.limit, arguments.engine,
        keep=partition is not None or store is not None, facets=facets, polygons=polygons,
        executor=executor,
        store=store, resume=store is not None and arguments.resume,
    )  # fmt: skip
    driver = Driver(request, clock)
    progress = Progress(sys.stderr, label)

    def ready(run: AnyRun) -> bool:
        if needs_kernels(run.engine_name):
            compile_kernel(clock, progress, run.engine_name, facets=facets)
        progress.start()
        return not (label and clock.late())  # the first of several may use up all of the time

    options: dict[str, Any] = {
        "progress": progress.update, "ready": ready, "signals": BOTH, "always": True,
        "raises": False,
    }  # fmt: skip
    if partition is None:
        outcome = driver.go(**options)
    else:
        from ..driver.partitions import search_into

        outcome = search_into(partition, driver, **options)
    progress.clear()
    return outcome


def store_files(arguments: argparse.Namespace, parts: int) -> list[str]:
    """The files that --store names, one a domain; none without it."""
    name = getattr(arguments, "store", None)
    if name is None:
        if getattr(arguments, "resume", False):
            raise ParameterError("--resume: name the store to resume with --store FILE")
        return []
    return paths_for(name, parts, arguments.network, lambda _: None, "--store")


def _opened(file: str, network: Network, outcome: Outcome, report: Report) -> Partition:
    """The partition in a store, after the search."""
    from ..partition.partition import Partition
    from ..store import open_partition
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


def compile_kernel(clock: Clock, progress: Progress, engine: str, *, facets: bool = False) -> None:
    """Have an engine's kernels compiled and loaded, as far as the clock lets it.

    It says so if that takes long.
    """
    from ..search.compiled import compile_elsewhere, is_compiled, step_of_compilation
    from ..search.warm import warm_up

    if not is_compiled(engine, facets=facets) and not progress.on:
        sys.stderr.write("compiling the search kernels (once only)...\n")
        sys.stderr.flush()
    ready = False
    for ready in compile_elsewhere(clock, engine, facets=facets):
        if not ready and progress.on:
            step = step_of_compilation(engine, facets=facets)
            progress.compiling(f"once only{'' if step is None else f': {step}'}")
    if ready and not clock.late():
        warm_up(engine, facets=facets)
