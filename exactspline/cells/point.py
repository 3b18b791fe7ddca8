"""A program at one point, exactly, straight from the definition: values of forms, and the code."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import flint
import numpy as np

from ..clock import check
from ..compile.program import Program, Units
from ..polyhedra.lp import q

__all__ = ["FormValues", "code_at", "run_through", "values_at"]


class FormValues:
    """The values of a layer's condition forms at a point, made when they are asked for."""

    def __init__(self, units: Units, members: Sequence[flint.fmpq]) -> None:
        self.units, self.members = units, members

    def __getitem__(self, form: int) -> flint.fmpq:
        plus, minus, shift = self.units.form(form)
        if minus >= 0:
            return self.members[plus] - self.members[minus]
        return self.members[plus] + q(shift)

    def active(self, unit: int) -> list[int]:
        """The pieces of a unit that are active at the point; never none."""
        return self.units.active(unit, self.members, q)


def values_at(program: Program, x: Sequence[flint.fmpq]) -> list[FormValues]:
    """The value of every condition form at a point of R^D, by layers.

    It does not depend on the region, since every unit is continuous.
    """
    return run_through(program, x)[0]


def run_through(
    program: Program, x: Sequence[flint.fmpq]
) -> tuple[list[FormValues], list[flint.fmpq]]:
    """`values_at`, and the state behind all layers: units' outputs, then what is passed on."""
    state = list(x)
    out = []
    for layer in program.layers:
        members = []
        for i in range(len(layer.members)):
            check()
            indices, data, const = layer.members.row(i)
            total = q(const)
            for j, c in zip(indices.tolist(), data.tolist(), strict=True):
                if state[j]:
                    total = total + q(c) * state[j]
            members.append(total)
        units = layer.units
        values = FormValues(units, members)
        outputs = []
        for k in range(len(units)):
            piece = int(units.piece_start[k]) + values.active(k)[0]
            slope, member = q(units.piece_slope[piece]), int(units.piece_member[piece])
            outputs.append(slope * members[member] + q(units.piece_offset[piece]))
        out.append(values)
        state = outputs + [state[j] for j in layer.keep.tolist()]
    return out, state


def code_at(program: Program, x: Sequence[Fraction]) -> tuple[np.ndarray, bool]:
    """The code q(x), per unit the lowest active piece, and whether x is on a boundary.

    Parameters
    ----------
    program : Program
    x : sequence of Fraction
        A point of R^D.

    Returns
    -------
    code : numpy.ndarray of int, shape (units,)
    on_boundary : bool
        Whether more than one piece of some unit is active. The code of such a point need not
        be the code of any region.
    """
    code: list[int] = []
    boundary = False
    for values in values_at(program, [q(Fraction(v)) for v in x]):
        for k in range(len(values.units)):
            active = values.active(k)
            code.append(active[0])
            boundary = boundary or len(active) > 1
    return np.array(code, dtype=np.int64), boundary
