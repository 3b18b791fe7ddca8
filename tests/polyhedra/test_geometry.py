"""Vertices, volumes, balls and nearest points of regions, against the naive twin and scipy."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import naive
import numpy as np
import pytest
import random_networks as nets
from folders import MOONS
from scipy.spatial import ConvexHull, HalfspaceIntersection

import exactspline as es
from exactspline.polyhedra import vertices as module
from exactspline.polyhedra.lp import qrow
from exactspline.polyhedra.vertices import generators, volume


def box_rows(k: int) -> list:
    rows = []
    for j in range(k):
        unit = [int(i == j) for i in range(k)]
        rows += [qrow(1, unit), qrow(1, [-v for v in unit])]
    return rows


# --- Vertices and rays -----------------------------------------------------------------------


def twin_generators(cone: naive.Cone, x_rows: list) -> tuple[list, list]:
    """Vertices and directions of rays in the inputs, from the twin's cone."""

    def image(y):
        return tuple(sum((a * b for a, b in zip(row, y, strict=True)), Fraction(0))
                     for row in x_rows)  # fmt: skip

    points = [image([Fraction(v, ray[0]) for v in ray]) for ray in cone.rays if ray[0]]
    return sorted(points), sorted(direction(image(ray)) for ray in cone.rays if not ray[0])


def direction(vector) -> tuple[Fraction, ...]:
    size = max(abs(v) for v in vector)
    return tuple(Fraction(v) / size for v in vector)


def lifted(region: es.Region, t) -> tuple[Fraction, ...]:
    return tuple(region.domain.chart.lift(list(t)))


@pytest.mark.parametrize("block", range(4))
def test_vertices_and_rays_are_those_of_the_twin(block):
    rng = random.Random(4_100 + block)
    seen = {"bounded": 0, "rays": 0, "lines": 0, "flat": 0}
    for number in range(32):
        dim = rng.choice((1, 2, 2, 3))
        widths = [rng.randint(1, 5) for _ in range(rng.randint(1, 2))]
        spec = nets.random_spec(rng, dim, widths, rng.choice(nets.STYLES), bias=rng.random() < 0.7)
        given, domain = nets.any_domain(rng, dim)
        if number % 4 == 0:
            given, domain = nets.lower_or_polytope(rng, dim)
        elif number % 4 == 1:  # no more units than dimensions
            dim, (given, domain) = 3, nets.whole(3)
            spec = nets.random_spec(rng, 3, [rng.randint(1, 3)], "integer")
        cone, x_rows = naive._root(domain)
        cells = list(naive._cells(nets.twin(spec), cone, x_rows))
        omega = es.enumerate_regions(nets.network(spec), given)
        assert len(omega) == len(cells)
        zero = lifted(omega[0], [Fraction(0)] * given.chart.dim)
        for region in rng.sample(list(omega), min(8, len(omega))):
            cell = cells[region.index][1]
            bounded = not cell.lines and all(ray[0] for ray in cell.rays)
            assert region.is_bounded == bounded
            seen["bounded"] += bounded
            if cell.lines:
                seen["lines"] += 1
                assert region._at_infinity[1] == len(cell.lines)
                with pytest.raises(es.DomainError, match="line"):
                    region.vertices()
                continue
            points, rays = twin_generators(cell, x_rows)
            assert sorted(lifted(region, v) for v in region.vertices()) == points
            found = [
                direction([a - b for a, b in zip(lifted(region, r), zero, strict=True)])
                for r in region.rays()
            ]
            assert sorted(found) == rays
            seen["rays"] += bool(rays)
            seen["flat"] += given.chart.dim < dim
    assert min(seen.values()) >= 5, seen


@pytest.mark.parametrize("k", range(9))
def test_cube(k):
    found = generators(box_rows(k), k)
    assert len(found.vertices) == 2**k
    assert not found.rays
    assert not found.lines
    assert all(abs(c) == 1 for v in found.vertices for c in v)
    if k <= 6:
        assert volume(found, 2 * k, k) == 2**k


@pytest.mark.parametrize("k", range(1, 6))
def test_cross_polytope(k):
    rows = []
    for bits in range(2**k):
        rows.append(qrow(1, [1 - 2 * (bits >> j & 1) for j in range(k)]))
    found = generators(rows, k)
    assert len(found.vertices) == 2 * k
    assert volume(found, len(rows), k) == Fraction(2**k, math.factorial(k))


def test_redundant_rows_change_nothing():
    rows = [*box_rows(3), qrow(5, [1, 1, 1]), qrow(3, [1, 1, 1]), *box_rows(3)[:2]]
    found = generators(rows, 3)
    assert len(found.vertices) == 8
    assert volume(found, len(rows), 3) == 8


def test_too_many_vertices_is_an_error_not_a_hang(monkeypatch):
    monkeypatch.setattr(module, "_MOST_WORK", 1000)
    with pytest.raises(es.LimitError, match="chebyshev_center"):
        generators(box_rows(8), 8)
    monkeypatch.setattr(module, "_MOST_SIMPLICES", 10)
    with pytest.raises(es.LimitError, match="simplices"):
        volume(generators(box_rows(4), 4), 8, 4)


def test_random_polytopes_against_qhull():
    rng = np.random.default_rng(7)
    for k in (2, 3, 4, 5):
        for _ in range(4):
            normals = rng.integers(-9, 10, size=(3 * k + 4, k))
            normals = normals[np.any(normals != 0, axis=1)]
            offsets = rng.integers(5, 30, size=len(normals))
            rows = [qrow(int(b), [int(v) for v in a])
                    for a, b in zip(normals, offsets, strict=True)] + [
                qrow(9, [s * int(i == j) for i in range(k)]) for j in range(k) for s in (1, -1)
            ]  # fmt: skip
            halfspaces = np.array([[-float(c) for c in [*map(_f, r[1:])]] + [-_f(r[0])]
                                   for r in rows])  # fmt: skip
            cloud = HalfspaceIntersection(halfspaces, np.zeros(k)).intersections
            hull = ConvexHull(cloud)
            found = generators(rows, k)
            assert float(volume(found, len(rows), k)) == pytest.approx(hull.volume, rel=1e-9)
            exact = np.array([[float(c) for c in v] for v in found.vertices])
            gaps = np.linalg.norm(cloud[:, None] - exact[None], axis=2)
            assert gaps.min(axis=0).max() < 1e-6
            assert gaps.min(axis=1).max() < 1e-6


def _f(value) -> float:
    return int(value.p) / int(value.q)


# --- Volumes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_volumes_sum_to_the_box_exactly(dim):
    rng = random.Random(dim)
    for number in range(12):
        style = ("integer", "integer", "third", "dyadic")[number % 4]
        widths = [rng.randint(2, 5) for _ in range(2 if dim < 3 else 1)]
        spec = nets.random_spec(rng, dim, widths, style, bias=number % 3 > 0)
        given, (_, lows, highs) = nets.box(rng, dim)
        omega = es.enumerate_regions(nets.network(spec), given)
        parts = [region.volume() for region in omega]
        assert all(isinstance(part, Fraction) and part > 0 for part in parts)
        assert sum(parts) == math.prod(b - a for a, b in zip(lows, highs, strict=True))


@pytest.mark.slow
def test_moons_fill_their_window_exactly():
    omega = es.enumerate_regions(es.load(MOONS), es.Box(["-0.6", "-0.9"], [1, "0.8"]))
    assert sum(region.volume() for region in omega) == Fraction(16, 10) * Fraction(17, 10)
    hull = ConvexHull(np.array(omega[5].vertices(), dtype=float))
    assert float(omega[5].volume()) == pytest.approx(hull.volume, rel=1e-9)


def test_volume_of_unbounded_flat_and_pointlike_regions():
    net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    assert es.regions_at(net, [1, 1])[0].volume() == math.inf
    diagonal = es.Slice([0, 0], [[1, 1]], es.Box([-1], [1]))  # in its own coordinate t
    assert [r.volume() for r in es.enumerate_regions(net, diagonal)] == [1, 1]
    (point,) = es.enumerate_regions(net, es.Box([1, 2], [1, 2]))
    assert point.volume() == 1
    assert point.vertices().shape == (1, 0)
    assert point.is_bounded
    assert point.neighbors() == []


# --- Balls -----------------------------------------------------------------------------------


def of_polytope(G, h) -> es.Region:
    """The only region of the identity on a polytope."""
    dim = len(G[0])
    (region,) = es.enumerate_regions(es.Network([], (dim,)), es.Polytope(G, h))
    return region


def test_largest_balls_that_are_known():
    _, radius = of_polytope([[1, 0], [-1, 0], [0, 1], [0, -1]], [3, 1, 1, 1]).chebyshev_center()
    assert radius == pytest.approx(1)
    centre, radius = of_polytope([[-1, 0], [0, -1], [3, 4]], [0, 0, 12]).chebyshev_center()
    assert radius == pytest.approx(1)  # the 3-4-5 triangle
    assert centre == pytest.approx([1, 1])
    _, radius = of_polytope([[1, 0], [-1, 0]], [5, 1]).chebyshev_center()
    assert radius == pytest.approx(3)  # a strip: unbounded, but no larger ball
    _, radius = of_polytope([[-1, 1], [0, -1]], [0, 0]).chebyshev_center()
    assert radius == math.inf


@pytest.mark.parametrize("width", ["1e-9", "1e-30", "1e-200"])
def test_largest_ball_of_a_sliver(width):
    """Solvers' tolerances are absolute; lengths are not."""
    net = es.Network([es.Dense([[1, 0], [1, 0]], [0, "-" + width]), es.ReLU()], (2,))
    region = es.regions_at(net, [Fraction(width) / 3, 0], es.Box([-1, -1], [1, 1]))[0]
    assert region.code.tolist() == [1, 0]
    centre, radius = region.chebyshev_center()
    assert radius == pytest.approx(float(width) / 2, rel=1e-6)
    assert region.contains(centre)


def test_balls_are_inside_and_meet_facets():
    rng = random.Random(11)
    for _ in range(8):
        dim = rng.choice((2, 3, 4))
        net = nets.network(nets.random_spec(rng, dim, [6, 4], "float"))
        x = [rng.uniform(-1, 1) for _ in range(dim)]
        (region,) = es.regions_at(net, x, es.Box(-2, 2, dim=dim))
        centre, radius = region.chebyshev_center()
        assert 0 < radius < 3
        near = []
        for row in region.inequalities():
            value = row.value([Fraction(v) for v in centre.tolist()])
            square = value * value / sum(c * c for c in row.coefficients)
            assert value > 0
            assert square >= Fraction(radius) ** 2
            near.append(math.sqrt(square) < radius * (1 + 1e-6))
        assert sum(near) >= 2


# --- Nearest points --------------------------------------------------------------------------


def test_projections_satisfy_the_variational_inequality():
    """p is nearest to x iff (x - p) . (v - p) <= 0 for all vertices v, and likewise for rays."""
    rng = random.Random(5)
    outside = 0
    for number in range(16):
        dim = rng.choice((1, 2, 3))
        style = ("integer", "float", "third")[number % 3]
        spec = nets.random_spec(rng, dim, [rng.randint(2, 4)], style)
        given, _ = nets.box(rng, dim) if number % 2 else nets.lower_or_polytope(rng, dim)
        omega = es.enumerate_regions(nets.network(spec), given)
        region = omega[rng.randrange(len(omega))]
        if region._at_infinity[1]:
            continue
        x = [Fraction(rng.randint(-40, 40), 8) for _ in range(dim)]
        nearest = region.project(x, exact=True)
        assert region.contains(nearest, closure=True)
        zero = lifted(region, [Fraction(0)] * given.chart.dim)
        gap = [a - b for a, b in zip(x, nearest, strict=True)]
        for v in region.vertices():
            along = [a - b for a, b in zip(lifted(region, v), nearest, strict=True)]
            assert sum(a * b for a, b in zip(gap, along, strict=True)) <= 0
        for ray in region.rays():
            along = [a - b for a, b in zip(lifted(region, ray), zero, strict=True)]
            assert sum(a * b for a, b in zip(gap, along, strict=True)) <= 0
        assert region.project(x).tolist() == [float(v) for v in nearest]
        outside += any(gap)
    assert outside >= 8


def test_projection_of_a_point_inside_is_the_point():
    net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    (region,) = es.regions_at(net, ["1/3", 1])
    assert region.project(["1/3", 0], exact=True).tolist() == [Fraction(1, 3), 0]
    assert region.project([-1, -1]).tolist() == [0.0, 0.0]
    with pytest.raises(es.ShapeError):
        region.project([1, 2, 3])
