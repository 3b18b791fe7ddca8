"""Points strictly inside cells: proved, moved off hyperplanes, found beyond them (Numba)."""

from __future__ import annotations

from .certificates import strictly_positive
from .jit import kernel


@kernel
def value_at(g, x, d):
    total = g[d]
    for c in range(d):
        total += g[c] * x[c]
    return total


@kernel
def inside(x, n_path, path_row, path_error, path_size, coefficients, reach, d):
    """Whether x is proved strictly inside all constraints of the path."""
    if not coefficients:  # the rows' bounds hold where |x| <= reach
        for c in range(d):
            if not abs(x[c]) <= reach[c]:
                return False
    for i in range(n_path - 1, -1, -1):  # the newest are the likeliest to fail
        if not strictly_positive(path_row[i], path_error[i], path_size[i], coefficients, x, d):
            return False
    return True


@kernel
def sign_at(g, g_error, g_size, coefficients, x, d, work):
    """The proved sign of a form at a point; 0 if not proved."""
    value = value_at(g, x, d)
    if value > 0.0:
        return 1 if strictly_positive(g, g_error, g_size, coefficients, x, d) else 0
    for c in range(d + 1):
        work[3, c] = -g[c]
    return -1 if strictly_positive(work[3], g_error, g_size, coefficients, x, d) else 0


@kernel
def nudge(
    g, g_error, g_size, x, n_path, path_row, path_error, path_size, coefficients, reach, d, work
):
    """Move x off the hyperplane of g, staying proved inside; returns the new sign or 0."""
    trial = work[4]
    norm = 0.0
    for c in range(d):
        norm += g[c] * g[c]
    if not norm > 0.0:
        return 0
    for attempt in range(2):
        side = 1.0 if attempt == 0 else -1.0
        step = 1.0 / norm**0.5
        for i in range(n_path):
            slope = 0.0
            for c in range(d):
                slope += path_row[i, c] * g[c]
            slope *= side / norm**0.5
            if slope < 0.0:
                step = min(step, 0.5 * value_at(path_row[i], x, d) / -slope)
        for c in range(d):
            trial[c] = x[c] + side * step * g[c] / norm**0.5
        sign = sign_at(g, g_error, g_size, coefficients, trial, d, work)
        if sign != 0 and inside(
            trial, n_path, path_row, path_error, path_size, coefficients, reach, d
        ):
            for c in range(d):
                x[c] = trial[c]
            return sign
    return 0


@kernel
def witness_beyond(
    g, g_error, g_size, side, x, target, is_ray, out, n_path, path_row, path_error, path_size,
    coefficients, reach, d, work, certify,
):
    """A proved interior point with side * g > 0, between x (other side) and a vertex or ray."""
    a = -side * value_at(g, x, d)  # > 0
    b = 0.0
    if is_ray:
        for c in range(d):
            b += side * g[c] * target[c]
    else:
        b = side * value_at(g, target, d)
    if not (a > 0.0 and b > 0.0):
        return False
    for c in range(d + 1):
        work[3, c] = side * g[c]
    for attempt in range(4):
        share = 0.5 if attempt == 0 else 0.15
        if attempt >= 2:
            share = 0.85 if attempt == 2 else 0.02
        if is_ray:
            t = a / b * (1.0 + 2.0 * share)
            for c in range(d):
                out[c] = x[c] + t * target[c]
        else:
            t0 = a / (a + b)
            t = t0 + share * (1.0 - t0)
            for c in range(d):
                out[c] = x[c] + t * (target[c] - x[c])
        if not certify:
            return True
        if strictly_positive(work[3], g_error, g_size, coefficients, out, d) and inside(
            out, n_path, path_row, path_error, path_size, coefficients, reach, d
        ):
            return True
    return False


@kernel
def centre(T, d, m, side, out):
    """The mean of the vertex and its neighbours, cut off where ``side`` * objective is 0.

    Inside the cell if no constraint is degenerate at the vertex; a guess, like every point.
    """
    for c in range(d):
        out[c] = T[0, c]
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
        for c in range(d):
            out[c] += step / (d + 1) * column[c]
