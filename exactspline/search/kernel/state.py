"""Where a search stands as the kernel's arrays, as it begins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from ...cells.space import SearchSpace
from ...clock import check
from ...compile.forms import Forms
from ...compile.program import Program
from ...rationals import bounded_floats
from ...room import MOST_NUMBERS, check_room
from ..sums import times
from . import control as c
from .facet_buffers import no_facets
from .layout import (
    Ahead,
    Boxes,
    Dictionary,
    Entries,
    Form,
    Members,
    Middle,
    Narrow,
    Path,
    Pending,
    Problem,
    Regions,
    Scratch,
    State,
)
from .problem import common_grid
from .reentered import make_reentry
from .rows import EXACT_LIMIT, NOT_EXACT
from .simplex import LANES

__all__ = [
    "Start", "entries_of", "fill_first_layer", "make_state", "members_of", "rounded_start",
]  # fmt: skip

MAX_REACH = 1e20  # in wider boxes what underflows in a coefficient would count
MAX_SLACKS = 3000
_CODES, _FEWEST = 1 << 23, 256  # entries of found codes that are kept, regions at least
FILTER_ABOVE = 4  # open units a dimension that are worth a bounding box inside a layer


def make_state(
    problem: Problem, program: Program, space: SearchSpace, chunk: int, *,
    dictionary: bool = True, start: Start | None = None,
) -> State:  # fmt: skip
    """Empty work arrays, with the domain's rows and the first layer's forms in place.

    Without ``dictionary`` there is none, and no rows for the bounds of single coordinates:
    for engines that treat those apart. ``start`` saves rounding what was rounded before.
    """
    d, n_layers = space.dim, len(program.layers)
    coefficients = bool(problem.mode[c.COEFFICIENTS])
    width = d + 1 if coefficients else 1
    start = start or rounded_start(problem, program, space, dictionary=dictionary)
    n_rows = len(start.rows.size)
    longest_path = n_rows + _longest_path(program) + 1
    n_units = program.n_units
    chunk = min(chunk, max(_FEWEST, _CODES // max(1, n_units)))
    slacks = min(longest_path, MAX_SLACKS + n_rows) + 4
    columns = (d + slacks + 2 + LANES) // LANES * LANES if dictionary else 1
    n_mem = int(problem.layers.mem_at[-1])
    n_state = int(problem.layers.state_at[-1])
    check_room(
        (2 * longest_path + 2 * n_mem + n_state) * (d + 1 + width), MOST_NUMBERS,
        f"a search in {d:,} dimensions",
        "take a slice of fewer dimensions, or a smaller network",
    )  # fmt: skip
    depth = n_units + sum(int((layer.units.pieces > 2).sum()) for layer in program.layers) + 2
    classes, widest = problem.classes, max(int(problem.layers.n_mem.max()), 1)
    state = State(
        ctl=_ints(c.N_CTL), num=np.zeros(c.N_NUM), point=np.zeros(d),
        point_low=np.zeros(d),
        codes=np.zeros(n_units, dtype=np.int32),  # of one type for all: kernels are compiled once
        open_units=_ints(4 * n_units + 1),
        dictionary=_dictionary(d, columns, slacks), other=_dictionary(d, columns, slacks),
        path=Path(
            row=np.zeros((longest_path, d + 1)), error=np.zeros((longest_path, width)),
            size=np.zeros(longest_path), scale=np.ones(longest_path),
            grid=_ints(longest_path, NOT_EXACT), largest=np.zeros(longest_path),
            layer=_ints(longest_path, -1), form=_ints(longest_path), sign=_ints(longest_path, 1),
        ),
        members=members_of(n_mem, d, width, n_layers, classes.members.copy()),
        entries=entries_of(n_state, d, width, n_layers, classes.state.copy()),
        narrow=_narrow(problem, n_mem, n_state),
        boxes=Boxes(
            low=np.zeros((n_layers, d)), high=np.zeros((n_layers, d)), cell_low=np.zeros(d),
            cell_high=np.zeros(d),
        ),
        reentry=make_reentry(problem),
        pending=Pending(
            stack=np.zeros((depth, c.N_STACK), dtype=np.int64),
            num=np.zeros((depth, c.N_STACK_NUM)), point=np.zeros((depth, d)),
            point_low=np.zeros((depth, d)), box=np.zeros((1, 2 * d)),
            arena=np.zeros(1 << 16), arena_id=_ints(1 << 14),
        ),
        form=Form(g=np.zeros(d + 1), error=np.zeros(width)),
        middle=no_middle(n_layers), plus_point=np.zeros(d), minus_point=np.zeros(d),
        plus_low=np.zeros(d), minus_low=np.zeros(d),
        scratch=Scratch(
            z=np.zeros(d), work=np.zeros((c.N_WORK, d + 2)), bottom=np.zeros(widest),
            top=np.zeros(widest), table=_ints(int(classes.first[c.TABLE_SIZE])),
        ),
        ahead=_nothing_ahead(),
        out=Regions(
            codes=np.zeros((chunk, n_units), dtype=np.int32), points=np.zeros((chunk, d)),
            points_low=np.zeros((chunk, d)),
        ),
        facets=no_facets(), tiers=_ints(c.N_TIERS), faults=np.zeros(c.N_FAULTS),
    )  # fmt: skip
    _fill_rows(state, start, coefficients)
    fill_first_layer(state.members, state.entries, start, coefficients)
    state.boxes.low[0] = problem.box.low
    state.boxes.high[0] = problem.box.high
    state.boxes.cell_low[:] = problem.box.low
    state.boxes.cell_high[:] = problem.box.high
    return state


def no_middle(n_layers: int) -> Middle:
    """No middle tier yet; how often layers were entered is counted from the beginning."""
    return _empty_middle().like(entered=_ints(n_layers))


@cache
def _empty_middle() -> Middle:
    empty: Middle = Middle.empty()
    return empty


def _ints(n: int, value: int = 0) -> np.ndarray:
    return np.full(n, value, dtype=np.int64) if value else np.zeros(n, dtype=np.int64)


def _dictionary(d: int, columns: int, slacks: int) -> Dictionary:
    return Dictionary(T=np.zeros((d + 1, columns)), col_id=_ints(d), row_id=_ints(slacks))


def members_of(n: int, d: int, width: int, n_layers: int, classes: np.ndarray) -> Members:
    """Room for the members of all layers, and one more: what a kernel slices is never empty."""
    return Members(
        U=np.zeros(n * (d + 1) + 1), error=np.zeros(n * width + 1), size=np.zeros(n + 1),
        grid=_ints(n_layers, NOT_EXACT), largest=np.zeros(n_layers), classes=classes,
    )  # fmt: skip


def entries_of(n: int, d: int, width: int, n_layers: int, classes: np.ndarray) -> Entries:
    """Room for the state's rows before every layer."""
    return Entries(
        Z=np.zeros((n, d + 1)), error=np.zeros((n, width)), size=np.zeros(n),
        zero=np.zeros(n, dtype=np.bool_), grid=_ints(n_layers + 1, NOT_EXACT),
        largest=np.zeros(n_layers + 1), classes=classes,
    )  # fmt: skip


def _narrow(problem: Problem, n_mem: int, n_state: int) -> Narrow:
    """Room for forms in the coordinates of a narrow layer, where any can be asked for."""
    d, n_layers = int(problem.mode[c.DIM]), int(problem.mode[c.N_LAYERS])
    if not problem.mode[c.COEFFICIENTS]:
        return _nothing_narrow().like(active=_ints(n_layers), span=_ints(2))
    return Narrow(
        members=members_of(n_mem, d, d + 1, n_layers, _ints(0)),
        entries=entries_of(n_state, d, d + 1, n_layers, _ints(0)),
        active=_ints(n_layers), span=_ints(2), index=_ints(n_state, -1),
        row=np.zeros((d + 1, d + 1)), error=np.zeros((d + 1, d + 1)),
        inverse=np.zeros((d + 1, d + 1)), work=np.zeros((d + 1, 2 * d + 2)),
        ids=np.arange(d + 1, dtype=np.int64), ones=np.ones(d + 1),
    )  # fmt: skip


@cache
def _nothing_ahead() -> Ahead:
    """No look ahead: nothing is sought."""
    empty: Ahead = Ahead.empty()
    return empty


@cache
def _nothing_narrow() -> Narrow:
    """Empty parts, the same for all searches."""
    empty: Narrow = Narrow.empty()
    return empty


def _longest_path(program: Program) -> int:
    """Constraints that a path can collect: one a unit of two pieces, R - 1 or 2 otherwise."""
    total = 0
    for layer in program.layers:
        units = layer.units
        total += int(np.where(units.lead == 0, np.minimum(units.pieces, 3), units.pieces).sum())
        total -= len(units)
    return total


def _rounded_forms(forms: Forms, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Dense float rows (constant last) and per-coefficient error bounds."""
    values, errors = bounded_floats(forms.data)
    const, const_error = bounded_floats(forms.const)
    rows = np.repeat(np.arange(len(forms)), np.diff(forms.indptr))
    dense, bound = np.zeros((len(forms), d + 1)), np.zeros((len(forms), d + 1))
    dense[rows, forms.indices] = values
    check()
    if np.any(errors != 0):  # most often the memory is not even touched
        bound[rows, forms.indices] = errors
    dense[:, d], bound[:, d] = const, const_error
    return dense, bound


def _sizes(
    dense: np.ndarray, bound: np.ndarray, reach: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Per row the error over the box and the size, both rounded up."""
    weights = np.append(reach, 1.0)
    errors, sizes = np.zeros(len(dense)), np.zeros(len(dense))
    with np.errstate(all="ignore"):  # beyond float64: NaN proves nothing, as it should
        for a in range(0, len(dense), 1024):
            check()
            some = slice(a, a + 1024)
            error = times(bound[some], weights) * (1 + 1e-9) + 1e-290
            errors[some] = np.where(np.any(bound[some] != 0, axis=1), error, 0.0)
            sizes[some] = times(np.abs(dense[some]), weights) * (1 + 1e-9)
    return errors, sizes


@dataclass(frozen=True)
class _Rounded:
    """Forms over the search coordinates in floats.

    Attributes
    ----------
    values, bound : float64 array, shape (n, d + 1)
        Coefficients, constant last, and how far each may be off.
    error, size : float64 array, shape (n,)
        How far a form may be off on the box, and its size there.
    grid, largest : int, float
        Of all together, if they are exact: `NOT_EXACT` and 0 otherwise.
    """

    values: np.ndarray
    bound: np.ndarray
    error: np.ndarray
    size: np.ndarray
    grid: int
    largest: float


@dataclass(frozen=True)
class Start:
    """What every search of a program on a space begins with. Nobody writes there.

    Attributes
    ----------
    rows, members, inputs : _Rounded
        The domain's inequalities, the members of the first layer and the network's inputs.
    scale, largest : float64 array, shape (rows,)
    grid : int64 array, shape (rows,)
        Of every row by itself.
    """

    rows: _Rounded
    members: _Rounded
    inputs: _Rounded
    scale: np.ndarray
    grid: np.ndarray
    largest: np.ndarray


@np.errstate(over="ignore", under="ignore")
def rounded_start(
    problem: Problem, program: Program, space: SearchSpace, *, dictionary: bool = True
) -> Start:
    """Round the forms that a search begins with; see `make_state`."""
    rows = space.rows
    if not dictionary:
        n_bounds = sum(b is not None for b in (*space.low, *space.high))
        rows = rows.take(np.arange(n_bounds, len(rows)))
    shifts = bounded_floats(program.layers[0].units.piece_shift)
    domain = _rounded(rows, problem.box.reach)
    n, d = len(rows), space.dim
    scale, grid, largest = np.ones(n), _ints(n, NOT_EXACT), np.zeros(n)
    for i, (row, bound) in enumerate(zip(domain.values, domain.bound, strict=True)):
        check()
        extent = float(np.abs(row[:d]) @ problem.box.extent)
        if 1e-280 < extent < math.inf:
            scale[i] = 1.0 / extent
        power = common_grid(row, bound)
        grid[i] = power if power >= -1000 else NOT_EXACT
        largest[i] = np.abs(row).max()
    members = _rounded(space.first, problem.box.reach, shifts)
    inputs = _rounded(space.inputs, problem.box.reach)
    return Start(domain, members, inputs, scale, grid, largest)


def _rounded(
    forms: Forms, reach: np.ndarray, shifts: tuple[np.ndarray, np.ndarray] | None = None
) -> _Rounded:
    """Forms in floats; with shifts, the grid is that of condition forms: see `Units`."""
    values, bound = _rounded_forms(forms, len(reach))
    check()
    error, size = _sizes(values, bound, reach)
    check()
    grid, biggest = common_grid(values, bound), float(np.abs(values).max(initial=0.0))
    if shifts is not None:  # of u_i - u_j + shift
        grid = min(grid, common_grid(*shifts))
        biggest = 2.0 * biggest + float(np.abs(shifts[0]).max(initial=0.0))
    if grid >= -1000 and biggest <= EXACT_LIMIT * 2.0**grid:
        return _Rounded(values, bound, error, size, grid, biggest)
    return _Rounded(values, bound, error, size, NOT_EXACT, 0.0)


def _fill_rows(state: State, start: Start, coefficients: bool) -> None:
    path, rows, n = state.path, start.rows, len(start.rows.size)
    path.row[:n] = rows.values
    path.error[:n] = rows.bound if coefficients else rows.error[:, None]
    path.size[:n], path.scale[:n] = rows.size, start.scale
    path.grid[:n], path.largest[:n] = start.grid, start.largest
    path.form[:n] = np.arange(n)


def _turn(flat: np.ndarray, rows: np.ndarray) -> None:
    """Write a matrix column by column, some at a time."""
    n, width = rows.shape
    columns = flat[: n * width].reshape(width, n)
    for a in range(0, width, 128):
        check()
        columns[a : a + 128] = rows[:, a : a + 128].T


def fill_first_layer(members: Members, entries: Entries, start: Start, coefficients: bool) -> None:
    """Write the forms of the inputs and of the first layer's members, which no code changes."""
    first, n = start.members, len(start.members.size)
    _turn(members.U, first.values)
    if coefficients:
        _turn(members.error, first.bound)
    else:
        members.error[:n] = first.error
    members.size[:n] = first.size
    members.grid[0], members.largest[0] = first.grid, first.largest
    inputs, n = start.inputs, len(start.inputs.size)
    entries.Z[:n] = inputs.values
    entries.error[:n] = inputs.bound if coefficients else inputs.error[:, None]
    entries.size[:n] = inputs.size
    entries.grid[0], entries.largest[0] = inputs.grid, inputs.largest
