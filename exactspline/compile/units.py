"""How units are written down: splines of one member, and maxima of several, in columns.

`program.Units` reads off what follows, the whole rule for ties: at a breakpoint and among equal
members the lowest piece counts, also where they coincide on a whole cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..rationals import as_fractions, compact
from .program import Units

__all__ = [
    "Piece",
    "Spline",
    "concatenate",
    "max_table",
    "merge",
    "spline_table",
    "stack",
]

Piece = tuple[Fraction, Fraction]  # slope and offset
Spline = tuple[tuple[Fraction, ...], tuple[Piece, ...]]  # breakpoints, one piece more


def merge(breaks: Sequence[Fraction], pieces: Sequence[Piece]) -> Spline:
    """Merge neighbouring intervals with the same affine function."""
    out_breaks: list[Fraction] = []
    out_pieces = [pieces[0]]
    for point, piece in zip(breaks, pieces[1:], strict=True):
        if piece != out_pieces[-1]:
            out_breaks.append(point)
            out_pieces.append(piece)
    return tuple(out_breaks), tuple(out_pieces)


def spline_table(splines: Sequence[Spline], which: np.ndarray) -> Units:
    """Unit k is the spline ``splines[which[k]]`` of member k."""
    sizes = np.array([len(pieces) for _, pieces in splines], dtype=np.int64)
    first = np.cumsum(sizes) - sizes
    counts = sizes[which]
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    gather = np.repeat(first[which] - start[:-1], counts) + np.arange(start[-1])
    # behind the last piece there is no breakpoint
    shifts = [s for breaks, _ in splines for s in (*(-b for b in breaks), Fraction(0))]
    return Units(
        np.zeros(len(which), dtype=np.int8),
        start,
        np.repeat(np.arange(len(which), dtype=np.int32), counts),
        _exact([slope for _, pieces in splines for slope, _ in pieces])[gather],
        _exact([offset for _, pieces in splines for _, offset in pieces])[gather],
        _exact(shifts)[gather],
    )


def max_table(sizes: np.ndarray, members: np.ndarray, *, concave: bool) -> Units:
    """Unit k is the maximum (minimum if ``concave``) of ``sizes[k]`` members.

    ``members``: those of all units, one unit after the other; distinct within a unit.
    """
    n = len(members)
    none = np.zeros(n)
    return Units(
        np.full(len(sizes), -1 if concave else 1, dtype=np.int8),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        members.astype(np.int32),
        np.ones(n),
        none,
        none,
    )


def stack(tables: Sequence[tuple[Units, int]]) -> Units:
    """Unit tables one after the other; each comes with where its members begin."""

    def join(name: str) -> np.ndarray:
        return concatenate([getattr(t, name) for t, _ in tables])

    pieces = np.cumsum([0, *(len(t.piece_member) for t, _ in tables)])[:-1].tolist()
    starts = [t.piece_start[1:] + at for (t, _), at in zip(tables, pieces, strict=True)]
    return Units(
        join("lead"),
        np.concatenate([[0], *starts]).astype(np.int64),
        concatenate([t.piece_member + np.int32(at) if at else t.piece_member for t, at in tables]),
        join("piece_slope"),
        join("piece_offset"),
        join("piece_shift"),
    )


def concatenate(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays one after the other; Fractions win over float64."""
    if len(arrays) == 1:
        return arrays[0]
    if any(a.dtype == object for a in arrays):
        return np.concatenate([_shared(a) for a in arrays])
    return np.concatenate(arrays)


def _shared(array: np.ndarray) -> np.ndarray:
    """An exact array as Fractions; equal floats become one object."""
    if array.dtype == object:
        return array
    values, which = np.unique(array, return_inverse=True)
    return as_fractions(values)[which.reshape(-1)]


def _exact(values: list[Fraction]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return compact(out)
