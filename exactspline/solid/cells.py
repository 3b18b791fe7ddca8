"""All regions of a bounded partition of three dimensions as polytopes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..partition.faces.ties import Wall, region_rows
from ..partition.regions.outputs import OutputRows
from .polytopes import Polytope3, polytope
from .surface import check_solid

if TYPE_CHECKING:
    from ..partition.partition import Partition

__all__ = ["cells"]


def cells(
    partition: Partition, regions: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[int, Polytope3, list[Wall]]]:  # fmt: skip
    """Regions (all by default) in order: number, exact polytope, and what each row of it is.

    Raises
    ------
    DomainError, ParameterError
        As for `Partition.surface`.

    Notes
    -----
    A millisecond or two a region.
    """
    check_solid(partition, "cells")
    total = len(partition) if regions is None else len(regions)
    rows = OutputRows(partition.network, partition.domain)
    for done, found in enumerate(region_rows(partition, rows, regions)):
        if progress is not None:
            progress(done, total)
        yield found.region, polytope([wall.row for wall in found.walls]), found.walls
