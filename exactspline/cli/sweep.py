"""``exactspline sweep``: the number of regions as a function of one bias."""

from __future__ import annotations

import argparse
import json
import sys

from ..driver.progress import Progress
from ..errors import ParameterError
from ..families.family import Parametric
from .domains import domain_lines
from .networks import read_network
from .report import Report, network_json, network_lines
from .streams import results

__all__ = ["sweep"]


def sweep(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    network, domains = read_network(arguments)
    ranges = None if arguments.range is None else tuple([v] for v in arguments.range)
    families = [Parametric(network, [arguments.free], d, None, ranges) for d in domains]
    if len(families[0].names) > 1:
        raise ParameterError(
            f"--free {arguments.free}: that is {len(families[0].names)} parameters; name one entry,"
            f" such as {families[0].names[0]!r}"
        )
    program = network.program  # may refuse; then nothing has been printed yet
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    found = []
    bar = Progress(sys.stderr)
    try:
        for family in families:
            steps = family.sweep(progress=lambda done, total: bar.part("of the sweep", done, total))
            bar.clear()
            found.append(steps)
            assert family.domain is not None
            report.block("domain", domain_lines(family.domain))
            report.block("stored", [f"{family.names[0]} = {family.stored[0]}"])
            report.block("regions", str(steps).splitlines())
    finally:
        bar.clear()
    if arguments.json:
        value = {
            **network_json(network, arguments),
            "sweeps": [
                {"domain": family.domain.describe() if family.domain else "",
                 "stored": str(family.stored[0]), **steps.to_json()}
                for family, steps in zip(families, found, strict=True)
            ],
        }  # fmt: skip
        results().write(json.dumps(value) + "\n")
    return 0
