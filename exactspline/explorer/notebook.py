"""What notebooks show of networks, partitions, regions, counts and graphs: small tables of text.

Nothing is computed that is not there already, but for what takes milliseconds: no search, no exact
geometry. Names from files are escaped; styles are inline, so that they hold wherever it is shown.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..search.facet_columns import code_hashes, hash_table
from ..search.polygons import PlaneFaces
from ..texts import duration, encodable, plain

if TYPE_CHECKING:
    from ..network.network import Network
    from ..partition.complex.complex import Complex
    from ..partition.graph.edges import Edges
    from ..partition.partition import Partition
    from ..partition.regions.region import Region

__all__ = [
    "complex_html",
    "count_html",
    "edges_html",
    "network_html",
    "partition_html",
    "partition_svg",
    "region_html",
]

_MOST_FACES = 400  # of a picture
_MOST_ROWS = 24  # of a table
_SIDE = 260  # of a picture, in pixels
_PALETTE = (
    "#dbe7f5", "#b7cfe8", "#8fb1d6", "#f3e3c3", "#e6cd97", "#d3b26c", "#eef0f2", "#c9d0d6",
    "#aab6c1", "#f8efdc", "#cfdff0", "#e0d3b6",
)  # fmt: skip


def network_html(network: Network) -> str:
    """Operators with their shapes, and totals.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]], name="<b>"), es.ReLU()], (2,))
    >>> "&lt;b&gt;" in network_html(net), "<b>" in network_html(net)
    (True, False)
    """
    shown = network.nodes[:_MOST_ROWS]
    rows = [(str(i), node.operator.label, node.operator.describe()) for i, node in enumerate(shown)]
    if len(network.nodes) > len(shown):
        rows.append(("", f"and {len(network.nodes) - len(shown):,} more", ""))
    shapes = " → ".join(_shape(shape) for shape in (network.input_shape, network.output_shape))
    said = f"{shapes}, {network.parameters:,} parameters"
    if "program" in vars(network):
        said += f", {network.units:,} units"
    if network.output_nodes:
        said += f"; output operator {network.output_operator}"
    return _framed("Network", said, _table(("", "operator", ""), rows))


def partition_html(partition: Partition) -> str:
    """What was counted, where and how; a picture of a small one whose polygons are there."""
    kind = "" if partition.complete else " at least (the search was stopped)"
    rows = [
        ("regions", f"{len(partition):,}{kind}"),
        ("domain", partition.domain.describe()),
        ("units", f"{partition.network.program.n_units:,}"),
        ("decisions", f"{partition.decisions.total:,} proved"),
        ("search", f"{duration(partition.seconds)}, {partition.engine or 'no'} engine"),
    ]
    return _framed("Partition", "", _table(("", ""), rows), _picture(partition))


def region_html(region: Region) -> str:
    """Code, witness and affine map, as far as they are small."""
    code = region.code
    text = "".join(map(str, code[:200].tolist())) if code.max(initial=0) < 10 else str(code[:60])
    if len(code) > 200:
        text += f"… ({len(code):,} units)"
    rows = [("code", text or "no units")]
    witness = region.witness
    if len(witness) <= 8:
        rows.append(("witness", ", ".join(f"{float(v):.6g}" for v in witness)))
    outputs, inputs = len(region.network.program.output), region.network.input_dim
    if outputs * inputs <= 64 and region.network.program.n_units <= 2000:
        A, b = region.affine()
        for c in range(min(outputs, _MOST_ROWS)):
            terms = " ".join(f"{v:+.4g} x[{j}]" for j, v in enumerate(A[c].tolist()) if v)
            rows.append((f"f[{c}]" if outputs > 1 else "f", f"{b[c]:.4g} {terms}".strip()))
    return _framed("Region", region.domain.describe(), _table(("", ""), rows))


def count_html(count: Any) -> str:  # a RegionCount, which a later room has
    """The number, and how it was found."""
    least = "" if count.complete else "at least "
    rows = [
        ("regions", f"{least}{int(count):,}"),
        ("domain", count.domain.describe()),
        ("decisions", f"{count.decisions.total:,} proved"),
        ("search", f"{duration(count.seconds)}, {count.engine} engine"),
    ]
    if count.stopped is not None:
        rows.insert(1, ("stopped", f"{count.stopped.reason}, {count.stopped.share:.1%} done"))
    return _framed("Region count", "", _table(("", ""), rows))


def edges_html(edges: Edges) -> str:
    """The size of an adjacency graph, and its degrees."""
    ends = np.concatenate([edges.source, edges.target])
    degrees = np.bincount(ends) if len(ends) else np.zeros(1, dtype=int)
    rows = [
        ("edges", f"{len(edges):,}"),
        ("degrees", f"up to {int(degrees.max()):,}"),
        ("several units flip", f"on {int(np.count_nonzero(edges.flip_counts > 1)):,} edges"),
    ]
    return _framed("Adjacency graph", "", _table(("", ""), rows))


def complex_html(complex_: Complex) -> str:
    """How many corners, edges and faces there are."""
    rows = [
        ("corners", f"{len(complex_.corners):,}"),
        ("edges", f"{len(complex_.edges):,}, {len(complex_.interior_edges):,} inside"),
        ("faces", f"{len(complex_.faces):,}"),
        ("corners − edges + faces", str(complex_.euler())),
    ]
    return _framed("Complex", "", _table(("", ""), rows))


def partition_svg(partition: Partition) -> str:
    """The picture of a small partition as a file of its own.

    Parameters
    ----------
    partition : Partition
        Complete, with the polygons of its search (``enumerate_regions(..., polygons=True)``).

    Returns
    -------
    str
        Empty for what notebooks draw no picture of.
    """
    picture = _picture(partition)
    return picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _text(value: str) -> str:
    return html.escape(encodable(plain(value)))


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "1"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cell = 'style="text-align:left;padding:1px 12px 1px 0;vertical-align:top"'
    top = "".join(f"<th {cell}>{_text(h)}</th>" for h in head) if any(head) else ""
    body = "".join(
        "<tr>" + "".join(f"<td {cell}>{_text(str(v))}</td>" for v in row) + "</tr>" for row in rows
    )
    top = f"<thead><tr>{top}</tr></thead>" if top else ""
    return f'<table style="border:0;border-collapse:collapse">{top}<tbody>{body}</tbody></table>'


def _framed(title: str, said: str, *parts: str) -> str:
    line = f"<div>{_text(said)}</div>" if said else ""
    return (
        '<div style="display:flex;gap:20px;align-items:flex-start;flex-wrap:wrap"><div>'
        f"<strong>{_text(title)}</strong>{line}{parts[0]}</div>{''.join(parts[1:])}</div>"
    )


def _picture(partition: Partition) -> str:
    """The polygons of a search in the plane, as SVG; nothing where they are not at hand."""
    known = partition._polygons
    if not known or not partition.complete or not 1 < len(partition) <= _MOST_FACES:
        return ""
    polygons = [p for faces in known for p in _polygons(faces)]
    inside = [p for polygon, near in polygons for p, n in zip(polygon, near, strict=True) if n]
    if len(inside) < 2 or len(polygons) != len(partition):
        return ""
    points = np.array(inside)
    low, high = points.min(axis=0), points.max(axis=0)
    size = high - low
    if not (np.isfinite(size).all() and (size > 0).all()):
        return ""
    if not all(near.all() for _, near in polygons):  # rays leave the picture
        low, high = low - size / 4, high + size / 4
        size = high - low
    program = partition.network.program
    hashes = code_hashes(program, hash_table(program), partition.codes.astype(np.int64))
    ratio = float(size[1] / size[0])
    width, height = (_SIDE, _SIDE * ratio) if ratio <= 1 else (_SIDE / ratio, _SIDE)
    if min(width, height) < 20:
        width = height = _SIDE
    shapes = []
    for (polygon, near), number in zip(polygons, hashes.tolist(), strict=True):
        far = 4 * float(np.hypot(*size))
        xy = _ends(polygon, near, far, (low + high) / 2)
        x = (xy[:, 0] - low[0]) / size[0] * width
        y = (high[1] - xy[:, 1]) / size[1] * height
        text = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
        shapes.append(f'<polygon points="{text}" fill="{_PALETTE[number % len(_PALETTE)]}"/>')
    return (
        f'<svg width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img" aria-label="{len(partition)} regions" style="border:1px solid #888" '
        f'stroke="#222" stroke-width="0.6" stroke-linejoin="round">{"".join(shapes)}</svg>'
    )


def _polygons(faces: PlaneFaces) -> list[tuple[np.ndarray, np.ndarray]]:
    """Corners (directions where unbounded) of every face, and which of them are points."""
    out = []
    for a, b in zip(faces.start[:-1].tolist(), faces.start[1:].tolist(), strict=True):
        corner = faces.corner[a:b]
        near = corner[:, 2] > 0
        with np.errstate(all="ignore"):
            xy = np.where(near[:, None], corner[:, :2] / corner[:, 2:], corner[:, :2])
        out.append((xy, near))
    return out


def _ends(polygon: np.ndarray, near: np.ndarray, far: float, centre: np.ndarray) -> np.ndarray:
    """The corners with points for directions: so far out that the frame hides them."""
    if near.all():
        return polygon
    out = []
    for i, (corner, point) in enumerate(zip(polygon, near, strict=True)):
        if point:
            out.append(corner)
            continue
        step = corner / max(float(np.hypot(*corner)), 1e-300) * far
        before, after = i - 1, (i + 1) % len(polygon)
        out.append((polygon[before] if near[before] else centre) + step)
        out.append((polygon[after] if near[after] else centre) + step)
    return np.array(out)
