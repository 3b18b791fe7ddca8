"""The code and the state of a program at one point, exactly, straight from the definition."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import flint
import numpy as np

from ..compile.forms import Forms
from ..compile.program import Program, Units
from .lp import ZERO, q

__all__ = ["code_at", "code_beyond"]


def _evaluate(
    forms: Forms, state: Sequence[flint.fmpq], *, constants: bool = True
) -> list[flint.fmpq]:
    out = []
    for i in range(len(forms)):
        indices, data, const = forms.row(i)
        total = q(const) if constants else ZERO
        for j, c in zip(indices.tolist(), data.tolist(), strict=True):
            if state[j]:
                total = total + q(c) * state[j]
        out.append(total)
    return out


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
    state = [q(v) for v in x]
    code: list[int] = []
    boundary = False
    for layer in program.layers:
        members = _evaluate(layer.members, state)
        units = layer.units
        values = []
        for form in range(len(units.form_plus)):
            plus, minus = int(units.form_plus[form]), int(units.form_minus[form])
            value = q(units.form_shift[form])
            if plus >= 0:
                value = value + members[plus]
            if minus >= 0:
                value = value - members[minus]
            values.append(value)
        outputs = []
        for k in range(len(units)):
            first, last = int(units.piece_start[k]), int(units.piece_start[k + 1])
            active = [
                piece
                for piece in range(first, last)
                if all(
                    values[units.cond_form[c]] * int(units.cond_sign[c]) >= 0
                    for c in range(int(units.cond_start[piece]), int(units.cond_start[piece + 1]))
                )
            ]
            boundary = boundary or len(active) > 1
            chosen = active[0]
            code.append(chosen - first)
            outputs.append(
                q(units.piece_slope[chosen]) * members[int(units.piece_member[chosen])]
                + q(units.piece_offset[chosen])
            )
        state = outputs + [state[j] for j in layer.keep.tolist()]
    return np.array(code, dtype=np.int64), boundary


def code_beyond(
    program: Program, x: Sequence[Fraction], direction: Sequence[Fraction]
) -> np.ndarray:
    """The code of the region that a ray enters from x.

    Parameters
    ----------
    program : Program
    x, direction : sequence of Fraction
        A point of R^D and a direction.

    Returns
    -------
    numpy.ndarray of int, shape (units,)
        The code at x + t * direction for all small t > 0.

    Notes
    -----
    Values and derivatives go through the program together: a form is positive behind x where
    (value, derivative) is lexicographically positive. Where both vanish it is taken to vanish
    identically there. That is so if the ray enters a region through the relative interior of
    one of its facets, and transversally.
    """
    state = [(q(v), q(w)) for v, w in zip(x, direction, strict=True)]
    code: list[int] = []
    for layer in program.layers:
        members = list(
            zip(
                _evaluate(layer.members, [v for v, _ in state]),
                _evaluate(layer.members, [w for _, w in state], constants=False),
                strict=True,
            )
        )
        units = layer.units
        signs = []
        for form in range(len(units.form_plus)):
            plus, minus = int(units.form_plus[form]), int(units.form_minus[form])
            value, slope = q(units.form_shift[form]), ZERO
            if plus >= 0:
                value, slope = value + members[plus][0], slope + members[plus][1]
            if minus >= 0:
                value, slope = value - members[minus][0], slope - members[minus][1]
            leading = value or slope
            signs.append((leading > 0) - (leading < 0))
        outputs = []
        for k in range(len(units)):
            piece = first = int(units.piece_start[k])
            while not _holds(units, piece, signs):
                piece += 1
            code.append(piece - first)
            value, slope = members[int(units.piece_member[piece])]
            factor = q(units.piece_slope[piece])
            outputs.append((factor * value + q(units.piece_offset[piece]), factor * slope))
        state = outputs + [state[j] for j in layer.keep.tolist()]
    return np.array(code, dtype=np.int64)


def _holds(units: Units, piece: int, signs: Sequence[int]) -> bool:
    """Whether all conditions of a piece hold, for the signs of the forms (0: identically)."""
    for cond in range(int(units.cond_start[piece]), int(units.cond_start[piece + 1])):
        sign = signs[int(units.cond_form[cond])] * int(units.cond_sign[cond])
        if sign < 0 or (sign == 0 and bool(units.cond_drop[cond])):
            return False
    return True
