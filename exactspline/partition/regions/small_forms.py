"""Which inequalities equal others, or are sums of two, told by what they read.

A condition of a pooling unit compares few members of the layer before. Written over these (the
*atoms*), and not over the inputs, equal conditions are equal term by term, and one that is implied
by two others is found by looking it up. That is exact, and a small part of what holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...clock import watched

if TYPE_CHECKING:
    from ...compile.program import Program
    from .wide_rows import Place

__all__ = ["Parallel", "Small", "SmallForms", "parallel", "sums_of_two"]

Atom = tuple[int, int]  # layer and member; (-1, input)
Direction = tuple[tuple[Atom, Fraction], ...]
_FEW = 4  # terms of a form that is written over what it reads
_MOST_PAIRS = 32  # partners of one row that are tried


class Small:
    """An affine form over atoms."""

    __slots__ = ("constant", "terms")

    def __init__(self, terms: dict[Atom, Fraction], constant: Fraction) -> None:
        self.terms, self.constant = terms, constant

    def plus(self, factor: Fraction, other: Small) -> Small:
        """This form plus a multiple of another one."""
        terms = dict(self.terms)
        for atom, c in other.terms.items():
            total = terms.get(atom, _ZERO) + factor * c
            if total:
                terms[atom] = total
            else:
                terms.pop(atom, None)
        return Small(terms, self.constant + factor * other.constant)

    def key(self) -> tuple[Direction, Fraction]:
        """The direction, the same for all positive multiples, and what it was divided by."""
        ordered = sorted(self.terms.items())
        size = abs(ordered[0][1])
        if size == 1:
            return tuple(ordered), size
        return tuple((atom, c / size) for atom, c in ordered), size


_ZERO, _ONE = Fraction(0), Fraction(1)


class SmallForms:
    """The conditions of a region over atoms.

    Parameters
    ----------
    program : Program
    code : array, shape (units,)
    """

    def __init__(self, program: Program, code: np.ndarray) -> None:
        self.program, self.code = program, code
        self._members: dict[Atom, Small] = {}

    def of(self, place: Place) -> Small:
        """A condition of a unit."""
        units = self.program.layers[place.layer].units
        plus, minus, shift = units.form(place.form)
        sign = Fraction(place.sign)
        out = Small({}, sign * shift).plus(sign, self._member(place.layer, plus))
        return out if minus < 0 else out.plus(-sign, self._member(place.layer, minus))

    def _member(self, layer: int, i: int) -> Small:
        found = self._members.get((layer, i))
        if found is None:
            members = self.program.layers[layer].members
            indices, data, const = members.row(i)
            if len(indices) > _FEW:
                found = Small({(layer, i): _ONE}, _ZERO)
            else:
                found = Small({}, const)
                for j, c in zip(indices.tolist(), data.tolist(), strict=True):
                    found = found.plus(Fraction(c), self._state(layer, j))
                if len(found.terms) > _FEW:
                    found = Small({(layer, i): _ONE}, _ZERO)
            self._members[layer, i] = found
        return found

    def _state(self, layer: int, j: int) -> Small:
        """An entry of what a layer reads."""
        while layer > 0:
            before = self.program.layers[layer - 1]
            units, n = before.units, len(before.units)
            if j < n:
                unit = int(self.program.unit_start[layer - 1]) + j
                piece = int(units.piece_start[j]) + int(self.code[unit])
                slope = Fraction(units.piece_slope[piece])
                out = Small({}, Fraction(units.piece_offset[piece]))
                if not slope:
                    return out
                return out.plus(slope, self._member(layer - 1, int(units.piece_member[piece])))
            layer, j = layer - 1, int(before.keep[j - n])
        return Small({(-1, j): _ONE}, _ZERO)


class Parallel(NamedTuple):
    """What equal directions tell about rows.

    Attributes
    ----------
    constant : list of int
        Rows without terms: they bound nothing.
    equal : dict
        Rows that are a positive multiple of an earlier one, with the first of them.
    looser : list of int
        Rows that a parallel one implies, which is not equal.
    """

    constant: list[int]
    equal: dict[int, int]
    looser: list[int]


def parallel(small: Mapping[int, Small]) -> Parallel:
    """Constant, equal and looser ones of some rows."""
    groups: dict[Direction, dict[Fraction, list[int]]] = {}
    out = Parallel([], {}, [])
    for i in watched(small):
        if small[i].terms:
            key, size = small[i].key()
            groups.setdefault(key, {}).setdefault(small[i].constant / size, []).append(i)
        else:
            out.constant.append(i)
    for bounds in groups.values():
        first, *others = bounds.pop(min(bounds))
        out.equal.update(dict.fromkeys(others, first))
        for i, *rows in bounds.values():
            out.equal.update(dict.fromkeys(rows, i))
            out.looser.append(i)
    return out


def sums_of_two(small: Mapping[int, Small]) -> list[int]:
    """Rows that are a sum of positive multiples of two others and of a constant of at least 0.

    Parameters
    ----------
    small : mapping of int to Small
        No two of one direction, as functions of the inputs.

    Returns
    -------
    list of int
        None of them is needed for another one.
    """
    table: dict[Direction, tuple[int, Fraction]] = {}
    readers: dict[Atom, list[int]] = {}
    for i in watched(small):
        key, size = small[i].key()
        table[key] = i, small[i].constant / size
        for atom, _ in key:
            readers.setdefault(atom, []).append(i)
    gone: set[int] = set()
    for i in watched(small):
        if _is_sum(small, i, table, readers, gone):
            gone.add(i)
    return sorted(gone)


def _is_sum(
    small: Mapping[int, Small], i: int, table: Mapping[Direction, tuple[int, Fraction]],
    readers: Mapping[Atom, list[int]], gone: set[int],
) -> bool:  # fmt: skip
    """Whether row i is implied by two rows that are not gone."""
    own = small[i]
    tried: set[int] = {i}
    for atom, c in own.terms.items():
        for j in readers[atom][:_MOST_PAIRS]:
            if j in tried or j in gone or small[j].terms[atom] * c < 0:
                continue
            tried.add(j)
            rest = own.plus(-c / small[j].terms[atom], small[j])
            if not 0 < len(rest.terms) <= _FEW:
                continue
            key, size = rest.key()
            k, bound = table.get(key, (i, _ZERO))
            if k not in (i, j) and k not in gone and rest.constant >= bound * size:
                return True
    return False
