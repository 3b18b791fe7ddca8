"""HiGHS as a guide to exact linear programs around a point: nothing that it says is proved."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import flint
import numpy as np

from ..exact.cell import Point
from ..exact.lp import Row, q, value_at
from ..rationals import nearest_float

__all__ = ["Guide"]


_FAR = 1e18


class Guide:
    """Guesses about linear programs over some of many rows.

    Parameters
    ----------
    rows : sequence of rows
        None is constant.
    inside : list of fmpq
        Where all rows are >= 0, most of them > 0.
    """

    def __init__(self, rows: Sequence[Row], inside: Point) -> None:
        from ..search.highs_lp import WarmLP

        self.rows, self.inside, self.dim = rows, inside, len(inside)
        sizes = [max(abs(c) for c in row[1:]) for row in rows]
        normals = [[_float(c / s) for c in row[1:]] for row, s in zip(rows, sizes, strict=True)]
        reach = np.array(
            [_float(value_at(row, inside) / s) for row, s in zip(rows, sizes, strict=True)]
        )
        self.unit = float(np.sort(reach)[len(reach) // 2]) or 1.0
        with np.errstate(all="ignore"):  # what is further away than HiGHS can tell is infinite
            self.table = np.column_stack([np.array(normals), np.minimum(reach / self.unit, _FAR)])
        self.order: list[int] = []  # of the program's rows
        far = np.full(self.dim, np.inf)
        self.program = WarmLP(-far, far, np.zeros(self.dim))

    def ask(self, i: int, others: list[int]) -> tuple[list[list[int]], Point | None]:
        """Where row i is least while other rows are >= 0.

        Returns
        -------
        bases : list of lists of int
            At most one: positions in ``others`` of as many independent rows as dimensions,
            whose multipliers may show that row i is implied.
        near : point or None
            About where it is least.
        """
        self._load(others)
        found = self.program.minimise(self.table[i])
        if found is None:
            return [], None
        near: Point | None = None
        if found.value < 0 and np.all(np.isfinite(found.point)):
            unit = q(self.unit)
            near = [a + unit * q(float(v)) for a, v in zip(self.inside, found.point, strict=True)]
        return self._basis(others, found.multipliers), near

    def deepest(self) -> Point | None:
        """About a direction along which the least slope of a row of size 1 is greatest."""
        from scipy.optimize import linprog

        normals, d = self.table[:, :-1], self.dim
        found = linprog(
            np.concatenate([np.zeros(d), [-1.0]]),
            A_ub=np.hstack([-normals, np.ones((len(normals), 1))]), b_ub=np.zeros(len(normals)),
            bounds=[(-1, 1)] * d + [(0, None)],
        )  # fmt: skip
        if found.x is None or found.x[-1] <= 0:
            return None
        return [q(float(v)) for v in found.x[:-1]]

    def basis_of_sum(self) -> list[int]:
        """Rows that may combine to minus the sum of all rows' slopes (each of size 1)."""
        others = list(range(len(self.rows)))
        self._load(others)
        total = -self.table.sum(axis=0)
        total[-1] = 0.0
        found = self.program.minimise(total)
        bases = [] if found is None else self._basis(others, found.multipliers)
        return bases[0] if bases else []

    def _load(self, others: list[int]) -> None:
        """Make these the rows of the program; it keeps what it shares with the last ones."""
        common = 0
        while common < min(len(others), len(self.order)) and others[common] == self.order[common]:
            common += 1
        self.program.truncate(common)
        for k in others[common:]:
            self.program.add(self.table[k])
        self.order = list(others)

    def _basis(self, others: list[int], multipliers: np.ndarray) -> list[list[int]]:
        """The rows that HiGHS ended with, filled up with independent ones where they are few."""
        if len(others) < self.dim:
            return []
        tight, _ = self.program.basis()
        if len(tight) != self.dim:
            order = np.argsort(-multipliers, kind="stable").tolist()
            columns = [[self.rows[others[k]][c + 1] for k in order] for c in range(self.dim)]
            reduced, rank = flint.fmpq_mat(columns).rref()
            if rank < self.dim:
                return []
            tight = [
                order[next(c for c in range(len(order)) if reduced[r, c] != 0)]
                for r in range(rank)
            ]
        return [tight]


def _float(value: flint.fmpq) -> float:
    return nearest_float(Fraction(int(value.p), int(value.q)))
