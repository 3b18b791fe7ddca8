"""The adjacency graph as a complex gives it: against its brute-force twin, as the search's is."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
import random_networks as nets
from graph_checks import compare
from graph_networks import sized
from marks import first_quick
from naive_graph import Twin
from plane_twin import plane_twin

import exactspline as es
from exactspline.partition.complex.complex import plane_complex
from exactspline.partition.complex.source import complex_space
from exactspline.rationals import fractions

RECIPES = ("any", "ties", "stacked", "tight", "skips", "slivers")


@pytest.fixture
def no_search(monkeypatch):
    """Facets must not be searched for."""
    monkeypatch.setattr("exactspline.partition.graph.adjacent.search_again", None)


def read_off(omega: es.Partition) -> es.Partition:
    """A partition that has its complex, from the naive twin's polygons, and no facets."""
    space = complex_space(omega)
    faces = plane_twin(omega.network.program, space).faces
    omega.__dict__["_complex"] = plane_complex(omega._apart(), space, faces)
    return omega


@pytest.mark.parametrize("block", first_quick(range(4)))
def test_same_graph(block, no_search):
    seen: Counter[str] = Counter()
    rng = random.Random(87_000 + block)
    while seen["networks"] < 20:
        spec, (domain, told), twin = sized(rng, rng.choice(RECIPES))
        if domain.chart.dim != 2:
            continue
        omega = es.enumerate_regions(nets.network(spec), domain)
        if complex_space(omega).dim != 2:
            continue
        compare(read_off(omega), twin, nets.describe(spec, told))
        assert omega.linear_regions().count <= len(omega)
        seen["networks"] += 1
        seen["by floats"] += len(omega.edges) - len(omega.edges._exact)
        seen["exactly"] += len(omega.edges._exact)
        seen["several flips"] += int(np.sum(omega.edges.flip_counts > 1))
    assert min(seen["by floats"], seen["exactly"]) > 10, seen
    assert seen["several flips"] > 0, seen


def test_common_lines(no_search):
    """A domain of three dimensions, of which the complex has two."""
    rows = [[1, 1, 0], [0, 1, 1], [1, 2, 1], [1, 0, -1]]
    net = es.Network([es.Dense(rows, [0, 1, -2, 3]), es.ReLU()], (3,))
    omega = read_off(es.enumerate_regions(net))
    edges, other = omega.edges, es.enumerate_regions(net, engine="rational", graph=True).edges
    for name in ("source", "target", "unit", "piece", "flip_counts"):
        assert np.array_equal(getattr(edges, name), getattr(other, name))
    for e in range(len(edges)):
        row, point = fractions(edges.row(e)), edges.witness(e)
        assert row[0] + sum(c * v for c, v in zip(row[1:], point, strict=True)) == 0
        code = omega.locate([point]).all(0)
        assert set(code) == {int(edges.source[e]), int(edges.target[e])}


def test_witnesses_beyond_float64(no_search):
    """Regions that no float64 point is in: their edges' witnesses are rational."""
    thin = "1e-400"
    net = es.Network([es.Dense([[1, 0], [1, 0], [0, 1]], [0, thin, 0]), es.ReLU()], (2,))
    omega = read_off(es.enumerate_regions(net, es.Box(-1, 1, dim=2)))
    assert len(omega.exact_witnesses) > 0
    twin = Twin(
        nets.twin(nets.Spec(2, [("dense", [[1, 0], [1, 0], [0, 1]],
                                 [0, es.Box([0], [thin]).chart.high[0], 0]), ("relu",)])),
        ("box", [-1, -1], [1, 1]),
    )  # fmt: skip
    compare(omega, twin, "")
