"""Every check refuses a twin of its statement that is wrong in one place."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import theory_networks as toys
from theory_twins import CNN, DENSE, RES, TWINS

import exactspline as es
from exactspline import theory
from exactspline.network.graph import blocks
from exactspline.theory.operators import written

F = Fraction


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
