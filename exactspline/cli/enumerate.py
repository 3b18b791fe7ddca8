"""``exactspline enumerate``: the regions, in a file."""

from __future__ import annotations

import argparse
from functools import partial

from ..driver.outcome import Outcome
from ..errors import ParameterError
from .networks import read_network
from .output import paths_for, write
from .report import Report, network_lines
from .search import conclude, program_in_time, searches
from .streams import results

__all__ = ["enumerate_"]


def enumerate_(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..export import check_path

    if arguments.where is not None:
        from .preimage import enumerate_where

        return enumerate_where(arguments)
    network, domains = read_network(arguments)
    program = program_in_time(arguments, network)  # may refuse; nothing is printed yet
    check = partial(check_path, edges=arguments.edges)
    paths = []
    if arguments.out is not None:
        paths = paths_for(arguments.out, len(domains), arguments.network, check)
    elif arguments.store is None:
        raise ParameterError("enumerate: say where the regions go, with --out FILE or --store FILE")
    elif arguments.affine:
        raise ParameterError("--affine: a store holds no affine maps; name a file with --out")
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    outcomes: list[Outcome] = []
    for outcome, partition in searches(
        arguments, network, domains, report, store=True, facets=arguments.edges
    ):
        assert partition is not None
        if paths:
            save = partial(partition.save, edges=arguments.edges, affine=arguments.affine)
            write(paths[len(outcomes)], save, outcome, report)
        outcomes.append(outcome)
    return conclude(arguments, network, domains, outcomes, report)
