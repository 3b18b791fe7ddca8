"""The affine forms of a layer on a cell, in float64 with proved error bounds (Numba).

Members of layer l are stored by columns, ``U[c, i]`` (c = d is the constant), so that the
product with the weights is a sum of long vectors; state entries by rows, ``Z[j, c]``.

Bounds: in *box mode* one number a form, the supremum over the domain's box of |computed -
exact|; in *coefficient mode* one number a coefficient. ``size`` is sum |coefficient| max |x|
+ |constant| in box mode. When all entries of a layer are multiples of a power of two 2^grid
and no sum can reach 2^53 grid units, nothing was rounded at all and the bound is 0.
"""

from __future__ import annotations

from .certificates import UNDERFLOW, gamma
from .jit import kernel

NOT_EXACT = -9999
SMALL = 1e-140  # with weights of at least 1e-150 (smaller ones carry a bound) nothing underflows
EXACT_LIMIT = 4503599627370496.0  # 2^52: one bit to spare below 2^53


@kernel
def state_rows(
    n_units,
    codes,
    piece_start,
    piece_member,
    piece_slope,
    piece_slope_error,
    piece_offset,
    piece_offset_error,
    U,
    U_error,
    U_size,
    n_mem,
    keep,
    old_Z,
    old_error,
    old_size,
    Z,
    Z_error,
    Z_size,
    zero,
    d,
    coefficients,
):
    """Rows of the state after a layer, from the codes of its units and the state before."""
    n_err = d + 1 if coefficients else 1
    for k in range(n_units):
        piece = piece_start[k] + codes[k]
        slope = piece_slope[piece]
        slope_error = piece_slope_error[piece]
        offset = piece_offset[piece]
        offset_error = piece_offset_error[piece]
        is_zero = slope == 0.0 and slope_error == 0.0 and offset == 0.0 and offset_error == 0.0
        zero[k] = is_zero
        if is_zero:  # written all the same: a later layer may pass the entry on
            for c in range(d + 1):
                Z[k, c] = 0.0
            for c in range(n_err):
                Z_error[k, c] = 0.0
            Z_size[k] = 0.0
            continue
        i = piece_member[piece]
        plain = slope == 1.0 and slope_error == 0.0 and offset == 0.0 and offset_error == 0.0
        plain = plain or (
            slope == -1.0 and slope_error == 0.0 and offset == 0.0 and offset_error == 0.0
        )
        for c in range(d + 1):
            Z[k, c] = slope * U[c * n_mem + i]
        Z[k, d] += offset
        if coefficients:
            for c in range(d + 1):
                u, off = abs(U[c * n_mem + i]), U_error[c * n_mem + i]
                e = abs(slope) * off
                if not plain:
                    e += slope_error * (u + off) + gamma(2) * abs(slope) * u
                    # not asked of e: products of nonzero numbers may have vanished
                    e = e * (1.0 + 1e-12) + (UNDERFLOW if off > 0.0 or u > 0.0 else 0.0)
                Z_error[k, c] = e
            if not plain:
                Z_error[k, d] += (offset_error + gamma(2) * abs(offset)) * (1.0 + 1e-12)
        else:
            e = abs(slope) * U_error[i]
            if not plain:
                e += slope_error * (U_size[i] + U_error[i]) + offset_error
                e += gamma(2) * (abs(slope) * U_size[i] + abs(offset)) + UNDERFLOW
                e *= 1.0 + 1e-12
            Z_error[k, 0] = e
            Z_size[k] = (abs(slope) * U_size[i] + abs(offset)) * (1.0 + 1e-12)
    for k in range(len(keep)):
        j = keep[k]
        at = n_units + k
        zero[at] = True
        for c in range(d + 1):
            Z[at, c] = old_Z[j, c]
            if Z[at, c] != 0.0:
                zero[at] = False
        for c in range(n_err):
            Z_error[at, c] = old_error[j, c]
            if Z_error[at, c] != 0.0:
                zero[at] = False
        Z_size[at] = old_size[j]


@kernel
def member_rows(
    n_in,
    n_mem,
    dense,
    W,
    W_error,
    has_error,
    col_start,
    col_row,
    bias,
    bias_error,
    Z,
    Z_error,
    Z_size,
    zero,
    U,
    U_error,
    U_size,
    reach,
    d,
    coefficients,
    exact,
):
    """Members u = P z + p on a cell, for the rows Z of the state; inactive entries drop out.

    ``exact`` promises that no operation rounds (the caller checked grid and magnitude).
    """
    for i in range(d * n_mem):
        U[i] = 0.0
    constants = U[d * n_mem : (d + 1) * n_mem]
    for i in range(n_mem):
        constants[i] = bias[i]
    n_err = (d + 1) * n_mem if coefficients else n_mem
    for i in range(n_err):
        U_error[i] = 0.0
    active = 0
    for j in range(n_in):
        if zero[j]:
            continue
        active += 1
        if dense:
            # views, so that the loop's indices are plainly nonnegative and it is vectorised
            row = W[j * n_mem : (j + 1) * n_mem]
            for c in range(d + 1):
                z = Z[j, c]
                if z != 0.0:
                    target = U[c * n_mem : (c + 1) * n_mem]
                    for i in range(n_mem):
                        target[i] += z * row[i]
        else:
            for s in range(col_start[j], col_start[j + 1]):
                i = col_row[s]
                w = W[s]
                for c in range(d + 1):
                    U[c * n_mem + i] += w * Z[j, c]
    rounding = gamma(active + 1)
    if not exact:
        for j in range(n_in):
            if zero[j]:
                continue
            if coefficients:
                for c in range(d + 1):
                    t = (Z_error[j, c] + rounding * abs(Z[j, c])) * (1.0 + 1e-12)
                    s_size = abs(Z[j, c]) + Z_error[j, c]
                    if t == 0.0 and s_size == 0.0:
                        continue
                    t = max(t, SMALL)  # so that a product that underflows leaves a bound
                    s_size = max(s_size, SMALL)
                    _add_error(
                        j, n_mem, dense, W, W_error, has_error, col_start, col_row, t, s_size,
                        U_error, c * n_mem,
                    )
            else:
                t = max((Z_error[j, 0] + rounding * Z_size[j]) * (1.0 + 1e-12), SMALL)
                _add_error(
                    j, n_mem, dense, W, W_error, has_error, col_start, col_row, t,
                    max(Z_size[j] + Z_error[j, 0], SMALL), U_error, 0,
                )
    constant = d * n_mem if coefficients else 0
    inflate = 1.0 + 1e-9  # the sums of bounds round too
    if not exact:
        for i in range(n_mem):
            if active > 0:
                U_error[constant + i] += rounding * abs(bias[i])
            U_error[constant + i] += bias_error[i]
        for i in range(n_err):
            if U_error[i] > 0.0:
                U_error[i] = U_error[i] * inflate + UNDERFLOW
    if not coefficients:
        column = U[d * n_mem : (d + 1) * n_mem]
        for i in range(n_mem):
            U_size[i] = abs(column[i])
        for c in range(d):
            r = reach[c]
            column = U[c * n_mem : (c + 1) * n_mem]
            for i in range(n_mem):
                U_size[i] += abs(column[i]) * r
        for i in range(n_mem):
            U_size[i] *= inflate


@kernel
def _add_error(
    j, n_mem, dense, W, W_error, has_error, col_start, col_row, t, size, U_error, at
):
    """U_error[at + i] += |W_ij| t + W_error_ij size."""
    if dense:
        row = W[j * n_mem : (j + 1) * n_mem]
        target = U_error[at : at + n_mem]
        for i in range(n_mem):
            target[i] += abs(row[i]) * t
        if has_error:
            bound = W_error[j * n_mem : (j + 1) * n_mem]
            for i in range(n_mem):
                target[i] += bound[i] * size
    else:
        for s in range(col_start[j], col_start[j + 1]):
            U_error[at + col_row[s]] += abs(W[s]) * t
            if has_error:
                U_error[at + col_row[s]] += W_error[s] * size


@kernel
def form_row(
    plus, minus, shift, shift_error, U, U_error, U_size, n_mem, d, coefficients, exact, g, g_error
):
    """One condition form u[plus] - u[minus] + shift; returns its size (box mode)."""
    size = 0.0
    plus_there, minus_there = False, False
    for c in range(d + 1):
        value = 0.0
        if plus >= 0 and U[c * n_mem + plus] != 0.0:
            value = U[c * n_mem + plus]
            plus_there = True
        if minus >= 0 and U[c * n_mem + minus] != 0.0:
            value -= U[c * n_mem + minus]
            minus_there = True
        if c == d:
            value += shift
        g[c] = value
    # a single term is not rounded
    rounds = not exact and plus_there + minus_there + (shift != 0.0) > 1
    if coefficients:
        for c in range(d + 1):
            e = 0.0
            terms = 0.0
            if plus >= 0:
                e += U_error[c * n_mem + plus]
                terms += abs(U[c * n_mem + plus])
            if minus >= 0:
                e += U_error[c * n_mem + minus]
                terms += abs(U[c * n_mem + minus])
            if c == d:
                e += shift_error
                terms += abs(shift)
            if rounds and terms > 0.0:
                e = (e + gamma(2) * terms) * (1.0 + 1e-12) + UNDERFLOW
            g_error[c] = e
        return 0.0
    e = 0.0
    if plus >= 0:
        e += U_error[plus]
        size += U_size[plus]
    if minus >= 0:
        e += U_error[minus]
        size += U_size[minus]
    e += shift_error
    size += abs(shift)
    if rounds:
        e = (e + gamma(2) * size) * (1.0 + 1e-12) + UNDERFLOW
    g_error[0] = e
    return size
