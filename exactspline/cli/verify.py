"""``exactspline verify``: a property of files, of either version, or a table of them."""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..driver.progress import Progress
from ..errors import ExactSplineError, ParameterError
from ..rationals import format_rational
from ..texts import plain
from ..verification.assignments import write_assignment
from ..verification.instances import COLUMNS, Decided, Instance, decide, instances, known_results
from ..verification.queries import QueryAnswer
from .streams import results
from .text import printable
from .workers import workers

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["verify"]

_SHOWN = 8  # numbers in a note
_CODES = {"interrupt": 130, "terminated": 143}


def verify(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code: 0 for every verdict."""
    if arguments.instances is not None:
        if arguments.network is not None or arguments.given:
            raise ParameterError("verify: give a network and a property, or --instances FILE")
        if arguments.store is not None or arguments.resume:
            raise ParameterError(
                "verify: --store is for one property; with --instances, --out goes on line by line"
            )
        with workers(arguments) as executor:
            return _table(arguments, executor)
    for name in ("out", "results"):
        if getattr(arguments, name) is not None:
            raise ParameterError(f"verify: --{name} is for --instances")
    if arguments.network is None:
        raise ParameterError(
            "verify: give NETWORK and PROPERTY, or QUERY and --network NAME=FILE, or --instances"
        )
    if arguments.resume and arguments.store is None:
        raise ParameterError("--resume: name the store to resume with --store FILE")
    networks, path = _files(arguments)
    with workers(arguments) as executor:
        found = decide(
            networks, path, arguments.timeout, order=arguments.order, executor=executor,
            progress=None if arguments.json else True, store=arguments.store,
            resume=arguments.resume,
        )  # fmt: skip
    for note in found.answer.notes:
        _note(note)
    folder = arguments.serialise_assignments
    if folder is not None and found.query is None:
        raise ParameterError("verify: --serialise-assignments is for VNN-LIB 2.0 queries")
    if folder is not None and found.query is not None and found.verdict == "sat":
        write_assignment(Path(folder), found.query, found.values)
    if arguments.json:
        results().write(json.dumps(_json(found)) + "\n")
    else:
        results().write(_word(found) + "\n")
        if found.verdict == "sat" and folder is None:
            results().write(found.text + "\n")
    if found.verdict == "sat":
        _comment(found)
    return _CODES.get(found.answer.stopped, 0)


def _word(found: Decided) -> str:
    """The verdict as the standard of the property's version has it."""
    of_query = found.query is not None
    return "timed-out" if of_query and found.verdict == "timeout" else found.verdict


def _files(arguments: argparse.Namespace) -> tuple[dict[str, str], str]:
    """The networks by name, and the property."""
    if arguments.property is not None:
        if arguments.given:
            raise ParameterError(
                "verify: give NETWORK and PROPERTY, or QUERY and --network NAME=FILE"
            )
        return {"": arguments.network}, arguments.property
    networks: dict[str, str] = {}
    for text in arguments.given or ():
        name, equals, file = text.partition("=")
        if not equals or not name or not file:
            raise ParameterError(f"verify: --network {text[:80]!r} is not NAME=FILE")
        if name in networks:
            raise ParameterError(f"verify: --network {name[:80]!r} is given twice")
        networks[name] = file
    return networks, arguments.network


def _note(text: str) -> None:
    line = plain(" ".join(text.split()))
    sys.stderr.write(printable(f"exactspline: note: {line}\n", sys.stderr))


def _comment(found: Decided) -> None:
    """What is to be known of satisfying values."""
    answer = found.answer
    if isinstance(answer, QueryAnswer):
        if not answer.typed:
            _note(
                "no inputs of the declared types near these satisfy the query exactly; printed are "
                "the nearest decimals, --json has the fractions"
            )
    elif answer.float_input is None:
        _note("no float64 input near it satisfies the formula exactly; --json has the fractions")
    if found.measured is not None:
        _note(f"onnxruntime: {_both(found)}; {found.measured.says}")


def _both(found: Decided) -> str:
    """Values as onnxruntime computes them, beside the exact ones."""
    assert found.measured is not None
    parts = []
    for name, floats in found.measured.values.items():
        exact = found.values.get(name, ())
        for i, value in enumerate(floats[:_SHOWN]):
            own = f" (exactly {_brief(exact[i])})" if i < len(exact) else ""
            parts.append(f"{name}[{i}] = {value!r}{own}")
        if len(floats) > _SHOWN:
            parts.append("...")
    return ", ".join(parts[:_SHOWN])


def _brief(value: Any) -> str:
    text = format_rational(value)
    return text if len(text) <= 40 else f"about {float(value)!r}"


def _json(found: Decided) -> dict[str, Any]:
    answer = found.answer
    out: dict[str, Any] = {"verdict": _word(found)}
    if isinstance(answer, QueryAnswer):
        assert found.query is not None
        out["assignment"] = {
            t.name: {
                "type": t.type, "shape": list(t.shape),
                "values": [format_rational(v) for v in answer.values[t.name]],
            }
            for n in found.query.networks for t in n.tensors if t.name in answer.values
        }  # fmt: skip
        out["typed"] = answer.typed
    else:
        for key, point in (("input", answer.input), ("output", answer.output)):
            out[key] = None if point is None else [format_rational(v) for v in point]
        out["float_input"] = answer.float_input
    measured, margin = found.measured, answer.margin
    return out | {
        "margin": None if margin is None else format_rational(margin),
        "notes": list(answer.notes), "stopped": answer.stopped,
        "onnxruntime": None if measured is None
        else {"values": measured.values, "holds": measured.holds},
        "regions": answer.regions, "decisions": answer.decisions, "pruned": answer.pruned,
        "closed": answer.closed, "seconds": answer.seconds,
    }  # fmt: skip


# --- tables ----------------------------------------------------------------------------------


def _table(arguments: argparse.Namespace, executor: Executor | None) -> int:
    """Every line of a table; with --out a file of results, which is gone on with."""
    table = Path(arguments.instances)
    todo = list(instances(table, arguments.timeout))
    out = None if arguments.out is None else Path(arguments.out)
    known = Counter() if out is None else known_results(out)
    stream = None if out is None else out.open("a", newline="", encoding="utf-8")
    try:
        writer = None if stream is None else csv.writer(stream, lineterminator="\n")
        if writer is not None and stream is not None and stream.tell() == 0:
            writer.writerow(COLUMNS)
        for number, instance in enumerate(todo, 1):
            if known[instance.onnx, instance.vnnlib] > 0:  # a line may stand twice
                known[instance.onnx, instance.vnnlib] -= 1
                continue
            bar = Progress(sys.stderr, f"{number:,}/{len(todo):,} {_short(instance)}")
            try:
                row, code = _row(instance, table.parent, arguments, executor, bar)
            finally:
                bar.clear()
            if code:  # it is done again when the table is gone on with
                return code
            if writer is not None and stream is not None:
                writer.writerow(row)
                stream.flush()
            shown = [plain(row[0]), plain(row[1]), row[2], f"{row[3]} s"]
            results().write("  ".join(shown) + "\n")
            results().flush()
    finally:
        if stream is not None:
            stream.close()
    return 0


def _short(instance: Instance) -> str:
    """What the bar calls a line."""
    return plain(" ".join(Path(name).stem for name in (instance.onnx, instance.vnnlib)))[:40]


def _row(
    instance: Instance, folder: Path, arguments: argparse.Namespace, executor: Executor | None,
    bar: Progress,
) -> tuple[tuple[str, ...], int]:  # fmt: skip
    """Decide one line; the exit code if it was interrupted."""
    start, regions, point, code = time.monotonic(), 0, "", 0
    try:
        networks = {name: str(folder / file) for name, file in instance.networks.items()}
        found = decide(
            networks, str(folder / instance.vnnlib), instance.seconds, measure=False,
            order=arguments.order, executor=executor, progress=bar.update if bar.on else None,
        )  # fmt: skip
        code = _CODES.get(found.answer.stopped, 0)
        verdict, regions, point = found.verdict, found.answer.regions, found.counterexample
        if arguments.results is not None and not code:
            _write_text(Path(arguments.results), instance, found)
    except ExactSplineError as error:
        verdict = "error"
        _note(f"{instance.onnx}, {instance.vnnlib}: {error}")
    seconds = f"{time.monotonic() - start:.3f}"
    return (instance.onnx, instance.vnnlib, verdict, seconds, str(regions), point), code


def _write_text(folder: Path, instance: Instance, found: Decided) -> None:
    """The verdict and the counterexample in a file of their own, as the competition has them."""
    parts = [re.sub(r"\W+", "_", Path(f).stem) for f in instance.networks.values()]
    parts.append(re.sub(r"\W+", "_", Path(instance.vnnlib).stem))
    folder.mkdir(parents=True, exist_ok=True)
    text = found.verdict + (f"\n{found.text}" if found.text else "") + "\n"
    (folder / f"{'-'.join(parts)[:200]}.txt").write_text(text, encoding="utf-8")
