"""A chain of operators written three times: for the package, for the twin, and as source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import random_networks as nets

import exactspline as es

Matrix = list[list[Fraction]]


def text(values: Any) -> str:
    """An array as source that says exactly these numbers: floats, or ratios in quotes."""
    array = nets._array(values)
    if array.dtype == object:
        array = np.vectorize(lambda v: str(Fraction(v)), otypes=[object])(array)
    return repr(array.tolist())


def one_text(value: Any) -> str:
    """The same for one number."""
    value = Fraction(value)
    return text([value])[1:-1]


@dataclass
class Chain:
    """A chain of operators under construction, ``n`` entries wide (one axis)."""

    n: int
    operators: list[Any] = field(default_factory=list)
    steps: list[tuple[Any, ...]] = field(default_factory=list)
    source: list[str] = field(default_factory=list)

    def _add(self, operator: Any, source: str) -> None:
        self.operators.append(operator)
        self.source.append(source)

    def dense(self, W: Matrix, b: list[Fraction]) -> None:
        self._add(es.Dense(nets._array(W), nets._array(b)), f"es.Dense({text(W)}, {text(b)})")
        self.steps.append(("dense", W, b))
        self.n = len(W)

    def elementwise(self, scale: list[Fraction], shift: list[Fraction]) -> None:
        self._add(
            es.Elementwise(nets._array(scale), nets._array(shift)),
            f"es.Elementwise({text(scale)}, {text(shift)})",
        )
        self.steps.append(("dense", diagonal(scale), shift))

    def batchnorm(self, gamma: list[Fraction], beta: list[Fraction], mean: list[Fraction]) -> None:
        """With variance 1/4 and epsilon 0: the scale is twice gamma, and not rounded."""
        variance = [Fraction(1, 4)] * self.n
        self._add(
            es.BatchNorm(*map(nets._array, (mean, variance, gamma, beta)), epsilon=0),
            f"es.BatchNorm({text(mean)}, {text(variance)}, {text(gamma)}, {text(beta)}, epsilon=0)",
        )
        scale = [2 * g for g in gamma]
        shift = [b - s * m for b, s, m in zip(beta, scale, mean, strict=True)]
        self.steps.append(("dense", diagonal(scale), shift))

    def conv(self, kernels: Matrix, bias: list[Fraction], stride: int, padding: int) -> None:
        """A convolution of one channel along one axis, flattened again."""
        width = len(kernels[0])
        weight = [[row] for row in kernels]
        out = (self.n + 2 * padding - width) // stride + 1
        W, b = [], []
        for kernel, c in zip(kernels, bias, strict=True):
            for at in range(out):
                row = [Fraction(0)] * self.n
                for k, w in enumerate(kernel):
                    i = at * stride - padding + k
                    if 0 <= i < self.n:
                        row[i] += w
                W.append(row)
                b.append(c)
        self._add(es.Reshape((1, self.n)), f"es.Reshape((1, {self.n}))")
        self._add(
            es.Conv(nets._array(weight), nets._array(bias), stride=stride, padding=padding),
            f"es.Conv({text(weight)}, {text(bias)}, stride={stride}, padding={padding})",
        )
        self._add(es.Flatten(), "es.Flatten()")
        self.steps.append(("dense", W, b))
        self.n = len(W)

    def average(self, width: int) -> None:
        rows = range(self.n - width + 1)
        share = Fraction(1, width)
        W = [[share * (at <= i < at + width) for i in range(self.n)] for at in rows]
        self._add(es.Reshape((1, self.n)), f"es.Reshape((1, {self.n}))")
        self._add(es.AveragePool((width,), stride=1), f"es.AveragePool(({width},), stride=1)")
        self._add(es.Flatten(), "es.Flatten()")
        self.steps.append(("dense", W, [Fraction(0)] * len(W)))
        self.n = len(W)

    def scalar(self, operator: Any, source: str, breaks: Sequence[Any], pieces: Any) -> None:
        self._add(operator, source)
        self.steps.append(("scalar", [(breaks, pieces)] * self.n))

    def relu(self) -> None:
        self._add(es.ReLU(), "es.ReLU()")
        self.steps.append(("relu",))

    def absolute(self) -> None:
        self._add(es.Abs(), "es.Abs()")
        self.steps.append(("abs",))

    def leaky(self, slope: Fraction) -> None:
        given = nets._array([slope])[0]
        self._add(es.LeakyReLU(given), f"es.LeakyReLU({one_text(slope)})")
        self.steps.append(("leaky", slope))

    def prelu(self, slopes: list[Fraction]) -> None:
        self._add(es.PReLU(nets._array(slopes)), f"es.PReLU({text(slopes)})")
        self.steps.append(("prelu", slopes))

    def clip(self, low: Fraction | None, high: Fraction | None) -> None:
        breaks = [v for v in (low, high) if v is not None]
        pieces: list[Any] = [(Fraction(1), Fraction(0))]
        if low is not None:
            pieces.insert(0, (Fraction(0), low))
        if high is not None:
            pieces.append((Fraction(0), high))
        says = ", ".join("None" if v is None else one_text(v) for v in (low, high))
        self.scalar(es.Clip(low, high), f"es.Clip({says})", breaks, pieces)

    def hard_sigmoid(self, alpha: Fraction, beta: Fraction) -> None:
        ends = [-beta / alpha, (1 - beta) / alpha]
        pieces = [(Fraction(0), Fraction(0)), (alpha, beta), (Fraction(0), Fraction(1))]
        if alpha < 0:
            ends.reverse()
            pieces.reverse()
        source = f"es.HardSigmoid({one_text(alpha)}, {one_text(beta)})"
        self.scalar(es.HardSigmoid(alpha, beta), source, ends, pieces)

    def max_pool(self, width: int, stride: int) -> None:
        starts = range(0, self.n - width + 1, stride)
        self._add(es.Reshape((1, self.n)), f"es.Reshape((1, {self.n}))")
        self._add(es.MaxPool((width,), stride=stride), f"es.MaxPool(({width},), stride={stride})")
        self._add(es.Flatten(), "es.Flatten()")
        self.steps.append(("max", [list(range(at, at + width)) for at in starts]))
        self.n = len(starts)

    def maxout(self, rank: int) -> None:
        self._add(es.Maxout(rank), f"es.Maxout({rank})")
        n = self.n // rank
        self.steps.append(("max", [list(range(i * rank, (i + 1) * rank)) for i in range(n)]))
        self.n = n

    def maso(self, A: list[Matrix], B: Matrix) -> None:
        self._add(es.MASO(nets._array(A), nets._array(B)), f"es.MASO({text(A)}, {text(B)})")
        rank = len(B[0])
        self.steps.append(("dense", [row for rows in A for row in rows], [c for r in B for c in r]))
        self.steps.append(("max", [list(range(i * rank, (i + 1) * rank)) for i in range(len(B))]))
        self.n = len(B)

    def joined(self, inner: Chain, join: str, coefficients: Sequence[Any] = (1, 1)) -> None:
        """What a chain that reads these entries gives, joined with the entries themselves."""
        n = self.n
        assert join == "concat" or inner.n == n
        given = [Fraction(c) for c in coefficients]
        operator, source = {
            "add": (es.Add(nets._array(given)), f"es.Add({text(given)})"),
            "concat": (es.Concat(), "es.Concat()"),
            "max": (es.Maximum(), "es.Maximum()"),
            "min": (es.Minimum(), "es.Minimum()"),
        }[join]
        self._add(
            es.Branches([inner.operators, []], operator),
            f"es.Branches([[{', '.join(inner.source)}], []], {source})",
        )
        self.steps.append(("skip", inner.steps))
        self.n = inner.n + n
        if join == "add":
            left, right = diagonal([given[0]] * n), diagonal([given[1]] * n)
            W = [a + b for a, b in zip(left, right, strict=True)]
            self.steps.append(("dense", W, [Fraction(0)] * n))
            self.n = n
        elif join in ("max", "min"):
            self.steps.append((join, [[i, n + i] for i in range(n)]))
            self.n = n


def diagonal(values: Sequence[Fraction]) -> Matrix:
    """A diagonal matrix."""
    n = len(values)
    return [[values[i] if i == j else Fraction(0) for j in range(n)] for i in range(n)]
