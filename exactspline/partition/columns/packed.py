"""Codes in bits: ceil(log2 R) bits a unit, and units that never change only once."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ...search.packing import bits_of, code_type, pack_rows, unpack_rows

__all__ = ["PackedCodes"]

_CHUNK = 1 << 22  # bytes of bits that are compared at once
_AT_ONCE = 1 << 20  # bytes of codes that wait for the end before they are packed
_ONES = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)
_LEADING = np.array([8 - value.bit_length() for value in range(256)])  # zeros in front


class PackedCodes:
    """Rows of codes, appended in chunks and kept as bits.

    Parameters
    ----------
    pieces : array of int, shape (units,)
        Number of pieces of every unit.
    """

    def __init__(self, pieces: np.ndarray) -> None:
        self.bits = bits_of(pieces)
        self.dtype = code_type(pieces)
        self.units = len(pieces)
        self.low: np.ndarray | None = None  # smallest and largest piece seen, per unit
        self.high: np.ndarray | None = None
        self.chunks: list[np.ndarray] = []
        self.ends: list[int] = []
        self._raw: np.ndarray | None = None  # the first codes, not packed yet
        self.varying = np.arange(self.units)

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    @property
    def nbytes(self) -> int:
        """Bytes that the packed codes take."""
        return sum(chunk.nbytes for chunk in self.chunks)

    @property
    def packed(self) -> np.ndarray:
        """All codes as bits, after `finish`; uint8, shape (n, bytes)."""
        return self.chunks[0] if self.chunks else np.zeros((0, 0), dtype=np.uint8)

    @cached_property
    def places(self) -> np.ndarray:
        """Per bit of a row, after `finish`: its unit, that unit's first bit, the one behind.

        Returns
        -------
        int64 array, shape (3, bits)
        """
        bits = self.bits[self.varying]
        end = np.cumsum(bits)
        if len(bits) and end[-1] == len(bits):  # one each
            return np.stack([self.varying, end - 1, end])
        return np.repeat(np.stack([self.varying, end - bits, end]), bits, axis=1)

    def append(self, codes: np.ndarray) -> None:
        """Add rows of codes, shape (n, units)."""
        if len(codes) == 0:
            return
        low, high = codes.min(axis=0), codes.max(axis=0)
        self.low = low if self.low is None else np.minimum(self.low, low)
        self.high = high if self.high is None else np.maximum(self.high, high)
        first = not self.ends
        self.ends.append(len(self) + len(codes))
        if first and codes.nbytes <= _AT_ONCE:  # if no more come, only what varies is packed
            self._raw = codes
            return
        self._pack()
        self.chunks.append(pack_rows(codes, self.bits))

    def _pack(self) -> None:
        """Pack the codes that came first, if they are not yet."""
        if self._raw is not None:
            self.chunks.append(pack_rows(self._raw, self.bits))
            self._raw = None

    def finish(self) -> None:
        """Drop the bits of units that never change; they are known from then on."""
        if self.low is None or self.high is None:
            return
        varying = np.flatnonzero(self.low != self.high)
        if self._raw is not None:
            some = len(varying) < self.units
            codes = np.take(self._raw, varying, axis=1) if some else self._raw
            self.chunks, self.varying = [pack_rows(codes, self.bits[varying])], varying
            self._raw = None
            return
        previous = self.varying
        place = np.searchsorted(previous, varying)
        sizes = np.diff([0, *self.ends])
        for i, (chunk, n) in enumerate(zip(self.chunks, sizes.tolist(), strict=True)):
            if len(varying) == len(previous):
                break
            codes = unpack_rows(chunk, n, self.bits[previous], self.dtype)[:, place]
            self.chunks[i] = pack_rows(codes, self.bits[varying])
        self.varying = varying
        self.chunks = [np.concatenate(self.chunks)]
        self.ends = [len(self)]

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Codes of the regions with the given numbers, after `finish`; shape (n, units)."""
        out = np.empty((len(indices), self.units), dtype=self.dtype)
        if self.low is not None:
            out[:] = self.low
            bits = self.bits[self.varying]
            out[:, self.varying] = unpack_rows(
                self.chunks[0][indices], len(indices), bits, self.dtype
            )
        return out

    def differ_by(
        self, first: np.ndarray, second: np.ndarray, row: np.ndarray, unit: np.ndarray,
        piece: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Whether pairs of codes are equal but for given changes, after `finish`.

        Parameters
        ----------
        first, second : int arrays, shape (n,)
            Numbers of regions.
        row, unit, piece : int arrays, shape (changes,)
            In pair ``row`` the second code has ``piece`` at a unit, no two of one row and unit.

        Returns
        -------
        bool array, shape (n,)
        """
        out = np.ones(len(first), dtype=bool)
        if self.low is None:
            return out
        at = np.searchsorted(self.varying, unit)
        varies = at < len(self.varying)
        varies[varies] = self.varying[at[varies]] == unit[varies]
        never = ~varies
        never &= self.low[unit] != piece
        out[row[never]] = False
        if len(self.varying) == 0:
            return out
        row, at, piece = row[varies], at[varies], piece[varies]
        bits = self.bits[self.varying]
        begin = np.cumsum(bits) - bits
        wanted = self.chunks[0][first]
        for b in range(int(bits.max())):
            has = bits[at] > b
            place, value = begin[at[has]] + b, (piece[has] >> b) & 1
            byte, mask = place >> 3, (128 >> (place & 7)).astype(np.uint8)
            np.bitwise_and.at(wanted, (row[has], byte), ~mask)
            np.bitwise_or.at(wanted, (row[has], byte), np.where(value, mask, 0).astype(np.uint8))
        return out & np.all(wanted == self.chunks[0][second], axis=1)

    def first_differences(
        self, first: np.ndarray, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the codes of pairs of regions differ first, after `finish`; bits are not unpacked.

        Returns
        -------
        unit : int64 array, shape (n,)
            -1 where they are equal.
        piece, other : int64 arrays, shape (n,)
            That unit's pieces in the first and the second regions.
        """
        unit = np.full(len(first), -1, dtype=np.int64)
        piece, other = np.zeros_like(unit), np.zeros_like(unit)
        bits = self.bits[self.varying]
        if not bits.size or not len(first):
            return unit, piece, other
        begin = np.concatenate([[0], np.cumsum(bits)])
        unit_of_bit = np.repeat(np.arange(len(bits)), bits)
        step = max(1, _CHUNK // self.chunks[0].shape[1])
        for start in range(0, len(first), step):
            here = slice(start, start + step)
            a, b = self.chunks[0][first[here]], self.chunks[0][second[here]]
            apart, row = a ^ b, np.arange(len(a))
            byte = (apart != 0).argmax(axis=1)
            differ = apart[row, byte] != 0
            bit = 8 * byte + _LEADING[apart[row, byte]]
            found = unit_of_bit[np.minimum(bit, begin[-1] - 1)]
            unit[here] = np.where(differ, self.varying[found], -1)
            for b_ in range(int(bits.max())):
                at = np.minimum(begin[found] + b_, begin[-1] - 1)
                has = bits[found] > b_
                for packed, out in ((a, piece), (b, other)):
                    value = (packed[row, at >> 3] >> (7 - (at & 7))) & 1
                    out[here] |= np.where(has, value.astype(np.int64) << b_, 0)
        return unit, piece, other

    def several_differences(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Whether the codes of pairs of regions may differ in more than one unit, after `finish`.

        False is certain: no more than one bit differs.
        """
        out = np.zeros(len(first), dtype=bool)
        if not len(self.varying) or not len(first):
            return out
        step = max(1, _CHUNK // self.chunks[0].shape[1])
        for start in range(0, len(first), step):
            here = slice(start, start + step)
            apart = self.chunks[0][first[here]] ^ self.chunks[0][second[here]]
            ones = np.zeros(len(apart), dtype=np.uint8)  # two say enough
            for byte in apart.T:  # few and long: faster than a sum of every row
                ones = np.minimum(ones + _ONES[byte], 2)
            out[here] = ones > 1
        return out

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Codes of regions start .. stop - 1, shape (n, units)."""
        self._pack()
        out = np.empty((stop - start, self.units), dtype=self.dtype)
        if self.low is not None:
            out[:] = self.low
        first = int(np.searchsorted(self.ends, start, side="right"))
        at = start
        while at < stop:
            begin = self.ends[first - 1] if first else 0
            end = min(stop, self.ends[first])
            codes = unpack_rows(
                self.chunks[first][at - begin : end - begin], end - at, self.bits[self.varying],
                self.dtype,
            )  # fmt: skip
            out[at - start : end - start, self.varying] = codes
            at, first = end, first + 1
        return out
