"""Where a search stands as the kernel's arrays, as it begins."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

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

__all__ = ["make_state"]

MAX_REACH = 1e20  # in wider boxes what underflows in a coefficient would count
MAX_SLACKS = 3000
_CODES, _FEWEST = 1 << 23, 256  # entries of found codes that are kept, regions at least
FILTER_ABOVE = 4  # open units a dimension that are worth a bounding box inside a layer


def make_state(
    problem: Problem, program: Program, space: SearchSpace, chunk: int, *, dictionary: bool = True
) -> State:
    """Empty work arrays, with the domain's rows and the first layer's forms in place.

    Without ``dictionary`` there is none, and no rows for the bounds of single coordinates:
    for engines that treat those apart.
    """
    d, n_layers = space.dim, len(program.layers)
    coefficients = bool(problem.mode[c.COEFFICIENTS])
    width = d + 1 if coefficients else 1
    rows = space.rows
    if not dictionary:
        n_bounds = sum(b is not None for b in (*space.low, *space.high))
        rows = rows.take(np.arange(n_bounds, len(rows)))
    n_rows = len(rows)
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
        members=_members(n_mem, d, width, n_layers, classes.members.copy()),
        entries=_entries(n_state, d, width, n_layers, classes.state.copy()),
        narrow=_narrow(problem, n_mem, n_state),
        boxes=Boxes(
            low=np.zeros((n_layers, d)), high=np.zeros((n_layers, d)), cell_low=np.zeros(d),
            cell_high=np.zeros(d),
        ),
        reentry=make_reentry(problem),
        pending=Pending(
            stack=np.zeros((depth, c.N_STACK), dtype=np.int64),
            num=np.zeros((depth, c.N_STACK_NUM)), point=np.zeros((depth, d)),
            point_low=np.zeros((depth, d)),
            arena=np.zeros(1 << 16), arena_id=_ints(1 << 14),
        ),
        form=Form(g=np.zeros(d + 1), error=np.zeros(width)),
        middle=no_middle(n_layers), plus_point=np.zeros(d), minus_point=np.zeros(d),
        plus_low=np.zeros(d), minus_low=np.zeros(d),
        scratch=Scratch(
            z=np.zeros(d), work=np.zeros((c.N_WORK, d + 2)), bottom=np.zeros(widest),
            top=np.zeros(widest), table=_ints(int(classes.first[c.TABLE_SIZE])),
        ),
        out=Regions(
            codes=np.zeros((chunk, n_units), dtype=np.int32), points=np.zeros((chunk, d)),
            points_low=np.zeros((chunk, d)),
        ),
        facets=no_facets(), tiers=_ints(c.N_TIERS), faults=np.zeros(c.N_FAULTS),
    )  # fmt: skip
    _fill_rows(state, problem, rows, d, coefficients)
    _fill_first_layer(state, problem, program, space, d, coefficients)
    state.boxes.low[0] = problem.box.low
    state.boxes.high[0] = problem.box.high
    return state


def no_middle(n_layers: int) -> Middle:
    """No middle tier yet; how often layers were entered is counted from the beginning."""
    parts = {name: getattr(_empty_middle(), name) for name in Middle.schema}
    return Middle(**{**parts, "entered": _ints(n_layers)})


@cache
def _empty_middle() -> Middle:
    return Middle.empty()


def _ints(n: int, value: int = 0) -> np.ndarray:
    return np.full(n, value, dtype=np.int64) if value else np.zeros(n, dtype=np.int64)


def _dictionary(d: int, columns: int, slacks: int) -> Dictionary:
    return Dictionary(T=np.zeros((d + 1, columns)), col_id=_ints(d), row_id=_ints(slacks))


def _members(n: int, d: int, width: int, n_layers: int, classes: np.ndarray) -> Members:
    """Room for the members of all layers, and one more: what a kernel slices is never empty."""
    return Members(
        U=np.zeros(n * (d + 1) + 1), error=np.zeros(n * width + 1), size=np.zeros(n + 1),
        grid=_ints(n_layers, NOT_EXACT), largest=np.zeros(n_layers), classes=classes,
    )  # fmt: skip


def _entries(n: int, d: int, width: int, n_layers: int, classes: np.ndarray) -> Entries:
    return Entries(
        Z=np.zeros((n, d + 1)), error=np.zeros((n, width)), size=np.zeros(n),
        zero=np.zeros(n, dtype=np.bool_), grid=_ints(n_layers + 1, NOT_EXACT),
        largest=np.zeros(n_layers + 1), classes=classes,
    )  # fmt: skip


def _narrow(problem: Problem, n_mem: int, n_state: int) -> Narrow:
    """Room for forms in the coordinates of a narrow layer, where any can be asked for."""
    d, n_layers = int(problem.mode[c.DIM]), int(problem.mode[c.N_LAYERS])
    if not problem.mode[c.COEFFICIENTS]:
        narrow = Narrow(**_nothing_narrow())
        narrow.active, narrow.span = _ints(n_layers), _ints(2)
        return narrow
    return Narrow(
        members=_members(n_mem, d, d + 1, n_layers, _ints(0)),
        entries=_entries(n_state, d, d + 1, n_layers, _ints(0)),
        active=_ints(n_layers), span=_ints(2), index=_ints(n_state, -1),
        row=np.zeros((d + 1, d + 1)), error=np.zeros((d + 1, d + 1)),
        inverse=np.zeros((d + 1, d + 1)), work=np.zeros((d + 1, 2 * d + 2)),
        ids=np.arange(d + 1, dtype=np.int64), ones=np.ones(d + 1),
    )  # fmt: skip


@cache
def _nothing_narrow() -> dict[str, Any]:
    """Empty parts, the same for all searches."""
    empty = Narrow.empty()
    return {name: getattr(empty, name) for name in Narrow.schema}


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


@np.errstate(over="ignore", under="ignore")
def _fill_rows(state: State, problem: Problem, rows: Forms, d: int, coefficients: bool) -> None:
    dense, bound = _rounded_forms(rows, d)
    error, size = _sizes(dense, bound, problem.box.reach)
    path = state.path
    for i in range(len(rows)):
        check()
        path.row[i] = dense[i]
        path.error[i] = bound[i] if coefficients else error[i]
        path.size[i] = size[i]
        extent = float(np.abs(dense[i, :d]) @ problem.box.extent)
        path.scale[i] = 1.0 / extent if 1e-280 < extent < math.inf else 1.0
        grid = common_grid(dense[i], bound[i])
        path.grid[i] = grid if grid >= -1000 else NOT_EXACT
        path.largest[i] = np.abs(dense[i]).max()
        path.form[i] = i


def _turn(flat: np.ndarray, rows: np.ndarray) -> None:
    """Write a matrix column by column, some at a time."""
    n, width = rows.shape
    columns = flat[: n * width].reshape(width, n)
    for a in range(0, width, 128):
        check()
        columns[a : a + 128] = rows[:, a : a + 128].T


@np.errstate(over="ignore", under="ignore")
def _fill_first_layer(
    state: State,
    problem: Problem,
    program: Program,
    space: SearchSpace,
    d: int,
    coefficients: bool,
) -> None:
    members, entries = state.members, state.entries
    dense, bound = _rounded_forms(space.first, d)
    check()
    error, size = _sizes(dense, bound, problem.box.reach)
    check()
    n = len(dense)
    _turn(members.U, dense)
    if coefficients:
        _turn(members.error, bound)
    else:
        members.error[:n] = error
    members.size[:n] = size
    check()
    shift, shift_error = bounded_floats(program.layers[0].units.piece_shift)
    grid = min(common_grid(dense, bound), common_grid(shift, shift_error))
    biggest = 2.0 * np.abs(dense).max(initial=0.0) + np.abs(shift).max(initial=0.0)
    if grid >= -1000 and biggest <= EXACT_LIMIT * 2.0**grid:
        members.grid[0], members.largest[0] = grid, biggest
    check()
    inputs, input_bound = _rounded_forms(space.inputs, d)
    error, size = _sizes(inputs, input_bound, problem.box.reach)
    n = len(inputs)
    entries.Z[:n] = inputs
    entries.error[:n] = input_bound if coefficients else error[:, None]
    entries.size[:n] = size
    grid = common_grid(inputs, input_bound)
    biggest = float(np.abs(inputs).max(initial=0.0))
    if grid >= -1000 and biggest <= EXACT_LIMIT * 2.0**grid:
        entries.grid[0], entries.largest[0] = grid, biggest
