"""Largest eigenvalues of rational Gram matrices, compared exactly.

The characteristic polynomial of M = A A^T has real roots only, so the number of its roots above
a rational x is the number of sign changes in the coefficients of p(x + t): Descartes' rule is
exact there. That isolates the largest root; two largest roots are equal exactly where the
polynomials' greatest common divisor has that root.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ...errors import LimitError
from ...mode import guarded
from ...rationals import fraction, root_of

__all__ = ["LargestRoot", "compare", "gram_root", "square_root"]

_LARGEST = 64  # matrices whose characteristic polynomial is computed


@guarded
class LargestRoot:
    """The largest root of a polynomial with real roots only, as an exact algebraic number.

    Parameters
    ----------
    polynomial : flint.fmpq_poly
        Of degree at least 1, all roots real.
    above : Fraction
        No root is larger than that.

    Attributes
    ----------
    low, high : Fraction
        low <= root <= high; equal where the root was met exactly.
    """

    def __init__(self, polynomial: Any, above: Fraction) -> None:
        p = polynomial / polynomial.gcd(polynomial.derivative())  # each root once
        self.polynomial = p / p.leading_coefficient()
        self.low, self.high = -abs(above) - 1, above
        while self._above(self.low) == 0:  # a largest root below -above: not of a Gram matrix
            self.low *= 2
        self._isolated = False
        if self.polynomial.degree() == 1:
            root = -fraction(self.polynomial[0])
            self.low = self.high = root
            self._isolated = True

    def _above(self, x: Fraction) -> int:
        """How many distinct roots are larger than x."""
        import flint

        from ...polyhedra.lp import q

        shifted = self.polynomial(flint.fmpq_poly([q(x), 1]))
        signs = [c > 0 for c in shifted.coeffs() if c != 0]
        return sum(a != b for a, b in pairwise(signs))

    def _is_root(self, x: Fraction) -> bool:
        from ...polyhedra.lp import q

        return bool(self.polynomial(q(x)) == 0)

    def side(self, x: Fraction) -> int:
        """-1, 0 or 1 as the root is below, equal to or above a rational, exactly."""
        if self._above(x):
            return 1
        return 0 if self._is_root(x) else -1

    def isolate(self) -> None:
        """Narrow until no other root lies in the enclosure."""
        while not self._isolated:
            alone = self._above(self.low) == 1 and not self._is_root(self.low)
            if self.low == self.high or alone:
                self._isolated = True
            else:
                self.narrow()

    def narrow(self) -> None:
        """Halve the enclosure."""
        if self.low == self.high:
            return
        if self._is_root(self.high):
            self.low = self.high
            return
        middle = (self.low + self.high) / 2
        if self._above(middle):
            self.low = middle
        elif self._is_root(middle):
            self.low = self.high = middle
        else:
            self.high = middle

    def narrow_to(self, bits: int) -> None:
        """Narrow until the enclosure's width is at most 2^-bits of its upper end.

        A rational root becomes both ends.
        """
        for factor, _ in self.polynomial.factor()[1]:
            if factor.degree() == 1:
                root = -fraction(factor[0]) / fraction(factor[1])
                if self.low <= root <= self.high and not self._above(root):
                    self.low = self.high = root
        while self.high - self.low > abs(self.high) / 2**bits:
            self.narrow()


def compare(a: LargestRoot, b: LargestRoot) -> int:
    """-1, 0 or 1 as a < b, a = b or a > b, decided exactly."""
    if a.polynomial == b.polynomial:
        return 0
    common = a.polynomial.gcd(b.polynomial)
    shared = False
    if common.degree() >= 1:
        # both enclosures hold one root of their polynomial each: a root of the divisor in both
        # is the largest one of each
        a.isolate()
        b.isolate()
        divisor = LargestRoot(common, max(a.high, b.high))
        divisor.isolate()
        shared = _same(a, divisor) and _same(b, divisor)
    if shared:
        return 0
    while True:
        if a.low > b.high:
            return 1
        if a.high < b.low:
            return -1
        if a.low == a.high == b.low == b.high:
            return 0
        a.narrow()
        b.narrow()


def _same(root: LargestRoot, divisor: LargestRoot) -> bool:
    """Whether an isolated largest root is the largest root of a divisor of its polynomial."""
    # the divisor's largest root is a root of the polynomial, hence at most its largest root
    if root.low == root.high:
        return divisor._is_root(root.low)
    return divisor._above(root.low) > 0


def gram_root(rows: Sequence[Sequence[Fraction]], inner: Any = None) -> LargestRoot:
    """The largest eigenvalue of A A^T, or of A G A^T for a rational symmetric G: |A|_2 squared.

    Parameters
    ----------
    rows : sequence of sequences of Fraction
        A, shape (C, D).
    inner : flint.fmpq_mat, optional
        G, shape (D, D), positive definite.

    Raises
    ------
    LimitError
        If neither side of A is at most 64.
    """
    from ...polyhedra.linear import matrix_of

    A = matrix_of(rows)
    if inner is not None:
        gram = A * inner * A.transpose()
    elif A.nrows() <= A.ncols():
        gram = A * A.transpose()
    else:
        gram = A.transpose() * A
    n = gram.nrows()
    if n > _LARGEST:
        raise LimitError(
            f"|A|_2: a matrix of {A.nrows()} x {A.ncols()} is too large for its exact spectrum "
            f"(over {_LARGEST}); take fewer outputs"
        )
    trace = sum((fraction(gram[i, i]) for i in range(n)), Fraction(0))
    return LargestRoot(gram.charpoly(), trace)


def square_root(low: Fraction, high: Fraction, bits: int = 60) -> tuple[Fraction, Fraction]:
    """Rationals around the square roots of a nonnegative enclosure."""
    return root_of(max(low, Fraction(0)), bits), root_of(high, bits, up=True)
