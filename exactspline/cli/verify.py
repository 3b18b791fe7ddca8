"""``exactspline verify``: a property of a file, or a table of them."""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import load
from ..errors import ExactSplineError, FormatError, ParameterError
from ..formats.files import read_file
from ..rationals import format_rational
from ..texts import plain
from .streams import results

if TYPE_CHECKING:
    from ..verification.verify import Answer

__all__ = ["verify"]

_COLUMNS = ("onnx", "vnnlib", "verdict", "seconds", "regions", "counterexample")
_MOST_BYTES = 1 << 24  # of a table


@dataclass(frozen=True)
class _Instance:
    """One line of a table."""

    network: str
    property: str
    seconds: float | None


def verify(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code: 0 for every verdict."""
    if arguments.instances is not None:
        if arguments.network is not None:
            raise ParameterError("verify: give a network and a property, or --instances FILE")
        return _table(arguments)
    if arguments.network is None or arguments.property is None:
        raise ParameterError("verify: give NETWORK and PROPERTY, or --instances FILE")
    answer = _answer(arguments.network, arguments.property, arguments.timeout)
    if arguments.json:
        results().write(json.dumps(_json(answer)) + "\n")
        return 0
    results().write(answer.verdict + "\n")
    if answer.verdict == "sat":
        results().write(answer.assignment() + "\n")
        if answer.float_input is None:
            sys.stderr.write(
                "exactspline: no float64 input near it satisfies the formula exactly; --json has "
                "the fractions\n"
            )
    return 0


def _answer(network: str, path: str, seconds: float | None) -> Answer:
    from ..verification.verify import verify as decide

    start = time.monotonic()
    loaded = load(network)
    left = None if seconds is None else max(0.0, seconds - (time.monotonic() - start))
    return decide(loaded, path, time_limit=left)


def _json(answer: Answer) -> dict[str, Any]:
    def exact(point: Any) -> list[str] | None:
        return None if point is None else [format_rational(v) for v in point]

    return {
        "verdict": answer.verdict, "input": exact(answer.input), "output": exact(answer.output),
        "float_input": answer.float_input, "regions": answer.regions,
        "decisions": answer.decisions, "pruned": answer.pruned, "seconds": answer.seconds,
    }  # fmt: skip


def _table(arguments: argparse.Namespace) -> int:
    """Every line of a table; with --out a file of results, which is gone on with."""
    instances = list(_instances(Path(arguments.instances), arguments.timeout))
    out = None if arguments.out is None else Path(arguments.out)
    known = _known(out) if out is not None and out.exists() else set()
    writer = None
    if out is not None:
        stream = out.open("a", newline="", encoding="utf-8")
        writer = csv.writer(stream)
        if not known and out.stat().st_size == 0:
            writer.writerow(_COLUMNS)
    folder = Path(arguments.instances).parent
    for instance in instances:
        if (instance.network, instance.property) in known:
            continue
        start, regions, point = time.monotonic(), 0, ""
        try:
            answer = _answer(
                str(folder / instance.network), str(folder / instance.property), instance.seconds
            )
            verdict, regions = answer.verdict, answer.regions
            if answer.input is not None:
                point = " ".join(format_rational(v) for v in answer.input)
        except ExactSplineError as error:
            verdict = "error"
            sys.stderr.write(f"exactspline: {plain(instance.network)}: {plain(str(error))}\n")
        seconds = time.monotonic() - start
        row = (instance.network, instance.property, verdict, f"{seconds:.3f}", regions, point)
        if writer is not None:
            writer.writerow(row)
            stream.flush()
        results().write(
            f"{plain(instance.network)}  {plain(instance.property)}  {verdict}  {seconds:.3f} s\n"
        )
    if writer is not None:
        stream.close()
    return 0


def _instances(path: Path, most: float | None) -> Iterator[_Instance]:
    """The lines of a table: network, property, seconds."""
    data, _ = read_file(path, _MOST_BYTES)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(f"{path}: is no UTF-8 text") from None
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        if not row:
            continue
        if len(row) not in (2, 3):
            raise FormatError(
                f"{path}, line {number}: {len(row)} columns; network, property and seconds are read"
            )
        seconds = most
        if len(row) == 3 and row[2].strip():
            try:
                own = float(row[2])
            except ValueError:
                if number == 1:  # a header
                    continue
                raise FormatError(
                    f"{path}, line {number}: {row[2][:40]!r} is no number of seconds"
                ) from None
            if not own >= 0:
                raise FormatError(f"{path}, line {number}: {row[2][:40]!r} seconds")
            seconds = own if most is None else min(own, most)
        yield _Instance(row[0].strip(), row[1].strip(), seconds)


def _known(path: Path) -> set[tuple[str, str]]:
    """What a file of results has already."""
    data, _ = read_file(path, _MOST_BYTES)
    rows = list(csv.reader(data.decode("utf-8", "replace").splitlines()))
    if rows and tuple(rows[0]) != _COLUMNS:
        raise FormatError(
            f"{path}: is no file of results: its first line is not {','.join(_COLUMNS)}"
        )
    return {(row[0], row[1]) for row in rows[1:] if len(row) == len(_COLUMNS)}
