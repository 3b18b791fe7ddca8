"""Numbers that are not zero and round to it, or leave float64 on the way, change no answer.

The truth: the naive twin, the program in Fractions, the rational engine.
"""

from __future__ import annotations

import math
import random
import re
from fractions import Fraction
from itertools import product

import naive
import numpy as np
import pytest
import random_networks as nets
from marks import first_quick
from program_at import affine_piece, program_at

import exactspline as es
from exactspline.errors import ParameterError, UndecidedError
from exactspline.rationals import TINY, bounded_floats, exact_array

F = Fraction
E400 = F(1, 10**400)
HALF = F(1, 2)
WIDTHS = {"1": F(1), "1e-200": F(1e-200), "1e-300": F(1e-300), "1e300": F(1e300), "1e-400": E400,
          "5e-324": F(5e-324), "1e400": 1 / E400}  # fmt: skip
widths = pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
few_widths = pytest.mark.parametrize("width", first_quick([*WIDTHS.values()], 2), ids=WIDTHS)
LARGEST = F(float(np.finfo(np.float64).max))

# factors of consecutive affine operators whose product is not what float64 makes of it
FACTORS = {
    "1e-200 squared": (F(1e-200), F(1e-200)),
    "subnormal": (F(1e-310), F(1)),
    "subnormal squared": (F(1e-310), F(5e-324)),
    "1e-400": (E400, F(1)),
    "1e200 squared": (F(1e200), F(1e200)),
    "1e400": (F(10**400), F(1)),
    "beyond and back": (F(1e-300), F(1e300)),
    "one": (F(1), F(1)),
}
factors = pytest.mark.parametrize(("a", "b"), FACTORS.values(), ids=FACTORS)


def folded(a, b, slope=HALF):
    """Two units, then one on the difference of their outputs times a and b: six regions."""
    quarter = F(1, 4)
    return nets.Spec(2, [
        ("dense", [[quarter, 0], [0, quarter]], [0, 0]), ("leaky", slope),
        ("dense", [[a, -a]], [0]), ("dense", [[b]], [0]), ("relu",),
    ])  # fmt: skip


def chain(*weights, between="relu"):
    """One input through dense layers of one weight each, with units between."""
    steps = []
    for w in weights[:-1]:
        steps += [("dense", [[w]], [0]), (between,)]
    return nets.Spec(1, [*steps, ("dense", [[weights[-1]]], [0])])


def regions_of(spec, domain=None):
    """The partition by the rational engine, whose codes are the twin's."""
    pair = nets.whole(spec.dim) if domain is None else domain
    omega = es.enumerate_regions(nets.network(spec), pair[0], engine="rational")
    assert [tuple(c) for c in omega.codes.tolist()] == naive.codes(nets.twin(spec), pair[1])
    return omega


def true_code(spec, x):
    return list(naive.evaluate(nets.twin(spec), [F(v) for v in x])[0])


SIZES = (F(0), F(1), F(5e-324), F(1e-310), E400, F(1e300))
POINTS = [
    (s * p, t * q) for p, q in product(SIZES, repeat=2) for s, t in ((1, 1), (-1, 1), (-1, -1))
]


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@factors
def test_codes_of_points_are_proved_right(a, b, engine):
    spec = folded(a, b)
    net = nets.network(spec)
    truth = [true_code(spec, x) for x in POINTS]
    values = [program_at(net.program, x)[1] for x in POINTS]
    assert es.codes(net, POINTS, exact=True).tolist() == truth
    for dtype in (np.float64, np.float32):
        core = es.prepare(net, dtype=dtype, engine=engine)
        if a * b / 4 > F(float(np.finfo(dtype).max)):
            with pytest.raises(ParameterError, match="beyond the range"):
                core.forward([[0.0, 0.0]])
            continue
        kept = [i for i, x in enumerate(POINTS) if max(map(abs, x)) < F(10) ** 30]
        for exact in (False, True):
            for x in ([POINTS[i] for i in kept], [POINTS[kept[-1]]]):
                out = core.run(x, proved=True, exact=exact)
                assert not exact or out.proved.all()
                for row in range(len(x)):
                    i = kept[row] if len(x) > 1 else kept[-1]
                    if out.proved[row]:
                        assert out.codes[row].tolist() == truth[i], (POINTS[i], dtype)
                    apart = abs(F(float(out.values[row, 0])) - values[i][0])
                    assert apart <= F(float(out.error[row]))


@pytest.mark.parametrize("slope", [E400, F(1e-200), F(1e-310), 1 + E400], ids=range(4))
def test_a_slope_that_rounds_to_another(slope):
    """The second unit sees only what rounding the slope takes away."""
    near = F(float(slope))
    spec = nets.Spec(1, [
        ("dense", [[F(-1)], [F(-1)]], [0, 0]), ("scalar", [((0,), ((0, 0), (slope, 0)))] * 2),
        ("scalar", [((0,), ((1, 0), (near, 0)))] * 2), ("dense", [[1, 1]], [0]), ("relu",),
    ])  # fmt: skip
    net = nets.network(spec)
    X = [(v,) for v in (-1, -1e-200, -1e-310, F(-1, 10**350), 0, 1, 1e-200)]
    truth = [true_code(spec, x) for x in X]
    assert es.codes(net, X, exact=True).tolist() == truth
    out = es.forward_core(net, X, proved=True, exact=True)
    assert out.proved.all()
    assert out.codes.tolist() == truth


@pytest.mark.parametrize("member", [F(1), F(1e-200), F(5e-324)], ids=str)
def test_a_vanishing_slope_does_not_make_a_tie(member):
    """LeakyReLU(1e-400) of -u is -1e-400 u: the unit behind it is on."""
    spec = nets.Spec(1, [("dense", [[1]], [0]), ("leaky", E400), ("dense", [[-1]], [0]), ("relu",)])
    net = nets.network(spec)
    assert true_code(spec, [-member]) == [0, 1]
    assert es.codes(net, [[-member]], exact=True).tolist() == [[0, 1]]
    out = es.forward_core(net, [[-member]], exact=True)
    assert out.codes.tolist() == [[0, 1]]
    assert not out.on_boundary[0]
    omega = regions_of(spec)
    where = omega.locate([[-member]])
    assert omega.code(int(where.region[0])).tolist() == [0, 1]
    assert not where.on_boundary[0]


MAGNITUDES = [F(1), E400, F(1e-310), F(5e-324), F(1e-200), F(1e-160), F(1e200), F(1e300), F(1, 3)]


def wild_number(rng, pool):
    kind = rng.random()
    if kind < 0.15:
        return F(0)
    share = F(rng.randint(1, 9), rng.choice([1, 2, 3])) if kind < 0.45 else 1
    return rng.choice([-1, 1]) * rng.choice(pool) * share


def wild_spec(rng, pool):
    """Dense layers, often two in a row, and units with numbers of the pool."""
    dim = n = rng.randint(1, 3)
    steps = []
    for _ in range(rng.randint(1, 3)):
        for _ in range(rng.choice([1, 1, 2])):
            m = rng.randint(1, 3)
            W = [[wild_number(rng, pool) for _ in range(n)] for _ in range(m)]
            steps.append(("dense", W, [wild_number(rng, pool) for _ in range(m)]))
            n = m
        kind = rng.choice(["relu", "abs", "prelu", "scalar", "max"])
        if kind == "prelu":
            steps.append((kind, [wild_number(rng, pool) for _ in range(n)]))
        elif kind == "scalar":
            a, s = abs(wild_number(rng, pool)) + E400, wild_number(rng, pool)
            steps.append((kind, [((-a, a), ((0, 0), (s, s * a), (0, 2 * s * a)))] * n))
        elif kind == "max":
            steps.append((kind, [rng.choices(range(n), k=2) for _ in range(n)]))
        else:
            steps.append((kind,))
    return nets.Spec(dim, steps)


@pytest.mark.parametrize("seed", first_quick(range(40), 10))
def test_random_networks_of_many_magnitudes_at_points(seed):
    rng = random.Random(seed)
    pool = rng.sample(MAGNITUDES, rng.choice([2, 3, 9]))
    spec = wild_spec(rng, pool)
    net = nets.network(spec)
    X = [[wild_number(rng, [*pool, F(1)]) for _ in range(spec.dim)] for _ in range(8)]
    truth = [program_at(net.program, x) for x in X]
    for (code, _, _), x in zip(truth, X, strict=True):
        assert code == true_code(spec, x)
    assert es.codes(net, X, exact=True).tolist() == [code for code, _, _ in truth]
    for dtype, engine in product((np.float64, np.float32), ("numpy", "numba")):
        core = es.prepare(net, dtype=dtype, engine=engine)
        try:
            out = core.run(X, proved=True)
        except ParameterError as error:  # of inputs, parameters or values
            assert re.search("beyond the range", str(error))  # noqa: PT017
            continue
        for i, (code, values, _) in enumerate(truth):
            if out.proved[i]:
                assert out.codes[i].tolist() == code
            if np.isfinite(out.error[i]):
                for value, true in zip(out.values[i].ravel().tolist(), values, strict=True):
                    assert abs(F(value) - true) <= F(float(out.error[i]))


@factors
def test_points_find_their_regions(a, b):
    spec = folded(a, b)
    omega = regions_of(spec)
    assert len(omega) == 6
    floats = [x for x in POINTS if all(abs(v) < LARGEST and F(float(v)) == v for v in x)]
    given = {"exact": np.array(POINTS, dtype=object), "float64": np.array(floats, dtype=np.float64)}
    for kind, X in given.items():
        found = omega.locate(X)
        for i, x in enumerate(POINTS if kind == "exact" else floats):
            at = es.regions_at(omega.network, x)
            closed = [omega._code_index.find(region.code) for region in at]
            inside = [n for n, region in zip(closed, at, strict=True) if region.contains(x)]
            # the twin has no boundary at a point strictly inside; there is one region then
            code = tuple(true_code(spec, x))
            if inside:
                assert closed == inside
                assert omega.code(inside[0]).tolist() == list(code)
            assert found.region[i] == min(closed)
            assert found.on_boundary[i] == (not inside)
            assert found.all(i) == tuple(closed)


def _sizes(program, code):
    """The sum of the sizes of all products along paths, for every coefficient and constant."""
    state = [(F(0), [F(int(i == j)) for j in range(program.input_dim)]) for i in
             range(program.input_dim)]  # fmt: skip
    at = 0

    def through(forms, state):
        out = []
        for i in range(len(forms)):
            indices, data, const = forms.row(i)
            total, terms = abs(F(const)), [F(0)] * program.input_dim
            for j, v in zip(indices.tolist(), data.tolist(), strict=True):
                total += abs(F(v)) * state[j][0]
                terms = [t + abs(F(v)) * s for t, s in zip(terms, state[j][1], strict=True)]
            out.append((total, terms))
        return out

    for layer in program.layers:
        members, made = through(layer.members, state), []
        for k in range(len(layer.units)):
            piece = int(layer.units.piece_start[k]) + int(code[at])
            at += 1
            slope = abs(F(layer.units.piece_slope[piece]))
            const, terms = members[int(layer.units.piece_member[piece])]
            offset = abs(F(layer.units.piece_offset[piece]))
            made.append((slope * const + offset, [slope * t for t in terms]))
        state = made + [state[j] for j in layer.keep.tolist()]
    return through(program.output, state)


def assert_maps(program, codes, A, b):
    """Maps in float64 against Fractions, as close as their documentation says."""
    for i, code in enumerate(np.asarray(codes).tolist()):
        true_A, true_b = affine_piece(program, code)
        for o, (size_b, size_A) in enumerate(_sizes(program, code)):
            pairs = [*zip(A[i, o].tolist(), true_A[o], size_A, strict=True)]
            for value, truth, size in [*pairs, (float(b[i, o]), true_b[o], size_b)]:
                if abs(truth) > LARGEST:
                    assert F(value) == (LARGEST if truth > 0 else -LARGEST)
                else:
                    assert abs(F(value) - truth) <= size / 2**44 + F(5e-324)


@factors
def test_affine_pieces(a, b):
    for spec in (folded(a, b), folded(a, b, E400), chain(a, b, 1 / (a * b))):
        omega = regions_of(spec)
        A, b_ = omega.affine_pieces()
        assert_maps(omega.network.program, omega.codes, A, b_)
        maps = {affine_piece(omega.network.program, c) for c in omega.codes.tolist()}
        assert omega.distinct_pieces().count == len(maps)
        groups = omega.linear_regions()
        assert groups.count >= len(maps)
        for group in range(groups.count):
            members = groups.members(group)
            assert len({affine_piece(omega.network.program, omega.code(int(i)).tolist())
                        for i in members}) == 1  # fmt: skip


TINY_CHAIN = [F(1e-140)] * 3 + [F(1e140)] * 3


def test_products_that_underflow_on_the_way_come_back():
    """Every parameter is in range, and so is the map; not so what is between."""
    spec = chain(*TINY_CHAIN)
    omega = regions_of(spec)
    truth = float(math.prod(TINY_CHAIN))
    assert truth == pytest.approx(1.0)
    A, b = omega.affine_pieces()
    assert A.ravel().tolist() == pytest.approx([0.0, truth])
    assert not b.any()
    for engine in ("numpy", "numba"):
        core = es.prepare(omega.network, engine=engine)
        # the values of 1 vanish on the way, and with them what tells its code
        A, b = core.affine_maps(np.array([[1e200], [-1.0]] * 50))
        assert A.ravel().tolist() == pytest.approx([truth, 0.0] * 50)
        A = core.run(np.array([[1.0], [-1.0]]), affine=True, exact=True).A
        assert A.ravel().tolist() == pytest.approx([truth, 0.0])
    A, b = omega.at_layer(5).affine_pieces()
    assert A.ravel().tolist() == pytest.approx([0.0, 1e-140])
    # one product of two that does not come back is what it is
    A, b = omega.at_layer(3).affine_pieces()
    assert A.ravel().tolist() == [0.0, 0.0]


def test_products_that_overflow_on_the_way_come_back():
    spec = chain(*TINY_CHAIN[::-1])
    omega = regions_of(spec)
    for A in (
        omega.affine_pieces()[0],
        es.affine_maps(omega.network, [[-1.0], [1e-300]])[0],
        es.prepare(omega.network, engine="numba").affine_maps([[-1.0], [1e-300]])[0],
    ):
        assert A.ravel().tolist() == pytest.approx([0.0, 1.0])
    assert es.codes(omega.network, [[-1.0], [1.0]], exact=True).tolist() == [[0] * 5, [1] * 5]
    with pytest.raises(ParameterError, match="beyond the range"):
        es.codes(omega.network, [[-1.0], [1.0]])


@pytest.mark.parametrize("seed", first_quick(range(12), 3))
def test_maps_of_random_networks_of_many_magnitudes(seed):
    rng = np.random.default_rng(seed)
    weights: list[np.ndarray] = []
    for _ in range(5):
        width = int(rng.integers(2, 4))
        shape = (width, 2 if not weights else len(weights[-1]))
        weights.append(rng.normal(size=shape) * 10.0 ** rng.integers(-140, 140, size=shape))
    steps = []
    for W in weights:
        steps += [es.Dense(W), es.LeakyReLU(0.5)]
    net = es.Network([*steps, es.Dense(rng.normal(size=(1, len(weights[-1]))))], (2,))
    omega = es.enumerate_regions(net, engine="rational", limit=12)
    A, b = omega.affine_pieces()
    assert_maps(net.program, omega.codes, A, b)
    X = omega.points()
    core = es.prepare(net, engine="numba")
    codes = core.codes(X, exact=True)
    A, b = core._maps(codes)
    assert_maps(net.program, codes, A, b)


def close(values, truth, sizes):
    """Whether float64 numbers are exact ones, each rounded, relative to some sizes."""
    size = max(map(abs, sizes))
    return all(
        F(v) == (LARGEST if t > 0 else -LARGEST) if abs(t) > LARGEST
        else abs(F(v) - t) <= size / 2**30 + F(5e-324)
        for v, t in zip(values, truth, strict=True)
    )  # fmt: skip


@widths
@factors
def test_edges(a, b, width):
    spec = folded(a, b)
    box = es.Box([-width] * 2, [width, 2 * width]), ("box", [-width] * 2, [width, 2 * width])
    omega = regions_of(spec, box)
    edges, forms = omega.edges, omega._exact_forms
    assert len(edges) == 6
    for i in range(len(edges)):
        source, target = int(edges.source[i]), int(edges.target[i])
        point = edges.witness(i)
        for region in (source, target):  # on the closure of both, strictly inside neither
            assert omega[region]._holds(list(point)) == (True, False)
        assert close(edges.normals[i].tolist(), edges.normal(i), edges.normal(i))
        scale = [*point, *omega.witness(source), *omega.witness(target)]
        assert close(edges.witnesses[i].tolist(), point, scale)
        assert not forms.contains(point, omega.code(source))


def test_normals_that_underflow_on_the_way():
    """One input is scaled down and up again, the other one passes as it is."""
    steps = []
    for w in TINY_CHAIN[:-1]:
        steps += [("dense", [[w, 0], [0, 1]], [0, 0]), ("relu",)]
    edges = regions_of(nets.Spec(2, [*steps, ("dense", [[F(1e140), 1]], [-1]), ("relu",)])).edges
    last = [i for i in range(len(edges)) if edges.layer[i] == 5]
    assert len(last) == 3  # x = 1, y = 1, and x + y = 1 between them
    normals = sorted(edges.normals[last].tolist())
    for normal, truth in zip(normals, [[0, 1], [1, 0], [1, 1]], strict=True):
        assert normal == pytest.approx(truth)
    for i in last:
        assert np.maximum(edges.witnesses[i], 0).sum() == pytest.approx(1)
        assert close(edges.normals[i].tolist(), edges.normal(i), edges.normal(i))


@few_widths
@factors
def test_regions_in_boxes_of_any_size(a, b, width):
    spec = folded(a, b)
    low, high = [-width] * 2, [width, 3 * width]
    omega = regions_of(spec, (es.Box(low, high), ("box", low, high)))
    assert len(omega) == 6
    assert sum(region.volume() for region in omega) == 8 * width**2
    for region in omega:
        assert region.is_bounded
        assert region.contains(region.point)
        assert len(region.neighbors()) + len([f for f in region.facets() if f.on_border]) == len(
            region.inequalities()
        )
        corner = [2 * width, 4 * width]  # the nearest point is a vertex, or on a side
        nearest = region.project(corner, exact=True)
        assert region.contains(nearest, closure=True)
        apart = [sum((x - y) ** 2 for x, y in zip(v, corner, strict=True)) for v in
                 region.vertices().tolist()]  # fmt: skip
        assert sum((x - y) ** 2 for x, y in zip(nearest, corner, strict=True)) <= min(apart)
        try:
            centre, radius = region.chebyshev_center()
        except UndecidedError:
            assert not F(1e-320) < width < LARGEST
            continue
        assert 0 < radius < np.inf
        assert region.contains(centre)


def test_points_of_domains_beyond_float64():
    net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    for size in (F(10**400), E400):
        domain = es.Slice([0, 0], [[size, 1]], es.Box([-1 / size], [1 / size]))
        omega = es.enumerate_regions(net, domain, engine="rational")
        exact = omega.points(exact=True)
        assert len(omega) == 2
        for i, x in enumerate(omega.points().tolist()):
            assert close(x[:1], exact[i, :1], exact[i, :1])
            assert close(x[1:], exact[i, 1:], exact[i, 1:])


@pytest.mark.parametrize("value", ["1e400", "1e-400", "-1/3", "1e-310"])
def test_flat_sides_that_float64_does_not_hold(value):
    net = es.Network([es.Dense([[1, 0]]), es.ReLU()], (2,))
    omega = es.enumerate_regions(net, es.Box([-1, value], [1, value]), engine="rational")
    exact = [[F(1, 2), es.Box([value], [value]).low[0]], [F(1, 2), F(0)]]
    assert omega.locate(exact).region.tolist() == [1, -1]
    floats = np.array([[0.5, 0.0], [0.5, 1.0], [0.5, 1e-310]])
    held = [F(v) == exact[0][1] for v in floats[:, 1].tolist()]
    assert omega.locate(floats).region.tolist() == [1 if h else -1 for h in held]


def test_guesses_in_boxes_at_the_end_of_the_range():
    """The half of the largest numbers' sum is no float64; only guesses are made of it."""
    big = float(np.finfo(np.float64).max)
    net = es.Network([es.Dense([[1, 1, 1, 1], [1, -1, 1, -1]], [0, big]), es.ReLU()], (4,))
    omega = es.enumerate_regions(net, es.Box([-big] * 4, [big] * 4), engine="rational")
    plain = es.Network([es.Dense([[1, 1, 1, 1], [1, -1, 1, -1]], [0, 1]), es.ReLU()], (4,))
    same = es.enumerate_regions(plain, es.Box([-1] * 4, [1] * 4), engine="rational")
    assert [len(r.inequalities()) for r in omega] == [len(r.inequalities()) for r in same]


# --- Numbers as they are given -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "exact"),
    [
        ([2**53 + 1, 0.5], [F(2**53 + 1), F(1, 2)]),
        ([[1, 2**60 + 1], [0.5, -(2**70) - 1]], [F(1), F(2**60 + 1), F(1, 2), F(-(2**70) - 1)]),
        ([2**63 + 1, -1], [F(2**63 + 1), F(-1)]),
        (["1/3", 0.1], [F(1, 3), F(0.1)]),
        (["1e-400", 1e-310], [E400, F(1e-310)]),
        ([F(1, 3), 0.1, 2**60 + 1], [F(1, 3), F(0.1), F(2**60 + 1)]),
        ([np.float32(0.1), 2**60 + 1], [F(float(np.float32(0.1))), F(2**60 + 1)]),
    ],
)  # fmt: skip
def test_numbers_beside_others_stay_what_they_are(values, exact):
    """NumPy would round integers beside floats, and make decimals of floats beside texts."""
    assert [F(v) for v in exact_array(values).reshape(-1).tolist()] == exact
    flat = np.array(values, dtype=object).reshape(-1).tolist()
    assert list(es.Box(flat, [float("inf")] * len(flat)).low) == exact
    net = es.Network([es.Dense(np.eye(len(flat)), [-v for v in exact]), es.Abs()], (len(flat),))
    assert es.forward_core(net, [flat], exact=True).on_boundary.all()
    assert not es.codes(net, [flat], exact=True).any()
    assert net.forward([flat], exact=True).ravel().tolist() == [0] * len(flat)


NUMBERS = [F(0), F(1), F(-1e-200), F(5e-324), E400, -E400, F(1, 3), F(1, 3) * F(1e-200), 1 / E400,
           F(1e-149), F(1e-150)]  # fmt: skip


def test_bounds_that_products_do_not_lose():
    for numbers in (NUMBERS, [v for v in NUMBERS if abs(v) < LARGEST and F(float(v)) == v]):
        array = exact_array(numbers)
        values, errors = bounded_floats(array)
        assert values.dtype == errors.dtype == np.float64
        for v, value, error in zip(numbers, values.tolist(), errors.tolist(), strict=True):
            if error == np.inf:
                assert abs(v) > LARGEST
                continue
            assert abs(F(value) - v) <= F(error)
            assert error == 0 or error >= TINY
            if error == 0:
                assert F(value) == v
                assert v == 0 or abs(value) >= TINY
            assert (v == 0) == (value == 0 and error == 0)
            assert v == 0 or abs(value) * TINY > 0 or error * TINY > 0


@pytest.mark.parametrize("kind", [es.Abs, es.ReLU, lambda: es.LeakyReLU(0.5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_units_at_the_output_are_computed(kind, dtype):
    """Equal coefficients are one sum; where that leaves one coefficient of 1, too."""
    net = es.Network([es.Dense([[1.0], [2.0], [3.0]]), kind(), es.Dense([[1, 1, 1]])], (1,))
    core = es.prepare(net, dtype=dtype, engine="numba")
    X = np.array([[1.0], [-2.0], [0.5]], dtype)
    truth = [float(net.forward([F(float(v))], exact=True)[0]) for v in X.ravel()]
    for _ in range(3):
        np.full(1000, np.nan)  # what memory may hold
        assert core.forward(X).ravel().tolist() == truth
        assert [float(core.point(x)[0][0]) for x in X] == truth
