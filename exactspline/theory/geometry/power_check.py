"""Check 11: a layer's partition is a power diagram, and so is its subdivision of every region."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ParameterError
from ...mode import guarded
from ...rationals import fractions
from ..common.region_maps import LayerCells, partition_of, state_map, unit_pieces
from ..common.watch import watched
from ..registry import check
from ..report import GEOMETRY, Report, Statement
from .power import PowerDiagram, layer_power_diagram
from .stated import UnitPieces, piece_radii, whole_code, written_pieces

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["check_power_diagram"]


@check(number=11, name="power diagram", needs_network=True)
@guarded
def check_power_diagram(
    network: Network | Partition,
    domain: Domain | None = None,
    *,
    diagrams: dict[int, PowerDiagram] | None = None,
) -> Report:
    """Check that every layer subdivides every region before it as a power diagram.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        All of R^D by default.
    diagrams : dict of int to PowerDiagram, optional
        By layer (from 1 on): diagrams to test in place of the theory's.

    Returns
    -------
    Report
        Checked for every layer of convex units: on every region of the layer's partition every
        unit's piece has the least power distance there, proved on the whole region, and on
        every facet the radical hyperplane of the two whole codes is the facet's hyperplane. Cells
        fix radii up to a constant only; so centroid and radius of every piece, and of the whole
        code of every region, are compared with the theory's numbers as well, from A and B that
        are written down from the operators' stored numbers where the network is a chain (else
        from the compiled pieces; ``details`` says which layers are which).

    Notes
    -----
    One form a piece and region, most settled by one of the region's own inequalities.
    On a domain of lower dimension centroids lie in the domain's coordinates.

    References
    ----------
    Balestriero et al., The Geometry of Deep Networks, NeurIPS 2019.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2], [2, -1]], [0, 1]), es.ReLU()], (2,))
    >>> es.theory.check_power_diagram(net).verdict
    'holds'
    """
    partition = partition_of(network, domain)
    program = partition.network.program
    given = diagrams or {}
    if not all(1 <= key <= len(program.layers) for key in given):
        raise ParameterError(f"diagrams: give layers 1 to {len(program.layers)}")
    convex = [
        all(layer.units.is_convex(k) for k in range(len(layer.units))) for layer in program.layers
    ]
    says = Statement(
        "check_power_diagram",
        "A layer's partition is the power diagram with centroids sum_k A_k,r_k and "
        "radii |mu|^2 + 2 sum_k B_k,r_k; inside a region of the layers before, with map "
        "z = J x + c, with mu = J^T mu_l and rad = |mu|^2 + 2 <mu_l, c> + 2 sum_k B_k,r_k.",
        f"{GEOMETRY}, on layers and on their subdivision",
        (
            "the regions that the search enumerated, and their facets; sums of A and B that are "
            "written down from the operators' stored numbers",
            "least power distance to centroids and radii from the MASO's A and B",
        ),
        "regions of layers",
    )
    layers = [i + 1 for i, good in enumerate(convex) if good or i + 1 in given]
    if not layers:
        reason = "no layer has only convex units" if program.layers else "the network has no units"
        return says.not_applicable(reason)
    checked, facets, bad = 0, 0, None
    reason = "a point is nearer to another centroid than to its own"
    radii, by_hand = 0, []
    for layer in layers:
        diagram = given.get(layer) or layer_power_diagram(partition.network, layer)
        cells = LayerCells(partition, layer)
        inner = _Subdivisions(partition, layer, diagram)
        forms, bad = _argmins(cells, inner, layer)
        checked += forms
        if bad is None and partition.domain.chart.dim <= 60:
            found, bad = _radical_hyperplanes(partition, layer, inner)
            facets += found
        if bad is None and convex[layer - 1]:  # of others the theory states no centroids
            pieces = written_pieces(partition.network, layer)
            by_hand += [layer] if pieces is not None else []
            if pieces is None:
                pieces = unit_pieces(program.layers[layer - 1], f"layer {layer}")
            count, bad = _other_numbers(cells, inner, layer, pieces)
            radii += count
            if bad is not None:
                reason = "a centroid, a radius or what is nearest is not that of the theory"
        if bad is not None:
            break
    details = {
        "layers": layers,
        "layers that are no MASO": [i + 1 for i, good in enumerate(convex) if not good],
        "facets compared": facets,
        "centroids and radii compared": radii,
        "layers whose pieces are written down from stored numbers": by_hand,
    }
    return says.report(bad, reason, checked=checked, details=details)


class _Subdivisions:
    """The power diagram of a layer inside the regions before it, made once for each."""

    def __init__(self, partition: Partition, layer: int, diagram: PowerDiagram) -> None:
        self.partition, self.layer, self.diagram = partition, layer, diagram
        self.units = int(partition.network.program.unit_start[layer - 1])
        self._last: tuple[bytes, PowerDiagram] | None = None
        self.map: tuple[np.ndarray, np.ndarray]  # of the region that was asked for last

    def of(self, code: np.ndarray) -> PowerDiagram:
        before = code[: self.units]
        key = before.tobytes()
        if self._last is None or self._last[0] != key:
            self.map = state_map(self.partition, self.layer - 1, before)
            self._last = key, self.diagram.inside(*self.map)
        return self._last[1]


def _argmins(
    cells: LayerCells, inner: _Subdivisions, layer: int
) -> tuple[int, dict[str, Any] | None]:
    """Every unit's piece is the lowest of least power distance on the whole of every region."""
    for region in watched(range(len(cells)), len(cells), "regions of the layer"):
        code = cells.codes[region]
        diagram = inner.of(code)
        own = code[inner.units :].tolist()
        for k, piece in enumerate(own):
            for other in range(len(diagram.radii[k])):
                if other == piece:
                    continue
                constant, coefficients = diagram.closer(k, piece, other)
                tie = not constant and not any(coefficients)
                if tie and other > piece:
                    continue
                point = (
                    cells.witness(region)
                    if tie
                    else cells.violation(region, constant, coefficients)
                )
                if point is not None:
                    return region + 1, {
                        "layer": layer, "code": code.tolist(), "unit": k, "piece": piece,
                        "nearer piece": other, "point": list(point),
                    }  # fmt: skip
    return len(cells), None


def _other_numbers(
    cells: LayerCells, inner: _Subdivisions, layer: int, pieces: UnitPieces
) -> tuple[int, dict[str, Any] | None]:
    """Centroid and radius of every piece and every region's code against the theory's."""
    count, diagram = 0, inner.diagram
    for k, (A, B) in enumerate(pieces):
        count += 1
        mu, rad = A.tolist(), piece_radii(A, B)
        if diagram.centroids[k].tolist() != mu or diagram.radii[k].tolist() != rad:
            return count, {
                "layer": layer, "unit": k, "centroids": diagram.centroids[k],
                "radii": diagram.radii[k], "the theory's centroids": mu, "the theory's radii": rad,
            }  # fmt: skip
    for region in range(len(cells)):
        code = cells.codes[region]
        own, within = code[inner.units :].tolist(), inner.of(code)
        at = list(cells.witness(region))
        if within.assign(at).tolist() != own:
            return count, {
                "layer": layer, "code": code.tolist(), "point": at,
                "nearest centroids": within.assign(at).tolist(),
            }  # fmt: skip
        centroid, radius = whole_code(pieces, own, *inner.map)
        count += 1
        if within.centroid(own).tolist() != centroid or within.radius(own) != radius:
            return count, {
                "layer": layer, "code": code.tolist(), "centroid": within.centroid(own),
                "radius": within.radius(own), "the theory's centroid": centroid,
                "the theory's radius": radius,
            }  # fmt: skip
    return count, None


def _radical_hyperplanes(
    partition: Partition, layer: int, inner: _Subdivisions
) -> tuple[int, dict[str, Any] | None]:
    """Across a facet the whole codes' power distances tie on the facet's hyperplane alone."""
    edges, start = partition.edges, partition.network.program.unit_start
    count = 0
    for edge in watched(range(len(edges)), len(edges), "facets"):
        units = [unit for unit, _ in edges.flips(edge)]
        if not start[layer - 1] <= min(units) < start[layer]:
            continue
        codes = [partition.code(int(e)) for e in (edges.source[edge], edges.target[edge])]
        diagram = inner.of(codes[0])
        here, there = (c[start[layer - 1] : start[layer]] for c in codes)
        # power distance to there minus to here: positive in the source
        step = [a - b for a, b in zip(diagram.centroid(here), diagram.centroid(there), strict=True)]
        form = [diagram.level(there) - diagram.level(here), *(2 * v for v in step)]
        row = list(fractions(edges.row(edge)))
        count += 1
        if not _positive_multiple(form, row):
            return count, {
                "layer": layer, "facet between": [c.tolist() for c in codes],
                "radical hyperplane": form, "facet": row, "point": list(edges.witness(edge)),
            }  # fmt: skip
    return count, None


def _positive_multiple(a: Sequence[Fraction], b: Sequence[Fraction]) -> bool:
    """Whether a = s b with s > 0, for b not zero."""
    lead = next(i for i, v in enumerate(b) if v)
    factor = a[lead] / b[lead]
    return factor > 0 and all(x == factor * y for x, y in zip(a, b, strict=True))
