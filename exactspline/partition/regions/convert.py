"""A region in the words of other libraries: sympy and cvxpy."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ShapeError
from ...rationals import nearest_float

if TYPE_CHECKING:
    from ...compile.forms import Forms
    from ...network.network import Network
    from .coordinates import Coordinates
    from .inequalities import Inequality

__all__ = ["affine", "constraints", "to_sympy"]


def to_sympy(
    rows: list[Inequality], over_chart: Forms, dim: int, letter: str
) -> tuple[tuple[Any, ...], list[Any], Any]:
    """Symbols, inequalities of the closure, and the map as a column matrix."""
    import sympy

    symbols = tuple(sympy.Symbol(f"{letter}{j}", real=True) for j in range(dim))

    inequalities = []
    for row in rows:
        inequalities.append(sympy.Ge(affine(symbols, row.constant, row.coefficients), 0))
    outputs = []
    for i in range(len(over_chart)):
        indices, data, const = over_chart.row(i)
        read = [symbols[j] for j in indices.tolist()]
        outputs.append(affine(read, const, data.tolist()))
    return symbols, inequalities, sympy.Matrix(len(outputs), 1, outputs)


def affine(symbols: Sequence[Any], constant: Fraction, coefficients: Sequence[Any]) -> Any:
    """A sympy expression of exact numbers: constant + <coefficients, symbols>."""
    import sympy

    terms = zip(coefficients, symbols, strict=True)
    parts = [_rational(Fraction(c)) * symbol for c, symbol in terms if c]
    return sympy.Add(*parts, _rational(constant))


def _rational(value: Fraction) -> Any:
    import sympy

    return sympy.Rational(value.numerator, value.denominator)


def constraints(
    rows: list[Inequality], coordinates: Coordinates, network: Network, dim: int, x: Any
) -> list[Any]:
    """cvxpy constraints: x in the closure of the region."""
    import cvxpy as cp

    shape = getattr(x, "shape", None)
    if shape not in ((network.input_dim,), network.input_shape):
        raise ShapeError(
            f"constraints: a variable of shape {shape} does not fit the network's input shape "
            f"{network.input_shape}; give that shape or ({network.input_dim},)"
        )
    flat = x if len(shape) == 1 else cp.reshape(x, (network.input_dim,), order="C")
    out = []
    if rows:
        forms = [coordinates.over_inputs(row.constant, row.coefficients) for row in rows]
        A, b = _dense(forms, network.input_dim)
        out.append(A @ flat + b >= 0)
    if coordinates.dependent:
        forms = []
        for i, (constant, terms) in coordinates.dependent:
            dense = [terms.get(j, Fraction(0)) for j in range(dim)]
            offset, over = coordinates.over_inputs(constant, dense)
            forms.append((offset, {**over, i: over.get(i, Fraction(0)) - 1}))
        A, b = _dense(forms, network.input_dim)
        out.append(A @ flat + b == 0)
    return out


def _dense(
    forms: list[tuple[Fraction, dict[int, Fraction]]], width: int
) -> tuple[np.ndarray, np.ndarray]:
    A, b = np.zeros((len(forms), width)), np.zeros(len(forms))
    for r, (constant, terms) in enumerate(forms):
        size = max(abs(c) for c in terms.values())
        for j, c in terms.items():
            A[r, j] = nearest_float(c / size)
        b[r] = nearest_float(constant / size)
    return A, b
