"""Bounded regions of three dimensions: exact vertices, and the facets as closed paths of them.

Which vertices are neighbours on a facet is read off the rows that vanish on them: an edge of a
polytope is what two of its facets share. No angle is computed. The one sign that is needed, on
which side a facet is gone around counterclockwise, is that of a determinant of integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..errors import UndecidedError
from ..polyhedra.linear import primitive_multiple
from ..polyhedra.lp import Row
from ..polyhedra.vertices import generators

__all__ = ["Polytope3", "Vertex", "polytope"]

Vertex = tuple[Fraction, ...]


@dataclass(frozen=True)
class Polytope3:
    """A polytope of three dimensions.

    Attributes
    ----------
    vertices : list of tuple of Fraction
    facets : dict of int to list of int
        Per row the vertices of its facet, counterclockwise as seen from outside.
    """

    vertices: list[Vertex]
    facets: dict[int, list[int]]


def polytope(rows: Sequence[Row], wanted: Iterable[int] | None = None) -> Polytope3:
    """The polytope {t : row(t) >= 0 for all rows} and the facets of some of its rows.

    Parameters
    ----------
    rows : sequence of rows
        Constant first; one a facet, no two with one plane. The set is bounded and has interior.
    wanted : iterable of int, optional
        Which rows' facets; all by default.

    Raises
    ------
    UndecidedError
        If rows are no facets: there is a mistake in what was given.
    LimitError
        If there are too many vertices.
    """
    found = generators(rows, 3)
    if found.rays or found.lines:
        raise UndecidedError("polytope: the set is not bounded, though its domain is")
    on = [[v for v, tight in enumerate(found.tight) if tight >> r & 1] for r in range(len(rows))]
    points = [_whole(vertex) for vertex in found.vertices]
    facets = {}
    for r in range(len(rows)) if wanted is None else wanted:
        path = _path(r, on[r], found.tight, len(rows))
        a, b, c = (points[v] for v in path[:3])
        inwards = primitive_multiple(rows[r])[1:]
        if _triple(_between(a, b), _between(a, c), inwards) > 0:
            path[1:] = path[:0:-1]
        facets[r] = path
    return Polytope3(found.vertices, facets)


def _path(row: int, on: Sequence[int], tight: Sequence[int], n_rows: int) -> list[int]:
    """The vertices of a facet, one after the other around it."""
    links: dict[int, set[int]] = {v: set() for v in on}
    for other in range(n_rows):
        if other != row:
            shared = [v for v in on if tight[v] >> other & 1]
            if len(shared) == 2:
                a, b = shared
                links[a].add(b)
                links[b].add(a)
    if len(on) < 3 or any(len(ends) != 2 for ends in links.values()):
        raise UndecidedError(f"polytope: row {row} is no facet; it holds {len(on)} vertices")
    last = min(links[on[0]])
    path, before = [on[0]], last
    while len(path) < len(on):
        (after,) = links[path[-1]] - {before}
        before = path[-1]
        path.append(after)
    if path[-1] != last or len(set(path)) != len(on):
        raise UndecidedError(f"polytope: the edges of row {row} are no closed path")
    return path


def _whole(vertex: Vertex) -> tuple[int, ...]:
    """(w, x, y, z) in integers, w > 0: the point (x, y, z) / w."""
    w = math.lcm(*(v.denominator for v in vertex))
    return (w, *(v.numerator * (w // v.denominator) for v in vertex))


def _between(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """A positive multiple of b - a."""
    return [w * a[0] - v * b[0] for v, w in zip(a[1:], b[1:], strict=True)]


def _triple(a: Sequence[int], b: Sequence[int], c: Sequence[int]) -> int:
    """The determinant of three vectors."""
    return (
        (a[1] * b[2] - a[2] * b[1]) * c[0]
        + (a[2] * b[0] - a[0] * b[2]) * c[1]
        + (a[0] * b[1] - a[1] * b[0]) * c[2]
    )
