"""The adjacency graph as a networkx graph, built from the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns.description import GRAPH, code_texts, header

if TYPE_CHECKING:
    import networkx

    from .adjacent import AdjacentRegions
    from .edges import Edges

__all__ = ["adjacency_graph", "flip_lists"]

_CHUNK = 1 << 14


def adjacency_graph(partition: AdjacentRegions, *, exact: bool = False) -> networkx.Graph:
    """Regions as nodes, facets between them as edges; see `Partition.adjacency_graph`."""
    import networkx

    graph = networkx.Graph(**header(partition, GRAPH, "exact" if exact else "rounded"))
    pieces = partition.network.program.max_pieces
    rational = partition.exact_witnesses
    start = 0
    for codes in partition.iter_codes(_CHUNK):
        stop = start + len(codes)
        points = map(tuple, partition._points[start:stop].tolist())
        for i, (code, point) in enumerate(
            zip(code_texts(codes, pieces), points, strict=True), start
        ):
            witness: Any = point
            if exact:
                witness = partition.witness(i)
            elif i in rational:  # the float64 point need not lie in the region
                witness = rational[i]
            graph.add_node(i, code=code, witness=witness)
        start = stop
    edges = partition.edges
    geometry = edges.iter_geometry(_CHUNK)
    for start in range(0, len(edges), _CHUNK):
        stop = min(start + _CHUNK, len(edges))
        units, _ = flip_lists(edges, start, stop)
        normals: list[tuple[Any, ...]]
        witnesses: list[tuple[Any, ...]]
        if exact:
            normals = [edges.normal(e) for e in range(start, stop)]
            witnesses = [edges.witness(e) for e in range(start, stop)]
        else:
            normals, witnesses = ([tuple(row) for row in a.tolist()] for a in next(geometry))
        graph.add_edges_from(
            (source, target, {"units": tuple(u), "normal": n, "witness": w})
            for source, target, u, n, w in zip(
                edges.source[start:stop].tolist(), edges.target[start:stop].tolist(), units,
                normals, witnesses, strict=True,
            )
        )  # fmt: skip
    return graph


def flip_lists(edges: Edges, start: int, stop: int) -> tuple[list[list[int]], list[list[int]]]:
    """Per edge the units that change, and their pieces in the target."""
    units = [[u] for u in edges.unit[start:stop].tolist()]
    pieces = [[p] for p in edges.piece[start:stop].tolist()]
    a, b = np.searchsorted(edges._flip_edge, [start, stop]).tolist()
    more = (edges._flip_edge, edges._flip_unit, edges._flip_piece)
    for e, unit, piece in zip(*(column[a:b].tolist() for column in more), strict=True):
        units[e - start].append(unit)
        pieces[e - start].append(piece)
    return units, pieces
