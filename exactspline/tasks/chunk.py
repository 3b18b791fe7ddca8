"""Regions as bytes: what workers send and stores keep. Read back, every byte is checked."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..compile.program import Program
from ..rationals import format_rational
from ..search.decisions import Batch
from ..search.facet_columns import FoundFacets
from ..search.packing import bits_of, code_type, pack_rows, unpack_rows
from .chunk_facets import decode_facets, encode_facets, facet_sizes
from .exact_texts import exact_text, exact_values
from .malformed import damaged, inflated
from .merge import part_of

__all__ = [
    "MAX_REGIONS",
    "Chunk",
    "code_key",
    "decode_chunk",
    "decode_codes",
    "decode_exact",
    "decode_points",
    "encode_batch",
]

MAX_REGIONS = 8192  # in a chunk
_BYTES = 1 << 25  # that a chunk takes, not compressed; more only if a single region does


@dataclass
class Chunk:
    """Regions in order.

    Attributes
    ----------
    regions : int
    first, last : bytes
        The keys of the first and the last region's code; see `code_key`.
    rational : int
        How many regions have a rational witness.
    codes : bytes
        Compressed: the pieces of the first region, a mask of the units that change, their bits.
    points : bytes
        Witnesses: float64, little-endian.
    exact : bytes
        Rational witnesses as JSON, ``{"region": ["p/q", ...]}``; empty if there are none.
    facets : bytes, optional
        Compressed; see ``chunk_facets``.
    """

    regions: int
    first: bytes
    last: bytes
    rational: int
    codes: bytes
    points: bytes
    exact: bytes
    facets: bytes | None = None

    @property
    def nbytes(self) -> int:
        """Bytes in all."""
        return len(self.codes) + len(self.points) + len(self.exact) + len(self.facets or b"")


def code_key(code: np.ndarray | tuple[int, ...], program: Program) -> bytes:
    """A code, or its first pieces, as bytes that are ordered as codes are."""
    dtype = code_type(program.pieces)
    return np.asarray(code, dtype=dtype.newbyteorder(">")).tobytes()


def encode_batch(batch: Batch, program: Program, start: int = 0) -> list[Chunk]:
    """A batch as chunks.

    Parameters
    ----------
    batch : Batch
    program : Program
    start : int
        The number of the first region, as the batch's facets count.

    Raises
    ------
    LimitError
        If a rational number, or what belongs to a single region, is too long to be read back.
    """
    out = []
    for at, end in _cuts(batch, program, start):
        piece = part_of(batch, at, end, start)
        facets = None
        if piece.facets is not None:
            facets = encode_facets(piece.facets, piece.codes, start + at)
        points = np.ascontiguousarray(piece.points, dtype="<f8")
        out.append(
            Chunk(
                len(piece.codes), code_key(piece.codes[0], program),
                code_key(piece.codes[-1], program), len(piece.exact),
                _encode_codes(piece.codes, program), points.tobytes(), exact_text(piece.exact),
                facets,
            )
        )  # fmt: skip
    return out


def _cuts(batch: Batch, program: Program, start: int) -> Iterator[tuple[int, int]]:
    """Where chunks begin and end: bounded in regions and in bytes."""
    n = len(batch.codes)
    sizes = np.full(n, 8 * batch.points.shape[1] + (int(bits_of(program.pieces).sum()) + 7) // 8)
    for i, point in batch.exact.items():
        sizes[i] += sum(len(format_rational(v)) + 4 for v in point)
    if batch.facets is not None:
        sizes += facet_sizes(batch.facets, n, start)
    ends = np.cumsum(sizes)
    at = 0
    while at < n:
        most = _BYTES + (int(ends[at - 1]) if at else 0)
        end = int(np.searchsorted(ends, most, side="right"))
        end = max(at + 1, min(end, at + MAX_REGIONS, n))
        yield at, end
        at = end


def _encode_codes(codes: np.ndarray, program: Program) -> bytes:
    dtype = code_type(program.pieces).newbyteorder("<")
    varying = np.any(codes != codes[0], axis=0)
    bits = bits_of(program.pieces)[varying]
    parts = codes[0].astype(dtype).tobytes(), np.packbits(varying).tobytes()
    return zlib.compress(b"".join(parts) + pack_rows(codes[:, varying], bits).tobytes(), 1)


def decode_codes(chunk: Chunk, program: Program) -> np.ndarray:
    """The codes of a chunk, shape (regions, units).

    Raises
    ------
    StoreError
        If the bytes are not what `encode_batch` writes for this program.
    """
    n, pieces = chunk.regions, program.pieces
    if not 1 <= n <= MAX_REGIONS:
        raise damaged(f"a chunk of {n:,} regions")
    dtype, units, bits = code_type(pieces), len(pieces), bits_of(pieces)
    head, mask = units * dtype.itemsize, (units + 7) // 8
    data = inflated(chunk.codes, head + mask + n * ((int(bits.sum()) + 7) // 8))
    if len(data) < head + mask:
        raise damaged("its codes are too short")
    first = np.frombuffer(data, dtype.newbyteorder("<"), units).astype(dtype)
    flags = np.frombuffer(data, np.uint8, mask, head)
    varying = np.unpackbits(flags, count=units).astype(bool)
    width = (int(bits[varying].sum()) + 7) // 8
    if len(data) != head + mask + n * width:
        raise damaged("its codes have another size")
    rows = np.frombuffer(data, np.uint8, n * width, head + mask).reshape(n, width)
    codes = np.repeat(first[None], n, axis=0)
    codes[:, varying] = unpack_rows(rows, n, bits[varying], dtype)
    wrong = np.any(codes >= pieces) or not np.array_equal(codes[0], first)
    if wrong or code_key(first, program) != chunk.first:
        raise damaged("a code is none of the network's")
    if code_key(codes[-1], program) != chunk.last or not _ascend(codes):
        raise damaged("its codes are not in order")
    return codes


def _ascend(codes: np.ndarray) -> bool:
    """Whether every code is after the one before, in lexicographic order."""
    if len(codes) == 1:
        return True
    changes = codes[1:] != codes[:-1]
    if not np.all(changes.any(axis=1)):
        return False
    unit = changes.argmax(axis=1)
    row = np.arange(len(unit))
    return bool(np.all(codes[row + 1, unit] > codes[row, unit]))


def decode_points(chunk: Chunk, dim: int) -> np.ndarray:
    """The witnesses of a chunk, shape (regions, dim); `StoreError` if they are damaged."""
    if len(chunk.points) != 8 * dim * chunk.regions:
        raise damaged("its witnesses have another size")
    points = np.frombuffer(chunk.points, "<f8").astype(np.float64).reshape(chunk.regions, dim)
    if not np.all(np.isfinite(points)):
        raise damaged("a witness is no number")
    return points


def decode_exact(chunk: Chunk, dim: int) -> dict[int, tuple[Fraction, ...]]:
    """Rational witnesses by region of the chunk; `StoreError` if they are damaged."""
    out = exact_values(chunk.exact, chunk.regions)
    if len(out) != chunk.rational:
        raise damaged("a rational witness is missing")
    if any(len(point) != dim for point in out.values()):
        raise damaged("a rational witness has another dimension")
    return out


def decode_chunk(chunk: Chunk, program: Program, dims: tuple[int, int], start: int = 0) -> Batch:
    """The batch of a chunk.

    Parameters
    ----------
    chunk : Chunk
    program : Program
    dims : (int, int)
        The dimension of the domain, and how many of its coordinates are searched.
    start : int
        The number that its first region gets where facets name it.
    """
    codes = decode_codes(chunk, program)
    facets: FoundFacets | None = None
    if chunk.facets is not None:
        facets = decode_facets(chunk.facets, codes, program, dims, start)
    exact = decode_exact(chunk, dims[0])
    return Batch(codes, decode_points(chunk, dims[0]), exact, len(codes), facets)
