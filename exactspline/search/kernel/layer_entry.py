"""What happens when a cell enters a layer: its forms, its box, and the units it settles (Numba).

A unit whose form keeps its sign on the cell's bounding box is settled for the whole subtree.
The box comes from 2 d linear programs whose bounds are proved by the same dual argument as
every other certificate; until it pays, the box of the layer before serves.
"""

from __future__ import annotations

from .certificates import HUGE, UNDERFLOW, gamma, lower_bound_by_basis, lower_bound_in_box
from .classes import member_classes, state_classes
from .conditions import condition, count_conditions, form_terms
from .control import (
    BY_FLOAT,
    BY_INTEGER,
    FILTERED,
    LAYER,
    LPS,
    N_PATH,
    OPEN_END,
    PIECE,
    PIVOTS,
    POSITION,
    SETTLED,
    M,
)
from .jit import kernel
from .rows import EXACT_LIMIT, NOT_EXACT, form_row, member_rows, state_rows
from .simplex import OPTIMAL, minimise

LARGE = 1e20  # beyond it a bound is as good as none: what underflows could reach over it
LEAST = 2e-323  # more than what halving the ends of a box loses where they are subnormal
UNKNOWN = float("nan")  # every comparison with it fails, as it should
LOWEST_GRID = -1000  # grids below could underflow


@kernel
def _state_grid(layer, grids, norm, n_keep, U_grid, U_max, Z_grid, Z_max):
    """Exponent of the grid of the state's rows, or NOT_EXACT; and whether they are exact.

    Products and sums of numbers on a grid 2^e stay on it and are not rounded while they are
    below 2^53 grid units. The state is slope * member + offset, and entries passed on.
    """
    before = layer - 1
    grid = U_grid[before]
    slope_grid, offset_grid = grids[before, 2], grids[before, 3]
    if grid == NOT_EXACT or slope_grid == NOT_EXACT or offset_grid == NOT_EXACT:
        return NOT_EXACT
    out = grid + slope_grid
    if norm[before, 3] > 0.0:
        out = min(out, offset_grid)
    biggest = norm[before, 2] * U_max[before] + norm[before, 3]
    if n_keep[before] > 0:
        if Z_grid[before] == NOT_EXACT:
            return NOT_EXACT
        out = min(out, Z_grid[before])
        biggest = max(biggest, Z_max[before])
    if out < LOWEST_GRID or not biggest <= EXACT_LIMIT * 2.0**out:
        return NOT_EXACT
    return out


@kernel
def _member_grid(layer, grids, norm, z_grid, z_max):
    """The same for the members, from the largest entry of the state's rows."""
    weight_grid, bias_grid = grids[layer, 0], grids[layer, 1]
    if z_grid == NOT_EXACT or weight_grid == NOT_EXACT or bias_grid == NOT_EXACT:
        return NOT_EXACT
    grid = min(z_grid + weight_grid, bias_grid)
    # twice: a condition form may be the difference of two members
    biggest = 2.0 * (norm[layer, 0] * z_max + norm[layer, 1])
    if grid < LOWEST_GRID or not biggest <= EXACT_LIMIT * 2.0**grid:
        return NOT_EXACT
    return grid


@kernel
def _largest(array, n):
    """The largest absolute value of the first n entries."""
    out = 0.0
    for i in range(n):
        out = max(out, abs(array[i]))
    return out


@kernel
def _largest_row(Z, zero, n, d):
    """The largest entry of the rows that do not vanish."""
    out = 0.0
    for j in range(n):
        if not zero[j]:
            for c in range(d + 1):
                out = max(out, abs(Z[j, c]))
    return out


@kernel
def _settle_simple(
    ctl, codes, open_units, U, U_error, U_size, bottom, top, n, start, end, fresh, low, high, d,
    coefficients,
):
    """Box test of the open units of a layer whose unit k is told by the sign of member k.

    The box may be infinite where error bounds are per coefficient.
    """
    rounding = gamma(2 * d)
    for i in range(n):
        bottom[i] = U[d * n + i]
        top[i] = bottom[i]
    if coefficients:
        for i in range(n):
            U_size[i] = U_error[d * n + i] + rounding * abs(U[d * n + i])
    for c in range(d):
        a, b = low[c], high[c]
        at = c * n
        if abs(a) <= LARGE and abs(b) <= LARGE:
            # sum of min(u a, u b) and of max(u a, u b), branchless: centre and radius
            column = U[at : at + n]
            middle, radius = 0.5 * (a + b), 0.5 * (b - a) * (1.0 + 1e-15) + LEAST
            for i in range(n):
                shift = column[i] * middle
                spread = abs(column[i]) * radius
                bottom[i] += shift - spread
                top[i] += shift + spread
            if coefficients:
                r = max(abs(a), abs(b))
                bounds = U_error[at : at + n]
                for i in range(n):
                    U_size[i] += (bounds[i] + rounding * abs(column[i])) * r
        else:
            for i in range(n):
                if U[at + i] != 0.0 or U_error[at + i] != 0.0:
                    bottom[i] = UNKNOWN
                    top[i] = UNKNOWN
    out = start
    for position in range(start, end):
        i = position - start if fresh else open_units[position]
        if coefficients:
            margin = U_size[i] * (1.0 + 1e-9) + UNDERFLOW
        else:
            margin = (U_error[i] + rounding * U_size[i]) * (1.0 + 1e-12) + UNDERFLOW
        if margin < bottom[i] <= HUGE:
            codes[i] = 1
            ctl[BY_FLOAT] += 1
        elif -HUGE <= top[i] < -margin:
            codes[i] = 0
            ctl[BY_FLOAT] += 1
        else:
            zero = True
            for c in range(d + 1):
                if U[c * n + i] != 0.0 or U_error[(c * n if coefficients else 0) + i] != 0.0:
                    zero = False
            if zero:
                codes[i] = 0
                ctl[BY_INTEGER] += 1
            else:
                open_units[out] = i
                out += 1
    return out


@kernel
def _sign_of_form(g, g_error, size, low, high, d, coefficients):
    """Proved sign of a form on a box: 1, -1, 0 (identically zero), 2 (unknown)."""
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
    bottom = g[d]
    top = g[d]
    margin = g_error[d] + gamma(2 * d) * abs(g[d]) if coefficients else g_error[0]
    for c in range(d):
        if coefficients and g[c] == 0.0 and g_error[c] == 0.0:
            continue
        if not (abs(low[c]) <= LARGE and abs(high[c]) <= LARGE):
            return 2
        x = g[c] * low[c]
        y = g[c] * high[c]
        bottom += min(x, y)
        top += max(x, y)
        if coefficients:
            margin += (g_error[c] + gamma(2 * d) * abs(g[c])) * max(abs(low[c]), abs(high[c]))
    if not coefficients:
        margin += gamma(2 * d) * size
    margin = margin * (1.0 + 1e-9) + UNDERFLOW
    if margin < bottom <= HUGE:
        return 1
    if -HUGE <= top < -margin:
        return -1
    return 2


@kernel
def best_piece(U, n_mem, members, lead, low, high, d):
    """The lowest piece of a maximum (minimum) that is best in the middle of a box: a guess."""
    best, at = 0.0, -1
    for i in range(len(members)):
        value = U[d * n_mem + members[i]]
        for c in range(d):
            middle = 0.0
            if abs(low[c]) <= LARGE and abs(high[c]) <= LARGE:
                middle = 0.5 * (low[c] + high[c])
            value += U[c * n_mem + members[i]] * middle
        value *= lead
        if at < 0 or value > best:
            best, at = value, i
    return at


@kernel
def _settle_general(
    ctl, codes, open_units, U, U_error, U_size, U_class, n_mem, exact_rows, g, g_error,
    lead, stride, two_piece, piece_start, piece_member, piece_shift, piece_shift_error, start, end,
    out, fresh, low, high, d, coefficients,
):
    """The same test for units of any kind: settled when all conditions of a piece are sure.

    Those that stay open are listed from ``out`` on.
    """
    for position in range(start, end):
        k = position - start if fresh else open_units[position]
        settled = -1
        exact = False
        first, count = piece_start[k], piece_start[k + 1] - piece_start[k]
        two = two_piece[k]
        begin, stop = 0, count
        if lead[k] != 0 and count > 2:  # only the best one somewhere in the box can be sure
            begin = best_piece(
                U, n_mem, piece_member[first : first + count], lead[k], low, high, d
            )
            stop = begin + 1
        for piece in range(begin, stop):
            sure = True
            exact = True
            sign = 2
            for place in range(count_conditions(lead[k], count, piece)):
                f, wanted, drops = condition(lead[k], first, piece, place, stride)
                plus, minus, shift, shift_error = form_terms(
                    f, stride, 0, piece_member, piece_shift, piece_shift_error
                )
                if len(U_class) > 0 and minus >= 0 and U_class[plus] == U_class[minus]:
                    plus, minus = -1, -1
                size = form_row(
                    plus, minus, shift, shift_error, U, U_error, U_size, n_mem, d, coefficients,
                    exact_rows, g, g_error,
                )
                sign = _sign_of_form(g, g_error, size, low, high, d, coefficients)
                if sign == 0:
                    if drops:
                        sure = False
                        break
                elif sign != wanted:
                    sure = False
                    break
                else:
                    exact = False
            if sure:
                settled = piece
                break
            if two and sign == 2:
                break  # the other piece asks for the same form
        if settled >= 0:
            codes[k] = settled
            if exact:
                ctl[BY_INTEGER] += 1
            else:
                ctl[BY_FLOAT] += 1
        else:
            open_units[out] = k
            out += 1
    return out


@kernel
def first_unbeaten(P, S, layer, unit, piece):
    """The first piece from one on that is not proved to hold nowhere; the last's successor if none.

    Of a maximum of many members most pieces hold nowhere, and one condition in a hundred may
    tell: the one against the best member at the cell's point, on the layer's box.
    """
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    at = P.unit_at[layer] + unit
    lead, first = P.lead[at], P.piece_start[at + layer]
    count = P.piece_start[at + layer + 1] - first
    u, n, pieces = P.mem_at[layer], P.n_mem[layer], P.piece_at[layer]
    U = S.U[u * (d + 1) :]
    best = best_piece(
        U, n, P.piece_member[pieces + first : pieces + first + count], lead, S.point, S.point, d
    )
    for r in range(piece, count):
        if r == best:
            return r
        place = best if best < r else best - 1
        form, wanted, _ = condition(lead, first, r, place, P.stride[layer])
        plus, minus, shift, shift_error = form_terms(
            form, P.stride[layer], pieces, P.piece_member, P.piece_shift, P.piece_shift_error
        )
        if len(S.U_class) > 0 and S.U_class[u + plus] == S.U_class[u + minus]:
            return r
        size = form_row(
            plus, minus, shift, shift_error, U, S.U_error[u * (d + 1) if coefficients else u :],
            S.U_size[u:], n, d, coefficients, S.U_grid[layer] != NOT_EXACT, S.g, S.g_error,
        )
        sign = _sign_of_form(
            S.g, S.g_error, size, S.box_low[layer], S.box_high[layer], d, coefficients
        )
        if sign != -wanted:
            return r
    return count


@kernel
def _tighten(
    ctl, T, col_id, row_id, path_row, path_error, path_size, path_scale, g, z, domain_low,
    domain_high, reach, low, high, d, certify, coefficients, work, g_error,
):
    """The cell's bounding box by 2 d linear programs, every bound proved."""
    m = ctl[M]
    for c in range(d):
        for side in range(2):
            sign = 1.0 if side == 0 else -1.0
            for k in range(d + 1):
                T[k, d + m] = sign * T[k, c]
            status, m, _, _, pivots = minimise(T, d, m, d + m, col_id, row_id, False)
            ctl[LPS] += 1
            ctl[PIVOTS] += pivots
            if status != OPTIMAL:
                continue
            for k in range(d):
                z[k] = T[k + 1, d + m]
                if col_id[k] >= 0:
                    z[k] *= path_scale[col_id[k]]
                g[k] = 0.0
            g[c] = 1.0
            g[d] = 0.0
            if not certify:
                bound = T[0, d + m] - 1e-12
            elif coefficients:
                for k in range(d + 1):
                    g_error[k] = 0.0
                bound = lower_bound_by_basis(
                    g, g_error, sign, z, col_id, path_row, path_error, path_scale, T, d, work
                )
            else:
                bound = lower_bound_in_box(
                    g, 0.0, reach[c], sign, z, col_id, path_row, path_error, path_size,
                    domain_low, domain_high, d,
                )
            if side == 0:
                low[c] = max(low[c], bound)
            else:
                high[c] = min(high[c], -bound)
    ctl[M] = m


@kernel
def _settle_listed(
    ctl, codes, open_units, U, U_error, U_size, n, start, end, out, low, high, d, coefficients
):
    """`_settle_simple` for a list of open units; those that stay open are listed from ``out``."""
    rounding = gamma(2 * d)
    for position in range(start, end):
        i = open_units[position]
        bottom = U[d * n + i]
        top = bottom
        if coefficients:
            margin = U_error[d * n + i] + rounding * abs(bottom)
        else:
            margin = U_error[i] + rounding * U_size[i]
        for c in range(d):
            u = U[c * n + i]
            if coefficients:
                e = U_error[c * n + i] + rounding * abs(u)
                if u == 0.0 and e == 0.0:
                    continue
                margin += e * max(abs(low[c]), abs(high[c]))
            x = u * low[c]
            y = u * high[c]
            bottom += min(x, y)
            top += max(x, y)
        margin = margin * (1.0 + 1e-9) + UNDERFLOW
        if margin < bottom <= HUGE:
            codes[i] = 1
            ctl[BY_FLOAT] += 1
        elif -HUGE <= top < -margin:
            codes[i] = 0
            ctl[BY_FLOAT] += 1
        else:
            open_units[out] = i
            out += 1
    return out


@kernel
def refilter(P, S):
    """Box test of the units that are still open on the current cell, inside a layer.

    Those that stay open form a new list behind the old one, which pending siblings go on
    with. A list that hardly shrinks is not kept, so that all lists of a layer fit into four
    times its units.
    """
    ctl = S.ctl
    d, layer = P.mode[0], ctl[LAYER]
    coefficients = P.mode[2] == 1
    low, high = S.cell_low, S.cell_high
    for c in range(d):
        low[c] = S.box_low[layer, c]
        high[c] = S.box_high[layer, c]
    _tighten(
        ctl, S.T, S.col_id, S.row_id, S.path_row, S.path_error, S.path_size, S.path_scale,
        S.g, S.z, P.low, P.high, P.reach, low, high, d, P.mode[4] == 1, coefficients, S.work,
        S.g_error,
    )
    ctl[FILTERED] = ctl[N_PATH]
    for c in range(d):
        if not (abs(low[c]) <= LARGE and abs(high[c]) <= LARGE):
            return False
    u, n = P.mem_at[layer], P.n_mem[layer]
    unit, piece = P.unit_at[layer], P.piece_at[layer]
    U = S.U[u * (d + 1) : (u + n) * (d + 1)]
    U_error = S.U_error[u * (d + 1) :] if coefficients else S.U_error[u:]
    codes = S.codes[unit:]
    start, end = ctl[POSITION], ctl[OPEN_END]
    by_float, by_integer = ctl[BY_FLOAT], ctl[BY_INTEGER]
    if P.simple[layer] == 1:
        out = _settle_listed(
            ctl, codes, S.open_units, U, U_error, S.U_size[u:], n, start, end, end, low, high, d,
            coefficients,
        )
    else:
        out = _settle_general(
            ctl, codes, S.open_units, U, U_error, S.U_size[u:], S.U_class[u:], n,
            S.U_grid[layer] != NOT_EXACT, S.g, S.g_error, P.lead[unit:], P.stride[layer],
            P.two_piece[unit:], P.piece_start[unit + layer :], P.piece_member[piece:],
            P.piece_shift[piece:], P.piece_shift_error[piece:], start, end, end, False, low, high,
            d, coefficients,
        )
    if 4 * (out - end) > 3 * (end - start):
        ctl[BY_FLOAT] = by_float  # they will be decided again
        ctl[BY_INTEGER] = by_integer
        return False
    ctl[SETTLED] = end - start - (out - end)
    ctl[POSITION] = end
    ctl[OPEN_END] = out
    return True


@kernel
def _classes(P, S, layer):
    """Classes of the state after the layer before, and of this layer's members."""
    before = layer - 1
    unit, piece = P.unit_at[before], P.piece_at[before]
    state_classes(
        P.n_units[before],
        S.codes[unit : unit + P.n_units[before]],
        P.piece_start[unit + before :],
        P.piece_member[piece:],
        P.class_function[piece:],
        P.class_constant[piece:],
        S.U_class[P.mem_at[before] :],
        P.keep[P.keep_at[before] : P.keep_at[before] + P.n_keep[before]],
        S.Z_class[P.state_at[before] :],
        P.class_first[1] + P.state_at[layer],
        S.class_table,
        S.Z_class[P.state_at[layer] :],
    )
    u, at = P.mem_at[layer], P.class_at[layer]
    member_classes(
        P.n_mem[layer],
        P.class_start[u + layer :],
        P.class_column[at:],
        P.class_value[at:],
        P.class_bias[u:],
        S.Z_class[P.state_at[layer] :],
        P.class_first[0] + u,
        S.class_table,
        S.U_class[u:],
    )


@kernel
def enter_layer(P, S, layer):
    """Compute the layer's forms on the current cell and list the units that stay open."""
    ctl = S.ctl
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    if layer > 0:
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
        grid = _state_grid(
            layer, P.grid, P.norm, P.n_keep, S.U_grid, S.U_max, S.Z_grid, S.Z_max
        )
        S.Z_grid[layer] = grid
        if grid != NOT_EXACT:  # the true sizes: bounds would double from layer to layer
            S.Z_max[layer] = _largest_row(S.Z[new:], S.Z_zero[new:], n_state, d)
        grid = _member_grid(layer, P.grid, P.norm, grid, S.Z_max[layer])
        S.U_grid[layer] = grid
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
        if len(S.U_class) > 0:
            _classes(P, S, layer)
        if grid != NOT_EXACT:
            biggest = _largest(S.U[u * (d + 1) :], mem * (d + 1))
            S.U_max[layer] = 2.0 * biggest + P.norm[layer, 1]
        S.active[layer] = 0
        for j in range(n_state):
            if not S.Z_zero[new + j]:
                S.active[layer] += 1
        if layer <= S.frame[1]:
            S.frame[0] = 0  # the frame that was built belongs to another cell
        for c in range(d):
            S.box_low[layer, c] = S.box_low[layer - 1, c]
            S.box_high[layer, c] = S.box_high[layer - 1, c]
    start = ctl[OPEN_END]
    ctl[LAYER] = layer
    ctl[POSITION] = start
    ctl[PIECE] = -1
    u, n = P.mem_at[layer], P.n_mem[layer]
    unit, piece = P.unit_at[layer], P.piece_at[layer]
    U = S.U[u * (d + 1) : (u + n) * (d + 1)]
    U_error = S.U_error[u * (d + 1) :] if coefficients else S.U_error[u:]
    U_size = S.U_size[u:]
    codes = S.codes[unit:]
    low, high = S.box_low[layer], S.box_high[layer]
    end = start + P.n_units[layer]
    for attempt in range(2):
        if P.simple[layer] == 1:
            end = _settle_simple(
                ctl, codes, S.open_units, U, U_error, U_size, S.range_low, S.range_high, n, start,
                end, attempt == 0, low, high, d, coefficients,
            )
        else:
            end = _settle_general(
                ctl, codes, S.open_units, U, U_error, U_size, S.U_class[u:], n,
                S.U_grid[layer] != NOT_EXACT, S.g, S.g_error, P.lead[unit:], P.stride[layer],
                P.two_piece[unit:], P.piece_start[unit + layer :], P.piece_member[piece:],
                P.piece_shift[piece:], P.piece_shift_error[piece:], start, end, start,
                attempt == 0, low, high, d, coefficients,
            )
        if attempt == 1 or layer == 0 or end - start <= P.mode[5]:
            break
        _tighten(
            ctl, S.T, S.col_id, S.row_id, S.path_row, S.path_error, S.path_size, S.path_scale,
            S.g, S.z, P.low, P.high, P.reach, low, high, d, P.mode[4] == 1, coefficients, S.work,
            S.g_error,
        )
    ctl[OPEN_END] = end
    ctl[FILTERED] = ctl[N_PATH]
