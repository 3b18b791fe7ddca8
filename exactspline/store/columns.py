"""A store's regions as columns that are read when they are asked for."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import LimitError
from ..search.packing import bits_of, code_type
from ..tasks.chunk import Chunk, decode_codes, decode_exact, decode_points
from .store import Store

__all__ = ["StoredChunks", "StoredCodes", "StoredPoints"]

_CACHE = 1 << 26  # bytes of unpacked chunks that are kept
_PAIRS = 1 << 22  # bytes of codes that are compared at once
_LIMIT = 1 << 31  # bytes of an array that is asked for as a whole


class StoredChunks:
    """The chunks of a store in order, each with the number of its first region.

    Parameters
    ----------
    path : str
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._process = 0
        self._reader: Store | None = None
        self._lock = threading.RLock()
        found = self.store.contents()  # of one time: a run may go on
        self.complete, self.totals = found.complete, found.totals
        self.keys = np.array([head.key for head in found.ready], dtype=np.int64)
        self._checks = np.array([head.checksum() for head in found.ready], dtype=np.int64)
        self.rational = np.flatnonzero([head.rational for head in found.ready])  # chunks
        sizes = [head.regions for head in found.ready]
        self.starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
        self._cache: OrderedDict[tuple[int, str], np.ndarray] = OrderedDict()
        self._cached = 0

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def store(self) -> Store:
        """A connection of this process: SQLite's must not be taken along by a fork."""
        if self._reader is None or self._process != os.getpid():
            self._reader, self._process = Store(self.path), os.getpid()
            self._lock = threading.RLock()
        return self._reader

    def chunk(self, i: int, *, facets: bool = False) -> Chunk:
        """Chunk i."""
        store = self.store
        with self._lock:
            return store.chunk(int(self.keys[i]), int(self._checks[i]), facets=facets)

    def column(self, i: int, name: str, decode: Callable[[Chunk], np.ndarray]) -> np.ndarray:
        """A column of chunk i, from the cache if it is there; threads take turns."""
        _ = self.store  # after a fork, with a lock of its own
        with self._lock:
            found = self._cache.get((i, name))
            if found is not None:
                self._cache.move_to_end((i, name))
                return found
            out = decode(self.chunk(i))
            out.setflags(write=False)
            self._cache[i, name] = out
            self._cached += out.nbytes
            while self._cached > _CACHE and len(self._cache) > 1:
                self._cached -= self._cache.popitem(last=False)[1].nbytes
            return out

    def spans(self, start: int, stop: int) -> Iterator[tuple[int, slice, slice]]:
        """Chunks that regions start .. stop - 1 are in: rows of the chunk, rows of the result."""
        i = int(np.searchsorted(self.starts, start, side="right")) - 1
        while start < stop:
            begin, end = int(self.starts[i]), min(stop, int(self.starts[i + 1]))
            yield i, slice(start - begin, end - begin), slice(0, end - start)
            start, i = end, i + 1

    def take(
        self, indices: np.ndarray, name: str, decode: Callable[[Chunk], np.ndarray],
        out: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Rows of a column by number into ``out``, chunk by chunk."""
        which = np.searchsorted(self.starts, indices, side="right") - 1
        order = np.argsort(which, kind="stable")
        ends = np.flatnonzero(np.diff(which[order], append=-1)) + 1
        begin = 0
        for end in ends.tolist():
            rows = order[begin:end]
            i = int(which[rows[0]])
            out[rows] = self.column(i, name, decode)[indices[rows] - self.starts[i]]
            begin = end
        return out


class StoredCodes:
    """The codes of a store, with what `PackedCodes` offers."""

    def __init__(self, chunks: StoredChunks) -> None:
        self._chunks, self._program = chunks, chunks.store.network.program
        self.bits, self.dtype = bits_of(self._program.pieces), code_type(self._program.pieces)
        self.units = self._program.n_units

    def __len__(self) -> int:
        return len(self._chunks)

    def _decode(self, chunk: Chunk) -> np.ndarray:
        return decode_codes(chunk, self._program)

    @cached_property
    def _range(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        low: np.ndarray | None = None
        high: np.ndarray | None = None
        for i in range(len(self._chunks.keys)):
            codes = self._chunks.column(i, "codes", self._decode)
            a, b = codes.min(axis=0), codes.max(axis=0)
            low = a if low is None else np.minimum(low, a)
            high = b if high is None else np.maximum(high, b)
        return low, high

    @property
    def low(self) -> np.ndarray | None:
        """The smallest piece of every unit; a pass through the store at first."""
        return self._range[0]

    @property
    def high(self) -> np.ndarray | None:
        """The largest piece of every unit."""
        return self._range[1]

    @property
    def varying(self) -> np.ndarray:
        """The units that change."""
        if self.low is None or self.high is None:
            return np.arange(self.units)
        return np.flatnonzero(self.low != self.high)

    def differ_by(
        self, first: np.ndarray, second: np.ndarray, row: np.ndarray, unit: np.ndarray,
        piece: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Whether pairs of codes are equal but for given changes; see `PackedCodes.differ_by`."""
        codes = self.take(first)
        codes[row, unit] = piece
        same: np.ndarray = np.all(codes == self.take(second), axis=1)
        return same

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Codes of regions start .. stop - 1, shape (n, units)."""
        out = np.empty((stop - start, self.units), dtype=self.dtype)
        at = 0
        for i, rows, there in self._chunks.spans(start, stop):
            out[at : at + there.stop] = self._chunks.column(i, "codes", self._decode)[rows]
            at += there.stop
        return out

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Codes of the regions with the given numbers, shape (n, units)."""
        out = np.empty((len(indices), self.units), dtype=self.dtype)
        return self._chunks.take(np.asarray(indices), "codes", self._decode, out)

    def first_differences(
        self, first: np.ndarray, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the codes of pairs of regions differ first; see `PackedCodes`."""
        unit = np.full(len(first), -1, dtype=np.int64)
        piece, other = np.zeros_like(unit), np.zeros_like(unit)
        step = max(1, _PAIRS // max(1, self.units))
        for start in range(0, len(first) if self.units else 0, step):
            here = slice(start, start + step)
            a, b = self.take(first[here]), self.take(second[here])
            found = (a != b).argmax(axis=1)[:, None]
            piece[here] = np.take_along_axis(a, found, 1)[:, 0]
            other[here] = np.take_along_axis(b, found, 1)[:, 0]
            unit[here] = np.where(piece[here] != other[here], found[:, 0], -1)
        return unit, piece, other

    def several_differences(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Whether the codes of pairs of regions differ in more than one unit."""
        out = np.zeros(len(first), dtype=bool)
        step = max(1, _PAIRS // max(1, self.units))
        for start in range(0, len(first), step):
            here = slice(start, start + step)
            out[here] = (self.take(first[here]) != self.take(second[here])).sum(axis=1) > 1
        return out


class StoredPoints:
    """The witnesses of a store: rows by number, slice or array of numbers, as of an array."""

    def __init__(self, chunks: StoredChunks) -> None:
        self._chunks = chunks
        self._dim = chunks.store.domain.chart.dim
        self.shape = len(chunks), self._dim

    def __len__(self) -> int:
        return len(self._chunks)

    def _decode(self, chunk: Chunk) -> np.ndarray:
        return decode_points(chunk, self._dim)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._rows(start, max(start, stop))
            rows = np.arange(start, stop, step)
        indices = np.asarray(rows)
        if indices.dtype == bool:
            indices = np.flatnonzero(indices)
        if np.any(indices < -len(self)) or np.any(indices >= len(self)):
            raise IndexError(f"region out of {len(self)}")
        flat = indices.reshape(-1) % max(1, len(self))
        out = self._chunks.take(flat, "points", self._decode, np.empty((len(flat), self._dim)))
        return out.reshape(*indices.shape, self._dim)

    def _rows(self, start: int, stop: int) -> np.ndarray:
        out = np.empty((stop - start, self._dim))
        at = 0
        for i, rows, there in self._chunks.spans(start, stop):
            out[at : at + there.stop] = self._chunks.column(i, "points", self._decode)[rows]
            at += there.stop
        return out

    def whole(self) -> np.ndarray:
        """All of them in memory.

        Raises
        ------
        LimitError
            If they take over 2 GiB.
        """
        size = 8 * len(self) * self._dim
        if size > _LIMIT:
            raise LimitError(
                f"witnesses: the array would take {size:,} bytes, over the limit of {_LIMIT:,}; "
                "use iter_witnesses() to go through it in chunks"
            )
        return self._rows(0, len(self))


def exact_points(chunks: StoredChunks) -> dict[int, tuple[Fraction, ...]]:
    """The rational witnesses of a store, by region."""
    dim = chunks.store.domain.chart.dim
    out: dict[int, tuple[Fraction, ...]] = {}
    for i in chunks.rational.tolist():
        start = int(chunks.starts[i])
        found = decode_exact(chunks.chunk(i), dim)
        out.update({start + j: point for j, point in found.items()})
    return out
