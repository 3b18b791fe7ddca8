"""The facets of a region while its dictionary is at hand, and what lies across them (Numba).

Every constraint of a leaf's path is tested against the others: is it implied by them, or is
there a point that violates it alone? Both answers are proved like every decision of the
search. An implied one is dropped for good. A cut always meets the inside of its cell, so no
two of a path's constraints that come from units have one hyperplane, and the answers are the
facets.

Across a facet, near the point p where the segment from the witness to a point beyond meets it,
a unit changes its piece only if one of its conditions vanishes at p. Forms are continuous, so
the region's own rows tell: a form that is positive at both ends of the segment is positive at
p. Units before the facet's own need no look: on the cell that the facet's hyperplane cut, they
keep their sign, and p is inside of that cell.
"""

from __future__ import annotations

from . import control as c
from .cross import cross
from .facet_tests import (
    bounds_beyond,
    drop,
    leads_down,
    neutralise,
    note,
    proved_implied,
    restore,
)
from .facet_walk import walk
from .faults import disturb
from .jit import kernel, tier
from .middle.decide import decide_in_middle
from .narrow_layer import has_narrow_layer
from .nodes import copy_dictionary, error_width
from .points import centre, inside, is_thin, sign_at, witness_beyond
from .simplex import OPTIMAL, RAY, drop_row, express, minimise

# An affine function that is at most E where |x| <= reach is at most 3 E where |x| <= 2 reach:
# e(2 x) = 2 e(x) - e(0). The domain's own sides are tested in that wider box.
WIDE = 3.0


@tier(c.LEAF_FACETS)
def leaf_facets(P, S, argument):
    """Settle all constraints of a leaf: on a walk along its vertices, the rest one by one."""
    ctl = S.facets.ctl
    if ctl[c.F_STAGE] == c.F_BEGIN:
        if not _begin(P, S):
            return c.F_FULL
        ctl[c.F_STAGE] = c.F_WALK
    if ctl[c.F_STAGE] == c.F_WALK:
        if not is_thin(S):  # the walk begins at a float64 point
            walk(P, S)
        ctl[c.F_AT] = S.ctl[c.N_PATH] - 1
        ctl[c.F_STAGE] = c.F_SINGLY
    status = _one_by_one(P, S)
    if status == c.F_FINISHED:
        for i in range(S.ctl[c.N_PATH]):
            if not S.facets.alive[i]:
                restore(P, S, i)
        ctl[c.F_STAGE] = c.F_IDLE
    return status


@kernel
def _begin(P, S):
    """Keep the path's rows and hash the region's code; False if the buffers may not hold it."""
    facets, path, n_path = S.facets, S.path, S.ctl[c.N_PATH]
    ctl, kept, wide, out = facets.ctl, facets.kept, facets.wide, facets.out
    if (
        ctl[c.F_EDGES] + n_path > len(out.region)
        or ctl[c.F_BORDERS] + n_path > len(out.border_region)
        or ctl[c.F_FLIPS] + len(S.codes) > len(out.flip_unit)
    ):
        return False
    n_err = error_width(P)
    for i in range(n_path):
        facets.alive[i] = True
        facets.state[i] = c.F_NONE
        for j in range(P.mode[c.DIM] + 1):
            kept.row[i, j] = path.row[i, j]
        for j in range(n_err):
            kept.error[i, j] = path.error[i, j]
        kept.size[i] = path.size[i]
        if n_err == 1:
            wide.error[i, 0] = WIDE * path.error[i, 0]
            wide.size[i] = WIDE * path.size[i]
    h = facets.table[len(facets.table) - 1]
    for layer in range(P.mode[c.N_LAYERS]):
        base = P.layers.piece_at[layer]
        at = P.layers.unit_at[layer]
        for k in range(P.layers.n_units[layer]):
            h ^= facets.table[base + P.units.start[at + k + layer] + S.codes[at + k]]
    facets.across.hash[0] = h
    out.region_hash[S.ctl[c.N_OUT] - 1] = h
    out.down[S.ctl[c.N_OUT] - 1] = 0
    ctl[c.F_AT] = n_path - 1
    ctl[c.F_ANSWER] = c.F_NONE
    return True


@kernel
def _one_by_one(P, S):
    """Test the constraints that are left against the others, from the last to the first."""
    ctl, state = S.facets.ctl, S.facets.state
    while ctl[c.F_AT] >= 0:
        r = ctl[c.F_AT]
        if state[r] != c.F_FACET and state[r] != c.F_IMPLIED:
            status = c.GO_ON
            if ctl[c.F_ANSWER] == c.F_NONE:
                status = _test(P, S, r)
            if status != c.GO_ON:
                return status
            state[r] = ctl[c.F_ANSWER]
            ctl[c.F_ANSWER] = c.F_NONE
            if state[r] == c.F_IMPLIED:
                drop(P, S, r)
                if not is_thin(S):
                    _forget(P, S, r)
            else:
                restore(P, S, r)
        ctl[c.F_AT] = r - 1
    return c.F_FINISHED


@kernel
def _test(P, S, r):
    """Test one constraint; GO_ON with ``ctl[F_ANSWER]``, or whom to ask for it."""
    ctl, d, other = S.facets.ctl, P.mode[c.DIM], S.other
    if is_thin(S):
        return _in_middle(P, S, r, c.F_IS_IMPLIED)
    m = _without(P, S, r)
    neutralise(P, S, r)
    status, m, column, direction, pivots = minimise(
        other.T, d, m, d + m, other.col_id, other.row_id, True
    )
    S.ctl[c.LPS] += 1
    S.ctl[c.PIVOTS] += pivots
    implied = status == OPTIMAL
    if S.faults[c.FAULT_RATE] > 0.0 and disturb(P, S, c.CLAIM) == 1:
        implied = not implied
    ctl[c.F_M2] = m
    if implied:
        if proved_implied(P, S, r, c.OF_OTHER_VERTEX, d + m):
            ctl[c.F_ANSWER] = c.F_IMPLIED
            return c.GO_ON
        ctl[c.F_REASON] = c.F_IS_IMPLIED
        if P.mode[c.COEFFICIENTS] == 1 and r >= P.mode[c.DOMAIN_ROWS]:
            if has_narrow_layer(P, S, other.col_id, S.path.layer[r]):
                return c.F_NARROW
        return _in_middle(P, S, r, c.F_IS_IMPLIED)
    found = _point_beyond(P, S, r, status == RAY, column, direction)
    if not found and status != RAY:  # a thin one: go as far beyond as can be
        status, m, column, direction, pivots = minimise(
            other.T, d, m, d + m, other.col_id, other.row_id, False
        )
        S.ctl[c.PIVOTS] += pivots
        ctl[c.F_M2] = m
        found = _point_beyond(P, S, r, status == RAY, column, direction)
    if not found:
        return _in_middle(P, S, r, c.F_IS_BEYOND)
    for j in range(d):
        S.plus_low[j] = 0.0
    restore(P, S, r)
    if r < P.mode[c.DOMAIN_ROWS] or leads_down(P, S, r):
        note(P, S, r)
    elif not cross(P, S, r, S.plus_point):
        ctl[c.F_REASON] = c.F_IS_ACROSS
        return c.F_QUERY
    S.ctl[c.BY_FLOAT] += 1
    ctl[c.F_ANSWER] = c.F_FACET
    return c.GO_ON


@kernel
def _in_middle(P, S, r, reason):
    """Test one constraint in double-double; Python is asked for the rest."""
    ctl, d = S.facets.ctl, P.mode[c.DIM]
    ctl[c.F_REASON] = reason
    verdict = decide_in_middle(P, S, r)
    if verdict == c.MISSING:
        S.ctl[c.WANTED_TIER] = c.MIDDLE_VERDICT
        return c.NEEDS_TIER
    if verdict == c.POS:
        S.ctl[c.BY_MIDDLE] += 1
        ctl[c.F_ANSWER] = c.F_IMPLIED
        return c.GO_ON
    if verdict != c.CUT:
        return c.F_QUERY
    thin = is_thin(S)
    for j in range(d):
        S.plus_point[j], S.plus_low[j] = S.minus_point[j], S.minus_low[j]
        thin = thin or S.plus_low[j] != 0.0
    restore(P, S, r)
    if r < P.mode[c.DOMAIN_ROWS] or leads_down(P, S, r):
        note(P, S, r)
    elif thin or not cross(P, S, r, S.plus_point):
        ctl[c.F_REASON] = c.F_IS_ACROSS
        return c.F_QUERY
    S.ctl[c.BY_MIDDLE] += 1
    ctl[c.F_ANSWER] = c.F_FACET
    return c.GO_ON


@kernel
def _without(P, S, r):
    """Copy the dictionary without constraint r, whose row is the objective; returns its m."""
    d, m, other = P.mode[c.DIM], S.ctl[c.M], S.other
    copy_dictionary(S.dictionary, other, d, m, d + m)
    T = other.T
    for k in range(d):
        if other.col_id[k] == r:
            other.col_id[k] = -1  # a free direction from now on
            for j in range(d + 1):
                T[j, d + m] = 0.0
            T[k + 1, d + m] = 1.0
            return m
    for i in range(m):
        if other.row_id[i] == r:
            for j in range(d + 1):
                T[j, d + m] = T[j, d + i]
            return drop_row(T, d, m, other.row_id, i)
    express(T, d, S.facets.kept.row[r], S.path.scale[r], d + m)
    return m


@kernel
def _point_beyond(P, S, r, is_ray, column, direction):
    """Find a point that is proved to lie beyond constraint r alone, from its dictionary."""
    d, coefficients, T = P.mode[c.DIM], P.mode[c.COEFFICIENTS] == 1, S.other.T
    target, point, row = S.scratch.work[c.TARGET], S.plus_point, S.facets.kept.row[r]
    for j in range(d):
        target[j] = T[column, j] * direction if is_ray else T[0, j]
    if S.faults[c.FAULT_RATE] > 0.0:
        disturb(P, S, c.TARGET_POINT)
    error, size, path, reach = bounds_beyond(P, S, r)
    if witness_beyond(P, S, path, reach, row, error, size, -1, target, is_ray, point):
        return True
    if is_ray:
        return False
    centre(T, d, S.facets.ctl[c.F_M2], -1.0, point)
    return sign_at(row, error, size, coefficients, point, d, S.scratch.work) == -1 and inside(
        point, S.ctl[c.N_PATH], path, coefficients, reach, d
    )


@kernel
def _forget(P, S, r):
    """Take an implied constraint out of the leaf's dictionary."""
    ctl, d, m, dictionary = S.ctl, P.mode[c.DIM], S.ctl[c.M], S.dictionary
    for i in range(m):
        if dictionary.row_id[i] == r:
            ctl[c.M] = drop_row(dictionary.T, d, m, dictionary.row_id, i)
            return
    for k in range(d):
        if dictionary.col_id[k] == r:  # the vertex that its test ended at does without it
            m = S.facets.ctl[c.F_M2]
            copy_dictionary(S.other, dictionary, d, m, d + m)
            ctl[c.M] = m
            return
