"""Malformed and impossible ONNX nodes: one clear error that names the node."""

from __future__ import annotations

import math

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_image_cases import I, pool
from onnx_models import floats, make_model, node, save

from exactspline import formats
from exactspline.errors import ExactSplineError

IMAGE = (1, 2, 5, 5)
W = {"w": floats(4, 2, 3, 3)}
V = {"g": floats(2), "b": floats(2), "m": floats(2), "v": np.float32([1, 2])}
FEW = {**V, "g": floats(3)}
MALFORMED = {
    "conv_stride_0": ([node("Conv", "x w", strides=[0, 1])], W, IMAGE, {}),
    "conv_stride_negative": ([node("Conv", "x w", strides=[-1, 1])], W, IMAGE, {}),
    "conv_strides_one": ([node("Conv", "x w", strides=[1])], W, IMAGE, {}),
    "conv_pads_negative": ([node("Conv", "x w", pads=[-1, 0, 0, 0])], W, IMAGE, {}),
    "conv_pads_two": ([node("Conv", "x w", pads=[1, 1])], W, IMAGE, {}),
    "conv_pads_far": ([node("Conv", "x w", pads=[2**62] * 4)], W, IMAGE, {}),
    "conv_pads_large": ([node("Conv", "x w", pads=[2**30] * 4)], W, IMAGE, {}),
    "conv_dilation_far": ([node("Conv", "x w", dilations=[2**40, 1])], W, IMAGE, {}),
    "conv_dilation_large": ([node("Conv", "x w", dilations=[3, 1])], W, IMAGE, {}),
    "conv_auto_and_pads": (
        [node("Conv", "x w", auto_pad="SAME_UPPER", pads=[1, 1, 1, 1])],
        W,
        IMAGE,
        {},
    ),
    "conv_auto_unknown": ([node("Conv", "x w", auto_pad="SAME")], W, IMAGE, {}),
    "conv_kernel_shape": ([node("Conv", "x w", kernel_shape=[2, 3])], W, IMAGE, {}),
    "conv_groups": ([node("Conv", "x w", group=3)], W, IMAGE, {}),
    "conv_group_0": ([node("Conv", "x w", group=0)], W, IMAGE, {}),
    "conv_channels": ([node("Conv", "x w")], W, (1, 3, 5, 5), {}),
    "conv_rank": ([node("Conv", "x w")], W, (1, 2, 5), {}),
    "conv_vector": ([node("Conv", "x w")], {"w": floats(2)}, IMAGE, {}),
    "conv_bias": ([node("Conv", "x w b")], {**W, "b": floats(3)}, IMAGE, {}),
    "conv_window": ([node("Conv", "x w")], W, (1, 2, 2, 5), {}),
    "conv_variable": ([node("Conv", "x x")], {}, IMAGE, {}),
    "transposed_nothing_left": (
        [node("ConvTranspose", "x w", pads=[4] * 4)],
        {"w": floats(2, 1, 3, 3)},
        IMAGE,
        {},
    ),
    "transposed_large": (
        [node("ConvTranspose", "x w", output_padding=[2**30, 0])],
        {"w": floats(2, 1, 3, 3)},
        IMAGE,
        {},
    ),
    "transposed_stride": (
        [node("ConvTranspose", "x w", strides=[2**30, 2])],
        {"w": floats(2, 1, 3, 3)},
        IMAGE,
        {},
    ),
    "pool_no_kernel": (pool("MaxPool"), {}, IMAGE, {}),
    "pool_kernel_0": (pool("MaxPool", kernel_shape=[0, 1]), {}, IMAGE, {}),
    "pool_kernel_rank": (pool("MaxPool", kernel_shape=[2]), {}, IMAGE, {}),
    "pool_kernel_large": (pool("MaxPool", kernel_shape=[6, 1]), {}, IMAGE, {}),
    "pool_all_padding": (pool("MaxPool", kernel_shape=[2, 2], pads=[2, 2, 2, 2]), {}, IMAGE, {}),
    "pool_huge_kernel": (
        pool("AveragePool", kernel_shape=[20_000, 20_000], pads=[10_000] * 4, count_include_pad=1),
        {},
        IMAGE,
        {},
    ),
    "pool_indices": (
        [node("MaxPool", "x", "h i", kernel_shape=[2, 2]), node("Add", "h i")],
        {},
        IMAGE,
        {},
    ),
    "pool_dilated_before_10": (
        pool("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]),
        {},
        IMAGE,
        {"opset": 9},
    ),
    "pool_no_image": (pool("GlobalAveragePool"), {}, (1, 4), {}),
    "norm_training": (
        [node("BatchNormalization", "x g b m v", training_mode=1)],
        V,
        IMAGE,
        {"opset": 14},
    ),
    "norm_spatial": ([node("BatchNormalization", "x g b m v", spatial=0)], V, IMAGE, {"opset": 7}),
    "norm_lengths": ([node("BatchNormalization", "x g b m v")], FEW, IMAGE, {}),
    "norm_channels": ([node("BatchNormalization", "x g b m v")], V, (1, 3, 5, 5), {}),
    "norm_variance": (
        [node("BatchNormalization", "x g b m m2")],
        {**V, "m2": np.float32([1, -1])},
        IMAGE,
        {},
    ),
    "concat_no_axis": ([node("Concat", "x x")], {}, IMAGE, {}),
    "concat_axis": ([node("Concat", "x x", axis=4)], {}, IMAGE, {}),
    "concat_shapes": ([node("Concat", "x c", axis=1)], {"c": floats(1, 2, 4, 5)}, IMAGE, {}),
    "concat_ranks": ([node("Concat", "x c", axis=1)], {"c": floats(1, 2)}, IMAGE, {}),
    "split_sizes": ([node("Split", "x s", "y z", axis=1)], {"s": I([1, 2])}, IMAGE, {}),
    "split_unequal": ([node("Split", "x", "y z", axis=2)], {}, IMAGE, {}),
    "split_number": ([node("Split", "x", "y z", axis=2, num_outputs=3)], {}, IMAGE, {"opset": 18}),
    "slice_step_0": (
        [node("Slice", "x b e a t")],
        {"b": I([0]), "e": I([1]), "a": I([1]), "t": I([0])},
        IMAGE,
        {},
    ),
    "slice_axis_twice": (
        [node("Slice", "x b e a")],
        {"b": I([0, 0]), "e": I([1, 1]), "a": I([1, -3])},
        IMAGE,
        {},
    ),
    "slice_lengths": ([node("Slice", "x b e")], {"b": I([0, 0]), "e": I([1])}, IMAGE, {}),
    "slice_variable": ([node("Slice", "x x x")], {}, (1, 4), {}),
    "gather_outside": ([node("Gather", "x i", axis=1)], {"i": I([2])}, IMAGE, {}),
    "gather_floats": ([node("Gather", "x i", axis=1)], {"i": floats(2)}, IMAGE, {}),
    "gather_variable": ([node("Gather", "x x", axis=1)], {}, IMAGE, {}),
    "pad_count": ([node("Pad", "x p")], {"p": I([1, 1])}, IMAGE, {}),
    "pad_mode": ([node("Pad", "x p", mode="mirror")], {"p": I([1] * 8)}, IMAGE, {}),
    "pad_reflect_far": (
        [node("Pad", "x p", mode="reflect")],
        {"p": I([0, 0, 0, 5] * 2)},
        IMAGE,
        {},
    ),
    "pad_all_away": ([node("Pad", "x p")], {"p": I([0, -2, 0, 0, 0, 0, 0, 0])}, IMAGE, {}),
    "pad_huge": ([node("Pad", "x p")], {"p": I([0, 2**40, 0, 0, 0, 0, 0, 0])}, IMAGE, {}),
    "expand_huge": ([node("Expand", "x s")], {"s": I([2**40, 1, 1, 1, 1])}, IMAGE, {}),
    "expand_shape": ([node("Expand", "x s")], {"s": I([3, 5, 5])}, IMAGE, {}),
    "tile_huge": ([node("Tile", "x r")], {"r": I([1, 2**40, 1, 1])}, IMAGE, {}),
    "tile_rank": ([node("Tile", "x r")], {"r": I([2, 2])}, IMAGE, {}),
    "filled_huge": (
        [node("ConstantOfShape", "s", "c"), node("Add", "x c")],
        {"s": I([2**31, 2**31])},
        IMAGE,
        {},
    ),
    "filled_empty": (
        [node("ConstantOfShape", "s", "c"), node("Add", "x c")],
        {"s": I([2**62, 0, 2**62])},
        IMAGE,
        {},
    ),
    "range_huge": (
        [node("Range", "a b c", "r"), node("Add", "x r")],
        {"a": I(0), "b": I(2**60), "c": I(1)},
        (1, 4),
        {},
    ),
    "range_no_step": (
        [node("Range", "a b c", "r"), node("Add", "x r")],
        {"a": I(0), "b": I(4), "c": I(0)},
        (1, 4),
        {},
    ),
    "depth_blocks": ([node("DepthToSpace", "x", blocksize=2)], {}, IMAGE, {}),
    "depth_block_0": ([node("DepthToSpace", "x", blocksize=0)], {}, IMAGE, {}),
    "depth_mode": ([node("DepthToSpace", "x", blocksize=1, mode="ABC")], {}, IMAGE, {}),
    "space_blocks": ([node("SpaceToDepth", "x", blocksize=2)], {}, IMAGE, {}),
    "clip_vector": ([node("Clip", "x a")], {"a": floats(5)}, IMAGE, {}),
    "clip_attributes_late": ([node("Clip", "x", min=0.0)], {}, IMAGE, {"opset": 11}),
    "clip_nan": ([node("Clip", "x", min=math.nan)], {}, IMAGE, {"opset": 10}),
    "squeeze_attribute_late": ([node("Squeeze", "x", axes=[0])], {}, IMAGE, {}),
    "squeeze_long": ([node("Squeeze", "x a")], {"a": I([1])}, IMAGE, {}),
    "unsqueeze_no_axes": ([node("Unsqueeze", "x")], {}, IMAGE, {"opset": 11}),
    "reduce_axis": (pool("ReduceMax", axes=[7]), {}, IMAGE, {}),
    "softmax_axis": (pool("Softmax", axis=4), {}, IMAGE, {}),
    "celu_0": (pool("Celu", alpha=0.0), {}, IMAGE, {}),
    "gelu_name": (pool("Gelu", approximate="erf"), {}, IMAGE, {"opset": 20}),
    "not_yet": (pool("Gelu"), {}, IMAGE, {"opset": 13}),
    "matmul_stack": ([node("MatMul", "x w")], {"w": floats(3, 5, 5)}, IMAGE, {}),
    "matmul_scalar": ([node("MatMul", "x w")], {"w": floats()}, IMAGE, {}),
    "shape_unknown": ([node("Relu", "x", "h"), node("Reshape", "h x")], {}, (1, 4), {}),
    "rank_16": ([node("Reshape", "x s", "h"), node("Relu", "h")], {"s": I([1] * 20)}, (1, 1), {}),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed(case, tmp_path):
    nodes, stored, shape, options = MALFORMED[case]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    path = save(make_model(nodes, stored, shape, outputs=outputs, **options), tmp_path)
    with pytest.raises(ExactSplineError) as caught:
        formats.load(path)
    message = str(caught.value)
    assert "net.onnx: " in message
    assert any(n.name in message for n in nodes)  # the node is named, once
    assert max(message.count(n.name) for n in nodes) <= 2
    assert len(message) < 600
