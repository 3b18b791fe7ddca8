"""Codes as vector quantisation: distances and nearest neighbours in code space, per layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ParameterError, ShapeError
from ...mode import guarded
from ...rationals import as_fractions, exact_array
from ..common.samples import simplices
from ..common.watch import watched
from ..operators.operators import network_behind
from ..registry import check, exported
from ..report import MAD_MAX, Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["VQDistances", "check_vq", "nearest_in_code_space", "vq_codes", "vq_distances"]

_MOST_POINTS = 300  # of a check: all triples are compared
_MOST_PAIRS = 2_000  # of points of one code


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
        Points: real data. By default one point of every region.
    codes : int array, shape (n, units), optional
        Codes of these points to test in place of the computed ones.

    Returns
    -------
    Report
        At every point the affine map of its code gives the network's exact value; per layer
        the distance is that of the one-hot matrices Q (K minus the trace of Q^T Q'), and a
        metric on codes; two points of one code have the point between them in it. ``details``
        says how many points, pairs and triples that were, and of how many regions.

    Notes
    -----
    Up to 300 regions (or points) all of them are compared, with all triples; of more the first
    300, which a note says. Points of one code are, besides those of X, the region's own point and
    a step along every axis from there.

    References
    ----------
    Balestriero, Baraniuk, Mad Max, 2018, section on the vector quantisation of a layer.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2], [2, -1]], [0, 1]), es.ReLU()], (2,))
    >>> es.theory.check_vq(net).verdict
    'holds'
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
    steps: list[tuple[int, list[Fraction]]] = []
    what = "points"
    if X is None:
        partition, what = partition_of(network, domain), "regions"
        total = len(partition)
        X, steps = _of_regions(partition)
    else:
        total = len(_points(net, X))
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
    seen = _Compared()
    bad = _valid(net, found) or _values(net, points, found, seen)
    layers = range(1, len(net.program.layers) + 1) if bad is None else ()
    distances = [vq_distances(net, points, layer=layer) for layer in layers]
    bad = (
        bad
        or _metric_per_layer(net, found, distances, seen)
        or _between(net, points, found, steps, seen)
    )
    pairs = len(points) * (len(points) - 1)
    means = {
        layer: Fraction(int(d.differing.sum()), pairs * d.units)
        for layer, d in enumerate(distances, 1)
        if pairs
    }
    report = says.report(
        bad, _why(bad or {}), checked=seen.points,
        details={
            f"{what} there are": total,
            "distinct codes": len({tuple(c) for c in found.tolist()}),
            "pairs whose distance was compared": seen.pairs,
            "of these, pairs with a piece in common": seen.common,
            "triples": seen.triples,
            "pairs of points of one code": seen.within,
            "mean distance per layer": means,
        },
    )  # fmt: skip
    if len(points) < total:
        note = f"the first {len(points):,} of {total:,} {what} were compared"
        report = replace(report, notes=(*report.notes, note))
    return report


@dataclass
class _Compared:
    """How much was compared."""

    points: int = 0
    pairs: int = 0
    common: int = 0
    triples: int = 0
    within: int = 0


def _of_regions(
    partition: Partition,
) -> tuple[list[Any], list[tuple[int, list[Fraction]]]]:
    """A point of every region, and further ones with the number of the one they belong to."""
    points: list[Any] = []
    steps: list[tuple[int, list[Fraction]]] = []
    for simplex in simplices(partition):
        if simplex.region == _MOST_POINTS:
            break
        steps += [(len(points), x) for x in simplex.x[1:-1]]
        points.append(simplex.x[0])
    return points, steps


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


def _values(
    network: Network, points: np.ndarray, codes: np.ndarray, seen: _Compared
) -> dict[str, Any] | None:
    """The affine map of a point's code gives every unit's and the network's exact value."""
    from ...cells.point import code_at
    from ...domain.rows import values_of
    from ...partition.regions.maps import program_map

    for x, code in watched(zip(points, codes, strict=True), len(points), "points"):
        seen.points += 1
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
    network: Network, codes: np.ndarray, found: list[VQDistances], seen: _Compared
) -> dict[str, Any] | None:
    """Distances per layer against one-hot matrices, and that they are a metric on codes."""
    n = len(codes)
    off = ~np.eye(n, dtype=bool)
    common = np.zeros((n, n), dtype=bool)
    seen.pairs, seen.triples = n * (n - 1) // 2, n * (n - 1) * (n - 2) // 6
    for layer, part in enumerate(network.program.layers, 1):
        own = codes[:, _columns(network, layer)]
        distances = found[layer - 1].differing
        most = int(part.units.pieces.max())
        one_hot = (own[:, :, None] == np.arange(most)).astype(np.int64)
        matches = np.einsum("ikr,jkr->ij", one_hot, one_hot)
        common |= matches > 0
        if not np.array_equal(distances, own.shape[1] - matches):
            return {"layer": layer, "what": "the distance is not that of the VQ matrices"}
        same = (own[:, None] == own[None]).all(axis=2)
        if not np.array_equal(distances == 0, same) or not np.array_equal(distances, distances.T):
            return {"layer": layer, "what": "the distance is 0 for other codes, or not symmetric"}
        for row in distances:  # a row and a column at a time: n^3 numbers are not held
            if np.any(distances > row[:, None] + row[None, :]):
                return {"layer": layer, "what": "the triangle inequality fails"}
    seen.common = int(np.count_nonzero(common & off)) // 2
    return None


def _between(
    network: Network, points: np.ndarray, codes: np.ndarray,
    steps: Sequence[tuple[int, list[Fraction]]], seen: _Compared,
) -> dict[str, Any] | None:  # fmt: skip
    """The middle of two points of one code has that code."""
    from ...cells.point import code_at

    alike: dict[tuple[int, ...], list[int]] = {}
    for i, code in enumerate(codes.tolist()):
        alike.setdefault(tuple(code), []).append(i)
    pairs = [(i, list(x)) for i, x in steps]
    for members in alike.values():
        pairs += [(i, points[j].tolist()) for i, j in combinations(members, 2)]
    for i, other in watched(pairs[:_MOST_PAIRS], len(pairs), "pairs"):
        if not np.array_equal(code_at(network.program, other)[0], codes[i]):
            return {"code": codes[i].tolist(), "points": [list(points[i]), other],
                    "what": "a point of the region has another code"}  # fmt: skip
        seen.within += 1
        middle = [(a + b) / 2 for a, b in zip(points[i], other, strict=True)]
        if not np.array_equal(code_at(network.program, middle)[0], codes[i]):
            return {"code": codes[i].tolist(), "points": [list(points[i]), other],
                    "what": "the point between them has another code"}  # fmt: skip
    return None
