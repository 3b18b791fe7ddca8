"""Running all checks that apply to a network, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ExactSplineError, ParameterError
from ..mode import guarded
from .chapters import check_function, checks
from .common.region_maps import partition_of
from .report import NOT_APPLICABLE, Report

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network.network import Network

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

    Yields
    ------
    Finding
        In the registry's order. A check that gives an error (a network that is too large, an
        operator it does not know, a package that is missing) is "not applicable", with the error
        as the reason.

    Raises
    ------
    ParameterError
        If a name is none of ``CHECKS``, or needs a network and there is none.
    LimitError
        If the partition is too large for checks in rationals.

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
    about = checks_for(network=True, names=names)
    if network is None and names is not None and about:
        raise ParameterError(f"check {about[0]!r} is about a network; give one")
    wanted = set(about if network is not None else ())
    if network is None or names is not None:
        wanted.update(checks_for(network=False, names=names))
    chosen = [name for name in checks() if name in wanted]
    partition = None
    if network is not None and about:
        if before is not None:
            before("regions", 0, len(chosen))
        partition = partition_of(network, domain)
    for done, name in enumerate(chosen):
        check = checks()[name]
        if before is not None:
            before(name, done, len(chosen))
        function = check_function(name)
        try:
            found = function(partition) if check.needs_network else function()
        except (ExactSplineError, ImportError) as error:
            found = Report(
                name=check.function.__name__, statement=(function.__doc__ or "").partition("\n")[0],
                source="", verdict=NOT_APPLICABLE, reason=f"{type(error).__name__}: {error}",
            )  # fmt: skip
        for report in found if isinstance(found, list) else [found]:
            yield Finding(name, check.number, report)
