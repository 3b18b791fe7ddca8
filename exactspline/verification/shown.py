"""What is to be known of a counterexample: by how much it is one, and whether floats see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..errors import ExactSplineError
from ..evaluate.functions import forward
from ..formats.vnnlib.query import All, Compared, Formula
from ..network.network import Network
from ..rationals import nearest_float
from .typed import holds

__all__ = ["in_float32", "margin_of", "note_of"]

Values = Sequence[Fraction]


def margin_of(formula: Formula, x: Values, y: Values) -> Fraction | None:
    """By how much the comparisons of outputs hold that make a formula true; 0 by equality alone.

    Parameters
    ----------
    formula : Formula
    x, y : sequence of Fraction
        Inputs and outputs. What compares inputs alone is true or not, and has no margin.

    Returns
    -------
    Fraction or None
        None where no output is compared, or the formula does not hold.
    """
    out = _margin(formula, x, y)
    return None if out is None or isinstance(out, float) else out


def _margin(formula: Formula, x: Values, y: Values) -> Fraction | float | None:
    """Of *all* the smallest, of *any* the largest; infinite without outputs, None if not true."""
    if isinstance(formula, Compared):
        if not holds(formula, x, y):
            return None
        if formula.of_inputs:
            return math.inf
        total = formula.constant
        for (kind, index), c in formula.terms:
            total += c * (x if kind == "X" else y)[index]
        return -total
    own = [_margin(part, x, y) for part in formula.parts]
    some = [v for v in own if v is not None]
    if isinstance(formula, All):
        return min(some, default=math.inf) if len(some) == len(own) else None
    return max(some, default=None)


def in_float32(network: Network, x: Values) -> list[Fraction] | None:
    """A network's outputs as float32 arithmetic gives them; None where that overflows."""
    with np.errstate(all="ignore"):
        point = np.array([nearest_float(v) for v in x]).astype(np.float32)
    try:
        out = forward(
            network, point, dtype="float32", output_operator=bool(network.output_nodes)
        )  # fmt: skip
        return [Fraction(float(v)) for v in np.asarray(out).reshape(-1).tolist()]
    except (ExactSplineError, OverflowError, ValueError):
        return None


def note_of(formula: Formula, x: Values, rounded: Values | None, margin: Fraction | None) -> str:
    """A note if outputs in float32 do not show what holds exactly; else nothing.

    Parameters
    ----------
    formula : Formula
    x : sequence of Fraction
        Exact inputs: what is asked of them alone holds.
    rounded : sequence of Fraction or None
        The outputs in float32.
    margin : Fraction or None
    """
    if rounded is not None and holds(formula, x, rounded):
        return ""
    how = "float32 overflows" if rounded is None else "with outputs in float32 it does not hold"
    much = ""
    if margin is not None:
        much = " with equality" if margin == 0 else f" by {_size(margin)}"
    return f"float32 evaluation does not show it: the formula holds exactly{much}, but {how}"


def _size(margin: Fraction) -> str:
    """Its size to three digits, however small."""
    value = nearest_float(margin)
    if value:
        return f"{value:.3g}"
    digits = len(str(margin.denominator)) - len(str(margin.numerator))
    return f"about 1e-{digits}"
