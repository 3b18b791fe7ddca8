"""The complex of a two-dimensional domain: known numbers, exact sums, corners by brute force."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import arrangements
import numpy as np
import pytest
import random_networks as nets
from arrangements import SIMPLICIAL
from marks import first_quick

import exactspline as es
from exactspline.cells.facets import conditions
from exactspline.rationals import fractions, nearest_float

F = Fraction
SQUARE = es.Box(-1, 1, dim=2)


def counts(c: es.Complex) -> tuple[int, int, int]:
    return len(c.corners), len(c.edges), len(c.faces)


def random_net(widths, seed, digits=None):
    rng = np.random.default_rng(seed)
    operators = []
    for a, b in itertools.pairwise(widths):
        W, bias = rng.standard_normal((b, a)) * np.sqrt(2 / a), 0.3 * rng.standard_normal(b)
        if digits is not None:
            W, bias = W.round(digits), bias.round(digits)
        operators += [es.Dense(W, bias), es.ReLU()]
    return es.Network(operators, (widths[0],))


# --- Arrangements of lines -------------------------------------------------------------------


@pytest.mark.parametrize("name", SIMPLICIAL)
def test_simplicial_arrangements(name):
    lines, points = SIMPLICIAL[name]
    n, f0 = len(lines), sum(points.values())
    assert n == int(name[2 : name.index(",")])
    omega = es.enumerate_regions(arrangements.network(arrangements.moved(lines)))
    c = omega.complex()
    # the line at infinity cuts n edges, and so many faces, into two
    assert counts(c) == (f0, 3 * f0 - 3 + n, 2 * f0 - 2 + n)
    assert c.euler() == 1
    assert len(c.ideal_corners) == 2 * n
    found = [len(c.corners.star(i)) // 2 for i in range(f0)]
    assert {j: found.count(j) for j in set(found)} == points
    bounded = c.faces.bounded
    assert np.all(c.faces.corner_counts[bounded] == 3)
    assert not np.any(bounded[c.faces.corner_counts > 4])


@pytest.mark.parametrize("n", [2, 3, 7, 16])
def test_lines_through_a_point(n):
    net = arrangements.network(arrangements.pencil(n))
    c = es.enumerate_regions(net).complex()
    assert counts(c) == (1, 2 * n, 2 * n)
    assert c.corners.exact(0) == (3, -2)
    assert len(set(c.corners.star(0))) == 2 * n
    c = es.enumerate_regions(net, es.Box(-50, 50, dim=2)).complex()
    corners = 4 + 2 * n - len({(50, 50), (-50, -50), (50, -50), (-50, 50)} & on_pencil(n))
    assert counts(c) == (1 + corners, 2 * n + corners, 2 * n)
    assert c.euler() == 1


def on_pencil(n):
    return {
        p
        for p in itertools.product((-50, 50), repeat=2)
        if any(a * p[0] + b * p[1] + c == 0 for a, b, c in arrangements.pencil(n))
    }


@pytest.mark.parametrize(("a", "b"), [(1, 1), (3, 2), (6, 9)])
def test_grids(a, b):
    c = es.enumerate_regions(arrangements.network(arrangements.grid(a, b))).complex()
    assert counts(c) == (a * b, a * (b + 1) + b * (a + 1), (a + 1) * (b + 1))
    assert int(c.faces.bounded.sum()) == (a - 1) * (b - 1)
    assert sorted(c.faces.corner_counts[c.faces.bounded]) == [4] * ((a - 1) * (b - 1))
    areas = set(c.faces.areas(exact=True)[c.faces.bounded])
    assert len(areas) == ((a - 1) * (b - 1) > 0)


@pytest.mark.parametrize(("n", "m"), [(2, 1), (4, 3), (5, 6)])
def test_pencils_with_parallels(n, m):
    c = es.enumerate_regions(arrangements.network(arrangements.pencil_with_parallels(n, m)))
    c = c.complex()
    corners = 1 + (n - 1) * m  # the first of the pencil meets no parallel
    edges = 2 + (n - 1) * (m + 2) + m * n
    assert counts(c) == (corners, edges, edges - corners + 1)


def test_half_planes_and_strips():
    lines = [(1, 2, 0), (3, -1, 2), (1, 1, -5)]
    half = es.Polytope([[1, 5]], [7])
    c = es.enumerate_regions(arrangements.network(lines), half).complex()
    assert c.euler() == 0
    strip = es.Polytope([[1, 5], [-1, -5]], [7, 30])
    c = es.enumerate_regions(arrangements.network(lines), strip).complex()
    assert c.euler() == -1
    assert len(c.border_edges) == 8  # 3 lines cut either side into 4
    quadrant = es.Box([0, 0], [math.inf, math.inf])
    assert es.enumerate_regions(arrangements.network(lines), quadrant).complex().euler() == 0


# --- Corners, areas --------------------------------------------------------------------------


def brute_corners(omega: es.Partition) -> set[tuple[Fraction, ...]]:
    """Of every region: where two of its lines meet, and none of its conditions is violated."""
    out = set()
    for code in omega.codes:
        rows = [fractions(c.row) for c in conditions(omega._exact_forms, code.astype(np.int64))]
        for (c, a, b), (f, d, e) in itertools.combinations(rows, 2):
            det = a * e - b * d
            if det:
                x, y = (b * f - c * e) / det, (c * d - a * f) / det
                if all(r[0] + r[1] * x + r[2] * y >= 0 for r in rows):
                    out.add((x, y))
    return out


NETS = [([2, 5, 4], 1, 0), ([2, 4, 4, 3], 2, 1), ([2, 6, 5], 3, None), ([2, 5, 5, 4], 4, 0)]


@pytest.mark.parametrize(("widths", "seed", "digits"), first_quick(NETS, 2))
@pytest.mark.parametrize("domain", [SQUARE, None, es.Polytope([[2, 1], [-1, 3]], ["1/3", 1])])
def test_corners_of_all_pairs_of_lines(widths, seed, digits, domain):
    omega = es.enumerate_regions(random_net(widths, seed, digits), domain)
    c = omega.complex()
    corners = [tuple(v) for v in c.corners.exact_xy().tolist()]
    assert set(corners) == brute_corners(omega)
    assert len(set(corners)) == len(corners)
    for near, exact, error in zip(c.corners.xy, corners, c.corners.error, strict=True):
        assert all(abs(F(v) - w) <= F(error) for v, w in zip(near.tolist(), exact, strict=True))
    lifted = c.corners.inputs(exact=True)
    assert [tuple(v) for v in lifted.tolist()] == corners  # no slice: they are the inputs


def test_polygons_hold_their_witnesses():
    omega = es.enumerate_regions(random_net([2, 6, 6], 5, 1))
    for face, region in zip(omega.complex().faces, omega, strict=True):
        x, y = omega.witness(face.region)
        for polygon in (face.polygon(), region.polygon(exact=True)):
            assert all(side is None or side[0] + side[1] * x + side[2] * y > 0
                       for side in polygon.sides)  # fmt: skip
            assert len(polygon.sides) == len(polygon) == len(face.corners)


def test_corners_lie_on_the_lines_of_their_edges():
    omega = es.enumerate_regions(random_net([2, 6, 6, 3], 5, 0), SQUARE)
    c = omega.complex()
    tail, head, left = c.edges.tail, c.edges.head, c.edges.left
    for e in range(len(c.edges)):
        k, a, b = c.edges.line(e)
        for corner in (tail[e], head[e]):
            x, y = c.corners.exact(int(corner))
            assert k + a * x + b * y == 0
        x, y = omega.witness(int(left[e]))
        assert k + a * x + b * y > 0
        if c.edges.right[e] >= 0:
            x, y = omega.witness(int(c.edges.right[e]))
            assert k + a * x + b * y < 0


@pytest.mark.parametrize("seed", range(4))
def test_areas_sum_to_the_domain(seed):
    domain = es.Polytope([[1, 3], [-2, 1], ["1/7", -1]], [1, "5/3", 2])
    corners = [es.enumerate_regions(es.Network([es.Dense([[1, 1]])], (2,)), domain)[0]]
    omega = es.enumerate_regions(random_net([2, 5, 5], seed, seed % 3), domain)
    c = omega.complex()
    assert c.faces.areas(exact=True).sum() == corners[0].volume()
    assert c.faces.areas().sum() == pytest.approx(float(corners[0].volume()))
    for face, region in zip(c.faces, omega, strict=True):
        assert face.area() == region.volume() == region.area()
        alone = es.Region(omega.network, domain, region.code, omega.witness(face.region))
        assert alone.perimeter() == face.perimeter() == region.perimeter()
        assert alone.centroid() == face.centroid() == region.centroid()
        assert region.contains(alone.centroid())
        assert np.array_equal(alone.polygon().corners, region.polygon().corners)
        points = np.array(alone.polygon(exact=True))
        assert {tuple(p) for p in points} == {tuple(p) for p in region.vertices()}


def test_unbounded_faces_say_so():
    c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
    face = c.faces[0]
    assert not face.is_bounded
    assert face.area() == face.perimeter() == math.inf
    assert np.all(np.isinf(c.faces.areas()))
    with pytest.raises(es.DomainError, match="unbounded"):
        face.centroid()
    assert sorted(face.edges)[0] == -1
    polygon = face.polygon(exact=True)
    assert polygon.corners[polygon.ideal].tolist() == [[-1, 0], [0, -1]]


# --- Links -----------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", [SQUARE, None, es.Polytope([[1, 2]], [1])])
def test_links(domain):
    omega = es.enumerate_regions(random_net([2, 6, 5], 7, 1), domain, graph=True)
    c = omega.complex()
    links = c.half_edges
    n = len(links)
    inner = np.flatnonzero(links.twin >= 0)
    assert np.array_equal(links.twin[links.twin[inner]], inner)
    assert np.array_equal(links.origin[links.twin[inner]], links.origin[links.next[inner]])
    assert np.array_equal(np.sort(links.next), np.arange(n))
    assert np.array_equal(links.face[links.next], links.face)
    assert np.array_equal(links.edge[links.twin[inner]], links.edge[inner])
    inside = c.interior_edges
    pairs = sorted(zip(c.edges.left[inside].tolist(), c.edges.right[inside].tolist(), strict=True))
    edges = omega.edges
    assert pairs == list(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    for e, (a, b) in enumerate(pairs):
        mine = inside[(c.edges.left[inside] == a) & (c.edges.right[inside] == b)]
        assert len(mine) == 1
        assert c.edges.units(int(mine[0])) == edges.flips(e)
        assert b in c.faces[a].neighbors
        assert a in c.faces[b].neighbors
    sides = sorted((int(c.edges.left[e]), c.edges.side(int(e))) for e in c.border_edges)
    borders = omega.borders
    assert sides == list(zip(borders.region.tolist(), borders.side.tolist(), strict=True))
    assert len(c.edges) == len(inside) + len(c.border_edges)
    if domain is SQUARE:
        assert sorted(np.bincount(np.concatenate([c.edges.tail, c.edges.head])))[0] >= 2


def test_linear_regions_need_no_other_search(monkeypatch):
    net = random_net([2, 8, 6, 1], 3)
    other = es.enumerate_regions(net, SQUARE, graph=True).linear_regions()
    omega = es.enumerate_regions(net, SQUARE)
    c = omega.complex()
    omega.__dict__.pop("_facets", None)
    monkeypatch.setattr("exactspline.partition.graph.adjacent.search_again", None)
    assert np.array_equal(c.linear_regions().labels, other.labels)
    assert np.array_equal(omega.linear_regions().labels, other.labels)


# --- Domains of other kinds ------------------------------------------------------------------


def test_slices():
    net = random_net([5, 6, 6], 11, 1)
    plane = es.Slice([1, 0, -1, 2, 0], [[1, 2, 0, 1, 0], [0, 1, -1, 0, 3]], SQUARE)
    omega = es.enumerate_regions(net, plane)
    c = omega.complex()
    assert not c.reduced
    assert c.faces.areas(exact=True).sum() == 4
    t, x = c.corners.exact_xy(), c.corners.inputs(exact=True)
    assert x.shape == (len(c.corners), 5)
    assert c.corners.inputs() == pytest.approx(x.astype(float), abs=1e-12)
    for point, given in zip(t.tolist(), x.tolist(), strict=True):
        assert given == [1 + point[0], 2 * point[0] + point[1], -1 - point[1],
                         2 + point[0], 3 * point[1]]  # fmt: skip


def test_common_lines_leave_a_plane():
    """R^3, and forms that vary along two directions."""
    lines = [(1, 2, 3), (2, -1, 1), (1, 1, -4), (3, 1, 0)]
    flat = es.enumerate_regions(arrangements.network(lines)).complex()
    rows = [[a, a + b, b] for a, b, _ in lines]  # of u = x + y and v = y + z
    net = es.Network([es.Dense(rows, [c for _, _, c in lines]), es.ReLU()], (3,))
    c = es.enumerate_regions(net).complex()
    assert c.reduced
    assert len(c.coordinates) == 2
    assert counts(c) == counts(flat)
    u = c.corners.inputs(exact=True)
    assert c.corners.inputs() == pytest.approx(u.astype(float), abs=1e-12)
    found = {(x + y, y + z) for x, y, z in u.tolist()}
    assert found == {tuple(p) for p in flat.corners.exact_xy().tolist()}


def test_parallel_lines_leave_a_line():
    net = es.Network([es.Dense([[2, 1], [4, 2], [2, 1]], [0, 3, -5]), es.ReLU()], (2,))
    c = es.enumerate_regions(net).complex()
    assert (c.dimension, c.reduced, len(c.corners), len(c.edges)) == (1, True, 3, 4)
    assert c.euler() == -1
    assert "line" in repr(c)
    bounded = es.enumerate_regions(net, SQUARE).complex()  # nothing holds a line
    assert (bounded.dimension, len(bounded.faces), bounded.euler()) == (2, 4 - 1, 1)


def test_coordinates_that_nothing_reads():
    net = es.Network([es.Dense([[3, 0]], [1]), es.ReLU()], (2,))
    c = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).complex()
    assert counts(c) == (6, 7, 2)
    assert c.faces.areas(exact=True).tolist() == [F(4, 3), F(8, 3)]
    c = es.enumerate_regions(net, es.Box([-1, 0], [1, math.inf])).complex()
    assert (c.dimension, c.euler()) == (2, 0)
    c = es.enumerate_regions(net, es.Box([-1, -math.inf], [1, math.inf])).complex()
    assert (c.dimension, c.reduced, c.euler()) == (1, True, 1)


def test_a_single_region():
    net = es.Network([es.Dense([[0, 0]], [1]), es.ReLU()], (2,))
    c = es.enumerate_regions(net).complex()
    assert counts(c) == (0, 0, 1)
    assert c.faces[0].polygon().area() == math.inf
    assert c.euler() == 1
    c = es.enumerate_regions(net, SQUARE).complex()
    assert counts(c) == (4, 4, 1)
    assert counts(es.enumerate_regions(es.Network([es.Dense([[1, 2]])], (2,)), SQUARE).complex())


def test_lines():
    hat = es.Network([es.Dense([[1], [-2], [1]], [0, 2, -5]), es.ReLU()], (1,))
    omega = es.enumerate_regions(hat)
    c = omega.complex()
    assert [c.corners.exact(i) for i in range(3)] == [0, 1, 5]
    assert c.corners.unit.tolist() == [0, 1, 2]
    for i, x in enumerate([-1, F(1, 2), 3, 6]):
        region = int(omega.locate([[x]]).region[0])
        assert (c.edges.tail[region], c.edges.head[region]) == (i - 1, i if i < 3 else -1)
    assert c.edges.length(int(omega.locate([[3]]).region[0])) == 4
    c = es.enumerate_regions(hat, es.Box([0], [1])).complex()  # corners of the domain
    assert (len(c.corners), len(c.edges), c.euler()) == (2, 1, 1)
    c = es.enumerate_regions(hat, es.Box([-math.inf], [2])).complex()
    assert (len(c.corners), len(c.edges), c.euler()) == (3, 3, 0)
    with pytest.raises(es.DomainError, match="line"):
        es.enumerate_regions(hat).after_layer(1)


def test_what_has_no_complex():
    net = random_net([3, 4], 0)
    with pytest.raises(es.DomainError, match=r"dimension 3.*slice"):
        es.enumerate_regions(net, es.Box(-1, 1, dim=3)).complex()
    with pytest.raises(es.DomainError, match="dimension 0"):
        es.enumerate_regions(net, es.Box([1, 1, 1], [1, 1, 1])).complex()
    stopped = es.enumerate_regions(random_net([2, 9], 0), limit=5)
    with pytest.raises(es.ParameterError, match="stopped"):
        stopped.complex()
    with pytest.raises(es.ParameterError, match="stopped"):
        stopped.after_layer(0)
    with pytest.raises(es.DomainError, match="dimension 3"):
        es.enumerate_regions(net, es.Box(-1, 1, dim=3))[0].polygon()


def test_from_a_store(tmp_path):
    net, path = random_net([2, 5, 5], 9, 0), tmp_path / "run.store"
    omega = es.enumerate_regions(net, SQUARE, store=path)
    stored = es.open_partition(path)
    assert counts(stored.complex()) == counts(omega.complex())
    assert np.array_equal(stored.complex().corners.xy, omega.complex().corners.xy)


def test_numbers_beyond_float64():
    huge, tiny = F(10) ** 400, F(1, 10**400)
    net = es.Network(
        [es.Dense(nets._array([[huge, huge], [tiny, -tiny]]), [0, tiny / 3]), es.ReLU()], (2,)
    )
    c = es.enumerate_regions(net, SQUARE).complex()
    assert counts(c) == (7, 10, 4)  # a diagonal and another line
    assert (F(-1, 6), F(1, 6)) in {tuple(v) for v in c.corners.exact_xy().tolist()}
    assert np.all(c.corners.error < 1e-13)


def test_inputs_beyond_float64():
    huge = F(10) ** 400
    plane = es.Slice(nets._array([0, 0, huge]), nets._array([[1, 0, 0], [0, 1, -huge]]), SQUARE)
    omega = es.enumerate_regions(es.Network([es.ReLU()], (3,)), plane)
    c = omega.complex()
    exact = c.corners.inputs(exact=True)
    for near, true in zip(c.corners.inputs().tolist(), exact.tolist(), strict=True):
        assert near == [nearest_float(v) for v in true]
    assert huge in exact


def test_columns_are_small():
    omega = es.enumerate_regions(random_net([2, 24, 24], 1), SQUARE)
    c = omega.complex()
    assert len(omega) > 300
    assert c.nbytes < 400 * len(omega)
