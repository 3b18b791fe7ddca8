"""Regions with equal maps, merged where their union is convex: the branches of one formula.

Closures of regions form a complex. So a union of regions that is connected through facets is convex
exactly where the half-space of every facet in its border holds all of it: a generic segment that
leaves the union from its inside does so through such a facet, and goes out of its half-space.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING, Any

from ...polyhedra.decisions import CellDecider
from ...polyhedra.lp import qrow
from ...rationals import fractions

if TYPE_CHECKING:
    from ..columns.table import RegionTable

__all__ = ["Branch", "Merging"]

Row = tuple[Fraction, tuple[Fraction, ...]]  # constant and coefficients, in whole numbers


@dataclass(frozen=True)
class Branch:
    """An affine map, and the closed convex set where it holds.

    Attributes
    ----------
    regions : tuple of int
        Whose union the set is.
    constant : Fraction
    coefficients : tuple of Fraction
        Of the map, over the domain's coordinates.
    rows : list of (constant, coefficients)
        Each >= 0, one a facet, in whole numbers without a common factor.
    """

    regions: tuple[int, ...]
    constant: Fraction
    coefficients: tuple[Fraction, ...]
    rows: list[Row]


class Merging:
    """The regions of a small partition with their facets, ready to be merged output by output.

    Parameters
    ----------
    partition : Partition
        Complete.
    """

    def __init__(self, partition: RegionTable) -> None:
        self.partition = partition
        self.regions = list(partition)
        place = {region.code.tobytes(): i for i, region in enumerate(self.regions)}
        self.facets: list[list[tuple[Row, int]]] = []  # per region: the row, and who is across
        self.cells, self.inside = [], []
        for region in self.regions:
            own = []
            for facet in region.facets():
                across = -1
                if facet.flips:
                    code = region.code.copy()
                    for unit, piece in facet.flips:
                        code[unit] = piece
                    across = place[code.tobytes()]
                row = facet.inequality
                own.append((_primitive(row.constant, row.coefficients), across))
            self.facets.append(own)
            rows = [qrow(row[0], list(row[1])) for row, _ in own]
            self.cells.append(CellDecider(rows, region._inside))
            self.inside.append(fractions(region._inside))

    def branches(self, output: int) -> list[Branch]:
        """The branches of one output, in the order of their lowest regions."""
        maps = [self._map(i, output) for i in range(len(self.regions))]
        blocks: list[frozenset[int]] = []
        for component in self._components(maps):
            whole = frozenset(component)
            blocks += [whole] if self._is_convex(whole) else self._merged(component)
        blocks.sort(key=min)
        out = []
        for block in blocks:
            first = min(block)
            out.append(Branch(tuple(sorted(block)), *maps[first], self._border(block)))
        return out

    def _map(self, region: int, output: int) -> tuple[Fraction, tuple[Fraction, ...]]:
        over = self.regions[region]._map.after(self.partition.domain.chart.point)
        indices, data, const = over.row(output)
        terms = [Fraction(0)] * self.partition.domain.chart.dim
        for j, c in zip(indices.tolist(), data.tolist(), strict=True):
            terms[j] += Fraction(c)
        return const, tuple(terms)

    def _components(self, maps: Sequence[Any]) -> list[list[int]]:
        """Regions that are connected through facets across which the map stays."""
        seen: set[int] = set()
        out = []
        for start in range(len(maps)):
            if start in seen:
                continue
            seen.add(start)
            found, pending = [], [start]
            while pending:
                at = pending.pop()
                found.append(at)
                for _, other in self.facets[at]:
                    if other >= 0 and other not in seen and maps[other] == maps[start]:
                        seen.add(other)
                        pending.append(other)
            out.append(sorted(found))
        return out

    def _merged(self, component: Iterable[int]) -> list[frozenset[int]]:
        """Blocks of which no two neighbours have a convex union any more."""
        blocks = [frozenset([i]) for i in component]
        again = True
        while again:
            again = False
            for a, one in enumerate(blocks):
                across = {other for i in one for _, other in self.facets[i]}
                for b in range(a + 1, len(blocks)):
                    union = one | blocks[b]
                    if blocks[b] & across and self._is_convex(union):
                        blocks[a] = one = union
                        del blocks[b]
                        again = True
                        break
                if again:
                    break
        return blocks

    def _border(self, block: frozenset[int]) -> list[Row]:
        """The rows of the facets in a union's border, each hyperplane once."""
        rows = (row for i in sorted(block) for row, other in self.facets[i] if other not in block)
        return list(dict.fromkeys(rows))

    def _is_convex(self, block: frozenset[int]) -> bool:
        border = self._border(block)
        for constant, coefficients in border:
            for i in block:
                value = constant + sum(
                    (c * v for c, v in zip(coefficients, self.inside[i], strict=True) if c),
                    Fraction(0),
                )
                if value <= 0:
                    return False
        for row in border:
            form = qrow(row[0], list(row[1]))
            for i in sorted(block):
                if any(own == row for own, _ in self.facets[i]):
                    continue
                if self.cells[i].decide(form).kind not in ("positive", "zero"):
                    return False
        return True


def _primitive(constant: Fraction, coefficients: Sequence[Fraction]) -> Row:
    """A positive multiple in whole numbers without a common factor."""
    numbers = [constant, *coefficients]
    scale = lcm(*(v.denominator for v in numbers))
    whole = [int(v * scale) for v in numbers]
    common = gcd(*whole) or 1
    return Fraction(whole[0] // common), tuple(Fraction(v // common) for v in whole[1:])
