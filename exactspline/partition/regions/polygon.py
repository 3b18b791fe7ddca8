"""A region of a two-dimensional domain as a polygon: corners, area, perimeter, centroid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DomainError
from ...mode import guarded
from ...polyhedra.lp import float_of
from ...rationals import fraction, fractions, nearest_float, root_of

if TYPE_CHECKING:
    from ...polyhedra.lp import Row
    from ...polyhedra.planar import Ray

__all__ = ["Polygon", "direction_of", "polygon_of"]


@guarded
class Polygon:
    """The closure of a region in the plane, convex, bounded or not.

    Its first corner is the least one, by its coordinates. ``region.polygon()`` and the faces of
    `Partition.complex` make polygons.

    Attributes
    ----------
    corners : array of shape (n, 2), float64 or Fraction
        Counterclockwise, in the domain's coordinates. Where ``ideal`` says so it is no point but
        the direction of a ray: the polygon's corner at infinity.
    ideal : bool array, shape (n,)
        All False in a bounded polygon.

    Notes
    -----
    Side i leads from corner i to the next one. A half-plane has two ideal corners, opposite to
    each other, and so has a strip; the whole plane has no corners. `sides` tells these apart.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    >>> polygon = es.enumerate_regions(net, es.Box(0, "1/3", dim=2))[0].polygon(exact=True)
    >>> len(polygon), polygon.is_bounded, polygon.area()
    (4, True, Fraction(1, 9))
    >>> [[str(v) for v in corner] for corner in polygon]
    [['0', '0'], ['1/3', '0'], ['1/3', '1/3'], ['0', '1/3']]
    """

    def __init__(self, rows: Sequence[Row | None], exact: bool = False) -> None:
        rows = _without_points(rows)
        rays = _rays(rows)
        points = [(w == 0, direction_of((x, y)) if w == 0 else (x / w, y / w)) for w, x, y in rays]
        first = points.index(min(points)) if points else 0
        self._rows = [*rows[first:], *rows[:first]]
        self._rays = [*rays[first:], *rays[:first]]
        self.ideal = np.array([ray[0] == 0 for ray in self._rays], dtype=bool)
        self.corners = np.zeros((len(rays), 2), dtype=object if exact else np.float64)
        for i, (ideal, point) in enumerate([*points[first:], *points[:first]]):
            if ideal and not exact:  # of a size that float64 holds
                size = max(abs(v) for v in point)
                point = tuple(v / size for v in point)
            self.corners[i] = fractions(point) if exact else [float_of(v) for v in point]

    def __len__(self) -> int:
        return len(self.corners)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.corners)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.corners, dtype=dtype)

    def __repr__(self) -> str:
        kind = "" if self.is_bounded else ", unbounded"
        return f"<Polygon of {len(self)} corners{kind}>"

    @property
    def is_bounded(self) -> bool:
        """Whether the polygon is bounded.

        Examples
        --------
        >>> import exactspline as es
        >>> (quadrant,) = es.regions_at(es.Network([es.ReLU()], (2,)), [1, 1])
        >>> quadrant.polygon().is_bounded
        False
        """
        return len(self) > 0 and not self.ideal.any()

    @property
    def sides(self) -> tuple[tuple[Fraction, Fraction, Fraction] | None, ...]:
        """The sides' inequalities (c, a, b): c + a t_0 + b t_1 >= 0; None: the line at infinity.

        Side i leads from corner i to the next one.

        Examples
        --------
        >>> import exactspline as es
        >>> (quadrant,) = es.regions_at(es.Network([es.ReLU()], (2,)), [1, 1])
        >>> polygon = quadrant.polygon()
        >>> polygon.ideal.tolist(), polygon.corners.tolist()
        ([False, True, True], [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> [None if side is None else [int(v) for v in side] for side in polygon.sides]
        [[0, 0, 1], None, [0, 1, 0]]
        """
        return tuple(None if row is None else _three(row) for row in self._rows)

    def area(self) -> Fraction | float:
        """The area in the domain's coordinates, exactly; ``math.inf`` if unbounded.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3, 1]]), es.ReLU()], (2,))
        >>> [str(r.polygon().area()) for r in es.enumerate_regions(net, es.Box(-1, 1, dim=2))]
        ['2', '2']
        """
        return self._moments[0] if self.is_bounded else math.inf

    def perimeter(self) -> float:
        """The length of the border, rounded once; ``math.inf`` if unbounded.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3, 4]]), es.ReLU()], (2,))
        >>> [r.polygon().perimeter() for r in es.enumerate_regions(net, es.Box(-4, 4, dim=2))]
        [26.0, 26.0]
        """
        if not self.is_bounded:
            return math.inf
        points = [(fraction(x / w), fraction(y / w)) for w, x, y in self._rays]
        total = Fraction(0)
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
            total += root_of((x1 - x0) ** 2 + (y1 - y0) ** 2, 80)
        return nearest_float(total)

    def centroid(self) -> tuple[Fraction, Fraction]:
        """The centre of mass, exactly, in the domain's coordinates.

        Raises
        ------
        DomainError
            If the polygon is unbounded.

        Examples
        --------
        >>> import exactspline as es
        >>> (square,) = es.regions_at(es.Network([es.ReLU()], (2,)), [1, 1], es.Box(-3, 3, dim=2))
        >>> [str(v) for v in square.polygon().centroid()]
        ['3/2', '3/2']
        """
        if not self.is_bounded:
            raise DomainError(
                "centroid: the polygon is unbounded and has none; bound the domain, or take the "
                "region's witness"
            )
        area, x, y = self._moments
        return x / area, y / area

    @cached_property
    def _moments(self) -> tuple[Fraction, Fraction, Fraction]:
        from ...polyhedra.planar import moments

        area, x, y = moments(self._rays)
        return fraction(area), fraction(x), fraction(y)


def _without_points(rows: Sequence[Row | None]) -> Sequence[Row | None]:
    """The sides without arcs at infinity between parallel rays, which are points."""
    if len(rows) < 3 or None not in rows:
        return rows
    out: list[Row | None] = []
    for i, row in enumerate(rows):
        a, b = rows[i - 1], rows[(i + 1) % len(rows)]
        if row is not None or a is None or b is None or a[1] * b[2] != a[2] * b[1]:
            out.append(row)
    return out


def _rays(rows: Sequence[Row | None]) -> list[Ray]:
    """The corners as rays (W, X, Y), exactly; corner i is where side i begins."""
    from ...polyhedra.planar import AT_INFINITY, meet

    given = [AT_INFINITY if row is None else row for row in rows]
    return [meet(given[i - 1], row) for i, row in enumerate(given)] if len(given) > 1 else []


def direction_of(vector: Sequence[Any]) -> tuple[Any, ...]:
    """The direction of a vector of rationals as integers without a common factor."""
    from ...polyhedra.linear import primitive_multiple
    from ...polyhedra.lp import q

    return tuple(q(v) for v in primitive_multiple(vector))


def polygon_of(rows: Sequence[Row], exact: bool) -> Polygon:
    """The polygon with the given sides, of which none is implied by the others."""
    from ...polyhedra.planar import cyclic

    order = cyclic(rows)
    return Polygon([None if i < 0 else rows[i] for i in order], exact)


def _three(row: Row) -> tuple[Fraction, Fraction, Fraction]:
    c, a, b = fractions(row)
    return c, a, b
