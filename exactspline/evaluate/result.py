"""What a pass gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["Forward", "LayerValues"]


class LayerValues(NamedTuple):
    """One layer of a pass: its units' outputs and codes, each of shape (n, units)."""

    outputs: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class Forward:
    """Samples after one pass. For a single sample all arrays are without their first axis.

    Attributes
    ----------
    values : array, shape (n, *output_shape)
        Rounded, in the pass's type.
    codes : array, shape (n, units)
        Per unit the lowest active piece.
    on_boundary : bool array, shape (n,)
        Whether more than one piece of some unit is active. Where the code is proved, so is
        this; else it says that a condition was computed as zero.
    proved : bool array, shape (n,), or None
        Whether the code is proved to be that of the exact network at the point that was given.
    error : float64 array, shape (n,), or None
        Upper bounds on |values - exact values|, in every output: they hold in real arithmetic.
    A, b : arrays, shapes (n, C, D) and (n, C), or None
        The affine map of the code: f(x) = A x + b, up to rounding.
    layers : tuple of LayerValues, or None
    """

    values: np.ndarray
    codes: np.ndarray
    on_boundary: np.ndarray
    proved: np.ndarray | None = None
    error: np.ndarray | None = None
    A: np.ndarray | None = None
    b: np.ndarray | None = None
    layers: tuple[LayerValues, ...] | None = None
