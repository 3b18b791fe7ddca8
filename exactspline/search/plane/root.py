"""The domain as the first cell: its sides and corners, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key

import flint
import numpy as np

from ...cells.space import SearchSpace, dense_rows
from ...polyhedra.lp import Row, q
from ...rationals import fraction, fractions
from . import control as c

__all__ = ["Root", "corner_floats", "cross", "root_of", "row_of_line"]

Ray = tuple[Fraction, Fraction, Fraction]  # a corner: (x, y, 1), or (x, y, 0) at infinity
_ZERO, _ONE = Fraction(0), Fraction(1)


@dataclass
class Root:
    """A convex polygon, bounded or not, with corners counterclockwise.

    Attributes
    ----------
    corners : list of (Fraction, Fraction, Fraction)
    lines : list of (int, int, int)
        Per corner two lines that it lies on, and the sign with which their cross product is
        the corner; numbered as in `control`.
    edges : list of (int, int)
        The line of the edge that follows, and the sign of its row inside.
    whole : bool
        Whether it is the plane; then there are none.
    """

    corners: list[Ray]
    lines: list[tuple[int, int, int]]
    edges: list[tuple[int, int]]
    whole: bool = False


def root_of(space: SearchSpace) -> Root:
    """The polygon of a search space of dimension 2.

    Corners with fewer than two sides of the domain (those at infinity, and of half-planes and
    strips one point on each of their sides, without which the cone over them is not spanned) lie
    on an axis or the line at infinity.
    """
    exact = dense_rows(space.rows)
    bent = [i for i, row in enumerate(exact) if row[1] or row[2]]  # a constant row is no side
    if not bent:
        return Root([], [], [], whole=True)
    a, b = exact[bent[0]][1:]
    if all(a * exact[i][2] == b * exact[i][1] for i in bent):
        return _strip([fractions(row) for row in exact], (b, -a))
    inside = _inside(exact, space)
    order, gap = _by_direction(exact, bent, inside)
    edges = [c.FIRST_ROW + i for i in _irredundant(exact, order, gap, inside)]
    if gap > 0:
        edges.append(c.IDEAL_LINE)
    rows = [fractions(row) for row in exact]
    corners: list[Ray] = []
    lines: list[tuple[int, int, int]] = []
    for n, edge in enumerate(edges):
        before = edges[n - 1]
        if gap == 0 and n == 0:  # the sides before and behind are parallel: they meet there
            before = c.IDEAL_LINE
        corners.append(_scaled(cross(row_of_line(rows, before), row_of_line(rows, edge))))
        lines.append((before, edge, 1))  # counterclockwise: their cross product is the corner
    return Root(corners, lines, [(edge, 1) for edge in edges])


def _inside(rows: Sequence[Row], space: SearchSpace) -> list[flint.fmpq]:
    """The values of the rows at a point inside."""
    x, y = (q(v) for v in space.interior)
    return [row[0] + row[1] * x + row[2] * y for row in rows]


def _by_direction(
    rows: Sequence[Row], bent: Sequence[int], inside: Sequence[flint.fmpq]
) -> tuple[list[int], int]:
    """Sides in the order of their normals, counterclockwise; of equal directions the nearest.

    Returns
    -------
    order : list of int
        Where some direction is half a turn or more away from the next one, it is the last.
    gap : int
        0 if that is half a turn, 1 if it is more, -1 if there is no such direction.
    """

    def half(i: int) -> int:
        return 0 if rows[i][2] > 0 or (rows[i][2] == 0 and rows[i][1] > 0) else 1

    def compare(i: int, j: int) -> int:
        if half(i) != half(j):
            return half(i) - half(j)
        turn = _turn(rows, i, j)
        if turn == 0:  # the nearer one comes first, then the first one
            k = 1 if rows[i][1] else 2
            far_i, far_j = inside[i] * abs(rows[j][k]), inside[j] * abs(rows[i][k])
            return (far_i > far_j) - (far_i < far_j) or i - j
        return -1 if turn > 0 else 1

    order: list[int] = []
    for i in sorted(bent, key=cmp_to_key(compare)):
        if not order or half(order[-1]) != half(i) or _turn(rows, order[-1], i) != 0:
            order.append(i)
    for n, i in enumerate(order):
        turn = _turn(rows, order[n - 1], i)
        if turn <= 0:  # not parallel, all of them: there are three at least, or two at an angle
            return order[n:] + order[:n], 1 if turn < 0 else 0
    return order, -1


def _turn(rows: Sequence[Row], i: int, j: int) -> flint.fmpq:
    """Positive if the normal of row j is less than half a turn ahead of that of row i."""
    return rows[i][1] * rows[j][2] - rows[i][2] * rows[j][1]


def _irredundant(
    rows: Sequence[Row], order: Sequence[int], gap: int, inside: Sequence[flint.fmpq]
) -> list[int]:
    """The sides that have an edge.

    Around a point inside, side i is the polar point normal / value; those that are corners of the
    convex hull count (Graham's scan). Where the domain is unbounded, the hull is one with that
    point, which is a corner of it, or on its edge from the last side to the first.
    """
    polar = {i: (rows[i][1] / inside[i], rows[i][2] / inside[i]) for i in order}

    def is_left(i: int, j: int, k: int) -> bool:
        (ax, ay), (bx, by), (x, y) = polar[i], polar[j], polar[k]
        return bool((bx - ax) * (y - by) - (by - ay) * (x - bx) > 0)

    if gap < 0:  # begin with one that is on the hull: the farthest
        first = max(range(len(order)), key=lambda n: sum(v * v for v in polar[order[n]]))
        order = [*order[first:], *order[:first], order[first]]
    out: list[int] = []
    for i in order:
        while len(out) >= 2 and not is_left(out[-2], out[-1], i):
            out.pop()
        out.append(i)
    return out[:-1] if gap < 0 else out


def _scaled(ray: Ray) -> Ray:
    """A corner as (x, y, 1), or (x, y, 0)."""
    return (ray[0] / ray[2], ray[1] / ray[2], _ONE) if ray[2] else ray


def row_of_line(rows: Sequence[tuple[Fraction, ...]], line: int) -> Ray:
    """The row of a line that is always there: slopes first."""
    axes = {
        c.IDEAL_LINE: (_ZERO, _ZERO, _ONE), c.AXIS_X: (_ONE, _ZERO, _ZERO),
        c.AXIS_Y: (_ZERO, _ONE, _ZERO),
    }  # fmt: skip
    if line in axes:
        return axes[line]
    const, a, b = rows[line - c.FIRST_ROW]
    return a, b, const


def cross(a: Sequence[Fraction], b: Sequence[Fraction]) -> Ray:
    """The cross product of two rows."""
    return (
        a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    )  # fmt: skip


def _strip(rows: Sequence[tuple[Fraction, ...]], way: Sequence[flint.fmpq]) -> Root:
    """A half-plane or a strip, whose sides are all parallel to a direction."""
    normal = (-fraction(way[1]), fraction(way[0]))
    best: dict[int, tuple[Fraction, int]] = {}  # per direction inwards the side that counts
    for i, (const, a, b) in enumerate(rows):
        slope = a * normal[0] + b * normal[1]
        if slope:
            side, reach = (1, const / slope) if slope > 0 else (-1, const / -slope)
            if side not in best or reach < best[side][0]:
                best[side] = reach, c.FIRST_ROW + i
    axis = c.AXIS_Y if normal[0] else c.AXIS_X  # a line that the sides are not parallel to
    corners: list[Ray] = []
    lines: list[tuple[int, int, int]] = []
    edges: list[tuple[int, int]] = []

    def add(corner: Ray, a: int, b: int, edge: int) -> None:
        corners.append(corner)
        ray = cross(row_of_line(rows, a), row_of_line(rows, b))
        along = sum((u * v for u, v in zip(ray, corner, strict=True)), _ZERO)
        lines.append((a, b, 1 if along > 0 else -1))
        edges.append((edge, 1))

    any_line = next(iter(best.values()))[1]
    for side in (1, -1):
        ahead = (normal[1] * side, -normal[0] * side, _ZERO)  # with the inside on the left
        if side in best:
            line = best[side][1]
            point = cross(row_of_line(rows, line), row_of_line(rows, axis))
            add((-ahead[0], -ahead[1], _ZERO), any_line, c.IDEAL_LINE, line)
            add((point[0] / point[2], point[1] / point[2], _ONE), line, axis, line)
        if -side not in best:  # open on this side: towards infinity
            add(ahead, any_line, c.IDEAL_LINE, c.IDEAL_LINE)
            inward = (normal[0] * side, normal[1] * side)
            far = 0 if inward[0] else 1
            ray = [_ZERO, _ZERO, _ZERO]
            ray[far] = _ONE if inward[far] > 0 else -_ONE
            add((ray[0], ray[1], ray[2]), c.AXIS_Y if far == 0 else c.AXIS_X, c.IDEAL_LINE,
                c.IDEAL_LINE)  # fmt: skip
    return Root(corners, lines, edges)


def corner_floats(corner: Ray) -> tuple[list[float], float]:
    """A corner scaled to size 1, and how far it is off."""
    most = max(abs(v) for v in corner)
    near = [float(v / most) for v in corner]
    off = max(abs(Fraction(a) - v / most) for a, v in zip(near, corner, strict=True))
    return near, float(np.nextafter(float(off), np.inf)) * 2 if off else 0.0
