"""Lowering: operators write affine maps and units here; the builder sorts them into layers.

While a network is lowered, every tensor is a tuple of affine forms over *atoms*: the input
coordinates and the outputs of units. The depth of a tensor is how many operators with units
lie before it in a row; the units that read a tensor of depth l are part of layer l + 1, also
those that are constant, so that codes stand in the network's order.
Affine operators only compose forms, so consecutive ones become one exact map.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..rationals import compact
from .forms import Forms
from .program import Layer, Program, Units

if TYPE_CHECKING:
    from ..network.network import Network

__all__ = ["Builder", "Tensor", "compile_network"]

Piece = tuple[Fraction, Fraction]  # slope and offset


class Tensor:
    """A value inside the network while it is lowered: a shape and its affine forms.

    The forms are composed only when somebody reads them. ``depth``: operators with units
    before it in a row; at least the depth of the atoms it reads.
    """

    def __init__(self, shape: tuple[int, ...], make: Callable[[], Forms], depth: int = 0) -> None:
        self.shape = shape
        self.depth = depth
        self._make: Callable[[], Forms] | None = make
        self._forms: Forms | None = None

    @property
    def forms(self) -> Forms:
        """The affine forms over atoms, row-major."""
        if self._forms is None:
            assert self._make is not None
            self._forms, self._make = self._make(), None
        return self._forms


@dataclass
class _Group:
    """Units that one operator made: members over atoms, the unit table, first atom."""

    members: Forms
    units: list[_Unit]
    name: str
    first_atom: int
    levels: np.ndarray


@dataclass(frozen=True)
class _Unit:
    """One unit over its own members 0, 1, ...: condition forms and pieces."""

    members: tuple[int, ...]  # rows of the group's members
    forms: tuple[tuple[int, int, Fraction], ...]  # plus, minus (own members or -1), shift
    pieces: tuple[tuple[int, Fraction, Fraction, tuple[tuple[int, int, bool], ...]], ...]


class Builder:
    """Collects the lowered operators of one network."""

    def __init__(self, input_dim: int) -> None:
        self.input_dim = input_dim
        self.levels = np.zeros(input_dim, dtype=np.int64)  # of every atom so far
        self.groups: list[_Group] = []

    @property
    def n_atoms(self) -> int:
        return len(self.levels)

    def input(self, shape: tuple[int, ...]) -> Tensor:
        """The network's input."""
        n = math.prod(shape)
        return Tensor(shape, lambda: Forms.selection(np.arange(n), n))

    def affine(
        self,
        x: Tensor,
        indptr: np.ndarray,
        indices: np.ndarray,
        data: np.ndarray,
        const: np.ndarray,
        shape: tuple[int, ...],
        order: np.ndarray | None = None,
    ) -> Tensor:
        """A sparse affine map of a tensor: rows over the tensor's flat entries.

        ``order`` permutes the resulting rows (row i of the output is row order[i]).
        """
        width = math.prod(x.shape)

        def make() -> Forms:
            outer = Forms(
                np.asarray(indptr, dtype=np.int64),
                np.asarray(indices, dtype=np.int64),
                data,
                const,
                width,
            ).without_zeros()
            if order is not None:
                outer = outer.take(order)
            return outer.after(x.forms)

        return Tensor(shape, make, x.depth)

    def reshape(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The same entries in another shape."""
        return Tensor(shape, lambda: x.forms, x.depth)

    def scalar_units(
        self,
        x: Tensor,
        breaks: Sequence[Sequence[Fraction]],
        pieces: Sequence[Sequence[Piece]],
        name: str,
    ) -> Tensor:
        """One continuous piecewise-affine unit per entry of ``x``.

        Parameters
        ----------
        breaks : per entry the increasing breakpoints
        pieces : per entry the (slope, offset) of each interval, one more than breakpoints

        Notes
        -----
        Neighbouring pieces with the same affine function are merged here; an entry that is
        left with one piece becomes an affine map and no unit.
        """
        merged = [_merge(b, p) for b, p in zip(breaks, pieces, strict=True)]
        unit_rows = np.array([i for i, (b, _) in enumerate(merged) if b], dtype=np.int64)
        affine_rows = np.array([i for i, (b, _) in enumerate(merged) if not b], dtype=np.int64)
        if len(unit_rows) == 0:
            return self._scaled(x, [p[0] for _, p in merged])
        units = [
            _scalar_unit(row, *merged[i]) for row, i in enumerate(unit_rows.tolist())
        ]
        level = self._level(x)
        first = self._add(x.forms.take(unit_rows), units, name, level)
        n = math.prod(x.shape)
        atoms = np.arange(first, first + len(units))
        if len(affine_rows) == 0:
            width = self.n_atoms
            return Tensor(x.shape, lambda: Forms.selection(atoms, width), level)
        slopes = [merged[i][1][0] for i in affine_rows.tolist()]
        kept = _scale(x.forms.take(affine_rows), slopes)
        place = np.empty(n, dtype=np.int64)
        place[unit_rows] = np.arange(len(unit_rows))
        place[affine_rows] = len(unit_rows) + np.arange(len(affine_rows))
        width = self.n_atoms
        return Tensor(
            x.shape,
            lambda: _stack([Forms.selection(atoms, width), kept], width).take(place),
            level,
        )

    def _scaled(self, x: Tensor, pieces: list[Piece]) -> Tensor:
        return Tensor(x.shape, lambda: _scale(x.forms, pieces), x.depth)

    def max_units(
        self, x: Tensor, members: Sequence[Sequence[int]], shape: tuple[int, ...], name: str,
        *, concave: bool = False,
    ) -> Tensor:
        """One max unit (min unit if ``concave``) per tuple of entries of ``x``."""
        units = [_max_unit(tuple(m), concave) for m in members]
        level = self._level(x)
        first = self._add(x.forms, units, name, level)
        atoms, width = np.arange(first, first + len(units)), self.n_atoms
        return Tensor(shape, lambda: Forms.selection(atoms, width), level)

    def _level(self, x: Tensor) -> int:
        """The layer of units that read a tensor."""
        return 1 + max(x.depth, int(self.levels[x.forms.indices].max(initial=0)))

    def _add(self, members: Forms, units: list[_Unit], name: str, level: int) -> int:
        """Register units of one layer; returns their first atom."""
        levels = np.full(len(units), level, dtype=np.int64)
        first = self.n_atoms
        self.groups.append(_Group(members, units, name, first, levels))
        self.levels = np.concatenate([self.levels, levels])
        return first

    def program(self, output: Tensor) -> Program:
        """Sort everything into layers."""
        n_layers = int(self.levels.max()) if len(self.levels) else 0
        n_atoms = self.n_atoms
        needed = _last_use(self, n_layers, output.forms.indices)
        position = np.full(n_atoms, -1, dtype=np.int64)
        position[: self.input_dim] = np.arange(self.input_dim)
        state = np.arange(self.input_dim)
        layers = []
        for level in range(1, n_layers + 1):
            layer, made = _layer(self, level, position, len(state))
            keep = np.flatnonzero(needed[state] > level)
            state = np.concatenate([made, state[keep]])
            layers.append(Layer(layer[0], layer[1], keep, layer[2]))
            position[:] = -1
            position[state] = np.arange(len(state))
        return Program(self.input_dim, tuple(layers), output.forms.relabel(position, len(state)))


def _last_use(builder: Builder, n_layers: int, output_atoms: np.ndarray) -> np.ndarray:
    """Per atom the last level that reads it; the output reads at level n_layers + 1."""
    needed = np.zeros(builder.n_atoms, dtype=np.int64)
    for group in builder.groups:
        rows = np.repeat(np.arange(len(group.members)), np.diff(group.members.indptr))
        by_member = np.zeros(len(group.members), dtype=np.int64)
        for unit, level in zip(group.units, group.levels.tolist(), strict=True):
            for m in unit.members:
                by_member[m] = max(by_member[m], level)
        np.maximum.at(needed, group.members.indices, by_member[rows])
    needed[output_atoms] = n_layers + 1
    return needed


def _layer(
    builder: Builder, level: int, position: np.ndarray, width: int
) -> tuple[tuple[Forms, Units, tuple[tuple[str, int], ...]], np.ndarray]:
    """Members, units and names of one level, and the atoms it makes."""
    forms_list: list[Forms] = []
    table = _Table()
    atoms: list[np.ndarray] = []
    names: list[tuple[str, int]] = []
    offset = 0
    for group in builder.groups:
        chosen = np.flatnonzero(group.levels == level)
        if len(chosen) == 0:
            continue
        rows = np.unique(np.concatenate([group.units[k].members for k in chosen.tolist()]))
        place = {int(r): offset + i for i, r in enumerate(rows.tolist())}
        for k in chosen.tolist():
            table.add(group.units[k], place)
        forms_list.append(group.members.take(rows).relabel(position, width))
        atoms.append(group.first_atom + chosen)
        names.append((group.name, len(chosen)))
        offset += len(rows)
    return (_stack(forms_list, width), table.units(), tuple(names)), np.concatenate(atoms)


class _Table:
    """Collects units into columns."""

    def __init__(self) -> None:
        self.form_plus: list[int] = []
        self.form_minus: list[int] = []
        self.form_shift: list[Fraction] = []
        self.piece_start = [0]
        self.piece_member: list[int] = []
        self.piece_slope: list[Fraction] = []
        self.piece_offset: list[Fraction] = []
        self.cond_start = [0]
        self.cond_form: list[int] = []
        self.cond_sign: list[int] = []
        self.cond_drop: list[bool] = []

    def add(self, unit: _Unit, place: dict[int, int]) -> None:
        def where(own: int) -> int:
            return -1 if own < 0 else place[unit.members[own]]

        first_form = len(self.form_plus)
        for plus, minus, shift in unit.forms:
            self.form_plus.append(where(plus))
            self.form_minus.append(where(minus))
            self.form_shift.append(shift)
        for member, slope, offset, conditions in unit.pieces:
            self.piece_member.append(where(member))
            self.piece_slope.append(slope)
            self.piece_offset.append(offset)
            for form, sign, drop in conditions:
                self.cond_form.append(first_form + form)
                self.cond_sign.append(sign)
                self.cond_drop.append(drop)
            self.cond_start.append(len(self.cond_form))
        self.piece_start.append(len(self.piece_member))

    def units(self) -> Units:
        return Units(
            np.array(self.form_plus, dtype=np.int32),
            np.array(self.form_minus, dtype=np.int32),
            _exact(self.form_shift),
            np.array(self.piece_start, dtype=np.int64),
            np.array(self.piece_member, dtype=np.int32),
            _exact(self.piece_slope),
            _exact(self.piece_offset),
            np.array(self.cond_start, dtype=np.int64),
            np.array(self.cond_form, dtype=np.int32),
            np.array(self.cond_sign, dtype=np.int8),
            np.array(self.cond_drop, dtype=bool),
        )


def _merge(
    breaks: Sequence[Fraction], pieces: Sequence[Piece]
) -> tuple[tuple[Fraction, ...], tuple[Piece, ...]]:
    """Merge neighbouring intervals with the same affine function."""
    out_breaks: list[Fraction] = []
    out_pieces = [pieces[0]]
    for point, piece in zip(breaks, pieces[1:], strict=True):
        if piece != out_pieces[-1]:
            out_breaks.append(point)
            out_pieces.append(piece)
    return tuple(out_breaks), tuple(out_pieces)


def _scalar_unit(row: int, breaks: tuple[Fraction, ...], pieces: tuple[Piece, ...]) -> _Unit:
    """Piece r holds between breakpoints r and r + 1; at a breakpoint the lower piece counts."""
    forms = tuple((0, -1, -point) for point in breaks)
    out = []
    for r, (slope, offset) in enumerate(pieces):
        conditions = []
        if r > 0:
            conditions.append((r - 1, 1, True))
        if r < len(breaks):
            conditions.append((r, -1, False))
        out.append((0, slope, offset, tuple(conditions)))
    return _Unit((row,), forms, tuple(out))


def _max_unit(members: tuple[int, ...], concave: bool) -> _Unit:
    """Piece r holds where member r beats all others; the lowest of equal ones counts."""
    n = len(members)
    index: dict[tuple[int, int], int] = {}
    forms: list[tuple[int, int, Fraction]] = []
    for low in range(n):
        for high in range(low + 1, n):
            index[low, high] = len(forms)
            forms.append((high, low, Fraction(0)))
    lead = -1 if concave else 1
    pieces = []
    for r in range(n):
        conditions = []
        for s in range(n):
            if s == r:
                continue
            form = index[min(r, s), max(r, s)]  # the higher member minus the lower
            conditions.append((form, lead if r > s else -lead, s < r))
        pieces.append((r, Fraction(1), Fraction(0), tuple(conditions)))
    return _Unit(members, tuple(forms), tuple(pieces))


def _scale(forms: Forms, pieces: list[Piece]) -> Forms:
    """slope * form + offset, form by form."""
    n = len(forms)
    outer = Forms(
        np.arange(n + 1, dtype=np.int64),
        np.arange(n, dtype=np.int64),
        _exact([slope for slope, _ in pieces]),
        _exact([offset for _, offset in pieces]),
        n,
    ).without_zeros()
    return outer if n == 0 else outer.after(forms)


def _stack(parts: list[Forms], width: int) -> Forms:
    """All forms of the parts, one after the other."""
    indptr = [np.zeros(1, dtype=np.int64)]
    offset = 0
    for part in parts:
        indptr.append(part.indptr[1:] + offset)
        offset += int(part.indptr[-1])
    return Forms(
        np.concatenate(indptr),
        np.concatenate([part.indices for part in parts]),
        _concatenate([part.data for part in parts]),
        _concatenate([part.const for part in parts]),
        width,
    )


def _concatenate(arrays: list[np.ndarray]) -> np.ndarray:
    """Exact arrays one after the other; Fractions win over float64."""
    if any(a.dtype == object for a in arrays):
        out: list[Fraction] = [Fraction(v) for a in arrays for v in a.tolist()]
        return _exact(out)
    return np.concatenate(arrays)


def _exact(values: list[Fraction]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return compact(out)


def compile_network(network: Network) -> Program:
    """Lower a network to its program.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Program
        With consecutive affine operators composed exactly.
    """
    builder = Builder(network.input_dim)
    source = builder.input(network.input_shape)
    tensors: list[Tensor] = []
    for node in network.nodes:
        inputs = [source if i < 0 else tensors[i] for i in node.inputs]
        tensors.append(node.operator.lower(builder, *inputs))
    return builder.program(tensors[-1] if tensors else source)
