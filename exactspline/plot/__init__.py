"""Pictures of partitions: exact polygons, graphs of functions, and films over training.

`Partition.plot` draws one partition, `film` several. Geometry is exact until it is drawn;
matplotlib is imported when something is.
"""

from __future__ import annotations

from .cells import Cells
from .dispatch import plot_partition
from .film import Film, film
from .picture import Picture
from .solid import SolidPicture, plot_3d, plot_mesh
from .templates import plot_templates
from .window import Window

__all__ = [
    "Cells",
    "Film",
    "Picture",
    "SolidPicture",
    "Window",
    "film",
    "plot_3d",
    "plot_mesh",
    "plot_partition",
    "plot_templates",
]
