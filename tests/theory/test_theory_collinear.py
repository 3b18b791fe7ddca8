"""Check 15: collinear templates, symbolically and by cvxpy, and the control that must fail."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy

import exactspline as es
from exactspline import theory
from exactspline.theory.filters import collinear
from exactspline.theory.run import run_checks


def test_the_theorem_holds():
    report = theory.check_collinear()
    assert report.holds
    assert report.symbolic
    assert all(report.details["conditions"].values())
    assert len(report.details["conditions"]) == 4
    for entry in report.details["cvxpy"]:
        assert abs(entry["gap"]) <= entry["tolerance"]
    assert "cvxpy" in report.routes[1]


def test_the_control_fails():
    """With a bound on every template they are not optimal: +-sqrt(alpha) x / |x| is better."""
    report = theory.check_collinear("each")
    assert report.verdict == "fails"
    assert all(entry["gap"] > 100 * entry["tolerance"] for entry in report.details["cvxpy"])
    bad = report.counterexample
    assert (bad["better a"], bad["better b"]) == ("1", "-1")
    assert sum(v * v for v in bad["x"]) == 1
    # what is optimal there passes the same conditions
    right = theory.check_collinear("each", factors=lambda C, a: (sympy.sqrt(a), -sympy.sqrt(a)))
    assert right.holds


@pytest.mark.parametrize(
    "factors",
    [
        lambda C, a: (sympy.sqrt(a / 2), -sympy.sqrt(a / (2 * (C - 1)))),
        lambda C, a: (sympy.sqrt((C - 1) * a / C), -sympy.sqrt(a / C) / C),
        lambda C, a: (sympy.sqrt((C - 1) * a / C) / 2, -sympy.sqrt(a / (C * (C - 1))) / 2),
        lambda C, a: (sympy.sqrt(a), -sympy.sqrt(a)),
    ],
)
def test_wrong_formulas_fail(factors):
    report = theory.check_collinear(factors=factors)
    assert report.verdict == "fails"
    assert report.counterexample
    assert report.reason


def test_numbers():
    """The templates spend the whole bound, sum to zero and beat random ones."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=5)

    def loss(A):
        scores = A @ x
        return np.log(np.exp(scores).sum()) - scores[2]

    best = theory.collinear_templates(x, 4, 2, 3)
    assert np.sum(best**2) == pytest.approx(3)
    assert np.allclose(best.sum(axis=0), 0)
    for _ in range(200):
        other = rng.normal(size=best.shape)
        other *= np.sqrt(3 / np.sum(other**2))
        assert loss(other) >= loss(best)
    nudged = best + 1e-3 * rng.normal(size=best.shape)
    assert loss(nudged * np.sqrt(3 / np.sum(nudged**2))) > loss(best)


def test_errors():
    with pytest.raises(es.ParameterError):
        theory.check_collinear("both")
    for x, classes, label, alpha in (
        ([0, 0], 3, 0, 1), ([1, np.nan], 3, 0, 1), ([1], 1, 0, 1), ([1], 3, 3, 1),
        ([1], 3, 0, Fraction(0)),
    ):  # fmt: skip
        with pytest.raises(es.ParameterError):
            theory.collinear_templates(x, classes, label, alpha)


@pytest.mark.parametrize("side", ["_conditions", "_compared"])
def test_each_side_counts_alone(side, monkeypatch):
    real = getattr(collinear, side)
    if side == "_conditions":
        monkeypatch.setattr(collinear, side, lambda *a: {**real(*a), "one more": False})
    else:
        gap = {"gap": 1.0, "tolerance": 0.5}
        monkeypatch.setattr(collinear, side, lambda *a: ([gap], "nobody"))
    assert theory.check_collinear().verdict == "fails"


def test_the_worst_templates_are_stationary_too():
    """With both signs turned only the multiplier's sign is wrong: the worst loss."""
    turned = theory.check_collinear(
        factors=lambda C, alpha: tuple(-v for v in collinear._factors(C, alpha))
    )
    wrong = [name for name, good in turned.details["conditions"].items() if not good]
    assert wrong == ["the multiplier is positive"]
    assert turned.verdict == "fails"


def test_a_solver_that_fails_is_one_line(monkeypatch):
    import cvxpy

    def broken(*_, **__):
        raise cvxpy.error.SolverError("no solver")

    monkeypatch.setattr(cvxpy.Problem, "solve", broken)
    with pytest.raises(es.UndecidedError, match="no solver"):
        theory.check_collinear()
    (found,) = run_checks(names=["collinear templates"])
    assert found.report.verdict == "undecided"
    assert "no solver" in found.report.reason
