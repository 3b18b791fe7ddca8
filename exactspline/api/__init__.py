"""The public functions: they wire network, domain, search and partition together."""

from __future__ import annotations

from ..driver.outcome import RegionCount
from ..driver.stream import RegionStream
from .exploring import explore
from .reading import approximate, from_sklearn, from_torch, load, open_partition
from .searching import count_regions, enumerate_regions, regions_at, stream_regions

__all__ = [
    "RegionCount",
    "RegionStream",
    "approximate",
    "count_regions",
    "enumerate_regions",
    "explore",
    "from_sklearn",
    "from_torch",
    "load",
    "open_partition",
    "regions_at",
    "stream_regions",
]
