"""From codes to the regions that have them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .packed import PackedCodes

__all__ = ["CodeIndex"]


class CodeIndex:
    """From codes to the ids of regions.

    Regions stand in lexicographic order, so their codes as bits, most significant first, are
    sorted keys.
    """

    def __init__(self, packed: PackedCodes, chunks: Iterable[np.ndarray]) -> None:
        self._packed = packed
        bits = self._packed.bits[self._packed.varying]
        self._unit = np.repeat(np.arange(len(bits)), bits)
        self._shift = np.concatenate([np.arange(b)[::-1] for b in bits.tolist()] or [bits])
        keys = [self._keys(codes) for codes in chunks]
        self._sorted = np.concatenate(keys or [self._keys(packed.rows(0, 0))])

    def _keys(self, codes: np.ndarray) -> np.ndarray:
        varying = codes[:, self._packed.varying]
        planes = (varying[:, self._unit] >> self._shift.astype(varying.dtype)) & 1
        packed = np.packbits(planes.astype(bool), axis=1)
        if packed.shape[1] == 0:
            packed = np.zeros((len(codes), 1), dtype=np.uint8)
        return np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").reshape(-1)

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Ids of the regions with these codes, shape (n,); -1 where the partition has none."""
        low, high = self._packed.low, self._packed.high
        if low is None or high is None or len(codes) == 0:
            return np.full(len(codes), -1, dtype=np.int64)
        able = np.all((codes >= low) & (codes <= high), axis=1)
        keys = self._keys(np.where(able[:, None], codes, low))
        at = np.searchsorted(self._sorted, keys)
        at[at == len(self._sorted)] = 0
        return np.where(able & (self._sorted[at] == keys), at, -1).astype(np.int64)

    def find(self, code: np.ndarray) -> int | None:
        """The id of one region, None if the partition has none of this code."""
        found = int(self(code.reshape(1, -1))[0])
        return None if found < 0 else found
