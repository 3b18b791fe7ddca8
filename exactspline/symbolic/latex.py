"""Networks, regions and partitions as LaTeX, where that fits on a page."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..errors import LimitError
from ..mode import guarded
from ..partition.pieces.symbolic import letter_of, merged_regions
from ..partition.regions.convert import affine
from .formula import check_size, network_to_sympy

if TYPE_CHECKING:
    from ..network import Network
    from ..partition.partition import Partition
    from ..partition.regions.region import Region

__all__ = ["network_to_latex", "partition_to_latex", "region_to_latex"]

MOST_TERMS = 400  # of a network's nested formula
MOST_SIGNS = 4_000  # of the text: a page

_LIST = r", \; "  # between conditions
_SMALLER = "take fewer units or outputs, a smaller domain, or to_sympy()"


@guarded
def network_to_latex(network: Network) -> str:
    """The nested formula of a network; see `Network.to_latex`."""
    check_size(network, "to_latex", MOST_TERMS, _SMALLER)
    image = network_to_sympy(network).map
    names = _names(network.output_dim)
    lines = [rf"{name}(x) &= {_shown(value)}" for name, value in zip(names, image, strict=True)]
    return _page(_aligned(lines), f"the formula of {network.units:,} units")


@guarded
def region_to_latex(region: Region) -> str:
    """A region's map and where it holds; see `Region.to_latex`."""
    symbols, _, image = region.to_sympy()
    letter = str(symbols[0])[0] if symbols else "t"
    rows = [(row.constant, row.coefficients) for row in region.inequalities()]
    names = _names(len(image))
    lines = [
        rf"{name}({letter}) &= {_shown(value)}" for name, value in zip(names, image, strict=True)
    ]
    conditions = [_condition(symbols, *row) for row in rows]
    if conditions:
        lines.append(r"\text{where } & " + _LIST.join(conditions))
    return _page(_aligned(lines), f"a region of {len(rows):,} facets")


@guarded
def partition_to_latex(partition: Partition) -> str:
    """All pieces of a partition as cases; see `Partition.to_latex`."""
    import sympy

    merging, letter = merged_regions(partition, "to_latex"), letter_of(partition)
    symbols = [sympy.Symbol(f"{letter}{j}", real=True) for j in range(partition.domain.chart.dim)]
    lines, count = [], 0
    for k, name in enumerate(_names(partition.network.output_dim)):
        branches = merging.branches(k)
        count += len(branches)
        cases = []
        for branch in branches:
            value = _shown(affine(symbols, branch.constant, branch.coefficients))
            where = [_condition(symbols, *row) for row in branch.rows]
            cases.append(value + (r" & \text{if } " + _LIST.join(where) if where else ""))
        body = " \\\\\n".join(cases)
        if len(cases) == 1 and not branches[0].rows:
            lines.append(rf"{name}({letter}) &= {body}")
        else:
            lines.append(f"{name}({letter}) &= \\begin{{cases}}\n{body}\n\\end{{cases}}")
    return _page(_aligned(lines), f"{count:,} pieces of {len(partition):,} regions")


def _names(outputs: int) -> list[str]:
    return ["f"] if outputs == 1 else [f"f_{{{k}}}" for k in range(outputs)]


def _aligned(lines: Sequence[str]) -> str:
    if len(lines) == 1:
        return lines[0].replace(" &= ", " = ", 1)
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _condition(symbols: Sequence[Any], constant: Fraction, coefficients: Sequence[Fraction]) -> str:
    """A row >= 0 with its constant on the right and a first coefficient that is positive."""
    relation = r"\geq"
    if next((c for c in coefficients if c), 1) < 0:
        relation, constant, coefficients = r"\leq", -constant, [-c for c in coefficients]
    left = affine(symbols, Fraction(0), coefficients)
    right = affine([], -constant, [])
    return f"{_shown(left)} {relation} {_shown(right)}"


def _shown(value: Any) -> str:
    import sympy

    return str(sympy.latex(value))


def _page(text: str, what: str) -> str:
    if len(text) > MOST_SIGNS:
        raise LimitError(
            f"to_latex: {what} takes {len(text):,} characters, over the limit of {MOST_SIGNS:,} "
            f"that fit on a page; {_SMALLER}"
        )
    return text
