"""Every check refuses a twin of its statement that is wrong in one place."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy
import theory_networks as toys

import exactspline as es
from exactspline import theory
from exactspline.network.graph import blocks
from exactspline.theory.counting.counts import Bound
from exactspline.theory.geometry.power import PowerDiagram
from exactspline.theory.operators import composition, written
from exactspline.theory.structure import formulas

F = Fraction
DENSE = es.Network(
    [es.Dense([[1, "1/3"], [2, -1]], ["1/2", 1]), es.Abs(), es.Dense([[1, -3], [2, 1]], ["1/3", 1]),
     es.ReLU(), es.Dense([[3, "-2/7"]], [1])], (2,),
)  # fmt: skip
CNN = es.Network(
    [es.Conv([[[1, "-1/2"]], [["1/3", 1]]], ["1/7", "1/2"]), es.LeakyReLU("1/10"), es.MaxPool((2,)),
     es.Flatten(), es.Dense([[1, -1], ["1/2", "2/3"]], ["2/3", "-1/4"]), es.Clip(-1, 2)], (1, 3),
)  # fmt: skip
RES = es.Network(
    [es.Residual([es.Dense([[1, "1/2"], [-1, "1/3"]], ["1/2", "1/9"]), es.ReLU()]),
     es.Residual([es.Dense([["1/3", -1], [1, 1]], ["1/8", 0]), es.Clip(-1, 2)],
                 [es.Dense([[1, "1/4"], ["1/2", 1]], [3, "1/6"])]), es.Dense([[1, -1]])], (2,),
)  # fmt: skip


def no_bias(A, B, W, b):
    return composition.formula(A, B, W, 0 * b)


def bias_by_weights(A, B, W, b):
    slopes, offsets = composition.formula(A, B, W, b)
    return slopes, offsets + b[0]


def transposed(A, B, W, b):
    return composition.formula(A, B, W.T if W.shape[0] == W.shape[1] else W[::-1], b)


def reversed_order(D, d, W, b):
    return formulas.products(D[::-1], d[::-1], W, b)


def own_term_only(D, d, W, b):
    """Every bias counts as if no later level changed it."""
    slopes, _ = formulas.products(D, d, W, b)
    if any(len(v) != W.shape[1] for v in d):
        return slopes, b
    return slopes, b + sum((written._applied(W, v) for v in d), 0 * b)


def no_last_bias(D, d, W, b):
    return formulas.products(D, d, W, 0 * b)


def zero_radii(layer):
    right = theory.layer_power_diagram(DENSE, layer)
    return {layer: PowerDiagram(right.centroids, tuple(0 * r for r in right.radii))}


def flipped_codes():
    X = np.array([[0.5, 2.0], [3.0, -1.0]])
    codes = theory.vq_codes(DENSE, X)
    return {"X": X, "codes": 1 - codes}


TWINS = {
    "composition, no bias": lambda: theory.check_composition(DENSE, formula=no_bias),
    "composition, bias added": lambda: theory.check_composition(DENSE, formula=bias_by_weights),
    "composition, W for W^T": lambda: theory.check_composition(DENSE, formula=transposed),
    "CNN, products the other way": lambda: theory.check_cnn_formula(DENSE, formula=reversed_order),
    "CNN, biases past later levels": lambda: theory.check_cnn_formula(CNN, formula=own_term_only),
    "CNN, no b_W": lambda: theory.check_cnn_formula(DENSE, formula=no_last_bias),
    "ResNet, the other way": lambda: theory.check_resnet_formula(RES, formula=reversed_order),
    "ResNet, biases": lambda: theory.check_resnet_formula(RES, formula=own_term_only),
    "power diagram, radii 0": lambda: theory.check_power_diagram(DENSE, diagrams=zero_radii(1)),
    "power diagram, deep radii 0": lambda: theory.check_power_diagram(
        DENSE, diagrams=zero_radii(2)
    ),
    "whole partition, even weights": lambda: theory.check_whole_partition(
        theory.toy_networks()["dense abs"], weights=[F(1, 1000), 1]
    ),
    "layers together, one that is right": lambda: theory.check_layers_together(
        es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU(), es.Dense([[1, 1]]), es.ReLU()], (1,))
    ),
    "equal cuts, other breakpoint": lambda: theory.check_cut_alike(
        DENSE, activations=[es.Threshold(1, 1)]
    ),
    "reflection, constant forgotten": lambda: theory.check_reflection(
        DENSE, reflection=lambda x, n, c: [-v for v in x]
    ),
    "counts, a bound too small": lambda: theory.check_counts(
        DENSE, against=[Bound("mine", "upper", 3, "", "")]
    ),
    "Lipschitz, too small": lambda: theory.check_lipschitz(DENSE, at_most={"inf": 1}),
    "Lipschitz, another": lambda: theory.check_lipschitz(DENSE, constant={"1": 10**6}),
    "hard to soft, even selection": lambda: theory.check_hard_to_soft(
        selection=lambda z, b: [sympy.Rational(1, len(z))] * len(z)
    ),
    "VQ, other codes": lambda: theory.check_vq(DENSE, **flipped_codes()),
    "convexity, a concave output": lambda: theory.check_convexity(
        es.Network([es.Abs(), es.Dense([[-1]])], (1,))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_is_refused(name):
    report = TWINS[name]()
    assert report.verdict == "fails"
    assert report.reason
    assert report.counterexample


def test_what_the_twins_are_of_holds():
    for net, checks in (
        (DENSE, ("composition", "CNN_formula", "power_diagram", "whole_partition", "cut_alike",
                 "reflection", "counts", "lipschitz", "vq")),
        (CNN, ("cnn_formula",)), (RES, ("resnet_formula",)),
    ):  # fmt: skip
        omega = es.enumerate_regions(net)
        for name in checks:
            assert getattr(theory, f"check_{name.lower()}")(omega).holds, name


# --- What is written down ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
def test_what_is_written_down_is_the_operator(seed):
    """Matrices, pieces and selections against the forward, which knows nothing of them."""
    rng = random.Random(f"written {seed}")
    net = toys.any_network(rng)
    x = np.array([F(rng.randint(-40, 40), 7) for _ in range(net.input_dim)], dtype=object)
    values = [x]
    for node in net.nodes:
        shapes = [net.input_shape if i < 0 else net.nodes[i].shape for i in node.inputs]
        z = np.concatenate([values[i + 1] for i in node.inputs])
        A, B = written.selected(node.operator, shapes, z)
        value = written._applied(A, z) + B
        parts = [values[i + 1].reshape(1, *s) for i, s in zip(node.inputs, shapes, strict=True)]
        assert np.asarray(node.operator.forward(*parts)).reshape(-1).tolist() == value.tolist()
        pieces = written.pieces_written(node.operator, shapes)
        if pieces is not None and not isinstance(node.operator, (es.Clip, es.HardSigmoid)):
            slopes, offsets = pieces
            all_values = [[s @ z + c for s, c in zip(*unit, strict=True)]
                          for unit in zip(slopes, offsets, strict=True)]  # fmt: skip
            assert all(v in own for v, own in zip(value, all_values, strict=True))
        values.append(value)


EXTRA = [
    (es.Dense([[1, 2], [3, 4], [5, 6]], [1, 2, 3], axis=0), (2, 3)),
    (es.Conv([[[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]]], [1, 2, 3, 4], groups=2), (2, 4)),
    (es.Conv([[[[1, 2], [3, 4]]]], [1], stride=(2, 1), padding=(1, 0, 0, 1)), (1, 3, 3)),
    (es.Conv([[[1, 2, 3]]], padding=1, padding_mode="circular"), (1, 4)),
    (es.BatchNorm([1, 2], [3, 8], [2, 5], [7, 9], epsilon=1), (2, 2)),
    (es.Elementwise([[2], [3]], [1, 2, 3]), (2, 3)),
    (es.AveragePool((2, 2), stride=1), (2, 3, 3)),
    (es.SumPool((2,)), (2, 4)),
    (es.ReduceMean((1,)), (2, 3)),
    (es.ReduceSum(), (2, 3)),
    (es.Transpose((1, 0)), (2, 3)),
    (es.Pad((1, 0), value=5), (3,)),
]


@pytest.mark.parametrize(("op", "shape"), EXTRA, ids=lambda v: getattr(v, "kind", None))
def test_affine_operators_are_written_down(op, shape):
    A, B = written.affine_written(op, [shape])
    rng = random.Random(str(op.fields))
    x = np.array([F(rng.randint(-9, 9), 3) for _ in range(A.shape[1])], dtype=object)
    value = np.asarray(op.forward(x.reshape(1, *shape))).reshape(-1)
    assert (written._applied(A, x) + B).tolist() == value.tolist()


def test_blocks_and_sums_are_written_down():
    x = np.array([F(1, 3), F(-2)], dtype=object)
    sums = es.Residual([es.Dense([[1, 2], [3, 4]], [5, 6])], [es.Dense([[0, 1], [1, 0]])])
    joined = es.Branches([[], [es.Dense([[2, 0], [0, 2]])]], es.Concat())
    net = es.Network([sums, joined], (2,))
    assert len(blocks(net.nodes)) == 2
    A, B = written.affine_nodes(net.nodes, net.input_shape)[-1]
    value = net.forward(x[None], exact=True).reshape(-1)
    assert (written._applied(A, x) + B).tolist() == value.tolist()
    bent = es.Network([es.ReLU(), es.Dense([[1, 1]])], (2,))
    assert written.affine_nodes(bent.nodes, (2,)) == [None, None]


def test_what_is_not_written_down_is_said(monkeypatch):
    net = es.Network([es.Dense([[1, 2], [3, 4]]), es.Sort()], (2,))
    assert theory.check_cnn_formula(net).verdict == "not applicable"
    with pytest.raises(es.UnsupportedOperatorError, match="not written down"):
        written.selected(es.Sort(), [(2,)], np.array([F(1), F(2)], dtype=object))
    monkeypatch.setattr(written, "_MOST_ENTRIES", 3)
    with pytest.raises(es.LimitError, match="too large to be written out"):
        theory.check_composition(DENSE)


def test_reports_of_several_notes_keep_them():
    report = theory.check_counts(DENSE)
    assert replace(report, notes=("a", "b")).text().count("note: ") == 2
