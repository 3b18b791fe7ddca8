"""What `reentry.py` reads, as arrays: which layers it is for, their weights by members."""

from __future__ import annotations

import numpy as np

from ...compile.program import Program
from ...rationals import bounded_floats
from .layout import Problem, Reentry, Rows

__all__ = ["make_reentry", "reentered_layers", "rows_of_layers"]

FEWEST = 256  # members from which on it pays
FIRST_CLASS = 1 << 60  # beyond all numbers of classes that `classes.py` gives


def reentered_layers(
    program: Program, dense: np.ndarray, simple: np.ndarray, coefficients: bool
) -> np.ndarray:
    """Which layers are entered again by what has changed, as 1 and 0.

    Parameters
    ----------
    program : Program
    dense, simple : int arrays, shape (layers,)
        See `Weights` and `Layers`.
    coefficients : bool
        Whether bounds are one a coefficient: nothing is kept then.
    """
    on = np.zeros(len(program.layers), dtype=np.int64)
    for index, layer in enumerate(program.layers):
        on[index] = (
            index > 0 and not coefficients and not dense[index] and not simple[index]
            and len(layer.members) >= FEWEST
        )  # fmt: skip
    return on


def rows_of_layers(program: Program, on: np.ndarray) -> Rows:
    """Weights by members, and the units of every member, of the layers that are marked by 1."""
    at, unit_at = np.zeros((2, len(program.layers) + 1), dtype=np.int64)
    starts, columns, weights, errors, unit_starts, units = ([] for _ in range(6))
    for index, layer in enumerate(program.layers):
        forms = layer.members
        start, unit_start = np.zeros((2, len(forms) + 1), dtype=np.int64)
        if on[index]:
            start = forms.indptr
            weight, error = bounded_floats(forms.data)
            columns.append(forms.indices)
            weights.append(weight)
            errors.append(error)
            member, unit = layer.units.piece_member, np.repeat(
                np.arange(len(layer.units)), layer.units.pieces
            )  # fmt: skip
            order = np.argsort(member, kind="stable")
            unit_start = np.searchsorted(member[order], np.arange(len(forms) + 1))
            units.append(unit[order])
        starts.append(start)
        unit_starts.append(unit_start)
        at[index + 1] = at[index] + start[-1]
        unit_at[index + 1] = unit_at[index] + unit_start[-1]
    return Rows(
        on=on, at=at, start=_flat(starts, np.int64), column=_flat(columns, np.int64),
        weight=_flat(weights, np.float64), error=_flat(errors, np.float64), unit_at=unit_at,
        unit_start=_flat(unit_starts, np.int64), unit=_flat(units, np.int64),
    )  # fmt: skip


def _flat(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    """One array, with an entry to spare: what a kernel slices is never empty."""
    return np.concatenate([*parts, np.zeros(1)]).astype(dtype)


def make_reentry(problem: Problem) -> Reentry:
    """Nothing was entered yet."""
    any_on = bool(problem.rows.on.any())
    n_units = int(problem.layers.unit_at[-1]) if any_on else 0
    n_mem = int(problem.layers.mem_at[-1]) if any_on else 0
    widest = int(problem.layers.n_mem.max(initial=0)) if any_on else 0
    most = int(problem.layers.n_units.max(initial=0)) if any_on else 0
    return Reentry(
        parent=np.full(len(problem.rows.on), -1, dtype=np.int64),
        last=np.full(n_units + 1, -1, dtype=np.int32),
        piece=np.full(n_units + 1, -1, dtype=np.int32), exact=np.zeros(n_units + 1, dtype=bool),
        changed=np.zeros(most + 1, dtype=np.int64), renewed=np.zeros(widest + 1, dtype=np.int64),
        member_mark=np.full(n_mem + 1, -1, dtype=np.int64),
        unit_mark=np.full(n_units + 1, -1, dtype=np.int64),
        fresh=np.array([FIRST_CLASS], dtype=np.int64),
    )  # fmt: skip
