"""Faces of every dimension and the Euler relation.

The truth comes from formulas, from Zaslavsky's theorem (faces of an arrangement are the regions
of its restrictions to flats, counted by deletion and restriction), and from the naive twin,
which tells faces apart by another key: the regions around them and the domain's sides.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from operator import mul

import numpy as np
import pytest
import random_networks as nets
from graph_checks import sides_of
from graph_networks import tight_domain
from known_networks import arrangement, differences, moment_curve, unit_row
from naive_graph import GraphCheck, Twin, _rank

import exactspline as es
from exactspline.cells.space import dense_rows, whole_space
from exactspline.partition.faces import faces as faces_module
from exactspline.partition.faces.euler import closed_characteristic, euler_report
from exactspline.partition.partition import Partition
from exactspline.search.decisions import Batch

INF = float("inf")
BLOCKS = 4


# --- Formulas --------------------------------------------------------------------------------


@pytest.mark.parametrize(("m", "n"), [(1, 1), (4, 1), (4, 2), (7, 2), (3, 3), (6, 3), (5, 4)])
def test_simple_arrangements(m, n):
    """m hyperplanes in general position: f_j = C(m, n-j) sum_{i <= j} C(m-n+j, i)."""
    omega = es.enumerate_regions(arrangement(*moment_curve(m, n)))
    expected = tuple(
        math.comb(m, n - j) * sum(math.comb(m - n + j, i) for i in range(j + 1))
        for j in range(n + 1)
    )
    assert omega.faces().f_vector() == omega.faces().f_vector(interior=True) == expected
    assert omega.check_euler().holds


@cache
def stirling(n: int, j: int) -> int:
    if n == 0 or j == 0:
        return int(n == j)
    return j * stirling(n - 1, j) + stirling(n - 1, j - 1)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_braid_arrangement(n):
    """Ordered set partitions: j! S(n, j) faces of dimension j; all hold the line (1, ..., 1)."""
    faces = es.enumerate_regions(arrangement(differences(n))).faces()
    expected = [math.factorial(j) * stirling(n, j) for j in range(n + 1)]
    assert faces.f_vector() == tuple(expected)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_boolean_arrangement(n):
    """Sign vectors: C(n, j) 2^j on R^n; in a box each coordinate has 3 points and 2 intervals."""
    network = arrangement([unit_row(n, **{f"x{i}": 1}) for i in range(n)])
    omega = es.enumerate_regions(network)
    inner = tuple(math.comb(n, j) * 2**j for j in range(n + 1))
    assert omega.faces().f_vector() == inner
    boxed = es.enumerate_regions(network, es.Box([-1] * n, [1] * n)).faces()
    assert boxed.f_vector(interior=True) == inner
    assert boxed.f_vector() == tuple(math.comb(n, j) * 3 ** (n - j) * 2**j for j in range(n + 1))
    half = es.enumerate_regions(network, es.Box([-1] * n, [INF] * n))
    assert half.faces().f_vector() == tuple(
        math.comb(n, j) * 2 ** (n - j) * 2**j for j in range(n + 1)
    )
    assert half.euler_characteristic() == 0
    assert half.euler_characteristic(interior=True) == (-1) ** n


# --- Arrangements by deletion and restriction ------------------------------------------------

Row = tuple[Fraction, ...]  # coefficients, then the constant


def reduced(rows: Sequence[Row]) -> tuple[Row, ...] | None:
    """The reduced echelon form of a system row = 0; None if it has no solution."""
    out: list[list[Fraction]] = []
    for row in rows:
        row = list(against(row, out))
        pivot = next((c for c, v in enumerate(row[:-1]) if v), None)
        if pivot is None:
            if row[-1]:
                return None
            continue
        row = [v / row[pivot] for v in row]
        out = [[v - other[pivot] * w for v, w in zip(other, row, strict=True)] for other in out]
        out.append(row)
    return tuple(sorted((tuple(row) for row in out), reverse=True))


def against(row: Sequence[Fraction], system: Sequence[Sequence[Fraction]]) -> Row:
    """A row on the solutions of a reduced system: its pivot coordinates are replaced."""
    row = list(row)
    for other in system:
        pivot = next(c for c, v in enumerate(other) if v)
        row = [v - row[pivot] * w for v, w in zip(row, other, strict=True)]
    return tuple(row)


@cache
def count(planes: frozenset[tuple[Row, ...]]) -> int:
    """r(A) = r(A without H) + r(A restricted to H), each hyperplane a reduced system."""
    if not planes:
        return 1
    one = min(planes)
    rest = planes - {one}
    return count(rest) + count(restriction(rest, one))


def restriction(planes, system) -> frozenset[tuple[Row, ...]]:
    """The hyperplanes that a flat, given by its system, is cut by."""
    rows = [against(row, system) for (row,) in planes]
    return frozenset(reduced([row]) for row in rows if any(row[:-1]))


def faces_of_arrangement(rows: Sequence[Sequence], offsets: Sequence, n: int) -> tuple[int, ...]:
    """f_j: the regions of the restrictions to all flats of dimension j."""
    given = [(*map(Fraction, row), Fraction(b)) for row, b in zip(rows, offsets, strict=True)]
    planes = frozenset(reduced([row]) for row in given if any(row[:-1]))
    counts = [0] * (n + 1)
    flats, pending = {()}, [()]
    while pending:
        flat = pending.pop()
        counts[n - len(flat)] += count(restriction(planes, flat))
        for (row,) in planes:
            smaller = reduced([*flat, row])
            if smaller is not None and smaller not in flats:
                flats.add(smaller)
                pending.append(smaller)
    return tuple(counts)


@pytest.mark.parametrize(("n", "regions"), [(2, 6), (3, 32), (4, 370)])
def test_resonance(n, regions):
    rows = [v for v in itertools.product((0, 1), repeat=n) if any(v)]
    faces = es.enumerate_regions(arrangement(rows)).faces()
    assert faces.f_vector() == faces_of_arrangement(rows, [0] * len(rows), n)
    assert faces.f_vector()[n] == regions


def test_random_arrangements():
    """Parallel, equal and opposite rows, flats of every kind, lines that all regions hold."""
    rng = random.Random(5)
    seen = Counter()
    for _ in range(40):
        n = rng.choice((1, 2, 3, 4))
        rows = [[rng.randint(-1, 1) for _ in range(n)] for _ in range(rng.randint(1, 9 - n))]
        offsets = [rng.choice((0, 0, 1, -1)) for _ in rows]
        omega = es.enumerate_regions(arrangement(rows, offsets, operator=es.Abs))
        expected = faces_of_arrangement(rows, offsets, n)
        assert omega.faces().f_vector() == expected, (rows, offsets)
        assert omega.check_euler().holds
        seen["lines"] += expected[0] == 0
        seen["vertices"] += expected[0] > 1
    assert min(seen["lines"], seen["vertices"]) >= 8


# --- The naive twin --------------------------------------------------------------------------


class FaceTwin(GraphCheck):
    """Faces by brute force: all meets of facets of every cell, told apart by star and sides."""

    def key(self, y: Sequence) -> tuple[frozenset[int], frozenset]:
        """The regions whose closures hold a point, and the domain's sides that do."""
        star = [
            i for i, cell in enumerate(self.twin.cells)
            if all(sum(map(mul, form, y)) >= 0 for form in cell.bounds)
        ]  # fmt: skip
        sides = [form for form in self.twin.sides if not sum(map(mul, form, y))]
        return frozenset(star), frozenset(sides)

    def faces(self) -> dict[tuple[frozenset[int], frozenset], int]:
        """All faces by key, with their dimension."""
        out = {}
        for cell in self.twin.cells:
            facets = [set(face.rays) for face in (*cell.inner.values(), *cell.border.values())]
            meets = {frozenset(cell.cone.rays)}
            for facet in facets:
                meets |= {meet & facet for meet in meets}
            for meet in meets:
                if any(ray[0] for ray in meet):
                    y = [sum(column) for column in zip(*meet, strict=True)]
                    dim = _rank([*meet, *cell.cone.lines]) - 1
                    assert out.setdefault(self.key(y), dim) == dim
        return out


def draw(rng: random.Random) -> tuple[nets.Spec, nets.DomainPair]:
    dim = rng.choice((1, 2, 2, 3, 3))
    widths = [rng.randint(1, 5) for _ in range(rng.randint(1, 3))]
    style = rng.choice(("integer", "integer", "third", "dyadic", "float"))
    spec = nets.random_spec(rng, dim, widths, style, bias=rng.random() < 0.5)
    tight = rng.random() < 0.3
    return spec, tight_domain(rng, spec) if tight else nets.any_domain(rng, dim)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_same_faces_as_the_twin(block):
    rng = random.Random(61_000 + block)
    seen = Counter()
    while seen["nets"] < 50:
        spec, pair = draw(rng)
        twin = Twin(nets.twin(spec), pair[1])
        if len(twin.cells) > 60:
            continue
        omega = es.enumerate_regions(nets.network(spec), pair[0])
        faces, check = omega.faces(), FaceTwin(omega, twin, sides_of(omega))
        expected, message = check.faces(), nets.describe(spec, pair[1])
        found = {}
        for i, face in enumerate(map(faces.__getitem__, range(len(faces)))):
            y = check.lifted(face.point)
            key = check.key(y)
            assert key[0] == set(face.star), message
            assert bool(key[1]) == face.on_border == bool(faces.on_border[i]), message
            tight = [s for s, side in enumerate(check.sides) if not dot(side, face.point)]
            assert tight == list(face.sides), message
            found[key] = face.dim
        assert found == expected, message
        assert len(found) == len(faces), message
        report = omega.check_euler()
        assert report.holds, f"{report}{message}"
        # the compact sum by the twin's recession cone
        far = [ray for ray in twin.root.rays if not ray[0]]
        assert report.expected == (0 if far else (-1) ** len(twin.root.lines)), message
        seen.update(["nets", f"k = {twin.k}", "bounded" if report.expected else "unbounded"])
        seen["lines"] += bool(twin.cells[0].cone.lines)
        seen["deep"] += len(spec.steps) > 2
        seen["corners"] += any(len(star) > 4 for star, _ in found)
    assert min(seen[f"k = {k}"] for k in (1, 2, 3)) >= 2, seen
    assert min(seen[kind] for kind in ("bounded", "unbounded", "lines", "deep")) >= 3, seen
    assert seen["corners"] >= 2, seen


def dot(row: Sequence[Fraction], t: Sequence[Fraction]) -> Fraction:
    return row[0] + sum(map(mul, row[1:], t))


def test_closure_is_told_by_star_and_sides():
    """Face i is in the closure of face j if and only if star and sides hold those of j.

    In a bounded domain: if and only if its vertices are among those of j.
    """
    rng = random.Random(8)
    pairs = 0
    for dim in (1, 2, 2, 3):
        spec = nets.random_spec(rng, dim, [3, 3], "integer")
        faces = es.enumerate_regions(nets.network(spec), es.Box([-2] * dim, [2] * dim)).faces()
        for i, j in itertools.product(range(len(faces)), repeat=2):
            told = set(faces.star(i)) >= set(faces.star(j))
            told = told and set(faces.sides(i)) >= set(faces.sides(j))
            assert told == (set(faces._spans[i][0]) <= set(faces._spans[j][0]))
            pairs += told
    assert pairs > 200


# --- The Euler relation ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (es.WholeSpace(1), -1), (es.WholeSpace(3), -1), (es.WholeSpace(4), 1),
        (es.Box([0, 0], [1, 1]), 1), (es.Box([0], [INF]), 0),
        (es.Box([0, -INF], [INF, INF]), 0), (es.Box([0, 0, 0], [INF, INF, INF]), 0),
        (es.Box([0, -INF], [1, INF]), -1),  # a strip
        (es.Box([0, -INF, -INF], [1, INF, INF]), 1),  # a slab
        (es.Box([0, 0], [1, INF]), 0),  # half of a strip
        (es.Box([2, 3], [2, 3]), 1),  # a point
        (es.Polytope([[1, 1], [-1, -1]], [1, 1]), -1),  # a strip
        (es.Polytope([[1, 1], [-1, 1]], [1, 1]), 0),  # a wedge
    ],
)  # fmt: skip
def test_what_the_sum_over_the_closed_domain_must_be(domain, expected):
    """Each also by the faces that a network with hyperplanes in all directions cuts."""
    n, k = domain.dim, domain.chart.dim
    rows = [[1] * n, [1] + [0] * (n - 1), [(-1) ** i for i in range(n)]]
    omega = es.enumerate_regions(arrangement(rows, [0, Fraction(-1, 2), 0]), domain)
    sides = dense_rows(whole_space(omega.network.program, domain.chart).rows)
    assert closed_characteristic(sides, k) == expected
    report = omega.check_euler()
    assert report.holds
    assert report
    assert omega.euler_characteristic() == report.characteristic == expected
    assert omega.euler_characteristic(interior=True) == (-1) ** k


def grid(n: int) -> Partition:
    """A square of n x n squares."""
    rows = [[1, 0]] * (n - 1) + [[0, 1]] * (n - 1)
    offsets = [-i for i in range(1, n)] * 2
    return es.enumerate_regions(arrangement(rows, offsets), es.Box([0, 0], [n, n]))


def without(omega: Partition, missing: Sequence[int]) -> Partition:
    """The partition with some regions forgotten, or (negative: ~i) doubled."""
    kept = [i for i in range(len(omega)) if i not in missing]
    kept = sorted(kept + [~i for i in missing if i < 0])
    out = Partition(omega.network, omega.domain)
    out._append(Batch(omega.codes[kept], omega.witnesses[kept], count=len(kept)))
    out._finish()
    out.complete = True
    return out


@pytest.mark.parametrize("box", [([-2], [2]), ([-2], [INF]), ([-2, -2], [2, 2]),
                                 ([-INF, -INF], [INF, INF]), ([0, 0, 0], [1, 1, INF])])  # fmt: skip
def test_a_missing_region_or_a_doubled_one_is_caught(box):
    dim = len(box[0])
    rng = random.Random(3)
    spec = nets.random_spec(rng, dim, [3, 3], "third", kinds=("relu", "abs"))
    omega = es.enumerate_regions(nets.network(spec), es.Box(*box))
    assert 3 <= len(omega) < 100
    assert omega.check_euler().holds
    for i in range(len(omega)):
        report = without(omega, [i]).check_euler()
        assert not report.holds
        # a region less is (-1)^k less inside, whatever else it takes along
        assert report.interior_characteristic != report.interior_expected
        assert not without(omega, [~i]).check_euler().holds


def test_a_missing_ring_is_caught_though_both_sums_are_right():
    omega = grid(3)
    assert omega.faces().f_vector() == (16, 24, 9)
    report = without(omega, [i for i in range(9) if i != 4]).check_euler()
    assert report.characteristic == report.expected == 1
    assert report.interior_characteristic == report.interior_expected == 1
    assert len(report.loose_facets) == 4
    assert not report
    assert "facets not shared as they must be: 4" in str(report)


@pytest.mark.parametrize("i", range(9 + 12 + 4))
def test_a_doubled_or_missing_face_is_caught(i):
    omega = grid(2)
    faces = omega.faces()
    kept = list(range(len(faces)))
    for chosen in ([*kept, i], kept[:i] + kept[i + 1 :]):
        broken = faces_module.Faces(
            2, 4, [int(faces.dim[n]) for n in chosen], [faces.star(n) for n in chosen],
            [faces.sides(n) for n in chosen], [faces._spans[n] for n in chosen],
            faces._generators,
        )  # fmt: skip
        assert not euler_report(broken, omega._exact_forms.domain_rows).holds


# --- Corner cases ----------------------------------------------------------------------------


def test_points_and_lines():
    network = arrangement([[1, 0], [0, 1], [0, 0]])
    point = es.enumerate_regions(network, es.Box([0, 0], [0, 0])).faces()
    assert point.f_vector() == point.f_vector(interior=True) == (1,)
    assert (point[0].dim, point[0].point, point[0].star, point[0].sides) == (0, (), (0,), ())
    segment = es.enumerate_regions(network, es.Box([-1, 0], [1, 0])).faces()
    assert segment.f_vector() == (3, 2)
    assert segment.f_vector(interior=True) == (1, 2)
    assert [segment.star(i) for i in range(3)] == [(0,), (0, 1), (1,)]
    diagonal = es.enumerate_regions(network, es.Slice([0, 0], [[1, 1]])).faces()
    assert diagonal.f_vector() == (1, 2)
    assert diagonal.point(0) == (0,)


def test_a_network_without_hyperplanes():
    network = es.Network([es.Dense([[1, 2, 3]], [1])], (3,))
    whole = es.enumerate_regions(network)
    assert whole.faces().f_vector() == (0, 0, 0, 1)
    assert whole.check_euler().holds
    cube = es.enumerate_regions(network, es.Box([0] * 3, [1] * 3))
    assert cube.faces().f_vector() == (8, 12, 6, 1)
    assert cube.faces().f_vector(interior=True) == (0, 0, 0, 1)
    assert sorted(cube.faces().point(i) for i in range(8)) == list(
        itertools.product((0, 1), repeat=3)
    )


def test_a_side_that_touches_a_corner_only():
    """A redundant side is tight on one vertex, which stays one face."""
    triangle = [[-1, 0], [0, -1], [1, 1]]
    network = arrangement([[1, -1]])
    plain = es.enumerate_regions(network, es.Polytope(triangle, [0, 0, 1]))
    touched = es.enumerate_regions(network, es.Polytope([*triangle, [-1, -1]], [0, 0, 1, 0]))
    assert plain.faces().f_vector() == touched.faces().f_vector() == (4, 5, 2)
    corner = next(i for i in range(4) if touched.faces().point(i) == (0, 0))
    assert len(touched.faces().sides(corner)) == 3


def test_order_and_columns():
    omega = grid(2)
    faces = omega.faces()
    assert omega.faces() is faces
    keys = [(int(faces.dim[i]), faces.star(i), faces.sides(i)) for i in range(len(faces))]
    assert keys == sorted(set(keys))
    assert faces.of_dimension(2).tolist() == [len(faces) - 4 + i for i in range(4)]
    assert [faces.star(int(i)) for i in faces.of_dimension(2)] == [(0,), (1,), (2,), (3,)]
    assert np.count_nonzero(faces.on_border) == 16
    assert repr(faces) == "<Faces of 4 regions: (9, 12, 4)>"


def test_edges_are_the_interior_facets():
    rng = random.Random(11)
    for _ in range(8):
        spec = nets.random_spec(rng, 2, [4, 3], "third")
        omega = es.enumerate_regions(nets.network(spec), es.Box([-2, -1], [1, 2]))
        faces = omega.faces()
        facets = [int(i) for i in faces.of_dimension(1) if not faces.on_border[i]]
        pairs = zip(omega.edges.source.tolist(), omega.edges.target.tolist(), strict=True)
        assert [faces.star(i) for i in facets] == list(pairs)
        border = [int(i) for i in faces.of_dimension(1) if faces.on_border[i]]
        assert len(border) == len(omega.borders)
        for i in facets + border:
            assert omega.locate([faces.point(i)], domain_coordinates=True).all(0) == faces.star(i)


def test_a_stopped_search_and_limits(monkeypatch):
    omega = es.enumerate_regions(arrangement(*moment_curve(6, 2)))
    stopped = without(omega, [3])
    stopped.complete = False
    with pytest.raises(es.ParameterError, match="search was stopped"):
        stopped.faces()
    monkeypatch.setattr(faces_module, "MOST_INCIDENCES", 40)
    with pytest.raises(es.LimitError, match="over 40 faces of single regions"):
        omega.check_euler()
    wide = es.Network([es.Dense(np.ones((1, 17))), es.ReLU()], (17,))
    with pytest.raises(es.LimitError, match="17 dimensions"):
        es.enumerate_regions(wide).faces()
