"""Readers of ONNX's convolutions and pooling, and of reductions over whole axes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....network import (
    Abs,
    AveragePool,
    BatchNorm,
    Conv,
    ConvTranspose,
    Identity,
    MaxPool,
    Operator,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceSum,
    SumPool,
)
from ....network.windows import same_padding
from ...limits import check_entries
from ..graph import Graph
from ..node import MIXES, NodeView
from ..registry import handles
from ..values import Value, Variable

__all__: list[str] = []

Shape = tuple[int, ...]
_WINDOWS = ("auto_pad", "kernel_shape", "pads", "strides", "dilations")


def _steps(node: NodeView, n: int) -> tuple[Shape, Shape, str]:
    """Strides, dilations and auto_pad."""
    strides, dilations = node.sizes("strides", n, 1, 1), node.sizes("dilations", n, 1, 1)
    auto = node.text_attribute("auto_pad", "NOTSET")
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise node.wrong(f"auto_pad {auto!r} is not known")
    if auto != "NOTSET" and any(node.ints_attribute("pads") or ()):
        raise node.wrong(f"has pads and auto_pad {auto}; only one of them may be given")
    return strides, dilations, auto


def _window(node: NodeView, image: Shape, kernel: Shape) -> tuple[Shape, Shape, Shape]:
    """Strides, dilations and pads of a kernel that slides over an image."""
    n = len(kernel)
    if len(image) != n:
        raise node.wrong(f"a kernel of {n} axes does not fit an image of shape {image}")
    strides, dilations, auto = _steps(node, n)
    if auto.startswith("SAME"):
        pads = same_padding(image, kernel, strides, dilations, upper=auto == "SAME_UPPER")
    else:
        pads = node.sizes("pads", 2 * n, 0, 0)
    return strides, dilations, pads


def _stored_kernel(node: NodeView) -> tuple[np.ndarray, np.ndarray | None]:
    """Weight and bias of a convolution."""
    weight = node.constant(1, "weight").values
    bias = None if node.optional(2) is None else node.constant(2, "bias").values
    if weight.ndim < 3:
        raise node.wrong(f"its weight has shape {weight.shape}; it needs spatial axes")
    stated = node.ints_attribute("kernel_shape")
    if stated is not None and tuple(stated) != weight.shape[2:]:
        raise node.wrong(f"kernel_shape {stated[:20]} is not that of the weight {weight.shape}")
    return weight, bias


# --- convolutions ----------------------------------------------------------------------------


@handles("Conv", inputs=(2, 3), attributes=(*_WINDOWS, "group"))
def _conv(node: NodeView, graph: Graph) -> Value:
    x = node.image(0)
    weight, bias = _stored_kernel(node)
    kernel = weight.shape[2:]
    strides, dilations, pads = _window(node, x.shape[2:], kernel)
    x, (weight, bias), groups, lead = _as_one_image(node, graph, x, weight, bias)
    operator = Conv(
        weight, bias, stride=strides, padding=pads, dilation=dilations,
        groups=groups, name=node.name,
    )  # fmt: skip
    return _apart(node, graph, _slid(node, graph, operator, x, kernel), lead)


def _as_one_image(
    node: NodeView, graph: Graph, x: Variable, weight: np.ndarray, bias: np.ndarray | None
) -> tuple[Variable, tuple[np.ndarray, np.ndarray | None], int, int]:
    """Several images as the channels of one, with the kernel once for each in its own groups.

    Returns the image, kernel and bias, the number of groups, and how many images there were.
    """
    groups, n = node.int_attribute("group", 1), 1 if x.batch else x.shape[0]
    if n == 1:
        return x, (weight, bias), groups, n
    graph.budget.parameters(n * weight.size, node.where)
    weight = np.tile(weight, (n, *[1] * (weight.ndim - 1)))
    return _joined_images(node, graph, x), (weight, bias if bias is None else np.tile(bias, n)), (
        groups * n
    ), n  # fmt: skip


def _joined_images(node: NodeView, graph: Graph, x: Variable) -> Variable:
    """Several images as the channels of one."""
    if x.batch:
        return x
    return graph.inner_reshape(node, x, (x.shape[0] * x.shape[1], *x.shape[2:]), True)


def _apart(node: NodeView, graph: Graph, y: Variable, n: int) -> Variable:
    """The images again that were joined."""
    if n == 1:
        return y
    return graph.inner_reshape(node, y, (n, y.inner[0] // n, *y.inner[1:]), False)


@handles(
    "ConvTranspose",
    inputs=(2, 3),
    attributes=(*_WINDOWS, "group", "output_padding", "output_shape"),
)
def _conv_transpose(node: NodeView, graph: Graph) -> Value:
    x = node.image(0)
    weight, bias = _stored_kernel(node)
    kernel, image = weight.shape[2:], x.shape[2:]
    n = len(kernel)
    if len(image) != n:
        raise node.wrong(f"a kernel of {n} axes does not fit an image of shape {image}")
    strides, dilations, auto = _steps(node, n)
    extra = list(node.sizes("output_padding", n, 0, 0))
    pads = list(node.sizes("pads", 2 * n, 0, 0))
    wanted: list[int] | None = None
    if "output_shape" in node.attributes:
        wanted = list(node.sizes("output_shape", n, 1, 1))
    elif auto.startswith("SAME"):
        wanted = [size * s for size, s in zip(image, strides, strict=True)]
    if wanted is not None:
        for i in range(n):
            full = (image[i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 + extra[i]
            total = full - wanted[i]
            if total < 0 and auto.startswith("SAME"):
                raise node.unsupported(
                    f"auto_pad={auto} with a kernel that covers less than its stride ({total} "
                    "entries of padding): the standard leaves open where the missing entries are, "
                    "and tools differ; write it with pads and output_padding"
                )
            if total < 0:  # zeros behind, as output_padding adds them
                extra[i] -= total
                total = 0
            small = total // 2
            before = small if auto == "SAME_UPPER" else total - small
            pads[i], pads[n + i] = before, total - before
    x, (weight, bias), groups, several = _as_one_image(node, graph, x, weight, bias)
    operator = ConvTranspose(
        weight, bias, stride=strides, padding=pads, output_padding=extra, dilation=dilations,
        groups=groups, name=node.name,
    )  # fmt: skip
    operator.output_shape(x.inner)
    graph.check_windows(node, kernel, image)
    return _apart(node, graph, graph.apply(node, operator, x), several)


def _slid(node: NodeView, graph: Graph, operator: Operator, x: Variable, kernel: Shape) -> Variable:
    shape = operator.output_shape(x.inner)
    check_entries(shape, node.where)
    graph.check_windows(node, kernel, shape[1:])
    return graph.apply(node, operator, x)


# --- pooling ---------------------------------------------------------------------------------


@handles("MaxPool", attributes=("auto_pad", "kernel_shape", "pads", "strides"), until=7)
@handles(
    "MaxPool", attributes=("auto_pad", "kernel_shape", "pads", "strides", "storage_order"),
    since=8, until=9,
)  # fmt: skip
@handles("MaxPool", attributes=(*_WINDOWS, "storage_order", "ceil_mode"), since=10)
def _max_pool(node: NodeView, graph: Graph) -> Value:
    node.int_attribute("storage_order", 0)  # it says how the second output counts
    return _pool(node, graph, MaxPool, {})


_AVERAGE = ("auto_pad", "kernel_shape", "pads", "strides", "count_include_pad")


@handles("AveragePool", attributes=_AVERAGE, until=9)
@handles("AveragePool", attributes=(*_AVERAGE, "ceil_mode"), since=10, until=18)
@handles("AveragePool", attributes=(*_AVERAGE, "ceil_mode", "dilations"), since=19)
def _average_pool(node: NodeView, graph: Graph) -> Value:
    counts = node.int_attribute("count_include_pad", 0) != 0
    return _pool(node, graph, AveragePool, {"count_include_pad": counts})


def _pool(
    node: NodeView, graph: Graph, kind: type[MaxPool] | type[AveragePool], more: dict[str, Any]
) -> Value:
    x = node.image(0)
    if "kernel_shape" not in node.attributes:
        raise node.wrong("its kernel_shape is missing")
    kernel = node.sizes("kernel_shape", len(x.shape) - 2, 1, 1)
    strides, dilations, pads = _window(node, x.shape[2:], kernel)
    ceil = node.int_attribute("ceil_mode", 0) != 0
    if node.text_attribute("auto_pad", "NOTSET").startswith("SAME"):
        ceil = False  # the pads make every window fit
    operator = kind(
        kernel, stride=strides, padding=pads, dilation=dilations, ceil_mode=ceil, name=node.name,
        **more,
    )  # fmt: skip
    y = _slid(node, graph, operator, _joined_images(node, graph, x), kernel)
    return _apart(node, graph, y, 1 if x.batch else x.shape[0])


@handles("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(node: NodeView, graph: Graph) -> Value:
    x = node.image(0)
    kind = ReduceMean if node.kind == "GlobalAveragePool" else ReduceMax
    axes = range(2 - x.batch, len(x.inner))
    return graph.apply(node, kind(axes, keepdims=True), x)


@handles("LpPool", attributes=("auto_pad", "kernel_shape", "p", "pads", "strides"), until=17)
@handles("LpPool", attributes=(*_WINDOWS, "p", "ceil_mode"), since=18)
def _lp_pool(node: NodeView, graph: Graph) -> Value:
    """With p = 1 the sum of absolute values."""
    _only_p_1(node)
    magnitude = graph.apply(node, Abs(), node.image(0))
    node.inputs = (magnitude,)
    return _pool(node, graph, SumPool, {})


@handles("GlobalLpPool", attributes=("p",))
def _global_lp_pool(node: NodeView, graph: Graph) -> Value:
    _only_p_1(node)
    magnitude = graph.apply(node, Abs(), node.image(0))
    axes = range(2 - magnitude.batch, len(magnitude.inner))
    return graph.apply(node, ReduceSum(axes, keepdims=True), magnitude)


def _only_p_1(node: NodeView) -> None:
    p = node.int_attribute("p", 2)
    if p < 1:
        raise node.wrong(f"p is {p}; it must be at least 1")
    if p > 1:
        raise node.unsupported(
            f"its norm with p = {p} is not piecewise affine; the one with p = 1 is, and so is a "
            "maximum of absolute values"
        )


# --- reductions ------------------------------------------------------------------------------

_REDUCTIONS: dict[str, type[ReduceMax] | type[ReduceSum]] = {
    "ReduceMax": ReduceMax, "ReduceMean": ReduceMean, "ReduceMin": ReduceMin,
    "ReduceSum": ReduceSum, "ReduceL1": ReduceSum,
}  # fmt: skip
_AS_INPUT = ("keepdims", "noop_with_empty_axes")


@handles(*(set(_REDUCTIONS) - {"ReduceSum"}), attributes=("axes", "keepdims"), until=17)
@handles("ReduceSum", attributes=("axes", "keepdims"), until=12)
@handles("ReduceSum", inputs=(1, 2), attributes=_AS_INPUT, since=13)
@handles(*(set(_REDUCTIONS) - {"ReduceSum"}), inputs=(1, 2), attributes=_AS_INPUT, since=18)
def _reduce(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    stored = node.opset < (13 if node.kind == "ReduceSum" else 18)
    axes = node.ints_attribute("axes") if stored else node.optional_ints(1, "axes")
    if node.kind == "ReduceL1":
        x = graph.run(node, Abs(), x)
    if not axes and node.int_attribute("noop_with_empty_axes", 0):
        return graph.run(node, Identity(), x)
    rank = len(x.shape)
    places = sorted(node.axes(axes, rank)) if axes else list(range(rank))
    if not places:  # a scalar
        return graph.run(node, Identity(), x)
    if x.batch and 0 in places:
        raise node.unsupported(f"reduces axis 0: {MIXES}")
    keep = node.int_attribute("keepdims", 1) != 0
    inner = [a - x.batch for a in places]
    return graph.run(node, _REDUCTIONS[node.kind](inner, keepdims=keep), x)


# --- batch normalisation ---------------------------------------------------------------------


@handles("BatchNormalization", inputs=5, attributes=("epsilon", "momentum", "spatial"), until=8)
@handles("BatchNormalization", inputs=5, attributes=("epsilon", "momentum"), since=9, until=13)
@handles(
    "BatchNormalization", inputs=5, attributes=("epsilon", "momentum", "training_mode"), since=14
)
def _batch_norm(node: NodeView, graph: Graph) -> Value:
    x = node.variable(0)
    if node.int_attribute("training_mode", 0):
        raise node.unsupported("training_mode is on: it uses the batch's own mean; export in eval")
    if not node.int_attribute("spatial", 1):
        raise node.unsupported("spatial is 0: it has a mean for every entry; use spatial = 1")
    if len(x.shape) < 2:
        raise node.wrong(f"an input of shape {x.shape} has no channel axis")
    gamma, beta, mean, variance = (
        node.constant(i, what).values
        for i, what in ((1, "scale"), (2, "bias"), (3, "mean"), (4, "variance"))
    )
    epsilon: Fraction = node.float_attribute("epsilon", 1e-5)
    operator = BatchNorm(
        mean, variance, gamma, beta, epsilon=epsilon, axis=1 - x.batch, name=node.name
    )
    return graph.apply(node, operator, x)
