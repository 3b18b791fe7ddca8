"""The largest value of an expression where a condition holds, or certified bounds on it.

With a value v in hand that is reached, only regions in which the expression exceeds v somewhere can
have more. That is one more comparison, so the search itself tells these regions apart, and only
they are asked for a linear program. After some of them, twice as many each time, it begins anew
with the value that is the best by then; boxes on which bounds exclude more than that are left out.
When no region is left, the value is the largest one. Where there are limits, searches for regions
that exceed it by far come first: they are short, and what they prove is an upper bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clock import Clock, OutOfTime
from ..driver.driver import Driver
from ..driver.request import Request, clock_of
from ..errors import ExactSplineError, ParameterError
from ..rationals import nearest_float
from ..statements.affine import Affine
from ..statements.atoms import PointAtom
from ..statements.climbing import highest
from ..statements.conditions import Condition, Literal, conjunction, literals_of
from ..statements.exact import Values, float_values, holds_at
from ..statements.faces import Cells
from ..statements.goals import goal_of
from ..statements.guess import is_in, lifted
from ..statements.joint import Coordinates, Joint, joint_domain
from ..statements.optimum import Best, objective_of
from ..statements.prove import find
from ..statements.pruning import undecided
from ..statements.quantified import Statement
from ..statements.search import Sought
from ..statements.watch import Found, Watch
from .halving import most

if TYPE_CHECKING:
    from ..search.decisions import Batch

__all__ = ["Largest", "largest_of"]

_KEPT = 0.1  # of the time, for bounds if it runs out
_MOST_KEPT = 5.0
_FIRST = 4  # linear programs before it begins anew

_NONE = Fraction(0)

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
    attained : bool or None
        Whether ``low`` is the value at a point where the condition holds; None if the time for that
        was over.
    stopped : str
        Which limit was reached; empty if none.
    regions : int
        That were looked at, those of all searches together.
    """

    low: Fraction | float
    high: Fraction | float
    at: Point | None
    attained: bool | None
    stopped: str = ""
    regions: int = 0


class _Again(Exception):  # noqa: N818
    """To begin anew with a better value, or to end with one that nothing exceeds."""


class _Climb(Best):
    """The largest value, by searches for regions that exceed the best so far."""

    objective: Affine
    slack = Fraction(0)
    level: Fraction | None = None  # what regions must exceed
    ceiling: Fraction | float = math.inf  # proved: nothing is larger

    def climb(self, limit: int | None, progress: Any) -> None:
        """Go on until no region has more, or a limit is reached."""
        sought = self.sought
        if not sought.premises():
            return
        self._guess()
        budget = _FIRST
        slacks = self._slacks() if limit is not None or self.clock.deadline is not None else [_NONE]
        while not sought.stopped:
            self.slack = slacks[0]
            self.left, self.better = budget, False
            if limit is not None and sought.regions >= limit:
                sought.stopped = "limit"
                return
            try:
                self._round(None if limit is None else limit - sought.regions, progress)
            except _Again:
                if self.value == math.inf:
                    return
                budget *= 2
                continue
            if sought.stopped:
                return
            if self.value is not None and self.level is not None:
                self.ceiling = min(self.ceiling, max(self.level, self.value))
            if len(slacks) == 1 or self.value == self.ceiling:
                return
            slacks.pop(0)

    def _slacks(self) -> list[Fraction]:
        """By how much more than the best is asked for, at first: bounds come early then."""
        if self.value is None:
            return [_NONE]
        size = Fraction(nearest_float(abs(Fraction(self.value)))) or Fraction(1)
        return [*(size * Fraction(4) ** k for k in (3, 1, -1, -3)), _NONE]

    def _guess(self) -> None:
        """The best of some points, by floats; the best of them exactly."""
        sought = self.sought
        assert sought.domain is not None
        chart = sought.domain.chart
        points = highest(sought.coordinates, chart, self.objective, sought.condition, self.clock)
        for at in [*points, tuple(chart.interior)]:
            own: dict[PointAtom, Any] = dict(sought.points_at(at))
            if is_in(chart, list(at)) and holds_at(sought.condition, own):
                self.value, self.attained = Values(own).of(self.objective), True
                self.found = self.at = Found(at, own, at, None)
                return

    def _round(self, limit: int | None, progress: Any) -> None:
        sought = self.sought
        assert sought.domain is not None
        literals = literals_of(sought.rest)
        near = sought.near(literals)
        wanted = [*literals, *(Literal(less, "<=") for less in near.values())]
        self.more: Affine | None = None
        condition: Condition = sought.rest
        self.level = None
        if self.value is not None:
            self.level = Fraction(self.value) + self.slack
            self.more = self.objective.plus(Affine(self.level), Fraction(-1))
            if not self.more.terms:
                return  # a number
            above = Literal(self.more.times(Fraction(-1)), "<")
            wanted.append(above)
            condition = conjunction([condition, above])
        self.joint = Joint(sought.coordinates, wanted, objective=self.objective)
        with self.clock.running():
            boxes = undecided(self.joint, sought.domain, condition)
        if boxes.domain is None:
            return
        self.cells = Cells(self.joint, boxes.domain)
        self.watch = Watch(sought, self.joint, self.cells, self.clock, False, near)
        goal = goal_of(self.joint, condition, self.watch.near, points=False) if wanted else None
        request = Request(
            self.joint.network, boxes.domain, limit, goal=goal, program=self.joint.program
        )
        driver = Driver(request, self.clock)
        for _ in sought.driven(driver, self.of_batch, progress):
            pass

    @np.errstate(all="ignore")
    def _ordered(self, batch: Batch, some: np.ndarray) -> list[int]:
        """Regions whose points have the largest values first, by floats."""
        sought = self.sought
        if len(some) < 2:
            return [int(i) for i in some]
        assert sought.domain is not None
        points = lifted(sought.coordinates, sought.domain.chart, batch.points[some])
        try:
            (values,) = float_values([self.objective], points)
        except (OverflowError, ValueError, ArithmeticError, ExactSplineError):
            return [int(i) for i in some]
        order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
        return [int(i) for i in some[order]]

    def of_batch(self, batch: Batch) -> Iterator[Any]:
        """Take the regions of a batch in that may have more."""
        positive = self.joint.positive(batch.codes)
        some = self.watch.possible(positive)
        if self.more is not None:
            some = some & positive[:, self.joint.columns[self.more]]
        for i in self._ordered(batch, np.flatnonzero(some)):
            at = tuple(batch.exact.get(i) or (Fraction(v) for v in batch.points[i].tolist()))
            before = self.value
            with self.clock.running():
                self._region(batch.codes[i], at, positive[i])
            self.left -= 1
            self.better = self.better or self.value != before
            if self.value == math.inf or (self.better and self.left <= 0):
                raise _Again
        yield from ()


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

    Raises
    ------
    ParameterError
        If the statement compares slopes or codes.

    Notes
    -----
    Where a limit comes first, the lower bound is the best value that was found, in the search or by
    trying points, each evaluated exactly; the upper one is by boxes (`halving.most`). A tenth of
    the time is kept for it.
    """
    (point,) = statement.points
    if statement.inside_only:
        raise ParameterError(
            "slopes and codes have no closed set to maximise over; compare values of points alone"
        )
    form = objective_of(statement, value)
    coordinates = Coordinates((point,))
    if coordinates.dim == 0:
        return _at_one_point(statement, point, form)
    kept = 0.0 if time_limit is None else min(_KEPT * time_limit, _MOST_KEPT)
    start = time.monotonic()
    clock = clock_of(None if time_limit is None else time_limit - kept)
    sought = Sought(statement.points, statement.sought)
    best = _Climb(sought, form, clock)
    try:
        best.climb(limit, progress)
    except OutOfTime:
        sought.stopped = sought.stopped or "time limit"
    if best.value == math.inf:
        return Largest(math.inf, math.inf, None, False, "", sought.regions)
    low: Fraction | float = -math.inf if best.value is None else best.value
    attained: bool | None = best.attained
    at = None if best.at is None else best.at.points[point]
    left = None if time_limit is None else max(0.0, time_limit - (time.monotonic() - start))
    if sought.stopped:
        high = min(best.ceiling, _bound(sought, form, low, Clock.limit(left)))
        return Largest(low, max(low, high), at, attained, sought.stopped, sought.regions)
    if best.value is not None and not attained:  # other regions may attain it
        attained, at = _attained(statement, form, best.value, left, at)
    return Largest(low, low, at, attained, "", sought.regions)


def _bound(sought: Sought, form: Affine, low: Fraction | float, clock: Clock) -> Fraction | float:
    """A number that is not exceeded."""
    domain = sought.domain
    if domain is None or domain.chart.dim < sought.coordinates.dim:
        domain = joint_domain(sought.coordinates, [])
        assert domain is not None
    try:
        with clock.running():
            return most(domain, sought.coordinates, form, sought.condition, clock, low)
    except OutOfTime:
        return math.inf


def _attained(
    statement: Statement, form: Affine, value: Fraction | float, left: float | None,
    at: Point | None,
) -> tuple[bool | None, Point | None]:  # fmt: skip
    """Whether a value that is approached is one at another point, and where."""
    reached = Literal.of(form.plus(Affine(Fraction(value)), Fraction(-1)), "==")
    both = Statement(False, statement.points, conjunction([statement.condition, reached]))
    found = find(both, time_limit=left)
    if found.holds:
        assert found.witness is not None
        return True, tuple(found.witness)  # type: ignore[arg-type]
    return (None if found.holds is None else False), at


def _at_one_point(statement: Statement, point: PointAtom, form: Affine) -> Largest:
    """Of a domain of one point."""
    x = tuple(point.domain.chart.lift(()))
    if not holds_at(statement.condition, {point: x}):
        return Largest(-math.inf, -math.inf, None, False)
    value = Values({point: x}).of(form)
    return Largest(value, value, x, True)
