"""Regions with their adjacency: facets from the search, or found when they are asked for."""

from __future__ import annotations

from functools import cached_property

from ...cells.facets import Facet
from ...domain import Domain
from ...mode import guarded
from ...network.network import Network
from ...search.decisions import Batch
from ...search.polygons import PlaneFaces
from ..columns.table import RegionTable
from .edges import Borders, Edges
from .facets import known_facets
from .resolve import EdgeBuilder, search_again

__all__ = ["AdjacentRegions"]


@guarded
class AdjacentRegions(RegionTable):
    """Regions, and which of them are adjacent."""

    _polygons: list[PlaneFaces] | None = None  # of all regions, where the search kept them

    def __init__(self, network: Network, domain: Domain) -> None:
        super().__init__(network, domain)
        self._builder: EdgeBuilder | None = None

    def _append(self, batch: Batch) -> None:
        super()._append(batch)
        if batch.polygons is not None:
            if self._polygons is None:
                self._polygons = []
            self._polygons.append(batch.polygons)
        if batch.facets is not None:
            if self._builder is None:
                self._builder = EdgeBuilder()
            self._builder.append(batch.facets)

    def _facets_of(self, index: int) -> list[Facet] | None:
        if "_facets" not in self.__dict__ or not self.complete:
            return None  # facets to regions that were not reached are no edges
        return known_facets(self, self.edges, self.borders, index)

    @cached_property
    def edges(self) -> Edges:
        """The facets between regions; found on first use.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.edges
        <Edges: 4 between 4 regions>
        """
        return self._facets[0]

    @cached_property
    def borders(self) -> Borders:
        """The regions' facets in the domain's border; found on first use.

        Examples
        --------
        >>> import exactspline as es
        >>> box = es.Box(-1, 1, dim=2)
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), box)  # four squares
        >>> len(omega.borders)  # two sides of each square
        8
        """
        return self._facets[1]

    @cached_property
    def _facets(self) -> tuple[Edges, Borders]:
        if self._builder is None:
            self._builder = search_again(self)
        builder, self._builder = self._builder, None
        _ = self._exact_forms  # shared with the edges
        return builder.finish(self._apart())
