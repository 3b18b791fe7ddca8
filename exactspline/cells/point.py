"""The code and the state of a program at one point, exactly, straight from the definition."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..clock import check
from ..compile.forms import Forms
from ..compile.program import Program

__all__ = ["code_at"]


def _evaluate(forms: Forms, state: Sequence[Fraction]) -> list[Fraction]:
    out = []
    for i in range(len(forms)):
        check()
        indices, data, total = forms.row(i)
        for j, c in zip(indices.tolist(), data.tolist(), strict=True):
            total += Fraction(c) * state[j]
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
    state = [Fraction(v) for v in x]
    code: list[int] = []
    boundary = False
    for layer in program.layers:
        members = _evaluate(layer.members, state)
        units = layer.units
        outputs = []
        for k in range(len(units)):
            active = units.active(k, members)
            boundary = boundary or len(active) > 1
            code.append(active[0])
            chosen = int(units.piece_start[k]) + active[0]
            outputs.append(
                Fraction(units.piece_slope[chosen]) * members[int(units.piece_member[chosen])]
                + Fraction(units.piece_offset[chosen])
            )
        state = outputs + [state[j] for j in layer.keep.tolist()]
    return np.array(code, dtype=np.int64), boundary
