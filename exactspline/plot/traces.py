"""What plotly is given: cells, surfaces and lines as its traces."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..solid.mesh import Mesh

__all__ = ["SURFACE", "Triangles", "lines", "mesh_traces", "piece_lines"]

SURFACE, CAP = "#d55e00", "#b9bec6"


@dataclass
class Triangles:
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
        return faces_of(np.concatenate(self.points), np.array(self.corners))

    def segments(self) -> np.ndarray:
        """The edges, shape (n, 2, 3)."""
        return np.concatenate(self.points)[np.array(self.ends)]


def faces_of(points: np.ndarray, corners: np.ndarray) -> dict[str, Any]:
    x, y, z = points.T
    i, j, k = corners.T
    return {"x": x, "y": y, "z": z, "i": i, "j": j, "k": k}


def lines(graph: Any, segments: np.ndarray, name: str, color: str, width: float) -> Any:
    """Segments (n, 2, 3) as one trace: NaN lifts the pen."""
    gaps = np.full((len(segments), 1, 3), np.nan)
    x, y, z = np.concatenate([segments, gaps], axis=1).reshape(-1, 3).T
    return graph.Scatter3d(
        x=x, y=y, z=z, mode="lines", name=name, line={"color": color, "width": width},
        hoverinfo="skip",
    )  # fmt: skip


def piece_lines(mesh: Mesh, caps: bool) -> np.ndarray:
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


def mesh_traces(graph: Any, mesh: Mesh, color: str, opacity: float, caps: bool) -> list[Any]:
    """A surface, and its caps if they are to be drawn."""
    out = []
    names = {True: mesh.what, False: "caps"}  # no name from a file is in it
    for is_surface in (True, False) if caps else (True,):
        chosen = (mesh.side < 0) == is_surface
        if not chosen.any():
            continue
        out.append(
            graph.Mesh3d(
                **faces_of(mesh.vertices, mesh.triangles[chosen]), opacity=opacity,
                name=names[is_surface], showlegend=True, flatshading=True, hoverinfo="name",
                color=color if is_surface else CAP,
                lighting={"ambient": 0.45, "diffuse": 0.8, "specular": 0.1, "roughness": 0.9},
                lightposition={"x": 3000, "y": -900, "z": 1800},
            )
        )  # fmt: skip
    return out
