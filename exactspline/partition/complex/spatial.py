"""Regions of three dimensions with what is found in space: surfaces, by a later room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...later import in_later_room
from ...mode import guarded
from .planar import PlanarRegions

__all__ = ["SpatialRegions"]


@guarded
class SpatialRegions(PlanarRegions):
    """Regions with their complex in the plane, and surfaces in space."""

    def surface(
        self,
        level: Any = 0,
        *,
        output: int | None = None,
        pair: Sequence[int] | None = None,
        winner: int | None = None,
        below: bool = False,
        closed: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> Any:
        """The surface {f = level} in a bounded domain of three dimensions, as an exact mesh.

        Parameters
        ----------
        level : number
            Exact: floats as the dyadic rationals they are, Fractions, texts such as "1/3".
        output : int, optional
            Which output f is (flattened); needless if there is one.
        pair : (int, int), optional
            f = f_i - f_j instead: with level 0 the surface between two classes.
        winner : int, optional
            The border of the set where f_i is greater than all other outputs (plus level).
        below : bool
            The border of {f < level} instead of {f > level}.
        closed : bool
            Close the surface by caps on the domain's sides; each knows its side.
        progress : callable, optional
            Called with the regions that are done and those there are.

        Returns
        -------
        Mesh
            The border of {f > level}: triangles with exact corners, each in one region, with
            normals to where f <= level.

        Raises
        ------
        DomainError
            If the domain is not bounded, or has not three dimensions: take a box or a slice.
        ParameterError
            If the search was stopped, or an output does not exist or is not named.
        LimitError
            For more than two million regions, or 200,000 that the surface runs through.

        Notes
        -----
        f is the network without its output operator (as in `decision_boundary`): behind a sigmoid
        the probability 1/2 is the level 0.

        Where f equals the level on a whole region (``mesh.flat``) that region is outside of the
        set: its facets to the inside are surface. Where f only touches the level, with
        f > level on both sides or f < level on both, there is no surface. Where the set touches
        itself, edges have four triangles or more (``mesh.nonmanifold_edges``).

        Guarantee: the search proves all pieces of the surface as it proves facets; nothing is
        sampled, no tolerance. Cost: a search of the network with one more unit an output row, and
        about a millisecond for every region that the surface runs through.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[-1, -1, -1]], [1])], (3,))
        >>> omega = es.enumerate_regions(net, es.Box(-2, 2, dim=3))
        >>> omega.surface()  # |x| + |y| + |z| < 1
        <Mesh of f > 0: 6 vertices, 8 triangles, closed, a manifold>
        >>> omega.surface("1/3").vertices.max()
        np.float64(0.6666666666666666)
        """
        return in_later_room(
            "SpatialRegions.surface", self, level, output=output, pair=pair, winner=winner,
            below=below, closed=closed, progress=progress,
        )  # fmt: skip
