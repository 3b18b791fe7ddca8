"""The closure of a region as a polyhedron: bounded or not, vertices, volume, distances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DomainError, UndecidedError
from ...mode import guarded
from ...rationals import fractions, nearest_float
from .coordinates import exact_point

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...polyhedra.lp import Point, Row
    from ...polyhedra.vertices import Generators
    from .coordinates import Coordinates
    from .polygon import Polygon

__all__ = ["Shape", "fractions"]


@guarded
class Shape:
    """What a `Region` is as a polyhedron in the domain's coordinates; `Region` inherits it."""

    if TYPE_CHECKING:
        network: Network
        domain: Domain

        @property
        def _coordinates(self) -> Coordinates: ...
        @property
        def _inside(self) -> Point: ...
        @property
        def _rows(self) -> list[Row]: ...
        @property
        def _any_rows(self) -> list[Row]: ...
        def _holds(self, t: list[Fraction]) -> tuple[bool, bool]: ...

    @cached_property
    def _at_infinity(self) -> tuple[bool, int]:
        """Whether the recession cone is a linear subspace, and the lineality's dimension."""
        from ...polyhedra.linear import rank_of
        from ...polyhedra.nearest import is_subspace_at_infinity

        chart = self.domain.chart
        if all(v is not None for v in (*chart.low, *chart.high)):
            return True, 0
        rows = self._any_rows
        rank = rank_of(row[1:] for row in rows)
        return is_subspace_at_infinity(rows, chart.dim), chart.dim - rank

    @property
    def is_bounded(self) -> bool:
        """Whether the region is bounded, decided exactly.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (2,))
        >>> (region,) = es.regions_at(net, [1, 2])
        >>> (part,) = es.regions_at(net, [1, 2], es.Box(-3, 3, dim=2))
        >>> region.is_bounded, part.is_bounded
        (False, True)
        """
        return self._at_infinity == (True, 0)

    @property
    def is_relatively_bounded(self) -> bool:
        """Whether the region is bounded up to the partition's common lines.

        Notes
        -----
        Its recession cone is then a linear subspace: the lines along which nothing ever
        changes, the same ones for all regions of a partition. Zaslavsky's theorem counts such
        regions of an arrangement: (-1)^rank times its characteristic polynomial at 1. Without
        common lines it is `is_bounded`.

        References
        ----------
        T. Zaslavsky, "Facing up to arrangements", Memoirs AMS 154, 1975.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0], [-1, 0]], [1, 1]), es.ReLU()], (2,))
        >>> (strip,) = es.regions_at(net, [0, 0])  # -1 <= x[0] <= 1, nothing reads x[1]
        >>> strip.is_bounded, strip.is_relatively_bounded
        (False, True)
        """
        return self._at_infinity[0]

    # --- Geometry ----------------------------------------------------------------------------

    @cached_property
    def _generators(self) -> Generators:
        from ...polyhedra.vertices import generators

        return generators(self._rows, self.domain.chart.dim)

    def vertices(self) -> np.ndarray:
        """All vertices of the closure, exactly, in the domain's coordinates.

        Returns
        -------
        numpy.ndarray of Fraction, shape (n, k)
            Sorted. An unbounded region is the sum of the convex hull of these and the cone of
            `rays`.

        Raises
        ------
        DomainError
            If the region holds a whole line: it has no vertex then.
        LimitError
            If the region has too many.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (2,))
        >>> (region,) = es.regions_at(net, [1, 2], es.Box(-3, 3, dim=2))
        >>> region.vertices().astype(int).tolist()
        [[0, 0], [0, 3], [3, 0], [3, 3]]
        """
        found = self._generators
        if found.lines:
            raise DomainError(
                f"vertices: the region holds lines ({len(found.lines)} independent ones, such "
                f"as along {list(found.lines[0])}) and has no vertex; bound the domain, or cut "
                "it by a slice across them"
            )
        return _object_rows(sorted(found.vertices), self.domain.chart.dim)

    def rays(self) -> np.ndarray:
        """Directions of the extreme rays, as integers without common factor.

        Returns
        -------
        numpy.ndarray of Fraction, shape (n, k)
            Sorted; empty for a bounded region.

        Raises
        ------
        DomainError
            If the region holds a whole line.
        LimitError
            If the region has too many.

        Examples
        --------
        >>> import exactspline as es
        >>> (region,) = es.regions_at(es.Network([es.ReLU()], (2,)), [1, 2])
        >>> region.rays().astype(int).tolist()
        [[0, 1], [1, 0]]
        """
        self.vertices()
        rays = [tuple(Fraction(v) for v in ray) for ray in sorted(self._generators.rays)]
        return _object_rows(rays, self.domain.chart.dim)

    def volume(self) -> Fraction | float:
        """The k-dimensional volume in the domain's coordinates t, exactly.

        Returns
        -------
        Fraction or float
            ``math.inf`` for an unbounded region; 1 in a domain of dimension 0.

        Raises
        ------
        LimitError
            If there are too many vertices, or simplices in a triangulation.

        Notes
        -----
        For a domain of full dimension that is no slice, that is the volume in the inputs. In a
        domain of lower dimension it is the volume in its chart: the k-dimensional measure in
        R^D up to one constant factor for all regions.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
        >>> omega = es.enumerate_regions(net, es.Box(0, "1/3", dim=2))
        >>> [str(region.volume()) for region in omega]
        ['1/9']
        """
        from ...polyhedra.vertices import volume

        if not self.is_bounded:
            return math.inf
        return volume(self._generators, len(self._rows), self.domain.chart.dim)

    # --- In two dimensions -------------------------------------------------------------------

    def polygon(self, *, exact: bool = False) -> Polygon:
        """The closure as a polygon, in a domain of two dimensions.

        Parameters
        ----------
        exact : bool
            True gives the corners as Fractions.

        Returns
        -------
        Polygon
            ``corners`` counterclockwise in the domain's coordinates, ``ideal`` (which of them are
            directions of rays), ``is_bounded``, ``sides``.

        Raises
        ------
        DomainError
            If the domain has another dimension.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (2,))
        >>> (region,) = es.regions_at(net, [1, 2], es.Box(-3, 3, dim=2))
        >>> region.polygon().corners.tolist()
        [[0.0, 0.0], [3.0, 0.0], [3.0, 3.0], [0.0, 3.0]]
        """
        return self._polygon(exact)

    def _polygon(self, exact: bool) -> Polygon:
        from .polygon import polygon_of

        k = self.domain.chart.dim
        if k != 2:
            raise DomainError(
                f"polygon: regions of a domain of dimension {k} are no polygons; take a slice of "
                "two dimensions, or vertices() and volume()"
            )
        return polygon_of(self._rows, exact)

    def area(self) -> Fraction | float:
        """The area in the domain's coordinates, exactly; ``math.inf`` if unbounded.

        Raises
        ------
        DomainError
            If the domain is not of two dimensions; `volume` is for any number of them.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(0, "1/3", dim=2))
        >>> [str(region.area()) for region in omega]
        ['1/9']
        """
        return self._polygon(True).area()

    def perimeter(self) -> float:
        """The length of the region's border, rounded once; ``math.inf`` if unbounded.

        Raises
        ------
        DomainError
            If the domain is not of two dimensions.

        Examples
        --------
        >>> import exactspline as es
        >>> (region,) = es.regions_at(es.Network([es.ReLU()], (2,)), [1, 2], es.Box(-3, 3, dim=2))
        >>> region.perimeter()
        12.0
        """
        return self._polygon(True).perimeter()

    def centroid(self) -> tuple[Fraction, Fraction]:
        """The centre of mass in the domain's coordinates, exactly.

        Raises
        ------
        DomainError
            If the domain is not of two dimensions, or the region is unbounded.

        Examples
        --------
        >>> import exactspline as es
        >>> (region,) = es.regions_at(es.Network([es.ReLU()], (2,)), [1, 2], es.Box(-3, 3, dim=2))
        >>> [str(v) for v in region.centroid()]
        ['3/2', '3/2']
        """
        return self._polygon(True).centroid()

    def chebyshev_center(self) -> tuple[np.ndarray, float]:
        """A largest ball in the closure.

        Returns
        -------
        center : float64 array, shape (k,)
            In the domain's coordinates t.
        radius : float
            In their Euclidean norm; ``math.inf`` where balls of any size fit.

        Raises
        ------
        UndecidedError
            If no float64 point strictly inside is found.
        LimitError

        Notes
        -----
        The ball lies in the closure, provably; that no larger one does is up to the tolerance
        of the linear programs (HiGHS, about 1e-7 relative).

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (2,))
        >>> (region,) = es.regions_at(net, [1, 2], es.Box(-3, 2, dim=2))
        >>> center, radius = region.chebyshev_center()
        >>> center.round(6).tolist(), round(radius, 6)
        ([1.0, 1.0], 1.0)
        """
        from ...polyhedra.nearest import deepest_point

        return deepest_point(self._rows, self._inside)

    def project(self, x: Any, *, exact: bool = False) -> np.ndarray:
        """The point of the region's closure that is nearest to x, in the Euclidean norm.

        Parameters
        ----------
        x : array_like
            An input; it may lie outside the domain.
        exact : bool
            True gives the nearest point as Fractions.

        Returns
        -------
        numpy.ndarray, shape (D,)
            An input: the exact nearest point, rounded to float64 (unless ``exact``).

        Raises
        ------
        UndecidedError
            If the solver gives no answer; with ``exact``, also if its answer could not be
            made exact.
        LimitError

        Notes
        -----
        cvxpy (Clarabel) says which facets hold the point back; the nearest point on them is
        solved for in rationals and proved by its multipliers. Where that fails (in more than 60
        dimensions it is not tried), the result is the solver's, to about 1e-8 relative to the
        distance.

        Examples
        --------
        >>> import exactspline as es
        >>> (region,) = es.regions_at(es.Network([es.ReLU()], (2,)), [1, 2])
        >>> region.project([-1, 5]).tolist()
        [0.0, 5.0]
        """
        from ...domain.rows import dense_rows
        from ...polyhedra.lp import q
        from ...polyhedra.nearest import nearest_point

        given = exact_point(x, self.network)
        chart = self.domain.chart
        t = self._coordinates.of(given)
        if t is None or not self._holds(t)[0]:
            inputs = dense_rows(chart.point)
            found, near = nearest_point(self._rows, inputs, [q(v) for v in given], self._inside)
            if found is None and not np.all(np.isfinite(near)):
                raise UndecidedError(
                    "project: the distances are beyond what the solver can compute with; scale "
                    "the input and the domain"
                )
            if found is None and exact:
                raise UndecidedError(
                    "project: the solver's answer could not be made exact; use exact=False"
                )
            exactly = fractions(found) if found is not None else map(Fraction, near.tolist())
            given = chart.lift(list(exactly))
        out = np.empty(len(given), dtype=object if exact else np.float64)
        out[:] = given if exact else [nearest_float(v) for v in given]
        return out


def _object_rows(rows: Sequence[tuple[Fraction, ...]], width: int) -> np.ndarray:
    out = np.empty((len(rows), width), dtype=object)
    for i, row in enumerate(rows):
        out[i] = row
    return out
