"""Certificates in the coordinates of a narrow layer, on unbounded cells (Numba).

Where fewer units than dimensions are active after a layer, all later forms depend on these
few directions only, and multipliers of constraints vanish exactly: no certificate in x can
see that through rounding. In the coordinates of the active state entries the forms are as
short as the directions, the next layer's are exact as stored, and the constraints that matter
form a square system again.
"""

from __future__ import annotations

from . import control as c
from .certificates import lower_bound_by_basis
from .conditions import form_terms
from .jit import kernel, tier
from .rows import condition_row, member_rows, state_rows

NONE = -1
SMALL_MULTIPLIER = 1e-9  # of guesses: which constraints take part


@tier(c.NARROW_PROOF)
def prove_in_narrow_layer(P, S, what):
    """Whether a form is proved nonnegative on the cell in the coordinates of some narrow layer.

    ``what``: PROOF_SIGN times the form that is asked, by the dictionary; or the constraint of
    the path that is tested for a facet, by the other dictionary.
    """
    ctl = S.ctl
    if what == c.OF_FORM:
        return _proved(
            P, S, S.dictionary.col_id, ctl[c.LAYER], ctl[c.QUERY_FORM], ctl[c.PROOF_SIGN]
        )
    r, path = S.facets.ctl[c.F_AT], S.path
    return _proved(P, S, S.other.col_id, path.layer[r], path.form[r], path.sign[r])


@kernel
def has_narrow_layer(P, S, col_id, layer):
    """Whether there is a narrow layer to try: most cells have none, which is soon seen.

    ``S.scratch.z`` holds the guessed multipliers of the constraints ``col_id``. Those that take
    part must all be expressible there and as many as its dimension.
    """
    dim, top = _taking_part(P, S, col_id, layer)
    if dim == P.mode[c.DIM]:
        return False
    for start in range(1, min(top, layer + 1) + 1):
        if S.narrow.active[start] == dim:
            return True
    return False


@kernel
def _taking_part(P, S, col_id, layer):
    """How many constraints take part, and the last layer of theirs and of ``layer``."""
    z, dim, top = S.scratch.z, 0, layer  # an earlier constraint may follow from later ones
    least = _least(P, z)
    for k in range(P.mode[c.DIM]):
        if abs(z[k]) > least:
            if col_id[k] < 0:
                return P.mode[c.DIM], layer  # a free direction: nothing to try
            dim += 1
            top = max(top, S.path.layer[col_id[k]])
    return dim, top


@kernel
def _least(P, z):
    """What a multiplier must exceed to count."""
    biggest = 0.0
    for k in range(P.mode[c.DIM]):
        biggest = max(biggest, abs(z[k]))
    return SMALL_MULTIPLIER * biggest


@kernel
def _proved(P, S, col_id, layer, form, sign):
    """Whether sign * form >= 0 on the cell is proved in some narrow layer: 1 or 0.

    Forms are computed when a proof needs them, and kept until the search enters one of their
    layers anew.
    """
    z, narrow = S.scratch.z, S.narrow
    least = _least(P, z)
    dim, top = _taking_part(P, S, col_id, layer)
    if dim == P.mode[c.DIM]:
        return 0
    for start in range(min(top, layer + 1), 0, -1):
        if narrow.active[start] != dim:
            continue
        if narrow.span[0] != start or narrow.span[1] < top:
            _compute_forms(P, S, start, top)
        count = 0
        for k in range(P.mode[c.DIM]):  # the constraints that take part
            if abs(z[k]) > least:
                i = col_id[k]
                if not _row(P, S, S.path.layer[i], S.path.form[i], S.path.sign[i], dim, count):
                    break
                count += 1
        # then the form itself
        if count == dim and _row(P, S, layer, form, 1, dim, dim):
            if _follows(P, S, sign, dim):
                return 1
    return 0


@kernel
def _row(P, S, source, form, turned, dim, at):
    """Write a constraint in the coordinates of the narrow layer; False if it has none there."""
    narrow = S.narrow
    row, error, start = narrow.row[at], narrow.error[at], narrow.span[0]
    if source >= start:
        condition_row(P, narrow.members, source, form, dim, row, error)
        if turned < 0:
            for j in range(dim + 1):
                row[j] = -row[j]
        return True
    if source != start - 1 or turned <= 0:
        return False
    entry = _output_entry(P, S.codes, source, form)
    if entry < 0 or narrow.index[P.layers.state_at[start] + entry] < 0:
        return False
    for j in range(dim + 1):
        row[j] = 0.0
        error[j] = 0.0
    row[narrow.index[P.layers.state_at[start] + entry]] = 1.0
    return True


@kernel
def _follows(P, S, sign, dim):
    """Whether sign * the last row is a sum of the rows before it with multipliers >= 0."""
    narrow = S.narrow
    rows, inverse = narrow.row, narrow.inverse
    if not _invert(rows, inverse, dim, narrow.work):
        return False
    z = narrow.work[P.mode[c.DIM]]  # the multipliers anew, from the layer's own system
    for k in range(dim):
        total = 0.0
        for j in range(dim):
            total += inverse[k + 1, j] * rows[dim, j]
        z[k] = sign * total
    bound = lower_bound_by_basis(
        rows[dim], narrow.error[dim], sign, z, narrow.ids, rows, narrow.error, narrow.ones,
        inverse, dim, S.scratch.work,
    )  # fmt: skip
    return bound >= 0.0


@kernel
def _seed(dim, n, was_zero, Z, error, zero, index):
    """State rows of the first layer: the active entries are its coordinates."""
    place = 0
    for j in range(n):
        zero[j] = was_zero[j]
        index[j] = NONE
        for k in range(dim + 1):
            Z[j, k] = 0.0
            error[j, k] = 0.0
        if was_zero[j]:
            continue
        Z[j, place] = 1.0
        index[j] = place
        place += 1


@kernel
def _compute_forms(P, S, start, last):
    """Forms of the layers ``start`` .. ``last`` in the active state entries before ``start``."""
    narrow = S.narrow
    entries, at, dim = narrow.entries, P.layers.state_at[start], narrow.active[start]
    _seed(
        dim, P.layers.n_in[start], S.entries.zero[at:], entries.Z[at:], entries.error[at:],
        entries.zero[at:], narrow.index[at:],
    )  # fmt: skip
    for layer in range(start, last + 1):
        if layer > start:
            state_rows(P, S.codes, layer, narrow.members, entries, dim)
        member_rows(P, layer, entries, narrow.members, dim, False)
    narrow.span[0] = start
    narrow.span[1] = last


@kernel
def _output_entry(P, codes, layer, form):
    """The unit whose output equals a condition form of its layer, or NONE.

    A unit that is on: its output is the form itself (slope 1, no offset, upper piece).
    """
    base, unit, stride = P.layers.piece_at[layer], P.layers.unit_at[layer], P.layers.stride[layer]
    units = P.units
    plus, minus, shift, shift_error = form_terms(
        form, stride, base, units.member, units.shift, units.shift_error
    )
    if minus >= 0 or shift != 0.0 or shift_error != 0.0:
        return NONE
    for k in range(P.layers.n_units[layer]):
        first = units.start[unit + layer + k]
        if units.two_piece[unit + k] and first * stride == form:
            piece = base + first + 1
            if (
                codes[unit + k] == 1
                and units.slope[piece] == 1.0
                and units.slope_error[piece] == 0.0
                and units.offset[piece] == 0.0
                and units.offset_error[piece] == 0.0
                and plus == units.member[piece]
            ):
                return k
            return NONE
    return NONE


@kernel
def _invert(rows, inverse, n, work):
    """inverse[k + 1, j] = X_jk with rows X = I (Gauss-Jordan); False if singular."""
    for r in range(n):
        for k in range(n):
            work[r, k] = rows[r, k]
            work[r, n + k] = 1.0 if r == k else 0.0
    for k in range(n):
        top = k
        for r in range(k + 1, n):
            if abs(work[r, k]) > abs(work[top, k]):
                top = r
        if abs(work[top, k]) < 1e-14:
            return False
        if top != k:
            for j in range(2 * n):
                swap = work[k, j]
                work[k, j] = work[top, j]
                work[top, j] = swap
        scale = 1.0 / work[k, k]
        for j in range(2 * n):
            work[k, j] *= scale
        for r in range(n):
            if r != k and work[r, k] != 0.0:
                factor = work[r, k]
                for j in range(2 * n):
                    work[r, j] -= factor * work[k, j]
    for k in range(n):
        for j in range(n):
            inverse[k + 1, j] = work[j, n + k]
    return True
