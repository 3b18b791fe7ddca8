"""A program in floating point, level by level: what both the NumPy and the Numba passes read.

A level is a layer, or the output at the end. Parameters are rounded once to the type of the
pass, with bounds on what that costs; every float64 fits itself, so mostly the bounds are zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..compile.forms import Forms
from ..compile.program import Layer, Program, Units
from ..rationals import as_float

__all__ = ["Level", "Matrix", "Rounded", "bound_numbers", "levels_of", "safe_size"]

UNDERFLOW = {4: 2.0**-125, 8: 2.0**-1021}  # above any underflow of a product, flushed or not
_MORE = 1 + 1e-9  # sums of bounds round too


@dataclass(frozen=True)
class Rounded:
    """Numbers of the pass's type and their error bounds (float64; None if all are exact)."""

    values: np.ndarray
    errors: np.ndarray | None

    @classmethod
    @np.errstate(over="ignore", under="ignore")  # sums below the normal numbers are exact
    def of(cls, array: np.ndarray, dtype: np.dtype) -> Rounded:
        """Round an exact array; the bound is infinite for what lies beyond the range."""
        values, errors = as_float(array)
        if dtype.itemsize == 8:
            return cls(values, errors)
        narrow = values.astype(dtype)
        more = np.abs(values - narrow)  # one rounding: not above the size of the last place
        beyond = ~np.isfinite(narrow)
        narrow[beyond], more[beyond] = 0, np.inf
        if errors is None and not more.any():
            return cls(narrow, None)
        return cls(narrow, (more if errors is None else more + errors) * _MORE)

    def largest(self) -> float:
        """The largest size."""
        return float(np.abs(self.values).max(initial=0.0))

    def error(self) -> float:
        """The largest error bound."""
        return 0.0 if self.errors is None else float(self.errors.max(initial=0.0))


@dataclass(frozen=True)
class Matrix:
    """Affine forms as compressed sparse rows, rounded; columns increase in every row."""

    indptr: np.ndarray
    indices: np.ndarray
    data: Rounded
    const: Rounded
    width: int

    @classmethod
    def of(cls, forms: Forms, dtype: np.dtype) -> Matrix:
        rows = np.repeat(np.arange(len(forms)), np.diff(forms.indptr))
        order = np.lexsort((forms.indices, rows))
        data = Rounded.of(forms.data, dtype)
        errors = None if data.errors is None else data.errors[order]
        return cls(
            forms.indptr, forms.indices[order].astype(np.int64),
            Rounded(data.values[order], errors), Rounded.of(forms.const, dtype), forms.width,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.const.values)

    @property
    def rows(self) -> np.ndarray:
        """The row of every entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    @property
    def is_selection(self) -> bool:
        """Whether every form is one entry of the state, exactly."""
        return (
            len(self.indices) == len(self) and bool(np.all(np.diff(self.indptr) == 1))
            and bool(np.all(self.data.values == 1)) and not np.any(self.const.values)
            and self.data.errors is None and self.const.errors is None
        )  # fmt: skip

    def dense(self) -> np.ndarray:
        """All entries, shape (rows, width)."""
        out = np.zeros((len(self), self.width), self.data.values.dtype)
        out[self.rows, self.indices] = self.data.values
        return out

    def merged(self, target: np.ndarray, width: int) -> Matrix:
        """The same over sums of state entries: entry j is part of the sum ``target[j]``.

        Entries of one sum have equal columns; the first one's stays.
        """
        first = np.full(width, len(target), dtype=np.int64)
        np.minimum.at(first, target, np.arange(len(target)))
        kept = first[target[self.indices]] == self.indices
        starts = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
        errors = None if self.data.errors is None else self.data.errors[kept]
        indices, rows = target[self.indices[kept]], self.rows[kept]
        order = np.lexsort((indices, rows))
        data = Rounded(self.data.values[kept][order], None if errors is None else errors[order])
        return Matrix(starts[self.indptr], indices[order], data, self.const, width)


@dataclass(frozen=True)
class Level:
    """One level: its members, its units (None at the output) and what is passed on."""

    members: Matrix
    units: Units | None
    keep: np.ndarray
    shift: Rounded
    slope: Rounded
    offset: Rounded


def levels_of(program: Program, dtype: np.dtype) -> list[Level]:
    """All levels of a program, the output last."""
    none = Rounded(np.zeros(0, dtype), None)
    empty = np.zeros(0, dtype=np.int64)
    out = [_layer(layer, dtype) for layer in program.layers]
    out.append(Level(Matrix.of(program.output, dtype), None, empty, none, none, none))
    return out


def _layer(layer: Layer, dtype: np.dtype) -> Level:
    units = layer.units
    return Level(
        Matrix.of(layer.members, dtype), units, layer.keep, Rounded.of(units.piece_shift, dtype),
        Rounded.of(units.piece_slope, dtype), Rounded.of(units.piece_offset, dtype),
    )  # fmt: skip


@np.errstate(over="ignore", under="ignore")  # infinity proves nothing; small sums are exact
def bound_numbers(level: Level, dtype: np.dtype, members: Matrix, group: int = 1) -> np.ndarray:
    """The numbers of `kernel.bounds` for a level.

    ``group`` outputs at most are summed to one entry.

    Dense members may be summed by threads that BLAS keeps, in a mode that is not known: rounding
    may cost twice as much there (2 u an operation), and numbers below t (half of ``UNDERFLOW``)
    may be taken as 0. With |z_j| <= S, of a sum of m products w_j z_j flushing what is read
    costs at most t sum |z_j| <= t m S for weights below t and t sum |w_j| for entries below
    t, and flushing what arises t for each of m products and m + 1 partial sums.
    """
    u = float(np.finfo(dtype).eps) / 2
    terms = int(np.diff(members.indptr).max(initial=0))
    data = np.abs(members.data.values.astype(np.float64))
    rows = members.rows
    weight = np.bincount(rows, data, minlength=len(members)).max(initial=0.0) * _MORE
    doubt, tiny = 0.0, UNDERFLOW[dtype.itemsize]
    if members.data.errors is not None:
        doubt = np.bincount(rows, members.data.errors, minlength=len(members)).max(initial=0.0)
    out = np.zeros(16)
    out[:6] = (
        weight, doubt * _MORE + terms * tiny, members.const.largest(), members.const.error(),
        gamma(2 * max(terms, group) + 8, u), (2 * terms + 8 + weight + doubt) * tiny,
    )  # fmt: skip
    if level.units is not None:
        two = level.units.compares
        plain = not two and level.shift.largest() == 0 and level.shift.error() == 0
        slopes = np.abs(level.slope.values)
        whole = bool(np.all((slopes == 0) | (slopes == 1))) and not level.offset.largest()
        out[6:] = (
            2.0 if two else 1.0, 0.0 if plain else gamma(4, u), level.shift.largest(),
            level.shift.error(), level.slope.largest(), level.slope.error(),
            level.offset.largest(), level.offset.error(), 0.0 if whole else gamma(4, u), group,
        )  # fmt: skip
    return out


def gamma(n: int, u: float) -> float:
    """n u / (1 - n u), rounded up generously; infinite where it means nothing."""
    return n * u / (1 - n * u) * _MORE if n * u < 0.5 else np.inf


def safe_size(bounds: list[np.ndarray], groups: list[int], dtype: np.dtype) -> float:
    """The largest power of two such that no |x| up to it can lead to an overflow; -1 if none.

    ``groups``: how many outputs of each level are summed to one entry at most, read or not.
    """
    limit = float(np.finfo(dtype).max) / 8
    low, high = -150 if dtype.itemsize == 4 else -1100, 128 if dtype.itemsize == 4 else 1024

    def fits(exponent: int) -> bool:
        size = Fraction(2) ** exponent
        for b, group in zip(bounds, groups, strict=True):
            if not np.all(np.isfinite(b)):
                return False
            u = Fraction(b[0]) * size + Fraction(b[2])
            out = (Fraction(b[10]) * u + Fraction(b[12])) * group
            size = max(size, out)
            if max(u, size) * 2 + Fraction(b[8]) > limit:
                return False
        return True

    if not fits(low):
        return -1.0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return float(np.ldexp(1.0, low))
