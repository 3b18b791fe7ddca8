"""Certificates in the coordinates of a narrow layer, on unbounded cells (Numba).

Where fewer units than dimensions are active after a layer, all later forms depend on these
few directions only, and multipliers of constraints vanish exactly: no certificate in x can
see that through rounding. In the coordinates of the active state entries (the *frame*) the
forms are as short as the directions, the next layer's are exact as stored, and the
constraints that matter form a square system again.
"""

from __future__ import annotations

from .certificates import lower_bound_by_basis
from .conditions import form_terms
from .jit import kernel
from .rows import form_row, member_rows, state_rows

NONE = -1
SMALL_MULTIPLIER = 1e-9  # of guesses: which constraints take part


@kernel
def _output_entry(
    form, stride, n_units, codes, two_piece, piece_start, piece_member, piece_shift,
    piece_shift_error, piece_slope, piece_slope_error, piece_offset, piece_offset_error,
):  # fmt: skip
    """The unit whose output equals a condition form of its layer, or NONE.

    A unit that is on: its output is the form itself (slope 1, no offset, upper piece).
    """
    plus, minus, shift, shift_error = form_terms(
        form, stride, 0, piece_member, piece_shift, piece_shift_error
    )
    if minus >= 0 or shift != 0.0 or shift_error != 0.0:
        return NONE
    for k in range(n_units):
        if two_piece[k] and piece_start[k] * stride == form:
            piece = piece_start[k] + 1
            if (
                codes[k] == 1
                and piece_slope[piece] == 1.0
                and piece_slope_error[piece] == 0.0
                and piece_offset[piece] == 0.0
                and piece_offset_error[piece] == 0.0
                and plus == piece_member[piece]
            ):
                return k
            return NONE
    return NONE


@kernel
def _seed(dim, n, Z_zero, FZ, FZ_error, FZ_zero, frame_index):
    """State rows of the frame's first layer: the active entries are its coordinates."""
    place = 0
    for j in range(n):
        FZ_zero[j] = Z_zero[j]
        frame_index[j] = NONE
        for c in range(dim + 1):
            FZ[j, c] = 0.0
            FZ_error[j, c] = 0.0
        if Z_zero[j]:
            continue
        FZ[j, place] = 1.0
        frame_index[j] = place
        place += 1


@kernel
def build_frame(P, S, start, last):
    """Forms of the layers ``start`` .. ``last`` in the active state entries before ``start``."""
    d = P.mode[0]
    dim = S.active[start]
    at = P.state_at[start]
    _seed(
        dim, P.n_in[start], S.Z_zero[at:], S.FZ[at:], S.FZ_error[at:], S.FZ_zero[at:],
        S.frame_index[at:],
    )  # fmt: skip
    for layer in range(start, last + 1):
        new = P.state_at[layer]
        if layer > start:
            before = layer - 1
            u, unit, piece = P.mem_at[before], P.unit_at[before], P.piece_at[before]
            old = P.state_at[before]
            state_rows(
                P.n_units[before], S.codes[unit : unit + P.n_units[before]],
                P.piece_start[unit + before :], P.piece_member[piece:], P.piece_slope[piece:],
                P.piece_slope_error[piece:], P.piece_offset[piece:],
                P.piece_offset_error[piece:],
                S.F[u * (d + 1) :], S.F_error[u * (d + 1) :], S.F_size[u:], P.n_mem[before],
                P.keep[P.keep_at[before] : P.keep_at[before] + P.n_keep[before]],
                S.FZ[old:], S.FZ_error[old:], S.FZ_size[old:],
                S.FZ[new:], S.FZ_error[new:], S.FZ_size[new:], S.FZ_zero[new:], dim, True,
            )  # fmt: skip
        u = P.mem_at[layer]
        member_rows(
            P.n_in[layer], P.n_mem[layer], P.dense[layer] == 1, P.weight[P.weight_at[layer] :],
            P.weight_error[P.weight_at[layer] :], P.has_error[layer] == 1,
            P.column_start[P.column_at[layer] :], P.column_row[P.weight_at[layer] :],
            P.bias[u:], P.bias_error[u:], S.FZ[new:], S.FZ_error[new:], S.FZ_size[new:],
            S.FZ_zero[new:], S.F[u * (d + 1) :], S.F_error[u * (d + 1) :], S.F_size[u:],
            P.reach, dim, True, False,
        )  # fmt: skip
    S.frame[0] = start
    S.frame[1] = last


@kernel
def proved_in_frame(P, S, layer, form, sign):
    """Whether sign * form >= 0 on the cell is proved in the frame of some narrow layer.

    ``S.z`` holds the guessed multipliers of the nonbasic constraints. Those that take part
    must all be expressible in the frame and as many as its dimension. Frames are built when
    a proof needs them, and kept until the search enters one of their layers anew.
    """
    d = P.mode[0]
    rows, errors, inverse, work = S.frame_row, S.frame_error, S.frame_inverse, S.frame_work
    biggest = 0.0
    for k in range(d):
        biggest = max(biggest, abs(S.z[k]))
    dim = 0
    top = layer  # a constraint of an earlier layer may follow from those of later ones
    for k in range(d):
        if abs(S.z[k]) > SMALL_MULTIPLIER * biggest:
            if S.col_id[k] < 0:
                return False
            dim += 1
            top = max(top, S.path_layer[S.col_id[k]])
    if dim == d:
        return False
    for start in range(min(top, layer + 1), 0, -1):
        if S.active[start] != dim:
            continue
        if S.frame[0] != start or S.frame[1] < top:
            build_frame(P, S, start, top)
        count = 0
        for k in range(d + 1):  # the constraints that take part, then the form itself
            if k < d:
                if not abs(S.z[k]) > SMALL_MULTIPLIER * biggest:
                    continue
                ident = S.col_id[k]
                source, f, turned = S.path_layer[ident], S.path_form[ident], S.path_sign[ident]
            else:
                source, f, turned = layer, form, 1
            if source >= start:
                u = P.mem_at[source]
                plus, minus, shift, shift_error = form_terms(
                    f, P.stride[source], P.piece_at[source], P.piece_member, P.piece_shift,
                    P.piece_shift_error,
                )
                form_row(
                    plus, minus, shift, shift_error,
                    S.F[u * (d + 1) :], S.F_error[u * (d + 1) :], S.F_size[u:], P.n_mem[source],
                    dim, True, False, rows[count], errors[count],
                )  # fmt: skip
                if turned < 0:
                    for c in range(dim + 1):
                        rows[count, c] = -rows[count, c]
            elif source == start - 1 and turned > 0:
                unit, piece = P.unit_at[source], P.piece_at[source]
                entry = _output_entry(
                    f, P.stride[source], P.n_units[source], S.codes[unit:], P.two_piece[unit:],
                    P.piece_start[unit + source :], P.piece_member[piece:],
                    P.piece_shift[piece:], P.piece_shift_error[piece:],
                    P.piece_slope[piece:], P.piece_slope_error[piece:], P.piece_offset[piece:],
                    P.piece_offset_error[piece:],
                )  # fmt: skip
                if entry < 0 or S.frame_index[P.state_at[start] + entry] < 0:
                    break
                for c in range(dim + 1):
                    rows[count, c] = 0.0
                    errors[count, c] = 0.0
                rows[count, S.frame_index[P.state_at[start] + entry]] = 1.0
            else:
                break
            count += 1
        if count == dim + 1 and _invert(rows, inverse, dim, work):
            z = work[d]  # the multipliers anew, from the frame's own system
            for k in range(dim):
                total = 0.0
                for c in range(dim):
                    total += inverse[k + 1, c] * rows[dim, c]
                z[k] = sign * total
            bound = lower_bound_by_basis(
                rows[dim], errors[dim], sign, z, S.frame_ids, rows, errors, S.frame_ones,
                inverse, dim, S.work,
            )  # fmt: skip
            if bound >= 0.0:
                return True
    return False


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
