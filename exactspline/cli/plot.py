"""``exactspline plot``: a picture of the regions, in a file."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..driver.outcome import Outcome
from .domains import window_of
from .networks import read_network
from .output import paths_for, write
from .report import Report, network_lines
from .search import conclude, program_in_time, searches
from .streams import results

if TYPE_CHECKING:
    from ..domain import Box
    from ..partition.partition import Partition

__all__ = ["plot", "window_for"]

_WIDTH = 86


def plot(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..plot.dispatch import check_dimension
    from ..plot.names import unit_number
    from ..plot.picture import check_path

    network, domains = read_network(arguments)
    for domain in domains:
        check_dimension(network, domain)
    windows = [window_for(arguments, domain.chart.dim) for domain in domains]
    program = program_in_time(arguments, network)  # may refuse; nothing is printed yet
    units = [unit_of(text) for text in arguments.highlight or ()]
    for unit in units if program is not None else ():
        unit_number(network, unit)
    check = partial(check_path, dim=domains[0].chart.dim)
    paths = paths_for(arguments.out, len(domains), arguments.network, check)
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    outcomes: list[Outcome] = []
    for outcome, partition in searches(arguments, network, domains, report, store=True):
        assert partition is not None
        at = len(outcomes)
        notes: list[str] = []
        save = partial(_save, partition, windows[at], units, arguments, notes)
        write(paths[at], save, outcome, report)
        report.block("picture", [line for note in notes for line in textwrap.wrap(note, _WIDTH)])
        outcome.extra["picture"] = notes
        outcomes.append(outcome)
    return conclude(arguments, network, domains, outcomes, report)


def window_for(arguments: argparse.Namespace, dim: int) -> Any:
    """The window that --window names, found to be one that can be drawn."""
    given = window_of(arguments, dim)
    if given is None or dim == 3:
        return given
    from ..plot.window import read_window

    example = "--window -1,-1 1,1" if dim == 2 else "--window -1 1"
    read_window(given, dim, example)
    return given


def unit_of(text: str) -> int | str:
    """A unit that --highlight names."""
    return int(text) if text.strip().isdecimal() else text


def _save(
    partition: Partition, window: Box | None, units: list[int | str],
    arguments: argparse.Namespace, notes: list[str], path: str,
    progress: Callable[[int, int], None],
) -> None:  # fmt: skip
    """Draw a partition and write the picture."""
    from ..plot.dispatch import plot_partition

    progress(0, 2)
    options: dict[str, Any] = {
        "color": arguments.color, "edges": arguments.edges, "boundary": arguments.boundary,
        "graph": arguments.graph, "witnesses": arguments.witnesses, "labels": arguments.labels,
        "highlight": units or None, "rasterised": arguments.rasterised,
    }  # fmt: skip
    picture = plot_partition(partition, window=window, pyplot=False, **options)
    progress(1, 2)
    if partition.domain.chart.dim == 3:
        picture.save(path)
    else:
        picture.save(path, dpi=arguments.dpi)
    notes += [picture.description, *picture.notes]
