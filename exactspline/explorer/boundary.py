"""The decision boundary as segments: exact ones, cut at the window, rounded once."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..partition.faces.ties import pieces_of_regions
from ..rationals import fractions, nearest_float

if TYPE_CHECKING:
    from ..partition.complex.complex import Complex
    from ..partition.partition import Partition
    from ..polyhedra.lp import Row as FlintRow
    from .window import Window

__all__ = ["boundary_segments", "segment"]

Row = tuple[Fraction, Fraction, Fraction]


def boundary_segments(
    partition: Partition, complex_: Complex, regions: list[int], window: Window | None
) -> np.ndarray:
    """The pieces of the boundary that meet some regions, shape (pieces, 4): x, y, x, y.

    Pieces with interior (classes that are one function on a whole region) are left out.
    """
    columns = [1 + int(j) for j in complex_.coordinates]
    frame = [] if window is None else _frame(window)
    out = []
    for region, piece in pieces_of_regions(partition, regions):
        if piece.full:
            continue
        best = region.outputs[piece.classes[0]]
        rows = [wall.row for wall in region.walls]
        rows += [
            [v - w for v, w in zip(best, output, strict=True)]
            for c, output in enumerate(region.outputs)
            if c not in piece.classes
        ]
        exact = [_at(row, columns) for row in rows]
        found = segment(_at(piece.row, columns), [*exact, *frame])
        if found is not None:
            out.append([nearest_float(v) for v in found])
    return np.array(out, dtype=np.float64).reshape(-1, 4)


def _at(row: FlintRow, columns: list[int]) -> Row:
    c, a, b = fractions([row[0], *(row[j] for j in columns)])
    return c, a, b


def _frame(window: Window) -> list[Row]:
    one, zero = Fraction(1), Fraction(0)
    left, below, right, above = window
    return [
        (-left, one, zero), (right, -one, zero), (-below, zero, one), (above, zero, -one),
    ]  # fmt: skip


def segment(line: Row, rows: Iterable[Row]) -> tuple[Fraction, ...] | None:
    """The part of a line where all rows are at least 0; None if it is no segment.

    Examples
    --------
    >>> from fractions import Fraction
    >>> line, frame = (0, 1, -1), [(1, 1, 0), (1, -1, 0)]  # x = y, and -1 <= x <= 1
    >>> exact = [tuple(map(Fraction, row)) for row in (line, *frame)]
    >>> [int(v) for v in segment(exact[0], exact[1:])]
    [-1, -1, 1, 1]
    """
    c, a, b = line
    size = a * a + b * b
    if size == 0:
        return None
    x, y = -c * a / size, -c * b / size  # a point of it; (-b, a) leads along it
    low: Fraction | None = None
    high: Fraction | None = None
    for constant, p, q in rows:
        value, slope = constant + p * x + q * y, -p * b + q * a
        if slope == 0:
            if value < 0:
                return None
            continue
        end = -value / slope
        if slope > 0:
            low = end if low is None else max(low, end)
        else:
            high = end if high is None else min(high, end)
    if low is None or high is None or low >= high:
        return None
    return x - low * b, y + low * a, x - high * b, y + high * a
