"""What underflow can take from the rows of a walk, and which rows it may have spoilt.

A product of parameters below 2^-1022 is rounded to less than it should keep, or to 0.0; a later
layer may multiply by 1e300 what was lost. Two numbers a level, found once from the largest and
smallest parameters, tell what can be lost at most and how small a product of parameters along
one path can be. Mostly the first one is far below the second, and nothing is to be done. Else a
second walk, over 1 for every parameter that is not zero, says which coefficients some path
leads to: where such a one is not well above what may be lost, the row is computed exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import repeat

import numpy as np

from ...compile.forms import Forms
from ...compile.program import Program
from .walk import Arithmetic, Block, Walker

__all__ = ["Vanishing", "backwards_is_safe"]

_NORMAL = -1022.0  # smaller numbers are subnormal, and on some settings zero
_SPARE = 60.0  # bits: what is lost is then far below a rounding of the same number


class _Paths(Arithmetic):
    """1 where some path of parameters that are not zero leads, 0 where none does."""

    def values(self, array: np.ndarray) -> np.ndarray:
        return array.astype(bool).astype(np.float64)

    def reduced(self, values: np.ndarray) -> np.ndarray:
        np.minimum(values, 1.0, out=values)
        return values


@dataclass(frozen=True)
class _Range:
    """Bounds of the numbers of a level, as exponents of two.

    ``least``: no product of parameters along a path is smaller; ``most``: no number is larger;
    ``loss``: what underflow and parameters below the range can have cost at most.
    """

    least: float
    most: float
    loss: float

    @property
    def safe(self) -> bool:
        return self.least >= self.loss + _SPARE

    def applied(self, factors: np.ndarray, constants: np.ndarray, terms: int) -> _Range:
        """The range of sums of so many products with some factors, plus constants."""
        small, large = _exponents(factors)
        low, high = _exponents(constants)
        more = math.log2(max(1, terms))
        lost = [large + self.loss, _NORMAL]  # that of the products themselves
        if small < _NORMAL:
            lost.append(_NORMAL + self.most)
        return _Range(
            min(small + self.least, low),
            max(large + more + self.most, high) + 1,
            max(max(lost) + more, _NORMAL) + 2,
        )

    def joined(self, other: _Range) -> _Range:
        return _Range(
            min(self.least, other.least), max(self.most, other.most), max(self.loss, other.loss)
        )


class Vanishing:
    """Watches a walk in float64 over a program.

    Parameters
    ----------
    program : Program
    inputs : Forms
        As for the `Walker`.
    forms : bool
        Whether condition forms are made of the rows; else only the outputs' rows count.

    Attributes
    ----------
    safe : bool
        Whether nothing can be spoilt, whatever the code.
    """

    def __init__(self, program: Program, inputs: Forms, *, forms: bool) -> None:
        self._ranges: list[_Range] = []
        own, shift = _exponents(inputs.data), _exponents(inputs.const)
        state = _Range(min(own[0], shift[0]), max(own[1], shift[1]), _NORMAL)
        for layer in program.layers:
            units, affine = layer.units, layer.members
            members = state.applied(affine.data, affine.const, _terms(affine))
            low, high = _exponents(units.piece_shift)
            self._ranges.append(
                _Range(min(members.least, low), max(members.most, high) + 2, members.loss + 2)
            )
            made = members.applied(units.piece_slope, units.piece_offset, 1)
            state = made.joined(state) if len(layer.keep) else made
        output = program.output
        self._ranges.append(state.applied(output.data, output.const, _terms(output)))
        watched = self._ranges[:-1] if forms else self._ranges[-1:]
        self.safe = all(r.safe for r in watched)
        self._program, self._inputs = program, inputs

    @cached_property
    def _paths(self) -> Walker:
        return Walker(self._program, self._inputs, _Paths())

    def blocks(self, walker: Walker, codes: np.ndarray) -> Iterator[tuple[Block, Block | None]]:
        """The blocks of a walk, each with its paths; None where nothing can be spoilt."""
        if self.safe:
            return zip(walker.blocks(codes), repeat(None))
        return zip(walker.blocks(codes), self._paths.blocks(codes), strict=True)

    def spoilt(self, level: int, values: np.ndarray, paths: np.ndarray) -> np.ndarray:
        """Numbers of a level that some path leads to, and that are not above what may be lost."""
        bits = self._ranges[level].loss + _SPARE
        small = np.abs(values) < (np.ldexp(1.0, math.ceil(bits)) if bits < 1023 else math.inf)
        return np.asarray((paths > 0) & small)


def backwards_is_safe(program: Program) -> bool:
    """Whether nothing can be spoilt when maps are made from the outputs to the inputs."""
    nothing = np.zeros(0)
    state = _Range(0.0, 0.0, _NORMAL)  # an output itself
    for affine, layer in zip(
        [program.output, *(layer.members for layer in program.layers[::-1])],
        [*program.layers[::-1], None], strict=True,
    ):  # fmt: skip
        # what rows of members, and then rows of the state, make of constants
        made = [state.applied(affine.const, nothing, len(affine))]
        state = state.applied(affine.data, nothing, len(affine))
        if layer is not None:
            units, kept = layer.units, state
            made.append(state.applied(units.piece_offset, nothing, len(units)))
            state = state.applied(units.piece_slope, nothing, len(units))
            made.append(state)
            if len(layer.keep):
                state = state.joined(kept)
        if not all(r.safe for r in (state, *made)):
            return False
    return True


def _terms(forms: Forms) -> int:
    return int(np.diff(forms.indptr).max(initial=0))


def _exponents(array: np.ndarray) -> tuple[float, float]:
    """Exponents of two below and above all sizes that are not zero; (inf, -inf) if none is."""
    if array.dtype != object:
        sizes = np.abs(array[array != 0])
        if len(sizes) == 0:
            return math.inf, -math.inf
        return float(np.frexp(sizes.min())[1] - 1), float(np.frexp(sizes.max())[1])
    known = {id(v): v for v in array.reshape(-1).tolist()}
    bits = [
        v.numerator.bit_length() - v.denominator.bit_length()
        for v in map(Fraction, known.values())
        if v
    ]
    return (float(min(bits) - 1), float(max(bits) + 1)) if bits else (math.inf, -math.inf)
