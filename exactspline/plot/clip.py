"""Convex sets cut at a window, in integers: no coordinate is rounded on the way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

__all__ = ["FRAME", "Clipped", "clip"]

FRAME = -1  # the label of a side of the window

_Row = tuple[int, int, int]  # (c, a, b): c + a x + b y >= 0
_Ray = tuple[int, int, int]  # (W, X, Y) with W > 0: the point (X / W, Y / W)


class Clipped:
    """A convex polygon: what is left of a window.

    Attributes
    ----------
    rays : list of (W, X, Y)
        Its corners counterclockwise, in integers: the points (X / W, Y / W).
    labels : list of int
        Of the sides: label i is that of the side from corner i to the next one.
    """

    def __init__(self, rays: list[_Ray], labels: list[int]) -> None:
        self.rays, self.labels = rays, labels

    def points(self) -> list[tuple[Fraction, Fraction]]:
        """The corners, exactly."""
        return [(Fraction(x, w), Fraction(y, w)) for w, x, y in self.rays]

    def floats(self) -> list[tuple[float, float]]:
        """The corners, each number rounded once."""
        return [(x / w, y / w) for w, x, y in self.rays]


def clip(
    low: Sequence[Fraction],
    high: Sequence[Fraction],
    sides: Iterable[tuple[Sequence[Fraction], int]],
) -> Clipped | None:
    """The part of a window where c + a x + b y >= 0 for all sides (c, a, b).

    Parameters
    ----------
    low, high : pairs of Fraction
        Opposite corners of the window.
    sides : iterable of ((c, a, b), label)
        Labels are kept for what lies in the border of the result.

    Returns
    -------
    Clipped or None
        None if no inside is left.

    Examples
    --------
    >>> half = clip([Fraction(0)] * 2, [Fraction(1)] * 2, [([0, -1, 3], 7)])  # x <= 3 y
    >>> [(str(x), str(y)) for x, y in half.points()], half.labels
    ([('0', '0'), ('1', '1/3'), ('1', '1'), ('0', '1')], [7, -1, -1, -1])
    """
    one, zero = Fraction(1), Fraction(0)
    rows = [
        _integers((-low[1], zero, one)),
        _integers((high[0], -one, zero)),
        _integers((high[1], zero, -one)),
        _integers((-low[0], one, zero)),
    ]  # the window's sides, counterclockwise from below
    labels = [FRAME] * 4
    rays = [_meet(rows[i - 1], row) for i, row in enumerate(rows)]
    for side, label in sides:
        row = _integers(side)
        c, a, b = row
        values = [c * w + a * x + b * y for w, x, y in rays]
        if min(values) >= 0:
            continue
        if max(values) <= 0:
            return None
        rays, rows, labels = _cut(rays, rows, labels, values, row, label)
    return Clipped(rays, labels)


def _cut(
    rays: list[_Ray], rows: list[_Row], labels: list[int], values: list[int], row: _Row, label: int
) -> tuple[list[_Ray], list[_Row], list[int]]:
    """A polygon's part on the positive side of a row that cuts it."""
    out: list[tuple[_Ray, _Row, int]] = []
    n = len(rays)
    for i, value in enumerate(values):
        behind, before = values[(i + 1) % n], values[i - 1]
        if value > 0 or (value == 0 and behind > 0):
            out.append((rays[i], rows[i], labels[i]))
        elif value == 0 and before > 0:  # the polygon is left in a corner
            out.append((rays[i], row, label))
        if value > 0 > behind:
            out.append((_meet(rows[i], row), row, label))
        elif value < 0 < behind:
            out.append((_meet(row, rows[i]), rows[i], labels[i]))
    return [o[0] for o in out], [o[1] for o in out], [o[2] for o in out]


def _integers(row: Sequence[Fraction]) -> _Row:
    """A positive multiple of a row, in integers without a common factor."""
    size = math.lcm(*(Fraction(v).denominator for v in row))
    c, a, b = (int(v * size) for v in row)
    factor = math.gcd(c, a, b) or 1
    return c // factor, a // factor, b // factor


def _meet(a: _Row, b: _Row) -> _Ray:
    """Where two lines cross that are not parallel."""
    w, x, y = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    factor = math.gcd(w, x, y) * (1 if w > 0 else -1)
    return w // factor, x // factor, y // factor
