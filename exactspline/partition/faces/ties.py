"""Finds the pieces of the decision boundary, region by region, in rationals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ...polyhedra.decide import decide
from ...polyhedra.envelope import Hyperplane, envelope
from ...polyhedra.lp import ZERO, Point, Row, crossing, q
from ..regions.outputs import OutputRows

if TYPE_CHECKING:
    from ..graph.adjacent import AdjacentRegions

__all__ = ["Piece", "RegionRows", "Wall", "find_pieces", "pieces_of_regions", "region_rows"]

Classes = tuple[int, ...]


@dataclass(frozen=True)
class Wall:
    """A facet of a region.

    Attributes
    ----------
    row : list of fmpq
        Positive inside.
    side : int
        The domain's side; -1 if there is a region across.
    other : int
        That region; -1 if it is none of the partition's.
    code : array or None
        Its code, if it is none of the partition's.
    """

    row: Row
    side: int
    other: int = -1
    code: np.ndarray | None = None


@dataclass(frozen=True)
class RegionRows:
    """A region with exact rows: its facets, and the network's outputs."""

    region: int
    inside: Point
    walls: list[Wall]
    outputs: list[Row]


@dataclass(frozen=True)
class Piece:
    """A set on which several outputs are the greatest; see `DecisionBoundary`."""

    region: int
    other: int
    side: int
    classes: Classes
    near: Classes
    far: Classes
    full: bool
    pair: tuple[int, int]
    row: Row
    point: Point


def region_rows(
    partition: AdjacentRegions, rows: OutputRows, regions: Sequence[int] | None = None
) -> Iterator[RegionRows]:
    """Regions (all by default) with their facets and outputs, in order."""
    binary = len(partition.network.program.output) == 1
    walls = _WallsOfEdges(partition) if partition.complete else _WallsOfRegions(partition)
    for region in range(len(partition)) if regions is None else regions:
        code = partition.code(region)
        inside = [q(v) for v in partition.witness(region)]
        outputs = rows(code)
        if binary:  # the greater of 0 and f
            outputs = [[ZERO] * len(outputs[0]), *outputs]
        yield RegionRows(region, inside, walls(region, code, inside, rows), outputs)


class _WallsOfEdges:
    """The facets of regions, from the edges of a complete partition."""

    def __init__(self, partition: AdjacentRegions) -> None:
        self.edges, self.borders = partition.edges, partition.borders

    def __call__(
        self, region: int, code: np.ndarray, inside: Point, rows: OutputRows
    ) -> list[Wall]:
        edges, forms = self.edges, rows.forms
        a, b = np.searchsorted(self.borders.region, [region, region + 1])
        sides = self.borders.side[a:b].tolist()
        out = [Wall(forms.domain_rows[side], side) for side in sides]
        for e in edges.of_region(region):
            # the codes of both regions agree before the form's layer, so its row is the same
            row = forms.form(*edges.form_of(e), code)
            first = int(edges.source[e]) == region
            if (edges.sign[e] > 0) != first:
                row = [-v for v in row]
            out.append(Wall(row, -1, int(edges.target[e] if first else edges.source[e])))
        return out


class _WallsOfRegions:
    """The facets of regions, from each region alone: for a search that was stopped."""

    def __init__(self, partition: AdjacentRegions) -> None:
        self.partition = partition

    def __call__(
        self, region: int, code: np.ndarray, inside: Point, rows: OutputRows
    ) -> list[Wall]:
        from ...cells.facets import conditions
        from ..regions.irredundant import irredundant_facets

        out = []
        for facet in irredundant_facets(rows.forms, code, inside, conditions(rows.forms, code)):
            row, side = facet.condition.row, facet.condition.side
            if side >= 0:
                out.append(Wall(row, side))
                continue
            across = code.copy()
            for unit, piece in facet.flips:
                across[unit] = piece
            other = self.partition._code_index.find(across)
            out.append(Wall(row, -1, code=across) if other is None else Wall(row, -1, other))
        return out


def find_pieces(
    partition: AdjacentRegions, regions: Sequence[int] | None = None
) -> Iterator[Piece]:
    """The pieces of the decision boundary, by regions (all by default); see `DecisionBoundary`.

    What lies in a facet is told by the region with the lower number.
    """
    return (piece for _, piece in pieces_of_regions(partition, regions))


def pieces_of_regions(
    partition: AdjacentRegions, regions: Sequence[int] | None = None
) -> Iterator[tuple[RegionRows, Piece]]:
    """As `find_pieces`, each piece with the rows of its region."""
    rows, across = (OutputRows(partition.network, partition.domain) for _ in range(2))
    for region in region_rows(partition, rows, regions):
        forms, groups = _equal(region.outputs)
        classes = [tuple(group) for group in groups]
        for piece in _inside(region, forms, classes):
            yield region, piece
        planes = [
            Hyperplane.of([v - w for v, w in zip(a, b, strict=True)])
            for a, b in combinations(forms, 2)
        ]
        for number, wall in enumerate(region.walls):
            # what two regions share is told by the one with the lower number
            if 0 <= wall.other < region.region:
                continue
            own = Hyperplane.of(wall.row)
            if own is not None and any(p is not None and own.same(p) for p in planes):
                for piece in _on_wall(partition, region, number, own, forms, classes, across):
                    yield region, piece


def _equal(rows: Sequence[Row]) -> tuple[list[Row], list[list[int]]]:
    """The different ones among some rows, and for each the positions where it stands."""
    different: list[Row] = []
    places: list[list[int]] = []
    for i, row in enumerate(rows):
        for known, place in zip(different, places, strict=True):
            if known == row:
                place.append(i)
                break
        else:
            different.append(row)
            places.append([i])
    return different, places


def _inside(
    region: RegionRows, forms: Sequence[Row], classes: Sequence[Classes]
) -> Iterator[Piece]:
    """Pieces that meet the region's interior."""
    found = envelope([wall.row for wall in region.walls], forms, region.inside)
    for g, point in found.cells.items():
        group = classes[g]
        if len(group) > 1:
            zero = [ZERO] * len(forms[g])
            yield Piece(
                region.region, -1, -1, group, group, group, True, (group[0], group[1]), zero,
                point,
            )  # fmt: skip
    for tie in found.ties:
        near, far = classes[tie.near], classes[tie.far]
        i, j = sorted((near[0], far[0]))
        yield Piece(
            region.region, -1, -1, tuple(sorted(c for g in tie.forms for c in classes[g])),
            near, far, False, (i, j), _difference(region, i, j), tie.point,
        )  # fmt: skip


def _on_wall(
    partition: AdjacentRegions, region: RegionRows, number: int, plane: Hyperplane,
    forms: Sequence[Row], classes: Sequence[Classes], across: OutputRows,
) -> Iterator[Piece]:  # fmt: skip
    """Pieces that lie in a facet of the region.

    There outputs tie that are different inside, if they differ by a multiple of the facet's
    row. What is tied all over one of the regions beside is part of a full-dimensional piece.
    """
    wall = region.walls[number]
    different, tied = _equal([plane.restricted(form) for form in forms])
    others = [w.row for i, w in enumerate(region.walls) if i != number]
    verdict = decide(others, wall.row, region.inside)
    assert verdict.kind == "cut"  # it is a facet
    middle = crossing(wall.row, verdict.plus, verdict.minus)
    found = envelope(
        [row for row in map(plane.restricted, others) if any(row[1:])], different,
        plane.below(middle),
    )  # fmt: skip
    for cell, point in found.cells.items():
        group = tied[cell]
        if len(group) == 1:
            continue
        all_classes = tuple(sorted(c for g in group for c in classes[g]))
        near = classes[max(group, key=lambda g: plane.slope(forms[g]))]
        far: Classes = ()
        if wall.side < 0:
            code = partition.code(wall.other) if wall.code is None else wall.code
            far = _beyond(all_classes, plane, across(code))
            if far == all_classes:
                continue
        rest = [c for c in all_classes if c not in near]
        loser = next((c for c in far if c in rest), rest[0])
        i, j = sorted((near[0], loser))
        yield Piece(
            region.region, wall.other, wall.side, all_classes, near, far, False, (i, j),
            _difference(region, i, j), plane.lifted(point),
        )  # fmt: skip


def _beyond(tied: Classes, plane: Hyperplane, outputs: list[Row]) -> Classes:
    """Which of the outputs that tie on a facet are the greatest right behind it."""
    if len(outputs) == 1:
        outputs = [[ZERO] * len(outputs[0]), *outputs]
    slopes = {c: plane.slope(outputs[c]) for c in tied}
    least = min(slopes.values())
    return tuple(c for c in tied if slopes[c] == least)


def _difference(region: RegionRows, i: int, j: int) -> Row:
    return [a - b for a, b in zip(region.outputs[i], region.outputs[j], strict=True)]
