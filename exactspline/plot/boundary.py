"""The decision boundary inside a window: every piece is cut there exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DomainError
from ..partition.faces.boundary import decision_boundary
from .clip import clip
from .effects import add_lines
from .library import require_matplotlib
from .ties import regions_with_ties

if TYPE_CHECKING:
    from ..partition.faces.boundary import DecisionBoundary
    from ..partition.partition import Partition
    from .cells import Cells
    from .keys import Keys
    from .picture import Picture
    from .window import Window

__all__ = ["COLOUR", "boundary_in", "boundary_of", "draw_boundary"]

COLOUR = "#d55e00"
_WIDTH = 2.2

_Point = tuple[Fraction, ...]


def draw_boundary(picture: Picture, partition: Partition, cells: Cells, keys: Keys) -> None:
    """Draw the decision boundary over a picture, and ties with interior as hatched areas."""
    mpl = require_matplotlib()
    segments, areas = boundary_in(boundary_of(partition, cells), picture.window)
    ends = np.array(segments, dtype=np.float64).reshape(-1, 2, 2)
    look = {"colors": COLOUR, "linewidths": _WIDTH, "zorder": 4}
    add_lines(picture, "boundary", ends, case=True, **look)
    shown = mpl.lines.Line2D([], [], color=COLOUR, linewidth=_WIDTH)
    keys.append((shown, "decision boundary"))
    if areas:
        drawn = [np.array(area, dtype=np.float64) for area in areas]
        hatched = {"edgecolor": "black", "hatch": "///", "linewidth": 0}
        tied = mpl.collections.PolyCollection(drawn, facecolors="none", zorder=3, **hatched)
        picture.ax.add_collection(tied, autolim=False)
        picture.artists["ties"] = tied
        keys.append((mpl.patches.Patch(facecolor="none", **hatched), "classes tie"))
    if not segments and not areas:
        picture.notes.append("no decision boundary lies in the window")


def boundary_of(partition: Partition, cells: Cells) -> DecisionBoundary:
    """The decision boundary as far as it lies in the cells: other regions are not asked."""
    regions = regions_with_ties(partition, cells.region, cells.start, cells.xy, cells.off)
    return decision_boundary(partition, regions.tolist())


def boundary_in(
    boundary: DecisionBoundary, window: Window
) -> tuple[list[tuple[_Point, _Point]], list[list[_Point]]]:
    """The pieces of a plane's decision boundary inside a window: segments, and areas."""
    segments: list[tuple[_Point, _Point]] = []
    areas: list[list[_Point]] = []
    for n in range(len(boundary)):
        if int(boundary.dim[n]) == 2:
            rows = [(i.constant, *i.coefficients) for i in boundary.inequalities(n)]
            found = clip(window.low, window.high, [(row, 0) for row in rows])
            if found is not None:
                areas.append(list(found.points()))
            continue
        segment = _segment(boundary, n, window)
        if segment is not None:
            segments.append(segment)
    return segments, areas


def _segment(boundary: DecisionBoundary, n: int, window: Window) -> tuple[_Point, _Point] | None:
    """A piece inside the window: its ends, or None."""
    try:
        ends, rays = boundary.vertices(n).tolist(), boundary.rays(n).tolist()
    except DomainError:  # a whole line
        _, a, b = boundary.row(n)
        return _inside(boundary.witness(n), (-b, a), None, None, window)
    if len(ends) == 2:
        step = tuple(q - p for p, q in zip(*ends, strict=True))
        return _inside(tuple(ends[0]), step, Fraction(0), Fraction(1), window)
    if len(ends) == 1 and len(rays) == 1:
        return _inside(tuple(ends[0]), tuple(rays[0]), Fraction(0), None, window)
    return None


def _inside(
    point: _Point, step: _Point, first: Fraction | None, last: Fraction | None, window: Window
) -> tuple[_Point, _Point] | None:
    """The part of point + s step, first <= s <= last, inside a window."""
    for p, d, low, high in zip(point, step, window.low, window.high, strict=True):
        if d == 0:
            if not low <= p <= high:
                return None
            continue
        a, b = sorted(((low - p) / d, (high - p) / d))
        first = a if first is None else max(first, a)
        last = b if last is None else min(last, b)
    if first is None or last is None or first >= last:
        return None
    ends = [tuple(p + s * d for p, d in zip(point, step, strict=True)) for s in (first, last)]
    return ends[0], ends[1]
