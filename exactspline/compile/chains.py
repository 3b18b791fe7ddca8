"""Exact composition of many affine forms one after the other, modulo primes.

Every link is written with integers over one denominator. Their product is computed modulo so
many primes that no other integers within its proved bound have these residues, and only the
result is put together: numbers that grow from layer to layer are never written down between.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from ..clock import check, watched
from ..rationals import compact
from .forms import Forms, integers

__all__ = ["Link", "after_all", "joined"]

_FEW = 50_000  # coefficients and products, up to which links are composed one by one
_MOST_BITS = 20_000  # of a result; denominators that grow beyond are for fractions
_CHUNK = 1 << 19  # entries of the result that are put together at once
_LARGEST = 1 << 26  # of a prime: products of residues are below 2^50
_TOP = 1 << 63
_MANTISSA = 53
_DIGIT = 16  # bits of a digit of the result


def after_all(links: Sequence[Forms | Link]) -> Forms:
    """links[0] after links[1] after ... after the last one, exactly.

    Parameters
    ----------
    links : sequence of Forms or Link
        Not empty. Each reads the values of the next one. What is used again and again is
        better a `Link`.

    Returns
    -------
    Forms
        Without zeros, columns in increasing order.

    Examples
    --------
    >>> import numpy as np
    >>> double = Forms(np.arange(3), np.arange(2), np.full(2, 2.0), np.ones(2), 2)
    >>> after_all([double, double]).data.tolist(), after_all([double, double]).const.tolist()
    ([4.0, 4.0], [3.0, 3.0])
    """
    plain = [link.forms if isinstance(link, Link) else link for link in links]
    size = len(plain[0]) * plain[-1].width + sum(len(forms.data) for forms in plain)
    if len(plain) == 1 or len(plain[0]) == 0 or size < _FEW:
        return _one_by_one(plain)
    whole = [link if isinstance(link, Link) else Link(link) for link in links]
    # entries of the product of integer matrices are at most the product of the row sums
    bound = math.prod(link.most for link in whole)
    if bound.bit_length() > _MOST_BITS:
        return _one_by_one(plain)
    most = max(forms.width for forms in plain) + 1  # products that meet in one entry
    primes = _enough(2 * bound + 1, math.isqrt(_TOP // most) - 1)
    denominator = math.prod(link.denominator for link in whole)
    parts = []
    step = max(1, _CHUNK // (plain[-1].width + 1))
    for start in range(0, len(plain[0]), step):
        stop = min(len(plain[0]), start + step)
        parts.append(_rows(whole, start, stop, primes, denominator))
    return _stacked(parts, plain[-1].width)


def _one_by_one(links: Sequence[Forms]) -> Forms:
    out = links[0]
    for link in links[1:]:
        check()
        out = out.after(link)
    return out.without_zeros()


class _Numbers:
    """Exact numbers as integers over one denominator, by what is needed of them."""

    def __init__(self, values: np.ndarray) -> None:
        self.scaled: np.ndarray | None = None  # Python's integers, where there are fractions
        self.lowest = 0
        if values.dtype == object:
            self.scaled, self.denominator = integers(values)
            return
        mantissa, exponent = np.frexp(values)
        self.whole = (mantissa * 2.0**_MANTISSA).astype(np.int64)
        exponent = exponent.astype(np.int64) - _MANTISSA
        trailing = np.frexp((self.whole & -self.whole).astype(np.float64))[1] - 1
        there = self.whole != 0
        self.lowest = min(0, int((exponent + trailing)[there].min(initial=0)))
        # below the last bit of all numbers a mantissa ends in zeros, which are taken off
        down = np.where(there, np.maximum(self.lowest - exponent, 0), 0)
        self.whole >>= down
        self.shift = np.where(there, exponent + down - self.lowest, 0)
        self.denominator = 1 << -self.lowest

    def sizes(self, rows: np.ndarray, count: int) -> int:
        """An upper bound of the sums of absolute values by rows."""
        if self.scaled is not None:
            sums = np.zeros(count, dtype=object)
            np.add.at(sums, rows, np.abs(self.scaled))
            return max(sums.tolist(), default=0)
        top = self.shift + np.frexp(np.abs(self.whole).astype(np.float64))[1]
        most = int(top.max(initial=0))  # every number is below 2^top
        sums = np.bincount(rows, np.ldexp(1.0, np.maximum(top - most, -1000)), count)
        return (math.ceil(float(sums.max(initial=0.0)) * 2) + 1) << most

    def modulo(self, prime: int) -> np.ndarray:
        """The integers modulo a prime."""
        if self.scaled is not None:
            return (self.scaled % prime).astype(np.int64)
        powers = [pow(2, e, prime) for e in range(int(self.shift.max(initial=0)) + 1)]
        return self.whole % prime * np.array(powers, dtype=np.int64)[self.shift] % prime


class Link:
    """Affine forms made ready for products modulo primes.

    A matrix of integers over (values, 1), with a last row that keeps the 1.
    """

    def __init__(self, forms: Forms) -> None:
        self.forms = forms
        height, n = len(forms), len(forms.data)
        self.parts = _Numbers(forms.data), _Numbers(forms.const)  # floats need no fractions
        self.denominator = math.lcm(*(part.denominator for part in self.parts))
        self.scales = [self.denominator // part.denominator for part in self.parts]
        rows = np.repeat(np.arange(height), np.diff(forms.indptr)), np.arange(height)
        sums = [part.sizes(own, height) for part, own in zip(self.parts, rows, strict=True)]
        most = sum(v * scale for v, scale in zip(sums, self.scales, strict=True))
        self.most = max(self.denominator, most, 1)
        self.indptr = forms.indptr + np.arange(height + 1)  # every row has its constant as well
        self.last = np.append(self.indptr[1:] - 1, n + height)
        self.inner = np.ones(n + height + 1, dtype=bool)
        self.inner[self.last] = False
        self.indices = np.full(n + height + 1, forms.width, dtype=np.int64)
        self.indices[self.inner] = forms.indices

    def modulo(self, prime: int) -> Any:
        """The matrix modulo a prime."""
        from scipy.sparse import csr_array

        coefficients, constants = (
            part.modulo(prime) * (scale % prime) % prime
            for part, scale in zip(self.parts, self.scales, strict=True)
        )
        data = np.empty(len(self.indices), dtype=np.int64)
        data[self.inner] = coefficients
        data[self.last] = np.append(constants, self.denominator % prime)
        shape = (len(self.last), self.forms.width + 1)
        return csr_array((data, self.indices, np.append(self.indptr, len(data))), shape=shape)


def _rows(
    links: Sequence[Link], start: int, stop: int, primes: Sequence[int], denominator: int
) -> Forms:
    """Some rows of the composition."""
    height, width = stop - start, links[-1].forms.width
    residues = np.empty((len(primes), height, width + 1), dtype=np.int64)
    for k, prime in enumerate(primes):
        product = links[0].modulo(prime)[start:stop]
        for link in links[1:]:
            check()
            product = product @ link.modulo(prime)
            product.data %= prime
        residues[k] = product.toarray()
    there = np.any(residues, axis=0)
    const = np.zeros((height, width + 1), dtype=bool)
    const[:, width] = True
    places = np.nonzero(there & ~const)
    values = [
        _fractions(residues[:, rows, columns], primes, denominator)
        for rows, columns in (places, np.nonzero(const))
    ]
    counts = np.bincount(places[0], minlength=height)
    return Forms(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        places[1].astype(np.int64), values[0], values[1], width,
    )  # fmt: skip


def _fractions(residues: np.ndarray, primes: Sequence[int], denominator: int) -> np.ndarray:
    """The exact numbers with these residues: integers of least size, over the denominator.

    The sum of residue times (M / p) (M / p)^-1 over all primes p, modulo their product M. It is
    made digit by digit, each of 16 bits, in one product of matrices: sums of integers below 2^53.
    """
    modulus = math.prod(primes)
    shares = [modulus // p * pow(modulus // p, -1, p) for p in primes]
    length = 2 * (-(-modulus.bit_length() // _DIGIT) // 2 + 3)  # with room for the sum
    digits = np.array(
        [np.frombuffer(v.to_bytes(length * 2, "little"), dtype="<u2") for v in shares], dtype=float
    )
    assert len(primes) < 1 << (_MANTISSA - _DIGIT - _LARGEST.bit_length())
    sums = (residues.T.astype(float) @ digits).astype(np.int64)
    for k in range(length - 1):
        sums[:, k + 1] += sums[:, k] >> _DIGIT
        sums[:, k] &= (1 << _DIGIT) - 1
    raw, size = np.ascontiguousarray(sums.astype("<u2")).tobytes(), length * 2
    half = modulus // 2
    flat = []
    for i in watched(range(len(sums))):
        value = int.from_bytes(raw[i * size : (i + 1) * size], "little") % modulus
        flat.append(Fraction(value if value <= half else value - modulus, denominator))
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return compact(out)


def _stacked(parts: Sequence[Forms], width: int) -> Forms:
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.data) for part in parts)])
    indptr = [part.indptr[:-1] + start for part, start in zip(parts, starts, strict=False)]
    return Forms(
        np.concatenate([*indptr, starts[-1:]]).astype(np.int64),
        np.concatenate([part.indices for part in parts]),
        joined([part.data for part in parts]), joined([part.const for part in parts]), width,
    )  # fmt: skip


def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Exact arrays one after the other."""
    if any(a.dtype == object for a in arrays):
        flat = [v if type(v) is Fraction else Fraction(v) for a in arrays for v in a.tolist()]
        out = np.empty(len(flat), dtype=object)
        out[:] = flat
        return out
    return np.concatenate(arrays)


def _enough(bound: int, limit: int) -> list[int]:
    """Primes up to a limit whose product is above a bound."""
    out, product = [], 1
    for prime in _primes_below(min(limit, _LARGEST)):
        if product > bound:
            break
        out.append(prime)
        product *= prime
    return out


def _primes_below(limit: int) -> Iterator[int]:
    for k in range(limit):
        yield _prime_below(limit, k)


@cache
def _prime_below(limit: int, k: int) -> int:
    """The k-th prime below a limit, from above."""
    import flint

    n = limit if k == 0 else _prime_below(limit, k - 1) - 1
    while not flint.fmpz(n).is_prime():
        n -= 1
    return n
