"""The checkers of certificates: whatever they accept is true, whatever they are given.

Rows are float64 with error bounds; the exact rows are drawn within the bounds. Claims are
checked on the exact cell's generators (the twin's double description) or by exact solves.
Multipliers are the right ones, disturbed ones and nonsense.
"""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import naive
import numpy as np
import pytest
from flint import fmpq, fmpq_mat
from kernel_blocks import problem, state
from marks import first_quick

from exactspline.search.kernel.block import given
from exactspline.search.kernel.box_tests import settle_listed, settle_simple
from exactspline.search.kernel.certificates import (
    NOTHING,
    lower_bound_by_basis,
    lower_bound_in_box,
    lower_bound_in_cell_box,
    nonnegative_by_integers,
    strictly_positive,
)
from exactspline.search.kernel.control import OPEN_END
from exactspline.search.kernel.general_units import sign_on_box

BLOCKS = pytest.mark.parametrize("block", first_quick(range(4)))
TRIALS = 400
P = 2.0**53


def number(rng: random.Random, kind: str) -> float:
    if kind == "integer":
        return float(rng.randint(-3, 3))
    if kind == "third":  # rounded: ties that only rounding breaks
        return rng.randint(-4, 4) / 3
    if kind == "big":
        return rng.choice((P, -P, 1.0, -1.0, 0.0, 3.0, 3 * P, P + 2))
    if kind == "tiny":
        return rng.gauss(0, 1) * 10.0 ** rng.choice((-200, -160, -30, 0))
    return rng.gauss(0, 1)


KINDS = ("integer", "third", "big", "tiny", "normal")


def drawn_row(rng: random.Random, d: int, kind: str, noise: float):
    """A row, error bounds per coefficient, and an exact row within them."""
    row = [number(rng, kind) for _ in range(d + 1)]
    error = [abs(v) * noise for v in row]
    exact = [
        Fraction(v) + Fraction(e) * Fraction(rng.randint(-4, 4), 4)
        for v, e in zip(row, error, strict=True)
    ]
    return row, error, exact


class Case:
    """d constraints and a form: in floats with bounds, exactly, and guessed multipliers."""

    def __init__(self, rng: random.Random, d: int, kind: str) -> None:
        self.d = d
        noise = rng.choice((0.0, 0.0, 1e-15, 1e-9))
        rows = [drawn_row(rng, d, kind, noise) for _ in range(d)]
        if d > 1 and rng.random() < 0.2:  # nearly or exactly parallel
            near = [v * (1 + rng.choice((0, 1e-16, 1e-12))) for v in rows[0][0]]
            rows[1] = (near, [abs(v) * noise for v in near], [Fraction(v) for v in near])
        self.rows = np.array([r for r, _, _ in rows])
        self.error = np.array([e for _, e, _ in rows])
        self.exact = [x for _, _, x in rows]
        # the form: a combination of the rows with a constant near zero, or anything
        if rng.random() < 0.8:
            y = [float(rng.choice((0, 0, 1, 2, 0.5, 1 / 3))) for _ in range(d)]
            g = [sum(a * r[c] for a, r in zip(y, self.rows.tolist(), strict=True))
                 for c in range(d + 1)]  # fmt: skip
            g[d] += rng.choice((0.0, 0.0, 1e-16, -1e-16, 1e-9, -1e-9, 1.0, -1.0))
            if rng.random() < 0.3:
                g[rng.randrange(d)] += rng.choice((1e-17, -1e-17, 1e-10, -1e-10))
        else:
            y = [number(rng, "normal") for _ in range(d)]
            g = drawn_row(rng, d, kind, 0.0)[0]
        self.sign = rng.choice((1, -1))
        self.g = np.array(g) * self.sign
        self.g_error = np.abs(self.g) * noise
        self.exact_g = [
            Fraction(v) + Fraction(e) * Fraction(rng.randint(-4, 4), 4)
            for v, e in zip(self.g.tolist(), self.g_error.tolist(), strict=True)
        ]
        if rng.random() < 0.5:
            y = [v * (1 + rng.choice((0, 1e-16, -1e-12, 1e-3))) + rng.choice((0, 0, 1e-16, -1e-9))
                 for v in y]  # fmt: skip
        if rng.random() < 0.05:
            y[rng.randrange(d)] = rng.choice((np.nan, np.inf, -1.0, 1e300))
        self.z = np.array(y)
        self.col_id = np.arange(d)
        if rng.random() < 0.1:
            self.col_id[rng.randrange(d)] = -1  # a free direction

    def box_errors(self, low, high) -> tuple[np.ndarray, float]:
        """Bounds per coefficient as one number a row, the supremum over a box."""
        reach = np.append(np.maximum(np.abs(low), np.abs(high)), 1.0)
        return (self.error @ reach * (1 + 1e-9))[:, None], float(self.g_error @ reach * (1 + 1e-9))

    def minimum(self, low=None, high=None) -> Fraction | None:
        """The exact minimum of sign * g on the exact cell; None if unbounded or empty."""
        d = self.d
        units = [tuple(int(i == j) for j in range(d + 1)) for i in range(d + 1)]
        constraints = [list(units[0])]
        for k in range(d):
            if self.col_id[k] >= 0:
                constraints.append([self.exact[k][d], *self.exact[k][:d]])
        for c in range(d) if low is not None else ():
            side = [int(i == c + 1) for i in range(d + 1)]
            constraints.append([-Fraction(low[c]), *side[1:]])
            constraints.append([Fraction(high[c]), *(-v for v in side[1:])])
        cone = naive.Cone(tuple(units), (), (), 0)
        for row in constraints:
            cone = naive._restrict(cone, naive._integral([row])[1][0])
        g = [self.sign * v for v in (self.exact_g[d], *self.exact_g[:d])]

        def at(ray):
            return sum((a * b for a, b in zip(g, ray, strict=True)), Fraction(0))

        if not any(ray[0] for ray in cone.rays):
            return None  # empty: everything is true
        assert all(not at(line) for line in cone.lines), "a claim on a free direction"
        assert all(at(ray) >= 0 for ray in cone.rays if not ray[0]), "unbounded below"
        return min(at(ray) / ray[0] for ray in cone.rays if ray[0])


def boxes(rng: random.Random, d: int) -> tuple[np.ndarray, np.ndarray]:
    size = rng.choice((1.0, 1e-12, 1e6))
    middle = np.array([rng.uniform(-2, 2) for _ in range(d)])
    width = size * np.array([rng.uniform(0.1, 1) for _ in range(d)])
    return middle - width, middle + width


def sizes(rows: np.ndarray, low, high) -> np.ndarray:
    reach = np.append(np.maximum(np.abs(low), np.abs(high)), 1.0)
    return np.abs(rows) @ reach * (1 + 1e-9)


@BLOCKS
def test_bounds_in_a_box(block):
    rng = random.Random(100 + block)
    sharp = 0
    for trial in range(TRIALS):
        case = Case(rng, rng.randint(1, 3), rng.choice(KINDS))
        low, high = boxes(rng, case.d)
        errors, g_error = case.box_errors(low, high)
        bound = lower_bound_in_box(
            case.g, g_error, float(sizes(case.g[None], low, high)[0]), case.sign, case.z,
            case.col_id, case.rows, errors, sizes(case.rows, low, high), low, high, case.d,
        )  # fmt: skip
        other = lower_bound_in_cell_box(
            case.g, case.g_error, case.sign, case.z, case.col_id, case.rows, case.error, low,
            high, case.d,
        )  # fmt: skip
        exact = case.minimum(low, high)
        for proved in (bound, other):
            if np.isfinite(proved) and exact is not None:
                assert Fraction(proved) <= exact, (trial, case.__dict__)
                sharp += float(exact) - proved < 1e-6
    assert sharp > TRIALS // 20  # the bounds are of use, too


@BLOCKS
def test_bound_by_basis(block):
    """Checked through the exact solution of the square system: no box, no vertex."""
    rng = random.Random(200 + block)
    proved = 0
    for trial in range(TRIALS):
        case = Case(rng, rng.randint(1, 4), rng.choice(KINDS))
        d = case.d
        scale = np.array([rng.choice((1.0, 0.5, 8.0)) for _ in range(d)])
        try:
            inverse = np.linalg.inv(case.rows[:, :d] * scale[:, None])
        except np.linalg.LinAlgError:
            inverse = np.eye(d)
        T = np.zeros((d + 1, d))
        T[1:] = inverse.T
        if rng.random() < 0.2:  # a guess of the inverse that is off
            T[rng.randint(1, d), rng.randrange(d)] += rng.choice((1e-12, 1e-3, 1.0, np.nan))
        bound = lower_bound_by_basis(
            case.g, case.g_error, case.sign, case.z, case.col_id, case.rows, case.error, scale,
            T, d, np.zeros((6, d + 2)),
        )  # fmt: skip
        if not bound > NOTHING:
            continue
        assert np.all(case.col_id >= 0)
        matrix = fmpq_mat([[_q(case.exact[k][c]) for k in range(d)] for c in range(d)])
        goal = fmpq_mat([[_q(case.sign * v)] for v in case.exact_g[:d]])
        y = matrix.solve(goal)  # ZeroDivisionError: a bound from a singular basis
        assert all(y[k, 0] >= 0 for k in range(d)), (trial, case.__dict__)
        rest = _q(case.sign * case.exact_g[d])
        for k in range(d):
            rest -= y[k, 0] * _q(case.exact[k][d])
        assert rest >= _q(Fraction(bound)), (trial, case.__dict__)
        proved += 1
    assert proved > TRIALS // 20


def _q(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)


def grid_of(row) -> int:
    """Exponent of the largest power of two that divides all entries."""
    exponents = [0]
    entries = [Fraction(v) for v in row if v]
    if entries:
        exponents = [
            (v.numerator & -v.numerator).bit_length() - v.denominator.bit_length() for v in entries
        ]
    return min(exponents)


@BLOCKS
def test_integer_identities(block):
    rng = random.Random(300 + block)
    proved = 0
    for trial in range(TRIALS):
        case = Case(rng, rng.randint(1, 3), rng.choice(("integer", "big", "integer", "normal")))
        case.exact = [[Fraction(v) for v in row] for row in case.rows.tolist()]
        case.exact_g = [Fraction(v) for v in case.g.tolist()]
        grids = np.array([grid_of(row) for row in case.rows.tolist()])
        if rng.random() < 0.1:
            grids[rng.randrange(case.d)] = -9999  # a row that is not exact
        work = np.zeros((6, case.d + 2))
        if nonnegative_by_integers(
            case.g, grid_of(case.g.tolist()), float(np.abs(case.g).max()), case.sign, case.z,
            case.col_id, case.rows, grids, np.abs(case.rows).max(axis=1), case.d, work,
        ):  # fmt: skip
            proved += 1
            for k in range(case.d):  # rows that are not exact have taken no part
                if grids[k] == -9999:
                    case.exact[k] = [Fraction(0)] * case.d + [Fraction(1)]
            lowest = case.minimum()
            assert lowest is None or lowest >= 0, (trial, case.__dict__)
    assert proved > TRIALS // 20


def test_a_farkas_vector_that_only_looks_right():
    """A = [P; 1; -P], b = [-3P, -3, 3P], P = 2^53: in float64 (1, 1, 1) refutes A x <= b.

    y^T A = 0.0 and y^T b = -4.0 there; but x = -3 satisfies all three.
    """
    rows = np.array([[-P, 0, 0, -3 * P], [-1.0, 0, 0, -3.0], [P, 0, 0, 3 * P]])
    at = [Fraction(-3), Fraction(0), Fraction(0)]
    assert all(
        sum(Fraction(a) * x for a, x in zip(row, [*at, 1], strict=True)) >= 0
        for row in rows.tolist()
    )
    z, ids, low, high = np.ones(3), np.arange(3), np.full(3, -4.0), np.full(3, 4.0)
    for order in itertools.permutations(range(3)):
        turned = rows[list(order)]
        assert sum(turned[:, 0]) in (0.0, -1.0)  # the exact sum is -1
        for constant in (-3.5, -0.5, -1e-9, -4.0):
            g = np.array([0.0, 0.0, 0.0, constant])  # negative everywhere: nothing proves it
            bound = lower_bound_in_box(
                g, 0.0, abs(constant), 1, z, ids, turned, np.zeros((3, 1)),
                sizes(turned, low, high), low, high, 3,
            )  # fmt: skip
            assert bound <= constant
            bound = lower_bound_in_cell_box(
                g, np.zeros(4), 1, z, ids, turned, np.zeros((3, 4)), low, high, 3
            )
            assert bound <= constant
            assert not nonnegative_by_integers(
                g, grid_of(g.tolist()), abs(constant), 1, z, ids, turned,
                np.array([grid_of(row) for row in turned.tolist()]), np.abs(turned).max(axis=1),
                3, np.zeros((6, 5)),
            )  # fmt: skip
            T = np.vstack([np.zeros(3), np.eye(3)])
            bound = lower_bound_by_basis(
                g, np.zeros(4), 1, z, ids, turned, np.zeros((3, 4)), np.ones(3), T, 3,
                np.zeros((6, 5)),
            )  # fmt: skip
            assert bound <= constant


@BLOCKS
def test_strictly_positive(block):
    """At points next to the hyperplane, where rounding and bounds decide."""
    rng = random.Random(400 + block)
    accepted = 0
    for trial in range(4 * TRIALS):
        d, kind = rng.randint(1, 4), rng.choice(KINDS)
        row, error, exact = drawn_row(rng, d, kind, rng.choice((0.0, 1e-15, 1e-9)))
        x = [rng.gauss(0, 1) * rng.choice((1.0, 1e-8, 1e6)) for _ in range(d)]
        c = rng.randrange(d)
        if row[c] and abs(row[c]) > 1e-100:  # onto the hyperplane, then a few bits beside it
            rest = row[d] + sum(row[i] * x[i] for i in range(d) if i != c)
            x[c] = -rest / row[c] * (1 + rng.choice((0, 1e-16, -1e-15, 1e-12, -1e-9, 1e-5)))
        true = exact[d] + sum(a * Fraction(v) for a, v in zip(exact, x, strict=False))
        low = np.array([min(v, -v) for v in x])
        box_error = float(np.dot(error, [*map(abs, x), 1.0])) * (1 + 1e-9)
        size = float(sizes(np.array([row]), low, -low)[0])
        for proved in (
            strictly_positive(np.array(row), np.array(error), 0.0, True, np.array(x), d),
            strictly_positive(np.array(row), np.array([box_error]), size, False, np.array(x), d),
        ):
            accepted += proved
            assert not proved or true > 0, (trial, row, error, x)
    assert accepted > TRIALS
    for bad in (np.nan, np.inf, -np.inf):
        x = np.array([bad, 1.0])
        assert not strictly_positive(np.array([1.0, 1.0, 1.0]), np.zeros(3), 0.0, True, x, 2)


@BLOCKS
@pytest.mark.parametrize("coefficients", [False, True], ids=["box", "coefficients"])
def test_units_settled_by_a_box(block, coefficients):
    """A unit that the box test settles keeps its sign on the whole box, corners included."""
    rng = random.Random(500 + block)
    settled = 0
    for trial in range(TRIALS):
        d, n, kind = rng.randint(1, 3), rng.randint(1, 4), rng.choice(KINDS)
        low, high = boxes(rng, d)
        rows = [drawn_row(rng, d, kind, rng.choice((0.0, 1e-15, 1e-9))) for _ in range(n)]
        for row, error, exact in rows:
            if rng.random() < 0.5:  # let a corner lie next to the hyperplane
                corner = [rng.choice(ends) for ends in zip(low, high, strict=True)]
                row[d] = -sum(a * v for a, v in zip(row, corner, strict=False))
                row[d] *= 1 + rng.choice((0, 1e-16, -1e-15, 1e-9))
                error[d], exact[d] = 0.0, Fraction(row[d])
        infinite = coefficients and trial % 3 == 0
        if infinite:
            low[0], high[0] = rng.choice(((-np.inf, np.inf), (low[0], np.inf)))
        values, errors = np.array([r for r, _, _ in rows]), np.array([e for _, e, _ in rows])
        U, U_size = values.T.reshape(-1).copy(), np.zeros(n)
        U_error = errors.T.reshape(-1).copy()
        if not coefficients:
            reach = np.append(np.maximum(np.abs(low), np.abs(high)), 1.0)
            U_error, U_size = errors @ reach * (1 + 1e-9), sizes(values, low, high)
        P = problem(
            d, coefficients, layers={"n_mem": [n], "mem_at": [0], "unit_at": [0], "simple": [1]}
        )
        members = {"U": U, "error": U_error, "size": U_size}
        scratch = {"bottom": np.zeros(n), "top": np.zeros(n)}
        fresh = state(codes=np.full(n, 9), open_units=np.zeros(n), members=members, scratch=scratch)
        fresh.ctl[OPEN_END] = n
        end = settle_simple(P, given(fresh), True, low, high)
        # the same test for a list of units inside a layer
        again = state(codes=fresh.codes.copy(), open_units=[*range(n), *[0] * n], members=members)
        again.ctl[OPEN_END] = out = n
        if not infinite:
            out = settle_listed(P, given(again), low, high)
        for i in range(n):
            row, error, exact = rows[i]
            g_error = np.array(error) if coefficients else U_error[i : i + 1]
            single = sign_on_box(
                np.array(row), g_error, float(U_size[i]) if not coefficients else 0.0, low, high,
                d, coefficients,
            )  # fmt: skip
            claims = {single} - {2}
            if i not in fresh.open_units[:end].tolist():
                claims.add(1 if fresh.codes[i] == 1 else -1 if any(exact) else 0)
                settled += 1
            if not infinite and i not in again.open_units[n:out].tolist():
                claims.add(1 if again.codes[i] == 1 else -1)
            for claim in claims:
                if claim == 0:
                    assert not any(exact)
                    continue
                least = claim * exact[d]
                for c in range(d):
                    ends = [claim * exact[c] * Fraction(v) if np.isfinite(v) else None
                            for v in (low[c], high[c])]  # fmt: skip
                    if None in ends and exact[c] == 0:
                        continue
                    assert None not in ends, "a claim along an open side"
                    least += min(ends)
                assert least > 0, (trial, row, low, high)
    assert settled > TRIALS // 10
