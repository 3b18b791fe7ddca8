"""The edges of a complex, and its half-edges, in columns."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...mode import guarded
from ...rationals import fractions

if TYPE_CHECKING:
    from .geometry import Geometry

__all__ = ["ComplexEdges", "HalfEdges"]


@guarded
class ComplexEdges:
    """The edges of a complex: segments, rays and whole lines between corners.

    Attributes
    ----------
    right : int32 array, shape (edges,)
        The face on the right; -1 in the domain's border.
    unit : int32 array, shape (edges,)
        The first unit of the code that changes across the edge; -1 in the border.

    Notes
    -----
    An edge leads from ``tail`` to ``head`` with the face ``left``, the lower one of the two, on
    its left.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [1, 1]]), es.ReLU()], (2,))
    >>> c = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).complex()
    >>> len(c.edges), len(c.interior_edges)
    (10, 4)
    >>> inner = c.interior_edges
    >>> sorted(zip(c.edges.left[inner].tolist(), c.edges.right[inner].tolist()))
    [(0, 1), (0, 2), (1, 3), (2, 3)]
    >>> sorted(c.edges.unit[inner].tolist())
    [0, 0, 1, 1]
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        columns = geometry.columns
        self.right = columns.right
        self._half, self._form = columns.half, columns.form
        self.unit = columns.unit

    def __len__(self) -> int:
        return len(self.right)

    def __repr__(self) -> str:
        return f"<{len(self):,} edges>"

    @property
    def left(self) -> np.ndarray:
        """The face on the left, the lower one of the two; shape (edges,).

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
        >>> sorted(zip(c.edges.left.tolist(), c.edges.right.tolist()))
        [(0, 1), (0, 2), (1, 3), (2, 3)]
        """
        start = self._geometry.columns.start
        return (np.searchsorted(start, self._half, side="right") - 1).astype(np.int32)

    @property
    def tail(self) -> np.ndarray:
        """The corner where each edge begins, shape (edges,); -1 - i: the ideal corner i.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
        >>> sorted(max(pair) for pair in zip(c.edges.tail.tolist(), c.edges.head.tolist()))
        [0, 0, 0, 0]
        """
        return self._geometry.columns.origin[self._half]

    @property
    def head(self) -> np.ndarray:
        """The corner where each edge ends, shape (edges,); -1 - i: the ideal corner i.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0]]), es.ReLU()], (2,))
        >>> c = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).complex()
        >>> inner = int(c.interior_edges[0])
        >>> c.corners.xy[[c.edges.tail[inner], c.edges.head[inner]]].tolist()  # region 0 is left
        [[0.0, -1.0], [0.0, 1.0]]
        """
        return self._geometry.columns.origin[self._geometry.next[self._half]]

    @property
    def bounded(self) -> np.ndarray:
        """Whether each is a segment, shape (edges,).

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
        >>> c.edges.bounded.tolist()  # four rays
        [False, False, False, False]
        """
        return (self.tail >= 0) & (self.head >= 0)

    @property
    def layer(self) -> np.ndarray:
        """The layer whose units bend there, shape (edges,); -1 in the border.

        Several units may bend on an edge, and in several layers: this is the one of ``unit``.

        Examples
        --------
        >>> import exactspline as es
        >>> fold = [es.Dense([[1]], [-1]), es.Abs()]
        >>> net = es.Network([es.Dense([[1, 1]]), *fold * 2, es.Dense([[1]])], (2,))
        >>> c = es.enumerate_regions(net, es.Box(-3, 3, dim=2)).complex()
        >>> c.edges.layer[c.interior_edges].tolist()
        [1, 0, 1]
        """
        starts = self._geometry.partition.network.program.unit_start
        return np.where(self.unit < 0, -1, np.searchsorted(starts, self.unit, side="right") - 1)

    def units(self, edge: int) -> tuple[tuple[int, int], ...]:
        """The units whose piece changes across an edge, each with the piece on the right.

        Empty in the domain's border.

        Raises
        ------
        IndexError
            If there is no such edge.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 1], [2, 2]]), es.ReLU()], (2,))  # one line
        >>> c = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).complex()
        >>> c.edges.units(c.interior_edges[0])
        ((0, 1), (1, 1))
        """
        self._check(edge)
        right = int(self.right[edge])
        if right < 0:
            return ()
        partition = self._geometry.partition
        here = partition.code(self._geometry.sides.face(int(self._half[edge])))
        there = partition.code(right)
        return tuple((int(u), int(there[u])) for u in np.flatnonzero(here != there))

    def side(self, edge: int) -> int | None:
        """The side of the domain that an edge lies in: `Partition.side` describes it.

        None for an interior edge.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(1, 2, dim=2))
        >>> c = omega.complex()
        >>> sorted(omega.side(c.edges.side(edge)) for edge in c.border_edges)
        ['x[0] <= 2', 'x[0] >= 1', 'x[1] <= 2', 'x[1] >= 1']
        """
        self._check(edge)
        return int(self._form[edge]) if self.unit[edge] < 0 else None

    def line(self, edge: int) -> tuple[Fraction, Fraction, Fraction]:
        """The edge's line (c, a, b), exactly: c + a x + b y is 0 there, and > 0 on the left.

        Raises
        ------
        IndexError
            If there is no such edge.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3, 4]], [5]), es.ReLU()], (2,))
        >>> c = es.enumerate_regions(net, es.Box(-3, 3, dim=2)).complex()
        >>> [int(v) for v in c.edges.line(c.interior_edges[0])]  # the unit is off on the left
        [-5, -3, -4]
        """
        self._check(edge)
        c, a, b = fractions(self._geometry.sides.line(int(edge)))
        return c, a, b

    def _check(self, edge: int) -> None:
        if not 0 <= edge < len(self):
            raise IndexError(f"edge {edge} of {len(self):,}")


@guarded
class HalfEdges:
    """The sides of all faces, face by face and counterclockwise: links to walk along.

    Attributes
    ----------
    start : int64 array, shape (faces + 1,)
        Those of face i are ``start[i]`` to ``start[i + 1] - 1``.
    origin : int32 array, shape (half-edges,)
        The corner where each begins; -1 - i: the ideal corner i.
    twin : int32 array, shape (half-edges,)
        The other half of its edge; -1 in the domain's border.
    edge : int32 array, shape (half-edges,)
        Which edge it is a half of; -1: an arc of the line at infinity.

    Examples
    --------
    Around a corner, from face to face:

    >>> import exactspline as es
    >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
    >>> links = c.half_edges
    >>> h = links.origin.tolist().index(0)
    >>> seen = []
    >>> for _ in range(4):
    ...     seen.append(int(links.face[h]))
    ...     h = links.next[links.twin[h]]
    >>> sorted(seen)
    [0, 1, 2, 3]
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        columns = geometry.columns
        self.start, self.origin = columns.start, columns.origin
        self.twin, self.edge = columns.twin, columns.edge

    def __len__(self) -> int:
        return len(self.twin)

    def __repr__(self) -> str:
        return f"<{len(self):,} half-edges>"

    @property
    def next(self) -> np.ndarray:
        """The next half-edge of the same face, shape (half-edges,).

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(1, 2, dim=2))
        >>> omega.complex().half_edges.next.tolist()
        [1, 2, 3, 0]
        """
        return self._geometry.next

    @property
    def face(self) -> np.ndarray:
        """Whose half-edge each is, shape (half-edges,).

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2))
        >>> omega.complex().half_edges.face.tolist()
        [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
        """
        return np.repeat(np.arange(len(self.start) - 1, dtype=np.int32), np.diff(self.start))
