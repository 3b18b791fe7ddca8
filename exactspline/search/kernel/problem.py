"""From exact data to the kernel's arrays: every number rounded once, with its error bound."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ...cells.space import SearchSpace, dense_rows
from ...clock import check
from ...compile.forms import Forms
from ...compile.program import Layer, Program
from ...rationals import bounded_floats, fraction
from ...room import MOST_NUMBERS, check_room
from ..sums import times
from .classes import class_arrays
from .control import N_CTL, N_NUM, N_STACK
from .layout import Problem, State
from .rows import EXACT_LIMIT, NOT_EXACT
from .simplex import LANES

__all__ = ["bounding_box", "make_problem", "make_state", "vanishing_constants"]

MAX_REACH = 1e20  # in wider boxes what underflows in a coefficient would count
MAX_SLACKS = 3000
_CODES, _FEWEST = 1 << 23, 256  # entries of found codes that are kept, regions at least
FILTER_ABOVE = 4  # open units a dimension that are worth a bounding box inside a layer


def bounding_box(space: SearchSpace) -> tuple[list[Fraction | None], list[Fraction | None]]:
    """Exact bounds of every coordinate on the domain (None: unbounded)."""
    from ...polyhedra.lp import ONE, ZERO, minimise, q

    low, high = list(space.low), list(space.high)
    if all(a is not None and b is not None for a, b in zip(low, high, strict=True)):
        return low, high
    general = len(space.rows) > sum(b is not None for b in (*low, *high))
    if not general:
        return low, high
    rows = dense_rows(space.rows)
    start = [q(v) for v in space.interior]
    for j in range(space.dim):
        for sign, bounds in ((1, low), (-1, high)):
            objective = [ZERO] * (space.dim + 1)
            objective[j + 1] = ONE * sign
            best = minimise(rows, objective, start)
            if best.value is not None:
                bounds[j] = fraction(best.value) * sign
    return low, high


def vanishing_constants(program: Program, first: Forms) -> bool:
    """Whether all constants vanish: every cell of R^n is then a cone and ties are the rule."""
    parts = [first.const, *(layer.members.const for layer in program.layers[1:])]
    parts += [layer.units.piece_shift for layer in program.layers]
    return not any(np.any(p != 0) for p in parts)


def _grid(values: np.ndarray, errors: np.ndarray) -> int:
    """Exponent of the largest power of two that divides all values; NOT_EXACT if rounded."""
    if np.any(errors != 0):
        return NOT_EXACT
    values = values[values != 0]
    if len(values) == 0:
        return 0
    mantissa, exponent = np.frexp(values)
    integers = np.abs(mantissa * 2.0**53).astype(np.int64)
    lowest_bit = np.log2((integers & -integers).astype(np.float64)).astype(np.int64)
    return int((exponent - 53 + lowest_bit).min())


def _up(value: float) -> float:
    return math.nextafter(value * (1.0 + 1e-12), math.inf)


class _Pack:
    """Collects per-layer arrays into flat ones and remembers where each begins."""

    def __init__(self, dtype: type) -> None:
        self.dtype = dtype
        self.parts: list[np.ndarray] = []
        self.at: list[int] = []
        self.size = 0

    def add(self, array: np.ndarray) -> None:
        array = np.asarray(array, dtype=self.dtype).reshape(-1)
        self.at.append(self.size)
        self.parts.append(array)
        self.size += len(array)

    def flat(self) -> np.ndarray:
        # one spare entry: an empty array has no address the kernel could slice from
        return np.concatenate([*self.parts, np.zeros(1, dtype=self.dtype)])

    def starts(self) -> np.ndarray:
        return np.array([*self.at, self.size], dtype=np.int64)


def _weights(layer: Layer) -> tuple[bool, np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Weights by state entry: dense (n_in, n_mem) or compressed columns; the norm."""
    forms = layer.members
    n_mem, n_in = len(forms), forms.width
    values, errors = bounded_floats(forms.data)
    rows = np.repeat(np.arange(n_mem), np.diff(forms.indptr))
    sums = np.zeros(n_mem)
    np.add.at(sums, rows, np.abs(values))
    norm = _up(float(sums.max(initial=0.0)))
    dense = len(values) >= 0.2 * n_in * n_mem or n_in * n_mem <= 256
    if dense:
        weight, bound = np.zeros((n_in, n_mem)), np.zeros((n_in, n_mem))
        weight[forms.indices, rows] = values
        bound[forms.indices, rows] = errors
        empty = np.zeros(n_in + 1, dtype=np.int64)
        return True, weight.reshape(-1), bound.reshape(-1), empty, np.zeros(weight.size), norm
    order = np.argsort(forms.indices, kind="stable")
    counts = np.bincount(forms.indices, minlength=n_in)
    start = np.concatenate([[0], np.cumsum(counts)])
    return False, values[order], errors[order], start, rows[order], norm


@np.errstate(over="ignore", under="ignore")  # an infinite size or bound proves nothing
def make_problem(
    program: Program, space: SearchSpace, *, certify: bool = True, box_above: int | None = None
) -> Problem:
    """Round a program and a search space to the kernel's arrays."""
    d = space.dim
    low, high = bounding_box(space)
    bounded = all(a is not None and b is not None for a, b in zip(low, high, strict=True))
    lows = np.array([-math.inf if a is None else -round_up_signed(-a) for a in low])
    highs = np.array([math.inf if b is None else round_up_signed(b) for b in high])
    reach = np.maximum(np.abs(lows), np.abs(highs)) if bounded else np.zeros(d)
    bounded = bounded and bool(np.all(reach <= MAX_REACH))
    coefficients = not bounded or vanishing_constants(program, space.first)
    extent = np.where(np.isfinite(highs - lows), highs - lows, 1.0)
    extent = np.where(extent > 0, extent, 1.0)

    pack: dict[str, _Pack] = {
        name: _Pack(kind)
        for name, kind in (
            ("weight", np.float64), ("weight_error", np.float64), ("column_start", np.int64),
            ("column_row", np.int64), ("bias", np.float64), ("bias_error", np.float64),
            ("lead", np.int64), ("two_piece", np.bool_), ("piece_start", np.int64),
            ("piece_member", np.int64), ("piece_shift", np.float64),
            ("piece_shift_error", np.float64), ("piece_slope", np.float64),
            ("piece_slope_error", np.float64), ("piece_offset", np.float64),
            ("piece_offset_error", np.float64), ("keep", np.int64),
        )
    }
    n_layers = len(program.layers)
    dense = np.zeros(n_layers, dtype=np.int64)
    has_error = np.zeros(n_layers, dtype=np.int64)
    simple = np.zeros(n_layers, dtype=np.int64)
    grid = np.zeros((n_layers, 4), dtype=np.int64)
    norm = np.zeros((n_layers, 4))
    for index, layer in enumerate(program.layers):
        check()
        units = layer.units
        is_dense, weight, weight_error, start, row, weight_norm = _weights(layer)
        dense[index], has_error[index] = is_dense, bool(np.any(weight_error))
        pack["weight"].add(weight)
        pack["weight_error"].add(weight_error)
        pack["column_start"].add(start)
        pack["column_row"].add(row)
        bias, bias_error = bounded_floats(layer.members.const)
        pack["bias"].add(bias)
        pack["bias_error"].add(bias_error)
        shift, shift_error = bounded_floats(units.piece_shift)
        slope, slope_error = bounded_floats(units.piece_slope)
        offset, offset_error = bounded_floats(units.piece_offset)
        two, n = units.two_piece, len(units)
        simple[index] = (
            len(layer.members) == n
            and bool(np.all(two))
            and not units.compares
            and np.array_equal(units.piece_member[::2], np.arange(n))
            and not np.any(shift)
            and not np.any(shift_error)
        )
        for name, array in (
            ("lead", units.lead), ("two_piece", two), ("piece_start", units.piece_start),
            ("piece_member", units.piece_member), ("piece_shift", shift),
            ("piece_shift_error", shift_error), ("piece_slope", slope),
            ("piece_slope_error", slope_error), ("piece_offset", offset),
            ("piece_offset_error", offset_error), ("keep", layer.keep),
        ):
            pack[name].add(array)
        bias_grid, shift_grid = _grid(bias, bias_error), _grid(shift, shift_error)
        grid[index] = (
            _grid(weight, weight_error), min(bias_grid, shift_grid),
            _grid(slope, slope_error), _grid(offset, offset_error),
        )
        norm[index] = (
            weight_norm,
            np.abs(bias).max(initial=0.0) + np.abs(shift).max(initial=0.0),
            np.abs(slope).max(initial=0.0),
            np.abs(offset).max(initial=0.0),
        )
    flat = {name: p.flat() for name, p in pack.items()}
    sizes = [program.input_dim, *(layer.state_size for layer in program.layers)]
    state_at = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Problem(
        mode=np.array(
            [d, n_layers, coefficients, len(space.rows), certify,
             2 * d if box_above is None else box_above,
             FILTER_ABOVE * d if box_above is None else box_above], dtype=np.int64,
        ),
        low=lows, high=highs, reach=reach, extent=extent,
        n_keep=np.array([len(layer.keep) for layer in program.layers], dtype=np.int64),
        n_in=np.array([layer.members.width for layer in program.layers], dtype=np.int64),
        n_mem=np.array([len(layer.members) for layer in program.layers], dtype=np.int64),
        n_units=np.array([len(layer.units) for layer in program.layers], dtype=np.int64),
        n_state=np.array(sizes[1:], dtype=np.int64),
        simple=simple,
        stride=np.array([layer.units.stride for layer in program.layers], dtype=np.int64),
        mem_at=pack["bias"].starts(), unit_at=program.unit_start,
        form_at=program.form_start, state_at=state_at, keep_at=pack["keep"].starts(),
        piece_at=pack["piece_member"].starts(), dense=dense,
        weight_at=pack["weight"].starts(), column_at=pack["column_start"].starts(),
        has_error=has_error, grid=grid, norm=norm, **flat,
        **class_arrays(program, space),
    )  # fmt: skip


def round_up_signed(value: Fraction) -> float:
    """A float64 at or above a rational."""
    try:
        out = float(value)
    except OverflowError:
        return math.inf if value > 0 else -1.7976931348623157e308
    return out if Fraction(out) >= value else math.nextafter(out, math.inf)


def make_state(
    problem: Problem, program: Program, space: SearchSpace, chunk: int, *, dictionary: bool = True
) -> State:
    """Empty work arrays, with the domain's rows and the first layer's forms in place.

    Without ``dictionary`` there is none, and no rows for the bounds of single coordinates:
    for engines that treat those apart.
    """
    d, n_layers = space.dim, len(program.layers)
    coefficients = bool(problem.mode[2])
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
    n_mem = int(problem.mem_at[-1])
    n_state = int(problem.state_at[-1])
    check_room(
        (2 * longest_path + 2 * n_mem + n_state) * (d + 1 + width), MOST_NUMBERS,
        f"a search in {d:,} dimensions",
        "take a slice of fewer dimensions, or a smaller network",
    )  # fmt: skip
    depth = n_units + sum(int((layer.units.pieces > 2).sum()) for layer in program.layers) + 2
    state = State(
        ctl=np.zeros(N_CTL, dtype=np.int64), num=np.zeros(N_NUM),
        T=np.zeros((d + 1, columns)), col_id=np.zeros(d, dtype=np.int64),
        row_id=np.zeros(slacks, dtype=np.int64), point=np.zeros(d),
        codes=np.zeros(n_units, dtype=np.int32),  # of one type for all: kernels are compiled once
        open_units=np.zeros(4 * n_units + 1, dtype=np.int64),
        T2=np.zeros((d + 1, columns)), col_id2=np.zeros(d, dtype=np.int64),
        row_id2=np.zeros(slacks, dtype=np.int64),
        path_row=np.zeros((longest_path, d + 1)), path_error=np.zeros((longest_path, width)),
        path_size=np.zeros(longest_path), path_scale=np.ones(longest_path),
        path_grid=np.full(longest_path, NOT_EXACT, dtype=np.int64),
        path_max=np.zeros(longest_path), path_layer=np.full(longest_path, -1, dtype=np.int64),
        path_form=np.zeros(longest_path, dtype=np.int64),
        path_sign=np.ones(longest_path, dtype=np.int64),
        U=np.zeros(n_mem * (d + 1) + 1), U_error=np.zeros(n_mem * width + 1),
        U_size=np.zeros(n_mem + 1), U_grid=np.full(n_layers, NOT_EXACT, dtype=np.int64),
        U_max=np.zeros(n_layers),
        Z=np.zeros((n_state, d + 1)), Z_error=np.zeros((n_state, width)),
        Z_size=np.zeros(n_state), Z_zero=np.zeros(n_state, dtype=np.bool_),
        Z_grid=np.full(n_layers + 1, NOT_EXACT, dtype=np.int64), Z_max=np.zeros(n_layers + 1),
        F=np.zeros(n_mem * (d + 1) + 1 if coefficients else 1),
        F_error=np.zeros(n_mem * (d + 1) + 1 if coefficients else 1), F_size=np.zeros(n_mem + 1),
        FZ=np.zeros((n_state if coefficients else 1, d + 1)),
        FZ_error=np.zeros((n_state if coefficients else 1, d + 1)), FZ_size=np.zeros(n_state),
        FZ_zero=np.zeros(n_state, dtype=np.bool_),
        active=np.zeros(n_layers, dtype=np.int64), frame=np.zeros(2, dtype=np.int64),
        frame_index=np.full(n_state, -1, dtype=np.int64),
        frame_row=np.zeros((d + 1, d + 1)), frame_error=np.zeros((d + 1, d + 1)),
        frame_inverse=np.zeros((d + 1, d + 1)), frame_work=np.zeros((d + 1, 2 * d + 2)),
        frame_ids=np.arange(d + 1), frame_ones=np.ones(d + 1),
        cell_low=np.zeros(d), cell_high=np.zeros(d),
        box_low=np.zeros((n_layers, d)), box_high=np.zeros((n_layers, d)),
        stack=np.zeros((depth, N_STACK), dtype=np.int64), stack_num=np.zeros((depth, 4)),
        stack_point=np.zeros((depth, d)), arena=np.zeros(1 << 16),
        arena_id=np.zeros(1 << 14, dtype=np.int64),
        g=np.zeros(d + 1), g_error=np.zeros(width), z=np.zeros(d),
        range_low=np.zeros(max(int(problem.n_mem.max()), 1)),
        range_high=np.zeros(max(int(problem.n_mem.max()), 1)),
        work=np.zeros((6, d + 2)), plus_point=np.zeros(d), minus_point=np.zeros(d),
        out_codes=np.zeros((chunk, n_units), dtype=np.int32),
        out_points=np.zeros((chunk, d)), faults=np.zeros(4),
        U_class=problem.class_members.copy(), Z_class=problem.class_state.copy(),
        class_table=np.zeros(problem.class_first[2], dtype=np.int64),
    )  # fmt: skip
    _fill_rows(state, problem, rows, d, coefficients)
    _fill_first_layer(state, problem, program, space, d, coefficients)
    state.box_low[0] = problem.low
    state.box_high[0] = problem.high
    return state


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
def _fill_rows(
    state: State, problem: Problem, rows: Forms, d: int, coefficients: bool
) -> None:
    dense, bound = _rounded_forms(rows, d)
    error, size = _sizes(dense, bound, problem.reach)
    for i in range(len(rows)):
        check()
        state.path_row[i] = dense[i]
        state.path_error[i] = bound[i] if coefficients else error[i]
        state.path_size[i] = size[i]
        extent = float(np.abs(dense[i, :d]) @ problem.extent)
        state.path_scale[i] = 1.0 / extent if 1e-280 < extent < math.inf else 1.0
        grid = _grid(dense[i], bound[i])
        state.path_grid[i] = grid if grid >= -1000 else NOT_EXACT
        state.path_max[i] = np.abs(dense[i]).max()
        state.path_form[i] = i


def _turn(flat: np.ndarray, rows: np.ndarray) -> None:
    """Write a matrix column by column, some at a time."""
    n, width = rows.shape
    columns = flat[: n * width].reshape(width, n)
    for a in range(0, width, 128):
        check()
        columns[a : a + 128] = rows[:, a : a + 128].T


@np.errstate(over="ignore", under="ignore")
def _fill_first_layer(
    state: State, problem: Problem, program: Program, space: SearchSpace, d: int,
    coefficients: bool,
) -> None:
    dense, bound = _rounded_forms(space.first, d)
    check()
    error, size = _sizes(dense, bound, problem.reach)
    check()
    n = len(dense)
    _turn(state.U, dense)
    if coefficients:
        _turn(state.U_error, bound)
    else:
        state.U_error[:n] = error
    state.U_size[:n] = size
    check()
    shift, shift_error = bounded_floats(program.layers[0].units.piece_shift)
    grid = min(_grid(dense, bound), _grid(shift, shift_error))
    biggest = 2.0 * np.abs(dense).max(initial=0.0) + np.abs(shift).max(initial=0.0)
    if grid >= -1000 and biggest <= EXACT_LIMIT * 2.0**grid:
        state.U_grid[0], state.U_max[0] = grid, biggest
    check()
    inputs, input_bound = _rounded_forms(space.inputs, d)
    error, size = _sizes(inputs, input_bound, problem.reach)
    n = len(inputs)
    state.Z[:n] = inputs
    state.Z_error[:n] = input_bound if coefficients else error[:, None]
    state.Z_size[:n] = size
    grid = _grid(inputs, input_bound)
    biggest = float(np.abs(inputs).max(initial=0.0))
    if grid >= -1000 and biggest <= EXACT_LIMIT * 2.0**grid:
        state.Z_grid[0], state.Z_max[0] = grid, biggest
