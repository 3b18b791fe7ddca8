"""``exactspline explore``: the regions of one network or several checkpoints, as a page."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from copy import copy
from typing import TYPE_CHECKING

from ..driver.outcome import Outcome
from ..driver.progress import Progress
from ..errors import DomainError, ParameterError
from ..texts import duration
from .networks import read_network
from .output import paths_for, write
from .report import Report, network_lines, result_json
from .search import conclude, program_in_time, searches
from .streams import results

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network import Network
    from ..partition.partition import Partition

__all__ = ["explore"]

# the arguments of a network, and what is read by them
Part = tuple[argparse.Namespace, "Network", "list[Domain]"]


def explore(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..explorer import STEPS, check_domain, check_path, explorer_of

    names: list[str] = arguments.network
    shape = _shape(arguments.image_shape)
    parts: list[Part] = []
    for name in names:
        own = copy(arguments)
        own.network = name
        network, domains = read_network(own)
        if len(domains) > 1:
            raise DomainError(
                f"explore: the domain has {len(domains)} parts; a page has one, so choose one by "
                "--box or --domain"
            )
        check_domain(network, domains[0])
        parts.append((own, network, domains))
    for name in names:
        (path,) = paths_for(arguments.out, 1, name, check_path)
    report = Report(results(), silent=arguments.json)
    found: list[Partition] = []
    outcomes: list[Outcome] = []
    for own, network, domains in parts:
        outcome = _searched(own, network, domains, report, found)
        outcomes.append(outcome)
        if not outcome.complete:
            if outcome.interrupt is None:
                raise ParameterError(
                    f"explore: the search of {own.network} was stopped, and a page shows whole "
                    "partitions; raise the limit, or take a smaller domain"
                )
            return _concluded(arguments, parts[: len(outcomes)], outcomes, report)
    begin, progress, steps = time.monotonic(), Progress(sys.stderr), itertools.count()
    page = explorer_of(
        found, labels=[_stem(name) for name in names], title=arguments.title or _title(names),
        image_shape=shape, boundary=True if arguments.boundary else None,
        watch=lambda what: progress.step(what, next(steps), STEPS * len(names)),
    )  # fmt: skip
    progress.clear()
    write(path, page.save, outcomes[-1], report)
    if outcomes[-1].interrupt is None:
        report.lines([("", f"made in {duration(time.monotonic() - begin)}; any browser opens it")])
    return _concluded(arguments, parts, outcomes, report)


def _concluded(
    arguments: argparse.Namespace, parts: list[Part], outcomes: list[Outcome], report: Report
) -> int:
    """The JSON object, one result a network; the exit code."""
    if len(parts) > 1 and arguments.json:
        values = [
            result_json(network, own, outcome)
            for (own, network, _), outcome in zip(parts, outcomes, strict=False)
        ]
        report.json({"file": outcomes[-1].extra.get("file"), "results": values})
        report = Report(results(), silent=True)
        arguments = copy(arguments)
        arguments.json = False
        own, network, domains = parts[-1]
        return conclude(arguments, network, domains, outcomes[-1:], report)
    own, network, domains = parts[-1]
    return conclude(own, network, domains, outcomes[-1:], report)


def _searched(
    arguments: argparse.Namespace, network: Network, domains: list[Domain], report: Report,
    found: list[Partition],
) -> Outcome:  # fmt: skip
    """Search one network; its partition is added to those found."""
    program = program_in_time(arguments, network)
    report.block("network", network_lines(network, program, arguments))
    ((outcome, partition),) = searches(
        arguments, network, domains, report, store=True, polygons=True
    )
    assert partition is not None
    found.append(partition)
    return outcome


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise ParameterError(
            f"--image-shape: {text[:40]!r} is no shape; give rows and columns, as 28,28"
        ) from None


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _title(names: list[str]) -> str:
    if len(names) == 1:
        return os.path.basename(names[0])
    return f"{os.path.basename(names[0])} to {os.path.basename(names[-1])}"
