"""How far apart samples are in the network's vector quantisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import LimitError
from ..mode import guarded
from ..network.network import Network
from .core import MOST_BYTES, ForwardCore, core_of

__all__ = ["vq_distance"]

_BLOCK = 1 << 24  # code entries that are compared at once, as float32


@guarded
def vq_distance(
    network: Network | ForwardCore, X: Any, Y: Any = None, *, per_layer: bool = False,
    exact: bool = False, dtype: Any = None,
) -> np.ndarray:  # fmt: skip
    """The VQ distance between samples: the share of units with different pieces.

    Parameters
    ----------
    network : Network or ForwardCore
    X : array_like, shape (n, D) or (n, *input_shape)
    Y : array_like, shape (m, D) or (m, *input_shape), optional
        X by default.
    per_layer : bool
        One share a layer.
    exact : bool
        Codes are decided in rationals where error bounds leave them open.
    dtype : data type, optional
        float64 by default.

    Returns
    -------
    array, shape (n, m), or (layers, n, m) if ``per_layer``
        float64, from 0 to 1; 0 in a network without units. The axis of a single sample is left
        out.

    Raises
    ------
    LimitError
        If the result would take more than 4 GiB.
    ShapeError, ParameterError
        As `exactspline.forward`.

    Notes
    -----
    Counts are exact; n * m * units operations, as products of matrices. Samples at distance 0
    have the same code, and so the same affine map.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018, section 5: the
    partition as a vector quantisation, and distances between samples through it.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> es.vq_distance(net, [[-1.0], [0.5], [2.0]]).tolist()
    [[0.0, 0.5, 1.0], [0.5, 0.0, 0.5], [1.0, 0.5, 0.0]]
    """
    core = core_of(network, dtype)
    first = core.codes(X, exact=exact)
    second = first if Y is None else core.codes(Y, exact=exact)
    squeeze = [axis for axis, codes in ((-2, first), (-1, second)) if codes.ndim == 1]
    first, second = np.atleast_2d(first), np.atleast_2d(second)
    starts = core.program.unit_start
    n, m, layers = len(first), len(second), len(starts) - 1
    if 8 * n * m * max(1, layers if per_layer else 1) > MOST_BYTES:
        raise LimitError(
            f"vq_distance: {n:,} times {m:,} distances would take more than {MOST_BYTES:,} bytes; "
            "give fewer samples at once"
        )
    out = np.zeros((layers if per_layer else 1, n, m))
    for l in range(layers):  # noqa: E741
        a, b = first[:, starts[l] : starts[l + 1]], second[:, starts[l] : starts[l + 1]]
        share = _differing(a, b)
        if per_layer:
            out[l] = share / max(1, a.shape[1])
        else:
            out[0] += share
    if not per_layer:
        out /= max(1, core.program.n_units)
    out = out if per_layer else out[0]
    return np.squeeze(out, axis=tuple(squeeze)) if squeeze else out


def _differing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """In how many units each row of a differs from each row of b; sums below 2^24 are exact."""
    equal = np.zeros((len(a), len(b)))
    units = a.shape[1]
    pieces = int(max(a.max(initial=0), b.max(initial=0))) + 1
    step = min(1 << 22, max(1, _BLOCK // max(1, len(a) + len(b))))
    for begin in range(0, units, step):
        own, other = a[:, begin : begin + step], b[:, begin : begin + step]
        for piece in range(pieces):
            equal += (own == piece).astype(np.float32) @ (other == piece).astype(np.float32).T
    return units - equal
