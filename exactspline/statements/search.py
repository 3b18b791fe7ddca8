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
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clock import Clock
from ..driver.driver import Driver
from ..driver.request import Request
from ..errors import DomainError, ParameterError, UndecidedError
from .affine import Affine
from .ascent import ascended
from .atoms import Applied, Code, PointAtom, Slope
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
    cubes,
    disjunction,
    holds,
    literals_of,
    truth,
)
from .exact import holds_at
from .faces import Cell, Cells, as_fractions
from .goals import goal_of
from .guess import guesses, is_in, thin
from .joint import Coordinates, Joint, asked, joint_domain
from .pruning import undecided

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..domain import Domain
    from ..polyhedra.lp import Row
    from ..search.decisions import Batch

__all__ = ["Found", "Sought", "truths"]

_PATTERNS = 10_000  # of signs of forms, whose alternatives are kept

Point = tuple[Fraction, ...]


@dataclass
class Found:
    """A point that satisfies the condition.

    Attributes
    ----------
    at : tuple of Fraction
        In the coordinates of the joint domain's chart.
    points : dict
        The points that it stands for.
    inside : tuple of Fraction
        A point inside the same region.
    code : ndarray or None
        The region, where it was searched.
    """

    at: Point
    points: dict[PointAtom, Point]
    inside: Point
    code: np.ndarray | None = None


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
    """

    points: tuple[PointAtom, ...]
    condition: Condition
    executor: Executor | None = None
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
        if not self.premises():
            return
        assert self.domain is not None
        literals = literals_of(self.rest)
        moving = [part for part in literals if not part.constant]
        still = [part for part in literals if part.constant]
        if isinstance(self.rest, Constant):
            if self.rest.value:
                yield self._checked(tuple(self.domain.chart.interior), None, None)
            return
        tries = tries and first and not still
        if tries:
            for at in guesses(self.coordinates, self.domain.chart, self.condition):
                if holds_at(self.condition, self._points(at)):
                    self.method = "by trying points"
                    yield self._checked(at, None, None)
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
            as_written=self.executor is not None,  # workers are given the network
        )  # fmt: skip
        with clock.running():
            if _settled(self.rest, joint) == FALSE:
                self.method = "by exact forms"
                return
            boxes = undecided(joint, self.domain, self.rest)
        self.pruned = boxes.pruned
        if boxes.domain is None:
            self.method = "by bounds"
            return
        watch = _Watch(self, joint, Cells(joint, boxes.domain), clock, bool(still), near)
        goal = None if still else goal_of(
            joint, self.rest, watch.near, points=tries,
            any_order=tries and self.executor is None,  # parts come in the order of the codes
        )  # fmt: skip
        request = Request(
            joint.network, boxes.domain, limit, goal=goal, program=joint.program,
            executor=self.executor,
        )  # fmt: skip
        driver = Driver(request, clock)
        given = self.coordinates, joint, boxes.domain.chart, self.rest
        pauses = () if goal is None else goal.pauses
        later: list[Callable[[], Iterator[Point]]] = [partial(climbed, *given)]
        later += [partial(ascended, *given, attempt) for attempt in range(len(pauses) - 1)]
        yield from self.driven(driver, watch.of_batch, progress, first, list(zip(pauses, later)))  # noqa: B905

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
                if holds_at(self.condition, self._points(at)):
                    waiting.append(self._checked(at, None, None))
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
    def _points(self, at: Sequence[Fraction]) -> dict[PointAtom, Point]:
        assert self.domain is not None
        return self.coordinates.split(self.domain.chart.lift(at))

    def _checked(self, at: Point, code: np.ndarray | None, inside: Point | None) -> Found:
        """A point that has been found; checked by the networks themselves.

        Raises
        ------
        UndecidedError
            If it does not satisfy the condition, which would be a defect.
        """
        assert self.domain is not None
        points = self._points(at)
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


class _Watch:
    """Goes through the regions of a search, for points that satisfy a condition."""

    def __init__(
        self, sought: Sought, joint: Joint, cells: Cells, clock: Clock, still: bool,
        near: dict[Affine, Affine],
    ) -> None:  # fmt: skip
        self.near = {joint.columns[form]: joint.columns[less] for form, less in near.items()}
        self.sought, self.joint, self.cells, self.clock = sought, joint, cells, clock
        self.condition, self.still = sought.rest, still
        self._known: dict[bytes, list[tuple[Literal, ...]]] = {}

    def of_batch(self, batch: Batch) -> Iterator[Found]:
        """What the regions of a batch show."""
        positive = self.joint.positive(batch.codes)
        inside = truths(self.condition, self.of_literal(positive))
        # without a comparison that is not strict, what holds anywhere holds inside of a region
        some = inside | self.possible(positive) if self.near else inside
        for i in np.flatnonzero(some).tolist():
            code = batch.codes[i]
            at = batch.exact.get(i) or tuple(Fraction(v) for v in batch.points[i].tolist())
            if inside[i]:
                if not self.still or self._exactly(code, positive[i]):
                    yield self.sought._checked(tuple(at), code, tuple(at))
                continue
            with self.clock.running():
                face = self._on_a_face(code, at, positive[i])
            if face is not None:
                yield self.sought._checked(face, code, tuple(at))

    def of_literal(self, positive: np.ndarray) -> Callable[[Literal], np.ndarray]:
        """How comparisons are read off: whether they hold inside of regions."""
        columns = self.joint.columns

        def of(part: Literal) -> np.ndarray:
            if part.constant:  # slopes and codes: not known yet
                return np.ones(positive.shape[:-1], dtype=bool)
            own = [positive[..., columns[form]] for form in asked(part)]
            if part.relation == "<=":
                return np.asarray(~own[0])
            if part.relation == "<":
                return np.asarray(own[0])
            return np.asarray((own[0] | own[1]) == (part.relation == "!="))

        return of

    def _exactly(self, code: np.ndarray, positive: np.ndarray) -> bool:
        """Whether a condition with slopes or codes holds inside of a region."""
        values, moving = _Constants(self.joint, code), self.of_literal(positive)

        def of(part: Literal) -> bool:
            if part.constant:
                return holds(part.relation, values.of(part.form))
            return bool(moving(part))

        return truth(self.condition, of)

    # --- faces -------------------------------------------------------------------------------
    def possible(self, positive: np.ndarray) -> np.ndarray:
        """Regions on whose closure the condition may hold."""
        if isinstance(self.condition, Constant):
            return np.full(len(positive), self.condition.value)
        inside = self.of_literal(positive)

        def of(part: Literal) -> np.ndarray:
            own = inside(part)
            if part.relation in ("<=", "=="):
                thin = [self.near[self.joint.columns[form]] for form in asked(part)]
                own = own | ~positive[..., thin].any(axis=-1)  # no form is over its small number
            return own

        return truths(self.condition, of)

    def alternatives(self, positive: np.ndarray) -> list[tuple[Literal, ...]]:
        """What must hold on a region's closure beyond what holds on all of it: one of these.

        A comparison that is not strict holds on the closure if it does inside; one that is
        strict if its form is over a small number inside. What fails inside by more than that
        number fails on the closure.
        """
        key = positive.tobytes()
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = cubes(self._left(self.condition, positive))
            if len(self._known) > _PATTERNS:
                self._known.clear()
        return known

    def _left(self, part: Condition, positive: np.ndarray) -> Condition:
        """The condition without the comparisons that are decided on a region's closure."""
        if isinstance(part, And | Or):
            inner = [self._left(each, positive) for each in part.inner]
            return conjunction(inner) if isinstance(part, And) else disjunction(inner)
        if not isinstance(part, Literal):
            return part
        own = [self.joint.columns[form] for form in asked(part)]
        over = [c for c in own if positive[c]]
        far = any(positive[self.near[c]] for c in own if c in self.near)  # from 0
        if part.relation in ("<=", "=="):
            return TRUE if not over else FALSE if far else part
        return FALSE if not over else TRUE if far else part

    def _on_a_face(
        self, code: np.ndarray, at: Sequence[Fraction], positive: np.ndarray
    ) -> Point | None:
        """A point of a region's closure where the condition holds, by equalities."""
        cell: Cell | None = None
        rows: dict[int, Row] = {}
        apart: set[int] = set()  # forms that vanish nowhere on the closure
        for cube in self.alternatives(positive):
            zero, strict = self.needed(cube, positive)
            if apart.intersection(zero):
                continue
            cell = cell or self.cells.cell(code, at)
            for column in (*zero, *strict):
                if column not in rows:
                    rows[column] = self.cells.compared(code, column)
            for column in zero:
                if cell.touches(rows[column]) is None:
                    apart.add(column)
                    break
            else:
                point = cell.point([rows[c] for c in zero], [rows[c] for c in strict])
                if point is not None:
                    return as_fractions(point)
        return None

    def needed(self, cube: Sequence[Literal], positive: np.ndarray) -> tuple[list[int], list[int]]:
        """Which forms must vanish, and which must not, for an alternative to hold."""
        zero: list[int] = []
        strict: list[int] = []
        for part in cube:
            own = [self.joint.columns[form] for form in asked(part)]
            into = zero if part.relation in ("<=", "==") else strict
            into += [column for column in own if positive[column]]
        return list(dict.fromkeys(zero)), list(dict.fromkeys(strict))


class _Constants:
    """Slopes and codes of networks on one region of the joint one."""

    def __init__(self, joint: Joint, code: np.ndarray) -> None:
        self._joint, self._code = joint, code
        self._codes: dict[Applied, np.ndarray] = {}
        self._slopes: dict[Applied, np.ndarray] = {}

    def of(self, form: Affine) -> Fraction:
        total = form.const
        for (atom, index), c in form.terms:
            if isinstance(atom, Code):
                total += c * int(self._code_of(atom.applied)[index])
            else:
                assert isinstance(atom, Slope)
                total += c * self._slope(atom.applied, index)
        return total

    def _code_of(self, applied: Applied) -> np.ndarray:
        if applied not in self._codes:
            self._codes[applied] = self._joint.code_of(applied, self._code)
        return self._codes[applied]

    def _slope(self, applied: Applied, index: int) -> Fraction:
        if applied not in self._slopes:
            from ..partition.regions.maps import program_map

            network = applied.network
            forms = program_map(network.program, self._code_of(applied))
            out = np.full((network.output_dim, network.input_dim), Fraction(0), dtype=object)
            for i in range(network.output_dim):
                indices, data, _ = forms.row(i)
                out[i, indices] = [Fraction(v) for v in data.tolist()]
            self._slopes[applied] = out.reshape(-1)
        return Fraction(self._slopes[applied][index])


def truths(condition: Condition, of: Callable[[Literal], np.ndarray]) -> np.ndarray:
    """Where a condition holds inside of regions."""
    if isinstance(condition, Literal):
        return of(condition)
    parts = [truths(part, of) for part in condition.parts]
    return np.asarray(
        np.all(parts, axis=0) if isinstance(condition, And) else np.any(parts, axis=0)
    )


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
