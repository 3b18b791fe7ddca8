"""Inputs and outputs of ONNX models: several of them, by name, with and without a batch axis."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_models import agree, floats, make_model, node, save, session_of

import exactspline as es
from exactspline.errors import FormatError, ParameterError, UnsupportedOperatorError


def with_inputs(model, **shapes):
    """A model with further inputs."""
    for name, shape in shapes.items():
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    return model


def test_several_inputs_stand_one_after_the_other(tmp_path):
    nodes = [
        node("MatMul", "x w", "a"), node("Relu", "z", "r"), node("Flatten", "r", "b"),
        node("Add", "a b", "c"), node("Mul", "c s"),
    ]  # fmt: skip
    model = make_model(nodes, {"w": floats(3, 4), "s": np.float32(2)}, (1, 3))
    path = save(with_inputs(model, z=("N", 2, 2), t=(4,)), tmp_path)
    net = es.load(path)
    assert net.input_shape == (11,)
    assert net.inputs == {"x": slice(0, 3), "z": slice(3, 7), "t": slice(7, 11)}
    v = np.float64(floats(11))
    feed = {"x": v[None, :3], "z": v[3:7].reshape(1, 2, 2), "t": v[7:]}
    (wanted,) = session_of(path).run(None, {k: np.float32(a) for k, a in feed.items()})
    assert np.allclose(net.forward(v), wanted[0], rtol=1e-5, atol=1e-5)
    low, high = np.full(11, -1), np.full(11, 1)
    low[net.inputs["t"]] = high[net.inputs["t"]] = 0
    assert es.count_regions(net, es.Box(low, high)) == 16  # the ReLUs of z alone
    assert es.load(save(make_model([node("Relu", "x")]), tmp_path)).inputs == {}


def test_an_output_is_chosen_by_its_name(tmp_path):
    nodes = [node("Relu", "x", "a"), node("Abs", "x", "b"), node("Exp", "x", "e")]
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in "abe"]
    path = save(make_model(nodes, outputs=outputs), tmp_path)
    assert [op.kind for op in es.load(path, output="b").operators] == ["Abs"]
    assert [op.kind for op in es.load(path, output="a").operators] == ["ReLU"]
    with pytest.raises(
        FormatError, match=r"3 outputs, 'a', 'b', 'e', of which several .*output=\"a\""
    ):
        es.load(path)
    assert [op.kind for op in es.load(path, output=1).operators] == ["Abs"]
    assert [op.kind for op in es.load(path, output="1").operators] == ["Abs"]
    for wrong in ("c", 3, -1, "9" * 20):
        with pytest.raises(FormatError, match=rf"no output '?{wrong}'?; it has 'a', 'b', 'e'"):
            es.load(path, output=wrong)
    for wrong in (1.0, True, ["a"]):
        with pytest.raises(ParameterError, match=r"output=.*: give the name of an output"):
            es.load(path, output=wrong)
    with pytest.raises(UnsupportedOperatorError, match="Exp_e"):
        es.load(path, output="e")


def test_options_of_other_files(tmp_path):
    path = tmp_path / "net.json"
    es.Network([es.ReLU()], (2,)).save(path)
    assert es.load(path, output=None, batch=True).operators[0].kind == "ReLU"
    with pytest.raises(ParameterError, match=r"net\.json: such files have no output="):
        es.load(path, output="y")
    with pytest.raises(ParameterError, match="no batch="):
        es.load(path, batch=False)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (1, 4), (4,)])
def test_a_first_axis_that_is_no_batch_axis(shape, tmp_path):
    nodes = [node("MatMul", "x w", "h"), node("Relu", "h", "r"), node("ReduceMax", "r", axes=[0])]
    path = save(make_model(nodes if len(shape) > 1 else nodes[:2], {"w": floats(4, 2)}, shape,
                           output="y" if len(shape) > 1 else "r"), tmp_path)  # fmt: skip
    if shape[0] == 1 or len(shape) == 1:
        net = es.load(path, batch=False) if len(shape) == 1 else None
        if net is None:
            with pytest.raises(UnsupportedOperatorError, match="reduces axis 0"):
                es.load(path, batch=False)
            return
    else:
        with pytest.raises(FormatError, match=r"load\(path, batch=False\)"):
            es.load(path)
        net = es.load(path, batch=False)
    assert net.input_shape == shape
    x = floats(*shape)
    (wanted,) = session_of(path).run(None, {"x": x})
    got = net.forward(np.float64(x)).reshape(wanted.shape)
    assert np.allclose(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "MaxPool", "AveragePool", "Resize"])
def test_several_images_at_once(kind, tmp_path):
    """A value inside the network may be a batch of several images."""
    stored = {"s": np.array([3, 2, 4, 4]), "w": floats(2, 2, 2, 2), "b": floats(2)}
    last = {
        "Conv": node("Conv", "h w b", pads=[1, 0, 0, 1]),
        "ConvTranspose": node("ConvTranspose", "h w b", strides=[2, 1]),
        "MaxPool": node("MaxPool", "h", kernel_shape=[2, 2]),
        "AveragePool": node("AveragePool", "h", kernel_shape=[2, 2]),
        "Resize": node("Resize", "h - f"),
    }[kind]
    stored["f"] = np.float32([1, 1, 2, 2])
    model = make_model([node("Reshape", "x s", "h"), last], stored, (96,), opset=13)
    agree(save(model, tmp_path), (96,))


def test_a_condition_on_what_was_made_larger(tmp_path):
    """Two values of four entries, each made from one: their common root is too small."""
    nodes = [
        node("Add", "x c", "a"), node("Add", "x d", "b"), node("Greater", "a b", "g"),
        node("Where", "g a b"),
    ]  # fmt: skip
    stored = {"c": np.float32([1, 1, 1, 1]), "d": np.float32([2, 2, 2, 2])}
    path = save(make_model(nodes, stored, (1, 1)), tmp_path)
    agree(path, (1, 1))  # not a spline of one entry
    nodes[-1] = node("Where", "g a h")
    path = save(
        make_model([*nodes[:3], node("Neg", "b", "h"), nodes[-1]], stored, (1, 1)), tmp_path
    )
    with pytest.raises(UnsupportedOperatorError, match="not known to be equal there"):
        es.load(path)


def test_a_constant_output(tmp_path):
    nodes = [node("Shape", "x", "s"), node("Cast", "s", to=1)]
    net = es.load(save(make_model(nodes, shape=(1, 2, 3)), tmp_path))
    assert net.forward(np.zeros((2, 3))).tolist() == [1, 2, 3]
    assert net.units == 0
    assert es.count_regions(net) == 1


def test_an_output_without_entries_is_refused(tmp_path):
    stored = {"b": np.array([2]), "e": np.array([1]), "a": np.array([1])}
    path = save(make_model([node("Slice", "x b e a")], stored), tmp_path)
    with pytest.raises(FormatError, match=r"output 'y' has no entries: shape \(1, 0\)"):
        es.load(path)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, np.inf), (-np.inf, 0.5), (-np.inf, np.inf), (1.0, 0.5)]
)
def test_clip(low, high, tmp_path):
    """With an end that is open, and with both ends in the wrong order: the upper one counts."""
    stored = {"a": np.float32(low), "b": np.float32(high)}
    path = save(make_model([node("Clip", "x a b")], stored), tmp_path)
    x = np.linspace(-2, 2, 9)
    got = np.array([es.load(path).forward(np.full(4, v))[0] for v in x])
    assert np.array_equal(got, np.minimum(np.maximum(x, low), high))
    kinds = [op.kind for op in es.load(path).operators]
    assert kinds == (["ReLU"] if low == 0 else ["Clip"])


def test_jumps_are_refused_where_they_are(tmp_path):
    nodes = [node("Greater", "x t", "g"), node("Where", "g x z")]
    stored = {"t": np.float32(0.5), "z": np.float32(0)}
    text = r"the_Where.*tests is 1/2: 0 left of it, 1/2 right of it"
    with pytest.raises(UnsupportedOperatorError, match=text):
        es.load(save(make_model(nodes, stored), tmp_path))
    other = [node("Greater", "x t", "g"), node("Abs", "x", "a"), node("Softmax", "x", "s"),
             node("Where", "g a s")]  # fmt: skip
    with pytest.raises(UnsupportedOperatorError, match=r"the_Where.*not known to be equal there"):
        es.load(save(make_model(other, stored), tmp_path))
