"""What a pass gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["Forward", "LayerValues"]


class LayerValues(NamedTuple):
    """One layer of a pass: its units' outputs and codes, each of shape (n, units).

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU(), es.Dense([[1, 1]])], (2,))
    >>> values, (layer,) = es.forward(net, [1, 2], return_layers=True)
    >>> layer.outputs.tolist(), layer.codes.tolist()
    ([3.0, 0.0], [1, 0])
    """

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

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU(), es.Dense([[1, 1]])], (2,))
    >>> found = es.forward_core(net, [[1, 2], [1, 1]], proved=True)
    >>> found.values.tolist(), found.codes.tolist()
    ([[3.0], [2.0]], [[1, 0], [1, 0]])
    >>> found.on_boundary.tolist(), found.proved.tolist()  # at (1, 1) the second unit is 0
    ([False, True], [True, True])
    """

    values: np.ndarray
    codes: np.ndarray
    on_boundary: np.ndarray
    proved: np.ndarray | None = None
    error: np.ndarray | None = None
    A: np.ndarray | None = None
    b: np.ndarray | None = None
    layers: tuple[LayerValues, ...] | None = None
