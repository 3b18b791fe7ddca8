"""Entering a layer again: what has not changed since the last time is kept (Numba).

On a slice of a convolutional network, neighbouring cells differ in a few units, and a layer
reads each of them in a few members. As long as the layer before was not entered anew itself, its
forms are the same, and so are all rows of this layer that read no unit whose piece has changed,
and what the box settles of units that compare only such rows. What has changed is made anew, row
by row.

For layers of sparse weights whose units are not told by the sign of one member each (maxima,
mostly), with bounds over the domain's box, and while rows are not exact on a grid (the sizes of
all of them would have to be known). Classes of changed rows that are no copies of an entry are
new ones: fewer rows are known to be equal, never wrong ones.
"""

from __future__ import annotations

from . import control as c
from .certificates import UNDERFLOW, gamma
from .general_units import settled_piece
from .jit import kernel, tier
from .rows import INFLATE, NOT_EXACT, SMALL, state_row

__all__ = ["reenter"]


@tier(c.REENTER_LAYER)
def reenter(P, S, step):
    """Make a layer's forms anew where they have changed (1 if done), settle units, or remember.

    The layer is ``ctl[REENTERED]``.
    """
    layer = S.ctl[c.REENTERED]
    if step == c.RENEW:
        return _renew(P, S, layer)
    if step == c.RESETTLE:
        return _settle(P, S, layer)
    _remember(P, S, layer)
    return 1


@kernel
def _remember(P, S, layer):
    """Take note of a layer that was entered in full, once the box has settled its units."""
    before, again = layer - 1, S.reentry
    again.parent[layer] = S.middle.entered[before]
    unit = P.layers.unit_at[before]
    for k in range(P.layers.n_units[before]):
        again.last[unit + k] = S.codes[unit + k]
    unit = P.layers.unit_at[layer]
    for k in range(P.layers.n_units[layer]):
        again.piece[unit + k] = S.codes[unit + k]
    for position in range(S.ctl[c.POSITION], S.ctl[c.OPEN_END]):
        again.piece[unit + S.open_units[position]] = -1


@kernel
def _renew(P, S, layer):
    """Make changed entries of the state, and the members that read them; 0 if all must be made."""
    before, again = layer - 1, S.reentry
    if (
        again.parent[layer] != S.middle.entered[before]
        or S.entries.grid[layer] != NOT_EXACT
        or S.members.grid[layer] != NOT_EXACT
    ):
        return 0
    unit, count = P.layers.unit_at[before], 0
    for k in range(P.layers.n_units[before]):
        if S.codes[unit + k] != again.last[unit + k]:
            again.last[unit + k] = S.codes[unit + k]
            again.changed[count] = k
            count += 1
    for i in range(count):
        _new_entry(P, S, layer, again.changed[i])
    renewed = 0
    for i in range(count):
        renewed = _readers(P, S, layer, again.changed[i], renewed)
    for i in range(renewed):
        _new_member(P, S, layer, again.renewed[i])
    return 1


@kernel
def _new_entry(P, S, layer, k):
    """One entry of the state, from its unit's piece."""
    before, d = layer - 1, P.mode[c.DIM]
    n_mem, u, unit = P.layers.n_mem[before], P.layers.mem_at[before], P.layers.unit_at[before]
    piece = P.layers.piece_at[before] + P.units.start[unit + before + k] + S.codes[unit + k]
    at = P.layers.state_at[layer] + k
    was_zero = S.entries.zero[at]
    state_row(
        P, piece, n_mem, d, S.members.U[u * (d + 1) :], S.members.error[u:], S.members.size[u:],
        S.entries, at,
    )  # fmt: skip
    S.narrow.active[layer] += int(was_zero) - int(S.entries.zero[at])
    if len(S.members.classes) > 0:
        function = P.classes.function[piece]
        if function == 0:
            S.entries.classes[at] = 0
        elif function == 1:
            S.entries.classes[at] = S.members.classes[u + P.units.member[piece]]
        else:
            S.entries.classes[at] = _fresh(S)


@kernel
def _fresh(S):
    """A class that no row has."""
    S.reentry.fresh[0] += 1
    return S.reentry.fresh[0]


@kernel
def _readers(P, S, layer, j, renewed):
    """List the members that read an entry of the state, mark their units; how many there are."""
    again, rows, stamp = S.reentry, P.rows, S.middle.entered[layer] + 1
    first = P.weights.weight_at[layer]
    start = P.weights.column_start[P.weights.column_at[layer] :]
    u, unit = P.layers.mem_at[layer], P.layers.unit_at[layer]
    unit_start = rows.unit_start[u + layer :]
    for s in range(first + start[j], first + start[j + 1]):
        i = P.weights.column_row[s]
        if again.member_mark[u + i] == stamp:
            continue
        again.member_mark[u + i] = stamp
        again.renewed[renewed] = i
        renewed += 1
        for t in range(unit_start[i], unit_start[i + 1]):
            again.unit_mark[unit + rows.unit[rows.unit_at[layer] + t]] = stamp
    return renewed


@kernel
def _new_member(P, S, layer, i):
    """One member with its bound, size and class: the sums of `rows.member_rows`, row by row."""
    d, rows, entries = P.mode[c.DIM], P.rows, S.entries
    n, u, new = P.layers.n_mem[layer], P.layers.mem_at[layer], P.layers.state_at[layer]
    U = S.members.U[u * (d + 1) :]
    start = rows.start[u + layer :]
    at = rows.at[layer]
    bias = P.weights.bias[u + i]
    for k in range(d):
        U[k * n + i] = 0.0
    U[d * n + i] = bias
    terms = 0
    for s in range(at + start[i], at + start[i + 1]):
        j = new + rows.column[s]
        if entries.zero[j]:
            continue
        terms += 1
        for k in range(d + 1):
            U[k * n + i] += rows.weight[s] * entries.Z[j, k]
    error = 0.0
    rounding = gamma(terms + 1)
    for s in range(at + start[i], at + start[i + 1]):
        j = new + rows.column[s]
        if not entries.zero[j]:
            size, off = entries.size[j], entries.error[j, 0]
            error += abs(rows.weight[s]) * max((off + rounding * size) * (1.0 + 1e-12), SMALL)
            error += rows.error[s] * max(size + off, SMALL)
    if terms > 0:
        error += rounding * abs(bias)
    error += P.weights.bias_error[u + i]
    S.members.error[u + i] = error * INFLATE + UNDERFLOW if error > 0.0 else 0.0
    size = abs(U[d * n + i])
    for k in range(d):
        size += abs(U[k * n + i]) * P.box.reach[k]
    S.members.size[u + i] = size * INFLATE
    if len(S.members.classes) > 0:
        S.members.classes[u + i] = _class_of(P, S, layer, i)


@kernel
def _class_of(P, S, layer, i):
    """The class of a member: zero, that of the one entry it copies, or a new one."""
    classes = P.classes
    u, at, new = P.layers.mem_at[layer], P.classes.at[layer], P.layers.state_at[layer]
    start = classes.start[u + layer :]
    terms, last = 0, 0
    for s in range(at + start[i], at + start[i + 1]):
        if S.entries.classes[new + classes.column[s]] != 0:
            terms += 1
            last = s
    if classes.bias[u + i] == 0 and terms == 0:
        return 0
    if classes.bias[u + i] == 0 and terms == 1 and classes.value[last] == 1:
        return S.entries.classes[new + classes.column[last]]
    return _fresh(S)


@kernel
def _settle(P, S, layer):
    """Settle the units that compare rows made anew; the others are as they were."""
    ctl, again, stamp = S.ctl, S.reentry, S.middle.entered[layer]
    low, high = S.boxes.low[layer], S.boxes.high[layer]
    unit, out = P.layers.unit_at[layer], ctl[c.POSITION]
    for k in range(P.layers.n_units[layer]):
        if again.unit_mark[unit + k] == stamp:
            again.piece[unit + k], again.exact[unit + k] = settled_piece(P, S, layer, k, low, high)
        piece = again.piece[unit + k]
        if piece < 0:
            S.open_units[out] = k
            out += 1
            continue
        S.codes[unit + k] = piece
        if again.exact[unit + k]:
            ctl[c.BY_INTEGER] += 1
        else:
            ctl[c.BY_FLOAT] += 1
    return out
