"""Writes the tables of the documentation that are made from the code.

``python docs/tables.py`` puts the operators and their JSON keys, and what came of ONNX's own tests,
into docs/formats.md; a test compares. Run it after an operator is added or changed.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from pathlib import Path

from exactspline.network import OPERATORS, Operator

BEGIN, END = "<!-- operators, by docs/tables.py -->\n", "<!-- end -->\n"
ONNX_BEGIN, ONNX_END = "<!-- onnx tests, by docs/tables.py -->\n", "<!-- end of onnx tests -->\n"
ONNX_TESTS = Path(__file__).resolve().parents[1] / "tests" / "conformance" / "onnx_nodes.tsv"
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


def put(text: str, begin: str, lines: list[str], end: str) -> str:
    """A text with lines between two marks."""
    before, _, rest = text.partition(begin)
    behind = rest.partition(end)[2]
    return before + begin + "\n".join(lines) + "\n" + end + behind


def with_table(text: str) -> str:
    """A text with the tables in their places."""
    return put(put(text, ONNX_BEGIN, onnx_rows(), ONNX_END), BEGIN, rows(), END)


if __name__ == "__main__":
    page = Path(__file__).resolve().parent / "formats.md"
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
