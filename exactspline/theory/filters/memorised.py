"""Check 15 without a bound: cross-entropy has the infimum 0, and no templates attain it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ...mode import guarded
from ..registry import check
from ..report import MAD_MAX, Report, Statement

__all__ = ["check_memorisation"]

_DIGITS = 60  # of the values that are compared
_INPUT = (Fraction(3, 5), Fraction(4, 5))  # of norm 1


@check(number=15, name="memorisation without a bound", needs_network=False)
@guarded
def check_memorisation(*, direction: Callable[[Any], tuple[Any, Any]] | None = None) -> Report:
    """Check that free templates without a bound have no optimum: the infimum 0 is not attained.

    Parameters
    ----------
    direction : callable, optional
        ``direction(C)`` gives two sympy expressions (a, b): the templates t a x / |x| of the own
        class and t b x / |x| of the others are followed as t grows. By default the collinear
        optimum for alpha = 1.

    Returns
    -------
    Report
        With symbols for C, |x| and t: the loss is positive for every t, decreases, and tends to
        0; and its values from the definition at t = 1, 10, 100, to 60 digits.

    References
    ----------
    Balestriero, Baraniuk, Mad Max, 2018: collinear templates, where a bound is assumed.

    Examples
    --------
    >>> check_memorisation().verdict
    'holds'
    >>> check_memorisation(direction=lambda C: (-1, 0)).verdict
    'fails'
    """
    import sympy

    from .collinear import _factors

    says = Statement(
        "check_memorisation",
        "Without a bound on the templates the cross-entropy of one input has the infimum 0, which "
        "no templates attain: along t A, A collinear, it is positive, decreases and tends to 0.",
        f"{MAD_MAX}, theorem on collinear templates, without its bound",
        (
            "the loss log(1 + (C - 1) exp(-t (a - b) |x|)), its derivative and limit (symbolic)",
            "the softmax at x = (3/5, 4/5) from the definition, in symbols; its -log to 60 digits",
        ),
        "conditions",
        symbolic=True,
    )
    m = sympy.Symbol("m", integer=True, positive=True)  # C = m + 1
    t, size = sympy.symbols("t s", positive=True)
    count = sympy.Symbol("C", integer=True, positive=True)
    chosen = direction or (lambda classes: _factors(classes, sympy.Integer(1)))
    a, b = (sympy.sympify(v) for v in chosen(count))
    own, other = (v.subs(count, m + 1) for v in (a, b))
    gap = sympy.simplify(own - other)
    rest = m * sympy.exp(-t * gap * size)  # the loss is log(1 + rest)
    loss = sympy.log(1 + rest)
    scores = sympy.symbols("z:3", real=True)  # of any templates, not only along t A
    any_loss = sympy.log(1 + sum(sympy.exp(z - scores[0]) for z in scores[1:]))
    softmax = sympy.exp(scores[0]) / sum(sympy.exp(z) for z in scores)
    # along t A the label's score is t a s, and those of m others are t b s
    along = sympy.exp(t * own * size) / (
        sympy.exp(t * own * size) + m * sympy.exp(t * other * size)
    )
    conditions = {
        "the losses are -log softmax": all(
            sympy.simplify(sympy.expand(sympy.exp(one) * value) - 1) == 0
            for one, value in ((any_loss, softmax), (loss, along))
        ),
        "positive for all scores": bool((sympy.exp(any_loss) - 1).is_positive),
        "positive along t A": bool((sympy.exp(loss) - 1).is_positive),
        "decreasing in t": bool(sympy.factor(-sympy.diff(rest, t)).is_positive),
        "tends to 0": bool(gap.is_positive) and sympy.limit(rest, t, sympy.oo) == 0,
    }
    wrong = [name for name, value in conditions.items() if not value]
    values = [_loss(sympy, a.subs(count, 3), b.subs(count, 3), step) for step in (1, 10, 100)]
    formula = [rest.subs({m: 2, size: 1, t: step}) for step in (1, 10, 100)]
    falls = values[0] > values[1] > values[2] > 0 and values[2] < sympy.Rational(1, 10**20)
    defined = [_rest(sympy, a.subs(count, 3), b.subs(count, 3), step) for step in (1, 10, 100)]
    same = all(
        sympy.simplify(one - other) == 0 for one, other in zip(defined, formula, strict=True)
    )
    bad = None
    if wrong or not falls or not same:
        bad = {
            "classes": 3, "x": list(_INPUT), "a": str(a), "b": str(b),
            "loss at t = 1, 10, 100": [str(v.evalf(12)) for v in values],
        }  # fmt: skip
    if not same:
        wrong.append("the formula is not what the definition gives for three classes")
    if not falls:
        wrong.append("the values do not fall to 0")
    why = "not satisfied: " + "; ".join(wrong)
    return says.report(bad, why, checked=len(conditions), details={"conditions": conditions})


def _scores(sympy: Any, a: Any, b: Any, step: int) -> list[Any]:
    """The scores of three templates at x, label 0, from the definition."""
    x = [sympy.Rational(v.numerator, v.denominator) for v in _INPUT]
    return [sum(step * factor * v * v for v in x) for factor in (a, b, b)]


def _rest(sympy: Any, a: Any, b: Any, step: int) -> Any:
    """exp(loss) - 1, in symbols: the other scores' exponentials by that of the label's."""
    scores = _scores(sympy, a, b, step)
    return sum(sympy.exp(sympy.expand(score - scores[0])) for score in scores[1:])


def _loss(sympy: Any, a: Any, b: Any, step: int) -> Any:
    """-log softmax at the label, to so many digits."""
    scores = _scores(sympy, a, b, step)
    total = sum(sympy.exp(score) for score in scores)
    return (sympy.log(total) - scores[0]).evalf(_DIGITS, maxn=1000)
