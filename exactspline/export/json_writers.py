"""JSON: the partition's own form, and the node-link form that networkx reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from ..partition.columns.description import GRAPH, PARTITION, header
from .affine import affine_texts
from .progress import Progress, Ticker
from .rows import EdgeRow, RegionRow, edge_rows, region_rows

if TYPE_CHECKING:
    from ..partition.partition import Partition

__all__ = ["write_json", "write_node_link"]

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def write_json(
    stream: BinaryIO, partition: Partition, *, edges: bool, affine: bool, progress: Progress | None
) -> None:
    """A partition, a region a line; documented in docs/exports.md."""
    ticker = Ticker(progress, len(partition) + (len(partition.edges) if edges else 0))
    head = header(partition, PARTITION)
    stream.write(b"{\n")
    for key, value in head.items():
        stream.write(f"{_encode(key)}: {_encode(value)},\n".encode("ascii"))
    _write_list(stream, "regions", _regions(partition, edges, affine), ticker)
    if edges:
        stream.write(b",\n")
        _write_list(stream, "edges", _edges(edge_rows(partition, exact=True)), ticker)
    stream.write(b"\n}\n")


def write_node_link(
    stream: BinaryIO, partition: Partition, *, exact: bool, progress: Progress | None
) -> None:
    """The adjacency graph as ``networkx.node_link_graph`` takes it."""
    ticker = Ticker(progress, len(partition) + len(partition.edges))
    head = header(partition, GRAPH, "exact" if exact else "rounded")
    stream.write(b'{\n"directed": false,\n"multigraph": false,\n"graph": {\n')
    lines = [f"{_encode(key)}: {_encode(value)}" for key, value in head.items()]
    stream.write(",\n".join(lines).encode("ascii") + b"\n},\n")
    _write_list(stream, "nodes", _nodes(region_rows(partition, borders=True)), ticker)
    stream.write(b",\n")
    _write_list(stream, "edges", _edges(edge_rows(partition, exact=exact)), ticker)
    stream.write(b"\n}\n")


def _write_list(
    stream: BinaryIO, key: str, chunks: Iterable[list[dict[str, Any]]], ticker: Ticker
) -> None:
    """A list of objects under a key, one a line."""
    stream.write(f"{_encode(key)}: [".encode("ascii"))
    before = "\n"
    for chunk in chunks:
        stream.write((before + ",\n".join(map(_encode, chunk))).encode("ascii"))
        before = ",\n"
        ticker.add(len(chunk))
    stream.write(b"\n]")


def _regions(partition: Partition, edges: bool, affine: bool) -> Iterator[list[dict[str, Any]]]:
    for chunk in region_rows(partition, borders=edges):
        out = []
        for row in chunk:
            value: dict[str, Any] = {"code": row.code, "witness": row.witness}
            if edges:
                value["borders"] = row.borders
            if affine:
                value["A"], value["b"] = affine_texts(partition, partition.code(row.region))
            out.append(value)
        yield out


def _nodes(chunks: Iterable[list[RegionRow]]) -> Iterator[list[dict[str, Any]]]:
    for chunk in chunks:
        yield [
            {"id": r.region, "code": r.code, "witness": r.witness, "borders": r.borders}
            for r in chunk
        ]


def _edges(chunks: Iterable[list[EdgeRow]]) -> Iterator[list[dict[str, Any]]]:
    for chunk in chunks:
        yield [
            {
                "source": e.source,
                "target": e.target,
                "units": e.units,
                "pieces": e.pieces,
                "names": e.names,
                "normal": e.normal,
                "witness": e.witness,
            }
            for e in chunk
        ]
