"""Codes as rows of 64-bit words whose order is that of the codes; sorted tables of such rows.

A row of a table is the words of a code, then how many samples have it, then the number of the
first one. No hashes: equal rows are equal codes.
"""

from __future__ import annotations

import numpy as np

from ..compile.program import Program

__all__ = ["Words", "combined", "distinct", "first_of_group"]


class Words:
    """How a program's codes are packed: a bit a unit where no unit has more than two pieces.

    Parameters
    ----------
    program : Program

    Attributes
    ----------
    width : int
        Words of a code.
    """

    def __init__(self, program: Program) -> None:
        pieces = [int(layer.units.pieces.max(initial=1)) for layer in program.layers]
        self.units, self.pieces = program.n_units, max(pieces, default=1)
        self._bits = self.pieces <= 2
        self._size = 1 if self.pieces <= 2**8 else 2 if self.pieces <= 2**16 else 4
        self._bytes = -(-self.units // 8) if self._bits else self.units * self._size
        self.width = max(1, -(-self._bytes // 8))

    def pack(self, codes: np.ndarray) -> np.ndarray:
        """Codes (n, units) as words (n, width), uint64; their order is that of the codes."""
        out = np.zeros((len(codes), 8 * self.width), np.uint8)
        if self._bits:
            out[:, : self._bytes] = np.packbits(codes.astype(np.uint8, copy=False), axis=1)
        else:
            wide = np.ascontiguousarray(codes, dtype=f">u{self._size}")
            out[:, : self._bytes] = wide.view(np.uint8).reshape(len(codes), self._bytes)
        return out.view(">u8").astype(np.uint64)

    def unpack(self, words: np.ndarray) -> np.ndarray:
        """Codes (n, units) of words (n, width)."""
        raw = np.ascontiguousarray(words).astype(">u8").view(np.uint8)
        raw = raw.reshape(len(words), 8 * self.width)[:, : self._bytes]
        if self._bits:
            return np.unpackbits(raw, axis=1, count=self.units)
        wide = np.ascontiguousarray(raw).view(f">u{self._size}")
        return wide.astype(f"u{self._size}").reshape(len(words), self.units)


def first_of_group(words: np.ndarray) -> np.ndarray:
    """Of sorted rows: whether a row is the first of those equal to it."""
    out = np.ones(len(words), bool)
    out[1:] = (words[1:] != words[:-1]).any(axis=1)
    return out


def distinct(words: np.ndarray, start: int) -> np.ndarray:
    """The table of some samples' words; the first sample is number ``start``."""
    table = np.empty((len(words), words.shape[1] + 2), np.uint64)
    table[:, :-2] = words
    table[:, -2] = 1
    table[:, -1] = np.arange(start, start + len(words), dtype=np.uint64)
    return combined([table])


def combined(tables: list[np.ndarray]) -> np.ndarray:
    """One sorted table of distinct codes: counts are added, and the first sample stays first."""
    rows = np.concatenate(tables) if len(tables) > 1 else tables[0]
    if not len(rows):
        return rows
    order = np.lexsort(rows[:, :-2].T[::-1])
    rows = rows[order]
    starts = np.flatnonzero(first_of_group(rows[:, :-2]))
    if len(starts) == len(rows):
        return rows
    out = rows[starts]
    out[:, -2] = np.add.reduceat(rows[:, -2], starts)
    out[:, -1] = np.minimum.reduceat(rows[:, -1], starts)
    return out
