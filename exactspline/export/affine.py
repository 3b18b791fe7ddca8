"""The affine maps of regions for files, exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..partition.columns.description import rational_texts
from ..rationals import format_rational

if TYPE_CHECKING:
    from ..partition.partition import Partition

__all__ = ["affine_texts"]


def affine_texts(partition: Partition, code: np.ndarray) -> tuple[list[list[str]], list[str]]:
    """A and b of the region of a code, exactly."""
    from ..partition.regions.maps import affine_map

    forms = affine_map(partition.network, code)
    A, b = [], []
    for i in range(len(forms)):
        indices, data, constant = forms.row(i)
        row = ["0"] * forms.width
        for j, text in zip(indices.tolist(), rational_texts(data.tolist()), strict=True):
            row[j] = text
        A.append(row)
        b.append(format_rational(Fraction(constant)))
    return A, b
