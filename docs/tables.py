"""Writes the tables of the documentation that are made from the code.

``python docs/tables.py`` puts the files that networks are read from and written to, the operators
with their JSON keys, PyTorch's functions with what they are read as, what came of ONNX's own tests,
and of modules by every route, into docs/formats.md; a test compares. Run it after one is added or
changed. Into docs/peers.md it puts what other packages answered, as benchmarks/peers.py recorded.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from exactspline.formats.registry import _HINTS as HINTS
from exactspline.formats.registry import _READERS as READERS
from exactspline.formats.registry import _WRITERS as WRITERS
from exactspline.network import OPERATORS, Operator

BEGIN, END = "<!-- operators, by docs/tables.py -->\n", "<!-- end -->\n"
TORCH = "<!-- functions of PyTorch, by docs/tables.py -->\n"
ONNX = "<!-- ONNX's own tests, by docs/tables.py -->\n"
ONNX_TESTS = Path(__file__).resolve().parents[1] / "tests" / "conformance" / "onnx_nodes.tsv"
ROUTES = "<!-- modules by routes, by docs/tables.py -->\n"
ROUTE_TESTS = ONNX_TESTS.with_name("torch_routes.tsv")
FILES = "<!-- files of networks, by docs/tables.py -->\n"
WORDS = {
    "array": "numbers", "optional array": "numbers", "number": "a number",
    "optional number": "a number", "integer": "an integer", "integers": "integers",
    "flag": "true or false", "text": "a text",
}  # fmt: skip


def default(kind: type[Operator], key: str) -> str:
    """What stands for a key that is left out; empty if it must be there."""
    if key in kind.DEFAULTS:
        return kind.DEFAULTS[key]
    value = inspect.signature(kind).parameters[key].default
    if value is inspect.Parameter.empty:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if kind.FIELDS[key] == "integers" and isinstance(value, int):
        return f"[{value}, ...]"
    if isinstance(value, str):
        return f'"{value}"'
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def rows() -> list[str]:
    """The table, line by line."""
    out = ["| type | keys |", "|---|---|"]
    for kind in OPERATORS:
        keys = []
        for key, what in kind.FIELDS.items():
            left_out = default(kind, key)
            keys.append(f"`{key}`{'=' if left_out else ''}{left_out} ({WORDS[what]})")
        out.append(f"| `{kind.__name__}` | {', '.join(keys) or 'none'} |")
    return out


def file_rows() -> list[str]:
    """Which files are read and written, by their extensions: from the table of formats."""
    out = ["| file | `exactspline.load` | `net.save` |", "|---|---|---|"]
    for extension in sorted({*READERS, *WRITERS, *(name for _, name in HINTS)}):
        read = HINTS.get(("read", extension), "")
        if extension in READERS:
            found = READERS[extension]
            said = (found.read.__doc__ or "").partition("\n")[0]
            said = said.partition("; see")[0].partition(" (")[0].rstrip(".").replace("``", "`")
            read = said[0].lower() + said[1:] + (f" ({found.holds})" if found.holds else "")
        written = "yes" if extension in WRITERS else HINTS.get(("written", extension), "")
        out.append(f"| `{extension}` | {read} | {written} |")
    return out


def onnx_rows() -> list[str]:
    """What came of ONNX's own tests, an operator a line: from the table that the tests keep."""
    lines = [line.split("\t") for line in ONNX_TESTS.read_text(encoding="utf-8").splitlines()[1:]]
    passed, refused = Counter[str](), dict[str, list[str]]()
    for operator, _, _, _, result, reason in lines:
        if operator == "several" or result == "out of scope":
            continue
        passed[operator] += result == "passed"
        if result == "refused":
            refused.setdefault(operator, []).append(re.sub(r"\d+(\.\d+)?", "#", reason))
    out = ["| operator | passed | refused, and why |", "|---|---|---|"]
    for operator in sorted(passed):
        reasons = Counter(re.split(r"[;:.] ", reason)[0] for reason in refused.get(operator, []))
        shown = "; ".join(f"{n}: {reason}" for reason, n in reasons.most_common())
        out.append(f"| {operator} | {passed[operator]} | {shown} |")
    return out


def torch_rows() -> list[str]:
    """The table of PyTorch's functions, line by line: those of one reader together."""
    from exactspline.formats.torch.program import HANDLERS, MOVERS

    read: dict[str, list[str]] = {}
    refused: dict[str, list[str]] = {}
    for name, handler in HANDLERS.items():
        if name.startswith("_"):  # the same function inside of torch
            continue
        if handler.refusal:
            refused.setdefault(handler.refusal, []).append(name)
        else:
            what = (handler.run.__doc__ or "").strip().rstrip(".")
            read.setdefault(what, []).append(name)
    moved = [name for name in MOVERS if not name.startswith("_")]
    out = ["| function of `torch.ops.aten` | read as |", "|---|---|"]
    out += [f"| {_listed(names)} | {what} |" for what, names in sorted(read.items())]
    out.append(f"| {_listed(moved)} | entries that are moved, by constant indices and masks |")
    out += [f"| {_listed(names)} | refused: {why} |" for why, names in sorted(refused.items())]
    return out


def route_rows() -> list[str]:
    """What came of small modules, a route a line: from the table that the tests keep."""
    lines = [line.split("\t") for line in ROUTE_TESTS.read_text(encoding="utf-8").splitlines()[1:]]
    results = ["passed", "refused", "not written", "another function"]
    found: dict[str, Counter[str]] = {}
    refused: dict[str, list[str]] = {}
    for module, route, result, _, _ in lines:
        found.setdefault(route, Counter())[result] += 1
        if result == "refused":
            refused.setdefault(route, []).append(module)
    out = [f"| route | {' | '.join(results)} | which are refused |", "|---" * 6 + "|"]
    for route, counts in found.items():
        shown = " | ".join(str(counts[result]) for result in results)
        out.append(f"| {route} | {shown} | {', '.join(refused.get(route, []))} |")
    return out


PEERS = Path(__file__).resolve().parents[1] / "benchmarks" / "peers.json"
RATES = "<!-- rates of others, by docs/tables.py -->\n"
DEGENERATE = "<!-- degenerate networks, by docs/tables.py -->\n"
DRAWN = "<!-- drawn networks, by docs/tables.py -->\n"


def peers_page(text: str) -> str:
    """docs/peers.md with the tables of what was recorded."""
    record = json.loads(PEERS.read_text(encoding="utf-8"))
    text = _replaced(text, RATES, rate_rows(record["rates"]))
    text = _replaced(text, DEGENERATE, degenerate_rows(record["degenerate"]))
    return _replaced(text, DRAWN, drawn_rows(record["samples"]))


def _versions(part: dict[str, Any]) -> str:
    peers = [f"{name} {about['version']}" for name, about in part["peers"].items()]
    return (
        f"*{part['date']}, {part['machine']}; exactspline {part['exactspline']}, "
        f"{', '.join(peers)}, Python {part['python']}.*"
    )


def _head(part: dict[str, Any], *first: str) -> list[str]:
    cells = [*first, *part["peers"]]
    return ["", f"| {' | '.join(cells)} |", "|---" * len(cells) + "|"]


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds < 0.1 else f"{seconds:,.1f} s"


def rate_rows(part: dict[str, Any]) -> list[str]:
    """Regions a second, ours and theirs, and how their time compares."""
    out = _head(part, "network", "regions", "exactspline")
    for row in part["rows"]:
        cells = [row["network"], f"{row['regions']:,}",
                 f"{_time(row['seconds'])}, {row['regions'] / row['seconds']:,.0f}/s"]  # fmt: skip
        for name in part["peers"]:
            found = row["peers"].get(name)
            if found is None:
                cells.append("")
            elif "error" in found:
                cells.append(found["error"])
            else:
                rate = found["regions"] / found["seconds"]
                other = "" if found["regions"] == found["ours"] else f"{found['regions']:,}: "
                ratio = found["seconds"] / row["seconds"]
                times = f"{ratio:,.{int(ratio < 10)}f}x"
                cells.append(f"{other}{_time(found['seconds'])}, {rate:,.0f}/s; {times}")
        out.append(f"| {' | '.join(cells)} |")
    return [_versions(part) + f" Load {part['load']}; nx: times our time.", *out]


def degenerate_rows(part: dict[str, Any]) -> list[str]:
    """Our counts, and what others answered; wrong numbers are in bold letters."""
    out = _head(part, "network", "what is the matter", "[-1, 1]^D", "R^D")
    for row in part["rows"]:
        cells = [row["name"], row["about"], f"{row['box']:,}", f"{row['space']:,}"]
        cells += [_answer(row, name) for name in part["peers"]]
        out.append(f"| {' | '.join(cells)} |")
    return [_versions(part), *out]


def _answer(row: dict[str, Any], name: str) -> str:
    answer = row["peers"].get(name)
    if answer is None:
        return ""
    if "error" in answer:
        return "refused" if "late" not in answer else answer["error"]
    found = answer["regions"]
    inside = answer.get("with_interior", found)
    shown = f"{found:,}" if inside == found else f"{found:,} ({inside:,})"
    if answer["ours"] not in (row["box"], row["space"]):
        shown += " (right in float32)" if answer["ours"] == found else " in float32"
    return shown if answer["ours"] in (found, inside) else f"**{shown}**"


def drawn_rows(part: dict[str, Any]) -> list[str]:
    """Of how many networks the count was right, another number, or refused."""
    many = part["rows"][0]["networks"]
    out = _head(part, f"{many} networks 2-8-8, each layer with")
    for row in part["rows"]:
        cells = [row["about"]]
        for name in part["peers"]:
            words = zip(row["peers"][name], ("right", "other", "refused"), strict=True)
            cells.append(", ".join(f"{n} {word}" for n, word in words if n))
        out.append(f"| {' | '.join(cells)} |")
    return [_versions(part), *out]


def _listed(names: list[str]) -> str:
    """Names in order; those for images of 1, 2 and 3 dimensions as one."""
    found = set(names)
    for name in names:
        stem = name.replace("1d", "{}d")
        sizes = {stem.format(n) for n in (1, 2, 3)}
        if stem != name and sizes <= found:
            found = found - sizes | {stem.format("1d/2d/3")}
    return ", ".join(f"`{name}`" for name in sorted(found))


def with_table(text: str) -> str:
    """A text with the tables in their places; without torch its table stays as it is."""
    text = _replaced(_replaced(text, BEGIN, rows()), ONNX, onnx_rows())
    text = _replaced(_replaced(text, ROUTES, route_rows()), FILES, file_rows())
    if importlib.util.find_spec("torch") is None:
        return text
    return _replaced(text, TORCH, torch_rows())


def _replaced(text: str, begin: str, lines: list[str]) -> str:
    before, _, rest = text.partition(begin)
    behind = rest.partition(END)[2]
    return before + begin + "\n".join(lines) + "\n" + END + behind


if __name__ == "__main__":
    page = Path(__file__).resolve().parent / "formats.md"
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
    if PEERS.exists():
        page = page.with_name("peers.md")
        page.write_text(peers_page(page.read_text(encoding="utf-8")), encoding="utf-8")
