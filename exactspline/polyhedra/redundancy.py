"""Which rows of a polyhedron are facets: HiGHS guesses where to look, rationals decide.

Where float64 with error bounds proves an answer, it does: see ``enclosure``.

Clarkson's algorithm: a row is compared, by an exact verdict, with the facets found so far only.
Where it is not implied by them, the segment to a point that violates it leaves the polyhedron
through a new facet, and the point where it does is in that facet's relative interior. With m
rows and f facets that is O(m + f) verdicts on at most f rows.

References
----------
K. L. Clarkson, "More output-sensitive geometric algorithms", FOCS 1994.
"""

from __future__ import annotations

from collections.abc import Sequence

import flint

from ..clock import check
from .decide import beyond_crossing, decide
from .enclosure import Enclosure
from .guessed_lp import FEW, Guide
from .lp import ZERO, Point, Row, q, value_at

__all__ = ["FacetSearch"]


class FacetSearch:
    """The facets of {row >= 0 for all rows} that are found, and how the polyhedron is left there.

    Parameters
    ----------
    rows : sequence of rows
        No two of one direction, none constant.
    inside : point
        Strictly inside all rows.
    guided : bool
        Whether HiGHS may guess: exact linear programs alone are faster for few rows.
    """

    def __init__(self, rows: Sequence[Row], inside: Point, *, guided: bool = True) -> None:
        self.rows, self.inside = rows, inside
        self.values = [value_at(row, inside) for row in rows]
        self.kept: list[int] = []
        self.hits: dict[int, tuple[Point, Point]] = {}  # where a segment leaves, and which way
        use = guided and len(inside) > FEW
        self.guide = Guide(rows, inside) if use else None
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
        point = beyond_crossing(self.inside, near, here, there)
        if self.guide is not None and self.floats is not None:
            others = self.floats.unsure(self._steps(point, self.guide), others)
        return point if all(value_at(self.rows[k], point) >= 0 for k in others) else None

    def is_only(self, k: int, point: Point) -> bool:
        """Whether row k alone is not proved to be positive at a point.

        Conditions that are not among the rows are parallel to one of them and looser.
        """
        if self.guide is None or self.floats is None:
            return False
        return self.floats.unsure(self._steps(point, self.guide), range(len(self.rows))) == [k]

    def _steps(self, point: Point, guide: Guide) -> Point:
        """How far a point is from the inner one, in the guide's unit of length."""
        unit = q(guide.unit)
        return [(b - a) / unit for a, b in zip(self.inside, point, strict=True)]

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
