"""The public functions that take samples through a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mode import guarded
from ..network.network import Network
from .core import ForwardCore, core_of
from .result import Forward

__all__ = ["affine_maps", "codes", "forward", "forward_core", "prepare"]


@guarded
def prepare(
    network: Network, *, dtype: Any = None, engine: str | None = None, threads: int | None = None
) -> ForwardCore:
    """Prepare a network for many evaluations: kernels are loaded now, buffers kept.

    Parameters
    ----------
    network : Network
    dtype : data type, optional
        float64 by default; float32 is faster and rounds more.
    engine : str, optional
        "numba" (kernels; the default where the program allows), "numpy", or "auto": kernels
        once a batch is worth loading them.
    threads : int, optional
        Of the Numba passes; all cores by default.

    Returns
    -------
    ForwardCore
        With ``point`` for single samples, ``forward``, ``codes``, ``affine_maps`` and ``run``
        for batches. The functions of this page take it in place of a network.

    Raises
    ------
    ParameterError
        For other types and engines.

    Notes
    -----
    Cost: the first time on a machine some seconds of compiling, kept on disk; then about a
    second of loading. A layer is laid out up to three times in memory.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU()], (2,))
    >>> core = es.prepare(net, dtype="float32")
    >>> core.forward([[1, 2], [2, 1]]).tolist()
    [[3.0, 0.0], [3.0, 1.0]]
    """
    if engine is not None:
        return ForwardCore(network, np.float64 if dtype is None else dtype, engine, threads)
    core = ForwardCore(network, np.float64 if dtype is None else dtype, "auto", threads)
    core.load()
    return core


@guarded
def forward(
    network: Network | ForwardCore, X: Any, *, dtype: Any = None, output_operator: bool = False,
    return_layers: bool = False,
) -> Any:  # fmt: skip
    """Values of a network at samples, in floating point.

    Parameters
    ----------
    network : Network or ForwardCore
    X : array_like
        One sample of shape ``input_shape`` or (D,), or a batch (n, *input_shape) or (n, D).
        Numbers that the type cannot hold are rounded once.
    dtype : data type, optional
        float32 or float64 (the default).
    output_operator : bool
        Apply the output operator g too (a softmax at the output, say).
    return_layers : bool
        Give the outputs and codes of the units of every layer too.

    Returns
    -------
    values : array, shape (n, *output_shape)
        Without the first axis for a single sample.
    layers : tuple of LayerValues
        If ``return_layers``: per layer ``outputs`` and ``codes``, of shape (n, units).

    Raises
    ------
    ShapeError
        If the samples do not fit the network.
    ParameterError
        For NaN and infinities, in the input or arising on the way; for parameters beyond the
        range of the type.
    LimitError
        If the result would take more than 4 GiB.

    Notes
    -----
    Guarantee: values are rounded; `forward_core` with ``proved=True`` bounds their error, and
    ``Network.forward(x, exact=True)`` computes in rationals. Small calls run in NumPy, large
    ones in Numba on all cores; both are the same sums in another order.

    Cost: a product and a sum for every coefficient of the compiled program and sample.

    See Also
    --------
    prepare : for loops over single samples.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> es.forward(net, [[3.0], [0.5]]).tolist()
    [[3.0, 2.0], [0.5, 0.0]]
    >>> values, layers = es.forward(net, [3.0], return_layers=True)
    >>> layers[0].codes.tolist()
    [1, 1]
    """
    return core_of(network, dtype).forward(
        X, output_operator=output_operator, return_layers=return_layers
    )


@guarded
def codes(
    network: Network | ForwardCore, X: Any, *, exact: bool = False, dtype: Any = None
) -> np.ndarray:
    """Codes of samples: per unit the lowest active piece.

    Parameters
    ----------
    network : Network or ForwardCore
    X : array_like
        As in `forward`.
    exact : bool
        Prove every code: by error bounds, and in rationals where these leave it open.
    dtype : data type, optional
        float32 or float64 (the default): of the pass.

    Returns
    -------
    array of unsigned integers, shape (n, units)
        Without the first axis for a single sample.

    Raises
    ------
    ShapeError, ParameterError, LimitError
        As `forward`. With ``exact``, parameters may have any size.

    Notes
    -----
    Guarantee: with ``exact`` the code is q(x) of the exact network at the point as it is given
    (floats, integers, Fractions and texts are exact numbers); on a boundary it need not be the
    code of a region. Otherwise it is that of a computation in floating point: wrong where a
    condition is so near zero that rounding hides its sign.

    Cost: as `forward`. In rationals, milliseconds to seconds a sample; that concerns samples on
    or within about 1e-12 of a boundary.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018, section 5: the code
    as the network's vector quantisation.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([["1/3"]], ["-1"]), es.ReLU()], (1,))
    >>> es.codes(net, [[2], [3], ["3.0000000000000000001"]], exact=True).tolist()
    [[0], [0], [1]]
    """
    return core_of(network, dtype).codes(X, exact=exact)


@guarded
def affine_maps(
    network: Network | ForwardCore, X: Any, *, dtype: Any = None, fresh: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The affine maps that a network is around samples: f(x) = A x + b.

    Parameters
    ----------
    network : Network or ForwardCore
    X : array_like
        As in `forward`.
    dtype : data type, optional
        float32 or float64 (the default).
    fresh : bool
        Sum every map by itself: then its last bits are the same whatever else is in the batch.

    Returns
    -------
    A : array, shape (n, C, D)
        The Jacobian; inputs and outputs are flat.
    b : array, shape (n, C)

    Raises
    ------
    ShapeError, ParameterError, LimitError
        As `forward`.

    Notes
    -----
    The map is that of the sample's code, computed in floating point; in float64 as
    ``Partition.affine_pieces`` says, so that products of parameters which leave the range on
    the way cost time, but are not lost. In float32 what is below 1e-38 on the way is. Samples
    of a batch that share a code, or the end of one, share what follows from it. Where a network
    is no chain of small dense layers, a sample whose code differs from the one before in few
    units of a layer takes over that layer's sums, with these units' parts taken out and put in:
    a sum then has twice as many terms as it needs at most, and what rounding costs is that of
    all of them, of those that were taken out, too. ``fresh`` leaves that out. Exact maps of a
    region: ``regions_at(network, x)[0].affine(exact=True)``.

    Cost: C times that of `forward`, or D + 1 times if that is far less.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018, section 3: A[x] and
    B[x]; the rows of A are templates.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU(), es.Dense([[2, 1]])], (1,))
    >>> A, b = es.affine_maps(net, [[3.0], [0.5], [-1.0]])
    >>> A.ravel().tolist(), b.ravel().tolist()
    ([3.0, 2.0, 0.0], [-1.0, 0.0, 0.0])
    """
    return core_of(network, dtype).affine_maps(X, fresh=fresh)


@guarded
def forward_core(
    network: Network | ForwardCore, X: Any, *, affine: bool = True, proved: bool = False,
    exact: bool = False, return_layers: bool = False, output_operator: bool = False,
    dtype: Any = None,
) -> Forward:  # fmt: skip
    """Values, codes and affine maps of samples in one pass.

    Parameters
    ----------
    network : Network or ForwardCore
    X : array_like
        As in `forward`.
    affine : bool
        Give affine maps (the default).
    proved : bool
        Say per sample whether the code is proved, and bound the values' error.
    exact : bool
        Decide in rationals what error bounds leave open: then all codes are proved, and
        ``on_boundary`` is exact.
    return_layers, output_operator, dtype
        As in `forward`.

    Returns
    -------
    Forward
        ``values``, ``codes``, ``on_boundary``, ``proved``, ``error``, ``A``, ``b``, ``layers``.

    Raises
    ------
    ShapeError, ParameterError, LimitError
        As `forward`.

    Notes
    -----
    Guarantee: where ``proved``, the code is q(x) of the exact network at the point as it is
    given, in real arithmetic; ``error`` is an upper bound on the distance of each value (before
    the output operator) from the exact one. A proof is a running bound that takes one number a
    layer; what it leaves open gets bounds a unit in float64, where ties of arithmetic without
    rounding (integer weights, dead units) are proved as well.

    Cost: the running bound adds half to the time of a pass.

    References
    ----------
    Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.3: running error
    bounds.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> out = es.forward_core(net, [[3.0], [1.0]], exact=True)
    >>> out.codes.tolist(), out.on_boundary.tolist(), out.A[0].tolist()
    ([[1, 1], [1, 0]], [False, True], [[1.0], [1.0]])
    """
    return core_of(network, dtype).run(
        X, affine=affine, proved=proved, exact=exact, return_layers=return_layers,
        output_operator=output_operator,
    )  # fmt: skip
