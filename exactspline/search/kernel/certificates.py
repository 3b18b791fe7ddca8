"""Certificates: what proves, in real arithmetic, that a form keeps its sign on a cell (Numba).

Every function here takes guesses (multipliers, a basis, a point) and *trusted rows*: affine
forms in float64 with a proved bound on their distance from the exact form. The answer holds
whatever the guesses are: a wrong guess can only make a proof fail. Rounding is bounded by
gamma(n) = (n + 8) * 1.2e-16 > n u / (1 - n u) for the n operations of a sum, u = 2^-53, and an
absolute term that covers underflow.

Bounds of rows come in one of two forms. On a bounded domain one number a row, the supremum of
the distance over the domain's box, is enough. On an unbounded domain (or where constants
vanish throughout and ties at a vertex are the rule) it is one number per coefficient.
"""

from __future__ import annotations

from .jit import kernel

UNDERFLOW = 1e-290  # more than what all products of a sum lose by underflow
LARGE = 1e20  # beyond it a bound is as good as none: what underflows could reach over it
HUGE = 1e300  # sums beyond it may have overflowed on the way: they prove nothing
NOTHING = -1.7976931348623157e308  # a bound that proves nothing
MAX_DENOMINATOR = 64


@kernel
def gamma(n):
    """Relative rounding bound of a sum of n products."""
    return (n + 8) * 1.2e-16


@kernel
def finite_box(low, high, d):
    """Whether a box bounds every coordinate, by numbers that are of use."""
    for c in range(d):
        if not (abs(low[c]) <= LARGE and abs(high[c]) <= LARGE):
            return False
    return True


@kernel
def lower_bound_in_box(
    g, g_error, g_size, sign, z, col_id, path_row, path_error, path_size, low, high, d
):
    """A proved lower bound of sign * g on the cell, by weak duality in the domain's box.

    sign * g = sum_k z_k row_k + r with z_k >= 0 and row_k >= 0 on the cell; the affine form r
    is bounded over the box. ``*_size`` is sum |coefficient| max |x| + |constant|.
    """
    slack = g_error
    size = g_size
    used = 0
    bound = sign * g[d]
    for k in range(d):
        zk = z[k]
        ident = col_id[k]
        if ident < 0 or not zk > 0.0:
            continue
        used += 1
        slack += zk * path_error[ident, 0]
        size += zk * path_size[ident]
        bound -= zk * path_row[ident, d]
    for c in range(d):
        r = sign * g[c]
        for k in range(d):
            zk = z[k]
            ident = col_id[k]
            if ident >= 0 and zk > 0.0:
                r -= zk * path_row[ident, c]
        bound += min(r * low[c], r * high[c])
    if not bound <= HUGE:
        return NOTHING
    return bound - (slack + gamma(2 * d + used) * size) * (1.0 + 1e-12) - UNDERFLOW


@kernel
def lower_bound_in_cell_box(g, g_error, sign, z, col_id, path_row, path_error, low, high, d):
    """As ``lower_bound_in_box``, for bounds per coefficient and a box of the cell itself."""
    slack = g_error[d]
    bound = sign * g[d]
    size = abs(bound)
    used = 0
    for k in range(d):
        ident = col_id[k]
        if ident >= 0 and z[k] > 0.0:
            used += 1
            slack += z[k] * path_error[ident, d]
            size += z[k] * abs(path_row[ident, d])
            bound -= z[k] * path_row[ident, d]
    for c in range(d):
        r = sign * g[c]
        terms = abs(r)
        error = g_error[c]
        for k in range(d):
            ident = col_id[k]
            if ident >= 0 and z[k] > 0.0:
                r -= z[k] * path_row[ident, c]
                terms += z[k] * abs(path_row[ident, c])
                error += z[k] * path_error[ident, c]
        bound += min(r * low[c], r * high[c])
        reach = max(abs(low[c]), abs(high[c]))
        size += terms * reach
        slack += error * reach
    if not bound <= HUGE:
        return NOTHING
    return bound - (slack + gamma(2 * d + used) * size) * (1.0 + 1e-12) - UNDERFLOW


@kernel
def lower_bound_by_basis(g, g_error, sign, z, col_id, path_row, path_error, path_scale, T, d, work):
    """A proved lower bound of sign * g on the cell from d independent tight constraints.

    Minus infinity if nothing is proved.

    The exact multipliers solve a square system; ``z`` is their guess and the dictionary's x
    rows the guess X of the inverse. With E = I - G X (G the rows) and r the residual, the
    correction y obeys |y_k| <= w_k + e_k max(w) / (1 - e), w = |X|^T |r|, e_k = sum_i |E_ik|.
    Needs z_k >= |y_k|; the constant that is left is the bound. No bound on x is used.
    """
    r_bound = work[0]
    w = work[1]
    e = work[2]
    for k in range(d):
        if col_id[k] < 0 or not z[k] >= 0.0:
            return NOTHING
    # residual of the coefficients, rounding and the rows' errors included
    for c in range(d):
        r = sign * g[c]
        size = abs(r)
        slack = g_error[c]
        vanishes = size == 0.0 and slack == 0.0
        for k in range(d):
            a = path_row[col_id[k], c]
            r -= z[k] * a
            size += z[k] * abs(a)
            slack += z[k] * path_error[col_id[k], c]
            vanishes = vanishes and a == 0.0 and path_error[col_id[k], c] == 0.0
        if vanishes:
            r_bound[c] = 0.0
        else:
            r_bound[c] = (abs(r) + slack + gamma(d) * size) * (1.0 + 1e-12) + UNDERFLOW
    e_max = 0.0
    w_max = 0.0
    rounded = False
    for c in range(d):
        rounded = rounded or r_bound[c] > 0.0
    for k in range(d):
        scale = path_scale[col_id[k]]
        total = 0.0
        for c in range(d):
            # scaled first: what underflows in a product must not be made larger afterwards
            total += abs(T[k + 1, c] * scale) * r_bound[c]
        w[k] = total * (1.0 + 1e-12) + (UNDERFLOW if rounded else 0.0)
        w_max = max(w_max, w[k])
        deviation = 0.0
        for i in range(d):
            entry = 1.0 if i == k else 0.0
            size = entry
            slack = 0.0
            for c in range(d):
                x = T[k + 1, c] * scale
                a = path_row[col_id[i], c]
                entry -= a * x
                size += abs(a * x)
                slack += path_error[col_id[i], c] * abs(x)
            deviation += abs(entry) + slack + gamma(d + 2) * size
        e[k] = deviation * (1.0 + 1e-12) + UNDERFLOW
        e_max = max(e_max, e[k])
    if not e_max < 0.5:
        return NOTHING
    constant = sign * g[d]
    size = abs(constant)
    slack = g_error[d]
    vanishes = size == 0.0 and slack == 0.0
    for k in range(d):
        y = (w[k] + e[k] * w_max / (1.0 - e_max)) * (1.0 + 1e-12)
        if not z[k] >= y:
            return NOTHING
        b = path_row[col_id[k], d]
        constant -= z[k] * b
        size += z[k] * abs(b)
        slack += z[k] * path_error[col_id[k], d] + y * (abs(b) + path_error[col_id[k], d])
        vanishes = vanishes and b == 0.0 and path_error[col_id[k], d] == 0.0
    if vanishes:
        return 0.0  # every constant vanishes exactly: a cone
    if not constant <= HUGE:
        return NOTHING
    return constant - (slack + gamma(d) * size) * (1.0 + 1e-12) - UNDERFLOW


@kernel
def grid_value(exponent):
    """2^exponent for exponents in the safe range."""
    return 2.0**exponent


@kernel
def nonnegative_by_integers(
    g, g_grid, g_max, sign, z, col_id, path_row, path_grid, path_max, d, work
):
    """Whether q sign g = p_0 + sum_k p_k row_k for small integers p >= 0, checked exactly.

    Only for rows that are exact (``*_grid`` is the exponent of a power of two that divides
    every entry, or -9999 for a row that is not exact). While all partial sums stay below 2^53
    grid units, float64 arithmetic does not round: the identity is then checked exactly.
    """
    if g_grid == -9999:
        return False
    grid = g_grid
    for k in range(d):
        ident = col_id[k]
        if ident < 0:
            if abs(z[k]) > 1e-9:
                return False
            continue
        if z[k] > 1e-9 or z[k] < -1e-9:
            if path_grid[ident] == -9999 or z[k] < 0.0:
                return False
            grid = min(grid, path_grid[ident])
    if grid < -1000:
        return False
    p = work[0]
    for q in range(1, MAX_DENOMINATOR + 1):
        fits = True
        magnitude = q * g_max
        for k in range(d):
            guess = q * z[k]
            p[k] = round(guess)
            if abs(guess - p[k]) > 1e-6 * (1.0 + abs(guess)):
                fits = False
                break
            if p[k] > 0.0:
                magnitude += p[k] * path_max[col_id[k]]
        if not fits:
            continue
        if not magnitude <= 4503599627370496.0 * grid_value(grid):  # 2^52: a bit to spare
            return False
        same = True
        for c in range(d + 1):
            r = q * sign * g[c]
            for k in range(d):
                if p[k] > 0.0:
                    r -= p[k] * path_row[col_id[k], c]
            if (c < d and r != 0.0) or (c == d and r < 0.0):
                same = False
                break
        if same:
            return True
    return False


@kernel
def strictly_positive(row, error, size, coefficients, x, d):
    """Whether row(x) > 0 is proved at the point x.

    ``coefficients``: error bounds are per coefficient; else ``error[0]`` is a bound over the
    domain's box, in which x lies, and ``size`` bounds the terms.
    """
    value = row[d]
    if coefficients:
        terms = abs(value)
        slack = error[d]
        for c in range(d):
            value += row[c] * x[c]
            terms += abs(row[c] * x[c])
            slack += error[c] * abs(x[c])
        return HUGE >= value > (slack + gamma(d) * terms) * (1.0 + 1e-12) + UNDERFLOW
    for c in range(d):
        value += row[c] * x[c]
    return HUGE >= value > (error[0] + gamma(d) * size) * (1.0 + 1e-12) + UNDERFLOW
