"""The first node of a search: the domain, at one of its vertices and with a point inside."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ...cells.space import SearchSpace
from ...polyhedra.lp import Row, q, value_at, vertex
from . import control as c
from .layout import Problem, State
from .tiers import bring_in, call_tier, needed

__all__ = ["first_node"]

SMALL = 10_000  # operations that plain Python does in a few milliseconds


def first_node(problem: Problem, state: State, space: SearchSpace, rows: list[Row]) -> bool:
    """Make the domain the first node: its dictionary, a point, the first layer's forms.

    Parameters
    ----------
    problem, state, space
    rows : list of Row
        The domain's inequalities, exactly.

    Returns
    -------
    bool
        False if the domain holds no float64 point that is proved.
    """
    ctl, d = state.ctl, space.dim
    tight = _first_vertex(space, rows)
    basic = [i for i in range(len(rows)) if i not in set(tight)]
    vertex = state.dictionary
    vertex.col_id[:] = tight
    vertex.row_id[: len(basic)] = basic
    ctl[c.M] = len(basic)
    ctl[c.N_PATH] = len(rows)
    ctl[c.ANSWER] = c.OPEN
    ctl[c.PHASE] = c.NODE
    state.num[c.WEIGHT] = 1.0
    inside = _first_point(space, rows)
    if inside is None:
        return False
    state.point[:] = inside
    scratch = np.zeros((d, 2 * d))
    with np.errstate(all="ignore"):  # guesses
        _refactor(d, len(basic))(
            vertex.T, d, len(basic), vertex.col_id, vertex.row_id, state.path.row,
            state.path.scale, scratch,
        )  # fmt: skip
    bring_in(problem, state, *needed(problem, state))
    call_tier(c.ENTER_LAYER, problem, state, 0)
    if problem.mode[c.SEEKS]:
        ctl[c.LOOKED], ctl[c.PHASE] = -1, c.LOOK
        state.num[c.GAIN] = 1.0
    return True


def _first_vertex(space: SearchSpace, rows: list[Row]) -> list[int]:
    """For every coordinate a tight row, or -1 - j where the direction is free."""
    low, high = space.low, space.high
    if len(rows) == sum(b is not None for b in (*low, *high)):
        out, at = [], 0
        for j, (a, b) in enumerate(zip(low, high, strict=True)):
            out.append(-1 - j if a is None and b is None else at)
            at += (a is not None) + (b is not None)
        return out
    _, tight, free = vertex(rows, [q(v) for v in space.interior])
    places = iter(tight)
    return [-1 - j if j in set(free) else next(places) for j in range(space.dim)]


def _first_point(space: SearchSpace, rows: list[Row]) -> list[float] | None:
    """A float64 point strictly inside the domain, generic where nothing bounds it."""
    exact = []
    for j, value in enumerate(space.interior):
        if space.low[j] is None and space.high[j] is None and len(rows) == 0:
            # an irrational-like number: on no hyperplane of small coefficients
            value = Fraction(((j + 1) * 0.6180339887498949) % 1.0 + 0.1)
        exact.append(value)
    try:
        floats = [float(v) for v in exact]
    except OverflowError:
        return None
    at = [q(v) for v in floats]
    return floats if all(value_at(row, at) > 0 for row in rows) else None


def _refactor(d: int, m: int) -> Callable[..., Any]:
    """What computes a dictionary: for a small one, the kernel is not worth compiling."""
    from .simplex import refactor

    return getattr(refactor, "py_func", refactor) if d * d * (d + m) <= SMALL else refactor
