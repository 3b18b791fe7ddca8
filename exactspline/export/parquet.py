"""Parquet tables, through pyarrow: one of the regions, or one of the edges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import FormatError
from ..partition.columns.description import GRAPH, PARTITION, code_texts, header, rational_texts
from ..partition.graph.adjacency import flip_lists
from ..partition.pieces.pieces import iter_affine_pieces
from .progress import Progress, Ticker

if TYPE_CHECKING:
    from ..partition.partition import Partition

__all__ = ["require_pyarrow", "write_edge_table", "write_region_table"]

_ROWS = 1 << 16  # of a group of rows
_CHUNK = 1 << 14  # rows that are Python objects at once


def require_pyarrow() -> Any:
    """The module ``pyarrow.parquet``; an error that names the extra if it is missing."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise FormatError(
            "Parquet files need pyarrow: pip install 'exactspline[parquet]' "
            f"({' '.join(str(error).split())})"
        ) from None
    return pyarrow.parquet


def write_region_table(
    stream: BinaryIO, partition: Partition, *, edges: bool, affine: bool, progress: Progress | None
) -> None:
    """A row a region; ``edges`` do not fit in."""
    assert not edges
    pq = require_pyarrow()
    import pyarrow as pa

    fields = [
        ("region", pa.int64()),
        ("code", pa.string()),
        ("witness", pa.list_(pa.float64())),
        ("witness_exact", pa.list_(pa.string())),
    ]
    if affine:
        fields += [("A", pa.list_(pa.float64())), ("b", pa.list_(pa.float64()))]
    head = header(partition, PARTITION, "rounded")
    _write(pq, stream, fields, head, _regions(partition, affine), len(partition), progress)


def _regions(partition: Partition, affine: bool) -> Iterator[dict[str, list]]:
    exact, pieces = partition.exact_witnesses, partition.network.program.max_pieces
    maps = iter_affine_pieces(partition, _CHUNK)
    start = 0
    for codes in partition.iter_codes(_CHUNK):
        stop = start + len(codes)
        known = [exact.get(region) for region in range(start, stop)]
        columns: dict[str, list] = {
            "region": list(range(start, stop)),
            "code": code_texts(codes, pieces),
            "witness": partition._points[start:stop].tolist(),
            "witness_exact": [None if p is None else rational_texts(p) for p in known],
        }
        if affine:
            A, b = next(maps)
            columns["A"], columns["b"] = A.reshape(len(A), -1).tolist(), b.tolist()
        yield columns
        start = stop


def write_edge_table(
    stream: BinaryIO, partition: Partition, *, exact: bool, progress: Progress | None
) -> None:
    """A row a facet: first the edges, then the facets in the domain's border."""
    pq = require_pyarrow()
    import pyarrow as pa

    fields = [
        ("source", pa.int64()),
        ("target", pa.int64()),
        ("side", pa.int32()),
        ("units", pa.list_(pa.int32())),
        ("pieces", pa.list_(pa.int32())),
        ("normal", pa.list_(pa.float64())),
        ("witness", pa.list_(pa.float64())),
    ]
    if exact:
        fields += [
            ("normal_exact", pa.list_(pa.string())), ("witness_exact", pa.list_(pa.string()))
        ]  # fmt: skip
    head = header(partition, GRAPH, "exact" if exact else "rounded")
    total = len(partition.edges) + len(partition.borders)
    chunks = chain(_edges(partition, exact), _borders(partition, [name for name, _ in fields]))
    _write(pq, stream, fields, head, chunks, total, progress)


def _edges(partition: Partition, exact: bool) -> Iterator[dict[str, list]]:
    edges = partition.edges
    geometry = edges.iter_geometry(_CHUNK)
    for start in range(0, len(edges), _CHUNK):
        stop = min(start + _CHUNK, len(edges))
        units, pieces = flip_lists(edges, start, stop)
        normals, witnesses = next(geometry)
        columns: dict[str, list] = {
            "source": edges.source[start:stop].tolist(),
            "target": edges.target[start:stop].tolist(),
            "side": [None] * (stop - start),
            "units": units,
            "pieces": pieces,
            "normal": normals.tolist(),
            "witness": witnesses.tolist(),
        }
        if exact:
            columns["normal_exact"] = [rational_texts(edges.normal(e)) for e in range(start, stop)]
            columns["witness_exact"] = [
                rational_texts(edges.witness(e)) for e in range(start, stop)
            ]
        yield columns


def _borders(partition: Partition, names: list[str]) -> Iterator[dict[str, list]]:
    borders = partition.borders
    for start in range(0, len(borders), _CHUNK):
        stop = min(start + _CHUNK, len(borders))
        columns: dict[str, list] = {name: [None] * (stop - start) for name in names}
        columns["source"] = borders.region[start:stop].tolist()
        columns["side"] = borders.side[start:stop].tolist()
        yield columns


def _write(
    pq: Any, stream: BinaryIO, fields: list[tuple[str, Any]], head: dict[str, Any],
    chunks: Iterator[dict[str, list]], total: int, progress: Progress | None,
) -> None:  # fmt: skip
    """Tables of bounded size, one after another, under one schema."""
    import pyarrow as pa

    ticker = Ticker(progress, total)
    schema = pa.schema(fields, metadata={"exactspline": json.dumps(head)})
    with pq.ParquetWriter(stream, schema) as writer:
        waiting: list[Any] = []
        rows = 0
        for columns in chunks:
            waiting.append(pa.RecordBatch.from_pydict(columns, schema=schema))
            rows += len(waiting[-1])
            if rows >= _ROWS:
                writer.write_table(pa.Table.from_batches(waiting))
                ticker.add(rows)
                waiting, rows = [], 0
        if rows:
            writer.write_table(pa.Table.from_batches(waiting))
            ticker.add(rows)
