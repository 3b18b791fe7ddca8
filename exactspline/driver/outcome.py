"""How a search has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..domain import Domain
from ..later import in_later_room
from ..search.decisions import Decisions

if TYPE_CHECKING:
    from ..search.decisions import Stop

__all__ = ["Outcome", "RegionCount"]


@dataclass
class Outcome:
    """The result of a search on one domain.

    Attributes
    ----------
    regions : int
        So many were proved.
    before : int
        Of them, that an earlier run had found.
    seconds : float
        Time of the search.
    stop : Stop or None
        Why and where it was stopped: None if it is complete.
    interrupt : KeyboardInterrupt or None
        What stopped it, if that was a signal.
    extra : dict
        What a command adds.
    """

    domain: Domain
    engine: str
    regions: int = 0
    before: int = 0
    seconds: float = 0.0
    stop: Stop | None = None
    decisions: Decisions = field(default_factory=Decisions)
    interrupt: KeyboardInterrupt | None = field(default=None, repr=False)
    extra: dict[str, Any] = field(default_factory=dict)
    after: str | None = None  # what has stopped the work that follows a complete search

    @property
    def complete(self) -> bool:
        """Whether these are all regions."""
        return self.stop is None

    @property
    def stopped(self) -> str | None:
        """What has stopped the work, in a word."""
        return self.after if self.stop is None else self.stop.reason


class RegionCount(int):
    """The number of regions, with how it was found.

    It is an ``int``, and carries

    Attributes
    ----------
    complete : bool
        False: the search was stopped, and the number is a certified lower bound.
    decisions : Decisions
        How many decisions each tier proved.
    seconds : float
        Time of the search.
    engine : str
        The engine that ran.
    domain : Domain
    stopped : Stop or None
        Why and where the search was stopped: ``reason``, ``phase`` and ``share`` (of the search
        tree that is done). None if it is complete.
    touching : int or None
        Of a count under a condition: regions that only touch the set from their closure.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1], [1]], [0, 1, 2]), es.ReLU()], (1,))
    >>> count = es.count_regions(net)
    >>> count + 1, count.complete, count.stopped
    (5, True, None)
    >>> part = es.count_regions(net, limit=3)
    >>> int(part), part.complete, part.stopped.reason
    (3, False, 'limit')
    """

    complete: bool
    decisions: Decisions
    seconds: float
    engine: str
    domain: Domain
    stopped: Stop | None
    touching: int | None = None
    interrupt: KeyboardInterrupt | None = None

    def _repr_html_(self) -> str:
        text: str = in_later_room("RegionCount._repr_html_", self)
        return text

    @property
    def certificates(self) -> Decisions:
        """`decisions` by an older name.

        Examples
        --------
        >>> import exactspline as es
        >>> count = es.count_regions(es.Network([es.ReLU()], (2,)))
        >>> count.certificates is count.decisions
        True
        """
        return self.decisions

    @classmethod
    def _of(cls, outcome: Outcome) -> RegionCount:
        """The count of a search that has ended."""
        out = cls(outcome.regions)
        out.complete, out.stopped = outcome.complete, outcome.stop
        out.decisions, out.seconds = outcome.decisions, outcome.seconds
        out.engine, out.domain = outcome.engine, outcome.domain
        return out
