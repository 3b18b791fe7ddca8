"""The adjacency graph against its brute-force twin: the same edges, flips, normals and borders.

``naive_graph`` has the truth: cells by double description in integers, and the dimension of
what two of them share. Blocks run in parallel, each with its own seed; what all blocks must
have seen at least is asserted in each of them.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from fractions import Fraction

import naive
import pytest
import random_networks as nets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_graph import GraphCheck, SampleCheck, Twin
from test_twin import describe, small_domains, small_networks

import exactspline as es

BLOCKS = 8
# Networks per block.
PLAN = {
    "any": 14, "ties": 16, "stacked": 10, "tight": 12, "larger": 2, "skips": 7, "slivers": 7
}  # fmt: skip
MOST = {"larger": 160}  # regions; networks with more are drawn again
# Per block, at least. Networks of each kind; then edges: that flip several units, in several
# layers, of a unit with more than two pieces; pairs whose codes differ in one unit only and
# that are not adjacent; facets in the border; facets in the border that lie on a unit's
# hyperplane.
QUOTAS = {
    "k = 1": 6, "k = 2": 15, "k = 3": 5, "unbounded": 12, "flat": 3, "deep": 20,
    "several flips": 40, "several layers": 12, "many pieces": 60, "near but apart": 20,
    "border": 200, "border on a unit": 5,
}  # fmt: skip


def sides_of(omega: es.Partition) -> list[list[Fraction]]:
    """The domain's sides, constant first: bounds (lower, upper) by coordinate, then the rows."""
    chart = omega.domain.chart
    out = []
    for j, (low, high) in enumerate(zip(chart.low, chart.high, strict=True)):
        for bound, sign in ((low, 1), (high, -1)):
            if bound is not None:
                slopes = [Fraction(sign * (i == j)) for i in range(chart.dim)]
                out.append([-sign * bound, *slopes])
    for r in range(len(chart.rows)):
        indices, data, const = chart.rows.row(r)
        row = [Fraction(const), *[Fraction(0)] * chart.dim]
        for j, c in zip(indices.tolist(), data.tolist(), strict=True):
            row[j + 1] += Fraction(c)
        out.append(row)
    return out


def check(spec: nets.Spec, pair: nets.DomainPair, **options) -> tuple[es.Partition, Twin]:
    """Compare the graph of one network with the twin's."""
    twin = Twin(nets.twin(spec), pair[1])
    omega = es.enumerate_regions(nets.network(spec), pair[0], **options)
    compare(omega, twin, describe(spec, pair[1]))
    return omega, twin


def compare(omega: es.Partition, twin: Twin, message: str) -> None:
    """Check a partition's graph; ``message`` says how to see a failure again."""
    try:
        GraphCheck(omega, twin, sides_of(omega))()
    except AssertionError as error:
        raise AssertionError(f"{error}{message}\nengine = {omega.engine}") from error


# --- Random networks -------------------------------------------------------------------------


def tight_domain(rng: random.Random, spec: nets.Spec) -> nets.DomainPair:
    """A domain whose sides lie on the first layer's hyperplanes, some of them twice."""
    _, W, b = spec.steps[0]
    G, h = [], []
    for i in rng.sample(range(len(W)), min(len(W), rng.randint(1, 3))):
        if any(W[i]):
            sign, factor = rng.choice((1, -1)), rng.choice((1, 2, Fraction(1, 3)))
            G.append([-sign * factor * v for v in W[i]])
            h.append(sign * factor * b[i])
    for i in range(spec.dim):
        for sign in (1, -1):
            if rng.random() < 0.6:
                G.append([sign * int(i == m) for m in range(spec.dim)])
                h.append(Fraction(rng.randint(0, 2)))
    if rng.random() < 0.5 and G:  # one side twice, and one that touches where two others meet
        i, j = rng.randrange(len(G)), rng.randrange(len(G))
        G += [[2 * v for v in G[i]], [v + w for v, w in zip(G[i], G[j], strict=True)]]
        h += [2 * h[i], h[i] + h[j]]
    if not G:
        return nets.whole(spec.dim)
    try:
        naive._root(("polytope", G, h))
    except ValueError:  # empty
        return nets.any_domain(rng, spec.dim)
    return es.Polytope(nets._array(G), nets._array(h)), ("polytope", G, h)


def disturb(rng: random.Random, spec: nets.Spec) -> None:
    """Make some ties near misses, and some rows tiny or huge."""
    for step in spec.steps:
        if step[0] == "dense":
            _, W, b = step
            for i in range(len(W)):
                if rng.random() < 0.3:
                    scale = Fraction(10) ** rng.choice((-30, -9, 12, 25))
                    W[i], b[i] = [scale * v for v in W[i]], scale * b[i]
                if rng.random() < 0.5:
                    near = rng.choice((1, -1)) / Fraction(10) ** rng.choice((8, 16, 30))
                    if rng.random() < 0.5:
                        b[i] += near
                    else:
                        W[i][rng.randrange(len(W[i]))] += near


def stacked(rng: random.Random, dim: int) -> nets.Spec:
    """Layers of sparse rows without biases: what dies or ties in one ties in the next ones.

    A later row reads one unit, or the difference of two; a hyperplane of the first layer is one
    of the layers behind it, too, on one of its sides or on both.
    """
    steps, n = [nets.dense(rng, rng.randint(2, 3), dim, "integer", bias=False)], 0
    for depth in range(rng.randint(2, 3)):
        if depth:
            W = [[Fraction(0)] * n for _ in range(rng.randint(2, 3))]
            for row in W:
                row[rng.randrange(n)] = rng.choice((Fraction(1), Fraction(2), Fraction(-1)))
                row[rng.randrange(n)] = rng.choice((Fraction(1), Fraction(-1)))
            b = [Fraction(rng.random() < 0.2) for _ in W]
            steps.append(("dense", W, b))
        n = len(steps[-1][1])
        step, n = nets.activation(rng, n, ("relu", "relu", "max", "min", "abs", "scalar"))
        steps.append(step)
    return nets.Spec(dim, steps)


def draw(rng: random.Random, recipe: str) -> tuple[nets.Spec, nets.DomainPair]:
    """One network and domain of a recipe."""
    dim = rng.choice((1, 2, 2, 2, 3, 3))
    widths = [rng.randint(1, 5) for _ in range(rng.randint(1, 3))]
    if recipe == "larger":
        dim, widths = rng.choice(((2, [7, 6, 4]), (3, [6, 4]), (2, [6, 5, 4, 3]), (4, [5, 3])))
        style = rng.choice(("float", "third", "integer", "dyadic"))
        spec = nets.random_spec(rng, dim, widths, style)
        return spec, nets.any_domain(rng, dim)
    if recipe == "stacked":
        return stacked(rng, dim), nets.any_domain(rng, dim)
    if recipe == "any":
        style = rng.choice(nets.STYLES)
        spec = nets.random_spec(rng, dim, widths, style, bias=rng.random() < 0.8)
        return spec, nets.any_domain(rng, dim)
    style = rng.choice(("integer", "integer", "integer", "third", "dyadic"))
    kinds = rng.choice(
        (nets.ALL_KINDS, nets.ALL_KINDS, ("relu",), ("abs",), ("max", "min"), ("scalar", "relu"))
    )
    widths = [rng.randint(2, 5) for _ in range(rng.randint(1, 3))]
    bias = rng.random() < (0.7 if recipe == "tight" else 0.3)
    spec = nets.random_spec(
        rng, dim, widths, style, kinds=kinds, bias=bias, skip=recipe == "skips"
    )
    if recipe == "slivers":
        disturb(rng, spec)
    if recipe == "tight":
        return spec, tight_domain(rng, spec)
    return spec, nets.any_domain(rng, dim)


def sized(rng: random.Random, recipe: str) -> tuple[nets.Spec, nets.DomainPair, Twin]:
    """A network with few enough regions for the twin, and more than one as a rule."""
    while True:
        spec, pair = draw(rng, recipe)
        twin = Twin(nets.twin(spec), pair[1])
        cells = naive._cells(twin.layers, twin.root, twin.x_rows)
        most = MOST.get(recipe, 60)
        count = sum(1 for _ in itertools.islice(cells, most + 1))
        if (count > 1 or rng.random() < 0.1) and count <= most:
            return spec, pair, twin


@pytest.mark.parametrize("block", range(BLOCKS))
def test_same_graph(block):
    rng = random.Random(40_000 + block)
    seen: Counter[str] = Counter()
    for recipe, many in PLAN.items():
        for number in range(many):
            spec, pair, twin = sized(rng, recipe)
            network = nets.network(spec)
            omega = es.enumerate_regions(network, pair[0], graph=number % 2 == 0)
            compare(omega, twin, describe(spec, pair[1]))
            tally(seen, omega, twin)
            if number % 8 == 0 and len(omega) <= 30:  # rational arithmetic takes its time
                for engine in ("rational", "highs"):
                    other = es.enumerate_regions(network, pair[0], engine=engine)
                    compare(other, twin, describe(spec, pair[1]))
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
        some = es.enumerate_regions(
            nets.network(spec), pair[0], limit=limit, graph=number % 2 == 0
        )
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
            raise AssertionError(f"{error}{describe(spec, pair[1])}") from error
