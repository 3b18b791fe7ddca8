"""``exactspline count``: the number of regions, and how it was proved."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from ..driver.driver import reason_of
from .networks import read_network
from .report import Report, linear_json, linear_lines, network_lines
from .search import conclude, program_in_time, searches
from .streams import results

if TYPE_CHECKING:
    from ..driver.outcome import Outcome
    from ..partition.partition import Partition

__all__ = ["count"]


def count(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    network, domains = read_network(arguments)
    program = program_in_time(arguments, network)  # may refuse; nothing is printed yet
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    outcomes = []
    wanted = arguments.linear
    for outcome, partition in searches(
        arguments, network, domains, report, store=wanted, facets=wanted
    ):
        if partition is not None:
            _merge(partition, outcome, report)
        outcomes.append(outcome)
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
