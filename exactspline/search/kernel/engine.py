"""Drives the kernel: starts it, answers what it cannot prove, and yields regions in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import flint
import numpy as np

from ...cells.cell import Cell, regions_of_cell
from ...cells.forms import ExactForms
from ...cells.path import PathCells
from ...cells.space import SearchSpace
from ...clock import Clock, OutOfTime
from ...compile.program import Program
from ...errors import ParameterError, UndecidedError
from ...polyhedra.lp import Point, Row
from ...rationals import fractions
from ..decisions import Batch, Decisions
from ..goal import Goal
from ..part import INSIDE, ON_THE_WAY, WHOLE, Part, check_order, following
from ..prepared import kept_for, moderate
from ..rational.engine import exact_batch, whole_cell
from . import control as c
from .facet_buffers import make_facets
from .goals import room_ahead, seeking
from .graph import FacetSearch
from .layout import Problem, State
from .middle.arrays import FEW, SMALL, exactly, has_room, make_middle
from .problem import make_problem
from .questions import answer, current_cell
from .stages import EMPTIED, FULL_CELL, NEXT, NO_ROOT, REGION, ROOT, Stage
from .start import first_node
from .state import make_state, rounded_start
from .tiers import bring_in, run

__all__ = ["KernelSearch"]

BUDGET = 20_000  # nodes between two looks at the clock at most: about 0.1 s
FIRST = 16  # nodes before the first look: nobody knows how long they take
SLOW, FAST = 0.2, 0.05  # seconds between two looks: more are too many, less are few
HEARTBEAT = 0.1  # seconds between two batches while the kernel asks and asks


def _sum(point: np.ndarray, low: np.ndarray) -> tuple[Fraction, ...]:
    return tuple(Fraction(a) + Fraction(b) for a, b in zip(point, low, strict=True))


class KernelSearch:
    """One search of a program on a space.

    Parameters
    ----------
    program : Program
        With at least one layer.
    space : SearchSpace
        Of dimension 1 or more.
    keep : bool
        Keep codes and points; else only count.
    max_regions : int
        Stop there; ``complete`` is then False.
    certify : bool
        False only in benchmarks: certificates are skipped, the count is a guess.
    faults : (rate, seed), optional
        Only in tests: disturb multipliers, rows, points and claims at random.
    part : Part
        What of the tree is searched: all of it by default.
    goal : Goal, optional
        A condition: cells on which it holds nowhere are closed.
    audit : callable, optional
        Only in tests: called at every verdict (``ctl[REASON]`` is SEEN_VERDICT: ``ctl[ANSWER]``
        on ``ctl[QUERY_FORM]``), on entry to a layer and after a filter inside one (SEEN_LAYER,
        SEEN_FILTER: units that are not open are settled).
    """

    def __init__(
        self,
        program: Program,
        space: SearchSpace,
        *,
        keep: bool = True,
        max_regions: int = 2**62,
        certify: bool = True,
        chunk: int = 4096,
        faults: tuple[float, int] | None = None,
        box_above: int | None = None,
        audit: Callable[[KernelSearch], None] | None = None,
        facets: bool = False,
        part: Part = WHOLE,
        goal: Goal | None = None,
    ) -> None:
        self.audit = audit
        self.part = part
        self.program = program
        kept = kept_for(program, space)
        self.coordinates, self.moderate = moderate(program, space)
        self.space = space = self.coordinates.space
        self.keep = keep
        self.problem: Problem = kept.of(  # no kernel writes into it
            ("kernel", certify, box_above),
            lambda: make_problem(*self.moderate, certify=certify, box_above=box_above),
        )
        self._any_order = goal is not None and goal.any_order
        if goal is not None:
            self.problem = seeking(self.problem, self.program, goal)
        start = kept.of("kernel start", lambda: rounded_start(self.problem, *self.moderate))
        self.state: State = make_state(self.problem, *self.moderate, chunk, start=start)
        if goal is not None:
            self.state.ahead = room_ahead(self.problem, goal)
            pending = self.state.pending
            pending.box = np.zeros((len(pending.stack), 2 * len(self.state.point)))
        self._candidates: list[tuple[Fraction, ...]] = []
        self.forms = ExactForms(program, space)
        self.cells = PathCells(self.forms)
        self.rational = 0
        self.queries = [0] * c.N_REASONS
        self.stage = Stage.NEW
        few_members = sum(len(layer.members) for layer in program.layers) <= SMALL
        self._few = FEW if few_members else 0  # open decisions still to be left to rationals
        self._back = Stage.TREE  # where a cell that is searched exactly leads back to
        self.spent = False  # it cannot go on, but says what remains
        self._step: Callable[[], None] | None = None  # in rationals, to be done before all else
        self._nodes = min(FIRST, BUDGET)
        self._exact: Iterator[tuple[np.ndarray, list[flint.fmpq], int] | None] | None = None
        self._held: tuple[np.ndarray, list[flint.fmpq], int] | None = None
        self._whole = False  # the domain itself is searched exactly
        self._last: np.ndarray | None = None  # the last region of the cell searched exactly
        self._handed: np.ndarray | None = None  # the last region that was handed over
        self._latest: np.ndarray | None = None  # the last one of all such cells
        self._in_cells = 0  # decisions there
        if faults is not None:
            self.state.faults[c.FAULT_RATE] = faults[0]
            self.state.faults[c.FAULT_SEED] = float(faults[1] % 2147483646 + 1)
        self.state.ctl[c.STORE] = keep
        self.state.ctl[c.AUDIT] = audit is not None
        self.state.ctl[c.MAX_REGIONS] = max_regions
        self.facets: FacetSearch | None = None
        if facets:
            self.state.facets = make_facets(program, self.problem, self.state)
            self.facets = FacetSearch(self)
            self.state.ctl[c.LEAVES] = 1

    @property
    def regions(self) -> int:
        """Regions proved so far."""
        return int(self.state.ctl[c.REGIONS])

    @property
    def closed(self) -> int:
        """Cells on which what is sought was proved to hold nowhere."""
        return int(self.state.ctl[c.CLOSED])

    @property
    def finished(self) -> bool:
        """Whether every region of the part has been found."""
        return self.stage == Stage.END

    @property
    def descending(self) -> bool:
        """Whether the search has not reached its part yet."""
        return Stage.DESCENT in (self.stage, self._back)

    @property
    def share(self) -> float:
        """Share of the search tree that is done, 0 to 1."""
        if self.finished or self.descending:
            return self.part.weight if self.finished else 0.0
        return min(self.part.weight, float(self.state.num[c.FINISHED]))

    @property
    def decisions(self) -> Decisions:
        """Proved decisions by tier, so far; those on the way to a part are not counted."""
        if self.descending:
            return Decisions()
        ctl = self.state.ctl
        by_float, by_integer, by_middle = (
            int(ctl[i]) for i in (c.BY_FLOAT, c.BY_INTEGER, c.BY_MIDDLE)
        )
        return Decisions(by_float, by_integer, by_middle, self.rational)

    # ------------------------------------------------------------------ running
    def batches(self, deadline: Clock | float | None = None) -> Iterator[Batch]:
        """Yield regions in order (or empty batches as a heartbeat) until done or stopped.

        Called again after a deadline, it goes on where it was, unless it is ``spent``.

        Parameters
        ----------
        deadline : Clock or float, optional
            When to stop: a clock, or a ``time.monotonic()`` value.
        """
        for batch in self._batches(Clock.of(deadline)):
            yield self.coordinates.unscaled(batch, lambda edge: self._inner(batch, edge))  # noqa: B023

    def _inner(self, batch: Batch, edge: int) -> Point:
        """A point inside a facet of a batch that was just handed over."""
        assert self.facets is not None
        return self.facets.inner(batch, edge)

    def _batches(self, clock: Clock) -> Iterator[Batch]:
        """The same, over the coordinates that are searched."""
        if self.stage == Stage.NEW:
            self._step = self._begin
        self.state.ctl[c.BUDGET] = BUDGET // 10
        self._beat = time.monotonic()
        while self.stage not in (Stage.END, Stage.FULL) and not self.spent:
            if self._step is not None and not self._done(clock):
                yield self._take()
                return
            if self.stage == Stage.CELL:
                yield from self._exact_batches(clock)
                if self.stage == Stage.CELL:
                    return
                continue
            status = self._advance()
            if status in (c.QUERY, c.NEEDS_TIER):
                self._step = partial(answer, self) if status == c.QUERY else self._bring_tier
                if not self._done(clock):
                    yield self._take()
                    return
            if self._settled(status, clock):
                if self.stage == Stage.DESCENT and clock.over():
                    return
                continue
            self._beat = time.monotonic()
            batch = self._take()
            # before the batch goes out: the caller may stop with it
            if status == c.SUBTREE:
                self._step = self._enter_exactly
            elif status == c.DONE:
                self._go(status, Stage.END)
            elif status == c.LIMIT:
                self._go(status, Stage.FULL)
            else:
                self._go(status, self.stage)
            yield batch
            if status not in (c.SUBTREE, c.DONE, c.LIMIT) and clock.late():
                return

    def _done(self, clock: Clock) -> bool:
        """Do the step that is to be done; False if there is no time for it."""
        assert self._step is not None
        try:
            with clock.running():
                self._step()
        except OutOfTime:
            if self.facets is not None and self.facets.leave():
                self.spent = True
            return False
        self._step = None
        return True

    def _begin(self) -> None:
        """Make the domain the first node."""
        if not first_node(self.problem, self.state, self.space, self.forms.domain_rows):
            self._whole = True
            self.state.ctl[c.PHASE] = c.POP  # nothing will be pending after it
            self.state.num[c.WEIGHT] = self.part.weight
            self._exact = self._regions_of(whole_cell(self.program, self.space, self.forms))
            self._go(NO_ROOT, Stage.CELL)
            return
        self._go(ROOT, Stage.TREE if self.part == WHOLE else self._looked())

    def _go(self, event: int, stage: Stage) -> None:
        """Go on to the next stage, which the table must know."""
        if stage not in NEXT.get((self.stage, event), ()):
            raise UndecidedError(
                f"search: event {event} leads from {self.stage.name} to {stage.name}, which the "
                "table of stages does not know; this is a defect of exactspline, please report it "
                "with the network (engine='rational' does without this search)"
            )
        self.stage = stage

    def _advance(self) -> int:
        """Let the kernel go on; returns its status."""
        ctl, began = self.state.ctl, time.monotonic()
        if self.stage == Stage.DESCENT:
            # one step, then a look at the node, before anything comes of it
            ctl[c.BUDGET] = 1 if ctl[c.PHASE] == c.NODE else 0
        elif self.facets is None:
            ctl[c.BUDGET] = self._nodes
        status = run(self.problem, self.state)
        if status not in (c.F_FULL, c.F_QUERY, c.NEEDS_TIER):
            self._pace(time.monotonic() - began)
            if self.facets is not None and self.stage != Stage.DESCENT:
                ctl[c.BUDGET] = max(1, self._nodes // 10)  # leaves take longer
        return status

    def _bring_tier(self) -> None:
        """Have the kernel that the search has asked for."""
        ctl = self.state.ctl
        wanted = int(ctl[c.WANTED_TIER])
        if wanted != c.MIDDLE_VERDICT:
            bring_in(self.problem, self.state, wanted)
        elif self._few or not has_room(self.problem, self.state):
            self._few = max(0, self._few - 1)
            if ctl[c.PHASE] == c.FACETS:
                assert self.facets is not None
                self.facets.answer()
            else:
                ctl[c.PHASE] = c.NODE
                answer(self)
        else:
            self.state.middle = make_middle(
                self.problem, *self.moderate, self.state.middle.entered, len(self.state.path.size)
            )
            bring_in(self.problem, self.state, wanted)

    def _pace(self, seconds: float) -> None:
        """Have the kernel look up more often where nodes take long, and less often again."""
        if seconds > SLOW:
            self._nodes = max(1, int(self._nodes * HEARTBEAT / seconds))
        elif seconds < FAST:
            self._nodes = min(BUDGET, 2 * self._nodes)

    def _settled(self, status: int, clock: Clock) -> bool:
        """Do what the kernel asks for; False if there is something to hand over."""
        ctl, passed = self.state.ctl, time.monotonic() - self._beat
        if status == c.F_FULL:
            assert self.facets is not None
            self.facets.grow()
        elif status == c.F_QUERY:
            assert self.facets is not None
            self._step = self.facets.answer
            if passed > HEARTBEAT:
                ctl[c.BUDGET] = 0  # pause as soon as this region is finished
        elif status == c.QUERY:
            # the answer stands, the kernel goes on with it: time for a batch may have come
            return self.stage == Stage.DESCENT or passed < HEARTBEAT
        elif status == c.AUDITED:
            assert self.audit is not None
            self.audit(self)
        elif status == c.GROW:
            self._grow()
        elif status == c.CANDIDATE:
            if ctl[c.PHASE] != c.POP:  # there, many cells are closed, and no point is meant
                self._candidates.append(tuple(fractions(self.point())))
            return False
        elif status == c.NEEDS_TIER:
            pass  # it is there; the kernel makes its step again
        elif status == c.PAUSE and self.stage == Stage.DESCENT:
            self._go(status, self._looked())
        else:
            # a short stretch is not worth a batch
            return status == c.PAUSE and passed < FAST and not clock.late()
        return True

    def _take(self) -> Batch:
        """Hand over what the kernel has stored."""
        ctl = self.state.ctl
        n = int(ctl[c.N_OUT])
        ctl[c.N_OUT] = 0
        facets = None if self.facets is None else self.facets.take(n)
        found = self.state.out
        codes, points, low = found.codes[:n].copy(), found.points[:n].copy(), found.points_low[:n]
        exact = {int(i): _sum(points[i], low[i]) for i in np.flatnonzero(low.any(axis=1))}
        if n and not self._any_order:
            check_order(self.part, self._handed, codes[0])
            self._handed = codes[-1]
        candidates, self._candidates = self._candidates, []
        return Batch(codes, points, exact, n, facets, candidates=candidates)

    def _enter_exactly(self) -> None:
        """Have the current node searched in rational arithmetic."""
        self._search_exactly(current_cell(self))

    def _search_exactly(self, cell: Cell | None) -> None:
        """Have a cell searched in rational arithmetic next."""
        if cell is None:
            self.rational += 1  # an empty cell, refuted
            self.state.num[c.FINISHED] += self.state.num[c.WEIGHT]
            self._go(c.SUBTREE, self.stage)
        else:
            self._exact = self._regions_of(cell)
            self._back = self.stage
            self._go(c.SUBTREE, Stage.CELL)

    def _regions_of(self, cell: Cell) -> Iterator[tuple[np.ndarray, list[flint.fmpq], int] | None]:
        """The regions of a cell that are of the part, in rational arithmetic."""
        self._last = None
        place = None if self.part == WHOLE else self.part.place
        return regions_of_cell(self.forms, cell, place)

    def _exact_batches(self, clock: Clock) -> Iterator[Batch]:
        """Regions of the cell that is searched exactly, one batch each."""
        while self.stage == Stage.CELL:
            try:
                with clock.running():
                    batch = self._next_exactly()
            except OutOfTime:
                return
            if batch is not None:
                yield batch
            if clock.over() or (batch is not None and clock.late()):
                return

    def _next_exactly(self) -> Batch | None:
        """The next region of that cell; None at its end, and where the clock interrupts."""
        ctl = self.state.ctl
        assert self._exact is not None
        if self._held is None:
            found = next(self._exact, "end")
            if found == "end":
                self._exact = self._last = None
                self.state.num[c.FINISHED] += self.state.num[c.WEIGHT]
                stage, self._back = self._back, Stage.TREE
                self._go(EMPTIED, stage)
            if not isinstance(found, tuple):
                return None
            if ctl[c.REGIONS] >= ctl[c.MAX_REGIONS]:
                self._go(FULL_CELL, Stage.FULL)
                return None
            self._held = found
        codes, point, used = self._held
        batch = Batch(codes[None][:0], np.zeros((0, self.space.dim)))
        if self.keep:
            batch = exact_batch(self.forms, codes, fractions(point))
            if self.facets is not None:
                batch.facets = self.facets.of_exact(codes, point)
            if not self._any_order:
                check_order(self.part, self._handed, codes)
            self._handed = codes
        # it counts once all about it is known
        self._go(REGION, Stage.CELL)
        self.rational += used
        self._in_cells += used
        ctl[c.REGIONS] += 1
        self._last = self._latest = codes
        self._held = None
        return batch

    # ------------------------------------------------------------ parts of the tree
    def _prefix(self, *, cutting: bool) -> tuple[int, ...]:
        """The pieces of the first units at the current node, up to what is open next.

        With ``cutting`` the piece that is being cut out of the next unit, too.
        """
        state, ctl = self.state, self.state.ctl
        layer, position, piece = int(ctl[c.LAYER]), int(ctl[c.POSITION]), int(ctl[c.PIECE])
        end = int(self.problem.layers.unit_at[layer])
        if piece < 0 and position == ctl[c.OPEN_END]:
            end += int(self.problem.layers.n_units[layer])
        else:
            end += int(state.open_units[position])
        out = tuple(int(v) for v in state.codes[:end])
        return (*out, piece) if cutting and piece >= 0 else out

    def _pending(self, i: int) -> tuple[int, int, float]:
        """A pending sibling: its unit, its first piece there, its weight."""
        state, row = self.state, self.state.pending.stack[i]
        upper = row[c.S_CON_SIGN] != 0
        unit = state.open_units[row[c.S_POSITION] - int(upper)]
        piece = 1 if upper else int(row[c.S_PIECE])
        at = int(self.problem.layers.unit_at[row[c.S_LAYER]]) + int(unit)
        return at, piece, float(state.pending.num[i, c.S_WEIGHT])

    def _looked(self) -> Stage:
        """Leave what is not of the part; TREE once all that is left is of it."""
        part, ctl = self.part, self.state.ctl
        while ctl[c.DEPTH]:
            at, piece, _ = self._pending(int(ctl[c.DEPTH]) - 1)
            if at >= part.depth or piece <= part.begin[at]:
                break
            ctl[c.DEPTH] -= 1  # the siblings behind the part
            ctl[c.ARENA_TOP] = self.state.pending.stack[ctl[c.DEPTH], c.S_ARENA]
            ctl[c.ID_TOP] = self.state.pending.stack[ctl[c.DEPTH], c.S_ID]
        # before the pieces that follow are pending, the node is all of them
        where = part.place(self._prefix(cutting=bool(ctl[c.SAVED])))
        if where == ON_THE_WAY:
            return Stage.DESCENT
        if where == INSIDE:
            # what has been decided on the way is counted where it was met first
            ctl[c.BY_FLOAT] = ctl[c.BY_INTEGER] = ctl[c.BY_MIDDLE] = 0
            self.rational = self._in_cells
            self.state.num[c.FINISHED] = 0.0
            return Stage.TREE
        ctl[c.PHASE] = c.POP
        return Stage.DESCENT

    def remaining(self, split: int = 1) -> list[Part]:
        """What is still to be searched, in order, after ``batches`` has stopped.

        Parameters
        ----------
        split : int
            At most so many parts; the later ones are the pending siblings near the root.

        Raises
        ------
        ParameterError
            If regions come in any order: what is left is no part of the tree then.
        """
        if self._any_order:
            raise ParameterError("a search with regions in any order cannot go on elsewhere")
        if self.finished:
            return []
        own, last, pending = self.part.begin, self._last, []
        if self.stage == Stage.NEW or self._whole or self.descending:
            weight, last = self.part.weight, self._latest
        else:
            own = self._prefix(cutting=True)
            pending = [self._pending(i) for i in range(int(self.state.ctl[c.DEPTH]))]
            weight = float(self.state.num[c.WEIGHT])
        apart = pending[: max(0, split - 1)]
        weight += sum(w for _, _, w in pending[len(apart) :])
        depth = apart[-1][0] + 1 if apart else self.part.depth
        out = following(own, last, self.program.pieces.tolist(), depth, weight)
        return out + [Part((*own[:at], piece), at, share) for at, piece, share in reversed(apart)]

    # ------------------------------------------------------- what the kernel asks
    def path_rows(self) -> list[Row]:
        """The exact rows of the current node."""
        state = self.state
        rows = list(self.forms.domain_rows)
        for i in range(len(rows), int(state.ctl[c.N_PATH])):
            form = self.forms.form(int(state.path.layer[i]), int(state.path.form[i]), state.codes)
            rows.append(form if state.path.sign[i] > 0 else [-v for v in form])
        return rows

    def point(self) -> Point:
        """The current node's witness, exactly."""
        return exactly(self.state.point, self.state.point_low)

    def _grow(self) -> None:
        """Double the room for pending dictionaries."""
        pending = self.state.pending
        pending.arena = np.concatenate([pending.arena, np.zeros_like(pending.arena)])
        pending.arena_id = np.concatenate([pending.arena_id, np.zeros_like(pending.arena_id)])
