"""Vertices, rays and volume of a polyhedron, exactly, by double description in integers.

The list is complete by construction: every step turns the generators of a cone into those of
its intersection with one more half-space, in integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul

from ..errors import LimitError
from .linear import primitive, primitive_multiple
from .lp import Row

__all__ = ["Generators", "generators", "volume"]

Vector = tuple[int, ...]

_MOST_WORK = 100_000_000  # comparisons of generators; some ten seconds
_MOST_SIMPLICES = 200_000


@dataclass(frozen=True)
class Generators:
    """A polyhedron {t : rows >= 0} as vertices + rays + lines.

    Attributes
    ----------
    vertices : list of tuple of Fraction
        If there are lines: one point of every minimal face.
    rays, lines : lists of tuples of int
        Primitive integer directions.
    tight : list of int
        Per vertex, then per ray: bit i is set where row i vanishes (for a ray: its slope).
    """

    vertices: list[tuple[Fraction, ...]]
    rays: list[Vector]
    lines: list[Vector]
    tight: list[int]


def generators(rows: Sequence[Row], dim: int) -> Generators:
    """Vertices, extreme rays and lines of {t in R^dim : row(t) >= 0 for all rows}.

    Parameters
    ----------
    rows : sequence of rows
        Constant first; the set is not empty.
    dim : int

    Raises
    ------
    LimitError
        If there are too many intermediate generators.

    Notes
    -----
    Motzkin's double description of the cone over the set. Two rays span a face if no third
    one lies on all the constraints that they share.
    """
    cone = _Cone(dim + 1)
    cone.cut((1,) + (0,) * dim)
    for row in rows:
        cone.cut(primitive_multiple(row))
    above = [i for i, ray in enumerate(cone.rays) if ray[0]]
    far = [i for i, ray in enumerate(cone.rays) if not ray[0]]
    return Generators(
        [tuple(Fraction(v, cone.rays[i][0]) for v in cone.rays[i][1:]) for i in above],
        [cone.rays[i][1:] for i in far],
        [line[1:] for line in cone.lines],
        [cone.tight[i] >> 1 for i in (*above, *far)],
    )


class _Cone:
    """A cone by its lines and extreme rays; ``tight[i]`` has the constraints ray i lies on."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.lines: list[Vector] = [tuple([int(i == j) for j in range(dim)]) for i in range(dim)]
        self.rays: list[Vector] = []
        self.tight: list[int] = []
        self.cuts = 0
        self.work = 0

    def cut(self, form: Vector) -> None:
        """Intersect with the half-space form >= 0."""
        bit = 1 << self.cuts
        self.cuts += 1
        for i, line in enumerate(self.lines):
            slope = sum(map(mul, form, line))
            if slope:
                self._spend(form, i, slope, bit)
                return
        values = [sum(map(mul, form, ray)) for ray in self.rays]
        below = [i for i, v in enumerate(values) if v < 0]
        above = [i for i, v in enumerate(values) if v > 0]
        rays = [self.rays[i] for i in above]
        tight = [self.tight[i] for i in above]
        for i, v in enumerate(values):
            if v == 0:
                rays.append(self.rays[i])
                tight.append(self.tight[i] | bit)
        for i, j in self._neighbours(above, below):
            a, b = values[i], -values[j]
            pair = zip(self.rays[j], self.rays[i], strict=True)
            rays.append(primitive([a * v + b * w for v, w in pair]))
            tight.append((self.tight[i] & self.tight[j]) | bit)
        self.rays, self.tight = rays, tight

    def _spend(self, form: Vector, i: int, slope: int, bit: int) -> None:
        """A line that crosses the hyperplane becomes a ray; the rest moves along it into it."""
        line = self.lines.pop(i)
        if slope < 0:
            line, slope = tuple([-v for v in line]), -slope

        def moved(vector: Vector) -> Vector:
            value = sum(map(mul, form, vector))
            pair = zip(vector, line, strict=True)
            return primitive([slope * v - value * w for v, w in pair])

        self.lines = [moved(v) for v in self.lines]
        self.rays = [*(moved(v) for v in self.rays), line]
        self.tight = [*(t | bit for t in self.tight), bit - 1]

    def _neighbours(self, above: list[int], below: list[int]) -> Iterator[tuple[int, int]]:
        """Pairs of rays on either side that span a face of dimension two."""
        enough = self.dim - len(self.lines) - 2  # constraints that such a face lies on
        self._count(len(above) * len(below))
        for i in above:
            for j in below:
                common = self.tight[i] & self.tight[j]
                if common.bit_count() < enough:
                    continue
                self._count(len(self.tight))
                if sum([t & common == common for t in self.tight]) == 2:
                    yield i, j

    def _count(self, steps: int) -> None:
        self.work += steps
        if self.work > _MOST_WORK:
            raise LimitError(
                f"vertices: a region in {self.dim - 1} dimensions with {self.cuts}"
                f" inequalities or more and {len(self.rays):,} vertices so far takes too long; "
                "use chebyshev_center(), project() or constraints(x), or a slice of fewer "
                "dimensions"
            )


def volume(found: Generators, n_rows: int, dim: int) -> Fraction:
    """The dim-dimensional volume of a polytope, exactly.

    Parameters
    ----------
    found : Generators
        Without rays and lines.
    n_rows : int
    dim : int

    Raises
    ------
    LimitError
        If its triangulation has more than 200,000 simplices.

    References
    ----------
    J. Cohen, T. Hickey, "Two algorithms for determining volumes of convex polyhedra", JACM
    1979: each face is the union of the pyramids over its facets that miss its first vertex.
    """
    import flint

    facets = [0] * n_rows
    for v, tight in enumerate(found.tight):
        for row in range(n_rows):
            if tight >> row & 1:
                facets[row] |= 1 << v
    scaled = []
    for vertex in found.vertices:
        denominator = math.lcm(*(c.denominator for c in vertex)) if vertex else 1
        scaled.append(
            (denominator, *(c.numerator * (denominator // c.denominator) for c in vertex))
        )
    total = Fraction(0)
    for n, simplex in enumerate(_triangulation((1 << len(scaled)) - 1, dim, facets)):
        if n == _MOST_SIMPLICES:
            raise LimitError(
                f"volume: a polytope of {len(found.vertices):,} vertices in {dim} dimensions "
                f"falls into more than {_MOST_SIMPLICES:,} simplices; volumes are for few "
                "dimensions: use a slice, or sample the region"
            )
        rows = [scaled[v] for v in simplex]
        size = abs(int(flint.fmpz_mat([list(r) for r in rows]).det()))
        total += Fraction(size, math.prod(r[0] for r in rows))
    return total / math.factorial(dim)


def _triangulation(face: int, dim: int, facets: Sequence[int]) -> Iterator[list[int]]:
    """Simplices, as vertex indices, that fill a face given by the bits of its vertices."""
    if face.bit_count() == dim + 1:
        yield [v for v in range(face.bit_length()) if face >> v & 1]
        return
    apex = (face & -face).bit_length() - 1
    parts = {face & f for f in facets} - {face, 0}
    for part in parts:
        if part >> apex & 1 or any(part != other and part & other == part for other in parts):
            continue
        for simplex in _triangulation(part, dim - 1, facets):
            yield [apex, *simplex]
