"""Codes as vector quantisation: distances and nearest neighbours in code space, per layer."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ParameterError, ShapeError
from ...mode import guarded
from ...rationals import as_fractions, exact_array
from ..operators.operators import network_behind
from ..registry import check, exported
from ..report import MAD_MAX, Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["VQDistances", "check_vq", "nearest_in_code_space", "vq_codes", "vq_distances"]

_MOST_POINTS = 60  # of a check: all triples are compared


@guarded
@dataclass(frozen=True)
class VQDistances:
    """Distances between codes: shares of units with different pieces.

    Attributes
    ----------
    differing : int64 array, shape (n, m)
        How many units differ.
    units : int
        Out of how many.
    """

    differing: np.ndarray
    units: int

    def exact(self, i: int, j: int) -> Fraction:
        """One distance as a rational: 1 - (share of units with the same piece)."""
        return Fraction(int(self.differing[i, j]), max(self.units, 1))

    @property
    def values(self) -> np.ndarray:
        """All distances in float64, shape (n, m); each rounded once."""
        return np.asarray(self.differing / max(self.units, 1))


def _points(network: Network, X: Any) -> np.ndarray:
    """Points as a flat batch, each number as it was given."""
    batch, _ = network._batched(exact_array(X, "X"))
    return np.asarray(batch.reshape(len(batch), network.input_dim))


@exported
@guarded
def vq_codes(network: Network, X: Any) -> np.ndarray:
    """The codes of points, exactly, one row a point.

    Parameters
    ----------
    network : Network
    X : array_like, shape (n, D) or (n, *input_shape)
        Floats (as the dyadic rationals they are), Fractions, texts.

    Returns
    -------
    int64 array, shape (n, units)
        Per unit the lowest active piece.

    Notes
    -----
    `exactspline.codes` with ``exact=True``: proved by error bounds, and in rationals on and near
    boundaries only.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> vq_codes(net, [[0.5], [2.0]]).tolist()
    [[1, 0], [1, 1]]
    """
    from ...evaluate import codes
    from ..common.region_maps import network_of

    network = network_of(network, "vq_codes")
    return codes(network, _points(network, X), exact=True).astype(np.int64)


def _columns(network: Network, layer: int | None) -> slice:
    start = network.program.unit_start
    if layer is None:
        return slice(0, int(start[-1]))
    if not isinstance(layer, int) or isinstance(layer, bool) or not 1 <= layer < len(start):
        raise ParameterError(
            f"layer {layer!r}: the network has layers 1 to {len(start) - 1}; None takes all"
        )
    return slice(int(start[layer - 1]), int(start[layer]))


@exported
@guarded
def vq_distances(
    network: Network, X: Any, Y: Any = None, *, layer: int | None = None
) -> VQDistances:
    """The VQ distance between points: how many units have different pieces.

    Parameters
    ----------
    network : Network
    X : array_like, shape (n, D) or (n, *input_shape)
    Y : array_like, optional
        X by default.
    layer : int, optional
        From 1 on: the units of one layer; all units by default.

    Returns
    -------
    VQDistances

    References
    ----------
    Balestriero, Baraniuk, Mad Max, 2018, section on the vector quantisation of a layer.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> vq_distances(net, [[-1.0], [0.5], [2.0]]).values.tolist()
    [[0.0, 0.5, 1.0], [0.5, 0.0, 0.5], [1.0, 0.5, 0.0]]
    """
    from ...evaluate import vq_distance
    from ..common.region_maps import network_of

    columns = _columns(network_of(network, "vq_distances"), layer)
    shares = vq_distance(
        network, _points(network, X), None if Y is None else _points(network, Y),
        per_layer=layer is not None, exact=True,
    )  # fmt: skip
    units = columns.stop - columns.start
    share = shares if layer is None else shares[layer - 1]
    return VQDistances(np.rint(share * units).astype(np.int64), units)


@exported
@guarded
def nearest_in_code_space(
    network: Network, X: Any, queries: Any, *, k: int = 1, layer: int | None = None
) -> tuple[np.ndarray, VQDistances]:
    """The k points of X nearest to each query in code space.

    Parameters
    ----------
    network : Network
    X, queries : array_like
        Points and queries.
    k : int
        How many neighbours; at most the number of points.
    layer : int, optional
        From 1 on; all units by default.

    Returns
    -------
    index : int64 array, shape (queries, k)
        Rows of X, nearest first; of equally near ones the first.
    distances : VQDistances
        Of all queries to all points, shape (queries, points).

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> nearest_in_code_space(net, [[-1.0], [5.0]], [[2.0]])[0].tolist()
    [[1]]
    """
    distances = vq_distances(network, queries, X, layer=layer)
    points = distances.differing.shape[1]
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= points:
        raise ParameterError(f"k = {k!r}: there are {points} points; give 1 to {points}")
    order = np.argsort(distances.differing, axis=1, kind="stable")[:, :k]
    return order, distances


@check(number=17, name="VQ", needs_network=True)
@guarded
def check_vq(
    network: Network | Partition,
    domain: Domain | None = None,
    X: Any = None,
    *,
    codes: Any = None,
) -> Report:
    """Check codes as vector quantisation: they give the network's map, and a metric per layer.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        Where points are taken from if none are given.
    X : array_like, optional
        Points: real data. By default one point of each of the first 60 regions.
    codes : int array, shape (n, units), optional
        Codes of these points to test in place of the computed ones.

    Returns
    -------
    Report
        At every point the affine map of its code gives the network's exact value; per layer
        the distance is that of the one-hot matrices Q (K minus the trace of Q^T Q'), and a
        metric on codes; two points of one code have all points between them in it.

    Notes
    -----
    The first 60 points are compared, all triples of them.

    References
    ----------
    Balestriero, Baraniuk, Mad Max, 2018, section on the vector quantisation of a layer.
    """
    from ..common.region_maps import partition_of

    net = network_behind(network)
    says = Statement(
        "check_vq",
        "The code is a vector quantisation: f(x) = A[q(x)] x + B[q(x)]; the share "
        "of units of a layer with different pieces is a metric on its codes, and a code's "
        "points are convex.",
        f"{MAD_MAX}, vector quantisation",
        (
            "codes and distances of the batched pass, proved by error bounds; the codes' maps",
            "the operators' exact forward; conditions in rationals; one-hot VQ matrices",
        ),
        "points",
    )
    if net.program.n_units == 0:
        return says.not_applicable("the network has no units")
    if X is None:
        partition = partition_of(network, domain)
        chart = partition.domain.chart
        count = min(len(partition), _MOST_POINTS)
        X = [chart.lift(partition.witness(i)) for i in range(count)]
    points = as_fractions(_points(net, X)[:_MOST_POINTS])
    if codes is None:
        found = vq_codes(net, points)
    else:
        found = np.asarray(codes)[:_MOST_POINTS]
        if found.shape != (len(points), net.program.n_units) or found.dtype.kind not in "iu":
            raise ShapeError(
                f"codes: shape {found.shape}; give whole numbers of shape "
                f"{(len(points), net.program.n_units)}"
            )
    if not len(points):
        return says.not_applicable("there are no points")
    distances = [
        vq_distances(net, points, layer=layer) for layer in range(1, len(net.program.layers) + 1)
    ]
    bad = (
        _valid(net, found)
        or _values(net, points, found)
        or _metric_per_layer(net, found, distances)
        or _between(net, points, found)
    )
    pairs = len(points) * (len(points) - 1)
    means = {
        layer: Fraction(int(d.differing.sum()), max(1, pairs * d.units))
        for layer, d in enumerate(distances, 1)
    }
    return says.report(
        bad, _why(bad or {}), checked=len(points),
        details={
            "distinct codes": len({tuple(c) for c in found.tolist()}),
            "mean distance per layer": means,
        },
    )  # fmt: skip


def _why(bad: dict[str, Any]) -> str:
    if "what" in bad:
        return str(bad["what"])
    if "f(x)" in bad:
        return "the map of a point's code does not give the network's value there"
    return "a point has another code by the definition"


def _valid(network: Network, codes: np.ndarray) -> dict[str, Any] | None:
    """Codes name pieces that there are."""
    most = np.concatenate([layer.units.pieces for layer in network.program.layers])
    for i, code in enumerate(codes):
        if np.any(code < 0) or np.any(code >= most):
            return {"point": i, "code": code.tolist(), "what": "names no piece"}
    return None


def _values(network: Network, points: np.ndarray, codes: np.ndarray) -> dict[str, Any] | None:
    """The affine map of a point's code gives every unit's and the network's exact value."""
    from ...cells.point import code_at
    from ...domain.rows import values_of
    from ...partition.regions.maps import program_map

    for x, code in zip(points, codes, strict=True):
        forms = program_map(network.program, code)
        value = network.forward(x, exact=True).reshape(-1)
        for i, total in enumerate(values_of(forms, x)):
            if total != value[i]:
                return {"point": list(x), "code": code.tolist(), "output": i,
                        "value of the code's map": total, "f(x)": value[i]}  # fmt: skip
        exact = code_at(network.program, list(x))[0]
        if not np.array_equal(exact, code):
            return {"point": list(x), "code": code.tolist(), "code by the definition":
                    exact.tolist()}  # fmt: skip
    return None


def _metric_per_layer(
    network: Network, codes: np.ndarray, found: list[VQDistances]
) -> dict[str, Any] | None:
    """Distances per layer against one-hot matrices, and the triangle inequality."""
    for layer, part in enumerate(network.program.layers, 1):
        own = codes[:, _columns(network, layer)]
        distances = found[layer - 1].differing
        most = int(part.units.pieces.max())
        one_hot = (own[:, :, None] == np.arange(most)).astype(np.int64)
        matches = np.einsum("ikr,jkr->ij", one_hot, one_hot)
        if not np.array_equal(distances, own.shape[1] - matches):
            return {"layer": layer, "what": "the distance is not that of the VQ matrices"}
        direct = distances[:, None, :]
        if np.any(direct > distances[:, :, None] + distances[None, :, :]):
            return {"layer": layer, "what": "the triangle inequality fails"}
    return None


def _between(network: Network, points: np.ndarray, codes: np.ndarray) -> dict[str, Any] | None:
    """The middle of two points of one code has that code (up to 30 pairs)."""
    from ...cells.point import code_at

    tried = 0
    for i in range(len(points)):
        for j in range(i):
            if tried >= 30 or not np.array_equal(codes[i], codes[j]):
                continue
            tried += 1
            middle = [(a + b) / 2 for a, b in zip(points[i], points[j], strict=True)]
            if not np.array_equal(code_at(network.program, middle)[0], codes[i]):
                return {"code": codes[i].tolist(), "points": [list(points[i]), list(points[j])],
                        "what": "the point between them has another code"}  # fmt: skip
    return None
