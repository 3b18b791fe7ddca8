"""The faces of a complex: one a region of the partition, with its id."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...mode import guarded
from ..regions.polygon import Polygon

if TYPE_CHECKING:
    from .geometry import Geometry

__all__ = ["ComplexFace", "ComplexFaces"]


@guarded
@dataclass(frozen=True)
class ComplexFace:
    """A face: the closure of a region, as a part of the complex.

    Attributes
    ----------
    region : int
        The region's id in the partition, which is the face's number.
    corners : tuple of int
        Counterclockwise; -1 - i: the ideal corner i.
    edges : tuple of int
        Edge i leads from corner i to the next one; -1: the line at infinity.
    neighbors : tuple of int
        The faces across the edges; -1 in the domain's border and at infinity.

    Examples
    --------
    >>> import exactspline as es
    >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
    >>> face = c.faces[3]
    >>> face.region, len(face.corners), sorted(face.neighbors), face.area()
    (3, 4, [-1, -1, 1, 2], Fraction(1, 1))
    """

    region: int
    corners: tuple[int, ...]
    edges: tuple[int, ...]
    neighbors: tuple[int, ...]
    _geometry: Geometry

    def __repr__(self) -> str:
        return f"<Face {self.region} of {len(self.corners)} corners>"

    @property
    def is_bounded(self) -> bool:
        """Whether the face is bounded.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
        >>> c.faces[0].is_bounded
        False
        """
        return len(self.corners) > 0 and min(self.corners) >= 0

    def polygon(self, *, exact: bool = False) -> Polygon:
        """The face as a polygon; ``exact`` gives its corners as Fractions.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2))
        >>> omega.complex().faces[3].polygon().corners.tolist()
        [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
        """
        geometry = self._geometry
        rows = [
            geometry.sides.row(h) if edge >= 0 else None
            for h, edge in zip(geometry.halves(self.region), self.edges, strict=True)
        ]
        return Polygon(rows, exact)

    def area(self) -> Fraction | float:
        """The area, exactly; ``math.inf`` if unbounded.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, "1/3", dim=2))
        >>> [str(face.area()) for face in omega.complex().faces]
        ['1', '1/3', '1/3', '1/9']
        """
        return self.polygon(exact=True).area()

    def perimeter(self) -> float:
        """The length of the border, rounded once; ``math.inf`` if unbounded.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
        >>> c.faces[0].perimeter()
        4.0
        """
        return self.polygon(exact=True).perimeter()

    def centroid(self) -> tuple[Fraction, Fraction]:
        """The centre of mass, exactly.

        Raises
        ------
        DomainError
            If the face is unbounded.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
        >>> [str(v) for v in c.faces[0].centroid()]
        ['-1/2', '-1/2']
        """
        return self.polygon(exact=True).centroid()


@guarded
class ComplexFaces:
    """The faces of a complex, in the order of the partition's regions.

    Examples
    --------
    >>> import exactspline as es
    >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
    >>> c.faces, [face.area() == 1 for face in c.faces]
    (<4 faces>, [True, True, True, True])
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry

    def __len__(self) -> int:
        return len(self._geometry.columns.start) - 1

    def __repr__(self) -> str:
        return f"<{len(self):,} faces>"

    def __getitem__(self, face: int) -> ComplexFace:
        at = face + len(self) if face < 0 else face
        if not 0 <= at < len(self):
            raise IndexError(f"face {face} of {len(self):,}")
        geometry, columns = self._geometry, self._geometry.columns
        halves = slice(int(columns.start[at]), int(columns.start[at + 1]))
        twins = columns.twin[halves].tolist()
        return ComplexFace(
            int(at), tuple(columns.origin[halves].tolist()), tuple(columns.edge[halves].tolist()),
            tuple(-1 if h < 0 else geometry.sides.face(h) for h in twins), geometry,
        )  # fmt: skip

    def __iter__(self) -> Iterator[ComplexFace]:
        return (self[i] for i in range(len(self)))

    @property
    def corner_counts(self) -> np.ndarray:
        """How many corners every face has, ideal ones included; shape (faces,).

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
        >>> c.faces.corner_counts.tolist()
        [4, 4, 4, 4]
        """
        return np.diff(self._geometry.columns.start)

    @property
    def bounded(self) -> np.ndarray:
        """Whether each is bounded, shape (faces,).

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
        >>> c.faces.bounded.tolist()
        [False, False, False, False]
        """
        columns = self._geometry.columns
        out = self.corner_counts > 0
        far = np.flatnonzero(columns.origin < 0)
        out[np.searchsorted(columns.start, far, side="right") - 1] = False
        return out

    def areas(self, *, exact: bool = False) -> np.ndarray:
        """The areas of all faces, shape (faces,); infinite ones where unbounded.

        Parameters
        ----------
        exact : bool
            True gives Fractions, which sum up to the domain's area exactly. False gives float64
            numbers from rounded corners: of a thin face they may have no right digit.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3, 1], [1, -1]], ["1/7", 0]), es.ReLU()], (2,))
        >>> c = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).complex()
        >>> c.faces.areas(exact=True).sum()
        Fraction(4, 1)
        """
        if exact:
            self._geometry.sides.all_lines()
            out = np.empty(len(self), dtype=object)
            out[:] = [face.area() for face in self]
            return out
        columns = self._geometry.columns
        areas = np.full(len(self), math.inf)
        near = self.bounded
        if not near.any():
            return areas
        first = np.repeat(columns.start[:-1], np.diff(columns.start))
        here = columns.origin
        xy = np.where((here >= 0)[:, None], columns.xy[np.maximum(here, 0)], 0.0)
        xy = xy - xy[first]  # small numbers: less is lost
        behind = xy[self._geometry.next]
        with np.errstate(all="ignore"):
            turns = xy[:, 0] * behind[:, 1] - xy[:, 1] * behind[:, 0]
        sums = np.add.reduceat(turns, columns.start[:-1][self.corner_counts > 0]) / 2
        areas[near] = sums[near[self.corner_counts > 0]]
        return areas
