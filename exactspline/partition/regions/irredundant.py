"""The facets of one region: which of its conditions are, and how the code changes across."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import flint
import numpy as np

from ...cells.facets import Condition, Facet, beyond
from ...cells.forms import ExactForms
from ...polyhedra.lp import Point, Row, float_of
from ...polyhedra.redundancy import FacetSearch

__all__ = ["distinct", "irredundant_facets"]

_KEY = 8  # coefficients that are not 0, by which parallel conditions are looked for


def irredundant_facets(
    forms: ExactForms, code: np.ndarray, inside: Point, conditions: Sequence[Condition],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Facet]:  # fmt: skip
    """All facets of a region, exactly.

    Parameters
    ----------
    forms : ExactForms
    code : array, shape (units,)
    inside : list of fmpq
        Strictly inside the region.
    conditions : sequence of Condition
        All that are not constant.
    progress : callable, optional
        Called with the number of conditions that are settled, and of all.

    Returns
    -------
    list of Facet
        In the order of the conditions; of several with one half-space the first.
    """
    chosen, twins = _distinct(conditions)
    search = FacetSearch([conditions[i].row for i in chosen], inside)
    for i in range(len(chosen)):
        progress(i, len(chosen))
        search.settle(i)
    out = []
    last = _last_vanishing(forms, code, conditions)
    for k, (point, direction) in sorted(search.proved().items()):
        condition = conditions[chosen[k]]
        flips: tuple[tuple[int, int], ...] = ()
        if condition.side < 0:
            alone = condition.layer >= last and chosen[k] not in twins
            if alone and _is_switch(forms, condition) and search.is_only(k, point):
                flips = ((condition.unit, 1 - int(code[condition.unit])),)
            else:
                flips = beyond(forms, code, point, direction)
        out.append(Facet(condition, point, flips))
    return out


def _last_vanishing(forms: ExactForms, code: np.ndarray, conditions: Sequence[Condition]) -> int:
    """The last layer with a condition that vanishes on the whole region; -1 if none does.

    Behind a facet of an earlier layer it need not vanish any more, and its unit may change.
    """
    known = {(condition.layer, condition.form) for condition in conditions}
    program = forms.program
    for index in range(len(program.layers) - 1, -1, -1):
        units, start = program.layers[index].units, int(program.unit_start[index])
        for k in range(len(units)):
            for f, _, _ in units.conditions(k, int(code[start + k])):
                if (index, f) not in known and not any(forms.form(index, f, code)):
                    return index
    return -1


def _is_switch(forms: ExactForms, condition: Condition) -> bool:
    """Whether a condition's unit has two pieces, told apart by that condition alone."""
    start = int(forms.program.unit_start[condition.layer])
    return bool(forms.program.layers[condition.layer].units.two_piece[condition.unit - start])


def _distinct(conditions: Sequence[Condition]) -> tuple[list[int], set[int]]:
    """The tightest of parallel conditions, of equal ones the first; and which have equals."""
    found = distinct(conditions)
    chosen = sorted({first for first, _ in found})
    return chosen, {first for i, (first, same) in enumerate(found) if same and first != i}


def distinct(conditions: Sequence[Condition]) -> list[tuple[int, bool]]:
    """Of every condition the tightest one of its direction, of equal ones the first.

    Returns
    -------
    list of (int, bool)
        Its position, and whether it has the same half-space.
    """
    # the floats nearest to a few numbers find candidates, all exact ones are compared
    groups: dict[tuple[tuple[int, float], ...], list[_Parallel]] = {}
    member: list[tuple[_Parallel, flint.fmpq]] = []
    for i, condition in enumerate(conditions):
        size = next(abs(c) for c in condition.row[1:] if c != 0)
        direction = [c / size for c in condition.row[1:]]
        constant = condition.row[0] / size
        first = [(j, c) for j, c in enumerate(direction) if c][:_KEY]
        group = groups.setdefault(tuple((j, float_of(c)) for j, c in first), [])
        same = next((one for one in group if one.direction == direction), None)
        if same is None:
            same = _Parallel(direction, constant, i)
            group.append(same)
        elif constant < same.constant:
            same.constant, same.first = constant, i
        member.append((same, constant))
    return [(one.first, constant == one.constant) for one, constant in member]


@dataclass
class _Parallel:
    """Conditions of one direction: the tightest constant, and the first that has it."""

    direction: Row
    constant: flint.fmpq
    first: int
