"""From the kernel's polygons to faces and facets, in columns; what it leaves open in rationals."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import flint
import numpy as np

from ...cells.facets import beyond
from ...cells.forms import ExactForms
from ...compile.program import Program
from ...errors import UndecidedError
from ...polyhedra.lp import q
from ...rationals import fraction
from ..facet_columns import FoundFacets, first_pieces
from ..polygons import IDEAL, SIDE, PlaneFaces
from ..scaling import Coordinates
from .across import Beyond
from .layout import PlaneState
from .root import Ray, cross

__all__ = [
    "ExactEdges", "FaceChunk", "face_chunk", "facets_of", "joined", "settle_touched", "unscaled",
    "upper_edges",
]  # fmt: skip


@dataclass
class FaceChunk:
    """Faces of the regions of one batch, and what facets need besides.

    Attributes
    ----------
    faces : PlaneFaces
    point : float64 array, shape (edges, 3), of facets alone
        Beyond the edge and no other one of its face; the third entry is 1 where it is proved.
    flips : dict
        Per edge where more than one unit changes: the further ones, (unit, piece) each.
    """

    faces: PlaneFaces
    point: np.ndarray
    flips: dict[int, tuple[tuple[int, int], ...]]


def face_chunk(state: PlaneState, n: int, n_edges: int, points: bool) -> FaceChunk:
    """Take n faces out of the kernel's buffers, as it has left them."""
    out = state.faces
    start = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(out.count[:n], out=start[1:])
    faces = PlaneFaces(
        start, out.corner[:n_edges, :3].copy(), out.corner[:n_edges, 3].copy(),
        out.unit[:n_edges].copy(), out.piece[:n_edges].copy(), out.form[:n_edges].copy(),
        out.sign[:n_edges].astype(np.int8), out.hash[:n].copy(), out.target[:n_edges].copy(),
    )  # fmt: skip
    return FaceChunk(faces, out.point[: n_edges if points else 0].copy(), {})


class ExactEdges:
    """Edges of faces in rationals, from their codes and the forms of their lines.

    Parameters
    ----------
    forms : ExactForms
    program : Program
    """

    def __init__(self, forms: ExactForms, program: Program) -> None:
        self.forms, self.program = forms, program

    def row(self, faces: PlaneFaces, edge: int, code: np.ndarray) -> Ray:
        """The exact row of an edge's line, slopes first, not negative inside."""
        unit, form = int(faces.unit[edge]), int(faces.form[edge])
        if unit == IDEAL:
            return Fraction(0), Fraction(0), Fraction(1)
        if unit == SIDE:
            row = self.forms.domain_rows[form]
        else:
            starts = self.program.form_start
            layer = int(np.searchsorted(starts, form, side="right")) - 1
            row = self.forms.form(layer, form - int(starts[layer]), code)
        const, a, b = (fraction(v) * int(faces.sign[edge]) for v in row)
        return a, b, const

    def corners(self, faces: PlaneFaces, face: int, code: np.ndarray) -> list[Ray]:
        """The corners of a face as (x, y, 1), or (x, y, 0) at infinity."""
        begin, end = int(faces.start[face]), int(faces.start[face + 1])
        rows = [self.row(faces, e, code) for e in range(begin, end)]
        out = []
        for i in range(len(rows)):
            x, y, w = cross(rows[i - 1], rows[i])
            out.append((x / w, y / w, Fraction(1)) if w else (x, y, w))
        return out

    def middle(self, faces: PlaneFaces, edge: int, code: np.ndarray) -> list[Fraction]:
        """A point in the relative interior of an edge."""
        face = int(np.searchsorted(faces.start, edge, side="right")) - 1
        corners = self.corners(faces, face, code)
        i = edge - int(faces.start[face])
        a, b = corners[i], corners[(i + 1) % len(corners)]
        if a[2] and b[2]:
            return [(a[n] + b[n]) / 2 for n in range(2)]
        if a[2] or b[2]:
            near, far = (a, b) if a[2] else (b, a)
            return [near[n] + far[n] for n in range(2)]
        row = self.row(faces, edge, code)  # a whole line
        size = row[0] ** 2 + row[1] ** 2
        return [-row[n] * row[2] / size for n in range(2)]

    def flips(self, faces: PlaneFaces, edge: int, code: np.ndarray) -> tuple[tuple[int, int], ...]:
        """The units that change across an edge, with their pieces there."""
        row, middle = self.row(faces, edge, code), self.middle(faces, edge, code)
        point: list[flint.fmpq] = [q(v) for v in middle]
        return beyond(self.forms, code, point, [q(-row[0]), q(-row[1])])


def settle_touched(
    chunk: FaceChunk, touched: np.ndarray, codes: np.ndarray, exact: ExactEdges, beyond: Beyond,
    table: np.ndarray,
) -> int:  # fmt: skip
    """Find what lies across the edges of the faces that are marked; how many ask rationals."""
    faces, first, asked = chunk.faces, first_pieces(exact.program), 0
    face_of = np.repeat(np.arange(len(codes)), np.diff(faces.start))
    edges = np.flatnonzero((faces.unit >= 0) & (touched[face_of] != 0))
    settled = np.zeros(len(faces.unit), dtype=bool)
    settled[edges] = beyond.settled(faces, edges, codes[face_of[edges]])
    for face in np.flatnonzero(touched).tolist():
        code = codes[face]
        for edge in range(int(faces.start[face]), int(faces.start[face + 1])):
            if faces.unit[edge] < 0 or settled[edge]:
                continue
            flips, asked = exact.flips(faces, edge, code), asked + 1
            if not flips or flips[0][0] != faces.unit[edge]:
                raise UndecidedError(
                    f"unit {int(faces.unit[edge])}: what changes across an edge does not begin "
                    "with the unit that bends there; this is a defect of exactspline, please "
                    "report it with the network (engine='rational' finds facets without edges)"
                )
            target = faces.hashes[face]
            for unit, piece in flips:
                target = target ^ table[first[unit] + code[unit]] ^ table[first[unit] + piece]
            faces.piece[edge], faces.target[edge] = flips[0][1], target
            if len(flips) > 1:
                chunk.flips[edge] = flips[1:]
    return asked


def facets_of(chunk: FaceChunk, codes: np.ndarray, number: int, sides: int) -> FoundFacets:
    """The facets of a batch whose first region has a number; the sides from ``sides`` on are none.

    Edges without a proved point beyond them have none yet (see `ExactEdges.middle`).
    """
    faces = chunk.faces
    face = np.repeat(np.arange(len(codes)), np.diff(faces.start))
    bends = np.flatnonzero(faces.unit >= 0)
    own = codes[face[bends], faces.unit[bends]]
    upper = faces.piece[bends] > own
    edge = bends[upper]
    down = np.bincount(face[bends[~upper]], minlength=len(codes))
    border = np.flatnonzero((faces.unit == SIDE) & (faces.form < sides))
    place = {int(e): i for i, e in enumerate(edge.tolist())} if chunk.flips else {}
    flips = [
        (place[e], unit, piece)
        for e, others in sorted(chunk.flips.items()) if e in place for unit, piece in others
    ]  # fmt: skip
    columns = np.array(flips, dtype=np.int64).reshape(-1, 3)
    return FoundFacets(
        faces.hashes, down.astype(np.int64), number + face[edge], faces.target[edge],
        faces.unit[edge], faces.piece[edge], faces.form[edge], faces.sign[edge],
        chunk.point[edge, :2], columns[:, 0], columns[:, 1], columns[:, 2],
        number + face[border], faces.form[border].astype(np.int32),
    )  # fmt: skip


def upper_edges(chunk: FaceChunk, codes: np.ndarray) -> np.ndarray:
    """The edges that `facets_of` writes, in its order."""
    faces = chunk.faces
    face = np.repeat(np.arange(len(codes)), np.diff(faces.start))
    bends = np.flatnonzero(faces.unit >= 0)
    return bends[faces.piece[bends] > codes[face[bends], faces.unit[bends]]]


def unscaled(faces: PlaneFaces, coordinates: Coordinates) -> PlaneFaces:
    """Corners in the coordinates as they were, in place."""
    if not coordinates.unchanged:
        with np.errstate(over="ignore", under="ignore"):
            for j, e in enumerate(coordinates.exponents.tolist()):
                faces.corner[:, j] = np.ldexp(faces.corner[:, j], e)
            faces.error = np.ldexp(faces.error, int(coordinates.exponents.max()))
    return faces


def joined(chunks: list[PlaneFaces]) -> PlaneFaces:
    """Faces one after the other."""
    if len(chunks) == 1:
        return chunks[0]
    starts = [f.start[1:] for f in chunks]
    shift = np.cumsum([0, *(len(f.unit) for f in chunks)])[:-1].tolist()
    start = np.concatenate([np.zeros(1, dtype=np.int64), *map(np.add, starts, shift)])

    def both(name: str) -> np.ndarray:
        return np.concatenate([getattr(f, name) for f in chunks])

    names = ("corner", "error", "unit", "piece", "form", "sign", "hashes", "target")
    return PlaneFaces(start, *map(both, names))
