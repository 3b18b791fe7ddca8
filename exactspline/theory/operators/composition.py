"""Check 3: affine operators and then a max-affine one are a MASO, by the theory's formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UnsupportedOperatorError
from ...mode import guarded
from ...network.composition import after_affine
from ...rationals import as_fractions
from ..registry import check
from ..report import MAD_MAX, Report, Statement
from .operators import network_behind
from .written import composed, pieces_written

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network, NetworkLayer
    from ...partition.partition import Partition

__all__ = ["check_composition", "check_symbolic_composition", "formula"]

Formula = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

_STATEMENT = (
    "An affine operator W z + b and then a MASO (A_s, B_s) is the MASO with "
    "A_kr = W^T A_s,kr and B_kr = B_s,kr + <b, A_s,kr>."
)
_SOURCE = f"{MAD_MAX}, on layers as compositions of spline operators"


@check(number=3, name="symbolic composition", needs_network=False)
@guarded
def check_symbolic_composition() -> Report:
    """Check the formula of the composition for all weights: every piece, as a polynomial.

    Returns
    -------
    Report

    References
    ----------
    Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018.

    Examples
    --------
    >>> check_symbolic_composition().verdict
    'holds'
    """
    import sympy

    from .symbolic import symbols_of

    outputs, pieces, inner, dim = 2, 3, 3, 2
    A, B = symbols_of("a", outputs, pieces, inner), symbols_of("c", outputs, pieces)
    W, b, z = symbols_of("w", inner, dim), symbols_of("b", inner), symbols_of("z", dim)
    composed, offsets = after_affine(A, B, W, b)
    u = [sum(w * v for w, v in zip(row, z, strict=True)) + c for row, c in zip(W, b, strict=True)]
    wrong, checked = None, 0
    for k, r in np.ndindex(outputs, pieces):
        value = sum(a * v for a, v in zip(A[k, r], u, strict=True)) + B[k, r]
        formula = sum(a * v for a, v in zip(composed[k, r], z, strict=True)) + offsets[k, r]
        checked += 1
        if sympy.expand(value - formula) != 0:
            wrong = {"output": k, "piece": r, "value": value, "by the formula": formula}
            break
    routes = "the pieces <A_s,kr, W z + b> + B_s,kr, written out", "the formula's A and B"
    return Statement(
        "check_symbolic_composition", _STATEMENT, _SOURCE, routes, "pieces", symbolic=True
    ).report(wrong, "a piece of the formula is not that of the composition", checked=checked)


def formula(
    A: np.ndarray, B: np.ndarray, W: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A_kr = W^T A_s,kr and B_kr = B_s,kr + <b, A_s,kr>, as the theory has it, entry by entry."""
    outputs, pieces, inner = A.shape
    slopes = np.full((outputs, pieces, W.shape[1]), Fraction(0), dtype=object)
    offsets = np.full((outputs, pieces), Fraction(0), dtype=object)
    for k, r in np.ndindex(outputs, pieces):
        offsets[k, r] = B[k, r]
        for i in range(inner):
            if A[k, r, i]:
                offsets[k, r] += b[i] * A[k, r, i]
                for j in range(W.shape[1]):
                    slopes[k, r, j] += W[i, j] * A[k, r, i]
    return slopes, offsets


def _written(layer: NetworkLayer) -> tuple[np.ndarray, ...] | None:
    """A_s, B_s, W and b of a layer, from the stored fields of its operators alone."""
    nodes = layer.network.nodes
    shapes = [layer.input_shape, *(node.shape for node in nodes[:-1])]
    pieces = pieces_written(nodes[-1].operator, [shapes[-1]])
    if pieces is None:
        return None
    before = zip((node.operator for node in nodes[:-1]), shapes, strict=False)
    affine = composed(list(before))
    if affine is None:
        n = math.prod(layer.input_shape)
        affine = (
            np.array([[Fraction(int(i == j)) for j in range(n)] for i in range(n)]),
            (np.full(n, Fraction(0), dtype=object)),
        )
    return (*pieces, *affine)


def _by_formula(layer: NetworkLayer) -> tuple[np.ndarray, np.ndarray]:
    """The pieces that the layer says it has."""
    maso = layer.as_maso()
    return as_fractions(maso.A), as_fractions(maso.B)


def _by_lowering(layer: NetworkLayer) -> tuple[np.ndarray, np.ndarray]:
    spline = layer.as_aso()
    return as_fractions(spline.A), as_fractions(spline.B)


@check(number=3, name="composition", needs_network=True, regions=False)
@guarded
def check_composition(
    network: Network | Partition, domain: Domain | None = None, *, formula: Formula = formula
) -> Report:
    """Check the formula of the composition for every layer of a network.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        Not used: layers are compared everywhere.
    formula : callable
        ``(A_s, B_s, W, b)`` to A and B, object arrays of shapes (K, R, n), (K, R), (n, D), (n,),
        to test in place of the theory's.

    Returns
    -------
    Report
        W, b and the nonlinear operator's A_s, B_s are written down from the operators' fields,
        and the formula makes the layer's pieces of them. Compared with these, piece by piece, is
        what ``layer.as_maso`` gives, and then the pieces of the compiled layer; for every layer
        that is a chain of affine operators and one convex operator. "not applicable" if there is
        none.

    References
    ----------
    Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2]], [3]), es.Abs()], (2,))
    >>> check_composition(net).verdict
    'holds'
    """
    checked, pieces, wrong = 0, 0, None
    others: dict[str, str] = {}
    for layer in network_behind(network).layers:
        if layer.is_affine or not layer.in_order:
            others[layer.label] = "affine" if layer.is_affine else "has branches"
            continue
        try:
            A, B = _by_formula(layer)
        except UnsupportedOperatorError as error:
            others[layer.label] = str(error)
            continue
        parts = _written(layer)
        if parts is None:
            others[layer.label] = "the pieces of its operator are not written down here"
            continue
        stated = formula(*parts)
        checked += 1
        pieces += B.size
        wrong = _difference(layer.label, *stated, A, B) or _difference(
            layer.label, *stated, *_by_lowering(layer)
        )
        if wrong is not None:
            break
    routes = (
        "the formula, with W, b, A_s and B_s written down from the operators' stored numbers",
        "the layer's as_maso, and the pieces of the whole layer, compiled into one program",
    )
    says = Statement("check_composition", _STATEMENT, _SOURCE, routes, "layers")
    details = {"pieces": pieces, "not applicable": others}
    if not checked:
        reason = "no layer is a chain of affine operators and one convex operator"
        return says.not_applicable(reason, details)
    reason = "" if wrong is None else f"the formula's piece is not that of {wrong['layer']}"
    return says.report(wrong, reason, checked=checked, details=details)


def _difference(
    label: str, A: np.ndarray, B: np.ndarray, read: np.ndarray, offsets: np.ndarray
) -> dict[str, Any] | None:
    if A.shape != read.shape:
        return {"layer": label, "shape by the formula": A.shape, "shape of the layer": read.shape}
    for k, r in np.ndindex(*B.shape):
        if A[k, r].tolist() != read[k, r].tolist() or B[k, r] != offsets[k, r]:
            return {
                "layer": label, "output": k, "piece": r, "A by the formula": A[k, r],
                "A of the layer": read[k, r], "B by the formula": B[k, r],
                "B of the layer": offsets[k, r],
            }  # fmt: skip
    return None
