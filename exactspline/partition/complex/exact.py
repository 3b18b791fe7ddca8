"""Lines of edges and corners, exactly, by the forms that vanish there; made when asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import flint
import numpy as np

from ...polyhedra.lp import ZERO, Point, Row
from ...polyhedra.planar import AT_INFINITY, Ray, meet

if TYPE_CHECKING:
    from ...cells.forms import ExactForms
    from ...cells.space import SearchSpace
    from ...compile.program import Program
    from ..columns.packed import PackedCodes

__all__ = ["ExactSides"]


class ExactSides:
    """The lines of half-edges as rows (c, a, b), positive in the face, and where they meet.

    Parameters
    ----------
    program : Program
    space : SearchSpace
        Whose coordinates the complex has.
    codes : PackedCodes
        Of the faces.
    start : int64 array, shape (faces + 1,)
        Where the half-edges of every face begin.
    edge : int array, shape (half-edges,)
        Which edge each is a half of; -1 at infinity.
    half : int array, shape (edges,)
        The half-edge in whose face the edge's form has its sign.
    unit, form, sign : arrays, shape (edges,)
        As in `PlaneFaces`, of these half-edges.
    """

    def __init__(
        self, program: Program, space: SearchSpace, codes: PackedCodes, start: np.ndarray,
        edge: np.ndarray, half: np.ndarray, unit: np.ndarray, form: np.ndarray, sign: np.ndarray,
    ) -> None:  # fmt: skip
        self._program, self._space, self.start = program, space, start
        self._codes, self._edge, self._half = codes, edge, half
        self._unit, self._form, self._sign = unit, form, sign
        self._rows: dict[int, Row] = {}
        self._last: tuple[int, np.ndarray] = (-1, np.zeros(0, dtype=np.int64))

    @cached_property
    def forms(self) -> ExactForms:
        """Exact forms over the complex's coordinates."""
        from ...cells.forms import ExactForms

        return ExactForms(self._program, self._space)

    def line(self, edge: int) -> Row:
        """The line of an edge; positive in the face of its half-edge."""
        row = self._rows.get(edge)
        if row is None:
            row = self._rows[edge] = self._line(edge)
        return row

    def _line(self, edge: int) -> Row:
        form = int(self._form[edge])
        if self._unit[edge] < 0:
            return self.forms.domain_rows[form]
        face = self.face(int(self._half[edge]))
        if self._last[0] != face:  # edges are gone through face by face
            self._last = face, self._codes.take(np.array([face]))[0].astype(np.int64)
        form_start = self._program.form_start
        layer = int(np.searchsorted(form_start, form, side="right")) - 1
        row = self.forms.form(layer, form - int(form_start[layer]), self._last[1])
        return list(row) if self._sign[edge] > 0 else [-v for v in row]

    def all_lines(self) -> None:
        """Have the lines of all edges, in the order in which that is quickest."""
        for edge in range(len(self._half)):
            self.line(edge)

    def row(self, half: int) -> Row:
        """The line of a half-edge; positive in its face."""
        edge = int(self._edge[half])
        if edge < 0:
            return AT_INFINITY
        row = self.line(edge)
        return row if self._half[edge] == half else [-v for v in row]

    def face(self, half: int) -> int:
        """Whose half-edge it is."""
        return int(np.searchsorted(self.start, half, side="right")) - 1

    def corner(self, half: int) -> Ray:
        """Where a half-edge begins, as a ray (W, X, Y)."""
        face = self.face(half)
        first, last = int(self.start[face]), int(self.start[face + 1])
        return meet(self.row(half - 1 if half > first else last - 1), self.row(half))

    def middle(self, half: int) -> tuple[Point, Point]:
        """A point inside a half-edge, and a direction out of the face there."""
        face = self.face(half)
        behind = half + 1 if half + 1 < self.start[face + 1] else int(self.start[face])
        row, ends = self.row(half), [self.corner(half), self.corner(behind)]
        points = [(x / w, y / w) for w, x, y in ends if w != 0]
        if not points:  # a whole line: the foot of the origin
            share = row[0] / (row[1] * row[1] + row[2] * row[2])
            points = [(-share * row[1], -share * row[2])]
        total: list[flint.fmpq] = [ZERO, ZERO]
        for x, y in points:
            total = [total[0] + x / len(points), total[1] + y / len(points)]
        for w, x, y in ends:
            if w == 0:  # along a ray
                total = [total[0] + x, total[1] + y]
        return total, [-row[1], -row[2]]
