"""Max-affine splines composed with affine maps: the theory's formulas, over any ring.

The arrays hold Fractions, or the symbols of a proof: nothing here compares numbers except where
a sign decides (`sums_of_pieces`).
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np

from ..errors import LimitError, UnsupportedOperatorError

__all__ = ["after_affine", "sums_of_pieces"]

_MOST_PIECES = 100_000


def after_affine(
    A: np.ndarray, B: np.ndarray, W: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The pieces of x -> S(W x + b): W^T A_kr, and B_kr + <b, A_kr>.

    Parameters
    ----------
    A : object array, shape (K, R, n)
    B : object array, shape (K, R)
    W : object array, shape (n, D)
    b : object array, shape (n,)
    """
    return np.asarray(A @ W), np.asarray(B + A @ b)


def sums_of_pieces(
    A: np.ndarray, B: np.ndarray, V: np.ndarray, c: np.ndarray, label: str
) -> tuple[np.ndarray, np.ndarray]:
    """The pieces of x -> V S(x) + c for V >= 0, the last one repeated to a common number.

    Raises
    ------
    UnsupportedOperatorError
        If an output with several different pieces has a negative weight.
    LimitError
        If there would be more than 100,000 pieces.
    """
    choices = [_distinct(A[k], B[k]) for k in range(len(A))]
    rows = []
    for i, row in enumerate(V.tolist()):
        read = [k for k, v in enumerate(row) if v]
        for k in read:
            if row[k] < 0 and len(choices[k]) > 1:
                raise UnsupportedOperatorError(
                    f"{label}: output {k} has {len(choices[k])} pieces and the negative weight "
                    f"{row[k]} in row {i}; a sum of maxima is convex for weights of at least 0"
                )
        if math.prod(len(choices[k]) for k in read) > _MOST_PIECES:
            raise LimitError(
                f"{label}: row {i} would have more than {_MOST_PIECES:,} pieces; "
                "leave it as a composition of two layers"
            )
        pieces = []
        for picked in itertools.product(*(choices[k] for k in read)):
            slope = np.full(A.shape[2], Fraction(0), dtype=object)
            offset = c[i]
            for k, r in zip(read, picked, strict=True):
                slope = slope + row[k] * A[k, r]
                offset = offset + row[k] * B[k, r]
            pieces.append((slope, offset))
        rows.append(pieces)
    most = max(map(len, rows))
    if len(rows) * most > _MOST_PIECES:
        raise LimitError(f"{label}: more than {_MOST_PIECES:,} pieces in all; take fewer rows")
    slopes = [[pieces[min(r, len(pieces) - 1)][0] for r in range(most)] for pieces in rows]
    offsets = [[pieces[min(r, len(pieces) - 1)][1] for r in range(most)] for pieces in rows]
    return np.array(slopes, dtype=object), np.array(offsets, dtype=object)


def _distinct(A: np.ndarray, B: np.ndarray) -> list[int]:
    """The first of every set of equal pieces."""
    seen: dict[tuple[object, ...], int] = {}
    for r in range(len(B)):
        seen.setdefault((*A[r].tolist(), B[r]), r)
    return list(seen.values())
