"""Running all checks that apply to a network, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import (
    ExactSplineError,
    LimitError,
    ParameterError,
    UndecidedError,
    UnsupportedOperatorError,
)
from ..mode import guarded
from .chapters import check_function, checks
from .common.region_maps import partition_of
from .common.watch import Watcher, tell, watching
from .own import as_reports, failed, statement_of
from .registry import Check
from .report import Report, Statement

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network.network import Network
    from ..partition.partition import Partition

__all__ = ["Finding", "checks_for", "require_known", "run_checks"]


class Finding(NamedTuple):
    """One report, and which line of the registry it comes from."""

    check: str
    number: int
    report: Report


def require_known(names: Sequence[str] | None) -> None:
    """Refuse names that are none of ``CHECKS``."""
    for name in names or ():
        if name not in checks():
            raise ParameterError(f"check {name!r} is not known; there are: {', '.join(checks())}")


def checks_for(*, network: bool, names: Sequence[str] | None = None) -> list[str]:
    """The registered checks, in order: those about a network, or the general ones.

    Raises
    ------
    ParameterError
        If a name is none of ``CHECKS``.
    """
    require_known(names)
    return [
        name
        for name, check in checks().items()
        if check.needs_network == network and (names is None or name in names)
    ]


@guarded
def run_checks(
    network: Network | None = None,
    domain: Domain | None = None,
    *,
    names: Sequence[str] | None = None,
    before: Callable[[str, int, int], None] | None = None,
    during: Watcher | None = None,
    time_limit: float | None = None,
) -> Iterator[Finding]:
    """Run the registered checks: those about a network, or without one the general ones.

    Parameters
    ----------
    network : Network, optional
    domain : Domain, optional
        All of R^D by default.
    names : sequence of str, optional
        Which lines of ``CHECKS``; all that fit by default. General ones that are named run with
        a network, too.
    before : callable, optional
        Told what begins, how many checks are done, and how many there are.
    during : callable, optional
        Told now and then what a long loop goes through, how many are done, and of how many (0:
        not known).
    time_limit : float, optional
        Seconds for all checks together; those that do not end by then are "undecided".

    Yields
    ------
    Finding
        In the registry's order. A check that reaches a limit, finds no proof or lacks a package
        is "undecided", with the error as the reason; one that meets an operator that the theory
        does not speak of is "not applicable".

    Raises
    ------
    ParameterError
        If a name is none of ``CHECKS``, or needs a network and there is none.

    Notes
    -----
    The partition and its facets are found once for all checks.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2]]), es.ReLU()], (2,))
    >>> [f.report.verdict for f in run_checks(net, names=["convexity", "ResNet formula"])]
    ['holds', 'not applicable']
    """
    watcher = _limited(during, time_limit)
    about = checks_for(network=True, names=names)
    if network is None and names is not None and about:
        raise ParameterError(f"check {about[0]!r} is about a network; give one")
    wanted = set(about if network is not None else ())
    if network is None or names is not None:
        wanted.update(checks_for(network=False, names=names))
    chosen = [name for name in checks() if name in wanted]
    partition: Partition | None = None
    too_large: ExactSplineError | None = None
    if network is not None and any(checks()[name].regions for name in about):
        if before is not None:
            before("regions", 0, len(chosen))
        try:
            with watching(watcher):
                partition = partition_of(network, domain)
        except (LimitError, UndecidedError) as error:
            too_large = error
    for done, name in enumerate(chosen):
        line = checks()[name]
        if before is not None:
            before(name, done, len(chosen))
        with watching(watcher):  # nothing is yielded inside
            found = _found(name, line, network, domain, partition, too_large)
        for report in found:
            yield Finding(name, line.number, report)


def _limited(during: Watcher | None, seconds: float | None) -> Watcher | None:
    """A watcher that ends a check when the time is over."""
    if seconds is None:
        return during
    end = time.monotonic() + seconds

    def watch(what: str, done: int, total: int) -> None:
        if time.monotonic() > end:
            of = f" of {total:,}" if total else ""
            gone = f"; it had gone through {done:,}{of} {what}" if done else " before it began"
            raise LimitError(f"the time limit of {seconds:g} s is over{gone}")
        if during is not None:
            during(what, done, total)

    return watch


def _found(
    name: str, line: Check, network: Network | None, domain: Domain | None,
    partition: Partition | None, too_large: ExactSplineError | None,
) -> list[Report]:  # fmt: skip
    """The reports of one check, whatever it ends in."""
    function = check_function(name)
    name_of = line.function.__name__
    line = line._replace(function=function)
    given: list[Any] = []
    if line.needs_network and line.own:
        from ..driver.request import checked_domain

        assert network is not None
        given = [network, checked_domain(network, domain)][: line.arguments]
    elif line.needs_network:
        given = [partition] if line.regions else [network]
    says = Statement(name if line.own else name_of, statement_of(name, line), "")
    try:
        if too_large is not None and line.regions:
            raise too_large
        tell("checks", 0, 0)  # the time may be over
        return as_reports(function(*given), name, line)
    except UnsupportedOperatorError as error:
        return [says.not_applicable(f"{type(error).__name__}: {error}")]
    except (ExactSplineError, ImportError, MemoryError) as error:
        return [says.undecided(f"{type(error).__name__}: {error}")]
    except AssertionError as error:
        if not line.own:
            raise
        return [replace(as_reports(False, name, line)[0], reason=f"assertion: {failed(error)}")]
    except Exception as error:
        if not line.own:
            raise
        where = line.function.__code__.co_filename
        return [says.undecided(f"the check itself ended in an error, {failed(error, where)}")]
