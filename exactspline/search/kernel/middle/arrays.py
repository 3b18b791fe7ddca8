"""The middle tier's arrays: what float64 rounded away from parameters, and room for forms."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from ....cells.space import SearchSpace
from ....clock import check
from ....compile.forms import Forms
from ....compile.program import Program
from ....polyhedra.lp import Point, q
from ....rationals import bounded_floats, rounded_twice
from ....room import MOST_NUMBERS
from .. import control as c
from ..layer_entry import HIGHEST_GRID, LOWEST_GRID
from ..layout import Entries, Form, Members, Middle, Path, Problem, State
from ..problem import common_grid
from ..rows import NOT_EXACT
from ..simplex import LANES
from .rows import EXACT_SUMS

__all__ = ["FEW", "SMALL", "bounded_pairs", "exactly", "has_room", "make_middle"]

# So many decisions that float64 leaves open are left to rationals, in every search of a network of
# so few members: they take less than the double-double tier takes to compile, and most searches
# have no more.
FEW, SMALL = 32, 2000
_LEAST = 1e-150  # smaller numbers keep the bound that float64 gives them


def bounded_pairs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers as pairs of float64, and bounds on what is left.

    Parameters
    ----------
    values : array
        Of float64, or of exact numbers.

    Returns
    -------
    high, low, error
        With |values - high - low| <= error. As in `rationals.bounded_floats`, of which ``high``
        and the errors of tiny numbers are, what may vanish in products carries a bound.
    """
    high, high_error = bounded_floats(values)
    low, error = np.zeros_like(high), np.zeros_like(high)
    flat = values.reshape(-1)
    for i in np.flatnonzero(high_error.reshape(-1)):
        error.reshape(-1)[i] = high_error.reshape(-1)[i]
        if not _LEAST < abs(high.reshape(-1)[i]) < 1e300:
            continue
        _, second, bound = rounded_twice(Fraction(flat[i]))
        low.reshape(-1)[i] = second
        if bound == 0.0 and abs(second) > _LEAST:
            error.reshape(-1)[i] = 0.0
        else:
            error.reshape(-1)[i] = max(bound, 1e-300)
    return high, low, error


def _grid(high: np.ndarray, low: np.ndarray, error: np.ndarray) -> tuple[int, float]:
    """The exponent of the grid that pairs lie on, or NOT_EXACT, and the largest of them."""
    grid = min(common_grid(high, error), common_grid(low, error))
    biggest = float(np.abs(high).max(initial=0.0)) * (1 + 1e-12)
    fits = LOWEST_GRID <= grid <= HIGHEST_GRID and biggest <= EXACT_SUMS * 2.0**grid
    return (grid if fits else NOT_EXACT), biggest


def exactly(point: np.ndarray, low: np.ndarray) -> Point:
    """A point of double-double numbers as a rational one."""
    return [q(a) + q(b) for a, b in zip(point.tolist(), low.tolist(), strict=True)]


def _lows(program: Program) -> Iterator[tuple[str, int, np.ndarray, np.ndarray]]:
    """Low parts and errors by name and layer."""
    for index, layer in enumerate(program.layers):
        check()
        units = layer.units
        for name, values in (
            ("weight", layer.members.data), ("bias", layer.members.const),
            ("shift", units.piece_shift), ("slope", units.piece_slope),
            ("offset", units.piece_offset),
        ):  # fmt: skip
            _, low, error = bounded_pairs(values)
            yield name, index, low, error


def _parameters(problem: Problem, program: Program) -> dict[str, np.ndarray]:
    """What float64 lost of the parameters; see `Middle`."""
    layers, weights, units = problem.layers, problem.weights, problem.units
    rounded = np.zeros(len(program.layers), dtype=np.int64)
    sizes = {
        "weight": len(weights.weight), "bias": len(weights.bias), "shift": len(units.shift),
        "slope": len(units.slope), "offset": len(units.offset),
    }  # fmt: skip
    exact = not any(
        np.any(a) for a in (weights.error, weights.bias_error, units.shift_error,
                            units.slope_error, units.offset_error)
    )  # fmt: skip
    out: dict[str, np.ndarray] = {}
    for name, size in sizes.items():
        out[name] = np.zeros(1 if exact else size)
        out[f"{name}_error"] = np.zeros(1 if exact else size)
    if not exact:
        for name, index, low, error in _lows(program):
            rounded[index] |= bool(np.any(error) or np.any(low))
            if name == "weight":
                _place_weights(problem, program, index, out, low, error)
                continue
            starts = layers.mem_at if name == "bias" else layers.piece_at
            at = slice(starts[index], starts[index] + len(low))
            out[name][at], out[f"{name}_error"][at] = low, error
    out["rounded"] = rounded
    return out


def _place_weights(
    problem: Problem, program: Program, index: int, out: dict[str, np.ndarray], low: np.ndarray,
    error: np.ndarray,
) -> None:  # fmt: skip
    """Put a layer's weights where `problem` has them: by entries of the state, or by columns."""
    forms = program.layers[index].members
    n_mem = len(forms)
    start = int(problem.weights.weight_at[index])
    rows = np.repeat(np.arange(n_mem), np.diff(forms.indptr))
    if problem.weights.dense[index]:
        at = start + forms.indices * n_mem + rows
        out["weight"][at], out["weight_error"][at] = low, error
        return
    order = np.argsort(forms.indices, kind="stable")
    columns = slice(start, start + len(low))
    out["weight"][columns], out["weight_error"][columns] = low[order], error[order]


def _dense(forms: Forms, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows as pairs, the constant last, and their bounds."""
    out = []
    rows = np.repeat(np.arange(len(forms)), np.diff(forms.indptr))
    for part, constant in zip(bounded_pairs(forms.data), bounded_pairs(forms.const), strict=True):
        table = np.zeros((len(forms), d + 1))
        table[rows, forms.indices] = part
        table[:, d] = constant
        out.append(table)
    return out[0], out[1], out[2]


def has_room(problem: Problem, state: State) -> bool:
    """Whether the middle tier's arrays may be made: where not, rationals do without it."""
    rows = int(problem.layers.mem_at[-1]) + int(problem.layers.state_at[-1])
    return 3 * (rows + 2 * len(state.path.size)) * (len(state.point) + 1) <= MOST_NUMBERS


def make_middle(
    problem: Problem, program: Program, space: SearchSpace, entered: np.ndarray, longest: int
) -> Middle:
    """Room for the middle tier, with the domain's rows and the first layer's forms in place.

    Parameters
    ----------
    problem : Problem
        Of the search.
    program, space
        What it was made of.
    entered : int64 array, shape (layers,)
        How often the search entered every layer: it goes on to count there.
    longest : int
        Constraints that a path may have.
    """
    d, n_layers = space.dim, len(program.layers)
    n_mem, n_state = int(problem.layers.mem_at[-1]), int(problem.layers.state_at[-1])
    columns = (d + longest + 2 + LANES) // LANES * LANES
    middle = Middle(
        **_parameters(problem, program),
        ctl=np.full(c.N_MIDDLE_CTL, c.NOBODY, dtype=np.int64),
        entered=entered, made=np.full(n_layers, -1, dtype=np.int64),
        members=_members(n_mem, d, n_layers), members_low=np.zeros(n_mem * (d + 1) + 1),
        entries=_entries(n_state, d, n_layers), entries_low=np.zeros((n_state, d + 1)),
        path=_path(longest, d), path_low=np.zeros((longest, d + 1)),
        path_entered=np.full(longest, -1, dtype=np.int64),
        form=Form(g=np.zeros(d + 1), error=np.zeros(d + 1)), form_low=np.zeros(d + 1),
        form_largest=np.zeros(1), T=np.zeros((d + 1, columns)), T_low=np.zeros((d + 1, columns)),
        col_id=np.full(d, -1, dtype=np.int64), row_id=np.zeros(longest + 1, dtype=np.int64),
        z=np.zeros(d), z_low=np.zeros(d), work=np.zeros((3, d + 1)),
        way=np.zeros(d), way_low=np.zeros(d), trial=np.zeros(d), trial_low=np.zeros(d),
        rest=np.zeros(d), terms=np.zeros(16),
    )  # fmt: skip
    middle.made[0] = entered[0]
    ends = np.concatenate([problem.box.low, problem.box.high])
    middle.ctl[c.M_BOX_GRID] = NOT_EXACT
    if not problem.mode[c.COEFFICIENTS]:
        middle.ctl[c.M_BOX_GRID] = min(_grid(ends, 0 * ends, 0 * ends)[0], 0)
    _fill_domain(middle, space, d)
    _fill_first_layer(middle, problem, program, space, d)
    return middle


def _members(n: int, d: int, n_layers: int) -> Members:
    return Members(
        U=np.zeros(n * (d + 1) + 1), error=np.zeros(n * (d + 1) + 1), size=np.zeros(0),
        grid=np.full(n_layers, NOT_EXACT, dtype=np.int64), largest=np.zeros(n_layers),
        classes=np.zeros(0, dtype=np.int64),
    )  # fmt: skip


def _entries(n: int, d: int, n_layers: int) -> Entries:
    return Entries(
        Z=np.zeros((n, d + 1)), error=np.zeros((n, d + 1)), size=np.zeros(0),
        zero=np.zeros(n, dtype=np.bool_), grid=np.full(n_layers + 1, NOT_EXACT, dtype=np.int64),
        largest=np.zeros(n_layers + 1), classes=np.zeros(0, dtype=np.int64),
    )  # fmt: skip


def _path(n: int, d: int) -> Path:
    ids = np.full(n, -1, dtype=np.int64)
    return Path(
        row=np.zeros((n, d + 1)), error=np.zeros((n, d + 1)), size=np.zeros(0), scale=np.ones(n),
        grid=np.full(n, NOT_EXACT, dtype=np.int64), largest=np.zeros(n), layer=ids.copy(),
        form=ids.copy(), sign=np.zeros(n, dtype=np.int64),
    )  # fmt: skip


def _fill_domain(middle: Middle, space: SearchSpace, d: int) -> None:
    """The domain's rows."""
    high, low, error = _dense(space.rows, d)
    n = len(high)
    path = middle.path
    path.row[:n], middle.path_low[:n], path.error[:n] = high, low, error
    for i in range(n):
        path.grid[i], path.largest[i] = _grid(high[i], low[i], error[i])


def _fill_first_layer(
    middle: Middle, problem: Problem, program: Program, space: SearchSpace, d: int
) -> None:
    """The first layer's members and the entries that it reads, over the search coordinates."""
    high, low, error = _dense(space.first, d)
    n = len(high)
    width = n * (d + 1)
    middle.members.U[:width], middle.members_low[:width] = high.T.ravel(), low.T.ravel()
    middle.members.error[:width] = error.T.ravel()
    units = program.layers[0].units
    shift, shift_low, shift_error = bounded_pairs(units.piece_shift)
    grid, biggest = _grid(high, low, error)
    shift_grid, largest_shift = _grid(shift, shift_low, shift_error)
    biggest = 2.0 * biggest + largest_shift
    grid = min(grid, shift_grid)  # below all numbers if one is not exact
    if grid != NOT_EXACT and biggest <= EXACT_SUMS * 2.0**grid:
        middle.members.grid[0], middle.members.largest[0] = grid, biggest
    high, low, error = _dense(space.inputs, d)
    n = len(high)
    middle.entries.Z[:n], middle.entries_low[:n], middle.entries.error[:n] = high, low, error
    middle.entries.grid[0], middle.entries.largest[0] = _grid(high, low, error)
