"""Bounds on the number of activation regions, from a network's widths alone.

Upper bounds say what a count can be at most before it is started; lower bounds say what some
weights of these widths reach, and nothing about a given network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .errors import ParameterError
from .mode import guarded

if TYPE_CHECKING:
    from .compile.program import Program, Units
    from .domain import Chart

__all__ = [
    "UpperBound",
    "generic_arrangement",
    "hinz2019",
    "maxout2021",
    "montufar2014_lower",
    "montufar2017",
    "raghu2017",
    "rank_of_inputs",
    "serra2018",
    "serra2018_lower",
    "upper_bounds",
]

_EXACT_RANK_ENTRIES = 20_000  # of the first layer; beyond, the trivial bound on the rank serves
_MAX_SERRA = 4_000_000  # products of long integers: a few seconds


@guarded
def generic_arrangement(m: int, n: int) -> int:
    """Regions of m hyperplanes in general position in R^n.

    Parameters
    ----------
    m, n : int
        At least 0.

    Returns
    -------
    int
        sum_{i <= n} C(m, i); no arrangement of m hyperplanes in R^n has more regions.

    References
    ----------
    T. Zaslavsky, Facing up to arrangements, 1975.

    Examples
    --------
    >>> generic_arrangement(3, 2)
    7
    """
    m, n = _whole(m, "m", 0), _whole(n, "n", 0)
    total = term = 1
    for i in range(1, min(m, n) + 1):
        term = term * (m - i + 1) // i
        total += term
    return total


@guarded
def montufar2017(widths: Sequence[int], n0: int) -> int:
    """Upper bound for a chain of layers of two-piece units.

    Parameters
    ----------
    widths : sequence of int
        Units of every layer.
    n0 : int
        Dimension of the domain.

    Returns
    -------
    int
        prod_l sum_{j <= min(n0, ..., n_{l-1})} C(n_l, j).

    Notes
    -----
    Holds for any unit with two pieces told apart by one hyperplane (ReLU, leaky ReLU,
    absolute value), in a chain without skip connections.

    References
    ----------
    G. Montufar, Notes on the number of linear regions of deep neural networks, 2017,
    Proposition 3.

    Examples
    --------
    >>> montufar2017([8, 8], 2)
    1369
    """
    dim = _whole(n0, "n0", 0)
    total = 1
    for width in _widths(widths):
        total *= generic_arrangement(width, dim)
        dim = min(dim, width)
    return total


@guarded
def serra2018(widths: Sequence[int], n0: int) -> int:
    """Upper bound for a chain of ReLU layers; never above `montufar2017`.

    Parameters
    ----------
    widths, n0
        As `montufar2017`.

    Returns
    -------
    int
        sum over J of prod_l C(n_l, j_l), where J holds the tuples with
        0 <= j_l <= min(n0, n_1 - j_1, ..., n_{l-1} - j_{l-1}, n_l).

    Notes
    -----
    It uses that a unit which is off has a constant output, so it is false for the absolute
    value: |x| folded three times more has 16 regions, the formula gives 5 for the widths
    1, 1, 1, 1. Dynamic programming over the dimension that is left, O(layers * n0^2) big
    integer products.

    References
    ----------
    T. Serra, C. Tjandraatmadja, S. Ramalingam, Bounding and counting linear regions of deep
    neural networks, ICML 2018, Theorem 1.

    Examples
    --------
    >>> serra2018([8, 8], 2), serra2018([1, 1, 1, 1], 1)
    (1369, 5)
    """
    ways = {_whole(n0, "n0", 0): 1}  # by the dimension that is left: sum of the products
    for width in _widths(widths):
        binomials = [1]
        for j in range(1, min(width, max(ways)) + 1):
            binomials.append(binomials[-1] * (width - j + 1) // j)
        after: dict[int, int] = {}
        for dim, count in ways.items():
            for j in range(min(dim, width) + 1):
                left = min(dim, width - j)
                after[left] = after.get(left, 0) + count * binomials[j]
        ways = after
    return sum(ways.values())


@guarded
def montufar2014_lower(widths: Sequence[int], n0: int) -> int | None:
    """Lower bound on the most regions that ReLU networks of these widths have.

    Parameters
    ----------
    widths : sequence of int
        Units of every layer.
    n0 : int
        Number of inputs, at least 1.

    Returns
    -------
    int or None
        (prod_{l < L} floor(n_l / n0)^n0) sum_{j <= n0} C(n_L, j); None if a width is below n0,
        where the theorem says nothing.

    References
    ----------
    G. Montufar, R. Pascanu, K. Cho, Y. Bengio, On the number of linear regions of deep neural
    networks, NeurIPS 2014.

    Examples
    --------
    >>> montufar2014_lower([8, 8], 2)
    592
    """
    dim, sizes = _whole(n0, "n0", 1), _widths(widths)
    if not sizes or min(sizes) < dim:
        return None
    folds = math.prod((width // dim) ** dim for width in sizes[:-1])
    return folds * generic_arrangement(sizes[-1], dim)


@guarded
def serra2018_lower(widths: Sequence[int], n0: int) -> int | None:
    """A larger lower bound than `montufar2014_lower`, for wider layers.

    Parameters
    ----------
    widths, n0
        As `montufar2014_lower`.

    Returns
    -------
    int or None
        (prod_{l < L} (floor(n_l / n0) + 1)^n0) sum_{j <= n0} C(n_L, j); None if a width is
        below 3 n0, where the theorem says nothing.

    References
    ----------
    T. Serra, C. Tjandraatmadja, S. Ramalingam, Bounding and counting linear regions of deep
    neural networks, ICML 2018.

    Examples
    --------
    >>> serra2018_lower([8, 8], 2)
    925
    """
    dim, sizes = _whole(n0, "n0", 1), _widths(widths)
    if not sizes or min(sizes) < 3 * dim:
        return None
    folds = math.prod((width // dim + 1) ** dim for width in sizes[:-1])
    return folds * generic_arrangement(sizes[-1], dim)


@guarded
def raghu2017(widths: Sequence[int], n0: int) -> int:
    """Upper bound for any network of units that are cut by one hyperplane each.

    Parameters
    ----------
    widths : sequence of int
        Hyperplanes of every layer: its units for ReLU, twice as many for hard tanh.
    n0 : int
        Dimension of the domain.

    Returns
    -------
    int
        prod_l sum_{j <= n0} C(n_l, j), the sum inside the O(k^(n0 L)) of the paper.

    Notes
    -----
    Inside a region a layer's units are cut by hyperplanes of the input space, whatever the
    layers before are. So it holds with skip connections, too.

    References
    ----------
    M. Raghu, B. Poole, J. Kleinberg, S. Ganguli, J. Sohl-Dickstein, On the expressive power of
    deep neural networks, ICML 2017, Theorem 1.

    Examples
    --------
    >>> raghu2017([3, 3], 2)
    49
    """
    dim = _whole(n0, "n0", 0)
    return math.prod(generic_arrangement(width, dim) for width in _widths(widths))


@guarded
def maxout2021(units: int, pieces: int, n0: int) -> int:
    """Upper bound for one layer of maxima over affine pieces.

    Parameters
    ----------
    units, pieces : int
        m units, each the largest of at most k affine functions.
    n0 : int
        Dimension of the domain.

    Returns
    -------
    int
        sum_{j <= n0} C(m, j) (k - 1)^j.

    References
    ----------
    G. Montufar, Y. Ren, L. Zhang, Sharp bounds for the number of regions of maxout networks
    and vertices of Minkowski sums, 2021.

    Examples
    --------
    >>> maxout2021(3, 3, 2), maxout2021(4, 2, 2) == generic_arrangement(4, 2)
    (19, True)
    """
    m, k = _whole(units, "units", 0), _whole(pieces, "pieces", 1)
    dim = _whole(n0, "n0", 0)
    return sum(math.comb(m, j) * (k - 1) ** j for j in range(min(dim, m) + 1))


@guarded
def hinz2019(widths: Sequence[int], n0: int) -> int:
    """Upper bound for a chain of ReLU layers, as the norm of a product of matrices.

    Parameters
    ----------
    widths, n0
        As `montufar2017`.

    Returns
    -------
    int
        || B_(n_L) M ... B_(n_1) M e_(n0) ||_1: entry d of the vector counts regions whose image
        has dimension d; B_n sends dimension d to sum_{j <= d} C(n, j) e_min(d, n - j).

    Notes
    -----
    With this choice of its parameters the bound is that of `serra2018`, computed another way.
    O(layers * max(n0, widths)^2) big integers, so for moderate widths.

    References
    ----------
    P. Hinz, S. van de Geer, A framework for the construction of upper bounds on the number of
    affine linear regions of ReLU feed-forward neural networks, IEEE Transactions on
    Information Theory 65, 2019.

    Examples
    --------
    >>> hinz2019([8, 8], 2), hinz2019([1, 1, 1, 1], 1)
    (1369, 5)
    """
    dim = _whole(n0, "n0", 0)
    vector = [0] * dim + [1]
    for width in _widths(widths):
        size = width + 1
        connected = [0] * size  # M: dimensions above the width become the width
        for d, count in enumerate(vector):
            connected[min(d, width)] += count
        matrix = [[0] * size for _ in range(size)]
        for d in range(size):
            for j in range(d + 1):
                matrix[min(d, width - j)][d] += math.comb(width, j)
        vector = [sum(a * b for a, b in zip(row, connected, strict=True) if b) for row in matrix]
    return sum(vector)


@dataclass(frozen=True)
class UpperBound:
    """An upper bound and whether it applies.

    Attributes
    ----------
    name : str
        Short name with its source.
    value : int or None
        None where the bound does not apply.
    note : str
        What it rests on, or why it does not apply.

    Examples
    --------
    >>> UpperBound("choices of pieces", 8, "2 * 2 * 2").value
    8
    """

    name: str
    value: int | None
    note: str


@guarded
def rank_of_inputs(program: Program, chart: Chart) -> int:
    """How many dimensions of a domain the first layer can tell apart, at most.

    The exact rank of the first layer's rows on the domain; for a first layer of more than
    20,000 entries only min(rows, the domain's dimension). With skip connections it is the
    domain's dimension.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2, 0], [2, 4, 0]]), es.ReLU()], (3,))
    >>> rank_of_inputs(net.program, es.WholeSpace(3).chart)
    1
    """
    if not program.layers or chart.dim == 0:
        return 0
    layer = program.layers[0]
    if len(layer.keep):
        return chart.dim
    rows = len(layer.members)
    if rows * chart.dim > _EXACT_RANK_ENTRIES:
        return min(rows, chart.dim)
    from .domain.rows import dense_rows
    from .polyhedra.linear import rank_of

    return rank_of(row[1:] for row in dense_rows(layer.members.after(chart.point)))


@guarded
def upper_bounds(program: Program, n0: int) -> list[UpperBound]:
    """The bounds that are known for a compiled network, tightest last.

    Parameters
    ----------
    program : Program
    n0 : int
        The domain's dimension, or the rank of what reads the inputs if that is smaller.

    Returns
    -------
    list of UpperBound
        One of each kind; those that do not apply have no value and say why.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))
    >>> [bound.value for bound in upper_bounds(net.program, 2)]
    [8, 7, 7]
    """
    pieces = [layer.units.pieces for layer in program.layers]
    widths = [len(layer.units) for layer in program.layers]
    bounds = [
        UpperBound("choices of pieces", _product(pieces), "the product of the numbers of pieces")
    ]
    if not widths:
        return bounds
    reason = ""
    if any(len(layer.keep) for layer in program.layers[:-1]):
        reason = "does not apply: the network has skip connections"
    elif not all(bool(layer.units.two_piece.all()) for layer in program.layers):
        reason = "does not apply: some units have more than two pieces"
    for name, formula, needs_off in (
        ("Montufar 2017", montufar2017, False),
        ("Serra et al. 2018", serra2018, True),
    ):
        why = reason
        if not why and needs_off:
            if not all(_has_off_piece(layer.units) for layer in program.layers):
                why = "does not apply: it holds for ReLU only, some units are never off"
            elif len(widths) * n0 * n0 > _MAX_SERRA:
                why = "not computed: too many inputs for its sum"
        if why:
            bounds.append(UpperBound(name, None, why))
        else:
            what = "chain of ReLU layers" if needs_off else "chain of two-piece units"
            bounds.append(UpperBound(name, formula(widths, n0), f"{what}, n0 = {n0}"))
    return bounds


def _has_off_piece(units: Units) -> bool:
    """Whether every unit is constant on its piece 0, as a ReLU is."""
    return not np.any(units.piece_slope[units.piece_start[:-1]] != 0)


def _product(pieces: list[np.ndarray]) -> int:
    total = 1
    for layer in pieces:
        values, counts = np.unique(layer, return_counts=True)
        total *= math.prod(
            int(v) ** int(c) for v, c in zip(values.tolist(), counts.tolist(), strict=True)
        )
    return total


def _whole(value: int, name: str, least: int) -> int:
    if isinstance(value, bool) or int(value) != value or value < least:
        raise ParameterError(f"{name} is {value!r}; give a whole number of at least {least}")
    return int(value)


def _widths(widths: Sequence[int]) -> list[int]:
    return [_whole(w, f"width {i}", 1) for i, w in enumerate(widths)]
