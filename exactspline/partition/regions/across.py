"""How the code changes across facets of wide regions: slopes in float64 with error bounds.

In a facet's relative interior only its own conditions are 0, and those that vanish on the whole
region. So which piece a unit takes behind it is known for all units but those: slopes along a ray
across, carried through the program layer by layer, tell it for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .wide_rows import Bounded, Place, rounded_floats

if TYPE_CHECKING:
    from ...cells.forms import ExactForms
    from ...compile.forms import Forms

__all__ = ["Crossings"]

_UNIT = 2.3e-16  # of rounding, in any direction
_LOST = 1e-200  # more than what underflow takes from any sum here


class Crossings:
    """The codes behind facets of one region.

    Parameters
    ----------
    forms : ExactForms
    inputs : Forms
        The network's inputs over the domain's coordinates.
    code : array, shape (units,)
    vanishing : sequence of Place
        All conditions of units that are identically 0 on the region.
    """

    def __init__(
        self, forms: ExactForms, inputs: Forms, code: np.ndarray, vanishing: Sequence[Place]
    ) -> None:
        self.program, self.code = forms.program, code
        self._inputs = _linear(inputs)
        self._layers = [_linear(layer.members) for layer in forms.program.layers]
        self._zero: dict[int, set[int]] = {}  # by unit: forms that vanish
        for place in vanishing:
            self._zero.setdefault(place.unit, set()).add(place.form)

    def flips(self, tight: Iterable[Place], way: np.ndarray) -> tuple[tuple[int, int], ...] | None:
        """The units whose piece changes, with the piece there; None if floats cannot tell.

        Parameters
        ----------
        tight : iterable of Place
            All conditions with the facet's half-space.
        way : float array, shape (d,)
            Across, from inside; exact as it is.
        """
        zero = {unit: set(forms) for unit, forms in self._zero.items()}
        for place in tight:
            zero.setdefault(place.unit, set()).add(place.form)
        slope, error = _times(self._inputs, way, np.zeros(len(way)))
        out: list[tuple[int, int]] = []
        for index, layer in enumerate(self.program.layers):
            units, start = layer.units, int(self.program.unit_start[index])
            members, errors = _times(self._layers[index], slope, error)
            code = self.code[start : start + len(units)].astype(np.int64)
            for unit in sorted(u for u in zero if start <= u < start + len(units)):
                k = unit - start
                piece = self._piece(units, k, int(code[k]), zero[unit], members, errors)
                if piece is None:
                    return None
                if piece != code[k]:
                    out.append((unit, piece))
                    code[k] = piece
            pieces = units.piece_start[:-1] + code
            factor, inexact = rounded_floats(units.piece_slope[pieces])
            chosen = units.piece_member[pieces]
            size = np.abs(members[chosen])
            off = np.abs(factor) * (errors[chosen] + 4 * _UNIT * size)
            off += inexact * (size + errors[chosen])
            off = np.where(off > 0, off * (1 + 16 * _UNIT) + _LOST, 0.0)
            outputs = factor * members[chosen]
            slope = np.concatenate([outputs, slope[layer.keep]])
            error = np.concatenate([off, error[layer.keep]])
        return tuple(out)

    def _piece(
        self, units: Any, k: int, piece: int, zero: set[int], slope: np.ndarray, error: np.ndarray
    ) -> int | None:
        """The piece of a unit behind the facet; its forms ``zero`` are 0 on the facet."""
        first = int(units.piece_start[k])
        lead = int(units.lead[k])
        tied = {piece}
        for f, _, _ in units.conditions(k, piece):
            if lead and f in zero:
                low, above = divmod(int(f), units.stride)
                tied |= {low - first, low - first + above}
        if not lead:
            member = int(units.piece_member[first])
            rate, off = slope[member], error[member]
            for f, sign, _ in units.conditions(k, piece):
                if f not in zero:
                    continue
                if not (off == 0 or abs(rate) > off):
                    return None
                r = int(f) // units.stride - first  # between the pieces r and r + 1
                if rate > 0 and sign < 0:
                    return r + 1
                if rate <= 0 and sign > 0:
                    return r
            return piece
        order = sorted(tied)
        best = order[0]
        for other in order[1:]:
            a, b = (int(units.piece_member[first + r]) for r in (best, other))
            gain = lead * (slope[b] - slope[a])
            off = (error[a] + error[b]) * (1 + 16 * _UNIT)
            off += 2 * _UNIT * (abs(slope[a]) + abs(slope[b]))
            if not (off == 0 or abs(gain) > off):
                return None
            if gain > 0:
                best = other
        return best


def _linear(forms: Forms) -> Bounded:
    """The linear part of forms, rounded, with bounds."""
    whole = Bounded.of(forms)
    n, width = len(forms), forms.width
    return Bounded(whole.value[:n, :width].tocsr(), whole.error[:n, :width].tocsr())


def _times(forms: Bounded, at: np.ndarray, off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Linear forms of values with errors; where nothing is read an exact 0."""
    terms = int(np.diff(forms.value.indptr).max(initial=0))
    gamma = (terms + 8) * _UNIT
    size = np.abs(at)
    error = abs(forms.value) @ (off + gamma * size) + forms.error @ (size + off)
    return forms.value @ at, np.where(error > 0, error * (1 + 4 * gamma) + _LOST, 0.0)
