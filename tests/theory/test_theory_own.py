"""Checks of users, verdicts that are not known, exit codes, and how numbers are shown."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline import theory
from exactspline.cli import main
from exactspline.theory.registry import REGISTERED
from exactspline.theory.report import Report
from exactspline.theory.run import run_checks

NET = es.Network([es.Dense([["1/3"], [1]], [0, -1]), es.ReLU(), es.Dense([[1, 1]])], (1,))


@pytest.fixture(autouse=True)
def table(monkeypatch):
    """What a test registers is gone behind it."""
    before = dict(theory.CHECKS)
    yield
    REGISTERED.clear()
    REGISTERED.update(before)


@pytest.fixture
def files(tmp_path, monkeypatch):
    NET.save(tmp_path / "net.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Verdict:
    """What a proof looks like from here."""

    def __init__(self, holds, counterexample=None, regions=0):
        self.holds, self.counterexample, self.regions = holds, counterexample, regions


MINE = """
import exactspline as es

@es.check
def monotone(f, domain):
    'The output does not fall.'
    omega = es.enumerate_regions(f, domain)
    return bool((omega.affine_pieces()[0] >= 0).all())

@es.check(name="below a third")
def bounded(f):
    assert f.forward(["3"], exact=True)[0] <= 1, "f(3) = 3"

@es.check
def about_nothing():
    return 1 + 1 == 2
"""


def test_a_file_of_checks_runs_with_the_others(files, capsys):
    (files / "mine.py").write_text(MINE)
    arguments = ["theorems", "mine.py", "net.json", "--box", "-1", "4"]
    some = ["--check", "monotone", "--check", "convexity", "--check", "about nothing"]
    assert main([*arguments, *some, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    found = {r["check"]: r["report"] for r in value["results"][0]["reports"]}
    assert list(found) == ["convexity", "monotone", "about nothing"]
    assert found["monotone"]["statement"] == "The output does not fall."
    assert {r["verdict"] for r in found.values()} == {"holds"}
    assert value["verdicts"] == {"holds": 3, "fails": 0, "undecided": 0, "not applicable": 0}
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert "below a third fails: assertion: " in out
    assert "f(3) = 3" in out
    assert "power diagram" in out
    assert main(["theorems", "mine.py", "--list"]) == 0
    assert "below a third" in capsys.readouterr().out


def test_numbers_come_behind_those_of_the_theory():
    last = max(line.number for line in theory.CHECKS.values())

    @es.check
    def first(f): ...

    @es.check(number=1)
    def second(f): ...

    assert theory.CHECKS["first"].number == last + 1
    assert list(theory.CHECKS)[-1] == "first"
    assert theory.CHECKS["second"].number == 1
    assert not any(line.own for name, line in theory.CHECKS.items() if name[:3] not in "first sec")

    @es.check(name="first")
    def again(f, domain): ...

    assert theory.CHECKS["first"].function is again


@pytest.mark.parametrize(
    ("gives", "verdict", "checked", "unit"),
    [
        (True, "holds", 1, "truth value"),
        (False, "fails", 1, "truth value"),
        (None, "undecided", 0, "truth value"),
        (Verdict(True, regions=7), "holds", 7, "regions"),
        (Verdict(True), "holds", 1, "verdict"),
        (Verdict(False, (Fraction(1, 3),), 2), "fails", 2, "regions"),
        (Verdict(None), "undecided", 0, "verdict"),
        (Report("mine", "s", "", "holds", checked=3), "holds", 3, "regions"),
    ],
)
def test_what_a_check_may_give(gives, verdict, checked, unit):
    es.check(name="mine")(lambda: gives)
    (found,) = run_checks(names=["mine"])
    report = found.report
    assert (report.verdict, report.checked, report.unit) == (verdict, checked, unit)
    if verdict == "fails" and gives is not False:
        assert report.to_json()["counterexample"] == {"point": ["1/3"]}


def test_a_proof_is_a_check():
    """What exactspline.prove gives, and the statement alone, which is no verdict yet."""

    @es.check
    def small(f, domain):
        "The output is at most 3."
        return es.prove(es.forall(domain, lambda x: f(x)[0] <= 3))

    (found,) = run_checks(NET, es.Box(-2, 2), names=["small"])
    assert found.report.holds
    assert found.report.statement == "The output is at most 3."
    (found,) = run_checks(NET, es.Box(-2, 20), names=["small"])
    point = found.report.counterexample["point"]
    assert found.report.verdict == "fails"
    assert NET.forward(np.array([point], dtype=object), exact=True)[0, 0] > 3
    es.check(name="stated")(lambda f, domain: es.forall(domain, lambda x: f(x)[0] <= 3))
    (found,) = run_checks(NET, es.Box(-2, 2), names=["stated"])
    assert found.report.verdict == "undecided"
    assert "return what exactspline.prove(...) gives" in found.report.reason


def test_what_a_check_may_not_be_or_give():
    with pytest.raises(es.ParameterError, match=r"'convexity'.*has one of that name"):
        es.check(name="convexity")(lambda f: True)
    with pytest.raises(es.ParameterError, match="also needs epsilon"):

        @es.check
        def three(f, domain, epsilon): ...

    with pytest.raises(es.ParameterError, match="no function"):
        es.check(3)
    es.check(name="mine")(lambda: "yes")
    (found,) = run_checks(names=["mine"])
    assert found.report.verdict == "undecided"
    assert "gave a str" in found.report.reason

    @es.check
    def broken(f):
        return undefined  # noqa: F821

    (found,) = run_checks(NET, names=["broken"])
    assert found.report.verdict == "undecided"
    assert "NameError" in found.report.reason
    assert "line " in found.report.reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:", "line 1: is no Python file"),
        ("x = 1\n1 / 0\n", "line 2: ZeroDivisionError"),
        ("import exactspline", "registers no check"),
        ("raise SystemExit(0)", "ends the program"),
        ("import exactspline as es\nes.check(name='VQ')(lambda f: True)", "line 2: Parameter"),
    ],
)
def test_a_file_that_is_none_is_one_line(files, capsys, text, message):
    (files / "mine.py").write_text(text)
    assert main(["theorems", "mine.py", "net.json"]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "mine.py" in captured.err
    assert captured.err.count("\n") == 1
    assert main(["theorems", "missing.py"]) == 2
    assert main(["theorems", "net.json", "net.json"]) == 2
    assert "2 networks are given" in capsys.readouterr().err


def test_exit_codes(files, capsys):
    """What fails counts more than what is undecided, and that more than what holds."""
    for name, gives in (("yes", "True"), ("no", "False"), ("perhaps", "None")):
        line = f"es.check(name='{name}')(lambda f: {gives})"
        (files / f"{name}.py").write_text(f"import exactspline as es\n{line}\n")
    codes = {("yes",): 0, ("yes", "perhaps"): 3, ("perhaps", "no"): 1, ("yes", "no"): 1}
    for given, code in codes.items():
        run = [*(f"{name}.py" for name in given), *(v for n in given for v in ("--check", n))]
        assert main(["theorems", *run, "net.json"]) == code
        assert main(["theorems", *run]) == code  # on the gallery
        capsys.readouterr()


def test_a_limit_of_the_partition_is_undecided(files, capsys, monkeypatch):
    """Nothing is aborted: what needs no partition is decided all the same."""

    def refuse(*_):
        raise es.LimitError("too many for this test")

    monkeypatch.setattr("exactspline.theory.run.partition_of", refuse)
    es.check(name="mine")(lambda f: True)
    found = list(run_checks(NET, names=["convexity", "composition", "VQ", "mine"]))
    verdicts = {f.check: f.report.verdict for f in found}
    assert verdicts == {
        "composition": "holds", "convexity": "undecided", "VQ": "undecided", "mine": "holds",
    }  # fmt: skip
    assert "too many for this test" in found[0].report.reason
    assert main(["theorems", "net.json", "--check", "VQ"]) == 3
    assert "VQ undecided: LimitError" in capsys.readouterr().out


def test_a_softmax_is_told(files, capsys):
    operators = [*NET.operators[:-1], es.Dense([[1, 1], [0, 1]]), es.Softmax()]
    soft = es.Network(operators, (1,))
    report = theory.check_piecewise_affine(soft)
    assert report.holds
    assert "ends in Softmax, which is no part" in report.notes[0]
    assert "note: the network ends in Softmax" in str(report)
    assert "Softmax" in report.to_json()["notes"][0]
    assert theory.check_templates(es.enumerate_regions(soft)).notes
    assert theory.check_piecewise_affine(NET).notes == ()
    soft.save("soft.json")
    assert main(["theorems", "soft.json", "--check", "counts"]) == 0
    assert "note: the network ends in Softmax" in capsys.readouterr().out


def test_long_fractions_are_decimals_unless_asked(files, capsys):
    value = Fraction(10**30 + 1, 3 * 10**30)
    huge, tiny = Fraction(7**20000), Fraction(-2, 7**20000)
    report = Report("r", "s", "", "fails", counterexample={
        "x": [value, Fraction(1, 3)], "huge": huge, "tiny": tiny, "count": 12345, "yes": True,
    })  # fmt: skip
    text = str(report)
    assert "x: (~0.333333333333333, 1/3)" in text
    assert "huge: ~" in text
    assert "e16901" in text  # 20000 log10 7 = 16901.9...
    assert "tiny: ~-" in text
    assert "e-16902" in text
    assert "count: 12345" in text
    assert "yes: True" in text
    assert f"x: ({value}, 1/3)" in report.text(exact=True)
    assert report.to_json()["counterexample"]["x"] == [str(value), "1/3"]
    far = es.Network([es.Abs(), es.Dense([["-1/99999999999999999999999"]])], (1,))
    far.save("far.json")
    for option, there in (([], False), (["--exact"], True)):
        main(["theorems", "far.json", "--check", "convexity", "--details", *option])
        assert ("/99999999999999999999999" in capsys.readouterr().out) == there
