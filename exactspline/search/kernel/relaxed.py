"""What units can be on a cell, between two affine forms: relaxations with every rounding counted (Numba).

On a cell, with a box around it, every member of a layer lies between two affine forms of the
coordinates: ``lower - off`` and ``upper + off``. On the layer that a node has entered both are the
member itself. A unit that is decided is one piece; of one that is open, a line below and a line above
its graph over the member's range take the place of its pieces, so that the next layer's members lie
between two forms again. (Symbolic intervals, as in S. Wang et al., Efficient formal safety analysis of
neural networks, 2018; here every number has an error bound, so that a bound is a proof.)

Slopes of lines are guesses: what a line's offset must be is computed for the slope that was taken.
"""  # noqa: E501

from __future__ import annotations

import math

from . import control as c
from .certificates import HUGE, UNDERFLOW, gamma
from .jit import kernel
from .rows import INFLATE

__all__ = ["begin_ahead", "next_members", "next_state", "ranges"]


@kernel
def begin_ahead(P, S, layer, low, high):
    """Take the layer's members, and the entries that it passes on, as they are."""
    ahead, d = S.ahead, P.mode[c.DIM]
    n, u = P.layers.n_mem[layer], P.layers.mem_at[layer]
    coefficients = P.mode[c.COEFFICIENTS] == 1
    U = S.members.U[u * (d + 1) : (u + n) * (d + 1)]
    error = S.members.error[u * (d + 1) if coefficients else u :]
    for i in range(n * (d + 1)):
        ahead.lower[i] = U[i]
        ahead.upper[i] = U[i]
    for i in range(n):
        ahead.off[i] = error[d * n + i] if coefficients else error[i]
    if coefficients:
        for j in range(d):
            reach = max(abs(low[j]), abs(high[j]))
            for i in range(n):
                ahead.off[i] += error[j * n + i] * reach
        for i in range(n):
            ahead.off[i] = ahead.off[i] * INFLATE + UNDERFLOW
    at = P.layers.state_at[layer]
    for k in range(P.layers.n_in[layer]):
        total = 0.0
        for j in range(d + 1):
            ahead.state_lower[k, j] = S.entries.Z[at + k, j]
            ahead.state_upper[k, j] = S.entries.Z[at + k, j]
        if coefficients:
            total = S.entries.error[at + k, d]
            for j in range(d):
                total += S.entries.error[at + k, j] * max(abs(low[j]), abs(high[j]))
            total = total * INFLATE + UNDERFLOW
        else:
            total = S.entries.error[at + k, 0]
        ahead.state_off[k] = total


@kernel
def ranges(P, S, layer, low, high):
    """Bounds of the members of a layer on the box, in ``least`` and ``most``; their ``size``."""
    ahead, d, n = S.ahead, P.mode[c.DIM], P.layers.n_mem[layer]
    lower, upper = ahead.lower, ahead.upper
    least, most, size = ahead.least, ahead.most, ahead.size
    for i in range(n):
        least[i] = lower[d * n + i]
        most[i] = upper[d * n + i]
        size[i] = max(abs(least[i]), abs(most[i]))
    for j in range(d):
        a, b = low[j], high[j]
        reach = max(abs(a), abs(b))
        low_column, high_column = lower[j * n : (j + 1) * n], upper[j * n : (j + 1) * n]
        for i in range(n):
            x = low_column[i]
            least[i] += min(x * a, x * b)
            y = high_column[i]
            most[i] += max(y * a, y * b)
            size[i] += max(abs(x), abs(y)) * reach
    rounding = gamma(2 * d)
    for i in range(n):
        size[i] = size[i] * INFLATE + UNDERFLOW
        room = (ahead.off[i] + rounding * size[i]) * INFLATE + UNDERFLOW
        a, b = least[i] - room, most[i] + room
        # what overflowed, or is no number, says nothing
        least[i] = a if abs(a) <= HUGE else -math.inf
        most[i] = b if abs(b) <= HUGE else math.inf


@kernel
def next_state(P, S, layer, entered):
    """Forms below and above every entry of the state after a layer.

    ``entered``: whether it is the layer of the node, some of whose units are decided.
    """
    ahead, d = S.ahead, P.mode[c.DIM]
    n, old = P.layers.n_units[layer], ahead.state_lower.shape[0] // 2
    keep = P.weights.keep[P.layers.keep_at[layer] :]
    # the entries that are passed on, behind the old ones first: they must not be overwritten
    for k in range(P.layers.n_keep[layer]):
        for j in range(d + 1):
            ahead.state_lower[old + k, j] = ahead.state_lower[keep[k], j]
            ahead.state_upper[old + k, j] = ahead.state_upper[keep[k], j]
        ahead.state_off[old + k] = ahead.state_off[keep[k]]
    for k in range(P.layers.n_keep[layer]):
        for j in range(d + 1):
            ahead.state_lower[n + k, j] = ahead.state_lower[old + k, j]
            ahead.state_upper[n + k, j] = ahead.state_upper[old + k, j]
        ahead.state_off[n + k] = ahead.state_off[old + k]
    unit = P.layers.unit_at[layer]
    if P.goal.relus[layer] == 1 and not entered:
        _all_relus(P, S, layer)
        return
    for k in range(n):
        if entered and ahead.open[k] == 0:
            piece = P.units.start[unit + layer + k] + S.codes[unit + k]
            _one_piece(P, S, layer, k, piece)
        elif P.units.lead[unit + k] == 0:
            _spline(P, S, layer, k)
        else:
            _extremum(P, S, layer, k, P.units.lead[unit + k])


@kernel
def _write(P, S, layer, k, below, above):
    """Write one entry: (member, slope, offset, error) of the line below and of the one above.

    A member of -1 is none: the line is constant.
    """
    ahead, d, n = S.ahead, P.mode[c.DIM], P.layers.n_mem[layer]
    off = 0.0
    for side in range(2):
        member, slope, offset, error = below if side == 0 else above
        target = ahead.state_lower[k] if side == 0 else ahead.state_upper[k]
        own = error
        if member < 0 or slope == 0.0:
            for j in range(d):
                target[j] = 0.0
            target[d] = offset
        else:
            source = ahead.lower if (slope > 0.0) == (side == 0) else ahead.upper
            for j in range(d + 1):
                target[j] = slope * source[j * n + member]
            target[d] += offset
            own += abs(slope) * ahead.off[member] + UNDERFLOW
            if abs(slope) != 1.0 or offset != 0.0:
                own += gamma(2) * (abs(slope) * ahead.size[member] + abs(offset))
            own *= INFLATE
        off = max(off, own)
    ahead.state_off[k] = off


@kernel
def _one_piece(P, S, layer, k, piece):
    """A unit that is one of its pieces on all of the cell."""
    at = P.layers.piece_at[layer] + piece
    member, slope, offset = P.units.member[at], P.units.slope[at], P.units.offset[at]
    slope_error, error = P.units.slope_error[at], P.units.offset_error[at]
    if slope_error > 0.0:
        reach = max(abs(S.ahead.least[member]), abs(S.ahead.most[member]))
        error = (error + slope_error * reach) * INFLATE + UNDERFLOW
    line = (member, slope, offset, error)
    _write(P, S, layer, k, line, line)


@kernel
def _spline(P, S, layer, k):
    """A spline of one member: two parallel lines around its graph over the member's range."""
    unit, base = P.layers.unit_at[layer] + k, P.layers.piece_at[layer]
    first, end = P.units.start[unit + layer], P.units.start[unit + layer + 1]
    member = P.units.member[base + first]
    low, high = S.ahead.least[member], S.ahead.most[member]
    units = P.units
    # the pieces that the range meets
    begin, last = first, end - 1
    while begin < last:
        if not low > -units.shift[base + begin] + units.shift_error[base + begin]:
            break
        begin += 1
    while begin < last:
        if not high < -units.shift[base + last - 1] - units.shift_error[base + last - 1]:
            break
        last -= 1
    if begin == last:
        _one_piece(P, S, layer, k, begin)
        return
    if not (abs(low) < math.inf and abs(high) < math.inf):
        _nothing(P, S, k)
        return
    a, b = base + begin, base + last
    if last == begin + 1 and low < 0.0 < high and _bends_at_zero(units, a, b):
        _write_bend(P, S, layer, k, member, units.slope[a], units.slope[b])
        return
    chord = units.slope[b] * high + units.offset[b] - units.slope[a] * low - units.offset[a]
    slope = chord / (high - low) if high > low else 0.0
    if not abs(slope) <= 1e100:
        slope = 0.0
    flat = slope
    if units.slope[a] < units.slope[b] and last == begin + 1:  # convex: one of its pieces below
        flat = units.slope[b] if high > -low else units.slope[a]
    bottom, _ = _offsets(P, S, layer, begin, last, flat, low, high)
    _, top = _offsets(P, S, layer, begin, last, slope, low, high)
    _write(P, S, layer, k, (member, flat, bottom, 0.0), (member, slope, top, 0.0))


@kernel
def _bends_at_zero(units, a, b):
    """Whether two pieces are exact lines through zero, the second one steeper."""
    return (
        units.slope[a] < units.slope[b] and units.shift[a] == 0.0
        and units.offset[a] == 0.0 and units.offset[b] == 0.0
        and units.slope_error[a] == 0.0 and units.slope_error[b] == 0.0
        and units.offset_error[a] == 0.0 and units.offset_error[b] == 0.0
        and units.shift_error[a] == 0.0
    )  # fmt: skip


@kernel
def _write_bend(P, S, layer, k, member, before, after):
    """As below, for the usual unit: slopes ``before`` and ``after`` zero, which the range meets.

    Each of its pieces lies below it as it is; the chord is raised by its roundings.
    """
    low, high = S.ahead.least[member], S.ahead.most[member]
    slope = (after * high - before * low) / (high - low)
    if not abs(slope) <= 1e100:
        slope = 0.0
    flat = after if high > -low else before
    size = max((abs(before) + abs(slope)) * -low, (abs(after) + abs(slope)) * high)
    top = max((before - slope) * low, (after - slope) * high, 0.0)
    top = top + (gamma(4) * size) * INFLATE + UNDERFLOW
    _write(P, S, layer, k, (member, flat, 0.0, 0.0), (member, slope, top, 0.0))


@kernel
def _all_relus(P, S, layer):
    """All units of a layer, unit k ReLU of member k: as below, at once.

    ``line`` gets the slope of the line below, that of the line above, and what that is raised by.
    """
    ahead, d, n = S.ahead, P.mode[c.DIM], P.layers.n_units[layer]
    least, most, off, size = ahead.least, ahead.most, ahead.off, ahead.size
    flat, slope, top = ahead.line[0], ahead.line[1], ahead.line[2]
    rounding, twice = gamma(4), gamma(2)
    for k in range(n):
        low, high = least[k], most[k]
        bends = low < 0.0 < high
        known = low > -math.inf and high < math.inf
        chord = high / (high - low) if bends and known else 0.0
        chord = chord if chord <= 1.0 else 1.0
        below = 1.0 if high > -low else 0.0
        up = max((1.0 - chord) * high, -chord * low, 0.0)
        up += rounding * max(-chord * low, (1.0 + chord) * high) * INFLATE + UNDERFLOW
        flat[k] = below if bends else (1.0 if high > 0.0 else 0.0)
        slope[k] = chord if bends else flat[k]
        top[k] = up if bends and known else 0.0
        under = (flat[k] * off[k] + UNDERFLOW) * INFLATE
        over = slope[k] * off[k] + UNDERFLOW + twice * (slope[k] * size[k] + up)
        if bends:  # where nothing is known of its member, nothing is of the unit
            ahead.state_off[k] = max(under, over * INFLATE) if known else math.inf
        else:
            ahead.state_off[k] = under if high > 0.0 else 0.0
    for j in range(d + 1):
        lower, upper = ahead.lower[j * n : (j + 1) * n], ahead.upper[j * n : (j + 1) * n]
        for k in range(n):
            ahead.state_lower[k, j] = flat[k] * lower[k]
            ahead.state_upper[k, j] = slope[k] * upper[k]
    for k in range(n):
        ahead.state_upper[k, d] += top[k]


@kernel
def _offsets(P, S, layer, begin, last, slope, low, high):
    """The least and the largest of spline - slope * member over a range, rounded outwards."""
    units, base = P.units, P.layers.piece_at[layer]
    bottom, top = math.inf, -math.inf
    for piece in range(begin, last + 1):
        at = base + piece
        for end in range(2):
            if end == 0:
                t = low
                if piece > begin:
                    t = -units.shift[at - 1] - units.shift_error[at - 1]
            else:
                t = high
                if piece < last:
                    t = -units.shift[at] + units.shift_error[at]
            t = min(max(t, low), high)
            value = (units.slope[at] - slope) * t + units.offset[at]
            room = (abs(units.slope[at]) + abs(slope)) * abs(t) + abs(units.offset[at])
            room = gamma(4) * room + units.slope_error[at] * abs(t) + units.offset_error[at]
            if units.offset[at] == 0.0 and t == 0.0:
                room = units.offset_error[at]
            else:
                room = room * INFLATE + UNDERFLOW
            bottom = min(bottom, value - room)
            top = max(top, value + room)
    return bottom, top


@kernel
def _nothing(P, S, k):
    """Nothing is known of an entry."""
    ahead = S.ahead
    for j in range(P.mode[c.DIM] + 1):
        ahead.state_lower[k, j] = 0.0
        ahead.state_upper[k, j] = 0.0
    ahead.state_off[k] = math.inf


@kernel
def _extremum(P, S, layer, k, lead):
    """A maximum (lead 1) or minimum (-1): its best piece, and the others' bounds."""
    unit, base = P.layers.unit_at[layer] + k, P.layers.piece_at[layer]
    first, end = P.units.start[unit + layer], P.units.start[unit + layer + 1]
    best, floor, ceiling, second = -1, -math.inf, -math.inf, -math.inf
    for piece in range(first, end):
        bottom, top = _piece_range(P, S, base + piece, lead)
        if bottom > floor or best < 0:
            best, floor = piece, bottom
    for piece in range(first, end):
        _, top = _piece_range(P, S, base + piece, lead)
        ceiling = max(ceiling, top)
        if piece != best:
            second = max(second, top)
    if second <= floor:
        _one_piece(P, S, layer, k, best)
        return
    if not abs(ceiling) < math.inf:
        _nothing(P, S, k)
        return
    at = base + best
    member = P.units.member[at]
    error = P.units.offset_error[at]
    if P.units.slope_error[at] > 0.0:
        reach = max(abs(S.ahead.least[member]), abs(S.ahead.most[member]))
        error = (error + P.units.slope_error[at] * reach) * INFLATE + UNDERFLOW
    own = (member, P.units.slope[at], P.units.offset[at], error)
    flat = (-1, 0.0, lead * ceiling, 0.0)
    if lead > 0:
        _write(P, S, layer, k, own, flat)
    else:
        _write(P, S, layer, k, flat, own)


@kernel
def _piece_range(P, S, at, lead):
    """Bounds of lead * (slope * member + offset)."""
    member = P.units.member[at]
    slope, offset = lead * P.units.slope[at], lead * P.units.offset[at]
    low, high = S.ahead.least[member], S.ahead.most[member]
    if slope == 0.0:
        a = b = 0.0
    elif slope > 0.0:
        a, b = slope * low, slope * high
    else:
        a, b = slope * high, slope * low
    reach = max(abs(low), abs(high))
    room = P.units.offset_error[at]
    if P.units.slope_error[at] > 0.0:
        room += P.units.slope_error[at] * reach
    if abs(slope) != 1.0 or offset != 0.0:
        if slope != 0.0:
            room += gamma(2) * abs(slope) * reach
        room += gamma(2) * abs(offset) + UNDERFLOW
    return a + offset - room * INFLATE, b + offset + room * INFLATE


@kernel
def next_members(P, S, layer):
    """Forms below and above the members of a layer, from those of the state before it."""
    ahead, d = S.ahead, P.mode[c.DIM]
    n_in, n, u = P.layers.n_in[layer], P.layers.n_mem[layer], P.layers.mem_at[layer]
    bias, bias_error = P.weights.bias[u:], P.weights.bias_error[u:]
    lower, upper, off = ahead.lower, ahead.upper, ahead.off
    for i in range(d * n):
        lower[i] = 0.0
        upper[i] = 0.0
    for i in range(n):
        lower[d * n + i] = bias[i]
        upper[d * n + i] = bias[i]
        off[i] = 0.0
    weight = P.weights.weight[P.weights.weight_at[layer] :]
    error = P.weights.error[P.weights.weight_at[layer] :]
    start = P.weights.column_start[P.weights.column_at[layer] :]
    column_row = P.weights.column_row[P.weights.weight_at[layer] :]
    dense, has_error = P.weights.dense[layer] == 1, P.weights.has_error[layer] == 1
    rounding = gamma(n_in + 1)
    for j in range(n_in):
        below, above = ahead.state_lower[j], ahead.state_upper[j]
        own, size, same = ahead.state_off[j], 0.0, True
        for k in range(d + 1):
            reach = 1.0 if k == d else ahead.reach[k]
            size += max(abs(below[k]), abs(above[k])) * reach
            if below[k] != above[k]:
                same = False
        if size == 0.0 and own == 0.0:
            continue
        wide = (size + own) * INFLATE + UNDERFLOW
        own = (own + rounding * size) * INFLATE + UNDERFLOW
        if dense:
            row = weight[j * n : (j + 1) * n]
            for k in range(d + 1):
                a, b = below[k], above[k]
                low_column, high_column = lower[k * n : (k + 1) * n], upper[k * n : (k + 1) * n]
                if same:
                    if a != 0.0:
                        for i in range(n):
                            low_column[i] += row[i] * a
                            high_column[i] += row[i] * a
                else:
                    for i in range(n):
                        w = row[i]
                        plus, minus = max(w, 0.0), min(w, 0.0)
                        low_column[i] += plus * a + minus * b
                        high_column[i] += plus * b + minus * a
            for i in range(n):
                off[i] += abs(row[i]) * own
            if has_error:
                bound = error[j * n : (j + 1) * n]
                for i in range(n):
                    off[i] += bound[i] * wide
        else:
            for s in range(start[j], start[j + 1]):
                i, w = column_row[s], weight[s]
                for k in range(d + 1):
                    a, b = below[k], above[k]
                    if w < 0.0:
                        a, b = b, a
                    lower[k * n + i] += w * a
                    upper[k * n + i] += w * b
                off[i] += abs(w) * own + error[s] * wide
    for i in range(n):
        off[i] = (off[i] + rounding * abs(bias[i]) + bias_error[i]) * INFLATE + UNDERFLOW
