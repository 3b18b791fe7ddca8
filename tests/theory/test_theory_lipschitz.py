"""Check 14: exact Lipschitz constants, their enclosure, ties, and the product bound."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from theory_nets import WITH_FORWARD, toy, two_layers

import exactspline as es
from exactspline import theory
from exactspline.theory.common.spectral import compare, gram_root, square_root
from exactspline.theory.constants import constants

F = Fraction


@pytest.mark.slow
def test_random_networks():
    held = 0
    for net, domain, context in toy(40, kinds=WITH_FORWARD, seed="lip", skip=False):
        report = theory.check_lipschitz(net, domain)
        assert report.verdict in ("holds", "not applicable"), f"{context}: {report}"
        held += report.holds
    assert held > 35


def test_against_float():
    """The enclosure holds numpy's largest singular value, up to its rounding."""
    for net, domain, context in toy(25, seed="svd", domains=False):
        omega = es.enumerate_regions(net, domain)
        A = omega.affine_pieces()[0]
        found = theory.lipschitz(omega)
        low, high = (float(v) for v in found.two)
        norms = [np.linalg.norm(a, 2) for a in A]
        assert low * (1 - 1e-9) - 1e-12 <= max(norms) <= high * (1 + 1e-9) + 1e-12, context
        assert found.two[1] - found.two[0] <= found.two[1] / 2**39
        assert float(found.one) == pytest.approx(max(np.linalg.norm(a, 1) for a in A))
        assert float(found.infinity) == pytest.approx(max(np.linalg.norm(a, np.inf) for a in A))
        best = {i for i, v in enumerate(norms) if v >= max(norms) * (1 - 1e-9)}
        assert set(found.regions["2"]) <= best or max(norms) < 1e-9


def test_product_bound_of_skips_and_pools():
    """It holds with skip connections and overlapping windows as well."""
    for net, domain, context in toy(20, seed="product"):
        found, product = theory.lipschitz(net, domain), theory.product_bound(net)
        assert found.two[0] <= product["2"], context
        if found.one is not None:
            assert found.one <= product["1"], context
            assert found.infinity <= product["inf"], context
    pool = es.Network([es.MaxPool((2,), stride=1)], (1, 4))
    product = theory.product_bound(pool)
    assert product["1"] == 2
    assert product["inf"] == 1
    assert product["2"] ** 2 >= 2 > (product["2"] - F(1, 2**30)) ** 2
    assert theory.check_lipschitz(pool).holds
    # x1 = max wins three windows: the bound sqrt(2) is attained by two of them
    assert theory.lipschitz(pool).two_squared == (2, 2)


@pytest.mark.parametrize("norm", ["1", "2", "inf"])
def test_wrong_claims(norm):
    net = two_layers()
    right = theory.lipschitz(net)
    true = {"1": right.one, "2": right.two[1], "inf": right.infinity}[norm]
    for factor in (F(999, 1000), F(1001, 1000)):
        report = theory.check_lipschitz(net, constant={norm: true * factor})
        assert report.verdict == "fails"
        at = report.counterexample
        x, y = at["x"], at["y"]
        fx, fy = (net.forward(np.array(v, dtype=object), exact=True) for v in (x, y))
        top, run = fx - fy, np.array(x) - np.array(y)
        if norm == "2":
            quotient = (top @ top) / (run @ run)
            assert (quotient > (true * factor) ** 2) == (factor < 1)
        else:
            size = (lambda v: sum(abs(v))) if norm == "1" else (lambda v: max(abs(v)))
            assert (size(top) / size(run) > true * factor) == (factor < 1)
    with pytest.raises(es.ParameterError):
        theory.check_lipschitz(net, constant={"3": 1})
    with pytest.raises(es.ParameterError, match="mapping"):
        theory.check_lipschitz(net, at_most=3)


@pytest.mark.parametrize("norm", ["1", "2", "inf"])
def test_what_is_said_of_a_constant_is_decided_exactly(norm):
    """Equal and at most are two things; a difference of 1e-40 is one, of an irrational too."""
    flat = es.Network([es.Dense([[3, 4]]), es.ReLU()], (2,))
    true = {"1": 4, "2": 5, "inf": 7}[norm]
    tiny = F(1, 10**40)
    cases = ((true - tiny, False, False), (true, True, True), (true + tiny, False, True))
    for value, equal, bound in cases:
        assert theory.check_lipschitz(flat, constant={norm: value}).holds == equal
        assert theory.check_lipschitz(flat, at_most={norm: value}).holds == bound
        report = theory.check_lipschitz(flat, constant={norm: value})
        assert (report.counterexample is None) == equal
        if not equal:
            assert report.counterexample["the Lipschitz constant is between"] == [true, true]


def test_what_is_said_of_an_irrational_constant():
    root = es.Network([es.Dense([[1, 1]])], (2,))  # sqrt(2), by its continued fraction
    p, q = 1, 1
    for _ in range(40):
        p, q = p + 2 * q, p + q
        assert not theory.check_lipschitz(root, constant={"2": F(p, q)}).holds
        assert theory.check_lipschitz(root, at_most={"2": F(p, q)}).holds == (p * p > 2 * q * q)


def test_the_older_name_of_a_constant():
    with pytest.warns(DeprecationWarning, match="constant="):
        assert not theory.check_lipschitz(two_layers(), claim={"inf": 1}).holds


def test_a_wrong_product_is_found(monkeypatch):
    monkeypatch.setattr(constants, "product_bound", lambda net: dict.fromkeys("12", F(1)) | {
        "inf": F(1)})  # fmt: skip
    report = theory.check_lipschitz(two_layers())
    assert report.verdict == "fails"
    assert report.counterexample["product bound"] == 1


def test_a_wrong_matrix_is_found(monkeypatch):
    """A mutation of the regions' matrices does not agree with the network's values."""
    maps = constants._maps

    def wrong(partition):
        found, coordinate, inner = maps(partition)
        return [[[v + F(1, 5) for v in row] for row in A] for A in found], coordinate, inner

    monkeypatch.setattr(constants, "_maps", wrong)
    with pytest.raises(es.UndecidedError):
        theory.check_lipschitz(es.Network([es.Dense([[1, 2], [2, 1]]), es.ReLU()], (2,)),
                               es.Slice([0, 0], [[1, 2]]))  # fmt: skip
    assert theory.check_lipschitz(two_layers()).verdict == "fails"


def test_ties_are_proved():
    """Different matrices with one 2-norm: a rotation, a permutation, and almost equal ones."""
    one = gram_root([[F(1), F(2)], [F(3), F(4)]])
    same = gram_root([[F(4), F(3)], [F(2), F(1)]])
    assert compare(one, same) == 0
    # equal largest roots in different polynomials: 2 with 1, and 2 alone in a larger matrix
    a = gram_root([[F(1), F(1)], [F(0), F(0)]])
    b = gram_root([[F(1), F(1), F(0)], [F(0), F(0), F(1)]])
    assert compare(a, b) == 0
    assert a.polynomial != b.polynomial
    tiny = F(1, 10**40)
    near = gram_root([[F(1), F(2)], [F(3), F(4) + tiny]])
    assert compare(near, one) == 1
    assert compare(one, near) == -1
    # an irrational root shared by two polynomials
    c = gram_root([[F(1), F(2), F(0)], [F(3), F(4), F(0)], [F(0), F(0), F(2)]])
    assert compare(one, c) == 0
    assert compare(c, near) == -1


def test_random_comparisons():
    orders = set()
    for seed in range(60):
        rng = random.Random(seed)
        A, B = ([[F(rng.randint(-2, 2)) for _ in range(2)] for _ in range(2)] for _ in range(2))
        if not any(map(any, A)) or not any(map(any, B)):
            continue
        order = compare(gram_root(A), gram_root(B))
        difference = np.linalg.norm(np.array(A, float), 2) - np.linalg.norm(np.array(B, float), 2)
        assert order == (0 if abs(difference) < 1e-9 else (1 if difference > 0 else -1))
        orders.add(order)
    assert orders == {-1, 0, 1}


def test_maximising_regions_tie():
    net = es.Network([es.Dense([[3, 4], [-4, 3]]), es.Abs()], (2,))
    found = theory.lipschitz(net)
    assert found.two == (5, 5)
    assert found.regions["2"] == (0, 1, 2, 3)
    folded = es.Network([es.Dense([[1, 0]]), es.LeakyReLU(2)], (2,))
    assert theory.lipschitz(folded).regions["2"] == (0,)


def test_roots_of_rationals():
    assert square_root(F(9, 4), F(9, 4)) == (F(3, 2), F(3, 2))
    low, high = square_root(F(2), F(2))
    assert low**2 < 2 < high**2
    assert high - low < F(1, 2**50)
    low, high = square_root(F(1, 10**60) * 2, F(1, 10**60) * 2)
    assert low**2 < F(2, 10**60) < high**2


def test_domains():
    net = two_layers()
    oblique = es.Slice([0, 0], [[1, 2]])
    assert theory.lipschitz(net, oblique).one is None
    assert theory.check_lipschitz(net, oblique).holds
    flat = es.Box([0, -1], [0, 1])
    assert theory.lipschitz(net, flat).one is not None
    assert theory.check_lipschitz(net, flat).holds
    assert theory.check_lipschitz(net, es.Box([0, 0], [0, 0])).verdict == "not applicable"
    assert theory.check_lipschitz(es.Network([es.Dense([[0, 0]])], (2,))).holds
    with pytest.raises(es.LimitError):
        gram_root([[F(1)] * 70 for _ in range(70)])


def test_ties_and_signs_of_rows():
    """Other matrices of one norm tie; a row's signs matter within it."""
    swap = es.Network([es.MASO([[[1, 2], [2, 1]]])], (2,))
    assert theory.lipschitz(swap).regions["2"] == (0, 1)
    # A = (1, 1), (-1, -1) of norm 2 and (1, 1), (-1, 1) of norm sqrt 2
    fold = es.Network([es.MASO([[[1, 1], [1, 1]], [[-1, -1], [-1, 1]]])], (2,))
    found = theory.lipschitz(fold)
    assert found.two == (2, 2)
    assert found.regions["2"] == (0,)


def test_witnesses_alone_find_a_constant_that_is_too_small(monkeypatch):
    monkeypatch.setattr(constants._Points, "exceeds", lambda *_: None)
    monkeypatch.setattr(constants._Points, "reaches", lambda *_: None)
    report = theory.check_lipschitz(two_layers(), constant={"inf": F(1, 1000)})
    assert report.verdict == "fails"
    assert "exceed" in report.reason
