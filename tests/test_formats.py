"""Readers and writers against onnxruntime, against exact values, and on real files."""

from __future__ import annotations

import hashlib
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from exactspline import formats
from exactspline.domain import Box, Polytope, Slice, WholeSpace
from exactspline.errors import (
    DomainError,
    FormatError,
    ParameterError,
    ShapeError,
    UnsupportedOperatorError,
)
from exactspline.network import (
    Abs,
    Dense,
    Elementwise,
    Flatten,
    Identity,
    LeakyReLU,
    Network,
    PReLU,
    ReLU,
    Reshape,
)

REAL = Path(__file__).resolve().parents[2] / "shared" / "networks"
RNG = np.random.default_rng(20240)


def floats(*shape, dtype=np.float32):
    return RNG.standard_normal(shape).astype(dtype)


def make_model(
    nodes,
    stored=None,
    shape=(1, 4),
    *,
    opset=13,
    out_rank=None,
    elem=TensorProto.FLOAT,
    listed=False,
    output="y",
):
    """A model with input x; ``stored`` holds arrays or TensorProtos by name."""
    tensors = [
        value if isinstance(value, TensorProto) else numpy_helper.from_array(value, name)
        for name, value in (stored or {}).items()
    ]
    inputs = [helper.make_tensor_value_info("x", elem, shape)]
    if listed:
        inputs = [
            helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in tensors
        ] + inputs
    outputs = [helper.make_tensor_value_info(output, elem, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializer=tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def save(model, folder, name="net.onnx"):
    path = Path(folder) / name
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


def node(kind, inputs, output="y", **attributes):
    name = f"the_{kind}" if output == "y" else f"{kind}_{output}"
    return helper.make_node(kind, inputs.split(), [output], name=name, **attributes)


def agree(path, input_shape, samples=5, dtype=np.float32, tolerance=1e-5):
    """Network and onnxruntime give the same values at random inputs (a batch of one)."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    net = formats.load(path)
    for _ in range(samples):
        x = floats(*input_shape, dtype=dtype)
        expected = session.run(None, {name: x})[0]
        got = net.forward(np.float64(x).reshape(net.input_shape))
        assert got.size == expected.size
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(
            got.reshape(-1),
            np.float64(expected).reshape(-1),
            rtol=tolerance,
            atol=tolerance * scale,
        )
    return net


# --- ONNX: every operator against onnxruntime -----------------------------------------------

W45, W54, W44 = floats(4, 5), floats(5, 4), floats(4, 4)
OPERATORS = {
    "matmul": ([node("MatMul", "x w")], {"w": W45}, (1, 4), {}),
    "matmul_1d_input": ([node("MatMul", "x w")], {"w": W45}, (4,), {}),
    "matmul_left_1d_input": ([node("MatMul", "w x")], {"w": W54}, (4,), {}),
    "matmul_left": ([node("MatMul", "w x")], {"w": W54}, (1, 4, 3), {}),
    "matmul_left_vector": ([node("MatMul", "w x")], {"w": floats(4)}, (1, 4, 3), {}),
    "matmul_right_vector": ([node("MatMul", "x w")], {"w": floats(4)}, (1, 4), {}),
    "matmul_dot": ([node("MatMul", "w x")], {"w": floats(4)}, (4,), {}),
    "matmul_rank_4": ([node("MatMul", "x w")], {"w": W45}, (1, 2, 3, 4), {}),
    "matmul_leading_ones": ([node("MatMul", "x w")], {"w": W45[None]}, (1, 2, 4), {}),
    "gemm_plain": ([node("Gemm", "x w")], {"w": W45}, (1, 4), {}),
    "gemm_bias": ([node("Gemm", "x w c")], {"w": W45, "c": floats(5)}, (1, 4), {}),
    "gemm_bias_scalar": ([node("Gemm", "x w c")], {"w": W45, "c": floats()}, (1, 4), {}),
    "gemm_bias_1x1": ([node("Gemm", "x w c")], {"w": W45, "c": floats(1, 1)}, (1, 4), {}),
    "gemm_bias_1xn": ([node("Gemm", "x w c")], {"w": W45, "c": floats(1, 5)}, (1, 4), {}),
    "gemm_all": (
        [node("Gemm", "x w c", alpha=0.3, beta=-1.7, transB=1)],
        {"w": W54, "c": floats(5)},
        (1, 4),
        {},
    ),
    "gemm_rows": (
        [node("Reshape", "x s", "m"), node("Gemm", "m w c", beta=2.0)],
        {"s": np.array([2, 2]), "w": floats(2, 3), "c": floats(2, 3)},
        (1, 4),
        {},
    ),
    "gemm_rows_column_bias": (
        [node("Reshape", "x s", "m"), node("Gemm", "m w c")],
        {"s": np.array([2, 2]), "w": floats(2, 3), "c": floats(2, 1)},
        (1, 4),
        {},
    ),
    "gemm_trans_a": (
        [node("Reshape", "x s", "m"), node("Gemm", "m w c", transA=1, transB=1, alpha=0.1)],
        {"s": np.array([4, 1]), "w": W54, "c": floats(5)},
        (4,),
        {},
    ),
    "gemm_constant_a": (
        [node("Gemm", "w x c", transB=1, alpha=0.7)],
        {"w": W54, "c": floats(5, 1)},
        (1, 4),
        {},
    ),
    "gemm_constant_a_columns": (
        [node("Reshape", "x s", "m"), node("Gemm", "w m c", transA=1)],
        {"s": np.array([2, 2]), "w": floats(2, 3), "c": floats(3, 1)},
        (1, 4),
        {},
    ),
    "gemm_of_row_without_batch": (
        [node("Add", "x c", "m"), node("Gemm", "m w")],
        {"c": floats(1, 4), "w": W45},
        (4,),
        {},
    ),
    "add": ([node("Add", "x c")], {"c": floats(4)}, (1, 4), {}),
    "add_left": ([node("Add", "c x")], {"c": floats(1, 4)}, (1, 4), {}),
    "add_scalar": ([node("Add", "x c")], {"c": floats()}, (1, 4), {}),
    "add_enlarges": ([node("Add", "x c")], {"c": floats(3, 1)}, (1, 1, 4), {}),
    "add_more_axes": ([node("Add", "x c")], {"c": floats(1, 1, 4)}, (1, 4), {}),
    "add_channels": ([node("Add", "x c")], {"c": floats(3, 1, 1)}, (1, 3, 2, 2), {}),
    "sub": ([node("Sub", "x c")], {"c": floats(4)}, (1, 4), {}),
    "sub_from": ([node("Sub", "c x")], {"c": floats(4)}, (1, 4), {}),
    "mul": ([node("Mul", "x c")], {"c": floats(4)}, (1, 4), {}),
    "mul_left": ([node("Mul", "c x")], {"c": floats(1, 1)}, (1, 4), {}),
    "div": ([node("Div", "x c")], {"c": np.float32([3, 7, -0.1, 5])}, (1, 4), {}),
    "neg": ([node("Neg", "x")], {}, (1, 4), {}),
    "relu": ([node("Relu", "x")], {}, (1, 4), {}),
    "abs": ([node("Abs", "x")], {}, (1, 4), {}),
    "leaky_default": ([node("LeakyRelu", "x")], {}, (1, 4), {}),
    "leaky": ([node("LeakyRelu", "x", alpha=-0.3)], {}, (1, 4), {}),
    "prelu_scalar": ([node("PRelu", "x s")], {"s": floats(1)}, (1, 4), {}),
    "prelu": ([node("PRelu", "x s")], {"s": floats(4)}, (1, 4), {}),
    "prelu_full": ([node("PRelu", "x s")], {"s": floats(1, 4)}, (1, 4), {}),
    "prelu_channels": ([node("PRelu", "x s")], {"s": floats(3, 1, 1)}, (1, 3, 2, 2), {}),
    "flatten": ([node("Flatten", "x")], {}, (1, 3, 2, 2), {}),
    "flatten_0": ([node("Flatten", "x", axis=0)], {}, (1, 3, 2), {}),
    "flatten_2": ([node("Flatten", "x", axis=2)], {}, (1, 3, 2, 2), {}),
    "flatten_last": ([node("Flatten", "x", axis=-1)], {}, (1, 3, 2, 2), {}),
    "flatten_end": ([node("Flatten", "x", axis=3)], {}, (1, 3, 2), {}),
    "reshape": ([node("Reshape", "x s")], {"s": np.array([1, 12])}, (1, 3, 4), {}),
    "reshape_infer": ([node("Reshape", "x s")], {"s": np.array([0, -1])}, (1, 3, 4), {}),
    "reshape_copy": ([node("Reshape", "x s")], {"s": np.array([-1, 0, 2, 2])}, (1, 3, 4), {}),
    "reshape_no_batch": ([node("Reshape", "x s")], {"s": np.array([-1])}, (1, 3, 4), {}),
    "reshape_allowzero": (
        [node("Reshape", "x s", allowzero=1)],
        {"s": np.array([1, -1])},
        (1, 3, 4),
        {"opset": 14},
    ),
    "squeeze": ([node("Squeeze", "x a")], {"a": np.array([1])}, (1, 1, 4), {}),
    "squeeze_all": ([node("Squeeze", "x")], {}, (1, 1, 4), {}),
    "squeeze_attribute": ([node("Squeeze", "x", axes=[1])], {}, (1, 1, 4), {"opset": 11}),
    "unsqueeze": ([node("Unsqueeze", "x a")], {"a": np.array([0, -1])}, (1, 4), {}),
    "unsqueeze_attribute": ([node("Unsqueeze", "x", axes=[2])], {}, (1, 4), {"opset": 9}),
    "transpose_of_ones": ([node("Transpose", "x", perm=[0, 2, 1])], {}, (1, 1, 4), {}),
    "identity": ([node("Identity", "x")], {}, (1, 4), {}),
    "cast": ([node("Cast", "x", "d", to=11), node("Cast", "d", "y", to=1)], {}, (1, 4), {}),
    "dropout_10": ([node("Dropout", "x", ratio=0.4)], {}, (1, 4), {"opset": 10}),
    "dropout_ratio": ([node("Dropout", "x r")], {"r": np.float32(0.5)}, (1, 4), {}),
    "dropout_mode": (
        [node("Dropout", "x r t")],
        {"r": np.float32(0.5), "t": np.array(False)},
        (1, 4),
        {},
    ),
    "constant_node": (
        [node("Constant", "", "w", value=numpy_helper.from_array(W45)), node("MatMul", "x w")],
        {},
        (1, 4),
        {},
    ),
    "constant_float": (
        [node("Constant", "", "c", value_float=0.1), node("Mul", "x c")],
        {},
        (1, 4),
        {},
    ),
    "constant_floats": (
        [node("Constant", "", "c", value_floats=[0.1, 1, 2, 3]), node("Add", "x c")],
        {},
        (1, 4),
        {},
    ),
    "constant_ints": (
        [node("Constant", "", "s", value_ints=[1, 2, 2]), node("Reshape", "x s")],
        {},
        (1, 4),
        {},
    ),
    "constant_int": (
        [node("Constant", "", "i", value_int=3), node("Cast", "i", "c", to=1), node("Mul", "x c")],
        {},
        (1, 4),
        {},
    ),
    "folding": (
        [
            node("Transpose", "w", "v", perm=[1, 0]),
            node("Identity", "v", "u"),
            node("Mul", "u c", "t"),
            node("Sub", "t d", "s"),
            node("MatMul", "x s"),
        ],
        {"w": W54, "c": floats(5), "d": floats(4, 1)},
        (1, 4),
        {},
    ),
    "folding_shapes": (
        [
            node("Reshape", "w s", "v"),
            node("Unsqueeze", "b a", "b2"),
            node("Squeeze", "b2 a", "b1"),
            node("Flatten", "v", "u", axis=1),
            node("Neg", "b1", "n"),
            node("Gemm", "x u n"),
        ],
        {"w": floats(20), "s": np.array([4, 5, 1]), "a": np.array([0]), "b": floats(5)},
        (1, 4),
        {},
    ),
    "folded_division": (
        [node("Div", "c d", "e"), node("Add", "e d", "f"), node("Mul", "x f")],
        {"c": floats(4), "d": np.float32([3, 7, 9, 11])},
        (1, 4),
        {},
    ),
    "listed_initializers": (
        [node("Gemm", "x w c", "h"), node("Relu", "h")],
        {"w": W45, "c": floats(5)},
        (1, 4),
        {"listed": True},
    ),
    "deep": (
        [
            node("Sub", "x c", "a"),
            node("Flatten", "a", "b"),
            node("MatMul", "b w", "d"),
            node("Add", "d e", "f"),
            node("Relu", "f", "g"),
            node("Gemm", "g v u"),
        ],
        {"c": floats(1, 1, 1, 4), "w": W45, "e": floats(5), "v": W54, "u": floats(4)},
        (1, 1, 1, 4),
        {"opset": 8},
    ),
}


@pytest.mark.parametrize("case", OPERATORS)
def test_operator_agrees_with_onnxruntime(case, tmp_path):
    nodes, stored, shape, options = OPERATORS[case]
    agree(save(make_model(nodes, stored, shape, **options), tmp_path), shape)


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 21])
def test_opsets(opset, tmp_path):
    nodes = [
        node("Flatten", "x", "a"),
        node("Gemm", "a w c", "b"),
        node("Relu", "b", "d"),
        node("LeakyRelu", "d", "e"),
        node("Identity", "e"),
    ]
    agree(save(make_model(nodes, {"w": W45, "c": floats(5)}, opset=opset), tmp_path), (1, 4))


def test_every_registered_operator_is_compared():
    from exactspline.formats.onnx import REGISTRY

    used = {n.op_type for nodes, *_ in OPERATORS.values() for n in nodes}
    assert used == {kind for _, kind in REGISTRY}


@pytest.mark.parametrize(
    "shape", [[1, 4], ["N", 4], [None, 4], [0, 4], [1, 1, 1, 4], ["N", 1, 4], [4]]
)
def test_batch_axis(shape, tmp_path):
    weight = floats(4, 3)
    path = save(
        make_model([node("MatMul", "x w", "h"), node("Relu", "h")], {"w": weight}, shape), tmp_path
    )
    net = formats.load(path)
    expected = tuple(n for n in shape[1:]) if len(shape) > 1 else (4,)
    assert net.input_shape == expected
    x = floats(4)
    np.testing.assert_allclose(
        net.forward(np.float64(x)).reshape(-1), np.maximum(x @ weight, 0), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("shape", [[2, 4], [1, "K"], ["N"], [1, 4, None], []])
def test_batch_axis_refused(shape, tmp_path):
    with pytest.raises(FormatError, match="input 'x'"):
        formats.load(save(make_model([node("Relu", "x")], shape=shape), tmp_path))


@pytest.mark.parametrize(
    ("nodes", "stored", "shape"),
    [
        ([node("MatMul", "w x")], {"w": floats(3, 1)}, (1, 4)),
        ([node("Add", "x c")], {"c": floats(3, 4)}, (1, 4)),
        ([node("Add", "x c")], {"c": floats(3, 1, 4)}, (1, 4)),
        ([node("Transpose", "x", perm=[0, 2, 1])], {}, (1, 3, 4)),
        ([node("Gemm", "w x")], {"w": floats(3, 1)}, (1, 4)),
    ],
)
def test_batch_is_never_mixed(nodes, stored, shape, tmp_path):
    with pytest.raises(UnsupportedOperatorError, match="the_"):
        formats.load(save(make_model(nodes, stored, shape), tmp_path))


def test_real_networks_agree_with_onnxruntime():
    files = sorted(p for p in REAL.glob("*/*.onnx") if p.parent.name != "conv")
    assert len(files) == 8, f"the real networks are missing in {REAL}"
    for path in files:
        shape = {"acasxu": (1, 1, 1, 5), "control": (1, 4), "tll": (1, 2)}.get(
            path.parent.name, (1, 5 if "robot" in path.name else 3)
        )
        net = agree(path, shape)
        assert net.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert net.input_dim == math.prod(shape)


def test_real_network_is_exactly_what_is_stored():
    path = REAL / "acasxu" / "ACASXU_run2a_1_1_batch_2000.onnx"
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    dense = [op for op in formats.load(path).operators if isinstance(op, Dense)]
    assert dense[0].name == "Operation_1_MatMul"
    assert np.array_equal(dense[0].weight, stored["Operation_1_MatMul_W"].T)


def test_real_convolution_is_named():
    with pytest.raises(UnsupportedOperatorError, match=r"'Conv_0'.*'Conv'.*ai\.onnx"):
        formats.load(REAL / "conv" / "Convnet_avgpool.onnx")


# --- ONNX: exactness -------------------------------------------------------------------------


def only(path):
    (operator,) = formats.load(path).operators
    return operator


def test_leaky_default_is_the_float32(tmp_path):
    slope = only(save(make_model([node("LeakyRelu", "x")]), tmp_path)).slope
    assert slope == Fraction(float(np.float32(0.01))) != Fraction(1, 100)


def test_division_is_rational(tmp_path):
    op = only(save(make_model([node("Div", "x c")], {"c": np.float32([3, 7, 1, 2])}), tmp_path))
    assert op.scale.tolist() == [Fraction(1, 3), Fraction(1, 7), 1, Fraction(1, 2)]


def test_gemm_factors_are_folded_exactly(tmp_path):
    stored = {"w": np.float32([[0.1], [0.7], [3], [1]]), "c": np.float32([0.3])}
    op = only(save(make_model([node("Gemm", "x w c", alpha=0.1, beta=0.1)], stored), tmp_path))
    tenth = Fraction(float(np.float32(0.1)))
    assert Fraction(op.weight[0, 1]) == tenth * Fraction(float(np.float32(0.7)))
    assert Fraction(op.bias[0]) == tenth * Fraction(float(np.float32(0.3)))


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT64", "UINT8"])
@pytest.mark.parametrize("raw", [True, False])
def test_stored_types(kind, raw, tmp_path):
    number = getattr(TensorProto, kind)
    values = [1, 2, 3, 250] if kind in ("INT64", "UINT8") else [0.1, -2.5, 3.0, 1e-3]
    tensor = helper.make_tensor("c", number, [4], values)
    expected = numpy_helper.to_array(tensor)
    if raw:
        tensor = helper.make_tensor("c", number, [4], np.asarray(expected).tobytes(), raw=True)
    op = only(save(make_model([node("Add", "x c")], {"c": tensor}), tmp_path))
    assert op.shift.tolist() == np.asarray(expected).astype(np.float64).tolist()


def test_large_integers_stay_exact(tmp_path):
    big = np.array([2**53 + 1, -(2**62) - 3, 1, 0])
    op = only(save(make_model([node("Add", "x c")], {"c": big}), tmp_path))
    assert op.shift.tolist() == big.tolist()


def test_double_network(tmp_path):
    model = make_model(
        [node("MatMul", "x w", "h"), node("Relu", "h")],
        {"w": floats(4, 3, dtype=np.float64)},
        elem=TensorProto.DOUBLE,
    )
    agree(save(model, tmp_path), (1, 4), dtype=np.float64, tolerance=1e-12)


def test_names(tmp_path):
    unnamed = helper.make_node("Relu", ["h"], ["y"])
    model = make_model([node("MatMul", "x w", "h"), unnamed], {"w": W45})
    assert [op.name for op in formats.load(save(model, tmp_path)).operators] == [
        "MatMul_h",
        "Relu_1",
    ]


def test_dead_nodes_are_ignored(tmp_path):
    nodes = [node("Sigmoid", "x", "dead"), node("Relu", "x"), node("Add", "dead y", "dead2")]
    stored = {"unused": np.float32([np.nan])}
    assert only(save(make_model(nodes, stored), tmp_path)).kind == "ReLU"


@pytest.mark.parametrize("kind", ["Sigmoid", "Tanh", "Softplus", "Elu", "Gelu", "Exp"])
def test_smooth_operators_are_explained(kind, tmp_path):
    with pytest.raises(UnsupportedOperatorError, match=f"'the_{kind}'.*not piecewise affine"):
        formats.load(save(make_model([node(kind, "x")]), tmp_path))


def test_unknown_domain_is_named(tmp_path):
    model = make_model([node("Relu", "x", domain="com.acme")])
    with pytest.raises(UnsupportedOperatorError, match=r"com\.acme"):
        formats.load(save(model, tmp_path))


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Relu", "x", "h"), node("Add", "h x")],
        [node("Relu", "x", "h"), node("Add", "h h")],
        [node("Mul", "x x")],
        [node("Gemm", "x x", transB=1)],
    ],
)
def test_branches_are_refused(nodes, tmp_path):
    with pytest.raises(UnsupportedOperatorError, match=r"used 2 times.*residual"):
        formats.load(save(make_model(nodes), tmp_path))


@pytest.mark.parametrize(
    ("nodes", "stored", "error", "text"),
    [
        ([node("Div", "x c")], {"c": np.float32([1, 0, 1, 1])}, ParameterError, "zero"),
        ([node("Div", "c x")], {"c": floats(4)}, UnsupportedOperatorError, "division"),
        (
            [node("MatMul", "w v", "m"), node("Mul", "x m")],
            {"w": W44, "v": W44},
            UnsupportedOperatorError,
            "two constants",
        ),
        ([node("Relu", "c")], {"c": floats(4)}, UnsupportedOperatorError, "of a constant"),
        ([node("Add", "c c")], {"c": floats(4)}, FormatError, "does not depend"),
        (
            [node("Dropout", "x r t")],
            {"r": np.float32(0.1), "t": np.array(True)},
            UnsupportedOperatorError,
            "training_mode",
        ),
        ([node("MatMul", "x w")], {"w": floats(3, 3)}, ShapeError, "the_MatMul"),
        ([node("Reshape", "x s")], {"s": np.array([5])}, FormatError, "no shape"),
        ([node("Reshape", "x s")], {"s": np.array([-1, -1])}, FormatError, "at most one"),
        ([node("Relu", "x", beta=1.0)], {}, FormatError, "'beta' is not known"),
        ([node("LeakyRelu", "x", alpha=1)], {}, FormatError, "wrong type"),
        ([node("Relu", "x c")], {"c": floats(4)}, FormatError, "2 inputs"),
        ([node("MatMul", "x w")], {"w": floats(2, 4, 3)}, UnsupportedOperatorError, "stack"),
        ([node("PRelu", "x s")], {"s": floats(3, 1)}, ShapeError, "slope"),
        ([node("Cast", "x", to=6)], {}, UnsupportedOperatorError, "cast"),
        (
            [node("Div", "a b", "s"), node("Reshape", "x s")],
            {"a": np.array([8, 2]), "b": np.array([3, 1])},
            FormatError,
            "remainder",
        ),
        (
            [helper.make_node("Dropout", ["x"], ["d", "y"])],
            {},
            UnsupportedOperatorError,
            "first output",
        ),
    ],
)
def test_refusals(nodes, stored, error, text, tmp_path):
    with pytest.raises(error, match=text):
        formats.load(save(make_model(nodes, stored), tmp_path))


# --- npz -------------------------------------------------------------------------------------


def test_npz(tmp_path):
    path = tmp_path / "net.npz"
    arrays = {"W0": floats(3, 2), "b0": floats(3), "W1": floats(1, 3), "b1": floats(1)}
    np.savez(path, **arrays)
    net = formats.load(path)
    assert [op.kind for op in net.operators] == ["Dense", "ReLU", "Dense"]
    x = floats(2)
    hidden = np.maximum(arrays["W0"] @ x + arrays["b0"], 0)
    np.testing.assert_allclose(
        net.forward(np.float64(x)), arrays["W1"] @ hidden + arrays["b1"], rtol=1e-5
    )
    assert net.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_npz_compressed_fortran_and_integers(tmp_path):
    path = tmp_path / "net.npz"
    weight = np.asfortranarray(np.arange(6).reshape(3, 2))
    np.savez_compressed(path, W0=weight, b0=np.array([2**60 + 1, 0, 0]))
    (dense,) = formats.load(path).operators
    assert dense.weight.tolist() == weight.tolist()
    assert dense.bias[0] == 2**60 + 1


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"W0": np.eye(2)}, "b0 is missing"),
        ({"W0": np.eye(2), "b0": np.zeros(2), "W2": np.eye(2), "b2": np.zeros(2)}, "W1 is missing"),
        ({"W0": np.eye(2), "b0": np.zeros(2), "mean": np.zeros(2)}, "'mean' is not expected"),
        ({"W0": np.eye(2), "b0": np.zeros(2), "W01": np.eye(2)}, "'W01' is not expected"),
        ({"W0": np.zeros(2), "b0": np.zeros(2)}, "shape"),
        ({"W0": np.eye(2), "b0": np.zeros((2, 1))}, "shape"),
        ({"W0": np.zeros((0, 2)), "b0": np.zeros(0)}, "shape"),
        ({"W0": np.eye(2, dtype=complex), "b0": np.zeros(2)}, "complex"),
        ({}, "empty"),
    ],
)
def test_npz_refusals(arrays, text, tmp_path):
    np.savez(tmp_path / "net.npz", **arrays)
    with pytest.raises(FormatError, match=text):
        formats.load(tmp_path / "net.npz")


def test_npz_layers_must_fit(tmp_path):
    np.savez(tmp_path / "n.npz", W0=np.eye(2), b0=np.zeros(2), W1=np.eye(3), b1=np.zeros(3))
    with pytest.raises(ShapeError, match="layer1"):
        formats.load(tmp_path / "n.npz")


# --- JSON networks ---------------------------------------------------------------------------


def every_operator():
    third, huge = Fraction(1, 3), Fraction(10**400)
    return Network(
        [
            Elementwise([third, 1, 0.1], [huge, 0, -1 / huge], name="norm"),
            Dense([[third, 2, huge], [0.1, 2**60 + 1, -3]], [1, third], name="first"),
            ReLU(),
            LeakyReLU("-7/3"),
            PReLU([third, 0.25]),
            Abs(),
            Identity(),
            Reshape((2, 1)),
            Dense([[1, -1]], axis=-2),
            Flatten(),
            Reshape((-1,)),
        ],
        (3,),
    )


def test_json_round_trip_is_exact(tmp_path):
    net = every_operator()
    path = tmp_path / "net.json"
    formats.save_json(net, path)
    again = formats.load(path)
    assert [op.kind for op in again.operators] == [op.kind for op in net.operators]
    assert [op.name for op in again.operators] == [op.name for op in net.operators]
    assert formats.network_to_json(again) == formats.network_to_json(net)
    for new, old in zip(again.operators, net.operators, strict=True):
        for key in ("weight", "bias", "scale", "shift", "slope"):
            if hasattr(old, key):
                assert np.array_equal(getattr(new, key), getattr(old, key))
                assert np.asarray(getattr(new, key)).dtype == np.asarray(getattr(old, key)).dtype
    x = [Fraction(1, 7), Fraction(-2), Fraction(10**30)]
    assert again.forward(x).tolist() == net.forward(x).tolist()
    assert again.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_json_real_network_round_trip(tmp_path):
    net = formats.load(REAL / "reach" / "vdp.onnx")
    formats.save_json(net, tmp_path / "net.json")
    again = formats.load(tmp_path / "net.json")
    for new, old in zip(again.operators, net.operators, strict=True):
        if isinstance(old, Dense):
            assert new.weight.dtype == np.float64
            assert np.array_equal(new.weight, old.weight)
            assert np.array_equal(new.bias, old.bias)


def json_network(folder, operators, text=None, keys=()):
    value = {
        "format": "exactspline-network",
        "version": 1,
        "input_shape": [1],
        "operators": operators,
    }
    value.update(keys)
    path = Path(folder) / "net.json"
    path.write_text(json.dumps(value) if text is None else text)
    return path


def test_json_decimals_are_exact(tmp_path):
    text = (
        '{"format":"exactspline-network","version":1,"input_shape":[1],'
        '"operators":[{"type":"Dense","weight":[[0.1],["-1/3"],[1e-400],[1E2],["0.25"]]}]}'
    )
    (dense,) = formats.load(json_network(tmp_path, [], text)).operators
    assert dense.weight.reshape(-1).tolist() == [
        Fraction(1, 10),
        Fraction(-1, 3),
        Fraction(1, 10**400),
        100,
        Fraction(1, 4),
    ]


@pytest.mark.parametrize(
    ("operator", "error", "text"),
    [
        ({"type": "Dense", "weight": [[1]], "wieght": 3}, FormatError, "'wieght'"),
        ({"type": "ReLU", "slope": 3}, FormatError, "'slope'"),
        ({"type": "Dense"}, FormatError, "'weight' is missing"),
        ({"type": "Sigmoid"}, UnsupportedOperatorError, "Sigmoid"),
        ({"type": "Dense", "weight": [[1, 2], [3]]}, FormatError, "differ in length"),
        ({"type": "Dense", "weight": [1]}, FormatError, "list of lists"),
        ({"type": "Dense", "weight": [[None]]}, FormatError, "null"),
        ({"type": "Dense", "weight": [[True]]}, FormatError, "true"),
        ({"type": "Dense", "weight": [["1/0"]]}, ParameterError, "zero"),
        ({"type": "Dense", "weight": [["nan"]]}, ParameterError, "finite"),
        ({"type": "Dense", "weight": [[1, 2]]}, ShapeError, "operator 0"),
        ({"type": "Reshape", "shape": [1.5]}, FormatError, "integer"),
        ({"type": "LeakyReLU", "slope": [1]}, FormatError, "a number"),
        ({"type": "Dense", "weight": [[]]}, FormatError, "empty"),
        (7, FormatError, "object"),
    ],
)
def test_json_refusals(operator, error, text, tmp_path):
    with pytest.raises(error, match=text):
        formats.load(json_network(tmp_path, [operator]))


@pytest.mark.parametrize(
    "keys",
    [
        {"version": 2},
        {"format": "x"},
        {"input_shape": "1"},
        {"extra": 1},
        {"operators": {}},
        {"input_shape": [-1]},
        {"input_shape": [10**9, 10**9]},
    ],
)
def test_json_header_refusals(keys, tmp_path):
    with pytest.raises(FormatError, match=r"net\.json"):
        formats.load(json_network(tmp_path, [], keys=keys))


# --- JSON domains ----------------------------------------------------------------------------


def domain_file(folder, value):
    path = Path(folder) / "domain.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_domains_round_trip(tmp_path):
    huge = Fraction(10**400)
    for domain in (
        WholeSpace(3),
        Box(["1/3", "-inf", 0.1], ["2/3", "inf", huge]),
        Polytope([["1/3", 2], [-1, huge]], [1, "0.1"]),
        Slice(["1/3", 0, 0], [[1, 0, 0], [0, "1/7", 1]], Box([0, 0], [1, "0.1"])),
    ):
        value = formats.domain_to_json(domain)
        again = formats.load_domain(domain_file(tmp_path, value))
        assert type(again) is type(domain)
        assert again.dim == domain.dim
        assert formats.domain_to_json(again) == value


def test_domain_decimals_are_exact(tmp_path):
    box = formats.load_domain(
        domain_file(tmp_path, '{"type":"box","low":[0.1,"-inf"],"high":[0.3,"inf"]}')
    )
    assert box.low == (Fraction(1, 10), None)
    assert box.high == (Fraction(3, 10), None)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"type": "box", "low": [1], "high": [0]}, DomainError),
        ({"type": "box", "low": ["inf"], "high": ["inf"]}, DomainError),
        ({"type": "box", "low": [0, 0], "high": [1]}, ShapeError),
        ({"type": "box", "low": [], "high": []}, FormatError),
        ({"type": "box", "low": [0], "high": [1], "dim": 1}, FormatError),
        ({"type": "all"}, FormatError),
        ({"type": "all", "dim": 0}, FormatError),
        ({"type": "all", "dim": 10**15}, FormatError),
        ({"type": "ball", "radius": 1}, FormatError),
        ({"type": "polytope", "G": [[1]], "h": [1, 2]}, ShapeError),
        ({"type": "polytope", "G": [["inf"]], "h": [1]}, ParameterError),
        (
            {
                "type": "slice",
                "origin": [0, 0],
                "directions": [[1, 1], [2, 2]],
                "domain": {"type": "all", "dim": 2},
            },
            DomainError,
        ),
        ([], FormatError),
    ],
)
def test_domain_refusals(value, error, tmp_path):
    with pytest.raises(error):
        formats.load_domain(domain_file(tmp_path, value))


# --- VNN-LIB ---------------------------------------------------------------------------------


def vnnlib(folder, text, dim=2, outputs=2):
    path = Path(folder) / "p.vnnlib"
    declarations = [f"(declare-const X_{i} Real)" for i in range(dim)]
    declarations += [f"(declare-const Y_{i} Real)" for i in range(outputs)]
    path.write_text("\n".join(declarations) + "\n" + text)
    return path


def read(folder, text, dim=2):
    return formats.load_vnnlib(vnnlib(folder, text, dim), dim)


def test_real_properties():
    files = sorted(REAL.glob("*/*.vnnlib"))
    assert len(files) == 14, f"the real properties are missing in {REAL}"
    for path in files:
        dim = {"acasxu": 5, "control": 4, "tll": 2}.get(
            path.parent.name, 5 if "robot" in path.name else 3
        )
        (box,) = formats.load_vnnlib(path, dim)
        assert isinstance(box, Box)
        assert None not in box.low + box.high
    (box,) = formats.load_vnnlib(REAL / "acasxu" / "prop_3.vnnlib", 5)
    assert box.low[0] == Fraction(-303531156, 10**9)
    (box,) = formats.load_vnnlib(REAL / "acasxu" / "prop_4.vnnlib", 5)
    assert box.low[2] == box.high[2] == 0


def test_vnnlib_decimals_and_open_sides(tmp_path):
    (box,) = read(tmp_path, "(assert (and (>= X_0 0.1) (<= X_0 1e-1))) ; a comment (\n")
    assert box.low == (Fraction(1, 10), None)
    assert box.high == (Fraction(1, 10), None)


def test_vnnlib_forms_of_a_bound(tmp_path):
    text = """(set-logic QF_LRA)
    (assert (<= 0 X_0 1)) (assert (< X_0 0.5)) (assert (> 0.25 (- X_0)))
    (assert (= (* 2 X_1) (/ 1 3))) (assert true) (assert (<= 0 1)) (check-sat)"""
    (box,) = read(tmp_path, text)
    assert box.low == (0, Fraction(1, 6))
    assert box.high == (Fraction(1, 2), Fraction(1, 6))


def test_vnnlib_disjunction(tmp_path):
    text = """
    (assert (>= X_1 -1)) (assert (<= X_1 1))
    (assert (or (and (<= X_0 1) (>= X_0 0)) (and (<= X_0 3) (>= X_0 2)) (and (<= X_0 9)
        (or (<= X_1 0) (>= X_1 0.5)))))
    (assert (or (and (<= Y_0 Y_1)) (and (<= Y_1 0))))"""
    boxes = read(tmp_path, text)
    assert [b.high[0] for b in boxes] == [1, 3, 9, 9]
    assert [b.low[0] for b in boxes] == [0, 2, None, None]
    assert [b.high[1] for b in boxes] == [1, 1, 0, 1]
    assert boxes[3].low[1] == Fraction(1, 2)
    assert formats.overlapping(boxes) == [(0, 2), (0, 3), (1, 2), (1, 3)]


def test_vnnlib_disjunctions_are_multiplied_out(tmp_path):
    split = "(assert (or (<= X_{0} 0) (>= X_{0} 1)))"
    boxes = read(tmp_path, split.format(0) + split.format(1))
    assert [b.describe() for b in boxes] == [
        "(-inf, 0]^2",
        "(-inf, 0] x [1, inf)",
        "[1, inf) x (-inf, 0]",
        "[1, inf)^2",
    ]
    # contradictory combinations are no parts
    boxes = read(tmp_path, split.format(0) + split.format(0))
    assert [b.high[0] for b in boxes] == [0, None]


def test_vnnlib_polytope(tmp_path):
    text = "(assert (<= (+ (* 2 X_0) X_1) 3)) (assert (>= X_0 0.1)) (assert (<= (- X_1 X_0 1) 0))"
    (polytope,) = read(tmp_path, text)
    assert isinstance(polytope, Polytope)
    rows = [[*map(Fraction, g), Fraction(h)] for g, h in zip(polytope.G, polytope.h, strict=True)]
    assert rows == [[2, 1, 3], [-1, 1, 1], [-1, 0, Fraction(-1, 10)]]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("(assert (<= (* X_0 X_1) 1))", UnsupportedOperatorError, "line 5.*not linear"),
        ("(assert (<= (/ 1 X_0) 1))", UnsupportedOperatorError, "not linear"),
        ("(assert (<= X_0 Y_0))", UnsupportedOperatorError, "output-coupled"),
        (
            "(assert (or (and (<= X_0 0) (<= Y_0 0)) (and (<= X_0 1) (<= Y_0 1))))",
            UnsupportedOperatorError,
            "output-coupled",
        ),
        ("(assert (or (<= X_0 0) (<= Y_0 0)))", UnsupportedOperatorError, "output-coupled"),
        ("(assert (not (<= X_0 0)))", UnsupportedOperatorError, "'not'"),
        ("(assert (<= (sin X_0) 0))", UnsupportedOperatorError, "'sin'"),
        ("\n(assert (<= X_0 0)) (assert (>= X_0 0.1))", DomainError, "line 6.*X_0"),
        ("(assert (or (and (<= X_0 0) (>= X_0 1)) (<= X_0 5)))", DomainError, "X_0"),
        ("(assert (<= 1 0))", DomainError, "never true"),
        ("(assert (<= X_2 0))", FormatError, "'X_2' is not declared"),
        ("(declare-const X_2 Real)", FormatError, "2 inputs"),
        ("(declare-const X_1 Real)", FormatError, "twice"),
        ("(declare-const Z Real)", FormatError, "'Z'"),
        ("(declare-const X_1 Int)", FormatError, "declaration"),
        ("(assert (<= X_0 0)", FormatError, "truncated"),
        ("(assert (<= X_0 0)))", FormatError, "line 5"),
        ("(assert (<= X_0))", FormatError, "two terms"),
        ("(assert (<= X_0 1..2))", ParameterError, "line 5"),
        ("(assert (<= X_0 1e999999999))", ParameterError, "line 5"),
        ("(assert (<= (/ X_0 0) 1))", FormatError, "zero"),
        ("(assert)", FormatError, "one formula"),
        ("(declare-network f)", FormatError, "declare-network"),
        ("hello", FormatError, "outside"),
        ('(set-info "x")', FormatError, "character"),
    ],
)
def test_vnnlib_refusals(text, error, message, tmp_path):
    with pytest.raises(error, match=message):
        read(tmp_path, text)


def test_vnnlib_branches_that_agree_on_the_inputs(tmp_path):
    text = "(assert (or (and (<= X_0 1) (<= Y_0 0)) (and (<= Y_0 Y_1) (<= X_0 1))))"
    (box,) = read(tmp_path, text)
    assert box.high == (1, None)


def test_vnnlib_missing_input(tmp_path):
    with pytest.raises(FormatError, match="X_2 is missing"):
        formats.load_vnnlib(vnnlib(tmp_path, "", 2), 3)


def test_vnnlib_too_many_parts(tmp_path):
    with pytest.raises(FormatError, match="10,000"):
        read(tmp_path, "(assert (or (<= X_0 0) (>= X_0 1)))" * 20)


def test_overlapping_is_exact():
    tiny = Fraction(1, 10**40)
    boxes = [
        Box([0, 0], [1, 1]),
        Box([1, 0], [2, 1]),  # shares a side
        Box([1 - tiny, 0], [2, 1]),
        Box([0, Fraction(1, 2)], [1, Fraction(1, 2)]),  # flat, inside of the first
        Box([0, 1], [1, 1]),  # flat, on its border
        Box([0, 1], [1, 1]),
        Box([float("-inf"), 5], [float("inf"), float("inf")]),
        Box([0, 4], [1, 6]),
        WholeSpace(2),
        Box([0], [1]),
    ]
    assert formats.overlapping(boxes) == [(0, 2), (0, 3), (1, 2), (2, 3), (4, 5), (6, 7)]


# --- load ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["net.h5", "net", "net.pt", "net.vnnlib", ".onnx"])
def test_unknown_extension(name, tmp_path):
    with pytest.raises(FormatError, match=r"\.onnx, \.npz and \.json"):
        formats.load(tmp_path / name)


def test_extension_in_capitals(tmp_path):
    assert formats.load(save(make_model([node("Relu", "x")]), tmp_path, "N.ONNX")).input_dim == 4
