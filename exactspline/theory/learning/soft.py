"""Hard to soft: what entropy makes of the selection of a piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
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


Selection = Callable[[Sequence[Any], Any], Sequence[Any]]


def softmax(z: Sequence[Any], beta: Any) -> list[Any]:
    """The theory's soft selection, t_r proportional to exp(beta z_r / (1 - beta)), in sympy."""
    import sympy

    scores = [sympy.exp(beta * v / (1 - beta)) for v in z]
    return [s / sum(scores) for s in scores]


def softmax_pooling(z: Sequence[Any]) -> Any:
    """What max-pooling becomes at beta = 1/2: sum z_r exp(z_r) / sum exp(z_r)."""
    import sympy

    return sum(v * sympy.exp(v) for v in z) / sum(sympy.exp(v) for v in z)


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
def check_hard_to_soft(
    formulas: Mapping[str, Formula] | None = None, *, selection: Selection = softmax,
    pooling: Callable[[Sequence[Any]], Any] = softmax_pooling,
) -> Report:  # fmt: skip
    """Check what a selection of pieces with entropy gives: SiLU, u tanh(u), softmax-pooling.

    Parameters
    ----------
    formulas : mapping of str to callable, optional
        For "ReLU", "ReLU at beta = 1/2", "abs", "abs at beta = 1/2" or "leaky ReLU at
        beta = 1/2" a function (u, beta) to a sympy expression, to test in place of the theory's.
    selection : callable
        (z, beta) to the weights t, sympy expressions, to test in place of the softmax.
    pooling : callable
        z to what max-pooling becomes at beta = 1/2, to test in place of softmax-pooling.

    Returns
    -------
    Report
        Symbolic: the derivatives of beta <t, z> + (1 - beta) H(t) on the simplex are set to zero
        and solved for t, with no softmax in mind; the softmax must be that solution, and the
        objective falls short of its value there by (1 - beta) times a Kullback-Leibler
        divergence, so it is the only maximum. The soft values are the expectations under the
        solution. Every formula is also evaluated in interval arithmetic at rational points, and
        `soft_maso` is compared with balls, to 1e-12.

    References
    ----------
    Balestriero, Baraniuk, From Hard to Soft, ICLR 2019.

    Examples
    --------
    >>> check_hard_to_soft().verdict
    'holds'
    """
    import sympy

    known = _formulas()
    if not set(formulas or {}) <= set(known):
        raise ParameterError(f"formulas: give some of {sorted(known)}")
    results, bad = _selection(sympy, selection, pooling)
    for name, (pieces, _, beta, meaning) in known.items():
        formula = (formulas or {}).get(name)
        results[f"{name} becomes {meaning}"], point = (
            _agrees_as_stated(name) if formula is None else _agrees(sympy, pieces, formula, beta)
        )
        if point is not None and bad is None:
            bad = {"activation": name, **point}
    results.update(_limits(sympy))
    results["soft_maso in float64, to 1e-12"] = _floats_agree(sympy)
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
            "the stationary point of the objective, solved for (sympy), and its expectations",
            "the formulas, in interval arithmetic at rational points as well",
        ),
        counterexample=bad,
        reason="" if not wrong else "wrong: " + "; ".join(wrong),
        details={"identities": results},
    )


def _stationary(sympy: Any, z: Sequence[Any], beta: Any) -> list[Any]:
    """The t on the simplex at which the objective is stationary, solved from its derivatives.

    d/dt_r of beta <t, z> - (1 - beta) sum t log t is one number, the multiplier, for all r.
    """
    multiplier, unknown = sympy.symbols("lambda log_t", real=True)
    t = sympy.Symbol("t", positive=True)
    logs = []
    for v in z:
        slope = sympy.diff(beta * t * v - (1 - beta) * t * sympy.log(t), t)
        equation = sympy.expand(slope - multiplier).subs(sympy.log(t), unknown)
        (log,) = sympy.solve(equation, unknown)
        logs.append(log)
    # the multiplier is what makes the sum 1; it is in no ratio
    ratios = [sympy.exp(sympy.simplify(sympy.expand(log - logs[0]))) for log in logs]
    return [r / sum(ratios) for r in ratios]


@cache
def _optimum(pieces: int) -> tuple[list[Any], bool]:
    """The stationary t for so many pieces, and whether the gap to it is a divergence.

    With log t_r = beta z_r / (1 - beta) - L the objective is (1 - beta) L at the softmax; the gap
    to it is (1 - beta) sum t log(t / softmax).
    """
    import sympy

    beta = sympy.Symbol("beta", positive=True)
    z = sympy.symbols(f"z1:{pieces + 1}", real=True)
    t = sympy.symbols(f"t1:{pieces + 1}", positive=True)
    normaliser = sympy.Symbol("L", real=True)
    logs = [beta * v / (1 - beta) - normaliser for v in z]
    objective = sum(beta * a * v - (1 - beta) * a * sympy.log(a) for a, v in zip(t, z, strict=True))
    divergence = sum(a * (sympy.log(a) - log) for a, log in zip(t, logs, strict=True))
    gap = (1 - beta) * normaliser - objective - (1 - beta) * divergence
    gap = sympy.expand(sympy.simplify(gap)).subs(t[-1], 1 - sum(t[:-1]))
    return _stationary(sympy, z, beta), bool(sympy.simplify(sympy.expand(gap)) == 0)


@cache
def _agrees_as_stated(name: str) -> tuple[bool, dict[str, Any] | None]:
    """Whether the theory's own formula of an activation is right."""
    import sympy

    pieces, claimed, beta, _ = _formulas()[name]
    return _agrees(sympy, pieces, claimed, beta)


def _vanishes(sympy: Any, value: Any) -> bool:
    """Whether an expression in exponentials is zero, by sympy's algebra."""
    numerator = sympy.fraction(sympy.together(value.rewrite(sympy.exp)))[0]
    return bool(sympy.simplify(sympy.powsimp(sympy.expand(numerator))) == 0)


def _selection(
    sympy: Any, selection: Selection, pooling: Callable[[Sequence[Any]], Any]
) -> tuple[dict[str, bool], dict[str, Any] | None]:
    """The softmax is the only maximum of the regularised selection, for 2 to 4 pieces."""
    beta = sympy.Symbol("beta", positive=True)
    half = sympy.Rational(1, 2)
    out: dict[str, bool] = {}
    bad = None
    for pieces in (2, 3, 4):
        z = sympy.symbols(f"z1:{pieces + 1}", real=True)
        solved, closes = _optimum(pieces)
        given = [sympy.sympify(v) for v in selection(z, beta)]
        same = all(_vanishes(sympy, a - b) for a, b in zip(solved, given, strict=True))
        out[f"stationary on the simplex, {pieces} pieces"] = same
        out[f"the gap to it is (1 - beta) KL(t, softmax), {pieces} pieces"] = closes
        # the expectation under the solution at beta = 1/2
        mean = sum(w.subs(beta, half) * v for w, v in zip(solved, z, strict=True))
        pooled = sympy.sympify(pooling(z))
        out[f"max-pooling of {pieces} becomes softmax-pooling at beta = 1/2"] = _vanishes(
            sympy, mean - pooled
        )
        place = dict(zip(z, (sympy.Rational(k * k - 3, 4) for k in range(pieces)), strict=True))
        for a, b in [*zip(solved, given, strict=True), (mean, pooled)]:
            if bad is None and _differ(sympy, a, b, {**place, beta: sympy.Rational(1, 3)}):
                bad = {"z": [Fraction(v.p, v.q) for v in place.values()], "beta": Fraction(1, 3)}
    return out, bad


def _differ(sympy: Any, a: Any, b: Any, place: Mapping[Any, Any]) -> bool:
    """Whether two expressions are proved to differ at a rational point."""
    import flint

    before = flint.ctx.prec
    flint.ctx.prec = _BITS
    try:
        return not (_interval(sympy, a.subs(place)) - _interval(sympy, b.subs(place))).contains(0)
    finally:
        flint.ctx.prec = before


def _floats_agree(sympy: Any) -> bool:
    """`soft_maso` of ReLU, abs and a pair of pieces against balls at rational points."""
    import flint

    from ...network.maso import MASO

    maso = MASO([[[0], [1]], [[-1], [1]], [[2], ["-1/2"]]], [[0, 0], [0, 0], [1, "1/4"]])
    pieces: list[list[tuple[Any, Any]]] = [
        [(0, 0), (1, 0)], [(-1, 0), (1, 0)], [(2, 1), (Fraction(-1, 2), Fraction(1, 4))],
    ]  # fmt: skip
    before = flint.ctx.prec
    flint.ctx.prec = _BITS
    try:
        for x in (Fraction(-3, 2), Fraction(1, 8), Fraction(5, 4)):
            for weight in (Fraction(1, 4), Fraction(1, 2), Fraction(7, 8)):
                found = soft_maso(maso, [[float(x)]], float(weight))[0].tolist()
                for value, unit in zip(found, pieces, strict=True):
                    z = [Fraction(a) * x + Fraction(b) for a, b in unit]
                    scores = [weight * v / (1 - weight) for v in z]
                    shares = [flint.arb(flint.fmpq(s.numerator, s.denominator)).exp()
                              for s in scores]  # fmt: skip
                    top = sum((s * flint.arb(flint.fmpq(v.numerator, v.denominator))
                               for s, v in zip(shares, z, strict=True)), flint.arb(0))  # fmt: skip
                    exact = top / sum(shares, flint.arb(0))
                    if not abs(exact - value) < 1e-12:
                        return False
    finally:
        flint.ctx.prec = before
    return True


def _agrees(
    sympy: Any, pieces: list[Any], formula: Formula, at: Any
) -> tuple[bool, dict[str, Any] | None]:
    """The expectation of the solved selection against a formula, by symbols and by intervals."""
    u = sympy.Symbol("u", real=True)
    beta = sympy.Symbol("beta", positive=True) if at is None else at
    values = [piece(u, None) for piece in pieces]
    weights = _stationary(sympy, values, beta)
    soft = sum(w * v for w, v in zip(weights, values, strict=True))
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
    if value is sympy.E:
        return flint.arb(1).exp()
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
