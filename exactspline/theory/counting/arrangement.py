"""Zaslavsky's theorem: the number of regions of a hyperplane arrangement, without enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import LimitError, ShapeError
from ...mode import guarded
from ...rationals import as_fractions, exact_array
from ..registry import exported

__all__ = ["zaslavsky"]

_MOST_STEPS = 200_000  # of deletion and restriction


@exported
@guarded
def zaslavsky(W: Any, b: Any = None) -> tuple[int, int]:
    """Regions and relatively bounded regions of a hyperplane arrangement, without enumeration.

    Parameters
    ----------
    W : array_like, shape (m, n)
        Normals; rows of zeros are no hyperplanes, and equal hyperplanes count once.
    b : array_like, shape (m,), optional
        Offsets: the hyperplanes are W x + b = 0. Zero by default.

    Returns
    -------
    regions, bounded : int
        r = (-1)^n chi(-1) and (-1)^rank chi(1), chi the characteristic polynomial.

    Raises
    ------
    LimitError
        For arrangements that need more than 200,000 restrictions.

    Notes
    -----
    chi by deletion and restriction with equal sub-arrangements computed once; exponential in
    general, fast for small ones.

    References
    ----------
    T. Zaslavsky, Facing up to arrangements, 1975.

    Examples
    --------
    >>> zaslavsky([[1, 0], [0, 1], [1, 1]], [0, 0, -1])
    (7, 1)
    """
    from ...polyhedra.linear import primitive_multiple

    matrix = as_fractions(exact_array(W, "W"))
    if matrix.ndim != 2 or matrix.shape[1] < 1:
        raise ShapeError(f"zaslavsky: W has shape {matrix.shape}; give (hyperplanes, inputs)")
    m, n = matrix.shape
    offsets = as_fractions(np.zeros(m) if b is None else exact_array(b, "b"))
    if offsets.shape != (m,):
        raise ShapeError(f"zaslavsky: b has shape {offsets.shape}; give ({m},)")
    rows = frozenset(
        _oriented(primitive_multiple([*row, c]))
        for row, c in zip(matrix.tolist(), offsets.tolist(), strict=True)
        if any(row)
    )
    known: dict[tuple[int, frozenset[Row]], tuple[int, ...]] = {}
    chi = _characteristic(n, rows, known)
    regions = sum(c * (-1) ** (n + d) for d, c in enumerate(chi))
    rank = n - next(d for d, c in enumerate(chi) if c)
    bounded = (-1) ** rank * sum(chi)
    return regions, bounded


Row = tuple[int, ...]


def _oriented(row: Row) -> Row:
    """A hyperplane with its first coefficient positive."""
    return row if next(v for v in row if v) > 0 else tuple(-v for v in row)


def _characteristic(
    n: int, rows: frozenset[Row], known: dict[tuple[int, frozenset[Row]], tuple[int, ...]]
) -> tuple[int, ...]:
    """Coefficients of chi, constant first: chi(A) = chi(A without H) - chi(A on H)."""
    if not rows:
        return (*([0] * n), 1)
    if (n, rows) in known:
        return known[n, rows]
    if len(known) > _MOST_STEPS:
        raise LimitError(
            f"zaslavsky: more than {_MOST_STEPS:,} sub-arrangements; take fewer hyperplanes"
        )
    from ...polyhedra.linear import primitive

    ordered = sorted(rows)
    total = [*([0] * n), 1]
    for i, plane in enumerate(ordered):  # hyperplanes are added one after the other
        pivot = next(j for j, v in enumerate(plane) if v)
        on_plane = set()
        for other in ordered[:i]:
            row = [plane[pivot] * v - other[pivot] * w for v, w in zip(other, plane, strict=True)]
            del row[pivot]
            if any(row[:-1]):
                on_plane.add(_oriented(primitive(row)))
        restricted = _characteristic(n - 1, frozenset(on_plane), known)
        for d, c in enumerate(restricted):
            total[d] -= c
    known[n, rows] = tuple(total)
    return tuple(total)
