"""A growing column of numbers."""

from __future__ import annotations

import numpy as np

__all__ = ["Column"]

_STEP = 1 << 22  # bytes that a column grows by at most at a time


class Column:
    """An array that grows at its end, in place where the system can do that.

    Parameters
    ----------
    dtype : data type
    width : int, optional
        Numbers a row; a plain column without it.
    """

    def __init__(self, dtype: type, width: int | None = None) -> None:
        self._array: np.ndarray = np.zeros((0,) if width is None else (0, width), dtype=dtype)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def extend(self, rows: np.ndarray) -> None:
        """Append rows."""
        n = self._n + len(rows)
        if n > len(self._array):
            # large blocks are moved by the system's page tables, not copied: small steps will do
            size = max(1, self._array[:1].nbytes or self._array.itemsize)
            room = max(n, len(self._array) + min(len(self._array), _STEP // size), 1024)
            self._array.resize((room, *self._array.shape[1:]), refcheck=False)
        self._array[self._n : n] = rows
        self._n = n

    def finish(self) -> np.ndarray:
        """The array, without spare room; nothing can be appended after that."""
        out, self._array = self._array, self._array[:0].copy()
        out.resize((self._n, *out.shape[1:]), refcheck=False)
        self._n = 0
        return out
