"""The facets of one region: HiGHS guesses where to look, rationals decide.

Where float64 with error bounds proves an answer, it does: see ``enclosure``.

Clarkson's algorithm: a condition is compared, by an exact verdict, with the facets found so
far only. Where it is not implied by them, the segment to a point that violates it leaves the
region through a new facet, and the point where it does is in that facet's relative interior.
With m conditions and f facets that is O(m + f) verdicts on at most f rows.

References
----------
K. L. Clarkson, "More output-sensitive geometric algorithms", FOCS 1994.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import flint
import numpy as np

from ...cells.facets import Condition, Facet, beyond
from ...cells.forms import ExactForms
from ...clock import check
from ...polyhedra.decide import decide
from ...polyhedra.guessed_lp import Guide
from ...polyhedra.lp import ZERO, Point, Row, fraction, q, value_at
from ...rationals import nearest_float
from .enclosure import Enclosure

__all__ = ["walls"]

_KEY = 8  # coefficients by which parallel conditions are looked for
_FEW = 3  # up to so many dimensions exact linear programs are faster than asking for a guess


def walls(
    forms: ExactForms, code: np.ndarray, inside: Point, conditions: Sequence[Condition],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Facet]:  # fmt: skip
    """All facets of a region, exactly.

    Parameters
    ----------
    forms : ExactForms
    code : array, shape (units,)
    inside : list of fmpq
        Strictly inside the region.
    conditions : sequence of Condition
        All that are not constant.
    progress : callable, optional
        Called with the number of conditions that are settled, and of all.

    Returns
    -------
    list of Facet
        In the order of the conditions; of several with one half-space the first.
    """
    chosen, twins = _distinct(conditions)
    search = _Search([conditions[i].row for i in chosen], inside)
    for i in range(len(chosen)):
        progress(i, len(chosen))
        search.settle(i)
    out = []
    last = _last_vanishing(forms, code, conditions)
    for k, (point, direction) in sorted(search.proved().items()):
        condition = conditions[chosen[k]]
        flips: tuple[tuple[int, int], ...] = ()
        if condition.side < 0:
            alone = condition.layer >= last and chosen[k] not in twins
            if alone and _is_switch(forms, condition) and search.is_only(k, point):
                flips = ((condition.unit, 1 - int(code[condition.unit])),)
            else:
                flips = beyond(forms, code, point, direction)
        out.append(Facet(condition, point, flips))
    return out


def _last_vanishing(
    forms: ExactForms, code: np.ndarray, conditions: Sequence[Condition]
) -> int:
    """The last layer with a condition that vanishes on the whole region; -1 if none does.

    Behind a facet of an earlier layer it need not vanish any more, and its unit may change.
    """
    known = {(condition.layer, condition.form) for condition in conditions}
    program = forms.program
    for index in range(len(program.layers) - 1, -1, -1):
        units, start = program.layers[index].units, int(program.unit_start[index])
        for k in range(len(units)):
            for f, _, _ in units.conditions(k, int(code[start + k])):
                if (index, f) not in known and not any(forms.form(index, f, code)):
                    return index
    return -1


def _is_switch(forms: ExactForms, condition: Condition) -> bool:
    """Whether a condition's unit has two pieces, told apart by that condition alone."""
    start = int(forms.program.unit_start[condition.layer])
    return bool(forms.program.layers[condition.layer].units.two_piece[condition.unit - start])


def _distinct(conditions: Sequence[Condition]) -> tuple[list[int], set[int]]:
    """The tightest of parallel conditions, of equal ones the first; and which have equals."""
    # the floats nearest to a few numbers find candidates, all exact ones are compared
    groups: dict[tuple[float, ...], list[_Parallel]] = {}
    twins: set[int] = set()
    for i, condition in enumerate(conditions):
        size = next(abs(c) for c in condition.row[1:] if c != 0)
        direction = [c / size for c in condition.row[1:]]
        constant = condition.row[0] / size
        group = groups.setdefault(tuple(map(_float, direction[:_KEY])), [])
        same = next((one for one in group if one.direction == direction), None)
        if same is None:
            group.append(_Parallel(direction, constant, i))
        elif constant < same.constant:
            same.constant, same.first = constant, i
        elif constant == same.constant:
            twins.add(same.first)
    return sorted(one.first for group in groups.values() for one in group), twins


@dataclass
class _Parallel:
    """Conditions of one direction: the tightest constant, and the first that has it."""

    direction: Row
    constant: flint.fmpq
    first: int


def _float(value: flint.fmpq) -> float:
    return nearest_float(fraction(value))


class _Search:
    """The facets of {row >= 0 for all rows} that are found, and how the region is left there."""

    def __init__(self, rows: Sequence[Row], inside: Point) -> None:
        self.rows, self.inside = rows, inside
        self.values = [value_at(row, inside) for row in rows]
        self.kept: list[int] = []
        self.hits: dict[int, tuple[Point, Point]] = {}  # where a segment leaves, and which way
        self.guide = Guide(rows, inside) if len(inside) > _FEW else None
        self.floats = None if self.guide is None else Enclosure(self.guide.table)

    def settle(self, i: int) -> None:
        """Find new facets until a row is implied by those found, or is one."""
        while i not in self.kept:
            outside = self._violating(i, self.kept)
            if outside is None:
                return
            k, hit = self._first_hit(outside, i)
            self.kept.append(k)
            if hit is not None:
                self.hits[k] = hit

    def proved(self) -> dict[int, tuple[Point, Point]]:
        """Per facet a point in its relative interior and a direction out of the region."""
        for i in [k for k in self.kept if k not in self.hits]:
            others = [k for k in self.kept if k != i]
            outside = self._violating(i, others)
            if outside is None:
                self.kept.remove(i)
                continue
            direction = [a - b for a, b in zip(outside, self.inside, strict=True)]
            self.hits[i] = self._leaves(i, direction)
        return self.hits

    def _violating(self, i: int, others: list[int]) -> Point | None:
        """A point with row i < 0 and the others >= 0; None if there is none, both exactly."""
        bases: list[list[int]] = []
        check()
        if self.guide is not None and self.floats is not None:
            near = self.guide.ask(i, others)
            outside = None if near is None else self._beyond(i, others, near)
            if outside is not None:
                return outside
            bases = self.guide.bases(others)
            if any(self.floats.is_implied(i, [others[k] for k in basis]) for basis in bases):
                return None
        verdict = decide([self.rows[k] for k in others], self.rows[i], self.inside, bases)
        return verdict.minus if verdict.kind == "cut" else None

    def _beyond(self, i: int, others: list[int], near: Point) -> Point | None:
        """A point behind row i on the way to a guess, if the other rows hold there."""
        here, there = self.values[i], value_at(self.rows[i], near)
        if there >= 0:
            return None
        share = (here / (here - there) + 1) / 2
        steps = [share * (b - a) for a, b in zip(self.inside, near, strict=True)]
        point = [a + step for a, step in zip(self.inside, steps, strict=True)]
        if self.guide is not None and self.floats is not None:
            unit = q(self.guide.unit)
            others = self.floats.unsure([step / unit for step in steps], others)
        return point if all(value_at(self.rows[k], point) >= 0 for k in others) else None

    def is_only(self, k: int, point: Point) -> bool:
        """Whether row k alone is not proved to be positive at a point.

        Conditions that are not among the rows are parallel to one of them and looser.
        """
        if self.guide is None or self.floats is None:
            return False
        unit = q(self.guide.unit)
        way = [(b - a) / unit for a, b in zip(self.inside, point, strict=True)]
        return self.floats.unsure(way, range(len(self.rows))) == [k]

    def _leaves(self, k: int, direction: Point) -> tuple[Point, Point]:
        share = self.values[k] / -_slope(self.rows[k], direction)
        point = [a + share * v for a, v in zip(self.inside, direction, strict=True)]
        return point, direction

    def _first_hit(self, outside: Point, i: int) -> tuple[int, tuple[Point, Point] | None]:
        """The row by which a segment leaves; row i, unproved, where it leaves by several.

        None of those kept is among them: at the segment's end they hold, and row i does not.
        """
        direction = [a - b for a, b in zip(outside, self.inside, strict=True)]
        first, least, several = i, None, False
        every = range(len(self.rows))
        for k in every if self.floats is None else self.floats.first_hits(direction):
            slope = _slope(self.rows[k], direction)
            if slope < 0:
                at = self.values[k] / -slope
                if least is None or at < least:
                    first, least, several = k, at, False
                elif at == least:
                    several = True
        return (i, None) if several else (first, self._leaves(first, direction))


def _slope(row: Row, direction: Sequence[flint.fmpq]) -> flint.fmpq:
    return sum((c * v for c, v in zip(row[1:], direction, strict=True) if c and v), ZERO)
