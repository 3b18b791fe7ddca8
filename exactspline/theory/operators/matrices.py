"""The theory's matrices A and B of the basic operators, written down entry by entry.

They stand on definitions alone, not on how the package lowers an operator, and work for numbers
and symbols alike: what a check compares with.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ...network.activations import Abs, LeakyReLU, MaxLeaky, ReLU
from ...network.affine import Dense
from ...network.convolution import Conv
from ...network.operator import Operator, Shape
from ...network.pooling import AveragePool, MaxPool, SumPool
from ...rationals import as_fractions

__all__ = [
    "activation_pieces",
    "convolution_matrix",
    "pooling_windows",
    "theory_pieces",
]

Pieces = tuple[np.ndarray, np.ndarray]  # A of shape (K, R, D) and B of shape (K, R)


def _zeros(*shape: int) -> np.ndarray:
    return np.full(shape, Fraction(0), dtype=object)


def activation_pieces(low: Any, high: Any, n: int) -> Pieces:
    """R = 2, B = 0: {low e_k, high e_k} for every entry k."""
    A = _zeros(n, 2, n)
    for k in range(n):
        A[k, 0, k], A[k, 1, k] = low, high
    return A, _zeros(n, 2)


def convolution_matrix(
    weight: np.ndarray, shape: Shape, *, stride: Sequence[int], before: Sequence[int],
    dilation: Sequence[int], outputs: Sequence[int], circular: bool,
) -> np.ndarray:  # fmt: skip
    """C: row (o, position), column (c, entry) holds the weight with which o reads that entry.

    Block circulant with circular padding: the rows of an output are rotations of one.
    """
    sizes = shape[1:]
    rows = list(itertools.product(range(weight.shape[0]), *(range(n) for n in outputs)))
    entries = np.arange(math.prod(shape)).reshape(shape)
    C = _zeros(len(rows), math.prod(shape))
    for number, (o, *position) in enumerate(rows):
        for c, *offset in itertools.product(*(range(n) for n in weight.shape[1:])):
            at = [
                p * s - pad + k * d
                for p, s, pad, k, d in zip(position, stride, before, offset, dilation, strict=True)
            ]
            if circular:
                at = [a % n for a, n in zip(at, sizes, strict=True)]
            if all(0 <= a < n for a, n in zip(at, sizes, strict=True)):
                column = entries[(c, *at)]
                C[number, column] = C[number, column] + weight[(o, c, *offset)]
    return C


def pooling_windows(operator: Any, shape: Shape) -> list[list[int]]:
    """Per output (channel, position) the flat entries of its window, the image's only."""
    n = len(shape) - 1
    outputs = operator.output_shape(shape)[1:]
    entries = np.arange(math.prod(shape)).reshape(shape)
    windows = []
    for c, *position in itertools.product(range(shape[0]), *(range(m) for m in outputs)):
        window = []
        for offset in itertools.product(*(range(k) for k in operator.kernel)):
            at = [
                position[i] * operator.stride[i] - operator.padding[i]
                + offset[i] * operator.dilation[i]
                for i in range(n)
            ]  # fmt: skip
            if all(0 <= a < m for a, m in zip(at, shape[1:], strict=True)):
                window.append(int(entries[(c, *at)]))
        windows.append(window)
    return windows


def theory_pieces(operator: Operator, shape: Shape) -> Pieces | None:
    """A and B of a basic operator as the theory states them; None where it states none.

    Dense, convolution and average pooling R = 1; ReLU, leaky ReLU and abs R = 2; max-pooling
    R = the largest window, smaller ones repeating their last piece.
    """
    n = math.prod(shape)
    if isinstance(operator, Dense) and operator.axis in (-1, len(shape) - 1):
        copies = n // shape[-1]
        W = np.kron(np.eye(copies, dtype=int), as_fractions(operator.weight))
        return W[:, None], np.tile(as_fractions(operator.bias), copies)[:, None]
    if isinstance(operator, Conv) and operator.groups == 1:
        outputs = operator.output_shape(shape)
        axes = len(shape) - 1
        C = convolution_matrix(
            as_fractions(operator.weight), shape, stride=operator.stride,
            before=operator.padding[:axes], dilation=operator.dilation,
            outputs=outputs[1:], circular=operator.padding_mode == "circular",
        )  # fmt: skip
        return C[:, None], np.repeat(as_fractions(operator.bias), math.prod(outputs[1:]))[:, None]
    if isinstance(operator, ReLU):
        return activation_pieces(0, 1, n)
    if isinstance(operator, Abs):
        return activation_pieces(-1, 1, n)
    if isinstance(operator, LeakyReLU) and operator.slope < 1:
        return activation_pieces(operator.slope, 1, n)
    if isinstance(operator, MaxLeaky) and operator.eta != 1:
        return activation_pieces(min(operator.eta, Fraction(1)), max(operator.eta, Fraction(1)), n)
    if type(operator) is MaxPool:
        windows = pooling_windows(operator, shape)
        most = max(map(len, windows))
        A = _zeros(len(windows), most, n)
        for k, window in enumerate(windows):
            for r in range(most):
                A[k, r, window[min(r, len(window) - 1)]] = Fraction(1)
        return A, _zeros(len(windows), most)
    if isinstance(operator, AveragePool) and not isinstance(operator, SumPool):
        if any(operator.padding) or operator.ceil_mode or operator.divisor:
            return None
        windows = pooling_windows(operator, shape)
        A = _zeros(len(windows), 1, n)
        for k, window in enumerate(windows):
            A[k, 0, window] = Fraction(1, len(window))
        return A, _zeros(len(windows), 1)
    return None
