"""All faces of one polyhedron, exactly, from its vertices, rays and lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import flint

from ..rationals import fractions
from .linear import echelon, matrix_of, primitive_multiple, rank_of
from .lp import Row
from .vertices import Generators, generators

__all__ = ["Lattice", "PolyhedronFace", "lattice"]

Vector = tuple[Fraction, ...]


@dataclass(frozen=True)
class PolyhedronFace:
    """A nonempty face of a polyhedron.

    Attributes
    ----------
    dim : int
    vertices, rays : lists of int
        Which of the polyhedron's vertices and rays span it (with all its lines).
    tight : int
        Bit i is set where row i vanishes on it.
    """

    dim: int
    vertices: list[int]
    rays: list[int]
    tight: int


@dataclass(frozen=True)
class Lattice:
    """A polyhedron of full dimension by vertices and rays that do not depend on how it was given.

    Attributes
    ----------
    vertices : list of tuple of Fraction
    rays : list of tuple of int
        Primitive.
    lines : int
        The dimension of the lineality space. If there is one, vertices and rays are those of
        the section of the polyhedron by fixed coordinates that is complementary to it.
    """

    dim: int
    vertices: list[Vector]
    rays: list[tuple[int, ...]]
    lines: int
    normals: list[list[flint.fmpq]]
    tight: list[int]

    def faces(self) -> Iterator[PolyhedronFace]:
        """All nonempty faces, the polyhedron itself first.

        Notes
        -----
        A face is a set of vertices and rays, one bit each. Every nonempty face but the
        polyhedron is an intersection of facets, so intersecting each face that is found with
        each facet finds all of them. The dimension is what the tight rows' rank leaves.
        """
        n = len(self.vertices)
        points = (1 << n) - 1
        whole = (1 << len(self.tight)) - 1
        facets = self._facets(points, whole)
        pending, seen = [whole], {whole}
        while pending:
            face = pending.pop()
            on = []
            for mask, normal in facets:
                part = face & mask
                if part == face:
                    on.append(normal)
                elif part & points and part not in seen:
                    seen.add(part)
                    pending.append(part)
            # two different facets that meet are never parallel
            rank = len(on) if len(on) <= 2 else rank_of(on)
            members = _bits(face)
            tight = self.tight[members[0]]
            for i in members:
                tight &= self.tight[i]
            yield PolyhedronFace(
                self.dim - rank, [i for i in members if i < n],
                [i - n for i in members if i >= n], tight,
            )  # fmt: skip

    def _facets(self, points: int, whole: int) -> list[tuple[int, list[flint.fmpq]]]:
        """The facets as sets, with a normal each: the maximal ones among the rows' faces."""
        masks: dict[int, list[flint.fmpq]] = {}
        for row, normal in enumerate(self.normals):
            mask = 0
            for i, tight in enumerate(self.tight):
                if tight >> row & 1:
                    mask |= 1 << i
            if mask & points and mask != whole:
                masks.setdefault(mask, normal)
        return [
            (mask, normal)
            for mask, normal in masks.items()
            if not any(mask != other and mask & other == mask for other in masks)
        ]


def lattice(rows: Sequence[Row], dim: int) -> Lattice:
    """The face lattice of {t in R^dim : row(t) >= 0 for all rows}, of dimension ``dim``.

    Parameters
    ----------
    rows : sequence of rows
        Constant first; redundant ones do no harm.
    dim : int

    Raises
    ------
    LimitError
        If it has too many vertices.
    """
    found = generators(rows, dim)
    vertices, rays = found.vertices, found.rays
    if found.lines:
        vertices, rays = _sectioned(found)
    return Lattice(dim, vertices, rays, len(found.lines), [row[1:] for row in rows], found.tight)


def _sectioned(found: Generators) -> tuple[list[Vector], list[tuple[int, ...]]]:
    """Vertices and rays moved along the lines until the lines' pivot coordinates vanish.

    The reduced echelon form depends on the lineality space only, so the outcome does, too.
    """
    lines, pivots = echelon(matrix_of(found.lines))
    basis = [fractions(line) for line in lines]

    def moved(vector: Sequence[Fraction]) -> Vector:
        out = list(vector)
        for line, pivot in zip(basis, pivots, strict=True):
            share = out[pivot]
            if share:
                out = [v - share * w for v, w in zip(out, line, strict=True)]
        return tuple(out)

    vertices = [moved(v) for v in found.vertices]
    return vertices, [primitive_multiple(moved([Fraction(v) for v in ray])) for ray in found.rays]


def _bits(mask: int) -> list[int]:
    out = []
    while mask:
        low = mask & -mask
        out.append(low.bit_length() - 1)
        mask ^= low
    return out
