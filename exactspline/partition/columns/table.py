"""The regions of a partition in columns: codes, witnesses, and how they were proved."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ...cells.facets import Facet
from ...cells.forms import ExactForms
from ...domain import Domain
from ...errors import LimitError
from ...mode import guarded
from ...network.network import Network
from ...rationals import bounded_floats, nearest_float
from ...search.decisions import Batch, Decisions, Stop
from ..regions.inequalities import describe_sides
from ..regions.maps import exact_forms
from ..regions.region import Region
from .code_index import CodeIndex
from .packed import PackedCodes

if TYPE_CHECKING:
    from ..regions.polygon import Polygon

__all__ = ["RegionTable"]

UNPACK_LIMIT = 2**31  # bytes; ``codes`` refuses to build a larger array
_SHARED = ("_exact_forms", "_code_index", "exact_witnesses")  # cached, and hold no partition


@guarded
class RegionTable:
    """The regions of a network on a domain, without what is computed from them.

    What a partition offers on top reads these columns; see `Partition` for the attributes.
    """

    def __init__(self, network: Network, domain: Domain) -> None:
        self.network = network
        self.domain = domain
        self.complete = False
        self.decisions = Decisions()
        self.seconds = 0.0
        self.engine = ""
        self.stopped: Stop | None = None
        self.exact_witnesses: dict[int, tuple[Fraction, ...]] = {}
        self._codes = PackedCodes(network.program.pieces)
        self._batches: list[np.ndarray] = []
        self._points: Any = np.zeros((0, domain.chart.dim))  # an array, or rows of a store
        self._count = 0

    def _append(self, batch: Batch) -> None:
        """Take the next regions in."""
        for i, point in batch.exact.items():
            self.exact_witnesses[self._count + i] = point
        self._codes.append(batch.codes)
        if len(batch.points):
            self._batches.append(batch.points)
        self._count += len(batch.codes)

    def _finish(self) -> None:
        self._codes.finish()
        if self._batches:
            self._points, self._batches = np.concatenate(self._batches), []

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Region:
        """Region ``index`` (counted from the end if negative): see `Region`."""
        at = operator.index(index)
        self._check(at)
        at %= len(self)
        return Region._known(self.network, self.domain, self.code(at), self.witness(at), at, self)

    def __iter__(self) -> Iterator[Region]:
        return (self[i] for i in range(len(self)))

    def _check(self, index: int) -> None:
        if not -len(self) <= index < len(self):
            raise IndexError(f"region {index} of {len(self)}")

    def __repr__(self) -> str:
        kind = "regions" if self.complete else "regions (lower bound)"
        return f"<Partition of {self._count:,} {kind}>"

    @property
    def codes(self) -> np.ndarray:
        """Codes, shape (regions, units), the smallest unsigned type that holds the pieces.

        Raises
        ------
        LimitError
            If the array would take over 2 GiB; ``iter_codes`` goes through it in chunks.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.codes.tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]
        """
        size = len(self) * self._codes.units * self._codes.dtype.itemsize
        if size > UNPACK_LIMIT:
            raise LimitError(
                f"codes: the unpacked array would take {size:,} bytes, over the limit of "
                f"{UNPACK_LIMIT:,}; use iter_codes() to go through it in chunks"
            )
        return self._codes.rows(0, len(self))

    @property
    def certificates(self) -> Decisions:
        """`decisions` by an older name.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))
        >>> omega.certificates is omega.decisions
        True
        """
        return self.decisions

    def iter_codes(self, chunk: int = 65536) -> Iterator[np.ndarray]:
        """Codes in chunks of rows, each of shape (up to ``chunk``, units).

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> [codes.tolist() for codes in omega.iter_codes(chunk=3)]
        [[[0, 0], [0, 1], [1, 0]], [[1, 1]]]
        """
        for start in range(0, len(self), chunk):
            yield self._codes.rows(start, min(start + chunk, len(self)))

    def code(self, index: int) -> np.ndarray:
        """The code of one region, shape (units,).

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.code(2).tolist()
        [1, 0]
        """
        self._check(index)
        return self._codes.rows(index % len(self), index % len(self) + 1)[0]

    def _facets_of(self, index: int) -> list[Facet] | None:
        """The facets of a region, if they are known."""
        return None

    def _polygon_of(self, index: int, exact: bool) -> Polygon | None:
        """A region as a polygon, if its corners are known."""
        return None

    def _region_of(self, code: np.ndarray) -> Region | None:
        """The region of a code, if it is one of these."""
        index = self._code_index.find(code)
        return None if index is None else self[index]

    def _apart(self) -> Self:
        """The same regions for what is kept here and reads them, such as the edges.

        If that held this object itself, nothing of a partition could go before Python next
        looks for cycles, which it does by the number of objects, not by their size.
        """
        twin = object.__new__(type(self))
        for name, value in vars(self).items():
            cached = isinstance(getattr(type(self), name, None), cached_property)
            if not cached or name in _SHARED:
                vars(twin)[name] = value
        return twin

    @cached_property
    def _exact_forms(self) -> ExactForms:
        """Exact rows over the domain's coordinates."""
        return exact_forms(self.network, self.domain)

    @cached_property
    def _code_index(self) -> CodeIndex:
        return CodeIndex(self._codes, self.iter_codes())

    @property
    def witnesses(self) -> np.ndarray:
        """One point a region in the domain's coordinates; float64, shape (regions, k).

        Each is proved strictly inside its region and the domain, except where
        ``exact_witnesses`` names the region.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> (omega.witnesses > 0).tolist()
        [[False, False], [False, True], [True, False], [True, True]]
        """
        if self._batches:  # before the end
            return np.concatenate(self._batches)
        points = self._points
        return points if isinstance(points, np.ndarray) else points.whole()

    def iter_witnesses(self, chunk: int = 65536) -> Iterator[np.ndarray]:
        """Witnesses in chunks of rows, each of shape (up to ``chunk``, k).

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> [points.shape for points in omega.iter_witnesses(chunk=3)]
        [(3, 2), (1, 2)]
        """
        for start in range(0, len(self), chunk):
            yield self._points[start : start + chunk]

    def witness(self, index: int) -> tuple[Fraction, ...]:
        """The witness of one region, exactly, in the domain's coordinates.

        Raises
        ------
        IndexError
            If there is no such region.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> [value > 0 for value in omega.witness(1)]
        [False, True]
        """
        self._check(index)
        index %= len(self)
        if index in self.exact_witnesses:
            return self.exact_witnesses[index]
        return tuple(Fraction(v) for v in self._points[index].tolist())

    def points(self, *, exact: bool = False) -> np.ndarray:
        """The witnesses as points of R^D, shape (regions, D).

        Parameters
        ----------
        exact : bool
            True gives Fractions; float64 values are rounded (for a box or the whole space
            they are the witnesses themselves, unrounded).

        Examples
        --------
        >>> import exactspline as es
        >>> slice_ = es.Slice([0, 5], [[1, 0]])
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), slice_)
        >>> omega.witnesses.shape, omega.points().shape, omega.points()[:, 1].tolist()
        ((2, 1), (2, 2), [5.0, 5.0])
        """
        chart = self.domain.chart
        if exact:
            out = np.empty((len(self), self.domain.dim), dtype=object)
            for i in range(len(self)):
                out[i] = chart.lift(self.witness(i))
            return out
        data, data_error = bounded_floats(chart.point.data)
        const, const_error = bounded_floats(chart.point.const)
        dense = np.zeros((self.domain.dim, chart.dim))
        rows = np.repeat(np.arange(self.domain.dim), np.diff(chart.point.indptr))
        dense[rows, chart.point.indices] = data
        with np.errstate(all="ignore"):
            out = np.asarray(self.witnesses @ dense.T + const)
        # where float64 does not hold the numbers on the way, each is rounded once
        odd = np.asarray(~np.isfinite(out).all(axis=1))
        odd[[i for i in self.exact_witnesses if i < len(odd)]] = True
        if np.any((data == 0) & (data_error > 0)) or not np.isfinite(const_error).all():
            odd[:] = True
        for i in np.flatnonzero(odd).tolist():
            out[i] = [nearest_float(v) for v in chart.lift(self.witness(i))]
        return out

    def side(self, side: int) -> str:
        """What a side of the domain is called: "x[0] >= -1", "row 3 of the polytope".

        Raises
        ------
        IndexError
            If the domain has no such side.

        Examples
        --------
        >>> import exactspline as es
        >>> box = es.Box(-1, 1, dim=2)
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), box)  # four squares
        >>> omega.side(0), omega.side(3)
        ('x[0] >= -1', 'x[1] <= 1')
        """
        rows = self._exact_forms.domain_rows
        if not 0 <= side < len(rows):
            raise IndexError(f"side {side} of {len(rows)}")
        return describe_sides(self.domain, rows[side : side + 1])[0]
