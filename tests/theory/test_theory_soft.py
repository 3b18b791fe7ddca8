"""Check 16: hard to soft."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
import torch

import exactspline as es
from exactspline import theory
from exactspline.theory.learning import soft


def test_the_identities_hold():
    report = theory.check_hard_to_soft()
    assert report.holds
    assert report.symbolic
    assert report.checked == len(report.details["identities"]) == 18
    assert any("SiLU" in name for name in report.details["identities"])


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("ReLU", lambda u, b: u / (1 + sympy.exp(-u))),  # the weight is forgotten
        ("ReLU at beta = 1/2", lambda u, b: u / (1 + sympy.exp(-2 * u))),
        ("abs", lambda u, b: u * sympy.tanh(u / (1 - b))),
        ("abs at beta = 1/2", lambda u, b: u * sympy.tanh(u / 2)),
        ("leaky ReLU at beta = 1/2", lambda u, b: u / (1 + sympy.exp(-u))),
    ],
)
def test_wrong_formulas_fail(name, formula):
    report = theory.check_hard_to_soft({name: formula})
    assert report.verdict == "fails"
    assert report.counterexample["activation"] == name
    # the two sides do differ there, in plain floats
    u = float(report.counterexample["u"])
    beta = float(report.counterexample.get("beta", 0.5))
    pieces = {"R": [0, u], "a": [-u, u], "l": [0.1 * u, u]}[name[0]]
    weights = np.exp(beta / (1 - beta) * np.array(pieces))
    soft = weights @ pieces / weights.sum()
    assert abs(soft - float(formula(sympy.Float(u), sympy.Float(beta)))) > 1e-6


SELECTIONS = {
    "the weight is forgotten": lambda z, b: soft.softmax(z, sympy.Rational(1, 2)),
    "not divided by 1 - beta": lambda z, b: soft.softmax([v * (1 - b) for v in z], b),
    "hardest piece twice": lambda z, b: soft.softmax([2 * z[0], *z[1:]], b),
    "even": lambda z, b: [sympy.Rational(1, len(z))] * len(z),
}


@pytest.mark.parametrize("name", SELECTIONS)
def test_another_selection_is_not_the_best(name):
    """The best one is solved for, not taken from the formula that is tested."""
    report = theory.check_hard_to_soft(selection=SELECTIONS[name])
    assert report.verdict == "fails"
    assert "stationary" in report.reason
    assert "becomes" not in report.reason  # those stand on what was solved for
    z, beta = [float(v) for v in report.counterexample["z"]], 1 / 3
    best = np.exp(np.array(z) * beta / (1 - beta))
    wrong = [float(v) for v in SELECTIONS[name]([sympy.Float(v) for v in z], sympy.Float(beta))]
    assert np.abs(best / best.sum() - wrong).max() > 1e-3


@pytest.mark.parametrize(
    "pooling",
    [
        lambda z: sum(z) / len(z),
        lambda z: sum(v * sympy.exp(2 * v) for v in z) / sum(sympy.exp(2 * v) for v in z),
    ],
)
def test_another_pooling_is_not_softmax_pooling(pooling):
    report = theory.check_hard_to_soft(pooling=pooling)
    assert report.verdict == "fails"
    assert "max-pooling" in report.reason


def test_floats_are_compared_with_balls(monkeypatch):
    real = soft.soft_maso
    monkeypatch.setattr(soft, "soft_maso", lambda *a: real(*a) + 1e-11)
    assert theory.check_hard_to_soft().reason == "wrong: soft_maso in float64, to 1e-12"


def test_names_are_checked():
    with pytest.raises(es.ParameterError):
        theory.check_hard_to_soft({"tanh": lambda u, b: u})
    with pytest.raises(es.ParameterError, match="interval"):
        theory.check_hard_to_soft({"ReLU": lambda u, b: sympy.sin(u)})


def test_soft_operators_against_torch():
    x = np.linspace(-4, 4, 33)[:, None]
    relu, absolute = es.ReLU().as_maso((1,)), es.Abs().as_maso((1,))
    silu = torch.nn.functional.silu(torch.tensor(x)).numpy()
    assert np.allclose(theory.soft_maso(relu, x), silu)
    assert np.allclose(theory.soft_maso(absolute, x), x * np.tanh(x))
    assert np.allclose(theory.soft_maso(relu, x, 0.9999), np.maximum(x, 0), atol=1e-3)
    assert np.allclose(theory.soft_maso(relu, x, 1e-9), x / 2, atol=1e-6)
    pool = es.MaxPool((4,)).as_maso((1, 4))
    z = np.random.default_rng(0).normal(size=(5, 4))
    weights = torch.softmax(torch.tensor(z), dim=1).numpy()
    assert np.allclose(theory.soft_maso(pool, z)[:, 0], (weights * z).sum(axis=1))


def test_it_is_the_best_selection():
    """No other weights do better: beta <t, z> + (1 - beta) H(t) at random simplex points."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        z, beta = rng.normal(size=4), rng.uniform(0.05, 0.95)
        best = np.exp(beta * z / (1 - beta))
        best /= best.sum()

        def value(t, z=z, beta=beta):
            return beta * t @ z - (1 - beta) * t @ np.log(t)

        for t in rng.dirichlet(np.ones(4), size=20):
            assert value(t) <= value(best) + 1e-12


def test_errors():
    relu = es.ReLU().as_maso((1,))
    for beta in (0, 1, 2, float("nan")):
        with pytest.raises(es.ParameterError):
            theory.soft_maso(relu, [[1.0]], beta)
    with pytest.raises(es.ShapeError):
        theory.soft_maso(relu, [[1.0, 2.0]])


def test_formulas_that_agree_at_the_sampled_points_only():
    """Intervals see nothing there; the symbols do."""

    def close(u, beta):
        off = (u + 3) * (u + sympy.Rational(1, 3)) * (u - sympy.Rational(2, 7))
        return u * sympy.tanh(u) + off * (u - sympy.Rational(5, 2))

    report = theory.check_hard_to_soft({"abs at beta = 1/2": close})
    assert report.verdict == "fails"
    assert report.counterexample is None
