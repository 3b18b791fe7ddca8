"""How units are written down: one template a kind of unit, repeated into columns.

The whole rule for ties stands here, in `scalar_template` and `max_template`: at a breakpoint
and among equal members the lowest piece counts, also where they coincide on a whole cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..rationals import as_fractions, compact
from .program import Units

__all__ = [
    "Piece",
    "Template",
    "concatenate",
    "max_template",
    "merge",
    "scalar_template",
    "stack",
    "unit_table",
]

Piece = tuple[Fraction, Fraction]  # slope and offset


@dataclass(frozen=True)
class Template:
    """One unit over its own members 0, 1, ..., in the columns of `Units`."""

    members: int
    form_plus: np.ndarray
    form_minus: np.ndarray  # -1: none
    form_shift: np.ndarray
    piece_member: np.ndarray
    piece_slope: np.ndarray
    piece_offset: np.ndarray
    conditions: np.ndarray  # how many each piece has
    cond_form: np.ndarray
    cond_sign: np.ndarray
    cond_drop: np.ndarray


def merge(
    breaks: Sequence[Fraction], pieces: Sequence[Piece]
) -> tuple[tuple[Fraction, ...], tuple[Piece, ...]]:
    """Merge neighbouring intervals with the same affine function."""
    out_breaks: list[Fraction] = []
    out_pieces = [pieces[0]]
    for point, piece in zip(breaks, pieces[1:], strict=True):
        if piece != out_pieces[-1]:
            out_breaks.append(point)
            out_pieces.append(piece)
    return tuple(out_breaks), tuple(out_pieces)


def scalar_template(breaks: Sequence[Fraction], pieces: Sequence[Piece]) -> Template:
    """Piece r holds between breakpoints r and r + 1; at a breakpoint the lower piece counts."""
    n = len(breaks)
    counts, forms, signs, drops = [], [], [], []
    for r in range(n + 1):
        if r > 0:
            forms.append(r - 1)
            signs.append(1)
            drops.append(True)
        if r < n:
            forms.append(r)
            signs.append(-1)
            drops.append(False)
        counts.append(int(r > 0) + int(r < n))
    return Template(
        1,
        np.zeros(n, dtype=np.int64),
        np.full(n, -1, dtype=np.int64),
        _exact([-b for b in breaks]),
        np.zeros(n + 1, dtype=np.int64),
        _exact([slope for slope, _ in pieces]),
        _exact([offset for _, offset in pieces]),
        np.array(counts, dtype=np.int64),
        np.array(forms, dtype=np.int64),
        np.array(signs, dtype=np.int64),
        np.array(drops, dtype=bool),
    )


def max_template(n: int, *, concave: bool) -> Template:
    """Piece r holds where member r beats all others; the lowest of equal ones counts."""
    low, high = np.triu_indices(n, 1)
    index = np.zeros((n, n), dtype=np.int64)
    index[low, high] = index[high, low] = np.arange(len(low))
    piece, other = np.nonzero(~np.eye(n, dtype=bool))
    lead = -1 if concave else 1
    return Template(
        n,
        high.astype(np.int64),  # the higher member minus the lower
        low.astype(np.int64),
        np.zeros(len(low)),
        np.arange(n),
        np.ones(n),
        np.zeros(n),
        np.full(n, n - 1, dtype=np.int64),
        index[piece, other],
        np.where(piece > other, lead, -lead),
        other < piece,
    )


def unit_table(templates: Sequence[Template], which: np.ndarray, members: np.ndarray) -> Units:
    """Units of the given templates.

    Parameters
    ----------
    templates : sequence of Template
    which : int array, shape (units,)
    members : int array
        The members of all units, one unit after the other.
    """
    sizes = np.array([t.members for t in templates], dtype=np.int64)[which]
    first_member = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)

    def columns(name: str) -> tuple[np.ndarray, np.ndarray]:
        """The column of all units, and the unit each entry belongs to."""
        parts = [getattr(t, name) for t in templates]
        starts = np.cumsum([0, *map(len, parts)])[:-1][which]
        counts = np.array([len(p) for p in parts], dtype=np.int64)[which]
        at = np.cumsum(counts) - counts
        total = int(counts.sum())
        gather = np.repeat(starts - at, counts) + np.arange(total)
        return concatenate(parts)[gather], np.repeat(np.arange(len(which)), counts)

    def absolute(name: str) -> np.ndarray:
        own, unit = columns(name)
        return np.where(own < 0, -1, members[first_member[unit] + np.maximum(own, 0)])

    forms = np.array([len(t.form_plus) for t in templates], dtype=np.int64)[which]
    first_form = np.cumsum(forms) - forms
    cond_form, unit = columns("cond_form")
    counts = columns("conditions")[0]
    pieces = np.array([len(t.piece_member) for t in templates], dtype=np.int64)[which]
    return Units(
        absolute("form_plus").astype(np.int32),
        absolute("form_minus").astype(np.int32),
        columns("form_shift")[0],
        np.concatenate([[0], np.cumsum(pieces)]).astype(np.int64),
        absolute("piece_member").astype(np.int32),
        columns("piece_slope")[0],
        columns("piece_offset")[0],
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        (cond_form + first_form[unit]).astype(np.int32),
        columns("cond_sign")[0].astype(np.int8),
        columns("cond_drop")[0].astype(bool),
    )


def stack(tables: Sequence[tuple[Units, int]]) -> Units:
    """Unit tables one after the other; each comes with where its members begin."""

    def join(name: str) -> np.ndarray:
        return concatenate([getattr(t, name) for t, _ in tables])

    def shifted(name: str, offsets: Sequence[int]) -> np.ndarray:
        parts = [getattr(t, name) for t, _ in tables]
        return np.concatenate(
            [np.where(p < 0, -1, p + o) for p, o in zip(parts, offsets, strict=True)]
        ).astype(np.int32)

    def starts(name: str) -> np.ndarray:
        parts = [np.diff(getattr(t, name)) for t, _ in tables]
        return np.concatenate([[0], np.cumsum(np.concatenate(parts))]).astype(np.int64)

    members = [at for _, at in tables]
    forms = np.cumsum([0, *(len(t.form_plus) for t, _ in tables)])[:-1].tolist()
    return Units(
        shifted("form_plus", members), shifted("form_minus", members), join("form_shift"),
        starts("piece_start"), shifted("piece_member", members), join("piece_slope"),
        join("piece_offset"), starts("cond_start"), shifted("cond_form", forms),
        join("cond_sign"), join("cond_drop"),
    )  # fmt: skip


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
