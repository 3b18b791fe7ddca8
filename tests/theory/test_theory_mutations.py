"""The mutation run over the theory: its changes are single ones, and checks refuse them."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "mutations.py"


@pytest.fixture(scope="module")
def mutations():
    spec = importlib.util.spec_from_file_location("mutations", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutations"] = module  # its dataclass asks for it
    spec.loader.exec_module(module)
    yield module
    del sys.modules["mutations"]


def test_a_mutant_differs_in_one_place(mutations):
    modules = mutations.all_modules()
    assert {"operators/written.py", "geometry/power.py", "structure/formulas.py"} <= set(modules)
    assert not set(modules) & set(mutations.OUT)
    for module in ("geometry/stated.py", "structure/formulas.py"):
        right = ast.unparse(ast.parse((mutations.ROOT / module).read_text(encoding="utf-8")))
        found = mutations.mutants(module)
        assert len(found) >= 8
        assert len({(m.line, m.number) for m in found}) == len(found)
        for mutant in found:
            wrong = ast.unparse(mutations.changed(mutant))
            lines = difflib.unified_diff(right.splitlines(), wrong.splitlines(), lineterm="", n=0)
            signs = [line[0] for line in lines if line[:3] not in ("---", "+++", "@@ ")]
            assert signs == ["-", "+"], mutant


def test_what_is_listed_as_the_same_is_there(mutations):
    """A key that names nothing any more hides nothing, and is to be struck out."""
    keys = {m.key for module in mutations.all_modules() for m in mutations.mutants(module)}
    assert set(mutations.EQUIVALENT) <= keys
    assert all(len(reason) > 20 for reason in mutations.EQUIVALENT.values())


@pytest.mark.slow
def test_changes_are_refused():
    modules = ["geometry/power.py", "structure/formulas.py", "operators/composition.py"]
    options = [("check", v) for v in (
        "power diagram", "ResNet formula", "composition", "symbolic composition", "Voronoi",
    )]  # fmt: skip
    options += [("network", v) for v in ("dense", "residual", "askew")]
    given = [text for name, value in options for text in (f"--{name}", value)]
    run = subprocess.run(
        [sys.executable, SCRIPT, *modules, *given, "--most", "5"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    *rows, total = run.stdout.splitlines()
    assert len(rows) == 3
    assert total.startswith("all mutants: 15 ")
    refused = sum(int(total.split(f"{how}: ")[1].split()[0]) for how in ("verdict", "an error"))
    assert refused >= 10, run.stdout
