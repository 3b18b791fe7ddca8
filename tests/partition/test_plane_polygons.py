"""The naive twin of the plane's search: against the rational engine, which shares only the forms.

The one clips polygons, the other solves linear programs.
"""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
import random_networks as nets
from graph_networks import draw
from marks import first_quick
from plane_twin import corners, plane_twin
from program_at import program_at

import exactspline as es
from exactspline.cells.forms import ExactForms
from exactspline.cells.space import search_space, whole_space
from exactspline.polyhedra.lp import q
from exactspline.search.polygons import SIDE

RECIPES = ("any", "ties", "stacked", "tight", "skips", "slivers")


def plane_cases(rng: random.Random, count: int):
    """Degenerate networks of which two coordinates are searched."""
    while count:
        spec, (domain, told) = draw(rng, rng.choice(RECIPES))
        network = nets.network(spec)
        if domain.chart.dim != 2 or not network.program.layers:
            continue
        space = search_space(network.program, domain.chart)
        if space.dim == 2:
            count -= 1
            yield network, domain, space, nets.describe(spec, told)


@pytest.mark.parametrize("block", first_quick(range(4)))
def test_same_regions_and_neighbours(block):
    seen: Counter[str] = Counter()
    for network, domain, space, told in plane_cases(random.Random(70_000 + block), 40):
        twin = plane_twin(network.program, space)
        omega = es.enumerate_regions(network, domain, engine="rational", graph=True)
        assert np.array_equal(omega.codes, twin.codes), told
        edges = omega.edges
        owner = [f for f, cell in enumerate(twin.cells) for _ in cell]
        pairs = {
            (f, other[0]): i
            for i, (f, other) in enumerate(zip(owner, twin.twin, strict=True))
            if other
        }
        assert len(pairs) == 2 * len(edges), told
        faces = twin.faces
        for e in range(len(edges)):
            at = pairs[int(edges.source[e]), int(edges.target[e])]
            assert (faces.unit[at], faces.piece[at]) == (edges.unit[e], edges.piece[e]), told
        sides = [(f, int(faces.form[i])) for i, f in enumerate(owner) if faces.unit[i] == SIDE]
        borders = list(zip(omega.borders.region.tolist(), omega.borders.side.tolist(), strict=True))
        assert sorted(sides) == borders, told
        seen["regions"] += len(omega)
        seen["several units"] += int(np.sum(edges.flip_counts > 1))
        seen["unbounded"] += any(c[0] == 0 for own in twin.corners for c in own)
        seen["points of many lines"] += any(
            count > 4 for count in Counter(tuple(v / c[0] for v in c[1:])
            for own in twin.corners for c in own if c[0]).values()
        )  # fmt: skip
    assert seen["regions"] > 200
    assert min(seen["several units"], seen["unbounded"]) > 5, seen
    assert seen["points of many lines"] > 0, seen


def test_cells_without_corners():
    """The plane, half-planes, strips, wedges."""
    net = es.Network([es.Dense([[1, 1], [-1, -1]], [1, 2]), es.ReLU()], (2,))
    assert search_space(net.program, es.WholeSpace(2).chart).dim == 1
    twin = plane_twin(net.program, whole_space(net.program, es.WholeSpace(2).chart))
    assert twin.codes.tolist() == [[0, 1], [1, 0], [1, 1]]
    assert [len(cell) for cell in twin.cells] == [2, 2, 2]
    strip = corners(twin.cells[2])
    assert [c[0] for c in strip] == [0, 0]
    assert all(a == -b for a, b in zip(*strip, strict=True))
    alone = es.Network([es.Dense([[0, 0]], [1]), es.ReLU()], (2,))
    twin = plane_twin(alone.program, whole_space(alone.program, es.WholeSpace(2).chart))
    assert [len(cell) for cell in twin.cells] == [1]
    assert len(twin.faces.unit) == 0


def test_points_inside_belong_to_the_code():
    """Of every cell the mean of its corners, by the exact forms."""
    checked = 0
    for network, _, space, told in plane_cases(random.Random(71_000), 10):
        forms = ExactForms(network.program, space)
        twin = plane_twin(network.program, space)
        for code, own in zip(twin.codes, twin.corners, strict=True):
            if len(own) > 2 and any(c[0] for c in own):
                # a positive combination of three corners or more lies inside
                scaled = [[v / c[0] for v in c] if c[0] else c for c in own]
                w, x, y = (sum(c) for c in zip(*scaled, strict=True))
                point = [q(x / w), q(y / w)]
                inside = all(
                    row[0] + row[1] * point[0] + row[2] * point[1] > 0 for row in forms.domain_rows
                )
                assert inside, told
                given = space.chart.lift(space.to_chart([x / w, y / w]))
                assert program_at(network.program, given)[0] == code.tolist(), told
                checked += 1
    assert checked > 40
