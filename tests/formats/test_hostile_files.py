"""The wall: malformed and malicious files end in an ExactSplineError, fast and in little memory."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from folders import NETWORKS
from onnx import ModelProto, TensorProto, helper, numpy_helper

from exactspline import formats
from exactspline.domain import Domain
from exactspline.errors import ExactSplineError, FormatError
from exactspline.network import Network

SECONDS = 10.0
BYTES = 200_000_000
HUGE = "1" * 100_000


# --- ingredients -----------------------------------------------------------------------------


def onnx_model() -> ModelProto:
    """A small healthy model: Gemm, Relu, MatMul, Add."""
    rng = np.random.default_rng(1)
    stored = {
        "w": rng.standard_normal((4, 6)),
        "c": rng.standard_normal(6),
        "v": rng.standard_normal((6, 2)),
        "d": rng.standard_normal(2),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w", "c"], ["g"], name="gemm", alpha=1.0),
        helper.make_node("Relu", ["g"], ["r"], name="relu"),
        helper.make_node("MatMul", ["r", "v"], ["m"], name="matmul"),
        helper.make_node("Add", ["m", "d"], ["y"], name="add"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def npz_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    return {
        "W0": rng.standard_normal((3, 2)),
        "b0": rng.standard_normal(3),
        "W1": rng.standard_normal((1, 3)),
        "b1": rng.standard_normal(1),
    }


def npz_bytes(**arrays) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def npy(shape: str, data: bytes = b"", descr: str = "'<f8'", version: bytes = b"\x01\x00") -> bytes:
    """A .npy file with any header."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + data


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def with_w0(data: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    return zipped({"W0.npy": data, "b0.npy": npy("(1,)", bytes(8))}, method)


JSON_NETWORK = {
    "format": "exactspline-network",
    "version": 1,
    "input_shape": [2],
    "operators": [
        {"type": "Dense", "weight": [[1, "1/3"], [0.5, -2]], "bias": [0, 1]},
        {"type": "ReLU"},
        {"type": "LeakyReLU", "slope": "1/100"},
    ],
}


def json_with(weight: str) -> bytes:
    return (
        '{"format":"exactspline-network","version":1,"input_shape":[1],'
        f'"operators":[{{"type":"Dense","weight":{weight}}}]}}'
    ).encode()


VNNLIB = b"""; a property
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(assert (<= X_0 0.679857769))
(assert (>= X_0 0.6))
(assert (or (and (<= X_1 0.5) (>= X_1 0)) (and (<= X_1 2.5) (>= X_1 2))))
(assert (>= (+ (* 2 X_0) X_1) -7.25))
(assert (>= Y_0 3.991125645861615))
"""


def vnnlib_with(text: str) -> bytes:
    return b"(declare-const X_0 Real)\n(declare-const X_1 Real)\n" + text.encode()


# --- hostile ONNX ----------------------------------------------------------------------------


def changed(change) -> bytes:
    """The healthy model after ``change(model, graph)``."""
    model = onnx_model()
    change(model, model.graph)
    return model.SerializeToString()


def set_tensor(index: int, **fields) -> bytes:
    def change(model, graph):
        tensor = graph.initializer[index]
        for key, value in fields.items():
            if key in ("dims", "float_data", "int32_data"):
                del getattr(tensor, key)[:]
                getattr(tensor, key).extend(value)
            else:
                setattr(tensor, key, value)

    return changed(change)


def external(model, graph):
    tensor = graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def external_without_flag(model, graph):
    graph.initializer[0].external_data.add(key="location", value="../secret")


def squaring(model, graph):
    """A constant squared forty times would have 10^13 digits."""
    previous = "d"
    for i in range(40):
        node = helper.make_node("Mul", [previous, previous], [f"q{i}"])
        graph.node.insert(3 + i, node)
        previous = f"q{i}"
    graph.node[-1].input[1] = previous


def outer_sum(model, graph):
    """Two short constants whose sum has 10^10 entries."""
    graph.initializer.append(numpy_helper.from_array(np.zeros((100_000, 1), np.float32), "p"))
    graph.initializer.append(numpy_helper.from_array(np.zeros((1, 100_000), np.float32), "q"))
    graph.node.insert(3, helper.make_node("Add", ["p", "q"], ["pq"]))
    graph.node[-1].input[1] = "pq"


def enlarging(model, graph):
    """Adding a long constant along new axes, again and again."""
    graph.initializer.append(numpy_helper.from_array(np.zeros((3000, 1), np.float32), "p"))
    graph.initializer.append(numpy_helper.from_array(np.zeros((3000, 1, 1), np.float32), "q"))
    graph.input[0].type.tensor_type.shape.dim.add(dim_value=2)
    del graph.node[:]
    graph.node.append(helper.make_node("Add", ["x", "p"], ["z"]))
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    graph.node.append(helper.make_node("Add", ["z", "q"], ["y"]))


def shared_weight(model, graph):
    """One stored matrix used by thousands of operators."""
    size = 1024
    graph.initializer.append(numpy_helper.from_array(np.zeros((size, size), np.int8), "big"))
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = size
    del graph.node[:]
    for i in range(3000):
        name = "y" if i == 2999 else f"n{i}"
        graph.node.append(helper.make_node("MatMul", [f"n{i - 1}" if i else "x", "big"], [name]))


def misdeclared(model, graph):
    graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [6, 4]))


def cycle(model, graph):
    graph.node[0].input[0] = "m"


def self_loop(model, graph):
    graph.node[1].input[0] = "r"


def unsorted(model, graph):
    first = graph.node[0]
    copied = type(first)()
    copied.CopyFrom(first)
    del graph.node[0]
    graph.node.append(copied)


def two_outputs(model, graph):
    graph.output.append(helper.make_tensor_value_info("r", TensorProto.FLOAT, [1, 6]))


def no_outputs(model, graph):
    del graph.output[:]


def no_inputs(model, graph):
    del graph.input[:]


def twice_made(model, graph):
    graph.node[2].output[0] = "g"


def twice_stored(model, graph):
    graph.initializer.append(graph.initializer[0])


def stored_and_made(model, graph):
    graph.node[1].output[0] = "w"


def missing_value(model, graph):
    graph.node[2].input[1] = "nowhere"


def missing_output(model, graph):
    graph.output[0].name = "nowhere"


def unknown_operator(model, graph):
    graph.node[1].op_type = "Frobnicate"


def smooth_operator(model, graph):
    graph.node[1].op_type = "Exp"


def no_opset(model, graph):
    del model.opset_import[:]


def old_opset(model, graph):
    model.opset_import[0].version = 6


def future_opset(model, graph):
    model.opset_import[0].version = 2**40


def no_shape(model, graph):
    graph.input[0].type.tensor_type.ClearField("shape")


def huge_input(model, graph):
    del graph.node[:]
    graph.node.append(helper.make_node("LeakyRelu", ["x"], ["y"]))
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = 10**12


def string_input(model, graph):
    graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def sequence_input(model, graph):
    graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1


def batch_of_two(model, graph):
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2


def nan_attribute(model, graph):
    graph.node[0].attribute[0].f = float("nan")


def wrong_attribute_type(model, graph):
    graph.node[0].attribute[0].type = 3


def attribute_twice(model, graph):
    graph.node[0].attribute.append(graph.node[0].attribute[0])


def reference_attribute(model, graph):
    graph.node[0].attribute[0].ref_attr_name = "alpha"


def own_relu(model, graph):
    model.functions.add(name="Relu", domain="")


def no_node_output(model, graph):
    del graph.node[0].output[:]


def subgraph(model, graph):
    """An If inside of an If, forty deep."""
    inner = helper.make_graph([helper.make_node("Relu", ["g"], ["r"])], "i", [], [])
    for _ in range(40):
        node = helper.make_node("If", ["g"], ["r"], then_branch=inner, else_branch=inner)
        inner = helper.make_graph([node], "i", [], [])
        if inner.ByteSize() > 1_000_000:
            break
    graph.node[1].CopyFrom(inner.node[0])


def bad_reshape(shape):
    def change(model, graph):
        graph.initializer.append(numpy_helper.from_array(np.array(shape), "s"))
        graph.node[1].CopyFrom(helper.make_node("Reshape", ["g", "s"], ["r"]))

    return change


def permuted(perm):
    def change(model, graph):
        graph.node[1].CopyFrom(helper.make_node("Transpose", ["g"], ["r"], perm=perm))

    return change


def unsqueezed(axes):
    def change(model, graph):
        graph.initializer.append(numpy_helper.from_array(np.array(axes), "s"))
        graph.node[1].CopyFrom(helper.make_node("Unsqueeze", ["g", "s"], ["r"]))

    return change


def image_model(*middle, stored=(), opset=19) -> bytes:
    """A small image model: Conv, then the given nodes from "c" to "y"."""
    rng = np.random.default_rng(3)
    tensors = {"w": rng.standard_normal((4, 2, 3, 3)).astype(np.float32), **dict(stored)}
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]), *middle]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) for k, v in tensors.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9).SerializeToString()


def one(kind, *inputs, stored=None, **attributes) -> bytes:
    """The image model with one more node."""
    tensors = {k: np.asarray(v) for k, v in (stored or {}).items()}
    node = helper.make_node(kind, list(inputs), ["y"], name="last", **attributes)
    return image_model(node, stored=tensors)


def chained(kind, count, *more, **stored) -> bytes:
    """The same node again and again."""
    names = ["c", *(f"n{i}" for i in range(count - 1)), "y"]
    nodes = [
        helper.make_node(kind, [a, *(a if m == "*" else m for m in more)], [b])
        for a, b in pairwise(names)
    ]
    return image_model(*nodes, stored={k: np.asarray(v) for k, v in stored.items()})


def doubled_shapes() -> bytes:
    """A value that doubles forty times."""
    names = ["c", *(f"n{i}" for i in range(39)), "y"]
    return image_model(
        *(helper.make_node("Concat", [a, a], [b], axis=1) for a, b in pairwise(names))
    )


def copied_indices() -> bytes:
    """Sixty-four indices that become two million, and as many a thousand times more."""
    return image_model(
        helper.make_node("Expand", ["i", "s"], ["e"]),
        helper.make_node("Gather", ["c", "e"], ["g"], axis=3),
        helper.make_node("Gather", ["g", "e"], ["y"], axis=3),
        stored={"i": np.zeros((1,), np.int64), "s": np.array([2_000_000])},
    )


def growing_numbers() -> bytes:
    """k + 1/k again and again: every step doubles the digits."""
    names = ["k", *(f"n{i}" for i in range(2000))]
    nodes = []
    for a, b in pairwise(names):
        nodes.append(helper.make_node("Div", ["o", a], [f"{b}s"]))
        nodes.append(helper.make_node("Add", [a, f"{b}s"], [b]))
    nodes.append(helper.make_node("Mul", ["c", names[-1]], ["y"]))
    return image_model(*nodes, stored={"k": np.float32(0.1), "o": np.float32(1)})


def many_windows() -> bytes:
    """Two million windows of a kernel of a million entries, in one megabyte."""
    return image_model(
        helper.make_node("Conv", ["c", "k"], ["y"], pads=[900, 900, 900, 900]),
        stored={"k": np.zeros((1, 4, 500, 500), np.int8)},
    )


def false_gelu() -> bytes:
    """Products of products, and an Erf that keeps the search for patterns busy."""
    nodes = [helper.make_node("Erf", ["c"], ["e"])]
    last = "e"
    for i in range(3000):
        nodes.append(helper.make_node("Mul", [last, last], [f"m{i}"]))
        last = f"m{i}"
    nodes.append(helper.make_node("Identity", [last], ["y"]))
    return image_model(*nodes)


HUGE_IMAGES = {
    "pool_windows": one(
        "AveragePool", "c", kernel_shape=[30_000, 30_000], pads=[15_000] * 4, count_include_pad=1
    ),
    "pool_outputs": one("MaxPool", "c", kernel_shape=[1, 1], pads=[0, 0, 2**30, 2**30]),
    "pool_far_dilation": one("MaxPool", "c", kernel_shape=[2, 2], dilations=[2**62, 2**62]),
    "pool_far_pads": one("MaxPool", "c", kernel_shape=[2, 2], pads=[2**62] * 4),
    "pool_negative_pads": one("AveragePool", "c", kernel_shape=[2, 2], pads=[-(2**62)] * 4),
    "pool_many_axes": one("MaxPool", "c", kernel_shape=[1] * 100_000),
    "pool_steps_over": one(
        "MaxPool", "c", kernel_shape=[2, 2], dilations=[2**30, 1], pads=[2**30, 0, 2**30, 0]
    ),
    "conv_windows": many_windows(),
    "transposed": one(
        "ConvTranspose",
        "c",
        "k",
        strides=[2**20, 2**20],
        stored={"k": np.zeros((4, 1, 1, 1), np.float32)},
    ),
    "transposed_shape": one(
        "ConvTranspose",
        "c",
        "k",
        output_shape=[2**30, 2**30],
        stored={"k": np.zeros((4, 1, 1, 1), np.float32)},
    ),
    "pad": one("Pad", "c", "p", stored={"p": [0, 0, 2**40, 0] * 2}),
    "pad_wrap": one("Pad", "c", "p", mode="wrap", stored={"p": [0, 0, 2**40, 0] * 2}),
    "pad_edge": one("Pad", "c", "p", mode="edge", stored={"p": [0, 0, 2000, 2000] * 2}),
    "pad_and_cut": one("Pad", "c", "p", stored={"p": [0, 0, 2**60, 0, 0, 0, 1 - 2**60, 0]}),
    "expand": one("Expand", "c", "s", stored={"s": [2**20, 2**20, 1, 1, 1]}),
    "tile": one("Tile", "c", "r", stored={"r": [1, 1, 2**31, 2**31]}),
    "filled": one("ConstantOfShape", "s", stored={"s": [2**40]}),
    "filled_many_axes": one("ConstantOfShape", "s", stored={"s": [1] * 60}),
    "range": one("Range", "a", "b", "d", stored={"a": 0, "b": 2**62, "d": 1}),
    "range_of_crumbs": one(
        "Range",
        "a",
        "b",
        "d",
        stored={"a": np.float32(0), "b": np.float32(3e38), "d": np.float32(1e-38)},
    ),
    "many_axes": one("Unsqueeze", "c", "a", stored={"a": list(range(60))}),
    "many_axes_of_indices": one(
        "Gather", "c", "i", axis=1, stored={"i": np.zeros((1,) * 30, np.int64)}
    ),
    "blocks": one("DepthToSpace", "c", blocksize=2**31),
    "split_sizes": one("Split", "c", "s", axis=1, stored={"s": [2**62, 4 - 2**62]}),
    "long_name": one("Frobnicate" * 10_000, "c"),
    "long_attribute": one("Relu", "c", **{"a" * 100_000: 1}),
    "reductions": one("ReduceMax", "c", "a", stored={"a": list(range(60))}),
    "doubled_shapes": doubled_shapes(),
    "copied_indices": copied_indices(),
    "growing_numbers": growing_numbers(),
    "false_gelu": false_gelu(),
    "constants_made_large": chained("Mul", 200, "k", k=np.full((200, 1, 1, 1, 6, 6), 2.0, "f4")),
    "sums_of_itself": chained("Frobnicate", 20_000, "*"),
}
HEALTHY_IMAGE = image_model(
    helper.make_node("Relu", ["c"], ["r"], name="relu"),
    helper.make_node("MaxPool", ["r"], ["m"], name="pool", kernel_shape=[3, 3], strides=[2, 2],
                     pads=[1, 0, 1, 0], ceil_mode=1),
    helper.make_node("Slice", ["m", "b", "e"], ["s"], name="slice"),
    helper.make_node("Pad", ["s", "p"], ["q"], name="pad", mode="edge"),
    helper.make_node("AveragePool", ["q"], ["a"], name="mean", kernel_shape=[2, 2]),
    helper.make_node("Gather", ["a", "i"], ["g"], name="gather", axis=1),
    helper.make_node("Add", ["g", "a"], ["t"], name="add"),
    helper.make_node("Shape", ["t"], ["u"], name="shape"),
    helper.make_node("Reshape", ["t", "u"], ["y"], name="reshape"),
    stored={
        "b": np.array([0, 0]), "e": np.array([1, 3]), "p": np.array([0, 0, 1, 0, 0, 0, 0, 1]),
        "i": np.array([1, 0, 2]),
    },
)  # fmt: skip
HEALTHY_ONNX = onnx_model().SerializeToString()
ONNX_FILES = {
    **{
        change.__name__: changed(change)
        for change in (
            external,
            external_without_flag,
            squaring,
            outer_sum,
            enlarging,
            shared_weight,
            misdeclared,
            cycle,
            self_loop,
            unsorted,
            two_outputs,
            no_outputs,
            no_inputs,
            twice_made,
            twice_stored,
            stored_and_made,
            missing_value,
            missing_output,
            unknown_operator,
            smooth_operator,
            no_opset,
            old_opset,
            future_opset,
            no_shape,
            huge_input,
            string_input,
            sequence_input,
            batch_of_two,
            nan_attribute,
            wrong_attribute_type,
            attribute_twice,
            reference_attribute,
            own_relu,
            no_node_output,
            subgraph,
        )
    },
    **{f"image_{name}": data for name, data in HUGE_IMAGES.items()},
    "reshape_negative": changed(bad_reshape([1, -2])),
    "reshape_zero": changed(bad_reshape([0, 0, 0])),
    "reshape_huge": changed(bad_reshape([2**62, 2**62, -1])),
    "reshape_long": changed(bad_reshape([1] * 1000)),
    "transpose_no_permutation": changed(permuted([0, 0])),
    "transpose_mixing_batch": changed(permuted([1, 0])),
    "unsqueeze_far": changed(unsqueezed([2**40])),
    "unsqueeze_twice": changed(unsqueezed([0, 0])),
    "nan_weight": set_tensor(0, raw_data=struct.pack("<24f", *[1.0] * 23, float("nan"))),
    "infinite_weight": set_tensor(0, raw_data=struct.pack("<24f", *[1.0] * 23, float("inf"))),
    "dims_too_large": set_tensor(0, dims=[4, 7]),
    "dims_huge": set_tensor(0, dims=[2**31, 2**31]),
    "dims_overflowing": set_tensor(0, dims=[2**62, 4, 6]),
    "dims_negative": set_tensor(0, dims=[-4, -6]),
    "dims_zero": set_tensor(0, dims=[0, 6], raw_data=b""),
    "dims_swapped": set_tensor(0, dims=[6, 4]),
    "dims_missing": set_tensor(0, dims=[]),
    "no_data": set_tensor(0, raw_data=b""),
    "odd_data": set_tensor(0, raw_data=bytes(95)),
    "both_data": set_tensor(0, float_data=[1.0] * 24),
    "wrong_type": set_tensor(0, data_type=11),
    "undefined_type": set_tensor(0, data_type=0),
    "string_type": set_tensor(0, data_type=8),
    "complex_type": set_tensor(0, data_type=14, dims=[12]),
    "float8_type": set_tensor(0, data_type=17, raw_data=bytes(24)),
    "far_type": set_tensor(0, data_type=12345),
    "integers_in_floats": set_tensor(0, data_type=7, raw_data=b"", float_data=[1.0] * 24),
    "half_out_of_range": set_tensor(0, data_type=10, raw_data=b"", int32_data=[-70_000] * 24),
    "name_no_utf8": HEALTHY_ONNX.replace(b"matmul", b"\xff\xfe\xfdmul"),
    "value_no_utf8": HEALTHY_ONNX.replace(b"relu", b"\xff\xfe\xfdu"),
    "empty": b"",
    "zeros": bytes(1000),
    "text": b"this is no model at all",
    "a_zip": npz_bytes(**npz_arrays()),
    "length_beyond_end": b"\x3a\xff\xff\xff\xff\x0f",
    "deep_groups": b"\x3a\x02" * 5000,
}


# --- hostile archives ------------------------------------------------------------------------


class Malicious:
    """Unpickling this would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def pickled() -> bytes:
    return with_w0(npy("(1, 1)", pickle.dumps(Malicious("unpickled")), "'|O'"))


def lying_size() -> bytes:
    """The directory of the archive claims 3 GiB for a member."""
    data = bytearray(npz_bytes(**npz_arrays()))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 3 << 30)
    return bytes(data)


def many_members() -> bytes:
    return zipped({f"W{i}.npy": b"" for i in range(20_001)})


def member_twice() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("W0.npy", npy("(1, 1)", bytes(8)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("W0.npy", npy("(1, 1)", bytes(8)))
    return stream.getvalue()


def patched(offset_from: bytes, offset: int, new: bytes) -> bytes:
    data = bytearray(with_w0(npy("(1, 1)", bytes(8))))
    at = data.index(offset_from) + offset
    data[at : at + len(new)] = new
    return bytes(data)


HEALTHY_NPZ = npz_bytes(**npz_arrays())
NPZ_FILES = {
    "empty": b"",
    "text": b"no archive",
    "model": HEALTHY_ONNX,
    "empty_archive": zipped({}),
    "declared_huge": with_w0(npy("(1000000000, 1000000000)", bytes(8))),
    "declared_overflow": with_w0(npy(f"({2**63}, {2**63})", bytes(8))),
    "declared_negative": with_w0(npy("(-1, -1)", bytes(8))),
    "declared_too_small": with_w0(npy("(1, 1)", bytes(80))),
    "declared_empty": with_w0(npy("(0, 5)")),
    "declared_scalar": with_w0(npy("()", bytes(8))),
    "declared_three_axes": with_w0(npy("(1, 1, 1)", bytes(8))),
    "declared_text": with_w0(npy("('a', 1)", bytes(8))),
    "declared_floats": with_w0(npy("(1.0, 1)", bytes(8))),
    "declared_boolean": with_w0(npy("(True, True)", bytes(8), "'|O'")),
    "header_code": with_w0(npy("__import__('os').system('true')", bytes(8))),
    "header_nested": with_w0(npy("(" * 4000 + ")" * 4000, bytes(8))),
    "header_garbage": with_w0(b"\x93NUMPY\x01\x00\x10\x00" + b"\xff" * 16),
    "header_long": with_w0(b"\x93NUMPY\x01\x00\xff\xff" + b" " * 65535),
    "header_version": with_w0(npy("(1, 1)", bytes(8), version=b"\x09\x00")),
    "header_cut": with_w0(b"\x93NUMPY\x01\x00"),
    "no_npy": with_w0(b"hello"),
    "structured": with_w0(npy("(1, 1)", bytes(8), "[('a', '<f8')]")),
    "strings": with_w0(npy("(1, 1)", bytes(8), "'<U2'")),
    "dates": with_w0(npy("(1, 1)", bytes(8), "'<M8[s]'")),
    "complex": with_w0(npy("(1, 1)", bytes(16), "'<c16'")),
    "nonsense_type": with_w0(npy("(1, 1)", bytes(8), "'<q77'")),
    "enormous_type": with_w0(npy("(1, 1)", bytes(8), "'<V2147483647'")),
    "nan": npz_bytes(W0=np.array([[np.nan]]), b0=np.zeros(1)),
    "infinity": npz_bytes(W0=np.array([[1.0]]), b0=np.array([-np.inf])),
    "pickled": pickled(),
    "pickled_by_numpy": npz_bytes(W0=np.array([[None]], dtype=object), b0=np.zeros(1)),
    "zip_bomb": with_w0(npy("(5000, 5000)", bytes(200_000_000)), zipfile.ZIP_DEFLATED),
    "zip_bomb_lzma": with_w0(npy("(3000, 3000)", bytes(72_000_000)), zipfile.ZIP_LZMA),
    "lying_size": lying_size(),
    "many_members": many_members(),
    "member_twice": member_twice(),
    "wrong_names": npz_bytes(weight=np.eye(2), bias=np.zeros(2)),
    "path_as_name": zipped({"../W0.npy": npy("(1, 1)", bytes(8))}),
    "bad_checksum": patched(b"NUMPY", 80, b"\x01"),
    "encrypted": patched(b"PK\x01\x02", 8, b"\x01\x00"),
    "unknown_compression": patched(b"PK\x01\x02", 10, b"\x63\x00"),
    "gap": npz_bytes(**{**npz_arrays(), "W9": np.eye(1), "b9": np.zeros(1)}),
    "misfit": npz_bytes(**{**npz_arrays(), "W1": np.eye(4)}),
    "cut_in_half": HEALTHY_NPZ[: len(HEALTHY_NPZ) // 2],
    "cut_at_end": HEALTHY_NPZ[:-1],
}


# --- hostile texts ---------------------------------------------------------------------------

HEALTHY_JSON = json.dumps(JSON_NETWORK).encode()
JSON_FILES = {
    "empty": b"",
    "blank": b" \n",
    "number": b"7",
    "null": b"null",
    "deep_lists": b"[" * 200_000,
    "deep_objects": b'{"a":' * 200_000,
    "deep_closed": b"[" * 100_000 + b"]" * 100_000,
    "deep_weight": json_with("[" * 900 + "1" + "]" * 900),
    "nan": json_with("[[NaN]]"),
    "infinity": json_with("[[-Infinity]]"),
    "nan_text": json_with('[["nan"]]'),
    "huge_exponent": json_with("[[1e999999999]]"),
    "huge_negative_exponent": json_with("[[1e-999999999]]"),
    "huge_exponent_text": json_with('[["1e999999999"]]'),
    "huge_integer": json_with(f"[[{HUGE}]]"),
    "long_integer": json_with(f"[[{'7' * 30_000}]]"),
    "huge_ratio": json_with(f'[["1/{HUGE}"]]'),
    "many_long_numbers": json_with("[[" + ",".join(["1e20000"] * 100_000) + "]]"),
    "many_long_texts": json_with("[[" + ",".join(['"1e-20000"'] * 100_000) + "]]"),
    "many_values": b"[" + b"1," * 3_000_000 + b"1]",
    "ratio_by_zero": json_with('[["1/0"]]'),
    "duplicate_key": b'{"format":"exactspline-network","format":"exactspline-network"}',
    "no_utf8": b'{"format":"\xff\xfe"}',
    "utf16": HEALTHY_JSON.decode().encode("utf-16"),
    "byte_order_mark": b"\xef\xbb\xbf" + HEALTHY_JSON,
    "trailing": HEALTHY_JSON + b"x",
    "comment": b"// hello\n" + HEALTHY_JSON,
    "lone_surrogate": json_with('[["\\ud800"]]'),
    "nul_text": json_with('[["1\\u0000"]]'),
    "huge_shape": json.dumps(
        {**JSON_NETWORK, "input_shape": [10**6, 10**6], "operators": [{"type": "ReLU"}]}
    ).encode(),
    "huge_leaky": json.dumps(
        {**JSON_NETWORK, "input_shape": [2**40], "operators": [{"type": "LeakyReLU", "slope": 3}]}
    ).encode(),
    "outer_growth": json.dumps(
        {
            **JSON_NETWORK,
            "input_shape": [3000],
            "operators": [{"type": "Elementwise", "shift": [[0]] * 3000}],
        }
    ).encode(),
    "shape_floats": json.dumps({**JSON_NETWORK, "input_shape": [2.5]}).encode(),
    "axis_far": json.dumps(
        {**JSON_NETWORK, "operators": [{"type": "Dense", "weight": [[1]], "axis": 10**9}]}
    ).encode(),
    "long_type": json.dumps({**JSON_NETWORK, "operators": [{"type": "x" * 100_000}]}).encode(),
    "cut": HEALTHY_JSON[:-3],
}

DOMAIN_FILES = {
    "empty": b"",
    "deep_slices": (
        b'{"type":"slice","origin":[0],"directions":[[1]],"domain":' * 300
        + b'{"type":"all","dim":1}'
        + b"}" * 300
    ),
    "contradiction": b'{"type":"box","low":[1],"high":[0]}',
    "long_contradiction": b'{"type":"box","low":[1e5000],"high":[0]}',
    "nan_bound": b'{"type":"box","low":["nan"],"high":[0]}',
    "infinite_low": b'{"type":"box","low":["inf"],"high":["inf"]}',
    "huge_number": b'{"type":"box","low":[0],"high":[1e99999999]}',
    "huge_dim": b'{"type":"all","dim":1e18}',
    "ragged": b'{"type":"polytope","G":[[1,2],[3]],"h":[1,2]}',
    "misfit": b'{"type":"polytope","G":[[1,2]],"h":[1,2]}',
    "no_type": b'{"low":[0],"high":[1]}',
    "type_number": b'{"type":7}',
    "dependent": b'{"type":"slice","origin":[0,0],"directions":[[0,0]],'
    b'"domain":{"type":"all","dim":1}}',
    "unknown_key": b'{"type":"all","dim":1,"color":"red"}',
    "list": b"[1,2]",
}

VNNLIB_FILES = {
    "empty": b"",
    "deep": b"(" * 1_000_000,
    "deep_formula": vnnlib_with("(assert " + "(and " * 5000 + "true" + ")" * 5001),
    "closing": b")" * 10,
    "binary": bytes(range(256)) * 10,
    "no_utf8": b"(declare-const \xff Real)",
    "quotes": b'(assert "unterminated',
    "bars": b"(assert |X_0|)",
    "numbers_outside": b"1 2 3",
    "huge_exponent": vnnlib_with("(assert (<= X_0 1e999999999))"),
    "huge_number": vnnlib_with(f"(assert (<= X_0 {HUGE}))"),
    "product_of_long": vnnlib_with("(assert (<= X_0 (* " + "1e20000 " * 50_000 + ")))"),
    "sum_of_long": vnnlib_with(
        "(assert (<= X_0 (+ " + " ".join(f"1/{'9' * 900}{i}" for i in range(1, 20_000)) + ")))"
    ),
    "exploding_parts": vnnlib_with("(assert (or (<= X_0 0) (>= X_0 1)))" * 100),
    "exploding_and": vnnlib_with("(assert (and" + " (or (<= X_0 0) (>= X_0 1))" * 100 + "))"),
    "nested_or": vnnlib_with(
        "(assert " + "(or (<= X_0 0) (and (<= X_1 0) " * 45 + "(<= X_1 1)" + "))" * 45 + ")"
    ).replace(b"X_1 Real", b"X_7 Real"),
    "far_index": b"(declare-const X_99999999999999999999 Real)",
    "index_4e8": b"(declare-const X_400000000 Real)",
    "leading_zero": b"(declare-const X_00 Real)",
    "function": b"(declare-fun X_0 (Real) Real)",
    "integer": b"(declare-const X_0 Int)",
    "undeclared": vnnlib_with("(assert (<= X_5 0))"),
    "unknown_statement": vnnlib_with("(define-fun f () Real 1)"),
    "empty_list": vnnlib_with("()"),
    "empty_assert": vnnlib_with("(assert ())"),
    "list_head": vnnlib_with("(assert ((<= X_0 1)))"),
    "empty_or": vnnlib_with("(assert (or))"),
    "implication": vnnlib_with("(assert (=> (<= X_0 1) (<= X_1 1)))"),
    "nan": vnnlib_with("(assert (<= X_0 NaN))"),
    "hex": vnnlib_with("(assert (<= X_0 #x10))"),
    "division": vnnlib_with("(assert (<= (/ X_0 0) 1))"),
    "nonlinear": vnnlib_with("(assert (<= (* X_0 X_0) 1))"),
    "contradiction": vnnlib_with("(assert (<= X_0 0)) (assert (>= X_0 1e-9))"),
    "false": vnnlib_with("(assert false)"),
    "many_tokens": b"(" + b"a " * 1_200_000,
    "cut": VNNLIB[:-5],
}

READERS = {
    ".onnx": formats.load,
    ".npz": formats.load,
    ".json": formats.load,
    ".domain": formats.load_domain,
    ".vnnlib": lambda path: formats.load_vnnlib(path, 2),
}
WALL = [
    (extension, name, data)
    for extension, files in (
        (".onnx", ONNX_FILES),
        (".npz", NPZ_FILES),
        (".json", JSON_FILES),
        (".domain", DOMAIN_FILES),
        (".vnnlib", VNNLIB_FILES),
    )
    for name, data in files.items()
]


def watched(read, path):
    """Read a file, and check the time and memory that it took."""
    start = time.perf_counter()
    with contextlib.suppress(ExactSplineError):
        read(path)
    assert time.perf_counter() - start < SECONDS
    tracemalloc.start()  # slows everything down: a second reading
    try:
        return read(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < BYTES + 4 * path.stat().st_size


def test_the_wall_is_high():
    assert len(WALL) >= 150


MANY_SECONDS = {"many_tokens", "sum_of_long", "product_of_long", "image_sums_of_itself"}


@pytest.mark.parametrize(
    ("extension", "data"),
    [
        pytest.param(
            extension, data, id=f"{extension}-{name}",
            marks=pytest.mark.slow if name in MANY_SECONDS else (),
        )
        for extension, name, data in WALL
    ],
)  # fmt: skip
def test_hostile_file(extension, data, tmp_path):
    path = tmp_path / f"hostile{extension}"
    path.write_bytes(data)
    with pytest.raises(ExactSplineError) as caught:
        watched(READERS[extension], path)
    message = str(caught.value)
    assert "hostile" in message  # the file is named
    assert len(message) < 1000


def test_healthy_files_load(tmp_path):
    for extension, data in (
        (".onnx", HEALTHY_ONNX),
        (".npz", HEALTHY_NPZ),
        (".json", HEALTHY_JSON),
        (".vnnlib", VNNLIB),
    ):
        path = tmp_path / f"healthy{extension}"
        path.write_bytes(data)
        is_valid(READERS[extension](path))


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.npz").write_bytes(pickled())
    with pytest.raises(FormatError, match="pickled"):
        formats.load("net.npz")
    assert not (tmp_path / "unpickled").exists()


# --- cut and flipped -------------------------------------------------------------------------

HEALTHY = {
    ".onnx": HEALTHY_ONNX,
    ".npz": HEALTHY_NPZ,
    ".json": HEALTHY_JSON,
    ".vnnlib": VNNLIB,
}


def is_valid(result):
    if isinstance(result, Network):
        assert result.forward(np.zeros(result.input_shape)).shape == result.output_shape
    else:
        assert result
        assert all(isinstance(domain, Domain) for domain in result)


def survives(extension, data, path):
    """A file loads to something valid or ends in an ExactSplineError."""
    path.write_bytes(data)
    try:
        result = READERS[extension](path)
    except ExactSplineError:
        return False
    is_valid(result)
    return True


@pytest.mark.parametrize("extension", HEALTHY)
def test_truncated_anywhere(extension, tmp_path):
    data = HEALTHY[extension]
    path = tmp_path / f"cut{extension}"
    lengths = range(0, len(data) - 1, max(1, len(data) // 300))
    outcomes = [survives(extension, data[:length], path) for length in lengths]
    assert sum(outcomes) < len(outcomes) / 10


@pytest.mark.parametrize("extension", HEALTHY)
def test_bit_flips(extension, tmp_path):
    rng = np.random.default_rng(7)
    data = HEALTHY[extension]
    path = tmp_path / f"flipped{extension}"
    start = time.perf_counter()
    outcomes = []
    for _ in range(400):
        flipped = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            flipped[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        outcomes.append(survives(extension, bytes(flipped), path))
    assert not all(outcomes)
    assert time.perf_counter() - start < 60


@pytest.mark.parametrize("extension", HEALTHY)
def test_bytes_cut_out_and_doubled(extension, tmp_path):
    rng = np.random.default_rng(8)
    data = HEALTHY[extension]
    path = tmp_path / f"spliced{extension}"
    outcomes = []
    for _ in range(200):
        a, b = sorted(int(i) for i in rng.integers(len(data), size=2))
        outcomes.append(survives(extension, data[:a] + data[b:], path))
        outcomes.append(survives(extension, data[:b] + data[a:], path))
    assert sum(outcomes) < len(outcomes) / 2


@pytest.mark.slow
def test_bit_flips_of_an_image_model(tmp_path):
    rng = np.random.default_rng(10)
    path = tmp_path / "flipped.onnx"
    assert survives(".onnx", HEALTHY_IMAGE, path)
    start = time.perf_counter()
    outcomes = []
    for _ in range(800):
        flipped = bytearray(HEALTHY_IMAGE)
        for _ in range(int(rng.integers(1, 3))):
            flipped[int(rng.integers(len(flipped)))] ^= 1 << int(rng.integers(8))
        outcomes.append(survives(".onnx", bytes(flipped), path))
    assert 0 < sum(outcomes) < len(outcomes)
    assert time.perf_counter() - start < 60


def test_real_network_damaged(tmp_path):
    rng = np.random.default_rng(9)
    data = (NETWORKS / "reach" / "vdp.onnx").read_bytes()
    path = tmp_path / "net.onnx"
    flips, cuts = [], []
    for _ in range(100):
        flipped = bytearray(data)
        flipped[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        flips.append(survives(".onnx", bytes(flipped), path))
        cuts.append(survives(".onnx", data[: int(rng.integers(len(data)))], path))
    assert any(flips)  # most bytes are weights
    assert not any(cuts)


# --- paths -----------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", READERS)
def test_bad_paths(extension, tmp_path):
    read = READERS[extension]
    with pytest.raises(FormatError, match="cannot be read"):
        read(tmp_path / f"missing{extension}")
    folder = tmp_path / f"folder{extension}"
    folder.mkdir()
    with pytest.raises(FormatError, match="a directory"):
        read(folder)
    with pytest.raises(FormatError):
        read(f"nul\0character{extension}")
    pipe = tmp_path / f"pipe{extension}"
    os.mkfifo(pipe)
    with pytest.raises(FormatError, match="not a regular file"):
        read(pipe)  # opening it would wait for ever
    loop = tmp_path / f"loop{extension}"
    loop.symlink_to(loop)
    with pytest.raises(FormatError, match="cannot be read"):
        read(loop)


@pytest.mark.parametrize("extension", READERS)
def test_no_permission(extension, tmp_path, monkeypatch):
    path = tmp_path / f"secret{extension}"
    path.write_bytes(b"x")

    def refuse(*_, **__):  # what a file of mode 0 does, also for the superuser
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(formats.files, "open", refuse, raising=False)
    with pytest.raises(FormatError, match="cannot be read"):
        READERS[extension](path)


@pytest.mark.parametrize("extension", READERS)
def test_enormous_file(extension, tmp_path):
    path = tmp_path / f"sparse{extension}"
    with open(path, "wb") as stream:
        stream.truncate(3 << 30)  # a hole: no disk is used
    with pytest.raises(FormatError, match="bytes; files of this kind are read up to"):
        watched(READERS[extension], path)


def test_unwritable(tmp_path):
    with pytest.raises(FormatError, match="cannot be written"):
        formats.save_json(Network([], (1,)), tmp_path / "missing" / "net.json")
