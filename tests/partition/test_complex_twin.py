"""The complex of degenerate networks against the naive twin; polygons that do not fit together.

The twin's polygons are made into a complex as those of the search are, and both are compared with
what the twin itself knows: exact corners, areas, which side is whose. What is matched by hashes
must stand where hashes agree, and every tampering must be refused.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets
from facet_faces import faces_from_facets
from graph_networks import draw
from marks import first_quick
from plane_twin import PlaneTwin, plane_twin
from program_at import program_at

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.partition.complex.complex import plane_complex
from exactspline.partition.complex.joining import following, joined, joined_at_once
from exactspline.partition.complex.matching import matched
from exactspline.partition.complex.source import complex_space, faces_of
from exactspline.rationals import nearest_float
from exactspline.search.polygons import IDEAL, SIDE, PlaneFaces

RECIPES = ("any", "ties", "stacked", "tight", "skips", "slivers")


def plane_cases(rng: random.Random, count: int):
    """Degenerate networks with a two-dimensional complex, and their twins."""
    while count:
        spec, (domain, told) = draw(rng, rng.choice(RECIPES))
        network = nets.network(spec)
        if domain.chart.dim != 2:
            continue
        omega = es.enumerate_regions(network, domain)
        space = complex_space(omega)
        if space.dim == 2:
            count -= 1
            yield omega, plane_twin(network.program, space), nets.describe(spec, told)


def of_twin(omega: es.Partition, faces: PlaneFaces) -> es.Complex:
    return plane_complex(omega._apart(), complex_space(omega), faces)


def points(twin: PlaneTwin) -> set[tuple]:
    return {(x / w, y / w) for own in twin.corners for w, x, y in own if w}


def n_edges(twin: PlaneTwin) -> int:
    inner = sum(other is not None for other in twin.twin) // 2
    return inner + sum(side.layer == SIDE for cell in twin.cells for side in cell)


@pytest.mark.parametrize("block", first_quick(range(6)))
def test_same_complex(block):
    seen: Counter[str] = Counter()
    for omega, twin, told in plane_cases(random.Random(80_000 + block), 30):
        assert np.array_equal(omega.codes, twin.codes), told
        both = omega.complex(), of_twin(omega, twin.faces)
        facets = faces_from_facets(omega, complex_space(omega))
        for c in (of_twin(omega, facets), *both):
            assert len(c.corners) == len(points(twin)), told
            assert {tuple(p) for p in c.corners.exact_xy().tolist()} == points(twin), told
            assert len(c.edges) == n_edges(twin), told
            assert [region.volume() for region in omega] == c.faces.areas(exact=True).tolist(), told
        assert np.array_equal(*(c.faces.bounded for c in both)), told
        for i in range(len(omega)):
            here, there = (c.faces[i].polygon(exact=True) for c in both)
            assert np.array_equal(here.corners, there.corners), told
            assert np.array_equal(here.ideal, there.ideal), told
        assert omega.faces().f_vector() == (len(c.corners), len(c.edges), len(c.faces)), told
        check_links(both[1], twin)
        seen["regions"] += len(omega)
        seen["unbounded"] += not np.all(c.faces.bounded)
        seen["borders"] += len(c.border_edges) > 0
        seen["many faces at a corner"] += max(
            (len(c.corners.star(i)) for i in range(len(c.corners))), default=0
        ) > 4  # fmt: skip
        seen["not 1"] += c.euler() != 1
    assert seen["regions"] > 150, seen
    assert min(v for k, v in seen.items() if k != "regions") > 1, seen
    assert len(seen) == 5


def check_links(c: es.Complex, twin: PlaneTwin) -> None:
    """The twin of every half-edge is that of the naive twin."""
    links, flat = c.half_edges, twin.faces.start
    for h, other in enumerate(twin.twin[: len(links)]):
        true = -1 if other is None else int(flat[other[0]]) + other[1]
        assert links.twin[h] == true


@pytest.mark.parametrize("block", first_quick(range(4)))
def test_subdivisions_after_layers(block):
    """They are the complexes of the networks that end there."""
    seen: Counter[str] = Counter()
    for omega, _, told in plane_cases(random.Random(81_000 + block), 20):
        c, layers = omega.complex(), len(omega.network.program.layers)
        total = sum(c.faces.areas(exact=True))
        for layer in range(layers + 1):
            found = omega.after_layer(layer)
            assert sum(found.area(i) for i in range(len(found))) == total, told
            assert all(found.is_convex(i) for i in range(len(found))), told
            assert all(len(found.loops(i)) == 1 for i in range(len(found))), told
            assert len(found.corners) - len(found.edges) + len(found) == c.euler(), told
            program = omega.at_layer(layer)._program
            if not layer or search_space(program, omega.domain.chart).dim < 2:
                continue
            twin = plane_twin(program, search_space(program, omega.domain.chart))
            assert len(found) == len(twin.cells), told
            assert {c.corners.exact(i) for i in found.corners.tolist()} == points(twin), told
            assert len(found.edges) == n_edges(twin), told
            for i, own in enumerate(twin.corners):
                (loop,) = found.outer(i)
                mine = {c.corners.exact(v) for v in loop.tolist() if v >= 0}
                assert mine == {(x / w, y / w) for w, x, y in own if w}, told
            seen["layers"] += 1
            seen["coarser"] += len(found) < len(omega)
    assert seen["layers"] > 20, seen
    assert seen["coarser"] > 5, seen


def test_lines_cut_by_points():
    """The points are in order, and what lies between two of them has its region's code."""
    seen: Counter[str] = Counter()
    rng = random.Random(86_000)
    while seen["lines"] < 60:
        spec, (domain, told) = draw(rng, rng.choice(RECIPES))
        if domain.chart.dim not in (1, 2):
            continue
        network = nets.network(spec)
        omega = es.enumerate_regions(network, domain)
        space = complex_space(omega)
        if space.dim != 1:
            continue
        c = omega.complex()
        told = nets.describe(spec, told)
        points = [c.corners.exact(i) for i in range(len(c.corners))]
        assert all(a < b for a, b in itertools.pairwise(points)), told
        for region, (tail, head) in enumerate(zip(c.edges.tail, c.edges.head, strict=True)):
            assert head == tail + 1 or head < 0 or tail < 0, told
            low = points[tail] if tail >= 0 else (points[head] if head >= 0 else Fraction(0)) - 2
            high = points[head] if head >= 0 else low + 4
            x = space.chart.lift(space.to_chart([(low + high) / 2]))
            assert program_at(network.program, x)[0] == omega.code(region).tolist(), told
            assert c.edges.length(region) == (high - low if min(tail, head) >= 0 else math.inf)
        for near, exact in zip(c.corners.x.tolist(), points, strict=True):
            assert near == nearest_float(exact), told
        for at, unit in zip(points, c.corners.unit.tolist(), strict=True):
            seen["ends" if unit < 0 else "bends"] += 1
            if unit >= 0:
                found = omega.locate([space.chart.lift(space.to_chart([at]))]).all(0)
                assert len(found) == 2, told
                differ = np.flatnonzero(omega.code(found[0]) != omega.code(found[1]))
                assert unit == differ[0], told
        seen["lines"] += 1
        seen["reduced"] += c.reduced
    assert min(seen["ends"], seen["bends"]) > 30, seen
    assert seen["reduced"] > 1, seen


def test_any_hashes_will_do():
    """Where regions share hashes, codes across are computed again and compared."""
    many = 0
    for omega, twin, told in plane_cases(random.Random(82_000), 15):
        c = of_twin(omega, twin.faces)
        for kept in (0, 1, 3):
            worse = replace(
                twin.faces, hashes=twin.faces.hashes & np.uint64(kept),
                target=twin.faces.target & np.uint64(kept),
            )  # fmt: skip
            other = of_twin(omega, worse)
            assert np.array_equal(c.half_edges.twin, other.half_edges.twin), told
            assert np.array_equal(c.half_edges.origin, other.half_edges.origin), told
        many += len(omega) > 4
    assert many > 5


def test_the_kernel_and_the_plain_functions_agree():
    """Columns for columns, on what the search hands over and on the twin's polygons."""
    quick = 0
    for omega, twin, told in plane_cases(random.Random(88_000), 40):
        space = complex_space(omega)
        for faces in (twin.faces, faces_of(omega, space), with_points_at_infinity(twin.faces)):
            owner = np.repeat(np.arange(len(omega), dtype=np.int32), np.diff(faces.start))
            plain = joined(faces, matched(faces, owner, omega._codes, None))
            both = joined_at_once(faces)
            assert both is not None, told
            found, after, _ = both
            assert np.array_equal(after, following(faces.start)), told
            for name, column in vars(plain).items():
                assert np.array_equal(column, getattr(found, name)), (name, told)
                assert column.dtype == getattr(found, name).dtype, name
            quick += len(faces.unit)
    assert quick > 1000


def test_what_the_kernel_leaves_to_plain_functions():
    omega = es.enumerate_regions(
        es.Network([es.Dense([[1, 0], [1, 2], [-1, 1]], [0, 1, 1]), es.ReLU()], (2,))
    )
    faces = plane_twin(omega.network.program, complex_space(omega)).faces
    assert joined_at_once(faces) is not None
    for name in ("hashes", "target"):
        other = PlaneFaces(*(getattr(faces, f.name).copy() for f in fields(faces)))
        values = getattr(other, name)
        values[values == values[-1]] = values[0]
        assert joined_at_once(other) is None
    ideal = PlaneFaces(*(getattr(faces, f.name).copy() for f in fields(faces)))
    ideal.corner[np.flatnonzero(ideal.corner[:, 2] > 0)[0], 2] = 0
    assert joined_at_once(ideal) is None


def with_points_at_infinity(faces: PlaneFaces) -> PlaneFaces:
    """The same polygons, with an arc of no length wherever two rays end in one ideal corner."""
    out = PlaneFaces(*(getattr(faces, f.name).copy() for f in fields(faces)))
    owner = np.repeat(np.arange(len(faces.hashes)), np.diff(faces.start))
    before = np.arange(len(owner)) - 1
    before[faces.start[:-1][np.diff(faces.start) > 0]] = (
        faces.start[1:][np.diff(faces.start) > 0] - 1
    )
    at = np.flatnonzero(
        (faces.corner[:, 2] == 0) & (faces.unit != IDEAL) & (faces.unit[before] != IDEAL)
    )
    for name, value in (
        ("corner", faces.corner[at]), ("error", 0.0), ("unit", IDEAL), ("piece", 0), ("form", 0),
        ("sign", 0), ("target", 0),
    ):  # fmt: skip
        setattr(out, name, np.insert(getattr(out, name), at, value, axis=0))
    out.start = faces.start + np.searchsorted(at, faces.start)
    return out


def test_arcs_of_no_length():
    """Who makes the polygons may take the line at infinity for a side of strips."""
    cells = 0
    for omega, twin, told in plane_cases(random.Random(85_000), 40):
        faces = with_points_at_infinity(twin.faces)
        cells += len(faces.unit) - len(twin.faces.unit)
        one, other = of_twin(omega, twin.faces), of_twin(omega, faces)
        assert np.array_equal(one.corners.exact_xy(), other.corners.exact_xy()), told
        assert len(one.edges) == len(other.edges), told
        for i in range(len(omega)):
            here, there = (c.faces[i].polygon(exact=True) for c in (one, other))
            assert np.array_equal(here.corners, there.corners), told
            assert here.sides == there.sides, told
        groups = np.arange(len(omega)) // 2
        for i, j in zip(*(range(len(c.merged(groups))) for c in (one, other)), strict=True):
            a, b = one.merged(groups), other.merged(groups)
            assert a.is_convex(i) == b.is_convex(j), told
            assert len(a.loops(i)) == len(b.loops(j)), told
            assert np.array_equal(a.corners, b.corners), told
            assert len(a.edges) == len(b.edges), told
    assert cells > 10


def tampered(faces: PlaneFaces, rng: random.Random) -> dict[str, PlaneFaces]:
    """Polygons with one thing wrong each."""
    copies = {}

    def other(name: str) -> PlaneFaces:
        copies[name] = PlaneFaces(*(getattr(faces, f.name).copy() for f in fields(faces)))
        return copies[name]

    inner = np.flatnonzero(faces.unit >= 0)
    h = int(rng.choice(inner.tolist()))
    face = int(np.searchsorted(faces.start, h, side="right")) - 1
    other("unit").unit[h] += 1
    other("piece").piece[h] += 1
    other("target").target[h] ^= np.uint64(1)
    other("hash").hashes[face] ^= np.uint64(1)
    other("a side for an edge").unit[h] = SIDE
    other("infinity for an edge").unit[h] = IDEAL
    both = other("both halves as sides")
    owner = np.repeat(np.arange(len(faces.hashes)), np.diff(faces.start))
    (back,) = np.flatnonzero(
        (faces.target == faces.hashes[face]) & (faces.hashes[owner] == faces.target[h])
    ).tolist()
    both.unit[[h, back]] = SIDE
    lost = other("a side less")
    lost.start[face + 1 :] -= 1
    for name in ("corner", "error", "unit", "piece", "form", "sign", "target"):
        setattr(lost, name, np.delete(getattr(lost, name), h, axis=0))
    twice = other("a side twice")
    twice.start[face + 1 :] += 1
    for name in ("corner", "error", "unit", "piece", "form", "sign", "target"):
        setattr(twice, name, np.insert(getattr(twice, name), h, getattr(twice, name)[h], axis=0))
    ideal = other("a corner at infinity")
    ideal.corner[h, 2] = 1.0 - min(1.0, ideal.corner[h, 2])
    fewer = other("a face less")
    fewer.start, fewer.hashes = fewer.start[:-1], fewer.hashes[:-1]
    return copies


def test_polygons_that_do_not_fit_are_refused():
    refused: Counter[str] = Counter()
    rng = random.Random(83_000)
    for omega, twin, told in plane_cases(rng, 25):
        if not np.any(twin.faces.unit >= 0):
            continue
        for name, faces in tampered(twin.faces, rng).items():
            try:
                of_twin(omega, faces)
            except es.UndecidedError:
                refused[name] += 1
            else:
                pytest.fail(f"{name}: not refused; {told}")
    assert len(refused) == 11
    assert min(refused.values()) > 15


def test_clockwise_faces_are_refused():
    omega = es.enumerate_regions(
        es.Network([es.Dense([[1, 0], [1, 2], [-1, 1]], [0, 1, 1]), es.ReLU()], (2,)),
        es.Box(-3, 3, dim=2),
    )
    faces = plane_twin(omega.network.program, complex_space(omega)).faces
    a, b = int(faces.start[3]), int(faces.start[4])
    order = np.r_[0:a, np.arange(b - 1, a - 1, -1), b : len(faces.unit)]
    for name in ("corner", "error", "unit", "piece", "form", "sign", "target"):
        setattr(faces, name, getattr(faces, name)[order])
    with pytest.raises(es.UndecidedError, match="defect"):
        of_twin(omega, faces)


def test_loops_bound_their_areas():
    """Areas by the paths around them, holes taken away, for faces merged at random."""
    seen: Counter[str] = Counter()
    rng = random.Random(84_000)
    for omega, _, told in plane_cases(rng, 30):
        c = omega.complex()
        groups = [rng.choice((0, 0, 0, 1)) for _ in omega]
        groups = np.unique(groups, return_inverse=True)[1]
        for found in (c.merged(groups), c.linear_regions(), c.merged(omega.distinct_pieces())):
            for i in range(len(found)):
                area = found.area(i)
                assert area == sum(c.faces[f].area() for f in found.faces(i).tolist()), told
                if area != math.inf:
                    assert sum(signed(c, loop) for loop in found.outer(i)) + sum(
                        signed(c, loop) for loop in found.holes(i)
                    ) == area, told  # fmt: skip
                    assert all(signed(c, loop) < 0 for loop in found.holes(i))
                    seen["bounded"] += 1
                seen["several parts"] += len(found.outer(i)) > 1
                seen["not convex"] += not found.is_convex(i)
        labels = c.linear_regions().labels
        assert np.array_equal(labels, omega.linear_regions().labels), told
    assert min(seen["bounded"], seen["several parts"], seen["not convex"]) > 5, seen


def signed(c: es.Complex, loop: np.ndarray):
    path = [c.corners.exact(v) for v in loop.tolist()]
    return sum(
        a[0] * b[1] - a[1] * b[0] for a, b in zip(path, [*path[1:], path[0]], strict=True)
    ) / 2  # fmt: skip
