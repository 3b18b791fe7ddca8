"""From exact data to the kernel's arrays: every number rounded once, with its error bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from ...cells.space import SearchSpace, dense_rows
from ...clock import check
from ...compile.forms import Forms
from ...compile.program import Layer, Program
from ...rationals import bounded_floats, fraction
from ...room import MOST_NUMBERS, check_room
from ..sums import times
from . import control as c
from .block import Block
from .classes import class_arrays
from .facet_buffers import no_facets
from .layout import (
    Box,
    Boxes,
    Classes,
    Dictionary,
    Entries,
    Form,
    Layers,
    Members,
    Narrow,
    Path,
    Pending,
    Problem,
    Regions,
    Scratch,
    State,
    Units,
    Weights,
)
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
@dataclass
class _PerLayer:
    """What there is one of in every layer: see `Layers` and `Weights`."""

    dense: np.ndarray
    has_error: np.ndarray
    simple: np.ndarray
    grid: np.ndarray
    norm: np.ndarray


def _packed_layers(program: Program) -> tuple[dict[str, _Pack], _PerLayer]:
    """The numbers of all layers, each kind in one row, every one with its error bound."""
    pack: dict[str, _Pack] = {
        name: _Pack(kind)
        for name, kind in (
            ("weight", np.float64),
            ("error", np.float64),
            ("column_start", np.int64),
            ("column_row", np.int64),
            ("bias", np.float64),
            ("bias_error", np.float64),
            ("lead", np.int64),
            ("two_piece", np.bool_),
            ("start", np.int64),
            ("member", np.int64),
            ("shift", np.float64),
            ("shift_error", np.float64),
            ("slope", np.float64),
            ("slope_error", np.float64),
            ("offset", np.float64),
            ("offset_error", np.float64),
            ("keep", np.int64),
        )
    }
    n_layers = len(program.layers)
    dense, has_error, simple = np.zeros((3, n_layers), dtype=np.int64)
    grid = np.zeros((n_layers, c.N_GRIDS), dtype=np.int64)
    norm = np.zeros((n_layers, c.N_NORMS))
    for index, layer in enumerate(program.layers):
        check()
        units = layer.units
        is_dense, weight, weight_error, start, row, weight_norm = _weights(layer)
        dense[index], has_error[index] = is_dense, bool(np.any(weight_error))
        pack["weight"].add(weight)
        pack["error"].add(weight_error)
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
            ("lead", units.lead),
            ("two_piece", two),
            ("start", units.piece_start),
            ("member", units.piece_member),
            ("shift", shift),
            ("shift_error", shift_error),
            ("slope", slope),
            ("slope_error", slope_error),
            ("offset", offset),
            ("offset_error", offset_error),
            ("keep", layer.keep),
        ):
            pack[name].add(array)
        bias_grid, shift_grid = _grid(bias, bias_error), _grid(shift, shift_error)
        grid[index] = (
            _grid(weight, weight_error),
            min(bias_grid, shift_grid),
            _grid(slope, slope_error),
            _grid(offset, offset_error),
        )
        norm[index] = (
            weight_norm,
            np.abs(bias).max(initial=0.0) + np.abs(shift).max(initial=0.0),
            np.abs(slope).max(initial=0.0),
            np.abs(offset).max(initial=0.0),
        )
    return pack, _PerLayer(dense, has_error, simple, grid, norm)


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

    pack, each = _packed_layers(program)
    flat = {name: p.flat() for name, p in pack.items()}
    sizes = [program.input_dim, *(layer.state_size for layer in program.layers)]

    def per_layer(value: Callable[[Layer], int]) -> np.ndarray:
        return np.array([value(layer) for layer in program.layers], dtype=np.int64)

    mode = np.zeros(c.N_MODE, dtype=np.int64)
    mode[c.DIM], mode[c.N_LAYERS], mode[c.COEFFICIENTS] = d, len(program.layers), coefficients
    mode[c.DOMAIN_ROWS], mode[c.CERTIFY] = len(space.rows), certify
    mode[c.BOX_ABOVE] = 2 * d if box_above is None else box_above
    mode[c.FILTER_ABOVE] = FILTER_ABOVE * d if box_above is None else box_above
    return Problem(
        mode=mode,
        box=Box(low=lows, high=highs, reach=reach, extent=extent),
        layers=Layers(
            n_keep=per_layer(lambda layer: len(layer.keep)),
            n_in=per_layer(lambda layer: layer.members.width),
            n_mem=per_layer(lambda layer: len(layer.members)),
            n_units=per_layer(lambda layer: len(layer.units)),
            n_state=per_layer(lambda layer: layer.state_size),
            stride=per_layer(lambda layer: layer.units.stride),
            simple=each.simple, mem_at=pack["bias"].starts(),
            unit_at=_integers(program.unit_start), form_at=_integers(program.form_start),
            state_at=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            keep_at=pack["keep"].starts(), piece_at=pack["member"].starts(), grid=each.grid,
            norm=each.norm,
        ),
        weights=Weights(
            dense=each.dense, weight_at=pack["weight"].starts(),
            column_at=pack["column_start"].starts(), has_error=each.has_error,
            **_of(Weights, flat),
        ),
        units=Units(**_of(Units, flat)),
        classes=Classes(**class_arrays(program, space)),
    )  # fmt: skip


def _of(block: type[Block], arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those of the arrays that a block asks for."""
    return {name: array for name, array in arrays.items() if name in block.schema}


def _integers(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.int64)


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
        pending=Pending(
            stack=np.zeros((depth, c.N_STACK), dtype=np.int64),
            num=np.zeros((depth, c.N_STACK_NUM)), point=np.zeros((depth, d)),
            arena=np.zeros(1 << 16), arena_id=_ints(1 << 14),
        ),
        form=Form(g=np.zeros(d + 1), error=np.zeros(width)),
        plus_point=np.zeros(d), minus_point=np.zeros(d),
        scratch=Scratch(
            z=np.zeros(d), work=np.zeros((c.N_WORK, d + 2)), bottom=np.zeros(widest),
            top=np.zeros(widest), table=_ints(int(classes.first[c.TABLE_SIZE])),
        ),
        out=Regions(
            codes=np.zeros((chunk, n_units), dtype=np.int32), points=np.zeros((chunk, d))
        ),
        facets=no_facets(), tiers=_ints(c.N_TIERS), faults=np.zeros(c.N_FAULTS),
    )  # fmt: skip
    _fill_rows(state, problem, rows, d, coefficients)
    _fill_first_layer(state, problem, program, space, d, coefficients)
    state.boxes.low[0] = problem.box.low
    state.boxes.high[0] = problem.box.high
    return state


def _ints(n: int, value: int = 0) -> np.ndarray:
    return np.full(n, value, dtype=np.int64)


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
        grid = _grid(dense[i], bound[i])
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
    grid = min(_grid(dense, bound), _grid(shift, shift_error))
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
    grid = _grid(inputs, input_bound)
    biggest = float(np.abs(inputs).max(initial=0.0))
    if grid >= -1000 and biggest <= EXACT_LIMIT * 2.0**grid:
        entries.grid[0], entries.largest[0] = grid, biggest
