"""Exact verdicts on a polyhedron for many forms: HiGHS guesses, rationals decide."""

from __future__ import annotations

from collections.abc import Sequence

from .decide import Verdict, decide
from .guessed_lp import Guide
from .lp import Point, Row, value_at

__all__ = ["Judge"]

_FEW = 3  # up to so many dimensions exact linear programs are faster than asking for a guess


class Judge:
    """Decides whether a form changes sign inside the set where some of the others are >= 0.

    Parameters
    ----------
    rows : sequence of rows
        All that there are to name; None is constant.
    inside : list of fmpq
        A point of the set that most questions are about.
    """

    def __init__(self, rows: Sequence[Row], inside: Point) -> None:
        self.rows = rows
        self.guide = Guide(rows, inside) if len(inside) > _FEW and len(rows) else None

    def __call__(self, others: list[int], form: int, at: Point) -> Verdict:
        """`decide` for row ``form`` inside {rows[k] >= 0 for k in others}.

        Parameters
        ----------
        others : list of int
        form : int
        at : list of fmpq
            Strictly inside.
        """
        rows = [self.rows[k] for k in others]
        row = self.rows[form]
        here = value_at(row, at)
        if self.guide is None or here <= 0:
            return decide(rows, row, at)
        near = self.guide.ask(form, others)
        if near is not None:
            there = value_at(row, near)
            if there < 0:
                share = (here / (here - there) + 1) / 2
                point = [a + share * (b - a) for a, b in zip(at, near, strict=True)]
                if all(value_at(other, point) > 0 for other in rows):
                    return Verdict("cut", at, point)
        return decide(rows, row, at, self.guide.bases(others))
