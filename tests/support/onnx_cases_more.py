"""More small ONNX models: resampling, moves by indices, conditions, and computed constants."""

from __future__ import annotations

import numpy as np
from onnx import helper
from onnx_models import floats, node


def ints(*values):
    """A stored list of integers."""
    return np.array(values, dtype=np.int64)


def of(value):
    """A stored number."""
    return np.float32(value)


def resize(shape, scales=None, sizes=None, *, opset=18, **options):
    """A model of one Resize."""
    stored = {"f": np.float32(scales)} if sizes is None else {"s": ints(*sizes)}
    roi = "-"
    if opset < 13:  # where it must be there
        roi, stored["r"] = "r", np.zeros(0, np.float32)
    inputs = f"x {roi} f" if sizes is None else f"x {roi} - s"
    return [node("Resize", inputs, **options)], stored, shape, {"opset": opset}


IMAGE = (1, 2, 4, 5)
RESAMPLING = {
    "resize_nearest": resize(IMAGE, [1, 1, 2, 3]),
    "resize_ratio": resize(IMAGE, [1, 1, 1.5, 0.6], mode="linear"),
    "resize_cubic": resize(IMAGE, sizes=[1, 2, 7, 3], mode="cubic"),
    "resize_corners": resize(
        IMAGE, sizes=[1, 2, 7, 3], mode="linear", coordinate_transformation_mode="align_corners"
    ),
    "resize_antialias": resize(IMAGE, sizes=[1, 2, 2, 3], mode="linear", antialias=1),
    "resize_axes": resize(IMAGE, sizes=[6, 8], mode="linear", axes=[2, 3]),
    "resize_policy": resize(
        IMAGE, sizes=[7, 9], axes=[2, 3], keep_aspect_ratio_policy="not_larger"
    ),
    "resize_exclude": resize(IMAGE, sizes=[1, 2, 7, 3], mode="cubic", exclude_outside=1),
    "resize_symmetric": resize(
        IMAGE, [1, 1, 1.7, 0.7], mode="linear", opset=19,
        coordinate_transformation_mode="half_pixel_symmetric",
    ),
    "resize_ceil": resize(
        IMAGE, sizes=[1, 2, 7, 3], nearest_mode="ceil", coordinate_transformation_mode="asymmetric"
    ),
    "resize_pytorch": resize(
        IMAGE, sizes=[1, 2, 7, 1], mode="linear", opset=13,
        coordinate_transformation_mode="pytorch_half_pixel",
    ),
    "resize_tf_nearest": resize(
        IMAGE, [1, 1, 2, 2], opset=11, nearest_mode="floor",
        coordinate_transformation_mode="tf_half_pixel_for_nn",
    ),
    "resize_crop": (
        [node("Resize", "x r - s", mode="linear", extrapolation_value=2.5,
              coordinate_transformation_mode="tf_crop_and_resize")],
        {"r": np.float32([0, 0, 0.3, -0.2, 1, 1, 0.8, 1.1]), "s": ints(1, 2, 5, 6)}, IMAGE,
        {"opset": 13},
    ),
    "resize_10": (
        [node("Resize", "x f", mode="linear")], {"f": np.float32([1, 1, 2, 1.5])}, IMAGE,
        {"opset": 10},
    ),
    "resize_10_nearest": (
        [node("Resize", "x f")], {"f": np.float32([1, 1, 0.5, 1.7])}, IMAGE, {"opset": 10}
    ),
    "upsample_9": (
        [node("Upsample", "x f", mode="linear")], {"f": np.float32([1, 1, 2, 1.5])}, IMAGE,
        {"opset": 9},
    ),
    "upsample_7": ([node("Upsample", "x", scales=[1.0, 1.0, 2.0, 3.0])], {}, IMAGE, {"opset": 8}),
}  # fmt: skip

MOVES = {
    "gather_elements": (
        [node("GatherElements", "x i", axis=2)], {"i": ints(0, -1, 1, 0).reshape(1, 2, 2)},
        (1, 2, 3), {},
    ),
    "gather_nd": (
        [node("GatherND", "x i", batch_dims=1)], {"i": ints(1, 2, 0, 0).reshape(1, 2, 2)},
        (1, 2, 3), {},
    ),
    "scatter_elements": (
        [node("ScatterElements", "x i u", axis=1)],
        {"i": ints(3, 0).reshape(1, 2), "u": floats(1, 2)}, (1, 4), {},
    ),
    "scatter_elements_add": (
        [node("ScatterElements", "x i u", axis=1, reduction="add")],
        {"i": ints(3, 3).reshape(1, 2), "u": floats(1, 2)}, (1, 4), {"opset": 16},
    ),
    "scatter_elements_max": (
        [node("ScatterElements", "x i u", axis=1, reduction="max")],
        {"i": ints(3, 3).reshape(1, 2), "u": floats(1, 2)}, (1, 4), {"opset": 18},
    ),
    "scatter_9": (
        [node("Scatter", "x i u", axis=1)],
        {"i": ints(3, 0).reshape(1, 2), "u": floats(1, 2)}, (1, 4), {"opset": 9},
    ),
    "scatter_nd_mul": (
        [node("ScatterND", "x i u", reduction="mul")],
        {"i": ints(0, 3, 0, 1).reshape(2, 2), "u": floats(2)}, (1, 4), {"opset": 16},
    ),
    "scatter_values": (  # constants under the data
        [node("ScatterElements", "c i x", axis=1)],
        {"i": ints(4, 0, 1, 3).reshape(1, 4), "c": floats(1, 5)}, (1, 4), {},
    ),
    "compress": (
        [node("Compress", "x b", axis=1)], {"b": np.array([True, False, True])}, (1, 4), {}
    ),
    "compress_flat": ([node("Compress", "x b")], {"b": np.array([0, 1, 1], bool)}, (1, 2, 2), {}),
    "reverse_sequence": (
        [node("ReverseSequence", "x n", batch_axis=0, time_axis=1)], {"n": ints(3)}, (1, 4, 2), {}
    ),
    "trilu": ([node("Trilu", "x k")], {"k": np.array(1)}, (1, 3, 4), {"opset": 14}),
    "trilu_lower": ([node("Trilu", "x", upper=0)], {}, (1, 4, 3), {"opset": 14}),
    "crop_pad": (
        [node("CenterCropPad", "x s", axes=[1, 2])], {"s": ints(5, 2)}, (1, 2, 5), {"opset": 18}
    ),
    "col2im": (
        [node("Col2Im", "x s b", pads=[0, 1, 0, 1], strides=[1, 2])],
        {"s": ints(4, 5), "b": ints(2, 3)}, (1, 6, 9), {"opset": 18},
    ),
    "cumsum": ([node("CumSum", "x a")], {"a": np.array(1)}, ("N", 4), {}),
    "cumsum_options": (
        [node("CumSum", "x a", exclusive=1, reverse=1)], {"a": np.array(-1)}, ("N", 2, 4), {}
    ),
    "top_k": ([node("TopK", "x k", "y i", axis=1)], {"k": ints(2)}, ("N", 4), {}),
    "top_k_smallest": (
        [node("TopK", "x k", "y i", axis=-1, largest=0)], {"k": ints(3)}, ("N", 2, 4), {}
    ),
    "top_k_9": ([node("TopK", "x", "y i", axis=1, k=1)], {}, ("N", 4), {"opset": 9}),
    "max_unpool": (
        [node("MaxUnpool", "x i", kernel_shape=[2], strides=[2])],
        {"i": ints(1, 2, 5).reshape(1, 1, 3)}, (1, 1, 3), {},
    ),
    "depth_to_space_crd": (
        [node("DepthToSpace", "x", blocksize=2, mode="CRD")], {}, (1, 8, 2, 3), {}
    ),
    "space_to_depth": ([node("SpaceToDepth", "x", blocksize=2)], {}, (1, 2, 4, 6), {}),
    "einsum": ([node("Einsum", "x w", equation="bij,jk->bik")], {"w": floats(3, 2)}, (1, 4, 3), {}),
    "einsum_grouped": (
        [node("Einsum", "w x", equation="hij,bhjd->bhdi")], {"w": floats(2, 4, 3)}, (1, 2, 3, 2), {}
    ),
    "einsum_sum": ([node("Einsum", "x", equation="b...i->b...")], {}, (1, 2, 3), {}),
    "einsum_three": (
        [node("Einsum", "v x w", equation="i,bij,jk->bk")], {"v": floats(4), "w": floats(3, 2)},
        (1, 4, 3), {},
    ),
    "einsum_diagonal": ([node("Einsum", "x", equation="bii->bi")], {}, (1, 3, 3), {}),
    "lp_pool": (
        [node("LpPool", "x", kernel_shape=[2, 2], p=1, strides=[2, 1], pads=[0, 1, 0, 0])], {},
        IMAGE, {},
    ),
    "global_lp": ([node("GlobalLpPool", "x", p=1)], {}, IMAGE, {}),
}  # fmt: skip

CONDITIONS = {
    "where_leaky": (
        [node("Greater", "x z", "g"), node("Mul", "x a", "b"), node("Where", "g x b")],
        {"z": of(0), "a": of(0.1)}, ("N", 4), {},
    ),
    "where_slopes": (  # the slopes differ, the threshold does not
        [node("Less", "x z", "g"), node("Mul", "x a", "b"), node("Where", "g b x")],
        {"z": of(0), "a": floats(4)}, ("N", 4), {},
    ),
    "mask_times": (
        [node("GreaterOrEqual", "x z", "g"), node("Cast", "g", "m", to=1), node("Mul", "m x")],
        {"z": of(0)}, ("N", 4), {},
    ),
    "where_hard_tanh": (
        [node("Less", "x l", "a"), node("Where", "a l x", "b"), node("LessOrEqual", "x h", "c"),
         node("Not", "c", "d"), node("Where", "d h b")],
        {"l": of(-0.5), "h": of(0.75)}, ("N", 4), {"opset": 16},
    ),
    "where_both": (
        [node("Less", "x h", "a"), node("Greater", "x l", "b"), node("And", "a b", "c"),
         node("Or", "a b", "u"), node("Xor", "c u", "o"), node("Cast", "o", "m", to=1),
         node("Abs", "x", "s"), node("Sub", "s h", "t"), node("Mul", "m t")],
        {"l": of(-0.5), "h": of(0.5)}, ("N", 4), {},
    ),
    "sign_times": ([node("Sign", "x", "s"), node("Mul", "s x")], {}, ("N", 4), {}),
    "where_of_relu": (
        [node("Relu", "x", "r"), node("Equal", "r z", "g"), node("Where", "g z r")],
        {"z": of(0)}, ("N", 4), {},
    ),
    "where_constant": (
        [node("Where", "m x c")], {"m": np.array([1, 0, 1, 0], bool), "c": floats(4)}, ("N", 4), {}
    ),
    "where_constant_two": (
        [node("Abs", "x", "a"), node("Where", "m x a")], {"m": np.array([1, 0, 1, 0], bool)},
        ("N", 4), {},
    ),
    "where_unused_infinity": (
        [node("Where", "m c x")],
        {"m": np.array([0, 0, 1, 0], bool), "c": np.float32([np.inf, -np.inf, 3, np.inf])},
        ("N", 4), {},
    ),
    "compare_two": (
        [node("Relu", "x", "r"), node("Greater", "x r", "g"), node("Where", "g x r")], {}, ("N", 4),
        {},
    ),
    "clip_infinite": (
        [node("Clip", "x a b")], {"a": of(0), "b": of(np.inf)}, ("N", 4), {}
    ),
    "shrink": ([node("Shrink", "x", lambd=0.25, bias=0.25)], {}, ("N", 4), {}),
    "hard_swish": ([node("HardSwish", "x")], {}, ("N", 4), {"opset": 14}),
    "hard_swish_in_two": (
        [node("HardSigmoid", "x", "h", alpha=1 / 6), node("Mul", "x h")], {}, ("N", 4), {}
    ),
    "cast_like": ([node("CastLike", "x c")], {"c": of(1)}, ("N", 4), {"opset": 15}),
}  # fmt: skip


def computed(*nodes, opset=17, **stored):
    """A model that adds a constant "c", made by nodes."""
    return [*nodes, node("Add", "x c")], stored, ("N", 4), {"opset": opset}


A, B = floats(4), floats(4)
CONSTANTS = {
    "constant_pow": computed(node("Pow", "a b", "c"), a=np.abs(A), b=of(0.5)),
    "constant_functions": computed(
        node("Exp", "a", "d"), node("Sqrt", "d", "e"), node("Log", "e", "f"),
        node("Floor", "f", "c"), a=A,
    ),
    "constant_conditions": computed(
        node("Less", "a b", "g"), node("Not", "g", "h"), node("Xor", "g h", "i"),
        node("Or", "h i", "j"), node("And", "j g", "k"), node("Where", "k a b", "c"), a=A, b=B,
    ),
    "constant_casts": computed(
        node("Cast", "a", "i", to=7), node("Mod", "i m", "r"), node("CastLike", "r a", "c"),
        a=A * 10, m=ints(3),
    ),
    "constant_range": computed(
        node("Range", "a b d", "r"), node("CumSum", "r z", "s"), node("Cast", "s", "c", to=1),
        a=np.array(0), b=np.array(8), d=np.array(2), z=np.array(0),
    ),
    "constant_products": computed(
        node("MatMul", "v w", "p"), node("Gemm", "p w", "q"), node("Squeeze", "q k", "s"),
        node("Sigmoid", "s", "c"), v=floats(1, 4), w=floats(4, 4), k=ints(0),
    ),
    "constant_scatter": computed(
        node("ScatterND", "a i u", "d"), node("GatherND", "d j", "c"), a=A, i=ints(1).reshape(1, 1),
        u=floats(1), j=ints(3, 2, 1, 0).reshape(4, 1),
    ),
    "constant_moves": computed(
        node("GatherElements", "a i", "d"), node("Compress", "d b", "e"),
        node("CenterCropPad", "e s", "c"), a=A, i=ints(3, -1, 0), b=np.array([True, False, True]),
        s=ints(4), opset=18,
    ),
    "constant_quantized": computed(
        node("DequantizeLinear", "q s z", "w", axis=0), node("DequantizeLinear", "r t", "v"),
        node("Mul", "v w", "u"), node("ReduceSum", "u k", "c", keepdims=0), k=ints(0),
        q=np.arange(-8, 8, dtype=np.int8).reshape(4, 4),
        s=np.float32([0.1, 0.2, 0.3, 0.4]), z=np.int8([0, 1, -1, 3]),
        r=np.arange(4, dtype=np.uint8),
        t=of(0.02),
    ),
    "constant_reductions": computed(
        node("ReduceProd", "a", "d", keepdims=0), node("ReduceL2", "b", "e", keepdims=0),
        node("Div", "d e", "c"), a=A, b=B,
    ),
    "constant_infinite": computed(
        node("IsInf", "a", "g"), node("Where", "g b a", "c"), a=np.float32([1, np.inf, 2, -np.inf]),
        b=B,
    ),
    "constant_dropout": computed(node("Dropout", "a", "c"), a=A),
    "constant_one_hot": computed(
        node("OneHot", "i d v", "o"), node("Trilu", "o", "t"),
        node("ReduceSum", "t k", "c", keepdims=0),
        i=ints(1, 0, 3), d=np.array(4), v=floats(2), k=ints(0),
    ),
}  # fmt: skip


def choice(condition, then, otherwise, output="y"):
    """An If of two graphs, each a list of nodes to "t" or "e"."""
    otherwise = otherwise or [node("Identity", "x", "e")]
    graphs = [
        helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(name, 1, None)])
        for name, nodes in (("t", then), ("e", otherwise))
    ]
    return node("If", condition, output, then_branch=graphs[0], else_branch=graphs[1])


BRANCHES = {
    "if_known": (
        [node("Shape", "x", "s"), node("Gather", "s i", "n"), node("Equal", "n k", "g"),
         node("Relu", "x", "r"), choice("g", [node("Add", "r c", "t")], [node("Exp", "r", "e")])],
        {"i": np.array(1), "k": np.array(4), "c": floats(4)}, (1, 4), {},
    ),
    "if_nested": (
        [choice("g", [node("Exp", "x", "t")], [
            node("Abs", "x", "a"), choice("h", [node("Sub", "a c", "t")], [], "b"),
            node("Relu", "b", "e"),
        ])],
        {"g": np.array(False), "h": np.array(True), "c": floats(4)}, (1, 4), {},
    ),
}  # fmt: skip


def recurrent(shape, hidden=2, ways=1, *, y=1, extra="", opset=14, **stored):
    """A model of one RNN; what it reads has shape (steps, rows, size), the input (1, ...)."""

    def model(**options):
        numbers = {
            "w": floats(ways, hidden, shape[-1]), "r": floats(ways, hidden, hidden),
            "b": floats(ways, 2 * hidden), **stored,
        }  # fmt: skip
        outputs = ["- y", "y"][y]
        numbers["shape"] = ints(*shape)
        nodes = [node("Reshape", "x shape", "s")]
        nodes.append(node("RNN", f"s w r b{extra}", outputs, hidden_size=hidden, **options))
        return nodes, numbers, (1, *shape), {"opset": opset}

    return model


RECURRENT = {
    "rnn": recurrent((3, 1, 2))(activations=["Relu"]),
    "rnn_last": recurrent((3, 1, 2), y=0)(activations=["Relu"]),
    "rnn_one_step": recurrent((1, 1, 2))(activations=["Relu"]),
    "rnn_reverse": recurrent((3, 1, 2), y=0)(activations=["Relu"], direction="reverse"),
    "rnn_both_ways": recurrent((3, 1, 2), ways=2)(
        activations=["Relu", "Relu"], direction="bidirectional"),
    "rnn_both_ways_last": recurrent((2, 1, 2), ways=2, y=0)(
        activations=["Relu", "Tanh"], direction="bidirectional"),
    "rnn_start": recurrent((2, 1, 3), extra=" n h", n=np.int32([2]), h=floats(1, 1, 2))(
        activations=["Relu"]),
    "rnn_rows": recurrent((3, 2, 2))(activations=["Relu"]),
    "rnn_rows_both_ways": recurrent((2, 3, 2), ways=2, y=0)(
        activations=["Relu", "Relu"], direction="bidirectional"),
    "rnn_start_of_rows": recurrent((2, 2, 3), extra=" - h", h=floats(1, 2, 2))(
        activations=["Relu"]),
    "rnn_clip": recurrent((2, 1, 2))(activations=["Relu"], clip=0.25),
    "rnn_tanh": recurrent((2, 1, 2))(),
}  # fmt: skip

POWERS = {
    "pow_one": ([node("Pow", "x p")], {"p": of(1)}, ("N", 4), {}),
    "pow_zero": ([node("Pow", "x p")], {"p": of(0)}, ("N", 4), {}),
    "pow_mixed": ([node("Pow", "x p")], {"p": np.float32([0, 1, 1, 0])}, ("N", 4), {}),
    "pow_larger": ([node("Pow", "x p")], {"p": np.float32([[1], [0]])}, ("N", 1, 4), {}),
    "pow_of_a_choice": (
        [node("Greater", "x z", "g"), node("Where", "g x z", "w"), node("Pow", "w p")],
        {"z": of(0), "p": of(1)}, ("N", 4), {},
    ),
    "is_nan": ([node("IsNaN", "x", "g"), node("Where", "g c x")], {"c": of(9)}, ("N", 4), {}),
    "is_infinite": (
        [node("IsInf", "x", "g", detect_negative=0), node("Not", "g", "h"),
         node("Where", "h x c")],
        {"c": of(9)}, ("N", 4), {},
    ),
    "log_sigmoid": ([node("Sigmoid", "x", "s"), node("Log", "s")], {}, ("N", 4), {}),
    "log_softmax": ([node("Softmax", "x", "s", axis=1), node("Log", "s")], {}, ("N", 4), {}),
    "hard_swish_by_clip": (
        [node("Add", "x c", "a"), node("Clip", "a z s", "b"), node("Mul", "x b", "m"),
         node("Div", "m s")],
        {"c": of(3), "z": of(0), "s": of(6)}, ("N", 4), {},
    ),
    "hard_swish_scaled": (
        [node("Add", "x c", "a"), node("Clip", "a z s", "b"), node("Mul", "b t", "d"),
         node("Mul", "d x")],
        {"c": of(3), "z": of(0), "s": of(6), "t": of(1 / 6)}, ("N", 4), {},
    ),
    "silu_scaled": (
        [node("Sigmoid", "x", "s"), node("Mul", "x t", "u"), node("Mul", "s u")], {"t": of(3)},
        ("N", 4), {},
    ),
    "masked_by_places": (  # as an exporter writes x[x < 0] = 0
        [node("Less", "x z", "g"), node("NonZero", "g", "n"),
         node("Transpose", "n", "i", perm=[1, 0]), node("Reshape", "g k", "f"),
         node("Cast", "f", "j", to=7), node("ReduceSum", "j", "s", keepdims=1),
         node("Expand", "z s", "u"), node("ScatterND", "x i u")],
        {"z": of(0), "k": ints(-1)}, (1, 4), {"opset": 18},
    ),
}  # fmt: skip

MORE = {**RESAMPLING, **MOVES, **CONDITIONS, **CONSTANTS, **BRANCHES, **RECURRENT, **POWERS}
