"""Pictures of one-dimensional domains: the graph of f, and where it bends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ..partition.faces.boundary import decision_boundary
from ..rationals import nearest_float
from .boundary import COLOUR
from .colours import check_values, colours_of, outputs_at, paint
from .effects import add_lines
from .keys import Keys, add_legend, add_scale
from .library import require_matplotlib
from .names import axis_names, plain_text
from .overlays import draw_points
from .palette import LINES
from .picture import Picture
from .ties import regions_with_ties
from .window import Window, around, check_reached, read_window

if TYPE_CHECKING:
    from ..partition.partition import Partition
    from .options import Options

__all__ = ["draw_line", "line_window"]

_MOST_OUTPUTS = len(LINES)
_EXACT = 400  # intervals whose values are computed exactly
_AGREE = 1e-7  # of the values' range: how far maps in float64 may differ where they meet


@dataclass
class _Intervals:
    """The regions inside a window, from left to right where they are all known."""

    region: list[int]
    low: list[Fraction]
    high: list[Fraction]
    breaks: list[tuple[Fraction, int]]  # inside the window, with the first unit that changes


def line_window(partition: Partition, given: Any) -> Window:
    """The window of a picture: as it is given, the domain, or what shows every breakpoint."""
    return _window(partition, given, [at for at, _ in _bounds(partition)[1]])


def draw_line(partition: Partition, ax: Any, window: Any, options: Options) -> Picture:
    """Draw the graph of the outputs over a line; see `Partition.plot`."""
    bounds, breaks = _bounds(partition)
    shown = _window(partition, window, [at for at, _ in breaks])
    cut = _cut(bounds, breaks, shown)
    check_reached(partition, len(cut.region), shown)
    picture = Picture(ax, shown)
    numbers = _outputs(partition, options.outputs, picture)
    values = _values(partition, cut, numbers)
    check_values(values, "plot: f")
    (x0, x1), keys = shown.limits[0], Keys()
    ends = np.array([cut.low, cut.high], dtype=np.float64).T.reshape(-1, 2)
    ax.set_xlim(x0, x1)
    _limits(ax, values)
    middle = ends.mean(axis=1)[:, None]
    colours = colours_of(partition, options.color, np.array(cut.region, dtype=np.int64), middle)
    corners = [[(a, 0), (b, 0), (b, 1), (a, 1)] for a, b in ends.tolist()]
    kind = require_matplotlib().collections.PolyCollection
    bands = kind(corners, transform=ax.get_xaxis_transform(), linewidths=0, zorder=0)
    bands.set_alpha(0.6)
    paint(bands, colours)
    if colours.rgba is None and options.legend:
        add_scale(picture, bands, colours.label)
    ax.add_collection(bands, autolim=False)
    picture.artists["regions"] = bands
    if options.edges != "none":
        _draw_breaks(picture, partition, cut, options, keys)
    for i, number in enumerate(numbers):
        pieces = np.stack([ends, values[:, :, i]], axis=2)
        look: dict[str, Any] = {"colors": LINES[i], "linewidths": 1.8, "zorder": 3}
        add_lines(picture, f"output {number}", pieces, **look)
        if len(numbers) > 1:
            shown = require_matplotlib().lines.Line2D([], [], color=LINES[i], linewidth=1.8)
            keys.insert(i, (shown, f"output {number}"))
    _draw_more(picture, partition, cut, options, keys)
    plain_text(ax.xaxis.label).set_text(axis_names(partition)[0])
    plain_text(ax.yaxis.label).set_text("f" if len(numbers) != 1 else f"output {numbers[0]}")
    if options.legend:
        add_legend(picture, keys)
    return picture


def _bounds(
    partition: Partition,
) -> tuple[list[tuple[Fraction | None, Fraction | None]], list[tuple[Fraction, int]]]:
    """The ends of every region, and the points where regions meet, with a unit that changes."""
    if not partition.complete:
        return _bounds_of_regions(partition)
    found: Any = partition.complex()  # of a line
    corners, edges = found.corners, found.edges
    exact = [corners.exact(i) for i in range(len(corners))]
    bounds = [
        (None if a < 0 else exact[a], None if b < 0 else exact[b])
        for a, b in zip(edges.tail.tolist(), edges.head.tolist(), strict=True)
    ]
    units = corners.unit.tolist()
    return bounds, [(at, unit) for at, unit in zip(exact, units, strict=True) if unit >= 0]


def _bounds_of_regions(
    partition: Partition,
) -> tuple[list[tuple[Fraction | None, Fraction | None]], list[tuple[Fraction, int]]]:
    """The same region by region: for a search that was stopped."""
    bounds, breaks = [], {}
    for region in partition:
        low: Fraction | None = None
        high: Fraction | None = None
        for inequality in region.inequalities():
            (slope,) = inequality.coefficients
            at = -inequality.constant / slope
            low, high = (at, high) if slope > 0 else (low, at)
            if inequality.unit is not None:
                breaks[at] = inequality.unit
        bounds.append((low, high))
    return bounds, sorted(breaks.items())


def _window(partition: Partition, given: Any, breaks: list[Fraction]) -> Window:
    if isinstance(given, Window):
        return given
    if given is not None:
        return read_window(given, 1)
    chart = partition.domain.chart
    if chart.low[0] is not None and chart.high[0] is not None:
        return read_window((chart.low, chart.high), 1)
    near = [nearest_float(v) for v in breaks]
    note = f"chosen to show all {len(near):,} breakpoints"
    if not near:
        near, note = [nearest_float(chart.interior[0])], "chosen freely: f has no breakpoints"
    return around([([v], [v]) for v in near], chart, note)


def _cut(
    bounds: list[tuple[Fraction | None, Fraction | None]], breaks: list[tuple[Fraction, int]],
    window: Window,
) -> _Intervals:  # fmt: skip
    first, last = window.low[0], window.high[0]
    out = _Intervals([], [], [], [(at, unit) for at, unit in breaks if first <= at <= last])
    ends = [
        (first if a is None else max(a, first), last if b is None else min(b, last), i)
        for i, (a, b) in enumerate(bounds)
    ]
    for a, b, i in sorted(ends):
        if a < b:
            out.region.append(i)
            out.low.append(a)
            out.high.append(b)
    return out


def _outputs(partition: Partition, given: Any, picture: Picture) -> list[int]:
    """Which outputs are drawn."""
    count = len(partition.network.program.output)
    if given is None:
        if count > _MOST_OUTPUTS:
            picture.notes.append(f"the first {_MOST_OUTPUTS} of {count:,} outputs; see outputs=")
        return list(range(min(count, _MOST_OUTPUTS)))
    several = isinstance(given, Sequence | np.ndarray) and not isinstance(given, str)
    numbers = list(given) if several else [given]
    wrong = [
        v for v in numbers
        if not isinstance(v, int | np.integer) or isinstance(v, bool) or not 0 <= v < count
    ]  # fmt: skip
    if wrong or not numbers or len(numbers) > _MOST_OUTPUTS:
        raise ParameterError(
            f"outputs: {str(given)[:40]}; give up to {_MOST_OUTPUTS} numbers from 0 to {count - 1}"
        )
    return [int(v) for v in numbers]


def _values(partition: Partition, cut: _Intervals, numbers: list[int]) -> np.ndarray:
    """The outputs at both ends of every interval, shape (intervals, 2, outputs).

    Exactly, and rounded once, for a few hundred intervals. For more, in float64: neighbours must
    agree where they meet, since f is continuous; those that do not are computed exactly.
    """
    n = len(cut.region)
    out = np.empty((n, 2, len(numbers)))
    which = list(range(n))
    if n > _EXACT:
        region = np.array(cut.region)
        for side, ends in enumerate((cut.low, cut.high)):
            near = np.array(ends, dtype=np.float64)[:, None]
            out[:, side] = outputs_at(partition, region, near)[:, numbers]
        room = _AGREE * float(np.nan_to_num(np.ptp(out)) or 1.0)
        jump = np.abs(out[1:, 0] - out[:-1, 1]).max(axis=1)
        odd = ~(jump <= room) & (np.array(cut.high[:-1]) == np.array(cut.low[1:]))
        which = sorted({*np.flatnonzero(odd).tolist(), *(np.flatnonzero(odd) + 1).tolist()})
    for i in which:
        slope, offset = partition[cut.region[i]].affine(exact=True)
        for side, at in enumerate((cut.low[i], cut.high[i])):
            point = partition.domain.chart.lift([at])
            for k, number in enumerate(numbers):
                terms = (a * v for a, v in zip(slope[number], point, strict=True) if a)
                out[i, side, k] = nearest_float(sum(terms, Fraction(offset[number])))
    return out


def _limits(ax: Any, values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    room = 0.06 * (high - low) or max(1.0, abs(low) / 10)
    ax.set_ylim(low - room, high + room)


def _draw_breaks(
    picture: Picture, partition: Partition, cut: _Intervals, options: Options, keys: Keys
) -> None:
    """A line where f may bend: those of the first layer thick."""
    from .plane import line_of

    starts = partition.network.program.unit_start
    layer = np.searchsorted(starts, [unit for _, unit in cut.breaks], side="right") - 1
    at = np.array([float(v) for v, _ in cut.breaks])
    width = float(np.clip(40 / max(1, len(at)), 0.1, 0.6))
    for number in np.unique(layer).tolist():
        size, colour = line_of(number, width)
        colour = "0.35" if options.edges == "plain" else colour
        lines = picture.ax.vlines(
            at[layer == number], 0, 1, transform=picture.ax.get_xaxis_transform(), colors=colour,
            linewidths=size, linestyles="-", zorder=1,
        )  # fmt: skip
        name = f"layer {number + 1}"
        picture.artists[name] = lines
        if options.edges == "layer" and len(np.unique(layer)) > 1:
            shown = require_matplotlib().lines.Line2D([], [], color=colour, linewidth=size)
            keys.append((shown, f"{name} bends"))


def _draw_more(
    picture: Picture, partition: Partition, cut: _Intervals, options: Options, keys: Keys
) -> None:
    if options.boundary:
        ends = np.array([cut.low, cut.high], dtype=np.float64).T.reshape(-1, 1)
        start = np.arange(0, len(ends) + 1, 2)
        off = np.array([2.0**-51 * np.abs(picture.window.limits).max()])
        regions = regions_with_ties(partition, np.array(cut.region), start, ends, off)
        boundary = decision_boundary(partition, regions.tolist())
        at = sorted(
            v
            for n in range(len(boundary))
            if int(boundary.dim[n]) == 0
            for v in boundary.witness(n)
        )
        inside = [float(v) for v in at if picture.window.low[0] <= v <= picture.window.high[0]]
        lines = picture.ax.vlines(
            inside, 0, 1, transform=picture.ax.get_xaxis_transform(), colors=COLOUR,
            linestyles="--", linewidths=1.8, zorder=2,
        )  # fmt: skip
        picture.artists["boundary"] = lines
        keys.append((lines, "decision boundary"))
    if options.witnesses:
        own = partition.witnesses[cut.region]
        draw_points(picture, own, 1, keys)
    if options.points is not None:
        draw_points(picture, options.points, 1, keys)
