"""Certificates in double-double: the arguments of `certificates.py`, twice as exact (Numba).

Rows are the trusted ones of `rows.py`; multipliers, bases and points are guesses.
"""

from __future__ import annotations

from .. import control as c
from ..certificates import HUGE, NOTHING, UNDERFLOW, finite_box, grid_value
from ..jit import kernel
from ..rows import NOT_EXACT
from .arithmetic import add, gamma2, times, times_float
from .rows import EXACT_SUMS

__all__ = ["bounded_value", "follows_by_integers", "keeps_sign"]

LOWEST_GRID = -1000
MAX_DENOMINATOR = 1 << 20
NEGLIGIBLE = 1e-20  # what a multiplier adds to the form that is none: a guess
LARGEST_MULTIPLIER = 2251799813685248.0  # 2^51
MAGIC = 6755399441055744.0  # 1.5 2^52: what is added to it is rounded to an integer
SLIGHTLY = 1.0 + 1e-12


@kernel
def bounded_value(row, low, error, x, x_low, d):
    """The value of a row at a point, and a bound on how far off it may be."""
    total, total_low = row[d], low[d]
    size, slack = abs(total), error[d]
    for j in range(d):
        p, p_low = times(row[j], low[j], x[j], x_low[j])
        total, total_low = add(total, total_low, p, p_low)
        size += abs(p)
        slack += error[j] * abs(x[j])
    if not size <= HUGE:
        return 0.0, HUGE
    return total, (slack * SLIGHTLY + gamma2(d) * size + abs(total_low)) * SLIGHTLY + UNDERFLOW


@kernel
def keeps_sign(P, S, sign):
    """Whether sign * form >= 0 on the cell is proved by the multipliers of the dictionary."""
    d, layer = P.mode[c.DIM], S.ctl[c.LAYER]
    if S.middle.ctl[c.M_WITHOUT] >= 0:  # without it the cell may reach beyond the boxes
        return _bound_by_basis(S, sign, d) >= 0.0
    if P.mode[c.COEFFICIENTS] == 0:
        return _bound_in_box(S, sign, P.box.low, P.box.high, d) >= 0.0
    low, high = S.boxes.low[layer], S.boxes.high[layer]
    if finite_box(low, high, d) and _bound_in_box(S, sign, low, high, d) >= 0.0:
        return True
    return _bound_by_basis(S, sign, d) >= 0.0


@kernel
def _remainder(S, sign, d, j):
    """Coefficient j of sign * form minus multiples of the tight rows; its size and bound."""
    middle, path = S.middle, S.middle.path
    z, z_low, col_id = middle.z, middle.z_low, middle.col_id
    r, r_low = sign * middle.form.g[j], sign * middle.form_low[j]
    size, slack = abs(r), middle.form.error[j]
    for k in range(d):
        i = col_id[k]
        if i >= 0 and z[k] > 0.0:
            p, p_low = times(z[k], z_low[k], path.row[i, j], middle.path_low[i, j])
            r, r_low = add(r, r_low, -p, -p_low)
            size += abs(p)
            slack += z[k] * path.error[i, j] * SLIGHTLY
    return r, r_low, size, (slack + gamma2(d) * size) * SLIGHTLY


@kernel
def _bound_in_box(S, sign, low, high, d):
    """A proved lower bound of sign * form on the cell, by weak duality in a box."""
    bound, bound_low, size, slack = _remainder(S, sign, d, d)
    for j in range(d):
        r, r_low, _, r_slack = _remainder(S, sign, d, j)
        reach = max(abs(low[j]), abs(high[j]))
        end = low[j] if r > 0.0 else high[j]
        p, p_low = times_float(r, r_low, end)
        bound, bound_low = add(bound, bound_low, p, p_low)
        size += abs(p)
        slack += r_slack * reach
    if not (abs(bound) <= HUGE and size <= HUGE):
        return NOTHING
    return bound - ((slack + gamma2(2 * d) * size) * SLIGHTLY + abs(bound_low)) - UNDERFLOW


@kernel
def _bound_by_basis(S, sign, d):
    """The same from d independent tight rows; see `certificates.lower_bound_by_basis`."""
    middle, path = S.middle, S.middle.path
    col_id, z = middle.col_id, middle.z
    r_bound, w, e = middle.work[0], middle.work[1], middle.work[2]
    for k in range(d):
        if col_id[k] < 0 or not z[k] >= 0.0:
            return NOTHING
    rounded = False
    for j in range(d):
        r, _, size, slack = _remainder(S, sign, d, j)
        r_bound[j] = 0.0
        if size > 0.0 or slack > 0.0:
            r_bound[j] = (abs(r) + slack) * SLIGHTLY + UNDERFLOW
            rounded = True
    w_max, e_max = 0.0, 0.0
    for k in range(d):
        scale, total = path.scale[col_id[k]], 0.0
        for j in range(d):
            total += abs(middle.T[k + 1, j] * scale) * r_bound[j]
        w[k] = total * SLIGHTLY + (UNDERFLOW if rounded else 0.0)
        w_max = max(w_max, w[k])
        e[k] = _deviation(S, d, k, scale)
        e_max = max(e_max, e[k])
    if not e_max < 0.5:
        return NOTHING
    constant, constant_low, size, slack = _remainder(S, sign, d, d)
    vanishes = size == 0.0 and slack == 0.0
    for k in range(d):
        y = (w[k] + e[k] * w_max / (1.0 - e_max)) * SLIGHTLY
        if not z[k] >= y:
            return NOTHING
        off = abs(path.row[col_id[k], d]) + path.error[col_id[k], d]
        slack += y * off * SLIGHTLY
        vanishes = vanishes and off == 0.0
    if vanishes:
        return 0.0  # every constant vanishes exactly: a cone
    if not abs(constant) <= HUGE:
        return NOTHING
    return constant - (slack * SLIGHTLY + abs(constant_low)) - UNDERFLOW


@kernel
def _deviation(S, d, k, scale):
    """How far column k of the guessed inverse is from one: sum_i |delta_ik - row_i x_k|."""
    middle, path = S.middle, S.middle.path
    out = 0.0
    for i in range(d):
        entry, entry_low = (1.0 if i == k else 0.0), 0.0
        size, slack, at = entry, 0.0, middle.col_id[i]
        for j in range(d):
            x, x_low = times_float(middle.T[k + 1, j], middle.T_low[k + 1, j], scale)
            p, p_low = times(path.row[at, j], middle.path_low[at, j], x, x_low)
            entry, entry_low = add(entry, entry_low, -p, -p_low)
            size += abs(p)
            slack += path.error[at, j] * abs(x)
        out += abs(entry) + slack * SLIGHTLY + gamma2(d + 2) * size
    return out * SLIGHTLY + UNDERFLOW


@kernel
def _whole(x):
    """The nearest integer, for |x| < 2^51."""
    return (x + MAGIC) - MAGIC


@kernel
def _denominator(x):
    """The denominator of a small rational near x in (0, 1), by its continued fraction; 0: none."""
    before, q = 0.0, 1.0
    rest = x
    for _ in range(24):
        if rest < 1e-9:
            return q
        inverse = 1.0 / rest
        whole = _whole(inverse - 0.5 + 1e-9)
        before, q = q, whole * q + before
        if q > MAX_DENOMINATOR:
            return 0.0
        p = _whole(x * q)
        if abs(x * q - p) < 1e-12 * q:
            return q
        rest = inverse - whole
    return 0.0


@kernel
def _takes_no_part(P, S, k):
    """Whether a tight row is none of those that an identity is made of."""
    middle, i = S.middle, S.middle.col_id[k]
    size = 1.0 if i < 0 else middle.path.largest[i]
    return abs(middle.z[k]) * size <= NEGLIGIBLE * middle.form_largest[0] or _is_side(P, S, i)


@kernel
def _is_side(P, S, i):
    """Whether a tight row is a side of the domain's box: a bound over the box makes up for it."""
    if i < 0 or i >= P.mode[c.DOMAIN_ROWS] or S.middle.ctl[c.M_BOX_GRID] == NOT_EXACT:
        return False
    if S.middle.ctl[c.M_WITHOUT] >= 0:
        return False
    entries = 0
    for j in range(P.mode[c.DIM]):
        entries += S.middle.path.row[i, j] != 0.0
    return entries == 1


@kernel
def _common_denominator(P, S):
    """The least q for which q times every multiplier is near an integer, or 0."""
    z, z_low, col_id = S.middle.z, S.middle.z_low, S.middle.col_id
    q = 1.0
    for k in range(P.mode[c.DIM]):
        if _takes_no_part(P, S, k):
            continue
        if z[k] < 0.0 or col_id[k] < 0:
            return 0.0
        value, low = times_float(z[k], z_low[k], q)
        rest = (value - _whole(value)) + low
        if abs(rest) > 1e-9:
            more = _denominator(rest if rest > 0.0 else 1.0 + rest)
            if more == 0.0 or q * more > MAX_DENOMINATOR:
                return 0.0
            q *= more
    return q


@kernel
def follows_by_integers(P, S, sign):
    """Whether sign * form >= 0 follows from an identity in integers, checked exactly.

    q sign * form = sum p_k row_k + r with integers p >= 0, and r >= 0: a constant, or at least
    0 on the domain's box. The multipliers' guesses are small rationals: q comes from their
    continued fractions. First without any row: at a vertex of the box where many rows meet, the
    dictionary names others than its sides.
    """
    d, middle, path = P.mode[c.DIM], S.middle, S.middle.path
    z, z_low, col_id, p = middle.z, middle.z_low, middle.col_id, middle.work[0]
    if middle.ctl[c.M_FORM_GRID] == NOT_EXACT:
        return False
    for k in range(d):
        p[k] = 0.0
    if _identity(P, S, sign, 1.0):
        return True
    q = _common_denominator(P, S)
    if q == 0.0:
        return False
    for k in range(d):
        if _takes_no_part(P, S, k):
            continue
        value, low = times_float(z[k], z_low[k], q)
        p[k] = _whole(value)
        if path.grid[col_id[k]] == NOT_EXACT or not p[k] <= LARGEST_MULTIPLIER:
            return False
        if abs((value - p[k]) + low) > 1e-6:
            return False
    return _identity(P, S, sign, q)


@kernel
def _identity(P, S, sign, q):
    """Whether q sign * form - sum p_k row_k is 0, or >= 0 on the domain's box, exactly.

    While all products and sums stay below 2^103 units of the rows' common grid nothing is rounded.
    """
    d, middle, path, p = P.mode[c.DIM], S.middle, S.middle.path, S.middle.work[0]
    grid, magnitude = middle.ctl[c.M_FORM_GRID], q * middle.form_largest[0]
    for k in range(d):
        if p[k] > 0.0:
            grid = min(grid, path.grid[middle.col_id[k]])
            magnitude += p[k] * path.largest[middle.col_id[k]]
    boxed = middle.ctl[c.M_BOX_GRID] != NOT_EXACT and middle.ctl[c.M_WITHOUT] < 0
    if boxed:
        grid += middle.ctl[c.M_BOX_GRID]
        reach = 1.0
        for j in range(d):
            reach += P.box.reach[j]
        magnitude *= reach
    if grid < LOWEST_GRID or not magnitude * SLIGHTLY <= EXACT_SUMS * grid_value(grid):
        return False
    total, total_low = 0.0, 0.0
    for j in range(d + 1):
        r, r_low = times_float(middle.form.g[j], middle.form_low[j], q * sign)
        for k in range(d):
            if p[k] > 0.0:
                i = middle.col_id[k]
                x, x_low = times_float(path.row[i, j], middle.path_low[i, j], p[k])
                r, r_low = add(r, r_low, -x, -x_low)
        if j < d and not boxed:
            if r != 0.0:
                return False
            continue
        if j < d:
            r, r_low = times_float(r, r_low, P.box.low[j] if r > 0.0 else P.box.high[j])
        total, total_low = add(total, total_low, r, r_low)
    return total >= 0.0
