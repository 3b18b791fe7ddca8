"""A small partition as one formula: a sympy Piecewise for every output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import LimitError, ParameterError
from ..regions.convert import affine
from ..regions.coordinates import Coordinates
from .merged import Merging

if TYPE_CHECKING:
    from ..columns.table import RegionTable

__all__ = ["SymbolicNetwork", "letter_of", "merged_regions", "to_sympy"]

MOST_REGIONS = 300
MOST_TERMS = 200_000  # coefficients of all maps


class SymbolicNetwork(NamedTuple):
    """A network for sympy: ``symbols``, and ``map``, a column matrix of Piecewise.

    Examples
    --------
    >>> import exactspline as es
    >>> symbolic = es.enumerate_regions(es.Network([es.Abs()], (1,))).to_sympy()
    >>> symbolic.symbols, symbolic.map.shape, symbolic.map[0].subs(symbolic.symbols[0], -3)
    ((x0,), (1, 1), 3)
    """

    symbols: tuple[Any, ...]
    map: Any


def to_sympy(partition: RegionTable) -> SymbolicNetwork:
    """One Piecewise an output; see `Partition.to_sympy`."""
    import sympy

    merging = merged_regions(partition, "to_sympy")
    dim, letter = partition.domain.chart.dim, letter_of(partition)
    symbols = tuple(sympy.Symbol(f"{letter}{j}", real=True) for j in range(dim))
    pieces = []
    for output in range(partition.network.output_dim):
        pairs = []
        for branch in merging.branches(output):
            rows = [sympy.Ge(affine(symbols, *row), 0) for row in branch.rows]
            condition = sympy.And(*rows, evaluate=False) if rows else sympy.true
            pairs.append((affine(symbols, branch.constant, branch.coefficients), condition))
        pieces.append(sympy.Piecewise(*pairs, evaluate=False))
    return SymbolicNetwork(symbols, sympy.Matrix(len(pieces), 1, pieces))


def merged_regions(partition: RegionTable, what: str) -> Merging:
    """The regions with their facets, of a partition that is small enough for a formula.

    Raises
    ------
    LimitError, ParameterError
    """
    outputs, k = partition.network.output_dim, partition.domain.chart.dim
    if not partition.complete:
        raise ParameterError(
            f"{what}: the search was stopped, so a part of the domain is missing; enumerate "
            "all regions first"
        )
    if len(partition) > MOST_REGIONS or len(partition) * outputs * (k + 1) > MOST_TERMS:
        raise LimitError(
            f"{what}: {len(partition):,} regions with {outputs * (k + 1):,} coefficients each "
            f"are too many for one formula (at most {MOST_REGIONS} regions and {MOST_TERMS:,} "
            f"coefficients); take partition[i].{what}() of single regions"
        )
    return Merging(partition)


def letter_of(partition: RegionTable) -> str:
    """What the domain's coordinates are called: x where they are the inputs themselves."""
    return "x" if Coordinates(partition.domain.chart).full else "t"
