"""The engine for wide inputs: a depth-first search whose linear programs HiGHS guesses.

A dense dictionary per pending cell is no longer worth it beyond some sixty dimensions. Here a
cell is a list of rows in a box, and one HiGHS model follows the search up and down. What is
decided is proved as everywhere else: see ``highs_cell``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...cells.facets import facets_of_region
from ...cells.space import SearchSpace
from ...clock import Clock, OutOfTime
from ...compile.program import Program
from ...polyhedra.lp import q
from ...rationals import fractions
from ..decisions import Batch, Decisions
from ..facet_columns import FoundFacets, exact_facets, hash_table
from ..kernel import control as c
from ..kernel.problem import MAX_REACH, make_problem
from ..kernel.state import make_state
from ..kernel.tiers import bring_in, call_tier, needed
from ..part import INSIDE, OUTSIDE, WHOLE, Part, following
from ..rational.engine import exact_batch
from ..scaling import scaled
from .cell import HighsCell, Place

__all__ = ["HighsSearch"]

HEARTBEAT = 0.1  # seconds between two batches at most, single decisions apart
CHUNK = 4096  # regions in a batch at most
NEVER = 2**62  # open units above which a cell's bounding box would be computed


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


class HighsSearch:
    """Depth-first search with linear programs guessed by HiGHS and proved here.

    Parameters
    ----------
    program : Program
        With at least one layer.
    space : SearchSpace
        Of dimension 1 or more.
    keep : bool
        Keep codes and points; else only count.
    max_regions : int
        Stop there; ``finished`` is then False.
    part : Part
        What of the tree is searched: all of it by default.

    Notes
    -----
    The same regions in the same order as the other engines. Memory grows with the depth of
    the tree only.
    """

    spent = False  # it can always go on

    def __init__(
        self, program: Program, space: SearchSpace, *, keep: bool = True,
        max_regions: int = 2**62, facets: bool = False, part: Part = WHOLE,
    ) -> None:  # fmt: skip
        self.program, self.space, self.part = program, space, part
        self.table = hash_table(program) if facets else None
        self.keep, self.max_regions = keep, max_regions
        with np.errstate(all="ignore"):  # numbers beyond float64: proofs will fail, no more
            self._prepare()
        self.regions = 0
        self.finished = False
        self._done = 0.0
        self._begun = self._limited = False
        self._descending = part != WHOLE
        self._node: _Node | None = None
        self._pending: list[_Node] = []
        self._codes: list[np.ndarray] = []
        self._points: list[np.ndarray] = []

    def _prepare(self) -> None:
        """Round everything to float64, with error bounds."""
        program, space = self.program, self.space
        moderate = scaled(program, space)
        self.problem = make_problem(*moderate, box_above=NEVER)
        ends = np.abs([self.problem.box.low, self.problem.box.high])
        if np.all(ends <= MAX_REACH):
            # errors over the box do; ties have a proof of their own
            self.problem.mode[c.COEFFICIENTS] = 0
        self.state = make_state(self.problem, *moderate, 1, dictionary=False)
        self.cell = HighsCell(program, space, self.problem, self.state)

    @property
    def share(self) -> float:
        """Share of the search tree that is done, 0 to 1."""
        if self.finished or self._descending:
            return self.part.weight if self.finished else 0.0
        return min(self.part.weight, self._done)

    @property
    def decisions(self) -> Decisions:
        """Proved decisions by tier, so far; those on the way to a part are not counted."""
        if self._descending:
            return Decisions()
        ctl = self.state.ctl
        return Decisions(int(ctl[c.BY_FLOAT]), int(ctl[c.BY_INTEGER]), 0, self.cell.rational)

    def batches(self, deadline: Clock | float | None = None) -> Iterator[Batch]:
        """Yield regions in order (or empty batches as a heartbeat) until done or stopped.

        Called again after a deadline, it goes on where it was.

        Parameters
        ----------
        deadline : Clock or float, optional
            When to stop: a clock, or a ``time.monotonic()`` value.
        """
        clock = Clock.of(deadline)
        beat = time.monotonic()
        while not (self.finished or self._limited):
            try:
                with clock.running():
                    node, batches = self._advance()
            except OutOfTime:  # the step is made again when the search goes on
                yield self._take()
                return
            if node is None:
                break
            yield from batches
            now = time.monotonic()
            over = clock.over()
            if over or now - beat > HEARTBEAT or len(self._codes) >= CHUNK:
                yield self._take()
                beat = now
                # on the way to a part nothing is gained yet, nor inside of a piece
                good = not self._descending and (self._node is None or node.cond == 0)
                if over or (good and clock.late()):
                    return
        if not self.finished:
            self.finished = not self._limited
            yield self._take()

    def _advance(self) -> tuple[_Node | None, list[Batch]]:
        """Make one step: the node it was made at (None: there is none left), and batches.

        It can be interrupted by the clock; nothing has changed then, so that it is made again.
        """
        if not self._begun:
            self._start()
            self._begun = True
        node = self._node or self._resumed()
        if node is None or (self._descending and not self._on_the_way(node)):
            return node, []
        if node.piece >= 0 or node.position < node.open_end:
            self._decide(node)
        elif node.layer + 1 < len(self.program.layers):
            self._enter(node)
        elif self.regions >= self.max_regions:
            self._limited = True
            return None, []
        else:
            return node, self._leaf(node)
        return node, []

    def _leaf(self, node: _Node) -> list[Batch]:
        """Count a region; its batches if it is handed over by itself."""
        inside = node.inside
        if not self.keep or (self.table is None and not isinstance(inside, list)):
            self._count(node)
            return []
        facets = None if self.table is None else self._facets(inside)  # may be interrupted
        batches = []
        if isinstance(inside, list):
            witness = fractions(inside)
            batch = exact_batch(self.cell.forms, self.state.codes, witness)
            batches = [self._take(), batch]
        self._count(node)
        if not isinstance(inside, list):
            batches = [self._take()]
        if facets is not None:
            self.cell.rational += int(facets.down.sum()) + len(facets.region)
            self.cell.rational += len(facets.border_region)
            batches[-1].facets = facets
        return batches

    @np.errstate(all="ignore")
    def _start(self) -> None:
        """Make the domain the first node."""
        self._node = _Node(-1, 0, 0, self.cell.n, 1.0, self.cell.start())
        self._enter(self._node)

    def _enter(self, node: _Node) -> None:
        """Compute the next layer's forms and settle what the domain's box settles."""
        bring_in(self.problem, self.state, *needed(self.problem, self.state))  # or out of time
        ctl = self.state.ctl
        ctl[c.OPEN_END] = node.open_end
        node.layer += 1
        call_tier(c.ENTER_LAYER, self.problem, self.state, node.layer)
        node.position, node.open_end = int(ctl[c.POSITION]), int(ctl[c.OPEN_END])

    def _resumed(self) -> _Node | None:
        """Go on with the last pending node, if any: the path before it is still in place."""
        if not self._pending:
            return None
        node = self._node = self._pending.pop()
        self.cell.n = node.n_path
        if node.upper:
            self.cell.turn(node.n_path)
            unit = int(self.state.open_units[node.position - 1])
            self.state.codes[int(self.problem.layers.unit_at[node.layer]) + unit] = 1
            node.n_path, node.upper = node.n_path + 1, False
        return node

    def _prefix(self, node: _Node, *, cutting: bool) -> tuple[int, ...]:
        """The pieces of the first units of a node's codes, up to what is open next.

        With ``cutting`` the piece that is being cut out of the next unit, too.
        """
        if node.layer < 0:
            return ()
        end = int(self.problem.layers.unit_at[node.layer])
        if node.piece < 0 and not node.upper and node.position == node.open_end:
            end += int(self.problem.layers.n_units[node.layer])
        else:
            end += int(self.state.open_units[node.position - node.upper])
        out = tuple(int(v) for v in self.state.codes[:end])
        if node.upper:
            return (*out, 1)
        return (*out, node.piece) if cutting and node.piece >= 0 else out

    def _on_the_way(self, node: _Node) -> bool:
        """Leave what is not of the part; False if that is the node itself."""
        part = self.part
        while self._pending:
            begin = self._prefix(self._pending[-1], cutting=True)
            at = len(begin) - 1
            if at >= part.depth or begin[at] <= part.begin[at]:
                break
            self._pending.pop()  # a sibling behind the part
        where = part.place(self._prefix(node, cutting=node.saved))
        if where == OUTSIDE:
            self._node = None
        elif where == INSIDE:
            # what has been decided on the way is counted where it was met first
            ctl = self.state.ctl
            ctl[c.BY_FLOAT] = ctl[c.BY_INTEGER] = self.cell.rational = 0
            self._done, self._descending = 0.0, False
        return where != OUTSIDE

    def remaining(self, split: int = 1) -> list[Part]:
        """What is still to be searched, in order, after ``batches`` has stopped.

        Parameters
        ----------
        split : int
            At most so many parts; the later ones are the pending siblings near the root.
        """
        if not self._begun or self._descending:
            return [] if self.finished else [self.part]
        node = self._node or self._resumed()
        if node is None:
            return []
        apart = self._pending[: max(0, split - 1)]
        own = [self._prefix(other, cutting=True) for other in apart]
        weight = node.weight + sum(other.weight for other in self._pending[len(apart) :])
        depth = len(own[-1]) if own else self.part.depth
        begin = self._prefix(node, cutting=True)
        out = following(begin, None, (), depth, weight)
        return out + [
            Part(start, len(start) - 1, other.weight)
            for start, other in zip(reversed(own), reversed(apart), strict=True)
        ]

    def _count(self, node: _Node) -> None:
        """A leaf: its point shows that it is a region."""
        self.regions += 1
        if isinstance(node.inside, list):
            self.cell.rational += 1
        else:
            self.state.ctl[c.BY_FLOAT] += 1
            if self.keep:
                self._codes.append(self.state.codes.copy())
                self._points.append(node.inside)
        self._leave(node)

    def _facets(self, inside: Place) -> FoundFacets:
        """The facets of the current region, in rationals."""
        assert self.table is not None
        exact = inside if isinstance(inside, list) else [q(float(v)) for v in inside]
        found = facets_of_region(self.cell.forms, self.state.codes, exact)
        return exact_facets(self.program, self.table, self.regions, self.state.codes, found)

    def _leave(self, node: _Node) -> None:
        self._done += node.weight
        self._node = None

    def _take(self) -> Batch:
        """Hand over the regions found since the last time."""
        n = len(self._codes)
        codes = np.array(self._codes, dtype=self.state.codes.dtype)
        points = np.array(self._points, dtype=np.float64)
        self._codes, self._points = [], []
        return Batch(
            codes.reshape(n, len(self.state.codes)), points.reshape(n, self.space.dim), {}, n
        )

    @np.errstate(all="ignore")
    def _decide(self, node: _Node) -> None:
        """Decide the next condition of a node and go on with what it leaves."""
        cell, P, codes = self.cell, self.problem, self.state.codes
        unit = int(self.state.open_units[node.position])
        at = int(P.layers.unit_at[node.layer]) + unit
        if P.units.two_piece[at]:
            units = self.program.layers[node.layer].units
            form = cell.read(node.layer, int(units.first_form[unit]))
            verdict, plus, minus = cell.decide(form, node.inside, open_in_box=True)
            node.position += 1
            codes[at] = 1 if verdict == c.POS else 0
            if verdict == c.CUT:
                node.weight *= 0.5
                self._pending.append(replace(node, inside=plus, upper=True))
                cell.push(form, -1)
                node.n_path, node.inside = cell.n, minus
            return
        units = self.program.layers[node.layer].units
        node.piece = max(node.piece, 0)
        left = int(units.pieces[unit]) - node.piece
        if left > 1 and not node.saved:
            rest = node.weight * (left - 1) / left
            self._pending.append(replace(node, piece=node.piece + 1, cond=0, weight=rest))
            node.weight -= rest
            node.saved = True
        condition = next(units.conditions(unit, node.piece, node.cond), None)
        if condition is None:
            codes[at] = node.piece
            node.position += 1
            node.piece, node.cond, node.saved = -1, 0, False
            return
        form = cell.read(node.layer, condition.form)
        verdict, plus, minus = cell.decide(form, node.inside, open_in_box=False)
        wanted = condition.sign
        node.cond += 1
        if verdict == c.CUT:
            cell.push(form, wanted)
            node.n_path, node.inside = cell.n, plus if wanted > 0 else minus
        elif verdict != wanted and (verdict != c.ZERO or condition.drop):
            self._leave(node)  # the piece holds nowhere in this cell
