"""What is proved of the inequalities of a wide region: their states, and rays that meet facets."""

from __future__ import annotations

import numpy as np

from ...polyhedra.lp import Point, Row, q, value_at
from .wide_rows import WideRows

__all__ = ["CONSTANT", "EQUAL", "FACET", "IMPLIED", "OPEN", "Proofs"]

OPEN, FACET, IMPLIED, EQUAL, CONSTANT = range(5)


class Proofs:
    """The state of the rows of a region, and proofs of its facets.

    Parameters
    ----------
    rows : WideRows

    Attributes
    ----------
    state : int array, shape (rows,)
        ``OPEN``, ``FACET``, ``IMPLIED`` (by others, or looser than a parallel one), ``EQUAL`` (the
        same half-space as an earlier row), or ``CONSTANT``.
    equal : dict
        The rows that are equal to another one, with the first of them.
    endless : bool
        Whether some ray is proved never to leave the region.
    """

    def __init__(self, rows: WideRows) -> None:
        self.rows = rows
        self.state = np.zeros(len(rows), dtype=np.int8)
        self.equal: dict[int, int] = {}
        self.endless = False
        self._starts: list[np.ndarray] = []
        self._met: dict[int, tuple[int, np.ndarray]] = {}  # a start and a direction

    def start(self, point: np.ndarray) -> int:
        """Note a point from which rays begin, strictly inside; its number."""
        self._starts.append(point)
        return len(self._starts) - 1

    def facet(self, k: int, start: int, direction: np.ndarray) -> None:
        """Note that row k alone vanishes first on a ray from a start."""
        if self.state[k] == OPEN:
            self.state[k] = FACET
            self._met[k] = start, direction

    def count(self, *states: int) -> int:
        """How many rows are in some states."""
        return int(np.isin(self.state, states).sum())

    def direction(self, k: int) -> np.ndarray:
        """Of a facet: the direction of the ray that meets it, exact as it is."""
        return self._met[k][1]

    def way(self, k: int) -> tuple[Point, Point]:
        """Of a facet: a point strictly inside the region, and the direction of the ray."""
        start, direction = self._met[k]
        return _exact(self._starts[start]), _exact(direction)

    def point(self, k: int, row: Row) -> Point:
        """A point in a facet's relative interior: where its ray meets its hyperplane."""
        start, direction = self.way(k)
        slope = value_at(row, direction) - row[0]
        share = value_at(row, start) / -slope
        return [a + share * v for a, v in zip(start, direction, strict=True)]

    def equal_to(self, k: int) -> list[int]:
        """The rows with the half-space of row k, itself among them."""
        return [k, *(i for i, first in self.equal.items() if first == k)]


def _exact(values: np.ndarray) -> Point:
    return [q(float(v)) for v in values]
