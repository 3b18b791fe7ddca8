"""A search of one dimension as one of the plane: a strip, that no form varies across."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...cells.space import SearchSpace
from ...compile.forms import Forms
from ...rationals import exact_array

__all__ = ["as_strip"]


def as_strip(space: SearchSpace) -> SearchSpace:
    """The same space with a second coordinate from 0 to 1; its two sides come last.

    Cells are rectangles, each over the interval that is a cell of the line.
    """
    zero, one = Fraction(0), Fraction(1)
    rows = space.rows
    sides = Forms(
        np.concatenate([rows.indptr, rows.indptr[-1] + np.array([1, 2])]),
        np.concatenate([rows.indices, np.array([1, 1])]),
        exact_array([*rows.data.tolist(), one, -one]),
        exact_array([*rows.const.tolist(), zero, one]), 2,
    )  # fmt: skip
    return replace(
        space, dim=2, inputs=replace(space.inputs, width=2), first=replace(space.first, width=2),
        rows=sides, low=(*space.low, zero), high=(*space.high, one),
        interior=(*space.interior, Fraction(1, 2)),
    )  # fmt: skip
