"""The search for the regions of one network whose closure holds points that satisfy a condition.

One search of the joint network, with every comparison as a unit, finds all *cells*: regions of the
network, cut by other bends of the condition (maxima, other networks) alone, so that all that is
compared is affine. Inside of a region of the joint network every comparison is known; where the
condition holds there, the region of the network counts. Where it may hold by equality on the
closure (see `statements.search`), the cell is kept for exact linear programs.

What inputs alone must satisfy cuts the domain first: with a margin, so that regions that only
touch the set have points next to it that are searched. These comparisons are no units. A cell
counts if the point that the search has found in it satisfies them; else the linear programs decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clock import Clock, OutOfTime
from ..driver.driver import Driver
from ..driver.request import Request
from ..errors import ParameterError
from ..polyhedra.lp import Row, q, value_at
from ..rationals import fraction, nearest_float
from ..search.decisions import SEARCHING, Stop
from ..statements.affine import Affine
from ..statements.atoms import Applied, PointAtom
from ..statements.conditions import (
    FALSE,
    And,
    Condition,
    Constant,
    Literal,
    conjunction,
    holds,
    literals_of,
)
from ..statements.exact import holds_at
from ..statements.faces import Cell
from ..statements.goals import goal_of
from ..statements.guess import thin
from ..statements.joint import Coordinates, Joint, joint_domain
from ..statements.kept import key_of
from ..statements.pruning import Boxes, undecided
from ..statements.search import Sought
from ..statements.watch import Watch, truths
from .dissect import AffineCells, Piece, pieces
from .parts import Part, part_of
from .wanted import Where, statement_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..domain import Domain
    from ..driver.outcome import Outcome
    from ..formats.files import PathLike
    from ..network.network import Network
    from ..search.decisions import Batch, Decisions

__all__ = ["Near", "Sweep", "checked_limit"]


@dataclass
class Near:
    """A region of the network with points of the set in its closure, or next to it.

    Attributes
    ----------
    code : ndarray
    at : tuple of Fraction
        Strictly inside.
    meets : bool or None
        Whether its interior holds a point of the set; None as long as that is open.
    cells : dict of bytes to (ndarray, tuple)
        Its cells that may hold some: a code of the joint network, and a point inside.
    """

    code: np.ndarray
    at: tuple[Fraction, ...]
    meets: bool | None = None
    cells: dict[bytes, tuple[np.ndarray, tuple[Fraction, ...]]] = field(default_factory=dict)


_THIN = 1 << 12


class _Enough(Exception):  # noqa: N818
    """The limit has been reached."""


class Sweep:
    """One search.

    Parameters
    ----------
    network, domain
        They fit.
    where : see `statement_of`
    clock : Clock
    keep : bool
        Whether the cells of all regions are kept, for their parts.

    Attributes
    ----------
    near : dict of bytes to Near
        By the codes of the regions.
    outcome : Outcome or None
        Of the search.
    stop : Stop or None
        Why it was stopped.
    """

    def __init__(
        self, network: Network, domain: Domain, where: Where, clock: Clock, *, keep: bool
    ) -> None:
        self.network, self.domain, self.clock, self.keep = network, domain, clock, keep
        self.statement = statement_of(network, domain, where)
        self.condition = self.statement.condition
        self.point: PointAtom = self.statement.points[0]
        self.near: dict[bytes, Near] = {}
        self.met = 0  # regions of which it is known already
        self.outcome: Outcome | None = None
        self.stop: Stop | None = None
        self._driver: Driver | None = None
        self._centre: np.ndarray | None = None  # where the premises hold strictly

    @cached_property
    def coordinates(self) -> Coordinates:
        """Those of the domain's chart."""
        return Coordinates((self.point,))

    @cached_property
    def base(self) -> Domain:
        """The domain in these coordinates."""
        found = joint_domain(self.coordinates, [])
        assert found is not None
        return found

    @property
    def decisions(self) -> Decisions | None:
        """What the search has proved."""
        run = None if self._driver is None else self._driver._run
        return None if run is None else run.decisions

    @property
    def engine(self) -> str:
        """The engine that has searched."""
        run = None if self._driver is None else self._driver._run
        return "none" if run is None else run.engine_name

    def search(
        self, *, limit: int | None = None, engine: str = "auto", executor: Executor | None = None,
        progress: Any = None, store: PathLike | None = None, resume: bool = False,
    ) -> None:  # fmt: skip
        """Find all regions, up to a number of those that are known to meet the set.

        With a store, what the search finds goes there; the file is not made for what needs none.
        """
        _ = self.domain.chart
        if self.coordinates.dim == 0:
            self._one_point()
            return
        narrow = self._narrowed()
        if narrow is None:
            return
        literals = literals_of(self.rest)
        moving = [part for part in literals if not part.constant]
        still = [part for part in literals if part.constant]
        sought = Sought((self.point,), self.condition)
        sought.domain, sought.rest = narrow, self.rest
        near = {} if still else sought.near(moving)
        applied = Applied(self.network, self._entries)
        constants = [applied, *(a.applied for p in still for a in p.form.atoms)]  # type: ignore[attr-defined]
        self.joint = Joint(
            self.coordinates, [*moving, *(Literal(less, "<=") for less in near.values())],
            constants=list(dict.fromkeys(constants)),
        )  # fmt: skip
        self.applied = applied
        try:
            with self.clock.running():
                # what floats leave of a domain may be another one elsewhere: none with a store
                boxes = (
                    Boxes(narrow, 0) if store is not None
                    else undecided(self.joint, narrow, self.rest)
                )  # fmt: skip
        except OutOfTime:
            self.stop = Stop("time limit", SEARCHING, 0.0)
            return
        if boxes.domain is None:
            return
        self.cells = AffineCells(self.joint, self.base, applied, self.coordinates)
        watch = Watch(sought, self.joint, self.cells, self.clock, bool(still), near)
        goal = None
        if moving and not still and executor is None:  # closes cells where nothing holds
            goal = goal_of(self.joint, self.rest, watch.near, points=False)
        self._driver = Driver(
            Request(
                self.joint.network, boxes.domain, engine=engine, executor=executor, goal=goal,
                program=self.joint.program, store=store, resume=resume, stream=store is not None,
                condition=None if store is None else key_of(self.statement),
            ),
            self.clock,
        )  # fmt: skip

        def take(batch: Batch) -> None:
            self._take(batch, watch)
            if limit is not None and self.met >= limit:
                raise _Enough

        try:
            self.outcome = self._driver.go(take, progress=progress)
            self.stop = self.outcome.stop
        except _Enough:
            run = self._driver.run
            self.stop = Stop("limit", SEARCHING, min(1.0, run.share))

    @property
    def _entries(self) -> tuple[Affine, ...]:
        return tuple(Affine.entry(self.point, i) for i in range(self.point.size))

    def _one_point(self) -> None:
        """A domain of one point: one region, the point itself."""
        from ..cells.point import code_at

        if any(part.constant for part in literals_of(self.condition)):
            raise ParameterError(
                "the domain is a single point: slopes and codes are those of regions around it"
            )
        x = tuple(self.domain.chart.lift(()))
        if holds_at(self.condition, {self.point: x}):
            code = np.asarray(code_at(self.network.program, x)[0])
            self.near[code.tobytes()] = Near(code, (), True)
            self.met = 1

    @cached_property
    def premises(self) -> list[Literal]:
        """What the condition asks of inputs alone, of those that all must hold."""
        all_of = self.condition.inner if isinstance(self.condition, And) else (self.condition,)
        return [
            part for part in all_of
            if isinstance(part, Literal) and part.relation != "!="
            and all(isinstance(atom, PointAtom) for atom in part.form.atoms)
        ]  # fmt: skip

    @cached_property
    def rest(self) -> Condition:
        """The rest of the condition."""
        all_of = self.condition.inner if isinstance(self.condition, And) else (self.condition,)
        known = set(self.premises)
        return conjunction([part for part in all_of if part not in known])

    def _narrowed(self) -> Domain | None:
        """The domain where the premises hold, with a margin; None if the set is empty."""
        if self.condition == FALSE:
            return None
        forms = [part.form.times(Fraction(-1)) for part in self.premises]
        forms += [part.form for part in self.premises if part.relation == "=="]
        if not forms:
            return self.base
        exact = [self.coordinates.row(form) for form in forms]
        closed = joint_domain(self.coordinates, exact)
        if closed is None:
            return None
        margins = [Fraction(1, _THIN)] * len(forms)
        if closed.chart.dim:  # small beside what is cut out, not beside the domain
            margins = thin(self.coordinates, closed.chart, forms)
            if closed.chart.dim == self.coordinates.dim:
                self._centre = np.array([nearest_float(v) for v in closed.chart.interior])
        least = min(margins)
        rows = [(const + least, terms) for const, terms in exact]
        found = joint_domain(self.coordinates, rows)
        # a set in a domain thinner than the base would have points inside of the margin
        return found if found is not None and found.chart.dim == self.coordinates.dim else None

    @cached_property
    def _premise_rows(self) -> list[tuple[str, Row]]:
        return [(part.relation, self.cells.linear(part.form)) for part in self.premises]

    @cached_property
    def _near_premises(self) -> list[tuple[str, np.ndarray, float]]:
        """Every premise in float64: its relation, slopes and constant, rounded."""
        out = []
        for relation, row in self._premise_rows:
            const, *slopes = (nearest_float(fraction(v)) for v in row)
            out.append((relation, np.array(slopes), const))
        return out

    def _hold_at(self, batch: Batch, wanted: np.ndarray) -> np.ndarray:
        """Whether the premises hold at the points of some regions: floats where they can tell."""
        out = np.ones(len(wanted), dtype=bool)
        if not self.premises:
            return out
        points = batch.points[wanted]
        unsure = np.array([i in batch.exact for i in wanted.tolist()], dtype=bool)
        for relation, slopes, const in self._near_premises:
            value = points @ slopes + const
            unsure |= ~(np.abs(value) > _room(points, slopes, const))
            out &= value <= 0 if relation != "==" else False
        for k in np.flatnonzero(unsure).tolist():
            at = [q(v) for v in _point(batch, int(wanted[k]))]
            out[k] = all(
                holds(relation, fraction(value_at(row, at))) for relation, row in self._premise_rows
            )
        return out

    @np.errstate(all="ignore")
    def _moved(self, points: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Whether points just inside of the premises are proved to have given codes.

        Points of a search often stand in the margin. One beside it where all premises hold strictly
        and that has the code of a region of the joint network is in its closure, so next to it
        there are points of the region where they hold.
        """
        from ..evaluate import codes as codes_of

        out = np.zeros(len(points), dtype=bool)
        if self._centre is None or not len(points):
            return out
        share, straight = np.zeros(len(points)), points.copy()
        for _, slopes, const in self._near_premises:
            here, there = points @ slopes + const, float(self._centre @ slopes + const)
            share = np.maximum(share, np.where(here > 0, here / (here - there), 0.0))
            step = np.maximum(straight @ slopes + const - there * 2.0**-20, 0.0)
            straight -= step[:, None] * slopes / (slopes @ slopes)
        part = np.minimum(share * (1 + 2.0**-7) + 1e-9, 1.0)[:, None]
        for moved in (straight, points + part * (self._centre - points)):
            good = ~out & np.all(np.isfinite(moved), axis=1)
            for _, slopes, const in self._near_premises:
                good &= moved @ slopes + const < -_room(moved, slopes, const)
            if good.any():
                own = codes_of(self.joint.network, moved[good], exact=True)
                out[good] = np.all(own == codes[good], axis=1)
        return out

    def _take(self, batch: Batch, watch: Any) -> None:
        positive = self.joint.positive(batch.codes)
        if isinstance(self.rest, Constant):
            inside = np.full(len(batch.codes), self.rest.value)
        else:
            inside = truths(self.rest, watch.of_literal(positive))
        some = inside | watch.possible(positive) if watch.near else inside
        wanted = np.flatnonzero(some)
        there = inside[wanted] & self._hold_at(batch, wanted)
        codes = batch.codes[wanted]
        if not self.keep and not watch.still:
            open_ = np.flatnonzero(inside[wanted] & ~there)
            there[open_] = self._moved(batch.points[wanted[open_]], codes[open_])
        own = np.ascontiguousarray(self.joint.code_of(self.applied, codes.T).T)
        bends = np.ascontiguousarray(codes[:, self.cells.is_bend])
        for row, i in enumerate(wanted.tolist()):
            key = own[row].tobytes()
            known = self.near.get(key)
            if known is not None and known.meets and not self.keep:
                continue
            if watch.still and not watch._exactly(codes[row], positive[i]):
                continue
            at = _point(batch, i)
            if known is None:
                known = self.near[key] = Near(own[row].copy(), at)
            if there[row] and not known.meets:
                known.meets = True
                self.met += 1
                if not self.keep:
                    known.cells.clear()
                    continue
            name = codes[row].tobytes() if watch.still else bends[row].tobytes()
            known.cells.setdefault(name, (codes[row].copy(), at))

    # --- on closures -------------------------------------------------------------------------
    def settle(self) -> int:
        """Decide of all open regions whether they meet the set; those of which nothing is left go.

        Returns
        -------
        int
            How many are open still, as the time is over.
        """
        left = 0
        for key, near in list(self.near.items()):
            if near.meets is not None:
                continue
            try:
                with self.clock.running():
                    found = self._meets(near)
            except OutOfTime:
                left += 1
                continue
            if found is None:
                del self.near[key]
            else:
                near.meets = found
                self.met += found
        return left

    def _meets(self, near: Near) -> bool | None:
        """Whether the interior meets the set; None if not even the closure does."""
        touches = None
        for piece, own in self._pieces(near):
            if _is_inside(piece, own):
                return True
            touches = False
        return touches if not self._still else None

    @cached_property
    def _still(self) -> bool:
        """Whether slopes or codes are compared, so that only insides of regions count."""
        return any(part.constant for part in literals_of(self.condition))

    def _pieces(self, near: Near) -> Iterator[tuple[Piece, list[Row]]]:
        """The set in a region's closure, and the rows that are positive inside of the region.

        Under conditions on slopes and codes: of a region of the joint network, where they are
        known.
        """
        for code, at in near.cells.values():
            inside, row_of = [q(v) for v in at], self.cells.row_of(code)
            if self._still:
                own = self.cells.cell(code, at).rows
                others: list[Row] = []
                condition = conjunction(self.premises)
            else:
                own, others = self.cells.affine_rows(code)
                condition = self.condition
            for piece in pieces(condition, [*own, *others], inside, row_of):
                yield piece, own

    def parts(self, near: Near) -> list[tuple[Part, bool]]:
        """The set in a region's closure, and of each part whether it meets the interior.

        Thin parts that lie in another one are left out.
        """
        if not self.coordinates.dim:
            return [(part_of(self.domain, near.code.tolist(), [], [], [], []), True)]
        full: list[tuple[Part, bool]] = []
        flat: list[tuple[Part, bool]] = []
        for piece, own in self._pieces(near):
            part = part_of(
                self.domain, near.code.tolist(), piece.point, piece.closed, piece.open, piece.equal
            )
            meets = not part.is_thin or _is_inside(piece, own)
            if meets or not self._still:
                (flat if part.is_thin else full).append((part, meets))
        return without_covered(full, flat)


def _point(batch: Batch, i: int) -> tuple[Fraction, ...]:
    """The point inside of a region of a batch, exactly."""
    return tuple(batch.exact.get(i) or (Fraction(v) for v in batch.points[i].tolist()))


def _room(points: np.ndarray, slopes: np.ndarray, const: float) -> np.ndarray:
    """More than what rounding can change of forms at points."""
    return np.asarray(1e-12 * (np.abs(points) @ np.abs(slopes) + abs(const)) + 1e-290)


def _is_inside(piece: Piece, own: list[Row]) -> bool:
    """Whether some point of a piece is strictly inside of rows."""
    if all(value_at(row, piece.point) > 0 for row in own):
        return True
    return Cell(piece.closed, piece.point).point(piece.equal, [*piece.open, *own]) is not None


def without_covered(
    full: list[tuple[Part, Any]], flat: list[tuple[Part, Any]]
) -> list[tuple[Part, Any]]:
    """All full parts, and the thin ones that are no subset of another one."""
    kept = list(full)
    for part, value in flat:
        if not any(other._holds_all_of(part) for other, _ in kept):
            kept.append((part, value))
    return kept


def checked_limit(limit: int | None) -> int | None:
    """A number of regions.

    Raises
    ------
    ParameterError
    """
    if limit is None:
        return None
    if isinstance(limit, bool) or int(limit) != limit or limit < 1:
        raise ParameterError(f"limit {limit!r}: give a whole number of at least 1")
    return int(limit)
