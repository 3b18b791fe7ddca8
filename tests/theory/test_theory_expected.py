"""Counts of random networks and the bounds of their means, against NumPy and Euler's relation."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline import theory

F = Fraction


def test_one_layer_of_one_input():
    counts = theory.random_counts([1, 9], 12, side=3).counts
    for seed, count in enumerate(counts):
        rng = np.random.default_rng(seed)
        w, b = rng.normal(size=9) * math.sqrt(2), rng.normal(size=9)
        breaks = -b / w
        assert count == 1 + np.sum(np.abs(breaks) < 1.5)


def test_one_layer_in_the_plane_by_eulers_relation():
    """1 + V + B / 2: crossings inside of the square, and on its border."""
    for seed, count in enumerate(theory.random_counts([2, 7], 8).counts):
        net = theory.random_network([2, 7], seed)
        W, b = np.array(net.operators[0].weight), np.array(net.operators[0].bias)
        inside = 0
        for i, j in itertools.combinations(range(7), 2):
            x = np.linalg.solve(W[[i, j]], -b[[i, j]])
            inside += np.all(np.abs(x) < 1)
        border = 0
        for w, c in zip(W, b, strict=True):
            for axis, side in itertools.product((0, 1), (-1, 1)):
                border += abs((-c - w[axis] * side) / w[1 - axis]) < 1
        assert count == 1 + inside + border // 2


def test_the_sum_over_faces_of_a_cube():
    """By listing the faces of a cube of three dimensions."""
    rate, units = F(1, 3) * 2 * F(5, 7) * F(3, 2), 6
    total = F(0)
    for face in itertools.product("-+*", repeat=3):
        k = face.count("*")
        for _ in itertools.combinations(range(units), k):
            total += rate**k
    found = theory.hanin_rolnick(units, 3, F(3, 2), gradient=F(1, 3), bias=F(5, 7))
    assert found == total
    sharp = theory.plane_bound(9, 2, gradient=1, bias=F(1, 2))
    assert sharp < theory.hanin_rolnick(9, 2, 2, gradient=1, bias=F(1, 2), factor=1)
    big = theory.hanin_rolnick(10**4, 2, 10**4, gradient=1, bias=1)
    assert abs(float(big / (F(2 * 10**4 * 10**4) ** 2 / 2)) - 1) < 1e-3  # (T N delta)^n / n!


def test_the_theorem_s_form_and_what_the_sum_over_faces_implies():
    """(32 C C delta N)^n / n!, by numbers; the sum is below the same with 6, on a grid of cases."""
    assert theory.hanin_rolnick(3, 2, 1, gradient=1, bias=1, form="power") == F((32 * 3) ** 2, 2)
    for n, N in itertools.product((1, 2, 3, 5, 8), (1, 2, 3, 5, 8, 40)):
        if n > N:
            continue
        for rate in (F(1, 2), F(2, 3), 1, 7):  # C_grad C_bias delta; 1/2 is the least one
            faces = theory.hanin_rolnick(N, n, rate, gradient=1, bias=1)
            power = theory.hanin_rolnick(N, n, rate, gradient=1, bias=1, form="power")
            implied = (6 * rate * N) ** n / F(math.factorial(n))
            assert faces <= implied < power
    for units, side, form in ((1, 1, "power"), (9, F(2, 5), "power"), (9, 1, "faces ")):
        with pytest.raises(es.ParameterError, match="hanin_rolnick: "):
            theory.hanin_rolnick(units, 2, side, gradient=1, bias=1, form=form)


def test_the_constants_of_normal_weights():
    gradient, bias = theory.gaussian_constants("1/2")
    assert gradient**2 >= 2
    assert float(bias) >= 2 / math.sqrt(2 * math.pi)
    assert float(bias) - 2 / math.sqrt(2 * math.pi) < 1e-9
    squares = []
    for seed in range(1500):  # of the third layer's gradients, at a point
        net = theory.random_network([2, 5, 5, 5], seed)
        J = np.eye(2)
        x = np.array([0.3, -0.7])
        for operator in net.operators[::2]:
            W = np.array(operator.weight)
            J, z = W @ J, W @ x + np.array(operator.bias)
            last = J
            J, x = J * (z > 0)[:, None], np.maximum(z, 0)
        squares.append((last**2).sum(axis=1).mean())
    mean, error = np.mean(squares), np.std(squares) / math.sqrt(len(squares))
    assert abs(mean - 2) < 4 * error < 0.5


def test_the_check_and_its_broken_twins():
    assert theory.check_expected_counts().holds
    no_crossings = theory.check_expected_counts(lambda widths: 1 + sum(widths[1:]), seeds=10)
    assert no_crossings.verdict == "fails"
    assert no_crossings.counterexample["mean"] > no_crossings.counterexample["bound"]
    # as if weights had the deviation of biases: 1 + N (2 / pi) arctan(1)
    scale_forgotten = theory.check_expected_counts(mean=lambda n: 1 + n / 2)
    assert scale_forgotten.verdict == "fails"


def test_what_is_refused():
    for call in (
        lambda: theory.random_network([2], 0),
        lambda: theory.random_network([2, 3], 0, bias=0),
        lambda: theory.random_counts([2, 3], 1),
        lambda: theory.hanin_rolnick(-1, 2, 1, gradient=1, bias=1),
        lambda: theory.hanin_rolnick(3, 2, 0, gradient=1, bias=1),
    ):
        with pytest.raises(es.ParameterError):
            call()
