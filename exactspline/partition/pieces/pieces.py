"""The affine maps of many regions at once, in float64 or exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...compile.forms import Forms
from ...compile.program import Program
from ...domain.rows import dense_fractions
from ...errors import LimitError, ParameterError
from ...rationals import nearest_floats
from ..regions.maps import program_map
from .vanishing import Vanishing
from .walk import Walker

if TYPE_CHECKING:
    from ..columns.table import RegionTable

__all__ = [
    "affine_pieces",
    "check_size",
    "codes_in_chunks",
    "exact_pieces",
    "float_pieces",
    "iter_affine_pieces",
]

MOST_BYTES = 2**31  # of the arrays that are returned
MOST_FRACTIONS = 2_000_000
_CODES = 1 << 25  # bytes of codes that are unpacked at once
_SAFE = 2.0**500  # parameters beyond it, or below its reciprocal, are left to rationals

Pieces = tuple[np.ndarray, np.ndarray]


def affine_pieces(partition: RegionTable, *, exact: bool = False) -> Pieces:
    """The affine maps of all regions; see `Partition.affine_pieces`."""
    program = partition.network.program
    check_size(len(partition), program, exact, "iter_affine_pieces() goes through them in chunks")
    if exact:
        return exact_pieces(program, codes_in_chunks(partition), len(partition))
    return float_pieces(program, codes_in_chunks(partition), len(partition))


def iter_affine_pieces(partition: RegionTable, chunk: int) -> Iterator[Pieces]:
    """The affine maps chunk by chunk; see `Partition.iter_affine_pieces`."""
    if chunk < 1:
        raise ParameterError(f"iter_affine_pieces: chunk {chunk}; give at least 1")
    evaluate = _Float(partition.network.program)
    return (evaluate(codes) for codes in partition.iter_codes(chunk))


def codes_in_chunks(partition: RegionTable) -> Iterator[np.ndarray]:
    """All codes, as many rows at once as are worth unpacking."""
    units = max(1, partition.network.program.n_units)
    return partition.iter_codes(max(1, min(_CODES // units, 1 << 20)))


def check_size(regions: int, program: Program, exact: bool, advice: str) -> None:
    entries = regions * len(program.output) * (program.input_dim + 1)
    if exact and entries > MOST_FRACTIONS:
        raise LimitError(
            f"affine_pieces: {entries:,} Fractions are over the limit of {MOST_FRACTIONS:,}; "
            "ask single regions for affine(exact=True), or take float64"
        )
    if 8 * entries > MOST_BYTES:
        raise LimitError(
            f"affine_pieces: the arrays would take {8 * entries:,} bytes, over the limit of "
            f"{MOST_BYTES:,}; {advice}"
        )


def float_pieces(program: Program, chunks: Iterator[np.ndarray], count: int) -> Pieces:
    """The outputs of a program over its inputs in float64, for distinct codes."""
    n, dim = len(program.output), program.input_dim
    A, b = np.empty((count, n, dim)), np.empty((count, n))
    evaluate = _Float(program)
    at = 0
    for codes in chunks:
        evaluate(codes, A[at : at + len(codes)], b[at : at + len(codes)])
        at += len(codes)
    return A, b


def exact_pieces(program: Program, chunks: Iterator[np.ndarray], count: int) -> Pieces:
    """The outputs of a program over its inputs as Fractions."""
    n, dim = len(program.output), program.input_dim
    A = np.empty((count, n, dim), dtype=object)
    b = np.empty((count, n), dtype=object)
    at = 0
    for codes in chunks:
        for code in codes:
            A[at], b[at] = dense_fractions(program_map(program, code))
            at += 1
    return A, b


class _Float:
    """Affine maps in float64 for codes that are all different."""

    def __init__(self, program: Program) -> None:
        self.program = program
        inputs = Forms.selection(np.arange(program.input_dim), program.input_dim)
        self.walker = None
        if _in_range(program):
            self.walker = Walker(program, inputs)
            self.vanishing = Vanishing(program, inputs, forms=False)

    def __call__(
        self, codes: np.ndarray, A: np.ndarray | None = None, b: np.ndarray | None = None
    ) -> Pieces:
        n, dim = len(self.program.output), self.program.input_dim
        A = np.empty((len(codes), n, dim)) if A is None else A
        b = np.empty((len(codes), n)) if b is None else b
        if self.walker is None:
            self._exactly(codes, np.arange(len(codes)), A, b)
            return A, b
        last = len(self.program.layers)
        spoilt = np.zeros(len(codes), dtype=bool)
        with np.errstate(all="ignore"):  # what is not finite is found below
            for block, paths in self.vanishing.blocks(self.walker, codes):
                if block.level == last:
                    rows, own = block.members, slice(block.starts[0], block.stop)
                    A[own] = rows[:, :, 1:].transpose(1, 0, 2)
                    b[own] = rows[:, :, 0].T
                    if paths is not None:
                        found = self.vanishing.spoilt(last, rows, paths.members)
                        spoilt[own] = found.any(axis=(0, 2))
        finite = np.isfinite(A).all(axis=(1, 2)) & np.isfinite(b).all(axis=1)
        self._exactly(codes, np.flatnonzero(~finite | spoilt), A, b)
        return A, b

    def _exactly(self, codes: np.ndarray, which: np.ndarray, A: np.ndarray, b: np.ndarray) -> None:
        for i in which.tolist():
            slopes, offsets = dense_fractions(program_map(self.program, codes[i]))
            A[i], b[i] = nearest_floats(slopes), nearest_floats(offsets)


def _in_range(program: Program) -> bool:
    """Whether float64 holds all parameters with room for products of a few of them."""
    arrays = [program.output.data, program.output.const]
    for layer in program.layers:
        units = layer.units
        arrays += [layer.members.data, layer.members.const, units.piece_slope, units.piece_offset]
    for array in arrays:
        size = np.abs(array[array != 0])
        if np.any(size > _SAFE) or np.any(size < 1 / _SAFE):
            return False
    return True
