"""The JSON form: every operator and every graph comes back exactly; hostile files are refused."""

from __future__ import annotations

import json
import random
import re
import runpy
import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from folders import ROOT
from operator_cases import CASES

import exactspline.network as nw
from exactspline import formats
from exactspline.errors import (
    ExactSplineError,
    FormatError,
    ParameterError,
    ShapeError,
    UnsupportedOperatorError,
)
from exactspline.network import OPERATORS, Branches, Network, Residual

THIRD, LONG = Fraction(1, 3), Fraction(10**60 + 1, 7)
MATRIX = [[THIRD, 2, LONG], [0.1, 2**60 + 1, -3]]
KERNEL = np.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2) / Fraction(7)

# constructor arguments and input shapes; every operator needs at least one sample
SAMPLES: dict[str, list[tuple[dict, list[tuple[int, ...]]]]] = {
    "Abs": [({}, [(3,)])],
    "Add": [({}, [(3,), (3,)]), ({"coefficients": [THIRD, -1, 0.1]}, [(2, 3), (3,), (2, 1)])],
    "AveragePool": [
        ({"kernel": (2,)}, [(3, 4)]),
        ({"kernel": (3, 2), "stride": (1, 2), "padding": (1, 0, 2, 1), "ceil_mode": True,
          "dilation": (1, 2), "count_include_pad": False}, [(2, 5, 6)]),
        ({"kernel": (2, 2), "divisor": 3}, [(2, 4, 4)]),
    ],
    "BatchNorm": [
        ({"mean": [1, 2], "variance": [3, THIRD]}, [(2, 3)]),
        ({"mean": [1, 2], "variance": [3, 4], "gamma": [0.1, -2], "beta": [THIRD, LONG],
          "epsilon": 1e-5, "axis": -1}, [(3, 2)]),
    ],
    "Clip": [({}, [(3,)]), ({"low": THIRD}, [(3,)]), ({"low": "-7/3", "high": 6}, [(3,)]),
             ({"high": 0.1}, [(3,)])],
    "Concat": [({}, [(1, 3), (2, 3)]), ({"axis": -1}, [(2, 1), (2, 3)])],
    "Conv": [
        ({"weight": KERNEL}, [(3, 4, 4)]),
        ({"weight": KERNEL[:, :1], "bias": [THIRD, 1], "stride": 2, "padding": (1, 0, 2, 1),
          "dilation": (1, 2), "groups": 2}, [(2, 5, 6)]),
        ({"weight": KERNEL, "padding": 1, "padding_mode": "circular"}, [(3, 4, 4)]),
        ({"weight": KERNEL[:, :, 0]}, [(3, 4)]),
    ],
    "ConvTranspose": [
        ({"weight": KERNEL}, [(2, 4, 4)]),
        ({"weight": KERNEL, "bias": [0, 1, THIRD] * 2, "stride": (2, 3), "padding": (0, 1, 1, 0),
          "output_padding": 1, "dilation": 2, "groups": 2}, [(2, 4, 4)]),
    ],
    "Dense": [({"weight": MATRIX}, [(3,)]),
              ({"weight": MATRIX, "bias": [THIRD, 1], "axis": 0}, [(3, 2)])],
    "ELU": [({}, [(3,)]), ({"alpha": THIRD}, [(3,)])],
    "Elementwise": [({}, [(3,)]), ({"scale": THIRD, "shift": [[1], [LONG]]}, [(2, 3)])],
    "Expand": [({"shape": (2, 3)}, [(1,)])],
    "Flatten": [({}, [(2, 3)])],
    "GELU": [({}, [(3,)]), ({"approximate": "tanh"}, [(3,)])],
    "HardSigmoid": [({}, [(3,)]), ({"alpha": 0.2, "beta": THIRD}, [(3,)])],
    "HardSwish": [({}, [(3,)])],
    "Identity": [({}, [(3,)])],
    "LeakyReLU": [({}, [(3,)]), ({"slope": "-7/3"}, [(3,)])],
    "LogSoftmax": [({}, [(3,)]), ({"axis": 0}, [(3, 2)])],
    "MASO": [({"A": [MATRIX], "B": [[THIRD, 0]]}, [(3,)]), ({"A": [MATRIX, MATRIX]}, [(3,)])],
    "MaxLeaky": [({"eta": THIRD}, [(3,)]), ({"eta": 2}, [(3,)])],
    "MaxPool": [
        ({"kernel": (2, 2)}, [(2, 4, 4)]),
        ({"kernel": (3, 2), "stride": 1, "padding": (1, 0), "dilation": (1, 2),
          "ceil_mode": True}, [(2, 4, 4)]),
    ],
    "Maximum": [({}, [(3,), (2, 3)])],
    "Maxout": [({"rank": 2}, [(4,)]), ({"rank": 3, "axis": -1}, [(2, 3)])],
    "Minimum": [({}, [(3,), (2, 3)])],
    "PReLU": [({"slope": 0.25}, [(3,)]), ({"slope": [[THIRD], [0]]}, [(2, 3)])],
    "Pad": [({"pads": (1, 2)}, [(3,)]),
            ({"pads": (1, -1, 0, 2), "value": THIRD}, [(2, 3, 3)]),
            ({"pads": (1, 2), "mode": "reflect"}, [(3,)]),
            ({"pads": (1, 2), "mode": "edge"}, [(3,)]),
            ({"pads": (1, 2), "mode": "wrap"}, [(3,)])],
    "ReLU": [({}, [(3,)])],
    "ReduceMax": [({}, [(2, 3)]), ({"axes": (0, -1), "keepdims": True}, [(2, 3, 2)])],
    "ReduceMean": [({"axes": (1,)}, [(2, 3)])],
    "ReduceMin": [({"axes": (1,)}, [(2, 3)])],
    "ReduceSum": [({"axes": (0,), "keepdims": True}, [(2, 3)])],
    "Reshape": [({"shape": (2, -1)}, [(6,)]), ({"shape": ()}, [(1,)])],
    "ScalarSpline": [
        ({"breakpoints": [0, THIRD], "slopes": [0, 1, LONG]}, [(3,)]),
        ({"breakpoints": [0, 1, 2], "slopes": [0, 1, -1, 0], "offsets": [0, 0, 2, 0]}, [(3,)]),
        ({"breakpoints": [], "slopes": [THIRD], "offsets": [2]}, [(3,)]),
    ],
    "Select": [({"indices": (2, 0, -1, 2)}, [(3,)]),
               ({"indices": tuple(range(100)), "axis": -1}, [(2, 100)])],
    "SiLU": [({}, [(3,)])],
    "Sigmoid": [({}, [(3,)])],
    "SimplifiedMASO": [({"A": [MATRIX], "beta": [1, THIRD, 0.1]}, [(3,)])],
    "Softmax": [({}, [(3,)]), ({"axis": 0}, [(3, 2)])],
    "Softplus": [({}, [(3,)]), ({"beta": THIRD}, [(3,)])],
    "SumPool": [({"kernel": (2,)}, [(3, 4)]), ({"kernel": (2,), "padding": 1}, [(3, 4)])],
    "Tanh": [({}, [(3,)])],
    "Threshold": [({}, [(3,)]), ({"threshold": THIRD, "value": THIRD}, [(3,)])],
    "Transpose": [({"axes": (1, 2, 0)}, [(2, 3, 4)])],
}  # fmt: skip
for name in {kind.__name__ for kind in OPERATORS} - set(SAMPLES):  # of files with a case of theirs
    drawn = [CASES[name](random.Random(seed)) for seed in range(8)]
    SAMPLES[name] = [(case.operator.fields, case.shapes) for case in drawn]


def test_every_operator_is_documented():
    docs = ROOT / "docs"
    text = (docs / "formats.md").read_text(encoding="utf-8")
    tables = runpy.run_path(str(docs / "tables.py"))
    assert text == tables["with_table"](text), "run: python docs/tables.py"
    rows = {}
    for line in text[text.index(tables["BEGIN"]) :].split("<!-- end")[0].split("\n")[3:-1]:
        name, keys = line.split("|")[1:3]
        rows[name.strip().strip("`")] = set(re.findall(r"`(\w+)`", keys))
    assert rows == {kind.__name__: set(kind.FIELDS) for kind in OPERATORS}


def same(a, b):
    """Whether two stored fields are equal, exactly and of the same kind."""
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.shape == b.shape
            and a.dtype == b.dtype
            and bool(np.array_equal(a, b))
        )
    return type(a) is type(b) and a == b


def same_operator(a, b):
    return (
        type(a) is type(b)
        and a.name == b.name
        and all(same(getattr(a, key), getattr(b, key)) for key in a.FIELDS)
    )


def same_network(a, b):
    return (
        a.input_shape == b.input_shape
        and a.output_shape == b.output_shape
        and [(n.inputs, n.shape) for n in a.nodes] == [(n.inputs, n.shape) for n in b.nodes]
        and [n.inputs for n in a.output_nodes] == [n.inputs for n in b.output_nodes]
        and len(a.nodes) == len(b.nodes)
        and all(
            same_operator(x.operator, y.operator)
            for x, y in zip((*a.nodes, *a.output_nodes), (*b.nodes, *b.output_nodes), strict=True)
        )
    )


def on_inputs(operator, shapes):
    """A network that applies the operator to slices of its input."""
    nodes, sources, at = [], [], 0
    total = sum(int(np.prod(shape)) for shape in shapes)
    for shape in shapes:
        size = int(np.prod(shape))
        nodes.append((nw.Select(range(at, at + size)), (-1,)))
        nodes.append((nw.Reshape(shape), (len(nodes) - 1,)))
        sources.append(len(nodes) - 1)
        at += size
    return Network.from_nodes([*nodes, (operator, tuple(sources))], (total,))


def test_every_operator_has_a_sample():
    assert set(SAMPLES) == {kind.__name__ for kind in OPERATORS}
    given = {key for samples in SAMPLES.values() for arguments, _ in samples for key in arguments}
    assert given == {key for kind in OPERATORS for key in kind.FIELDS}


@pytest.mark.parametrize("kind", OPERATORS, ids=lambda kind: kind.__name__)
def test_operator_round_trip_is_exact(kind, tmp_path):
    for arguments, shapes in SAMPLES[kind.__name__]:
        operator = kind(**arguments, name="the 'operator' \u03c3")
        net = on_inputs(operator, shapes)
        formats.save_network(net, tmp_path / "net.json")
        again = formats.load(tmp_path / "net.json")
        assert same_network(net, again)
        x = [Fraction(int(v), 5) for v in np.random.default_rng(3).integers(-9, 9, net.input_dim)]
        if operator.smooth:
            assert np.array_equal(
                net.forward(np.float64(x), output_operator=True),
                again.forward(np.float64(x), output_operator=True),
            )
        else:
            assert net.forward(x).tolist() == again.forward(x).tolist()


@pytest.mark.parametrize("kind", OPERATORS, ids=lambda kind: kind.__name__)
def test_left_out_keys_are_defaults(kind):
    for arguments, _ in SAMPLES[kind.__name__]:
        operator = kind(**arguments)
        left_out = {key for key in operator.FIELDS if key not in entry(operator)}
        again = kind(**{k: v for k, v in operator.fields.items() if k not in left_out})
        assert same_operator(operator, again)


def entry(operator):
    samples = SAMPLES[operator.kind]
    shapes = next(s for a, s in samples if same_operator(type(operator)(**a), operator))
    return formats.network_to_json(on_inputs(operator, shapes))["operators"][-1]


def graph():
    return Network(
        [
            nw.Conv(np.ones((2, 1, 3, 3)), padding=1, name="stem"),
            Residual([nw.BatchNorm([0, 1], [1, 2]), nw.ReLU()], [nw.Conv(np.ones((2, 2, 1, 1)))]),
            Branches(
                [[nw.MaxPool((2, 2))], [nw.AveragePool((2, 2))], [nw.SumPool((2, 2))]], nw.Concat()
            ),
            nw.Flatten(),
            nw.Dense(np.ones((3, 24))),
            nw.Softmax(),
            nw.Elementwise(2),
        ],
        (1, 4, 4),
    )  # fmt: skip


def test_graph_round_trip(tmp_path):
    net = graph()
    net.save(tmp_path / "net.json")
    again = formats.load(tmp_path / "net.json")
    assert same_network(net, again)
    assert [op.describe() for op in again.operators] == [op.describe() for op in net.operators]
    assert again.output_operator == net.output_operator == "Softmax, Elementwise scale"
    x = [Fraction(i, 3) for i in range(16)]
    assert again.forward(x).tolist() == net.forward(x).tolist()
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "net.json").read_bytes()


def test_wires_are_written_only_where_they_are_not_the_operator_before():
    operators = formats.network_to_json(graph())["operators"]
    wires = [e["inputs"] for e in operators if "inputs" in e]
    assert wires == [[0], [2, 3], [4], [4], [5, 6, 7]]


def test_identity_network(tmp_path):
    net = Network([], (2, 3))
    net.save(tmp_path / "net.json")
    assert same_network(net, formats.load(tmp_path / "net.json"))


def test_own_operator_is_refused(tmp_path):
    class MyReLU(nw.ReLU):
        pass

    with pytest.raises(UnsupportedOperatorError, match="MyReLU"):
        Network([MyReLU()], (2,)).save(tmp_path / "net.json")


@pytest.mark.parametrize(
    ("name", "text"), [("net.npz", "json"), ("net.onnx", "to_onnx"), ("x", "json")]
)
def test_save_says_what_is_possible(name, text, tmp_path):
    with pytest.raises(FormatError, match=text):
        Network([], (2,)).save(tmp_path / name)
    assert not (tmp_path / name).exists()


# --- hostile files ---------------------------------------------------------------------------

HUGE = 2**61


def chain(*operators, shape=(1, 8, 8)):
    return {
        "format": "exactspline-network",
        "version": 1,
        "input_shape": list(shape),
        "operators": list(operators),
    }


def op(kind, **keys):
    return {"type": kind, **keys}


LONG_NUMBER = "1/" + "7" * 19_000
RNG = np.random.default_rng(0)
FRACTIONS = [f"1/{int(v)}" for v in RNG.integers(2**61, 2**62, 20_000)]

HOSTILE = {
    "huge_kernel": (chain(op("AveragePool", kernel=[HUGE, 1], padding=[HUGE, 0])), FormatError),
    "huge_kernel_max": (chain(op("MaxPool", kernel=[HUGE, 1], padding=[HUGE - 9, 0])), FormatError),
    "huge_kernel_one_output": (
        chain(op("AveragePool", kernel=[2**30, 8], padding=[2**29, 0], stride=[2**30, 1])),
        FormatError,
    ),
    "huge_padding": (chain(op("MaxPool", kernel=[2, 2], padding=[HUGE, HUGE])), ShapeError),
    "huge_padding_average": (
        chain(op("AveragePool", kernel=[2, 2], stride=[1, 1], padding=[HUGE, HUGE])), FormatError),
    "huge_padding_dilated": (
        chain(op("MaxPool", kernel=[9, 1], dilation=[2**40, 1], padding=[2**42 + 8, 0])),
        ShapeError,
    ),
    "huge_conv_padding": (
        chain(op("Conv", weight=[[[[1]]]], bias=[0], padding=[HUGE, HUGE])), FormatError),
    "huge_transposed": (
        chain(op("ConvTranspose", weight=[[[[1]]]], bias=[0], stride=[HUGE, HUGE])), FormatError),
    "huge_pad": (chain(op("Pad", pads=[HUGE, HUGE, HUGE, HUGE])), FormatError),
    "huge_pad_edge": (chain(op("Pad", pads=[0, HUGE], mode="edge")), FormatError),
    "huge_expand": (chain(op("Expand", shape=[2**40, 1, 8, 8])), FormatError),
    "huge_expand_axes": (chain(op("Expand", shape=[2**20] * 30)), (FormatError, ShapeError)),
    "huge_reshape": (chain(op("Reshape", shape=[HUGE, HUGE])), ShapeError),
    "huge_rank": (chain(op("Maxout", rank=HUGE)), ShapeError),
    "huge_axis": (chain(op("Concat", axis=HUGE)), ShapeError),
    "huge_transpose_axes": (chain(op("Transpose", axes=[HUGE, 0, 1])), ShapeError),
    "huge_index": (chain(op("Select", indices=[HUGE])), ShapeError),
    "huge_input": (chain(op("ReLU"), shape=(HUGE, HUGE)), FormatError),
    "doubling": (
        chain(*[op("Concat", inputs=[i - 1, i - 1]) for i in range(60)]), FormatError),
    "doubling_sum": (
        chain(*[op("Pad", pads=[2**i, 0]) for i in range(40)]), FormatError),
    "many_values": (
        chain(op("Expand", shape=[2**20]), *[op("ReLU") for _ in range(200)], shape=(1,)),
        FormatError,
    ),
    "broadcast": (
        chain(op("Reshape", shape=[2**12, 1]), op("Reshape", shape=[2**12]),
              op("Add", inputs=[0, 1]), shape=(2**12,)),
        FormatError,
    ),
    "cycle": (chain(op("Add", inputs=[1]), op("Add", inputs=[0])), ShapeError),
    "itself": (chain(op("ReLU", inputs=[0])), ShapeError),
    "forward_reference": (chain(op("ReLU", inputs=[5]), op("ReLU")), ShapeError),
    "below_the_input": (chain(op("ReLU", inputs=[-2])), ShapeError),
    "no_inputs": (chain(op("Add", inputs=[])), ShapeError),
    "too_many_inputs": (chain(op("ReLU", inputs=[-1, -1])), ShapeError),
    "inputs_no_list": (chain(op("ReLU", inputs=-1)), FormatError),
    "inputs_texts": (chain(op("ReLU", inputs=["x"])), ParameterError),
    "flag_as_number": (chain(op("ReduceMax", axes=[0], keepdims=1)), FormatError),
    "text_as_number": (chain(op("Pad", pads=[1, 1], mode=3)), FormatError),
    "unknown_mode": (chain(op("Pad", pads=[1, 1], mode="x")), ParameterError),
    "negative_stride": (chain(op("MaxPool", kernel=[2, 2], stride=[-1, 1])), ParameterError),
    "negative_padding": (chain(op("MaxPool", kernel=[2, 2], padding=[-1, 0])), ParameterError),
    "no_kernel": (chain(op("MaxPool", kernel=[])), ShapeError),
    "window_in_padding": (chain(op("MaxPool", kernel=[2, 2], padding=[3, 3])), ShapeError),
    "missing_kernel": (chain(op("MaxPool")), FormatError),
    "not_for_this_operator": (chain(op("MaxPool", kernel=[2, 2], weight=[1])), FormatError),
    "a_class_of_the_package": (chain(op("Operator")), UnsupportedOperatorError),
    "a_private_class": (chain(op("_Pool", kernel=[2, 2])), UnsupportedOperatorError),
    "name_no_text": (chain(op("ReLU", name=3)), FormatError),
    "null_number": (chain(op("LeakyReLU", slope=None)), FormatError),
    "jump": (
        chain(op("ScalarSpline", breakpoints=[0], slopes=[0, 0], offsets=[0, 1])),
        UnsupportedOperatorError,
    ),
    "variance": (chain(op("BatchNorm", mean=[0], variance=[-1])), ParameterError),
    "long_variances": (
        chain(
            op("BatchNorm", mean=[0] * 500, variance=[LONG_NUMBER] * 500,
               gamma=[LONG_NUMBER] * 450),
            shape=(500,),
        ),
        ParameterError,
    ),
    "growing_offsets": (
        chain(op("ScalarSpline", breakpoints=list(range(19_999)), slopes=FRACTIONS), shape=(1,)),
        ParameterError,
    ),
    "growing_sums": (
        chain(op("SimplifiedMASO", A=[[FRACTIONS]], beta=FRACTIONS), shape=(20_000,)),
        ParameterError,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile(case, tmp_path):
    value, error = HOSTILE[case]
    path = tmp_path / "net.json"
    path.write_text(json.dumps(value))
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(error, match=r"net\.json"):
            formats.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - start < 10
    assert peak < 100_000_000


def test_deep_nesting(tmp_path):
    path = tmp_path / "net.json"
    text = json.dumps(chain(op("PReLU", slope="SLOPE")))
    for depth in (33, 100, 100_000):
        path.write_text(text.replace('"SLOPE"', "[" * depth + "1" + "]" * depth))
        with pytest.raises(FormatError, match="nested"):
            formats.load(path)


def test_cut_pads_do_not_grow_in_between():
    operator = nw.Pad((2**12, 1 - 2**12, 0, 0))
    tracemalloc.start()
    out = operator.forward(np.ones((1, 1, 2**12)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.shape == (1, 2**12 + 1, 1)
    assert out.sum() == 1
    assert peak < 2**21


@pytest.mark.slow
def test_random_values_end_in_a_network_or_an_error(tmp_path):
    """Every key of every operator with a value of another kind."""
    path = tmp_path / "net.json"
    values = [None, True, 0, -1, HUGE, 0.5, "x", "1/3", [], [0], [[1]], [HUGE, 1], [-1, -1], {}]
    loaded, messages = 0, []
    for kind in OPERATORS:
        arguments, shapes = SAMPLES[kind.__name__][-1]
        form = formats.network_to_json(on_inputs(kind(**arguments), shapes))
        for key in (*kind.FIELDS, "inputs", "name", "type"):
            for value in values:
                changed = json.loads(json.dumps(form))
                changed["operators"][-1][key] = value
                path.write_text(json.dumps(changed))
                try:
                    assert isinstance(formats.load(path), Network)
                    loaded += 1
                except ExactSplineError as error:
                    messages.append(str(error))
    assert loaded > 100
    assert all("net.json" in text for text in messages)
