"""From polygons to a subdivision in columns: half-edges matched, corners joined, all numbered.

The two ends of an edge are corners of both faces, so matched half-edges say which corners of faces
are one. Around a corner of the subdivision faces follow each other across edges, in a circle or,
in the border, in a fan: what is joined by edges is all that meets there. No coordinate is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import LimitError
from ...search.polygons import IDEAL, PlaneFaces
from .matching import refuse

__all__ = ["Columns", "following", "joined", "joined_at_once", "preceding"]

_MOST = np.iinfo(np.int32).max


@dataclass
class Columns:
    """A subdivision in columns. Half-edges are numbered face by face, counterclockwise.

    Attributes
    ----------
    start : int64 array, shape (faces + 1,)
        Where the half-edges of every face begin.
    origin : int32 array, shape (half-edges,)
        The corner where each begins; -1 - i for the ideal corner i.
    twin, edge : int32 arrays, shape (half-edges,)
        The other half of the edge (-1 in the border), and the edge; both -1 at infinity.
    half, right : int32 arrays, shape (edges,)
        The half-edge in the lower one of its faces, and the other face (-1 in the border).
    unit, form, sign : arrays, shape (edges,)
        As in `PlaneFaces`, in the lower face.
    xy : float64 array, shape (corners, 2)
    error : float64 array, shape (corners,)
    at : int32 array, shape (corners,)
        A half-edge that begins there.
    direction : float64 array, shape (ideal corners, 2)
    ideal_at : int32 array, shape (ideal corners,)
    """

    start: np.ndarray
    origin: np.ndarray
    twin: np.ndarray
    edge: np.ndarray
    half: np.ndarray
    right: np.ndarray
    unit: np.ndarray
    form: np.ndarray
    sign: np.ndarray
    xy: np.ndarray
    error: np.ndarray
    at: np.ndarray
    direction: np.ndarray
    ideal_at: np.ndarray

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in vars(self).values())


def following(start: np.ndarray) -> np.ndarray:
    """The next half-edge of the face, of every half-edge."""
    out = np.arange(1, int(start[-1]) + 1, dtype=np.int32)
    some = start[1:] > start[:-1]
    out[start[1:][some] - 1] = start[:-1][some]
    return out


def preceding(start: np.ndarray) -> np.ndarray:
    """The half-edge of the face before every half-edge."""
    out = np.arange(-1, int(start[-1]) - 1, dtype=np.int32)
    some = start[1:] > start[:-1]
    out[start[:-1][some]] = start[1:][some] - 1
    return out


def check_size(faces: PlaneFaces) -> None:
    """Refuse more half-edges than int32 numbers."""
    if len(faces.unit) > _MOST:
        raise LimitError(
            f"complex: {len(faces.unit):,} corners of faces; a complex in memory holds at most "
            f"{_MOST:,}; narrow the domain"
        )


def joined_at_once(faces: PlaneFaces) -> tuple[Columns, np.ndarray, np.ndarray] | None:
    """`matching.matched` and `joined` by a kernel; None where it leaves that to them.

    Returns
    -------
    Columns
    following : int32 array, shape (half-edges,)
        See `following`.
    links : int32 array, shape (3, half-edges)
        Origin, twin and edge.
    """
    from .kernel import CORNERS, EDGES, IDEALS, gather, join

    n, regions = len(faces.unit), len(faces.hashes)
    table = np.full(1 << max(1, 2 * n - 1).bit_length(), -1, dtype=np.int32)
    known = np.full(1 << max(1, 2 * regions - 1).bit_length(), -1, dtype=np.int32)
    links, room = np.empty((3, n), dtype=np.int32), np.empty((6, n), dtype=np.int32)
    counts = np.zeros(3, dtype=np.int64)
    if not join(
        faces.start, faces.unit, faces.corner, faces.error, faces.hashes, faces.target, table,
        known, links, room, counts,
    ):  # fmt: skip
        return None
    corners, ideals, edges = (int(counts[i]) for i in (CORNERS, IDEALS, EDGES))
    origin, twin, edge = links
    _, after, half, right, near, far = room
    half, far = half[:edges].copy(), far[:ideals].copy()
    columns = Columns(
        faces.start, origin, twin, edge, half, right[:edges].copy(),
        np.empty(edges, dtype=np.int32), np.empty(edges, dtype=np.int64),
        np.empty(edges, dtype=np.int8), np.empty((corners, 2)), np.empty(corners),
        table[:corners].copy(), faces.corner[far, :2], far,
    )  # fmt: skip
    gather(
        faces.corner, faces.error, faces.unit, faces.form, faces.sign, half, near[:corners],
        columns.unit, columns.form, columns.sign, columns.xy, columns.error,
    )  # fmt: skip
    return columns, after, links


def joined(faces: PlaneFaces, twin: np.ndarray) -> Columns:
    """The subdivision of faces whose half-edges are matched."""
    n = len(twin)
    face = np.repeat(np.arange(len(faces.hashes), dtype=np.int32), np.diff(faces.start))
    label = _corner_labels(faces.start, twin)
    first = label == np.arange(n, dtype=np.int32)
    ideal = faces.corner[:, 2] == 0
    if np.any(ideal[label] != ideal):
        refuse("a corner of one face is at infinity, and of another one is not")
    number = np.where(ideal, -np.cumsum(first & ideal), np.cumsum(first & ~ideal) - 1)
    origin = number[label].astype(np.int32)
    at = np.flatnonzero(first & ~ideal).astype(np.int32)
    error = np.full(len(at), np.inf)
    finite = np.flatnonzero(~ideal)
    np.minimum.at(error, origin[finite], faces.error[finite])  # the best known of each
    best = finite[faces.error[finite] == error[origin[finite]]][::-1]  # the first of equals
    near = np.empty(len(at), dtype=np.int64)
    near[origin[best]] = best
    ideal_at = np.flatnonzero(first & ideal).astype(np.int32)
    real = faces.unit != IDEAL
    half = np.flatnonzero(real & ((twin < 0) | (twin > np.arange(n)))).astype(np.int32)
    edge = np.full(n, -1, dtype=np.int32)
    edge[half] = np.arange(len(half), dtype=np.int32)
    inner = half[twin[half] >= 0]
    edge[twin[inner]] = edge[inner]
    right = np.where(twin[half] >= 0, face[twin[half]], -1).astype(np.int32)
    return Columns(
        faces.start, origin, twin, edge, half, right, faces.unit[half], faces.form[half],
        faces.sign[half], faces.corner[near, :2] / faces.corner[near, 2:], error, at,
        faces.corner[ideal_at, :2], ideal_at,
    )  # fmt: skip


def _corner_labels(start: np.ndarray, twin: np.ndarray) -> np.ndarray:
    """Per half-edge the lowest one that begins at the same corner.

    The half-edge behind the twin begins there, too, and so does the twin of the one before: these
    steps go around the corner, in either direction. They are doubled until nothing changes.
    """
    label = np.arange(len(twin), dtype=np.int32)
    inner = twin >= 0
    right = np.where(inner, following(start)[twin], label)
    before = preceding(start)
    left = np.where(inner[before], twin[before], label)
    while True:
        lower = np.minimum(label, np.minimum(label[right], label[left]))
        if np.array_equal(lower, label):
            return label
        label, right, left = lower, right[right], left[left]
