"""Pictures of two-dimensional domains: exact polygons, edges by layer, and what lies over them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import LimitError
from .colours import Colours, paint
from .effects import add_lines
from .keys import Keys, add_legend, add_scale
from .library import require_matplotlib
from .names import axis_names, plain_text
from .overlays import draw_overlays, size_in_points
from .palette import LINES
from .picture import Picture

if TYPE_CHECKING:
    from ..partition.partition import Partition
    from .cells import Cells
    from .options import Options

__all__ = ["EQUAL", "check_size", "draw_plane", "line_of"]

EQUAL = (0.4, 3.0)  # width by height: in between, both axes have one scale
MOST_POLYGONS = 400_000  # that matplotlib takes in at once: some gigabyte
_OWN = 5  # colours of layers; deeper ones have the first again


def check_size(cells: Cells, options: Options) -> None:
    """Refuse more polygons than matplotlib takes in.

    Raises
    ------
    LimitError
    """
    if len(cells) > MOST_POLYGONS and not options.rasterised:
        raise LimitError(
            f"plot: {len(cells):,} polygons, over the limit of {MOST_POLYGONS:,}; take a smaller "
            "window, rasterised=True (--rasterised: drawn as pixels, in bounded memory), or walk "
            "through them in the browser: partition.explore()"
        )


def draw_plane(
    partition: Partition, cells: Cells, colours: Colours, ax: Any, options: Options
) -> Picture:
    """Draw the cells of a partition; see `Partition.plot`."""
    picture = Picture(ax, cells.window, cells)
    (x0, x1), (y0, y1) = cells.window.limits
    ax.set_xlim(x0, x1)
    ax.set_ylim(y0, y1)
    wide = (x1 - x0) / (y1 - y0)
    ax.set_aspect("equal" if EQUAL[0] <= wide <= EQUAL[1] else "auto")
    for name, axis in zip(axis_names(partition), (ax.xaxis, ax.yaxis), strict=True):
        plain_text(axis.label).set_text(name)
    width, height = size_in_points(ax)
    # lines take the same share of the picture, however many there are
    unit = float(np.clip(0.05 * math.sqrt(width * height / max(1, len(cells))), 0.03, 0.8))
    keys: Keys = []
    _draw_regions(picture, cells, colours, options, unit)
    _draw_edges(picture, cells, options, unit, keys)
    draw_overlays(picture, partition, cells, options, unit, keys)
    _draw_keys(picture, colours, keys, options)
    return picture


def _draw_regions(
    picture: Picture, cells: Cells, colours: Colours, options: Options, unit: float
) -> None:
    # sides in the colour of the face: no seams where two of them meet
    look = {"linewidths": min(0.4, unit), "edgecolors": "face", "zorder": 1}
    regions: Any = None
    if options.rasterised:
        from .chunks import CHUNK, PolygonsInChunks

        if len(cells) > CHUNK:
            regions = PolygonsInChunks(cells, **look)
    if regions is None:
        kind = require_matplotlib().collections.PolyCollection
        regions = kind(cells.polygons(), rasterized=options.rasterised, **look)
    picture.ax.add_collection(regions, autolim=False)
    paint(regions, colours)
    picture.artists["regions"] = regions


def _draw_edges(picture: Picture, cells: Cells, options: Options, unit: float, keys: Keys) -> None:
    """The edges: those of the first layer thick, those of deeper ones thinner."""
    look: dict[str, Any] = {"zorder": 2, "rasterized": options.rasterised}
    if options.edges == "plain":
        add_lines(picture, "edges", cells.segments, colors="0.25", linewidths=unit, **look)
    if options.edges != "layer":
        return
    layers = [int(v) for v in np.unique(cells.layer[cells.layer >= 0])]
    for layer in reversed(layers):  # the first one on top
        width, colour = line_of(layer, unit)
        own, name = cells.segments[cells.layer == layer], f"layer {layer + 1}"
        add_lines(picture, name, own, colors=colour, linewidths=width, **look)
        if len(layers) > 1:
            shown = {"color": colour, "linewidth": max(width, 0.8 * 0.7**layer)}
            keys.insert(0, (require_matplotlib().lines.Line2D([], [], **shown), name))


def line_of(layer: int, unit: float) -> tuple[float, str]:
    """The width and the colour of a layer's lines.

    Examples
    --------
    >>> line_of(0, 1.0)
    (2.0, '#000000')
    """
    return unit * max(0.4, 2.0 * 0.6**layer), LINES[layer % _OWN]


def _draw_keys(picture: Picture, colours: Colours, keys: Keys, options: Options) -> None:
    """The scale of the colours, and the legend."""
    if not options.legend:
        return
    if colours.rgba is None:
        add_scale(picture, picture.artists["regions"], colours.label)
    if colours.keys:
        patch = require_matplotlib().patches.Patch
        keys = [*((patch(facecolor=c, edgecolor="0.5"), text) for c, text in colours.keys), *keys]
    add_legend(picture, keys)
