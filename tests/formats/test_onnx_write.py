"""Networks written as ONNX: read back they are the same exact function, and onnxruntime agrees."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import onnx
import operator_cases
import pytest
from folders import NETWORKS as REAL
from marks import first_quick
from onnx.reference import ReferenceEvaluator
from onnx_models import session_of

import exactspline as es
from exactspline import formats
from exactspline.errors import FormatError, ParameterError, UnsupportedOperatorError
from exactspline.network import OPERATORS
from exactspline.network.operator import Operator

# what onnxruntime has no kernel for in double: onnx's own slow evaluator computes those
NO_DOUBLE = {"Conv", "Elu", "LeakyRelu", "PRelu"}


def model_outputs(path, x):
    """onnxruntime's values, or those of onnx's reference implementation."""
    kinds = {n.op_type for n in onnx.load(path).graph.node}
    if x.dtype == np.float64 and NO_DOUBLE & kinds:
        return ReferenceEvaluator(str(path)).run(None, {"input": x})[0]
    return session_of(path).run(None, {"input": x})[0]


def no_runtime(model, double):
    """Pads that onnxruntime refuses, as it forgets the dilation; what neither has in double."""
    for n in model.graph.node:
        options = {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute}
        if n.op_type in ("MaxPool", "AveragePool"):
            kernel = options["kernel_shape"]
            if any(p >= k for p, k in zip(options["pads"], kernel * 2, strict=True)):
                return True
        if n.op_type == "ConvTranspose" and double:
            return True
    return False


def written(net, path, xs):
    """Write, check, read back, and compare exactly and with a runtime."""
    formats.save_onnx(net, path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    again = formats.load(path)
    flat = xs.reshape(len(xs), -1)
    exact = net.forward(flat, exact=True).reshape(len(xs), -1)
    assert again.forward(flat, exact=True).reshape(len(xs), -1).tolist() == exact.tolist()
    elem = model.graph.input[0].type.tensor_type.elem_type
    dtype, tolerance = {1: (np.float32, 1e-5), 11: (np.float64, 1e-12)}[elem]
    x = xs.astype(np.float64).astype(dtype).reshape(len(xs), *(net.input_shape or (1,)))
    if not no_runtime(model, elem == 11):
        got = model_outputs(path, x)
        want = net.forward(np.float64(x).reshape(flat.shape), output_operator=True)
        assert list(got.shape[1:]) == list(want.shape[1:] or (1,))
        scale = max(np.abs(want).max(), np.abs(x).max())
        np.testing.assert_allclose(got.reshape(want.shape), want, rtol=0, atol=tolerance * scale)
    return again


def floats_only(operator):
    """Whether every stored number is a float64."""
    fields = [np.asarray(v, dtype=object) for v in operator.fields.values()]
    numbers = [v for field in fields for v in field.reshape(-1) if isinstance(v, Fraction)]
    return all(Fraction(float(v)) == v for v in numbers)


@pytest.mark.parametrize("kind", first_quick(list(operator_cases.CASES), 12))
def test_random_operators(kind, tmp_path):
    compared = 0
    for seed in range(25):
        rng = random.Random(f"{kind} {seed}")
        case = operator_cases.CASES[kind](rng)
        net = operator_cases.as_network(case.operator, case.shapes)
        points = operator_cases.points(rng, case.shapes)
        xs = np.concatenate([v.reshape(len(v), -1) for v in points], axis=1)
        try:
            written(net, tmp_path / "net.onnx", xs)
        except ParameterError:
            assert not floats_only(case.operator)
        else:
            compared += 1
    assert compared >= 8


def test_every_operator_is_written():
    from exactspline.formats.onnx.node_writer import WRITERS

    assert set(WRITERS) == set(OPERATORS)
    smooth = {op.__name__ for op in OPERATORS if op.smooth}
    assert {op.__name__ for op in OPERATORS} == smooth | set(operator_cases.CASES)


RNG = np.random.default_rng(5)


def small(*shape):
    """Numbers that float32 holds."""
    return RNG.integers(-8, 9, shape) / 4


def points(net, n=3):
    rng = random.Random(1)
    values = [Fraction(rng.randint(-16, 16), 8) for _ in range(n * net.input_dim)]
    return np.array(values, dtype=object).reshape(n, net.input_dim)


def residual_net():
    block = es.Residual(
        [es.Conv(small(3, 2, 3, 3), small(3), padding=1, name="in"), es.ReLU(name="act"),
         es.Conv(small(4, 3, 1, 1), stride=2)],
        [es.Conv(small(4, 2, 1, 1), stride=2)],
    )  # fmt: skip
    return es.Network(
        [
            es.Conv(small(2, 1, 3, 3), padding=1, padding_mode="circular"),
            es.BatchNorm(small(2), [1, 4], small(2), small(2), epsilon=0.25),
            es.MaxLeaky(0.5),
            block,
            es.Branches([[es.ReLU()], [es.Abs()], []], es.Concat()),
            es.MaxPool((2, 2), stride=1),
            es.AveragePool((2, 2), stride=1, padding=1),
            es.ReduceMean((1, 2)),
            es.Dense(small(4, 12), small(4)),
            es.Maxout(2),
            es.Softmax(),
        ],
        (1, 6, 6),
    )


def wired_net():
    nodes = [
        (es.Reshape((2, 2)), [-1]),  # 0
        (es.ReduceMax((0,)), [0]),  # 1: (2,)
        (es.Add([1, -1]), [0, 1]),  # 2: ranks differ
        (es.Maximum(), [2, 1, 0]),  # 3
        (es.ReduceSum(), [3]),  # 4: a single number
        (es.Elementwise([1, 2], [[0.5], [1]]), [4]),  # 5: enlarged
        (es.Minimum(), [5, 4]),  # 6
        (es.Add([0.5, 3, 0.25]), [6, 1, 0]),  # 7
        (es.Dense(small(3, 2), small(3), axis=0), [7]),  # 8
        (es.Dense(small(3, 2), axis=1), [8]),  # 9
    ]
    return es.Network.from_nodes(nodes, (4,))


NETWORKS = {
    "residual": residual_net,
    "wired": wired_net,
    "empty": lambda: es.Network([], (2, 2)),
    "scalar": lambda: es.Network([es.ReduceSum(), es.ReLU()], (3,)),
    "scalar_input": lambda: es.Network([es.Abs()], ()),
    "only_output": lambda: es.Network([es.Sigmoid()], (3,)),
    "passes_on": lambda: es.Network([es.Elementwise(), es.Add([1])], (3,)),
    "log_softmax": lambda: es.Network(
        [es.Dense(small(4, 4)), es.Reshape((2, 2)), es.LogSoftmax(0), es.Flatten()], (4,)
    ),
    "clips": lambda: es.Network([es.Clip(), es.Clip(-1), es.Clip(high=1), es.Clip(1, 1)], (3,)),
    "float_bias": lambda: es.Network([es.Dense([[0.1]], [0.3]), es.ReLU()], (1,)),
    "torch_norm": lambda: es.Network([es.BatchNorm([0.1], [3], epsilon=1e-5)], (1, 2, 2)),
    "norm_of_axis": lambda: es.Network([es.BatchNorm([1, 2], [3, 4], axis=1)], (3, 2)),
    "sixths": lambda: es.Network([es.HardSigmoid(), es.Elementwise(Fraction(1, 3))], (3,)),
    "divisor": lambda: es.Network([es.AveragePool((2,), divisor=3, ceil_mode=True)], (1, 5)),
    # 0.1 - 1e20 is no float64
    "spline_of_floats": lambda: es.Network([es.ScalarSpline([0, 1], [1e20, 0.1, 0.3])], (2,)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name, tmp_path):
    net = NETWORKS[name]()
    again = written(net, tmp_path / "net.onnx", points(net))
    assert [n.operator.kind for n in again.output_nodes][:1] == [
        n.operator.kind for n in net.output_nodes
    ][:1]
    assert again.input_dim == net.input_dim


def test_unit_names_and_counts_survive(tmp_path):
    net = residual_net()
    formats.save_onnx(net, tmp_path / "net.onnx")
    again = formats.load(tmp_path / "net.onnx")
    assert again.units == net.units
    named = [str(net.unit_name(k)) for k in range(net.units)]
    assert [str(again.unit_name(k)) for k in range(net.units) if named[k].startswith("act")] == [
        name for name in named if name.startswith("act")
    ]


SMOOTH = {
    "sigmoid": es.Sigmoid(),
    "tanh": es.Tanh(),
    "softplus": es.Softplus(),
    "softplus_3": es.Softplus(3),
    "silu": es.SiLU(),
    "hard_swish": es.HardSwish(),
    "gelu": es.GELU(),
    "gelu_tanh": es.GELU("tanh"),
    "elu": es.ELU(0.5),
    "elu_of_double": es.ELU(0.1),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_operators(name, tmp_path):
    path = tmp_path / "net.onnx"
    net = es.Network([SMOOTH[name], es.Dense(small(2, 3))], (3,))
    formats.save_onnx(net, path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    x = RNG.standard_normal((4, 3))
    double = onnx.load(path).graph.input[0].type.tensor_type.elem_type == 11
    got = model_outputs(path, x if double else np.float32(x))
    np.testing.assert_allclose(got, net.forward(x), rtol=0, atol=1e-12 if double else 1e-5)
    np.testing.assert_allclose(formats.load(path).forward(x), net.forward(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("operators", "elem"),
    [
        ([es.Dense([[0.5, -2]])], 1),
        ([es.Dense([[0.1, -2]])], 11),
        ([es.Dense([[2.0**200, 1]])], 11),
        ([es.Clip(high=0.1)], 11),
        ([es.LeakyReLU(0.5)], 1),
        ([es.LeakyReLU(0.1)], 11),
        ([es.BatchNorm([0], [1], epsilon=0.5)], 1),
    ],
)
def test_data_type(operators, elem, tmp_path):
    shape = (1,) if operators[0].kind == "BatchNorm" else (2,)
    formats.save_onnx(es.Network(operators, shape), tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    assert model.graph.input[0].type.tensor_type.elem_type == elem
    assert {t.data_type for t in model.graph.initializer} <= {elem, onnx.TensorProto.INT64}


def test_rounding_must_be_allowed(tmp_path):
    path = tmp_path / "net.onnx"
    net = es.Network([es.Dense([["1/3"]], name="first"), es.LeakyReLU("1/7")], (1,))
    with pytest.raises(ParameterError, match=r"first: the parameter 1/3.*rounded=True"):
        net.to_onnx(path)
    assert not path.exists()
    net.to_onnx(path, rounded=True)
    dense, leaky = formats.load(path).operators
    assert dense.weight.tolist() == [[1 / 3]]
    assert Fraction(leaky.slope.reshape(-1)[0]) == Fraction(1 / 7)


def test_beyond_the_range_of_float64(tmp_path):
    net = es.Network([es.Dense([[10**400]])], (1,))
    with pytest.raises(ParameterError, match=r"10\^400"):
        net.to_onnx(tmp_path / "net.onnx")
    with pytest.raises(ParameterError, match="beyond the range"):
        net.to_onnx(tmp_path / "net.onnx", rounded=True)


def test_foreign_operators_and_bad_paths(tmp_path):
    class Foreign(es.ReLU):
        pass

    assert issubclass(Foreign, Operator)
    with pytest.raises(UnsupportedOperatorError, match="no ONNX form"):
        formats.save_onnx(es.Network([Foreign()], (1,)), tmp_path / "net.onnx")
    with pytest.raises(FormatError, match="cannot be written"):
        formats.save_onnx(es.Network([], (1,)), tmp_path / "missing" / "net.onnx")


def test_real_network_round_trip(tmp_path):
    net = formats.load(REAL / "conv" / "Convnet_avgpool.onnx")
    formats.save_onnx(net, tmp_path / "net.onnx")
    again = formats.load(tmp_path / "net.onnx")
    x = RNG.standard_normal((2, *net.input_shape))
    assert np.array_equal(again.forward(x), net.forward(x))
    got = session_of(tmp_path / "net.onnx").run(None, {"input": np.float32(x)})[0]
    want = net.forward(np.float64(np.float32(x)))
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max())
