"""Sparse tuples of affine forms with exact coefficients, and their exact composition."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..clock import check, expect, watched
from ..rationals import compact
from ..room import MOST_COEFFICIENTS, check_room

__all__ = ["Forms", "integers", "products"]

_MOST_PRODUCTS = 20_000_000  # that are laid out at once
_FEW_PRODUCTS = 100_000  # that need no faster way
_FAR = 500  # exponents up to which no product of two leaves the range of float64
_SECONDS = 5e-9  # that a product of integers of some 100 bits takes in a matrix


@dataclass(frozen=True)
class Forms:
    """n affine forms over a state of a given width, as compressed sparse rows.

    Attributes
    ----------
    indptr : numpy.ndarray, shape (n + 1,), int64
    indices : numpy.ndarray, int64
        Which state entry each coefficient belongs to.
    data, const : numpy.ndarray
        Exact arrays (float64, or objects holding Fractions): coefficients and constants (n,).
    width : int
        Number of state entries the forms are over.
    """

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    const: np.ndarray
    width: int

    def __len__(self) -> int:
        return len(self.const)

    @staticmethod
    def selection(indices: np.ndarray, width: int) -> Forms:
        """The forms z_i for the given i."""
        n = len(indices)
        return Forms(
            np.arange(n + 1, dtype=np.int64),
            np.asarray(indices, dtype=np.int64),
            np.ones(n),
            np.zeros(n),
            width,
        )

    def is_selection(self) -> bool:
        """Whether every form is just one state entry."""
        return (
            self.data.dtype != object
            and self.const.dtype != object
            and len(self.data) == len(self.const)
            and bool(np.all(np.diff(self.indptr) == 1))
            and bool(np.all(self.data == 1.0))
            and not np.any(self.const)
        )

    def take(self, rows: np.ndarray) -> Forms:
        """The chosen forms, in the given order."""
        rows = np.asarray(rows, dtype=np.int64)
        if len(rows) == len(self) and np.array_equal(rows, np.arange(len(self))):
            return self
        counts = self.indptr[rows + 1] - self.indptr[rows]
        _check_room(int(counts.sum()))
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        gather = np.repeat(self.indptr[rows] - indptr[:-1], counts) + np.arange(indptr[-1])
        return Forms(indptr, self.indices[gather], self.data[gather], self.const[rows], self.width)

    def relabel(self, new_index: np.ndarray, width: int) -> Forms:
        """The same forms over another numbering of the state entries they read."""
        return Forms(self.indptr, new_index[self.indices], self.data, self.const, width)

    def without_zeros(self) -> Forms:
        """Drop coefficients that are exactly zero."""
        keep = _nonzero(self.data)
        if np.all(keep):
            return self
        kept = np.concatenate([[0], np.cumsum(keep)]).astype(np.int64)
        return Forms(kept[self.indptr], self.indices[keep], self.data[keep], self.const, self.width)

    def after(self, inner: Forms) -> Forms:
        """The exact composition: these forms read the values of ``inner``.

        Notes
        -----
        Cost is the number of nonzero products. Where products meet in one coefficient they
        are summed as integers over a common denominator.
        """
        if inner.is_selection():
            return self.relabel(inner.indices, inner.width)._merged()
        terms = int(np.diff(inner.indptr)[self.indices].sum())
        _check_room(min(terms, len(self) * inner.width))
        if np.all(np.diff(self.indptr) <= 1):
            return self._scaled(inner)
        joined = self._joined(inner)
        if joined is not None:
            return joined
        return self._by_matrices(inner) or self._composed(inner)

    def _joined(self, inner: Forms) -> Forms | None:
        """`after` where no two products meet in one coefficient; None where some do."""
        counts = np.diff(inner.indptr)[self.indices]
        if counts.sum() > _MOST_PRODUCTS:
            return None
        picked = inner.take(self.indices)
        rows = np.repeat(np.repeat(np.arange(len(self)), np.diff(self.indptr)), counts)
        keys = rows * inner.width + picked.indices
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        if np.any(keys[1:] == keys[:-1]):
            return None
        indptr = np.searchsorted(rows, np.arange(len(self) + 1))  # rows already increase
        data = products(np.repeat(self.data, counts)[order], picked.data[order])
        joined = Forms(
            indptr.astype(np.int64), picked.indices[order], data, self._constants(inner),
            inner.width,
        )  # fmt: skip
        return joined.without_zeros()

    def _constants(self, inner: Forms) -> np.ndarray:
        """The constants of the composition: these forms of the constants of ``inner``."""
        reads = np.flatnonzero(_nonzero(inner.const)[self.indices])
        if len(reads) == 0:
            return self.const
        outer, outer_den = integers(self.data[reads])
        shift, inner_den = integers(inner.const)
        terms = outer * shift[self.indices[reads]]
        rows = np.searchsorted(self.indptr, reads, side="right") - 1
        starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
        denominator = outer_den * inner_den
        sums = _objects([Fraction(0)] * len(self))
        sums[rows[starts]] = [Fraction(v, denominator) for v in np.add.reduceat(terms, starts)]
        return _sums(self.const, sums)

    def _by_matrices(self, inner: Forms) -> Forms | None:
        """`after` as a product of integer matrices; None where these would be mostly zeros."""
        products_ = int(np.diff(inner.indptr)[self.indices].sum())
        if products_ < _FEW_PRODUCTS:
            return None
        used, middle = np.unique(self.indices, return_inverse=True)
        picked = inner.take(used)
        columns, place = np.unique(picked.indices, return_inverse=True)
        n, k, m = len(self), len(used), len(columns)
        if n * k * m > 8 * products_ or m == 0:
            return None
        import flint

        outer, outer_den = integers(self.data)
        values, inner_den = integers(np.concatenate([picked.data, picked.const]))
        left, right = np.zeros((n, k), dtype=object), np.zeros((k, m + 1), dtype=object)
        expect(_SECONDS * n * k * m)
        rows = np.repeat(np.arange(n), np.diff(self.indptr))
        np.add.at(left, (rows, middle.reshape(-1)), outer)
        inner_rows = np.repeat(np.arange(k), np.diff(picked.indptr))
        np.add.at(right, (inner_rows, place.reshape(-1)), values[: len(picked.data)])
        right[:, m] = values[len(picked.data) :]
        product = flint.fmpz_mat(n, k, left.reshape(-1).tolist()) * flint.fmpz_mat(
            k, m + 1, right.reshape(-1).tolist()
        )
        denominator = outer_den * inner_den
        entries = _objects([Fraction(int(v), denominator) for v in watched(product.entries())])
        entries = entries.reshape(n, m + 1)
        return Forms(
            np.arange(n + 1, dtype=np.int64) * m,
            np.tile(columns, n).astype(np.int64),
            compact(entries[:, :m].reshape(-1)),
            _sums(self.const, compact(entries[:, m].copy())),
            inner.width,
        ).without_zeros()

    def _scaled(self, inner: Forms) -> Forms:
        """`after` for rows of one entry at most: each picks one form and scales it."""
        has = np.diff(self.indptr) == 1
        rows = np.flatnonzero(has)
        picked = inner.take(self.indices)
        counts = np.zeros(len(self), dtype=np.int64)
        counts[rows] = np.diff(picked.indptr)
        scaled = products(self.data, picked.const)
        exact = scaled.dtype == object
        shift = _objects([Fraction(0)] * len(self)) if exact else np.zeros(len(self))
        shift[rows] = scaled
        return Forms(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            picked.indices,
            products(np.repeat(self.data, np.diff(picked.indptr)), picked.data),
            _sums(self.const, shift),
            inner.width,
        ).without_zeros()

    def _composed(self, inner: Forms) -> Forms:
        outer_int, outer_den = _over_common_denominator(np.concatenate([self.data, self.const]))
        inner_int, inner_den = _over_common_denominator(np.concatenate([inner.data, inner.const]))
        n_outer, n_inner = len(self.data), len(inner.data)
        inner_rows = [
            list(zip(inner.indices[a:b].tolist(), inner_int[a:b], strict=True))
            for a, b in zip(inner.indptr[:-1].tolist(), inner.indptr[1:].tolist(), strict=True)
        ]
        inner_const = inner_int[n_inner:]
        denominator = outer_den * inner_den
        indptr, indices, data, const = [0], [], [], []
        for row in range(len(self)):
            check()
            total: dict[int, int] = {}
            offset = outer_int[n_outer + row] * inner_den
            for at in range(int(self.indptr[row]), int(self.indptr[row + 1])):
                factor = outer_int[at]
                if factor == 0:
                    continue
                source = int(self.indices[at])
                offset += factor * inner_const[source]
                for column, value in inner_rows[source]:
                    total[column] = total.get(column, 0) + factor * value
            for column in sorted(total):
                if total[column]:
                    indices.append(column)
                    data.append(Fraction(total[column], denominator))
            indptr.append(len(indices))
            const.append(Fraction(offset, denominator))
        return Forms(
            np.array(indptr, dtype=np.int64),
            np.array(indices, dtype=np.int64),
            compact(_objects(data)),
            compact(_objects(const)),
            inner.width,
        )

    def _merged(self) -> Forms:
        """Sum coefficients of the same state entry (a relabelling may have joined some)."""
        falls = np.concatenate([self.indices[1:] <= self.indices[:-1], [False]])
        falls[self.indptr[1:][self.indptr[1:] > 0] - 1] = False  # where a row ends
        if not np.any(falls):
            return self
        keys = np.repeat(np.arange(len(self)), np.diff(self.indptr)) * self.width + self.indices
        keys.sort()
        if np.all(keys[1:] != keys[:-1]):
            return self
        return self._composed(Forms.selection(np.arange(self.width), self.width))

    def row(self, i: int) -> tuple[np.ndarray, np.ndarray, Fraction]:
        """Indices, coefficients (exact array) and constant of form i."""
        a, b = int(self.indptr[i]), int(self.indptr[i + 1])
        return self.indices[a:b], self.data[a:b], Fraction(self.const[i])


def _check_room(count: int) -> None:
    check_room(
        count, MOST_COEFFICIENTS, "compiling the network: an affine map",
        "take fewer or smaller affine operators",
    )  # fmt: skip


def products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Entrywise exact products of two exact arrays of equal length.

    Notes
    -----
    Every distinct pair is multiplied once: the rows of a convolution repeat few weights.
    """
    if len(a) == 0:
        return np.zeros(0)
    if a.dtype != object and np.all(a == 1.0):
        return b
    if b.dtype != object and np.all(b == 1.0):
        return a
    if a.dtype != object and b.dtype != object and _short(a, b):
        return np.asarray(a * b)
    which_a, values_a = _distinct(a)
    which_b, values_b = _distinct(b)
    keys, which = np.unique(which_a * len(values_b) + which_b, return_inverse=True)
    pairs = [divmod(k, len(values_b)) for k in watched(keys.tolist())]
    made = _objects([values_a[i] * values_b[j] for i, j in watched(pairs)])
    return compact(made)[which.reshape(-1)]


def _short(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether products of two float64 arrays fit 53 bits and the range, so that none is rounded.

    Numbers of m and n bits have a product of at most m + n: those of float32 weights always fit.
    """
    total = np.zeros(len(a), dtype=np.int64)
    for array in (a, b):
        mantissa, exponent = np.frexp(array)
        if np.any(np.abs(exponent) > _FAR):
            return False
        whole = np.abs(mantissa * 2.0**53).astype(np.int64)
        lowest = np.frexp((whole & -whole).astype(np.float64))[1] - 1
        total += np.where(whole == 0, 0, 53 - lowest)
    return bool(np.all(total <= 53))


def _distinct(array: np.ndarray) -> tuple[np.ndarray, list[Fraction]]:
    """Per entry the number of its value, and the values; equal Fractions may count apart."""
    if array.dtype != object:
        values, which = np.unique(array, return_inverse=True)
        return which.reshape(-1), [Fraction(v) for v in watched(values.tolist())]
    entries = array.tolist()
    number: dict[int, int] = {}
    kept: list[Fraction] = []
    for v in watched(entries):
        if number.setdefault(id(v), len(kept)) == len(kept):
            kept.append(v)
    return np.array([number[id(v)] for v in entries], dtype=np.int64), kept


def _sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Entrywise exact sums of two exact arrays."""
    if not np.any(a != 0):
        return compact(b)
    if not np.any(b != 0):
        return compact(a)
    pairs = zip(a.tolist(), b.tolist(), strict=True)
    return compact(_objects([Fraction(v) + Fraction(w) for v, w in watched(pairs)]))


def _nonzero(array: np.ndarray) -> np.ndarray:
    """Where an exact array is not zero."""
    return np.asarray(array.astype(bool))


def _objects(values: list[Any]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def integers(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Exact numbers as integers over one denominator: an object array, and the denominator.

    Every distinct number is made once.
    """
    which, distinct = _distinct(values)
    if values.dtype == object:
        out, denominator = _over_common_denominator(_objects(distinct))
    else:
        out, denominator = _over_common_denominator(np.array([float(v) for v in distinct]))
    return _objects(out)[which], denominator


def _over_common_denominator(values: np.ndarray) -> tuple[list[int], int]:
    """Exact numbers as integers over one denominator."""
    if values.dtype != object:
        mantissa, exponent = np.frexp(values)
        integers = (mantissa * 2.0**53).astype(np.int64)
        exponent = exponent - 53
        lowest = int(exponent[integers != 0].min()) if np.any(integers) else 0
        shifts = np.where(integers != 0, exponent - lowest, 0)
        out = [m << s for m, s in zip(integers.tolist(), shifts.tolist(), strict=True)]
        if lowest >= 0:
            return [v << lowest for v in out], 1
        return out, 1 << -lowest
    fractions = [v if type(v) is Fraction else Fraction(v) for v in watched(values.tolist())]
    below = {v.denominator for v in fractions}
    denominator = math.lcm(*below)
    factors = {d: denominator // d for d in below}
    return [v.numerator * factors[v.denominator] for v in fractions], denominator
