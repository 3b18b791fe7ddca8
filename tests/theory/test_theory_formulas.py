"""Formulas of the theory that no toy network tells apart, each beside a value of another source."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from itertools import pairwise, product

import flint
import numpy as np
import pytest
import sympy

import exactspline as es
from exactspline import theory
from exactspline.theory.common import region_maps, samples, spectral
from exactspline.theory.constants import constants
from exactspline.theory.counting import counts
from exactspline.theory.filters import collinear, hierarchy
from exactspline.theory.geometry import coherent, cuts, geometry
from exactspline.theory.geometry import whole as deep
from exactspline.theory.geometry.power import PowerDiagram
from exactspline.theory.learning import approximation, soft
from exactspline.theory.operators import matrices, operators, symbolic, written
from exactspline.theory.structure import formulas

F = Fraction


def whole(rows):
    """An array of Fractions."""
    return np.vectorize(F, otypes=[object])(np.array(rows, dtype=object))


# --- constants ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [F(1), F(10) ** 200, F(1, 10**200)])
@pytest.mark.parametrize("columns", [(1, 1), (1, F(1, 1000)), (F(7), F(1, 3))])
def test_the_direction_stretched_most_against_singular_values(scale, columns):
    rng = random.Random(0)
    for _ in range(5):
        A = whole([[rng.randint(-9, 9) for _ in range(3)] for _ in range(2)])
        P = whole([[rng.randint(-4, 4) * c for c in columns] for _ in range(3)])
        Q, R = np.linalg.qr(P.astype(float))
        if min(abs(np.diag(R))) < 1e-9:
            continue
        most = np.linalg.norm(A.astype(float) @ Q, 2)
        t = np.array(constants._top_direction((A @ P * scale).tolist(), P), dtype=object)
        x = (P @ t).astype(float)
        top = (A @ (P @ t)).astype(float)
        assert np.linalg.norm(top) / np.linalg.norm(x) == pytest.approx(most, rel=1e-9)


# --- counting -----------------------------------------------------------------------------------


def test_codes_and_one_layer_are_counted_by_hand():
    assert theory.bounds([2, 3, 3])["choices of pieces"].value == 64
    assert theory.bounds([2, 5])["Zaslavsky"].value == sum(math.comb(5, k) for k in range(3))
    assert "Zaslavsky" not in [entry.name for entry in theory.bounds([2, 5, 5])]


def test_planes_that_fall_together_after_a_shift():
    """x + 1/3 > 1/3 and -x + 1/3 > 1/3 bend at 0, both."""
    net = es.Network(
        [es.Dense([[1], [-1]], ["1/3", "1/3"]), es.Threshold("1/3", "1/3"), es.Dense([[1, 2]])],
        (1,),
    )
    assert counts._first_layer(net.program.layers[0]) == 2
    assert theory.check_counts(net).holds


# --- filters ------------------------------------------------------------------------------------


def test_templates_of_inputs_whose_squares_leave_the_range():
    for size in (1.0, 1e200, 1e-200):
        found = theory.collinear_templates(np.array([3.0, 4.0]) * size, 2, 0, 2)
        assert np.allclose(found, [[0.6, 0.8], [-0.6, -0.8]])


R = sympy.Rational


@pytest.mark.parametrize(
    ("constraint", "a", "b", "used"),
    [
        ("sum", R(3, 2), R(-1, 2), R(11, 4)), ("sum", 1, -1, 3), ("sum", R(1, 2), -2, R(33, 4)),
        ("each", R(3, 2), -2, 4), ("each", 3, -2, 9), ("each", R(1, 2), R(-3, 2), R(9, 4)),
    ],
)  # fmt: skip
def test_what_templates_spend_by_hand(constraint, a, b, used):
    m, alpha = sympy.symbols("m alpha", positive=True)
    found = collinear._better(sympy, constraint, sympy.sympify(a), sympy.sympify(b), m, alpha)
    assert found["not feasible"] == str(used)


@pytest.mark.parametrize(
    ("constraint", "a", "b"),
    [
        ("sum", sympy.sqrt(R(2, 3)), sympy.sqrt(R(1, 6))), ("sum", 0, R(-1, 2)),
        ("each", 1, 1), ("each", 0, R(-1, 2)), ("each", R(1, 2), R(-1, 2)),
    ],
)  # fmt: skip
def test_better_templates_are_better_and_feasible(constraint, a, b):
    m, alpha = sympy.symbols("m alpha", positive=True)
    found = collinear._better(sympy, constraint, sympy.sympify(a), sympy.sympify(b), m, alpha)
    best_a, best_b = (float(sympy.sympify(found[f"better {v}"])) for v in "ab")
    spent = best_a**2 + 2 * best_b**2 if constraint == "sum" else max(best_a**2, best_b**2)
    assert spent <= 1 + 1e-12
    told = float(sympy.sympify(found["better a - b (larger is a smaller loss)"]))
    assert told == pytest.approx(best_a - best_b)
    assert float(sympy.sympify(found["tested a - b"])) == pytest.approx(float(a) - float(b))

    def loss(a, b):
        return math.log(1 + 2 * math.exp(b - a))

    assert loss(best_a, best_b) < loss(float(a), float(b))


def test_networks_side_by_side_give_their_difference():
    """Also where the output is an image."""
    net = es.Network([es.Conv([[[1, -1]], [[2, "1/3"]]], ["1/7", 0]), es.ReLU()], (1, 4))
    masos = hierarchy._masos(net.layers)
    other = es.Network([es.Conv([[[1, 2]], [[0, 1]]]), es.ReLU()], (1, 4))
    x = whole([[1, F(1, 3), -2, 5]])
    for first in (net, other):
        joined = hierarchy._side_by_side(first, masos)
        nested = es.Network(masos, (1, 4)).forward(x, exact=True).reshape(-1)
        mine = first.forward(x, exact=True).reshape(-1)
        assert joined.forward(x, exact=True).reshape(-1).tolist() == (mine - nested).tolist()


# --- geometry -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "freedom",
    [[[1, -1, 0]], [[1, 0, -1], [0, 1, -1]], [[2, -1, 5, -3]], [[-1, 2, 0]], [[1, 1, -1, -1]]],
)
def test_weights_of_a_proof_that_there_is_no_diagram(freedom):
    vectors = [[flint.fmpq(v) for v in row] for row in freedom]
    found = coherent._weights_by_program(vectors, len(freedom[0]))
    assert all(w >= 0 for w in found)
    assert sum(found, flint.fmpq(0)) >= 1
    for v in freedom:
        assert sum((w * x for w, x in zip(found, v, strict=True)), flint.fmpq(0)) == 0


def test_points_on_one_side_of_a_plane():
    rng = random.Random(1)
    for _ in range(20):
        normal = [F(rng.randint(-30, 30), rng.randint(1, 4)) for _ in range(3)]
        if not any(normal):
            continue
        constant = F(rng.randint(-9, 9), 2)
        points = cuts._one_side(normal, constant)
        for x in points:
            assert sum(a * b for a, b in zip(normal, x, strict=True)) + constant > 0
        steps = np.array([[float(a - b) for a, b in zip(p, points[0], strict=True)]
                          for p in points[1:]])  # fmt: skip
        assert np.linalg.matrix_rank(steps) == 3


def test_mirrors_of_units_that_read_the_inputs():
    net = es.Network([es.Abs(), es.Dense([[1, 2], [3, -1]]), es.Abs()], (2,))
    mirrors = [m for m in cuts._mirrors(net) if m.normal.count(0) == 1]
    assert [(m.normal, m.constant) for m in mirrors] == [([1, 0], 0), ([0, 1], 0)]
    assert theory.check_reflection(net).holds


def test_forms_of_maxima_are_differences_of_weights():
    W = [[1, 0], ["1/2", -1], [0, 2]]
    net = es.Network(
        [es.Dense(W), es.Reshape((1, 3)), es.MaxPool((2,), stride=1), es.Flatten()], (2,)
    )
    rows = whole(W)
    found = [row for _, row in geometry._unit_forms(es.enumerate_regions(net), 1)]
    for row, truth in zip(found, (rows[0] - rows[1], rows[1] - rows[2]), strict=True):
        assert row in (truth.tolist(), (-truth).tolist())


def test_the_inner_product_of_a_slice():
    net = es.Network([es.Dense([[1, 2, 3]]), es.ReLU()], (3,))
    P = [[1, 1, 0], [0, 1, 1]]
    found = geometry._metric(es.enumerate_regions(net, es.Slice([0, 0, 0], P)))
    assert str(found.tolist()) == str([[2, 1], [1, 2]])


def test_radii_of_codes_by_hand():
    """All single changes keep the radius, and a pair of changes does not."""
    pieces = [([[0, 0], [1, 0]], [0, F(-3, 2)]), ([[1, 0], [-1, 5]], [0, F(-25, 2)])]
    radius = {}
    for code in product(range(2), repeat=2):
        mu = sum((np.array(A[r], dtype=object) for (A, _), r in zip(pieces, code, strict=True)),
                 np.zeros(2, dtype=object))  # fmt: skip
        radius[code] = F(mu @ mu) + 2 * sum(F(B[r]) for (_, B), r in zip(pieces, code, strict=True))
    assert radius[0, 0] == radius[1, 0] == radius[0, 1] != radius[1, 1]
    found = PowerDiagram.of_pieces(pieces).voronoi_violation()
    assert tuple(found["code"]) == (1, 1)
    assert found["radius"] == radius[1, 1]


def test_a_voronoi_diagram_in_other_coordinates():
    net = es.Network([es.Dense([[1, 2], [-4, 2]]), es.Abs(), es.Dense([[1, 1]])], (2,))
    assert theory.check_voronoi(net).holds
    moved = theory.check_voronoi(net, es.Slice([1, "1/3"], [[1, 0], [1, 1]]))
    assert moved.holds


def test_pieces_of_minima_and_of_splines_are_those_of_maxima():
    """A minimum turned round; else a sum of max(0, u - b) over the breakpoints b."""
    lines = [[1, 2], ["1/2", -1], [0, 3]]
    least = es.Network([es.Dense(lines, [1, 0, -2]), es.ReduceMin((0,))], (2,))
    steps = es.ScalarSpline([-1, 2], [1, -2, 0])
    bent = es.Network([es.Dense([[1, 2]], [1]), steps], (2,))
    for net in (least, bent):
        ((A, B),) = deep._convex_pieces(net.program.layers[0], "layer 1")
        for x in whole([[0, 0], [1, -3], ["7/2", 2], [-5, "1/3"], [2, 2], [-1, -1]]):
            found = max(dot + b for dot, b in zip(A @ x, B, strict=True))
            if net is least:
                assert found == -net.forward(x, exact=True).reshape(-1)[0]
            else:
                u = x[0] + 2 * x[1] + 1
                assert found == max(F(0), u + 1) + max(F(0), u - 2)


def test_weights_make_every_facet_bend_upward():
    rng = random.Random(2)
    steep = 0
    for _ in range(30):
        layer_of = np.array([rng.randrange(3) for _ in range(6)])
        bends = whole([[rng.randint(-9, 9) for _ in range(3)] for _ in range(6)])
        for e, layer in enumerate(layer_of):
            bends[e, :layer] = F(0)  # layers before are affine across the facet
            bends[e, layer] = F(1, rng.randint(2, 20))
        weights = deep._weights(bends, layer_of, 3)
        assert all(sum(w * v for w, v in zip(weights, row, strict=True)) > 0 for row in bends)
        steep += weights[0] > 100
    assert steep > 5


def test_a_diagram_may_be_given_for_a_layer_that_is_no_maso():
    """Cells of clip(u) are those of max(0, u + 1, 2 u)."""
    net = es.Network([es.Dense([[1]]), es.Clip(-1, 1), es.Dense([[1]])], (1,))
    assert theory.check_power_diagram(net).verdict == "not applicable"
    for offsets, verdict in (([0, 1, 0], "holds"), ([0, 1, 1], "fails")):
        given = PowerDiagram.of_pieces([([[0], [1], [2]], offsets)])
        assert theory.check_power_diagram(net, diagrams={1: given}).verdict == verdict


# --- learning -----------------------------------------------------------------------------------

SMOOTH = {
    es.Softplus: (lambda x: math.log1p(math.exp(x)), lambda x: 1 / (1 + math.exp(-x))),
    es.Tanh: (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    es.Sigmoid: (
        lambda x: 1 / (1 + math.exp(-x)),
        lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2,
    ),
}


@pytest.mark.parametrize("kind", SMOOTH)
def test_where_a_derivative_has_a_slope(kind):
    _, derivative = SMOOTH[kind]
    most = 0.25 if kind is es.Sigmoid else 1.0
    for share in (0.01, 0.3, 0.7, 0.99):
        found = [float(x) for x in approximation._stationary(kind(), flint.arb(share * most))]
        assert len(set(found)) == (1 if kind is es.Softplus else 2)
        for x in found:
            assert derivative(x) == pytest.approx(share * most, rel=1e-9)
    for slope in (-0.1, 0.0, most, 1.5):
        assert not approximation._stationary(kind(), flint.arb(slope))


@pytest.mark.parametrize("kind", SMOOTH)
def test_the_largest_error_of_a_spline_against_a_grid(kind):
    f, _ = SMOOTH[kind]
    spline = es.ScalarSpline([-1, "1/2"], ["1/10", "1/5", "1/7"])
    grid = [v / 500 for v in range(-4000, 4001)]
    values = spline.forward(np.array(grid))
    most = max(abs(f(x) - v) for x, v in zip(grid, values, strict=True))
    assert most * (1 - 1e-9) <= approximation._sup(kind(), spline) <= most * (1 + 1e-3)


# --- operators: what is written down, beside the exact forward -----------------------------------

AFFINE = [
    (es.Dense([[1, "1/2", -1], [3, 0, 2]], ["1/3", -2]), (3,)),
    (es.Dense([[1, "1/2"], [3, 5], [0, -1]], ["1/3", -2, 7], axis=0), (2, 3)),
    (es.Dense([[1, "1/2"], [3, 5], [0, -1]], ["1/3", -2, 7], axis=-1), (3, 2)),
    (es.Conv([[[1, -2, "1/2"]], [[0, 3, 1]]], ["1/7", 2]), (1, 5)),
    (es.Conv([[[1, -2]], [[3, 5]], [[7, 1]], [[2, "1/3"]]], [1, 2, 3, 4], groups=2), (2, 4)),
    (es.Conv([[[1, -2, "1/2"]]], [3], stride=2, padding=1, dilation=2), (1, 8)),
    (es.Conv([[[1, -2, "1/2"]]], [3], padding=1, padding_mode="circular"), (1, 5)),
    (es.Conv([[[[1, 2], [3, -1]], [[0, 1], [5, 2]]]], [1], padding=(1, 0)), (2, 3, 3)),
    (es.Elementwise([2, "1/3"], [1, -1]), (3, 2)),
    (es.Elementwise([[2], ["1/3"], [0]], "1/2"), (3, 2)),
    (es.BatchNorm([1, "1/3"], [3, 2], [2, -1], [5, "1/7"]), (2, 3)),
    (es.BatchNorm([1, "1/3", 2], [3, 2, 1], axis=1), (2, 3)),
    (es.AveragePool((2,), stride=1), (2, 4)),
    (es.SumPool((2,), stride=2), (2, 4)),
    (es.ReduceSum((0,)), (2, 3)),
    (es.ReduceMean((1,)), (2, 3)),
    (es.ReduceMean((-1, 0)), (2, 3, 2)),
    (es.ReduceSum(), (2, 2)),
    (es.Flatten(), (2, 3)),
    (es.Reshape((3, 2)), (2, 3)),
    (es.Transpose((1, 0)), (2, 3)),
]
SELECTING = [
    (es.ReLU(), (3,)), (es.Abs(), (2, 2)), (es.LeakyReLU("1/10"), (3,)), (es.LeakyReLU(2), (3,)),
    (es.MaxLeaky("1/3"), (3,)), (es.MaxLeaky(3), (3,)), (es.PReLU(["1/2", -1, 3]), (3,)),
    (es.Threshold("1/3", "1/3"), (3,)), (es.Clip(-1, 2), (3,)), (es.Clip(None, 2), (3,)),
    (es.Clip(-1, None), (3,)), (es.HardSigmoid("1/3", "1/2"), (3,)),
    (es.HardSigmoid("-1/3", "1/2"), (3,)), (es.HardSigmoid(0, "1/2"), (3,)),
    (es.ScalarSpline([-1, 2], [1, -2, 3]), (3,)),
    (es.MaxPool((2,), stride=1), (2, 4)), (es.MaxPool((2, 2)), (1, 4, 4)),
    (es.ReduceMax((0,)), (3, 2)), (es.ReduceMin((1,)), (3, 2)), (es.ReduceMax(), (2, 2)),
    (es.ReduceMin((-1, 0)), (2, 3, 2)),
    (es.Maxout(2), (4, 3)), (es.Maxout(3), (6,)),
    (es.MASO([[[1, 2], [3, -1], [0, 1]], [[1, 1], [-1, 2], [5, 0]]], [[1, 0, 2], [0, "1/2", 1]]),
     (2,)),
    (es.SimplifiedMASO([[[1, 2], [3, -1]], [[1, 1], [-1, 2]]], [1, "1/2"]), (2,)),
]  # fmt: skip


def points_of(shape, seed=0):
    """Points of Fractions, on breakpoints and ties as well."""
    rng = random.Random(seed)
    n = math.prod(shape)
    for _ in range(12):
        yield np.array([F(rng.randint(-6, 6), rng.choice((1, 1, 2, 3))) for _ in range(n)])
    yield np.array([F(0)] * n)
    yield np.array([F(-1)] * n)


@pytest.mark.parametrize("case", AFFINE, ids=lambda case: case[0].kind)
def test_written_affine_operators_are_their_forward(case):
    operator, shape = case
    W, b = written.affine_written(operator, [shape])
    for x in points_of(shape):
        truth = operator.forward(x.reshape(1, *shape)).reshape(-1).tolist()
        assert (W @ x + b).tolist() == truth


def test_written_sums_and_rows_of_operators_are_their_forward():
    shapes = [(2, 3), (3,), (1, 3)]
    add = es.Add([2, "-1/3", 5])
    W, b = written.affine_written(add, shapes)
    parts = [next(points_of(shape, seed)) for seed, shape in enumerate(shapes)]
    truth = add.forward(*(p.reshape(1, *s) for p, s in zip(parts, shapes, strict=True)))
    assert (W @ np.concatenate(parts) + b).tolist() == truth.reshape(-1).tolist()
    first, last = es.Dense([[1, 2], ["1/3", -1], [0, 4]], [1, 2, 3]), es.Dense([[1, -1, 2]], [5])
    W, b = written.composed([(first, (2,)), (last, (3,))])
    for x in points_of((2,)):
        assert (W @ x + b).tolist() == last.forward(first.forward(x[None]))[0].tolist()


def test_what_reads_several_values():
    """Stacks along axes, and maxima of shapes that are broadcast."""
    shapes = [(2, 3), (2, 3)]
    joins = [(es.Concat(0), shapes), (es.Concat(1), shapes), (es.Concat(), shapes)]
    wide = [(2, 3), (3,), (1, 3)]
    joins += [(es.Maximum(), wide), (es.Minimum(), wide), (es.Maximum(), wide[::-1])]
    for operator, given in joins:
        for seed in range(8):
            parts = [list(points_of(s, 10 * seed + i))[seed] for i, s in enumerate(given)]
            z = np.concatenate(parts)
            batches = (p.reshape(1, *s) for p, s in zip(parts, given, strict=True))
            truth = operator.forward(*batches).reshape(-1).tolist()
            A, B = written.selected(operator, given, z)
            assert (A @ z + B).tolist() == truth
            if operator.kind == "Concat":
                W, b = written.affine_written(operator, given)
                assert (W @ z + b).tolist() == truth
            else:
                best = min if operator.kind == "Minimum" else max
                A, B = written.pieces_written(operator, given)
                assert [best(a @ z + c) for a, c in zip(A, B, strict=True)] == truth


@pytest.mark.parametrize("case", SELECTING, ids=lambda case: case[0].kind)
def test_written_selections_are_the_forward(case):
    """At a point the selected map; of all pieces the largest, or the least of a minimum."""
    operator, shape = case
    pieces = written.pieces_written(operator, [shape])
    scalars = written.scalar_pieces(operator, shape)
    for x in points_of(shape):
        truth = operator.forward(x.reshape(1, *shape)).reshape(-1).tolist()
        A, B = written.selected(operator, [shape], x)
        assert (A @ x + B).tolist() == truth
        assert all(list(breaks) == sorted(breaks) for breaks, _ in scalars or ())
        values = [
            [a @ x + c for a, c in zip(*unit, strict=True)] for unit in zip(*pieces, strict=True)
        ]
        if scalars is None:
            best = min if isinstance(operator, es.ReduceMin) else max
            assert [best(own) for own in values] == truth
        else:
            for own, value, u, (breaks, parts) in zip(values, truth, x, scalars, strict=True):
                assert own[min(sum(u > at for at in breaks), len(parts) - 1)] == value
                assert all(own[r] == parts[min(r, len(parts) - 1)][0] * u
                           + parts[min(r, len(parts) - 1)][1] for r in range(len(own)))  # fmt: skip


STATED = [
    *AFFINE, *SELECTING, (es.Dense([[1, "1/2", 0], [3, 5, -1]], ["1/3", -2]), (2, 3)),
    (es.Dense([[1, "1/2", 0], [3, 5, -1]], ["1/3", -2], axis=1), (2, 3)),
    (es.MaxPool((2,), stride=2, padding=1), (2, 5)),
    (es.MaxPool((2,), stride=1, dilation=2), (1, 5)),
    (es.MaxPool((2, 3), stride=(1, 2), padding=(1, 0)), (1, 3, 5)),
    (es.AveragePool((2, 2), stride=(1, 2)), (1, 3, 4)),
]  # fmt: skip


def test_stated_pieces_are_the_forward():
    """The theory's A and B: the largest piece is the operator's value."""
    seen = set()
    for operator, shape in STATED:
        found = matrices.theory_pieces(operator, shape)
        if found is None:
            assert operator.kind != "Dense" or operator.axis == 0
            continue
        seen.add(operator.kind)
        for x in points_of(shape):
            truth = operator.forward(x.reshape(1, *shape)).reshape(-1).tolist()
            values = [max(A @ x + B) for A, B in zip(*found, strict=True)]
            assert values == truth, operator
    assert seen >= {"Dense", "Conv", "ReLU", "Abs", "LeakyReLU", "MaxLeaky", "MaxPool",
                    "AveragePool"}  # fmt: skip


def test_points_span_every_region_of_every_output():
    """n + 1 affinely independent points in each, over the inputs that are read."""
    A = whole([[[1, 0, 2], [0, 0, -1], [3, 0, 1]], [[0, 1, 0], [0, -1, 0], [0, -1, 0]]])
    B = whole([[0, 1, "1/2"], [0, 0, -5]])
    points = operators._points(es.MASO(A, B))
    for k, reads in ((0, [0, 2]), (1, [1])):
        held = {}
        for x in points:
            values = (A[k] @ x + B[k]).tolist()
            if values.count(max(values)) == 1:
                held.setdefault(values.index(max(values)), []).append(x[reads].astype(float))
        assert sorted(held) == ([0, 1, 2] if k == 0 else [0, 1])
        for own in held.values():
            assert np.linalg.matrix_rank(np.array(own[1:]) - own[0]) == len(reads)


def test_symbols_come_in_all_orders_and_signs():
    signs = [tuple(v.is_positive for v in z) for z in symbolic._signs(3)]
    assert sorted(signs) == sorted(product((False, True), repeat=3))
    orders = set()
    for case in symbolic.CASES["max-pooling"]():
        ranks = [sum(bool(sympy.expand(a - b).is_positive) for b in case.z) for a in case.z]
        orders.add(tuple(ranks))
    assert len(orders) == 24
    for kind, above in (("leaky ReLU, eta < 1", False), ("leaky ReLU, eta > 1", True)):
        for case in symbolic.CASES[kind]():
            slopes = [sympy.expand(v / u - 1) for v, u in zip(case.values, case.z, strict=True)]
            for slope, u in zip(slopes, case.z, strict=True):
                assert (slope != 0) == (bool(u.is_positive) == above)
                assert slope == 0 or bool(slope.is_positive) == above
                assert slope.subs(dict.fromkeys(slope.free_symbols, 0)) == 0  # all eta from 1 on


def test_symbolic_images_are_those_of_numbers():
    """Windows and circular shifts by hand, at numbers in place of the symbols."""
    rng = random.Random(4)
    (case,) = symbolic.CASES["average pooling"]()
    at = {z: F(rng.randint(-9, 9)) for z in case.z}
    image = np.array([at[z] for z in case.z], dtype=object).reshape(2, 3)
    truth = [image[:, j : j + 2].sum() / 4 for j in range(2)]
    assert [F(str(v.subs(at))) for v in case.values] == truth
    for kind, shape in (("convolution, circular", (4, 4)), ("convolution, strided", (2, 1))):
        (case,) = symbolic.CASES[kind]()
        A, B = case.pieces
        assert A.shape == (2 * math.prod(shape), 1, 9)
        assert B.shape == (2 * math.prod(shape), 1)
        per_row = [sum(v != 0 for v in row[0]) for row in A]
        assert set(per_row) == {4}


def test_no_weights_where_all_are_on_one_side():
    with pytest.raises(es.UndecidedError):
        coherent._weights_by_program([[flint.fmpq(v) for v in (1, 2, 3)]], 3)


# --- what checks share --------------------------------------------------------------------------


def test_roots_against_polynomials_of_known_roots():
    rng = random.Random(5)
    for _ in range(40):
        roots = [rng.randint(-9, 9) for _ in range(rng.randint(1, 5))]
        p = flint.fmpq_poly([1])
        for r in roots:
            p *= flint.fmpq_poly([-2 * r, 2])
        most = max(roots)
        found = spectral.LargestRoot(p, F(most) + rng.randint(0, 3))
        for x in [F(v, 2) for v in range(-22, 23)]:
            assert found._above(x) == len({r for r in roots if r > x})
            assert found.side(x) == (most > x) - (most < x)
        width = found.high - found.low
        for _ in range(70):
            assert found.low <= most <= found.high
            found.narrow()
            assert found.high - found.low <= width / 2
            width = found.high - found.low
        found.isolate()
        assert found._above(found.low) == 1 or found.low == found.high == most
    below = spectral.LargestRoot(flint.fmpq_poly([35, 12, 1]), F(1))  # -5 and -7
    assert below.low < -5 < below.high


def test_enclosures_are_as_narrow_as_asked():
    root = spectral.gram_root([[F(1), F(2)], [F(3), F(5)]])
    truth = np.linalg.norm(np.array([[1, 2], [3, 5]]), 2) ** 2
    for bits in (1, 10, 80):
        root.narrow_to(bits)
        assert root.high - root.low <= root.high / 2**bits
        assert float(root.low) <= truth * (1 + 1e-12)
        assert float(root.high) >= truth * (1 - 1e-12)
    rational = spectral.gram_root([[F(3), F(4)], [F(-4), F(3)], [F(1, 3), F(0)]])
    rational.narrow_to(60)
    truth = np.linalg.norm(np.array([[3, 4], [-4, 3], [1 / 3, 0]]), 2) ** 2
    assert float(rational.high) == pytest.approx(truth)
    tall = spectral.gram_root([[F(1)], [F(2)], [F(2)]])
    tall.narrow_to(60)
    assert tall.low == tall.high == 9
    # of 100 rows and 1 column the small side is taken: the other one is over the limit
    for rows in ([[F(1)]] * 100, [[F(1)] * 100]):
        root = spectral.gram_root(rows)
        assert root.low == root.high == 100
    inner = flint.fmpq_mat([[2, 1], [1, 3]])
    weighted = spectral.gram_root([[F(1), F(2)]], inner)
    assert weighted.low == weighted.high == 2 + 4 + 12


def test_simplices_span_their_regions():
    net = es.Network(
        [es.Dense([[1, "1/3"], [2, -1], ["1/5", 2]], ["1/2", 1, -1]), es.ReLU(),
         es.Dense([[1, -3, 1], [2, 1, -3]], ["-1/3", 1]), es.Abs()], (2,),
    )  # fmt: skip
    for domain in (None, es.Box(["-1/2", -2], [3, "5/3"]), es.Slice([0, "1/3"], [[1, 2]])):
        omega = es.enumerate_regions(net, domain)
        seen = 0
        for simplex in samples.simplices(omega):
            k = omega.domain.chart.dim
            assert len(simplex.t) == len(simplex.x) == k + 2
            steps = np.array([[float(a - b) for a, b in zip(t, simplex.t[0], strict=True)]
                              for t in simplex.t[1 : k + 1]])  # fmt: skip
            assert np.linalg.matrix_rank(steps) == k
            mean = [sum(column) / F(k + 1) for column in zip(*simplex.t[: k + 1], strict=True)]
            assert simplex.t[-1] == mean
            codes = es.codes(net, simplex.x, exact=True)
            assert (codes == omega.code(simplex.region)).all()
            boundary = es.forward_core(net, simplex.x, exact=True, affine=False).on_boundary
            assert not boundary.any()
            seen += 1
        assert seen == len(omega)


def test_steps_end_half_way_to_the_first_plane():
    rng = random.Random(6)
    shorter = 0
    for _ in range(60):
        start = [F(rng.randint(-5, 5), 3) for _ in range(2)]
        direction = [F(rng.randint(-5, 5), 2) for _ in range(2)]
        rows = []
        for _ in range(3):
            c = [F(rng.randint(-5, 5)) for _ in range(2)]
            at = sum(a * b for a, b in zip(c, start, strict=True))
            rows.append((F(rng.randint(1, 9)) - at, c))
        step = samples.steps_inside(rows, start, direction)
        meets = []
        for constant, c in rows:
            value = constant + sum(a * b for a, b in zip(c, start, strict=True))
            slope = sum(a * b for a, b in zip(c, direction, strict=True))
            if slope < 0:
                meets.append(-value / slope)
        assert step == min([F(1), *(m / 2 for m in meets)])
        shorter += step < 1
    assert shorter > 20


def test_products_of_fractions():
    A, B = whole([[1, "1/2"], [-3, 4], [0, "2/7"]]), whole([[1, 2, 3], ["1/3", -1, 5]])
    assert samples.times(A, B).tolist() == (A @ B).tolist()
    assert samples.times(A, B[:, 0]).tolist() == (A @ B[:, 0]).tolist()


def test_violations_on_regions_against_vertices():
    """A form is negative somewhere inside of a bounded region where it is at a corner."""
    net = es.Network([es.Dense([[1, "1/3"], [2, -1], ["1/5", 2]], ["1/2", 1, -1]), es.ReLU()], (2,))
    omega = es.enumerate_regions(net, es.Box([-2, -2], [3, 2]))
    cells = region_maps.LayerCells(omega, 1)
    rng = random.Random(7)
    found = set()
    for i in range(len(cells)):
        corners = [[F(v) for v in p] for p in omega[int(cells.representatives[i])].vertices()]
        rows = samples.region_rows(omega, int(cells.representatives[i]))
        forms = [(F(rng.randint(-6, 6)), [F(rng.randint(-3, 3)) for _ in range(2)])
                 for _ in range(30)]  # fmt: skip
        forms += [(c + d, [s * v for v in row]) for c, row in rows for d in (0, -1, 1)
                  for s in (1, 2)]  # fmt: skip
        for constant, c in forms:
            point = cells.violation(i, constant, c)
            least = min(constant + sum(a * b for a, b in zip(c, p, strict=True)) for p in corners)
            assert (point is not None) == (least < 0)
            found.add(point is None)
            if point is not None:
                assert constant + sum(a * b for a, b in zip(c, point, strict=True)) < 0
                assert all(d + sum(a * b for a, b in zip(r, point, strict=True)) > 0
                           for d, r in rows)  # fmt: skip
    assert found == {True, False}


def test_pieces_of_units_by_hand():
    W, b = [[1, "1/3"], [2, -1]], ["1/2", 1]
    net = es.Network([es.Dense(W, b), es.ScalarSpline([0, 2], [1, -2, "1/3"])], (2,))
    spline = es.ScalarSpline([0, 2], [1, -2, "1/3"])
    for k, (A, B) in enumerate(region_maps.unit_pieces(net.program.layers[0], "layer 1")):
        for r, slope in enumerate((F(1), F(-2), F(1, 3))):
            assert A[r].tolist() == [slope * v for v in whole(W)[k]]
            assert B[r] == slope * whole(b)[k] + F(spline.offsets[r])


def test_the_form_of_a_block_behind_affine_operators():
    """sigma(C z + b) + C_skip z + b_skip, by hand, where affine operators come before the block."""
    V, v, W, w = [[1, 2], ["1/3", -1]], [1, 2], [[2, -1], [1, 5]], [-3, "1/2"]
    U = [[1, 1], [0, 2]]
    body = [es.Dense(U), es.Dense(W, w), es.ReLU()]
    net = es.Network([es.Dense(V), es.Dense(U, v), es.Residual(body), es.Dense([[1, -1]])], (2,))
    assert theory.check_resnet_formula(net).holds
    (level,) = formulas._resnet_form(net).levels
    C, b = level.affine
    first, shift = whole(U) @ whole(V), whole(v)
    assert C.tolist() == (whole(W) @ whole(U) @ first).tolist()
    assert b.tolist() == (whole(W) @ whole(U) @ shift + whole(w)).tolist()
    skip, offset = level.skip
    assert skip.tolist() == first.tolist()
    assert offset.tolist() == shift.tolist()


def test_parents_of_cells_begin_their_codes():
    net = es.Network(
        [es.Dense([[1, "1/3"], [2, -1]]), es.Abs(), es.Dense([[1, -3], [2, 1]], ["-1/3", 1]),
         es.ReLU(), es.Dense([[1, 1], [2, -1]], [-1, 0]), es.Abs()], (2,),
    )  # fmt: skip
    omega = es.enumerate_regions(net)
    layers = [region_maps.LayerCells(omega, layer) for layer in (1, 2, 3)]
    assert layers[0].parent.tolist() == [0] * len(layers[0])
    for before, own in pairwise(layers):
        for code, parent in zip(own.codes.tolist(), own.parent.tolist(), strict=True):
            assert code[: len(before.codes[parent])] == before.codes[parent].tolist()
            assert len(code) == len(before.codes[parent]) + 2
    constant = layers[0].violation(0, F(-1), [F(0), F(0)])
    assert constant == layers[0].witness(0)
    for value in (0, 1):
        assert layers[0].violation(0, F(value), [F(0), F(0)]) is None


def test_balls_of_expressions_hold_their_values():
    u = sympy.Symbol("u", real=True)
    place = {u: sympy.Rational(-3, 7)}
    for value in (
        sympy.Rational(5, 3), sympy.E, sympy.exp(u), sympy.tanh(2 * u), u * sympy.exp(u) * 3,
        1 + u + sympy.exp(-u), 1 / (1 + sympy.exp(u)), sympy.exp(u) ** 3, (1 + sympy.tanh(u)) ** -2,
        sympy.E**u,
    ):  # fmt: skip
        expression = value.subs(place)
        ball = soft._interval(sympy, expression)
        assert abs(float(ball) - float(expression)) <= 1e-12 * (1 + abs(float(expression)))
        assert not soft._differ(sympy, value, value, place)
        assert soft._differ(sympy, value, value + sympy.Rational(1, 10**9), place)
    beta = sympy.Symbol("beta", positive=True)
    assert soft._apart(sympy, u * beta, u * beta, u, beta) is None
    assert soft._apart(sympy, sympy.exp(u), sympy.exp(u), u, None) is None
    # (u - a) vanishes at every point that is tried but one
    tried = [F(-3), F(-1, 3), F(2, 7), F(5, 2)]
    for missed in tried:
        zero = sympy.prod([u - sympy.Rational(v.numerator, v.denominator) for v in tried
                           if v != missed])  # fmt: skip
        found = soft._apart(sympy, sympy.Integer(0), zero, u, None)
        assert found == {"u": missed}


def test_stationary_weights_are_a_softmax_of_numbers():
    beta = sympy.Symbol("beta", positive=True)
    z = sympy.symbols("z1:4", real=True)
    at = {beta: 0.3, z[0]: 1.2, z[1]: -0.7, z[2]: 0.4}
    found = [float(w.subs(at)) for w in soft._stationary(sympy, list(z), beta)]
    scores = np.exp(0.3 / 0.7 * np.array([1.2, -0.7, 0.4]))
    assert found == pytest.approx((scores / scores.sum()).tolist())

    def objective(t):
        return 0.3 * t @ np.array([1.2, -0.7, 0.4]) - 0.7 * t @ np.log(t)

    rng = np.random.default_rng(0)
    for _ in range(50):
        other = rng.dirichlet(np.ones(3))
        assert objective(other) <= objective(np.array(found)) + 1e-12


@pytest.mark.parametrize(
    ("block", "width"),
    [
        (es.Residual([es.ReLU()]), 2),
        (es.Residual([es.Dense([[1, 2], [3, -1], [0, 1]]), es.PReLU(["1/2", 2, -1])],
                     [es.Dense([[1, 0], [0, 1], [1, 1]])]), 3),
    ],
)  # fmt: skip
def test_blocks_whose_activation_reads_other_shapes(block, width):
    net = es.Network([block, es.Dense([[1, -1, 2][:width]])], (2,))
    assert theory.check_resnet_formula(net).holds
    (level,) = formulas._resnet_form(net).levels
    assert level.activation.shape == (width,)


def test_operators_are_affine_at_the_shape_that_they_read():
    """A maximum over one entry is; in a block the entries are those of the node before."""
    nodes = [(es.Dense([[1, 2]], [1]), (-1,)), (es.ReduceMax((0,), keepdims=True), (0,)),
             (es.Dense([[1], [2]]), (1,))]  # fmt: skip
    block = es.Network.from_nodes(nodes, (2,)).nodes
    assert formulas._affine_node(block, 1, (2,))
    first = es.Network.from_nodes([(es.ReduceMax((0,), keepdims=True), (-1,)),
                                   (es.Dense([[1]]), (0,))], (2,)).nodes  # fmt: skip
    assert not formulas._affine_node(first, 0, (2,))


@pytest.mark.parametrize("start", [[0, 0], [1, "1/3"]])
def test_maps_over_the_coordinates_of_a_slice(start):
    net = es.Network([es.Dense([[1, "1/3"], [2, -1]], [1, 2]), es.Abs(), es.Dense([[1, 5]])], (2,))
    P = [[1, 2], [3, "1/2"]]
    for domain, directions in ((es.Slice(start, P), P), (es.Slice(start, P[:1]), P[:1])):
        omega = es.enumerate_regions(net, domain)
        source = samples._Source(omega)
        for region in range(len(omega)):
            A, b, over_t, shift = source.of(region)
            assert over_t.tolist() == (A @ whole(directions).T).tolist()
            assert shift.tolist() == (A @ whole(start) + b).tolist()


def test_shares_of_differing_units_per_layer():
    net = es.Network(
        [es.Dense([[1, "1/3"], [2, -1], [0, 1]]), es.Abs(), es.Dense([[1, -3, 1], [2, 1, 0]]),
         es.ReLU()], (2,),
    )  # fmt: skip
    X = np.random.default_rng(0).integers(-9, 9, (12, 2)) / 4 + 1 / 8
    codes = es.codes(net, X, exact=True).astype(int)
    for layer, (start, stop) in enumerate(((0, 3), (3, 5)), 1):
        found = np.array(theory.vq_distances(net, X, layer=layer).values, dtype=float)
        truth = (codes[:, None, start:stop] != codes[None, :, start:stop]).mean(axis=2)
        assert np.allclose(found, truth)
        assert truth.any()
