"""Units of a program that compute the same, written once; exact.

Two networks that share layers, a network and its copy with a neuron split in two: one program of
both holds the same unit twice, or a positive multiple of it. Layer by layer a unit whose members
are those of an earlier one becomes that unit, and what read it reads the earlier one; a spline of
two lines through 0 (ReLU, leaky ReLU, the absolute value) commutes with positive factors, so that
multiples count, too. What follows is summed in exact numbers, so that further units become equal.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..clock import check
from ..rationals import compact
from .forms import Forms
from .program import Layer, Program, UnitGroup, Units

__all__ = ["with_equal_units_once"]


def with_equal_units_once(program: Program) -> tuple[Program, np.ndarray]:
    """The same function with every unit once.

    Parameters
    ----------
    program : Program

    Returns
    -------
    program : Program
        Of the same function; a region of it is one of the given program where no unit is left out.
    place : int64 array, shape (units,)
        Which unit of it every unit has become: its code is the same on every region.

    Notes
    -----
    Cost: that of the coefficients in rationals, some microseconds each.
    """
    place: list[int] = []
    layers: list[Layer] = []
    width, begin = program.input_dim, 0
    state = Forms.selection(np.arange(width), width)  # the old state over the new one
    for layer in program.layers:
        members = layer.members.after(state)
        first, ratio = _first_of_each(members, layer.units)
        kept = [k for k, at in enumerate(first) if at == k]
        number = {k: i for i, k in enumerate(kept)}
        place += [begin + number[at] for at in first]
        begin += len(kept)
        # entries that are passed on: as they were, over the new state
        sources = sorted(set(_entries(state, layer.keep)))
        layers.append(Layer(
            *_chosen(layer, members, kept), np.array(sources, dtype=np.int64), _names(layer, kept)
        ))  # fmt: skip
        position = {j: len(kept) + i for i, j in enumerate(sources)}
        rows = [(Fraction(0), [(number[at], r)]) for at, r in zip(first, ratio, strict=True)]
        for j in layer.keep.tolist():
            indices, data, const = state.row(j)
            own = [(position[int(i)], Fraction(v)) for i, v in zip(indices, data, strict=True)]
            rows.append((Fraction(const), own))
        state = _forms(rows, len(kept) + len(sources))
    return Program(program.input_dim, tuple(layers), program.output.after(state)), np.array(
        place, dtype=np.int64
    )


def _entries(state: Forms, rows: np.ndarray) -> list[int]:
    return [int(i) for j in rows.tolist() for i in state.row(j)[0]]


def _forms(rows: list[tuple[Fraction, list[tuple[int, Fraction]]]], width: int) -> Forms:
    indptr = np.concatenate([[0], np.cumsum([len(own) for _, own in rows])]).astype(np.int64)
    indices = np.array([i for _, own in rows for i, _ in own], dtype=np.int64)

    def exact(values: list[Fraction]) -> np.ndarray:
        out = np.empty(len(values), dtype=object)
        out[:] = values
        return compact(out)

    data, const = exact([v for _, own in rows for _, v in own]), exact([c for c, _ in rows])
    return Forms(indptr, indices, data, const, width)


def _first_of_each(members: Forms, units: Units) -> tuple[list[int], list[Fraction]]:
    """Per unit the first one that is the same up to a positive factor, and that factor."""
    known: dict[Any, tuple[int, Fraction]] = {}
    first, ratio = [], []
    rows = [_row(members, i) for i in range(len(members))]
    for k in range(len(units)):
        check()
        a, b = int(units.piece_start[k]), int(units.piece_start[k + 1])
        own = [rows[i] for i in units.piece_member[a:b].tolist()]
        pieces = tuple(
            tuple(Fraction(v) for v in column[a:b].tolist())
            for column in (units.piece_slope, units.piece_offset, units.piece_shift)
        )
        lead, factor = int(units.lead[k]), Fraction(1)
        through_zero = not any(pieces[1]) and not any(pieces[2])
        if lead == 0:
            own = own[:1]
        if lead == 0 and through_zero:
            factor = next((abs(v) for _, v in own[0]), Fraction(1))
            own = [tuple((i, v / factor) for i, v in own[0])]
        at, base = known.setdefault((lead, pieces, tuple(own)), (k, factor))
        first.append(at)
        ratio.append(factor / base)
    return first, ratio


def _row(members: Forms, i: int) -> tuple[tuple[int, Fraction], ...]:
    """A form as pairs, the constant as that of -1 at the end; no zeros."""
    indices, data, const = members.row(i)
    pairs = sorted(zip(indices.tolist(), data.tolist(), strict=True))
    out = [(j, Fraction(v)) for j, v in pairs if v]
    return tuple([*out, (-1, Fraction(const))] if const else out)


def _chosen(layer: Layer, members: Forms, kept: list[int]) -> tuple[Forms, Units]:
    """Some units of a layer, and the members that they read."""
    units = layer.units
    chosen = np.array(kept, dtype=np.int64)
    starts, counts = units.piece_start[chosen], units.pieces[chosen]
    begin = np.concatenate([[0], np.cumsum(counts)]).astype(units.piece_start.dtype)
    pieces = np.repeat(starts - begin[:-1], counts) + np.arange(int(begin[-1]))
    read = units.piece_member[pieces]
    used, place = np.unique(read, return_inverse=True)
    return members.take(used.astype(np.int64)), Units(
        units.lead[chosen], begin, place.reshape(-1).astype(units.piece_member.dtype),
        units.piece_slope[pieces], units.piece_offset[pieces], units.piece_shift[pieces],
    )  # fmt: skip


def _names(layer: Layer, kept: list[int]) -> tuple[UnitGroup, ...]:
    """The names that they had."""
    out, at, chosen = [], 0, np.array(kept, dtype=np.int64)
    for group in layer.names:
        own = chosen[(chosen >= at) & (chosen < at + len(group))] - at
        if len(own):
            entries = own if group.entries is None else group.entries[own]
            out.append(UnitGroup(group.operator, group.shape, entries))
        at += len(group)
    return tuple(out)
