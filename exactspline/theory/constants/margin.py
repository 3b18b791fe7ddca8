"""Check 14: a margin divided by a Lipschitz constant is a radius without another class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...mode import guarded
from ..common.region_maps import dot, partition_of
from ..common.samples import maps_of
from ..common.watch import watched
from ..geometry.nearest_class import class_distance
from ..registry import check
from ..report import Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["check_margin"]

_POINTS = 2  # at which the exact distance is found, of different classes if there are
_NORMS = ("max", "l1", "l2")


@check(number=14, name="margins", needs_network=True)
@guarded
def check_margin(
    network: Network | Partition, domain: Domain | None = None, *,
    constant: Callable[[Fraction, str], Fraction] | None = None,
) -> Report:  # fmt: skip
    """Check that no other class is nearer than the margin divided by the Lipschitz constant.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        Of full dimension.
    constant : callable, optional
        ``constant(L, norm)`` is used in place of the exact constant L (of "l2" its square).

    Returns
    -------
    Report
        At the first regions' points of two classes, in the norms max, l1 and l2: the least
        (f_y - f_c)(x) / L_c, with L_c the largest dual norm of the gradients of f_y - f_c over
        all regions, against the exact distance to another class in the domain
        (`class_distance`). ``details`` has both.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
    >>> check_margin(net, es.Box(-1, 1, dim=2)).verdict
    'holds'
    """
    partition = partition_of(network, domain)
    chart, outputs = partition.domain.chart, partition.network.output_dim
    says = Statement(
        "check_margin",
        "On a convex domain no input within min_c (f_y - f_c)(x) / L_c of x is of another class "
        "than y, with L_c the largest dual norm of a gradient of f_y - f_c.",
        "follows from the Lipschitz constant; Hein, Andriushchenko 2017 (local Lipschitz bounds)",
        ("the regions' gradients and exact values", "exact linear and convex programs a region"),
        "distances",
    )
    if chart.dim != partition.network.input_dim or not chart.point.is_selection():
        return says.not_applicable("the domain is flat")
    if outputs == 0:
        return says.not_applicable("there are no outputs")
    maps = maps_of(partition)
    seen: dict[int, list[Fraction]] = {}  # a point of each class
    for region in range(len(partition)):
        x = list(chart.lift(partition.witness(region)))
        own = _class_of(_values(partition, x))
        seen.setdefault(own, x)
        if len(seen) == _POINTS:
            break
    checked, found = 0, []
    for own, x in watched(sorted(seen.items()), len(seen), "points"):
        gaps = _gaps(_values(partition, x), own)
        for norm in _NORMS:
            radii = []
            for c, gap in gaps.items():
                L = max(_size(_difference(maps.A[i], own, c), norm) for i in range(len(partition)))
                L = L if constant is None else constant(L, norm)
                if L:
                    radii.append((gap * gap if norm == "l2" else gap) / L)
            distance = class_distance(partition, x, norm).value
            checked += 1
            least = min(radii, default=None)
            case = {"x": x, "class": own, "norm": norm, "margin / L": least, "distance": distance}
            if distance is not None and (least is None or least > distance):
                return says.report(case, "another class is nearer", checked=checked)
            found.append(case)
    if all(case["distance"] is None for case in found):
        return says.not_applicable("no other class has an interior in the domain")
    return says.report(None, "", checked=checked, details={"at points": found})


def _values(partition: Partition, x: list[Fraction]) -> list[Fraction]:
    found = partition.network.forward(np.array(x, dtype=object), exact=True)
    return list(found.reshape(-1).tolist())


def _class_of(values: Sequence[Fraction]) -> int:
    return values.index(max(values)) if len(values) > 1 else int(values[0] > 0)


def _gaps(values: Sequence[Fraction], own: int) -> dict[int, Fraction]:
    """f_y - f_c for the other classes; of one output its size."""
    if len(values) == 1:
        return {1 - own: abs(values[0])}
    return {c: values[own] - v for c, v in enumerate(values) if c != own}


def _difference(A: Any, own: int, other: int) -> list[Fraction]:
    if len(A) == 1:
        return list(A[0])
    return [a - b for a, b in zip(A[own], A[other], strict=True)]


def _size(row: Sequence[Fraction], norm: str) -> Fraction:
    """The dual norm of a gradient; of "l2" its square."""
    if norm == "l2":
        return dot(row, row)
    sizes = [abs(v) for v in row]
    return sum(sizes, Fraction(0)) if norm == "max" else max(sizes)
