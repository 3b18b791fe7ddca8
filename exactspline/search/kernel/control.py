"""Names of everything that a kernel and its driver tell each other by number.

Kernels read them as ``from . import control as c``: ``S.ctl[c.LAYER]``. Groups of names that
count up from 0 are the indices of one array; the others are values.
"""

from __future__ import annotations

# ------------------------------------------------------------------- what kernels return
GO_ON = -1  # a step is made, nothing is to be told
DONE, PAUSE, BUFFER, GROW, QUERY, SUBTREE, LIMIT, AUDITED = 0, 1, 2, 3, 4, 5, 6, 7
NEEDS_TIER = 8  # a rare kernel, ``ctl[WANTED_TIER]``, must be brought in; then it goes on
CANDIDATE = 9  # at the node's point the condition that is sought may hold
# facets of leaves: what their kernel returns besides the above
F_FINISHED, F_QUERY, F_FULL, F_NARROW = 20, 21, 22, 23

# ------------------------------------------------------------------------------ verdicts
# on a form on a cell
NEG, ZERO, POS, CUT, OPEN = -1, 0, 1, 2, 3
UNSURE = 2  # the sign of a form that is not proved
# how a verdict was proved
NOT_PROVED, BY_BOUND, BY_IDENTITY = 0, 1, 2
# on a constraint of a leaf
F_NONE, F_IMPLIED, F_FACET, F_LATER = 0, 1, 2, 3

# -------------------------------------------------------- Problem.mode: what is searched
(
    DIM,
    N_LAYERS,
    COEFFICIENTS,  # error bounds are one number a coefficient, else one a row
    DOMAIN_ROWS,
    CERTIFY,  # 0 only in benchmarks
    BOX_ABOVE,  # open units above which a cell's box is computed on entry to a layer
    FILTER_ABOVE,  # and inside it
    SEEKS,  # 1: cells on which the goal's condition holds nowhere are closed
    N_MODE,
) = range(9)

# ------------------------------------------------------------ ctl[PHASE]: see phases.py
(
    POP,  # take the next pending node
    NODE,  # look at the current one
    FILTER,  # settle those of its open units that a box of its cell settles
    UNIT,  # choose the condition that is asked next
    FORM,  # compute its form
    TEST,  # guess what the form does on the cell
    PROVE,  # that it keeps its sign: in float64
    PROVE_NARROW,  # the same in the coordinates of a narrow layer
    PROVE_IDENTITY,  # the same in integers
    MIDDLE,  # what float64 leaves open: in double-double
    WITNESS,  # find points on both sides
    OUTCOME,  # go on with what the verdict leaves
    FACETS,  # of the leaf
    FACETS_NARROW,  # one of them in the coordinates of a narrow layer
    LOOK,  # whether what is sought may hold on the cell
    N_PHASES,
) = range(16)

# --------------------------------------------- kernels of their own, brought in when asked
(
    ENTER_LAYER,
    FILTER_UNITS,
    EQUAL_MEMBERS,
    GENERAL_UNITS,
    GENERAL_PIECES,
    BOX_PROOF,
    COEFFICIENT_PROOF,
    NARROW_PROOF,
    IDENTITY_PROOF,
    NUDGE,
    FAULTS,
    LEAF_FACETS,
    MIDDLE_VERDICT,
    REENTER_LAYER,
    LOOK_AHEAD,
    HALVE_BOX,
    N_TIERS,
) = range(17)
MISSING = -2  # what a call of one returns that has not been brought in
# what they are called with: GENERAL_UNITS
ENTERED, AGAIN, INSIDE = range(3)  # all units of a layer, the open ones, those inside of it
# REENTER_LAYER
RENEW, RESETTLE, REMEMBER = range(3)  # forms, units; what was entered in full
# GENERAL_PIECES
CHOOSE, GO_ON_WITH = range(2)  # the next condition, its verdict
# COEFFICIENT_PROOF
OF_CELL, OF_VERTEX, OF_OTHER_VERTEX = range(3)  # from its box, too; from one dictionary
# NARROW_PROOF
OF_FORM, OF_CONSTRAINT = range(2)  # the form that is asked, a constraint of a leaf
# LOOK_AHEAD: on entry to a layer, inside it, at the points of two children; what comes of it
LOOK_ENTERED, LOOK_INSIDE, LOOK_AT_SIDES = range(3)
IS_OPEN, IS_CLOSED, IS_CANDIDATE = range(3)
LOWER_FIRST, UPPER_FIRST = range(2)
# FAULTS: which guess may be disturbed
OBJECTIVE, CLAIM, MULTIPLIERS, TARGET_POINT, POINT_BEYOND = range(5)
MIDDLE_MULTIPLIERS, MIDDLE_POINT = 5, 6

# where the dictionaries of two children come from
NO_SECOND, TWO_VERTICES, RAY_PENDING, RAY_DONE = -1, 0, 2, 1
# ctl[REASON]: why Python is asked
NO_POINT, NO_PROOF, NO_WITNESS = 1, 2, 3
# or, in tests, what it is shown
SEEN_VERDICT, SEEN_LAYER, SEEN_FILTER = 4, 5, 6
N_REASONS = 4

# -------------------------------------------- State.ctl: integers that survive between calls
(
    PHASE,  # see above
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
    STORE,  # 1: codes and points are kept, else only counted
    REASON,  # why Python is asked or shown something, see above
    NODES,
    AUDIT,  # 1: stop at every verdict, layer and filter, for tests
    FILTERED,  # how many constraints the cell had when its open units were filtered last
    SETTLED,  # units that the last filter inside a layer settled
    LEAVES,  # 1: find the facets of every region, with its dictionary and path in place
    UNIT_NOW,  # the unit whose condition is asked, within its layer
    SIGN_WANTED,  # 0: of a unit with two pieces; else the sign that its condition asks for
    DROPS,  # 1: its piece holds nowhere if the condition's form vanishes
    FORM_GRID,  # exponent of the form's grid, or NOT_EXACT
    VERDICT,
    AT_POINT,  # the proved sign of the form at the cell's point
    IS_RAY,  # 1: the float search ended with a ray
    PROOF_SIGN,  # the sign that the form is to be proved to have
    WANTED_TIER,  # the kernel that is missing
    BY_MIDDLE,  # decisions in double-double
    REENTERED,  # the layer that is entered by what has changed
    TRIED,  # 1: the condition was evaluated at the node's point
    LOOKED,  # how many constraints the cell had when it was looked at last
    CLOSED,  # cells that were closed
    TO_SKIP,  # looks that are left out, as the last ones have told nothing
    N_CTL,
) = range(51)
# State.num: floats that survive
(
    WEIGHT,  # the share of the search tree below the current node
    FINISHED,  # the share that is done
    RAY_DIRECTION,
    FORM_SIZE,  # of the form that is asked: bounds, scale and largest coefficient
    FORM_SCALE,
    FORM_LARGEST,
    BOUND,  # a proved lower bound
    GAIN,  # the share of the last looks that closed a cell
    N_NUM,
) = range(9)
# ---------------------------------------------------------------- Pending: columns of siblings
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
S_WEIGHT, S_SIZE, S_SCALE, S_LARGEST, N_STACK_NUM = range(5)

# --------------------------------------------------------------------- Facets.ctl: of a leaf
(
    F_STAGE,
    F_AT,  # the constraint of the path that is tested
    F_ANSWER,
    F_M2,  # slack rows of the second dictionary
    F_EDGES,
    F_BORDERS,
    F_FLIPS,
    F_REASON,
    F_TOUCHED,
    N_FACET_CTL,
) = range(10)
F_IDLE, F_BEGIN, F_WALK, F_SINGLY = range(4)  # stages
F_IS_IMPLIED, F_IS_BEYOND, F_IS_ACROSS = range(3)  # reasons: what Python is asked

# ------------------------------------------------- Middle.ctl: of the double-double tier
(
    M_SLACKS,  # slack rows of its dictionary
    M_NODE,  # the node that its dictionary is of
    M_N_PATH,  # and how many constraints that has
    M_FORM_GRID,  # exponent of the form's grid, or NOT_EXACT
    M_WITHOUT,  # the constraint of a leaf that is tested against the others, or NOBODY
    M_BOX_GRID,  # of the ends of the domain's box, at most 0, or NOT_EXACT
    N_MIDDLE_CTL,
) = range(7)
NOBODY = -9  # of no node

# ------------------------------------------------------------------ Goal, Ahead: what is sought
(
    CONSTANT,  # first: 0 or 1
    AT_MOST,  # the slot first is at most 0
    ABOVE,  # it is positive
    IS_ZERO,  # it is 0: neither it nor the slot second, its negative, is positive
    IS_NOT_ZERO,
    ALL_OF,  # of the last ``first`` results
    ANY_OF,
) = range(7)
LAST_LAYER, N_GOAL_CTL = range(2)  # of Goal.ctl
# of Ahead.ctl; ASKED: programs of this look; HALVES: boxes that are to be looked at before the
# tree, at most, HALVED: that have been
TRY_POINTS, ANY_ORDER, ASKED, HALVES, HALVED, N_AHEAD_CTL = range(6)
MOST_PROGRAMS = 8  # linear programs of one look
MOST_HALVINGS, FEW_BOXES = 36, 256  # of a box; after which it may be given up
MOST_ROWS = 8  # of a conjunction that is asked

# ----------------------------------------------------------------------- rows and columns
WEIGHT_GRID, BIAS_GRID, SLOPE_GRID, OFFSET_GRID, N_GRIDS = range(5)  # of Layers.grid
WEIGHT_NORM, BIAS_NORM, SLOPE_NORM, OFFSET_NORM, N_NORMS = range(5)  # of Layers.norm
FIRST_MEMBER, FIRST_ENTRY, TABLE_SIZE = range(3)  # of Classes.first
# rows of scratch: the first three are those of a certificate
RESIDUAL, CORRECTION, DEVIATION, TURNED, TRIAL, TARGET, N_WORK = range(7)
FAULT_RATE, FAULT_SEED, N_FAULTS = 0, 3, 4
