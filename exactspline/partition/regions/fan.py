"""The regions around one point, exactly, without enumerating a partition.

Where a condition form does not vanish at the point its sign there decides; where some do, the
tangent cone is split by exact decisions, depth first and in lexicographic order of the codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...cells.cell import Cell, regions_of_cell
from ...cells.forms import ExactForms
from ...cells.point import FormValues, values_at
from ...clock import OutOfTime
from ...domain import Chart
from ...polyhedra.lp import ONE, Point, Row, along, q, value_at

__all__ = ["Around", "holds_at", "regions_around", "step_towards"]


@dataclass(frozen=True)
class Around:
    """A region whose closure holds a point.

    Attributes
    ----------
    code : array, shape (units,)
    towards : list of fmpq
        The segment from the point to here begins inside the region.
    inside : bool
        Whether the point itself is strictly inside.
    """

    code: np.ndarray
    towards: Point
    inside: bool


def holds_at(
    forms: ExactForms, code: np.ndarray, values: Sequence[FormValues]
) -> tuple[bool, bool]:
    """Whether the closure of a region of the program on R^D holds a point, and the region.

    Parameters
    ----------
    forms : ExactForms
    code : array
        Of a region.
    values : as `values_at` gives them

    Notes
    -----
    While the conditions of the layers before hold, the network's values at the point are
    those of the region's affine map, so these values decide. Rows are needed only where a
    form vanishes at the point: it may vanish on the whole region.
    """
    inside = True
    for index, layer in enumerate(forms.program.layers):
        units, start = layer.units, int(forms.program.unit_start[index])
        for k in range(len(units)):
            for f, sign, _ in units.conditions(k, int(code[start + k])):
                value = values[index][f]
                if value:
                    if (value > 0) != (sign > 0):
                        return False, False
                elif inside and any(forms.form(index, f, code)):
                    inside = False
    return True, inside


def regions_around(forms: ExactForms, chart: Chart, point: Sequence[Fraction]) -> Iterator[Around]:
    """All regions whose closure holds a point, in lexicographic order of their codes.

    None where the point is outside of the domain.

    Parameters
    ----------
    forms : ExactForms
        Over the coordinates t of the domain.
    chart : Chart
        The domain's.
    point : sequence of Fraction
        Its coordinates t.

    Notes
    -----
    Linear in the network where no form vanishes at the point; else the cost is that of
    enumerating the cones of the fan at the point by exact linear programs.
    """
    t, centre = [q(v) for v in point], [q(v) for v in chart.interior]
    sides = [value_at(row, t) for row in forms.domain_rows]
    if any(v < 0 for v in sides):
        return
    tight = [row for row, v in zip(forms.domain_rows, sides, strict=True) if v == 0]
    values = values_at(forms.program, [q(v) for v in chart.lift(point)])
    first = list(range(len(values[0].units))) if values else []
    code = np.zeros(forms.program.n_units, dtype=np.int64)
    cone = Cell(tight, centre, code, 0 if values else -1, first)
    for found in regions_of_cell(forms, cone, values=values):
        if found is None:
            raise OutOfTime
        code, towards, _ = found
        inside = not tight and towards is centre  # nothing cuts the cone
        yield Around(code, t if inside else towards, inside)


def step_towards(rows: Sequence[Row], start: Point, towards: Point) -> Point:
    """A point of the segment's first part that is strictly inside all rows.

    Parameters
    ----------
    rows : sequence of rows
        None negative at ``start``; those that vanish there are positive at ``towards``.
    """
    share = 2 * ONE
    for row in rows:
        here, there = value_at(row, start), value_at(row, towards)
        if there <= 0:
            assert here > 0
            share = min(share, here / (here - there))
    share = share / 2
    return along(start, towards, share)
