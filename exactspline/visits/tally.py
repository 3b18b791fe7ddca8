"""How often every unit takes every piece, per class: from it all distances between samples."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..errors import LimitError

__all__ = ["Tally"]

_MOST_CLASSES = 1_000
_MOST_COUNTS = 1 << 26  # of all classes' units and pieces


class Tally:
    """Whole numbers per class, unit and piece.

    The samples of two classes in which a unit takes different pieces are told by how many of each
    take which, so that no pair of samples is looked at.

    Parameters
    ----------
    units, pieces : int
    """

    def __init__(self, units: int, pieces: int) -> None:
        self._units, self._pieces = units, pieces
        self._of: dict[int, np.ndarray] = {}
        self.samples: dict[int, int] = {}
        self.changes = np.zeros(units, np.int64)
        self._last: np.ndarray | None = None

    def add(self, codes: np.ndarray, labels: np.ndarray | None) -> None:
        """Count the codes of a batch."""
        self.changes += (codes[1:] != codes[:-1]).sum(axis=0)
        if self._last is not None and len(codes):
            self.changes += codes[0] != self._last
        if len(codes):
            self._last = codes[-1].copy()
        if labels is None:
            self._count(0, codes)
            return
        for label in np.unique(labels).tolist():
            self._count(int(label), codes[labels == label])

    def _count(self, label: int, codes: np.ndarray) -> None:
        if label not in self._of:
            if (len(self._of) + 1) * self._units * self._pieces > _MOST_COUNTS or (
                len(self._of) >= _MOST_CLASSES
            ):
                raise LimitError(
                    f"census: more than {len(self._of):,} classes of {self._units:,} units; give "
                    "labels of classes, or no labels"
                )
            self._of[label] = np.zeros((self._pieces, self._units), np.int64)
            self.samples[label] = 0
        counts, total = self._of[label], len(codes)
        for piece in range(1, self._pieces):
            counts[piece] += (codes == piece).sum(axis=0)
        counts[0] += total
        counts[0] -= (codes != 0).sum(axis=0) if self._pieces > 1 else 0
        self.samples[label] += total

    @property
    def classes(self) -> list[int]:
        """The labels, sorted."""
        return sorted(self._of)

    def all(self) -> np.ndarray:
        """Counts of all samples, shape (pieces, units)."""
        out = np.zeros((self._pieces, self._units), np.int64)
        for counts in self._of.values():
            out += counts
        return out

    def between(self, a: int, b: int) -> Fraction | None:
        """In how many units a sample of one class differs from one of the other, on average.

        Within a class: from another sample. None where there is no such pair.
        """
        n, m = self.samples[a], self.samples[b]
        pairs = n * (n - 1) if a == b else n * m
        if not pairs:
            return None
        return Fraction(sum(self.differing(self._of[a], self._of[b], n * m)), pairs)

    @staticmethod
    def differing(a: np.ndarray, b: np.ndarray, pairs: int) -> list[int]:
        """Per unit the pairs of samples that differ in it, as Python's integers."""
        equal = (a.astype(object) * b.astype(object)).sum(axis=0)
        return [pairs - int(v) for v in equal]
