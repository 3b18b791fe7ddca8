"""Where a search of the plane stands, as it begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...cells.space import SearchSpace
from ...compile.program import Program
from ...room import MOST_NUMBERS, check_room
from ..facet_columns import first_pieces, hash_table
from ..kernel import control as k
from ..kernel.elsewhere import compile_in_time
from ..kernel.layout import Form, Problem
from ..kernel.middle.arrays import make_middle
from ..kernel.problem import make_problem
from ..kernel.reentered import rows_of_layers
from ..kernel.state import (
    Start,
    entries_of,
    fill_first_layer,
    members_of,
    no_middle,
    rounded_start,
)
from . import control as c
from .layout import Corners, Faces, Lines, PlaneState, Regions
from .renewed import is_seldom, make_renewal, renewed_layers
from .root import Root, corner_floats, root_of

__all__ = ["Prepared", "begin_anew", "bring_pairs", "grow", "make_pairs", "make_state", "prepare"]

_COMPILE_PAIRS = "from exactspline.search.plane.warming import compile_pairs as run; run({})"
CHUNK, _CODES, _FEWEST = 4096, 1 << 23, 256  # regions that are kept; entries of their codes
_MULTIPLES = 1 << 13
_LISTED = 1 << 21  # units that lists of open ones name besides, at most
EDGES = 5  # of a region, about
TERMS = 192  # floats whose exact sum is asked for at most


def _problem(program: Program, space: SearchSpace) -> Problem:
    """The numbers of a program and a space of two dimensions, with a bound for each coefficient."""
    problem = make_problem(program, space)
    problem.mode[k.COEFFICIENTS] = 1
    problem.rows = rows_of_layers(program, renewed_layers(program))
    return problem


@dataclass(frozen=True)
class Prepared:
    """What every search of a program on a space begins with; nobody writes there.

    Attributes
    ----------
    problem : Problem
    start : Start
        The domain's sides and the first layer's forms in floats.
    root : Root
        The domain's polygon.
    """

    problem: Problem
    start: Start
    root: Root


def prepare(program: Program, space: SearchSpace) -> Prepared:
    """What a search of a program on a space of two dimensions begins with."""
    problem = _problem(program, space)
    return Prepared(problem, rounded_start(problem, program, space), root_of(space))


def make_state(
    prepared: Prepared, program: Program, *, keep: bool, faces: bool, chunk: int = CHUNK
) -> PlaneState:
    """Empty work arrays, with the domain as the current cell and the first layer's forms."""
    problem, start, root = prepared.problem, prepared.start, prepared.root
    n_units, n_layers = program.n_units, len(program.layers)
    n_mem, n_state = int(problem.layers.mem_at[-1]), int(problem.layers.state_at[-1])
    check_room(
        20 * (n_mem + n_state) + 8 * n_units + _LISTED, MOST_NUMBERS, "a search of the plane",
        "take a smaller network",
    )  # fmt: skip
    chunk = max(1, min(chunk, max(_FEWEST, _CODES // max(1, n_units)))) if keep else 1
    n_lines = c.FIRST_ROW + len(start.rows.values)
    classes = problem.classes
    widest = max(int(problem.layers.n_mem.max()), 1)
    state = PlaneState(
        ctl=_ints(c.N_CTL), num=np.zeros(c.N_NUM), codes=np.zeros(n_units, dtype=np.int32),
        open_units=_ints(4 * n_units + min(20 * n_units, _LISTED) + 64),
        members=members_of(n_mem, 2, 3, n_layers, classes.members.copy()),
        entries=entries_of(n_state, 2, 3, n_layers, classes.state.copy()),
        lines=_lines(n_lines + 256), corners=_corners(2048),
        pending=np.zeros((256, c.N_PENDING), dtype=np.int64), weight=np.zeros(256),
        form=Form(g=np.zeros(3), error=np.zeros(3)), signs=_ints(64),
        memo=np.zeros((64, c.N_MEMO_COLUMNS), dtype=np.int64),
        multiples=np.zeros((_MULTIPLES if len(classes.members) else 1, 4), dtype=np.int64),
        middle=no_middle(n_layers), touch=_ints(1024 if faces else 1),
        terms=np.zeros(TERMS), pairs=np.zeros((6, 3)), low=np.zeros(widest), high=np.zeros(widest),
        table=_ints(int(classes.first[k.TABLE_SIZE])), begin=_ints(1), point=np.zeros(2),
        first_piece=_ints(0), table_of_units=_ints(0), hashes=np.zeros(0, dtype=np.uint64),
        again=make_renewal(problem, program), tiers=_ints(1),
        out=Regions(codes=np.zeros((chunk, n_units), dtype=np.int32), points=np.zeros((chunk, 2))),
        faces=_faces(chunk, _most_corners(program, root)) if faces else Faces.empty(),
    )  # fmt: skip
    if faces:
        state.first_piece = first_pieces(program).astype(np.int64)
        state.table_of_units = np.concatenate(
            [layer.units.piece_unit for layer in program.layers]
        ).astype(np.int64)
        state.hashes = hash_table(program)
    fill_first_layer(state.members, state.entries, start, True)
    _fill_lines(state, start)
    _fill_root(state, root)
    begin_anew(state, prepared)
    return state


def begin_anew(state: PlaneState, prepared: Prepared) -> None:
    """Make the domain the current cell of a state in which a search has ended."""
    ctl, root = state.ctl, prepared.root
    ctl[:], state.num[:] = 0, 0.0
    n = len(root.corners)
    ctl[c.N_LINES] = c.FIRST_ROW + len(prepared.start.rows.values)
    ctl[c.WHOLE] = root.whole
    ctl[c.AT], ctl[c.K] = (c.RIGHT, 3) if root.whole else (c.FIRST_CORNER, n)
    ctl[c.TOP] = c.FIRST_CORNER + n
    ctl[c.PHASE], ctl[c.WAY] = c.ENTER, -1
    ctl[c.SELDOM] = is_seldom(prepared.problem)
    state.again.count[c.CELL] += 1
    cell = state.lines.cell[ctl[c.N_LINES]]
    cell[:] = ctl[c.AT], 0 if root.whole else n, state.again.count[c.CELL], -1
    state.num[c.E_MAX] = state.corners.at[c.FIRST_CORNER : c.FIRST_CORNER + n, c.E].max(initial=0.0)
    state.num[c.WEIGHT] = 1.0


def _ints(n: int) -> np.ndarray:
    return np.zeros(n, dtype=np.int64)


def _lines(n: int) -> Lines:
    return Lines(
        row=np.zeros((n, 3)), error=np.zeros((n, 3)), kind=np.zeros((n, c.N_LINE), dtype=np.int64),
        cell=np.zeros((n + 1, c.N_CELL), dtype=np.int64),
    )  # fmt: skip


def _corners(n: int) -> Corners:
    return Corners(
        at=np.zeros((n, c.N_CORNER)), lines=np.zeros((n, c.N_CORNER_LINES), dtype=np.int64)
    )


def _most_corners(program: Program, root: Root) -> int:
    """What a single cell's corners are fewer than: a cut adds one, and one that is flat."""
    return len(root.corners) + 2 * int((program.pieces - 1).sum()) + 8


def _faces(chunk: int, least: int) -> Faces:
    n = max(EDGES * chunk, least)
    return Faces(
        count=_ints(chunk), hash=np.zeros(chunk, dtype=np.uint64), touched=_ints(chunk),
        corner=np.zeros((n, 4)), point=np.zeros((n, 3)),
        unit=np.zeros(n, dtype=np.int32), piece=np.zeros(n, dtype=np.int32),
        form=_ints(n), sign=np.zeros(n, dtype=np.int32), target=np.zeros(n, dtype=np.uint64),
    )  # fmt: skip


@np.errstate(over="ignore", under="ignore")
def _fill_lines(state: PlaneState, start: Start) -> None:
    """The lines that are always there."""
    lines, n = state.lines, c.FIRST_ROW + len(start.rows.values)
    lines.row[c.IDEAL_LINE, 2] = lines.row[c.AXIS_X, 0] = lines.row[c.AXIS_Y, 1] = 1.0
    lines.row[c.FIRST_ROW : n], lines.error[c.FIRST_ROW : n] = start.rows.values, start.rows.bound
    kind = lines.kind
    kind[:n, c.L_LAYER], kind[c.IDEAL_LINE, c.L_LAYER] = -1, -2
    kind[c.FIRST_ROW : n, c.L_FORM] = np.arange(n - c.FIRST_ROW)
    kind[:n, c.L_CLASS_A], kind[:n, c.L_CLASS_B] = -3 - np.arange(n), -2  # each its own
    size = np.abs(lines.row[:n])
    moderate = np.all((size == 0) | ((size > 1e-60) & (size < 1e60)), axis=1)
    moderate &= np.all(lines.error[:n] < 1e60, axis=1)
    exact = moderate & np.all(lines.error[:n] == 0, axis=1)
    kind[:n, c.L_KIND] = np.where(exact, c.EXACT, np.where(moderate, c.MODERATE, c.ANY))


def _fill_root(state: PlaneState, root: Root) -> None:
    """The corners that are always there, and the domain's."""
    one = state.corners
    for at, way, lines in (
        (c.RIGHT, (1, 0, 0, 0), (c.AXIS_Y, c.IDEAL_LINE, 1)),
        (c.UP, (0, 1, 0, 0), (c.AXIS_X, c.IDEAL_LINE, -1)),
        (c.ORIGIN, (0, 0, 1, 0), (c.AXIS_X, c.AXIS_Y, 1)),
    ):
        one.at[at], one.lines[at, : c.EDGE] = way, lines
    n = len(root.corners)
    state.signs = _ints(2 * n + 64)
    if 2 * n + 64 > len(one.at):
        state.corners = _larger_corners(one, 2 * n + 64)
        one = state.corners
    for i, (corner, lines, edge) in enumerate(
        zip(root.corners, root.lines, root.edges, strict=True)
    ):
        at = c.FIRST_CORNER + i
        one.at[at, :3], one.at[at, c.E] = corner_floats(corner)
        one.lines[at] = (*lines, *edge)


def _larger_corners(corners: Corners, n: int) -> Corners:
    larger = _corners(n)
    larger.at[: len(corners.at)], larger.lines[: len(corners.at)] = corners.at, corners.lines
    return larger


def bring_pairs(
    state: PlaneState, prepared: Prepared, program: Program, space: SearchSpace
) -> bool:
    """Have the kernel for double-double, and room; False where it would be too much.

    Raises
    ------
    OutOfTime
        If a clock ends before the kernel is compiled: another process is at it, and goes on.
    """
    from .pairs import tell_in_pairs

    if not make_pairs(state, prepared, program, space):
        return False
    compile_in_time(tell_in_pairs, _COMPILE_PAIRS)
    return True


def make_pairs(state: PlaneState, prepared: Prepared, program: Program, space: SearchSpace) -> bool:
    """Have room for rows in double-double; False where it would be too much."""
    if len(state.middle.made):
        return True
    problem, n_lines = prepared.problem, len(state.lines.row)
    rows = int(problem.layers.mem_at[-1]) + int(problem.layers.state_at[-1])
    if 9 * (rows + 2 * n_lines) > MOST_NUMBERS:
        return False
    state.middle = make_middle(problem, program, space, state.middle.entered, n_lines)
    return True


def grow(state: PlaneState) -> None:
    """Double the room that the kernel has found too small."""
    wanted = int(state.ctl[c.WANTED])
    if wanted == c.LINES:
        state.middle = no_middle(len(state.middle.entered))  # made for fewer
        old = state.lines
        n = len(old.row)
        larger = _lines(2 * n)
        larger.row[:n], larger.error[:n], larger.kind[:n] = old.row, old.error, old.kind
        larger.cell[: n + 1] = old.cell
        state.lines = larger
    elif wanted == c.CORNERS:
        state.corners = _larger_corners(state.corners, 2 * len(state.corners.at))
        state.signs = _ints(2 * len(state.signs))
    else:
        n = len(state.pending)
        state.pending = np.concatenate([state.pending, np.zeros_like(state.pending)])
        state.weight = np.concatenate([state.weight, np.zeros(n)])
