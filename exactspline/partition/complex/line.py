"""The complex of a line: of one-dimensional domains, and where all regions hold parallel lines."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...cells.forms import ExactForms
from ...mode import guarded
from ...rationals import fraction, nearest_float
from .matching import refuse
from .source import space_characteristic

if TYPE_CHECKING:
    from ...cells.space import SearchSpace
    from ...polyhedra.lp import Row
    from ..graph.adjacent import AdjacentRegions

__all__ = ["LineComplex", "LineCorners", "LineEdges", "line_complex"]


@guarded
class LineCorners:
    """The points that cut a line, from the least to the greatest.

    Attributes
    ----------
    unit : int64 array, shape (corners,)
        The first unit of the code that changes there; -1 at an end of the domain.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> corners = es.enumerate_regions(net, es.Box([-2], [2])).complex().corners
    >>> corners.x.tolist(), corners.unit.tolist()
    ([-2.0, 0.0, 1.0, 2.0], [-1, 0, 1, -1])
    """

    def __init__(
        self, unit: np.ndarray, exact: Callable[[int], Fraction], order: np.ndarray
    ) -> None:
        self.unit = unit
        self._exact, self._order = exact, order

    @cached_property
    def x(self) -> np.ndarray:
        """The corners in float64, rounded once; computed exactly when first asked for.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3]], [-1]), es.ReLU()], (1,))
        >>> es.enumerate_regions(net).complex().corners.x.round(4).tolist()
        [0.3333]
        """
        out = np.empty(len(self))
        for i in self._order.tolist():
            out[i] = nearest_float(self._exact(i))
        return out

    def __len__(self) -> int:
        return len(self.unit)

    def __repr__(self) -> str:
        return f"<{len(self):,} corners of a line>"

    def exact(self, corner: int) -> Fraction:
        """A corner exactly.

        Raises
        ------
        IndexError
            If there is no such corner.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3]], [-1]), es.ReLU()], (1,))
        >>> es.enumerate_regions(net).complex().corners.exact(0)
        Fraction(1, 3)
        """
        if not 0 <= corner < len(self):
            raise IndexError(f"corner {corner} of {len(self):,}")
        return self._exact(corner)


@guarded
class LineEdges:
    """The intervals of a line, one a region of the partition, with its number.

    Attributes
    ----------
    tail, head : int32 arrays, shape (edges,)
        The corners at the lower and the upper end; -1 where there is none.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[-1]]), es.ReLU()], (1,))
    >>> edges = es.enumerate_regions(net).complex().edges  # region 0 is x > 0
    >>> edges.tail.tolist(), edges.head.tolist()
    ([0, -1], [-1, 0])
    """

    def __init__(self, tail: np.ndarray, head: np.ndarray, corners: LineCorners) -> None:
        self.tail, self.head, self._corners = tail, head, corners

    def __len__(self) -> int:
        return len(self.tail)

    def __repr__(self) -> str:
        return f"<{len(self):,} edges of a line>"

    def length(self, edge: int) -> Fraction | float:
        """The length of an interval, exactly; ``math.inf`` if unbounded.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3]], [-1]), es.ReLU()], (1,))
        >>> edges = es.enumerate_regions(net, es.Box([0], [float("inf")])).complex().edges
        >>> edges.length(0), edges.length(1)
        (Fraction(1, 3), inf)
        """
        if not 0 <= edge < len(self):
            raise IndexError(f"edge {edge} of {len(self):,}")
        tail, head = int(self.tail[edge]), int(self.head[edge])
        if tail < 0 or head < 0:
            return float("inf")
        return self._corners.exact(head) - self._corners.exact(tail)


@guarded
class LineComplex:
    """A line cut by points; made by `Partition.complex`.

    That is the complex of a one-dimensional domain. It is made of a domain of more dimensions,
    too, where all regions hold whole lines, or planes, of the same directions: then it is that of
    a line across them (``reduced``).

    Attributes
    ----------
    dimension : int
        1.
    corners : LineCorners
    edges : LineEdges
        One a region.
    faces : tuple
        None: a line has no faces.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1], [1, 1]], [0, -1]), es.ReLU()], (2,))
    >>> c = es.enumerate_regions(net).complex()  # three parts of the plane between parallels
    >>> c.dimension, c.reduced, len(c.corners), len(c.edges), c.euler()
    (1, True, 2, 3, -1)
    """

    dimension = 1

    def __init__(self, space: SearchSpace, corners: LineCorners, edges: LineEdges) -> None:
        self._space = space
        self.corners, self.edges = corners, edges
        self.faces: tuple[()] = ()

    def __repr__(self) -> str:
        of = "a line across the regions" if self.reduced else "a line"
        return f"<Complex of {of}: {len(self.corners):,} corners and {len(self.edges):,} edges>"

    @property
    def interior_edges(self) -> np.ndarray:
        """The edges inside the domain, as indices: all of them.

        Examples
        --------
        >>> import exactspline as es
        >>> len(es.enumerate_regions(es.Network([es.ReLU()], (1,))).complex().interior_edges)
        2
        """
        return np.arange(len(self.edges))

    def euler(self) -> int:
        """Corners - edges: 1 for a segment, 0 for half a line, -1 for a whole one.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (1,)), es.Box([-1], [1]))
        >>> omega.complex().euler()
        1
        """
        return len(self.corners) - len(self.edges)

    @property
    def coordinates(self) -> np.ndarray:
        """Which of the domain's coordinates the complex has: one.

        Examples
        --------
        >>> import exactspline as es
        >>> es.enumerate_regions(es.Network([es.ReLU()], (1,))).complex().coordinates.tolist()
        [0]
        """
        return self._space.columns

    @property
    def reduced(self) -> bool:
        """Whether the domain has further coordinates, along which nothing changes.

        Examples
        --------
        >>> import exactspline as es
        >>> es.enumerate_regions(es.Network([es.ReLU()], (1,))).complex().reduced
        False
        """
        return self._space.chart.dim > 1


def line_complex(partition: AdjacentRegions, space: SearchSpace) -> LineComplex:
    """The complex of a partition over a space of one dimension."""
    edges, n = partition.edges, len(partition)
    forms = ExactForms(partition.network.program, space)
    path, between = _path(edges.source, edges.target, n)

    def zero(edge: int) -> tuple[Fraction, bool]:
        """Where an edge is, and whether its target lies above."""
        code = partition.code(int(edges.source[edge])).astype(np.int64)
        at, rising = _zero(forms.form(*edges.form_of(edge), code))
        return at, rising != (edges.sign[edge] > 0)

    if len(between) and zero(int(between[0]))[1] != (path[1] == edges.target[between[0]]):
        path, between = path[::-1], between[::-1]
    bounds = [_zero(row) for row in forms.domain_rows]
    low = sorted(at for at, rising in bounds if rising)[-1:]  # the ends of the domain, if any
    high = sorted(at for at, rising in bounds if not rising)[:1]
    skip = len(low)

    def exact(corner: int) -> Fraction:
        inner = corner - skip
        if inner < 0:
            return low[0]
        return zero(int(between[inner]))[0] if inner < len(between) else high[0]

    unit = [-1] * skip + edges.unit[between].tolist() + [-1] * len(high)
    order = np.argsort([-1] * skip + between.tolist() + [-1] * len(high), kind="stable")
    corners = LineCorners(np.array(unit, dtype=np.int64), exact, order)
    tail, head = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.int32)
    tail[path] = np.arange(n) - 1 + skip  # -1 without a lower end
    head[path] = np.arange(n) + skip
    if not high:
        head[path[-1]] = -1
    found = LineComplex(space, corners, LineEdges(tail, head, corners))
    expected = space_characteristic(space)
    if found.euler() != expected:
        refuse(f"corners - edges is {found.euler()}, and must be {expected}")
    return found


def _path(source: np.ndarray, target: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The regions of a line from one end to the other, and the edges between them."""
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for e, (a, b) in enumerate(zip(source.tolist(), target.tolist(), strict=True)):
        neighbours[a].append((b, e))
        neighbours[b].append((a, e))
    at = next((i for i, found in enumerate(neighbours) if len(found) < 2), 0)
    path: list[int] = [at]
    between: list[int] = []
    while True:
        on = [pair for pair in neighbours[path[-1]] if pair[1] not in between[-1:]]
        if not on or len(path) > n:
            break
        path.append(on[0][0])
        between.append(on[0][1])
    if len(path) != n or len(source) != n - 1:
        refuse("the regions of a line are no path")
    return np.array(path), np.array(between, dtype=np.int64)


def _zero(row: Row) -> tuple[Fraction, bool]:
    """Where a form of one coordinate vanishes, and whether it increases."""
    return fraction(-row[0] / row[1]), bool(row[1] > 0)
