"""Continuous piecewise-affine functions as maxima of minima of their own pieces.

On a polyhedron P with the map f_i, every set S of pieces that are nowhere below f_i there has
min_S f_j >= f_i = f on P. If min_S f_j <= f everywhere as well, the maximum of such minima, one a
polyhedron, is f. For the second, on a polyhedron Q with the map f_k: some f_j of S is nowhere above
f_k on Q, or an exact linear program finds no point of Q where all of S are above f_k. Where it
finds one, x, P is cut in two: between any point y of P and x there is a piece f_j with
f_j(y) >= f_i(y) and f_j(x) <= f(x) (the segment stays in the convex domain), which the set lacks
since f_j goes below f_i in another part of P. So P is cut by f_j = f_i, and after as many cuts as
there are such hyperplanes at most both hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ...errors import LimitError, UndecidedError
from ...polyhedra.decide import interior
from ...polyhedra.linear import matrix_of
from ...polyhedra.lp import q
from ..common.region_maps import dot, fractions_of
from .cells import Cell, Form, of_rows

__all__ = ["lattice"]

_MOST_PARTS = 20_000


def lattice(cells: Sequence[Cell], pieces: Sequence[int], forms: Sequence[Form]) -> list[list[int]]:
    """Sets of pieces, so that the function is the maximum over the sets of the least piece.

    Parameters
    ----------
    cells : sequence of Cell
        They fill a convex set, and the pieces agree where they meet.
    pieces : sequence of int
        Which form holds on each.
    forms : sequence of forms
        Distinct, constant first.

    Returns
    -------
    list of lists of int
        Without any piece of a set the maximum would be above the function. A set is left out
        where the others have all parts that it stands for.

    Raises
    ------
    LimitError
        If more than 20,000 parts would be made.
    """
    dim = len(forms[0]) - 1
    below = [_below(cell, p, forms) for cell, p in zip(cells, pieces, strict=True)]
    open_ = [(cell, p) for cell, p in zip(cells, pieces, strict=True)]
    above = [_above(cell, p, forms) for cell, p in open_]
    chosen: list[set[int]] = []
    at = 0
    while at < len(open_):
        (cell, p), own = open_[at], above[at]
        at += 1
        if any(s <= own for s in chosen):  # this part has its lower bound already
            continue
        bad = _exceeded(own, cells, pieces, forms, below, dim)
        if bad is None:
            chosen.append(_smallest(own, cells, pieces, forms, below, dim))
            continue
        if len(open_) > _MOST_PARTS:
            raise LimitError(
                f"interpolate: more than {_MOST_PARTS:,} parts are needed to write these pieces as "
                "a maximum of minima; give fewer regions"
            )
        k, x = bad
        for part in _cut(cell, p, k, x, own, pieces, forms, dim):
            open_.append((part, p))
            above.append(_above(part, p, forms))
    return [sorted(s) for s in _needed(chosen, above)]


def _above(cell: Cell, own: int, forms: Sequence[Form]) -> set[int]:
    """The pieces that are nowhere below a polyhedron's own."""
    values = _values(cell, forms)
    return {j for j in range(len(forms)) if all(row[j] >= row[own] for row in values)}


def _below(cell: Cell, own: int, forms: Sequence[Form]) -> set[int]:
    values = _values(cell, forms)
    return {j for j in range(len(forms)) if all(row[j] <= row[own] for row in values)}


def _values(cell: Cell, forms: Sequence[Form]) -> list[list[Any]]:
    """All forms at the generators of a polyhedron, a row a generator, in flint's rationals."""
    found = matrix_of(cell.generators) * matrix_of(forms).transpose()
    return [[found[i, j] for j in range(len(forms))] for i in range(len(cell.generators))]


def _exceeded(
    chosen: set[int],
    cells: Sequence[Cell],
    pieces: Sequence[int],
    forms: Sequence[Form],
    below: Sequence[set[int]],
    dim: int,
) -> tuple[int, list[Fraction]] | None:
    """A polyhedron, and a point in it, where all of some pieces are above the function."""
    for k, (cell, own) in enumerate(zip(cells, pieces, strict=True)):
        if chosen & below[k]:
            continue
        rows = [
            [q(a - b) for a, b in zip(forms[j], forms[own], strict=True)] for j in sorted(chosen)
        ]
        found = interior([*cell.rows, *rows], dim)
        if found is not None:
            return k, fractions_of(found)
    return None


def _smallest(
    own: set[int], cells: Sequence[Cell], pieces: Sequence[int], forms: Sequence[Form],
    below: Sequence[set[int]], dim: int,
) -> set[int]:  # fmt: skip
    """The same set without the pieces that it does not need to stay below the function."""
    left = set(own)
    for j in sorted(own, reverse=True):
        if len(left) == 1:
            break
        fewer = left - {j}
        if _exceeded(fewer, cells, pieces, forms, below, dim) is None:
            left = fewer
    return left


def _cut(
    cell: Cell, own: int, k: int, x: list[Fraction], above: set[int], pieces: Sequence[int],
    forms: Sequence[Form], dim: int,
) -> list[Cell]:  # fmt: skip
    """Both sides of a part by where a piece that is low enough at a point goes below its own."""
    at = (Fraction(1), *x)
    value = dot(forms[pieces[k]], at)
    for j, form in enumerate(forms):
        if j in above or dot(form, at) > value:
            continue
        row = [q(a - b) for a, b in zip(form, forms[own], strict=True)]
        sides = [[*cell.rows, row], [*cell.rows, [-v for v in row]]]
        if all(interior(side, dim) is not None for side in sides):
            return [of_rows(side, dim) for side in sides]
    raise UndecidedError(
        "interpolate: the pieces are no continuous function on a convex domain, although they "
        "agree where they meet; please report these regions"
    )


def _needed(chosen: Sequence[set[int]], above: Sequence[set[int]]) -> list[set[int]]:
    """Without the sets whose parts have others that bound them from below."""
    left = list(chosen)
    for s in list(chosen):
        fewer = [other for other in left if other is not s]
        parts = [a for a in above if s <= a]
        if fewer and all(any(other <= a for other in fewer) for a in parts):
            left = fewer
    return left
