"""Polygons and lines without number as pixels: some thousands at a time, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import allow_rasterization
from matplotlib.collections import Collection, LineCollection, PolyCollection

if TYPE_CHECKING:
    from .cells import Cells

__all__ = ["CHUNK", "LinesInChunks", "PolygonsInChunks"]

CHUNK = 20_000  # that are drawn at once


class _InChunks(Collection):
    """A collection that keeps no paths: parts of it are made when it is drawn."""

    def __init__(self, **look: Any) -> None:
        super().__init__(**look)
        self._look = look
        self.set_rasterized(True)
        self.set_in_layout(False)  # it lies inside of the axes

    def _parts(self) -> Any:
        """The parts, one after the other, as collections."""
        raise NotImplementedError

    @allow_rasterization
    def draw(self, renderer: Any) -> None:
        """Draw all of them."""
        axes: Any = self.axes
        if not self.get_visible():
            return
        for part in self._parts():
            part.set_figure(axes.get_figure())
            part.axes = axes
            part.set_transform(axes.transData)
            part.set_clip_path(axes.patch)
            part.draw(renderer)
        self.stale = False


class PolygonsInChunks(_InChunks):
    """The polygons of cells; ``look`` as `PolyCollection` takes it."""

    def __init__(self, cells: Cells, **look: Any) -> None:
        super().__init__(**look)
        self._cells = cells

    def _parts(self) -> Any:
        self.update_scalarmappable()
        colours, start = self.get_facecolor(), self._cells.start
        for first in range(0, len(self._cells), CHUNK):
            last = min(first + CHUNK, len(self._cells))
            corners = self._cells.xy[start[first] : start[last]]
            polygons = np.split(corners, start[first + 1 : last] - start[first])
            yield PolyCollection(polygons, facecolors=colours[first:last], **self._look)


class LinesInChunks(_InChunks):
    """Segments, (n, 2, 2); ``look`` as `LineCollection` takes it."""

    def __init__(self, segments: np.ndarray, **look: Any) -> None:
        super().__init__(**{k: v for k, v in look.items() if k != "colors"})
        self._segments, self._look = segments, look

    def _parts(self) -> Any:
        for first in range(0, len(self._segments), CHUNK):
            lines: Any = self._segments[first : first + CHUNK]
            yield LineCollection(lines, **self._look)
