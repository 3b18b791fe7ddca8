"""Every check of the theory has its line in the documentation, under its statement's number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exactspline.theory import CHECKS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "theory.md"
PICTURES = DOCS / "pictures.md"


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_has_its_line(name):
    line = CHECKS[name]
    rows = [row for row in PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| ")]
    numbers = [
        int(row.split("|")[1])
        for row in rows
        if re.search(rf"\b{line.function.__name__}`", row) and row.split("|")[1].strip().isdigit()
    ]
    assert numbers == [line.number]


def rows() -> list[str]:
    """The tables' rows with a statement's number."""
    return re.findall(r"(?m)^\| \d+ \| .*check_.*$", PAGE.read_text(encoding="utf-8"))


def sections() -> dict[str, tuple[str, str]]:
    """The sections of pictures.md by anchor: what stands above their group, and their text."""
    found = {}
    for group in re.split(r"(?m)^## ", PICTURES.read_text(encoding="utf-8"))[1:]:
        above, *parts = re.split(r"(?m)^### ", group)
        for part in parts:
            head = part.partition("\n")[0].lower()
            anchor = re.sub(r"[^\w\- ]", "", head).replace(" ", "-")
            assert anchor not in found, f"two sections are called {head}"
            found[anchor] = above, part
    return found


def test_every_row_leads_to_formula_command_and_picture():
    shown, by_function = sections(), {c.function.__name__: n for n, c in CHECKS.items()}
    assert len(rows()) > 40
    for row in rows():
        (anchor,) = re.findall(r"\(pictures\.md#([\w-]+)\)", row.split("|")[2])
        above, text = shown.pop(anchor)  # no two rows lead to one section
        function = re.findall(r"`(?:theory\.)?(?:\w+\.)?(check_\w+)`", row)[0]
        number, name = int(row.split("|")[1]), by_function[function]
        assert f"**Statement** ({number}, `{function}`)" in text, name
        command = rf'(?m)^    exactspline theorems .*--check "?{re.escape(name)}"?$'
        assert re.search(command, text), name
        says = re.split(r"(?<!\\)\|", row)[4].strip().replace(r"\|", "|")
        assert f"{says[1:]}. *Source:* " in " ".join(text.split()), name
        assert re.search(r"```text\n.+\n```", text, re.DOTALL), name
        if re.search(rf"\b[Pp]anels? {number}\b", text):  # of the picture above
            text += above
        pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
        assert pictures, f"{name} has no picture"
        for picture in pictures:
            assert (DOCS / picture).stat().st_size < 150_000, picture
    assert not shown, "no row leads here"
