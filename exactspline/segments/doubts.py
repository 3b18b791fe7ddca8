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

    Parameters
    ----------
    program : Program
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
        with np.errstate(all="ignore"):  # what overflows has an infinite bound: a doubt
            for index, units in enumerate(self.floats.layers):
                members, bounds = self.floats.members[index](values, errors)
                if index >= first:
                    found += self.layers[index](members, bounds)
                _, _, _, values, errors = units(members, bounds, values, errors, exact=False)
        return found


class _LayerDoubts:
    """The conditions of one layer."""

    def __init__(self, layer: Layer) -> None:
        units = layer.units
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

    def __call__(self, members: np.ndarray, bounds: np.ndarray) -> np.ndarray:
        forms, spread = members[:, self.member], bounds[:, self.member]
        if not self.plain:
            size = np.abs(forms) + np.abs(self.shift)
            forms = forms + self.shift
            spread = (spread + self.shift_error + 4 * _U * size) * _MORE
        found = (~(np.abs(forms) > spread)).sum(axis=1)
        for lead, which in self.maxima:
            values, spread = lead * members[:, which], bounds[:, which]
            low = (values - spread).max(axis=2, keepdims=True)  # the maximum is at least that
            room = 4 * _U * (np.abs(values) + np.abs(low))
            near = ~(values + spread + room < low)
            found += (near.sum(axis=2) - 1).sum(axis=1)
        return found.astype(np.int64)
