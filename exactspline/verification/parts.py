"""Parts of a domain as polyhedra with exact half-spaces, some of which leave their border out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import DomainError
from ..mode import guarded
from ..partition.regions.coordinates import Coordinates
from ..partition.regions.inequalities import inequality_text
from ..polyhedra.linear import primitive_multiple
from ..polyhedra.lp import Point, Row, interior_point, q, value_at
from ..polyhedra.reduce import side_facets
from ..polyhedra.vertices import Generators, generators, volume
from ..rationals import format_rational, fraction, to_fraction
from ..statements.faces import Cell

if TYPE_CHECKING:
    from ..domain import Domain

__all__ = ["HalfSpace", "Part", "part_of"]


class HalfSpace(NamedTuple):
    """coefficients . t <= bound, < bound or == bound, exactly, in the domain's coordinates t.

    Examples
    --------
    >>> str(HalfSpace((Fraction(1), Fraction(0)), Fraction(1, 2), "<"))
    'x[0] < 1/2'
    """

    coefficients: tuple[Fraction, ...]
    bound: Fraction
    relation: str
    letter: str = "x"

    def __str__(self) -> str:
        text = inequality_text(self.bound, [-c for c in self.coefficients], self.letter)
        if self.relation == "==":
            return text.replace(">=", "==").replace("<=", "==")
        return text if self.relation == "<=" else text.replace("=", "")


@guarded
@dataclass(frozen=True, eq=False, repr=False)
class Part:
    """A polyhedron of inputs, exactly: half-spaces, closed or open, and hyperplanes.

    Attributes
    ----------
    domain : Domain
        In the coordinates of which (the inputs themselves, unless it is a slice or thinner than
        its space) half-spaces, points and volumes are.
    code : tuple of int
        Of the region of the network that it is in the closure of.
    point : tuple of Fraction
        One of it; of a polyhedron with interior, one strictly inside.
    is_thin : bool
        Whether it has no interior.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]], [-1]), es.ReLU()], (2,))
    >>> found = es.enumerate_regions(net, es.Box(0, 1, dim=2), where=lambda x: net(x)[0] > "1/2")
    >>> [str(side) for side in found[0].parts[0].half_spaces]
    ['x[0] <= 1', 'x[1] <= 1', '2 x[0] + 2 x[1] > 3']
    """

    domain: Domain
    code: tuple[int, ...]
    point: tuple[Fraction, ...]
    is_thin: bool
    _closed: list[Row] = field(default_factory=list)  # each >= 0
    _open: list[Row] = field(default_factory=list)  # each > 0
    _equal: list[Row] = field(default_factory=list)

    def __repr__(self) -> str:
        text = " and ".join(str(side) for side in self.half_spaces[:4])
        more = len(self.half_spaces) - 4
        return f"<Part: {text or 'all'}{f' and {more} more' if more > 0 else ''}>"

    @property
    def _inside(self) -> Point:
        return [q(v) for v in self.point]

    @cached_property
    def _rows(self) -> tuple[list[Row], list[Row]]:
        """Closed and open rows, without those that the others imply."""
        closed, open_ = _distinct(self._closed, self._open)
        both = [*closed, *open_]
        if self.is_thin or not both:
            return closed, open_
        kept = set(side_facets(both, self._inside))
        n = len(closed)
        facets = [both[i] for i in sorted(kept)]
        cell = Cell(facets, self._inside)
        return [row for i, row in enumerate(closed) if i in kept], [
            row for i, row in enumerate(open_)
            if n + i in kept or cell.touches(row) is not None  # leaves out a lower face
        ]  # fmt: skip

    @cached_property
    def half_spaces(self) -> tuple[HalfSpace, ...]:
        """What describes it: nothing that the others imply, of a polyhedron with interior.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> found = es.enumerate_regions(net, es.Box([-1], [2]), where=lambda x: net(x)[0] >= 1)
        >>> [tuple(map(str, side.coefficients)) for side in found[0].parts[0].half_spaces]
        [('-1',), ('1',)]
        """
        closed, open_ = self._rows
        sides = [(row, "<=") for row in closed] + [(row, "<") for row in open_]
        letter = "x" if Coordinates(self.domain.chart).full else "t"
        out = [_half_space([-v for v in row], relation, letter) for row, relation in sides]
        return (*out, *(_half_space(row, "==", letter) for row in self._equal))

    def to_dict(self) -> dict[str, Any]:
        """What it is as plain values, Fractions as text; for JSON.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> found = es.preimage(net, es.Box([-1], [2]), lambda x: net(x)[0] > 1)
        >>> found[0].to_dict()["half_spaces"][0]
        {'coefficients': ['1'], 'relation': '<=', 'bound': '2'}
        """
        return {
            "code": list(self.code), "point": [format_rational(v) for v in self.point],
            "thin": self.is_thin,
            "half_spaces": [
                {
                    "coefficients": [format_rational(v) for v in side.coefficients],
                    "relation": side.relation, "bound": format_rational(side.bound),
                }
                for side in self.half_spaces
            ],
        }  # fmt: skip

    def contains(self, x: Any) -> bool:
        """Whether an input is in it, exactly.

        Parameters
        ----------
        x : sequence of numbers
            Floats as the rationals that they are, Fractions, texts.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> found = es.enumerate_regions(net, es.Box([-1], [2]), where=lambda x: net(x)[0] < 1)
        >>> [[own.parts[0].contains([v]) for own in found] for v in (-1, "1/2", 1)]
        [[True, False], [False, True], [False, False]]
        """
        given = [to_fraction(v, "contains: x") for v in np.asarray(x, dtype=object).reshape(-1)]
        if len(given) != self.domain.dim:
            raise DomainError(
                f"contains: a point of {len(given)} numbers; the domain is in R^{self.domain.dim}"
            )
        t = Coordinates(self.domain.chart).of(given)
        return t is not None and self._has([q(v) for v in t])

    def _has(self, t: Point) -> bool:
        return (
            all(value_at(row, t) >= 0 for row in self._closed)
            and all(value_at(row, t) > 0 for row in self._open)
            and all(value_at(row, t) == 0 for row in self._equal)
        )

    def _holds_all_of(self, other: Part) -> bool:
        """Whether another part is a subset: a linear program a row."""
        if not self._has(other._inside):
            return False
        closed, open_ = self._rows
        cell = Cell(other._closed, other._inside)
        for row in (*closed, *self._equal, *([-v for v in r] for r in self._equal)):
            if cell.point(other._equal, [*other._open, [-v for v in row]]) is not None:
                return False
        for row in open_:
            below = Cell([*other._closed, [-v for v in row]], other._inside)
            if below.point(other._equal, other._open) is not None:
                return False
        return True

    @cached_property
    def _generators(self) -> Generators:
        closed, open_ = self._rows
        equal = [*self._equal, *([-v for v in row] for row in self._equal)]
        return generators([*closed, *open_, *equal], self.domain.chart.dim)

    @property
    def is_bounded(self) -> bool:
        """Whether it is bounded, exactly.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> found = es.enumerate_regions(net, es.WholeSpace(1), where=lambda x: net(x)[0] >= 1)
        >>> found[0].parts[0].is_bounded
        False
        """
        return not (self._generators.rays or self._generators.lines)

    def vertices(self) -> list[tuple[Fraction, ...]]:
        """The vertices of its closure, sorted; of one that holds a line, there are none.

        Raises
        ------
        LimitError
            If there are too many.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> found = es.enumerate_regions(net, es.Box([-1], [2]), where=lambda x: net(x)[0] >= 1)
        >>> [str(v) for (v,) in found[0].parts[0].vertices()]
        ['1', '2']
        """
        return [] if self._generators.lines else sorted(self._generators.vertices)

    def volume(self) -> Fraction | float:
        """Its volume in the domain's coordinates, exactly; ``math.inf`` if it is unbounded.

        Raises
        ------
        LimitError
            If there are too many vertices, or simplices in a triangulation.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> found = es.enumerate_regions(net, es.Box([-1], [2]), where=lambda x: net(x)[0] >= "1/3")
        >>> str(found[0].parts[0].volume())
        '5/3'
        """
        if self.is_thin:
            return Fraction(0)
        if not self.is_bounded:
            return math.inf
        closed, open_ = self._rows
        return volume(self._generators, len(closed) + len(open_), self.domain.chart.dim)


def part_of(
    domain: Domain, code: Sequence[int], point: Point, closed: Sequence[Row],
    open_: Sequence[Row], equal: Sequence[Row],
) -> Part:  # fmt: skip
    """The set {closed rows >= 0, open ones > 0, others = 0}, of which one point is known.

    Without interior, rows that vanish on all of it become equalities.
    """
    closed, open_ = _distinct(closed, open_)
    word = tuple(int(v) for v in code)
    rows = [*closed, *open_]
    if not equal:
        inside: Point | None = point
        if any(value_at(row, point) <= 0 for row in rows):
            inside = Cell([], point).point([], rows)
        if inside is not None:
            return Part(domain, word, _short(inside), False, closed, open_)
    both = [*rows, *equal, *([-v for v in row] for row in equal)]
    found = interior_point(both, len(point))
    assert found is not None
    flat = {i for i in found[1] if i < len(closed)}
    new = [*equal, *(closed[i] for i in sorted(flat))]
    kept = [row for i, row in enumerate(closed) if i not in flat]
    return Part(domain, word, _short(found[0]), True, kept, open_, _independent(new))


def _short(point: Point) -> tuple[Fraction, ...]:
    return tuple(fraction(v) for v in point)


def _distinct(closed: Sequence[Row], open_: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Of rows with one direction the tightest, open before closed; no constant ones."""
    best: dict[tuple[Any, ...], tuple[Any, bool, Row]] = {}
    for is_open, rows in ((False, closed), (True, open_)):
        for row in rows:
            size = max((abs(v) for v in row[1:]), default=q(0))
            if size == 0:
                continue
            key, level = tuple(v / size for v in row[1:]), row[0] / size
            known = best.get(key)
            if known is None or level < known[0] or (level == known[0] and is_open):
                best[key] = (level, is_open, row)
    return (
        [row for _, is_open, row in best.values() if not is_open],
        [row for _, is_open, row in best.values() if is_open],
    )


def _independent(rows: Sequence[Row]) -> list[Row]:
    """Rows with the same common zeros, none of which the others imply."""
    from ..polyhedra.linear import echelon, matrix_of

    solved, _ = echelon(matrix_of([*row[1:], row[0]] for row in rows))
    return [[row[-1], *row[:-1]] for row in map(list, solved) if any(row)]


def _half_space(row: Row, relation: str, letter: str) -> HalfSpace:
    """row <= 0, in integers without a common factor."""
    whole = primitive_multiple(row)
    slopes = tuple(Fraction(v) for v in whole[1:])
    return HalfSpace(slopes, Fraction(-whole[0]), relation, letter)
