"""The forms of a layer on the current cell, and the one that is asked (Numba)."""

from __future__ import annotations

import math

from ..kernel import control as k
from ..kernel.certificates import UNDERFLOW, gamma
from ..kernel.classes import classes_of
from ..kernel.layer_entry import largest, largest_row, member_grid, state_grid
from ..kernel.rows import (
    EXACT_LIMIT,
    INFLATE,
    NOT_EXACT,
    SMALL,
    condition_row,
    member_rows,
    passed_on,
    state_row,
)
from . import control as c
from .jit import kernel


@kernel
def compute_forms(P, S, layer):
    """The forms of the state before a layer, and of its members, from the codes so far.

    Where no unit compares members; else, and where weights are sparse, see `renewal.py`.
    """
    members, entries = S.members, S.entries
    S.middle.entered[layer] += 1
    _state_rows(P, S, layer)
    grid = state_grid(P, members, entries, layer, EXACT_LIMIT)
    entries.grid[layer] = grid
    if grid != NOT_EXACT:
        entries.largest[layer] = largest_row(
            entries, P.layers.state_at[layer], P.layers.n_in[layer], 2
        )
    grid = member_grid(P, layer, grid, entries.largest[layer], EXACT_LIMIT)
    members.grid[layer] = grid
    if grid == NOT_EXACT and P.weights.dense[layer] == 1 and P.weights.has_error[layer] == 0:
        _dense_rows(P, S, layer)
    else:
        member_rows(P, layer, entries, members, 2, grid != NOT_EXACT)
    if grid != NOT_EXACT:
        u = P.layers.mem_at[layer] * 3
        biggest = largest(members.U[u:], P.layers.n_mem[layer] * 3)
        members.largest[layer] = 2.0 * biggest + P.layers.norm[layer, k.BIAS_NORM]


@kernel
def _state_rows(P, S, layer):
    """`rows.state_rows` of two coordinates: what is 0, or the member itself, at once."""
    before, entries, units = layer - 1, S.entries, P.units
    unit, base = P.layers.unit_at[before], P.layers.piece_at[before]
    n, u = P.layers.n_mem[before], 3 * P.layers.mem_at[before]
    U, error = S.members.U[u:], S.members.error[u:]
    old, new = P.layers.state_at[before], P.layers.state_at[layer]
    for i in range(P.layers.n_units[before]):
        piece, at = base + units.start[unit + before + i] + S.codes[unit + i], new + i
        slope, offset = units.slope[piece], units.offset[piece]
        plain = units.slope_error[piece] == 0.0 and units.offset_error[piece] == 0.0
        if not (plain and offset == 0.0 and (slope == 0.0 or slope == 1.0)):
            state_row(P, piece, n, 2, U, error, S.members.size, entries, at)
            continue
        entries.zero[at] = slope == 0.0
        Z, Z_error, member = entries.Z[at], entries.error[at], units.member[piece]
        for m in range(3):
            Z[m] = U[m * n + member] if slope != 0.0 else 0.0
            Z_error[m] = error[m * n + member] if slope != 0.0 else 0.0
    passed_on(P, entries, old, new, before, 2, 3)


@kernel
def _dense_rows(P, S, layer):
    """`rows.member_rows` of two coordinates, of a layer of dense exact weights: in one pass."""
    n, u, new = P.layers.n_mem[layer], P.layers.mem_at[layer], P.layers.state_at[layer]
    entries, u3 = S.entries, 3 * u
    a, b = S.members.U[u3 : u3 + n], S.members.U[u3 + n : u3 + 2 * n]
    const, e_const = S.members.U[u3 + 2 * n : u3 + 3 * n], S.members.error[u3 + 2 * n : u3 + 3 * n]
    e_a, e_b = S.members.error[u3 : u3 + n], S.members.error[u3 + n : u3 + 2 * n]
    bias, bias_error = P.weights.bias[u : u + n], P.weights.bias_error[u : u + n]
    active = 0
    for j in range(P.layers.n_in[layer]):
        active += not entries.zero[new + j]
    rounding = gamma(active + 1)
    off = rounding if active > 0 else 0.0
    for i in range(n):
        a[i] = b[i] = e_a[i] = e_b[i] = 0.0
        const[i] = bias[i]
        e_const[i] = off * abs(bias[i]) + bias_error[i]
    weight = P.weights.weight[P.weights.weight_at[layer] :]
    for j in range(P.layers.n_in[layer]):
        if entries.zero[new + j]:
            continue
        Z, Z_error = entries.Z[new + j], entries.error[new + j]
        x, y, z = Z[0], Z[1], Z[2]
        t_x, t_y = reach_of(x, Z_error[0], rounding), reach_of(y, Z_error[1], rounding)
        t_z = reach_of(z, Z_error[2], rounding)
        row = weight[j * n : (j + 1) * n]
        for i in range(n):
            w = row[i]
            a[i] += w * x
            b[i] += w * y
            const[i] += w * z
            w = abs(w)
            e_a[i] += w * t_x
            e_b[i] += w * t_y
            e_const[i] += w * t_z
    for i in range(n):
        e_a[i] = bound_of(e_a[i])
        e_b[i] = bound_of(e_b[i])
        e_const[i] = bound_of(e_const[i])


@kernel
def bound_of(total):
    """A sum of bounds, rounded up; infinite where it is no number (0 times an infinite one)."""
    if total == 0.0:
        return 0.0
    return total * INFLATE + UNDERFLOW if total < math.inf else math.inf


@kernel
def reach_of(value, error, rounding):
    """What an entry of the state adds to the bounds of members, for a weight of 1.

    So much at least, where there is anything, that no product of it vanishes; infinite where
    nothing is known.
    """
    if value == 0.0 and error == 0.0:
        return 0.0
    reach = (error + rounding * abs(value)) * (1.0 + 1e-12)
    return max(reach, SMALL) if reach < math.inf else math.inf


@kernel
def ask(P, S, layer, form):
    """Make a condition form of a layer the one that is asked."""
    condition_row(P, S.members, layer, form, 2, S.form.g, S.form.error)
    S.ctl[c.ASK_FORM] = form
    S.ctl[c.FORM_A] = S.ctl[c.FORM_B] = -1
    if len(S.members.classes) > 0:
        S.ctl[c.FORM_A], S.ctl[c.FORM_B] = classes_of(P, S, layer, form)
