"""Single regions: maps, inequalities, facets, neighbours, points, sympy and cvxpy."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import naive
import numpy as np
import pytest
import random_networks as nets
from folders import MOONS
from marks import first_quick

import exactspline as es
from exactspline.partition.regions import region as module

OURS = ("relu", "relu", "abs", "leaky", "prelu")  # kinds that the package evaluates itself


def value(row, x) -> Fraction:
    return sum((a * b for a, b in zip(row, x, strict=True)), Fraction(0))


def draw(rng: random.Random, *, kinds=nets.ALL_KINDS, dims=(1, 2, 2, 3)):
    """A small network, often with ties, its domain, and both for the twin."""
    dim = rng.choice(dims)
    style = rng.choice(("integer", "integer", "third", "dyadic", "float"))
    widths = [rng.randint(1, 4) for _ in range(rng.randint(1, 3))]
    spec = nets.random_spec(rng, dim, widths, style, kinds=kinds, bias=rng.random() < 0.6)
    given, domain = nets.any_domain(rng, dim)
    return spec, nets.network(spec), given, domain


# --- The affine map --------------------------------------------------------------------------


@pytest.mark.parametrize("block", range(2))
def test_affine_maps_are_the_function(block):
    rng = random.Random(700 + block)
    seen = 0
    for _ in range(25):
        _, net, given, _ = draw(rng, kinds=OURS)
        omega = es.enumerate_regions(net, given)
        for region in rng.sample(list(omega), min(5, len(omega))):
            A, b = region.affine(exact=True)
            assert A.shape == (net.output_dim, net.input_dim)
            inside = [region.point]
            for other in region.neighbors():  # and up to the common facet
                inside.append(other.point)
                assert not region.contains(other.point)
            for x in inside[:1]:
                out = net.forward(np.array(x, dtype=object), exact=True)
                assert [value(row, x) + c for row, c in zip(A, b, strict=True)] == out.tolist()
            floats = region.affine()
            assert floats[0].tolist() == [[float(v) for v in row] for row in A]
            assert floats[1].tolist() == [float(v) for v in b]
            assert region.templates(exact=True).tolist() == A.tolist()
            for facet in region.facets():  # continuity: also on the facets
                x = given.chart.lift(list(facet.point))
                out = net.forward(np.array(x, dtype=object), exact=True)
                assert [value(row, x) + c for row, c in zip(A, b, strict=True)] == out.tolist()
                seen += 1
    assert seen > 100


def test_affine_map_of_a_graph_with_several_outputs():
    """Skips, batch normalisation, pooling, and an output in the shape of an image."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(2, 1, 2, 2))
    net = es.Network(
        [
            es.Conv(weights, rng.normal(size=2), padding=1),
            es.ReLU(),
            es.MaxPool((2, 2), stride=1),
            es.Residual([es.Conv(rng.normal(size=(2, 2, 1, 1)), [0.5, -1]), es.Abs()]),
        ],
        (1, 2, 3),
    )
    for _ in range(5):
        x = rng.normal(size=6)
        (region,) = es.regions_at(net, x)
        A, b = region.affine(exact=True)
        exact = [Fraction(v) for v in x.tolist()]
        out = net.forward(np.array(exact, dtype=object), exact=True).reshape(-1)
        assert [value(row, exact) + c for row, c in zip(A, b, strict=True)] == out.tolist()
        assert region.affine()[0].shape == (net.output_dim, 6)


def test_numbers_beyond_float64():
    net = es.Network([es.Dense([["1e400"]], ["1e-400"]), es.ReLU()], (1,))
    region = es.regions_at(net, [1])[0]
    assert region.affine(exact=True)[0][0, 0] == 10**400
    assert region.affine()[0][0, 0] == np.finfo(float).max
    assert region.affine()[1][0] == 0.0
    assert region.vertices().tolist() == [[Fraction(-1, 10**800)]]


# --- Inequalities, facets, neighbours --------------------------------------------------------


@pytest.mark.parametrize("block", first_quick(range(3)))
def test_facets_and_neighbours(block):
    """Every row is tight on its facet alone, and the neighbour across has the twin's code."""
    rng = random.Random(900 + block)
    facets = borders = coincident = 0
    for _ in range(25):
        spec, net, given, _ = draw(rng)
        layers = nets.twin(spec)
        omega = es.enumerate_regions(net, given)
        for region in rng.sample(list(omega), min(6, len(omega))):
            everything = region.inequalities(irredundant=False)
            rows = region.inequalities()
            witness = region.witness
            assert all(row.value(witness) > 0 for row in everything)
            assert {str(row) for row in rows} <= {str(row) for row in everything}
            for row, facet in zip(rows, region.facets(), strict=True):
                assert facet.inequality == row
                assert row.value(facet.point) == 0
                for other in rows:
                    assert other is row or other.value(facet.point) > 0
                assert all(other.value(facet.point) >= 0 for other in everything)
                assert facet.on_border == (row.side is not None) == (not facet.flips)
                if facet.on_border:
                    borders += 1
                    continue
                assert row.unit_name == net.unit_name(row.unit)
                assert row.unit in dict(facet.flips)
                coincident += len(facet.flips) > 1
                step = Fraction(1, 2**90)
                beyond = [p + step * (p - w) for p, w in zip(facet.point, witness, strict=True)]
                code = list(region.code)
                for unit, piece in facet.flips:
                    code[unit] = piece
                assert naive.code_at(layers, given.chart.lift(beyond)) == tuple(code)
                facets += 1
            across = region.neighbors()
            assert len(across) == sum(not f.on_border for f in region.facets())
            for other in across:
                assert other.index is not None
                assert other == omega[other.index]
                assert region in other.neighbors()
    assert facets > 100
    assert borders > 15
    assert coincident > 5


@pytest.mark.parametrize("block", range(2))
def test_neighbours_without_a_partition_reach_every_region(block):
    """From the regions at one point across facets to all, and each once: the twin's."""
    rng = random.Random(1_300 + block)
    for _ in range(12):
        spec, net, given, domain = draw(rng)
        truth = {code for code, _ in naive.regions(nets.twin(spec), domain)}
        if len(truth) > 60:
            continue
        start = given.chart.lift(given.chart.interior)
        pending = es.regions_at(net, start, given)
        seen = {}
        while pending:
            region = pending.pop()
            key = tuple(region.code.tolist())
            if key in seen:
                continue
            assert region.index is None
            assert region.contains(region.point)
            seen[key] = region
            pending += region.neighbors()
        assert set(seen) == truth


def test_the_reference_of_facets_agrees():
    """Guided by HiGHS or not, and by plain exact redundancy: the same facets."""
    from exactspline.cells.facets import facets_of_region
    from exactspline.polyhedra import redundancy
    from exactspline.polyhedra.lp import q

    rng = random.Random(21)
    for few in (0, 100):
        for dim in (2, 4, 5):
            spec = nets.random_spec(rng, dim, [6, 3], rng.choice(("float", "integer")))
            for domain in (es.WholeSpace(dim), es.Box(-1, 1, dim=dim)):
                x = [Fraction(rng.randint(-60, 60), 64) for _ in range(dim)]
                region = es.regions_at(nets.network(spec), x, domain)[0]
                plain = facets_of_region(region._forms, region.code, [q(v) for v in region.witness])
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(redundancy, "FEW", few)
                    found = region.facets()
                assert [f.flips for f in found] == [f.flips for f in plain]
                assert [f.inequality.unit if f.inequality.unit is not None else -1
                        for f in found] == [f.condition.unit for f in plain]  # fmt: skip


def test_descriptions():
    net = es.Network([es.Dense([[2, -4]], [1]), es.ReLU(name="first")], (2,))

    def texts(domain, x=(0, 0)):
        return [str(row) for row in es.regions_at(net, x, domain)[0].inequalities()]

    assert texts(None) == ["2 x[0] - 4 x[1] >= -1   (first[0], piece 1)"]
    assert texts(es.Box([-1, "-1/8"], [1, "1/8"])) == [
        "x[0] <= 1   (the domain)", "x[1] >= -1/8   (the domain)", "x[1] <= 1/8   (the domain)",
        "2 x[0] - 4 x[1] >= -1   (first[0], piece 1)",
    ]  # fmt: skip
    assert texts(es.Polytope([[5, 7], [1, 1], [0, 0], [1, 0]], [9, 1, 1, 2])) == [
        "x[0] <= 2   (row 3 of the polytope)", "x[0] + x[1] <= 1   (row 1 of the polytope)",
        "2 x[0] - 4 x[1] >= -1   (first[0], piece 1)",
    ]  # fmt: skip
    assert texts(es.Slice([0, 0], [[1, 1]], es.Box([-1], [3]), inputs=es.Box(-2, 2, dim=2))) == [
        "t[0] >= -1   (t[0] >= -1)", "2 t[0] <= 1   (first[0], piece 1)",
    ]  # fmt: skip
    slice_ = es.Slice([0, 1], [[1, 1]], inputs=es.Box(-2, 2, dim=2))
    assert texts(slice_, (-2, -1)) == [
        "t[0] >= -2   (x[0] >= -2)", "2 t[0] <= -3   (first[0], piece 1)",
    ]  # fmt: skip
    assert texts(es.Box([0, -1], [0, 1])) == [
        "t[0] >= -1   (x[1] >= -1)", "4 t[0] <= 1   (first[0], piece 1)",
    ]  # fmt: skip


def test_sides_of_a_partition():
    net = es.Network([es.ReLU()], (2,))
    omega = es.enumerate_regions(net, es.Box([-1, -2], [float("inf"), "1/3"]))
    assert [omega.side(i) for i in range(3)] == ["x[0] >= -1", "x[1] >= -2", "x[1] <= 1/3"]
    found = {(row.side, row.source) for r in omega for row in r.inequalities() if row.unit is None}
    assert found == {(i, omega.side(i)) for i in range(3)}
    for bad in (-1, 3):
        with pytest.raises(IndexError):
            omega.side(bad)


# --- Points ----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", first_quick(range(2)))
def test_contains_against_the_twin(block):
    """A region is convex: x is in its closure iff the segment from its witness reaches x."""
    rng = random.Random(50 + block)
    held = shared = 0
    for _ in range(25):
        spec, net, given, domain = draw(rng)
        layers, chart = nets.twin(spec), given.chart
        omega = es.enumerate_regions(net, given)
        sides = naive._constraints(domain)[1] if domain[0] != "slice" else None
        some = rng.sample(list(omega), min(6, len(omega)))
        facets = [f.point for region in some for f in region.facets()]
        points = [chart.lift(list(p)) for p in facets] + [region.point for region in some]
        if sides is not None:  # else all are points of the slice
            points += [
                [Fraction(rng.randint(-9, 9), 3) for _ in range(given.dim)] for _ in range(4)
            ]
        for x in map(list, points[-14:]):
            in_domain = sides is None or all(value(s[1:], x) + s[0] >= 0 for s in sides)
            owners = [r for r in some if r.contains(x, closure=True)]
            if not in_domain:
                assert owners == []
                continue
            for region in some:
                w = region.point
                near = [a + (b - a) / 2**90 for a, b in zip(x, w, strict=True)]
                truth = naive.code_at(layers, near) == tuple(region.code.tolist())
                assert region.contains(x, closure=True) == truth
                strict = region.contains(x)
                assert not strict or truth
                if x == list(w):
                    assert strict
                held += truth
            shared += len(owners) > 1
            assert sum(r.contains(x) for r in some) <= 1
            assert len(owners) < 2 or not any(r.contains(x) for r in some)
    assert held > 100
    assert shared > 10


def test_points_of_every_kind():
    net = es.Network([es.Dense([[1, 0], [1, 0]], [0, "-1/3"]), es.ReLU()], (2,))
    (region,) = es.regions_at(net, ["0.1", 1])
    assert region.contains([0.3333333333333333, 0])  # the float below 1/3
    assert not region.contains(["1/3", 0])
    assert region.contains(["1/3", 0], closure=True)
    assert not region.contains([0.33333333333333337, 0], closure=True)
    assert region.contains([0.25, "1/7"])
    for bad in ([math.nan, 0], [math.inf, 0], ["x", 0], [None, 0], [1j, 0], [[1], [2, 3]]):
        with pytest.raises(es.ParameterError):
            region.contains(bad)
    for bad in ([1], [1, 2, 3], [[1, 2]], 1, np.zeros((2, 2))):
        with pytest.raises(es.ShapeError):
            region.contains(bad)
    flat = es.regions_at(net, [1, 0], es.Slice([0, 0], [[1, 0]]))[0]
    assert flat.contains([2, 0])
    assert not flat.contains([2, "1e-50"], closure=True)


def test_indices():
    net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], input_shape=(1,))
    omega = es.enumerate_regions(net, es.Box([-2], [2]))
    assert [r.index for r in omega] == [0, 1, 2]
    assert omega[-1] == omega[2] != omega[1]
    assert len({omega[2], omega[-1], omega[0]}) == 2
    assert omega[np.int64(1)].code.tolist() == [1, 0]
    assert omega[1].witness == omega.witness(1)
    for bad in (3, -4):
        with pytest.raises(IndexError):
            omega[bad]
    with pytest.raises(TypeError):
        omega["0"]


def test_a_region_by_hand():
    net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], input_shape=(1,))
    box = es.Box([-2], [2])
    region = es.Region(net, box, [1, 0], ["1/3"])
    assert region == es.Region(net, box, np.array([1, 0], dtype=np.uint8), [0.5])
    assert [n.code.tolist() for n in region.neighbors()] == [[0, 0], [1, 1]]
    assert "[-2, 2]" in repr(region)
    for code, witness in (([1, 0], [1]), ([1, 0], [0]), ([0, 1], [1]), ([1, 1], [2]),
                          ([2, 0], [1]), ([-1, 0], [1])):  # fmt: skip
        with pytest.raises(es.ParameterError):
            es.Region(net, box, code, witness)
    for code, witness in (([1], [1]), ([1, 0], [1, 1]), ([1.0, 0.0], [1])):
        with pytest.raises(es.ShapeError):
            es.Region(net, box, code, witness)
    with pytest.raises(es.ShapeError):
        es.Region(net, es.Box([-1, -1], [1, 1]), [1, 0], [0, 0])


def test_networks_and_domains_without_anything():
    identity = es.Network([es.Dense([[2, 1]], [3])], (2,))
    (region,) = es.regions_at(identity, [5, 6])
    assert region.inequalities() == region.inequalities(False) == region.neighbors() == []
    assert region.affine()[0].tolist() == [[2, 1]]
    assert not region.is_bounded
    assert region.is_relatively_bounded
    (dot,) = es.regions_at(identity, [1, 1], es.Box([1, 1], [1, 1]))
    assert dot.witness == ()
    assert dot.point == (1, 1)
    assert dot.contains([1, 1])
    assert not dot.contains([1, 2], closure=True)
    symbols, inequalities, f = dot.to_sympy()
    assert symbols == ()
    assert inequalities == []
    assert f[0] == 6
    dead = es.Network([es.Dense([[0, 0]], [0]), es.ReLU()], (2,))
    (region,) = es.enumerate_regions(dead)
    assert region.inequalities(irredundant=False) == []
    assert region.contains([3, 4])


def test_too_much_work_is_an_error_not_a_hang(monkeypatch):
    monkeypatch.setattr(module, "_MOST_WORK", 10)
    net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
    region = es.regions_at(net, [1, 1])[0]
    with pytest.raises(es.LimitError, match="irredundant=False"):
        region.facets()
    assert len(region.inequalities(irredundant=False)) == 2


# --- Bounded regions -------------------------------------------------------------------------


def arrangement(rows, offsets) -> es.Network:
    return es.Network([es.Dense(np.array(rows, dtype=float), offsets), es.ReLU()], (len(rows[0]),))


def pairs(n: int) -> list[list[int]]:
    return [[(k == i) - (k == j) for k in range(n)]
            for i, j in itertools.combinations(range(n), 2)]  # fmt: skip


@pytest.mark.parametrize(("n", "bounded"), [(2, 1), (3, 4), (4, 27)])
def test_bounded_regions_of_shi(n, bounded):
    """x_i - x_j = 0, 1: (n-1)^(n-1) relatively bounded regions; all hold the line (1, ..., 1)."""
    rows = pairs(n)
    omega = es.enumerate_regions(arrangement(rows + rows, [0] * len(rows) + [-1] * len(rows)))
    assert len(omega) == (n + 1) ** (n - 1)
    assert sum(r.is_relatively_bounded for r in omega) == bounded
    assert not any(r.is_bounded for r in omega)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_bounded_regions_of_braid(n):
    omega = es.enumerate_regions(arrangement(pairs(n), [0] * len(pairs(n))))
    assert not any(r.is_bounded or r.is_relatively_bounded for r in omega)


@pytest.mark.parametrize(("n", "m"), [(1, 4), (2, 6), (3, 6), (4, 6)])
def test_bounded_regions_of_generic_arrangements(n, m):
    """Zaslavsky: C(m - 1, n) bounded ones."""
    rng = random.Random(n)
    rows = [[rng.randint(-99, 99) for _ in range(n)] for _ in range(m)]
    omega = es.enumerate_regions(arrangement(rows, [rng.randint(-99, 99) for _ in range(m)]))
    assert len(omega) == sum(math.comb(m, i) for i in range(n + 1))  # generic indeed
    assert sum(r.is_bounded for r in omega) == math.comb(m - 1, n)
    assert all(r.is_bounded == r.is_relatively_bounded for r in omega)


# --- Other libraries -------------------------------------------------------------------------


def test_sympy_says_the_same():
    import sympy

    rng = random.Random(8)
    for number in range(12):
        _, net, given, _ = draw(rng, kinds=OURS)
        if number == 0:
            net, given = es.load(MOONS), es.Box([-1, -1], [1, 1])
        omega = es.enumerate_regions(net, given)
        region = omega[rng.randrange(len(omega))]
        symbols, inequalities, f = region.to_sympy()
        letter = "x" if given.chart.dim == given.dim and not isinstance(given, es.Slice) else "t"
        assert [str(s) for s in symbols] == [f"{letter}{j}" for j in range(given.chart.dim)]

        def at(t, symbols=symbols):
            pairs = zip(symbols, t, strict=True)
            return {s: sympy.Rational(v.numerator, v.denominator) for s, v in pairs}

        for other in rng.sample(list(omega), min(4, len(omega))):
            t, x = other.witness, other.point
            holds = all(bool(row.subs(at(t))) for row in inequalities)
            assert holds == (other == region)
        out = net.forward(np.array(region.point, dtype=object), exact=True)
        t = region.witness
        assert [Fraction(int(v.p), int(v.q)) for v in f.subs(at(t))] == out.tolist()
        assert f.shape == (net.output_dim, 1)
        del x


def test_cvxpy_stays_in_the_region():
    import cvxpy as cp

    rng = random.Random(9)
    flat = 0
    for number in range(10):
        _, net, given, _ = draw(rng, dims=(2, 3))
        if number % 2:
            given, _ = nets.lower_or_polytope(rng, given.dim)
        omega = es.enumerate_regions(net, given)
        region = omega[rng.randrange(len(omega))]
        x = cp.Variable(given.dim)
        target = np.array([rng.uniform(-2, 2) for _ in range(given.dim)])
        problem = cp.Problem(cp.Minimize(cp.sum_squares(x - target)), region.constraints(x))
        problem.solve(solver=cp.CLARABEL)
        assert problem.status == "optimal"
        assert x.value == pytest.approx(region.project(target), abs=1e-4)
        x.value = np.array([float(v) for v in region.point])
        assert all(np.max(c.violation()) < 1e-9 for c in region.constraints(x))
        flat += given.chart.dim < given.dim
        with pytest.raises(es.ShapeError):
            region.constraints(cp.Variable(given.dim + 1))
    assert flat >= 2


def test_cvxpy_takes_the_shape_of_the_input():
    import cvxpy as cp

    net = es.Network([es.ReLU()], (2, 2))
    (region,) = es.regions_at(net, [[1, 2], [-1, 3]])
    x = cp.Variable((2, 2))
    given = np.array([[-5.0, 2], [-1, 3]])
    cp.Problem(cp.Minimize(cp.sum_squares(x - given)), region.constraints(x)).solve()
    assert x.value == pytest.approx(np.array([[0.0, 2], [-1, 3]]), abs=1e-4)
