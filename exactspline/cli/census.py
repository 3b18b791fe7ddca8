"""``exactspline census``: which regions a data set visits."""

from __future__ import annotations

import argparse
import json
import sys

from ..api import load
from ..driver.progress import Progress
from ..visits.functions import census as taken
from ..visits.result import Census
from .streams import results

__all__ = ["census"]


def census(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    network = load(arguments.network)

    def one(path: str, labels: str | None) -> Census:
        bar = Progress(sys.stderr)
        try:
            return taken(
                network, path, labels, exact=not arguments.float, distances=arguments.distances,
                progress=lambda done, total: bar.part("of the samples", done, total),
            )  # fmt: skip
        finally:
            bar.clear()

    found = one(arguments.data, arguments.labels)
    against = None if arguments.against is None else one(arguments.against, None)
    compared = None if against is None else found.compare(against)
    if arguments.json:
        told = found.to_json()
        if against is not None and compared is not None:
            told["against"], told["compared"] = against.to_json(), compared.to_json()
        results().write(json.dumps(told) + "\n")
        return 0
    results().write(f"{found}\n")
    if compared is not None:
        results().write(f"\n{against}\n\n{compared}\n")
    return 0
