"""Codes of many points at once: float64 with error bounds that hold in real arithmetic.

A sign is taken only where a value exceeds its bound. Bounds are rounded generously: a sum of
m products costs at most about m * 2^-53 of the sum of their sizes, in any order of summation;
the factors below leave room for the rounding of the bounds themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..compile.forms import Forms
from ..compile.program import Layer, Program
from ..rationals import as_float

__all__ = ["FloatForms", "FloatProgram", "Signs"]

_U = 2.0**-53
_TINY = 2.0**-1021  # above any underflow of a product, also where subnormals count as zero
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
        bound = (2 * self.terms + 8) * _U * total + (self.terms + 1) * _TINY
        bound += self.const_error
        if errors.any():
            bound += errors @ self.sizes
        if self.errors is not None:
            bound += (size + errors) @ self.errors
        bound *= _MORE
        if exact:
            proved = errors == 0
            grid = _lowest_bit(np.where(proved, values, 0.0)).min(axis=1, initial=2000)
            grid = np.minimum(grid[:, None] + self.grid, self.const_grid)
            known = (~proved).astype(np.float64) @ self.reads == 0
            known &= (grid >= -1022) & (total < np.ldexp(_EXACT, np.clip(grid, -1074, 900)))
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
            widths += [len(layer.members), len(layer.units.form_plus), layer.state_size]
            widths.append(len(layer.units.cond_form))
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
        self.plus, self.minus = units.form_plus, units.form_minus
        self.shift, shift_error = as_float(units.form_shift)
        self.shift_error = np.zeros(len(self.shift)) if shift_error is None else shift_error
        self.plain = not (
            np.any(self.minus >= 0) or np.any(self.plus < 0)
            or np.any(self.shift != 0) or np.any(self.shift_error != 0)
        )  # fmt: skip
        self.piece_start, self.piece_member = units.piece_start, units.piece_member
        self.slope, slope_error = as_float(units.piece_slope)
        self.offset, offset_error = as_float(units.piece_offset)
        none = np.zeros(len(self.slope))
        self.slope_error = none if slope_error is None else slope_error
        self.offset_error = none if offset_error is None else offset_error
        self.cond_piece = np.repeat(np.arange(len(none)), np.diff(units.cond_start))
        self.cond_form, self.cond_sign = units.cond_form, units.cond_sign
        self.cond_drop = units.cond_drop
        self.two = bool(np.all(units.two_piece)) and len(units) > 0
        first, second = self.piece_member[::2], self.piece_member[1::2]
        self.folds = (  # ReLU, abs: u times 0, 1 or -1 by the sign of u itself
            self.two and self.plain and np.array_equal(first, second)
            and np.array_equal(first, self.plus[self.cond_form[::2]])
            and bool(np.all(np.isin(self.slope, (0.0, 1.0, -1.0))))
            and not np.any(self.offset) and not np.any(self.slope_error)
            and not np.any(self.offset_error)
        )  # fmt: skip

    def __call__(
        self, members: np.ndarray, bounds: np.ndarray, values: np.ndarray, errors: np.ndarray,
        *, exact: bool,
    ) -> tuple[Any, ...]:  # fmt: skip
        if self.folds:
            return self._fold(members, bounds, values, errors, exact=exact)
        forms, spread = self._forms(members, bounds, exact=exact)
        sign = (forms > spread).astype(np.int8) - (forms < -spread).astype(np.int8)
        zero = (forms == 0) & (spread == 0) if exact else np.zeros((1, 1), dtype=bool)
        if self.two:
            form = self.cond_form[::2]
            own = (sign[:, form] > 0).astype(np.int64)
            settled = sign[:, form] != 0
            if exact:
                settled |= zero[:, form]
        else:
            own, settled = self._pieces(sign, zero, exact=exact)
        pieces = self.piece_start[:-1] + own
        found = self._zeros(zero, pieces) if exact and zero.any() else (np.zeros(0), np.zeros(0))
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
        return own, settled.all(axis=1), found, state, np.hstack([spread, errors[:, self.keep]])

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
            found = point, self.cond_form[::2][unit]
        slope = np.where(on, self.slope[1::2], self.slope[::2])
        state, spread = slope * members, np.abs(slope) * bounds
        if len(self.keep):
            state = np.hstack([state, values[:, self.keep]])
            spread = np.hstack([spread, errors[:, self.keep]])
        return on, settled.all(axis=1), found, state, spread

    def _forms(
        self, members: np.ndarray, bounds: np.ndarray, *, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Condition forms u[plus] - u[minus] + shift, and their error bounds."""
        if self.plain:
            return members[:, self.plus], bounds[:, self.plus]
        none = np.zeros((len(members), 1))
        members, bounds = np.hstack([members, none]), np.hstack([bounds, none])  # index -1
        a, b = members[:, self.plus], members[:, self.minus]
        difference = a - b
        forms = difference + self.shift
        spread = bounds[:, self.plus] + bounds[:, self.minus] + self.shift_error
        rounding = 4 * _U * (np.abs(a) + np.abs(b) + np.abs(self.shift))
        if exact:
            rounding[_sum_is_exact(a, -b) & _sum_is_exact(difference, self.shift)] = 0.0
        return forms, (spread + rounding) * _MORE

    def _pieces(
        self, sign: np.ndarray, zero: np.ndarray, *, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Per unit the first piece with no condition in doubt, or the least bad one."""
        held = sign[:, self.cond_form] * self.cond_sign > 0
        if exact:
            held |= zero[:, self.cond_form] & ~self.cond_drop
        bad = np.zeros((len(sign), len(self.slope)), dtype=np.int64)
        starts = np.flatnonzero(np.diff(self.cond_piece, prepend=-1))
        if len(starts):
            bad[:, self.cond_piece[starts]] = np.add.reduceat(
                ~held, starts, axis=1, dtype=np.int64
            )
        n_units = len(self.piece_start) - 1
        own = np.zeros((len(sign), n_units), dtype=np.int64)
        least = bad[:, self.piece_start[:-1]].copy()
        for r in range(1, int(np.diff(self.piece_start).max(initial=0))):
            able = np.flatnonzero(np.diff(self.piece_start) > r)
            there = bad[:, self.piece_start[able] + r]
            better = there < least[:, able]
            own[:, able] = np.where(better, r, own[:, able])
            least[:, able] = np.minimum(there, least[:, able])
        return own, least == 0

    def _zeros(self, zero: np.ndarray, pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(points, forms): conditions of the chosen pieces whose form vanishes, provably."""
        chosen = np.zeros((len(zero), len(self.slope)), dtype=bool)
        np.put_along_axis(chosen, pieces, True, axis=1)
        point, cond = np.nonzero(zero[:, self.cond_form] & chosen[:, self.cond_piece])
        return point, self.cond_form[cond]


def _sum_is_exact(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether a + b is a float64: the error of the sum, computed without error, is zero."""
    total = a + b
    part = total - a
    error = (a - (total - part)) + (b - part)
    return error == 0
