"""The affine forms of a layer on a cell, in float64 with proved error bounds (Numba).

Members of layer l are stored by columns, ``U[c, i]`` (c = d is the constant), so that the
product with the weights is a sum of long vectors; state entries by rows, ``Z[j, c]``.

Bounds: in *box mode* one number a form, the supremum over the domain's box of |computed -
exact|; in *coefficient mode* one number a coefficient. ``size`` is sum |coefficient| max |x|
+ |constant| in box mode. When all entries of a layer are multiples of a power of two 2^grid
and no sum can reach 2^53 grid units, nothing was rounded at all and the bound is 0.
"""

from __future__ import annotations

from . import control as c
from .certificates import UNDERFLOW, gamma
from .conditions import form_terms
from .jit import kernel

NOT_EXACT = -9999
SMALL = 1e-140  # with weights of at least 1e-150 (smaller ones carry a bound) nothing underflows
EXACT_LIMIT = 4503599627370496.0  # 2^52: one bit to spare below 2^53
INFLATE = 1.0 + 1e-9  # the sums of bounds round too


@kernel
def state_rows(P, codes, layer, members, entries, dim):
    """Rows of the state after layer - 1, from the codes of its units and the state before it.

    ``dim``: the number of coordinates of the rows, which may be fewer than those searched.
    """
    before = layer - 1
    coefficients = P.mode[c.COEFFICIENTS] == 1
    n_err = dim + 1 if coefficients else 1
    n_mem, u = P.layers.n_mem[before], P.layers.mem_at[before]
    U = members.U[u * (P.mode[c.DIM] + 1) :]
    U_error = members.error[u * (P.mode[c.DIM] + 1) if coefficients else u :]
    U_size = members.size[u:]
    unit, base = P.layers.unit_at[before], P.layers.piece_at[before]
    old, new = P.layers.state_at[before], P.layers.state_at[layer]
    for k in range(P.layers.n_units[before]):
        piece = base + P.units.start[unit + before + k] + codes[unit + k]
        state_row(P, piece, n_mem, dim, U, U_error, U_size, entries, new + k)
    passed_on(P, entries, old, new, before, dim, n_err)


@kernel
def state_row(P, piece, n_mem, dim, U, U_error, U_size, entries, at):
    """One row of the state: the piece's slope times its member, plus its offset."""
    coefficients = P.mode[c.COEFFICIENTS] == 1
    Z, Z_error = entries.Z[at], entries.error[at]
    slope, slope_error = P.units.slope[piece], P.units.slope_error[piece]
    offset, offset_error = P.units.offset[piece], P.units.offset_error[piece]
    is_zero = slope == 0.0 and slope_error == 0.0 and offset == 0.0 and offset_error == 0.0
    entries.zero[at] = is_zero
    if is_zero:  # written all the same: a later layer may pass the entry on
        for j in range(dim + 1):
            Z[j] = 0.0
        for j in range(len(Z_error)):
            Z_error[j] = 0.0
        entries.size[at] = 0.0
        return
    i = P.units.member[piece]
    plain = abs(slope) == 1.0 and slope_error == 0.0 and offset == 0.0 and offset_error == 0.0
    for j in range(dim + 1):
        Z[j] = slope * U[j * n_mem + i]
    Z[dim] += offset
    if coefficients:
        for j in range(dim + 1):
            value, off = abs(U[j * n_mem + i]), U_error[j * n_mem + i]
            e = abs(slope) * off
            if not plain:
                e += slope_error * (value + off) + gamma(2) * abs(slope) * value
                # not asked of e: products of nonzero numbers may have vanished
                e = e * (1.0 + 1e-12) + (UNDERFLOW if off > 0.0 or value > 0.0 else 0.0)
            if slope == 0.0 and slope_error == 0.0:
                e = 0.0  # whatever the member is
            Z_error[j] = e
        if not plain:
            Z_error[dim] += (offset_error + gamma(2) * abs(offset)) * (1.0 + 1e-12)
    else:
        e = abs(slope) * U_error[i]
        if not plain:
            e += slope_error * (U_size[i] + U_error[i]) + offset_error
            e += gamma(2) * (abs(slope) * U_size[i] + abs(offset)) + UNDERFLOW
            e *= 1.0 + 1e-12
        Z_error[0] = e
        entries.size[at] = (abs(slope) * U_size[i] + abs(offset)) * (1.0 + 1e-12)


@kernel
def passed_on(P, entries, old, new, before, dim, n_err):
    """Copy the rows of entries that a layer passes on; see `state_rows`."""
    keep = P.weights.keep[P.layers.keep_at[before] :]
    for k in range(P.layers.n_keep[before]):
        source = old + keep[k]
        at = new + P.layers.n_units[before] + k
        zero = True
        for j in range(dim + 1):
            value = entries.Z[source, j]
            entries.Z[at, j] = value
            if value != 0.0:
                zero = False
        for j in range(n_err):
            value = entries.error[source, j]
            entries.error[at, j] = value
            if value != 0.0:
                zero = False
        entries.zero[at] = zero
        entries.size[at] = entries.size[source]


@kernel
def member_rows(P, layer, entries, members, dim, exact):
    """Members u = P z + p on a cell, for the rows Z of the state; inactive entries drop out.

    ``exact`` promises that no operation rounds (the caller checked grid and magnitude).
    ``dim``: as in `state_rows`.
    """
    coefficients = P.mode[c.COEFFICIENTS] == 1
    n_in, n_mem, u = P.layers.n_in[layer], P.layers.n_mem[layer], P.layers.mem_at[layer]
    U = members.U[u * (P.mode[c.DIM] + 1) :]
    bias = P.weights.bias[u:]
    for i in range(dim * n_mem):
        U[i] = 0.0
    constants = U[dim * n_mem : (dim + 1) * n_mem]
    for i in range(n_mem):
        constants[i] = bias[i]
    new = P.layers.state_at[layer]
    weight = P.weights.weight[P.weights.weight_at[layer] :]
    start = P.weights.column_start[P.weights.column_at[layer] :]
    column_row = P.weights.column_row[P.weights.weight_at[layer] :]
    active = 0
    for j in range(n_in):
        if entries.zero[new + j]:
            continue
        active += 1
        Z = entries.Z[new + j]
        if P.weights.dense[layer] == 1:
            # views, so that the loop's indices are plainly nonnegative and it is vectorised
            row = weight[j * n_mem : (j + 1) * n_mem]
            for k in range(dim + 1):
                z = Z[k]
                if z != 0.0:
                    target = U[k * n_mem : (k + 1) * n_mem]
                    for i in range(n_mem):
                        target[i] += z * row[i]
        else:
            for s in range(start[j], start[j + 1]):
                i = column_row[s]
                w = weight[s]
                for k in range(dim + 1):
                    U[k * n_mem + i] += w * Z[k]
    _member_errors(P, layer, entries, members, dim, exact, active)
    if not coefficients:
        U_size = members.size[u:]
        for i in range(n_mem):
            U_size[i] = abs(constants[i])
        for k in range(dim):
            r = P.box.reach[k]
            column = U[k * n_mem : (k + 1) * n_mem]
            for i in range(n_mem):
                U_size[i] += abs(column[i]) * r
        for i in range(n_mem):
            U_size[i] *= INFLATE


@kernel
def _member_errors(P, layer, entries, members, dim, exact, active):
    """Error bounds of the members of `member_rows`, with so many active entries."""
    coefficients = P.mode[c.COEFFICIENTS] == 1
    n_mem, u = P.layers.n_mem[layer], P.layers.mem_at[layer]
    U_error = members.error[u * (P.mode[c.DIM] + 1) if coefficients else u :]
    n_err = (dim + 1) * n_mem if coefficients else n_mem
    for i in range(n_err):
        U_error[i] = 0.0
    if exact:
        return
    new = P.layers.state_at[layer]
    rounding = gamma(active + 1)
    for j in range(P.layers.n_in[layer]):
        if entries.zero[new + j]:
            continue
        Z, Z_error = entries.Z[new + j], entries.error[new + j]
        if coefficients:
            for k in range(dim + 1):
                t = (Z_error[k] + rounding * abs(Z[k])) * (1.0 + 1e-12)
                size = abs(Z[k]) + Z_error[k]
                if t == 0.0 and size == 0.0:
                    continue
                # so that a product that underflows leaves a bound
                t, size = max(t, SMALL), max(size, SMALL)
                _add_error(P, layer, j, t, size, U_error[k * n_mem : (k + 1) * n_mem])
        else:
            size = entries.size[new + j]
            t = max((Z_error[0] + rounding * size) * (1.0 + 1e-12), SMALL)
            _add_error(P, layer, j, t, max(size + Z_error[0], SMALL), U_error)
    constant = dim * n_mem if coefficients else 0
    bias, bias_error = P.weights.bias[u:], P.weights.bias_error[u:]
    for i in range(n_mem):
        if active > 0:
            U_error[constant + i] += rounding * abs(bias[i])
        U_error[constant + i] += bias_error[i]
    for i in range(n_err):
        if U_error[i] > 0.0:
            U_error[i] = U_error[i] * INFLATE + UNDERFLOW


@kernel
def _add_error(P, layer, j, t, size, target):
    """target[i] += |W_ij| t + W_error_ij size."""
    n_mem = P.layers.n_mem[layer]
    weight = P.weights.weight[P.weights.weight_at[layer] :]
    error = P.weights.error[P.weights.weight_at[layer] :]
    has_error = P.weights.has_error[layer] == 1
    if P.weights.dense[layer] == 1:
        row = weight[j * n_mem : (j + 1) * n_mem]
        for i in range(n_mem):
            target[i] += abs(row[i]) * t
        if has_error:
            bound = error[j * n_mem : (j + 1) * n_mem]
            for i in range(n_mem):
                target[i] += bound[i] * size
    else:
        start = P.weights.column_start[P.weights.column_at[layer] :]
        column_row = P.weights.column_row[P.weights.weight_at[layer] :]
        for s in range(start[j], start[j + 1]):
            target[column_row[s]] += abs(weight[s]) * t
            if has_error:
                target[column_row[s]] += error[s] * size


@kernel
def condition_row(P, members, layer, form, dim, g, g_error):
    """Write a condition form of a layer as a row; its size (box mode).

    ``members``: those of the cell; equal ones among them have no difference. ``dim``: as in
    `state_rows`.
    """
    u = P.layers.mem_at[layer]
    terms = form_terms(
        form, P.layers.stride[layer], P.layers.piece_at[layer], P.units.member, P.units.shift,
        P.units.shift_error,
    )  # fmt: skip
    plus, minus, _, _ = terms
    if len(members.classes) > 0 and minus >= 0:
        if members.classes[u + plus] == members.classes[u + minus]:
            terms = (-1, -1, 0.0, 0.0)
    coefficients = P.mode[c.COEFFICIENTS] == 1
    return form_row(
        terms, members.U[u * (P.mode[c.DIM] + 1) :],
        members.error[u * (P.mode[c.DIM] + 1) if coefficients else u :], members.size[u:],
        P.layers.n_mem[layer], dim, coefficients, members.grid[layer] != NOT_EXACT, g, g_error,
    )  # fmt: skip


@kernel
def form_row(terms, U, U_error, U_size, n_mem, d, coefficients, exact, g, g_error):
    """One condition form u[plus] - u[minus] + shift; returns its size (box mode).

    ``terms``: plus, minus (-1: none), shift and its error bound.
    """
    plus, minus, shift, shift_error = terms
    size = 0.0
    plus_there, minus_there = False, False
    for j in range(d + 1):
        value = 0.0
        if plus >= 0 and U[j * n_mem + plus] != 0.0:
            value = U[j * n_mem + plus]
            plus_there = True
        if minus >= 0 and U[j * n_mem + minus] != 0.0:
            value -= U[j * n_mem + minus]
            minus_there = True
        if j == d:
            value += shift
        g[j] = value
    # a single term is not rounded
    rounds = not exact and plus_there + minus_there + (shift != 0.0) > 1
    if coefficients:
        for j in range(d + 1):
            e = 0.0
            total = 0.0
            if plus >= 0:
                e += U_error[j * n_mem + plus]
                total += abs(U[j * n_mem + plus])
            if minus >= 0:
                e += U_error[j * n_mem + minus]
                total += abs(U[j * n_mem + minus])
            if j == d:
                e += shift_error
                total += abs(shift)
            if rounds and total > 0.0:
                e = (e + gamma(2) * total) * (1.0 + 1e-12) + UNDERFLOW
            g_error[j] = e
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
