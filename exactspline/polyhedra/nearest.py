"""Points of a polyhedron that are best in some sense: the deepest, and the nearest to a point.

Solvers in float64 guess; what they say is checked, and where that can be done proved, in
rationals. Rows are lists of rationals, constant first, over the coordinates t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import flint
import numpy as np

from ..errors import UndecidedError
from ..rationals import fraction, nearest_float, root_of
from .guessed_lp import FEW, Guide
from .linear import rank_of, solved
from .lp import ONE, ZERO, Point, Row, float_of, minimise, q, value_at

__all__ = ["deepest_point", "floats_of_row", "is_subspace_at_infinity", "nearest_point"]

_FAR = 1e7  # half-spaces further away than so many lengths are moved nearer, for the solver
_MOST_EXACT = 60  # dimensions in which the nearest point is proved


def is_subspace_at_infinity(rows: Sequence[Row], dim: int) -> bool:
    """Whether the recession cone {v : slope of every row along v >= 0} is a linear subspace."""
    guess = _guess_at_infinity(rows, dim)
    if guess is not None:
        return guess == "subspace"
    slopes = [[ZERO, *row[1:]] for row in rows]
    total = [-sum((row[c] for row in slopes), ZERO) for c in range(dim + 1)]
    best = minimise(slopes, total, [ZERO] * dim, stop_below=ZERO)
    return best.value is not None and best.value >= 0


def _guess_at_infinity(rows: Sequence[Row], dim: int) -> str | None:
    """What the recession cone is, if a guess by HiGHS can be proved: with "interior" or not.

    Either a direction strictly into all rows, or multipliers by which the sum of all slopes is
    <= 0 on the cone: it is a "subspace" then.
    """
    if dim <= FEW or not rows:
        return None
    sizes = [max(abs(c) for c in row[1:]) for row in rows]
    slopes = [[ZERO, *(c / s for c in row[1:])] for row, s in zip(rows, sizes, strict=True)]
    guide = Guide([[ONE, *row[1:]] for row in slopes], [ZERO] * dim)
    ray = guide.deepest()
    if ray is not None and all(value_at(row, ray) > 0 for row in slopes):
        return "interior"
    total = [-sum((row[c] for row in slopes), ZERO) for c in range(dim + 1)]
    return "subspace" if _combines(slopes, total, guide.basis_of_sum()) else None


def _combines(rows: Sequence[Row], form: Row, basis: Sequence[int]) -> bool:
    """Whether a form is a nonnegative combination of the given rows, as many as dimensions."""
    if len(basis) != len(form) - 1:
        return False
    matrix = flint.fmpq_mat([[rows[i][c + 1] for i in basis] for c in range(len(basis))])
    multipliers = solved(matrix, form[1:])
    return multipliers is not None and all(z >= 0 for z in multipliers)


def _has_interior_at_infinity(rows: Sequence[Row], dim: int) -> bool:
    """Whether some direction is strictly into every row: there are balls of any size."""
    guess = _guess_at_infinity(rows, dim)
    if guess is not None:
        return guess == "interior"
    slopes = [[ZERO, *row[1:], -ONE] for row in rows]
    slopes.append([ONE, *[ZERO] * dim, -ONE])
    best = minimise(slopes, [ZERO] * (dim + 1) + [-ONE], [ZERO] * (dim + 1), stop_below=ZERO)
    return best.value is None or best.value < 0


def floats_of_row(row: Row) -> tuple[float, list[float]]:
    """A row in float64 with its largest coefficient scaled to 1, every number rounded once."""
    size = max((abs(c) for c in row[1:]), default=ONE) or ONE
    constant, *coefficients = (float_of(c / size) for c in row)
    return constant, coefficients


def _unit_normals(rows: Sequence[Row]) -> tuple[np.ndarray, list[flint.fmpq], np.ndarray]:
    """Normals of length 1 in float64; per row its largest coefficient, and the rest's length."""
    sizes = [max(abs(c) for c in row[1:]) for row in rows]
    normals = np.array(
        [[float_of(c / size) for c in row[1:]] for row, size in zip(rows, sizes, strict=True)]
    )
    lengths = np.sqrt(np.sum(normals**2, axis=1))
    return normals / lengths[:, None], sizes, lengths


def _distances(
    rows: Sequence[Row], at: Point, sizes: Sequence[flint.fmpq], lengths: np.ndarray
) -> np.ndarray:
    values = [float_of(value_at(r, at) / s) for r, s in zip(rows, sizes, strict=True)]
    return np.array(values) / lengths


def deepest_point(rows: Sequence[Row], inside: Point) -> tuple[np.ndarray, float]:
    """Centre and radius of a largest ball {t : |t - centre| <= radius} in {rows >= 0}.

    Parameters
    ----------
    rows : sequence of rows
        None is constant.
    inside : point
        Strictly inside.

    Returns
    -------
    centre : float64 array
    radius : float
        The ball is inside, provably; that there is no larger one is the solver's word. It is
        infinite, provably, where there are balls of any size.

    Raises
    ------
    UndecidedError
        If the set holds no float64 point that could be found.
    """
    dim = len(inside)
    centre = np.array([float_of(v) for v in inside])
    endless = _has_interior_at_infinity(rows, dim)
    if endless and _radius(rows, centre) > 0:
        return centre, math.inf
    from scipy.optimize import linprog

    normals, sizes, lengths = _unit_normals(rows)
    best = _radius(rows, centre)
    at, unit = list(inside), 0.0
    slow = 0
    while slow < 8:  # again from where the last one ended: for cells of very uneven width
        distances = _distances(rows, at, sizes, lengths)
        unit = max(float(distances.min()), unit, math.ulp(0.0))
        with np.errstate(over="ignore"):
            reach = np.minimum(distances / unit, _FAR)
        found = linprog(
            np.concatenate([np.zeros(dim), [-1.0]]),
            A_ub=np.hstack([-normals, np.ones((len(rows), 1))]), b_ub=reach,
            bounds=[(-_FAR, _FAR)] * dim + [(0, _FAR)],
        )  # fmt: skip
        if found.x is None:
            break
        with np.errstate(over="ignore"):  # beyond the range is found below
            trial = np.array([float_of(v) for v in at]) + unit * found.x[:dim]
        radius = _radius(rows, trial) if np.all(np.isfinite(trial)) else -1.0
        if radius <= best:
            if best > 0 or unit >= float(distances.max()) / _FAR:
                break
            unit *= _FAR  # from a point so near a side the steps may be lost in rounding
            continue
        grown, best, centre, unit = radius / best if best > 0 else math.inf, radius, trial, 0.0
        at = [q(float(v)) for v in trial]
        if grown <= 1.001:
            break
        slow += grown < 1000
    if best <= 0:
        raise UndecidedError(
            "chebyshev_center: no float64 point strictly inside the region was found; it is "
            "too thin for float64, or beyond its range. Its witness and inequalities are exact"
        )
    return centre, math.inf if endless else best


def _radius(rows: Sequence[Row], centre: np.ndarray) -> float:
    """The largest radius of a ball around a point, rounded down; -1 outside."""
    at = [q(float(v)) for v in centre]
    least = None
    for row in rows:
        value = value_at(row, at)
        if value <= 0:
            return -1.0
        square = value * value / sum((c * c for c in row[1:]), ZERO)
        least = square if least is None else min(least, square)
    if least is None:
        return math.inf
    return _root_down(fraction(least))


def _root_down(square: Fraction) -> float:
    """The square root of a positive rational of any size, rounded down."""
    root = root_of(square, 64)
    out = nearest_float(root)
    return out if Fraction(out) <= root else math.nextafter(out, 0.0)


def nearest_point(
    rows: Sequence[Row], inputs: Sequence[Row], x: Sequence[flint.fmpq], inside: Point
) -> tuple[Point | None, np.ndarray]:
    """The point of {rows >= 0} whose image is nearest to x in the Euclidean norm.

    Parameters
    ----------
    rows : sequence of rows
        None is constant.
    inputs : sequence of rows
        The image of t, injective.
    x : sequence of fmpq
    inside : point
        Strictly inside.

    Returns
    -------
    exact : point or None
        Proved by its multipliers; None if the solver's guess could not be made exact.
    near : float64 array
        The solver's point.

    Raises
    ------
    UndecidedError
        If the solver gives no answer.
    """
    import cvxpy as cp

    gap = [value_at(row, inside) - v for row, v in zip(inputs, x, strict=True)]
    start = np.array([float_of(v) for v in inside])
    if not any(gap):
        return list(inside), start
    unit = max(abs(v) for v in gap)
    s = cp.Variable(len(inside))
    moved = np.array([[float_of(c) for c in row[1:]] for row in inputs])
    target = np.array([float_of(v / unit) for v in gap])
    walls = []
    if rows:
        normals, sizes, lengths = _unit_normals(rows)
        reach = _distances(rows, inside, [size * unit for size in sizes], lengths)
        walls = [normals @ s + np.minimum(reach, _FAR) >= 0]
    problem = cp.Problem(cp.Minimize(cp.sum_squares(moved @ s + target)), walls)
    try:
        problem.solve(solver=cp.CLARABEL)
    except cp.error.SolverError as error:
        raise UndecidedError(f"project: the solver gave no answer ({error})") from None
    if s.value is None:
        raise UndecidedError(f"project: the solver gave no answer (status {problem.status})")
    with np.errstate(over="ignore", invalid="ignore"):  # the caller checks
        near = start + float_of(unit) * s.value
    if len(inside) > _MOST_EXACT:
        return None, near
    duals = np.asarray(walls[0].dual_value).reshape(-1) if walls else np.zeros(0)
    strong = np.flatnonzero(duals > 1e-4 * duals.max(initial=0.0))
    active = strong[np.argsort(-duals[strong], kind="stable")].tolist()
    return _proved_nearest(rows, inputs, x, active), near


def _proved_nearest(
    rows: Sequence[Row], inputs: Sequence[Row], x: Sequence[flint.fmpq], active: list[int]
) -> Point | None:
    """The nearest point, from a guess of the rows that hold it back; None if that is too far off.

    A row that would have to pull is dropped and one that is violated added, a few times. The
    conditions of Karush, Kuhn and Tucker hold exactly in the end; they are sufficient.
    """
    for _ in range(4 + 2 * len(inputs[0])):
        solved = _stationary(rows, inputs, x, active)
        if solved is None:
            return None
        t, forces = solved
        if forces and min(forces.values()) < 0:
            active = [i for i, force in forces.items() if force >= 0]
            continue
        lacking = [(value_at(row, t), i) for i, row in enumerate(rows)]
        worst = min(lacking, default=(ZERO, -1))
        if worst[0] >= 0:
            return t
        active = [worst[1], *forces]
    return None


def _stationary(
    rows: Sequence[Row], inputs: Sequence[Row], x: Sequence[flint.fmpq], active: list[int]
) -> tuple[Point, dict[int, flint.fmpq]] | None:
    """The point nearest to x where independent ones of some rows vanish, and the rows' forces."""
    dim = len(inputs[0]) - 1
    chosen: list[int] = []
    for i in active:  # linearly independent ones
        trial = [rows[j][1:] for j in (*chosen, i)]
        if len(chosen) < dim and rank_of(trial) == len(trial):
            chosen.append(i)
    P = flint.fmpq_mat([row[1:] for row in inputs])
    gap = flint.fmpq_mat([[v - row[0]] for v, row in zip(x, inputs, strict=True)])
    gram, right = P.transpose() * P, P.transpose() * gap
    m = len(chosen)
    system = [
        [gram[a, b] for b in range(dim)] + [-rows[i][a + 1] for i in chosen] for a in range(dim)
    ] + [[*rows[i][1:], *[ZERO] * m] for i in chosen]
    values = [right[a, 0] for a in range(dim)] + [-rows[i][0] for i in chosen]
    solution = solved(flint.fmpq_mat(system), values)
    if solution is None:
        return None
    return solution[:dim], dict(zip(chosen, solution[dim:], strict=True))
