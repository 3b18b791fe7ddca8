"""Rows that rays leave open: one linear program each. HiGHS guesses, rays and rationals prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import flint
import highspy
import numpy as np

from ...clock import check, current
from ...polyhedra.highs_lp import OPTIONS
from ...polyhedra.linear import solved
from ...polyhedra.lp import ZERO, Row
from .proofs import IMPLIED, OPEN, Proofs

if TYPE_CHECKING:
    from .rays import Rays

__all__ = ["LastResort", "combines"]

_FAR = 1000.0  # half the width of what is looked at, in median distances
_LEAST = 1e-9  # of a multiplier
_TIE = 1e-7  # by so much of its distance a row must be exceeded: else it may just be touched
_MOST = 150  # rows that may imply another one
_KEPT = 1000  # exact rows at hand
_PRIME = 2**61 - 1
_SOLVER: Any = highspy.Highs.__base__ or highspy.Highs


class LastResort:
    """Settles the open rows that `Settling` leaves, each by a linear program.

    Parameters
    ----------
    proofs : Proofs
    rays : Rays
        Of the rows that are not implied by small forms.
    alive : int array
        Which rows these are.
    start : int
        The number of the rays' point.
    """

    def __init__(self, proofs: Proofs, rays: Rays, alive: np.ndarray, start: int) -> None:
        self.proofs, self.rays, self.alive, self.start = proofs, rays, alive, start
        self._exact: dict[int, Row] = {}
        with np.errstate(all="ignore"):
            self.scale = np.where(rays.sizes > 0, 1 / rays.sizes, 0.0)
            self.distance = np.minimum(rays.reach * self.scale, 1e15)

    def steps(self) -> Iterator[bool]:
        """Settle a row at a time; some stay open."""
        state = self.proofs.state
        order = np.argsort(self.distance)
        if not np.any(state[self.alive] == OPEN):
            return
        solver = self._model()
        yield True
        for i in order.tolist():
            if state[self.alive[i]] != OPEN:
                continue
            way, basis = self._ask(solver, i)
            if way is not None:
                self._meets(way)
            if state[self.alive[i]] == OPEN and basis and self._implied(i, basis):
                state[self.alive[i]] = IMPLIED
                solver.changeRowBounds(i, -highspy.kHighsInf, highspy.kHighsInf)
            yield True

    def _model(self) -> Any:
        """All rows, scaled to size 1, in a wide box around the point."""
        solver = _SOLVER()
        # the primal simplex: the last vertex stays feasible, and only the objective changes
        for name, value in {**OPTIONS, "simplex_strategy": 4}.items():
            solver.setOptionValue(name, value)
        m, d = self.rays.normals.shape
        far = _FAR * float(np.median(self.distance))
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = d, m
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.zeros(d), np.full(d, -far), np.full(d, far)
        lp.row_lower_, lp.row_upper_ = -self.distance, np.full(m, highspy.kHighsInf)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        normals = self.rays.normals
        lp.a_matrix_.start_ = normals.indptr
        lp.a_matrix_.index_ = normals.indices
        lp.a_matrix_.value_ = normals.data * np.repeat(self.scale, np.diff(normals.indptr))
        solver.passModel(lp)
        return solver

    def _ask(self, solver: Any, i: int) -> tuple[np.ndarray | None, list[int]]:
        """A way that may leave by row i, or rows that may imply it."""
        d = self.rays.normals.shape[1]
        cost = self.rays.normals[[i]].toarray().reshape(-1) * self.scale[i]
        solver.changeColsCost(d, np.arange(d, dtype=np.int32), cost)
        low = -float(self.distance[i])
        solver.changeRowBounds(i, 2 * low, highspy.kHighsInf)
        clock = current()
        if clock is not None:
            left = min(clock.left(), 1e9)
            solver.setOptionValue("time_limit", solver.getRunTime() + left)
        solver.run()
        check()
        optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        solution = solver.getSolution()
        solver.changeRowBounds(i, low, highspy.kHighsInf)  # and its status is gone
        if not optimal:
            return None, []
        near, duals = np.array(solution.col_value), np.array(solution.row_dual)
        if not np.all(np.isfinite(near)):
            return None, []
        if float(cost @ near) < low * (1 + _TIE):
            return near, []
        basis = [j for j in np.flatnonzero(duals > _LEAST).tolist() if j != i]
        return None, basis if len(basis) <= _MOST else []

    def _meets(self, way: np.ndarray) -> None:
        size = float(np.abs(way).max())
        if not size > 0:
            return
        ways = (way / size)[:, None]
        hits = self.rays.shoot(ways)
        if hits.first[0] >= 0:
            self.proofs.facet(int(self.alive[hits.first[0]]), self.start, ways[:, 0])

    def _implied(self, i: int, basis: Sequence[int]) -> bool:
        wanted = [int(self.alive[k]) for k in (i, *basis)]
        missing = [k for k in wanted if k not in self._exact]
        if len(self._exact) + len(missing) > _KEPT:
            self._exact.clear()
            missing = wanted
        made = self.proofs.rows.exact(missing)
        self._exact.update(zip(missing, made, strict=True))
        form, *others = (self._exact[k] for k in wanted)
        return combines(form, others)


def combines(form: Row, rows: Sequence[Row]) -> bool:
    """Whether a form is proved to be a nonnegative combination of rows and a constant >= 0.

    Parameters
    ----------
    form : row
    rows : sequence of rows
        Of which some independent ones are taken.

    Examples
    --------
    >>> from exactspline.polyhedra.lp import qrow
    >>> combines(qrow(3, [1, 2]), [qrow(0, [1, 0]), qrow(1, [0, 1]), qrow(0, [1, 1])])
    True
    """
    residues = [[_residue(v) for v in row[1:]] for row in rows]
    chosen = _independent([list(column) for column in zip(*residues, strict=True)], len(rows))
    if not chosen:
        return not any(form[1:]) and form[0] >= 0
    rows = [rows[k] for k in chosen]
    places = _independent([residues[k] for k in chosen], len(residues[0]))
    if len(places) < len(rows):
        return False  # not independent, though a prime said so
    matrix = flint.fmpq_mat([[row[1 + c] for row in rows] for c in places])
    factors = solved(matrix, [form[1 + c] for c in places])
    if factors is None or any(f < 0 for f in factors):
        return False
    used = [(f, row) for f, row in zip(factors, rows, strict=True) if f]
    for c in range(1, len(form)):
        if sum((f * row[c] for f, row in used if row[c]), ZERO) != form[c]:
            return False
    return bool(form[0] >= sum((f * row[0] for f, row in used), ZERO))


def _independent(columns: Sequence[list[int]], count: int) -> list[int]:
    """Columns (of ``count``) that are independent modulo a prime, the first ones."""
    if not columns or not count:
        return []
    reduced, rank = flint.nmod_mat(columns, _PRIME).rref()
    out, c = [], 0
    for r in range(rank):
        while int(reduced[r, c]) == 0:
            c += 1
        out.append(c)
    return out


def _residue(v: flint.fmpq) -> int:
    below = int(v.q) % _PRIME
    return int(v.p) * pow(below, -1, _PRIME) % _PRIME if below and v else 0
