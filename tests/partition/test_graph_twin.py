"""The adjacency graph against its brute-force twin: the same edges, flips, normals and borders.

``naive_graph`` has the truth: cells by double description in integers, and the dimension of
what two of them share. Blocks run in parallel, each with its own seed; what all blocks must
have seen at least is asserted in each of them.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter

import naive
import pytest
import random_networks as nets
from graph_checks import compare, sides_of
from graph_networks import sized
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marks import first_quick
from naive_graph import GraphCheck, SampleCheck, Twin
from small_networks import small_domains, small_networks

import exactspline as es

BLOCKS = 8
# Networks per block.
PLAN = {
    "any": 14, "ties": 16, "stacked": 10, "tight": 12, "larger": 2, "skips": 7, "slivers": 7
}  # fmt: skip
# Per block, at least. Networks of each kind; then edges: that flip several units, in several
# layers, of a unit with more than two pieces; pairs whose codes differ in one unit only and
# that are not adjacent; facets in the border; facets in the border that lie on a unit's
# hyperplane.
QUOTAS = {
    "k = 1": 6, "k = 2": 15, "k = 3": 5, "unbounded": 12, "flat": 3, "deep": 20,
    "several flips": 40, "several layers": 12, "many pieces": 60, "near but apart": 20,
    "border": 200, "border on a unit": 5,
}  # fmt: skip


def check(spec: nets.Spec, pair: nets.DomainPair, **options) -> tuple[es.Partition, Twin]:
    """Compare the graph of one network with the twin's."""
    twin = Twin(nets.twin(spec), pair[1])
    omega = es.enumerate_regions(nets.network(spec), pair[0], **options)
    compare(omega, twin, nets.describe(spec, pair[1]))
    return omega, twin


# --- Random networks -------------------------------------------------------------------------


@pytest.mark.parametrize("block", first_quick(range(BLOCKS)))
def test_same_graph(block):
    rng = random.Random(40_000 + block)
    seen: Counter[str] = Counter()
    for recipe, many in PLAN.items():
        for number in range(many):
            spec, pair, twin = sized(rng, recipe)
            network = nets.network(spec)
            omega = es.enumerate_regions(network, pair[0], graph=number % 2 == 0)
            compare(omega, twin, nets.describe(spec, pair[1]))
            tally(seen, omega, twin)
            if number % 8 == 0 and len(omega) <= 30:  # rational arithmetic takes its time
                for engine in ("rational", "highs"):
                    other = es.enumerate_regions(network, pair[0], engine=engine)
                    compare(other, twin, nets.describe(spec, pair[1]))
    assert sum(PLAN.values()) * BLOCKS >= 500
    missing = {name: seen[name] for name, least in QUOTAS.items() if seen[name] < least}
    assert not missing, f"{missing}: {seen}"


def tally(seen: Counter[str], omega: es.Partition, twin: Twin) -> None:
    """Count a network and its edges under every heading they belong to."""
    seen[f"k = {twin.k}"] += 1
    seen["unbounded"] += any(not ray[0] for ray in twin.root.rays) or bool(twin.root.lines)
    seen["flat"] += twin.k < omega.domain.dim
    seen["deep"] += len(twin.layers) > 1
    starts = [0, *itertools.accumulate(len(layer.units) for layer in twin.layers)]
    pieces = [
        len(unit.pieces) if isinstance(unit, naive.Scalar) else len(unit.members)
        for layer in twin.layers
        for unit in layer.units
    ]
    for i, j in twin.edges:
        a, b = twin.cells[i].code, twin.cells[j].code
        flips = [u for u, (p, q) in enumerate(zip(a, b, strict=True)) if p != q]
        layers = {sum(start <= u for start in starts) for u in flips}
        seen["several flips"] += len(flips) > 1
        seen["several layers"] += len(layers) > 1
        seen["many pieces"] += any(pieces[u] > 2 for u in flips)
    for i, j in itertools.combinations(range(len(twin.cells)), 2):
        a, b = twin.cells[i].code, twin.cells[j].code
        apart = (i, j) not in twin.edges
        seen["near but apart"] += apart and sum(p != q for p, q in zip(a, b, strict=True)) == 1
    for cell in twin.cells:
        seen["border"] += len(cell.border)
        on_unit = set(cell.border) & {c.form for c in cell.conditions}
        seen["border on a unit"] += len(on_unit)


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(st.data())
def test_small_integer_networks(data):
    """A failure here shrinks to a minimal network."""
    spec = data.draw(small_networks())
    check(spec, data.draw(small_domains(spec.dim)))


# --- Stopped searches ------------------------------------------------------------------------


def test_a_stopped_search_has_the_edges_between_the_regions_it_found():
    rng = random.Random(7)
    for number in range(24):
        spec, pair, twin = sized(rng, ("any", "ties", "tight")[number % 3])
        n = len(twin.cells)
        limit = rng.randint(1, n)
        some = es.enumerate_regions(nets.network(spec), pair[0], limit=limit, graph=number % 2 == 0)
        assert len(some) == limit
        # the twin of the beginning, except that facets are facets still
        begun = Twin(twin.layers, pair[1])
        begun.cells = twin.cells[:limit]
        begun.edges = {(i, j): form for (i, j), form in twin.edges.items() if j < limit}
        found = GraphCheck(some, begun, sides_of(some))
        for claim in (
            found.columns, found.pairs, found.flips, found.rows, found.forms, found.witnesses,
            found.borders,
        ):  # fmt: skip
            claim()


# --- Networks that are too large for the twin as a whole -------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dim", "widths", "domain", "samples"),
    [
        (2, [32, 32, 32], "box", 12), (2, [24, 24], "whole", 12), (3, [16, 16], "box", 12),
        (4, [10, 10], "whole", 10), (5, [9, 9], "box", 8), (6, [12], "whole", 8),
    ],
)  # fmt: skip
@pytest.mark.parametrize("style", ["float", "integer"])
def test_sampled_regions_of_larger_networks(dim, widths, domain, samples, style):
    """All facets of some regions, each with its neighbour: built and evaluated one by one."""
    rng = random.Random(f"{dim} {widths} {domain} {style}")
    kinds = ("relu",) if style == "float" else ("relu", "abs", "leaky")
    spec = nets.random_spec(
        rng, dim, widths, style, kinds=kinds, odd=style == "integer", bias=style == "float"
    )
    pair = nets.whole(dim)
    if domain == "box":
        pair = es.Box(-1, 1, dim=dim), ("box", [-1] * dim, [1] * dim)
    omega = es.enumerate_regions(nets.network(spec), pair[0], graph=True)
    assert len(omega) > 30
    found = SampleCheck(omega, Twin(nets.twin(spec), pair[1]), sides_of(omega))
    found.columns()
    for number in rng.sample(range(len(omega)), samples):
        try:
            found.region(number)
        except AssertionError as error:
            raise AssertionError(f"{error}{nets.describe(spec, pair[1])}") from error
