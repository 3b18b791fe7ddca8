"""``exactspline graph``: which regions are adjacent, and in what file that stands."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..driver.outcome import Outcome
from .networks import read_network
from .output import paths_for, write
from .report import Report, network_lines
from .search import conclude, program_in_time, searches
from .streams import results

if TYPE_CHECKING:
    from ..partition.partition import Partition

__all__ = ["graph"]


def graph(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..export import check_graph_path

    network, domains = read_network(arguments)
    program = program_in_time(arguments, network)  # may refuse; nothing is printed yet
    paths = []
    if arguments.out is not None:
        paths = paths_for(arguments.out, len(domains), arguments.network, check_graph_path)
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    outcomes: list[Outcome] = []
    for outcome, partition in searches(
        arguments, network, domains, report, store=True, facets=True
    ):
        assert partition is not None
        outcome.extra["graph"] = size = _size(partition)
        report.lines(_lines(size))
        if paths:
            save = partial(partition.save_graph, exact=not arguments.rounded)
            write(paths[len(outcomes)], save, outcome, report)
        outcomes.append(outcome)
    return conclude(arguments, network, domains, outcomes, report)


def _size(partition: Partition) -> dict[str, Any]:
    """The numbers that describe a graph."""
    edges, borders, n = partition.edges, partition.borders, len(partition)
    degrees = np.bincount(np.concatenate([edges.source, edges.target]), minlength=n)
    return {
        "edges": len(edges),
        "coincident_edges": int(np.count_nonzero(edges.flip_counts > 1)),
        "degree": {
            "min": int(degrees.min(initial=n)) if n else 0,
            "mean": 2 * len(edges) / n if n else 0.0,
            "max": int(degrees.max(initial=0)),
        },
        "border_facets": len(borders),
        "border_regions": len(np.unique(borders.region)),
    }


def _lines(size: dict[str, Any]) -> list[tuple[str, str]]:
    edges = f"{size['edges']:,}"
    if size["coincident_edges"]:
        edges += f", {size['coincident_edges']:,} of them flip several units"
    degree = size["degree"]
    return [
        ("edges", edges),
        ("degree", f"{degree['min']:,} to {degree['max']:,}, mean {degree['mean']:.4g}"),
        (
            "border",
            f"{size['border_facets']:,} facets of {size['border_regions']:,} regions lie in the "
            "domain's border",
        ),
    ]
