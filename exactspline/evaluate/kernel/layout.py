"""Where things stand in the flat arrays that kernels get; plain integers.

``T`` holds a header of HEADER integers for every level (a layer, or the output at the end),
then tiles, rows, columns and units; ``F`` all numbers of the network in the kernels' type;
``N`` the running bound's numbers in float64, those of `bounds` a level from ``N[BOUNDS]`` on.
A call hands over few arrays that way: each costs time, and single samples are short.
"""

from __future__ import annotations

__all__ = [
    "ALIKE", "BACK", "BACK_TILES", "BOUNDS", "BYTES", "CODE", "CONST", "DENSE", "DENSE_T", "FUSED",
    "HEADER", "IDENTITY", "KEEP", "KEEPS", "LANES", "LINES", "MAXIMUM", "MERGED", "MINIMUM", "MORE",
    "N_BOUNDS", "PAD", "PLACE", "QUAD", "READS", "RELU", "REST", "REST_AT", "ROW", "ROWS", "ROW_AT",
    "SCALAR", "SELECTION", "SIDE", "SIDES", "SIDE_AT", "SPARE", "STATE", "SUM", "SUMS", "SUM_AT",
    "TILE", "TILES", "TILE_AT", "UNIT", "UNITS", "UNIT_AT", "WINDOW", "WINDOWS", "WINDOW_AT",
    "WORD", "ZEROS",
]  # fmt: skip

HEADER = 33
READS = 0  # rows of the state before the level
ROWS = 1  # members
SELECTION = 2  # where the state's rows stand that the members are; -1 if they are computed
TILES, TILE_AT = 3, 4
FUSED = 5  # every member belongs to one scalar unit: rows become unit outputs at once
UNITS, CODE, UNIT_AT = 6, 7, 8  # how many; the first one's place in a code; their table
RELU = 9  # 1: all units are ReLU; 2: unit k is that of member k; 3: and row k of the state
KEEPS, KEEP = 10, 11  # pairs: row of the state before, row of the state after
STATE = 12  # rows of the state after the level
DENSE, PAD = 13, 14  # the matrix by columns of PAD rows, -1 if it is sparse
DENSE_T = 15  # the same by rows, where BLAS is to multiply; else it is one tile
CONST = 16  # the members' constants
BACK, BACK_TILES = 17, 18  # tiles of the transposed matrix
MERGED = 19  # some rows of the state are sums of unit outputs
IDENTITY, ZEROS = 20, 21  # where 0, 1, 2, ... stand, and as many zeros

# for single samples, where the matrix is sparse: windows, and tiles of the rows in none
WINDOWS, WINDOW_AT, REST, REST_AT = 22, 23, 24, 25
SUMS, SUM_AT = 26, 27  # sums of unit outputs, where all units are ReLU
SIDES, SIDE_AT = 31, 32  # and QUAD such sums side by side
ALIKE = 28  # where the numbers of all units stand if unit k is that of member k and row k; or -1
LINES = 30  # a small dense matrix by rows, each with its constant at the end
ROW_AT = 29  # every member by itself: how many entries, where they and their weights stand

# numbers behind the buffers of single samples: two vectors at most, and what is read of a state
# beyond its end
SPARE = 96
LANES = 8  # numbers side by side; dense columns are padded to a multiple of twice as many
MORE = 16  # active units that there is room for besides those that there can be
WORD = 64  # codes, or entries that may be zero, that are taken together as bits of a number
BYTES = 64  # of a vector where as many numbers are taken as that holds
TILE = 5  # rows, columns (a multiple of 4 if sparse), where rows, columns and weights stand
# rows at once (8, 4 or 1), where weights stand, taps, where their offsets, rows and places stand,
# and how many of these
WINDOW = 7
PLACE = 3  # whether it goes by lists; base and row, or where the lists stand
SUM = 5  # row of the state, how many QUADs of entries and single ones, and where those begin
SIDE = 3  # first row of the state, of the first sum how many QUADs, and where those begin
QUAD = 4
# columns of a unit table, one after the other: kind, pieces, the member or where members stand,
# where its numbers stand, target row, whether it is alone there
UNIT = 6
ROW = 3
SCALAR, MAXIMUM, MINIMUM = 0, 1, 2

N_BOUNDS = 16
BOUNDS = 4  # before: largest safe |x|, unit of rounding, underflow, number of levels
