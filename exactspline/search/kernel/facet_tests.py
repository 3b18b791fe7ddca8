"""What is proved of one constraint of a leaf: that the others imply it, or that it is a facet.

(Numba; the steps that `facets.py` and `facet_walk.py` share.)
"""

from __future__ import annotations

from . import control as c
from .certificates import lower_bound_in_box, nonnegative_by_integers
from .conditions import form_unit
from .cross import cross
from .faults import disturb
from .jit import kernel
from .nodes import error_width
from .points import inside, sign_at
from .proofs import prove_by_coefficients
from .rows import NOT_EXACT


@kernel
def neutralise(P, S, r):
    """Make a constraint of the path one that holds everywhere."""
    path, d = S.path, P.mode[c.DIM]
    for j in range(d):
        path.row[r, j] = 0.0
    path.row[r, d] = 1.0
    for j in range(error_width(P)):
        path.error[r, j] = 0.0
    path.size[r] = 1.0


@kernel
def restore(P, S, r):
    """Put one row of the path back."""
    path, kept = S.path, S.facets.kept
    for j in range(P.mode[c.DIM] + 1):
        path.row[r, j] = kept.row[r, j]
    for j in range(error_width(P)):
        path.error[r, j] = kept.error[r, j]
    path.size[r] = kept.size[r]


@kernel
def drop(P, S, r):
    """Note that a constraint is implied by those that are left."""
    S.facets.state[r] = c.F_IMPLIED
    S.facets.alive[r] = False
    neutralise(P, S, r)


@kernel
def is_facet(P, S, r):
    """Whether S.plus_point is proved to lie beyond constraint r alone; then it is written."""
    d, coefficients = P.mode[c.DIM], P.mode[c.COEFFICIENTS] == 1
    y = S.plus_point
    if S.faults[c.FAULT_RATE] > 0.0:
        disturb(P, S, c.POINT_BEYOND)
    if r >= P.mode[c.DOMAIN_ROWS] and not leads_down(P, S, r):
        if not cross(P, S, r, y):
            return False
        S.ctl[c.BY_FLOAT] += 1
        return True
    error, size, path, reach = bounds_beyond(P, S, r)
    if sign_at(S.facets.kept.row[r], error, size, coefficients, y, d, S.scratch.work) != -1:
        return False
    neutralise(P, S, r)
    found = inside(y, S.ctl[c.N_PATH], path, coefficients, reach, d)
    restore(P, S, r)
    if found:
        S.ctl[c.BY_FLOAT] += 1
        note(P, S, r)
    return found


@kernel
def bounds_beyond(P, S, r):
    """Bounds for points beyond constraint r: its own, those of the path, where they hold."""
    facets = S.facets
    if r < P.mode[c.DOMAIN_ROWS] and P.mode[c.COEFFICIENTS] == 0:  # beyond the domain
        return facets.wide.error[r], facets.wide.size[r], facets.wide, facets.wide_reach
    return facets.kept.error[r], facets.kept.size[r], S.path, P.box.reach


@kernel
def leads_down(P, S, r):
    """Whether the region across is surely an earlier one: the first unit to change is r's."""
    layer = S.path.layer[r]
    unit = P.layers.unit_at[layer] + form_unit(
        S.path.form[r], P.layers.stride[layer], P.layers.piece_at[layer], S.facets.piece_unit
    )
    return P.units.two_piece[unit] and S.codes[unit] == 1


@kernel
def note(P, S, r):
    """Write a facet in the domain's border, or count one that leads to an earlier region."""
    ctl, out = S.facets.ctl, S.facets.out
    if r < P.mode[c.DOMAIN_ROWS]:
        at = ctl[c.F_BORDERS]
        out.border_region[at] = S.ctl[c.REGIONS] - 1
        out.border_side[at] = r
        ctl[c.F_BORDERS] = at + 1
    else:
        out.down[S.ctl[c.N_OUT] - 1] += 1


@kernel
def proved_implied(P, S, r, which, at):
    """Whether a dictionary proves that its tight constraints imply constraint r.

    ``which``: OF_VERTEX or OF_OTHER_VERTEX. ``at``: where the row of r stands there.
    """
    ctl, d, z = S.ctl, P.mode[c.DIM], S.scratch.z
    path, facets = S.path, S.facets
    dictionary = S.dictionary
    if which == c.OF_OTHER_VERTEX:
        dictionary = S.other
    T, ids = dictionary.T, dictionary.col_id
    row = facets.kept.row[r]
    for k in range(d):
        z[k] = T[k + 1, at] / path.scale[r]
        if ids[k] >= 0:
            z[k] *= path.scale[ids[k]]
    if S.faults[c.FAULT_RATE] > 0.0:
        disturb(P, S, c.MULTIPLIERS)
    if P.mode[c.COEFFICIENTS] == 1:
        for j in range(d + 1):
            S.form.g[j] = row[j]
            S.form.error[j] = facets.kept.error[r, j]
        ctl[c.PROOF_SIGN] = 1
        proved = prove_by_coefficients(P, S, which) == 1
    else:
        constraints, low, high = path, P.box.low, P.box.high
        error, size = facets.kept.error[r, 0], facets.kept.size[r]
        if r < P.mode[c.DOMAIN_ROWS]:
            constraints, low, high = facets.wide, facets.wide_low, facets.wide_reach
            error, size = facets.wide.error[r, 0], facets.wide.size[r]
        bound = lower_bound_in_box(
            row, error, size, 1, z, ids, constraints.row, constraints.error, constraints.size,
            low, high, d,
        )  # fmt: skip
        proved = bound >= 0.0
    if proved:
        ctl[c.BY_FLOAT] += 1
        return True
    if path.grid[r] != NOT_EXACT and nonnegative_by_integers(
        row, path.grid[r], path.largest[r], 1, z, ids, path.row, path.grid, path.largest, d,
        S.scratch.work,
    ):  # fmt: skip
        ctl[c.BY_INTEGER] += 1
        return True
    return False
