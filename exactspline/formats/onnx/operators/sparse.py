"""ONNX's sparse linear maps: resampling, running sums, folded windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ....network import Dense, SparseLinear
from ....network.sparse import running_sum
from ....rationals import as_fractions, exact_array
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
