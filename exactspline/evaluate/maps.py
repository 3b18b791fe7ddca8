"""Affine maps of samples in NumPy, shared between samples whose codes begin alike."""

from __future__ import annotations

import numpy as np

from ..compile.forms import Forms
from ..compile.program import Program
from ..partition.pieces.pieces import float_pieces
from ..partition.pieces.walk import MOST_ENTRIES
from ..partition.regions.maps import program_map
from ..rationals import as_float

__all__ = ["maps_by_prefixes"]

_ENTRIES = 1 << 22  # of the maps that are computed at once


def maps_by_prefixes(program: Program, codes: np.ndarray, A: np.ndarray, b: np.ndarray) -> None:
    """Fill A (n, C, D) and b (n, C) for codes (n, units), each distinct code once."""
    if len(codes) == 0:
        return
    if codes.shape[1]:
        distinct, which = np.unique(codes, axis=0, return_inverse=True)
        which = which.reshape(-1)
    else:
        distinct, which = codes[:1], np.zeros(len(codes), dtype=np.int64)
    if max(map(len, _forms(program))) * (A.shape[2] + 1) > MOST_ENTRIES:
        for i, code in enumerate(distinct):  # dense rows of a layer would not fit
            A[which == i], b[which == i] = _by_outputs(program, code)
        return
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(len(distinct) + 1))
    step = max(1, _ENTRIES // max(1, A.shape[1] * (A.shape[2] + 1)))
    for begin in range(0, len(distinct), step):
        part = distinct[begin : begin + step]
        maps, consts = float_pieces(program, iter([part]), len(part))
        rows = order[starts[begin] : starts[begin + len(part)]]
        with np.errstate(over="ignore", under="ignore"):  # the caller looks for infinities
            A[rows], b[rows] = maps[which[rows] - begin], consts[which[rows] - begin]


def _forms(program: Program) -> list[Forms]:
    return [*(layer.members for layer in program.layers), program.output]


def _by_outputs(program: Program, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The map of one code, from the outputs to the inputs: exact, and rounded at the end."""
    forms = program_map(program, code)
    (data, _), (const, _) = as_float(forms.data), as_float(forms.const)
    A = np.zeros((len(forms), forms.width))
    A[np.repeat(np.arange(len(forms)), np.diff(forms.indptr)), forms.indices] = data
    return A, const
