"""What a unit's conditions are, by arithmetic instead of tables (Numba).

The kernels' reading of `compile.program.Units`, where forms and their numbers are explained: a
maximum of n members has n (n - 1) conditions, and nobody needs them all at once.
"""

from __future__ import annotations

from .jit import kernel

__all__ = ["condition", "count_conditions", "form_terms", "form_unit"]


@kernel
def form_terms(form, stride, at, piece_member, piece_shift, piece_shift_error):
    """plus, minus (-1: none), shift and its error bound of a form of a layer.

    ``at``: where the layer's pieces begin.
    """
    piece = form // stride
    above = form - piece * stride
    piece += at
    if above > 0:
        return piece_member[piece + above], piece_member[piece], 0.0, 0.0
    return piece_member[piece], -1, piece_shift[piece], piece_shift_error[piece]


@kernel
def form_unit(form, stride, at, piece_unit):
    """The unit of a layer that a form belongs to."""
    return piece_unit[at + form // stride]


@kernel
def count_conditions(lead, count, piece):
    """How many conditions a piece has, of a unit with ``count`` pieces."""
    if lead != 0:
        return count - 1
    return (1 if piece > 0 else 0) + (1 if piece + 1 < count else 0)


@kernel
def condition(lead, first, piece, place, stride):
    """Form, sign and whether it drops: the condition at a place of a piece's list.

    ``first``: the unit's first piece in the layer. ``piece``: 0 is the unit's first one.
    """
    own = first + piece
    if lead != 0:
        if place < piece:
            return (first + place) * stride + piece - place, lead, True
        return own * stride + place + 1 - piece, -lead, False
    if place == 0 and piece > 0:
        return (own - 1) * stride, 1, True
    return own * stride, -1, False
