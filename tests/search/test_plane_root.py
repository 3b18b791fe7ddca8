"""The polygon of a domain: its corners against all pairs of its sides, in Fractions."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from itertools import combinations

import naive
import numpy as np
import plane_cases as cases
import pytest
import random_networks as nets

import exactspline as es
from exactspline.cells.space import dense_rows, search_space
from exactspline.search.plane import control as c
from exactspline.search.plane.engine import PlaneSearch
from exactspline.search.plane.root import Root, corner_floats, cross, root_of, row_of_line

NET = es.Network([es.Dense([[1, 2], [3, -1]], [0, "1/3"]), es.ReLU()], (2,))
Row = tuple[Fraction, Fraction, Fraction]


def dot(row, corner) -> Fraction:
    return sum((a * b for a, b in zip(row, corner, strict=True)), Fraction(0))


def direction(ray) -> tuple:
    """A finite corner as it is; one at infinity up to its length."""
    if ray[2]:
        return ray[0] / ray[2], ray[1] / ray[2], Fraction(1)
    most = max(abs(v) for v in ray)
    return ray[0] / most, ray[1] / most, Fraction(0)


def corners_of_pairs(rows: list[Row]) -> set[tuple]:
    """All corners of a domain, at infinity, too: where two sides meet and no other is violated."""
    out = set()
    zero, one = Fraction(0), Fraction(1)
    for a, b in combinations([*rows, (zero, zero, one)], 2):
        ray = cross(a, b)
        for corner in (ray, tuple(-v for v in ray)):
            if any(corner) and corner[2] >= 0 and all(dot(row, corner) >= 0 for row in rows):
                out.add(direction(corner))
    return out


def check(root: Root, rows: list[Row]) -> None:
    """What a root says of itself: lines, edges, the way round."""
    sides = [(row[2], row[0], row[1]) for row in rows]  # constant first
    k = len(root.corners)
    for n in range(k):
        corner, (a, b, turn), (edge, inward) = root.corners[n], root.lines[n], root.edges[n]
        exact = [turn * v for v in cross(row_of_line(sides, a), row_of_line(sides, b))]
        assert direction(exact) == direction(corner)
        assert (corner[2] == 0) == (c.IDEAL_LINE in (a, b))
        after = root.corners[(n + 1) % k]
        row = row_of_line(sides, edge)
        assert dot(row, corner) == dot(row, after) == 0
        assert inward == 1
        assert all(dot(row, other) >= 0 for other in root.corners)
        assert any(dot(row, other) > 0 for other in root.corners)
        # counterclockwise: a corner and the next one turn to the left around all others
        across = cross(corner, after)
        assert all(dot(across, other) >= 0 for other in root.corners)
        near, off = corner_floats(corner)
        most = max(abs(v) for v in corner)
        assert max(abs(v) for v in near) == 1.0
        assert all(
            abs(Fraction(p) - v / most) <= Fraction(off) for p, v in zip(near, corner, strict=True)
        )


def test_roots_of_domains():
    rng = random.Random(3)
    seen: Counter[str] = Counter()
    for number in range(150):
        kind = rng.choice(("half-plane", "strip", "half-strip", "wedge", "polygon", "sliver"))
        if number % 30 == 0:
            kind = "many sides"
        G, h = cases.draw_rows(rng, kind)
        if number % 4 == 0:  # any numbers
            G = [[v * Fraction(rng.gauss(0, 1)) ** 2 for v in row] for row in G]
        try:
            naive._root(("polytope", G, h))
            space = search_space(NET.program, es.Polytope(nets._array(G), nets._array(h)).chart)
        except (ValueError, es.DomainError):
            continue
        if space.dim != 2 or space.chart.dim != 2:
            continue
        rows = [(-row[0], -row[1], b) for row, b in zip(G, h, strict=True)]
        root = root_of(space)
        order = [tuple(Fraction(int(v.p), int(v.q)) for v in row) for row in dense_rows(space.rows)]
        check(root, [(row[1], row[2], row[0]) for row in order])
        found = [direction(corner) for corner in root.corners]
        assert len(found) == len(set(found))
        true = corners_of_pairs(rows)
        cone, _ = naive._root(("polytope", G, h))
        flat = bool(cone.lines)  # then corners that no two sides make are needed
        assert true <= set(found) if flat else true == set(found)
        seen[kind] += 1
        seen["lines"] += flat
        seen["ideal"] += any(corner[2] == 0 for corner in found)
        seen["idle sides"] += len(found) < len(rows) and not flat
    assert all(seen[kind] > 3 for kind in ("half-plane", "strip", "half-strip", "wedge", "polygon"))
    assert min(seen["lines"], seen["ideal"], seen["idle sides"], seen["sliver"]) > 10
    assert seen["many sides"] > 2


def test_the_plane_has_no_corners():
    root = root_of(search_space(NET.program, es.WholeSpace(2).chart))
    assert (root.whole, root.corners, root.lines, root.edges) == (True, [], [], [])


@pytest.mark.parametrize("n", [65, 600, 1500])
@pytest.mark.parametrize("facets", [False, True])
def test_domains_of_many_sides(n, facets):
    """Also more than the room that a search begins with; each has its edge."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    domain = es.Polytope(np.column_stack([np.cos(angle), np.sin(angle)]), np.ones(n))
    space = search_space(NET.program, domain.chart)
    assert len(root_of(space).corners) == n
    search = PlaneSearch(NET.program, space, facets=facets)
    batches = list(search.batches())
    assert sum(len(batch.codes) for batch in batches) == search.regions == 4
    assert len(batches) == 1
    if facets:
        assert search.faces is not None
        # two lines cut four sides, and meet: each of them is an edge of two faces, and is cut
        assert len(search.faces.faces.unit) == n + 4 + 8


def test_a_face_of_more_edges_than_the_room_for_many():
    n = 1400
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    rows = np.column_stack([np.cos(angle), np.sin(angle)])
    program = es.Network([es.Dense(rows, -np.ones(n)), es.ReLU()], (2,)).program
    space = search_space(program, es.Box([-2, -2], [2, 2]).chart)
    search = PlaneSearch(program, space, facets=True, max_regions=3)
    found = [batch for batch in search.batches() if batch.count]
    assert search.regions == sum(batch.count for batch in found) == 3
    first = found[0].codes[0]
    assert not first.any()
    assert search.faces is not None
    assert np.diff(search.faces.faces.start)[0] == n
