"""The facets that a walk along the vertices of a leaf shows (Numba)."""

from __future__ import annotations

from . import control as c
from .facet_tests import drop, is_facet, proved_implied
from .jit import kernel
from .simplex import OPTIMAL, VALUE_TOLERANCE, drop_row, minimise

FAR = 1.0e30  # a step that nothing blocks


@kernel
def walk(P, S):
    """Go from vertex to vertex of the region, to where some constraint is least.

    At a vertex, a tight constraint has a point beyond it alone unless more than d are tight;
    and one that has only nonnegative coefficients there is implied by the tight ones. What
    degenerate vertices hide stays open.
    """
    ctl, d, state = S.ctl, P.mode[c.DIM], S.facets.state
    T, row_id = S.dictionary.T, S.dictionary.row_id
    moved = True
    while True:
        if moved:
            _look_around(P, S)
        m = ctl[c.M]
        i = 0
        while i < m and state[row_id[i]] != c.F_NONE:
            i += 1
        if i == m:
            break
        r = row_id[i]
        for k in range(d + 1):
            T[k, d + m] = T[k, d + i]
        status, m, _, _, pivots = minimise(T, d, m, d + m, S.dictionary.col_id, row_id, False)
        ctl[c.M] = m
        ctl[c.LPS] += 1
        ctl[c.PIVOTS] += pivots
        moved = pivots > 0
        state[r] = c.F_LATER
        if status == OPTIMAL and T[0, d + m] > VALUE_TOLERANCE:
            for i in range(m):
                if row_id[i] == r:
                    if proved_implied(P, S, r, c.OF_VERTEX, d + m):
                        drop(P, S, r)
                        ctl[c.M] = drop_row(T, d, m, row_id, i)
                    break
    for i in range(ctl[c.N_PATH]):
        if state[i] == c.F_LATER:
            state[i] = c.F_NONE


@kernel
def _look_around(P, S):
    """Settle what the current vertex shows."""
    _drop_implied(P, S)
    d, state = P.mode[c.DIM], S.facets.state
    T, col_id = S.dictionary.T, S.dictionary.col_id
    todo = False
    for k in range(d):
        r = col_id[k]
        if r < 0:
            return  # no vertex
        if state[r] != c.F_FACET and state[r] != c.F_IMPLIED:
            todo = True
    if not todo or not _steps(P, S):
        return
    total, back, y = S.scratch.work[c.CORRECTION], S.facets.across.back, S.plus_point
    for k in range(1, d + 1):
        r = col_id[k - 1]
        if state[r] == c.F_FACET or state[r] == c.F_IMPLIED:
            continue
        for j in range(d):
            y[j] = T[0, j] + (total[j] - back[k - 1] * T[k, j]) / (d + 1)
        if is_facet(P, S, r):
            state[r] = c.F_FACET


@kernel
def _drop_implied(P, S):
    """Drop what has only nonnegative coefficients at this vertex, once that is proved."""
    d, m, state = P.mode[c.DIM], S.ctl[c.M], S.facets.state
    T, row_id = S.dictionary.T, S.dictionary.row_id
    i = 0
    while i < m:
        r = row_id[i]
        implied = state[r] == c.F_NONE and T[0, d + i] > VALUE_TOLERANCE
        k = 1
        while implied and k <= d:
            implied = T[k, d + i] >= 0.0
            k += 1
        if implied and proved_implied(P, S, r, c.OF_VERTEX, d + i):
            drop(P, S, r)
            m = drop_row(T, d, m, row_id, i)
            S.ctl[c.M] = m
        else:
            i += 1


@kernel
def _steps(P, S):
    """How far edges lead from this vertex, in both directions; False if it is degenerate.

    Their sum is left in scratch.
    """
    d, m, T = P.mode[c.DIM], S.ctl[c.M], S.dictionary.T
    total, back = S.scratch.work[c.CORRECTION], S.facets.across.back
    for j in range(d):
        total[j] = 0.0
    for k in range(1, d + 1):
        column = T[k]
        ahead, behind = FAR, FAR
        for i in range(d, d + m):
            if column[i] < -1e-12:
                ahead = min(ahead, T[0, i] / -column[i])
            elif column[i] > 1e-12:
                behind = min(behind, T[0, i] / column[i])
        if ahead >= FAR:
            ahead = 1.0
        if behind >= FAR:
            behind = 1.0
        if not (ahead > 0.0 and behind > 0.0):
            return False
        back[k - 1] = ahead + behind
        for j in range(d):
            total[j] += ahead * column[j]
    return True
