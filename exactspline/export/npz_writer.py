"""NumPy archives, written array by array and chunk by chunk."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..partition.columns.description import PARTITION, header
from ..partition.pieces.pieces import iter_affine_pieces
from ..rationals import format_rational
from .progress import Progress, Ticker

if TYPE_CHECKING:
    from ..partition.partition import Partition

__all__ = ["write_npz"]

_CHUNK = 1 << 22  # bytes of an array that are handed to the archive at once
_ROWS = 1 << 14
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the archive's members need a time; it is never the clock's


def write_npz(
    stream: BinaryIO, partition: Partition, *, edges: bool, affine: bool, progress: Progress | None
) -> None:
    """A partition in columns; documented in docs/exports.md."""
    n, k = len(partition), partition.domain.chart.dim
    ticker = Ticker(progress, n + (len(partition.edges) if edges else 0))
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        put = _Archive(archive)
        put.text("header", json.dumps(header(partition, PARTITION, "rounded")))
        dtype, units = partition._codes.dtype, partition._codes.units
        put.chunks("codes", _ticked(partition.iter_codes(_ROWS), ticker), (n, units), dtype)
        points = partition.iter_witnesses(_ROWS)
        put.chunks("witnesses", points, (n, k), np.dtype(np.float64))
        exact = {
            str(region): [format_rational(v) for v in point]
            for region, point in sorted(partition.exact_witnesses.items())
        }
        put.text("exact_witnesses", json.dumps(exact))
        if affine:
            outputs, inputs = len(partition.network.program.output), partition.network.input_dim
            for i, (name, shape) in enumerate((("A", (n, outputs, inputs)), ("b", (n, outputs)))):
                parts = (piece[i] for piece in iter_affine_pieces(partition, _ROWS))
                put.chunks(name, parts, shape, np.dtype(np.float64))
        if edges:
            _put_edges(put, partition, k, ticker)


def _put_edges(put: _Archive, partition: Partition, k: int, ticker: Ticker) -> None:
    edges, borders = partition.edges, partition.borders
    for name in ("source", "target", "unit", "piece", "layer", "form", "sign"):
        put.array(f"edge_{name}", getattr(edges, name))
    put.array("flip_edge", edges._flip_edge)
    put.array("flip_unit", edges._flip_unit)
    put.array("flip_piece", edges._flip_piece)
    shape, dtype = (len(edges), k), np.dtype(np.float64)
    put.chunks("edge_normals", (a for a, _ in edges.iter_geometry(_ROWS)), shape, dtype)
    witnesses = (b for _, b in edges.iter_geometry(_ROWS))
    put.chunks("edge_witnesses", _ticked(witnesses, ticker), shape, dtype)
    put.array("border_region", borders.region)
    put.array("border_side", borders.side)


def _ticked(chunks: Iterable[np.ndarray], ticker: Ticker) -> Iterator[np.ndarray]:
    for chunk in chunks:
        yield chunk
        ticker.add(len(chunk))


class _Archive:
    """Arrays into an open zip file."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def text(self, name: str, text: str) -> None:
        """A text as an array of bytes."""
        self.array(name, np.frombuffer(text.encode("ascii"), dtype=np.uint8))

    def array(self, name: str, array: np.ndarray) -> None:
        """An array, a stretch of rows at a time."""
        size = array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))
        step = max(1, _CHUNK // max(1, size))
        parts = (array[start : start + step] for start in range(0, len(array), step))
        self.chunks(name, parts, array.shape, array.dtype)

    def chunks(
        self, name: str, parts: Iterable[np.ndarray], shape: tuple[int, ...], dtype: np.dtype
    ) -> None:
        """An array of a known shape from stretches of its rows."""
        dtype = dtype.newbyteorder("<")
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            head,
            {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": tuple(int(v) for v in shape),
            },
        )
        info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        info.create_system = 3  # the same on every system
        with self._archive.open(info, "w", force_zip64=True) as member:
            member.write(head.getvalue())
            for part in parts:
                member.write(np.ascontiguousarray(part, dtype=dtype).tobytes())
