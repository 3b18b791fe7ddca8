"""HiGHS as a guide to exact linear programs around a point: nothing that it says is proved."""

from __future__ import annotations

from collections.abc import Sequence

import flint
import numpy as np

from .lp import Point, Row, float_of, q, value_at

__all__ = ["FEW", "Guide"]

FEW = 3  # up to so many dimensions exact linear programs are faster than asking for a guess
_PRIME = 2**61 - 1
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
        from .highs_lp import WarmLP

        self.rows, self.inside, self.dim = rows, inside, len(inside)
        sizes = [max(abs(c) for c in row[1:]) for row in rows]
        normals = [[float_of(c / s) for c in row[1:]] for row, s in zip(rows, sizes, strict=True)]
        reach = np.array(
            [float_of(value_at(row, inside) / s) for row, s in zip(rows, sizes, strict=True)]
        )
        self.unit = float(np.sort(reach)[len(reach) // 2]) or 1.0
        with np.errstate(all="ignore"):  # what is further away than HiGHS can tell is infinite
            self.table = np.column_stack([np.array(normals), np.minimum(reach / self.unit, _FAR)])
        self.order: list[int] = []  # of the program's rows
        self.modulo: dict[int, list[int]] = {}  # rows modulo a prime
        self.multipliers: np.ndarray | None = None  # of the last answer
        far = np.full(self.dim, np.inf)
        self.program = WarmLP(-far, far, np.zeros(self.dim))

    def ask(self, i: int, others: list[int]) -> Point | None:
        """About where row i is least while other rows are >= 0; None if it stays positive."""
        self._load(others)
        self.multipliers = None
        found = self.program.minimise(self.table[i])
        if found is None:
            return None
        self.multipliers = found.multipliers
        if not (found.value < 0 and np.all(np.isfinite(found.point))):
            return None
        unit = q(self.unit)
        return [a + unit * q(float(v)) for a, v in zip(self.inside, found.point, strict=True)]

    def bases(self, others: list[int]) -> list[list[int]]:
        """What the answer to the last question rests on.

        At most one: positions in ``others`` of as many independent rows as dimensions, whose
        multipliers may show that the row is implied.
        """
        return [] if self.multipliers is None else self._basis(others, self.multipliers)

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
            columns = zip(*(self._residues(others[k]) for k in order), strict=True)
            reduced, rank = flint.nmod_mat([list(c) for c in columns], _PRIME).rref()
            if rank < self.dim:
                return []
            tight, c = [], 0
            for r in range(rank):
                while int(reduced[r, c]) == 0:
                    c += 1
                tight.append(order[c])
        return [tight]

    def _residues(self, k: int) -> list[int]:
        """The slopes of a row modulo a prime: they tell which rows are independent."""
        found = self.modulo.get(k)
        if found is None:
            found = []
            for v in self.rows[k][1:]:
                below = int(v.q) % _PRIME
                found.append(int(v.p) * pow(below, -1, _PRIME) % _PRIME if below else 0)
            self.modulo[k] = found
        return found
