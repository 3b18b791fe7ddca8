"""What `renewal.py` reads, as arrays: which layers it is for, their weights by entries."""

from __future__ import annotations

import numpy as np

from ...compile.program import Program
from ...rationals import bounded_floats
from ..kernel.layout import Problem
from . import control as c
from .layout import Renewal

__all__ = ["is_seldom", "make_renewal", "renewed_layers"]

FIRST_CLASS = 1 << 60  # beyond the numbers that `classes.py` gives, and those of `equal.py`


def renewed_layers(program: Program, dense: np.ndarray) -> np.ndarray:
    """Which layers are made anew row by row, as 1 and 0: those of sparse, finite weights.

    Parameters
    ----------
    program : Program
    dense : int array, shape (layers,)
        See `Weights`.
    """
    on = np.zeros(len(program.layers), dtype=np.int64)
    for index, layer in enumerate(program.layers):
        forms = layer.members
        if index > 0 and 2 * len(forms.data) <= forms.width * len(
            forms
        ):  # what is not read is multiplied by 0 there
            on[index] = bool(np.isfinite(bounded_floats(layer.members.data)).all())
    return on


def is_seldom(problem: Problem) -> bool:
    """Whether a problem needs `seldom.py`: sparse layers, or units of more than the sign."""
    return bool(problem.rows.on.any() or not problem.layers.simple.all())


def make_renewal(problem: Problem, program: Program) -> Renewal:
    """Nothing was entered yet."""
    layers, n_layers = problem.layers, len(program.layers)
    seldom = is_seldom(problem)
    n_mem, n_state, n_units = (
        (int(at[-1]) + 1 if seldom else 1)
        for at in (layers.mem_at, layers.state_at, layers.unit_at)
    )
    nodes = n_mem + n_state if seldom and len(problem.classes.members) else 1
    most = 1 + int(max(layers.n_in.max(initial=0), layers.n_mem.max(initial=0))) if seldom else 1
    pieces = max((int(x.units.pieces.max(initial=0)) for x in program.layers), default=0)
    count = _ints(c.N_COUNT)
    count[c.CLASS] = FIRST_CLASS
    column_at, column_start, column_row = _columns(problem, program)
    return Renewal(
        longest=np.array(
            [int(np.diff(x.members.indptr).max(initial=0)) for x in program.layers], dtype=np.int64
        ),
        column_at=column_at, column_start=column_start, column_row=column_row, count=count,
        made=_ints(n_layers), moved=_ints(n_layers), passed=_ints(n_layers),
        entered=_ints(n_layers), since=_ints(n_layers), opened=_ints(n_layers),
        closed=_ints(n_layers),
        entry=_ints(n_state), member=_ints(n_mem), piece=np.full(n_state, -1, dtype=np.int32),
        row=np.zeros((n_state, 8)), changed=_ints(most), renewed=_ints(most), mark=_ints(n_mem),
        first=_ints(1 << (2 * nodes).bit_length(), -1), next=_ints(nodes), previous=_ints(nodes),
        bucket=_ints(nodes, -1), function=_ints(nodes), argument=_ints(nodes),
        winner=np.zeros(n_units, dtype=np.int32), place=_ints(n_units, -1), cell=_ints(n_units),
        tied=_ints(n_units), contenders=_ints(pieces + 1),
    )  # fmt: skip


def _ints(n: int, value: int = 0) -> np.ndarray:
    return np.full(n, value, dtype=np.int64)


def _columns(problem: Problem, program: Program) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the columns of every layer begin, and the members of every column."""
    at = _ints(len(program.layers) + 1)
    starts, rows, total = [], [], 0
    for index, layer in enumerate(program.layers):
        forms, start = layer.members, np.zeros(0, dtype=np.int64)
        if problem.rows.on[index]:
            counts = np.bincount(forms.indices, minlength=forms.width)
            start = total + np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            row = np.repeat(np.arange(len(forms)), np.diff(forms.indptr))
            rows.append(row[np.argsort(forms.indices, kind="stable")])
            total += len(row)
        starts.append(start)
        at[index + 1] = at[index] + len(start)
    last = np.zeros(1, dtype=np.int64)  # one to spare: what a kernel slices is never empty
    return at, np.concatenate([*starts, last]), np.concatenate([*rows, last]).astype(np.int64)
