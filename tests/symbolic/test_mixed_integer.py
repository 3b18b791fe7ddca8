"""The mixed-integer model against exact optima, other solvers' points and brute force."""

from __future__ import annotations

import itertools
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest

import exactspline as es
from exactspline.symbolic import mixed_integer, unit_bounds
from exactspline.symbolic.unrolled import forms_behind

F = Fraction
BUMP = es.ScalarSpline([-1, 0, 1], [0, 1, -2, 1], [0, 1, 1, -2])


def dense(rng, n_out, n_in):
    return es.Dense(
        rng.integers(-8, 9, size=(n_out, n_in)) / 8, rng.integers(-8, 9, size=n_out) / 8
    )


def networks():
    rng = np.random.default_rng(1)
    pair = es.Branches([[dense(rng, 3, 4)], [dense(rng, 3, 4)]], es.Minimum())
    skip = es.Residual([dense(rng, 3, 3), es.ReLU()])
    return {
        "relu": es.Network(
            [dense(rng, 5, 2), es.ReLU(), dense(rng, 4, 5), es.ReLU(), dense(rng, 2, 4)], (2,)
        ),
        "abs, leaky": es.Network(
            [dense(rng, 4, 2), es.Abs(), dense(rng, 4, 4), es.LeakyReLU("1/10"), dense(rng, 1, 4)],
            (2,),
        ),
        "clip, bump": es.Network(
            [dense(rng, 3, 2), es.Clip(-1, 1), dense(rng, 3, 3), BUMP, dense(rng, 1, 3)], (2,)
        ),
        "maxima, minima": es.Network(
            [es.MASO(rng.integers(-8, 9, size=(4, 3, 2)) / 8), pair, dense(rng, 1, 3)], (2,)
        ),
        "residual": es.Network([skip, skip, dense(rng, 1, 3)], (3,)),
        "image": es.Network(
            [es.Conv([[[1, -2]], [[1, 1]]], [0, "1/2"]), es.Abs(), es.MaxPool((2,)), es.Flatten(),
             dense(rng, 1, 2)], (1, 3),
        ),
    }  # fmt: skip


NETWORKS = networks()


def optima(model, k):
    return [
        goal(model.output[k]) for goal in (cp.Minimize, cp.Maximize)
    ], model.constraints  # fmt: skip


def solved(model, k=0):
    goals, constraints = optima(model, k)
    return [float(cp.Problem(goal, constraints).solve(solver="HIGHS")) for goal in goals]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_optimum_is_the_exact_one(name):
    net = NETWORKS[name]
    box = es.Box(-2, 2, dim=net.input_dim)
    x = cp.Variable(net.input_shape)
    model = net.to_cvxpy(x, box)
    for k, exact in enumerate(es.output_range(net, box)):
        assert solved(model, k) == pytest.approx([float(exact.low), float(exact.high)], abs=1e-6)
        # and what the solver calls the best input is one, by the forward pass
        assert net.forward(x.value).reshape(-1)[k] == pytest.approx(float(exact.high), abs=1e-5)


@pytest.mark.parametrize("name", ["relu", "maxima, minima", "clip, bump"])
def test_at_a_point_the_model_has_the_network_s_value(name):
    net = NETWORKS[name]
    x = cp.Variable(net.input_dim)
    model = net.to_cvxpy(x, es.Box(-2, 2, dim=net.input_dim))
    for at in itertools.product((-1.75, 0.25), repeat=net.input_dim):
        here = mixed_integer.MixedInteger(
            model.output, [*model.constraints, x == np.array(at)], model.binaries, model.bounds
        )
        assert solved(here) == pytest.approx([float(net.forward(at)[0])] * 2, abs=1e-6)


def test_bounds_are_the_tightest():
    """relu(2 x + 1) on [-1, 3]: 7 above 0, 1 above the line; any smaller one cuts something off."""
    net = es.Network([es.Dense([[2]], [1]), es.ReLU()], (1,))
    model = net.to_cvxpy(cp.Variable(1), es.Box([-1], [3]))
    assert model.bounds == {0: (F(7), F(1))}
    deep = NETWORKS["relu"]
    found = deep.to_cvxpy(cp.Variable(2), es.Box(-2, 2, dim=2)).bounds
    # against the members' values at all corners of all regions of the first layer: brute force
    first = es.Network(list(deep.operators[:3]), (2,))
    corners = np.array(
        [v for region in es.enumerate_regions(first, es.Box(-2, 2, dim=2))
         for v in region.vertices()], dtype=object,
    )  # fmt: skip
    values = first.forward(corners, exact=True)
    for k in range(4):
        low, high = min(values[:, k]), max(values[:, k])
        assert (5 + k in found) == (low < 0 < high)
        if low < 0 < high:
            assert found[5 + k] == (high, -low)


def test_bounds_that_are_too_small_are_caught(monkeypatch):
    net, box = NETWORKS["relu"], es.Box(-2, 2, dim=2)
    (exact, *_) = es.output_range(net, box)
    right = unit_bounds._scalar

    def half(*arguments):
        found = right(*arguments)
        return unit_bounds.UnitBounds(found.alive, tuple(v / 2 for v in found.upper), found.sign)

    monkeypatch.setattr(unit_bounds, "_scalar", half)
    wrong = solved(net.to_cvxpy(cp.Variable(2), box))
    assert (
        max(abs(a - float(b)) for a, b in zip(wrong, (exact.low, exact.high), strict=True)) > 0.01
    )


def test_settled_units_need_no_binary():
    net = es.Network([es.Dense([[1, 1]], [5]), es.ReLU()], (2,))
    model = net.to_cvxpy(cp.Variable(2), es.Box(-1, 1, dim=2))
    assert (model.binaries, model.bounds) == ([], {})
    assert solved(model) == pytest.approx([3, 7])
    far = es.Network([es.MASO([[[1, 0], [0, 1], [1, 1]]], [[0, 0, -9]])], (2,))
    assert far.to_cvxpy(cp.Variable(2), es.Box(-1, 1, dim=2)).bounds == {0: (F(2), F(2))}
    same = es.Network([es.MASO([[[1, 0], [1, 0]]])], (2,))
    assert same.to_cvxpy(cp.Variable(2), es.Box(-1, 1, dim=2)).binaries == []


def test_polytopes_and_slices():
    net = NETWORKS["relu"]
    for domain in (
        es.Polytope([[1, 2], [-1, 0], [0, -1]], [1, 1, 1]),
        es.Slice([1, "1/3"], [[1, -1]], es.Box([-1], [2])),
        es.Box([1, 1], [1, 1]),
    ):
        model = net.to_cvxpy(cp.Variable(2), domain)
        (exact, *_) = es.output_range(net, domain)
        assert solved(model) == pytest.approx([float(exact.low), float(exact.high)], abs=1e-6)


def test_with_a_time_limit_bounds_are_still_right():
    net, box = NETWORKS["relu"], es.Box(-2, 2, dim=2)
    tight = net.to_cvxpy(cp.Variable(2), box)
    model = net.to_cvxpy(cp.Variable(2), box, time_limit=0.2)
    for unit, bounds in tight.bounds.items():
        assert all(a >= b for a, b in zip(model.bounds[unit], bounds, strict=True))
    (exact, *_) = es.output_range(net, box)
    assert solved(model) == pytest.approx([float(exact.low), float(exact.high)], abs=1e-6)


def test_what_a_program_is_as_operators():
    for net in NETWORKS.values():
        program = net.program
        again = forms_behind(program, len(program.layers), program.output)
        x = np.array([[F(i * j % 7 - 3, 2) for j in range(net.input_dim)] for i in range(9)])
        own = net.forward(x.reshape(-1, *net.input_shape), exact=True).reshape(9, -1)
        assert again.forward(x, exact=True).tolist() == own.tolist()


def test_what_is_refused(monkeypatch):
    net = NETWORKS["relu"]
    with pytest.raises(es.ShapeError, match=r"to_cvxpy.*\(3,\)"):
        net.to_cvxpy(cp.Variable(3), es.Box(-1, 1, dim=2))
    with pytest.raises(es.ShapeError, match="to_cvxpy"):
        net.to_cvxpy(np.zeros(2), es.Box(-1, 1, dim=2))
    with pytest.raises(es.DomainError, match="no domain"):
        net.to_cvxpy(cp.Variable(2), None)
    with pytest.raises(es.DomainError, match="not bounded"):
        net.to_cvxpy(cp.Variable(2), es.WholeSpace(2))
    with pytest.raises(es.ShapeError):
        net.to_cvxpy(cp.Variable(2), es.Box(-1, 1, dim=3))
    monkeypatch.setattr(mixed_integer, "MOST_UNITS", 3)
    with pytest.raises(es.LimitError, match="9 units"):
        net.to_cvxpy(cp.Variable(2), es.Box(-1, 1, dim=2))
    monkeypatch.setattr(mixed_integer, "MOST_UNITS", 30)
    monkeypatch.setattr(unit_bounds, "MOST_PAIRS", 3)
    wide = es.Network([es.MASO(np.arange(24).reshape(4, 3, 2))], (2,))
    with pytest.raises(es.LimitError, match="12 pairs"):
        wide.to_cvxpy(cp.Variable(2), es.Box(-1, 1, dim=2))


def test_a_region_s_constraints():
    """The largest value on a region is that at one of its vertices."""
    net, box = NETWORKS["relu"], es.Box(-2, 2, dim=2)
    for region in list(es.enumerate_regions(net, box))[:6]:
        x = cp.Variable(2)
        A, b = region.affine()
        value = cp.Problem(cp.Maximize((A @ x + b)[0]), region.to_cvxpy(x)).solve(solver="HIGHS")
        corners = np.array([[float(v) for v in vertex] for vertex in region.vertices()])
        assert value == pytest.approx((corners @ A.T + b)[:, 0].max(), abs=1e-6)


@pytest.mark.parametrize("which", ["weight", "bias", "domain"])
def test_numbers_beyond_float64_are_refused(which):
    """Not the largest float64 in their place, and no infinite M."""
    far = F(10) ** 400
    net = es.Network(
        [es.Dense([[far if which == "weight" else 1]], [far if which == "bias" else 0]), es.ReLU()],
        (1,),
    )
    box = es.Box([-far if which == "domain" else -1], [far if which == "domain" else 1])
    with pytest.raises(es.ParameterError, match="beyond the range of float64"):
        net.to_cvxpy(cp.Variable(1), box)
