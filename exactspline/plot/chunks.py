"""Polygons without number as pixels: drawn some thousands at a time, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import allow_rasterization
from matplotlib.collections import Collection, PolyCollection

if TYPE_CHECKING:
    from .cells import Cells

__all__ = ["PolygonsInChunks"]


class PolygonsInChunks(Collection):
    """The polygons of cells, as a collection that keeps no paths.

    Parameters
    ----------
    cells : Cells
    chunk : int
        How many are drawn at once.
    look : dict
        As `PolyCollection` takes it.
    """

    def __init__(self, cells: Cells, chunk: int, look: dict[str, Any]) -> None:
        super().__init__(**look)
        self._cells, self._chunk, self._look = cells, chunk, look
        self.set_rasterized(True)

    @allow_rasterization
    def draw(self, renderer: Any) -> None:
        """Draw all of them."""
        if not self.get_visible():
            return
        self.update_scalarmappable()
        colours, start = self.get_facecolor(), self._cells.start
        for first in range(0, len(self._cells), self._chunk):
            last = min(first + self._chunk, len(self._cells))
            corners = self._cells.xy[start[first] : start[last]]
            polygons = np.split(corners, start[first + 1 : last] - start[first])
            part = PolyCollection(polygons, facecolors=colours[first:last], **self._look)
            part.set_figure(self.get_figure())
            part.axes = self.axes
            part.set_transform(self.axes.transData)
            part.set_clip_path(self.axes.patch)
            part.draw(renderer)
        self.stale = False
