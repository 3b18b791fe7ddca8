"""Learning max-affine splines from data."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline import theory


def convex_data(seed, n=40, d=2, pieces=4, noise=0.0):
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(pieces, d)) * 2, rng.normal(size=pieces)
    X = rng.normal(size=(n, d))
    return X, (X @ A.T + b).max(axis=1) + noise * rng.normal(size=n)


def plain_errors(fit, X, y):
    """Errors straight from A and B, in rationals."""
    gaps = []
    for x, value in zip(X.tolist(), np.reshape(y, (len(X), -1)).tolist(), strict=True):
        for A, B, v in zip(fit.maso.A, fit.maso.B, value, strict=True):
            top = max(
                sum(Fraction(a) * Fraction(c) for a, c in zip(row, x, strict=True)) + Fraction(b)
                for row, b in zip(A.tolist(), B.tolist(), strict=True)
            )
            gaps.append(abs(top - Fraction(v)))
    return float(max(gaps)), float(sum(g * g for g in gaps) / len(gaps)) ** 0.5


@pytest.mark.parametrize("seed", range(4))
def test_a_max_affine_function_is_found(seed):
    X, y = convex_data(seed)
    fit = theory.fit_max_affine(X, y, 4)
    assert fit.max_error < 1e-4 * np.ptp(y)
    assert max(fit.pieces) <= 4
    largest, rmse = plain_errors(fit, X, y)
    assert fit.max_error == pytest.approx(largest, abs=1e-15)
    assert fit.rmse == pytest.approx(rmse, abs=1e-15)
    assert isinstance(fit.maso, es.MASO)
    net = es.Network([fit.maso], (2,))
    assert theory.check_power_diagram(net, es.Box([-5, -5], [5, 5])).holds


@pytest.mark.slow
def test_noise_and_fewer_pieces():
    """Convex regression bounds every fit from below; more pieces fit better."""
    X, y = convex_data(7, noise=0.3)
    full = theory.fit_max_affine(X, y)
    assert full.method == "convex"
    errors = []
    for pieces in (1, 2, 4):
        fit = theory.fit_max_affine(X, y, pieces)
        assert fit.maso.A.shape[1] <= pieces
        assert fit.rmse >= full.least_rmse - 1e-6
        assert fit.least_rmse == pytest.approx(full.least_rmse, abs=1e-5)
        errors.append(fit.rmse)
    assert errors[0] > errors[1] > errors[2] * 0.999
    line = np.column_stack([X, np.ones(len(X))])
    best = np.linalg.lstsq(line, y, rcond=None)[1][0]
    assert errors[0] == pytest.approx(np.sqrt(best / len(X)), rel=1e-4)
    assert str(full).startswith("max-affine fit (convex)")


def test_convex_regression_interpolates_convex_data():
    x = np.linspace(-2, 2, 15)[:, None]
    fit = theory.fit_max_affine(x, x[:, 0] ** 2)
    assert fit.max_error < 1e-4
    concave = theory.fit_max_affine(x, -(x[:, 0] ** 2))
    assert concave.rmse > 1  # no convex function comes near; the best is a constant
    assert concave.rmse == pytest.approx(np.std(x[:, 0] ** 2), rel=1e-4)


def test_large_data_and_several_outputs():
    X, y = convex_data(1, n=1500, pieces=3)
    both = np.column_stack([y, np.abs(X[:, 0])])
    fit = theory.fit_max_affine(X, both, 3)
    assert fit.method == "alternating"
    assert fit.least_rmse is None
    assert fit.predictions.shape == (1500, 2)
    assert fit.rmse < 0.05 * np.std(both)
    assert fit.maso.A.shape[0] == 2
    again = theory.fit_max_affine(X, both, 3)
    assert np.array_equal(again.maso.A, fit.maso.A)  # one seed, one fit


def test_degenerate_data():
    assert theory.fit_max_affine([[1.0]], [2.0]).max_error == 0
    same = theory.fit_max_affine([[1.0], [1.0], [1.0]], [1.0, 2.0, 3.0], 3)
    assert same.rmse == pytest.approx(np.sqrt(2 / 3))
    constant = theory.fit_max_affine(np.arange(6.0)[:, None], np.full(6, 5.0), 2)
    assert constant.max_error < 1e-6
    flat = theory.fit_max_affine([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]], [1.0, 0.0, 1.0], 2)
    assert flat.max_error < 1e-4
    huge = theory.fit_max_affine([[1e6], [2e6], [4e6]], [1e6, 0.0, 1e6], 2)
    assert huge.max_error < 10
    few = theory.fit_max_affine([[0.0], [1.0]], [0.0, 1.0], 9, method="alternating")
    assert few.max_error < 1e-4


def test_errors():
    X, y = convex_data(0, n=5)
    for bad_x, bad_y in ((X, y[:3]), (X[0], y), (X, y[:0]), (X[:0], y[:0]), (X, [[[1.0]]] * 5)):
        with pytest.raises(es.ShapeError):
            theory.fit_max_affine(bad_x, bad_y, 2)
    for bad_x, bad_y in ((X * np.nan, y), (X, y * np.inf), ([["a"]], [1.0]), (X[:, :0], y)):
        with pytest.raises(es.ParameterError):
            theory.fit_max_affine(bad_x, bad_y, 2)
    for pieces in (0, -1, 1.5, True):
        with pytest.raises(es.ParameterError):
            theory.fit_max_affine(X, y, pieces)
    with pytest.raises(es.ParameterError):
        theory.fit_max_affine(X, y, 2, method="best")
    with pytest.raises(es.ParameterError):
        theory.fit_max_affine(X, y, method="alternating")
    with pytest.raises(es.LimitError):
        theory.fit_max_affine(np.zeros((400, 1)), np.zeros(400))
