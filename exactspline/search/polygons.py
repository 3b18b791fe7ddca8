"""The polygons of regions, in columns: what the plane's search hands over besides codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["IDEAL", "SIDE", "PlaneFaces"]

SIDE, IDEAL = -1, -2  # in place of a unit: a side of the domain, the line at infinity


@dataclass
class PlaneFaces:
    """Faces in the order of their regions, each with its corners counterclockwise.

    Corners are rays (X, Y, W): the point (X / W, Y / W) where W > 0, and the ideal corner in the
    direction (X, Y) where W is 0. Edge i of a face leads from corner i to the next one of the
    face; corner i is where the lines of the edges i - 1 and i meet. A face has no two edges in a
    row on one line. A half-plane has two ideal corners, a strip as well (twice each); the whole
    plane has none.

    Attributes
    ----------
    start : int64 array, shape (regions + 1,)
        Where the corners and edges of every face begin.
    corner : float64 array, shape (corners, 3)
        Near the corners, which `form` and `sign` tell exactly.
    error : float64 array, shape (corners,)
        Bounds how far x and y of a corner with W = 1 are off; infinite where no bound is proved.
    unit : int32 array, shape (corners,)
        The first unit of the code that changes across the edge, or `SIDE`, or `IDEAL`.
    piece : int32 array, shape (corners,)
        Its piece across.
    form : int64 array, shape (corners,)
        Whose zero line the edge lies on, numbered through all layers; of a side, its number
        among the rows of the search space.
    sign : int8 array, shape (corners,)
        Of that form inside the face.
    hashes : uint64 array, shape (regions,)
        Of the codes (`facet_columns.code_hashes`).
    target : uint64 array, shape (corners,)
        The hash of the code across, 0 on the domain's border.
    """

    start: np.ndarray
    corner: np.ndarray
    error: np.ndarray
    unit: np.ndarray
    piece: np.ndarray
    form: np.ndarray
    sign: np.ndarray
    hashes: np.ndarray
    target: np.ndarray
