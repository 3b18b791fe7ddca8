"""Points strictly inside cells: proved, moved off hyperplanes, found beyond them (Numba)."""

from __future__ import annotations

from . import control as c
from .certificates import strictly_positive
from .jit import kernel, tier


@kernel
def value_at(g, x, d):
    total = g[d]
    for j in range(d):
        total += g[j] * x[j]
    return total


@kernel
def is_thin(S):
    """Whether the node's witness is no float64 point: float64 cannot tell any sign there."""
    for j in range(len(S.point_low)):
        if S.point_low[j] != 0.0:
            return True
    return False


@kernel
def inside(x, n_path, path, coefficients, reach, d):
    """Whether x is proved strictly inside the first constraints of a path."""
    if not coefficients:  # the rows' bounds hold where |x| <= reach
        for j in range(d):
            if not abs(x[j]) <= reach[j]:
                return False
    for i in range(n_path - 1, -1, -1):  # the newest are the likeliest to fail
        if not strictly_positive(path.row[i], path.error[i], path.size[i], coefficients, x, d):
            return False
    return True


@kernel
def sign_at(g, g_error, g_size, coefficients, x, d, work):
    """The proved sign of a form at a point; 0 if not proved."""
    value = value_at(g, x, d)
    if value > 0.0:
        return 1 if strictly_positive(g, g_error, g_size, coefficients, x, d) else 0
    turned = work[c.TURNED]
    for j in range(d + 1):
        turned[j] = -g[j]
    return -1 if strictly_positive(turned, g_error, g_size, coefficients, x, d) else 0


@tier(c.NUDGE)
def nudge(P, S, argument):
    """Move the cell's point off the hyperplane of the form, proved inside; its sign or 0."""
    d, coefficients = P.mode[c.DIM], P.mode[c.COEFFICIENTS] == 1
    g, x = S.form.g, S.point
    path, n_path = S.path, S.ctl[c.N_PATH]
    trial = S.scratch.work[c.TRIAL]
    norm = 0.0
    for j in range(d):
        norm += g[j] * g[j]
    if not norm > 0.0:
        return 0
    for attempt in range(2):
        side = 1.0 if attempt == 0 else -1.0
        step = 1.0 / norm**0.5
        for i in range(n_path):
            row = path.row[i]
            slope = 0.0
            for j in range(d):
                slope += row[j] * g[j]
            slope *= side / norm**0.5
            if slope < 0.0:
                step = min(step, 0.5 * value_at(row, x, d) / -slope)
        for j in range(d):
            trial[j] = x[j] + side * step * g[j] / norm**0.5
        sign = sign_at(g, S.form.error, S.num[c.FORM_SIZE], coefficients, trial, d, S.scratch.work)
        if sign != 0 and inside(trial, n_path, path, coefficients, P.box.reach, d):
            for j in range(d):
                x[j] = trial[j]
            return sign
    return 0


@kernel
def witness_beyond(P, S, path, reach, g, g_error, g_size, side, target, is_ray, out):
    """A proved interior point with side * g > 0, between the cell's point and a vertex or ray.

    ``path``: the constraints inside of which it must be; ``reach``: where their bounds hold.
    """
    d, coefficients = P.mode[c.DIM], P.mode[c.COEFFICIENTS] == 1
    x, turned = S.point, S.scratch.work[c.TURNED]
    a = -side * value_at(g, x, d)  # > 0
    b = 0.0
    if is_ray:
        for j in range(d):
            b += side * g[j] * target[j]
    else:
        b = side * value_at(g, target, d)
    if not (a > 0.0 and b > 0.0):
        return False
    for j in range(d + 1):
        turned[j] = side * g[j]
    for attempt in range(4):
        share = 0.5 if attempt == 0 else 0.15
        if attempt >= 2:
            share = 0.85 if attempt == 2 else 0.02
        if is_ray:
            t = a / b * (1.0 + 2.0 * share)
            for j in range(d):
                out[j] = x[j] + t * target[j]
        else:
            t0 = a / (a + b)
            t = t0 + share * (1.0 - t0)
            for j in range(d):
                out[j] = x[j] + t * (target[j] - x[j])
        if P.mode[c.CERTIFY] == 0:
            return True
        if strictly_positive(turned, g_error, g_size, coefficients, out, d) and inside(
            out, S.ctl[c.N_PATH], path, coefficients, reach, d
        ):
            return True
    return False


@kernel
def centre(T, d, m, side, out):
    """The mean of the vertex and its neighbours, cut off where ``side`` * objective is 0.

    Inside the cell if no constraint is degenerate at the vertex; a guess, like every point.
    """
    for j in range(d):
        out[j] = T[0, j]
    for k in range(1, d + 1):
        column = T[k]
        step = 1.0e30
        for i in range(d, d + m):
            if column[i] < -1e-12:
                step = min(step, T[0, i] / -column[i])
        rate = side * column[d + m]
        if rate < -1e-12:
            step = min(step, side * T[0, d + m] / -rate)
        if step >= 1.0e30:
            step = 1.0
        for j in range(d):
            out[j] += step / (d + 1) * column[j]
