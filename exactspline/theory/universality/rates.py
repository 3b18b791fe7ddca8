"""Check 19, on grid tangents: R of them leave R^(-2/D) where f is smooth, R^(-1/D) where it is not.

Functions of the first kind are one function for all R. For the second kind the function depends on
R: a cone max(r, |x - q|) whose tip, cut off at a height r just below the distance to the nearest
centre, no tangent sees.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from ...domain import Box
from ...mode import guarded
from ..common.region_maps import dot
from ..registry import check
from ..report import Report, Statement
from .tangents import GridTangents, grid_tangents

__all__ = ["check_tangent_rates", "flat_cone"]

_NEAR = Fraction(9, 10)
_FEW = {1: (2, 4, 8, 16), 2: (2, 4, 8), 3: (1, 2)}  # tangents an axis


class Case(NamedTuple):
    """A function on a box: its approximation with n tangents an axis, and the expected rate.

    ``share`` is how much of the proved error is reached at least.
    """

    approximate: Callable[[int], GridTangents]
    counts: tuple[int, ...]
    power: int  # of R^(-power / D)
    share: Fraction


def flat_cone(dim: int, cells: int) -> Callable[[Any], Any]:
    """max(r, max-norm of x) on [-1, 1]^dim with r = 9/10 of the half side of a cell.

    The Lipschitz constant is 1. For even ``cells`` the tip is a corner of cells, and no centre of
    them lies where the function is flat.

    Examples
    --------
    >>> flat_cone(2, 2)((Fraction(1, 2), Fraction(-1)))
    (Fraction(1, 1), [0, -1])
    """
    r = Fraction(9, 10) / cells

    def cone(x: Any) -> tuple[Fraction, list[int]]:
        j = max(range(dim), key=lambda k: abs(x[k]))
        if abs(x[j]) <= r:
            return r, [0] * dim
        return abs(x[j]), [(1 if x[j] > 0 else -1) if k == j else 0 for k in range(dim)]

    return cone


def _square(x: Any) -> tuple[Fraction, list[Fraction]]:
    return dot(x, x), [2 * v for v in x]


def _cases() -> dict[str, Case]:
    import sympy

    x, y = sympy.symbols("x y", real=True)
    bowl = sympy.log(sympy.exp(x) + sympy.exp(-x) + sympy.exp(y) + sympy.exp(-y))
    out = {
        f"|x|^2 in R^{d}": Case(
            lambda n, d=d: grid_tangents(  # type: ignore[misc]
                _square, Box([-1] * d, [1] * d), n, curvature=2
            ), _FEW[d], 2, Fraction(1),
        )
        for d in (1, 2, 3)
    }  # fmt: skip
    out["log-sum-exp in R^2"] = Case(
        lambda n: grid_tangents(bowl, Box([-1] * 2, [1] * 2), n), _FEW[2], 2, Fraction(2, 5)
    )
    for d in (1, 2):
        out[f"cones in R^{d}, slopes alone bounded"] = Case(
            lambda n, d=d: grid_tangents(  # type: ignore[misc]
                flat_cone(d, n), Box([-1] * d, [1] * d), n, lipschitz=1
            ), (4, 8, 16), 1, Fraction(3, 10),
        )  # fmt: skip
    return out


def _found(case: Case) -> Iterator[tuple[int, Fraction, Fraction]]:
    """Tangents, the proved error, and the largest one at the vertices of the spline's regions."""
    for n in case.counts:
        found = case.approximate(n)
        yield found.pieces, found.error, found.gap()


@check(number=19, name="tangent rates", needs_network=False)
@guarded
def check_tangent_rates(*, factor: Any = 1) -> Report:
    """Check the errors of grid tangents: as proved, as large as that, and falling at their rate.

    Parameters
    ----------
    factor : number
        What the proved errors are multiplied by before they are compared: 1 by default.

    Returns
    -------
    Report
        ``details`` has R, the proved error and the largest one, function by function. Each
        largest error is at most the proved one and at least a share of it; and it falls like
        R^(-2/D) or R^(-1/D) from each R to the next, to a tenth, the proved one at least so.

    Notes
    -----
    About three seconds.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018; for the rates Gruber,
    "Aspects of approximation of convex bodies", Handbook of Convex Geometry, 1993.

    Examples
    --------
    >>> check_tangent_rates().verdict
    'holds'
    """
    details: dict[str, Any] = {}
    checked, wrong, reason = 0, None, ""
    for name, case in _cases().items():
        found = [(n, Fraction(factor) * error, gap) for n, error, gap in _found(case)]
        checked += len(found)
        details[name] = [
            {"R": n, "error at most": float(error), "largest": float(gap)}
            for n, error, gap in found
        ]
        for n, error, gap in found:
            wrong = {"function": name, "R": n, "proved": error, "largest": gap}
            if gap > error:
                reason = f"{name}: the error is above the proved bound"
                break
            if gap < case.share * error:
                reason = f"{name}: the error is far below the proved bound"
                break
        else:
            wrong = None
            for k, (n, other) in enumerate(itertools.pairwise(case.counts)):
                rate = Fraction(other, n) ** case.power  # R is n^D: so much is R^(power / D)
                proved, largest = (found[k][i] / found[k + 1][i] for i in (1, 2))
                if proved < rate * _NEAR or not rate * _NEAR <= largest <= rate / _NEAR:
                    reason = f"{name}: the error does not fall at its rate"
                    wrong = {"function": name, "tangents an axis": [n, other],
                             "falls by": largest, "proved one by": proved}  # fmt: skip
                    break
        if wrong is not None:
            break
    return Statement(
        "check_tangent_rates",
        "The maximum of R = n^D grid tangents is below a convex function by at most "
        "L |h|^2 / 2 = O(R^(-2/D)) if its Hessian is at most L, and by at most 2 L |h| = "
        "O(R^(-1/D)) if only its slopes are at most L; h are the cells' half sides.",
        "Taylor's formula; for the rates Gruber, Aspects of approximation of convex bodies, 1993",
        (
            "the bound by construction, cell by cell",
            "the error at the vertices of the spline's regions, where it is largest",
        ),
        "splines",
    ).report(wrong, reason, checked=checked, details=details)
