"""A complex with faces merged: areas that need not be convex, with their borders and holes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ParameterError, ShapeError
from ...mode import guarded
from ..graph.linear import RegionGroups
from ..pieces.layers import LayerPartition
from .geometry import turns

if TYPE_CHECKING:
    from .geometry import Geometry

__all__ = ["Subdivision", "SubdivisionEdges", "subdivision"]


@guarded
@dataclass(frozen=True)
class SubdivisionEdges:
    """The edges between areas: longest straight ones that pass by no corner.

    Attributes
    ----------
    tail, head : int32 arrays, shape (edges,)
        Corners of the complex; -1 - i: the ideal corner i.
    left, right : int64 arrays, shape (edges,)
        The areas on either side, the lower one on the left; -1 beyond the domain's border.
    unit : int32 array, shape (edges,)
        The first unit of the code that changes; -1 in the border.

    Examples
    --------
    >>> import exactspline as es
    >>> omega = es.enumerate_regions(
    ...     es.Network([es.ReLU(), es.Dense([[1, 1]], [-1]), es.ReLU()], (2,)), es.Box(-1, 2, dim=2)
    ... )
    >>> edges = omega.after_layer(1).edges
    >>> sorted(zip(edges.left.tolist(), edges.right.tolist()))[-4:]
    [(2, -1), (2, 3), (3, -1), (3, -1)]
    """

    tail: np.ndarray
    head: np.ndarray
    left: np.ndarray
    right: np.ndarray
    unit: np.ndarray

    def __len__(self) -> int:
        return len(self.tail)

    def __repr__(self) -> str:
        return f"<{len(self):,} edges>"


@guarded
class Subdivision:
    """The faces of a complex in groups, each group an area.

    Made by `Complex.merged`, `Complex.linear_regions` and `Partition.after_layer`.

    Attributes
    ----------
    labels : int64 array, shape (faces,)
        The area of every face.

    Notes
    -----
    An area is the union of its faces. It need not be convex and may have holes; where the faces
    of a group are not connected by edges it has several parts. A corner of the complex is left
    where an area's border bends, or where more than two edges meet.

    Examples
    --------
    A square with a hole:

    >>> import exactspline as es
    >>> rows = [[1, 0], [1, 0], [0, 1], [0, 1]]
    >>> net = es.Network([es.Dense(rows, [-1, 1, -1, 1]), es.ReLU()], (2,))
    >>> c = es.enumerate_regions(net, es.Box(-2, 2, dim=2)).complex()
    >>> ring = c.merged([0, 0, 0, 0, 1, 0, 0, 0, 0])
    >>> [len(loop) for loop in ring.outer(0)], [len(loop) for loop in ring.holes(0)]
    ([4], [4])
    >>> ring.area(0), ring.area(1), ring.is_convex(0), ring.is_convex(1)
    (Fraction(12, 1), Fraction(4, 1), False, True)
    """

    def __init__(self, geometry: Geometry, labels: np.ndarray, count: int) -> None:
        self._geometry, self._count = geometry, count
        self.labels = labels

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<Subdivision of {len(self):,} areas from {len(self.labels):,} faces>"

    def faces(self, area: int) -> np.ndarray:
        """The faces of the complex that an area consists of, increasing.

        Raises
        ------
        IndexError
            If there is no such area.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
        >>> c.merged([0, 1, 0, 1]).faces(1).tolist()
        [1, 3]
        """
        self._check(area)
        order, ends = self._by_area
        return order[ends[area] : ends[area + 1]]

    def area(self, area: int) -> Fraction | float:
        """The area of one, exactly; ``math.inf`` if unbounded.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
        >>> c.merged([0, 1, 0, 1]).area(1)
        Fraction(2, 1)
        """
        from .faces import ComplexFaces

        faces = ComplexFaces(self._geometry)
        total: Fraction | float = Fraction(0)
        for face in self.faces(area).tolist():
            total = total + faces[face].area()
            if total == math.inf:
                break
        return total

    def outer(self, area: int) -> list[np.ndarray]:
        """The outer border of an area: one closed path a part, counterclockwise.

        Returns
        -------
        list of int32 arrays
            Corners of the complex; -1 - i: the ideal corner i. Empty where a part has no outer
            border, as the plane less a bounded set.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
        >>> (border,) = c.merged([0, 1, 0, 1]).outer(1)
        >>> sorted(c.corners.xy[border].tolist())
        [[-1.0, 0.0], [-1.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        """
        return self._loops(area)[0]

    def holes(self, area: int) -> list[np.ndarray]:
        """The borders of an area's holes, clockwise, as `outer` gives them.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
        >>> c.merged([0, 1, 0, 1]).holes(1)
        []
        """
        return self._loops(area)[1]

    def loops(self, area: int) -> list[np.ndarray]:
        """The closed paths that border an area: `outer`, then `holes`.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
        >>> [loop.tolist() for loop in c.merged([0, 0, 0, 0]).loops(0)]  # the plane has no border
        [[]]
        """
        found = self._loops(area)
        return [*found[0], *found[1]]

    def is_convex(self, area: int) -> bool:
        """Whether an area is convex, decided exactly.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
        >>> [c.merged([0, 0, 0, 1]).is_convex(i) for i in range(2)]
        [False, True]
        """
        # one part, bent to one side wherever it bends
        paths, sides = self._paths(area), self._geometry.sides
        if len(self.outer(area)) != 1 or self.holes(area):
            return False
        for path in paths:
            for h, after in zip(path, [*path[1:], *path[:1]], strict=True):
                if self._geometry.columns.origin[after] < 0:
                    continue
                a, b = sides.row(h), sides.row(after)
                turn = a[1] * b[2] - a[2] * b[1]
                # straight on, or straight back
                if turn < 0 or (turn == 0 and a[1] * b[1] + a[2] * b[2] < 0):
                    return False
        return True

    @property
    def corners(self) -> np.ndarray:
        """The corners of the complex that are left, as indices.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
        >>> len(c.corners), len(c.merged([0, 1, 0, 1]).corners)
        (9, 6)
        """
        return np.flatnonzero(self._left_over)

    @cached_property
    def edges(self) -> SubdivisionEdges:
        """The edges between areas, and in the domain's border.

        Examples
        --------
        >>> import exactspline as es
        >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)).complex()
        >>> len(c.edges), len(c.merged([0, 1, 0, 1]).edges)
        (12, 7)
        """
        columns, succ = self._geometry.columns, self._successor
        begins = self._kept & (columns.edge >= 0)
        begins &= (columns.origin < 0) | self._is_left(columns.origin)
        area = self._area_of_half
        other = np.where(columns.twin >= 0, area[columns.twin], -1)
        first = np.flatnonzero(begins & ((other < 0) | (area < other)))
        last = first.copy()
        while True:
            behind = succ[last]
            corner = columns.origin[behind]
            on = (corner >= 0) & ~self._is_left(corner)
            if not on.any():
                break
            last[on] = behind[on]
        return SubdivisionEdges(
            columns.origin[first], columns.origin[self._geometry.next[last]], area[first],
            other[first], columns.unit[columns.edge[first]],
        )  # fmt: skip

    # --- How it is found ---------------------------------------------------------------------

    def _check(self, area: int) -> None:
        if not 0 <= area < len(self):
            raise IndexError(f"area {area} of {len(self):,}")

    @cached_property
    def _by_area(self) -> tuple[np.ndarray, np.ndarray]:
        ends = np.cumsum(np.bincount(self.labels, minlength=len(self)))
        return np.argsort(self.labels, kind="stable"), np.concatenate([[0], ends])

    @cached_property
    def _area_of_half(self) -> np.ndarray:
        return np.repeat(self.labels, np.diff(self._geometry.columns.start))

    @cached_property
    def _kept(self) -> np.ndarray:
        """Whether a half-edge has another area on its other side, or none."""
        twin, area = self._geometry.columns.twin, self._area_of_half
        return (twin < 0) | (area != area[twin])

    @cached_property
    def _successor(self) -> np.ndarray:
        """Of half-edges that are kept, the next one of the area: the first around its corner."""
        twin, after, kept = self._geometry.columns.twin, self._geometry.next, self._kept
        out = after.copy()
        open_ = np.flatnonzero(kept & ~kept[out])
        while len(open_):
            out[open_] = after[twin[out[open_]]]
            open_ = open_[~kept[out[open_]]]
        return out

    @cached_property
    def _left_over(self) -> np.ndarray:
        """Whether a corner of the complex is a corner of some area's border."""
        columns, succ = self._geometry.columns, self._successor
        halves = np.flatnonzero(self._kept & (columns.edge >= 0))
        if len(columns.xy) == 0:
            return np.zeros(1, dtype=bool)
        once = halves[(columns.half[columns.edge[halves]] == halves)]
        ends = np.concatenate([columns.origin[once], columns.origin[self._geometry.next[once]]])
        degree = np.bincount(ends[ends >= 0], minlength=len(columns.xy))
        left = degree > 0
        at = columns.origin[succ[halves]]
        two = halves[(at >= 0) & (degree[np.maximum(at, 0)] == 2)]
        # each such corner is passed on both sides, in the border on one
        _, some = np.unique(columns.origin[succ[two]], return_index=True)
        two = two[some]
        left[columns.origin[succ[two]][self._straight(two, succ[two])]] = False
        return left

    def _straight(self, before: np.ndarray, behind: np.ndarray) -> np.ndarray:
        """Whether half-edges and those that follow them, past no other, are on one line."""
        geometry, columns = self._geometry, self._geometry.columns
        one, other = columns.edge[before], columns.edge[behind]
        start = geometry.partition.network.program.form_start
        same = columns.form[one] == columns.form[other]
        out = same & (columns.unit[one] < 0)  # one side of the domain
        # one form of a layer, with one code of the layers before
        layer = np.searchsorted(start, columns.form[one], side="right") - 1
        faces = [
            np.searchsorted(columns.start, columns.half[edge], side="right") - 1
            for edge in (one, other)
        ]
        unit, _, _ = geometry.partition._codes.first_differences(*faces)
        first = geometry.partition.network.program.unit_start[layer]
        out |= same & (columns.unit[one] >= 0) & ((unit < 0) | (unit >= first))
        open_ = ~out & (columns.unit[one] >= 0)
        open_[open_] = ~self._bent(before[open_], behind[open_])
        for i in np.flatnonzero(open_).tolist():
            a, b = geometry.sides.line(int(one[i])), geometry.sides.line(int(other[i]))
            out[i] = a[1] * b[2] == a[2] * b[1]
        return out

    def _bent(self, before: np.ndarray, behind: np.ndarray) -> np.ndarray:
        """Whether the floats of the corners prove a bend; False of rays."""
        columns, after = self._geometry.columns, self._geometry.next
        ends = columns.origin[before], columns.origin[behind], columns.origin[after[behind]]
        near = np.minimum(ends[0], ends[2]) >= 0
        a, b, c = (columns.xy[np.maximum(end, 0)] for end in ends)
        error = np.max([columns.error[np.maximum(end, 0)] for end in ends], axis=0)
        return near & (turns(a, b, c, error) != 0)

    def _is_left(self, corners: np.ndarray) -> np.ndarray:
        """Whether corners are corners of some area's border; False of ideal ones."""
        return (corners >= 0) & self._left_over[np.maximum(corners, 0)]

    def _paths(self, area: int) -> list[list[int]]:
        """The closed paths of half-edges around an area."""
        geometry, succ = self._geometry, self._successor
        mine = [h for face in self.faces(area).tolist() for h in geometry.halves(face)]
        open_ = {h for h in mine if self._kept[h]}
        out = []
        for h in mine:
            if h not in open_:
                continue
            path = []
            while h in open_:
                open_.remove(h)
                path.append(h)
                h = int(succ[h])
            out.append(path)
        return out

    def _loops(self, area: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The outer borders and the holes of an area."""
        from ...polyhedra.planar import moments

        self._check(area)
        columns, sides = self._geometry.columns, self._geometry.sides
        outer, holes = [], []
        for path in self._paths(area):
            edges, corners = columns.edge[path], columns.origin[path]
            far = (edges >= 0) | (np.roll(edges, 1) >= 0)  # not amid the line at infinity
            bends = np.where(corners >= 0, self._is_left(corners), far)
            loop = corners[bends]
            if (
                np.any(corners < 0)
                or moments([sides.corner(int(columns.at[i])) for i in loop.tolist()])[0] > 0
            ):  # a path to infinity and back
                outer.append(loop)
            else:
                holes.append(loop)
        if not outer:  # the plane
            outer.append(np.zeros(0, dtype=np.int32))
        return outer, holes


def subdivision(geometry: Geometry, groups: Any) -> Subdivision:
    """The faces of a complex in groups; see `Complex.merged`."""
    given = groups
    if isinstance(groups, RegionGroups):
        given = groups.labels
    elif isinstance(groups, LayerPartition):
        given = groups.parent
    labels, n = np.asarray(given), len(geometry.columns.start) - 1
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise ShapeError(
            f"merged: groups of shape {labels.shape} and type {labels.dtype}; give {n:,} whole "
            "numbers, one a face"
        )
    labels = labels.astype(np.int64)
    count = int(labels.max(initial=-1)) + 1
    if labels.min(initial=0) < 0 or count > n or not np.all(np.bincount(labels, minlength=count)):
        raise ParameterError(
            "merged: groups are numbered 0, 1, 2, ..., and each has a face; "
            "numpy.unique(groups, return_inverse=True)[1] numbers them so"
        )
    return Subdivision(geometry, labels, count)
