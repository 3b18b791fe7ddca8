"""Linear programs over a cell that show that a conjunction holds nowhere on it (Numba).

Each comparison of the conjunction needs an affine form to be nonnegative, the relaxed one of
`relaxed.py` with its error: a *row*. At a point where all rows are, nothing can be shown. Else a
row, or two with weights, is negative at all points that are known; it is maximised over the cell,
and its vertex is a point that is known. By duality this finds weights for which the sum of two rows
is negative on all of the cell, if there are any: then they are never nonnegative together, though
each of them may be somewhere. (The cutting planes of Kelley, 1960, for the dual of Farkas' lemma.)

Weights are guesses: whatever they are, a negative sum is a proof.
"""

from __future__ import annotations

import math

from . import control as c
from .certificates import UNDERFLOW, gamma
from .faults import disturb
from .jit import kernel
from .proofs import prove_by_multipliers
from .rows import INFLATE
from .simplex import OPTIMAL, express, minimise

__all__ = ["is_impossible", "is_impossible_in", "write_row"]

MOST_WEIGHT = 1e6  # of a row beside the other
FEW_PROGRAMS = 4  # in a box


@kernel
def write_row(P, S, at, layer, slot, is_above):
    """Write down that a slot must be positive, or at most 0: the row's slot, sign and scale."""
    ahead, d, n = S.ahead, P.mode[c.DIM], P.layers.n_mem[layer]
    member = P.goal.member[slot]
    source = ahead.upper if is_above else ahead.lower
    size = abs(source[d * n + member])
    for j in range(d):
        size += abs(source[j * n + member]) * ahead.reach[j]
    ahead.rows[at] = 2 * slot + (1 if is_above else 0)
    ahead.row_scale[at] = 1.0 / size if 1e-280 < size < 1e280 else 0.0


@kernel
def is_impossible(P, S, layer, rows):
    """Whether the rows that are written down are nonnegative together nowhere on the cell."""
    ahead, T = S.ahead, S.dictionary.T
    _values_of_rows(P, S, layer, rows, S.point, 0)
    points = 1
    while True:
        first, second, share, value = _weights(ahead.row_at, points, rows)
        if not value < 0.0 or ahead.ctl[c.ASKED] == c.MOST_PROGRAMS:
            return False
        ahead.ctl[c.ASKED] += 1
        off = _form_of_rows(P, S, layer, first, second, share)
        bound = _over_cell(P, S, off)
        if second < 0:
            slot = ahead.rows[first] >> 1
            if ahead.rows[first] & 1 == 0:
                ahead.low[slot] = max(ahead.low[slot], bound)
            else:
                ahead.high[slot] = min(ahead.high[slot], -bound)
        if bound > 0.0:
            return True
        if bound == -math.inf or points == ahead.row_at.shape[0]:
            return False
        _values_of_rows(P, S, layer, rows, T[0], points)
        points += 1


@kernel
def is_impossible_in(P, S, layer, rows, low, high, point):
    """The same in a box, where a corner solves each program; ``point`` is worked in."""
    ahead, d, g = S.ahead, P.mode[c.DIM], S.form.g
    for j in range(d):
        point[j] = 0.5 * low[j] + 0.5 * high[j]
    points = 0
    while points < FEW_PROGRAMS:
        _values_of_rows(P, S, layer, rows, point, points)
        points += 1
        first, second, share, value = _weights(ahead.row_at, points, rows)
        if not value < 0.0:
            return False
        off = _form_of_rows(P, S, layer, first, second, share)
        bound, size = g[d], abs(g[d])
        for j in range(d):
            point[j] = low[j] if g[j] > 0.0 else high[j]
            bound += g[j] * point[j]
            size += abs(g[j]) * ahead.reach[j]
        if bound - (off + gamma(2 * d + 2) * size) * INFLATE - UNDERFLOW > 0.0:
            return True
    return False


@kernel
def _values_of_rows(P, S, layer, rows, point, at):
    """The rows' values at a point, each beside its size: guesses."""
    ahead, d, n = S.ahead, P.mode[c.DIM], P.layers.n_mem[layer]
    for r in range(rows):
        member, is_above = P.goal.member[ahead.rows[r] >> 1], ahead.rows[r] & 1
        source = ahead.upper if is_above == 1 else ahead.lower
        value = source[d * n + member]
        for j in range(d):
            value += source[j * n + member] * point[j]
        value = value if is_above == 1 else -value
        ahead.row_at[at, r] = (value + ahead.off[member]) * ahead.row_scale[r]


@kernel
def _weights(row_at, points, rows):
    """The row, or two with a share for the first, whose largest value at the points is least.

    Returns
    -------
    first, second, share, value
        ``second`` is -1 for one row.
    """
    first, second, share, least = 0, -1, 1.0, math.inf
    for i in range(rows):
        value = -math.inf
        for v in range(points):
            value = max(value, row_at[v, i])
        if value < least:
            first, least = i, value
    for i in range(rows):
        for j in range(i):
            for p in range(points):
                for q in range(p):  # where the lines of two points meet
                    before = row_at[p, i] - row_at[p, j]
                    after = row_at[q, i] - row_at[q, j]
                    if before == after:
                        continue
                    t = (row_at[q, j] - row_at[p, j]) / (before - after)
                    if not 0.0 < t < 1.0:
                        continue
                    value = -math.inf
                    for v in range(points):
                        value = max(value, t * row_at[v, i] + (1.0 - t) * row_at[v, j])
                    if value < least:
                        first, second, share, least = i, j, t, value
    return first, second, share, least


@kernel
def _form_of_rows(P, S, layer, first, second, share):
    """Minus a row, or minus two with weights, as the form that is asked; how far it is off."""
    ahead, d, n, g = S.ahead, P.mode[c.DIM], P.layers.n_mem[layer], S.form.g
    member, is_above = P.goal.member[ahead.rows[first] >> 1], ahead.rows[first] & 1
    source, sign = (ahead.upper, -1.0) if is_above == 1 else (ahead.lower, 1.0)
    off = ahead.off[member]
    for j in range(d + 1):
        g[j] = sign * source[j * n + member]
    if second < 0:
        return off
    weight = (1.0 - share) * ahead.row_scale[second] / (share * ahead.row_scale[first])
    if not 1.0 / MOST_WEIGHT < weight < MOST_WEIGHT:
        return off
    member, is_above = P.goal.member[ahead.rows[second] >> 1], ahead.rows[second] & 1
    source, sign = (ahead.upper, -1.0) if is_above == 1 else (ahead.lower, 1.0)
    size = 0.0
    for j in range(d + 1):
        more = weight * source[j * n + member]
        size += (abs(g[j]) + abs(more)) * (ahead.reach[j] if j < d else 1.0)
        g[j] += sign * more
    return (off + weight * ahead.off[member] + gamma(4) * size) * INFLATE + UNDERFLOW


@kernel
def _over_cell(P, S, off):
    """A proved lower bound on the cell of the form that is asked, which is ``off`` by so much."""
    ctl, d, g, z = S.ctl, P.mode[c.DIM], S.form.g, S.scratch.z
    T, col_id = S.dictionary.T, S.dictionary.col_id
    m = ctl[c.M]
    extent, size = 0.0, abs(g[d])
    for j in range(d):
        extent += abs(g[j]) * P.box.extent[j]
        size += abs(g[j]) * P.box.reach[j]
    if not 1e-280 < extent < 1e280:
        return -math.inf
    express(T, d, g, 1.0 / extent, d + m)
    status, m, _, _, pivots = minimise(T, d, m, d + m, col_id, S.dictionary.row_id, False)
    ctl[c.M] = m
    ctl[c.LPS] += 1
    ctl[c.PIVOTS] += pivots
    if status != OPTIMAL:
        return -math.inf
    for k in range(d):
        z[k] = T[k + 1, d + m] * extent
        if col_id[k] >= 0:
            z[k] *= S.path.scale[col_id[k]]
    if S.faults[c.FAULT_RATE] > 0.0:
        disturb(P, S, c.MULTIPLIERS)
    for k in range(len(S.form.error)):
        S.form.error[k] = 0.0
    S.form.error[len(S.form.error) - 1] = off
    S.num[c.FORM_SIZE] = size * (1.0 + 1e-12)
    S.num[c.BOUND] = -math.inf
    ctl[c.PROOF_SIGN] = 1
    prove_by_multipliers(P, S, c.OF_VERTEX)
    return S.num[c.BOUND]
