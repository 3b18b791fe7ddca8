"""Functions chosen by conditions, against plain evaluation: splines exactly where they are."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline.errors import UnsupportedOperatorError
from exactspline.formats import gates
from exactspline.formats.gates import Gate

POINTS = [Fraction(n, 12) for n in range(-60, 61)]
NEAR = Fraction(1, 10**9)


def drawn(rng, depth):
    """A random function of u: as a gate, and as a plain function."""
    kind = rng.choice(["affine", "sum", "where", "mask", "abs", "sign"]) if depth else "affine"
    if kind == "affine":
        s, c = Fraction(rng.randint(-2, 2)), Fraction(rng.randint(-3, 3), rng.choice((1, 2)))
        return Gate.affine(s, c), lambda u: s * u + c
    a, f = drawn(rng, depth - 1)
    b, g = drawn(rng, depth - 1)
    if kind == "sum":
        v, w = Fraction(rng.randint(-2, 2)), Fraction(1, 3)
        return gates.added([a, b], [v, w]), lambda u: v * f(u) + w * g(u)
    if kind == "abs":  # a spline of a function that may jump
        spline = Gate((Fraction(0),), ((Fraction(-1), Fraction(0)), (Fraction(1), Fraction(0))),
                      (Fraction(0),))  # fmt: skip
        return spline.after(a), lambda u: abs(f(u))
    if kind == "sign":  # a function that jumps, of one
        above, below = (gates.compared(r, a, Gate.affine(0, 0)) for r in "><")
        return gates.added([above, below], [Fraction(1), Fraction(-1)]), lambda u: Fraction(
            (f(u) > 0) - (f(u) < 0)
        )
    relation = rng.choice(list(gates.RELATIONS))
    holds = gates.RELATIONS[relation]
    test = gates.compared(relation, a, b)
    if kind == "mask":
        return gates.multiplied(test, a), lambda u: f(u) * holds(f(u), g(u))
    c, h = drawn(rng, depth - 1)
    return gates.chosen(test, a, c), lambda u: f(u) if holds(f(u), g(u)) else h(u)


@pytest.mark.slow
def test_values_are_those_of_the_definition():
    jumps = 0
    for seed in range(400):
        gate, plain = drawn(random.Random(seed), 3)
        for u in POINTS:
            assert gate.of(u) == plain(u), seed
        found = gate.jump()
        jumps += found is not None
        for u in gate.points:
            ends = [plain(u - NEAR), plain(u), plain(u + NEAR)]
            continuous = max(ends) - min(ends) < 10**4 * NEAR
            assert continuous or (found is not None and found[0] <= u), seed
        if found is not None:
            u, left, right, at = found
            assert at == plain(u)
            assert abs(plain(u - NEAR) - left) < 10**4 * NEAR
            assert abs(plain(u + NEAR) - right) < 10**4 * NEAR
            assert not left == right == at
    assert 50 < jumps < 350


def written(gate, shape=(1,)):
    """The network of a gate on its input."""
    nodes = []

    def emit(operator, *inputs):
        nodes.append((operator, inputs))
        return len(nodes) - 1

    gate.written(emit, -1, "node 3 (Where)")
    return es.Network.from_nodes(nodes, shape)


def test_what_is_continuous_is_written():
    compared = 0
    for seed in range(400):
        gate, plain = drawn(random.Random(seed), 3)
        if gate.jump() is None:
            net = written(gate)
            for u in POINTS[::7]:
                assert net.forward([u], exact=True).tolist() == [plain(u)], seed
            compared += 1
    assert compared > 100


X, ZERO = Gate.affine(), Gate.affine(0, 0)


@pytest.mark.parametrize(
    ("gate", "kind"),
    [
        (gates.chosen(gates.compared(">", X, ZERO), X, ZERO), "ReLU"),
        (gates.multiplied(X, gates.compared(">=", X, ZERO)), "ReLU"),
        (gates.chosen(gates.compared("<", X, ZERO), Gate.affine("1/10"), X), "LeakyReLU"),
        (gates.chosen(gates.compared("<", X, ZERO), Gate.affine(-1), X), "Abs"),
        (
            gates.chosen(gates.compared("<", X, Gate.affine(0, 3)), X, Gate.affine(0, 3)),
            "ScalarSpline",
        ),
        (gates.chosen(gates.compared("==", X, X), X, ZERO), "Identity"),
    ],
)
def test_known_functions_get_their_names(gate, kind):
    assert [op.kind for op in written(gate).operators] == [kind]


def test_slopes_may_differ_by_entry():
    slopes = Gate.affine(np.array([Fraction(1, 2), Fraction(3)], dtype=object))
    leaky = gates.chosen(gates.compared("<", X, ZERO), slopes, X)
    net = written(leaky, (2,))
    assert [op.kind for op in net.operators] == ["PReLU"]
    bent = gates.chosen(gates.compared("<", X, Gate.affine(0, 1)), X, gates.added(
        [slopes.after(Gate.affine(1, -1)), Gate.affine(0, 1)], [1, 1]))  # fmt: skip
    net = written(bent, (2,))
    for u in POINTS[::5]:
        want = [u if u < 1 else (u - 1) / 2 + 1, u if u < 1 else 3 * (u - 1) + 1]
        assert net.forward([u, u], exact=True).tolist() == want


def test_jumps_are_told():
    hard = gates.multiplied(X, gates.compared(">", X, Gate.affine(0, 1)))
    with pytest.raises(UnsupportedOperatorError, match=r"node 3 .* is 1: 0 left of it, 1 right"):
        written(hard)
    hole = gates.chosen(gates.compared("==", X, ZERO), Gate.affine(0, 5), X)
    with pytest.raises(UnsupportedOperatorError, match="is 0: 0 left of it, 5 there"):
        written(hole)
    with pytest.raises(UnsupportedOperatorError, match="both of which change"):
        gates.multiplied(X, X)


def test_roots():
    nodes = [
        (es.Dense([[1, 2], [3, 4]]), [-1]), (es.ReLU(), [0]), (es.Elementwise("1/10"), [1]),
        (es.Add([1, -1]), [1, 2]), (es.Elementwise([1, 2]), [1]),
    ]  # fmt: skip
    assert gates.common_root(nodes, [1, 2, 3], (2,), lambda i: (2,)) == 1
    assert gates.common_root(nodes, [0, 2], (2,), lambda i: (2,)) == 0
    assert gates.common_root(nodes, [-1, 2], (2,), lambda i: (2,)) is None
    shapes = {0: (1,), 1: (1,), 2: (1,), 3: (2,), 4: (2,)}  # made larger between 2 and 4
    assert gates.common_root(nodes, [3, 4], (2,), shapes.__getitem__) is None
    gate = gates.expressed(nodes, 3, 0, (2,))
    assert [gate.of(Fraction(u)) for u in (-1, 5)] == [0, Fraction(9, 2)]
    slopes = gates.expressed(nodes, 4, 1, (2,)).pieces[0][0]
    assert slopes.tolist() == [1, 2]
