"""Exact forms on a cell and exact verdicts: the tier that always decides.

Rows are lists of flint rationals, constant first, over the search coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import flint
import numpy as np

from ..clock import OutOfTime, check
from ..compile.forms import Forms
from ..compile.program import Layer, Program
from ..polyhedra.effort import expect_solution
from ..polyhedra.lp import ONE, ZERO, Row, interior_point, minimise, q, value_at

if TYPE_CHECKING:
    from .space import SearchSpace

__all__ = ["Cell", "ExactForms", "Verdict", "decide", "regions_of_cell"]

Point = list[flint.fmpq]


class _SparseRows:
    """Forms of a layer as flint rationals, converted row by row when first read."""

    def __init__(self, forms: Forms) -> None:
        self.forms = forms
        self.cache: dict[int, tuple[flint.fmpq, list[tuple[int, flint.fmpq]]]] = {}

    def row(self, i: int) -> tuple[flint.fmpq, list[tuple[int, flint.fmpq]]]:
        found = self.cache.get(i)
        if found is None:
            indices, data, const = self.forms.row(i)
            terms = [(j, q(v)) for j, v in zip(indices.tolist(), data.tolist(), strict=True)]
            found = self.cache[i] = (q(const), terms)
        return found


class _LayerRows:
    """Exact rows of one layer for one code of the layers before; made when asked for."""

    def __init__(
        self, layer: Layer, sparse: _SparseRows, before: _LayerRows | None,
        codes: Sequence[int], inputs: _SparseRows, width: int, first: bool,
    ) -> None:  # fmt: skip
        self.layer = layer
        self.sparse = sparse
        self.before = before  # rows of the layer before, with ``codes`` its units' pieces
        self.codes = codes
        self.inputs = inputs
        self.width = width
        self.first = first
        self.members: dict[int, Row] = {}
        self.states: dict[int, Row | None] = {}
        self.forms: dict[int, Row] = {}  # of splines: pairs of members may be too many

    def member(self, i: int) -> Row:
        """Member i of the layer as a row."""
        row = self.members.get(i)
        if row is None:
            check()
            const, terms = self.sparse.row(i)
            row = [ZERO] * self.width
            row[0] = const
            for j, weight in terms:
                state = _unit_row(j, self.width) if self.first else self.state(j)
                if state is None:
                    continue
                for c, value in enumerate(state):
                    if value:
                        row[c] = row[c] + weight * value
            self.members[i] = row
        return row

    def state(self, j: int) -> Row | None:
        """Entry j of the state this layer reads (None: identically zero)."""
        if j in self.states:
            return self.states[j]
        row: Row | None
        before = self.before
        if before is None:
            const, terms = self.inputs.row(j)
            row = [const] + [ZERO] * (self.width - 1)
            for c, value in terms:
                row[c + 1] = row[c + 1] + value
        else:
            units = before.layer.units
            if j < len(units):
                piece = int(units.piece_start[j]) + int(self.codes[j])
                slope, offset = q(Fraction(units.piece_slope[piece])), q(
                    Fraction(units.piece_offset[piece])
                )
                if slope == 0:
                    row = None if offset == 0 else [offset] + [ZERO] * (self.width - 1)
                else:
                    row = [v * slope for v in before.member(int(units.piece_member[piece]))]
                    row[0] = row[0] + offset
            else:
                row = before.state(int(before.layer.keep[j - len(units)]))
        self.states[j] = row
        return row

    def form(self, f: int) -> Row:
        """Condition form f of the layer as a row."""
        row = self.forms.get(f)
        if row is None:
            plus, minus, shift = self.layer.units.form(f)
            if minus >= 0:
                pairs = zip(self.member(plus), self.member(minus), strict=True)
                return [a - b for a, b in pairs]
            row = list(self.member(plus))
            row[0] = row[0] + q(shift)
            self.forms[f] = row
        return row


def _unit_row(j: int, width: int) -> Row:
    row = [ZERO] * width
    row[j + 1] = ONE
    return row


class ExactForms:
    """Exact condition forms of a program on cells given by their codes.

    Keeps the rows of the last code of every layer: a depth-first search asks for the same
    ones again and again.
    """

    def __init__(self, program: Program, space: SearchSpace) -> None:
        from .space import dense_rows

        self.program = program
        self.dim = space.dim
        self.domain_rows = dense_rows(space.rows)
        self.inputs = _SparseRows(space.inputs)
        self.sparse = [
            _SparseRows(space.first if i == 0 else layer.members)
            for i, layer in enumerate(program.layers)
        ]
        self.chain: list[tuple[bytes, _LayerRows]] = []

    def layer(self, index: int, codes: np.ndarray) -> _LayerRows:
        """Rows of a layer on cells whose code begins with ``codes``."""
        start = self.program.unit_start
        for level in range(index + 1):
            prefix = codes[: start[level]].tobytes()
            if level < len(self.chain) and self.chain[level][0] == prefix:
                continue
            del self.chain[level:]
            before = self.chain[level - 1][1] if level else None
            own = codes[start[level - 1] : start[level]].tolist() if level else []
            rows = _LayerRows(
                self.program.layers[level], self.sparse[level], before, own, self.inputs,
                self.dim + 1, level == 0,
            )  # fmt: skip
            self.chain.append((prefix, rows))
        return self.chain[index][1]

    def form(self, index: int, f: int, codes: np.ndarray) -> Row:
        """One condition form as a row."""
        return self.layer(index, codes).form(f)

    def contains(self, point: Sequence[Fraction], codes: np.ndarray) -> bool:
        """Whether a point lies strictly inside the region of a code, and in the domain."""
        at = [q(v) for v in point]
        if any(value_at(row, at) <= 0 for row in self.domain_rows):
            return False
        for index, layer in enumerate(self.program.layers):
            units = layer.units
            start = int(self.program.unit_start[index])
            for k in range(len(units)):
                for f, sign, _ in units.conditions(k, int(codes[start + k])):
                    check()
                    form = self.form(index, f, codes)
                    if any(form) and value_at(form, at) * sign <= 0:
                        return False
        return True


@dataclass
class Verdict:
    """What a form does on a cell: 'positive', 'negative', 'zero' or 'cut'.

    For a cut, exact interior points of both sides.
    """

    kind: str
    plus: Point = field(default_factory=list)
    minus: Point = field(default_factory=list)


def decide(
    rows: Sequence[Row], form: Row, inside: Point, bases: Sequence[Sequence[int]] = ()
) -> Verdict:
    """Decide exactly whether a form changes sign on the interior of {row >= 0}.

    Parameters
    ----------
    rows : sequence of rows
        The cell, full-dimensional.
    form : row
    inside : point
        Strictly inside all rows.
    bases : sequence of sequences of int, optional
        Guesses: d constraints whose multipliers may prove that it does not, or whose common
        point may show that it does. They only save time.

    Returns
    -------
    Verdict
    """
    if not any(form):
        return Verdict("zero")
    here = value_at(form, inside)
    if here == 0:
        return _around(rows, form, inside)
    sign = 1 if here > 0 else -1
    oriented = form if sign > 0 else [-c for c in form]
    kind = "positive" if sign > 0 else "negative"
    if not any(form[1:]):
        return Verdict(kind)
    target = None
    for basis in bases:
        entries = [[rows[i][c + 1] for c in range(len(inside))] for i in basis]
        expect_solution(entries)
        matrix = flint.fmpq_mat(entries)
        if _combines(rows, oriented, basis, matrix):
            return Verdict(kind)
        target = _vertex_beyond(rows, oriented, basis, matrix)
        if target is not None:
            break
    ray = None
    if target is None:
        best = minimise(rows, oriented, inside, stop_below=ZERO)
        if best.value is not None and best.value >= 0:
            return Verdict(kind)
        target, ray = best.point, best.ray
    value = value_at(oriented, inside)
    if ray is not None:
        fall = value_at([ZERO, *oriented[1:]], ray)
        # from the inner point along the ray to twice the distance of the hyperplane
        step = -2 * value / fall
        other = [x + step * r for x, r in zip(inside, ray, strict=True)]
    else:
        crossing = value / (value - value_at(oriented, target))
        t = (crossing + 1) / 2
        other = [x + t * (y - x) for x, y in zip(inside, target, strict=True)]
    return Verdict("cut", inside, other) if sign > 0 else Verdict("cut", other, inside)


def _vertex_beyond(
    rows: Sequence[Row], form: Row, basis: Sequence[int], matrix: flint.fmpq_mat
) -> Point | None:
    """The common point of d constraints, if the cell holds it and the form is < 0 there."""
    try:
        solution = matrix.solve(flint.fmpq_mat([[-rows[i][0]] for i in basis]))
    except ZeroDivisionError:
        return None
    point = [solution[c, 0] for c in range(len(basis))]
    if value_at(form, point) < 0 and all(value_at(row, point) >= 0 for row in rows):
        return point
    return None


def _combines(
    rows: Sequence[Row], form: Row, basis: Sequence[int], matrix: flint.fmpq_mat
) -> bool:
    """Whether the form is a nonnegative combination of the d given rows and a constant."""
    try:
        solution = matrix.transpose().solve(flint.fmpq_mat([[c] for c in form[1:]]))
    except ZeroDivisionError:
        return False
    rest = form[0]
    for k, i in enumerate(basis):
        z = solution[k, 0]
        if z < 0:
            return False
        rest = rest - z * rows[i][0]
    return rest >= 0


def _around(rows: Sequence[Row], form: Row, inside: Point) -> Verdict:
    """Interior points on both sides of a hyperplane through an interior point."""
    step = ONE
    for row in rows:
        slope = sum((abs(a * g) for a, g in zip(row[1:], form[1:], strict=True)), ZERO)
        if slope != 0:
            step = min(step, value_at(row, inside) / (2 * slope))
    plus = [x + step * g for x, g in zip(inside, form[1:], strict=True)]
    minus = [x - step * g for x, g in zip(inside, form[1:], strict=True)]
    return Verdict("cut", plus, minus)


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


def interior(rows: Sequence[Row], dim: int) -> Point | None:
    """A point strictly inside all rows, or None if the cell has no interior."""
    found = interior_point(rows, dim)
    if found is None or found[1]:
        return None
    return found[0]


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
