"""Robust radii against all faces of the plane, and between bounds where a limit comes first."""

from __future__ import annotations

import json
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from marks import first_quick
from where_twin import RELATIONS, Case, case

import exactspline as es
from exactspline.cli import main as run


def distance(norm: str, a, b) -> Fraction:
    gaps = [abs(v - w) for v, w in zip(a, b, strict=True)]
    if norm == "max":
        return max(gaps)
    return sum(gaps) if norm == "l1" else sum(g * g for g in gaps)


def nearest_of_segment(norm: str, at, p, q) -> Fraction:
    """Along a segment the distance bends only where a gap is 0 or both are equal in size."""
    d = [v - w for v, w in zip(q, p, strict=True)]
    g = [v - w for v, w in zip(p, at, strict=True)]
    shares = [Fraction(0), Fraction(1)]
    for slope, value in (
        (d[0], g[0]), (d[1], g[1]), (d[0] - d[1], g[0] - g[1]), (d[0] + d[1], g[0] + g[1]),
        (d[0] ** 2 + d[1] ** 2, d[0] * g[0] + d[1] * g[1]),
    ):  # fmt: skip
        if slope:
            shares.append(min(max(-value / slope, Fraction(0)), Fraction(1)))
    points = [[a + s * b for a, b in zip(p, d, strict=True)] for s in shares]
    return min(distance(norm, at, point) for point in points)


def true_radius(own: Case, norm: str, at) -> Fraction | float:
    """Over all closures of cells, edges and corners where the condition holds."""
    best: Fraction | float = 0 if own.truth(at) else math.inf
    for polygon, inside in zip(own.polygons, own.insides, strict=True):
        for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            middle = tuple((a + b) / 2 for a, b in zip(p, q, strict=True))
            if own.truth(inside) or own.truth(middle):
                best = min(best, nearest_of_segment(norm, at, p, q))
            if own.truth(p):
                best = min(best, distance(norm, at, p))
    return best


@pytest.mark.parametrize("block", first_quick(range(3)))
def test_against_all_faces_of_the_plane(block):
    rng, seen = random.Random(400 + block), {0: 0, 1: 0, math.inf: 0}
    approached = 0
    for k in range(5 if block else 3):
        own = case(rng, comparisons=2, relations=("<", ">", "!=") if k % 2 else RELATIONS)
        for norm in ("max", "l1", "l2"):
            for _ in range(4):
                at = tuple(Fraction(rng.randint(-8, 8), 4) for _ in range(2))
                if not own.truth(at):
                    break
            # a point inside of a cell where the condition holds is at no distance
            expected = true_radius(own, norm, at)
            found = es.robust_radius(own.net, at, own.box, norm=norm, condition=own.symbolic)
            assert found.complete
            assert found.radius == expected, (own.weights, own.terms, norm, at)
            seen[expected if expected in seen else 1] += 1
            if expected == math.inf:
                assert found.at is None
                continue
            assert distance(norm, at, found.at) == expected
            assert own.truth(found.at) is found.attained
            approached += not found.attained
    assert seen[1] > 1, seen
    assert approached or block == 0


def classifier(seed: int, dim: int, width: int) -> es.Network:
    rng = np.random.default_rng(seed)
    return es.Network([
        es.Dense(rng.standard_normal((width, dim)), rng.standard_normal(width)), es.ReLU(),
        es.Dense(rng.standard_normal((width, width)), rng.standard_normal(width)), es.ReLU(),
        es.Dense(rng.standard_normal((3, width))),
    ], (dim,))  # fmt: skip


def test_limits_leave_certified_bounds_on_both_sides():
    net, box, at = classifier(3, 4, 12), es.Box(-2, 2, dim=4), [0.1, -0.3, 0.2, 0.5]
    own = net.forward(np.array(at)).argmax()
    rng = np.random.default_rng(0)
    for norm in ("max", "l1"):
        whole = es.robust_radius(net, at, box, norm=norm)
        assert whole.complete
        assert 0 < whole.radius < math.inf
        # no sample that is nearer has another class
        steps = rng.uniform(-1, 1, (2000, 4))
        size = np.abs(steps).max(axis=1) if norm == "max" else np.abs(steps).sum(axis=1)
        inside = np.array(at) + 0.999 * float(whole.radius) * steps / size[:, None]
        assert (es.forward(net, inside).argmax(axis=1) == own).all()
        for options in ({"limit": 1}, {"time_limit": 0.0}, {"time_limit": 0.05}):
            some = es.robust_radius(net, at, box, norm=norm, **options)
            assert some.low <= whole.radius <= some.high
            if not some.complete:
                assert some.stopped in ("limit", "time limit")
                with pytest.raises(es.UndecidedError, match="between"):
                    _ = some.radius
            if some.at is not None and some.high < math.inf:
                x = np.array(some.at, dtype=object)
                assert distance(norm, [Fraction(v) for v in at], some.at) == some.high
                assert tuple(net.forward(x)) == some.output


def test_domains_of_other_kinds():
    net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
    line = es.Slice([1, 0], [[0, 1]])
    assert es.robust_radius(net, [1, 0], line).radius == 1
    assert es.robust_radius(net, [1, 0], es.Box([1, -1], [3, "1/2"])).radius == math.inf
    assert es.robust_radius(net, [1, 0], norm="l2").radius == Fraction(1, 2)


def test_the_command(tmp_path, capsys):
    net = es.Network([es.Dense([[1, 2], [2, -1]]), es.ReLU()], (2,))
    net.save(tmp_path / "net.json")
    words = ["radius", str(tmp_path / "net.json"), "--at", "1, 0.1", "--box", "-2", "2"]
    assert run(words) == 0
    assert "7/40" in capsys.readouterr().out
    assert run([*words, "--norm", "l2", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["low"], value["high"], value["complete"]) == ("49/1000", "49/1000", True)
    assert run([*words, "--where", "f(x)[0] > 100"]) == 0
    assert "nowhere" in capsys.readouterr().out
    assert run([*words, "--where", "f(x)[0] > 3"]) == 0
    assert "approached only" in capsys.readouterr().out
    for bad in (
        ["radius", str(tmp_path / "net.json"), "--at", "1"], [*words[:3], "9, 9", *words[4:]],
        [*words, "--where", "f(x)[0]"],
    ):  # fmt: skip
        assert run(bad) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda net: es.robust_radius(net, [1, 0], norm="l3"), es.ParameterError, "l3"),
        (lambda net: es.robust_radius(net, [1]), es.ShapeError, "2"),
        (lambda net: es.robust_radius(net, [1, math.nan]), es.ExactSplineError, "point|input|x"),
        (lambda net: es.robust_radius(net, [5, 0], es.Box(0, 1, dim=2)), es.DomainError, "domain"),
        (lambda net: es.robust_radius(net, [1, 0], limit=0), es.ParameterError, "limit"),
        (lambda net: es.robust_radius(net, [1, 0], time_limit=-1), es.ParameterError, "time_limit"),
        (lambda net: es.robust_radius(net, [1, 0], condition=3), es.ParameterError, "condition"),
        (lambda net: es.robust_radius(es.Network([es.Dense([[1, 1]])], (2,)), [1, 0]),
         es.ParameterError, "condition"),
        (lambda net: es.robust_radius(net, [1, 0], condition=lambda x: net.slope(x)[0, 0] > 0),
         es.ParameterError, "slopes"),
    ],
)  # fmt: skip
def test_bad_input(call, error, says):
    with pytest.raises(error, match=says):
        call(es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,)))
