"""The search for a point that satisfies a condition: what decides a statement.

| step | what it does | next |
|---|---|---|
| PREMISES | comparisons of points alone that must hold cut the domain | nothing is left: NONE; GUESS |
| GUESS | some points are tried, exactly | FOUND; PRUNE |
| PRUNE | boxes on which bounds exclude the condition are left out | nothing is left: NONE; SEARCH |
| SEARCH | regions of the joint network, on which every comparison has one sign inside; cells where bounds exclude the condition are closed, points where it seems to hold are tried | FOUND; FACES; CLIMB and ASCENT, once each |
| CLIMB | when some cells are closed: uphill along coordinates, in float64; what is found is tried exactly | FOUND; SEARCH |
| ASCENT | when many are: uphill along affine pieces | FOUND; SEARCH |
| FACES | of a region whose inside fails: comparisons that may hold by equality on its closure | FOUND; SEARCH |
| SEARCH | no more regions | NONE |
| any | a limit, the clock, an interrupt | UNDECIDED |

FACES is asked only for conditions with a comparison that is not strict: all others hold, if they hold
anywhere, on an open set, and so inside of a region. Where d <= 0 is asked, a second unit cuts at
d = c for some small c > 0: next to a point of the closure where d is 0 there are points with d < c,
so a region whose inside has d > c need not be looked at. What is not decided inside is left to exact
linear programs in these thin regions alone.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clock import Clock
from ..driver.driver import Driver
from ..driver.request import Request
from ..errors import DomainError, ParameterError, StoreError, UndecidedError
from .affine import Affine
from .ascent import ascended
from .atoms import PointAtom
from .climbing import climbed
from .conditions import (
    FALSE,
    TRUE,
    And,
    Condition,
    Constant,
    Literal,
    Or,
    conjunction,
    disjunction,
    holds,
    literals_of,
)
from .exact import holds_at
from .faces import Cells
from .floats import FloatNetwork
from .goals import goal_of
from .guess import guesses, is_in, thin
from .joint import Coordinates, Joint, asked, joint_domain
from .kept import Kept
from .pruning import undecided
from .watch import Found, Watch

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..domain import Domain
    from ..search.decisions import Batch

__all__ = ["Sought"]

Point = tuple[Fraction, ...]
_BEFORE = 3  # ways to try points, before a tree that is kept in a file


class _Enough(Exception):  # noqa: N818
    """No further regions are asked for."""


@dataclass
class Sought:
    """What is looked for, and what was done so far.

    Parameters
    ----------
    points : tuple of PointAtom
    condition : Condition
    executor : Executor, optional
        Has its workers search regions.
    kept : Kept, optional
        What is known already, and where what is found out is written.
    """

    points: tuple[PointAtom, ...]
    condition: Condition
    executor: Executor | None = None
    kept: Kept | None = None
    regions: int = 0
    decisions: int = 0
    stopped: str = ""
    method: str = "without a search"
    vacuous: bool = False
    pruned: int = 0
    closed: int = 0
    coordinates: Coordinates = field(init=False)
    domain: Domain | None = field(init=False, default=None)
    rest: Condition = field(init=False, default=TRUE)

    def __post_init__(self) -> None:
        self.coordinates = Coordinates(self.points)

    # --- steps -------------------------------------------------------------------------------
    def found(
        self, clock: Clock, *, limit: int | None = None, progress: Any = None, first: bool = True,
        tries: bool = True,
    ) -> Iterator[Found]:  # fmt: skip
        """Points that satisfy the condition: one a region at most, none twice inside of one.

        What is yielded has been checked by exact forward passes, unless slopes or codes are
        compared.
        """
        if self.kept is None:
            yield from self._steps(clock, limit, progress, first, tries)
            return
        kept, found = self.kept, None
        if kept.is_none or kept.is_found:
            found = self._known(kept)
        else:
            found = next(self._steps(clock, limit, progress, True, tries), None)
            if found is None and self.stopped:
                return
            kept.conclude(found)
        if found is not None:
            yield found

    def _known(self, kept: Kept) -> Found | None:
        """What was found out before, a point checked again."""
        self.method, self.regions = "by an earlier run", kept.regions
        self.decisions = kept.decisions.total
        if kept.is_none or not self.premises():
            return None
        return self._again(kept)

    def _again(self, kept: Kept) -> Found:
        """The point that a file has, checked as if it had been found now.

        Raises
        ------
        StoreError
            If it is none.
        """
        assert self.domain is not None
        at, code, inside = kept.known()
        if len(at) == len(inside) == self.domain.chart.dim:
            with suppress(UndecidedError):
                return self.checked(at, code, inside)
        raise StoreError(
            f"{kept.path}: the point that it holds does not satisfy the condition: it is damaged; "
            "verify again into a new file"
        )

    def _steps(
        self, clock: Clock, limit: int | None, progress: Any, first: bool, tries: bool
    ) -> Iterator[Found]:  # fmt: skip
        if not self.premises():
            return
        assert self.domain is not None
        literals = literals_of(self.rest)
        moving = [part for part in literals if not part.constant]
        still = [part for part in literals if part.constant]
        if isinstance(self.rest, Constant):
            if self.rest.value:
                yield self.checked(tuple(self.domain.chart.interior), None, None)
            return
        tries = tries and first and not still
        if tries and not (self.kept is not None and self.kept.tried):
            for at in guesses(self.coordinates, self.domain.chart, self.condition):
                if holds_at(self.condition, self.points_at(at)):
                    self.method = "by trying points"
                    yield self.checked(at, None, None)
                    return
        yield from self._searched(moving, still, clock, limit, progress, first, tries)

    def premises(self) -> bool:
        """Cut the domain by what points alone must satisfy; False if nothing is left."""
        try:
            for point in self.points:
                _ = point.domain.chart
        except DomainError:
            self.vacuous, self.method = True, "the domain is empty"
            return False
        if self.coordinates.dim == 0:
            raise ParameterError(
                "the domains are single points: evaluate the networks there, "
                "network.forward(x, exact=True)"
            )
        if self.condition == FALSE:
            return False
        rows, rest = [], []
        parts = self.condition.inner if isinstance(self.condition, And) else (self.condition,)
        for part in parts:
            if isinstance(part, Literal) and _is_linear(part) and part.relation != "!=":
                const, terms = self.coordinates.row(part.form)
                rows.append((-const, {j: -v for j, v in terms.items()}))
                if part.relation == "==":
                    rows.append((const, terms))
                if part.relation != "<":
                    continue
            rest.append(part)
        self.rest = conjunction(rest)
        self.domain = joint_domain(self.coordinates, rows)
        if self.domain is None:
            self.method = "no point of the domain satisfies what is said of points alone"
            return False
        return True

    def _searched(
        self, moving: Sequence[Literal], still: Sequence[Literal], clock: Clock,
        limit: int | None, progress: Any, first: bool, tries: bool,
    ) -> Iterator[Found]:  # fmt: skip
        assert self.domain is not None
        self.method = "by searching regions"
        constants = list(dict.fromkeys(a.applied for p in still for a in p.form.atoms))  # type: ignore[attr-defined]
        near = {} if still else self.near(moving)
        more = [Literal(less, "<=") for less in near.values()]
        joint = Joint(
            self.coordinates, [*moving, *more], constants=constants,
            # workers are given the network, and a file may be gone on with by workers
            as_written=self.executor is not None or self.kept is not None,
        )  # fmt: skip
        with clock.running():
            if _settled(self.rest, joint) == FALSE:
                self.method = "by exact forms"
                return
            boxes = undecided(joint, self.domain, self.rest, halve=bool(still))
        self.pruned = boxes.pruned
        if boxes.domain is None:
            self.method = "by bounds"
            return
        watch = Watch(self, joint, Cells(joint, boxes.domain), clock, bool(still), near)
        goal = None if still else goal_of(
            joint, self.rest, watch.near, points=tries,
            # parts come in the order of the codes
            any_order=tries and self.executor is None and self.kept is None,
        )  # fmt: skip
        request = Request(
            joint.network, boxes.domain, limit, goal=goal, program=joint.program,
            executor=self.executor, sink=self.kept,
        )  # fmt: skip
        driver = Driver(request, clock)
        chart = boxes.domain.chart
        given = FloatNetwork(joint, chart), chart, self.rest
        pauses = () if goal is None else goal.pauses  # none where no points are tried
        steps: list[Callable[[], Iterator[Point]]] = [partial(climbed, *given)]
        steps += [partial(ascended, *given, attempt) for attempt in range(len(pauses) - 1)]
        later = list(zip(pauses, steps, strict=False))
        if self.kept is None:
            if self.executor is not None:  # when workers have closed so many depends on the time
                later = []
            yield from self.driven(driver, watch.of_batch, progress, first, later)
            return
        self.kept.begin(joint.program, watch, boxes.domain.chart.dim)
        found = self._tried(self.kept, clock, [step for _, step in later[:_BEFORE]]) or self._kept(
            self.kept, driver, progress
        )
        if found is not None:
            yield found

    def _tried(
        self, kept: Kept, clock: Clock, later: Sequence[Callable[[], Iterator[Point]]]
    ) -> Found | None:
        """Points that need no tree, all before it: each way once for all runs with one file."""
        for number, step in enumerate(later, 1):
            if kept.tried >= number:
                continue
            kept.file.has_tried(number)
            with clock.running():
                points = list(step())
            for at in points:
                if holds_at(self.condition, self.points_at(at)):
                    self.method = "by trying points"
                    return self.checked(at, None, None)
        return None

    def _kept(self, kept: Kept, driver: Driver, progress: Any) -> Found | None:
        """Go on with a tree in a file; the point of the first region that has one."""

        def take(batch: Batch) -> None:
            if kept.is_over:
                raise _Enough

        try:
            if not kept.is_over:
                outcome = driver.go(take, progress=progress)
                if outcome.stop is not None:
                    self.stopped = outcome.stop.reason
        except _Enough:
            pass
        finally:
            self.regions, self.decisions = kept.regions, kept.decisions.total
            self._closed(driver)
        if kept.is_over:
            self.stopped = ""
            return self._again(kept)
        return None

    def driven(
        self, driver: Driver, of_batch: Callable[[Batch], Iterator[Found]], progress: Any,
        first: bool = False, later: Sequence[tuple[int, Callable[[], Iterator[Point]]]] = (),
    ) -> Iterator[Found]:  # fmt: skip
        """Go through a search; what is found is handed over between batches."""
        waiting: list[Found] = []
        waits = list(later)

        def take(batch: Batch) -> None:
            self.regions += len(batch.codes)
            points = list(batch.candidates)
            # the search pauses there, so that what is found does not depend on the time
            if waits and getattr(driver._run, "closed", 0) >= waits[0][0]:
                points += waits.pop(0)[1]()
            for at in points:
                if holds_at(self.condition, self.points_at(at)):
                    waiting.append(self.checked(at, None, None))
                    raise _Enough
            for found in of_batch(batch):
                waiting.append(found)
                if first:
                    break
            if waiting:
                raise _Enough

        # the driver takes signals in hand, so it is not left in the middle of a step
        again = True
        while again:
            again = False
            try:
                outcome = driver.go(take, progress=progress)
                self.decisions = outcome.decisions.total
                self._closed(driver)
                if outcome.stop is not None:
                    self.stopped = outcome.stop.reason
            except _Enough:
                again = True
                if driver._run is not None:
                    self.decisions = driver._run.decisions.total
                    self._closed(driver)
            yield from waiting
            waiting.clear()

    def _closed(self, driver: Driver) -> None:
        self.closed = int(getattr(driver._run, "closed", 0))

    def near(self, literals: Sequence[Literal]) -> dict[Affine, Affine]:
        """For every form d that is compared, d - c for some small c > 0.

        Empty if all comparisons are strict.
        """
        assert self.domain is not None
        if not any(part.relation in ("<=", "==") for part in literals):
            return {}
        forms = list(dict.fromkeys(form for part in literals for form in asked(part)))
        small = thin(self.coordinates, self.domain.chart, forms)
        return {
            form: form.plus(Affine(c), Fraction(-1)) for form, c in zip(forms, small, strict=True)
        }

    # --- points ------------------------------------------------------------------------------
    def points_at(self, at: Sequence[Fraction]) -> dict[PointAtom, Point]:
        assert self.domain is not None
        return self.coordinates.split(self.domain.chart.lift(at))

    def checked(self, at: Point, code: np.ndarray | None, inside: Point | None) -> Found:
        """A point that has been found; checked by the networks themselves.

        Raises
        ------
        UndecidedError
            If it does not satisfy the condition, which would be a defect.
        """
        assert self.domain is not None
        points = self.points_at(at)
        checkable = self.condition if not _jumps(self.condition) else None
        good = is_in(self.domain.chart, list(at))
        if checkable is not None:
            good = good and holds_at(checkable, points)
        if not good:
            raise UndecidedError(
                "a point that was found does not satisfy the condition when the networks are "
                "evaluated there exactly; this is a defect of exactspline, please report it with "
                "the statement"
            )
        return Found(at, points, inside or at, code)


def _settled(part: Condition, joint: Joint) -> Condition:
    """A condition without the comparisons whose forms are constant, as exact forms tell."""
    if isinstance(part, And | Or):
        inner = [_settled(each, joint) for each in part.inner]
        return conjunction(inner) if isinstance(part, And) else disjunction(inner)
    if isinstance(part, Literal) and not part.constant:
        sign = joint.sign_everywhere(asked(part)[0])
        if sign is not None:
            value = Fraction(-sign if part.relation == "<" else sign)
            return TRUE if holds(part.relation, value) else FALSE
    return part


def _is_linear(part: Literal) -> bool:
    return all(isinstance(atom, PointAtom) for atom in part.form.atoms)


def _jumps(condition: Condition) -> bool:
    return any(part.constant for part in literals_of(condition))
