"""Exact condition forms of a program on cells that are given by codes.

Rows are lists of flint rationals, constant first, over the search coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import flint
import numpy as np

from ..clock import check
from ..compile.forms import Forms
from ..compile.program import Layer, Program
from ..polyhedra.lp import ONE, ZERO, Row, q, value_at
from .space import SearchSpace, dense_rows

__all__ = ["ExactForms"]

_DENSE = 2  # a form that reads every second entry of the state is one product


class _SparseRows:
    """Forms of a layer as flint rationals, converted row by row when first read."""

    def __init__(self, forms: Forms) -> None:
        self.forms = forms
        self.cache: dict[int, tuple[flint.fmpq, list[tuple[int, flint.fmpq]]]] = {}
        self._dense: dict[int, flint.fmpq_mat] = {}

    def row(self, i: int) -> tuple[flint.fmpq, list[tuple[int, flint.fmpq]]]:
        found = self.cache.get(i)
        if found is None:
            indices, data, const = self.forms.row(i)
            terms = [(j, q(v)) for j, v in zip(indices.tolist(), data.tolist(), strict=True)]
            found = self.cache[i] = (q(const), terms)
        return found

    def weights(self, i: int, width: int) -> flint.fmpq_mat:
        """The coefficients of form i as a matrix of one row."""
        found = self._dense.get(i)
        if found is None:
            entries = [ZERO] * width
            for j, weight in self.row(i)[1]:
                entries[j] = entries[j] + weight
            found = self._dense[i] = flint.fmpq_mat(1, width, entries)
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
        self.matrix: flint.fmpq_mat | None = None
        self.states: dict[int, Row | None] = {}
        self.forms: dict[int, Row] = {}  # of splines: pairs of members may be too many

    def member(self, i: int) -> Row:
        """Member i of the layer as a row."""
        row = self.members.get(i)
        if row is None:
            check()
            const, terms = self.sparse.row(i)
            if not self.first and _DENSE * len(terms) >= self.sparse.forms.width:
                weights = self.sparse.weights(i, self.sparse.forms.width)
                row = (weights * self._all_states()).entries()
                row[0] = row[0] + const
            else:
                row = self._summed(const, terms)
            self.members[i] = row
        return row

    def _summed(self, const: flint.fmpq, terms: list[tuple[int, flint.fmpq]]) -> Row:
        row = [ZERO] * self.width
        row[0] = const
        for j, weight in terms:
            state = _unit_row(j, self.width) if self.first else self.state(j)
            if state is None:
                continue
            for c, value in enumerate(state):
                if value:
                    row[c] = row[c] + weight * value
        return row

    def _all_states(self) -> flint.fmpq_mat:
        """All entries of the state this layer reads, a row each."""
        if self.matrix is None:
            void = [ZERO] * self.width
            rows = [self.state(j) or void for j in range(self.sparse.forms.width)]
            self.matrix = flint.fmpq_mat(rows)
        return self.matrix

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
                slope, offset = (
                    q(Fraction(units.piece_slope[piece])),
                    q(Fraction(units.piece_offset[piece])),
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
