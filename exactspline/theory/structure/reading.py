"""Sympy's expressions as they stand: walked part by part, in Fractions; nothing is simplified."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...partition.pieces.symbolic import SymbolicNetwork

__all__ = ["Reading", "Row", "WrongFormulaError", "affine_of", "row_of"]

Row = tuple[Fraction, list[Fraction]]  # a constant and coefficients: constant + <c, t>


class WrongFormulaError(Exception):
    """A formula is none of those that there are, or is not the network; with where."""

    def __init__(self, why: str, **case: Any) -> None:
        super().__init__(why)
        self.case = case


class Reading:
    """Expressions as a list of steps, each part once, that is gone through in Fractions.

    Parameters
    ----------
    form : SymbolicNetwork
    """

    def __init__(self, form: SymbolicNetwork) -> None:
        self.inputs = {symbol: i for i, symbol in enumerate(form.symbols)}
        self.place: dict[Any, int] = {}
        self.steps: list[tuple[str, Any]] = []
        self.outputs = [self._step(part) for part in form.map]

    def values(self, x: Sequence[Fraction]) -> list[Fraction]:
        """The values of all outputs at one input."""
        at: list[Any] = []
        for kind, given in self.steps:
            at.append(_value(kind, given, at, x))
        return [at[i] for i in self.outputs]

    def _step(self, part: Any) -> int:
        """The place of a part, after all that it reads; a deep formula needs no recursion."""
        pending = [part]
        while pending:
            top = pending[-1]
            if top in self.place:
                pending.pop()
                continue
            missing = [a for a in top.args if a not in self.place]
            if missing:
                pending += missing
                continue
            self.place[top] = len(self.steps)
            self.steps.append(self._made(pending.pop()))
        return self.place[part]

    def _made(self, part: Any) -> tuple[str, Any]:
        import sympy

        if part in self.inputs:
            return "input", self.inputs[part]
        if isinstance(part, sympy.Rational):
            return "number", Fraction(int(part.p), int(part.q))
        if part in (sympy.true, sympy.false):
            return "number", bool(part)
        kind = type(part).__name__
        if kind not in _KINDS:
            raise WrongFormulaError(
                f"a formula holds {kind}, which is no part of one", part=str(part)[:80]
            )
        return kind, [self.place[a] for a in part.args]


_KINDS = (
    "Add", "Mul", "Max", "Min", "Abs", "Piecewise", "ExprCondPair", "And", "Or", "GreaterThan",
    "LessThan", "StrictGreaterThan", "StrictLessThan",
)  # fmt: skip


def _value(kind: str, given: Any, at: Sequence[Any], x: Sequence[Fraction]) -> Any:
    """The value of one step, from those before it; None where no case of a part holds."""
    if kind == "input":
        return x[given]
    if kind == "number":
        return given
    parts = [at[i] for i in given]
    if kind == "Piecewise":  # the first one whose condition holds
        return next((value for value, holds in parts if holds), None)
    if kind == "ExprCondPair":
        return tuple(parts)
    if any(v is None for v in parts):  # of no matter in a case that is not taken
        return None
    if kind == "Add":
        return sum(parts, Fraction(0))
    if kind == "Mul":
        return math.prod(parts, start=Fraction(1))
    if kind == "Abs":
        return abs(parts[0])
    if kind in ("And", "Or"):
        return all(parts) if kind == "And" else any(parts)
    if kind in ("Max", "Min"):
        return max(parts) if kind == "Max" else min(parts)
    left, right = parts
    return {
        "GreaterThan": left >= right, "LessThan": left <= right,
        "StrictGreaterThan": left > right, "StrictLessThan": left < right,
    }[kind]  # fmt: skip


def row_of(part: Any, symbols: Sequence[Any]) -> Row:
    """An inequality as a form that is not negative."""
    import sympy

    if isinstance(part, sympy.GreaterThan):
        return affine_of(part.lhs - part.rhs, symbols)
    if isinstance(part, sympy.LessThan):
        return affine_of(part.rhs - part.lhs, symbols)
    raise WrongFormulaError("a condition is no inequality of a closed set", part=str(part)[:80])


def affine_of(part: Any, symbols: Sequence[Any]) -> Row:
    """The constant and the coefficients of an affine expression."""
    terms = dict(part.as_coefficients_dict())
    numbers = [terms.pop(1, 0), *(terms.pop(symbol, 0) for symbol in symbols)]
    if terms:
        raise WrongFormulaError("a case is not affine", part=str(part)[:80])
    return _fraction(numbers[0]), [_fraction(v) for v in numbers[1:]]


def _fraction(value: Any) -> Fraction:
    import sympy

    number = sympy.sympify(value)
    if not isinstance(number, sympy.Rational):
        raise WrongFormulaError("a number is not rational", part=str(value)[:80])
    return Fraction(int(number.p), int(number.q))
