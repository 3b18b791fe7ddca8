"""Exact Lipschitz constants: the largest dual norms of gradients over all regions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clock import OutOfTime
from ..domain import Domain
from ..driver.driver import Driver
from ..driver.request import Request, checked_domain, clock_of
from ..errors import ParameterError
from ..evaluate import ForwardCore
from ..network.network import Network
from ..rationals import bounded_floats

if TYPE_CHECKING:
    from ..compile.forms import Forms
    from ..compile.program import Program
    from ..search.decisions import Batch

__all__ = ["Steepness", "steepest"]

_UNIT = 2.0**-53
NORMS = ("max", "l1", "l2")


@dataclass
class Steepness:
    """Lipschitz constants, one an output.

    Attributes
    ----------
    norm : str
        Of the inputs.
    constants : tuple of Fraction
        Exact; of "l2" their squares.
    squared : bool
    codes : tuple of tuple of int
        A region that attains each.
    regions : int
    complete : bool
        False where a limit was reached: larger ones are possible.
    seconds : float
    """

    norm: str
    constants: tuple[Fraction, ...]
    squared: bool
    codes: tuple[tuple[int, ...], ...]
    regions: int
    complete: bool
    seconds: float


def steepest(
    network: Network, domain: Domain, norm: str, limit: int | None, time_limit: float | None,
    progress: Any,
) -> Steepness:  # fmt: skip
    """See `lipschitz`."""
    if norm not in NORMS:
        raise ParameterError(f"lipschitz: norm {norm!r}; give 'max', 'l1' or 'l2'")
    domain = checked_domain(network, domain)
    if domain.chart.dim < domain.dim:
        raise ParameterError(
            "lipschitz: the domain is flat: gradients across it do not matter there; give a domain "
            "of full dimension"
        )
    start, clock = time.perf_counter(), clock_of(time_limit)
    best = _Largest(network, norm)
    driver = Driver(Request(network, domain, limit), clock)
    complete = True
    try:
        outcome = driver.go(best.take, progress=progress)
        complete = outcome.complete
    except OutOfTime:
        complete = False
    constants, codes = best.settled()
    return Steepness(
        norm, constants, norm == "l2", codes, best.regions, complete, time.perf_counter() - start
    )


class _Largest:
    """The regions that may have the largest gradients: a few an output."""

    def __init__(self, network: Network, norm: str) -> None:
        self.network, self.norm, self.regions = network, norm, 0
        self.core = ForwardCore(network)
        self.error = _map_error(network.program)
        outputs = network.output_dim
        self.low = np.full(outputs, -np.inf)  # proved to be reached
        self.kept: list[list[tuple[float, bytes]]] = [[] for _ in range(outputs)]
        self.dtype: Any = None

    def take(self, batch: Batch) -> None:
        """Take regions in."""
        if not len(batch.codes):
            return
        self.regions += len(batch.codes)
        self.dtype = batch.codes.dtype
        A, _ = self.core._maps(np.ascontiguousarray(batch.codes))
        near, room = self._norms(A)
        high = near + room  # shape (regions, outputs)
        self.low = np.maximum(self.low, (near - room).max(axis=0))
        for k in range(self.network.output_dim):
            for i in np.flatnonzero(high[:, k] >= self.low[k]).tolist():
                self.kept[k].append((float(high[i, k]), batch.codes[i].tobytes()))
            if len(self.kept[k]) > 1000:
                self.kept[k] = [entry for entry in self.kept[k] if entry[0] >= self.low[k]]

    def _norms(self, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Dual norms of rows in float64, and how far they are off at most."""
        size, n = np.abs(A), A.shape[2]
        error = self.error[None]
        slack = 1 + (n + 4) * 2 * _UNIT
        if self.norm == "max":
            near, off = size.sum(axis=2), error.sum(axis=2)
        elif self.norm == "l1":
            near, off = size.max(axis=2), error.max(axis=2)
        else:
            near = (size**2).sum(axis=2)
            off = ((2 * size + error) * error).sum(axis=2)
        return near, off * slack + near * (slack - 1) + 1e-300

    def settled(self) -> tuple[tuple[Fraction, ...], tuple[tuple[int, ...], ...]]:
        """The exact constants, and a region for each."""
        from ..partition.regions.maps import program_map

        known: dict[bytes, Forms] = {}
        constants, codes = [], []
        for k, entries in enumerate(self.kept):
            best, where = Fraction(-1), b""
            for high, key in sorted(set(entries), key=lambda e: (-e[0], e[1])):
                if high < self.low[k] or (best >= 0 and Fraction(high) <= best):
                    break
                if key not in known:
                    code = np.frombuffer(key, dtype=self.dtype)
                    known[key] = program_map(self.network.program, code)
                value = self._exact(known[key], k)
                if value > best:
                    best, where = value, key
            constants.append(max(best, Fraction(0)))
            codes.append(tuple(np.frombuffer(where, dtype=self.dtype or np.uint8).tolist()))
        return tuple(constants), tuple(codes)

    def _exact(self, forms: Forms, output: int) -> Fraction:
        _, data, _ = forms.row(output)
        values = [abs(Fraction(v)) for v in data.tolist()]
        if self.norm == "max":
            return sum(values, Fraction(0))
        if self.norm == "l1":
            return max(values, default=Fraction(0))
        return sum((v * v for v in values), Fraction(0))


def _map_error(program: Program) -> np.ndarray:
    """How far entries of float64 maps are off at most, of all codes; shape (C, D).

    (terms of the longest rows + 3 a layer) roundings of sums of products' absolute values, which
    are at most those of all paths with the steepest piece of every unit.
    """
    paths = np.eye(program.input_dim)
    roundings = 4
    for layer in program.layers:
        members = _absolute(layer.members) @ paths
        units = layer.units
        slope, slope_error = bounded_floats(units.piece_slope)
        steep = np.abs(slope) + slope_error
        pieces = steep[:, None] * members[units.piece_member]
        own = np.maximum.reduceat(pieces, units.piece_start[:-1], axis=0)
        paths = np.concatenate([own, paths[layer.keep]]) * (1 + 1e-12)
        roundings += int(np.diff(layer.members.indptr).max(initial=0)) + 3
    total = _absolute(program.output) @ paths
    roundings += int(np.diff(program.output.indptr).max(initial=0)) + 3
    return np.asarray(2 * roundings * _UNIT * total * (1 + 1e-9) + 1e-290)


def _absolute(forms: Forms) -> Any:
    from scipy.sparse import csr_array

    data, error = bounded_floats(forms.data)
    values = np.abs(data) + error
    return csr_array((values, forms.indices, forms.indptr), shape=(len(forms), forms.width))
