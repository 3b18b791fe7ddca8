"""How far inputs are from other classes, exactly; data sets of the plane at once."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...clock import check as ask_clock
from ...errors import DomainError, ParameterError
from ...mode import guarded
from ...rationals import nearest_float, nearest_floats, to_fraction
from ..common.region_maps import fractions_of
from ..common.watch import watched
from ..registry import exported
from .walls import Distance

if TYPE_CHECKING:
    from ...partition.faces.boundary import DecisionBoundary
    from ...partition.partition import Partition
    from ...polyhedra.lp import Point, Row

__all__ = ["boundary_distances", "class_distance"]

_BLOCK = 1 << 20  # pairs of points and pieces that are compared at once
_ROOM = 2.0**-40  # of the squared size of all coordinates: see `_possible`
_TINY = 1e-290  # more than all that underflow takes


@exported
@guarded
def class_distance(partition: Partition, x: Any, norm: str = "max") -> Distance:
    """How far an input can be moved inside of a domain until another class is chosen, exactly.

    Parameters
    ----------
    partition : Partition
        Complete, of a domain of full dimension that holds x: a small box around x, say.
    x : array_like
    norm : str
        "max", "l1", or "l2" (the exact square).

    Returns
    -------
    Distance
        To the closure of the interiors of the other classes; ``nearest`` a nearest point,
        ``output`` the class there. ``value`` None: no other class has an interior in the domain.

    Raises
    ------
    ShapeError, ParameterError
        If x does not fit, the partition's search was stopped, or its domain is flat or does not
        hold x; for other norms.
    UndecidedError
        For "l2", if a nearest point could not be made exact.

    Notes
    -----
    The class is the lowest index of the largest output; of one output, whether it is positive.
    Ties count where they have an interior; that another class is chosen in a single point, as
    by |x| <= 0, only `exactspline.robust` tells. A region, and in it a class, is a polyhedron: its
    nearest point is an exact linear program, or for "l2" a convex program whose answer is proved
    by its multipliers. What is farther than the nearest one so far is left out by an exact
    feasibility test. Some milliseconds a region.
    `exactspline.robust` gives the same from a statement, without a partition; this is faster
    where a box has few regions.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1]])], (2,))
    >>> omega = es.enumerate_regions(net, es.Box(-2, 2, dim=2))
    >>> [str(class_distance(omega, [1, 0], norm).value) for norm in ("max", "l1", "l2")]
    ['1/2', '1', '1/2']
    """
    from ...partition.partition import Partition
    from ...partition.regions.coordinates import exact_point
    from ...polyhedra.lp import q

    if not isinstance(partition, Partition):
        raise ParameterError(
            f"class_distance: give a Partition, not a {type(partition).__name__}: "
            "enumerate_regions(network, box)"
        )
    if norm not in ("max", "l1", "l2"):
        raise ParameterError(f"class_distance: norm {norm!r}; give 'max', 'l1' or 'l2'")
    network, chart = partition.network, partition.domain.chart
    if not partition.complete:
        raise ParameterError("class_distance: the partition's search was stopped")
    if chart.dim != network.input_dim or not chart.point.is_selection():
        raise ParameterError("class_distance: the domain is flat; give one of full dimension")
    point = [to_fraction(v, "class_distance") for v in exact_point(x, network)]
    at = [q(v) for v in point]
    located = partition.locate([point])
    if located.region[0] < 0:
        raise ParameterError("class_distance: the domain does not hold x; give one that does")
    values = network.forward(np.array(point, dtype=object), exact=True).reshape(-1).tolist()
    own = values.index(max(values)) if len(values) > 1 else int(values[0] > 0)
    others = [c for c in range(max(2, len(values))) if c != own]
    best = _Nearest(at, norm)
    # regions near x first, so that most of the others are left out
    near = np.abs(partition.witnesses - np.array([nearest_float(v) for v in point])).max(axis=1)
    for region in watched(np.argsort(near, kind="stable").tolist(), len(partition), "regions"):
        ask_clock()
        found = partition[region]
        A, b = found.affine(exact=True)
        rows = [condition.row for condition in found._conditions]
        for other in others:
            if len(values) > 1:
                form = [b[other] - b[own], *(A[other] - A[own])]
            else:
                form = [v if other else -v for v in (b[0], *A[0])]
            # where both are equal throughout, the lower one is the class
            best.take(rows, [q(v) for v in form], other, tie=other < own)
    if best.value is None:
        return Distance(None, norm)
    assert best.point is not None
    nearest = tuple(fractions_of(best.point))
    return Distance(fractions_of([best.value])[0], norm, nearest, None, best.output)


class _Nearest:
    """The nearest point so far."""

    def __init__(self, at: Point, norm: str) -> None:
        self.at, self.norm = at, norm
        self.value: Any = None
        self.point: Point | None = None
        self.output: int | None = None

    def take(self, rows: list[Row], form: Row, output: int, *, tie: bool) -> None:
        """Take the part of a region in where a form is positive; with ``tie`` also if it is 0."""
        from ...polyhedra.decide import interior
        from ...polyhedra.lp import ONE, ZERO, value_at

        cell = [*rows, form] if any(form[1:]) else rows
        if len(cell) == len(rows) and (form[0] < 0 or (form[0] == 0 and not tie)):
            return
        if self.value is not None:  # nearer than so far, in the max norm of all of them
            from ...rationals import root_of

            reach = self.value
            if self.norm == "l2":
                reach = _q(root_of(fractions_of([self.value])[0], 60, up=True))
            for j, v in enumerate(self.at):
                unit = [ONE if i == j else ZERO for i in range(len(self.at))]
                cell = [*cell, [reach - v, *unit], [reach + v, *(-u for u in unit)]]
        inside = interior(cell, len(self.at))
        if inside is None:
            return
        found = self._square(cell, inside) if self.norm == "l2" else self._program(cell, inside)
        value, point = found
        assert all(value_at(row, point) >= 0 for row in cell)
        if self.value is None or value < self.value:
            self.value, self.point, self.output = value, point, output

    def _program(self, cell: list[Row], inside: Point) -> tuple[Any, Point]:
        """The nearest point of a cell by an exact linear program, in bounds of the differences."""
        from ...polyhedra.lp import ONE, ZERO, minimise

        k = len(self.at)
        gaps = [abs(a - b) for a, b in zip(inside, self.at, strict=True)]
        extra = 1 if self.norm == "max" else k
        start = [*inside, *([max(gaps)] if extra == 1 else gaps)]
        lifted = [[*row, *([ZERO] * extra)] for row in cell]
        for j, v in enumerate(self.at):
            slot = k + (0 if extra == 1 else j)
            for sign in (ONE, -ONE):  # bound - sign (t_j - x_j) >= 0
                row = [ZERO] * (k + extra)
                row[j], row[slot] = -sign, ONE
                lifted.append([sign * v, *row])
        found = minimise(lifted, [ZERO, *([ZERO] * k), *([ONE] * extra)], start)
        point = list(found.point)[:k]
        return found.value, point

    def _square(self, cell: list[Row], inside: Point) -> tuple[Any, Point]:
        """The same for the Euclidean norm, by a convex program."""
        from ...errors import UndecidedError
        from ...polyhedra.lp import ONE, ZERO
        from ...polyhedra.nearest import nearest_point

        k = len(self.at)
        inputs = [[ZERO, *(ONE if i == j else ZERO for i in range(k))] for j in range(k)]
        point, _ = nearest_point(cell, inputs, self.at, inside)
        if point is None:
            raise UndecidedError(
                "class_distance: the nearest point of a region could not be made exact; take "
                "the norm 'max' or 'l1'"
            )
        value = sum(((a - b) ** 2 for a, b in zip(point, self.at, strict=True)), ZERO)
        return value, point


def _q(value: Fraction) -> Any:
    from ...polyhedra.lp import q

    return q(value)


@exported
@guarded
def boundary_distances(boundary: DecisionBoundary, X: Any) -> tuple[np.ndarray, np.ndarray]:
    """The squared distances of points of the plane to the decision boundary, exactly.

    Parameters
    ----------
    boundary : DecisionBoundary
        Of a partition of a bounded domain in the plane: ``partition.decision_boundary()``.
    X : array_like, shape (n, 2)

    Returns
    -------
    squares : object array of Fraction, shape (n,)
        Exact squares of Euclidean distances to the part of the boundary inside the domain.
    pieces : int64 array, shape (n,)
        The nearest piece of the boundary; the lowest of several.

    Raises
    ------
    DomainError
        If the domain is not a bounded part of the plane itself, or the boundary is empty.
    ParameterError
        If X is no array of finite numbers of shape (n, 2).

    Notes
    -----
    Float64 only leaves out pieces that are farther than the nearest one by more than all
    roundings; the others are compared in rationals. A thousand points and a hundred pieces take
    some tenths of a second. The boundary outside of the domain is not seen: a distance that
    exceeds that to the domain's border may be too large for the boundary in all of the plane. In
    other dimensions, and for other norms: `exactspline.robust`, a point at a time.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]], [-1])], (2,))  # x0 + x1 = 1
    >>> omega = es.enumerate_regions(net, es.Box(0, 1, dim=2))
    >>> squares, pieces = boundary_distances(omega.decision_boundary(), [[0, 0], [1, 1], [1, 0]])
    >>> [str(v) for v in squares]
    ['1/2', '1/2', '0']
    """
    from ...partition.faces.boundary import DecisionBoundary

    if not isinstance(boundary, DecisionBoundary):
        raise ParameterError(
            f"boundary_distances: give a DecisionBoundary, not a {type(boundary).__name__}: "
            "partition.decision_boundary()"
        )
    chart = boundary.partition.domain.chart
    plane = chart.dim == 2 and boundary.partition.domain.dim == 2 and chart.point.is_selection()
    if not plane or (any(v is None for v in (*chart.low, *chart.high)) and len(chart.rows) == 0):
        raise DomainError(
            "boundary_distances: the domain is no bounded part of the plane; give a Box, or ask "
            "exactspline.robust for one point after the other"
        )
    points = np.array(X, dtype=object)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ParameterError(f"boundary_distances: points of shape {points.shape}; give (n, 2)")
    exact = [[to_fraction(v, "boundary_distances") for v in row] for row in points.tolist()]
    segments, owner = _segments(boundary)
    if not segments:
        raise DomainError("boundary_distances: there is no decision boundary in the domain")
    squares = np.empty(len(exact), dtype=object)
    pieces = np.empty(len(exact), dtype=np.int64)
    ends = nearest_floats(np.array(segments, dtype=object))
    near = nearest_floats(np.array(exact, dtype=object).reshape(-1, 2))
    step = max(1, _BLOCK // len(segments))
    for begin in range(0, len(exact), step):
        ask_clock()
        possible = _possible(near[begin : begin + step], ends)
        for i, row in enumerate(possible, begin):
            found = [(_square(exact[i], segments[k]), owner[k]) for k in np.flatnonzero(row)]
            squares[i], pieces[i] = min(found)
    return squares, pieces


Segment = tuple[list[Fraction], list[Fraction]]


def _segments(boundary: DecisionBoundary) -> tuple[list[Segment], list[int]]:
    """The pieces as segments; of a piece with interior its sides, and it whole by a fan."""
    out: list[Segment] = []
    owner: list[int] = []
    for piece in range(len(boundary)):
        if len(boundary.rays(piece)):
            raise DomainError(
                "boundary_distances: the domain is unbounded; give a Box, or ask "
                "exactspline.robust for one point after the other"
            )
        corners = boundary.vertices(piece).tolist()
        if len(corners) > 2:
            raise DomainError(
                f"boundary_distances: piece {piece} has an interior, outputs are equal there; ask "
                "exactspline.robust"
            )
        out.append((corners[0], corners[-1]))
        owner.append(piece)
    return out, owner


def _possible(points: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Which segments may be nearest to which points; bool, shape (points, segments).

    With u = 2^-53 and s the sum of the largest coordinates, gaps and ways are off by 4 u s, their
    own rounding included, so a share is off by e <= 40 u s^2 / |way|^2. Let t be the right share,
    and D = (c - t)^2 - (o - t)^2, c and o the shares clipped to [0, 1]: the square is too large by
    D |way|^2. D <= e^2, and D is 0 or |e| >= |t - o|, while D <= 1 + 2 |t|: so D <= 4 e in all
    cases, at most 160 u s^2. With the rounding of the square itself 200 u s^2 < 2^-45 s^2.
    """
    start, way = ends[:, 0], ends[:, 1] - ends[:, 0]
    length = (way**2).sum(axis=1)
    gap = points[:, None] - start[None]
    with np.errstate(all="ignore"):
        share = (gap * way[None]).sum(axis=2) / length[None]
    share = np.clip(np.where(np.isfinite(share), share, 0.0), 0.0, 1.0)
    squares = ((gap - share[:, :, None] * way[None]) ** 2).sum(axis=2)
    size = np.abs(points).max(initial=0.0) + np.abs(ends).max(initial=0.0)
    least = squares.min(axis=1, keepdims=True)
    with np.errstate(all="ignore"):  # what overflows leaves nothing out
        return np.asarray(~(squares > least + (_ROOM * size * size + _TINY)))


def _square(x: list[Fraction], segment: Segment) -> Fraction:
    """The exact square of the distance to a segment."""
    (a, b), (c, d) = segment
    u, v, p, q = c - a, d - b, x[0] - a, x[1] - b
    length = u * u + v * v
    if length:
        share = min(max((p * u + q * v) / length, Fraction(0)), Fraction(1))
        p, q = p - share * u, q - share * v
    return p * p + q * q
