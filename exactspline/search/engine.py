"""What a search engine is: the protocol that all obey, and the table that they register in.

All engines give the same regions in the same order, lexicographic in the code, and count what
they have proved. They differ in what they are fast at, which the table says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ..cells.space import SearchSpace
from ..clock import Clock
from ..compile.program import Program
from ..errors import ParameterError
from .decisions import Batch, Decisions
from .part import Part

__all__ = ["ENGINES", "Begin", "Engine", "Kernels", "Search", "engine"]


class Search(Protocol):
    """One search of a part of a program's tree on a space.

    Every region whose code lies in the part is handed over once, in lexicographic order of the
    codes, with a point proved strictly inside it. It stops at a clock, at the limit of regions
    and between two batches, and goes on when ``batches`` is called again.
    """

    @property
    def finished(self) -> bool:
        """Whether every region of the part has been found."""

    @property
    def regions(self) -> int:
        """How many have been found; with ``keep`` they have all been handed over."""

    @property
    def share(self) -> float:
        """What of the tree is done, 0 to the part's weight; for progress only."""

    @property
    def decisions(self) -> Decisions:
        """What has been proved so far, by tier; what leads to the part is not counted."""

    @property
    def spent(self) -> bool:
        """Whether it cannot go on, though it is not finished; ``remaining`` says what is left."""

    def batches(self, deadline: Clock | float | None = None) -> Iterator[Batch]:
        """Regions in order, and empty batches as signs of life, until done or stopped.

        Codes are those of the program, points those of the space; facets come with the regions
        they are of. A step that the clock interrupts (`OutOfTime`) has not been done, and is
        done again when the search goes on.
        """

    def remaining(self, split: int = 1) -> list[Part]:
        """What is still to be searched, in order, as at most ``split`` parts.

        They are disjoint, leave out what has been handed over, and hold all else of the part.
        """


class Begin(Protocol):
    """What begins a search: a class of searches, or a function that loads one."""

    def __call__(
        self, program: Program, space: SearchSpace, *, keep: bool, max_regions: int,
        facets: bool, part: Part, **more: Any,
    ) -> Search:  # fmt: skip
        """A search of ``part``, in at least one dimension, of at least one layer.

        Parameters
        ----------
        program : Program
        space : SearchSpace
        keep : bool
            Whether batches carry codes and points; a count needs none.
        max_regions : int
            Stop after so many; the search is then not finished.
        facets : bool
            Whether batches carry the regions' facets, too.
        part : Part
        **more
            ``polygons=True``, ``goal=``, of engines that have them.
        """


class Kernels(Protocol):
    """What is compiled for an engine: a module, which is loaded when that is asked.

    A search waits for its own engine's kernels alone. Engines may share a module.
    """

    def called(self, facets: bool) -> str:
        """A name for what is compiled: processes that are to compile the same wait for each other.

        Parameters
        ----------
        facets : bool
            For searches that find facets; so in the other functions.
        """

    def needed(self, facets: bool) -> list[Any]:
        """The kernels without which no search begins: what is looked for in the cache."""

    def expected(self, facets: bool) -> list[Any]:
        """Those that most searches need; what they call is found from them."""

    def warm_up(self, facets: bool) -> None:
        """Compile the kernels, or load them from the cache, by a search of one unit."""


@dataclass(frozen=True)
class Engine:
    """A line of the table.

    Attributes
    ----------
    name : str
        As ``engine=`` and ``--engine`` know it.
    begin : Begin
    says : str
        Two or three words for the command line's help.
    label : str
        How reports call it.
    automatic : int
        Up to how many dimensions it is taken where none is named; the one with the least number
        that is enough is taken. 0: only by its name.
    facets : int
        Up to how many dimensions it finds facets.
    most : int
        Up to how many dimensions it searches at all; 0: any.
    polygons : bool
        Whether it can hand over polygons: then ``begin`` takes ``polygons=True``.
    goals : bool
        Whether it closes cells for a goal: then ``begin`` takes ``goal=``.
    kernels : callable, optional
        Loads what says which kernels are compiled before it can search.
    """

    name: str
    begin: Begin
    says: str
    label: str
    automatic: int
    facets: int
    kernels: Callable[[], Kernels] | None
    most: int = 0
    polygons: bool = False
    goals: bool = False


ENGINES: dict[str, Engine] = {}
B = TypeVar("B", bound=Begin)


def engine(
    name: str, *, says: str, label: str = "", automatic: int = 0, facets: int = 0,
    kernels: Callable[[], Kernels] | None = None, most: int = 0, polygons: bool = False,
    goals: bool = False,
) -> Callable[[B], B]:  # fmt: skip
    """Register a class of searches, or a function that begins one, as an engine.

    The parameters are the attributes of `Engine`.

    Raises
    ------
    ParameterError
        If another engine has this name.
    """

    def register(begin: B) -> B:
        if name in ENGINES or name in ("auto", "exact"):
            raise ParameterError(f"engine {name!r}: the name is taken; choose another")
        ENGINES[name] = Engine(
            name, begin, says, label or name, automatic, facets, kernels, most, polygons, goals
        )  # fmt: skip
        return begin

    return register
