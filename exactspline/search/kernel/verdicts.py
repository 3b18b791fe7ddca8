"""What a condition's form does on the current cell: guessed, then proved (Numba).

Each function is the step of one phase, see ``phases.py``.
"""

from __future__ import annotations

from . import control as c
from .classes import sign_on_path
from .faults import disturb
from .jit import kernel
from .middle.decide import decide_in_middle
from .narrow_layer import has_narrow_layer, prove_in_narrow_layer
from .nodes import copy_dictionary
from .points import centre, inside, is_thin, nudge, sign_at, value_at, witness_beyond
from .proofs import prove_by_integers, prove_by_multipliers
from .rows import NOT_EXACT, condition_row
from .simplex import NEGATIVE, OPTIMAL, RAY, VALUE_TOLERANCE, express, minimise


@kernel
def compute_form(P, S):
    """Compute the form that is asked; take up a verdict that is known already."""
    ctl, num, d = S.ctl, S.num, P.mode[c.DIM]
    g, g_error, layer = S.form.g, S.form.error, S.ctl[c.LAYER]
    num[c.FORM_SIZE] = condition_row(P, S.members, layer, ctl[c.QUERY_FORM], d, g, g_error)
    ctl[c.FORM_GRID] = S.members.grid[layer]
    largest = 0.0
    extent = 0.0
    for j in range(d):
        largest = max(largest, abs(g[j]))
        extent += abs(g[j]) * P.box.extent[j]
    largest = max(largest, abs(g[d]))
    zero = largest == 0.0
    for j in range(len(g_error)):
        if g_error[j] != 0.0:
            zero = False
    num[c.FORM_LARGEST] = largest
    num[c.FORM_SCALE] = 1.0 / extent if extent > 1e-280 else 1.0
    if ctl[c.ANSWER] != c.OPEN:
        verdict = ctl[c.ANSWER]
        ctl[c.ANSWER] = c.OPEN
        _take_up(P, S, verdict)
        return c.GO_ON
    verdict = c.ZERO if zero else c.OPEN
    if not zero and P.rows.on[layer] == 1:  # many windows: it saves a linear program each time
        verdict = sign_on_path(P, S, layer, ctl[c.QUERY_FORM])
    ctl[c.PHASE] = c.TEST
    if verdict != c.OPEN:
        ctl[c.VERDICT] = verdict
        ctl[c.BY_INTEGER] += 1
        ctl[c.PHASE] = c.OUTCOME
    return c.GO_ON


@kernel
def _take_up(P, S, verdict):
    """Go on with a verdict that does not come from the float dictionary."""
    ctl, d = S.ctl, P.mode[c.DIM]
    ctl[c.VERDICT] = verdict
    ctl[c.PHASE] = c.OUTCOME
    if verdict == c.CUT and ctl[c.SOURCE] == c.NO_SECOND:
        # no second vertex: both children start from the same dictionary
        m = ctl[c.M]
        express(S.dictionary.T, d, S.form.g, S.num[c.FORM_SCALE], d + m)
        copy_dictionary(S.dictionary, S.other, d, m, d + m + 1)
        ctl[c.M2] = m
        ctl[c.SIDE] = 1


@kernel
def _leave_open(S, reason):
    """Leave a verdict to the middle tier."""
    S.ctl[c.REASON] = reason
    S.ctl[c.PHASE] = c.MIDDLE
    return c.GO_ON


@kernel
def decide_between(P, S):
    """What float64 leaves open, in double-double; Python is asked for the rest."""
    ctl = S.ctl
    verdict = decide_in_middle(P, S, c.NOBODY)
    if verdict == c.MISSING:
        return _wait(S, c.MIDDLE_VERDICT)
    if verdict == c.OPEN:  # the node is looked at again with the answer
        ctl[c.PHASE] = c.NODE
        return c.QUERY
    if verdict != c.CUT:
        ctl[c.BY_MIDDLE] += 1
    if ctl[c.AUDIT] != 0:
        return _decided(S, verdict)
    _take_up(P, S, verdict)
    return c.GO_ON


@kernel
def _wait(S, tier):
    """Have a kernel that is missing brought in; the step is made again then."""
    S.ctl[c.WANTED_TIER] = tier
    return c.NEEDS_TIER


@kernel
def _decided(S, verdict):
    """Go on with a verdict; show it first where tests want to see it."""
    ctl = S.ctl
    if ctl[c.AUDIT] != 0:
        ctl[c.REASON] = c.SEEN_VERDICT
        ctl[c.ANSWER] = verdict
        ctl[c.PHASE] = c.NODE
        return c.AUDITED
    ctl[c.VERDICT] = verdict
    ctl[c.PHASE] = c.OUTCOME
    return c.GO_ON


@kernel
def test_form(P, S):
    """Guess the form's sign at the cell's point, and whether the other sign occurs."""
    ctl, d, m = S.ctl, P.mode[c.DIM], S.ctl[c.M]
    g, T = S.form.g, S.dictionary.T
    ctl[c.SOURCE] = c.NO_SECOND
    if is_thin(S):
        return _leave_open(S, c.NO_POINT)
    at_point = sign_at(
        g, S.form.error, S.num[c.FORM_SIZE], P.mode[c.COEFFICIENTS] == 1, S.point, d,
        S.scratch.work,
    )  # fmt: skip
    if at_point == 0 and P.mode[c.CERTIFY] == 0:
        at_point = 1 if value_at(g, S.point, d) > 0.0 else -1
    if at_point == 0:
        at_point = nudge(P, S, 0)
        if at_point == c.MISSING:
            return _wait(S, c.NUDGE)
        if at_point == 0:
            return _leave_open(S, c.NO_POINT)
    ctl[c.AT_POINT] = at_point
    express(T, d, g, S.num[c.FORM_SCALE], d + m)
    at_vertex = T[0, d + m]
    side = at_point
    if at_vertex > VALUE_TOLERANCE:
        side = 1
    elif at_vertex < -VALUE_TOLERANCE:
        side = -1
    if side < 0:
        for k in range(d + 1):
            T[k, d + m] = -T[k, d + m]
    if S.faults[c.FAULT_RATE] > 0.0:
        disturb(P, S, c.OBJECTIVE)
    ctl[c.SIDE] = side  # the other dictionary will serve this side
    copy_dictionary(S.dictionary, S.other, d, m, d + m + 1)
    ctl[c.M2] = m
    status, m, column, direction, pivots = minimise(
        T, d, m, d + m, S.dictionary.col_id, S.dictionary.row_id, True
    )
    ctl[c.M] = m
    ctl[c.LPS] += 1
    ctl[c.PIVOTS] += pivots
    ctl[c.IS_RAY] = 1 if status == RAY else 0
    ctl[c.RAY_COLUMN] = column
    S.num[c.RAY_DIRECTION] = direction
    claim = NEGATIVE if side != at_point or status != OPTIMAL else OPTIMAL
    if S.faults[c.FAULT_RATE] > 0.0 and disturb(P, S, c.CLAIM) == 1:
        claim = OPTIMAL if claim != OPTIMAL else NEGATIVE
    ctl[c.PHASE] = c.PROVE if claim == OPTIMAL else c.WITNESS
    return c.GO_ON


@kernel
def prove(P, S):
    """Prove that the form keeps its sign, by the multipliers of the last linear program."""
    ctl, d, z = S.ctl, P.mode[c.DIM], S.scratch.z
    T, col_id, m = S.dictionary.T, S.dictionary.col_id, S.ctl[c.M]
    for k in range(d):
        z[k] = T[k + 1, d + m] / S.num[c.FORM_SCALE]
        if col_id[k] >= 0:
            z[k] *= S.path.scale[col_id[k]]
    if S.faults[c.FAULT_RATE] > 0.0:
        disturb(P, S, c.MULTIPLIERS)
    ctl[c.PROOF_SIGN] = ctl[c.AT_POINT]
    if P.mode[c.CERTIFY] == 0 or prove_by_multipliers(P, S, c.OF_CELL):
        ctl[c.BY_FLOAT] += 1
        return _decided(S, ctl[c.AT_POINT])
    ctl[c.PHASE] = c.PROVE_IDENTITY
    if P.mode[c.COEFFICIENTS] == 1 and has_narrow_layer(P, S, col_id, ctl[c.LAYER]):
        ctl[c.PHASE] = c.PROVE_NARROW
    return c.GO_ON


@kernel
def prove_narrow(P, S):
    """The same in the coordinates of a narrow layer."""
    proved = prove_in_narrow_layer(P, S, c.OF_FORM)
    if proved == c.MISSING:
        return _wait(S, c.NARROW_PROOF)
    if proved == 0:
        S.ctl[c.PHASE] = c.PROVE_IDENTITY
        return c.GO_ON
    S.ctl[c.BY_FLOAT] += 1
    return _decided(S, S.ctl[c.AT_POINT])


@kernel
def prove_identity(P, S):
    """The same by an identity in small integers, for rows that are exact."""
    proved = 0
    if S.ctl[c.FORM_GRID] != NOT_EXACT:
        proved = prove_by_integers(P, S, 0)
    if proved == c.MISSING:
        return _wait(S, c.IDENTITY_PROOF)
    if proved == 0 and sign_on_path(P, S, S.ctl[c.LAYER], S.ctl[c.QUERY_FORM]) == S.ctl[c.AT_POINT]:
        proved = 1
    if proved == 0:
        return _leave_open(S, c.NO_PROOF)
    S.ctl[c.BY_INTEGER] += 1
    return _decided(S, S.ctl[c.AT_POINT])


@kernel
def find_witness(P, S):
    """Find a proved point on the side of the form where the cell's point is not."""
    ctl, d, at_point = S.ctl, P.mode[c.DIM], S.ctl[c.AT_POINT]
    T, coefficients = S.dictionary.T, P.mode[c.COEFFICIENTS] == 1
    g, g_error, size = S.form.g, S.form.error, S.num[c.FORM_SIZE]
    other, same = S.minus_point, S.plus_point
    if at_point < 0:
        other, same = S.plus_point, S.minus_point
    for j in range(d):
        same[j] = S.point[j]
        S.plus_low[j] = 0.0
        S.minus_low[j] = 0.0
    # the vertex (or ray) on the side where the point is not
    target = S.scratch.work[c.TARGET]
    ctl[c.SOURCE] = c.RAY_PENDING if ctl[c.IS_RAY] == 1 else c.TWO_VERTICES
    own = ctl[c.SIDE] == at_point
    is_ray = own and ctl[c.IS_RAY] == 1
    for j in range(d):
        if is_ray:
            target[j] = T[ctl[c.RAY_COLUMN], j] * S.num[c.RAY_DIRECTION]
        else:
            target[j] = T[0, j] if own else S.other.T[0, j]
    if S.faults[c.FAULT_RATE] > 0.0:
        disturb(P, S, c.TARGET_POINT)
    found = witness_beyond(
        P, S, S.path, P.box.reach, g, g_error, size, -at_point, target, is_ray, other
    )
    if not found and not is_ray:
        # a thin cell: try its middle; the objective is SIDE * form in both
        if own:
            centre(T, d, ctl[c.M], -1.0, other)
        else:
            centre(S.other.T, d, ctl[c.M2], 1.0, other)
        found = sign_at(
            g, g_error, size, coefficients, other, d, S.scratch.work
        ) == -at_point and inside(
            other, ctl[c.N_PATH], S.path, coefficients, P.box.reach, d
        )  # fmt: skip
    if not found:
        return _leave_open(S, c.NO_WITNESS)
    ctl[c.PLUS_OK] = 1
    ctl[c.MINUS_OK] = 1
    return _decided(S, c.CUT)
