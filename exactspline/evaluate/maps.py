"""Affine maps of samples in NumPy, shared between samples whose codes begin alike."""

from __future__ import annotations

import numpy as np

from ..compile.program import Program
from ..partition.pieces import float_pieces

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
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(len(distinct) + 1))
    step = max(1, _ENTRIES // max(1, A.shape[1] * (A.shape[2] + 1)))
    for begin in range(0, len(distinct), step):
        part = distinct[begin : begin + step]
        maps, consts = float_pieces(program, iter([part]), len(part))
        if A.dtype.itemsize < 8:  # an entry beyond the range is the largest number there
            most = np.finfo(A.dtype).max
            maps, consts = np.clip(maps, -most, most), np.clip(consts, -most, most)
        rows = order[starts[begin] : starts[begin + len(part)]]
        with np.errstate(over="ignore", under="ignore"):  # the caller looks for infinities
            A[rows], b[rows] = maps[which[rows] - begin], consts[which[rows] - begin]
