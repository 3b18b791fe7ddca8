"""Which picture a partition gets: by the dimension of its domain."""

from __future__ import annotations

import textwrap
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..domain import Box
from ..errors import DomainError, ParameterError
from ..mode import guarded
from ..rationals import nearest_float
from .colours import colours_of
from .library import new_axes, require_matplotlib
from .loose import cut_regions, feet_of_regions, foot, sides_of_regions
from .names import plain_text
from .options import EDGES, LABELS, Options, check_choice
from .plane import EQUAL, check_size, draw_plane
from .window import Window, around, check_reached, read_window

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network import Network
    from ..partition.complex.complex import Complex
    from ..partition.partition import Partition
    from .cells import Cells
    from .picture import Picture

__all__ = ["cells_of", "check_dimension", "describe", "options_of", "plot_partition"]


@guarded
def plot_partition(
    partition: Partition, ax: Any = None, window: Any = None, *, pyplot: bool = True, **given: Any
) -> Any:
    """Draw a partition; see `Partition.plot`.

    Without ``pyplot`` a new figure belongs to nobody but the picture.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2], [2, -1]], [0, 1]), es.ReLU()], (2,))
    >>> omega = es.enumerate_regions(net, es.Box(-1, 1, dim=2))
    >>> plot_partition(omega, pyplot=False)
    <Picture: 4 regions of [-1, 1]^2>
    """
    dim = partition.domain.chart.dim
    check_dimension(partition.network, partition.domain)
    if dim == 3:
        from .solid import plot_3d

        return plot_3d(partition, window=window, **given)
    require_matplotlib()
    options = options_of(given)
    if dim == 1:
        from .line import draw_line

        scale = options.color in ("slope", "active") or str(options.color).startswith("output")
        picture = draw_line(partition, _axes(ax, (5.6, 3.4), scale, pyplot), window, options)
    else:
        cells = cells_of(partition, window)
        check_size(cells, options)
        colours = colours_of(partition, options.color, cells.region, cells.centroids)
        scale = colours.rgba is None and options.legend
        ax = _axes(ax, _size(cells.window), scale, pyplot)
        picture = draw_plane(partition, cells, colours, ax, options)
    describe(picture, partition)
    return picture


def check_dimension(network: Network, domain: Domain) -> None:
    """Refuse a domain that has no picture.

    Raises
    ------
    DomainError
        In more than three dimensions, or none; with an example of a slice.
    """
    dim = domain.chart.dim
    if dim == 0:
        raise DomainError(
            "plot: the domain is a point; give one of one, two or three dimensions, or a slice"
        )
    if dim > 3:
        raise DomainError(
            f"plot: the domain has dimension {dim}, and pictures have up to 3: choose a slice, "
            "such as Slice.through(a, b, c) for three inputs a, b, c: "
            "enumerate_regions(network, Slice.through(a, b, c)).plot(); on the command line "
            "--slice a.npy b.npy c.npy"
        )


def cells_of(partition: Partition, window: Any = None) -> Cells:
    """The regions of a two-dimensional domain inside a window, which is chosen if none is given.

    Raises
    ------
    DomainError
        For a window that is none, or that the domain does not reach.
    """
    if partition.complete:
        found: Any = partition.complex()
        if found.dimension == 2 and not found.reduced:
            from .cut import cut_complex

            shown = _window(partition, found) if window is None else _given(window)
            return _some(partition, cut_complex(partition, found, shown))
    sides = sides_of_regions(partition)
    if window is None:
        feet = [[nearest_float(v) for v in point] for point in feet_of_regions(sides)]
        points = [(v, v) for v in [*feet, *partition.witnesses.tolist()]] if feet else []
        shown = _chosen(partition, points, "chosen to show every line")
    else:
        shown = _given(window)
    return _some(partition, cut_regions(partition, sides, shown))


def _given(window: Any) -> Window:
    return window if isinstance(window, Window) else read_window(window, 2)


def _some(partition: Partition, cells: Cells) -> Cells:
    check_reached(partition, len(cells), cells.window)
    return cells


def _window(partition: Partition, found: Complex) -> Window:
    """A window for a complex: the domain, or what shows every vertex."""
    xy, error = found.corners.xy, found.corners.error[:, None]
    points = []
    if len(xy):
        points = [((xy - error).min(axis=0).tolist(), (xy + error).max(axis=0).tolist())]
    note = (
        f"chosen to show all {len(xy):,} vertices" if len(xy) != 1 else "chosen around the vertex"
    )
    if not points:
        feet = [foot(found.edges.line(e)) for e in range(len(found.edges))]
        points = [([nearest_float(v) for v in p],) * 2 for p in feet]
        note = "chosen to show every line"
    shown = _chosen(partition, points, note)
    return replace(shown, hint=_hint(xy, shown)) if shown.note else shown


def _hint(xy: np.ndarray, shown: Window) -> str:
    """A smaller window, where a few vertices are so far away that the others are one dot."""
    if len(xy) < 10:
        return ""
    low, high = np.quantile(xy, [0.1, 0.9], axis=0)
    low, high = low - 0.2 * (high - low), high + 0.2 * (high - low)
    extents = [b - a for a, b in shown.limits]
    if not (np.all(high > low) and np.any(extents > 10 * (high - low))):
        return ""
    ends = [", ".join(f"{v:.2g}" for v in end) for end in (low, high)]
    return f"most of them are in window=([{ends[0]}], [{ends[1]}])"


def _chosen(partition: Partition, points: list[Any], note: str) -> Window:
    chart = partition.domain.chart
    bounded = all(v is not None for v in (*chart.low, *chart.high))
    if bounded:
        return read_window(Box(list(chart.low), list(chart.high)), 2)
    if not points:
        inside = [nearest_float(v) for v in chart.interior]
        points, note = [(inside, inside)], "chosen freely: there are no vertices"
    return around(points, chart, note)


def options_of(given: dict[str, Any]) -> Options:
    """The options of `Partition.plot`, checked."""
    given = dict(given)
    given["edges"] = check_choice("edges", given.get("edges", "layer"), EDGES)
    labels = given.get("labels", "none")
    if labels is None or isinstance(labels, bool | str):
        given["labels"] = check_choice("labels", labels, LABELS)
    unknown = sorted(set(given) - {f.name for f in fields(Options)})
    if unknown:
        raise ParameterError(
            f"plot: there is no option {unknown[0]!r} for pictures of one or two dimensions; see "
            "help(Partition.plot)"
        )
    return Options(**given)


def _size(window: Window) -> tuple[float, float]:
    """Inches of axes that have room for a window, and little else."""
    (x0, x1), (y0, y1) = window.limits
    wide = (x1 - x0) / (y1 - y0)
    if not EQUAL[0] <= wide <= EQUAL[1]:
        wide = 1.2  # drawn with two scales
    width = min(6.0, 5.2 * wide)
    return width, width / wide


def _axes(ax: Any, size: tuple[float, float], scale: bool, pyplot: bool) -> Any:
    if ax is None:
        return new_axes(size, (0.75, 0.95, 1.1 if scale else 0.25, 0.55), pyplot=pyplot)
    if not all(hasattr(ax, name) for name in ("add_collection", "set_xlim", "get_figure")):
        raise ParameterError(f"ax: {type(ax).__name__} is no matplotlib Axes")
    return ax


def describe(picture: Picture, partition: Partition) -> None:
    """What the picture says about itself, and the note on its window above it."""
    n = len(partition)
    kind = "regions" if n != 1 else "region"
    text = f"{n:,} {kind} of {partition.domain.describe()[:120]}"
    if not partition.complete:
        text = f"the first {text} (the search was stopped)"
        picture.notes.append("the search was stopped: regions are missing")
    elif picture.cells is not None and len(picture.cells) < n:
        text = f"{len(picture.cells):,} of {text}"
    picture.description = text
    said = "; ".join(text for text in (picture.window.note, picture.window.hint) if text)
    if said:
        picture.notes.insert(0, said)
    if not partition.complete:
        said = "; ".join(text for text in ("regions are missing", said) if text)
    if said:
        width = picture.ax.get_window_extent().width / picture.figure.dpi
        text = "\n".join(textwrap.wrap(said, max(20, int(13 * width))))
        title = picture.ax.set_title(text, fontsize="small", color="0.35", loc="left")
        plain_text(title)
