"""What holds for the adjacency graph of every network: jumps, continuity, degrees, symmetries.

And small networks whose graph can be drawn on paper. The affine maps come from evaluating the
network in Fractions at points of a region, so they owe nothing to the search.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction

import naive
import numpy as np
import pytest
import random_networks as nets
from folders import ACAS, NETWORKS
from graph_checks import (
    check_flips,
    check_path,
    compare,
    degrees,
    distances,
    neighbours,
    pairs_of,
    sides_of,
)  # fmt: skip
from graph_networks import sized
from naive_graph import SampleCheck, Twin

import exactspline as es
from exactspline.formats.vnnlib.reader import load_vnnlib

Number = int | Fraction
Map = tuple[list[list[Fraction]], list[Fraction]]


def flips_of(omega: es.Partition) -> dict[tuple[int, int], tuple[tuple[int, int], ...]]:
    return {pair: tuple(omega.edges.flips(e)) for e, pair in enumerate(pairs_of(omega))}


# --- The function across an edge -------------------------------------------------------------


def affine_maps(omega: es.Partition, layers: Sequence[naive.Layer]) -> list[Map]:
    """A (outputs x k) and b of every region over the domain's coordinates.

    Differences of the network's values at its witness and at points near by that have its code.
    """
    lift = omega.domain.chart.lift
    points, steps = [], []
    for i in range(len(omega)):
        code, t = tuple(omega.code(i).tolist()), list(omega.witness(i))
        points.append(t)
        for j in range(len(t)):
            step = Fraction(1)
            while True:
                there = [v + step * (m == j) for m, v in enumerate(t)]
                if naive.code_at(layers, lift(there)) == code:
                    break
                step /= -3
            points.append(there)
            steps.append(step)
    values, k = values_at(omega, points), omega.domain.chart.dim
    out = []
    for i in range(len(omega)):
        here, *near = values[i * (k + 1) : (i + 1) * (k + 1)]
        own = zip(near, steps[i * k : (i + 1) * k], strict=True)
        columns = [[(b - a) / step for a, b in zip(here, v, strict=True)] for v, step in own]
        A = [[column[c] for column in columns] for c in range(len(here))]
        t = points[i * (k + 1)]
        out.append((A, [v - nets._at(row, t) for v, row in zip(here, A, strict=True)]))
    return out


def values_at(omega: es.Partition, points: list[list[Fraction]]) -> list[list[Fraction]]:
    """The network's outputs at points of the domain, exactly."""
    if not points:
        return []
    x = np.array([omega.domain.chart.lift(t) for t in points], dtype=object)
    return omega.network.forward(x, exact=True).reshape(len(points), -1).tolist()


def check_jumps(omega: es.Partition, layers: Sequence[naive.Layer]) -> int:
    """Across every edge A changes by c n^T, and f is continuous; how often c is zero."""
    maps, edges, flat = affine_maps(omega, layers), omega.edges, 0
    points = [list(edges.witness(e)) for e in range(len(edges))]
    values = values_at(omega, points)
    for e, (i, j) in enumerate(pairs_of(omega)):
        point, value, normal = points[e], values[e], list(edges.normal(e))
        (A, a), (B, b) = maps[i], maps[j]
        for row, const, other, other_const, at in zip(A, a, B, b, value, strict=True):
            assert nets._at(row, point) + const == at, "continuous from the source"
            assert nets._at(other, point) + other_const == at, "continuous from the target"
            jump = [w - v for v, w in zip(row, other, strict=True)]
            # the jump of an output's gradient is a multiple of the normal: rank one at most
            c = nets._at(jump, normal) / nets._at(normal, normal)
            assert jump == [c * v for v in normal]
            assert (c == 0) == ((row, const) == (other, other_const))
        flat += (A, a) == (B, b)
    return flat


@pytest.mark.slow
def test_jumps_of_random_networks():
    """Rank one along the normal, zero exactly where the pieces agree, continuous, exactly."""
    rng = random.Random(12)
    edges = flat = 0
    for _ in range(50):
        dim = rng.choice((1, 2, 2, 3))
        spec = nets.random_spec(
            rng, dim, [rng.randint(2, 4) for _ in range(rng.randint(1, 3))],
            rng.choice(("integer", "integer", "third", "float")),
            kinds=("relu", "relu", "abs", "leaky", "prelu"), bias=rng.random() < 0.6,
        )  # fmt: skip
        width = len(spec.steps[-2][1])
        spec.steps.append(nets.dense(rng, rng.randint(1, 2), width, "integer", odd=False))
        given_domain, _ = nets.any_domain(rng, dim)
        omega = es.enumerate_regions(nets.network(spec), given_domain)
        if len(omega) <= 80:
            flat += check_jumps(omega, nets.twin(spec))
            edges += len(omega.edges)
    assert edges > 400
    assert 20 < flat < edges - 100


# --- Small networks on paper -----------------------------------------------------------------


def both(
    steps: Sequence[es.Operator], shape: tuple[int, ...], layers: Sequence[naive.Layer],
    domain: nets.DomainPair | None = None,
) -> es.Partition:  # fmt: skip
    """A partition, after its graph was compared with the twin's."""
    dim = int(np.prod(shape))
    given_domain, plain = domain or nets.whole(dim)
    omega = es.enumerate_regions(es.Network(steps, shape), given_domain)
    compare(omega, Twin(layers, plain), f"\nlayers = {layers}\ndomain = {plain}")
    check_flips(omega)
    return omega


def test_two_absolute_values():
    """|x|, then |x| - 1: x > 1 and x < -1 differ in one unit, and are far apart."""
    layers = [
        naive.Layer([[1]], [0], [naive.absolute(0)]), naive.Layer([[1]], [-1], [naive.absolute(0)])
    ]  # fmt: skip
    omega = both([es.Abs(), es.Dense([[1]], [-1]), es.Abs()], (1,), layers)
    assert omega.codes.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert flips_of(omega) == {(0, 1): ((1, 1),), (0, 2): ((0, 1),), (2, 3): ((1, 1),)}
    assert [omega.edges.witness(e) for e in range(3)] == [(-1,), (0,), (1,)]
    assert [omega.edges.normal(e)[0] > 0 for e in range(3)] == [False, True, True]
    assert check_jumps(omega, layers) == 0


def test_coincident_neurons_flip_together():
    layers = [naive.Layer([[1], [2], [-1], [1]], [0, 0, 0, 1], [naive.relu(j) for j in range(4)])]
    omega = both([es.Dense([[1], [2], [-1], [1]], [0, 0, 0, 1]), es.ReLU()], (1,), layers)
    assert omega.codes.tolist() == [[0, 0, 1, 0], [0, 0, 1, 1], [1, 1, 0, 1]]
    assert flips_of(omega) == {(0, 1): ((3, 1),), (1, 2): ((0, 1), (1, 1), (2, 0))}
    assert omega.edges.flip_counts.tolist() == [1, 3]


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_relu_of_relu_flips_every_layer(depth):
    layers = [naive.Layer([[1]], [0], [naive.relu(0)])] * depth
    omega = both([es.ReLU()] * depth, (1,), layers)
    assert flips_of(omega) == {(0, 1): tuple((u, 1) for u in range(depth))}
    assert omega.edges.layer.tolist() == [0]


def test_units_that_die_together_flip_once():
    """relu(x) and relu(relu(x) - relu(2 x) / 2), which is identically zero."""
    third = naive.Layer([[1, Fraction(-1, 2)]], [0], [naive.relu(0)])
    layers = [naive.Layer([[1], [2]], [0, 0], [naive.relu(0), naive.relu(1)]), third]
    steps = [es.Dense([[1], [2]]), es.ReLU(), es.Dense([[1, -0.5]]), es.ReLU()]
    omega = both(steps, (1,), layers)
    assert flips_of(omega) == {(0, 1): ((0, 1), (1, 1))}


def test_a_coincidence_on_one_side_only():
    """relu(relu(x) - relu(y)): on x < 0 < y it is off, on x, y < 0 it has nothing to decide."""
    layers = [
        naive.Layer([[1, 0], [0, 1]], [0, 0], [naive.relu(0), naive.relu(1)]),
        naive.Layer([[1, -1]], [0], [naive.relu(0)]),
    ]
    omega = both([es.ReLU(), es.Dense([[1, -1]]), es.ReLU()], (2,), layers)
    assert omega.codes.tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]]
    assert flips_of(omega) == {
        (0, 1): ((1, 1),), (0, 2): ((0, 1), (2, 1)), (1, 3): ((0, 1),), (2, 4): ((1, 1),),
        (3, 4): ((2, 1),),
    }  # fmt: skip


def test_max_pool_over_a_dead_window():
    """max(relu(x), relu(y)): where both are off the lowest piece has the cell."""
    layers = [
        naive.Layer([[1, 0], [0, 1]], [0, 0], [naive.relu(0), naive.relu(1)]),
        naive.Layer([[1, 0], [0, 1]], [0, 0], [naive.Max([0, 1])]),
    ]
    omega = both([es.ReLU(), es.MaxPool([2])], (1, 2), layers)
    assert omega.codes.tolist() == [[0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert flips_of(omega) == {
        (0, 1): ((1, 1), (2, 1)), (0, 2): ((0, 1),), (1, 4): ((0, 1),), (2, 3): ((1, 1),),
        (3, 4): ((2, 1),),
    }  # fmt: skip


@pytest.mark.parametrize(("size", "stride"), [(2, 1), (2, 2), (3, 1), (4, 1)])
def test_max_pools_over_windows_of_units_that_are_off(size, stride):
    n = 4
    eye = [[int(i == j) for j in range(n)] for i in range(n)]
    windows = [list(range(i, i + size)) for i in range(0, n - size + 1, stride)]
    layers = [
        naive.Layer(eye, [0] * n, [naive.relu(j) for j in range(n)]),
        naive.Layer(eye, [0] * n, [naive.Max(window) for window in windows]),
    ]
    omega = both([es.ReLU(), es.MaxPool([size], stride=stride)], (1, n), layers)
    assert omega.edges.flip_counts.max() > 1
    # a constant background besides: windows that tie over the whole domain
    rows, shift = [[1, 0], [0, 0], [0, 1], [0, 0]], [0, 1, 0, 1]
    first = naive.Layer(rows, shift, [naive.relu(j) for j in range(n)])
    steps = [
        es.Dense(rows, shift), es.ReLU(), es.Reshape((1, n)), es.MaxPool([size], stride=stride)
    ]  # fmt: skip
    both(steps, (2,), [first, layers[1]])


def test_max_pool_of_equal_entries():
    """Pieces that coincide everywhere: the lowest one counts, no edge between them."""
    layers = [naive.Layer([[1], [1], [-1], [-1]], [0] * 4, [naive.Max([0, 1, 2, 3])])]
    steps = [es.Dense([[1], [1], [-1], [-1]]), es.Maxout(4)]
    omega = both(steps, (1,), layers)
    assert omega.codes.tolist() == [[0], [2]]
    assert flips_of(omega) == {(0, 1): ((0, 2),)}


def test_corners_connect_nothing():
    """max(x, y, -x, -y): four cones; opposite ones share the origin only."""
    rows = [[1, 0], [0, 1], [-1, 0], [0, -1]]
    layers = [naive.Layer(rows, [0] * 4, [naive.Max([0, 1, 2, 3])])]
    omega = both([es.Dense(rows), es.Maxout(4)], (2,), layers)
    assert pairs_of(omega) == [(0, 1), (0, 3), (1, 2), (2, 3)]


def test_clip_and_minimum():
    """Three pieces in a row, and a concave unit."""
    clip = naive.Scalar(0, [-1, 1], [(0, -1), (1, 0), (0, 1)])
    omega = both([es.Clip(-1, 1)], (1,), [naive.Layer([[1]], [0], [clip])])
    assert flips_of(omega) == {(0, 1): ((0, 1),), (1, 2): ((0, 2),)}
    eye = [[1, 0], [0, 1]]
    steps = [es.Branches([[es.Select([0])], [es.Select([1])], [es.Dense([[0, 0]])]], es.Minimum())]
    layers = [naive.Layer([*eye, [0, 0]], [0] * 3, [naive.Min([0, 1, 2])])]
    omega = both(steps, (2,), layers)
    assert pairs_of(omega) == [(0, 1), (0, 2), (1, 2)]


# --- Domains ---------------------------------------------------------------------------------

CROSS = [naive.Layer([[1, 0], [0, 1]], [0, 0], [naive.relu(0), naive.relu(1)])]


def test_a_hyperplane_in_the_border_is_no_edge():
    """x = 0 is a side of the domain: the unit never changes; the side is a border."""
    domain = es.Box([0, -1], [1, 1]), ("box", [0, -1], [1, 1])
    omega = both([es.ReLU()], (2,), CROSS, domain)
    assert omega.codes.tolist() == [[1, 0], [1, 1]]
    assert pairs_of(omega) == [(0, 1)]
    border = list(zip(omega.borders.region.tolist(), omega.borders.side.tolist(), strict=True))
    assert border == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 3)]


def test_sides_that_are_no_facets():
    """A side twice, and one that touches the square in a corner only."""
    G = [[1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [2, 0], [3, 1]]
    h = [1, 1, 1, 1, 2, 2, 9]
    omega = both([es.ReLU()], (2,), CROSS, (es.Polytope(G, h), ("polytope", G, h)))
    assert len(omega) == len(omega.edges) == 4
    assert np.bincount(omega.borders.region).tolist() == [2, 2, 2, 2]


def test_coordinates_that_nothing_reads():
    """Bounds of the others are sides of every region; a free one adds nothing."""
    layers = [naive.Layer([[0, 1, 0]], [0], [naive.relu(0)])]
    steps = [es.Dense([[0, 1, 0]]), es.ReLU()]
    inf = float("inf")
    box = es.Box([-1, -1, 0], [1, 1, inf]), ("box", [-1, -1, 0], [1, 1, None])
    omega = both(steps, (3,), layers, box)
    assert pairs_of(omega) == [(0, 1)]
    assert np.bincount(omega.borders.region).tolist() == [4, 4]
    assert omega.edges.normal(0)[0] == omega.edges.normal(0)[2] == 0
    assert len(both(steps, (3,), layers).borders) == 0


def test_domains_of_one_region():
    """A point, a domain that no hyperplane meets, and networks without units."""
    point = es.Box([1, 2], [1, 2]), ("box", [1, 2], [1, 2])
    omega = both([es.ReLU()], (2,), CROSS, point)
    assert (len(omega), len(omega.edges), len(omega.borders)) == (1, 0, 0)
    away = es.Box([1, 1], [2, 2]), ("box", [1, 1], [2, 2])
    omega = both([es.ReLU()], (2,), CROSS, away)
    assert (len(omega), len(omega.edges), len(omega.borders)) == (1, 0, 4)
    omega = both([es.Dense([[1, 1]])], (2,), [], away)
    assert (len(omega), len(omega.edges), len(omega.borders)) == (1, 0, 4)
    omega = both([es.Dense([[1, 1]])], (2,), [])
    assert (len(omega), len(omega.edges), len(omega.borders)) == (1, 0, 0)
    dead = [naive.Layer([[0, 0]], [-1], [naive.relu(0)])]
    omega = both([es.Dense([[0, 0]], [-1]), es.ReLU()], (2,), dead, away)
    assert (len(omega), len(omega.edges), len(omega.borders)) == (1, 0, 4)


@pytest.mark.parametrize("seed", range(12))
def test_a_line_is_a_path_in_order(seed):
    """Any network on any line: regions follow each other, and these are the edges."""
    rng = random.Random(seed)
    dim = rng.choice((1, 1, 2, 3))
    spec = nets.random_spec(
        rng, dim, [rng.randint(3, 6) for _ in range(3)], rng.choice(nets.STYLES)
    )
    borders = 0
    if dim == 1 and rng.random() < 0.6:
        domain, borders = es.Box([-4], [4]), 2
    elif dim == 1:
        domain = es.WholeSpace(1)
    else:
        directions = [[rng.choice((-2, -1, 1, 2)) for _ in range(dim)]]
        domain = es.Slice([1] * dim, directions, es.Box([-9], [float("inf")]))
        borders = 1
    omega = es.enumerate_regions(nets.network(spec), domain)
    check_path(omega, borders)


# --- Degrees and connection ------------------------------------------------------------------

GENERIC = [
    (1, [20]), (2, [8, 8]), (2, [16, 16, 16]), (3, [6, 6]), (3, [12, 10]), (4, [8, 6]), (5, [8, 5])
]  # fmt: skip


@pytest.mark.parametrize(("dim", "widths"), GENERIC)
@pytest.mark.parametrize("domain", ["box", "whole"])
def test_average_degree_of_generic_networks(dim, widths, domain):
    """At most 2 D neighbours on the average; and a convex domain's graph is connected."""
    rng = random.Random(f"{dim} {widths}")
    spec = nets.random_spec(rng, dim, widths, "float", kinds=("relu",), odd=False)
    box = es.Box(-1, 1, dim=dim) if domain == "box" else es.WholeSpace(dim)
    omega = es.enumerate_regions(nets.network(spec), box, graph=True)
    edges = omega.edges
    assert 2 * len(edges) <= 2 * dim * len(omega)
    assert min(distances(neighbours(omega), 0)) == 0, "a region that is not reached"
    assert degrees(omega).min() >= 1
    check_flips(omega)
    if dim == 2 and len(omega) >= 3:
        assert len(edges) <= 3 * len(omega) - 6, "convex cells in the plane: a planar graph"


def test_every_graph_is_connected():
    rng = random.Random(8)
    for number in range(40):
        recipe = ("any", "ties", "tight", "stacked", "slivers")[number % 5]
        spec, pair, twin = sized(rng, recipe)
        omega = es.enumerate_regions(nets.network(spec), pair[0])
        assert -1 not in distances(neighbours(omega), len(omega) - 1), nets.describe(spec, pair[1])
        assert len(omega) == len(twin.cells)


# --- Symmetries ------------------------------------------------------------------------------


def transformed(spec: nets.Spec, M: list[list[int]], shift: Sequence[Number]) -> nets.Spec:
    """The network at M x + shift."""
    (kind, W, b), *rest = spec.steps
    columns = list(zip(*M, strict=True))
    rows = [[nets._at(row, column) for column in columns] for row in W]
    offsets = [nets._at(row, shift) + c for row, c in zip(W, b, strict=True)]
    return nets.Spec(spec.dim, [(kind, rows, offsets), *rest])


def shear(rng: random.Random, dim: int) -> list[list[int]]:
    """An integer matrix of determinant 1."""
    M = [[int(i == j) for j in range(dim)] for i in range(dim)]
    for _ in range(3 if dim > 1 else 0):
        i, j = rng.sample(range(dim), 2)
        factor = rng.choice((-3, -1, 2))
        M[i] = [a + factor * b for a, b in zip(M[i], M[j], strict=True)]
    return M


def test_a_change_of_coordinates_changes_no_edge():
    """f(M x + c) on R^D: the same codes, pairs and flips, and the same facets in M x + c."""
    rng = random.Random(31)
    for number in range(20):
        dim = rng.choice((2, 2, 3))
        spec = nets.random_spec(
            rng, dim, [rng.randint(2, 5) for _ in range(rng.randint(1, 2))],
            rng.choice(("integer", "third", "float")), bias=rng.random() < 0.7,
        )  # fmt: skip
        M, shift = shear(rng, dim), [Fraction(rng.randint(-9, 9), 7) for _ in range(dim)]
        one = es.enumerate_regions(nets.network(spec))
        two = es.enumerate_regions(nets.network(transformed(spec, M, shift)), graph=True)
        message = f"{number}{nets.describe(spec, ('all', dim))}"
        assert np.array_equal(one.codes, two.codes), message
        assert flips_of(one) == flips_of(two), message
        for e in range(len(one.edges)):
            row = one.edges.row(e)
            x = [nets._at(r, two.edges.witness(e)) + c for r, c in zip(M, shift, strict=True)]
            values = [Fraction(int(v.p), int(v.q)) for v in row]
            assert values[0] + nets._at(values[1:], x) == 0, message


@pytest.mark.parametrize("exponent", [-300, -60, 60, 300])
def test_scaled_networks_have_the_same_graph(exponent):
    """The first layer's weights, or its biases and the box, times a power of two."""
    rng = random.Random(exponent)
    factor = Fraction(2) ** exponent
    for _ in range(6):
        spec = nets.random_spec(rng, 2, [4, 3], rng.choice(("integer", "float")), kinds=("relu",))
        (kind, W, b), act, (kind2, W2, b2), act2 = spec.steps
        larger = [
            (kind, [[factor * v for v in row] for row in W], [factor * v for v in b]), act,
            (kind2, W2, [factor * v for v in b2]), act2,
        ]  # fmt: skip
        one = es.enumerate_regions(nets.network(spec), es.Box(-2, 2, dim=2))
        two = es.enumerate_regions(nets.network(nets.Spec(2, larger)), es.Box(-2, 2, dim=2))
        assert np.array_equal(one.codes, two.codes)
        assert flips_of(one) == flips_of(two)
        assert one.borders.side.tolist() == two.borders.side.tolist()
        wide = [
            (kind, W, [factor * v for v in b]), act, (kind2, W2, [factor * v for v in b2]), act2
        ]  # fmt: skip
        box = es.Box([-2 * factor] * 2, [2 * factor] * 2)
        three = es.enumerate_regions(nets.network(nets.Spec(2, wide)), box)
        assert np.array_equal(one.codes, three.codes)
        assert flips_of(one) == flips_of(three)
        assert one.borders.side.tolist() == three.borders.side.tolist()


def test_negated_rows_of_abs_turn_the_codes():
    """|-u| = |u|: pieces change their names, edges do not."""
    rng = random.Random(77)
    for _ in range(10):
        spec = nets.random_spec(rng, 2, [4, 3], "integer", kinds=("abs",), odd=False)
        (kind, W, b), *rest = spec.steps
        turned = nets.Spec(2, [(kind, [[-v for v in row] for row in W], [-v for v in b]), *rest])
        one = es.enumerate_regions(nets.network(spec))
        two = es.enumerate_regions(nets.network(turned))
        moves = np.array([any(row) or c != 0 for row, c in zip(W, b, strict=True)] + [False] * 3)
        codes = [tuple(np.where(moves, 1 - code, code)) for code in two.codes.astype(int)]
        place = {tuple(code): i for i, code in enumerate(one.codes.tolist())}
        renamed = [place[code] for code in codes]
        moved = sorted(tuple(sorted((renamed[i], renamed[j]))) for i, j in pairs_of(two))
        assert sorted(renamed) == list(range(len(one)))
        assert moved == pairs_of(one)


# --- Real networks ---------------------------------------------------------------------------


def chain_layers(network: es.Network) -> list[naive.Layer]:
    """A chain of Dense, Elementwise and ReLU for the twin, straight from its stored numbers."""
    out, shape = [], network.input_shape
    inputs = [(Fraction(0), {i: Fraction(1)}) for i in range(int(np.prod(shape)))]
    forms = inputs
    for node in network.nodes:
        operator = node.operator
        if isinstance(operator, es.Dense):
            rows, forms = forms, []
            weights_and_biases = zip(operator.weight.tolist(), operator.bias.tolist(), strict=True)
            for weights, const in weights_and_biases:
                read = [j for j, w in enumerate(weights) if w]
                forms.append(
                    nets._combined([weights[j] for j in read], const, [rows[j] for j in read])
                )
        elif isinstance(operator, es.Elementwise):
            scale = np.broadcast_to(operator.scale, node.shape).reshape(-1).tolist()
            shift = np.broadcast_to(operator.shift, node.shape).reshape(-1).tolist()
            forms = [
                nets._combined([a], c, [form])
                for a, c, form in zip(scale, shift, forms, strict=True)
            ]
        elif isinstance(operator, es.ReLU):
            W = [[terms.get(j, Fraction(0)) for j in range(len(inputs))] for _, terms in forms]
            units = [naive.relu(j) for j in range(len(W))]
            out.append(naive.Layer(W, [const for const, _ in forms], units))
            inputs = [(Fraction(0), {i: Fraction(1)}) for i in range(len(W))]
            forms = inputs
        else:
            assert isinstance(operator, es.Flatten)
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "regions"),
    [
        ("tll/tllBench_n=2_N=M=8_m=1_instance_0_0.onnx", 433),
    ],
)
def test_two_level_lattices(file, regions):
    """Ties and coincident hyperplanes through all layers; some regions with all their facets."""
    network = es.load(NETWORKS / file)
    omega = es.enumerate_regions(network, es.Box([-2, -2], [2, 2]), graph=True)
    assert len(omega) == regions
    check_flips(omega)
    assert -1 not in distances(neighbours(omega), 0)
    assert len(omega.edges) <= 3 * regions - 6
    assert np.count_nonzero(omega.edges.flip_counts > 1) > regions // 20
    twin = Twin(chain_layers(network), ("box", [-2, -2], [2, 2]))
    found = SampleCheck(omega, twin, sides_of(omega))
    for number in random.Random(1).sample(range(regions), 6):
        found.region(number)


@pytest.mark.slow
def test_acas_xu():
    """A property's box: 10,694 regions in five dimensions."""
    network = es.load(NETWORKS / ACAS.format("2_3"))
    (box,) = load_vnnlib(NETWORKS / "acasxu/prop_3.vnnlib", network.input_dim)
    omega = es.enumerate_regions(network, box, graph=True)
    assert len(omega) == 10_694
    check_flips(omega)
    assert -1 not in distances(neighbours(omega), 0)
    assert len(omega.edges) <= 5 * len(omega)
    twin = Twin(chain_layers(network), ("box", list(box.low), list(box.high)))
    found = SampleCheck(omega, twin, sides_of(omega))
    for number in random.Random(2).sample(range(len(omega)), 2):
        found.region(number)
