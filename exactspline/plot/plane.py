"""Pictures of two-dimensional domains: exact polygons, edges by layer, and what lies over them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import LimitError
from .colours import Colours, colours_of
from .keys import Keys, add_legend, add_scale
from .names import axis_names, plain_text
from .overlays import draw_overlays, size_in_points
from .palette import LINES, SCALE
from .picture import Picture

if TYPE_CHECKING:
    from ..partition.partition import Partition
    from .cells import Cells
    from .options import Options

__all__ = ["draw_plane"]

MOST_POLYGONS = 400_000  # that matplotlib takes in at once: some gigabyte
_CHUNK = 20_000
_OWN = 5  # colours of layers; deeper ones have the first again


def draw_plane(partition: Partition, cells: Cells, ax: Any, options: Options) -> Picture:
    """Draw the cells of a partition; see `Partition.plot`."""
    if len(cells) > MOST_POLYGONS and not options.rasterised:
        raise LimitError(
            f"plot: {len(cells):,} polygons, over the limit of {MOST_POLYGONS:,}; take a smaller "
            "window, rasterised=True (drawn as pixels, in bounded memory), or walk through them "
            "in the browser: partition.explore()"
        )
    colours = colours_of(partition, options.color, cells.region, cells.centroids)
    picture = Picture(ax, cells.window, cells)
    (x0, x1), (y0, y1) = cells.window.limits
    ax.set_xlim(x0, x1)
    ax.set_ylim(y0, y1)
    wide = (x1 - x0) / (y1 - y0)
    ax.set_aspect("equal" if 1 / 3 <= wide <= 3 else "auto")
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
    from matplotlib.collections import PolyCollection

    # sides in the colour of the face: no seams where two of them meet
    look = {"linewidths": min(0.4, unit), "edgecolors": "face", "zorder": 1}
    if len(cells) > _CHUNK and options.rasterised:
        from .chunks import PolygonsInChunks

        regions = PolygonsInChunks(cells, _CHUNK, look)
        picture.ax.add_artist(regions)
    else:
        regions = PolyCollection(cells.polygons(), rasterized=options.rasterised, **look)
        picture.ax.add_collection(regions, autolim=False)
    if colours.rgba is not None:
        regions.set_facecolor(colours.rgba)
    else:
        regions.set_cmap(SCALE)
        regions.set_array(np.ma.masked_invalid(colours.values))
        regions.autoscale_None()
    picture.artists["regions"] = regions


def _draw_edges(picture: Picture, cells: Cells, options: Options, unit: float, keys: Keys) -> None:
    """The edges: those of the first layer thick, those of deeper ones thinner."""
    if options.edges == "none":
        return
    if options.edges == "plain":
        _add_lines(picture, "edges", cells.segments, "0.25", unit, options)
        return
    layers = [int(v) for v in np.unique(cells.layer[cells.layer >= 0])]
    for layer in reversed(layers):  # the first one on top
        width, colour = line_of(layer, unit)
        own = cells.segments[cells.layer == layer]
        name = f"layer {layer + 1}"
        lines = _add_lines(picture, name, own, colour, width, options)
        if len(layers) > 1:
            from matplotlib.lines import Line2D

            shown = Line2D([], [], color=colour, linewidth=max(width, 0.8 * 0.7**layer))
            keys.insert(0, (shown, name))
        lines.set_label(name)


def line_of(layer: int, unit: float) -> tuple[float, str]:
    """The width and the colour of a layer's lines.

    Examples
    --------
    >>> line_of(0, 1.0)
    (2.0, '#000000')
    """
    return unit * max(0.4, 2.0 * 0.6**layer), LINES[layer % _OWN]


def _add_lines(
    picture: Picture, name: str, segments: np.ndarray, colour: str, width: float, options: Options
) -> Any:
    from matplotlib.collections import LineCollection

    lines = LineCollection(
        segments, colors=colour, linewidths=width, zorder=2, capstyle="round",
        rasterized=options.rasterised,
    )  # fmt: skip
    picture.ax.add_collection(lines, autolim=False)
    picture.artists[name] = lines
    return lines


def _draw_keys(picture: Picture, colours: Colours, keys: Keys, options: Options) -> None:
    """The scale of the colours, and the legend."""
    if not options.legend:
        return
    if colours.rgba is None:
        add_scale(picture, picture.artists["regions"], colours.label)
    if colours.keys:
        from matplotlib.patches import Patch

        keys = [*((Patch(facecolor=c, edgecolor="0.5"), text) for c, text in colours.keys), *keys]
    add_legend(picture, keys)
