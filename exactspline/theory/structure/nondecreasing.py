"""Check 5: nondecreasing layers from the second on make the whole network convex."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UnsupportedOperatorError
from ...mode import guarded
from ...network.operator import brief
from ...rationals import as_fractions
from ..common.region_maps import partition_of
from ..registry import check
from ..report import SPLINE_THEORY, Report, Statement
from .convexity import check_convexity

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network, NetworkLayer
    from ...partition.partition import Partition

__all__ = ["check_nondecreasing"]


def _obstacle(layer: NetworkLayer) -> str:
    """Why a layer is no nondecreasing MASO; empty if it is one (the first only a MASO)."""
    try:
        A = as_fractions(layer.as_maso().A)
    except UnsupportedOperatorError as error:
        return str(error)
    if layer.index == 1:
        return ""
    for k in range(A.shape[0]):
        for r in range(A.shape[1]):
            for j, value in enumerate(A[k, r].tolist()):
                if value < 0:
                    return f"{layer.label}: A[{k}, {r}, {j}] = {brief(value)} is negative"
    return ""


@check(number=5, name="nondecreasing", needs_network=True)
@guarded
def check_nondecreasing(network: Network | Partition, domain: Domain | None = None) -> Report:
    """Check that a network whose layers are nondecreasing from the second on is convex.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        All of R^D by default.

    Returns
    -------
    Report
        "not applicable" where a layer is no MASO or, from the second on, has a negative slope:
        the condition is sufficient and not necessary. Whether the network is convex all the
        same stands in ``details``, by `check_convexity`.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018: global convexity.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense([[1, 1]])], (1,))
    >>> check_nondecreasing(net).verdict
    'holds'
    """
    partition = partition_of(network, domain)
    obstacles = [o for layer in partition.network.layers if (o := _obstacle(layer))]
    convex = check_convexity(partition)
    says = Statement(
        "check_nondecreasing",
        "If every layer is a MASO and every layer from the second on is "
        "nondecreasing (A_kr >= 0 entrywise), the whole network is a MASO: every output is "
        "convex. Sufficient, not necessary.",
        f"{SPLINE_THEORY}, on global convexity",
        ("the signs of the layers' slopes", "convexity of the network by its regions and facets"),
    )
    details = {
        "layers": len(partition.network.layers),
        "the network is convex": convex.holds,
    }
    if obstacles:
        reason = obstacles[0]
        reason += "; the network is convex all the same" if convex.holds else ""
        return says.not_applicable(reason, details)
    return says.report(
        convex.counterexample, f"all layers are nondecreasing, but {convex.reason}",
        checked=convex.checked, details=details,
    )  # fmt: skip
