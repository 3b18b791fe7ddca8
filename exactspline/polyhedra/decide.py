"""Exact verdicts: whether a form changes sign on a polyhedron. The tier that always decides.

Rows are lists of flint rationals, constant first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import flint

from ..clock import watched
from .constraints import Constraints
from .decisions import CellDecider, cell_of
from .dictionary import int_row
from .lp import ONE, ZERO, Point, Row, along, value_at

__all__ = [
    "Bounds", "Verdict", "beyond_crossing", "by_descent", "decide", "interior", "points_around",
]  # fmt: skip

Bounds = Sequence[flint.fmpq | None]
Descent = tuple[Point, Point | None] | None  # a point where a form is negative, and a ray


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
    found = CellDecider(rows, inside).decide(form, bases)
    if found.plus is None or found.minus is None:
        return Verdict(found.kind)
    return Verdict(found.kind, found.plus.inside, found.minus.inside)


def by_descent(
    form: Row, inside: Point, around: Callable[[], Verdict], descent: Callable[[Row], Descent]
) -> Verdict:
    """The verdict on a form, from where it becomes negative once it is positive inside.

    Parameters
    ----------
    form : row
    inside : point
    around : callable
        Asked for points on both sides where the form vanishes at the inner point.
    descent : callable
        From the form, turned so that it is positive at the inner point, to a point of the cell
        where it is negative and a ray of unbounded decrease from there, or None; None where it
        is negative nowhere.
    """
    if not any(form):
        return Verdict("zero")
    here = value_at(form, inside)
    if here == 0:
        return around()
    sign = 1 if here > 0 else -1
    oriented = form if sign > 0 else [-c for c in form]
    found = descent(oriented) if any(form[1:]) else None
    if found is None:
        return Verdict("positive" if sign > 0 else "negative")
    target, ray = found
    if ray is not None:
        # from the inner point along the ray to twice the distance of the hyperplane
        step = -2 * abs(here) / value_at([ZERO, *oriented[1:]], ray)
        other = [x + step * r for x, r in zip(inside, ray, strict=True)]
    else:
        other = beyond_crossing(inside, target, abs(here), value_at(oriented, target))
    return Verdict("cut", inside, other) if sign > 0 else Verdict("cut", other, inside)


def beyond_crossing(a: Point, b: Point, here: flint.fmpq, there: flint.fmpq) -> Point:
    """Halfway from where a form vanishes between two points to the second; its values there."""
    return along(a, b, (here / (here - there) + 1) / 2)


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
    found = cell_of(Constraints(int_row(row) for row in watched(rows, 64)), dim)
    return None if found is None else found.inside
