"""ONNX's Shrink, where it is continuous: the soft threshold."""

from __future__ import annotations

from ...gates import Gate, chosen, compared
from ..graph import Graph
from ..node import NodeView
from ..registry import handles
from ..values import AnyValue, Gated, Variable

__all__: list[str] = []


@handles("Shrink", attributes=("lambd", "bias"), since=9)
def _shrink(node: NodeView, graph: Graph) -> AnyValue:
    """x + bias below -lambd, x - bias above lambd, 0 between; it jumps unless both are equal."""
    x = node.value(0)
    if not isinstance(x, Variable):
        raise node.not_computed()
    at, bias = node.float_attribute("lambd", 0.5), node.float_attribute("bias", 0.0)
    u, zero = Gate.affine(), Gate.affine(0, 0)
    above = chosen(compared(">", u, Gate.affine(0, at)), Gate.affine(1, -bias), zero)
    gate = chosen(compared("<", u, Gate.affine(0, -at)), Gate.affine(1, bias), above)
    return Gated(x, gate, node)
