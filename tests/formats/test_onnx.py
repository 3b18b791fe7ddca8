"""Every ONNX operator that is read, against onnxruntime and in rationals; and what is refused."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import pytest
from folders import NETWORKS
from onnx import TensorProto, helper, numpy_helper
from onnx_cases import OPERATORS, SMOOTH, W45, I
from onnx_models import agree, floats, make_model, node, save
from onnx_suite import PASSED, read_table

from exactspline import formats
from exactspline.errors import (
    FormatError,
    ParameterError,
    ShapeError,
    UnsupportedOperatorError,
)
from exactspline.network import Dense


@pytest.mark.parametrize("case", OPERATORS)
def test_operator_agrees_with_onnxruntime(case, tmp_path):
    nodes, stored, shape, options = OPERATORS[case]
    path = save(make_model(nodes, stored, shape, **options), tmp_path)
    net = agree(path, shape)
    if not SMOOTH & {n.op_type for n in nodes} and not any(op.smooth for op in net.operators):
        agree(path, shape, samples=1, exact=True)
        assert net.units >= 0  # it compiles


def test_every_registered_operator_is_compared():
    from exactspline.formats.onnx.registry import REGISTRY

    used = {n.op_type for nodes, *_ in OPERATORS.values() for n in nodes}
    used |= {row.operator for row in read_table()[1] if row.result == PASSED}  # by onnx's own tests
    assert {kind for domain, kind in REGISTRY if not domain} <= used


@pytest.mark.parametrize(
    "case",
    ["max_pool_pads", "batch_norm", "sum", "reduce_mean", "max", "gemm_all", "clip", "relu", "tanh",
     "matmul_stacked", "concat", "split", "slice", "pad", "sigmoid", "softmax"],
)  # fmt: skip
def test_double_models(case, tmp_path):
    nodes, stored, shape, options = OPERATORS[case]
    wide = {k: v.astype(np.float64) if v.dtype == np.float32 else v for k, v in stored.items()}
    model = make_model(nodes, wide, shape, elem=TensorProto.DOUBLE, **options)
    agree(save(model, tmp_path), shape, dtype=np.float64, tolerance=1e-12)


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


@pytest.mark.parametrize("shape", [[2, 4], [1, "K"], ["N"], [1, 4, None]])
def test_batch_axis_refused(shape, tmp_path):
    with pytest.raises(FormatError, match="input 'x'"):
        formats.load(save(make_model([node("Relu", "x")], shape=shape), tmp_path))


@pytest.mark.parametrize(
    ("nodes", "stored", "shape"),
    [
        ([node("MatMul", "w x")], {"w": floats(3, 1)}, (1, 4)),
        ([node("Add", "x c")], {"c": floats(3, 4)}, (1, 4)),
        ([node("Add", "x c")], {"c": floats(3, 1, 4)}, (1, 4)),
        ([node("Transpose", "x", perm=[2, 0, 1])], {}, (1, 3, 4)),
        ([node("Concat", "x x", axis=0)], {}, (1, 3)),
        ([node("Concat", "x c", axis=1)], {"c": floats(2, 3)}, (1, 3)),
        ([node("ReduceSum", "x")], {}, (1, 3)),
        ([node("ReduceMax", "x", axes=[0])], {}, (1, 3)),
        ([node("Softmax", "x", axis=0)], {}, (1, 3)),
        ([node("Tile", "x r")], {"r": I([2, 1])}, (1, 3)),
        ([node("Expand", "x s")], {"s": I([2, 3])}, (1, 3)),
        ([node("Pad", "x p")], {"p": I([1, 0, 0, 0])}, (1, 3)),
        ([node("Gather", "x i", axis=0)], {"i": I([0, 0])}, (1, 3)),
        ([node("MatMul", "x w")], {"w": floats(2, 3, 3)}, (1, 3)),
        ([node("Gemm", "w x")], {"w": floats(3, 1)}, (1, 4)),
    ],
)
def test_batch_is_never_mixed(nodes, stored, shape, tmp_path):
    with pytest.raises(UnsupportedOperatorError, match="the_"):
        formats.load(save(make_model(nodes, stored, shape), tmp_path))


def test_real_networks_agree_with_onnxruntime():
    files = sorted(p for p in NETWORKS.glob("*/*.onnx") if p.parent.name != "conv")
    assert len(files) >= 21, f"the real networks are missing in {NETWORKS}"
    for path in files:
        (given,) = onnxruntime.InferenceSession(path).get_inputs()
        shape = tuple(n if isinstance(n, int) else 1 for n in given.shape)
        net = agree(path, shape, tolerance=5e-5)  # sums of float32, seven layers deep
        assert net.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert net.input_dim == math.prod(shape)


def test_real_network_is_exactly_what_is_stored():
    path = NETWORKS / "acasxu" / "ACASXU_run2a_1_1_batch_2000.onnx"
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    dense = [op for op in formats.load(path).operators if isinstance(op, Dense)]
    assert dense[0].name == "Operation_1_MatMul"
    assert np.array_equal(dense[0].weight, stored["Operation_1_MatMul_W"].T)


def test_real_convolution_agrees_with_onnxruntime():
    path = NETWORKS / "conv" / "Convnet_avgpool.onnx"
    net = agree(path, (1, 1, 28, 28), samples=3)
    assert net.units == 23_328
    assert {"Conv", "ReLU"} <= {op.kind for op in net.operators}


# --- exactness -------------------------------------------------------------------------


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


@pytest.mark.parametrize("kind", ["Exp", "Mish", "Det", "LpNormalization", "LayerNormalization"])
def test_smooth_operators_are_explained(kind, tmp_path):
    with pytest.raises(UnsupportedOperatorError, match=f"'the_{kind}'.*not piecewise affine"):
        formats.load(save(make_model([node(kind, "x")]), tmp_path))


@pytest.mark.parametrize("kind", ["ArgMax", "Floor", "Round", "Hardmax"])
def test_jumping_operators_are_explained(kind, tmp_path):
    with pytest.raises(UnsupportedOperatorError, match=f"'the_{kind}'.*not continuous"):
        formats.load(save(make_model([node(kind, "x")]), tmp_path))


@pytest.mark.parametrize("kind", ["Sigmoid", "Tanh", "Softplus", "Elu", "Softmax"])
def test_a_smooth_operator_inside_loads_and_says_so_when_it_is_compiled(kind, tmp_path):
    model = make_model([node(kind, "x", "h"), node("Relu", "h")])
    net = formats.load(save(model, tmp_path))
    assert net.operators[0].smooth
    with pytest.raises(UnsupportedOperatorError, match=f"{kind}_h.*not piecewise affine"):
        _ = net.program


@pytest.mark.parametrize("kind", ["Sigmoid", "Softmax", "LogSoftmax"])
def test_output_operator(kind, tmp_path):
    model = make_model([node("Relu", "x", "h"), node(kind, "h", "g"), node("Mul", "g c")],
                       {"c": np.float32([2])})  # fmt: skip
    net = formats.load(save(model, tmp_path))
    assert [op.kind for op in net.operators] == ["ReLU"]
    assert [n.operator.kind for n in net.output_nodes] == [kind, "Elementwise"]
    assert net.units == 4


@pytest.mark.parametrize("alpha", [0.5, -1.0])
def test_a_jump_is_refused_with_its_size(alpha, tmp_path):
    model = make_model([node("ThresholdedRelu", "x", alpha=alpha)])
    text = {0.5: r"the_Thresh.*jumps at 1/2 by 1/2", -1.0: "jumps at -1 by -1"}[alpha]
    with pytest.raises(UnsupportedOperatorError, match=text):
        formats.load(save(model, tmp_path))


def test_unknown_domain_is_named(tmp_path):
    model = make_model([node("Relu", "x", domain="com.acme")])
    with pytest.raises(UnsupportedOperatorError, match=r"com\.acme"):
        formats.load(save(model, tmp_path))


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Mul", "x x")],
        [node("Relu", "x", "h"), node("Div", "h x")],
        [node("HardSigmoid", "x", "h"), node("Mul", "x h")],
        [node("Gemm", "x x", transB=1)],
        [node("MatMul", "x x")],
    ],
)
def test_products_of_values_are_refused(nodes, tmp_path):
    with pytest.raises(UnsupportedOperatorError, match=r"input.*not (piecewise )?affine"):
        formats.load(save(make_model(nodes), tmp_path))


@pytest.mark.parametrize(
    ("nodes", "stored", "error", "text"),
    [
        ([node("Div", "x c")], {"c": np.float32([1, 0, 1, 1])}, ParameterError, "zero"),
        ([node("Div", "c x")], {"c": floats(4)}, UnsupportedOperatorError, "division"),
        (
            [node("RandomNormalLike", "c", "s"), node("Add", "x s")],
            {"c": floats(4)},
            UnsupportedOperatorError,
            "is random",
        ),
        (
            [node("Log", "c", "s"), node("Add", "x s")],
            {"c": np.float32([-1, 0, 1, 2])},
            ParameterError,
            "Log_s.*nan",
        ),
        ([node("ReduceProd", "x", axes=[1])], {}, UnsupportedOperatorError, "product"),
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
            [helper.make_node("TopK", ["x", "k"], ["d", "y"])],
            {"k": I([1])},
            UnsupportedOperatorError,
            "largest is not continuous",
        ),
    ],
)
def test_refusals(nodes, stored, error, text, tmp_path):
    with pytest.raises(error, match=text):
        formats.load(save(make_model(nodes, stored), tmp_path))
