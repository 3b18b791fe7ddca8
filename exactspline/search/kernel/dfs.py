"""The depth-first search itself: one Numba function that can stop anywhere and go on (Numba).

A node is a full-dimensional cell: a path of constraints, a dictionary at one of its vertices,
a point proved to lie strictly inside, and the units of its layer that are still open. Units
are taken in index order and pieces in index order, so regions come in lexicographic order of
their codes, whatever the floats did.

The kernel returns to Python for what it cannot prove (QUERY), for a cell that holds no
float64 point it can prove (SUBTREE), when a buffer is full, and after a budget of work.
"""

from __future__ import annotations

from .certificates import (
    lower_bound_by_basis,
    lower_bound_in_box,
    lower_bound_in_cell_box,
    nonnegative_by_integers,
)
from .conditions import condition, count_conditions, form_terms
from .control import (
    ANSWER,
    ARENA_TOP,
    AUDIT,
    AUDITED,
    BUDGET,
    BUFFER,
    BY_FLOAT,
    BY_INTEGER,
    COND,
    CUT,
    DEPTH,
    DONE,
    FILTERED,
    FINISHED,
    GROW,
    ID_TOP,
    LAYER,
    LEAF,
    LEAVES,
    LIMIT,
    LPS,
    M2,
    MAX_REGIONS,
    MINUS_OK,
    N_OUT,
    N_PATH,
    NO_SECOND,
    NODES,
    OPEN,
    OPEN_END,
    PAUSE,
    PHASE,
    PIECE,
    PIVOTS,
    PLUS_OK,
    POP,
    POS,
    POSITION,
    QUERY,
    QUERY_FORM,
    RAY_COLUMN,
    RAY_DONE,
    RAY_PENDING,
    REASON,
    REGIONS,
    RUN,
    S_ARENA,
    S_CON_FORM,
    S_CON_GRID,
    S_CON_LAYER,
    S_CON_SIGN,
    S_EXACT,
    S_FILTERED,
    S_ID,
    S_LAYER,
    S_M,
    S_N_PATH,
    S_OPEN_END,
    S_PIECE,
    S_POSITION,
    SAVED,
    SIDE,
    SOURCE,
    STORE,
    SUBTREE,
    TWO_VERTICES,
    WEIGHT,
    ZERO,
    M,
)
from .faults import perturb, uniform
from .jit import kernel
from .layer_entry import LARGE, enter_layer, first_unbeaten, refilter
from .narrow_layer import proved_in_frame
from .nodes import copy_dictionary, keep_objective, make_room, save_node, write_constraint
from .points import centre, inside, nudge, sign_at, value_at, witness_beyond
from .rows import NOT_EXACT, form_row
from .simplex import (
    NEGATIVE,
    OPTIMAL,
    RAY,
    VALUE_TOLERANCE,
    drop_redundant,
    express,
    minimise,
    pivot,
)

MANY = 16  # pieces of a maximum from which on one that is beaten is looked for first


@kernel
def _finite_box(low, high, d):
    for c in range(d):
        if not (abs(low[c]) <= LARGE and abs(high[c]) <= LARGE):
            return False
    return True


@kernel
def advance(P, S):
    """Go on with the search until something must be told to Python; returns a status."""
    ctl, num = S.ctl, S.num
    d = P.mode[0]
    n_layers = P.mode[1]
    coefficients = P.mode[2] == 1
    certify = P.mode[4] == 1
    n_err = d + 1 if coefficients else 1
    T, col_id, row_id, point, codes = S.T, S.col_id, S.row_id, S.point, S.codes
    T2, col_id2, row_id2 = S.T2, S.col_id2, S.row_id2
    open_units = S.open_units
    path_row, path_error, path_size = S.path_row, S.path_error, S.path_size
    path_scale, path_grid, path_max = S.path_scale, S.path_grid, S.path_max
    path_layer, path_form, path_sign = S.path_layer, S.path_form, S.path_sign
    g, g_error, z, work = S.g, S.g_error, S.z, S.work
    plus_point, minus_point = S.plus_point, S.minus_point
    stack, stack_num, stack_point = S.stack, S.stack_num, S.stack_point
    arena, arena_id = S.arena, S.arena_id
    faults = S.faults
    faulty = faults[0] > 0.0
    capacity = len(row_id)

    while True:
        # ---------------------------------------------------------------- the next node
        if ctl[PHASE] == POP:
            if ctl[DEPTH] == 0:
                return DONE
            ctl[DEPTH] -= 1
            top = ctl[DEPTH]
            m = stack[top, S_M]
            ctl[M] = m
            ctl[LAYER] = stack[top, S_LAYER]
            ctl[POSITION] = stack[top, S_POSITION]
            ctl[OPEN_END] = stack[top, S_OPEN_END]
            ctl[N_PATH] = stack[top, S_N_PATH]
            ctl[PIECE] = stack[top, S_PIECE]
            ctl[FILTERED] = stack[top, S_FILTERED]
            ctl[COND] = 0
            num[WEIGHT] = stack_num[top, 0]
            at = stack[top, S_ARENA]
            ctl[ARENA_TOP] = at
            for k in range(d + 1):
                row = T[k]
                for i in range(d + m):
                    row[i] = arena[at + i]
                at += d + m
            ids = stack[top, S_ID]
            ctl[ID_TOP] = ids
            for k in range(d):
                col_id[k] = arena_id[ids + k]
            for i in range(m):
                row_id[i] = arena_id[ids + d + i]
            for c in range(d):
                point[c] = stack_point[top, c]
            if stack[top, S_CON_SIGN] != 0:
                new = ctl[N_PATH]
                for c in range(d + 1):
                    path_row[new, c] = arena[at + c]
                at += d + 1
                for c in range(n_err):
                    path_error[new, c] = arena[at + c]
                path_size[new] = stack_num[top, 1]
                path_scale[new] = stack_num[top, 2]
                path_max[new] = stack_num[top, 3]
                path_grid[new] = stack[top, S_CON_GRID]
                path_layer[new] = stack[top, S_CON_LAYER]
                path_form[new] = stack[top, S_CON_FORM]
                path_sign[new] = stack[top, S_CON_SIGN]
                ctl[N_PATH] = new + 1
                # a two-piece unit's upper child
                unit = open_units[ctl[POSITION] - 1]
                codes[P.unit_at[ctl[LAYER]] + unit] = 1
            ctl[PHASE] = RUN
            ctl[SAVED] = 0
            ctl[NODES] += 1
            if stack[top, S_EXACT] != 0:
                ctl[PHASE] = POP
                return SUBTREE

        # ------------------------------------------------------------- the current node
        # an answer that is pending costs a step as well: it is taken up after the pause
        ctl[BUDGET] -= 1
        if ctl[BUDGET] < 0:
            return PAUSE
        layer = ctl[LAYER]
        m = ctl[M]
        n_path = ctl[N_PATH]
        if ctl[PIECE] < 0 and ctl[POSITION] == ctl[OPEN_END]:
            if layer == n_layers - 1:
                if ctl[REGIONS] >= ctl[MAX_REGIONS]:
                    return LIMIT
                if ctl[STORE] != 0:
                    if ctl[N_OUT] == S.out_codes.shape[0]:
                        return BUFFER
                    at = ctl[N_OUT]
                    for i in range(len(codes)):
                        S.out_codes[at, i] = codes[i]
                    for c in range(d):
                        S.out_points[at, c] = point[c]
                    ctl[N_OUT] = at + 1
                ctl[REGIONS] += 1
                ctl[BY_FLOAT] += 1  # the witness
                num[FINISHED] += num[WEIGHT]
                ctl[PHASE] = POP
                if ctl[LEAVES] != 0:
                    return LEAF
                continue
            m = drop_redundant(T, d, m, row_id)
            ctl[M] = m
            ctl[LAYER] = layer + 1
            enter_layer(P, S, layer + 1)
            if ctl[AUDIT] != 0:
                ctl[REASON] = 5
                return AUDITED
            continue

        if (
            ctl[PIECE] < 0
            and ctl[ANSWER] == OPEN
            and n_path > ctl[FILTERED]
            and ctl[OPEN_END] - ctl[POSITION] > P.mode[6]
            and refilter(P, S)
        ):
            if ctl[AUDIT] != 0:
                ctl[REASON] = 6
                return AUDITED
            continue
        m = ctl[M]
        unit = open_units[ctl[POSITION]]
        unit_at = P.unit_at[layer] + unit
        two = P.two_piece[unit_at]
        sign_wanted = 0
        drops = False
        if two:
            form = P.piece_start[unit_at + layer] * P.stride[layer] + P.lead[unit_at]
        else:
            first_piece = P.piece_start[unit_at + layer]
            n_pieces = P.piece_start[unit_at + layer + 1] - first_piece
            if ctl[PIECE] < 0:
                ctl[PIECE] = 0
                ctl[COND] = 0
            piece = ctl[PIECE]
            if (
                n_pieces > MANY and P.lead[unit_at] != 0
                and ctl[COND] == 0 and ctl[ANSWER] == OPEN and ctl[SAVED] == 0
            ):  # fmt: skip
                # the node is all pieces that follow: those at its beginning may hold nowhere
                piece = first_unbeaten(P, S, layer, unit, piece)
                share = num[WEIGHT] / (n_pieces - ctl[PIECE]) * (piece - ctl[PIECE])
                num[FINISHED] += share
                num[WEIGHT] -= share
                ctl[BY_FLOAT] += piece - ctl[PIECE]
                if piece == n_pieces:
                    num[FINISHED] += num[WEIGHT]
                    ctl[PHASE] = POP
                    continue
                ctl[PIECE] = piece
            if ctl[COND] == 0 and ctl[ANSWER] == OPEN and ctl[SAVED] == 0 and piece + 1 < n_pieces:
                # keep this cell for the pieces that follow
                need = (d + 1) * (d + m)
                if ctl[ARENA_TOP] + need > len(arena) or ctl[ID_TOP] + d + m > len(arena_id):
                    return GROW
                top = ctl[DEPTH]
                save_node(
                    top, layer, ctl[POSITION], ctl[OPEN_END], n_path, m, piece + 1, 0, 0, 0, 0, 0,
                    stack, ctl, arena, arena_id, T, col_id, row_id, d,
                )
                share = num[WEIGHT] / (n_pieces - piece)
                stack_num[top, 0] = num[WEIGHT] - share
                num[WEIGHT] = share
                for c in range(d):
                    stack_point[top, c] = point[c]
                ctl[SAVED] = 1
            if ctl[COND] == count_conditions(P.lead[unit_at], n_pieces, piece):
                codes[unit_at] = piece
                ctl[POSITION] += 1
                ctl[PIECE] = -1
                ctl[COND] = 0
                ctl[SAVED] = 0
                continue
            form, sign_wanted, drops = condition(
                P.lead[unit_at], first_piece, piece, ctl[COND], P.stride[layer]
            )

        u_at = P.mem_at[layer] * (d + 1)
        e_at = u_at if coefficients else P.mem_at[layer]
        exact_row = S.U_grid[layer] != NOT_EXACT
        plus, minus, shift, shift_error = form_terms(
            form, P.stride[layer], P.piece_at[layer], P.piece_member, P.piece_shift,
            P.piece_shift_error,
        )
        if len(S.U_class) > 0 and minus >= 0:
            members = S.U_class[P.mem_at[layer] :]
            if members[plus] == members[minus]:
                plus, minus = -1, -1
        g_size = form_row(
            plus, minus, shift, shift_error, S.U[u_at:], S.U_error[e_at:],
            S.U_size[P.mem_at[layer]:], P.n_mem[layer], d, coefficients, exact_row, g, g_error,
        )
        g_grid = S.U_grid[layer]
        g_max = 0.0
        extent = 0.0
        zero_form = True
        for c in range(d + 1):
            g_max = max(g_max, abs(g[c]))
            if g[c] != 0.0:
                zero_form = False
            if c < d:
                extent += abs(g[c]) * P.extent[c]
        for c in range(n_err):
            if g_error[c] != 0.0:
                zero_form = False
        scale = 1.0 / extent if extent > 1e-280 else 1.0

        # ------------------------------------------------------------------- the decision
        verdict = OPEN
        if ctl[ANSWER] != OPEN:
            verdict = ctl[ANSWER]
            ctl[ANSWER] = OPEN
            if verdict == CUT and ctl[SOURCE] == NO_SECOND:
                # no second vertex: both children start from the same dictionary
                express(T, d, g, scale, d + m)
                copy_dictionary(T, col_id, row_id, d, m, d + m + 1, T2, col_id2, row_id2)
                ctl[M2] = m
                ctl[SIDE] = 1
        elif zero_form:
            verdict = ZERO
            ctl[BY_INTEGER] += 1
        else:
            ctl[SOURCE] = NO_SECOND
            ctl[QUERY_FORM] = form
            at_point = sign_at(g, g_error, g_size, coefficients, point, d, work)
            if not certify and at_point == 0:
                at_point = 1 if value_at(g, point, d) > 0.0 else -1
            if at_point == 0:
                at_point = nudge(
                    g, g_error, g_size, point, n_path, path_row, path_error, path_size,
                    coefficients, P.reach, d, work,
                )
                if at_point == 0:
                    ctl[REASON] = 1
                    return QUERY
            express(T, d, g, scale, d + m)
            at_vertex = T[0, d + m]
            side = at_point
            if at_vertex > VALUE_TOLERANCE:
                side = 1
            elif at_vertex < -VALUE_TOLERANCE:
                side = -1
            if side < 0:
                for k in range(d + 1):
                    T[k, d + m] = -T[k, d + m]
            if faulty and uniform(faults) < faults[0]:
                perturb(T[int(uniform(faults) * (d + 1))], d + m + 1, faults)
            ctl[SIDE] = side  # T2 will serve this side
            copy_dictionary(T, col_id, row_id, d, m, d + m + 1, T2, col_id2, row_id2)
            ctl[M2] = m
            status, m, column, direction, pivots = minimise(
                T, d, m, d + m, col_id, row_id, True
            )
            ctl[M] = m
            ctl[LPS] += 1
            ctl[PIVOTS] += pivots
            claim = NEGATIVE if side != at_point or status != OPTIMAL else OPTIMAL
            if faulty and uniform(faults) < faults[0]:
                claim = OPTIMAL if claim != OPTIMAL else NEGATIVE
            if claim == OPTIMAL:
                for k in range(d):
                    z[k] = T[k + 1, d + m] / scale
                    if col_id[k] >= 0:
                        z[k] *= path_scale[col_id[k]]
                if faulty and uniform(faults) < faults[0]:
                    perturb(z, d, faults)
                proved = 0
                if not certify:
                    proved = 1
                else:
                    if not coefficients:
                        bound = lower_bound_in_box(
                            g, g_error[0], g_size, at_point, z, col_id, path_row, path_error,
                            path_size, P.low, P.high, d,
                        )
                        if bound > 0.0:
                            proved = 1
                    else:
                        if _finite_box(S.box_low[layer], S.box_high[layer], d):
                            bound = lower_bound_in_cell_box(
                                g, g_error, at_point, z, col_id, path_row, path_error,
                                S.box_low[layer], S.box_high[layer], d,
                            )
                            if bound > 0.0:
                                proved = 1
                        if proved == 0:
                            bound = lower_bound_by_basis(
                                g, g_error, at_point, z, col_id, path_row, path_error,
                                path_scale, T, d, work,
                            )
                            if bound >= 0.0:
                                proved = 1
                        if proved == 0 and proved_in_frame(P, S, layer, form, at_point):
                            proved = 1
                    if proved == 0 and g_grid != NOT_EXACT and nonnegative_by_integers(
                        g, g_grid, g_max, at_point, z, col_id, path_row, path_grid, path_max, d,
                        work,
                    ):
                        proved = 2
                if proved == 0:
                    ctl[REASON] = 2
                    return QUERY
                if proved == 1:
                    ctl[BY_FLOAT] += 1
                else:
                    ctl[BY_INTEGER] += 1
                verdict = at_point
            else:
                verdict = CUT
                other = plus_point if at_point < 0 else minus_point
                same = minus_point if at_point < 0 else plus_point
                for c in range(d):
                    same[c] = point[c]
                # the vertex (or ray) on the side where the point is not
                target = work[5]
                is_ray = status == RAY
                if side == at_point:
                    for c in range(d):
                        target[c] = T[column, c] * direction if is_ray else T[0, c]
                else:
                    is_ray = False
                    for c in range(d):
                        target[c] = T2[0, c]
                ctl[SOURCE] = RAY_PENDING if status == RAY else TWO_VERTICES
                ctl[RAY_COLUMN] = column
                if faulty and uniform(faults) < faults[0]:
                    perturb(target, d, faults)
                found = witness_beyond(
                    g, g_error, g_size, -at_point, point, target, is_ray, other, n_path, path_row,
                    path_error, path_size, coefficients, P.reach, d, work, certify,
                )
                if not found and not is_ray:
                    # a thin cell: try its middle; the objective is side * g in both
                    if side == at_point:
                        centre(T, d, m, -1.0, other)
                    else:
                        centre(T2, d, ctl[M2], 1.0, other)
                    found = sign_at(
                        g, g_error, g_size, coefficients, other, d, work
                    ) == -at_point and inside(
                        other, n_path, path_row, path_error, path_size, coefficients, P.reach, d
                    )
                if not found:
                    ctl[REASON] = 3
                    return QUERY
                ctl[PLUS_OK] = 1
                ctl[MINUS_OK] = 1
            if ctl[AUDIT] != 0:
                ctl[REASON] = 4
                ctl[ANSWER] = verdict
                return AUDITED

        # ------------------------------------------------------------------- its outcome
        m = ctl[M]
        if verdict == CUT and ctl[SOURCE] == RAY_PENDING:
            # a vertex of both children on the hyperplane itself
            column = ctl[RAY_COLUMN]
            entered = col_id[column - 1]
            pivot(T, d, d + m + 1, d + m, column)
            col_id[column - 1] = n_path
            if entered >= 0:
                row_id[m] = entered
                m += 1
            copy_dictionary(T, col_id, row_id, d, m, d + m, T2, col_id2, row_id2)
            ctl[M] = m
            ctl[M2] = m
            for i in range(d + m):
                T[column, i] = -T[column, i]  # T serves -SIDE: its slack is -SIDE * g
            ctl[SOURCE] = RAY_DONE
        if two:
            if verdict != CUT:
                codes[unit_at] = 1 if verdict == POS else 0
                ctl[POSITION] += 1
                continue
            # T serves the side -SIDE, T2 the side SIDE
            need = (d + 1) * (d + max(m, ctl[M2]) + 1) + d + 1 + n_err
            if (
                ctl[ARENA_TOP] + need > len(arena)
                or ctl[ID_TOP] + d + max(m, ctl[M2]) + 1 > len(arena_id)
            ):
                ctl[ANSWER] = CUT
                return GROW
            if ctl[SOURCE] != RAY_DONE:  # the objective is SIDE * g in both
                m = keep_objective(T, d, m, row_id, -1.0, n_path)
                ctl[M2] = keep_objective(T2, d, ctl[M2], row_id2, 1.0, n_path)
            ctl[M] = m
            ctl[POSITION] += 1
            num[WEIGHT] *= 0.5
            top = ctl[DEPTH]
            if ctl[SIDE] > 0:
                save_node(
                    top, layer, ctl[POSITION], ctl[OPEN_END], n_path, ctl[M2], -1, layer, form, 1,
                    g_grid, 1 - ctl[PLUS_OK], stack, ctl, arena, arena_id, T2, col_id2, row_id2, d,
                )
            else:
                save_node(
                    top, layer, ctl[POSITION], ctl[OPEN_END], n_path, m, -1, layer, form, 1,
                    g_grid, 1 - ctl[PLUS_OK], stack, ctl, arena, arena_id, T, col_id, row_id, d,
                )
                copy_dictionary(
                    T2, col_id2, row_id2, d, ctl[M2], d + ctl[M2], T, col_id, row_id
                )
                ctl[M] = ctl[M2]
            at = ctl[ARENA_TOP]
            for c in range(d + 1):
                arena[at + c] = g[c]
            at += d + 1
            for c in range(n_err):
                arena[at + c] = g_error[c]
            ctl[ARENA_TOP] = at + n_err
            stack_num[top, 0] = num[WEIGHT]
            stack_num[top, 1] = g_size
            stack_num[top, 2] = scale
            stack_num[top, 3] = g_max
            for c in range(d):
                stack_point[top, c] = plus_point[c]
            write_constraint(
                n_path, g, g_error, g_size, -1, scale, g_grid, g_max, layer, form, d, n_err,
                path_row, path_error, path_size, path_scale, path_grid, path_max, path_layer,
                path_form, path_sign,
            )
            ctl[N_PATH] = n_path + 1
            codes[unit_at] = 0
            for c in range(d):
                point[c] = minus_point[c]
            ctl[NODES] += 1
            if ctl[MINUS_OK] == 0:
                ctl[PHASE] = POP
                return SUBTREE
        else:
            if verdict == CUT:
                keep_t = ctl[SIDE] != sign_wanted  # T serves -SIDE
                if ctl[SOURCE] != RAY_DONE:
                    if keep_t:
                        ctl[M] = keep_objective(T, d, m, row_id, -1.0, n_path)
                    else:
                        ctl[M2] = keep_objective(T2, d, ctl[M2], row_id2, 1.0, n_path)
                if not keep_t:
                    copy_dictionary(
                        T2, col_id2, row_id2, d, ctl[M2], d + ctl[M2], T, col_id, row_id
                    )
                    ctl[M] = ctl[M2]
                write_constraint(
                    n_path, g, g_error, g_size, sign_wanted, scale, g_grid, g_max, layer, form, d,
                    n_err, path_row, path_error, path_size, path_scale, path_grid, path_max,
                    path_layer, path_form, path_sign,
                )
                ctl[N_PATH] = n_path + 1
                ctl[COND] += 1
                proved_point = ctl[PLUS_OK] if sign_wanted > 0 else ctl[MINUS_OK]
                chosen = plus_point if sign_wanted > 0 else minus_point
                for c in range(d):
                    point[c] = chosen[c]
                if proved_point == 0:
                    ctl[PHASE] = POP
                    return SUBTREE
            elif verdict == sign_wanted or (verdict == ZERO and not drops):
                ctl[COND] += 1
            else:  # the piece holds nowhere in this cell
                num[FINISHED] += num[WEIGHT]
                ctl[PHASE] = POP
        if ctl[M] >= capacity - 2:
            ctl[M] = make_room(T, d, ctl[M], row_id, capacity)


