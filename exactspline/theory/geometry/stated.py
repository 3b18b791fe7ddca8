"""Centroids and radii of a layer as the theory states them, from the operators' stored numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..operators.written import Pieces, composed, pieces_written

if TYPE_CHECKING:
    from ...network.network import Network

__all__ = ["UnitPieces", "piece_radii", "whole_code", "written_pieces"]

UnitPieces = list[tuple[np.ndarray, np.ndarray]]  # A (R_k, S) and B (R_k,) of every unit


def written_pieces(network: Network, layer: int) -> UnitPieces | None:
    """A and B of every unit of a layer over what it reads, from stored numbers alone.

    None unless the network is a chain of which every nonlinear operator makes one layer of the
    program, all of whose outputs are units: then a layer reads what the one before it gives.
    """
    layers = [part for part in network.layers if not part.is_affine]
    compiled = network.program.layers
    if len(layers) != len(compiled) or not all(part.in_order for part in layers):
        return None
    found: Pieces | None = None
    for i, part in enumerate(layers[:layer]):
        nodes = part.network.nodes
        shapes = [part.input_shape, *(node.shape for node in nodes[:-1])]
        found = pieces_written(nodes[-1].operator, [shapes[-1]])
        if found is None or len(found[0]) != len(compiled[i].units) or len(compiled[i].keep):
            return None
        try:
            affine = composed([(n.operator, s) for n, s in zip(nodes[:-1], shapes, strict=False)])
        except NotImplementedError:  # an operator without a forward
            return None
    assert found is not None
    return [_unit(A, B, affine) for A, B in zip(*found, strict=True)]


def _unit(
    A: np.ndarray, B: np.ndarray, affine: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """The pieces of a unit behind W z + b: W^T a and b_r + <b, a>; repeated last ones once."""
    pieces: list[tuple[list[Fraction], Fraction]] = []
    for a, offset in zip(A, B, strict=True):
        slope = list(a)
        if affine is not None:
            W, c = affine
            slope = [_sum(W[:, j], a) for j in range(W.shape[1])]
            offset = offset + _sum(c, a)
        if (slope, offset) not in pieces[-1:]:
            pieces.append((slope, offset))
    slopes = np.array([a for a, _ in pieces], dtype=object).reshape(len(pieces), -1)
    return slopes, np.array([offset for _, offset in pieces], dtype=object)


def _sum(a: Iterable[Fraction], b: Iterable[Fraction]) -> Fraction:
    return sum((v * w for v, w in zip(a, b, strict=True)), Fraction(0))


def piece_radii(A: np.ndarray, B: np.ndarray) -> list[Fraction]:
    """rad_r = |A_r|^2 + 2 B_r of the pieces of one unit."""
    return [_sum(a, a) + 2 * b for a, b in zip(A, B, strict=True)]


def whole_code(
    pieces: UnitPieces, code: Sequence[int], J: np.ndarray, c: np.ndarray
) -> tuple[list[Fraction], Fraction]:
    """mu = J^T sum_k A_k,r_k and rad = |mu|^2 + 2 <sum_k A_k,r_k, c> + 2 sum_k B_k,r_k.

    Inside of a region on which the layer reads z = J x + c.
    """
    total, offset = [Fraction(0)] * len(c), Fraction(0)
    for (A, B), r in zip(pieces, code, strict=True):
        total = [v + w for v, w in zip(total, A[r], strict=True)]
        offset += B[r]
    mu = [_sum(J[:, j], total) for j in range(J.shape[1])]
    return mu, _sum(mu, mu) + 2 * _sum(total, c) + 2 * offset
