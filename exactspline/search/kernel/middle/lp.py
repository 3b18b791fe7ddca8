"""The simplex dictionary of the current cell in double-double: guesses, like the float one (Numba).

Laid out as in `simplex.py`, with high and low parts in two tables. It starts at the cell's
point, where every coordinate is a free direction, so that it is feasible whatever the cell is;
it is kept for further forms on the same cell, and for the child that its vertex lies in.
"""

from __future__ import annotations

from .. import control as c
from ..jit import kernel
from ..simplex import BLAND_AFTER, GIVE_UP_AFTER, LANES, NEGATIVE, OPTIMAL, RAY, STUCK
from .arithmetic import add, divide, times, times_float

__all__ = ["counts", "express", "minimise", "start_at_point", "value_of"]

TOLERANCE = 1e-28  # of values and costs, against the largest cost so far: what rounding may make
PIVOT_TOLERANCE = 1e-26


@kernel
def value_of(row, low, x, x_low, d):
    """The value of a row at a point, rounded."""
    total, total_low = row[d], low[d]
    for j in range(d):
        p, p_low = times(row[j], low[j], x[j], x_low[j])
        total, total_low = add(total, total_low, p, p_low)
    return total, total_low


@kernel
def express(S, d, row, low, scale, target):
    """Write scale times a row into dictionary row ``target``."""
    T, T_low = S.middle.T, S.middle.T_low
    for k in range(d + 1):
        total, total_low = 0.0, 0.0
        for j in range(d):
            if T[k, j] != 0.0:
                p, p_low = times(row[j], low[j], T[k, j], T_low[k, j])
                total, total_low = add(total, total_low, p, p_low)
        if k == 0:
            total, total_low = add(total, total_low, row[d], low[d])
        T[k, target], T_low[k, target] = times_float(total, total_low, scale)


@kernel
def counts(S, i):
    """Whether a constraint of the path is one of those that the form is decided under."""
    without = S.middle.ctl[c.M_WITHOUT]
    return without < 0 or (i != without and S.facets.alive[i])


@kernel
def start_at_point(P, S):
    """Make the dictionary of the current cell at its point; all directions are free."""
    middle, d, path = S.middle, P.mode[c.DIM], S.middle.path
    T, T_low = middle.T, middle.T_low
    m = 0
    for k in range(d + 1):
        for j in range(d):
            T[k, j] = 1.0 if k == j + 1 else 0.0
            T_low[k, j] = 0.0
    for j in range(d):
        T[0, j], T_low[0, j] = S.point[j], S.point_low[j]
        middle.col_id[j] = -1
    for i in range(S.ctl[c.N_PATH]):
        if not counts(S, i):
            continue
        row, low, scale = path.row[i], middle.path_low[i], path.scale[i]
        middle.row_id[m] = i
        value, value_low = value_of(row, low, S.point, S.point_low, d)
        T[0, d + m], T_low[0, d + m] = times_float(value, value_low, scale)
        for j in range(d):
            T[j + 1, d + m], T_low[j + 1, d + m] = times_float(row[j], low[j], scale)
        m += 1
    middle.ctl[c.M_SLACKS] = m


@kernel
def _pivot(T, T_low, d, n_rows, p, q):
    """Exchange row ``p`` and column ``q``; see `simplex.pivot`."""
    padded = (n_rows + LANES - 1) // LANES * LANES
    inverse, inverse_low = divide(1.0, 0.0, T[q, p], T_low[q, p])
    column, column_low = T[q, :padded], T_low[q, :padded]
    for k in range(d + 1):
        if k == q:
            continue
        target, target_low = T[k, :padded], T_low[k, :padded]
        factor, factor_low = times(target[p], target_low[p], inverse, inverse_low)
        if factor != 0.0:
            for i in range(padded):
                x, x_low = times(column[i], column_low[i], -factor, -factor_low)
                target[i], target_low[i] = add(target[i], target_low[i], x, x_low)
        target[p], target_low[p] = -factor, -factor_low
    for i in range(padded):
        column[i], column_low[i] = times(column[i], column_low[i], inverse, inverse_low)
    column[p], column_low[p] = inverse, inverse_low


@kernel
def _drop_row(S, d, m, i):
    """Remove slack row ``i``; the objective row moves with the last one."""
    T, T_low, row_id, last = S.middle.T, S.middle.T_low, S.middle.row_id, m - 1
    if i != last:
        for k in range(d + 1):
            T[k, d + i], T_low[k, d + i] = T[k, d + last], T_low[k, d + last]
        row_id[i] = row_id[last]
    for k in range(d + 1):
        T[k, d + last], T_low[k, d + last] = T[k, d + m], T_low[k, d + m]
    return last


@kernel
def _entering(S, d, obj, pivots, least):
    """The column that enters (0: none) and its direction."""
    T, col_id = S.middle.T, S.middle.col_id
    q, best, lowest = 0, -least, 1 << 62
    for k in range(1, d + 1):
        cost = T[k, obj]
        if col_id[k - 1] < 0:
            if abs(cost) > least:
                return k, -1.0 if cost > 0.0 else 1.0
        elif pivots < BLAND_AFTER:
            if cost < best:
                best, q = cost, k
        elif cost < -least and col_id[k - 1] < lowest:
            lowest, q = col_id[k - 1], k
    return q, 1.0


@kernel
def _leaving(S, d, m, q, direction, pivots):
    """The slack row that leaves, or -1."""
    T, row_id = S.middle.T, S.middle.row_id
    p, step, size = -1, 0.0, 0.0
    for i in range(m):
        rate = T[q, d + i] * direction
        if rate < -PIVOT_TOLERANCE:
            room = max(T[0, d + i], 0.0)
            t = room / -rate
            tied = abs(t - step) <= 1e-15 * step
            better = -rate > size if pivots < BLAND_AFTER else row_id[i] < row_id[p]
            if p < 0 or (t < step and not tied) or (tied and better):
                p, step, size = i, t, -rate
    return p


@kernel
def minimise(P, S, early):
    """Minimise the row behind the slacks; status, column and direction of a ray."""
    middle, d = S.middle, P.mode[c.DIM]
    T, T_low, col_id, row_id = middle.T, middle.T_low, middle.col_id, middle.row_id
    pivots, largest = 0, 1.0
    while True:
        m = middle.ctl[c.M_SLACKS]
        obj = d + m
        for k in range(1, d + 1):
            largest = max(largest, abs(T[k, obj]))
        least = TOLERANCE * largest
        if early and T[0, obj] < -least:
            return NEGATIVE, 0, 0.0
        if pivots > GIVE_UP_AFTER or not T[0, obj] == T[0, obj]:
            return STUCK, 0, 0.0
        q, direction = _entering(S, d, obj, pivots, least)
        if q == 0:
            return OPTIMAL, 0, 0.0
        p = _leaving(S, d, m, q, direction, pivots)
        if p < 0:
            return RAY, q, direction
        _pivot(T, T_low, d, obj + 1, d + p, q)
        pivots += 1
        entered = col_id[q - 1]
        col_id[q - 1] = row_id[p]
        if entered < 0:  # a free direction needs no row: x itself says where it is
            middle.ctl[c.M_SLACKS] = _drop_row(S, d, m, p)
        else:
            row_id[p] = entered
