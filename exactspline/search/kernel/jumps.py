"""How the members' forms change across a facet, in multiples of the facet's form (Numba)."""

from __future__ import annotations

from . import control as c
from .certificates import UNDERFLOW, gamma
from .jit import kernel

NO_BOUND = float("inf")


@kernel
def carry_jumps(P, S, r, layer):
    """From the jumps of the members of the layer before to those of this layer's members."""
    before, across = layer - 1, S.facets.across
    _jumps_of_state(P, S, r, layer)
    passed = before > S.path.layer[r]
    old, new = P.layers.state_at[before], P.layers.state_at[layer]
    keep = P.weights.keep[P.layers.keep_at[before] :]
    for i in range(P.layers.n_keep[before]):
        source, at = old + keep[i], new + P.layers.n_units[before] + i
        across.state[at] = across.state[source] if passed else 0.0
        across.state_error[at] = across.state_error[source] if passed else 0.0
    _jumps_of_members(P, across, layer)


@kernel
def _jumps_of_state(P, S, r, layer):
    """The jumps of what the units of the layer before put out."""
    before, across, n_touched = layer - 1, S.facets.across, S.facets.ctl[c.F_TOUCHED]
    at, u, base = P.layers.unit_at[before], P.layers.mem_at[before], P.layers.piece_at[before]
    new = P.layers.state_at[layer]
    touched = 0
    while touched < n_touched and across.touched[touched] < at:
        touched += 1
    for k in range(P.layers.n_units[before]):
        first = base + P.units.start[at + k + before]
        here = first + S.codes[at + k]
        there = here
        if touched < n_touched and across.touched[touched] == at + k:
            there = first + across.piece[touched]
            touched += 1
        jump, error = 0.0, 0.0
        zero = True  # exactly: products of nonzero numbers may vanish
        if before > S.path.layer[r]:
            member = across.member[u + P.units.member[there]]
            off = across.member_error[u + P.units.member[there]]
            slope, slope_error = P.units.slope[there], P.units.slope_error[there]
            if (slope != 0.0 or slope_error != 0.0) and (member != 0.0 or off != 0.0):
                zero = False
                jump = slope * member
                error = abs(slope) * off + slope_error * (abs(member) + off)
        if there != here:
            step, step_error = _step(P, S, r, before, here, there)
            zero = zero and step == 0.0 and step_error == 0.0
            jump += step
            error += step_error
        if not zero:
            error = (error + gamma(4) * abs(jump)) * (1.0 + 1e-12) + UNDERFLOW
        across.state[new + k] = jump
        across.state_error[new + k] = error


@kernel
def _jumps_of_members(P, across, layer):
    """The jumps of a layer's members, from those of the state before it."""
    n, m, new = P.layers.n_mem[layer], P.layers.mem_at[layer], P.layers.state_at[layer]
    for i in range(m, m + n):
        across.member[i] = 0.0
        across.member_error[i] = 0.0
    weights, dense = P.weights, P.weights.dense[layer] == 1
    weight, bound = (
        weights.weight[weights.weight_at[layer] :], weights.error[weights.weight_at[layer] :]
    )  # fmt: skip
    start = weights.column_start[weights.column_at[layer] :]
    rows = weights.column_row[weights.weight_at[layer] :]
    rounding = gamma(P.layers.n_in[layer] + 1)
    for j in range(P.layers.n_in[layer]):
        z, e = across.state[new + j], across.state_error[new + j]
        if z == 0.0 and e == 0.0:
            continue
        first, last = (j * n, (j + 1) * n) if dense else (start[j], start[j + 1])
        for s in range(first, last):
            w = weight[s]
            w_error = bound[s] if weights.has_error[layer] == 1 else 0.0
            if w == 0.0 and w_error == 0.0:
                continue
            i = m + (s - first if dense else rows[s])
            across.member[i] += w * z
            across.member_error[i] += (
                abs(w) * (e + rounding * abs(z)) + w_error * (abs(z) + e)
            ) * (1.0 + 1e-9) + UNDERFLOW


@kernel
def _step(P, S, r, layer, here, there):
    """What a unit's change of piece adds to its output, in multiples of the facet's form.

    Both pieces are equal on the facet, so their difference is such a multiple; the largest
    coefficient tells it.
    """
    d, n, u = P.mode[c.DIM], P.layers.n_mem[layer], P.layers.mem_at[layer]
    kept, extent, units = S.facets.kept, P.box.extent, P.units
    row = kept.row[r]
    at = 0
    for j in range(1, d):
        if abs(row[j]) * extent[j] > abs(row[at]) * extent[at]:
            at = j
    total, error, terms = 0.0, 0.0, 0.0
    zero = True
    for turn in range(2):
        p = there if turn == 0 else here
        slope = units.slope[p] if turn == 0 else -units.slope[p]
        m = units.member[p]
        value = S.members.U[u * (d + 1) + at * n + m]
        e = _coefficient_error(P, S, u, m, n, at)
        if (slope != 0.0 or units.slope_error[p] != 0.0) and (value != 0.0 or e != 0.0):
            zero = False
        total += slope * value
        terms += abs(slope * value)
        error += abs(slope) * e + units.slope_error[p] * (abs(value) + e)
    if zero:
        return 0.0, 0.0
    if P.mode[c.COEFFICIENTS] == 1:
        own = kept.error[r, at]
    else:
        own = 2.0 * kept.error[r, 0] / extent[at] * (1.0 + 1e-12)
    low = abs(row[at]) - own
    if not low > 0.0:
        return 0.0, NO_BOUND
    step = total / row[at]
    error += gamma(6) * terms + UNDERFLOW
    return step, ((error + abs(step) * own) / low + gamma(6) * abs(step)) * (1.0 + 1e-9) + UNDERFLOW


@kernel
def _coefficient_error(P, S, u, m, n, j):
    """Error bound of one coefficient of a member's row."""
    if P.mode[c.COEFFICIENTS] == 1:
        return S.members.error[u * (P.mode[c.DIM] + 1) + j * n + m]
    # an affine error of at most E on a box of width w has a slope of at most 2 E / w
    e = S.members.error[u + m]
    return 2.0 * e / P.box.extent[j] * (1.0 + 1e-12) + (UNDERFLOW if e > 0.0 else 0.0)
