"""Templates at work: what an input is matched against, and a penalty that spreads templates."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ParameterError, ShapeError
from ...mode import guarded
from ...rationals import nearest_floats, to_fraction
from ..registry import exported

if TYPE_CHECKING:
    from ...network.network import Network

__all__ = ["Templates", "orthogonality_penalty", "templates"]


@dataclass(frozen=True)
class Templates:
    """The templates of a network at one input: f(x) = <A_c, x> + b_c for every output c.

    Attributes
    ----------
    A : array, shape (C, *input_shape)
        One template an output; shown as an image where the input is one.
    b : array, shape (C,)
    matches : array, shape (C,)
        <A_c, x>: how well the input matches each template.
    code : int64 array, shape (units,)
        The lowest active piece of every unit.
    on_boundary : bool
        Whether x is on a boundary of regions, where other templates are as good.
    """

    A: np.ndarray
    b: np.ndarray
    matches: np.ndarray
    code: np.ndarray
    on_boundary: bool


@exported
@guarded
def templates(network: Network, x: Any, *, exact: bool = False) -> Templates:
    """The templates that an input is matched against: the rows of A[x].

    Parameters
    ----------
    network : Network
    x : array_like
        One input, in the network's input shape or flat: floats (as the dyadic rationals they
        are), Fractions, texts.
    exact : bool
        True gives Fractions; False rounds each exact number once to float64 (below its range to
        0, beyond it to its largest numbers).

    Returns
    -------
    Templates

    Raises
    ------
    ShapeError, ParameterError
        If x does not fit, or holds NaN.

    Notes
    -----
    The region is decided exactly and A is composed exactly: about a second for a small
    convolutional network. Off boundaries A is the gradient of every output.

    References
    ----------
    Balestriero, Baraniuk, A Spline Theory of Deep Networks, ICML 2018: templates.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU(), es.Dense([[1, 1]], [3])], (2,))
    >>> found = templates(net, [2.0, 1.0])
    >>> found.A.tolist(), found.b.tolist(), found.matches.tolist()
    ([[2.0, 0.0]], [3.0], [4.0])
    """
    from ...cells.point import code_at
    from ...domain.rows import dense_fractions, values_of
    from ...partition.regions.coordinates import exact_point
    from ...partition.regions.maps import program_map
    from ..common.region_maps import network_of

    network = network_of(network, "templates")
    point = [to_fraction(v, "x") for v in exact_point(x, network)]
    code, boundary = code_at(network.program, point)
    forms = program_map(network.program, code)
    A, b = dense_fractions(forms)
    matches = np.array(values_of(forms, point), dtype=object) - b
    if not exact:
        A, b, matches = (nearest_floats(v) for v in (A, b, matches))
    return Templates(A.reshape(len(b), *network.input_shape), b, matches, code, boundary)


@exported
@guarded
def orthogonality_penalty(W: Any) -> Any:
    """How far templates are from orthogonal: the sum over c != c' of <W_c, W_c'>^2.

    Parameters
    ----------
    W : array_like or torch.Tensor, shape (C, ...)
        One template a row; further axes are flattened. A torch tensor gives a scalar tensor
        through which gradients flow; Fractions give a Fraction; else float64.

    Returns
    -------
    float, Fraction or torch.Tensor
        Every pair counts twice, as (c, c') and (c', c). For Fractions it is zero exactly if
        W W^T is diagonal; in float64 and torch products are rounded, and tiny ones vanish.

    Raises
    ------
    ShapeError
        If W has no axis, or no entry.
    ParameterError
        If W holds NaN or infinities (of an array; a tensor is taken as it is).

    Notes
    -----
    Weight it with lambda and add it to a loss: L + lambda * penalty.

    References
    ----------
    Balestriero, Baraniuk, A Spline Theory of Deep Networks, ICML 2018: orthogonal
    templates.

    Examples
    --------
    >>> orthogonality_penalty([[1.0, 0.0], [0.0, 2.0]]), orthogonality_penalty([[1, 2], [3, 4]])
    (0.0, 242.0)
    """
    if type(W).__module__.split(".")[0] == "torch" or hasattr(W, "requires_grad"):
        if W.ndim < 1 or W.numel() == 0:
            raise ShapeError(f"orthogonality_penalty: W has shape {tuple(W.shape)}; give (C, D)")
        flat = W.reshape(W.shape[0], -1)
        gram = flat @ flat.T
        return (gram - gram.diagonal().diag()).square().sum()
    try:
        array = np.asarray(W)
    except ValueError as error:
        raise ShapeError(f"orthogonality_penalty: W is no array ({error})") from None
    if array.ndim < 1 or array.size == 0:
        raise ShapeError(f"orthogonality_penalty: W has shape {array.shape}; give (C, D)")
    if array.dtype == object:
        entries = [to_fraction(v, "W") for v in array.reshape(-1)]
        flat = np.array(entries, dtype=object).reshape(len(array), -1)
        gram = flat @ flat.T
        return sum(
            (gram[i, j] ** 2 for i in range(len(gram)) for j in range(len(gram)) if i != j),
            Fraction(0),
        )
    if array.dtype.kind not in "fiub" or not np.all(np.isfinite(array)):
        raise ParameterError("orthogonality_penalty: W holds NaN, infinities or no real numbers")
    flat = array.reshape(len(array), -1).astype(np.float64)
    gram = flat @ flat.T
    np.fill_diagonal(gram, 0.0)
    return float((gram * gram).sum())
