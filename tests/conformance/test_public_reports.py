"""What other importers and verifiers got wrong, by public reports: values computed by hand.

Every case names the report that it is taken from. Expected values are loops and index arithmetic
written for the case, from the wording of the ONNX standard or of torch's documentation; where
these leave something open, the model is refused.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import exactspline as es

F = Fraction


def read(tmp_path, nodes, shape, *, opset=19, **constants):
    """The network of a model: nodes are (type, inputs, outputs, attributes); x in, y out."""
    made = [helper.make_node(kind, ins, outs, **more) for kind, ins, outs, more in nodes]
    graph = helper.make_graph(
        made, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 9
    onnx.save(model, tmp_path / "m.onnx")
    return es.load(tmp_path / "m.onnx")


def exactly(net, x):
    """The value at a point, in rationals."""
    return net.forward(np.vectorize(F, otypes=[object])(x), exact=True)


def numbers(*shape, seed=0):
    """Integers of both signs, as float32 holds them."""
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(np.float32)


def starts(size, kernel, stride, before, after, *, ceil):
    """Where windows start, from the padded begin; none starts in the padding at the end."""
    room = size + before + after - kernel
    count = (math.ceil(room / stride) if ceil else room // stride) + 1
    if ceil and (count - 1) * stride >= size + before:
        count -= 1
    return [i * stride - before for i in range(count)]


def pooled(x, kernel, stride, pads, *, ceil, kind, padding_counts=False):
    """Pooling of a picture (C, H, W), window by window."""
    (c, h, w), (k, m) = x.shape, kernel
    rows = starts(h, k, stride[0], pads[0], pads[2], ceil=ceil)
    columns = starts(w, m, stride[1], pads[1], pads[3], ceil=ceil)
    out = np.empty((c, len(rows), len(columns)), dtype=object)
    for channel, i, j in product(range(c), range(len(rows)), range(len(columns))):
        cells = [
            F(float(x[channel, a, b]))
            for a in range(rows[i], rows[i] + k) for b in range(columns[j], columns[j] + m)
            if 0 <= a < h and 0 <= b < w
        ]  # fmt: skip
        if kind == "max":
            out[channel, i, j] = max(cells)
            continue
        high = min(rows[i] + k, h + pads[2]) - rows[i]
        wide = min(columns[j] + m, w + pads[3]) - columns[j]
        out[channel, i, j] = sum(cells) / (high * wide if padding_counts else len(cells))
    return out


# --------------------------------------------------------------------------------- pooling
POOLS = [
    # report, size, kernel, stride, pads (top, left, bottom, right), ceil, padding counts
    ("onnx/onnx 4958", (4, 4), (2, 2), (3, 3), (0, 0, 0, 0), True, False),
    ("microsoft/onnxscript 754", (4, 4), (3, 3), (2, 2), (0, 0, 0, 0), True, False),
    ("pytorch/pytorch 71549", (2, 2), (3, 3), (3, 3), (1, 1, 1, 1), True, False),
    ("PINTO0309/onnx2tf 207", (5, 5), (2, 2), (2, 2), (0, 0, 0, 0), True, False),
    ("PINTO0309/onnx2tf 211", (6, 7), (3, 3), (2, 2), (1, 0, 0, 1), True, False),
    ("pytorch/pytorch 13934", (5, 5), (5, 5), (1, 1), (2, 2, 2, 2), False, True),
    ("pytorch/pytorch 7279", (5, 5), (3, 3), (2, 2), (1, 1, 1, 1), False, False),
]


@pytest.mark.parametrize("report", POOLS, ids=lambda r: r[0])
@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling_with_ceil_and_padding(report, kind, tmp_path):
    _, size, kernel, stride, pads, ceil, counts = report
    options = {"kernel_shape": kernel, "strides": stride, "pads": pads, "ceil_mode": int(ceil)}
    if kind == "average":
        options["count_include_pad"] = int(counts)
    net = read(
        tmp_path, [("MaxPool" if kind == "max" else "AveragePool", ["x"], ["y"], options)],
        (1, 2, *size),
    )  # fmt: skip
    x = numbers(2, *size) - 10  # all below zero: a window that counted its padding as 0 shows
    right = pooled(x, kernel, stride, pads, ceil=ceil, kind=kind, padding_counts=counts)
    assert exactly(net, x).tolist() == right.tolist()


def test_the_last_window_counts_what_is_there(tmp_path):
    """microsoft/onnxruntime 16203, onnx/onnx 5276: the last window is cut at the padding's end."""
    pads = {"kernel_shape": [7], "strides": [3], "pads": [3, 3]}
    options = {**pads, "ceil_mode": 1, "count_include_pad": 1}
    net = read(tmp_path, [("AveragePool", ["x"], ["y"], options)], (1, 1, 9))
    x = numbers(1, 9)
    right = []
    for start in starts(9, 7, 3, 3, 3, ceil=True):
        inside = [F(float(x[0, i])) for i in range(start, start + 7) if 0 <= i < 9]
        right.append(sum(inside) / (min(start + 7, 12) - start))
    assert exactly(net, x).tolist() == [right]


@pytest.mark.slow
def test_torch_pools_as_torch_does():
    """pytorch/pytorch 183528: ceil_mode with count_include_pad, the window cut at the padding."""
    torch = pytest.importorskip("torch")
    pool = torch.nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, count_include_pad=True)
    found = exactly(es.from_torch(pool, (1, 4, 4)), np.arange(1.0, 17.0).reshape(1, 4, 4))
    right = [F(14, 9), F(10, 3), 2, F(19, 3), 11, 6, F(9, 2), F(15, 2), 4]
    assert found.reshape(-1).tolist() == right


# ------------------------------------------------------------------------------ transposed
def transposed(x, w, stride, begin, size):
    """Transposed convolution (C, H, W) with (C, M, k, k): every entry is spread, then cut."""
    c, h, wide = x.shape
    _, m, k, _ = w.shape
    full = np.full((m, (h - 1) * stride + k + 9, (wide - 1) * stride + k + 9), F(0))
    for a, o, i, j, p, q in product(*map(range, (c, m, h, wide, k, k))):
        full[o, i * stride + p, j * stride + q] += F(float(x[a, i, j])) * F(float(w[a, o, p, q]))
    return full[:, begin : begin + size, begin : begin + size]


TRANSPOSED = [
    # report, input, kernel, stride, pads begin/end, output padding, attributes
    ("ENOT-AutoDL/onnx2torch 41", 3, 3, 2, (1, 1), 1, {"output_padding": [1, 1]}),
    ("onnx/onnx 2788", 2, 3, 1, (1, 1), 0, {"auto_pad": "SAME_UPPER"}),
    ("microsoft/onnxruntime 4698", 5, 3, 2, (0, 1), 0, {"auto_pad": "SAME_UPPER"}),
    ("microsoft/onnxruntime 4086", 5, 3, 2, (1, 0), 0, {"auto_pad": "SAME_LOWER"}),
    ("apache/tvm 19450", 4, 3, 2, (0, 1), 0, {"auto_pad": "SAME_UPPER"}),
]


@pytest.mark.parametrize("report", TRANSPOSED, ids=lambda r: r[0])
def test_transposed_convolution_with_padding(report, tmp_path):
    _, n, k, stride, (begin, end), extra, attributes = report
    if "auto_pad" not in attributes:
        attributes = {**attributes, "pads": [begin, begin, end, end]}
    w = numbers(2, 3, k, k, seed=1)
    net = read(
        tmp_path,
        [("ConvTranspose", ["x", "w"], ["y"], {"strides": [stride, stride], **attributes})],
        (1, 2, n, n), w=w,
    )  # fmt: skip
    x = numbers(2, n, n)
    size = (n - 1) * stride + k + extra - begin - end
    if "auto_pad" in attributes:
        assert size == n * stride  # which is what SAME says
    assert exactly(net, x).tolist() == transposed(x, w, stride, begin, size).tolist()


def test_what_the_standard_leaves_open_is_refused(tmp_path):
    """onnx/onnx 4299, microsoft/onnxruntime 11927: SAME with a kernel below the stride."""
    nodes = [("ConvTranspose", ["x", "w"], ["y"], {"strides": [3, 3], "auto_pad": "SAME_UPPER"})]
    with pytest.raises(es.UnsupportedOperatorError, match="auto_pad"):
        read(tmp_path, nodes, (1, 1, 3, 3), w=numbers(1, 1, 2, 2))


@pytest.mark.parametrize("where", ["SAME_UPPER", "SAME_LOWER"])
def test_convolution_of_the_same_size(where, tmp_path):
    """Talmaj/onnx2pytorch 58, ENOT-AutoDL/onnx2torch 144: an odd number of padded columns."""
    w = numbers(1, 1, 2, 4, seed=2)
    nodes = [("Conv", ["x", "w"], ["y"], {"strides": [2, 2], "auto_pad": where})]
    net = read(tmp_path, nodes, (1, 1, 5, 6), w=w)
    x = numbers(1, 5, 6)
    right = np.full((1, 3, 3), F(0))
    top = (1 + (where == "SAME_LOWER")) // 2  # of 1 row and 2 columns of padding
    for i, j, a, b in product(range(3), range(3), range(2), range(4)):
        r, s = 2 * i + a - top, 2 * j + b - 1
        if 0 <= r < 5 and 0 <= s < 6:
            right[0, i, j] += F(float(w[0, 0, a, b])) * F(float(x[0, r, s]))
    assert exactly(net, x).tolist() == right.tolist()


# ------------------------------------------------------------------------------------ moves
SLICES = [
    # iree-org/iree 24584, ROCm/AMDMIGraphX 855, apache/tvm 19532: from, to, step
    (9, 0, -1), (7, 0, -1), (9, 2, -1), (9, 0, -3), (-1, -11, -1), (-1, -(2**31), -1),
    (-1, -(2**63), -4), (2**31 - 1, 0, -2), (-3, 2, -2), (1, 100, 3),
]  # fmt: skip


@pytest.mark.parametrize("slice_", SLICES)
def test_slices_with_negative_steps(slice_, tmp_path):
    first, last, step = slice_
    net = read(
        tmp_path, [("Slice", ["x", "s", "e", "a", "t"], ["y"], {})], (1, 10),
        s=np.array([first]), e=np.array([last]), a=np.array([1]), t=np.array([step]),
    )  # fmt: skip
    x = np.arange(10.0)
    assert exactly(net, x).tolist() == x[first:last:step].tolist()


def test_slices_as_attributes(tmp_path):
    """KhronosGroup/NNEF-Tools 122: before opset 10 the ends are attributes, and have no steps."""
    nodes = [("Slice", ["x"], ["y"], {"axes": [1, 2], "starts": [0, -2], "ends": [1, 10**9]})]
    net = read(tmp_path, nodes, (1, 2, 3), opset=9)
    x = numbers(2, 3)
    assert exactly(net, x).tolist() == x[:1, -2:].tolist()


def test_gathering_one_entry_drops_the_axis(tmp_path):
    """ARM-software/armnn 748, NeuralNetworkVerification/Marabou 853: an index without an axis."""
    nodes = [("Gather", ["x", "i"], ["z"], {"axis": 2}), ("Relu", ["z"], ["y"], {})]
    net = read(tmp_path, nodes, (1, 3, 4), i=np.array(-1))
    x = numbers(3, 4)
    assert net.output_shape == (3,)
    assert exactly(net, x).tolist() == np.maximum(x[:, -1], 0).tolist()


def test_parts_and_their_order(tmp_path):
    """vas-group-imperial/VeriNet 9: chunks, index slices and their concatenation."""
    nodes = [
        ("Split", ["x", "n"], ["a", "b", "c"], {"axis": 1}),
        ("Gather", ["b", "i"], ["d"], {"axis": 1}),
        ("Concat", ["c", "d", "a"], ["y"], {"axis": -1}),
    ]
    net = read(tmp_path, nodes, (1, 9), n=np.array([2, 4, 3]), i=np.array([3, 0, 0]))
    x = numbers(9)
    assert exactly(net, x).tolist() == x[[6, 7, 8, 5, 2, 2, 0, 1]].tolist()


@pytest.mark.parametrize(("axis", "rows"), [(0, 1), (1, 1), (2, 2), (-1, 6)])
def test_flatten_has_two_axes(axis, rows, tmp_path):
    """NeuralNetworkVerification/Marabou 243: the axis says what goes to the left."""
    net = read(tmp_path, [("Flatten", ["x"], ["y"], {"axis": axis})], (1, 2, 3, 4))
    x = numbers(2, 3, 4)
    assert exactly(net, x).reshape(-1).tolist() == x.reshape(-1).tolist()
    assert math.prod(net.output_shape) == 24
    if rows > 1:
        assert net.output_shape == (rows, 24 // rows)


# ----------------------------------------------------------------------------- arithmetic
def test_two_branches_are_added(tmp_path):
    """NeuralNetworkVerification/Marabou 282, 854: one input, two products, one sum."""
    a, b, c, d = numbers(4, 3), numbers(3, 4, seed=1), numbers(4, seed=2), numbers(4, seed=3)
    nodes = [
        ("Gemm", ["x", "a", "c"], ["u"], {"transB": 1}),
        ("Gemm", ["x", "b", "d"], ["v"], {"alpha": 0.5, "beta": -2.0}),
        ("Add", ["u", "v"], ["s"], {}), ("Relu", ["s"], ["y"], {}),
    ]  # fmt: skip
    net = read(tmp_path, nodes, (1, 3), a=a, b=b, c=c, d=d)
    x = numbers(3, seed=4)
    right = [
        max(
            F(0),
            sum((F(float(a[i, j])) + F(float(b[j, i])) / 2) * F(float(x[j])) for j in range(3))
            + F(float(c[i])) - 2 * F(float(d[i])),
        )
        for i in range(4)
    ]  # fmt: skip
    assert exactly(net, x).tolist() == right


def test_products_from_both_sides(tmp_path):
    """dmlc/nnvm 202, vas-group-imperial/VeriNet 3: which side is transposed, at any name."""
    a, b = numbers(2, 3), numbers(4, 5, seed=1)
    nodes = [("MatMul", ["a", "x"], ["z"], {}), ("MatMul", ["z", "b"], ["y"], {})]
    net = read(tmp_path, nodes, (1, 3, 4), a=a, b=b)
    x = numbers(3, 4, seed=2)
    right = [
        [sum(F(float(a[i, k] * x[k, m] * b[m, j])) for k in range(3) for m in range(4))
         for j in range(5)]
        for i in range(2)
    ]  # fmt: skip
    assert exactly(net, x).tolist() == right


def test_a_constant_minus_the_input(tmp_path):
    """NeuralNetworkVerification/Marabou 671, 879: constants on the left of Sub and under Div."""
    nodes = [
        ("Sub", ["c", "x"], ["u"], {}), ("Mul", ["u", "m"], ["v"], {}),
        ("Div", ["v", "d"], ["y"], {}),
    ]  # fmt: skip
    c, m, d = np.float32([1, 2, 3]), np.float32(-0.1), np.float32([3, 7, -9])
    net = read(tmp_path, nodes, (1, 3), c=c, m=m, d=d)
    x = numbers(3)
    right = [(F(float(c[i])) - F(float(x[i]))) * F(float(m)) / F(float(d[i])) for i in range(3)]
    assert exactly(net, x).tolist() == right


def test_padding_with_zeros_before_a_maximum(tmp_path):
    """onnxsim/onnxsim 290, pytorch/pytorch 33382, 41294: that padding is 0, a pool's is none."""
    nodes = [
        ("Pad", ["x", "p"], ["z"], {}),
        ("MaxPool", ["z"], ["y"], {"kernel_shape": [3, 3], "strides": [3, 3]}),
    ]
    net = read(tmp_path, nodes, (1, 1, 4, 4), p=np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    x = numbers(1, 4, 4) - 10
    assert exactly(net, x).reshape(-1).tolist() == [0, 0, 0, 0]
    nodes = [("MaxPool", ["x"], ["y"], {"kernel_shape": [3, 3], "strides": [3, 3],
                                        "pads": [1, 1, 1, 1]})]  # fmt: skip
    net = read(tmp_path, nodes, (1, 1, 4, 4))
    right = pooled(x, (3, 3), (3, 3), (1, 1, 1, 1), ceil=False, kind="max")
    assert exactly(net, x).tolist() == right.tolist()


def test_slopes_a_channel(tmp_path):
    """deepinsight/insightface 2044, ENOT-AutoDL/onnx2torch 58: PRelu with a slope a channel."""
    slope = np.float32([0.5, -1, 2]).reshape(3, 1, 1)
    net = read(tmp_path, [("PRelu", ["x", "s"], ["y"], {})], (1, 3, 2, 2), s=slope)
    x = numbers(3, 2, 2)
    assert exactly(net, x).tolist() == np.where(x < 0, slope * x, x).tolist()


def test_a_clip_with_one_end(tmp_path):
    """alibaba/MNN 136, llvm/torch-mlir 2684: relu6, and a clip without an upper end."""
    nodes = [("Clip", ["x", "l", "h"], ["z"], {}), ("Clip", ["z", "m"], ["y"], {})]
    net = read(tmp_path, nodes, (1, 5), l=np.float32(0), h=np.float32(6), m=np.float32(2))
    assert exactly(net, [-1, 1, 3, 6, 9]).tolist() == [2, 2, 3, 6, 6]


# ------------------------------------------------------------------- numbers that tools lose
def test_weights_far_apart(tmp_path):
    """sisl/NeuralVerification.jl 107: activations beyond the M of a big-M encoding."""
    w = np.float32([[1e8], [1e-8]])
    nodes = [("MatMul", ["w", "x"], ["z"], {}), ("Sub", ["z", "b"], ["u"], {}),
             ("Relu", ["u"], ["y"], {})]  # fmt: skip
    net = read(tmp_path, nodes, (1, 1, 1), w=w, b=np.float32([[1e7], [1e-7]]))
    cuts = sorted(F(float(b)) / F(float(v)) for v, b in ((w[0, 0], np.float32(1e7)),
                                                         (w[1, 0], np.float32(1e-7))))  # fmt: skip
    assert es.count_regions(net) == 3
    inside = es.Box([cuts[0] - F(1, 10**30)], [cuts[1] + F(1, 10**30)])
    assert es.count_regions(net, inside) == 3
    assert es.count_regions(net, es.Box([cuts[0]], [cuts[1]])) == 1


def test_inputs_that_are_almost_fixed(tmp_path):
    """NeuralNetworkVerification/Marabou 568: a box narrower than a solver's tolerance."""
    net = read(
        tmp_path,
        [("Gemm", ["x", "w", "b"], ["z"], {}), ("Relu", ["z"], ["y"], {})],
        (1, 2), w=np.float32([[1, 1], [1, -1]]), b=np.float32([-1, 0]),
    )  # fmt: skip
    e = F(1, 10**12)
    around = es.Box([F(1, 2) - e, F(1, 2) - e], [F(1, 2) + e, F(1, 2) + e])
    assert es.count_regions(net, around) == 4
    above = es.Box([F(1, 2) + e, F(1, 2) - e], [F(1, 2) + 2 * e, F(1, 2)])
    assert es.count_regions(net, above) == 1  # it touches a boundary with a corner
    across = es.Box([F(1, 2) + e, F(1, 2) - 2 * e], [F(1, 2) + 2 * e, F(1, 2)])
    assert es.count_regions(net, across) == 2


def test_scores_that_differ_by_less_than_rounding(tmp_path):
    """sisl/NeuralVerification.jl 177, eth-sri/eran 88: which output is the largest is exact."""
    w = np.float32([[1, 1], [1, np.nextafter(np.float32(1), np.float32(2))]])
    net = read(tmp_path, [("MatMul", ["w", "x"], ["y"], {})], (1, 2, 1), w=w)
    values = exactly(net, [[F(1)], [F(1, 2**40)]]).reshape(-1)
    assert values[1] - values[0] == F(1, 2**63)


def test_a_convolution_at_a_single_point(tmp_path):
    """NeuralNetworkVerification/Marabou 723: all inputs fixed, one of them on a boundary."""
    net = read(
        tmp_path, [("Conv", ["x", "w"], ["z"], {}), ("Relu", ["z"], ["y"], {})], (1, 1, 1, 3),
        w=np.float32([[[[1, -1]]]]),
    )  # fmt: skip
    point = es.Slice([4, 4, 3], np.zeros((0, 3)))
    assert es.count_regions(net, point) == 1
    assert es.enumerate_regions(net, point).codes.tolist() == [[0, 1]]


def test_a_file_with_a_line_of_words(tmp_path):
    """sisl/NeuralVerification.jl 144: .nnet files whose flag is a sentence."""
    lines = ["//Neural Network File Format", "1, 1, 1, 1,", "1, 1,", "This line extraneous",
             "-6.55e4,", "6.55e4,", "0.0, 0.0,", "1.0, 1.0,", "0.5,", "-0.25,"]  # fmt: skip
    (tmp_path / "m.nnet").write_text("\n".join(lines) + "\n")
    assert exactly(es.load(tmp_path / "m.nnet"), [3]).tolist() == [F(5, 4)]


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_slope_that_is_nearly_a_sixth_is_another_one(steps, tmp_path):
    """Hard swish in two nodes: no tolerance says which operator a model means."""
    sixth = np.float32(1 / 6)
    slope = float(sixth if steps == 0 else np.nextafter(sixth, np.float32(steps)))
    nodes = [("HardSigmoid", ["x"], ["h"], {"alpha": slope, "beta": 0.5}),
             ("Mul", ["x", "h"], ["y"], {})]  # fmt: skip
    if steps == 0:
        assert [op.kind for op in read(tmp_path, nodes, (1, 3)).operators] == ["HardSwish"]
    else:
        with pytest.raises(es.UnsupportedOperatorError, match="product is not piecewise affine"):
            read(tmp_path, nodes, (1, 3))
