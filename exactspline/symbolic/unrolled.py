"""A program's first layers as a network of plain operators, with any affine forms at its end.

What a unit reads inside of a network becomes an output of another one, so that whatever is there
for outputs (their exact ranges) is there for members.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from ..network import (
    Branches,
    Concat,
    Elementwise,
    Network,
    ReduceMax,
    ReduceMin,
    ScalarSpline,
    Select,
    SparseLinear,
)
from ..network.graph import Step

if TYPE_CHECKING:
    from ..compile.forms import Forms
    from ..compile.program import Layer, Program, Units

__all__ = ["forms_behind"]


def forms_behind(program: Program, layers: int, forms: Forms) -> Network:
    """The network x -> forms(state behind the first layers).

    Parameters
    ----------
    program : Program
    layers : int
    forms : Forms
        Over that state; at least one.

    Returns
    -------
    Network
        Of one flat input; equal to the program's own values, exactly.
    """
    steps: list[Step] = []
    for layer in program.layers[:layers]:
        steps += _layer(layer)
    return Network([*steps, *_affine(forms)], (program.input_dim,))


def _affine(forms: Forms) -> list[Step]:
    """An affine map of one value: a sparse linear one, and its constants."""
    linear = SparseLinear(
        forms.width, (forms.indptr[1:] - forms.indptr[:-1]).tolist(), forms.indices.tolist(),
        forms.data,
    )  # fmt: skip
    return [linear, Elementwise(1, forms.const)]


def _layer(layer: Layer) -> list[Step]:
    """One layer: the members and what is kept, then the units from what they read."""
    members = len(layer.members)
    parts = [*_units(layer.units)]
    if len(layer.keep):
        parts.append([Select(list(range(members, members + len(layer.keep))))])
    chosen = parts[0] if len(parts) == 1 else [Branches(parts, Concat())]
    return [*_affine(_with_kept(layer)), *chosen]


def _units(units: Units) -> Iterator[list[Step]]:
    """The units in their order, neighbours with one spline together."""
    for spline, group in groupby(range(len(units)), lambda k: _spline(units, k)):
        if spline is None:
            yield from (_compared(units, k) for k in group)
        else:
            read = [int(units.piece_member[units.piece_start[k]]) for k in group]
            yield [Select(read), ScalarSpline(*map(list, spline))]


def _with_kept(layer: Layer) -> Forms:
    import numpy as np

    from ..compile.forms import Forms
    from ..rationals import exact_array

    own, keep = layer.members, layer.keep
    data = [*(Fraction(v) for v in own.data.tolist()), *[Fraction(1)] * len(keep)]
    const = [*(Fraction(v) for v in own.const.tolist()), *[Fraction(0)] * len(keep)]
    return Forms(
        np.concatenate([own.indptr, own.indptr[-1] + np.arange(1, len(keep) + 1)]).astype(np.int64),
        np.concatenate([own.indices, keep]).astype(np.int64),
        exact_array(data), exact_array(const), own.width,
    )  # fmt: skip


def _spline(units: Units, k: int) -> tuple[tuple[Fraction, ...], ...] | None:
    """Breakpoints, slopes and offsets of a unit of one member; None for a maximum or minimum."""
    if units.lead[k]:
        return None
    first, last = int(units.piece_start[k]), int(units.piece_start[k + 1])
    return (
        tuple(-Fraction(v) for v in units.piece_shift[first : last - 1].tolist()),
        tuple(Fraction(v) for v in units.piece_slope[first:last].tolist()),
        tuple(Fraction(v) for v in units.piece_offset[first:last].tolist()),
    )


def _compared(units: Units, k: int) -> list[Step]:
    read = units.piece_member[int(units.piece_start[k]) : int(units.piece_start[k + 1])].tolist()
    way = ReduceMax if units.lead[k] > 0 else ReduceMin
    return [Select(read), way(keepdims=True)]
