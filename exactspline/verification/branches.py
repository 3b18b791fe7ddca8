"""Formulas of a property as alternatives: a set of inputs each, and what is asked of outputs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any as Anything

from ..errors import LimitError
from ..formats.vnnlib.query import All, Any, Compared, Formula
from ..statements.affine import Affine
from ..statements.conditions import Condition, conjunction, disjunction
from ..statements.terms import Term, literal

__all__ = ["Branch", "branches", "condition_of", "said_by"]

_MOST = 10_000


@dataclass(frozen=True)
class Branch:
    """One alternative.

    Attributes
    ----------
    inputs : tuple of Compared
        Of inputs alone; all hold.
    rest : Formula
    """

    inputs: tuple[Compared, ...]
    rest: Formula


def branches(formula: Formula) -> list[Branch]:
    """A formula as alternatives, so that what is asked of inputs alone makes a domain each.

    Raises
    ------
    LimitError
        If there are over 10,000.
    """
    if isinstance(formula, Compared):
        return [Branch((formula,), All(())) if formula.of_inputs else Branch((), formula)]
    if isinstance(formula, Any):
        if not _asks_inputs(formula):
            return [Branch((), formula)]
        out = [branch for part in formula.parts for branch in branches(part)]
        _check(len(out))
        return out
    found = [Branch((), All(()))]
    for part in formula.parts:
        own = branches(part)
        _check(len(found) * len(own))
        found = [Branch((*a.inputs, *b.inputs), _both(a.rest, b.rest)) for a in found for b in own]
    return found


def said_by(formula: Formula) -> list[object]:
    """What a formula says, in order, as plain values: equal for equal formulas."""
    out: list[object] = []
    open_ = [formula]
    while open_:  # formulas may be deep
        part = open_.pop()
        if isinstance(part, Compared):
            terms = [[kind, index, str(c)] for (kind, index), c in part.terms]
            out.append(["<" if part.strict else "<=", str(part.constant), terms])
        else:
            out.append(["and" if isinstance(part, All) else "or", len(part.parts)])
            open_ += reversed(part.parts)
    return out


def _both(a: Formula, b: Formula) -> Formula:
    parts = [*(a.parts if isinstance(a, All) else (a,)), *(b.parts if isinstance(b, All) else (b,))]
    return All(tuple(parts))


def _asks_inputs(formula: Formula) -> bool:
    if isinstance(formula, Compared):
        return formula.of_inputs
    return any(map(_asks_inputs, formula.parts))


def _check(count: int) -> None:
    if count > _MOST:
        raise LimitError(f"the property has over {_MOST:,} alternatives; write it as several files")


def condition_of(formula: Formula, x: Term, y: Anything) -> Condition:
    """A formula as a condition on symbolic inputs and outputs, both flat."""
    if isinstance(formula, Compared):
        total = Affine(formula.constant)
        for (kind, index), c in formula.terms:
            total = total.plus((x if kind == "X" else y)._entries[index], Fraction(c))
        return literal(total, "<" if formula.strict else "<=")
    parts = [condition_of(part, x, y) for part in formula.parts]
    return conjunction(parts) if isinstance(formula, All) else disjunction(parts)
