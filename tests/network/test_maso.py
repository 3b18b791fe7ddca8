"""Every operator as a max-affine spline operator (MASO) or an affine one (ASO)."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import operator_cases as cases
import pytest
from marks import first_quick
from plain import Grid
from program_at import program_at

import exactspline as es
from exactspline.network import OPERATORS
from exactspline.rationals import as_fractions

CONCAVE_OR_NEITHER = {"Minimum", "ReduceMin"}
SOMETIMES = {"LeakyReLU", "PReLU", "ScalarSpline", "Clip", "HardSigmoid"}


def drawn(name, seed):
    rng = random.Random(f"{name} {seed}")
    return rng, cases.CASES[name](rng)


def exact_points(rng, dim, many=5):
    """Exact points, many of them ties."""
    draw = rng.choice((lambda: Fraction(rng.randint(-2, 2)), lambda: Fraction(rng.gauss(0, 1))))
    out = np.empty((many, dim), dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = draw()
    return out


def is_convex(network, rng):
    """Whether every output is convex, as far as midpoints of many random pairs can tell."""

    def draw():
        return [Fraction(rng.randint(-24, 24), 4) for _ in range(network.input_dim)]

    for _ in range(60):
        x, y = draw(), draw()
        middle = [(a + b) / 2 for a, b in zip(x, y, strict=True)]
        at = network.forward([x, y, middle], exact=True).reshape(3, -1)
        if any(2 * m > a + b for a, b, m in zip(*at.tolist(), strict=True)):
            return False
    return True


@pytest.mark.parametrize("name", first_quick(sorted(cases.CASES), 4))
def test_splines_of_every_operator(name):
    """The ASO's value and code, and the MASO's value where there is one, at exact points."""
    convex = 0
    for seed in range(12):
        rng, case = drawn(name, 5000 + seed)
        op, context = case.operator, f"{name} {seed}: {case.operator.fields}, {case.shapes}"
        if sum(map(math.prod, case.shapes)) > 60:
            continue
        network = cases.as_network(op, case.shapes)
        x = exact_points(rng, network.input_dim)
        values = network.forward(x).reshape(len(x), -1)
        if len(network.program.layers) > 1:  # comparisons of comparisons
            assert name == "Sort"
            with pytest.raises(es.UnsupportedOperatorError, match="composition"):
                op.as_aso(*case.shapes)
            continue
        aso = op.as_aso(*case.shapes)
        assert aso.A.shape == (network.output_dim, aso.pieces.max(), network.input_dim), context
        assert aso.B.shape == aso.A.shape[:2]
        for row, point in zip(values, x, strict=True):
            assert aso(point).tolist() == row.tolist(), context
            code = aso.code(point)
            assert code.shape == aso.pieces.shape
            assert np.all(code < aso.pieces)
            units = program_at(network.program, point)[0]
            taken = code[aso.pieces > 1].tolist()
            if len(taken) > len(units):  # a unit that several outputs read
                assert set(taken) == set(units), context
            else:
                assert sorted(taken) == sorted(units), context
        try:
            maso = op.as_maso(*case.shapes)
        except es.UnsupportedOperatorError:
            assert name in CONCAVE_OR_NEITHER | SOMETIMES | cases.NOT_CONVEX, context
            assert not is_convex(network, rng), context
            continue
        convex += 1
        assert is_convex(network, rng), context
        assert maso.forward(x).tolist() == values.tolist(), context
        alone = es.Network([maso], (network.input_dim,))
        for row, point in zip(values, x, strict=True):
            assert program_at(alone.program, point)[1] == row.tolist()
            # the lowest of the largest pieces, in the program as in the operator
            assert maso.code(point[None]).tolist() == [aso.code(point).tolist()], context
    assert convex > 0 or name in cases.NOT_CONVEX  # a minimum of one entry is convex too


def test_outputs_that_read_one_unit():
    """The smallest entry twice, and an output that reads none."""
    spline = es.Sort([0, 0], axis=0).as_aso((3,))
    for x in ([2, 1, 3], [1, 2, 3], [3, 2, 1], [1, 1, 2]):
        least = x.index(min(x))
        assert spline.code(x).tolist() == [least, least]
        assert spline(x).tolist() == [min(x)] * 2


# --- The theory's matrices -------------------------------------------------------------------


def unit(*at, n):
    return [float(i in at) for i in range(n)]


def test_activations_have_two_pieces():
    e = np.eye(3)
    expected = {
        es.ReLU(): (0 * e, e), es.Abs(): (-e, e), es.MaxLeaky(Fraction(1, 4)): (e / 4, e),
        es.MaxLeaky(3): (e, 3 * e), es.LeakyReLU(-1): (-e, e),
    }  # fmt: skip
    for op, (low, high) in expected.items():
        maso = op.as_maso((3,))
        assert maso.A.tolist() == np.stack([low, high], 1).tolist(), op
        assert maso.B.tolist() == [[0, 0]] * 3
    threshold = es.Threshold(2, 2).as_maso((1,))
    assert (threshold.A.tolist(), threshold.B.tolist()) == ([[[0], [1]]], [[2, 0]])


def test_affine_operators_have_one_piece():
    rng = random.Random(1)
    dense = cases.dense(rng)
    for op in (es.Dense([[1, 2], [3, 4]], [5, 6]),):
        maso = op.as_maso((2,))
        assert maso.A.tolist() == [[[1, 2]], [[3, 4]]]
        assert maso.B.tolist() == [[5], [6]]
    assert dense.operator.as_maso(*dense.shapes).A.shape[1] == 1
    pool = es.AveragePool((2,)).as_maso((1, 4))
    assert pool.A.tolist() == [[[0.5, 0.5, 0, 0]], [[0, 0, 0.5, 0.5]]]
    conv = es.Conv([[[1, 2]]], [3], padding=(0, 1), padding_mode="circular").as_maso((1, 3))
    assert conv.A[:, 0].tolist() == [[1, 2, 0], [0, 1, 2], [2, 0, 1]]  # circulant
    assert conv.B.tolist() == [[3]] * 3
    norm = es.BatchNorm([1], [3], [2], [5], epsilon=1).as_maso((1,))
    assert (norm.A.tolist(), norm.B.tolist()) == ([[[1]]], [[4]])


def test_a_max_pool_has_its_window():
    """Unequal windows repeat their last piece; a window of one entry is that entry."""
    maso = es.MaxPool((2,)).as_maso((1, 4))
    assert maso.A.tolist() == [[unit(0, n=4), unit(1, n=4)], [unit(2, n=4), unit(3, n=4)]]
    padded = es.MaxPool((3,), stride=2, padding=1).as_maso((1, 5))
    a, b, c, d, e = (unit(i, n=5) for i in range(5))
    assert padded.A.tolist() == [[a, b, b], [b, c, d], [d, e, e]]
    assert padded.B.tolist() == [[0] * 3] * 3
    ceil = es.MaxPool((2,), ceil_mode=True).as_maso((1, 3))
    assert ceil.A.tolist() == [[unit(0, n=3), unit(1, n=3)], [unit(2, n=3)] * 2]
    assert es.MaxPool((2,), ceil_mode=True).as_aso((1, 3)).pieces.tolist() == [2, 1]


def test_a_prelu_with_slope_one_has_one_piece_there():
    aso = es.PReLU([1, 0.5]).as_aso((2,))
    assert aso.pieces.tolist() == [1, 2]
    assert aso.A.tolist() == [[[1, 0], [1, 0]], [[0, 0.5], [0, 1]]]
    assert aso.code([-1, -1]).tolist() == [0, 0]
    assert aso.code([1, 1]).tolist() == [0, 1]
    assert aso([-2, -2]).tolist() == [-2, -1]


def test_a_composition_with_an_affine_operator_is_the_theorys():
    """A_kr = W^T A_s,kr and B_kr = B_s,kr + <b, A_s,kr>."""
    rng = random.Random(2)
    W, b = cases.array(rng, (4, 3), "third"), cases.array(rng, (4,), "float")
    for op in (es.ReLU(), es.Maxout(2), es.ReduceMax()):
        spline = op.as_maso((4,))
        slopes = as_fractions(spline.A)
        A = np.einsum("krj,jd->krd", slopes, W)
        B = as_fractions(spline.B) + np.einsum("krj,j->kr", slopes, b)
        x = exact_points(rng, 3)
        expected = es.Network([es.Dense(W, b), op, es.Reshape((-1,))], (3,)).forward(x)
        assert es.MASO(A, B).forward(x).tolist() == expected.tolist()


def test_inputs_of_several_tensors_are_taken_one_after_the_other():
    maso = es.Maximum().as_maso((2,), (2,))
    assert maso.A.tolist() == [[unit(0, n=4), unit(2, n=4)], [unit(1, n=4), unit(3, n=4)]]
    added = es.Add([1, -1]).as_maso((2,), (1,))
    assert added.A.tolist() == [[[1, 0, -1]], [[0, 1, -1]]]


# --- What is no MASO -------------------------------------------------------------------------

NOT_CONVEX = [
    (es.Minimum(), [(2,), (2,)], 2), (es.ReduceMin(), [(3,)], 3), (es.Clip(-1, 1), [(2,)], 3),
    (es.Clip(None, 0), [(1,)], 2), (es.HardSigmoid(), [(1,)], 3), (es.LeakyReLU(2), [(2,)], 2),
    (es.PReLU([0, 2]), [(2,)], 2),
    (es.ScalarSpline([0, 1, 2], [0, 1, -1, 0], [0, 0, 2, 0]), [(1,)], 4),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(NOT_CONVEX)))
def test_what_is_not_convex_has_an_aso_only(case):
    op, shapes, most = NOT_CONVEX[case]
    with pytest.raises(es.UnsupportedOperatorError, match=rf"{op.kind}: .*not convex.*as_aso"):
        op.as_maso(*shapes)
    aso = op.as_aso(*shapes)
    assert aso.pieces.max() == most
    rng = random.Random(case)
    network = cases.as_network(op, shapes)
    for point in exact_points(rng, network.input_dim, 20):
        assert aso(point).tolist() == network.forward(point).reshape(-1).tolist()


def test_smooth_operators_have_neither():
    smooth = [op for op in OPERATORS if op.smooth]
    assert es.Sigmoid in smooth
    for op in smooth:
        for method in ("as_maso", "as_aso"):
            with pytest.raises(es.UnsupportedOperatorError, match="not piecewise affine"):
                getattr(op(), method)((3,))


def test_wrong_shapes_and_points():
    with pytest.raises(es.ShapeError):
        es.Dense([[1, 2]]).as_maso((3,))
    with pytest.raises(es.ShapeError):
        es.MaxPool((3,)).as_aso((1, 2))
    aso = es.ReLU().as_aso((2,))
    for point in ([1], [1, 2, 3]):
        with pytest.raises(es.ShapeError, match="2 numbers"):
            aso(point)
        with pytest.raises(es.ShapeError, match="2 numbers"):
            aso.code(point)
    with pytest.raises(es.ParameterError):
        aso([float("nan"), 0])


def test_a_maso_tells_its_pieces():
    """Codes are the lowest pieces; simplified MASOs are MASOs with B = <A, beta>."""
    maso = es.MASO([[[1], [1], [-1]]], [[0, 0, 2]])
    x = np.array([[Fraction(0)], [Fraction(1)], [Fraction(3)]], dtype=object)
    assert maso.code(x).tolist() == [[2], [0], [0]]
    simple = es.SimplifiedMASO([[[1, 2], [0, 1]]], [Fraction(1, 3), 1])
    assert simple.B.tolist() == [[Fraction(7, 3), 1]]
    assert simple.parameters == 6
    grid = Grid.of([Fraction(1), Fraction(2)])
    assert simple.forward(np.array([grid.flat], dtype=object)).tolist() == [[Fraction(22, 3)]]
