"""Drives the search of the plane: starts it, answers what it asks, and yields regions in order.

What the kernel returns leads from one stage to the next:

| stage | event | what is done | next |
|---|---|---|---|
| NEW | | the domain's polygon stands | GOING |
| GOING | PAUSE, FULL | regions are handed over | GOING |
| GOING | QUERY | answered in double-double or rationals | GOING |
| GOING | GROW | more room | GOING |
| GOING | LIMIT | the next region is not counted | LIMITED |
| GOING | DONE | | END |

Whatever else it returns is a defect and ends the search with an error instead of a count.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from enum import IntEnum
from fractions import Fraction
from functools import cached_property

import numpy as np

from ...cells.forms import ExactForms
from ...cells.space import SearchSpace
from ...clock import Clock, OutOfTime
from ...compile.program import Program
from ...errors import UndecidedError
from ...polyhedra.lp import Point, q
from ...rationals import fractions
from ..decisions import Batch, Decisions
from ..kernel.block import given
from ..kernel.middle.arrays import FEW, SMALL
from ..part import WHOLE, Part, check_order, following
from ..polygons import PlaneFaces
from ..prepared import kept_for, moderate
from . import control as c
from .across import Beyond
from .edges import (
    ExactEdges,
    FaceChunk,
    face_chunk,
    facets_of,
    settle_touched,
    unscaled,
    upper_edges,
)
from .layout import PlaneState
from .line import as_strip
from .questions import answer_signs, answer_witness
from .rare import bring_in
from .state import Prepared, begin_anew, bring_pairs, grow, make_state, prepare

__all__ = ["PlaneSearch", "Stage"]

BUDGET, FIRST = 50_000, 500  # cuts between two looks at the clock
SLOW, FAST, HEARTBEAT = 0.2, 0.05, 0.1  # seconds between two looks: too many, too few, to aim at


def _on_line(batch: Batch) -> None:
    """Leave out the coordinate that a line does not have."""
    batch.points = batch.points[:, :1].copy()
    batch.exact = {i: point[:1] for i, point in batch.exact.items()}
    if batch.facets is not None:
        batch.facets.point = batch.facets.point[:, :1].copy()


class Stage(IntEnum):
    """Where a search is."""

    NEW, GOING, LIMITED, END = range(4)


class PlaneSearch:
    """One search of a program on a space of one or two dimensions.

    Parameters
    ----------
    program : Program
        With at least one layer.
    space : SearchSpace
    keep : bool
        Keep codes and points; else only count.
    max_regions : int
    facets : bool
        Hand over the regions' facets, too.
    polygons : bool
        And their polygons: not in one dimension.
    part : Part
        What of the tree is searched.
    faults : (rate, seed), optional
        Only in tests: disturb the guessed corners at random.
    """

    spent = False  # it can always go on

    def __init__(
        self, program: Program, space: SearchSpace, *, keep: bool = True,
        max_regions: int = 2**62, facets: bool = False, part: Part = WHOLE, polygons: bool = False,
        faults: tuple[float, int] | None = None,
    ) -> None:  # fmt: skip
        self.program, self.part, self.keep = program, part, keep
        self.kept = kept_for(program, space)
        self.coordinates, scaled = moderate(program, space)
        self.space, self.dim = self.coordinates.space, space.dim
        if self.dim == 1:
            self.space = self.kept.of("strip", lambda: as_strip(self.coordinates.space))
            scaled = scaled[0], self.kept.of("scaled strip", lambda: as_strip(scaled[1]))
        self.scaled = scaled
        self.prepared: Prepared = self.kept.of("plane", lambda: prepare(*scaled))
        prepared, self.problem = self.prepared, self.prepared.problem
        few_members = prepared.problem.layers.mem_at[-1] <= SMALL
        self._few = FEW if few_members else 0  # questions that are still left to rationals
        faces = facets or polygons
        self._name = f"plane state {keep} {faces}"  # a state that has been used is used again
        state = self.kept.take(self._name)
        if state is None:
            state = make_state(prepared, scaled[0], keep=keep, faces=faces)
        else:
            begin_anew(state, prepared)
        self.state: PlaneState = state
        self.ctl, self.num = state.ctl, state.num  # ours, also when the state is another's
        self.stage = Stage.NEW
        self.rational = 0
        self._nodes = min(FIRST, BUDGET)
        self._exact: dict[int, tuple[Fraction, ...]] = {}  # witnesses that no float64 holds
        self._handed: np.ndarray | None = None  # the last region that was handed over
        self.facets, self.sides = facets, len(space.rows)
        self.polygons = polygons and self.dim == 2
        self.faces: FaceChunk | None = None  # of the batch that was handed over last
        ctl = self.ctl
        ctl[c.STORE], ctl[c.MAX_REGIONS] = keep, max_regions
        ctl[c.LEAVES], ctl[c.POINTS] = faces, facets
        if part != WHOLE:
            self.state.begin = np.array([*part.begin, 0], dtype=np.int64)
            ctl[c.N_BEGIN], ctl[c.PART_DEPTH] = len(part.begin), part.depth
            ctl[c.WAY] = 0 if part.begin else -1
        if faults is not None:
            self.num[c.FAULT_RATE] = faults[0]
            self.num[c.FAULT_SEED] = float(faults[1] % 2147483646 + 1)

    @cached_property
    def forms(self) -> ExactForms:
        """The exact forms, where rationals are asked."""
        return ExactForms(self.program, self.space)

    @cached_property
    def exact(self) -> ExactEdges:
        """Edges in rationals, where they are asked."""
        return ExactEdges(self.forms, self.program)

    @cached_property
    def beyond(self) -> Beyond:
        """Codes of points beyond edges, proved."""
        return Beyond(self.program, self.space, self.forms)

    @property
    def regions(self) -> int:
        """Regions proved so far."""
        return int(self.ctl[c.REGIONS])

    @property
    def finished(self) -> bool:
        """Whether every region of the part has been found."""
        return self.stage == Stage.END

    @property
    def share(self) -> float:
        """What of the search tree is done, 0 to the part's weight."""
        weight = self.part.weight
        return weight if self.finished else min(weight, float(self.num[c.FINISHED]))

    @property
    def decisions(self) -> Decisions:
        """Proved decisions by tier, so far."""
        ctl = self.ctl
        by_float, by_integer, by_pairs, by_rational = (
            int(ctl[i]) for i in (c.BY_FLOAT, c.BY_INTEGER, c.BY_PAIRS, c.BY_RATIONAL)
        )
        return Decisions(by_float, by_integer, by_pairs, by_rational + self.rational)

    def batches(self, deadline: Clock | float | None = None) -> Iterator[Batch]:
        """Yield regions in order (or empty batches as a heartbeat) until done or stopped.

        Called again after a deadline, it goes on where it was.
        """
        for batch in self._batches(Clock.of(deadline)):
            if self.dim == 1:
                _on_line(batch)
            faces = self.faces
            if self.polygons and faces is not None:
                batch.polygons = unscaled(faces.faces, self.coordinates)
            yield self.coordinates.unscaled(batch, lambda e: self._inner(batch, faces, e))  # noqa: B023

    def _inner(self, batch: Batch, chunk: FaceChunk | None, edge: int) -> Point:
        """A point inside a facet of a batch."""
        assert chunk is not None
        at = int(upper_edges(chunk, batch.codes)[edge])
        face = int(np.searchsorted(chunk.faces.start, at, side="right")) - 1
        return [q(v) for v in self.exact.middle(chunk.faces, at, batch.codes[face])][: self.dim]

    def _batches(self, clock: Clock) -> Iterator[Batch]:
        """The same, over the coordinates that are searched."""
        from .dfs import advance

        if self.stage == Stage.NEW:
            self.stage = Stage.GOING
            self.rational += not self.part.begin  # the domain is not empty
        if self.ctl[c.SELDOM]:
            try:
                with clock.running():
                    bring_in(self.problem, self.state)
            except OutOfTime:
                return
        ctl, beat = self.ctl, time.monotonic()
        ctl[c.BUDGET] = self._nodes
        while self.stage == Stage.GOING:
            began = time.monotonic()
            status = int(advance(given(self.problem), given(self.state)))
            now = time.monotonic()
            if status == c.GROW:
                grow(self.state)
                continue
            # on the way to a part nothing is found, and who begins again comes no further
            on_the_way = ctl[c.WAY] >= 0 and status in (c.PAUSE, c.QUERY) and not clock.over()
            if status == c.QUERY:
                try:
                    with clock.running():
                        self._answer()
                except OutOfTime:
                    yield self._take()
                    return
                if now - beat < HEARTBEAT or on_the_way:
                    continue
            elif status == c.PAUSE:
                self._pace(now - began)
                ctl[c.BUDGET] = self._nodes
                if on_the_way or (now - beat < FAST and not clock.late()):
                    continue
            elif status == c.DONE:
                self.stage = Stage.END
            elif status == c.LIMIT:
                self.stage = Stage.LIMITED
            elif status != c.FULL:
                raise UndecidedError(
                    f"search: the kernel tells {status}, which the table of stages does not know; "
                    "this is a defect of exactspline, please report it with the network"
                )
            beat = now
            batch = self._take()
            if self.stage == Stage.END:
                self._leave()
            yield batch
            if self.stage == Stage.GOING and clock.late():
                return

    def _leave(self) -> None:
        """Leave the work arrays to the next search."""
        self.state.ctl, self.state.num = self.ctl.copy(), self.num.copy()
        self.kept.put(self._name, self.state)

    def _pace(self, seconds: float) -> None:
        """Have the kernel look up more often where cuts take long, and less often again."""
        if seconds > SLOW:
            self._nodes = max(1, int(self._nodes * HEARTBEAT / seconds))
        elif seconds < FAST:
            self._nodes = min(BUDGET, 4 * self._nodes)

    def _answer(self) -> None:
        """Answer what the kernel asks."""
        ctl = self.ctl
        if ctl[c.REASON] == c.OF_CORNERS:
            if not self._told_in_pairs():
                answer_signs(self)
        elif ctl[c.REASON] == c.OF_WITNESS:
            found = answer_witness(self)
            if found is not None:
                self._exact[int(ctl[c.N_OUT])] = found
        else:
            raise UndecidedError(
                f"layer {int(ctl[c.LAYER])}: no piece of a unit is found on a cell; this is a "
                "defect of exactspline, please report it with the network (engine='rational' "
                "does without corners)"
            )

    def _told_in_pairs(self) -> bool:
        """Whether double-double tells all the signs that are asked for.

        The first few are left to rationals, as in the kernel search.
        """
        if self._few > 0:
            self._few -= 1
            return False
        program, space = self.scaled
        if not bring_pairs(self.state, self.prepared, program, space):
            return False
        from .pairs import tell_in_pairs

        return int(tell_in_pairs(given(self.problem), given(self.state))) == 0

    def _take(self) -> Batch:
        """Hand over what the kernel has stored."""
        ctl, found = self.ctl, self.state.out
        n = int(ctl[c.N_OUT])
        ctl[c.N_OUT] = 0
        codes, points = found.codes[:n].copy(), found.points[:n].copy()
        # the leaf that comes next may have its witness already
        exact = {i: p for i, p in self._exact.items() if i < n}
        self._exact = {i - n: p for i, p in self._exact.items() if i >= n}
        if n:
            check_order(self.part, self._handed, codes[0])
            self._handed = codes[-1]
        batch = Batch(codes, points, exact, n)
        if ctl[c.LEAVES]:
            self._take_faces(batch)
        return batch

    def no_faces(self) -> PlaneFaces:
        """The faces of no regions."""
        return face_chunk(self.state, 0, 0, False).faces

    def _take_faces(self, batch: Batch) -> None:
        """Hand over the polygons of a batch's regions, and their facets."""
        ctl, codes = self.ctl, batch.codes
        chunk = face_chunk(self.state, len(codes), int(ctl[c.N_EDGES]), self.facets)
        ctl[c.N_EDGES] = ctl[c.N_TOUCHED] = 0
        marked = self.state.faces.touched[: len(codes)]
        if marked.any():
            self.rational += settle_touched(
                chunk, marked, codes, self.exact, self.beyond, self.state.hashes
            )
        self.faces = chunk
        if not self.facets:
            return
        found = facets_of(chunk, codes, int(ctl[c.REGIONS]) - len(codes), self.sides)
        batch.facets = found
        edges = upper_edges(chunk, codes)
        for e in np.flatnonzero(chunk.point[edges, c.KNOWN] == 0.0).tolist():
            found.point[e] = 0.0
            found.exact[e] = fractions(self._inner(batch, chunk, e))

    # ------------------------------------------------------------ parts of the tree
    def _prefix(self) -> tuple[int, ...]:
        """The pieces of the first units on the current cell, up to the one that is next.

        Of a spline whose lower pieces are done, the one where it goes on.
        """
        ctl, layers = self.ctl, self.problem.layers
        layer, position = int(ctl[c.LAYER]), int(ctl[c.POSITION])
        if ctl[c.PHASE] == c.LEAF:
            return tuple(self.state.codes.tolist())
        end = int(layers.unit_at[layer])
        more: tuple[int, ...] = ()
        if ctl[c.PHASE] == c.UNIT:
            if position == ctl[c.OPEN_END]:
                end += int(layers.n_units[layer])
            else:
                end += int(self.state.open_units[position])
                more = (int(ctl[c.PIECE]),) if ctl[c.PIECE] else ()
        return (*self.state.codes[:end].tolist(), *more)

    def _pending(self) -> list[tuple[int, int, float]]:
        """Pending cells, last first: their unit, its first piece there, their weight.

        Parts of one maximum are one entry: they are told apart by the piece alone.
        """
        out: list[tuple[int, int, float]] = []
        for i in range(int(self.ctl[c.DEPTH])):
            row = self.state.pending[i]
            unit = int(self.problem.layers.unit_at[row[c.P_LAYER]]) + int(row[c.P_UNIT])
            weight = float(self.state.weight[i])
            if out and out[-1][0] == unit:
                weight += out.pop()[2]
            out.append((unit, int(row[c.P_VALUE]), weight))
        return out

    def remaining(self, split: int = 1) -> list[Part]:
        """What is still to be searched, in order, after ``batches`` has stopped."""
        if self.finished:
            return []
        pieces = self.program.pieces.tolist()
        if self.stage == Stage.NEW:
            return following(self.part.begin, None, pieces, self.part.depth, self.part.weight)
        pending = self._pending()
        weight = float(self.num[c.WEIGHT])
        if self.ctl[c.WAY] >= 0:  # on the way to the part: nothing of it has been left
            return following(self.part.begin, None, pieces, self.part.depth, self.part.weight)
        if self.ctl[c.PHASE] == c.POP:
            if not pending:
                return []
            unit, piece, weight = pending.pop()
            own = (*self.state.codes[:unit].tolist(), piece)
        else:
            own = self._prefix()
        begin = self.part.begin
        pending = [p for p in pending if self._of_part(p)]
        apart = pending[: max(0, split - 1)]
        weight += sum(w for _, _, w in pending[len(apart) :])
        depth = apart[-1][0] + 1 if apart else self.part.depth
        if own[: len(begin)] < begin[: len(own)]:
            own = begin
        out = following(own, None, pieces, depth, weight)
        return out + [
            Part((*own[:unit], piece), max(unit, self.part.depth), share)
            for unit, piece, share in reversed(apart)
        ]

    def _of_part(self, pending: tuple[int, int, float]) -> bool:
        """Whether a pending cell is of the part: it may lie behind it."""
        unit, piece, _ = pending
        begin = self.part.begin
        return unit >= self.part.depth or unit >= len(begin) or piece <= begin[unit]
