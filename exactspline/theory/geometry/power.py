"""Power diagrams: a layer's partition, and how a deeper layer subdivides a region.

A power diagram assigns x to the centroid with the least |x - mu|^2 - rad. For a layer of
max-affine units <A_kr, z> + B_kr this is the argmax, unit by unit: the sum over units splits
into one least value a unit, so that the R^K codes never need to be listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import LimitError, ParameterError, ShapeError
from ...mode import guarded
from ...rationals import as_fractions, exact_array
from ..common.region_maps import dot, network_of, unit_pieces
from ..registry import exported

if TYPE_CHECKING:
    from ...network.maso import MASO
    from ...network.network import Network

__all__ = ["PowerDiagram", "layer_power_diagram"]

_MOST_PAIRS = 4_000_000  # of pieces whose inner products are compared


@exported
@guarded
@dataclass(frozen=True)
class PowerDiagram:
    """The power diagram of a layer of max-affine units, one factor a unit.

    Attributes
    ----------
    centroids : tuple of object arrays, each of shape (R_k, S)
        mu_kr = A_kr, per unit; Fractions.
    radii : tuple of object arrays, each of shape (R_k,)
        rad_kr = |A_kr|^2 + 2 B_kr.

    References
    ----------
    Balestriero et al., The Geometry of Deep Networks, NeurIPS 2019.

    Examples
    --------
    >>> import exactspline as es
    >>> relu = es.ReLU().as_maso((2,))
    >>> diagram = PowerDiagram.of_maso(relu)
    >>> diagram.assign([-1, 3]).tolist()
    [0, 1]
    >>> [int(v) for v in diagram.centroid([0, 1])], int(diagram.radius([0, 1]))
    ([0, 1], 1)
    """

    centroids: tuple[np.ndarray, ...]
    radii: tuple[np.ndarray, ...]

    @classmethod
    def of_pieces(cls, pieces: Sequence[tuple[Any, Any]]) -> PowerDiagram:
        """From A, shape (R_k, S), and B, shape (R_k,), of every unit.

        Examples
        --------
        >>> diagram = PowerDiagram.of_pieces([([[0], [2]], [0, 1])])  # max(0, 2 z + 1)
        >>> [str(v) for v in diagram.radii[0]]
        ['0', '6']
        """
        centroids, radii = [], []
        for k, (slopes, offsets) in enumerate(pieces):
            A = as_fractions(exact_array(slopes, f"A of unit {k}"))
            B = as_fractions(exact_array(offsets, f"B of unit {k}"))
            if A.ndim != 2 or B.shape != A.shape[:1] or A.size == 0:
                raise ShapeError(
                    f"power diagram: unit {k} has A of shape {A.shape} and B of shape {B.shape}; "
                    "give (pieces, inputs) and (pieces,)"
                )
            centroids.append(A)
            radii.append(np.array([dot(a, a) + 2 * b for a, b in zip(A, B, strict=True)]))
        return cls(tuple(centroids), tuple(radii))

    @classmethod
    def of_maso(cls, maso: MASO) -> PowerDiagram:
        """The power diagram of a max-affine spline operator.

        Examples
        --------
        >>> import exactspline as es
        >>> diagram = PowerDiagram.of_maso(es.Maxout(2).as_maso((2,)))
        >>> diagram.centroids[0].astype(int).tolist()
        [[1, 0], [0, 1]]
        """
        return cls.of_pieces(list(zip(maso.A, maso.B, strict=True)))

    def _code(self, code: Any) -> list[int]:
        given = np.asarray(code)
        sizes = [len(radii) for radii in self.radii]
        if given.shape != (len(sizes),) or any(
            not 0 <= int(r) < n for r, n in zip(given.tolist(), sizes, strict=True)
        ):
            raise ParameterError(f"power diagram: {code!r} is no code of its {len(sizes)} units")
        return [int(r) for r in given.tolist()]

    def assign(self, z: Any) -> np.ndarray:
        """The code of a point: per unit the lowest piece of least power distance, exactly.

        Parameters
        ----------
        z : array_like, shape (S,)

        Returns
        -------
        int64 array, shape (K,)

        Examples
        --------
        >>> diagram = PowerDiagram.of_pieces([([[0], [2]], [0, 1])])  # max(0, 2 z + 1)
        >>> diagram.assign(["-1/2"]).tolist(), diagram.assign(["-1/3"]).tolist()
        ([0], [1])
        """
        point = as_fractions(exact_array(z, "z")).reshape(-1)
        out = []
        for mu, rad in zip(self.centroids, self.radii, strict=True):
            if mu.shape[1] != len(point):
                raise ShapeError(
                    f"power diagram: a point of {len(point)} numbers; give {mu.shape[1]}"
                )
            distances = []
            for centre, radius in zip(mu, rad, strict=True):
                offset = [a - b for a, b in zip(point, centre, strict=True)]
                distances.append(dot(offset, offset) - radius)
            out.append(distances.index(min(distances)))
        return np.array(out, dtype=np.int64)

    def centroid(self, code: Any) -> np.ndarray:
        """mu of a whole code, the sum over units; object array of S Fractions.

        Examples
        --------
        >>> units = ([[0, 0], [1, 2]], [0, 0]), ([[0, 0], [3, 0]], [0, 0])
        >>> diagram = PowerDiagram.of_pieces(units)
        >>> [str(v) for v in diagram.centroid([1, 1])]
        ['4', '2']
        """
        chosen = [mu[r] for mu, r in zip(self.centroids, self._code(code), strict=True)]
        return np.array([sum(column, Fraction(0)) for column in zip(*chosen, strict=True)])

    def radius(self, code: Any) -> Fraction:
        """rad of a whole code: |mu|^2 + 2 sum_k B_k.

        Examples
        --------
        >>> diagram = PowerDiagram.of_pieces([([[0, 0], [1, 2]], [0, "1/2"])])
        >>> str(diagram.radius([1]))
        '6'
        """
        mu = self.centroid(code)
        return dot(mu, mu) - self.level(code)

    def level(self, code: Any) -> Fraction:
        """|mu|^2 - rad = -2 sum_k B_k of a whole code.

        Examples
        --------
        >>> diagram = PowerDiagram.of_pieces([([[0, 0], [1, 2]], [0, "1/2"])])
        >>> str(diagram.level([1]))
        '-1'
        """
        return sum((self._level(k, r) for k, r in enumerate(self._code(code))), Fraction(0))

    def _level(self, unit: int, piece: int) -> Fraction:
        mu = self.centroids[unit][piece]
        return dot(mu, mu) - self.radii[unit][piece]

    def inside(self, J: np.ndarray, c: np.ndarray) -> PowerDiagram:
        """The subdivision of a region on which the layer's input is z = J x + c.

        mu = J^T mu_kr and rad = |mu|^2 + 2 <mu_kr, c> + 2 B_kr.

        Examples
        --------
        >>> layer = PowerDiagram.of_pieces([([[0], [1]], [0, -2])])  # max(0, z - 2)
        >>> J, c = np.array([[Fraction(3)]]), np.array([Fraction(1)])
        >>> inner = layer.inside(J, c)  # where z = 3 x + 1
        >>> inner.assign([0]).tolist(), inner.assign([1]).tolist()
        ([0], [1])
        """
        columns = [list(column) for column in J.T]
        offset = list(c)
        pieces = []
        for k, centres in enumerate(self.centroids):
            A = np.empty((len(centres), len(columns)), dtype=object)
            B = np.empty(len(centres), dtype=object)
            for r, centre in enumerate(centres):
                A[r] = [dot(column, centre) for column in columns]
                B[r] = dot(centre, offset) - self._level(k, r) / 2
            pieces.append((A, B))
        centroids = tuple(A for A, _ in pieces)
        radii = tuple(
            np.array([dot(a, a) + 2 * b for a, b in zip(A, B, strict=True)]) for A, B in pieces
        )
        return PowerDiagram(centroids, radii)

    def closer(self, unit: int, piece: int, other: int) -> tuple[Fraction, list[Fraction]]:
        """How much closer a point is to a piece than to another one: an affine form.

        power distance to ``other`` minus that to ``piece``: constant and coefficients.

        Examples
        --------
        >>> diagram = PowerDiagram.of_pieces([([[0], [2]], [0, 1])])  # max(0, 2 z + 1)
        >>> constant, coefficients = diagram.closer(0, 1, 0)
        >>> str(constant), [str(v) for v in coefficients]
        ('2', ['4'])
        """
        mu, nu = self.centroids[unit][piece], self.centroids[unit][other]
        constant = self._level(unit, other) - self._level(unit, piece)
        return constant, [2 * (a - b) for a, b in zip(mu, nu, strict=True)]

    def voronoi_violation(self) -> dict[str, Any] | None:
        """Why the diagram is not plainly nearest centroid (K-means); None if it is.

        It is when all radii of whole codes are equal. rad of a code is a sum of terms of single
        units and of pairs, so that all R^K codes are settled by pairs of pieces.

        Raises
        ------
        LimitError
            For more than four million pairs of pieces.

        Examples
        --------
        >>> absolute = PowerDiagram.of_pieces([([[-1], [1]], [0, 0])])
        >>> absolute.voronoi_violation()  # none: plainly the nearest centroid
        >>> relu = PowerDiagram.of_pieces([([[0], [1]], [0, 0])])
        >>> relu.voronoi_violation()["code"]
        [1]
        """
        pieces = sum(len(mu) for mu in self.centroids)
        if pieces * pieces > _MOST_PAIRS:
            raise LimitError(f"voronoi: {pieces:,} pieces have too many pairs; take a toy layer")
        zero = [0] * len(self.centroids)
        base = self.radius(zero)

        def code(*changes: tuple[int, int]) -> list[int]:
            out = list(zero)
            for unit, piece in changes:
                out[unit] = piece
            return out

        for k, mu in enumerate(self.centroids):
            for r in range(1, len(mu)):
                if self.radius(code((k, r))) != base:
                    return {"code": code((k, r)), "radius": self.radius(code((k, r))),
                            "another code": zero, "its radius": base}  # fmt: skip
        for (k, mu), (m, nu) in combinations(enumerate(self.centroids), 2):
            for r in range(1, len(mu)):
                step = [a - b for a, b in zip(mu[r], mu[0], strict=True)]
                for s in range(1, len(nu)):
                    other = [a - b for a, b in zip(nu[s], nu[0], strict=True)]
                    if dot(step, other) != 0:  # the pair's part of the radius is no sum
                        both = code((k, r), (m, s))
                        return {"code": both, "radius": self.radius(both),
                                "another code": zero, "its radius": base}  # fmt: skip
        return None


@exported
@guarded
def layer_power_diagram(network: Network, layer: int = 1) -> PowerDiagram:
    """The power diagram of one layer over the state that it reads.

    Parameters
    ----------
    network : Network
    layer : int
        From 1 on.

    Returns
    -------
    PowerDiagram
        Over the state behind the layer before; for layer 1 that is the input.

    Raises
    ------
    ParameterError
        If there is no such layer, or a unit of it is not convex.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2]], [3]), es.ReLU()], (2,))
    >>> diagram = layer_power_diagram(net)
    >>> diagram.centroids[0].astype(int).tolist(), diagram.radii[0].astype(int).tolist()
    ([[0, 0], [1, 2]], [0, 11])
    """
    layers = network_of(network, "layer_power_diagram").program.layers
    if not isinstance(layer, int) or isinstance(layer, bool) or not 1 <= layer <= len(layers):
        raise ParameterError(f"layer {layer!r}: the network has layers 1 to {len(layers)}")
    units = layers[layer - 1].units
    for k in range(len(units)):
        if not units.is_convex(k):
            name = network.unit_name(int(network.program.unit_start[layer - 1]) + k)
            raise ParameterError(
                f"layer {layer}: unit {name} is not convex, so the layer is no MASO and its "
                "pieces say nothing about distances"
            )
    return PowerDiagram.of_pieces(unit_pieces(layers[layer - 1], f"layer {layer}"))
