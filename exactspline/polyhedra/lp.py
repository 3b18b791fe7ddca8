"""Exact linear programming: a simplex dictionary in rationals, Bland's rule, free variables.

The dictionary starts at any point that satisfies all constraints (it need not be a vertex):
the coordinates are free nonbasic variables there, and each enters at most once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import flint

from ..clock import check
from ..rationals import fraction, nearest_float

__all__ = [
    "Optimum",
    "along",
    "crossing",
    "feasible_point",
    "float_of",
    "interior_point",
    "minimise",
    "q",
    "qrow",
    "value_at",
]

Row = list[flint.fmpq]  # constant first, then one coefficient per coordinate
Point = list[flint.fmpq]
ZERO = flint.fmpq(0)
ONE = flint.fmpq(1)


def q(value: Fraction | int | float | flint.fmpq) -> flint.fmpq:
    """A flint rational."""
    if isinstance(value, flint.fmpq):
        return value
    if isinstance(value, float):
        return flint.fmpq(*value.as_integer_ratio())
    return flint.fmpq(value.numerator, value.denominator)


def qrow(constant: Fraction | float, coefficients: Sequence[Fraction | float]) -> Row:
    """An affine form as a row."""
    return [q(constant), *(q(c) for c in coefficients)]


def value_at(row: Row, point: Sequence[flint.fmpq]) -> flint.fmpq:
    """The value of an affine form at a point."""
    total = row[0]
    for c, x in zip(row[1:], point, strict=True):
        if c:
            total = total + c * x
    return total


def along(a: Sequence[flint.fmpq], b: Sequence[flint.fmpq], share: flint.fmpq) -> Point:
    """The point that a share of the way from a to b leads to."""
    return [x + share * (y - x) for x, y in zip(a, b, strict=True)]


def crossing(row: Row, a: Sequence[flint.fmpq], b: Sequence[flint.fmpq]) -> Point:
    """Where a form vanishes between two points at which it has different values."""
    here, there = value_at(row, a), value_at(row, b)
    return along(a, b, here / (here - there))


def float_of(value: flint.fmpq) -> float:
    """The float64 nearest to a flint rational; the largest ones beyond the range."""
    return nearest_float(fraction(value))


@dataclass(frozen=True)
class Optimum:
    """What a minimisation found.

    Attributes
    ----------
    value : fmpq or None
        The minimum; None if unbounded below.
    point : list of fmpq
        Where it is attained, or a point from which ``ray`` decreases without end.
    ray : list of fmpq or None
        A direction of unbounded decrease.
    basis : list of int
        The constraints that are tight by the dictionary (fewer than d if free directions
        are left).
    """

    value: flint.fmpq | None
    point: list[flint.fmpq]
    ray: list[flint.fmpq] | None
    basis: list[int]


def minimise(
    constraints: Sequence[Row],
    objective: Row,
    start: Sequence[flint.fmpq],
    *,
    stop_below: flint.fmpq | None = None,
) -> Optimum:
    """Minimise an affine form over {x : row(x) >= 0 for all rows}.

    Parameters
    ----------
    constraints, objective : rows
    start : list of fmpq
        A point that satisfies every constraint.
    stop_below : fmpq, optional
        Stop at the first vertex with a smaller value; ``value`` is then that value.

    Raises
    ------
    ValueError
        If ``start`` violates a constraint.

    Notes
    -----
    Bland's rule: finite for every input. Cost O(rows * d) rational operations a pivot.
    Like every loop of this module it asks the clock: see ``clock.check``.
    """
    d = len(start)
    table = _dictionary(constraints, start)
    if any(row[0] < 0 for row in table[d:]):
        raise ValueError("the start violates a constraint")
    table.append([value_at(objective, start), *objective[1:]])
    column_of = [-1] * d  # -1: still a free coordinate; else the constraint that is nonbasic
    basic = [True] * len(constraints)
    while True:
        check()
        cost = table[-1]
        if stop_below is not None and cost[0] < stop_below:
            break
        entering, direction = _entering(cost, column_of)
        if entering < 0:
            break
        leaving = _leaving(table, d, basic, entering, direction)
        if leaving < 0:
            ray = [table[j][entering] * direction for j in range(d)]
            return Optimum(None, [table[j][0] for j in range(d)], ray, _tight(column_of))
        _pivot(table, d + leaving, entering)
        if column_of[entering - 1] >= 0:
            basic[column_of[entering - 1]] = True
            # the row of the leaving slack now belongs to the entering one
            table[d + leaving], table[d + column_of[entering - 1]] = (
                table[d + column_of[entering - 1]],
                table[d + leaving],
            )
        column_of[entering - 1] = leaving
        basic[leaving] = False
    return Optimum(table[-1][0], [table[j][0] for j in range(d)], None, _tight(column_of))


def _dictionary(constraints: Sequence[Row], start: Sequence[flint.fmpq]) -> list[Row]:
    """Rows 0 .. d-1 for the coordinates, then the slacks of the constraints, over the steps."""
    d = len(start)
    table: list[Row] = []
    for j in range(d):
        row = [ZERO] * (d + 1)
        row[0], row[j + 1] = start[j], ONE
        table.append(row)
    for constraint in constraints:
        check()
        table.append([value_at(constraint, start), *constraint[1:]])
    return table


def _tight(column_of: list[int]) -> list[int]:
    return [c for c in column_of if c >= 0]


def _entering(cost: Row, column_of: list[int]) -> tuple[int, int]:
    """Column that improves and its direction; free coordinates first, then Bland."""
    best, best_id = -1, -1
    for k, owner in enumerate(column_of):
        c = cost[k + 1]
        if owner < 0:
            if c != 0:
                return k + 1, -1 if c > 0 else 1
        elif c < 0 and (best < 0 or owner < best_id):
            best, best_id = k + 1, owner
    return best, 1


def _leaving(table: list[Row], d: int, basic: list[bool], entering: int, direction: int) -> int:
    """The first constraint that blocks (Bland on ties); -1 if none does."""
    best, best_step = -1, ZERO
    for i, is_basic in enumerate(basic):
        if not is_basic:
            continue
        rate = table[d + i][entering] * direction
        if rate < 0:
            step = table[d + i][0] / -rate
            if best < 0 or step < best_step:
                best, best_step = i, step
    return best


def _pivot(table: list[Row], row: int, column: int) -> None:
    """Exchange the basic variable of ``row`` with the nonbasic one of ``column``.

    Afterwards ``row`` holds the entering variable. If that was a free coordinate, the row is
    void (the coordinate's own row 0 .. d-1 says where it is).
    """
    source = table[row]
    pivot = source[column]
    for k, other in enumerate(table):
        if k == row:
            continue
        factor = other[column]
        if factor == 0:
            continue
        check()
        factor = factor / pivot
        for c, value in enumerate(source):
            if c != column and value:
                other[c] = other[c] - factor * value
        other[column] = factor
    table[row] = [-v / pivot for v in source]
    table[row][column] = ONE / pivot


def feasible_point(constraints: Sequence[Row], d: int) -> list[flint.fmpq] | None:
    """A point with every row >= 0, or None if there is none (both exact)."""
    start = [ZERO] * d
    worst = min((value_at(row, start) for row in constraints), default=ZERO)
    if worst >= 0:
        return start
    # one more variable t >= 0 that relaxes all rows alike
    relaxed = [[*row, ONE] for row in constraints]
    relaxed.append([ZERO] * (d + 1) + [ONE])
    objective = [ZERO] * (d + 1) + [ONE]
    best = minimise(relaxed, objective, [*start, -worst])
    if best.value is None or best.value > 0:
        return None
    return best.point[:d]


def interior_point(constraints: Sequence[Row], d: int) -> tuple[list[flint.fmpq], list[int]] | None:
    """A point in the relative interior, and the rows that vanish on the whole set.

    Returns
    -------
    (point, equalities) or None
        None if the set is empty. Rows not named are strictly positive at the point.
    """
    start = feasible_point(constraints, d)
    if start is None:
        return None
    points = [start]
    equalities = []
    for i, row in enumerate(constraints):
        check()
        if any(value_at(row, p) > 0 for p in points):
            continue
        top = minimise(constraints, [-c for c in row], start, stop_below=ZERO)
        if top.ray is not None:
            points.append([x + y for x, y in zip(top.point, top.ray, strict=True)])
        elif top.value is not None and top.value < 0:
            points.append(top.point)
        else:
            equalities.append(i)
    share = flint.fmpq(1, len(points))
    centre = [sum((p[j] for p in points), ZERO) * share for j in range(d)]
    return centre, equalities


def vertex(
    constraints: Sequence[Row], start: Sequence[flint.fmpq]
) -> tuple[list[flint.fmpq], list[int], list[int]]:
    """Walk from a feasible point to a point of a minimal face.

    Returns
    -------
    point, tight, free
        ``tight``: linearly independent constraints that hold with equality, one per column;
        ``free``: for each column that no constraint blocks either way, its coordinate (these
        directions, with the tight rows fixed, are the lineality space).
    """
    d = len(start)
    table = _dictionary(constraints, start)
    basic = [True] * len(constraints)
    tight, free = [], []
    for column in range(1, d + 1):
        check()
        leaving = -1
        for direction in (1, -1):
            leaving = _leaving(table, d, basic, column, direction)
            if leaving >= 0:
                break
        if leaving < 0:
            free.append(column - 1)
            continue
        step = -table[d + leaving][0] / table[d + leaving][column]
        for row in table:  # move along the column, then let it leave
            row[0] = row[0] + row[column] * step
        _pivot(table, d + leaving, column)
        basic[leaving] = False
        tight.append(leaving)
    return [table[j][0] for j in range(d)], tight, free
