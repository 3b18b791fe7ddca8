"""The facets of a chunk's regions as bytes.

The hashes by which a facet finds the region across are not written: they follow from the codes.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from ..compile.program import Program
from ..errors import LimitError
from ..rationals import format_rational
from ..search.facet_columns import FoundFacets, code_hashes, first_pieces, hash_table
from .exact_texts import exact_text, exact_values
from .malformed import damaged, inflated

__all__ = ["decode_facets", "encode_facets", "facet_sizes"]

_HEAD = struct.Struct("<IIIII")  # edges, flips, borders, dimension, bytes of JSON
_MOST = 1 << 28  # bytes of a chunk's facets

# name, type, and which of the counts its length is
_COLUMNS = (
    ("region", "<u4", 0), ("unit", "<u4", 0), ("piece", "<u4", 0), ("form", "<u8", 0),
    ("sign", "<i1", 0), ("flip_edge", "<u4", 1), ("flip_unit", "<u4", 1),
    ("flip_piece", "<u4", 1), ("border_region", "<u4", 2), ("border_side", "<u4", 2),
)  # fmt: skip


def encode_facets(found: FoundFacets, codes: np.ndarray, start: int) -> bytes:
    """The facets of regions that are numbered from ``start``."""
    text = exact_text(found.exact)
    dim = found.point.shape[1]
    head = _HEAD.pack(
        len(found.region), len(found.flip_edge), len(found.border_region), dim, len(text)
    )
    parts = [head, np.asarray(found.down, dtype="<u4").tobytes()]
    for name, dtype, _ in _COLUMNS:
        column = getattr(found, name)
        if name in ("region", "border_region"):
            column = column - start
        parts.append(np.asarray(column).astype(dtype).tobytes())
    parts += [np.asarray(found.point, dtype="<f8").tobytes(), text]
    raw = b"".join(parts)
    if len(raw) > _MOST:
        raise LimitError(
            f"facets of {len(raw):,} bytes for {len(codes):,} regions: up to {_MOST:,} are stored "
            "and sent to workers; enumerate without facets, or in memory in one process"
        )
    return zlib.compress(raw, 1)


def facet_sizes(found: FoundFacets, n: int, start: int) -> np.ndarray:
    """Bytes that the facets of each of n regions take, not compressed."""
    per = [sum(np.dtype(t).itemsize for _, t, c in _COLUMNS if c == i) for i in range(3)]
    region = found.region - start
    out = np.full(n, 4, dtype=np.int64)
    out += (per[0] + 8 * found.point.shape[1]) * np.bincount(region, minlength=n)
    out += per[1] * np.bincount(region[found.flip_edge], minlength=n)
    out += per[2] * np.bincount(found.border_region - start, minlength=n)
    for e, point in found.exact.items():
        out[region[e]] += sum(len(format_rational(v)) + 4 for v in point)
    return out


def decode_facets(
    data: bytes, codes: np.ndarray, program: Program, dims: tuple[int, int], start: int
) -> FoundFacets:
    """The facets of regions with these codes, which are numbered from ``start``.

    ``dims`` are the dimension of the domain, and how many of its coordinates are searched:
    points beyond facets have these only, rational points in facets have all.

    Raises
    ------
    StoreError
        If the bytes are not what `encode_facets` writes for such regions.
    """
    raw = inflated(data, _MOST)
    if len(raw) < _HEAD.size:
        raise damaged("its facets are too short")
    *counts, width, text = _HEAD.unpack_from(raw)
    if counts[0] == 0:
        width = dims[1]  # of no points
    if width != dims[1]:
        raise damaged("its facets are of another dimension")
    sizes = [4 * len(codes)] + [counts[c] * np.dtype(t).itemsize for _, t, c in _COLUMNS]
    if len(raw) != _HEAD.size + sum(sizes) + 8 * counts[0] * width + text:
        raise damaged("its facets have another size")
    at = _HEAD.size
    columns = {"down": np.frombuffer(raw, "<u4", len(codes), at).astype(np.int64)}
    at += sizes[0]
    for (name, dtype, which), size in zip(_COLUMNS, sizes[1:], strict=True):
        columns[name] = np.frombuffer(raw, dtype, counts[which], at).astype(np.int64)
        at += size
    point = np.frombuffer(raw, "<f8", counts[0] * width, at).astype(np.float64)
    if not np.all(np.isfinite(point)):
        raise damaged("a point beyond a facet is no number")
    exact = exact_values(raw[len(raw) - text :] if text else b"", counts[0])
    if any(len(p) != dims[0] for p in exact.values()):
        raise damaged("a point of a facet has another dimension")
    _check(columns, codes, program)
    hashes, target = _hashes(columns, codes, program)
    columns["region"] += start
    columns["border_region"] += start
    point = point.reshape(counts[0], width)
    return FoundFacets(hashes=hashes, target=target, point=point, exact=exact, **columns)


def _check(columns: dict[str, np.ndarray], codes: np.ndarray, program: Program) -> None:
    """Refuse numbers that are out of range, and facets that change nothing."""
    n, pieces = len(codes), program.pieces
    forms = int(program.form_start[-1])

    def within(name: str, end: int) -> None:
        if len(columns[name]) and int(columns[name].max()) >= end:
            raise damaged(f"a facet's {name} is out of range")

    within("region", n)
    within("border_region", n)
    within("form", forms)
    within("flip_edge", len(columns["region"]))
    for unit, piece in (("unit", "piece"), ("flip_unit", "flip_piece")):
        within(unit, len(pieces))
        if np.any(columns[piece] >= pieces[columns[unit]]):
            raise damaged("a facet leads to a piece that its unit has not")
    if not np.all(np.abs(columns["sign"]) == 1):
        raise damaged("a facet's sign is none")


def _hashes(
    columns: dict[str, np.ndarray], codes: np.ndarray, program: Program
) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of the regions' codes, and of the codes across."""
    table = hash_table(program)
    hashes = code_hashes(program, table, codes)
    region, unit, edge = columns["region"], columns["unit"], columns["flip_edge"]
    first = first_pieces(program)
    target = hashes[region] ^ table[first[unit] + codes[region, unit]]
    target ^= table[first[unit] + columns["piece"]]
    more, at = columns["flip_unit"], region[edge]
    change = table[first[more] + codes[at, more]] ^ table[first[more] + columns["flip_piece"]]
    np.bitwise_xor.at(target, edge, change)
    return hashes, target
