"""Which values of a network that is being read are the same: value numbering.

Exporters write ``where(x @ w > 0, x @ w, 0)`` with the product twice. Two nodes are the same value
if they are the same operator, with the same numbers, of the same values; so nodes are numbered by
the first one that computes their value. The network keeps them all: who looks for what a value is
made of asks for the numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..network import Add, Identity, Maximum, Operator

__all__ = ["ValueNumbers"]

Nodes = Sequence[tuple[Operator, Sequence[int]]]
_MANY = 100


class ValueNumbers:
    """The first node that has a node's value.

    Parameters
    ----------
    nodes : sequence of (Operator, sequence of int)
        Each with the positions of what it reads, which stand before it; -1 is the network's
        input. Further ones may follow later.

    Examples
    --------
    >>> from exactspline import Abs, ReLU
    >>> nodes = [(ReLU(), (-1,)), (Abs(), (-1,)), (ReLU(), (-1,)), (Abs(), (0,)), (Abs(), (2,))]
    >>> numbers = ValueNumbers(nodes)
    >>> [numbers.first(i) for i in range(5)]
    [0, 1, 0, 3, 3]
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._first: list[int] = []
        self._known: dict[Hashable, int] = {}

    def first(self, node: int) -> int:
        """The first node with the value of this one, which may be itself."""
        while len(self._first) <= node:
            position = len(self._first)
            operator, inputs = self._nodes[position]
            reads = [self.first(i) for i in inputs]
            if isinstance(operator, Identity):
                self._first.append(reads[0])
                continue
            if isinstance(operator, Maximum) or _is_sum(operator):
                reads.sort()
            key = (type(operator), *map(_key, operator.fields.values()), *reads)
            self._first.append(self._known.setdefault(key, position))
        return self._first[node] if node >= 0 else node


def _is_sum(operator: Operator) -> bool:
    return isinstance(operator, Add) and operator.coefficients is None


def _key(value: Any) -> Hashable:
    """What equal fields share. Those that nobody can compare are equal to themselves alone."""
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return (value.shape, tuple(value.reshape(-1).tolist()))
        data = np.ascontiguousarray(value + 0)  # there is one zero
        return (value.shape, value.dtype.str, hashlib.sha256(data.tobytes()).digest())
    if isinstance(value, list | tuple):
        if len(value) > _MANY and all(type(v) is int for v in value):  # indices
            return _key(np.array(value))
        return tuple(map(_key, value))
    return (type(value), value) if isinstance(value, Hashable) else (id(value),)
