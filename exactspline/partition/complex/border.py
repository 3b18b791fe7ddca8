"""Checks of the domain's border: what matching says nothing about, since nothing is across."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...rationals import as_float
from ...search.polygons import IDEAL, SIDE, PlaneFaces
from .joining import following
from .matching import refuse

if TYPE_CHECKING:
    from ...compile.forms import Forms

__all__ = ["ROUNDING", "TINY", "check_border", "near_rows"]

ROUNDING = 2.0**-48  # of what is added in a form of two coordinates, and more
TINY = 1e-290


def check_border(faces: PlaneFaces, twin: np.ndarray, rows: Forms) -> None:
    """Refuse a border that cannot be the domain's.

    It is one closed path, arcs of the line at infinity included, on which each side of the domain
    comes in one run, and no corner of a side is off its line by more than its bound.
    """
    sides = np.flatnonzero(faces.unit == SIDE)
    if np.any(faces.form[sides] < 0) or np.any(faces.form[sides] >= len(rows)):
        refuse("a side that the domain does not have")
    _check_path(faces, twin)
    _check_lines(faces, sides, rows)


def _check_path(faces: PlaneFaces, twin: np.ndarray) -> None:
    """One closed path, and each side in one run."""
    border = np.flatnonzero(twin < 0)
    if len(border) == 0:
        if len(twin):
            refuse("the domain has no border")
        return
    after = following(faces.start)
    step = after[border]
    open_ = np.flatnonzero(twin[step] >= 0)
    while len(open_):  # around the corner, to the border again
        step[open_] = after[twin[step[open_]]]
        open_ = open_[twin[step[open_]] >= 0]
    place = np.full(len(twin), -1, dtype=np.int64)
    place[border] = np.arange(len(border))
    path, at = [0], int(place[step[0]])
    while at != 0 and len(path) < len(border):
        path.append(at)
        at = int(place[step[at]])
    if at != 0 or len(path) != len(border):
        refuse("the border of the domain is not one closed path")
    walked = border[path]
    side = np.where(faces.unit[walked] == IDEAL, -1, faces.form[walked])
    begins = side[side != np.roll(side, 1)]
    begins = begins[begins >= 0]
    if len(np.unique(begins)) != len(begins):
        refuse("a side of the domain is interrupted")


@np.errstate(all="ignore")
def _check_lines(faces: PlaneFaces, sides: np.ndarray, rows: Forms) -> None:
    """Both ends of every side near its line: a float refuses here what cannot be, nothing else."""
    if len(sides) == 0:
        return
    near = near_rows(rows)[faces.form[sides]]
    for half in (sides, following(faces.start)[sides]):
        x, y, w = faces.corner[half].T
        terms = near * np.stack([w, x, y], axis=1)
        off = np.abs(terms.sum(axis=1))
        size = np.abs(terms).sum(axis=1)
        room = ROUNDING * size + np.abs(near[:, 1:]).sum(axis=1) * faces.error[half]
        room += TINY * (1 + np.abs(x) + np.abs(y))
        known = np.isfinite(size) & (w > 0)
        if np.any(off[known] > room[known]):
            refuse("a corner of a side of the domain is not on its line")


def near_rows(rows: Forms) -> np.ndarray:
    """The domain's sides in float64 as (constant, slopes), shape (sides, 3).

    All NaN where a number is beyond float64's range: they say nothing then.
    """
    out = np.zeros((len(rows), 3))
    owner = np.repeat(np.arange(len(rows)), np.diff(rows.indptr))
    out[:, 0], const_error = as_float(rows.const)
    out[owner, 1 + rows.indices], slope_error = as_float(rows.data)
    for error in (const_error, slope_error):
        if error is not None and not np.all(np.isfinite(error)):
            return np.full_like(out, np.nan)
    return out
