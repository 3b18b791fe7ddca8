"""``exactspline radius``: how far an input can be moved."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError
from ..rationals import format_rational, nearest_float
from ..texts import duration
from .domains import domain_lines, point_of
from .networks import read_network
from .report import Report, network_json, network_lines
from .search import program_in_time
from .streams import results

if TYPE_CHECKING:
    from ..verification.radius import Radius

__all__ = ["radius"]

_CODES = {"interrupt": 130, "terminated": 143}


def radius(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..verification.radius import robust_radius

    network, domains = read_network(arguments)
    program = program_in_time(arguments, network)  # may refuse; nothing is printed yet
    if len(domains) != 1:
        raise ParameterError(f"radius: {len(domains):,} domains; give one")
    x = point_of(arguments.at, network)
    clock = arguments.clock
    left = None if clock.deadline is None else max(0.0, clock.deadline - clock.now())
    found = robust_radius(
        network, x, domains[0], norm=arguments.norm, condition=arguments.where,
        limit=arguments.limit, time_limit=left, progress=None if arguments.json else True,
    )  # fmt: skip
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    report.block("domain", domain_lines(domains[0]))
    name = "radius" if arguments.norm != "l2" else "its square"
    if found.complete:
        value = _text(found.low)
    else:
        value = f"between {_text(found.low)} and {_text(found.high)} ({found.stopped})"
    report.lines([(name, value)])
    if found.at is not None:
        report.block("reached at", [", ".join(map(_text, found.at))])
        if found.output is not None:
            report.block("output", [", ".join(map(_text, found.output))])
        if found.attained is False:
            report.block("", ["approached only: it does not happen at this input itself"])
    report.lines([("time", f"{duration(found.seconds)}, {found.regions:,} regions")])
    if arguments.json:
        report.json(_json(found) | network_json(network, arguments))
    return _CODES.get(found.stopped, 0)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "infinite: it happens nowhere"
    exact = format_rational(value)
    return exact if len(exact) <= 40 else f"about {nearest_float(value)!r}"


def _json(found: Radius) -> dict[str, Any]:
    def text(value: Any) -> str:
        return "infinite" if isinstance(value, float) else format_rational(value)

    return {
        "norm": found.norm, "low": text(found.low), "high": text(found.high),
        "at": None if found.at is None else [text(v) for v in found.at],
        "output": None if found.output is None else [text(v) for v in found.output],
        "attained": found.attained, "complete": found.complete, "stopped": found.stopped,
        "regions": found.regions, "seconds": found.seconds,
    }  # fmt: skip
