"""Which row of many is the first to vanish on a ray: in float64 with error bounds, by batches."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Hits", "Rays"]

_UNIT = 2.3e-16  # of rounding, in any direction
_SLACK = 1e-14  # of few roundings one after the other
_LARGE = 1e200
_LOST = 1e-200  # more than what underflow takes from any sum here
_ENTRIES = 1 << 22  # of a matrix of rows and rays


class Hits(NamedTuple):
    """What a batch of rays shows, each array with one entry a ray.

    Attributes
    ----------
    first : int array
        A row that is proved to vanish before all others do; -1 where none is.
    near : int array
        The row that seems to be the first; -1 if the ray seems never to leave.
    endless : bool array
        Whether no row ever vanishes on the ray: that is proved.
    """

    first: np.ndarray
    near: np.ndarray
    endless: np.ndarray


class Rays:
    """Rows around a point: normal . y + value at the point, with bounds on all errors.

    Parameters
    ----------
    value, error : sparse matrices, shape (rows, d + 1)
        As of `WideRows`.
    point : float array, shape (d,)
        The point, rounded to the nearest floats. All rows are positive at the point itself.
    """

    def __init__(self, value: Any, error: Any, point: np.ndarray) -> None:
        d = len(point)
        gamma = (d + 16) * _UNIT
        at = np.append(point, 1.0)
        bounds = (error + gamma * abs(value)).tocsr()
        self.normals = value[:, :d].tocsr()
        with np.errstate(all="ignore"):
            self.reach = value @ at
            off = (bounds @ np.abs(at)) * (1 + gamma) + _LOST
            known = np.abs(self.reach) + off < _LARGE  # else nothing is known, nan included
            self.low = np.where(known, np.maximum(self.reach - off, 0.0) * (1 - _SLACK), 0.0)
            self.high = np.where(known, np.maximum(self.reach + off, 0.0) * (1 + _SLACK), np.inf)
        spread = bounds[:, :d].tocsr()
        self.errors = np.sqrt(spread.multiply(spread).sum(axis=1)) * (1 + gamma) + _LOST
        squares = self.normals.multiply(self.normals).sum(axis=1)
        self.sizes = np.sqrt(squares)
        with np.errstate(all="ignore"):
            self.distance = np.where(self.sizes > 0, self.reach / self.sizes, np.inf)

    def __len__(self) -> int:
        return len(self.reach)

    def take(self, rows: np.ndarray) -> Rays:
        """Some of the rows only."""
        out = Rays.__new__(Rays)
        out.normals = self.normals[rows]
        for name in ("reach", "low", "high", "errors", "sizes", "distance"):
            setattr(out, name, getattr(self, name)[rows])
        return out

    @property
    def batch(self) -> int:
        """How many rays are worth one call."""
        return max(1, min(256, _ENTRIES // max(1, len(self))))

    def slopes(self, directions: Any) -> np.ndarray:
        """About the slopes of all rows along directions, the columns of a matrix."""
        found = self.normals @ directions
        return np.asarray(found.toarray() if hasattr(found, "toarray") else found)

    def shoot(self, directions: Any, slopes: np.ndarray | None = None) -> Hits:
        """Follow rays from the point.

        Parameters
        ----------
        directions : matrix, shape (d, rays), dense or sparse
            Exact as they are: floats of sizes near 1.
        slopes : array, shape (rows, rays), optional
            What `slopes` gives for them.
        """
        slope = self.slopes(directions) if slopes is None else slopes
        squares = (
            directions.multiply(directions)
            if hasattr(directions, "multiply")
            else (directions * directions)
        )
        length = np.sqrt(np.asarray(squares.sum(axis=0)).reshape(-1)) * (1 + 1e-9) + _LOST
        off = self.errors[:, None] * length[None, :] * (1 + _SLACK) + _LOST
        with np.errstate(all="ignore"):
            flattest, steepest = slope + off, slope - off
            latest = np.where(flattest < 0, self.high[:, None] / -flattest, np.inf)
            earliest = self.low[:, None] / -steepest
            bound = latest.min(axis=0, initial=np.inf) * (1 + _SLACK)
            # by what is ruled out: a number that is none rules out nothing
            candidates = ~((earliest * (1 - _SLACK) > bound) | (steepest >= 0))
            at = np.where(slope < 0, self.reach[:, None] / -slope, np.inf)
        count = candidates.sum(axis=0)
        columns = np.arange(slope.shape[1])
        only = np.argmax(candidates, axis=0)
        sure = (count == 1) & (flattest[only, columns] < 0)
        near = np.argmin(at, axis=0)
        near = np.where(np.isfinite(at[near, columns]), near, -1)
        return Hits(np.where(sure, only, -1), near, count == 0)
