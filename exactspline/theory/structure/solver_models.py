"""Check 20 for mixed-integer models: the least big-M numbers, and optima that a solver finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UndecidedError
from ...mode import guarded
from ..common.region_maps import partition_of, state_map, unit_pieces
from ..common.samples import exact_forward
from ..common.watch import watched
from ..registry import check
from ..report import Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["check_mixed_integer"]

_MOST_REGIONS, _MOST_UNITS, _MOST_DIM = 300, 64, 4
_MOST_OUTPUTS = 3  # whose optima the solver is asked for
_TOLERANCE = 1e-6  # of a solver's optimum, relative to the largest M

_LARGEST = 10**6  # numbers with which a solver that computes in floats can be trusted

Bounds = Mapping[int, tuple[Fraction, ...]]


@check(number=20, name="mixed-integer model", needs_network=True)
@guarded
def check_mixed_integer(
    network: Network | Partition, domain: Domain | None = None, *,
    change: Callable[[Bounds], Bounds] | None = None,
) -> Report:  # fmt: skip
    """Check that a network's mixed-integer model has the least big-M numbers and its optima.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        Bounded; the statement says nothing of others.
    change : callable, optional
        From the model's ``bounds`` to others, to test in their place.

    Returns
    -------
    Report
        The M of every piece of every unit is the largest difference between the unit and the
        piece, which is attained at a vertex of a region: exact. (Of a spline that is neither convex
        nor concave, how far it is above the piece.) The largest and the smallest
        value of up to 3 outputs that HiGHS finds, to 1e-6 of the largest number, next to those
        at vertices; it is not asked where numbers are above a million.

    Raises
    ------
    ParameterError
        If a number of the network or of the domain is beyond the range of float64.
    UndecidedError
        If the solver gives up.

    Notes
    -----
    For up to 300 regions of up to 4 dimensions and 64 units. Needs cvxpy.

    References
    ----------
    Tjeng, Xiao, Tedrake, "Evaluating Robustness of Neural Networks with Mixed Integer
    Programming", ICLR 2019.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[2], [1]], [1, 0]), es.ReLU(), es.Dense([[1, -1]])], (1,))
    >>> report = check_mixed_integer(net, es.Box([-1], [3]))
    >>> report.verdict, report.details["M"]
    ('holds', 4)
    """
    says = Statement(
        "check_mixed_integer",
        "A unit is the largest of its pieces g_p with binaries and M_p, the largest difference "
        "between the unit and g_p on the domain; no smaller M_p will do, and the model's optima "
        "are the network's.",
        "Tjeng, Xiao, Tedrake, Evaluating Robustness of Neural Networks with Mixed Integer "
        "Programming, ICLR 2019",
        (
            "the bounds of the model, by ranges of outputs of other networks, and HiGHS",
            "the pieces and the exact forward at vertices of all regions",
        ),
        "numbers",
    )
    partition = partition_of(network, domain)
    net, dim = partition.network, partition.domain.chart.dim
    sizes = f"{len(partition):,} regions of {dim} dimensions, {net.units:,} units"
    if len(partition) > _MOST_REGIONS or net.units > _MOST_UNITS or dim > _MOST_DIM:
        return says.not_applicable(f"it is too large to be compared at vertices: {sizes}")
    if not all(region.is_bounded for region in partition):
        return says.not_applicable("the domain is not bounded, so there is no big M")
    import cvxpy as cp

    x = cp.Variable(net.input_dim)
    model = net.to_cvxpy(x, partition.domain)
    corners = [region.vertices().tolist() for region in partition]
    least = _largest_differences(partition, corners)
    stated = dict((change or dict)(model.bounds))
    checked = sum(len(v) for v in stated.values())
    details: dict[str, Any] = {"M": checked, "vertices": sum(len(v) for v in corners)}
    for unit in sorted({*least, *stated}):
        known = least.get(unit, {})
        if not _fits(stated.get(unit, ()), known):
            case = {
                "unit": str(net.program.unit_name(unit)), "M of the model": stated.get(unit, ()),
                "largest differences": [gap for gap, _ in known.values()],
            }  # fmt: skip
            return says.report(case, "an M is no largest difference", checked=checked)
    values = [
        row
        for own in corners
        for row in exact_forward(net, [partition.domain.chart.lift(t) for t in own])
    ]
    size = max(
        (
            abs(v)
            for v in (*(v for M in stated.values() for v in M), *(v for x in values for v in x))
        ),
        default=Fraction(0),
    )
    bad = None
    if size > _LARGEST:
        details["the solver was not asked"] = f"there are numbers above {_LARGEST:,}"
    else:
        bad, gaps = _optima(net, model, values, size)
        checked += len(gaps)
        details["optima of the solver, differences"] = gaps
    return replace(
        says.report(bad, "the solver's optimum is another one", checked=checked, details=details),
        exact=False,
    )


Differences = dict[int, tuple[Fraction, bool]]


def _largest_differences(partition: Partition, corners: list[list[Any]]) -> dict[int, Differences]:
    """Per unit and piece how far it is from the unit, at most, and whether it is some region's.

    Pieces over the state are affine on a region, and so is the unit: its own piece. Of a spline
    that is neither a maximum nor a minimum of its pieces it is how far the unit is above each.
    Units of one piece on the domain are left out.
    """
    program = partition.network.program
    out: dict[int, Differences] = {}
    for index, layer in enumerate(program.layers):
        begin = int(program.unit_start[index])
        pieces = unit_pieces(layer, "check_mixed_integer")
        own = [set(partition.codes[:, begin + k].tolist()) for k in range(len(pieces))]
        one_sided = [
            layer.units.is_convex(k) or layer.units.is_concave(k) for k in range(len(pieces))
        ]
        most = [[Fraction(0)] * len(B) for _, B in pieces]
        for r in watched(range(len(partition)), len(partition), "regions"):
            code = partition.codes[r]
            J, c = state_map(partition, index, code[:begin])
            states = [J @ np.array(t, dtype=object) + c for t in corners[r]]
            for k in (k for k, found in enumerate(own) if len(found) > 1):
                A, B = pieces[k]
                for z in states:
                    values = A @ z + B
                    for p, value in enumerate(values):
                        gap = values[int(code[begin + k])] - value
                        most[k][p] = max(most[k][p], abs(gap) if one_sided[k] else gap)
        for k, found in enumerate(own):
            if len(found) > 1:
                out[begin + k] = {p: (gap, p in found) for p, gap in enumerate(most[k])}
    return out


def _fits(stated: Sequence[Fraction], known: Differences) -> bool:
    """Whether numbers are those of the pieces that occur, and maybe of others that are kept."""
    needed = [p for p, (_, occurs) in known.items() if occurs]
    spare = [p for p, (_, occurs) in known.items() if not occurs]
    more = len(stated) - len(needed)
    return more >= 0 and any(
        tuple(stated) == tuple(known[p][0] for p in sorted([*needed, *kept]))
        for kept in combinations(spare, more)
    )


def _optima(
    net: Network, model: Any, values: list[list[Any]], size: Fraction
) -> tuple[dict[str, Any] | None, list[float]]:
    """The solver's optima next to those at vertices: where they are apart, and by how much."""
    import cvxpy as cp

    gaps = []
    for output in range(min(net.output_dim, _MOST_OUTPUTS)):
        for goal, best in ((cp.Maximize, max), (cp.Minimize, min)):
            exact = best(row[output] for row in values)
            problem = cp.Problem(goal(model.output[output]), model.constraints)
            try:
                problem.solve(solver=cp.SCIPY)  # HiGHS; cvxpy's own way to it writes a banner
            except cp.SolverError as error:
                raise UndecidedError(
                    f"check_mixed_integer: the solver has no optimum of output {output} ({error})"
                ) from None
            found = float("nan") if problem.value is None else float(problem.value)
            gap = abs(found - float(exact))
            gaps.append(gap)
            if not gap <= _TOLERANCE * max(1.0, float(size)):
                case = {"output": output, "goal": goal.__name__, "optimum": exact, "found": found}
                return case, gaps
    return None, gaps
