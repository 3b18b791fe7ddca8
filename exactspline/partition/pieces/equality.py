"""Whether regions have the same affine map, as functions on the domain: decided exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..regions.maps import affine_map
from .modular import NumeratorBound, Residues, canonical, prime_limit, primes_below
from .pieces import codes_in_chunks
from .walk import Walker

if TYPE_CHECKING:
    from ...compile.forms import Forms
    from ..columns.table import RegionTable

__all__ = ["Equality"]

_MOST_PRIMES = 400  # beyond, a comparison of two exact maps is faster
_TRIED = 1000  # primes that may divide a denominator
_NUMBERS = 1 << 24  # residues that are kept at once


class Equality:
    """Compares the affine maps of a partition's regions over the domain's coordinates t.

    Parameters
    ----------
    partition : Partition

    Notes
    -----
    *Different* is proved by residues modulo one prime. *Equal* is proved by equal residues of
    all coefficients modulo primes whose product exceeds twice the largest numerator that a
    coefficient can have (`NumeratorBound`), or in rationals where that would take too many
    primes. Over t, since two maps over x may agree on a domain of lower dimension.
    """

    def __init__(self, partition: RegionTable) -> None:
        self.partition = partition
        self.program = partition.network.program
        self.inputs = partition.domain.chart.point
        self.limit = prime_limit(self.program, self.inputs)
        self.bound = NumeratorBound.of(self.program, self.inputs)

    def fingerprints(self) -> np.ndarray:
        """One number a region, shape (regions,): where they differ, so do the affine maps.

        Values of two random combinations of the outputs at random points, modulo a prime.
        """
        out = np.zeros(len(self.partition), dtype=np.int64)
        rng = np.random.default_rng(0)
        for prime in islice(primes_below(self.limit), _TRIED):
            arithmetic = Residues(prime)
            at = arithmetic.reduced(rng.integers(prime, size=(self.inputs.width, 2)).astype(float))
            factors = rng.integers(prime, size=(len(self.program.output), 1, 2)).astype(float)
            factors = arithmetic.reduced(factors)
            try:
                walker = Walker(self.program, self.inputs, arithmetic, at)
            except ZeroDivisionError:
                continue
            first = 0
            for codes in codes_in_chunks(self.partition):
                for block in walker.blocks(codes):
                    if block.level == len(self.program.layers):
                        values = arithmetic.reduced(block.members * factors)
                        sums = canonical(values.sum(axis=0), prime)
                        keys = sums[:, 0] * prime + sums[:, 1]
                        out[first + block.starts[0] : first + block.stop] = keys
                first += len(codes)
            break
        return out  # all zero if no prime would do: then rationals decide everything

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Whether regions a[i] and b[i] have the same map; bool array, proved either way."""
        same = np.ones(len(a), dtype=bool)
        settled = 0
        if self.bound.bits <= _MOST_PRIMES * (self.limit.bit_length() - 1):
            for prime in islice(primes_below(self.limit), _TRIED):
                alive = np.flatnonzero(same)
                if settled >= self.bound.bits or len(alive) == 0:
                    return same
                try:
                    walker = Walker(self.program, self.inputs, Residues(prime))
                except ZeroDivisionError:
                    continue
                same[alive] = self._agree(walker, prime, a[alive], b[alive])
                settled += prime.bit_length() - 1
            if settled >= self.bound.bits:
                return same
        for i in np.flatnonzero(same).tolist():
            same[i] = self._exactly(int(a[i]), int(b[i]))
        return same

    def _agree(self, walker: Walker, prime: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Whether all coefficients agree modulo the prime of a walker."""
        last, outputs, width = (
            len(self.program.layers),
            len(self.program.output),
            (self.inputs.width + 1),
        )
        step = max(1, _NUMBERS // (2 * outputs * width + self.program.n_units // 8))
        same = np.empty(len(a), dtype=bool)
        for start in range(0, len(a), step):
            part = slice(start, start + step)
            regions, place = np.unique(np.concatenate([a[part], b[part]]), return_inverse=True)
            rows = np.empty((outputs, len(regions), width))
            for block in walker.blocks(self.partition._codes.take(regions)):
                if block.level == last:
                    rows[:, block.starts[0] : block.stop] = block.members
            first, second = np.split(place.reshape(-1), 2)
            difference = rows[:, first] - rows[:, second]
            same[part] = ~canonical(difference, prime).any(axis=(0, 2))
        return same

    def _exactly(self, a: int, b: int) -> bool:
        return self._terms(a) == self._terms(b)

    def _terms(self, region: int) -> list[tuple[Fraction, dict[int, Fraction]]]:
        """The exact map over t."""
        forms: Forms = affine_map(self.partition.network, self.partition.code(region))
        over = forms.after(self.inputs)
        out = []
        for i in range(len(over)):
            indices, data, const = over.row(i)
            terms: dict[int, Fraction] = {}
            for j, v in zip(indices.tolist(), data.tolist(), strict=True):
                terms[j] = terms.get(j, Fraction(0)) + Fraction(v)
            out.append((const, {j: v for j, v in terms.items() if v}))
        return out
