"""What is proved of a layer's units on a domain: the pieces left, and how far others exceed them.

Everything is read off exact ranges of members, or of differences of members, which are outputs of
another network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ..errors import LimitError
from ..rationals import exact_array
from ..verification.ranges import output_range
from .unrolled import forms_behind

if TYPE_CHECKING:
    from ..compile.forms import Forms
    from ..compile.program import Layer, Units
    from ..domain import Domain
    from ..network import Network

__all__ = ["UnitBounds", "bounds_of_layer", "pieces_of"]

MOST_PAIRS = 20_000  # of members of maxima

Ends = tuple[Fraction, Fraction]


@dataclass
class UnitBounds:
    """A unit on the domain: the pieces that are left, and how far it is above and below each.

    ``sign`` is -1 for a minimum, which is written as minus a maximum; ``ends`` are the member's
    interval for a spline that is neither.
    """

    alive: list[int]
    upper: tuple[Fraction, ...]
    sign: int = 1
    lower: tuple[Fraction, ...] = ()
    ends: Ends | None = None
    breaks: list[Fraction] = field(default_factory=list)


def bounds_of_layer(
    network: Network, domain: Domain, index: int, time_limit: float | None
) -> list[UnitBounds]:
    """What is known of every unit of a layer on a domain.

    Raises
    ------
    LimitError
        For maxima of too many members, and if a time limit was too short for any bound.
    """
    layer = network.program.layers[index]
    units = layer.units
    wanted: list[tuple[int, int]] = []  # members, and -1 or the one that is subtracted
    for k in range(len(units)):
        read = pieces_of(units, k)[0]
        wanted += combinations(read, 2) if units.lead[k] else [(read[0], -1)]
    if len(wanted) > MOST_PAIRS:
        raise LimitError(
            f"to_cvxpy: the units of layer {index + 1} compare {len(wanted):,} pairs of members, "
            f"over the limit of {MOST_PAIRS:,}; take a smaller network"
        )
    wanted = list(dict.fromkeys(wanted))
    known: dict[tuple[int, int], Ends] = {}
    forms = _differences(layer.members, wanted)
    found = output_range(forms_behind(network.program, index, forms), domain, time_limit=time_limit)
    for key, r in zip(wanted, found, strict=True):
        if any(isinstance(v, float) and math.isinf(v) for v in (r.low_bound, r.high_bound)):
            raise LimitError(
                f"to_cvxpy: no bound of a member of layer {index + 1} was found within the time "
                "limit; give more time"
            )
        known[key] = Fraction(r.low_bound), Fraction(r.high_bound)
    return [_of_unit(layer, k, known) for k in range(len(units))]


def _of_unit(layer: Layer, k: int, known: dict[tuple[int, int], Ends]) -> UnitBounds:
    units = layer.units
    read, slopes, offsets = pieces_of(units, k)
    if units.lead[k]:
        return _compared(int(units.lead[k]), read, known)
    shifts = units.piece_shift[units.piece_start[k] : units.piece_start[k + 1] - 1]
    breaks = [-Fraction(v) for v in shifts.tolist()]
    way = 1 if units.is_convex(k) else -1 if units.is_concave(k) else 0
    return _scalar(way, slopes, offsets, breaks, known[read[0], -1])


def _differences(members: Forms, wanted: Sequence[tuple[int, int]]) -> Forms:
    """Member a, or member a minus member b, as forms over the state."""
    from ..compile.forms import Forms

    indptr, indices, data, const = [0], [], [], []
    for a, b in wanted:
        terms, constant = _terms(members, a)
        if b >= 0:
            other, shift = _terms(members, b)
            constant -= shift
            for j, c in other.items():
                terms[j] = terms.get(j, Fraction(0)) - c
        left = {j: c for j, c in sorted(terms.items()) if c}
        indices += list(left)
        data += list(left.values())
        indptr.append(len(indices))
        const.append(constant)
    return Forms(
        np.array(indptr, dtype=np.int64), np.array(indices, dtype=np.int64),
        exact_array(data), exact_array(const), members.width,
    )  # fmt: skip


def _terms(forms: Forms, i: int) -> tuple[dict[int, Fraction], Fraction]:
    indices, data, const = forms.row(i)
    terms: dict[int, Fraction] = {}
    for j, c in zip(indices.tolist(), data.tolist(), strict=True):
        terms[j] = terms.get(j, Fraction(0)) + Fraction(c)
    return terms, const


def pieces_of(units: Units, k: int) -> tuple[list[int], list[Fraction], list[Fraction]]:
    """The members that a unit's pieces read, their slopes and offsets."""
    own = slice(int(units.piece_start[k]), int(units.piece_start[k + 1]))
    return (
        units.piece_member[own].tolist(),
        [Fraction(v) for v in units.piece_slope[own].tolist()],
        [Fraction(v) for v in units.piece_offset[own].tolist()],
    )


def _compared(sign: int, read: Sequence[int], known: dict[tuple[int, int], Ends]) -> UnitBounds:
    """A maximum (minimum) of members: who can be the largest, and by how much others exceed."""

    def exceeds(p: int, r: int) -> Ends:
        """The range of piece p minus piece r, turned round for a minimum."""
        key = (read[p], read[r])
        low, high = known[key] if p < r else tuple(-v for v in reversed(known[key[::-1]]))
        return (low, high) if sign > 0 else (-high, -low)

    alive = list(range(len(read)))
    for p in range(len(read) - 1, -1, -1):
        if any(exceeds(r, p)[0] >= 0 for r in alive if r != p):
            alive.remove(p)
    upper = tuple(max((exceeds(r, p)[1] for r in alive if r != p), default=Fraction(0))
                  for p in alive)  # fmt: skip
    return UnitBounds(alive, upper, sign)


def _scalar(
    way: int, slopes: Sequence[Fraction], offsets: Sequence[Fraction], breaks: list[Fraction],
    ends: Ends,
) -> UnitBounds:  # fmt: skip
    """A spline of one member on an interval."""
    low, high = ends
    first = sum(b <= low for b in breaks)
    last = max(first, sum(b < high for b in breaks))
    alive = list(range(first, last + 1))
    at = [low, *breaks[first:last], high]

    def piece(r: int, u: Fraction) -> Fraction:
        return slopes[r] * u + offsets[r]

    def spline(u: Fraction) -> Fraction:
        return piece(sum(b < u for b in breaks), u)

    gaps = [[spline(u) - piece(r, u) for u in at] for r in alive]
    above, below = tuple(max(g) for g in gaps), tuple(max(-v for v in g) for g in gaps)
    if way:
        return UnitBounds(alive, above if way > 0 else below, way)
    return UnitBounds(alive, above, 1, below, ends, breaks)
