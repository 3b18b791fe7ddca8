"""Checks 2, 3 and 9: operators and layers as MASOs, with numbers and with symbols."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import operator_cases as cases
import pytest
import theory_networks as toys
from marks import first_quick

import exactspline as es
from exactspline import theory
from exactspline.network.network import NetworkLayer
from exactspline.rationals import as_fractions
from exactspline.theory.operators import composition, operators, simplified, symbolic
from exactspline.theory.operators.matrices import theory_pieces
from exactspline.theory.operators.operators import check_operator

NEVER_CONVEX = {"Minimum", "ReduceMin"}
RARELY = {"Clip", "HardSigmoid", "ScalarSpline"}  # with luck


@pytest.mark.parametrize("name", first_quick(sorted(cases.CASES), 12))
def test_every_operator_is_its_maso_or_has_none(name):
    verdicts = set()
    for seed in range(4):
        case = cases.CASES[name](random.Random(f"theory {name} {seed}"))
        if sum(map(math.prod, case.shapes)) > 30:
            continue
        report = check_operator(case.operator, *case.shapes)
        verdicts.add(report.verdict)
        try:
            case.operator.as_maso(*case.shapes)
        except es.UnsupportedOperatorError:
            assert report.verdict == "not applicable", (seed, report)
            assert list(report.details["not applicable"]) == [case.operator.label]
        else:
            assert report.holds, (seed, report)
            assert report.details["points"] > 0
    assert "fails" not in verdicts
    assert name in NEVER_CONVEX | RARELY | cases.NOT_CONVEX or "holds" in verdicts


def test_operators_that_are_not_convex_are_named():
    net = es.Network([es.Dense([[1], [1]]), es.Clip(0, 1), es.Abs(), es.ReduceMin()], (1,))
    report = theory.check_operators(net)
    assert report.holds
    assert report.checked == 2
    assert report.details["operators whose A and B are the theory's"] == 2
    assert set(report.details["not applicable"]) == {"Clip", "ReduceMin"}
    none = theory.check_operators(es.Network([es.Clip(0, 1)], (1,)))
    assert none.verdict == "not applicable"
    assert theory.check_operators(es.Network([], (1,))).verdict == "not applicable"
    smooth = check_operator(es.Softplus(), (1,))
    assert smooth.verdict == "not applicable"


STATED = {
    "dense": (es.Dense([[1, 2], [3, "1/3"]], [5, 6]), (2, 2)),
    "convolution": (es.Conv([[[1, 2]], [[3, 4]]], [1, 0], stride=2, padding=1), (1, 4)),
    "circular": (es.Conv([[[1, 2, 3]]], padding=1, padding_mode="circular"), (1, 4)),
    "relu": (es.ReLU(), (3,)),
    "leaky": (es.LeakyReLU("1/3"), (2,)),
    "max leaky": (es.MaxLeaky(3), (2,)),
    "abs": (es.Abs(), (2,)),
    "max-pool": (es.MaxPool((3,), stride=2, padding=1), (2, 5)),
    "average": (es.AveragePool((2, 2), stride=1), (1, 3, 3)),
}


@pytest.mark.parametrize("name", STATED)
@pytest.mark.parametrize("side", ["A", "B", "the theory's A", "the theory's B", "values"])
def test_a_change_of_an_operators_spline_is_found(name, side, monkeypatch):
    op, shape = STATED[name]
    assert check_operator(op, shape).holds
    assert theory_pieces(op, shape) is not None
    maso = operators._as_maso
    if side in ("A", "B"):

        def changed(operator, shapes):
            found = maso(operator, shapes)
            if side == "A":
                return es.MASO(toys.tampered(found.A), found.B)
            return es.MASO(found.A, toys.tampered(found.B))

        monkeypatch.setattr(operators, "_as_maso", changed)
    elif side == "values":
        values = operators._values
        monkeypatch.setattr(operators, "_values", lambda *a: toys.tampered(values(*a)))
    else:
        stated = theory_pieces(op, shape)
        wrong = (
            (toys.tampered(stated[0]), stated[1])
            if side == "the theory's A"
            else (stated[0], toys.tampered(stated[1]))
        )
        monkeypatch.setattr(operators, "theory_pieces", lambda *_: wrong)
    report = check_operator(op, shape)
    assert report.verdict == "fails"
    assert report.counterexample["operator"] == op.label


@pytest.mark.parametrize("side", ["A", "B"])
def test_points_alone_find_a_wrong_spline(side, monkeypatch):
    """Where the theory states no matrices: every piece of every output is met."""
    op, shape = es.Maxout(3), (6,)
    right = op.as_maso(shape)
    monkeypatch.setattr(operators, "theory_pieces", lambda *_: None)
    for k, r in itertools.product(range(2), range(3)):
        A, B = right.A.copy(), right.B.copy()
        if side == "A":
            A[k, r, 3 * k + r] = 2
        else:
            B[k, r] = Fraction(1, 10**6)
        monkeypatch.setattr(operators, "_as_maso", lambda *_, a=A, b=B: es.MASO(a, b))
        assert check_operator(op, shape).verdict == "fails"


def test_points_span_every_region_of_an_output():
    A, B = np.array([[0, 0], [1, 2], [-1, 1]]), np.array([0, 1, 1])
    points = operators._spanning(as_fractions(A), as_fractions(B))
    pieces = [max(range(3), key=lambda r: A[r] @ np.array(x) + B[r]) for x in points]
    for r in range(3):
        own = np.array([x for x, piece in zip(points, pieces, strict=True) if piece == r], float)
        assert np.linalg.matrix_rank(own[1:] - own[0]) == 2


# --- Symbols ---------------------------------------------------------------------------------


def test_symbolic_operators_hold():
    report = theory.check_symbolic_operators()
    assert report.holds
    assert report.symbolic
    assert report.checked > 100


@pytest.mark.parametrize("kind", symbolic.CASES)
@pytest.mark.parametrize("side", ["values", "A", "B"])
def test_a_wrong_symbolic_formula_is_found(kind, side, monkeypatch):
    real = symbolic.CASES[kind]

    def changed():
        for case in real():
            A, B = case.pieces
            if side == "values":
                yield case._replace(values=toys.tampered(case.values, case.z[0]))
            elif side == "A":
                yield case._replace(pieces=(A * 2, B))
            else:
                yield case._replace(pieces=(A, B + 1))

    monkeypatch.setitem(symbolic.CASES, kind, changed)
    report = theory.check_symbolic_operators()
    assert report.verdict == "fails"
    assert report.counterexample["operator"] == kind


def test_a_wrong_kernel_order_is_found(monkeypatch):
    """Correlation, not convolution: a flipped kernel is another matrix."""
    real = symbolic.convolution_matrix
    monkeypatch.setattr(
        symbolic, "convolution_matrix", lambda w, *a, **k: real(w[..., ::-1], *a, **k)
    )
    assert theory.check_symbolic_operators().verdict == "fails"


def test_signs_that_are_not_known_are_not_guessed():
    x, y = symbolic.symbols_of("x", 2)
    with pytest.raises(es.UndecidedError, match="largest"):
        symbolic.largest([x, y])


# --- Composition -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_layers_are_compositions(seed):
    rng = random.Random(seed)
    net = toys.any_network(rng)
    report = theory.check_composition(net)
    assert report.verdict != "fails", report
    count = 0
    for layer in net.layers:
        if layer.in_order and not layer.is_affine:
            try:
                layer.as_maso()
            except es.UnsupportedOperatorError:
                continue
            count += 1
    assert report.checked == count
    assert report.holds == (count > 0)


LAYER = es.Network([es.Dense([[1, 2], [3, 5]], [7, 11]), es.Dense([[1, 1]]), es.Abs()], (2,))


@pytest.mark.parametrize("side", ["_by_formula", "_by_lowering"])
@pytest.mark.parametrize("what", [0, 1])
def test_a_change_of_either_side_of_a_composition_is_found(side, what, monkeypatch):
    assert theory.check_composition(LAYER).holds
    real = getattr(composition, side)

    def changed(layer):
        found = list(real(layer))
        found[what] = toys.tampered(found[what])
        return tuple(found)

    monkeypatch.setattr(composition, side, changed)
    report = theory.check_composition(LAYER)
    assert report.verdict == "fails"
    assert report.counterexample["output"] == 0


WRONG = {
    "no bias": lambda A, B, W, b: (A @ W, B),
    "the bias in every piece": lambda A, B, W, b: (A @ W, B + sum(b)),
    "no weight": lambda A, B, W, b: (A[:, :, : W.shape[1]], B + A @ b),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_formula_of_the_composition_is_found(name, monkeypatch):
    check = theory.check_function("symbolic composition")
    assert check().holds
    monkeypatch.setattr(composition, "after_affine", WRONG[name])
    report = check()
    assert report.verdict == "fails"
    assert report.symbolic


# --- Simplified MASOs ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_independent_filters_share_a_bias(seed):
    rng = random.Random(seed)
    n, d = rng.randint(1, 2), 3
    W, b = cases.array(rng, (n, d), "third"), cases.array(rng, (n,), "third")
    act = rng.choice((es.ReLU(), es.LeakyReLU("1/3"), es.Abs(), es.MaxLeaky(2)))
    net = es.Network([es.Dense(W, b), act], (d,))
    report = theory.check_simplified(net)
    rank = np.linalg.matrix_rank(W.astype(float))
    assert report.verdict == ("holds" if rank == n else "not applicable"), report
    maso = net.layers[0].as_maso()
    if simplified._shared_bias(maso).beta is None:
        assert rank < n
        with pytest.raises(es.UnsupportedOperatorError, match="no bias is shared"):
            theory.as_simplified_maso(maso)
        return
    simple = theory.as_simplified_maso(maso)
    x = cases.array(rng, (8, d), "third")
    assert simple.forward(x).tolist() == maso.forward(x).tolist()


def test_a_proof_that_no_bias_is_shared():
    parallel = es.ReLU().as_maso((2,)).after([[1], [1]], [0, -1])
    found = simplified._shared_bias(parallel)
    assert found.beta is None
    y, rows = found.multipliers, found.rows
    A, B = parallel.A.astype(object), parallel.B.astype(object)
    total = sum(m * np.append(A[k, r], B[k, r]) for m, (k, r) in zip(y, rows, strict=True))
    assert total.tolist() == [0, 1]
    net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    report = theory.check_simplified(net)
    assert report.verdict == "not applicable"
    (text,) = report.details["other layers"].values()
    assert text.startswith("no simplified MASO")
    # a piece that is nowhere the largest must not count
    below = es.MASO([[[1], [0], [1]]], [[0, 0, -5]])
    assert theory.as_simplified_maso(below).evaluate([3]).tolist() == [3]


@pytest.mark.parametrize("side", ["_solved", "as_maso", "symbols", "example"])
def test_a_change_of_the_shared_bias_is_found(side, monkeypatch):
    net = es.Network([es.Dense([[1, 2], [0, 1]], [1, 3]), es.Abs()], (2,))
    check = theory.check_function("symbolic simplified MASO")
    assert theory.check_simplified(net).holds
    if side == "_solved":
        solved = simplified._solved
        monkeypatch.setattr(simplified, "_solved", lambda W, b: toys.tampered(solved(W, b)))
        report = theory.check_simplified(net)
    elif side == "as_maso":
        maso = NetworkLayer.as_maso
        monkeypatch.setattr(
            NetworkLayer, "as_maso",
            lambda layer: es.MASO(maso(layer).A, toys.tampered(maso(layer).B)),
        )  # fmt: skip
        report = theory.check_simplified(net)
    elif side == "symbols":
        bias = simplified.symbolic_bias
        monkeypatch.setattr(simplified, "symbolic_bias", lambda W, b: toys.tampered(bias(W, b)))
        report = check()
    else:
        shared = simplified._Shared(np.array([Fraction(1)]), [], None)
        monkeypatch.setattr(simplified, "_shared_bias", lambda maso: shared)
        report = check()
    assert report.verdict == "fails"
    assert report.counterexample
