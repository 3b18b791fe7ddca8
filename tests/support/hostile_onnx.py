"""Hostile ONNX models."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
from hostile_parts import HEALTHY_ONNX, npz_arrays, npz_bytes, onnx_model
from onnx import TensorProto, helper, numpy_helper


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
