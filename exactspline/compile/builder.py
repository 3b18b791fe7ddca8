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
from typing import Any, Protocol

import numpy as np

from ..clock import check
from ..rationals import compact
from ..room import MOST_COEFFICIENTS, MOST_MEMBERS, check_room
from .forms import Forms
from .program import Layer, Program, UnitGroup, Units
from .units import (
    Piece,
    Spline,
    concatenate,
    max_table,
    merge,
    spline_table,
    stack,
)

__all__ = [
    "Builder",
    "Graph",
    "Lowered",
    "Tensor",
    "Wired",
    "compile_network",
    "compile_operator",
    "stacked",
]

_AT_ONCE = 1 << 20  # members that are looked through at once


class Lowered(Protocol):
    """What is asked of an operator here: a name for its units, and that it writes itself."""

    @property
    def label(self) -> str: ...

    def lower(self, builder: Builder, *inputs: Any) -> Tensor: ...


class Wired(Protocol):
    """An operator of a network, and which nodes it reads (-1 is the input)."""

    @property
    def operator(self) -> Lowered: ...

    @property
    def inputs(self) -> tuple[int, ...]: ...


class Graph(Protocol):
    """What is asked of a network here."""

    @property
    def input_dim(self) -> int: ...

    @property
    def input_shape(self) -> tuple[int, ...]: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def nodes(self) -> Sequence[Wired]: ...


class Tensor:
    """A value inside the network while it is lowered: a shape and its affine forms.

    The forms are composed only when somebody reads them. ``depth``: operators with units
    before it in a row; at least the depth of the atoms it reads.

    Parameters
    ----------
    shape : tuple of int
    make : callable
        Composes the forms; it is given those of ``reads``, in that order.
    depth : int
    reads : sequence of Tensor
    """

    def __init__(
        self, shape: tuple[int, ...], make: Callable[..., Forms], depth: int = 0,
        reads: Sequence[Tensor] = (),
    ) -> None:  # fmt: skip
        self.shape = shape
        self.depth = depth
        self._make: Callable[..., Forms] | None = make
        self._reads = tuple(reads)
        self._forms: Forms | None = None

    @property
    def forms(self) -> Forms:
        """The affine forms over atoms, row-major."""
        # no recursion: thousands of affine operators in a row are composed at once
        waiting = [self]
        while waiting:
            tensor = waiting[-1]
            missing = [x for x in tensor._reads if x._forms is None]
            if missing and tensor._forms is None:
                waiting += missing
                continue
            waiting.pop()
            if tensor._forms is None:
                assert tensor._make is not None
                tensor._forms = tensor._make(*(x._forms for x in tensor._reads))
                tensor._make, tensor._reads = None, ()
        assert self._forms is not None
        return self._forms


@dataclass
class _Group:
    """Units that one operator made: members over atoms, their table, first atom, layer."""

    members: Forms
    units: Units
    name: UnitGroup
    first_atom: int
    level: int


class Builder:
    """Collects the lowered operators of one network.

    Attributes
    ----------
    operator : str
        The name of the operator that is being lowered: that of the units it makes.
    """

    def __init__(self, input_dim: int) -> None:
        self.input_dim = input_dim
        self.operator = ""
        self.levels = np.zeros(input_dim, dtype=np.int64)  # of every atom so far
        self.groups: list[_Group] = []
        self.held = 0  # coefficients and pieces of all groups

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

        def make(inner: Forms) -> Forms:
            outer = Forms(
                np.asarray(indptr, dtype=np.int64),
                np.asarray(indices, dtype=np.int64),
                data,
                const,
                width,
            ).without_zeros()
            if order is not None:
                outer = outer.take(order)
            return outer.after(inner)

        return Tensor(shape, make, x.depth, [x])

    def reshape(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The same entries in another shape."""
        return Tensor(shape, lambda forms: forms, x.depth, [x])

    def join(self, tensors: Sequence[Tensor]) -> Tensor:
        """The entries of several tensors one after the other, as one flat tensor."""
        size = (sum(math.prod(x.shape) for x in tensors),)
        if len(tensors) == 1:
            return self.reshape(tensors[0], size)
        depth = max(x.depth for x in tensors)
        return Tensor(size, lambda *forms: stacked(forms), depth, tensors)

    def gather(self, x: Tensor, entries: np.ndarray, fill: Fraction = Fraction(0)) -> Tensor:
        """Chosen entries, in the shape of ``entries``; the constant ``fill`` where it is -1."""
        flat = np.asarray(entries, dtype=np.int64).reshape(-1)

        def make(forms: Forms) -> Forms:
            if not np.any(flat < 0):
                return forms.take(flat)
            constant = Forms(
                np.zeros(2, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0),
                _exact([fill]), forms.width,
            )  # fmt: skip
            return stacked([forms, constant]).take(np.where(flat < 0, len(forms), flat))

        return Tensor(tuple(entries.shape), make, x.depth, [x])

    def scalar_units(
        self, x: Tensor, breaks: Sequence[Sequence[Fraction]], pieces: Sequence[Sequence[Piece]]
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
        breaks, pieces = list(breaks), list(pieces)  # alive, so that an id means one object
        kinds: dict[Spline, int] = {}
        known: dict[tuple[int, int], int] = {}  # equal objects need no comparison
        which = np.empty(len(breaks), dtype=np.int64)
        for i, (b, p) in enumerate(zip(breaks, pieces, strict=True)):
            kind = known.get((id(b), id(p)))
            if kind is None:
                kind = kinds.setdefault(merge(b, p), len(kinds))
                known[id(b), id(p)] = kind
            which[i] = kind
        splines = list(kinds)
        is_unit = np.array([len(b) > 0 for b, _ in splines], dtype=bool)[which]
        if not np.any(is_unit):
            return self._scaled(x, [splines[k][1][0] for k in which.tolist()])
        rows = np.flatnonzero(is_unit)
        table = spline_table(splines, which[rows])
        made = self._add(x, x.forms.take(rows), table, x.shape, None if is_unit.all() else rows)
        if np.all(is_unit):
            return made
        other = np.flatnonzero(~is_unit)
        kept = self._scaled(
            self.gather(x, other), [splines[k][1][0] for k in which[other].tolist()]
        )
        place = np.empty(len(which), dtype=np.int64)
        place[rows], place[other] = np.arange(len(rows)), len(rows) + np.arange(len(other))
        return self.gather(self.join([made, kept]), place.reshape(x.shape))

    def _scaled(self, x: Tensor, pieces: list[Piece]) -> Tensor:
        n = len(pieces)
        return self.affine(
            x,
            np.arange(n + 1, dtype=np.int64),
            np.arange(n, dtype=np.int64),
            _exact([slope for slope, _ in pieces]),
            _exact([offset for _, offset in pieces]),
            x.shape,
        )

    def max_units(
        self,
        x: Tensor,
        members: np.ndarray | Sequence[Sequence[int]],
        shape: tuple[int, ...],
        *,
        concave: bool = False,
    ) -> Tensor:
        """One max unit (min unit if ``concave``) per tuple of entries of ``x``.

        ``members`` may be an array (units, entries). A repeated member counts once; a single
        one makes no unit.
        """
        flat, sizes = _distinct(members)
        rows = np.flatnonzero(sizes > 1)
        single = np.flatnonzero(sizes == 1)
        alone = self.gather(x, flat[(np.cumsum(sizes) - sizes)[single]])
        if len(rows) == 0:
            return self.reshape(alone, shape)
        if len(single):
            flat = flat[np.repeat(sizes > 1, sizes)]
        read = np.zeros(math.prod(x.shape), dtype=bool)
        read[flat] = True
        place = (np.cumsum(read) - 1).astype(np.int32)[flat]
        table = max_table(sizes[rows], place, concave=concave)
        entries = None if len(single) == 0 else rows
        made = self._add(x, x.forms.take(np.flatnonzero(read)), table, shape, entries)
        if len(single) == 0:
            return made
        order = np.empty(len(sizes), dtype=np.int64)
        order[rows], order[single] = np.arange(len(rows)), len(rows) + np.arange(len(single))
        return self.gather(self.join([made, alone]), order.reshape(shape))

    def _add(
        self,
        x: Tensor,
        members: Forms,
        units: Units,
        shape: tuple[int, ...],
        entries: np.ndarray | None,
    ) -> Tensor:
        """Register units of one layer; returns their outputs."""
        self.held += len(members.data) + len(units.piece_member)
        check_room(
            self.held, MOST_COEFFICIENTS, f"{self.operator}: the compiled network",
            "take a smaller network, or evaluate it with Network.forward",
        )  # fmt: skip
        level = 1 + max(x.depth, int(self.levels[x.forms.indices].max(initial=0)))
        first = self.n_atoms
        self.groups.append(
            _Group(members, units, UnitGroup(self.operator, shape, entries), first, level)
        )
        self.levels = np.concatenate([self.levels, np.full(len(units), level, dtype=np.int64)])
        atoms, width = np.arange(first, first + len(units)), self.n_atoms
        out = shape if entries is None else (len(units),)
        return Tensor(out, lambda: Forms.selection(atoms, width), level)

    def program(self, output: Tensor) -> Program:
        """Sort everything into layers."""
        n_layers = int(self.levels.max()) if len(self.levels) else 0
        needed = _last_use(self, n_layers, output.forms.indices)
        position = np.full(self.n_atoms, -1, dtype=np.int64)
        position[: self.input_dim] = np.arange(self.input_dim)
        state = np.arange(self.input_dim)
        layers = []
        for level in range(1, n_layers + 1):
            check()
            groups = [g for g in self.groups if g.level == level]
            starts = np.cumsum([0, *(len(g.members) for g in groups)])[:-1].tolist()
            members = stacked([g.members for g in groups]).relabel(position, len(state))
            units = stack([(g.units, at) for g, at in zip(groups, starts, strict=True)])
            made = np.concatenate([g.first_atom + np.arange(len(g.units)) for g in groups])
            keep = np.flatnonzero(needed[state] > level)
            state = np.concatenate([made, state[keep]])
            layers.append(Layer(members, units, keep, tuple(g.name for g in groups)))
            position[:] = -1
            position[state] = np.arange(len(state))
        return Program(self.input_dim, tuple(layers), output.forms.relabel(position, len(state)))


def _last_use(builder: Builder, n_layers: int, output_atoms: np.ndarray) -> np.ndarray:
    """Per atom the last level that reads it; the output reads at level n_layers + 1."""
    needed = np.zeros(builder.n_atoms, dtype=np.int64)
    for group in builder.groups:
        atoms = group.members.indices
        needed[atoms] = np.maximum(needed[atoms], group.level)
    needed[output_atoms] = n_layers + 1
    return needed


def _distinct(members: np.ndarray | Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Every tuple without repetitions, one after the other, and how long each is."""
    count = members.size if isinstance(members, np.ndarray) else sum(map(len, members))
    check_room(count, MOST_MEMBERS, "units that are maxima", "take fewer members")
    if not isinstance(members, np.ndarray):
        tuples = [tuple(dict.fromkeys(m)) for m in members]
        sizes = np.array([len(m) for m in tuples], dtype=np.int64)
        return np.array([i for m in tuples for i in m], dtype=np.int64), sizes
    sizes, parts = np.empty(len(members), dtype=np.int64), []
    step = max(1, _AT_ONCE // max(1, members.shape[1]))
    for begin in range(0, len(members), step):
        block = members[begin : begin + step]
        order = np.argsort(block, axis=1, kind="stable")
        ordered = np.take_along_axis(block, order, axis=1)
        first = np.ones(block.shape, dtype=bool)
        np.put_along_axis(first, order[:, 1:], ordered[:, 1:] != ordered[:, :-1], axis=1)
        sizes[begin : begin + step] = first.sum(axis=1)
        parts.append(block[first])
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts]), sizes


def stacked(parts: Sequence[Forms]) -> Forms:
    """All forms of the parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    indptr = [np.zeros(1, dtype=np.int64)]
    offset = 0
    for part in parts:
        indptr.append(part.indptr[1:] + offset)
        offset += int(part.indptr[-1])
    return Forms(
        np.concatenate(indptr),
        np.concatenate([part.indices for part in parts]),
        concatenate([part.data for part in parts]),
        concatenate([part.const for part in parts]),
        max(part.width for part in parts),
    )


def _exact(values: list[Fraction]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return compact(out)


def compile_operator(operator: Lowered, shapes: Sequence[Sequence[int]]) -> Program:
    """Lower one operator alone.

    Parameters
    ----------
    operator : Operator
    shapes : sequence of shapes
        Of its inputs.

    Returns
    -------
    Program
        Over its flattened inputs, one after the other.
    """
    sizes = [math.prod(shape) for shape in shapes]
    builder = Builder(sum(sizes))
    builder.operator = operator.label
    source = builder.input((sum(sizes),))
    tensors, at = [], 0
    for shape, size in zip(shapes, sizes, strict=True):
        tensors.append(builder.reshape(builder.gather(source, at + np.arange(size)), tuple(shape)))
        at += size
    return builder.program(operator.lower(builder, *tensors))


def compile_network(network: Graph) -> Program:
    """Lower a network to its program.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Program
        With consecutive affine operators composed exactly. Units are named after their
        operator; operators that share a name are told apart by their position.
    """
    builder = Builder(network.input_dim)
    source = builder.input(network.input_shape)
    labels = network.labels
    tensors: list[Tensor] = []
    for position, node in enumerate(network.nodes):
        check()
        builder.operator = labels[position]
        inputs = [source if i < 0 else tensors[i] for i in node.inputs]
        tensors.append(node.operator.lower(builder, *inputs))
    return builder.program(tensors[-1] if tensors else source)
