"""Partitions and surfaces in three dimensions, to be turned in a browser; needs plotly."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..domain import Slice
from ..errors import ExactSplineError, LimitError, ParameterError, ShapeError
from ..export.files import by_suffix, replaced
from ..mode import guarded
from ..solid.cells import cells
from ..solid.mesh import Mesh
from ..solid.surface import check_solid
from ..texts import plain

if TYPE_CHECKING:
    from ..domain import Domain
    from ..formats.files import PathLike
    from ..partition.partition import Partition

__all__ = ["plot_3d", "plot_mesh", "save_page"]

MOST_CELLS = 5_000  # some 60,000 triangles, which browsers still turn smoothly

# Okabe and Ito's colours, told apart by people who see colours differently; black is left out
COLOURS = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0),
    (204, 121, 167),
)  # fmt: skip
SURFACE, CAP = "#d55e00", "#b9bec6"


@guarded
def plot_3d(
    partition: Partition, *, color: Any = None, opacity: float = 0.25, explode: float = 0.0,
    lines: bool = True, surface: Mesh | Sequence[Mesh] | None = None,
    regions: Sequence[int] | None = None, scale: str = "Cividis", label: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Any:  # fmt: skip
    """The regions of a bounded domain of three dimensions as translucent cells.

    Parameters
    ----------
    partition : Partition
    color : array_like, optional
        A number a region, shape (regions,), shown by a colour scale; or red, green and blue from
        0 to 1, shape (regions, 3). By default a colour follows from the region's code.
    opacity : float
        Of the cells, from 0 (only their edges are drawn) to 1.
    explode : float
        How far every cell is moved away from the domain's middle, as a share of its distance:
        0 leaves them where they are, 0.5 shows them apart.
    lines : bool
        Draw the cells' edges.
    surface : Mesh or sequence of Mesh, optional
        What `Partition.surface` gives, drawn in place (not with ``explode``).
    regions : sequence of int, optional
        Only these.
    scale, label : str
        plotly's name of a colour scale for numbers, and what they are.
    progress : callable, optional
        Called with the regions that are done and those there are.

    Returns
    -------
    plotly.graph_objects.Figure
        ``save_page(figure, "omega.html")`` writes one file that needs no network.

    Raises
    ------
    ExactSplineError
        If plotly is not installed.
    DomainError, ParameterError
        As for `Partition.surface`.
    LimitError
        For more than 5,000 regions: choose some, or draw a surface alone (`plot_mesh`).

    Notes
    -----
    Corners are exact, and rounded once. Cost: a millisecond a region.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
    >>> omega = es.enumerate_regions(net, es.Box(-2, 2, dim=3))
    >>> figure = plot_3d(omega, surface=omega.surface())
    >>> [trace.name for trace in figure.data]
    ['8 regions', 'edges', 'f > 0']
    """
    graph = require_plotly()
    check_solid(partition, "plot_3d")
    chosen = _chosen(partition, regions)
    meshes = [surface] if isinstance(surface, Mesh) else list(surface or ())
    if explode and meshes:
        raise ParameterError("plot_3d: a surface has its place; draw it without explode")
    for name, value, most in (("opacity", opacity, 1.0), ("explode", explode, 100.0)):
        if not 0 <= value <= most:
            raise ParameterError(f"plot_3d: {name} {value!r}: give a number from 0 to {most:g}")
    colours = _Colours(partition, color)
    middle = np.array([float(v) for v in partition.domain.chart.interior])
    drawn = _Triangles()
    for region, found, _ in cells(partition, chosen, progress):
        at = np.array([[float(v) for v in vertex] for vertex in found.vertices])
        at += explode * (at.mean(axis=0) - middle)
        drawn.add(region, at, list(found.facets.values()))
    figure = graph.Figure()
    n = len(chosen)
    if opacity and n:
        name = f"{n:,} regions" if n != 1 else "1 region"
        figure.add_trace(
            graph.Mesh3d(
                **drawn.faces(), opacity=opacity, name=name, flatshading=True, showlegend=True,
                text=[f"region {r}" for r in drawn.owner], hoverinfo="text",
                **colours.of(np.array(drawn.region), scale, label),
            )
        )  # fmt: skip
    if lines and n:
        figure.add_trace(_lines(graph, drawn.segments(), "edges", "rgba(40,40,40,0.55)", 1.5))
    for i, mesh in enumerate(meshes):
        for trace in _mesh_traces(graph, mesh, _rgb(COLOURS[i % 7]) if i else SURFACE, 1.0, False):
            figure.add_trace(trace)
    return _laid_out(figure, partition.domain, moved=explode > 0)


@guarded
def plot_mesh(
    mesh: Mesh, *, color: str = SURFACE, opacity: float = 1.0, caps: bool = True,
    edges: bool = True,
) -> Any:  # fmt: skip
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
    plotly.graph_objects.Figure

    Raises
    ------
    ExactSplineError
        If plotly is not installed.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
    >>> mesh = es.enumerate_regions(net, es.Box("-1/2", 2, dim=3)).surface()
    >>> [trace.name for trace in plot_mesh(mesh).data]
    ['f > 0', 'caps', 'pieces']
    """
    graph = require_plotly()
    if not isinstance(mesh, Mesh):
        raise ParameterError(f"plot_mesh: give a Mesh, not a {type(mesh).__name__}")
    if not 0 <= opacity <= 1:
        raise ParameterError(f"plot_mesh: opacity {opacity!r}: give a number from 0 to 1")
    figure = graph.Figure()
    for trace in _mesh_traces(graph, mesh, color, opacity, caps):
        figure.add_trace(trace)
    if edges and len(mesh):
        borders = _piece_lines(mesh, caps)
        figure.add_trace(_lines(graph, borders, "pieces", "rgba(20,20,20,0.8)", 1.5))
    odd = mesh.edges.vertices[mesh.nonmanifold_edges]
    if len(odd):
        figure.add_trace(_lines(graph, mesh.vertices[odd], "no manifold", "#000000", 6))
    return _laid_out(figure, mesh.domain)


def save_page(figure: Any, path: PathLike, *, title: str = "exactspline") -> None:
    """Write a plotly figure as one HTML file that needs no network.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    path : path-like
        Ends in ``.html``. The file takes its place when it is whole.
    title : str
        Shown by browsers; plain text.

    Raises
    ------
    FormatError
        For another extension, and if the file cannot be written.

    Notes
    -----
    The file holds plotly's own code, 5 MB. Equal figures give equal files.

    Examples
    --------
    >>> import os, tempfile
    >>> import exactspline as es
    >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
    >>> mesh = es.enumerate_regions(net, es.Box(-2, 2, dim=3)).surface()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_page(plot_mesh(mesh), os.path.join(folder, "octahedron.html"))
    ...     os.listdir(folder)
    ['octahedron.html']
    """
    by_suffix(path, {".htm": None, ".html": None}, "a page")
    body = figure.to_html(
        include_plotlyjs=True, full_html=False, div_id="exactspline", default_height="100vh",
        config={"displaylogo": False, "responsive": True},
    )  # fmt: skip
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(plain(title))}</title>"
        "<style>body{margin:0;font-family:sans-serif}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )
    with replaced(path) as stream:
        stream.write(page.encode("utf-8", "backslashreplace"))


def require_plotly() -> Any:
    """The module ``plotly.graph_objects``; an error that names the extra if it is missing."""
    try:
        import plotly.graph_objects as graph
    except ImportError as error:
        raise ExactSplineError(
            "pictures in three dimensions need plotly: pip install 'exactspline[plot3d]' "
            f"({' '.join(str(error).split())})"
        ) from None
    return graph


# --- What is drawn ------------------------------------------------------------------------------


@dataclass
class _Triangles:
    """Cells, each with vertices of its own, so that they can be moved apart."""

    points: list[np.ndarray] = field(default_factory=list)
    owner: list[int] = field(default_factory=list)  # of every vertex
    corners: list[tuple[int, int, int]] = field(default_factory=list)
    region: list[int] = field(default_factory=list)  # of every triangle
    ends: list[tuple[int, int]] = field(default_factory=list)

    def add(self, region: int, at: np.ndarray, paths: list[list[int]]) -> None:
        """Take a cell in."""
        n = len(self.owner)
        self.points.append(at)
        self.owner += [region] * len(at)
        for path in paths:
            fan = [(n + path[0], n + a, n + b) for a, b in pairwise(path[1:])]
            self.corners += fan
            self.region += [region] * len(fan)
            # of the two facets beside an edge one goes along it upwards
            around = zip(path, [*path[1:], path[0]], strict=True)
            self.ends += [(n + a, n + b) for a, b in around if a < b]

    def faces(self) -> dict[str, Any]:
        """Vertices and triangles as plotly takes them."""
        return _faces(np.concatenate(self.points), np.array(self.corners))

    def segments(self) -> np.ndarray:
        """The edges, shape (n, 2, 3)."""
        return np.concatenate(self.points)[np.array(self.ends)]


def _faces(points: np.ndarray, corners: np.ndarray) -> dict[str, Any]:
    x, y, z = points.T
    i, j, k = corners.T
    return {"x": x, "y": y, "z": z, "i": i, "j": j, "k": k}


def _lines(graph: Any, segments: np.ndarray, name: str, color: str, width: float) -> Any:
    """Segments (n, 2, 3) as one trace: NaN lifts the pen."""
    gaps = np.full((len(segments), 1, 3), np.nan)
    x, y, z = np.concatenate([segments, gaps], axis=1).reshape(-1, 3).T
    return graph.Scatter3d(
        x=x, y=y, z=z, mode="lines", name=name, line={"color": color, "width": width},
        hoverinfo="skip",
    )  # fmt: skip


def _piece_lines(mesh: Mesh, caps: bool) -> np.ndarray:
    """The borders of a mesh's polygons: edges whose triangles are not of one polygon."""
    edges = mesh.edges
    low = np.full(len(edges.count), np.iinfo(np.int32).max)
    high = np.full(len(edges.count), -1)
    every = mesh.polygon if caps else np.where(mesh.side < 0, mesh.polygon, -1)
    for column in range(3):
        np.minimum.at(low, edges.of[:, column], every)
        np.maximum.at(high, edges.of[:, column], every)
    shown = ((low != high) | (edges.count == 1)) & (high >= 0)
    return _lifted(mesh)[edges.vertices[shown]]


def _lifted(mesh: Mesh) -> np.ndarray:
    """The vertices a thousandth of the mesh's size outside of it: lines there are seen."""
    corners = mesh.vertices[mesh.triangles]
    size = float(np.ptp(mesh.vertices, axis=0).max()) or 1.0
    arms = (corners[:, 1:] - corners[:, :1]) / size
    normals = np.cross(arms[:, 0], arms[:, 1])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals /= np.where(length > 0, length, 1.0)
    total = np.zeros_like(mesh.vertices)
    for column in range(3):
        np.add.at(total, mesh.triangles[:, column], normals)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return mesh.vertices + total / np.where(length > 0, length, 1.0) * size / 1000


def _mesh_traces(graph: Any, mesh: Mesh, color: str, opacity: float, caps: bool) -> list[Any]:
    """A surface, and its caps if they are to be drawn."""
    out = []
    names = {True: mesh.what, False: "caps"}  # no name from a file is in it
    for is_surface in (True, False) if caps else (True,):
        chosen = (mesh.side < 0) == is_surface
        if not chosen.any():
            continue
        out.append(
            graph.Mesh3d(
                **_faces(mesh.vertices, mesh.triangles[chosen]), opacity=opacity,
                name=names[is_surface], showlegend=True, flatshading=True, hoverinfo="name",
                color=color if is_surface else CAP,
                lighting={"ambient": 0.45, "diffuse": 0.8, "specular": 0.1, "roughness": 0.9},
                lightposition={"x": 3000, "y": -900, "z": 1800},
            )
        )  # fmt: skip
    return out


class _Colours:
    """The colours of regions: by numbers, given, or by their codes."""

    def __init__(self, partition: Partition, color: Any) -> None:
        self.partition = partition
        self.given: np.ndarray | None = None
        if color is None:
            return
        try:
            self.given = np.asarray(color, dtype=np.float64)
        except (TypeError, ValueError):
            raise ParameterError("plot_3d: color: give numbers, one a region") from None
        n = len(partition)
        if self.given.shape not in ((n,), (n, 3)):
            raise ShapeError(
                f"plot_3d: color has shape {self.given.shape}; give a number a region, shape "
                f"({n},), or its red, green and blue, shape ({n}, 3)"
            )
        if not np.isfinite(self.given).all():
            raise ParameterError("plot_3d: color holds NaN or infinity; give finite numbers")

    def of(self, regions: np.ndarray, scale: str, label: str) -> dict[str, Any]:
        """What plotly needs to colour triangles by their regions."""
        if self.given is not None and self.given.ndim == 1:
            return {
                "intensity": self.given[regions], "intensitymode": "cell", "colorscale": scale,
                "colorbar": {
                    "title": {"text": html.escape(plain(label), quote=False)},
                    "len": 0.7,
                    "x": 0.98,
                },
            }  # fmt: skip
        if self.given is not None:
            wanted = np.clip(np.rint(self.given[regions] * 255), 0, 255)
            return {"facecolor": [_rgb(row) for row in wanted.astype(int).tolist()]}
        by_region = {r: _rgb(code_colour(self.partition.code(r))) for r in np.unique(regions)}
        return {"facecolor": [by_region[r] for r in regions]}


def code_colour(code: np.ndarray) -> tuple[int, int, int]:
    """A colour that follows from a code alone, so that it is the same in every picture."""
    import hashlib

    digest = hashlib.blake2s(np.asarray(code, dtype="<u4").tobytes(), digest_size=4).digest()
    base, light = COLOURS[digest[0] % 7], 0.45 * digest[1] / 255
    red, green, blue = (round(v + (255 - v) * light) for v in base)
    return red, green, blue


def _rgb(colour: Sequence[int]) -> str:
    return "rgb({},{},{})".format(*colour)


def _chosen(partition: Partition, regions: Sequence[int] | None) -> list[int]:
    n = len(partition)
    chosen = list(range(n)) if regions is None else sorted({int(r) for r in regions})
    if chosen and not 0 <= chosen[0] <= chosen[-1] < n:
        raise ParameterError(f"plot_3d: regions: give numbers from 0 to {n - 1}")
    if len(chosen) > MOST_CELLS:
        raise LimitError(
            f"plot_3d: {len(chosen):,} regions are more than a browser turns smoothly "
            f"({MOST_CELLS:,}); choose some with regions=..., take a smaller domain, or draw "
            "plot_mesh(partition.surface(...))"
        )
    return chosen


def _laid_out(figure: Any, domain: Domain, *, moved: bool = False) -> Any:
    """Equal lengths along the axes, and their names; no numbers where cells are moved."""
    letter = "x" if domain.chart.dim == domain.dim and not isinstance(domain, Slice) else "t"
    axes = {
        f"{axis}axis": {
            "title": {"text": f"{letter}[{i}]"}, "backgroundcolor": "rgba(0,0,0,0)",
            "gridcolor": "#dddddd", "zerolinecolor": "#bbbbbb", "showspikes": False,
            "showticklabels": not moved,
        }
        for i, axis in enumerate("xyz")
    }  # fmt: skip
    figure.update_layout(
        scene={"aspectmode": "data", "camera": {"eye": {"x": 1.4, "y": -1.6, "z": 0.9}}, **axes},
        legend={"x": 0.01, "y": 0.99, "bgcolor": "rgba(255,255,255,0.7)"},
        margin={"l": 0, "r": 0, "t": 0, "b": 0}, template="plotly_white",
    )  # fmt: skip
    return figure
