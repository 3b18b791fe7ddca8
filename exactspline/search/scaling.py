"""Powers of two taken out of a program before it is rounded to float64.

Member i of a layer is divided by 2^e_i and entry k of the state after it by 2^s_k:

    u'_i = 2^-e_i u_i,    z'_k = 2^-s_k z_k,

with one exponent for all members that a unit compares. A condition form is u_i - u_j + shift, or
u_i + shift, with i and j of one unit; so it is divided by 2^e_i, its sign and its zeros are what
they were, and so are the pieces, codes and regions. The output of a piece, slope u_i + offset, is
(2^(e_i - s_k) slope) u'_i + 2^-s_k offset in units of 2^s_k, and the next layer's weight for it is
multiplied by 2^s_k. So the scaled program, computed in exact numbers, is another program with the
same regions, and whatever is proved of the one holds for the other.

**Coordinates.** Coordinate j of the search is divided by 2^c_j: x'_j = 2^-c_j x_j. Whatever reads
it (the domain's rows and bounds, the first layer, the inputs) has its coefficient multiplied by
2^c_j, and so the value that it had; x -> x' is a bijection, so the regions are the images of
what they were. `Coordinates.unscaled` brings witnesses and facets back; where that is no float64
any more, exactly.

What it is for: products of weights like 1e-200 fall out of float64's range, and what is left of
them is an error bound. Numbers of everyday size are left alone, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ..cells.space import SearchSpace
from ..compile.forms import Forms
from ..compile.program import Layer, Program, Units
from ..domain.rows import Bound
from ..polyhedra.lp import Point
from ..rationals import compact, fractions, nearest_float
from .decisions import Batch

__all__ = ["Coordinates", "scaled"]

EVERYDAY = 64  # exponents up to it are no reason to scale
MOST = 800  # of a coordinate: its points stay within float64's range
NONE = -(2**40)  # the exponent of zero: below that of any number


def scaled(program: Program, space: SearchSpace) -> tuple[Program, SearchSpace]:
    """A program with the same regions on the same space, and moderate numbers.

    Parameters
    ----------
    program : Program
        With at least one layer.
    space : SearchSpace

    Returns
    -------
    program, space
        The space's ``first``, ``inputs`` and ``rows`` are those of the scaled program; ``inputs``
        are not scaled. The same objects where nothing is to be done.
    """
    layers: list[Layer] = []
    state = np.zeros(program.input_dim, dtype=np.int64)  # exponents of what the layer reads
    first = space.first
    for index, layer in enumerate(program.layers):
        members = _columns(layer.members, state)
        read = first if index == 0 else members
        member = _member_exponents(read, layer.units)
        if index == 0:
            first = _rows(first, member)
        members = _rows(members, member)
        unit = _unit_exponents(layer.units, member)
        units = _units(layer.units, member, unit)
        state = np.concatenate([unit, state[layer.keep]])
        layers.append(replace(layer, members=members, units=units))
    rows = _rows(space.rows, _moderate(_row_exponents(space.rows)))
    output = _columns(program.output, state)
    if rows is not space.rows or first is not space.first:
        space = replace(space, rows=rows, first=first)
    same = all(
        a.members is b.members and a.units is b.units
        for a, b in zip(layers, program.layers, strict=True)
    )
    return (program if same else Program(program.input_dim, tuple(layers), output)), space


class Coordinates:
    """Search coordinates divided by powers of two.

    Parameters
    ----------
    space : SearchSpace

    Attributes
    ----------
    space : SearchSpace
        Over the scaled coordinates; the same object where nothing is to be done.
    exponents : int64 array, shape (d,)
    """

    def __init__(self, space: SearchSpace) -> None:
        self.exponents = np.clip(_moderate(_coordinate_exponents(space)), -MOST, MOST)
        self.space, self.unchanged = space, not np.any(self.exponents)
        if not self.unchanged:
            ends = [_divided(v, self.exponents) for v in (space.low, space.high, space.interior)]
            self.space = replace(
                space, inputs=_columns(space.inputs, self.exponents),
                first=_columns(space.first, self.exponents),
                rows=_columns(space.rows, self.exponents), low=ends[0], high=ends[1],
                interior=ends[2],
            )  # fmt: skip

    def unscaled(self, batch: Batch, inner: Callable[[int], Point]) -> Batch:
        """What was found, in the coordinates as they were.

        Parameters
        ----------
        batch : Batch
        inner : callable
            A point inside a facet of the batch, for those whose point beyond it is no float64
            point any more.
        """
        if self.unchanged:
            return batch
        facets = batch.facets
        if facets is not None:
            points, lost = self._floats(facets.point)
            exact = {e: fractions(inner(e)) for e in np.flatnonzero(lost).tolist()}
            exact.update(facets.exact)
            points[lost] = 0.0  # as for all whose point is exact
            facets.point = points
            facets.exact = {e: _divided(p, -self.exponents) for e, p in exact.items()}
        batch.points, batch.exact = self._points(batch.points, batch.exact)
        batch.candidates = [_divided(p, -self.exponents) for p in batch.candidates]
        return batch

    def _floats(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points in the coordinates as they were, and which of them float64 cannot hold."""
        with np.errstate(over="ignore", under="ignore"):
            out = np.ldexp(points, self.exponents)
            return out, np.any(np.ldexp(out, -self.exponents) != points, axis=1)

    def _points(
        self, points: np.ndarray, exact: dict[int, tuple[Fraction, ...]]
    ) -> tuple[np.ndarray, dict[int, tuple[Fraction, ...]]]:
        out, lost = self._floats(points)
        known = {i: _divided(point, -self.exponents) for i, point in exact.items()}
        for i in np.flatnonzero(lost).tolist():
            if i not in known:
                known[i] = _divided([Fraction(v) for v in points[i].tolist()], -self.exponents)
        for i, point in known.items():
            out[i] = [nearest_float(v) for v in point]
        return out, known


def _coordinate_exponents(space: SearchSpace) -> np.ndarray:
    """What every coordinate is divided by: its size on the domain, else that of what reads it."""
    out = np.full(space.dim, NONE, dtype=np.int64)
    np.maximum.at(out, space.first.indices, _exponents(space.first.data))
    out = np.where(out == NONE, NONE, -out)
    ends = zip(space.low, space.high, strict=True)
    for j, (low, high) in enumerate(ends):
        reach = max((abs(v) for v in (low, high) if v is not None), default=Fraction(0))
        if reach:
            out[j] = _exponent(reach)
    return out


def _divided(values: Sequence[Bound], exponents: np.ndarray) -> tuple[Any, ...]:
    """Numbers over powers of two, exactly; None where there is none."""
    pairs = zip(values, exponents.tolist(), strict=True)
    return tuple(None if v is None else v * Fraction(2) ** -e for v, e in pairs)


# ------------------------------------------------------------------------------ exponents
def _exponents(values: np.ndarray) -> np.ndarray:
    """Per number an e with 2^(e - 2) < |v| < 2^(e + 1); `NONE` for 0."""
    if values.dtype != object:
        exponents = np.frexp(values)[1].astype(np.int64)
        return np.where(values != 0, exponents, NONE)
    known: dict[int, int] = {}
    entries = values.reshape(-1).tolist()
    for v in entries:
        if id(v) not in known:
            known[id(v)] = _exponent(Fraction(v))
    return np.array([known[id(v)] for v in entries], dtype=np.int64).reshape(values.shape)


def _exponent(value: Fraction) -> int:
    """An e with 2^(e - 2) < |v| < 2^(e + 1); `NONE` for 0."""
    return value.numerator.bit_length() - value.denominator.bit_length() if value else NONE


def _moderate(exponents: np.ndarray) -> np.ndarray:
    """Zero where there is nothing to scale: zeros, and numbers of everyday size."""
    return np.where((exponents == NONE) | (np.abs(exponents) <= EVERYDAY), 0, exponents)


def _row_exponents(forms: Forms) -> np.ndarray:
    """The largest exponent of every form's numbers."""
    out = _exponents(forms.const)
    rows = np.repeat(np.arange(len(forms)), np.diff(forms.indptr))
    np.maximum.at(out, rows, _exponents(forms.data))
    return out


def _member_exponents(members: Forms, units: Units) -> np.ndarray:
    """What every member is divided by: the same for all that units compare, their shifts too."""
    own = _row_exponents(members)
    np.maximum.at(own, units.piece_member, _exponents(units.piece_shift))
    if not np.any(_moderate(own)):
        return np.zeros_like(own)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # neighbours in a unit's list of pieces are compared, and so are all of the unit
    last = units.piece_start[1:] - 1
    inside = np.ones(max(len(units.piece_member) - 1, 0), dtype=bool)
    inside[last[:-1]] = False
    a, b = units.piece_member[:-1][inside], units.piece_member[1:][inside]
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(len(own), len(own)))
    label = connected_components(graph, directed=False)[1]
    together = np.full(len(own), NONE, dtype=np.int64)
    np.maximum.at(together, label, own)
    return _moderate(together[label])


def _unit_exponents(units: Units, member: np.ndarray) -> np.ndarray:
    """What every unit's output is divided by."""
    slope = _exponents(units.piece_slope)
    size = np.where(slope == NONE, NONE, slope + member[units.piece_member])
    size = np.maximum(size, _exponents(units.piece_offset))
    return _moderate(np.maximum.reduceat(size, units.piece_start[:-1]))


# ---------------------------------------------------------------------------- scaled copies
def _times(values: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """values 2^exponents, in exact numbers."""
    if not np.any(exponents[values.astype(bool)]):
        return values
    if values.dtype != object:
        with np.errstate(over="ignore", under="ignore"):
            scaled_values = np.ldexp(values, exponents)
            same = np.ldexp(scaled_values, -exponents) == values
        if bool(np.all(same & np.isfinite(scaled_values))):  # nothing has left float64's range
            return scaled_values
    out = np.empty(len(values), dtype=object)
    out[:] = [
        Fraction(v) * (Fraction(1 << e) if e >= 0 else Fraction(1, 1 << -e))
        for v, e in zip(values.tolist(), exponents.tolist(), strict=True)
    ]
    return compact(out)


def _rows(forms: Forms, exponents: np.ndarray) -> Forms:
    """Every form divided by its power."""
    if not np.any(exponents):
        return forms
    each = np.repeat(exponents, np.diff(forms.indptr))
    return replace(forms, data=_times(forms.data, -each), const=_times(forms.const, -exponents))


def _columns(forms: Forms, exponents: np.ndarray) -> Forms:
    """Forms of entries that were divided by their powers."""
    if not np.any(exponents):
        return forms
    return replace(forms, data=_times(forms.data, exponents[forms.indices]))


def _units(units: Units, member: np.ndarray, unit: np.ndarray) -> Units:
    """The unit table between scaled members and scaled outputs."""
    if not np.any(member) and not np.any(unit):
        return units
    each = np.repeat(unit, units.pieces)
    return replace(
        units,
        piece_shift=_times(units.piece_shift, -member[units.piece_member]),
        piece_slope=_times(units.piece_slope, member[units.piece_member] - each),
        piece_offset=_times(units.piece_offset, -each),
    )
