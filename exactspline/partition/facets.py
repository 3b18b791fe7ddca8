"""The facets of one region, without the partition around it."""

from __future__ import annotations

import numpy as np

from ..exact.cell import ExactForms, Point
from ..exact.facets import Facet, facets_of_region

__all__ = ["region_facets"]


def region_facets(forms: ExactForms, codes: np.ndarray, inside: Point) -> list[Facet]:
    """All facets of a region, exactly; see `exactspline.exact.facets.Facet`.

    Parameters
    ----------
    forms : ExactForms
        Over the domain's coordinates.
    codes : array, shape (units,)
    inside : list of fmpq
        Strictly inside the region.
    """
    return facets_of_region(forms, codes, inside)
