"""Points beyond one row and inside all others, looked for by descent: guesses, many at once.

For each of some rows the sum of squares of what is violated is made smaller: the row itself is to
be negative, all others positive. Accelerated gradient steps, products of dense matrices.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .rays import Rays

__all__ = ["Descent"]

_ROUNDS, _STEPS = 4, 20  # between two rounds it is looked at what has been found
_BEYOND, _WITHIN = 0.2, 0.02  # how far, in distances of the rows
_POWERS = 12


class Descent:
    """Ways from a point that leave by chosen rows.

    Parameters
    ----------
    rays : Rays
    """

    def __init__(self, rays: Rays) -> None:
        with np.errstate(all="ignore"):
            scale = np.where(rays.sizes > 0, 1 / rays.sizes, 0.0)
        self.units = rays.normals.toarray() * scale[:, None]
        self.distance = rays.reach * scale
        guess = np.random.default_rng(1).normal(size=self.units.shape[1])
        for _ in range(_POWERS):
            guess = self.units.T @ (self.units @ guess)
            self.steepest = float(np.sqrt(guess @ guess)) or 1.0
            guess /= self.steepest

    def ways(self, rows: np.ndarray) -> Generator[tuple[np.ndarray, np.ndarray], np.ndarray, None]:
        """Directions towards rows, better and better; send which columns are still wanted.

        Yields
        ------
        rows : int array
        directions : array, shape (d, rows), of length 1
        """
        here = -(1 + _BEYOND) * self.distance[rows] * self.units[rows].T
        ahead, speed = here.copy(), 1.0
        for _ in range(_ROUNDS):
            for _ in range(_STEPS):
                new = ahead - self._gradient(rows, ahead) / self.steepest
                faster = (1 + np.sqrt(1 + 4 * speed * speed)) / 2
                ahead = new + (speed - 1) / faster * (new - here)
                here, speed = new, faster
            length = np.sqrt((here * here).sum(axis=0))
            fine = np.isfinite(length) & (length > 0)
            rows, here, ahead = rows[fine], here[:, fine], ahead[:, fine]
            wanted = yield rows, here / length[fine]
            if not np.any(wanted):
                return
            rows, here, ahead = rows[wanted], here[:, wanted], ahead[:, wanted]

    def _gradient(self, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
        columns = np.arange(len(rows))
        value = self.units @ at
        own = value[rows, columns] + (1 + _BEYOND) * self.distance[rows]
        value += (1 - _WITHIN) * self.distance[:, None]
        np.minimum(value, 0.0, out=value)
        value[rows, columns] = np.maximum(own, 0.0)
        return np.asarray(self.units.T @ value)
