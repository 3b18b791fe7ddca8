"""Cells along the paths of another search: what two of them share is not made again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..polyhedra.constraints import Constraints
from ..polyhedra.decisions import CellDecider
from ..polyhedra.dictionary import IntRow, int_row
from ..polyhedra.lp import Point
from .forms import ExactForms

__all__ = ["PathCells"]


@dataclass(slots=True)
class _Step:
    """A condition on the path: which, on what code of the layers before, and the rows with it."""

    condition: tuple[int, int, int]
    before: bytes
    rows: Constraints


class PathCells:
    """The cells of a depth-first search, each told by the conditions on the way to it.

    Keeps the integer rows of the last path: the next one mostly begins as it did.

    Parameters
    ----------
    forms : ExactForms
    """

    def __init__(self, forms: ExactForms) -> None:
        self.forms = forms
        self._domain: Constraints | None = None
        self._steps: list[_Step] = []

    def cell(
        self, conditions: Iterable[tuple[int, int, int]], codes: np.ndarray, inside: Point
    ) -> CellDecider:
        """The cell of the domain in which conditions hold, to be decided on.

        Parameters
        ----------
        conditions : iterable of (layer, form, sign)
            Each says sign * form >= 0. The rows of the cell are the domain's and these, in order.
        codes : array, shape (units,)
            The pieces of the units of all layers before those of the conditions.
        inside : point
            For `CellDecider.decide` strictly inside of all rows; see `CellDecider.holds`.
        """
        if self._domain is None:
            self._domain = Constraints(int_row(row) for row in self.forms.domain_rows)
        rows, start, steps = self._domain, self.forms.program.unit_start, self._steps
        layer, before = -1, b""
        for at, condition in enumerate(conditions):
            if condition[0] != layer:
                layer = condition[0]
                before = codes[: start[layer]].tobytes()
            known = steps[at] if at < len(steps) else None
            if known is None or known.condition != condition or known.before != before:
                del steps[at:]
                rows = rows.with_row(self._row(condition, codes))
                steps.append(_Step(condition, before, rows))
            else:
                rows = known.rows
        return CellDecider.of(rows, inside)

    def _row(self, condition: tuple[int, int, int], codes: np.ndarray) -> IntRow:
        layer, form, sign = condition
        row = int_row(self.forms.form(layer, form, codes))
        return row if sign > 0 else [-v for v in row]
