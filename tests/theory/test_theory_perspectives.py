"""Non-convex activations, wavelets, hats, sizes of regions and shapes of boundaries."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline import theory

F = Fraction


# --- activations that are no MASOs --------------------------------------------------------------

FORMULAS = {
    "hard tanh": lambda u: np.clip(u, -1, 1),
    "leaky ReLU of slope 2": lambda u: np.where(u > 0, u, 2 * u),
}
MAXIMUM = "the value is the largest of all pieces (MASO)"


@pytest.mark.parametrize("name", FORMULAS)
def test_counterexamples_by_numpy(name):
    activation = theory.nonconvex_activations()[name]
    entries = {e.statement: e for e in theory.survival(activation, networks=False)}
    formula = FORMULAS[name]
    found = entries[MAXIMUM].counterexample
    assert float(found["value"]) == formula(float(found["u"])) < float(found["largest piece"])
    (a, b), middle = entries["the unit is convex"].counterexample["u"], "at the midpoint"
    assert formula(float(a + b) / 2) > (formula(float(a)) + formula(float(b))) / 2
    assert entries["the unit is convex"].counterexample[middle] == formula(float(a + b) / 2)
    # the power distances at the counterexample, from slopes and offsets that NumPy sees
    u = float(entries["cells are those of the power diagram mu = A, rad = |A|^2 + 2 B"]
              .counterexample["u"])  # fmt: skip
    slope = (formula(u + 1e-6) - formula(u - 1e-6)) / 2e-6
    own = (u - slope) ** 2 - slope**2 - 2 * (formula(u) - slope * u)
    others = {"hard tanh": (0, 1), "leaky ReLU of slope 2": (1, 0)}[name]  # slope, offset
    assert own > (u - others[0]) ** 2 - others[0] ** 2 - 2 * others[1]
    assert sum(not e.survives for e in entries.values()) == {"hard tanh": 6}.get(name, 3)


@pytest.mark.slow
def test_what_survives_for_a_maso():
    """ReLU is one: all statements hold but that it is the smallest piece."""
    fails = [e.statement for e in theory.survival(es.ReLU()) if not e.survives]
    assert fails == ["the value is the smallest of all pieces"]
    with pytest.raises(es.ParameterError, match="scalar"):
        theory.survival(es.MaxPool((2,)))
    with pytest.raises(es.ParameterError, match="affine"):
        theory.survival(es.LeakyReLU(1))


def test_soft_selection_of_a_hard_tanh_tends_elsewhere():
    pieces = es.MASO([[[0], [1], [0]]], [[-1, 0, 1]])
    soft = theory.soft_maso(pieces, [[-1.5]], 0.9999)[0, 0]
    assert abs(soft - 1) < 1e-9  # the largest piece; hard tanh is -1 there


@pytest.mark.slow
def test_no_masos_and_broken_twins():
    assert theory.check_nonconvex().holds

    def all_are_masos(activation):
        return [replace(e, survives=True) if e.statement == MAXIMUM else e
                for e in theory.survival(activation, networks=False)]  # fmt: skip

    def another_point(activation):
        return [
            replace(e, counterexample={**e.counterexample, "u": F(1, 2)})
            if e.statement == MAXIMUM else e for e in theory.survival(activation, networks=False)
        ]  # fmt: skip

    for twin in (all_are_masos, another_point):
        report = theory.check_nonconvex(survives=twin)
        assert report.verdict == "fails"
        assert report.counterexample["statement"] == MAXIMUM
    assert theory.check_nonconvex({"hard tanh": (True,) * 8}).verdict == "fails"


# --- wavelets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["haar", "daubechies"])
def test_scattering_by_fourier_transforms(kind):
    """Circular convolutions by NumPy's FFT, from filters that are written down."""
    n, window = 16, 8
    root = math.sqrt(3)
    low, high = {
        "haar": ([0.5, 0.5], [0.5, -0.5]),
        "daubechies": ([(1 + root) / 8, (3 + root) / 8, (3 - root) / 8, (1 - root) / 8],
                       [(1 - root) / 8, (root - 3) / 8, (3 + root) / 8, (-1 - root) / 8]),
    }[kind]  # fmt: skip
    x = np.random.default_rng(5).normal(size=n)

    def filtered(signal, taps, step):
        long = np.zeros(n)
        for k, t in enumerate(taps):
            long[k * step % n] += t
        return np.fft.ifft(np.fft.fft(signal) * np.fft.fft(long)).real

    def wavelet(signal, j):
        for i in range(j):
            signal = filtered(signal, low, 2**i)
        return filtered(signal, high, 2**j)

    first = [np.abs(wavelet(x, j)) for j in (0, 1)]
    paths = [x, *first, np.abs(wavelet(first[0], 1))]
    wanted = np.concatenate([p.reshape(-1, window).mean(axis=1) for p in paths])
    net = theory.scattering_network(kind, length=n, window=window)
    assert np.allclose(net.forward(x[None]), wanted, atol=1e-7)  # sqrt(3) is a rational there


def test_filters():
    for root in (F(7, 4), F(18817, 10864)):
        low, high = theory.wavelet_filters("daubechies", root=root)
        assert sum(low) == 1
        assert sum(high) == sum(n * v for n, v in enumerate(high)) == 0
        assert low[0] * low[2] + low[1] * low[3] == (6 - 2 * root**2) / 64
    for wrong in ({"kind": "meyer"}, {"length": 6}, {"scales": 4}, {"scales": 0}):
        with pytest.raises(es.ParameterError):
            theory.scattering_network(**wrong)


def test_scattering_and_broken_twins():
    assert theory.check_scattering().holds
    for twin in (lambda v: v, lambda v: max(v, 0), lambda v: v * v):
        report = theory.check_scattering(modulus=twin)
        assert report.verdict == "fails"
        assert report.counterexample["signal"]


# --- hats ---------------------------------------------------------------------------------------


def test_hats_by_numpys_interpolation():
    rng = np.random.default_rng(2)
    values = rng.integers(-8, 9, 17) / 4
    net = theory.hat_network(values)
    x = np.linspace(0, 1, 257)
    wanted = np.interp(x, np.linspace(0, 1, 17), values)
    assert np.allclose(net.forward(x[:, None])[:, 0], wanted, atol=1e-12)
    left, right, levels = theory.faber_schauder(values)
    assert (left, right) == (values[0], values[-1])
    assert levels[1][1] == F(values[12]) - (F(values[8]) + F(values[16])) / 2
    for levels_of_square in (1, 2, 5):
        deep = theory.square_network(levels_of_square)
        x = np.linspace(0, 1, 2 ** (levels_of_square + 1) + 1)
        error = deep.forward(x[:, None])[:, 0] - x**2
        assert np.all(error[::2] == 0)
        assert np.all(error[1::2] == 4.0 ** -(levels_of_square + 1))
    for wrong in ([], [1, 2, 3, 4], [1]):
        with pytest.raises(es.ParameterError):
            theory.hat_network(wrong)
    with pytest.raises(es.ParameterError):
        theory.square_network(0)


def test_hats_and_broken_twins():
    assert theory.check_hats().holds

    def no_ends(values):
        return theory.hat_network([0, *values[1:-1], 0])

    def wide(values):  # the hats of another function
        return theory.hat_network([v + F(i % 2, 9) for i, v in enumerate(values)])

    assert theory.check_hats(no_ends).verdict == "fails"
    assert theory.check_hats(wide).verdict == "fails"
    fewer = theory.check_hats(square=lambda levels: theory.square_network(max(1, levels - 1)))
    assert fewer.verdict == "fails"


# --- sizes layer by layer -----------------------------------------------------------------------


def dense(rng, *widths):
    operators, n = [], widths[0]
    for k in widths[1:]:
        W = [[F(rng.randint(-9, 9), 4) for _ in range(n)] for _ in range(k)]
        operators += [es.Dense(W, [F(rng.randint(-9, 9), 4) for _ in range(k)]), es.ReLU()]
        n = k
    return es.Network(operators, (widths[0],))


def test_sizes_against_the_complex():
    """The last layer's volumes are the areas of the planar complex's faces."""
    net = dense(random.Random(4), 2, 4, 3)
    omega = es.enumerate_regions(net, es.Box([-2, -2], [2, 2]))
    first, last = theory.layer_scales(omega)
    assert last.volumes == tuple(omega.complex().faces.areas(exact=True))
    assert [len(first), len(last)] == [omega.at_layer(1).count, len(omega)]
    for region, square in zip(omega, last.squares, strict=True):
        corners = region.vertices().astype(float)
        apart = ((corners[:, None] - corners[None]) ** 2).sum(axis=2).max()
        assert abs(float(square) - apart) < 1e-9
    with pytest.raises(es.DomainError, match="unbounded"):
        theory.layer_scales(net)


def test_sizes_and_broken_twins():
    net, box = dense(random.Random(4), 2, 4, 3), es.Box([-2, -2], [2, 2])
    assert theory.check_scales(net, box).holds
    assert theory.check_scales(net).verdict == "not applicable"

    def bounding_box(found, n_rows, dim):
        sides = [max(v[i] for v in found.vertices) - min(v[i] for v in found.vertices)
                 for i in range(dim)]  # fmt: skip
        return math.prod(sides)

    report = theory.check_scales(net, box, volume=bounding_box)
    assert report.verdict == "fails"
    assert report.counterexample["of its parts"] > report.counterexample["volume of the whole"]


# --- decision boundaries ------------------------------------------------------------------------


def polygon(points):
    """A network that is negative inside of a polygon around 0: of convex parts, by half-planes."""
    rows, offsets = [], []
    for (a, b), (c, d) in zip(points, [*points[1:], points[0]], strict=True):
        rows.append([d - b, a - c])
        offsets.append(-(a * (d - b) + b * (a - c)))
    net = [es.Dense(rows, offsets), es.ReduceMax(), es.Reshape((1,)), es.Dense([[1]])]
    return es.Network(net, (2,))


def test_a_convex_polygon_turns_once():
    points = [(3, 0), (2, 2), (-1, 3), (-3, -1), (0, -2)]
    shape = theory.boundary_shape(es.enumerate_regions(polygon(points)))
    assert (shape.facets, shape.parts, shape.closed) == (5, 1, 1)
    assert shape.turning_numbers in ((1,), (-1,))
    assert abs(shape.turning - 2 * math.pi) < 1e-12
    steps = np.roll(points, -1, axis=0) - np.array(points)
    angles = np.arctan2(steps[:, 1], steps[:, 0])
    wanted = np.mod(np.diff([*angles, angles[0]]), 2 * math.pi)
    assert np.allclose(np.sort(shape.angles), np.sort(wanted))


def test_curves_that_are_not_convex_turn_more_and_around_once():
    """|x| and |y| folded: four diamonds; and a star, where the boundary turns both ways."""
    fold = [es.Abs(), es.Dense([[1, 0], [0, 1]], [-2, -2]), es.Abs(), es.Dense([[1, 1]], [-1])]
    shape = theory.boundary_shape(es.enumerate_regions(es.Network(fold, (2,))))
    assert (shape.facets, shape.parts, shape.closed) == (16, 4, 4)
    assert [abs(v) for v in shape.turning_numbers] == [1] * 4
    assert abs(shape.turning - 8 * math.pi) < 1e-12
    # min(3 |x| + |y|, |x| + 3 |y|) = 3: convex corners on the axes, dents on the diagonals
    star = [es.Abs(), es.Dense([[3, 1], [1, 3]]), es.ReduceMin(), es.Reshape((1,)),
            es.Dense([[1]], [-3])]  # fmt: skip
    shape = theory.boundary_shape(es.enumerate_regions(es.Network(star, (2,))))
    corner, dent = math.pi - 2 * math.atan(1 / 3), math.pi / 2 - 2 * math.atan(1 / 3)
    assert abs(shape.turning - 4 * (corner + dent)) < 1e-12
    assert {b.turn for b in shape.bends} == {1, -1}
    assert [abs(v) for v in shape.turning_numbers] == [1]


def test_a_cube_and_an_octahedron():
    cube = es.Network([es.Abs(), es.ReduceMax(), es.Reshape((1,)), es.Dense([[1]], [-1])], (3,))
    shape = theory.boundary_shape(es.enumerate_regions(cube, es.Box([-2] * 3, [2] * 3)))
    right = [b for b in shape.bends if b.square != 1]
    assert (shape.facets, shape.closed, len(right)) == (24, 1, 24)
    assert all(b.sign == 0 for b in right)
    diamond = es.Network([es.Abs(), es.Dense([[1, 1, 1]], [-1])], (3,))
    shape = theory.boundary_shape(es.enumerate_regions(diamond))
    assert (shape.facets, len(shape.bends), shape.closed, shape.parts) == (8, 12, 1, 1)
    assert {b.square for b in shape.bends} == {F(1, 9)}  # dihedral angle arccos(-1/3)
    assert np.allclose(math.pi - shape.angles, math.acos(-1 / 3))


def test_several_classes_have_junctions():
    net = es.Network([es.Dense([[1, 0], [-1, 1], [0, -1]])], (2,))
    shape = theory.boundary_shape(es.enumerate_regions(net))
    assert (shape.facets, shape.bends, shape.junctions) == (3, (), 1)
    with pytest.raises(es.DomainError, match="two or three"):
        theory.boundary_shape(es.enumerate_regions(es.Network([es.Abs()], (1,))))


def test_boundary_shapes_and_broken_twins():
    net = dense(random.Random(11), 2, 5, 4)
    net = es.Network([*net.operators, es.Dense([[1, -2, 1, -1]], ["-1/2"])], (2,))
    omega = es.enumerate_regions(net, es.Box([-3, -3], [3, 3]))
    assert theory.check_boundary_shape(omega).holds
    twins = {
        "of the first piece": lambda boundary, piece: tuple(boundary.row(0)[1:]),
        "turned": lambda boundary, piece: tuple(boundary.row(piece)[:0:-1]),
        "scaled by piece": lambda boundary, piece: tuple(
            (piece + 1) * v for v in boundary.row(piece)[1:]
        ),
    }
    for name, twin in twins.items():
        report = theory.check_boundary_shape(omega, normals=twin)
        assert report.verdict == "fails", name
    assert theory.check_boundary_shape(es.Network([es.Abs()], (1,))).verdict == "not applicable"
