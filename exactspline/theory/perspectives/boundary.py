"""The shape of decision boundaries: facets, where they bend and by how much, how curves turn."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DomainError
from ...mode import guarded
from ...rationals import nearest_float
from ..common.region_maps import dot, partition_of
from ..common.samples import exact_forward
from ..common.watch import watched
from ..geometry.geometry import angle_cosine, domain_metric
from ..registry import check, exported
from ..report import GEOMETRY, Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.faces.boundary import DecisionBoundary
    from ...partition.partition import Partition

__all__ = ["BoundaryBend", "BoundaryShape", "boundary_shape", "check_boundary_shape"]

_MOST_PIECES = 20_000

Vector = tuple[Fraction, ...]
Normals = Callable[["DecisionBoundary", int], Vector]


@exported
@guarded
@dataclass(frozen=True)
class BoundaryBend:
    """Where two facets of a decision boundary meet.

    Attributes
    ----------
    pieces : tuple of two int
        Of the `DecisionBoundary`.
    regions : tuple of two int
        Whose closures hold them.
    sign : int
        Of the cosine of the angle between their normals.
    square : Fraction
        The square of that cosine, exactly; 1 where the boundary goes straight on.
    turn : int
        In the plane, with the lower class on the left: 1 to the left, -1 to the right; else 0.

    Examples
    --------
    >>> BoundaryBend((0, 1), (0, 1), 1, Fraction(1, 2), 1).angle * 4 / math.pi
    1.0
    """

    pieces: tuple[int, int]
    regions: tuple[int, int]
    sign: int
    square: Fraction
    turn: int

    @property
    def angle(self) -> float:
        """The angle between the normals in radians, rounded: 0 where nothing bends.

        The dihedral angle between the facets is pi minus this.
        """
        return math.atan2(
            math.sqrt(nearest_float(1 - self.square)),
            self.sign * math.sqrt(nearest_float(self.square)),
        )


@exported
@guarded
@dataclass(frozen=True)
class BoundaryShape:
    """A decision boundary as a complex of facets.

    Attributes
    ----------
    dimension : int
        Of the domain: 2 or 3.
    facets : int
        Pieces of dimension k - 1 on which the class changes.
    bends : tuple of BoundaryBend
        Two facets of the same two classes that share a vertex (in the plane) or an edge (in
        space); those that go straight on as well.
    junctions : int
        Vertices or edges where facets of different classes, or more than two, meet.
    parts : int
        Connected by bends.
    closed : int
        Parts all of whose facets have neighbours all around: closed curves or surfaces.
    turning_numbers : tuple of int
        In the plane, of the closed curves: how often the direction goes around, exactly.

    Examples
    --------
    >>> import exactspline as es
    >>> diamond = es.Network([es.Abs(), es.Dense([[1, 1]], [-1])], (2,))  # |x| + |y| = 1
    >>> shape = boundary_shape(es.enumerate_regions(diamond))
    >>> shape.facets, len(shape.bends), shape.turning_numbers, shape.turning / math.pi
    (4, 4, (1,), 2.0)
    """

    dimension: int
    facets: int
    bends: tuple[BoundaryBend, ...]
    junctions: int
    parts: int
    closed: int
    turning_numbers: tuple[int, ...]

    @property
    def angles(self) -> np.ndarray:
        """The angles of all bends, radians, rounded."""
        return np.array([bend.angle for bend in self.bends])

    @property
    def turning(self) -> float:
        """The total turning: the sum of the angles of all bends, rounded."""
        return math.fsum(bend.angle for bend in self.bends)


def normal_of(boundary: DecisionBoundary, piece: int) -> Vector:
    """The gradient of f_i - f_j on the piece's region."""
    return tuple(boundary.row(piece)[1:])


@exported
@guarded
def boundary_shape(partition: Partition) -> BoundaryShape:
    """Facets, bends and turning of the decision boundary of a network of two or three inputs.

    Parameters
    ----------
    partition : Partition
        On a domain of two or three dimensions; a network with one output has the classes f < 0
        and f > 0.

    Returns
    -------
    BoundaryShape

    Raises
    ------
    DomainError
        For other dimensions.
    LimitError
        As `Partition.decision_boundary`.

    Notes
    -----
    Normals are gradients of f_i - f_j on the regions, i < j, so they point the same way on both
    sides of a bend. Vertices are compared as rationals.

    Examples
    --------
    >>> import exactspline as es
    >>> cube = es.Network([es.Abs(), es.ReduceMax(), es.Reshape((1,)), es.Dense([[1]], [-1])], (3,))
    >>> shape = boundary_shape(es.enumerate_regions(cube, es.Box([-2] * 3, [2] * 3)))
    >>> shape.facets, shape.closed, len(shape.bends), sum(b.sign == 0 for b in shape.bends)
    (24, 1, 48, 24)
    """
    return _shape(partition, normal_of)


@dataclass
class _Facets:
    """The facets of a boundary: normals, corners, and which meet."""

    pieces: list[int]
    normals: dict[int, Vector]
    corners: dict[int, set[tuple[Any, ...]]]
    meeting: dict[Any, list[int]]  # vertices in the plane, edges in space -> pieces


def _facets(partition: Partition, boundary: DecisionBoundary, normals: Normals) -> _Facets:
    k = partition.domain.chart.dim
    pieces = [p for p in range(len(boundary)) if boundary.changes[p] and boundary.dim[p] == k - 1]
    found = _Facets(pieces, {}, {}, defaultdict(list))
    at: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for p in watched(pieces, len(pieces), "facets"):
        found.normals[p] = normals(boundary, p)
        try:
            corners = {("vertex", *v) for v in boundary.vertices(p).tolist()}
            corners |= {("ray", *v) for v in boundary.rays(p).tolist()}
        except DomainError:  # it holds a line: no vertex, and it meets nothing
            corners = set()
        found.corners[p] = corners
        for corner in corners:
            if corner[0] == "vertex" or k == 3:
                at[corner].append(p)
    if k == 2:
        found.meeting.update(at)
        return found
    common: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for corner, own in at.items():
        for pair in combinations(own, 2):
            common[pair].append(corner)
    for pair, corners_of in common.items():
        if len(corners_of) >= 2:  # two faces of a complex that share two corners share the edge
            edge = frozenset(corners_of)
            found.meeting[edge] = sorted({*found.meeting[edge], *pair})
    return found


def _shape(partition: Partition, normals: Normals) -> BoundaryShape:
    k = partition.domain.chart.dim
    if k not in (2, 3):
        raise DomainError(f"boundary_shape: a domain of {k} dimensions; it takes two or three")
    boundary = partition.decision_boundary()
    if len(boundary) > _MOST_PIECES:
        raise DomainError(
            f"boundary_shape: {len(boundary):,} pieces; take a smaller domain (at most "
            f"{_MOST_PIECES:,})"
        )
    found = _facets(partition, boundary, normals)
    metric = domain_metric(partition)
    bends, junctions = [], 0
    joined: dict[int, list[tuple[int, BoundaryBend]]] = defaultdict(list)
    whole = dict.fromkeys(found.pieces, 0)
    for place, own in found.meeting.items():
        classes = {boundary.classes(p) for p in own}
        if len(own) > 2 or len(classes) > 1:
            junctions += 1
            continue
        if len(own) < 2:
            continue
        p, q = own
        if k == 2:
            p, q = _along(found, place, p, q)
        n, m = found.normals[p], found.normals[q]
        sign, square = angle_cosine(n, m, metric)
        turn = 0 if k == 3 else _sign(n[0] * m[1] - n[1] * m[0])
        regions = int(boundary.region[p]), int(boundary.region[q])
        bend = BoundaryBend((p, q), regions, sign, Fraction(0) if square is None else square, turn)
        bends.append(bend)
        joined[p].append((q, bend))
        joined[q].append((p, bend))
        whole[p], whole[q] = whole[p] + 1, whole[q] + 1
    parts = _parts(found.pieces, joined)
    closed = [part for part in parts if all(_all_around(found, whole, p) for p in part)]
    numbers = tuple(_turning_number(found, part, joined) for part in closed) if k == 2 else ()
    return BoundaryShape(
        k, len(found.pieces), tuple(bends), junctions, len(parts), len(closed), numbers
    )


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


def _direction(normal: Vector) -> Vector:
    """Along a curve with f_i > f_j, the lower class, on the left."""
    return normal[1], -normal[0]


def _along(found: _Facets, place: tuple[Any, ...], p: int, q: int) -> tuple[int, int]:
    """The two facets at a vertex in the order of walking: the first one ends there."""
    vertex = place[1:]
    d = _direction(found.normals[p])
    others = [c for c in found.corners[p] if c != place]
    ahead = [c[1:] if c[0] == "ray" else tuple(a - b for a, b in zip(c[1:], vertex, strict=True))
             for c in others]  # fmt: skip
    on = sum((sum(a * b for a, b in zip(d, step, strict=True)) for step in ahead), Fraction(0))
    return (p, q) if on < 0 else (q, p)


def _parts(pieces: Sequence[int], joined: dict[int, list[tuple[int, Any]]]) -> list[list[int]]:
    seen: set[int] = set()
    out = []
    for start in pieces:
        if start in seen:
            continue
        part, queue = [], [start]
        seen.add(start)
        while queue:
            p = queue.pop()
            part.append(p)
            for q, _ in joined[p]:
                if q not in seen:
                    seen.add(q)
                    queue.append(q)
        out.append(part)
    return out


def _all_around(found: _Facets, whole: dict[int, int], p: int) -> bool:
    """Whether a facet is bounded and every end, or side, of it is a bend."""
    corners = found.corners[p]
    return bool(corners) and all(c[0] == "vertex" for c in corners) and whole[p] == len(corners)


def _turning_number(
    found: _Facets, part: Sequence[int], joined: dict[int, list[tuple[int, BoundaryBend]]]
) -> int:
    """How often the direction goes around, counted where it passes that of the first axis."""
    total = 0
    for p in part:
        for q, bend in joined[p]:
            if bend.pieces != (p, q):  # each bend once, from its first facet
                continue
            a, b = _direction(found.normals[p]), _direction(found.normals[q])
            if _upper(b) and not _upper(a) and bend.turn > 0:
                total += 1
            elif _upper(a) and not _upper(b) and bend.turn < 0:
                total -= 1
    return total


def _upper(d: Vector) -> bool:
    return d[1] > 0 or (d[1] == 0 and d[0] > 0)


@check(number=18, name="boundary shape", needs_network=True)
@guarded
def check_boundary_shape(
    network: Network | Partition, domain: Domain | None = None, *, normals: Normals = normal_of
) -> Report:
    """Check how a decision boundary bends: along walls only, and closed curves turn once.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        Of two or three dimensions.
    normals : callable
        (decision boundary, piece) to the piece's normal, to test in place of the gradient.

    Returns
    -------
    Report
        The two classes tie at every vertex by the exact forward, and normals are perpendicular to
        what joins the vertices of their facet. For every bend between regions that share a facet
        the difference of the two normals is a multiple of that facet's normal. A closed curve that
        does not cross itself turns once (Hopf): its turning number, from signs of rationals, is 1
        or -1 (so its angles add up to 2 pi at least). Not applicable without bends.

    References
    ----------
    Balestriero et al., The Geometry of Deep Networks, NeurIPS 2019; H. Hopf, 1935.

    Examples
    --------
    >>> import exactspline as es
    >>> hidden = es.Dense([[1, 0], [0, 1], [-1, 0], [0, -1]])
    >>> rhombus = es.Network([hidden, es.ReLU(), es.Dense([[1, 1, 1, 1]], [-1])], (2,))
    >>> es.theory.check_boundary_shape(rhombus, es.Box(-2, 2, dim=2)).verdict
    'holds'
    """
    partition = partition_of(network, domain)
    says = Statement(
        "check_boundary_shape",
        "Across a wall of the partition the decision boundary's normal changes by a multiple of "
        "the wall's; closed curves of it turn once.",
        f"{GEOMETRY}, on decision boundaries; Hopf 1935",
        (
            "gradients of regions' maps, and vertices of the boundary",
            "normals of the partition's facets, and the exact forward",
        ),
        "bends",
    )
    if partition.domain.chart.dim not in (2, 3) or partition.network.output_dim > 20:
        return says.not_applicable("it takes two or three dimensions, and at most 20 outputs")
    shape = _shape(partition, normals)
    if not shape.bends:
        return says.not_applicable("the decision boundary has no bends")
    boundary, edges = partition.decision_boundary(), partition.edges
    walls = {(int(a), int(b)): e for e, (a, b) in enumerate(zip(edges.source, edges.target,
                                                                strict=True))}  # fmt: skip
    bad, checked = _no_tie(partition, boundary, normals), 0
    for bend in shape.bends:
        a, b = sorted(bend.regions)
        checked += 1
        inside = all(boundary.other[p] < 0 for p in bend.pieces)
        if bad is not None or (a, b) not in walls or not inside:
            continue
        n, m = (normals(boundary, p) for p in bend.pieces)
        wall = edges.normal(walls[a, b])
        step = [y - x for x, y in zip(n, m, strict=True)]
        lead = next(i for i, w in enumerate(wall) if w)
        factor = step[lead] / wall[lead]
        if any(s != factor * w for s, w in zip(step, wall, strict=True)):
            bad = {"regions": (a, b), "normals": (n, m), "wall": wall}
    if bad is None and any(abs(v) != 1 for v in shape.turning_numbers):
        bad = {"turning numbers": shape.turning_numbers}
    details = {
        "facets": shape.facets, "bends": len(shape.bends), "junctions": shape.junctions,
        "parts": shape.parts, "closed": shape.closed,
        "largest angle, degrees": round(math.degrees(float(shape.angles.max())), 3),
    }  # fmt: skip
    if shape.dimension == 2:
        details["total turning over 2 pi"] = round(shape.turning / (2 * math.pi), 6)
    return says.report(bad, "the boundary bends otherwise", checked=checked, details=details)


def _no_tie(
    partition: Partition, boundary: DecisionBoundary, normals: Normals
) -> dict[str, Any] | None:
    """A vertex where the classes do not tie, or one off the hyperplane of its facet's normal."""
    k, lift = partition.domain.chart.dim, partition.domain.chart.lift
    for p in range(len(boundary)):
        if not boundary.changes[p] or boundary.dim[p] != k - 1:
            continue
        try:
            corners = boundary.vertices(p).tolist()
            rays = boundary.rays(p).tolist()
        except DomainError:  # it holds a line
            continue
        i, j = int(boundary.i[p]), int(boundary.j[p])
        for v, values in zip(corners, exact_forward(partition.network, [lift(v) for v in corners]),
                             strict=True):  # fmt: skip
            scores = [Fraction(0), *values] if len(values) == 1 else values
            if scores[i] != scores[j] or scores[i] != max(scores):
                return {"piece": p, "vertex": v, "values": values}
        steps = [[a - b for a, b in zip(v, corners[0], strict=True)] for v in corners[1:]]
        if any(dot(step, normals(boundary, p)) for step in (*steps, *rays)):
            return {"piece": p, "vertices": corners, "normal": normals(boundary, p)}
    return None
