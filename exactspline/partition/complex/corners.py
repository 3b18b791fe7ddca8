"""The corners of a complex, and its ideal corners: in floats, and exactly on request."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...mode import guarded
from ...rationals import fractions, nearest_floats
from ..regions.polygon import direction_of

if TYPE_CHECKING:
    from .geometry import Geometry

__all__ = ["ComplexCorners", "IdealCorners"]


@guarded
class ComplexCorners:
    """The corners of a complex.

    Attributes
    ----------
    xy : float64 array, shape (corners, 2)
        In the complex's coordinates.
    error : float64 array, shape (corners,)
        How far each of the two numbers is off at most.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [1, 1]]), es.ReLU()], (2,))
    >>> corners = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).complex().corners
    >>> len(corners), sorted(corners.xy.tolist())[3:5]
    (7, [[0.0, 0.0], [0.0, 1.0]])
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self.xy, self.error = geometry.columns.xy, geometry.columns.error

    def __len__(self) -> int:
        return len(self.xy)

    def __repr__(self) -> str:
        return f"<{len(self):,} corners>"

    def exact(self, corner: int) -> tuple[Fraction, Fraction]:
        """A corner exactly.

        Raises
        ------
        IndexError
            If there is no such corner.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3, 0], [0, 3]], [-1, 0]), es.ReLU()], (2,))
        >>> corners = es.enumerate_regions(net).complex().corners
        >>> [str(v) for v in corners.exact(0)]
        ['1/3', '0']
        """
        if not 0 <= corner < len(self):
            raise IndexError(f"corner {corner} of {len(self):,}")
        w, x, y = self._geometry.sides.corner(int(self._geometry.columns.at[corner]))
        first, second = fractions((x / w, y / w))
        return first, second

    def exact_xy(self) -> np.ndarray:
        """All corners exactly, an array of Fractions of shape (corners, 2).

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3, 0], [0, 3]], [-1, 0]), es.ReLU()], (2,))
        >>> es.enumerate_regions(net).complex().corners.exact_xy().tolist()
        [[Fraction(1, 3), Fraction(0, 1)]]
        """
        self._geometry.sides.all_lines()
        out = np.empty((len(self), 2), dtype=object)
        for i in range(len(self)):
            out[i] = self.exact(i)
        return out

    def inputs(self, *, exact: bool = False) -> np.ndarray:
        """The corners as inputs of the network, shape (corners, D): of a slice, say.

        Parameters
        ----------
        exact : bool
            True gives Fractions; float64 values are computed from ``xy``, and rounded.

        Examples
        --------
        >>> import exactspline as es
        >>> slice_ = es.Slice([0, 5, 0], [[1, 0, 0], [0, 0, 1]])
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (3,)), slice_)
        >>> omega.complex().corners.inputs().tolist()
        [[0.0, 5.0, 0.0]]
        """
        if exact:
            return self._geometry.lifted(self.exact_xy())
        out = self._geometry.lifted_near(self.xy)
        odd = np.flatnonzero(~np.isfinite(out).all(axis=1)).tolist()  # beyond float64 on the way
        if odd:
            out[odd] = nearest_floats(self._geometry.lifted([self.exact(i) for i in odd]))
        return out

    def star(self, corner: int) -> list[int]:
        """The faces around a corner, counterclockwise; in the border from its first to its last.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> sorted(omega.complex().corners.star(0))
        [0, 1, 2, 3]
        """
        if not 0 <= corner < len(self):
            raise IndexError(f"corner {corner} of {len(self):,}")
        return [self._geometry.sides.face(h) for h in self._geometry.around(corner)]


@guarded
class IdealCorners:
    """The corners at infinity: the directions in which unbounded edges end.

    Attributes
    ----------
    direction : float64 array, shape (ideal corners, 2)

    Examples
    --------
    >>> import exactspline as es
    >>> c = es.enumerate_regions(es.Network([es.ReLU()], (2,))).complex()
    >>> sorted(c.ideal_corners.direction.tolist())
    [[-1.0, 0.0], [0.0, -1.0], [0.0, 1.0], [1.0, 0.0]]
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self.direction = geometry.columns.direction

    def __len__(self) -> int:
        return len(self.direction)

    def __repr__(self) -> str:
        return f"<{len(self):,} ideal corners>"

    def exact(self, corner: int) -> tuple[Fraction, Fraction]:
        """A direction exactly: integers without a common factor.

        Raises
        ------
        IndexError
            If there is no such corner.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[2, 1], [1, 0]]), es.ReLU()], (2,))
        >>> ideal = es.enumerate_regions(net).complex().ideal_corners
        >>> sorted([int(v) for v in ideal.exact(i)] for i in range(len(ideal)))
        [[-1, 2], [0, -1], [0, 1], [1, -2]]
        """
        if not 0 <= corner < len(self):
            raise IndexError(f"ideal corner {corner} of {len(self):,}")
        _, x, y = self._geometry.sides.corner(int(self._geometry.columns.ideal_at[corner]))
        first, second = fractions(direction_of((x, y)))
        return first, second
