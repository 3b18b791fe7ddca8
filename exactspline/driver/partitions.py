"""Searches whose regions are kept: in memory, or in a store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..clock import Clock
from ..interrupts import uninterrupted
from ..partition.partition import Partition
from .driver import Driver
from .request import Request
from .watching import Watch

if TYPE_CHECKING:
    from ..search.decisions import Batch
    from .outcome import Outcome

__all__ = ["enumerated", "search_into"]


def search_into(partition: Partition, driver: Driver, **options: Any) -> Outcome:
    """Go through a search and take its regions into an empty partition.

    Parameters
    ----------
    partition : Partition
    driver : Driver
    **options
        For `Driver.go`.
    """

    def take(batch: Batch) -> None:
        with uninterrupted():  # a region is in all columns or in none
            partition._append(batch)

    outcome = driver.go(take, **options)
    with uninterrupted():
        partition._finish()
    kept = driver.request.store is None  # else they are in the file
    if kept and outcome.complete and len(partition) != outcome.regions:  # an interrupt came between
        driver.has_lost()
        outcome.stop = driver.stop
    outcome.regions = len(partition) if kept else outcome.regions
    partition.complete, partition.stopped = outcome.complete, outcome.stop
    partition.seconds, partition.engine = outcome.seconds, outcome.engine
    partition.decisions = outcome.decisions
    return outcome


def enumerated(request: Request, clock: Clock, progress: Watch = None) -> Partition:
    """The partition that a request asks for; as much of it as the clock allows."""
    driver = Driver(request, clock)
    partition = Partition(request.network, request.domain)
    outcome = search_into(partition, driver, progress=progress)
    if request.store is not None and os.path.exists(request.store):
        from ..store import open_partition

        partition = open_partition(request.store)
        partition.stopped = None if partition.complete else outcome.stop
    return partition
