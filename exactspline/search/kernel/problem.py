"""What is searched as the kernel's arrays: every number rounded once, with its error bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...cells.space import SearchSpace, dense_rows
from ...clock import check
from ...compile.forms import Forms
from ...compile.program import Layer, Program
from ...rationals import bounded_floats, fraction
from . import control as c
from .block import Block
from .classes import class_arrays
from .layout import (
    Box,
    Classes,
    Goal,
    Layers,
    Problem,
    Units,
    Weights,
)
from .reentered import reentered_layers, rows_of_layers
from .rows import NOT_EXACT

__all__ = ["bounding_box", "common_grid", "make_problem", "round_up_signed", "vanishing_constants"]

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


def common_grid(values: np.ndarray, errors: np.ndarray) -> int:
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
        bias_grid, shift_grid = common_grid(bias, bias_error), common_grid(shift, shift_error)
        grid[index] = (
            common_grid(weight, weight_error),
            min(bias_grid, shift_grid),
            common_grid(slope, slope_error),
            common_grid(offset, offset_error),
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
        rows=rows_of_layers(
            program, reentered_layers(program, each.dense, each.simple, coefficients)
        ),
        goal=Goal.empty(),
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
