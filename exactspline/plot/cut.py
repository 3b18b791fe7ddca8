"""The complex of a plane inside a window: whole faces as they are, the others cut exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..rationals import round_up
from .cells import FINE, Cells
from .clip import FRAME, Clipped, clip

if TYPE_CHECKING:
    from ..partition.complex.complex import Complex
    from ..partition.partition import Partition
    from .window import Window

__all__ = ["cut_complex"]


def cut_complex(partition: Partition, complex_: Complex, window: Window) -> Cells:
    """The faces and edges of a two-dimensional complex inside a window.

    What lies inside or outside is told by corners in floats with their bounds; where these do
    not tell, or a face is cut, rationals do.
    """
    links, n = complex_.half_edges, len(complex_.faces)
    inside, outside = _sorted_out(partition, complex_, window)
    cut = _cut_faces(complex_, window, np.flatnonzero(~inside & ~outside))
    whole = np.flatnonzero(inside)
    halves = _ranges(links.start[whole], links.start[whole + 1])
    corners = links.origin[halves]
    xy = _near_enough(complex_, window, np.unique(corners))[corners]
    counts = np.concatenate([np.diff(links.start)[whole], [len(p.rays) for p in cut.values()]])
    parts = [xy, *(np.array(p.floats()).reshape(-1, 2) for p in cut.values())]
    region = np.concatenate([whole, np.array(list(cut), dtype=np.int64)])
    exact = {len(whole) + i: p.points() for i, p in enumerate(cut.values())}
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    segments, edge = _segments(complex_, window, inside, cut)
    edges = complex_.edges
    assert len(region) <= n
    return Cells(
        window, region, start, np.concatenate(parts), exact, segments, edges.unit[edge],
        edges.layer[edge], edges.left[edge], edges.right[edge], len(complex_.corners),
    )  # fmt: skip


def _sorted_out(
    partition: Partition, complex_: Complex, window: Window
) -> tuple[np.ndarray, np.ndarray]:
    """Which faces are proved to lie inside the window, and which outside."""
    n, links = len(complex_.faces), complex_.half_edges
    bounded = complex_.faces.bounded
    if window.holds(partition.domain.chart):
        return bounded.copy(), np.zeros(n, dtype=bool)
    inside, outside = bounded.copy(), np.zeros(n, dtype=bool)
    some = complex_.faces.corner_counts > 0
    first = links.start[:-1][some]
    if not len(first):
        return inside, outside
    ideal = links.origin < 0
    finite = np.zeros(n, dtype=bool)
    finite[some] = np.logical_or.reduceat(~ideal, first)
    at = np.maximum(links.origin, 0)
    away = np.where(ideal, -1 - links.origin, 0)
    xy, error = complex_.corners.xy, complex_.corners.error
    far = complex_.ideal_corners.direction
    for j in range(2):
        below = np.nextafter(xy[:, j] - error, -np.inf)  # proved bounds of the coordinate
        above = np.nextafter(xy[:, j] + error, np.inf)
        low, high = window.low[j], window.high[j]
        in_ = (below >= round_up(low)) & (above <= -round_up(-high))
        inside[some] &= np.logical_and.reduceat(_of(in_, at) & ~ideal, first)
        for beyond, heading in (
            (above <= -round_up(-low), far[:, j] < -FINE),
            (below >= round_up(high), far[:, j] > FINE),
        ):
            side = np.where(ideal, _of(heading, away), _of(beyond, at))
            outside[some] |= np.logical_and.reduceat(side, first) & finite[some]
    return inside, outside


def _of(column: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Entries of a column that may be empty, where none is really asked for."""
    return column[at] if len(column) else np.zeros(len(at), dtype=bool)


def _cut_faces(complex_: Complex, window: Window, which: np.ndarray) -> dict[int, Clipped]:
    """What is left of faces inside the window, by their numbers; labels are those of edges."""
    out = {}
    for i in which.tolist():
        face = complex_.faces[i]
        sides = [
            (_line(complex_, edge, i), edge) for edge in face.edges if edge >= 0
        ]  # arcs at infinity bound nothing
        found = clip(window.low, window.high, sides)
        if found is not None:
            out[i] = found
    return out


def _line(complex_: Complex, edge: int, face: int) -> tuple[Fraction, ...]:
    """The line of an edge, positive in a face."""
    row = complex_.edges.line(edge)
    return tuple(-v for v in row) if int(complex_.edges.right[edge]) == face else row


def _near_enough(complex_: Complex, window: Window, used: np.ndarray) -> np.ndarray:
    """Corners in float64; those whose bound is visible are computed exactly, and rounded."""
    xy = complex_.corners.xy
    fine = float(min(b - a for a, b in zip(window.low, window.high, strict=True))) * FINE
    rough = used[~(complex_.corners.error[used] <= fine)].tolist()
    if rough:
        xy = xy.copy()
        for i in rough:
            xy[i] = [float(v) for v in complex_.corners.exact(i)]
    return xy


def _segments(
    complex_: Complex, window: Window, inside: np.ndarray, cut: dict[int, Clipped]
) -> tuple[np.ndarray, np.ndarray]:
    """The edges inside the window: their ends, and their numbers.

    Each is taken from the face on its left. Of a face that has no part in the window, an edge
    has at most a part in the window's border.
    """
    edges = complex_.edges
    whole = np.flatnonzero(inside[edges.left])
    ends = np.stack([edges.tail[whole], edges.head[whole]], axis=1)
    xy = _near_enough(complex_, window, np.unique(ends))
    found, number = [], []
    for face, polygon in cut.items():
        corners = polygon.floats()
        for i, edge in enumerate(polygon.labels):
            if edge != FRAME and int(edges.right[edge]) != face:
                found.append([corners[i], corners[(i + 1) % len(corners)]])
                number.append(edge)
    segments = np.concatenate([xy[ends], np.array(found).reshape(-1, 2, 2)])
    return segments, np.concatenate([whole, np.array(number, dtype=np.int64)])


def _ranges(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The numbers from begin[i] to end[i] - 1, one range after the other."""
    counts = end - begin
    total = int(counts.sum())
    out = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    return out + np.repeat(begin, counts)
