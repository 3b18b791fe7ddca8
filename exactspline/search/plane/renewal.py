"""The forms of a layer made anew where what they are made of has changed (Numba).

Neighbouring cells differ in a few units, and in layers of sparse weights a unit is read by few
members. Every row has the number of the renewal that changed it last. An entry of the state is
stale where its unit takes another piece than when the layer was made last, or that piece reads a
member that has changed since; stale entries mark the members that read them. Rows are made by the
same sums whenever they are made, so that what they hold does not depend on what was searched
before.

Layers of dense weights are made as a whole where any entry is stale.
"""

from __future__ import annotations

from ..kernel import control as k
from ..kernel.certificates import UNDERFLOW, gamma
from ..kernel.layer_entry import member_grid, state_grid
from ..kernel.rows import EXACT_LIMIT, INFLATE, NOT_EXACT, SMALL, member_rows, state_row
from . import control as c
from .equal import class_of_entry, class_of_member, unlist
from .inside import row_sums
from .jit import kernel

MORE = 1.0 + 1e-12


@kernel
def renew(P, S, layer):
    """Make the forms of the state before a layer, and of its members, where they have changed."""
    again, members, entries = S.again, S.members, S.entries
    again.count[c.STAMP] += 1
    stamp = again.count[c.STAMP]
    changed = _renew_state(P, S, layer, stamp)
    changed = _pass_on(P, S, layer, stamp, changed)
    was_exact, first = members.grid[layer] != NOT_EXACT, again.made[layer] == 0
    grid = state_grid(P, members, entries, layer, EXACT_LIMIT)
    entries.grid[layer] = grid
    if grid != NOT_EXACT and (changed > 0 or first):
        entries.largest[layer] = _most(entries.size, P.layers.state_at[layer], P.layers.n_in[layer])
    grid = member_grid(P, layer, grid, entries.largest[layer], EXACT_LIMIT)
    members.grid[layer] = grid
    exact = grid != NOT_EXACT
    again.made[layer] = stamp
    if changed > 0:
        again.passed[layer] = stamp
    if first or changed > 0:
        S.middle.entered[layer] += 1  # see pairs.py
    if first or exact != was_exact:  # every bound is another one
        _all_members(P, S, layer, stamp, exact)
    elif changed > 0 and P.rows.on[layer] == 1:
        _some_members(P, S, layer, stamp, exact, changed)
    elif changed > 0:
        _all_members(P, S, layer, stamp, exact)
    if exact and again.moved[layer] == stamp:
        biggest = _most(members.size, P.layers.mem_at[layer], P.layers.n_mem[layer])
        members.largest[layer] = 2.0 * biggest + P.layers.norm[layer, k.BIAS_NORM]


@kernel
def _most(sizes, at, n):
    """The largest of n sizes: four at a time, since each comparison waits for the one before."""
    a = b = d = e = 0.0
    i, end = at, at + n
    while i + 4 <= end:
        a = sizes[i] if sizes[i] > a else a
        b = sizes[i + 1] if sizes[i + 1] > b else b
        d = sizes[i + 2] if sizes[i + 2] > d else d
        e = sizes[i + 3] if sizes[i + 3] > e else e
        i += 4
    while i < end:
        a = sizes[i] if sizes[i] > a else a
        i += 1
    return max(max(a, b), max(d, e))


@kernel
def _renew_state(P, S, layer, stamp):
    """Make the stale entries of units anew, and list them; how many there are."""
    before, again = layer - 1, S.again
    unit, base, n = P.layers.unit_at[before], P.layers.piece_at[before], P.layers.n_units[before]
    new, u, since = P.layers.state_at[layer], P.layers.mem_at[before], again.made[layer]
    changed = 0
    if again.moved[before] <= since and again.since[layer] == again.entered[before]:
        # only units that were open then may take another piece
        for position in range(again.opened[before], again.closed[before]):
            i = S.open_units[position]
            if again.piece[new + i] != S.codes[unit + i]:
                _new_entry(P, S, layer, i, stamp)
                again.changed[changed] = i
                changed += 1
        return changed
    again.since[layer] = again.entered[before]
    for i in range(n):
        if again.piece[new + i] == S.codes[unit + i]:
            piece = base + P.units.start[unit + before + i] + S.codes[unit + i]
            if again.member[u + P.units.member[piece]] <= since or (
                P.units.slope[piece] == 0.0 and P.units.slope_error[piece] == 0.0
            ):
                continue
        _new_entry(P, S, layer, i, stamp)
        again.changed[changed] = i
        changed += 1
    return changed


@kernel
def _new_entry(P, S, layer, i, stamp):
    """The entry of the state that is a unit's output."""
    before, at = layer - 1, P.layers.state_at[layer] + i
    n_mem, u, unit = P.layers.n_mem[before], 3 * P.layers.mem_at[before], P.layers.unit_at[before]
    piece = P.layers.piece_at[before] + P.units.start[unit + before + i] + S.codes[unit + i]
    state_row(
        P, piece, n_mem, 2, S.members.U[u:], S.members.error[u:], S.members.size, S.entries, at
    )
    S.again.entry[at], S.again.piece[at] = stamp, S.codes[unit + i]
    _measure(S, layer, at)
    if len(S.members.classes) > 0:
        S.entries.classes[at] = class_of_entry(P, S, layer, at, piece)


@kernel
def _measure(S, layer, at):
    """An entry's size, and what it adds to the bounds of members that read it."""
    rounding = gamma(S.again.longest[layer] + 1)
    row, most = S.again.row[at], 0.0
    for n in range(3):
        value, error = abs(S.entries.Z[at, n]), S.entries.error[at, n]
        most = value if value > most else most
        reach = 0.0
        if value != 0.0 or error != 0.0:  # at least so much that no product of it vanishes
            reach = (error + rounding * value) * MORE
            reach = SMALL if reach < SMALL else reach  # NaN stays NaN: it proves nothing
        row[n], row[4 + n] = S.entries.Z[at, n], reach
    S.entries.size[at] = most


@kernel
def _pass_on(P, S, layer, stamp, changed):
    """Copy the entries of the state before that have changed, and go on with the list."""
    before, again, entries = layer - 1, S.again, S.entries
    n_keep, since = P.layers.n_keep[before], again.made[layer]
    first = since == 0
    if n_keep == 0 or (again.passed[before] <= since and not first):
        return changed
    keep = P.weights.keep[P.layers.keep_at[before] :]
    old, n_units = P.layers.state_at[before], P.layers.n_units[before]
    for i in range(n_keep):
        source = old + keep[i]
        if again.entry[source] <= since and not first:
            continue
        at = P.layers.state_at[layer] + n_units + i
        zero = True
        for n in range(3):
            value, error = entries.Z[source, n], entries.error[source, n]
            entries.Z[at, n], entries.error[at, n] = value, error
            zero = zero and value == 0.0 and error == 0.0
        entries.zero[at] = zero
        again.entry[at] = stamp
        _measure(S, layer, at)
        if len(S.members.classes) > 0:
            entries.classes[at] = entries.classes[source]
        again.changed[changed] = n_units + i
        changed += 1
    return changed


@kernel
def _all_members(P, S, layer, stamp, exact):
    """Make all members anew."""
    again, u, n = S.again, P.layers.mem_at[layer], P.layers.n_mem[layer]
    again.moved[layer] = stamp
    if P.rows.on[layer] == 0:
        member_rows(P, layer, S.entries, S.members, 2, exact)
    for i in range(n):
        if P.rows.on[layer] == 1:
            _new_member(P, S, layer, i, exact)
        again.member[u + i] = stamp
        again.renewed[i] = i
    _sizes_and_classes(P, S, layer, n)
    unit = P.layers.unit_at[layer]
    for i in range(P.layers.n_units[layer]):
        again.place[unit + i] = -1


@kernel
def _some_members(P, S, layer, stamp, exact, changed):
    """Make the members anew that read a changed entry; their units are to be settled anew."""
    again, rows = S.again, P.rows
    u, unit = P.layers.mem_at[layer], P.layers.unit_at[layer]
    start = again.column_start[again.column_at[layer] :]
    unit_start = rows.unit_start[u + layer :]
    renewed = 0
    for m in range(changed):
        j = again.changed[m]
        for s in range(start[j], start[j + 1]):
            i = again.column_row[s]
            if again.mark[u + i] == stamp:
                continue
            again.mark[u + i] = stamp
            again.renewed[renewed] = i
            renewed += 1
            _new_member(P, S, layer, i, exact)
            again.member[u + i] = stamp
            for t in range(unit_start[i], unit_start[i + 1]):
                again.place[unit + rows.unit[rows.unit_at[layer] + t]] = -1
    if renewed > 0:
        again.moved[layer] = stamp
        _sizes_and_classes(P, S, layer, renewed)


@kernel
def _sizes_and_classes(P, S, layer, renewed):
    """The sizes and classes of the members on the list of those that were made anew."""
    again, u, n = S.again, P.layers.mem_at[layer], P.layers.n_mem[layer]
    U = S.members.U[3 * u :]
    for m in range(renewed):
        i = again.renewed[m]
        S.members.size[u + i] = max(abs(U[i]), max(abs(U[n + i]), abs(U[2 * n + i])))
    if len(S.members.classes) > 0:
        for m in range(renewed):  # none of them is compared with one that is still as it was
            unlist(again, u + again.renewed[m])
        for m in range(renewed):
            i = again.renewed[m]
            S.members.classes[u + i] = class_of_member(P, S, layer, i)


@kernel
def _new_member(P, S, layer, i, exact):
    """One member with its bounds, from the entries that it reads; see `rows.member_rows`."""
    rows, again, out = P.rows, S.again, S.terms
    n, u, new = P.layers.n_mem[layer], P.layers.mem_at[layer], P.layers.state_at[layer]
    U, error = S.members.U[3 * u :], S.members.error[3 * u :]
    begin = rows.at[layer] + rows.start[u + layer + i]
    end = rows.at[layer] + rows.start[u + layer + i + 1]
    bias = P.weights.bias[u + i]
    row_sums(again.row, rows.column, rows.weight, new, begin, end, out)
    U[i], U[n + i], U[2 * n + i] = out[0], out[1], out[2] + bias
    if exact:
        error[i] = error[n + i] = error[2 * n + i] = 0.0
        return
    if P.weights.has_error[layer] == 1:
        Z, Z_error = S.entries.Z, S.entries.error
        for s in range(begin, end):
            j, w = new + rows.column[s], rows.error[s]
            for m in range(3):
                if again.row[j, 4 + m] != 0.0:
                    size = abs(Z[j, m]) + Z_error[j, m]
                    out[4 + m] += w * (SMALL if size < SMALL else size)
    if end > begin:
        out[6] += gamma(again.longest[layer] + 1) * abs(bias)
    out[6] += P.weights.bias_error[u + i]
    for m in range(3):
        off = out[4 + m]
        error[m * n + i] = 0.0 if off == 0.0 else off * INFLATE + UNDERFLOW  # NaN stays NaN
