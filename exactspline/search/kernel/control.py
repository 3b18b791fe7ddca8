"""Names of the search state's integers and floats, of what the kernel returns, of verdicts."""

from __future__ import annotations

# what the kernel returns
DONE, PAUSE, BUFFER, GROW, QUERY, SUBTREE, LIMIT, AUDITED, LEAF = 0, 1, 2, 3, 4, 5, 6, 7, 8
# verdicts on a form on a cell
NEG, ZERO, POS, CUT, OPEN = -1, 0, 1, 2, 3
# phases
POP, RUN = 0, 1
# where the dictionaries of two children come from
NO_SECOND, TWO_VERTICES, RAY_PENDING, RAY_DONE = -1, 0, 2, 1

# ctl: integers that survive between calls
(
    PHASE,
    LAYER,
    POSITION,  # place in open_units of the next unit
    OPEN_END,
    N_PATH,
    M,  # slack rows of the dictionary
    DEPTH,  # pending siblings
    ARENA_TOP,
    ID_TOP,
    N_OUT,
    BUDGET,
    REGIONS,
    MAX_REGIONS,
    PIECE,  # the piece of a unit with more than two that is being cut out, or -1
    COND,
    ANSWER,  # Python's verdict, or OPEN
    SAVED,  # 1: the pieces that follow are on the stack
    M2,
    PLUS_OK,  # the child's point is proved
    MINUS_OK,
    QUERY_FORM,
    SIDE,  # the side that the second dictionary serves
    SOURCE,  # where the dictionaries come from, see above
    RAY_COLUMN,
    BY_FLOAT,
    BY_INTEGER,
    LPS,
    PIVOTS,
    STORE,
    REASON,  # why Python was asked: 1 point, 2 certificate, 3 witness; or is told: 4, 5, 6
    NODES,
    AUDIT,  # 1: stop at every verdict (reason 4), layer (5) and filter (6), for tests
    FILTERED,  # how many constraints the cell had when its open units were filtered last
    SETTLED,  # units that the last filter inside a layer settled
    LEAVES,  # 1: stop at every region, with its dictionary and path in place
    N_CTL,
) = range(36)
# num: floats that survive
WEIGHT, FINISHED, N_NUM = 0, 1, 2
# stack columns
(
    S_LAYER,
    S_POSITION,
    S_OPEN_END,
    S_N_PATH,
    S_M,
    S_ARENA,
    S_ID,
    S_PIECE,
    S_CON_LAYER,
    S_CON_FORM,
    S_CON_SIGN,
    S_CON_GRID,
    S_EXACT,
    S_FILTERED,
    N_STACK,
) = range(15)

# facets of leaves: what their kernel returns besides the above
F_FINISHED, F_QUERY, F_FULL, F_FRAME = 20, 21, 22, 23
# answers on a constraint
F_NONE, F_IMPLIED, F_FACET, F_LATER = 0, 1, 2, 3
# Counters.facet
(
    F_STAGE,  # 0: go on with the search; 1: begin with a leaf; 2: walk; 3: one by one
    F_AT,  # the constraint of the path that is tested
    F_ANSWER,
    F_M2,  # slack rows of the second dictionary
    F_EDGES,
    F_BORDERS,
    F_FLIPS,
    F_REASON,  # why Python is asked: 0 implied?, 1 point beyond?, 2 code across?
    F_TOUCHED,
    N_FACET_CTL,
) = range(10)
