"""Upper bounds on the number of activation regions, from a network's widths alone.

They say what a count can be at most before it is started. All of them are about the best
weights; a given network usually has far fewer regions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .errors import ParameterError

if TYPE_CHECKING:
    from .compile.program import Program, Units
    from .domain import Chart

__all__ = [
    "UpperBound",
    "generic_arrangement",
    "montufar2017",
    "rank_of_inputs",
    "serra2018",
    "upper_bounds",
]

_EXACT_RANK_ENTRIES = 20_000  # of the first layer; beyond, the trivial bound on the rank serves
_MAX_SERRA = 4_000_000  # products of long integers: a few seconds


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


def serra2018(widths: Sequence[int], n0: int) -> int:
    """Upper bound for a chain of ReLU layers; never above `montufar2017`.

    Parameters
    ----------
    widths : sequence of int
        Units of every layer.
    n0 : int
        Dimension of the domain.

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
    """

    name: str
    value: int | None
    note: str


def rank_of_inputs(program: Program, chart: Chart) -> int:
    """How many dimensions of a domain the first layer can tell apart, at most.

    The exact rank of the first layer's rows on the domain; for a first layer of more than
    20,000 entries only min(rows, the domain's dimension). With skip connections it is the
    domain's dimension.
    """
    if not program.layers or chart.dim == 0:
        return 0
    layer = program.layers[0]
    if len(layer.keep):
        return chart.dim
    rows = len(layer.members)
    if rows * chart.dim > _EXACT_RANK_ENTRIES:
        return min(rows, chart.dim)
    import flint

    forms = layer.members.after(chart.point)
    matrix = []
    for i in range(rows):
        indices, data, _ = forms.row(i)
        row = [flint.fmpq(0)] * chart.dim
        for j, value in zip(indices.tolist(), data.tolist(), strict=True):
            p, q = value.as_integer_ratio()
            row[j] += flint.fmpq(p, q)
        matrix.append(row)
    return int(flint.fmpq_mat(matrix).rank())


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
    """
    pieces = [layer.units.pieces for layer in program.layers]
    widths = [len(layer.units) for layer in program.layers]
    bounds = [
        UpperBound(
            "choices of pieces", _product(pieces), "the product of the numbers of pieces"
        )
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
