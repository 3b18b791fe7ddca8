"""Rows of a store's tables, each with a checksum: SQLite itself keeps none."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from dataclasses import dataclass, field

from ..compile.program import Program
from ..search.decisions import Decisions
from ..search.part import Part
from ..tasks.chunk import Chunk, code_key

__all__ = ["Totals", "checksum", "put_chunk", "put_task", "put_totals", "task_checksum"]


@dataclass(frozen=True)
class Totals:
    """Where a run stands.

    Attributes
    ----------
    regions : int
        Found so far; those of all chunks together.
    tasks : int
        That remain.
    decisions : Decisions
    seconds : float
        Time of all tasks together.
    """

    regions: int = 0
    tasks: int = 0
    decisions: Decisions = field(default_factory=Decisions)
    seconds: float = 0.0

    def checksum(self) -> int:
        """CRC-32 of the numbers: five 64-bit integers and a float64, little-endian."""
        d = self.decisions
        numbers = self.regions, self.tasks, d.float, d.integer, d.rational
        return zlib.crc32(struct.pack("<5qd", *numbers, self.seconds))


def put_totals(database: sqlite3.Connection, totals: Totals) -> None:
    """Write the one row of totals, in the place of an earlier one."""
    d = totals.decisions
    database.execute(
        "INSERT OR REPLACE INTO totals VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
        (
            totals.regions, totals.tasks, d.float, d.integer, d.rational, totals.seconds,
            totals.checksum(),
        ),
    )  # fmt: skip


def put_task(database: sqlite3.Connection, part: Part, program: Program) -> int:
    """Write a part that remains; its key."""
    first, weight = code_key(part.begin, program), float(part.weight)
    done = database.execute(
        "INSERT INTO tasks (first, depth, weight, checksum) VALUES (?, ?, ?, ?)",
        (first, part.depth, weight, task_checksum(first, part.depth, weight)),
    )
    assert done.lastrowid is not None
    return done.lastrowid


def task_checksum(first: bytes, depth: int, weight: float) -> int:
    """CRC-32 of a task: its first code, its depth (64 bits), its weight (float64)."""
    return zlib.crc32(struct.pack("<qd", depth, weight), zlib.crc32(first))


def put_chunk(database: sqlite3.Connection, chunk: Chunk) -> None:
    """Write regions."""
    database.execute(
        "INSERT INTO chunks (first, regions, codes, points, exact, facets, checksum) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            chunk.first, chunk.regions, chunk.codes, chunk.points, chunk.exact, chunk.facets,
            checksum(chunk),
        ),
    )  # fmt: skip


def checksum(chunk: Chunk) -> int:
    """Of all bytes of a chunk (CRC-32); it finds damage, not malice."""
    value = zlib.crc32(chunk.first, chunk.regions)
    for part in (chunk.codes, chunk.points, chunk.exact, chunk.facets or b""):
        value = zlib.crc32(part, value)
    return value
