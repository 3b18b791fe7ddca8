"""Models with functions of their own: read as the nodes that they stand for."""

from __future__ import annotations

import random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import agree

from exactspline.errors import ExactSplineError, FormatError
from exactspline.formats import load

IDS = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]


def function(name, inputs, outputs, nodes, attributes=()):
    return helper.make_function("own", name, inputs, outputs, nodes, IDS, list(attributes))


def model(functions, nodes, **stored):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    weights = [numpy_helper.from_array(np.float32(v), name) for name, v in stored.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
    return helper.make_model(graph, opset_imports=IDS, functions=functions, ir_version=9)


def layered():
    """Functions that call each other, with an attribute that is handed on."""
    leaky = helper.make_node("LeakyRelu", ["t"], ["z"])
    attribute = leaky.attribute.add(name="alpha", type=onnx.AttributeProto.FLOAT)
    attribute.ref_attr_name = "slope"
    inner = function(
        "Layer", ["a", "w"], ["z"], [helper.make_node("MatMul", ["a", "w"], ["t"]), leaky],
        ["slope"],
    )  # fmt: skip
    outer = function(
        "Two", ["a", "v", "w"], ["z"],
        [helper.make_node("Layer", ["a", "v"], ["t"], domain="own", slope=0.25),
         helper.make_node("Layer", ["t", "w"], ["u"], domain="own", slope=-0.5),
         helper.make_node("Add", ["u", "a"], ["z"])],
    )  # fmt: skip
    nodes = [
        helper.make_node("Two", ["x", "v", "w"], ["t"], domain="own"),
        helper.make_node("Two", ["t", "w", "v"], ["y"], domain="own"),
    ]
    rng = np.random.default_rng(0)
    return model([inner, outer], nodes, v=rng.normal(size=(3, 3)), w=rng.normal(size=(3, 3)))


def test_functions_are_what_they_stand_for(tmp_path):
    onnx.save(layered(), tmp_path / "m.onnx")
    net = agree(tmp_path / "m.onnx", (1, 3))
    assert [op.kind for op in net.operators].count("LeakyReLU") == 4
    assert len(set(net.labels)) == len(net.operators)


def doubling(depth):
    """Each function calls the one before twice: 2^depth nodes."""
    functions = [function("f0", ["a"], ["z"], [helper.make_node("Abs", ["a"], ["z"])])]
    for i in range(depth):
        calls = [
            helper.make_node(f"f{i}", [a], [b], domain="own") for a, b in (("a", "t"), ("t", "z"))
        ]
        functions.append(function(f"f{i + 1}", ["a"], ["z"], calls))
    return model(functions, [helper.make_node(f"f{depth}", ["x"], ["y"], domain="own")])


def itself():
    loop = function("f", ["a"], ["z"], [helper.make_node("f", ["a"], ["z"], domain="own")])
    return model([loop], [helper.make_node("f", ["x"], ["y"], domain="own")])


def each_other():
    made = [
        function(a, ["a"], ["z"], [helper.make_node(b, ["a"], ["z"], domain="own")])
        for a, b in (("f", "g"), ("g", "f"))
    ]
    return model(made, [helper.make_node("f", ["x"], ["y"], domain="own")])


def twice():
    made = layered()
    made.functions.append(made.functions[0])
    return made


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (doubling(60), "1,152,921,504,606,846,976 nodes"),
        (itself(), "calls itself"),
        (each_other(), "calls itself"),
        (twice(), "twice"),
    ],
)
def test_what_cannot_be_written_out(made, why, tmp_path):
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(FormatError, match=why):
        load(tmp_path / "m.onnx")


def test_a_few_calls_of_calls(tmp_path):
    onnx.save(doubling(5), tmp_path / "m.onnx")
    assert [op.kind for op in load(tmp_path / "m.onnx").operators] == ["Abs"] * 32


def test_a_function_that_nobody_calls(tmp_path):
    made = layered()
    del made.graph.node[:]
    made.graph.node.append(helper.make_node("Relu", ["x"], ["y"]))
    onnx.save(made, tmp_path / "m.onnx")
    assert [op.kind for op in load(tmp_path / "m.onnx").operators] == ["ReLU"]


def test_mutated_functions_give_one_error(tmp_path):
    data, rng, refused = layered().SerializeToString(), random.Random(0), 0
    for _ in range(300):
        at = rng.randrange(len(data))
        changed = bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        (tmp_path / "m.onnx").write_bytes(bytes(changed))
        try:
            load(tmp_path / "m.onnx")
        except ExactSplineError:
            refused += 1
    assert refused > 50
