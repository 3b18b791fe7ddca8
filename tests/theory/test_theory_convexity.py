"""Checks 1 and 5: max-affine form and convexity, nondecreasing layers."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import operator_cases as cases
import pytest
import theory_networks as toys
from marks import first_quick

import exactspline as es
from exactspline import theory
from exactspline.theory.structure import convexity, nondecreasing


def violated(net, found):
    """Whether a counterexample is one, by the exact forward alone."""
    c = found["output"]
    x, y, middle = (np.array([found[k]], dtype=object) for k in ("x", "y", "midpoint"))
    assert ((x + y) / 2).tolist() == middle.tolist()
    fx, fy, fm = (net.forward(v, exact=True).reshape(-1)[c] for v in (x, y, middle))
    return 2 * fm > fx + fy


def sampled(net, domain, rng, output):
    """Whether random segments with ends in the domain show a violation."""
    chart = domain.chart
    for _ in range(25):
        ends = []
        while len(ends) < 2:
            t = [Fraction(rng.randint(-12, 12), 4) for _ in range(chart.dim)]
            inside = all(
                (a is None or a <= v) and (b is None or v <= b)
                for v, a, b in zip(t, chart.low, chart.high, strict=True)
            )
            ends.append(t if inside else list(chart.interior))
        middle = [(a + b) / 2 for a, b in zip(*ends, strict=True)]
        x = np.array([chart.lift(t) for t in (*ends, middle)], dtype=object)
        fx, fy, fm = net.forward(x, exact=True).reshape(3, -1)[:, output]
        if 2 * fm > fx + fy:
            return True
    return False


@pytest.mark.parametrize("seed", first_quick(range(70), 12))
def test_convex_or_a_segment_that_is_not(seed):
    rng = random.Random(seed)
    net = toys.any_network(rng)
    domain = toys.domain(rng, net.input_dim)
    report = theory.check_convexity(net, domain)
    good = set(report.details["convex outputs"])
    assert report.holds == (len(good) == net.output_dim)
    for c in range(net.output_dim):
        one = theory.check_convexity(net, domain, output=c)
        assert one.holds == (c in good)
        if one.holds:
            if not isinstance(domain, (es.Polytope, es.Slice)):
                assert not sampled(net, domain, rng, c)
            assert convexity.convexity_violation(net, domain, c) is None
        else:
            assert violated(net, one.counterexample)
            assert (
                es.enumerate_regions(net, domain)
                .locate(np.array([one.counterexample[k] for k in ("x", "y")], dtype=object))
                .region.min()
                >= 0
            )
    if report.holds:
        spline = theory.max_affine_form(net, domain)
        omega = es.enumerate_regions(net, domain)
        for x in omega.points(exact=True)[:20]:
            assert spline.evaluate(x).tolist() == net.forward(x, exact=True).reshape(-1).tolist()
    else:
        with pytest.raises(es.ParameterError, match="not convex"):
            theory.max_affine_form(net, domain)


@pytest.mark.parametrize("seed", range(30))
def test_a_maso_is_convex_and_is_its_own_form(seed):
    """The first direction of the statement; and every concave one fails."""
    rng = random.Random(seed)
    k, r, d = rng.randint(1, 2), rng.randint(1, 4), rng.randint(1, 2)
    A, B = cases.array(rng, (k, r, d), "integer"), cases.array(rng, (k, r), "third")
    net = es.Network([es.MASO(A, B)], (d,))
    report = theory.check_convexity(net)
    assert report.holds
    form = theory.max_affine_form(net)
    for c in range(k):
        given = {(*a, b) for a, b in zip(A[c].tolist(), B[c].tolist(), strict=True)}
        built = zip(form.A[c].tolist(), form.B[c].tolist(), strict=True)
        assert {(*map(Fraction, a), Fraction(b)) for a, b in built} <= given
    minus = es.Network([es.MASO(A, B), es.Dense(-np.eye(k))], (d,))
    bends = len(es.enumerate_regions(minus)) > 1
    report = theory.check_convexity(minus)
    assert report.holds != bends
    if bends:
        assert violated(minus, report.counterexample)


def test_what_a_user_gets_for_wrong_requests():
    net = es.Network([es.Dense([[1]]), es.Abs()], (1,))
    with pytest.raises(es.ParameterError, match="outputs 0 to 0"):
        theory.check_convexity(net, output=1)
    for name, check in theory.CHECKS.items():
        if check.needs_network and check.number <= 10:
            with pytest.raises(es.ParameterError, match="Network or a Partition"):
                theory.check_function(name)("net")
    stopped = es.enumerate_regions(net, limit=1)
    with pytest.raises(es.ParameterError, match="stopped"):
        theory.check_convexity(stopped)
    with pytest.raises(es.DomainError, match="empty"):
        theory.check_convexity(net, es.Polytope([[1], [-1]], [0, -1]))


VEE = es.Network([es.Dense([[1], [1]], [0, -1]), es.Abs(), es.Dense([[1, 1]])], (1,))


@pytest.mark.parametrize("side", ["forward", "maps", "one region's map"])
def test_a_change_of_either_side_is_found(side, monkeypatch):
    assert theory.check_convexity(VEE).holds
    if side == "forward":
        real = convexity.exact_forward
        monkeypatch.setattr(convexity, "exact_forward", lambda n, x: toys.tampered(real(n, x)))
        real_value = "f(x)"
    else:
        maps = convexity.maps_of

        def changed(partition):
            found = maps(partition)
            if side == "maps":
                return replace(found, A=toys.tampered(found.A), b=found.b)
            return replace(found, over_t=toys.tampered(found.over_t, -10), shift=found.shift)

        monkeypatch.setattr(convexity, "maps_of", changed)
        real_value = None
    report = theory.check_convexity(VEE)
    assert report.verdict == "fails"
    assert report.counterexample is not None
    assert real_value is None or real_value in report.counterexample


def test_the_programs_prove_what_the_facets_say(monkeypatch):
    """Without the facets a net that is not convex is still refused."""
    net = es.Network([es.Dense([[1], [1]], [0, -1]), es.Abs(), es.Dense([[1, -1]])], (1,))
    monkeypatch.setattr(convexity, "_bends", lambda partition, maps: ([None], 0))
    report = theory.check_convexity(net)
    assert report.verdict == "fails"
    assert "no facet bends" in report.reason
    monkeypatch.setattr(convexity, "_disagreement", lambda *_: (1, None))
    assert theory.check_convexity(net).verdict == "fails"
    assert "piece of region" in theory.check_convexity(net).counterexample


def test_every_pair_is_compared_by_a_program(monkeypatch):
    """-|x|: its pieces lie below each other in their own regions."""
    net = es.Network([es.Abs(), es.Dense([[-1]])], (1,))
    monkeypatch.setattr(convexity, "_bends", lambda partition, maps: ([None], 0))
    monkeypatch.setattr(convexity, "_disagreement", lambda *_: (1, None))
    assert "piece of region" in theory.check_convexity(net).counterexample


def test_maps_that_do_not_meet_are_no_convex_function(monkeypatch):
    maps = convexity.maps_of

    def torn(partition):
        found = maps(partition)
        steps = np.arange(len(found.b))[:, None]
        return replace(found, b=found.b + steps, shift=found.shift + steps)

    monkeypatch.setattr(convexity, "maps_of", torn)
    report = theory.check_convexity(VEE)
    assert report.verdict == "fails"
    assert "do not meet" in report.reason


# --- Nondecreasing layers --------------------------------------------------------------------


@pytest.mark.parametrize("seed", first_quick(range(40), 8))
def test_nondecreasing_layers_make_a_convex_network(seed):
    rng = random.Random(seed)
    n, steps = 2, []
    for width in (2, rng.randint(1, 2)):
        weight = cases.array(rng, (width, n), "third")
        if steps and rng.random() < 0.8:
            weight = abs(weight)
        act = rng.choice((es.ReLU(), es.LeakyReLU("1/3"), es.MaxLeaky(2), es.Abs(), es.ReduceMax(
            keepdims=True)))  # fmt: skip
        steps += [es.Dense(weight, cases.array(rng, (width,), "third")), act]
        n = act.output_shape((width,))[0]
    net = es.Network(steps, (2,))
    report = theory.check_nondecreasing(net)
    layers = [layer.as_maso() for layer in net.layers]
    applies = all((layer.A >= 0).all() for layer in layers[1:])
    assert report.holds == applies
    convex = theory.check_convexity(net).holds
    assert report.details["the network is convex"] == convex
    if applies:
        assert convex
    else:
        assert report.verdict == "not applicable"
        assert "negative" in report.reason
        assert convex == ("convex all the same" in report.reason)


def test_the_condition_is_sufficient_and_not_necessary():
    """relu(x) - relu(-x) = x is convex, but its last layer is decreasing."""
    net = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense([[1, -1]])], (1,))
    report = theory.check_nondecreasing(net)
    assert report.verdict == "not applicable"
    assert "A[0, 0, 1] = -1 is negative; the network is convex all the same" in report.reason
    clip = theory.check_nondecreasing(es.Network([es.Clip(0, 1)], (1,)))
    assert clip.verdict == "not applicable"
    assert "not convex" in clip.reason


def test_a_wrong_hypothesis_is_found(monkeypatch):
    bad = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense([[-1, -1]])], (1,))
    assert theory.check_nondecreasing(bad).verdict == "not applicable"
    monkeypatch.setattr(nondecreasing, "_obstacle", lambda layer: "")
    report = theory.check_nondecreasing(bad)
    assert report.verdict == "fails"
    assert violated(bad, report.counterexample)
