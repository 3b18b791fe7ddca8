"""Check 8: the hierarchical matched filters, nested maxima of the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UnsupportedOperatorError
from ...mode import guarded
from ...network import Add, Flatten, Network
from ...network.maso import MASO
from ..common.region_maps import partition_of
from ..common.samples import exact_forward, simplices
from ..operators.operators import network_behind
from ..registry import check
from ..report import MAD_MAX, Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import NetworkLayer
    from ...partition.partition import Partition

__all__ = ["check_hierarchy"]


def _masos(layers: tuple[NetworkLayer, ...]) -> list[MASO]:
    return [layer.as_maso() for layer in layers]


def _side_by_side(network: Network, masos: list[MASO]) -> Network:
    """Both in one network, whose regions are those on which both are affine."""
    nodes = [(node.operator, node.inputs) for node in network.nodes]
    nodes.append((Flatten(), (len(nodes) - 1,)))
    first, last = len(nodes) - 1, -1
    for maso in masos:
        nodes.append((maso, (last,)))
        last = len(nodes) - 1
    return Network.from_nodes([*nodes, (Add([1, -1]), (first, last))], network.input_shape)


@check(number=8, name="hierarchy", needs_network=True)
@guarded
def check_hierarchy(network: Network | Partition, domain: Domain | None = None) -> Report:
    """Check that a network is the nested maxima of its layers' templates.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        All of R^D by default.

    Returns
    -------
    Report
        "not applicable" if a layer is no MASO. Both sides are affine on every region of the two
        networks side by side; they are compared at points that span each.

    References
    ----------
    Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018, on
    hierarchical template matching.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [2]]), es.ReLU(), es.Dense([[1, -1]])], (1,))
    >>> check_hierarchy(net).verdict
    'holds'
    """
    net = network_behind(network)
    says = Statement(
        "check_hierarchy",
        "z(x) = W max_r (A^(L-1)_r max_r (... A^(1)_r x + B^(1)_r ...) + "
        "B^(L-1)_r) + b: the output is a hierarchy of matched filters.",
        f"{MAD_MAX}, on template matching",
        (
            "the exact forward of the network's operators",
            "the nested maxima of the layers' A x + B, by the formula of the composition",
        ),
    )
    domain = network.domain if not isinstance(network, Network) and domain is None else domain
    try:
        masos = _masos(net.layers)
    except UnsupportedOperatorError as error:
        return says.not_applicable(str(error))
    if not masos:
        return says.not_applicable("the network has no operators")
    partition = partition_of(_side_by_side(net, masos), domain)
    nested = Network(masos, net.input_shape)
    wrong, points, checked = None, 0, 0
    for simplex in simplices(partition):
        checked += 1
        ours, theirs = exact_forward(net, simplex.x), exact_forward(nested, simplex.x)
        points += len(ours)
        for x, values, others in zip(simplex.x, ours, theirs, strict=True):
            if values != others and wrong is None:
                wrong = {"x": x, "f(x)": values, "nested maxima": others}
        if wrong is not None:
            break
    return says.report(
        wrong, "the nested maxima are not the network", checked=checked,
        details={"layers": len(masos), "points": points},
    )  # fmt: skip
