"""The decisions of one cell: whether forms change sign on it, by one dictionary that goes on.

A decision begins where the one before ended, and a side of a cut with a dictionary of the whole:
so the decisions of a cell share one factorisation, and most need a pivot or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from operator import mul

import flint

from ..clock import check, watched
from .constraints import Constraints
from .dictionary import (
    NONE,
    UNIT,
    Dictionary,
    IntRow,
    at_basis,
    at_point,
    dot,
    homogeneous,
    int_row,
    point_of,
    reduced,
)
from .effort import expect_solution
from .linear import solved
from .lp import ZERO, Point, Row

__all__ = ["CellDecider", "Decision", "cell_of"]

_WIDE = 24  # dimensions above which a guessed basis is not made to a dictionary
_FEW = 2  # rows a dimension that a guessed vertex may violate
_PATIENCE = 2  # pivots a dimension (and one a row) before Bland's rule
_LONG = 1500  # bits of a point's denominator above which a shorter point is looked for
_SHORT = 60  # bits of what is kept then


@dataclass(slots=True)
class Decision:
    """What a form does on a cell.

    Attributes
    ----------
    kind : str
        'positive', 'negative', 'zero' or 'cut'.
    minus, plus : CellDecider or None
        The two sides of a cut.
    """

    kind: str
    minus: CellDecider | None = None
    plus: CellDecider | None = None

    def side(self, sign: int) -> CellDecider:
        """The side of a cut where sign * form > 0, with a state of its own."""
        side = self.plus if sign > 0 else self.minus
        assert side is not None
        return side.copy()


POSITIVE, NEGATIVE, ZERO_FORM = Decision("positive"), Decision("negative"), Decision("zero")


@dataclass(slots=True)
class _Descent:
    """How far a form falls on a cell, from where it is >= 0.

    Attributes
    ----------
    above : Dictionary or None
        The last one where it was >= 0.
    below : Dictionary or None
        One where it is negative.
    target : integer vector or None
        A point of the cell where it is negative.
    ray : int
        The direction of ``above`` along which it falls without end; -1 if there is none.
    slopes : integer vector
        What the form is along the directions, for a ray.
    """

    above: Dictionary | None = None
    below: Dictionary | None = None
    target: IntRow | None = None
    ray: int = -1
    direction: int = 1
    slopes: IntRow | None = None


class CellDecider:
    """A full-dimensional cell {row >= 0} and where its simplex method stands.

    Parameters
    ----------
    rows : sequence of rows
        Of flint rationals, constant first.
    inside : point
        Strictly inside all of them.

    Notes
    -----
    What a decision answers, and the points that it finds, depend on the cell and on the decisions
    that led to it alone. A decision that the clock leaves changes nothing.
    """

    def __init__(self, rows: Sequence[Row], inside: Point) -> None:
        self._set(Constraints(int_row(row) for row in watched(rows, 64)), inside)

    @classmethod
    def of(cls, rows: Constraints, inside: Point) -> CellDecider:
        """The cell of integer rows."""
        out = cls.__new__(cls)
        out._set(rows, inside)
        return out

    def _set(self, rows: Constraints, inside: Point) -> None:
        self.rows, self.at = rows, homogeneous(inside)
        self._inside: Point | None = inside
        self._state: Dictionary | None = None
        self._violated = -1  # a row that the state's point does not satisfy yet

    def holds(self, point: Point) -> bool:
        """Whether a point is strictly inside."""
        return self.rows.surround(homogeneous(point))

    def copy(self) -> CellDecider:
        """The same cell, to be decided on apart."""
        out = CellDecider.__new__(CellDecider)
        out.rows, out.at, out._inside = self.rows, self.at, self._inside
        out._state, out._violated = self._state, self._violated
        return out

    def without(self, number: int) -> CellDecider:
        """The cell that remains if a row is dropped; the others keep their numbers."""
        out = self.copy()
        out.rows = self.rows.without(number)
        if self._state is not None:
            out._state = self._state.freed(number)
        if self._violated == number:
            out._violated = -1
        return out

    def go_on_from(self, other: CellDecider, number: int) -> None:
        """Begin where the decision on row ``number`` in the cell without it came last inside."""
        state = other._state
        if state is not None and state.value(self.rows[number]) >= 0:
            self._state = state

    @property
    def inside(self) -> Point:
        """A point strictly inside; the very one that was given, unless it is of a side of a cut."""
        if self._inside is None:
            self._inside = point_of(self.at)
        return self._inside

    def _move(self, at: IntRow) -> None:
        self.at, self._inside = at, None

    def decide(self, form: Row, bases: Sequence[Sequence[int]] = ()) -> Decision:
        """Decide exactly whether a form changes sign on the interior.

        Parameters
        ----------
        form : row
        bases : sequence of sequences of int, optional
            Guesses: d rows whose multipliers may prove that it does not, or whose common point
            may be one to go on from. They only save time.
        """
        return self.decide_integers(int_row(form), bases)

    def decide_integers(self, form: IntRow, bases: Sequence[Sequence[int]] = ()) -> Decision:
        """The same for an integer form."""
        if not any(form):
            return ZERO_FORM
        here = dot(form, self.at)
        if here == 0:
            return self._around(form)
        sign = 1 if here > 0 else -1
        kept = POSITIVE if sign > 0 else NEGATIVE
        if not any(form[1:]):
            return kept
        oriented = form if sign > 0 else [-v for v in form]
        found = self._guessed(oriented, bases) or self._descend(oriented, self._feasible())
        state = found.above or found.below
        if state is not None:
            self._state, self._violated = state, -1
        if found.target is None and found.ray < 0:
            return kept
        return self._cut(oriented, abs(here), sign, found)

    # ------------------------------------------------------------------ the simplex method
    def _guessed(self, form: IntRow, bases: Sequence[Sequence[int]]) -> _Descent | None:
        """What guessed rows prove, or the descent from their common point; None if neither."""
        for basis in bases:
            own = [self.rows[i] for i in basis]
            if len(basis) > _WIDE:
                found = self._solved(form, own)
                if found is not None:
                    return found
                continue
            state = at_basis(own, basis, self.at)
            if state is None:
                continue
            if state.value(form) >= 0 and all(v >= 0 for v in state.slopes(form)):
                return _Descent()  # a nonnegative combination, wherever the point is
            bad = self.rows.violated(state.point)
            if len(bad) <= _FEW * len(basis):
                for place, number in enumerate(bad):
                    state = self._raised(state, self.rows.without(*bad[place:]), number)
                return self._descend(form, state)
        return None

    def _solved(self, form: IntRow, own: Sequence[IntRow]) -> _Descent | None:
        """The same without a dictionary: two systems are solved, in time or not at all."""
        square = [[flint.fmpq(v) for v in row[1:]] for row in own]
        expect_solution(square)
        matrix = flint.fmpq_mat(square)
        shares = solved(matrix.transpose(), [flint.fmpq(v) for v in form[1:]])
        if shares is None:
            return None
        if all(z >= 0 for z in shares):
            constant = sum((z * row[0] for z, row in zip(shares, own, strict=True)), ZERO)
            if form[0] >= constant:
                return _Descent()
        point = solved(matrix, [flint.fmpq(-row[0]) for row in own])
        if point is None:
            return None
        target = homogeneous(point)
        if dot(form, target) < 0 and self.rows.hold_at(target):
            return _Descent(target=target)
        return None

    def _feasible(self) -> Dictionary:
        """A dictionary of the cell: the one of the decision before, repaired, or a new one."""
        state = self._state
        if state is None:
            return at_point(self.at)
        if self._violated < 0:
            return state
        return self._raised(state, self.rows, self._violated)

    def _raised(self, state: Dictionary, rows: Constraints, number: int) -> Dictionary:
        """From a dictionary that some rows hold at to one where another one holds as well."""
        row = rows[number]
        for pivots in count(1):
            if state.value(row) >= 0:
                break
            slopes = state.slopes(row)
            at, direction = _entering([-v for v in slopes], state, bland=self._late(pivots))
            first = rows.leaving(state, at, direction)
            if first < 0:  # nothing blocks before the row itself
                return state.exchanged(row, slopes, at, number)
            state = self._through(state, at, first)
        return state

    def _late(self, pivots: int) -> bool:
        """Whether Bland's rule is to be followed from now on: it ends, which no other does."""
        return pivots > _PATIENCE * len(self.at) + len(self.rows)

    def _through(self, state: Dictionary, at: int, number: int) -> Dictionary:
        row = self.rows[number]
        return state.exchanged(row, state.slopes(row), at, number)

    def _descend(self, form: IntRow, state: Dictionary) -> _Descent:
        """Walk down a form until it is negative or cannot fall; finite, see `_late`."""
        above: Dictionary | None = None
        for pivots in count(1):
            check()
            if state.value(form) < 0:
                return _Descent(above, state, state.point)
            above = state
            slopes = state.slopes(form)
            at, direction = _entering(slopes, state, bland=self._late(pivots))
            if at < 0:
                return _Descent(above)
            number = self.rows.leaving(state, at, direction)
            if number < 0:
                return _Descent(above, None, None, at, direction, slopes)
            state = self._through(state, at, number)
        raise AssertionError

    # ------------------------------------------------------------------ sides of a cut
    def _cut(self, form: IntRow, here: flint.fmpz, sign: int, found: _Descent) -> Decision:
        """Both sides of a form that is positive at the inner point: the own and the other."""
        own, other = self._half(form), self._half([-v for v in form])
        number = len(self.rows)
        if found.ray >= 0:
            assert found.above is not None
            assert found.slopes is not None
            # where the form vanishes on the ray both sides meet
            state = found.above.exchanged(form, found.slopes, found.ray, number)
            own._state, other._state = state, state.turned(number)
            along = found.above.directions[found.ray]
            if found.direction < 0:
                along = [-v for v in along]
            fall = -sum(map(mul, form[1:], along), NONE)
            other._move(_along_ray(self.at, along, here, fall))
        else:
            assert found.target is not None
            other._move(_beyond(self.at, found.target, here, -dot(form, found.target)))
            own._state, other._state = found.above or found.below, found.below
            if found.above is None and found.below is not None:
                own._violated = number
        other._shorten()
        return Decision("cut", other, own) if sign > 0 else Decision("cut", own, other)

    def _half(self, row: IntRow) -> CellDecider:
        """The cell with a further row; its inner point and dictionary may be of the whole."""
        out = self.copy()
        out.rows, out._inside, out._violated = self.rows.with_row(row), None, -1
        return out

    def _around(self, form: IntRow) -> Decision:
        """Both sides of a hyperplane through the inner point."""
        weight, normal = self.at[0], form[1:]
        above, below = UNIT, UNIT  # the step along the normal, a ratio
        for row in self.rows:
            check()
            slope = sum((abs(a * g) for a, g in zip(row[1:], normal, strict=True)), NONE)
            if slope != 0:
                value, room = dot(row, self.at), 2 * slope * weight
                if value * below < above * room:
                    above, below = value, room
        state = self._state if self._violated < 0 else None
        halves = []
        for sign in (-1, 1):
            at = [weight * below, *(
                v * below + sign * above * weight * g
                for v, g in zip(self.at[1:], normal, strict=True)
            )]  # fmt: skip
            half = self._half([sign * v for v in form])
            half._move(reduced(at))
            half._state = state
            if state is not None:
                half._violated = len(self.rows)
            half._shorten()
            halves.append(half)
        return Decision("cut", *halves)

    def _shorten(self, longest: int = _LONG) -> None:
        """Round a long inner point where it stays strictly inside: points get longer by cuts."""
        weight = self.at[0]
        if weight.bit_length() <= longest:
            return
        size = max(v.bit_length() for v in self.at[1:]) - weight.bit_length()
        for bits in (_SHORT, 4 * _SHORT):
            places = bits - size
            scale = UNIT << max(places, 0)
            cut = weight << max(-places, 0)
            near = [UNIT << max(places, 0), *(
                ((v * scale) // cut) << max(-places, 0) for v in self.at[1:]
            )]  # fmt: skip
            check()
            if self.rows.surround(near):
                self._move(near)
                return


def cell_of(rows: Constraints, dim: int) -> CellDecider | None:
    """The cell of given rows, with the inner point that one linear program finds.

    None if it has no interior.
    """
    # the largest t with row >= t * size for all rows; t <= 1 for those that go on for ever
    sizes = [max([abs(v) for v in row[1:]], default=NONE) or UNIT for row in rows]
    lifted = [[*row, -size] for row, size in zip(rows, sizes, strict=True)]
    lifted.append([UNIT, *[NONE] * dim, -UNIT])
    lowest = min([row[0] // size for row, size in zip(rows, sizes, strict=True)], default=UNIT)
    start = [UNIT, *[NONE] * dim, min(lowest, UNIT)]
    program = CellDecider.of(Constraints(lifted), point_of(start))
    top = program._descend([2 * UNIT, *[NONE] * dim, -UNIT], at_point(start)).above
    assert top is not None  # 2 - t is bounded, and positive
    *point, depth = top.point
    if depth <= 0:
        return None
    out = CellDecider.of(rows, point_of(point))
    out._shorten(_SHORT)
    return out


def _entering(slopes: IntRow, state: Dictionary, *, bland: bool) -> tuple[int, int]:
    """The direction that makes a form fall, and which way: free coordinates first.

    Of the others the one of the steepest fall, measured in powers of two, or by Bland's rule. -1 if
    there is none.
    """
    best, best_rank = -1, 0
    for k, (slope, owner) in enumerate(zip(slopes, state.owners, strict=True)):
        if owner < 0:
            if slope:
                return k, -1 if slope > 0 else 1
        elif slope < 0:
            if bland:
                rank = -owner
            else:
                rank = slope.bit_length() - max([v.bit_length() for v in state.directions[k]])
            if best < 0 or rank > best_rank:
                best, best_rank = k, rank
    return best, 1


def _beyond(a: IntRow, b: IntRow, here: flint.fmpz, there: flint.fmpz) -> IntRow:
    """A point between two where a form is ``here`` > 0 and -``there`` < 0, beyond its zero.

    The share that is left of the way is a power of two: between an eighth and a half of the way
    from the zero to b.
    """
    left, way = there * a[0], here * b[0] + there * a[0]
    bits = way.bit_length() - left.bit_length() + 2
    own, other = b[0], ((UNIT << bits) - 1) * a[0]
    return reduced([
        (a[0] * b[0]) << bits, *(x * own + y * other for x, y in zip(a[1:], b[1:], strict=True))
    ])  # fmt: skip


def _along_ray(a: IntRow, ray: IntRow, here: flint.fmpz, fall: flint.fmpz) -> IntRow:
    """A point of a ray from a: twice to eight times as far as the zero of a form."""
    bits = here.bit_length() - (fall * a[0]).bit_length() + 2
    down, up = max(-bits, 0), max(bits, 0)
    return reduced([
        a[0] << down,
        *((x << down) + ((r * a[0]) << up) for x, r in zip(a[1:], ray, strict=True)),
    ])  # fmt: skip
