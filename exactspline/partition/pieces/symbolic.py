"""A small partition as one formula: a sympy Piecewise for every output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import LimitError, ParameterError

if TYPE_CHECKING:
    from ..columns.table import RegionTable

__all__ = ["SymbolicNetwork", "to_sympy"]

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

    outputs, k = partition.network.output_dim, partition.domain.chart.dim
    if not partition.complete:
        raise ParameterError(
            "to_sympy: the search was stopped, so a part of the domain is missing; enumerate "
            "all regions first"
        )
    if len(partition) > MOST_REGIONS or len(partition) * outputs * (k + 1) > MOST_TERMS:
        raise LimitError(
            f"to_sympy: {len(partition):,} regions with {outputs * (k + 1):,} coefficients each "
            f"are too many for one formula (at most {MOST_REGIONS} regions and {MOST_TERMS:,} "
            "coefficients); take partition[i].to_sympy() of single regions"
        )
    branches: list[list[tuple[Any, Any]]] = [[] for _ in range(outputs)]
    symbols: tuple[Any, ...] = ()
    for region in partition:
        symbols, inequalities, image = region.to_sympy()
        condition = sympy.And(*inequalities, evaluate=False) if inequalities else sympy.true
        for output, expression in zip(branches, image, strict=True):
            output.append((expression, condition))
    pieces = [sympy.Piecewise(*output, evaluate=False) for output in branches]
    return SymbolicNetwork(symbols, sympy.Matrix(outputs, 1, pieces))
