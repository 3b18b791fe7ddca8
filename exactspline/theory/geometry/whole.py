"""The partition of a deep network as a whole, as one power diagram.

Add up all units' convex functions, each layer's sum times a weight. Across a facet of layer l the
layers before are affine, layer l bends upward, and later layers may bend either way; so if
earlier layers weigh enough the sum is convex and bends across every facet, and its affine pieces
are centroids and radii of the whole partition. With equal weights, which is the formula of one
layer taken over all layers at once, it is wrong in general.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import LimitError, ParameterError, UndecidedError
from ...mode import guarded
from ...rationals import to_fraction
from ..common.region_maps import dot, fractions_of, partition_of, state_map, unit_pieces
from ..common.watch import watched
from ..registry import check, exported
from ..report import FAILS, GEOMETRY, Report, Statement
from .coherent import NoPowerDiagram, WholePowerDiagram, cells_power_diagram

if TYPE_CHECKING:
    from ...compile.program import Layer
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

_MOST_HEIGHTS = 3_000_000  # Fractions that are held
_MOST_ASKED = 40  # facets of a partition whose diagram a linear program finds, too
_MOST_WITNESSES = 100  # that are compared with all centroids; the facets alone are a proof

__all__ = [
    "check_layers_together",
    "check_whole_partition",
    "convex_sum",
    "layer_heights",
    "unweighted_example",
    "whole_power_diagram",
]


@exported
@guarded
def whole_power_diagram(partition: Partition) -> WholePowerDiagram | NoPowerDiagram:
    """Centroids and radii of a whole partition by an exact linear program.

    Parameters
    ----------
    partition : Partition

    Returns
    -------
    WholePowerDiagram or NoPowerDiagram
        The second is a proof that there are none; no network's partition can have one, see
        `check_whole_partition`.

    Raises
    ------
    LimitError
        For more than 400 facets between regions.

    Examples
    --------
    >>> import exactspline as es
    >>> bool(whole_power_diagram(es.enumerate_regions(unweighted_example())))
    True
    """
    edges = partition.edges
    rows = [[-v for v in fractions_of(edges.row(e))] for e in range(len(edges))]
    ends = list(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    return cells_power_diagram(len(partition), ends, rows)


def _convex_pieces(layer: Layer, what: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pieces of convex functions that bend where a layer's units change their pieces.

    A convex unit itself; a minimum turned round; for another scalar unit the sum of
    max(0, u - b) over its breakpoints b.
    """
    units = layer.units
    out = unit_pieces(layer, what)
    for k in range(len(units)):
        if units.is_convex(k):
            continue
        first, last = int(units.piece_start[k]), int(units.piece_start[k + 1])
        A, B = out[k]
        if units.lead[k] == 0:
            u, const = _member(layer, int(units.piece_member[first]), A.shape[1])
            slope, offset = Fraction(0), Fraction(0)
            for r, piece in enumerate(range(first, last)):
                if r:  # the breakpoint below
                    slope, offset = slope + 1, offset + Fraction(units.piece_shift[piece - 1])
                A[r] = [slope * v for v in u]
                B[r] = slope * const + offset
        else:
            A[...] = -A
            B[...] = -B
    return out


def _member(layer: Layer, member: int, width: int) -> tuple[list[Fraction], Fraction]:
    indices, data, const = layer.members.row(member)
    row = [Fraction(0)] * width
    for j, v in zip(indices.tolist(), data.tolist(), strict=True):
        row[j] = Fraction(v)
    return row, const


def layer_heights(partition: Partition) -> list[list[list[Fraction]]]:
    """Per layer and region the sum of the layer's convex functions: a form, constant first."""
    program, out = partition.network.program, []
    k = partition.domain.chart.dim
    numbers = len(partition) * len(program.layers) * (k + 1)
    if numbers > _MOST_HEIGHTS:
        raise LimitError(
            f"whole partition: {len(partition):,} regions have {numbers:,} coefficients of "
            f"centroids, over the limit of {_MOST_HEIGHTS:,}; take a smaller domain"
        )
    for index, layer in enumerate(program.layers):
        pieces = _convex_pieces(layer, f"layer {index + 1}")
        begin, end = program.unit_start[index : index + 2]
        last: tuple[bytes, Any, Any] | None = None
        heights = []
        for i in watched(range(len(partition)), len(partition), "regions"):
            code = partition.code(i)
            key = code[:begin].tobytes()
            if last is None or last[0] != key:
                J, c = state_map(partition, index, code[:begin])
                last = key, [list(column) for column in J.T], list(c)
            total, constant = [Fraction(0)] * len(pieces[0][0][0]), Fraction(0)
            for (A, B), r in zip(pieces, code[begin:end].tolist(), strict=True):
                total = [a + b for a, b in zip(total, A[r], strict=True)]
                constant += B[r]
            columns, offset = last[1], last[2]
            heights.append([
                dot(total, offset) + constant, *(dot(columns[j], total) for j in range(k))
            ])  # fmt: skip
        out.append(heights)
    return out


def _bends(
    partition: Partition, heights: list[list[list[Fraction]]]
) -> tuple[np.ndarray, list[list[Fraction]]]:
    """Per facet and layer how much the layer's sum bends upward, and the facets' forms.

    The bend is the factor of the facet's form, positive in the target, in the change of the
    sum from source to target. That the change is such a multiple is continuity; it is checked.
    """
    edges = partition.edges
    out = np.full((len(edges), len(heights)), Fraction(0), dtype=object)
    rows = []
    for e in range(len(edges)):
        a, b = int(edges.source[e]), int(edges.target[e])
        row = [-v for v in fractions_of(edges.row(e))]
        lead = next(j for j in range(1, len(row)) if row[j])
        for layer, height in enumerate(heights):
            step = [y - x for x, y in zip(height[a], height[b], strict=True)]
            bend = step[lead] / row[lead]
            if any(s != bend * r for s, r in zip(step, row, strict=True)):
                raise UndecidedError(
                    f"facet {e}: the units of layer {layer + 1} are not continuous across it; "
                    "please report this network"
                )
            out[e, layer] = bend
        rows.append(row)
    return out, rows


def _weights(bends: np.ndarray, layer_of: np.ndarray, layers: int) -> list[Fraction]:
    """Weights of the layers with which every facet bends upward; the last layer's is 1."""
    weights = [Fraction(1)] * layers
    for layer in range(layers - 2, -1, -1):
        weights[layer] = Fraction(int(_bound(bends, layer_of, layer, weights)) + 1)
    return weights


def _bound(
    bends: np.ndarray, layer_of: np.ndarray, layer: int, weights: Sequence[Fraction]
) -> Fraction:
    """What a layer's weight must exceed, given those of the layers behind it.

    The least weights are not attained; any larger ones will do.
    """
    need = Fraction(0)
    for e in np.flatnonzero(layer_of == layer).tolist():
        behind = range(layer + 1, len(weights))
        later = sum((weights[j] * bends[e, j] for j in behind), Fraction(0))
        need = max(need, -later / bends[e, layer])
    return need


def _layer_of(partition: Partition) -> np.ndarray:
    """The layer of the first unit that changes at a facet: across it all before are affine."""
    start = partition.network.program.unit_start
    return np.asarray(np.searchsorted(start, partition.edges.unit, side="right") - 1)


def _chosen(partition: Partition, bends: np.ndarray) -> list[Fraction]:
    """Weights that are large enough, from the bends of every layer's sum."""
    program = partition.network.program
    layer_of = _layer_of(partition)
    own = bends[np.arange(len(bends)), layer_of]
    if any(bend <= 0 for bend in own):
        raise UndecidedError(
            "a layer's own units do not bend upward across its facet; please report"
        )
    return _weights(bends, layer_of, len(program.layers))


@dataclass(frozen=True)
class ConvexSum:
    """A convex function that is affine on every region of a partition and bends at every facet.

    Attributes
    ----------
    weights : list of Fraction
        Of the layers.
    forms : list of lists of Fraction
        Per region its affine piece over the domain's coordinates, constant first.
    bends : list of Fraction
        Per facet the factor of its form (positive in the target) in the change from source to
        target: positive.
    rows : list of lists of Fraction
        The facets' forms, constant first.
    """

    weights: list[Fraction]
    forms: list[list[Fraction]]
    bends: list[Fraction]
    rows: list[list[Fraction]]


def convex_sum(partition: Partition) -> ConvexSum:
    """The weighted sum of all units' convex functions: that of the whole power diagram.

    Raises
    ------
    LimitError, UndecidedError
    """
    heights = layer_heights(partition)
    bends, rows = _bends(partition, heights)
    chosen = _chosen(partition, bends)
    return ConvexSum(
        chosen,
        _weighted(chosen, heights, len(partition)),
        [sum((w * b for w, b in zip(chosen, row, strict=True)), Fraction(0)) for row in bends],
        rows,
    )


def _weighted(
    weights: Sequence[Fraction], heights: list[list[list[Fraction]]], regions: int
) -> list[list[Fraction]]:
    """Per region the weighted sum of the layers' forms."""
    return [
        [
            sum((w * v for w, v in zip(weights, values, strict=True)), Fraction(0))
            for values in zip(*(height[i] for height in heights), strict=True)
        ]
        for i in range(regions)
    ]


def _report(partition: Partition, says: Statement, weights: Sequence[Any] | None) -> Report:
    """Whether the layers' weighted sums give the whole partition."""
    layers = partition.network.program.layers
    heights = layer_heights(partition)
    bends, rows = _bends(partition, heights)
    must: list[Fraction] | None = None
    if weights is None:
        chosen = _chosen(partition, bends)
        layer_of = _layer_of(partition)
        must = [_bound(bends, layer_of, layer, chosen) for layer in range(len(layers))]
    else:
        chosen = [to_fraction(w, "weights") for w in weights]
        if len(chosen) != len(layers):
            raise ParameterError(f"weights: give {len(layers)}, one a layer")
    bad, facets = None, 0
    for e in range(len(bends)):
        facets += 1
        total = sum((w * b for w, b in zip(chosen, bends[e], strict=True)), Fraction(0))
        if total <= 0:
            bad = {
                "facet between": [
                    partition.code(int(i)).tolist()
                    for i in (partition.edges.source[e], partition.edges.target[e])
                ],
                "facet": rows[e], "point": list(partition.edges.witness(e)),
                "bend of the sum (must be positive)": total,
            }  # fmt: skip
            break
    diagram = WholePowerDiagram.of_heights(_weighted(chosen, heights, len(partition)))
    witnesses = 0
    for i in range(min(len(partition), _MOST_WITNESSES) if bad is None else 0):
        witnesses += 1
        if diagram.nearest(partition.witness(i)) != [i]:
            bad = {"region": partition.code(i).tolist(), "point": list(partition.witness(i))}
            break
    by_program = "not asked: too many facets"
    if bad is None and weights is None and 0 < len(bends) <= _MOST_ASKED:
        other = whole_power_diagram(partition)
        by_program = "finds centroids and radii as well"
        for i in range(len(partition)):
            nearest = None
            if isinstance(other, WholePowerDiagram):
                nearest = other.nearest(partition.witness(i))
            if nearest != [i]:
                bad = {"region": partition.code(i).tolist(), "point": list(partition.witness(i)),
                       "nearest by the linear program": nearest}  # fmt: skip
                break
    small = len(partition) <= 20
    if not len(bends):  # one region has no facets: its witness was compared
        says = replace(says, unit="witnesses")
    return says.report(
        bad, "the weighted sum does not bend upward there", checked=facets or witnesses,
        details={
            "regions": len(partition),
            "witnesses compared with all centroids": witnesses,
            "a linear program that knows no network": by_program,
            "weights of the layers": chosen,
            **({"each must exceed (the last one's being 1)": must} if must else {}),
            "units that are not convex, replaced by convex ones with the same bends": sum(
                not layer.units.is_convex(k) for layer in layers for k in range(len(layer.units))
            ),
            **({"centroids": diagram.centroids, "radii": diagram.radii} if small else {}),
        },
    )  # fmt: skip


_ROUTES = (
    "the facets and witnesses of the enumerated regions",
    "centroids and radii: gradients and offsets of the units' weighted sum",
)


@check(number=11, name="whole partition", needs_network=True)
@guarded
def check_whole_partition(
    network: Network | Partition,
    domain: Domain | None = None,
    *,
    weights: Sequence[Any] | None = None,
) -> Report:
    """Check that the partition of a whole network is one power diagram, with weighted layers.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
    weights : sequence of numbers, optional
        One a layer, to test in place of weights that are large enough.

    Returns
    -------
    Report
        ``details`` has the weights and, for up to 20 regions, centroids and radii in the
        domain's coordinates.

    Notes
    -----
    The sum of all units' convex functions with weights is convex if it bends upward across
    every facet, which is checked facet by facet; its pieces are then the power cells. Earlier
    layers are affine across a facet of layer l, so such weights always exist. At the first 100
    witnesses the nearest centroid among all regions is compared, too; and for up to 40 facets
    `whole_power_diagram`, which knows no network, must find a diagram with the same cells.

    The literature stops at "each layer subdivides the cells of the one before as a power
    diagram"; with the same weight on every layer the whole is indeed none, see
    `check_layers_together`.

    Examples
    --------
    >>> report = check_whole_partition(unweighted_example())
    >>> report.verdict, [int(w) for w in report.details["weights of the layers"]]
    ('holds', [9, 1])
    """
    partition = partition_of(network, domain)
    says = Statement(
        "check_whole_partition",
        "The partition of the whole network is the power diagram of "
        "sum_l w_l sum_k u_l,k, the units' (convex) functions, where earlier layers have large "
        "enough weights w_l: mu is its gradient, rad = |mu|^2 + 2 times its offset.",
        "follows from Aurenhammer 1987 (cells of convex piecewise-affine functions); "
        "for layers see Balestriero et al., The Geometry of Deep Networks, NeurIPS 2019",
        _ROUTES,
        "facets",
    )
    if not partition.network.program.layers:
        return says.not_applicable("the network has no units")
    return _report(partition, says, weights)


def unweighted_example() -> Network:
    """A toy network whose layers, added without weights, give no power diagram of its regions.

    Layer 1 folds the line, layer 2 takes more away from the fold than layer 1 gives.
    """
    from ...network.activations import ReLU
    from ...network.affine import Dense
    from ...network.network import Network

    return Network([Dense([[1, 0], [0, 1]]), ReLU(), Dense([[-8, -8]], [16]), ReLU()], (2,))


@check(number=11, name="layers together", needs_network=False)
@guarded
def check_layers_together(network: Network | Partition | None = None) -> Report:
    """Check that one layer's formula, taken over all layers at once, is wrong in general.

    Parameters
    ----------
    network : Network or Partition, optional
        `unweighted_example` by default.

    Returns
    -------
    Report
        Holds with a facet at which mu = sum over all layers and units of their slopes puts
        points into the wrong cell; not applicable to a network of one layer; fails where the
        formula happens to be right.

    References
    ----------
    Balestriero et al., The Geometry of Deep Networks, NeurIPS 2019.

    Examples
    --------
    >>> check_layers_together().verdict
    'holds'
    """
    partition = partition_of(unweighted_example() if network is None else network)
    says = Statement(
        "check_layers_together",
        "The whole deep partition is in general not the power diagram with "
        "centroids sum_l sum_k A_l,k and radii |mu|^2 + 2 sum_l sum_k B_l,k over all layers "
        "(each layer is one, inside each region of the layers before).",
        f"{GEOMETRY}, on the subdivision by later layers",
        _ROUTES,
        "facets",
    )
    layers = len(partition.network.program.layers)
    if layers < 2:
        return says.not_applicable("the network has fewer than two layers")
    plain = _report(partition, says, [1] * layers)
    wrong = plain.verdict == FAILS
    details = dict(plain.details)
    if wrong:
        details["example"] = plain.counterexample
        details["weights that do give it"] = _report(partition, says, None).details[
            "weights of the layers"
        ]
    return replace(says, unit=plain.unit).report(
        None if wrong else {"centroids": plain.details.get("centroids")},
        "for this network the formula gives all regions", checked=plain.checked, details=details,
    )  # fmt: skip
