"""Check 12: how far a point is from the walls of its region, exactly, in three norms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...errors import ParameterError
from ...mode import guarded
from ...rationals import fractions, nearest_float, root_of, to_fraction
from ..common.region_maps import dot, fractions_of, network_of, partition_of
from ..common.watch import watched
from ..registry import check, exported
from ..report import GEOMETRY, Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["Distance", "check_wall_distance", "wall_distance"]

_NORMS = ("l2", "max", "l1")
_MOST_REGIONS = 300  # of which the feet are looked at

Row = tuple[Fraction, Sequence[Fraction]]  # constant, coefficients


@guarded
@dataclass(frozen=True)
class Distance:
    """A distance in one norm.

    Attributes
    ----------
    value : Fraction or None
        Exact; of "l2" its square. None: there is nothing to be far from.
    norm : str
        "l2", "max" or "l1".
    nearest : tuple of Fraction or None
        A nearest point.
    unit : int or None
        Of a wall, the unit that changes there, by its position in the code; the first of several.
    output : int or None
        Of a distance to another class, that class.

    Examples
    --------
    >>> import exactspline as es
    >>> from exactspline import theory
    >>> net = es.Network([es.Dense([[3, 4]]), es.ReLU()], (2,))
    >>> found = theory.wall_distance(net, [3, 4])
    >>> found.value, float(found), found.nearest
    (Fraction(25, 1), 5.0, (Fraction(0, 1), Fraction(0, 1)))
    """

    value: Fraction | None
    norm: str
    nearest: tuple[Fraction, ...] | None = None
    unit: int | None = None
    output: int | None = None

    def __float__(self) -> float:
        if self.value is None:
            return float("inf")
        return nearest_float(root_of(self.value, 80) if self.norm == "l2" else self.value)


@exported
@guarded
def wall_distance(network: Network, x: Any, norm: str = "l2") -> Distance:
    """The distance of an input to the nearest wall of the partition of R^D, exactly.

    Parameters
    ----------
    network : Network
    x : array_like
        One input: floats (as the dyadic rationals they are), Fractions, texts.
    norm : str
        "l2" (the exact square), "max" or "l1".

    Returns
    -------
    Distance
        0 on a wall.

    Raises
    ------
    ShapeError, ParameterError
        If x does not fit, or holds NaN; for other norms.

    Notes
    -----
    A region is the set where its conditions c + <n, x> are positive, so the largest ball in it
    around x has the least |c + <n, x>| / |n|_* as its radius, with the dual norm, whichever
    conditions are implied by others. A wall may be one across which the network's map does not
    change. One exact evaluation of all conditions: milliseconds for toy networks, a second for a
    small convolutional one. For whole data sets, in float64 with bounds:
    ``exactspline.census(network, X, distances=True)``.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2]], [-4]), es.ReLU()], (2,))
    >>> [str(wall_distance(net, [1, 1], norm).value) for norm in ("l2", "max", "l1")]
    ['1/5', '1/3', '1/2']
    """
    from ...partition.regions.coordinates import exact_point

    network = network_of(network, "wall_distance")
    if norm not in _NORMS:
        raise ParameterError(f"wall_distance: norm {norm!r}; give 'l2', 'max' or 'l1'")
    point = [to_fraction(v, "wall_distance") for v in exact_point(x, network)]
    return _of_point(network, point, norm)


def _of_point(network: Network, point: list[Fraction], norm: str) -> Distance:
    from itertools import islice

    from ...cells.facets import conditions
    from ...domain import WholeSpace
    from ...partition.regions.fan import regions_around
    from ...partition.regions.maps import exact_forms

    space = WholeSpace(network.input_dim)
    forms = exact_forms(network, space)
    around = list(islice(regions_around(forms, space.chart, point), 2))
    if len(around) > 1:
        units = (around[0].code != around[1].code).nonzero()[0]
        return Distance(Fraction(0), norm, tuple(point), int(units[0]))
    best: tuple[Fraction, Row, int] | None = None
    for condition in conditions(forms, around[0].code):
        constant, *normal = fractions(condition.row)
        size = _size(constant, normal, point, norm)
        if best is None or size < best[0]:
            best = size, (constant, normal), condition.unit
    if best is None:
        return Distance(None, norm)
    return Distance(best[0], norm, tuple(_foot(*best[1], point, norm)), best[2])


def _size(constant: Fraction, normal: Sequence[Fraction], x: list[Fraction], norm: str) -> Fraction:
    """The distance of x to a hyperplane; of "l2" its square."""
    height = abs(constant + dot(normal, x))
    if norm == "l2":
        return height * height / dot(normal, normal)
    sizes = [abs(v) for v in normal]
    return height / (sum(sizes, Fraction(0)) if norm == "max" else max(sizes))


def _foot(
    constant: Fraction, normal: Sequence[Fraction], x: list[Fraction], norm: str
) -> list[Fraction]:
    """A nearest point of the hyperplane."""
    height = constant + dot(normal, x)
    if norm == "l2":
        step = height / dot(normal, normal)
        return [a - step * n for a, n in zip(x, normal, strict=True)]
    if norm == "max":
        step = height / sum((abs(n) for n in normal), Fraction(0))
        return [a - step * ((n > 0) - (n < 0)) for a, n in zip(x, normal, strict=True)]
    steep = max(range(len(normal)), key=lambda j: abs(normal[j]))
    return [a - height / normal[j] if j == steep else a for j, a in enumerate(x)]


@check(number=12, name="distance to walls", needs_network=True)
@guarded
def check_wall_distance(
    network: Network | Partition, domain: Domain | None = None, *,
    distance: Callable[[Network, list[Fraction], str], Distance] | None = None,
) -> Report:  # fmt: skip
    """Check that the distance to a region's walls is the least one to a condition's hyperplane.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        All of R^D by default; on smaller ones there are fewer facets, so only R^D is checked.
    distance : callable, optional
        ``distance(network, x, norm)`` gives a `Distance`; `wall_distance` by default.

    Returns
    -------
    Report
        At every region's point and in every norm: the least distance to a hyperplane of all the
        code's conditions against that to the region's facets, which the search of the graph
        found; and that the nearest point, which is so far away, is one where regions meet.

    Examples
    --------
    >>> import exactspline as es
    >>> check_wall_distance(es.Network([es.Dense([[1, 2], [3, -1]]), es.ReLU()], (2,))).verdict
    'holds'
    """
    from ...domain import WholeSpace

    partition = partition_of(network, domain)
    says = Statement(
        "check_wall_distance",
        "The largest ball around x in its region has the radius min |c + <n, x>| / |n|_*, over "
        "all conditions of the code, with the dual norm; it touches a facet.",
        f"{GEOMETRY}: regions are polyhedra",
        (
            "all conditions of the code at a point, implied ones too",
            "the facets of the adjacency graph; the regions that meet at the nearest point",
        ),
        "distances",
    )
    if not isinstance(partition.domain, WholeSpace):
        return says.not_applicable("the domain is not all of R^D")
    measure = distance or _of_point
    edges, checked = partition.edges, 0
    around: dict[int, list[int]] = {}
    for e in range(len(edges)):
        around.setdefault(int(edges.source[e]), []).append(e)
        around.setdefault(int(edges.target[e]), []).append(e)
    many = min(len(partition), _MOST_REGIONS)
    for region in watched(range(many), many, "regions"):
        x = list(partition.domain.chart.lift(partition.witness(region)))
        rows = [fractions_of(edges.row(e)) for e in around.get(region, [])]
        for norm in _NORMS:
            found = measure(partition.network, x, norm)
            checked += 1
            least = min((_size(row[0], row[1:], x, norm) for row in rows), default=None)
            case = {"x": x, "norm": norm, "distance": found.value, "to the facets": least}
            if found.value != least:
                return says.report(case, "the facets are at another distance", checked=checked)
            if found.nearest is not None and not _meets(partition, x, found, norm):
                return says.report(
                    {**case, "nearest": list(found.nearest)},
                    "no regions meet at the nearest point, or it is not so far", checked=checked,
                )  # fmt: skip
    return says.report(None, "", checked=checked, details={"regions": many})


def _meets(partition: Partition, x: list[Fraction], found: Distance, norm: str) -> bool:
    """Whether the nearest point lies between regions, and as far away as is said."""
    assert found.nearest is not None
    gap = [abs(a - b) for a, b in zip(x, found.nearest, strict=True)]
    far = dot(gap, gap) if norm == "l2" else max(gap) if norm == "max" else sum(gap, Fraction(0))
    located = partition.locate([list(found.nearest)])
    return far == found.value and len(located.all(0)) > 1
