"""Check 10: convex operators by MASOs, others by ASOs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline import theory
from exactspline.theory.learning import approximation
from exactspline.theory.learning.approximation import norm_maso, squared_norm_maso

FEW = ["norm of R^2 on the unit disc", "squared norm on [-1, 1]^2", "tanh on [-8, 8]"]


@pytest.fixture(scope="module")
def found():
    """What the cases give; each computed once."""
    return {name: list(cases()) for name, (_, cases) in approximation.CASES.items()}


@pytest.fixture
def cached(found, monkeypatch):
    """The check on these, with one of them changed."""

    def run(name=None, change=None):
        for key, (convex, _) in list(approximation.CASES.items()):
            rows = change(list(found[key])) if key == name else found[key]
            monkeypatch.setitem(approximation.CASES, key, (convex, lambda rows=rows: iter(rows)))
        return theory.check_approximation()

    return run


@pytest.mark.slow
def test_errors_fall_below_every_bound(cached, found):
    report = cached()
    assert report.holds
    assert report.checked == sum(map(len, found.values()))
    for rows in found.values():
        pieces, bounds = [r[0] for r in rows], [r[1] for r in rows]
        assert pieces == sorted(set(pieces))
        assert bounds == sorted(set(bounds), reverse=True)
    for name in ("softplus on [-8, 8]", "sigmoid on [-8, 8]", "tanh on [-8, 8]"):
        assert found[name][-1][1] <= Fraction(1, 10_000)
    squared = {n: e for n, e, *_ in found["squared norm on [-1, 1]"]}
    assert squared == {2: Fraction(1, 4), 3: Fraction(1, 9), 4: Fraction(1, 16)}


CHANGES = {
    "the bound too small": lambda rows: [(n, b * Fraction(9, 10), e, m) for n, b, e, m in rows],
    "the bound too large": lambda rows: [(n, b * 2, e, m) for n, b, e, m in rows],
    "the error too large": lambda rows: [(n, b, e * 2, m) for n, b, e, m in rows],
    "the error too small": lambda rows: [(n, b, e / 2, m) for n, b, e, m in rows],
    "of the other kind": lambda rows: [(n, b, e, not m) for n, b, e, m in rows],
    "in the wrong order": lambda rows: rows[::-1],
}


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found(name, change, cached):
    report = cached(name, CHANGES[change])
    assert report.verdict == "fails"
    assert report.reason.startswith(name)
    assert report.counterexample["operator"] == name


def test_splines_stay_below_what_they_approximate():
    """Tangents of convex functions, and the stated error, at a grid of points."""
    grid = [Fraction(i, 7) for i in range(-7, 8)]
    squared, norm = squared_norm_maso(2, 3), norm_maso(3)
    for x in grid:
        for y in grid:
            square = x * x + y * y
            low = squared.evaluate([x, y])[0]
            assert 0 <= square - low <= Fraction(2, 9)
            length = norm.evaluate([x, y])[0]
            assert length >= 0
            assert length**2 <= square
    assert norm.evaluate([3, 4]).tolist() != [0]


def test_the_independent_error_is_the_largest_of_a_fine_grid(found):
    net = es.Network([es.Tanh(), es.Dense([[1]])], (1,))
    done = es.approximate(net, Fraction(1, 100), es.Box([-8], [8]))
    spline = done.network.operators[0]
    worst = approximation._sup(es.Tanh(), spline)
    x = np.linspace(-8, 8, 20001)[:, None]
    grid = np.abs(np.tanh(x) - spline.forward(x)).max()
    assert grid <= float(worst) * (1 + 1e-9)
    assert float(worst) <= grid * (1 + 1e-4)
    assert worst == found["tanh on [-8, 8]"][1][2]
