"""Arithmetic modulo a prime in float64, and how many primes settle that two rows are equal.

Residues are kept in float64, between -p/2 and p/2, with p so small that every sum of products
is an integer below 2^53: matrix products are exact. Two affine maps whose residues differ are
different: the residues of an equation between rationals whose denominators are no multiples of
p hold modulo p. That they agree proves nothing by itself; it does once they agree modulo
primes whose product exceeds the largest numerator that the difference can have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...compile.forms import Forms
from ...compile.program import Program
from .walk import Arithmetic

__all__ = ["NumeratorBound", "Residues", "canonical", "prime_limit", "primes_below"]

_EXACT = 2**53
_LARGEST = 1 << 25  # so that products of two residues are exact in int64, too
_MANTISSA = 53


class Residues(Arithmetic):
    """Exact arithmetic modulo a prime.

    Parameters
    ----------
    prime : int
        Odd, at most `prime_limit` of the program that is walked through.
    """

    exact = True

    def __init__(self, prime: int) -> None:
        self.prime = prime

    def values(self, array: np.ndarray) -> np.ndarray:
        """Residues of an exact array.

        Raises
        ------
        ZeroDivisionError
            If the prime divides a denominator.
        """
        p = self.prime
        if array.dtype == object:
            known: dict[int, int] = {}
            entries = array.reshape(-1).tolist()
            for v in entries:
                if id(v) not in known:
                    known[id(v)] = _residue(Fraction(v), p)
            flat = [known[id(v)] for v in entries]
            out = np.array(flat, dtype=np.float64).reshape(array.shape)
        else:
            mantissa, exponent = np.frexp(array)
            integer = (mantissa * 2.0**_MANTISSA).astype(np.int64) % p
            exponent = exponent.astype(np.int64) - _MANTISSA
            low = int(exponent.min(initial=0))
            powers = np.array(
                [pow(2, e, p) for e in range(low, int(exponent.max(initial=0)) + 1)],
                dtype=np.int64,
            )
            out = (integer * powers[exponent - low] % p).astype(np.float64)
        return self.reduced(out)

    def reduced(self, values: np.ndarray) -> np.ndarray:
        """Integers below 2^53 as residues between -p/2 - 1 and p/2 + 1, in place."""
        # the quotient is below 2^53 / p, so it is off by less than 1/2 + 2^-20 after rounding
        quotient = values * (1.0 / self.prime)
        np.rint(quotient, out=quotient)
        quotient *= self.prime
        values -= quotient
        return values


def _residue(value: Fraction, prime: int) -> int:
    bottom = value.denominator % prime
    if bottom == 0:
        raise ZeroDivisionError(prime)
    return value.numerator % prime * pow(bottom, -1, prime) % prime


def canonical(values: np.ndarray, prime: int) -> np.ndarray:
    """Residues as the integers 0 .. p - 1."""
    out = values.astype(np.int64)
    out %= prime
    return out


def prime_limit(program: Program, inputs: Forms) -> int:
    """The largest p for which all sums of a walk stay exact."""
    forms = [inputs, program.output, *(layer.members for layer in program.layers)]
    terms = max((int(np.diff(f.indptr).max(initial=0)) for f in forms), default=0)
    # (terms + 1) products of residues of size up to p / 2 + 1, and a constant
    limit = 2 * (math.isqrt(_EXACT // (terms + 2)) - 2)
    return max(5, min(limit, _LARGEST))


def primes_below(limit: int) -> Iterator[int]:
    """The odd primes up to a limit, from the largest down."""
    import flint

    for n in range(limit - (limit % 2 == 0), 2, -2):
        if flint.fmpz(n).is_prime():
            yield n


@dataclass
class NumeratorBound:
    """Every coefficient of an affine map, and how large it can be, in bits.

    Attributes
    ----------
    denominator : int
        The coefficients have a common denominator below 2^denominator.
    size : int
        Their absolute values are below 2^size.
    """

    denominator: int
    size: int

    @property
    def bits(self) -> int:
        """The difference of two such numbers, times the denominator, is below 2^bits."""
        return self.denominator + self.size + 1

    @classmethod
    def of(cls, program: Program, inputs: Forms) -> NumeratorBound:
        """A bound for the coefficients of all rows of a walk's outputs, whatever the code."""
        state = cls._of_arrays(inputs.data, inputs.const)
        for layer in program.layers:
            kept = state
            state = state._applied(layer.members)
            units = layer.units
            state = state._applied_pieces(units.piece_slope, units.piece_offset)
            if len(layer.keep):
                state.size = max(state.size, kept.size)
        return state._applied(program.output)

    @classmethod
    def _of_arrays(cls, *arrays: np.ndarray) -> NumeratorBound:
        return cls(_denominator_bits(arrays), max(_size_bits(a) for a in arrays))

    def _applied(self, forms: Forms) -> NumeratorBound:
        terms = int(np.diff(forms.indptr).max(initial=0))
        own = _size_bits(forms.data) + self.size + max(0, terms - 1).bit_length()
        return NumeratorBound(
            self.denominator + _denominator_bits((forms.data, forms.const)),
            max(own, _size_bits(forms.const)) + 1,
        )

    def _applied_pieces(self, slope: np.ndarray, offset: np.ndarray) -> NumeratorBound:
        return NumeratorBound(
            self.denominator + _denominator_bits((slope, offset)),
            max(_size_bits(slope) + self.size, _size_bits(offset)) + 1,
        )


_TOO_MANY = 1 << 20  # bits of a common denominator that no list of primes will settle


def _denominator_bits(arrays: tuple[np.ndarray, ...]) -> int:
    """Bits of a common denominator of exact arrays."""
    power, other = 0, 1
    for array in arrays:
        if array.dtype != object:
            mantissa, exponent = np.frexp(array[array != 0])
            integer = np.abs(mantissa * 2.0**_MANTISSA).astype(np.int64)
            lowest = np.log2((integer & -integer).astype(np.float64)).astype(np.int64)
            power = max(power, -int((exponent - _MANTISSA + lowest).min(initial=0)))
            continue
        for denominator in {Fraction(v).denominator for v in array.reshape(-1).tolist()}:
            if other.bit_length() > _TOO_MANY:
                return other.bit_length()
            other = math.lcm(other, denominator)
    return power + other.bit_length()


def _size_bits(array: np.ndarray) -> int:
    """b such that all entries are below 2^b in absolute value; 0 at least."""
    if array.size == 0:
        return 0
    if array.dtype != object:
        return max(0, int(np.frexp(np.abs(array).max())[1]))
    values = [Fraction(v) for v in array.reshape(-1).tolist()]
    bits = max(abs(v.numerator).bit_length() - v.denominator.bit_length() for v in values) + 1
    return max(0, bits)
