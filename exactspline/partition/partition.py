"""A partition: all regions of a network on a domain, in columns."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..errors import LimitError
from ..search.decisions import Batch, Decisions
from .packed import PackedCodes

if TYPE_CHECKING:
    from ..domain import Domain
    from ..exact.cell import ExactForms
    from ..network.network import Network
    from .edges import Borders, Edges

__all__ = ["Partition"]

UNPACK_LIMIT = 2**31  # bytes; ``codes`` refuses to build a larger array


class Partition:
    """The activation regions of a network on a domain, in lexicographic order of their codes.

    Attributes
    ----------
    network : Network
    domain : Domain
    complete : bool
        Whether these are all regions. If not, their number is a certified lower bound.
    certificates : Decisions
        How many decisions each tier proved.
    seconds : float
        Time of the search.
    engine : str
    exact_witnesses : dict of int to tuple of Fraction
        Rational witnesses (domain coordinates) of the regions that hold no float64 point
        that could be proved; their row of ``witnesses`` is the nearest float64 point only.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], input_shape=(1,))
    >>> omega = es.enumerate_regions(net, es.Box([-2], [2]))
    >>> len(omega), omega.codes.tolist()
    (3, [[0, 0], [1, 0], [1, 1]])
    """

    def __init__(self, network: Network, domain: Domain) -> None:
        self.network = network
        self.domain = domain
        self.complete = False
        self.certificates = Decisions()
        self.seconds = 0.0
        self.engine = ""
        self.exact_witnesses: dict[int, tuple[Fraction, ...]] = {}
        pieces = [layer.units.pieces for layer in network.program.layers]
        self._codes = PackedCodes(
            np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)
        )
        self._points: list[np.ndarray] = []
        self._count = 0

    def _append(self, batch: Batch) -> None:
        for i, point in batch.exact.items():
            self.exact_witnesses[self._count + i] = point
        self._codes.append(batch.codes)
        if len(batch.points):
            self._points.append(batch.points)
        self._count += len(batch.codes)

    def _finish(self) -> None:
        self._codes.finish()
        k = self.domain.chart.dim
        self._points = [np.concatenate(self._points) if self._points else np.zeros((0, k))]

    def __len__(self) -> int:
        return self._count

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
        """
        size = len(self) * self._codes.units * self._codes.dtype.itemsize
        if size > UNPACK_LIMIT:
            raise LimitError(
                f"codes: the unpacked array would take {size:,} bytes, over the limit of "
                f"{UNPACK_LIMIT:,}; use iter_codes() to go through it in chunks"
            )
        return self._codes.rows(0, len(self))

    def iter_codes(self, chunk: int = 65536) -> Iterator[np.ndarray]:
        """Codes in chunks of rows, each of shape (up to ``chunk``, units)."""
        for start in range(0, len(self), chunk):
            yield self._codes.rows(start, min(start + chunk, len(self)))

    def code(self, index: int) -> np.ndarray:
        """The code of one region, shape (units,)."""
        self._check(index)
        return self._codes.rows(index % len(self), index % len(self) + 1)[0]

    @cached_property
    def edges(self) -> Edges:
        """The facets between regions; found on first use."""
        return self._facets[0]

    @cached_property
    def borders(self) -> Borders:
        """The regions' facets in the domain's border; found on first use."""
        return self._facets[1]

    @cached_property
    def _facets(self) -> tuple[Edges, Borders]:
        from .edges import exact_edges

        return exact_edges(self)

    @cached_property
    def _exact_forms(self) -> ExactForms:
        """Exact rows over the domain's coordinates."""
        from ..exact.cell import ExactForms
        from ..search.space import whole_space

        program = self.network.program
        return ExactForms(program, whole_space(program, self.domain.chart))

    @property
    def witnesses(self) -> np.ndarray:
        """One point a region in the domain's coordinates; float64, shape (regions, k).

        Each is proved strictly inside its region and the domain, except where
        ``exact_witnesses`` names the region.
        """
        return self._points[0] if self._points else np.zeros((0, self.domain.chart.dim))

    def witness(self, index: int) -> tuple[Fraction, ...]:
        """The witness of one region, exactly, in the domain's coordinates.

        Raises
        ------
        IndexError
            If there is no such region.
        """
        self._check(index)
        index %= len(self)
        if index in self.exact_witnesses:
            return self.exact_witnesses[index]
        return tuple(Fraction(v) for v in self.witnesses[index].tolist())

    def points(self, *, exact: bool = False) -> np.ndarray:
        """The witnesses as points of R^D, shape (regions, D).

        Parameters
        ----------
        exact : bool
            True gives Fractions; float64 values are rounded (for a box or the whole space
            they are the witnesses themselves, unrounded).
        """
        chart = self.domain.chart
        if exact:
            out = np.empty((len(self), self.domain.dim), dtype=object)
            for i in range(len(self)):
                out[i] = chart.lift(self.witness(i))
            return out
        dense = np.zeros((self.domain.dim, chart.dim))
        rows = np.repeat(np.arange(self.domain.dim), np.diff(chart.point.indptr))
        dense[rows, chart.point.indices] = chart.point.data.astype(np.float64)
        return self.witnesses @ dense.T + chart.point.const.astype(np.float64)
