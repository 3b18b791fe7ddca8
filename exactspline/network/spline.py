"""Affine splines read off a program of one layer, so that no operator states its spline twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..compile.program import Program
from ..errors import LimitError, ShapeError, UnsupportedOperatorError
from ..mode import guarded
from ..rationals import as_fractions, compact, exact_array

__all__ = ["ASO", "affine_of", "exact_vector", "program_as_aso", "read_units"]

_MOST_ENTRIES = 2_000_000  # of a dense A


@guarded
@dataclass(frozen=True)
class ASO:
    """An affine spline operator of one layer: pieces, and which of them holds where.

    Attributes
    ----------
    A : exact array, shape (K, R, D)
        The last piece is repeated where an output has fewer than R.
    B : exact array, shape (K, R)
    pieces : numpy.ndarray, shape (K,)
        How many pieces every output has.
    program : Program
        One layer at most; decides which piece holds.

    Examples
    --------
    >>> import exactspline as es
    >>> spline = es.Clip(0, 1).as_aso((1,))
    >>> spline.A.tolist(), spline.B.tolist(), spline.pieces.tolist()
    ([[[0.0], [1.0], [0.0]]], [[0.0, 0.0, 1.0]], [3])
    """

    A: np.ndarray
    B: np.ndarray
    pieces: np.ndarray
    program: Program

    def code(self, x: Sequence[Any]) -> np.ndarray:
        """The piece of every output at a point (flat, D numbers), exactly; shape (K,).

        Examples
        --------
        >>> import exactspline as es
        >>> es.Clip(0, 1).as_aso((1,)).code(["1/2"]).tolist()
        [1]
        """
        from ..cells.point import code_at

        found = np.append(code_at(self.program, self._point(x).tolist())[0], 0)
        return found[self._read].astype(np.int64)

    def _point(self, x: Sequence[Any]) -> np.ndarray:
        return exact_vector(x, self.program.input_dim, "ASO")

    @property
    def _read(self) -> np.ndarray:
        """Which unit every output reads; several may read one. -1: none, it is affine."""
        out = np.full(len(self.pieces), -1)
        for k in range(len(out)):
            for unit, _ in read_units(self.program, k):
                out[k] = unit
        return out

    def __call__(self, x: Sequence[Any]) -> np.ndarray:
        """The exact value at a point; object array of K Fractions."""
        point = self._point(x)
        rows = np.arange(len(self.pieces)), self.code(x)
        return np.asarray(as_fractions(self.A[rows]) @ point + as_fractions(self.B[rows]))


def exact_vector(x: Sequence[Any], size: int, where: str) -> np.ndarray:
    """A point as an object array of Fractions, flat."""
    point = as_fractions(exact_array(x, f"point of {where}")).reshape(-1)
    if point.size != size:
        raise ShapeError(
            f"point of {where}: {point.size} numbers do not fit; give {size} numbers, "
            "the flattened inputs one after the other"
        )
    return point


def program_as_aso(program: Program, label: str) -> ASO:
    """The spline of a program with one layer at most, each of whose outputs reads one unit.

    Raises
    ------
    UnsupportedOperatorError
        If it has more layers, or an output reads several units.
    LimitError
        If A would hold over 2 million numbers.
    """
    if len(program.layers) > 1:
        raise UnsupportedOperatorError(
            f"{label}: has more than one layer of units; it is a composition of splines"
        )
    outputs, d = range(len(program.output)), program.input_dim
    most = max(_count_pieces(program, k) for k in outputs)
    if len(outputs) * most * d > _MOST_ENTRIES:
        raise LimitError(
            f"{label}: a dense A of shape {(len(outputs), most, d)} holds more than "
            f"{_MOST_ENTRIES:,} numbers; take a smaller input"
        )
    rows = [_output_pieces(program, k, label) for k in outputs]
    A = np.full((len(rows), most, d), Fraction(0), dtype=object)
    B = np.full((len(rows), most), Fraction(0), dtype=object)
    for k, pieces in enumerate(rows):
        for r in range(most):
            entries, const = pieces[min(r, len(pieces) - 1)]
            for j, value in entries.items():
                A[k, r, j] = value
            B[k, r] = const
    return ASO(compact(A), compact(B), np.array([len(p) for p in rows]), program)


def read_units(program: Program, k: int) -> list[tuple[int, Fraction]]:
    """The units that an output reads, with their factors."""
    units = len(program.layers[0].units) if program.layers else 0
    indices, data, _ = program.output.row(k)
    pairs = zip(indices.tolist(), data.tolist(), strict=True)
    return [(j, Fraction(c)) for j, c in pairs if j < units]


def _count_pieces(program: Program, k: int) -> int:
    """How many pieces an output has: those of the unit it reads."""
    read = read_units(program, k)
    return max((int(program.layers[0].units.pieces[unit]) for unit, _ in read), default=1)


def _output_pieces(
    program: Program, k: int, label: str
) -> list[tuple[dict[int, Fraction], Fraction]]:
    """The pieces of one output: those of the one unit it reads, and what is passed to it."""
    indices, data, const = program.output.row(k)
    entries = zip(indices.tolist(), map(Fraction, data.tolist()), strict=True)
    if not program.layers:
        return [(dict(entries), const)]
    layer = program.layers[0]
    units = layer.units
    passed = {int(layer.keep[j - len(units)]): c for j, c in entries if j >= len(units)}
    read = read_units(program, k)
    if not read:
        return [(passed, const)]
    if len(read) != 1:
        raise UnsupportedOperatorError(f"{label}: an output reads several units")
    unit, factor = read[0]
    out = []
    for piece in range(int(units.piece_start[unit]), int(units.piece_start[unit + 1])):
        at, values, offset = layer.members.row(int(units.piece_member[piece]))
        slope = Fraction(units.piece_slope[piece]) * factor
        shift = Fraction(units.piece_offset[piece]) * factor + const
        terms = dict(passed)
        for j, v in zip(at.tolist(), values.tolist(), strict=True):
            terms[int(j)] = terms.get(int(j), Fraction(0)) + slope * Fraction(v)
        out.append((terms, slope * offset + shift))
    return out


def affine_of(program: Program, label: str) -> tuple[np.ndarray, np.ndarray]:
    """The matrix and the vector of a program without units, in Fractions."""
    spline = program_as_aso(program, label)
    return as_fractions(spline.A[:, 0]), as_fractions(spline.B[:, 0])
