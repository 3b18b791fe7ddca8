"""The NumPy pass: the reference, straight from the unit tables, and good for wide layers.

It works on blocks of samples that stay in the cache; dense matrices are products in BLAS.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compile.program import Program, Units
from ..errors import ParameterError
from .kernel.bounds import of_members, of_units
from .levels import Level, bound_numbers, levels_of

__all__ = ["BeyondRangeError", "PlainPass"]

_BLOCK = 1 << 20  # bytes of a level's numbers that are computed at once
_VALUES = 1 << 18  # members of maxima that are compared at once
_SHARE = 10  # one entry in so many has to be there for a dense matrix
_DENSE = 1 << 12  # entries up to which a matrix is never worth being sparse


class BeyondRangeError(ParameterError):
    """A value on the way leaves the range of the type."""


class PlainPass:
    """A program ready for passes in NumPy.

    Parameters
    ----------
    program : Program
    dtype : numpy.dtype
        float32 or float64.
    """

    def __init__(self, program: Program, dtype: np.dtype) -> None:
        self.program, self.dtype = program, dtype
        self.levels = levels_of(program, dtype)
        self.bounds = [bound_numbers(level, dtype, level.members) for level in self.levels]
        self.matrices = [_matrix(level) for level in self.levels]
        self.units = [_Units(level) for level in self.levels if level.units is not None]
        self.work = sum(len(level.members.indices) for level in self.levels)  # a sample
        widths = [program.input_dim]
        for level in self.levels:
            widths.append(len(level.members))
            if level.units is not None:
                widths += [len(level.units.piece_member), len(level.units) + len(level.keep)]
        self.width = max(1, *widths)

    def __call__(
        self,
        X: np.ndarray,
        errors: np.ndarray,
        values: np.ndarray,
        codes: np.ndarray | None,
        stats: np.ndarray | None,
        outputs: list[np.ndarray] | None = None,
    ) -> None:
        """Fill ``values`` (n, C), and what else is given, for the samples X (n, D).

        ``errors`` (n,) bounds the inputs' errors; ``stats`` (n, 3) as in the kernels;
        ``outputs`` are the unit outputs of every layer.
        """
        step = max(1, _BLOCK // (self.width * self.dtype.itemsize))
        with np.errstate(all="ignore"):  # checked below
            for begin in range(0, len(X), step):
                part = slice(begin, begin + step)
                self._block(
                    X[part], errors[part], values[part], None if codes is None else codes[part],
                    None if stats is None else stats[part],
                    None if outputs is None else [out[part] for out in outputs], begin,
                )  # fmt: skip

    def _block(
        self, z: np.ndarray, error: np.ndarray, values: np.ndarray, codes: np.ndarray | None,
        stats: np.ndarray | None, outputs: list[np.ndarray] | None, begin: int,
    ) -> None:  # fmt: skip
        track = stats is not None
        size = np.abs(z).max(axis=1, initial=0.0).astype(np.float64)
        if stats is not None:
            stats[:, 0], stats[:, 1] = 1, 0
        for l, units in enumerate(self.units):  # noqa: E741
            u = self._members(l, z, begin)
            own, made, least = units(u, codes is not None or not units.relu, track)
            if codes is not None:
                start = int(self.program.unit_start[l])
                codes[:, start : start + made.shape[1]] = own
            if outputs is not None:
                outputs[l][...] = made
            keep = self.levels[l].keep
            z = np.hstack([made, z[:, keep]]) if len(keep) else made
            if stats is not None:
                largest = np.abs(u).max(axis=1, initial=0.0).astype(np.float64)
                e = of_members(self.bounds[l], 0, size, error)
                form, new_size, new_error = of_units(self.bounds[l], 0, largest, e)
                stats[~(least > form), 0] = 0
                stats[least == 0, 1] = 1
                if len(keep):
                    new_size, new_error = np.maximum(new_size, size), np.maximum(new_error, error)
                size, error = new_size, new_error
        values[...] = self._members(len(self.units), z, begin)
        if stats is not None:
            stats[:, 2] = of_members(self.bounds[-1], 0, size, error)

    def _members(self, l: int, z: np.ndarray, begin: int) -> np.ndarray:  # noqa: E741
        u = z @ self.matrices[l]
        u += self.levels[l].members.const.values
        if not np.isfinite(u).all():
            sample = begin + int(np.argmin(np.isfinite(u).all(axis=1)))
            raise BeyondRangeError(
                f"sample {sample}: a value is beyond the range of {self.dtype}; scale the "
                "input, take float64, or evaluate with Network.forward(x, exact=True)"
            )
        return u


def _matrix(level: Level) -> Any:
    """The transpose of a level's matrix, dense or sparse: (n, width) @ it."""
    members = level.members
    if len(members) * members.width <= max(_SHARE * len(members.indices), _DENSE):
        return np.ascontiguousarray(members.dense().T)
    from scipy.sparse import csr_array

    shape = (len(members), members.width)
    return csr_array((members.data.values, members.indices, members.indptr), shape=shape).T.tocsr()


class _Units:
    """The units of one level, by their table."""

    def __init__(self, level: Level) -> None:
        units = level.units
        assert units is not None
        self.n, self.relu = len(units), _is_relu(units, level)
        lead, n = units.lead, units.pieces
        self.parts: list[tuple[np.ndarray, _Splines | _Maxima]] = []
        if not np.all(lead):
            self.parts.append((np.flatnonzero(lead == 0), _Splines(level)))
        for kind in np.unique(np.stack([lead, n])[:, lead != 0], axis=1).T.tolist():
            which = np.flatnonzero((lead == kind[0]) & (n == kind[1]))
            self.parts.append((which, _Maxima(units, which, *kind)))

    def __call__(
        self, u: np.ndarray, wanted: bool, track: bool
    ) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """Codes (n, units), outputs, and the smallest form of a chosen piece (if tracked)."""
        none = np.full(len(u), np.inf)
        if self.relu:
            least = np.abs(u).min(axis=1, initial=np.inf) if track else none
            own = u > 0 if wanted else None
            return own, np.maximum(u, 0, out=u if not track else None), least
        if len(self.parts) == 1:
            return self.parts[0][1](u, track)
        own, made = np.empty((len(u), self.n), dtype=np.int64), np.empty((len(u), self.n), u.dtype)
        for which, part in self.parts:
            own[:, which], made[:, which], least = part(u, track)
            none = np.minimum(none, least)
        return own, made, none


class _Splines:
    """The units of a level that are splines of one member."""

    def __init__(self, level: Level) -> None:
        units = level.units
        assert units is not None
        chosen = units.lead == 0
        pieces = np.flatnonzero(chosen[units.piece_unit])
        self.counts = units.pieces[chosen]
        last = np.cumsum(self.counts)
        self.first = last - self.counts
        self.member = units.piece_member[pieces].astype(np.int64)
        self.shift = level.shift.values[pieces]
        self.slope, self.offset = level.slope.values[pieces], level.offset.values[pieces]
        self.ends = np.zeros(len(pieces), dtype=bool)
        self.ends[last - 1] = True
        self.plain = not np.any(self.shift != 0)

    def __call__(self, u: np.ndarray, track: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        forms = u[:, self.member]
        if not self.plain:
            forms += self.shift
        worst = np.where(self.ends, np.inf, -forms)  # the breakpoint above, and that below
        worst[:, 1:] = np.minimum(worst[:, 1:], np.where(self.ends[:-1], np.inf, forms[:, :-1]))
        # the lowest piece with nothing against it; rounding can leave something against each
        score = np.minimum(worst, 0)
        own = np.zeros((len(u), len(self.first)), dtype=np.int64)
        best = score[:, self.first].copy()
        for r in range(1, int(self.counts.max(initial=1))):
            able = np.flatnonzero(self.counts > r)
            there = score[:, self.first[able] + r]
            better = there > best[:, able]
            own[:, able] = np.where(better, r, own[:, able])
            best[:, able] = np.maximum(there, best[:, able])
        pieces = self.first + own
        made = self.slope[pieces] * u[:, self.member[self.first]] + self.offset[pieces]
        least = np.full(len(u), np.inf)
        if track:
            chosen = np.take_along_axis(worst, pieces, axis=1)
            least = np.abs(chosen).min(axis=1, initial=np.inf)
            least[(chosen < 0).any(axis=1)] = 0  # nothing is known there
        return own, made, least


class _Maxima:
    """The units of a level that are maxima, or minima, of as many members."""

    def __init__(self, units: Units, which: np.ndarray, lead: int, n: int) -> None:
        self.turned = lead < 0
        first = units.piece_start[which]
        self.member = units.piece_member[first[:, None] + np.arange(n)].astype(np.int64)

    def __call__(self, u: np.ndarray, track: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shape = len(u), len(self.member)
        own, made = np.empty(shape, np.int64), np.empty(shape, u.dtype)
        least = np.full(shape, np.inf)
        step = max(1, _VALUES // (max(1, len(u)) * self.member.shape[1]))
        for begin in range(0, len(self.member), step):
            part = np.s_[:, begin : begin + step]
            values = u[:, self.member[begin : begin + step]]
            if self.turned:
                np.negative(values, out=values)
            own[part] = values.argmax(axis=2)  # the first one
            at = own[part][:, :, None]
            made[part] = np.take_along_axis(values, at, axis=2)[:, :, 0]
            if track:
                np.put_along_axis(values, at, -np.inf, axis=2)
                least[part] = made[part] - values.max(axis=2)
        return own, -made if self.turned else made, least.min(axis=1, initial=np.inf)


def _is_relu(units: Units, level: Level) -> bool:
    """Whether unit k is max(0, member k)."""
    n = len(units)
    return bool(
        np.all(units.two_piece) and not units.compares
        and np.array_equal(units.piece_member[::2], np.arange(n))
        and not np.any(units.piece_shift.astype(bool))
        and np.all(level.slope.values[::2] == 0) and np.all(level.slope.values[1::2] == 1)
        and level.slope.errors is None
        and not np.any(level.offset.values) and level.offset.errors is None
        and len(level.members) == n
    )  # fmt: skip
