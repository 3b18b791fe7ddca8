"""The domain as the first cell: its sides and corners, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key

import numpy as np

from ...cells.space import SearchSpace, dense_rows
from ...polyhedra.vertices import generators
from ...rationals import fractions
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

    Corners with fewer than two sides of the domain (those of half-planes and strips at infinity,
    and one point on each of their sides, without which the cone over them is not spanned) lie on an
    axis or the line at infinity.
    """
    rows = [fractions(row) for row in dense_rows(space.rows)]  # constant first
    if not rows:
        return Root([], [], [], whole=True)
    found = generators(dense_rows(space.rows), 2)
    if found.lines:
        return _strip(rows, found.lines[0])
    points: list[Ray] = [(v[0], v[1], _ONE) for v in found.vertices]
    points += [(Fraction(r[0]), Fraction(r[1]), _ZERO) for r in found.rays]
    order = _counterclockwise(points, len(found.vertices))
    corners = [points[i] for i in order]
    tight = [found.tight[i] for i in order]
    edges: list[int] = []
    for n, bits in enumerate(tight):
        both = bits & tight[(n + 1) % len(tight)]
        # two rays that share no side bound the domain at infinity
        edges.append(c.FIRST_ROW + (both & -both).bit_length() - 1 if both else c.IDEAL_LINE)
    lines = []
    for n in range(len(corners)):
        a, b = edges[n - 1], edges[n]
        lines.append((a, b, _turn(row_of_line(rows, a), row_of_line(rows, b), corners[n])))
    return Root(corners, lines, [(edge, 1) for edge in edges])


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


def _turn(a: Ray, b: Ray, corner: Ray) -> int:
    """The sign with which a x b is a corner."""
    ray = cross(a, b)
    product = sum((u * v for u, v in zip(ray, corner, strict=True)), _ZERO)
    return 1 if product > 0 else -1


def _counterclockwise(points: Sequence[Ray], finite: int) -> list[int]:
    """The order of corners around a point inside."""
    x = sum((p[0] for p in points[:finite]), _ZERO) / finite + sum(p[0] for p in points[finite:])
    y = sum((p[1] for p in points[:finite]), _ZERO) / finite + sum(p[1] for p in points[finite:])
    ways = [(p[0] - x * p[2], p[1] - y * p[2]) for p in points]

    def half(way: tuple[Fraction, Fraction]) -> int:
        return 0 if way[1] > 0 or (way[1] == 0 and way[0] > 0) else 1

    def compare(i: int, j: int) -> int:
        a, b = ways[i], ways[j]
        if half(a) != half(b):
            return half(a) - half(b)
        area = a[0] * b[1] - a[1] * b[0]
        return -1 if area > 0 else int(area < 0)

    return sorted(range(len(points)), key=cmp_to_key(compare))


def _strip(rows: Sequence[tuple[Fraction, ...]], way: Sequence[int]) -> Root:
    """A half-plane or a strip, whose sides are all parallel to a direction."""
    normal = (Fraction(-way[1]), Fraction(way[0]))
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
        lines.append((a, b, _turn(row_of_line(rows, a), row_of_line(rows, b), corner)))
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
