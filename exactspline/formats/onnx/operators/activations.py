"""Readers of ONNX's scalar nonlinearities, and of what may stand at the output."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ....errors import ShapeError
from ....network import (
    ELU,
    GELU,
    Abs,
    Clip,
    Elementwise,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    Operator,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Threshold,
)
from ..broadcast import drop_batch_axis
from ..graph import Graph
from ..node import MIXES, NodeView
from ..registry import handles
from ..values import Value, Variable

__all__: list[str] = []

_UNBOUNDED = Fraction(float(np.finfo(np.float32).max))
_PLAIN: dict[str, type[Operator]] = {
    "Abs": Abs, "Relu": ReLU, "Sigmoid": Sigmoid, "Softplus": Softplus, "Tanh": Tanh,
}  # fmt: skip


@handles(*_PLAIN)
def _plain(node: NodeView, graph: Graph) -> Value:
    return graph.run(node, _PLAIN[node.kind](), node.value(0))


# --- piecewise affine ------------------------------------------------------------------------


# ONNX attributes are float32: the default slope is the float32 next to 0.01, not 1/100
@handles("LeakyRelu", attributes=("alpha",))
def _leaky_relu(node: NodeView, graph: Graph) -> Value:
    return graph.run(node, LeakyReLU(node.float_attribute("alpha", 0.01)), node.value(0))


@handles("PRelu", inputs=2)
def _prelu(node: NodeView, graph: Graph) -> Value:
    x, slope = node.value(0), node.constant(1, "slope").values
    try:
        np.broadcast_to(slope, x.shape)  # the slope may not enlarge the input
    except ValueError:
        raise ShapeError(
            f"{node.where}: a slope of shape {slope.shape} does not broadcast to {x.shape}"
        ) from None
    return graph.run(node, PReLU(drop_batch_axis(node, x, slope)), x)


@handles("Clip", attributes=("min", "max"), until=10)
@handles("Clip", inputs=(1, 3), since=11, infinite=True)
def _clip(node: NodeView, graph: Graph) -> Value:
    """min(max(u, low), high), in this order, so that high counts where low is above it."""
    x = node.plain(0)
    low, high = _end(node, 1, "min"), _end(node, 2, "max")
    if low == math.inf or high == -math.inf:
        raise node.unsupported("clips to infinite values; a network's values are finite")
    low = None if low == -math.inf else low
    high = None if high == math.inf else high
    if low is not None and high is not None and low > high:
        low = high
    if low == 0 and high is None:
        return graph.run(node, ReLU(), x)
    return graph.run(node, Clip(low, high), x)


def _end(node: NodeView, i: int, name: str) -> Fraction | float | None:
    if node.opset >= 11:
        end = node.bound(i, name)
    else:
        end = node.float_or_infinite(name)
    # the largest float32 is how exporters write a side that is open
    return None if end is not None and abs(end) == _UNBOUNDED else end


@handles("HardSigmoid", attributes=("alpha", "beta"))
def _hard_sigmoid(node: NodeView, graph: Graph) -> Value:
    alpha, beta = node.float_attribute("alpha", 0.2), node.float_attribute("beta", 0.5)
    return graph.run(node, HardSigmoid(alpha, beta), node.value(0))


@handles("ThresholdedRelu", attributes=("alpha",), since=10)
def _thresholded_relu(node: NodeView, graph: Graph) -> Value:
    threshold = node.float_attribute("alpha", 1.0)
    operator = ReLU() if threshold == 0 else Threshold(threshold, 0, name=node.name)
    return graph.run(node, operator, node.value(0))


# --- smooth ----------------------------------------------------------------------------------


@handles("Elu", attributes=("alpha",))
def _elu(node: NodeView, graph: Graph) -> Value:
    return graph.run(node, ELU(node.float_attribute("alpha", 1.0)), node.value(0))


@handles("Celu", attributes=("alpha",), since=12)
def _celu(node: NodeView, graph: Graph) -> Value:
    """alpha ELU(u / alpha)."""
    alpha = node.float_attribute("alpha", 1.0)
    if alpha <= 0:
        raise node.unsupported("its alpha is not positive")
    return _within(node, graph, ELU(), inner=1 / alpha, outer=alpha)


@handles("Selu", attributes=("alpha", "gamma"))
def _selu(node: NodeView, graph: Graph) -> Value:
    """gamma ELU(u)."""
    alpha = node.float_attribute("alpha", 1.67326319217681884765625)
    gamma = node.float_attribute("gamma", 1.05070102214813232421875)
    return _within(node, graph, ELU(alpha), outer=gamma)


@handles("Gelu", attributes=("approximate",), since=20)
def _gelu(node: NodeView, graph: Graph) -> Value:
    return graph.run(node, GELU(node.text_attribute("approximate", "none")), node.value(0))


@handles("HardSwish", since=14)
def _hard_swish(node: NodeView, graph: Graph) -> Value:
    return graph.run(node, HardSwish(), node.value(0))


@handles("Swish", attributes=("alpha",), since=24)
def _swish(node: NodeView, graph: Graph) -> Value:
    """u Sigmoid(alpha u)."""
    alpha = node.float_attribute("alpha", 1.0)
    if alpha == 0:
        return graph.run(node, Elementwise(Fraction(1, 2)), node.value(0))
    return _within(node, graph, SiLU(), inner=alpha, outer=1 / alpha)


def _within(
    node: NodeView,
    graph: Graph,
    operator: Operator,
    *,
    inner: Fraction = Fraction(1),
    outer: Fraction = Fraction(1),
) -> Value:
    """outer * operator(inner * u)."""
    x = node.value(0)
    x = x if inner == 1 else graph.run(node, Elementwise(inner), x)
    x = graph.run(node, operator, x)
    return x if outer == 1 else graph.run(node, Elementwise(outer), x)


# --- several entries at once: at the output only ---------------------------------------------


@handles("Softmax", "LogSoftmax", attributes=("axis",), until=12)
def _softmax_of_rows(node: NodeView, graph: Graph) -> Value:
    """Before opset 13 all axes from ``axis`` on are one."""
    x, kind = node.variable(0), Softmax if node.kind == "Softmax" else LogSoftmax
    axis = node.axis(node.int_attribute("axis", 1), len(x.shape))
    if x.batch and axis == 0:
        raise node.unsupported(f"works along axis 0: {MIXES}")
    if math.prod(x.shape[axis:]) == x.shape[axis]:
        return graph.apply(node, kind(axis - x.batch), x)
    rest = x.inner[: axis - x.batch]
    flat = graph.inner_reshape(node, x, (*rest, math.prod(x.shape[axis:])), True)
    y = graph.apply(node, kind(), flat)
    return graph.inner_reshape(node, y, x.inner, x.batch)


@handles("Softmax", "LogSoftmax", attributes=("axis",), since=13)
def _softmax(node: NodeView, graph: Graph) -> Value:
    x: Variable = node.variable(0)
    kind = Softmax if node.kind == "Softmax" else LogSoftmax
    return graph.apply(node, kind(node.inner_axis(node.int_attribute("axis", -1), x)), x)
