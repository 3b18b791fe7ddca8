"""The inputs where a condition holds, as polyhedra; their volume, exact or enclosed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clock import Clock, OutOfTime
from ..domain import Domain
from ..driver.request import checked_domain, clock_of
from ..errors import LimitError, UndecidedError
from ..mode import guarded
from ..polyhedra.lp import minimise, q
from ..rationals import fraction, nearest_float, to_fraction
from ..search.decisions import SEARCHING, Decisions, Stop
from ..statements.exact import holds_at
from ..statements.guess import is_in
from .halving import bounding_box, share_of
from .parts import Part, part_of
from .sweep import Sweep, checked_limit, without_covered
from .wanted import Where

if TYPE_CHECKING:
    from ..network.network import Network

__all__ = ["Preimage", "PreimageVolume", "preimage"]

_EXACT = 5  # dimensions in which all volumes are exact
_TRIED = 8  # up to which they are tried


@guarded
@dataclass(frozen=True)
class PreimageVolume:
    """How large a set of inputs is: exactly, or between two certified numbers.

    Attributes
    ----------
    low, high : Fraction or float
        The volume is between them; equal if it is exact; ``math.inf`` for infinite.
    share_low, share_high : Fraction or None
        Likewise, of the share of the domain; None where that is undefined.
    note : str
        Why it is not exact, infinite or undefined; empty if it is none of these.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    >>> volume = es.preimage(net, es.Box(0, 2, dim=2), lambda x: net(x)[0] <= 1).volume()
    >>> str(volume.value), str(volume.share), volume.exact
    ('1/2', '1/8', True)
    """

    low: Fraction | float
    high: Fraction | float
    share_low: Fraction | None
    share_high: Fraction | None
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether the volume is known exactly.

        Examples
        --------
        >>> PreimageVolume(Fraction(1), Fraction(2), None, None).exact
        False
        """
        return self.low == self.high

    @property
    def value(self) -> Fraction | float:
        """The exact volume.

        Raises
        ------
        UndecidedError
            If it is only enclosed.

        Examples
        --------
        >>> str(PreimageVolume(Fraction(1, 2), Fraction(1, 2), None, None).value)
        '1/2'
        """
        if not self.exact:
            raise UndecidedError(
                f"volume: it is between {float(self.low):.6g} and {float(self.high):.6g}, "
                f"see low and high ({self.note})"
            )
        return self.low

    @property
    def share(self) -> Fraction:
        """The exact share of the domain.

        Raises
        ------
        UndecidedError
            If it is only enclosed, or undefined.

        Examples
        --------
        >>> str(PreimageVolume(Fraction(1), Fraction(1), Fraction(1, 4), Fraction(1, 4)).share)
        '1/4'
        """
        if self.share_low is None or self.share_low != self.share_high:
            raise UndecidedError(f"share: it is not known exactly: {self.note}")
        return self.share_low


@guarded
class Preimage(Sequence[Part]):
    """The inputs of a domain where a condition holds: polyhedra with disjoint interiors.

    Attributes
    ----------
    polyhedra : list of Part
        Those with interior, region by region in the order of codes; also what it iterates over.
    thin : list of Part
        Further parts without interior, where the condition holds by equality; some may lie on the
        border of others in part. With them the union is the set, exactly.
    complete : bool
        False if it was stopped: parts may be missing.
    stopped : Stop or None
    decisions : Decisions
    seconds : float
    engine : str
    domain : Domain

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense([[1, 1]])], (1,))
    >>> found = es.preimage(net, es.Box([-3], [1]), lambda x: net(x)[0] >= 1)
    >>> [[str(side) for side in part.half_spaces] for part in found]
    [['x[0] >= -3', 'x[0] <= -1']]
    >>> [[str(side) for side in part.half_spaces] for part in found.thin]
    [['x[0] == 1']]
    """

    def __init__(self, sweep: Sweep, polyhedra: list[Part], thin: list[Part], seconds: float,
                 stopped: Stop | None) -> None:  # fmt: skip
        self._sweep, self.polyhedra, self.thin = sweep, polyhedra, thin
        self.domain, self.seconds, self.stopped = sweep.domain, seconds, stopped
        self.decisions, self.engine = sweep.decisions or Decisions(), sweep.engine

    @property
    def complete(self) -> bool:
        """Whether these are all parts.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> es.preimage(net, es.Box([-1], [1]), lambda x: net(x)[0] > 0).complete
        True
        """
        return self.stopped is None

    def __len__(self) -> int:
        return len(self.polyhedra)

    def __getitem__(self, index: Any) -> Any:
        return self.polyhedra[index]

    def __iter__(self) -> Iterator[Part]:
        return iter(self.polyhedra)

    def __repr__(self) -> str:
        more = "" if self.complete else " so far"
        return (
            f"<Preimage: {len(self):,} polyhedra{more}, {len(self.thin):,} thin ones, in "
            f"{self.domain.describe()}>"
        )

    def to_dict(self) -> dict[str, Any]:
        """All parts as plain values, Fractions as text; for JSON.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> told = es.preimage(net, es.Box([-1], [2]), lambda x: net(x)[0] >= 1).to_dict()
        >>> len(told["polyhedra"]), told["thin"], told["complete"]
        (1, [], True)
        """
        return {
            "complete": self.complete, "polyhedra": [part.to_dict() for part in self.polyhedra],
            "thin": [part.to_dict() for part in self.thin],
        }  # fmt: skip

    def contains(self, x: Any) -> bool:
        """Whether the condition holds at an input of the domain: one exact forward pass.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> found = es.preimage(net, es.Box([-1], [1]), lambda x: net(x)[0] > 0)
        >>> found.contains(["1/3"]), found.contains([0])
        (True, False)
        """
        from ..partition.regions.coordinates import Coordinates

        given = [to_fraction(v, "contains: x") for v in np.asarray(x, dtype=object).reshape(-1)]
        t = Coordinates(self.domain.chart).of(given) if len(given) == self.domain.dim else None
        inside = t is not None and is_in(self.domain.chart, list(t))
        return inside and holds_at(self._sweep.condition, {self._sweep.point: given})

    def volume(self, *, time_limit: float | None = None) -> PreimageVolume:
        """The volume of the union, and its share of the domain.

        Parameters
        ----------
        time_limit : float, optional
            Seconds after which bounds are given in place of the exact number.

        Returns
        -------
        PreimageVolume
            In the domain's coordinates, those of the inputs unless it is a slice or thinner than
            its space.

        Notes
        -----
        Guarantee: exact up to five dimensions, and in more as far as polyhedra are simple
        enough. Where that exceeds limits, or the search was stopped, the bounds are those of boxes
        that are proved to be inside of the set, or outside, and of the polyhedra that have an exact
        volume. Of an unbounded domain the share is undefined.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> volume = es.preimage(net, es.WholeSpace(1), lambda x: net(x)[0] > 1).volume()
        >>> volume.value, volume.note
        (inf, 'the domain is unbounded: the share of it is undefined')
        """
        return _volume(self, clock_of(time_limit))


@guarded
def preimage(
    network: Network, domain: Domain, where: Where, *, limit: int | None = None,
    time_limit: float | None = None, progress: Any = None,
) -> Preimage:  # fmt: skip
    """All inputs of a domain where a condition holds, as exact polyhedra.

    Parameters
    ----------
    network : Network
    domain : Domain
    where : callable, str or path-like
        The condition, as in `count_regions`.
    limit : int, optional
        Regions whose interior meets the set, after which to stop.
    time_limit : float, optional
        Seconds after which to stop.
    progress : callable or bool, optional

    Returns
    -------
    Preimage
        Polyhedra with half-spaces; ``volume()``, ``contains(x)``.

    Raises
    ------
    ShapeError, DomainError, ParameterError, FormatError

    Notes
    -----
    Guarantee: exact; strict comparisons leave borders out. Conditions on slopes and codes are those
    of the insides of regions. Cost: one search, as for `count_regions` under a condition, and some
    linear programs in rationals a cell where the condition may hold.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    >>> found = es.preimage(net, es.Box(0, 1, dim=2), lambda x: net(x)[0] > 1)
    >>> [str(side) for side in found[0].half_spaces]
    ['x[0] <= 1', 'x[1] <= 1', 'x[0] + x[1] > 1']
    """
    start, clock = time.perf_counter(), clock_of(time_limit)
    sweep = Sweep(network, checked_domain(network, domain), where, clock, keep=True)
    sweep.search(limit=checked_limit(limit), progress=progress)
    full: list[Part] = []
    flat: list[Part] = []
    late = False
    for near in sorted(sweep.near.values(), key=lambda n: tuple(n.code.tolist())):
        try:
            with clock.running():
                parts = sweep.parts(near)
        except OutOfTime:
            late = True
            continue
        for part, _ in parts:
            (flat if part.is_thin else full).append(part)
    stop = sweep.stop or (Stop("time limit", SEARCHING, 1.0) if late else None)
    thin = _uncovered(full, flat, clock)
    return Preimage(sweep, full, thin, time.perf_counter() - start, stop)


def _uncovered(full: list[Part], flat: list[Part], clock: Clock) -> list[Part]:
    """Thin parts that are no subsets of others; all that are left where the time is over.

    Floats choose which others to ask, so a part may stay that need not; none goes that must stay.
    """
    if not flat:
        return []
    near = _Nearby(full)
    kept: list[Part] = []
    for part in flat:
        if not clock.late():
            try:
                with clock.running():
                    others = [(full[i], None) for i in near(part)] + [(k, None) for k in kept]
                    if len(without_covered(others, [(part, None)])) == len(others):
                        continue
            except OutOfTime:
                pass
        kept.append(part)
    return kept


class _Nearby:
    """Which polyhedra seem to hold a point, in float64."""

    def __init__(self, parts: list[Part]) -> None:
        rows, begin = [], [0]
        for part in parts:
            for row in (*part._closed, *part._open):
                size = max(abs(v) for v in row[1:])
                rows.append([float(v / size) for v in row])
            begin.append(len(rows))
        self._begin = np.array(begin[:-1], dtype=np.int64)
        self._full = np.diff(begin) > 0
        self._rows = np.array(rows)

    def __call__(self, part: Part) -> list[int]:
        if not len(self._rows):
            return list(range(len(self._full)))
        at = np.array([1.0, *(nearest_float(v) for v in part.point)])
        room = 1e-6 * (1 + np.abs(at).max())
        out = ~self._full
        begin = self._begin[self._full]
        out[self._full] = np.minimum.reduceat(self._rows @ at, begin) >= -room
        return [int(i) for i in np.flatnonzero(out)]


# --- volumes ---------------------------------------------------------------------------------


def _volume(found: Preimage, clock: Clock) -> PreimageVolume:
    sweep, dim = found._sweep, found.domain.chart.dim
    low, high, note = _of_parts(found, clock)
    if math.inf == low:
        return PreimageVolume(math.inf, math.inf, None, None, _UNBOUNDED)
    if not found.complete:
        high, note = math.inf, f"the search was stopped ({found.stopped})"
    if dim == 0:
        return PreimageVolume(low, high, Fraction(low), Fraction(min(high, 1)))
    ends = bounding_box(sweep.base)
    if ends is None:
        return PreimageVolume(low, high, None, None, note or _UNBOUNDED)
    around = math.prod((b - a for a, b in zip(*ends, strict=True)), start=Fraction(1))
    sides = _domain_volume(found.domain, around)
    if low < high:
        yes, most = share_of(sweep.base, ends, sweep.coordinates, sweep.condition, clock)
        low, high = max(low, yes * around), min(high, sides[1], most * around)
    top = Fraction(high) / sides[0] if sides[0] else Fraction(1)
    return PreimageVolume(low, high, Fraction(low) / sides[1], min(Fraction(1), top), note)


def _of_parts(found: Preimage, clock: Clock) -> tuple[Fraction | float, Fraction | float, str]:
    """Bounds on the sum of the volumes of all polyhedra, and what has kept them apart."""
    dim = found.domain.chart.dim
    low, high, note = Fraction(0), Fraction(0), ""
    exact = dim <= _TRIED
    if not exact and len(found):
        note = f"volumes in {dim} dimensions are enclosed"
    for part in found:
        try:
            if clock.late():
                raise OutOfTime
            with clock.running():
                try:
                    own = part.volume() if exact else None
                except LimitError as error:
                    own, note, exact = None, str(error), exact and dim <= _EXACT
                if own is None:
                    ends = _ends_of(part)
                    if ends is None:
                        return low, math.inf, note
                    high += math.prod((b - a for a, b in ends), start=Fraction(1))
                    continue
        except OutOfTime:
            return low, math.inf, "the time ran out"
        if isinstance(own, float):
            return math.inf, math.inf, ""
        low, high = low + own, high + own
    return low, high, note


def _ends_of(part: Part) -> list[tuple[Fraction, Fraction]] | None:
    """The box around a part; None if it is unbounded."""
    rows = [*part._rows[0], *part._rows[1]]
    out = []
    for j in range(len(part.point)):
        ends = []
        for sign in (1, -1):
            goal = [q(0)] * (1 + len(part.point))
            goal[1 + j] = q(sign)
            found = minimise(rows, goal, part._inside)
            if found.value is None:
                return None
            ends.append(sign * fraction(found.value))
        out.append((ends[0], ends[1]))
    return out


_UNBOUNDED = "the domain is unbounded: the share of it is undefined"


def _domain_volume(domain: Domain, around: Fraction) -> tuple[Fraction, Fraction]:
    """Bounds on the volume of a bounded domain in its coordinates; equal if it is exact."""
    from ..statements.optimum import rows_of

    chart = domain.chart
    if not len(chart.rows):
        return around, around
    if chart.dim > _TRIED:
        return Fraction(0), around
    rows = rows_of(chart.rows)
    for j, ends in enumerate(zip(chart.low, chart.high, strict=True)):
        for bound, sign in zip(ends, (1, -1), strict=True):
            if bound is not None:
                row = [q(0)] * (chart.dim + 1)
                row[0], row[1 + j] = q(-sign * bound), q(sign)
                rows.append(row)
    try:
        own = part_of(domain, (), [q(v) for v in chart.interior], rows, [], []).volume()
    except LimitError:
        return Fraction(0), around
    assert isinstance(own, Fraction)
    return own, own
