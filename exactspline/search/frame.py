"""Certificates in the coordinates of a narrow layer, on unbounded cells (Numba).

Where fewer units than dimensions are active after a layer, all later forms depend on these
few directions only, and multipliers of constraints vanish exactly: no certificate in x can
see that through rounding. In the coordinates of the active state entries (the *frame*) the
forms are as short as the directions, the next layer's are exact as stored, and the
constraints that matter form a square system again.
"""

from __future__ import annotations

from .certificates import lower_bound_by_basis
from .jit import kernel
from .rows import form_row, member_rows, state_rows

NONE = -1
SMALL_MULTIPLIER = 1e-9  # of guesses: which constraints take part


@kernel
def _members(P, S, layer, dim):
    """Members of a layer in the frame, from the state rows before it."""
    d = P.mode[0]
    u, at = P.mem_at[layer], P.state_at[layer]
    member_rows(
        P.n_in[layer], P.n_mem[layer], P.dense[layer] == 1, P.weight[P.weight_at[layer] :],
        P.weight_error[P.weight_at[layer] :], P.has_error[layer] == 1,
        P.column_start[P.column_at[layer] :], P.column_row[P.weight_at[layer] :], P.bias[u:],
        P.bias_error[u:], S.FZ[at:], S.FZ_error[at:], S.FZ_size[at:], S.FZ_zero[at:],
        S.F[u * (d + 1) :], S.F_error[u * (d + 1) :], S.F_size[u:], P.reach, dim, True, False,
    )  # fmt: skip


@kernel
def _build(P, S, start, last):
    """Forms of the layers ``start`` .. ``last`` in the active state entries before ``start``."""
    d = P.mode[0]
    at = P.state_at[start]
    dim = S.active[start]
    place = 0
    for j in range(P.n_in[start]):
        S.FZ_zero[at + j] = S.Z_zero[at + j]
        S.frame_index[at + j] = NONE
        if S.Z_zero[at + j]:
            continue
        for c in range(dim + 1):
            S.FZ[at + j, c] = 0.0
            S.FZ_error[at + j, c] = 0.0
        S.FZ[at + j, place] = 1.0
        S.frame_index[at + j] = place
        place += 1
    _members(P, S, start, dim)
    for layer in range(start + 1, last + 1):
        before = layer - 1
        u, unit, piece = P.mem_at[before], P.unit_at[before], P.piece_at[before]
        old, new = P.state_at[before], P.state_at[layer]
        state_rows(
            P.n_units[before], S.codes[unit : unit + P.n_units[before]],
            P.piece_start[unit + before :], P.piece_member[piece:], P.piece_slope[piece:],
            P.piece_slope_error[piece:], P.piece_offset[piece:], P.piece_offset_error[piece:],
            S.F[u * (d + 1) :], S.F_error[u * (d + 1) :], S.F_size[u:], P.n_mem[before],
            P.keep[P.keep_at[before] : P.keep_at[before] + P.n_keep[before]],
            S.FZ[old:], S.FZ_error[old:], S.FZ_size[old:],
            S.FZ[new:], S.FZ_error[new:], S.FZ_size[new:], S.FZ_zero[new:], dim, True,
        )  # fmt: skip
        _members(P, S, layer, dim)


@kernel
def _frame_form(P, S, layer, form, dim, d, out, out_error):
    at = P.form_at[layer] + form
    u = P.mem_at[layer]
    form_row(
        P.form_plus[at], P.form_minus[at], P.form_shift[at], P.form_shift_error[at],
        S.F[u * (d + 1) :], S.F_error[u * (d + 1) :], S.F_size[u:], P.n_mem[layer], dim, True,
        False, out, out_error,
    )  # fmt: skip


@kernel
def _output_entry(P, S, layer, form):
    """The state entry that equals a condition form of the layer before it, or NONE.

    A unit that is on: its output is the form itself (slope 1, no offset, upper piece).
    """
    unit_at = P.unit_at[layer]
    for k in range(P.n_units[layer]):
        if P.two_piece[unit_at + k] and P.two_form[unit_at + k] == form:
            piece = P.piece_at[layer] + P.piece_start[unit_at + layer + k] + 1
            f = P.form_at[layer] + form
            if (
                S.codes[unit_at + k] == 1
                and P.piece_slope[piece] == 1.0
                and P.piece_slope_error[piece] == 0.0
                and P.piece_offset[piece] == 0.0
                and P.piece_offset_error[piece] == 0.0
                and P.form_minus[f] < 0
                and P.form_plus[f] == P.piece_member[piece]
                and P.form_shift[f] == 0.0
                and P.form_shift_error[f] == 0.0
            ):
                return k
            return NONE
    return NONE


@kernel
def proved_in_frame(P, S, layer, form, sign):
    """Whether sign * form >= 0 on the cell is proved in the frame of some narrow layer.

    ``S.z`` holds the guessed multipliers of the nonbasic constraints. Those that take part
    must all be expressible in the frame and as many as its dimension. Frames are built when
    a proof needs them, and kept until the search enters one of their layers anew.
    """
    d = P.mode[0]
    narrowest = d
    for start in range(1, layer + 1):
        narrowest = min(narrowest, S.active[start])
    if narrowest == d:
        return False
    wanted = 0
    biggest = 0.0
    for k in range(d):
        biggest = max(biggest, abs(S.z[k]))
    for k in range(d):
        if abs(S.z[k]) > SMALL_MULTIPLIER * biggest:
            wanted += 1
    for start in range(layer, 0, -1):
        if S.active[start] != wanted or wanted == d:
            continue
        if S.frame[0] != start or S.frame[1] < layer:
            _build(P, S, start, layer)
            S.frame[0] = start
            S.frame[1] = layer
        if _proved(P, S, start, layer, form, sign, biggest):
            return True
    return False


@kernel
def _proved(P, S, start, layer, form, sign, biggest):
    d = P.mode[0]
    dim = S.active[start]
    rows, errors, inverse, work = S.frame_row, S.frame_error, S.frame_inverse, S.frame_work
    count = 0
    for k in range(d):
        if not abs(S.z[k]) > SMALL_MULTIPLIER * biggest:
            continue
        ident = S.col_id[k]
        if ident < 0 or count == dim:
            return False
        from_layer = S.path_layer[ident]
        if from_layer >= start:
            _frame_form(
                P, S, from_layer, S.path_form[ident], dim, d, rows[count], errors[count]
            )
            if S.path_sign[ident] < 0:
                for c in range(dim + 1):
                    rows[count, c] = -rows[count, c]
        elif from_layer == start - 1 and S.path_sign[ident] > 0:
            entry = _output_entry(P, S, from_layer, S.path_form[ident])
            if entry < 0:
                return False
            place = S.frame_index[P.state_at[start] + entry]
            if place < 0:
                return False
            for c in range(dim + 1):
                rows[count, c] = 0.0
                errors[count, c] = 0.0
            rows[count, place] = 1.0
        else:
            return False
        count += 1
    if count != dim:
        return False
    if not _invert(rows, inverse, dim, work):
        return False
    g, g_error = rows[dim], errors[dim]  # count == dim < d + 1: the last rows are free
    _frame_form(P, S, layer, form, dim, d, g, g_error)
    # multipliers anew, from the frame's own system
    z = S.frame_work[d]
    for k in range(dim):
        total = 0.0
        for c in range(dim):
            total += inverse[k + 1, c] * g[c]
        z[k] = sign * total
    return (
        lower_bound_by_basis(
            g, g_error, sign, z, S.frame_ids, rows, errors, S.frame_ones, inverse, dim, S.work
        )
        >= 0.0
    )


@kernel
def _invert(rows, inverse, n, work):
    """inverse[k + 1, c] = X_ck with rows X = I (Gauss-Jordan); False if singular."""
    for r in range(n):
        for c in range(n):
            work[r, c] = rows[r, c]
            work[r, n + c] = 1.0 if r == c else 0.0
    for c in range(n):
        top = c
        for r in range(c + 1, n):
            if abs(work[r, c]) > abs(work[top, c]):
                top = r
        if abs(work[top, c]) < 1e-14:
            return False
        if top != c:
            for j in range(2 * n):
                swap = work[c, j]
                work[c, j] = work[top, j]
                work[top, j] = swap
        scale = 1.0 / work[c, c]
        for j in range(2 * n):
            work[c, j] *= scale
        for r in range(n):
            if r != c and work[r, c] != 0.0:
                factor = work[r, c]
                for j in range(2 * n):
                    work[r, j] -= factor * work[c, j]
    for k in range(n):
        for c in range(n):
            inverse[k + 1, c] = work[c, n + k]
    return True
