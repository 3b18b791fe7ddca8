"""Regions of a network with points where a condition holds: counted, or listed with the parts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, overload

from ..clock import Clock, OutOfTime
from ..driver.outcome import RegionCount
from ..driver.request import checked_domain, clock_of
from ..mode import guarded
from ..partition.regions.region import Region
from ..search.decisions import SEARCHING, Decisions, Stop
from .parts import Part
from .sweep import Near, Sweep, checked_limit
from .wanted import Where

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..domain import Domain
    from ..formats.files import PathLike
    from ..network.network import Network

__all__ = ["RegionWhere", "RegionsWhere", "count_where", "regions_where"]


@guarded
@dataclass(frozen=True)
class RegionWhere:
    """A region, and the part of it where a condition holds.

    Attributes
    ----------
    region : Region
    parts : tuple of Part
        Disjoint polyhedra. Of a region whose interior meets the set: where it holds, up to points
        on the region's border; thin ones where it holds by equality. Of a region that only
        touches the set: the points of its border.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.ReLU()], (1,))
    >>> (own,) = es.enumerate_regions(net, where=lambda x: net(x)[0] == 2)
    >>> own.region.code.tolist(), [str(side) for side in own.parts[0].half_spaces]
    ([1], ['x[0] >= 0', 'x[0] == 2'])
    """

    region: Region
    parts: tuple[Part, ...]

    def to_dict(self) -> dict[str, Any]:
        """The code and the parts as plain values, Fractions as text; for JSON.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> (own,) = es.enumerate_regions(net, where=lambda x: net(x)[0] == 2)
        >>> own.to_dict()["code"], len(own.to_dict()["parts"])
        ([1], 1)
        """
        return {
            "code": self.region.code.tolist(), "parts": [part.to_dict() for part in self.parts],
        }  # fmt: skip


@guarded
class RegionsWhere(Sequence[RegionWhere]):
    """The regions whose interior holds a point where a condition holds, in the order of codes.

    Attributes
    ----------
    touching : list of RegionWhere
        Regions that hold such points on their border alone, the domain's border included.
    complete : bool
        False if the search was stopped: there may be more of either kind.
    stopped : Stop or None
    decisions : Decisions
    seconds : float
    engine : str
    domain : Domain

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> found = es.enumerate_regions(net, es.Box([-1], [2]), where=lambda x: net(x)[0] <= 0)
    >>> len(found), len(found.touching), found[0].region.code.tolist()
    (1, 1, [0, 0])
    >>> [str(side) for side in found[0].parts[0].half_spaces]
    ['x[0] >= -1', 'x[0] <= 0']
    """

    def __init__(
        self, regions: list[RegionWhere], touching: list[RegionWhere], count: RegionCount
    ) -> None:
        self._regions, self.touching = regions, touching
        self.complete, self.stopped = count.complete, count.stopped
        self.decisions, self.seconds = count.decisions, count.seconds
        self.engine, self.domain = count.engine, count.domain

    def __len__(self) -> int:
        return len(self._regions)

    @overload
    def __getitem__(self, index: int) -> RegionWhere: ...
    @overload
    def __getitem__(self, index: slice) -> list[RegionWhere]: ...
    def __getitem__(self, index: int | slice) -> RegionWhere | list[RegionWhere]:
        return self._regions[index]

    def __iter__(self) -> Iterator[RegionWhere]:
        return iter(self._regions)

    def to_dict(self) -> dict[str, Any]:
        """All regions as plain values, Fractions as text; for JSON.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> told = es.enumerate_regions(net, where=lambda x: net(x)[0] <= 0).to_dict()
        >>> len(told["regions"]), len(told["touching"])
        (1, 1)
        """
        return {
            "complete": self.complete, "regions": [own.to_dict() for own in self],
            "touching": [own.to_dict() for own in self.touching],
        }  # fmt: skip

    def __repr__(self) -> str:
        more = "" if self.complete else " so far"
        return (
            f"<RegionsWhere: {len(self):,} regions{more}, {len(self.touching):,} touching, on "
            f"{self.domain.describe()}>"
        )


def count_where(
    network: Network, domain: Domain | None, where: Where, *, limit: int | None = None,
    time_limit: float | None = None, engine: str = "auto", executor: Executor | None = None,
    progress: Any = None, clock: Clock | None = None, store: PathLike | None = None,
    resume: bool = False,
) -> RegionCount:  # fmt: skip
    """See `exactspline.count_regions`; with a clock in place of a time limit, it holds."""
    start, clock = time.perf_counter(), clock or clock_of(time_limit)
    sweep = Sweep(network, checked_domain(network, domain), where, clock, keep=False)
    sweep.search(
        limit=checked_limit(limit), engine=engine, executor=executor, progress=progress,
        store=store, resume=resume,
    )  # fmt: skip
    left = sweep.settle()
    return _counted(sweep, left, start, limit)


def regions_where(
    network: Network, domain: Domain | None, where: Where, *, limit: int | None = None,
    time_limit: float | None = None, engine: str = "auto", executor: Executor | None = None,
    progress: Any = None, store: PathLike | None = None, resume: bool = False,
) -> RegionsWhere:  # fmt: skip
    """See `exactspline.enumerate_regions`."""
    start, clock = time.perf_counter(), clock_of(time_limit)
    sweep = Sweep(network, checked_domain(network, domain), where, clock, keep=True)
    sweep.search(
        limit=checked_limit(limit), engine=engine, executor=executor, progress=progress,
        store=store, resume=resume,
    )  # fmt: skip
    left = sweep.settle()
    met: list[RegionWhere] = []
    touching: list[RegionWhere] = []
    for near in sorted(sweep.near.values(), key=lambda n: tuple(n.code.tolist())):
        if near.meets is None or (near.meets and len(met) == limit):
            continue
        try:
            with clock.running():
                parts = sweep.parts(near)
        except OutOfTime:
            left += 1
            continue
        if near.meets:
            met.append(_with_parts(sweep, near, [part for part, inside in parts if inside]))
        else:
            touching.append(_with_parts(sweep, near, [part for part, _ in parts]))
    count = _counted(sweep, left, start, limit)
    return RegionsWhere(met, touching, count)


def _with_parts(sweep: Sweep, near: Near, parts: list[Part]) -> RegionWhere:
    at = tuple(Fraction(v) for v in near.at)
    region = Region._known(sweep.network, sweep.domain, near.code, at)
    return RegionWhere(region, tuple(parts))


def _counted(sweep: Sweep, left: int, start: float, limit: int | None) -> RegionCount:
    """The count of a search that has ended."""
    met = sum(near.meets is True for near in sweep.near.values())
    out = RegionCount(met if limit is None else min(met, limit))
    stop = sweep.stop
    if stop is None and left:
        stop = Stop("time limit", SEARCHING, 1.0)
    out.complete, out.stopped = stop is None, stop
    out.touching = sum(near.meets is False for near in sweep.near.values())
    out.decisions = sweep.decisions or Decisions()
    out.seconds = time.perf_counter() - start
    out.engine, out.domain = sweep.engine, sweep.domain
    out.interrupt = None if sweep.outcome is None else sweep.outcome.interrupt
    return out
