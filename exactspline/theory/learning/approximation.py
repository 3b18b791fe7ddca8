"""Check 10: convex operators by MASOs and others by ASOs, as closely as one likes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from ...domain import Box
from ...errors import UnsupportedOperatorError
from ...mode import guarded
from ...network.activations import ScalarSpline
from ...network.affine import Dense
from ...network.maso import MASO
from ...network.network import Network
from ...network.operator import Operator
from ...network.smooth import Sigmoid, Softplus, Tanh
from ...rationals import as_fractions, root_of
from ..registry import check
from ..report import SPLINE_THEORY, Report, Statement

__all__ = ["check_approximation", "norm_maso", "squared_norm_maso"]

_ERRORS = (Fraction(1, 10), Fraction(1, 100), Fraction(1, 1000), Fraction(1, 10_000))
_SIDE = 8  # scalar functions are approximated on [-8, 8]
_BITS = 192


def norm_maso(steps: int) -> MASO:
    """The Euclidean norm of R^2 from below: the largest <u, x> over 4 ``steps`` unit vectors.

    Rational unit vectors ((1 - t^2) / (1 + t^2), 2 t / (1 + t^2)), t = i / steps, and their
    quarter turns. The error at x is at most (1 - cos(half the largest angle)) |x|.

    Examples
    --------
    >>> norm_maso(1).evaluate([3, -4]).tolist()
    [Fraction(4, 1)]
    """
    vectors = _unit_vectors(steps)
    A = np.array([[list(u) for u in vectors]], dtype=object)
    return MASO(A)


def _unit_vectors(steps: int) -> list[tuple[Fraction, Fraction]]:
    """In the order of their angles, from 0 on."""
    quarter = []
    for i in range(steps):
        t = Fraction(i, steps)
        quarter.append(((1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)))
    out = list(quarter)
    for _ in range(3):
        quarter = [(-y, x) for x, y in quarter]
        out += quarter
    return out


def squared_norm_maso(dim: int, cells: int) -> MASO:
    """|x|^2 on [-1, 1]^dim from below: tangents at the centres of ``cells`` ^ dim equal cubes.

    2 <p, x> - |p|^2 = |x|^2 - |x - p|^2, so the error is the squared distance to the nearest
    centre: at most dim / cells^2.

    Examples
    --------
    >>> squared_norm_maso(1, 2).evaluate([1]).tolist()
    [Fraction(3, 4)]
    """
    line = [Fraction(2 * i + 1, cells) - 1 for i in range(cells)]
    centres = list(itertools.product(line, repeat=dim))
    A = np.array([[[2 * v for v in p] for p in centres]], dtype=object)
    B = np.array([[-sum((v * v for v in p), Fraction(0)) for p in centres]], dtype=object)
    return MASO(A, B)


def _stationary(operator: Operator, slope: Any) -> list[Any]:
    """Where a function's derivative equals a slope: closed formulas in ball arithmetic."""
    import flint

    one = flint.arb(1)
    if isinstance(operator, Softplus):  # the derivative is the sigmoid
        return [(slope / (one - slope)).log()] if 0 < slope < 1 else []
    if isinstance(operator, Tanh):
        if not 0 < slope < 1:
            return []
        root = (one - slope).sqrt()
        return [((one + s * root) / (one - s * root)).log() / 2 for s in (1, -1)]
    if not 0 < 4 * slope < 1:
        return []
    root = (one - 4 * slope).sqrt()
    return [((one + s * root) / (one - s * root)).log() for s in (1, -1)]


def _function(operator: Operator, x: Any) -> Any:
    if isinstance(operator, Softplus):
        return (1 + x.exp()).log()
    if isinstance(operator, Tanh):
        return x.tanh()
    return 1 / (1 + (-x).exp())


def _sup(operator: Operator, spline: ScalarSpline) -> Fraction:
    """An upper bound of |f - spline| on the interval, from its ends, corners and tangents.

    Independent of how the spline was made: on a piece the error is largest at an end or where
    the derivatives agree.
    """
    import flint

    before = flint.ctx.prec
    flint.ctx.prec = _BITS
    try:
        corners = [Fraction(v) for v in as_fractions(spline.breakpoints).tolist()]
        ends = [Fraction(-_SIDE), *(c for c in corners if -_SIDE < c < _SIDE), Fraction(_SIDE)]
        slopes, offsets = as_fractions(spline.slopes), as_fractions(spline.offsets)
        worst = Fraction(0)
        for a, b in itertools.pairwise(ends):
            piece = sum(c <= a for c in corners)
            slope, offset = _ball(slopes[piece]), _ball(offsets[piece])
            points = [_ball(a), _ball(b)]
            for x in _stationary(operator, slope):
                if not (x < points[0] or x > points[1]):
                    points.append(x)
            for x in points:
                gap = abs(_function(operator, x) - slope * x - offset)
                worst = max(worst, _above(gap))
        return worst
    finally:
        flint.ctx.prec = before


def _ball(value: Fraction) -> Any:
    import flint

    from ...polyhedra.lp import q

    return flint.arb(q(value))


def _above(value: Any) -> Fraction:
    mantissa, exponent = value.upper().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _scalar(operator: Operator) -> Iterator[tuple[int, Fraction, Fraction, bool]]:
    """Pieces, the bound that the approximation claims, an independent one, whether a MASO."""
    from ...approximation import approximate

    for error in _ERRORS:
        found = approximate(Network([operator, Dense([[1]])], (1,)), error, Box([-_SIDE], [_SIDE]))
        spline = found.network.operators[0]  # an operator at the end would be g, and stay
        assert isinstance(spline, ScalarSpline)
        try:
            convex = spline.as_maso((1,)).A.shape[1] == len(spline.slopes)
        except UnsupportedOperatorError:
            convex = False
        bound = found.units[0].bound
        yield found.units[0].pieces, min(bound, error), _sup(operator, spline), convex


def _norm() -> Iterator[tuple[int, Fraction, Fraction, bool]]:
    """On the unit disc: by the angle between neighbours, and by the regions' rays."""
    for steps in (1, 2, 4, 8):
        vectors = _unit_vectors(steps)
        cosine = min(
            a[0] * b[0] + a[1] * b[1]
            for a, b in zip(vectors, vectors[1:] + vectors[:1], strict=True)
        )
        claimed = (1 + cosine) / 2  # of the half angle, squared
        maso, shares = norm_maso(steps), []
        for region in maso.partition():
            u = as_fractions(maso.A[0, int(region.code[0])])
            for ray in region.rays():
                shares.append((u @ ray) ** 2 / (ray @ ray))
        yield len(vectors), 1 - root_of(claimed), 1 - root_of(min(shares)), True


def _squared_norm(dim: int) -> Iterator[tuple[int, Fraction, Fraction, bool]]:
    """On [-1, 1]^dim: by the cubes' half diagonals, and by the regions' vertices."""
    for cells in (2, 3, 4):
        maso = squared_norm_maso(dim, cells)
        worst = Fraction(0)
        for region in maso.partition(Box([-1] * dim, [1] * dim)):
            p = as_fractions(maso.A[0, int(region.code[0])]) / 2
            for vertex in region.vertices():
                worst = max(worst, (vertex - p) @ (vertex - p))
        yield cells**dim, Fraction(dim, cells**2), worst, True


Cases = Callable[[], Iterator[tuple[int, Fraction, Fraction, bool]]]
CASES: dict[str, tuple[bool, Cases]] = {
    "softplus on [-8, 8]": (True, lambda: _scalar(Softplus())),
    "norm of R^2 on the unit disc": (True, _norm),
    "squared norm on [-1, 1]": (True, lambda: _squared_norm(1)),
    "squared norm on [-1, 1]^2": (True, lambda: _squared_norm(2)),
    "sigmoid on [-8, 8]": (False, lambda: _scalar(Sigmoid())),
    "tanh on [-8, 8]": (False, lambda: _scalar(Tanh())),
}


@check(number=10, name="approximation", needs_network=False)
@guarded
def check_approximation() -> Report:
    """Check that MASOs come arbitrarily close to convex operators, and ASOs to others.

    Returns
    -------
    Report
        Softplus, norm and squared norm by MASOs, sigmoid and tanh by ASOs: ``details`` has the
        proved error for each number of pieces. Each error is bounded twice, independently, and
        must fall with the number of pieces.

    Notes
    -----
    Norms: exact (the unit vectors are rational; roots are rounded outwards). Scalar functions:
    `exactspline.approximate`'s bound against the error at ends, corners and tangent points in
    ball arithmetic. About a second.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018: convex operators are
    approximated arbitrarily closely by MASOs.

    Examples
    --------
    >>> check_approximation().verdict
    'holds'
    """
    checked, wrong, reason = 0, None, ""
    details: dict[str, Any] = {}
    for name, (convex, cases) in CASES.items():
        found = list(cases())
        checked += len(found)
        details[name] = [
            {"pieces": n, "error at most": _brief(bound), "MASO": is_maso}
            for n, bound, _, is_maso in found
        ]
        for pieces, bound, independent, is_maso in found:
            wrong = {"operator": name, "pieces": pieces, "bound": bound, "error": independent}
            if independent > bound:
                reason = f"{name}: the error is above the proved bound"
                break
            if independent * 1000 < bound * 999:  # attained to a tenth of a percent
                reason = f"{name}: the error is far below the bound, which is then not its own"
                break
            if is_maso != convex:
                reason = f"{name}: the spline is {'' if is_maso else 'no '}max-affine"
                break
        else:
            if any(not (a[0] < b[0] and a[1] > b[1]) for a, b in itertools.pairwise(found)):
                reason = f"{name}: the error does not fall with the number of pieces"
            wrong = {"operator": name, "pieces": [f[0] for f in found],
                     "errors": [f[1] for f in found]} if reason else None  # fmt: skip
        if wrong is not None:
            break
    return Statement(
        "check_approximation",
        "A convex operator is approximated arbitrarily closely by max-affine spline "
        "operators, one that is not convex by affine spline operators.",
        f"{SPLINE_THEORY}, on the approximation of convex operators",
        (
            "the bound by construction: exactspline.approximate, angles, half diagonals",
            "the error at ends, corners and tangent points in ball arithmetic; at the regions' "
            "rays and vertices",
        ),
        "splines",
    ).report(wrong, reason, checked=checked, details=details)


def _brief(value: Fraction) -> str:
    """Three digits, rounded up."""
    digits = 0
    while value * 10**digits < 100 and digits < 30:
        digits += 1
    return str(Decimal(math.ceil(value * 10**digits)).scaleb(-digits))
