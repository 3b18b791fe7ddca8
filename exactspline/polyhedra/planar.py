"""Convex sets in the plane, bounded or not, by the cyclic order of their sides.

A side is a row (c, a, b): c + a x + b y >= 0 inside. Points are rays (W, X, Y) with W >= 0: the
point (X / W, Y / W), or where W is 0 the *ideal corner* in the direction (X, Y). The line at
infinity is the side (1, 0, 0), so a set without a line through it is a polygon on a half-sphere,
and the corner from one side to the next one, counterclockwise, is the cross product of their
rows: of the two opposite points where the lines meet the right one. A strip and a half-plane have
two sides, and two opposite corners; the whole plane has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key

import flint

from .lp import ONE, ZERO, Row

__all__ = ["AT_INFINITY", "Ray", "cyclic", "meet", "moments"]

Ray = tuple[flint.fmpq, flint.fmpq, flint.fmpq]
AT_INFINITY: Row = [ONE, ZERO, ZERO]


def meet(a: Row, b: Row) -> Ray:
    """The corner from a side to the next one: their cross product."""
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def cyclic(rows: Sequence[Row]) -> list[int]:
    """The sides of a set in counterclockwise order.

    Parameters
    ----------
    rows : sequence of rows
        One a side, none implied by the others; the set has interior.

    Returns
    -------
    list of int
        Positions in ``rows``; -1 is the line at infinity, where the set has an arc of it.
    """

    def before(i: int, j: int) -> int:
        a, b = rows[i], rows[j]
        halves = _half(a) - _half(b)
        if halves:
            return halves
        turn = a[1] * b[2] - a[2] * b[1]
        return -1 if turn > 0 else int(turn < 0)

    order = sorted(range(len(rows)), key=cmp_to_key(before))
    out: list[int] = []
    for n, i in enumerate(order):
        out.append(i)
        a, b = rows[i], rows[order[(n + 1) % len(order)]]
        # a turn of half a circle: two rays side by side, which end in one ideal corner
        if len(order) == 1 or a[1] * b[2] - a[2] * b[1] < 0:
            out.append(-1)
    return out


def _half(row: Row) -> int:
    """Which half of all directions a normal is in: 0 from (1, 0) on, 1 from (-1, 0) on."""
    return int(row[2] < 0 or (row[2] == 0 and row[1] < 0))


def moments(corners: Sequence[Ray]) -> tuple[flint.fmpq, flint.fmpq, flint.fmpq]:
    """The integrals of 1, x and y over a polygon, given by its corners counterclockwise.

    Of a closed path in general: each point counts as often as the path goes around it.
    """
    points = [(x / w, y / w) for w, x, y in corners]
    area, first, second = ZERO, ZERO, ZERO
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], *points[:1]], strict=True):
        turn = x0 * y1 - x1 * y0
        area = area + turn
        first = first + turn * (x0 + x1)
        second = second + turn * (y0 + y1)
    return area / 2, first / 6, second / 6
