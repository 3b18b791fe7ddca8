"""The polygons of all regions of a program on a space of one or two dimensions."""

from __future__ import annotations

import numpy as np

from ...cells.space import SearchSpace
from ...clock import Clock
from ...compile.program import Program
from .edges import FaceChunk, joined
from .engine import PlaneSearch
from .faces import PlaneFaces

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
    search = PlaneSearch(program, space, facets=True, max_regions=max_regions)
    codes, chunks = [], []
    for batch in search.batches(deadline):
        assert search.faces is not None
        if batch.count:
            codes.append(batch.codes)
            chunks.append(_unscaled(search, search.faces))
    if not codes:
        chunk = search.no_faces()
        return np.zeros((0, program.n_units), dtype=np.int32), chunk
    return np.concatenate(codes), joined(chunks)


def _unscaled(search: PlaneSearch, chunk: FaceChunk) -> PlaneFaces:
    """Corners in the coordinates as they were."""
    faces, exponents = chunk.faces, search.coordinates.exponents
    if not search.coordinates.unchanged:
        corner = faces.corner
        for j, e in enumerate(exponents.tolist()):
            corner[:, j] = np.ldexp(corner[:, j], e)
        with np.errstate(over="ignore"):
            faces.error = np.ldexp(faces.error, int(max(exponents)))
    return faces
