"""The dense simplex dictionary: pivots, ratio test, warm-started minimisation (Numba).

A dictionary of a cell in R^d writes every variable as a constant (its value at the current
vertex) plus a combination of d nonbasic slacks. It is stored by columns, ``T[k, i]``: k = 0
is the constant, k = 1 .. d a nonbasic slack; i = 0 .. d - 1 are the coordinates x, i = d ..
d + m - 1 the basic slacks, i = d + m the objective. Columns are contiguous, so that a pivot
is d long vector operations however small d is.

``col_id[k - 1]`` names the constraint that is nonbasic in column k (its place on the path), or
is negative while the column is still a free direction; ``row_id[i]`` names the constraint of
basic row d + i.

Nothing here is trusted: these are guesses in floating point. Certificates decide.
"""

from __future__ import annotations

from .jit import entry, kernel

VALUE_TOLERANCE = 1e-10  # below it a value is a tie: only a certificate can tell
COST_TOLERANCE = 1e-9
PIVOT_TOLERANCE = 1e-9
BLAND_AFTER = 60  # pivots of one minimisation before the rule that cannot cycle
GIVE_UP_AFTER = 600
LANES = 16  # four vectors of four numbers: the unit of the compiled loops

OPTIMAL = 0
NEGATIVE = 1  # the objective fell below zero: a vertex on the other side
RAY = 2  # the objective falls without end along a column
STUCK = 3  # too many pivots


@kernel
def pivot(T, d, n_rows, p, q):
    """Exchange row ``p`` and column ``q`` in the first ``n_rows`` rows.

    The rows behind them, up to a multiple of ``LANES``, are transformed too: loops of full
    vectors need no scalar remainder. What stands there is never read, but the columns of T
    must have that room.
    """
    padded = (n_rows + LANES - 1) // LANES * LANES
    inverse = 1.0 / T[q, p]
    column = T[q, :padded]
    for k in range(d + 1):
        if k == q:
            continue
        target = T[k, :padded]
        factor = target[p] * inverse
        if factor != 0.0:
            for i in range(padded):
                target[i] -= factor * column[i]
        target[p] = -factor
    for i in range(padded):
        column[i] *= inverse
    column[p] = inverse


@kernel
def drop_row(T, d, m, row_id, i):
    """Remove slack row ``i``; the objective row moves with the last one."""
    last = m - 1
    if i != last:
        for k in range(d + 1):
            T[k, d + i] = T[k, d + last]
        row_id[i] = row_id[last]
    for k in range(d + 1):
        T[k, d + last] = T[k, d + m]
    return last


@kernel
def minimise(T, d, m, obj, col_id, row_id, early):
    """Minimise the row ``obj`` over the cell; rows d .. d + m - 1 are its slacks.

    Parameters
    ----------
    obj : int
        d + m for the objective behind the slacks, or a coordinate 0 .. d - 1.
    early : bool
        Stop as soon as the objective is negative beyond doubt of the float.

    Returns
    -------
    status, m, column, direction, pivots
        ``m`` shrinks when a free direction enters and its row becomes void. Column and
        direction describe the ray for ``RAY``.
    """
    pivots = 0
    tracked = obj == d + m
    while True:
        if early and T[0, obj] < -VALUE_TOLERANCE:
            return NEGATIVE, m, 0, 0.0, pivots
        if pivots > GIVE_UP_AFTER:
            return STUCK, m, 0, 0.0, pivots
        # entering column: free directions first, then the steepest (or Bland's lowest)
        q = 0
        direction = 1.0
        best = -COST_TOLERANCE
        lowest = 1 << 62
        for k in range(1, d + 1):
            cost = T[k, obj]
            if col_id[k - 1] < 0:
                if abs(cost) > COST_TOLERANCE:
                    q = k
                    direction = -1.0 if cost > 0.0 else 1.0
                    break
            elif pivots < BLAND_AFTER:
                if cost < best:
                    best = cost
                    q = k
            elif cost < -COST_TOLERANCE and col_id[k - 1] < lowest:
                lowest = col_id[k - 1]
                q = k
        if q == 0:
            return OPTIMAL, m, 0, 0.0, pivots
        # leaving row
        column = T[q, d : d + m]
        value = T[0, d : d + m]
        p = -1
        step = 0.0
        size = 0.0
        for i in range(m):
            rate = column[i] * direction
            if rate < -PIVOT_TOLERANCE:
                room = value[i] if value[i] > 0.0 else 0.0
                t = room / -rate
                if p < 0 or t < step - 1e-12 * (1.0 + step):
                    p, step, size = i, t, -rate
                elif t <= step + 1e-12 * (1.0 + step):
                    if pivots < BLAND_AFTER:
                        better = -rate > size
                    else:
                        better = row_id[i] < row_id[p]
                    if better:
                        p, size = i, -rate
                        if t < step:
                            step = t
        if p < 0:
            return RAY, m, q, direction, pivots
        n_rows = d + m + 1 if tracked else d + m
        pivot(T, d, n_rows, d + p, q)
        pivots += 1
        entered = col_id[q - 1]
        col_id[q - 1] = row_id[p]
        if entered < 0:  # a free direction needs no row: x itself says where it is
            m = drop_row(T, d, m, row_id, p)
            if tracked:
                obj = d + m
        else:
            row_id[p] = entered


@kernel
def drop_redundant(T, d, m, row_id):
    """Forget slacks that this vertex shows to be implied (all coefficients >= 0).

    Dropping too much only widens the cell that the float search sees: certificates still hold
    there, and witnesses are checked against every constraint of the path.
    """
    i = 0
    while i < m:
        implied = T[0, d + i] > -VALUE_TOLERANCE
        k = 1
        while implied and k <= d:
            implied = T[k, d + i] >= -1e-13
            k += 1
        if implied:
            last = m - 1
            if i != last:
                for k in range(d + 1):
                    T[k, d + i] = T[k, d + last]
                row_id[i] = row_id[last]
            m = last
        else:
            i += 1
    return m


@entry
def refactor(T, d, m, col_id, row_id, path_row, path_scale, scratch):
    """Recompute the dictionary from the constraints' rows; False if the basis is singular.

    Gauss-Jordan with partial pivoting on the d nonbasic rows (a unit row for a free
    direction -1 - j), then one product per basic row.
    """
    # scratch[r] = [row of column r | identity]
    for r in range(d):
        for c in range(2 * d):
            scratch[r, c] = 0.0
        scratch[r, d + r] = 1.0
        ident = col_id[r]
        if ident < 0:
            scratch[r, -1 - ident] = 1.0
        else:
            for c in range(d):
                scratch[r, c] = path_row[ident, c] * path_scale[ident]
    for c in range(d):
        top = c
        for r in range(c + 1, d):
            if abs(scratch[r, c]) > abs(scratch[top, c]):
                top = r
        if abs(scratch[top, c]) < 1e-14:
            return False
        if top != c:
            for j in range(2 * d):
                swap = scratch[c, j]
                scratch[c, j] = scratch[top, j]
                scratch[top, j] = swap
        inverse = 1.0 / scratch[c, c]
        for j in range(2 * d):
            scratch[c, j] *= inverse
        for r in range(d):
            if r != c:
                factor = scratch[r, c]
                if factor != 0.0:
                    for j in range(2 * d):
                        scratch[r, j] -= factor * scratch[c, j]
    # x = inverse (s - b)
    for j in range(d):
        total = 0.0
        for k in range(d):
            coefficient = scratch[j, d + k]
            T[k + 1, j] = coefficient
            ident = col_id[k]
            if ident >= 0:
                total -= coefficient * path_row[ident, d] * path_scale[ident]
        T[0, j] = total
    for i in range(m):
        ident = row_id[i]
        express(T, d, path_row[ident], path_scale[ident], d + i)
    return True


@kernel
def express(T, d, row, scale, target):
    """Write scale * (row . x + row[d]) into dictionary row ``target``."""
    for k in range(d + 1):
        total = 0.0
        column = T[k]
        for c in range(d):
            total += row[c] * column[c]
        if k == 0:
            total += row[d]
        T[k, target] = total * scale
