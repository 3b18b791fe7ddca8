"""Regions and edges row by row, in chunks, as every writer of text needs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..partition.columns.description import code_texts, rational_texts
from ..partition.graph.adjacency import flip_lists
from .texts import float_texts, plain

if TYPE_CHECKING:
    from ..partition.partition import Partition

__all__ = ["EdgeRow", "RegionRow", "edge_rows", "region_rows"]

_CHUNK = 1 << 14


@dataclass(slots=True)
class RegionRow:
    """A region: numbers are texts; ``borders`` are the domain's sides."""

    region: int
    code: str
    witness: list[str]
    borders: list[int]


@dataclass(slots=True)
class EdgeRow:
    """An edge: numbers are texts, ``units`` positions in the code, ``pieces`` in the target."""

    source: int
    target: int
    units: list[int]
    pieces: list[int]
    names: list[str]
    normal: list[str]
    witness: list[str]


def region_rows(partition: Partition, *, borders: bool) -> Iterator[list[RegionRow]]:
    """All regions in chunks; ``borders`` are left empty if they are not asked for."""
    program = partition.network.program
    exact = partition.exact_witnesses
    start = 0
    for codes in partition.iter_codes(_CHUNK):
        stop = start + len(codes)
        points = partition._points[start:stop].tolist()
        sides: list[list[int]] = [[]] * len(codes)
        if borders:
            where = partition.borders
            at = np.searchsorted(where.region, np.arange(start, stop + 1)).tolist()
            found = where.side[at[0] : at[-1]].tolist()
            sides = [found[a - at[0] : b - at[0]] for a, b in pairwise(at)]
        yield [
            RegionRow(start + i, code, rational_texts(exact.get(start + i, points[i])), sides[i])
            for i, code in enumerate(code_texts(codes, program.max_pieces))
        ]
        start = stop


def edge_rows(partition: Partition, *, exact: bool) -> Iterator[list[EdgeRow]]:
    """All edges in chunks; normals and witnesses exactly, or rounded to float64."""
    edges = partition.edges
    name = partition.network.program.unit_name
    names: dict[int, str] = {}
    geometry = edges.iter_geometry(_CHUNK)
    for start in range(0, len(edges), _CHUNK):
        stop = min(start + _CHUNK, len(edges))
        units, pieces = flip_lists(edges, start, stop)
        for unit in {u for row in units for u in row}.difference(names):
            names[unit] = plain(str(name(unit)))
        if exact:
            normals = [rational_texts(edges.normal(e)) for e in range(start, stop)]
            witnesses = [rational_texts(edges.witness(e)) for e in range(start, stop)]
        else:
            normals, witnesses = ([float_texts(v) for v in a.tolist()] for a in next(geometry))
        source, target = edges.source[start:stop].tolist(), edges.target[start:stop].tolist()
        yield [
            EdgeRow(*row)
            for row in zip(
                source, target, units, pieces, ([names[u] for u in row] for row in units),
                normals, witnesses, strict=True,
            )
        ]  # fmt: skip
