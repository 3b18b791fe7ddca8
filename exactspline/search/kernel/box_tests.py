"""Units that are settled by a box of the cell, and that box (Numba)."""

from __future__ import annotations

import math

from . import control as c
from .certificates import HUGE, LARGE, UNDERFLOW, finite_box, gamma
from .general_units import settle_general
from .jit import kernel, tier
from .proofs import prove_by_multipliers
from .simplex import OPTIMAL, minimise

LEAST = 2e-323  # more than what halving the ends of a box loses where they are subnormal
EQUAL = 1e-6  # of a side of the box: an end that a point of the cell comes so close to stays
NEARLY = 0.1  # the same where a box is good enough
UNKNOWN = float("nan")  # every comparison with it fails, as it should


@kernel
def settle(P, S, which, low, high):
    """Settle units of the layer that keep their piece on a box; the end of the open ones.

    ``which``: ENTERED, AGAIN or INSIDE. Those that stay open take the places of the listed ones,
    or follow them for INSIDE.
    """
    if P.layers.simple[S.ctl[c.LAYER]] == 0:
        return settle_general(P, S, which)
    if which == c.INSIDE:
        return settle_listed(P, S, low, high)
    return settle_simple(P, S, which == c.ENTERED, low, high)


@kernel
def settle_simple(P, S, fresh, low, high):
    """Box test of the open units of a layer whose unit k is told by the sign of member k.

    The box may be infinite where error bounds are per coefficient.
    """
    ctl, d, layer = S.ctl, P.mode[c.DIM], S.ctl[c.LAYER]
    coefficients = P.mode[c.COEFFICIENTS] == 1
    n, u, unit = P.layers.n_mem[layer], P.layers.mem_at[layer], P.layers.unit_at[layer]
    U = S.members.U[u * (d + 1) : (u + n) * (d + 1)]
    U_error = S.members.error[u * (d + 1) if coefficients else u :]
    _ranges(U, U_error, S.members.size[u:], S.scratch, n, d, low, high, coefficients)
    rounding = gamma(2 * d)
    start = out = ctl[c.POSITION]
    for position in range(start, ctl[c.OPEN_END]):
        i = position - start if fresh else S.open_units[position]
        if coefficients:
            margin = S.members.size[u + i] * (1.0 + 1e-9) + UNDERFLOW
        else:
            margin = (U_error[i] + rounding * S.members.size[u + i]) * (1.0 + 1e-12) + UNDERFLOW
        if margin < S.scratch.bottom[i] <= HUGE:
            S.codes[unit + i] = 1
            ctl[c.BY_FLOAT] += 1
        elif -HUGE <= S.scratch.top[i] < -margin:
            S.codes[unit + i] = 0
            ctl[c.BY_FLOAT] += 1
        else:
            zero = True
            for j in range(d + 1):
                if U[j * n + i] != 0.0 or U_error[(j * n if coefficients else 0) + i] != 0.0:
                    zero = False
            if zero:
                S.codes[unit + i] = 0
                ctl[c.BY_INTEGER] += 1
            else:
                S.open_units[out] = i
                out += 1
    return out


@kernel
def _ranges(U, U_error, U_size, scratch, n, d, low, high, coefficients):
    """The least and the largest value of all members on a box, as computed.

    With bounds per coefficient, ``U_size`` gets what these may be off.
    """
    rounding = gamma(2 * d)
    bottom, top = scratch.bottom, scratch.top
    for i in range(n):
        bottom[i] = U[d * n + i]
        top[i] = bottom[i]
    if coefficients:
        for i in range(n):
            U_size[i] = U_error[d * n + i] + rounding * abs(U[d * n + i])
    for j in range(d):
        a, b = low[j], high[j]
        column = U[j * n : (j + 1) * n]
        if abs(a) <= LARGE and abs(b) <= LARGE:
            # sum of min(u a, u b) and of max(u a, u b), branchless: centre and radius
            middle, radius = 0.5 * (a + b), 0.5 * (b - a) * (1.0 + 1e-15) + LEAST
            for i in range(n):
                shift = column[i] * middle
                spread = abs(column[i]) * radius
                bottom[i] += shift - spread
                top[i] += shift + spread
            if coefficients:
                r = max(abs(a), abs(b))
                bounds = U_error[j * n : (j + 1) * n]
                for i in range(n):
                    U_size[i] += (bounds[i] + rounding * abs(column[i])) * r
        else:
            for i in range(n):
                if column[i] != 0.0 or U_error[j * n + i] != 0.0:
                    bottom[i] = UNKNOWN
                    top[i] = UNKNOWN


@kernel
def settle_listed(P, S, low, high):
    """`settle_simple` for a list of open units; those that stay open follow it."""
    ctl, d, layer = S.ctl, P.mode[c.DIM], S.ctl[c.LAYER]
    coefficients = P.mode[c.COEFFICIENTS] == 1
    n, u, unit = P.layers.n_mem[layer], P.layers.mem_at[layer], P.layers.unit_at[layer]
    U = S.members.U[u * (d + 1) : (u + n) * (d + 1)]
    U_error = S.members.error[u * (d + 1) if coefficients else u :]
    rounding = gamma(2 * d)
    out = ctl[c.OPEN_END]
    for position in range(ctl[c.POSITION], ctl[c.OPEN_END]):
        i = S.open_units[position]
        bottom = U[d * n + i]
        top = bottom
        if coefficients:
            margin = U_error[d * n + i] + rounding * abs(bottom)
        else:
            margin = U_error[i] + rounding * S.members.size[u + i]
        for j in range(d):
            value = U[j * n + i]
            if coefficients:
                e = U_error[j * n + i] + rounding * abs(value)
                if value == 0.0 and e == 0.0:
                    continue
                margin += e * max(abs(low[j]), abs(high[j]))
            x = value * low[j]
            y = value * high[j]
            bottom += min(x, y)
            top += max(x, y)
        margin = margin * (1.0 + 1e-9) + UNDERFLOW
        if margin < bottom <= HUGE:
            S.codes[unit + i] = 1
            ctl[c.BY_FLOAT] += 1
        elif -HUGE <= top < -margin:
            S.codes[unit + i] = 0
            ctl[c.BY_FLOAT] += 1
        else:
            S.open_units[out] = i
            out += 1
    return out


@kernel
def tighten(P, S, low, high, share):
    """The cell's bounding box by up to 2 d linear programs, every bound proved.

    An end stays as it is if a vertex of the cell that has been seen on the way comes closer to it
    than that share of the side.
    """
    ctl, d, z, g = S.ctl, P.mode[c.DIM], S.scratch.z, S.form.g
    T, col_id, path = S.dictionary.T, S.dictionary.col_id, S.path
    least, most = S.scratch.work[c.TRIAL], S.scratch.work[c.TARGET]
    for j in range(d):
        least[j] = T[0, j]
        most[j] = T[0, j]
    for j in range(d):
        for side in range(2):
            sign, room = 1.0 if side == 0 else -1.0, share * (high[j] - low[j])
            if (least[j] - low[j] if side == 0 else high[j] - most[j]) < room < math.inf:
                continue
            m = ctl[c.M]
            for k in range(d + 1):
                T[k, d + m] = sign * T[k, j]
            status, m, _, _, pivots = minimise(T, d, m, d + m, col_id, S.dictionary.row_id, False)
            ctl[c.M] = m
            ctl[c.LPS] += 1
            ctl[c.PIVOTS] += pivots
            if status != OPTIMAL:
                continue
            for k in range(d):
                least[k] = min(least[k], T[0, k])
                most[k] = max(most[k], T[0, k])
                z[k] = T[k + 1, d + m]
                if col_id[k] >= 0:
                    z[k] *= path.scale[col_id[k]]
                g[k] = 0.0
            g[j] = 1.0
            g[d] = 0.0
            if P.mode[c.CERTIFY] == 0:
                bound = T[0, d + m] - 1e-12
            else:
                for k in range(len(S.form.error)):
                    S.form.error[k] = 0.0
                S.num[c.FORM_SIZE] = P.box.reach[j]
                ctl[c.PROOF_SIGN] = 1 - 2 * side
                prove_by_multipliers(P, S, c.OF_VERTEX)
                bound = S.num[c.BOUND]
            if side == 0:
                low[j] = max(low[j], bound)
            else:
                high[j] = min(high[j], -bound)


@tier(c.FILTER_UNITS)
def filter_units(P, S, argument):
    """Box test of the units that are still open on the current cell, inside a layer.

    Those that stay open form a new list behind the old one, which pending siblings go on
    with. A list that hardly shrinks is not kept, so that all lists of a layer fit into four
    times its units. Returns 1 if there is a new list.
    """
    ctl, d, layer = S.ctl, P.mode[c.DIM], S.ctl[c.LAYER]
    low, high = S.boxes.cell_low, S.boxes.cell_high
    for j in range(d):
        # with a goal the cell's box is kept from node to node
        kept = P.mode[c.SEEKS] > 0
        low[j] = max(low[j], S.boxes.low[layer, j]) if kept else S.boxes.low[layer, j]
        high[j] = min(high[j], S.boxes.high[layer, j]) if kept else S.boxes.high[layer, j]
    tighten(P, S, low, high, EQUAL)
    ctl[c.FILTERED] = ctl[c.N_PATH]
    if not finite_box(low, high, d):
        return 0
    start, end = ctl[c.POSITION], ctl[c.OPEN_END]
    by_float, by_integer = ctl[c.BY_FLOAT], ctl[c.BY_INTEGER]
    out = settle(P, S, c.INSIDE, low, high)
    if 4 * (out - end) > 3 * (end - start):
        ctl[c.BY_FLOAT] = by_float  # they will be decided again
        ctl[c.BY_INTEGER] = by_integer
        return 0
    ctl[c.SETTLED] = end - start - (out - end)
    ctl[c.POSITION] = end
    ctl[c.OPEN_END] = out
    return 1
