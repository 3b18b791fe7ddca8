"""HiGHS as a source of guesses: points and multipliers that somebody else has to prove."""

from __future__ import annotations

from typing import Any, NamedTuple

import highspy
import numpy as np

from ..clock import check, current

__all__ = ["Guess", "WarmLP", "least_point"]

ENOUGH = 1e-6  # a minimum above it (relative to the form's size) need not be known any better
BEYOND = 1000.0  # where a direction is open, the guessing stops so far from the domain's point
OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "presolve": "off",  # warm starts
    "parallel": "off",
    "threads": 1,
    "simplex_strategy": 1,  # dual: with bounds everywhere it starts feasible at any objective
    "simplex_scale_strategy": 0,  # rows and coordinates are scaled here
    "simplex_iteration_limit": 50_000,
    "primal_feasibility_tolerance": 1e-9,
    "dual_feasibility_tolerance": 1e-9,
    "small_matrix_value": 1e-12,
}


# highspy.Highs adds callbacks, and prints a banner as it does, before it can be told not to
_SOLVER: Any = highspy.Highs.__base__ or highspy.Highs


class Guess(NamedTuple):
    """What a solve suggests: nothing in here is proved.

    Attributes
    ----------
    value : float
        The minimum, relative to the size of the form; ``ENOUGH`` if it is at least that (the
        point then means nothing).
    point : float64 array, shape (d,)
        Where it is attained.
    multipliers : float64 array, shape (rows,)
        Nonnegative: form - sum multipliers * row is bounded by the box alone.
    """

    value: float
    point: np.ndarray
    multipliers: np.ndarray


class WarmLP:
    """min form over {row >= 0, low <= x <= high}: rows come and go, the basis stays.

    HiGHS sees coordinates scaled to the box and rows scaled to size 1, so that its tolerances
    mean the same for every network.

    Parameters
    ----------
    low, high : float64 arrays
        Infinite where nothing bounds the domain.
    inside : float64 array
        A point near which to look where nothing bounds it.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, inside: np.ndarray) -> None:
        lower = np.where(np.isfinite(low), low, np.minimum(inside, high) - BEYOND)
        upper = np.where(np.isfinite(high), high, np.maximum(inside, low) + BEYOND)
        self.width = upper - lower
        self.centre = lower + 0.5 * self.width
        self.scales: list[float] = []
        self.patience = float("inf")  # seconds that it was last given
        self.columns = np.arange(len(low), dtype=np.int32)
        self.highs = _SOLVER()
        for name, value in OPTIONS.items():
            self.highs.setOptionValue(name, value)
        half = np.full(len(low), 0.5)
        self.highs.addVars(len(low), -half, half)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.scales)

    def truncate(self, n: int) -> None:
        """Keep the first n rows only."""
        if n < self.rows:
            gone = np.arange(n, self.rows, dtype=np.int32)
            self.highs.deleteRows(len(gone), gone)
            del self.scales[n:]

    def add(self, row: np.ndarray) -> None:
        """Add the constraint row >= 0 (coefficients, then the constant)."""
        scaled, constant, scale = self._scaled(row)
        if scale > 0.0:
            self.highs.addRow(-constant, highspy.kHighsInf, len(scaled), self.columns, scaled)
        else:  # beyond what HiGHS can read: it guesses without it
            none = self.columns[:0]
            self.highs.addRow(-highspy.kHighsInf, highspy.kHighsInf, 0, none, none.astype(float))
        self.scales.append(scale)

    def restart(self) -> None:
        """Forget the basis and everything else that the last solves left behind."""
        self.highs.clearSolver()

    def minimise(self, form: np.ndarray) -> Guess | None:
        """Minimise a form; None if HiGHS finds no optimum."""
        scaled, constant, scale = self._scaled(form)
        if not scale > 0.0:
            return None
        self.highs.changeColsCost(len(scaled), self.columns, scaled)
        self.highs.setOptionValue("objective_bound", ENOUGH - constant)
        self._limit_time()
        self.highs.run()
        check()
        status = self.highs.getModelStatus()
        stopped = status == highspy.HighsModelStatus.kObjectiveBound
        if not stopped and status != highspy.HighsModelStatus.kOptimal:
            return None
        solution = self.highs.getSolution()
        near = np.array(solution.col_value)
        duals = np.array(solution.row_dual)
        if len(near) != len(scaled) or len(duals) != self.rows:
            return None
        return Guess(
            ENOUGH if stopped else constant + float(scaled @ near),
            self.centre + self.width * near,
            np.maximum(duals, 0.0) * np.array(self.scales) / scale,
        )

    def _limit_time(self) -> None:
        """Have HiGHS stop when the clock says so; its own time counts all of its runs."""
        clock = current()
        left = float("inf") if clock is None else clock.left()
        if left != self.patience:
            self.patience = left
            self.highs.setOptionValue("time_limit", self.highs.getRunTime() + left)

    def basis(self) -> tuple[list[int], list[int]]:
        """The rows that the last basis holds tight, and the coordinates between their bounds."""
        basis, basic = self.highs.getBasis(), highspy.HighsBasisStatus.kBasic
        tight = [i for i, status in enumerate(basis.row_status) if status != basic]
        return tight, [j for j, status in enumerate(basis.col_status) if status == basic]

    def _scaled(self, row: np.ndarray) -> tuple[np.ndarray, float, float]:
        """A form over HiGHS' coordinates, scaled to size 1; scale 0 if that is impossible."""
        scaled = row[:-1] * self.width
        size = float(np.abs(scaled).sum())
        constant = float(row[-1] + row[:-1] @ self.centre)
        scale = 1.0 / size if 1e-280 < size < 1e280 else 0.0
        if not abs(constant * scale) < 1e15:
            scale = 0.0
        return scaled * scale, constant * scale, scale


def least_point(
    cost: np.ndarray, rows: np.ndarray, most: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray | None:
    """Where ``cost @ x`` is least over {rows @ x <= most, low <= x <= high}, as HiGHS has it.

    None if it finds no such point.
    """
    lp, inf = highspy.HighsLp(), highspy.kHighsInf
    lp.num_row_, lp.num_col_ = rows.shape
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, low, high
    lp.row_lower_, lp.row_upper_ = np.full(len(rows), -inf), most
    at = np.flatnonzero(rows)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.searchsorted(at, rows.shape[1] * np.arange(len(rows) + 1))
    lp.a_matrix_.index_, lp.a_matrix_.value_ = at % rows.shape[1], rows.reshape(-1)[at]
    solver = _SOLVER()
    for name in ("output_flag", "parallel", "threads", "presolve", "simplex_iteration_limit"):
        solver.setOptionValue(name, OPTIONS[name])
    clock = current()
    if clock is not None:
        solver.setOptionValue("time_limit", min(clock.left(), 1e9))
    solver.passModel(lp)
    solver.run()
    check()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    point = np.array(solver.getSolution().col_value)
    return point if len(point) == len(cost) and np.all(np.isfinite(point)) else None
