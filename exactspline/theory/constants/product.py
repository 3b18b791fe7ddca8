"""The product of the layers' norms: the usual bound on a network's Lipschitz constant."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...mode import guarded
from ..common.region_maps import dense, network_of
from ..common.spectral import gram_root, square_root
from ..registry import exported

if TYPE_CHECKING:
    from ...compile.forms import Forms
    from ...compile.program import Layer, Program
    from ...network.network import Network

__all__ = ["product_bound"]

_BITS = 40  # of a layer's 2-norm
_LARGEST_SPECTRUM = 40  # matrices of a layer; beyond, |W|_2^2 <= |W|_1 |W|_inf serves


@exported
@guarded
def product_bound(network: Network) -> dict[str, Fraction]:
    """The product of the layers' norms: an upper bound on the Lipschitz constants on R^D.

    Parameters
    ----------
    network : Network

    Returns
    -------
    dict
        For "1", "2" and "inf". "2" is rounded up (to about 2^-40, relatively).

    Notes
    -----
    A layer counts |W| max(1, |slope|) overlap^(1/p), W its affine part (consecutive affine
    operators composed), slope the steepest piece of its units and overlap the most units that
    one entry belongs to, as in overlapping pooling windows: in the 2-norm sqrt(overlap), in the
    1-norm overlap, in the infinity-norm nothing. What a skip connection carries past the
    layer adds an identity below W. Where both sides of W are over 40, |W|_2 is bounded by
    sqrt(|W|_1 |W|_inf).

    References
    ----------
    C. Szegedy et al., Intriguing properties of neural networks, 2014, section 4.3.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[3], [4]]), es.LeakyReLU(-2), es.Dense([[1, 0]])], (1,))
    >>> {norm: int(value) for norm, value in product_bound(net).items()}
    {'1': 14, '2': 10, 'inf': 8}
    """
    network = network_of(network, "product_bound")
    return {norm: _product(network.program, norm) for norm in ("1", "2", "inf")}


def _product(program: Program, norm: str) -> Fraction:
    total = Fraction(1)
    for i, layer in enumerate(program.layers):
        factor = _steepness(layer, norm) * _norm(layer.members, norm, f"layer {i + 1}")
        if len(layer.keep):
            if norm == "inf":
                factor = max(factor, Fraction(1))
            elif norm == "1":
                factor += 1
            else:  # |(W; I)|^2 <= |W|^2 + 1
                factor = square_root(Fraction(0), factor * factor + 1)[1]
        total *= factor
    return total * _norm(program.output, norm, "the output")


def _steepness(layer: Layer, norm: str) -> Fraction:
    """max(1, |slope|) times overlap^(1/p) of a layer's units."""
    units = layer.units
    slopes = [abs(Fraction(v)) for v in set(units.piece_slope.tolist())]
    unit_of = np.repeat(np.arange(len(units)), units.pieces)
    pairs = np.unique(np.stack([units.piece_member.astype(np.int64), unit_of]), axis=1)
    overlap = Fraction(int(np.bincount(pairs[0]).max()))
    steep = max([Fraction(1), *slopes])
    if norm == "inf":
        return steep
    return steep * (overlap if norm == "1" else square_root(overlap, overlap)[1])


def _norm(forms: Forms, norm: str, what: str) -> Fraction:
    """The norm of an affine part; the 2-norm rounded up."""
    rows = [Fraction(0)] * len(forms)
    columns = [Fraction(0)] * forms.width
    for i in range(len(forms)):
        indices, data, _ = forms.row(i)
        for j, v in zip(indices.tolist(), data.tolist(), strict=True):
            size = abs(Fraction(v))
            rows[i] += size
            columns[j] += size
    one, infinity = max(columns, default=Fraction(0)), max(rows, default=Fraction(0))
    if norm == "1":
        return one
    if norm == "inf":
        return infinity
    if min(len(forms), forms.width) > _LARGEST_SPECTRUM:
        return square_root(Fraction(0), one * infinity)[1]
    if not one:
        return Fraction(0)
    matrix, _ = dense(forms, what)
    root = gram_root(matrix.tolist())
    root.narrow_to(_BITS + 2)
    return square_root(root.low, root.high)[1]
