"""The exact search of a cell: all regions inside, in the order of their codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..clock import OutOfTime, check
from ..polyhedra.decide import decide
from ..polyhedra.lp import Point, Row
from .forms import ExactForms

__all__ = ["Cell", "regions_of_cell"]


@dataclass
class Cell:
    """A node of the exact search: what is decided, and where to go on."""

    rows: list[Row]
    inside: Point
    codes: np.ndarray
    layer: int
    todo: list[int]  # open units of the layer, in order
    piece: int = -1  # a piece of todo[0] that is being cut out
    cond: int = 0
    saved: bool = False  # the pieces that follow are pending
    wanted: bool = False  # all of its regions are asked for


def regions_of_cell(
    forms: ExactForms, cell: Cell, place: Callable[[list[int]], int] | None = None
) -> Iterator[tuple[np.ndarray, Point, int] | None]:
    """All regions inside a cell by exact search, in lexicographic order.

    Parameters
    ----------
    forms : ExactForms
    cell : Cell
    place : callable, optional
        Says of the first pieces of codes whether these are asked for: > 0 all, < 0 none, 0 some.

    Yields
    ------
    code, point, decisions
        The point is exact and strictly inside; ``decisions`` counts verdicts since the last.
        None where the clock interrupts a decision: asked for more, it is made again.
    """
    program = forms.program
    pending = [cell]
    decisions = 0
    while pending:
        node = pending.pop()
        while True:
            if not node.todo:
                if node.layer + 1 == len(program.layers):
                    if place is None or node.wanted or place(node.codes.tolist()) > 0:
                        yield node.codes, node.inside, decisions + 1
                        decisions = 0
                    break
                node.layer += 1
                node.todo = list(range(len(program.layers[node.layer].units)))
                continue
            units = program.layers[node.layer].units
            k = node.todo[0]
            at = int(program.unit_start[node.layer]) + k
            if node.piece < 0:
                node.piece, node.cond = 0, 0
            last = node.piece + 1 == units.pieces[k]
            if node.cond == 0 and not node.saved and not last:
                node.saved = True
                pending.append(
                    Cell(list(node.rows), node.inside, node.codes.copy(), node.layer,
                         list(node.todo), node.piece + 1, wanted=node.wanted)
                )  # fmt: skip
            if place is not None and not node.wanted:
                where = place([*node.codes[:at].tolist(), node.piece])
                if where < 0:
                    break
                node.wanted = where > 0
            before = node.cond
            try:
                alive = _cut_out_piece(forms, node, k)
            except OutOfTime:
                decisions += node.cond - before
                yield None
                continue
            decisions += node.cond - before
            if not alive:
                break
            node.codes[at] = node.piece
            node.todo = node.todo[1:]
            node.piece, node.cond, node.saved = -1, 0, False


def _cut_out_piece(forms: ExactForms, node: Cell, unit: int) -> bool:
    """Restrict a node to where its piece holds; False if it holds nowhere in its interior.

    The node counts the conditions that are done, so that it can be gone on with.
    """
    units = forms.program.layers[node.layer].units
    for f, sign, drop in units.conditions(unit, node.piece, node.cond):
        check()
        form = forms.form(node.layer, f, node.codes)
        verdict = decide(node.rows, form, node.inside)
        node.cond += 1
        if verdict.kind == "cut":
            node.rows.append(form if sign > 0 else [-c for c in form])
            node.inside = verdict.plus if sign > 0 else verdict.minus
        elif verdict.kind == "zero":
            if drop:
                return False
        elif (verdict.kind == "positive") != (sign > 0):
            return False
    return True
