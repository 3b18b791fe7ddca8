"""A run that keeps what it finds in a store."""

from __future__ import annotations

import heapq
import weakref
from collections.abc import Generator, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING

from ..clock import Clock
from ..formats.files import PathLike
from ..mode import guarded
from ..network.network import Network
from ..search.decisions import Batch
from ..search.run import Run
from ..tasks.chunk import code_key, decode_chunk
from ..tasks.coordinate import TaskRun
from ..tasks.merge import part_of
from .rows import Head
from .store import open_run

if TYPE_CHECKING:
    pass

__all__ = ["StoredRun"]

_Waiting = tuple[bytes, Head]


def _wait(waiting: list[_Waiting], head: Head) -> None:
    heapq.heappush(waiting, (head.first, head))


@guarded
class StoredRun(TaskRun):
    """A run in tasks whose results go to a file.

    Parameters
    ----------
    network : Network
    run : Run
        What to do.
    executor : Executor or None
    path : path-like
    resume : bool
        Go on with the run that is there.
    stream : bool
        Whether batches carry the regions, read back from the file in order. Without it they
        are empty.
    condition : str, optional
        A hash of what regions must satisfy, if not all are looked for.

    Raises
    ------
    StoreError
        If the store cannot be made or resumed.
    """

    def __init__(
        self, network: Network, run: Run, executor: Executor | None, path: PathLike, *,
        resume: bool, stream: bool = False, condition: str | None = None,
    ) -> None:  # fmt: skip
        self._file = file = open_run(
            path, network, run.domain, engine=run.engine_name, facets=run.facets, resume=resume,
            condition=condition,
        )  # fmt: skip
        self._close = weakref.finalize(self, file.close)
        run.facets = file.facets
        try:
            heads = file.contents().heads if stream else []
            super().__init__(network, run, None if run.trivial else executor, file)
        except BaseException:
            self._close()
            raise
        self._stream = stream
        self._waiting: list[_Waiting] = []  # a heap of chunks to be handed over
        self._handed = 0
        if stream:
            self._waiting = [(head.first, head) for head in heads]  # sorted, as a heap may be
            # not a method: the store, which `_close` keeps, must not keep this run
            file.on_chunk = partial(_wait, self._waiting)

    def batches(self, deadline: Clock | float | None = None) -> Generator[Batch, None, None]:
        """Search until a clock or a value of ``time.monotonic()`` says; then close the store.

        Raises
        ------
        StoreError
            Also at the end, if the file does not hold what the run has done.
        """
        try:
            for batch in super().batches(deadline):
                yield batch
                if self._stream:
                    yield from self._ready()
            self._file.check()
            if self._stream:
                yield from self._ready()
        finally:
            self._close()

    def _ready(self) -> Iterator[Batch]:
        """Regions that have come to stand before everything that remains."""
        program, first = self.run.program, self.first
        before = None if first is None else code_key(first, program)
        while self._waiting and (before is None or self._waiting[0][0] < before):
            left = self.run.max_regions - self._handed
            if left <= 0:
                return
            head = heapq.heappop(self._waiting)[1]
            chunk = self._file.chunk(head.key, head.checksum())
            batch = decode_chunk(chunk, program, self.run.dims)
            if len(batch.codes) > left:
                batch = part_of(batch, 0, left, 0)
            self._handed += len(batch.codes)
            yield batch
