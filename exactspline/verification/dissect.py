"""A condition on a closed cell on which all that it compares is affine: disjoint polyhedra.

Comparisons are taken one after the other. Each divides what is left into where it holds and where
it does not, two half-open polyhedra; a linear program in rationals tells which are empty. So the
pieces are disjoint, and their union is where the condition holds, borders included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..clock import check
from ..domain import Domain
from ..polyhedra.guessed_lp import FEW, Guide
from ..polyhedra.lp import ZERO, Optimum, Point, Row, along, minimise, q, value_at
from ..rationals import fraction
from ..statements.affine import Affine
from ..statements.atoms import Applied
from ..statements.conditions import (
    FALSE,
    TRUE,
    And,
    Condition,
    Constant,
    Literal,
    Or,
    conjunction,
    disjunction,
    holds,
)
from ..statements.faces import Cell, Cells
from ..statements.joint import Coordinates, Joint

__all__ = ["AffineCells", "Piece", "pieces"]


@dataclass
class Piece:
    """{closed rows >= 0, open ones > 0, equal ones = 0}, not empty.

    Attributes
    ----------
    point : list of fmpq
        One of it.
    """

    closed: list[Row]
    open: list[Row]
    equal: list[Row]
    point: Point


def pieces(
    condition: Condition, rows: Sequence[Row], inside: Point, row_of: Callable[[Literal], Row]
) -> Iterator[Piece]:
    """Where a condition holds on {rows >= 0}, as disjoint pieces.

    Parameters
    ----------
    condition : Condition
        Without slopes and codes.
    rows : sequence of rows
    inside : list of fmpq
        A point of it.
    row_of : callable
        The form of a comparison there.
    """
    yield from _divided(condition, Piece(list(rows), [], [], list(inside)), row_of)


def _divided(
    condition: Condition, piece: Piece, row_of: Callable[[Literal], Row]
) -> Iterator[Piece]:
    check()
    if isinstance(condition, Constant):
        if condition.value:
            yield piece
        return
    literal = _first(condition)
    row = row_of(literal)
    if not any(row[1:]):
        value = holds(literal.relation, fraction(row[0]))
        yield from _divided(_known(condition, literal, value), piece, row_of)
        return
    for value in (True, False):
        rest = _known(condition, literal, value)
        if rest == FALSE:
            continue
        for part in _where(literal.relation if value else _NEGATED[literal.relation], row, piece):
            yield from _divided(rest, part, row_of)


_NEGATED = {"<=": ">", "<": ">=", "==": "!=", "!=": "=="}


def _where(relation: str, row: Row, piece: Piece) -> Iterator[Piece]:
    """The part of a piece where a form compares so with 0: one piece, two, or none."""
    less = [-v for v in row]
    if relation == "!=":
        yield from _where("<", row, piece)
        yield from _where(">", row, piece)
        return
    closed, open_, equal = list(piece.closed), list(piece.open), list(piece.equal)
    at = value_at(row, piece.point)
    good = {"<=": at <= 0, "<": at < 0, "==": at == 0, ">=": at >= 0, ">": at > 0}[relation]
    if relation == "==":
        equal.append(row)
    elif relation in ("<=", ">="):
        closed.append(less if relation == "<=" else row)
    else:
        open_.append(less if relation == "<" else row)
    point: Point | None = piece.point
    if not good:
        point = _other_point(relation, row, piece, closed, open_, equal)
    if point is not None:
        yield Piece(closed, open_, equal, point)


def _other_point(
    relation: str, row: Row, piece: Piece, closed: list[Row], open_: list[Row], equal: list[Row]
) -> Point | None:
    """A point of a piece where a form has the other sign, or vanishes; None if there is none.

    The point that is known satisfies the rest, so the form is followed from there to where it
    is least (or largest): in floats with a proof that it never comes near 0, else exactly. Where
    the sign changes, the point that is given is strictly inside of all rows that the known one is.
    """
    at = value_at(row, piece.point)
    away = list(row) if at > 0 else [-v for v in row]  # > 0 at the point, or 0 there
    whole = [*piece.closed, *piece.open]
    if at != 0:
        if not piece.equal and is_surely_positive(whole, away, piece.point):
            return None
        both = [*whole, *piece.equal, *([-v for v in r] for r in piece.equal)]
        best = minimise(both, away, piece.point, stop_below=ZERO)
        if best.value is not None and best.value > 0:
            return None
        if best.ray is not None and value_at(away, best.point) >= 0:
            slope = sum((c * v for c, v in zip(away[1:], best.ray, strict=True)), ZERO)
            far = value_at(away, best.point) / -slope + 1
            best = Optimum(None, [a + far * v for a, v in zip(best.point, best.ray, strict=True)],
                           None, [])  # fmt: skip
        there = value_at(away, best.point)
        if there < 0:  # open rows are positive on the way there
            here = value_at(away, piece.point)
            share = here / (here - there)
            if relation != "==":
                share = (1 + share) / 2
            return along(piece.point, best.point, share)
        if relation in ("<", ">"):
            return None  # it is 0 at best
        if all(value_at(r, best.point) > 0 for r in piece.open):
            return best.point
    return Cell(closed, piece.point).point(equal, open_)


def is_surely_positive(rows: Sequence[Row], form: Row, inside: Point) -> bool:
    """Whether floats with error bounds prove that a form is positive where all rows are >= 0.

    Parameters
    ----------
    rows : sequence of rows
        None is constant.
    form : row
    inside : list of fmpq
        Where all of them are >= 0, and the form is positive.
    """
    if len(inside) <= FEW:
        return False
    from ..polyhedra.enclosure import Enclosure

    guide = Guide([*rows, form], inside)
    last, others = len(rows), list(range(len(rows)))
    if guide.ask(last, others) is not None:
        return False
    bases = guide.bases(others)
    return any(Enclosure(guide.table).is_implied(last, [others[k] for k in b]) for b in bases)


def _first(condition: Condition) -> Literal:
    while not isinstance(condition, Literal):
        condition = condition.parts[0]
    return condition


def _known(condition: Condition, literal: Literal, value: bool) -> Condition:
    """A condition where one comparison is known."""
    if condition == literal:
        return TRUE if value else FALSE
    if isinstance(condition, And | Or):
        inner = [_known(part, literal, value) for part in condition.inner]
        return conjunction(inner) if isinstance(condition, And) else disjunction(inner)
    return condition


class AffineCells(Cells):
    """Cells of a joint network on which all that is compared is affine: no comparison cuts them.

    Parameters
    ----------
    joint : Joint
    domain : Domain
        Of the joint coordinates.
    applied : Applied
        The network whose regions are asked for.
    coordinates : Coordinates
    """

    def __init__(
        self, joint: Joint, domain: Domain, applied: Applied, coordinates: Coordinates
    ) -> None:
        super().__init__(joint, domain)
        self._coordinates = coordinates
        n = joint.network.program.n_units
        self.is_bend = np.ones(n, dtype=bool)
        self.is_bend[joint.compared] = False
        self._own = np.zeros(n, dtype=bool)
        self._own[joint.code_of(applied, np.arange(n))] = True

    def affine_rows(self, code: np.ndarray) -> tuple[list[Row], list[Row]]:
        """Rows of the network's region and of the domain; and those of other bends."""
        program, forms = self._program, self._forms
        code = code.astype(np.int64)
        own, others = [list(row) for row in forms.domain_rows], list[Row]()
        for index, layer in enumerate(program.layers):
            units, start = layer.units, int(program.unit_start[index])
            for k in np.flatnonzero(self.is_bend[start : start + len(units)]).tolist():
                into = own if self._own[start + k] else others
                for condition in units.conditions(k, int(code[start + k])):
                    check()
                    row = forms.form(index, condition.form, code)
                    if any(row[1:]):
                        into.append(list(row) if condition.sign > 0 else [-v for v in row])
        return own, others

    def linear(self, form: Affine) -> Row:
        """A form of inputs alone."""
        const, terms = self._coordinates.row(form)
        row = [q(const)] + [q(0)] * self._coordinates.dim
        for j, v in terms.items():
            row[1 + j] = q(v)
        return row

    def row_of(self, code: np.ndarray) -> Callable[[Literal], Row]:
        """The forms of comparisons on the cell of a code."""
        columns, known = self.joint.columns, dict[Literal, Row]()

        def of(literal: Literal) -> Row:
            if literal not in known:
                column = columns.get(literal.form)
                less = columns.get(literal.form.times(Fraction(-1)))
                if column is not None:
                    known[literal] = self.compared(code, column)
                elif less is not None:
                    known[literal] = [-v for v in self.compared(code, less)]
                else:
                    known[literal] = self.linear(literal.form)
            return known[literal]

        return of
