"""Bounds carried through an operator: values in an interval, and errors.

Every operator is read as a program of one operator, so no operator states its bounds itself.
All is float64 rounded outwards: a sum of n products is off by at most (n + 8) 2^-52 times the
sum of their absolute values, which is twice the classical bound, and by what underflows. So
no test for zero asks a product: a coefficient is exact where no error is charged to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..compile.forms import Forms
from ..compile.program import Layer, Program, Units
from ..domain import Domain
from ..domain.rows import all_rows, dense_rows
from ..rationals import as_float, fraction
from .proof import below, upwards

__all__ = ["Bounds", "input_bounds", "through"]

_UNIT = 2.0**-52
_TINY = 2.0**-1020  # more than an underflow loses, and more than flushing a result to zero does


@dataclass(frozen=True)
class Bounds:
    """What is known of a flat tensor, in the network and in its approximation.

    Attributes
    ----------
    low, high : float64 arrays
        Both tensors lie between them.
    error : float64 array
        They differ by at most that.
    """

    low: np.ndarray
    high: np.ndarray
    error: np.ndarray

    def capped(self) -> Bounds:
        """The same, with no error larger than the interval."""
        with np.errstate(all="ignore"):
            width = np.nextafter(self.high - self.low, math.inf)
        width = np.where(self.high == self.low, 0.0, width)
        return Bounds(self.low, self.high, np.fmin(self.error, width))

    def take(self, entries: np.ndarray) -> Bounds:
        """Chosen entries."""
        return Bounds(self.low[entries], self.high[entries], self.error[entries])

    @staticmethod
    def join(parts: list[Bounds]) -> Bounds:
        """Entries of several tensors one after the other."""
        return Bounds(
            np.concatenate([b.low for b in parts]),
            np.concatenate([b.high for b in parts]),
            np.concatenate([b.error for b in parts]),
        )


def through(program: Program, inputs: Bounds) -> Bounds:
    """Bounds of a program's output from bounds of its input."""
    state = inputs
    for layer in program.layers:
        state = Bounds.join([_units(layer, _affine(layer.members, state)), state.take(layer.keep)])
    return _affine(program.output, state).capped()


def _sums(rows: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(rows, weights=values, minlength=n)


def _affine(forms: Forms, x: Bounds) -> Bounds:
    if forms.is_selection():
        return x.take(forms.indices)
    n = len(forms)
    counts = np.diff(forms.indptr)
    rows = np.repeat(np.arange(n), counts)
    data, data_error = as_float(forms.data)
    const, const_error = as_float(forms.const)
    low, high, error = x.low[forms.indices], x.high[forms.indices], x.error[forms.indices]
    extra = np.zeros(n) if const_error is None else const_error
    exact = extra == 0
    with np.errstate(all="ignore"):
        size = np.abs(data)
        if data_error is not None:
            exact &= _sums(rows, data_error > 0, n) == 0
            reach = np.where(data_error > 0, data_error * np.maximum(abs(low), abs(high)), 0.0)
            extra = extra + _sums(rows, np.where(np.isnan(reach), math.inf, reach), n)
            size = size + data_error
        exact &= (counts == 0) | ((counts == 1) & (const == 0) & (_sums(rows, size != 1, n) == 0))
        bottom = _lower(rows, np.where(data > 0, data * low, data * high), const, extra, exact)
        top = -_lower(rows, -np.where(data > 0, data * high, data * low), -const, extra, exact)
        carried = np.where(error > 0, size * error, 0.0)
        total = _sums(rows, carried, n)
        charged = total * (1 + (counts + 8) * _UNIT) + (counts + 1) * _TINY
        total = np.where(exact, total, charged)
        total = np.where(_sums(rows, error, n) == 0, 0.0, total)
    return Bounds(bottom, top, np.where(np.isnan(total), math.inf, total))


def _lower(
    rows: np.ndarray, products: np.ndarray, const: np.ndarray, extra: np.ndarray, exact: np.ndarray
) -> np.ndarray:
    """Lower bounds of sums of products that were rounded to nearest."""
    n = len(const)
    counts = np.bincount(rows, minlength=n)
    total = _sums(rows, products, n) + const
    size = _sums(rows, np.abs(products), n) + np.abs(const) + extra
    slack = size * ((counts + 8) * _UNIT) + extra + (counts + 2) * _TINY
    out = np.where(exact, total, np.nextafter(total - slack, -math.inf))
    return np.where(np.isnan(out) | (out == math.inf), -math.inf, out)


def _units(layer: Layer, u: Bounds) -> Bounds:
    """Bounds of the units of a layer from those of its members."""
    units = layer.units
    n = len(units)
    starts = units.piece_start[:-1]
    owner = np.repeat(np.arange(n), units.pieces)
    member = units.piece_member
    single = units.lead == 0  # conditions on one member
    on_one = single[owner]
    low, high = _piece_intervals(units, u)
    low, high = np.where(on_one, low, u.low[member]), np.where(on_one, high, u.high[member])
    reached = low <= high
    slope, slope_error = as_float(units.piece_slope)
    offset, offset_error = as_float(units.piece_offset)
    zero = np.zeros(len(slope))
    slope_error = zero if slope_error is None else slope_error
    offset_error = zero if offset_error is None else offset_error
    with np.errstate(all="ignore"):
        ends = np.stack([_times(slope, low), _times(slope, high)])
        wide = _times(slope_error, np.maximum(np.abs(low), np.abs(high))) + offset_error
        plain = (slope == 0) | (offset == 0) & (np.abs(slope) == 1)
        plain &= (slope_error == 0) & (offset_error == 0)
        slack = (np.abs(ends).max(axis=0) + np.abs(offset)) * (8 * _UNIT) + wide + 4 * _TINY
        bottom, top = ends.min(axis=0) + offset, ends.max(axis=0) + offset
        bottom = np.where(plain, bottom, np.nextafter(bottom - slack, -math.inf))
        top = np.where(plain, top, np.nextafter(top + slack, math.inf))
        bottom = np.where(np.isnan(bottom), -math.inf, bottom)
        top = np.where(np.isnan(top), math.inf, top)
        steep = np.nextafter(np.abs(slope) + slope_error, math.inf)
        steep = np.where((slope_error == 0), np.abs(slope), steep)
        carried = u.error[member]
        error = np.where(steep == 1, carried, steep * carried * (1 + 4 * _UNIT) + _TINY)
        error = np.where((carried == 0) | (steep == 0), 0.0, error)
    bottom = np.where(reached, bottom, math.inf)
    top = np.where(reached, top, -math.inf)
    error = np.where(reached, error, 0.0)
    least = np.minimum.reduceat(bottom, starts)
    most = np.maximum.reduceat(top, starts)
    # a maximum is above each of its members, a minimum below
    least = np.where(units.lead > 0, np.maximum.reduceat(bottom, starts), least)
    most = np.where(units.lead < 0, np.minimum.reduceat(top, starts), most)
    return Bounds(least, most, np.maximum.reduceat(error, starts)).capped()


def _times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products, with 0 times infinity 0."""
    return np.where((a == 0) | (b == 0), 0.0, a * b)


def _piece_intervals(units: Units, u: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """Where the member of every piece can be, by the conditions that read one member."""
    low, high = u.low[units.piece_member].copy(), u.high[units.piece_member].copy()
    shift, shift_error = as_float(units.piece_shift)
    with np.errstate(all="ignore"):
        error = np.zeros(len(shift)) if shift_error is None else shift_error
        # where a shift was rounded, a breakpoint lies between these
        first = np.where(error > 0, np.nextafter(-shift - error, -math.inf), -shift)
        last = np.where(error > 0, np.nextafter(-shift + error, math.inf), -shift)
    last_piece = np.zeros(len(low), dtype=bool)
    last_piece[units.piece_start[1:] - 1] = True
    below = np.flatnonzero((units.lead == 0)[units.piece_unit] & ~last_piece)
    high[below] = np.minimum(high[below], last[below])
    low[below + 1] = np.maximum(low[below + 1], first[below])
    return low, high


def input_bounds(domain: Domain | None, dim: int) -> Bounds:
    """Bounds of every input coordinate on a domain.

    Notes
    -----
    Exact for boxes and polytopes (two exact linear programs a coordinate of the domain's own
    parametrisation), then rounded outwards; a slice's coordinates are bounded through its
    parameters.
    """
    if domain is None:
        return Bounds(np.full(dim, -math.inf), np.full(dim, math.inf), np.zeros(dim))
    chart = domain.chart
    lows, highs = list(chart.low), list(chart.high)
    if len(chart.rows):
        _by_programs(domain, lows, highs)
    low = np.array([-math.inf if v is None else below(v) for v in lows])
    high = np.array([math.inf if v is None else upwards(v) for v in highs])
    return _affine(chart.point, Bounds(low, high, np.zeros(chart.dim)))


def _by_programs(domain: Domain, lows: list[Fraction | None], highs: list[Fraction | None]) -> None:
    """Tighten bounds of the chart's coordinates to exact optima."""
    from ..polyhedra.lp import ONE, ZERO, minimise, q

    chart = domain.chart
    k = chart.dim
    rows = dense_rows(all_rows(chart.low, chart.high, chart.rows, k))
    start = [q(v) for v in chart.interior]
    for j in range(k):
        for sign, ends in ((1, lows), (-1, highs)):
            objective = [ZERO] * (k + 1)
            objective[j + 1] = ONE * sign
            value = minimise(rows, objective, start).value
            if value is not None:
                ends[j] = fraction(value) * sign
