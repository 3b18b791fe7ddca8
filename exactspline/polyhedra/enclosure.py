"""What floating point proves about the rows of one region: enclosures with every error bound.

Exact numbers are rounded once; their errors, those of sums in any order and those of operands
or results that a processor flushes to zero are charged to the bounds. What the bounds leave
open is open: whoever asks goes on in rationals.
"""

from __future__ import annotations

from collections.abc import Sequence

import flint
import numpy as np

from .lp import float_of

__all__ = ["Enclosure"]

_UNIT = 2.3e-16  # of rounding, in any direction
_FLUSHED = 1e-290  # more than what is flushed to zero in any sum here


def _gamma(n: int) -> float:
    """The relative error of a sum of n products of rounded numbers, in any order."""
    return (n + 8) * _UNIT


class Enclosure:
    """Bounds on rows around a point.

    Parameters
    ----------
    table : float64 array, shape (rows, d + 1)
        Per row n y + v, with y the way from the point: n, then v > 0 or 0. Every number is an
        exact one, rounded once.
    """

    def __init__(self, table: np.ndarray) -> None:
        self.normals, self.reach = table[:, :-1], table[:, -1]
        self.size = np.abs(self.normals)
        self.gamma = _gamma(table.shape[1])
        # numbers that were beyond float64 or below it prove nothing
        kept = (self.size < 1e150) & ((self.size > 1e-150) | (self.size == 0.0))
        self.sound = np.all(kept, axis=1) & (self.reach < 1e150)

    def first_hits(self, direction: Sequence[flint.fmpq]) -> list[int]:
        """The rows of which one is surely the first to vanish on a ray from the point.

        All that vanish there first together are among them.
        """
        y = _rounded(direction)
        with np.errstate(all="ignore"):
            slope = self.normals @ y
            error = self.gamma * (self.size @ np.abs(y)) + _FLUSHED
            steepest, flattest = slope - error, slope + error
            latest = self.reach * (1 + 4 * _UNIT) / -flattest + _FLUSHED
            earliest = self.reach * (1 - 4 * _UNIT) / -steepest - _FLUSHED
            good = self.sound & np.isfinite(error)
            falls = good & (flattest < 0.0)
            bound = np.min(latest[falls], initial=np.inf) * (1 + 4 * _UNIT)
            out = good & ((steepest >= 0.0) | (earliest * (1 - 4 * _UNIT) > bound))
        return np.flatnonzero(~out).tolist()

    def unsure(self, y: Sequence[flint.fmpq], rows: Sequence[int]) -> list[int]:
        """Those of some rows that are not proved to be positive at a place."""
        chosen = np.asarray(rows, dtype=np.int64)
        at = _rounded(y, scaled=False)
        with np.errstate(all="ignore"):
            value = self.normals[chosen] @ at + self.reach[chosen]
            size = self.size[chosen] @ np.abs(at) + self.reach[chosen]
            positive = self.sound[chosen] & (value > self.gamma * size + _FLUSHED)
        return chosen[~positive].tolist()

    def is_implied(self, i: int, basis: Sequence[int]) -> bool:
        """Whether row i is proved to be a positive combination of others and a constant >= 0.

        Parameters
        ----------
        i : int
        basis : sequence of int
            As many rows as there are dimensions.

        Notes
        -----
        With B the basis' normals as columns and Y about its inverse, |I - Y B| < 1 shows that B
        is invertible, and bounds how far the exact multipliers are from the ones computed here.
        """
        rows = np.asarray(basis, dtype=np.int64)
        d = len(rows)
        if d != self.normals.shape[1] or not (self.sound[i] and np.all(self.sound[rows])):
            return False
        B, target = self.normals[rows].T, self.normals[i]
        with np.errstate(all="ignore"):
            try:
                Y = np.linalg.inv(B)
            except np.linalg.LinAlgError:
                return False
            z = Y @ target
            z = z + Y @ (target - B @ z)
            if not (np.all(np.isfinite(Y)) and np.all(z > 0.0)):
                return False
            size_Y, size_B = np.abs(Y), np.abs(B)
            off = np.abs(np.eye(d) - Y @ B) + self.gamma * (size_Y @ size_B + np.eye(d))
            norm = float((off + _FLUSHED).sum(axis=1).max()) * (1 + self.gamma)
            if not norm < 0.5:
                return False
            rest = np.abs(target - B @ z) + self.gamma * (size_B @ z + np.abs(target)) + _FLUSHED
            error = float((size_Y @ rest).max()) * (1 + 2 * self.gamma) / (1 - norm) + _FLUSHED
            error *= 1 + 8 * _UNIT
            most = z + error
            total = float(self.reach[rows] @ most)
            total += self.gamma * (total + float(self.reach[i])) + _FLUSHED
            return bool(np.all(z > error) and self.reach[i] > total)


def _rounded(values: Sequence[flint.fmpq], *, scaled: bool = True) -> np.ndarray:
    """Exact numbers as floats; if only their direction matters, scaled to a largest one of 1."""
    scale = max((abs(v) for v in values), default=flint.fmpq(1)) if scaled else flint.fmpq(1)
    scale = scale or flint.fmpq(1)
    parts = [v / scale for v in values]
    out = np.array([float_of(v) for v in parts])
    out[np.abs(out) > 1e150] = np.nan
    return out
