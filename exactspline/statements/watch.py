"""Goes through the regions of a joint network, for points that satisfy a condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..clock import Clock
from .affine import Affine
from .atoms import Applied, Code, PointAtom, Slope
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
    truth,
)
from .faces import Cell, Cells, as_fractions
from .joint import Joint, asked

if TYPE_CHECKING:
    from ..polyhedra.lp import Row
    from ..search.decisions import Batch

__all__ = ["Found", "Seeker", "Watch", "truths"]

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


class Seeker(Protocol):
    """Who looks for a point: the condition, and what checks what is found."""

    @property
    def rest(self) -> Condition: ...

    def checked(self, at: Point, code: np.ndarray | None, inside: Point | None) -> Found: ...


class Watch:
    """Goes through the regions of a search, for points that satisfy a condition."""

    def __init__(
        self, sought: Seeker, joint: Joint, cells: Cells, clock: Clock, still: bool,
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
                    yield self.sought.checked(tuple(at), code, tuple(at))
                continue
            with self.clock.running():
                face = self._on_a_face(code, at, positive[i])
            if face is not None:
                yield self.sought.checked(face, code, tuple(at))

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
