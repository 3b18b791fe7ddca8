"""``exactspline count``: the number of regions, and how it was proved."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from ..driver.driver import reason_of
from ..driver.outcome import Outcome
from ..errors import ParameterError
from ..texts import plain
from .domains import domain_lines
from .networks import read_network
from .report import Report, linear_json, linear_lines, network_lines, result_lines
from .search import conclude, program_in_time, searches
from .streams import results
from .workers import workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..domain import Domain
    from ..network import Network
    from ..partition.partition import Partition

__all__ = ["count"]


def count(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    network, domains = read_network(arguments)
    program = program_in_time(arguments, network)  # may refuse; nothing is printed yet
    if arguments.where is not None:
        _check_where(arguments, network, domains)
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    if arguments.where is not None:
        return _count_where(arguments, network, domains, report)
    outcomes = []
    wanted = arguments.linear
    for outcome, partition in searches(
        arguments, network, domains, report, store=wanted, facets=wanted
    ):
        if partition is not None:
            _merge(partition, outcome, report)
        outcomes.append(outcome)
    return conclude(arguments, network, domains, outcomes, report)


def _check_where(
    arguments: argparse.Namespace, network: Network, domains: Sequence[Domain]
) -> None:
    """Refuse a condition that cannot be read before anything is printed.

    Raises
    ------
    ExactSplineError
    """
    from ..verification.wanted import statement_of

    if arguments.linear:
        raise ParameterError("count: --linear counts all regions; leave it or --where out")
    statement_of(network, domains[0], arguments.where, "--where")


def _count_where(
    arguments: argparse.Namespace, network: Network, domains: Sequence[Domain], report: Report
) -> int:
    """Count the regions with points where a condition holds, on one domain after the other."""
    from ..verification.regions import count_where

    report.block("where", [plain(arguments.where)])
    outcomes = []
    with workers(arguments) as executor:
        for i, domain in enumerate(domains):
            label = f"domain {i + 1}/{len(domains)}" if len(domains) > 1 else "domain"
            report.block(label, domain_lines(domain))
            count = count_where(
                network, domain, arguments.where, limit=arguments.limit, engine=arguments.engine,
                executor=executor, progress=None if arguments.json else True,
                clock=arguments.clock,
            )  # fmt: skip
            outcome = Outcome(
                domain, count.engine, int(count), 0, count.seconds, count.stopped, count.decisions,
                count.interrupt, {"where": arguments.where, "touching": count.touching},
            )  # fmt: skip
            lines = result_lines(outcome)
            touching = f"{count.touching:,} more regions hold such points on their border alone"
            report.lines([lines[0], ("touching", touching), *lines[1:]])
            outcomes.append(outcome)
            if outcome.interrupt is not None:
                break
    return conclude(arguments, network, domains, outcomes, report)


def _merge(partition: Partition, outcome: Outcome, report: Report) -> None:
    """Count connected linear regions and distinct affine pieces; an interrupt leaves them out."""
    linear: int | None = None
    pieces: int | None = None
    start = time.perf_counter()
    if outcome.interrupt is None:
        try:
            if outcome.complete:
                linear = partition.linear_regions().count
            pieces = partition.distinct_pieces().count
        except KeyboardInterrupt as interrupt:
            outcome.interrupt = interrupt
            outcome.after = reason_of(interrupt)
    if not outcome.complete:
        linear = pieces  # groups may yet be joined, but every piece needs one
    seconds = time.perf_counter() - start
    outcome.extra.update(linear_json(linear, pieces, seconds))
    report.lines(linear_lines(linear, pieces, seconds, complete=outcome.complete))
