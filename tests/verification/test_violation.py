"""Largest margins and ranges: against brute force, at limits, under conditions, bad input."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from marks import first_quick
from where_twin import case

import exactspline as es

RAMP = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
BOX = es.Box(0, 1, dim=2)


@pytest.mark.parametrize("block", first_quick(range(3)))
def test_margins_against_all_faces_of_the_plane(block):
    """The margin is affine on every cell of the cut square, so a corner has the largest one."""
    rng, seen = random.Random(6_000 + block), {"positive": 0, "negative": 0, "zero": 0}
    for _ in range(10):
        made = case(rng, comparisons=3)
        expected = max(made.margin(p) for p, _ in made.faces)
        worst = es.max_violation(made.net, made.box, made.symbolic)
        assert worst.margin == expected, (made.weights, made.terms, made.shape)
        assert worst.attained
        assert made.margin(worst.at) == expected
        assert list(worst.output) == made.numbers(worst.at)[:2]
        if expected > 0:
            assert es.find(es.exists(made.box, made.symbolic)).holds
        elif expected < 0:
            assert not es.find(es.exists(made.box, made.symbolic)).holds
        sign = "positive" if expected > 0 else "negative" if expected < 0 else "zero"
        seen[sign] += 1
    assert seen["positive"] > 0
    assert seen["negative"] + seen["zero"] > 0


@pytest.mark.parametrize("block", first_quick(range(2)))
def test_ranges_under_conditions(block):
    """Over the closure of where a condition holds: the ends are at its corners."""
    rng, seen = random.Random(7_000 + block), {"attained": 0, "approached": 0, "nowhere": 0}
    for _ in range(12):
        made = case(rng)
        closure = set()  # faces of cells in which it holds, and faces on which it does
        cells = {k for k, p in enumerate(made.insides) if made.truth(p)}
        for p, own in made.faces:
            if made.truth(p) or cells.intersection(own):
                closure.add(p)
        true = [p for p in closure if made.truth(p)]
        if not true:
            with pytest.raises(es.DomainError, match="nowhere"):
                es.output_range(made.net, made.box, where=made.symbolic)
            seen["nowhere"] += 1
            continue
        if not all(cells.intersection(own) for p, own in made.faces if made.truth(p)):
            continue  # sets that are thin in part have corners that are not looked at here
        for k, found in enumerate(es.output_range(made.net, made.box, where=made.symbolic)):
            values = {p: made.numbers(p)[k] for p in closure}
            assert (found.low, found.high) == (min(values.values()), max(values.values()))
            assert (found.low_bound, found.high_bound) == (found.low, found.high)
            ends = ((found.low, found.low_at), (found.high, found.high_at))
            for (end, at), attained in zip(ends, found.attained, strict=True):
                assert made.numbers(at)[k] == end
                assert attained == any(values[p] == end for p in true)
                if attained:
                    assert made.truth(at)
                seen["attained" if attained else "approached"] += 1
    assert seen["attained"] > 0
    assert sum(seen.values()) > seen["attained"]


def test_expressions_of_outputs():
    net = es.Network([es.Dense([[1, -1], [1, 1]]), es.ReLU()], (2,))
    (own,) = es.output_range(net, BOX, of=lambda y: y[1] - 2 * y[0])
    assert (own.low, own.high) == (-1, 2)
    both = es.output_range(net, BOX, of=lambda y: [y[0] + y[1], es.maximum(y)])
    assert [(r.low, r.high) for r in both] == [(0, 2), (0, 2)]
    (own,) = es.output_range(net, es.Box([1, 1], [1, 1]), of=lambda y: y[1])
    assert (own.low, own.high, own.low_at) == (2, 2, (1, 1))


def deep(width=12):
    rng = np.random.default_rng(5)
    sizes = [3, width, width, 2]
    operators: list = []
    for n, m in itertools.pairwise(sizes):
        operators += [es.Dense(rng.integers(-3, 4, (m, n)), rng.integers(-3, 4, m)), es.ReLU()]
    return es.Network(operators[:-1], (3,))


@pytest.mark.parametrize(
    "options", [{"limit": 3}, {"limit": 60}, {"time_limit": 0.0}, {"time_limit": 0.2}]
)
def test_limits_leave_certified_bounds_on_both_sides(options):
    net, box = deep(), es.Box(-1, 1, dim=3)
    points = np.random.default_rng(1).uniform(-1, 1, (300, 3))
    values = net.forward(points)
    for k, own in enumerate(es.output_range(net, box, **options)):
        assert own.low_bound <= own.low <= own.high <= own.high_bound
        assert own.complete == ((own.low_bound, own.high_bound) == (own.low, own.high))
        assert own.low_bound <= values[:, k].min() + 1e-9
        assert values[:, k].max() - 1e-9 <= own.high_bound
        assert math.isfinite(own.high_bound)
        assert net.forward(np.array(own.high_at, dtype=object))[k] == own.high
    worst = es.max_violation(net, box, lambda x: net(x)[0] <= net(x)[1], **options)
    assert worst.low <= worst.high < math.inf
    assert (values[:, 1] - values[:, 0]).max() - 1e-9 <= worst.high
    if not worst.complete:
        assert worst.stopped
        with pytest.raises(es.UndecidedError, match="between"):
            _ = worst.margin


def test_bounds_come_near_the_exact_range():
    """Halving makes bounds of intervals better: a stopped search says more than they do."""
    net, box = deep(5), es.Box(-1, 1, dim=3)
    exact = es.output_range(net, box)
    for own, end in zip(es.output_range(net, box, limit=1), exact, strict=True):
        assert own.low_bound <= end.low
        assert end.high <= own.high_bound
        assert own.high_bound - own.low_bound < Fraction(11, 10) * (end.high - end.low)


def test_where_and_unbounded_domains():
    worst = es.max_violation(RAMP, BOX, "f(x)[0] >= 1", where="x[0] < 1/2")
    assert (worst.margin, worst.attained) == (Fraction(1, 2), False)
    assert worst.at == (Fraction(1, 2), 1)
    nowhere = es.max_violation(RAMP, BOX, "f(x)[0] >= 1", where="x[0] > 2")
    assert (nowhere.margin, nowhere.at) == (-math.inf, None)
    free = es.max_violation(RAMP, es.WholeSpace(2), "f(x)[0] >= 1")
    assert (free.margin, free.complete) == (math.inf, True)
    bounded = es.max_violation(RAMP, es.WholeSpace(2), "f(x)[0] < 1")
    assert bounded.margin == 1
    stopped = es.max_violation(deep(), es.WholeSpace(3), "f(x)[0] < f(x)[1]", time_limit=0)
    assert stopped.high == math.inf
    for always, end in ((True, math.inf), (False, -math.inf)):
        assert es.max_violation(RAMP, BOX, always).margin == end
    assert es.max_violation(RAMP, BOX, True, where="x[0] >= 2").margin == -math.inf
    assert es.max_violation(RAMP, es.Box([1, 1], [1, 1]), "f(x)[0] >= 1").margin == 1


def test_margins_of_files(tmp_path):
    """Bounds of inputs make the set of inputs; the rest has the margin."""
    path = tmp_path / "p.vnnlib"
    path.write_text(
        "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)"
        "(assert (or (and (<= X_0 1) (>= X_0 0) (<= X_1 0)) (and (<= X_0 0) (<= X_1 4))))"
        "(assert (>= Y_0 3))"
    )
    worst = es.max_violation(RAMP, es.Box(-1, 9, dim=2), path)
    assert worst.margin == 1
    assert worst.at == (0, 4)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: es.max_violation(RAMP, BOX, lambda x: RAMP.slope(x)[0, 0] >= 0), "no margin"),
        (lambda: es.max_violation(RAMP, BOX, lambda x: x[0] >= 0,
                                  where=lambda x: RAMP.slope(x)[0, 0] >= 0), "no margin"),
        (lambda: es.max_violation(RAMP, BOX, 5), "is no condition"),
        (lambda: es.max_violation(RAMP, es.Box(0, 1, dim=3), True), "2 inputs"),
        (lambda: es.max_violation(RAMP, BOX, True, time_limit=-1), "at least 0"),
        (lambda: es.output_range(RAMP, BOX, of=3), "function of the outputs"),
        (lambda: es.output_range(RAMP, BOX, of=lambda y: y[7]), "7"),
        (lambda: es.output_range(RAMP, BOX, of=lambda y: y[0] * y[0]), "product"),
        (lambda: es.output_range(RAMP, BOX, limit=0), "at least 1"),
        (lambda: es.output_range(RAMP, es.Box([2, 1], [1, 1])), "empty"),
    ],
)  # fmt: skip
def test_bad_input(call, says):
    with pytest.raises(es.ExactSplineError, match=says):
        call()


def test_two_networks_with_units_in_common():
    """The largest difference of a network and its twin, one output of which is moved."""
    net = deep(4)
    *inner, last = net.operators
    twin = es.Network([*inner, es.Dense(last.weight, [v + Fraction(1, 2**20) for v in last.bias])],
                      (3,))  # fmt: skip
    box = es.Box(-1, 1, dim=3)
    worst = es.max_violation(net, box, lambda x: net(x)[0] != twin(x)[0])
    assert worst.margin == Fraction(1, 2**20)
    worst = es.max_violation(net, box, lambda x: twin(x)[0] - net(x)[1] >= 0)
    (own,) = es.output_range(net, box, of=lambda y: y[0] - y[1])
    assert worst.margin == own.high + Fraction(1, 2**20)
    assert es.count_regions(net, box, where=lambda x: net(x)[0] < twin(x)[0]) == es.count_regions(
        net, box
    )


@pytest.mark.parametrize("elsewhere", ["x[0] == 2", "x[0] == 4", "x[0] == -3", "x[0] > 9"])
def test_a_value_that_is_approached_may_be_attained_elsewhere(elsewhere):
    """min(|x|, 1) comes near 1 where |x| < 1, and is 1 further out."""
    box = es.Box([-5], [5])
    worst = es.max_violation(
        es.Network([es.Dense([[1]])], (1,)), box, "min(abs(x[0]), 1) >= 0",
        where=f"-1 < x[0] < 1 or {elsewhere}",
    )  # fmt: skip
    assert worst.margin == 1
    if elsewhere == "x[0] > 9":
        assert worst.attained is False
        assert abs(worst.at[0]) == 1
    else:
        assert worst.attained is True
        assert worst.at == (int(elsewhere.split()[-1]),)
