"""Columns as texts for a page: made small by differences and deflate, exact to the bit."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from ..errors import LimitError

__all__ = ["Blocks"]

MOST_BYTES = 1 << 30  # of all columns of a page, before they are made small
_FAST = 1 << 22  # bytes from which on time counts more than size
_NAMES = {
    "int8": "Int8Array", "uint8": "Uint8Array", "int16": "Int16Array", "uint16": "Uint16Array",
    "int32": "Int32Array", "uint32": "Uint32Array", "float32": "Float32Array",
    "float64": "Float64Array",
}  # fmt: skip


class Blocks:
    """The columns of a page.

    Attributes
    ----------
    texts : list of str
        In base64, each by its number.

    Examples
    --------
    >>> import numpy as np
    >>> blocks = Blocks()
    >>> blocks.add(np.arange(1000, dtype=np.int32), differences=True)
    {'block': 0, 'type': 'Int32Array', 'length': 1000, 'differences': True}
    >>> len(blocks.texts[0]) < 100
    True
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._bytes = 0

    def add(self, column: np.ndarray, *, differences: bool = False) -> dict[str, Any]:
        """Take a column in; what the page says about it.

        Parameters
        ----------
        column : array of numbers of up to 32 bits, or float64
            Of more dimensions: its entries row by row.
        differences : bool
            Whether neighbours are alike: of whole numbers, their differences are kept.

        Raises
        ------
        LimitError
            If the page would hold too much.
        """
        flat = np.ascontiguousarray(column).reshape(-1)
        self._bytes += flat.nbytes
        if self._bytes > MOST_BYTES:
            raise LimitError(
                f"explore: the page would hold over {MOST_BYTES >> 20:,} MiB of columns; take a "
                "smaller domain, or fewer checkpoints"
            )
        kept = flat
        if differences:
            kept = np.diff(flat, prepend=flat.dtype.type(0))
        # bytes of one weight stand together: those of high weight are mostly alike
        size = kept.itemsize
        data = kept.view(np.uint8).reshape(-1, size).T.tobytes() if len(kept) else b""
        small = zlib.compress(data, 6 if len(data) < _FAST else 3)
        self.texts.append(base64.b64encode(small).decode("ascii"))
        return {
            "block": len(self.texts) - 1,
            "type": _NAMES[flat.dtype.name],
            "length": len(flat),
            "differences": differences,
        }

    def floats(self, column: np.ndarray) -> dict[str, Any]:
        """A float64 column of which few numbers may be different ones: weights, say."""
        flat = np.ascontiguousarray(column, dtype=np.float64).reshape(-1)
        if len(flat) > 1 << 10:
            values, index = np.unique(flat.view(np.uint64), return_inverse=True)
            if len(values) < min(len(flat) // 4, 1 << 16):
                kind = np.uint8 if len(values) <= 256 else np.uint16
                return {
                    "values": self.add(values.view(np.float64)),
                    "index": self.add(index.astype(kind)),
                }
        return self.add(flat)
