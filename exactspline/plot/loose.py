"""Regions without a complex, one by one: of stopped searches, and of parallel strips."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..errors import LimitError
from .cells import Cells
from .clip import FRAME, clip

if TYPE_CHECKING:
    from ..partition.partition import Partition
    from .window import Window

__all__ = ["cut_regions", "feet_of_regions", "foot", "sides_of_regions"]

MOST_REGIONS = 50_000  # a minute or two
_UNKNOWN = -2  # in place of a region across

_Side = tuple[tuple[Fraction, Fraction, Fraction], int]  # (c, a, b), and a unit or -1


def sides_of_regions(partition: Partition) -> list[list[_Side]]:
    """The sides of every region with the units that they come from, exactly.

    Raises
    ------
    LimitError
        For more regions than can be taken one by one.
    """
    if len(partition) > MOST_REGIONS:
        raise LimitError(
            f"plot: {len(partition):,} regions of a partition without a complex (its search was "
            f"stopped, or its lines are parallel), which are drawn one by one: {MOST_REGIONS:,} at "
            "most; let the search run to its end, or stop it earlier"
        )
    out = []
    for region in partition:
        own: list[_Side] = []
        for inequality in region.inequalities():
            a, b = inequality.coefficients
            unit = -1 if inequality.unit is None else inequality.unit
            own.append(((inequality.constant, a, b), unit))
        out.append(own)
    return out


def cut_regions(partition: Partition, sides: list[list[_Side]], window: Window) -> Cells:
    """Every region cut at the window, exactly; an edge between two is drawn once."""
    region: list[int] = []
    counts, points = [], []
    exact = {}
    segments, unit, left = [], [], []
    seen = set()
    for i, own in enumerate(sides):
        found = clip(window.low, window.high, [(row, n) for n, (row, _) in enumerate(own)])
        if found is None:
            continue
        corners = exact[len(region)] = found.points()
        region.append(i)
        counts.append(len(corners))
        points += found.floats()
        for n, label in enumerate(found.labels):
            ends = corners[n], corners[(n + 1) % len(corners)]
            if label == FRAME or frozenset(ends) in seen:
                continue
            seen.add(frozenset(ends))
            segments.append([[float(v) for v in end] for end in ends])
            unit.append(own[label][1])
            left.append(i)
    units = np.array(unit, dtype=np.int64)
    starts = partition.network.program.unit_start
    layer = np.where(units < 0, -1, np.searchsorted(starts, units, side="right") - 1)
    return Cells(
        window, np.array(region, dtype=np.int64),
        np.concatenate([[0], np.cumsum(np.array(counts, dtype=np.int64))]),
        np.array(points).reshape(-1, 2), exact, np.array(segments).reshape(-1, 2, 2), units, layer,
        np.array(left, dtype=np.int64),
        np.where(units < 0, -1, np.full(len(units), _UNKNOWN)), 0,
    )  # fmt: skip


def feet_of_regions(sides: list[list[_Side]]) -> list[tuple[Fraction, Fraction]]:
    """Of every line the point next to the origin."""
    return [foot(row) for own in sides for row, _ in own]


def foot(row: tuple[Fraction, Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    """The point of a line (c, a, b) next to the origin.

    Examples
    --------
    >>> [str(v) for v in foot((Fraction(-2), Fraction(1), Fraction(1)))]
    ['1', '1']
    """
    c, a, b = row
    share = -c / (a * a + b * b)
    return share * a, share * b
