"""Rows of small numbers as bits: ceil(log2 R) bits for a unit of R pieces."""

from __future__ import annotations

import numpy as np

__all__ = ["bits_of", "code_type", "pack_rows", "unpack_rows"]


def bits_of(pieces: np.ndarray) -> np.ndarray:
    """Bits that a piece of every unit takes, shape (units,)."""
    if pieces.max(initial=2) == 2:
        return np.ones(len(pieces), dtype=np.int64)
    return np.maximum(1, np.ceil(np.log2(np.maximum(pieces, 2)))).astype(np.int64)


def code_type(pieces: np.ndarray) -> np.dtype:
    """The smallest unsigned type that holds the pieces."""
    return np.min_scalar_type(int(pieces.max(initial=1)) - 1)


def pack_rows(codes: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Rows of codes as bits.

    Parameters
    ----------
    codes : unsigned array, shape (n, units)
    bits : int array, shape (units,)

    Returns
    -------
    uint8 array, shape (n, bytes)
    """
    if np.all(bits == 1):
        return _packed(codes)
    planes = np.zeros((len(codes), int(bits.sum())), dtype=bool)
    begin = np.concatenate([[0], np.cumsum(bits)[:-1]])
    for b in range(int(bits.max(initial=1))):
        has = bits > b
        planes[:, begin[has] + b] = (codes[:, has] >> b) & 1
    return np.packbits(planes, axis=1)


def _packed(codes: np.ndarray) -> np.ndarray:
    """Rows of 0 and 1 as bits: `numpy.packbits` takes a whole array in less time than its rows."""
    n, units = codes.shape
    width = -(-units // 8)
    if units % 8:
        rows = np.zeros((n, 8 * width), dtype=np.uint8)
        rows[:, :units] = codes
    else:
        rows = codes
    return np.packbits(rows.ravel()).reshape(n, width)


def unpack_rows(packed: np.ndarray, n: int, bits: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The inverse of `pack_rows`, shape (n, units)."""
    total = int(bits.sum())
    if total == 0:
        return np.zeros((n, len(bits)), dtype=dtype)
    planes = np.unpackbits(packed, axis=1, count=total)
    if np.all(bits == 1):
        return planes.astype(dtype, copy=False)
    out = np.zeros((n, len(bits)), dtype=dtype)
    begin = np.concatenate([[0], np.cumsum(bits)[:-1]])
    for b in range(int(bits.max())):
        has = bits > b
        out[:, has] |= planes[:, begin[has] + b].astype(dtype) << b
    return out
