"""How many conditions may vanish at points: in float64 with bounds, so that few need rationals."""

from __future__ import annotations

import numpy as np

from ..clock import check
from ..compile.program import Layer, Program
from ..partition.points.signs import FloatProgram
from ..rationals import as_float

__all__ = ["Doubts"]

_CHUNK = 1 << 18  # numbers in the largest array of a pass
_MORE = 1 + 2.0**-20
_U = 2.0**-53


class Doubts:
    """Counts, at points, the conditions of active pieces that may vanish there.

    What vanishes all around a point, as the difference of two units that are off, is no doubt.

    Parameters
    ----------
    program : Program

    Notes
    -----
    With no doubt every piece is proved, so an entry is constant around the point if its unit's
    piece is flat, or if it reads constant entries only. With one, about a form g that does vanish
    at the point, an entry may be taken for constant that is not: then it is a function of g alone
    around the point, and a form of such entries that vanishes there is a multiple of g on both
    sides. So the point still lies in no other hyperplane than that of g.
    """

    def __init__(self, program: Program) -> None:
        self.floats = FloatProgram(program)
        self.layers = [_LayerDoubts(layer) for layer in program.layers]

    def __call__(self, values: np.ndarray, errors: np.ndarray, *, first: int = 0) -> np.ndarray:
        """The number of such conditions, int64, shape (n,): never too small.

        Parameters
        ----------
        values : float64 array, shape (n, D)
        errors : float64 array, shape (n, D)
            Bounds on what rounding cost the points.
        first : int
            The layer from which on they count.
        """
        out = np.zeros(len(values), dtype=np.int64)
        step = max(1, _CHUNK // max(1, self.floats.width))
        for begin in range(0, len(values), step):
            check()
            part = slice(begin, begin + step)
            out[part] = self._pass(values[part], errors[part], first)
        return out

    def _pass(self, values: np.ndarray, errors: np.ndarray, first: int) -> np.ndarray:
        found = np.zeros(len(values), dtype=np.int64)
        still = np.zeros(
            values.shape, dtype=bool
        )  # entries of the state, constant around the point
        with np.errstate(all="ignore"):  # what overflows has an infinite bound: a doubt
            for index, units in enumerate(self.floats.layers):
                forms, layer = self.floats.members[index], self.layers[index]
                members, bounds = forms(values, errors, exact=True)
                fixed = (~still).astype(np.float64) @ forms.reads == 0
                if index >= first:
                    found += layer(members, bounds, fixed)
                own, _, _, values, errors = units(members, bounds, values, errors, exact=True)
                still = layer.constants(np.asarray(own), fixed, still)
        return found


class _LayerDoubts:
    """The conditions of one layer."""

    def __init__(self, layer: Layer) -> None:
        units = layer.units
        self.keep, self.piece_start = layer.keep, units.piece_start[:-1]
        self.piece_member = units.piece_member
        self.flat = np.array([v == 0 for v in units.piece_slope.tolist()], dtype=bool)
        spline = units.lead[units.piece_unit] == 0
        last = np.zeros(len(spline), dtype=bool)
        last[units.piece_start[1:] - 1] = True
        inner = np.flatnonzero(spline & ~last)  # those with a breakpoint above
        self.member = units.piece_member[inner]
        self.shift, error = as_float(units.piece_shift[inner])
        self.shift_error = np.zeros(len(inner)) if error is None else error
        self.plain = not np.any(self.shift) and not np.any(self.shift_error)
        self.maxima: list[tuple[int, np.ndarray]] = []  # of each size and kind: the members
        for kind in np.unique(np.stack([units.lead, units.pieces]), axis=1).T.tolist():
            lead, count = int(kind[0]), int(kind[1])
            if lead:
                which = np.flatnonzero((units.lead == lead) & (units.pieces == count))
                at = units.piece_start[which][:, None] + np.arange(count)
                self.maxima.append((lead, units.piece_member[at]))

    def constants(self, own: np.ndarray, fixed: np.ndarray, still: np.ndarray) -> np.ndarray:
        """Which entries of the next state are constant around a point, where no doubt was left.

        Parameters
        ----------
        own : array, shape (n, units)
            The pieces.
        fixed : bool array, shape (n, members)
            Whether a member reads constant entries only.
        still : bool array, shape (n, entries of the state before)
        """
        pieces = self.piece_start + own
        member = np.take_along_axis(fixed, self.piece_member[pieces].astype(np.int64), axis=1)
        return np.hstack([self.flat[pieces] | member, still[:, self.keep]])

    def __call__(self, members: np.ndarray, bounds: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """How many conditions may vanish without vanishing all around the point.

        A form of constant members whose value is 0 without rounding is 0 all around.
        """
        forms, spread = members[:, self.member], bounds[:, self.member]
        if not self.plain:
            size = np.abs(forms) + np.abs(self.shift)
            forms = forms + self.shift
            spread = (spread + self.shift_error + 4 * _U * size) * _MORE
        void = (forms == 0) & (spread == 0) & fixed[:, self.member]
        found = (~((np.abs(forms) > spread) | void)).sum(axis=1)
        for lead, which in self.maxima:
            values, spread = lead * members[:, which], bounds[:, which]
            low = (values - spread).max(axis=2, keepdims=True)  # the maximum is at least that
            room = 4 * _U * (np.abs(values) + np.abs(low))
            near = ~(values + spread + room < low)
            # of members that are one constant, one is left
            same = near & fixed[:, which] & (spread == 0) & (values == low)
            many = np.maximum(same.sum(axis=2) - 1, 0)
            found += (near.sum(axis=2) - 1 - many).sum(axis=1)
        return found.astype(np.int64)
