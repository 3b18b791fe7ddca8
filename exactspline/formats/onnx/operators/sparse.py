"""ONNX's sparse linear maps: resampling, running sums, folded windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ....network import Dense, SparseLinear
from ....network.sparse import folded, running_sum
from ....network.windows import Windows
from ....rationals import as_fractions, exact_array
from ...limits import check_entries
from ..graph import Graph
from ..node import NodeView
from ..node_writer import WRITERS, Shape, Writer, writes
from ..registry import handles
from ..values import Value

__all__: list[str] = []


@handles("CumSum", inputs=2, attributes=("exclusive", "reverse"), since=11)
def _cumulative(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    at = node.axis(int(node.constant_number(1, "axis")), len(x.shape))
    operator = running_sum(
        x.shape[at], axis=node.inner_axis(at, x),
        exclusive=node.int_attribute("exclusive", 0) != 0,
        reverse=node.int_attribute("reverse", 0) != 0,
    )  # fmt: skip
    return graph.run(node, operator, x)


@handles("Col2Im", inputs=3, attributes=("dilations", "pads", "strides"), since=18)
def _col2im(node: NodeView, graph: Graph) -> Value:
    """Windows that are put back into an image: what lies on one place is added."""
    x = node.variable(0)
    image = tuple(node.constant_ints(1, "image_shape"))
    kernel = tuple(node.constant_ints(2, "block_shape"))
    n = len(kernel)
    if len(x.shape) != 3 or not kernel or len(image) != n or min(*image, *kernel) < 1:
        raise node.wrong(f"an image of shape {image[:8]} and blocks {kernel[:8]} do not fit")
    check_entries(image, node.where)
    windows = Windows(
        kernel, node.sizes("strides", n, 1, 1), node.sizes("pads", 2 * n, 0, 0),
        node.sizes("dilations", n, 1, 1),
    )  # fmt: skip
    size, count = math.prod(kernel), math.prod(windows.outputs(image))
    graph.check_windows(node, kernel, windows.outputs(image))
    if x.shape[1] % size or x.shape[2] != count:
        raise node.wrong(
            f"an input of shape {x.shape} has no columns of {count} windows of {size} entries"
        )
    channels = x.shape[1] // size
    lead = x.shape[0] * channels
    y = graph.inner_reshape(node, x, (lead, size * count), True)
    y = graph.apply(node, folded(windows, image), y)
    return graph.reshape(node, y, (x.shape[0], channels, *image))


@writes(SparseLinear)
def _sparse_linear(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    """A product with the matrix; rows of thirds and the like are integers, divided afterwards."""
    rows = np.full((len(op.counts), op.columns), Fraction(0), dtype=object)
    row_of = np.repeat(np.arange(len(op.counts)), op.counts)
    np.add.at(rows, (row_of, np.array(op.indices, dtype=np.int64)), as_fractions(op.weights))
    axis = op.axis % len(read[0])
    factor = None
    if exact_array(rows).dtype == object:
        below = [math.lcm(*(v.denominator for v in row)) for row in rows.tolist()]
        rows = rows * np.array([[Fraction(d)] for d in below], dtype=object)
        factor = exact_array([Fraction(1, d) for d in below])
    y = WRITERS[Dense](w, Dense(rows, axis=axis), x, read, out)
    if factor is None:
        return y
    return w.scaled(y, factor.reshape(-1, *[1] * (len(out) - axis - 1)))
