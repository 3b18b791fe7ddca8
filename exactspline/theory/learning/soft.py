"""Hard to soft: what entropy makes of the selection of a piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ParameterError, ShapeError
from ...mode import guarded
from ..registry import check, exported
from ..report import FAILS, HOLDS, Report

if TYPE_CHECKING:
    from ...network.maso import MASO

__all__ = ["check_hard_to_soft", "soft_maso"]

_SOURCE = "Balestriero, Baraniuk, From Hard to Soft, ICLR 2019"
_BITS = 200  # of the interval arithmetic


@exported
@guarded
def soft_maso(maso: MASO, x: Any, beta: float = 0.5) -> np.ndarray:
    """A max-affine spline operator with a soft selection of its pieces, in float64.

    Parameters
    ----------
    maso : MASO
    x : array_like, shape (batch, D)
    beta : float
        In (0, 1); towards 1 the hard operator, towards 0 the mean of the pieces.

    Returns
    -------
    numpy.ndarray, shape (batch, K)
        sum_r t_r (<A_kr, x> + B_kr) with t = softmax(beta / (1 - beta) (<A_kr, x> + B_kr)).

    Raises
    ------
    ParameterError, ShapeError

    References
    ----------
    Balestriero, Baraniuk, From Hard to Soft, ICLR 2019.

    Examples
    --------
    >>> from exactspline import ReLU
    >>> soft_maso(ReLU().as_maso((1,)), [[1.0]]).round(4).tolist()
    [[0.7311]]
    """
    if not 0 < beta < 1:
        raise ParameterError(f"soft_maso: beta {beta}; give a number between 0 and 1")
    points = np.asarray(x, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != maso.A.shape[2]:
        raise ShapeError(f"soft_maso: x has shape {points.shape}; give (batch, {maso.A.shape[2]})")
    values = np.asarray(maso.pieces(points), dtype=np.float64)
    if not np.all(np.isfinite(values)):
        raise ParameterError("soft_maso: the pieces' values are beyond float64; rescale the inputs")
    with np.errstate(over="ignore", under="ignore"):  # -inf and 0 are what they should be
        scores = beta / (1 - beta) * (values - values.max(axis=2, keepdims=True))
        weights = np.exp(scores)
    return np.asarray((weights / weights.sum(axis=2, keepdims=True) * values).sum(axis=2))


Formula = Callable[[Any, Any], Any]


def _formulas() -> dict[str, tuple[list[Callable[[Any, Any], Any]], Formula, Any, str]]:
    """Name to pieces over (u, v), the claimed soft value at (u, beta), beta, and what it is."""
    import sympy

    eta = sympy.Rational(1, 10)
    half = sympy.Rational(1, 2)
    sigmoid = lambda v: 1 / (1 + sympy.exp(-v))  # noqa: E731
    zero = lambda u, v: sympy.Integer(0)  # noqa: E731
    return {
        "ReLU": (
            [zero, lambda u, v: u], lambda u, beta: u * sigmoid(beta * u / (1 - beta)), None,
            "u sigmoid(beta u / (1 - beta))",
        ),
        "ReLU at beta = 1/2": (
            [zero, lambda u, v: u], lambda u, beta: u * sigmoid(u), half, "SiLU, u sigmoid(u)",
        ),
        "abs": (
            [lambda u, v: -u, lambda u, v: u],
            lambda u, beta: u * sympy.tanh(beta * u / (1 - beta)), None,
            "u tanh(beta u / (1 - beta))",
        ),
        "abs at beta = 1/2": (
            [lambda u, v: -u, lambda u, v: u], lambda u, beta: u * sympy.tanh(u), half,
            "u tanh(u)",
        ),
        "leaky ReLU at beta = 1/2": (
            [lambda u, v: eta * u, lambda u, v: u],
            lambda u, beta: eta * u + (1 - eta) * u * sigmoid((1 - eta) * u), half,
            "eta u + (1 - eta) u sigmoid((1 - eta) u), eta = 1/10",
        ),
    }  # fmt: skip


@check(number=16, name="hard to soft", needs_network=False)
@guarded
def check_hard_to_soft(formulas: Mapping[str, Formula] | None = None) -> Report:
    """Check what a selection of pieces with entropy gives: SiLU, u tanh(u), softmax-pooling.

    Parameters
    ----------
    formulas : mapping of str to callable, optional
        For "ReLU", "ReLU at beta = 1/2", "abs", "abs at beta = 1/2" or "leaky ReLU at
        beta = 1/2" a function (u, beta) to a sympy expression, to test in place of the theory's.

    Returns
    -------
    Report
        Symbolic: softmax(beta z / (1 - beta)) is stationary on the simplex, and the objective
        falls short of its value there by (1 - beta) times a Kullback-Leibler divergence, so it
        is the only maximum; the soft values follow. Every formula is also evaluated in interval
        arithmetic at rational points and compared with the selection itself.

    References
    ----------
    Balestriero, Baraniuk, From Hard to Soft, ICLR 2019.

    Examples
    --------
    >>> check_hard_to_soft().verdict
    'holds'
    """
    import sympy

    results = _selection(sympy)
    known = _formulas()
    if not set(formulas or {}) <= set(known):
        raise ParameterError(f"formulas: give some of {sorted(known)}")
    bad: dict[str, Any] | None = None
    meanings = {}
    for name, (pieces, claimed, beta, meaning) in known.items():
        formula = (formulas or {}).get(name, claimed)
        results[f"{name} becomes {meaning}"], point = _agrees(sympy, pieces, formula, beta)
        meanings[name] = meaning
        if point is not None and bad is None:
            bad = {"activation": name, **point}
    results.update(_limits(sympy))
    wrong = [name for name, good in results.items() if not good]
    return Report(
        name="check_hard_to_soft",
        statement="t = softmax(beta z / (1 - beta)) maximises beta <t, z> + (1 - beta) H(t) over "
        "the simplex; with it ReLU becomes u sigmoid(beta u / (1 - beta)) (SiLU at beta = 1/2), "
        "abs becomes u tanh(u) at beta = 1/2, and max-pooling softmax-pooling.",
        source=_SOURCE,
        verdict=FAILS if wrong else HOLDS,
        symbolic=True,
        checked=len(results),
        unit="identities",
        routes=(
            "the selection's optimality conditions and expectation, symbolically (sympy)",
            "the formulas, in interval arithmetic at rational points as well",
        ),
        counterexample=bad,
        reason="" if not wrong else "wrong: " + "; ".join(wrong),
        details={"identities": results},
    )


def _selection(sympy: Any) -> dict[str, bool]:
    """The softmax is the only maximum of the regularised selection, for 2 to 4 pieces."""
    beta = sympy.Symbol("beta", positive=True)
    out = {}
    for pieces in (2, 3, 4):
        z = sympy.symbols(f"z1:{pieces + 1}", real=True)
        t = sympy.symbols(f"t1:{pieces + 1}", positive=True)
        scores = [sympy.exp(beta * v / (1 - beta)) for v in z]
        total = sum(scores)
        objective = sum(beta * a * v - (1 - beta) * a * sympy.log(a)
                        for a, v in zip(t, z, strict=True))  # fmt: skip
        # the softmax with its logarithm written out: log t_r = beta z_r / (1 - beta) - log total
        normaliser = sympy.Symbol("L", real=True)
        logs = [beta * v / (1 - beta) - normaliser for v in z]
        slopes = [
            sympy.diff(objective, a).subs(sympy.log(a), log) for a, log in zip(t, logs, strict=True)
        ]
        equal = all(sympy.simplify(s - slopes[0]) == 0 for s in slopes)
        normal = sympy.simplify(sum(s / total for s in scores)) == 1
        out[f"stationary on the simplex, {pieces} pieces"] = bool(equal and normal)
        # objective at the softmax: (1 - beta) L; the gap is (1 - beta) sum t log(t / softmax)
        divergence = sum(a * (sympy.log(a) - log) for a, log in zip(t, logs, strict=True))
        gap = (1 - beta) * normaliser - objective - (1 - beta) * divergence
        gap = sympy.expand(sympy.simplify(gap)).subs(t[-1], 1 - sum(t[:-1]))
        gap = sympy.simplify(sympy.expand(gap))
        out[f"the gap to it is (1 - beta) KL(t, softmax), {pieces} pieces"] = bool(gap == 0)
        # its expectation at beta = 1/2 is softmax-pooling
        half = [sympy.simplify(s.subs(beta, sympy.Rational(1, 2)) - sympy.exp(v)) == 0
                for s, v in zip(scores, z, strict=True)]  # fmt: skip
        out[f"max-pooling of {pieces} becomes softmax-pooling at beta = 1/2"] = all(half)
    return out


def _agrees(
    sympy: Any, pieces: list[Any], formula: Formula, at: Any
) -> tuple[bool, dict[str, Any] | None]:
    """The expectation of the soft selection against a formula, by symbols and by intervals."""
    u = sympy.Symbol("u", real=True)
    beta = sympy.Symbol("beta", positive=True) if at is None else at
    values = [piece(u, None) for piece in pieces]
    scores = [sympy.exp(beta * v / (1 - beta)) for v in values]
    soft = sum(s * v for s, v in zip(scores, values, strict=True)) / sum(scores)
    claimed = sympy.sympify(formula(u, beta))
    difference = sympy.simplify((soft - claimed).rewrite(sympy.exp))
    symbolic = bool(sympy.simplify(sympy.expand(difference)) == 0)
    point = _apart(sympy, soft, claimed, u, None if at is not None else beta)
    return symbolic and point is None, point


def _apart(sympy: Any, soft: Any, claimed: Any, u: Any, beta: Any) -> dict[str, Any] | None:
    """A rational point where two expressions differ, proved by intervals; None if none does."""
    import flint

    before = flint.ctx.prec
    flint.ctx.prec = _BITS
    try:
        for value in (Fraction(-3), Fraction(-1, 3), Fraction(2, 7), Fraction(5, 2)):
            for weight in (Fraction(1, 5), Fraction(2, 3)) if beta is not None else (None,):
                place = {u: sympy.Rational(value.numerator, value.denominator)}
                if weight is not None:
                    place[beta] = sympy.Rational(weight.numerator, weight.denominator)
                difference = _interval(sympy, soft.subs(place)) - _interval(
                    sympy, claimed.subs(place)
                )
                if not difference.contains(0):
                    where = {"u": value}
                    return where if weight is None else {**where, "beta": weight}
    finally:
        flint.ctx.prec = before
    return None


def _interval(sympy: Any, value: Any) -> Any:
    """A closed expression of rationals, exp and tanh as a ball that holds its value."""
    import flint

    if value.is_Rational:
        return flint.arb(flint.fmpq(int(value.p), int(value.q)))
    parts = [_interval(sympy, v) for v in value.args]
    if value.func is sympy.exp:
        return parts[0].exp()
    if value.func is sympy.tanh:
        return parts[0].tanh()
    if value.func is sympy.Add:
        return sum(parts[1:], parts[0])
    if value.func is sympy.Mul:
        out = parts[0]
        for v in parts[1:]:
            out = out * v
        return out
    if value.func is sympy.Pow and value.args[0] == sympy.E:
        return parts[1].exp()
    if value.func is sympy.Pow and value.args[1].is_Integer:
        return parts[0] ** int(value.args[1])
    raise ParameterError(
        f"formulas: {value.func} has no interval arithmetic here; use exp, tanh and fractions"
    )


def _limits(sympy: Any) -> dict[str, bool]:
    """beta -> 1 gives ReLU, beta -> 0 the mean of the pieces."""
    c = sympy.Symbol("c", positive=True)  # beta / (1 - beta)
    p = sympy.Symbol("p", positive=True)
    soft = lambda v: v / (1 + sympy.exp(-c * v))  # noqa: E731
    return {
        "beta -> 1: u for u > 0": bool(sympy.limit(soft(p), c, sympy.oo) == p),
        "beta -> 1: 0 for u < 0": bool(sympy.limit(soft(-p), c, sympy.oo) == 0),
        "beta -> 0: u / 2": bool(sympy.simplify(sympy.limit(soft(p), c, 0) - p / 2) == 0),
    }
