"""How the hyperplanes of deeper layers bend: normals and angles in adjacent regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import LimitError, ParameterError
from ...mode import guarded
from ..common.region_maps import dense, dot, first_layers, fractions_of, partition_of, state_map
from ..common.samples import region_rows
from ..registry import check, exported
from ..report import GEOMETRY, Report, Statement

if TYPE_CHECKING:
    from ...compile.program import Program
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = [
    "Bend", "angle_cosine", "bends", "check_bending", "domain_metric", "inside_step", "state_at",
]  # fmt: skip

_MOST_BENDS = 200_000


@dataclass(frozen=True)
class Bend:
    """The hyperplane of a deeper unit on both sides of a facet between regions.

    Attributes
    ----------
    layer, unit : int
        The unit, whose layer is counted from 1, and its position there.
    regions : tuple of two int
        The regions on both sides, of the partition behind the layers before.
    normals : tuple of two tuples of Fraction
        A_r^T w on both sides, in the domain's coordinates.
    sign : int
        The sign of the cosine of the angle between them: -1, 0 or 1.
    square : Fraction or None
        The exact square of the cosine; None where a normal is zero (the unit is constant).
    edge : int
        A facet of the partition that lies between them, in `Partition.edges`.
    """

    layer: int
    unit: int
    regions: tuple[int, int]
    normals: tuple[tuple[Fraction, ...], tuple[Fraction, ...]]
    sign: int
    square: Fraction | None
    edge: int


@exported
@guarded
def bends(partition: Partition, layer: int) -> Iterator[Bend]:
    """The angles between the hyperplanes of a layer's units in adjacent regions before it.

    Parameters
    ----------
    partition : Partition
    layer : int
        From 2 on: the layer whose units' hyperplanes bend at the facets of the layers before.

    Yields
    ------
    Bend
        One for every unit with two pieces and every pair of regions behind the layers before
        that share a facet.

    Notes
    -----
    n_r = A_r^T w, A_r the map of the layers before on region r; the cosine is given by its sign
    and its square, which are rational. Where float64 would say "nearly a right angle" this is
    exact.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network(
    ...     [es.Dense([[1, 0], [0, 1]]), es.Abs(), es.Dense([[1, 1]], [-1]), es.ReLU()], (2,)
    ... )
    >>> for bend in bends(es.enumerate_regions(net), 2):
    ...     print(bend.sign, bend.square, [[int(v) for v in n] for n in bend.normals])
    0 0 [[-1, -1], [-1, 1]]
    0 0 [[-1, -1], [1, -1]]
    0 0 [[-1, 1], [1, 1]]
    0 0 [[1, -1], [1, 1]]
    """
    layers = len(partition.network.program.layers)
    if not isinstance(layer, int) or isinstance(layer, bool) or not 2 <= layer <= layers:
        raise ParameterError(
            f"bends: layer {layer!r}; the network has layers 1 to {layers}, give one from 2 on"
        )
    coarse = partition.at_layer(layer - 1)
    forms = _unit_forms(partition, layer)
    metric = _metric(partition)
    normals: dict[int, np.ndarray] = {}
    for edge, a, b in _pairs(partition, layer - 1):
        for region in (a, b):
            if region not in normals:
                J, _ = state_map(partition, layer - 1, coarse.codes[region])
                columns = [list(column) for column in J.T]
                normals[region] = np.array(
                    [[dot(column, w) for column in columns] for _, w in forms], dtype=object
                ).reshape(len(forms), len(columns))
        for i, (unit, _) in enumerate(forms):
            n, m = normals[a][i], normals[b][i]
            sign, square = _cosine(n, m, metric)
            yield Bend(layer, unit, (a, b), (tuple(n), tuple(m)), sign, square, edge)


def _unit_forms(partition: Partition, layer: int) -> list[tuple[int, list[Fraction]]]:
    """The two-piece units of a layer with the coefficients of the form that tells them apart."""
    program = partition.network.program.layers[layer - 1]
    matrix, _ = dense(program.members, f"layer {layer}")
    units, out = program.units, []
    for k in np.flatnonzero(units.two_piece).tolist():
        plus, minus, _ = units.form(int(units.first_form[k]))
        row = list(matrix[plus])
        if minus >= 0:
            row = [a - b for a, b in zip(row, matrix[minus], strict=True)]
        out.append((k, row))
    return out


def _pairs(partition: Partition, layers: int) -> list[tuple[int, int, int]]:
    """Adjacent regions behind the first layers: one facet of the finest partition for each."""
    parent = partition.at_layer(layers).parent
    seen: dict[tuple[int, int], int] = {}
    edges = partition.edges
    for e, (i, j) in enumerate(zip(edges.source.tolist(), edges.target.tolist(), strict=True)):
        a, b = int(parent[i]), int(parent[j])
        if a != b:
            seen.setdefault((a, b), e)
    return [(e, a, b) for (a, b), e in seen.items()]


def _metric(partition: Partition) -> Any:
    """The inner product of normals over the domain's coordinates, as a flint matrix, or None.

    With x = P t + p a form's gradient along the domain has the square n^T (P^T P)^-1 n; None
    stands for the identity.
    """
    from ...polyhedra.linear import matrix_of

    P, _ = dense(partition.domain.chart.point, "the domain's chart")
    k = P.shape[1]
    gram = [[dot(list(P[:, i]), list(P[:, j])) for j in range(k)] for i in range(k)]
    if all(gram[i][j] == int(i == j) for i in range(k) for j in range(k)):
        return None
    return matrix_of(gram)


def _cosine(
    n: Sequence[Fraction], m: Sequence[Fraction], metric: Any
) -> tuple[int, Fraction | None]:
    """The sign of <n, m> and the square of the cosine."""
    if metric is None:
        top, left, right = dot(n, m), dot(n, n), dot(m, m)
    else:
        from ...polyhedra.linear import matrix_of

        raised = [fractions_of(metric.solve(matrix_of([x] for x in v)).entries()) for v in (n, m)]
        top, left, right = dot(n, raised[1]), dot(n, raised[0]), dot(m, raised[1])
    if left == 0 or right == 0:
        return 0, None
    return (top > 0) - (top < 0), top * top / (left * right)


domain_metric, angle_cosine = _metric, _cosine  # for other files of this chapter


@check(number=12, name="bending", needs_network=True)
@guarded
def check_bending(network: Network | Partition, domain: Domain | None = None) -> Report:
    """Check how deeper hyperplanes bend: n_r = A_r^T w, and the angles between them.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional

    Returns
    -------
    Report
        Not applicable to networks of one layer. For every deeper unit with two pieces and
        every facet between regions before it: the normals from the composed maps against
        gradients that are differences of exact values of the unit's form at points of both
        regions; the cosine's sign and square from both; and that the normal changes along the
        facet's normal alone.

    References
    ----------
    Balestriero et al., The Geometry of Deep Networks, NeurIPS 2019.

    Examples
    --------
    >>> import exactspline as es
    >>> layers = [es.Dense([[1, 0], [0, 1]]), es.ReLU(), es.Dense([[1, 1]], [-1]), es.ReLU()]
    >>> es.theory.check_bending(es.Network(layers, (2,))).verdict
    'holds'
    """
    partition = partition_of(network, domain)
    program = partition.network.program
    says = Statement(
        "check_bending",
        "The hyperplane of a deeper unit with weights w bends at the facets of the "
        "layers before: its normal in region r is A_r^T w, "
        "cos = <n_r, n_r'> / (|n_r| |n_r'|), and n_r' - n_r is along the facet's normal.",
        f"{GEOMETRY}, on angles between the cuts of deeper layers",
        (
            "normals A_r^T w from the composed maps of the regions",
            "differences of the unit's exact values at points of the regions; the facets' normals",
        ),
        "units at facets",
    )
    if len(program.layers) < 2:
        return says.not_applicable("the network has fewer than two layers")
    if partition.domain.chart.dim == 0:
        return says.not_applicable("the domain is one point")
    metric = _metric(partition)
    checked, right, straight, bad = 0, 0, 0, None
    obtuse: Fraction | None = None
    for layer in range(2, len(program.layers) + 1):
        gradient = _Gradients(partition, layer)
        for bend in bends(partition, layer):
            checked += 1
            if checked > _MOST_BENDS:
                raise LimitError(
                    f"check_bending: more than {_MOST_BENDS:,} pairs; take a smaller domain"
                )
            other = [gradient.of(region, bend.unit) for region in bend.regions]
            wrong = _differs(bend, other, metric, partition)
            if wrong:
                bad = {"layer": layer, "unit": bend.unit, "regions": bend.regions,
                       "normals": bend.normals, "differences": other, "what": wrong}  # fmt: skip
                break
            right += bend.sign == 0 and bend.square is not None
            straight += bend.sign == 1 and bend.square == 1
            if bend.sign < 0 and bend.square is not None:
                obtuse = bend.square if obtuse is None else max(obtuse, bend.square)
        if bad is not None:
            break
    if checked == 0:
        return says.not_applicable(
            "no deeper unit with two pieces meets a facet of the layers before"
        )
    why = "" if bad is None else str(bad.pop("what"))
    return says.report(
        bad, why, checked=checked,
        details={
            "right angles": right,
            "not bent": straight,
            "largest cos^2 of an obtuse angle": obtuse,
        },
    )  # fmt: skip


class _Gradients:
    """Gradients of a layer's forms as differences of exact values at points of a region."""

    def __init__(self, partition: Partition, layer: int) -> None:
        self.partition = partition
        self.program = first_layers(partition.network.program, layer - 1)
        self.representatives = partition.at_layer(layer - 1).representatives
        self.forms = _unit_forms(partition, layer)
        self.known: dict[int, dict[int, list[Fraction]]] = {}

    def of(self, region: int, unit: int) -> list[Fraction]:
        if region not in self.known:
            self.known[region] = self._differences(region)
        return self.known[region][unit]

    def _differences(self, region: int) -> dict[int, list[Fraction]]:
        index = int(self.representatives[region])
        t = list(self.partition.witness(index))
        step = inside_step(self.partition, index, t)
        here = self._values(t)
        out: dict[int, list[Fraction]] = {unit: [] for unit, _ in self.forms}
        for j in range(len(t)):
            moved = [v + step * (i == j) for i, v in enumerate(t)]
            for (unit, _), a, b in zip(self.forms, here, self._values(moved), strict=True):
                out[unit].append((b - a) / step)
        return out

    def _values(self, t: Sequence[Fraction]) -> list[Fraction]:
        """The forms' values at a point, by the definition of the network (up to constants)."""
        state = state_at(self.program, self.partition.domain.chart.lift(t))
        return [dot(row, state) for _, row in self.forms]


def state_at(program: Program, x: Sequence[Fraction]) -> list[Fraction]:
    """The state behind all layers of a program at a point, straight from its units."""
    from ...cells.point import run_through
    from ...polyhedra.lp import q

    return fractions_of(run_through(program, [q(v) for v in x])[1])


def inside_step(partition: Partition, region: int, t: Sequence[Fraction]) -> Fraction:
    """A step along every coordinate that stays inside a region, exactly."""
    step = Fraction(1)
    for constant, coefficients in region_rows(partition, region):
        steepest = max(map(abs, coefficients), default=Fraction(0))
        if steepest:
            step = min(step, (constant + dot(coefficients, t)) / (2 * steepest))
    return step


def _differs(bend: Bend, other: list[list[Fraction]], metric: Any, partition: Partition) -> str:
    """What is wrong with a bend; empty if nothing is."""
    if [list(n) for n in bend.normals] != other:
        return "the normals differ"
    if _cosine(other[0], other[1], metric) != (bend.sign, bend.square):
        return "the angles differ"
    facet = partition.edges.normal(bend.edge)
    step = [b - a for a, b in zip(*other, strict=True)]
    lead = next(j for j, v in enumerate(facet) if v)
    factor = step[lead] / facet[lead]
    if any(s != factor * v for s, v in zip(step, facet, strict=True)):
        return "the normal does not change along the facet's normal"
    return ""
