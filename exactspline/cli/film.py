"""``exactspline film``: the partitions of checkpoints, one after the other, in a file."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ..driver.progress import Progress
from ..errors import DomainError, FormatError, ParameterError
from ..texts import plain
from .domains import domain_lines
from .networks import read_network
from .output import paths_for
from .plot import window_for
from .report import Report
from .search import program_in_time
from .streams import results
from .text import path_text

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network import Network

__all__ = ["film"]

_MOST_ROWS = 40  # of the table; --json has all


def film(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..plot.dispatch import check_dimension
    from ..plot.film import check_film_path
    from ..plot.film import film as make

    networks, domain = _networks(arguments)
    check_dimension(networks[0], domain)
    if domain.chart.dim > 2:
        raise DomainError(
            f"film: the domain has dimension {domain.chart.dim}; films are of one or two: choose a "
            "slice, --slice a.npy b.npy c.npy"
        )
    window = window_for(arguments, domain.chart.dim)
    for name in arguments.network:
        paths_for(arguments.out, 1, name, lambda path: None)
    check_film_path(arguments.out)
    epochs = _epochs(arguments)
    progress = Progress(sys.stderr)
    try:
        found = make(
            networks, domain, window=window, epochs=epochs, color=arguments.color,
            edges=arguments.edges, boundary=arguments.boundary,
            progress=lambda done, all_: progress.part("of the networks", done, all_),
        )  # fmt: skip
        found.save(
            arguments.out, fps=arguments.fps, dpi=arguments.dpi,
            progress=lambda done, all_: progress.part("of the pictures", done, all_),
        )  # fmt: skip
    finally:
        progress.clear()
    report = Report(results(), silent=arguments.json)
    report.block("domain", domain_lines(domain))
    rows = [
        f"{title}, slopes {low:.4g} to {high:.4g}, median {middle:.4g}"
        for title, (low, middle, high) in zip(
            map(found.title, range(len(found))), found.slopes.tolist(), strict=True
        )
    ]
    if len(rows) > _MOST_ROWS:
        rows = [*rows[: _MOST_ROWS - 1], f"... and {len(rows) - _MOST_ROWS + 1:,} more"]
    report.block("pictures", rows)
    report.block("file", [path_text(arguments.out)])
    if arguments.json:
        report.json(
            {
                "file": path_text(arguments.out),
                "networks": [path_text(name) for name in arguments.network],
                "epochs": found.epochs,
                "regions": found.counts.tolist(),
                "slopes": found.slopes.tolist(),
            }
        )
    return 0


def _networks(arguments: argparse.Namespace) -> tuple[list[Network], Domain]:
    """All networks, and the domain that they share."""
    names, found = arguments.network, []
    domain: Domain | None = None
    for name in names:
        arguments.network = name
        network, domains = read_network(arguments)
        if len(domains) != 1:
            raise ParameterError("film: the property has several input sets; films are of one")
        found.append(network)
        program_in_time(arguments, network)
        domain = domains[0] if domain is None else domain
    arguments.network = names
    if domain is None:
        raise FormatError("film: there is no network")
    return found, domain


def _epochs(arguments: argparse.Namespace) -> list[int | float | str] | None:
    """What --epochs calls the networks."""
    if arguments.epochs is None:
        return None
    parts = [part.strip() for part in arguments.epochs.split(",")]
    if len(parts) != len(arguments.network):
        raise ParameterError(
            f"--epochs: {len(parts):,} names of {len(arguments.network):,} networks: "
            f"{plain(arguments.epochs)[:60]}"
        )
    return [int(part) if part.isdecimal() else part for part in parts]
