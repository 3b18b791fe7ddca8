"""Proofs and counterexamples: `prove`, `find`, `counterexamples`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ..clock import OutOfTime
from ..driver.request import checked_limit, clock_of
from ..errors import ParameterError
from ..formats.files import PathLike
from ..mode import guarded
from ..store.searches import Searches
from .finding import check, verdict_of
from .kept import Kept, key_of
from .quantified import Statement
from .search import Sought
from .verdict import Verdict
from .watch import Found

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["ORDERS", "check_options", "counterexamples", "find", "opened", "proof_of", "prove"]

ORDERS = ("auto", "canonical")


@guarded
def prove(
    statement: Statement, *, limit: int | None = None, time_limit: float | None = None,
    progress: Any = None, order: str = "auto", executor: Executor | None = None,
    store: PathLike | None = None, resume: bool = False,
) -> Verdict:  # fmt: skip
    """Prove a statement, or refute it by a point.

    Parameters
    ----------
    statement : Statement
        Of `forall` or `exists`.
    limit : int, optional
        Regions after which to stop.
    time_limit : float, optional
        Seconds after which to stop.
    progress : callable or bool, optional
        Is given the run now and then; True draws a bar.
    order : str
        "auto": points are tried before and on the way. "canonical": a point that is found lies in
        the first region that has one, in the order of the codes of what is searched.
    executor : concurrent.futures.Executor, optional
        Has its workers search, as in `count_regions`.
    store : path-like, optional
        Keep what has been decided in this file, so that a later call goes on with it.
    resume : bool
        Go on with what is in ``store``, if there is anything.

    Returns
    -------
    Verdict
        ``holds``, ``counterexample`` or ``witness`` in Fractions, ``regions``; its truth value is
        that of ``holds``, and an error where a limit came first.

    Raises
    ------
    ParameterError, DomainError, ShapeError, LimitError
    StoreError
        If the store is that of another statement or order, damaged, in use, or there and not to
        be resumed.

    Notes
    -----
    Guarantee: exact, strict and not strict comparisons told apart. A point that is found has been
    checked by the exact forward passes of the networks; that there is none is what the search
    proves: it goes through all regions of one network made of all that the statement reads, with
    every comparison as a unit. Cost: that of enumerating these, and where a comparison may decide
    by equality alone some linear programs in rationals a region.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]], [-1]), es.ReLU()], (2,))
    >>> box = es.Box(0, 1, dim=2)
    >>> es.prove(es.forall(box, lambda x: net(x)[0] <= 1)).holds
    True
    >>> es.prove(es.forall(box, lambda x: net(x)[0] < 1)).counterexample
    (Fraction(1, 1), Fraction(1, 1))
    """
    check(statement)
    check_options(limit, order, executor)
    with opened(store, resume, partial(key_of, statement, order), repr(statement)) as file:
        kept = None if file is None else Kept(file.search(0))
        out = proof_of(
            statement, limit=limit, time_limit=time_limit, progress=progress, order=order,
            executor=executor, kept=kept,
        )  # fmt: skip
        if file is not None:
            file.check()
    return out


def check_options(limit: int | None, order: str, executor: Executor | None) -> None:
    """Refuse what is wrong before anything is done.

    Raises
    ------
    ParameterError, WorkerError
    """
    if order not in ORDERS:
        raise ParameterError(f"order {order!r}: give one of {', '.join(ORDERS)}")
    if limit is not None:
        checked_limit(limit)
    if executor is not None:
        from ..tasks.workers import check_executor

        check_executor(executor)


@contextmanager
def opened(
    store: PathLike | None, resume: bool, key: Callable[[], str], about: str
) -> Iterator[Searches | None]:
    """The file of a verification, for as long as it lasts; None if there is to be none."""
    if store is None:
        if resume:
            raise ParameterError("resume=True: give the store to resume from, store=...")
        yield None
        return
    with Searches(store, key(), about, resume=resume) as file:
        yield file


def proof_of(
    statement: Statement, *, limit: int | None = None, time_limit: float | None = None,
    progress: Any = None, order: str = "auto", executor: Executor | None = None,
    kept: Kept | None = None,
) -> Verdict:  # fmt: skip
    """As `prove`, with one search of a store that is open."""
    check(statement)
    check_options(limit, order, executor)
    start, clock = time.perf_counter(), clock_of(time_limit)
    sought = Sought(statement.points, statement.sought, executor, kept)
    found: Found | None = None
    try:
        found = next(iter(sought.found(
            clock, limit=limit, progress=progress, tries=order == "auto"
        )), None)  # fmt: skip
    except OutOfTime:
        sought.stopped = sought.stopped or "time limit"
    return verdict_of(statement, sought, found, time.perf_counter() - start)


@guarded
def find(
    statement: Statement, *, maximise: Any = None, limit: int | None = None,
    time_limit: float | None = None, progress: Any = None,
) -> Verdict:  # fmt: skip
    """Find a point that satisfies a condition, or prove that there is none.

    Parameters
    ----------
    statement : Statement
        Of `exists`.
    maximise : callable, optional
        A function of the points: the value that is to be largest.
    limit, time_limit, progress
        As in `prove`.

    Returns
    -------
    Verdict
        With ``witness``; with ``maximise`` also ``optimum`` and ``attained``: the witness attains
        it, or is a point of the region where it is approached.

    Examples
    --------
    >>> import exactspline as es
    >>> box = es.Box(0, 1, dim=2)
    >>> found = es.find(es.exists(box, lambda x: x[0] + x[1] < 1), maximise=lambda x: 2 * x[0])
    >>> found.optimum, found.attained
    (Fraction(2, 1), False)
    """
    check(statement)
    if statement.universal:
        raise ParameterError("find: give es.exists(domain, condition); es.prove takes es.forall")
    if maximise is None:
        return prove(statement, limit=limit, time_limit=time_limit, progress=progress)
    from .optimum import largest

    return largest(statement, maximise, limit, time_limit, progress)


@guarded
def counterexamples(
    statement: Statement, *, limit: int | None = None, time_limit: float | None = None,
    progress: Any = None,
) -> Iterator[Verdict]:  # fmt: skip
    """Go through all regions where a statement about all points fails: a verdict a region.

    Parameters
    ----------
    statement, limit, time_limit, progress
        As in `prove`.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> statement = es.forall(es.Box([-1], [2]), lambda x: net(x)[0] <= 0)
    >>> [len(verdict.counterexample) for verdict in es.counterexamples(statement)]
    [1, 1]
    """
    check(statement)
    if not statement.universal:
        raise ParameterError("counterexamples: of a statement about all points, es.forall")
    start, clock = time.perf_counter(), clock_of(time_limit)
    sought = Sought(statement.points, statement.sought)
    for found in sought.found(clock, limit=limit, progress=progress, first=False):
        yield verdict_of(statement, sought, found, time.perf_counter() - start)
