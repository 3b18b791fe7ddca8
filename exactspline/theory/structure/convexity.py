"""Check 1: a convex output is a max-affine spline, and one that is not violates convexity."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import LimitError, ParameterError, UndecidedError
from ...mode import guarded
from ...network.maso import MASO
from ..common.region_maps import dot, partition_of
from ..common.samples import Maps, exact_forward, maps_of, region_rows, simplices, steps_inside
from ..common.watch import watched
from ..registry import check, exported
from ..report import SPLINE_THEORY, Report, Statement
from .structure import tear

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["check_convexity", "convexity_violation", "max_affine_form"]

_MOST_PIECES = 2_000  # of a constructed max-affine spline
_MOST_PAIRS = 4_000  # regions times pieces that linear programs compare
_MOST_VALUES = 20_000_000  # that a constructed spline is evaluated to

_SAYS = Statement(
    "check_convexity",
    "A max-affine spline is convex and piecewise affine, and a convex piecewise-affine output "
    "equals a max-affine spline: on every region its own piece is the largest of all pieces. "
    "The whole output is one MASO exactly when every output is convex.",
    f"{SPLINE_THEORY}, on max-affine splines and MASOs; Magnani, Boyd, Convex piecewise-linear "
    "fitting, 2009",
    (
        "the exact forward at points that span every region",
        "the maximum of all pieces, built from the regions; convexity by the slopes' jumps at "
        "every facet",
    ),
)


def _bends(partition: Partition, maps: Maps) -> tuple[list[int | None], int]:
    """Per output the first facet across which its slope along the normal falls, if any.

    And how many facets were looked at: no more than it takes to find one for every output.
    """
    outputs = partition.network.output_dim
    worst: list[int | None] = [None] * outputs
    edges, seen = partition.edges, 0
    for e in watched(range(len(edges)), len(edges), "facets"):
        if None not in worst:
            break
        seen += 1
        source, target = int(edges.source[e]), int(edges.target[e])
        normal = edges.normal(e)
        for c in range(outputs):
            if worst[c] is None:
                jump = maps.over_t[target, c] - maps.over_t[source, c]
                if dot(jump.tolist(), normal) < 0:
                    worst[c] = e
    return worst, seen


def _segment(partition: Partition, edge: int, output: int) -> dict[str, Any]:
    """A segment across a facet that violates convexity, verified by the exact forward."""
    edges, chart = partition.edges, partition.domain.chart
    source, target = int(edges.source[edge]), int(edges.target[edge])
    middle, normal = list(edges.witness(edge)), list(edges.normal(edge))
    back = [-v for v in normal]
    step = min(
        steps_inside(region_rows(partition, source), middle, back),
        steps_inside(region_rows(partition, target), middle, normal),
    )
    ends = [[m + s * step * n for m, n in zip(middle, normal, strict=True)] for s in (-1, 1)]
    found: dict[str, Any] = {}
    for bits in (*range(6), None):  # short numbers, if they violate convexity as well
        t = [[_short(v, bits) for v in end] for end in ends]
        if bits is not None and not all(_in_domain(partition, end) for end in t):
            continue
        t.append([(a + b) / 2 for a, b in zip(*t, strict=True)])
        points = [chart.lift(v) for v in t]
        values = [row[output] for row in exact_forward(partition.network, points)]
        mean = (values[0] + values[1]) / 2
        found = {
            "output": output, "x": points[0], "y": points[1], "midpoint": points[2],
            "f(x)": values[0], "f(y)": values[1], "f(midpoint)": values[2],
            "(f(x) + f(y)) / 2": mean,
        }  # fmt: skip
        if values[2] > mean:
            break
    return {**found, "at the facet between regions": [source, target]}


def _short(value: Fraction, bits: int | None) -> Fraction:
    return value if bits is None else Fraction(round(value * 2**bits), 2**bits)


def _in_domain(partition: Partition, t: Sequence[Fraction]) -> bool:
    from ...polyhedra.lp import q, value_at

    at = [q(v) for v in t]
    return all(value_at(row, at) >= 0 for row in partition._exact_forms.domain_rows)


def convexity_violation(
    network: Network | Partition, domain: Domain | None = None, output: int = 0
) -> dict[str, Any] | None:
    """A segment on which an output is not convex, with exact values; None if it is convex.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
    output : int

    Returns
    -------
    dict or None
        ``x``, ``y``, ``midpoint``, and the output's values there: that at the midpoint is above
        the mean of the other two.

    Raises
    ------
    ParameterError
        If there is no such output.
    UndecidedError
        If the segment that the facets give is no violation in the exact forward.

    Notes
    -----
    A continuous piecewise-affine function is convex on a convex domain exactly when its slope
    along the normal grows across every facet.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Abs(), es.Dense([[-1]])], (1,))
    >>> found = convexity_violation(net)
    >>> found["f(midpoint)"] > found["(f(x) + f(y)) / 2"]
    True
    """
    partition = partition_of(network, domain)
    _outputs(partition, output)
    edge = _bends(partition, maps_of(partition))[0][output]
    if edge is None:
        return None
    found = _segment(partition, edge, output)
    if not found["f(midpoint)"] > found["(f(x) + f(y)) / 2"]:
        raise UndecidedError(
            f"output {output}: its slope falls across facet {edge}, but the exact forward shows "
            "no violation of convexity there; the partition and the operators contradict"
        )
    return found


def _outputs(partition: Partition, output: int | None) -> list[int]:
    n = partition.network.output_dim
    if output is None:
        return list(range(n))
    if not 0 <= output < n:
        raise ParameterError(f"output {output}: the network has outputs 0 to {n - 1}")
    return [output]


def _max_affine(maps: Maps, outputs: Sequence[int]) -> MASO:
    """The distinct affine pieces of some outputs, as one MASO."""
    rows = []
    for c in outputs:
        seen: dict[tuple[Any, ...], int] = {}
        for r in watched(range(len(maps.b)), len(maps.b), "pieces"):
            seen.setdefault((*maps.over_t[r, c].tolist(), maps.shift[r, c]), r)
        rows.append(sorted(seen.values()))
    most = max(map(len, rows))
    if most > _MOST_PIECES:
        raise LimitError(
            f"a max-affine spline of {most:,} pieces is over the limit of {_MOST_PIECES:,}; "
            "take a toy network or a smaller domain"
        )
    padded = [[regions[min(i, len(regions) - 1)] for i in range(most)] for regions in rows]
    A = np.array([[maps.A[r, c] for r in row] for c, row in zip(outputs, padded, strict=True)])
    B = np.array([[maps.b[r, c] for r in row] for c, row in zip(outputs, padded, strict=True)])
    return MASO(A, B, name="max-affine form")


@exported
@guarded
def max_affine_form(
    network: Network | Partition, domain: Domain | None = None, *, output: int | None = None
) -> MASO:
    """The convex output (or outputs) of a network as one max-affine spline operator.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
    output : int, optional
        All of them by default.

    Returns
    -------
    MASO
        Over the flattened inputs; equal to the network on the domain.

    Raises
    ------
    ParameterError
        If an output is not convex there; `convexity_violation` gives a segment.
    LimitError
        For more than 2,000 pieces.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.Abs(), es.Dense([[1, 1]])], (1,))
    >>> spline = max_affine_form(net)
    >>> spline.A[0, :, 0].tolist(), spline.B[0].tolist()
    ([-2.0, 0.0, 2.0], [1.0, 1.0, -1.0])
    """
    partition = partition_of(network, domain)
    maps = maps_of(partition)
    worst, _ = _bends(partition, maps)
    outputs = _outputs(partition, output)
    for c in outputs:
        if worst[c] is not None:
            raise ParameterError(
                f"output {c} is not convex on the domain, so it is no max-affine spline; "
                "convexity_violation gives a segment"
            )
    return _max_affine(maps, outputs)


def _disagreement(
    partition: Partition, maps: Maps, spline: MASO, outputs: Sequence[int]
) -> tuple[int, dict[str, Any] | None]:
    """In how many regions spline, region's piece and forward were compared; where they differ."""
    k = partition.domain.chart.dim
    if len(partition) * (k + 2) * spline.A.size > _MOST_VALUES:
        raise LimitError(
            "the max-affine form has too many pieces to be evaluated in every region; take a toy "
            "network or a smaller domain"
        )
    regions = 0
    for simplex in simplices(partition):
        regions += 1
        forward = exact_forward(partition.network, simplex.x)
        points = np.array(simplex.x, dtype=object).reshape(len(simplex.x), -1)
        shown = spline.forward(points).tolist()
        own, shift = maps.over_t[simplex.region], maps.shift[simplex.region]
        for t, x, values, largest in zip(simplex.t, simplex.x, forward, shown, strict=True):
            for c, value in zip(outputs, largest, strict=True):
                piece = dot(own[c].tolist(), t) + shift[c]
                if not value == values[c] == piece:
                    return regions, {
                        "output": c, "region": simplex.region, "x": x, "f(x)": values[c],
                        "largest piece": value, "the region's piece": piece,
                    }  # fmt: skip
    return regions, None


def _dominated(partition: Partition, maps: Maps, outputs: Sequence[int]) -> tuple[int, Any]:
    """Whether every region's piece is the largest there: pairs proved, and a counterexample."""
    from ...polyhedra.decide import decide
    from ...polyhedra.lp import q, qrow

    pairs = 0
    for region in range(len(partition)):
        rows = None
        for c in outputs:
            own = maps.over_t[region, c], maps.shift[region, c]
            seen = set()
            for other in range(len(partition)):
                slope, offset = own[0] - maps.over_t[other, c], own[1] - maps.shift[other, c]
                form = (offset, *slope.tolist())
                if form in seen:
                    continue
                seen.add(form)
                if not any(form[1:]):
                    if offset < 0:
                        return pairs, {"output": c, "region": region, "piece of region": other}
                    continue
                if rows is None:
                    rows = [qrow(v, list(w)) for v, w in region_rows(partition, region)]
                    inside = [q(v) for v in partition.witness(region)]
                pairs += 1
                if decide(rows, qrow(offset, list(slope)), inside).kind not in ("positive", "zero"):
                    return pairs, {"output": c, "region": region, "piece of region": other}
    return pairs, None


@check(number=1, name="convexity", needs_network=True)
@guarded
def check_convexity(
    network: Network | Partition, domain: Domain | None = None, *, output: int | None = None
) -> Report:
    """Check that a network is a max-affine spline operator, or show where it is not convex.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        All of R^D by default.
    output : int, optional
        One output; the vector of all of them by default.

    Returns
    -------
    Report
        Holds: alpha and beta are built from the regions, and the maximum of the pieces is the
        network on every region. Fails: a segment that violates convexity, exactly.

    Raises
    ------
    LimitError
        For partitions that are too large for rationals.

    Notes
    -----
    Convexity is decided on every facet, and the equality by the exact forward at points that
    span every region; for up to 4,000 pairs of regions and pieces exact linear programs prove
    it once more, independently of the facets.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018.

    Examples
    --------
    >>> import exactspline as es
    >>> print(check_convexity(es.Network([es.Abs(), es.Dense([[1]])], (1,))).verdict)
    holds
    """
    partition = partition_of(network, domain)
    outputs = _outputs(partition, output)
    maps = maps_of(partition)
    worst, facets = _bends(partition, maps)
    bad = [c for c in outputs if worst[c] is not None]
    checked = 0  # regions in which forward and maximum were compared
    details: dict[str, Any] = {
        "facets": facets,
        "convex outputs": [c for c in outputs if c not in bad],
        "outputs that are not convex": bad,
    }
    good = [c for c in outputs if c not in bad]
    torn = tear(partition, maps.over_t, maps.shift)
    if torn is not None:
        reason = "the maps on both sides of a facet do not meet on it"
        return _SAYS.report(torn, reason, checked=checked, details=details)
    if good and not (bad and len(partition) > _MOST_PIECES):
        spline = _max_affine(maps, good)
        details["pieces"] = int(spline.A.shape[1])
        checked, wrong = _disagreement(partition, maps, spline, good)
        if wrong is None and len(partition) * spline.A.shape[0] * spline.A.shape[1] <= _MOST_PAIRS:
            details["pairs proved by linear programs"], wrong = _dominated(partition, maps, good)
        if wrong is not None:
            reason = "the maximum of the pieces is not the network, although no facet bends down"
            return _SAYS.report(wrong, reason, checked=checked, details=details)
    if not bad:
        return _SAYS.report(None, "", checked=checked, details=details)
    edge = worst[bad[0]]
    assert edge is not None
    found = _segment(partition, edge, bad[0])
    reason = f"output {bad[0]} is not convex: its value at a midpoint is above the mean of the ends"
    if not found["f(midpoint)"] > found["(f(x) + f(y)) / 2"]:
        reason = f"the jump at facet {edge} and the exact forward contradict each other"
    return _SAYS.report(found, reason, checked=checked, details=details)
