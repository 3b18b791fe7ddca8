"""A program laid out for the kernels: units by their kind, rows in tiles, all in flat arrays.

Nothing here knows an operator. What makes convolutions fast is found in the program: rows that
read the same entries form a *tile*, a small dense matrix (the channels at one position), and
equal tiles are stored once; unit outputs that everything behind reads with the same coefficients
are summed where they are made (a pooling window).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..compile.program import Program, Units
from .kernel import layout as at
from .levels import Level, Matrix, bound_numbers, levels_of, safe_size
from .windows import find_windows

__all__ = ["Plan", "aligned", "make_plan"]

_ACTIVE = 1 << 16  # entries of a matrix up to which active units alone beat whole products
_PLACES = 1 << 16  # entries of a state that 16 bits can number
_SMALL = 1 << 12  # entries up to which a matrix is never worth being sparse
_DENSE = 0.25  # share of entries that makes a matrix dense
_MANY = 1 << 13  # units of a layer from which on a block of samples is too large for the cache
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
    room : int
        Of each of the three buffers for a single sample.
    wide : bool
        Whether BLAS multiplies a matrix.
    work : int
        Multiplications a sample.
    single : bool
        Whether a batch is best taken sample by sample, too: in windows, of very many units.
    """

    T: np.ndarray
    F: np.ndarray
    N: np.ndarray
    levels: int
    state: int
    members: int
    room: int
    wide: bool
    work: int
    single: bool
    units: int  # of the largest layer
    dense: bool  # all levels are dense, and layers are of ReLU units, one after the other
    chain: bool  # and they are small
    fused: bool  # layers are one after the other, and `fused_level` takes them all


def make_plan(program: Program, dtype: np.dtype) -> Plan | None:
    """Lay a program out; None where a unit has too many pieces."""
    if program.max_pieces > _CODES:
        return None
    levels = levels_of(program, dtype)
    kinds = [_kinds(level.units) for level in levels if level.units is not None]
    return _Writer(program, levels, kinds, dtype).plan()


def _kinds(units: Units) -> np.ndarray:
    """The kind of every unit."""
    kinds = np.array([at.MINIMUM, at.SCALAR, at.MAXIMUM])
    return kinds[units.lead.astype(np.int64) + 1]


class _Flat:
    """An array that grows; what was written once is found again."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.parts: list[np.ndarray] = []
        self.size = 0
        self.known: dict[bytes, int] = {}

    def add(self, values: np.ndarray, *, once: bool = False, vectors: bool = False) -> int:
        """Where the values stand; those for vectors where a vector may begin."""
        if vectors:
            lanes = at.BYTES // self.dtype.itemsize
            self.add(np.zeros(-self.size % lanes))
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
        out = aligned(self.size, self.dtype)
        return np.concatenate(self.parts, out=out) if self.parts else out


class _Writer:
    def __init__(
        self, program: Program, levels: list[Level], kinds: list[np.ndarray], dtype: np.dtype
    ) -> None:
        self.program, self.levels, self.kinds, self.dtype = program, levels, kinds, dtype
        self.ints, self.floats = _Flat(np.dtype(np.int64)), _Flat(dtype)
        self.headers = np.full((len(levels), at.HEADER), -1, dtype=np.int64)
        self.ints.add(self.headers)  # filled in at the end
        self.work, self.wide, self.in_windows = 0, False, 0

    def plan(self) -> Plan | None:
        matrices, targets = self._merged()
        self.matrices, self.targets = matrices, targets
        most = max(max(len(m), m.width) for m in matrices) + 2 * at.LANES
        self.zero = most  # nothing is ever written there, in buffers for single samples
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
                used = np.unique(matrices[l + 1].indices)
                counts = self._units(header, level, self.kinds[l], targets[l], used)
                start += len(level.units)
                # outputs that nobody reads are one sum, too, and of no matter for bounds
                groups[-1] = int(counts.max(initial=1))
                read = int(counts[used[used < len(counts)]].max(initial=1))
            else:
                header[[at.UNITS, at.KEEPS, at.FUSED, at.RELU, at.MERGED, at.STATE]] = 0
            bounds.append(bound_numbers(level, self.dtype, matrix, read))
        if max(self.ints.size, self.floats.size) > _MOST:
            return None
        head = [safe_size(bounds, groups, self.dtype), float(np.finfo(self.dtype).eps) / 2, 0.0]
        ints = self.ints.array()
        ints[: self.headers.size] = self.headers.reshape(-1)
        units = max((len(k) for k in self.kinds), default=0)
        return Plan(
            ints, self.floats.array(), np.concatenate([[*head, len(self.levels)], *bounds]),
            len(self.levels), max(m.width for m in matrices),
            max(int(self.headers[:, [at.ROWS, at.PAD]].max()), 1),
            -(-(self.zero + 1) // at.BYTES) * at.BYTES,
            self.wide, self.work, 2 * self.in_windows > self.work and units >= _MANY,
            units, self._dense(), self._dense() and self._small(), self._fused(),
        )  # fmt: skip

    def _dense(self) -> bool:
        layers = self.headers[:-1]
        return (
            len(layers) > 0 and bool(np.all(self.headers[:, at.DENSE] >= 0))
            and bool(np.all((layers[:, at.RELU] == 3) & (layers[:, at.KEEPS] == 0)))
        )  # fmt: skip

    def _small(self) -> bool:
        return (
            max(len(m) * m.width for m in self.matrices) <= _ACTIVE
            and max(m.width for m in self.matrices) < _PLACES
        )  # fmt: skip

    def _fused(self) -> bool:
        layers, output = self.headers[:-1], self.headers[-1]
        others = layers[:, [at.MERGED, at.KEEPS]]
        return bool(np.all(layers[:, at.FUSED] != 0) and not others.any() and output[at.TILES] > 0)

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
        header[[at.TILES, at.BACK_TILES, at.PAD, at.WINDOWS, at.REST]] = 0
        # the outputs are computed even where merged sums have made them a selection
        if may_select and matrix.is_selection and header[at.ROWS]:
            header[at.SELECTION] = self.ints.add(matrix.indices)
            header[at.CONST] = self.floats.add(np.zeros(len(matrix)), once=True)
            one = self.floats.add(np.ones(1), once=True)
            places = header[at.SELECTION] + np.arange(len(matrix))
            header[at.ROW_AT] = self._rows(np.ones_like(places), places, one)
            return
        n, m = len(matrix), matrix.width
        pad = -(-n // (2 * at.LANES)) * 2 * at.LANES
        header[at.CONST] = self.floats.add(np.pad(matrix.const.values, (0, pad - n)))
        if n * m <= _SMALL or len(matrix.indices) >= _DENSE * n * m:
            full = matrix.dense()
            header[at.PAD] = pad
            columns = np.pad(full, ((0, pad - n), (0, 0))).T
            header[at.DENSE] = self.floats.add(columns, vectors=True)
            if n * m <= _ACTIVE:
                header[at.LINES] = self.floats.add(np.column_stack([full, matrix.const.values]))
            self.work += n * m
            if min(n, m) >= _WIDE:
                header[at.DENSE_T] = self.floats.add(full)
                header[at.ROW_AT] = self._rows(
                    np.full(n, m), header[at.IDENTITY], header[at.DENSE_T] + m * np.arange(n)
                )
                self.wide = True
                return
            same, weights = header[at.IDENTITY], self.floats.add(full)
            header[at.ROW_AT] = self._rows(np.full(n, m), same, weights + m * np.arange(n))
            tiles = np.array([[n, m, same, same, weights], [m, pad, same, same, header[at.DENSE]]])
            header[[at.TILES, at.BACK_TILES]] = 1
            header[at.TILE_AT], header[at.BACK] = self.ints.add(tiles[0]), self.ints.add(tiles[1])
            return
        self.work += len(matrix.indices)
        parts = matrix.indptr, matrix.indices, matrix.data.values
        table = np.zeros((n, at.ROW), dtype=np.int64)
        header[at.TILES], header[at.TILE_AT] = self._tiles(*parts, members=table)
        header[at.ROW_AT] = self.ints.add(table)
        header[[at.WINDOWS, at.WINDOW_AT, at.REST, at.REST_AT]] = self._windows(
            *parts, matrix.const.values
        )
        rows, order = matrix.rows, np.lexsort((matrix.rows, matrix.indices))
        indptr = np.searchsorted(matrix.indices[order], np.arange(m + 1)).astype(np.int64)
        header[at.BACK_TILES], header[at.BACK] = self._tiles(
            indptr, rows[order], matrix.data.values[order]
        )

    def _rows(self, counts: np.ndarray, entries: Any, weights: Any) -> int:
        """Where a table of members stands, each by itself."""
        return self.ints.add(np.stack(np.broadcast_arrays(counts, entries, weights), axis=1))

    def _windows(
        self, indptr: np.ndarray, indices: np.ndarray, data: np.ndarray, const: np.ndarray
    ) -> tuple[int, int, int, int]:
        """Windows for single samples, and tiles of the other rows: how many, and where."""
        lanes = at.BYTES // self.dtype.itemsize
        windows, rest = find_windows(indptr, indices, data, const, lanes, self.zero)
        table: list[list[int]] = []
        for window in windows:
            self.in_windows += int((~window.missing).sum()) * len(window.rows)
            offsets = self.ints.add(window.offsets, once=True)
            places = [[0, *pair] for pair in window.direct]
            places += [[1, *map(self.ints.add, pair)] for pair in window.listed]
            where, begin = self.ints.add(np.array(places)), 0
            while begin < len(window.rows):
                left = len(window.rows) - begin
                size = 8 if left > 4 else 4 if left > 1 else 1
                own = np.minimum(np.arange(begin, begin + size), len(window.rows) - 1)
                numbers = np.vstack([window.const[own], window.weights[:, own]])
                table.append([
                    size, self.floats.add(numbers, once=True), len(window.offsets), offsets,
                    self.ints.add(window.rows[own]), where, len(places),
                ])  # fmt: skip
                begin += size
        return (
            len(table), self.ints.add(np.array(table, dtype=np.int64)),
            *self._tiles(indptr, indices, data, rest),
        )  # fmt: skip

    def _tiles(
        self, indptr: np.ndarray, indices: np.ndarray, data: np.ndarray,
        some: np.ndarray | None = None, members: np.ndarray | None = None,
    ) -> tuple[int, int]:  # fmt: skip
        """Rows that read the same columns, as small dense matrices: how many, and where.

        ``some`` rows only; ``members`` is filled with a row of a table of members for each.
        """
        groups: dict[bytes, list[int]] = {}
        starts = indptr.tolist()
        for i in range(len(starts) - 1) if some is None else some.tolist():
            groups.setdefault(indices[starts[i] : starts[i + 1]].tobytes(), []).append(i)
        table = []
        for rows in groups.values():
            a, b = starts[rows[0]], starts[rows[0] + 1]
            pad = -(b - a) % 4
            columns = np.concatenate([indices[a:b], np.repeat(indices[a : a + 1], pad)])
            weights = np.zeros((len(rows), b - a + pad), self.dtype)
            gather = indptr[rows][:, None] + np.arange(b - a)
            weights[:, : b - a] = data[gather]
            place, where = self.ints.add(columns, once=True), self.floats.add(weights, once=True)
            table.append([len(rows), b - a + pad, self.ints.add(np.array(rows)), place, where])
            if members is not None:
                members[rows, :2] = b - a, place
                members[rows, 2] = where + np.arange(len(rows)) * (b - a + pad)
        return len(table), self.ints.add(np.array(table, dtype=np.int64))

    def _units(
        self, header: np.ndarray, level: Level, kinds: np.ndarray, target: np.ndarray,
        used: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Write a layer's units; returns how many outputs are summed to each entry.

        ``used``: the entries that the level behind reads; units that are summed are not kept.
        """
        units = level.units
        assert units is not None
        n = len(units)
        own = target[:n]
        counts = np.bincount(own, minlength=1)
        table = np.zeros((n, at.UNIT), dtype=np.int64)
        table[:, 0], table[:, 1] = kinds, units.pieces
        table[:, 4], table[:, 5] = own, np.all(counts <= 1)  # else all are added to zeros
        starts = units.piece_start.tolist()
        known: dict[bytes, int] = {}
        slope, offset, shift = level.slope.values, level.offset.values, level.shift.values
        for k, (a, b) in enumerate(pairwise(starts)):
            if kinds[k] == at.SCALAR:
                table[k, 2] = units.piece_member[a]
                numbers = np.concatenate([shift[a : b - 1], slope[a:b], offset[a:b]])
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
        header[at.FUSED] = direct and header[at.TILES] > 0 and bool(np.all(units.pieces == 2))
        header[at.MERGED] = bool(np.any(counts > 1))
        header[at.STATE] = int(target.max(initial=-1)) + 1
        read = np.isin(np.arange(len(target)), used)
        self._one_by_one(header, table, own, known, read)
        pairs = np.stack([self._before(level, header), target[n:]], axis=1)
        header[at.KEEPS], header[at.KEEP] = len(pairs), self.ints.add(pairs)
        return counts

    def _one_by_one(
        self, header: np.ndarray, table: np.ndarray, own: np.ndarray, known: dict[bytes, int],
        read: np.ndarray,
    ) -> None:  # fmt: skip
        """What single samples need: sums of outputs, and units that are all alike."""
        header[[at.SIDES, at.SUMS]], header[at.ALIKE] = 0, -1
        if header[at.RELU] == 2:
            header[[at.SIDES, at.SIDE_AT, at.SUMS, at.SUM_AT]] = self._sums(own, read)
        direct = np.array_equal(table[:, 2], np.arange(len(own))) and np.array_equal(
            own, np.arange(len(own))
        )
        if direct and len(known) == 1 and np.all(table[:, :2] == (at.SCALAR, 2)):
            header[at.ALIKE] = next(iter(known.values()))

    def _sums(self, own: np.ndarray, read: np.ndarray) -> tuple[int, int, int, int]:
        """Sums of unit outputs, by entries that stand together in fours, and others.

        How many QUADs of sums side by side there are, and where; the same of all other sums.
        """
        order = np.argsort(own, kind="stable")
        starts = np.searchsorted(own[order], np.arange(int(own.max(initial=-1)) + 2)).tolist()
        sums: list[tuple[list[int], list[int]]] = []
        for row, (a, b) in enumerate(pairwise(starts)):
            units = order[a:b].tolist() if read[row] else []
            fours, ones, i = [], [], 0
            while i < len(units):
                if i + at.QUAD <= len(units) and units[i + at.QUAD - 1] == units[i] + at.QUAD - 1:
                    fours.append(units[i])
                    i += at.QUAD
                else:
                    ones.append(units[i])
                    i += 1
            sums.append((fours, ones))
        sides, alone = _side_by_side(sums)
        together = [[row, len(sums[row][0]), self._list(sums[row][0])] for row in sides]
        others = [
            [row, len(fours), len(ones), self._list(fours), self._list(ones)]
            for row in alone
            for fours, ones in [sums[row]]
        ]
        return len(together), self._list(together), len(others), self._list(others)

    def _list(self, numbers: list[Any]) -> int:
        """Where whole numbers stand."""
        return self.ints.add(np.array(numbers, dtype=np.int64))

    def _before(self, level: Level, header: np.ndarray) -> np.ndarray:
        """Kept entries as rows of the (merged) state before."""
        l = next(i for i, other in enumerate(self.levels) if other is level)  # noqa: E741
        if l == 0 or len(level.keep) == 0:
            return level.keep.astype(np.int64)
        return self.targets[l - 1][level.keep]


def _side_by_side(sums: list[tuple[list[int], list[int]]]) -> tuple[list[int], list[int]]:
    """First rows of QUAD sums whose QUADs follow one another, and the rows that are in none.

    Every sum is given as its QUADs and single entries. The last sums of a run are in two, if they
    must: what is computed twice is the same.
    """
    sides, alone, row = list[int](), list[int](), 0
    while row < len(sums):
        fours, end = [place + at.QUAD for place in sums[row][0]], row + 1
        while fours and not sums[row][1] and end < len(sums) and sums[end] == (fours, []):
            fours, end = [place + at.QUAD for place in fours], end + 1
        if end - row < at.QUAD:
            alone += range(row, end)
        else:
            sides += [*range(row, end - at.QUAD, at.QUAD), end - at.QUAD]
        row = end
    return sides, alone


def aligned(n: int, dtype: np.dtype) -> np.ndarray:
    """Room for n numbers that begins where a vector may: no row of vectors is cut by a line."""
    room = np.empty(n * dtype.itemsize + at.BYTES, np.uint8)
    start = -room.ctypes.data % at.BYTES
    return room[start : start + n * dtype.itemsize].view(dtype)


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
