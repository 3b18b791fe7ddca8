"""``exactspline prove``: a statement about networks, proved or refuted."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import load
from ..errors import ParameterError
from ..texts import plain
from .report import Report
from .streams import results

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network import Network

__all__ = ["prove"]

_NAMES = ("f", "g", "h")
_LABELS = {"counterexample": "refuted by", "largest value": "largest"}
_MOST = 1 << 20  # bytes of a file with statements


def prove(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..statements.grammar import parse_statement
    from ..statements.prove import prove as decide

    networks = {name: load(getattr(arguments, name)) for name in _NAMES if getattr(arguments, name)}
    if (arguments.text is None) == (arguments.statement is None):
        raise ParameterError("prove: give a statement as text, or --statement FILE.py")
    if arguments.text is not None:
        domain = _domain(arguments, networks)
        statement = parse_statement(arguments.text, networks, domain)
    else:
        statement = _from_file(arguments.statement, networks)
    verdict = decide(
        statement, limit=arguments.limit, time_limit=arguments.time_limit,
        progress=None if arguments.json else True,
    )  # fmt: skip
    report = Report(results(), silent=arguments.json)
    if arguments.json:
        value = verdict.to_dict()
        if arguments.text is not None:
            value["statement"] = arguments.text
        results().write(json.dumps(value) + "\n")
        return verdict.exit_code
    if arguments.text is not None:
        report.block("statement", [plain(arguments.text)])
    for name, text in verdict._rows():
        if name != "statement" or arguments.text is None:
            report.block(_LABELS.get(name, name), [plain(text)])
    return verdict.exit_code


def _domain(arguments: argparse.Namespace, networks: dict[str, Network]) -> Domain | None:
    """The domain that options give; None without any."""
    given = ("box", "vnnlib", "domain", "slice")
    if all(getattr(arguments, name) is None for name in given):
        return None
    from .domains import read_domains

    if not networks:
        raise ParameterError("prove: a domain by options is for a network, --f net.onnx")
    domains = read_domains(arguments, next(iter(networks.values())))
    if len(domains) != 1:
        raise ParameterError(f"prove: the domain has {len(domains)} parts; give one")
    return domains[0]


def _from_file(path: str, networks: dict[str, Network]) -> Any:
    """The statement that a file of the user's own makes: ``statement`` in it, or what it returns.

    The file is Python code that is run: it must be one's own.
    """
    from ..statements.quantified import Statement

    file = Path(path)
    if not file.is_file():
        raise ParameterError(f"--statement: there is no file {plain(path)}")
    if file.stat().st_size > _MOST:
        raise ParameterError(f"--statement: {plain(path)} is larger than {_MOST:,} bytes")
    room: dict[str, Any] = {"__name__": "statement", "__file__": path, **networks}
    try:
        code = compile(file.read_text(encoding="utf-8"), path, "exec")
        exec(code, room)
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise ParameterError(f"--statement: {plain(path)}: {error}") from None
    found = room.get("statement")
    if callable(found) and not isinstance(found, Statement):
        found = found(*networks.values())
    if not isinstance(found, Statement):
        raise ParameterError(
            f"--statement: {plain(path)} must define statement = es.forall(...), or a function "
            "statement(f) that returns one; the networks are there as f, g, h"
        )
    return found
