"""Affine rows of a network on many regions at once, layer by layer.

Regions stand in lexicographic order, so consecutive ones share the beginning of their codes,
and with it the rows of the first layers. The walk goes depth first over the distinct
beginnings, some hundreds at a time, and computes the rows of a layer once for each: one matrix
product a layer and a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ...compile.forms import Forms
from ...compile.program import Layer, Program
from ...rationals import as_float
from ...room import check_room

__all__ = ["MOST_ENTRIES", "Arithmetic", "Block", "Walker", "layer_of_change", "walk_layers"]

_BLOCK = 1 << 18  # numbers of a layer that are computed at once: they stay in the cache
MOST_ENTRIES = 1 << 28  # of the rows of one layer for one code
_DENSE = 1 << 12  # entries up to which a matrix is never worth being sparse
_SHARE = 10  # one entry in so many has to be there for a dense matrix
_ONE_THREAD = 1 << 18  # multiplications up to which OpenBLAS takes one thread
_WIDTH, _MOST_COLUMNS = 64, 1024  # of the parts of products; whole numbers of vectors
_FEW_COLUMNS = 8  # fewer do not pay for leaving dead units out of a matrix


class Arithmetic:
    """What the walk computes with: float64, each parameter rounded once.

    `exactspline.partition.pieces.modular` has another one, which is exact.
    """

    exact = False  # whether nothing is rounded

    def values(self, array: np.ndarray) -> np.ndarray:
        """An exact array as numbers of this arithmetic."""
        values, errors = as_float(array)
        return values if errors is None else np.where(np.isfinite(errors), values, np.nan)

    def reduced(self, values: np.ndarray) -> np.ndarray:
        """Sums of products as numbers of this arithmetic, in place."""
        return values


class _Matrix:
    """Affine forms, dense or sparse, ready to be applied to rows of a state."""

    def __init__(self, forms: Forms, arithmetic: Arithmetic) -> None:
        n, width = len(forms), forms.width
        data = arithmetic.values(forms.data)
        self.arithmetic = arithmetic
        self.const = arithmetic.values(forms.const)
        self.matrix: Any
        self.dense = n * width <= max(_SHARE * len(data), _DENSE)
        if self.dense:
            self.matrix = np.zeros((n, width))
            rows = np.repeat(np.arange(n), np.diff(forms.indptr))
            np.add.at(self.matrix, (rows, forms.indices), data)  # no entry occurs twice
        else:
            from scipy.sparse import csr_array

            self.matrix = csr_array((data, forms.indices, forms.indptr), shape=(n, width))

    def __call__(self, z: np.ndarray, alive: np.ndarray | None, ones: slice) -> np.ndarray:
        """The forms over the rows z, shape (state entries, n, w); only ``alive`` ones given."""
        count, w = z.shape[1:]
        matrix = self.matrix if alive is None else self.matrix[:, alive]
        z = z.reshape(len(z), count * w)
        out = (_product(matrix, z) if self.dense else matrix @ z).reshape(-1, count, w)
        out[:, :, ones] += self.const[:, None, None]
        return self.arithmetic.reduced(out)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b, so that a column comes out the same to the last bit whatever stands beside it.

    BLAS sums in another order where shapes differ, and takes other instructions at the edges of
    a matrix. So it is given parts of one shape, the last one filled up with zeros; parts that
    it gives to one thread: many small products do not pay for more.
    """
    step = _ONE_THREAD // max(1, a.size) // _WIDTH * _WIDTH
    step = min(max(step, _WIDTH), _MOST_COLUMNS)
    n = b.shape[1]
    out = np.empty((len(a), n))
    for start in range(0, n - step + 1, step):
        np.matmul(a, b[:, start : start + step], out=out[:, start : start + step])
    rest = n % step
    if rest:
        padded = np.zeros((len(b), step))
        padded[:, :rest] = b[:, n - rest :]
        out[:, n - rest :] = (a @ padded)[:, :rest]
    return out


class _Pieces:
    """The pieces of a layer's units as slopes and offsets."""

    def __init__(self, layer: Layer, arithmetic: Arithmetic) -> None:
        units = layer.units
        self.arithmetic = arithmetic
        self.first = units.piece_start[:-1]
        self.member = units.piece_member.astype(np.int64)
        self.slope = arithmetic.values(units.piece_slope)
        self.offset = arithmetic.values(units.piece_offset)
        # whether all pieces of a unit read one member, so that units can be gathered at once
        self.own = self.member[self.first]
        self.single = bool(np.all(np.repeat(self.own, units.pieces) == self.member))
        self.plain = bool(np.all((self.slope == 0) | (np.abs(self.slope) == 1)))
        self.shifted = bool(np.any(self.offset != 0))
        self.keep = layer.keep

    def __call__(
        self, block: Block, codes: np.ndarray, parent: np.ndarray, ones: slice
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The state behind the layer for some codes: its rows, and which entries they are.

        Entries that vanish for all of the codes are left out (None: none is).
        """
        pieces = self.first[:, None] + codes.T  # (units, n)
        slope = self.slope[pieces]
        needed = (slope != 0).any(axis=1)
        if self.shifted:
            needed |= (self.offset[pieces] != 0).any(axis=1)
        n, w = len(parent), block.members.shape[2]
        units = len(needed)
        kept = block.entries(self.keep)
        if n * w < _FEW_COLUMNS or np.all(needed):
            alive, chosen = None, np.arange(units)
        else:
            chosen = np.flatnonzero(needed)
            alive = np.concatenate([chosen, units + np.arange(len(self.keep))])
            pieces, slope = pieces[chosen], slope[chosen]
        z = np.empty((len(chosen) + len(self.keep), n, w))
        new = z[: len(chosen)]
        if self.single:
            rows = (
                block.members
                if len(chosen) == len(block.members)
                and np.array_equal(self.own[chosen], np.arange(len(chosen)))
                else block.members[self.own[chosen]]
            )
            np.take(rows, parent, axis=1, out=new)
        else:
            new[...] = block.members[self.member[pieces], parent[None, :]]
        new *= slope[:, :, None]
        if self.shifted:
            new[:, :, ones] += self.offset[pieces][:, :, None]
        if not self.plain or self.shifted:
            self.arithmetic.reduced(new)
        if len(self.keep):
            np.take(kept, parent, axis=1, out=z[len(chosen) :])
        return z, alive


class Block:
    """The rows before one layer, for consecutive distinct beginnings of codes.

    Attributes
    ----------
    level : int
        How many layers the beginnings are about. The rows are those of layer ``level``; of
        the network's outputs if ``level`` is the number of layers.
    starts : int64 array, shape (n,)
        The first code that begins so, as a row of ``codes``; increasing.
    stop : int
        The last beginning ends before this row of ``codes``.
    """

    def __init__(
        self, walker: Walker, level: int, starts: np.ndarray, stop: int,
        z: np.ndarray, alive: np.ndarray | None,
    ) -> None:  # fmt: skip
        self.level, self.starts, self.stop = level, starts, stop
        self._walker, self._z, self._alive = walker, z, alive

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def members(self) -> np.ndarray:
        """Rows of the layer's members (or of the outputs), shape (members, n, width + 1).

        The constant first, then the coefficients: the order of rational rows.
        """
        if self.level == 0 and self._walker.first is not None:
            return self._walker.first
        return self._walker.matrices[self.level](self._z, self._alive, self._walker.ones)

    @property
    def state(self) -> np.ndarray:
        """Rows of the state behind the layers before, shape (entries, n, width + 1)."""
        return self.entries(np.arange(self._walker.sizes[self.level]))

    def entries(self, which: np.ndarray) -> np.ndarray:
        """Some entries of the state."""
        if self._alive is None:
            return self._z[which]
        out = np.zeros((len(which), *self._z.shape[1:]))
        at = np.searchsorted(self._alive, which)
        at[at == len(self._alive)] = 0
        there = self._alive[at] == which if len(self._alive) else np.zeros(len(which), dtype=bool)
        out[there] = self._z[at[there]]
        return out

    def index(self, rows: np.ndarray) -> np.ndarray:
        """Which of the n beginnings some rows of ``codes`` have, all from ``starts[0]`` on."""
        return np.searchsorted(self.starts, rows, side="right") - 1


class Walker:
    """A program ready to be walked through.

    Parameters
    ----------
    program : Program
    inputs : Forms
        The network's inputs as affine forms over the coordinates that the rows shall have:
        ``Forms.selection(numpy.arange(D), D)`` for x itself, ``chart.point`` for a domain's t.
    arithmetic : Arithmetic, optional
        float64 by default.
    at : array, shape (coordinates, points), optional
        Compute values at these points in place of rows: ``members`` then has one column a
        point.
    """

    def __init__(
        self, program: Program, inputs: Forms, arithmetic: Arithmetic | None = None,
        at: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.program = program
        arithmetic = Arithmetic() if arithmetic is None else arithmetic
        layers = program.layers
        levels = [*(layer.members for layer in layers), program.output]
        if at is None:
            check_room(
                max(len(forms) for forms in (inputs, *levels)) * (inputs.width + 1), MOST_ENTRIES,
                "affine maps of a layer, as dense rows",
                "take a slice of fewer dimensions, or single regions",
            )  # fmt: skip
        self.matrices = [_Matrix(forms, arithmetic) for forms in levels]
        self.pieces = [_Pieces(layer, arithmetic) for layer in layers]
        self.sizes = [program.input_dim, *(layer.state_size for layer in layers)]
        self.ones = slice(0, 1) if at is None else slice(None)
        self.inputs = _rows(inputs, arithmetic, at)
        # composed exactly and rounded once, where there is something to compose
        self.first = None
        if at is None and not arithmetic.exact:
            self.first = _rows(levels[0].after(inputs), arithmetic, None)

    def blocks(self, codes: np.ndarray, last: int | None = None) -> Iterator[Block]:
        """Walk depth first through the distinct beginnings of some codes.

        Parameters
        ----------
        codes : array, shape (n, units)
            In any order; the work is least where equal beginnings stand together.
        last : int, optional
            The last level; by default the number of layers, whose rows are the outputs.

        Yields
        ------
        Block
            Every beginning of every level once (where equal ones stand together); a block
            after the one that it continues. Within a level, in the order of ``codes``.
        """
        if len(codes) == 0:
            return
        last = len(self.program.layers) if last is None else last
        change = layer_of_change(codes, self.program.unit_start)
        starts = [np.flatnonzero(change < level) for level in range(last + 1)]
        root = Block(self, 0, starts[0][:1], len(codes), self.inputs, None)
        pending: list[Iterator[Block]] = [iter((root,))]
        while pending:
            block = next(pending[-1], None)
            if block is None:
                pending.pop()
                continue
            yield block
            if block.level < last:
                pending.append(self._behind(block, codes, starts[block.level + 1]))

    def _behind(self, block: Block, codes: np.ndarray, starts: np.ndarray) -> Iterator[Block]:
        """The blocks of the next level that continue this one."""
        level = block.level
        begin, end = self.program.unit_start[level : level + 2]
        first, stop = np.searchsorted(starts, [block.starts[0], block.stop])
        width = block.members.shape[2]
        step = max(1, _BLOCK // (width * max(1, self.sizes[level + 1])))
        for a, b in pairwise([*range(first, stop, step), stop]):
            own = starts[a:b]
            parent = block.index(own)
            z, alive = self.pieces[level](block, codes[own, begin:end], parent, self.ones)
            following = int(starts[b]) if b < stop else block.stop
            yield Block(self, level + 1, own, following, z, alive)


def walk_layers(program: Program, inputs: Forms, codes: np.ndarray) -> Iterator[Block]:
    """Rows of all layers in float64, for many codes: see `Walker.blocks` and `Block`.

    Parameters
    ----------
    program : Program
    inputs : Forms
        The inputs over the coordinates of the rows, as for `Walker`.
    codes : array, shape (n, units)
    """
    return Walker(program, inputs).blocks(codes)


def layer_of_change(codes: np.ndarray, unit_start: np.ndarray) -> np.ndarray:
    """Per code the first layer in which it differs from the code before.

    -1 for the first code; the number of layers where two codes are equal. The distinct
    beginnings of ``level`` layers start where this is below ``level``, and at the first code.
    """
    layers = len(unit_start) - 1
    out = np.full(len(codes), layers, dtype=np.int32)
    if len(codes):
        out[0] = -1
    step = max(1, (1 << 20) // max(1, codes.shape[1]))  # stays in the cache
    for start in range(1, len(codes) if codes.shape[1] else 0, step):
        stop = min(start + step, len(codes))
        differs = codes[start:stop] != codes[start - 1 : stop - 1]
        unit = differs.argmax(axis=1)
        changed = differs[np.arange(stop - start), unit]
        out[start:stop] = np.where(
            changed, np.searchsorted(unit_start, unit, side="right") - 1, layers
        )
    return out


def _rows(forms: Forms, arithmetic: Arithmetic, at: np.ndarray | None) -> np.ndarray:
    """Forms as rows, constant first, or their values at points; shape (forms, 1, columns)."""
    n = len(forms)
    data, const = arithmetic.values(forms.data), arithmetic.values(forms.const)
    rows = np.repeat(np.arange(n), np.diff(forms.indptr))
    if at is None:
        out = np.zeros((n, 1, forms.width + 1))
        out[rows, 0, forms.indices + 1] = data
        out[:, 0, 0] = const
        return out
    values = np.zeros((n, at.shape[1]))
    products = arithmetic.reduced(data[:, None] * at[forms.indices])
    np.add.at(values, rows, products)
    return arithmetic.reduced(values + const[:, None])[:, None, :]
