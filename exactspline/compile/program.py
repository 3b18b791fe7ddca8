"""The program: what a network is once it is compiled.

State z starts as the input x. Layer l computes members u = P z + p; unit k picks one of its
pieces, each an affine function of one member; the new state is [unit outputs; kept entries
of z], so that skip connections and branches are a plain pass-through.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..errors import ParameterError
from ..rationals import format_rational
from ..texts import plain
from .forms import Forms
from .kept import Kept

__all__ = ["Condition", "Layer", "Program", "UnitGroup", "UnitName", "Units"]

_ZERO = Fraction(0)


class UnitName(NamedTuple):
    """Who a unit is: the operator that made it and its index in that operator's output."""

    operator: str
    index: tuple[int, ...]  # type: ignore[assignment]  # not tuple.index

    def __str__(self) -> str:
        return f"{plain(self.operator)}[{', '.join(map(str, self.index))}]"


@dataclass(frozen=True)
class UnitGroup:
    """Consecutive units of one layer that one operator made.

    ``entries`` are their flat positions in the operator's output of the given shape; None
    means all of them, in order.
    """

    operator: str
    shape: tuple[int, ...]
    entries: np.ndarray | None

    def __len__(self) -> int:
        return math.prod(self.shape) if self.entries is None else len(self.entries)

    def name(self, k: int) -> UnitName:
        """The name of the group's unit k."""
        flat = k if self.entries is None else int(self.entries[k])
        index = np.unravel_index(flat, self.shape) if self.shape else ()
        return UnitName(self.operator, tuple(int(i) for i in index))


class Condition(NamedTuple):
    """A condition of a piece: sign * form >= 0.

    Where the form vanishes identically on a cell, the condition drops the piece there if
    ``drop`` is set (a lower piece coincides with it) and is void otherwise.
    """

    form: int
    sign: int
    drop: bool


@dataclass(frozen=True)
class Units:
    """The units of one layer, in columns.

    A unit is a continuous spline of one member, or the maximum or minimum of several, one
    piece a member. The output of a piece is slope * u[member] + offset. It holds where its
    conditions hold, each about a *condition form* u[plus] - u[minus] + shift:

    * of a spline, form r is its member minus the breakpoint between the pieces r and r + 1;
    * of a maximum or minimum, a form is the difference of two members, the higher one minus the
      lower one. There are as many as pairs, so they are made when they are asked for.

    A form's *number* is that of its (lower) piece in the layer times `stride`, plus how many
    pieces further up the other one is. Numbers increase with the unit and its pieces.

    Attributes
    ----------
    lead : int8 array, shape (units,)
        0: a spline of one member; 1: a maximum; -1: a minimum.
    piece_start : int64 array, shape (units + 1,)
        Pieces of unit k are piece_start[k] .. piece_start[k + 1] - 1, piece 0 first.
    piece_member : int32 array, shape (pieces,)
    piece_slope, piece_offset : exact arrays, shape (pieces,)
    piece_shift : exact array, shape (pieces,)
        Of a spline's piece minus the breakpoint above it; 0 for its last one, and elsewhere.
    """

    lead: np.ndarray
    piece_start: np.ndarray
    piece_member: np.ndarray
    piece_slope: np.ndarray
    piece_offset: np.ndarray
    piece_shift: np.ndarray

    def __len__(self) -> int:
        return len(self.piece_start) - 1

    @cached_property
    def pieces(self) -> np.ndarray:
        """Number of pieces of every unit."""
        return np.diff(self.piece_start)

    @cached_property
    def piece_unit(self) -> np.ndarray:
        """The unit of every piece."""
        return np.repeat(np.arange(len(self)), self.pieces)

    @cached_property
    def compares(self) -> bool:
        """Whether some unit compares members with each other."""
        return bool(np.any(self.lead))

    @cached_property
    def stride(self) -> int:
        """What form numbers of neighbouring pieces differ by: the most members of a maximum."""
        return int(self.pieces[self.lead != 0].max(initial=1))

    @property
    def n_forms(self) -> int:
        """Above all numbers of forms. Most numbers are no form's if a maximum has many pieces."""
        return int(self.piece_start[-1]) * self.stride

    @cached_property
    def two_piece(self) -> np.ndarray:
        """Units with two pieces told apart by the sign of one form (piece 0 where it is <= 0)."""
        return (self.pieces == 2) & (self.lead >= 0)

    @property
    def first_form(self) -> np.ndarray:
        """The first form of every unit: of a unit of two pieces, the one that it has."""
        return self.piece_start[:-1] * self.stride + (self.lead != 0)

    def form(self, number: int) -> tuple[int, int, Fraction]:
        """``plus``, ``minus`` (-1: none) and ``shift`` of a form u[plus] - u[minus] + shift."""
        piece, above = divmod(int(number), self.stride)
        if above:
            return int(self.piece_member[piece + above]), int(self.piece_member[piece]), _ZERO
        return int(self.piece_member[piece]), -1, Fraction(self.piece_shift[piece])

    def form_columns(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`form` of many numbers; the third array holds pieces, whose ``piece_shift`` it is."""
        piece, above = np.divmod(numbers, self.stride)
        own, other = self.piece_member[piece], self.piece_member[piece + above]
        return other, np.where(above > 0, own, -1), piece

    def unit_of(self, number: int) -> int:
        """The unit that a form belongs to."""
        piece = int(number) // self.stride
        return int(np.searchsorted(self.piece_start, piece, side="right")) - 1

    def conditions(self, unit: int, piece: int, begin: int = 0) -> Iterator[Condition]:
        """The conditions of a unit's piece (0 is its first), in their order, from one on."""
        first, end = int(self.piece_start[unit]), int(self.piece_start[unit + 1])
        lead, at, stride = int(self.lead[unit]), first + piece, self.stride
        if lead == 0:
            both = []
            if piece > 0:
                both.append(Condition((at - 1) * stride, 1, True))
            if at < end - 1:
                both.append(Condition(at * stride, -1, False))
            yield from both[begin:]
            return
        for other in range(first + begin, at):
            yield Condition(other * stride + at - other, lead, True)
        for other in range(max(at, first + begin) + 1, end):
            yield Condition(at * stride + other - at, -lead, False)

    def active(
        self, unit: int, members: Sequence[Any], number: Callable[[Any], Any] = Fraction
    ) -> list[int]:
        """The pieces of a unit that are active for the members' exact values; never none.

        ``number`` turns a breakpoint into a number of the members' kind.
        """
        first, end = int(self.piece_start[unit]), int(self.piece_start[unit + 1])
        lead = int(self.lead[unit])
        if lead:
            own = [members[i] for i in self.piece_member[first:end].tolist()]
            best = max(own) if lead > 0 else min(own)
            return [r for r, value in enumerate(own) if value == best]
        member = members[int(self.piece_member[first])]
        forms = [member + number(v) for v in self.piece_shift[first : end - 1].tolist()]
        return [
            r
            for r in range(end - first)
            if (r == 0 or forms[r - 1] >= 0) and (r == len(forms) or forms[r] <= 0)
        ]

    def is_convex(self, unit: int) -> bool:
        """Whether a unit is convex in its members: a maximum, or slopes that never decrease."""
        return self._bends(unit, 1)

    def is_concave(self, unit: int) -> bool:
        """Whether a unit is concave in its members: a minimum, or slopes that never increase."""
        return self._bends(unit, -1)

    def _bends(self, unit: int, way: int) -> bool:
        lead = int(self.lead[unit])
        if lead:
            return lead == way
        first, last = int(self.piece_start[unit]), int(self.piece_start[unit + 1])
        slopes = self.piece_slope[first:last].tolist()
        return all(a * way <= b * way for a, b in pairwise(slopes))


@dataclass(frozen=True)
class Layer:
    """One layer: its members over the state before, its units, and what is passed on."""

    members: Forms
    units: Units
    keep: np.ndarray  # entries of the state before that follow the unit outputs
    names: tuple[UnitGroup, ...]  # in unit order

    @property
    def state_size(self) -> int:
        """Number of entries of the state after this layer."""
        return len(self.units) + len(self.keep)


@dataclass(frozen=True)
class Program:
    """A compiled network.

    Attributes
    ----------
    input_dim : int
    layers : tuple of Layer
    output : Forms
        The network's output over the state after the last layer.
    """

    input_dim: int
    layers: tuple[Layer, ...]
    output: Forms

    @cached_property
    def kept(self) -> Kept:
        """What searches have made of the program, for those that come after them."""
        return Kept()

    @cached_property
    def n_units(self) -> int:
        """Number of units of all layers."""
        return sum(len(layer.units) for layer in self.layers)

    @cached_property
    def pieces(self) -> np.ndarray:
        """Number of pieces of every unit, shape (units,)."""
        parts = [layer.units.pieces for layer in self.layers]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    @cached_property
    def max_pieces(self) -> int:
        """The largest number of pieces of a unit (1 without units)."""
        return max((int(layer.units.pieces.max()) for layer in self.layers), default=1)

    @cached_property
    def unit_start(self) -> np.ndarray:
        """Where each layer's units start in a code; shape (layers + 1,)."""
        sizes = [len(layer.units) for layer in self.layers]
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @cached_property
    def form_start(self) -> np.ndarray:
        """Where each layer's form numbers start when all layers are numbered; (layers + 1,)."""
        sizes = [layer.units.n_forms for layer in self.layers]
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def unit_name(self, unit: int) -> UnitName:
        """The name of a unit, given by its position in a code."""
        if not 0 <= unit < self.n_units:
            raise ParameterError(f"unit {unit} is none of the {self.n_units:,} units")
        layer = int(np.searchsorted(self.unit_start, unit, side="right")) - 1
        k = unit - int(self.unit_start[layer])
        for group in self.layers[layer].names:
            if k < len(group):
                return group.name(k)
            k -= len(group)
        raise AssertionError("every unit belongs to a group")

    def sha256(self) -> str:
        """A hash of the whole program, equal for equal functions written the same way."""
        digest = hashlib.sha256(f"exactspline program 2 {self.input_dim}".encode())
        for layer in self.layers:
            _hash_forms(digest, layer.members)
            units = layer.units
            for array in (*vars_of(units), layer.keep):
                _hash_array(digest, array)
        _hash_forms(digest, self.output)
        return digest.hexdigest()


def vars_of(units: Units) -> tuple[np.ndarray, ...]:
    """The columns of a unit table in a fixed order."""
    return (
        units.lead,
        units.piece_start,
        units.piece_member,
        units.piece_slope,
        units.piece_offset,
        units.piece_shift,
    )


def _hash_forms(digest: hashlib._Hash, forms: Forms) -> None:
    for array in (forms.indptr, forms.indices, forms.data, forms.const):
        _hash_array(digest, array)


def _hash_array(digest: hashlib._Hash, array: np.ndarray) -> None:
    if array.dtype == object:
        text = ";".join(format_rational(v) for v in array.reshape(-1))
        digest.update(b"O" + text.encode())
    else:
        digest.update(str(array.dtype).encode() + str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
