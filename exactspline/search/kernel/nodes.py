"""Nodes of the search: their constraints, dictionaries, and the stack of pending ones (Numba)."""

from __future__ import annotations

from .control import (
    ARENA_TOP,
    DEPTH,
    FILTERED,
    ID_TOP,
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
)
from .jit import kernel
from .simplex import drop_redundant, drop_row


@kernel
def copy_dictionary(T, col_id, row_id, d, m, n_rows, T2, col_id2, row_id2):
    for k in range(d + 1):
        a = T[k]
        b = T2[k]
        for i in range(n_rows):
            b[i] = a[i]
    for k in range(d):
        col_id2[k] = col_id[k]
    for i in range(m):
        row_id2[i] = row_id[i]


@kernel
def keep_objective(T, d, m, row_id, factor, ident):
    """Turn the objective row into the slack row of a new constraint; returns the new m."""
    for k in range(d + 1):
        T[k, d + m] *= factor
    row_id[m] = ident
    return m + 1


@kernel
def write_constraint(
    at, g, g_error, g_size, sign, scale, grid, biggest, layer, form, d, n_err,
    path_row, path_error, path_size, path_scale, path_grid, path_max, path_layer, path_form,
    path_sign,
):
    """Write the constraint sign * g >= 0 at place ``at`` of the path."""
    for c in range(d + 1):
        path_row[at, c] = sign * g[c]
    for c in range(n_err):
        path_error[at, c] = g_error[c]
    path_size[at] = g_size
    path_scale[at] = scale
    path_grid[at] = grid
    path_max[at] = biggest
    path_layer[at] = layer
    path_form[at] = form
    path_sign[at] = sign


@kernel
def make_room(T, d, m, row_id, capacity):
    """Forget implied slacks, then the farthest ones, until the dictionary has room again."""
    m = drop_redundant(T, d, m, row_id)
    while m > capacity // 2:
        far = 0
        for i in range(m):
            if T[0, d + i] > T[0, d + far]:
                far = i
        m = drop_row(T, d, m, row_id, far)
    return m


@kernel
def save_node(
    top, layer, position, open_end, n_path, m, piece, con_layer, con_form, con_sign, con_grid,
    exact, stack, ctl, arena, arena_id, T, col_id, row_id, d,
):
    """Put a node with its dictionary on the stack."""
    stack[top, S_LAYER] = layer
    stack[top, S_POSITION] = position
    stack[top, S_OPEN_END] = open_end
    stack[top, S_N_PATH] = n_path
    stack[top, S_M] = m
    stack[top, S_PIECE] = piece
    stack[top, S_CON_LAYER] = con_layer
    stack[top, S_CON_FORM] = con_form
    stack[top, S_CON_SIGN] = con_sign
    stack[top, S_CON_GRID] = con_grid
    stack[top, S_EXACT] = exact
    stack[top, S_FILTERED] = ctl[FILTERED]
    stack[top, S_ARENA] = ctl[ARENA_TOP]
    stack[top, S_ID] = ctl[ID_TOP]
    at = ctl[ARENA_TOP]
    for k in range(d + 1):
        row = T[k]
        for i in range(d + m):
            arena[at + i] = row[i]
        at += d + m
    ctl[ARENA_TOP] = at
    ids = ctl[ID_TOP]
    for k in range(d):
        arena_id[ids + k] = col_id[k]
    for i in range(m):
        arena_id[ids + d + i] = row_id[i]
    ctl[ID_TOP] = ids + d + m
    ctl[DEPTH] = top + 1
