"""The public function that takes a data set through a network."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from ..driver.progress import Progress
from ..errors import LimitError, ParameterError
from ..evaluate.core import ForwardCore, core_of
from ..evaluate.inputs import Samples
from ..mode import guarded
from ..network.network import Network
from .batches import Batches
from .facet_distance import FacetDistance
from .result import Census, CensusLayer
from .table import Collected, Table
from .tally import Tally
from .words import Words, distinct

__all__ = ["census"]

_BATCH = 1 << 26  # bytes that the passes over a batch take
_MOST_SAMPLES = 1 << 16  # of a batch
_MOST_WITH_DISTANCES = 1 << 11  # so that a bar moves
_BLOCK = 1 << 16  # rows of the table that are compared with the row before
_LEAST_MEMORY = 1 << 20


@guarded
def census(
    network: Network | ForwardCore, X: Any, labels: Any = None, *, exact: bool = True,
    distances: bool = False, dtype: Any = None, memory: int = 1 << 29,
    progress: Callable[[int, int], None] | bool | None = None,
) -> Census:  # fmt: skip
    """Which regions a data set visits: distinct codes, with how many samples fall in each.

    Parameters
    ----------
    network : Network or ForwardCore
    X : array_like, path, or iterable
        Samples of shape (n, D) or (n, *input_shape): an array or tensor, the path of a .npy
        file, which is memory-mapped, or whatever gives batches (a generator, a DataLoader of
        torch), each an array, or a pair of an array and its labels.
    labels : array_like or path, optional
        A whole number a sample, shape (n,): its class. Up to 1,000 classes.
    exact : bool
        Prove every code (the default), as ``codes(..., exact=True)``. Otherwise codes are those
        of a computation in floating point.
    distances : bool
        Find each sample's distance to the nearest facet of its region.
    dtype : data type, optional
        float32 or float64 (the default): of the passes. Distances are in float64.
    memory : int
        Bytes for the table of codes, at least 1 MiB. What goes beyond is sorted in files of a
        temporary folder.
    progress : callable or bool, optional
        Called with how many samples are done, of how many (0: unknown). True: a bar on standard
        error, if that is a terminal.

    Returns
    -------
    Census
        ``counts``, ``codes()``, ``alone``, ``layers``, ``boundary_samples``,
        ``class_distances``, ``distances``; ``compare`` sets it beside another one.

    Raises
    ------
    ShapeError
        If data or labels do not fit the network or each other.
    ParameterError
        For NaN and infinities, labels that are no whole numbers, and other wrong arguments.
    FormatError
        If a file is no .npy file of numbers. No pickle is ever read.
    LimitError
        For more than 1,000 classes, or if a temporary file cannot be written.

    Notes
    -----
    Guarantee: with ``exact``, regions are told apart by proved codes of the points as they are
    given, and counts are exact. Codes are compared as a whole, not by hashes. Distances between
    classes are exact sums of whole numbers, rounded once. A distance to a facet is off by at most
    its bound in ``distance_errors``. A code is a region's name for one network only; a sample on
    a boundary has the lowest code there, which may be that of no region.

    Cost: a forward pass, and sorting codes a batch at a time. The memory: ``memory``, a batch,
    and 16 bytes a sample where distances are asked for. Distances take the exact conditions of
    every region that is visited, some milliseconds each.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018, section 5: the code as
    the network's vector quantisation of its inputs, and distances through it.

    See Also
    --------
    codes, vq_distance

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> found = es.census(net, [[-3.0], [0.5], [0.75], [1.0]], distances=True)
    >>> found.counts.tolist(), found.boundary_samples.tolist(), found.distances.tolist()
    ([1, 3], [3], [3.0, 0.5, 0.25, 0.0])
    >>> batches = ([[0.1 * i], [0.2 * i]] for i in range(100))
    >>> print(es.census(net, batches))
    200 samples in 3 regions (all codes proved)
    alone in their region: 0 (0.00%)
    most samples in one region: 183
    on boundaries: 4
    layer      units    regions   changing   distance   changes
        1          2          3          2     0.1762        10
    """
    core = core_of(network, dtype)
    if isinstance(memory, bool) or not isinstance(memory, int) or memory < _LEAST_MEMORY:
        raise ParameterError(f"census: memory {memory!r}; give at least {_LEAST_MEMORY:,} bytes")
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise ParameterError(f"census: progress {progress!r}; give a function, True or False")
    return _Taking(core, exact, distances, memory).of(X, labels, progress)


class _Taking:
    """One census on its way."""

    def __init__(self, core: ForwardCore, exact: bool, distances: bool, memory: int) -> None:
        self.core, self.exact = core, bool(exact)
        program = core.program
        self.words = Words(program)
        self.table = Table(self.words.width, memory)
        self.tally = Tally(program.n_units, self.words.pieces)
        self.facets = FacetDistance(core.network, self.words) if distances else None
        each = 8 * (program.n_units + program.input_dim + core.network.output_dim + 8)
        most = _MOST_WITH_DISTANCES if distances else _MOST_SAMPLES
        self.size = max(1, min(most, _BATCH // each))
        self.boundary: list[np.ndarray] = []
        self.found: list[tuple[np.ndarray, np.ndarray]] = []
        self.done = 0

    def of(self, X: Any, labels: Any, progress: Callable[[int, int], None] | bool | None) -> Census:
        """Go through the data."""
        batches = Batches(self.core.network, X, labels, self.size)
        bar = Progress(sys.stderr) if progress is True else None
        labelled = False
        try:
            for batch, own in batches:
                labelled = own is not None
                self._take(batch, own)
                if bar is not None and batches.total:
                    bar.part("of the samples", self.done, batches.total)
                elif bar is not None:
                    bar.within("samples", self.done, 0)
                elif callable(progress):
                    progress(self.done, batches.total)
        finally:
            if bar is not None:
                bar.clear()
        return self._census(labelled)

    def _take(self, batch: Any, labels: np.ndarray | None) -> None:
        """Count one batch."""
        if not len(batch):
            return
        try:
            run = self.core.run(batch, exact=self.exact)
        except ParameterError as error:
            if self.done:
                raise ParameterError(f"{error} (of those from number {self.done:,} on)") from None
            raise
        codes = run.codes
        self.table.add(distinct(self.words.pack(codes), self.done))
        self.tally.add(codes, labels)
        if run.on_boundary.any():
            self.boundary.append(np.flatnonzero(run.on_boundary) + self.done)
        if self.facets is not None:
            samples = Samples(self.core.network, batch, np.dtype(np.float64))
            self.found.append(self.facets(samples.values, samples.errors, codes))
        self.done += len(codes)

    def _census(self, labelled: bool) -> Census:
        table, tally, n = self.table.collected(), self.tally, self.done
        classes = tally.classes if labelled else []
        k = len(classes)
        apart = np.full((k, k), np.nan)
        units = max(1, self.words.units)
        for i, a in enumerate(classes):
            for j, b in enumerate(classes[: i + 1]):
                mean = tally.between(a, b)
                if mean is not None:
                    apart[i, j] = apart[j, i] = float(mean / units)
        try:
            labels = np.array(classes, dtype=np.int64)
        except OverflowError:
            raise LimitError("labels: a label beyond 2^63; give numbers of classes") from None
        distances = None
        if self.facets is not None:
            both = [np.concatenate(v) for v in zip(*self.found, strict=True)]
            distances = (both[0], both[1]) if both else (np.empty(0), np.empty(0))
        boundary = np.concatenate(self.boundary) if self.boundary else np.empty(0, np.int64)
        starts = self.core.program.unit_start
        widths = tuple(int(v) for v in np.diff(starts))
        return Census(
            self.words, table, samples=n, widths=widths, layers=self._layers(table),
            boundary_samples=boundary, exact=self.exact,
            classes=(labels, np.array([tally.samples[c] for c in classes], np.int64), apart),
            distances=distances,
        )  # fmt: skip

    def _layers(self, table: Collected) -> tuple[CensusLayer, ...]:
        """What is told of every layer."""
        starts, n = self.core.program.unit_start.tolist(), self.done
        counts = self.tally.all()
        differing = Tally.differing(counts, counts, n * n)
        prefixes = self._prefixes(table, starts)
        out = []
        for l, (i, j) in enumerate(pairwise(starts)):  # noqa: E741
            own = differing[i:j]
            out.append(
                CensusLayer(
                    j - i, prefixes[l], sum(v > 0 for v in own),
                    Fraction(sum(own), n * (n - 1)) if n > 1 else None,
                    int(self.tally.changes[i:j].sum()),
                )
            )  # fmt: skip
        return tuple(out)

    def _prefixes(self, table: Collected, starts: list[int]) -> list[int]:
        """Distinct codes of the first layers: of sorted rows, equal beginnings stand together."""
        layers = len(starts) - 1
        new = np.zeros(layers, np.int64)
        last = None
        step = max(1, min(_BLOCK, _BATCH // max(1, self.words.units)))
        for begin in range(0, len(table.rows), step):
            codes = self.words.unpack(table.rows[begin : begin + step, :-2])
            before = codes[:-1] if last is None else np.concatenate([last, codes[:-1]])
            differ = codes[len(codes) - len(before) :] != before
            seen = np.zeros(len(differ), bool)
            for l in range(layers):  # noqa: E741
                seen |= differ[:, starts[l] : starts[l + 1]].any(axis=1)
                new[l] += int(seen.sum())
            last = codes[-1:]
        return [int(v) + 1 if len(table.rows) else 0 for v in new]
