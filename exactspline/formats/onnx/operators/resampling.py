"""ONNX's Resize and Upsample: an exact linear map along every axis.

A scale is the float32 that is stored, exactly; sizes give exact ratios. Positions and weights are
what ONNX defines, in rationals. How long an axis becomes is what onnxruntime makes it, and what
exporters mean: the product with the scale is rounded to float32 before it is cut off, so that 0.7
(a little less, as float32) of 10 entries are 7. ONNX's reference implementation does not round it.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ....network import Elementwise
from ....network.resample import Resampling
from ....rationals import as_fractions, exact_array
from ...limits import check_entries
from ..graph import Graph
from ..node import NodeView
from ..registry import handles
from ..values import Value, Variable

__all__: list[str] = []

_ATTRIBUTES = (
    "mode", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside",
    "extrapolation_value", "nearest_mode",
)  # fmt: skip
_LATER = (*_ATTRIBUTES, "antialias", "axes", "keep_aspect_ratio_policy")
_ONE = Fraction(1)


@handles("Upsample", attributes=("mode", "scales"), until=8)
@handles("Upsample", inputs=2, attributes=("mode",), since=9, until=9)
@handles("Resize", inputs=2, attributes=("mode",), since=10, until=10)
def _upsample(node: NodeView, graph: Graph) -> Value:
    """Positions begin with 0; the mode nearest goes to the left where the axis grows."""
    x = node.variable(0)
    if node.opset < 9:
        given = node.floats_attribute("scales") or []
        scales = as_fractions(exact_array(np.array(given), node.where)).tolist()
    else:
        scales = _numbers(node, 1, "scales")
    rank = len(x.shape)
    if len(scales) != rank:
        raise node.wrong(f"has {len(scales)} scales for {rank} axes")
    for axis, scale in enumerate(scales):
        mode = node.text_attribute("mode", "nearest")
        rule = Resampling(
            {"bilinear": "linear"}.get(mode, mode), "asymmetric",
            nearest="floor" if scale >= 1 else "ceil",
        )  # fmt: skip
        x = _along(node, graph, x, axis, rule, scale, _scaled_size(node, x.shape[axis], scale))
    return x


@handles("Resize", inputs=(3, 4), attributes=_ATTRIBUTES, since=11, until=12)
@handles("Resize", inputs=(1, 4), attributes=_ATTRIBUTES, since=13, until=17)
@handles("Resize", inputs=(1, 4), attributes=_LATER, since=18)
def _resize(node: NodeView, graph: Graph) -> Value:
    x = node.variable(0)
    rank = len(x.shape)
    mode = node.text_attribute("coordinate_transformation_mode", "half_pixel")
    rule = Resampling(
        node.text_attribute("mode", "nearest"), mode,
        nearest=node.text_attribute("nearest_mode", "round_prefer_floor"),
        cubic=node.float_attribute("cubic_coeff_a", -0.75),
        exclude_outside=node.int_attribute("exclude_outside", 0) != 0,
        antialias=node.int_attribute("antialias", 0) != 0,
    )  # fmt: skip
    stated = node.ints_attribute("axes")
    axes = list(range(rank)) if stated is None else node.axes(stated, rank)
    ends = [(Fraction(0), _ONE)] * rank
    if mode == "tf_crop_and_resize":
        roi = _numbers(node, 1, "roi")
        if len(roi) != 2 * len(axes):
            raise node.wrong(f"its roi has {len(roi)} entries; {len(axes)} axes need two each")
        for k, axis in enumerate(axes):
            ends[axis] = roi[k], roi[len(axes) + k]
    sizes, scales = _sizes_and_scales(node, x.shape, axes, cropped=ends != [(0, _ONE)] * rank)
    check_entries(sizes, node.where)
    outside = np.zeros((1,) * rank, dtype=bool)
    for axis in axes:
        missed = np.zeros(sizes[axis], dtype=bool)
        y = _along(
            node, graph, x, axis, rule, scales[axis], sizes[axis], ends=ends[axis], missed=missed
        )
        outside = outside | missed.reshape([-1 if i == axis else 1 for i in range(rank)])
        x = y
    value = node.float_attribute("extrapolation_value", 0.0)
    if value and outside.any():
        shift = np.full(outside.shape, Fraction(0), dtype=object)
        shift[outside] = value
        shift = shift.reshape(shift.shape[1:]) if x.batch else shift
        return graph.apply(node, Elementwise(shift=exact_array(shift)), x)
    return x


def _numbers(node: NodeView, i: int, what: str) -> list[Fraction]:
    """A constant list of numbers, empty if it is left out."""
    if node.optional(i) is None:
        return []
    values = node.constant(i, what).values
    if values.ndim > 1 or values.size > 64:
        raise node.wrong(f"its {what} (input {i}) is no short list of numbers")
    return list(as_fractions(values).reshape(-1).tolist())


def _sizes_and_scales(
    node: NodeView, shape: tuple[int, ...], axes: list[int], *, cropped: bool
) -> tuple[list[int], list[Fraction]]:
    """Length and scale of every axis of the result."""
    sizes, scales = list(shape), [_ONE] * len(shape)
    given, wanted = _numbers(node, 2, "scales"), _numbers(node, 3, "sizes")
    if bool(given) == bool(wanted):
        raise node.wrong("needs scales or sizes, and not both")
    numbers = given or wanted
    if len(numbers) != len(axes):
        raise node.wrong(f"has {len(numbers)} scales or sizes for {len(axes)} axes")
    if any(v <= 0 for v in numbers):
        raise node.wrong("a scale or size is not positive")
    policy = node.text_attribute("keep_aspect_ratio_policy", "stretch")
    if given:
        if cropped:
            raise node.unsupported(
                "gives scales and a part of the axes (roi): how long the result is then is "
                "computed in two ways; give sizes"
            )
        for axis, scale in zip(axes, given, strict=True):
            sizes[axis], scales[axis] = _scaled_size(node, shape[axis], scale), scale
        return sizes, scales
    if any(v.denominator != 1 for v in wanted):
        raise node.wrong("a size is no integer")
    ratios = [v / shape[axis] for axis, v in zip(axes, wanted, strict=True)]
    if policy == "stretch":
        for axis, v, ratio in zip(axes, wanted, ratios, strict=True):
            sizes[axis], scales[axis] = int(v), ratio
        return sizes, scales
    if policy not in ("not_larger", "not_smaller"):
        raise node.wrong(f"keep_aspect_ratio_policy {policy!r} is not known")
    ratio = min(ratios) if policy == "not_larger" else max(ratios)
    for axis in axes:
        # rounded in float32, by definition: it matters where half an entry is left over
        near = np.float32(ratio.numerator) / np.float32(ratio.denominator)
        sizes[axis] = math.floor(float(near * np.float32(shape[axis])) + 0.5)
        scales[axis] = ratio
    return sizes, scales


def _scaled_size(node: NodeView, size: int, scale: Fraction) -> int:
    """The integer part of size * scale, a product of float32, by definition."""
    if scale <= 0 or scale > 1 << 30:
        raise node.wrong(f"a scale is {float(scale):g}; it must be positive, up to 2^30")
    return math.floor(float(np.float32(size) * np.float32(float(scale))))


def _along(
    node: NodeView,
    graph: Graph,
    x: Variable,
    axis: int,
    rule: Resampling,
    scale: Fraction,
    wanted: int,
    *,
    ends: tuple[Fraction, Fraction] = (Fraction(0), _ONE),
    missed: np.ndarray | None = None,
) -> Variable:
    """One axis; ``missed`` is set where a position lies outside."""
    size = x.shape[axis]
    if scale == 1 and wanted == size and ends == (0, _ONE):
        return x
    inner = node.inner_axis(axis, x)
    check_entries((*x.shape[:axis], wanted, *x.shape[axis + 1 :]), node.where)
    fits = scale * size == wanted or np.float32(float(scale)) * np.float32(size) == wanted
    if rule.coordinates == "align_corners" and not fits and wanted > 1:
        raise node.unsupported(
            f"align_corners with the scale {float(scale):g} of {size} entries, which is no whole "
            "number of entries: runtimes take two different lengths for it; give sizes"
        )
    operator, outside = rule.along(
        size, wanted, axis=inner, scale=scale, start=ends[0], end=ends[1]
    )
    if missed is not None and outside:
        missed[list(outside)] = True
    return graph.apply(node, operator, x)
