"""``exactspline theorems``: the statements of the theory, checked on a network or the gallery."""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..driver.progress import Progress
from ..errors import DomainError, ParameterError
from ..texts import duration
from .domains import domain_lines
from .networks import read_network
from .report import Report as Output
from .report import network_json, network_lines
from .signals import Stopped
from .streams import results

if TYPE_CHECKING:
    from ..theory.run import Finding

__all__ = ["theorems"]

_VERDICTS = ("holds", "fails", "undecided", "not applicable")


def theorems(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code. An interrupt leaves what is found by then."""
    from ..theory.run import require_known

    arguments.network = _files(arguments)
    require_known(arguments.check)
    if arguments.list:
        return _listed(arguments)
    start = time.perf_counter()
    output = Output(results(), silent=arguments.json)
    run = _Run(arguments)
    if arguments.network is None:
        value = _gallery(run, output)
    else:
        network, domains = read_network(arguments)
        output.block("network", network_lines(network, network.program, arguments))
        value = {"network": network_json(network, arguments), "results": []}
        for i, domain in enumerate(domains):
            label = f"domain {i + 1}/{len(domains)}" if len(domains) > 1 else "domain"
            output.block(label, domain_lines(domain))
            findings = run.findings(label, network, domain, names=arguments.check)
            _print(output, findings, arguments)
            value["results"].append(
                {"domain": domain.describe(), "reports": [_json(f) for f in findings]}
            )
            if run.interrupt is not None:
                break
    seconds = time.perf_counter() - start
    complete = run.interrupt is None
    if not complete:
        output.block("", ["INTERRUPTED: the other checks were not run"])
    if arguments.json:
        verdicts = {verdict: run.verdicts[verdict] for verdict in _VERDICTS}
        output.json({**value, "verdicts": verdicts, "complete": complete, "seconds": seconds})
    output.block("time", [duration(seconds)])
    if run.interrupt is None:
        return 1 if run.verdicts["fails"] else 3 if run.verdicts["undecided"] else 0
    return 143 if isinstance(run.interrupt, Stopped) else 130


def _files(arguments: argparse.Namespace) -> str | None:
    """Run the files of checks; the file with the network, if there is one."""
    from ..theory.own import load_checks

    networks = []
    for name in arguments.files:
        if name.lower().endswith(".py"):
            load_checks(name)
        else:
            networks.append(name)
    if len(networks) > 1:
        raise ParameterError(
            f"theorems: {len(networks)} networks are given, {networks[0]} and {networks[1]}; "
            "give one"
        )
    return networks[0] if networks else None


def _listed(arguments: argparse.Namespace) -> int:
    """The checks there are: number, name, what they are about, and their first line."""
    from ..theory import CHECKS

    rows = [
        {
            "number": line.number,
            "check": name,
            "about": "a network" if line.needs_network else "in general",
            "statement": (line.function.__doc__ or "").strip().split("\n")[0],
        }
        for name, line in sorted(CHECKS.items(), key=lambda item: (item[1].number, item[0]))
        if arguments.check is None or name in arguments.check
    ]
    output = Output(results(), silent=arguments.json)
    if arguments.json:
        output.json({"checks": rows})
    texts = [[str(value) for value in row.values()] for row in rows]
    output.block("checks", _table(["", "check", "about", "statement"], texts))
    return 0


class _Run:
    """Runs checks, with a bar on a terminal, until an interrupt."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.interrupt: KeyboardInterrupt | None = None
        self.verdicts: Counter[str] = Counter()
        self.start = time.monotonic()

    def findings(self, label: str, *about: Any, names: Sequence[str] | None) -> list[Finding]:
        """The findings about a network on a domain, or without them the general ones."""
        from ..theory.run import run_checks

        found: list[Finding] = []
        bar = Progress(sys.stderr, label)
        try:
            left = self.arguments.time_limit
            if left is not None:
                left = max(0.0, left - (time.monotonic() - self.start))
            for finding in run_checks(
                *about, names=names, before=bar.step, during=bar.within, time_limit=left
            ):
                found.append(finding)
                self.verdicts[finding.report.verdict] += 1
        except KeyboardInterrupt as interrupt:
            self.interrupt = interrupt
        finally:
            bar.clear()
        return found


def _gallery(run: _Run, output: Output) -> dict[str, Any]:
    """The general checks, and those about a network for every toy network."""
    from ..theory.gallery import toy_networks
    from ..theory.run import checks_for

    arguments = run.arguments
    given = ("box", "vnnlib", "domain", "slice", "input_box")
    if any(getattr(arguments, name) is not None for name in given):
        raise DomainError(
            "a domain is for a network of yours; without one, the gallery's toy networks are "
            "checked on the whole space"
        )
    names = checks_for(network=False, names=arguments.check)
    general = run.findings("in general", names=names) if names else []
    output.block("in general", [f"{len(general)} checks that need no network"] if general else [])
    _print(output, general, arguments)
    networks = toy_networks()
    by_network: dict[str, list[Finding]] = {}
    names = checks_for(network=True, names=arguments.check)
    for name, network in networks.items() if names else ():
        if run.interrupt is not None:
            break
        by_network[name] = run.findings(name, network, names=names)
        if arguments.details:
            output.block("network", [name])
            _print(output, by_network[name], arguments)
    rows = _matrix(by_network)
    if rows:
        output.block("gallery", [f"{len(by_network)} toy networks with rational weights:"])
        output.block("", textwrap.wrap(", ".join(by_network), 78))
        columns = ["", "check", "holds", "fails", "undecided", "n/a", "compared"]
        output.block("", _table(columns, rows))
    return {
        "general": [_json(f) for f in general],
        "gallery": {name: [_json(f) for f in found] for name, found in by_network.items()},
    }


def _json(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "number": finding.number,
        "report": finding.report.to_json(),
    }


def _matrix(by_network: dict[str, list[Finding]]) -> list[list[str]]:
    """Per check on how many networks it holds, fails, is undecided and does not apply."""
    rows: dict[str, list[Any]] = {}
    for findings in by_network.values():
        for found in findings:
            row = rows.setdefault(found.check, [found.number, found.check, 0, 0, 0, 0, 0, ""])
            row[2 + _VERDICTS.index(found.report.verdict)] += 1
            if found.report.checked:
                row[6] += found.report.checked
                row[7] = found.report.unit
    return [
        [*(str(v) if v else "-" for v in row[:6]), f"{row[6]:,} {row[7]}" if row[6] else "-"]
        for row in rows.values()
    ]


def _print(output: Output, findings: Iterable[Finding], arguments: argparse.Namespace) -> None:
    """A table, and then the reports in full or why some statements do not hold."""
    findings = list(findings)
    if not findings:
        return
    rows = []
    for found in findings:
        report = found.report
        manner = "symbolic" if report.symbolic else "exact" if report.exact else "to a tolerance"
        compared = f"{report.checked:,} {report.unit}" if report.checked else "-"
        applies = report.verdict in ("holds", "fails")
        rows.append(
            [str(found.number), found.check, report.verdict, manner if applies else "-", compared]
        )
    output.block("theorems", _table(["", "check", "verdict", "proof", "compared"], rows))
    for note in dict.fromkeys(note for found in findings for note in found.report.notes):
        output.block("", textwrap.wrap(f"note: {note}", 78, subsequent_indent="    "))
    for found in findings:
        if arguments.details:
            text = found.report.text(exact=arguments.exact)
            output.block("", ["", *text.splitlines()])
        elif not found.report.holds:
            text = f"{found.check} {found.report.verdict}: {found.report.reason}"
            output.block("", textwrap.wrap(text, 78, subsequent_indent="    "))


def _table(columns: list[str], rows: list[list[str]]) -> list[str]:
    table = [columns, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(columns))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
