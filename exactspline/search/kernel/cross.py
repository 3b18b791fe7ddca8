"""The code across a facet (Numba). See facets.py for why the region's own rows tell it.

A unit behind the facet's own changes its piece only if one of its condition forms vanishes on
the facet: then the form is a multiple t g of the facet's form g there, and across the facet it
is (t + j) g, where j is how the layers between *jump*: a unit that changes its piece changes
its output by a multiple of g, and that number goes through the layers like any value
(jumps.py).
"""

from __future__ import annotations

from . import control as c
from .certificates import UNDERFLOW, gamma, strictly_positive
from .conditions import condition, count_conditions, form_terms, form_unit
from .jit import kernel
from .jumps import carry_jumps
from .points import sign_at, value_at
from .rows import condition_row

SPLIT = 134217729.0  # 2^27 + 1
TINY, HUGE = 1e-140, 1e140  # between them nothing underflows or overflows


@kernel
def cross(P, S, r, y):
    """Find the code across facet r and write the edge; False if it could not be proved.

    y: beyond constraint r, and beyond no other one that is still in use.
    """
    d, x = P.mode[c.DIM], S.point
    kept, near, far = S.facets.kept, S.facets.across.near, S.facets.across.far
    row = kept.row[r]
    a = value_at(row, x, d)
    b = -value_at(row, y, d)
    if not (a > 0.0 and b > 0.0):
        return False
    t0 = a / (a + b)
    share = 1.0
    for attempt in range(6):
        # both points come closer to the facet, until nothing else vanishes between them
        for j in range(d):
            far[j] = x[j] + (t0 + share * (1.0 - t0)) * (y[j] - x[j])
            near[j] = x[j] + t0 * (1.0 - share) * (y[j] - x[j])
        if attempt == 0:
            for j in range(d):
                far[j] = y[j]
        share *= 0.2
        coefficients = P.mode[c.COEFFICIENTS] == 1
        if sign_at(row, kept.error[r], kept.size[r], coefficients, far, d, S.scratch.work) != -1:
            return False
        if not _alone(P, S, r):
            continue
        _list_touched(P, S, r)
        if _pieces_across(P, S, r):
            return _write(P, S, r)
    return False


@kernel
def _alone(P, S, r):
    """Whether the far point is proved to lie beyond no constraint of the path but r."""
    d, coefficients = P.mode[c.DIM], P.mode[c.COEFFICIENTS] == 1
    kept, far = S.facets.kept, S.facets.across.far
    if not coefficients:
        for j in range(d):
            if not abs(far[j]) <= P.box.reach[j]:
                return False
    for i in range(S.ctl[c.N_PATH] - 1, -1, -1):
        if i != r and not strictly_positive(
            kept.row[i], kept.error[i], kept.size[i], coefficients, far, d
        ):
            return False
    return True


@kernel
def _own_unit(P, S, r):
    """The unit of constraint r, within its layer."""
    layer = S.path.layer[r]
    return form_unit(
        S.path.form[r], P.layers.stride[layer], P.layers.piece_at[layer], S.facets.piece_unit
    )


# -------------------------------------------------------------------------- who may change
@kernel
def _list_touched(P, S, r):
    """List the units whose conditions are not all proved to hold at the far point too."""
    facets = S.facets
    facets.ctl[c.F_TOUCHED] = 0
    first = S.path.layer[r]
    own = _own_unit(P, S, r)
    for layer in range(first, P.mode[c.N_LAYERS]):
        start = own if layer == first else 0
        if P.layers.simple[layer] == 1:
            _list_simple(P, S, layer, start, layer == first)
            continue
        for k in range(start, P.layers.n_units[layer]):
            if not _conditions_hold(P, S, layer, k, layer == first):
                _touch(S, P.layers.unit_at[layer] + k)


@kernel
def _touch(S, unit):
    """Add a unit to the list."""
    ctl = S.facets.ctl
    S.facets.across.touched[ctl[c.F_TOUCHED]] = unit
    ctl[c.F_TOUCHED] += 1


@kernel
def _list_simple(P, S, layer, start, own_layer):
    """List those of a layer whose units are told by the signs of its members."""
    d, y, at = P.mode[c.DIM], S.facets.across.far, P.layers.unit_at[layer]
    n, u = P.layers.n_mem[layer], P.layers.mem_at[layer]
    U = S.members.U[u * (d + 1) : (u + n) * (d + 1)]
    value, margin = S.scratch.bottom, S.scratch.top
    for i in range(n):
        value[i] = U[d * n + i]
    for k in range(d):
        column = U[k * n : (k + 1) * n]
        t = y[k]
        for i in range(n):
            value[i] += column[i] * t
    if P.mode[c.COEFFICIENTS] == 1:
        E = S.members.error[u * (d + 1) : (u + n) * (d + 1)]
        for i in range(n):
            margin[i] = E[d * n + i] + gamma(d) * abs(U[d * n + i])
        for k in range(d):
            t = abs(y[k])
            for i in range(n):
                margin[i] += (E[k * n + i] + gamma(d) * abs(U[k * n + i])) * t
        for i in range(n):
            margin[i] = margin[i] * (1.0 + 1e-9) + UNDERFLOW
    else:
        E = S.members.error[u:]
        for i in range(n):
            margin[i] = (E[i] + gamma(d) * S.members.size[u + i]) * (1.0 + 1e-9) + UNDERFLOW
    for k in range(start, n):
        v = value[k] if S.codes[at + k] == 1 else -value[k]
        if not v > margin[k] and not (own_layer and k != start and _is_zero(P, U, E, k, n)):
            _touch(S, at + k)


@kernel
def _is_zero(P, U, errors, k, n):
    """Whether member k of a layer vanishes identically, proved."""
    d = P.mode[c.DIM]
    for j in range(d + 1):
        if U[j * n + k] != 0.0:
            return False
    for j in range(d + 1 if P.mode[c.COEFFICIENTS] == 1 else 1):
        if errors[j * n + k] != 0.0:
            return False
    return True


@kernel
def _conditions_hold(P, S, layer, k, own_layer):
    """Whether all conditions of a unit's piece are proved to hold at the far point, too."""
    d, coefficients = P.mode[c.DIM], P.mode[c.COEFFICIENTS] == 1
    at, g, g_error = P.layers.unit_at[layer] + k, S.form.g, S.form.error
    lead, first, piece = P.units.lead[at], P.units.start[at + layer], S.codes[at]
    count = P.units.start[at + layer + 1] - first
    holds = True
    for place in range(count_conditions(lead, count, piece)):
        form, sign, _ = condition(lead, first, piece, place, P.layers.stride[layer])
        size, zero = _form(P, S, layer, form)
        if zero:
            if not own_layer:
                holds = False  # it may not vanish across
            continue
        if sign < 0:
            for j in range(d + 1):
                g[j] = -g[j]
        if not strictly_positive(g, g_error, size, coefficients, S.facets.across.far, d):
            holds = False
    return holds


@kernel
def _form(P, S, layer, form):
    """Write a condition form on the region as a row; its size, and whether it is proved zero."""
    g, g_error = S.form.g, S.form.error
    size = condition_row(P, S.members, layer, form, P.mode[c.DIM], g, g_error)
    for j in range(len(g)):
        if g[j] != 0.0:
            return size, False
    for j in range(len(g_error)):
        if g_error[j] != 0.0:
            return size, False
    return size, True


# ------------------------------------------------------------------------ to which pieces
@kernel
def _pieces_across(P, S, r):
    """Find the piece of every touched unit across the facet; False if one is not proved."""
    ctl, touched, pieces = S.facets.ctl, S.facets.across.touched, S.facets.across.piece
    first = S.path.layer[r]
    own_at = P.layers.unit_at[first] + _own_unit(P, S, r)
    if touched[0] != own_at:
        return False
    if ctl[c.F_TOUCHED] == 1 and P.units.two_piece[own_at]:
        pieces[0] = 1 - S.codes[own_at]
        return True
    done = 0
    for layer in range(first, P.mode[c.N_LAYERS]):
        if layer > first and done < ctl[c.F_TOUCHED]:
            carry_jumps(P, S, r, layer)
        at = P.layers.unit_at[layer]
        while done < ctl[c.F_TOUCHED] and touched[done] < at + P.layers.n_units[layer]:
            piece = _piece_across(P, S, r, layer, touched[done] - at)
            if piece < 0:
                return False
            pieces[done] = piece
            done += 1
        if done == ctl[c.F_TOUCHED]:
            return True
    return False


@kernel
def _piece_across(P, S, r, layer, k):
    """The lowest piece of a unit whose conditions hold across; -1 if that is not proved."""
    at = P.layers.unit_at[layer] + k
    first, lead = P.units.start[at + layer], P.units.lead[at]
    count = P.units.start[at + layer + 1] - first
    for piece in range(count):
        holds = True
        unsure = False
        for place in range(count_conditions(lead, count, piece)):
            form, wanted, drops = condition(lead, first, piece, place, P.layers.stride[layer])
            sign = _sign_across(P, S, r, layer, form)
            if sign == c.UNSURE:
                unsure = True
            elif sign == 0:
                if drops:
                    holds = False
            elif sign != wanted:
                holds = False
            if not holds:
                break
        if holds:
            return -1 if unsure else piece
    return -1


@kernel
def _sign_across(P, S, r, layer, form):
    """The sign of a condition form across the facet: 1, -1, 0 (it vanishes) or UNSURE."""
    d, coefficients, work = P.mode[c.DIM], P.mode[c.COEFFICIENTS] == 1, S.scratch.work
    across, first = S.facets.across, S.path.layer[r]
    if layer == first and form == S.path.form[r]:
        return -S.path.sign[r]
    g, g_error = S.form.g, S.form.error
    size, zero = _form(P, S, layer, form)
    share, proved = 0.0, True
    if not zero:
        there = sign_at(g, g_error, size, coefficients, across.far, d, work)
        if there != 0 and there == sign_at(g, g_error, size, coefficients, across.near, d, work):
            return there  # at both ends, so on the facet: and jumps vanish there
        share, proved = _multiple(P, S, r, layer, form)
    if not proved:
        return c.UNSURE
    jump, error = 0.0, 0.0
    if layer > first:
        u = P.layers.mem_at[layer]
        plus, minus, _, _ = _terms(P, layer, form)
        if plus >= 0:
            jump += across.member[u + plus]
            error += across.member_error[u + plus]
        if minus >= 0:
            jump -= across.member[u + minus]
            error += across.member_error[u + minus]
    total = share + jump
    error = (error + gamma(4) * (abs(share) + abs(jump) + error)) * (1.0 + 1e-12)
    if share == 0.0 and jump == 0.0 and error == 0.0:
        return 0
    if not abs(total) > error + UNDERFLOW:
        return c.UNSURE
    return -1 if total > 0.0 else 1  # the facet's form is negative there


@kernel
def _terms(P, layer, form):
    """What a condition form of a layer is made of, see `form_terms`."""
    return form_terms(
        form, P.layers.stride[layer], P.layers.piece_at[layer], P.units.member, P.units.shift,
        P.units.shift_error,
    )  # fmt: skip


@kernel
def _multiple(P, S, r, layer, form):
    """The number t for which the form that was read is t times the facet's; whether it is proved.

    Proved where both are rows of one class, or where both are exact and cross products agree.
    """
    d, g, g_error, kept = P.mode[c.DIM], S.form.g, S.form.error, S.facets.kept
    if len(S.members.classes) > 0:
        turn = _same_classes(P, S, r, layer, form)
        if turn != 0:
            return float(turn), True
    for j in range(len(g_error)):
        if g_error[j] != 0.0 or kept.error[r, j] != 0.0:
            return 0.0, False
    row = kept.row[r]
    at = 0
    for j in range(1, d):
        if abs(row[j]) > abs(row[at]):
            at = j
    for j in range(d + 1):
        if not _same_products(g[j], row[at], row[j], g[at]):
            return 0.0, False
    return g[at] / row[at], True


@kernel
def _same_classes(P, S, r, layer, form):
    """1 or -1 if the classes of members prove a form to be that multiple of the facet's, or 0."""
    classes, first = S.members.classes, S.path.layer[r]
    u, v = P.layers.mem_at[layer], P.layers.mem_at[first]
    plus, minus, shift, shift_error = _terms(P, layer, form)
    own_plus, own_minus, own_shift, own_error = _terms(P, first, S.path.form[r])
    if shift != 0.0 or shift_error != 0.0 or own_shift != 0.0 or own_error != 0.0:
        return 0
    a = classes[u + plus] if plus >= 0 else 0
    b = classes[u + minus] if minus >= 0 else 0
    own_a = classes[v + own_plus] if own_plus >= 0 else 0
    own_b = classes[v + own_minus] if own_minus >= 0 else 0
    if a == own_a and b == own_b:
        return S.path.sign[r]
    if a == own_b and b == own_a:
        return -S.path.sign[r]
    return 0


@kernel
def _same_products(a, b, e, f):
    """Whether a * b = e * f, proved without rounding (Dekker's product)."""
    p, q = a * b, e * f
    if p != q or not abs(p) < HUGE:
        return False
    if p == 0.0:
        return (a == 0.0 or b == 0.0) and (e == 0.0 or f == 0.0)
    for factor in (a, b, e, f):
        if not TINY < abs(factor) < HUGE:
            return False
    return abs(p) > TINY and _rounded_off(a, b, p) == _rounded_off(e, f, q)


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


# ------------------------------------------------------------------------------- the edge
@kernel
def _write(P, S, r):
    """Write the edge if it leads to a later region, else count it; False if there is no room."""
    facets, path, out = S.facets, S.path, S.facets.out
    ctl, touched, pieces = facets.ctl, facets.across.touched, facets.across.piece
    count, layer = ctl[c.F_TOUCHED], path.layer[r]
    if ctl[c.F_FLIPS] + count > len(out.flip_unit):
        return False
    h = facets.across.hash[0]
    for i in range(count):
        at = touched[i]
        while at >= P.layers.unit_at[layer + 1]:
            layer += 1
        first = P.layers.piece_at[layer] + P.units.start[at + layer]
        h ^= facets.table[first + S.codes[at]]
        h ^= facets.table[first + pieces[i]]
    unit, piece = touched[0], pieces[0]
    if piece < S.codes[unit]:
        out.down[S.ctl[c.N_OUT] - 1] += 1
        return True
    at = ctl[c.F_EDGES]
    out.region[at] = S.ctl[c.REGIONS] - 1
    out.target[at] = h
    out.unit[at] = unit
    out.piece[at] = piece
    out.form[at] = P.layers.form_at[path.layer[r]] + path.form[r]
    out.sign[at] = path.sign[r]
    for j in range(P.mode[c.DIM]):
        out.point[at, j] = facets.across.far[j]
    ctl[c.F_EDGES] = at + 1
    for i in range(1, count):
        if pieces[i] != S.codes[touched[i]]:
            flip = ctl[c.F_FLIPS]
            out.flip_edge[flip] = at
            out.flip_unit[flip] = touched[i]
            out.flip_piece[flip] = pieces[i]
            ctl[c.F_FLIPS] = flip + 1
    return True
