"""Drives the kernel: starts it, answers what it cannot prove, and yields regions in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import flint
import numpy as np

from ..compile.program import Program
from ..errors import UndecidedError
from ..exact.cell import Cell, ExactForms, decide, interior, regions_of_cell
from ..exact.lp import Row, q, value_at, vertex
from . import control as c
from .decisions import Batch, Decisions
from .graph import FacetSearch
from .layout import State
from .problem import make_problem, make_state
from .rational import exact_batch, whole_cell
from .space import SearchSpace

__all__ = ["KernelSearch"]

BUDGET = 20_000  # nodes between two looks at the clock: about 0.1 s
HEARTBEAT = 0.1  # seconds between two batches while the kernel asks and asks


def _fractions(point: list[flint.fmpq]) -> tuple[Fraction, ...]:
    return tuple(Fraction(int(v.p), int(v.q)) for v in point)


def _nearest(point: list[flint.fmpq]) -> list[float] | None:
    """The nearest float64 point, or None if it has none."""
    try:
        return [int(v.p) / int(v.q) for v in point]
    except OverflowError:
        return None


class KernelSearch:
    """One search of a program on a space.

    Parameters
    ----------
    program : Program
        With at least one layer.
    space : SearchSpace
        Of dimension 1 or more.
    store : bool
        Keep codes and points; else only count.
    max_regions : int
        Stop there; ``complete`` is then False.
    certify : bool
        False only in benchmarks: certificates are skipped, the count is a guess.
    faults : (rate, seed), optional
        Only in tests: disturb multipliers, rows, points and claims at random.
    audit : callable, optional
        Only in tests: called at every verdict (``ctl[REASON] == 4``: ``ctl[ANSWER]`` on
        ``ctl[QUERY_FORM]``), on entry to a layer and after a filter inside one (5, 6: units that
        are not open are settled).
    """

    name = "kernel"

    def __init__(
        self,
        program: Program,
        space: SearchSpace,
        *,
        store: bool = True,
        max_regions: int = 2**62,
        certify: bool = True,
        chunk: int = 4096,
        faults: tuple[float, int] | None = None,
        box_above: int | None = None,
        audit: Callable[[KernelSearch], None] | None = None,
        facets: bool = False,
    ) -> None:
        self.audit = audit
        self.program = program
        self.space = space
        self.store = store
        self.problem = make_problem(program, space, certify=certify, box_above=box_above)
        self.state: State = make_state(self.problem, program, space, chunk)
        self.forms = ExactForms(program, space)
        self.rational = 0
        self.queries = [0, 0, 0, 0]
        self.finished = False
        self.limited = False
        if faults is not None:
            self.state.faults[0] = faults[0]
            self.state.faults[3] = float(faults[1] % 2147483646 + 1)
        self.state.ctl[c.STORE] = store
        self.state.ctl[c.AUDIT] = audit is not None
        self.state.ctl[c.MAX_REGIONS] = max_regions
        self.facets: FacetSearch | None = None
        if facets:
            self.facets = FacetSearch(self)
            self.state.ctl[c.LEAVES] = 1

    @property
    def regions(self) -> int:
        """Regions proved so far."""
        return int(self.state.ctl[c.REGIONS])

    @property
    def share(self) -> float:
        """Share of the search tree that is done, 0 to 1."""
        return min(1.0, float(self.state.num[c.FINISHED]))

    @property
    def decisions(self) -> Decisions:
        """Proved decisions by tier, so far."""
        ctl = self.state.ctl
        return Decisions(int(ctl[c.BY_FLOAT]), int(ctl[c.BY_INTEGER]), self.rational)

    # ------------------------------------------------------------------ running
    def batches(self, deadline: float | None = None) -> Iterator[Batch]:
        """Yield regions in order (or empty batches as a heartbeat) until done or stopped.

        Parameters
        ----------
        deadline : float, optional
            ``time.monotonic()`` value after which to stop.
        """
        from .dfs import advance

        if not self._start():
            yield from self._whole_exact(deadline)
            return
        ctl = self.state.ctl
        ctl[c.BUDGET] = BUDGET // 10
        beat = time.monotonic()
        while True:
            if self.facets is None:
                ctl[c.BUDGET] = BUDGET
                status = int(advance(self.problem, self.state))
            else:
                status = self.facets.step()
                if status == c.F_FULL:
                    self.facets.grow()
                    continue
                if status == c.F_QUERY:
                    self.facets.answer()
                    if time.monotonic() - beat > HEARTBEAT:
                        ctl[c.BUDGET] = 0  # pause as soon as this region is finished
                    continue
                ctl[c.BUDGET] = BUDGET // 10  # leaves take longer
            if status == c.QUERY:
                self._answer()
                if time.monotonic() - beat < HEARTBEAT:
                    continue
                status = c.PAUSE  # the answer stands; the kernel goes on with it
            if status == c.AUDITED:
                assert self.audit is not None
                self.audit(self)
                continue
            if status == c.GROW:
                self._grow()
                continue
            beat = time.monotonic()
            batch = self._take()
            if status == c.SUBTREE:
                yield batch
                yield from self._exact_batches(self._current_cell(), deadline)
                if self.limited:
                    return
                self.state.num[c.FINISHED] += self.state.num[c.WEIGHT]
                continue
            yield batch
            if status == c.DONE:
                self.finished = True
                return
            if status == c.LIMIT:
                self.limited = True
                return
            if deadline is not None and time.monotonic() > deadline:
                return

    def _start(self) -> bool:
        """Set up the root node; False if the domain holds no float64 point that is proved."""
        from .enter import enter_layer
        from .simplex import refactor

        state, d = self.state, self.space.dim
        ctl = state.ctl
        rows = self.forms.domain_rows
        tight = self._first_vertex(rows)
        basic = [i for i in range(len(rows)) if i not in set(tight)]
        state.col_id[:] = tight
        state.row_id[: len(basic)] = basic
        ctl[c.M] = len(basic)
        ctl[c.N_PATH] = len(rows)
        ctl[c.ANSWER] = c.OPEN
        ctl[c.PHASE] = c.RUN
        state.num[c.WEIGHT] = 1.0
        inside = self._first_point(rows)
        if inside is None:
            return False
        state.point[:] = inside
        scratch = np.zeros((d, 2 * d))
        refactor(
            state.T, d, len(basic), state.col_id, state.row_id, state.path_row, state.path_scale,
            scratch,
        )  # fmt: skip
        enter_layer(self.problem, state, 0)
        return True

    def _first_vertex(self, rows: list[Row]) -> list[int]:
        """For every coordinate a tight row, or -1 - j where the direction is free."""
        low, high = self.space.low, self.space.high
        if len(rows) == sum(b is not None for b in (*low, *high)):
            out, at = [], 0
            for j, (a, b) in enumerate(zip(low, high, strict=True)):
                out.append(-1 - j if a is None and b is None else at)
                at += (a is not None) + (b is not None)
            return out
        _, tight, free = vertex(rows, [q(v) for v in self.space.interior])
        places = iter(tight)
        return [-1 - j if j in set(free) else next(places) for j in range(self.space.dim)]

    def _first_point(self, rows: list[Row]) -> list[float] | None:
        """A float64 point strictly inside the domain, generic where nothing bounds it."""
        exact = []
        for j, value in enumerate(self.space.interior):
            if self.space.low[j] is None and self.space.high[j] is None and len(rows) == 0:
                # an irrational-like number: on no hyperplane of small coefficients
                value = Fraction(((j + 1) * 0.6180339887498949) % 1.0 + 0.1)
            exact.append(value)
        try:
            floats = [float(v) for v in exact]
        except OverflowError:
            return None
        at = [q(v) for v in floats]
        return floats if all(value_at(row, at) > 0 for row in rows) else None

    def _whole_exact(self, deadline: float | None) -> Iterator[Batch]:
        """Search everything in rationals: the domain is too thin for float64."""
        cell = whole_cell(self.program, self.space, self.forms)
        yield from self._exact_batches(cell, deadline)
        self.finished = not self.limited
        self.state.num[c.FINISHED] = 1.0 if self.finished else 0.0

    def _take(self) -> Batch:
        """Hand over what the kernel has stored."""
        ctl = self.state.ctl
        n = int(ctl[c.N_OUT])
        ctl[c.N_OUT] = 0
        facets = None if self.facets is None else self.facets.take(n)
        codes, points = self.state.out_codes[:n].copy(), self.state.out_points[:n].copy()
        return Batch(codes, points, {}, n, facets)

    def _exact_batches(self, cell: Cell | None, deadline: float | None) -> Iterator[Batch]:
        """Regions of a cell found in rational arithmetic, one batch each."""
        if cell is None:
            self.rational += 1  # an empty cell, refuted
            return
        ctl = self.state.ctl
        for codes, point, used in regions_of_cell(self.forms, cell):
            late = deadline is not None and time.monotonic() > deadline
            if late or ctl[c.REGIONS] >= ctl[c.MAX_REGIONS]:
                self.limited = True
                return
            self.rational += used
            ctl[c.REGIONS] += 1
            if self.store:
                batch = exact_batch(self.forms, codes, _fractions(point))
                if self.facets is not None:
                    batch.facets = self.facets.of_exact(codes, point)
                yield batch
            else:
                yield Batch(codes[None][:0], np.zeros((0, self.space.dim)))

    # ------------------------------------------------------- what the kernel asks
    def _path_rows(self) -> list[Row]:
        """The exact rows of the current node."""
        state = self.state
        rows = list(self.forms.domain_rows)
        for i in range(len(rows), int(state.ctl[c.N_PATH])):
            form = self.forms.form(int(state.path_layer[i]), int(state.path_form[i]), state.codes)
            rows.append(form if state.path_sign[i] > 0 else [-v for v in form])
        return rows

    def _answer(self) -> None:
        """Decide the kernel's open question in rationals and write the answer."""
        state = self.state
        ctl = state.ctl
        self.queries[int(ctl[c.REASON])] += 1
        rows = self._path_rows()
        form = self.forms.form(int(ctl[c.LAYER]), int(ctl[c.QUERY_FORM]), state.codes)
        inside = [q(float(v)) for v in state.point]
        if any(value_at(row, inside) <= 0 for row in rows):
            raise UndecidedError(
                f"layer {int(ctl[c.LAYER])}: a point that was proved inside a cell in float64 is "
                "not inside it in rationals; this is a defect of exactspline, please report it "
                "with the network (engine='rational' does without float64)"
            )
        bases = [state.col_id.tolist(), state.col_id2.tolist()]
        bases = [b for b in bases if all(0 <= i < len(rows) for i in b)]
        verdict = decide(rows, form, inside, bases)
        self.rational += 1
        kinds = {"positive": c.POS, "negative": c.NEG, "zero": c.ZERO, "cut": c.CUT}
        ctl[c.ANSWER] = kinds[verdict.kind]
        if verdict.kind != "cut":
            return
        for point, target, flag, sign in (
            (verdict.plus, state.plus_point, c.PLUS_OK, 1),
            (verdict.minus, state.minus_point, c.MINUS_OK, -1),
        ):
            near = _nearest(point)
            proved = False
            if near is not None:
                target[:] = near
                at = [q(v) for v in near]
                proved = value_at(form, at) * sign > 0 and all(
                    value_at(row, at) > 0 for row in rows
                )
            ctl[flag] = proved

    def _current_cell(self) -> Cell | None:
        """The current node as an exact cell; None if its interior is empty."""
        state = self.state
        ctl = state.ctl
        rows = self._path_rows()
        inside = interior(rows, self.space.dim)
        if inside is None:
            return None
        todo = state.open_units[int(ctl[c.POSITION]) : int(ctl[c.OPEN_END])].tolist()
        return Cell(
            rows, inside, state.codes.copy(), int(ctl[c.LAYER]), todo, int(ctl[c.PIECE]),
            int(ctl[c.COND]) if ctl[c.PIECE] >= 0 else 0,
        )  # fmt: skip

    def _grow(self) -> None:
        """Double the room for pending dictionaries."""
        state = self.state
        self.state = state._replace(
            arena=np.concatenate([state.arena, np.zeros(len(state.arena))]),
            arena_id=np.concatenate(
                [state.arena_id, np.zeros(len(state.arena_id), dtype=np.int64)]
            ),
        )
