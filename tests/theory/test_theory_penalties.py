"""Penalties on templates in rationals: by hand, by NumPy, and what the check says of them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from theory_twins import CNN, DENSE

import exactspline as es
from exactspline import theory
from exactspline.theory.filters import penalties

F = Fraction


def test_penalties_by_hand():
    """<A_0, A_1> = 6, |A|^2 = 4 + 25; across (5, 0) there are 0 and 4; of 25 that is 16/25."""
    found = theory.template_penalties([[2, 0], [3, 4]], [5, 0], alpha=20)
    assert found == (72, 81, 16, F(16, 25))
    assert theory.template_penalties([[[2], [0]], [[3], [4]]], [[5], [0]], 29).excess == 0
    nothing = theory.template_penalties([[1, 0], [0, 1]], [0, 0], alpha=2)
    assert nothing == (0, 0, 2, 2)
    tiny = theory.template_penalties([["1e-400", 0], ["1e-400", "1e-400"]], [0, 1])
    assert tiny == (F(2, 10**1600), 0, F(2, 10**800), F(3, 2))


@pytest.mark.parametrize("net", [DENSE, CNN])
def test_penalties_of_a_network_s_templates(net):
    point = np.arange(1, net.input_dim + 1).reshape(net.input_shape) / 4
    A = net.templates(point, exact=True).A
    found = theory.template_penalties(A, point, alpha="1/2")
    a, u = A.reshape(len(A), -1).astype(float), point.reshape(-1) / np.linalg.norm(point)
    gram = a @ a.T
    assert np.isclose(float(found.orthogonality), np.sum((gram - np.diag(np.diag(gram))) ** 2))
    assert found.orthogonality == theory.orthogonality_penalty(A)
    assert np.isclose(float(found.excess), max(0, np.trace(gram) - 0.5) ** 2)
    rest = np.linalg.norm(a - np.outer(a @ u, u), axis=1) ** 2
    assert np.isclose(float(found.across), rest.sum())
    assert np.isclose(float(found.shares), (rest / np.diag(gram)).sum())


def test_what_the_check_says():
    report = theory.check_template_penalties()
    assert report.holds
    assert report.checked == 36  # three statements of four penalties in three sizes
    shares = penalties._written(sympy)["shares"]
    off = theory.check_template_penalties(
        formulas={"shares": lambda A, x, alpha: 2 * shares(A, x, alpha)}
    )
    assert "shares: sum of squares (2 x 2)" in off.reason


@pytest.mark.parametrize("part", range(4))
def test_numbers_that_are_others_are_refused(part, monkeypatch):
    right = penalties.template_penalties

    def wrong(A, x, alpha=1):
        found = list(right(A, x, alpha))
        found[part] += F(1, 10**900)
        return penalties.TemplatePenalties(*found)

    assert penalties._values_disagree() is None
    monkeypatch.setattr(penalties, "template_penalties", wrong)
    case = penalties._values_disagree()
    assert case["found"][part] - case["defined"][part] == F(1, 10**900)


def test_templates_that_are_refused():
    for A, x in (([1, 2], [1, 2]), ([[1, 2]], [1]), ([[]], []), ([[1, 2], [3]], [1, 2])):
        with pytest.raises(es.ShapeError, match="template_penalties"):
            theory.template_penalties(A, x)
    with pytest.raises(es.ParameterError):
        theory.template_penalties([[float("nan"), 1]], [1, 2])
    with pytest.raises(es.ParameterError, match="positive"):
        theory.template_penalties([[1, 1]], [1, 2], alpha=0)
