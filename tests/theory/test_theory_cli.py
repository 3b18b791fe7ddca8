"""exactspline theorems, the gallery and the registry."""

from __future__ import annotations

import json

import pytest

import exactspline as es
from exactspline import theory
from exactspline.cli import main
from exactspline.theory.run import checks_for, run_checks


@pytest.fixture
def files(tmp_path, monkeypatch):
    net = es.Network([es.Dense([["1/3"], [1]], [0, -1]), es.ReLU(), es.Dense([[1, -1]])], (1,))
    net.save(tmp_path / "net.json")
    es.Network([es.Abs()], (1,)).save(tmp_path / "abs.json")
    (tmp_path / "two.vnnlib").write_text(
        "(declare-const X_0 Real)(declare-const Y_0 Real)\n"
        "(assert (or (and (>= X_0 -2) (<= X_0 -1)) (and (>= X_0 0) (<= X_0 2))))\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_network_gets_a_table(files, capsys):
    assert main(["theorems", "net.json"]) == 1  # it is not convex
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if line.strip()[:1].isdigit()]
    needs = [name for name, check in theory.CHECKS.items() if check.needs_network]
    assert len([r for r in rows if any(n in r for n in needs)]) >= len(needs)
    for part in ("convexity", "fails", "piecewise affine", "holds", "3 regions", "exact"):
        assert part in out
    assert "convexity fails: output 0 is not convex" in out
    assert "ResNet formula not applicable: no block" in out


def test_json_has_the_exact_counterexample(files, capsys):
    arguments = ["theorems", "net.json", "--box", "-3", "3", "--check", "convexity", "--json"]
    assert main(arguments) == 1
    value = json.loads(capsys.readouterr().out)
    (result,) = value["results"]
    assert result["domain"] == "[-3, 3]"
    (found,) = result["reports"]
    assert (found["check"], found["number"]) == ("convexity", 1)
    report = found["report"]
    assert report["verdict"] == "fails"
    assert all(isinstance(v, str) for v in report["counterexample"]["x"])
    assert value["network"]["units"] == 2


def test_only_some_checks_in_full(files, capsys):
    arguments = ["theorems", "abs.json", "--check", "convexity", "--check", "templates"]
    assert main([*arguments, "--details"]) == 0
    out = capsys.readouterr().out
    assert "source: Balestriero" in out
    assert "compared: " in out
    assert "nondecreasing" not in out


def test_every_domain_has_its_own_table(files, capsys):
    assert main(["theorems", "net.json", "--vnnlib", "two.vnnlib", "--check", "convexity"]) == 1
    out = capsys.readouterr().out
    assert "domain 1/2" in out
    assert "domain 2/2" in out
    lines = [line for line in out.splitlines() if " convexity " in line]
    assert "holds" in lines[0]
    assert any("fails" in line for line in lines[1:])


@pytest.mark.slow
def test_the_gallery_runs_without_a_network(files, capsys):
    assert main(["theorems", "--check", "composition", "--check", "symbolic composition"]) == 0
    out = capsys.readouterr().out
    networks = len(theory.toy_networks())
    assert f"{networks} toy networks" in out
    line = next(x for x in out.splitlines() if x.split()[:2] == ["3", "composition"])
    assert line.split()[2:6] == [str(networks - 3), "-", "-", "3"]  # residual blocks are no chains
    assert "symbolic composition  holds    symbolic" in out
    assert main(["theorems", "--check", "convexity", "--json"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert list(value["gallery"]) == list(theory.toy_networks())
    verdicts = {name: found[0]["report"]["verdict"] for name, found in value["gallery"].items()}
    assert verdicts["convex ReLU"] == "holds"
    assert set(verdicts.values()) == {"holds", "fails"}
    assert value["general"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["theorems", "--box", "0", "1"], "a domain is for a network of yours"),
        (["theorems", "net.json", "--check", "nonsense"], "check 'nonsense' is not known"),
        (["theorems", "missing.json"], "missing.json"),
        (["theorems", "net.json", "--box", "0,0", "1,1"], "low has 2 entries"),
        (["theorems", "net.json", "--box", "1", "0"], "empty"),
    ],
)
def test_bad_input_is_one_line(files, capsys, arguments, message):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_errors_of_a_check_do_not_stop_the_others(monkeypatch):
    net = es.Network([es.Abs()], (1,))
    real = theory.check_function

    def failing(name):
        def check(*_):
            raise es.LimitError("too large for this")

        return check if name == "convexity" else real(name)

    monkeypatch.setattr("exactspline.theory.run.check_function", failing)
    found = list(run_checks(net, names=["convexity", "templates"]))
    assert [f.report.verdict for f in found] == ["undecided", "holds"]
    assert found[0].report.reason == "LimitError: too large for this"
    assert found[0].report.checked == 0


def test_which_checks_run():
    """Named general checks run with a network, too; the others only without one."""
    net = es.Network([es.Abs()], (1,))
    general = [name for name, check in theory.CHECKS.items() if not check.needs_network]
    assert checks_for(network=False) == general
    steps = []
    names = ["symbolic operators", "convexity"]
    found = list(run_checks(net, names=names, before=lambda *step: steps.append(step)))
    assert [f.check for f in found] == ["convexity", "symbolic operators"]
    assert steps == [("regions", 0, 2), ("convexity", 0, 2), ("symbolic operators", 1, 2)]
    assert [f.check for f in run_checks(names=["symbolic operators"])] == ["symbolic operators"]
    assert list(run_checks(net, names=[])) == []
    with pytest.raises(es.ParameterError, match="'convexity' is about a network"):
        list(run_checks(names=names))


def test_a_package_that_is_missing_is_the_reason(monkeypatch):
    def missing(name):
        def check():
            """Check what needs another package."""
            raise ModuleNotFoundError("No module named 'other'")

        return check

    monkeypatch.setattr("exactspline.theory.run.check_function", missing)
    (found,) = run_checks(names=["collinear templates"])
    assert found.report.name == "check_collinear"
    assert found.report.statement == "Check what needs another package."
    assert found.report.verdict == "undecided"
    assert "No module named 'other'" in found.report.reason


@pytest.mark.parametrize("network", [["net.json"], []])
def test_an_interrupt_leaves_what_was_found(files, capsys, monkeypatch, network):
    real, runs = theory.check_function, []

    def stopping(name):
        runs.append(name)
        if len(runs) == 3:
            raise KeyboardInterrupt
        return real(name)

    monkeypatch.setattr("exactspline.theory.run.check_function", stopping)
    checks = ["convexity", "templates", "composition"]
    arguments = ["theorems", *network, *(v for name in checks for v in ("--check", name))]
    assert main([*arguments, "--json"]) == 130
    value = json.loads(capsys.readouterr().out)
    assert value["complete"] is False
    reports = value["results"][0]["reports"] if network else value["gallery"]["dense ReLU"]
    assert [r["check"] for r in reports] == ["convexity", "composition"]
    runs.clear()
    assert main(arguments) == 130
    assert "INTERRUPTED: the other checks were not run" in capsys.readouterr().out


def test_importing_the_package_does_not_load_the_theory():
    import subprocess
    import sys

    code = (
        "import sys, exactspline; assert 'exactspline.theory' not in sys.modules; "
        "assert exactspline.theory.CHECKS; "
        "assert not {'sympy', 'torch', 'cvxpy', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", theory.toy_networks())
def test_every_statement_of_the_first_half_on_the_gallery(name):
    """Holds wherever it applies; convexity is the one that a network may fail."""
    net = theory.toy_networks()[name]
    first = [c for c, check in theory.CHECKS.items() if check.number <= 10]
    verdicts = {f.check: f.report.verdict for f in run_checks(net, names=first)}
    convex = verdicts.pop("convexity")
    assert convex == ("holds" if name in ("convex ReLU", "K-means") else "fails")
    assert verdicts.pop("nondecreasing") == ("holds" if convex == "holds" else "not applicable")
    residual = name.startswith("residual")
    assert verdicts.pop("ResNet formula") == ("holds" if residual else "not applicable")
    assert verdicts.pop("CNN formula") == ("not applicable" if residual else "holds")
    assert verdicts.pop("composition") == ("not applicable" if residual else "holds")
    assert verdicts.pop("simplified MASO") != "fails"
    assert set(verdicts.values()) == {"holds"}
