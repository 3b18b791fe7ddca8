"""Comparisons in a PyTorch program, and what is chosen by them.

A comparison jumps. It is kept as a function of one value (`exactspline/formats/gates.py`), as is
what sums, products and choices make of it; where a value is needed, it is one if it is continuous.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ....errors import UnsupportedOperatorError
from ....network import Add
from ....rationals import as_fractions
from ...gates import Gate, added, chosen, common_root, compared, expressed, multiplied
from ...multiples import UNKNOWN_STEP, multiple_of, step_taken
from ..values import Const, Gated, Lowering, Var, handler
from .shapes import index_of, move, onto, places_of

__all__ = ["difference", "product", "total"]

_ZERO, _ONE = Fraction(0), Fraction(1)


def _gates(t: Lowering, *values: Any) -> tuple[Var, list[Gate]] | None:
    """Values and constants as functions of one value; None if they are of several."""
    known = [v if isinstance(v, Gated) else t.operand(v) for v in values]
    roots = [v.root if isinstance(v, Gated) else v for v in known if not isinstance(v, Const)]
    if not all(isinstance(r, Var) and r.full == roots[0].full for r in roots):
        return None
    shape = roots[0].shape
    if any(isinstance(v, Const) and not _fits(t, v, roots[0]) for v in known):
        return None
    root = common_root(t.nodes, [r.node for r in roots], shape, t.shape_of, t.numbers)
    if root is None:
        return None
    gates = []
    for value in known:
        if isinstance(value, Const):
            shift = np.broadcast_to(t.beside(value, roots[0])[1], shape)
            gates.append(Gate.affine(0, shift))
            continue
        inner = value.root if isinstance(value, Gated) else value
        gate = expressed(t.nodes, inner.node, root, shape, t.numbers)
        assert gate is not None
        gates.append(value.gate.after(gate) if isinstance(value, Gated) else gate)
    return t.value_of(root, roots[0].lead), gates


def _fits(t: Lowering, constant: Const, x: Var) -> bool:
    try:
        return np.broadcast_shapes(constant.shape, x.full) == x.full
    except ValueError:
        return False


def _together(t: Lowering, *values: Any) -> tuple[Var, list[Gate]]:
    found = _gates(t, *values)
    if found is None:
        raise UnsupportedOperatorError(
            "computes with a comparison and with another value than the one that is compared; "
            "such a result jumps, or is not known to be continuous"
        )
    return found


# --- comparisons -------------------------------------------------------------------------------

_RELATIONS = {
    ">": ("gt", "greater"), ">=": ("ge", "greater_equal"), "<": ("lt", "less"),
    "<=": ("le", "less_equal"), "==": ("eq",), "!=": ("ne", "not_equal"),
}  # fmt: skip

for _relation, _names in _RELATIONS.items():

    def _compare(t: Lowering, x: Any, other: Any, *, _relation: str = _relation) -> Any:
        """A comparison: what is made of it is read where it is continuous."""
        found = _gates(t, x, other)
        try:
            if found is not None:
                return Gated(found[0], compared(_relation, *found[1]))
        except UnsupportedOperatorError:  # another threshold for every entry
            pass
        root = t.operand(difference(t, x, other))  # is compared with 0
        assert isinstance(root, Var)
        return Gated(root, compared(_relation, Gate.affine(), Gate.affine(0, 0)))

    handler(*_names)(_compare)


@handler("sign", "sgn")
def _sign(t: Lowering, x: Any) -> Any:
    """A comparison: what is made of it is read where it is continuous."""
    root, (gate,) = _together(t, x)
    above, below = (compared(r, gate, Gate.affine(0, 0)) for r in (">", "<"))
    return Gated(root, added([above, below], [_ONE, -_ONE]))


@handler("logical_not", "bitwise_not")
def _not(t: Lowering, x: Any) -> Any:
    """Comparisons together."""
    root, (gate,) = _together(t, x)
    return Gated(root, compared("==", gate, Gate.affine(0, 0)))


@handler("logical_and", "bitwise_and", "__and__")
def _and(t: Lowering, x: Any, other: Any) -> Any:
    """Comparisons together."""
    root, (a, b) = _together(t, x, other)
    return Gated(root, chosen(a, compared("!=", b, Gate.affine(0, 0)), Gate.affine(0, 0)))


@handler("logical_or", "bitwise_or", "__or__")
def _or(t: Lowering, x: Any, other: Any) -> Any:
    """Comparisons together."""
    root, (a, b) = _together(t, x, other)
    return Gated(root, chosen(a, Gate.affine(0, 1), compared("!=", b, Gate.affine(0, 0))))


@handler("isnan", "isinf", "isposinf", "isneginf")
def _not_finite(t: Lowering, x: Any) -> Any:
    """False: finite inputs give finite values."""
    return Const(None, torch.zeros(t.operand(x).full, dtype=torch.bool))


@handler("isfinite")
def _finite(t: Lowering, x: Any) -> Any:
    """True: finite inputs give finite values."""
    return Const(None, torch.ones(t.operand(x).full, dtype=torch.bool))


# --- choices -----------------------------------------------------------------------------------


@handler("where", exact=True)
def _where(t: Lowering, condition: Any, x: Any, other: Any) -> Any:
    """A choice by a constant mask; by a comparison where the result is continuous."""
    if isinstance(condition, Const):
        function = getattr(torch.ops.aten.where, _overload(x, other))
        return move(t, function, (condition, _value(t, x), _value(t, other)), {})
    if not isinstance(condition, Gated):
        raise UnsupportedOperatorError("chooses by a value that is no comparison; it jumps")
    try:
        root, (gate, a, b) = _together(t, condition, x, other)
        return Gated(root, chosen(gate, a, b))
    except UnsupportedOperatorError:  # functions of several values, or of several thresholds
        return _by_difference(t, condition, x, other)


def _by_difference(t: Lowering, condition: Gated, x: Any, other: Any) -> Any:
    """other + (x - other, or 0), if x - other is a multiple of the value that is compared."""
    step = t.operand(difference(t, x, other))
    factors = None
    if isinstance(step, Var) and step.full == condition.root.full:
        factors = multiple_of(t.nodes, t.shape_of, step.node, condition.root.node, t.numbers)
    if factors is None:
        raise UnsupportedOperatorError(UNKNOWN_STEP)
    written = t.operand(Gated(condition.root, step_taken(condition.gate, factors)))
    rest = t.operand(other)
    if isinstance(rest, Const):
        written, shift = t.beside(rest, written)
        return t.affine(written, 1, shift)
    return t.emit(Add(), rest, written)


def _overload(x: Any, other: Any) -> str:
    plain = [isinstance(v, bool | int | float) for v in (x, other)]
    return {(False, False): "self", (True, False): "ScalarSelf", (False, True): "ScalarOther"}.get(
        (plain[0], plain[1]), "Scalar"
    )


def _value(t: Lowering, x: Any) -> Any:
    return t.operand(x) if isinstance(x, Gated) else x


@handler("masked_fill", exact=True)
def _masked_fill(t: Lowering, x: Any, mask: Any, value: Any) -> Any:
    """A choice by a constant mask; by a comparison where the result is continuous."""
    return _where(t, mask, value, x)


@handler("index_put", "_unsafe_index_put", exact=True)
def _index_put(t: Lowering, x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """Entries that are replaced or added at constant places, or replaced as where does."""
    if any(isinstance(i, Gated) for i in indices):
        if len(indices) == 1 and not accumulate:
            return _where(t, indices[0], values, x)
        raise UnsupportedOperatorError("takes an index that depends on the input")
    if not accumulate:
        return move(t, torch.ops.aten.index_put.default, (_value(t, x), indices, values), {})
    x, values = t.operand(x), t.operand(values)
    places = places_of(x)[tuple(slice(None) if i is None else index_of(t, i) for i in indices)]
    if tuple(places.shape) != values.full:
        values = move(t, torch.ops.aten.expand.default, (values, list(places.shape)), {})
    return onto(t, x, values, places)


# --- arithmetic, for the handlers of sums and products -------------------------------------------


def total(t: Lowering, x: Any, other: Any, factor: Fraction) -> Gated | None:
    """x + factor * other, where one of them is of a comparison; None if they are values."""
    found = _gates(t, x, other)
    return None if found is None else Gated(found[0], added(found[1], [_ONE, factor]))


def product(t: Lowering, x: Any, other: Any) -> Gated | None:
    """x * other, where one of them is of a comparison; None if they are values."""
    found = _gates(t, x, other)
    return None if found is None else Gated(found[0], multiplied(*found[1]))


def difference(t: Lowering, x: Any, other: Any) -> Any:
    """x - other, as a value."""
    a, b = t.operand(x), t.operand(other)
    if isinstance(b, Const) and isinstance(a, Var):
        a, shift = t.beside(b, a)
        return t.affine(a, 1, -as_fractions(shift), part="difference")
    if isinstance(a, Const) and isinstance(b, Var):
        b, shift = t.beside(a, b)
        return t.affine(b, -1, shift, part="difference")
    return t.emit(Add([1, -1]), a, b, part="difference")
