"""The adjacency of regions, read off a complex: the same edges as a search for facets gives."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...rationals import fractions
from ..graph.edges import Borders, Edges
from .geometry import turns

if TYPE_CHECKING:
    from .geometry import Geometry

__all__ = ["graph_of"]

_CHUNK = 1 << 22  # bytes of codes that are compared at once


def graph_of(geometry: Geometry) -> tuple[Edges, Borders]:
    """The edges and borders of a complex's partition."""
    columns, partition = geometry.columns, geometry.partition
    left = (np.searchsorted(columns.start, columns.half, side="right") - 1).astype(np.int32)
    inner = np.flatnonzero(columns.right >= 0)
    inner = inner[np.lexsort([columns.right[inner], left[inner]])]
    source, target, unit = left[inner], columns.right[inner], columns.unit[inner]
    point, proved = _beyond(geometry, inner, source)
    exact = {e: _middle(geometry, int(inner[e])) for e in np.flatnonzero(~proved).tolist()}
    _, _, piece = partition._codes.first_differences(source, target)
    kind = np.uint16 if partition.network.program.max_pieces <= 1 << 16 else np.uint32
    found = {
        "source": source, "target": target, "unit": unit, "piece": piece.astype(kind),
        "sign": columns.sign[inner], "form": columns.form[inner], "point": point,
        **_flips(geometry, source, target, unit),
    }  # fmt: skip
    outer = np.flatnonzero(columns.right < 0)
    outer = outer[np.lexsort([columns.form[outer], left[outer]])]
    borders = Borders(left[outer].astype(np.int64), columns.form[outer].astype(np.int32))
    return Edges(partition, found, exact, geometry.space.columns), borders


def _middle(geometry: Geometry, edge: int) -> tuple[Fraction, ...]:
    """A point inside an edge, exactly, in the domain's coordinates."""
    point, _ = geometry.sides.middle(int(geometry.columns.half[edge]))
    return tuple(geometry.space.to_chart(fractions(point)))


def _beyond(
    geometry: Geometry, inner: np.ndarray, source: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A point across every edge, as far behind its middle as the face's witness is before it.

    Returns
    -------
    point : float64 array, shape (edges, 2)
    proved : bool array, shape (edges,)
        Whether the segment from the witness leads to it through the inside of the edge: its ends
        are on different sides of the segment's line, and the point is across theirs. By floats
        with bounds; not of rays.
    """
    columns, partition = geometry.columns, geometry.partition
    half = columns.half[inner]
    tail, head = columns.origin[half], columns.origin[geometry.next[half]]
    a, b = (columns.xy[np.maximum(end, 0)] if len(columns.xy) else None for end in (tail, head))
    witness = partition._points[source][:, geometry.space.columns]
    if a is None or b is None:
        return witness, np.zeros(len(inner), dtype=bool)
    error = np.maximum(*(columns.error[np.maximum(end, 0)] for end in (tail, head)))
    with np.errstate(all="ignore"):
        point = a + b - witness
        proved = (tail >= 0) & (head >= 0) & np.isfinite(point).all(axis=1)
        proved &= turns(witness, point, a, error) < 0
        proved &= turns(witness, point, b, error) > 0
        proved &= turns(a, b, point, error) < 0
    if partition.exact_witnesses:  # their float64 points need not lie in the region
        proved &= ~np.isin(source, list(partition.exact_witnesses))
    point[~np.isfinite(point)] = 0.0
    return point, proved


def _flips(
    geometry: Geometry, source: np.ndarray, target: np.ndarray, unit: np.ndarray
) -> dict[str, np.ndarray]:
    """The further units that change across edges."""
    codes = geometry.partition._codes
    some = np.flatnonzero(codes.several_differences(source, target))
    source, target, unit = source[some], target[some], unit[some]
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    step = max(1, _CHUNK // max(1, codes.units))
    for start in range(0, len(source), step):
        here, there = codes.take(source[start : start + step]), codes.take(target[start:][:step])
        differ = here != there
        differ[np.arange(len(here)), unit[start : start + step]] = False
        edge, which = np.nonzero(differ)
        parts.append((some[start + edge], which, there[edge, which]))
    names = {"flip_edge": np.int64, "flip_unit": np.int32, "flip_piece": np.int32}
    return {
        name: np.concatenate([part[i] for part in parts]).astype(kind)
        if parts
        else np.zeros(0, dtype=kind)
        for i, (name, kind) in enumerate(names.items())
    }
