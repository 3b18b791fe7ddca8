"""Whether one value of a network is a multiple of another, entry by entry.

``where(a > b, a, b)`` is continuous since a - b is what is compared. Both are written as sums of
multiples of earlier values, by following sums and affine steps of single entries backwards, in
exact numbers; then they are compared term by term.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from ..network import Add, Elementwise, Identity, Operator
from ..rationals import as_fractions
from .gates import Gate, chosen
from .numbering import ValueNumbers

__all__ = ["UNKNOWN_STEP", "multiple_of", "step_taken"]

Nodes = Sequence[tuple[Operator, Sequence[int]]]
Shape = tuple[int, ...]


def multiple_of(
    nodes: Nodes,
    shape_of: Callable[[int], Shape],
    value: int,
    other: int,
    numbers: ValueNumbers | None = None,
) -> np.ndarray | None:
    """The factors c with value = c * other, or None if it is not known to be one.

    Parameters
    ----------
    nodes : sequence of (Operator, sequence of int)
        Each with the positions of what it reads; -1 is the network's input.
    shape_of : callable
        The shape of a node, by its position.
    value, other : int
        Positions of nodes of one shape.
    numbers : ValueNumbers, optional
        Of the nodes; by default they are numbered anew.

    Returns
    -------
    ndarray of Fraction or None
        Of that shape.
    """
    numbers = numbers or ValueNumbers(nodes)
    shape = shape_of(value)
    if shape_of(other) != shape:
        return None
    ours, theirs = (_terms(nodes, shape_of, i, numbers) for i in (value, other))
    zero = np.full(shape, Fraction(0), dtype=object)
    factors = np.full(shape, Fraction(0), dtype=object)
    known = np.zeros(shape, dtype=bool)
    for node, weights in theirs.items():
        fresh = ~known & (weights != 0)
        factors[fresh] = (ours.get(node, zero)[fresh]) / weights[fresh]
        known |= fresh
    for node in ours.keys() | theirs.keys():
        if np.any(ours.get(node, zero) != factors * theirs.get(node, zero)):
            return None
    return factors


UNKNOWN_STEP = (
    "chooses between two values that differ where the condition changes, or are not known "
    "to be equal there; a network has no jumps. Write it with Max, Min, Clip or ReLU"
)


def step_taken(condition: Gate, factors: np.ndarray) -> Gate:
    """c * u where a condition on u holds, else 0: what ``where`` adds to its last argument.

    ``where(condition, a, b)`` is b + (a - b, or 0), and a - b = c * u.
    """
    return chosen(condition, Gate.affine(factors), Gate.affine(0, 0))


def _terms(
    nodes: Nodes, shape_of: Callable[[int], Shape], value: int, numbers: ValueNumbers
) -> dict[int, np.ndarray]:
    """A value as a sum of multiples of earlier ones; -2 is the number 1."""
    shape = shape_of(value)
    one = np.full(shape, Fraction(1), dtype=object)
    found: dict[int, np.ndarray] = {}
    open_: dict[int, np.ndarray] = {numbers.first(value): one}
    while open_:
        node = max(open_)  # all that reads it has been followed
        weights = open_.pop(node)
        operator, reads = nodes[node] if node >= 0 else (None, ())
        reads = list(map(numbers.first, reads))
        inner = all(shape_of(i) == shape for i in reads)
        if isinstance(operator, Identity | Elementwise | Add) and inner:
            for i, factor in zip(reads, _factors(operator, len(reads)), strict=True):
                more = weights * factor
                open_[i] = open_[i] + more if i in open_ else more
            if isinstance(operator, Elementwise):
                shift = weights * as_fractions(operator.shift)
                found[-2] = found[-2] + shift if -2 in found else shift
        else:
            found[node] = weights
    return {node: w for node, w in found.items() if np.any(w != 0)}


def _factors(operator: Operator, count: int) -> list[np.ndarray]:
    if isinstance(operator, Elementwise):
        return [as_fractions(operator.scale)]
    weights = operator.coefficients if isinstance(operator, Add) else None
    ones = np.full(count, Fraction(1), dtype=object)
    return list(ones if weights is None else as_fractions(weights))
