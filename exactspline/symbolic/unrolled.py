"""A program's first layers as a network of plain operators, with any affine forms at its end.

What a unit reads inside of a network becomes an output of another one, so that whatever is there
for outputs (their exact ranges) is there for members.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ..network import (
    Branches,
    Concat,
    Maximum,
    Minimum,
    Network,
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
    from ..network import Elementwise

    linear = SparseLinear(
        forms.width, (forms.indptr[1:] - forms.indptr[:-1]).tolist(), forms.indices.tolist(),
        forms.data,
    )  # fmt: skip
    return [linear, Elementwise(1, forms.const)]


def _layer(layer: Layer) -> list[Step]:
    """One layer: the members and what is kept, then each unit from what it reads."""
    units, members = layer.units, len(layer.members)
    kept = [[s] for s in _selects(range(members, members + len(layer.keep)))]
    parts = [_unit(units, k) for k in range(len(units))]
    return [*_affine(_with_kept(layer)), Branches([*parts, *kept], Concat())]


def _selects(entries: Sequence[int] | range) -> list[Step]:
    return [Select(list(entries))] if len(entries) else []


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


def _unit(units: Units, k: int) -> list[Step]:
    first, last = int(units.piece_start[k]), int(units.piece_start[k + 1])
    slopes = [Fraction(v) for v in units.piece_slope[first:last].tolist()]
    offsets = [Fraction(v) for v in units.piece_offset[first:last].tolist()]
    read = units.piece_member[first:last].tolist()
    if units.lead[k] == 0:
        breaks = [-Fraction(v) for v in units.piece_shift[first : last - 1].tolist()]
        return [Select(read[:1]), ScalarSpline(breaks, slopes, offsets)]
    pieces = [
        [Select([m]), ScalarSpline([], [s], [c])]
        for m, s, c in zip(read, slopes, offsets, strict=True)
    ]
    return [Branches(pieces, Maximum() if units.lead[k] > 0 else Minimum())]
