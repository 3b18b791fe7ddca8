"""The faces of every dimension of the complex that the closures of the regions form.

What makes it a complex
-----------------------
Let A(x) be the set of active pieces of every unit at x, and S(x) the domain's sides that are
tight there. A region's closure is {x : its own pieces are all active}: a polyhedron, whose
conditions are affine on it.

*Face to face.* Let p lie in the closures of R and R', and let g be in the relative interior of
the face of R that has p in its relative interior: the same conditions of R are tight at p and
at g. Where the codes differ in a unit, the pieces r (of R) and r' are both active at p. So the
condition of R that compares r with r' is tight at p, hence at g, and r' is active at g: R' has g
in its closure. A condition of R' that is tight at p says that r' and a third piece s are both
active; then r and s are, which is tight for R as well, and holds at g. So g is in the face of
R' around p, and by symmetry the two faces are one. Every relatively open face of a region is
thus disjoint from any other one, or equal to it.

*One key.* Here a face is known by its vertices and rays, which determine it. It follows that
it is also known by its star (the regions whose closures hold it) and its sides: for p and g
with equal star and sides in faces F and G, the point p - e (g - p) is in the domain for small
e, thus in some region's closure for arbitrarily small e, which then holds p and, the stars
being equal, g. Of two points of a convex set the segment between which goes on beyond p, the
second is in the smallest face around p. So G lies in the closure of F, and F in that of G.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...errors import LimitError, ParameterError
from ...mode import guarded
from ...polyhedra.lattice import Lattice, lattice

if TYPE_CHECKING:
    from ..columns.table import RegionTable

__all__ = ["Face", "Faces", "partition_faces"]

MOST_INCIDENCES = 1_000_000  # pairs of a region and one of its faces; some minutes
_MOST_DIMENSIONS = 16  # a cube of as many has 43 million faces


@guarded
@dataclass(frozen=True)
class Face:
    """A relatively open face.

    Attributes
    ----------
    dim : int
    point : tuple of Fraction
        In its relative interior, in the domain's coordinates.
    star : tuple of int
        Ids of the regions whose closures hold it.
    sides : tuple of int
        The domain's sides (numbered as in `Partition.borders`) that are tight on it; none:
        it lies in the domain's interior.

    Examples
    --------
    >>> import exactspline as es
    >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
    >>> face = omega.faces()[0]
    >>> face.dim, [int(v) for v in face.point], face.star
    (0, [0, 0], (0, 1, 2, 3))
    """

    dim: int
    point: tuple[Fraction, ...]
    star: tuple[int, ...]
    sides: tuple[int, ...]

    @property
    def on_border(self) -> bool:
        """Whether it lies in the domain's border.

        Examples
        --------
        >>> import exactspline as es
        >>> box = es.Box(-1, 1, dim=2)
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), box)  # four squares
        >>> [face.on_border for face in omega.faces()][:5]
        [True, True, False, True, True]
        """
        return bool(self.sides)


@guarded
class Faces:
    """All relatively open faces of a partition, sorted by dimension, star and sides.

    They are disjoint, and the domain is their union. The last ones are the regions, in order.

    Attributes
    ----------
    dimension : int
        k, the domain's dimension.
    dim : int8 array, shape (faces,)
    on_border : bool array, shape (faces,)
        Whether the face lies in the domain's border.

    Notes
    -----
    Two faces differ in star or sides. Face i lies in the closure of face j if and only if its
    star and its sides hold those of j.

    Examples
    --------
    >>> import exactspline as es
    >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
    >>> faces = omega.faces()
    >>> len(faces), faces.dim.tolist()
    (9, [0, 1, 1, 1, 1, 2, 2, 2, 2])
    """

    def __init__(
        self, dimension: int, n_regions: int, dims: Sequence[int], stars: Sequence[tuple[int, ...]],
        sides: Sequence[tuple[int, ...]], spans: Sequence[_Span], generators: _Generators,
    ) -> None:  # fmt: skip
        order = sorted(range(len(dims)), key=lambda i: (dims[i], stars[i], sides[i]))
        self.dimension = dimension
        self.dim = np.array([dims[i] for i in order], dtype=np.int8)
        self.on_border = np.array([bool(sides[i]) for i in order], dtype=bool)
        self._n_regions = n_regions
        self._stars = [stars[i] for i in order]
        self._sides = [sides[i] for i in order]
        self._spans = [spans[i] for i in order]
        self._generators = generators

    def __len__(self) -> int:
        return len(self.dim)

    def __repr__(self) -> str:
        return f"<Faces of {self._n_regions:,} regions: {self.f_vector()}>"

    def __getitem__(self, i: int) -> Face:
        return Face(int(self.dim[i]), self.point(i), self._stars[i], self._sides[i])

    def of_dimension(self, dim: int) -> np.ndarray:
        """The faces of one dimension, as indices.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.faces().of_dimension(1).tolist()
        [1, 2, 3, 4]
        """
        return np.flatnonzero(self.dim == dim)

    def star(self, i: int) -> tuple[int, ...]:
        """Ids of the regions whose closures hold a face.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.faces().star(0)  # all meet in the origin
        (0, 1, 2, 3)
        """
        return self._stars[i]

    def sides(self, i: int) -> tuple[int, ...]:
        """The domain's sides that are tight on a face.

        Examples
        --------
        >>> import exactspline as es
        >>> box = es.Box(-1, 1, dim=2)
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), box)  # four squares
        >>> [omega.side(side) for side in omega.faces().sides(0)]
        ['x[0] >= -1', 'x[1] >= -1']
        """
        return self._sides[i]

    def point(self, i: int) -> tuple[Fraction, ...]:
        """A point in a face's relative interior, exactly, in the domain's coordinates.

        The mean of its vertices, moved by the sum of its rays.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> [int(v) for v in omega.faces().point(0)]
        [0, 0]
        """
        return self._generators.middle(*self._spans[i])

    def f_vector(self, interior: bool = False) -> tuple[int, ...]:
        """How many faces there are of every dimension 0 .. k.

        Parameters
        ----------
        interior : bool
            True: only those that are not in the domain's border.

        Examples
        --------
        >>> import exactspline as es
        >>> box = es.Box(-1, 1, dim=2)
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), box)  # four squares
        >>> omega.faces().f_vector(), omega.faces().f_vector(interior=True)
        ((9, 12, 4), (1, 4, 4))
        """
        chosen = self.dim[~self.on_border] if interior else self.dim
        counts = np.bincount(chosen, minlength=self.dimension + 1)
        return tuple(counts.tolist())

    def euler_characteristic(self, interior: bool = False) -> int:
        """The alternating sum of `f_vector`: sum of (-1)^j f_j.

        Examples
        --------
        >>> import exactspline as es
        >>> box = es.Box(-1, 1, dim=2)
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), box)  # four squares
        >>> omega.faces().euler_characteristic()
        1
        """
        return sum((-1) ** j * f for j, f in enumerate(self.f_vector(interior)))


_Span = tuple[tuple[int, ...], tuple[int, ...]]  # vertices and rays of a face, numbered


class _Generators:
    """Vertices and rays of all regions, each numbered once."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.vertices: dict[tuple[Fraction, ...], int] = {}
        self.rays: dict[tuple[int, ...], int] = {}
        self._vertex: list[tuple[Fraction, ...]] = []
        self._ray: list[tuple[int, ...]] = []

    def numbers(self, found: Lattice) -> tuple[list[int], list[int]]:
        """The numbers of a region's vertices, and of its rays."""
        vertices = [self.vertices.setdefault(v, len(self.vertices)) for v in found.vertices]
        rays = [self.rays.setdefault(v, len(self.rays)) for v in found.rays]
        return vertices, rays

    def middle(self, vertices: Sequence[int], rays: Sequence[int]) -> tuple[Fraction, ...]:
        """The mean of some vertices plus the sum of some rays."""
        if len(self._vertex) != len(self.vertices):
            self._vertex = list(self.vertices)
        if len(self._ray) != len(self.rays):
            self._ray = list(self.rays)
        out = []
        for j in range(self.dim):
            total = sum((self._vertex[i][j] for i in vertices), Fraction(0))
            out.append(total / len(vertices) + sum(self._ray[i][j] for i in rays))
        return tuple(out)


def partition_faces(partition: RegionTable) -> Faces:
    """All faces of a partition; see `Partition.faces`."""
    if not partition.complete:
        raise ParameterError(
            "faces: the search was stopped, so regions, and with them faces, are missing; run "
            "it to its end, or on a smaller domain"
        )
    k = partition.domain.chart.dim
    if k > _MOST_DIMENSIONS:
        raise LimitError(
            f"faces: a domain of {k} dimensions has too many faces to list; take a slice of "
            f"up to {_MOST_DIMENSIONS} dimensions, or partition.edges for the facets alone"
        )
    from ...cells.facets import conditions

    forms = partition._exact_forms
    n_sides = len(forms.domain_rows)
    known = _Generators(k)
    number: dict[_Span, int] = {}
    dims: list[int] = []
    stars: list[list[int]] = []
    sides: list[tuple[int, ...]] = []
    incidences = 0
    for region in range(len(partition)):
        # the domain's sides come first; conditions that others imply, or repeat, do no harm
        rows = [condition.row for condition in conditions(forms, partition.code(region))]
        found = lattice(rows, k)
        vertices, rays = known.numbers(found)
        for face in found.faces():
            incidences += 1
            if incidences > MOST_INCIDENCES:
                raise LimitError(
                    f"faces: over {MOST_INCIDENCES:,} faces of single regions, after "
                    f"{region:,} of {len(partition):,} regions in {k} dimensions; narrow the "
                    "domain, take a slice of fewer dimensions, or partition.edges for the "
                    "facets alone"
                )
            span = (
                tuple(sorted([vertices[i] for i in face.vertices])),
                tuple(sorted([rays[i] for i in face.rays])),
            )
            at = number.setdefault(span, len(dims))
            if at == len(dims):
                dims.append(face.dim)
                stars.append([])
                sides.append(tuple([i for i in range(n_sides) if face.tight >> i & 1]))
            stars[at].append(region)
    return Faces(k, len(partition), dims, [tuple(s) for s in stars], sides, list(number), known)
