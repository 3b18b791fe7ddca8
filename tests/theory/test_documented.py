"""Every check of the theory has its line in the documentation, under its statement's number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exactspline.theory import CHECKS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "theory.md"


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
