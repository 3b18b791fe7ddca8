"""The front page and the pages of docs: code is run, and what it prints is compared."""

from __future__ import annotations

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [  # all that show a command with its output
    page
    for page in ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
    if re.search(r"^ {4}\$ ", (ROOT / page).read_text(encoding="utf-8"), re.M)
]
CODE = [  # docs/contributing.md has files, which are tested by themselves
    "README.md",
    *sorted(
        f"docs/{path.name}"
        for path in (ROOT / "docs").glob("*.md")
        if ">>>" in path.read_text() and path.name != "contributing.md"
    ),
]


def commands(page: str) -> list[tuple[str, str]]:
    """Commands of a page with what they print; of several lines, one command a block."""
    found = []
    for block in re.findall(r"(?:^ {4}.*\n)+", (ROOT / page).read_text(), re.M):
        lines = [line[4:] for line in block.splitlines()]
        if lines[0].startswith("$ "):
            found.append((lines[0][2:], "\n".join(lines[1:])))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where commands run: what they write stays out of the project."""
    place = tmp_path_factory.mktemp("front")
    shutil.copytree(ROOT / "examples", place / "examples")
    own = place / "bin" / "exactspline"
    own.parent.mkdir()
    own.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m exactspline "$@"\n')
    own.chmod(0o755)
    return place


@pytest.mark.parametrize(
    ("page", "command", "printed"),
    [(page, *pair) for page in PAGES for pair in commands(page)],
    ids=[f"{page}-{i}" for page in PAGES for i in range(len(commands(page)))],
)
def test_commands(folder, page, command, printed):
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    shell = ["bash", "-o", "pipefail", "-c", command]
    done = subprocess.run(shell, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 141), done.stderr  # head goes away early
    if command.endswith("--json"):
        own, told = json.loads(done.stdout), json.loads(printed.replace("\n", " "))
        assert own.pop("seconds") > 0 < told.pop("seconds")
        assert own == told
    else:
        assert words(done.stdout) == words(printed)


def words(text: str) -> list[str]:
    """All words but for lines with times."""
    kept = [line for line in text.splitlines() if not line.startswith("time ")]
    return " ".join(kept).split()


@pytest.mark.parametrize("page", CODE)
def test_code(monkeypatch, page):
    monkeypatch.chdir(ROOT)
    path = str(ROOT / page)
    result = doctest.testfile(path, module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 1
    assert result.failed == 0


def test_the_front_page_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_its_links_lead_somewhere():
    assert {"README.md", "docs/tour.md"} <= set(PAGES)
    for page in PAGES:
        text = (ROOT / page).read_text()
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            if not target.startswith("http"):
                assert ((ROOT / page).parent / target).exists(), (page, target)
