"""Collinear templates: which templates make the cross-entropy of one input least."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ...errors import ParameterError, UndecidedError
from ...mode import guarded
from ...rationals import nearest_float, to_fraction
from ..common.spectral import square_root
from ..registry import check, exported
from ..report import FAILS, HOLDS, MAD_MAX, Report

__all__ = ["check_collinear", "collinear_templates"]

_SOURCE = f"{MAD_MAX}, theorem on collinear templates (dataset memorisation)"
_TOLERANCE = 1e-5  # of cvxpy's optimum, relative to the loss at zero templates
_SIZES = ((2, 2), (3, 2), (5, 4), (10, 6))  # classes and inputs that cvxpy is asked


@exported
@guarded
def collinear_templates(x: Any, classes: int, label: int, alpha: Any = 1) -> Any:
    """The templates of least cross-entropy for one input, float64, shape (classes, D).

    Parameters
    ----------
    x : array_like, shape (D,)
        Not zero.
    classes : int
        C, at least 2.
    label : int
    alpha : number
        The bound on sum_c |A_c|^2; positive.

    Returns
    -------
    numpy.ndarray
        A_y = sqrt((C - 1) alpha / C) x / |x| and A_c = -sqrt(alpha / (C (C - 1))) x / |x|.

    Raises
    ------
    ParameterError
        If x is zero or not finite, or a number is out of range.

    Examples
    --------
    >>> collinear_templates([3.0, 4.0], 2, 0, 2).round(3).tolist()
    [[0.6, 0.8], [-0.6, -0.8]]
    """
    import numpy as np

    point = np.asarray(x, dtype=np.float64).reshape(-1)
    if not np.any(point) or not np.all(np.isfinite(point)):
        raise ParameterError("collinear_templates: x is zero or not finite; give another input")
    point = point / np.abs(point).max()  # so that no square vanishes
    limit = to_fraction(alpha, "alpha")
    if classes < 2 or not 0 <= label < classes or not limit > 0:
        raise ParameterError(
            f"collinear_templates: {classes} classes, label {label}, alpha {alpha}; give at "
            "least 2 classes, a label among them, and a positive alpha"
        )
    others, own = limit / (classes * (classes - 1)), (classes - 1) * limit / classes
    scale = np.full(classes, -nearest_float(square_root(others, others)[1]))
    scale[label] = nearest_float(square_root(own, own)[1])
    return scale[:, None] * (point / np.linalg.norm(point))[None, :]


@check(number=15, name="collinear templates", needs_network=False)
@guarded
def check_collinear(constraint: str = "sum", *, factors: Any = None) -> Report:
    """Check the templates that minimise the cross-entropy under a bound on their size.

    Parameters
    ----------
    constraint : {"sum", "each"}
        sum_c |A_c|^2 <= alpha, as in the theory; or |A_c|^2 <= alpha for every c, which is the
        control: the same templates are not optimal there, and the check must say so.
    factors : callable, optional
        ``factors(C, alpha)`` gives two sympy expressions (a, b) to test in place of the
        theory's: A_y = a x / |x|, A_c = b x / |x|.

    Returns
    -------
    Report
        The conditions of Karush, Kuhn and Tucker with symbols for C, alpha and |x| (the problem
        is convex, so they are sufficient), and the least loss that cvxpy finds at some sizes,
        compared to 1e-5 of the loss at zero.

    References
    ----------
    Balestriero, Baraniuk, Mad Max, 2018.

    Examples
    --------
    >>> check_collinear("each").verdict
    'fails'
    """
    import sympy

    if constraint not in ("sum", "each"):
        raise ParameterError(f"constraint {constraint!r}: give 'sum' or 'each'")
    C = sympy.Symbol("C", integer=True, positive=True)
    alpha, size = sympy.symbols("alpha s", positive=True)
    m = sympy.Symbol("m", integer=True, positive=True)  # C = m + 1, so that C >= 2
    a, b = (factors or _factors)(C, alpha)
    a, b = sympy.sympify(a).subs(C, m + 1), sympy.sympify(b).subs(C, m + 1)
    residuals = _conditions(sympy, constraint, a, b, m, alpha, size)
    wrong = [name for name, value in residuals.items() if not value]
    gaps, solver = _compared(constraint, factors)
    far = [entry for entry in gaps if abs(entry["gap"]) > entry["tolerance"]]
    good = not wrong and not far
    bad = None
    if not good:
        bad = _better(sympy, constraint, a, b, m, alpha)
    bound = "sum_c |A_c|^2 <= alpha" if constraint == "sum" else "|A_c|^2 <= alpha for every c"
    return Report(
        name="check_collinear",
        statement=f"For one input x of class y and templates with {bound} and no bias, the "
        "cross-entropy is least for A_y = sqrt((C-1) alpha / C) x/|x| and "
        "A_c = -sqrt(alpha / (C (C-1))) x/|x|, c not y.",
        source=_SOURCE,
        verdict=HOLDS if good else FAILS,
        symbolic=True,
        checked=len(residuals),
        unit="conditions",
        routes=(
            "the formulas, put into the conditions of Karush, Kuhn and Tucker (symbolic)",
            f"the optimum that cvxpy finds ({solver}), to {_TOLERANCE:g} of the loss at zero",
        ),
        counterexample=bad,
        reason="" if good else "not satisfied: " + "; ".join(wrong or ["cvxpy finds less"]),
        details={
            "conditions": {name: bool(value) for name, value in residuals.items()},
            "cvxpy": gaps,
        },
    )


def _factors(C: Any, alpha: Any) -> tuple[Any, Any]:
    import sympy

    return sympy.sqrt((C - 1) * alpha / C), -sympy.sqrt(alpha / (C * (C - 1)))


def _conditions(
    sympy: Any, constraint: str, a: Any, b: Any, m: Any, alpha: Any, size: Any
) -> dict[str, bool]:
    """The conditions for A_y = a x/|x|, A_c = b x/|x| with |x| = size and m + 1 classes."""
    # by symmetry all c other than y have one equation; the scores are a |x| and b |x|
    Z = sympy.exp(a * size) + m * sympy.exp(b * size)
    p_y, p_c = sympy.exp(a * size) / Z, sympy.exp(b * size) / Z
    out: dict[str, bool] = {}

    def vanishes(value: Any) -> bool:
        return bool(sympy.simplify(sympy.expand_log(value, force=True)) == 0)

    if constraint == "sum":
        # gradient of the loss + mu * gradient of the constraint, along x / |x|
        mu = -p_c * size / (2 * b)
        out["stationary for c != y: p_c |x| + 2 mu b = 0"] = vanishes(p_c * size + 2 * mu * b)
        out["stationary for y: (p_y - 1) |x| + 2 mu a = 0"] = vanishes(
            (p_y - 1) * size + 2 * mu * a
        )
        out["the bound is attained: a^2 + (C-1) b^2 = alpha"] = vanishes(a**2 + m * b**2 - alpha)
        out["the multiplier is positive"] = _positive(sympy, mu, m, alpha, size)
        return out
    # one multiplier a class: zero where |A_c|^2 < alpha, and then the gradient must vanish
    for name, factor, gradient in (("y", a, (p_y - 1) * size), ("c != y", b, p_c * size)):
        slack = sympy.simplify(alpha - factor**2)
        attained = slack == 0
        out[f"feasible for {name}"] = bool(sympy.simplify(slack).is_nonnegative) or _positive(
            sympy, slack, m, alpha, size
        )
        out[f"complementary for {name}: the bound is attained or the gradient zero"] = bool(
            attained or vanishes(gradient)
        )
        if attained:
            multiplier = -gradient / (2 * factor)
            out[f"the multiplier of {name} is positive"] = _positive(
                sympy, multiplier, m, alpha, size
            )
    return out


def _positive(sympy: Any, value: Any, m: Any, alpha: Any, size: Any) -> bool:
    """Whether an expression is positive for all positive symbols, as far as sympy proves it."""
    found = sympy.simplify(value)
    if found.is_positive is not None:
        return bool(found.is_positive)
    factors = sympy.factor(found)
    return bool(factors.is_positive)


def _compared(constraint: str, factors: Any) -> tuple[list[dict[str, Any]], str]:
    """The formulas' loss and cvxpy's least loss for some sizes."""
    import cvxpy
    import numpy as np
    import sympy

    out, solver = [], ""
    rng = np.random.default_rng(0)
    for classes, inputs in _SIZES:
        x = rng.integers(1, 8, inputs) / 4
        alpha, label = 2.0, classes - 1
        symbols = sympy.symbols("C alpha", positive=True)
        pair = (factors or _factors)(*symbols)
        values = [
            float(sympy.sympify(v).subs({symbols[0]: classes, symbols[1]: alpha})) for v in pair
        ]
        scores = np.full(classes, values[1]) * np.linalg.norm(x)
        scores[label] = values[0] * np.linalg.norm(x)
        formula = float(np.log(np.exp(scores - scores.max()).sum()) + scores.max() - scores[label])
        A = cvxpy.Variable((classes, inputs))
        loss = cvxpy.log_sum_exp(A @ x) - (A @ x)[label]
        limits = (
            [cvxpy.sum_squares(A) <= alpha]
            if constraint == "sum"
            else [cvxpy.sum_squares(A[c]) <= alpha for c in range(classes)]
        )
        problem = cvxpy.Problem(cvxpy.Minimize(loss), limits)
        try:
            least = float(problem.solve())
        except (cvxpy.error.SolverError, TypeError) as error:  # TypeError: no value was found
            raise UndecidedError(
                f"check_collinear: cvxpy found no optimum for {classes} classes ({error}); "
                "is one of its solvers installed?"
            ) from None
        if problem.status not in (cvxpy.OPTIMAL, cvxpy.OPTIMAL_INACCURATE):
            raise UndecidedError(f"check_collinear: cvxpy ended as {problem.status}")
        solver = str(problem.solver_stats.solver_name)
        out.append(
            {
                "classes": classes, "inputs": inputs, "loss of the formulas": formula,
                "least loss": least, "gap": formula - least,
                "tolerance": _TOLERANCE * float(np.log(classes)),
            }
        )  # fmt: skip
    return out, solver


def _better(
    sympy: Any, constraint: str, a: Any, b: Any, m: Any, alpha: Any
) -> dict[str, Any] | None:
    """Feasible templates with a smaller loss, or that the tested ones are not feasible.

    Three classes, alpha = 1 and x = (3/5, 4/5), |x| = 1. The loss is log(1 + 2 exp(-d)) with
    d = a - b when all templates lie along x, so a larger d is a smaller loss.
    """
    here = {m: 2, alpha: 1}
    own_a, own_b = sympy.simplify(a.subs(here)), sympy.simplify(b.subs(here))
    used = own_a**2 + 2 * own_b**2 if constraint == "sum" else sympy.Max(own_a**2, own_b**2)
    case = {"classes": 3, "alpha": 1, "x": [Fraction(3, 5), Fraction(4, 5)],
            "tested a": str(own_a), "tested b": str(own_b)}  # fmt: skip
    if bool(sympy.simplify(used) > 1):
        return {**case, "not feasible": str(sympy.simplify(used))}
    if constraint == "each":
        best_a, best_b = sympy.Integer(1), sympy.Integer(-1)
    else:
        best_a, best_b = sympy.sqrt(sympy.Rational(2, 3)), -sympy.sqrt(sympy.Rational(1, 6))
    if bool(sympy.simplify(best_a - best_b) > sympy.simplify(own_a - own_b)):
        better = str(sympy.simplify(best_a - best_b))
        return {**case, "better a": str(best_a), "better b": str(best_b),
                "tested a - b": str(sympy.simplify(own_a - own_b)),
                "better a - b (larger is a smaller loss)": better}  # fmt: skip
    return case
