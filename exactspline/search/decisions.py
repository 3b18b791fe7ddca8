"""What engines hand over: batches of regions, decisions by tier, and how far a search came."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .facet_columns import FoundFacets
    from .polygons import PlaneFaces

__all__ = ["COMPILING", "LOWERING", "PREPARING", "SEARCHING", "Batch", "Decisions", "Stop"]

LOWERING = "compiling the network"
PREPARING = "preparing"
COMPILING = "compiling kernels"
SEARCHING = "searching"


@dataclass
class Decisions:
    """How many decisions each tier proved.

    A decision is a unit settled on a cell (it does not cut it), or a region shown to be
    nonempty: in one and two dimensions, where signs at corners show that, a unit that cuts a cell.

    Attributes
    ----------
    float : int
        By a certificate in float64 whose error bounds hold in real arithmetic.
    integer : int
        By exact arithmetic inside the kernel.
    double_double : int
        In double-double arithmetic, whose error bounds hold in real arithmetic as well.
    rational : int
        By rational arithmetic.

    Examples
    --------
    >>> import exactspline as es
    >>> count = es.count_regions(es.Network([es.Dense([[1], [1]]), es.ReLU()], (1,)))
    >>> count.decisions.total > 0, Decisions(float=3, rational=1) + Decisions(integer=2)
    (True, Decisions(float=3, integer=2, double_double=0, rational=1))
    """

    float: int = 0
    integer: int = 0
    double_double: int = 0
    rational: int = 0

    @property
    def total(self) -> int:
        """All of them.

        Examples
        --------
        >>> Decisions(float=3, integer=2, rational=1).total
        6
        """
        return self.float + self.integer + self.double_double + self.rational

    def __add__(self, other: Decisions) -> Decisions:
        return self._with(other, 1)

    def __sub__(self, other: Decisions) -> Decisions:
        return self._with(other, -1)

    def _with(self, other: Decisions, sign: int) -> Decisions:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Decisions(*(a + sign * b for a, b in pairs))


@dataclass(frozen=True)
class Stop:
    """Why a search ended before its end, and how far it had come.

    Attributes
    ----------
    reason : str
        "limit", "time limit" or "interrupt"; on the command line also "terminated".
    phase : str
        What it was doing: "compiling the network", "preparing" (the domain's exact bounds, the
        first vertex), "compiling kernels" (once a machine), or "searching".
    share : float
        Of the search tree that was done, 0 to 1: an estimate, as progress bars show it.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1], [1]], [0, 1, 2]), es.ReLU()], (1,))
    >>> count = es.count_regions(net, limit=2)
    >>> count.stopped.reason, count.stopped.phase
    ('limit', 'searching')
    """

    reason: str
    phase: str
    share: float

    def __str__(self) -> str:
        return f"{self.reason}, {self.share:.1%} of the search done, while {self.phase}"


@dataclass
class Batch:
    """Some regions in order.

    Attributes
    ----------
    codes : array, shape (n, units)
    points : float64 array, shape (n, k)
        Each proved strictly inside its region and the domain, unless ``exact`` has it.
    exact : dict
        Rational witnesses of regions that hold no float64 point we could prove.
    count : int
        n; with ``keep=False`` regions are counted by the engine only.
    facets : FoundFacets, optional
        Of these regions, if they were asked for.
    polygons : PlaneFaces, optional
        Of these regions, if they were asked for and the engine has them.
    candidates : list
        Points of the domain where what is sought may hold.
    """

    codes: np.ndarray
    points: np.ndarray
    exact: dict[int, tuple[Fraction, ...]] = field(default_factory=dict)
    count: int = 0
    facets: FoundFacets | None = None
    polygons: PlaneFaces | None = None
    candidates: list[tuple[Fraction, ...]] = field(default_factory=list)
