"""Products and logarithms that are activations of a known name.

x sigmoid(x) is SiLU, x relu6(x + 3) / 6 is hard swish, the logarithm of sigmoid(x) is
-softplus(-x). Any other product of two values that depend
on the input is not piecewise affine, and nothing that could be approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from ..network import (
    Clip,
    Elementwise,
    HardSigmoid,
    HardSwish,
    LogSoftmax,
    Operator,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
)
from ..rationals import as_fractions
from .numbering import ValueNumbers

__all__ = ["gated_by_itself", "log_of"]

Nodes = Sequence[tuple[Operator, Sequence[int]]]
_ONE = Fraction(1)
# a slope of 1/6 exactly, or exactly what float32 or float64 makes of it, as exporters write it
_SIXTHS = (Fraction(1, 6), Fraction(float(np.float32(1 / 6))), Fraction(1 / 6))
_MOST_STEPS = 8


def gated_by_itself(
    nodes: Nodes,
    shape_of: Callable[[int], tuple[int, ...]],
    a: int,
    b: int,
    numbers: ValueNumbers,
) -> tuple[Operator, int, Fraction] | None:
    """The product of two values as an operator of one value, and a factor; None if it is none.

    Parameters
    ----------
    nodes : sequence of (Operator, sequence of int)
        Each with the positions of what it reads; -1 is the network's input.
    shape_of : callable
        The shape of a node, by its position.
    a, b : int
        Positions of the factors.
    numbers : ValueNumbers

    Returns
    -------
    operator : Operator
    node : int
        The position of what it reads.
    factor : Fraction
    """
    if shape_of(a) != shape_of(b):  # broadcasting would make more of one
        return None
    for x, gate in ((a, b), (b, a)):
        for u, c in _multiples(nodes, shape_of, x, numbers):
            for g, d in _multiples(nodes, shape_of, gate, numbers):
                found = _of_gate(nodes, u, g, numbers)
                if found is not None:
                    return found[0], u, found[1] * c * d
    return None


def _multiples(
    nodes: Nodes, shape_of: Callable[[int], tuple[int, ...]], node: int, numbers: ValueNumbers
) -> list[tuple[int, Fraction]]:
    """Values with a number each, whose product is the value of a node."""
    node = numbers.first(node)
    out = [(node, _ONE)]
    while node >= 0 and len(out) < _MOST_STEPS:
        operator, reads = nodes[node]
        if not isinstance(operator, Elementwise) or shape_of(reads[0]) != shape_of(node):
            break
        scale = as_fractions(operator.scale).reshape(-1).tolist()
        if np.any(operator.shift != 0) or any(v != scale[0] for v in scale):
            break
        node = numbers.first(reads[0])
        out.append((node, out[-1][1] * scale[0]))
    return out


def _of_gate(
    nodes: Nodes, u: int, gate: int, numbers: ValueNumbers
) -> tuple[Operator, Fraction] | None:
    """u * gate as an operator of u and a factor."""
    if gate < 0:
        return None
    operator, reads = nodes[gate]
    inner = numbers.first(reads[0])
    if isinstance(operator, Sigmoid) and inner == u:
        return SiLU(), _ONE
    if isinstance(operator, HardSigmoid) and inner == u:
        usual = operator.alpha in _SIXTHS and operator.beta * 2 == 1
        return (HardSwish(), _ONE) if usual else None
    if isinstance(operator, Clip) and (operator.low, operator.high) == (0, 6) and inner >= 0:
        shifted, below = nodes[inner]
        if (
            isinstance(shifted, Elementwise)
            and numbers.first(below[0]) == u
            and np.all(shifted.scale == 1)
            and np.all(shifted.shift == 3)
        ):
            return HardSwish(), Fraction(6)
    return None


def log_of(nodes: Nodes, node: int, numbers: ValueNumbers) -> tuple[list[Operator], int] | None:
    """The logarithm of a value: operators one after the other, and what the first one reads.

    None if it is no activation of a known name.
    """
    node = numbers.first(node)
    operator, reads = nodes[node] if node >= 0 else (None, ())
    if type(operator) is Sigmoid:
        return [Elementwise(-1), Softplus(), Elementwise(-1)], reads[0]
    if type(operator) is Softmax:
        return [LogSoftmax(operator.axis)], reads[0]
    return None
