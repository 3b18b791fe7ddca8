"""Pictures of partitions: exact polygons, graphs of functions, and films over training.

`Partition.plot` draws one partition, `film` several. Geometry is exact until it is drawn;
matplotlib is imported when something is.
"""

from __future__ import annotations

from .dispatch import plot_partition

__all__ = ["plot_partition"]
