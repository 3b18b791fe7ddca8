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
from operator import mul
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
Whole = tuple[int, ...]  # a form, or a generator, in whole numbers


@dataclass(frozen=True)
class Cell:
    """A polyhedron of full dimension.

    Attributes
    ----------
    facets : list of tuple of int
        Forms, constant first, without a common factor, each >= 0 on it.
    generators : list of tuple of int
        s (1, v) for a vertex v and some s > 0, (0, d) for a ray d and for both directions of a
        line.
    """

    facets: list[Whole]
    generators: list[Whole]

    @property
    def rows(self) -> list[Row]:
        """The facets' forms as rows of rationals."""
        return [[q(v) for v in form] for form in self.facets]

    def holds(self, form: Whole, way: int = 1) -> bool:
        """Whether a form is nowhere negative on the polyhedron (with ``way`` -1: positive)."""
        return all(way * sum(map(mul, form, g)) >= 0 for g in self.generators)

    def misses(self, form: Whole) -> bool:
        """Whether a form is negative everywhere on it."""
        values = ((g[0], sum(map(mul, form, g))) for g in self.generators)
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
    facets = [primitive_multiple(row) for row in essential_rows(rows, dim) or []]
    kept = [[q(v) for v in form] for form in facets]
    return Cell(facets, _directions(generators(kept, dim)))


def _directions(found: Generators) -> list[Whole]:
    out = [primitive_multiple((1, *vertex)) for vertex in found.vertices]
    out += [(0, *ray) for ray in found.rays]
    for line in found.lines:
        out += [(0, *line), (0, *(-v for v in line))]
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
    _check_pairs(cells, forms, dim)
    border: dict[Whole, Row] = {}
    for cell in cells:
        for form, row in zip(cell.facets, cell.rows, strict=True):
            if form not in border and all(other.holds(form) for other in cells):
                border[form] = row
    rows = list(border.values())
    _check_cover(cells, rows, dim)
    return rows


def _check_pairs(cells: Sequence[Cell], forms: Sequence[Sequence[Form]], dim: int) -> None:
    pairs = list(combinations(range(len(cells)), 2))
    for i, j in watched(pairs, len(pairs), "pairs of regions"):
        one, other = cells[i], cells[j]
        if any(map(other.misses, one.facets)) or any(map(one.misses, other.facets)):
            continue
        if not _separated(one, other):
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
                if sum(map(mul, difference, at)):
                    raise ParameterError(_disagree(i, j, c, f, g, at))


def _disagree(i: int, j: int, c: int, f: Form, g: Form, at: Whole) -> str:
    if at[0]:
        corner = [Fraction(v, at[0]) for v in at]
        values = [shown([dot(form, corner)]) for form in (f, g)]
        where = f"at {shown(corner[1:])} they are {' and '.join(values)}"
    else:
        where = f"along {shown([Fraction(v) for v in at[1:]])} they part"
    return (
        f"interpolate: the maps of regions {i} and {j} do not agree where the regions meet: "
        f"{where} (output {c}); a network is continuous"
    )


def _separated(one: Cell, other: Cell) -> bool:
    """Whether a facet of one has the other on its far side."""
    return any(other.holds(form, -1) for form in one.facets) or any(
        one.holds(form, -1) for form in other.facets
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
    squares = {form: sum(v * v for v in form) for cell in cells for form in cell.facets}
    longest = sorted(squares.values(), reverse=True)[:dim]
    return isqrt(prod(max(1, square) for square in longest)) + 2


def _gap(cells: Sequence[Cell], rows: Sequence[Row], dim: int) -> list[Fraction] | None:
    """A point of {row > 0} in no polyhedron, looked for beyond the facets' middles."""
    border = [fractions_of(row) for row in rows]
    for cell in cells:
        for form in cell.facets:
            on = [g for g in cell.generators if sum(map(mul, form, g)) == 0]
            corners = [[Fraction(v, g[0]) for v in g] for g in on if g[0]]
            if not corners:
                continue
            middle = [sum(v, Fraction(0)) / len(corners) for v in zip(*corners, strict=True)]
            for ray in on:
                if not ray[0]:
                    middle = [m + v for m, v in zip(middle, ray, strict=True)]
            for bits in (2, 8, 20):
                at = [m - Fraction(v, 2**bits) for m, v in zip(middle[1:], form[1:], strict=True)]
                point = [Fraction(1), *at]
                if all(dot(b, point) > 0 for b in border) and not any(
                    all(sum(map(mul, own, point)) >= 0 for own in other.facets) for other in cells
                ):
                    return at
    return None


def shown(point: Sequence[Fraction]) -> str:
    """A point for people."""
    texts = [brief(v) for v in point]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
