"""Exact verdicts on cells in boxes with many coordinates and few other constraints.

Bounds of single coordinates are no rows here: a simplex dictionary has one row a constraint
and one column a coordinate, so that a step costs O(rows * d) rational operations, however
many bounds there are. The cell need not be bounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import flint

from ..clock import check
from .decide import Bounds, Verdict, by_descent, points_around
from .effort import expect_solution
from .linear import solved
from .lp import ONE, ZERO, Point, Row, along, value_at

__all__ = ["basic_multipliers", "decide_in_box", "least_by_duality"]

SHORT = ONE - flint.fmpq(1, 2**20)


def basic_multipliers(
    rows: Sequence[Row], form: Row, tight: Sequence[int], between: Sequence[int]
) -> list[flint.fmpq] | None:
    """Multipliers of the rows ``tight`` that agree with a form in the coordinates ``between``.

    Returns
    -------
    list of fmpq or None
        None if the system is not square or singular; their signs are not checked.
    """
    if len(tight) != len(between):
        return None
    entries = [[rows[i][c + 1] for i in tight] for c in between]
    expect_solution(entries)
    return solved(flint.fmpq_mat(entries), [form[c + 1] for c in between])


def least_by_duality(
    rows: Sequence[Row],
    low: Bounds,
    high: Bounds,
    form: Row,
    chosen: Sequence[int],
    multipliers: Sequence[flint.fmpq],
) -> flint.fmpq | None:
    """A lower bound of a form on {rows >= 0, low <= x <= high} by weak duality; None if none.

    The form minus the chosen rows times their multipliers is bounded over the box. The bound
    holds whatever the multipliers are; a negative one gives none.
    """
    rest = list(form)
    for i, z in zip(chosen, multipliers, strict=True):
        if z < 0:
            return None
        if z != 0:
            check()
            rest = [a - z * b if b else a for a, b in zip(rest, rows[i], strict=True)]
    total = rest[0]
    for c, slope in enumerate(rest[1:]):
        if slope != 0:
            end = low[c] if slope > 0 else high[c]
            if end is None:
                return None
            total = total + slope * end
    return total


def decide_in_box(
    rows: Sequence[Row],
    low: Bounds,
    high: Bounds,
    form: Row,
    inside: Point,
    near: Point | None = None,
) -> Verdict:
    """Decide exactly whether a form changes sign on the interior of a cell.

    Parameters
    ----------
    rows : sequence of rows
        The cell is {rows >= 0, low <= x <= high}, full-dimensional.
    low, high : sequences of fmpq or None
        None: that side is open.
    form : row
    inside : point
        Strictly inside all rows and bounds.
    near : point, optional
        A guess where the form comes nearest to the other sign: steps saved if it is good.

    Returns
    -------
    Verdict
        As `decide` gives it.
    """

    def descent(oriented: Row) -> tuple[Point, Point | None] | None:
        start = inside
        if near is not None:  # short of it: the guess may be outside by a rounding error
            trial = along(inside, near, SHORT)
            if value_at(oriented, trial) < value_at(oriented, inside) and _contains(
                rows, low, high, trial
            ):
                start = trial
        least, point, ray = _Dictionary(rows, low, high, oriented, start).minimise()
        return None if ray is None and least >= 0 else (point, ray)

    return by_descent(form, inside, lambda: points_around(rows, form, inside, low, high), descent)


def _contains(rows: Sequence[Row], low: Bounds, high: Bounds, point: Point) -> bool:
    return all(
        (a is None or x >= a) and (b is None or x <= b)
        for x, a, b in zip(point, low, high, strict=True)
    ) and all(value_at(row, point) >= 0 for row in rows)


class _Dictionary:
    """Bounded simplex: basic variables as affine functions of the nonbasic ones.

    Variables 0 .. d-1 are the coordinates, d + i is the slack of row i. It starts at any
    feasible point: nonbasic coordinates need not be at a bound there. One that has moved is
    at a bound or basic ever after; when patience is over, Bland's rule applies: it is finite.
    """

    def __init__(
        self, rows: Sequence[Row], low: Bounds, high: Bounds, objective: Row, start: Point
    ) -> None:
        d, m = len(start), len(rows)
        self.d = d
        self.low = [*low, *([ZERO] * m)]
        self.high = [*high, *([None] * m)]
        self.value = [*start, *(value_at(row, start) for row in rows)]
        self.column = list(range(d))  # the nonbasic variable of every column
        self.owner = list(range(d, d + m))  # the basic variable of every row
        self.table = [list(row[1:]) for row in rows]  # derivatives by the nonbasic ones
        self.cost = list(objective[1:])
        self.total = value_at(objective, start)

    def minimise(self) -> tuple[flint.fmpq, Point, Point | None]:
        """A value below 0 or the minimum, where it is taken, and a ray if unbounded."""
        # once through the coordinates, those that promise most first: most only move to a bound
        for j in sorted(range(self.d), key=self._promise):
            check()
            if self.total >= 0 and self._improves(j) != 0:
                ray = self._move(j)
                if ray is not None:
                    return self.total, self.value[: self.d], ray
        patience = 20 * (len(self.owner) + 1)
        while self.total >= 0:
            able = [j for j in range(self.d) if self._improves(j) != 0]
            if not able:
                break
            check()
            patience -= 1
            best = min(able, key=self._promise if patience > 0 else self.column.__getitem__)
            ray = self._move(best)
            if ray is not None:
                return self.total, self.value[: self.d], ray
        return self.total, self.value[: self.d], None

    def _promise(self, j: int) -> float:
        """About how much the variable of column j changes the objective within its bounds."""
        low, high = self.low[self.column[j]], self.high[self.column[j]]
        reach = ONE if low is None or high is None else high - low
        change = abs(self.cost[j] * reach)
        try:
            return -(int(change.p) / int(change.q))
        except OverflowError:
            return float("-inf")

    def _improves(self, j: int) -> int:
        """The direction in which the variable of column j lowers the objective, or 0."""
        slope = self.cost[j]
        if slope == 0:
            return 0
        end = (self.low if slope > 0 else self.high)[self.column[j]]
        if end is not None and end == self.value[self.column[j]]:
            return 0
        return -1 if slope > 0 else 1

    def _room(self, variable: int, rate: flint.fmpq) -> flint.fmpq | None:
        """How far a variable can change at a rate before a bound stops it."""
        if rate == 0:
            return None
        end = (self.low if rate < 0 else self.high)[variable]
        return None if end is None else (end - self.value[variable]) / rate

    def _move(self, j: int) -> Point | None:
        """Move the variable of column j until something blocks; a ray if nothing does."""
        entering, direction = self.column[j], self._improves(j)
        step, leaving = self._room(entering, ONE * direction), -1
        first = entering
        for i, variable in enumerate(self.owner):
            room = self._room(variable, self.table[i][j] * direction)
            if room is None:
                continue
            if step is None or room < step or (room == step and variable < first):
                step, leaving, first = room, i, variable
        if step is None:
            ray = [ZERO] * (self.d + len(self.owner))
            ray[entering] = ONE * direction
            for i, variable in enumerate(self.owner):
                ray[variable] = self.table[i][j] * direction
            return ray[: self.d]
        if step != 0:
            change = step * direction
            self.value[entering] = self.value[entering] + change
            for i, variable in enumerate(self.owner):
                if self.table[i][j]:
                    self.value[variable] = self.value[variable] + self.table[i][j] * change
            self.total = self.total + self.cost[j] * change
        if leaving >= 0:
            self._pivot(leaving, j)
        return None

    def _pivot(self, i: int, j: int) -> None:
        """Exchange the basic variable of row i with the nonbasic one of column j."""
        source = self.table[i]
        pivot = source[j]
        others = [(c, v) for c, v in enumerate(source) if v and c != j]
        for row in (*self.table, self.cost):
            if row is source or row[j] == 0:
                continue
            check()
            factor = row[j] / pivot
            for c, v in others:
                row[c] = row[c] - factor * v
            row[j] = factor
        for c, v in others:
            source[c] = -v / pivot
        source[j] = ONE / pivot
        self.owner[i], self.column[j] = self.column[j], self.owner[i]
