"""What lies over the regions: boundary, graph, a unit's bent line, witnesses, points, labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError, ShapeError
from ..texts import plain
from .effects import add_lines, cased
from .library import require_matplotlib
from .names import unit_number
from .palette import LINES

if TYPE_CHECKING:
    from ..partition.partition import Partition
    from .cells import Cells
    from .keys import Keys
    from .options import Options
    from .picture import Picture

__all__ = ["draw_overlays", "draw_points", "size_in_points"]

_GRAPH, _BENT = "#005a8c", ("#009e73", "#b0307a", "#e69f00", "#56b4e9")
_LARGEST, _LEAST = 9.0, 3.0  # sizes of labels, in points
_MOST_LABELS = 3000
_THICK = 2.2  # of bent lines, in points


def size_in_points(ax: Any) -> tuple[float, float]:
    """How large the axes are drawn, about."""
    box = ax.get_window_extent()
    dpi = ax.get_figure().dpi
    return box.width / dpi * 72, box.height / dpi * 72


def draw_overlays(
    picture: Picture, partition: Partition, cells: Cells, options: Options, unit: float, keys: Keys
) -> None:
    """All that is asked for, with its keys for the legend."""
    if options.graph:
        _draw_graph(picture, cells, unit, keys)
    if options.highlight is not None:
        _draw_bent(picture, partition, cells, options.highlight, keys)
    if options.boundary:
        from .boundary import draw_boundary

        draw_boundary(picture, partition, cells, keys)
    if options.witnesses:
        own = partition.witnesses[cells.region]
        _scatter(picture, "witnesses", own, {"color": "black", "marker": ".", "s": 8}, keys)
    if options.points is not None:
        draw_points(picture, options.points, 2, keys)
    if not isinstance(options.labels, str) or options.labels != "none":
        _draw_labels(picture, partition, cells, options.labels)


def _draw_graph(picture: Picture, cells: Cells, unit: float, keys: Keys) -> None:
    """The adjacency graph: from centroid to centroid through the middle of the shared edge."""
    number = np.full(int(cells.region.max(initial=-1)) + 1, -1)
    number[cells.region] = np.arange(len(cells))
    both = np.flatnonzero(cells.right >= 0)
    left, right = number[cells.left[both]], np.full(len(both), -1)
    known = cells.right[both] < len(number)
    right[known] = number[cells.right[both][known]]
    both, left, right = (v[(left >= 0) & (right >= 0)] for v in (both, left, right))
    middle = cells.segments[both].mean(axis=1)
    paths = np.stack([cells.centroids[left], middle, cells.centroids[right]], axis=1)
    width = min(0.9, 1.5 * unit)
    add_lines(picture, "graph", paths, colors=_GRAPH, linewidths=width, zorder=3)
    size = min(14.0, (8 * unit) ** 2)
    picture.artists["nodes"] = picture.ax.scatter(
        *cells.centroids.T, s=size, color=_GRAPH, linewidths=0, zorder=3
    )
    line = require_matplotlib().lines.Line2D
    shown = line([], [], color=_GRAPH, marker="o", markersize=3, linewidth=0.9)
    keys.append((shown, "adjacency"))


def _draw_bent(
    picture: Picture, partition: Partition, cells: Cells, units: Any, keys: Keys
) -> None:
    """The bent lines of some units: where their pieces change."""
    several = isinstance(units, Sequence | np.ndarray) and not isinstance(units, str)
    for i, given in enumerate(units if several else [units]):
        unit = unit_number(partition.network, given)
        piece = np.concatenate([codes[:, unit] for codes in partition.iter_codes()])
        known = cells.right >= 0
        change = cells.unit == unit
        change[known] = piece[cells.left[known]] != piece[cells.right[known]]
        colour = _BENT[i % len(_BENT)]
        look = {"colors": colour, "linewidths": _THICK, "zorder": 4}
        add_lines(picture, f"unit {unit}", cells.segments[change], case=True, **look)
        shown = require_matplotlib().lines.Line2D([], [], color=colour, linewidth=_THICK)
        keys.append((shown, f"unit {partition.network.unit_name(unit)}"))
        if not change.any():
            picture.notes.append(f"unit {unit} does not bend in the window")


def draw_points(picture: Picture, given: Any, dim: int, keys: Keys) -> None:
    """Sample points, in the domain's coordinates; with a second array, one marker a class."""
    points, classes = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    points = np.asarray(points, dtype=np.float64)
    if dim == 1 and points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != dim or not np.isfinite(points).all():
        raise ShapeError(
            f"points: an array of shape {points.shape}; give finite numbers of shape (n, {dim}), "
            "in the domain's coordinates (the parameters of a slice)"
        )
    if classes is None:
        _scatter(picture, "points", points, {"color": "black", "marker": "x", "s": 14}, keys)
        return
    labels = np.asarray(classes)
    if labels.shape != (len(points),):
        raise ShapeError(f"points: {labels.shape} classes of {len(points):,} points")
    names = np.unique(labels)
    if len(names) > len(LINES):
        raise ParameterError(f"points: {len(names):,} classes; {len(LINES)} can be told apart")
    for i, name in enumerate(names):
        fill = "white" if i == 0 else LINES[i - 1]
        look = {
            "color": fill, "marker": "os^Dv<>P"[i], "s": 16, "edgecolors": "black",
            "linewidths": 0.6,
        }  # fmt: skip
        text = plain(str(name)) if labels.dtype.kind in "US" else f"class {name}"
        _scatter(picture, text, points[labels == name], look, keys)


def _scatter(
    picture: Picture, name: str, points: np.ndarray, look: dict[str, Any], keys: Keys
) -> None:
    limits = picture.ax.get_xlim(), picture.ax.get_ylim()
    columns = points.T if points.shape[1] == 2 else (points[:, 0], np.zeros(len(points)))
    if len(points) > 2000 and "edgecolors" not in look:
        look = {**look, "s": 2}
    dots = picture.ax.scatter(*columns, zorder=5, **look)
    picture.ax.set_xlim(limits[0])
    picture.ax.set_ylim(limits[1])
    picture.artists[name] = dots
    keys.append((dots, name))


def _draw_labels(picture: Picture, partition: Partition, cells: Cells, labels: Any) -> None:
    """A text in every polygon that has room for it."""
    texts = _texts(partition, labels)
    (x0, x1), (y0, y1) = cells.window.limits
    width, height = size_in_points(picture.ax)
    scale = np.array([width / (x1 - x0), height / (y1 - y0)])
    drawn, artists = 0, []
    reach = _inner_radii(cells, scale)
    order = np.argsort(-reach, kind="stable")[:_MOST_LABELS].tolist()
    for i in order:
        text = texts(int(cells.region[i]))
        lines = text.split("\n")
        across = max(len(lines), 0.62 * max(map(len, lines)))
        size = min(_LARGEST, 1.5 * float(reach[i]) / max(across, 1e-9))
        if size < _LEAST or not text:
            continue
        x, y = cells.centroids[i]
        artist = picture.ax.text(
            x, y, text, fontsize=size, ha="center", va="center", zorder=6, clip_on=True,
            parse_math=False, usetex=False, path_effects=cased(),
        )  # fmt: skip
        artists.append(artist)
        drawn += 1
    picture.artists["labels"] = artists
    if drawn < len(cells):
        picture.notes.append(f"{drawn:,} of {len(cells):,} regions have room for a label")


def _inner_radii(cells: Cells, scale: np.ndarray) -> np.ndarray:
    """About how large a circle fits into every polygon, in points."""
    if not len(cells):
        return np.zeros(0)
    xy, start = cells.xy * scale, cells.start
    follow = np.arange(1, len(xy) + 1)
    follow[start[1:] - 1] = start[:-1]
    lengths = np.linalg.norm(xy[follow] - xy, axis=1)
    around = np.add.reduceat(lengths, start[:-1])
    return np.asarray(2 * cells.areas * scale.prod() / np.maximum(around, 1e-300))


def _texts(partition: Partition, labels: Any) -> Any:
    """The label of a region, as a function of its number."""
    if isinstance(labels, str):
        if labels == "region":
            return str
        starts = partition.network.program.unit_start.tolist()

        def code(region: int) -> str:
            digits = partition.code(region).tolist()
            rows = [digits[a:b] for a, b in pairwise(starts)]
            short = all(v < 10 for v in digits)
            return "\n".join(("" if short else " ").join(map(str, row)) for row in rows if row)

        return code
    given = list(labels)
    if len(given) != len(partition):
        raise ShapeError(
            f"labels: {len(given):,} texts; give one for each of the {len(partition):,} regions"
        )
    return lambda region: "\n".join(plain(line) for line in str(given[region]).split("\n"))
