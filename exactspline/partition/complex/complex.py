"""The complex of a partition of a two-dimensional domain: corners, edges and faces."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...later import in_later_room
from ...mode import guarded
from ...search.polygons import IDEAL, PlaneFaces
from ...search.prepared import kept_for
from ..columns.packed import PackedCodes
from .border import check_border, near_rows
from .corners import ComplexCorners, IdealCorners
from .edges import ComplexEdges, HalfEdges
from .exact import ExactSides
from .faces import ComplexFaces
from .geometry import Geometry
from .joining import Columns, check_size, joined, joined_at_once
from .matching import check_codes, matched, refuse
from .source import space_characteristic

if TYPE_CHECKING:
    from ...cells.space import SearchSpace
    from ..graph.adjacent import AdjacentRegions
    from .subdivision import Subdivision

__all__ = ["Complex", "plane_complex"]


@guarded
class Complex:
    """The planar subdivision that the regions of a partition form; made by `Partition.complex`.

    Attributes
    ----------
    dimension : int
        2.
    corners : ComplexCorners
        ``xy``, ``error``, ``exact(i)``, ``star(i)``. Corners at infinity are not among them.
    ideal_corners : IdealCorners
        The directions in which unbounded edges end: ``direction``, ``exact(i)``.
    edges : ComplexEdges
        ``tail``, ``head``, ``left``, ``right``, ``unit``, ``layer``, ``units(i)``, ``line(i)``.
    faces : ComplexFaces
        One a region, with its number: ``faces[i]``, ``areas()``.
    half_edges : HalfEdges
        ``next``, ``twin``, ``origin``, ``face``, ``edge``: links to walk along.

    Notes
    -----
    The complex is face to face: an edge is a whole side of both its faces, and ends in corners of
    both. Coordinates are the domain's. Where nothing reads or bounds some of these, regions hold
    whole lines along them, and the complex is that of a section (`reduced`, `coordinates`).

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))
    >>> c = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).complex()
    >>> len(c.corners), len(c.edges), len(c.interior_edges), len(c.faces), c.euler()
    (9, 14, 6, 6, 1)
    """

    dimension = 2

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self.corners, self.ideal_corners = ComplexCorners(geometry), IdealCorners(geometry)
        self.edges, self.faces = ComplexEdges(geometry), ComplexFaces(geometry)
        self.half_edges = HalfEdges(geometry)

    def __repr__(self) -> str:
        return (
            f"<Complex of {len(self.corners):,} corners, {len(self.edges):,} edges and "
            f"{len(self.faces):,} faces>"
        )

    def _repr_html_(self) -> str:
        text: str = in_later_room("Complex._repr_html_", self)
        return text

    @property
    def interior_edges(self) -> np.ndarray:
        """The edges between two faces, as indices.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2))
        >>> c = omega.complex()
        >>> len(c.interior_edges), len(c.border_edges)
        (4, 8)
        """
        return np.flatnonzero(self.edges.right >= 0)

    @property
    def border_edges(self) -> np.ndarray:
        """The edges in the domain's border, as indices; `ComplexEdges.side` tells the side.

        Examples
        --------
        >>> import exactspline as es
        >>> len(es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex().border_edges)
        0
        """
        return np.flatnonzero(self.edges.right < 0)

    def euler(self) -> int:
        """Corners - edges + faces.

        Notes
        -----
        1 on bounded domains and the plane, 0 on half-planes and other unbounded domains that hold
        no line and no plane, -1 on strips; see `Partition.check_euler`. It has been checked.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> c = omega.complex()
        >>> len(c.corners), len(c.edges), len(c.faces), c.euler()
        (1, 4, 4, 1)
        """
        return len(self.corners) - len(self.edges) + len(self.faces)

    @property
    def coordinates(self) -> np.ndarray:
        """Which of the domain's coordinates the complex has.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0, 0], [0, 0, 1]]), es.ReLU()], (3,))
        >>> c = es.enumerate_regions(net).complex()
        >>> c.coordinates.tolist(), c.reduced
        ([0, 2], True)
        """
        return self._geometry.space.columns

    @property
    def reduced(self) -> bool:
        """Whether the domain has further coordinates, along which nothing changes.

        Examples
        --------
        >>> import exactspline as es
        >>> es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex().reduced
        False
        """
        return len(self.coordinates) < self._geometry.space.chart.dim

    @property
    def nbytes(self) -> int:
        """Bytes of the columns.

        Examples
        --------
        >>> import exactspline as es
        >>> es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex().nbytes < 1000
        True
        """
        return self._geometry.columns.nbytes

    def merged(self, groups: Any) -> Subdivision:
        """The subdivision in which the faces of a group are one.

        Parameters
        ----------
        groups : RegionGroups, LayerPartition or array_like of int, shape (faces,)
            The group of every face, by numbers from 0 on.

        Returns
        -------
        Subdivision
            ``loops(i)`` (the border of area i, holes apart), ``area(i)``, ``faces(i)``.

        Raises
        ------
        ShapeError
            If there is not one number a face.
        ParameterError
            If they are no numbers from 0 on, each of them given.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
        >>> corner = c.merged([0, 0, 0, 1])  # three quadrants are one area
        >>> [len(corner.loops(i)[0]) for i in range(2)], [corner.area(i) for i in range(2)]
        ([6, 4], [Fraction(3, 1), Fraction(1, 1)])
        """
        from .subdivision import subdivision

        return subdivision(self._geometry, groups)

    def linear_regions(self) -> Subdivision:
        """Adjacent faces with equal affine maps merged: the maximal linear regions.

        See Also
        --------
        Partition.linear_regions : what is compared, and the guarantee.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 1]], [-1]), es.ReLU()], (2,))
        >>> omega = es.enumerate_regions(net, es.Box(-1, 2, dim=2))
        >>> found = omega.complex().linear_regions()
        >>> len(omega), len(found), [len(found.faces(i)) for i in range(len(found))]
        (7, 4, [4, 1, 1, 1])
        """
        return self.merged(self._groups)

    @cached_property
    def _groups(self) -> Any:
        from .adjacency import linear_groups

        return linear_groups(self._geometry)


def plane_complex(partition: AdjacentRegions, space: SearchSpace, faces: PlaneFaces) -> Complex:
    """The complex of a partition whose regions are given as polygons.

    Raises
    ------
    UndecidedError
        If the polygons do not fit together.
    """
    check_size(faces)
    if len(faces.start) != len(partition) + 1 or len(faces.hashes) != len(partition):
        refuse(f"{len(faces.start) - 1:,} polygons of {len(partition):,} regions")
    program, codes = partition.network.program, partition._codes
    columns = _joined_and_checked(partition, space, faces)
    exact = ExactSides(
        program, space, codes, columns.start, columns.edge, columns.half, columns.unit,
        columns.form, columns.sign,
    )  # fmt: skip
    geometry = Geometry(partition, space, columns, exact)
    geometry.settle()
    found, expected = Complex(geometry), space_characteristic(space)
    if found.euler() != expected:
        refuse(f"corners - edges + faces is {found.euler()}, and must be {expected}")
    return found


def _joined_and_checked(
    partition: AdjacentRegions, space: SearchSpace, faces: PlaneFaces
) -> Columns:
    """The polygons joined; compiled where that does, else by functions that tell what is wrong."""
    program, codes = partition.network.program, partition._codes
    found = joined_at_once(faces)
    if found is not None:
        columns, after, links = found
    if found is not None and isinstance(codes, PackedCodes):  # and not in a store
        from .fitting import fits

        rows = kept_for(program, space).of("near rows", lambda: near_rows(space.rows))
        if fits(
            faces.start, after, links, columns.right, faces.unit, faces.piece, faces.form,
            faces.corner, faces.error, codes.packed, codes.places, np.pad(rows, ((0, 0), (0, 1))),
        ):  # fmt: skip
            return columns
    face = np.repeat(np.arange(len(partition), dtype=np.int32), np.diff(faces.start))
    if found is None:
        columns = joined(faces, matched(faces, face, codes, _own_sides(partition, space, faces)))
    check_codes(faces, face, codes, columns.twin)
    check_border(faces, columns.twin, space.rows)
    return columns


def _own_sides(partition: AdjacentRegions, space: SearchSpace, faces: PlaneFaces) -> ExactSides:
    """The sides of polygons that are not matched yet, each an edge by itself."""
    own = np.arange(len(faces.unit), dtype=np.int32)
    edge = np.where(faces.unit == IDEAL, np.int32(-1), own)
    return ExactSides(
        partition.network.program, space, partition._codes, faces.start, edge, own, faces.unit,
        faces.form, faces.sign,
    )  # fmt: skip
