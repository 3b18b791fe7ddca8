"""Max-affine spline operators, as operators of a network and as what other operators are.

``MASO(A, B)`` is max_r <A_kr, x> + B_kr for every output k. Every operator says itself as one
(or, where it is not convex, as an ``ASO``) by its lowering: its units are read off a program of
one layer, so that no operator states its spline twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import ShapeError, UnsupportedOperatorError
from ..rationals import as_fractions, compact, exact_array
from .operator import Fields, Operator, Shape, numeric

if TYPE_CHECKING:
    from ..compile.builder import Builder, Tensor
    from ..compile.program import Program

__all__ = ["ASO", "MASO", "SimplifiedMASO"]


class MASO(Operator):
    """A max-affine spline operator: S[A, B](x)_k = max_r <A_kr, x> + B_kr.

    Parameters
    ----------
    A : array_like, shape (K, R, D)
    B : array_like, shape (K, R), optional
        Zero by default.

    Notes
    -----
    Acts on the flattened input; the output has shape (K,). With R = 1 it is an affine
    operator and has no units.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018, definition 2.

    Examples
    --------
    >>> absolute = MASO([[[-1], [1]]])
    >>> absolute.forward(np.array([[-3.0]])).tolist()
    [[3.0]]
    """

    FIELDS: ClassVar[Fields] = {"A": "array", "B": "array"}

    def __init__(self, A: Any, B: Any = None, *, name: str = "") -> None:
        self.name = name
        self.A = exact_array(A, f"A of {self.label}")
        if self.A.ndim != 3 or self.A.size == 0:
            raise ShapeError(
                f"{self.label}: A has shape {self.A.shape}; give (outputs, pieces, inputs)"
            )
        self.B = (
            np.zeros(self.A.shape[:2]) if B is None else exact_array(B, f"B of {self.label}")
        )
        if self.B.shape != self.A.shape[:2]:
            raise ShapeError(
                f"{self.label}: B has shape {self.B.shape}, but A of shape {self.A.shape} "
                f"needs {self.A.shape[:2]}"
            )

    @property
    def parameters(self) -> int:
        return int(self.A.size + self.B.size)

    def describe(self) -> str:
        k, r, d = self.A.shape
        return f"{self.kind} {d} -> {k} ({r} piece{'s' if r > 1 else ''})"

    def output_shape(self, shape: Shape) -> Shape:
        if math.prod(shape) != self.A.shape[2]:
            raise ShapeError(
                f"A of shape {self.A.shape} needs {self.A.shape[2]} inputs, "
                f"but the input has shape {shape}"
            )
        return (self.A.shape[0],)

    def pieces(self, x: np.ndarray) -> np.ndarray:
        """All pieces' values, shape (batch, K, R), in the arithmetic of ``x``."""
        k, r, d = self.A.shape
        flat = x.reshape(x.shape[0], d)
        values = flat @ numeric(self.A, x).reshape(k * r, d).T
        return values.reshape(len(x), k, r) + numeric(self.B, x)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.output_shape(x.shape[1:])
        return np.asarray(self.pieces(x).max(axis=2))

    def code(self, x: np.ndarray) -> np.ndarray:
        """Per sample and output the lowest piece that attains the maximum, shape (batch, K).

        In float64 a tie is a tie of rounded values; with Fractions it is exact.
        """
        return np.asarray(np.argmax(self.pieces(x), axis=2))

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        out = self.output_shape(x.shape)
        k, r, d = self.A.shape
        rows = builder.affine(
            x,
            np.arange(k * r + 1, dtype=np.int64) * d,
            np.tile(np.arange(d), k * r),
            self.A.reshape(-1),
            self.B.reshape(-1),
            (k * r,),
        )
        if r == 1:
            return builder.reshape(rows, out)
        members = np.arange(k * r).reshape(k, r).tolist()
        return builder.max_units(rows, members, out)


class SimplifiedMASO(MASO):
    """The theory's simplified MASO: max_r <A_kr, x + beta>, one bias shared by all pieces.

    Parameters
    ----------
    A : array_like, shape (K, R, D)
    beta : array_like, shape (D,)

    References
    ----------
    Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018.

    Examples
    --------
    >>> SimplifiedMASO([[[0], [1]]], [-2]).forward(np.array([[5.0]])).tolist()
    [[3.0]]
    """

    FIELDS: ClassVar[Fields] = {"A": "array", "beta": "array"}

    def __init__(self, A: Any, beta: Any, *, name: str = "") -> None:
        self.name = name
        exact = exact_array(A, f"A of {self.label}")
        self.beta = exact_array(beta, f"beta of {self.label}")
        if exact.ndim != 3 or self.beta.shape != exact.shape[2:]:
            raise ShapeError(
                f"{self.label}: A of shape {exact.shape} and beta of shape {self.beta.shape} "
                "do not fit; give (outputs, pieces, inputs) and (inputs,)"
            )
        B = as_fractions(exact) @ as_fractions(self.beta)
        super().__init__(exact, compact(np.asarray(B)), name=name)

    @property
    def parameters(self) -> int:
        return int(self.A.size + self.beta.size)


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
    """

    A: np.ndarray
    B: np.ndarray
    pieces: np.ndarray
    program: Program

    def code(self, x: Sequence[Any]) -> np.ndarray:
        """The piece of every output at a point (flat, D numbers), exactly; shape (K,)."""
        from ..exact.point import code_at

        point = self._point(x).tolist()
        chosen = np.zeros(len(self.pieces), dtype=np.int64)
        chosen[self._units()] = code_at(self.program, point)[0]
        return chosen

    def _point(self, x: Sequence[Any]) -> np.ndarray:
        point = as_fractions(exact_array(x, "point")).reshape(-1)
        if point.size != self.program.input_dim:
            raise ShapeError(
                f"point: {point.size} numbers do not fit; give {self.program.input_dim} numbers, "
                "the flattened inputs one after the other"
            )
        return point

    def _units(self) -> np.ndarray:
        """Which output every unit is."""
        out = self.program.output
        units = len(self.program.layers[0].units) if self.program.layers else 0
        where = np.zeros(units, dtype=np.int64)
        for k in range(len(out)):
            for j in out.indices[out.indptr[k] : out.indptr[k + 1]].tolist():
                if j < units:
                    where[j] = k
        return where

    def __call__(self, x: Sequence[Any]) -> np.ndarray:
        """The exact value at a point; object array of K Fractions."""
        point = self._point(x)
        rows = np.arange(len(self.pieces)), self.code(x)
        return np.asarray(as_fractions(self.A[rows]) @ point + as_fractions(self.B[rows]))


def operator_as_aso(operator: Operator, shapes: Sequence[Sequence[int]]) -> ASO:
    """See `Operator.as_aso`."""
    from ..compile.builder import compile_operator

    operator.output_shape(*[tuple(s) for s in shapes])
    program = compile_operator(operator, shapes)
    if len(program.layers) > 1:
        raise UnsupportedOperatorError(
            f"{operator.label}: has more than one layer of units; it is a composition of splines"
        )
    rows: list[list[tuple[dict[int, Fraction], Fraction]]] = []
    for k in range(len(program.output)):
        indices, data, const = program.output.row(k)
        if not program.layers:
            entries = zip(indices.tolist(), map(Fraction, data.tolist()), strict=True)
            rows.append([(dict(entries), const)])
            continue
        rows.append(_output_pieces(program, indices, data, const, operator))
    most, d = max(map(len, rows)), program.input_dim
    A, B = np.zeros((len(rows), most, d), dtype=object), np.zeros((len(rows), most), dtype=object)
    A[...], B[...] = Fraction(0), Fraction(0)
    for k, pieces in enumerate(rows):
        for r in range(most):
            entries_, const = pieces[min(r, len(pieces) - 1)]
            for j, value in entries_.items():
                A[k, r, j] = value
            B[k, r] = const
    return ASO(compact(A), compact(B), np.array([len(p) for p in rows]), program)


def _output_pieces(
    program: Program, indices: np.ndarray, data: np.ndarray, const: Fraction, operator: Operator
) -> list[tuple[dict[int, Fraction], Fraction]]:
    """The pieces of one output: those of the one unit it reads, or an affine form."""
    layer = program.layers[0]
    units = layer.units
    read = [j for j in indices.tolist() if j < len(units)]
    if not read:  # it passes inputs on
        inputs = layer.keep[indices - len(units)]
        entries = zip(inputs.tolist(), map(Fraction, data.tolist()), strict=True)
        return [(dict(entries), const)]
    if len(indices) != 1:
        raise UnsupportedOperatorError(f"{operator.label}: an output reads several units")
    factor = Fraction(data.tolist()[0])
    out = []
    for piece in range(int(units.piece_start[read[0]]), int(units.piece_start[read[0] + 1])):
        at, values, offset = layer.members.row(int(units.piece_member[piece]))
        slope = Fraction(units.piece_slope[piece]) * factor
        shift = Fraction(units.piece_offset[piece]) * factor + const
        entries_ = {
            int(j): slope * Fraction(v) for j, v in zip(at.tolist(), values.tolist(), strict=True)
        }
        out.append((entries_, slope * offset + shift))
    return out


def operator_as_maso(operator: Operator, shapes: Sequence[Sequence[int]]) -> MASO:
    """See `Operator.as_maso`."""
    spline = operator_as_aso(operator, shapes)
    program = spline.program
    if program.layers:
        units = program.layers[0].units
        bad = next((k for k in range(len(units)) if not units.is_convex(k)), None)
        if bad is not None:
            raise UnsupportedOperatorError(
                f"{operator.label}: unit {program.unit_name(bad)} is not convex, so it is no "
                "max-affine spline; "
                "as_aso gives its affine spline"
            )
    return MASO(spline.A, spline.B, name=operator.name)
