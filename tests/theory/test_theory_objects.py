"""The objects of the theory: MASOs and their compositions, layers, affine splines, reports."""

from __future__ import annotations

import json
import random
from fractions import Fraction

import numpy as np
import operator_cases as cases
import pytest
import theory_networks as toys

import exactspline as es
from exactspline import theory
from exactspline.theory.chapters import exports
from exactspline.theory.report import Report


def points(rng, dim, many=6):
    return [[Fraction(rng.randint(-9, 9), rng.choice((1, 2, 3))) for _ in range(dim)]
            for _ in range(many)]  # fmt: skip


def maso(rng):
    k, r, d = rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 3)
    style = rng.choice(("integer", "third", "float"))
    return es.MASO(cases.array(rng, (k, r, d), style), cases.array(rng, (k, r), style))


@pytest.mark.parametrize("seed", range(40))
def test_a_maso_selects_and_composes(seed):
    rng = random.Random(seed)
    one = maso(rng)
    k, r, d = one.A.shape
    W, b = cases.array(rng, (d, 2), "third"), cases.array(rng, (d,), "third")
    V, c = abs(cases.array(rng, (2, k), "integer")), cases.array(rng, (2,), "third")
    before, behind = one.after(W, b), one.then(V, c)
    for x in points(rng, d):
        value = one.evaluate(x)
        assert value.tolist() == one.forward(np.array([x], dtype=object))[0].tolist()
        Q = one.vq_matrix(x)
        assert Q.shape == (k, r)
        assert Q.sum(axis=1).tolist() == [1] * k
        pieces = one.pieces(np.array([x], dtype=object))[0]
        assert (Q * pieces).sum(axis=1).tolist() == value.tolist()
        A, B = one.active(x)
        assert (A @ np.array(x, dtype=object) + B).tolist() == value.tolist()
        assert behind.evaluate(x).tolist() == (V @ value + c).tolist()
    for x in points(rng, 2):
        inner = W @ np.array(x, dtype=object) + b
        assert before.evaluate(x).tolist() == one.evaluate(inner.tolist()).tolist()


def test_what_lies_behind_a_maso_must_not_be_negative():
    absolute = es.Abs().as_maso((2,))
    with pytest.raises(es.UnsupportedOperatorError, match="negative weight -1 in row 0"):
        absolute.then([[1, -1]])
    affine = es.Dense([[1, 2]], [3]).as_maso((2,))
    assert affine.then([[-2]]).evaluate([1, 1]).tolist() == [-12]
    with pytest.raises(es.LimitError, match="pieces"):
        es.Abs().as_maso((20,)).then([[1] * 20])
    with pytest.raises(es.ShapeError, match=r"give \(2, any\)"):
        absolute.after([[1, 2, 3]])
    with pytest.raises(es.ShapeError, match=r"give \(any, 2\)"):
        absolute.then([[1, 2, 3]])
    with pytest.raises(es.ShapeError, match="bias"):
        absolute.after([[1], [2]], [1])
    with pytest.raises(es.ShapeError, match="give 2 numbers"):
        absolute.evaluate([1, 2, 3])
    with pytest.raises(es.ParameterError, match="finite"):
        absolute.evaluate([1, float("nan")])


def test_a_maso_has_a_partition_and_a_power_diagram():
    one = es.ReLU().as_maso((2,)).after([[1, 2], [1, -1]], [1, 0])
    omega = one.partition()
    assert len(omega) == 4
    assert len(one.partition(es.Box([5, 0], [6, 1]))) == 1
    diagram = one.power_diagram()
    for region in omega:
        assert (
            diagram.assign(region.point).tolist()
            == one.code(np.array([region.point], dtype=object))[0].tolist()
        )


# --- Layers ----------------------------------------------------------------------------------


def test_layers_have_one_nonlinear_operator_at_their_end():
    net = es.Network(
        [
            es.Conv([[[1, 1]]]), es.BatchNorm([0], [1]), es.ReLU(), es.MaxPool((2,)),
            es.Flatten(), es.Dense([[1]]), es.PReLU([1]), es.Abs(), es.Dense([[2]]), es.Identity(),
        ],
        (1, 3),
    )  # fmt: skip
    kinds = [[op.kind for op in layer.operators] for layer in net.layers]
    assert kinds == [
        ["Conv", "BatchNorm", "ReLU"], ["MaxPool"], ["Flatten", "Dense", "PReLU", "Abs"],
        ["Dense", "Identity"],
    ]  # fmt: skip
    assert [len(layer.nonlinear) for layer in net.layers] == [1, 1, 1, 0]  # slope 1 is affine
    assert net.layers[-1].is_affine
    assert [layer.index for layer in net.layers] == [1, 2, 3, 4]
    assert es.Network([], (2,)).layers == ()


def test_a_block_that_cannot_be_cut_is_one_layer():
    block = es.Residual([es.Dense([[2]], [1]), es.ReLU()])
    two = es.Residual([es.ReLU(), es.Dense([[2]]), es.Abs()])
    net = es.Network([es.Dense([[1]]), block, two, es.Dense([[3]])], (1,))
    first, second, last = net.layers
    assert [op.kind for op in first.operators] == ["Dense", "Dense", "ReLU", "Add"]
    assert not first.is_chain
    assert first.as_maso().A.tolist() == [[[1], [3]]]
    assert first.as_maso().B.tolist() == [[0, 1]]
    assert [op.kind for op in second.nonlinear] == ["ReLU", "Abs"]
    with pytest.raises(es.UnsupportedOperatorError, match="more than one layer"):
        second.as_maso()
    with pytest.raises(es.UnsupportedOperatorError, match="is no chain"):
        first.affine()
    assert last.as_maso().A.tolist() == [[[3]]]
    # a negative factor turns convex into concave
    minus = es.Network([es.Branches([[], [es.ReLU()]], es.Add([1, -1]))], (1,)).layers[0]
    with pytest.raises(es.UnsupportedOperatorError, match="not convex with its factor"):
        minus.as_maso()
    turned = es.Network([es.Branches([[], [es.ReduceMin()]], es.Add([0, -1]))], (2,)).layers[0]
    assert turned.as_maso().evaluate([3, 5]).tolist() == [-3, -3]


@pytest.mark.parametrize("seed", range(40))
def test_layers_one_after_the_other_are_the_network(seed):
    rng = random.Random(seed)
    net = toys.any_network(rng)
    x = np.array(points(rng, net.input_dim), dtype=object)
    z = x
    for layer in net.layers:
        before = z
        z = layer.network.forward(z, exact=True).reshape(len(x), -1)
        try:
            spline = layer.as_maso()
        except es.UnsupportedOperatorError:
            continue
        assert spline.forward(before).tolist() == z.tolist()
    assert z.tolist() == net.forward(x, exact=True).reshape(len(x), -1).tolist()


# --- The general spline ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_an_affine_spline_is_the_network(seed):
    rng = random.Random(seed)
    net = toys.any_network(rng)
    omega = es.enumerate_regions(net, es.Box([-3] * net.input_dim, [3] * net.input_dim))
    spline = theory.AffineSpline(omega)
    assert spline.alpha.shape == (len(omega), net.output_dim, net.input_dim)
    assert spline.beta.shape == (len(omega), net.output_dim)
    for _ in range(5):  # ties are the rule
        x = [Fraction(rng.randint(-3, 3)) for _ in range(net.input_dim)]
        assert spline(x).tolist() == net.forward([x], exact=True).reshape(-1).tolist()
        assert np.flatnonzero(spline.vq_matrix(x)).tolist() == [spline.code(x)]
    with pytest.raises(es.DomainError, match="outside"):
        spline([4] * net.input_dim)
    with pytest.raises(es.ShapeError, match="does not fit"):
        spline([0] * (net.input_dim + 1))


def test_an_affine_spline_needs_all_regions():
    net = es.Network([es.Dense([[1], [2]], [0, 1]), es.ReLU()], (1,))
    with pytest.raises(es.ParameterError, match="stopped"):
        theory.AffineSpline(es.enumerate_regions(net, limit=1))


# --- Reports ---------------------------------------------------------------------------------


def test_a_report_says_what_it_stands_on():
    report = Report(
        "sum", "1 + 1 = 3", "nobody", "fails", checked=2, unit="sums", routes=("left", "right"),
        counterexample={"x": [Fraction(1, 3)], "value": np.array([Fraction(2)], dtype=object)},
        details={"half": Fraction(1, 2), "nested": {"a": (1, 2)}, "nan": float("inf")},
        reason="it is 2",
    )  # fmt: skip
    assert not report
    assert not report.holds
    value = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert value["counterexample"] == {"x": ["1/3"], "value": ["2"]}
    assert value["details"] == {"half": "1/2", "nested": {"a": [1, 2]}, "nan": "inf"}
    text = str(report)
    for part in ("sum: fails (exact, 2 sums)", "why: it is 2", "x: (1/3)", "left", "right"):
        assert part in text
    symbolic = Report("s", "", "", "holds", symbolic=True, checked=1)
    assert "symbolic" in str(symbolic)
    assert bool(symbolic)


def test_a_report_cannot_hold_for_nothing():
    with pytest.raises(es.ParameterError, match="nothing was checked"):
        Report("empty", "", "", "holds")
    with pytest.raises(es.ParameterError, match="verdict 'perhaps'"):
        Report("odd", "", "", "perhaps", checked=1)


def test_every_name_of_the_room_is_there():
    for name in dir(theory):
        if name in exports():
            assert getattr(theory, name).__name__ == name
    assert set(exports()) <= set(dir(theory))
    assert len(exports()) >= 48
    for name, check in theory.CHECKS.items():
        assert callable(theory.check_function(name)), name
        assert 1 <= check.number <= 20
    with pytest.raises(AttributeError, match="nonsense"):
        _ = theory.nonsense
    assert {c.number for c in theory.CHECKS.values()} == set(range(1, 21))
