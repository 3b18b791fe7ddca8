"""Piecewise-affine functions of one variable, naively: pieces between breakpoints, in Fractions."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

Piece = tuple[Fraction, Fraction]  # slope, intercept


class Line:
    """A function on an interval: where it bends, and its pieces between."""

    def __init__(self, ends: list[Fraction], pieces: list[Piece]) -> None:
        self.ends, self.pieces = ends, pieces

    def at(self, x: Fraction) -> Fraction:
        for (a, b), (slope, intercept) in zip(pairwise(self.ends), self.pieces, strict=True):
            if a <= x <= b:
                return slope * x + intercept
        raise ValueError(x)

    def split(self, ends: list[Fraction]) -> Line:
        """The same, with further ends."""
        every = sorted({*self.ends, *ends})
        pieces = []
        for a, b in pairwise(every):
            middle = (a + b) / 2
            for (c, d), piece in zip(pairwise(self.ends), self.pieces, strict=True):
                if c <= middle <= d:
                    pieces.append(piece)
                    break
        return Line(every, pieces)

    def zeros(self) -> list[Fraction]:
        """Where it is 0 inside of pieces with a slope."""
        out = []
        for (a, b), (slope, intercept) in zip(pairwise(self.ends), self.pieces, strict=True):
            if slope and a <= -intercept / slope <= b:
                out.append(-intercept / slope)
        return out


def combine(parts: list[tuple[Fraction, Line]], const: Fraction) -> Line:
    """A sum of multiples."""
    ends = sorted({e for _, line in parts for e in line.ends})
    split = [(c, line.split(ends)) for c, line in parts]
    pieces = []
    for i in range(len(ends) - 1):
        slope = sum((c * line.pieces[i][0] for c, line in split), Fraction(0))
        intercept = sum((c * line.pieces[i][1] for c, line in split), const)
        pieces.append((slope, intercept))
    return Line(ends, pieces)


def bent(line: Line, function: Callable[[Fraction], Fraction]) -> Line:
    """A function that is linear on either side of 0, of a line."""
    cut = line.split(line.zeros())
    pieces = []
    for (a, b), (slope, intercept) in zip(pairwise(cut.ends), cut.pieces, strict=True):
        middle = slope * (a + b) / 2 + intercept
        factor = function(Fraction(1)) if middle > 0 else -function(Fraction(-1))
        pieces.append((factor * slope, factor * intercept))
    return Line(cut.ends, pieces)


def through(weights: list, low: Fraction, high: Fraction, bend: Callable) -> list[Line]:
    """A dense network of one input: (weight, bias) a layer, bent between layers."""
    values = [Line([low, high], [(Fraction(1), Fraction(0))])]
    for number, (weight, bias) in enumerate(weights):
        if number:
            values = [bent(v, bend) for v in values]
        values = [
            combine([(Fraction(c), v) for c, v in zip(row, values, strict=True)], Fraction(b))
            for row, b in zip(weight, bias, strict=True)
        ]
    return values


def critical(lines: list[Line]) -> list[Fraction]:
    """Points that tell all signs that some functions have anywhere: bends, zeros, and between."""
    ends = sorted({p for line in lines for p in (*line.ends, *line.zeros())})
    return sorted({*ends, *((a + b) / 2 for a, b in pairwise(ends))})
