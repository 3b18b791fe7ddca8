"""The code across a facet (Numba). See facets.py for why the region's own rows tell it.

A unit behind the facet's own changes its piece only if one of its condition forms vanishes on
the facet: then the form is a multiple c g of the facet's form g there, and across the facet it
is (c + j) g, where j is how the layers between *jump*: a unit that changes its piece changes
its output by a multiple of g, and that number goes through the layers like any value.
"""

from __future__ import annotations

from .certificates import UNDERFLOW, gamma, strictly_positive
from .conditions import condition, count_conditions, form_terms, form_unit
from .control import F_EDGES, F_FLIPS, F_TOUCHED, N_OUT, N_PATH, REGIONS
from .jit import kernel
from .points import sign_at, value_at
from .rows import NOT_EXACT, form_row

UNKNOWN = 2
SPLIT = 134217729.0  # 2^27 + 1
TINY, HUGE = 1e-140, 1e140  # between them nothing underflows or overflows
NO_BOUND = float("inf")


@kernel
def cross(C, L, N, W, R, K, X, r, x, y):
    """Find the code across facet r and write the edge; False if it could not be proved.

    x: strictly inside the region. y: beyond constraint r, and beyond no other one that is
    still in use.
    """
    d = C.mode[0]
    coefficients = C.mode[2] == 1
    row = L.row[r]
    a = value_at(row, x, d)
    b = -value_at(row, y, d)
    if not (a > 0.0 and b > 0.0):
        return False
    t0 = a / (a + b)
    share = 1.0
    for attempt in range(6):
        # both points come closer to the facet, until nothing else vanishes between them
        for c in range(d):
            K.far[c] = x[c] + (t0 + share * (1.0 - t0)) * (y[c] - x[c])
            K.near[c] = x[c] + t0 * (1.0 - share) * (y[c] - x[c])
        if attempt == 0:
            for c in range(d):
                K.far[c] = y[c]
        share *= 0.2
        if sign_at(row, L.error[r], L.size[r], coefficients, K.far, d, K.work) != -1:
            return False
        if not _alone(C, L, K, r):
            continue
        _list_touched(C, L, N, R, K, r)
        if _pieces_across(C, L, N, W, R, K, r):
            return _write(C, L, N, K, X, r)
    return False


@kernel
def _alone(C, L, K, r):
    """Whether the far point is proved to lie beyond no constraint of the path but r."""
    d = C.mode[0]
    coefficients = C.mode[2] == 1
    if not coefficients:
        for c in range(d):
            if not abs(K.far[c]) <= L.reach[c]:
                return False
    for i in range(C.ctl[N_PATH] - 1, -1, -1):
        if i != r and not strictly_positive(
            L.row[i], L.error[i], L.size[i], coefficients, K.far, d
        ):
            return False
    return True


@kernel
def _list_touched(C, L, N, R, K, r):
    """List the units whose conditions are not all proved to hold at the far point too."""
    d = C.mode[0]
    coefficients = C.mode[2] == 1
    n_err = d + 1 if coefficients else 1
    y = K.far
    count = 0
    first_layer = L.path_layer[r]
    own = form_unit(
        L.path_form[r], N.stride[first_layer], N.piece_at[first_layer], N.piece_unit
    )
    for layer in range(first_layer, C.mode[1]):
        n = N.n_mem[layer]
        u = N.mem_at[layer]
        at = N.unit_at[layer]
        U = R.U[u * (d + 1) : (u + n) * (d + 1)]
        start = own if layer == first_layer else 0
        if N.simple[layer] == 1:
            value, margin = K.range_low, K.range_high
            for i in range(n):
                value[i] = U[d * n + i]
            for c in range(d):
                column = U[c * n : (c + 1) * n]
                t = y[c]
                for i in range(n):
                    value[i] += column[i] * t
            if coefficients:
                E = R.U_error[u * (d + 1) : (u + n) * (d + 1)]
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
                    margin[i] = (R.U_error[u + i] + gamma(d) * R.U_size[u + i]) * (
                        1.0 + 1e-9
                    ) + UNDERFLOW
            for k in range(start, n):
                v = value[k] if K.codes[at + k] == 1 else -value[k]
                if not v > margin[k] and not (
                    layer == first_layer and k != own and _is_zero(U, R.U_error, u, k, n, d, n_err)
                ):
                    K.touched[count] = at + k
                    count += 1
            continue
        for k in range(start, N.n_units[layer]):
            first = N.piece_start[at + k + layer]
            lead, count_pieces = N.lead[at + k], N.piece_start[at + k + layer + 1] - first
            holds = True
            for place in range(count_conditions(lead, count_pieces, K.codes[at + k])):
                form, sign, _ = condition(lead, first, K.codes[at + k], place, N.stride[layer])
                size, zero = _form(C, N, R, layer, form, K.g, K.g_error)
                if zero:
                    if layer > first_layer:
                        holds = False  # it may not vanish across
                    continue
                if sign < 0:
                    for c in range(d + 1):
                        K.g[c] = -K.g[c]
                if not strictly_positive(K.g, K.g_error, size, coefficients, y, d):
                    holds = False
            if not holds:
                K.touched[count] = at + k
                count += 1
    C.facet[F_TOUCHED] = count


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


@kernel
def _form(C, N, R, layer, form, g, g_error):
    """A condition form on the region as a row; its size, and whether it is proved zero."""
    d = C.mode[0]
    coefficients = C.mode[2] == 1
    n = N.n_mem[layer]
    u = N.mem_at[layer]
    plus, minus, shift, shift_error = form_terms(
        form, N.stride[layer], N.piece_at[layer], N.piece_member, N.piece_shift,
        N.piece_shift_error,
    )
    if len(R.U_class) > 0 and minus >= 0 and R.U_class[u + plus] == R.U_class[u + minus]:
        plus, minus = -1, -1
    width = d + 1 if coefficients else 1
    size = form_row(
        plus, minus, shift, shift_error, R.U[u * (d + 1) :],
        R.U_error[u * width :], R.U_size[u:], n, d, coefficients, R.U_grid[layer] != NOT_EXACT,
        g, g_error,
    )
    for c in range(d + 1):
        if g[c] != 0.0:
            return size, False
    for c in range(width):
        if g_error[c] != 0.0:
            return size, False
    return size, True


@kernel
def _pieces_across(C, L, N, W, R, K, r):
    """Find the piece of every touched unit across the facet; False if one is not proved."""
    ctl = C.facet
    first_layer = L.path_layer[r]
    own_at = N.unit_at[first_layer] + form_unit(
        L.path_form[r], N.stride[first_layer], N.piece_at[first_layer], N.piece_unit
    )
    if K.touched[0] != own_at:
        return False
    if ctl[F_TOUCHED] == 1 and N.two_piece[own_at]:
        K.touched_piece[0] = 1 - K.codes[own_at]
        return True
    next_touched = 0
    for layer in range(first_layer, C.mode[1]):
        if layer > first_layer and next_touched < ctl[F_TOUCHED]:
            _carry_jumps(C, L, N, W, R, K, r, layer, first_layer)
        at = N.unit_at[layer]
        while next_touched < ctl[F_TOUCHED] and K.touched[next_touched] < at + N.n_units[layer]:
            k = K.touched[next_touched] - at
            piece = _piece_across(C, L, N, R, K, r, layer, k, first_layer)
            if piece < 0:
                return False
            K.touched_piece[next_touched] = piece
            next_touched += 1
        if next_touched == ctl[F_TOUCHED]:
            return True
    return False


@kernel
def _piece_across(C, L, N, R, K, r, layer, k, first_layer):
    """The lowest piece of a unit whose conditions hold across; -1 if that is not proved."""
    at = N.unit_at[layer] + k
    first, lead = N.piece_start[at + layer], N.lead[at]
    count = N.piece_start[at + layer + 1] - first
    for piece in range(count):
        holds = True
        unknown = False
        for place in range(count_conditions(lead, count, piece)):
            form, wanted, drops = condition(lead, first, piece, place, N.stride[layer])
            sign = _sign_across(C, L, N, R, K, r, layer, form, first_layer)
            if sign == UNKNOWN:
                unknown = True
            elif sign == 0:
                if drops:
                    holds = False
            elif sign != wanted:
                holds = False
            if not holds:
                break
        if holds:
            return -1 if unknown else piece
    return -1


@kernel
def _sign_across(C, L, N, R, K, r, layer, form, first_layer):
    """The sign of a condition form across the facet: 1, -1, 0 (it vanishes) or UNKNOWN."""
    d = C.mode[0]
    coefficients = C.mode[2] == 1
    if layer == first_layer and form == L.path_form[r]:
        return -L.path_sign[r]
    g, g_error = K.g, K.g_error
    size, zero = _form(C, N, R, layer, form, g, g_error)
    if not zero:
        there = sign_at(g, g_error, size, coefficients, K.far, d, K.work)
        if there != 0 and sign_at(g, g_error, size, coefficients, K.near, d, K.work) == there:
            return there  # at both ends, so on the facet: and jumps vanish there
    share, proved = 0.0, True
    if not zero:
        share, proved = _multiple(C, L, N, R, K, r, layer, form, first_layer)
    if not proved:
        return UNKNOWN
    jump, error = 0.0, 0.0
    if layer > first_layer:
        u = N.mem_at[layer]
        plus, minus, _, _ = form_terms(
            form, N.stride[layer], N.piece_at[layer], N.piece_member, N.piece_shift,
            N.piece_shift_error,
        )
        if plus >= 0:
            jump += K.jump_member[u + plus]
            error += K.jump_member_error[u + plus]
        if minus >= 0:
            jump -= K.jump_member[u + minus]
            error += K.jump_member_error[u + minus]
    total = share + jump
    error = (error + gamma(4) * (abs(share) + abs(jump) + error)) * (1.0 + 1e-12)
    if share == 0.0 and jump == 0.0 and error == 0.0:
        return 0
    if not abs(total) > error + UNDERFLOW:
        return UNKNOWN
    return -1 if total > 0.0 else 1  # the facet's form is negative there


@kernel
def _multiple(C, L, N, R, K, r, layer, form, first_layer):
    """The number c for which the form in K.g is c times the facet's, and whether it is proved.

    Proved where both are rows of one class, or where both are exact and cross products agree.
    """
    d = C.mode[0]
    u, v = N.mem_at[layer], N.mem_at[first_layer]
    f_plus, f_minus, shift, shift_error = form_terms(
        form, N.stride[layer], N.piece_at[layer], N.piece_member, N.piece_shift,
        N.piece_shift_error,
    )
    if len(R.U_class) > 0 and shift == 0.0 and shift_error == 0.0:
        plus = R.U_class[u + f_plus] if f_plus >= 0 else 0
        minus = R.U_class[u + f_minus] if f_minus >= 0 else 0
        g_plus, g_minus, shift, shift_error = form_terms(
            L.path_form[r], N.stride[first_layer], N.piece_at[first_layer], N.piece_member,
            N.piece_shift, N.piece_shift_error,
        )
        if shift == 0.0 and shift_error == 0.0:
            own_plus = R.U_class[v + g_plus] if g_plus >= 0 else 0
            own_minus = R.U_class[v + g_minus] if g_minus >= 0 else 0
            if plus == own_plus and minus == own_minus:
                return float(L.path_sign[r]), True
            if plus == own_minus and minus == own_plus:
                return -float(L.path_sign[r]), True
    for c in range(len(K.g_error)):
        if K.g_error[c] != 0.0 or L.error[r, c] != 0.0:
            return 0.0, False
    row = L.row[r]
    j = 0
    for c in range(1, d):
        if abs(row[c]) > abs(row[j]):
            j = c
    for c in range(d + 1):
        if not _same_products(K.g[c], row[j], row[c], K.g[j]):
            return 0.0, False
    return K.g[j] / row[j], True


@kernel
def _same_products(a, b, c, d):
    """Whether a * b = c * d, proved without rounding (Dekker's product)."""
    p, q = a * b, c * d
    if p != q or not abs(p) < HUGE:
        return False
    if p == 0.0:
        return (a == 0.0 or b == 0.0) and (c == 0.0 or d == 0.0)
    for factor in (a, b, c, d):
        if not TINY < abs(factor) < HUGE:
            return False
    return abs(p) > TINY and _rounded_off(a, b, p) == _rounded_off(c, d, q)


@kernel
def _rounded_off(a, b, product):
    """a * b - product exactly, for the float64 product of numbers of moderate size."""
    t = SPLIT * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = SPLIT * b
    b_high = t - (t - b)
    b_low = b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@kernel
def _carry_jumps(C, L, N, W, R, K, r, layer, first_layer):
    """From the jumps of the members of the layer before to those of this layer's members."""
    before = layer - 1
    at, u, base = N.unit_at[before], N.mem_at[before], N.piece_at[before]
    old, new = W.state_at[before], W.state_at[layer]
    touched = 0
    while touched < C.facet[F_TOUCHED] and K.touched[touched] < at:
        touched += 1
    for k in range(N.n_units[before]):
        piece = base + N.piece_start[at + k + before] + K.codes[at + k]
        across = piece
        if touched < C.facet[F_TOUCHED] and K.touched[touched] == at + k:
            across = base + N.piece_start[at + k + before] + K.touched_piece[touched]
            touched += 1
        jump, error = 0.0, 0.0
        zero = True  # exactly: products of nonzero numbers may vanish
        if before > first_layer:
            m = u + N.piece_member[across]
            slope, slope_error = N.piece_slope[across], N.piece_slope_error[across]
            if (slope != 0.0 or slope_error != 0.0) and (
                K.jump_member[m] != 0.0 or K.jump_member_error[m] != 0.0
            ):
                zero = False
                jump = slope * K.jump_member[m]
                error = abs(slope) * K.jump_member_error[m] + slope_error * (
                    abs(K.jump_member[m]) + K.jump_member_error[m]
                )
        if across != piece:
            step, step_error = _step(C, L, N, R, r, before, piece, across)
            zero = zero and step == 0.0 and step_error == 0.0
            jump += step
            error += step_error
        if not zero:
            error = (error + gamma(4) * abs(jump)) * (1.0 + 1e-12) + UNDERFLOW
        K.jump_state[new + k] = jump
        K.jump_state_error[new + k] = error
    for i in range(W.n_keep[before]):
        j = old + W.keep[W.keep_at[before] + i]
        passed = before > first_layer
        K.jump_state[new + N.n_units[before] + i] = K.jump_state[j] if passed else 0.0
        K.jump_state_error[new + N.n_units[before] + i] = K.jump_state_error[j] if passed else 0.0
    n, m = N.n_mem[layer], N.mem_at[layer]
    for i in range(n):
        K.jump_member[m + i] = 0.0
        K.jump_member_error[m + i] = 0.0
    weight = W.weight[W.weight_at[layer] :]
    bound = W.weight_error[W.weight_at[layer] :]
    start, rows = W.column_start[W.column_at[layer] :], W.column_row[W.weight_at[layer] :]
    rounding = gamma(W.n_in[layer] + 1)
    for j in range(W.n_in[layer]):
        z, e = K.jump_state[new + j], K.jump_state_error[new + j]
        if z == 0.0 and e == 0.0:
            continue
        a, b = (j * n, (j + 1) * n) if W.dense[layer] == 1 else (start[j], start[j + 1])
        for s in range(a, b):
            w = weight[s]
            w_error = bound[s] if W.has_error[layer] == 1 else 0.0
            if w == 0.0 and w_error == 0.0:
                continue
            i = m + (s - a if W.dense[layer] == 1 else rows[s])
            K.jump_member[i] += w * z
            K.jump_member_error[i] += (
                abs(w) * (e + rounding * abs(z)) + w_error * (abs(z) + e)
            ) * (1.0 + 1e-9) + UNDERFLOW


@kernel
def _step(C, L, N, R, r, layer, piece, across):
    """What a unit's change of piece adds to its output, in multiples of the facet's form.

    Both pieces are equal on the facet, so their difference is such a multiple; the largest
    coefficient tells it.
    """
    d = C.mode[0]
    n, u = N.n_mem[layer], N.mem_at[layer]
    row = L.row[r]
    j = 0
    for c in range(1, d):
        if abs(row[c]) * L.extent[c] > abs(row[j]) * L.extent[j]:
            j = c
    total, error, terms = 0.0, 0.0, 0.0
    zero = True
    for turn in range(2):
        p = across if turn == 0 else piece
        slope = N.piece_slope[p] if turn == 0 else -N.piece_slope[p]
        m = N.piece_member[p]
        value = R.U[u * (d + 1) + j * n + m]
        e = _coefficient_error(C, L, R, u, m, n, j)
        if (slope != 0.0 or N.piece_slope_error[p] != 0.0) and (value != 0.0 or e != 0.0):
            zero = False
        total += slope * value
        terms += abs(slope * value)
        error += abs(slope) * e + N.piece_slope_error[p] * (abs(value) + e)
    if zero:
        return 0.0, 0.0
    own = L.error[r, j] if C.mode[2] == 1 else 2.0 * L.error[r, 0] / L.extent[j] * (1.0 + 1e-12)
    low = abs(row[j]) - own
    if not low > 0.0:
        return 0.0, NO_BOUND
    step = total / row[j]
    error += gamma(6) * terms + UNDERFLOW
    return step, ((error + abs(step) * own) / low + gamma(6) * abs(step)) * (
        1.0 + 1e-9
    ) + UNDERFLOW


@kernel
def _coefficient_error(C, L, R, u, m, n, j):
    """Error bound of one coefficient of a member's row."""
    d = C.mode[0]
    if C.mode[2] == 1:
        return R.U_error[u * (d + 1) + j * n + m]
    # an affine error of at most E on a box of width w has a slope of at most 2 E / w
    e = R.U_error[u + m]
    return 2.0 * e / L.extent[j] * (1.0 + 1e-12) + (UNDERFLOW if e > 0.0 else 0.0)


@kernel
def _write(C, L, N, K, X, r):
    """Write the edge if it leads to a later region, else count it; False if there is no room."""
    ctl = C.facet
    if ctl[F_FLIPS] + ctl[F_TOUCHED] > len(X.flip_unit):
        return False
    h = K.hash[0]
    for i in range(ctl[F_TOUCHED]):
        at = K.touched[i]
        layer = L.path_layer[r]
        while at >= N.unit_at[layer + 1]:
            layer += 1
        first = N.piece_at[layer] + N.piece_start[at + layer]
        h ^= N.table[first + K.codes[at]]
        h ^= N.table[first + K.touched_piece[i]]
    unit, piece = K.touched[0], K.touched_piece[0]
    if piece < K.codes[unit]:
        X.down[C.ctl[N_OUT] - 1] += 1
        return True
    at = ctl[F_EDGES]
    X.edge_region[at] = C.ctl[REGIONS] - 1
    X.edge_hash[at] = h
    X.edge_unit[at] = unit
    X.edge_piece[at] = piece
    X.edge_form[at] = N.form_at[L.path_layer[r]] + L.path_form[r]
    X.edge_sign[at] = L.path_sign[r]
    for c in range(C.mode[0]):
        X.edge_point[at, c] = K.far[c]
    ctl[F_EDGES] = at + 1
    for i in range(1, ctl[F_TOUCHED]):
        if K.touched_piece[i] != K.codes[K.touched[i]]:
            flip = ctl[F_FLIPS]
            X.flip_edge[flip] = at
            X.flip_unit[flip] = K.touched[i]
            X.flip_piece[flip] = K.touched_piece[i]
            ctl[F_FLIPS] = flip + 1
    return True
