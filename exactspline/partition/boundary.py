"""The decision boundary of a classifier: where two outputs are equal and largest, exactly.

Inside a region all outputs are affine, so the region is cut like by a maximum: the part where
an output is the largest is a polyhedron, and its facets are the pieces of the boundary. Where
two outputs are the same function and the largest on a part of full dimension, that part is
reported as it is. Pieces that lie in a facet of regions are found on the facets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import flint

from ..errors import ParameterError
from ..exact.cell import Point, decide
from ..exact.lp import ONE, ZERO, Row, interior_point, q, value_at
from .maps import program_map

if TYPE_CHECKING:
    from .partition import Partition

__all__ = ["BoundaryPiece", "decision_pieces"]

Tied = tuple[int, ...]


@dataclass(frozen=True)
class BoundaryPiece:
    """A polyhedron on which some outputs are equal and no other one is larger.

    Attributes
    ----------
    classes : tuple of int
        All outputs that are equal and largest on it. With a single output f the classes are 0
        (f < 0) and 1 (f > 0), and the boundary is f = 0.
    regions : tuple of int
        The region that it is inside of; two if it lies in the facet between them.
    dim : int
        k - 1 for a piece of the boundary; k where the outputs are equal on a full-dimensional
        part of a region.
    changes : bool
        Whether the largest outputs on its two sides differ. False for a tie that only touches,
        for full-dimensional pieces and in the domain's border.
    side : int or None
        The domain's side it lies in, if it lies in the border.
    point : tuple of Fraction
        In its relative interior, in the domain's coordinates.
    equation : tuple of Fraction, or None
        (constant, coefficients ...): the form that vanishes on it; None if dim is k.
    inequalities : tuple of tuples of Fraction
        Forms, constant first, that are >= 0 on it and with the equation describe it.
    """

    classes: Tied
    regions: tuple[int, ...]
    dim: int
    changes: bool
    side: int | None
    point: tuple[Fraction, ...]
    equation: tuple[Fraction, ...] | None
    inequalities: tuple[tuple[Fraction, ...], ...]

    @property
    def is_full(self) -> bool:
        """Whether the outputs are equal on a set of full dimension."""
        return self.equation is None


def decision_pieces(partition: Partition) -> Iterator[BoundaryPiece]:
    """The pieces inside regions, region by region; then those in facets."""
    if partition.network.program.output.const.size == 0:
        raise ParameterError("decision_boundary: the network has no output")
    regions = _Regions(partition)
    for i in range(len(partition)):
        yield from _inside(regions, i)
    yield from _on_facets(regions, partition)


class _Regions:
    """Exact data of regions, for the few that are asked for again."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.k = partition.domain.chart.dim
        self._outputs: dict[int, list[Row]] = {}
        self._rows: dict[int, list[Row]] = {}

    def outputs(self, i: int) -> list[Row]:
        """The outputs as rows over the domain's coordinates; (0, f) for a single one."""
        if i not in self._outputs:
            from ..search.space import dense_rows

            partition = self.partition
            forms = program_map(partition.network.program, partition.code(i))
            rows = dense_rows(forms.after(partition.domain.chart.point))
            if len(rows) == 1:
                rows.insert(0, [ZERO] * (self.k + 1))
            self._outputs[i] = rows
        return self._outputs[i]

    def rows(self, i: int) -> list[Row]:
        """Rows that describe the region's closure, one a facet."""
        if i not in self._rows:
            self._rows[i] = self.partition[i]._rows
        return self._rows[i]

    def witness(self, i: int) -> Point:
        """A point strictly inside."""
        return [q(v) for v in self.partition.witness(i)]


@dataclass
class _Part:
    """Where some outputs (the same function) are the largest in a region."""

    classes: Tied
    rows: list[Row]  # of the region, then those that say so
    against: list[int]  # the distinct output behind each of the latter
    inside: Point


def _distinct(outputs: Sequence[Row]) -> list[tuple[Row, Tied]]:
    """Outputs grouped by equality."""
    groups: dict[tuple[str, ...], tuple[Row, list[int]]] = {}
    for c, row in enumerate(outputs):
        key = tuple(map(str, row))
        groups.setdefault(key, (row, []))[1].append(c)
    return [(row, tuple(classes)) for row, classes in groups.values()]


def _minus(a: Row, b: Row) -> Row:
    return [x - y for x, y in zip(a, b, strict=True)]


def _parts(rows: list[Row], inside: Point, groups: list[tuple[Row, Tied]]) -> Iterator[_Part]:
    """The full-dimensional parts of a polyhedron where each group is the largest."""
    for a, (form, classes) in enumerate(groups):
        part = _Part(classes, list(rows), [], inside)
        for b, (other, _) in enumerate(groups):
            if a == b:
                continue
            difference = _minus(form, other)
            verdict = decide(part.rows, difference, part.inside)
            if verdict.kind == "negative":
                break
            if verdict.kind == "cut":
                part.rows.append(difference)
                part.against.append(b)
                part.inside = verdict.plus
        else:
            yield part


def _inside(regions: _Regions, i: int) -> Iterator[BoundaryPiece]:
    """The pieces inside one region, and its parts where outputs are the same and largest."""
    groups = _distinct(regions.outputs(i))
    rows = regions.rows(i)
    found: set[Tied] = set()
    for part in _parts(rows, regions.witness(i), groups):
        if len(part.classes) > 1:
            yield _piece(part.classes, (i,), regions.k, False, None, part.inside, None, part.rows)
        for at in range(len(rows), len(part.rows)):
            row = part.rows[at]
            others = part.rows[:at] + part.rows[at + 1 :]
            point = _facet_point(others, row, part.inside)
            if point is None:
                continue
            # all that are as large there; the point is inside the piece, so everywhere on it
            top = value_at(groups[part.against[at - len(rows)]][0], point)
            tied = tuple(
                sorted(c for form, classes in groups if value_at(form, point) == top
                       for c in classes)
            )  # fmt: skip
            if tied in found:
                continue
            found.add(tied)
            yield _piece(tied, (i,), regions.k - 1, True, None, point, row, others)


def _facet_point(others: list[Row], row: Row, inside: Point) -> Point | None:
    """A point in the relative interior of the facet {row = 0}; None if it is none.

    Of several rows with this hyperplane none is a facet against the others; they are told by
    the rest.
    """
    rest = [other for other in others if not _parallel(other, row)]
    verdict = decide(rest, row, inside)
    if verdict.kind != "cut":
        return None
    here, there = value_at(row, inside), value_at(row, verdict.minus)
    share = here / (here - there)
    return [a + share * (b - a) for a, b in zip(inside, verdict.minus, strict=True)]


def _parallel(a: Row, b: Row) -> bool:
    """Whether two rows are positive multiples of each other."""
    j = next(j for j, v in enumerate(b) if v != 0)
    factor = a[j] / b[j]
    return bool(factor > 0) and all(x == factor * y for x, y in zip(a, b, strict=True))


def _on_facets(regions: _Regions, partition: Partition) -> Iterator[BoundaryPiece]:
    """The pieces that lie in facets: of two regions, or in the domain's border."""
    if regions.k == 0:
        return
    edges, borders = partition.edges, partition.borders
    sides = partition._exact_forms.domain_rows
    for e in range(len(edges)):
        i, j = int(edges.source[e]), int(edges.target[e])
        yield from _on_facet(regions, (i, j), edges.row(e), None)
    for i, side in zip(borders.region.tolist(), borders.side.tolist(), strict=True):
        yield from _on_facet(regions, (i,), sides[side], side)


def _on_facet(
    regions: _Regions, pair: tuple[int, ...], row: Row, side: int | None
) -> Iterator[BoundaryPiece]:
    i = pair[0]
    outputs = regions.outputs(i)
    section = _Section(row)
    groups = _distinct([section.of(form) for form in outputs])
    if all(len(classes) == 1 for _, classes in groups):
        return
    rows = [section.of(r) for r in regions.rows(i) if not _parallel(r, row)]
    rows = [r for r in rows if any(r[1:])]
    start = interior_point(rows, regions.k - 1)
    assert start is not None and not start[1]  # a facet is full-dimensional in its hyperplane
    for part in _parts(rows, start[0], groups):
        if len(part.classes) == 1:
            continue
        near = [_largest_behind(outputs, part.classes, row)]
        if len(pair) == 2:
            away = [-v for v in row]
            near.append(_largest_behind(regions.outputs(pair[1]), part.classes, away))
        if any(set(part.classes) <= set(largest) for largest in near):
            continue  # they tie on a full-dimensional part, whose closure holds this piece
        inequalities = [section.back(r) for r in part.rows]
        changes = len(pair) == 2 and near[0] != near[1]
        point = section.lift(part.inside)
        yield _piece(part.classes, pair, regions.k - 1, changes, side, point, row, inequalities)


def _largest_behind(outputs: list[Row], classes: Tied, row: Row) -> Tied:
    """Of outputs that are equal where the row vanishes, the largest where it is positive."""
    j = next(j for j, v in enumerate(row) if j and v != 0)
    first = outputs[classes[0]]
    rates = [(outputs[c][j] - first[j]) / row[j] for c in classes]
    return tuple(c for c, rate in zip(classes, rates, strict=True) if rate == max(rates))


class _Section:
    """A hyperplane in coordinates of its own: all but one of the space's."""

    def __init__(self, row: Row) -> None:
        self.j = next(j for j, v in enumerate(row) if j and v != 0)
        self.solved = [-v / row[self.j] for v in row]  # coordinate j by the others

    def of(self, form: Row) -> Row:
        """A form restricted to the hyperplane."""
        factor = form[self.j]
        out = [a + factor * b for a, b in zip(form, self.solved, strict=True)]
        return out[: self.j] + out[self.j + 1 :]

    def back(self, form: Row) -> Row:
        """A restricted form as one of the space."""
        return [*form[: self.j], ZERO, *form[self.j :]]

    def lift(self, point: Point) -> Point:
        """A point of the hyperplane in the space's coordinates."""
        at = [ONE, *point]
        full = [*at[: self.j], ZERO, *at[self.j :]]
        total = sum((a * b for a, b in zip(self.solved, full, strict=True)), ZERO)
        full[self.j] = total
        return full[1:]


def _piece(
    classes: Tied, pair: tuple[int, ...], dim: int, changes: bool, side: int | None, point: Point,
    equation: Row | None, rows: Sequence[Row],
) -> BoundaryPiece:  # fmt: skip
    return BoundaryPiece(
        classes, pair, dim, changes, side, _fractions(point),
        None if equation is None else _fractions(equation),
        tuple(_fractions(row) for row in rows),
    )  # fmt: skip


def _fractions(values: Sequence[flint.fmpq]) -> tuple[Fraction, ...]:
    return tuple(Fraction(int(v.p), int(v.q)) for v in values)
