"""One run of a search on a network and a domain: the engine is chosen here.

A run yields batches of regions in lexicographic order of their codes, with witnesses in the
domain's coordinates; a batch may be empty, as a sign of life.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from ..cells.space import SearchSpace
from ..clock import Clock, OutOfTime
from ..compile.program import Program
from ..domain import Domain
from ..errors import LimitError, ParameterError
from ..mode import guarded
from ..rationals import nearest_float
from .choice import (
    AUTO,
    REFERENCE,
    automatic,
    engine_called,
    needs_kernels,
    waits_for_no_compiler,
)  # fmt: skip
from .decisions import COMPILING, PREPARING, SEARCHING, Batch, Decisions
from .engine import Search
from .goal import Goal
from .lifting import lift_facets, sides_only
from .packing import code_type
from .part import WHOLE, Part
from .prepared import space_of

__all__ = ["Run", "Unprepared"]


@guarded
@dataclass
class Run:
    """A search that is ready to go.

    Parameters
    ----------
    program, domain
        What is searched.
    keep : bool
        Whether batches carry codes and witnesses; a count needs none.
    max_regions : int
        Stop after so many.
    engine : str
        "auto", or one of `choice.engine_names`. They give the same regions in the same order.
    facets : bool
        Whether batches carry the facets of their regions, too.
    part : Part
        What of the search tree is gone through: all of it by default.
    polygons : bool
        Whether batches carry the polygons of their regions, where the engine has them.
    goal : Goal, optional
        A condition: cells on which it holds nowhere may be left out, by engines that can tell.
    """

    program: Program
    domain: Domain
    keep: bool = True
    max_regions: int = 2**62
    engine: str = "auto"
    facets: bool = False
    part: Part = WHOLE
    polygons: bool = False
    goal: Goal | None = None
    search: Search | None = field(default=None, init=False)
    space: SearchSpace | None = field(default=None, init=False)
    trivial: bool = field(default=False, init=False)
    phase: str = field(default=PREPARING, init=False)
    slow: bool = field(default=False, init=False)  # kernels cannot be had in time
    _found: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.engine != AUTO:
            engine_called(self.engine)
        chart = self.domain.chart
        if self.program.layers and chart.dim:
            self.space = space_of(self.program, chart)
            self.trivial = self.space.dim == 0
        else:
            self.trivial = True
        if not self.trivial and self.space is not None:
            most = engine_called(self.engine_name).most
            if most and self.space.dim > most:
                raise ParameterError(
                    f"engine {self.engine_name!r} searches up to {most} dimensions, but the "
                    f"network reads {self.space.dim} of its domain's; take 'auto', or a slice"
                )
        if self.facets and not self.trivial and self.space is not None:
            most = engine_called(self.engine_name).facets
            if most == 0:
                raise ParameterError(f"engine {self.engine_name!r} finds no facets; take another")
            if self.space.dim > most:
                raise LimitError(
                    f"facets are found in up to {most} dimensions, but the network reads "
                    f"{self.space.dim} of its domain's; take a slice through some of its inputs"
                )

    @property
    def domain_dim(self) -> int:
        """k, the domain's dimension."""
        return self.domain.chart.dim

    @property
    def dims(self) -> tuple[int, int]:
        """The domain's dimension, and how many of its coordinates are searched."""
        searched = 0 if self.trivial or self.space is None else self.space.dim
        return self.domain_dim, searched

    @property
    def engine_name(self) -> str:
        """The engine that runs (``exact`` where one exact evaluation is all there is)."""
        if self.trivial:
            return "exact"
        if self.slow:
            return REFERENCE
        if self.engine != AUTO:
            return self.engine
        return self._automatic

    @cached_property
    def _automatic(self) -> str:
        assert self.space is not None
        name = automatic(self.space.dim, goals=self.goal is not None).name
        if needs_kernels(name) and waits_for_no_compiler(self.program.n_units):
            from .compiled import is_compiled

            return name if is_compiled(name, facets=self.facets) else REFERENCE
        return name

    @property
    def needs_kernels(self) -> bool:
        """Whether the engine that runs needs kernels that are compiled first."""
        return needs_kernels(self.engine_name)

    @property
    def regions(self) -> int:
        """Regions proved so far."""
        return self.search.regions if self.search is not None else self._found

    @property
    def before(self) -> int:
        """Regions that an earlier run had found."""
        return 0

    @property
    def complete(self) -> bool:
        """Whether every region has been found."""
        return self.search.finished if self.search is not None else self._found == 1

    @property
    def share(self) -> float:
        """Share of the search tree that is done, 0 to 1."""
        return self.search.share if self.search is not None else float(self._found)

    @property
    def detail(self) -> str:
        """What there is to say of the phase: how far a compilation is."""
        if self.phase != COMPILING:
            return ""
        from .compiled import step_of_compilation

        step = step_of_compilation(self.engine_name, facets=self.facets)
        return "once only" if step is None else f"once only: {step}"

    @property
    def closed(self) -> int:
        """Cells that were closed, since what is sought holds nowhere on them."""
        return int(getattr(self.search, "closed", 0))

    @property
    def spent(self) -> bool:
        """Whether it cannot go on, though it is not complete: see ``remaining``."""
        return self.search is not None and self.search.spent

    @property
    def decisions(self) -> Decisions:
        """Proved decisions so far, by tier."""
        if self.search is not None:
            return self.search.decisions
        return Decisions(rational=self._found)

    def batches(self, deadline: Clock | float | None = None) -> Generator[Batch, None, None]:
        """Search until a clock or a value of ``time.monotonic()`` says; called again, go on."""
        clock = Clock.of(deadline)
        if self.trivial:
            try:
                with clock.running():
                    found = self._one_region()
            except OutOfTime:
                return
            yield from found
            return
        if self.search is None:
            yield from self.ready(clock)
            if self.phase == COMPILING:
                return
            self.phase = PREPARING
            assert self.space is not None
            try:
                with clock.running():
                    self.search = self._begun(self.space)
            except OutOfTime:
                return
        self.phase = SEARCHING
        for batch in self.search.batches(clock):
            yield self._lifted(batch) if self.keep else batch

    def ready(self, clock: Clock) -> Iterator[Batch]:
        """Have the engine's kernels in the cache, as far as the clock lets it; yield empty batches.

        Where there is no clock to look at, they are compiled when they are first called. The
        phase is that of compiling until they are there. Where they cannot be had without
        stopping the clock, the rational engine takes their place.
        """
        if not clock.limited or not self.needs_kernels:
            return
        from .compiled import compile_elsewhere

        before, self.phase = self.phase, COMPILING
        ready = False
        for ready in compile_elsewhere(clock, self.engine_name, facets=self.facets):
            if not ready:
                yield self.nothing()
        if not ready and clock.late():
            return
        self.phase, self.slow = before, not ready

    def nothing(self) -> Batch:
        """A batch of no regions: a sign of life."""
        codes = np.zeros((0, self.program.n_units), code_type(self.program.pieces))
        return Batch(codes, np.zeros((0, self.domain_dim)))

    def remaining(self, split: int = 1) -> list[Part]:
        """What is still to be searched, in order, as up to ``split`` parts."""
        if self.search is not None:
            return self.search.remaining(split)
        return [] if self._found else [self.part]

    def _begun(self, space: SearchSpace) -> Search:
        engine = engine_called(self.engine_name)
        more: dict[str, Any] = {"polygons": True} if self.polygons and engine.polygons else {}
        if self.goal is not None and engine.goals:
            more["goal"] = self.goal
        return engine.begin(
            self.program, space, keep=self.keep, max_regions=self.max_regions,
            facets=self.facets, part=self.part, **more,
        )  # fmt: skip

    def _one_region(self) -> list[Batch]:
        """A network without units, a one-point domain, or forms that are all constant."""
        from ..cells.point import code_at

        if self.max_regions < 1 or self._found:
            return []
        chart = self.domain.chart
        code, _ = code_at(self.program, chart.lift(chart.interior))
        codes = code[None].astype(code_type(self.program.pieces))
        batch = self._checked(codes, [tuple(chart.interior)])
        if self.facets:
            batch.facets = sides_only(self.program, chart, code)
        self._found, self.phase = 1, SEARCHING
        return [batch]

    def _checked(self, codes: np.ndarray, points: list[tuple[Fraction, ...]]) -> Batch:
        """A batch from exact points in the domain's coordinates.

        A float64 witness of a one-region partition is any interior point of the domain.
        """
        chart = self.domain.chart
        floats = np.zeros((len(points), chart.dim))
        exact: dict[int, tuple[Fraction, ...]] = {}
        for i, point in enumerate(points):
            near = [nearest_float(v) for v in point]
            floats[i] = near
            if not _inside(chart, near):
                exact[i] = point
        return Batch(codes, floats, exact, len(points))

    def _lifted(self, batch: Batch) -> Batch:
        """Witnesses from search coordinates to the domain's coordinates."""
        space = self.space
        assert space is not None
        n = len(batch.codes)
        points, inexact = batch.points, False
        if space.dim < space.chart.dim:
            points = np.empty((n, space.chart.dim))
            for j, value in enumerate(space.fixed):
                near = nearest_float(value)
                points[:, j] = near
                if j not in space.columns and Fraction(near) != value:
                    inexact = True
            points[:, space.columns] = batch.points
        exact = {i: tuple(space.to_chart(p)) for i, p in batch.exact.items()}
        if batch.facets is not None:
            lift_facets(batch.facets, space, self._found)
            self._found += n
        if inexact:  # a fixed coordinate that no float64 holds: witnesses stay rational
            for i in range(n):
                if i not in exact:
                    s = [Fraction(v) for v in batch.points[i].tolist()]
                    exact[i] = tuple(space.to_chart(s))
        codes = batch.codes.astype(code_type(self.program.pieces), copy=False)
        found = [tuple(space.to_chart(list(p))) for p in batch.candidates]
        return Batch(codes, points, exact, batch.count, batch.facets, batch.polygons, found)


@dataclass
class Unprepared:
    """What stands for a run that the clock has stopped while it was being made.

    Parameters
    ----------
    domain : Domain
    engine_name : str
        As it was asked for.
    phase : str
    """

    domain: Domain
    engine_name: str
    phase: str
    regions: int = 0
    before: int = 0
    complete: bool = False
    share: float = 0.0
    trivial: bool = False
    detail: str = ""

    @property
    def decisions(self) -> Decisions:
        """None."""
        return Decisions()

    def batches(self, deadline: Clock | float | None = None) -> Generator[Batch, None, None]:
        """None."""
        yield from ()


def _inside(chart: object, point: list[float]) -> bool:
    """Whether a float64 point is strictly inside a chart's bounds and rows, exactly."""
    from ..domain import Chart

    assert isinstance(chart, Chart)
    at = [Fraction(v) for v in point]
    for value, low, high in zip(at, chart.low, chart.high, strict=True):
        if (low is not None and value <= low) or (high is not None and value >= high):
            return False
    for i in range(len(chart.rows)):
        indices, data, total = chart.rows.row(i)
        for j, c in zip(indices.tolist(), data.tolist(), strict=True):
            total += Fraction(c) * at[j]
        if total <= 0:
            return False
    return True
