"""The Euler relation as a check of a partition.

The alternating sum over relatively open faces is the Euler characteristic with compact support
chi_c, which is additive over disjoint pieces of a polyhedron; an open face of dimension j is a
copy of R^j and counts (-1)^j. It does not depend on how a set is cut into open faces, so two
sums are known beforehand.

- *Interior faces* make up the domain's relative interior, an open convex set of dimension k, a
  copy of R^k: (-1)^k, for every domain. (All of R^k has no other faces.)
- *All faces* make up the closed domain P. If its recession cone is a linear space of dimension
  l, P is a compact convex set times R^l: (-1)^l. That is 1 for a bounded domain (l = 0) and
  (-1)^k for all of R^k (l = k). Otherwise P holds a ray and not its opposite. Every line along
  it meets P in nothing or in a ray, which begins at a height that is a continuous function of
  the line, P being a polyhedron. So P is a copy of its projection times [0, inf): 0, because
  chi_c([0, inf)) = 1 - 1 is. A half-space, an orthant and a half-open strip have 0.

The sums could hide an error that takes away as much as it adds, such as a ring of regions. So
the facets are checked one by one, too: an interior face of dimension k - 1 lies in the closures
of exactly two regions, one in the border in exactly one. With that no region can be missing:
the domain less finitely many faces of dimension k - 2 is connected, and a path in it from a
region to a point of no region would have to leave the regions' union through a facet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...mode import guarded
from ...polyhedra.vertices import generators
from .faces import Faces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...polyhedra.lp import Row

__all__ = ["EulerReport", "closed_characteristic", "euler_report"]


@guarded
@dataclass(frozen=True)
class EulerReport:
    """Both sides of the Euler relation for a partition.

    Attributes
    ----------
    dimension : int
        k, the domain's dimension.
    f_vector, interior_f_vector : tuples of int
        Faces of every dimension 0 .. k: all, and those not in the domain's border.
    characteristic, expected : int
        The alternating sum over all faces, and what it must be.
    interior_characteristic, interior_expected : int
        The same for the interior faces.
    loose_facets : tuple of int
        Indices of faces of dimension k - 1 that do not lie in exactly two regions' closures
        (in the border: one).

    Examples
    --------
    >>> import exactspline as es
    >>> report = es.enumerate_regions(es.Network([es.ReLU()], (2,))).check_euler()
    >>> report.f_vector, report.characteristic, report.expected, bool(report)
    ((1, 4, 4), 1, 1, True)
    """

    dimension: int
    f_vector: tuple[int, ...]
    interior_f_vector: tuple[int, ...]
    characteristic: int
    expected: int
    interior_characteristic: int
    interior_expected: int
    loose_facets: tuple[int, ...]

    @property
    def holds(self) -> bool:
        """Whether both sums are what they must be, and all facets are shared as they must be.

        Examples
        --------
        >>> import exactspline as es
        >>> es.enumerate_regions(es.Network([es.Abs()], (1,))).check_euler().holds
        True
        """
        sums = self.characteristic, self.interior_characteristic
        return sums == (self.expected, self.interior_expected) and not self.loose_facets

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        lines = []
        for name, faces, found, true in (
            ("all faces", self.f_vector, self.characteristic, self.expected),
            ("interior faces", self.interior_f_vector, self.interior_characteristic,
             self.interior_expected),
        ):  # fmt: skip
            terms = " ".join(
                f"{'-' if j % 2 else '+'} {f:,}" for j, f in enumerate(faces)
            ).removeprefix("+ ")
            verdict = "as it must be" if found == true else f"but it must be {true}"
            lines.append(f"{name}: {terms} = {found}, {verdict}")
        if self.loose_facets:
            lines.append(f"facets not shared as they must be: {len(self.loose_facets):,}")
        return "\n".join(lines)


def euler_report(faces: Faces, sides: Sequence[Row]) -> EulerReport:
    """The Euler relation for the faces of a partition of the domain with the given sides."""
    k = faces.dimension
    loose = []
    for i in faces.of_dimension(k - 1).tolist():
        if len(faces.star(i)) != (1 if faces.on_border[i] else 2):
            loose.append(i)
    return EulerReport(
        k, faces.f_vector(), faces.f_vector(interior=True),
        faces.euler_characteristic(), closed_characteristic(sides, k),
        faces.euler_characteristic(interior=True), (-1) ** k, tuple(loose),
    )  # fmt: skip


def closed_characteristic(sides: Sequence[Row], dim: int) -> int:
    """The Euler characteristic with compact support of {t in R^dim : row(t) >= 0 for all rows}.

    Notes
    -----
    (-1)^l where the recession cone is a linear space of dimension l, else 0.
    """
    found = generators(sides, dim)
    return 0 if found.rays else (-1) ** len(found.lines)
