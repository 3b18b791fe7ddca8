"""Check 4: a network is an affine spline: affine on every region, continuous across facets."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...mode import guarded
from ..common.region_maps import dot, fractions_of, partition_of
from ..common.samples import exact_forward, maps_of, simplices
from ..common.watch import watched
from ..registry import check
from ..report import SPLINE_THEORY, Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["check_piecewise_affine", "tear", "values_disagree"]


def values_disagree(
    partition: Partition, A: np.ndarray, b: np.ndarray
) -> tuple[int, dict[str, Any] | None]:
    """Whether A[r] x + b[r] is the exact forward in every region r.

    Returns
    -------
    points : int
        At how many points both were compared: k + 2 a region.
    counterexample : dict or None
    """
    points = 0
    for simplex in simplices(partition):
        forward = exact_forward(partition.network, simplex.x)
        points += len(forward)
        slopes, offsets = A[simplex.region], b[simplex.region]
        for x, values in zip(simplex.x, forward, strict=True):
            for c, value in enumerate(values):
                other = dot(slopes[c].tolist(), x) + offsets[c]
                if other != value:
                    return points, {
                        "region": simplex.region, "output": c, "x": x, "f(x)": value,
                        "A x + b": other,
                    }  # fmt: skip
    return points, None


def tear(partition: Partition, over_t: np.ndarray, shift: np.ndarray) -> dict[str, Any] | None:
    """A facet across which the maps do not meet, if there is one.

    On the facet n . t = c the jump must be v n^T in the slopes and -v c in the offsets.
    """
    edges = partition.edges
    for e in watched(range(len(edges)), len(edges), "facets"):
        source, target = int(edges.source[e]), int(edges.target[e])
        constant, *row = fractions_of(edges.row(e))  # > 0 in source; c is the constant
        normal = [-v for v in row]
        square = dot(normal, normal)
        for output in range(len(over_t[source])):
            jump = (over_t[target, output] - over_t[source, output]).tolist()
            v = dot(jump, normal) / square
            lift: Fraction = shift[target, output] - shift[source, output]
            if jump != [v * n for n in normal] or lift != -v * constant:
                return {
                    "regions": [source, target], "output": output, "normal": normal,
                    "facet at n . t": constant, "point of the facet": list(edges.witness(e)),
                    "jump of the slopes": jump, "jump of the offset": lift,
                }  # fmt: skip
    return None


@check(number=4, name="piecewise affine", needs_network=True)
@guarded
def check_piecewise_affine(network: Network | Partition, domain: Domain | None = None) -> Report:
    """Check that a network is an affine spline operator: affine on regions, and continuous.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        All of R^D by default.

    Returns
    -------
    Report
        On every region the exact forward at k + 2 points (k the domain's dimension) that span
        it equals A x + b; across every facet with normal n at n . t = c the maps differ by
        v n^T and -v c.

    Raises
    ------
    LimitError
        For partitions that are too large for rationals, and above 60 dimensions.

    Notes
    -----
    A jump of rank at most one along the normal is the same as equality on the facet.

    References
    ----------
    Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018.

    Examples
    --------
    >>> import exactspline as es
    >>> report = check_piecewise_affine(es.Network([es.Dense([[1, 2]]), es.ReLU()], (2,)))
    >>> report.verdict, report.checked, report.details["facets"]
    ('holds', 2, 1)
    """
    partition = partition_of(network, domain)
    maps = maps_of(partition)
    points, wrong = values_disagree(partition, maps.A, maps.b)
    reason = "" if wrong is None else "the affine map of a region is not the network there"
    facets = 0
    if wrong is None:
        wrong = tear(partition, maps.over_t, maps.shift)
        facets = len(partition.edges)
        if wrong is not None:
            reason = "the maps on both sides of a facet do not meet on it"
    layers = partition.network.layers
    return Statement(
        "check_piecewise_affine",
        "A network is a composition of max-affine spline operators and as a whole an "
        "affine spline operator: f(x) = A[x] x + B[x], one affine map on every region, and "
        "across a facet the maps differ by v n^T, of rank at most one, along the normal n.",
        f"{SPLINE_THEORY}, on networks as compositions of spline operators",
        (
            "the exact forward of the operators at points that span every region",
            "the affine map composed from the pieces of the region's code",
        ),
    ).report(
        wrong, reason, checked=points // (partition.domain.chart.dim + 2),
        details={"points": points, "facets": facets, "layers": len(layers)},
    )  # fmt: skip
