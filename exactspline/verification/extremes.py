"""The largest value of an expression where a condition holds, or certified bounds on it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..clock import Clock, OutOfTime
from ..statements.atoms import PointAtom
from ..statements.exact import Values, holds_at
from ..statements.guess import guesses
from ..statements.joint import Coordinates, joint_domain
from ..statements.optimum import _objective, largest
from ..statements.quantified import Statement
from .halving import most

__all__ = ["Largest", "largest_of"]

_KEPT = 0.1  # of the time, for bounds if it runs out
_MOST_KEPT = 5.0

Point = tuple[Fraction, ...]


@dataclass(frozen=True)
class Largest:
    """What is known of a largest value.

    Attributes
    ----------
    low, high : Fraction or float
        It is between them: ``low`` is the value at ``at``, or is approached there; both are
        ``-math.inf`` if the condition holds nowhere.
    at : tuple of Fraction, or None
    attained : bool
        Whether ``low`` is the value at a point where the condition holds.
    stopped : str
        Which limit was reached; empty if none.
    regions : int
    """

    low: Fraction | float
    high: Fraction | float
    at: Point | None
    attained: bool
    stopped: str = ""
    regions: int = 0


def largest_of(
    statement: Statement, value: Callable[..., Any], *, limit: int | None = None,
    time_limit: float | None = None, progress: Any = None,
) -> Largest:  # fmt: skip
    """The largest value of an expression of the point of a statement.

    Parameters
    ----------
    statement : Statement
        Of `exists`, about one point.
    value : callable
        Of the symbolic point.
    limit, time_limit, progress : as in `prove`

    Notes
    -----
    Where a limit comes first, the lower bound is the best value that was found, in the search or by
    trying points, each evaluated exactly; the upper one is by boxes (`halving.most`). A tenth of
    the time is kept for it.
    """
    (point,) = statement.points
    form = _objective(statement, value)
    coordinates = Coordinates((point,))
    if coordinates.dim == 0:
        return _at_one_point(statement, point, form)
    kept = 0.0 if time_limit is None else min(_KEPT * time_limit, _MOST_KEPT)
    left = None if time_limit is None else time_limit - kept
    start = time.monotonic()
    found = largest(statement, value, limit, left, progress)
    if not found.stopped or found.optimum == math.inf:
        if found.optimum is None:
            return Largest(-math.inf, -math.inf, None, False, "", found.regions)
        where = found.witness if found.attained else found.limit_point
        return Largest(
            found.optimum, found.optimum, None if found.optimum == math.inf else _one(where),
            bool(found.attained), "", found.regions,
        )  # fmt: skip
    low: Fraction | float = -math.inf if found.optimum is None else found.optimum
    at, attained = _one(found.limit_point), bool(found.attained)
    base = joint_domain(coordinates, [])
    assert base is not None
    for t in guesses(coordinates, base.chart, statement.condition):
        points: dict[PointAtom, Any] = dict(coordinates.split(t))
        if holds_at(statement.condition, points):
            own = Values(points).of(form)
            if own > low:
                low, at, attained = own, tuple(points[point]), True
    clock = Clock()
    if time_limit is not None:
        clock = Clock.limit(max(0.0, time_limit - (time.monotonic() - start)))
    try:
        with clock.running():
            high = most(base, coordinates, form, statement.condition, clock, low)
    except OutOfTime:
        high = math.inf
    return Largest(low, max(low, high), at, attained, found.stopped, found.regions)


def _one(points: Any) -> Point | None:
    """The point of a statement about one."""
    return None if points is None else tuple(points)


def _at_one_point(statement: Statement, point: PointAtom, form: Any) -> Largest:
    """Of a domain of one point."""
    x = tuple(point.domain.chart.lift(()))
    if not holds_at(statement.condition, {point: x}):
        return Largest(-math.inf, -math.inf, None, False)
    value = Values({point: x}).of(form)
    return Largest(value, value, x, True)
