"""The regions around one point, exactly, without enumerating a partition.

Where a condition form does not vanish at the point its sign there decides; where some do, the
tangent cone is split by exact decisions, depth first and in lexicographic order of the codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...cells.forms import ExactForms
from ...cells.point import FormValues
from ...polyhedra.decide import decide
from ...polyhedra.lp import ONE, Point, Row, value_at

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


@dataclass
class _Node:
    """A cell of the tangent cone while it is split."""

    code: np.ndarray
    rows: list[Row]
    inside: Point
    depth: int  # how many of the tied units are settled


def regions_around(
    forms: ExactForms, centre: Point, t: Point, values: Sequence[FormValues]
) -> Iterator[Around]:
    """All regions whose closure holds a point, in lexicographic order of their codes.

    Parameters
    ----------
    forms : ExactForms
        Over the coordinates t of the domain.
    centre : list of fmpq
        A point strictly inside the domain.
    t : list of fmpq
        A point of the domain.
    values : as `values_at` gives them there

    Notes
    -----
    Linear in the network where no form vanishes at the point; else the cost is that of
    enumerating the cones of the fan at the point by exact linear programs.
    """
    program = forms.program
    base = np.zeros(program.n_units, dtype=np.int64)
    tied: list[tuple[int, int, list[int]]] = []  # layer, unit of it, its active pieces
    for index, layer in enumerate(program.layers):
        start = int(program.unit_start[index])
        for k in range(len(layer.units)):
            active = values[index].active(k)
            base[start + k] = active[0]
            if len(active) > 1:
                tied.append((index, k, active))
    tight = [row for row in forms.domain_rows if value_at(row, t) == 0]
    pending = [_Node(base, tight, centre, 0)]
    while pending:
        node = pending.pop()
        if node.depth == len(tied):
            yield Around(node.code, node.inside if node.rows else list(t), not node.rows)
            continue
        index, k, active = tied[node.depth]
        for piece in reversed(active):
            child = _restricted(forms, node, index, k, piece, values[index])
            if child is not None:
                pending.append(child)


def _restricted(
    forms: ExactForms, node: _Node, index: int, k: int, piece: int,
    values: FormValues,
) -> _Node | None:  # fmt: skip
    """The part of a node where an active piece of a tied unit holds, if it has an interior."""
    units = forms.program.layers[index].units
    rows, inside = node.rows, node.inside
    code = node.code.copy()
    code[int(forms.program.unit_start[index]) + k] = piece
    for f, sign, drop in units.conditions(k, piece):
        if values[f]:
            continue  # it holds around the point, for the piece is active
        form = forms.form(index, f, code)
        verdict = decide(rows, form, inside)
        if verdict.kind == "cut":
            rows = [*rows, form if sign > 0 else [-v for v in form]]
            inside = verdict.plus if sign > 0 else verdict.minus
        elif verdict.kind == "zero":
            if drop:
                return None
        elif (verdict.kind == "positive") != (sign > 0):
            return None
    return _Node(code, rows, inside, node.depth + 1)


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
    return [a + share * (b - a) for a, b in zip(start, towards, strict=True)]
