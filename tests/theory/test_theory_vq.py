"""Check 17: vector quantisation, on toy networks and on scikit-learn's digits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from theory_nets import WITH_FORWARD, exact, toy, two_layers

import exactspline as es
from exactspline import theory
from exactspline.theory.learning import vq


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    model = MLPClassifier((12, 10), max_iter=60, learning_rate_init=0.01, random_state=0)
    with pytest.warns(ConvergenceWarning):  # no matter here
        model.fit(X[:800], y[:800])
    return es.from_sklearn(model), X, y


def test_random_networks():
    for net, domain, context in toy(30, kinds=WITH_FORWARD, seed="vq", skip=False):
        report = theory.check_vq(net, domain)
        assert report.holds or not net.program.n_units, f"{context}: {report}"


@pytest.mark.slow
def test_real_data(digits):
    """Codes of images: the check, distances per layer, and neighbours that share labels."""
    net, X, y = digits
    report = theory.check_vq(net, X=X[800:840])
    assert report.holds
    assert report.checked == 40
    assert set(report.details["mean distance per layer"]) == {1, 2}
    index, distances = theory.nearest_in_code_space(net, X[:200], X[800:860], k=5)
    assert index.shape == (60, 5)
    assert distances.units == 22
    picked = np.take_along_axis(distances.differing, index, axis=1)
    assert np.all(np.diff(picked, axis=1) >= 0)
    assert np.array_equal(picked[:, 0], distances.differing.min(axis=1))
    same = (y[:200][index[:, 0]] == y[800:860]).mean()
    assert same > 0.25  # by chance it would be a tenth
    first = theory.vq_distances(net, X[:8], layer=1)
    last = theory.vq_distances(net, X[:8], layer=2)
    both = theory.vq_distances(net, X[:8])
    assert np.array_equal(first.differing + last.differing, both.differing)
    assert (first.units, last.units) == (12, 10)


def test_codes_are_exact():
    """On ties the lowest piece, where floats see something else."""
    net = es.Network([es.Dense([[1, 1, -1]]), es.ReLU()], (3,))
    x = exact([["1/10", "2/10", "3/10"]])
    assert theory.vq_codes(net, x).tolist() == [[0]]
    assert theory.vq_codes(net, [[0.1, 0.2, 0.3]]).tolist() == [[1]]  # as the dyadics they are
    assert theory.vq_codes(net, [[0.5, 0.25, 0.75 - 2**-50]]).tolist() == [[1]]
    distances = theory.vq_distances(net, x, [[1.0, 1.0, 1.0]])
    assert distances.exact(0, 0) == 1
    assert distances.values.tolist() == [[1.0]]


def test_mutated_codes_are_found():
    net = two_layers()
    X = np.random.default_rng(0).normal(size=(20, 2)) * 3
    codes = theory.vq_codes(net, X)
    assert theory.check_vq(net, X=X, codes=codes).holds
    for i in range(0, 20, 4):
        for unit in range(codes.shape[1]):
            wrong = codes.copy()
            wrong[i, unit] = 1 - wrong[i, unit]
            assert theory.check_vq(net, X=X, codes=wrong).verdict == "fails"
    wrong = codes.copy()
    wrong[0, 0] = 7
    assert theory.check_vq(net, X=X, codes=wrong).verdict == "fails"


def test_what_was_compared_is_told():
    """Every region, also where no two of them have a piece in common; pairs inside of each."""
    apart = es.Network([es.Dense([[1]], [0]), es.Abs()], (1,))
    report = theory.check_vq(apart)
    assert report.holds
    details = report.details
    assert (report.checked, details["regions there are"], details["distinct codes"]) == (2, 2, 2)
    assert details["pairs whose distance was compared"] == 1
    assert details["of these, pairs with a piece in common"] == 0
    assert details["pairs of points of one code"] == 2  # a step in each of the two
    assert report.notes == ()
    line = es.Network([es.Dense([[1]] * 70, [-i for i in range(70)]), es.ReLU()], (1,))
    report = theory.check_vq(line)
    assert report.checked == report.details["regions there are"] == 71
    assert report.details["triples"] == 71 * 70 * 69 // 6
    assert report.details["of these, pairs with a piece in common"] == 71 * 70 // 2 - 1
    one = theory.check_vq(apart, X=[[3]])
    assert one.holds
    assert one.details["mean distance per layer"] == {}  # there is no pair


def test_more_regions_than_are_compared(monkeypatch):
    monkeypatch.setattr(vq, "_MOST_POINTS", 4)
    report = theory.check_vq(two_layers())
    assert report.checked == 4
    total = report.details["regions there are"]
    assert report.notes == (f"the first 4 of {total} regions were compared",)
    report = theory.check_vq(two_layers(), X=np.zeros((9, 2)))
    assert report.notes == ("the first 4 of 9 points were compared",)
    assert report.details["pairs of points of one code"] == 6


def test_a_mutated_distance_is_found(monkeypatch):
    right = vq.vq_distances

    def wrong(*args, **options):
        found = right(*args, **options)
        found.differing[0, 1] += 1
        return found

    monkeypatch.setattr(vq, "vq_distances", wrong)
    report = theory.check_vq(two_layers())
    assert report.verdict == "fails"
    assert "VQ matrices" in report.counterexample["what"]


def test_a_mutated_value_is_found(monkeypatch):
    forward = es.Network.forward
    monkeypatch.setattr(es.Network, "forward", lambda *a, **k: forward(*a, **k) * 2)
    assert theory.check_vq(two_layers()).verdict == "fails"


def test_errors():
    net = two_layers()
    for layer in (0, 3, True, -1):
        with pytest.raises(es.ParameterError):
            theory.vq_distances(net, [[0, 0]], layer=layer)
    for k in (0, 2, True):
        with pytest.raises(es.ParameterError):
            theory.nearest_in_code_space(net, [[0, 0]], [[1, 1]], k=k)
    with pytest.raises(es.ShapeError):
        theory.vq_codes(net, [[0, 0, 0]])
    with pytest.raises(es.ParameterError):
        theory.vq_codes(net, [[0, np.nan]])
    with pytest.raises(es.ShapeError):
        theory.check_vq(net, X=[[0, 0]], codes=[[0]])
    assert theory.check_vq(es.Network([], (2,))).verdict == "not applicable"
