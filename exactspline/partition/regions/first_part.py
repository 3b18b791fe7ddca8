"""A point inside a wide region from one in its closure, without all of its rows made exact."""

from __future__ import annotations

import numpy as np

from ...polyhedra.lp import Point, along, float_of, q, value_at
from .rays import Rays
from .wide_rows import WideRows

__all__ = ["inner_point"]


def inner_point(rows: WideRows, start: Point, towards: Point) -> Point | None:
    """A point of about the segment's first part that is strictly inside all rows.

    Parameters
    ----------
    rows : WideRows
        None negative at ``start``; those that vanish there are positive at ``towards``.
    start, towards : points

    Returns
    -------
    point or None
        None if the direction, rounded to floats, cannot be proved to lead inside.
    """
    way = [b - a for a, b in zip(start, towards, strict=True)]
    size = max(abs(v) for v in way)
    if not (rows.sound and size):
        return None
    direction = np.array([float_of(v / size) for v in way])
    rays = Rays(rows.value, rows.error, np.array([float_of(v) for v in start]))
    steepest = rays.slopes(direction[:, None])[:, 0]
    steepest = (
        steepest - rays.errors * (float(np.sqrt(direction @ direction)) * (1 + 1e-9)) - 1e-200
    )
    known = rays.low > 0
    with np.errstate(all="ignore"):
        falls = known & ~(steepest >= 0)
        bounds = rays.low[falls] / -steepest[falls] * (1 - 1e-14)
    if np.any(np.isnan(bounds)):
        return None
    share = q(float(min(bounds.min(initial=1.0), float_of(size))))
    exact = [q(float(v)) for v in direction]
    end = [a + v for a, v in zip(start, exact, strict=True)]
    open_ = np.flatnonzero(~known).tolist()
    for row in rows.exact(open_):
        here, there = value_at(row, start), value_at(row, end)
        if here == there == row[0] and not any(row[1:]):
            continue
        if here == 0 and there <= 0:
            return None
        if there < here:
            share = min(share, here / (here - there))
    return along(start, end, share / 2) if share > 0 else None
