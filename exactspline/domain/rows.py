"""Inequalities of a domain: bounds and general rows as forms, and as dense rational rows."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..clock import check
from ..compile.forms import Forms
from ..rationals import exact_array
from ..room import check_room

__all__ = ["Bound", "all_rows", "dense_fractions", "dense_rows", "no_rows", "values_of"]

Bound = Fraction | None

_MOST_ENTRIES = 1 << 28  # of dense rows


def no_rows(width: int) -> Forms:
    """No forms at all."""
    return Forms(
        np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), width
    )


def all_rows(low: tuple[Bound, ...], high: tuple[Bound, ...], general: Forms, width: int) -> Forms:
    """Bounds of single coordinates and general rows as forms >= 0."""
    indices: list[int] = []
    data: list[Fraction] = []
    const: list[Fraction] = []
    for j, (a, b) in enumerate(zip(low, high, strict=True)):
        if a is not None:
            indices.append(j)
            data.append(Fraction(1))
            const.append(-a)
        if b is not None:
            indices.append(j)
            data.append(Fraction(-1))
            const.append(b)
    lengths = [1] * len(indices)
    for i in range(len(general)):
        row, values, constant = general.row(i)
        indices.extend(row.tolist())
        data.extend(Fraction(v) for v in values.tolist())
        const.append(constant)
        lengths.append(len(row))
    return Forms(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array(indices, dtype=np.int64),
        exact_array(data),
        exact_array(const),
        width,
    )


def dense_fractions(forms: Forms) -> tuple[np.ndarray, np.ndarray]:
    """Forms as a dense matrix and constants, object arrays of Fractions."""
    matrix = np.full((len(forms), forms.width), Fraction(0), dtype=object)
    const = np.empty(len(forms), dtype=object)
    for i in range(len(forms)):
        indices, data, const[i] = forms.row(i)
        matrix[i, indices] = [Fraction(v) for v in data.tolist()]
    return matrix, const


def values_of(forms: Forms, point: Sequence[Fraction]) -> list[Fraction]:
    """The exact values of forms at a point."""
    out = []
    for i in range(len(forms)):
        indices, data, total = forms.row(i)
        for j, c in zip(indices.tolist(), data.tolist(), strict=True):
            total += Fraction(c) * point[j]
        out.append(total)
    return out


def dense_rows(forms: Forms) -> list[list]:
    """Forms as dense rational rows, constant first."""
    import flint

    from ..polyhedra.lp import q

    check_room(
        len(forms) * forms.width,
        _MOST_ENTRIES,
        f"{len(forms):,} inequalities of the domain",
        "take a slice of fewer dimensions",
    )
    out = []
    for i in range(len(forms)):
        check()
        indices, data, const = forms.row(i)
        row = [flint.fmpq(0)] * (forms.width + 1)
        row[0] = q(const)
        for j, value in zip(indices.tolist(), data.tolist(), strict=True):
            row[j + 1] = row[j + 1] + q(value)
        out.append(row)
    return out
