"""What lies across an edge that some unit touches: guessed, and proved at a point beyond it.

Across most edges only the unit changes whose line it is. Where another unit vanishes on the edge,
its piece may change, too, or stay. The guess is that it stays, and the proof a point q a little
beyond the middle m of the edge that is strictly inside of the region of the guessed code: all
conditions of that code hold at m, since there every unit but one has its piece of this side, and
that one is on its line; so the code holds from m to q. Conditions are told by float64 where their
bounds do, by exact rows else (two members of a maximum that are one function, say). Edges for
which that fails are left to rationals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...cells.intervals import BoundedForms
from ...polyhedra.lp import q, value_at
from ...rationals import bounded_floats

if TYPE_CHECKING:
    from ...cells.forms import ExactForms
    from ...cells.space import SearchSpace
    from ...compile.program import Layer, Program
    from ..polygons import PlaneFaces

__all__ = ["Beyond"]

_STEPS = (2.0**-3, 2.0**-7, 2.0**-13)  # of an edge's length
_UNIT = 2.0**-52
_TINY = 1e-290
_NUMBERS = 1 << 22  # of one pass


@dataclass
class _Open:
    """Conditions that float64 does not tell.

    Attributes
    ----------
    point : int array
        Whose they are.
    form : int array
        Numbers of the layer's forms.
    sign : int array
    drop : bool array
        Whether the piece is not taken where the form vanishes.
    """

    point: np.ndarray
    form: np.ndarray
    sign: np.ndarray
    drop: np.ndarray


class Beyond:
    """Proves codes of points, for one program on one space of two coordinates.

    Parameters
    ----------
    program : Program
    space : SearchSpace
    forms : ExactForms
        Of both.
    """

    def __init__(self, program: Program, space: SearchSpace, forms: ExactForms) -> None:
        self.program, self.forms = program, forms
        self.members = [
            BoundedForms.of(space.first if i == 0 else layer.members)
            for i, layer in enumerate(program.layers)
        ]
        self.inputs = BoundedForms.of(space.inputs)
        widest = max((len(x.members) + x.state_size for x in program.layers), default=1)
        self.at_once = max(1, _NUMBERS // widest)

    def settled(self, faces: PlaneFaces, edges: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Whether only their own unit changes across edges, as their columns say; proved if True.

        Parameters
        ----------
        faces : PlaneFaces
        edges : int array, shape (n,)
            That bend.
        codes : array, shape (n, units)
            Of the faces that they are edges of.
        """
        out = np.zeros(len(edges), dtype=bool)
        across = codes.astype(np.int64)
        across[np.arange(len(edges)), faces.unit[edges]] = faces.piece[edges]
        for step in _STEPS:
            left = np.flatnonzero(~out)
            for start in range(0, len(left), self.at_once):
                here = left[start : start + self.at_once]
                points, good = _outside(faces, edges[here], step)
                here, points = here[good], points[good]
                if len(here):
                    out[here] = self.inside(points, across[here])
        return out

    @np.errstate(all="ignore")
    def inside(self, points: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Whether points are strictly inside of the regions of codes; False also if unproved."""
        good = np.ones(len(points), dtype=bool)
        low = high = points.T
        waiting: list[tuple[int, _Open]] = []
        for index, layer in enumerate(self.program.layers):
            start = int(self.program.unit_start[index])
            own = codes[:, start : start + len(layer.units)].T
            if index == 0:
                before = self.inputs(low, high)
            below, above = self.members[index](low, high)
            wrong, open_ = _conditions(layer, own, below, above)
            good &= ~wrong
            if len(open_.point):
                waiting.append((index, open_))
            after = _outputs(layer, own, below, above)
            kept = before if index == 0 else (low, high)
            low, high = (
                np.concatenate([a, b[layer.keep]]) for a, b in zip(after, kept, strict=True)
            )
        for i in np.flatnonzero(good).tolist():
            good[i] = self._exactly(points[i], codes[i], _of_point(waiting, i))
        return good

    def _exactly(
        self, point: np.ndarray, code: np.ndarray, waiting: Iterator[tuple[int, int, int, bool]]
    ) -> bool:
        """Whether the conditions that are left hold at a point, by exact rows."""
        at = [q(Fraction(v)) for v in point.tolist()]
        for index, form, sign, drop in waiting:
            row = self.forms.form(index, form, code)
            if not any(row):
                if drop:
                    return False
                continue
            if sign * value_at(row, at) <= 0:
                return False
        return True


def _of_point(waiting: list[tuple[int, _Open]], point: int) -> Iterator[tuple[int, int, int, bool]]:
    """The open conditions of one point: layer, form, sign, drop."""
    for index, open_ in waiting:
        for i in np.flatnonzero(open_.point == point).tolist():
            yield index, int(open_.form[i]), int(open_.sign[i]), bool(open_.drop[i])


def _outside(faces: PlaneFaces, edges: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Points beyond the middles of edges; and whether there are such."""
    face = np.searchsorted(faces.start, edges, side="right") - 1
    after = np.where(edges + 1 < faces.start[face + 1], edges + 1, faces.start[face])
    a, b = faces.corner[edges], faces.corner[after]
    far_a, far_b = a[:, 2] == 0, b[:, 2] == 0
    start = a[:, :2] / np.where(far_a, 1.0, a[:, 2])[:, None]
    end = b[:, :2] / np.where(far_b, 1.0, b[:, 2])[:, None]
    size = np.maximum(1.0, np.abs(np.where(far_a[:, None], end, start)).max(axis=1))[:, None]
    start, end = (
        np.where(far_a[:, None], end + size * start, start),
        np.where(far_b[:, None], start + size * end, end),
    )
    along = end - start
    outwards = np.stack([along[:, 1], -along[:, 0]], axis=1)  # faces are counterclockwise
    points = 0.5 * (start + end) + step * outwards
    return points, np.isfinite(points).all(axis=1) & ~(far_a & far_b)


def _conditions(
    layer: Layer, code: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, _Open]:
    """Points at which a condition of their pieces fails, and conditions that are open."""
    units, n = layer.units, code.shape[1]
    piece_unit, stride = units.piece_unit, units.stride
    place = np.arange(len(piece_unit)) - units.piece_start[piece_unit]  # in its unit
    lead = units.lead[piece_unit].astype(np.int64)[:, None]
    chosen, member = code[piece_unit], units.piece_member
    shift, shift_error = (v[:, None] for v in bounded_floats(units.piece_shift))
    first = units.piece_start[piece_unit][:, None]
    best = member[first + chosen]  # of the unit's piece that is taken
    points = np.arange(n)[None]
    # of a spline the member minus the breakpoint, of a maximum what is taken minus this one
    spline = lead == 0
    own_low, own_high = low[member], high[member]
    room = shift_error + 4 * _UNIT * (np.maximum(np.abs(own_low), np.abs(own_high)) + np.abs(shift))
    at_least = np.where(spline, own_low + shift - room, low[best, points] - own_high)
    at_most = np.where(spline, own_high + shift + room, high[best, points] - own_low)
    off = np.where(spline, 0.0, 4 * _UNIT * (np.abs(at_least) + np.abs(at_most)) + _TINY)
    at_least, at_most = at_least - off, at_most + off
    bad = np.isnan(at_least) | np.isnan(at_most)
    at_least, at_most = np.where(bad, -np.inf, at_least), np.where(bad, np.inf, at_most)
    # which sign is asked: of a spline above the piece's own breakpoint -1, below it 1
    here = place[:, None]
    asked = np.where(spline, np.where(here == chosen, -1, np.where(here == chosen - 1, 1, 0)), lead)
    last = (place == units.pieces[piece_unit] - 1)[:, None]
    asked = np.where(spline & last, 0, np.where(~spline & (here == chosen), 0, asked))
    least = np.where(asked > 0, at_least, -at_most)
    most = np.where(asked > 0, at_most, -at_least)
    wrong = ((asked != 0) & (most < 0)).any(axis=0)
    piece, point = np.nonzero((asked != 0) & (least <= 0) & (most >= 0))
    lower = np.minimum(place[piece], code[piece_unit[piece], point])
    upper = np.maximum(place[piece], code[piece_unit[piece], point])
    single = spline[piece, 0]
    base = units.piece_start[piece_unit[piece]]
    form = np.where(single, piece * stride, (base + lower) * stride + upper - lower)
    # a maximum's form is the later member minus the earlier one
    later = place[piece] > code[piece_unit[piece], point]
    sign = np.where(single, asked[piece, point], np.where(later, -1, 1) * lead[piece, 0])
    drop = np.where(single, asked[piece, point] > 0, ~later)
    return wrong, _Open(point, form, sign, drop)


def _outputs(
    layer: Layer, code: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of units whose pieces are known."""
    units = layer.units
    piece = units.piece_start[:-1, None] + code
    member, points = units.piece_member[piece], np.arange(code.shape[1])[None]
    slope, slope_error = bounded_floats(units.piece_slope)
    offset, offset_error = bounded_floats(units.piece_offset)
    below, above = low[member, points], high[member, points]
    middle, half = 0.5 * below + 0.5 * above, 0.5 * (above - below) * (1 + 4 * _UNIT)
    factor, more = slope[piece], offset[piece]
    value = factor * middle + more
    room = np.abs(factor) * half + slope_error[piece] * (np.abs(middle) + half)
    room += offset_error[piece]
    room += 8 * _UNIT * (np.abs(factor) * (np.abs(middle) + half) + np.abs(more) + room)
    flat = (factor == 0) & (slope_error[piece] == 0)
    room = np.where(flat, offset_error[piece], room + _TINY)
    value = np.where(flat, more, value)
    bad = np.isnan(value) | np.isnan(room)
    return np.where(bad, -np.inf, value - room), np.where(bad, np.inf, value + room)
