"""Sums of products that proofs rest on, made in the thread that asks for them.

``@`` may hand them to threads that BLAS keeps, which round and flush subnormal numbers as those
who loaded it did. Here they are made in the mode that `exactspline.mode` has set, so that the
error bounds of `certificates` hold for them.
"""

from __future__ import annotations

import numpy as np

__all__ = ["combined", "times"]


def times(rows: np.ndarray, x: np.ndarray) -> np.ndarray:
    """rows @ x, for one row or several."""
    return np.asarray(np.einsum("...j,j->...", rows, x, optimize=False))


def combined(factors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """factors @ rows: the sum of the rows, each times its factor."""
    return np.asarray(np.einsum("i,i...->...", factors, rows, optimize=False))
