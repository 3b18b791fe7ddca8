"""A program laid out for the kernels: units by their kind, rows in tiles, all in flat arrays.

Nothing here knows an operator. What makes convolutions fast is found in the program: rows that
read the same entries form a *tile*, a small dense matrix (the channels at one position), and
equal tiles are stored once; unit outputs that everything behind reads with the same coefficients
are summed where they are made (a pooling window).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..compile.program import Program, Units
from . import layout as at
from .levels import Level, Matrix, bound_numbers, levels_of, safe_size

__all__ = ["Plan", "make_plan"]

_ACTIVE = 1 << 16  # entries of a matrix up to which active units alone beat whole products
_SMALL = 1 << 12  # entries up to which a matrix is never worth being sparse
_DENSE = 0.25  # share of entries that makes a matrix dense
_WIDE = 128  # rows and columns from which on BLAS multiplies, on all threads
_MOST = 2**31 - 1  # entries of the flat arrays
_CODES = 256  # pieces a unit may have: codes are bytes


@dataclass(frozen=True)
class Plan:
    """Flat arrays for the kernels (see `layout`), and the room a pass needs.

    Attributes
    ----------
    T, F, N : arrays
    levels : int
    state, members : int
        Rows of the largest state and of the largest level, padding included.
    wide : bool
        Whether BLAS multiplies a matrix.
    work : int
        Multiplications a sample.
    """

    T: np.ndarray
    F: np.ndarray
    N: np.ndarray
    levels: int
    state: int
    members: int
    wide: bool
    work: int
    units: int  # of the largest layer
    chain: bool  # all levels are dense, small, and layers of ReLU units one after the other


def make_plan(program: Program, dtype: np.dtype) -> Plan | None:
    """Lay a program out; None where a unit is of no kind that the kernels know."""
    if program.max_pieces > _CODES:
        return None
    levels = levels_of(program, dtype)
    kinds = [_kinds(level.units) for level in levels if level.units is not None]
    if any(k is None for k in kinds):
        return None
    return _Writer(program, levels, [k for k in kinds if k is not None], dtype).plan()


def _kinds(units: Units) -> np.ndarray | None:
    """The kind of every unit, read off its table; None if one is neither scalar nor extreme."""
    n = units.pieces
    first = np.repeat(units.piece_start[:-1], n)
    unit = np.repeat(np.arange(len(units)), n)
    place = np.arange(len(units.piece_member)) - first
    counts = np.diff(units.cond_start)
    piece = np.repeat(np.arange(len(counts)), counts)
    form, sign = units.cond_form, units.cond_sign
    plus, minus = units.form_plus[form], units.form_minus[form]
    own = units.piece_member[piece]
    shift = units.form_shift[form]
    zero_shift = ~np.asarray(shift.astype(bool))
    # scalar: at most two conditions a piece, u + shift_{r-1} >= 0 and u + shift_r <= 0
    expected = np.where(np.arange(len(form)) == units.cond_start[piece], 1, -1)
    expected[place[piece] == 0] = -1
    begin = units.cond_form[units.cond_start[units.piece_start[:-1]]] if len(units) else form[:0]
    which = begin[unit[piece]] + place[piece] - (expected > 0)
    scalar = (sign == expected) & (form == which) & (plus == own) & (minus < 0)
    needs = 1 + ((place > 0) & (place < n[unit] - 1))
    good = np.ones(len(units), dtype=bool)
    _refute(good, unit[piece], scalar)
    _refute(good, unit, (counts == needs) & (units.piece_member == units.piece_member[first]))
    # increasing breakpoints: shifts fall; equal slopes and offsets are no matter
    floats = shift.astype(np.float64)
    later = (expected > 0) & np.append(unit[piece][1:] == unit[piece][:-1], False)
    later &= np.append(piece[1:] == piece[:-1], False)
    at_later = np.flatnonzero(later)
    _refute(good, unit[piece][at_later], floats[at_later] >= floats[np.minimum(
        at_later + 1, len(floats) - 1)])  # fmt: skip
    # extreme: every piece against every other member, slopes 1, offsets 0
    ahead = np.where(plus == own, sign, -sign)  # of the own member, in the form
    other = np.where(plus == own, minus, plus)
    out = np.where(good, at.SCALAR, -1)
    slopes, offsets = units.piece_slope, units.piece_offset
    plain = np.asarray(slopes == 1) & np.asarray(offsets == 0) & (counts == n[unit] - 1)
    for kind, lead in ((at.MAXIMUM, 1), (at.MINIMUM, -1)):
        able = ~good
        _refute(able, unit, plain)
        _refute(able, unit[piece], zero_shift & (ahead == lead) & ((plus == own) | (minus == own)))
        _refute(able, unit[piece], other >= 0)
        able &= _against_all(units, able, other)
        out[able] = kind
    return None if np.any(out < 0) else out


def _refute(good: np.ndarray, unit: np.ndarray, holds: np.ndarray) -> None:
    good[unit[~holds]] = False


def _against_all(units: Units, able: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether each piece of a unit is compared with each other member, and members differ."""
    out = np.zeros(len(units), dtype=bool)
    for n in np.unique(units.pieces[able]).tolist():
        own = np.flatnonzero(able & (units.pieces == n))
        first = units.piece_start[own]
        members = units.piece_member[first[:, None] + np.arange(n)]
        conditions = units.cond_start[first][:, None] + np.arange(n * (n - 1))
        against = np.sort(other[conditions].reshape(-1, n, n - 1), axis=2)
        rest = np.array([[m for m in range(n) if m != r] for r in range(n)]).reshape(n, n - 1)
        same = np.all(against == np.sort(members[:, rest], axis=2), axis=(1, 2))
        out[own] = same & np.all(np.diff(np.sort(members, axis=1), axis=1) > 0, axis=1)
    return out


class _Flat:
    """An array that grows; what was written once is found again."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.parts: list[np.ndarray] = []
        self.size = 0
        self.known: dict[bytes, int] = {}

    def add(self, values: np.ndarray, *, once: bool = False) -> int:
        """Where the values stand."""
        values = np.ascontiguousarray(values, dtype=self.dtype).reshape(-1)
        key = values.tobytes() if once else b""
        if once and key in self.known:
            return self.known[key]
        place = self.size
        self.parts.append(values)
        self.size += len(values)
        if once:
            self.known[key] = place
        return place

    def array(self) -> np.ndarray:
        return np.concatenate(self.parts) if self.parts else np.zeros(0, self.dtype)


class _Writer:
    def __init__(
        self, program: Program, levels: list[Level], kinds: list[np.ndarray], dtype: np.dtype
    ) -> None:
        self.program, self.levels, self.kinds, self.dtype = program, levels, kinds, dtype
        self.ints, self.floats = _Flat(np.dtype(np.int64)), _Flat(dtype)
        self.headers = np.full((len(levels), at.HEADER), -1, dtype=np.int64)
        self.ints.add(self.headers)  # filled in at the end
        self.work, self.wide = 0, False

    def plan(self) -> Plan | None:
        matrices, targets = self._merged()
        self.matrices, self.targets = matrices, targets
        most = max(max(len(m), m.width) for m in matrices) + 2 * at.LANES
        identity, zeros = self.ints.add(np.arange(most)), self.floats.add(np.zeros(most))
        start = 0
        bounds, groups = [], []
        for l, (level, matrix) in enumerate(zip(self.levels, matrices, strict=True)):  # noqa: E741
            header = self.headers[l]
            header[[at.IDENTITY, at.ZEROS, at.CODE]] = identity, zeros, start
            header[at.READS], header[at.ROWS] = matrix.width, len(matrix)
            self._members(header, matrix, may_select=level.units is not None)
            groups.append(1)
            read = 1
            if level.units is not None:
                counts = self._units(header, level, self.kinds[l], targets[l])
                start += len(level.units)
                # outputs that nobody reads are one sum, too, and of no matter for bounds
                groups[-1] = int(counts.max(initial=1))
                used = np.unique(matrices[l + 1].indices)
                read = int(counts[used[used < len(counts)]].max(initial=1))
            else:
                header[[at.UNITS, at.KEEPS, at.FUSED, at.RELU, at.MERGED, at.STATE]] = 0
            bounds.append(bound_numbers(level, self.dtype, matrix, read))
        if max(self.ints.size, self.floats.size) > _MOST:
            return None
        head = [safe_size(bounds, groups, self.dtype), float(np.finfo(self.dtype).eps) / 2, 0.0]
        ints = self.ints.array()
        ints[: self.headers.size] = self.headers.reshape(-1)
        return Plan(
            ints, self.floats.array(), np.concatenate([[*head, len(self.levels)], *bounds]),
            len(self.levels), max(m.width for m in matrices),
            max(int(self.headers[:, [at.ROWS, at.PAD]].max()), 1),
            self.wide, self.work, max((len(k) for k in self.kinds), default=0),
            self._chain(),
        )  # fmt: skip

    def _chain(self) -> bool:
        layers = self.headers[:-1]
        return (
            len(layers) > 0 and bool(np.all(self.headers[:, at.DENSE] >= 0))
            and max(len(m) * m.width for m in self.matrices) <= _ACTIVE
            and bool(np.all((layers[:, at.RELU] == 3) & (layers[:, at.KEEPS] == 0)))
        )  # fmt: skip

    def _merged(self) -> tuple[list[Matrix], list[np.ndarray]]:
        """Matrices over merged states, and the row of the state every entry belongs to."""
        matrices = [level.members for level in self.levels]
        targets = []
        for l in range(len(self.levels) - 1):  # noqa: E741
            units = self.levels[l].units
            assert units is not None
            n, behind = len(units), self.levels[l + 1]
            target = _equal_columns(behind, n)
            if target is None:
                target = np.arange(behind.members.width)
            else:
                matrices[l + 1] = behind.members.merged(target, int(target.max()) + 1)
            targets.append(target)
        return matrices, targets

    def _members(self, header: np.ndarray, matrix: Matrix, *, may_select: bool) -> None:
        header[[at.TILES, at.BACK_TILES, at.PAD]] = 0
        # the outputs are computed even where merged sums have made them a selection
        if may_select and matrix.is_selection and header[at.ROWS]:
            header[at.SELECTION] = self.ints.add(matrix.indices)
            header[at.CONST] = self.floats.add(np.zeros(len(matrix)), once=True)
            return
        n, m = len(matrix), matrix.width
        pad = -(-n // (2 * at.LANES)) * 2 * at.LANES
        header[at.CONST] = self.floats.add(np.pad(matrix.const.values, (0, pad - n)))
        if n * m <= _SMALL or len(matrix.indices) >= _DENSE * n * m:
            full = matrix.dense()
            header[at.PAD] = pad
            header[at.DENSE] = self.floats.add(np.pad(full, ((0, pad - n), (0, 0))).T)
            self.work += n * m
            if min(n, m) >= _WIDE:
                header[at.DENSE_T] = self.floats.add(full)
                self.wide = True
                return
            same, weights = header[at.IDENTITY], self.floats.add(full)
            tiles = np.array([[n, m, same, same, weights], [m, pad, same, same, header[at.DENSE]]])
            header[[at.TILES, at.BACK_TILES]] = 1
            header[at.TILE_AT], header[at.BACK] = self.ints.add(tiles[0]), self.ints.add(tiles[1])
            return
        self.work += len(matrix.indices)
        header[at.TILES], header[at.TILE_AT] = self._tiles(
            matrix.indptr, matrix.indices, matrix.data.values
        )
        rows, order = matrix.rows, np.lexsort((matrix.rows, matrix.indices))
        indptr = np.searchsorted(matrix.indices[order], np.arange(m + 1)).astype(np.int64)
        header[at.BACK_TILES], header[at.BACK] = self._tiles(
            indptr, rows[order], matrix.data.values[order]
        )

    def _tiles(
        self, indptr: np.ndarray, indices: np.ndarray, data: np.ndarray
    ) -> tuple[int, int]:
        """Rows that read the same columns, as small dense matrices: how many, and where."""
        groups: dict[bytes, list[int]] = {}
        starts = indptr.tolist()
        for i in range(len(starts) - 1):
            groups.setdefault(indices[starts[i] : starts[i + 1]].tobytes(), []).append(i)
        table = []
        for rows in groups.values():
            a, b = starts[rows[0]], starts[rows[0] + 1]
            pad = -(b - a) % 4
            columns = np.concatenate([indices[a:b], np.repeat(indices[a : a + 1], pad)])
            weights = np.zeros((len(rows), b - a + pad), self.dtype)
            gather = indptr[rows][:, None] + np.arange(b - a)
            weights[:, : b - a] = data[gather]
            table.append([
                len(rows), b - a + pad, self.ints.add(np.array(rows)),
                self.ints.add(columns, once=True), self.floats.add(weights, once=True),
            ])  # fmt: skip
        return len(table), self.ints.add(np.array(table, dtype=np.int64))

    def _units(
        self, header: np.ndarray, level: Level, kinds: np.ndarray, target: np.ndarray
    ) -> np.ndarray:
        """Write a layer's units; returns how many outputs are summed to each entry."""
        units = level.units
        assert units is not None
        n = len(units)
        own = target[:n]
        counts = np.bincount(own, minlength=1)
        table = np.zeros((n, at.UNIT), dtype=np.int64)
        table[:, 0], table[:, 1] = kinds, units.pieces
        table[:, 4], table[:, 5] = own, np.all(counts <= 1)  # else all are added to zeros
        starts = units.piece_start.tolist()
        conditions = units.cond_form[units.cond_start[units.piece_start[:-1]]]
        known: dict[bytes, int] = {}
        slope, offset, shift = level.slope.values, level.offset.values, level.shift.values
        for k, (a, b) in enumerate(pairwise(starts)):
            if kinds[k] == at.SCALAR:
                table[k, 2] = units.piece_member[a]
                first = int(conditions[k])
                numbers = np.concatenate(
                    [shift[first : first + b - a - 1], slope[a:b], offset[a:b]]
                )
            else:
                table[k, 2] = self.ints.add(units.piece_member[a:b], once=True)
                numbers = np.array([1.0 if kinds[k] == at.MAXIMUM else -1.0], self.dtype)
            key = numbers.tobytes()
            if key not in known:
                known[key] = self.floats.add(numbers, once=True)
            table[k, 3] = known[key]
        relu = np.zeros(5, self.dtype)
        relu[2] = 1  # shift 0, slopes 0 and 1, offsets 0
        scalar = bool(np.all(kinds == at.SCALAR))
        direct = scalar and len(level.members) == n and np.array_equal(table[:, 2], np.arange(n))
        is_relu = scalar and all(key == relu.tobytes() for key in known)
        alone = np.array_equal(own, np.arange(n))
        header[at.UNITS], header[at.UNIT_AT] = n, self.ints.add(table.T)
        header[at.RELU] = (1 + direct + (direct and alone)) if is_relu else 0
        header[at.FUSED] = direct and header[at.TILES] > 0
        header[at.MERGED] = bool(np.any(counts > 1))
        header[at.STATE] = int(target.max(initial=-1)) + 1
        pairs = np.stack([self._before(level, header), target[n:]], axis=1)
        header[at.KEEPS], header[at.KEEP] = len(pairs), self.ints.add(pairs)
        return counts

    def _before(self, level: Level, header: np.ndarray) -> np.ndarray:
        """Kept entries as rows of the (merged) state before."""
        l = next(i for i, other in enumerate(self.levels) if other is level)  # noqa: E741
        if l == 0 or len(level.keep) == 0:
            return level.keep.astype(np.int64)
        return self.targets[l - 1][level.keep]


def _equal_columns(behind: Level, units: int) -> np.ndarray | None:
    """The row every entry of a state goes to if equal columns behind are merged; None if few are.

    Only unit outputs that no later layer reads are merged.
    """
    matrix = behind.members
    if matrix.data.errors is not None or matrix.is_selection or units < 2:
        return None
    free = np.zeros(matrix.width, dtype=bool)
    free[:units] = True
    free[behind.keep] = False
    order = np.lexsort((matrix.rows, matrix.indices))
    rows, data = matrix.rows[order], matrix.data.values[order]
    starts = np.searchsorted(matrix.indices[order], np.arange(matrix.width + 1)).tolist()
    number: dict[bytes, int] = {}
    target = np.empty(matrix.width, dtype=np.int64)
    count = 0
    for j in range(matrix.width):
        a, b = starts[j], starts[j + 1]
        if not free[j]:
            target[j] = count
            count += 1
            continue
        key = rows[a:b].tobytes() + data[a:b].tobytes()
        where = number.setdefault(key, count)
        target[j] = where
        count += where == count
    return target if count <= 0.75 * matrix.width else None
