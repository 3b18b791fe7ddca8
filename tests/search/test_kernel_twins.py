"""Every compiled kernel against a plain twin: dictionaries, LPs, rows with their error bounds.

Values are compared with NumPy, SciPy's HiGHS or Fractions; an error bound must cover the exact
distance of the computed row from the exact one, in rational arithmetic.
"""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from kernel_blocks import filled, problem
from scipy.optimize import linprog

from exactspline.rationals import bounded_floats
from exactspline.search.kernel import narrow_layer, simplex
from exactspline.search.kernel.block import given
from exactspline.search.kernel.layout import Entries, Members
from exactspline.search.kernel.rows import form_row, member_rows, state_rows

SEEDS = range(60)


# --- The simplex dictionary ------------------------------------------------------------------


def padded(rows: int) -> int:
    """Kernels work on full vectors: dictionaries have room for a multiple of LANES rows."""
    return -(-rows // simplex.LANES) * simplex.LANES


class Dictionary:
    """A cell {A x + b >= 0} as a dictionary at x = 0, all columns free; room for an objective."""

    def __init__(self, rng: np.random.Generator, d: int, m: int, bounded: bool) -> None:
        self.A, self.b = rng.normal(size=(m, d)), rng.uniform(0.1, 2, size=m)
        if bounded:
            self.A = np.vstack([self.A, np.eye(d), -np.eye(d)])
            self.b = np.append(self.b, np.full(2 * d, 3.0))
        self.d, self.m = d, len(self.b)
        self.cost = rng.normal(size=d)
        self.T = np.zeros((d + 1, padded(d + self.m + 2)))
        self.T[1:, :d] = np.eye(d)
        self.T[0, d : d + self.m], self.T[1:, d : d + self.m] = self.b, self.A.T
        self.T[1:, d + self.m] = self.cost
        self.col_id, self.row_id = -1 - np.arange(d), np.arange(self.m)

    def minimise(self, *, early: bool = False):
        status, m, column, direction, _ = simplex.minimise(
            self.T, self.d, self.m, self.d + self.m, self.col_id, self.row_id, early
        )
        self.m = m
        return status, column, direction

    @property
    def x(self) -> np.ndarray:
        return self.T[0, : self.d]

    def reference(self, cost: np.ndarray | None = None):
        cost = self.cost if cost is None else cost
        return linprog(cost, A_ub=-self.A, b_ub=self.b, bounds=(None, None), method="highs")


@pytest.mark.parametrize("seed", SEEDS)
def test_pivot(seed):
    rng = random.Random(seed)
    d, n = rng.randint(1, 5), rng.randint(6, 20)
    T = np.zeros((d + 1, padded(n)))
    T[:, :n] = [[rng.randint(-4, 4) for _ in range(n)] for _ in range(d + 1)]
    p, q = rng.randrange(n), rng.randint(1, d)
    T[q, p] = rng.choice((-2.0, -1.0, 1.0, 3.0))
    exact = [[Fraction(v) for v in column] for column in T.tolist()]
    # v_p = c_p + sum_k a_pk s_k is solved for s_q and put into every other row
    a = exact[q][p]
    solved = [Fraction(1) / a if k == q else -exact[k][p] / a for k in range(d + 1)]
    expected = [[Fraction(0)] * n for _ in range(d + 1)]
    for i in range(n):
        for k in range(d + 1):
            if i == p:
                expected[k][i] = solved[k]
            else:
                own = Fraction(0) if k == q else exact[k][i]
                expected[k][i] = own + exact[q][i] * solved[k]
    simplex.pivot(T, d, n, p, q)
    assert np.allclose(T[:, :n], np.array(expected, dtype=float), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("seed", SEEDS)
def test_minimise_finds_the_optimum(seed):
    rng = np.random.default_rng(seed)
    cell = Dictionary(rng, int(rng.integers(1, 7)), int(rng.integers(1, 20)), bounded=True)
    status, _, _ = cell.minimise()
    assert status == simplex.OPTIMAL
    best = cell.reference()
    assert best.status == 0
    assert cell.T[0, cell.d + cell.m] == pytest.approx(best.fun, rel=1e-7, abs=1e-7)
    assert cell.cost @ cell.x == pytest.approx(best.fun, rel=1e-7, abs=1e-7)
    assert np.all(cell.A @ cell.x + cell.b > -1e-8)
    # the dictionary tells which constraints are tight, and its multipliers prove the optimum
    assert np.allclose((cell.A @ cell.x + cell.b)[cell.col_id], 0, atol=1e-8)
    multipliers = cell.T[1:, cell.d + cell.m]
    assert np.all(multipliers >= -1e-8)
    assert np.allclose(multipliers @ cell.A[cell.col_id], cell.cost, atol=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_minimise_early_and_unbounded(seed):
    rng = np.random.default_rng(1000 + seed)
    cell = Dictionary(rng, int(rng.integers(1, 6)), int(rng.integers(1, 12)), bounded=False)
    early = bool(seed % 2)
    status, column, direction = cell.minimise(early=early)
    best = cell.reference()
    value = cell.T[0, cell.d + cell.m]
    if status == simplex.RAY:
        ray = cell.T[column, : cell.d] * direction
        assert np.all(cell.A @ ray > -1e-8)
        assert cell.cost @ ray < 0
        assert best.status != 0
    elif status == simplex.NEGATIVE:
        assert early
        assert value < 0
        assert np.all(cell.A @ cell.x + cell.b > -1e-8)
        assert best.status != 0 or best.fun <= value + 1e-8
    else:
        assert status == simplex.OPTIMAL
        assert value == pytest.approx(best.fun, abs=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_refactor_and_express(seed):
    """The dictionary recomputed from its basis is the one the pivots led to."""
    rng = np.random.default_rng(2000 + seed)
    cell = Dictionary(rng, int(rng.integers(1, 6)), int(rng.integers(2, 12)), bounded=True)
    cell.minimise()
    d, m = cell.d, cell.m
    rows = np.column_stack([cell.A, cell.b])
    scale = rng.uniform(0.5, 2, size=len(rows))
    again = np.zeros_like(cell.T)
    scratch = np.zeros((d, 2 * d))
    assert simplex.refactor(again, d, m, cell.col_id, cell.row_id, rows, scale, scratch)
    inverse = np.linalg.inv(cell.A[cell.col_id] * scale[cell.col_id, None])
    assert np.allclose(again[1:, :d].T, inverse, rtol=1e-7, atol=1e-7)
    assert np.allclose(again[0, :d], cell.x, atol=1e-7)
    # slack rows are scaled, and so are the columns' slacks
    per_column = np.append(1.0, scale[cell.col_id])
    ratio = scale[cell.row_id[:m]] / per_column[:, None]
    assert np.allclose(again[:, d : d + m], cell.T[:, d : d + m] * ratio, atol=1e-6)
    simplex.express(again, d, np.append(cell.cost, 0.5), 2.0, d + m)
    assert again[0, d + m] == pytest.approx(2 * (cell.cost @ cell.x + 0.5), abs=1e-7)
    assert np.allclose(again[1:, d + m], 2 * cell.cost @ inverse, atol=1e-7)
    rows[cell.col_id[0]] = rows[cell.col_id[-1]] * (2 if d > 1 else 0)  # singular now
    assert not simplex.refactor(again, d, m, cell.col_id, cell.row_id, rows, scale, scratch)


@pytest.mark.parametrize("seed", SEEDS)
def test_drop_redundant_keeps_the_cell(seed):
    rng = np.random.default_rng(3000 + seed)
    cell = Dictionary(rng, int(rng.integers(1, 5)), int(rng.integers(4, 16)), bounded=True)
    cell.minimise()
    kept = simplex.drop_redundant(cell.T, cell.d, cell.m, cell.row_id)
    left = {*cell.col_id.tolist(), *cell.row_id[:kept].tolist()}
    for i in set(range(len(cell.b))) - left:  # implied by those that are left
        rows = sorted(left)
        low = linprog(cell.A[i], A_ub=-cell.A[rows], b_ub=cell.b[rows], bounds=(None, None))
        assert low.status == 0
        assert low.fun + cell.b[i] > -1e-7


@pytest.mark.parametrize("seed", SEEDS)
def test_invert(seed):
    rng = np.random.default_rng(4000 + seed)
    n = int(rng.integers(1, 6))
    rows = rng.normal(size=(n, n + 1))
    inverse, work = np.zeros((n + 1, n)), np.zeros((n + 1, 2 * n + 2))
    assert narrow_layer._invert(rows, inverse, n, work)
    assert np.allclose(rows[:, :n] @ inverse[1:].T, np.eye(n), atol=1e-7)
    rows[0] = 2 * rows[-1] if n > 1 else 0
    assert not narrow_layer._invert(rows, inverse, n, work)


def test_coordinates_of_a_narrow_layer():
    """The active entries are unit vectors; inactive ones are zero, whatever stood there before."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        n, d = int(rng.integers(1, 7)), int(rng.integers(2, 5))
        zero = rng.random(n) < 0.5
        zero[d - 1 :] = True  # a frame is narrower than the space
        dim = int(np.sum(~zero))
        rows, errors = np.full((n, d + 1), 7.0), np.full((n, d + 1), 7.0)
        out_zero, index = np.zeros(n, dtype=np.bool_), np.full(n, 7)
        narrow_layer._seed(dim, n, zero, rows, errors, out_zero, index)
        expected = np.zeros((n, dim + 1))
        expected[np.flatnonzero(~zero), np.arange(dim)] = 1
        assert np.array_equal(out_zero, zero)
        assert np.array_equal(rows[:, : dim + 1], expected)
        assert not np.any(errors[:, : dim + 1])
        assert np.array_equal(index[~zero], np.arange(dim))
        assert np.all(index[zero] == narrow_layer.NONE)


# --- Rows with error bounds ------------------------------------------------------------------

KINDS = ("normal", "integer", "third", "tiny", "huge", "mixed")


def exact_number(rng: random.Random, kind: str) -> Fraction:
    if kind == "mixed":
        kind = rng.choice(KINDS[:-1])
    if rng.random() < 0.2:
        return Fraction(0)
    if kind == "integer":
        return Fraction(rng.randint(-3, 3))
    if kind == "third":
        return Fraction(rng.randint(-9, 9), 3)
    scale = {"normal": 1.0, "tiny": 1e-200, "huge": 1e100}[kind]
    return Fraction(rng.gauss(0, 1) * scale)


def stored(values: list[Fraction]) -> tuple[np.ndarray, np.ndarray]:
    """Rounded values with error bounds, as a problem stores exact numbers."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return bounded_floats(array)


class Rows:
    """Random rows with random bounds, and exact rows within the bounds: the forms they mean."""

    def __init__(self, rng: random.Random, n: int, d: int, kind: str, coefficients: bool,
                 reach: list[float], exact: bool) -> None:  # fmt: skip
        self.n, self.d, self.coefficients, self.reach = n, d, coefficients, reach
        self.value = np.zeros((n, d + 1))
        self.error = np.zeros((n, d + 1 if coefficients else 1))
        self.size = np.zeros(n)
        self.exact: list[list[Fraction]] = []
        weights = [*(Fraction(r) for r in reach), Fraction(1)]
        for i in range(n):
            row = [exact_number(rng, kind) for _ in range(d + 1)]
            self.value[i] = [float(v) for v in row]
            total = sum(
                abs(Fraction(v)) * w for v, w in zip(self.value[i].tolist(), weights, strict=True)
            )
            self.size[i] = float(total) * (1 + 1e-12)
            row = [Fraction(v) for v in self.value[i].tolist()]
            for c in range(d + 1):  # move the exact row, and let the bound cover the move
                move = Fraction(0)
                if not exact and rng.random() < 0.5:
                    move = row[c] * Fraction(rng.uniform(-1e-13, 1e-13))
                row[c] += move
                if coefficients:
                    self.error[i, c] = float(abs(move)) * (1 + 1e-12)
                else:
                    self.error[i, 0] += float(abs(move) * weights[c]) * (1 + 1e-12)
            self.exact.append(row)


def assert_covered(exact: list[Fraction], value, error, reach, coefficients: bool) -> None:
    """|computed - exact| is within the bound: a coefficient each, or over the whole box."""
    off = [abs(Fraction(v) - e) for v, e in zip(value, exact, strict=True)]
    if coefficients:
        assert all(o <= Fraction(b) for o, b in zip(off, error, strict=True)), (off, error)
    else:
        weights = [*(Fraction(r) for r in reach), Fraction(1)]
        assert sum(o * w for o, w in zip(off, weights, strict=True)) <= Fraction(error[0])


def columns(rows: np.ndarray) -> np.ndarray:
    """Rows as the members of a layer are stored: all first coefficients, and so on."""
    return np.ascontiguousarray(rows.T).reshape(-1).copy()


MODES = pytest.mark.parametrize("coefficients", [False, True], ids=["box", "coefficients"])


@MODES
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_dense", [True, False], ids=["dense", "sparse"])
def test_member_rows(kind, coefficients, is_dense):
    """u = W z + p: the bound covers rounding, underflow and the bounds of W, z and p."""
    rng = random.Random(f"{kind} {coefficients} {is_dense}")
    for trial in range(40):
        n_in, n_mem, d = rng.randint(1, 6), rng.randint(1, 5), rng.randint(1, 4)
        reach = [rng.choice((1e-12, 0.5, 1.0, 3.0, 1e9)) for _ in range(d)]
        promise = kind == "integer" and trial % 2 == 0  # no operation rounds
        state = Rows(rng, n_in, d, kind, coefficients, reach, promise)
        zero = np.array([not any(row) for row in state.exact])
        zero &= ~np.any(state.error, axis=1)
        W = [[exact_number(rng, kind) for _ in range(n_in)] for _ in range(n_mem)]
        p = [exact_number(rng, kind) for _ in range(n_mem)]
        bias, bias_error = stored(p)
        weight, weight_error = stored([W[i][j] for j in range(n_in) for i in range(n_mem)])
        start, row = np.arange(n_in + 1) * n_mem, np.tile(np.arange(n_mem), n_in)
        members = filled(
            Members, U=np.full((d + 1) * n_mem, np.nan),  # whatever stood there before
            error=np.full((d + 1 if coefficients else 1) * n_mem, np.nan),
            size=np.full(n_mem, np.nan),
        )  # fmt: skip
        entries = filled(Entries, Z=state.value, error=state.error, size=state.size, zero=zero)
        P = problem(
            d, coefficients, box={"reach": reach},
            layers={"n_in": [n_in], "n_mem": [n_mem], "mem_at": [0], "state_at": [0]},
            weights={
                "dense": [is_dense], "weight_at": [0], "column_at": [0],
                "has_error": [np.any(weight_error)], "weight": weight, "error": weight_error,
                "column_start": start, "column_row": row, "bias": bias, "bias_error": bias_error,
            },
        )  # fmt: skip
        member_rows(P, 0, given(entries), given(members), d, promise)
        U, U_error, U_size = members.U, members.error, members.size
        for i in range(n_mem):
            exact = [
                sum((W[i][j] * state.exact[j][c] for j in range(n_in)), Fraction(0))
                for c in range(d + 1)
            ]
            exact[d] += p[i]
            value, error = U[i::n_mem].tolist(), U_error[i::n_mem].tolist()
            assert_covered(exact, value, error, reach, coefficients)
            if promise:
                assert not any(error)
            if not coefficients:
                terms = zip(value, [*reach, 1.0], strict=True)
                assert sum(abs(Fraction(v)) * Fraction(r) for v, r in terms) <= Fraction(U_size[i])


@MODES
@pytest.mark.parametrize("kind", KINDS)
def test_state_rows(kind, coefficients):
    """slope * member + offset for every unit's piece, then the entries passed on."""
    rng = random.Random(f"{kind} {coefficients}")
    for _ in range(40):
        n_units, n_old, d = rng.randint(1, 5), rng.randint(1, 4), rng.randint(1, 4)
        reach = [rng.choice((1e-12, 0.5, 1.0, 3.0, 1e9)) for _ in range(d)]
        member = Rows(rng, n_units, d, kind, coefficients, reach, False)
        old = Rows(rng, n_old, d, kind, coefficients, reach, False)
        keep = np.array(rng.sample(range(n_old), rng.randint(0, n_old)), dtype=np.int64)
        pieces = 2 * n_units  # two a unit: a multiple of its member, or the member itself
        slope = [exact_number(rng, rng.choice(("third", kind))) for _ in range(pieces)]
        offset = [exact_number(rng, kind) if rng.random() < 0.4 else Fraction(0) for _ in slope]
        for k in range(1, pieces, 2):
            slope[k], offset[k] = Fraction(rng.choice((1, -1))), Fraction(0)
        slope_f, slope_e = stored(slope)
        offset_f, offset_e = stored(offset)
        codes = np.array([rng.randrange(2) for _ in range(n_units)], dtype=np.int32)
        n = n_units + len(keep)
        entries = filled(  # the state before, then that after
            Entries, zero=np.zeros(n_old + n),
            Z=np.concatenate([old.value, np.full((n, d + 1), 7.0)]),
            error=np.concatenate([old.error, np.full((n, old.error.shape[1]), 7.0)]),
            size=np.concatenate([old.size, np.full(n, 7.0)]),
        )  # fmt: skip
        members = filled(
            Members, U=columns(member.value), error=columns(member.error), size=member.size
        )
        P = problem(
            d, coefficients,
            layers={
                "n_units": [n_units], "n_mem": [n_units], "n_keep": [len(keep)], "mem_at": [0],
                "unit_at": [0], "piece_at": [0], "keep_at": [0], "state_at": [0, n_old],
            },
            weights={"keep": keep},
            units={
                "start": np.arange(n_units) * 2, "member": np.repeat(np.arange(n_units), 2),
                "slope": slope_f, "slope_error": slope_e, "offset": offset_f,
                "offset_error": offset_e,
            },
        )  # fmt: skip
        state_rows(P, codes, 1, given(members), given(entries), d)
        Z, Z_error = entries.Z[n_old:], entries.error[n_old:]
        Z_size, zero = entries.size[n_old:], entries.zero[n_old:]
        exact = []
        for k in range(n_units):
            at = 2 * k + int(codes[k])
            exact.append([slope[at] * v for v in member.exact[k]])
            exact[-1][d] += offset[at]
        exact += [old.exact[j] for j in keep]
        for k in range(n):
            # also where ``zero`` is set: later layers may pass the entry on
            assert_covered(exact[k], Z[k].tolist(), Z_error[k].tolist(), reach, coefficients)
            if zero[k]:
                assert not any(exact[k])
            elif not coefficients:
                terms = zip(Z[k].tolist(), [*reach, 1.0], strict=True)
                total = sum(abs(Fraction(v)) * Fraction(r) for v, r in terms)
                assert total <= Fraction(Z_size[k]) * (1 + Fraction(1, 10**9))


@MODES
@pytest.mark.parametrize("kind", KINDS)
def test_form_row(kind, coefficients):
    """u[plus] - u[minus] + shift, with -1 for what is not there."""
    rng = random.Random(f"{kind} {coefficients}")
    for trial in range(60):
        n, d = rng.randint(2, 4), rng.randint(1, 4)
        reach = [rng.choice((1e-12, 0.5, 1.0, 3.0, 1e9)) for _ in range(d)]
        promise = kind == "integer" and trial % 2 == 0
        member = Rows(rng, n, d, kind, coefficients, reach, promise)
        plus, minus = rng.choice(((0, 1), (1, 0), (0, -1), (-1, 1), (0, 0)))
        shift = Fraction(0) if rng.random() < 0.5 else exact_number(rng, kind)
        (shift_f,), (shift_e,) = stored([shift])
        g, g_error = np.zeros(d + 1), np.zeros(d + 1 if coefficients else 1)
        size = form_row(
            (plus, minus, float(shift_f), float(shift_e)), columns(member.value),
            columns(member.error), member.size, n, d, coefficients, promise, g, g_error,
        )  # fmt: skip
        nothing = [Fraction(0)] * (d + 1)
        first = member.exact[plus] if plus >= 0 else nothing
        second = member.exact[minus] if minus >= 0 else nothing
        if plus == minus:  # one and the same exact form: the zero form
            second = first
        exact = [a - b for a, b in zip(first, second, strict=True)]
        exact[d] += shift
        assert_covered(exact, g.tolist(), g_error.tolist(), reach, coefficients)
        if promise:
            assert not np.any(g_error)
        if not coefficients:
            terms = zip(g.tolist(), [*reach, 1.0], strict=True)
            total = sum(abs(Fraction(v)) * Fraction(r) for v, r in terms)
            assert total <= Fraction(size) * (1 + Fraction(1, 10**9))
