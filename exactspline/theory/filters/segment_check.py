"""Check 7: how templates change along a segment, facet by facet."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...mode import guarded
from ...polyhedra.linear import rank_of
from ..common.region_maps import dot, partition_of
from ..common.watch import watched
from ..registry import check
from ..report import Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition
    from ...segments.path import SegmentPath

__all__ = ["check_path"]

_MOST_TERMS = 20  # lower faces that a way around is looked for


@check(number=7, name="templates along a segment", needs_network=True)
@guarded
def check_path(
    network: Network | Partition, domain: Domain | None = None, *,
    path: SegmentPath | None = None,
) -> Report:  # fmt: skip
    """Check that templates change along a segment at the path's events, and by their ranks.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
    path : SegmentPath, optional
        To test; by default that of the segment between the points of the first and the last
        region.

    Returns
    -------
    Report
        Every piece against the operators' exact forward at its ends and inside; that both ends
        lie in the closure of the piece's region, so that no event is missing between; that codes
        differ where there is an event; ranks against those of the matrices; ways around up to
        20 lower faces.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [1, 1]]), es.ReLU()], (2,))
    >>> check_path(net).verdict
    'holds'
    """
    says = Statement(
        "check_path",
        "Along a segment the templates are constant between finitely many points; across a facet "
        "A changes by v n^T, of rank at most one, and at a lower face by a sum of such.",
        "Balestriero, Baraniuk, A Spline Theory of Deep Networks, ICML 2018; Balestriero et al., "
        "The Geometry of Deep Networks, NeurIPS 2019",
        (
            "the events and maps of the segment's partition",
            "the operators' exact forward, and conditions at exact points",
        ),
        "pieces",
    )
    if path is None:
        partition = partition_of(network, domain)
        if len(partition) < 2:
            return says.not_applicable("there is one region")
        from ...segments.functions import segment_path

        chart = partition.domain.chart
        ends = [chart.lift(partition.witness(i)) for i in (0, len(partition) - 1)]
        path = segment_path(partition.network, *ends)
    at = [Fraction(0), *path.exact_t, Fraction(1)]
    counts: dict[str, int] = {}
    bad, checked, previous, ways = None, 0, None, 0
    for i in watched(range(path.pieces), path.pieces, "pieces"):
        A, b = path.affine(i, exact=True)
        bad = _piece(path, i, A, b, at)
        checked += 1
        if bad is None and previous is not None:
            bad, more = _event(path, i - 1, A - previous, ways < _MOST_TERMS)
            ways += more
            kind = str(path.kinds[i - 1])
            counts[kind] = counts.get(kind, 0) + 1
        if bad is not None:
            break
        previous = A
    return says.report(
        bad, "" if bad is None else bad.pop("why"), checked=checked,
        details={"events": len(path), **counts, "pieces inside walls": int(path.inside_wall.sum())},
    )  # fmt: skip


def _piece(
    path: SegmentPath, piece: int, A: np.ndarray, b: np.ndarray, at: list[Fraction]
) -> dict[str, Any] | None:
    """A piece against the network's exact values, and its ends against its region."""
    from ...cells.point import values_at
    from ...partition.regions.fan import holds_at
    from ...polyhedra.lp import q

    low, high = at[piece], at[piece + 1]
    forms, _ = path._space
    code = path.codes[piece].astype(np.int64)
    if not low < high:
        return {"piece": piece, "t": [low, high], "why": "the events are in no order"}
    for t in (low, high, (low + high) / 2):
        x = list(path.point(t))
        values = path.network.forward(np.array(x, dtype=object), exact=True).reshape(-1).tolist()
        mapped = [dot(row, x) + c for row, c in zip(A.tolist(), b.tolist(), strict=True)]
        case = {"piece": piece, "t": t, "x": x}
        if values != mapped:
            return {**case, "values": values, "by the map": mapped, "why": "the map is another"}
        closed, _ = holds_at(forms, code, values_at(path.network.program, [q(v) for v in x]))
        if not closed:
            return {**case, "why": "an event is missing: the region does not hold the piece"}
    return None


def _event(
    path: SegmentPath, index: int, change: np.ndarray, around: bool
) -> tuple[dict[str, Any] | None, int]:
    """The change at an event; and whether a way around it was looked for."""
    rank, kind = rank_of(change.tolist()), str(path.kinds[index])
    case = {"event": index, "t": path.exact_t[index], "kind": kind, "rank": rank}
    if np.array_equal(path.codes[index], path.codes[index + 1]):
        return {**case, "why": "no unit changes there"}, 0
    if rank != path.ranks[index]:
        return {**case, "said": int(path.ranks[index]), "why": "the rank is another"}, 0
    if kind == "facet" and rank > 1:
        return {**case, "why": "the change across a facet has a rank above one"}, 0
    if kind == "facet" or not around:
        return None, 0
    terms = [term.reshape(len(change), -1) for term in path[index].terms()]
    if any(rank_of(term.tolist()) > 1 for term in terms):
        return {**case, "why": "a facet on the way around changes A by a rank above one"}, 1
    total = sum(terms, np.full(change.shape, Fraction(0), dtype=object))
    if not np.array_equal(total, change):
        return {**case, "why": "the facets on the way around do not add up to the change"}, 1
    return None, 1
