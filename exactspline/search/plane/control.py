"""Names of everything that the plane's kernels and their driver tell each other by number."""

from __future__ import annotations

# what kernels return
GO_ON = -1
DONE, PAUSE, FULL, GROW, QUERY, LIMIT = range(6)
# FULL: the buffers of what was found must be emptied; GROW: `ctl[WANTED]` says which room is
# too small; QUERY: signs are asked for, `ctl[REASON]` says which

# signs of a form at a corner, verdicts on it on a cell
NEG, ZERO, POS, CUT, UNSURE = -1, 0, 1, 2, 3
# what Python has answered, besides signs: ZERO, as the form is a multiple of one of the lines
OF_A, OF_B = 2, 3

# ctl[PHASE]
(
    POP,  # take the next pending cell
    ENTER,  # the current cell enters a layer
    UNIT,  # settle its open units, until one cuts it
    LEAF,  # all are settled: a region
) = range(4)

# ctl[REASON]
OF_CORNERS, OF_WITNESS, OF_NOTHING = range(3)  # signs of a form; a point; a maximum without one
# columns of the memo
M_FORM, M_LINE_A, M_LINE_B, M_SIGN, M_TIER, N_MEMO_COLUMNS = range(6)
# ctl[WANTED]
LINES, CORNERS, NODES, TOUCHES = range(4)

# lines that are always there: the one at infinity, x = 0, y = 0; then the domain's rows
IDEAL_LINE, AXIS_X, AXIS_Y, FIRST_ROW = range(4)
# rows of the table of corners that are always there
FROM_POS, FROM_NEG, FLAT, RIGHT, UP, ORIGIN, FIRST_CORNER = range(7)

# ctl
(
    PHASE,
    LAYER,
    POSITION,  # place in open_units of the next unit
    OPEN_END,
    PIECE,  # of a spline of more than two pieces: those below are done
    AT,  # where the current cell's corners are
    K,  # how many it has
    WHOLE,  # 1: the cell is the whole plane
    TOP,  # end of the corners in use
    N_LINES,
    DEPTH,  # pending cells
    N_TOUCH,
    WAY,  # on the way to a part: how many pieces of its begin are known to be met; -1: inside
    N_MEMO,  # signs that were asked for and are known
    N_OUT,  # regions in the buffer
    N_EDGES,  # their edges
    N_TOUCHED,  # faces that are marked
    BUDGET,
    REGIONS,
    MAX_REGIONS,
    STORE,  # 1: codes and points are kept
    LEAVES,  # 1: faces are kept, too
    REASON,
    WANTED,
    ASK_AT,  # the corners whose signs are asked for
    ASK_K,
    ASK_FORM,
    FORM_A,  # classes of the members of the form that is asked; -1: none
    FORM_B,
    TIER,  # what the last verdict needed at most: FLOAT, INTEGER, RATIONAL
    BY_FLOAT,
    BY_INTEGER,
    BY_PAIRS,
    BY_RATIONAL,
    N_BEGIN,
    PART_DEPTH,
    HAS_POINT,  # 1: Python has given the leaf's witness
    SELDOM,  # 1: layers are entered by `seldom.seldom`
    POINTS,  # 1: and points beyond their edges
    N_CTL,
) = range(40)
FLOAT, INTEGER, PAIRS, RATIONAL = range(4)  # in the order of what they cost

# what `seldom.seldom` is called with, plus OPERATIONS times a unit
ENTERS, SPLITS, SETTLES, OPERATIONS = range(4)
MISSING = -2  # what a call of it returns before it has been brought in

# num
WEIGHT, FINISHED, E_MAX, FAULT_RATE, FAULT_SEED, N_NUM = range(6)

# columns of pending cells
(
    P_AT, P_K, P_LINES, P_LAYER, P_POSITION, P_OPEN_END, P_PIECE, P_UNIT, P_VALUE, P_WAY, P_TOUCH,
    N_PENDING,
) = range(12)  # fmt: skip

# columns of a cell on the path: its corners, a number that no other cell has, its parent's row
C_AT, C_K, C_ID, C_UP, N_CELL = range(5)
# `Renewal.count`: the latest renewal, class, cell
STAMP, CLASS, CELL, MULTIPLES, N_COUNT = range(5)  # and rows in `PlaneState.multiples`

# columns of a corner
X, Y, W, E, N_CORNER = range(5)  # E bounds how far the others are off
# and the lines that it lies on: the corner is TURN times their cross product. EDGE is the line
# of the edge to the next corner, INWARD the sign of that line's row inside the cell
LINE_A, LINE_B, TURN, EDGE, INWARD, N_CORNER_LINES = range(6)

# columns of a line
L_LAYER, L_FORM, L_KIND, L_CLASS_A, L_CLASS_B, N_LINE = range(6)
# L_KIND: numbers of any size; of moderate size; and exact
ANY, MODERATE, EXACT = range(3)

# columns of a point beyond an edge
KNOWN = 2  # 1: it is proved
