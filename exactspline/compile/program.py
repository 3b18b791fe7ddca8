"""The program: what a network is once it is compiled.

State z starts as the input x. Layer l computes members u = P z + p; unit k picks one of its
pieces, each an affine function of one member; the new state is [unit outputs; kept entries
of z], so that skip connections and branches are a plain pass-through.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..errors import ParameterError
from ..rationals import format_rational
from ..texts import plain
from .forms import Forms

__all__ = ["Layer", "Program", "UnitGroup", "UnitName", "Units"]


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


@dataclass(frozen=True)
class Units:
    """The units of one layer, in columns.

    A *condition form* is u[plus] - u[minus] + shift (an index of -1 stands for nothing). A
    piece holds where all its conditions, sign * form >= 0, hold. A condition whose form
    vanishes identically on a cell drops the piece there if ``drop`` is set (a lower piece
    coincides with it) and is void otherwise. The output of a piece is
    slope * u[member] + offset.

    Attributes
    ----------
    form_plus, form_minus : int32 arrays, shape (forms,)
    form_shift : exact array, shape (forms,)
    piece_start : int64 array, shape (units + 1,)
        Pieces of unit k are piece_start[k] .. piece_start[k + 1] - 1, piece 0 first.
    piece_member : int32 array, shape (pieces,)
    piece_slope, piece_offset : exact arrays, shape (pieces,)
    cond_start : int64 array, shape (pieces + 1,)
    cond_form : int32 array; cond_sign : int8 array; cond_drop : bool array
    """

    form_plus: np.ndarray
    form_minus: np.ndarray
    form_shift: np.ndarray
    piece_start: np.ndarray
    piece_member: np.ndarray
    piece_slope: np.ndarray
    piece_offset: np.ndarray
    cond_start: np.ndarray
    cond_form: np.ndarray
    cond_sign: np.ndarray
    cond_drop: np.ndarray

    def __len__(self) -> int:
        return len(self.piece_start) - 1

    @cached_property
    def pieces(self) -> np.ndarray:
        """Number of pieces of every unit."""
        return np.diff(self.piece_start)

    @cached_property
    def two_piece(self) -> np.ndarray:
        """Units with two pieces told apart by the sign of one form (piece 0 where it is <= 0)."""
        out = np.zeros(len(self), dtype=bool)
        candidates = np.flatnonzero(self.pieces == 2)
        first = self.piece_start[candidates]
        a, b, c = self.cond_start[first], self.cond_start[first + 1], self.cond_start[first + 2]
        single = (b - a == 1) & (c - b == 1)
        candidates, a, b = candidates[single], a[single], b[single]
        out[candidates] = (
            (self.cond_form[a] == self.cond_form[b])
            & (self.cond_sign[a] == -1)
            & (self.cond_sign[b] == 1)
            & ~self.cond_drop[a]
            & self.cond_drop[b]
        )
        return out

    def is_convex(self, unit: int) -> bool:
        """Whether a unit is convex in its members: a maximum, or slopes that never decrease."""
        first, last = int(self.piece_start[unit]), int(self.piece_start[unit + 1])
        members = self.piece_member[first:last]
        if np.all(members == members[0]):
            slopes = self.piece_slope[first:last].tolist()
            return all(a <= b for a, b in pairwise(slopes))
        condition = int(self.cond_start[first])  # of piece 0: it is above another member, or below
        above = self.form_plus[self.cond_form[condition]] == members[0]
        return bool(above == (self.cond_sign[condition] > 0))


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
        digest = hashlib.sha256(f"exactspline program 1 {self.input_dim}".encode())
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
        units.form_plus,
        units.form_minus,
        units.form_shift,
        units.piece_start,
        units.piece_member,
        units.piece_slope,
        units.piece_offset,
        units.cond_start,
        units.cond_form,
        units.cond_sign,
        units.cond_drop,
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
