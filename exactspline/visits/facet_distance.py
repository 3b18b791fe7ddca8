"""How far samples are from the nearest facet of their region, in float64 with bounds."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from ..cells.facets import conditions
from ..cells.forms import ExactForms
from ..cells.space import whole_space
from ..clock import check
from ..domain import WholeSpace
from ..network.network import Network
from ..polyhedra.lp import Row
from .words import Words, first_of_group

__all__ = ["FacetDistance"]

_HELD = 1 << 23  # numbers of regions' rows that are held
_U = 2.0**-53


class _Rows(NamedTuple):
    """Unit-free rows of a region: constant + <normal, x>, the largest coefficient in (1/2, 2)."""

    constants: np.ndarray
    normals: np.ndarray


class FacetDistance:
    """Distances of samples to the nearest facet.

    The nearest point of a region's border is the foot on the hyperplane of one of its conditions,
    so the least distance to a hyperplane is the distance to a facet, whatever conditions are
    implied by others.

    Parameters
    ----------
    network : Network
    words : Words
    """

    def __init__(self, network: Network, words: Words) -> None:
        chart = WholeSpace(network.input_dim).chart
        self._forms = ExactForms(network.program, whole_space(network.program, chart))
        self._words, self._held = words, 0
        self._known: OrderedDict[bytes, _Rows] = OrderedDict()

    def __call__(
        self, X: np.ndarray, errors: np.ndarray, codes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distances and bounds on their errors, each of shape (n,); infinite without facets.

        Parameters
        ----------
        X : float64 array, shape (n, D)
        errors : float64 array, shape (n,)
            Bounds on what rounding cost an entry of a sample.
        codes : array, shape (n, units)
        """
        packed = self._words.pack(codes)
        order = np.lexsort(packed.T[::-1])
        starts = np.flatnonzero(first_of_group(packed[order]))
        out, bounds = np.empty(len(X)), np.empty(len(X))
        for begin, end in zip(starts, [*starts[1:], len(X)], strict=True):
            check()
            own = order[begin:end]
            out[own], bounds[own] = _nearest(
                self._rows(packed[own[0]].tobytes(), codes[own[0]]), X[own], errors[own]
            )
        return out, bounds

    def _rows(self, key: bytes, code: np.ndarray) -> _Rows:
        """The rows of a region, from exact ones, each number rounded once."""
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        rows = [_scaled(c.row) for c in conditions(self._forms, code)]
        values = np.array(rows, dtype=float).reshape(len(rows), self._forms.program.input_dim + 1)
        found = _Rows(values[:, 0], values[:, 1:])
        self._known[key] = found
        self._held += values.size
        while self._held > _HELD and len(self._known) > 1:
            _, old = self._known.popitem(last=False)
            self._held -= old.normals.size + old.constants.size
        return found


def _scaled(row: Row) -> list[float]:
    """A row times a power of two: no coefficient that counts is lost to underflow.

    Quotients of Python's integers are rounded once.
    """
    parts = [(int(v.p), int(v.q)) for v in row]
    shift = max(abs(p).bit_length() - q.bit_length() for p, q in parts[1:] if p)
    up, down = max(-shift, 0), max(shift, 0)
    return [_quotient(p << up, q << down) for p, q in parts]


def _quotient(p: int, q: int) -> float:
    try:
        return p / q
    except OverflowError:  # a plane that is far away
        return math.inf


def _nearest(rows: _Rows, X: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least distance to a row's hyperplane, and a bound on its error."""
    n, dim = X.shape
    if not len(rows.constants):
        return np.full(n, np.inf), np.zeros(n)
    best, low, high = (np.full(n, np.inf) for _ in range(3))
    # sums of D + 1 products of numbers that were rounded once, and some roundings of bounds
    unit = (dim + 8) * _U * (1 + 2.0**-20)
    with np.errstate(over="ignore", invalid="ignore"):
        lost = dim * 1e-290 * (1 + np.abs(X).max(axis=1, initial=0.0))  # below the float's range
        norms = np.sqrt((rows.normals**2).sum(axis=1))  # relative error below (D + 4) u
        step = max(1, (1 << 20) // max(1, len(norms)))
        for i in range(0, n, step):
            some = slice(i, i + step)
            value = np.abs(X[some] @ rows.normals.T + rows.constants) / norms
            size = (np.abs(X[some]) @ np.abs(rows.normals).T + np.abs(rows.constants)) / norms
            error = 2 * unit * (size + value) + lost[some, None]
            best[some] = value.min(axis=1)
            low[some] = (value - error).min(axis=1)
            high[some] = (value + error).min(axis=1)
        bound = np.maximum(best - low, high - best) * (1 + 2.0**-40)
        bound += 2 * math.sqrt(dim) * errors  # a distance grows no faster than its point moves
        bound += 4 * _U * best
    bound[~np.isfinite(bound) | ~np.isfinite(best)] = np.inf
    return best, bound
