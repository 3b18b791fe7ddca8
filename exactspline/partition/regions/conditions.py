"""All inequalities of one region at once, by products of integer matrices.

An ``ExactForms`` makes single rows when they are asked for, entry by entry. Whoever wants all
of a wide network's rows composes its layers instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...cells.facets import Condition, check_conditions, conditions
from ...clock import check
from ...compile.builder import stacked
from ...compile.forms import Forms
from ...polyhedra.lp import ZERO, Row, q
from .maps import chosen_pieces

if TYPE_CHECKING:
    from ...cells.forms import ExactForms
    from ...compile.program import Program

__all__ = ["conditions_of", "members_on"]

_FEW = 200_000  # products, up to which single rows are as fast


def members_on(program: Program, inputs: Forms, code: np.ndarray) -> list[Forms]:
    """The members of every layer as forms over the domain's coordinates, on a region.

    Parameters
    ----------
    program : Program
    inputs : Forms
        The network's inputs over these coordinates.
    code : array, shape (units,)
    """
    state, out = inputs, []
    for index, layer in enumerate(program.layers):
        check()
        members = layer.members.after(state)
        out.append(members)
        if index + 1 < len(program.layers):
            state = chosen_pieces(program, index, code).after(stacked([members, state]))
    return out


def conditions_of(forms: ExactForms, inputs: Forms, code: np.ndarray) -> list[Condition]:
    """What ``exact.facets.conditions`` gives, by the faster way.

    Parameters
    ----------
    forms : ExactForms
        Over the domain's coordinates.
    inputs : Forms
        The network's inputs over these.
    code : array, shape (units,)

    Raises
    ------
    LimitError
        As there.
    """
    check_conditions(forms)  # before layers are composed
    program, width = forms.program, forms.dim + 1
    if sum(len(layer.members.data) for layer in program.layers) * width < _FEW:
        return conditions(forms, code)
    members = members_on(program, inputs, code)

    def row_of(layer: int, form: int) -> Row:
        check()
        plus, minus, shift = program.layers[layer].units.form(form)
        row = [ZERO] * width
        row[0] = q(shift)
        _add(row, members[layer], plus, 1)
        _add(row, members[layer], minus, -1)
        return row

    return conditions(forms, code, row_of)


def _add(row: Row, members: Forms, i: int, sign: int) -> None:
    """Add or subtract a member, if there is one."""
    if i < 0:
        return
    indices, data, const = members.row(i)
    row[0] = row[0] + sign * q(const)
    for j, value in zip(indices.tolist(), data.tolist(), strict=True):
        row[j + 1] = row[j + 1] + sign * q(value)
