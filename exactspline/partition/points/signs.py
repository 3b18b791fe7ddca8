"""Codes of many points at once: float64 with error bounds that hold in real arithmetic.

A sign is taken only where a value exceeds its bound. Bounds are rounded generously: a sum of
m products costs at most about m * 2^-53 of the sum of their sizes, in any order of summation;
the factors below leave room for the rounding of the bounds themselves.

Products of matrices may be made by threads that BLAS keeps, and their mode is not known: they
may round in any direction (then one operation costs up to 2^-52 of its result) and take numbers
below t = 2^-1022 as 0. Of a sum of m products a_j b_j and a constant, flushing

- what is read costs |a_j| |b_j| < t |b_j| where a_j is below t, and t |a_j| where b_j is,
- what arises costs t for each product and each partial sum, read again or not.

So it is off by at most t (2 m + 1 + sum |a_j| + sum |b_j|) more. The bounds' own products are
flushed likewise, so they are charged the same once more. Where arithmetic is claimed to be exact
nothing can be flushed: every operand, product and partial sum is a multiple of t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...compile.forms import Forms
from ...compile.program import Layer, Program, Units
from ...rationals import as_float

__all__ = ["FloatForms", "FloatProgram", "Signs"]

_VALUES = 1 << 18  # members of maxima that are compared at once
_U = 2.0**-53
_TINY = 2.0**-1021  # above any underflow of a product, also where subnormals count as zero
_LOWEST = -1022  # the exponent from which on no mode takes a number as zero
_MORE = 1 + 2.0**-20  # rounding of the bounds themselves, up to 10^8 terms
_EXACT = 2.0**53


class FloatForms:
    """Affine forms in float64, evaluated on rows of points with error bounds."""

    def __init__(self, forms: Forms) -> None:
        n, width = len(forms), forms.width
        data, data_error = as_float(forms.data)
        self.const, const_error = as_float(forms.const)
        self.const_error = np.zeros(n) if const_error is None else const_error
        terms = np.diff(forms.indptr)
        self.terms = terms.astype(np.float64)
        dense = n * width <= max(4 * len(data), 1 << 16)
        rows = np.repeat(np.arange(n), terms)

        def matrix(values: np.ndarray) -> Any:
            """The transpose: (points, width) @ matrix gives (points, n)."""
            if dense:
                out = np.zeros((width, n))
                np.add.at(out, (forms.indices, rows), values)  # no entry occurs twice
                return out
            from scipy.sparse import csr_array

            return csr_array((values, (forms.indices, rows)), shape=(width, n))

        self.matrix = matrix(data)
        self.sizes = matrix(np.abs(data))
        self.errors = None if data_error is None else matrix(data_error)
        total = np.abs(data) if data_error is None else np.abs(data) + data_error
        self.row_sizes = np.bincount(rows, total, minlength=n)
        self.reads = matrix((data != 0).astype(np.float64))
        # the finest grid 2^e that holds a row's coefficients; too fine where one was rounded
        inexact = self.const_error != 0
        if data_error is not None:
            np.logical_or.at(inexact, rows, data_error != 0)
        self.grid = np.full(n, 2000)
        np.minimum.at(self.grid, rows, _lowest_bit(data))
        self.const_grid = np.where(inexact, -5000, _lowest_bit(self.const))

    def __len__(self) -> int:
        return len(self.const)

    def __call__(
        self, values: np.ndarray, errors: np.ndarray, *, exact: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """The forms at points and bounds of their errors, both of shape (points, n).

        With ``exact``, bounds are zero where the arithmetic is proved to be exact: all
        products and partial sums are on one grid and below 2^53 of its units.
        """
        size = np.abs(values)
        out = values @ self.matrix + self.const
        total = size @ self.sizes + np.abs(self.const)
        bound = (2 * self.terms + 8) * _U * total
        reach = (size + errors).sum(axis=1)[:, None]  # the file's head derives what is flushed
        bound += _TINY * (4 * self.terms + 4 + 2 * (reach + self.row_sizes))
        bound += self.const_error
        if errors.any():
            bound += errors @ self.sizes
        if self.errors is not None:
            bound += (size + errors) @ self.errors
        bound *= _MORE
        if exact:
            proved = errors == 0
            own = _lowest_bit(np.where(proved, values, 0.0)).min(axis=1, initial=2000)
            grid = np.minimum(own[:, None] + self.grid, self.const_grid)
            known = (~proved).astype(np.float64) @ self.reads == 0
            known &= (grid >= _LOWEST) & (total < np.ldexp(_EXACT, np.clip(grid, -1074, 900)))
            known &= (own[:, None] >= _LOWEST) & (self.grid >= _LOWEST)  # what is read
            bound[known] = 0.0
        return out, bound


def _lowest_bit(values: np.ndarray) -> np.ndarray:
    """The exponent of the lowest bit that is set; 2000 for zero, -5000 for what is no number."""
    mantissa, exponent = np.frexp(values)
    finite = np.isfinite(mantissa)
    integer = np.where(finite, mantissa * _EXACT, 0.0).astype(np.int64)
    low = np.frexp((integer & -integer).astype(np.float64))[1] - 1
    out = np.where(integer == 0, 2000, exponent - 53 + low)
    return np.where(finite, out, -5000)


@dataclass
class Signs:
    """What a pass over a batch of points proved.

    Attributes
    ----------
    codes : array, shape (points, units)
        Per unit the lowest piece whose conditions hold; a guess where not ``proved``.
    proved : bool array, shape (points,)
        Every condition of the chosen pieces holds strictly, except those named next.
    zero_point, zero_layer, zero_form : int arrays
        Conditions of chosen pieces whose form vanishes at the point, provably; they were taken
        to vanish identically around it.
    """

    codes: np.ndarray
    proved: np.ndarray
    zero_point: np.ndarray
    zero_layer: np.ndarray
    zero_form: np.ndarray


class FloatProgram:
    """A program in float64.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.members = [FloatForms(layer.members) for layer in program.layers]
        self.layers = [_FloatUnits(layer) for layer in program.layers]
        widths = [program.input_dim]
        for layer in program.layers:
            widths += [len(layer.members), len(layer.units.piece_member), layer.state_size]
        self.width = max(widths)  # of the largest array, per point

    def __call__(self, values: np.ndarray, errors: np.ndarray, *, exact: bool = False) -> Signs:
        """Codes of points (n, D) that are known up to the given errors."""
        n = len(values)
        codes = np.zeros((n, self.program.n_units), dtype=np.int64)
        proved = np.ones(n, dtype=bool)
        zeros: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        with np.errstate(all="ignore"):  # what overflows has an infinite bound: never proved
            for index, units in enumerate(self.layers):
                members = self.members[index](values, errors, exact=exact)
                start = int(self.program.unit_start[index])
                own, sure, zero, values, errors = units(*members, values, errors, exact=exact)
                codes[:, start : start + own.shape[1]] = own
                proved &= sure
                point, form = zero
                zeros.append((point, np.full(len(point), index), form))
        parts = zip(*zeros, strict=True) if zeros else ([], [], [])
        columns = [np.concatenate([*p, np.zeros(0, dtype=np.int64)]) for p in parts]
        return Signs(codes, proved, *(c.astype(np.int64) for c in columns))


class _FloatUnits:
    """The units of one layer in float64."""

    def __init__(self, layer: Layer) -> None:
        units = layer.units
        self.keep = layer.keep
        self.piece_start, self.piece_member = units.piece_start, units.piece_member
        self.slope, slope_error = as_float(units.piece_slope)
        self.offset, offset_error = as_float(units.piece_offset)
        none = np.zeros(len(self.slope))
        self.slope_error = none if slope_error is None else slope_error
        self.offset_error = none if offset_error is None else offset_error
        lead, counts = units.lead, units.pieces
        self.parts: list[tuple[np.ndarray, _Splines | _Maxima]] = []
        self.folds = False
        if not np.all(lead):
            splines = _Splines(units)
            self.parts.append((np.flatnonzero(lead == 0), splines))
            self.folds = (  # ReLU, abs: u times 0, 1 or -1 by the sign of u itself
                bool(np.all(units.two_piece)) and not units.compares and splines.plain
                and bool(np.all(np.isin(self.slope, (0.0, 1.0, -1.0))))
                and not np.any(self.offset) and not np.any(self.slope_error)
                and not np.any(self.offset_error)
            )  # fmt: skip
        for kind in np.unique(np.stack([lead, counts])[:, lead != 0], axis=1).T.tolist():
            which = np.flatnonzero((lead == kind[0]) & (counts == kind[1]))
            self.parts.append((which, _Maxima(units, which, *kind)))

    def __call__(
        self, members: np.ndarray, bounds: np.ndarray, values: np.ndarray, errors: np.ndarray,
        *, exact: bool,
    ) -> tuple[Any, ...]:  # fmt: skip
        if self.folds:
            return self._fold(members, bounds, values, errors, exact=exact)
        own = np.zeros((len(members), len(self.piece_start) - 1), dtype=np.int64)
        settled = np.ones(len(members), dtype=bool)
        zeros = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]
        for which, part in self.parts:
            own[:, which], sure, zero = part(members, bounds, exact=exact)
            settled &= sure
            zeros.append(zero)
        found = tuple(np.concatenate(column) for column in zip(*zeros, strict=True))
        pieces = self.piece_start[:-1] + own
        member = self.piece_member[pieces]
        slope, offset = self.slope[pieces], self.offset[pieces]
        at = np.take_along_axis(members, member, axis=1)
        bound = np.take_along_axis(bounds, member, axis=1)
        made = slope * at + offset
        size = np.abs(slope * at)
        spread = np.abs(slope) * bound * _MORE + self.slope_error[pieces] * (np.abs(at) + bound)
        spread += self.offset_error[pieces]
        doubt = self.slope_error[pieces] != 0  # its product with the member may underflow
        rounds = ((np.abs(slope) != 1) & (slope != 0)) | (offset != 0) & (slope != 0) | doubt
        if exact:  # slopes other than 0 and 1: exact if the product is, and the sum with offset
            grid = _lowest_bit(slope) + _lowest_bit(np.where(bound == 0, at, 0.0))
            grid = np.minimum(grid, _lowest_bit(offset))
            total = size + np.abs(offset)
            fits = (grid >= -1022) & (total < np.ldexp(_EXACT, np.clip(grid, -1074, 900)))
            rounds &= ~fits | (bound != 0) | doubt
        spread += np.where(rounds, 8 * _U * (size + np.abs(offset)) + 4 * _TINY, 0.0)
        spread = np.where((slope == 0) & ~doubt, self.offset_error[pieces], spread)
        state = np.hstack([made, values[:, self.keep]])
        return own, settled, found, state, np.hstack([spread, errors[:, self.keep]])

    def _fold(
        self, members: np.ndarray, bounds: np.ndarray, values: np.ndarray, errors: np.ndarray,
        *, exact: bool,
    ) -> tuple[Any, ...]:  # fmt: skip
        """The same for units that multiply their one member by 0, 1 or -1, by its sign."""
        which = self.piece_member[::2]
        if len(which) != members.shape[1] or np.any(which != np.arange(len(which))):
            members, bounds = members[:, which], bounds[:, which]
        on = members > bounds
        settled = on | (members < -bounds)
        found: tuple[np.ndarray, np.ndarray] = np.zeros(0), np.zeros(0)
        if exact:
            zero = (members == 0) & (bounds == 0)
            settled |= zero
            point, unit = np.nonzero(zero)
            found = point, self.piece_start[unit]
        slope = np.where(on, self.slope[1::2], self.slope[::2])
        state, spread = slope * members, np.abs(slope) * bounds
        if len(self.keep):
            state = np.hstack([state, values[:, self.keep]])
            spread = np.hstack([spread, errors[:, self.keep]])
        return on, settled.all(axis=1), found, state, spread


class _Splines:
    """The units of a layer that are splines of one member."""

    def __init__(self, units: Units) -> None:
        chosen = units.lead == 0
        pieces = np.flatnonzero(chosen[units.piece_unit])
        self.number = pieces * units.stride  # of the form at the breakpoint above
        self.counts = units.pieces[chosen]
        last = np.cumsum(self.counts)
        self.first = last - self.counts
        self.inner = np.ones(len(pieces), dtype=bool)  # there is a breakpoint above
        self.inner[last - 1] = False
        self.member = units.piece_member[pieces]
        self.shift, shift_error = as_float(units.piece_shift[pieces])
        self.shift_error = np.zeros(len(pieces)) if shift_error is None else shift_error
        self.plain = not (np.any(self.shift != 0) or np.any(self.shift_error != 0))

    def __call__(
        self, members: np.ndarray, bounds: np.ndarray, *, exact: bool
    ) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Codes, whether all are proved, and (points, forms): zeros of the chosen pieces.

        The code is the first piece with no condition in doubt, or the least bad one.
        """
        forms, spread = members[:, self.member], bounds[:, self.member]
        if not self.plain:
            size = np.abs(forms)
            rounding = 4 * _U * (size + np.abs(self.shift))
            if exact:
                rounding[_sum_is_exact(forms, self.shift)] = 0.0
            forms, spread = forms + self.shift, (spread + self.shift_error + rounding) * _MORE
        zero = (forms == 0) & (spread == 0) & self.inner
        bad = (~((forms < -spread) | (zero if exact else False)) & self.inner).astype(np.int64)
        bad[:, 1:] += ~(forms > spread)[:, :-1] & self.inner[:-1]
        own = np.zeros((len(forms), len(self.first)), dtype=np.int64)
        least = bad[:, self.first].copy()
        for r in range(1, int(self.counts.max(initial=0))):
            able = np.flatnonzero(self.counts > r)
            there = bad[:, self.first[able] + r]
            better = there < least[:, able]
            own[:, able] = np.where(better, r, own[:, able])
            least[:, able] = np.minimum(there, least[:, able])
        point, number = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        if exact and zero.any():
            chosen = np.zeros(zero.shape, dtype=bool)
            np.put_along_axis(chosen, self.first + own, True, axis=1)
            chosen[:, :-1] |= chosen[:, 1:] & self.inner[:-1]  # the breakpoint below
            point, at = np.nonzero(zero & chosen)
            number = self.number[at]
        return own, (least == 0).all(axis=1), (point, number)


class _Maxima:
    """The units of a layer that are maxima, or minima, of as many members."""

    def __init__(self, units: Units, which: np.ndarray, lead: int, n: int) -> None:
        self.lead, self.stride = lead, units.stride
        self.first = units.piece_start[which]
        self.member = units.piece_member[self.first[:, None] + np.arange(n)]

    def __call__(
        self, members: np.ndarray, bounds: np.ndarray, *, exact: bool
    ) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """The same; the code is the lowest of the largest members (smallest of a minimum).

        No other piece can have all of its conditions proved.
        """
        count, n = self.member.shape
        step = max(1, _VALUES // (max(1, len(members)) * n))
        own, proved = np.zeros((len(members), count), dtype=np.int64), np.ones(len(members), bool)
        zeros = []
        for begin in range(0, count, step):
            part = slice(begin, begin + step)
            own[:, part], sure, zero = self._part(members, bounds, part, exact=exact)
            proved &= sure
            zeros.append(zero)
        point, number = (np.concatenate(column) for column in zip(*zeros, strict=True))
        return own, proved, (point, number)

    def _part(
        self, members: np.ndarray, bounds: np.ndarray, part: slice, *, exact: bool
    ) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Some of the units."""
        values, spread = members[:, self.member[part]], bounds[:, self.member[part]]
        if self.lead < 0:
            np.negative(values, out=values)
        own = values.argmax(axis=2)
        at = own[:, :, None]
        best = np.take_along_axis(values, at, axis=2)
        rounding = 4 * _U * (np.abs(best) + np.abs(values))
        if exact:
            rounding[_sum_is_exact(best, -values)] = 0.0
        spread += np.take_along_axis(spread, at, axis=2)
        spread += rounding
        spread *= _MORE
        ahead = best - values
        held = ahead > spread
        point, number = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        if exact:
            zero = (ahead == 0) & (spread == 0)
            np.put_along_axis(zero, at, False, axis=2)
            held |= zero & (np.arange(values.shape[2]) > at)  # a lower one drops the piece
            point, unit, other = np.nonzero(zero)
            low = np.minimum(own[point, unit], other)
            above = np.abs(own[point, unit] - other)
            number = (self.first[part][unit] + low) * self.stride + above
        np.put_along_axis(held, at, True, axis=2)
        return own, held.all(axis=(1, 2)), (point, number)


def _sum_is_exact(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether a + b is a float64: the error of the sum, computed without error, is zero."""
    total = a + b
    part = total - a
    error = (a - (total - part)) + (b - part)
    return error == 0
