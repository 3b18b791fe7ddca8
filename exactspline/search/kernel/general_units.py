"""Units that are not told by the sign of one member: maxima, splines, shifted ones (Numba).

Their pieces are cut out one after the other: a piece is a list of conditions, each of which is
asked like the form of a unit with two pieces.
"""

from __future__ import annotations

from . import control as c
from .certificates import HUGE, LARGE, UNDERFLOW, gamma
from .conditions import condition, count_conditions
from .jit import kernel, tier
from .nodes import copy_dictionary, has_room, keep_objective, make_room, save_node, write_constraint
from .rows import condition_row

MANY = 16  # pieces of a maximum from which on one that is beaten is looked for first


# ---------------------------------------------------------------------- settled by a box
@kernel
def sign_on_box(g, g_error, size, low, high, d, coefficients):
    """Proved sign of a form on a box: 1, -1, 0 (identically zero) or UNSURE."""
    constant = True
    exact = True
    for j in range(d):
        if g[j] != 0.0:
            constant = False
        if coefficients and g_error[j] != 0.0:
            constant = False
    for j in range(d + 1 if coefficients else 1):
        if g_error[j] != 0.0:
            exact = False
    if constant and exact:
        return 1 if g[d] > 0.0 else (-1 if g[d] < 0.0 else 0)
    bottom = g[d]
    top = g[d]
    margin = g_error[d] + gamma(2 * d) * abs(g[d]) if coefficients else g_error[0]
    for j in range(d):
        if coefficients and g[j] == 0.0 and g_error[j] == 0.0:
            continue
        if not (abs(low[j]) <= LARGE and abs(high[j]) <= LARGE):
            return c.UNSURE
        x = g[j] * low[j]
        y = g[j] * high[j]
        bottom += min(x, y)
        top += max(x, y)
        if coefficients:
            margin += (g_error[j] + gamma(2 * d) * abs(g[j])) * max(abs(low[j]), abs(high[j]))
    if not coefficients:
        margin += gamma(2 * d) * size
    margin = margin * (1.0 + 1e-9) + UNDERFLOW
    if margin < bottom <= HUGE:
        return 1
    if -HUGE <= top < -margin:
        return -1
    return c.UNSURE


@kernel
def best_piece(P, S, layer, unit, low, high):
    """The lowest piece of a maximum (minimum) that is best in the middle of a box: a guess."""
    d, n = P.mode[c.DIM], P.layers.n_mem[layer]
    at = P.layers.unit_at[layer] + unit
    U = S.members.U[P.layers.mem_at[layer] * (d + 1) :]
    first, last = P.units.start[at + layer], P.units.start[at + layer + 1]
    members = P.units.member[P.layers.piece_at[layer] :]
    best, found = 0.0, -1
    for i in range(first, last):
        value = U[d * n + members[i]]
        for j in range(d):
            middle = 0.0
            if abs(low[j]) <= LARGE and abs(high[j]) <= LARGE:
                middle = 0.5 * (low[j] + high[j])
            value += U[j * n + members[i]] * middle
        value *= P.units.lead[at]
        if found < 0 or value > best:
            best, found = value, i - first
    return found


@kernel
def _sign_of_condition(P, S, layer, form, low, high):
    """`sign_on_box` of a condition form."""
    d, coefficients = P.mode[c.DIM], P.mode[c.COEFFICIENTS] == 1
    g, g_error = S.form.g, S.form.error
    size = condition_row(P, S.members, layer, form, d, g, g_error)
    return sign_on_box(g, g_error, size, low, high, d, coefficients)


@kernel
def settled_piece(P, S, layer, k, low, high):
    """The piece of a unit all of whose conditions hold on a box, or -1; whether it is exact."""
    at, stride = P.layers.unit_at[layer] + k, P.layers.stride[layer]
    lead, first = P.units.lead[at], P.units.start[at + layer]
    count = P.units.start[at + layer + 1] - first
    begin, stop = 0, count
    if lead != 0 and count > 2:  # only the best one somewhere in the box can be sure
        begin = best_piece(P, S, layer, k, low, high)
        stop = begin + 1
    for piece in range(begin, stop):
        sure = True
        exact = True
        sign = c.UNSURE
        for place in range(count_conditions(lead, count, piece)):
            form, wanted, drops = condition(lead, first, piece, place, stride)
            sign = _sign_of_condition(P, S, layer, form, low, high)
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
            return piece, exact
        if P.units.two_piece[at] and sign == c.UNSURE:
            break  # the other piece asks for the same form
    return -1, False


@tier(c.GENERAL_UNITS)
def settle_general(P, S, which):
    """The test of `box_tests.settle_simple` for units of any kind; see `box_tests.settle`.

    A unit is settled when all conditions of a piece are sure.
    """
    ctl, layer = S.ctl, S.ctl[c.LAYER]
    low, high = S.boxes.low[layer], S.boxes.high[layer]
    start, out = ctl[c.POSITION], ctl[c.POSITION]
    if which == c.INSIDE:
        low, high = S.boxes.cell_low, S.boxes.cell_high
        out = ctl[c.OPEN_END]
    for position in range(start, ctl[c.OPEN_END]):
        k = position - start if which == c.ENTERED else S.open_units[position]
        piece, exact = settled_piece(P, S, layer, k, low, high)
        if which == c.ENTERED and P.rows.on[layer] == 1:
            S.reentry.exact[P.layers.unit_at[layer] + k] = exact
        if piece >= 0:
            S.codes[P.layers.unit_at[layer] + k] = piece
            if exact:
                ctl[c.BY_INTEGER] += 1
            else:
                ctl[c.BY_FLOAT] += 1
        else:
            S.open_units[out] = k
            out += 1
    return out


# ------------------------------------------------------------- more than two pieces in turn
@tier(c.GENERAL_PIECES)
def general_piece(P, S, step):
    """Choose the condition of the piece that is cut out, or go on with its verdict."""
    return _choose(P, S) if step == c.CHOOSE else _go_on_with(P, S)


@kernel
def _choose(P, S):
    """Put the pieces that follow aside, and choose the next condition of this one."""
    ctl, num, layer = S.ctl, S.num, S.ctl[c.LAYER]
    unit = ctl[c.UNIT_NOW]
    at = P.layers.unit_at[layer] + unit
    lead, first = P.units.lead[at], P.units.start[at + layer]
    n_pieces = P.units.start[at + layer + 1] - first
    if ctl[c.PIECE] < 0:
        ctl[c.PIECE] = 0
        ctl[c.COND] = 0
    begins = ctl[c.COND] == 0 and ctl[c.ANSWER] == c.OPEN and ctl[c.SAVED] == 0
    if begins and n_pieces > MANY and lead != 0:
        # the node is all pieces that follow: those at its beginning may hold nowhere
        piece = _first_unbeaten(P, S, layer, unit, ctl[c.PIECE])
        passed = piece - ctl[c.PIECE]
        share = num[c.WEIGHT] / (n_pieces - ctl[c.PIECE]) * passed
        num[c.FINISHED] += share
        num[c.WEIGHT] -= share
        ctl[c.BY_FLOAT] += passed
        if piece == n_pieces:
            num[c.FINISHED] += num[c.WEIGHT]
            ctl[c.PHASE] = c.POP
            return c.GO_ON
        ctl[c.PIECE] = piece
    piece = ctl[c.PIECE]
    if begins and piece + 1 < n_pieces:  # keep this cell for the pieces that follow
        if not has_room(P, S, ctl[c.M], 0):
            ctl[c.PHASE] = c.NODE
            return c.GROW
        top = save_node(P, S, S.dictionary, ctl[c.M], piece + 1)
        share = num[c.WEIGHT] / (n_pieces - piece)
        S.pending.num[top, c.S_WEIGHT] = num[c.WEIGHT] - share
        num[c.WEIGHT] = share
        for j in range(P.mode[c.DIM]):
            S.pending.point[top, j] = S.point[j]
            S.pending.point_low[top, j] = S.point_low[j]
        ctl[c.SAVED] = 1
    if ctl[c.COND] == count_conditions(lead, n_pieces, piece):
        S.codes[at] = piece
        ctl[c.POSITION] += 1
        ctl[c.PIECE] = -1
        ctl[c.COND] = 0
        ctl[c.SAVED] = 0
        ctl[c.PHASE] = c.NODE
        return c.GO_ON
    form, wanted, drops = condition(lead, first, piece, ctl[c.COND], P.layers.stride[layer])
    ctl[c.QUERY_FORM] = form
    ctl[c.SIGN_WANTED] = wanted
    ctl[c.DROPS] = 1 if drops else 0
    ctl[c.PHASE] = c.FORM
    return c.GO_ON


@kernel
def _first_unbeaten(P, S, layer, unit, piece):
    """The first piece from one on that is not proved to hold nowhere; the last's successor if none.

    Of a maximum of many members most pieces hold nowhere, and one condition in a hundred may
    tell: the one against the best member at the cell's point, on the layer's box.
    """
    at, stride = P.layers.unit_at[layer] + unit, P.layers.stride[layer]
    lead, first = P.units.lead[at], P.units.start[at + layer]
    count = P.units.start[at + layer + 1] - first
    best = best_piece(P, S, layer, unit, S.point, S.point)
    for r in range(piece, count):
        if r == best:
            return r
        place = best if best < r else best - 1
        form, wanted, _ = condition(lead, first, r, place, stride)
        sign = _sign_of_condition(P, S, layer, form, S.boxes.low[layer], S.boxes.high[layer])
        if sign != -wanted:
            return r
    return count


@kernel
def _go_on_with(P, S):
    """Keep the part of the cell where the condition holds, or leave the piece."""
    ctl, d = S.ctl, P.mode[c.DIM]
    wanted, verdict = ctl[c.SIGN_WANTED], ctl[c.VERDICT]
    ctl[c.PHASE] = c.NODE
    if verdict == c.CUT:
        n_path = ctl[c.N_PATH]
        own = ctl[c.SIDE] != wanted  # the first dictionary serves the side -SIDE
        if ctl[c.SOURCE] != c.RAY_DONE:  # the objective is SIDE * form in both
            if own:
                ctl[c.M] = keep_objective(S.dictionary, d, ctl[c.M], -1.0, n_path)
            else:
                ctl[c.M2] = keep_objective(S.other, d, ctl[c.M2], 1.0, n_path)
        if not own:
            copy_dictionary(S.other, S.dictionary, d, ctl[c.M2], d + ctl[c.M2])
            ctl[c.M] = ctl[c.M2]
        write_constraint(P, S, wanted)
        ctl[c.COND] += 1
        chosen = S.plus_point if wanted > 0 else S.minus_point
        low = S.plus_low if wanted > 0 else S.minus_low
        for j in range(d):
            S.point[j] = chosen[j]
            S.point_low[j] = low[j]
        if (ctl[c.PLUS_OK] if wanted > 0 else ctl[c.MINUS_OK]) == 0:
            ctl[c.PHASE] = c.POP
            return c.SUBTREE
    elif verdict == wanted or (verdict == c.ZERO and ctl[c.DROPS] == 0):
        ctl[c.COND] += 1
    else:  # the piece holds nowhere in this cell
        S.num[c.FINISHED] += S.num[c.WEIGHT]
        ctl[c.PHASE] = c.POP
    ctl[c.M] = make_room(S.dictionary, d, ctl[c.M])
    return c.GO_ON
