"""Areas and volumes of meshes with exact corners: rounded with a bound, or exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import flint

from ..polyhedra.lp import ZERO, Point
from ..rationals import fraction, nearest_float, root_of

__all__ = ["Measure", "area_of", "exact_volume", "volume_of"]


class Measure(NamedTuple):
    """A number that was rounded, and how far it is off at most.

    Examples
    --------
    >>> Measure(2.0, 0.25).value
    2.0
    """

    value: float
    error: float


def area_of(polygons: Sequence[Sequence[int]], points: Sequence[Point]) -> Measure:
    """The sum of the areas of plane polygons, given by the numbers of their corners.

    Twice a polygon's area is the length of a rational vector. Its square is exact, the root is
    taken with 60 bits and rounded once, and the sum is that of ``math.fsum``, rounded once.
    """
    parts = []
    for polygon in polygons:
        total = [ZERO, ZERO, ZERO]
        first = points[polygon[0]]
        arms = [_minus(points[v], first) for v in polygon[1:]]
        for a, b in pairwise(arms):
            total = [s + c for s, c in zip(total, _cross(a, b), strict=True)]
        square = fraction(sum((v * v for v in total), ZERO))
        parts.append(nearest_float(root_of(square)) / 2)
    value = _sum(parts)
    return Measure(value, value * 2.0**-50 + len(parts) * 2.0**-1070)


def volume_of(triangles: Sequence[Sequence[int]], points: Sequence[Point]) -> Measure:
    """The volume that closed, outward triangles enclose; see `exact_volume`.

    Every tetrahedron's is exact and rounded once, and so is their sum.
    """
    parts = [nearest_float(fraction(v)) for v in _tetrahedra(triangles, points)]
    value, size = _sum(parts) / 6, _sum([abs(v) for v in parts]) / 6
    return Measure(value, size * 2.0**-50 + len(parts) * 2.0**-1070)


def exact_volume(triangles: Sequence[Sequence[int]], points: Sequence[Point]) -> Fraction:
    """The volume that closed, outward triangles enclose: that of tetrahedra from one corner."""
    parts = _tetrahedra(triangles, points)
    while len(parts) > 1:  # in pairs, since denominators grow with every sum
        parts = [sum(parts[i : i + 2], ZERO) for i in range(0, len(parts), 2)]
    return fraction(parts[0]) / 6 if parts else Fraction(0)


def _tetrahedra(triangles: Sequence[Sequence[int]], points: Sequence[Point]) -> list[flint.fmpq]:
    """Six times the signed volumes between the first corner of all and each triangle."""
    if not triangles:
        return []
    apex = points[triangles[0][0]]
    arms = {v: _minus(points[v], apex) for v in {v for t in triangles for v in t}}
    out = []
    for a, b, c in triangles:
        cross = _cross(arms[a], arms[b])
        out.append(sum((v * w for v, w in zip(cross, arms[c], strict=True)), ZERO))
    return out


def _sum(parts: Sequence[float]) -> float:
    """The sum, rounded once; infinite beyond the range of float64."""
    if max(map(abs, parts), default=0.0) >= 2.0**1000 / max(1, len(parts)):
        return math.inf
    return math.fsum(parts)


def _minus(a: Point, b: Point) -> Point:
    return [v - w for v, w in zip(a, b, strict=True)]


def _cross(a: Point, b: Point) -> Point:
    return [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
