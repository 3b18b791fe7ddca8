"""Decision boundaries as files: JSON, exactly, and NumPy archives."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from ..mode import guarded
from ..partition.columns.description import header
from ..rationals import format_rational
from .files import by_suffix, replaced
from .npz_writer import _Archive

if TYPE_CHECKING:
    from ..formats.files import PathLike
    from ..partition.faces.boundary import DecisionBoundary

__all__ = ["BOUNDARY", "boundary_dict", "save_boundary"]

BOUNDARY = "exactspline-decision-boundary"

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def boundary_dict(boundary: DecisionBoundary) -> dict[str, Any]:
    """A decision boundary for ``json.dumps``; see `DecisionBoundary.to_dict`."""
    return {**_header(boundary, "exact"), "pieces": list(_pieces(boundary))}


@guarded
def save_boundary(boundary: DecisionBoundary, path: PathLike) -> None:
    """Write a decision boundary; see `DecisionBoundary.save`."""
    known = {".json": _write_json, ".npz": _write_npz}
    write = by_suffix(path, known, "a decision boundary")
    with replaced(path) as stream:
        write(stream, boundary)


def _header(boundary: DecisionBoundary, numbers: str) -> dict[str, Any]:
    """What files of partitions say first; ``count`` is that of the pieces."""
    head = header(boundary.partition, BOUNDARY, numbers)
    head["regions"] = head["count"]
    head["count"] = len(boundary)
    del head["count_definition"]
    return head


def _pieces(boundary: DecisionBoundary) -> Iterator[dict[str, Any]]:
    columns = [
        getattr(boundary, name).tolist()
        for name in ("region", "other", "side", "i", "j", "dim", "changes")
    ]
    for n, (region, other, side, i, j, dim, changes) in enumerate(zip(*columns, strict=True)):
        near, far = boundary.winners(n)
        yield {
            "region": region,
            "other": None if other < 0 else other,
            "side": None if side < 0 else side,
            "i": i,
            "j": j,
            "classes": list(boundary.classes(n)),
            "near": list(near),
            "far": list(far),
            "dim": dim,
            "changes": changes,
            "row": [format_rational(v) for v in boundary.row(n)],
            "witness": [format_rational(v) for v in boundary.witness(n)],
        }


def _write_json(stream: BinaryIO, boundary: DecisionBoundary) -> None:
    stream.write(b"{\n")
    for key, value in _header(boundary, "exact").items():
        stream.write(f"{_encode(key)}: {_encode(value)},\n".encode("ascii"))
    stream.write(b'"pieces": [')
    before = "\n"
    for piece in _pieces(boundary):
        stream.write((before + _encode(piece)).encode("ascii"))
        before = ",\n"
    stream.write(b"\n]\n}\n")


def _write_npz(stream: BinaryIO, boundary: DecisionBoundary) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        put = _Archive(archive)
        put.text("header", json.dumps(_header(boundary, "rounded")))
        for name, array in boundary.to_arrays().items():
            put.array(name, array)
