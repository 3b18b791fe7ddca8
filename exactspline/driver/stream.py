"""Regions one by one, as they are found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..mode import checks_itself, guarded
from .driver import Driver
from .request import Request, clock_of
from .watching import Watch, watched

if TYPE_CHECKING:
    from ..search.decisions import Batch, Decisions, Stop

__all__ = ["RegionStream", "StreamedRegion"]


class StreamedRegion:
    """One region of a stream: its code and witness (domain coordinates).

    Attributes
    ----------
    index : int
    code : array, shape (units,)
    witness : float64 array, shape (k,)
    exact_witness : tuple of Fraction or None
        Where no float64 point of the region could be proved.
    """

    __slots__ = ("code", "exact_witness", "index", "witness")

    def __init__(
        self, index: int, code: np.ndarray, witness: np.ndarray,
        exact_witness: tuple[Fraction, ...] | None,
    ) -> None:  # fmt: skip
        self.index, self.code, self.witness = index, code, witness
        self.exact_witness = exact_witness


@guarded
class RegionStream:
    """Regions one by one, in order and in bounded memory.

    Attributes
    ----------
    complete : bool
        True once all regions have been seen; until then what was seen is a certified lower
        bound.
    stopped : Stop or None
        Once it has been gone through: why and where a limit stopped it, if one did.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, 1]), es.ReLU()], (1,))
    >>> stream = es.stream_regions(net)
    >>> [region.code.tolist() for region in stream], stream.complete
    ([[0, 0], [0, 1], [1, 1]], True)
    """

    def __init__(
        self, request: Request, time_limit: float | None = None,
        progress: Watch = None,
    ) -> None:  # fmt: skip
        self._request, self._time_limit, self._progress = request, time_limit, progress
        self._driver = Driver(request, clock_of(time_limit))
        _ = self._driver.run  # what is wrong is said at once
        _ = watched(progress)
        self._used = False
        self.stopped: Stop | None = None

    @property
    def complete(self) -> bool:
        """Whether the stream has come to the end of the search.

        Examples
        --------
        >>> import exactspline as es
        >>> stream = es.stream_regions(es.Network([es.ReLU()], (2,)))
        >>> stream.complete, sum(1 for region in stream), stream.complete
        (False, 4, True)
        """
        return self._driver.complete

    @property
    def decisions(self) -> Decisions:
        """Proved decisions so far, by tier.

        Examples
        --------
        >>> import exactspline as es
        >>> stream = es.stream_regions(es.Network([es.ReLU()], (2,)))
        >>> before, regions = stream.decisions.total, list(stream)
        >>> before, stream.decisions.total >= len(regions)
        (0, True)
        """
        return self._driver.run.decisions

    @property
    def certificates(self) -> Decisions:
        """`decisions` by an older name.

        Examples
        --------
        >>> import exactspline as es
        >>> stream = es.stream_regions(es.Network([es.ReLU()], (2,)))
        >>> stream.certificates == stream.decisions
        True
        """
        return self.decisions

    def batches(self) -> Iterator[Batch]:
        """The same regions in arrays: ``codes``, ``points``, ``exact``.

        Examples
        --------
        >>> import exactspline as es
        >>> stream = es.stream_regions(es.Network([es.ReLU()], (2,)))
        >>> for batch in stream.batches():
        ...     print(batch.codes.tolist(), batch.points.shape)
        [[0, 0], [0, 1], [1, 0], [1, 1]] (4, 2)
        """
        clock, driver = clock_of(self._time_limit), self._driver
        if self._used:  # once more, from the beginning
            self.stopped = None
            self._driver = driver = Driver(replace(self._request, resume=True), clock)
        self._used, driver.clock = True, clock
        watch, clear = watched(self._progress)
        try:
            for batch in driver.batches():
                watch(driver.run)
                if len(batch.codes):
                    yield batch
        finally:
            clear()
        self.stopped = driver.stop

    @checks_itself  # between two batches entries are only taken out of arrays
    def __iter__(self) -> Iterator[StreamedRegion]:
        index = 0
        for batch in self.batches():
            for i in range(len(batch.codes)):
                yield StreamedRegion(index, batch.codes[i], batch.points[i], batch.exact.get(i))
                index += 1
