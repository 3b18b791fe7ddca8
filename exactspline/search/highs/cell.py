"""A cell given by rows in a box, and verdicts on forms: HiGHS guesses, certificates prove.

Nothing that HiGHS says counts. Its multipliers are guesses for a proof by weak duality that a
form keeps its sign on the cell, its optimal points are guesses for points proved strictly
inside the two parts of a cell that is cut. What floats leave open is settled in rationals:
first with the basis that HiGHS ended with, then by an exact simplex.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import flint
import numpy as np

from ...cells.forms import ExactForms
from ...cells.space import SearchSpace
from ...clock import check
from ...compile.program import Program
from ...polyhedra.bounded import basic_multipliers, decide_in_box, least_by_duality
from ...polyhedra.highs_lp import ENOUGH, Guess, WarmLP
from ...polyhedra.lp import Row, q, value_at
from ..kernel import control as c
from ..kernel.certificates import HUGE, UNDERFLOW, gamma
from ..kernel.conditions import form_terms
from ..kernel.layout import Problem, State
from ..kernel.problem import round_up_signed
from ..kernel.rows import NOT_EXACT, form_row
from ..sums import combined, times

__all__ = ["Form", "HighsCell", "Place", "Verdict"]

INFLATE = 1.0 + 1e-9  # sums of bounds round too
SHARES = (0.5, 0.15, 0.85, 0.02)  # of the way from the hyperplane to the cell's border

Place = np.ndarray | list[flint.fmpq]  # a point strictly inside: float64 if that is proved
Verdict = tuple[int, Place, Place]  # POS, NEG, ZERO or CUT; for a cut, points of both sides


@dataclass(frozen=True)
class Form:
    """A condition form in float64 with its error bound, and which one it is."""

    row: np.ndarray  # coefficients, then the constant
    error: np.ndarray
    size: float
    layer: int
    index: int

    def is_zero(self) -> bool:
        """Whether it vanishes identically, proved."""
        return not self.row.any() and not self.error.any()

    def constant_sign(self) -> int:
        """The proved sign of a form without coefficients; 0 for others."""
        if self.row[:-1].any() or self.error[:-1].any():
            return 0
        if not abs(self.row[-1]) > self.error[-1] * INFLATE:
            return 0
        return 1 if self.row[-1] > 0.0 else -1


class HighsCell:
    """The current cell of a depth-first search: rows of the path, and HiGHS at its heels.

    The first ``n`` rows of the state's path count. They are the domain's general rows and the
    conditions chosen; bounds of single coordinates are no rows. All methods expect NumPy's
    floating-point warnings to be off: an overflow makes a proof fail, no more.

    Attributes
    ----------
    n : int
        Rows of the path that make the cell.
    rational : int
        Decisions proved in rational arithmetic.
    """

    def __init__(
        self, program: Program, space: SearchSpace, problem: Problem, state: State
    ) -> None:
        self.program, self.space = program, space
        self.problem, self.state = problem, state
        self.d = space.dim
        self.in_box = problem.mode[c.COEFFICIENTS] == 0
        self.low, self.high = problem.box.low, problem.box.high
        self.n_bounds = sum(b is not None for b in (*space.low, *space.high))
        self.n = len(space.rows) - self.n_bounds
        self.rational = 0
        # A float64 strictly between these is strictly inside the exact bounds, and in the box
        # for which the error bounds of rows hold (general rows may imply some of its sides).
        self.inner_low, self.inner_high = self.low.copy(), self.high.copy()
        for j, (a, b) in enumerate(zip(space.low, space.high, strict=True)):
            if a is not None:
                self.inner_low[j] = round_up_signed(a)
            if b is not None:
                self.inner_high[j] = -round_up_signed(-b)
        reach = np.maximum(np.abs(self.low), np.abs(self.high))
        # what products lose by underflow is scaled by the reach of the box afterwards
        self.tiny = UNDERFLOW * (1.0 + (float(reach.sum()) if self.in_box else 0.0))
        self.margin = np.zeros(len(state.path.row))
        self.exact_path: list[Row | None] = [None] * len(state.path.row)
        self.synced = 0  # rows of the path that HiGHS has as they are
        for i in range(self.n):
            self._set_margin(i)

    @cached_property
    def forms(self) -> ExactForms:
        """Exact rows; made only when floats do not do."""
        return ExactForms(self.program, self.space)

    @cached_property
    def bounds(self) -> tuple[list[flint.fmpq | None], list[flint.fmpq | None]]:
        """The exact bounds of single coordinates."""
        low = [None if a is None else q(a) for a in self.space.low]
        return low, [None if b is None else q(b) for b in self.space.high]

    def start(self) -> Place:
        """A point inside the domain, and HiGHS made ready around it."""
        place = self._nearest([q(v) for v in self.space.interior])
        middle = np.zeros(self.d)
        if not isinstance(place, list):
            # off the hyperplanes with small coefficients that meet in the middle of a domain
            odd = (np.arange(1, self.d + 1) * 0.6180339887498949) % 1.0 + 0.1
            moved = place + 0.1 * self.problem.box.extent * (odd - 0.5)
            place = middle = moved if self.is_inside(moved) else place
        # bounds that only general rows imply are kept away: multipliers are to be of rows
        width = np.where(np.isfinite(self.high - self.low), self.high - self.low, 0.0)
        self.lp = WarmLP(
            self.low - width * [a is None for a in self.space.low],
            self.high + width * [b is None for b in self.space.high],
            middle,
        )
        return place

    # ------------------------------------------------------------------ the path
    def push(self, form: Form, sign: int) -> None:
        """Add the constraint sign * form >= 0."""
        state, n = self.state, self.n
        state.path.row[n] = sign * form.row
        state.path.error[n] = form.error
        state.path.size[n] = form.size
        state.path.layer[n], state.path.form[n] = form.layer, form.index
        state.path.sign[n] = sign
        self._set_margin(n)
        self._changed(n)
        self.n = n + 1

    def turn(self, n: int) -> None:
        """Go back to n rows, and add the row that followed with the other sign.

        That row is still in place: a depth-first search has only overwritten later ones.
        """
        self.state.path.row[n] *= -1.0
        self.state.path.sign[n] *= -1
        self._changed(n)
        self.n = n + 1

    def _changed(self, n: int) -> None:
        self.exact_path[n] = None
        self.synced = min(self.synced, n)

    def _set_margin(self, n: int) -> None:
        """What a value of row n must exceed in the box to be proved positive."""
        if self.in_box:
            error, size = self.state.path.error[n, 0], self.state.path.size[n]
            self.margin[n] = (error + gamma(self.d) * size) * INFLATE + self.tiny

    def read(self, layer: int, index: int) -> Form:
        """A condition form of a layer on this cell."""
        P, S = self.problem, self.state
        u, n_mem = int(P.layers.mem_at[layer]), int(P.layers.n_mem[layer])
        terms = form_terms(
            index, P.layers.stride[layer], P.layers.piece_at[layer], P.units.member,
            P.units.shift, P.units.shift_error,
        )  # fmt: skip
        size = form_row(
            terms, S.members.U[u * (self.d + 1) :],
            S.members.error[u if self.in_box else u * (self.d + 1) :], S.members.size[u:],
            n_mem, self.d, not self.in_box, bool(S.members.grid[layer] != NOT_EXACT), S.form.g,
            S.form.error,
        )  # fmt: skip
        return Form(S.form.g.copy(), S.form.error.copy(), float(size), layer, index)

    # ------------------------------------------------------------------ the verdict
    def decide(self, form: Form, inside: Place, *, open_in_box: bool) -> Verdict:
        """What a form does on this cell, proved.

        Parameters
        ----------
        form : Form
        inside : Place
            A point strictly inside this cell.
        open_in_box : bool
            Whether a proof by the box alone has failed before.
        """
        ctl = self.state.ctl
        if form.is_zero():
            ctl[c.BY_INTEGER] += 1
            return c.ZERO, inside, inside
        sign = form.constant_sign()
        if sign != 0:
            ctl[c.BY_FLOAT] += 1
            return sign, inside, inside
        if not isinstance(inside, list):
            sign = self.sign_at(form, inside)
            if sign == 0:  # on the hyperplane or next to it, if there is one
                plus = self._beyond(form, 1, inside, self._corner(form, 1, inside))
                minus = self._beyond(form, -1, inside, self._corner(form, -1, inside))
                if plus is not None and minus is not None:
                    return c.CUT, plus, minus
        if sign == 0:
            value = value_at(self._exact(form), _rationals(inside))
            if value == 0:
                return self._by_rationals(form, inside)
            sign = 1 if value > 0 else -1
        if not open_in_box and self._least(form, sign, None) > 0.0:
            ctl[c.BY_FLOAT] += 1
            return sign, inside, inside
        if not isinstance(inside, list):
            other = self._beyond(form, -sign, inside, self._corner(form, -sign, inside))
            if other is not None:
                return _cut(sign, inside, other)
        near: np.ndarray | None = None
        for afresh in (False, True):
            guess = self._guess(sign * form.row, afresh)
            if guess is None:
                continue
            near = guess.point
            if self._least(form, sign, guess.multipliers) > 0.0:
                ctl[c.BY_FLOAT] += 1
                return sign, inside, inside
            if guess.value < ENOUGH and not isinstance(inside, list):
                other = self._beyond(form, -sign, inside, guess.point)
                if other is not None:
                    return _cut(sign, inside, other)
            if guess.value > -ENOUGH and self._by_basis(form, sign, guess):
                self.rational += 1
                return sign, inside, inside
        return self._by_rationals(form, inside, near)

    # ------------------------------------------------------------------ guesses
    def _guess(self, objective: np.ndarray, afresh: bool) -> Guess | None:
        """Minimise a form on this cell by HiGHS; None if it finds nothing."""
        try:
            if afresh:
                self.lp.restart()
            self.lp.truncate(min(self.synced, self.n))
            for i in range(self.lp.rows, self.n):
                self.lp.add(self.state.path.row[i])
            self.synced = self.n
            guess = self.lp.minimise(objective)
        except (ValueError, RuntimeError):  # a guess that fails is no reason to stop
            return None
        return None if guess is None or len(guess.multipliers) != self.n else guess

    def _corner(self, form: Form, side: int, x: np.ndarray) -> np.ndarray:
        """The corner of the box where side * form is largest: some cuts are seen from there."""
        slope = side * form.row[:-1]
        corner = np.where(slope > 0.0, self.high, self.low)
        return np.where(np.isfinite(corner) & (slope != 0.0), corner, x + np.sign(slope))

    # ------------------------------------------------------------------ proofs in float64
    def sign_at(self, form: Form, x: np.ndarray) -> int:
        """The proved sign of a form at a point of the domain; 0 if not proved."""
        value = float(times(form.row[:-1], x) + form.row[-1])
        if self.in_box:
            error, terms = float(form.error[0]), form.size
        else:
            error = float(times(form.error[:-1], np.abs(x)) + form.error[-1])
            terms = float(times(np.abs(form.row[:-1]), np.abs(x)) + abs(form.row[-1]))
        if abs(value) > (error + gamma(self.d) * terms) * INFLATE + self.tiny:
            return 1 if value > 0.0 else -1
        return 0

    def is_inside(self, x: np.ndarray) -> bool:
        """Whether a point is proved strictly inside this cell."""
        if not (np.all(x > self.inner_low) and np.all(x < self.inner_high)):
            return False
        n, S = self.n, self.state
        values = times(S.path.row[:n, :-1], x) + S.path.row[:n, -1]
        if self.in_box:
            return bool(np.all(values > self.margin[:n]))
        error = times(S.path.error[:n, :-1], np.abs(x)) + S.path.error[:n, -1]
        terms = times(np.abs(S.path.row[:n, :-1]), np.abs(x)) + np.abs(S.path.row[:n, -1])
        return bool(np.all(values > (error + gamma(self.d) * terms) * INFLATE + self.tiny))

    def _beyond(
        self, form: Form, side: int, x: np.ndarray, target: np.ndarray
    ) -> np.ndarray | None:
        """A proved point of the cell with side * form > 0 on the way from x to a target."""
        n, S = self.n, self.state
        v = target - x
        rise = side * float(form.row[:-1] @ v)
        if not rise > 0.0:
            return None
        first = max(0.0, -side * float(form.row[:-1] @ x + form.row[-1]) / rise)
        slopes = S.path.row[:n, :-1] @ v
        values = S.path.row[:n, :-1] @ x + S.path.row[:n, -1]
        falling = slopes < 0.0
        last = min(1.0, float((values[falling] / -slopes[falling]).min(initial=1.0)))
        if not first < last:
            return None
        for share in SHARES:
            point = x + (first + share * (last - first)) * v
            if self.sign_at(form, point) == side and self.is_inside(point):
                return point
        return None

    def _least(self, form: Form, sign: int, multipliers: np.ndarray | None) -> float:
        """A proved lower bound of sign * form on the cell, by weak duality in the box.

        sign * form - sum multipliers * rows is bounded over the box of the domain, with the
        rounding of every sum and the error bounds of every row. It holds for any nonnegative
        multipliers. On an unbounded domain there is none: float64 does not get a residual
        exactly 0.
        """
        if not self.in_box:
            return -np.inf
        S, d = self.state, self.d
        rest, slack, size, used = sign * form.row, float(form.error[0]), form.size, 0
        if multipliers is not None:
            chosen = np.flatnonzero(multipliers > 0.0)
            z, used = multipliers[chosen], len(chosen)
            rest = rest - combined(z, S.path.row[chosen])
            slack += float(combined(z, S.path.error[chosen, 0]))
            size += float(combined(z, S.path.size[chosen]))
        ends = np.minimum(rest[:-1] * self.low, rest[:-1] * self.high)
        bound = float(rest[-1] + ends.sum())
        if not bound <= HUGE:  # it may have overflowed on the way
            return -np.inf
        return bound - (slack + gamma(2 * d + used) * size) * INFLATE - self.tiny

    # ------------------------------------------------------------------ proofs in rationals
    def _exact(self, form: Form) -> Row:
        return self.forms.form(form.layer, form.index, self.state.codes)

    def _exact_rows(self) -> list[Row]:
        """The exact rows of the path."""
        S, out = self.state, []
        for i in range(self.n):
            row = self.exact_path[i]
            if row is None:
                check()
                if S.path.layer[i] < 0:
                    row = self.forms.domain_rows[self.n_bounds + i]
                else:
                    row = self.forms.form(int(S.path.layer[i]), int(S.path.form[i]), S.codes)
                    row = row if S.path.sign[i] > 0 else [-v for v in row]
                self.exact_path[i] = row
            out.append(row)
        return out

    def _by_basis(self, form: Form, sign: int, guess: Guess) -> bool:
        """Whether sign * form > 0 inside is proved by the exact multipliers of HiGHS' basis.

        If these do not do, by the exact values of its float multipliers.
        """
        row = self._exact(form)
        if not any(row):
            return False
        rows = self._exact_rows()
        oriented = row if sign > 0 else [-v for v in row]
        tight, between = self.lp.basis()
        candidates = [(tight, basic_multipliers(rows, oriented, tight, between))]
        if np.all(np.isfinite(guess.multipliers)):
            chosen = np.flatnonzero(guess.multipliers > 0.0).tolist()
            candidates.append((chosen, [q(float(guess.multipliers[i])) for i in chosen]))
        for chosen, multipliers in candidates:
            if multipliers is None:
                continue
            least = least_by_duality(rows, *self.bounds, oriented, chosen, multipliers)
            if least is not None and least >= 0:
                return True
        return False

    def _by_rationals(self, form: Form, inside: Place, near: np.ndarray | None = None) -> Verdict:
        """The verdict by exact linear programming."""
        hint = None if near is None or not np.all(np.isfinite(near)) else _rationals(near)
        verdict = decide_in_box(
            self._exact_rows(), *self.bounds, self._exact(form), _rationals(inside), hint
        )
        self.rational += 1
        if verdict.kind != "cut":
            kinds = {"positive": c.POS, "negative": c.NEG, "zero": c.ZERO}
            return kinds[verdict.kind], inside, inside
        sides: list[Place] = []
        for side, point in ((1, verdict.plus), (-1, verdict.minus)):
            place = self._nearest(point)
            if not isinstance(place, list) and self.sign_at(form, place) != side:
                place = point
            sides.append(place)
        return c.CUT, sides[0], sides[1]

    def _nearest(self, point: list[flint.fmpq]) -> Place:
        """The float64 point nearest to an exact one if it is proved inside, else that one."""
        try:
            near = np.array([int(v.p) / int(v.q) for v in point])
        except OverflowError:
            return point
        return near if self.is_inside(near) else point


def _cut(sign: int, here: Place, other: Place) -> Verdict:
    return (c.CUT, here, other) if sign > 0 else (c.CUT, other, here)


def _rationals(place: Place) -> list[flint.fmpq]:
    return place if isinstance(place, list) else [q(v) for v in place.tolist()]
