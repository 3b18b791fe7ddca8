"""Rows of a store's tables, each with a checksum: SQLite itself keeps none.

The row of totals holds the number and the sum of the checksums of all other rows that change,
so that a row that is lost, doubled or of an earlier time is found as well as one that is damaged.
"""

from __future__ import annotations

import math
import sqlite3
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..compile.program import Program
from ..errors import StoreError
from ..search.decisions import Decisions
from ..search.packing import code_type
from ..search.part import Part
from ..tasks.chunk import MAX_REGIONS, Chunk, code_key

__all__ = [
    "Head",
    "Reader",
    "Totals",
    "content_checksum",
    "part_of_row",
    "put_chunk",
    "put_meta",
    "put_task",
    "put_totals",
    "task_checksum",
]

_HEAD = "id, regions, rational, content, checksum, first, last"
_BLOBS = "codes, points, exact, facets"


@dataclass(frozen=True)
class Totals:
    """Where a run stands.

    Attributes
    ----------
    regions : int
        Found so far; those of all chunks together.
    tasks, chunks : int
        How many rows there are.
    digest : int
        The sum of their checksums.
    decisions : Decisions
    seconds : float
        Time of all tasks together.
    """

    regions: int = 0
    tasks: int = 0
    chunks: int = 0
    digest: int = 0
    decisions: Decisions = field(default_factory=Decisions)
    seconds: float = 0.0

    def checksum(self) -> int:
        """CRC-32 of the numbers: eight 64-bit integers and a float64, little-endian."""
        rows = self.regions, self.tasks, self.chunks, self.digest
        return zlib.crc32(struct.pack("<8qd", *rows, *astuple(self.decisions), self.seconds))


class Head(NamedTuple):
    """What a chunk's row says of it, apart from its regions themselves.

    Attributes
    ----------
    key : int
    regions : int
    rational : int
        How many of them have a rational witness.
    content : int
        The checksum of the chunk's bytes.
    first, last : bytes
        The keys of the first and the last region's code.
    """

    key: int
    regions: int
    rational: int
    content: int
    first: bytes
    last: bytes

    def checksum(self) -> int:
        """CRC-32 of the numbers and the two codes."""
        numbers = struct.pack(
            "<6q", self.key, self.regions, self.rational, self.content, len(self.first),
            len(self.last),
        )  # fmt: skip
        return zlib.crc32(self.last, zlib.crc32(self.first, zlib.crc32(numbers)))


def content_checksum(chunk: Chunk) -> int:
    """CRC-32 of a chunk's bytes, with their lengths; it finds damage, not malice."""
    facets = -1 if chunk.facets is None else len(chunk.facets)
    sizes = len(chunk.codes), len(chunk.points), len(chunk.exact), facets
    value = zlib.crc32(struct.pack("<4q", *sizes))
    for part in (chunk.codes, chunk.points, chunk.exact, chunk.facets or b""):
        value = zlib.crc32(part, value)
    return value


def task_checksum(key: int, first: bytes, depth: int, weight: float) -> int:
    """CRC-32 of a task: its key and depth (64 bits), its weight (float64), its first code."""
    return zlib.crc32(first, zlib.crc32(struct.pack("<qqdq", key, depth, weight, len(first))))


def _meta_checksum(key: str, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key.encode() + b"\0"))


# ------------------------------------------------------------------------------- writing
def put_meta(database: sqlite3.Connection, values: Mapping[str, bytes]) -> None:
    """Write what a run is a run of."""
    rows = [(key, value, _meta_checksum(key, value)) for key, value in values.items()]
    database.executemany("INSERT INTO meta VALUES (?, ?, ?)", rows)


def put_totals(database: sqlite3.Connection, totals: Totals) -> None:
    """Write the one row of totals, in the place of an earlier one."""
    database.execute(
        "INSERT OR REPLACE INTO totals VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            totals.regions, totals.tasks, totals.chunks, totals.digest,
            *astuple(totals.decisions), totals.seconds, totals.checksum(),
        ),
    )  # fmt: skip


def put_task(database: sqlite3.Connection, key: int, part: Part, program: Program) -> int:
    """Write a part that remains; the row's checksum."""
    first, weight = code_key(part.begin, program), float(part.weight)
    check = task_checksum(key, first, part.depth, weight)
    database.execute(
        "INSERT INTO tasks VALUES (?, ?, ?, ?, ?)", (key, first, part.depth, weight, check)
    )
    return check


def put_chunk(database: sqlite3.Connection, key: int, chunk: Chunk) -> Head:
    """Write regions."""
    head = Head(
        key, chunk.regions, chunk.rational, content_checksum(chunk), chunk.first, chunk.last
    )
    database.execute(
        "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            key, head.regions, head.rational, head.content, head.checksum(), head.first, head.last,
            chunk.codes, chunk.points, chunk.exact, chunk.facets,
        ),
    )  # fmt: skip
    return head


# ------------------------------------------------------------------------------- reading
class Reader:
    """Reads rows, each against its checksum.

    Every question goes through a table from its beginning: nothing rests on an index.

    Parameters
    ----------
    database : Connection
    damaged : callable
        Makes the error for what is named.
    """

    def __init__(
        self, database: sqlite3.Connection, damaged: Callable[[str], StoreError]
    ) -> None:  # fmt: skip
        self._database, self._damaged = database, damaged

    def _rows(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(question, values).fetchall()

    def meta(self, keys: Sequence[str]) -> dict[str, bytes]:
        """What a run is a run of: exactly these keys."""
        out: dict[str, bytes] = {}
        for key, value, check in self._rows("SELECT key, value, checksum FROM meta LIMIT 20"):
            if not (isinstance(key, str) and isinstance(value, bytes)) or key in out:
                raise self._damaged("what it says of its run")
            if check != _meta_checksum(key, value):
                raise self._damaged(f"its {key}" if key in keys else "what it says of its run")
            out[key] = value
        if set(out) != set(keys):
            raise self._damaged("what it says of its run")
        return out

    def totals(self) -> Totals:
        """Where the run stands."""
        rows = self._rows(
            "SELECT regions, tasks, chunks, digest, by_float, by_integer, by_double_double, "
            "by_rational, seconds, checksum FROM totals LIMIT 2"
        )
        if len(rows) != 1:
            raise self._damaged("its row of totals")
        *numbers, seconds, check = rows[0]
        if not all(isinstance(v, int) for v in numbers) or not isinstance(seconds, float):
            raise self._damaged("its row of totals")
        regions, tasks, chunks, digest, *tiers = numbers
        out = Totals(regions, tasks, chunks, digest, Decisions(*tiers), seconds)
        if check != out.checksum():
            raise self._damaged("its row of totals")
        return out

    def tasks(self, program: Program) -> tuple[dict[int, Part], int]:
        """What remains, by key; and the sum of the rows' checksums."""
        out: dict[int, Part] = {}
        digest = 0
        for row in self._rows("SELECT id, first, depth, weight, checksum FROM tasks"):
            key, first, depth, weight, check = row
            kinds = isinstance(first, bytes) and isinstance(depth, int)
            if not kinds or not isinstance(weight, float) or key in out:
                raise self._damaged("a part that remains")
            if check != task_checksum(key, first, depth, weight):
                raise self._damaged("a part that remains")
            part = part_of_row(first, depth, weight, program)
            if part is None:
                raise self._damaged("a part that remains")
            out[key] = part
            digest += check
        return out, digest

    def heads(self) -> list[Head]:
        """Of all chunks."""
        out = [self._head(row) for row in self._rows(f"SELECT {_HEAD} FROM chunks")]
        if len({head.key for head in out}) != len(out):
            raise self._damaged("its list of regions")
        return out

    def _head(self, row: Sequence[Any]) -> Head:
        *numbers, check, first, last = row
        if not all(isinstance(v, int) for v in numbers):
            raise self._damaged("its list of regions")
        if not (isinstance(first, bytes) and isinstance(last, bytes)):
            raise self._damaged("its list of regions")
        key, regions, rational, content = numbers
        head = Head(key, regions, rational, content, first, last)
        if check != head.checksum() or not 1 <= head.regions <= MAX_REGIONS:
            raise self._damaged("its list of regions")
        return head

    def chunk(self, key: int, check: int) -> Chunk:
        """The chunk whose head has a key and a checksum."""
        rows = self._rows(f"SELECT {_HEAD}, {_BLOBS} FROM chunks WHERE id = ?", key)
        if len(rows) != 1:
            raise self._damaged("the list of its regions, some of which are missing,")
        head, (codes, points, exact, facets) = self._head(rows[0][:7]), rows[0][7:]
        whole = all(isinstance(v, bytes) for v in (codes, points, exact))
        if not whole or not isinstance(facets, bytes | None):
            raise self._damaged("a stretch of its regions")
        out = Chunk(
            head.regions, head.first, head.last, head.rational, codes, points, exact, facets
        )  # fmt: skip
        if head.checksum() != check or content_checksum(out) != head.content:
            raise self._damaged("a stretch of its regions (the checksum is another one)")
        return out


def part_of_row(first: bytes, depth: int, weight: float, program: Program) -> Part | None:
    """The part that a row names; None if it can be none of this program's."""
    pieces = program.pieces
    dtype = code_type(pieces).newbyteorder(">")
    if len(first) % dtype.itemsize:
        return None
    begin = np.frombuffer(first, dtype).astype(np.int64)
    if len(begin) > len(pieces) or np.any(begin >= pieces[: len(begin)]):
        return None
    if not 0 <= depth <= len(begin) or not math.isfinite(weight):
        return None
    return Part(tuple(begin.tolist()), depth, weight)
