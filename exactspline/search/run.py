"""One run of a search on a network and a domain: the engine is chosen here.

A run yields batches of regions in lexicographic order of their codes, with witnesses in the
domain's coordinates; a batch may be empty, as a sign of life.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from ..compile.program import Program
from ..domain import Domain
from ..errors import LimitError, ParameterError
from ..rationals import nearest_float
from .decisions import Batch, Decisions
from .lifting import lift_facets, sides_only
from .packing import code_type
from .part import WHOLE, Part
from .space import SearchSpace, search_space

__all__ = ["MAX_DENSE_DIM", "Engine", "Run"]

MAX_DENSE_DIM = 60  # beyond it a dense dictionary per pending cell is no longer worth it
ENGINES = ("auto", "kernel", "highs", "rational")


class Engine(Protocol):
    """What every engine offers."""

    name: str
    finished: bool

    @property
    def regions(self) -> int: ...

    @property
    def share(self) -> float: ...

    @property
    def decisions(self) -> Decisions: ...

    def batches(self, deadline: float | None = None) -> Iterator[Batch]: ...

    def remaining(self, split: int = 1) -> list[Part]: ...


@dataclass
class Run:
    """A search that is ready to go.

    Parameters
    ----------
    program, domain
        What is searched.
    store : bool
        Whether batches carry codes and witnesses; a count needs none.
    max_regions : int
        Stop after so many.
    engine : str
        "auto", "kernel", "highs" or "rational". They give the same regions in the same order.
    facets : bool
        Whether batches carry the facets of their regions, too.
    part : Part
        What of the search tree is gone through: all of it by default.
    """

    program: Program
    domain: Domain
    store: bool = True
    max_regions: int = 2**62
    engine: str = "auto"
    facets: bool = False
    part: Part = WHOLE
    search: Engine | None = field(default=None, init=False)
    space: SearchSpace | None = field(default=None, init=False)
    trivial: bool = field(default=False, init=False)
    _found: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ParameterError(
                f"engine {self.engine!r} is unknown; choose one of {', '.join(ENGINES)}"
            )
        chart = self.domain.chart
        if self.program.layers and chart.dim:
            self.space = search_space(self.program, chart)
            self.trivial = self.space.dim == 0
        else:
            self.trivial = True
        if self.facets and self.space is not None and self.space.dim > MAX_DENSE_DIM:
            raise LimitError(
                f"facets are found in up to {MAX_DENSE_DIM} dimensions, but the network reads "
                f"{self.space.dim} of its domain's; take a slice through some of its inputs"
            )

    @property
    def domain_dim(self) -> int:
        """k, the domain's dimension."""
        return self.domain.chart.dim

    @property
    def engine_name(self) -> str:
        """The engine that runs (``exact`` where one exact evaluation is all there is)."""
        if self.trivial:
            return "exact"
        if self.engine != "auto":
            return self.engine
        assert self.space is not None
        return "kernel" if self.space.dim <= MAX_DENSE_DIM else "highs"

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
    def decisions(self) -> Decisions:
        """Proved decisions so far, by tier."""
        if self.search is not None:
            return self.search.decisions
        return Decisions(rational=self._found)

    def batches(self, deadline: float | None = None) -> Generator[Batch, None, None]:
        """Search until ``deadline`` (a value of ``time.monotonic()``); called again, go on."""
        if self.trivial:
            yield from self._one_region()
            return
        assert self.space is not None
        if self.search is None:
            self.search = self._engine(self.space)
        for batch in self.search.batches(deadline):
            yield self._lifted(batch) if self.store else batch

    def remaining(self, split: int = 1) -> list[Part]:
        """What is still to be searched, in order, as up to ``split`` parts."""
        if self.search is not None:
            return self.search.remaining(split)
        return [] if self._found else [self.part]

    def _engine(self, space: SearchSpace) -> Engine:
        name = self.engine_name
        options: dict[str, Any] = {
            "store": self.store, "max_regions": self.max_regions, "facets": self.facets,
            "part": self.part,
        }  # fmt: skip
        if name == "highs":
            from .highs import HighsSearch

            return HighsSearch(self.program, space, **options)
        if name == "rational":
            from .rational import RationalSearch

            return RationalSearch(self.program, space, **options)
        from .engine import KernelSearch

        return KernelSearch(self.program, space, **options)

    def _one_region(self) -> Iterator[Batch]:
        """A network without units, a one-point domain, or forms that are all constant."""
        from ..exact.point import code_at

        if self.max_regions < 1 or self._found:
            return
        chart = self.domain.chart
        code, _ = code_at(self.program, chart.lift(chart.interior))
        self._found = 1
        codes = code[None].astype(code_type(self.program.pieces))
        batch = self._checked(codes, [tuple(chart.interior)])
        if self.facets:
            batch.facets = sides_only(self.program, chart, code)
        yield batch

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
        points = np.empty((n, space.chart.dim))
        inexact = False
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
        return Batch(codes, points, exact, batch.count, batch.facets)


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
