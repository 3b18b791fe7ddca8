"""One picture of a film: the partition, and below it the curves over training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .colours import colours_of
from .dispatch import cells_of
from .library import require_matplotlib
from .line import draw_line
from .names import plain_text
from .plane import draw_plane

if TYPE_CHECKING:
    from .strip import Strip

__all__ = ["draw_counts", "draw_frame"]

_SIZE = (6.4, 7.2)  # inches
_COUNT, _SLOPE, _BAND, _NOW = "#0072b2", "#009e73", "#c8eadf", "#d55e00"


def draw_frame(film: Strip, i: int) -> Any:
    """Picture i of a film as a figure. All have their axes in the same places."""
    figure = require_matplotlib().figure.Figure(figsize=_SIZE)
    grid = figure.add_gridspec(
        2, 2, left=0.1, right=0.86, bottom=0.08, top=0.94, hspace=0.42, wspace=0.35,
        height_ratios=(3.2, 1),
    )  # fmt: skip
    ax = figure.add_subplot(grid[0, :])
    partition = film.partitions[i]
    if film.flat:
        picture = draw_line(partition, ax, film.window, film.options)
    else:
        cells = cells_of(partition, film.window)
        colours = colours_of(partition, film.options.color, cells.region, cells.centroids)
        picture = draw_plane(partition, cells, colours, ax, film.options)
        if film.scale is not None:
            picture.artists["regions"].set_clim(*film.scale)
    plain_text(ax.set_title(film.title(i), fontsize="medium"))
    draw_counts(film, figure.add_subplot(grid[1, 0]), i)
    _draw_slopes(film, figure.add_subplot(grid[1, 1]), i)
    return figure


def draw_counts(film: Strip, ax: Any, now: int | None = None) -> None:
    """The number of regions against the epoch; a dot where the film is."""
    at = _places(film, ax)
    ax.plot(at, film.counts, color=_COUNT, marker=".", markersize=4, linewidth=1.5)
    if now is not None:
        ax.plot(at[now], film.counts[now], "o", color=_NOW, markersize=7, zorder=3)
    ax.set_ylim(bottom=0, top=1.1 * float(film.counts.max()))
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel("regions")
    ax.grid(alpha=0.3)


def _draw_slopes(film: Strip, ax: Any, now: int) -> None:
    """Median slopes against the epoch, over a band from the least to the greatest."""
    at = _places(film, ax)
    low, middle, high = film.slopes.T
    ax.fill_between(at, low, high, color=_BAND, linewidth=0)
    ax.plot(at, middle, color=_SLOPE, marker=".", markersize=4, linewidth=1.5)
    ax.plot([at[now]] * 3, film.slopes[now], "-", color=_NOW, linewidth=1.5, zorder=3)
    ax.plot(at[now], middle[now], "o", color=_NOW, markersize=7, zorder=3)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("median slope")
    ax.grid(alpha=0.3)


def _places(film: Strip, ax: Any) -> np.ndarray:
    """Where the networks stand on the axis of epochs."""
    numbers = [e for e in film.epochs if not isinstance(e, str)]
    ax.set_xlabel("epoch")
    if len(numbers) == len(film) and all(np.diff(numbers) > 0):
        whole = all(float(e).is_integer() for e in numbers)
        ax.xaxis.get_major_locator().set_params(integer=whole)
        return np.array(numbers, dtype=np.float64)
    places = np.arange(len(film))
    shown = places[:: max(1, -(-len(places) // 5))]
    ax.set_xticks(shown, [str(film.epochs[i])[:12] for i in shown.tolist()], parse_math=False)
    ax.set_xlabel("")
    return places
