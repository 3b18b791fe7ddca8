"""ONNX's If: a known condition takes one graph, one that depends on the data is refused."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper
from onnx_cases_more import choice
from onnx_models import floats, make_model, node, save

import exactspline as es
from exactspline.errors import FormatError, UnsupportedOperatorError

RELU, ABS = [node("Relu", "x", "t")], [node("Abs", "x", "e")]


def load(nodes, stored, folder):
    return es.load(save(make_model(nodes, stored), folder))


@pytest.mark.parametrize(("value", "kind"), [(True, "ReLU"), (False, "Abs")])
def test_a_known_condition_takes_one_graph(value, kind, tmp_path):
    net = load([choice("g", RELU, ABS)], {"g": np.array(value)}, tmp_path)
    assert [op.kind for op in net.operators] == [kind]


def test_control_flow_on_data_is_named(tmp_path):
    nodes = [node("ReduceSum", "x a", "s"), node("Greater", "s z", "g"), choice("g", RELU, ABS)]
    stored = {"a": np.array([1]), "z": np.float32(0)}
    with pytest.raises(UnsupportedOperatorError, match=r"the_If.*control flow on data.*Where, Max"):
        load(nodes, stored, tmp_path)


def test_an_operator_in_a_graph_is_named(tmp_path):
    nodes = [choice("g", [node("GridSample", "x x", "t")], ABS)]
    with pytest.raises(UnsupportedOperatorError, match=r"the_If.*'GridSample' in its graph"):
        load(nodes, {"g": np.array(True)}, tmp_path)
    assert load(nodes, {"g": np.array(False)}, tmp_path).units == 4  # the other one is not read


def test_malformed_graphs(tmp_path):
    true = {"g": np.array(True)}
    for nodes, stored, text in (
        ([choice("g", [*RELU, *RELU], ABS)], true, "made more than once"),
        ([choice("g", [node("Relu", "nowhere", "t")], ABS)], true, "'nowhere' is made nowhere"),
        ([choice("g", [node("Relu", "x", "other")], ABS)], true, "'t' is made nowhere"),
        ([choice("c", RELU, ABS)], {"c": floats(2)}, "no single truth value"),
        ([helper.make_node("If", ["g"], ["y"], name="the_If")], true, "has no then_branch"),
    ):
        with pytest.raises(FormatError, match=f"the_If.*{text}"):
            load(nodes, stored, tmp_path)
