"""The depth-first search itself: one Numba function that can stop anywhere and go on (Numba).

A node is a full-dimensional cell: a path of constraints, a dictionary at one of its vertices,
a point proved to lie strictly inside, and the units of its layer that are still open. Units
are taken in index order and pieces in index order, so regions come in lexicographic order of
their codes, whatever the floats did.

The kernel returns to Python for what it cannot prove (QUERY), for a cell that holds no
float64 point it can prove (SUBTREE), when a buffer is full, when a rare kernel must be brought
in, and after a budget of work. What leads from one phase to the next: ``phases.py``.
"""

from __future__ import annotations

from . import control as c
from .ahead import look_ahead
from .box_tests import filter_units
from .facets import leaf_facets
from .general_units import general_piece
from .halving import halve_box
from .jit import entry, kernel
from .layer_entry import enter_layer
from .narrow_layer import prove_in_narrow_layer
from .nodes import (
    copy_dictionary,
    error_width,
    has_room,
    keep_objective,
    load_node,
    make_room,
    save_constraint,
    save_node,
    write_constraint,
)
from .simplex import drop_redundant, pivot
from .verdicts import (
    compute_form,
    decide_between,
    find_witness,
    prove,
    prove_identity,
    prove_narrow,
    test_form,
)

LATEST = 0.02  # what the last look counts
LITTLE = 0.1  # of the looks close a cell: fewer of them are made


@entry
def advance(P, S):
    """Go on with the search until something must be told to Python; returns a status."""
    status = c.GO_ON
    while status == c.GO_ON:
        phase = S.ctl[c.PHASE]
        if phase == c.NODE:
            status = look_at_node(P, S)
        elif phase == c.UNIT:
            status = choose_condition(P, S)
        elif phase == c.FORM:
            status = compute_form(P, S)
        elif phase == c.TEST:
            status = test_form(P, S)
        elif phase == c.PROVE:
            status = prove(P, S)
        elif phase == c.WITNESS:
            status = find_witness(P, S)
        elif phase == c.OUTCOME:
            status = take_outcome(P, S)
        elif phase == c.POP:
            status = pop_node(P, S)
        elif phase == c.FILTER:
            status = filter_node(P, S)
        elif phase == c.PROVE_NARROW:
            status = prove_narrow(P, S)
        elif phase == c.PROVE_IDENTITY:
            status = prove_identity(P, S)
        elif phase == c.MIDDLE:
            status = decide_between(P, S)
        elif phase == c.LOOK:
            status = look_at_cell(P, S)
        elif phase == c.FACETS:
            status = find_facets(P, S)
        else:
            status = prove_facet_narrow(P, S)
    return status


# ------------------------------------------------------------------------------ nodes
@kernel
def pop_node(P, S):
    """Make the last pending sibling the current node."""
    ctl = S.ctl
    if ctl[c.DEPTH] == 0:
        return c.DONE
    ctl[c.DEPTH] -= 1
    top = ctl[c.DEPTH]
    load_node(P, S, top)
    ctl[c.SAVED] = 0
    ctl[c.NODES] += 1
    if S.pending.stack[top, c.S_EXACT] != 0:
        return c.SUBTREE
    ctl[c.PHASE] = c.NODE
    return c.GO_ON


@kernel
def look_at_node(P, S):
    """Take note of a step, and see what is to be done at the current node."""
    ctl = S.ctl
    # an answer that is pending costs a step as well: it is taken up after the pause
    ctl[c.BUDGET] -= 1
    if ctl[c.BUDGET] < 0:
        return c.PAUSE
    left = ctl[c.OPEN_END] - ctl[c.POSITION]
    if ctl[c.PIECE] < 0:
        if left == 0:
            if ctl[c.LAYER] == P.mode[c.N_LAYERS] - 1:
                return emit_leaf(P, S)
            return next_layer(P, S)
        if (
            left > P.mode[c.FILTER_ABOVE]
            and ctl[c.ANSWER] == c.OPEN
            and ctl[c.N_PATH] > ctl[c.FILTERED]
        ):
            ctl[c.PHASE] = c.FILTER
            return c.GO_ON
        if (
            P.mode[c.SEEKS] > 0
            and ctl[c.ANSWER] == c.OPEN
            and ctl[c.N_PATH] >= ctl[c.LOOKED] + P.mode[c.SEEKS]
        ):
            ctl[c.PHASE] = c.LOOK
            return c.GO_ON
    ctl[c.PHASE] = c.UNIT
    return c.GO_ON


@kernel
def emit_leaf(P, S):
    """Count a region, and keep it."""
    ctl, out = S.ctl, S.out
    if ctl[c.REGIONS] >= ctl[c.MAX_REGIONS]:
        return c.LIMIT
    if ctl[c.STORE] != 0:
        at = ctl[c.N_OUT]
        if at == out.codes.shape[0]:
            return c.BUFFER
        for i in range(len(S.codes)):
            out.codes[at, i] = S.codes[i]
        for j in range(len(S.point)):
            out.points[at, j] = S.point[j]
            out.points_low[at, j] = S.point_low[j]
        ctl[c.N_OUT] = at + 1
    ctl[c.REGIONS] += 1
    ctl[c.BY_FLOAT] += 1  # the witness
    S.num[c.FINISHED] += S.num[c.WEIGHT]
    ctl[c.PHASE] = c.POP
    if ctl[c.LEAVES] != 0:
        S.facets.ctl[c.F_STAGE] = c.F_BEGIN
        ctl[c.PHASE] = c.FACETS
    return c.GO_ON


@kernel
def next_layer(P, S):
    """Enter the next layer: all units of this one are settled."""
    ctl = S.ctl
    ctl[c.M] = drop_redundant(S.dictionary.T, P.mode[c.DIM], ctl[c.M], S.dictionary.row_id)
    enter_layer(P, S, ctl[c.LAYER] + 1)
    if P.mode[c.SEEKS] > 0:
        ctl[c.LOOKED] = -1
        ctl[c.PHASE] = c.LOOK
    if ctl[c.AUDIT] != 0:
        ctl[c.REASON] = c.SEEN_LAYER
        return c.AUDITED
    return c.GO_ON


@kernel
def filter_node(P, S):
    """Settle open units by a box of the cell, where that is worth it."""
    ctl = S.ctl
    shorter = filter_units(P, S, 0)
    if shorter == c.MISSING:
        ctl[c.WANTED_TIER] = c.FILTER_UNITS
        return c.NEEDS_TIER
    ctl[c.PHASE] = c.NODE if shorter == 1 else c.UNIT
    if shorter == 1 and ctl[c.AUDIT] != 0:
        ctl[c.REASON] = c.SEEN_FILTER
        return c.AUDITED
    return c.GO_ON


@kernel
def look_at_cell(P, S):
    """Close a cell on which what is sought holds nowhere."""
    ctl, num = S.ctl, S.num
    if ctl[c.TO_SKIP] > 0:
        ctl[c.TO_SKIP] -= 1
        ctl[c.LOOKED] = ctl[c.N_PATH]
        ctl[c.PHASE] = c.NODE
        return c.GO_ON
    most, seen = S.ahead.ctl[c.HALVES], c.IS_OPEN
    if most > 0:  # once, before all cells
        seen = halve_box(P, S, most)
        if seen == c.MISSING:
            ctl[c.WANTED_TIER] = c.HALVE_BOX
            return c.NEEDS_TIER
        S.ahead.ctl[c.HALVES] = 0
    if seen != c.IS_CLOSED:
        seen = look_ahead(P, S, c.LOOK_ENTERED if ctl[c.LOOKED] < 0 else c.LOOK_INSIDE)
    if seen == c.MISSING:
        ctl[c.WANTED_TIER] = c.LOOK_AHEAD
        return c.NEEDS_TIER
    if seen == c.IS_CANDIDATE:  # the cell is looked at again when Python has looked at the point
        return c.CANDIDATE
    ctl[c.TRIED] = 0
    ctl[c.LOOKED] = ctl[c.N_PATH]
    ctl[c.PHASE] = c.NODE
    num[c.GAIN] *= 1.0 - LATEST
    if seen == c.IS_CLOSED:
        num[c.GAIN] += LATEST
        ctl[c.CLOSED] += 1
        ctl[c.BY_FLOAT] += 1
        S.num[c.FINISHED] += S.num[c.WEIGHT]
        ctl[c.PHASE] = c.POP
        if S.ahead.ctl[c.TRY_POINTS] == 1:
            for pause in P.goal.pauses:  # for whoever wants to try something else
                if ctl[c.CLOSED] == pause:
                    return c.CANDIDATE
    elif num[c.GAIN] < LITTLE:  # a look costs as much as some cuts
        ctl[c.TO_SKIP] = 3 if num[c.GAIN] > 0.2 * LITTLE else 15
    return c.GO_ON


@kernel
def choose_condition(P, S):
    """Choose the condition that is asked next, of the first open unit."""
    ctl, layer = S.ctl, S.ctl[c.LAYER]
    unit = S.open_units[ctl[c.POSITION]]
    at = P.layers.unit_at[layer] + unit
    ctl[c.UNIT_NOW] = unit
    if not P.units.two_piece[at]:
        status = general_piece(P, S, c.CHOOSE)
        if status == c.MISSING:
            ctl[c.WANTED_TIER] = c.GENERAL_PIECES
            return c.NEEDS_TIER
        return status
    ctl[c.QUERY_FORM] = P.units.start[at + layer] * P.layers.stride[layer] + P.units.lead[at]
    ctl[c.SIGN_WANTED] = 0
    ctl[c.PHASE] = c.FORM
    return c.GO_ON


# ---------------------------------------------------------------------------- outcomes
@kernel
def take_outcome(P, S):
    """Go on with the verdict on a condition's form."""
    ctl = S.ctl
    if ctl[c.VERDICT] == c.CUT and ctl[c.SOURCE] == c.RAY_PENDING:
        _meet_hyperplane(P, S)
    if ctl[c.SIGN_WANTED] != 0:
        return general_piece(P, S, c.GO_ON_WITH)
    if ctl[c.VERDICT] == c.CUT:
        return branch(P, S)
    at = P.layers.unit_at[ctl[c.LAYER]] + ctl[c.UNIT_NOW]
    S.codes[at] = 1 if ctl[c.VERDICT] == c.POS else 0
    ctl[c.POSITION] += 1
    ctl[c.PHASE] = c.NODE
    return c.GO_ON


@kernel
def _meet_hyperplane(P, S):
    """Go along the ray to a vertex of both children, on the hyperplane itself."""
    ctl, d = S.ctl, P.mode[c.DIM]
    m, column = ctl[c.M], ctl[c.RAY_COLUMN]
    T, col_id = S.dictionary.T, S.dictionary.col_id
    entered = col_id[column - 1]
    pivot(T, d, d + m + 1, d + m, column)
    col_id[column - 1] = ctl[c.N_PATH]
    if entered >= 0:
        S.dictionary.row_id[m] = entered
        m += 1
    copy_dictionary(S.dictionary, S.other, d, m, d + m)
    ctl[c.M] = m
    ctl[c.M2] = m
    for i in range(d + m):
        T[column, i] = -T[column, i]  # it serves -SIDE: its slack is -SIDE * form
    ctl[c.SOURCE] = c.RAY_DONE


@kernel
def branch(P, S):
    """Cut the cell: one child is put aside, the upper one but for a goal, the other is the node.

    The first dictionary serves the side -SIDE, the other one the side SIDE.
    """
    ctl, d, n_path = S.ctl, P.mode[c.DIM], S.ctl[c.N_PATH]
    m = max(ctl[c.M], ctl[c.M2]) + 1
    if not has_room(P, S, m, d + 1 + error_width(P)):
        return c.GROW
    if ctl[c.SOURCE] != c.RAY_DONE:  # the objective is SIDE * form in both
        ctl[c.M] = keep_objective(S.dictionary, d, ctl[c.M], -1.0, n_path)
        ctl[c.M2] = keep_objective(S.other, d, ctl[c.M2], 1.0, n_path)
    ctl[c.POSITION] += 1
    S.num[c.WEIGHT] *= 0.5
    later = -1 if _upper_first(P, S) else 1
    if ctl[c.SIDE] == later:
        top = save_node(P, S, S.other, ctl[c.M2], -1)
    else:
        top = save_node(P, S, S.dictionary, ctl[c.M], -1)
        copy_dictionary(S.other, S.dictionary, d, ctl[c.M2], d + ctl[c.M2])
        ctl[c.M] = ctl[c.M2]
    save_constraint(P, S, top, later)
    write_constraint(P, S, -later)
    S.codes[P.layers.unit_at[ctl[c.LAYER]] + ctl[c.UNIT_NOW]] = 0 if later > 0 else 1
    point, low = (S.minus_point, S.minus_low) if later > 0 else (S.plus_point, S.plus_low)
    for j in range(d):
        S.point[j] = point[j]
        S.point_low[j] = low[j]
    ctl[c.NODES] += 1
    if ctl[c.MINUS_OK] == 0:  # else the upper child would not be here
        ctl[c.PHASE] = c.POP
        return c.SUBTREE
    ctl[c.M] = make_room(S.dictionary, d, ctl[c.M])
    ctl[c.PHASE] = c.NODE
    return c.GO_ON


@kernel
def _upper_first(P, S):
    """Whether what is sought fails by less at the upper child's point, and the order is free."""
    if P.mode[c.SEEKS] == 0 or S.ahead.ctl[c.ANY_ORDER] == 0:
        return False
    if S.ctl[c.PLUS_OK] == 0 or S.ctl[c.MINUS_OK] == 0:
        return False
    return look_ahead(P, S, c.LOOK_AT_SIDES) == c.UPPER_FIRST


# ------------------------------------------------------------------------------ facets
@kernel
def find_facets(P, S):
    """Find the facets of the leaf that was emitted."""
    ctl = S.ctl
    status = leaf_facets(P, S, 0)
    if status == c.MISSING:
        ctl[c.WANTED_TIER] = c.LEAF_FACETS
        return c.NEEDS_TIER
    if status == c.F_FINISHED:
        ctl[c.PHASE] = c.POP
        return c.GO_ON
    if status == c.F_NARROW:
        ctl[c.PHASE] = c.FACETS_NARROW
        return c.GO_ON
    return status


@kernel
def prove_facet_narrow(P, S):
    """Prove a constraint of the leaf implied in the coordinates of a narrow layer."""
    ctl = S.ctl
    proved = prove_in_narrow_layer(P, S, c.OF_CONSTRAINT)
    if proved == c.MISSING:
        ctl[c.WANTED_TIER] = c.NARROW_PROOF
        return c.NEEDS_TIER
    ctl[c.PHASE] = c.FACETS
    if proved == 0:
        return c.F_QUERY
    ctl[c.BY_FLOAT] += 1
    S.facets.ctl[c.F_ANSWER] = c.F_IMPLIED
    return c.GO_ON
