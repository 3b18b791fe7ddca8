"""Closed cells in rationals: where compared forms vanish on them, and what is largest there.

A form that is positive inside of a region may be 0 on its closure. So a condition that fails
inside may hold on a face, and a statement that holds inside of all regions may fail on one: that is
decided here, by exact linear programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import flint
import numpy as np

from ..cells.forms import ExactForms
from ..clock import check
from ..domain import Domain
from ..polyhedra.lp import Optimum, Point, Row, feasible_point, minimise, q, value_at
from ..rationals import fraction
from .joint import Joint

__all__ = ["Cell", "Cells"]

ZERO, ONE = flint.fmpq(0), flint.fmpq(1)


class Cells:
    """The regions of a joint network as closed polyhedra, made from their codes.

    Parameters
    ----------
    joint : Joint
    domain : Domain
        Of the joint coordinates.
    """

    def __init__(self, joint: Joint, domain: Domain) -> None:
        from ..cells.space import whole_space

        self.joint, self.domain = joint, domain
        program = joint.program
        self._program = program
        self._forms = ExactForms(program, whole_space(program, domain.chart))

    def cell(self, code: np.ndarray, inside: Sequence[Fraction]) -> Cell:
        """The closed region of a code, with a point strictly inside."""
        return Cell(self._rows(code), [q(v) for v in inside])

    def _rows(self, code: np.ndarray) -> list[Row]:
        program, forms = self._program, self._forms
        code = code.astype(np.int64)
        out = [list(row) for row in forms.domain_rows]
        seen: set[tuple[flint.fmpq, ...]] = set()
        for index, layer in enumerate(program.layers):
            units, start = layer.units, int(program.unit_start[index])
            for k in range(len(units)):
                for condition in units.conditions(k, int(code[start + k])):
                    check()
                    row = forms.form(index, condition.form, code)
                    if not any(row[1:]):
                        continue  # it vanishes, or is a number
                    row = list(row) if condition.sign > 0 else [-v for v in row]
                    size = max(abs(v) for v in row[1:])
                    key = tuple(v / size for v in row)
                    if key not in seen:
                        seen.add(key)
                        out.append(row)
        return out

    def compared(self, code: np.ndarray, column: int) -> Row:
        """A compared form on the region of a code."""
        program, joint = self._program, self.joint
        unit = int(joint.compared[column])
        index = int(np.searchsorted(program.unit_start, unit, side="right")) - 1
        units = program.layers[index].units
        member = int(units.piece_member[units.piece_start[unit - int(program.unit_start[index])]])
        return list(self._forms.layer(index, code.astype(np.int64)).member(member))

    def objective(self, code: np.ndarray) -> Row:
        """The first output on the region of a code."""
        from ..partition.regions.maps import program_map

        forms = program_map(self._program, code).after(self.domain.chart.point)
        indices, data, const = forms.row(0)
        row = [q(const)] + [ZERO] * self.domain.chart.dim
        for j, v in zip(indices.tolist(), data.tolist(), strict=True):
            row[1 + int(j)] = q(Fraction(v))
        return row


@dataclass
class Cell:
    """A closed polyhedron with a point strictly inside.

    Attributes
    ----------
    rows : list of Row
        Each >= 0 on it.
    inside : list of fmpq
    """

    rows: list[Row]
    inside: Point

    def touches(self, form: Row) -> Point | None:
        """Where a form that is positive inside is 0 on the closed cell; None if nowhere."""
        best = minimise(self.rows, form, self.inside)
        if best.value is None or best.value > 0:
            return None
        return best.point

    def point(self, equal: Sequence[Row], strict: Sequence[Row]) -> Point | None:
        """A point of the closed cell where some forms are 0 and others > 0; None if there is none.

        Exact: a linear program that makes the least of the strict forms as large as possible.
        """
        rows = [*self.rows, *equal, *([-v for v in row] for row in equal)]
        if not strict:
            return feasible_point(rows, len(self.inside))
        wide = [[*row, ZERO] for row in rows]
        wide += [[*row, -ONE] for row in strict]
        wide += [[ONE, *([ZERO] * len(self.inside)), -ONE]]  # the least is at most 1
        start = feasible_point(rows, len(self.inside))
        if start is None:
            return None
        least = min([*(value_at(row, start) for row in strict), ONE])
        best = minimise(
            wide, [ZERO] * (len(self.inside) + 1) + [-ONE], [*start, least], stop_below=ZERO
        )
        if best.value is not None and best.value < 0:
            return best.point[:-1]
        return None

    def largest(self, objective: Row, equal: Sequence[Row], start: Point) -> Optimum:
        """The largest value of a form where others are 0; ``value`` is its negative."""
        rows = [*self.rows, *equal, *([-v for v in row] for row in equal)]
        return minimise(rows, [-v for v in objective], start)


def as_fractions(point: Point) -> tuple[Fraction, ...]:
    """A point in Fractions."""
    return tuple(fraction(v) for v in point)
