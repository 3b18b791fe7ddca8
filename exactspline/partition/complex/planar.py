"""Regions with their complex: of domains of two dimensions, and of one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ...errors import DomainError
from ...mode import guarded
from ..graph.mapped import MappedRegions

if TYPE_CHECKING:
    from ..graph.edges import Borders, Edges
    from ..graph.linear import RegionGroups
    from ..regions.polygon import Polygon
    from .complex import Complex
    from .line import LineComplex
    from .subdivision import Subdivision

__all__ = ["PlanarRegions"]


@guarded
class PlanarRegions(MappedRegions):
    """Regions with their maps, and the subdivision that they form."""

    def complex(self) -> Complex | LineComplex:
        """The subdivision of a two-dimensional domain: corners, edges, faces and their links.

        Returns
        -------
        Complex
            ``corners``, ``edges``, ``interior_edges``, ``faces`` (one a region), ``half_edges``,
            ``euler()``, ``merged(groups)``, ``linear_regions()``. In one dimension, or where all
            regions hold lines of one direction, a `LineComplex`: ``dimension`` is 1.

        Raises
        ------
        ParameterError
            If the search was stopped.
        DomainError
            If the domain has more than two dimensions, or is a point.
        UndecidedError
            If the polygons of the regions do not fit together, which would be a defect.

        Notes
        -----
        Guarantee: what is adjacent, and what meets in a corner, is exact; corners are float64 with
        a bound, and rational on request. Faces are matched by the codes on both sides of every
        edge; corners - edges + faces is what it must be for the domain.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))
        >>> c = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).complex()
        >>> len(c.corners), len(c.edges), len(c.interior_edges), len(c.faces), c.euler()
        (9, 14, 6, 6, 1)
        >>> inner = [i for i in range(9) if len(c.corners.star(i)) == 6]
        >>> [[int(v) for v in c.corners.exact(i)] for i in inner]
        [[0, 0]]
        """
        return self._complex

    def after_layer(self, layer: int) -> Subdivision:
        """The subdivision after so many layers, of the complex of all.

        Parameters
        ----------
        layer : int
            0: the domain as one area; the number of layers: the complex itself.

        Returns
        -------
        Subdivision
            Its areas are the regions of `at_layer`, which are convex.

        Raises
        ------
        ParameterError
            If there is no such layer, or the search was stopped.
        DomainError
            As for `complex`; also in one dimension.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 1]], [-1]), es.ReLU()], (2,))
        >>> omega = es.enumerate_regions(net, es.Box(-1, 2, dim=2))
        >>> levels = [omega.after_layer(layer) for layer in range(3)]
        >>> [(len(s.corners), len(s.edges), len(s)) for s in levels]
        [(4, 4, 1), (9, 12, 4), (13, 19, 7)]
        """
        from .line import LineComplex

        groups, found = self.at_layer(layer), self._complex
        if isinstance(found, LineComplex):
            raise DomainError(
                f"after_layer({layer}): the complex is that of a line; at_layer({layer}) has its "
                "intervals"
            )
        return found.merged(groups)

    @cached_property
    def _complex(self) -> Complex | LineComplex:
        from .complex import plane_complex
        from .line import line_complex
        from .source import complex_space, faces_of

        space = complex_space(self)
        if space.dim == 1:
            return line_complex(self, space)
        return plane_complex(self._apart(), space, faces_of(self, space))

    @cached_property
    def _facets(self) -> tuple[Edges, Borders]:
        found = self.__dict__.get("_complex")
        if self._builder is not None or found is None or found.dimension == 1:
            return super()._facets
        from .graph import graph_of

        facets: tuple[Edges, Borders] = graph_of(found._geometry)
        return facets

    @cached_property
    def _linear(self) -> RegionGroups:
        found = self.__dict__.get("_complex")
        searched = "_facets" in self.__dict__ or self._builder is not None
        if found is None or found.dimension == 1 or searched:
            return super()._linear
        groups: RegionGroups = found._groups
        return groups

    def _polygon_of(self, index: int, exact: bool) -> Polygon | None:
        found = self.__dict__.get("_complex")
        if found is None or found.dimension == 1 or self.domain.chart.dim != 2:
            return None
        polygon: Polygon = found.faces[index].polygon(exact=exact)
        return polygon
