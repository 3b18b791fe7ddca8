"""Values of a smooth function, its gradient and Hessian, from sympy, in ball arithmetic.

A ball holds the exact value; over a ball of arguments, all values there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from ...errors import ParameterError

__all__ = ["Smooth", "ball", "ends_of", "precise"]

_BITS = 192
_NAMES = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "asinh", "erf")

Ends = tuple[Fraction, Fraction]


@contextmanager
def precise() -> Iterator[None]:
    """Balls of 192 bits inside of the block."""
    import flint

    before = flint.ctx.prec
    flint.ctx.prec = _BITS
    try:
        yield
    finally:
        flint.ctx.prec = before


def ball(low: Fraction, high: Fraction | None = None) -> Any:
    """A ball around a rational, or around all numbers between two."""
    import flint

    from ...polyhedra.lp import q

    first = flint.arb(q(low))
    return first if high is None or high == low else first.union(flint.arb(q(high)))


def ends_of(value: Any) -> Ends | None:
    """Rationals below and above all of a ball; None if it is not finite."""
    if not value.is_finite():
        return None
    return _fraction(value.lower()), _fraction(value.upper())


def _fraction(value: Any) -> Fraction:
    mantissa, exponent = value.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


class Smooth:
    """A sympy expression of D real symbols with its derivatives.

    Parameters
    ----------
    expression : sympy expression
    symbols : sequence of sympy symbols
        In the order of the coordinates.

    Raises
    ------
    ParameterError
        For other symbols, and for functions that are not known here.
    """

    def __init__(self, expression: Any, symbols: Sequence[Any]) -> None:
        import sympy

        self.symbols = tuple(symbols)
        other = expression.free_symbols - set(self.symbols)
        if other:
            raise ParameterError(
                f"grid_tangents: {', '.join(sorted(map(str, other)))} in the expression is no "
                f"coordinate; symbols={tuple(map(str, self.symbols))}"
            )
        self.value = expression
        self.gradient = [sympy.diff(expression, s) for s in self.symbols]
        self.hessian = [[sympy.diff(g, s) for s in self.symbols] for g in self.gradient]
        for derivative in (expression, *self.gradient, *(h for row in self.hessian for h in row)):
            _check_known(derivative)

    def at(self, expression: Any, values: Sequence[Any]) -> Any:
        """The ball of one of the expressions over balls of the coordinates."""
        return _enclosure(expression, dict(zip(self.symbols, values, strict=True)))


def _check_known(expression: Any) -> None:
    import sympy

    for part in sympy.preorder_traversal(expression):
        known = isinstance(part, sympy.Add | sympy.Mul | sympy.Pow | sympy.Symbol | sympy.Rational)
        named = isinstance(part, sympy.Function) and part.func.__name__ in _NAMES
        if not (known or named or isinstance(part, sympy.Float) or part in (sympy.pi, sympy.E)):
            raise ParameterError(
                f"grid_tangents: {part} has no enclosure here; give a function of a point that "
                "returns the value and a subgradient, as numbers or as (low, high)"
            )


def _enclosure(expression: Any, values: dict[Any, Any]) -> Any:
    import flint
    import sympy

    if expression in values:
        return values[expression]
    if expression.is_Rational:
        return flint.arb(flint.fmpq(int(expression.p), int(expression.q)))
    if expression.is_Float:
        return ball(Fraction(str(sympy.Rational(expression))))
    if expression is sympy.pi:
        return flint.arb.pi()
    if expression is sympy.E:
        return flint.arb.const_e()
    arguments = [_enclosure(a, values) for a in expression.args]
    if expression.is_Add:
        return sum(arguments[1:], arguments[0])
    if expression.is_Mul:
        out = arguments[0]
        for factor in arguments[1:]:
            out = out * factor
        return out
    if expression.is_Pow:
        power = expression.exp
        if power.is_Integer:
            return arguments[0] ** int(power)
        if power == sympy.Rational(1, 2):
            return arguments[0].sqrt()
        return (arguments[1] * arguments[0].log()).exp()
    return getattr(arguments[0], expression.func.__name__)()
