"""Readers of ONNX's piecewise-affine activations."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from ..network import Abs, LeakyReLU, PReLU, ReLU
from .onnx_affine import drop_batch_axis
from .onnx_node import NodeView, Value, handles
from .onnx_values import Chain

__all__: list[str] = []

# ONNX attributes are float32: the default slope is the float32 next to 0.01, not 1/100
_DEFAULT_ALPHA = float(np.float32(0.01))


@handles("Relu")
def _relu(node: NodeView, chain: Chain) -> Value:
    return chain.apply(node.variable(0), ReLU(), node.where, node.name)


@handles("Abs")
def _abs(node: NodeView, chain: Chain) -> Value:
    return chain.apply(node.variable(0), Abs(), node.where, node.name)


@handles("LeakyRelu", attributes=("alpha",))
def _leaky_relu(node: NodeView, chain: Chain) -> Value:
    slope = node.float_attribute("alpha", _DEFAULT_ALPHA)
    return chain.apply(node.variable(0), LeakyReLU(slope, name=node.name), node.where)


@handles("PRelu", inputs=2)
def _prelu(node: NodeView, chain: Chain) -> Value:
    x, slope = node.variable(0), node.constant(1, "slope").values
    try:
        np.broadcast_to(slope, x.shape)  # the slope may not enlarge the input
    except ValueError:
        raise ShapeError(
            f"{node.where}: a slope of shape {slope.shape} does not broadcast to {x.shape}"
        ) from None
    return chain.apply(x, PReLU(drop_batch_axis(node, x, slope), name=node.name), node.where)
