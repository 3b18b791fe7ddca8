"""What a statement says at given points, by the networks' own exact forward passes.

This reads neither programs nor regions: what the search claims is checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ..errors import ParameterError
from .affine import Affine, Atom
from .atoms import Applied, Bend, Hidden, PointAtom
from .conditions import Condition, Literal, holds, truth

__all__ = ["Values", "float_truths", "float_values", "holds_at", "on_one_thread"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
Points = Mapping[PointAtom, Sequence[Fraction]]


class Values:
    """Values of symbolic expressions at points.

    Parameters
    ----------
    points : mapping of PointAtom to sequence of Fraction
    """

    def __init__(self, points: Points) -> None:
        self._known: dict[Atom, Sequence[Fraction]] = {p: x for p, x in points.items()}  # noqa: C416

    def of(self, value: Affine) -> Fraction:
        """The exact value of an affine combination."""
        total = value.const
        for (atom, index), coefficient in value.terms:
            total += coefficient * self._of_atom(atom)[index]
        return total

    def at(self, applied: Applied) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
        """The input and the output of a network."""
        return tuple(self.of(read) for read in applied.reads), tuple(self._of_atom(applied))

    def _of_atom(self, atom: Atom) -> Sequence[Fraction]:
        known = self._known.get(atom)
        if known is not None:
            return known
        if isinstance(atom, Applied):
            known = _flat(atom.network.forward(self._inputs(atom), exact=True))
        elif isinstance(atom, Hidden):
            known = self._inside(atom)
        elif isinstance(atom, Bend):
            values = [self.of(read) for read in atom.reads]
            if atom.kind == "max":
                known = [max(values)]
            else:
                known = [abs(values[0]) if atom.kind == "abs" else max(values[0], Fraction(0))]
        else:
            raise ParameterError("slopes and codes have no value at a point")
        self._known[atom] = known
        return known

    def _inputs(self, atom: Applied) -> np.ndarray:
        out = np.empty(len(atom.reads), dtype=object)
        out[:] = [self.of(read) for read in atom.reads]
        return out.reshape(atom.network.input_shape)

    def _inside(self, atom: Hidden) -> Sequence[Fraction]:
        """A value inside a network: node by node."""
        network = atom.applied.network
        values: list[np.ndarray] = [self._inputs(atom.applied)[None]]
        for node in network.nodes[: atom.node + 1]:
            inputs = [values[i + 1] for i in node.inputs]
            values.append(node.operator.forward(*inputs))
        return _flat(values[atom.node + 1])


def _flat(values: Any) -> list[Fraction]:
    return [Fraction(v) for v in np.asarray(values, dtype=object).reshape(-1).tolist()]


def holds_at(condition: Condition, points: Points) -> bool:
    """Whether a condition without slopes and codes holds at points, exactly."""
    values = Values(points)
    return truth(condition, lambda literal: holds(literal.relation, values.of(literal.form)))


class _FloatValues:
    """The same for many points at a time in float64: a guess."""

    def __init__(self, points: Mapping[PointAtom, np.ndarray]) -> None:
        self._known: dict[Atom, np.ndarray] = {p: x for p, x in points.items()}  # noqa: C416
        self._n = len(next(iter(points.values())))

    def of(self, value: Affine) -> np.ndarray:
        total = np.full(self._n, float(value.const))
        for (atom, index), coefficient in value.terms:
            total += float(coefficient) * self._of_atom(atom)[:, index]
        return total

    def _of_atom(self, atom: Atom) -> np.ndarray:
        known = self._known.get(atom)
        if known is not None:
            return known
        if isinstance(atom, Applied):
            known = atom.network.forward(self._inputs(atom)).reshape(self._n, -1)
        elif isinstance(atom, Hidden):
            network = atom.applied.network
            values = [self._inputs(atom.applied)]
            for node in network.nodes[: atom.node + 1]:
                values.append(node.operator.forward(*[values[i + 1] for i in node.inputs]))
            known = values[atom.node + 1].reshape(self._n, -1)
        elif isinstance(atom, Bend):
            reads = np.stack([self.of(read) for read in atom.reads], axis=1)
            if atom.kind == "max":
                known = reads.max(axis=1, keepdims=True)
            else:
                known = np.abs(reads) if atom.kind == "abs" else np.maximum(reads, 0.0)
        else:
            raise ParameterError("slopes and codes have no value at a point")
        self._known[atom] = known
        return known

    def _inputs(self, atom: Applied) -> np.ndarray:
        flat = np.stack([self.of(read) for read in atom.reads], axis=1)
        return flat.reshape(self._n, *atom.network.input_shape)


def on_one_thread(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Without warnings, and with the matrix products on one thread.

    Products are small here: several threads cost more than they bring where others want the
    cores too, and the last digit of a sum would depend on their number.
    """

    @wraps(function)
    def guess(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with np.errstate(all="ignore"), _threads().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return guess


@cache
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@on_one_thread
def float_values(forms: Sequence[Affine], points: Mapping[PointAtom, np.ndarray]) -> np.ndarray:
    """Values of forms at points in float64, rounded; shape (forms, n)."""
    values = _FloatValues(points)
    return np.array([values.of(form) for form in forms])


@on_one_thread
def float_truths(
    condition: Condition, points: Mapping[PointAtom, np.ndarray], *, room: float = 0.0
) -> np.ndarray:
    """Where a condition seems to hold, by float64: for whoever checks it exactly.

    Parameters
    ----------
    condition : Condition
    points : mapping of PointAtom to float64 array, shape (n, D)
    room : float
        Where comparisons fail by no more than that share of a usual value, or float64 has no
        value, they seem to hold, too.

    Returns
    -------
    bool array, shape (n,)
    """
    values = _FloatValues(points)
    n = len(next(iter(points.values())))

    def of(part: Condition) -> np.ndarray:
        if isinstance(part, Literal):
            value = values.of(part.form)
            if room:
                less = room * float(np.nanmedian(np.abs(value)))
                if part.relation == "!=":
                    return np.ones(n, dtype=bool)
                return ~((np.abs(value) if part.relation == "==" else value) > less)
            if part.relation in ("<=", "<"):
                return value <= 0 if part.relation == "<=" else value < 0
            return (value == 0) == (part.relation == "==")
        from .conditions import And, Constant

        if isinstance(part, Constant):
            return np.full(n, part.value)
        parts = [of(inner) for inner in part.parts]
        return np.all(parts, axis=0) if isinstance(part, And) else np.any(parts, axis=0)

    return np.asarray(of(condition), dtype=bool)
