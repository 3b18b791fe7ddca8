"""The projection of a polyhedron on its last coordinates, exactly, by double description."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..polyhedra.linear import primitive_multiple
from ..polyhedra.lp import ONE, ZERO, Point, Row, minimise, q
from ..polyhedra.vertices import generators
from ..rationals import fraction

__all__ = ["Integers", "interval", "shadow"]

Integers = tuple[int, ...]  # primitive integers: constant first, then a coefficient a parameter


def shadow(rows: Sequence[Row], dim: int, last: int) -> list[Integers]:
    """The closed polyhedron {row >= 0} in R^dim, projected on its last coordinates.

    Parameters
    ----------
    rows : sequence of rows
        Of a set with interior.
    dim : int
    last : int
        How many coordinates are kept.

    Returns
    -------
    list of tuple of int
        Irredundant inequalities, constant + <c, parameters> >= 0, sorted; none for all of space.

    Notes
    -----
    Vertices, rays and lines are projected; the inequalities of their hull are the extreme rays
    of {(b, c): b + <c, v> >= 0, <c, r> >= 0, <c, l> = 0}. Both steps are double description in
    integers, so for few dimensions.

    Raises
    ------
    LimitError
        If there are too many generators.
    """
    found = generators(rows, dim)
    dual: list[Row] = []
    for vertex in found.vertices:
        dual.append([ZERO, ONE, *(q(v) for v in vertex[dim - last :])])
    for ray in found.rays:
        dual.append([ZERO, ZERO, *(q(v) for v in ray[dim - last :])])
    for line in found.lines:
        for sign in (1, -1):
            dual.append([ZERO, ZERO, *(q(sign * v) for v in line[dim - last :])])
    cone = generators(dual, last + 1)
    # the set has interior, so its projection has, and the cone of its inequalities no line
    return sorted(ray for ray in map(primitive_multiple, cone.rays) if any(ray[1:]))


def interval(rows: Sequence[Row], inside: Point) -> tuple[Fraction | None, Fraction | None]:
    """The least and the largest last coordinate of {row >= 0}; None where there is none.

    Two exact linear programs, from a point of the set on.
    """
    ends: list[Fraction | None] = []
    for sign in (1, -1):
        objective = [ZERO] * len(inside) + [sign * ONE]
        found = minimise(rows, objective, inside)
        ends.append(None if found.value is None else sign * fraction(found.value))
    return ends[0], ends[1]
