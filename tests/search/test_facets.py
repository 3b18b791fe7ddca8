"""Facets and edges as the engines find them: one result, whatever the tier that proved it.

`exactspline.cells.facets`, the rational reference, is compared with an independent twin in
test_graph_twin.py.
"""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets
from marks import first_quick

import exactspline as es
from exactspline.cells.facets import beyond, facets_of_region
from exactspline.cells.forms import ExactForms
from exactspline.cells.point import code_at
from exactspline.cells.space import search_space
from exactspline.errors import UndecidedError
from exactspline.partition.graph import resolve
from exactspline.polyhedra.lp import q, value_at
from exactspline.search import facet_columns as found
from exactspline.search.facet_columns import code_hashes, hash_table
from exactspline.search.kernel import facet_buffers
from exactspline.search.kernel import graph as search_graph
from exactspline.search.kernel import unchanged_units as stays_only
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.run import Run


def graph(net: es.Network, domain: es.Domain | None = None, **options) -> es.Partition:
    return es.enumerate_regions(net, domain, graph=True, **options)


def columns(partition: es.Partition) -> tuple:
    """What must not depend on the engine: all but the witnesses and which form is named."""
    edges, borders = partition.edges, partition.borders
    flips = [edges.flips(e) for e in range(len(edges))]
    return (
        edges.source.tolist(), edges.target.tolist(), flips, borders.region.tolist(),
        borders.side.tolist(),
    )  # fmt: skip


def random_case(rng: random.Random, index: int) -> tuple[es.Network, es.Domain]:
    dim = rng.choice((1, 2, 2, 3))
    style = rng.choice(nets.STYLES)
    kinds = rng.choice((("relu",), ("relu", "abs"), ("max", "min", "scalar"), ("max", "relu")))
    widths = [rng.randint(2, 4) for _ in range(rng.choice((1, 2, 2, 3)))]
    spec = nets.random_spec(rng, dim, widths, style, kinds=kinds, bias=index % 3 != 0)
    return nets.network(spec), nets.any_domain(rng, dim)[0]


def check_witnesses(partition: es.Partition) -> None:
    """Every witness lies on its facet's hyperplane and inside all other conditions."""
    edges = partition.edges
    forms: ExactForms = partition._exact_forms
    for e in range(len(edges)):
        point = edges.witness(e)
        at = [q(v) for v in point]
        source = partition.code(int(edges.source[e]))
        row = edges.row(e)
        assert sum((c * v for c, v in zip(row[1:], at, strict=True)), row[0]) == 0
        code = partition.code(int(edges.target[e]))
        for i, (unit, piece) in enumerate(edges.flips(e)):
            assert source[unit] != code[unit] == piece, (e, i)
        assert len(edges.flips(e)) == np.count_nonzero(source != code)
        # the point belongs to both closures: neither code is refuted by it
        x = partition.domain.chart.lift(list(point))
        assert code_at(partition.network.program, x)[1]
        inside = [q(v) for v in partition.witness(int(edges.source[e]))]
        for facet in facets_of_region(forms, source, inside):
            value = sum(
                (c * v for c, v in zip(facet.condition.row[1:], at, strict=True)),
                facet.condition.row[0],
            )
            here = facet.flips == edges.flips(e)
            assert value == 0 if here else value > 0


@pytest.mark.parametrize("block", first_quick(range(4)))
def test_kernel_agrees_with_the_rational_engine(block: int) -> None:
    rng = random.Random(block)
    edges = 0
    for index in range(20):
        net, domain = random_case(rng, index)
        if es.count_regions(net, domain) > 40:
            continue
        fast = graph(net, domain)
        assert columns(fast) == columns(graph(net, domain, engine="rational"))
        check_witnesses(fast)
        edges += len(fast.edges)
    assert edges > 50


@pytest.mark.parametrize("block", range(2))
def test_wide_engine_agrees(block: int) -> None:
    rng = random.Random(100 + block)
    for index in range(6):
        net, domain = random_case(rng, index)
        if es.count_regions(net, domain) > 25:
            continue
        wide = graph(net, domain, engine="highs")
        assert columns(wide) == columns(graph(net, domain))
        check_witnesses(wide)


@pytest.mark.parametrize("rate", [0.02, 0.2, 1.0])
def test_disturbed_guesses_change_nothing(rate: float) -> None:
    """Multipliers, points and claims are guesses: with wrong ones the rational tier steps in."""
    rng = random.Random(7)
    asked = 0
    for index in range(12):
        net, domain = random_case(rng, index)
        program = net.program
        chart = domain.chart
        if not program.layers or not chart.dim or not search_space(program, chart).dim:
            continue
        if es.count_regions(net, domain) > 25:
            continue
        partition = es.enumerate_regions(net, domain)
        space = search_space(program, chart)
        search = KernelSearch(program, space, facets=True, faults=(rate, index))
        builder = resolve.EdgeBuilder()
        run = Run(program, domain, facets=True)
        run.search = search
        for batch in search.batches():
            builder.append(run._lifted(batch).facets)
        expected = columns(partition)
        partition.__dict__.pop("_facets")
        partition.__dict__.pop("edges"), partition.__dict__.pop("borders")
        partition._builder = builder
        assert columns(partition) == expected
        check_witnesses(partition)
        asked += sum(search.facets.queries)
    assert asked > 0


@pytest.mark.slow
@pytest.mark.parametrize("block", range(3))
def test_units_that_stay_across_a_rational_facet(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others_stay says without the rational code beyond is what that code says."""
    seen = {True: 0, False: 0}

    def both(search, first, own, facet, point):
        stays = stays_only.others_stay(search, first, own, facet, point)
        seen[stays] += 1
        if stays:
            form = search.forms.form(first, facet, search.state.codes)
            inside = [q(float(v)) for v in search.state.point]
            direction = [b - a for a, b in zip(inside, point, strict=True)]
            codes = search.state.codes
            assert value_at(form, point) == 0
            flips = beyond(search.forms, codes, point, direction)
            assert flips == ((own, 1 - int(codes[own])),)
        return stays

    monkeypatch.setattr(search_graph, "others_stay", both)
    rng = random.Random(700 + block)
    for index in range(150):
        net, domain = random_case(rng, index)
        run = Run(net.program, domain, facets=True)
        if run.trivial:
            continue
        space = search_space(net.program, domain.chart)
        search = KernelSearch(net.program, space, facets=True, faults=(0.3, index))
        for _ in search.batches():
            pass
    assert seen[True] > 10
    assert seen[False] > 0


def test_graph_in_one_go_or_later() -> None:
    net = es.load("examples/moons.onnx")
    box = es.Box([-2, "-1.5"], [3, 2])
    at_once, later = graph(net, box), es.enumerate_regions(net, box)
    assert columns(at_once) == columns(later)
    assert np.array_equal(at_once.edges._beyond, later.edges._beyond)


def test_hashes_only_find_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a hash of two bits nearly all candidates are wrong; the edges are the same."""
    net, box = es.load("examples/moons.onnx"), es.Box([-2, "-1.5"], [3, 2])
    expected = columns(graph(net, box))
    weak = found.hash_table

    def two_bits(program: object) -> np.ndarray:
        return weak(program) & np.uint64(3)

    monkeypatch.setattr(facet_buffers, "hash_table", two_bits)
    partition = es.enumerate_regions(net, box, graph=True, engine="kernel")
    assert len(set(partition._builder.hashes._array.tolist())) <= 4
    assert columns(partition) == expected


def test_a_lost_facet_is_noticed() -> None:
    """Both regions of a facet find it: dropping it on one side is an error, never a wrong graph."""
    net, box = es.load("examples/moons.onnx"), es.Box([-2, "-1.5"], [3, 2])
    partition = graph(net, box)
    partition._builder.down._array[40] -= 1
    with pytest.raises(UndecidedError, match="disagree about a facet"):
        _ = partition.edges
    partition = graph(net, box)
    partition._builder.columns["target"]._array[17] ^= np.uint64(1)
    with pytest.raises(UndecidedError, match="code that no region has"):
        _ = partition.edges
    partition = graph(net, box)
    partition._builder.columns["unit"]._array[17] += 1
    with pytest.raises(UndecidedError, match="code that no region has"):
        _ = partition.edges


@pytest.mark.parametrize("limit", [1, 2, 50, 281])
def test_stopped_search(limit: int) -> None:
    """Edges of a stopped search are those between the regions it has."""
    net, box = es.load("examples/moons.onnx"), es.Box([-2, "-1.5"], [3, 2])
    whole, part = graph(net, box), graph(net, box, limit=limit)
    inside = whole.edges.target < limit
    assert part.edges.source.tolist() == whole.edges.source[inside].tolist()
    assert part.edges.target.tolist() == whole.edges.target[inside].tolist()
    later = es.enumerate_regions(net, box, limit=limit)
    assert columns(later) == columns(part)


def test_sides_that_nothing_reads() -> None:
    """A box side of an input without weights is a side of every region."""
    net = es.Network([es.Dense([[1, 0, 0]], [0]), es.ReLU()], (3,))
    partition = graph(net, es.Box([-1, -2, 0], [1, 2, 0]))
    assert len(partition) == 2
    assert partition.edges.witness(0)[0] == 0
    borders = partition.borders
    found = zip(borders.region.tolist(), borders.side.tolist(), strict=True)
    assert sorted(found) == [(0, 0), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]


def test_network_without_units() -> None:
    partition = graph(es.Network([es.Dense([[1, 2]])], (2,)), es.Box([0, 0], [1, "1/3"]))
    assert (len(partition), len(partition.edges)) == (1, 0)
    assert partition.borders.side.tolist() == [0, 1, 2, 3]
    point = graph(es.Network([es.Dense([[1]]), es.ReLU()], (1,)), es.Box([1], [1]))
    assert (len(point), len(point.edges), len(point.borders)) == (1, 0, 0)


def test_repeated_rows_of_a_polytope_count_once() -> None:
    net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    rows = [[1, 0], [2, 0], [-1, 0], [0, 1], [0, -1], [0, "-1/3"]]
    partition = graph(net, es.Polytope(rows, [1, 2, 1, 1, 1, "1/3"]))
    per_region = np.bincount(partition.borders.region)
    assert len(partition.edges) == 1
    assert per_region.tolist() == [2, 2]


def test_float_geometry_is_the_exact_one_rounded() -> None:
    net, box = es.load("examples/moons.onnx"), es.Box([-2, "-1.5"], [3, 2])
    edges = graph(net, box).edges
    normals, witnesses = edges.normals, edges.witnesses
    assert normals.shape == witnesses.shape == (len(edges), 2)
    for e in range(0, len(edges), 7):
        exact = [float(v) for v in edges.normal(e)]
        np.testing.assert_allclose(normals[e], exact, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(witnesses[e], [float(v) for v in edges.witness(e)], atol=1e-6)
    parts = list(edges.iter_geometry(100))
    assert np.array_equal(np.concatenate([a for a, _ in parts]), normals)


def test_slivers_and_weights_beyond_float64() -> None:
    """A region of width 1e-30, one of width 1e-400: both have their two neighbours."""
    tiny = Fraction(1, 10**400)
    for width in (Fraction(1, 10**30), tiny):
        net = es.Network(
            [es.Dense([[1], [1]], [Fraction(-1, 3), Fraction(-1, 3) - width]), es.ReLU()], (1,)
        )
        partition = graph(net)
        assert partition.edges.source.tolist() == [0, 1]
        assert partition.edges.target.tolist() == [1, 2]
        assert partition.edges.witness(0) == (Fraction(1, 3),)
        assert partition.edges.witness(1) == (Fraction(1, 3) + width,)


def test_hashes_of_codes() -> None:
    net = es.load("examples/moons.onnx")
    partition = graph(net, es.Box([-2, "-1.5"], [3, 2]))
    expected = code_hashes(net.program, hash_table(net.program), partition.codes)
    assert partition._builder.hashes.finish().tolist() == expected.tolist()
