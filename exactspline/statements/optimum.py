"""The largest value of an expression where a condition holds: a linear program a region."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clock import Clock, OutOfTime
from ..domain import Polytope
from ..driver.driver import Driver
from ..driver.request import Request, clock_of
from ..errors import ParameterError, UndecidedError
from ..polyhedra.lp import Point, Row, q, value_at
from ..polyhedra.nearest import nearest_point
from ..rationals import fraction
from .affine import Affine
from .atoms import points_of
from .conditions import Condition, Literal, conjunction, literals_of
from .exact import holds_at
from .faces import Cells, as_fractions
from .finding import applications, float_point, shown
from .goals import goal_of
from .joint import Joint
from .quantified import Statement
from .search import Sought
from .terms import Term, as_term, check_plain
from .verdict import Verdict
from .watch import Found, Watch

if TYPE_CHECKING:
    from ..compile.forms import Forms
    from ..search.decisions import Batch

__all__ = ["Best", "largest", "nearest", "objective_of", "root_above", "rows_of"]

_FIRST = 4  # regions before a search begins anew in a smaller box
_DIGITS = 1 << 64


def largest(
    statement: Statement, maximise: Any, limit: int | None, time_limit: float | None,
    progress: Any,
) -> Verdict:  # fmt: skip
    """See `find`."""
    if statement.inside_only:
        raise ParameterError(
            "find(maximise=...): slopes and codes have no closed set to maximise over; compare "
            "values of points alone"
        )
    start, clock = time.perf_counter(), clock_of(time_limit)
    objective = objective_of(statement, maximise)
    sought = Sought(statement.points, statement.sought)
    best = Best(sought, objective, clock)
    try:
        best.search(limit, progress)
    except OutOfTime:
        sought.stopped = sought.stopped or "time limit"
    return _of_best(statement, sought, best, start)


def _of_best(statement: Statement, sought: Sought, best: Best, start: float) -> Verdict:
    out = Verdict(
        statement, None, regions=sought.regions, decisions=sought.decisions,
        vacuous=sought.vacuous, method=sought.method, stopped=sought.stopped,
    )  # fmt: skip
    if best.found is not None:
        out.holds = True  # a limit may have hidden larger values: `stopped` says so
        out.witness = shown(statement, best.found)
        out.applied = applications(statement, best.found)
        if best.attained or best.exact_sup:
            out.float_point = float_point(statement, sought, best.found)
        out.optimum, out.attained = best.value, best.attained
        if best.at is not None:
            out.limit_point = shown(statement, best.at)
        if sought.stopped:
            out.notes = ("a limit was reached: larger values are possible",)
    elif not sought.stopped:
        out.holds = False
    out.seconds = time.perf_counter() - start
    return out


def nearest(
    statement: Statement, at: Sequence[Fraction], *, limit: int | None = None,
    time_limit: float | None = None, progress: Any = None,
) -> Verdict:  # fmt: skip
    """The point nearest to another one where a condition holds, in the Euclidean norm.

    Parameters
    ----------
    statement : Statement
        Of `exists`, about one point.
    at : sequence of Fraction
        The other point.

    Returns
    -------
    Verdict
        ``optimum`` is the square of the distance to the closure of the set, ``witness`` a nearest
        point of the closure, ``attained`` whether the condition holds there.

    Raises
    ------
    UndecidedError
        If the nearest point of a region could not be made exact.
    """
    start, clock = time.perf_counter(), clock_of(time_limit)
    sought = Sought(statement.points, statement.sought)
    best = _Nearest(sought, at, clock)
    try:
        best.search(limit, progress)
    except OutOfTime:
        sought.stopped = sought.stopped or "time limit"
    return _of_best(statement, sought, best, start)


def objective_of(statement: Statement, maximise: Any) -> Any:
    """The form of a function of the points, one number.

    Raises
    ------
    ParameterError
    """
    if not callable(maximise):
        raise ParameterError("maximise: give a function of the points, lambda x: f(x)[0]")
    points = statement.points
    terms = [Term([Affine.entry(p, i) for i in range(p.size)], (p.size,)) for p in points]
    value = as_term(maximise(*terms), "maximise")
    if value.size != 1:
        raise ParameterError(f"maximise: a value of shape {value.shape}; give one number")
    check_plain(value._entries, "maximise")
    foreign = [p.name for p in points_of(list(value._entries)) if p not in points]
    if foreign:
        raise ParameterError(f"maximise: uses {', '.join(foreign)} of another statement")
    return value._entries[0]


class Best:
    """The best so far.

    Attributes
    ----------
    found : Found or None
        A point that satisfies the condition, where the value is attained if it is.
    value : Fraction or float
    attained : bool
    """

    def __init__(self, sought: Sought, objective: Any, clock: Clock) -> None:
        self.sought, self.objective, self.clock = sought, objective, clock
        self.found: Found | None = None
        self.value: Fraction | float | None = None
        self.attained = False
        self.at: Found | None = None  # where it is attained or approached
        self.exact_sup = True  # the point found satisfies the condition

    def search(self, limit: int | None, progress: Any) -> None:
        """Go through all regions."""
        if not self.sought.premises():
            return
        sought = self.sought
        assert sought.domain is not None
        sought.method = "by searching regions, a linear program each"
        literals = literals_of(sought.rest)
        near = sought.near(literals)
        both = [*literals, *(Literal(less, "<=") for less in near.values())]
        self.joint = Joint(sought.coordinates, both, objective=self.objective)
        self.cells = Cells(self.joint, sought.domain)
        self.watch = Watch(sought, self.joint, self.cells, self.clock, False, near)
        goal = goal_of(self.joint, sought.rest, self.watch.near, points=False) if both else None
        driver = Driver(
            Request(
                self.joint.network, sought.domain, limit, goal=goal, program=self.joint.program
            ),
            self.clock,
        )  # fmt: skip
        for _ in sought.driven(driver, self.of_batch, progress):
            pass

    def of_batch(self, batch: Batch) -> Iterator[Found]:
        """Take the regions of a batch in; yields nothing, as none decides."""
        positive = self.joint.positive(batch.codes)
        some = self.watch.possible(positive)
        for i in np.flatnonzero(some).tolist():
            at = batch.exact.get(i) or tuple(Fraction(v) for v in batch.points[i].tolist())
            with self.clock.running():
                self._region(batch.codes[i], tuple(at), positive[i])
        yield from ()

    def _region(self, code: np.ndarray, at: tuple[Fraction, ...], positive: np.ndarray) -> None:
        cell, goal = self.cells.cell(code, at), self.cells.objective(code)
        for cube in self.watch.alternatives(positive):
            zero, strict = self.watch.needed(cube, positive)
            equal = [self.cells.compared(code, c) for c in zero]
            above = [self.cells.compared(code, c) for c in strict]
            inside: Point | None = cell.inside
            if zero:
                inside = cell.point(equal, above)
            if inside is None:
                continue
            top = cell.largest(goal, equal, inside)
            if top.value is None:
                self._take(math.inf, False, inside, code, at)
                self.at = None
                return
            value = fraction(-top.value)
            if self.value is not None and (value < self.value or (
                value == self.value and self.attained
            )):  # fmt: skip
                continue
            self._reached(cell, goal, value, equal, above, inside, code, at, top.point)

    def _reached(
        self, cell: Any, goal: Row, value: Fraction, equal: list[Row], above: list[Row],
        inside: Point, code: np.ndarray, at: tuple[Fraction, ...], top: Point,
    ) -> None:  # fmt: skip
        """Whether a largest value is one at a point where the strict comparisons hold."""
        level = list(goal)
        level[0] = level[0] - q(value)
        assert value_at(level, inside) <= 0
        point: Point | None = top
        if any(value_at(row, top) <= 0 for row in above):
            point = cell.point([*equal, level], above)
        if point is not None:
            self._take(value, True, point, code, at)
            self.at = self.found
        elif self.value is None or value > self.value:
            self._take(value, False, inside, code, at)
            highest = as_fractions(top)
            self.at = Found(highest, self.sought.points_at(highest), at, code)

    def _take(
        self, value: Fraction | float, attained: bool, point: Point, code: np.ndarray,
        at: tuple[Fraction, ...],
    ) -> None:  # fmt: skip
        self.value, self.attained = value, attained
        self.found = self.sought.checked(as_fractions(point), code, at)


class _Again(Exception):  # noqa: N818
    """To begin anew in a smaller box."""


class _Nearest(Best):
    """The nearest point so far: ``value`` is the square of its distance.

    What is farther than it in one coordinate is left out: after some regions, twice as many each
    time, the search begins anew in a smaller box.
    """

    def __init__(self, sought: Sought, at: Sequence[Fraction], clock: Clock) -> None:
        super().__init__(sought, None, clock)
        self.goal = [q(v) for v in at]
        self.exact_sup = False
        self._whole, self._left, self._better = sought.condition, 0, False

    def search(self, limit: int | None, progress: Any) -> None:
        """Go through all regions that may be nearer."""
        budget, sought = _FIRST, self.sought
        while True:
            self._left, self._better = budget, False
            try:
                super().search(None if limit is None else limit - sought.regions, progress)
            except _Again:
                budget *= 2
                if limit is not None and sought.regions >= limit:
                    sought.stopped = "limit"
                    return
                sought.condition = self._nearer()
                continue
            return

    def _nearer(self) -> Condition:
        """The condition in the box that holds all that is not farther than the best."""
        assert self.value is not None
        (point,) = self.sought.points
        reach, sides = root_above(Fraction(self.value)), []
        for i, centre in enumerate(self.goal):
            form = Affine.entry(point, i).plus(Affine(fraction(centre)), Fraction(-1))
            sides += [
                Literal.of(one.plus(Affine(reach), Fraction(-1)), "<=")
                for one in (form, form.times(Fraction(-1)))
            ]  # fmt: skip
        return conjunction([self._whole, *sides])

    def _region(self, code: np.ndarray, at: tuple[Fraction, ...], positive: np.ndarray) -> None:
        cell = self.cells.cell(code, at)
        for cube in self.watch.alternatives(positive):
            zero, strict = self.watch.needed(cube, positive)
            equal = [self.cells.compared(code, c) for c in zero]
            above = [self.cells.compared(code, c) for c in strict]
            if zero and cell.point(equal, above) is None:
                continue
            self._project(cell.rows, equal, cell.inside, code, at)
        self._left -= 1
        if self._better and self._left <= 0:
            raise _Again

    def _project(
        self, rows: list[Row], equal: list[Row], inside: Point, code: np.ndarray,
        at: tuple[Fraction, ...],
    ) -> None:  # fmt: skip
        """Take the nearest point of a closed polyhedron in."""
        assert self.sought.domain is not None
        inputs = rows_of(self.sought.domain.chart.point)
        lift: list[Row] | None = None
        if equal:
            flat = Polytope(*_inequalities([*rows, *equal, *([-v for v in r] for r in equal)]))
            chart = flat.chart
            if chart.dim == 0:
                self._near([q(v) for v in chart.lift(())], code, at)
                return
            lift = rows_of(chart.point)
            inputs = [_after(row, lift) for row in inputs]
            rows = [_after(row, lift) for row in rows]
            rows = [row for row in rows if any(row[1:])]
            inside = [q(v) for v in chart.interior]
        exact, _ = nearest_point(rows, inputs, self.goal, inside)
        if exact is None:
            raise UndecidedError(
                "robust: the nearest point of a region could not be made exact; take the norm "
                "'max' or 'l1'"
            )
        self._near([value_at(row, exact) for row in lift] if lift else exact, code, at)

    def _near(self, point: Point, code: np.ndarray, at: tuple[Fraction, ...]) -> None:
        assert self.sought.domain is not None
        inputs = rows_of(self.sought.domain.chart.point)
        gap = [value_at(row, point) - v for row, v in zip(inputs, self.goal, strict=True)]
        value = fraction(sum((v * v for v in gap), q(0)))
        points = self.sought.points_at(as_fractions(point))
        attained = holds_at(self.sought.condition, points)
        if self.value is None or value < self.value or (value == self.value and attained):
            self._better = self._better or value != self.value
            self.value, self.attained = value, attained
            self.found = self.at = Found(as_fractions(point), points, at, code)


def root_above(square: Fraction) -> Fraction:
    """A number of few digits whose square is not less."""
    root = Fraction(math.isqrt(square.numerator * _DIGITS**2 // square.denominator) + 1, _DIGITS)
    assert root * root >= square
    return root


def rows_of(forms: Forms) -> list[Row]:
    """Exact forms as rows."""
    out = []
    for i in range(len(forms)):
        indices, data, const = forms.row(i)
        row = [q(const)] + [q(0)] * forms.width
        for j, v in zip(indices.tolist(), data.tolist(), strict=True):
            row[1 + int(j)] = q(Fraction(v))
        out.append(row)
    return out


def _after(row: Row, inner: Sequence[Row]) -> Row:
    """A row of values that are rows themselves."""
    out = [q(0)] * len(inner[0])
    out[0] = row[0]
    for c, own in zip(row[1:], inner, strict=True):
        if c:
            out = [a + c * b for a, b in zip(out, own, strict=True)]
    return out


def _inequalities(rows: Sequence[Row]) -> tuple[np.ndarray, list[Fraction]]:
    """Rows >= 0 as G x <= h."""
    matrix = np.array([[-fraction(v) for v in row[1:]] for row in rows], dtype=object)
    return matrix, [fraction(row[0]) for row in rows]
