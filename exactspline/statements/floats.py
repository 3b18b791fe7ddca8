"""The joint network in float64, for guesses: what is compared at many points, and the piece of one.

Every point that comes of it is checked exactly by whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from ..compile.program import Layer
from ..domain import Chart
from ..rationals import as_float, nearest_float
from .conditions import And, Condition, Constant, Literal
from .exact import on_one_thread
from .joint import Joint, asked

__all__ = ["FloatNetwork", "Region"]

_DENSE = 1 << 14  # coefficients of a layer, zeros included, that are kept dense in any case
_SHARE = 8  # times as many as are not zero: a sparse product takes longer for each of them


@dataclass(frozen=True)
class Region:
    """The region of a point: rows @ t <= ends, and the forms that are compared there."""

    rows: np.ndarray
    ends: np.ndarray
    forms: np.ndarray  # per compared unit, the constant last


class _FloatLayer:
    """A layer's members and units.

    Attributes
    ----------
    weight : array or sparse array, shape (members, entries)
    const : array, shape (members,)
    member, slope, offset, shift, unit : arrays, shape (pieces,)
        Of every piece; ``shift`` is -inf where no breakpoint is above it.
    begin, lead : arrays, shape (units,)
    compared : bool array, shape (units,)
    keep : array
    """

    def __init__(self, layer: Layer, compared: np.ndarray) -> None:
        forms, units = layer.members, layer.units
        data = as_float(forms.data)[0]
        if len(forms) * forms.width <= max(_DENSE, _SHARE * len(data)):
            self.weight: Any = np.zeros((len(forms), forms.width))
            rows = np.repeat(np.arange(len(forms)), np.diff(forms.indptr))
            self.weight[rows, forms.indices] = data
        else:
            from scipy.sparse import csr_array

            shape = len(forms), forms.width
            self.weight = csr_array((data, forms.indices, forms.indptr), shape=shape)
        self.const = as_float(forms.const)[0]
        self.member = units.piece_member
        self.slope, self.offset = as_float(units.piece_slope)[0], as_float(units.piece_offset)[0]
        self.begin, self.lead = units.piece_start[:-1], units.lead.astype(np.int64)
        self.unit = units.piece_unit
        self.shift = np.array(as_float(units.piece_shift)[0])
        self.shift[units.piece_start[1:] - 1] = -np.inf
        self.shift[self.lead[self.unit] != 0] = -np.inf
        self.compared, self.keep = compared, layer.keep
        two = np.diff(units.piece_start) == 2
        # all units bend once: the usual case, without an index
        self.bends = bool(np.all(two & (self.lead == 0)))

    def members(self, state: np.ndarray) -> np.ndarray:
        """Values of the members, of shape (members, n)."""
        return np.asarray(self.weight @ state)

    def units(self, value: np.ndarray) -> np.ndarray:
        """Values of the units, shape (units, n), for those of the members."""
        member, slope, offset = self.member, self.slope[:, None], self.offset[:, None]
        if not self.bends:
            pieces = slope * value[member] + offset
            return np.take_along_axis(pieces, self.chosen(value, pieces), axis=0)
        value = value[member[::2]]
        over = value + self.shift[::2, None] > 0
        lower, upper = slope[::2] * value + offset[::2], slope[1::2] * value + offset[1::2]
        return np.where(over, upper, lower)

    def chosen(self, value: np.ndarray, pieces: np.ndarray) -> np.ndarray:
        """The piece of every unit, shape (units, n), for its pieces' values and member values."""
        if not len(self.begin):
            return np.zeros((0, value.shape[1]), dtype=np.int64)
        over = value[self.member] + self.shift[:, None] > 0
        at = self.begin[:, None] + np.add.reduceat(over, self.begin, axis=0, dtype=np.int64)
        for k in np.flatnonzero(self.lead).tolist():
            end = self.begin[k + 1] if k + 1 < len(self.begin) else len(pieces)
            own = self.lead[k] * pieces[self.begin[k] : end]
            at[k] = self.begin[k] + own.argmax(axis=0)
        return np.asarray(at)


class FloatNetwork:
    """A joint network in float64.

    Parameters
    ----------
    joint : Joint
    chart : Chart
        Of the joint domain: points are given in its coordinates.
    """

    def __init__(self, joint: Joint, chart: Chart) -> None:
        self.joint, self.chart = joint, chart

    @cached_property
    def layers(self) -> list[_FloatLayer]:
        """The program's layers; made when they are asked for."""
        program, out = self.joint.program, []
        for index, layer in enumerate(program.layers):
            start = int(program.unit_start[index])
            out.append(_FloatLayer(layer, np.isin(np.arange(start, start + len(layer.units)),
                                                  self.joint.compared)))  # fmt: skip
        return out

    @cached_property
    def _columns(self) -> np.ndarray:
        """Per compared form its place among the compared units, in the order of the program.

        Equal forms share a unit.
        """
        compared = self.joint.compared
        return np.searchsorted(np.unique(compared), compared)

    @cached_property
    def _inputs(self) -> np.ndarray:
        """The joint network's inputs over the chart's coordinates, the constants last."""
        forms = self.chart.point
        out = np.zeros((len(forms), forms.width + 1))
        for i in range(len(forms)):
            indices, data, const = forms.row(i)
            out[i, indices] = [nearest_float(Fraction(v)) for v in data.tolist()]
            out[i, -1] = nearest_float(const)
        return out

    def compared(self, points: np.ndarray) -> np.ndarray:
        """Values of the compared forms at points of shape (n, k); shape (forms, n)."""
        state, found = self._inputs[:, :-1] @ points.T + self._inputs[:, -1:], []
        for layer in self.layers:
            value = layer.members(state) + layer.const[:, None]
            if layer.compared.any():
                found.append(value[layer.member[layer.begin[layer.compared]]])
            state = np.concatenate([layer.units(value), state[layer.keep]])
        return np.concatenate(found)[self._columns]

    @on_one_thread
    def margins(self, condition: Condition, points: np.ndarray) -> np.ndarray:
        """By how much a condition seems to hold at points, positive where it does; shape (n,).

        "and" is the least of its parts, "or" the largest; an equality is short by its distance.
        """
        forms, n = self.compared(points), len(points)

        def of(part: Condition) -> np.ndarray:
            if isinstance(part, Literal):
                value = forms[self.joint.columns[asked(part)[0]]]
                if part.relation == "!=":
                    return np.abs(value)
                if part.relation == "==":
                    return -np.abs(value)
                return value if part.relation == "<" else -value
            if isinstance(part, Constant):
                return np.full(n, np.inf if part.value else -np.inf)
            parts = [of(inner) for inner in part.parts]
            least = np.min if isinstance(part, And) else np.max
            return np.asarray(least(parts, axis=0))

        return np.nan_to_num(of(condition), nan=-np.inf)

    @on_one_thread
    def region(self, x: np.ndarray) -> Region:
        """The region of a point; comparisons do not cut it."""
        state, point = self._inputs, np.append(x, 1.0)
        rows, found = [np.zeros((0, len(point)))], []
        for layer in self.layers:
            members = layer.members(state)
            members[:, -1] += layer.const
            value = members @ point
            pieces = layer.slope[:, None] * members[layer.member]
            pieces[:, -1] += layer.offset
            at = layer.chosen(value[:, None], (pieces @ point)[:, None])[:, 0]
            chosen = at[layer.unit]
            if layer.compared.any():
                found.append(members[layer.member[layer.begin[layer.compared]]])
            all_, cuts = np.arange(len(layer.unit)), ~layer.compared[layer.unit]
            # a spline's piece lies between the breakpoint of the piece before and its own
            ends = members[layer.member]
            ends[:, -1] += layer.shift
            finite = cuts & np.isfinite(layer.shift)
            rows += [ends[finite & (all_ == chosen)], -ends[finite & (all_ == chosen - 1)]]
            lead = layer.lead[layer.unit]
            others = cuts & (lead != 0) & (all_ != chosen)
            rows.append(lead[others, None] * (pieces[others] - pieces[chosen[others]]))
            state = np.concatenate([pieces[at], state[layer.keep]])
        cut = np.concatenate(rows)
        return Region(cut[:, :-1], -cut[:, -1], np.concatenate(found)[self._columns])
