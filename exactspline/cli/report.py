"""What the command line prints: text for a person, or one JSON object."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from ..domain import Box, Domain
from ..partition.columns.definitions import COUNT_DEFINITION, LINEAR_DEFINITION, PIECES_DEFINITION
from ..search.choice import label_of
from ..texts import duration, plain
from ..version import __version__
from .text import path_text, printable, shape_text

if TYPE_CHECKING:
    from ..compile.program import Program
    from ..driver.outcome import Outcome
    from ..network import Network

__all__ = [
    "Report",
    "approximation_json",
    "linear_json",
    "linear_lines",
    "network_json",
    "network_lines",
    "notes",
    "result_json",
    "result_lines",
    "results_json",
]

_LABEL = 13
_MAX_OPERATORS = 12
_STOPPED = {
    "limit": "stopped by --limit",
    "time limit": "stopped by --time-limit",
    "interrupt": "INTERRUPTED by Ctrl-C, partial result",
    "terminated": "TERMINATED, partial result",
}
_MANY = 20  # dimensions in which a search of everything rarely ends
_TOO_MANY = (
    "so many dimensions are rarely searched to their end: take a slice through",
    "inputs (--slice a.npy b.npy c.npy --box 0 1), or a small box around one",
)


class Report:
    """Writes labelled lines to standard output as soon as they are known."""

    def __init__(self, stream: TextIO, *, silent: bool) -> None:
        self._stream = stream
        self._silent = silent

    def block(self, label: str, lines: Iterable[str]) -> None:
        """Lines under one label."""
        self.lines([(label if i == 0 else "", line) for i, line in enumerate(lines)])

    def lines(self, lines: Iterable[tuple[str, str]]) -> None:
        """Pairs of label and text."""
        if self._silent:
            return
        for label, text in lines:
            line = f"{label:<{_LABEL}}{text}".rstrip()
            self._stream.write(printable(plain(line), self._stream) + "\n")
        self._stream.flush()

    def overlaps(self, pairs: Sequence[tuple[int, int]], domains: Sequence[Domain]) -> None:
        """Which of several domains overlap: their counts must not be added."""
        lines = [
            f"domains {a + 1} and {b + 1} overlap: what lies in both is counted in both"
            for a, b in pairs[:10]
        ]
        if len(pairs) > 10:
            lines.append(f"... and {len(pairs) - 10:,} more pairs")
        others = sum(not isinstance(domain, Box) for domain in domains)
        if others:
            lines.append(f"{others} of the domains are no boxes; those were not compared")
        if not lines:
            lines = ["none: no two of the domains share inner points"]
        self.block("overlaps", lines)

    def json(self, value: dict[str, Any]) -> None:
        """One JSON object on one line."""
        self._stream.write(json.dumps(value, allow_nan=False) + "\n")
        self._stream.flush()


def network_lines(
    network: Network, program: Program | None, arguments: argparse.Namespace
) -> list[str]:
    """What was read."""
    names = [operator.describe() for operator in network.operators]
    if len(names) > _MAX_OPERATORS:
        names = [*names[: _MAX_OPERATORS - 1], f"... ({len(names)} operators, see info)"]
    units = "units were not counted in time"
    if program is not None:
        widths = [str(len(layer.units)) for layer in program.layers]
        layers = f"{len(widths)} layer{'s' if len(widths) != 1 else ''}"
        units = f"{program.n_units:,} units in {layers}"
        if widths:
            units += f" ({', '.join(widths[:20])}{', ...' if len(widths) > 20 else ''})"
    shapes = f"{shape_text(network.input_shape)} -> {shape_text(network.output_shape)}: "
    return [
        path_text(arguments.network),
        *textwrap.wrap(shapes + (", ".join(names) or "no operators"), 88 - _LABEL),
        f"{units}, {network.parameters:,} parameters",
        *notes(network, arguments),
    ]


def notes(network: Network, arguments: argparse.Namespace) -> list[str]:
    """What belongs to the network's definition and is easily overlooked."""
    lines = []
    if network.rounded_scales:
        lines.append(
            f"{network.rounded_scales:,} scales of batch normalisation are rounded to float64, "
            "by definition"
        )
    if arguments.approximation is not None:
        lines += [line.strip() for line in str(arguments.approximation).splitlines()]
    if network.output_nodes:
        lines.append(f"output operator: {network.output_operator} (no part of the partition)")
    return lines


def result_lines(outcome: Outcome) -> list[tuple[str, str]]:
    """The count on one domain, how it was proved and how long it took."""
    if outcome.complete:
        count = f"{outcome.regions:,}"
    else:
        assert outcome.stopped is not None
        count = f"at least {outcome.regions:,} (certified lower bound; {_STOPPED[outcome.stopped]})"
    decisions = outcome.decisions
    proved = "nothing was decided yet"
    if decisions is not None and decisions.total:
        parts = [
            f"{number:,} {how}"
            for number, how in (
                (decisions.float, "in float64 with error bounds"),
                (decisions.integer, "in exact integers"),
                (decisions.double_double, "in double-double with error bounds"),
                (decisions.rational, "in rationals"),
            )
            if number
        ]
        proved = f"{decisions.total:,} decisions proved: {', '.join(parts)}"
    found = outcome.regions - outcome.before
    speed = f", {found / outcome.seconds:,.0f} regions/s" if outcome.seconds > 0 else ""
    if outcome.before:
        speed += f", {outcome.before:,} regions were stored before"
    reached = []
    if not outcome.complete:
        assert outcome.stop is not None
        share = f"{outcome.stop.share:.1%} of the search tree done"
        reached = [("reached", f"{share}; stopped while {outcome.stop.phase}")]
        if outcome.domain.chart.dim > _MANY:
            reached += [("", hint) for hint in _TOO_MANY]
    return [
        ("regions", count),
        *reached,
        ("certified", proved),
        ("time", f"{duration(outcome.seconds)}{speed} ({label_of(outcome.engine)})"),
    ]


def linear_lines(
    linear: int | None, pieces: int | None, seconds: float, *, complete: bool
) -> list[tuple[str, str]]:
    """The two coarser counts; None where an interrupt came first."""
    out = []
    for label, number, unit, why in (
        ("linear", linear, "connected linear regions", ": each of the distinct pieces needs one"),
        ("pieces", pieces, "distinct affine pieces", ""),
    ):
        if number is None:
            text = f"{unit} were not counted"
        elif complete:
            text = f"{number:,} {unit if number != 1 else unit[:-1]}"
        else:
            text = f"at least {number:,} {unit} (certified lower bound{why})"
        out.append((label, text))
    if pieces is not None:
        out.append(("", f"affine maps compared exactly, {duration(seconds)}"))
    return out


def linear_json(linear: int | None, pieces: int | None, seconds: float) -> dict[str, Any]:
    """The two coarser counts for a JSON object: lower bounds if it is not complete."""
    return {
        "linear_regions": linear,
        "distinct_pieces": pieces,
        "comparison_seconds": round(seconds, 6),
        "linear_regions_definition": LINEAR_DEFINITION,
        "distinct_pieces_definition": PIECES_DEFINITION,
    }


def network_json(network: Network, arguments: argparse.Namespace) -> dict[str, Any]:
    """What every JSON object says about the network."""
    return {
        "network": path_text(arguments.network),
        "network_sha256": network.sha256,
        "input_dim": network.input_dim,
        "units": network.units if "program" in network.__dict__ else None,
        "parameters": network.parameters,
        "rounded_scales": network.rounded_scales,
        "output_operator": network.output_operator or None,
        **approximation_json(arguments),
        "version": __version__,
        "count_definition": COUNT_DEFINITION,
    }


def approximation_json(arguments: argparse.Namespace) -> dict[str, Any]:
    """What --approximate has replaced, and in which network; nothing without it."""
    if arguments.approximation is None:
        return {}
    said = arguments.approximation.to_json()
    return {"approximation": {**said, "network_sha256": arguments.smooth_sha256}}


def _result(outcome: Outcome) -> dict[str, Any]:
    from ..formats import domain_to_json
    from ..search.decisions import Decisions

    return {
        "regions": outcome.regions,
        "complete": outcome.complete,
        "certified": True,
        "stopped": outcome.stopped,
        "phase": None if outcome.stop is None else outcome.stop.phase,
        "share": 1.0 if outcome.stop is None else outcome.stop.share,
        "decisions": asdict(outcome.decisions or Decisions()),
        "seconds": round(outcome.seconds, 6),
        "engine": outcome.engine,
        "domain_dim": outcome.domain.chart.dim,
        "domain": domain_to_json(outcome.domain),
        **outcome.extra,
    }


def result_json(
    network: Network, arguments: argparse.Namespace, outcome: Outcome
) -> dict[str, Any]:
    """One domain as a JSON object."""
    return {**_result(outcome), **network_json(network, arguments)}


def results_json(
    network: Network,
    arguments: argparse.Namespace,
    outcomes: Sequence[Outcome],
    domains: int,
    pairs: Sequence[tuple[int, int]],
) -> dict[str, Any]:
    """Several domains as a JSON object: one result each, no total."""
    return {
        "results": [_result(outcome) for outcome in outcomes],
        "domains": domains,  # more than there are results if the search was interrupted
        "complete": len(outcomes) == domains and all(o.complete for o in outcomes),
        "overlaps": [list(pair) for pair in pairs],
        "not_compared": [i for i, o in enumerate(outcomes) if not isinstance(o.domain, Box)],
        **network_json(network, arguments),
    }
