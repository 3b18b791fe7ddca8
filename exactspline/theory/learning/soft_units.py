"""A program's units as soft selections: pieces in columns, and how far soft is from hard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UnsupportedOperatorError
from ...rationals import as_float, as_fractions
from ...room import MOST_COEFFICIENTS, check_room

if TYPE_CHECKING:
    from ...compile.forms import Forms
    from ...compile.program import Layer, Program

__all__ = ["FORMS", "SoftLayer", "above", "ball", "least_error", "precise", "soft_layers"]

FORMS = "mean", "log-sum-exp"
BITS = 192  # of ball arithmetic


@contextmanager
def precise(bits: int = BITS) -> Iterator[None]:
    """Ball arithmetic of so many bits."""
    import flint

    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


def ball(value: Any) -> Any:
    """A rational as a ball."""
    import flint

    value = Fraction(value)
    return flint.arb(flint.fmpq(value.numerator, value.denominator))


def above(value: Any) -> Fraction:
    """A rational that no number of a ball exceeds."""
    mantissa, exponent = value.upper().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


@dataclass(frozen=True)
class SoftLayer:
    """A layer's units, each the largest or the smallest of its pieces.

    Attributes
    ----------
    members : Forms
    rows : list of (Fraction, list of (int, Fraction))
        The same members exactly: constant, and the entries of the state that they read.
    start : int64 array, shape (units + 1,)
        Pieces of every unit.
    member : int64 array, shape (pieces,)
    slope, offset : object arrays of Fractions, shape (pieces,)
        Piece r is slope u[member] + offset.
    sign : int64 array, shape (units,)
        1 for a maximum of its pieces, -1 for a minimum.
    keep : int64 array
        Entries of the state before that follow.
    """

    members: Forms
    rows: list[tuple[Fraction, list[tuple[int, Fraction]]]]
    start: np.ndarray
    member: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    sign: np.ndarray
    keep: np.ndarray

    @cached_property
    def dense(self) -> tuple[np.ndarray, np.ndarray]:
        """The members as a float64 matrix, shape (members, width), and constants."""
        return dense_floats(self.members)

    def pieces(self, unit: int) -> range:
        """The pieces of a unit."""
        return range(int(self.start[unit]), int(self.start[unit + 1]))


def soft_layers(program: Program) -> list[SoftLayer]:
    """All layers of a program.

    Raises
    ------
    UnsupportedOperatorError
        For a unit that is neither convex nor concave: it selects no largest piece.
    """
    return [_layer(program, i, layer) for i, layer in enumerate(program.layers)]


def _layer(program: Program, index: int, layer: Layer) -> SoftLayer:
    units = layer.units
    signs = []
    for k in range(len(units)):
        sign = 1 if units.is_convex(k) else -1 if units.is_concave(k) else 0
        if not sign:
            name = program.unit_name(int(program.unit_start[index]) + k)
            raise UnsupportedOperatorError(
                f"unit {name} is neither convex nor concave, so no piece is selected by its value: "
                "it has no soft selection (docs/perspectives.md)"
            )
        signs.append(sign)
    return SoftLayer(
        layer.members, exact_rows(layer.members), units.piece_start.astype(np.int64),
        units.piece_member.astype(np.int64), as_fractions(units.piece_slope),
        as_fractions(units.piece_offset), np.array(signs, dtype=np.int64),
        np.asarray(layer.keep, dtype=np.int64),
    )  # fmt: skip


def dense_floats(forms: Forms) -> tuple[np.ndarray, np.ndarray]:
    """Forms as a float64 matrix and constants, every number rounded once.

    Raises
    ------
    LimitError
        For more than 2^27 entries.
    """
    check_room(
        len(forms) * forms.width, MOST_COEFFICIENTS, "SoftNetwork: a layer as a dense matrix",
        "take a smaller network, or balls(x), which reads it sparsely",
    )  # fmt: skip
    out = np.zeros((len(forms), forms.width))
    rows = np.repeat(np.arange(len(forms)), np.diff(forms.indptr))
    np.add.at(out, (rows, forms.indices), as_float(forms.data)[0])
    return out, as_float(forms.const)[0].astype(np.float64)


def exact_rows(forms: Forms) -> list[tuple[Fraction, list[tuple[int, Fraction]]]]:
    """Forms as constants and pairs of an entry and its coefficient."""
    out = []
    for i in range(len(forms)):
        indices, data, const = forms.row(i)
        pairs = zip(indices.tolist(), data.tolist(), strict=True)
        out.append((Fraction(const), [(j, Fraction(v)) for j, v in pairs]))
    return out


def least_error(pieces: int, form: str) -> Any:
    """The largest error of a unit of so many pieces, times beta / (1 - beta); a ball.

    "mean": W((R - 1) / e) with Lambert's function, attained where all other pieces are 1 + W below
    the largest one. "log-sum-exp": log R, attained where all pieces are equal.
    """
    import flint

    if form == "log-sum-exp":
        return flint.arb(pieces).log()
    return (flint.arb(pieces - 1) / flint.arb(1).exp()).lambertw()


def gap_error(gaps: Sequence[Fraction], sharp: Any, form: str) -> Any:
    """A bound on a unit's error where its other pieces are at least so far below the largest.

    ``sharp`` is beta / (1 - beta), a ball.
    """
    import flint

    total = flint.arb(0)
    if form == "log-sum-exp":
        for gap in gaps:
            total = total + (-sharp * ball(gap)).exp()
        return (1 + total).log() / sharp
    for gap in gaps:
        scaled = sharp * ball(gap)
        if scaled > 1:  # u exp(-u) falls from u = 1 on
            total = total + ball(gap) * (-scaled).exp()
        else:
            total = total + 1 / (flint.arb(1).exp() * sharp)
    return total
