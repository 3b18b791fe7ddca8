"""A partition that is read from a store as it is needed."""

from __future__ import annotations

import os
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formats.files import PathLike
from ..mode import guarded
from ..partition.graph.resolve import EdgeBuilder
from ..partition.partition import Partition
from ..search.run import Run
from ..tasks.chunk import decode_codes
from ..tasks.chunk_facets import decode_facets
from ..tasks.malformed import damaged
from .columns import StoredChunks, StoredCodes, StoredPoints, exact_points

if TYPE_CHECKING:
    from ..partition.graph.edges import Borders, Edges

__all__ = ["StoredPartition", "open_partition"]


@guarded
class StoredPartition(Partition):
    """A `Partition` whose regions stay in the file of their run; see `open_partition`."""

    def __init__(self, path: PathLike) -> None:
        self.path = os.fsdecode(path)
        self._chunks = StoredChunks(self.path)
        store = self._chunks.store
        super().__init__(store.network, store.domain)
        del self.exact_witnesses  # read when it is asked for
        self.complete = self._chunks.complete
        totals = self._chunks.totals
        self.decisions, self.seconds = totals.decisions, totals.seconds
        self.engine = store.engine
        self._codes: Any = StoredCodes(self._chunks)
        self._points: Any = StoredPoints(self._chunks)
        self._count = len(self._chunks)

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredPartition, (self.path,)  # a copy, here or elsewhere, opens the file itself

    @cached_property
    def exact_witnesses(self) -> dict[int, tuple[Fraction, ...]]:  # type: ignore[override]
        """Rational witnesses by region."""
        return exact_points(self._chunks)

    @cached_property
    def _facets(self) -> tuple[Edges, Borders]:
        if not self._chunks.store.facets:
            return super()._facets
        builder = EdgeBuilder()
        program, dims = self.network.program, Run(self.network.program, self.domain).dims
        sides = len(self._exact_forms.domain_rows)
        for i in range(len(self._chunks.keys)):
            chunk = self._chunks.chunk(i, facets=True)
            if chunk.facets is None:
                raise damaged("their facets are missing")
            start = int(self._chunks.starts[i])
            codes = decode_codes(chunk, program)
            found = decode_facets(chunk.facets, codes, program, dims, start)
            if np.any(found.border_side >= sides):
                raise damaged("a facet is in no side of the domain")
            builder.append(found)
        return builder.finish(self._apart())


@guarded
def open_partition(path: PathLike) -> Partition:
    """Open the partition in a store; see `exactspline.open_partition`."""
    return StoredPartition(path)
