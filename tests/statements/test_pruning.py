"""Bounds on boxes hold for exact values; a search of what they leave decides as one of all does."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets

import exactspline as es
from exactspline.statements import pruning, search
from exactspline.statements.affine import Affine
from exactspline.statements.atoms import Applied, PointAtom
from exactspline.statements.conditions import Literal
from exactspline.statements.joint import Coordinates, Joint

KINDS = ("relu", "abs", "leaky")
STYLES = ("integer", "dyadic", "third", "float32")


def bounds_of(network: es.Network, low: list, high: list):
    """Bounds of a network's outputs on a box, by its joint network."""
    point = PointAtom("x", es.Box(low, high))
    entries = tuple(Affine.entry(point, i) for i in range(point.size))
    applied = Applied(network, entries)
    literals = [Literal(Affine.entry(applied, i), "<=") for i in range(applied.size)]
    joint = Joint(Coordinates((point,)), literals)
    bounds = pruning.Bounds(joint)
    a = np.array([[pruning._below(Fraction(v))] for v in low])
    b = np.array([[pruning._above(Fraction(v))] for v in high])
    below, above = bounds._compared(a, b)
    columns = [joint.columns[literal.form] for literal in literals]
    return below[columns, 0], above[columns, 0]


def test_values_are_between_their_bounds():
    rng, tight = random.Random(5), 0
    for _ in range(60):
        widths = [rng.randint(1, 4) for _ in range(rng.randint(1, 3))]
        spec = nets.random_spec(rng, rng.randint(1, 3), widths, rng.choice(STYLES), kinds=KINDS)
        network = nets.network(spec)
        last = rng.choice([es.ReduceMax, es.ReduceMin, es.Abs, None])
        if last is not None:
            more = (last([0], keepdims=True) if last is not es.Abs else last(), [-1])
            steps = [(node.operator, node.inputs) for node in network.nodes]
            more[1][0] = len(steps) - 1
            network = es.Network.from_nodes([*steps, more], network.input_shape)
        d = network.input_dim
        low = [Fraction(rng.randint(-8, 8), 4) for _ in range(d)]
        high = [v + Fraction(rng.randint(1, 8), rng.choice([1, 4, 1000])) for v in low]
        below, above = bounds_of(network, low, high)
        for _ in range(12):
            share = [rng.choice([0, 1, Fraction(rng.randint(0, 99), 99)]) for _ in range(d)]
            x = [a + s * (b - a) for a, b, s in zip(low, high, share, strict=True)]
            twin = np.array(x, dtype=object)
            values = network.forward(twin).reshape(-1)
            for value, a, b in zip(values, below, above, strict=True):
                assert a == -np.inf or Fraction(a) <= value
                assert b == np.inf or value <= Fraction(b)
                tight += b - a < 1000
    assert tight > 100


def test_of_a_monotone_network_bounds_are_sharp():
    net = es.Network(
        [es.Dense([[1, 2]], [-1]), es.ReLU(), es.MaxLeaky("1/2"), es.Dense([[3]])], (2,)
    )
    below, above = bounds_of(net, [0, 0], [1, 1])
    assert below[0] <= 0 <= below[0] + 1e-12
    assert above[0] - 1e-12 <= 6 <= above[0]


def test_numbers_beyond_float64_bound_nothing():
    huge = es.Network([es.Dense([["1e400"]]), es.ReLU(), es.Dense([["1e-400"]])], (1,))
    below, above = bounds_of(huge, [0], [1])
    assert below[0] <= 0
    assert above[0] >= 1
    assert es.prove(es.forall(es.Box([0], [1]), lambda x: huge(x)[0] <= 1)).holds


def test_what_bounds_decide_is_not_searched(monkeypatch):
    rng = np.random.default_rng(3)
    net = es.Network(
        [es.Dense(rng.normal(size=(8, 2)), rng.normal(size=8)), es.ReLU(),
         es.Dense(rng.normal(size=(1, 8)))], (2,),
    )  # fmt: skip
    box = es.Box(-1, 1, dim=2)
    top = es.find(es.exists(box, lambda x: x[0] <= 1), maximise=lambda x: net(x)[0]).optimum
    far = es.prove(es.forall(box, lambda x: net(x)[0] <= top + 1000))
    assert (far.holds, far.regions, far.pruned) == (True, 0, 1)
    near = es.prove(es.forall(box, lambda x: net(x)[0] <= top))
    strict = es.prove(es.forall(box, lambda x: net(x)[0] < top))
    assert near.holds
    assert strict.holds is False
    # cells are closed inside the search; boxes are left out where it cannot
    assert near.pruned == 0 < near.closed
    assert near.regions < es.count_regions(net, box)
    seen = []

    def halved(joint, domain, condition, *, halve):
        assert not halve
        seen.append(pruning.undecided(joint, domain, condition))
        return seen[-1]

    monkeypatch.setattr(search, "undecided", halved)
    assert es.prove(es.forall(box, lambda x: net(x)[0] <= top)).holds
    best = es.prove(es.exists(box, lambda x: net(x)[0] >= top))
    assert best.holds
    for boxes in seen:
        assert boxes.pruned > 0
        assert all(a <= v <= b for a, v, b in zip(
            boxes.domain.chart.low, best.witness, boxes.domain.chart.high, strict=True
        ))  # fmt: skip


@pytest.mark.parametrize("norm", ["max", "l1"])
def test_the_same_verdicts_with_and_without(monkeypatch, norm):
    rng = random.Random(12)
    size = {"max": es.max_norm, "l1": es.l1_norm}[norm]
    cases = []
    for _ in range(25):
        w = [[rng.randint(-2, 2) for _ in range(2)] for _ in range(3)]
        f = es.Network(
            [es.Dense(w, [rng.randint(-1, 1) for _ in range(3)]), es.ReLU(),
             es.Dense([[rng.randint(-2, 2) for _ in range(3)]])], (2,),
        )  # fmt: skip
        c, strict = Fraction(rng.randint(-2, 8), 2), rng.random() < 0.5
        cases.append((f, c, strict))

    def holds():
        out = []
        for f, c, strict in cases:
            box = es.Box(-2, 2, dim=2)
            out.append(es.prove(es.forall(box, lambda x, f=f, c=c, s=strict: es.implies(
                size(x) <= 1, f(x)[0] < c if s else f(x)[0] <= c))).holds)  # fmt: skip
        return out

    plain = holds()
    for other in (
        lambda joint, domain, condition, **_: pruning.undecided(joint, domain, condition),
        lambda joint, domain, condition, **_: pruning.Boxes(domain, 0),
    ):
        monkeypatch.setattr(search, "undecided", other)
        assert plain == holds()
    assert len(set(plain)) == 2


@pytest.mark.parametrize("seed", range(12))
def test_canonical_order_finds_the_first_region(seed):
    """The counterexample lies in the first region with a vertex that violates."""
    rng = np.random.default_rng(seed)
    net = es.Network([es.Dense(rng.integers(-3, 4, (5, 2)), rng.integers(-2, 3, 5)), es.ReLU(),
                      es.Dense(rng.integers(-3, 4, (1, 5)))], (2,))  # fmt: skip
    box = es.Box(-1, 1, dim=2)
    bad = []
    for region in es.enumerate_regions(net, box):
        corners = np.array(region.vertices(), dtype=object)
        if (net.forward(corners, exact=True) > 1).any():
            bad.append(tuple(int(v) for v in region.code))
    verdict = es.prove(es.forall(box, lambda x: net(x)[0] <= 1), order="canonical")
    assert verdict.holds == (not bad)
    if bad:
        assert verdict.applied[0].code == min(bad)
    with pytest.raises(es.ParameterError, match="order"):
        es.prove(es.forall(box, lambda x: net(x)[0] <= 1), order="first")
    with pytest.raises(es.ParameterError, match="limit"):
        es.prove(es.forall(box, lambda x: net(x)[0] <= 1000), limit=0)
    with pytest.raises(es.ParameterError, match="executor"):
        es.prove(es.forall(box, lambda x: net(x)[0] <= 1000), executor=3)
