"""Distances to walls and to the decision boundary: against HiGHS, corners and `robust`."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import exactspline as es
from exactspline import theory

F = Fraction


def small_net(rng, outputs=2):
    weights = [[[F(rng.randint(-20, 20), 7) for _ in range(m)] for _ in range(n)]
               for m, n in ((2, 4), (4, 3), (3, outputs))]  # fmt: skip
    biases = [[F(rng.randint(-9, 9), 5) for _ in rows] for rows in weights]
    ops = []
    for W, b in zip(weights, biases, strict=True):
        ops += [es.Dense(W, b), es.ReLU()]
    return es.Network(ops[:-1], (2,))


def code(net, x):
    """Signs by plain NumPy, layer by layer."""
    signs = []
    z = np.asarray(x, dtype=float)
    for op in net.operators:
        z = op.forward(z[None])[0]
        if isinstance(op, es.Dense) and op is not net.operators[-1]:
            signs.append(z > 0)
    return np.concatenate(signs)


@pytest.mark.parametrize("seed", range(4))
def test_no_code_changes_before_the_wall_and_one_does_there(seed):
    """Points on the sphere of the distance: just inside all have one code, just outside not all."""
    rng = random.Random(f"walls {seed}")
    net = small_net(rng)
    x = np.array([rng.randint(-64, 64) / 32 for _ in range(2)])
    angles = np.linspace(0, 2 * np.pi, 721)
    way = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    own = code(net, x)
    for norm, size in (("l2", 2), ("max", np.inf), ("l1", 1)):
        found = theory.wall_distance(net, x, norm)
        r = float(found)
        unit = way / np.linalg.norm(way, ord=size, axis=1, keepdims=True)
        assert all((code(net, x + 0.999 * r * d) == own).all() for d in unit)
        there = np.array([float(v) for v in found.nearest]) - x
        assert np.isclose(np.linalg.norm(there, ord=size), r)
        beyond = code(net, x + 1.0001 * there)
        assert beyond[found.unit] != own[found.unit]
        assert (code(net, x + 0.9999 * there) == own).all()


def test_the_wall_distance_of_a_data_set_is_the_same():
    net = es.load("examples/moons.onnx")
    X = np.random.default_rng(3).normal(size=(12, 2))
    found = es.census(net, X, distances=True)
    for x, d, error in zip(X, found.distances, found.distance_errors, strict=True):
        assert abs(float(theory.wall_distance(net, x)) - d) <= error + 1e-12


def test_special_points():
    net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
    corner = theory.wall_distance(net, [0, "1/3"])
    assert (corner.value, corner.nearest) == (0, (0, F(1, 3)))
    assert theory.wall_distance(net, [2, "1/3"]).unit == 1
    affine = theory.wall_distance(es.Network([es.Dense([[1, 2]])], (2,)), [0, 0])
    assert affine.value is None
    assert float(affine) == math.inf
    pooled = es.Network([es.ReLU(), es.ReduceMax((0,))], (2,))
    # both are off, so the members of the maximum are equal: that is no wall
    assert theory.wall_distance(pooled, [-3, -4]).value == 9


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_boundary_of_a_data_set_is_that_of_robust(outputs):
    rng = random.Random(f"boundary {outputs}")
    box = es.Box(-2, 2, dim=2)
    compared = 0
    for _ in range(6):
        net = small_net(rng, outputs)
        boundary = es.enumerate_regions(net, box).decision_boundary()
        if not len(boundary) or not boundary.changes.all():
            continue
        X = [[F(rng.randint(-60, 60), 31) for _ in range(2)] for _ in range(2)]
        squares, pieces = theory.boundary_distances(boundary, X)
        for x, square, piece in zip(X, squares, pieces, strict=True):
            assert es.robust(net, x, box, "l2").optimum == square
            a, b = boundary.vertices(int(piece)).astype(float)[[0, -1]]
            point = np.array(x, dtype=float)
            least = minimize_scalar(
                lambda s, a=a, b=b, p=point: ((a + s * (b - a) - p) ** 2).sum(),
                bounds=(0, 1), method="bounded", options={"xatol": 1e-12},
            ).fun  # fmt: skip
            assert math.isclose(least, square, rel_tol=1e-6, abs_tol=1e-9)
            compared += 1
    assert compared >= 4


def test_classes_of_one_output():
    net = es.Network([es.Dense([[1, 1]], [-1]), es.Sigmoid()], (2,))
    box = es.Box(-3, 3, dim=2)
    assert es.robust(net, [0, 0], box, "l2").optimum == F(1, 2)
    assert es.robust(net, [2, 0], box, "max").optimum == F(1, 2)
    inside = es.robust(net, [2, 0], es.Box([1, 1], [3, 3]), "max")
    assert inside.holds


def test_broken_distances_are_refused():
    net = theory.toy_networks()["dense ReLU"]

    def euclidean(network, x, norm):  # forgets the dual norm
        return replace(theory.wall_distance(network, x, "l2"), norm=norm)

    def farther(network, x, norm):  # the second wall
        found = theory.wall_distance(network, x, norm)
        return replace(found, value=2 * found.value)

    def another_point(network, x, norm):
        return replace(theory.wall_distance(network, x, norm), nearest=tuple(x))

    assert theory.check_wall_distance(net).holds
    for broken in (euclidean, farther, another_point):
        report = theory.check_wall_distance(net, distance=broken)
        assert report.verdict == "fails"
        assert report.counterexample
    assert theory.check_wall_distance(net, es.Box(-1, 1, dim=2)).verdict == "not applicable"


def test_what_is_refused():
    net = es.Network([es.Dense([[1, 1]], [-1])], (2,))
    with pytest.raises(es.ParameterError, match="norm 'l3'"):
        theory.wall_distance(net, [0, 0], "l3")
    with pytest.raises(es.ShapeError):
        theory.wall_distance(net, [0, 0, 0])
    with pytest.raises(es.ParameterError, match="Network"):
        theory.wall_distance("net", [0])
    with pytest.raises(es.DomainError, match="bounded"):
        theory.boundary_distances(es.enumerate_regions(net).decision_boundary(), [[0, 0]])
    inside = es.enumerate_regions(net, es.Box(0, 1, dim=2)).decision_boundary()
    with pytest.raises(es.ParameterError, match=r"\(n, 2\)"):
        theory.boundary_distances(inside, [0, 0])
    with pytest.raises(es.ParameterError):
        theory.boundary_distances(inside, [[float("nan"), 0]])
    none = es.enumerate_regions(net, es.Box(5, 6, dim=2)).decision_boundary()
    with pytest.raises(es.DomainError, match="no decision boundary"):
        theory.boundary_distances(none, [[5, 5]])


def test_least_weights_of_the_whole_partition():
    """Just above what they must exceed the layers' weights do, at it they do not."""
    omega = es.enumerate_regions(theory.toy_networks()["dense abs"])
    details = theory.check_whole_partition(omega).details
    (first, last) = details["each must exceed (the last one's being 1)"]
    assert last == 0
    for weight, verdict in ((first + F(1, 10**6), "holds"), (first, "fails")):
        assert theory.check_whole_partition(omega, weights=[weight, 1]).verdict == verdict
    clipped = es.Network([es.Dense([[1, 2], [2, -1]]), es.HardSigmoid()], (2,))
    found = theory.check_whole_partition(clipped)
    key = "units that are not convex, replaced by convex ones with the same bends"
    assert (found.verdict, found.details[key]) == ("holds", 2)


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_distance_to_a_class_is_that_of_robust(outputs):
    """Region by region against one statement with one joint network."""
    rng = random.Random(f"class {outputs}")
    box = es.Box(-2, 2, dim=2)
    found = 0
    for _ in range(4):
        net = small_net(rng, outputs)
        omega = es.enumerate_regions(net, box)
        x = [F(rng.randint(-60, 60), 31) for _ in range(2)]
        for norm in ("max", "l1", "l2"):
            here = theory.class_distance(omega, x, norm)
            there = es.robust(net, x, box, norm)
            assert here.value == (None if there.holds else there.optimum)
            if here.value:
                found += 1
                gap = [abs(a - b) for a, b in zip(x, here.nearest, strict=True)]
                sizes = {"max": max(gap), "l1": sum(gap), "l2": sum(v * v for v in gap)}
                assert sizes[norm] == here.value
                values = net.forward(np.array(here.nearest, dtype=object), exact=True).tolist()
                assert values[0] == 0 if outputs == 1 else values[here.output] == max(values)
    assert found >= 6


def test_ties_with_an_interior_go_to_the_lower_class():
    flat = es.Network([es.ReLU(), es.Dense([[1, 0]])], (2,))  # 0 where x0 <= 0: class 0
    omega = es.enumerate_regions(flat, es.Box(-1, 1, dim=2))
    for norm in ("max", "l1", "l2"):
        found = theory.class_distance(omega, ["1/2", "1/2"], norm)
        assert found.value == es.robust(flat, ["1/2", "1/2"], es.Box(-1, 1, dim=2), norm).optimum
        assert (found.value, found.output) == (F(1, 2) ** (2 if norm == "l2" else 1), 0)
    for rows, expected in (([[0, 0], [1, 0]], F(1, 2)), ([[1, 0], [0, 0]], None)):
        both = es.Network([es.ReLU(), es.Dense(rows)], (2,))
        found = theory.class_distance(
            es.enumerate_regions(both, es.Box(-1, 1, dim=2)), ["1/2", "1/2"]
        )
        assert found.value == expected  # class 1 is left where both are 0, class 0 is not


def test_margins():
    """Of a linear classifier the margin over the constant is the distance itself."""
    net = es.Network([es.Dense([[3, 4], [0, 0]])], (2,))
    report = theory.check_margin(net, es.Box(-5, 5, dim=2))
    assert report.holds
    for case in report.details["at points"]:
        assert case["margin / L"] == case["distance"]
        height = abs(sum(w * v for w, v in zip((3, 4), case["x"], strict=True)))
        assert (
            case["distance"]
            == {"max": height / 7, "l1": height / 4, "l2": height**2 / 25}[case["norm"]]
        )
    bent = theory.check_margin(es.load("examples/moons.onnx"), es.Box([0, 0], ["1/2", "1/2"]))
    assert bent.holds
    assert any(c["margin / L"] < c["distance"] for c in bent.details["at points"])
    flat = es.enumerate_regions(net, es.Slice([0, 0], [[1, 0]]))
    assert theory.check_margin(flat).verdict == "not applicable"


def test_distances_to_a_class_that_are_refused():
    with pytest.raises(es.ParameterError, match="Partition"):
        theory.class_distance(es.Network([es.ReLU()], (2,)), [1, 1])
    with pytest.raises(es.ParameterError, match="DecisionBoundary"):
        theory.boundary_distances(None, [[1, 1]])
    net = es.Network([es.Dense([[1, 1]], [-1])], (2,))
    omega = es.enumerate_regions(net, es.Box(0, 1, dim=2))
    with pytest.raises(es.ParameterError, match="does not hold x"):
        theory.class_distance(omega, [2, 2])
    with pytest.raises(es.ParameterError, match="norm 'l0'"):
        theory.class_distance(omega, [0, 0], "l0")
    line = es.enumerate_regions(net, es.Slice([0, 0], [[1, 0]], es.Box([0], [1])))
    with pytest.raises(es.ParameterError, match="flat"):
        theory.class_distance(line, [0, 0])
