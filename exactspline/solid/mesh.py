"""A surface in three dimensions as triangles with exact corners, and what it is as a surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from ..errors import ParameterError
from ..later import in_later_room
from ..mode import guarded
from ..polyhedra.lp import Point, q
from ..rationals import nearest_floats
from .measure import Measure, area_of, exact_volume, volume_of
from .topology import MeshEdges, components, edges_of, odd_vertices

if TYPE_CHECKING:
    from ..domain import Domain
    from ..formats.files import PathLike
    from .polytopes import Vertex

__all__ = ["Mesh", "Polygons"]


@dataclass(frozen=True)
class Polygons:
    """What a mesh is made of: convex polygons, each in the closure of one region.

    Attributes
    ----------
    vertices : list of tuple of Fraction
        Different from each other.
    paths : list of lists of int
        Around each polygon, counterclockwise as seen from outside {f > c}.
    region : list of int
    side : list of int
        The domain's side that a polygon lies in; -1 for the surface.
    """

    vertices: Sequence[Vertex]
    paths: Sequence[Sequence[int]]
    region: Sequence[int]
    side: Sequence[int]


@guarded
class Mesh:
    """A surface of triangles whose corners are known exactly; made by `Partition.surface`.

    Attributes
    ----------
    what : str
        The set whose border it is: "f[0] > 1/2".
    domain : Domain
    closed : bool
        Whether it was asked for with caps on the domain's sides.
    vertices : float64 array, shape (vertices, 3)
        In the domain's coordinates; the exact ones, each number rounded once.
    triangles : int32 array, shape (triangles, 3)
        Counterclockwise as seen from outside the set: normals point to where f <= c.
    region : int32 array, shape (triangles,)
        The region of the partition in whose closure the triangle lies, on the set's side.
    side : int32 array, shape (triangles,)
        -1 for the surface {f = c}; for a cap the domain's side that it lies in.
    polygon : int32 array, shape (triangles,)
        Triangles with one number form a convex polygon: the surface inside one region, or the part
        of a facet. It is cut into triangles from one of its corners.
    sides : dict of int to str
        What the domain's sides are called.
    flat : tuple of int
        Regions on which f = c throughout. They are outside of {f > c}, and no surface.

    Notes
    -----
    Guarantee: a corner is the exact meeting point of three planes, and corners are one vertex where
    they are equal as rationals. So triangles share whole edges, no corner lies inside another
    triangle's edge, and in a closed mesh every edge has an even number of triangles, as many one
    way as the other. This is checked when it is made. What rounding the corners does to very
    small triangles, `rounded_together` tells.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))  # 1 - |x| - |y| - |z|
    >>> mesh = es.enumerate_regions(net, es.Box(-2, 2, dim=3)).surface()
    >>> mesh
    <Mesh of f > 0: 6 vertices, 8 triangles, closed, a manifold>
    >>> mesh.euler, mesh.volume(exact=True)
    (2, Fraction(4, 3))
    """

    def __init__(
        self, what: str, domain: Domain, polygons: Polygons, *, closed: bool,
        sides: dict[int, str], flat: Sequence[int] = (),
    ) -> None:  # fmt: skip
        self.what, self.domain, self.closed = what, domain, closed
        self.sides, self.flat = sides, tuple(flat)
        self._exact, self._paths = list(polygons.vertices), [list(p) for p in polygons.paths]
        rows = np.empty((len(self._exact), 3), dtype=object)
        for i, vertex in enumerate(self._exact):
            rows[i] = vertex
        self.vertices = nearest_floats(rows)
        fans = [[(p[0], a, b) for a, b in pairwise(p[1:])] for p in self._paths]
        self.triangles = np.array([t for fan in fans for t in fan], np.int32).reshape(-1, 3)
        self.polygon = np.repeat(np.arange(len(fans), dtype=np.int32), [len(f) for f in fans])
        self.region = np.array(polygons.region, dtype=np.int32)[self.polygon]
        self.side = np.array(polygons.side, dtype=np.int32)[self.polygon]

    def __len__(self) -> int:
        return len(self.triangles)

    def __repr__(self) -> str:
        parts = [f"{len(self.vertices):,} vertices", f"{len(self):,} triangles"]
        parts.append("closed" if self.is_closed else f"{len(self.border_edges):,} border edges")
        edges, corners = len(self.nonmanifold_edges), len(self.nonmanifold_vertices)
        if self.is_manifold:
            parts.append("a manifold")
        elif edges or corners:
            parts.append(f"{edges:,} edges and {corners:,} vertices where it is no manifold")
        if self.flat:
            parts.append(f"f = c throughout in {len(self.flat):,} of the regions")
        return f"<Mesh of {self.what}: {', '.join(parts)}>"

    def exact(self, vertex: int) -> tuple[Fraction, ...]:
        """A vertex exactly, in the domain's coordinates.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3, 0, 0]], [-1])], (3,))  # the plane x = 1/3
        >>> mesh = es.enumerate_regions(net, es.Box(0, 1, dim=3)).surface(closed=False)
        >>> [str(v) for v in mesh.exact(0)]
        ['1/3', '0', '0']
        """
        return self._exact[vertex]

    def exact_vertices(self) -> np.ndarray:
        """All vertices exactly, shape (vertices, 3): Fractions.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3, 0, 0]], [-1])], (3,))
        >>> mesh = es.enumerate_regions(net, es.Box(0, 1, dim=3)).surface(closed=False)
        >>> set(mesh.exact_vertices()[:, 0].tolist())
        {Fraction(1, 3)}
        """
        out = np.empty((len(self._exact), 3), dtype=object)
        for i, vertex in enumerate(self._exact):
            out[i] = vertex
        return out

    def inputs(self) -> np.ndarray:
        """The vertices as inputs of the network, shape (vertices, D): each number rounded once.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[2, 0, 0, 0]], [-1])], (4,))
        >>> cut = es.Slice([0, 0, 0, 7], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]],
        ...                es.Box(0, 1, dim=3))
        >>> mesh = es.enumerate_regions(net, cut).surface(closed=False)
        >>> mesh.inputs()[0].tolist()
        [0.5, 0.0, 0.0, 7.0]
        """
        out = np.empty((len(self._exact), self.domain.dim), dtype=object)
        for i, vertex in enumerate(self._exact):
            out[i] = self.domain.chart.lift(vertex)
        return nearest_floats(out)

    # --- What it is as a surface -------------------------------------------------------------

    @cached_property
    def edges(self) -> MeshEdges:
        """The edges: ``vertices`` (edges, 2), ``count`` (triangles an edge has), ``of``.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
        >>> mesh = es.enumerate_regions(net, es.Box(-2, 2, dim=3)).surface()
        >>> len(mesh.edges.count), set(mesh.edges.count.tolist())
        (12, {2})
        """
        return edges_of(self.triangles)

    @property
    def border_edges(self) -> np.ndarray:
        """The edges with an odd number of triangles: where a mesh without caps ends.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3, 0, 0]], [-1])], (3,))  # a plane through a cube
        >>> mesh = es.enumerate_regions(net, es.Box(0, 1, dim=3)).surface(closed=False)
        >>> len(mesh.border_edges)
        4
        """
        return np.flatnonzero(self.edges.count % 2)

    @property
    def nonmanifold_edges(self) -> np.ndarray:
        """The edges with more than two triangles.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[1, -1, 0]])], (3,))  # |x| > |y|: two wedges
        >>> mesh = es.enumerate_regions(net, es.Box(-1, 1, dim=3)).surface()
        >>> mesh.edges.vertices[mesh.nonmanifold_edges].shape  # the z axis, in two parts
        (2, 2)
        """
        return np.flatnonzero(self.edges.count > 2)

    @cached_property
    def nonmanifold_vertices(self) -> np.ndarray:
        """The vertices around which the triangles form neither one disc nor half a disc.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, 1]])], (3,))  # |z| > |x| + |y|
        >>> mesh = es.enumerate_regions(net, es.Box(-1, 1, dim=3)).surface()
        >>> mesh.vertices[mesh.nonmanifold_vertices].tolist()  # where two cones meet
        [[0.0, 0.0, 0.0]]
        """
        return odd_vertices(self.triangles, self.edges, len(self.vertices))

    @property
    def is_closed(self) -> bool:
        """Whether every edge has an even number of triangles.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
        >>> omega = es.enumerate_regions(net, es.Box("-1/2", "1/2", dim=3))
        >>> omega.surface().is_closed, omega.surface(closed=False).is_closed
        (True, False)
        """
        return len(self.border_edges) == 0

    @property
    def is_manifold(self) -> bool:
        """Whether it is a closed surface without places where sheets meet.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
        >>> es.enumerate_regions(net, es.Box(-2, 2, dim=3)).surface().is_manifold
        True
        """
        return (
            self.is_closed
            and len(self) > 0
            and len(self.nonmanifold_edges) == 0
            and len(self.nonmanifold_vertices) == 0
        )

    @property
    def euler(self) -> int:
        """Vertices - edges + triangles: 2 for a sphere, 0 for a torus, 2 (1 - g) for genus g.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
        >>> es.enumerate_regions(net, es.Box(-2, 2, dim=3)).surface().euler
        2
        """
        return len(self.vertices) - len(self.edges.count) + len(self)

    @cached_property
    def parts(self) -> np.ndarray:
        """The part of every triangle, shape (triangles,): parts hang together across edges.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[1, 0, 0]], ["-1/2"])], (3,))  # |x| > 1/2
        >>> mesh = es.enumerate_regions(net, es.Box(-1, 1, dim=3)).surface()
        >>> len(set(mesh.parts.tolist())), mesh.euler  # two boxes
        (2, 4)
        """
        return components(self.edges)[1]

    @cached_property
    def rounded_together(self) -> int:
        """How many vertices have the float64 coordinates of another one.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
        >>> es.enumerate_regions(net, es.Box(-2, 2, dim=3)).surface().rounded_together
        0
        """
        if len(self.vertices) == 0:
            return 0
        return len(self.vertices) - len(np.unique(self.vertices, axis=0))

    # --- Sizes -------------------------------------------------------------------------------

    @cached_property
    def _points(self) -> list[Point]:
        return [[q(v) for v in vertex] for vertex in self._exact]

    def area(self, side: int | None = None) -> Measure:
        """The area, in the domain's coordinates: ``value``, and ``error`` as a bound.

        Parameters
        ----------
        side : int, optional
            Of one part only: -1 the surface, 0, 1, ... the caps in that side of the domain.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[2, 0, 0]], [-1])], (3,))  # x > 1/2
        >>> mesh = es.enumerate_regions(net, es.Box(0, 1, dim=3)).surface()
        >>> mesh.area().value, mesh.area(side=-1).value
        (4.0, 1.0)
        """
        chosen = np.unique(self.polygon if side is None else self.polygon[self.side == side])
        return area_of([self._paths[i] for i in chosen.tolist()], self._points)

    @overload
    def volume(self, *, exact: Literal[False] = False) -> Measure: ...
    @overload
    def volume(self, *, exact: Literal[True]) -> Fraction: ...
    def volume(self, *, exact: bool = False) -> Measure | Fraction:
        """The volume of the set that a closed mesh bounds, in the domain's coordinates.

        Parameters
        ----------
        exact : bool
            True gives a Fraction; its digits grow with the number of triangles.

        Returns
        -------
        Measure or Fraction
            A float64 with ``error``, a bound.

        Raises
        ------
        ParameterError
            If the mesh is not closed.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3, 0, 0]], [-1])], (3,))  # x > 1/3
        >>> mesh = es.enumerate_regions(net, es.Box(0, 1, dim=3)).surface()
        >>> mesh.volume(exact=True), round(mesh.volume().value, 12)
        (Fraction(2, 3), 0.666666666667)
        """
        if not self.is_closed:
            raise ParameterError(
                "volume: the mesh is not closed; make it with closed=True, the default, so that "
                "it has caps on the domain's sides"
            )
        triangles = self.triangles.tolist()
        return (
            exact_volume(triangles, self._points) if exact else volume_of(triangles, self._points)
        )

    # --- Files -------------------------------------------------------------------------------

    def save(self, path: PathLike) -> None:
        """Write the mesh to a file; its extension says how.

        Parameters
        ----------
        path : path-like
            Ends in ``.ply`` (binary, float64; the region and the side of every triangle),
            ``.obj`` (text, all digits; a group for the surface and for every cap) or ``.stl``
            (binary; the format has float32 only). An existing file is replaced.

        Raises
        ------
        FormatError
            If the extension is not known, or the file cannot be written.

        Notes
        -----
        The file takes its place when it is whole. Equal meshes give equal files.

        Examples
        --------
        >>> import os, tempfile
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
        >>> mesh = es.enumerate_regions(net, es.Box(-2, 2, dim=3)).surface()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mesh.save(os.path.join(folder, "octahedron.stl"))
        ...     os.path.getsize(os.path.join(folder, "octahedron.stl"))
        484
        """
        in_later_room("Mesh.save", self, path)
