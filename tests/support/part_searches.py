"""Searches that are stopped everywhere and gone on with, compared with one that is not.

Everything here drives engines directly, without processes and clocks: a stop is a limit or a
budget of nodes, so each run is the same every time.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from hostile_checks import as_codes, short_steps
from hostile_networks import Case, draw_case

import exactspline as es
from exactspline.search.highs import engine as highs_engine
from exactspline.search.kernel import engine as kernel_engine
from exactspline.search.part import INSIDE, OUTSIDE, WHOLE, Part
from exactspline.search.plane import control as plane
from exactspline.search.plane import engine as plane_engine
from exactspline.search.run import Run

# what has queries, exact subtrees and many pieces all the time
FAMILY = ("80 orders", "600 orders", "600 orders", "near ties", "slivers", "600 orders")
MOST_STEPS = 3_000  # searches of one tree; beyond it, it does not end
MOST_CODES = 300  # of all thinkable ones that are placed


class Found(NamedTuple):
    """A region: its code, and its facets if they were asked for."""

    code: tuple[int, ...]
    down: int = -1
    edges: tuple[tuple[int, ...], ...] = ()
    borders: tuple[int, ...] = ()


class WrongError(AssertionError):
    """A cut search differs from one that is not cut."""


def draw(seed: int, most: int = 14) -> Case:
    """A case with at least one thing to stop between."""
    rng = random.Random(seed)
    case = draw_case(seed, rng.choice(FAMILY), most)
    while len(case.codes) < 3 or Run(case.network.program, case.domain).trivial:
        case = draw_case(rng.getrandbits(40), rng.choice(FAMILY), most)
    return case


class Cutter:
    """Searches of one case, whole or from a part on.

    Parameters
    ----------
    case : Case
    engine : str
    facets : bool
    arena : int, optional
        Numbers that fit on the kernel's stack of pending dictionaries at first: so that it
        grows again and again. The plane's tables are full at first, whatever it is.
    chunk : int
        Regions that fit in a batch of the kernel.
    """

    def __init__(
        self, case: Case, engine: str = "kernel", *, facets: bool = False,
        arena: int | None = None, chunk: int = 4096,
    ) -> None:  # fmt: skip
        self.program, self.domain = case.network.program, case.domain
        self.engine, self.facets, self.arena, self.chunk = engine, facets, arena, chunk
        self.pieces = self.program.pieces.tolist()
        self._problem: Any = None
        self.taken: dict[int, int] = {}  # regions by search
        self.queries = self.subtrees = self.grown = self.searches = 0
        with self.steps(20_000):
            run = self.begin(WHOLE, 2**62)
            self.whole = self.take(run, None)
            self.note(run)

    def steps(self, budget: int) -> Any:
        """A context in which searches return after so many nodes."""
        # facets get a tenth of it
        more = 10 if self.facets and self.engine != "plane" else 1
        return steps(
            more * budget, self._make_state,
            self._make_problem, self._make_plane_state,
        )  # fmt: skip

    def _make_problem(self, *args: Any, **options: Any) -> Any:
        """The same arrays for all searches: none writes to them."""
        if self._problem is None:
            self._problem = MAKE_PROBLEM(*args, **options)
        return self._problem

    def _make_state(self, *args: Any, **options: Any) -> Any:
        state = MAKE_STATE(*args, **options)
        if self.arena is not None:
            state.pending.arena = np.zeros(self.arena)
            state.pending.arena_id = np.zeros(self.arena, dtype=np.int64)
        out = state.out
        if self.chunk < len(out.codes):
            out.codes, out.points = out.codes[: self.chunk].copy(), out.points[: self.chunk].copy()
        return state

    def _make_plane_state(self, prepared: Any, *args: Any, **options: Any) -> Any:
        """Tables that are full at once."""
        state = MAKE_PLANE_STATE(prepared, *args, **options, chunk=self.chunk)
        if self.arena is not None:
            k = len(prepared.root.corners)
            n, top = plane.FIRST_ROW + len(prepared.start.rows.values), plane.FIRST_CORNER + k
            for block, names, size in (
                (state.lines, ("row", "error", "kind"), n + 1), (state.lines, ("cell",), n + 2),
                (state.corners, ("at", "lines"), top + 4), (state, ("pending", "weight"), 1),
                (state, ("signs",), k + 4),
            ):  # fmt: skip
                for name in names:
                    setattr(block, name, getattr(block, name)[:size].copy())
        return state

    def begin(self, part: Part, limit: int) -> Run:
        """A search that has not begun."""
        self.searches += 1
        run = Run(
            self.program, self.domain, max_regions=limit, engine=self.engine, facets=self.facets,
            part=part,
        )  # fmt: skip
        self.taken[id(run)] = 0
        return run

    def take(self, run: Run, deadline: float | None) -> list[Found]:
        """The regions up to the next stop."""
        before = self.taken.setdefault(id(run), 0)
        out: list[Found] = []
        for batch in run.batches(deadline):
            out += regions_of(batch, before + len(out))
        self.taken[id(run)] += len(out)
        return out

    def note(self, run: Run) -> None:
        """Remember what a search had to do."""
        search: Any = run.search
        if self.engine == "kernel" and search is not None:
            self.queries += sum(search.queries)
            self.subtrees += search._latest is not None
            self.grown += self.arena is not None and len(search.state.pending.arena) > self.arena
        if self.engine == "plane" and search is not None:
            self.queries += search.decisions.double_double + search.decisions.rational
            self.grown += self.arena is not None and len(search.state.pending) > 1

    # -------------------------------------------------------------------- checks
    def compare(self, found: list[Found], what: str) -> None:
        """Refuse what is not exactly the whole, in order."""
        if found == self.whole:
            return
        codes, true = [r.code for r in found], [r.code for r in self.whole]
        if codes != true:
            raise WrongError(f"{what}: codes {codes}, not {true}")
        i = next(i for i in range(len(true)) if found[i] != self.whole[i])
        raise WrongError(f"{what}: region {i} is {found[i]}, not {self.whole[i]}")

    def places(self, found: list[Found], part: Part, left: list[Part], what: str) -> None:
        """What was found is of the part; every other region is in one part that is left."""
        codes = [r.code for r in found]
        if codes != sorted(set(codes)) or any(part.place(code) != INSIDE for code in codes):
            raise WrongError(f"{what}: {part} gave {codes}")
        for region in self.whole:
            holds = sum(p.place(region.code) == INSIDE for p in left)
            wanted = part.place(region.code) == INSIDE and region.code not in codes
            if holds != wanted:
                raise WrongError(f"{what}: {region.code} is in {holds} of {left} after {codes}")
        if np.prod(self.pieces, dtype=float) <= MOST_CODES:
            for code in itertools.product(*map(range, self.pieces)):
                holds = sum(p.place(code) != OUTSIDE for p in left)
                if holds > (part.place(code) == INSIDE):
                    raise WrongError(f"{what}: {code} is in {holds} of {left}, cut from {part}")
        begins = [p.begin for p in left]
        if begins != sorted(begins):
            raise WrongError(f"{what}: parts {left} are out of order")

    # ------------------------------------------------------------- ways of cutting
    def at_limits(self, splits: Callable[[], Iterable[int]], budget: int = 20_000) -> None:
        """Stop after 1, 2, 3, ... regions, and search all that is left in parts."""
        with self.steps(budget):
            for limit in range(1, len(self.whole) + 2):
                run = self.begin(WHOLE, limit)
                first = self.take(run, None)
                for split in splits():
                    what = f"limit {limit}, split {split}, budget {budget}"
                    left = run.remaining(split)
                    self.places(first, WHOLE, left, what)
                    rest = []
                    for part in left:
                        more = self.begin(part, 2**62)
                        rest += self.take(more, None)
                        self.note(more)
                    self.compare(first + rest, what)

    def one_by_one(self, budget: int = 20_000) -> None:
        """Stop after every region."""
        with self.steps(budget):
            found: list[Found] = []
            todo = [WHOLE]
            for _ in range(len(self.whole) + 1):
                run = self.begin(todo[0], 1)
                some = self.take(run, None)
                left = run.remaining()
                self.places(some, todo[0], left, f"one by one, budget {budget}")
                found += some
                todo = left
                if not todo:
                    break
            self.compare(found, f"one by one, budget {budget}")

    def at_budgets(
        self, budget: int, split: Callable[[], int], order: Callable[[int], int] = lambda n: 0
    ) -> None:
        """Stop after so many nodes, again and again; parts are taken in any order."""
        what = f"budget {budget}"
        with self.steps(budget):
            done: list[tuple[tuple[int, ...], list[Found]]] = []
            todo = [WHOLE]
            for _ in range(MOST_STEPS):
                if not todo:
                    break
                part = todo.pop(order(len(todo)))
                run = self.begin(part, 2**62)
                found = self.take(run, 0.0)
                # inside a unit of many pieces, a few nodes may lead nowhere: then it goes on
                for _ in range(200):
                    if found or run.remaining() != [part]:
                        break
                    found += self.take(run, 0.0)
                left = run.remaining(split())
                self.places(found, part, left, what)
                todo += left
                done.append((part.begin, found))
                self.note(run)
            else:
                raise WrongError(f"{what}: no end after {MOST_STEPS} searches")
        self.compare([region for _, some in sorted(done) for region in some], what)

    def called_again(self, budget: int) -> None:
        """One search that stops after so many nodes and is called again."""
        with self.steps(budget):
            run = self.begin(WHOLE, 2**62)
            found: list[Found] = []
            for _ in range(MOST_STEPS):
                found += self.take(run, 0.0)
                self.places(found, WHOLE, run.remaining(3), f"called again, budget {budget}")
                if run.complete:
                    break
            self.note(run)
        self.compare(found, f"called again, budget {budget}")


def check_everywhere(cut: Cutter, rng: random.Random, budgets: Iterable[int], splits: int) -> None:
    """Every limit, every one of the budgets; parts split and taken in any order."""
    some = (1, 2, 3, 5, 50)
    cut.at_limits(lambda: rng.sample(some, splits))
    cut.one_by_one(rng.choice((1, 2, 20_000)))
    for budget in budgets:
        cut.at_budgets(budget, lambda: rng.choice(some), rng.randrange)
        cut.called_again(budget)


MAKE_STATE, MAKE_PROBLEM = kernel_engine.make_state, kernel_engine.make_problem
MAKE_PLANE_STATE = plane_engine.make_state


@contextmanager
def steps(budget: int, make_state: Any, make_problem: Any, make_plane_state: Any) -> Iterator[None]:
    """Engines that stop after a few decisions, with work arrays of our own."""
    with ExitStack() as stack:
        for module, name, value in (
            (kernel_engine, "BUDGET", budget), (kernel_engine, "make_state", make_state),
            (kernel_engine, "make_problem", make_problem),
            (plane_engine, "BUDGET", budget), (plane_engine, "make_state", make_plane_state),
            (highs_engine, "HEARTBEAT", 0.0 if budget < 10_000 else 0.1),
        ):  # fmt: skip
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def regions_of(batch: Any, first: int) -> list[Found]:
    """The regions of a batch with their own facets, which number them from ``first`` on."""
    codes = [tuple(code) for code in batch.codes.tolist()]
    found = batch.facets
    if found is None:
        return [Found(code) for code in codes]
    flips: dict[int, list[int]] = {}
    for e, unit, piece in zip(
        found.flip_edge.tolist(), found.flip_unit.tolist(), found.flip_piece.tolist(), strict=True
    ):
        flips.setdefault(e, []).extend((unit, piece))
    edges: list[list[tuple[int, ...]]] = [[] for _ in codes]
    borders: list[list[int]] = [[] for _ in codes]
    columns = (found.target, found.unit, found.piece, found.form, found.sign)
    for e, row in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        edges[int(found.region[e]) - first].append((*row, *flips.get(e, [])))
    for region, side in zip(found.border_region.tolist(), found.border_side.tolist(), strict=True):
        borders[region - first].append(side)
    return [
        Found(code, down, tuple(sorted(e)), tuple(sorted(b)))
        for code, down, e, b in zip(codes, found.down.tolist(), edges, borders, strict=True)
    ]


def checked(case, pool, path: Path, rng: random.Random, graph: bool) -> None:
    """Lists and stores of workers are those of one search."""
    net, domain = case.network, case.domain
    whole = es.enumerate_regions(net, domain, graph=graph)
    assert as_codes(whole.codes) == case.codes, case.source
    # a task begins anew: fewer nodes may not get it beyond a piece
    with short_steps(10 * rng.randint(1, 4) if graph else rng.randint(1, 4)):
        found = es.enumerate_regions(net, domain, executor=pool, graph=graph)
        assert as_codes(found.codes) == case.codes, case.source
        assert es.count_regions(net, domain, executor=pool) == len(case.codes), case.source
        for number, limit in enumerate((*sorted(rng.sample(range(1, len(whole) + 1), 2)), None)):
            stored = es.enumerate_regions(
                net, domain, limit=limit, executor=rng.choice((pool, None)), graph=graph,
                store=path, resume=number > 0,
            )  # fmt: skip
            n = len(stored.codes)
            assert as_codes(stored.codes) == case.codes[:n], case.source
    assert stored.complete
    assert as_codes(stored.codes) == case.codes, case.source
    for other in (found, stored):
        if graph:
            for name in ("source", "target", "unit", "piece", "sign", "form"):
                ours, theirs = getattr(whole.edges, name), getattr(other.edges, name)
                assert np.array_equal(ours, theirs), f"{name}\n{case.source}"
            assert np.array_equal(whole.borders.region, other.borders.region), case.source
            assert np.array_equal(whole.borders.side, other.borders.side), case.source
