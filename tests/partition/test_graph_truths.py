"""Edges that are known: arrangements, deep networks that attain a formula, paths on a line.

r regions and E edges of the families are Zaslavsky's theorem and its restrictions: E is the sum
over the hyperplanes of the number of regions that the others cut each of them into. Two regions
of an arrangement are adjacent if and only if exactly one hyperplane separates them, and two
regions of a network on a line if and only if they follow each other: so here the edges
themselves are known, not only their number.
"""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets
from graph_checks import (
    check_flips,
    check_path,
    degrees,
    distances,
    neighbours,
    pairs_of,
)  # fmt: skip
from known_networks import (
    abs_folding,
    arrangement,
    differences,
    folded,
    folding,
    moment_curve,
)

import exactspline as es

# Sizes for CI: the largest entries up to 50,000 regions and 100,000 edges.


def planes_of(rows, offsets) -> list[tuple[int, int]]:
    """Per row the number of its hyperplane, and 1 or -1: which side of that is its positive one.

    0 stands for a row that is constant.
    """
    numbers: dict[tuple[Fraction, ...], int] = {}
    out = []
    for row, offset in zip(rows, offsets, strict=True):
        exact = [Fraction(v) for v in (*row, offset)]
        lead = next((v for v in exact[:-1] if v), None)
        if lead is None:
            out.append((-1, 0))
            continue
        plane = tuple(v / abs(lead) for v in exact)
        turned = tuple(-v for v in plane) if lead < 0 else plane
        number = numbers.setdefault(turned, len(numbers))
        out.append((number, 1 if lead > 0 else -1))
    return out


def sides_of_planes(omega: es.Partition, rows, offsets) -> np.ndarray:
    """Per region and hyperplane whether it lies on the positive side; rows of one merged."""
    planes = planes_of(rows, offsets)
    out = np.full((len(omega), 1 + max(p for p, _ in planes)), -1, dtype=np.int8)
    for u, (plane, sign) in enumerate(planes):
        if sign:
            positive = omega.codes[:, u] == (1 if sign > 0 else 0)
            assert np.all((out[:, plane] == -1) | (out[:, plane] == positive)), "rows disagree"
            out[:, plane] = positive
    return out


def arrangement_edges(sides: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of regions that exactly one hyperplane separates."""
    packed = [row.tobytes() for row in sides]
    place = {row: i for i, row in enumerate(packed)}
    assert len(place) == len(sides)
    out = []
    for plane in range(sides.shape[1]):
        flipped = sides.copy()
        flipped[:, plane] ^= 1
        for i, row in enumerate(flipped):
            j = place.get(row.tobytes(), -1)
            if i < j:
                out.append((i, j))
    return sorted(out)


def check_arrangement(rows, offsets, *, r: int, E: int, operator=es.ReLU) -> es.Partition:
    """The edges one by one, on all of R^n."""
    omega = es.enumerate_regions(arrangement(rows, offsets, operator=operator), graph=True)
    assert (len(omega), len(omega.edges)) == (r, E)
    sides = sides_of_planes(omega, rows, offsets)
    assert pairs_of(omega) == arrangement_edges(sides)
    check_flips(omega)
    assert len(omega.borders) == 0, "all of R^n has no border"
    return omega


def check_some_witnesses(omega: es.Partition, rows, offsets, samples: int = 40) -> None:
    """Exactly: on the hyperplane that flips, on the target's side of no other one."""
    edges = omega.edges
    planes = planes_of(rows, offsets)
    for e in range(0, len(edges), max(1, len(edges) // samples)):
        point, normal = edges.witness(e), edges.normal(e)
        code = omega.code(int(edges.source[e])).tolist()
        (flipped,) = {planes[u][0] for u, _ in edges.flips(e)}
        for (row, offset), (plane, sign), side in zip(
            zip(rows, offsets, strict=True), planes, code, strict=True
        ):
            value = nets._at(row, point) + Fraction(offset)
            towards = nets._at(row, normal)
            if plane == flipped:
                assert value == 0
                assert towards != 0
                assert (towards > 0) == (side == 0), "the normal points into the target"
                ratio = towards / nets._at(normal, normal)
                assert [ratio * v for v in normal] == list(row), "the hyperplane's normal"
            elif sign:
                assert value != 0
                assert (value > 0) == (side == 1)


# --- Hyperplane arrangements -----------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 14))
def test_boolean(n):
    rows = [[int(i == j) for j in range(n)] for i in range(n)]
    check_arrangement(rows, [0] * n, r=2**n, E=n * 2 ** (n - 1))


@pytest.mark.parametrize(
    ("n", "r", "E"),
    [(2, 2, 1), (3, 6, 6), (4, 24, 36), (5, 120, 240), (6, 720, 1800), (7, 5040, 15120)],
)
def test_braid(n, r, E):
    rows = differences(n)
    omega = check_arrangement(rows, [0] * len(rows), r=r, E=E)
    check_some_witnesses(omega, rows, [0] * len(rows))
    assert np.all(degrees(omega) == n - 1), "adjacent transpositions of a permutation"


@pytest.mark.parametrize(
    ("n", "r", "E"), [(1, 2, 1), (2, 8, 8), (3, 48, 72), (4, 384, 768), (5, 3840, 9600)]
)
def test_type_b(n, r, E):
    rows = [[int(i == j) for j in range(n)] for i in range(n)] + differences(n)
    rows += [[abs(v) for v in row] for row in differences(n)]
    omega = check_arrangement(rows, [0] * len(rows), r=r, E=E)
    check_some_witnesses(omega, rows, [0] * len(rows))
    assert np.all(degrees(omega) == n), "every region is a simplicial cone"


@pytest.mark.parametrize(
    ("n", "r", "E"), [(2, 3, 2), (3, 16, 21), (4, 125, 244), (5, 1296, 3355), (6, 16807, 54186)]
)
def test_shi(n, r, E):
    rows = differences(n) * 2
    offsets = [0] * (len(rows) // 2) + [-1] * (len(rows) // 2)
    omega = check_arrangement(rows, offsets, r=r, E=E)
    check_some_witnesses(omega, rows, offsets)


@pytest.mark.parametrize(
    ("n", "r", "E"), [(1, 2, 1), (2, 6, 6), (3, 32, 48), (4, 370, 760), (5, 11292, 30540)]
)
def test_resonance(n, r, E):
    rows = [list(v) for v in itertools.product((0, 1), repeat=n) if any(v)]
    omega = check_arrangement(rows, [0] * len(rows), r=r, E=E)
    check_some_witnesses(omega, rows, [0] * len(rows))


@pytest.mark.parametrize(("n", "r", "E"), [(1, 4, 4), (2, 14, 24), (3, 104, 256), (4, 1882, 5920)])
def test_threshold(n, r, E):
    rows = [[1, *v] for v in itertools.product((0, 1), repeat=n)]
    omega = check_arrangement(rows, [0] * len(rows), r=r, E=E)
    check_some_witnesses(omega, rows, [0] * len(rows))


GENERIC = [
    (1, 1), (9, 1), (3, 2), (7, 2), (40, 2), (5, 3), (16, 3), (4, 4), (11, 4), (10, 5), (9, 6),
    (5, 8),
]  # fmt: skip


@pytest.mark.parametrize(("m", "n"), GENERIC)
def test_generic(m, n):
    """r = sum_{i <= n} C(m, i) and E = m sum_{i < n} C(m - 1, i): integers, and rounded floats."""
    r = sum(math.comb(m, i) for i in range(n + 1))
    E = m * sum(math.comb(m - 1, i) for i in range(n))
    rows, offsets = moment_curve(m, n)
    omega = check_arrangement(rows, offsets, r=r, E=E)
    check_some_witnesses(omega, rows, offsets, samples=10)
    points = [t / (m + 1) for t in range(1, m + 1)]
    rows, offsets = [[t**i for i in range(n)] for t in points], [-(t**n) for t in points]
    omega = check_arrangement(rows, offsets, r=r, E=E, operator=es.Abs)
    check_some_witnesses(omega, rows, offsets, samples=10)


@pytest.mark.parametrize("n", [2, 3])
def test_generic_in_a_box_that_holds_all_vertices(n):
    """E is the same, and as many borders as the sides' own arrangements have regions."""
    m = 6
    rows, offsets = moment_curve(m, n)
    box = es.Box([-2000] * n, [2000] * n)
    omega = es.enumerate_regions(arrangement(rows, offsets), box, graph=True)
    assert len(omega) == sum(math.comb(m, i) for i in range(n + 1))
    assert len(omega.edges) == m * sum(math.comb(m - 1, i) for i in range(n))
    for side in range(2 * n):
        # the restriction to a side is an arrangement of its own, one dimension lower
        axis, value = side // 2, -2000 if side % 2 == 0 else 2000
        low, high = [-2000] * n, [2000] * n
        low[axis] = high[axis] = value
        count = es.count_regions(arrangement(rows, offsets), es.Box(low, high))
        assert np.count_nonzero(omega.borders.side == side) == count


@pytest.mark.parametrize("engine", ["rational", "highs"])
@pytest.mark.parametrize("family", ["braid", "shi", "resonance", "threshold"])
def test_other_engines(family, engine):
    """The same edges from the engines that share no float code with the kernel."""
    rows, offsets, E = {
        "braid": (differences(4), [0] * 6, 36),
        "shi": (differences(3) * 2, [0] * 3 + [-1] * 3, 21),
        "resonance": (list(itertools.product((0, 1), repeat=3))[1:], [0] * 7, 48),
        "threshold": ([(1, *v) for v in itertools.product((0, 1), repeat=2)], [0] * 4, 24),
    }[family]
    omega = es.enumerate_regions(arrangement(rows, offsets), engine=engine, graph=True)
    assert omega.engine == engine
    assert len(omega.edges) == E
    assert pairs_of(omega) == arrangement_edges(sides_of_planes(omega, rows, offsets))
    check_flips(omega)
    check_some_witnesses(omega, rows, offsets)


# --- Distances -------------------------------------------------------------------------------


def check_distances(omega: es.Partition, rows, offsets, starts: int) -> None:
    """The distance in the graph is the number of hyperplanes that separate."""
    sides = sides_of_planes(omega, rows, offsets)
    graph = neighbours(omega)
    for start in range(0, len(omega), max(1, len(omega) // starts)):
        expected = (sides != sides[start]).sum(axis=1)
        assert distances(graph, start) == expected.tolist()
    # two-colourable: every edge changes the number of positive sides by one
    parity = sides.sum(axis=1) % 2
    assert np.all(parity[omega.edges.source] != parity[omega.edges.target])


DISTANCES = {
    "braid 5": (differences(5), [0] * 10),
    "shi 4": (differences(4) * 2, [0] * 6 + [-1] * 6),
    "resonance 3": (list(itertools.product((0, 1), repeat=3))[1:], [0] * 7),
    "resonance 4": (list(itertools.product((0, 1), repeat=4))[1:], [0] * 15),
    "threshold 3": ([(1, *v) for v in itertools.product((0, 1), repeat=3)], [0] * 8),
}


@pytest.mark.parametrize("name", DISTANCES)
def test_distance_is_the_number_of_separating_hyperplanes(name):
    rows, offsets = DISTANCES[name]
    omega = es.enumerate_regions(arrangement(rows, offsets))
    check_distances(omega, rows, offsets, starts=400)


def random_arrangement(rng: random.Random) -> tuple[list[list[int]], list[int]]:
    """Small integer rows: parallel, opposite, scaled and equal ones, zero rows, many ties."""
    n, m = rng.choice((1, 2, 2, 3, 3, 4)), rng.randint(2, 7)
    rows = [[rng.randint(-2, 2) for _ in range(n)] for _ in range(m)]
    offsets = [rng.choice((0, 0, -1, 1, 2)) for _ in range(m)]
    for _ in range(rng.randint(0, 3)):
        i, factor = rng.randrange(m), rng.choice((1, -1, 2, -3))
        rows.append([factor * v for v in rows[i]])
        offsets.append(factor * offsets[i] if rng.random() < 0.7 else offsets[i])
    return rows, offsets


def test_random_arrangements_with_coincident_hyperplanes():
    rng = random.Random(3)
    coincident = 0
    for _ in range(60):
        rows, offsets = random_arrangement(rng)
        if not any(map(any, rows)):
            continue
        omega = es.enumerate_regions(arrangement(rows, offsets))
        assert pairs_of(omega) == arrangement_edges(sides_of_planes(omega, rows, offsets))
        check_flips(omega)
        check_some_witnesses(omega, rows, offsets, samples=6)
        check_distances(omega, rows, offsets, starts=20)
        assert len(omega.borders) == 0
        coincident += int(np.any(omega.edges.flip_counts > 1))
    assert coincident >= 15


# --- Deep networks ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "n"),
    [*((k, 1) for k in range(1, 13)), (1, 2), (2, 2), (5, 2), (7, 2), (2, 3), (5, 3), (2, 5)],
)
def test_abs_folding_is_a_grid(k, n):
    """E = n 2^(k (n - 1)) (2^k - 1): cells of side 2^-k, adjacent to the next in one direction."""
    omega = es.enumerate_regions(abs_folding(k, n), graph=True)
    assert len(omega) == 2 ** (k * n)
    assert len(omega.edges) == n * 2 ** (k * (n - 1)) * (2**k - 1)
    # in units of 2^-k; the outer cells of the grid are unbounded
    cells = np.clip(np.floor(omega.witnesses * 2**k), 0, 2**k - 1).astype(np.int64)
    assert len(np.unique(cells, axis=0)) == len(omega)
    steps = cells[omega.edges.target] - cells[omega.edges.source]
    assert np.all(np.abs(steps).sum(axis=1) == 1)
    check_flips(omega)
    for e in range(0, len(omega.edges), max(1, len(omega.edges) // 50)):
        (axis,) = np.flatnonzero(steps[e])
        normal, witness = omega.edges.normal(e), omega.edges.witness(e)
        assert [v == 0 for v in normal] == [j != axis for j in range(n)]
        assert (normal[axis] > 0) == (steps[e, axis] > 0)
        wall = max(cells[omega.edges.source[e], axis], cells[omega.edges.target[e], axis])
        assert witness[axis] == Fraction(int(wall), 2**k)
        for j in range(n):  # strictly between the walls of the other coordinates
            cell = int(cells[omega.edges.source[e], j])
            inside = witness[j] * 2**k
            if j != axis:
                assert cell == 0 or inside > cell
                assert cell == 2**k - 1 or inside < cell + 1


@pytest.mark.parametrize("k", range(1, 11))
def test_tent_is_a_path(k):
    between = [[2, -4], [2, -4]], [0, -0.5]
    network = folded(([[1], [1]], [0, -0.5]), between, ([[2, -4]],), k)
    inside = es.enumerate_regions(network, es.Box([0], [1]), graph=True)
    walls = check_path(inside, borders=2)
    assert walls == [Fraction(i, 2**k) for i in range(1, 2**k)]
    everywhere = es.enumerate_regions(network, graph=True)
    assert len(everywhere.edges) == (2 if k == 1 else 2**k + 1)
    assert check_path(everywhere, borders=0)[:1] == [Fraction(0)]


def test_hat_is_a_path():
    network = es.Network([es.Dense([[1], [1], [1]], [0, -1, -2]), es.ReLU()], (1,))
    assert check_path(es.enumerate_regions(network), borders=0) == [0, 1, 2]
    one = es.Network([nets.ScalarUnits([nets.HAT])], (1,))  # as one unit of four pieces
    omega = es.enumerate_regions(one)
    assert check_path(omega, borders=0) == [0, 1, 2]
    assert [omega.edges.flips(e) for e in range(3)] == [((0, 1),), ((0, 2),), ((0, 3),)]


@pytest.mark.parametrize("k", range(1, 7))
def test_serra_bound_attained_is_a_path(k):
    """Three units a layer, 4^k regions on R."""
    slopes, offsets = (1, -1, -1), (0, 3, 6)
    z, constant = [3.5 * v for v in (2, -2, 3)], 3.5 * -13 + 0.5
    between = (
        [[s * v for v in z] for s in slopes],
        [s * constant + o for s, o in zip(slopes, offsets, strict=True)],
    )
    last = [[2, -2, 3]], [-13]
    network = folded(([[s] for s in slopes], list(offsets)), between, last, k)
    omega = es.enumerate_regions(network, graph=True)
    assert len(omega) == 4**k
    check_path(omega, borders=0)


@pytest.mark.parametrize("sizes", [(2, 2, 2), (3, 3, 2), (2, 5, 3), (4, 3, 4), (5, 4, 1)])
def test_montufar_folding_is_a_path(sizes):
    p, layers, m = sizes
    omega = es.enumerate_regions(folding(p, layers, m), es.Box([0], [1]), graph=True)
    assert len(omega) == p**layers * (m + 1)
    check_path(omega, borders=2)


@pytest.mark.parametrize(
    ("directions", "constants", "regions", "edges"),
    [
        ([(1,)] * 3, [(0, 1), (2, 3), (4, 5)], 7, 6),
        # six lines of three directions in general position: each is cut at four points
        ([(1, 0), (0, 1), (1, 1)], [(0, 1), (0, 1), (Fraction(1, 2), Fraction(7, 4))], 19, 30),
        # a grid of 3 x 3 x 3
        ([(1, 0, 0), (0, 1, 0), (0, 0, 1)], [(0, 1)] * 3, 27, 54),
    ],
)
@pytest.mark.parametrize("concave", [False, True])
def test_maxout_of_rank_three(directions, constants, regions, edges, concave):
    """Units max(0, t - c1, 2t - c1 - c2), t = <w, x>; and min of the negated members."""
    rows, offsets, members = [], [], []
    for w, (c1, c2) in zip(directions, constants, strict=True):
        members.append(range(len(rows), len(rows) + 3))
        rows += [[0 * v for v in w], list(w), [2 * v for v in w]]
        offsets += [0, -c1, -c1 - c2]
    if concave:
        rows, offsets = [[-v for v in row] for row in rows], [-v for v in offsets]
    dense = es.Dense(nets._array(rows), nets._array(offsets))
    network = es.Network([dense, nets.MaxUnits(members, concave)], (len(directions[0]),))
    omega = es.enumerate_regions(network)
    assert (len(omega), len(omega.edges)) == (regions, edges)
    check_flips(omega)
    assert np.all(omega.edges.flip_counts == 1)
    # pieces 0, 1, 2 follow each other as t grows: no edge leads from 0 to 2
    steps = omega.codes[omega.edges.target].astype(int) - omega.codes[omega.edges.source]
    assert np.all(np.abs(steps).sum(axis=1) == 1)
