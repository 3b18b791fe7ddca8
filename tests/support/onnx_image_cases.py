"""ONNX nodes on images: convolutions and pooling."""

from __future__ import annotations

import numpy as np
from onnx_models import floats, node

I = np.array  # noqa: E741 (integers of shapes)


CONVOLUTIONS = {
    "conv": ([node("Conv", "x w")], {"w": floats(4, 3, 3, 3)}, ("N", 3, 6, 5), {}),
    "conv_all": (
        [node("Conv", "x w b", strides=[2, 1], pads=[1, 0, 2, 3], dilations=[1, 2], group=2)],
        {"w": floats(4, 2, 3, 2), "b": floats(4)},
        ("N", 4, 6, 5),
        {},
    ),
    "conv_1d": ([node("Conv", "x w", pads=[1, 1])], {"w": floats(2, 3, 3)}, ("N", 3, 5), {}),
    "conv_3d": ([node("Conv", "x w")], {"w": floats(2, 1, 2, 2, 2)}, ("N", 1, 3, 3, 3), {}),
    "conv_same_upper": (
        [node("Conv", "x w", auto_pad="SAME_UPPER", strides=[2, 2])],
        {"w": floats(2, 1, 3, 4)},
        ("N", 1, 6, 7),
        {},
    ),
    "conv_same_lower": (
        [node("Conv", "x w", auto_pad="SAME_LOWER", kernel_shape=[2, 4])],
        {"w": floats(2, 1, 2, 4)},
        ("N", 1, 6, 7),
        {},
    ),
    "conv_valid": (
        [node("Conv", "x w", auto_pad="VALID", strides=[2, 2])],
        {"w": floats(2, 1, 3, 3)},
        ("N", 1, 6, 7),
        {},
    ),
    "conv_depthwise": (
        [node("Conv", "x w", group=3, pads=[1, 1, 1, 1])],
        {"w": floats(6, 1, 3, 3)},
        ("N", 3, 4, 4),
        {},
    ),
    "conv_transpose": (
        [node("ConvTranspose", "x w")],
        {"w": floats(3, 2, 3, 3)},
        ("N", 3, 4, 4),
        {},
    ),
    "conv_transpose_all": (
        [
            node(
                "ConvTranspose",
                "x w b",
                strides=[3, 2],
                pads=[1, 0, 2, 1],
                dilations=[1, 2],
                output_padding=[1, 0],
                group=2,
            )
        ],
        {"w": floats(4, 1, 3, 2), "b": floats(2)},
        ("N", 4, 3, 4),
        {},
    ),
    "conv_transpose_1d": (
        [node("ConvTranspose", "x w", strides=[2])],
        {"w": floats(3, 2, 2)},
        ("N", 3, 4),
        {},
    ),
    "conv_transpose_output_shape": (
        [node("ConvTranspose", "x w", strides=[3, 3], output_shape=[10, 8])],
        {"w": floats(1, 2, 3, 3)},
        ("N", 1, 3, 3),
        {},
    ),
    "conv_transpose_cut": (
        [node("ConvTranspose", "x w", strides=[2, 2], output_shape=[5, 7])],
        {"w": floats(1, 2, 3, 3)},
        ("N", 1, 3, 3),
        {},
    ),
    "conv_transpose_same_upper": (
        [node("ConvTranspose", "x w", strides=[2, 2], auto_pad="SAME_UPPER")],
        {"w": floats(1, 2, 3, 3)},
        ("N", 1, 3, 3),
        {},
    ),
    "conv_transpose_same_lower": (
        [node("ConvTranspose", "x w", strides=[2, 2], auto_pad="SAME_LOWER")],
        {"w": floats(1, 2, 3, 3)},
        ("N", 1, 3, 3),
        {},
    ),
    "batch_norm": (
        [node("BatchNormalization", "x g b m v")],
        {"g": floats(3), "b": floats(3), "m": floats(3), "v": np.abs(floats(3))},
        ("N", 3, 2, 2),
        {},
    ),
    "batch_norm_vector": (
        [node("BatchNormalization", "x g b m v", epsilon=0.25)],
        {"g": floats(3), "b": floats(3), "m": floats(3), "v": np.abs(floats(3))},
        ("N", 3),
        {"opset": 15},
    ),
    "batch_norm_8": (
        [node("BatchNormalization", "x g b m v", epsilon=1e-3, momentum=0.9)],
        {"g": floats(3), "b": floats(3), "m": floats(3), "v": np.abs(floats(3))},
        ("N", 3, 2, 2),
        {"opset": 8},
    ),
}


def pool(kind, **attributes):
    return [node(kind, "x", **attributes)]


POOLING = {
    "max_pool": (pool("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), {}, ("N", 2, 5, 6), {}),
    "max_pool_overlaps": (pool("MaxPool", kernel_shape=[3, 2]), {}, ("N", 2, 5, 6), {}),
    "max_pool_1d": (pool("MaxPool", kernel_shape=[3], strides=[2]), {}, ("N", 2, 7), {}),
    "max_pool_pads": (
        pool("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 0]),
        {},
        ("N", 2, 6, 5),
        {},
    ),
    "max_pool_dilated": (
        pool("MaxPool", kernel_shape=[2, 3], dilations=[2, 1]),
        {},
        ("N", 2, 6, 5),
        {},
    ),
    "max_pool_ceil": (
        pool("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        {},
        ("N", 2, 6, 7),
        {},
    ),
    "max_pool_ceil_pads": (
        pool("MaxPool", kernel_shape=[2, 2], strides=[3, 3], pads=[0, 0, 1, 1], ceil_mode=1),
        {},
        ("N", 1, 5, 4),
        {"opset": 19},
    ),
    "max_pool_same": (
        pool("MaxPool", kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_UPPER"),
        {},
        ("N", 2, 6, 5),
        {},
    ),
    "max_pool_same_lower": (
        pool("MaxPool", kernel_shape=[2, 2], auto_pad="SAME_LOWER"),
        {},
        ("N", 2, 4, 4),
        {},
    ),
    "max_pool_7": (
        pool("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
        {},
        ("N", 2, 4, 4),
        {"opset": 7},
    ),
    "average_pool": (
        pool("AveragePool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 1, 1, 0]),
        {},
        ("N", 2, 5, 4),
        {},
    ),
    "average_pool_counts_pads": (
        pool("AveragePool", kernel_shape=[3, 2], pads=[1, 1, 1, 0], count_include_pad=1),
        {},
        ("N", 2, 5, 4),
        {},
    ),
    "average_pool_same": (
        pool("AveragePool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
        {},
        ("N", 2, 6, 5),
        {},
    ),
    "average_pool_ceil": (
        pool("AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        {},
        ("N", 2, 6, 5),
        {},
    ),
    "average_pool_ceil_counts": (
        pool(
            "AveragePool",
            kernel_shape=[3, 3],
            strides=[2, 2],
            ceil_mode=1,
            pads=[1, 1, 1, 1],
            count_include_pad=1,
        ),
        {},
        ("N", 2, 6, 6),
        {"opset": 19},
    ),
    "average_pool_dilated": (
        pool("AveragePool", kernel_shape=[2, 2], dilations=[2, 1], pads=[1, 0, 1, 0]),
        {},
        ("N", 2, 5, 4),
        {"opset": 19},
    ),
    "average_pool_valid": (
        pool("AveragePool", kernel_shape=[2], auto_pad="VALID", strides=[2]),
        {},
        ("N", 2, 5),
        {"opset": 9},
    ),
    "global_average": (pool("GlobalAveragePool"), {}, ("N", 2, 3, 5), {}),
    "global_max": (pool("GlobalMaxPool"), {}, ("N", 2, 3, 5), {}),
    "reduce_mean": (pool("ReduceMean", axes=[2, -1], keepdims=0), {}, ("N", 2, 3, 5), {}),
    "reduce_mean_18": (
        [node("ReduceMean", "x a")],
        {"a": I([1])},
        ("N", 2, 3),
        {"opset": 18},
    ),
    "reduce_sum": ([node("ReduceSum", "x a", keepdims=0)], {"a": I([1])}, ("N", 4), {}),
    "reduce_sum_11": (pool("ReduceSum", axes=[1]), {}, ("N", 4, 2), {"opset": 11}),
    "reduce_sum_no_op": (pool("ReduceSum", noop_with_empty_axes=1), {}, ("N", 4), {}),
    "reduce_max": (pool("ReduceMax", axes=[-1]), {}, ("N", 4, 2), {}),
    "reduce_min": (
        [node("ReduceMin", "x a", keepdims=0)],
        {"a": I([-2])},
        ("N", 4, 2),
        {"opset": 20},
    ),
    "reduce_l1": (pool("ReduceL1", axes=[1]), {}, ("N", 4, 2), {}),
    "reduce_all": (
        [node("Squeeze", "x a", "h"), node("ReduceMax", "h", keepdims=0)],
        {"a": I([0])},
        (1, 2, 3),
        {},
    ),
}
