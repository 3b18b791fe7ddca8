"""Exact verdicts on a polyhedron for many forms: HiGHS guesses, rationals decide."""

from __future__ import annotations

from collections.abc import Sequence

from .decide import Verdict, beyond_crossing, decide
from .guessed_lp import FEW, Guide
from .lp import Point, Row, value_at

__all__ = ["Judge"]


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
        self.guide = Guide(rows, inside) if len(inside) > FEW and len(rows) else None

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
                point = beyond_crossing(at, near, here, there)
                if all(value_at(other, point) > 0 for other in rows):
                    return Verdict("cut", at, point)
        return decide(rows, row, at, self.guide.bases(others))
