"""The affine forms of layers on the current cell in double-double, with proved bounds (Numba).

They are made when a decision needs them and kept until the search enters their layer anew.
Bounds are one number a coefficient in every mode. Where all entries of a layer lie on a grid 2^e
and no sum reaches 2^103 grid units, nothing was rounded and they are 0 (see `arithmetic`).
"""

from __future__ import annotations

from .. import control as c
from ..certificates import UNDERFLOW
from ..conditions import form_terms
from ..jit import kernel
from ..layer_entry import largest, largest_row, member_grid, state_grid
from ..rows import INFLATE, NOT_EXACT, SMALL
from .arithmetic import add, gamma2, times_float

__all__ = ["EXACT_SUMS", "form_row", "make_forms", "make_path"]

EXACT_SUMS = 5070602400912917605986812821504.0  # 2^102: one bit to spare below 2^103


@kernel
def make_forms(P, S, layer):
    """Make the forms of a layer, and of those before it, unless they are there."""
    middle = S.middle
    for at in range(1, layer + 1):
        if middle.made[at] != middle.entered[at]:
            _state_rows(P, S, at)
            _member_rows(P, S, at)
            middle.made[at] = middle.entered[at]


@kernel
def _state_rows(P, S, layer):
    """Rows of the state before a layer; see `rows.state_rows`."""
    middle, entries, d = S.middle, S.middle.entries, P.mode[c.DIM]
    before = layer - 1
    n_mem, u = P.layers.n_mem[before], P.layers.mem_at[before]
    U, U_low = middle.members.U[u * (d + 1) :], middle.members_low[u * (d + 1) :]
    U_error = middle.members.error[u * (d + 1) :]
    unit, base = P.layers.unit_at[before], P.layers.piece_at[before]
    old, new = P.layers.state_at[before], P.layers.state_at[layer]
    rounded = middle.rounded[before] == 1
    for k in range(P.layers.n_units[before]):
        zero = S.entries.zero[new + k]
        entries.zero[new + k] = zero
        Z, Z_low, error = entries.Z[new + k], middle.entries_low[new + k], entries.error[new + k]
        if zero:
            for j in range(d + 1):
                Z[j] = 0.0
                Z_low[j] = 0.0
                error[j] = 0.0
            continue
        piece = base + P.units.start[unit + before + k] + S.codes[unit + k]
        i = P.units.member[piece]
        slope, offset = P.units.slope[piece], P.units.offset[piece]
        slope_low, offset_low, slope_error, offset_error = 0.0, 0.0, 0.0, 0.0
        if rounded:
            slope_low, slope_error = middle.slope[piece], middle.slope_error[piece]
            offset_low, offset_error = middle.offset[piece], middle.offset_error[piece]
        plain = abs(slope) == 1.0 and slope_low == 0.0 and slope_error == 0.0
        for j in range(d + 1):
            value, low, off = U[j * n_mem + i], U_low[j * n_mem + i], U_error[j * n_mem + i]
            e = abs(slope) * off
            if plain:
                Z[j], Z_low[j] = slope * value, slope * low
            else:
                x, x_low = times_float(value, low, slope)
                Z[j], Z_low[j] = add(x, x_low, slope_low * value, 0.0)
                e += slope_error * (abs(value) + off) + gamma2(3) * abs(slope * value)
                e = e * INFLATE + (UNDERFLOW if off > 0.0 or value != 0.0 else 0.0)
            error[j] = e
        if offset != 0.0 or offset_low != 0.0 or offset_error != 0.0:
            Z[d], Z_low[d] = add(Z[d], Z_low[d], offset, offset_low)
            error[d] += offset_error + gamma2(2) * (abs(offset) + abs(Z[d]))
            error[d] = error[d] * INFLATE + UNDERFLOW
    keep = P.weights.keep[P.layers.keep_at[before] :]
    for k in range(P.layers.n_keep[before]):
        source, at = old + keep[k], new + P.layers.n_units[before] + k
        entries.zero[at] = S.entries.zero[at]
        for j in range(d + 1):
            entries.Z[at, j] = entries.Z[source, j]
            middle.entries_low[at, j] = middle.entries_low[source, j]
            entries.error[at, j] = entries.error[source, j]
    grid = state_grid(P, middle.members, entries, layer, EXACT_SUMS)
    entries.grid[layer] = grid
    n_state = P.layers.n_in[layer]
    if grid != NOT_EXACT:
        entries.largest[layer] = largest_row(entries, new, n_state, d) * INFLATE
        for k in range(n_state):
            for j in range(d + 1):
                entries.error[new + k, j] = 0.0


@kernel
def _member_rows(P, S, layer):
    """Members u = W z + p; see `rows.member_rows`."""
    middle, entries, members, d = S.middle, S.middle.entries, S.middle.members, P.mode[c.DIM]
    n_mem, u, new = P.layers.n_mem[layer], P.layers.mem_at[layer], P.layers.state_at[layer]
    U = members.U[u * (d + 1) : (u + n_mem) * (d + 1)]
    U_low = middle.members_low[u * (d + 1) : (u + n_mem) * (d + 1)]
    error = members.error[u * (d + 1) : (u + n_mem) * (d + 1)]
    rounded = middle.rounded[layer] == 1
    for i in range(d * n_mem):
        U[i] = 0.0
        U_low[i] = 0.0
        error[i] = 0.0
    for i in range(n_mem):
        U[d * n_mem + i] = P.weights.bias[u + i]
        U_low[d * n_mem + i] = middle.bias[u + i] if rounded else 0.0
        error[d * n_mem + i] = middle.bias_error[u + i] if rounded else 0.0
    grid = member_grid(P, layer, entries.grid[layer], entries.largest[layer], EXACT_SUMS)
    members.grid[layer] = grid
    active = 1
    for j in range(P.layers.n_in[layer]):
        if not entries.zero[new + j]:
            active += 1
    rounding = gamma2(active + 2)
    for j in range(P.layers.n_in[layer]):
        if not entries.zero[new + j]:
            for k in range(d + 1):
                _add_column(P, S, layer, j, k, grid != NOT_EXACT, rounding)
    if grid != NOT_EXACT:
        members.largest[layer] = (
            2.0 * largest(U, n_mem * (d + 1)) + P.layers.norm[layer, c.BIAS_NORM]
        ) * INFLATE
        return
    for i in range(n_mem):
        error[d * n_mem + i] += rounding * abs(P.weights.bias[u + i])
    for i in range(n_mem * (d + 1)):
        if error[i] > 0.0:
            error[i] = error[i] * INFLATE + UNDERFLOW


@kernel
def _add_column(P, S, layer, j, k, exact, rounding):
    """Add the coefficient k of the state's entry j, times its weights, to all members."""
    middle, d, n_mem = S.middle, P.mode[c.DIM], P.layers.n_mem[layer]
    at = P.layers.mem_at[layer] * (d + 1) + k * n_mem
    target, target_low = middle.members.U[at : at + n_mem], middle.members_low[at : at + n_mem]
    error = middle.members.error[at : at + n_mem]
    entry = P.layers.state_at[layer] + j
    z, z_low = middle.entries.Z[entry, k], middle.entries_low[entry, k]
    z_error = middle.entries.error[entry, k]
    if z == 0.0 and z_error == 0.0:
        return
    # so that a product that underflows leaves a bound
    t = max((z_error + rounding * abs(z)) * INFLATE, SMALL)
    size = max(abs(z) + z_error, SMALL)
    first = P.weights.weight_at[layer]
    rounded = middle.rounded[layer] == 1
    if P.weights.dense[layer] == 1:
        first += j * n_mem
        row = P.weights.weight[first : first + n_mem]
        for i in range(n_mem):
            x, x_low = times_float(z, z_low, row[i])
            target[i], target_low[i] = add(target[i], target_low[i], x, x_low)
        if not exact:
            for i in range(n_mem):
                error[i] += abs(row[i]) * t
        if rounded:
            more, off = middle.weight[first : first + n_mem], middle.weight_error[first:]
            for i in range(n_mem):
                target[i], target_low[i] = add(target[i], target_low[i], z * more[i], 0.0)
                error[i] += off[i] * size
        return
    start = P.weights.column_start[P.weights.column_at[layer] :]
    for s in range(first + start[j], first + start[j + 1]):
        i, w = P.weights.column_row[s], P.weights.weight[s]
        x, x_low = times_float(z, z_low, w)
        target[i], target_low[i] = add(target[i], target_low[i], x, x_low)
        if not exact:
            error[i] += abs(w) * t
        if rounded:
            target[i], target_low[i] = add(target[i], target_low[i], z * middle.weight[s], 0.0)
            error[i] += middle.weight_error[s] * size


@kernel
def form_row(P, S, layer, form, row, low, error):
    """Write a condition form of a layer; returns the exponent of its grid, or NOT_EXACT."""
    middle, d = S.middle, P.mode[c.DIM]
    u, n_mem = P.layers.mem_at[layer], P.layers.n_mem[layer]
    U, U_low = middle.members.U[u * (d + 1) :], middle.members_low[u * (d + 1) :]
    U_error = middle.members.error[u * (d + 1) :]
    plus, minus, shift, shift_error = form_terms(
        form, P.layers.stride[layer], P.layers.piece_at[layer], P.units.member, P.units.shift,
        P.units.shift_error,
    )  # fmt: skip
    equal = False
    if minus >= 0 and len(S.members.classes) > 0:
        equal = S.members.classes[u + plus] == S.members.classes[u + minus]
    if equal:
        for j in range(d + 1):
            row[j] = 0.0
            low[j] = 0.0
            error[j] = 0.0
        return 0
    exact = middle.members.grid[layer] != NOT_EXACT
    for j in range(d + 1):
        x, x_low, e = U[j * n_mem + plus], U_low[j * n_mem + plus], U_error[j * n_mem + plus]
        y, y_low = 0.0, 0.0
        if minus >= 0:
            y, y_low = -U[j * n_mem + minus], -U_low[j * n_mem + minus]
            e += U_error[j * n_mem + minus]
        elif j == d and (shift != 0.0 or shift_error != 0.0):
            y = shift
            if middle.rounded[layer] == 1:
                piece = P.layers.piece_at[layer] + form // P.layers.stride[layer]
                y_low = middle.shift[piece]
                e += middle.shift_error[piece]
        if y != 0.0 or y_low != 0.0:
            row[j], low[j] = add(x, x_low, y, y_low)
            if not exact:
                e = (e + gamma2(2) * (abs(x) + abs(y))) * INFLATE + UNDERFLOW
        else:
            row[j], low[j] = x, x_low
        error[j] = e
    return middle.members.grid[layer]


@kernel
def make_path(P, S):
    """Make the rows of all constraints of the path, unless they are there."""
    middle, path, made, d = S.middle, S.path, S.middle.path, P.mode[c.DIM]
    for i in range(P.mode[c.DOMAIN_ROWS], S.ctl[c.N_PATH]):
        layer, sign = path.layer[i], path.sign[i]
        if (
            made.form[i] == path.form[i]
            and made.layer[i] == layer
            and made.sign[i] == sign
            and middle.path_entered[i] == middle.entered[layer]
        ):
            continue
        row, low = made.row[i], middle.path_low[i]
        made.grid[i] = form_row(P, S, layer, path.form[i], row, low, made.error[i])
        biggest, extent = 0.0, 0.0
        for j in range(d + 1):
            row[j] *= sign
            low[j] *= sign
            biggest = max(biggest, abs(row[j]))
            if j < d:
                extent += abs(row[j]) * P.box.extent[j]
        made.largest[i] = biggest * INFLATE
        made.scale[i] = 1.0 / extent if extent > 1e-280 else 1.0
        made.layer[i], made.form[i], made.sign[i] = layer, path.form[i], sign
        middle.path_entered[i] = middle.entered[layer]
