"""The engine for wide inputs: HiGHS guesses, certificates prove.

A dense dictionary per pending cell is no longer worth it beyond some sixty dimensions. Here
the cell is a list of rows, the bounds of the domain's box apart, and one HiGHS model follows
the search. Nothing that HiGHS says counts: its multipliers are guesses for a proof by weak
duality that a unit does not cut the cell, its optimal points are guesses for points proved
strictly inside the two parts of a cell that is cut. What floats leave open is settled in
rationals: first with the basis that HiGHS ended with, then by an exact simplex.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import flint
import numpy as np

from ..compile.program import Program
from ..exact.bounded import basic_multipliers, decide_in_box, least_by_duality
from ..exact.cell import ExactForms
from ..exact.lp import Row, q, value_at
from . import control as c
from .certificates import UNDERFLOW, gamma
from .decisions import Batch, Decisions
from .enter import enter_layer
from .highs_lp import Guess, WarmLP
from .problem import make_problem, make_state, round_up_signed
from .rational import exact_batch
from .rows import NOT_EXACT, form_row
from .space import SearchSpace

__all__ = ["HighsSearch"]

HEARTBEAT = 0.1  # seconds between two batches at most, exact decisions apart
CHUNK = 4096  # regions in a batch at most
NEVER = 2**62  # open units above which a cell's bounding box would be computed
CLEAR = 1e-6  # beyond it HiGHS' optimum says which proof to try first
SHARES = (0.5, 0.15, 0.85, 0.02)  # of the way from the hyperplane to the cell's border

Place = np.ndarray | list[flint.fmpq]  # a point strictly inside: float64 if that is proved


@dataclass
class _Node:
    """A cell: how much of the path is its own, a point inside it, and what is still open."""

    layer: int
    position: int  # place in open_units of the next unit
    open_end: int
    n_path: int
    weight: float  # share of the tree
    inside: Place
    upper: bool = False  # the row after its path, turned around, is its own too
    piece: int = -1  # the piece of a unit with more than two that is being cut out
    cond: int = 0
    saved: bool = False  # the pieces that follow are pending


@dataclass(frozen=True)
class _Form:
    """A condition form in float64 with its error bound, and which one it is."""

    row: np.ndarray  # coefficients, then the constant
    error: np.ndarray
    size: float
    layer: int
    index: int


class HighsSearch:
    """Depth-first search with linear programs guessed by HiGHS and proved here.

    Parameters
    ----------
    program : Program
        With at least one layer.
    space : SearchSpace
        Of dimension 1 or more.
    store : bool
        Keep codes and points; else only count.
    max_regions : int
        Stop there; ``finished`` is then False.

    Notes
    -----
    The same regions in the same order as the other engines. Memory grows with the depth of
    the tree only.
    """

    name = "highs"

    def __init__(
        self, program: Program, space: SearchSpace, *, store: bool = True,
        max_regions: int = 2**62,
    ) -> None:  # fmt: skip
        self.program, self.space = program, space
        self.store, self.max_regions = store, max_regions
        self.problem = make_problem(program, space, box_above=NEVER)
        low, high = self.problem.low, self.problem.high
        if np.all(np.isfinite(low)) and np.all(np.isfinite(high)):
            self.problem.mode[2] = 0  # errors over the box do; ties have a proof of their own
        self.in_box = self.problem.mode[2] == 0
        self.state = make_state(self.problem, program, space, 1, dictionary=False)
        self.d = space.dim
        self.n_bounds = sum(b is not None for b in (*space.low, *space.high))
        # A float64 strictly between these is strictly inside the exact bounds, and in the box
        # for which the error bounds of rows hold (general rows may imply some of its sides).
        self.inner_low, self.inner_high = low.copy(), high.copy()
        for j, (a, b) in enumerate(zip(space.low, space.high, strict=True)):
            if a is not None:
                self.inner_low[j] = round_up_signed(a)
            if b is not None:
                self.inner_high[j] = -round_up_signed(-b)
        reach = np.maximum(np.abs(low), np.abs(high))
        # products that underflow are scaled by the reach of the box afterwards
        self.tiny = UNDERFLOW * (1.0 + (float(reach.sum()) if self.in_box else 0.0))
        self.margin = np.zeros(len(self.state.path_row))
        self.exact_path: list[Row | None] = [None] * len(self.state.path_row)
        self.synced = 0  # rows of the path that HiGHS has
        self.regions = 0
        self.rational = 0
        self.done = 0.0
        self.finished = False
        self.node: _Node | None = None
        self.pending: list[_Node] = []
        self._codes: list[np.ndarray] = []
        self._points: list[np.ndarray] = []

    # ------------------------------------------------------------------ progress
    @property
    def share(self) -> float:
        """Share of the search tree that is done, 0 to 1."""
        return min(1.0, self.done)

    @property
    def decisions(self) -> Decisions:
        """Proved decisions by tier, so far."""
        ctl = self.state.ctl
        return Decisions(int(ctl[c.BY_FLOAT]), int(ctl[c.BY_INTEGER]), self.rational)

    @cached_property
    def forms(self) -> ExactForms:
        """Exact rows; made only when floats do not do."""
        return ExactForms(self.program, self.space)

    # ------------------------------------------------------------------ running
    def batches(self, deadline: float | None = None) -> Iterator[Batch]:
        """Yield regions in order (or empty batches as a heartbeat) until done or stopped.

        Parameters
        ----------
        deadline : float, optional
            ``time.monotonic()`` value after which to stop.
        """
        self._start()
        beat = time.monotonic()
        while True:
            if self.node is None:
                if not self.pending:
                    break
                self.node = self._resumed(self.pending.pop())
            node = self.node
            if node.piece < 0 and node.position == node.open_end:
                if node.layer + 1 < len(self.program.layers):
                    self._enter(node)
                    continue
                if self.regions >= self.max_regions:
                    yield self._take()
                    return
                if isinstance(node.inside, list) and self.store:
                    yield self._take()
                    yield exact_batch(self.forms, self.state.codes, _fractions(node.inside))
                self._count(node)
            else:
                self._work(node)
            now = time.monotonic()
            if now - beat > HEARTBEAT or len(self._codes) >= CHUNK:
                yield self._take()
                beat = now
                if deadline is not None and now > deadline:
                    return
        self.finished = True
        yield self._take()

    @np.errstate(all="ignore")
    def _start(self) -> None:
        """The domain as the first node, with a float64 point inside it if one is proved."""
        ctl = self.state.ctl
        self.node = _Node(-1, 0, 0, len(self.space.rows) - self.n_bounds, 1.0, np.zeros(0))
        for i in range(self.node.n_path):
            self._set_margin(i)
        ctl[c.OPEN_END] = 0
        exact = [q(v) for v in self.space.interior]
        self.node.inside = self._nearest(exact)
        if not isinstance(self.node.inside, list):
            # off the hyperplanes with small coefficients that meet in the middle of a domain
            odd = (np.arange(1, self.d + 1) * 0.6180339887498949) % 1.0 + 0.1
            moved = self.node.inside + 0.1 * self.problem.extent * (odd - 0.5)
            if self._is_inside(moved):
                self.node.inside = moved
        near = self.node.inside
        middle = np.zeros(self.d) if isinstance(near, list) else near
        # bounds that only general rows imply: kept away, so that multipliers are of rows
        low, high = self.problem.low, self.problem.high
        width = np.where(np.isfinite(high - low), high - low, 0.0)
        self.lp = WarmLP(
            low - width * [a is None for a in self.space.low],
            high + width * [b is None for b in self.space.high],
            middle,
        )
        self._enter(self.node)

    def _enter(self, node: _Node) -> None:
        """Compute the next layer's forms and settle what its box settles."""
        ctl = self.state.ctl
        ctl[c.OPEN_END] = node.open_end
        node.layer += 1
        enter_layer(self.problem, self.state, node.layer)
        node.position, node.open_end = int(ctl[c.POSITION]), int(ctl[c.OPEN_END])

    def _resumed(self, node: _Node) -> _Node:
        """Go back to a pending node: the path before it is still in place."""
        if node.upper:
            state, n = self.state, node.n_path
            state.path_row[n] *= -1.0
            state.path_sign[n] *= -1
            self.exact_path[n] = None
            self.synced = min(self.synced, n)
            unit = int(state.open_units[node.position - 1])
            state.codes[int(self.problem.unit_at[node.layer]) + unit] = 1
            node.n_path, node.upper = n + 1, False
        return node

    def _count(self, node: _Node) -> None:
        """A leaf: its point shows that it is a region."""
        self.regions += 1
        self.done += node.weight
        if isinstance(node.inside, list):
            self.rational += 1
        else:
            self.state.ctl[c.BY_FLOAT] += 1
            if self.store:
                self._codes.append(self.state.codes.copy())
                self._points.append(node.inside)
        self.node = None

    def _take(self) -> Batch:
        """Hand over the regions found since the last time."""
        n = len(self._codes)
        codes = np.array(self._codes, dtype=self.state.codes.dtype)
        points = np.array(self._points, dtype=np.float64)
        batch = Batch(
            codes.reshape(n, len(self.state.codes)), points.reshape(n, self.d), {}, n
        )
        self._codes, self._points = [], []
        return batch

    # ------------------------------------------------------------------ one unit
    @np.errstate(all="ignore")
    def _work(self, node: _Node) -> None:
        """Decide the next condition of a node and go on with what it leaves."""
        P, state = self.problem, self.state
        unit = int(state.open_units[node.position])
        at = int(P.unit_at[node.layer]) + unit
        if P.two_piece[at]:
            verdict, plus, minus = self._decide(node, int(P.two_form[at]), True)
            node.position += 1
            state.codes[at] = 1 if verdict == c.POS else 0
            if verdict == c.CUT:
                node.weight *= 0.5
                self.pending.append(replace(node, inside=plus, upper=True))
                self._push(node, -1)
                node.inside = minus
            return
        units = self.program.layers[node.layer].units
        first = int(units.piece_start[unit])
        left = int(units.piece_start[unit + 1]) - first - max(node.piece, 0)
        node.piece = max(node.piece, 0)
        if left > 1 and not node.saved:
            rest = node.weight * (left - 1) / left
            self.pending.append(replace(node, piece=node.piece + 1, cond=0, weight=rest))
            node.weight -= rest
            node.saved = True
        cond = int(units.cond_start[first + node.piece]) + node.cond
        if cond == int(units.cond_start[first + node.piece + 1]):
            state.codes[at] = node.piece
            node.position += 1
            node.piece, node.cond, node.saved = -1, 0, False
            return
        verdict, plus, minus = self._decide(node, int(units.cond_form[cond]), False)
        wanted = int(units.cond_sign[cond])
        node.cond += 1
        if verdict == c.CUT:
            self._push(node, wanted)
            node.inside = plus if wanted > 0 else minus
        elif verdict != wanted and (verdict != c.ZERO or units.cond_drop[cond]):
            self.done += node.weight  # the piece holds nowhere in this cell
            self.node = None

    def _push(self, node: _Node, sign: int) -> None:
        """Add the constraint sign * form >= 0, the form decided last, to the path."""
        state, form, n = self.state, self.form, node.n_path
        state.path_row[n] = sign * form.row
        state.path_error[n] = form.error
        state.path_size[n] = form.size
        state.path_layer[n], state.path_form[n] = form.layer, form.index
        state.path_sign[n] = sign
        self._set_margin(n)
        self.exact_path[n] = None
        self.synced = min(self.synced, n)
        node.n_path = n + 1

    def _set_margin(self, n: int) -> None:
        """What a value of a row of the path must exceed in the box to be proved positive."""
        if self.in_box:
            error, size = self.state.path_error[n, 0], self.state.path_size[n]
            self.margin[n] = (error + gamma(self.d) * size) * (1.0 + 1e-9) + self.tiny

    def _read(self, node: _Node, index: int) -> _Form:
        """A condition form of the node's layer."""
        P, S, layer = self.problem, self.state, node.layer
        at, u = int(P.form_at[layer]) + index, int(P.mem_at[layer])
        size = form_row(
            P.form_plus[at], P.form_minus[at], P.form_shift[at], P.form_shift_error[at],
            S.U[u * (self.d + 1) :], S.U_error[u if self.in_box else u * (self.d + 1) :],
            S.U_size[u:], P.n_mem[layer], self.d, not self.in_box,
            bool(S.U_grid[layer] != NOT_EXACT), S.g, S.g_error,
        )  # fmt: skip
        return _Form(S.g.copy(), S.g_error.copy(), float(size), layer, index)

    def _decide(self, node: _Node, index: int, in_box_open: bool) -> tuple[int, Place, Place]:
        """What a condition form does on a node's cell; for a cut, points of both sides.

        ``in_box_open``: it is known to change sign in the box, or not to be proved there.
        """
        ctl, inside = self.state.ctl, node.inside
        form = self.form = self._read(node, index)
        if not form.row.any() and not form.error.any():
            ctl[c.BY_INTEGER] += 1
            return c.ZERO, inside, inside
        constant = not form.row[:-1].any() and not form.error[:-1].any()
        if constant and abs(form.row[-1]) > form.error[-1]:
            ctl[c.BY_FLOAT] += 1
            return (c.POS if form.row[-1] > 0 else c.NEG), inside, inside
        sign = 0 if isinstance(inside, list) else self._sign_at(form, inside)
        if sign == 0:
            if not isinstance(inside, list):  # very near to the hyperplane, if it is one
                plus = self._beyond(form, 1, inside, self._corner(form, 1, inside))
                minus = self._beyond(form, -1, inside, self._corner(form, -1, inside))
                if plus is not None and minus is not None:
                    return c.CUT, plus, minus
                inside = [q(v) for v in inside.tolist()]
            exact = self.forms.form(node.layer, index, self.state.codes)
            value = value_at(exact, inside)
            if value == 0:
                return self._by_rationals(node, inside)
            sign = 1 if value > 0 else -1
        inside = node.inside
        if not in_box_open and self._least(form, sign, None) > 0.0:
            ctl[c.BY_FLOAT] += 1
            return sign, inside, inside
        if not isinstance(inside, list):
            other = self._beyond(form, -sign, inside, self._corner(form, -sign, inside))
            if other is not None:
                return self._cut(sign, inside, other)
        for attempt in range(2):
            guess = self._guess(sign * form.row, attempt > 0)
            if guess is None:
                continue
            if self._least(form, sign, guess.multipliers) > 0.0:
                ctl[c.BY_FLOAT] += 1
                return sign, inside, inside
            if guess.value < CLEAR and not isinstance(inside, list):
                other = self._beyond(form, -sign, inside, guess.point)
                if other is not None:
                    return self._cut(sign, inside, other)
            if guess.value > -CLEAR and self._by_basis(form, sign, guess):
                self.rational += 1
                return sign, inside, inside
        if not isinstance(inside, list):
            inside = [q(v) for v in inside.tolist()]
        return self._by_rationals(node, inside)

    def _cut(self, sign: int, here: Place, other: Place) -> tuple[int, Place, Place]:
        return (c.CUT, here, other) if sign > 0 else (c.CUT, other, here)

    # ------------------------------------------------------------------ guesses
    def _guess(self, objective: np.ndarray, afresh: bool) -> Guess | None:
        """Minimise a form on the current cell by HiGHS; None if it finds nothing."""
        assert self.node is not None
        try:
            if afresh:
                self.lp.restart()
            self.lp.truncate(min(self.synced, self.node.n_path))
            for i in range(self.lp.rows, self.node.n_path):
                self.lp.add(self.state.path_row[i])
            self.synced = self.node.n_path
            guess = self.lp.minimise(objective)
        except (ValueError, RuntimeError):  # a guess is no reason to stop
            return None
        if guess is None or len(guess.multipliers) != self.node.n_path:
            return None
        return guess

    def _corner(self, form: _Form, side: int, x: np.ndarray) -> np.ndarray:
        """The corner of the box where side * form is largest: most cuts are seen from there."""
        up = side * form.row[:-1] > 0
        low, high = self.problem.low, self.problem.high
        corner = np.where(up, high, low)
        step = np.where(form.row[:-1] == 0, 0.0, np.where(up, 1.0, -1.0))
        return np.where(np.isfinite(corner) & (step != 0.0), corner, x + step)

    # ------------------------------------------------------------------ proofs in float64
    def _sign_at(self, form: _Form, x: np.ndarray) -> int:
        """The proved sign of a form at a point of the domain; 0 if not proved."""
        value = float(form.row[:-1] @ x + form.row[-1])
        if self.in_box:
            error, terms = float(form.error[0]), form.size
        else:
            error = float(form.error[:-1] @ np.abs(x) + form.error[-1])
            terms = float(np.abs(form.row[:-1]) @ np.abs(x) + abs(form.row[-1]))
        if abs(value) > (error + gamma(self.d) * terms) * (1.0 + 1e-9) + self.tiny:
            return 1 if value > 0.0 else -1
        return 0

    def _is_inside(self, x: np.ndarray) -> bool:
        """Whether a point is proved strictly inside the domain and the path's constraints."""
        assert self.node is not None
        if not (np.all(x > self.inner_low) and np.all(x < self.inner_high)):
            return False
        n, S = self.node.n_path, self.state
        values = S.path_row[:n, :-1] @ x + S.path_row[:n, -1]
        if self.in_box:
            return bool(np.all(values > self.margin[:n]))
        error = S.path_error[:n, :-1] @ np.abs(x) + S.path_error[:n, -1]
        terms = np.abs(S.path_row[:n, :-1]) @ np.abs(x) + np.abs(S.path_row[:n, -1])
        return bool(
            np.all(values > (error + gamma(self.d) * terms) * (1.0 + 1e-9) + self.tiny)
        )

    def _beyond(
        self, form: _Form, side: int, x: np.ndarray, target: np.ndarray
    ) -> np.ndarray | None:
        """A proved point of the cell with side * form > 0 on the way from x to a target."""
        assert self.node is not None
        n, S = self.node.n_path, self.state
        v = target - x
        rise = side * float(form.row[:-1] @ v)
        if not rise > 0.0:
            return None
        first = max(0.0, -side * float(form.row[:-1] @ x + form.row[-1]) / rise)
        slopes = S.path_row[:n, :-1] @ v
        values = S.path_row[:n, :-1] @ x + S.path_row[:n, -1]
        falling = slopes < 0.0
        last = min(1.0, float((values[falling] / -slopes[falling]).min(initial=1.0)))
        if not first < last:
            return None
        for share in SHARES:
            point = x + (first + share * (last - first)) * v
            if self._sign_at(form, point) == side and self._is_inside(point):
                return point
        return None

    def _least(self, form: _Form, sign: int, multipliers: np.ndarray | None) -> float:
        """A proved lower bound of sign * form on the cell, by weak duality in the box.

        sign * form - sum multipliers * rows is bounded over the box of the domain, with the
        rounding of every sum and the error bounds of every row.
        """
        if not self.in_box:
            return -np.inf
        S, d = self.state, self.d
        rest, slack, size, used = sign * form.row, float(form.error[0]), form.size, 0
        if multipliers is not None:
            chosen = np.flatnonzero(multipliers > 0.0)
            z, used = multipliers[chosen], len(chosen)
            rest = rest - z @ S.path_row[chosen]
            slack += float(z @ S.path_error[chosen, 0])
            size += float(z @ S.path_size[chosen])
        ends = np.minimum(rest[:-1] * self.problem.low, rest[:-1] * self.problem.high)
        bound = float(rest[-1] + ends.sum())
        return bound - (slack + gamma(2 * d + used) * size) * (1.0 + 1e-9) - self.tiny

    # ------------------------------------------------------------------ proofs in rationals
    def _exact_rows(self, n: int) -> list[Row]:
        """The exact rows of the path."""
        S, out = self.state, []
        for i in range(n):
            row = self.exact_path[i]
            if row is None:
                if S.path_layer[i] < 0:
                    row = self.forms.domain_rows[self.n_bounds + i]
                else:
                    row = self.forms.form(int(S.path_layer[i]), int(S.path_form[i]), S.codes)
                    row = row if S.path_sign[i] > 0 else [-v for v in row]
                self.exact_path[i] = row
            out.append(row)
        return out

    @cached_property
    def _bounds(self) -> tuple[list[flint.fmpq | None], list[flint.fmpq | None]]:
        low = [None if a is None else q(a) for a in self.space.low]
        return low, [None if b is None else q(b) for b in self.space.high]

    def _by_basis(self, form: _Form, sign: int, guess: Guess) -> bool:
        """Whether sign * form >= 0 is proved by the exact multipliers of HiGHS' basis.

        If they do not do, by the exact values of its float multipliers.
        """
        assert self.node is not None
        rows = self._exact_rows(self.node.n_path)
        row = self.forms.form(form.layer, form.index, self.state.codes)
        if not any(row):
            return False
        oriented = row if sign > 0 else [-v for v in row]
        tight, between = self.lp.basis()
        exact = basic_multipliers(rows, oriented, tight, between)
        candidates = [] if exact is None else [(tight, exact)]
        if np.all(np.isfinite(guess.multipliers)):
            chosen = np.flatnonzero(guess.multipliers > 0.0).tolist()
            candidates.append((chosen, [q(float(guess.multipliers[i])) for i in chosen]))
        for chosen, multipliers in candidates:
            least = least_by_duality(rows, *self._bounds, oriented, chosen, multipliers)
            if least is not None and least >= 0:
                return True
        return False

    def _by_rationals(
        self, node: _Node, inside: list[flint.fmpq]
    ) -> tuple[int, Place, Place]:
        """The verdict on the form read last in rational arithmetic."""
        form = self.form
        exact = self.forms.form(form.layer, form.index, self.state.codes)
        verdict = decide_in_box(self._exact_rows(node.n_path), *self._bounds, exact, inside)
        self.rational += 1
        if verdict.kind != "cut":
            kinds = {"positive": c.POS, "negative": c.NEG, "zero": c.ZERO}
            return kinds[verdict.kind], node.inside, node.inside
        plus, minus = self._nearest(verdict.plus), self._nearest(verdict.minus)
        if not isinstance(plus, list) and self._sign_at(form, plus) <= 0:
            plus = verdict.plus
        if not isinstance(minus, list) and self._sign_at(form, minus) >= 0:
            minus = verdict.minus
        return c.CUT, plus, minus

    def _nearest(self, point: list[flint.fmpq]) -> Place:
        """The float64 point nearest to an exact one if it is proved inside, else that one."""
        try:
            near = np.array([int(v.p) / int(v.q) for v in point])
        except OverflowError:
            return point
        return near if self._is_inside(near) else point


def _fractions(point: list[flint.fmpq]) -> tuple[Fraction, ...]:
    return tuple(Fraction(int(v.p), int(v.q)) for v in point)
