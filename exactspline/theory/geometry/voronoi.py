"""When a layer's partition is a Voronoi diagram: nearest centroid, K-means."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from ...errors import LimitError, ParameterError
from ...mode import guarded
from ..common.region_maps import LayerCells, dot, partition_of, state_map
from ..registry import check
from ..report import GEOMETRY, Report, Statement
from .power import layer_power_diagram

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["check_voronoi"]

_MOST_VORONOI = 400  # regions that are compared with each other


def _squared(x: Iterable[Fraction], y: Iterable[Fraction]) -> Fraction:
    """The squared distance, straight from the coordinates."""
    return sum(((a - b) ** 2 for a, b in zip(x, y, strict=True)), Fraction(0))


@check(number=11, name="Voronoi", needs_network=True)
@guarded
def check_voronoi(network: Network | Partition, domain: Domain | None = None) -> Report:
    """Check whether the first layer's partition is a Voronoi diagram: K-means on the inputs.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional

    Returns
    -------
    Report
        Not applicable unless all codes have one radius, as one unit with B_r = -|A_r|^2 / 2 has,
        and several only if sum_k B_k = -|mu|^2 / 2 for every code (up to a constant). Where it
        applies: on every region the nearest centroid, with no radius, is the region's own,
        against all other regions' centroids.

    References
    ----------
    Balestriero et al., The Geometry of Deep Networks, NeurIPS 2019.

    Examples
    --------
    >>> import exactspline as es
    >>> nearest = es.MASO([[[1, 0], [0, 1], [-1, -1]]], [["-1/2", "-1/2", -1]])  # B = -|A|^2 / 2
    >>> es.theory.check_voronoi(es.Network([nearest], (2,))).verdict
    'holds'
    >>> relu = es.Network([es.Dense([[1, 2]], [1]), es.ReLU()], (2,))
    >>> es.theory.check_voronoi(relu).verdict
    'not applicable'
    """
    partition = partition_of(network, domain)
    program = partition.network.program
    says = Statement(
        "check_voronoi",
        "If sum_k B_k,r_k = -|mu_r|^2 / 2 for every code (one unit: "
        "B_r = -|A_r|^2 / 2), the layer assigns x to the nearest centroid: a Voronoi diagram, "
        "K-means' vector quantisation.",
        f"{GEOMETRY}, on layers",
        (
            "the first layer's regions that the search enumerated",
            "the nearest of the codes' centroids, proved on the whole region; and distances at a "
            "point of it, straight from the coordinates",
        ),
    )
    if not program.layers:
        return says.not_applicable("the network has no units")
    try:
        diagram = layer_power_diagram(partition.network)
    except ParameterError as error:
        return says.not_applicable(str(error))
    violation = diagram.voronoi_violation()
    if violation is not None:
        reason = "the radii of two codes differ, so this is a power diagram but no Voronoi one"
        return says.not_applicable(reason, violation)
    if partition.domain.chart.dim != partition.domain.dim:
        return says.not_applicable("the domain has no interior in R^D")
    cells = LayerCells(partition, 1)
    if len(cells) > _MOST_VORONOI:
        raise LimitError(
            f"voronoi: {len(cells):,} regions are too many to compare with each other; take a "
            "smaller domain"
        )
    J, c = state_map(partition, 0, cells.codes[0][:0])
    inner = diagram.inside(J, c)
    centres = [inner.centroid(code) for code in cells.codes]
    count, checked, bad = 0, 0, None
    for i, mine in enumerate(centres):
        checked += bad is None
        for j, other in enumerate(centres):
            if i == j or bad is not None:
                continue
            # |x - other|^2 - |x - mine|^2, in the coordinates t, x = J t + c
            x_mine, x_other = diagram.centroid(cells.codes[i]), diagram.centroid(cells.codes[j])
            shift = [2 * (a - b) for a, b in zip(x_mine, x_other, strict=True)]
            constant = dot(x_other, x_other) - dot(x_mine, x_mine) + dot(shift, list(c))
            slope = [2 * (a - b) for a, b in zip(mine, other, strict=True)]
            count += 1
            point = cells.violation(i, constant, slope)
            t = cells.witness(i)
            x = partition.domain.chart.lift(t)
            gap = _squared(x, x_other) - _squared(x, x_mine)
            if gap <= 0 or gap != constant + dot(slope, t):
                point = point or t
            if point is not None:
                bad = {"code": cells.codes[i].tolist(), "nearer": cells.codes[j].tolist(),
                       "point": list(point)}  # fmt: skip
    return says.report(
        bad, "a point is nearer to another centroid than to its own", checked=checked,
        details={"pairs of regions": count, "radius": diagram.radius([0] * len(diagram.radii))},
    )  # fmt: skip
