"""What a picture of a plane shows: regions and edges inside a window, in flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from .window import Window

__all__ = ["FINE", "Cells"]

FINE = 2.0**-22  # of the window's extent: corners that are off by more are computed exactly


@dataclass
class Cells:
    """The regions of a two-dimensional domain inside a window: convex polygons.

    Attributes
    ----------
    window : Window
    region : int array, shape (polygons,)
        The region of every polygon.
    start : int array, shape (polygons + 1,)
        Where the corners of every polygon begin.
    xy : float64 array, shape (corners, 2)
        Counterclockwise, in the domain's coordinates; rounded.
    exact : dict of int to list of pairs of Fraction
        The corners of those polygons that the window cuts.
    segments : float64 array, shape (segments, 2, 2)
        The parts of edges inside the window.
    unit, layer : int arrays, shape (segments,)
        The first unit that changes across, and its layer; -1 in the domain's border.
    left, right : int arrays, shape (segments,)
        The regions beside; right is -1 in the border, and -2 where it is not known.
    vertices : int
        How many of the complex's corners there are, in the window or not.

    Examples
    --------
    >>> import exactspline as es
    >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
    >>> cells = omega.plot(window=([-1, -1], [1, 2])).cells
    >>> len(cells), sorted(cells.areas.tolist()), cells.segments.shape
    (4, [1.0, 1.0, 2.0, 2.0], (4, 2, 2))
    """

    window: Window
    region: np.ndarray
    start: np.ndarray
    xy: np.ndarray
    exact: dict[int, list[tuple[Fraction, Fraction]]]
    segments: np.ndarray
    unit: np.ndarray
    layer: np.ndarray
    left: np.ndarray
    right: np.ndarray
    vertices: int

    def __len__(self) -> int:
        return len(self.region)

    def __repr__(self) -> str:
        return f"<{len(self):,} polygons in {self.window.describe()}>"

    def polygons(self) -> list[np.ndarray]:
        """The corners of every polygon, shape (n, 2) each.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))
        >>> cells = omega.plot(window=([-1, -1], [1, 2])).cells
        >>> sorted(cells.polygons()[3].tolist())
        [[0.0, 0.0], [0.0, 2.0], [1.0, 0.0], [1.0, 2.0]]
        """
        return np.split(self.xy, self.start[1:-1]) if len(self) else []

    @property
    def off(self) -> np.ndarray:
        """How far the two numbers of a corner are off at most, shape (2,).

        Examples
        --------
        >>> import exactspline as es
        >>> picture = es.enumerate_regions(es.Network([es.ReLU()], (2,))).plot()
        >>> bool((picture.cells.off < 1e-6).all())
        True
        >>> picture.close()
        """
        ends = np.array(self.window.limits)
        fine = float((ends[:, 1] - ends[:, 0]).min()) * FINE
        return np.asarray(np.maximum(fine, 2.0**-51 * np.abs(ends).max(axis=1)))

    @cached_property
    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Areas and centroids, from rounded corners."""
        if not len(self):
            return np.zeros(0), np.zeros((0, 2))
        counts = np.diff(self.start)
        first = np.repeat(self.start[:-1], counts)
        base = self.xy[first]
        here = self.xy - base  # small numbers: less is lost
        follow = np.arange(1, len(here) + 1)
        follow[self.start[1:] - 1] = self.start[:-1]
        behind = here[follow]
        turn = here[:, 0] * behind[:, 1] - here[:, 1] * behind[:, 0]
        double = np.add.reduceat(turn, self.start[:-1])
        sums = np.add.reduceat(turn[:, None] * (here + behind), self.start[:-1])
        middle = np.add.reduceat(here, self.start[:-1]) / counts[:, None]
        reach = np.maximum.reduceat(np.abs(here).max(axis=1), self.start[:-1])
        with np.errstate(all="ignore"):
            centre = sums / (3 * double[:, None])
            # of a sliver the sums may have no right digit: its corners' mean lies inside, too
            thin = ~(double > 1e-9 * reach**2) | ~np.isfinite(centre).all(axis=1)
        centre[thin] = middle[thin]
        return double / 2, centre + self.xy[self.start[:-1]]

    @property
    def areas(self) -> np.ndarray:
        """The areas inside the window, shape (polygons,); from rounded corners.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))
        >>> omega.plot(window=([-1, -1], [1, 1])).cells.areas.tolist()
        [1.0, 1.0, 1.0, 1.0]
        """
        return self._moments[0]

    @property
    def centroids(self) -> np.ndarray:
        """A point inside every polygon, its centroid, shape (polygons, 2); rounded.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))
        >>> omega.plot(window=([-1, -1], [1, 1])).cells.centroids[3].tolist()
        [0.5, 0.5]
        """
        return self._moments[1]
