"""What happens when a cell enters a layer: its forms, its box, and the units it settles (Numba).

A unit whose form keeps its sign on the cell's bounding box is settled for the whole subtree.
The box comes from 2 d linear programs whose bounds are proved by the same dual argument as
every other certificate; until it pays, the box of the layer before serves.
"""

from __future__ import annotations

import numba as nb

from .certificates import UNDERFLOW, gamma, lower_bound_in_box
from .control import (
    BY_FLOAT,
    BY_INTEGER,
    LAYER,
    LPS,
    M,
    OPEN_END,
    PIECE,
    PIVOTS,
    POSITION,
)
from .rows import EXACT_LIMIT, NOT_EXACT, form_row, member_rows, state_rows
from .simplex import OPTIMAL, minimise

LOWEST_GRID = -1000  # grids below could underflow


@nb.njit(cache=True, error_model="numpy")
def _grids(P, S, layer):
    """Exponent of the grid of the layer's members and their largest entry; NOT_EXACT if none.

    Products and sums of numbers on a grid 2^e stay on it and are not rounded while they are
    below 2^53 grid units.
    """
    before = layer - 1
    # the state: slope * member + offset, and entries passed on
    grid = S.U_grid[before]
    slope_grid = P.grid[before, 2]
    offset_grid = P.grid[before, 3]
    if grid == NOT_EXACT or slope_grid == NOT_EXACT or offset_grid == NOT_EXACT:
        S.Z_grid[layer] = NOT_EXACT
        return NOT_EXACT, 0.0
    z_grid = grid + slope_grid
    if P.norm[before, 3] > 0.0:
        z_grid = min(z_grid, offset_grid)
    z_max = P.norm[before, 2] * S.U_max[before] + P.norm[before, 3]
    if P.n_keep[before] > 0:
        if S.Z_grid[before] == NOT_EXACT:
            S.Z_grid[layer] = NOT_EXACT
            return NOT_EXACT, 0.0
        z_grid = min(z_grid, S.Z_grid[before])
        z_max = max(z_max, S.Z_max[before])
    if z_grid < LOWEST_GRID or not z_max <= EXACT_LIMIT * 2.0**z_grid:
        S.Z_grid[layer] = NOT_EXACT
        return NOT_EXACT, 0.0
    S.Z_grid[layer] = z_grid
    S.Z_max[layer] = z_max
    weight_grid = P.grid[layer, 0]
    bias_grid = P.grid[layer, 1]
    if weight_grid == NOT_EXACT or bias_grid == NOT_EXACT:
        return NOT_EXACT, 0.0
    grid = min(z_grid + weight_grid, bias_grid)
    if grid < LOWEST_GRID:
        return NOT_EXACT, 0.0
    # twice: a condition form may be the difference of two members
    biggest = 2.0 * (P.norm[layer, 0] * z_max + P.norm[layer, 1])
    if not biggest <= EXACT_LIMIT * 2.0**grid:
        return NOT_EXACT, 0.0
    return grid, biggest


@nb.njit(cache=True, error_model="numpy")
def _forms(P, S, layer, d, coefficients):
    """Forms of a layer on the current cell (layer 0's are there from the start)."""
    before = layer - 1
    width = d + 1 if coefficients else 1
    old, new = P.state_at[before], P.state_at[layer]
    n_state = P.n_in[layer]
    u, mem = P.mem_at[before], P.n_mem[before]
    keep = P.keep[P.keep_at[before] : P.keep_at[before] + P.n_keep[before]]
    unit_at = P.unit_at[before]
    piece_at = P.piece_at[before]
    state_rows(
        P.n_units[before],
        S.codes[unit_at : unit_at + P.n_units[before]],
        P.piece_start[unit_at + before :],
        P.piece_member[piece_at:],
        P.piece_slope[piece_at:],
        P.piece_slope_error[piece_at:],
        P.piece_offset[piece_at:],
        P.piece_offset_error[piece_at:],
        S.U[u * (d + 1) :],
        S.U_error[u * width :],
        S.U_size[u:],
        mem,
        keep,
        S.Z[old:],
        S.Z_error[old:],
        S.Z_size[old:],
        S.Z[new:],
        S.Z_error[new:],
        S.Z_size[new:],
        S.Z_zero[new:],
        d,
        coefficients,
    )
    grid, biggest = _grids(P, S, layer)
    S.U_grid[layer] = grid
    S.U_max[layer] = biggest
    u, mem = P.mem_at[layer], P.n_mem[layer]
    member_rows(
        n_state,
        mem,
        P.dense[layer] == 1,
        P.weight[P.weight_at[layer] :],
        P.weight_error[P.weight_at[layer] :] if P.has_error[layer] == 1 else P.weight_error[:0],
        P.has_error[layer] == 1,
        P.column_start[P.column_at[layer] :],
        P.column_row[P.weight_at[layer] :],
        P.bias[u:],
        P.bias_error[u:],
        S.Z[new:],
        S.Z_error[new:],
        S.Z_size[new:],
        S.Z_zero[new:],
        S.U[u * (d + 1) :],
        S.U_error[u * width :],
        S.U_size[u:],
        P.reach,
        d,
        coefficients,
        grid != NOT_EXACT,
    )


@nb.njit(cache=True, error_model="numpy")
def _settle_simple(P, S, layer, start, end, fresh, low, high, d):
    """Box test of the open units of a layer whose unit k is told by the sign of member k."""
    ctl = S.ctl
    n = P.n_mem[layer]
    u = P.mem_at[layer]
    U = S.U[u * (d + 1) : (u + n) * (d + 1)]
    bottom, top = S.range_low, S.range_high
    for i in range(n):
        bottom[i] = U[d * n + i]
        top[i] = bottom[i]
    for c in range(d):
        a, b = low[c], high[c]
        at = c * n
        for i in range(n):
            x = U[at + i] * a
            y = U[at + i] * b
            bottom[i] += min(x, y)
            top[i] += max(x, y)
    rounding = gamma(2 * d)
    unit_at = P.unit_at[layer]
    out = start
    for position in range(start, end):
        i = position - start if fresh else S.open_units[position]
        margin = (S.U_error[u + i] + rounding * S.U_size[u + i]) * (1.0 + 1e-12) + UNDERFLOW
        if bottom[i] > margin:
            S.codes[unit_at + i] = 1
            ctl[BY_FLOAT] += 1
        elif top[i] < -margin:
            S.codes[unit_at + i] = 0
            ctl[BY_FLOAT] += 1
        else:
            zero = S.U_error[u + i] == 0.0
            if zero:
                for c in range(d + 1):
                    if U[c * n + i] != 0.0:
                        zero = False
            if zero:
                S.codes[unit_at + i] = 0
                ctl[BY_INTEGER] += 1
            else:
                S.open_units[out] = i
                out += 1
    return out


@nb.njit(cache=True, error_model="numpy")
def _form_sign(P, S, layer, form, low, high, d, coefficients):
    """Proved sign of a condition form on the box: 1, -1, 0 (identically zero), 2 (unknown)."""
    at = P.form_at[layer] + form
    u = P.mem_at[layer]
    e = u * (d + 1) if coefficients else u
    size = form_row(
        P.form_plus[at], P.form_minus[at], P.form_shift[at], P.form_shift_error[at],
        S.U[u * (d + 1) :], S.U_error[e:], S.U_size[u:], P.n_mem[layer], d, coefficients,
        S.U_grid[layer] != NOT_EXACT, S.g, S.g_error,
    )
    g, g_error = S.g, S.g_error
    constant = True
    exact = True
    for c in range(d):
        if g[c] != 0.0:
            constant = False
        if coefficients and g_error[c] != 0.0:
            constant = False
    for c in range(d + 1 if coefficients else 1):
        if g_error[c] != 0.0:
            exact = False
    if constant and exact:
        return 1 if g[d] > 0.0 else (-1 if g[d] < 0.0 else 0)
    if coefficients:
        if not constant:
            return 2
        if abs(g[d]) > g_error[d]:
            return 1 if g[d] > 0.0 else -1
        return 2
    bottom = g[d]
    top = g[d]
    for c in range(d):
        x = g[c] * low[c]
        y = g[c] * high[c]
        bottom += min(x, y)
        top += max(x, y)
    margin = (g_error[0] + gamma(2 * d) * size) * (1.0 + 1e-12) + UNDERFLOW
    if bottom > margin:
        return 1
    if top < -margin:
        return -1
    return 2


@nb.njit(cache=True, error_model="numpy")
def _settle_general(P, S, layer, start, end, fresh, low, high, d, coefficients):
    """The same test for units of any kind: settled when all conditions of a piece are sure."""
    ctl = S.ctl
    unit_at = P.unit_at[layer]
    out = start
    for position in range(start, end):
        k = position - start if fresh else S.open_units[position]
        settled = -1
        exact = False
        if P.two_piece[unit_at + k]:
            sign = _form_sign(P, S, layer, P.two_form[unit_at + k], low, high, d, coefficients)
            if sign != 2:
                settled = 1 if sign > 0 else 0
                exact = sign == 0
        else:
            first = P.piece_start[unit_at + layer + k]
            last = P.piece_start[unit_at + layer + k + 1]
            base = P.piece_at[layer] + layer
            for piece in range(first, last):
                sure = True
                for cond in range(P.cond_start[base + piece], P.cond_start[base + piece + 1]):
                    sign = _form_sign(
                        P, S, layer, P.cond_form[cond], low, high, d, coefficients
                    )
                    if sign == 0:
                        if P.cond_drop[cond]:
                            sure = False
                            break
                    elif sign != P.cond_sign[cond]:
                        sure = False
                        break
                if sure:
                    settled = piece - first
                    break
        if settled >= 0:
            S.codes[unit_at + k] = settled
            if exact:
                ctl[BY_INTEGER] += 1
            else:
                ctl[BY_FLOAT] += 1
        else:
            S.open_units[out] = k
            out += 1
    return out


@nb.njit(cache=True, error_model="numpy")
def _settle(P, S, layer, start, end, fresh, d, coefficients):
    if P.simple[layer] == 1 and not coefficients:
        return _settle_simple(
            P, S, layer, start, end, fresh, S.box_low[layer], S.box_high[layer], d
        )
    return _settle_general(
        P, S, layer, start, end, fresh, S.box_low[layer], S.box_high[layer], d, coefficients
    )


@nb.njit(cache=True, error_model="numpy")
def _tighten(P, S, layer, d):
    """The cell's bounding box by 2 d linear programs, every bound proved."""
    ctl = S.ctl
    g, z = S.g, S.z
    m = ctl[M]
    certify = P.mode[4] == 1
    for c in range(d):
        for side in range(2):
            sign = 1.0 if side == 0 else -1.0
            for k in range(d + 1):
                S.T[k, d + m] = sign * S.T[k, c]
            status, m, _, _, pivots = minimise(
                S.T, d, m, d + m, S.col_id, S.row_id, False
            )
            ctl[LPS] += 1
            ctl[PIVOTS] += pivots
            if status != OPTIMAL:
                continue
            for k in range(d):
                z[k] = S.T[k + 1, d + m]
                if S.col_id[k] >= 0:
                    z[k] *= S.path_scale[S.col_id[k]]
                g[k] = 0.0
            g[c] = 1.0
            g[d] = 0.0
            if certify:
                bound = lower_bound_in_box(
                    g, 0.0, P.reach[c], sign, z, S.col_id, S.path_row, S.path_error, S.path_size,
                    P.low, P.high, d,
                )
            else:
                bound = S.T[0, d + m] - 1e-12
            if side == 0:
                S.box_low[layer, c] = max(S.box_low[layer, c], bound)
            else:
                S.box_high[layer, c] = min(S.box_high[layer, c], -bound)
    ctl[M] = m


@nb.njit(cache=True, error_model="numpy")
def enter_layer(P, S, layer):
    """Compute the layer's forms on the current cell and list the units that stay open."""
    ctl = S.ctl
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    if layer > 0:
        _forms(P, S, layer, d, coefficients)
        for c in range(d):
            S.box_low[layer, c] = S.box_low[layer - 1, c]
            S.box_high[layer, c] = S.box_high[layer - 1, c]
    start = ctl[OPEN_END]
    ctl[LAYER] = layer
    ctl[POSITION] = start
    ctl[PIECE] = -1
    end = _settle(P, S, layer, start, start + P.n_units[layer], True, d, coefficients)
    if not coefficients and layer > 0 and end - start > P.mode[5]:
        _tighten(P, S, layer, d)
        end = _settle(P, S, layer, start, end, False, d, coefficients)
    ctl[OPEN_END] = end
