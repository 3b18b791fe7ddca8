"""A network as one nested sympy expression an output: Max, Min, Abs, Piecewise over rationals.

It stands on the program alone: a unit is a maximum or minimum of members, or a spline of one. A
convex spline is the maximum of its pieces, a concave one their minimum; what is neither is a
Piecewise of its member, or the sum of its bends where the member has a Piecewise in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import LimitError, ParameterError, ShapeError
from ..mode import guarded
from ..partition.pieces.symbolic import SymbolicNetwork
from ..rationals import to_fraction

if TYPE_CHECKING:
    from ..compile.forms import Forms
    from ..compile.program import Program, Units
    from ..network import Network

__all__ = ["check_size", "network_to_sympy", "terms_of"]

MOST_TERMS = 20_000  # of the whole formula, written out


@guarded
def network_to_sympy(network: Network, x: Any = None) -> SymbolicNetwork:
    """The network as nested expressions; see `Network.to_sympy`."""
    import sympy

    program = network.program
    symbols = _inputs(network, x)
    check_size(network, "to_sympy", MOST_TERMS, "take a slice, or partition[i].to_sympy()")
    state = list(symbols)
    for layer in program.layers:
        members = _affine(layer.members, state)
        units = [_unit(layer.units, k, members) for k in range(len(layer.units))]
        state = units + [state[i] for i in layer.keep.tolist()]
    image = _affine(program.output, state)
    return SymbolicNetwork(tuple(symbols), sympy.Matrix(len(image), 1, image))


def check_size(network: Network, what: str, most: int, advice: str) -> None:
    """Refuse networks whose formula would be too long, before it is made.

    Raises
    ------
    LimitError
    """
    size = terms_of(network.program)
    if size > most:
        raise LimitError(
            f"{what}: written out, the formula of this network of {network.units:,} units has "
            f"{size:,} terms, over the limit of {most:,}; {advice}"
        )


def terms_of(program: Program) -> int:
    """How many terms the nested formula of a program has when every unit is written out."""
    state = [1] * program.input_dim
    for layer in program.layers:
        members, units = _sizes(layer.members, state), layer.units
        own = [_size(units, k, members) for k in range(len(units))]
        state = own + [state[i] for i in layer.keep.tolist()]
    return sum(_sizes(program.output, state))


def _size(units: Units, k: int, members: Sequence[int]) -> int:
    """How often members are written out in one unit."""
    first, last = int(units.piece_start[k]), int(units.piece_start[k + 1])
    read = zip(units.piece_member[first:last], units.piece_slope[first:last], strict=True)
    sizes = [members[int(m)] if slope else 1 for m, slope in read]
    if _is_absolute(units, k):
        return sizes[0]
    if not (units.is_convex(k) or units.is_concave(k)):  # every condition reads it again
        sizes += [members[int(units.piece_member[first])]] * (len(sizes) - 1)
    return sum(sizes)


def _sizes(forms: Forms, state: Sequence[int]) -> list[int]:
    indices = forms.indices.tolist()
    return [1 + sum(state[j] for j in indices[a:b]) for a, b in pairwise(forms.indptr.tolist())]


def _inputs(network: Network, x: Any) -> list[Any]:
    """What stands for the inputs: symbols, or what is given, in exact numbers."""
    import sympy

    if x is None:
        return [sympy.Symbol(f"x{j}", real=True) for j in range(network.input_dim)]
    if isinstance(x, sympy.MatrixBase):
        given = np.array(list(x), dtype=object)
        shape: tuple[int, ...] = given.shape
    else:
        given = np.array(x, dtype=object)
        shape = given.shape
    if shape not in ((network.input_dim,), network.input_shape):
        raise ShapeError(
            f"to_sympy: values of shape {shape} do not fit the network's input shape "
            f"{network.input_shape}; give that shape or ({network.input_dim},)"
        )
    return [_expression(v) for v in given.reshape(-1).tolist()]


def _expression(value: Any) -> Any:
    import sympy

    if isinstance(value, sympy.Expr) and not isinstance(value, sympy.Number):
        if value.is_extended_real is False or value.is_commutative is False:
            raise ParameterError(f"to_sympy: {value} is not real; give real symbols or numbers")
        return value
    if isinstance(value, sympy.Rational):
        return value
    return _rational(to_fraction(float(value) if isinstance(value, sympy.Float) else value, "x"))


def _rational(value: Any) -> Any:
    import sympy

    exact = Fraction(value)
    return sympy.Rational(exact.numerator, exact.denominator)


def _affine(forms: Forms, state: Sequence[Any]) -> list[Any]:
    import sympy

    out = []
    for i in range(len(forms)):
        indices, data, const = forms.row(i)
        terms = [
            sympy.Mul(_rational(c), state[j])
            for j, c in zip(indices.tolist(), data.tolist(), strict=True)
        ]
        out.append(sympy.Add(*terms, _rational(const)))
    return out


def _unit(units: Units, k: int, members: Sequence[Any]) -> Any:
    """One unit's output over the layer's members."""
    import sympy

    first, last = int(units.piece_start[k]), int(units.piece_start[k + 1])
    slopes = [Fraction(v) for v in units.piece_slope[first:last].tolist()]
    offsets = [Fraction(v) for v in units.piece_offset[first:last].tolist()]
    read = [members[m] for m in units.piece_member[first:last].tolist()]
    values = [
        sympy.Add(sympy.Mul(_rational(s), u), _rational(c))
        for s, u, c in zip(slopes, read, offsets, strict=True)
    ]
    if len(values) == 1:
        return values[0]
    if _is_absolute(units, k):
        return sympy.Abs(values[1], evaluate=values[1].is_number)
    for holds, kind in ((units.is_convex(k), sympy.Max), (units.is_concave(k), sympy.Min)):
        if holds:
            # not simplified where symbols are left: sympy would compare all pairs of arguments
            return kind(*values, evaluate=all(v.is_number for v in values))
    at = [-Fraction(v) for v in units.piece_shift[first : last - 1].tolist()]
    if read[0].has(sympy.Piecewise):
        return sympy.Add(values[0], *_bends(read[0], slopes, at))
    whole = read[0].is_number
    conditions = [sympy.Le(read[0], _rational(b), evaluate=whole) for b in at]
    return sympy.Piecewise(*zip(values, conditions, strict=False), (values[-1], True))


def _bends(member: Any, slopes: Sequence[Fraction], at: Sequence[Fraction]) -> list[Any]:
    """What every breakpoint of a spline adds to its first piece.

    Where the member holds cases itself: sympy folds a case whose condition has cases in it, and
    takes time and depth that grow exponentially with the layers.
    """
    import sympy

    steps = zip(pairwise(slopes), at, strict=True)
    return [
        sympy.Mul(
            _rational(right - left), sympy.Max(0, sympy.Add(member, _rational(-b)), evaluate=False)
        )
        for (left, right), b in steps
    ]


def _is_absolute(units: Units, k: int) -> bool:
    """Whether a unit is the absolute value of its upper piece."""
    at = int(units.piece_start[k])
    if units.lead[k] or int(units.piece_start[k + 1]) - at != 2:
        return False
    slopes, offsets = units.piece_slope[at : at + 2], units.piece_offset[at : at + 2]
    return bool(slopes[0] < 0 and slopes[0] == -slopes[1] and offsets[0] == -offsets[1])
