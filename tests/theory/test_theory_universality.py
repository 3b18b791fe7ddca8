"""Differences of convex splines, interpolation, grid tangents: against other means, and broken."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy
import theory_networks as toys
from scipy.interpolate import LinearNDInterpolator
from scipy.optimize import linprog
from scipy.spatial import Delaunay
from scipy.special import logsumexp

import exactspline as es
from exactspline import theory
from exactspline.theory.universality import lattice, tangents

F = Fraction
X, Y = sympy.symbols("x y", real=True)
MOONS = Path(__file__).resolve().parents[2] / "examples" / "moons.onnx"
HAT = es.Network([es.Dense([[1], [1], [1]], [0, -1, -2]), es.ReLU(), es.Dense([[1, -2, 1]])], (1,))
FOLDED = es.Network(
    [es.Dense([[1, "1/3"], [2, -1], [-1, 1]], ["1/2", 1, 0]), es.Abs(),
     es.Dense([[1, -3, 1], [2, 1, -1]], ["1/3", 1]), es.ReLU(), es.Dense([[3, "-2/7"]], [1])], (2,),
)  # fmt: skip


# --- Differences of convex splines --------------------------------------------------------------


def test_the_hat_is_a_difference_of_two():
    """By hand: slopes 0, 1, -1, 0 and those of the three ramps, 0, 1, 2, 3; -bend / bend is 2."""
    found = theory.difference_of_convex(HAT)
    assert found.factor == 2
    assert found.subtracted.A[0, :, 0].tolist() == [0, 2, 4, 6]
    assert found.convex.A[0, :, 0].tolist() == [0, 3, 6]  # at 1 nothing bends any more
    assert found.pieces == (3, 4)
    assert found.prove().holds


def floats(maso):
    return np.array(maso.A[0], float), np.array(maso.B[0], float)


@pytest.mark.parametrize("seed", range(6))
def test_differences_by_other_means(seed):
    """Values by float64, irredundancy by scipy's linear programs, and the least factor."""
    rng = random.Random(f"difference {seed}")
    net = toys.any_network(rng)
    dim, box = net.input_dim, es.Box(-4, 4, dim=net.input_dim)
    omega = es.enumerate_regions(net, box)
    for k in range(net.output_dim):
        found = theory.difference_of_convex(omega, output=k)
        x = np.random.default_rng(seed).uniform(-4, 4, size=(200, dim))
        own = net.forward(x.reshape(-1, *net.input_shape)).reshape(200, -1)[:, k]
        (A, a), (B, b) = floats(found.convex), floats(found.subtracted)
        both = (x @ A.T + a).max(axis=1) - (x @ B.T + b).max(axis=1)
        assert both == pytest.approx(own, abs=1e-8 * (1 + np.abs(own).max()))
        branches = found.network.forward(x.reshape(-1, *net.input_shape))[:, 0]
        assert branches == pytest.approx(own, abs=1e-8 * (1 + np.abs(own).max()))
        for slopes, offsets in ((A, a), (B, b)):  # each piece is alone the largest somewhere
            for r in range(len(slopes)):
                others = np.delete(np.arange(len(slopes)), r)
                if not len(others):
                    continue
                rows = np.column_stack([slopes[others] - slopes[r], np.ones(len(others))])
                most = linprog([0] * dim + [-1], A_ub=rows, b_ub=offsets[r] - offsets[others],
                               bounds=[(-4, 4)] * dim + [(None, 1)])  # fmt: skip
                assert most.x[-1] > 0
        if found.factor:
            with pytest.raises(es.ParameterError, match="not convex; give at least"):
                theory.difference_of_convex(omega, output=k, factor=found.factor * F(999, 1000))
            larger = theory.difference_of_convex(omega, output=k, factor=found.factor + 1)
            assert larger.prove().holds
        assert found.prove().holds


def test_a_wrong_difference_is_refuted():
    found = theory.difference_of_convex(FOLDED)
    A = found.convex.A.copy()
    A[0, 0, 0] += F(1, 1000)
    wrong = theory.DifferenceOfConvex(
        found.original, found.domain, 0, es.MASO(A, found.convex.B), found.subtracted,
        found.factor, found.weights, found.facets,
    )  # fmt: skip
    verdict = wrong.prove()
    assert not verdict.holds
    at = list(verdict.counterexample)
    values = [n.forward(np.array([at], dtype=object), exact=True)[0, 0]
              for n in (FOLDED, wrong.network)]  # fmt: skip
    assert values[0] != values[1]


def test_the_check_of_differences_refuses_factors_that_are_too_small():
    report = theory.check_difference_of_convex(FOLDED)
    assert report.holds
    (least,) = report.details["factors"]
    assert least > 0
    assert theory.check_difference_of_convex(FOLDED, factor=least + 1).holds
    twin = theory.check_difference_of_convex(FOLDED, factor=least / 2)
    assert twin.verdict == "fails"
    x = np.array([twin.counterexample["x"]], dtype=object)
    assert FOLDED.forward(x, exact=True)[0, 0] == twin.counterexample["f(x)"]
    flat = es.enumerate_regions(FOLDED, es.Slice([0, 0], [[1, 1]], es.Box([0], [1])))
    assert theory.check_difference_of_convex(flat).verdict == "not applicable"


def test_differences_that_are_refused(monkeypatch):
    with pytest.raises(es.ParameterError, match=r"output 1.*0 to 0"):
        theory.difference_of_convex(HAT, output=1)
    with pytest.raises(es.ParameterError, match="output"):
        theory.difference_of_convex(HAT, output=0.5)
    with pytest.raises(es.ParameterError, match="slice or of lower"):
        theory.difference_of_convex(FOLDED, es.Slice([0, 0], [[1, 1]], es.Box([0], [1])))
    from exactspline.theory.universality import difference

    monkeypatch.setattr(difference, "_MOST_PIECES", 3)
    with pytest.raises(es.LimitError, match="4 regions"):
        theory.difference_of_convex(HAT)


def test_special_differences():
    affine = theory.difference_of_convex(es.Network([es.Dense([[1, 2]], [3])], (2,)))
    assert (affine.pieces, affine.factor) == ((1, 1), 0)
    assert affine.prove().holds
    convex = theory.difference_of_convex(es.Network([es.Abs(), es.Dense([[1, 1]])], (2,)))
    assert (convex.pieces, convex.factor) == ((4, 1), 0)
    image = es.Network([es.Conv([[[1, -2]]]), es.Abs(), es.Flatten(), es.Dense([[-1, 1]])], (1, 3))
    found = theory.difference_of_convex(image)
    assert found.network.input_shape == (1, 3)
    assert found.prove().holds
    ends_in_sigmoid = es.Network([es.Abs(), es.Dense([[-1]]), es.Sigmoid()], (1,))
    assert theory.difference_of_convex(ends_in_sigmoid).prove().holds


@pytest.mark.slow
def test_a_trained_network_of_281_regions():
    omega = es.enumerate_regions(es.load(MOONS), es.Box([-2, "-3/2"], [3, 2]))
    assert len(omega) == 281
    found = theory.difference_of_convex(omega)
    assert found.pieces[1] == 281
    assert 200 < found.pieces[0] <= 281
    assert found.prove().holds


# --- Interpolation ------------------------------------------------------------------------------


def triangulation(seed, inner=7, dim=2):
    rng = np.random.default_rng(seed)
    sides = np.stack(np.meshgrid(*[[-40, 40]] * dim), axis=-1).reshape(-1, dim)
    points = np.concatenate([rng.integers(-20, 21, size=(inner, dim)), sides])
    return points, Delaunay(points).simplices, rng.integers(-9, 10, size=len(points))


@pytest.mark.parametrize(
    ("seed", "dim"), [(2, 2), (4, 2), pytest.param(3, 3, marks=pytest.mark.slow)]
)
def test_a_triangulation_is_interpolated(seed, dim):
    points, simplices, values = triangulation(seed, dim=dim)
    found = theory.interpolate_triangulation(points, simplices, values)
    x = np.random.default_rng(seed).uniform(-40, 40, size=(300, dim))
    plain = LinearNDInterpolator(Delaunay(points), values.astype(float))(x)
    assert found.network.forward(x)[:, 0] == pytest.approx(plain, abs=1e-8)
    used = np.unique(simplices)
    exact = found.network.forward(points[used].astype(object), exact=True)[:, 0]
    assert exact.tolist() == values[used].tolist()


def test_interpolation_is_proved_region_by_region():
    found = theory.interpolate_triangulation(*triangulation(1, inner=3))
    assert all(verdict.holds for verdict in found.prove())
    wrong = theory.Interpolation(
        found.network, found.domain, found.regions,
        tuple((A, b + (i == 2)) for i, (A, b) in enumerate(found.maps)), found.terms,
    )  # fmt: skip
    assert [verdict.holds for verdict in wrong.prove()].count(False) == 1


def test_without_cuts_maxima_of_minima_are_wrong(monkeypatch):
    """The twin: S = the pieces that are above on a whole region is not enough in the plane."""
    monkeypatch.setattr(lattice, "_exceeded", lambda *_: None)
    monkeypatch.setattr(lattice, "_smallest", lambda own, *_: own)
    wrong = 0
    for seed in (0, 1, 7):
        points, simplices, values = triangulation(seed)
        found = theory.interpolate_triangulation(points, simplices, values)
        used = np.unique(simplices)
        x = np.random.default_rng(seed).uniform(-40, 40, size=(300, 2))
        plain = LinearNDInterpolator(Delaunay(points), values.astype(float))(x)
        wrong += np.abs(found.network.forward(x)[:, 0] - plain).max() > 1e-6
        assert len(used) == len(points)
    assert wrong == 3


def test_cuts_make_them_right(monkeypatch):
    cuts, plain_cut = [], lattice._cut
    monkeypatch.setattr(lattice, "_cut", lambda *a: cuts.append(1) or plain_cut(*a))
    for seed in (0, 1, 7):
        points, simplices, values = triangulation(seed)
        found = theory.interpolate_triangulation(points, simplices, values)
        x = np.random.default_rng(seed).uniform(-40, 40, size=(300, 2))
        plain = LinearNDInterpolator(Delaunay(points), values.astype(float))(x)
        assert found.network.forward(x)[:, 0] == pytest.approx(plain, abs=1e-8)
    assert len(cuts) >= 3


@pytest.mark.parametrize("seed", range(5))
def test_a_network_is_put_together_again(seed):
    """From regions and maps of unbounded partitions, proved equal to the network they came from."""
    rng = random.Random(f"again {seed}")
    net = toys.any_network(rng)
    omega = es.enumerate_regions(net)
    maps = [region.affine(exact=True) for region in omega]
    found = theory.interpolate([(r, A, b) for r, (A, b) in zip(omega, maps, strict=True)])
    assert isinstance(found.domain, es.WholeSpace)
    flat = es.Network([es.Reshape(net.input_shape), *net.operators], (net.input_dim,)) if (
        len(net.input_shape) > 1 and len(net.nodes) == len(net.operators)
    ) else net  # fmt: skip
    if flat.input_shape == (net.input_dim,):
        assert es.equal(flat, found.network, es.WholeSpace(net.input_dim)).holds


def test_the_check_of_interpolation_refuses_wrong_sets():
    report = theory.check_interpolation(FOLDED)
    assert report.holds
    assert theory.check_interpolation(FOLDED, change=lambda sets: sets[1:]).verdict == "fails"
    shorter = theory.check_interpolation(FOLDED, change=lambda sets: [s[:1] for s in sets])
    assert shorter.verdict == "fails"
    assert shorter.counterexample["f(x)"] != shorter.counterexample["maxima"]


HALF = es.Box([0, -math.inf], [math.inf, math.inf])  # with a line inside
LEFT, RIGHT = es.Box([0, 0], [1, 2]), es.Box([1, 0], [3, 2])


@pytest.mark.parametrize(("pieces", "says"), [
    ([(LEFT, [[1, 0]], [0]), (RIGHT, [[2, 0]], [0])], r"0 and 1 do not agree.*at \(1, "),
    ([(LEFT, [[0, 0]], [0]), (RIGHT, [[0, 1]], [0])], r"at \(1, 2\) they are 0 and 2"),
    ([(LEFT, [[0, 0]], [0]), (es.Box(["1/2", 0], [3, 2]), [[0, 0]], [0])], "0 and 1 overlap, at"),
    ([(LEFT, [[0, 0]], [0]), (es.Box([2, 0], [3, 2]), [[0, 0]], [0])], "do not fill a convex set"),
    ([(LEFT, [[0, 0]], [0]), (es.Box([1, 0], [3, 1]), [[0, 0]], [0])], "do not fill a convex set"),
    ([(es.Box([0, 0], [math.inf, 1]), [[0, 1]], [0]),
      (es.Box([-math.inf, 0], [0, 1]), [[1, 1]], [0]),
      (es.Box([-math.inf, 1], [0, math.inf]), [[1, 1]], [0])], "do not fill a convex set"),
    ([(es.Polytope([[-1, 0]], [0]), [[1, 0]], [0]), (es.Polytope([[1, 0]], [0]), [[1, 1]], [0])],
     "do not agree"),
    ([(es.Box([0], [math.inf]), [[0]], [0]), (es.Box([-1], [math.inf]), [[0]], [0])], "overlap"),
    ([(es.Box([-math.inf], [100]), [[0]], [0]), (es.Box([200], [math.inf]), [[0]], [0])],
     "do not fill a convex set"),
    ([(HALF, [[0, 0]], [0]), (es.Box([-1, -math.inf], [1, 0]), [[0, 0]], [0])], "overlap"),
    ([(HALF, [[0, 0]], [0]), (es.Box([-1, 0], [1, math.inf]), [[0, 0]], [0])], "overlap"),
    ([(LEFT, [[0, 0]])], r"piece 0 is no \(region, A, b\)"),
    ([(LEFT, [[0, 0]], [0]), (RIGHT, [[0, 0], [1, 1]], [0, 0])], "region 1: A of shape"),
    ([(es.Box([0, 0], [0, 2]), [[0, 0]], [0])], "region 0: the region is flat"),
    ([("here", [[0, 0]], [0])], "region 0: a str is no region"),
    ([], "0 regions"),
    (7, "give a list"),
])  # fmt: skip
def test_pieces_that_are_refused(pieces, says):
    with pytest.raises(es.ExactSplineError, match=says):
        theory.interpolate(pieces)


def test_a_gap_is_shown():
    ring = [es.Box([0, 0], [3, 1]), es.Box([0, 2], [3, 3]), es.Box([0, 1], [1, 2]),
            es.Box([2, 1], [3, 2])]  # fmt: skip
    with pytest.raises(es.ParameterError, match=r"also has \((.*)\); give all") as caught:
        theory.interpolate([(box, [[0, 0]], [0]) for box in ring])
    at = [F(v) for v in str(caught.value).split("also has (")[1].split(")")[0].split(", ")]
    assert all(1 < v < 2 for v in at)
    whole = theory.interpolate([(box, [[1, 2]], [3]) for box in [*ring, es.Box([1, 1], [2, 2])]])
    assert whole.terms == ([[0]],)


def test_what_is_convex_needs_no_minima_and_what_is_concave_no_maximum():
    wings = es.Box([-math.inf], [0]), es.Box([0], [1]), es.Box([1], [math.inf])
    slopes, offsets = (-1, 1, 3), (0, 0, -2)
    valley = [(w, [[s]], [c]) for w, s, c in zip(wings, slopes, offsets, strict=True)]
    assert theory.interpolate(valley).terms == ([[0], [1], [2]],)
    hill = [(w, [[-s]], [-c]) for w, s, c in zip(wings, slopes, offsets, strict=True)]
    assert theory.interpolate(hill).terms == ([[0, 1, 2]],)
    # 0 is never above the function: though 4 - x is above it on [-1, 0], no minimum is needed
    mixed = [(es.Box([a], [a + 1]), [[s]], [c]) for a, s, c in ((-1, 0, 0), (0, 3, 0), (1, -1, 4))]
    assert theory.interpolate(mixed).terms == ([[0], [1, 2]],)


def test_regions_need_not_be_face_to_face():
    tall = es.Box([0, 0], [1, 2])
    low, high = es.Box([1, 0], [2, 1]), es.Box([1, 1], [2, 2])
    found = theory.interpolate([(tall, [[1, 0]], [0]), (low, [[0, 0]], [1]), (high, [[0, 0]], [1])])
    assert found.network.forward([[0.5, 1.0], [1.5, 0.5], [1.5, 1.5]]).tolist() == [[0.5], [1], [1]]
    with pytest.raises(es.ParameterError, match="do not agree"):  # a corner inside another's side
        theory.interpolate([(tall, [[1, 0]], [0]), (low, [[0, 1]], [0]), (high, [[0, 1]], [0])])


def test_triangulations_that_are_refused():
    corners = [[0, 0], [2, 0], [0, 2], [2, 2], [1, 1]]
    square = [[0, 1, 2], [1, 3, 2]]
    with pytest.raises(es.ParameterError, match="simplex 1 is flat"):
        theory.interpolate_triangulation(corners, [[0, 1, 2], [1, 4, 2]], [0] * 5)
    with pytest.raises(es.ShapeError, match="whole numbers"):
        theory.interpolate_triangulation(corners, [[0.0, 1, 2]], [0] * 5)
    with pytest.raises(es.ParameterError, match="none of the 5 points"):
        theory.interpolate_triangulation(corners, [[0, 1, 7]], [0] * 5)
    with pytest.raises(es.ShapeError, match="points of shape"):
        theory.interpolate_triangulation(corners, square, [0] * 4)
    hanging = [[0, 1, 4], [0, 4, 2], [1, 3, 2]]  # 4 lies in the long side of the last one
    with pytest.raises(es.ParameterError, match=r"at \(1, 1\) they are 1 and 0"):
        theory.interpolate_triangulation(corners, hanging, [0, 0, 0, 0, 1])


# --- Grid tangents ------------------------------------------------------------------------------


def parabola(x):
    return sum(v * v for v in x), [2 * v for v in x]


def test_tangents_by_numpy():
    """The error on a fine grid: never above the proved one, and nearly the exact gap."""
    bowl = sympy.log(sympy.exp(X) + sympy.exp(-X) + sympy.exp(2 * Y))
    found = theory.grid_tangents(bowl, es.Box([-1, -1], [1, 1]), (4, 6))
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 161)] * 2), axis=-1).reshape(-1, 2)
    exact = logsumexp([grid[:, 0], -grid[:, 0], 2 * grid[:, 1]], axis=0)
    gaps = exact - found.network.forward(grid)[:, 0]
    assert gaps.min() > -1e-12
    assert gaps.max() <= found.error
    assert float(found.gap()) == pytest.approx(gaps.max(), rel=0.05)
    assert gaps.max() <= found.gap()
    assert (found.by, found.pieces) == ("curvature", 24)


def test_intervals_cost_what_they_are_wide():
    def rough(x):
        (value, (slope,)) = parabola(x)
        return (value - F(1, 100), value + F(1, 100)), [(slope - F(1, 50), slope + F(1, 50))]

    box = es.Box([-1], [1])
    sharp = theory.grid_tangents(parabola, box, 4, curvature=2)
    found = theory.grid_tangents(rough, box, 4, curvature=2)
    assert sharp.error == F(1, 16)
    # values 1/50 wide; slopes off by 1/50 over at most 7/4, and once more inside the cell
    assert found.error == pytest.approx(float(F(1, 16) + F(1, 50) + F(1, 50) * 2))
    x = np.linspace(-1, 1, 1001)[:, None]
    gaps = x[:, 0] ** 2 - found.network.forward(x)[:, 0]
    assert gaps.min() >= 0
    assert gaps.max() <= found.error


def test_proved_constants_of_expressions():
    found = theory.grid_tangents(sympy.exp(X), es.Box([0], [1]), 8)
    assert float(found.error) == pytest.approx(math.e / 2 / 16**2, rel=1e-6)
    assert found.assumed == ()
    bowl = theory.grid_tangents(sympy.exp(X) + Y**2, es.Box(0, 1, dim=2), 4)
    assert float(bowl.error) == pytest.approx((math.e + 2) / 2 / 8**2, rel=1e-6)
    assert bowl.assumed == ()
    valley = theory.grid_tangents(sympy.exp(X + Y), es.Box(0, 1, dim=2), 2)
    assert valley.assumed == ("convex",)  # its Hessian is singular, so minors prove nothing


UNIT = es.Box([-1], [1])


@pytest.mark.parametrize(("arguments", "options", "says"), [
    ((sympy.sin(3 * X), UNIT, 4), {}, r"not convex.*tangent at"),
    ((lambda x: (x[0] ** 2, [3 * x[0]]), UNIT, 8), {"curvature": 9}, "no subgradient"),
    ((parabola, UNIT, 4), {"curvature": 1}, "bends more than the bound 1"),
    ((parabola, UNIT, 4), {"lipschitz": 1}, "longer than the bound 1"),
    ((parabola, UNIT, 4), {}, "no error follows without a bound"),
    ((parabola, UNIT, 4), {"curvature": 2, "lipschitz": 2}, "not both"),
    ((parabola, UNIT, 4), {"curvature": -2}, "negative"),
    ((parabola, es.Box([0], [math.inf]), 4), {"curvature": 2}, "not bounded"),
    ((parabola, es.Box([0], [0]), 4), {"curvature": 2}, "flat"),
    ((parabola, UNIT, 0), {"curvature": 2}, "positive numbers"),
    ((parabola, UNIT, 30_000), {"curvature": 2}, "30,000 cells"),
    ((sympy.sqrt(X**2), UNIT, 2), {}, "has no enclosure"),
    ((sympy.sqrt(X**2 + Y**2), es.Box(-1, 1, dim=2), 3), {}, "not finite at"),
    ((sympy.sqrt(X**2 + Y**2), es.Box(-1, 1, dim=2), 2), {}, "not bounded on the cell"),
    ((X * Y, UNIT, 2), {}, "symbols x, y, but the box has 1 dimensions"),
    ((X**2, UNIT, 2), {"symbols": [Y]}, "x in the expression is no coordinate"),
    ((lambda x: x[0], UNIT, 2), {"curvature": 2}, "a value and a subgradient"),
    ((lambda x: (0, [0, 0]), UNIT, 2), {"curvature": 2}, "2 numbers in 1 dimensions"),
    ((lambda x: ((1, 0), [0]), UNIT, 2), {"curvature": 2}, "empty"),
    ((lambda x: (float("nan"), [0]), UNIT, 2), {"curvature": 2}, "a value"),
    (("x", UNIT, 2), {}, "a str is no function"),
])  # fmt: skip
def test_functions_that_are_refused(arguments, options, says):
    with pytest.raises(es.ExactSplineError, match=says):
        theory.grid_tangents(*arguments, **options)


def test_the_norm_with_a_bound_of_slopes():
    found = theory.grid_tangents(sympy.sqrt(X**2 + Y**2), es.Box(-1, 1, dim=2), 6, lipschitz=1)
    assert float(found.error) == pytest.approx(2 * math.sqrt(2) / 6, rel=1e-9)
    assert 0 < found.gap() < found.error
    assert found.assumed == ("lipschitz <= 1", "convex")


def test_the_check_of_rates_refuses_other_constants():
    assert theory.check_tangent_rates(factor="1/2").verdict == "fails"
    assert theory.check_tangent_rates(factor="11/10").verdict == "fails"


@pytest.mark.slow
def test_the_check_of_rates():
    report = theory.check_tangent_rates()
    assert report.holds
    assert report.checked == 18


def test_rates_with_another_grid_are_refused(monkeypatch):
    """The twin: tangents that are moved off the centres are worse than what is proved."""
    right = tangents._tangents

    def moved(centres, data, *rest):
        A, B, slacks = right(centres, data, *rest)
        return A, B - F(1, 20), slacks

    monkeypatch.setattr(tangents, "_tangents", moved)
    assert theory.check_tangent_rates().verdict == "fails"
