"""ONNX's TopK: the largest or smallest entries in order, as a network of maxima."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....network import Sort
from ..graph import Graph
from ..node import NodeView
from ..node_writer import Shape, Writer, writes
from ..registry import handles
from ..values import Value

__all__: list[str] = []


@handles("TopK", attributes=("axis", "k"), until=9)
@handles("TopK", inputs=2, attributes=("axis",), since=10, until=10)
@handles("TopK", inputs=2, attributes=("axis", "largest", "sorted"), since=11)
def _top_k(node: NodeView, graph: Graph) -> Value:
    x = node.variable(0)
    axis = node.axis(node.int_attribute("axis", -1), len(x.shape))
    if node.opset < 10:
        k = node.int_attribute("k", 0)
    else:
        k = int(node.constant_number(1, "number of entries"))
    if not 1 <= k <= x.shape[axis]:
        raise node.wrong(f"takes {k} entries of axis {axis} of an input of shape {x.shape}")
    largest = node.int_attribute("largest", 1) != 0
    ranks = range(-1, -1 - k, -1) if largest else range(k)
    return graph.apply(node, Sort(ranks, axis=node.inner_axis(axis, x)), x)


@writes(Sort)
def _sort(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    axis = op.axis % len(read[0])
    size = read[0][axis]
    values = w.node("TopK", x[0], w.ints([size]), unused=1, axis=axis + 1, largest=0, sorted=1)
    if not op.ranks:
        return values
    return w.node("Gather", values, w.ints([r % size for r in op.ranks]), axis=axis + 1)
