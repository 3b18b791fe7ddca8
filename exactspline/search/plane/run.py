"""The polygons of all regions of a program on a space of one or two dimensions."""

from __future__ import annotations

import numpy as np

from ...cells.space import SearchSpace
from ...clock import Clock
from ...compile.program import Program
from ..polygons import PlaneFaces
from .edges import joined
from .engine import PlaneSearch
from .line import as_strip

__all__ = ["plane_faces"]


def plane_faces(
    program: Program, space: SearchSpace, deadline: Clock | float | None = None, *,
    max_regions: int = 2**62,
) -> tuple[np.ndarray, PlaneFaces]:  # fmt: skip
    """The codes of all regions, in order, and their polygons.

    Parameters
    ----------
    program : Program
        With at least one layer.
    space : SearchSpace
        Of one dimension or two. Over one the faces are rectangles from 0 to 1 in a second
        coordinate, whose two sides are the last ones of the space's rows and one more.
    deadline : Clock or float, optional
        When to stop.
    max_regions : int
        Stop after so many.

    Returns
    -------
    codes : array, shape (regions, units)
    faces : PlaneFaces
        Corners are in the coordinates of ``space``.
    """
    if space.dim == 1:
        space = as_strip(space)
    search = PlaneSearch(program, space, polygons=True, max_regions=max_regions)
    codes, chunks = [], []
    for batch in search.batches(deadline):
        if batch.count:
            assert batch.polygons is not None
            codes.append(batch.codes)
            chunks.append(batch.polygons)
    if not codes:
        return np.zeros((0, program.n_units), dtype=np.int32), search.no_faces()
    return np.concatenate(codes), joined(chunks)
