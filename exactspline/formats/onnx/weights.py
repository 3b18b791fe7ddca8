"""Operators whose weight depends on the input while their data are constant.

A convolution is linear in its weight as it is in its data; the map is found by applying the
operator, with the constant data, to every unit vector in place of the weight, in exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from ...network import Elementwise, Network, SparseLinear
from ...rationals import as_fractions, compact, exact_array
from .graph import Graph
from .moves import flat
from .node import NodeView
from .values import AnyValue, Constant, Value, Variable

__all__ = ["AFFINE_IN", "affine_in_weight"]

Reader = Callable[[NodeView, Graph], AnyValue]

# of which inputs an operator is an affine function while all others are constant
AFFINE_IN: dict[str, tuple[int, ...]] = {
    "BatchNormalization": (1, 2, 3), "Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (2,),
    "PRelu": (1,),
}  # fmt: skip
_MOST_PROBES = 4_096


def affine_in_weight(node: NodeView, graph: Graph, read: Reader) -> Value | None:
    """The result where one weight is the only input that depends on the network's input.

    Parameters
    ----------
    node : NodeView
    graph : Graph
    read : callable
        The reader of the operator, which takes variable data and constant weights.

    Returns
    -------
    Value or None
        None where this is not the case.
    """
    moving = [i for i, v in enumerate(node.inputs) if isinstance(v, Variable)]
    if len(moving) != 1 or moving[0] not in AFFINE_IN.get(node.kind, ()):
        return None
    (place,) = moving
    weight, data = node.inputs[place], node.inputs[0]
    if not isinstance(weight, Variable) or not isinstance(data, Constant):
        return None
    size = math.prod(weight.shape)
    if size > _MOST_PROBES:
        raise node.unsupported(
            f"its input {place}, which depends on the network's input, has {size:,} entries; up to "
            f"{_MOST_PROBES:,} are read where the data are constant"
        )
    zero = np.full(size, Fraction(0), dtype=object)
    origin, shape = _value(node, read, place, weight.shape, data, zero)
    graph.budget.about_to_compute(size * origin.size, node.where)
    columns = []
    for j in range(size):
        unit = zero.copy()
        unit[j] = Fraction(1)
        columns.append(_value(node, read, place, weight.shape, data, unit)[0] - origin)
    matrix = np.stack(columns, axis=1)
    rows, entries = np.nonzero(matrix != 0)
    operator = SparseLinear(
        size, np.bincount(rows, minlength=len(matrix)).tolist(), entries.tolist(),
        exact_array(matrix[rows, entries]),
    )  # fmt: skip
    y = graph.apply(node, operator, flat(node, graph, weight))
    if np.any(origin != 0):
        y = graph.apply(node, Elementwise(shift=compact(origin)), y)
    return graph.reshape(node, y, shape)


def _value(
    node: NodeView,
    read: Reader,
    place: int,
    shape: tuple[int, ...],
    data: Constant,
    weight: np.ndarray,
) -> tuple[np.ndarray, tuple[int, ...]]:
    """The exact result for one weight, flat, and its shape."""
    inner = data.shape[1:] if len(data.shape) > 1 and data.shape[0] == 1 else data.shape
    own = Graph(weight.size + data.values.size, inner)
    probe = node.with_inputs(
        Variable(inner, inner != data.shape, -1) if i == 0
        else Constant(compact(weight.reshape(shape))) if i == place else value
        for i, value in enumerate(node.inputs)
    )  # fmt: skip
    result = read(probe, own)
    assert isinstance(result, Variable)
    net = Network.from_nodes(own.nodes, inner, output=result.node)
    x = as_fractions(data.values).reshape(inner)
    return np.asarray(net.forward(x, exact=True)).reshape(-1), result.shape
