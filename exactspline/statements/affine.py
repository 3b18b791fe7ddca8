"""Affine combinations of atoms: what every entry of a symbolic value is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Protocol

__all__ = ["Affine", "Atom", "Entry"]


class Atom(Protocol):
    """A value of several numbers that is not affine in what it reads; see `atoms`."""

    @property
    def size(self) -> int: ...

    @property
    def constant(self) -> bool: ...  # on the inside of every region


Entry = tuple[Atom, int]  # an atom, and which of its numbers


@dataclass(frozen=True)
class Affine:
    """constant + sum of coefficients times entries of atoms, exactly.

    Attributes
    ----------
    const : Fraction
    terms : tuple of (Entry, Fraction)
        No coefficient is 0, and no entry comes twice.
    """

    const: Fraction
    terms: tuple[tuple[Entry, Fraction], ...] = ()

    @cached_property
    def _hash(self) -> int:
        return hash((self.const, frozenset(self.terms)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Affine) or self._hash != other._hash:
            return False
        return self.const == other.const and dict(self.terms) == dict(other.terms)

    @classmethod
    def of(cls, const: Fraction, terms: Mapping[Entry, Fraction]) -> Affine:
        """Without coefficients that are 0."""
        return cls(const, tuple((entry, c) for entry, c in terms.items() if c))

    @classmethod
    def entry(cls, atom: Atom, index: int) -> Affine:
        """One number of an atom."""
        return cls(Fraction(0), (((atom, index), Fraction(1)),))

    def plus(self, other: Affine, factor: Fraction = Fraction(1)) -> Affine:
        """self + factor * other."""
        if not other.terms:
            return Affine(self.const + factor * other.const, self.terms)
        terms = dict(self.terms)
        for entry, c in other.terms:
            terms[entry] = terms.get(entry, Fraction(0)) + factor * c
        return Affine.of(self.const + factor * other.const, terms)

    def times(self, factor: Fraction) -> Affine:
        """factor * self."""
        if factor == 1:
            return self
        if factor == 0:
            return Affine(Fraction(0))
        return Affine(self.const * factor, tuple((entry, c * factor) for entry, c in self.terms))

    @property
    def atoms(self) -> list[Atom]:
        """The atoms that it reads, each once."""
        return list(dict.fromkeys(entry[0] for entry, _ in self.terms))
