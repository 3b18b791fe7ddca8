"""Cells along the paths of another search: what two of them share is not made again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..polyhedra.constraints import Constraints
from ..polyhedra.decisions import CellDecider, cell_of
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
        """The cell of `rows`, to be decided on from a point strictly inside of all of them.

        `CellDecider.holds` tells whether it is.
        """
        return CellDecider.of(self.rows(conditions, codes), inside)

    def open_cell(
        self, conditions: Iterable[tuple[int, int, int]], codes: np.ndarray
    ) -> CellDecider | None:
        """The same with an inner point that is found; None if there is none."""
        return cell_of(self.rows(conditions, codes), self.forms.dim)

    def rows(self, conditions: Iterable[tuple[int, int, int]], codes: np.ndarray) -> Constraints:
        """The rows of the domain and those of conditions, in order.

        Parameters
        ----------
        conditions : iterable of (layer, form, sign)
            Each says sign * form >= 0.
        codes : array, shape (units,)
            The pieces of the units of all layers before those of the conditions.
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
                rows.gather()
                steps.append(_Step(condition, before, rows))
            else:
                rows = known.rows
        return rows

    def _row(self, condition: tuple[int, int, int], codes: np.ndarray) -> IntRow:
        layer, form, sign = condition
        row = int_row(self.forms.form(layer, form, codes))
        return row if sign > 0 else [-v for v in row]
