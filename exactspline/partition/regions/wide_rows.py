"""All inequalities of a region with very many of them: in float64 with error bounds, sparse.

Exact rows are made for those that are asked for (`WideRows.exact`), all of one layer together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...cells.facets import Condition, check_conditions
from ...clock import check, watched
from ...compile.chains import Link, after_all
from ...compile.forms import Forms
from ...polyhedra.lp import ZERO, Row, q
from ...rationals import nearest_float
from .maps import chosen_pieces, links_behind

if TYPE_CHECKING:
    from ...cells.forms import ExactForms
    from ...compile.program import Units

__all__ = ["Bounded", "Place", "WideRows", "rounded_floats"]

_UNIT = 2.3e-16  # of rounding, in any direction
_LOST = 1e-200  # more than what underflow takes from any sum here
_SMALL, _LARGE = 1e-90, 1e90  # sizes of parameters that products of few layers cannot lose


class Place(NamedTuple):
    """Where an inequality comes from, as in `Condition`."""

    side: int
    layer: int
    form: int
    sign: int
    unit: int


class Bounded:
    """A sparse matrix over (t, 1) in float64, and one of bounds on the errors of its entries.

    Where a bound has no entry the number is exactly zero.
    """

    def __init__(self, value: Any, error: Any) -> None:
        self.value, self.error = value, error

    @classmethod
    def of(cls, forms: Forms) -> Bounded:
        """Forms, rounded; a last column holds the constants, a last row is (0, ..., 0, 1)."""
        from scipy.sparse import csr_array

        height, n = len(forms), len(forms.data)
        rows = np.repeat(np.arange(height), np.diff(forms.indptr))
        rows = np.concatenate([rows, np.arange(height), [height]])
        columns = np.concatenate([forms.indices, np.full(height + 1, forms.width)])
        parts = [rounded_floats(v) for v in (forms.data, forms.const, np.ones(1))]
        values, errors = (np.concatenate(part) for part in zip(*parts, strict=True))
        there = (values != 0) | (errors != 0)
        there[:n] = True
        shape = (height + 1, forms.width + 1)
        places = (rows[there], columns[there])
        return cls(
            csr_array((values[there], places), shape=shape),
            csr_array((errors[there], places), shape=shape),
        )

    def sound(self) -> bool:
        """Whether products with these numbers neither overflow nor vanish."""
        sizes = np.abs(self.value.data)
        errors = self.error.data
        good = (sizes == 0) | ((sizes > _SMALL) & (sizes < _LARGE))
        return bool(np.all(good) and np.all(np.isfinite(errors)) and np.all(errors < _LARGE))

    def after(self, inner: Bounded) -> Bounded:
        """The product of the matrices, with bounds that cover its rounding."""
        terms = int(np.diff(self.value.indptr).max(initial=0))
        gamma = (terms + 8) * _UNIT
        size = abs(inner.value)
        error = abs(self.value) @ (inner.error + gamma * size) + self.error @ (size + inner.error)
        error.data = error.data * (1 + 4 * gamma) + _LOST
        return Bounded((self.value @ inner.value).tocsr(), error.tocsr())


def rounded_floats(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An exact array in float64, with bounds on the errors: infinite beyond the range."""
    if array.dtype != object:
        return array, np.zeros(len(array))
    entries = array.tolist()
    values = np.array([nearest_float(v) for v in watched(entries)], dtype=np.float64)
    there = array.astype(bool)
    errors = np.where(there, np.abs(values) * _UNIT + _LOST, 0.0)
    errors[np.abs(values) > _LARGE] = np.inf
    return values, errors


class WideRows:
    """The inequalities of a region that are not constant, or not known to be.

    Parameters
    ----------
    forms : ExactForms
        Over the domain's coordinates t.
    inputs : Forms
        The network's inputs over these.
    sides : Forms
        The domain's inequalities.
    code : array, shape (units,)

    Attributes
    ----------
    places : list of Place
        The domain's sides first, then the units in order.
    value, error : sparse matrices, shape (rows, d + 1)
        Coefficients, then the constant; and bounds on their errors.
    vanishing, constant : lists of Place
        Inequalities that are identically 0 >= 0, and constant ones that may be.
    sound : bool
        Whether the bounds hold; else nothing is proved by these rows.

    Raises
    ------
    LimitError
        If the exact rows would hold more than 2^25 numbers.
    """

    def __init__(self, forms: ExactForms, inputs: Forms, sides: Forms, code: np.ndarray) -> None:
        check_conditions(forms)
        self.forms, self.inputs, self.code = forms, inputs, code
        self.sides, self.dim = sides, inputs.width
        self.sound = True
        self._chain: list[Forms | Link] | None = None
        self._members: dict[int, Link] = {}
        self.places: list[Place] = []
        parts = []
        if len(sides):
            own = Bounded.of(sides)
            self._judge(own)
            self.places += [Place(k, -1, -1, 1, -1) for k in range(len(sides))]
            parts.append(Bounded(own.value[:-1], own.error[:-1]))
        with np.errstate(all="ignore"):
            parts += self._units()
        from scipy.sparse import csr_array, vstack

        empty = csr_array((0, self.dim + 1))
        value = vstack([empty, *(p.value for p in parts)], format="csr")
        error = vstack([empty, *(p.error for p in parts)], format="csr")
        # constant are those whose coefficients are all exactly zero
        with np.errstate(all="ignore"):
            size = abs(value)[:, : self.dim].sum(axis=1) + error[:, : self.dim].sum(axis=1)
        varies = ~(size == 0)  # nor where something overflowed
        every, (kept, rest) = self.places, (np.flatnonzero(varies), np.flatnonzero(~varies))
        self.value, self.error = value[kept], error[kept]
        self.places = [every[i] for i in kept.tolist()]
        # a constant that is not 0 is positive: the region is not empty
        last = [m[rest][:, [self.dim]].toarray().reshape(-1) for m in (value, error)]
        zero, sure = (last[0] == 0) & (last[1] == 0), np.abs(last[0]) > last[1]
        self.vanishing = [every[i] for i in rest[zero].tolist()]
        self.constant = [every[i] for i in rest[~zero & ~sure].tolist()]

    def _judge(self, part: Bounded) -> None:
        self.sound = self.sound and part.sound()

    def _units(self) -> Iterator[Bounded]:
        """The rows of every layer's conditions."""
        program = self.forms.program
        state = Bounded.of(self.inputs)
        self._judge(state)
        for index, layer in enumerate(program.layers):
            check()
            weights = Bounded.of(layer.members)
            self._judge(weights)
            members = weights.after(state)
            start = int(program.unit_start[index])
            found = [
                Place(-1, index, f, sign, start + k)
                for k in range(len(layer.units))
                for f, sign, _ in layer.units.conditions(k, int(self.code[start + k]))
            ]
            self.places += found
            yield self._rows(layer.units, found, len(layer.members), members)
            if index + 1 < len(program.layers):
                state = self._next(index, members, state)

    def _rows(
        self, units: Units, found: Sequence[Place], width: int, members: Bounded
    ) -> Bounded:  # fmt: skip
        chosen = Bounded.of(_selected(units, found, width))
        self._judge(chosen)
        rows = chosen.after(members)
        return Bounded(rows.value[:-1], rows.error[:-1])

    def _next(self, index: int, members: Bounded, state: Bounded) -> Bounded:
        from scipy.sparse import vstack

        chosen = Bounded.of(chosen_pieces(self.forms.program, index, self.code))
        self._judge(chosen)
        both = Bounded(
            vstack([members.value[:-1], state.value], format="csr"),
            vstack([members.error[:-1], state.error], format="csr"),
        )
        return chosen.after(both)

    def __len__(self) -> int:
        return len(self.places)

    def exact(self, rows: Sequence[int]) -> list[Row]:
        """Some rows exactly, constant first."""
        return self.exact_at([self.places[i] for i in rows])

    def exact_at(self, given: Sequence[Place]) -> list[Row]:
        """Inequalities exactly, constant first."""
        out: dict[int, Row] = {}
        by_layer: dict[int, list[int]] = {}
        for i, place in enumerate(given):
            by_layer.setdefault(place.layer, []).append(i)
        program = self.forms.program
        for index, chosen in by_layer.items():
            places = [given[i] for i in chosen]
            if index < 0:
                found = self.sides.take(np.array([p.side for p in places]))
            else:
                layer = program.layers[index]
                first = _selected(layer.units, places, len(layer.members))
                found = after_all([first, *self._behind(index)])
            for k, i in enumerate(chosen):
                out[i] = _dense(found, k, self.dim)
        return [out[i] for i in range(len(given))]

    def _behind(self, index: int) -> list[Link]:
        """What leads from a layer's members to the coordinates, made ready once."""
        program = self.forms.program
        if self._chain is None:
            behind = links_behind(program, len(program.layers) - 1, self.code)
            self._chain = [*behind, self.inputs]
        first = len(self._chain) - 1 - 2 * index
        for k in range(first, len(self._chain)):
            link = self._chain[k]
            if not isinstance(link, Link):
                self._chain[k] = Link(link)
        if index not in self._members:
            self._members[index] = Link(program.layers[index].members)
        return [self._members[index], *self._chain[first:]]  # type: ignore[list-item]

    def condition(self, i: int, row: Row) -> Condition:
        """A row as one of the region's conditions."""
        place = self.places[i]
        return Condition(row, place.side, place.layer, place.form, place.sign, place.unit)


def _selected(units: Units, places: Sequence[Place], width: int) -> Forms:
    """Condition forms, each with its sign, over the members of their layer."""
    numbers = np.array([p.form for p in places], dtype=np.int64)
    signs = np.array([p.sign for p in places], dtype=float)
    plus, minus, pieces = units.form_columns(numbers)
    pair = minus >= 0
    shifts = units.piece_shift[pieces]
    if shifts.dtype == object:
        const = np.empty(len(numbers), dtype=object)
        const[:] = [
            Fraction(0) if both else Fraction(v) * int(s)
            for v, both, s in zip(shifts.tolist(), pair.tolist(), signs.tolist(), strict=True)
        ]
    else:
        const = np.where(pair, 0.0, shifts * signs)
    counts = 1 + pair.astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    indices = np.empty(indptr[-1], dtype=np.int64)
    data = np.empty(indptr[-1])
    indices[indptr[:-1]], data[indptr[:-1]] = plus, signs
    indices[indptr[:-1][pair] + 1], data[indptr[:-1][pair] + 1] = minus[pair], -signs[pair]
    return Forms(indptr, indices, data, const, width)


def _dense(forms: Forms, i: int, dim: int) -> Row:
    indices, data, const = forms.row(i)
    row = [ZERO] * (dim + 1)
    row[0] = q(const)
    for j, value in zip(indices.tolist(), data.tolist(), strict=True):
        row[j + 1] = row[j + 1] + q(value)
    return row
