"""The search for the regions of one network whose closure holds points that satisfy a condition.

One search of the joint network, with every comparison as a unit, finds all *cells*: regions of the
network, cut by other bends of the condition (maxima, other networks) alone, so that all that is
compared is affine. Inside of a region of the joint network every comparison is known; where the
condition holds there, the region of the network counts. Where it may hold by equality on the
closure (see `statements.search`), the cell is kept for exact linear programs.

What inputs alone must satisfy cuts the domain first: with a margin, so that regions that only touch
the set have points next to it that are searched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clock import Clock, OutOfTime
from ..driver.driver import Driver
from ..driver.request import Request
from ..errors import ParameterError
from ..polyhedra.lp import q
from ..search.decisions import SEARCHING, Stop
from ..statements.affine import Affine
from ..statements.atoms import Applied, PointAtom
from ..statements.conditions import FALSE, And, Constant, Literal, literals_of
from ..statements.exact import holds_at
from ..statements.faces import Cell
from ..statements.guess import thin
from ..statements.joint import Coordinates, Joint, joint_domain
from ..statements.pruning import undecided
from ..statements.search import Sought, _Watch, truths
from .dissect import AffineCells, Piece, pieces
from .parts import Part, part_of
from .wanted import Where, statement_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..domain import Domain
    from ..driver.outcome import Outcome
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
        progress: Any = None,
    ) -> None:  # fmt: skip
        """Find all regions, up to a number of those that are known to meet the set."""
        _ = self.domain.chart
        if self.coordinates.dim == 0:
            self._one_point()
            return
        narrow = self._narrowed()
        if narrow is None:
            return
        literals = literals_of(self.condition)
        moving = [part for part in literals if not part.constant]
        still = [part for part in literals if part.constant]
        sought = Sought((self.point,), self.condition)
        sought.domain, sought.rest = narrow, self.condition
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
                boxes = undecided(self.joint, narrow, self.condition)
        except OutOfTime:
            self.stop = Stop("time limit", SEARCHING, 0.0)
            return
        if boxes.domain is None:
            return
        self.cells = AffineCells(self.joint, self.base, applied)
        watch = _Watch(sought, self.joint, self.cells, self.clock, bool(still), near)
        self._driver = Driver(
            Request(self.joint.network, boxes.domain, engine=engine, executor=executor), self.clock
        )

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

    def _narrowed(self) -> Domain | None:
        """The domain where inputs satisfy what is asked of them alone, with a margin; or None."""
        if self.condition == FALSE:
            return None
        all_of = self.condition.inner if isinstance(self.condition, And) else (self.condition,)
        forms = []
        for part in all_of:
            linear = isinstance(part, Literal) and part.relation != "!="
            if linear and all(isinstance(a, PointAtom) for a in part.form.atoms):  # type: ignore[attr-defined]
                forms.append(part.form.times(Fraction(-1)))  # type: ignore[attr-defined]
                if part.relation == "==":  # type: ignore[attr-defined]
                    forms.append(part.form)  # type: ignore[attr-defined]
        if not forms:
            return self.base
        rows = []
        for form, margin in zip(forms, thin(self.coordinates, self.base.chart, forms), strict=True):
            const, terms = self.coordinates.row(form)
            rows.append((const + margin, terms))
        found = joint_domain(self.coordinates, rows)
        # a set in a domain thinner than the base would have points inside of the margin
        return found if found is not None and found.chart.dim == self.coordinates.dim else None

    def _take(self, batch: Batch, watch: Any) -> None:
        positive = self.joint.positive(batch.codes)
        if isinstance(self.condition, Constant):
            inside = np.full(len(batch.codes), self.condition.value)
        else:
            inside = truths(self.condition, watch.of_literal(positive))
        some = inside | watch.possible(positive) if watch.near else inside
        wanted = np.flatnonzero(some)
        codes = batch.codes[wanted]
        own = np.ascontiguousarray(self.joint.code_of(self.applied, codes.T).T)
        bends = np.ascontiguousarray(codes[:, self.cells.is_bend])
        for row, i in enumerate(wanted.tolist()):
            key = own[row].tobytes()
            known = self.near.get(key)
            if known is not None and known.meets and not self.keep:
                continue
            met = bool(inside[i]) and (not watch.still or watch._exactly(codes[row], positive[i]))
            if watch.still and not met:
                continue
            at = batch.exact.get(i) or tuple(Fraction(v) for v in batch.points[i].tolist())
            if known is None:
                known = self.near[key] = Near(own[row].copy(), tuple(at))
            if met and not known.meets:
                known.meets = True
                self.met += 1
                if not self.keep:
                    known.cells.clear()
                    continue
            name = codes[row].tobytes() if watch.still else bends[row].tobytes()
            known.cells.setdefault(name, (codes[row].copy(), tuple(at)))

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
        for code, at in near.cells.values():
            own, others = self.cells.affine_rows(code)
            for piece in self._pieces(code, at, own, others):
                if _is_inside(piece, own):
                    return True
                touches = False
        return touches

    def _pieces(self, code: np.ndarray, at: Any, own: list[Any], others: list[Any]) -> Any:
        inside = [q(v) for v in at]
        return pieces(self.condition, [*own, *others], inside, self.cells.row_of(code))

    def parts(self, near: Near) -> list[tuple[Part, bool]]:
        """The set in a region's closure, and of each part whether it meets the interior.

        Thin parts that lie in another one are left out.
        """
        if not self.coordinates.dim:
            return [(part_of(self.domain, near.code.tolist(), [], [], [], []), True)]
        still = any(part.constant for part in literals_of(self.condition))
        full: list[tuple[Part, bool]] = []
        flat: list[tuple[Part, bool]] = []
        for code, at in near.cells.values():
            if still:  # known inside of regions of the joint network alone
                rows = self.cells.cell(code, at)
                part = part_of(self.domain, near.code.tolist(), rows.inside, rows.rows, [], [])
                full.append((part, True))
                continue
            own, others = self.cells.affine_rows(code)
            for piece in self._pieces(code, at, own, others):
                part = part_of(
                    self.domain, near.code.tolist(), piece.point, piece.closed, piece.open,
                    piece.equal,
                )  # fmt: skip
                if part.is_thin:
                    flat.append((part, _is_inside(piece, own)))
                else:
                    full.append((part, True))
        return without_covered(full, flat)


def _is_inside(piece: Piece, own: list[Any]) -> bool:
    """Whether some point of a piece is strictly inside of rows."""
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
