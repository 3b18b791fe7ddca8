"""Every operator and option: forward, the program and the stored fields against plain loops."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import operator_cases as cases
import plain
import pytest
from marks import first_quick
from plain import Grid
from program_at import program_at

import exactspline as es
from exactspline.cells.point import code_at
from exactspline.network import OPERATORS

SEEDS = 40
SMOOTH = {op.__name__ for op in OPERATORS if op.smooth}


def drawn(name, seed):
    rng = random.Random(f"{name} {seed}")
    return rng, cases.CASES[name](rng)


def test_every_operator_has_cases():
    assert {op.__name__ for op in OPERATORS} - SMOOTH == set(cases.CASES)


@pytest.mark.parametrize("name", first_quick(sorted(cases.CASES), 12))
def test_exact_values(name):
    """Forward in Fractions, the compiled program and the plain loops agree exactly."""
    for seed in range(SEEDS):
        rng, case = drawn(name, seed)
        op, context = case.operator, f"{name} {seed}: {case.operator.fields}, {case.shapes}"
        batches = cases.points(rng, case.shapes)
        network = cases.as_network(op, case.shapes)
        out = op.forward(*batches)
        assert out.dtype == object, context
        assert out.shape == (3, *op.output_shape(*case.shapes)), context
        for i in range(3):
            xs = [x[i] for x in batches]
            expected = case.plain(*[Grid(x.shape, lambda *at, x=x: x[at]) for x in xs])
            assert out[i, ...].shape == expected.shape, context
            assert out[i, ...].reshape(-1).tolist() == expected.flat, context
            flat = [v for x in xs for v in x.reshape(-1).tolist()]
            assert network.forward(flat, exact=True).reshape(-1).tolist() == expected.flat
            code, value, agree = program_at(network.program, flat)
            assert value == expected.flat, context
            assert agree, context  # pieces that tie give the same value
            assert code_at(network.program, flat)[0].tolist() == code, context


@pytest.mark.parametrize("name", first_quick(sorted(cases.CASES), 12))
def test_float_values(name):
    """Forward in float64 is the exact value up to rounding, and what torch computes."""
    import torch

    with_torch = 0
    for seed in range(SEEDS):
        rng, case = drawn(name, 1000 + seed)
        context = f"{name} {seed}: {case.operator.fields}, {case.shapes}"
        batches = [x.astype(np.float64) for x in cases.points(rng, case.shapes)]
        out = case.operator.forward(*batches)
        assert out.dtype == np.float64, context
        exact = case.operator.forward(*[_fractions(x) for x in batches]).astype(np.float64)
        size = max(1.0, float(np.abs(exact).max()))
        assert np.abs(out - exact).max() <= 1e-12 * size, context
        if case.torch is not None:
            with_torch += 1
            theirs = case.torch(*map(torch.tensor, batches)).numpy()
            assert theirs.shape == out.shape, context
            assert np.abs(out - theirs).max() <= 1e-12 * size, context
    without = {"Expand", "ScalarSpline"}  # torch has no such function
    assert (with_torch == 0) == (name in without)


def _fractions(x):
    out = np.empty(x.shape, dtype=object)
    for index in np.ndindex(*x.shape):
        out[index] = Fraction(float(x[index]))
    return out


@pytest.mark.parametrize("name", sorted(cases.CASES))
def test_fields_are_the_whole_operator(name):
    for seed in range(8):
        _, case = drawn(name, 2000 + seed)
        copy = type(case.operator)(**case.operator.fields, name="copy")
        assert copy.name == copy.label == "copy"
        assert copy.describe() == case.operator.describe()
        one, other = (cases.as_network(op, case.shapes) for op in (copy, case.operator))
        assert one.program.sha256() == other.program.sha256()
        assert one.parameters == other.parameters


@pytest.mark.parametrize("name", sorted(cases.CASES))
def test_a_batch_may_be_empty_or_strided(name):
    rng, case = drawn(name, 3000)
    shape = case.operator.output_shape(*case.shapes)
    empty = case.operator.forward(*[np.zeros((0, *s)) for s in case.shapes])
    assert empty.shape == (0, *shape)
    batches = [x.astype(np.float64) for x in cases.points(rng, case.shapes)]
    doubled = [np.repeat(x, 2, axis=0)[::2] for x in batches]
    turned = [np.asfortranarray(x) for x in batches]
    expected = case.operator.forward(*batches)
    assert np.array_equal(case.operator.forward(*doubled), expected)
    assert np.allclose(case.operator.forward(*turned), expected, rtol=1e-13, atol=1e-13)


# --- Batch normalisation's scale -------------------------------------------------------------


def test_scales_are_correctly_rounded():
    """Against a bisection over all floats: random, exact, halfway, tiny and huge ones."""
    rng = random.Random(7)
    pairs = [(Fraction(rng.gauss(0, 1)), Fraction(rng.random() + 1e-9)) for _ in range(300)]
    pairs += [
        (Fraction(rng.randint(-9, 9), 3), Fraction(rng.randint(1, 50), 7)) for _ in range(100)
    ]
    pairs += [(Fraction(10) ** rng.randint(-330, 300), Fraction(10) ** -6) for _ in range(100)]
    half = Fraction(1) + Fraction(1, 2**53)  # between 1 and the next float
    for tie in (half, 3 * half, half + Fraction(1, 2**52), 5 * Fraction(1, 2**1075)):
        tiny = tie / 2**200
        pairs += [(tie, Fraction(1)), (-tie, Fraction(1)), (tie + tiny, Fraction(1)),
                  (tie - tiny, Fraction(1)), (1 / tie, 1 / tie**4)]  # fmt: skip
    rounded = 0
    for gamma, variance in pairs:
        op = es.BatchNorm([0], [variance], [gamma], epsilon=0)
        expected = Fraction(plain.nearest_scale(gamma, variance))
        if gamma and not expected:  # too small for a float64: 53 bits all the same
            (expected,) = op.scale.tolist()
            assert abs(expected) > 0
            assert expected.numerator.bit_length() <= 53
            around = [abs(expected) * (1 + k * Fraction(1, 2**53)) for k in (-1, 1)]
            assert around[0] ** 2 < gamma**2 / variance < around[1] ** 2
            assert (expected > 0) == (gamma > 0)
        assert op.scale.tolist() == [expected]
        assert op.rounded == (expected**2 != gamma**2 / variance)
        rounded += op.rounded
    assert 300 < rounded < len(pairs)


def test_rounded_scales_are_counted():
    op = es.BatchNorm([0, 0, 0], [3, 2, 8], [1, 1, 0], epsilon=1)
    assert (op.rounded, op.scale[0]) == (1, 0.5)  # 1/2 is exact, 1/sqrt(3) is not, 0 is
    assert es.Network([op, es.ReLU(), op], (3,)).rounded_scales == 2


# --- What is refused -------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")

PARAMETERS = [
    (lambda: es.Dense([1, 2]), es.ShapeError, "matrix"),
    (lambda: es.Dense([[1, 2]], [1, 2]), es.ShapeError, r"needs \(1,\)"),
    (lambda: es.Dense([[NAN]]), es.ParameterError, "nan"),
    (lambda: es.Dense([["x"]]), es.ParameterError, "not a finite number"),
    (lambda: es.Dense([[1, 2], [3]]), es.ParameterError, "array"),
    (lambda: es.Dense(np.zeros((0, 3))), es.ShapeError, "matrix"),
    (lambda: es.Dense(np.zeros((3, 0))), es.ShapeError, "matrix"),
    (lambda: es.Dense([[1]], axis=0.5), es.ParameterError, "axis"),
    (lambda: es.Elementwise(INF), es.ParameterError, "inf"),
    (lambda: es.Add([]), es.ShapeError, "one coefficient"),
    (lambda: es.Add([[1, 2]]), es.ShapeError, "one coefficient"),
    (lambda: es.BatchNorm([0], [-1], epsilon=1), es.ParameterError, "channel 0 is 0; it must be"),
    (lambda: es.BatchNorm([0], [-(10**400)]), es.ParameterError, "channel 0"),
    (lambda: es.BatchNorm([0, 1], [1]), es.ShapeError, "variance has shape"),
    (lambda: es.BatchNorm(0, 1), es.ShapeError, "one number for each"),
    (lambda: es.BatchNorm([0], [1], [Fraction(10) ** 400]), es.ParameterError, "channel 0"),
    (lambda: es.BatchNorm([NAN], [1]), es.ParameterError, "nan"),
    (lambda: es.Conv(np.ones((2, 2))), es.ShapeError, "spatial axis"),
    (lambda: es.Conv(np.ones((2, 2, 0))), es.ShapeError, "empty"),
    (lambda: es.Conv(np.ones((3, 2, 3)), groups=2), es.ShapeError, "3 output channels .* 2 groups"),
    (lambda: es.Conv(np.ones((3, 2, 3)), [1]), es.ShapeError, r"needs \(3,\)"),
    (lambda: es.Conv(np.ones((1, 1, 3)), padding=-1), es.ParameterError, "padding.*at least 0"),
    (lambda: es.Conv(np.ones((1, 1, 3)), padding=(0, -1)), es.ParameterError, "at least 0"),
    (lambda: es.Conv(np.ones((1, 1, 3)), padding=(1, 1, 1)), es.ShapeError, "3 entries"),
    (lambda: es.Conv(np.ones((1, 1, 3)), padding=None), es.ParameterError, "padding"),
    (lambda: es.Conv(np.ones((1, 1, 3)), padding="same"), es.ParameterError, "padding"),
    (lambda: es.Conv(np.ones((1, 1, 3)), stride=0), es.ParameterError, "stride.*at least 1"),
    (lambda: es.Conv(np.ones((1, 1, 3)), dilation=1.5), es.ParameterError, "dilation"),
    (lambda: es.Conv(np.ones((1, 1, 3)), groups=0), es.ParameterError, "groups.*at least 1"),
    (lambda: es.Conv(np.ones((1, 1, 3)), groups=True), es.ParameterError, "groups"),
    (lambda: es.Conv(np.ones((1, 1, 3)), padding_mode="reflect"), es.ParameterError, "Pad"),
    (lambda: es.ConvTranspose(np.ones((3, 1, 2)), groups=2), es.ShapeError, "3 input channels"),
    (
        lambda: es.ConvTranspose(np.ones((1, 1, 2)), output_padding=-1),
        es.ParameterError,
        "output_p",
    ),
    (lambda: es.MaxPool(2), es.ShapeError, "kernel.*one size a spatial axis"),
    (lambda: es.MaxPool(()), es.ShapeError, "no axes"),
    (lambda: es.MaxPool((0,)), es.ParameterError, "kernel.*at least 1"),
    (lambda: es.MaxPool((2,), stride=(1, 1)), es.ShapeError, "stride"),
    (lambda: es.MaxPool((2,), padding=-1), es.ParameterError, "at least 0"),
    (lambda: es.AveragePool((2,), divisor=1.5), es.ParameterError, "divisor"),
    (lambda: es.ReduceMax((0.5,)), es.ParameterError, "axes"),
    (lambda: es.ReduceMax(None), es.ParameterError, "axes"),
    (lambda: es.Clip(2, 1), es.ParameterError, "low 2 is above high 1"),
    (lambda: es.Clip(10**400, -(10**400)), es.ParameterError, "low .* is above high"),
    (lambda: es.Clip(NAN, 1), es.ParameterError, "nan"),
    (lambda: es.LeakyReLU(INF), es.ParameterError, "inf"),
    (lambda: es.PReLU([NAN]), es.ParameterError, "nan"),
    (lambda: es.Threshold(1, 3), es.UnsupportedOperatorError, "jumps at 1 by -2"),
    (
        lambda: es.ScalarSpline([0, 1], [0, 1, 0], [0, 0, Fraction(1, 3)]),
        es.UnsupportedOperatorError,
        "jumps at 1 by -2/3",
    ),
    (lambda: es.ScalarSpline([1, 1], [0, 1, 0]), es.ParameterError, "1, 1 do not increase"),
    (lambda: es.ScalarSpline([0], [1]), es.ShapeError, "1 slopes do not fit 1 breakpoints"),
    (lambda: es.ScalarSpline([0], [1, 2], [0]), es.ShapeError, "1 offsets"),
    (lambda: es.ScalarSpline([], [NAN]), es.ParameterError, "nan"),
    (lambda: es.Maxout(0), es.ParameterError, "rank.*at least 1"),
    (lambda: es.Maxout(2, axis=None), es.ParameterError, "axis"),
    (lambda: es.MASO([[1, 2]]), es.ShapeError, r"give \(outputs, pieces, inputs\)"),
    (lambda: es.MASO(np.zeros((1, 0, 2))), es.ShapeError, "outputs, pieces, inputs"),
    (lambda: es.MASO([[[1]]], [1]), es.ShapeError, r"needs \(1, 1\)"),
    (lambda: es.SimplifiedMASO([[[1]]], [1, 2]), es.ShapeError, "do not fit"),
    (lambda: es.SimplifiedMASO(np.zeros((1, 1, 0)), []), es.ShapeError, "inputs"),
    (lambda: es.Reshape((-1, -1)), es.ShapeError, "at most one -1"),
    (lambda: es.Reshape((2.5,)), es.ParameterError, "shape"),
    (lambda: es.Select([]), es.ShapeError, "at least one"),
    (lambda: es.Select([0], axis=0.5), es.ParameterError, "axis"),
    (lambda: es.Pad((1,)), es.ShapeError, "two for each axis"),
    (lambda: es.Pad((1, 1), mode="mirror"), es.ParameterError, "mirror"),
    (lambda: es.Pad((1, 1), value=NAN), es.ParameterError, "nan"),
    (lambda: es.Expand((0,)), es.ParameterError, "at least 1"),
    (lambda: es.Concat("x"), es.ParameterError, "axis"),
    (lambda: es.Softmax(0.5), es.ParameterError, "axis"),
    (lambda: es.Softplus(0), es.ParameterError, "positive"),
    (lambda: es.Softplus(-(10**400)), es.ParameterError, "positive"),
    (lambda: es.GELU("fast"), es.ParameterError, "none or tanh"),
    (lambda: es.ELU(NAN), es.ParameterError, "nan"),
]

SHAPES = [
    (es.Dense([[1, 2]]), [(3,)], "length 2"),
    (es.Dense([[1, 2]], axis=1), [(2,)], "axis 1"),
    (es.Dense([[1]]), [()], "axis -1"),
    (es.Elementwise([1, 2]), [(3,)], "do not broadcast"),
    (es.Add(), [(2,), (3,)], "do not broadcast"),
    (es.Add([1]), [(2,), (2,)], "1 coefficients do not fit 2 inputs"),
    (es.BatchNorm([0], [1]), [(2, 3)], "1 channels do not fit axis 0"),
    (es.BatchNorm([0], [1], axis=2), [(1, 3)], "axis 2"),
    (es.Conv(np.ones((1, 2, 3))), [(1, 5)], "2 channels"),
    (es.Conv(np.ones((1, 1, 3))), [(1, 5, 5)], "1 spatial axis"),
    (es.Conv(np.ones((1, 1, 3))), [(1, 2)], "window of 3 .* larger than axis 0"),
    (es.Conv(np.ones((1, 1, 2)), dilation=10**30), [(1, 2)], "larger than axis 0"),
    (es.Conv(np.ones((1, 1, 3)), padding=3, padding_mode="circular"), [(1, 2)], "more than once"),
    (es.Conv(np.ones((2, 1, 1)), groups=2), [(3, 5)], "2 channels"),
    (es.ConvTranspose(np.ones((2, 1, 3))), [(1, 4)], "2 channels"),
    (es.ConvTranspose(np.ones((1, 1, 1)), padding=1), [(1, 2)], "leaves nothing"),
    (es.MaxPool((2, 2)), [(1, 4)], "2 spatial axes"),
    (es.MaxPool((3,)), [(1, 2)], "window of 3 .* larger than axis 0"),
    (es.MaxPool((4,), stride=2, ceil_mode=True), [(1, 2)], "larger than axis 0"),
    (es.MaxPool((2,), padding=2), [(1, 4)], "no maximum"),
    (es.MaxPool((2,), dilation=4, padding=2), [(1, 1)], "no maximum"),
    (es.MaxPool((1,), padding=(0, 3)), [(1, 4)], "no maximum"),
    (es.AveragePool((2,), padding=2, count_include_pad=False), [(1, 4)], "no average"),
    (es.ReduceMax((1,)), [(2,)], "do not fit"),
    (es.ReduceMax((0, -1)), [(2,)], "do not fit"),
    (es.PReLU([1, 2]), [(3,)], "do not broadcast"),
    (es.PReLU([[1], [2]]), [(3,)], "do not broadcast"),
    (es.Maxout(2), [(3,)], "no multiple of the rank 2"),
    (es.Maxout(2, axis=1), [(2,)], "axis 1"),
    (es.Maximum(), [(2,), (3,)], "do not broadcast"),
    (es.MASO([[[1, 2]]]), [(3,)], "needs 2 inputs"),
    (es.Reshape((2, 2)), [(3,)], "no shape"),
    (es.Reshape((2, -1)), [(3,)], "no shape"),
    (es.Reshape((0, -1)), [(3,)], "no shape"),
    (es.Transpose((0, 0)), [(2, 3)], "no order"),
    (es.Transpose((0,)), [(2, 3)], "no order"),
    (es.Transpose((0, 10**30)), [(2, 3)], "no order"),
    (es.Select([2]), [(2,)], "index 2 does not fit"),
    (es.Select([0], axis=1), [(2,)], "no axis 1"),
    (es.Pad((0, 0, 0, 0)), [(2,)], "pads for 2 axes"),
    (es.Pad((-1, -1)), [(2,)], "leave nothing"),
    (es.Pad((-2, 3), mode="edge"), [(2,)], "leave nothing"),
    (es.Pad((2, 0), mode="reflect"), [(2,)], "too large"),
    (es.Pad((-1, 2), mode="reflect"), [(3,)], "too large"),
    (es.Pad((3, 0), mode="wrap"), [(2,)], "too large"),
    (es.Expand((2,)), [(3,)], "does not broadcast"),
    (es.Concat(), [(2, 2), (2, 3)], "cannot be joined"),
    (es.Concat(2), [(2, 2), (2, 2)], "cannot be joined"),
    (es.Softmax(1), [(2,)], "no axis 1"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(PARAMETERS)))
def test_wrong_parameters_are_one_clear_error(case):
    make, error, words = PARAMETERS[case]
    with pytest.raises(error, match=words) as caught:
        make()
    assert type(caught.value) is error
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("case", range(len(SHAPES)))
def test_wrong_shapes_are_one_clear_error(case):
    """From the operator itself, and from a network with the operator's place and name."""
    operator, shapes, words = SHAPES[case]
    with pytest.raises(es.ShapeError, match=words) as caught:
        operator.output_shape(*shapes)
    assert len(str(caught.value)) < 400
    if len(shapes) == 1:
        with pytest.raises(es.ShapeError, match=rf"operator 1 \({operator.kind}\): .*{words}"):
            es.Network([es.Identity(), operator], shapes[0])


def test_a_name_is_used_in_messages():
    with pytest.raises(es.ParameterError, match="weight of first"):
        es.Dense([[NAN]], name="first")
    with pytest.raises(es.ShapeError, match=r"operator 0 'pool' \(MaxPool\)"):
        es.Network([es.MaxPool((3,), name="pool")], (1, 2))


def test_numbers_beyond_float64():
    """They are kept exactly; a forward in float64 says so and never uses 0 or infinity."""
    huge, tiny = Fraction(10) ** 400, Fraction(1, 10**400)
    for op in (
        es.Dense([[huge]]), es.LeakyReLU(huge), es.MaxLeaky(huge), es.PReLU(huge),
        es.HardSigmoid(tiny, huge), es.HardSigmoid(huge), es.ScalarSpline([huge], [1, 0]),
        es.Threshold(huge, huge), es.Pad((1, 1), value=huge), es.Elementwise(huge), es.Clip(huge),
        es.Clip(None, huge), es.Add([huge]),
    ):  # fmt: skip
        x = np.array([[Fraction(-1)]], dtype=object)
        network = es.Network([op], (1,))
        assert network.forward(x).reshape(-1).tolist() == program_at(network.program, x[0])[1]
        assert repr(op).startswith("<")  # its description has room for any number
        with pytest.raises(es.ParameterError, match=r"beyond .*float64.*exact=True"):
            op.forward(np.array([[-1.0]]))
    assert es.Clip(-tiny, tiny).forward(np.array([[2.0]])).tolist() == [[0.0]]  # the nearest one


# --- Names of units --------------------------------------------------------------------------


def names(network):
    return [str(network.unit_name(k)) for k in range(network.units)]


def test_units_of_an_image_are_named_by_channel_and_place():
    conv = es.Conv(np.ones((2, 1, 2, 2)), name="conv1")
    network = es.Network([conv, es.ReLU(), es.MaxPool((1, 2), stride=1)], (1, 3, 4))
    expected = [f"ReLU[{c}, {i}, {j}]" for c in range(2) for i in range(2) for j in range(3)]
    expected += [f"MaxPool[{c}, {i}, {j}]" for c in range(2) for i in range(2) for j in range(2)]
    assert names(network) == expected
    assert network.unit_name(13) == ("MaxPool", (0, 0, 1))


def test_operators_of_one_kind_are_told_apart():
    network = es.Network([es.ReLU(), es.Dense([[1], [2]]), es.ReLU(), es.Abs(name="last")], (1,))
    assert names(network) == ["ReLU.0[0]", "ReLU.2[0]", "ReLU.2[1]", "last[0]", "last[1]"]


def test_names_where_some_entries_are_no_units():
    """A slope of 1 is the identity; a window of one entry is no maximum."""
    slopes = np.array([[1, 2], [3, 1]])
    network = es.Network([es.PReLU(slopes, name="p"), es.Abs(name="a")], (2, 2))
    assert names(network) == [
        "p[0, 1]", "p[1, 0]", "a[0, 0]", "a[0, 1]", "a[1, 0]", "a[1, 1]",
    ]  # fmt: skip
    assert [u.pieces.tolist() for u in (layer.units for layer in network.program.layers)] == [
        [2, 2], [2, 2, 2, 2],
    ]  # fmt: skip
    pool = es.Network([es.MaxPool((2,), ceil_mode=True, name="m")], (2, 3))
    assert names(pool) == ["m[0, 0]", "m[1, 0]"]
    assert pool.forward([[1.0, 2, 3], [4, 6, 5]]).tolist() == [[2, 3], [6, 5]]


def test_a_unit_of_a_whole_reduction_has_no_index():
    network = es.Network([es.ReduceMax(name="top"), es.Reshape((1,)), es.ReLU()], (3,))
    assert network.unit_name(0) == ("top", ())
    assert names(network) == ["top[]", "ReLU[0]"]
    with pytest.raises(es.ParameterError, match="unit 2 is none of the 2 units"):
        network.unit_name(2)


def test_units_of_branches_stand_in_the_order_of_the_network():
    branches = es.Branches(
        [[es.ReLU(name="left"), es.Abs(name="deeper")], [es.Abs(name="right")]], es.Concat()
    )
    network = es.Network([branches], (1,))
    assert names(network) == ["left[0]", "right[0]", "deeper[0]"]


# --- Pieces ----------------------------------------------------------------------------------


def test_pieces_of_a_max_pool_are_its_window_in_order():
    """Also where padding comes first; of equal entries the first one counts."""
    pool = es.MaxPool((3,), stride=2, padding=1)
    network = es.Network([pool], (1, 5))
    assert network.program.layers[0].units.pieces.tolist() == [2, 3, 2]

    def code(*x):
        return program_at(network.program, [Fraction(v) for v in x])[0]

    assert code(1, 2, 0, 0, 1) == [1, 0, 1]
    assert code(2, 1, 3, 0, 0) == [0, 1, 0]
    assert code(0, 0, 0, 0, 0) == [0, 0, 0]
    assert code(1, 1, 1, 2, 2) == [0, 2, 0]


def test_equal_neighbours_of_a_spline_are_one_piece():
    spline = es.ScalarSpline([0, 1, 2, 3], [1, 1, 2, 2, 0])
    units = es.Network([spline], (1,)).program.layers[0].units
    assert units.pieces.tolist() == [3]
    assert units.piece_shift.tolist() == [-1, -3, 0]
    hat = es.ScalarSpline([0, 1, 2], [0, 1, -1, 0], [0, 0, 2, 0])  # its ends do not touch
    assert es.Network([hat], (1,)).program.layers[0].units.pieces.tolist() == [4]
    for op in (es.LeakyReLU(1), es.MaxLeaky(1), es.PReLU([1]), es.ScalarSpline([5], [3, 3]),
               es.Clip(), es.Clip(2, 2), es.HardSigmoid(0), es.Maxout(1), es.MaxPool((1,)),
               es.ReduceMax((1,))):  # fmt: skip
        assert es.Network([op], (1, 1)).units == 0, op


# --- Lowering --------------------------------------------------------------------------------


def test_a_convolution_stays_sparse():
    """Coefficients of the members: what the kernel has, never a dense matrix of the image."""
    weight = np.ones((8, 4, 3, 3))
    network = es.Network([es.Conv(weight, padding=1), es.ReLU()], (4, 16, 16))
    inside = (3 * 16 - 2) ** 2  # window entries in the image on both axes
    assert len(network.program.layers[0].members.data) == 8 * 4 * inside


def test_a_zero_weight_is_no_coefficient():
    weight = np.zeros((1, 1, 3))
    weight[0, 0, 1] = 2
    members = es.Network([es.Conv(weight), es.ReLU()], (1, 5)).program.layers[0].members
    assert members.data.tolist() == [2, 2, 2]


@pytest.mark.parametrize("seed", range(30))
def test_chains_of_operators(seed):
    """Random chains of everything that fits: forward, plain loops and program agree."""
    rng = random.Random(f"chain {seed}")
    shape: tuple[int, ...] = (2, 4)
    input_shape, chosen, plains = shape, [], []
    while len(chosen) < 6:
        case = cases.CASES[rng.choice(sorted(cases.CASES))](rng)
        if len(case.shapes) > 1:
            continue
        try:
            after = case.operator.output_shape(shape)
            case.operator.forward(np.zeros((1, *shape)))
        except es.ShapeError:
            continue
        if math.prod(after) <= 60:
            chosen.append(case.operator)
            plains.append(case.plain)
            shape = after
    nodes = [(op, [i - 1]) for i, op in enumerate(chosen)]  # joins of one value are among them
    network = es.Network.from_nodes(nodes, input_shape)
    for x in cases.points(rng, [input_shape])[0]:
        grid = Grid(x.shape, lambda *at, x=x: x[at])
        for function in plains:
            grid = function(grid)
        assert network.forward(x).reshape(-1).tolist() == grid.flat, chosen
        assert program_at(network.program, x.reshape(-1).tolist())[1] == grid.flat, chosen


# --- Sizes and kinds of numbers --------------------------------------------------------------


def test_fractions_of_machine_integers_are_exact():
    """Fraction(numpy.int64(3)) computes in 64 bits until it is taken apart."""
    big = Fraction(np.int64(2**62 + 1))
    op = es.Dense(np.array([[big, big]], dtype=object))
    x = np.array([[big, big]], dtype=object)
    assert es.Network([op], (2,)).forward(x).tolist() == [[2 * (2**62 + 1) ** 2]]
    assert es.LeakyReLU(big).forward(np.array([[Fraction(-4)]])).tolist() == [[-4 * (2**62 + 1)]]


def test_large_batches_are_unfolded_in_parts(monkeypatch):
    from exactspline.network import convolution

    rng = np.random.default_rng(0)
    conv = es.Conv(rng.standard_normal((4, 2, 3, 3)), stride=2, padding=1, groups=2)
    x = rng.standard_normal((7, 4, 5, 5))
    expected = conv.forward(x)
    for most in (1, 500, 1000):
        monkeypatch.setattr(convolution, "_COLUMNS", most)
        assert np.allclose(conv.forward(x), expected, rtol=1e-13, atol=1e-13)


def test_shapes_take_no_memory():
    """A size can be refused before anything of that size is made."""
    huge = 10**12
    assert es.Conv([[[1]]], padding=huge).output_shape((1, 3)) == (1, 2 * huge + 3)
    assert es.Expand((huge, 3)).output_shape((3,)) == (huge, 3)
    assert es.Pad((huge, 0)).output_shape((3,)) == (huge + 3,)
    assert es.AveragePool((1,), padding=huge).output_shape((1, 3)) == (1, 2 * huge + 3)
    assert es.ReduceMax((0,)).output_shape((huge, huge)) == (huge,)
    assert es.MaxPool((huge,), padding=huge // 2).output_shape((1, 3)) == (1, 1)
    for pool in (es.MaxPool((2,), padding=huge), es.MaxPool((2,), dilation=huge, padding=huge - 9)):
        with pytest.raises(es.ShapeError, match="no maximum"):
            pool.output_shape((1, 3))
