"""Partitions and surfaces in three dimensions, to be turned in a browser; needs plotly."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..domain import Slice
from ..errors import LimitError, ParameterError, ShapeError
from ..export.files import by_suffix, replaced
from ..mode import guarded
from ..polyhedra.vertices import generators
from ..solid.cells import cells
from ..solid.mesh import Mesh
from ..solid.surface import check_solid
from ..texts import plain
from .colours import Colours, colours_of
from .names import axis_names
from .palette import LINES
from .traces import SURFACE, Triangles, lines, mesh_traces, piece_lines

if TYPE_CHECKING:
    from ..formats.files import PathLike
    from ..partition.partition import Partition

__all__ = ["SolidPicture", "plot_3d", "plot_mesh"]

MOST_CELLS = 5_000  # some 60,000 triangles, which browsers still turn smoothly
_PAGES = {".html": "html", ".htm": "html"}
_FLAT = {"labels": "none", "graph": False, "highlight": None, "outputs": None}


@guarded
class SolidPicture:
    """A picture in three dimensions; made by `Partition.plot`, `plot_3d` and `plot_mesh`.

    Attributes
    ----------
    figure : plotly.graph_objects.Figure
    description : str
    notes : list of str
        What is to be known about the picture.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
    >>> es.enumerate_regions(net, es.Box(-2, 2, dim=3)).plot(explode=0.5)
    <SolidPicture: 8 regions of [-2, 2]^3>
    """

    def __init__(self, figure: Any, description: str, notes: Sequence[str] = ()) -> None:
        self.figure, self.description, self.notes = figure, description, list(notes)

    def __repr__(self) -> str:
        return f"<SolidPicture: {self.description}>"

    def _repr_mimebundle_(self, *arguments: Any, **options: Any) -> Any:
        return self.figure._repr_mimebundle_(*arguments, **options)

    def save(self, path: PathLike, *, dpi: float | None = None, title: str | None = None) -> None:
        """Write the picture as one HTML page that needs no network.

        Parameters
        ----------
        path : path-like
            Ends in ``.html``. The file takes its place when it is whole.
        dpi : float, optional
            For pictures that have pixels: this one has none.
        title : str, optional
            Shown by browsers; plain text. The description by default.

        Raises
        ------
        FormatError
            For another extension, and if the file cannot be written.

        Notes
        -----
        The file holds plotly's own code, 5 MB. Equal pictures give equal files.

        Examples
        --------
        >>> import os, tempfile
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
        >>> picture = es.enumerate_regions(net, es.Box(-2, 2, dim=3)).plot()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     picture.save(os.path.join(folder, "regions.html"))
        ...     os.listdir(folder)
        ['regions.html']
        """
        by_suffix(path, _PAGES, "a picture in three dimensions")
        body = self.figure.to_html(
            include_plotlyjs=True, full_html=False, div_id="exactspline", default_height="100vh",
            config={"displaylogo": False, "responsive": True},
        )  # fmt: skip
        shown = html.escape(plain(self.description if title is None else title))
        page = (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f"<title>{shown}</title>"
            "<style>body{margin:0;font-family:sans-serif}</style></head>\n"
            f"<body>{body}</body></html>\n"
        )
        with replaced(path) as stream:
            stream.write(page.encode("utf-8", "backslashreplace"))


@guarded
def plot_3d(
    partition: Partition, *, color: Any = "piece", opacity: float | None = None,
    explode: float = 0.0, surface: Mesh | Sequence[Mesh] | None = None, boundary: bool = False,
    regions: Sequence[int] | None = None, edges: str | None = "layer", witnesses: bool = False,
    points: Any = None, legend: bool = True, window: Any = None, rasterised: bool = False,
    progress: Callable[[int, int], None] | None = None, **more: Any,
) -> SolidPicture:  # fmt: skip
    """The regions of a bounded domain of three dimensions as translucent cells.

    `Partition.plot` asks here; its options that only a plane has are refused.

    Parameters
    ----------
    partition : Partition
    color : str or array_like
        As in `Partition.plot`.
    opacity : float, optional
        Of the cells, from 0 (only their edges are drawn) to 1; by default 0.25, or 1 if they are
        moved apart.
    explode : float
        How far every cell is moved away from the domain's middle, as a share of its distance:
        0 leaves them where they are, 0.5 shows them apart.
    surface : Mesh or sequence of Mesh, optional
        What `Partition.surface` gives, drawn in place (not with ``explode``).
    boundary : bool
        The decision boundary: a surface for every class, or {f = 0} of a single output.
    regions : sequence of int, optional
        Only these.
    edges : str or None
        "none": without the cells' edges.
    witnesses : bool
        The regions' witnesses.
    points : array_like, shape (n, 3)
        Sample points, in the domain's coordinates.
    legend : bool
    progress : callable, optional
        Called with the regions that are done and those there are.

    Returns
    -------
    SolidPicture

    Raises
    ------
    ParameterError
        If plotly is not installed, or for an option that is not known here.
    DomainError
        As for `Partition.surface`.
    LimitError
        For more than 5,000 regions: choose some, or draw a surface alone (`plot_mesh`).

    Notes
    -----
    Corners are exact, and rounded once. Cost: a millisecond or two a region.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
    >>> omega = es.enumerate_regions(net, es.Box(-2, 2, dim=3))
    >>> picture = plot_3d(omega, surface=omega.surface())
    >>> [trace.name for trace in picture.figure.data]
    ['8 regions', 'edges', 'f > 0']
    """
    graph = require_plotly()
    _refuse(more, window)
    check_solid(partition, "plot")
    chosen = _chosen(partition, regions)
    meshes = [surface] if isinstance(surface, Mesh) else list(surface or ())
    if boundary:
        meshes += _boundary(partition)
    if explode and (meshes or witnesses or points is not None):
        raise ParameterError("plot: surfaces and points have their place; draw them unexploded")
    if opacity is None:
        opacity = 1.0 if explode else 0.25
    for name, value, most in (("opacity", opacity, 1.0), ("explode", explode, 100.0)):
        if not 0 <= value <= most:
            raise ParameterError(f"plot: {name} {value!r}: give a number from 0 to {most:g}")
    drawn, middles = _cells(partition, chosen, explode, progress)
    colours = colours_of(partition, color, chosen, middles)
    figure = graph.Figure()
    if opacity and len(chosen):
        figure.add_trace(
            graph.Mesh3d(
                **drawn.faces(), opacity=opacity, name=_counted(chosen), flatshading=True,
                showlegend=legend, text=[f"region {r}" for r in drawn.owner], hoverinfo="text",
                **_painted(colours, np.searchsorted(chosen, drawn.region), legend),
            )
        )  # fmt: skip
    for colour, text in colours.keys or ():
        figure.add_trace(_key(graph, colour, text))
    if edges not in (None, False, "none") and len(chosen):
        figure.add_trace(lines(graph, drawn.segments(), "edges", "rgba(40,40,40,0.55)", 1.5))
    for i, mesh in enumerate(meshes):
        colour = SURFACE if i == 0 else LINES[1 + (i + 1) % 7]
        for trace in mesh_traces(graph, mesh, colour, 1.0, False):
            figure.add_trace(trace)
    if witnesses:
        figure.add_trace(_markers(graph, partition.witnesses[chosen], "witnesses", "#000000"))
    if points is not None:
        figure.add_trace(_markers(graph, _points(points), "points", LINES[1]))
    _lay_out(figure, axis_names(partition), legend, moved=explode > 0)
    text = f"{_counted(chosen)} of {partition.domain.describe()[:120]}"
    return SolidPicture(figure, text)


@guarded
def plot_mesh(
    mesh: Mesh, *, color: str = SURFACE, opacity: float = 1.0, caps: bool = True,
    edges: bool = True,
) -> SolidPicture:  # fmt: skip
    """A surface, with its caps in grey, and in black the lines where it is no manifold.

    Parameters
    ----------
    mesh : Mesh
    color : str
        Of the surface, as CSS writes colours.
    opacity : float
        From 0 to 1.
    caps : bool
        Draw what lies in the domain's sides.
    edges : bool
        Draw the borders of the pieces, each of which lies in one region.

    Returns
    -------
    SolidPicture

    Raises
    ------
    ParameterError
        If plotly is not installed, or what is given is no mesh, or the opacity none.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
    >>> mesh = es.enumerate_regions(net, es.Box("-1/2", 2, dim=3)).surface()
    >>> [trace.name for trace in plot_mesh(mesh).figure.data]
    ['f > 0', 'caps', 'pieces']
    """
    graph = require_plotly()
    if not isinstance(mesh, Mesh):
        raise ParameterError(f"plot_mesh: give a Mesh, not a {type(mesh).__name__}")
    if not 0 <= opacity <= 1:
        raise ParameterError(f"plot_mesh: opacity {opacity!r}: give a number from 0 to 1")
    figure = graph.Figure()
    for trace in mesh_traces(graph, mesh, color, opacity, caps):
        figure.add_trace(trace)
    if edges and len(mesh):
        borders = piece_lines(mesh, caps)
        figure.add_trace(lines(graph, borders, "pieces", "rgba(20,20,20,0.8)", 1.5))
    odd = mesh.edges.vertices[mesh.nonmanifold_edges]
    if len(odd):
        figure.add_trace(lines(graph, mesh.vertices[odd], "no manifold", "#000000", 6))
    plain_domain = mesh.domain.chart.dim == mesh.domain.dim and not isinstance(mesh.domain, Slice)
    _lay_out(figure, [f"{'x' if plain_domain else 't'}{i}" for i in range(3)], True)
    return SolidPicture(figure, f"{mesh.what} in {mesh.domain.describe()[:120]}")


def require_plotly() -> Any:
    """The module ``plotly.graph_objects``; an error that names the extra if it is missing."""
    try:
        import plotly.graph_objects as graph
    except ImportError as error:
        raise ParameterError(
            "pictures in three dimensions need plotly: pip install 'exactspline[plot3d]' "
            f"({' '.join(str(error).split())})"
        ) from None
    return graph


# --- Parts --------------------------------------------------------------------------------------


def _refuse(more: dict[str, Any], window: Any) -> None:
    """Say which options a solid does not have."""
    for name, value in more.items():
        if name not in _FLAT:
            raise ParameterError(f"plot: {plain(name)[:40]} is no option of it")
        none = value is None or value is False or (isinstance(value, str) and value == "none")
        if not none:
            raise ParameterError(f"plot: {name} is for one or two dimensions, and the domain has 3")
    if window is not None:
        raise ParameterError(
            "plot: in three dimensions the whole domain is shown; enumerate the network on a "
            "smaller box instead of window=..."
        )


def _chosen(partition: Partition, regions: Sequence[int] | None) -> np.ndarray:
    n = len(partition)
    chosen = list(range(n)) if regions is None else sorted({int(r) for r in regions})
    if chosen and not 0 <= chosen[0] <= chosen[-1] < n:
        raise ParameterError(f"plot: regions: give numbers from 0 to {n - 1}")
    if len(chosen) > MOST_CELLS:
        raise LimitError(
            f"plot: {len(chosen):,} regions are more than a browser turns smoothly "
            f"({MOST_CELLS:,}); choose some with regions=..., take a smaller domain, or draw a "
            "surface alone: exactspline.plot.plot_mesh(partition.surface(...))"
        )
    return np.array(chosen, dtype=np.int64)


def _counted(chosen: np.ndarray) -> str:
    return f"{len(chosen):,} regions" if len(chosen) != 1 else "1 region"


def _boundary(partition: Partition) -> list[Mesh]:
    n = partition.network.output_dim
    if n == 1:
        return [partition.surface(closed=False)]
    if n > len(LINES):
        raise ParameterError(
            f"plot: boundary: the network has {n} classes, more than can be told apart; give "
            "surface=[partition.surface(winner=i), ...] for some"
        )
    return [partition.surface(winner=i, closed=False) for i in range(n)]


def _cells(
    partition: Partition, chosen: np.ndarray, explode: float,
    progress: Callable[[int, int], None] | None,
) -> tuple[Triangles, np.ndarray]:  # fmt: skip
    """The cells as triangles, and their middles where they belong."""
    ends = np.array(generators(partition._exact_forms.domain_rows, 3).vertices, dtype=np.float64)
    middle = (ends.min(axis=0) + ends.max(axis=0)) / 2
    drawn, middles = Triangles(), np.zeros((len(chosen), 3))
    for i, (region, found, _) in enumerate(cells(partition, chosen.tolist(), progress)):
        at = np.array([[float(v) for v in vertex] for vertex in found.vertices])
        middles[i] = at.mean(axis=0)
        drawn.add(region, at + explode * (middles[i] - middle), list(found.facets.values()))
    return drawn, middles


def _painted(colours: Colours, at: np.ndarray, legend: bool) -> dict[str, Any]:
    """What plotly needs to colour triangles; ``at`` is the region of each among those drawn."""
    if colours.values is not None:
        title = html.escape(plain(colours.label), quote=False)
        return {
            "intensity": colours.values[at], "intensitymode": "cell", "colorscale": "Cividis",
            "showscale": legend,
            "colorbar": {"title": {"text": title, "side": "right"}, "len": 0.7, "x": 0.98},
        }  # fmt: skip
    assert colours.rgba is not None
    rgb = [_css(row) for row in colours.rgba]
    return {"facecolor": [rgb[i] for i in at.tolist()]}


def _css(colour: Any) -> str:
    return "rgb({},{},{})".format(*np.rint(np.asarray(colour[:3]) * 255).astype(int).tolist())


def _key(graph: Any, colour: Any, text: str) -> Any:
    """An entry of the legend, without anything in the picture."""
    return graph.Scatter3d(
        x=[None], y=[None], z=[None], mode="markers", name=html.escape(text, quote=False),
        marker={"size": 8, "color": _css(colour), "symbol": "square"},
    )  # fmt: skip


def _points(points: Any) -> np.ndarray:
    try:
        out = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        out = np.zeros(0)
    if out.ndim != 2 or out.shape[1] != 3 or not np.isfinite(out).all():
        raise ShapeError("plot: points: give finite numbers, shape (n, 3)")
    return out


def _markers(graph: Any, at: np.ndarray, name: str, color: str) -> Any:
    x, y, z = at.T
    return graph.Scatter3d(
        x=x, y=y, z=z, mode="markers", name=name, marker={"size": 3, "color": color}
    )


def _lay_out(figure: Any, names: Sequence[str], legend: bool, *, moved: bool = False) -> None:
    """Equal lengths along the axes, and their names; no numbers where cells are moved."""
    axes = {
        f"{axis}axis": {
            "title": {"text": html.escape(name, quote=False)}, "backgroundcolor": "rgba(0,0,0,0)",
            "gridcolor": "#dddddd", "zerolinecolor": "#bbbbbb", "showspikes": False,
            "showticklabels": not moved,
        }
        for name, axis in zip(names, "xyz", strict=True)
    }  # fmt: skip
    figure.update_layout(
        scene={"aspectmode": "data", "camera": {"eye": {"x": 1.5, "y": -1.75, "z": 0.95}}, **axes},
        legend={"x": 0.01, "y": 0.99, "bgcolor": "rgba(255,255,255,0.7)"}, showlegend=legend,
        margin={"l": 0, "r": 0, "t": 0, "b": 0}, template="plotly_white",
    )  # fmt: skip
