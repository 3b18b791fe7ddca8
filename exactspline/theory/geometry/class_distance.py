"""How far points of the plane are from the decision boundary, exactly, for whole data sets."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...clock import check as ask_clock
from ...errors import DomainError, ParameterError
from ...mode import guarded
from ...rationals import nearest_floats, to_fraction
from ..registry import exported

if TYPE_CHECKING:
    from ...partition.faces.boundary import DecisionBoundary

__all__ = ["boundary_distances"]

_BLOCK = 1 << 20  # pairs of points and pieces that are compared at once
_ROOM = 1e-12  # of the squared size of all coordinates: far above what float64 may be off


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
    """Which segments may be nearest to which points; bool, shape (points, segments)."""
    start, way = ends[:, 0], ends[:, 1] - ends[:, 0]
    length = (way**2).sum(axis=1)
    gap = points[:, None] - start[None]
    with np.errstate(all="ignore"):
        share = (gap * way[None]).sum(axis=2) / length[None]
    share = np.clip(np.where(np.isfinite(share), share, 0.0), 0.0, 1.0)
    squares = ((gap - share[:, :, None] * way[None]) ** 2).sum(axis=2)
    size = np.abs(points).max(initial=0.0) + np.abs(ends).max(initial=0.0)
    least = squares.min(axis=1, keepdims=True)
    # a wrong share is as good as a right one up to its square: the distance is least there
    return np.asarray(~(squares > least + _ROOM * size * size))


def _square(x: list[Fraction], segment: Segment) -> Fraction:
    """The exact square of the distance to a segment."""
    (a, b), (c, d) = segment
    u, v, p, q = c - a, d - b, x[0] - a, x[1] - b
    length = u * u + v * v
    if length:
        share = min(max((p * u + q * v) / length, Fraction(0)), Fraction(1))
        p, q = p - share * u, q - share * v
    return p * p + q * q
