"""The number of regions over one bias: a step function, which ties lower at its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...errors import ParameterError
from ...mode import guarded
from ...rationals import to_fraction
from ..common.region_maps import partition_of
from ..registry import check
from ..report import Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...families.family import Parametric
    from ...families.steps import RegionSteps
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["check_bias_sweep"]

_MOST = 2_000  # regions of the network itself, for a sweep that ends soon
_SAMPLES = 200  # steps, and intervals

Sweep = Callable[["Parametric"], "RegionSteps"]


@check(number=13, name="bias sweep", needs_network=True)
@guarded
def check_bias_sweep(
    network: Network | Partition, domain: Domain | None = None, *, parameter: str | None = None,
    width: Any = 1, sweep: Sweep | None = None,
) -> Report:  # fmt: skip
    """Check the number of regions as a function of one bias against counts at single values.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
    parameter : str, optional
        The bias, as `exactspline.parametric` names it; the first one of the network by default.
    width : number
        The range is the stored bias and so much on either side.
    sweep : callable, optional
        `Parametric` to `RegionSteps`, to test in place of `Parametric.sweep`.

    Returns
    -------
    Report
        A search in (x, bias) and linear programs on one side; on the other the network with the
        bias at its stored value, at every step, and at three values of every interval, enumerated
        anew: the codes of an interval must be the same (200 steps and intervals at most). And that
        a count at a step is at most those on either side. Not applicable without a bias, undecided
        for networks of more than 2,000 regions.

    Notes
    -----
    Why ties lower: two points of different regions at a step are told apart by a unit whose value
    is on different sides of a break of it, and so they are for all biases nearby.

    Examples
    --------
    >>> import exactspline as es
    >>> layers = [es.Dense([[1, 2], [2, -1]], [0, 1]), es.ReLU(), es.Dense([[1, -1]])]
    >>> net = es.Network(layers, (2,))
    >>> box = es.Box(-1, 1, dim=2)
    >>> es.theory.check_bias_sweep(net, box).verdict
    'holds'
    """
    from ...families.family import parametric

    partition = partition_of(network, domain)
    says = Statement(
        "check_bias_sweep",
        "The number of regions is a step function of a bias: constant between exact steps, and at "
        "a step at most what it is on either side.",
        "the partition of (x, bias), projected on the bias",
        (
            "regions of (x, bias) and the ends of their projections, by exact linear programs",
            "the network with single values of the bias, counted by ordinary searches",
        ),
        "values",
    )
    if partition.domain.chart.dim == 0:
        return says.not_applicable("the domain is a single point")
    name = _first_bias(partition.network) if parameter is None else parameter
    if name is None:
        return says.not_applicable("no operator has a bias that can be free")
    if len(partition) > _MOST:
        return says.undecided(
            f"a sweep of {len(partition):,} regions takes long; take a smaller domain, or "
            "exactspline.parametric"
        )
    half = to_fraction(width, "check_bias_sweep: width")
    if half <= 0:
        raise ParameterError(f"check_bias_sweep: width {width!r}; give a positive number")
    stored = parametric(partition.network, [name], partition.domain).stored[0]
    family = parametric(
        partition.network, [name], partition.domain, ranges=(stored - half, stored + half)
    )
    steps = family.sweep() if sweep is None else sweep(family)
    details: dict[str, Any] = {
        "bias": name, "range": (stored - half, stored + half), "steps": len(steps.breakpoints),
        "fewest regions": min((*steps.between, *steps.at)), "most regions": max(steps.between),
    }  # fmt: skip
    bad, checked = None, 0
    for value in (stored, *_some(steps.breakpoints)):
        counted = len(partition) if value == stored else family.count([value])
        checked += 1
        if bad is None and steps(value) != counted:
            bad = {"bias": value, "step function": steps(value), "counted": counted}
    for low, high, regions in _some(steps.intervals):
        if bad is not None or low is None or high is None:
            break
        # a code holds on an interval of biases, so what is there at both ends is there between
        seen = None
        for share in (Fraction(1, 64), Fraction(1, 2), Fraction(63, 64)):
            value = low + share * (high - low)
            found = partition_of(family.at([value]), partition.domain)
            codes = {code.tobytes() for code in found.codes}
            checked += 1
            if len(codes) != regions or (seen is not None and seen != codes):
                bad = {
                    "bias": value, "step function": regions, "counted": len(codes),
                    "a step was passed": seen is not None and seen != codes,
                }  # fmt: skip
                break
            seen = codes
    for k, value in enumerate(steps.breakpoints):
        sides = steps.between[k], steps.between[k + 1]
        if bad is None and steps.at[k] > min(sides):
            bad = {"bias": value, "regions": steps.at[k], "on either side": sides}
    return says.report(bad, "the counts or the codes differ", checked=checked, details=details)


def _some(values: Sequence[Any]) -> Sequence[Any]:
    return values[:: max(1, -(-len(values) // _SAMPLES))]


def _first_bias(network: Network) -> str | None:
    """The first bias of the network that can be free; None without any."""
    from ...families.free import BIASES

    for label, node in zip(network.labels, network.nodes, strict=False):
        field = BIASES.get(type(node.operator))
        array = None if field is None else getattr(node.operator, field)
        if array is not None and array.size:
            return f"{label}.{field}[{', '.join(['0'] * array.ndim)}]"
    return None
