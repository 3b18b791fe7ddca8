"""The facets of one region in rational arithmetic, and the regions across them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import flint
import numpy as np

from ..clock import check
from ..compile.program import Units
from ..polyhedra.lp import ZERO, Point, Row, crossing, q
from ..polyhedra.reduce import irredundant
from ..room import check_room
from .forms import ExactForms

__all__ = [
    "Condition", "Facet", "beyond", "check_conditions", "conditions", "facets_of_region",
]  # fmt: skip

_MOST_ENTRIES = 1 << 25  # of the rows of one region


@dataclass(frozen=True)
class Condition:
    """An inequality row >= 0 of a region, and where it comes from.

    Attributes
    ----------
    row : list of fmpq
        Constant first, over the coordinates of the search space.
    side : int
        Which row of the domain it is; -1 if it comes from a unit.
    layer, form, sign : int
        For a unit's condition: ``sign`` times that condition form of that layer is >= 0.
    unit : int
        The unit's position in the code; -1 for the domain's rows.
    """

    row: Row
    side: int = -1
    layer: int = -1
    form: int = -1
    sign: int = 1
    unit: int = -1


@dataclass(frozen=True)
class Facet:
    """A facet of a region.

    Attributes
    ----------
    condition : Condition
        The inequality that is an equality on it. Where several units' hyperplanes coincide,
        the first unit's; where it lies in the domain's border, the domain's.
    point : list of fmpq
        A point in its relative interior.
    flips : tuple of (unit, piece)
        Where the code across differs, and what it is there; empty on the domain's border.
    """

    condition: Condition
    point: Point
    flips: tuple[tuple[int, int], ...]


def check_conditions(forms: ExactForms) -> None:
    """Refuse regions whose inequalities would hold more than 2^25 numbers."""
    most = [np.where(v.units.lead == 0, 2, v.units.pieces) for v in forms.program.layers]
    count = sum(int(n.sum()) for n in most) + len(forms.domain_rows)
    check_room(
        count * (forms.dim + 1), _MOST_ENTRIES, f"the inequalities of a region ({count:,})",
        "take a slice of fewer dimensions",
    )  # fmt: skip


def conditions(
    forms: ExactForms, codes: np.ndarray, row_of: Callable[[int, int], Row] | None = None
) -> list[Condition]:
    """All inequalities of a region: the domain's, then its units' in order.

    Conditions whose form vanishes identically or is constant are left out. ``row_of`` gives the
    row of a layer's form, where there is a faster way than that of ``forms``.

    Raises
    ------
    LimitError
        If the rows would hold more than 2^25 numbers.
    """
    check_conditions(forms)
    out = [Condition(row, side) for side, row in enumerate(forms.domain_rows)]
    for index, layer in enumerate(forms.program.layers):
        units = layer.units
        start = int(forms.program.unit_start[index])
        for k in range(len(units)):
            for f, sign, _ in units.conditions(k, int(codes[start + k])):
                row = row_of(index, f) if row_of else forms.form(index, f, codes)
                if any(row[1:]):
                    turned = row if sign > 0 else [-v for v in row]
                    out.append(Condition(turned, -1, index, f, sign, start + k))
    return out


def beyond(
    forms: ExactForms,
    codes: np.ndarray,
    point: Sequence[flint.fmpq],
    direction: Sequence[flint.fmpq],
) -> tuple[tuple[int, int], ...]:
    """How the code changes when a facet is crossed.

    Parameters
    ----------
    forms, codes
        The region.
    point : list of fmpq
        In the relative interior of a facet, not in the domain's border.
    direction : list of fmpq
        Out of the region.

    Returns
    -------
    tuple of (unit, piece)
        The units whose piece changes, with the piece across.
    """
    other = _code_beyond(forms, point, direction)
    return tuple((int(u), int(other[u])) for u in np.flatnonzero(other != codes))


def _code_beyond(
    forms: ExactForms, point: Sequence[flint.fmpq], direction: Sequence[flint.fmpq]
) -> np.ndarray:
    """The code at point + t * direction for all small t > 0.

    Values and derivatives go through the program together: a form is positive there where
    (value, derivative) is lexicographically positive. Where both vanish it is taken to vanish
    identically, which is so if the ray enters a region through the relative interior of one
    of its facets, and transversally.
    """
    code: list[int] = []
    rows = [forms.inputs.row(i) for i in range(len(forms.inputs.forms))]
    at, slope = list(point), list(direction)  # what the first layer's rows are over
    state, drift = _through(rows, at, slope)
    for index, layer in enumerate(forms.program.layers):
        units = layer.units
        rows = [forms.sparse[index].row(i) for i in range(len(layer.members))]
        if index:
            at, slope = state, drift
        values, slopes = _through(rows, at, slope)
        outputs, drifts = [], []
        for k in range(len(units)):
            chosen = _lowest(units, k, values, slopes)
            code.append(chosen)
            piece = int(units.piece_start[k]) + chosen
            factor, member = q(units.piece_slope[piece]), int(units.piece_member[piece])
            outputs.append(factor * values[member] + q(units.piece_offset[piece]))
            drifts.append(factor * slopes[member])
        kept = layer.keep.tolist()
        state, drift = outputs + [state[j] for j in kept], drifts + [drift[j] for j in kept]
    return np.array(code, dtype=np.int64)


def _through(
    rows: Sequence[tuple[flint.fmpq, list[tuple[int, flint.fmpq]]]],
    at: Sequence[flint.fmpq], slope: Sequence[flint.fmpq],
) -> tuple[list[flint.fmpq], list[flint.fmpq]]:  # fmt: skip
    """Affine forms of values, and of their derivatives."""
    values, slopes = [], []
    for const, terms in rows:
        check()
        value, drift = const, ZERO
        for j, weight in terms:
            if at[j] != 0:
                value = value + weight * at[j]
            if slope[j] != 0:
                drift = drift + weight * slope[j]
        values.append(value)
        slopes.append(drift)
    return values, slopes


def _lowest(
    units: Units, unit: int, values: Sequence[flint.fmpq], slopes: Sequence[flint.fmpq]
) -> int:
    """The lowest piece whose conditions hold, forms being (value, derivative) of members."""
    first, end = int(units.piece_start[unit]), int(units.piece_start[unit + 1])
    lead = int(units.lead[unit])
    members = units.piece_member[first:end].tolist()
    if lead:
        own = [(values[i], slopes[i]) for i in members]
        return own.index(max(own) if lead > 0 else min(own))
    value, drift = values[members[0]], slopes[members[0]]
    for r, shift in enumerate(units.piece_shift[first : end - 1].tolist()):
        if (value + q(shift), drift) <= (ZERO, ZERO):
            return r
    return end - 1 - first


def facets_of_region(
    forms: ExactForms, codes: np.ndarray, inside: Point,
    candidates: Sequence[Condition] | None = None,
) -> list[Facet]:  # fmt: skip
    """All facets of a region, exactly.

    Parameters
    ----------
    forms : ExactForms
    codes : array, shape (units,)
    inside : list of fmpq
        A point strictly inside the region.
    candidates : sequence of Condition, optional
        Inequalities that describe the region; all its conditions by default.

    Returns
    -------
    list of Facet
        In the order of the conditions: the domain's rows, then the units.

    Notes
    -----
    See `irredundant`: of several with one hyperplane the first remains.
    """
    every = list(conditions(forms, codes) if candidates is None else candidates)
    out = []
    for i, outside in irredundant([c.row for c in every], inside):
        condition = every[i]
        direction = [b - a for a, b in zip(inside, outside, strict=True)]
        point = crossing(condition.row, inside, outside)
        flips = () if condition.side >= 0 else beyond(forms, codes, point, direction)
        out.append(Facet(condition, point, flips))
    return out[::-1]
