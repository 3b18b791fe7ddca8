"""The multiscale partition: the coarser ones behind every layer; units that never change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...compile.forms import Forms
from ...compile.program import Program, UnitName
from ...errors import LimitError, ParameterError
from ...mode import guarded
from .pieces import check_size, codes_in_chunks, exact_pieces, float_pieces
from .walk import layer_of_change

if TYPE_CHECKING:
    from ..columns.table import RegionTable

__all__ = ["LayerPartition", "StableUnits", "at_layer", "changes", "stable_units"]

_CODES_LIMIT = 2**31  # bytes


def changes(partition: RegionTable) -> np.ndarray:
    """Per region the first layer in which its code differs from the region's before."""
    parts, before = [], None
    start = partition.network.program.unit_start
    for codes in codes_in_chunks(partition):
        joined = codes if before is None else np.concatenate([before, codes])
        part = layer_of_change(joined, start)
        parts.append(part if before is None else part[1:])
        before = codes[-1:]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)


@guarded
class LayerPartition:
    """The regions of the network that ends after one of its layers.

    Made by `Partition.at_layer`. Its regions are the unions of the partition's regions whose
    codes agree in the first ``layer`` layers; each is convex.

    Attributes
    ----------
    partition : Partition
        The finest one.
    layer : int
        How many layers it is about: 0 is the domain as a whole.
    parent : int64 array, shape (regions of the finest partition,)
        For each of them the id of the region here that holds it.
    representatives : int64 array, shape (count,)
        For each region here the lowest id of a finest one inside.
    complete : bool
        Whether these are all regions; if the search was stopped, their number is a certified
        lower bound.

    Notes
    -----
    The layers are the program's: a layer holds the units that have equally many operators with
    units before them. A skip connection adds nothing to them. Regions here are in
    lexicographic order of their codes, so the finest ones inside one of them are consecutive.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1]]), es.Abs(), es.Dense([[1]], [-1]), es.Abs()], (1,))
    >>> omega = es.enumerate_regions(net)
    >>> first = omega.at_layer(1)
    >>> len(omega), first.count, first.parent.tolist()
    (4, 2, [0, 0, 1, 1])
    """

    def __init__(self, partition: RegionTable, layer: int, changes: np.ndarray) -> None:
        self.partition, self.layer = partition, layer
        start = changes < layer
        if len(start):
            start[0] = True
        self.representatives = np.flatnonzero(start)
        self.parent = np.cumsum(start) - 1
        self.complete = partition.complete

    @property
    def count(self) -> int:
        """How many regions there are.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[1]], [-1]), es.Abs()], (1,))  # ||x| - 1|
        >>> first = es.enumerate_regions(net).at_layer(1)
        >>> first.count
        2
        """
        return len(self.representatives)

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        kind = "regions" if self.complete else "regions (lower bound)"
        layers = len(self.partition.network.program.layers)
        return f"<{self.count:,} {kind} after layer {self.layer} of {layers}>"

    @property
    def units(self) -> int:
        """How many units a code here has: those of the first ``layer`` layers.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[1]], [-1]), es.Abs()], (1,))  # ||x| - 1|
        >>> first = es.enumerate_regions(net).at_layer(1)
        >>> first.units
        1
        """
        return int(self.partition.network.program.unit_start[self.layer])

    @property
    def codes(self) -> np.ndarray:
        """The codes of the first ``layer`` layers, shape (count, units).

        Raises
        ------
        LimitError
            If the array would take over 2 GiB.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[1]], [-1]), es.Abs()], (1,))  # ||x| - 1|
        >>> first = es.enumerate_regions(net).at_layer(1)
        >>> first.codes.tolist()
        [[0], [1]]
        """
        packed = self.partition._codes
        size = self.count * packed.units * packed.dtype.itemsize
        if size > _CODES_LIMIT:
            raise LimitError(
                f"at_layer({self.layer}).codes: {size:,} bytes are over the limit of "
                f"{_CODES_LIMIT:,}; take partition.code(i) of single representatives"
            )
        return packed.take(self.representatives)[:, : self.units]

    def parents_of(self, coarser: LayerPartition) -> np.ndarray:
        """For each region here the id of the region of a coarser partition that holds it.

        Parameters
        ----------
        coarser : LayerPartition
            Of the same partition, after the same or an earlier layer.

        Returns
        -------
        int64 array, shape (count,)

        Raises
        ------
        ParameterError
            If ``coarser`` is after a later layer, or of another partition.

        Examples
        --------
        >>> import exactspline as es
        >>> fold = [es.Dense([[1]], [-1]), es.Abs()]
        >>> net = es.Network(fold * 2, (1,))
        >>> omega = es.enumerate_regions(net)
        >>> first, second = omega.at_layer(1), omega.at_layer(2)
        >>> first.count, second.count, second.parents_of(first).tolist()
        (2, 4, [0, 0, 1, 1])
        """
        if coarser.partition is not self.partition or coarser.layer > self.layer:
            raise ParameterError(
                f"parents_of: the regions after layer {coarser.layer} are no coarser partition "
                f"of those after layer {self.layer}; give one of the same partition after an "
                "earlier layer"
            )
        return coarser.parent[self.representatives]

    def affine_pieces(self, *, exact: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The affine maps x -> z^(l) of all regions, as `Partition.affine_pieces` gives f's.

        Parameters
        ----------
        exact : bool
            True gives Fractions.

        Returns
        -------
        A : array, shape (count, units of the layer, D)
        b : array, shape (count, units of the layer)
            z^(l) = A x + b: the outputs of the layer's units, in the order of the code. For
            layer 0 it is x itself. What a skip connection carries past the layer is no part
            of z^(l).

        Raises
        ------
        LimitError
            If the arrays would be too large; ``affine(region)`` gives single ones.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[1]], [-1]), es.Abs()], (1,))  # ||x| - 1|
        >>> first = es.enumerate_regions(net).at_layer(1)
        >>> A, b = first.affine_pieces()
        >>> A.tolist(), b.tolist()
        ([[[-1.0]], [[1.0]]], [[0.0], [0.0]])
        """
        program = self._program
        check_size(self.count, program, exact, "affine(region) gives single ones")
        pieces = exact_pieces if exact else float_pieces
        return pieces(program, self._chunks(), self.count)

    def affine(self, region: int, *, exact: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The affine map x -> z^(l) of one region.

        Parameters
        ----------
        region : int
        exact : bool
            True gives Fractions.

        Returns
        -------
        A : array, shape (units of the layer, D)
        b : array, shape (units of the layer,)

        Raises
        ------
        IndexError
            If there is no such region.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Abs(), es.Dense([[1]], [-1]), es.Abs()], (1,))  # ||x| - 1|
        >>> first = es.enumerate_regions(net).at_layer(1)
        >>> A, b = first.affine(1, exact=True)
        >>> A.tolist(), b.tolist()
        ([[Fraction(1, 1)]], [Fraction(0, 1)])
        """
        if not 0 <= region < self.count:
            raise IndexError(f"region {region} of {self.count}")
        code = self.partition.code(int(self.representatives[region]))[None, : self.units]
        A, b = (exact_pieces if exact else float_pieces)(self._program, iter((code,)), 1)
        return A[0], b[0]

    @cached_property
    def _program(self) -> Program:
        """The program that ends after the layer."""
        program = self.partition.network.program
        if self.layer == 0:
            inputs = Forms.selection(np.arange(program.input_dim), program.input_dim)
            return replace(program, layers=(), output=inputs)
        layers = program.layers[: self.layer]
        units = np.arange(len(layers[-1].units))
        return replace(program, layers=layers, output=Forms.selection(units, layers[-1].state_size))

    def _chunks(self) -> Iterator[np.ndarray]:
        step = max(1, (1 << 25) // max(1, self.partition._codes.units))
        for start in range(0, self.count, step):
            codes = self.partition._codes.take(self.representatives[start : start + step])
            yield codes[:, : self.units]


def at_layer(partition: RegionTable, layer: int, changes: np.ndarray) -> LayerPartition:
    """The coarser partition after a layer; see `Partition.at_layer` and `changes`."""
    layers = len(partition.network.program.layers)
    if not 0 <= layer <= layers:
        raise ParameterError(
            f"at_layer({layer}): the network has {layers} layers; give 0 (the domain) to {layers}"
        )
    return LayerPartition(partition, layer, changes)


@dataclass(frozen=True)
class StableUnits:
    """Units whose piece is the same in all regions of a partition.

    Attributes
    ----------
    unit : int64 array
        Positions in the code, increasing.
    piece : array
        The piece of each.
    names : tuple of UnitName
        Who they are.
    complete : bool
        True: they never change in the domain, which is proved. False: the search was stopped,
        and they have not been seen to change.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, 5]), es.ReLU()], (1,))
    >>> stable = es.enumerate_regions(net, es.Box([-1], [1])).stable_units()
    >>> stable.unit.tolist(), stable.piece.tolist(), stable.complete
    ([1], [1], True)
    """

    unit: np.ndarray
    piece: np.ndarray
    names: tuple[UnitName, ...]
    complete: bool

    def __len__(self) -> int:
        return len(self.unit)

    def __repr__(self) -> str:
        kind = "that never change" if self.complete else "not seen to change (stopped search)"
        return f"<{len(self):,} units {kind}>"


def stable_units(partition: RegionTable) -> StableUnits:
    """Units that never change; see `Partition.stable_units`."""
    packed = partition._codes
    unit, piece = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=packed.dtype)
    if packed.low is not None:
        unit = np.setdiff1d(np.arange(packed.units), packed.varying)
        piece = packed.low[unit]
    names = tuple(partition.network.unit_name(int(u)) for u in unit)
    return StableUnits(unit, piece, names, partition.complete)
