"""What a search is asked for, and the run that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ..clock import Clock
from ..compile.program import Program
from ..domain import Domain, WholeSpace
from ..errors import ParameterError, ShapeError
from ..formats.files import PathLike
from ..network.network import Network
from ..search.goal import Goal
from ..texts import no_network

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..search.run import Run, Unprepared
    from ..tasks.coordinate import Sink, TaskRun

    AnyRun: TypeAlias = Run | TaskRun | Unprepared

__all__ = ["Request", "checked_domain", "checked_limit", "clock_of"]


@dataclass(frozen=True)
class Request:
    """What is to be searched, how, and where it goes.

    Parameters
    ----------
    network, domain
        They fit: see `checked_domain`.
    limit : int, optional
        Regions after which the search stops.
    engine : str
    keep : bool
        Whether batches carry codes and witnesses; a count needs none.
    facets : bool
        Whether they carry the facets of their regions, too.
    polygons : bool
        Whether they carry their polygons, where they are searched in the plane, in this process.
    executor : Executor, optional
        Has its workers search.
    store : path-like, optional
        The file that takes the regions in.
    resume : bool
        Go on with what is there.
    stream : bool
        With a store: whether batches carry the regions all the same.
    goal : Goal, optional
        A condition: cells on which it holds nowhere may be left out.
    program : Program, optional
        What is searched in place of the network's, without workers and stores.
    condition : str, optional
        With a store and a goal: a hash of the condition.
    sink : Sink, optional
        Takes the regions in, in tasks, in place of batches; it knows what remains.
    """

    network: Network
    domain: Domain
    limit: int | None = None
    engine: str = "auto"
    keep: bool = True
    facets: bool = False
    polygons: bool = False
    executor: Executor | None = None
    store: PathLike | None = None
    resume: bool = False
    stream: bool = False
    goal: Goal | None = None
    program: Program | None = None
    condition: str | None = None
    sink: Sink | None = None

    def run(self) -> AnyRun:
        """The run that does it; it may be left by the clock.

        Raises
        ------
        ParameterError
            For a limit that is none, and an engine that does not exist.
        WorkerError, StoreError
            If workers or the file cannot be used.
        """
        from ..search.run import Run

        options: dict[str, Any] = {"keep": self.keep, "engine": self.engine}
        if self.limit is not None:
            options["max_regions"] = checked_limit(self.limit)
        run = Run(
            self.program or self.network.program, self.domain, facets=self.facets,
            polygons=self.polygons, goal=self.goal, **options,
        )  # fmt: skip
        if self.executor is not None:
            from ..tasks.workers import check_executor

            check_executor(self.executor)
        if self.store is not None:
            from ..store import StoredRun

            return StoredRun(
                self.network, run, self.executor, self.store, resume=self.resume,
                stream=self.stream, condition=self.condition,
            )  # fmt: skip
        if self.sink is None and (self.executor is None or run.trivial):
            return run
        from ..tasks.coordinate import TaskRun

        return TaskRun(
            self.network, run, None if run.trivial else self.executor, self.sink
        )  # fmt: skip


def checked_domain(network: Network, domain: Domain | None) -> Domain:
    """The domain to work on: all of R^D if none is given; it fits the network.

    Raises
    ------
    ShapeError
        If it does not fit, or is no domain, or if the network is none.
    """
    if not isinstance(network, Network):
        raise ShapeError(no_network(network))
    if domain is None:
        domain = WholeSpace(network.input_dim)
    if not isinstance(domain, Domain):
        raise ShapeError(
            "a domain is needed (Box, Polytope, Slice, WholeSpace), not a "
            f"{type(domain).__name__}; a box is Box(low, high), or Box(-1, 1, dim=2)"
        )
    if domain.dim != network.input_dim:
        raise ShapeError(
            f"the domain lies in R^{domain.dim}, but the network has {network.input_dim} inputs "
            f"(shape {network.input_shape})"
            + (f"; Box(low, high, dim={network.input_dim})" if domain.dim == 1 else "")
        )
    return domain


def checked_limit(limit: int) -> int:
    """A number of regions after which to stop.

    Raises
    ------
    ParameterError
        If it is none.
    """
    if isinstance(limit, bool) or int(limit) != limit or limit < 1:
        raise ParameterError(f"limit {limit!r}: give a whole number of at least 1")
    return int(limit)


def clock_of(time_limit: float | None) -> Clock:
    """A clock for a time limit that begins now."""
    if time_limit is not None and not time_limit >= 0:
        raise ParameterError(f"time_limit {time_limit!r}: give seconds, at least 0")
    return Clock.limit(time_limit)
