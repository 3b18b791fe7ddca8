"""Double-double arithmetic: numbers as unevaluated sums of two float64 (Numba).

A number is a pair (high, low) with high = RN(high + low). With u = 2^-53 and nothing that
overflows or underflows, `add` is off by at most 4 u^2 (|a| + |b|), `times` and `times_float`
by at most 6 u^2 |a b| (Joldes, Muller and Popescu, *Tight and rigorous error bounds for basic
building blocks of double-word arithmetic*, ACM TOMS 44, 2017: algorithms 5, 9 and 12. The sum is
the sloppy one: its error is small against the terms, though not against their sum). So a sum of
n products is off by at most `gamma2(n)` times the sum of their sizes. What underflows is covered
by absolute terms of those who ask.

**Exact sums.** Where operands, products and partial sums are multiples of a power of two and stay
below 2^103 of it, every operation is exact: in that unit low parts are integers below 2^50, what
is added to them stays below 2^53, so no addition rounds, and the last one, of the larger part
first, is exact for integers below 2^53 in any order.
"""

from __future__ import annotations

from ..jit import kernel
from .fused import product_error

__all__ = [
    "add",
    "divide",
    "gamma2",
    "quick_two_sum",
    "times",
    "times_float",
    "two_product",
    "two_sum",
]


@kernel
def gamma2(n):
    """Relative rounding bound of a sum of n products."""
    return (n + 8) * 1e-31


@kernel
def two_sum(a, b):
    """The rounded sum and its error, exactly."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@kernel
def quick_two_sum(a, b):
    """The same for |a| >= |b|."""
    s = a + b
    return s, b - (s - a)


@kernel
def two_product(a, b):
    """The rounded product and its error, exactly unless it underflows."""
    p = a * b
    return p, product_error(a, b, p)


@kernel
def add(a, a_low, b, b_low):
    """a + b."""
    s, e = two_sum(a, b)
    return quick_two_sum(s, e + (a_low + b_low))


@kernel
def times(a, a_low, b, b_low):
    """a b."""
    p, e = two_product(a, b)
    return quick_two_sum(p, e + (a * b_low + a_low * b))


@kernel
def times_float(a, a_low, b):
    """a b for a float b."""
    p, e = two_product(a, b)
    return quick_two_sum(p, e + a_low * b)


@kernel
def divide(a, a_low, b, b_low):
    """a / b, for guesses: two steps of long division."""
    q = a / b
    p, p_low = times_float(b, b_low, q)
    r, _ = add(a, a_low, -p, -p_low)
    return quick_two_sum(q, r / b)
