"""Nodes of the search: their constraints, dictionaries, and the stack of pending ones (Numba)."""

from __future__ import annotations

from . import control as c
from .jit import kernel
from .simplex import drop_redundant, drop_row


@kernel
def error_width(P):
    """Numbers in an error bound: one a coefficient, or one."""
    return P.mode[c.DIM] + 1 if P.mode[c.COEFFICIENTS] == 1 else 1


@kernel
def copy_dictionary(source, target, d, m, n_rows):
    """Copy the first rows of a dictionary with m slacks."""
    for k in range(d + 1):
        a = source.T[k]
        b = target.T[k]
        for i in range(n_rows):
            b[i] = a[i]
    for k in range(d):
        target.col_id[k] = source.col_id[k]
    for i in range(m):
        target.row_id[i] = source.row_id[i]


@kernel
def keep_objective(dictionary, d, m, factor, ident):
    """Turn the objective row into the slack row of a new constraint; returns the new m."""
    T = dictionary.T
    for k in range(d + 1):
        T[k, d + m] *= factor
    dictionary.row_id[m] = ident
    return m + 1


@kernel
def write_constraint(P, S, sign):
    """Add the constraint sign * form >= 0 of the form that was asked to the path."""
    path, at = S.path, S.ctl[c.N_PATH]
    row, error = path.row[at], path.error[at]
    for k in range(len(row)):
        row[k] = sign * S.form.g[k]
    for k in range(len(error)):
        error[k] = S.form.error[k]
    path.size[at] = S.num[c.FORM_SIZE]
    path.scale[at] = S.num[c.FORM_SCALE]
    path.grid[at] = S.ctl[c.FORM_GRID]
    path.largest[at] = S.num[c.FORM_LARGEST]
    path.layer[at] = S.ctl[c.LAYER]
    path.form[at] = S.ctl[c.QUERY_FORM]
    path.sign[at] = sign
    S.ctl[c.N_PATH] = at + 1


@kernel
def make_room(dictionary, d, m):
    """Forget implied slacks, then the farthest ones, until the dictionary has room again."""
    T, row_id = dictionary.T, dictionary.row_id
    capacity = len(row_id)
    if m < capacity - 2:
        return m
    m = drop_redundant(T, d, m, row_id)
    while m > capacity // 2:
        far = 0
        for i in range(m):
            if T[0, d + i] > T[0, d + far]:
                far = i
        m = drop_row(T, d, m, row_id, far)
    return m


@kernel
def has_room(P, S, m, more):
    """Whether a dictionary of m slacks, and ``more`` numbers, can be put aside."""
    d = P.mode[c.DIM]
    return S.ctl[c.ARENA_TOP] + (d + 1) * (d + m) + more <= len(S.pending.arena) and S.ctl[
        c.ID_TOP
    ] + d + m <= len(S.pending.arena_id)


@kernel
def save_node(P, S, dictionary, m, piece):
    """Put the current node, with a dictionary, on the stack; its place there.

    Without a constraint of its own: see `save_constraint`.
    """
    ctl, d = S.ctl, P.mode[c.DIM]
    top = ctl[c.DEPTH]
    row = S.pending.stack[top]
    row[c.S_LAYER] = ctl[c.LAYER]
    row[c.S_POSITION] = ctl[c.POSITION]
    row[c.S_OPEN_END] = ctl[c.OPEN_END]
    row[c.S_N_PATH] = ctl[c.N_PATH]
    row[c.S_M] = m
    row[c.S_PIECE] = piece
    row[c.S_CON_SIGN] = 0
    row[c.S_EXACT] = 0
    row[c.S_FILTERED] = ctl[c.FILTERED]
    row[c.S_ARENA] = ctl[c.ARENA_TOP]
    row[c.S_ID] = ctl[c.ID_TOP]
    arena, at = S.pending.arena, ctl[c.ARENA_TOP]
    for k in range(d + 1):
        column = dictionary.T[k]
        for i in range(d + m):
            arena[at + i] = column[i]
        at += d + m
    ctl[c.ARENA_TOP] = at
    arena_id, ids = S.pending.arena_id, ctl[c.ID_TOP]
    for k in range(d):
        arena_id[ids + k] = dictionary.col_id[k]
    for i in range(m):
        arena_id[ids + d + i] = dictionary.row_id[i]
    ctl[c.ID_TOP] = ids + d + m
    ctl[c.DEPTH] = top + 1
    if P.mode[c.SEEKS] > 0:
        for k in range(d):
            S.pending.box[top, k] = S.boxes.cell_low[k]
            S.pending.box[top, d + k] = S.boxes.cell_high[k]
    return top


@kernel
def save_constraint(P, S, top, sign):
    """Give the sibling at the top of the stack the constraint sign * form >= 0, and its point."""
    ctl, arena = S.ctl, S.pending.arena
    row, num = S.pending.stack[top], S.pending.num[top]
    row[c.S_CON_LAYER] = ctl[c.LAYER]
    row[c.S_CON_FORM] = ctl[c.QUERY_FORM]
    row[c.S_CON_SIGN] = sign
    row[c.S_CON_GRID] = ctl[c.FORM_GRID]
    row[c.S_EXACT] = 1 - ctl[c.PLUS_OK if sign > 0 else c.MINUS_OK]
    at, width, n_err = ctl[c.ARENA_TOP], P.mode[c.DIM] + 1, error_width(P)
    for k in range(width):
        arena[at + k] = sign * S.form.g[k]
    at += width
    for k in range(n_err):
        arena[at + k] = S.form.error[k]
    ctl[c.ARENA_TOP] = at + n_err
    num[c.S_WEIGHT] = S.num[c.WEIGHT]
    num[c.S_SIZE] = S.num[c.FORM_SIZE]
    num[c.S_SCALE] = S.num[c.FORM_SCALE]
    num[c.S_LARGEST] = S.num[c.FORM_LARGEST]
    point, low = (S.plus_point, S.plus_low) if sign > 0 else (S.minus_point, S.minus_low)
    for k in range(P.mode[c.DIM]):
        S.pending.point[top, k] = point[k]
        S.pending.point_low[top, k] = low[k]


@kernel
def load_node(P, S, top):
    """Make a pending sibling the current node."""
    ctl, d = S.ctl, P.mode[c.DIM]
    row = S.pending.stack[top]
    m = row[c.S_M]
    ctl[c.M] = m
    ctl[c.LAYER] = row[c.S_LAYER]
    ctl[c.POSITION] = row[c.S_POSITION]
    ctl[c.OPEN_END] = row[c.S_OPEN_END]
    ctl[c.N_PATH] = row[c.S_N_PATH]
    ctl[c.PIECE] = row[c.S_PIECE]
    ctl[c.FILTERED] = row[c.S_FILTERED]
    ctl[c.LOOKED] = row[c.S_N_PATH]
    ctl[c.COND] = 0
    S.num[c.WEIGHT] = S.pending.num[top, c.S_WEIGHT]
    arena, at = S.pending.arena, row[c.S_ARENA]
    ctl[c.ARENA_TOP] = at
    for k in range(d + 1):
        column = S.dictionary.T[k]
        for i in range(d + m):
            column[i] = arena[at + i]
        at += d + m
    arena_id, ids = S.pending.arena_id, row[c.S_ID]
    ctl[c.ID_TOP] = ids
    for k in range(d):
        S.dictionary.col_id[k] = arena_id[ids + k]
    for i in range(m):
        S.dictionary.row_id[i] = arena_id[ids + d + i]
    for k in range(d):
        S.point[k] = S.pending.point[top, k]
        S.point_low[k] = S.pending.point_low[top, k]
    if P.mode[c.SEEKS] > 0:
        for k in range(d):
            S.boxes.cell_low[k] = S.pending.box[top, k]
            S.boxes.cell_high[k] = S.pending.box[top, d + k]
    if row[c.S_CON_SIGN] != 0:
        _load_constraint(P, S, top, at)


@kernel
def _load_constraint(P, S, top, at):
    """Add the constraint of a two-piece unit's child to the path; it was saved at ``at``."""
    arena, path, new = S.pending.arena, S.path, S.ctl[c.N_PATH]
    row, num = S.pending.stack[top], S.pending.num[top]
    width, n_err = P.mode[c.DIM] + 1, error_width(P)
    for k in range(width):
        path.row[new, k] = arena[at + k]
    at += width
    for k in range(n_err):
        path.error[new, k] = arena[at + k]
    path.size[new] = num[c.S_SIZE]
    path.scale[new] = num[c.S_SCALE]
    path.largest[new] = num[c.S_LARGEST]
    path.grid[new] = row[c.S_CON_GRID]
    path.layer[new] = row[c.S_CON_LAYER]
    path.form[new] = row[c.S_CON_FORM]
    path.sign[new] = row[c.S_CON_SIGN]
    S.ctl[c.N_PATH] = new + 1
    unit = S.open_units[S.ctl[c.POSITION] - 1]
    S.codes[P.layers.unit_at[S.ctl[c.LAYER]] + unit] = 1 if row[c.S_CON_SIGN] > 0 else 0
