"""Polyhedra with an affine map each: whether they are one continuous function on a convex set.

Three things are decided, exactly. No two polyhedra share an inner point: one of their facets
separates them, or an exact linear program finds no such point. Maps agree where polyhedra meet: at
the vertices, rays and lines of every intersection. They fill a convex set: the set D of the facets'
half-spaces that hold them all. It holds their union, and is the union exactly where the volumes are
equal, inside of a box that is large enough: every cell of the arrangement of all facets'
hyperplanes and of the coordinates' has a face with a point whose coordinates are quotients of
determinants of whole numbers, at most Hadamard's bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import isqrt, prod
from typing import Any

from ...domain.chart import Domain
from ...domain.rows import all_rows, dense_rows
from ...errors import DomainError, ParameterError
from ...network.operator import brief
from ...partition.regions.coordinates import Coordinates
from ...partition.regions.region import Region
from ...polyhedra.decide import interior
from ...polyhedra.linear import primitive_multiple
from ...polyhedra.lp import Row, feasible_point, q
from ...polyhedra.reduce import essential_rows
from ...polyhedra.vertices import Generators, generators, volume
from ..common.region_maps import dot, fractions_of
from ..common.watch import watched

__all__ = ["Cell", "cell_of", "domain_rows", "shown"]

Form = tuple[Fraction, ...]  # constant first


@dataclass(frozen=True)
class Cell:
    """A polyhedron of full dimension.

    Attributes
    ----------
    rows : list of rows
        One a facet, each >= 0 on it, in whole numbers without a common factor.
    generators : list of tuple of Fraction
        (1, v) for a vertex v, (0, d) for a ray d and for both directions of a line.
    """

    rows: list[Row]
    generators: list[Form]

    def least(self, form: Sequence[Fraction]) -> bool:
        """Whether a form is nowhere negative on the polyhedron."""
        return all(dot(form, g) >= 0 for g in self.generators)

    def misses(self, form: Sequence[Fraction]) -> bool:
        """Whether a form is negative everywhere on it."""
        values = ((g[0], dot(form, g)) for g in self.generators)
        return all(v < 0 if corner else v <= 0 for corner, v in values)


def cell_of(region: Any, where: str) -> Cell:
    """The polyhedron that a domain or a region is.

    Raises
    ------
    ParameterError, DomainError
    """
    if isinstance(region, Region):
        chart, rows = region.domain.chart, list(region._rows)
    elif isinstance(region, Domain):
        chart = region.chart
        rows = dense_rows(all_rows(chart.low, chart.high, chart.rows, chart.dim))
    else:
        raise ParameterError(
            f"{where}: a {type(region).__name__} is no region; give a Box, a Polytope or a Region"
        )
    if not Coordinates(chart).full:
        raise DomainError(f"{where}: the region is flat, or on a slice; give one with an inside")
    return of_rows(rows, chart.dim)


def of_rows(rows: Sequence[Row], dim: int) -> Cell:
    """A polyhedron with an inside from rows that describe it, of which some may be implied."""
    kept = [[q(v) for v in primitive_multiple(row)] for row in essential_rows(rows, dim) or []]
    return Cell(kept, _directions(generators(kept, dim)))


def _directions(found: Generators) -> list[Form]:
    one, zero = Fraction(1), Fraction(0)
    out: list[Form] = [(one, *v) for v in found.vertices]
    for ray in found.rays:
        out.append((zero, *map(Fraction, ray)))
    for line in found.lines:
        out += [(zero, *map(Fraction, line)), (zero, *(-Fraction(v) for v in line))]
    return out


def domain_rows(cells: Sequence[Cell], forms: Sequence[Sequence[Form]], dim: int) -> list[Row]:
    """The rows of the convex set that is the union of polyhedra.

    Parameters
    ----------
    cells : sequence of Cell
    forms : sequence of sequences of forms
        Per cell its map, a form an output.
    dim : int

    Raises
    ------
    ParameterError
        If two of them overlap or do not agree, or the union is not convex.
    """
    facets = [[tuple(fractions_of(row)) for row in cell.rows] for cell in cells]
    _check_pairs(cells, facets, forms, dim)
    border: dict[Form, Row] = {}
    for cell, own in zip(cells, facets, strict=True):
        for row, form in zip(cell.rows, own, strict=True):
            if form not in border and all(other.least(form) for other in cells):
                border[form] = row
    rows = list(border.values())
    _check_cover(cells, rows, dim)
    return rows


def _check_pairs(
    cells: Sequence[Cell], facets: Sequence[Sequence[Form]],
    forms: Sequence[Sequence[Form]], dim: int,
) -> None:  # fmt: skip
    pairs = list(combinations(range(len(cells)), 2))
    for i, j in watched(pairs, len(pairs), "pairs of regions"):
        one, other = cells[i], cells[j]
        if any(other.misses(form) for form in facets[i]) or any(
            one.misses(form) for form in facets[j]
        ):
            continue
        if not _separated(one, other, facets[i], facets[j]):
            inside = interior([*one.rows, *other.rows], dim)
            if inside is not None:
                raise ParameterError(
                    f"interpolate: regions {i} and {j} overlap, at {shown(fractions_of(inside))}; "
                    "give regions without common inner points"
                )
        if list(forms[i]) == list(forms[j]):
            continue
        rows = essential_rows([*one.rows, *other.rows], dim)
        if rows is None or feasible_point(rows, dim) is None:
            continue
        meet = _directions(generators(rows, dim))
        for c, (f, g) in enumerate(zip(forms[i], forms[j], strict=True)):
            difference = [a - b for a, b in zip(f, g, strict=True)]
            for at in meet:
                if dot(difference, at):
                    raise ParameterError(_disagree(i, j, c, f, g, at))


def _disagree(i: int, j: int, c: int, f: Form, g: Form, at: Form) -> str:
    if at[0]:
        where = f"at {shown(at[1:])} they are {shown([dot(f, at)])} and {shown([dot(g, at)])}"
    else:
        where = f"along {shown(at[1:])} they part"
    return (
        f"interpolate: the maps of regions {i} and {j} do not agree where the regions meet: "
        f"{where} (output {c}); a network is continuous"
    )


def _separated(one: Cell, other: Cell, facets: Sequence[Form], others: Sequence[Form]) -> bool:
    """Whether a facet of one has the other on its far side."""
    return any(other.least([-v for v in form]) for form in facets) or any(
        one.least([-v for v in form]) for form in others
    )


def _check_cover(cells: Sequence[Cell], rows: Sequence[Row], dim: int) -> None:
    """Whether the polyhedra, which do not overlap, fill {row >= 0}."""
    box: list[Row] = []
    if any(not g[0] for cell in cells for g in cell.generators):
        size = _reach(cells, dim)
        for j in range(dim):
            for sign in (1, -1):
                box.append([q(size), *(q(sign if i == j else 0) for i in range(dim))])
    whole = _volume([*rows, *box], dim)
    filled = sum((_volume([*cell.rows, *box], dim) for cell in cells), Fraction(0))
    if filled == whole:
        return
    at = _gap(cells, rows, dim)
    raise ParameterError(
        "interpolate: the regions do not fill a convex set"
        + (f": their convex hull also has {shown(at)}" if at is not None else "")
        + "; give all regions of a convex domain"
    )


def _volume(rows: Sequence[Row], dim: int) -> Fraction:
    found = generators(rows, dim)
    return volume(found, len(rows), dim)


def _reach(cells: Sequence[Cell], dim: int) -> int:
    """Beyond all corners of the arrangement of the facets' and the coordinates' hyperplanes."""
    squares = {tuple(map(int, row)): sum(int(v) ** 2 for v in row) for c in cells for row in c.rows}
    longest = sorted(squares.values(), reverse=True)[:dim]
    return isqrt(prod(max(1, square) for square in longest)) + 2


def _gap(cells: Sequence[Cell], rows: Sequence[Row], dim: int) -> list[Fraction] | None:
    """A point of {row > 0} in no polyhedron, looked for beyond the facets' middles."""
    border = [fractions_of(row) for row in rows]
    for cell in cells:
        for row in cell.rows:
            form = fractions_of(row)
            on = [g for g in cell.generators if dot(form, g) == 0]
            corners = [g for g in on if g[0]]
            if not corners:
                continue
            middle = [sum(v, Fraction(0)) / len(corners) for v in zip(*corners, strict=True)]
            for ray in on:
                if not ray[0]:
                    middle = [m + v for m, v in zip(middle, ray, strict=True)]
            for bits in (2, 8, 20):
                at = [m - v / 2**bits for m, v in zip(middle[1:], form[1:], strict=True)]
                point = [Fraction(1), *at]
                if all(dot(b, point) > 0 for b in border) and not any(
                    all(dot(fractions_of(r), point) >= 0 for r in other.rows) for other in cells
                ):
                    return at
    return None


def shown(point: Sequence[Fraction]) -> str:
    """A point for people."""
    texts = [brief(v) for v in point]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
