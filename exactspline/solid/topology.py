"""Which triangles of a mesh meet where: edges, what is not a manifold, parts, Euler numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["MeshEdges", "components", "edges_of", "odd_vertices"]


@dataclass(frozen=True)
class MeshEdges:
    """The edges of a mesh, each once, sorted by their two vertices.

    Attributes
    ----------
    vertices : int32 array, shape (edges, 2)
        The lower number first.
    count : int32 array, shape (edges,)
        How many triangles have it.
    balance : int32 array, shape (edges,)
        How many of them run from the lower vertex to the higher one, less the others: 0 where
        triangles on both sides are oriented alike.
    of : int32 array, shape (triangles, 3)
        The edges of every triangle: the first leads from its first vertex to its second.
    """

    vertices: np.ndarray
    count: np.ndarray
    balance: np.ndarray
    of: np.ndarray


def edges_of(triangles: np.ndarray) -> MeshEdges:
    """The edges of triangles, shape (n, 3)."""
    ends = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2).reshape(-1, 2)
    forward = ends[:, 0] < ends[:, 1]
    low, high = ends.min(axis=1), ends.max(axis=1)
    distinct, at, count = np.unique(
        np.stack([low, high], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    at = at.reshape(-1)
    balance = np.bincount(at, np.where(forward, 1.0, -1.0), len(distinct))
    return MeshEdges(
        distinct.astype(np.int32).reshape(-1, 2), count.astype(np.int32),
        np.rint(balance).astype(np.int32), at.astype(np.int32).reshape(-1, 3),
    )  # fmt: skip


def components(edges: MeshEdges) -> tuple[int, np.ndarray]:
    """The parts of a mesh that hang together across edges: how many, and that of every triangle."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, m = len(edges.of), len(edges.count)
    if n == 0:
        return 0, np.zeros(0, dtype=np.int32)
    rows = np.repeat(np.arange(n), 3)
    graph = coo_array((np.ones(3 * n), (rows, n + edges.of.reshape(-1))), shape=(n + m, n + m))
    count, labels = connected_components(graph, directed=False)
    return int(count), labels[:n].astype(np.int32)


def odd_vertices(triangles: np.ndarray, edges: MeshEdges, n_vertices: int) -> np.ndarray:
    """Vertices whose triangles do not form one disc, or one half of a disc, around them.

    Notes
    -----
    The triangles at a vertex hang together across the edges at it. Where every edge has one or
    two triangles, they form one path or one cycle if they are in one part.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    many = np.unique(edges.vertices[edges.count > 2])
    corner = triangles.reshape(-1)  # a node a corner of a triangle, and one a vertex and edge
    n = len(corner)
    if n == 0:
        return many.astype(np.int32)
    m = len(edges.count)
    first, last = edges.of, np.roll(edges.of, 1, axis=1)  # the two edges at a corner
    ends = []
    for edge in (first, last):
        flat = edge.reshape(-1)
        high = edges.vertices[flat, 1] == corner
        ends.append(n + 2 * flat + high)
    rows = np.tile(np.arange(n), 2)
    size = n + 2 * m
    graph = coo_array((np.ones(2 * n), (rows, np.concatenate(ends))), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    fans = np.unique(np.stack([corner, labels[:n]], axis=1), axis=0)
    parts = np.bincount(fans[:, 0], minlength=n_vertices)
    return np.union1d(np.flatnonzero(parts > 1), many).astype(np.int32)
