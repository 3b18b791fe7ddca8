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

from .certificates import (
    lower_bound_by_basis,
    lower_bound_in_box,
    nonnegative_by_integers,
)
from .control import (
    BY_FLOAT,
    BY_INTEGER,
    F_ANSWER,
    F_AT,
    F_BORDERS,
    F_EDGES,
    F_FACET,
    F_FINISHED,
    F_FLIPS,
    F_FULL,
    F_IMPLIED,
    F_LATER,
    F_M2,
    F_NONE,
    F_QUERY,
    F_REASON,
    F_STAGE,
    LEAF,
    LPS,
    N_OUT,
    N_PATH,
    PIVOTS,
    REGIONS,
    M,
)
from .cross import cross
from .dfs import advance
from .faults import perturb, uniform
from .frame import proved_in_frame
from .jit import inlined, kernel
from .nodes import copy_dictionary
from .points import centre, inside, sign_at, witness_beyond
from .rows import NOT_EXACT
from .simplex import OPTIMAL, RAY, VALUE_TOLERANCE, drop_row, express, minimise

# An affine function that is at most E where |x| <= reach is at most 3 E where |x| <= 2 reach:
# e(2 x) = 2 e(x) - e(0). The domain's own sides are tested in that wider box.
WIDE = 3.0
FAR = 1.0e30  # a step that nothing blocks


@kernel
def explore(P, S, G):
    """Go on with a search that stops at every leaf for its facets; returns a status."""
    while True:
        if G.ctl[F_STAGE] == 0:
            status = advance(P, S)
            if status != LEAF:
                return status
            G.ctl[F_STAGE] = 1
        if G.ctl[F_STAGE] == 1 and not _begin(P, S, G):
            return F_FULL
        status = _facets(P, S, G)
        if status != F_FINISHED:
            return status
        _end(S, G, P.mode[0], _error_width(P))


@inlined
def _begin(P, S, G):
    """Keep the path's rows and hash the region's code; False if the buffers may not hold it."""
    ctl = G.ctl
    n_path = S.ctl[N_PATH]
    if (
        ctl[F_EDGES] + n_path > len(G.edge_region)
        or ctl[F_BORDERS] + n_path > len(G.border_region)
        or ctl[F_FLIPS] + len(S.codes) > len(G.flip_unit)
    ):
        return False
    d = P.mode[0]
    n_err = d + 1 if P.mode[2] == 1 else 1
    for i in range(n_path):
        G.alive[i] = True
        G.state[i] = F_NONE
        for c in range(d + 1):
            G.row[i, c] = S.path_row[i, c]
        for c in range(n_err):
            G.error[i, c] = S.path_error[i, c]
        G.size[i] = S.path_size[i]
        if n_err == 1:
            G.wide_error[i, 0] = WIDE * S.path_error[i, 0]
            G.wide_size[i] = WIDE * S.path_size[i]
    h = G.table[len(G.table) - 1]
    for layer in range(P.mode[1]):
        base = P.piece_at[layer]
        at = P.unit_at[layer]
        for k in range(P.n_units[layer]):
            h ^= G.table[base + P.piece_start[at + k + layer] + S.codes[at + k]]
    G.hash[0] = h
    G.region_hash[S.ctl[N_OUT] - 1] = h
    G.down[S.ctl[N_OUT] - 1] = 0
    ctl[F_AT] = n_path - 1
    ctl[F_ANSWER] = F_NONE
    ctl[F_STAGE] = 2
    return True


@inlined
def _end(S, G, d, n_err):
    """Put the path's rows back."""
    for i in range(S.ctl[N_PATH]):
        if not G.alive[i]:
            _restore(S, G, i, d, n_err)
    G.ctl[F_STAGE] = 0


@inlined
def _restore(S, G, i, d, n_err):
    """Put one row of the path back."""
    for c in range(d + 1):
        S.path_row[i, c] = G.row[i, c]
    for c in range(n_err):
        S.path_error[i, c] = G.error[i, c]
    S.path_size[i] = G.size[i]


@inlined
def _neutralise(S, i, d, n_err):
    """Make a constraint of the path one that holds everywhere."""
    for c in range(d):
        S.path_row[i, c] = 0.0
    S.path_row[i, d] = 1.0
    for c in range(n_err):
        S.path_error[i, c] = 0.0
    S.path_size[i] = 1.0


@inlined
def _facets(P, S, G):
    """Settle all constraints of a leaf: on a walk along its vertices, the rest one by one."""
    if G.ctl[F_STAGE] == 2:
        _walk(P, S, G)
        G.ctl[F_AT] = S.ctl[N_PATH] - 1
        G.ctl[F_STAGE] = 3
    return _one_by_one(P, S, G)


# ------------------------------------------------------------------- a walk along vertices
@inlined
def _walk(P, S, G):
    """Go from vertex to vertex of the region, to where some constraint is least.

    At a vertex, a tight constraint has a point beyond it alone unless more than d are tight;
    and one that has only nonnegative coefficients there is implied by the tight ones. What
    degenerate vertices hide stays open.
    """
    d = P.mode[0]
    T = S.T
    moved = True
    while True:
        if moved:
            _look_around(P, S, G)
        m = S.ctl[M]
        i = 0
        while i < m and G.state[S.row_id[i]] != F_NONE:
            i += 1
        if i == m:
            break
        r = S.row_id[i]
        for k in range(d + 1):
            T[k, d + m] = T[k, d + i]
        status, m, _, _, pivots = minimise(T, d, m, d + m, S.col_id, S.row_id, False)
        S.ctl[M] = m
        S.ctl[LPS] += 1
        S.ctl[PIVOTS] += pivots
        moved = pivots > 0
        G.state[r] = F_LATER
        if status == OPTIMAL and T[0, d + m] > VALUE_TOLERANCE:
            for j in range(m):
                if S.row_id[j] == r:
                    if _proved_implied(P, S, G, r, T, S.col_id, d + m):
                        _drop(P, S, G, r)
                        S.ctl[M] = drop_row(T, d, m, S.row_id, j)
                    break
    for i in range(S.ctl[N_PATH]):
        if G.state[i] == F_LATER:
            G.state[i] = F_NONE


@inlined
def _look_around(P, S, G):
    """Settle what the current vertex shows."""
    d, m = P.mode[0], S.ctl[M]
    T = S.T
    i = 0
    while i < m:
        r = S.row_id[i]
        implied = G.state[r] == F_NONE and T[0, d + i] > VALUE_TOLERANCE
        k = 1
        while implied and k <= d:
            implied = T[k, d + i] >= 0.0
            k += 1
        if implied and _proved_implied(P, S, G, r, T, S.col_id, d + i):
            _drop(P, S, G, r)
            m = drop_row(T, d, m, S.row_id, i)
            S.ctl[M] = m
        else:
            i += 1
    todo = False
    for k in range(d):
        r = S.col_id[k]
        if r < 0:
            return  # no vertex
        if G.state[r] != F_FACET and G.state[r] != F_IMPLIED:
            todo = True
    if not todo:
        return
    total = S.work[1]
    for c in range(d):
        total[c] = 0.0
    for k in range(1, d + 1):
        column = T[k]
        step, back = FAR, FAR
        for i in range(d, d + m):
            if column[i] < -1e-12:
                step = min(step, T[0, i] / -column[i])
            elif column[i] > 1e-12:
                back = min(back, T[0, i] / column[i])
        if step >= FAR:
            step = 1.0
        if back >= FAR:
            back = 1.0
        if not (step > 0.0 and back > 0.0):
            return  # a degenerate vertex
        G.back[k - 1] = step + back
        for c in range(d):
            total[c] += step * column[c]
    y = S.plus_point
    for k in range(1, d + 1):
        r = S.col_id[k - 1]
        if G.state[r] == F_FACET or G.state[r] == F_IMPLIED:
            continue
        for c in range(d):
            y[c] = T[0, c] + (total[c] - G.back[k - 1] * T[k, c]) / (d + 1)
        if _is_facet(P, S, G, r, y):
            G.state[r] = F_FACET


@inlined
def _drop(P, S, G, r):
    """Note that a constraint is implied by those that are left."""
    G.state[r] = F_IMPLIED
    G.alive[r] = False
    _neutralise(S, r, P.mode[0], _error_width(P))


@inlined
def _error_width(P):
    """Numbers in an error bound: one a coefficient, or one."""
    return P.mode[0] + 1 if P.mode[2] == 1 else 1


@inlined
def _is_facet(P, S, G, r, y):
    """Whether y is proved to lie beyond constraint r alone; if so, the facet is written."""
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    if S.faults[0] > 0.0 and uniform(S.faults) < S.faults[0]:
        perturb(y, d, S.faults)
    if r >= P.mode[3] and not _leads_down(P, S, G, r):
        if not cross(P, S, G, r, S.point, y):
            return False
        S.ctl[BY_FLOAT] += 1
        return True
    error, size = G.error[r], G.size[r]
    errors, sizes, reach = S.path_error, S.path_size, P.reach
    if r < P.mode[3] and not coefficients:  # beyond the domain
        error, size = G.wide_error[r], G.wide_size[r]
        errors, sizes, reach = G.wide_error, G.wide_size, G.wide_reach
    if sign_at(G.row[r], error, size, coefficients, y, d, S.work) != -1:
        return False
    _neutralise(S, r, d, _error_width(P))
    found = inside(y, S.ctl[N_PATH], S.path_row, errors, sizes, coefficients, reach, d)
    _restore(S, G, r, d, _error_width(P))
    if found:
        S.ctl[BY_FLOAT] += 1
        _note(P, S, G, r)
    return found


@inlined
def _leads_down(P, S, G, r):
    """Whether the region across is surely an earlier one: the first unit to change is r's."""
    layer = S.path_layer[r]
    unit = P.unit_at[layer] + G.form_unit[P.form_at[layer] + S.path_form[r]]
    return P.two_piece[unit] and S.codes[unit] == 1


@inlined
def _note(P, S, G, r):
    """Write a facet in the domain's border, or count one that leads to an earlier region."""
    if r < P.mode[3]:
        at = G.ctl[F_BORDERS]
        G.border_region[at] = S.ctl[REGIONS] - 1
        G.border_side[at] = r
        G.ctl[F_BORDERS] = at + 1
    else:
        G.down[S.ctl[N_OUT] - 1] += 1


# ------------------------------------------------------------------- one by one
@inlined
def _without(P, S, G, r):
    """Copy the dictionary without constraint r, whose row is the objective; returns its m."""
    d, m = P.mode[0], S.ctl[M]
    copy_dictionary(S.T, S.col_id, S.row_id, d, m, d + m, S.T2, S.col_id2, S.row_id2)
    T = S.T2
    for k in range(d):
        if S.col_id2[k] == r:
            S.col_id2[k] = -1  # a free direction from now on
            for j in range(d + 1):
                T[j, d + m] = 0.0
            T[k + 1, d + m] = 1.0
            return m
    for i in range(m):
        if S.row_id2[i] == r:
            for j in range(d + 1):
                T[j, d + m] = T[j, d + i]
            return drop_row(T, d, m, S.row_id2, i)
    express(T, d, G.row[r], S.path_scale[r], d + m)
    return m


@inlined
def _one_by_one(P, S, G):
    """Test the constraints that are left against the others, from the last to the first."""
    ctl = G.ctl
    d = P.mode[0]
    faults = S.faults
    faulty = faults[0] > 0.0
    while ctl[F_AT] >= 0:
        r = ctl[F_AT]
        if G.state[r] == F_FACET or G.state[r] == F_IMPLIED:
            ctl[F_AT] = r - 1
            continue
        answer = ctl[F_ANSWER]
        ctl[F_ANSWER] = F_NONE
        if answer == F_NONE:
            m = _without(P, S, G, r)
            _neutralise(S, r, d, _error_width(P))
            status, m, column, direction, pivots = minimise(
                S.T2, d, m, d + m, S.col_id2, S.row_id2, True
            )
            S.ctl[LPS] += 1
            S.ctl[PIVOTS] += pivots
            implied = status == OPTIMAL
            if faulty and uniform(faults) < faults[0]:
                implied = not implied
            ctl[F_M2] = m
            if implied:
                if not _proved_implied(P, S, G, r, S.T2, S.col_id2, d + m):
                    ctl[F_REASON] = 0
                    return F_QUERY
                answer = F_IMPLIED
            else:
                found = _point_beyond(P, S, G, r, m, status == RAY, column, direction)
                if not found and status != RAY:  # a thin one: go as far beyond as can be
                    status, m, column, direction, pivots = minimise(
                        S.T2, d, m, d + m, S.col_id2, S.row_id2, False
                    )
                    S.ctl[PIVOTS] += pivots
                    ctl[F_M2] = m
                    found = _point_beyond(P, S, G, r, m, status == RAY, column, direction)
                if not found:
                    ctl[F_REASON] = 1
                    return F_QUERY
                _restore(S, G, r, d, _error_width(P))
                if r < P.mode[3] or _leads_down(P, S, G, r):
                    _note(P, S, G, r)
                elif not cross(P, S, G, r, S.point, S.plus_point):
                    ctl[F_REASON] = 2
                    return F_QUERY
                S.ctl[BY_FLOAT] += 1
                answer = F_FACET
        G.state[r] = answer
        if answer == F_IMPLIED:
            _drop(P, S, G, r)
            _forget(P, S, r, ctl[F_M2])
        else:
            _restore(S, G, r, d, _error_width(P))
        ctl[F_AT] = r - 1
    return F_FINISHED


@inlined
def _point_beyond(P, S, G, r, m, is_ray, column, direction):
    """Find a point that is proved to lie beyond constraint r alone, from its dictionary."""
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    target, other = S.work[5], S.plus_point
    for c in range(d):
        target[c] = S.T2[column, c] * direction if is_ray else S.T2[0, c]
    if S.faults[0] > 0.0 and uniform(S.faults) < S.faults[0]:
        perturb(target, d, S.faults)
    row, error, size = G.row[r], G.error[r], G.size[r]
    errors, sizes, reach = S.path_error, S.path_size, P.reach
    if r < P.mode[3] and not coefficients:  # beyond the domain
        error, size = G.wide_error[r], G.wide_size[r]
        errors, sizes, reach = G.wide_error, G.wide_size, G.wide_reach
    n_path = S.ctl[N_PATH]
    if witness_beyond(
        row, error, size, -1, S.point, target, is_ray, other, n_path, S.path_row, errors, sizes,
        coefficients, reach, d, S.work, True,
    ):
        return True
    if is_ray:
        return False
    centre(S.T2, d, m, -1.0, other)
    return sign_at(row, error, size, coefficients, other, d, S.work) == -1 and inside(
        other, n_path, S.path_row, errors, sizes, coefficients, reach, d
    )


@inlined
def _forget(P, S, r, m2):
    """Take an implied constraint out of the leaf's dictionary."""
    d, m = P.mode[0], S.ctl[M]
    for i in range(m):
        if S.row_id[i] == r:
            S.ctl[M] = drop_row(S.T, d, m, S.row_id, i)
            return
    for k in range(d):
        if S.col_id[k] == r:  # the vertex that its test ended at does without it
            copy_dictionary(S.T2, S.col_id2, S.row_id2, d, m2, d + m2, S.T, S.col_id, S.row_id)
            S.ctl[M] = m2
            return


@inlined
def _proved_implied(P, S, G, r, T, ids, at):
    """Whether a dictionary proves that its tight constraints imply constraint r.

    ``at``: where the row of r stands in the dictionary T, whose columns are the constraints ids.
    """
    d = P.mode[0]
    coefficients = P.mode[2] == 1
    row, error, size = G.row[r], G.error[r], G.size[r]
    z = S.z
    for k in range(d):
        z[k] = T[k + 1, at] / S.path_scale[r]
        if ids[k] >= 0:
            z[k] *= S.path_scale[ids[k]]
    if S.faults[0] > 0.0 and uniform(S.faults) < S.faults[0]:
        perturb(z, d, S.faults)
    if not coefficients:
        if r < P.mode[3]:
            bound = lower_bound_in_box(
                row, G.wide_error[r, 0], G.wide_size[r], 1, z, ids, S.path_row, G.wide_error,
                G.wide_size, G.wide_low, G.wide_reach, d,
            )
        else:
            bound = lower_bound_in_box(
                row, error[0], size, 1, z, ids, S.path_row, S.path_error, S.path_size, P.low,
                P.high, d,
            )
        if bound >= 0.0:
            S.ctl[BY_FLOAT] += 1
            return True
    else:
        bound = lower_bound_by_basis(
            row, error, 1, z, ids, S.path_row, S.path_error, S.path_scale, T, d, S.work
        )
        if bound >= 0.0:
            S.ctl[BY_FLOAT] += 1
            return True
    if S.path_grid[r] != NOT_EXACT and nonnegative_by_integers(
        row, S.path_grid[r], S.path_max[r], 1, z, ids, S.path_row, S.path_grid, S.path_max, d,
        S.work,
    ):
        S.ctl[BY_INTEGER] += 1
        return True
    if coefficients and r >= P.mode[3]:
        for k in range(d):  # the frame reads the dictionary's own columns
            G.columns[k] = S.col_id[k]
            S.col_id[k] = ids[k]
        proved = proved_in_frame(P, S, S.path_layer[r], S.path_form[r], S.path_sign[r])
        for k in range(d):
            S.col_id[k] = G.columns[k]
        if proved:
            S.ctl[BY_FLOAT] += 1
            return True
    return False
