"""The exact search of a cell: all regions inside, in the order of their codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import InitVar, dataclass, field

import numpy as np

from ..clock import OutOfTime, check
from ..polyhedra.decisions import CellDecider, Decision
from ..polyhedra.lp import Point, Row
from .forms import ExactForms
from .point import FormValues

__all__ = ["Cell", "regions_of_cell"]


@dataclass
class Cell:
    """A node of the exact search: what is decided, and where to go on.

    Parameters
    ----------
    rows : sequence of rows
    inside : point
        Strictly inside all of them.
    """

    rows: InitVar[Sequence[Row]]
    inside: InitVar[Point]
    codes: np.ndarray
    layer: int
    todo: list[int]  # open units of the layer, in order
    piece: int = -1  # a piece of the next unit that is being cut out
    cond: int = 0
    done: int = 0  # of the open units
    saved: bool = False  # the pieces that follow are pending
    wanted: bool = False  # all of its regions are asked for
    decider: CellDecider = field(init=False)
    known: tuple[int, Decision] | None = None  # a form that has been decided on this very cell

    def __post_init__(self, rows: Sequence[Row], inside: Point) -> None:
        self.decider = CellDecider(rows, inside)

    @classmethod
    def of(
        cls, decider: CellDecider, codes: np.ndarray, layer: int, todo: list[int], piece: int = -1,
        cond: int = 0,
    ) -> Cell:  # fmt: skip
        """A node of a cell that is there already."""
        out = cls([], [], codes, layer, todo, piece, cond)
        out.decider = decider
        return out

    def next_piece(self, piece: int) -> Cell:
        """The same cell, to be searched for another piece of the next unit."""
        out = Cell.__new__(Cell)
        out.__dict__.update(self.__dict__)
        out.decider, out.codes = self.decider.copy(), self.codes.copy()
        out.piece, out.saved, out.known = piece, False, None
        return out


def regions_of_cell(
    forms: ExactForms,
    cell: Cell,
    place: Callable[[list[int]], int] | None = None,
    values: Sequence[FormValues] | None = None,
) -> Iterator[tuple[np.ndarray, Point, int] | None]:
    """All regions inside a cell by exact search, in lexicographic order.

    Parameters
    ----------
    forms : ExactForms
    cell : Cell
    place : callable, optional
        Says of the first pieces of codes whether these are asked for: > 0 all, < 0 none, 0 some.
    values : sequence of FormValues, optional
        The values of all forms at a point, by layers: only regions whose closures hold it are
        asked for. Units take the pieces that are active there, and forms that do not vanish
        there are not decided: the search is that of the tangent cone.

    Yields
    ------
    code, point, decisions
        The point is exact and strictly inside (the cell's own one, where nothing cut it);
        ``decisions`` counts verdicts since the last.
        None where the clock interrupts a decision: asked for more, it is made again.
    """
    program = forms.program
    pending = [cell]
    decisions = 0
    while pending:
        node = pending.pop()
        while True:
            if node.done == len(node.todo):
                if node.layer + 1 == len(program.layers):
                    if place is None or node.wanted or place(node.codes.tolist()) > 0:
                        yield node.codes, node.decider.inside, decisions + 1
                        decisions = 0
                    break
                node.layer, node.done = node.layer + 1, 0
                node.todo = list(range(len(program.layers[node.layer].units)))
                continue
            units = program.layers[node.layer].units
            k = node.todo[node.done]
            at = int(program.unit_start[node.layer]) + k
            near = None if values is None else values[node.layer]
            pieces = range(int(units.pieces[k])) if near is None else near.active(k)
            if node.piece < 0:
                node.piece, node.cond = pieces[0], 0
            if node.cond == 0 and not node.saved and node.piece != pieces[-1]:
                sibling = node.next_piece(pieces[pieces.index(node.piece) + 1])
                pending.append(sibling)
                node.saved = True
            if place is not None and not node.wanted:
                where = place([*node.codes[:at].tolist(), node.piece])
                if where < 0:
                    break
                node.wanted = where > 0
            before = node.cond
            try:
                alive = len(pieces) == 1 or _cut_out_piece(forms, node, k, near, pending)
            except OutOfTime:
                decisions += node.cond - before
                yield None
                continue
            decisions += node.cond - before
            if not alive:
                break
            node.codes[at] = node.piece
            node.done += 1
            node.piece, node.cond, node.saved = -1, 0, False


def _cut_out_piece(
    forms: ExactForms, node: Cell, unit: int, near: FormValues | None, pending: list[Cell]
) -> bool:
    """Restrict a node to where its piece holds; False if it holds nowhere in its interior.

    The node counts the conditions that are done, so that it can be gone on with. What the first
    of them is decided to be, the next piece of the same cell, the last pending, is told.
    """
    units = forms.program.layers[node.layer].units
    for f, sign, drop in units.conditions(unit, node.piece, node.cond):
        check()
        if near is not None and near[f]:  # it holds around the point, for the piece is active
            node.cond += 1
            continue
        found = _decided(forms, node, f)
        if node.cond == 0 and node.saved:
            pending[-1].known, pending[-1].decider = (f, found), node.decider.copy()
        node.cond += 1
        if found.kind == "cut":
            node.decider = found.side(sign)
        elif found.kind == "zero":
            if drop:
                return False
        elif (found.kind == "positive") != (sign > 0):
            return False
    return True


def _decided(forms: ExactForms, node: Cell, f: int) -> Decision:
    if node.known is not None:
        (known, found), node.known = node.known, None
        if node.cond == 0 and known == f:
            return found
    return node.decider.decide(forms.form(node.layer, f, node.codes))
