"""The middle tier's verdict on a form: points on both sides, or a certificate (Numba)."""

from __future__ import annotations

from .. import control as c
from ..faults import disturb
from ..jit import kernel, tier
from ..simplex import NEGATIVE, OPTIMAL, RAY
from .arithmetic import add, divide, times, times_float
from .lp import PIVOT_TOLERANCE, counts, express, minimise, start_at_point, value_of
from .multiples import is_multiple
from .proofs import bounded_value, follows_by_integers, keeps_sign
from .rows import form_row, make_forms, make_path

__all__ = ["decide_in_middle"]

FAR = 1e30  # a step that nothing ends


@tier(c.MIDDLE_VERDICT)
def decide_in_middle(P, S, argument):
    """The verdict on the form that is asked, or OPEN; for a cut with points on both sides.

    ``argument``: NOBODY; or a constraint of the current leaf, which is decided on where the others
    of its constraints that are alive hold.
    """
    middle, d, layer = S.middle, P.mode[c.DIM], S.ctl[c.LAYER]
    middle.ctl[c.M_WITHOUT] = argument
    make_forms(P, S, layer)
    make_path(P, S)
    g, g_low, error = middle.form.g, middle.form_low, middle.form.error
    if argument < 0:
        middle.ctl[c.M_FORM_GRID] = form_row(P, S, layer, S.ctl[c.QUERY_FORM], g, g_low, error)
    else:
        _copy_constraint(P, S, argument)
        middle.ctl[c.M_NODE] = c.NOBODY
    biggest, extent, zero = 0.0, 0.0, True
    for j in range(d + 1):
        biggest = max(biggest, abs(g[j]))
        if j < d:
            extent += abs(g[j]) * P.box.extent[j]
        zero = zero and g[j] == 0.0 and error[j] == 0.0
    if zero:
        return c.ZERO if argument < 0 else c.OPEN
    middle.form_largest[0] = biggest * (1.0 + 1e-12)
    scale = 1.0 / extent if extent > 1e-280 else 1.0
    sign = _sign_at_point(P, S)
    if sign == 0 or (argument >= 0 and sign < 0):
        return c.OPEN
    fresh = _prepare(P, S)
    verdict = _decide(P, S, sign, scale)
    if verdict == c.OPEN or argument >= 0:
        middle.ctl[c.M_NODE] = c.NOBODY
        if verdict == c.OPEN and not fresh:  # what a worn dictionary guesses may be wrong
            _prepare(P, S)
            verdict = _decide(P, S, sign, scale)
    return verdict


@kernel
def _copy_constraint(P, S, r):
    """Ask for a constraint of the path."""
    middle, path = S.middle, S.middle.path
    for j in range(P.mode[c.DIM] + 1):
        middle.form.g[j], middle.form_low[j] = path.row[r, j], middle.path_low[r, j]
        middle.form.error[j] = path.error[r, j]
    middle.ctl[c.M_FORM_GRID] = path.grid[r]


@kernel
def _sign_at_point(P, S):
    """The proved sign of the form at the cell's point, which is moved if it must be; or 0."""
    middle, d = S.middle, P.mode[c.DIM]
    g, g_low, error = middle.form.g, middle.form_low, middle.form.error
    value, bound = bounded_value(g, g_low, error, S.point, S.point_low, d)
    if abs(value) > bound:
        return 1 if value > 0.0 else -1
    if middle.ctl[c.M_WITHOUT] >= 0:
        return 0  # a leaf's point is its witness, which stays where it is
    return _nudge(P, S)


@kernel
def _nudge(P, S):
    """Move the cell's point off the form's hyperplane, along its normal; the sign there or 0."""
    middle, d, path = S.middle, P.mode[c.DIM], S.middle.path
    g, error = middle.form.g, middle.form.error
    y, y_low = middle.trial, middle.trial_low
    norm = 0.0
    for j in range(d):
        norm += g[j] * g[j]
    if not norm > 0.0:
        return 0
    norm = norm**0.5
    for side in (1.0, -1.0):
        step = 1.0 / norm
        for i in range(S.ctl[c.N_PATH]):
            slope = 0.0
            for j in range(d):
                slope += path.row[i, j] * g[j]
            slope *= side / norm
            if slope < 0.0:
                value, _ = value_of(path.row[i], middle.path_low[i], S.point, S.point_low, d)
                step = min(step, 0.5 * value / -slope)
        for j in range(d):
            y[j], y_low[j] = add(S.point[j], S.point_low[j], side * step * g[j] / norm, 0.0)
        value, bound = bounded_value(g, middle.form_low, error, y, y_low, d)
        if abs(value) > bound and _inside(P, S, y, y_low):
            for j in range(d):
                S.point[j], S.point_low[j] = y[j], y_low[j]
            return 1 if value > 0.0 else -1
    return 0


@kernel
def _inside(P, S, x, x_low):
    """Whether a point is proved strictly inside all constraints of the path."""
    middle, d, path = S.middle, P.mode[c.DIM], S.middle.path
    for i in range(S.ctl[c.N_PATH] - 1, -1, -1):
        if not counts(S, i):
            continue
        value, bound = bounded_value(path.row[i], middle.path_low[i], path.error[i], x, x_low, d)
        if not value > bound:
            return False
    return True


@kernel
def _decide(P, S, sign, scale):
    """The verdict, from the sign at the point."""
    middle, d, ctl = S.middle, P.mode[c.DIM], S.ctl
    m = middle.ctl[c.M_SLACKS]
    express(S, d, middle.form.g, middle.form_low, sign * scale, d + m)
    ctl[c.LPS] += 1
    status, column, direction = minimise(P, S, True)
    if S.faults[c.FAULT_RATE] > 0.0 and disturb(P, S, c.CLAIM) == 1:
        status = NEGATIVE if status == OPTIMAL else OPTIMAL
    if status == OPTIMAL:
        for k in range(d):
            i = middle.col_id[k]
            at = d + middle.ctl[c.M_SLACKS]
            z, z_low = divide(middle.T[k + 1, at], middle.T_low[k + 1, at], scale, 0.0)
            if i >= 0:
                z, z_low = times_float(z, z_low, middle.path.scale[i])
            middle.z[k], middle.z_low[k] = z, z_low
        if S.faults[c.FAULT_RATE] > 0.0:
            disturb(P, S, c.MIDDLE_MULTIPLIERS)
        if keeps_sign(P, S, sign) or follows_by_integers(P, S, sign) or is_multiple(P, S, sign):
            return sign
    if status == NEGATIVE:
        if _cut(P, S, sign, False, 0, 0.0):
            return c.CUT
        status, column, direction = minimise(P, S, False)
        if status == OPTIMAL and _cut(P, S, sign, False, 0, 0.0):
            return c.CUT
        if status == OPTIMAL and _cut_in_the_middle(P, S, sign):
            return c.CUT
    if status == RAY and _cut(P, S, sign, True, column, direction):
        return c.CUT
    return c.OPEN


@kernel
def _prepare(P, S):
    """Have a dictionary of the current cell; whether it is a new one."""
    middle, d = S.middle, P.mode[c.DIM]
    node, n_path = S.ctl[c.NODES], S.ctl[c.N_PATH]
    if middle.ctl[c.M_NODE] == node and middle.ctl[c.M_N_PATH] == n_path:
        return False
    if middle.ctl[c.M_NODE] == node - 1 and middle.ctl[c.M_N_PATH] == n_path - 1:
        # the child of a cut, and perhaps the side that the vertex lies on
        m, row = middle.ctl[c.M_SLACKS], middle.path.row[n_path - 1]
        express(S, d, row, middle.path_low[n_path - 1], middle.path.scale[n_path - 1], d + m)
        if middle.T[0, d + m] >= 0.0:
            middle.row_id[m] = n_path - 1
            middle.ctl[c.M_SLACKS] = m + 1
            middle.ctl[c.M_NODE], middle.ctl[c.M_N_PATH] = node, n_path
            return False
    start_at_point(P, S)
    middle.ctl[c.M_NODE], middle.ctl[c.M_N_PATH] = node, n_path
    return True


@kernel
def _cut(P, S, sign, is_ray, column, direction):
    """Find a proved point where sign * form < 0, between the cell's point and a vertex or ray."""
    middle, d, T, T_low = S.middle, P.mode[c.DIM], S.middle.T, S.middle.T_low
    g, g_low = middle.form.g, middle.form_low
    here, here_low = value_of(g, g_low, S.point, S.point_low, d)
    way, way_low, y, y_low = middle.way, middle.way_low, middle.trial, middle.trial_low
    rate, rate_low = 0.0, 0.0
    for j in range(d):
        if is_ray:
            way[j], way_low[j] = direction * T[column, j], direction * T_low[column, j]
        else:
            way[j], way_low[j] = add(T[0, j], T_low[0, j], -S.point[j], -S.point_low[j])
        p, p_low = times(g[j], g_low[j], way[j], way_low[j])
        rate, rate_low = add(rate, rate_low, p, p_low)
    t, t_low = divide(-here, -here_low, rate, rate_low)  # where the form vanishes
    if not t > 0.0 or (not is_ray and not t < 1.0):
        return False
    for attempt in range(4):
        share = 0.5 if attempt == 0 else 0.15
        if attempt >= 2:
            share = 0.85 if attempt == 2 else 0.02
        s, s_low = times_float(t, t_low, 1.0 + 2.0 * share)
        if not is_ray:
            s, s_low = add(1.0, 0.0, -t, -t_low)
            s, s_low = times_float(s, s_low, share)
            s, s_low = add(s, s_low, t, t_low)
        for j in range(d):
            p, p_low = times(s, s_low, way[j], way_low[j])
            y[j], y_low[j] = add(S.point[j], S.point_low[j], p, p_low)
        if S.faults[c.FAULT_RATE] > 0.0:
            disturb(P, S, c.MIDDLE_POINT)
        if _accepted(P, S, sign):
            return True
    return False


@kernel
def _accepted(P, S, sign):
    """Whether the point that was tried is proved inside, with sign * form < 0; it is taken then."""
    middle, d = S.middle, P.mode[c.DIM]
    y, y_low, rest = middle.trial, middle.trial_low, middle.rest
    for j in range(d):
        rest[j] = y_low[j]
        y_low[j] = 0.0  # a float64 point is better: later decisions are cheaper there
    for _ in range(2):
        value, bound = bounded_value(
            middle.form.g, middle.form_low, middle.form.error, y, y_low, d
        )  # fmt: skip
        if -sign * value > bound and _inside(P, S, y, y_low):
            _take(S, sign, d)
            return True
        for j in range(d):
            y_low[j] = rest[j]
    return False


@kernel
def _cut_in_the_middle(P, S, sign):
    """The same at the mean of a vertex and its neighbours, cut off where the form vanishes.

    For cells whose own point is too near a side.
    """
    middle, d, T, T_low = S.middle, P.mode[c.DIM], S.middle.T, S.middle.T_low
    y, y_low, m = middle.trial, middle.trial_low, middle.ctl[c.M_SLACKS]
    for j in range(d):
        y[j], y_low[j] = T[0, j], T_low[0, j]
    for k in range(1, d + 1):
        step = FAR
        for i in range(d, d + m):
            if T[k, i] < -PIVOT_TOLERANCE:
                step = min(step, max(T[0, i], 0.0) / -T[k, i])
        if T[k, d + m] > PIVOT_TOLERANCE:
            step = min(step, -T[0, d + m] / T[k, d + m])
        if step >= FAR:
            step = 1.0
        for j in range(d):
            p, p_low = times_float(T[k, j], T_low[k, j], step / (d + 1))
            y[j], y_low[j] = add(y[j], y_low[j], p, p_low)
    return _accepted(P, S, sign)


@kernel
def _take(S, sign, d):
    """The points of the two children: the cell's own, and the one that was found."""
    middle = S.middle
    for j in range(d):
        if sign > 0:
            S.plus_point[j], S.plus_low[j] = S.point[j], S.point_low[j]
            S.minus_point[j], S.minus_low[j] = middle.trial[j], middle.trial_low[j]
        else:
            S.minus_point[j], S.minus_low[j] = S.point[j], S.point_low[j]
            S.plus_point[j], S.plus_low[j] = middle.trial[j], middle.trial_low[j]
    S.ctl[c.PLUS_OK] = 1
    S.ctl[c.MINUS_OK] = 1
