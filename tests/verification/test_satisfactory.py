"""VNN-LIB SATisfactory, a test suite of solvers of VNN-LIB 2.0 that others have made."""

import json
import subprocess
import sys

import pytest
from vnntest.cli.run import _run_suite
from vnntest.core import runner

from exactspline.cli.main import main


@pytest.fixture
def solver(tmp_path):
    """The command as an executable file."""
    path = tmp_path / "exactspline"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m exactspline "$@"\n')
    path.chmod(0o755)
    return str(path)


def satisfactory(solver, folder, *words):
    """Run the suite's own command in a folder."""
    command = [sys.executable, "-m", "vnntest", *words, "--solver", solver]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("kind", ["opset", "vnnlib", "serialise-assignments"])
def test_the_compliance_checks_pass(solver, tmp_path, kind):
    done = satisfactory(solver, tmp_path, "compliance", kind)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout


@pytest.mark.slow
def test_the_command_decides_a_category_in_processes_of_its_own(solver, tmp_path):
    done = satisfactory(solver, tmp_path, "run", "--test", "network_isomorphic")
    assert "2/2 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_nothing_fails_errs_or_is_suspect(tmp_path, monkeypatch, capfd):
    """The whole suite; the commands run in this process, with the same words and outputs."""

    def run(path, words, timeout=10, *, preserve_newlines=False):
        capfd.readouterr()
        code = main(words)
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess([path, *words], code, out, err)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "run_solver_command", run)
    _run_suite("full", "exactspline", None, 5.0)
    report = json.loads((tmp_path / ".vnnlib-satisfactory" / "report.json").read_text())
    wrong = [r["detail"] for r in report["results"] if r["outcome"] != "pass"]
    assert not wrong, wrong[:5]
    assert report["summary"]["passed"] >= 150
    unclaimed = {"Pow", "Div", "Mul", "Sigmoid", "Softmax", "POLY"}
    assert {s["missing_op"] for s in report["skipped"]} == unclaimed
    for result in report["results"]:  # the verdict and the assignment, and nothing else
        lines = result["stdout"].splitlines()
        assert lines[0] in ("sat", "unsat")
        assert (lines[0] == "sat") == (len(lines) > 1)
