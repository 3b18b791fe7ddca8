"""What is known of a region's facets after some time: proved ones, and how many are open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ...cells.facets import beyond
from ...mode import guarded
from ...rationals import fractions
from .across import Crossings
from .facet import RegionFacet
from .proofs import CONSTANT, FACET, OPEN, Proofs

if TYPE_CHECKING:
    from ...cells.facets import Condition
    from .inequalities import Inequality

__all__ = ["SettledFacets", "WideFacets", "counts"]

_TOGETHER = 64  # facets that are made exact at once


@guarded
@dataclass(frozen=True)
class SettledFacets:
    """Which inequalities of a region are proved to make its facets, and how many are open.

    Attributes
    ----------
    facets : sequence of RegionFacet
        Those that are proved, in the order of the inequalities. In high dimension each is made,
        with exact numbers, when it is asked for.
    redundant : int
        How many inequalities are proved to make no facet: others imply them, or an earlier one is
        the same.
    undecided : int
        How many are neither.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
    >>> (region,) = es.regions_at(net, [3, 1])
    >>> found = region.settle_facets()
    >>> len(found.facets), found.redundant, found.undecided, found.complete
    (2, 0, 0, True)
    """

    facets: Sequence[RegionFacet]
    redundant: int
    undecided: int

    @property
    def total(self) -> int:
        """All inequalities of the region that are not constant.

        Examples
        --------
        >>> import exactspline as es
        >>> (region,) = es.regions_at(es.Network([es.ReLU()], (2,)), [3, 1])
        >>> region.settle_facets().total
        2
        """
        return len(self.facets) + self.redundant + self.undecided

    @property
    def complete(self) -> bool:
        """Whether every inequality is settled.

        Examples
        --------
        >>> import exactspline as es
        >>> (region,) = es.regions_at(es.Network([es.ReLU()], (2,)), [3, 1])
        >>> region.settle_facets().complete
        True
        """
        return self.undecided == 0


class WideFacets(Sequence[RegionFacet]):
    """The facets that are proved by now; each is made when it is asked for.

    Parameters
    ----------
    proofs : Proofs
    shown : callable
        From a condition to an `Inequality`.
    """

    def __init__(self, proofs: Proofs, shown: Callable[[Condition], Inequality]) -> None:
        self._proofs, self._shown = proofs, shown
        self._rows: list[int] = np.flatnonzero(proofs.state == FACET).tolist()
        self._made: dict[int, RegionFacet] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> RegionFacet: ...
    @overload
    def __getitem__(self, index: slice) -> list[RegionFacet]: ...
    def __getitem__(self, index: Any) -> Any:
        chosen = range(len(self))[index]
        if isinstance(chosen, int):
            if chosen not in self._made:
                self._make(range(chosen, min(len(self), chosen + _TOGETHER)))
            return self._made[chosen]
        return [self[i] for i in chosen]

    def _make(self, positions: Sequence[int]) -> None:
        """Some facets with exact numbers; only these are kept."""
        proofs = self._proofs
        wanted = [self._rows[i] for i in positions]
        self._made.clear()
        for i, k, row in zip(positions, wanted, proofs.rows.exact(wanted), strict=True):
            condition = proofs.rows.condition(k, row)
            point = proofs.point(k, row)
            flips = () if condition.side >= 0 else self._flips(k, point)
            self._made[i] = RegionFacet(self._shown(condition), fractions(point), flips)

    @cached_property
    def _crossings(self) -> Crossings:
        rows = self._proofs.rows
        return Crossings(rows.forms, rows.inputs, rows.code, rows.vanishing)

    def _flips(self, k: int, point: list[Any]) -> tuple[tuple[int, int], ...]:
        proofs = self._proofs
        tight = [proofs.rows.places[i] for i in proofs.equal_to(k)]
        found = self._crossings.flips(tight, proofs.direction(k))
        if found is None:
            rows = proofs.rows
            found = beyond(rows.forms, rows.code, point, proofs.way(k)[1])
        return found


def counts(proofs: Proofs) -> tuple[int, int]:
    """How many rows are settled but no facets, and how many are open."""
    proved, constant = proofs.count(FACET), proofs.count(CONSTANT)
    left = proofs.count(OPEN)
    return len(proofs.state) - proved - constant - left, left
