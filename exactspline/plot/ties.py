"""Where classes may tie: regions in which no class is proved to win all over their polygon.

An affine function is positive on a polygon if it is so at its corners. Values at corners are
computed in float64, and a class wins where it is ahead by more than all roundings together: those
of the affine maps, of the values, and of the corners as they are drawn. The bound is that of
running error analysis: so many units in the last place of the sum of the absolute values of all
that is added up, which the network with all its signs taken away gives, once for the window.
What is left open is for rationals to decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..domain.rows import dense_fractions
from ..rationals import nearest_floats
from .colours import maps_of

if TYPE_CHECKING:
    from ..compile.forms import Forms
    from ..partition.partition import Partition

__all__ = ["regions_with_ties"]

_UNIT = 2.0**-53
_SAFE = 4.0  # times what the analysis says
_BLOCK = 1 << 16  # polygons at once


def regions_with_ties(
    partition: Partition, region: np.ndarray, start: np.ndarray, xy: np.ndarray, off: np.ndarray
) -> np.ndarray:
    """The regions in which classes may tie inside their polygon, increasing.

    Parameters
    ----------
    partition : Partition
    region : int array, shape (polygons,)
    start : int array, shape (polygons + 1,)
        Where the corners of every polygon begin.
    xy : float64 array, shape (corners, k)
    off : float64 array, shape (k,)
        How far every coordinate of a corner is off at most.
    """
    if not len(region):
        return np.zeros(0, dtype=np.int64)
    slope, offset = _of_regions(partition, region)
    reach = np.abs(xy).max(axis=0, initial=0.0) + off
    error, error_of_slope = _errors(partition, reach)
    sure = np.zeros(len(region), dtype=bool)
    for first in range(0, len(region), _BLOCK):
        last = min(first + _BLOCK, len(region))
        own = slice(first, last)
        which = np.repeat(np.arange(first, last), np.diff(start[first : last + 1]))
        begins = start[own] - start[first]
        with np.errstate(all="ignore"):
            at = xy[start[first] : start[last]]
            value = np.einsum("mck,mk->mc", slope[which], at) + offset[which]
            room = error + (np.abs(slope) @ off)[which] + error_of_slope * off.sum()
            if value.shape[1] == 1:  # the greater of 0 and f
                value = np.concatenate([np.zeros_like(value), value], axis=1)
                room = np.concatenate([np.zeros_like(room), room], axis=1)
            winner = value[begins].argmax(axis=1)[which - first]
            corner = np.arange(len(which))
            ahead = value[corner, winner][:, None] - value
            needed = room[corner, winner][:, None] + room
            wins = ahead > needed
        wins[corner, winner] = True
        sure[own] = np.logical_and.reduceat(wins.all(axis=1), begins)
    return np.unique(region[~sure])


def _of_regions(partition: Partition, region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The affine maps of some regions over the domain's coordinates, in float64."""
    slopes, offsets = [], []
    place = np.argsort(region, kind="stable")
    at = 0
    for slope, offset in maps_of(partition):
        a, b = np.searchsorted(region[place], [at, at + len(slope)])
        slopes.append(slope[region[place[a:b]] - at])
        offsets.append(offset[region[place[a:b]] - at])
        at += len(slope)
    back = np.empty(len(place), dtype=np.int64)
    back[place] = np.arange(len(place))
    return np.concatenate(slopes)[back], np.concatenate(offsets)[back]


def _errors(partition: Partition, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds on what is lost in values, and in slopes, of every output; shape (outputs,) each."""
    program, chart = partition.network.program, partition.domain.chart
    matrix, const = (_sizes(v) for v in dense_fractions(chart.point))
    values, slopes = matrix @ reach + const, matrix.sum(axis=1)
    terms = 2 * program.input_dim + 2 * chart.dim + 8
    with np.errstate(all="ignore"):
        for layer in program.layers:
            units = layer.units
            # of sums of so many products each; a slope and an offset of a piece
            terms += _longest(layer.members) + 6
            size = [_sizes(v) for v in (units.piece_slope, units.piece_offset)]
            pair = []
            for state, shift in ((values, True), (slopes, False)):
                members = _applied(layer.members, state, shift)
                pieces = size[0] * members[units.piece_member] + (size[1] if shift else 0.0)
                made = np.maximum.reduceat(pieces, units.piece_start[:-1]) if len(units) else pieces
                pair.append(np.concatenate([made, state[layer.keep]]))
            values, slopes = pair
        terms += _longest(program.output) + 6
        room = _SAFE * terms * _UNIT
        found = [_applied(program.output, values, True), _applied(program.output, slopes, False)]
    if room > 1e-3:  # what follows would not be small against what is bounded
        room = np.inf
    return found[0] * room + 1e-250, found[1] * room + 1e-250


def _sizes(values: np.ndarray) -> np.ndarray:
    """Absolute values; infinite beyond the range of float64."""
    near = np.abs(nearest_floats(values))
    return np.where(near >= np.finfo(np.float64).max, np.inf, near)


def _longest(forms: Forms) -> int:
    return int(np.diff(forms.indptr).max(initial=0))


def _applied(forms: Forms, state: np.ndarray, shift: bool) -> np.ndarray:
    """The forms with all their signs taken away, at a state that is not negative."""
    rows = np.repeat(np.arange(len(forms)), np.diff(forms.indptr))
    terms = _sizes(forms.data) * state[forms.indices]
    out = np.bincount(rows, terms, minlength=len(forms))
    return out + _sizes(forms.const) if shift else out
