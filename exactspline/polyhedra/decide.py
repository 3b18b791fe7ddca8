"""Exact verdicts: whether a form changes sign on a polyhedron. The tier that always decides.

Rows are lists of flint rationals, constant first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import flint

from .effort import expect_solution
from .lp import ONE, ZERO, Point, Row, interior_point, minimise, value_at

__all__ = ["Bounds", "Verdict", "decide", "interior", "points_around"]

Bounds = Sequence[flint.fmpq | None]


@dataclass
class Verdict:
    """What a form does on a cell: 'positive', 'negative', 'zero' or 'cut'.

    For a cut, exact interior points of both sides.
    """

    kind: str
    plus: Point = field(default_factory=list)
    minus: Point = field(default_factory=list)


def decide(
    rows: Sequence[Row], form: Row, inside: Point, bases: Sequence[Sequence[int]] = ()
) -> Verdict:
    """Decide exactly whether a form changes sign on the interior of {row >= 0}.

    Parameters
    ----------
    rows : sequence of rows
        The cell, full-dimensional.
    form : row
    inside : point
        Strictly inside all rows.
    bases : sequence of sequences of int, optional
        Guesses: d constraints whose multipliers may prove that it does not, or whose common
        point may show that it does. They only save time.

    Returns
    -------
    Verdict
    """
    if not any(form):
        return Verdict("zero")
    here = value_at(form, inside)
    if here == 0:
        return points_around(rows, form, inside)
    sign = 1 if here > 0 else -1
    oriented = form if sign > 0 else [-c for c in form]
    kind = "positive" if sign > 0 else "negative"
    if not any(form[1:]):
        return Verdict(kind)
    target = None
    for basis in bases:
        entries = [[rows[i][c + 1] for c in range(len(inside))] for i in basis]
        expect_solution(entries)
        matrix = flint.fmpq_mat(entries)
        if _combines(rows, oriented, basis, matrix):
            return Verdict(kind)
        target = _vertex_beyond(rows, oriented, basis, matrix)
        if target is not None:
            break
    ray = None
    if target is None:
        best = minimise(rows, oriented, inside, stop_below=ZERO)
        if best.value is not None and best.value >= 0:
            return Verdict(kind)
        target, ray = best.point, best.ray
    value = value_at(oriented, inside)
    if ray is not None:
        fall = value_at([ZERO, *oriented[1:]], ray)
        # from the inner point along the ray to twice the distance of the hyperplane
        step = -2 * value / fall
        other = [x + step * r for x, r in zip(inside, ray, strict=True)]
    else:
        crossing = value / (value - value_at(oriented, target))
        t = (crossing + 1) / 2
        other = [x + t * (y - x) for x, y in zip(inside, target, strict=True)]
    return Verdict("cut", inside, other) if sign > 0 else Verdict("cut", other, inside)


def _vertex_beyond(
    rows: Sequence[Row], form: Row, basis: Sequence[int], matrix: flint.fmpq_mat
) -> Point | None:
    """The common point of d constraints, if the cell holds it and the form is < 0 there."""
    try:
        solution = matrix.solve(flint.fmpq_mat([[-rows[i][0]] for i in basis]))
    except ZeroDivisionError:
        return None
    point = [solution[c, 0] for c in range(len(basis))]
    if value_at(form, point) < 0 and all(value_at(row, point) >= 0 for row in rows):
        return point
    return None


def _combines(rows: Sequence[Row], form: Row, basis: Sequence[int], matrix: flint.fmpq_mat) -> bool:
    """Whether the form is a nonnegative combination of the d given rows and a constant."""
    try:
        solution = matrix.transpose().solve(flint.fmpq_mat([[c] for c in form[1:]]))
    except ZeroDivisionError:
        return False
    rest = form[0]
    for k, i in enumerate(basis):
        z = solution[k, 0]
        if z < 0:
            return False
        rest = rest - z * rows[i][0]
    return rest >= 0


def points_around(
    rows: Sequence[Row], form: Row, inside: Point, low: Bounds = (), high: Bounds = ()
) -> Verdict:
    """Interior points on both sides of a hyperplane through an interior point: a cut.

    Bounds of coordinates count like rows, where they are given.
    """
    step = ONE
    for row in rows:
        slope = sum((abs(a * g) for a, g in zip(row[1:], form[1:], strict=True)), ZERO)
        if slope != 0:
            step = min(step, value_at(row, inside) / (2 * slope))
    for x, a, b, g in zip(inside, low, high, form[1:], strict=False):
        if g != 0:
            for end in (a, b):
                if end is not None:
                    step = min(step, abs(x - end) / (2 * abs(g)))
    plus = [x + step * g for x, g in zip(inside, form[1:], strict=True)]
    minus = [x - step * g for x, g in zip(inside, form[1:], strict=True)]
    return Verdict("cut", plus, minus)


def interior(rows: Sequence[Row], dim: int) -> Point | None:
    """A point strictly inside all rows, or None if the cell has no interior."""
    found = interior_point(rows, dim)
    if found is None or found[1]:
        return None
    return found[0]
