"""The code across a facet (Numba). See facets.py for why the region's own rows tell it.

A unit behind the facet's own changes its piece only if one of its condition forms vanishes on
the facet: then the form is a multiple c g of the facet's form g there, and across the facet it
is (c + j) g, where j is how the layers between *jump*: a unit that changes its piece changes
its output by a multiple of g, and that number goes through the layers like any value.
"""

from __future__ import annotations

from .certificates import UNDERFLOW, gamma, strictly_positive
from .control import F_EDGES, F_FLIPS, F_TOUCHED, N_OUT, N_PATH, REGIONS
from .jit import inlined, kernel
from .points import sign_at, value_at
from .rows import NOT_EXACT, form_row

UNKNOWN = 2
EXACT = 9007199254740992.0  # 2^53


@kernel
def cross(P, S, G, r, x, y):
    """Find the code across facet r and write the edge; False if it could not be proved.

    x: strictly inside the region. y: beyond constraint r, and beyond no other one that is
    still in use.
    """
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    row = G.row[r]
    a = value_at(row, x, d)
    b = -value_at(row, y, d)
    if not (a > 0.0 and b > 0.0):
        return False
    t0 = a / (a + b)
    share = 1.0
    for attempt in range(6):
        # both points come closer to the facet, until nothing else vanishes between them
        for c in range(d):
            G.far[c] = x[c] + (t0 + share * (1.0 - t0)) * (y[c] - x[c])
            G.near[c] = x[c] + t0 * (1.0 - share) * (y[c] - x[c])
        if attempt == 0:
            for c in range(d):
                G.far[c] = y[c]
        share *= 0.2
        if sign_at(row, G.error[r], G.size[r], coefficients, G.far, d, S.work) != -1:
            return False
        if not _alone(P, S, G, r):
            continue
        _list_touched(P, S, G, r)
        if _pieces_across(P, S, G, r):
            return _write(P, S, G, r)
    return False


@inlined
def _alone(P, S, G, r):
    """Whether the far point is proved to lie beyond no constraint of the path but r."""
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    if not coefficients:
        for c in range(d):
            if not abs(G.far[c]) <= P.reach[c]:
                return False
    for i in range(S.ctl[N_PATH] - 1, -1, -1):
        if i != r and not strictly_positive(
            G.row[i], G.error[i], G.size[i], coefficients, G.far, d
        ):
            return False
    return True


@inlined
def _list_touched(P, S, G, r):
    """List the units whose conditions are not all proved to hold at the far point too."""
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    n_err = d + 1 if coefficients else 1
    y = G.far
    count = 0
    first_layer = S.path_layer[r]
    own = G.form_unit[P.form_at[first_layer] + S.path_form[r]]
    for layer in range(first_layer, P.mode[1]):
        n = P.n_mem[layer]
        u = P.mem_at[layer]
        at = P.unit_at[layer]
        U = S.U[u * (d + 1) : (u + n) * (d + 1)]
        start = own if layer == first_layer else 0
        if P.simple[layer] == 1:
            value, margin = S.range_low, S.range_high
            for i in range(n):
                value[i] = U[d * n + i]
            for c in range(d):
                column = U[c * n : (c + 1) * n]
                t = y[c]
                for i in range(n):
                    value[i] += column[i] * t
            if coefficients:
                E = S.U_error[u * (d + 1) : (u + n) * (d + 1)]
                for i in range(n):
                    margin[i] = E[d * n + i] + gamma(d) * abs(U[d * n + i])
                for c in range(d):
                    t = abs(y[c])
                    for i in range(n):
                        margin[i] += (E[c * n + i] + gamma(d) * abs(U[c * n + i])) * t
                for i in range(n):
                    margin[i] = margin[i] * (1.0 + 1e-9) + UNDERFLOW
            else:
                for i in range(n):
                    margin[i] = (S.U_error[u + i] + gamma(d) * S.U_size[u + i]) * (
                        1.0 + 1e-9
                    ) + UNDERFLOW
            for k in range(start, n):
                v = value[k] if S.codes[at + k] == 1 else -value[k]
                if not v > margin[k] and not (
                    layer == first_layer and k != own and _is_zero(U, S.U_error, u, k, n, d, n_err)
                ):
                    G.touched[count] = at + k
                    count += 1
            continue
        piece_base = P.piece_at[layer]
        for k in range(start, P.n_units[layer]):
            piece = P.piece_start[at + k + layer] + S.codes[at + k]
            holds = True
            at_piece = piece_base + layer + piece
            for cond in range(P.cond_start[at_piece], P.cond_start[at_piece + 1]):
                size, zero = _form(P, S, layer, P.cond_form[cond], S.g, S.g_error)
                if zero:
                    if layer > first_layer:
                        holds = False  # it may not vanish across
                    continue
                if P.cond_sign[cond] < 0:
                    for c in range(d + 1):
                        S.g[c] = -S.g[c]
                if not strictly_positive(S.g, S.g_error, size, coefficients, y, d):
                    holds = False
            if not holds:
                G.touched[count] = at + k
                count += 1
    G.ctl[F_TOUCHED] = count


@kernel
def _is_zero(U, errors, u, k, n, d, n_err):
    """Whether member k of a layer vanishes identically, proved."""
    for c in range(d + 1):
        if U[c * n + k] != 0.0:
            return False
    if n_err == 1:
        return errors[u + k] == 0.0
    for c in range(d + 1):
        if errors[u * (d + 1) + c * n + k] != 0.0:
            return False
    return True


@inlined
def _form(P, S, layer, form, g, g_error):
    """A condition form on the region as a row; its size, and whether it is proved zero."""
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    n = P.n_mem[layer]
    u = P.mem_at[layer]
    at = P.form_at[layer] + form
    plus, minus = P.form_plus[at], P.form_minus[at]
    if len(S.U_class) > 0 and minus >= 0 and S.U_class[u + plus] == S.U_class[u + minus]:
        plus, minus = -1, -1
    width = d + 1 if coefficients else 1
    size = form_row(
        plus, minus, P.form_shift[at], P.form_shift_error[at], S.U[u * (d + 1) :],
        S.U_error[u * width :], S.U_size[u:], n, d, coefficients, S.U_grid[layer] != NOT_EXACT,
        g, g_error,
    )
    for c in range(d + 1):
        if g[c] != 0.0:
            return size, False
    for c in range(width):
        if g_error[c] != 0.0:
            return size, False
    return size, True


@inlined
def _pieces_across(P, S, G, r):
    """Find the piece of every touched unit across the facet; False if one is not proved."""
    ctl = G.ctl
    first_layer = S.path_layer[r]
    own_at = P.unit_at[first_layer] + G.form_unit[P.form_at[first_layer] + S.path_form[r]]
    if G.touched[0] != own_at:
        return False
    if ctl[F_TOUCHED] == 1 and P.two_piece[own_at]:
        G.touched_piece[0] = 1 - S.codes[own_at]
        return True
    next_touched = 0
    for layer in range(first_layer, P.mode[1]):
        if layer > first_layer and next_touched < ctl[F_TOUCHED]:
            _carry_jumps(P, S, G, r, layer, first_layer)
        at = P.unit_at[layer]
        while next_touched < ctl[F_TOUCHED] and G.touched[next_touched] < at + P.n_units[layer]:
            k = G.touched[next_touched] - at
            piece = _piece_across(P, S, G, r, layer, k, first_layer)
            if piece < 0:
                return False
            G.touched_piece[next_touched] = piece
            next_touched += 1
        if next_touched == ctl[F_TOUCHED]:
            return True
    return False


@inlined
def _piece_across(P, S, G, r, layer, k, first_layer):
    """The lowest piece of a unit whose conditions hold across; -1 if that is not proved."""
    at = P.unit_at[layer] + k
    base = P.piece_at[layer] + layer
    first, last = P.piece_start[at + layer], P.piece_start[at + layer + 1]
    for piece in range(first, last):
        holds = True
        unknown = False
        for cond in range(P.cond_start[base + piece], P.cond_start[base + piece + 1]):
            sign = _sign_across(P, S, G, r, layer, P.cond_form[cond], first_layer)
            if sign == UNKNOWN:
                unknown = True
            elif sign == 0:
                if P.cond_drop[cond]:
                    holds = False
            elif sign != P.cond_sign[cond]:
                holds = False
        if holds:
            return -1 if unknown else piece - first
    return -1


@inlined
def _sign_across(P, S, G, r, layer, form, first_layer):
    """The sign of a condition form across the facet: 1, -1, 0 (it vanishes) or UNKNOWN."""
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    if layer == first_layer and form == S.path_form[r]:
        return -S.path_sign[r]
    g, g_error = S.g, S.g_error
    size, zero = _form(P, S, layer, form, g, g_error)
    if not zero:
        there = sign_at(g, g_error, size, coefficients, G.far, d, S.work)
        if there != 0 and sign_at(g, g_error, size, coefficients, G.near, d, S.work) == there:
            return there  # at both ends, so on the facet: and jumps vanish there
    share, proved = 0.0, True
    if not zero:
        share, proved = _multiple(P, S, G, r, layer, form, first_layer)
    if not proved:
        return UNKNOWN
    jump, error = 0.0, 0.0
    if layer > first_layer:
        u = P.mem_at[layer]
        f = P.form_at[layer] + form
        plus, minus = P.form_plus[f], P.form_minus[f]
        if plus >= 0:
            jump += G.jump_member[u + plus]
            error += G.jump_member_error[u + plus]
        if minus >= 0:
            jump -= G.jump_member[u + minus]
            error += G.jump_member_error[u + minus]
    total = share + jump
    error = (error + gamma(4) * (abs(share) + abs(jump) + error)) * (1.0 + 1e-12)
    if share == 0.0 and jump == 0.0 and error == 0.0:
        return 0
    if not abs(total) > error + UNDERFLOW:
        return UNKNOWN
    return -1 if total > 0.0 else 1  # the facet's form is negative there


@inlined
def _multiple(P, S, G, r, layer, form, first_layer):
    """The number c for which the form in S.g is c times the facet's, and whether it is proved.

    Proved where both are rows of one class, or where both are exact and cross products agree.
    """
    d = P.mode[0]
    u, v = P.mem_at[layer], P.mem_at[first_layer]
    f, g = P.form_at[layer] + form, P.form_at[first_layer] + S.path_form[r]
    if len(S.U_class) > 0 and P.form_shift[f] == 0.0 and P.form_shift_error[f] == 0.0:
        plus = S.U_class[u + P.form_plus[f]] if P.form_plus[f] >= 0 else 0
        minus = S.U_class[u + P.form_minus[f]] if P.form_minus[f] >= 0 else 0
        if P.form_shift[g] == 0.0 and P.form_shift_error[g] == 0.0:
            own_plus = S.U_class[v + P.form_plus[g]] if P.form_plus[g] >= 0 else 0
            own_minus = S.U_class[v + P.form_minus[g]] if P.form_minus[g] >= 0 else 0
            if plus == own_plus and minus == own_minus:
                return float(S.path_sign[r]), True
            if plus == own_minus and minus == own_plus:
                return -float(S.path_sign[r]), True
    if S.U_grid[layer] == NOT_EXACT or S.path_grid[r] == NOT_EXACT:
        return 0.0, False
    row = G.row[r]
    j = 0
    for c in range(1, d):
        if abs(row[c]) > abs(row[j]):
            j = c
    unit, other_unit = 2.0 ** S.U_grid[layer], 2.0 ** S.path_grid[r]
    a, b = S.g[j] / unit, row[j] / other_unit  # whole numbers
    for c in range(d + 1):
        p, q = S.g[c] / unit, row[c] / other_unit
        if not (abs(p * b) < EXACT and abs(q * a) < EXACT) or p * b != q * a:
            return 0.0, False
    return S.g[j] / row[j], True


@inlined
def _carry_jumps(P, S, G, r, layer, first_layer):
    """From the jumps of the members of the layer before to those of this layer's members."""
    before = layer - 1
    at, u, base = P.unit_at[before], P.mem_at[before], P.piece_at[before]
    old, new = P.state_at[before], P.state_at[layer]
    touched = 0
    while touched < G.ctl[F_TOUCHED] and G.touched[touched] < at:
        touched += 1
    for k in range(P.n_units[before]):
        piece = base + P.piece_start[at + k + before] + S.codes[at + k]
        across = piece
        if touched < G.ctl[F_TOUCHED] and G.touched[touched] == at + k:
            across = base + P.piece_start[at + k + before] + G.touched_piece[touched]
            touched += 1
        jump, error = 0.0, 0.0
        if before > first_layer:
            m = u + P.piece_member[across]
            slope = P.piece_slope[across]
            jump = slope * G.jump_member[m]
            error = abs(slope) * G.jump_member_error[m] + P.piece_slope_error[across] * (
                abs(G.jump_member[m]) + G.jump_member_error[m]
            )
        if across != piece:
            step, step_error = _step(P, S, G, r, before, piece, across)
            jump += step
            error += step_error
        if jump != 0.0 or error != 0.0:
            error = (error + gamma(4) * abs(jump)) * (1.0 + 1e-12) + UNDERFLOW
        G.jump_state[new + k] = jump
        G.jump_state_error[new + k] = error
    for i in range(P.n_keep[before]):
        j = old + P.keep[P.keep_at[before] + i]
        passed = before > first_layer
        G.jump_state[new + P.n_units[before] + i] = G.jump_state[j] if passed else 0.0
        G.jump_state_error[new + P.n_units[before] + i] = G.jump_state_error[j] if passed else 0.0
    n, m = P.n_mem[layer], P.mem_at[layer]
    for i in range(n):
        G.jump_member[m + i] = 0.0
        G.jump_member_error[m + i] = 0.0
    weight = P.weight[P.weight_at[layer] :]
    bound = P.weight_error[P.weight_at[layer] :]
    start, rows = P.column_start[P.column_at[layer] :], P.column_row[P.weight_at[layer] :]
    rounding = gamma(P.n_in[layer] + 1)
    for j in range(P.n_in[layer]):
        z, e = G.jump_state[new + j], G.jump_state_error[new + j]
        if z == 0.0 and e == 0.0:
            continue
        a, b = (j * n, (j + 1) * n) if P.dense[layer] == 1 else (start[j], start[j + 1])
        for s in range(a, b):
            w = weight[s]
            w_error = bound[s] if P.has_error[layer] == 1 else 0.0
            if w == 0.0 and w_error == 0.0:
                continue
            i = m + (s - a if P.dense[layer] == 1 else rows[s])
            G.jump_member[i] += w * z
            G.jump_member_error[i] += (
                abs(w) * (e + rounding * abs(z)) + w_error * (abs(z) + e)
            ) * (1.0 + 1e-9) + UNDERFLOW


@inlined
def _step(P, S, G, r, layer, piece, across):
    """What a unit's change of piece adds to its output, in multiples of the facet's form.

    Both pieces are equal on the facet, so their difference is such a multiple; the largest
    coefficient tells it.
    """
    d = P.mode[0]
    n, u = P.n_mem[layer], P.mem_at[layer]
    row = G.row[r]
    j = 0
    for c in range(1, d):
        if abs(row[c]) * P.extent[c] > abs(row[j]) * P.extent[j]:
            j = c
    total, error, terms = 0.0, 0.0, 0.0
    for turn in range(2):
        p = across if turn == 0 else piece
        slope = P.piece_slope[p] if turn == 0 else -P.piece_slope[p]
        m = P.piece_member[p]
        value = S.U[u * (d + 1) + j * n + m]
        e = _coefficient_error(P, S, u, m, n, j)
        total += slope * value
        terms += abs(slope * value)
        error += abs(slope) * e + P.piece_slope_error[p] * (abs(value) + e)
    if terms == 0.0 and error == 0.0:
        return 0.0, 0.0
    own = G.error[r, j] if P.mode[2] == 1 else 2.0 * G.error[r, 0] / P.extent[j] * (1.0 + 1e-12)
    low = abs(row[j]) - own
    if not low > 0.0:
        return 0.0, 1e300
    step = total / row[j]
    error += gamma(6) * terms
    return step, ((error + abs(step) * own) / low + gamma(6) * abs(step)) * (
        1.0 + 1e-9
    ) + UNDERFLOW


@inlined
def _coefficient_error(P, S, u, m, n, j):
    """Error bound of one coefficient of a member's row."""
    d = P.mode[0]
    if P.mode[2] == 1:
        return S.U_error[u * (d + 1) + j * n + m]
    # an affine error of at most E on a box of width w has a slope of at most 2 E / w
    return 2.0 * S.U_error[u + m] / P.extent[j] * (1.0 + 1e-12)


@inlined
def _write(P, S, G, r):
    """Write the edge if it leads to a later region, else count it; False if there is no room."""
    ctl = G.ctl
    if ctl[F_FLIPS] + ctl[F_TOUCHED] > len(G.flip_unit):
        return False
    h = G.hash[0]
    for i in range(ctl[F_TOUCHED]):
        at = G.touched[i]
        layer = S.path_layer[r]
        while at >= P.unit_at[layer + 1]:
            layer += 1
        first = P.piece_at[layer] + P.piece_start[at + layer]
        h ^= G.table[first + S.codes[at]]
        h ^= G.table[first + G.touched_piece[i]]
    unit, piece = G.touched[0], G.touched_piece[0]
    if piece < S.codes[unit]:
        G.down[S.ctl[N_OUT] - 1] += 1
        return True
    at = ctl[F_EDGES]
    G.edge_region[at] = S.ctl[REGIONS] - 1
    G.edge_hash[at] = h
    G.edge_unit[at] = unit
    G.edge_piece[at] = piece
    G.edge_form[at] = P.form_at[S.path_layer[r]] + S.path_form[r]
    G.edge_sign[at] = S.path_sign[r]
    for c in range(P.mode[0]):
        G.edge_point[at, c] = G.far[c]
    ctl[F_EDGES] = at + 1
    for i in range(1, ctl[F_TOUCHED]):
        if G.touched_piece[i] != S.codes[G.touched[i]]:
            flip = ctl[F_FLIPS]
            G.flip_edge[flip] = at
            G.flip_unit[flip] = G.touched[i]
            G.flip_piece[flip] = G.touched_piece[i]
            ctl[F_FLIPS] = flip + 1
    return True
