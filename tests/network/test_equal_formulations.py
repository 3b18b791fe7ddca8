"""One function, written in several ways: the same regions, codes or affine pieces."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import operator_cases as cases
import plain
import pytest
from marks import first_quick
from program_at import affine_piece

import exactspline as es

SEEDS = first_quick(range(12), 3)
BOX = es.Box([-3, -3], [3, 3])


def integers(rng, *shape, low=-2, high=2):
    return np.array([rng.randint(low, high) for _ in range(math.prod(shape))]).reshape(shape)


def dense(rng, n_out, n_in):
    """Integer weights, with a dead, double or opposite row now and then: ties."""
    W, b = integers(rng, n_out, n_in), integers(rng, n_out)
    for i in range(1, n_out):
        if rng.random() < 0.3:
            factor = rng.choice((0, 1, -1, 2))
            W[i], b[i] = factor * W[i - 1], factor * b[i - 1]
    return es.Dense(W, b)


def codes(network, domain):
    return [tuple(code) for code in es.enumerate_regions(network, domain).codes.tolist()]


def pieces(network, domain):
    """The distinct affine pieces on the regions."""
    return {affine_piece(network.program, code) for code in codes(network, domain)}


def same_function(networks, domain, *, same_codes=False):
    """Equal counts and affine pieces; equal codes in equal order if the units are the same."""
    first, *others = networks
    count = es.count_regions(first, domain)
    for other in others:
        assert es.count_regions(other, domain) == count
        assert pieces(other, domain) == pieces(first, domain)
        if same_codes:
            assert codes(other, domain) == codes(first, domain)
    return count


def matrix(operator, shape):
    """The matrix and constant of an affine operator, read off its values at 0 and unit points."""
    n = math.prod(shape)
    unit = np.array([[Fraction(int(i == j)) for j in range(n)] for i in range(-1, n)], dtype=object)
    at = operator.forward(unit.reshape(n + 1, *shape)).reshape(n + 1, -1)
    return np.array([row - at[0] for row in at[1:]]).T, at[0]


def as_dense(operator, shape):
    """An affine operator as Flatten, Dense, Reshape."""
    W, b = matrix(operator, shape)
    return [es.Flatten(), es.Dense(W, b), es.Reshape(operator.output_shape(shape))]


# --- Maxima ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_maximum_of_two(seed):
    """Max-pooling, maxout, Maximum of two tensors, a MASO and relu(a - b) + b."""
    rng = random.Random(seed)
    first, second = dense(rng, 6, 2), dense(rng, 3, 3)
    even, odd = es.Select([0, 2, 4]), es.Select([1, 3, 5])
    A = np.zeros((3, 2, 6))
    for k, r in itertools.product(range(3), range(2)):
        A[k, r, 2 * k + r] = 1
    difference = es.Branches([[even], [odd]], es.Add([1, -1]))
    ways = [
        [es.Reshape((1, 6)), es.MaxPool((2,)), es.Flatten()],
        [es.Maxout(2)],
        [es.Reshape((3, 2)), es.ReduceMax((1,))],
        [es.Branches([[even], [odd]], es.Maximum())],
        [es.MASO(A)],
        [es.Branches([[difference, es.ReLU()], [odd]], es.Add())],
    ]
    networks = [es.Network([first, *way, second, es.ReLU()], (2,)) for way in ways]
    same_function(networks[:-1], BOX, same_codes=True)
    same_function([networks[0], networks[-1]], BOX)


@pytest.mark.parametrize("seed", SEEDS)
def test_minimum_is_the_dual_of_maximum(seed):
    """min(a, b) = -max(-a, -b), the same codes; concave units in both."""
    rng = random.Random(100 + seed)
    a, b = dense(rng, 3, 2), dense(rng, 3, 2)
    minus, last = es.Elementwise(-1), [dense(rng, 3, 3), es.ReLU()]
    direct = es.Network([es.Branches([[a], [b]], es.Minimum()), *last], (2,))
    dual = es.Network([es.Branches([[a, minus], [b, minus]], es.Maximum()), minus, *last], (2,))
    same_function([direct, dual], es.WholeSpace(2), same_codes=True)
    stacked = es.Dense(np.stack([a.weight, b.weight], 1).reshape(6, 2),
                       np.stack([a.bias, b.bias], 1).reshape(6))  # fmt: skip
    reduced = es.Network([stacked, es.Reshape((3, 2)), es.ReduceMin((1,)), *last], (2,))
    same_function([direct, reduced], es.WholeSpace(2), same_codes=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_maso_is_its_maxima(seed):
    rng = random.Random(200 + seed)
    k, r = rng.randint(1, 3), rng.randint(2, 4)
    A, B, beta = integers(rng, k, r, 2), integers(rng, k, r), integers(rng, 2)
    rows = es.Dense(A.reshape(k * r, 2), B.reshape(k * r))
    last = [dense(rng, 3, k), es.Abs()]
    networks = [es.Network([*way, *last], (2,)) for way in ([es.MASO(A, B)], [rows, es.Maxout(r)])]
    same_function(networks, es.WholeSpace(2), same_codes=True)
    shared = [es.SimplifiedMASO(A, beta)], [es.Elementwise(1, beta), es.MASO(A)]
    networks = [es.Network([*way, *last], (2,)) for way in shared]
    same_function(networks, es.WholeSpace(2), same_codes=True)


MAXOUT_ROWS = [
    (np.ones((3, 1), dtype=int), [(0, 1), (2, 3), (4, 5)], 7),
    (np.array([[1, 0], [0, 1], [1, 1]]), [(0, 1), (0, 1), (Fraction(1, 2), Fraction(7, 4))], 19),
    (np.eye(3, dtype=int), [(0, 1)] * 3, 27),
]


@pytest.mark.parametrize("row", range(3))
def test_maxout_layers_that_attain_the_bound(row):
    """Units max(0, t - c1, 2t - c1 - c2) with t = <w, x>: sum_j C(m, j) (k-1)^j regions."""
    directions, ends, expected = MAXOUT_ROWS[row]
    m, n0 = len(ends), directions.shape[1]
    assert expected == sum(math.comb(m, j) * 2**j for j in range(n0 + 1))
    A = np.array([[r * w for r in range(3)] for w in directions], dtype=object)
    B = np.array([[0, -c, -c - d] for c, d in ends], dtype=object)
    rows = es.Dense(A.reshape(3 * m, n0), B.reshape(3 * m))
    splines = [es.ScalarSpline([c, d], [0, 1, 2]) for c, d in ends]
    each = es.Branches([[es.Select([i]), s] for i, s in enumerate(splines)], es.Concat())
    t = es.Dense(directions)
    pool = [es.Reshape((1, 3 * m)), es.MaxPool((3,))]
    for way in ([es.MASO(A, B)], [rows, es.Maxout(3)], [rows, *pool], [t, each]):
        assert es.count_regions(es.Network(way, (n0,))) == expected


# --- Activations -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_abs_is_two_relus(seed):
    rng = random.Random(300 + seed)
    first, last = dense(rng, 4, 2), [dense(rng, 3, 4), es.ReLU()]
    two = es.Branches([[es.ReLU()], [es.Elementwise(-1), es.ReLU()]], es.Add())
    absolute = es.Network([first, es.Abs(), *last], (2,))
    relus = es.Network([first, two, *last], (2,))
    x = np.array([[Fraction(rng.randint(-9, 9), 3) for _ in range(2)] for _ in range(50)])
    assert np.array_equal(absolute.forward(x), relus.forward(x))
    assert pieces(absolute, BOX) == pieces(relus, BOX)
    # |u| has two pieces as relu(u), relu(-u) have two codes; where u = 0 both have one
    same_function([absolute, relus], BOX)
    as_maximum = es.Branches([[es.Elementwise(-1)], []], es.Maximum())
    same_function([absolute, es.Network([first, as_maximum, *last], (2,))], BOX, same_codes=True)


@pytest.mark.parametrize("slope", [Fraction(1, 100), -1, -2, 2, Fraction(1, 3)])
def test_leaky_relu_has_the_regions_of_relu_in_one_layer(slope):
    rng = random.Random(str(slope))
    for _ in range(6):
        layer = dense(rng, 6, 3)
        relu, leaky, stored, convex = (
            es.Network([layer, op], (3,))
            for op in (es.ReLU(), es.LeakyReLU(slope), es.PReLU([slope]), es.MaxLeaky(slope))
        )
        assert codes(leaky, es.WholeSpace(3)) == codes(relu, es.WholeSpace(3))
        same_function([leaky, stored], es.WholeSpace(3), same_codes=True)
        assert es.count_regions(convex) == es.count_regions(relu)
        if slope <= 1:
            same_function([leaky, convex], es.WholeSpace(3), same_codes=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_names_of_one_spline(seed):
    """ReLU6, hard tanh, hard sigmoid, threshold, leaky ReLU as scalar splines."""
    rng = random.Random(400 + seed)
    first, last = dense(rng, 4, 2), [dense(rng, 2, 4), es.ReLU()]
    pairs = [
        (es.Clip(0, 6), es.ScalarSpline([0, 6], [0, 1, 0])),
        (es.Clip(-1, 1), es.ScalarSpline([-1, 1], [0, 1, 0])),
        (es.HardSigmoid(), es.ScalarSpline([-3, 3], [0, Fraction(1, 6), 0], [0, 0.5, 1])),
        (es.HardSigmoid(-1, 0), es.ScalarSpline([-1, 0], [0, -1, 0])),
        (es.Threshold(2, 2), es.ScalarSpline([2], [0, 1], [2, 0])),
        (es.LeakyReLU(3), es.ScalarSpline([0], [3, 1])),
        (es.MaxLeaky(3), es.ScalarSpline([0], [1, 3])),
        (es.Abs(), es.ScalarSpline([0], [-1, 1])),
        (es.ReLU(), es.Clip(0)),
    ]
    one, other = pairs[seed % len(pairs)]
    networks = [es.Network([first, op, *last], (2,)) for op in (one, other)]
    assert networks[0].program.sha256() == networks[1].program.sha256()
    same_function(networks, BOX, same_codes=True)
    relus = [[es.ReLU()], [es.Elementwise(1, -6), es.ReLU()]]
    six = es.Network([first, es.Clip(0, 6), *last], (2,))
    difference = es.Network([first, es.Branches(relus, es.Add([1, -1])), *last], (2,))
    same_function([six, difference], BOX)


# --- Affine operators ------------------------------------------------------------------------


def circulant(weight, size):
    """The theory's block-circulant matrix of a circular convolution, stride 1, written out."""
    n_out, n_in, *kernel = weight.shape
    places = list(itertools.product(*map(range, size)))
    number = {place: i for i, place in enumerate(places)}
    C = np.zeros((n_out * len(places), n_in * len(places)), dtype=int)
    for o, c, at in itertools.product(range(n_out), range(n_in), places):
        for k in itertools.product(*map(range, kernel)):
            both = zip(at, k, kernel, size, strict=True)
            source = tuple((a + b - m // 2) % s for a, b, m, s in both)
            C[o * len(places) + number[at], c * len(places) + number[source]] += weight[(o, c, *k)]
    return C


@pytest.mark.parametrize("seed", SEEDS)
def test_a_convolution_is_its_circulant_matrix(seed):
    rng = random.Random(500 + seed)
    size = rng.choice([(4,), (3,), (2, 2), (2, 3)])
    kernel = [rng.choice((1, 3)) if s > 2 else 3 for s in size]
    n_in, n_out = rng.choice([(1, 1), (1, 2), (2, 1)])
    weight, bias = integers(rng, n_out, n_in, *kernel), integers(rng, n_out)
    C = circulant(weight, size)
    block = C[: math.prod(size), : math.prod(size)]
    if len(size) == 1:  # every row is the one above, moved on by one
        assert all(np.array_equal(np.roll(block[i], 1), block[i + 1]) for i in range(size[0] - 1))
    into = [dense(rng, n_in * math.prod(size), 2), es.Reshape((n_in, *size))]
    conv = es.Conv(weight, bias, padding=[k // 2 for k in kernel], padding_mode="circular")
    as_matrix = [
        es.Flatten(), es.Dense(C, np.repeat(bias, math.prod(size))), es.Reshape((n_out, *size)),
    ]  # fmt: skip
    last = [es.ReLU(), es.ReduceSum()]
    networks = [es.Network([*into, *way, *last], (2,)) for way in ([conv], as_matrix)]
    same_function(networks, es.WholeSpace(2), same_codes=True)
    wrapped = es.Pad([k // 2 for k in kernel] * 2, mode="wrap"), es.Conv(weight, bias)
    same_function(
        [networks[0], es.Network([*into, *wrapped, *last], (2,))], es.WholeSpace(2), same_codes=True
    )


@pytest.mark.parametrize(
    "name", ["Conv", "ConvTranspose", "AveragePool", "SumPool", "Pad", "BatchNorm", "ReduceMean",
             "Transpose", "Select", "Expand", "Elementwise"],
)  # fmt: skip
def test_an_affine_operator_is_its_matrix(name):
    """Units behind it cannot tell it from Flatten, Dense, Reshape."""
    done = 0
    for seed in range(40):
        rng = random.Random(f"{name} {seed}")
        case = cases.CASES[name](rng)
        (shape,), op = case.shapes, case.operator
        if math.prod(shape) > 12 or math.prod(op.output_shape(shape)) > 8:
            continue
        into = [dense(rng, math.prod(shape), 2), es.Reshape(shape)]
        networks = [
            es.Network([*into, *way, es.ReLU()], (2,)) for way in ([op], as_dense(op, shape))
        ]
        same_function(networks, BOX, same_codes=True)
        done += 1
        if done == 6:
            break
    assert done == 6


@pytest.mark.parametrize("seed", SEEDS)
def test_a_transposed_convolution_is_the_transpose(seed):
    """Its matrix is the transpose of that of the convolution with the same kernel."""
    rng = random.Random(600 + seed)
    case = cases.conv_transpose(rng)
    op, (shape,) = case.operator, case.shapes
    out = op.output_shape(shape)
    conv = es.Conv(op.weight, stride=op.stride, padding=op.padding, dilation=op.dilation,
                   groups=op.groups)  # fmt: skip
    back = conv.output_shape(out)
    W, _ = matrix(conv, out)
    V, _ = matrix(op, shape)
    if back == shape:  # a large output padding makes room for more windows
        assert np.array_equal(W, V.T)
    else:
        rows = np.arange(math.prod(back)).reshape(back)[tuple(slice(n) for n in shape)]
        assert np.array_equal(W[rows.reshape(-1)], V.T)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_residual_block_is_its_unrolled_form(seed):
    """Entries that pass a PReLU with slope 1 are no units: the same codes."""
    rng = random.Random(700 + seed)
    n, width = 2, 3
    body, out, last = dense(rng, width, n), dense(rng, n, width), dense(rng, 3, n)
    project = dense(rng, n, n)
    for skip, S, s in (([], np.eye(n), np.zeros(n)), ([project], project.weight, project.bias)):
        block = es.Residual([body, es.ReLU(), out], skip)
        residual = es.Network([block, es.ReLU(), last, es.Abs()], (n,))
        both = es.Dense(np.concatenate([body.weight, S]), np.concatenate([body.bias, s]))
        join = es.Dense(np.concatenate([out.weight, np.eye(n)], 1), out.bias)
        slopes = [0] * width + [1] * n
        unrolled = es.Network([both, es.PReLU(slopes), join, es.ReLU(), last, es.Abs()], (n,))
        same_function([residual, unrolled], es.WholeSpace(n), same_codes=True)
        # carried by relu(x) - relu(-x) the function is the same, with more units
        three = es.Dense(np.concatenate([body.weight, S, -S]), np.concatenate([body.bias, s, -s]))
        join = es.Dense(np.concatenate([out.weight, np.eye(n), -np.eye(n)], 1), out.bias)
        split = es.Network([three, es.ReLU(), join, es.ReLU(), last, es.Abs()], (n,))
        assert pieces(split, BOX) == pieces(residual, BOX)
        assert es.count_regions(split, BOX) >= es.count_regions(residual, BOX)


@pytest.mark.parametrize("seed", SEEDS)
def test_batch_normalisation_is_its_fold(seed):
    """The scale is rounded by definition; from there on everything is exact."""
    rng = random.Random(800 + seed)
    first, last = dense(rng, 4, 2), [dense(rng, 3, 4), es.ReLU()]
    mean, beta, gamma = (integers(rng, 4) for _ in range(3))
    variance = integers(rng, 4, low=0, high=5)
    norm = es.BatchNorm(mean, variance, gamma, beta, epsilon=0.001)
    s = [Fraction(plain.nearest_scale(Fraction(int(g)), int(v) + Fraction(0.001)))
         for g, v in zip(gamma, variance, strict=True)]  # fmt: skip
    W = [[s[i] * int(w) for w in row] for i, row in enumerate(first.weight)]
    b = [s[i] * (int(first.bias[i]) - int(mean[i])) + int(beta[i]) for i in range(4)]
    networks = [
        es.Network([*way, es.ReLU(), *last], (2,)) for way in ([first, norm], [es.Dense(W, b)])
    ]
    same_function(networks, es.WholeSpace(2), same_codes=True)
    assert networks[0].rounded_scales == norm.rounded
    assert networks[1].rounded_scales == 0
    before = es.Network([norm_of(norm, 2), first, es.ReLU()], (2,))
    W = [[int(w) * s[j] for j, w in enumerate(row)] for row in first.weight]
    c = [int(beta[j]) - s[j] * int(mean[j]) for j in range(2)]
    b = [int(first.bias[i]) + sum(int(w) * c[j] for j, w in enumerate(row))
         for i, row in enumerate(first.weight)]  # fmt: skip
    same_function([before, es.Network([es.Dense(W, b), es.ReLU()], (2,))], BOX, same_codes=True)


def norm_of(norm, n):
    """The first n channels."""
    return es.BatchNorm(norm.mean[:n], norm.variance[:n], norm.gamma[:n], norm.beta[:n],
                        epsilon=norm.epsilon)  # fmt: skip


def test_moving_entries_changes_nothing():
    rng = random.Random(9)
    for _ in range(6):
        first, last = dense(rng, 6, 2), [dense(rng, 2, 6), es.ReLU()]
        there = [es.Reshape((2, 3)), es.Transpose((1, 0))]
        back = [es.Transpose((1, 0)), es.Flatten()]
        halves = es.Branches([[es.Select([0, 1, 2])], [es.Select([3, 4, 5])]], es.Concat())
        plain_one = es.Network([first, es.Abs(), *last], (2,))
        moved = es.Network([first, *there, *back, halves, es.Identity(), es.Abs(), *last], (2,))
        same_function([plain_one, moved], BOX, same_codes=True)
        assert moved.program.sha256() == plain_one.program.sha256()
        between = es.Network([first, *there, es.Abs(), *back, *last], (2,))
        same_function([plain_one, between], BOX)


# --- Ties ------------------------------------------------------------------------------------


def test_max_pooling_over_dead_units_splits_nothing():
    """Where all entries of a window are zero throughout, the lowest piece counts."""

    def regions(bias):
        pool = [es.Dense([[1], [1]], bias), es.ReLU(), es.Reshape((1, 2)), es.MaxPool((2,))]
        return codes(es.Network(pool, (1,)), es.WholeSpace(1))

    assert regions([-1, -2]) == [(0, 0, 0), (1, 0, 0), (1, 1, 0)]
    assert regions([-2, -1]) == [(0, 0, 0), (0, 1, 1), (1, 1, 1)]
    assert regions([-1, -1]) == [(0, 0, 0), (1, 1, 0)]  # equal on both sides


def test_windows_that_share_their_maximum_share_its_boundary():
    """Overlapping windows of equal entries: coincident boundaries are crossed together."""
    overlapping = [es.Dense([[1], [-1], [1], [-1]]), es.Reshape((1, 4)), es.MaxPool((2,), stride=1)]
    network = es.Network(overlapping, (1,))
    assert codes(network, es.WholeSpace(1)) == [(0, 1, 0), (1, 0, 1)]
    assert es.count_regions(network) == 2


def test_dead_channels_behind_a_convolution():
    """Zero kernels with a negative bias: units that are off everywhere, windows that tie."""
    weight = np.zeros((2, 1, 2, 2))
    weight[1] = [[1, -1], [0, 2]]
    layers = [es.Conv(weight, [-1, 0]), es.ReLU(), es.MaxPool((2, 2))]
    image = [es.Dense(np.arange(18).reshape(9, 2) % 5 - 2), es.Reshape((1, 3, 3))]
    dead, alive = (
        es.Network([*image, es.Conv(w, b), *layers[1:]], (2,))
        for w, b in ((weight, [-1, 0]), (weight[1:], [0]))
    )
    both = codes(dead, es.WholeSpace(2))
    assert all(code[:4] == (0, 0, 0, 0) and code[8] == 0 for code in both)
    assert [code[4:8] + code[9:] for code in both] == codes(alive, es.WholeSpace(2))
