"""What the parts of a complex share: its columns, its lines, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...rationals import as_float, fractions, nearest_float, rounded
from .joining import Columns, following, preceding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from ...cells.space import SearchSpace
    from ..graph.adjacent import AdjacentRegions
    from .exact import ExactSides

__all__ = ["Geometry", "turns"]

_ROUNDING = 2.0**-50  # of a few operations
_TINY = 1e-290


@dataclass
class Geometry:
    """A subdivision of a two-dimensional space.

    Attributes
    ----------
    partition : Partition
        Of which every region is a face.
    space : SearchSpace
        Whose coordinates the complex has.
    columns : Columns
    sides : ExactSides
    """

    partition: AdjacentRegions
    space: SearchSpace
    columns: Columns
    sides: ExactSides

    @cached_property
    def next(self) -> np.ndarray:
        """The next half-edge of the face."""
        return following(self.columns.start)

    @cached_property
    def previous(self) -> np.ndarray:
        """The half-edge of the face before."""
        return preceding(self.columns.start)

    def halves(self, face: int) -> range:
        """The half-edges of a face."""
        return range(int(self.columns.start[face]), int(self.columns.start[face + 1]))

    def around(self, corner: int) -> list[int]:
        """The half-edges that begin at a corner, counterclockwise."""
        columns, first = self.columns, int(self.columns.at[corner])
        out, h = [first], first
        while True:  # counterclockwise: across the half-edge that leads to the corner
            h = int(columns.twin[self.previous[h]])
            if h == first:
                return out
            if h < 0:
                break
            out.append(h)
        h = first
        while columns.twin[h] >= 0:
            h = int(self.next[columns.twin[h]])
            out.insert(0, h)
        return out

    def lifted(self, points: Sequence[Sequence[Fraction]] | np.ndarray) -> np.ndarray:
        """Points as inputs of the network, exactly; an array of Fractions."""
        chart = self.space.chart
        out = np.empty((len(points), self.partition.domain.dim), dtype=object)
        for i, point in enumerate(points):
            out[i] = chart.lift(self.space.to_chart(point))
        return out

    def lifted_near(self, points: np.ndarray) -> np.ndarray:
        """Points as inputs of the network in float64, rounded; NaN beyond the range."""
        chart, fixed = self.space.chart, self.space.fixed
        t = np.empty((len(points), len(fixed)))
        t[:] = [nearest_float(v) for v in fixed]
        t[:, self.space.columns] = points
        dense = np.zeros((self.partition.domain.dim, chart.dim))
        rows = np.repeat(np.arange(len(dense)), np.diff(chart.point.indptr))
        dense[rows, chart.point.indices] = _or_nan(chart.point.data)
        with np.errstate(all="ignore"):
            return np.asarray(t @ dense.T + _or_nan(chart.point.const))

    def settle(self) -> None:
        """Compute the corners of which the floats have no bound."""
        for i in np.flatnonzero(~np.isfinite(self.columns.error)).tolist():
            w, x, y = self.sides.corner(int(self.columns.at[i]))
            pairs = [rounded(v) for v in fractions((x / w, y / w))]
            self.columns.xy[i] = [value for value, _ in pairs]
            self.columns.error[i] = max(error for _, error in pairs)


def _or_nan(values: np.ndarray) -> np.ndarray:
    """Exact numbers in float64; NaN beyond the range."""
    near, error = as_float(values)
    return near if error is None else np.where(np.isfinite(error), near, np.nan)


@np.errstate(all="ignore")
def turns(a: np.ndarray, b: np.ndarray, c: np.ndarray, error: np.ndarray) -> np.ndarray:
    """1 where c is proved to lie left of the line from a to b, -1 right of it, else 0.

    ``error`` bounds how far the numbers of all three points are off.
    """
    u, v = b - a, c - a
    turn = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    size = np.abs(u[:, 0]) + np.abs(u[:, 1]) + np.abs(v[:, 0]) + np.abs(v[:, 1])
    place = np.abs(a[:, 0])
    for column in (a[:, 1], *b.T, *c.T):
        place = np.maximum(place, np.abs(column))
    # each difference is off by 2 errors and a rounding of what is subtracted
    off = 2 * error + _ROUNDING * place
    room = 2 * off * (size + 2 * off) + _ROUNDING * size**2 + _TINY
    return np.where(np.abs(turn) > room, np.sign(turn), 0)
