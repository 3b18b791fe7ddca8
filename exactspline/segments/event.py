"""One crossing of a segment: where, what changes, and by a matrix of which rank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..clock import check
from ..errors import UndecidedError
from ..mode import guarded
from ..rationals import nearest_floats

if TYPE_CHECKING:
    from ..network.network import Network
    from ..partition.regions.fan import Around

__all__ = ["SegmentEvent"]

_TRIES = 200  # of ways around a lower face


class Path(Protocol):
    """What an event asks of the path that it is a part of."""

    network: Network

    @property
    def exact_t(self) -> tuple[Fraction, ...]: ...

    @property
    def codes(self) -> np.ndarray: ...

    @property
    def kinds(self) -> np.ndarray: ...

    @property
    def ranks(self) -> np.ndarray: ...

    def point(self, t: Any) -> tuple[Fraction, ...]: ...

    def templates(self, piece: int, *, exact: bool = False) -> np.ndarray: ...

    def _around(self, t: Fraction) -> Iterator[Around]: ...

    def _between(self, network: Network, a: list[Fraction], b: list[Fraction]) -> Any: ...


@guarded
@dataclass(frozen=True)
class SegmentEvent:
    """A crossing of a segment; made by `SegmentPath`.

    Attributes
    ----------
    path : SegmentPath
    index : int
        Its place in the path: between the pieces ``index`` and ``index + 1``.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    >>> (event,) = es.segment_path(net, [-1, 0], [2, 0])
    >>> event
    <SegmentEvent 0: facet at t = 1/3, ReLU[0]: 0 -> 1, rank 1>
    """

    path: Path
    index: int

    def __repr__(self) -> str:
        units = [
            f"{self.path.network.unit_name(unit)}: {before} -> {after}"
            for unit, before, after in self.flips[:3]
        ]
        more = ", ..." if len(self.flips) > 3 else ""
        return (
            f"<SegmentEvent {self.index}: {self.kind} at t = {self.t}, {', '.join(units)}{more}, "
            f"rank {self.rank}>"
        )

    @property
    def t(self) -> Fraction:
        """Where on the segment, exactly: strictly between 0 and 1.

        Examples
        --------
        >>> import exactspline as es
        >>> es.segment_path(es.Network([es.ReLU()], (1,)), [-1], [2])[0].t
        Fraction(1, 3)
        """
        return self.path.exact_t[self.index]

    @property
    def x(self) -> tuple[Fraction, ...]:
        """The input there, exactly, flat.

        Examples
        --------
        >>> import exactspline as es
        >>> event = es.segment_path(es.Network([es.ReLU()], (2,)), [-1, 2], [1, 4])[0]
        >>> [str(v) for v in event.x]
        ['0', '3']
        """
        return self.path.point(self.t)

    @property
    def flips(self) -> tuple[tuple[int, int, int], ...]:
        """(unit, piece before, piece after) of the units whose piece changes.

        Examples
        --------
        >>> import exactspline as es
        >>> es.segment_path(es.Network([es.ReLU()], (2,)), [-1, 2], [1, 4])[0].flips
        ((0, 0, 1),)
        """
        codes = self.path.codes
        before, after = codes[self.index], codes[self.index + 1]
        where = np.flatnonzero(before != after).tolist()
        return tuple((unit, int(before[unit]), int(after[unit])) for unit in where)

    @property
    def kind(self) -> str:
        """ "facet", "lower face" or "wall"; see `SegmentPath.kinds`.

        Examples
        --------
        >>> import exactspline as es
        >>> es.segment_path(es.Network([es.ReLU()], (2,)), [-1, -1], [1, 1])[0].kind
        'lower face'
        """
        return str(self.path.kinds[self.index])

    @property
    def rank(self) -> int:
        """The rank of the change of A, exactly.

        Examples
        --------
        >>> import exactspline as es
        >>> es.segment_path(es.Network([es.ReLU()], (2,)), [-1, -1], [1, 1])[0].rank
        2
        """
        return int(self.path.ranks[self.index])

    def change(self, *, exact: bool = False) -> np.ndarray:
        """A after the event minus A before it, shape (C, *input_shape).

        Examples
        --------
        >>> import exactspline as es
        >>> es.segment_path(es.Network([es.ReLU()], (1,)), [-1], [2])[0].change().tolist()
        [[1.0]]
        """
        before, after = (self.path.templates(self.index + k, exact=True) for k in (0, 1))
        found = after - before
        return found if exact else nearest_floats(found)

    def terms(self) -> list[np.ndarray]:
        """The change as a sum of matrices of rank at most one, one a facet of a way around.

        Returns
        -------
        list of object array, shape (C, *input_shape)
            At a facet one. At a lower face one for every facet that a path close to the point
            crosses from the region before to the region after, in order; they add up to
            `change`. Which ones depends on the way, which is the same every time.

        Raises
        ------
        UndecidedError
            If no such way was found in 200 tries.

        Notes
        -----
        The way is two segments next to the point, from region to region, through regions
        that all have the point in their closures, across facets alone: that is checked exactly.

        Examples
        --------
        >>> import exactspline as es
        >>> event = es.segment_path(es.Network([es.ReLU()], (2,)), [-1, -1], [1, 1])[0]
        >>> [term.astype(int).tolist() for term in event.terms()]
        [[[1, 0], [0, 0]], [[0, 0], [0, 1]]]
        """
        if self.kind == "facet":
            return [self.change(exact=True)]
        path, x = self.path, self.x
        around = {tuple(a.code.tolist()): a for a in path._around(self.t)}
        codes = [tuple(path.codes[self.index + k].tolist()) for k in (0, 1)]
        ends = [self._direction(around[code]) for code in codes]
        rng = np.random.default_rng(0)
        size = max(abs(v) for end in ends for v in end)
        step = Fraction(1)
        for attempt in range(_TRIES):
            check()
            aside = [size * Fraction(int(v), 64) for v in rng.integers(-64, 65, len(x))]
            way = [ends[0], aside, ends[1]]
            corners = [[a + step * v for a, v in zip(x, d, strict=True)] for d in way]
            found = self._along(corners, set(around), codes)
            if found is not None:
                return found
            if attempt % 4 == 3:
                step /= 16
        raise UndecidedError("terms: no way around the lower face was found")

    def _direction(self, around: Around) -> list[Fraction]:
        """From the event's point into a region."""
        from ..rationals import fractions

        return [b - a for a, b in zip(self.x, fractions(around.towards), strict=True)]

    def _along(
        self, corners: list[list[Fraction]], around: set[tuple[int, ...]], codes: list[Any]
    ) -> list[np.ndarray] | None:
        """The changes along a way, if it is as it must be."""
        out = []
        last = None
        for begin, end in pairwise(corners):
            if begin == end:
                return None
            part = self.path._between(self.path.network, begin, end)
            visited = [tuple(code.tolist()) for code in part.codes]
            if part.inside_wall.any() or not set(visited) <= around:
                return None
            if any(kind != "facet" for kind in part.kinds.tolist()):
                return None
            if visited[0] != (codes[0] if last is None else last):
                return None
            last = visited[-1]
            out += [event.change(exact=True) for event in part]
        return out if last == codes[1] else None
