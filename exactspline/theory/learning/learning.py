"""Learning splines: max-affine regression, by convex programming or alternating assignment."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import LimitError, ParameterError, ShapeError, UndecidedError
from ...mode import guarded
from ...rationals import as_fractions, round_up
from ..common.spectral import square_root
from ..registry import exported

if TYPE_CHECKING:
    from ...network.maso import MASO

__all__ = ["MaxAffineFit", "fit_max_affine"]

_SMALL = 60  # samples up to which the convex program is solved by default: n^2 constraints
_MOST_CONVEX = 300
_MOST_EXACT = 400_000  # products of the exact error
_RESTARTS = 8
_STEPS = 100


@dataclass(frozen=True)
class MaxAffineFit:
    """A fitted max-affine spline and how far it is from the data.

    Attributes
    ----------
    maso : MASO
        K outputs; outputs with fewer pieces repeat their last one.
    rmse, max_error : float
        Root of the mean square and largest absolute difference of the MASO to the data, over
        all samples and outputs. Up to 400,000 products they are computed in rationals and rounded
        up once, so that 0.0 is exact and infinity is an error beyond float64; else in float64.
    least_rmse : float or None
        What no max-affine spline of any number of pieces can go below on these samples: the
        optimum of the convex program, to the solver's tolerance. None where it was not solved.
    method : str
        "convex", "alternating" or both, per output the last one that was used.
    pieces : tuple of int
        Distinct pieces of every output.
    predictions : float64 array, shape (n, K)
    """

    maso: MASO
    rmse: float
    max_error: float
    least_rmse: float | None
    method: str
    pieces: tuple[int, ...]
    predictions: np.ndarray

    def __str__(self) -> str:
        least = "" if self.least_rmse is None else f", at least {self.least_rmse:.6g} for any"
        return (
            f"max-affine fit ({self.method}): pieces {self.pieces}, root mean square error "
            f"{self.rmse:.6g}{least}, largest error {self.max_error:.6g}"
        )


@exported
@guarded
def fit_max_affine(
    X: Any, y: Any, pieces: int | None = None, *, method: str = "auto", seed: int = 0
) -> MaxAffineFit:
    """Fit a max-affine spline max_r <a_r, x> + b_r to data by least squares.

    Parameters
    ----------
    X : array_like, shape (n, D)
        Taken as float64, as y is.
    y : array_like, shape (n,) or (n, K)
        K outputs are fitted one by one.
    pieces : int, optional
        At most so many pieces an output; by default as many as the data ask for (the convex
        program only).
    method : {"auto", "convex", "alternating"}
        "convex": convex regression, the best of all convex functions on the samples, by a
        quadratic program with n^2 constraints (cvxpy); with fewer ``pieces`` than it finds, its
        pieces are grouped and the alternating fit goes on from there. "alternating": assign
        every sample to its largest piece, fit each piece, repeat, from several starts. "auto"
        takes the first for up to 60 samples.
    seed : int
        Of the random starts.

    Returns
    -------
    MaxAffineFit
        ``maso`` can be used as an operator of a network.

    Raises
    ------
    ShapeError, ParameterError
        For data that do not fit together, hold NaN, or an unknown method.
    LimitError
        For the convex program with over 300 samples.
    UndecidedError
        If the convex solver finds no solution, or slopes or offsets are beyond float64.

    Notes
    -----
    The convex program is solved to the solver's tolerance; the alternating fit finds a local
    optimum. The stated errors are those of the returned MASO, whatever the solver said.

    References
    ----------
    A. Magnani, S. Boyd, Convex piecewise-linear fitting, 2009; S. Boyd, L. Vandenberghe,
    Convex Optimization, section 6.5.5.

    Examples
    --------
    >>> fit = fit_max_affine([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], 2)
    >>> bool(fit.max_error < 1e-4), fit.pieces
    (True, (2,))
    """
    from ...network.maso import MASO

    points, values = _data(X, y)
    n, outputs = values.shape
    if pieces is not None and (isinstance(pieces, bool) or pieces != int(pieces) or pieces < 1):
        raise ParameterError(f"fit_max_affine: pieces {pieces!r}; give a whole number from 1 on")
    if method not in ("auto", "convex", "alternating"):
        raise ParameterError(
            f"fit_max_affine: method {method!r}; give 'auto', 'convex' or 'alternating'"
        )
    if method == "auto":
        method = "convex" if n <= _SMALL or pieces is None else "alternating"
    if method == "convex" and n > _MOST_CONVEX:
        raise LimitError(
            f"fit_max_affine: {n:,} samples make {n * n:,} constraints; give pieces and "
            "method='alternating'"
        )
    if method == "alternating" and pieces is None:
        raise ParameterError("fit_max_affine: the alternating fit needs the number of pieces")
    scale = _Scale(points)
    rng = np.random.default_rng(seed)
    found, least, used = [], Fraction(0), method
    units = _powers_of_two(values)
    for k in range(outputs):
        target = values[:, k] / units[k]
        if method == "convex":
            start, residual = _convex(scale.points, target)
            start = _distinct(start, scale.points)
            refined = _refined(scale.points, target, start)
            if pieces is None or len(refined) <= pieces:
                found.append(refined)
            else:
                used = "convex, then alternating"
                found.append(_alternating(scale.points, target, int(pieces), rng, start))
            # the solver's tolerance shows where a spline is better than its optimum
            smallest = min(residual, _squares(scale.points, target, found[-1]))
            least += Fraction(smallest) * Fraction(units[k]) ** 2
            continue
        assert pieces is not None
        found.append(_alternating(scale.points, target, int(pieces), rng, None))
    most = max(len(p) for p in found)
    stacked = np.stack([np.vstack([p, np.repeat(p[-1:], most - len(p), axis=0)]) for p in found])
    A, B = scale.back(stacked, units)
    if not (np.all(np.isfinite(A)) and np.all(np.isfinite(B))):
        raise UndecidedError("fit_max_affine: the slopes are beyond float64; rescale the data")
    maso = MASO(A, B)
    rmse, largest = _errors(maso, points, values)
    return MaxAffineFit(
        maso, rmse, largest, _root(least / values.size) if method == "convex" else None,
        used, tuple(len(p) for p in found), np.asarray(maso.forward(points)),
    )  # fmt: skip


def _data(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    try:
        points, values = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ParameterError(f"fit_max_affine: the data are no float64 ({error})") from None
    if values.ndim == 1:
        values = values[:, None]
    if points.ndim != 2 or values.ndim != 2 or len(points) != len(values) or not values.size:
        raise ShapeError(
            f"fit_max_affine: X of shape {points.shape} and y of shape {np.shape(y)} do not "
            "fit; give (n, D) and (n,) or (n, K), n at least 1"
        )
    if points.shape[1] == 0 or not (np.all(np.isfinite(points)) and np.all(np.isfinite(values))):
        raise ParameterError("fit_max_affine: the data hold NaN, infinities or no inputs")
    return points, values


def _powers_of_two(values: np.ndarray) -> np.ndarray:
    """Per column a power of two as large as its largest entry, so that no square vanishes."""
    _, exponents = np.frexp(np.abs(values).max(axis=0))
    return np.ldexp(1.0, exponents - 1)


class _Scale:
    """Inputs moved and stretched to mean 0 and size 1, so that solvers meet tame numbers."""

    def __init__(self, points: np.ndarray) -> None:
        self.unit = _powers_of_two(points)
        tame = points / self.unit
        self.shift = tame.mean(axis=0)
        spread = tame.std(axis=0)
        self.size = np.where(spread > 0, spread, 1.0)
        self.points = (tame - self.shift) / self.size

    def back(self, pieces: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Slopes and offsets over the inputs themselves, from (K, R, D + 1), offset last.

        The values of output k are multiplied by ``units[k]``.
        """
        A = pieces[..., :-1] / self.size
        B = pieces[..., -1] - A @ self.shift
        with np.errstate(over="ignore", under="ignore"):
            # the exponents are added first: one factor alone may be beyond float64
            powers = np.frexp(units)[1][:, None] - np.frexp(self.unit)[1]
            return np.ldexp(A, powers[:, None, :]), B * units[:, None]


def _convex(points: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Convex regression: a piece a sample, (n, D + 1), and the sum of squares."""
    import cvxpy

    n, d = points.shape
    size = float(np.abs(target).max()) or 1.0
    heights, slopes = cvxpy.Variable(n), cvxpy.Variable((n, d))
    i, j = np.nonzero(~np.eye(n, dtype=bool))
    # the plane at sample i lies below sample j
    limits = []
    if len(i):
        rise = cvxpy.sum(cvxpy.multiply(slopes[i], points[j] - points[i]), axis=1)
        limits = [heights[j] >= heights[i] + rise]
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(heights - target / size)), limits)
    if not _solved(problem):
        raise UndecidedError(
            f"fit_max_affine: the convex program ended as {problem.status}; rescale the data"
        )
    g = np.asarray(heights.value) * size
    a = np.asarray(slopes.value) * size if limits else np.zeros((n, d))
    offsets = g - np.einsum("ij,ij->i", a, points)
    return np.column_stack([a, offsets]), float(np.sum((g - target) ** 2))


_TIGHT = {"tol_gap_abs": 1e-14, "tol_gap_rel": 1e-12, "tol_feas": 1e-11}


def _solved(problem: Any) -> bool:
    """Solve a convex program as well as the solver can; what it finds is measured anyway."""
    import cvxpy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "may be inaccurate": the errors are computed anew
        for options in (_TIGHT, {}):
            try:
                problem.solve(solver=cvxpy.CLARABEL, **options)
            except cvxpy.error.SolverError:
                continue
            if problem.status in (cvxpy.OPTIMAL, cvxpy.OPTIMAL_INACCURATE):
                return True
    return False


def _joint(points: np.ndarray, target: np.ndarray, assigned: np.ndarray) -> np.ndarray | None:
    """The best pieces for fixed labels of the samples, none above the one that is assigned.

    A quadratic program; in it pieces with few samples do not rise above the others' samples.
    """
    import cvxpy

    size = float(np.abs(target).max()) or 1.0
    lifted = np.column_stack([points, np.ones(len(points))])
    used = np.unique(assigned)
    variable = cvxpy.Variable((len(used), lifted.shape[1]))
    labels = np.searchsorted(used, assigned)
    own = cvxpy.sum(cvxpy.multiply(lifted, variable[labels]), axis=1)
    limits = [lifted @ variable[r] <= own for r in range(len(used))]
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(own - target / size)), limits)
    return np.asarray(variable.value) * size if _solved(problem) else None


def _distinct(pieces: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Pieces that matter: no two that agree at the samples to 1e-5 of the values' range.

    A tolerance in the choice of pieces only: the stated error is that of what is returned.
    """
    at = points @ pieces[:, :-1].T + pieces[:, -1]
    top = at.max(axis=1)
    span = float(np.ptp(top)) or 1.0
    kept: list[int] = []
    for r in np.argsort(-(at >= top[:, None] - 1e-6 * span).sum(axis=0), kind="stable").tolist():
        covered = at[:, kept].max(axis=1) if kept else np.full(len(points), -np.inf)
        if np.any(at[:, r] > covered + 1e-5 * span):
            kept.append(r)
    return pieces[sorted(kept)]


def _squares(points: np.ndarray, target: np.ndarray, pieces: np.ndarray) -> float:
    values = points @ pieces[:, :-1].T + pieces[:, -1]
    return float(((values.max(axis=1) - target) ** 2).sum())


def _refined(points: np.ndarray, target: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The pieces fitted anew to the samples that they are largest at, as long as that helps."""
    lifted = np.column_stack([points, np.ones(len(points))])
    best, error = start, _squares(points, target, start)
    for _ in range(_STEPS):
        following = _fit(lifted, target, (lifted @ best.T).argmax(axis=1), len(best))
        smaller = _squares(points, target, following)
        if not smaller < error:
            break
        best, error = following, smaller
    return np.asarray(best[np.unique((lifted @ best.T).argmax(axis=1))])


def _alternating(
    points: np.ndarray, target: np.ndarray, pieces: int, rng: np.random.Generator,
    start: np.ndarray | None,
) -> np.ndarray:  # fmt: skip
    """The best of several alternating fits, (pieces, D + 1)."""
    n = len(points)
    lifted = np.column_stack([points, np.ones(n)])
    best, best_error = None, math.inf
    labels = []
    if start is not None:
        labels.append(_grouped(start, lifted, pieces, rng))
    for _ in range(_RESTARTS):
        centres = points[rng.choice(n, size=min(pieces, n), replace=False)]
        distances = ((points[:, None, :] - centres[None]) ** 2).sum(axis=2)
        labels.append(distances.argmin(axis=1))
    for assigned in labels:
        if start is not None:  # few samples
            joint = _joint(points, target, assigned)
            if joint is not None and _squares(points, target, joint) < best_error:
                best, best_error = joint, _squares(points, target, joint)
        fitted = _fit(lifted, target, assigned, pieces)
        for _ in range(_STEPS):
            values = lifted @ fitted.T
            error = float(((values.max(axis=1) - target) ** 2).sum())
            if error < best_error:
                best, best_error = fitted, error
            following = values.argmax(axis=1)
            if np.array_equal(following, assigned):
                break
            assigned = following
            fitted = _fit(lifted, target, assigned, pieces)
    assert best is not None
    used = np.unique((lifted @ best.T).argmax(axis=1))
    return np.asarray(best[used])


def _fit(lifted: np.ndarray, target: np.ndarray, assigned: np.ndarray, pieces: int) -> np.ndarray:
    """Least squares of every piece on its samples; pieces without samples are never largest."""
    d = lifted.shape[1]
    out = np.zeros((pieces, d))
    out[:, -1] = -np.inf
    ridge = 1e-9 * np.eye(d)
    for r in range(pieces):
        mine = assigned == r
        if np.any(mine):
            Z = lifted[mine]
            out[r] = np.linalg.solve(Z.T @ Z + ridge, Z.T @ target[mine])
    present = np.isfinite(out[:, -1])
    return out[present]


def _grouped(
    start: np.ndarray, lifted: np.ndarray, pieces: int, rng: np.random.Generator
) -> np.ndarray:
    """Labels of the samples: the convex program's pieces grouped by k-means."""
    centres = start[rng.choice(len(start), size=pieces, replace=False)]
    for _ in range(30):
        near = ((start[:, None, :] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        centres = np.stack([
            start[near == r].mean(axis=0) if np.any(near == r) else centres[r]
            for r in range(pieces)
        ])  # fmt: skip
    return np.asarray(near[(lifted @ start.T).argmax(axis=1)])


def _errors(maso: MASO, points: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Root mean square and largest error of a MASO, exactly where that is quick."""
    if points.size * maso.A.shape[0] * maso.A.shape[1] > _MOST_EXACT:
        gaps = np.abs(np.asarray(maso.forward(points), dtype=np.float64) - values)
        top = float(gaps.max())
        if top == 0 or not math.isfinite(top):
            return top, top
        return top * math.sqrt(np.mean((gaps / top) ** 2)), top
    exact = maso.forward(as_fractions(points)) - as_fractions(values)
    squares = sum((v * v for v in exact.reshape(-1).tolist()), Fraction(0))
    largest = max(abs(v) for v in exact.reshape(-1).tolist())
    return _root(squares / values.size), round_up(largest)


def _root(square: Fraction) -> float:
    """A float64 at or above the square root of a rational, and close to it."""
    return round_up(square_root(square, square)[1])
