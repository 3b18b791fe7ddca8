"""What tasks have found, put in order."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from ..compile.program import Program
from ..search.decisions import Batch
from ..search.part import Part
from .chunk import Chunk, decode_chunk
from .merge import part_of
from .task import TaskResult

__all__ = ["Begin", "InOrder"]

Begin = tuple[int, ...]


class InOrder:
    """Keeps the regions of later parts until all earlier ones are there.

    Parameters
    ----------
    program : Program
    dims : (int, int)
        The dimension of the domain, and how many of its coordinates are searched.
    limit : int
        Regions after which nothing comes any more.
    """

    def __init__(self, program: Program, dims: tuple[int, int], limit: int) -> None:
        self._program, self._dims, self._limit = program, dims, limit
        self._waiting: list[tuple[Begin, int, list[Chunk]]] = []  # a heap
        self._number = 0  # of results: none is compared with another
        self.regions = 0  # that have been handed over
        self.nbytes = 0  # of what waits

    def take(self, part: Part, result: TaskResult) -> None:
        """Take the regions of a part in; the earliest ones of it."""
        if result.chunks:
            heapq.heappush(self._waiting, (part.begin, self._number, result.chunks))
            self._number += 1
            self.nbytes += sum(chunk.nbytes for chunk in result.chunks)

    def ready(self, before: Begin | None) -> Iterator[Batch]:
        """Hand over the regions of parts that begin earlier; of all parts if None."""
        while self._waiting and (before is None or self._waiting[0][0] < before):
            for chunk in heapq.heappop(self._waiting)[2]:
                self.nbytes -= chunk.nbytes
                batch = decode_chunk(chunk, self._program, self._dims, self.regions)
                left = self._limit - self.regions
                if left < len(batch.codes):
                    batch = part_of(batch, 0, left, self.regions)
                self.regions += len(batch.codes)
                if len(batch.codes):
                    yield batch

    def is_full(self) -> bool:
        """Whether as many regions as asked for have been handed over."""
        return self.regions >= self._limit
