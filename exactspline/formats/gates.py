"""Conditions on a value, and what is chosen by them: ``where(x > 0, x, x / 10)``, ``x * (x > 0)``.

A condition jumps, so no operator of a network computes it. What a file makes of it may be
continuous all the same. Readers keep such a value as a function of one value of the network, its
*root*: affine pieces, and the values at the points between them. Conditions, sums, products and
choices are computed with these, exactly. Where the file needs the value, every point between two
pieces is looked at: if both limits and the value there are one number, it is a continuous spline,
and the network gets it; else it is refused, and the message says where it jumps.
"""

from __future__ import annotations

import math
import operator as numbers
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from ..errors import LimitError, UnsupportedOperatorError
from ..network import (
    Abs,
    Add,
    Elementwise,
    Identity,
    LeakyReLU,
    Maximum,
    Minimum,
    Operator,
    PReLU,
    ReLU,
    ScalarSpline,
)
from ..network.activations import Scalar
from ..network.operator import brief
from ..rationals import as_fractions, compact
from .numbering import ValueNumbers

__all__ = [
    "RELATIONS",
    "Gate",
    "added",
    "chosen",
    "common_root",
    "compared",
    "expressed",
    "multiplied",
]

Number = Any  # a Fraction, or an object array of them: one for every entry of the root
Nodes = Sequence[tuple[Operator, Sequence[int]]]
Value = TypeVar("Value")
_ZERO, _ONE = Fraction(0), Fraction(1)
_MOST_POINTS = 1_000  # between pieces
_MOST_STEPS = 64  # from a value back to its root
RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    ">": numbers.gt, ">=": numbers.ge, "<": numbers.lt, "<=": numbers.le, "==": numbers.eq,
    "!=": numbers.ne,
}  # fmt: skip


def _number(value: Any) -> Number:
    """A Fraction where all entries are one number."""
    if isinstance(value, Fraction):
        return value
    array = as_fractions(np.asarray(value))
    flat = array.reshape(-1)
    return flat[0] if all(v == flat[0] for v in flat[1:]) else array


@dataclass(frozen=True)
class Gate:
    """A piecewise-affine function of one value, which may jump.

    Attributes
    ----------
    points : tuple of Fraction
        Increasing.
    pieces : tuple of (slope, offset)
        One more than points; each holds between two of them.
    at : tuple
        The values at the points.
    """

    points: tuple[Fraction, ...]
    pieces: tuple[tuple[Number, Number], ...]
    at: tuple[Number, ...]

    @staticmethod
    def affine(slope: Any = 1, offset: Any = 0) -> Gate:
        """slope * u + offset: a function without points."""
        s, c = (_number(v if isinstance(v, np.ndarray) else Fraction(v)) for v in (slope, offset))
        return Gate((), ((s, c),), ())

    def of(self, u: Fraction) -> Number:
        """The value at u."""
        k = bisect_left(self.points, u)
        if k < len(self.points) and self.points[k] == u:
            return self.at[k]
        slope, offset = self.pieces[k]
        return slope * u + offset

    def with_points(self, points: Sequence[Fraction]) -> Gate:
        """The same function with more points, in order; they hold its own."""
        if len(points) > _MOST_POINTS:
            raise LimitError(
                f"a function chosen by conditions has more than {_MOST_POINTS:,} pieces; write it "
                "with max, min and clip"
            )
        pieces = [self.pieces[bisect_left(self.points, u)] for u in points]
        return Gate(tuple(points), (*pieces, self.pieces[-1]), tuple(self.of(u) for u in points))

    def after(self, inner: Gate) -> Gate:
        """self(inner(u)), as a function of u."""
        points = set(inner.points)
        for (low, high), (slope, offset) in zip(inner.intervals(), inner.pieces, strict=True):
            if isinstance(slope, Fraction) and isinstance(offset, Fraction) and slope:
                hits = [(t - offset) / slope for t in self.points]
                points |= {u for u in hits if low < u < high}
            elif self.points:
                _only_numbers(slope, offset)
        fine = inner.with_points(sorted(points))
        pieces = []
        for (low, high), (slope, offset) in zip(fine.intervals(), fine.pieces, strict=True):
            if not self.points:
                k, value = 0, None
            else:
                value = slope * _between(low, high) + offset
                k = bisect_left(self.points, value)
            if value is not None and k < len(self.points) and self.points[k] == value:
                pieces.append((_ZERO, self.at[k]))  # constant there, or the interval was cut
                continue
            s, c = self.pieces[k]
            pieces.append((_number(s * slope), _number(s * offset + c)))
        if not self.points:
            s, c = self.pieces[0]
            return Gate(fine.points, tuple(pieces), tuple(_number(s * v + c) for v in fine.at))
        for v in fine.at:
            _only_numbers(v)
        return Gate(fine.points, tuple(pieces), tuple(self.of(v) for v in fine.at))

    def intervals(self) -> list[tuple[Any, Any]]:
        """Between which points the pieces hold."""
        ends = [-math.inf, *self.points, math.inf]
        return list(pairwise(ends))

    def is_integer(self) -> bool:
        """Whether all values are integers: it is constant on every piece."""
        values = [*self.at, *(c for _, c in self.pieces)]
        flat = [v for value in values for v in np.asarray(value, dtype=object).reshape(-1).tolist()]
        return all(_same(s, _ZERO) for s, _ in self.pieces) and all(
            v.denominator == 1 for v in flat
        )

    def jump(self) -> tuple[Fraction, Number, Number, Number] | None:
        """The first point where it is not continuous: the limits on both sides and the value."""
        for k, u in enumerate(self.points):
            (s, c), (t, d) = self.pieces[k : k + 2]
            left, right = s * u + c, t * u + d
            if not (_same(left, right) and _same(left, self.at[k])):
                return u, left, right, self.at[k]
        return None

    def written(self, emit: Callable[..., Value], root: Value, what: str) -> Value:
        """Add the function to a network.

        Parameters
        ----------
        emit : callable
            ``emit(operator, *values)`` adds an operator and returns its value.
        root : value
        what : str
            What has it, for the message.

        Raises
        ------
        UnsupportedOperatorError
            If it jumps.
        """
        found = self.jump()
        if found is not None:
            u, left, right, at = found
            differ = [(v, w) for v, w in ((left, right), (left, at)) if not _same(v, w)]
            a, b = _first_difference(*differ[0])
            side = "right of it" if not _same(left, right) else "there"
            raise UnsupportedOperatorError(
                f"{what} jumps where the value that its condition tests is {brief(u)}: "
                f"{brief(a)} left of it, {brief(b)} {side}. Networks here are continuous; "
                "write it without a jump, or leave it out of the model"
            )
        kept = [k for k in range(len(self.points)) if not _same_piece(*self.pieces[k : k + 2])]
        points = [self.points[k] for k in kept]
        pieces = [self.pieces[k] for k in kept] + [self.pieces[-1]]
        if all(isinstance(v, Fraction) for piece in pieces for v in piece):
            return emit(_scalar(points, pieces), root)
        (s, c), unit = pieces[0], pieces[-1]
        if points == [_ZERO] and _same_piece(unit, (_ONE, _ZERO)) and _same(c, _ZERO):
            return emit(PReLU(_array(s)), root)
        terms = [emit(Elementwise(_array(s), _array(c)), root)]
        for u, before, behind in zip(points, pieces, pieces[1:], strict=False):
            above = emit(ReLU(), emit(Elementwise(shift=-u), root))
            terms.append(emit(Elementwise(_array(behind[0] - before[0])), above))
        return emit(Add(), *terms) if len(terms) > 1 else terms[0]


def _scalar(points: list[Fraction], pieces: list[tuple[Fraction, Fraction]]) -> Operator:
    """The operator of a continuous function, by its usual name if it has one."""
    if not points:
        return Identity() if pieces[0] == (_ONE, _ZERO) else Elementwise(*pieces[0])
    if points == [_ZERO] and pieces[1] == (_ONE, _ZERO):
        if pieces[0][0] == -1:
            return Abs()
        return ReLU() if pieces[0][0] == 0 else LeakyReLU(pieces[0][0])
    return ScalarSpline(points, [s for s, _ in pieces], [c for _, c in pieces])


def _array(value: Number) -> np.ndarray:
    out = np.empty((), dtype=object)
    out[()] = value
    return compact(value if isinstance(value, np.ndarray) else out)


def _same(a: Number, b: Number) -> bool:
    return bool(np.all(np.asarray(a == b)))


def _same_piece(a: tuple[Number, Number], b: tuple[Number, Number]) -> bool:
    return _same(a[0], b[0]) and _same(a[1], b[1])


def _first_difference(a: Number, b: Number) -> tuple[Fraction, Fraction]:
    one, other = np.broadcast_arrays(np.asarray(a, dtype=object), np.asarray(b, dtype=object))
    pairs = zip(one.reshape(-1).tolist(), other.reshape(-1).tolist(), strict=True)
    return next((v, w) for v, w in pairs if v != w)


def _only_numbers(*values: Number) -> None:
    if not all(isinstance(v, Fraction) for v in values):
        raise UnsupportedOperatorError(
            "a condition has another threshold for every entry; write it with max, min and clip"
        )


def _between(low: Any, high: Any) -> Fraction:
    """A point inside an interval, which may have no ends."""
    if low == -math.inf:
        return _ZERO if high == math.inf else Fraction(high) - 1
    return Fraction(low) + 1 if high == math.inf else (Fraction(low) + Fraction(high)) / 2


# --- computing with them ---------------------------------------------------------------------


def _aligned(*gates: Gate) -> list[Gate]:
    points = sorted({u for gate in gates for u in gate.points})
    return [gate.with_points(points) for gate in gates]


def compared(relation: str, a: Gate, b: Gate) -> Gate:
    """1 where a > b (or another of `RELATIONS`), else 0.

    Examples
    --------
    >>> above = compared(">", Gate.affine(1, 0), Gate.affine(0, 2))
    >>> [int(above.of(Fraction(u))) for u in (1, 2, 3)]
    [0, 0, 1]
    """
    holds = RELATIONS[relation]
    difference = added([a, b], [_ONE, -_ONE])
    zeros = set(difference.points)
    for (low, high), (slope, offset) in zip(difference.intervals(), difference.pieces, strict=True):
        _only_numbers(slope, offset)
        if slope and low < -offset / slope < high:
            zeros.add(-offset / slope)
    fine = difference.with_points(sorted(zeros))
    for value in fine.at:
        _only_numbers(value)
    inside = [
        (_ZERO, Fraction(int(holds(s * _between(low, high) + c, 0))))
        for (low, high), (s, c) in zip(fine.intervals(), fine.pieces, strict=True)
    ]
    return Gate(fine.points, tuple(inside), tuple(Fraction(int(holds(v, 0))) for v in fine.at))


def added(gates: Sequence[Gate], weights: Sequence[Fraction]) -> Gate:
    """The sum of functions, each with a weight."""
    fine = _aligned(*gates)

    def total(values: Sequence[Number]) -> Number:
        terms = [w * v for w, v in zip(weights, values, strict=True)]
        return _number(sum(terms[1:], terms[0]))

    pieces = [
        (total([p[0] for p in row]), total([p[1] for p in row]))
        for row in zip(*(gate.pieces for gate in fine), strict=True)
    ]
    at = [total(row) for row in zip(*(gate.at for gate in fine), strict=True)]
    return Gate(fine[0].points, tuple(pieces), tuple(at))


def multiplied(a: Gate, b: Gate) -> Gate:
    """The product, where one of the two is constant on every piece.

    Raises
    ------
    UnsupportedOperatorError
        If it is not affine on some piece.
    """
    a, b = _aligned(a, b)
    pieces = []
    for (s, c), (t, d) in zip(a.pieces, b.pieces, strict=True):
        if not _same(_number(s * t), _ZERO):
            raise UnsupportedOperatorError(
                "multiplies two functions of one value, both of which change: their product is not "
                "piecewise affine"
            )
        pieces.append((_number(s * d + t * c), _number(c * d)))
    at = tuple(_number(v * w) for v, w in zip(a.at, b.at, strict=True))
    return Gate(a.points, tuple(pieces), at)


def chosen(condition: Gate, a: Gate, b: Gate) -> Gate:
    """a where the condition is not 0, else b.

    Examples
    --------
    >>> x = Gate.affine(1, 0)
    >>> leaky = chosen(compared(">", x, Gate.affine(0, 0)), x, Gate.affine(Fraction(1, 10), 0))
    >>> leaky.jump() is None, leaky.of(Fraction(-5))
    (True, Fraction(-1, 2))
    """
    fine, a, b = _aligned(compared("!=", condition, Gate.affine(0, 0)), *_aligned(a, b))
    if fine.points != a.points:
        fine, a, b = _aligned(fine, a, b)
    pieces = [
        p if test[1] else q for test, p, q in zip(fine.pieces, a.pieces, b.pieces, strict=True)
    ]
    at = [v if test else w for test, v, w in zip(fine.at, a.at, b.at, strict=True)]
    return Gate(fine.points, tuple(pieces), tuple(at))


# --- values of the network as functions of a root --------------------------------------------


def common_root(
    nodes: Nodes,
    values: Sequence[int],
    shape: tuple[int, ...],
    shape_of: Callable[[int], tuple[int, ...]],
    numbers: ValueNumbers | None = None,
) -> int | None:
    """The last node that all values are functions of, entry by entry; None if there is none.

    Parameters
    ----------
    nodes : sequence of (Operator, sequence of int)
        Each with the positions of what it reads.
    values : sequence of int
        Positions of nodes; -1 is the network's input.
    shape : tuple of int
        That of all values, and of the root: nothing may have been made larger on the way.
    shape_of : callable
        The shape of a node, by its position.
    numbers : ValueNumbers, optional
        Of the nodes; by default they are numbered anew.
    """
    numbers = numbers or ValueNumbers(nodes)
    roots = set.intersection(*(_entrywise_ancestors(nodes, value, numbers) for value in values))
    for root in sorted(roots, reverse=True):
        if shape_of(root) != shape:
            continue
        if all(expressed(nodes, value, root, shape, numbers) is not None for value in values):
            return root
    return None


def _entrywise_ancestors(nodes: Nodes, value: int, numbers: ValueNumbers) -> set[int]:
    value = numbers.first(value)
    found, waiting = {value}, [value]
    while waiting and len(found) <= _MOST_STEPS:
        node = waiting.pop()
        if node >= 0 and isinstance(nodes[node][0], _ENTRYWISE):
            fresh = set(map(numbers.first, nodes[node][1])) - found
            found |= fresh
            waiting += fresh
    return found


_ENTRYWISE = (Identity, Elementwise, Add, Maximum, Scalar)


def expressed(
    nodes: Nodes,
    value: int,
    root: int,
    shape: tuple[int, ...],
    numbers: ValueNumbers | None = None,
) -> Gate | None:
    """A value as a function of a root, or None if it is none (or a longer one than is tried)."""
    numbers = numbers or ValueNumbers(nodes)
    root = numbers.first(root)
    found: dict[int, Gate | None] = {root: Gate.affine()}

    def at(node: int, steps: int) -> Gate | None:
        node = numbers.first(node)
        if node not in found:
            found[node] = None
            if node > root and steps < _MOST_STEPS and isinstance(nodes[node][0], _ENTRYWISE):
                inner = [at(i, steps + 1) for i in nodes[node][1]]
                known = [gate for gate in inner if gate is not None]
                if len(known) == len(inner):
                    found[node] = _applied(nodes[node][0], known, shape)
        return found[node]

    return at(value, 0)


def _applied(operator: Operator, inner: list[Gate], shape: tuple[int, ...]) -> Gate | None:
    """An entrywise operator of functions of one root; None where that is no function like these."""
    try:
        return _of_operator(operator, inner, shape)
    except (LimitError, UnsupportedOperatorError):  # other thresholds for every entry
        return None


def _of_operator(operator: Operator, inner: list[Gate], shape: tuple[int, ...]) -> Gate | None:
    if operator.output_shape(*[shape] * len(inner)) != shape:
        return None
    if isinstance(operator, Identity):
        return inner[0]
    if isinstance(operator, Elementwise):
        scale, shift = as_fractions(operator.scale), as_fractions(operator.shift)
        return Gate.affine(scale, shift).after(inner[0])
    if isinstance(operator, Add):
        weights = operator.coefficients
        ones = [_ONE] * len(inner)
        return added(inner, ones if weights is None else as_fractions(weights).tolist())
    if isinstance(operator, Maximum):
        out = inner[0]
        for gate in inner[1:]:
            smaller = compared("<" if isinstance(operator, Minimum) else ">", out, gate)
            out = chosen(smaller, out, gate)
        return out
    assert isinstance(operator, Scalar)
    points, coefficients = operator.spline(shape)
    pieces = tuple((_number(as_fractions(s)), _number(as_fractions(c))) for s, c in coefficients)
    at = tuple(_number(s * u + c) for u, (s, c) in zip(points, pieces, strict=False))
    return Gate(tuple(points), pieces, at).after(inner[0])
