"""Meshes as files: PLY, OBJ and STL."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..errors import LimitError
from ..export.files import by_suffix, replaced
from ..mode import guarded
from ..texts import plain
from ..version import __version__

if TYPE_CHECKING:
    from ..formats.files import PathLike
    from .mesh import Mesh

__all__ = ["save_mesh"]

_FLOAT32 = 3.4e38


@guarded
def save_mesh(mesh: Mesh, path: PathLike) -> None:
    """Write a mesh; see `Mesh.save`."""
    write = by_suffix(path, _WRITERS, "a mesh")
    with replaced(path) as stream:
        write(stream, mesh)


def _says(mesh: Mesh) -> list[str]:
    """What comments say, in ASCII: a line of a header cannot be forged by a name."""
    lines = [f"exactspline {__version__}: {mesh.what} in {mesh.domain.describe()}"]
    lines += [f"side {side}: {name}" for side, name in mesh.sides.items()]
    return [plain(line).encode("ascii", "backslashreplace").decode() for line in lines]


def _write_ply(stream: BinaryIO, mesh: Mesh) -> None:
    head = ["ply", "format binary_little_endian 1.0"]
    head += [f"comment {line}" for line in _says(mesh)]
    head += [f"element vertex {len(mesh.vertices)}"]
    head += [f"property double {axis}" for axis in "xyz"]
    head += [f"element face {len(mesh)}", "property list uchar int vertex_indices"]
    head += ["property int region", "property int side", "end_header"]
    stream.write("".join(f"{line}\n" for line in head).encode("ascii"))
    stream.write(mesh.vertices.astype("<f8").tobytes())
    faces = np.zeros(len(mesh), [("n", "u1"), ("at", "<i4", 3), ("region", "<i4"), ("side", "<i4")])
    faces["n"], faces["at"], faces["region"], faces["side"] = (
        3, mesh.triangles, mesh.region, mesh.side
    )  # fmt: skip
    stream.write(faces.tobytes())


def _write_obj(stream: BinaryIO, mesh: Mesh) -> None:
    lines = [f"# {line}" for line in _says(mesh)]
    lines += [f"v {x!r} {y!r} {z!r}" for x, y, z in mesh.vertices.tolist()]
    for side in np.unique(mesh.side).tolist():
        lines.append("g surface" if side < 0 else f"g side_{side}")
        lines += [f"f {a} {b} {c}" for a, b, c in (mesh.triangles[mesh.side == side] + 1).tolist()]
    stream.write("".join(f"{line}\n" for line in lines).encode("ascii"))


def _write_stl(stream: BinaryIO, mesh: Mesh) -> None:
    if np.abs(mesh.vertices).max(initial=0.0) > _FLOAT32:
        raise LimitError(
            "STL: a vertex is beyond the range of float32, the only numbers that the format has; "
            "write .ply or .obj"
        )
    corners = mesh.vertices[mesh.triangles]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    size = np.maximum(np.abs(a), np.abs(b)).max(axis=1, keepdims=True, initial=0.0)
    size[size == 0] = 1.0
    normals = np.cross(a / size, b / size)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    length[length == 0] = math.inf  # (0, 0, 0): readers take the order of the corners
    out = np.zeros(len(mesh), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("more", "<u2")])
    out["normal"], out["corners"] = normals / length, corners
    # "solid" at the beginning would mean the format's text form
    stream.write(_says(mesh)[0].encode("ascii")[:80].ljust(80))
    stream.write(np.uint32(len(mesh)).astype("<u4").tobytes())
    stream.write(out.tobytes())


_WRITERS: dict[str, Callable[[BinaryIO, Mesh], None]] = {
    ".ply": _write_ply,
    ".obj": _write_obj,
    ".stl": _write_stl,
}
