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
from .conditions import form_unit
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
    F_FRAME,
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
from .jit import kernel
from .narrow_layer import proved_in_frame
from .nodes import copy_dictionary
from .points import centre, inside, sign_at, witness_beyond
from .rows import NOT_EXACT
from .simplex import OPTIMAL, RAY, VALUE_TOLERANCE, drop_row, express, minimise

# An affine function that is at most E where |x| <= reach is at most 3 E where |x| <= 2 reach:
# e(2 x) = 2 e(x) - e(0). The domain's own sides are tested in that wider box.
WIDE = 3.0
FAR = 1.0e30  # a step that nothing blocks


@kernel
def explore(P, S, C, D, L, N, W, R, K, X):
    """Go on with a search that stops at every leaf for its facets; returns a status."""
    while True:
        if C.facet[F_STAGE] == 0:
            status = advance(P, S)
            if status != LEAF:
                return status
            C.facet[F_STAGE] = 1
        if C.facet[F_STAGE] == 1 and not _begin(C, L, N, K, X):
            return F_FULL
        status = _facets(C, D, L, N, W, R, K, X)
        if status == F_FRAME:
            if not _proved_in_frame(P, S, C, D, L, K):
                return F_QUERY
            C.facet[F_ANSWER] = F_IMPLIED
            continue
        if status != F_FINISHED:
            return status
        _end(C, L, C.mode[0], _error_width(C))


@kernel
def _proved_in_frame(P, S, C, D, L, K):
    """Whether the multipliers of the last test prove it in the coordinates of a narrow layer."""
    d, r = C.mode[0], C.facet[F_AT]
    for k in range(d):  # the frame reads the dictionary's own columns
        K.columns[k] = D.col_id[k]
        D.col_id[k] = D.col_id2[k]
    proved = proved_in_frame(P, S, L.path_layer[r], L.path_form[r], L.path_sign[r])
    for k in range(d):
        D.col_id[k] = K.columns[k]
    if proved:
        C.ctl[BY_FLOAT] += 1
    return proved


@kernel
def _begin(C, L, N, K, X):
    """Keep the path's rows and hash the region's code; False if the buffers may not hold it."""
    ctl = C.facet
    n_path = C.ctl[N_PATH]
    if (
        ctl[F_EDGES] + n_path > len(X.edge_region)
        or ctl[F_BORDERS] + n_path > len(X.border_region)
        or ctl[F_FLIPS] + len(K.codes) > len(X.flip_unit)
    ):
        return False
    d = C.mode[0]
    n_err = d + 1 if C.mode[2] == 1 else 1
    for i in range(n_path):
        L.alive[i] = True
        L.state[i] = F_NONE
        for c in range(d + 1):
            L.row[i, c] = L.path_row[i, c]
        for c in range(n_err):
            L.error[i, c] = L.path_error[i, c]
        L.size[i] = L.path_size[i]
        if n_err == 1:
            L.wide_error[i, 0] = WIDE * L.path_error[i, 0]
            L.wide_size[i] = WIDE * L.path_size[i]
    h = N.table[len(N.table) - 1]
    for layer in range(C.mode[1]):
        base = N.piece_at[layer]
        at = N.unit_at[layer]
        for k in range(N.n_units[layer]):
            h ^= N.table[base + N.piece_start[at + k + layer] + K.codes[at + k]]
    K.hash[0] = h
    X.region_hash[C.ctl[N_OUT] - 1] = h
    X.down[C.ctl[N_OUT] - 1] = 0
    ctl[F_AT] = n_path - 1
    ctl[F_ANSWER] = F_NONE
    ctl[F_STAGE] = 2
    return True


@kernel
def _end(C, L, d, n_err):
    """Put the path's rows back."""
    for i in range(C.ctl[N_PATH]):
        if not L.alive[i]:
            _restore(L, i, d, n_err)
    C.facet[F_STAGE] = 0


@kernel
def _restore(L, i, d, n_err):
    """Put one row of the path back."""
    for c in range(d + 1):
        L.path_row[i, c] = L.row[i, c]
    for c in range(n_err):
        L.path_error[i, c] = L.error[i, c]
    L.path_size[i] = L.size[i]


@kernel
def _neutralise(L, i, d, n_err):
    """Make a constraint of the path one that holds everywhere."""
    for c in range(d):
        L.path_row[i, c] = 0.0
    L.path_row[i, d] = 1.0
    for c in range(n_err):
        L.path_error[i, c] = 0.0
    L.path_size[i] = 1.0


@kernel
def _facets(C, D, L, N, W, R, K, X):
    """Settle all constraints of a leaf: on a walk along its vertices, the rest one by one."""
    if C.facet[F_STAGE] == 2:
        _walk(C, D, L, N, W, R, K, X)
        C.facet[F_AT] = C.ctl[N_PATH] - 1
        C.facet[F_STAGE] = 3
    return _one_by_one(C, D, L, N, W, R, K, X)


# ------------------------------------------------------------------- a walk along vertices
@kernel
def _walk(C, D, L, N, W, R, K, X):
    """Go from vertex to vertex of the region, to where some constraint is least.

    At a vertex, a tight constraint has a point beyond it alone unless more than d are tight;
    and one that has only nonnegative coefficients there is implied by the tight ones. What
    degenerate vertices hide stays open.
    """
    d = C.mode[0]
    T = D.T
    moved = True
    while True:
        if moved:
            _look_around(C, D, L, N, W, R, K, X)
        m = C.ctl[M]
        i = 0
        while i < m and L.state[D.row_id[i]] != F_NONE:
            i += 1
        if i == m:
            break
        r = D.row_id[i]
        for k in range(d + 1):
            T[k, d + m] = T[k, d + i]
        status, m, _, _, pivots = minimise(T, d, m, d + m, D.col_id, D.row_id, False)
        C.ctl[M] = m
        C.ctl[LPS] += 1
        C.ctl[PIVOTS] += pivots
        moved = pivots > 0
        L.state[r] = F_LATER
        if status == OPTIMAL and T[0, d + m] > VALUE_TOLERANCE:
            for j in range(m):
                if D.row_id[j] == r:
                    if _proved_implied(C, L, K, r, T, D.col_id, d + m):
                        _drop(C, L, r)
                        C.ctl[M] = drop_row(T, d, m, D.row_id, j)
                    break
    for i in range(C.ctl[N_PATH]):
        if L.state[i] == F_LATER:
            L.state[i] = F_NONE


@kernel
def _look_around(C, D, L, N, W, R, K, X):
    """Settle what the current vertex shows."""
    d, m = C.mode[0], C.ctl[M]
    T = D.T
    i = 0
    while i < m:
        r = D.row_id[i]
        implied = L.state[r] == F_NONE and T[0, d + i] > VALUE_TOLERANCE
        k = 1
        while implied and k <= d:
            implied = T[k, d + i] >= 0.0
            k += 1
        if implied and _proved_implied(C, L, K, r, T, D.col_id, d + i):
            _drop(C, L, r)
            m = drop_row(T, d, m, D.row_id, i)
            C.ctl[M] = m
        else:
            i += 1
    todo = False
    for k in range(d):
        r = D.col_id[k]
        if r < 0:
            return  # no vertex
        if L.state[r] != F_FACET and L.state[r] != F_IMPLIED:
            todo = True
    if not todo:
        return
    total = K.work[1]
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
        K.back[k - 1] = step + back
        for c in range(d):
            total[c] += step * column[c]
    y = K.plus_point
    for k in range(1, d + 1):
        r = D.col_id[k - 1]
        if L.state[r] == F_FACET or L.state[r] == F_IMPLIED:
            continue
        for c in range(d):
            y[c] = T[0, c] + (total[c] - K.back[k - 1] * T[k, c]) / (d + 1)
        if _is_facet(C, L, N, W, R, K, X, r, y):
            L.state[r] = F_FACET


@kernel
def _drop(C, L, r):
    """Note that a constraint is implied by those that are left."""
    L.state[r] = F_IMPLIED
    L.alive[r] = False
    _neutralise(L, r, C.mode[0], _error_width(C))


@kernel
def _error_width(C):
    """Numbers in an error bound: one a coefficient, or one."""
    return C.mode[0] + 1 if C.mode[2] == 1 else 1


@kernel
def _is_facet(C, L, N, W, R, K, X, r, y):
    """Whether y is proved to lie beyond constraint r alone; if so, the facet is written."""
    d = C.mode[0]
    coefficients = C.mode[2] == 1
    if K.faults[0] > 0.0 and uniform(K.faults) < K.faults[0]:
        perturb(y, d, K.faults)
    if r >= C.mode[3] and not _leads_down(L, N, K, r):
        if not cross(C, L, N, W, R, K, X, r, K.point, y):
            return False
        C.ctl[BY_FLOAT] += 1
        return True
    error, size = L.error[r], L.size[r]
    errors, sizes, reach = L.path_error, L.path_size, L.reach
    if r < C.mode[3] and not coefficients:  # beyond the domain
        error, size = L.wide_error[r], L.wide_size[r]
        errors, sizes, reach = L.wide_error, L.wide_size, L.wide_reach
    if sign_at(L.row[r], error, size, coefficients, y, d, K.work) != -1:
        return False
    _neutralise(L, r, d, _error_width(C))
    found = inside(y, C.ctl[N_PATH], L.path_row, errors, sizes, coefficients, reach, d)
    _restore(L, r, d, _error_width(C))
    if found:
        C.ctl[BY_FLOAT] += 1
        _note(C, X, r)
    return found


@kernel
def _leads_down(L, N, K, r):
    """Whether the region across is surely an earlier one: the first unit to change is r's."""
    layer = L.path_layer[r]
    unit = N.unit_at[layer] + form_unit(
        L.path_form[r], N.stride[layer], N.piece_at[layer], N.piece_unit
    )
    return N.two_piece[unit] and K.codes[unit] == 1


@kernel
def _note(C, X, r):
    """Write a facet in the domain's border, or count one that leads to an earlier region."""
    if r < C.mode[3]:
        at = C.facet[F_BORDERS]
        X.border_region[at] = C.ctl[REGIONS] - 1
        X.border_side[at] = r
        C.facet[F_BORDERS] = at + 1
    else:
        X.down[C.ctl[N_OUT] - 1] += 1


# ------------------------------------------------------------------- one by one
@kernel
def _without(C, D, L, r):
    """Copy the dictionary without constraint r, whose row is the objective; returns its m."""
    d, m = C.mode[0], C.ctl[M]
    copy_dictionary(D.T, D.col_id, D.row_id, d, m, d + m, D.T2, D.col_id2, D.row_id2)
    T = D.T2
    for k in range(d):
        if D.col_id2[k] == r:
            D.col_id2[k] = -1  # a free direction from now on
            for j in range(d + 1):
                T[j, d + m] = 0.0
            T[k + 1, d + m] = 1.0
            return m
    for i in range(m):
        if D.row_id2[i] == r:
            for j in range(d + 1):
                T[j, d + m] = T[j, d + i]
            return drop_row(T, d, m, D.row_id2, i)
    express(T, d, L.row[r], L.path_scale[r], d + m)
    return m


@kernel
def _one_by_one(C, D, L, N, W, R, K, X):
    """Test the constraints that are left against the others, from the last to the first."""
    ctl = C.facet
    d = C.mode[0]
    faults = K.faults
    faulty = faults[0] > 0.0
    while ctl[F_AT] >= 0:
        r = ctl[F_AT]
        if L.state[r] == F_FACET or L.state[r] == F_IMPLIED:
            ctl[F_AT] = r - 1
            continue
        answer = ctl[F_ANSWER]
        ctl[F_ANSWER] = F_NONE
        if answer == F_NONE:
            m = _without(C, D, L, r)
            _neutralise(L, r, d, _error_width(C))
            status, m, column, direction, pivots = minimise(
                D.T2, d, m, d + m, D.col_id2, D.row_id2, True
            )
            C.ctl[LPS] += 1
            C.ctl[PIVOTS] += pivots
            implied = status == OPTIMAL
            if faulty and uniform(faults) < faults[0]:
                implied = not implied
            ctl[F_M2] = m
            if implied:
                if not _proved_implied(C, L, K, r, D.T2, D.col_id2, d + m):
                    ctl[F_REASON] = 0
                    return F_FRAME if C.mode[2] == 1 and r >= C.mode[3] else F_QUERY
                answer = F_IMPLIED
            else:
                found = _point_beyond(C, D, L, K, r, m, status == RAY, column, direction)
                if not found and status != RAY:  # a thin one: go as far beyond as can be
                    status, m, column, direction, pivots = minimise(
                        D.T2, d, m, d + m, D.col_id2, D.row_id2, False
                    )
                    C.ctl[PIVOTS] += pivots
                    ctl[F_M2] = m
                    found = _point_beyond(C, D, L, K, r, m, status == RAY, column, direction)
                if not found:
                    ctl[F_REASON] = 1
                    return F_QUERY
                _restore(L, r, d, _error_width(C))
                if r < C.mode[3] or _leads_down(L, N, K, r):
                    _note(C, X, r)
                elif not cross(C, L, N, W, R, K, X, r, K.point, K.plus_point):
                    ctl[F_REASON] = 2
                    return F_QUERY
                C.ctl[BY_FLOAT] += 1
                answer = F_FACET
        L.state[r] = answer
        if answer == F_IMPLIED:
            _drop(C, L, r)
            _forget(C, D, r, ctl[F_M2])
        else:
            _restore(L, r, d, _error_width(C))
        ctl[F_AT] = r - 1
    return F_FINISHED


@kernel
def _point_beyond(C, D, L, K, r, m, is_ray, column, direction):
    """Find a point that is proved to lie beyond constraint r alone, from its dictionary."""
    d = C.mode[0]
    coefficients = C.mode[2] == 1
    target, other = K.work[5], K.plus_point
    for c in range(d):
        target[c] = D.T2[column, c] * direction if is_ray else D.T2[0, c]
    if K.faults[0] > 0.0 and uniform(K.faults) < K.faults[0]:
        perturb(target, d, K.faults)
    row, error, size = L.row[r], L.error[r], L.size[r]
    errors, sizes, reach = L.path_error, L.path_size, L.reach
    if r < C.mode[3] and not coefficients:  # beyond the domain
        error, size = L.wide_error[r], L.wide_size[r]
        errors, sizes, reach = L.wide_error, L.wide_size, L.wide_reach
    n_path = C.ctl[N_PATH]
    if witness_beyond(
        row, error, size, -1, K.point, target, is_ray, other, n_path, L.path_row, errors, sizes,
        coefficients, reach, d, K.work, True,
    ):
        return True
    if is_ray:
        return False
    centre(D.T2, d, m, -1.0, other)
    return sign_at(row, error, size, coefficients, other, d, K.work) == -1 and inside(
        other, n_path, L.path_row, errors, sizes, coefficients, reach, d
    )


@kernel
def _forget(C, D, r, m2):
    """Take an implied constraint out of the leaf's dictionary."""
    d, m = C.mode[0], C.ctl[M]
    for i in range(m):
        if D.row_id[i] == r:
            C.ctl[M] = drop_row(D.T, d, m, D.row_id, i)
            return
    for k in range(d):
        if D.col_id[k] == r:  # the vertex that its test ended at does without it
            copy_dictionary(D.T2, D.col_id2, D.row_id2, d, m2, d + m2, D.T, D.col_id, D.row_id)
            C.ctl[M] = m2
            return


@kernel
def _proved_implied(C, L, K, r, T, ids, at):
    """Whether a dictionary proves that its tight constraints imply constraint r.

    ``at``: where the row of r stands in the dictionary T, whose columns are the constraints ids.
    """
    d = C.mode[0]
    coefficients = C.mode[2] == 1
    row, error, size = L.row[r], L.error[r], L.size[r]
    z = K.z
    for k in range(d):
        z[k] = T[k + 1, at] / L.path_scale[r]
        if ids[k] >= 0:
            z[k] *= L.path_scale[ids[k]]
    if K.faults[0] > 0.0 and uniform(K.faults) < K.faults[0]:
        perturb(z, d, K.faults)
    if not coefficients:
        if r < C.mode[3]:
            bound = lower_bound_in_box(
                row, L.wide_error[r, 0], L.wide_size[r], 1, z, ids, L.path_row, L.wide_error,
                L.wide_size, L.wide_low, L.wide_reach, d,
            )
        else:
            bound = lower_bound_in_box(
                row, error[0], size, 1, z, ids, L.path_row, L.path_error, L.path_size, L.low,
                L.high, d,
            )
        if bound >= 0.0:
            C.ctl[BY_FLOAT] += 1
            return True
    else:
        bound = lower_bound_by_basis(
            row, error, 1, z, ids, L.path_row, L.path_error, L.path_scale, T, d, K.work
        )
        if bound >= 0.0:
            C.ctl[BY_FLOAT] += 1
            return True
    if L.path_grid[r] != NOT_EXACT and nonnegative_by_integers(
        row, L.path_grid[r], L.path_max[r], 1, z, ids, L.path_row, L.path_grid, L.path_max, d,
        K.work,
    ):
        C.ctl[BY_INTEGER] += 1
        return True
    return False
