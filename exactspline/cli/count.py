"""``exactspline count``: the search with its progress, its limits and its interrupts."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..api import _prepared, load
from ..domain import Domain
from .domains import domain_lines, read_domains
from .progress import Progress
from .report import Report, network_lines, result_json, result_lines, results_json

if TYPE_CHECKING:
    from ..network import Network
    from ..search.decisions import Decisions
    from ..search.run import Run

__all__ = ["Outcome", "Stopped", "count"]


class Stopped(KeyboardInterrupt):
    """SIGTERM; Ctrl-C is a plain ``KeyboardInterrupt``."""


@dataclass
class Outcome:
    """The result on one domain."""

    domain: Domain
    engine: str
    regions: int = 0
    complete: bool = False
    seconds: float = 0.0
    stopped: str | None = None  # None, "limit", "time limit", "interrupt" or "terminated"
    decisions: Decisions | None = None
    interrupt: KeyboardInterrupt | None = field(default=None, repr=False)


def count(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    network = load(arguments.network)
    domains = read_domains(arguments, network)
    program = network.program  # may refuse; then nothing has been printed yet
    report = Report(sys.stdout, silent=arguments.json)
    report.block("network", network_lines(network, program, arguments.network))
    several = len(domains) > 1
    outcomes: list[Outcome] = []
    left = arguments.time_limit
    for i, domain in enumerate(domains):
        label = f"domain {i + 1}/{len(domains)}" if several else "domain"
        report.block(label, domain_lines(domain))
        outcome = _search(network, domain, arguments, left, label if several else "")
        outcomes.append(outcome)
        report.lines(result_lines(outcome))
        if outcome.interrupt is not None:
            break
        if left is not None:
            left = max(0.0, left - outcome.seconds)
    if several:
        pairs = _overlaps(domains)
        report.overlaps(pairs, domains)
    if arguments.json:
        if several:
            value = results_json(network, arguments.network, outcomes, len(domains), pairs)
        else:
            value = result_json(network, arguments.network, outcomes[0])
        report.json(value)
    last = outcomes[-1].interrupt
    if last is None:
        return 0
    return 143 if isinstance(last, Stopped) else 130


def _search(
    network: Network,
    domain: Domain,
    arguments: argparse.Namespace,
    time_limit: float | None,
    label: str,
) -> Outcome:
    """Search one domain; an interrupt ends it with what was proved by then."""
    outcome = Outcome(domain, arguments.engine)
    run: Run | None = None
    start: float | None = None
    progress = Progress(sys.stderr, label)
    try:
        run = _prepared(network, domain, arguments.limit, store=False, engine=arguments.engine)
        outcome.engine = run.engine_name
        if outcome.engine == "kernel":
            _compile()
        progress.start()
        start = time.perf_counter()
        if time_limit is None:
            for _ in run.batches():
                progress.update(run)
        elif time_limit > 0 or not label:  # the first of several domains may use up all of it
            for _ in run.batches(time.monotonic() + time_limit):
                progress.update(run)
    except KeyboardInterrupt as interrupt:
        outcome.interrupt = interrupt
        outcome.stopped = "terminated" if isinstance(interrupt, Stopped) else "interrupt"
    finally:
        progress.clear()
    if start is not None:
        outcome.seconds = time.perf_counter() - start
    if run is not None:
        outcome.regions, outcome.complete = run.regions, run.complete
        outcome.decisions = run.decisions
    if not outcome.complete and outcome.stopped is None:
        reached = arguments.limit is not None and outcome.regions >= arguments.limit
        outcome.stopped = "limit" if reached else "time limit"
    return outcome


def _compile() -> None:
    """Bring the kernel in before the clock starts; say so if that takes long."""
    from ..search.compiled import is_compiled, warm_up

    if not is_compiled():
        sys.stderr.write("compiling the search kernel (once, about a minute)...\n")
        sys.stderr.flush()
    warm_up()


def _overlaps(domains: Sequence[Domain]) -> list[tuple[int, int]]:
    from ..formats import overlapping

    return overlapping(domains)
