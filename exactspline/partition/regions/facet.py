"""One facet of a region, as it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ...mode import guarded
from .inequalities import Inequality

__all__ = ["RegionFacet"]


@guarded
@dataclass(frozen=True)
class RegionFacet:
    """A facet of a region.

    Attributes
    ----------
    inequality : Inequality
        An equality on the facet. Where the hyperplanes of several units coincide, the first
        unit's.
    point : tuple of Fraction
        In the facet's relative interior, in the domain's coordinates.
    flips : tuple of (unit, piece)
        The units whose piece changes across the facet, with the piece there; empty on the
        domain's border.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
    >>> (region,) = es.regions_at(net, [3, 1])
    >>> facet = region.facets()[0]
    >>> facet.flips, facet.on_border
    (((0, 0),), False)
    """

    inequality: Inequality
    point: tuple[Fraction, ...]
    flips: tuple[tuple[int, int], ...]

    @property
    def on_border(self) -> bool:
        """Whether it lies in the domain's border, so that there is no region across.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> (region,) = es.regions_at(net, [1], es.Box([-1], [2]))
        >>> [facet.on_border for facet in region.facets()]
        [True, False]
        """
        return self.inequality.side is not None
