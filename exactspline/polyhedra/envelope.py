"""Where several affine forms on a polyhedron are the greatest, and where they tie, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import flint

from ..mode import guarded
from .decide import Verdict
from .lp import ZERO, Point, Row, crossing, value_at
from .verdicts import Judge

__all__ = ["Envelope", "Hyperplane", "Tie", "envelope"]


@dataclass(frozen=True)
class Tie:
    """A set of dimension k - 1 inside a polyhedron on which several forms are the greatest.

    Attributes
    ----------
    forms : tuple of int
        All that tie on it.
    near, far : int
        The greatest one on either side.
    point : list of fmpq
        In its relative interior; strictly inside the polyhedron.
    """

    forms: tuple[int, ...]
    near: int
    far: int
    point: Point


@dataclass(frozen=True)
class Envelope:
    """The maximum of different affine forms on a full-dimensional polyhedron.

    Attributes
    ----------
    cells : dict of int to point
        The forms that are the greatest on a set with interior, each with a point strictly
        inside the polyhedron where it is greater than all others.
    ties : list of Tie
        Where two of these sets share a set of dimension k - 1.
    """

    cells: dict[int, Point]
    ties: list[Tie]


def envelope(rows: Sequence[Row], forms: Sequence[Row], inside: Point) -> Envelope:
    """The maximum of affine forms on {rows >= 0}.

    Parameters
    ----------
    rows : sequence of rows
        They describe a set with interior.
    forms : sequence of rows
        Different from each other.
    inside : list of fmpq
        Strictly inside all rows.

    Notes
    -----
    One exact linear program for each form where one form is the greatest everywhere; else up
    to three for each pair of forms that are not beaten everywhere by one of them.

    Of the forms that tie on a hyperplane through the interior, the differences are multiples
    of one form there. So the greatest and the least multiple win on either side, and every tie
    of dimension k - 1 is shared by two cells.
    """
    values = [value_at(form, inside) for form in forms]
    top = max(range(len(forms)), key=values.__getitem__)
    first = _Differences(rows, forms, inside, [(top, h) for h in range(len(forms)) if h != top])
    above: dict[int, Point] = {}  # strictly above the top one somewhere, and where
    below: Point = inside
    for h in range(len(forms)):
        if h != top:
            verdict = first.decide([], (top, h), inside)
            if verdict.kind == "cut":
                above[h], below = verdict.minus, verdict.plus
    if not above:
        return Envelope({top: inside}, [])
    if len(above) == 1:
        (other,) = above
        near, far = sorted((top, other))
        point = crossing(_difference(forms[top], forms[other]), below, above[other])
        cells = {top: below, other: above[other]}
        return Envelope(dict(sorted(cells.items())), [Tie((near, far), near, far, point)])
    players = sorted([top, *above])
    among = _Differences(rows, forms, inside, [(g, h) for g in players for h in players if g != h])
    cells = {}
    for g in players:
        found = _cell(among, g, top, players, above.get(g, inside))
        if found is not None:
            cells[g] = found
    ties = []
    for g, point in cells.items():
        ties.extend(_ties_of(among, forms, g, point, players))
    return Envelope(cells, ties)


Pair = tuple[int, int]


class _Differences:
    """Verdicts on the differences of forms, on a polyhedron and where others are >= 0."""

    def __init__(
        self, rows: Sequence[Row], forms: Sequence[Row], inside: Point, pairs: Sequence[Pair]
    ) -> None:
        self.constant: dict[Pair, Verdict] = {}
        self.number: dict[Pair, int] = {}
        self.rows = list(rows)
        self.walls = list(range(len(rows)))
        for g, h in pairs:
            row = _difference(forms[g], forms[h])
            if any(row[1:]):
                self.number[g, h] = len(self.rows)
                self.rows.append(row)
            else:  # not zero: the forms differ
                self.constant[g, h] = Verdict("positive" if row[0] > 0 else "negative")
        self.judge = Judge(self.rows, inside)

    def decide(self, among: Sequence[Pair], pair: Pair, at: Point) -> Verdict:
        """The sign of a difference where others are >= 0; ``at`` is strictly inside there."""
        if pair in self.constant:
            return self.constant[pair]
        held = [self.number[other] for other in among if other in self.number]
        return self.judge([*self.walls, *held], self.number[pair], at)


def _difference(a: Row, b: Row) -> Row:
    return [v - w for v, w in zip(a, b, strict=True)]


def _cell(
    among: _Differences, g: int, top: int, players: Sequence[int], start: Point
) -> Point | None:
    """A point strictly inside where form g is greater than all players; None without one."""
    own, at = ([] if g == top else [(g, top)]), start
    for h in players:
        if h == g or (h == top and g != top):
            continue
        verdict = among.decide(own, (g, h), at)
        if verdict.kind == "negative":
            return None
        if verdict.kind == "cut":
            own.append((g, h))
            at = verdict.plus
    return at


def _ties_of(
    among: _Differences, forms: Sequence[Row], g: int, point: Point, players: Sequence[int]
) -> list[Tie]:
    """The ties of form g's cell; those with a cell of a lower number are that one's."""
    planes: list[tuple[tuple[flint.fmpq, ...], list[tuple[flint.fmpq, int]]]] = []
    for h in players:
        plane = Hyperplane.of(_difference(forms[g], forms[h]))
        if plane is None:
            continue
        for unit, tied in planes:
            if unit == plane.unit:
                tied.append((plane.size, h))
                break
        else:
            planes.append((plane.unit, [(plane.size, h)]))
    out = []
    for unit, tied in planes:
        far = max(tied, key=lambda entry: entry[0])[1]  # gains the most beyond the hyperplane
        if far < g:
            continue
        group = {h for _, h in tied}
        others = [(g, h) for h in players if h != g and h not in group]
        verdict = among.decide(others, (g, far), point)
        if verdict.kind == "cut":
            middle = crossing(list(unit), verdict.plus, verdict.minus)
            out.append(Tie(tuple(sorted((g, *group))), g, far, middle))
    return out


@guarded
@dataclass(frozen=True)
class Hyperplane:
    """The hyperplane on which a form vanishes: form = size * unit.

    Attributes
    ----------
    unit : tuple of fmpq
        Constant first; its coefficient at ``pivot`` is 1 or -1. Forms that are positive
        multiples of each other have the same one.
    size : fmpq
        Positive.
    pivot : int
        A coordinate that the form varies with.
    """

    unit: tuple[flint.fmpq, ...]
    size: flint.fmpq
    pivot: int

    @staticmethod
    def of(row: Row) -> Hyperplane | None:
        """The hyperplane of a row; None for a constant."""
        pivot = next((c for c, v in enumerate(row[1:]) if v != 0), None)
        if pivot is None:
            return None
        size = abs(row[pivot + 1])
        return Hyperplane(tuple(v / size for v in row), size, pivot)

    def same(self, other: Hyperplane) -> bool:
        """Whether they are one hyperplane, whatever side is positive."""
        if self.pivot != other.pivot:
            return False
        if self.unit[self.pivot + 1] == other.unit[self.pivot + 1]:
            return self.unit == other.unit
        return all(v == -w for v, w in zip(self.unit, other.unit, strict=True))

    def slope(self, row: Row) -> flint.fmpq:
        """How fast a row grows with the unit form, the other coordinates fixed."""
        return row[self.pivot + 1] * self.unit[self.pivot + 1]  # the latter is 1 or -1

    def restricted(self, row: Row) -> Row:
        """A row on the hyperplane, over the other coordinates."""
        share = self.slope(row)
        out = [v - share * w if w else v for v, w in zip(row, self.unit, strict=True)]
        del out[self.pivot + 1]
        return out

    def below(self, point: Point) -> Point:
        """The other coordinates of a point."""
        return [*point[: self.pivot], *point[self.pivot + 1 :]]

    def lifted(self, point: Point) -> Point:
        """The point of the hyperplane with the given other coordinates."""
        full = [*point[: self.pivot], ZERO, *point[self.pivot :]]
        full[self.pivot] = -value_at(list(self.unit), full) * self.unit[self.pivot + 1]
        return full
