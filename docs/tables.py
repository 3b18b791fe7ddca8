"""Writes the tables of the documentation that are made from the code.

``python docs/tables.py`` puts the operators and their JSON keys into docs/formats.md; a test
compares. Run it after an operator is added or changed.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from exactspline.network import OPERATORS, Operator

BEGIN, END = "<!-- operators, by docs/tables.py -->\n", "<!-- end -->\n"
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


def with_table(text: str) -> str:
    """A text with the table in its place."""
    before, _, rest = text.partition(BEGIN)
    behind = rest.partition(END)[2]
    return before + BEGIN + "\n".join(rows()) + "\n" + END + behind


if __name__ == "__main__":
    page = Path(__file__).resolve().parent / "formats.md"
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
