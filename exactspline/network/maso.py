"""Max-affine spline operators, as operators of a network and as what other operators are.

``MASO(A, B)`` is max_r <A_kr, x> + B_kr for every output k. Every operator says itself as one
(or, where it is not convex, as an ``ASO``) by its lowering: see `spline`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ..compile.builder import Builder, Tensor
from ..domain import Domain
from ..errors import ShapeError, UnsupportedOperatorError
from ..later import in_later_room, provides
from ..rationals import as_fractions, compact, exact_array
from .composition import after_affine, sums_of_pieces
from .operator import Fields, Operator, Shape, numeric, operator
from .spline import ASO, exact_vector, read_units

__all__ = ["MASO", "SimplifiedMASO"]


@operator
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
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018.

    Examples
    --------
    >>> absolute = MASO([[[-1], [1]]])
    >>> absolute.forward(np.array([[-3.0]])).tolist()
    [[3.0]]
    """

    FIELDS: ClassVar[Fields] = {"A": "array", "B": "array"}
    DEFAULTS: ClassVar[dict[str, str]] = {"B": "0"}

    def __init__(self, A: Any, B: Any = None, *, name: str = "") -> None:
        self.name = name
        self.A = exact_array(A, f"A of {self.label}")
        if self.A.ndim != 3 or self.A.size == 0:
            raise ShapeError(
                f"{self.label}: A has shape {self.A.shape}; give (outputs, pieces, inputs)"
            )
        self.B = np.zeros(self.A.shape[:2]) if B is None else exact_array(B, f"B of {self.label}")
        if self.B.shape != self.A.shape[:2]:
            raise ShapeError(
                f"{self.label}: B has shape {self.B.shape}, but A of shape {self.A.shape} "
                f"needs {self.A.shape[:2]}"
            )

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
        """All pieces' values, shape (batch, K, R), in the arithmetic of ``x``.

        Examples
        --------
        >>> absolute = MASO([[[-1], [1]]])
        >>> absolute.pieces(np.array([[-3.0]])).tolist()
        [[[3.0, -3.0]]]
        """
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

        Examples
        --------
        >>> absolute = MASO([[[-1], [1]]])
        >>> absolute.code(np.array([[-3.0], [2.0], [0.0]])).tolist()
        [[0], [1], [0]]
        """
        return np.asarray(np.argmax(self.pieces(x), axis=2))

    def evaluate(self, x: Sequence[Any]) -> np.ndarray:
        """The exact value at one point (flat, D numbers); object array of K Fractions.

        Examples
        --------
        >>> MASO([[[0], ["1/3"]]]).evaluate([1]).tolist()
        [Fraction(1, 3)]
        """
        return np.asarray(self.forward(exact_vector(x, self.A.shape[2], self.label)[None])[0])

    def vq_matrix(self, x: Sequence[Any]) -> np.ndarray:
        """The theory's Q[x] at one point, exactly: one-hot rows that select the pieces.

        Returns
        -------
        numpy.ndarray, shape (K, R)
            1 at the lowest piece that attains the maximum, else 0.

        Examples
        --------
        >>> MASO([[[-1], [1]], [[0], [1]]]).vq_matrix([-3]).tolist()
        [[1, 0], [1, 0]]
        """
        code = self.code(exact_vector(x, self.A.shape[2], self.label)[None])[0]
        return (np.arange(self.A.shape[1]) == code[:, None]).astype(np.int64)

    def active(self, x: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        """A[x], shape (K, D), and B[x], shape (K,), at one point: S(x) = A[x] x + B[x].

        Examples
        --------
        >>> A, B = MASO([[[-1], [1]]], [[0, 5]]).active([2])
        >>> A.tolist(), B.tolist()
        ([[Fraction(1, 1)]], [Fraction(5, 1)])
        """
        code = self.code(exact_vector(x, self.A.shape[2], self.label)[None])[0]
        rows = np.arange(len(code))
        return as_fractions(self.A[rows, code]), as_fractions(self.B[rows, code])

    def after(self, weight: Any, bias: Any = None) -> MASO:
        """The composition x -> S(W x + b), a MASO again.

        Parameters
        ----------
        weight : array_like, shape (D, n)
        bias : array_like, shape (D,), optional

        Returns
        -------
        MASO
            A_kr = W^T A_S,kr and B_kr = B_S,kr + <b, A_S,kr>.

        References
        ----------
        Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018: layers
        as compositions.

        Examples
        --------
        >>> MASO([[[-1], [1]]]).after([[2, 3]], [1]).A.tolist()
        [[[-2.0, -3.0], [2.0, 3.0]]]
        """
        W, b = affine_map(weight, bias, self.A.shape[2], None, self.label)
        A, B = after_affine(as_fractions(self.A), as_fractions(self.B), W, b)
        return MASO(A, B, name=self.name)

    def then(self, weight: Any, bias: Any = None) -> MASO:
        """The composition x -> V S(x) + c for V without negative entries, a MASO again.

        Parameters
        ----------
        weight : array_like, shape (n, K)
        bias : array_like, shape (n,), optional

        Returns
        -------
        MASO
            The pieces of a sum of maxima are the sums of pieces, one of each: as many as the
            product of the numbers of pieces of the outputs that a row reads.

        Raises
        ------
        UnsupportedOperatorError
            If an output with several pieces has a negative weight: what comes out is not convex
            in general.
        LimitError
            If that would be more than 100,000 pieces.

        Examples
        --------
        >>> MASO([[[-1, 0], [1, 0]], [[0, -1], [0, 1]]]).then([[1, 2]]).A.tolist()
        [[[-1.0, -2.0], [-1.0, 2.0], [1.0, -2.0], [1.0, 2.0]]]
        """
        V, c = affine_map(weight, bias, None, self.A.shape[0], self.label)
        A, B = sums_of_pieces(as_fractions(self.A), as_fractions(self.B), V, c, self.label)
        return MASO(A, B, name=self.name)

    def partition(self, domain: Domain | None = None) -> Any:
        """The partition that the operator induces, as `exactspline.enumerate_regions` gives it.

        Examples
        --------
        >>> MASO([[[-1], [1]], [[0], [1]]], [[0, 0], [0, -1]]).partition().codes.tolist()
        [[0, 0], [1, 0], [1, 1]]
        """
        return in_later_room("MASO.partition", self, domain)

    def power_diagram(self) -> Any:
        """The power diagram of the partition, one factor a unit.

        Examples
        --------
        >>> MASO([[[-1], [1]]]).power_diagram().assign([-3]).tolist()
        [0]
        """
        return in_later_room("MASO.power_diagram", self)

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
        members = np.arange(k * r).reshape(k, r)
        return builder.max_units(rows, members, out)


@operator
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

    computes = True
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


def affine_map(
    weight: Any, bias: Any, rows: int | None, columns: int | None, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """A matrix and a vector as Fractions, of a given number of rows or columns."""
    W = as_fractions(exact_array(weight, f"weight before or behind {where}"))
    fits = W.ndim == 2 and W.size > 0 and rows in (None, len(W))
    if not fits or columns not in (None, W.shape[1]):
        raise ShapeError(
            f"weight before or behind {where}: a matrix of shape {W.shape} does not fit; give "
            f"({'any' if rows is None else rows}, {'any' if columns is None else columns})"
        )
    if bias is None:
        return W, np.full(len(W), Fraction(0), dtype=object)
    b = as_fractions(exact_array(bias, f"bias before or behind {where}"))
    if b.shape != (len(W),):
        raise ShapeError(
            f"bias before or behind {where}: shape {b.shape} does not fit; give ({len(W)},)"
        )
    return W, b


@provides("Operator.as_maso")
def operator_as_maso(operator: Operator, shapes: Sequence[Sequence[int]]) -> MASO:
    """See `Operator.as_maso`."""
    return aso_as_maso(operator.as_aso(*shapes), operator.label, operator.name)


def aso_as_maso(spline: ASO, label: str, name: str) -> MASO:
    """A one-layer spline as the maximum of its pieces, if every output is convex."""
    program = spline.program
    for k in range(len(program.output) if program.layers else 0):
        units = program.layers[0].units
        for unit, factor in read_units(program, k):
            convex = units.is_convex(unit) if factor > 0 else units.is_concave(unit)
            if not convex:
                raise UnsupportedOperatorError(
                    f"{label}: unit {program.unit_name(unit)} is not convex"
                    f"{' with its factor' if factor < 0 else ''}, so it is no max-affine spline; "
                    "as_aso gives its affine spline"
                )
    return MASO(spline.A, spline.B, name=name)
