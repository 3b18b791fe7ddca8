"""The faces of a complex as polygons of points: unbounded ones are cut at a window, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..errors import LimitError
from ..rationals import nearest_float, rounded

if TYPE_CHECKING:
    from ..partition.complex.complex import Complex

__all__ = ["Polygons", "Window", "clipped", "polygons_of", "window_of"]

Window = tuple[Fraction, Fraction, Fraction, Fraction]  # left, below, right, above
Vertex = tuple[Fraction, Fraction, int]  # a point, and the edge that begins there
_MARGIN = 0.25  # of what is seen, beyond the outermost corner
_LEAST = 1e-280  # spans that can be drawn, and its reciprocal
_ROOM = 1024.0  # times a corner's error, that an edge must be long


@dataclass
class Polygons:
    """Faces with points for corners.

    Attributes
    ----------
    xy : float64 array, shape (points, 2)
        The corners of the complex, and behind them where edges leave the window.
    error : float64 array, shape (points,)
        How far they are off at most.
    start : int64 array, shape (faces + 1,)
    origin, edge : int32 arrays, shape (sides,)
        Side by side, counterclockwise: the point where it begins and its edge, -1 for a side of
        the window.
    cut : bool array, shape (faces,)
        Which faces are unbounded, and were cut.
    window : Window or None
        None where nothing was cut.
    """

    xy: np.ndarray
    error: np.ndarray
    start: np.ndarray
    origin: np.ndarray
    edge: np.ndarray
    cut: np.ndarray
    window: Window | None


def polygons_of(complex_: Complex) -> Polygons:
    """The faces of a complex; unbounded ones within `window_of`.

    Every corner lies inside of the window, so that every face is seen and bounded ones are whole.
    Where edges leave it is computed in rationals, and rounded once.
    """
    links = complex_.half_edges
    xy, error = _corners(complex_)
    cut = ~complex_.faces.bounded
    if not cut.any():
        return Polygons(xy, error, links.start, links.origin, links.edge, cut, None)
    window = window_of(complex_, xy)
    known: dict[tuple[Fraction, Fraction], int] = {}
    found = {
        int(face): _cut_face(complex_, int(face), window, known) for face in np.flatnonzero(cut)
    }
    counts = np.diff(links.start)
    for face, sides in found.items():
        counts[face] = len(sides)
    start = np.concatenate([[0], np.cumsum(counts)])
    origin = np.empty(int(start[-1]), dtype=np.int32)
    edge = np.empty(int(start[-1]), dtype=np.int32)
    whole = np.repeat(~cut, np.diff(links.start))  # of the old sides
    kept = np.repeat(~cut, counts)  # of the new ones
    origin[kept], edge[kept] = links.origin[whole], links.edge[whole]
    for face, sides in found.items():
        if sides:
            here = slice(int(start[face]), int(start[face + 1]))
            origin[here], edge[here] = np.array(sides).T
    new = np.array([[nearest_float(v) for v in point] for point in known]).reshape(-1, 2)
    near = 2.0**-53 * np.abs(new).max(axis=1, initial=0.0) + 1e-300
    return Polygons(
        np.concatenate([xy, new]), np.concatenate([error, near]), start, origin, edge, cut, window,
    )  # fmt: skip


def _corners(complex_: Complex) -> tuple[np.ndarray, np.ndarray]:
    """All corners with how far they are off, so that every edge is long against that.

    Those of which the complex knows too little for the length of their edges are computed in
    rationals, and rounded once.
    """
    corners, edges = complex_.corners, complex_.edges
    tail, head = edges.tail, edges.head
    xy, error = corners.xy.copy(), corners.error.copy()
    both = (tail >= 0) & (head >= 0)
    tail, head = tail[both], head[both]
    with np.errstate(all="ignore"):
        long = np.hypot(*(xy[tail] - xy[head]).T)
        unsure = ~(long > _ROOM * np.maximum(error[tail], error[head]))
        again = ~(error <= 1e-6 * np.abs(xy).max(axis=1, initial=0.0))
    again[tail[unsure]] = again[head[unsure]] = True
    for corner in np.flatnonzero(again).tolist():
        pairs = [rounded(v) for v in corners.exact(corner)]
        xy[corner] = [value for value, _ in pairs]
        error[corner] = max(off for _, off in pairs)
    if not (np.isfinite(xy).all() and np.isfinite(error).all()):
        raise LimitError("explore: a corner lies beyond the range of float64; take a smaller box")
    return xy, error


def window_of(complex_: Complex, xy: np.ndarray) -> Window:
    """A window that holds every corner, and a point of every line without corners, inside."""
    points = xy.tolist()
    for edge in np.flatnonzero(~complex_.edges.bounded).tolist():
        if complex_.edges.tail[edge] < 0 and complex_.edges.head[edge] < 0:
            c, a, b = complex_.edges.line(edge)
            share = -c / (a * a + b * b)  # the foot of the origin
            points.append([nearest_float(share * a), nearest_float(share * b)])
    if not points:
        return Fraction(-1), Fraction(-1), Fraction(1), Fraction(1)
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    span = high - low
    widest = float(span.max()) or max(1.0, float(np.abs(low).max()))
    if not _LEAST < widest < 1 / _LEAST:
        raise LimitError(
            f"explore: the corners span {widest:.3g}, which a picture in float64 cannot show; take "
            "a box"
        )
    ends = []
    for a, b, size in zip(low.tolist(), high.tolist(), span.tolist(), strict=True):
        margin = _MARGIN * max(size, widest / 4)
        step = Fraction(10) ** math.floor(math.log10(margin))  # so that the ends are short
        ends.append(
            (
                step * math.floor((Fraction(a) - Fraction(margin)) / step),
                step * math.ceil((Fraction(b) + Fraction(margin)) / step),
            )
        )
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]


def clipped(
    rows: Sequence[tuple[int, tuple[Fraction, Fraction, Fraction]]], window: Window
) -> list[Vertex]:
    """The part of a window where all c + a x + b y >= 0, counterclockwise; [] without inside.

    Parameters
    ----------
    rows : sequence of (edge, (c, a, b))
        What the sides of the part are called, and their rows.
    window : Window

    Examples
    --------
    >>> from fractions import Fraction
    >>> square = tuple(map(Fraction, (-1, -1, 1, 1)))
    >>> half = (Fraction(0), Fraction(1), Fraction(0))  # x >= 0
    >>> [(int(x), int(y), edge) for x, y, edge in clipped([(7, half)], square)]
    [(0, -1, -1), (1, -1, -1), (1, 1, -1), (0, 1, 7)]
    """
    left, below, right, above = window
    ring: list[Vertex] = [
        (left, below, -1), (right, below, -1), (right, above, -1), (left, above, -1),
    ]  # fmt: skip
    for edge, (c, a, b) in rows:
        values = [c + a * x + b * y for x, y, _ in ring]
        out: list[Vertex] = []
        for i, ((x, y, own), v) in enumerate(zip(ring, values, strict=True)):
            following = (i + 1) % len(ring)
            (x2, y2, _), w = ring[following], values[following]
            if v > 0 or (v == 0 and w >= 0):
                out.append((x, y, own))
            elif v == 0:
                out.append((x, y, edge))
            if (v > 0 and w < 0) or (v < 0 and w > 0):
                share = v / (v - w)
                new = edge if v > 0 else own
                out.append((x + share * (x2 - x), y + share * (y2 - y), new))
        ring = out
        if len(ring) < 3:
            return []
    return ring


def _cut_face(
    complex_: Complex, face: int, window: Window, known: dict[tuple[Fraction, Fraction], int]
) -> list[tuple[int, int]]:
    """The sides of an unbounded face within a window: where each begins, and its edge."""
    links, edges = complex_.half_edges, complex_.edges
    begins, rows = {}, []
    for half in range(int(links.start[face]), int(links.start[face + 1])):
        edge = int(links.edge[half])
        if edge < 0:
            continue
        begins[edge] = int(links.origin[half])
        c, a, b = edges.line(edge)
        own = int(edges.right[edge]) != face
        rows.append((edge, (c, a, b) if own else (-c, -a, -b)))
    ring = clipped(rows, window)
    out = []
    for i, (x, y, edge) in enumerate(ring):
        if edge >= 0 and ring[i - 1][2] >= 0 and begins[edge] >= 0:
            out.append((begins[edge], edge))
        else:
            number = known.setdefault((x, y), len(known))
            out.append((len(complex_.corners) + number, edge))
    return out
