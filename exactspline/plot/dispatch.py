"""Which picture a partition gets: by the dimension of its domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..domain import Box
from ..errors import DomainError
from ..mode import guarded
from ..rationals import nearest_float
from .library import new_axes, require_matplotlib
from .loose import cut_regions, feet_of_regions, foot, sides_of_regions
from .options import EDGES, LABELS, Options, check_choice
from .window import Window, around, read_window

if TYPE_CHECKING:
    from ..partition.complex.complex import Complex
    from ..partition.partition import Partition
    from .cells import Cells
    from .picture import Picture

__all__ = ["plot_partition"]


@guarded
def plot_partition(partition: Partition, ax: Any = None, window: Any = None, **given: Any) -> Any:
    """Draw a partition; see `Partition.plot`."""
    dim = partition.domain.chart.dim
    if dim not in (1, 2, 3):
        raise DomainError(_no_picture(partition, dim))
    if dim == 3:
        from .solid import plot_3d

        return plot_3d(partition, window=window, **given)
    require_matplotlib()
    options = _options(given)
    if dim == 1:
        from .line import draw_line

        picture = draw_line(partition, _axes(ax, (6.4, 4.2)), window, options)
    else:
        from .plane import draw_plane

        cells = cells_of(partition, window)
        picture = draw_plane(partition, cells, _axes(ax, _size(cells.window)), options)
        if cells.window.note:
            picture.notes.insert(0, cells.window.note)
    _describe(picture, partition)
    return picture


def cells_of(partition: Partition, window: Any = None) -> Cells:
    """The regions of a two-dimensional domain inside a window, which is chosen if none is given.

    Raises
    ------
    DomainError
        For a window that is none, or that the domain does not reach.
    """
    if partition.complete:
        found = partition.complex()
        if found.dimension == 2 and not found.reduced:
            from .cut import cut_complex

            shown = _window(partition, found) if window is None else read_window(window, 2)
            return _some(partition, cut_complex(partition, found, shown))
    sides = sides_of_regions(partition)
    if window is None:
        feet = [[nearest_float(v) for v in point] for point in feet_of_regions(sides)]
        shown = _chosen(partition, [(v, v) for v in feet], "chosen to show every line")
    else:
        shown = read_window(window, 2)
    return _some(partition, cut_regions(partition, sides, shown))


def _some(partition: Partition, cells: Cells) -> Cells:
    if len(partition) and not len(cells):
        raise DomainError(
            f"window: {cells.window.describe()} and the regions of the partition have no inner "
            f"points in common; the domain is {partition.domain.describe()[:200]}"
        )
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
    return _chosen(partition, points, note)


def _chosen(partition: Partition, points: list[Any], note: str) -> Window:
    chart = partition.domain.chart
    bounded = all(v is not None for v in (*chart.low, *chart.high))
    if bounded:
        return read_window(Box(list(chart.low), list(chart.high)), 2)
    if not points:
        inside = [nearest_float(v) for v in chart.interior]
        points, note = [(inside, inside)], "chosen freely: there are no vertices"
    return around(points, chart, note)


def _no_picture(partition: Partition, dim: int) -> str:
    if dim == 0:
        return "plot: the domain is a point; give one of one or two dimensions, or a slice"
    zeros = "a" if partition.network.input_dim > 4 else [0] * partition.network.input_dim
    return (
        f"plot: the domain has dimension {dim}, and pictures have up to 3: choose a slice, such as "
        f"enumerate_regions(network, Slice.through(a, b, c)).plot() through three inputs a, b, c "
        f"({'' if zeros == 'a' else f'a = {zeros}, say; '}on the command line --slice a.npy b.npy "
        "c.npy)"
    )


def _options(given: dict[str, Any]) -> Options:
    given = dict(given)
    given["edges"] = check_choice("edges", given.get("edges", "layer"), EDGES)
    labels = given.get("labels", "none")
    if labels is None or isinstance(labels, bool | str):
        given["labels"] = check_choice("labels", labels, LABELS)
    return Options(**given)


def _size(window: Window) -> tuple[float, float]:
    """Inches of a figure that has room for a window and a legend, and little else."""
    (x0, x1), (y0, y1) = window.limits
    wide = (x1 - x0) / (y1 - y0)
    if not 1 / 3 <= wide <= 3:
        wide = 1.2  # drawn with two scales
    width = min(6.4, 5.2 * wide)
    return width + 0.9, width / wide + 1.2


def _axes(ax: Any, size: tuple[float, float]) -> Any:
    if ax is None:
        return new_axes(size)
    if not all(hasattr(ax, name) for name in ("add_collection", "set_xlim", "get_figure")):
        from ..errors import ParameterError

        raise ParameterError(f"ax: {type(ax).__name__} is no matplotlib Axes")
    return ax


def _describe(picture: Picture, partition: Partition) -> None:
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
    if picture.window.note:
        picture.ax.set_title(
            picture.window.note, fontsize="small", color="0.35", loc="left", parse_math=False
        )
