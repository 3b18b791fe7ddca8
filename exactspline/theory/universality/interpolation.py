"""A network from its pieces: regions with an affine map each, or a triangulation with values.

The pieces are checked (`cells.py`) and written as a maximum of minima (`lattice.py`), which is a
network of two layers: minima of affine functions, and a maximum of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ...domain.chart import Domain, WholeSpace
from ...domain.polytope import Polytope
from ...errors import LimitError, ParameterError, ShapeError
from ...later import in_later_room
from ...mode import guarded
from ...network.affine import Dense
from ...network.maso import MASO
from ...network.network import Network
from ...partition.regions.coordinates import Coordinates
from ...partition.regions.region import Region
from ...polyhedra.linear import matrix_of
from ...polyhedra.lp import Row, q
from ...rationals import as_fractions, exact_array, fraction
from ..common.region_maps import fractions_of, partition_of
from ..common.samples import exact_forward, maps_of, simplices
from ..registry import check, exported
from ..report import Report, Statement
from .cells import Cell, Form, cell_of, domain_rows, of_rows
from .lattice import lattice

if TYPE_CHECKING:
    from ...partition.partition import Partition

__all__ = ["Interpolation", "check_interpolation", "interpolate", "interpolate_triangulation"]

_MOST_CELLS = 1_000
_MOST_CHECKED = 200  # regions of a network whose pieces are put together again

SOURCE = (
    "Tarela, Martinez, Region configurations for realizability of lattice piecewise-linear models, "
    "1999; Ovchinnikov, Max-min representation of piecewise linear functions, 2002"
)


@exported
@guarded
@dataclass(frozen=True)
class Interpolation:
    """A network that has given pieces, exactly.

    Attributes
    ----------
    network : Network
        Two layers: minima of the pieces, and maxima of these. It takes flat inputs.
    domain : Domain
        The union of the regions, which is convex.
    regions : tuple of Domain
        The given ones, as polytopes.
    maps : tuple of (object array (C, D), object array (C,))
        Per region A and b, in Fractions.
    terms : tuple of lists of lists of int
        Per output the sets of its distinct pieces (numbered as they first come) whose least ones
        the maximum is of.

    Examples
    --------
    >>> import exactspline as es
    >>> found = interpolate([(es.Box([0], [1]), [[1]], [0]), (es.Box([1], [3]), [[-1]], [2])])
    >>> found.network.forward([2.0]).tolist(), found.terms
    ([0.0], ([[0, 1]],))
    """

    network: Network
    domain: Domain
    regions: tuple[Domain, ...]
    maps: tuple[tuple[np.ndarray, np.ndarray], ...]
    terms: tuple[list[list[int]], ...]

    def prove(self, **options: Any) -> Any:
        """Prove by `exactspline.prove`, region by region, that the network has the given map.

        Parameters
        ----------
        **options
            ``limit``, ``time_limit``, ``progress``: of each, as for `exactspline.prove`.

        Returns
        -------
        list of Verdict
            One a region, on its closure.

        Examples
        --------
        >>> import exactspline as es
        >>> found = interpolate([(es.Box([0], [1]), [[1]], [0]), (es.Box([1], [3]), [[-1]], [2])])
        >>> [verdict.holds for verdict in found.prove()]
        [True, True]
        """
        return in_later_room("Interpolation.prove", self, **options)


@exported
@guarded
def interpolate(pieces: Sequence[Any]) -> Interpolation:
    """The network whose pieces are given: regions, each with an affine map.

    Parameters
    ----------
    pieces : sequence of (region, A, b)
        A region is a `Box`, a `Polytope` or a `Region`, of full dimension, bounded or not; its map
        is A x + b, of shapes (C, D) and (C,).

    Returns
    -------
    Interpolation

    Raises
    ------
    ParameterError
        If two regions share inner points, two maps do not agree where their regions meet, or the
        regions do not fill a convex set; the message has a point.
    ShapeError, DomainError
    LimitError
        For more than 1,000 regions, or too many parts.

    Notes
    -----
    Exact: nothing is rounded, and what is refused is refused by a proof. Regions need not be face
    to face. Outside of their union the network goes on as the formula does. Cost: pairs of regions,
    some 30 microseconds each where a facet tells them apart.

    References
    ----------
    Tarela, Martinez, "Region configurations for realizability of lattice piecewise-linear models",
    1999; Ovchinnikov, "Max-min representation of piecewise linear functions", 2002.

    Examples
    --------
    >>> import exactspline as es
    >>> above, below = es.Polytope([[-1, 1]], [0]), es.Polytope([[1, -1]], [0])
    >>> found = interpolate([(above, [[1, 0]], [0]), (below, [[0, 1]], [0])])
    >>> found.network.forward([[3.0, 1.0], [1.0, 4.0]]).tolist()
    [[3.0], [4.0]]
    """
    maps: list[tuple[np.ndarray, np.ndarray]] = []
    cells: list[Cell] = []
    for i, piece in enumerate(_listed(pieces)):
        if not isinstance(piece, Sequence) or len(piece) != 3:
            raise ParameterError(f"interpolate: piece {i} is no (region, A, b)")
        region, A, b = piece
        where = f"interpolate: region {i}"
        cell = cell_of(region, where)
        dim = (region.domain if isinstance(region, Region) else region).dim
        A = as_fractions(exact_array(A, f"{where}: A"))
        b = as_fractions(exact_array(b, f"{where}: b"))
        shape = maps[0][0].shape if maps else (len(A) if A.ndim == 2 else 0, dim)
        if A.shape != shape or A.ndim != 2 or b.shape != shape[:1] or not len(A):
            raise ShapeError(
                f"{where}: A of shape {A.shape} and b of shape {b.shape} do not fit a region of "
                f"R^{dim} and the maps before; give (outputs, {dim}) and (outputs,)"
            )
        maps.append((A, b))
        cells.append(cell)
    return _built(maps, cells)


@exported
@guarded
def interpolate_triangulation(points: Any, simplices: Any, values: Any) -> Interpolation:
    """The network that is affine on every simplex and has given values at the corners.

    Parameters
    ----------
    points : array_like, shape (n, D)
    simplices : array_like of int, shape (m, D + 1)
        The corners of each simplex; as ``scipy.spatial.Delaunay(points).simplices`` has them.
    values : array_like, shape (n,) or (n, C)

    Returns
    -------
    Interpolation

    Raises
    ------
    ParameterError
        If a simplex is flat, simplices overlap or do not fill a convex set, or a corner inside of
        another one's side has a value that does not fit.
    ShapeError, LimitError

    Examples
    --------
    >>> corners, values = [[0, 0], [2, 0], [2, 2], [0, 2], [1, 1]], [0, 0, 0, 0, 1]
    >>> found = interpolate_triangulation(
    ...     corners, [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]], values
    ... )
    >>> found.network.forward([[1.0, 1.0], [1.0, 0.5], [0.0, 1.0]]).tolist()
    [[1.0], [0.5], [0.0]]
    """
    at = as_fractions(exact_array(points, "interpolate_triangulation: points"))
    own = as_fractions(exact_array(values, "interpolate_triangulation: values"))
    corners = np.asarray(simplices)
    if at.ndim != 2 or not at.size or own.shape[:1] != at.shape[:1] or own.ndim not in (1, 2):
        raise ShapeError(
            f"interpolate_triangulation: points of shape {at.shape} and values of shape "
            f"{own.shape}; give (n, D), and (n,) or (n, C)"
        )
    own = own.reshape(len(own), -1)
    if corners.ndim != 2 or corners.shape[1] != at.shape[1] + 1 or corners.dtype.kind not in "iu":
        raise ShapeError(
            f"interpolate_triangulation: simplices of shape {corners.shape} and type "
            f"{corners.dtype}; give whole numbers of shape (m, {at.shape[1] + 1})"
        )
    if corners.size and not (corners.min() >= 0 and corners.max() < len(at)):
        raise ParameterError(
            f"interpolate_triangulation: corner {int(corners.max())} or {int(corners.min())} is "
            f"none of the {len(at):,} points"
        )
    _listed(corners)
    maps: list[tuple[np.ndarray, np.ndarray]] = []
    cells: list[Cell] = []
    for i, simplex in enumerate(corners.tolist()):
        cell, A, b = _simplex(at[simplex], own[simplex], i)
        maps.append((A, b))
        cells.append(cell)
    return _built(maps, cells)


def _listed(pieces: Any) -> list[Any]:
    """The pieces, if they are not too many, and not none."""
    if not hasattr(pieces, "__len__"):
        raise ParameterError("interpolate: give a list of pieces (region, A, b)")
    if not 0 < len(pieces) <= _MOST_CELLS:
        raise LimitError(
            f"interpolate: {len(pieces):,} regions; give at least one and at most {_MOST_CELLS:,}"
        )
    return list(pieces)


def _simplex(
    corners: np.ndarray, values: np.ndarray, number: int
) -> tuple[Cell, np.ndarray, np.ndarray]:
    """A simplex by its corners, and the affine map with given values there."""
    dim = corners.shape[1]
    matrix = matrix_of([1, *corner] for corner in corners.tolist())
    try:
        inverse = matrix.inv()
    except ZeroDivisionError:
        raise ParameterError(
            f"interpolate_triangulation: simplex {number} is flat: its corners lie in a hyperplane"
        ) from None
    # the rows of barycentric coordinates: form k is 1 at corner k and 0 at the others
    rows = [[inverse[j, k] for j in range(dim + 1)] for k in range(dim + 1)]
    forms = np.array(
        [[fraction(inverse[j, k]) for k in range(dim + 1)] for j in range(dim + 1)], dtype=object
    )
    solved = forms @ values  # constant first, a column an output
    return of_rows([[q(v) for v in row] for row in rows], dim), solved[1:].T, solved[0]


def _built(maps: Sequence[tuple[np.ndarray, np.ndarray]], cells: Sequence[Cell]) -> Interpolation:
    """Check the pieces and make the network."""
    outputs, dim = maps[0][0].shape
    forms = [[(b[c], *A[c]) for c in range(outputs)] for A, b in maps]
    rows = domain_rows(cells, forms, dim)
    distinct, terms = [], []
    for c in range(outputs):
        own = list(dict.fromkeys(form[c] for form in forms))
        place = {form: j for j, form in enumerate(own)}
        distinct.append(own)
        terms.append(lattice(cells, [place[form[c]] for form in forms], own))
    regions = tuple(_polytope(cell.rows, dim) for cell in cells)
    return Interpolation(
        _network(distinct, terms, dim), _polytope(rows, dim), regions, tuple(maps), tuple(terms)
    )


def _polytope(rows: Sequence[Row], dim: int) -> Domain:
    """{row >= 0 for all rows} as a domain."""
    if not rows:
        return WholeSpace(dim)
    dense = np.array([fractions_of(row) for row in rows], dtype=object)
    return Polytope(-dense[:, 1:], dense[:, 0])


def _network(
    forms: Sequence[Sequence[Form]], terms: Sequence[Sequence[Sequence[int]]], dim: int
) -> Network:
    """Maxima of minima: minus the maximum of minus the pieces, and the maximum of minus that."""
    sets = [(c, s) for c, own in enumerate(terms) for s in own]
    longest = max(len(s) for _, s in sets)
    A = np.empty((len(sets), longest, dim), dtype=object)
    B = np.empty((len(sets), longest), dtype=object)
    for row, (c, s) in enumerate(sets):
        for k in range(longest):
            constant, *slopes = forms[c][s[min(k, len(s) - 1)]]
            A[row, k], B[row, k] = [-v for v in slopes], -constant
    starts = np.concatenate([[0], np.cumsum([len(own) for own in terms])]).tolist()
    most = max(map(len, terms))
    last = np.zeros((len(terms), most, len(sets)))
    for c, (a, b) in enumerate(pairwise(starts)):
        for k in range(most):
            last[c, k, min(a + k, b - 1)] = -1
    minima = Dense(A[:, 0], B[:, 0]) if longest == 1 else MASO(A, B, name="minima")
    maxima = Dense(last[:, 0]) if most == 1 else MASO(last, name="maxima")
    return Network([minima, maxima], (dim,))


_SAYS = Statement(
    "check_interpolation",
    "A network is determined by its pieces and written from them alone: where affine maps agree on "
    "common faces of regions that fill a convex set, f = max_i min_{j in S_i} f_j.",
    SOURCE,
    (
        "the exact forward of the network at points that span every region",
        "the exact forward of maxima of minima, made from regions and maps",
    ),
)


@check(number=19, name="interpolation", needs_network=True)
@guarded
def check_interpolation(
    network: Network | Partition, domain: Domain | None = None, *, change: Any = None
) -> Report:
    """Check that a network can be put together again from its regions and maps alone.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        All of R^D by default.
    change : callable, optional
        Is given the sets S of every output and gives others, to test in their place.

    Returns
    -------
    Report
        ``details`` has how many sets and pieces there are, output by output.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU(), es.Dense([[1, -2]])], (1,))
    >>> report = check_interpolation(net)
    >>> report.verdict, report.details["sets"]
    ('holds', [2])
    """
    partition = partition_of(network, domain)
    if not Coordinates(partition.domain.chart).full:
        return _SAYS.not_applicable("the domain is a slice or of lower dimension")
    if len(partition) > _MOST_CHECKED:
        raise LimitError(
            f"{len(partition):,} regions are over the limit of {_MOST_CHECKED}; take a toy network "
            "or a smaller domain"
        )
    maps = maps_of(partition)
    found = interpolate([(region, maps.A[i], maps.b[i]) for i, region in enumerate(partition)])
    built, terms = found.network, found.terms
    if change is not None:
        terms = tuple(change(own) for own in terms)
        built = _network(_distinct(maps.A, maps.b), terms, partition.domain.chart.dim)
    checked, wrong = 0, None
    for simplex in simplices(partition):
        checked += 1
        own = exact_forward(partition.network, simplex.x)
        again = exact_forward(built, simplex.x)
        for x, values, others in zip(simplex.x, own, again, strict=True):
            if wrong is None and values != others:
                wrong = {"region": simplex.region, "x": x, "f(x)": values, "maxima": others}
        if wrong is not None:
            break
    return _SAYS.report(
        wrong, "the maximum of the minima is not the network", checked=checked,
        details={
            "sets": [len(own) for own in terms],
            "pieces": [len(own) for own in _distinct(maps.A, maps.b)],
        },
    )  # fmt: skip


def _distinct(A: Any, b: Any) -> list[list[Form]]:
    """Per output the distinct pieces, constant first, in the order in which they come."""
    regions, outputs = len(b), len(b[0])
    return [
        list(dict.fromkeys((b[i][c], *A[i][c]) for i in range(regions))) for c in range(outputs)
    ]
