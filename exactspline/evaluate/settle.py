"""Codes that the running bound leaves open: tighter bounds, and rationals where those fail."""

from __future__ import annotations

import numpy as np

from ..compile.program import Program
from ..partition.points.signs import FloatProgram
from .inputs import Samples

__all__ = ["Settler"]

_BLOCK = 1 << 18  # numbers of a level at once


class Settler:
    """Proves the codes of single samples.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._float: FloatProgram | None = None

    def __call__(
        self, samples: Samples, codes: np.ndarray, proved: np.ndarray, boundary: np.ndarray,
        *, exact: bool,
    ) -> None:  # fmt: skip
        """Settle what ``proved`` (n,) leaves open, in place; all of it if ``exact``.

        Error bounds a unit come first, in float64, where arithmetic that is exact has the bound
        zero. What they leave open is evaluated in rationals if ``exact``.
        """
        if self._float is None:
            self._float = FloatProgram(self.program)
        rows = np.flatnonzero(~proved)
        step = max(1, _BLOCK // max(1, self._float.width))
        for begin in range(0, len(rows), step):
            own = rows[begin : begin + step]
            signs = self._float(*samples.floats(own), exact=True)
            zero = np.zeros(len(own), dtype=bool)
            zero[signs.zero_point] = True
            codes[own] = signs.codes
            proved[own] = signs.proved
            boundary[own] = zero
        if exact:
            from ..cells.point import code_at

            for i in np.flatnonzero(~proved).tolist():
                code, boundary[i] = code_at(self.program, samples.exact(i))
                codes[i], proved[i] = code, True
