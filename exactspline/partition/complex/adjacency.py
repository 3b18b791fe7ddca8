"""Which faces are adjacent, read off a complex: what merging asks of a partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ..graph.linear import RegionGroups, linear_regions

if TYPE_CHECKING:
    from ..graph.adjacent import AdjacentRegions
    from ..graph.mapped import MappedRegions
    from .geometry import Geometry

__all__ = ["linear_groups"]


@dataclass
class _Pairs:
    source: np.ndarray
    target: np.ndarray


@dataclass
class _Adjacent:
    """A partition as `linear_regions` reads it, with the complex's edges."""

    edges: _Pairs
    complete: bool
    size: int

    def __len__(self) -> int:
        return self.size


def linear_groups(geometry: Geometry) -> RegionGroups:
    """The connected linear regions, without a search for the partition's edges."""
    columns, partition = geometry.columns, cast("MappedRegions", geometry.partition)
    inner = columns.right >= 0
    left = np.searchsorted(columns.start, columns.half[inner], side="right") - 1
    adjacent = _Adjacent(
        _Pairs(left.astype(np.int32), columns.right[inner]), partition.complete, len(partition)
    )
    return linear_regions(
        cast("AdjacentRegions", adjacent), partition._equality, partition._fingerprints
    )
