"""Boxes on which rigorous bounds decide a condition already: no region of theirs is asked for.

The domain is halved again and again; on every box the values of the joint network are bounded by
intervals, layer by layer, with all roundings counted. Where no point of a box can satisfy the
condition, the box is left out. Then the least box that holds what is left is searched, so that no
region is looked at twice. Bounds that tell little cost next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..cells.intervals import BoundedForms, or_all
from ..domain import Box
from ..rationals import bounded_floats
from .conditions import And, Condition, Constant, Literal
from .joint import Joint, asked

if TYPE_CHECKING:
    from ..compile.program import Units
    from ..domain import Domain

__all__ = ["Boxes", "undecided"]

_ROUNDS = 8  # halvings at most
_TRIED = 4  # after which half of the domain must be decided
_MOST = 256
_UNIT = 2.0**-52
_TINY = 1e-290
_NUMBERS = 1 << 22  # of one pass through the network


@dataclass
class Boxes:
    """What bounds leave of a domain.

    Attributes
    ----------
    domain : Domain or None
        What is to be searched; None if nothing is left.
    pruned : int
        Boxes that are left out.
    """

    domain: Domain | None
    pruned: int


@np.errstate(all="ignore")
def undecided(joint: Joint, domain: Domain, condition: Condition, *, halve: bool = True) -> Boxes:
    """The part of a domain on which bounds do not exclude a condition.

    Parameters
    ----------
    joint : Joint
    domain : Domain
        Of the joint coordinates; other domains than bounded boxes stay as they are.
    condition : Condition
    halve : bool
        Whether parts of the domain are looked at, too; a search that closes cells does it better.
    """
    if not isinstance(domain, Box) or domain.chart.dim != domain.dim:
        return Boxes(domain, 0)
    ends = [*domain.chart.low, *domain.chart.high]
    if any(v is None for v in ends):
        return Boxes(domain, 0)
    bounds = Bounds(joint)
    low = np.array([list(domain.chart.low)], dtype=object)
    high = np.array([list(domain.chart.high)], dtype=object)
    width = high[0] - low[0]
    open_ = bounds.may_hold(condition, low, high)
    if not open_[0]:
        return Boxes(None, 1)
    pruned, share = 0, 1.0  # of the volume that is left
    for level in range(1, _ROUNDS + 1 if halve else 1):
        if 2 * len(low) > _MOST or (level > _TRIED and share > 0.5):
            break
        low, high = _halved(low, high, width)
        open_ = bounds.may_hold(condition, low, high)
        pruned += int(np.sum(~open_))
        low, high = low[open_], high[open_]
        share = len(low) / 2.0**level
        if not len(low):
            break
    if not len(low):
        return Boxes(None, pruned)
    box = Box(list(low.min(axis=0)), list(high.max(axis=0)))
    return Boxes(box, pruned) if pruned else Boxes(domain, 0)


def _halved(low: np.ndarray, high: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every box as two, across its side that is longest beside the domain's; in order."""
    sides = [[(b - a) / w for a, b, w in zip(x, y, width, strict=True)]
             for x, y in zip(low, high, strict=True)]  # fmt: skip
    out_low, out_high = [], []
    for own_low, own_high, side in zip(low, high, sides, strict=True):
        j = max(range(len(side)), key=side.__getitem__)
        middle = (own_low[j] + own_high[j]) / 2
        upper, lower = own_low.copy(), own_high.copy()
        upper[j] = lower[j] = middle
        out_low += [own_low, upper]
        out_high += [lower, own_high]
    return np.array(out_low, dtype=object), np.array(out_high, dtype=object)


class Bounds:
    """Intervals of all values of a joint network on boxes."""

    def __init__(self, joint: Joint) -> None:
        self.joint = joint
        program = joint.program
        self.layers = [
            (BoundedForms.of(layer.members), layer, _Pieces(layer.units))
            for layer in program.layers
        ]
        self.program = program
        widest = max((len(layer.members) + layer.state_size for layer in program.layers), default=1)
        self.at_once = max(1, _NUMBERS // max(1, widest))

    def may_hold(self, condition: Condition, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Per box whether some point of it may satisfy a condition."""
        near_low = np.array([[_below(v) for v in row] for row in low.tolist()])
        near_high = np.array([[_above(v) for v in row] for row in high.tolist()])
        out = [
            self._of(condition, near_low[i : i + self.at_once], near_high[i : i + self.at_once])
            for i in range(0, len(low), self.at_once)
        ]
        return np.concatenate(out)

    def _of(self, condition: Condition, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        forms = self._compared(low.T, high.T)

        def of(part: Condition) -> np.ndarray:
            if isinstance(part, Constant):
                return np.full(len(low), part.value)
            if isinstance(part, Literal):
                return self._may(part, forms, len(low))
            parts = [of(inner) for inner in part.parts]
            return np.asarray(
                np.all(parts, axis=0) if isinstance(part, And) else np.any(parts, axis=0)
            )

        return of(condition)

    def _may(self, part: Literal, forms: tuple[np.ndarray, np.ndarray], boxes: int) -> np.ndarray:
        if part.constant:
            return np.ones(boxes, dtype=bool)
        below, above = forms
        first = self.joint.columns[asked(part)[0]]
        low, high = below[first], above[first]
        if part.relation == "<=":  # of d
            return np.asarray(low <= 0)
        if part.relation == "<":  # of -d, which must be positive
            return np.asarray(high > 0)
        if part.relation == "==":
            return np.asarray((low <= 0) & (high >= 0))
        return np.asarray((low != 0) | (high != 0))

    @np.errstate(all="ignore")
    def _compared(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the compared forms, shape (forms, boxes)."""
        units = self.joint.compared
        out_low = np.full((len(units), low.shape[1]), -np.inf)
        out_high = np.full((len(units), low.shape[1]), np.inf)
        for index, (members, layer, pieces) in enumerate(self.layers):
            below, above = members(low, high)
            start = int(self.program.unit_start[index])
            mine = (units >= start) & (units < start + len(layer.units))
            first = layer.units.piece_start[units[mine] - start]
            own = layer.units.piece_member[first]
            out_low[mine], out_high[mine] = below[own], above[own]
            after_low, after_high = _through(pieces, below, above)
            low = np.concatenate([after_low, low[layer.keep]])
            high = np.concatenate([after_high, high[layer.keep]])
        return out_low, out_high


class _Pieces:
    """The numbers of a layer's pieces in float64, with what they may be off."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.slope, self.slope_error = (v[:, None] for v in bounded_floats(units.piece_slope))
        self.offset, self.offset_error = (v[:, None] for v in bounded_floats(units.piece_offset))
        self.shift, self.shift_error = (v[:, None] for v in bounded_floats(units.piece_shift))


def _through(pieces: _Pieces, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of a layer's units for bounds of its members."""
    units, slope, slope_error = pieces.units, pieces.slope, pieces.slope_error
    offset, offset_error = pieces.offset, pieces.offset_error
    shift, shift_error = pieces.shift, pieces.shift_error
    begin, last = units.piece_start[:-1], units.piece_start[1:] - 1
    member = units.piece_member
    below, above = low[member], high[member]
    spline = (units.lead == 0)[units.piece_unit]
    # a spline's piece holds between its breakpoints
    up = np.where(spline[:, None], -shift + shift_error, np.inf)
    up[last] = np.inf
    down = np.full_like(up, -np.inf)
    down[1:] = np.where(spline[1:, None], (-shift - shift_error)[:-1], -np.inf)
    down[begin] = -np.inf
    left, right = np.maximum(below, down), np.minimum(above, up)
    there = left <= right
    ends = []
    for x in (left, right):
        value = np.where(slope == 0, 0.0, slope * x) + offset
        room = slope_error * np.abs(x) + offset_error
        room += 4 * _UNIT * (np.abs(slope * x) + np.abs(offset)) + _TINY
        room = np.where((slope == 0) & (slope_error == 0), offset_error + _TINY, room)
        ends.append((value - room, value + room))
    least = np.minimum(ends[0][0], ends[1][0])
    most = np.maximum(ends[0][1], ends[1][1])
    least, most = or_all(least, most)
    out_low = np.minimum.reduceat(np.where(there, least, np.inf), begin, axis=0)
    out_high = np.maximum.reduceat(np.where(there, most, -np.inf), begin, axis=0)
    for lead, function in ((1, np.maximum), (-1, np.minimum)):
        mine = units.lead == lead
        if mine.any():
            out_low[mine] = function.reduceat(least, begin, axis=0)[mine]
            out_high[mine] = function.reduceat(most, begin, axis=0)[mine]
    return out_low, out_high


def _below(value: Fraction) -> float:
    near, error = bounded_floats(np.array([value], dtype=object))
    return float(np.nextafter(near[0] - error[0], -np.inf)) if error[0] else float(near[0])


def _above(value: Fraction) -> float:
    near, error = bounded_floats(np.array([value], dtype=object))
    return float(np.nextafter(near[0] + error[0], np.inf)) if error[0] else float(near[0])
