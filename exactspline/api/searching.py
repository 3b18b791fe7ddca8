"""Searches: regions counted, enumerated, streamed, and those at a point."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..domain import Domain
from ..driver.driver import Driver
from ..driver.outcome import RegionCount
from ..driver.request import Request, checked_domain, clock_of
from ..driver.stream import RegionStream
from ..errors import ParameterError
from ..mode import guarded
from ..network.network import Network

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..driver.request import AnyRun
    from ..formats.files import PathLike
    from ..partition.partition import Partition
    from ..partition.regions.region import Region
    from ..verification.wanted import Where

__all__ = ["count_regions", "enumerate_regions", "regions_at", "stream_regions"]

Progress = Callable[["AnyRun"], None] | bool


@guarded
def count_regions(
    network: Network,
    domain: Domain | None = None,
    *,
    limit: int | None = None,
    time_limit: float | None = None,
    engine: str = "auto",
    executor: Executor | None = None,
    store: PathLike | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    where: Where | None = None,
) -> RegionCount:
    """Count the activation regions of a network on a domain, exactly.

    Parameters
    ----------
    network : Network
    domain : Domain, optional
        All of R^D by default: no artificial box.
    limit : int, optional
        Stop after so many regions; the result is then a certified lower bound.
    time_limit : float, optional
        Stop after so many seconds, likewise: the larger of a tenth and a second later at most,
        counted from the call, whatever the search is doing then.
    engine : str
        "auto", "kernel" (Numba), "highs" (for wide inputs) or "rational" (slow reference).
    executor : concurrent.futures.Executor, optional
        Has its workers search: processes, or a cluster (``client.get_executor()`` of
        dask.distributed). The count is the same, in any case. It is not shut down.
    store : path-like, optional
        Keep the regions in this file as they are found, as `enumerate_regions` does; ``limit``
        then counts what the file holds, and `open_partition` reads it.
    resume : bool
        Go on with the run in ``store``, if there is one.
    progress : callable or bool, optional
        Called now and then with the run (``regions``, ``share``). True: a bar on standard error,
        if that is a terminal.
    where : callable, str or path-like, optional
        A condition: only regions are counted whose interior holds a point that satisfies it. A
        function of the symbolic input, as in `forall`; a text such as ``"f(x)[0] <= 0"``, in
        which the network is f and the input x; or a .vnnlib file. ``touching`` of the result
        counts regions that hold such points on their border alone (the domain's border is border
        too). Comparisons cut no region in two. ``limit`` is of the regions that are counted.
        With slopes or codes in it, points between regions are left out. A store keeps what the
        search of the regions finds, and goes on with it under the same condition alone.

    Returns
    -------
    RegionCount
        An int with ``complete``, ``stopped``, ``decisions``, ``seconds``, ``engine``,
        ``domain``. Ctrl-C stops the search as a limit does, and the count so far is returned
        (``stopped.reason`` is "interrupt"); a second Ctrl-C, before that, raises
        KeyboardInterrupt as usual.

    Raises
    ------
    ShapeError
        If domain and network do not fit.
    DomainError
        If the domain is empty.
    WorkerError
        If the executor is gone, or its workers fail again and again.
    StoreError
        As `enumerate_regions`.
    UnsupportedOperatorError
        With an executor, for operators that are none of exactspline's own.

    Notes
    -----
    Guarantee: the count is that of the exact real function with the stored parameters; every
    decision is proved. Memory does not grow with the count. An activation region is the
    interior, relative to the domain, of a set of points with the same code ("proper
    activation regions" in Stargalla, Hertrich and Reichman 2025).

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], input_shape=(2,))
    >>> es.count_regions(net)
    6
    >>> count = es.count_regions(net, where=lambda x: net(x)[2] <= 0)
    >>> count, count.touching
    (3, 3)
    """
    if where is not None:
        from ..verification.regions import count_where

        _check_where(store, resume)
        return count_where(
            network, domain, where, limit=limit, time_limit=time_limit, engine=engine,
            executor=executor, progress=progress, store=store, resume=resume,
        )  # fmt: skip
    clock = clock_of(time_limit)
    request = _request(
        network, domain, limit, engine, False, executor, store, resume, keep=store is not None
    )
    return RegionCount._of(Driver(request, clock).go(progress=progress))


@guarded
def enumerate_regions(
    network: Network,
    domain: Domain | None = None,
    *,
    limit: int | None = None,
    time_limit: float | None = None,
    engine: str = "auto",
    stream: bool = False,
    graph: bool = False,
    polygons: bool = False,
    executor: Executor | None = None,
    store: PathLike | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    where: Where | None = None,
) -> Partition:
    """Enumerate the activation regions of a network on a domain, exactly.

    Parameters
    ----------
    network, domain, limit, time_limit, engine, executor, progress
        As in ``count_regions``.
    stream : bool
        Deprecated: `stream_regions` gives a ``RegionStream`` to iterate over.
    graph : bool
        Find the regions' facets in the same search; without it they are searched for when
        ``edges``, ``borders`` or ``adjacency_graph()`` are first asked for.
    polygons : bool
        In two dimensions: keep the regions' polygons of this search (some 250 bytes a region), so
        that `Partition.complex` needs no second one; ignored elsewhere, with a store, with workers.
    store : path-like, optional
        Keep the run in this file (SQLite): memory stays bounded, and after a crash, Ctrl-C, or
        a limit, it can be resumed. ``limit`` then counts what the file holds. The partition
        that is returned reads from it, as that of `open_partition` does.
    resume : bool
        Go on with the run in ``store``, if there is one; a finished one is only opened.
    where : callable, str or path-like, optional
        A condition, as in ``count_regions``: the result is then a `RegionsWhere`, the regions
        whose interior holds a point that satisfies it, each with the part where it holds as
        polyhedra. Not with ``stream``, ``graph`` or ``polygons``.

    Returns
    -------
    Partition
        Regions in lexicographic order of their codes, whatever the engine and the workers. If
        the search was stopped, the first ones of all; ``stopped`` of a partition says where.
        Ctrl-C stops the search as a limit does, and what was found is returned; a second one,
        before that, raises KeyboardInterrupt.

    Raises
    ------
    ShapeError, DomainError, WorkerError, UnsupportedOperatorError
        As ``count_regions``.
    StoreError
        If the file is there and not to be resumed, belongs to another run or is in use, and
        if it cannot be written: what was stored before stays readable.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.Abs()], input_shape=(1,))
    >>> es.enumerate_regions(net).codes.tolist()
    [[0, 0], [1, 0], [1, 1]]
    """
    if where is not None:
        from ..verification.regions import regions_where

        _check_where(store, resume, stream=stream, graph=graph, polygons=polygons)
        return regions_where(  # type: ignore[return-value]
            network, domain, where, limit=limit, time_limit=time_limit, engine=engine,
            executor=executor, progress=progress, store=store, resume=resume,
        )  # fmt: skip
    request = _request(network, domain, limit, engine, graph, executor, store, resume)
    if stream:
        warnings.warn(
            "enumerate_regions(stream=True) is deprecated: call stream_regions instead",
            DeprecationWarning, stacklevel=4,
        )  # fmt: skip
        return RegionStream(  # type: ignore[return-value]
            replace(request, stream=True), time_limit, progress
        )
    from ..driver.partitions import enumerated

    if polygons:
        request = replace(request, polygons=True)
    return enumerated(request, clock_of(time_limit), progress)


@guarded
def stream_regions(
    network: Network,
    domain: Domain | None = None,
    *,
    limit: int | None = None,
    time_limit: float | None = None,
    engine: str = "auto",
    executor: Executor | None = None,
    store: PathLike | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> RegionStream:
    """Enumerate the activation regions one by one, in bounded memory.

    Parameters
    ----------
    network, domain, limit, time_limit, engine, executor, store, resume, progress
        As in ``enumerate_regions``.

    Returns
    -------
    RegionStream
        To iterate over, once or more often: regions in lexicographic order of their codes.
        Ctrl-C raises KeyboardInterrupt at once.

    Raises
    ------
    ShapeError, DomainError, WorkerError, UnsupportedOperatorError, StoreError
        As ``enumerate_regions``.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.Abs()], input_shape=(1,))
    >>> for region in es.stream_regions(net):
    ...     print(region.code.tolist())
    [0, 0]
    [1, 0]
    [1, 1]
    """
    request = _request(network, domain, limit, engine, False, executor, store, resume)
    return RegionStream(replace(request, stream=True), time_limit, progress)


def _check_where(store: PathLike | None, resume: bool, **options: bool) -> None:
    """Refuse what a search under a condition does not do.

    Raises
    ------
    ParameterError
    """
    if resume and store is None:
        raise ParameterError("resume=True: give the store to resume from, store=...")
    given = [name for name, value in options.items() if value]
    if given:
        raise ParameterError(
            f"where=: {given[0]}= does not go with a condition; leave it out, or enumerate all "
            "regions and look at each"
        )


def _request(
    network: Network, domain: Domain | None, limit: int | None, engine: str, facets: bool,
    executor: Executor | None, store: PathLike | None, resume: bool, *, keep: bool = True,
) -> Request:  # fmt: skip
    if resume and store is None:
        raise ParameterError("resume=True: give the store to resume from, store=...")
    return Request(
        network, checked_domain(network, domain), limit, engine, keep=keep, facets=facets,
        executor=executor, store=store, resume=resume,
    )  # fmt: skip


@guarded
def regions_at(
    network: Network, x: Any, domain: Domain | None = None, *, limit: int = 10_000
) -> list[Region]:
    """All regions whose closure holds a point, without enumerating the partition.

    Parameters
    ----------
    network : Network
    x : array_like
        An input, in the network's input shape or flat: floats (as the dyadic rationals they
        are), Fractions, or texts such as ``"0.1"`` and ``"1/3"`` (exactly).
    domain : Domain, optional
        All of R^D by default.
    limit : int
        The most regions to give.

    Returns
    -------
    list of Region
        In lexicographic order of their codes; a single one unless the point is on a boundary
        between regions. They have no ids.

    Raises
    ------
    DomainError
        If the point is not in the domain, or the domain is empty.
    ShapeError
        If the point or the domain does not fit the network.
    ParameterError
        For NaN, infinities and what is no number.
    LimitError
        If more than ``limit`` regions meet at the point.

    Notes
    -----
    Guarantee: exact. Off the boundaries the cost is one evaluation of the network in
    rationals. On a boundary the fan of cones at the point is searched, depth first, by exact
    linear programs: where k generic hyperplanes meet in R^k there are 2^k regions.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], input_shape=(2,))
    >>> [region.code.tolist() for region in es.regions_at(net, [1, "0.5"])]
    [[1, 1, 1]]
    >>> [region.code.tolist() for region in es.regions_at(net, [1, -1])]
    [[1, 0, 0], [1, 0, 1]]
    """
    from ..partition.regions.at import regions_at as find

    return find(network, x, checked_domain(network, domain), limit)
