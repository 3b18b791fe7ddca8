"""Running all checks that apply to a network, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ExactSplineError, ParameterError
from . import CHECKS, check_function
from .cells import partition_of
from .report import NOT_APPLICABLE, Report

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network.network import Network

__all__ = ["Finding", "require_known", "run_checks"]


class Finding(NamedTuple):
    """One report, and which line of the registry it comes from."""

    check: str
    number: int
    report: Report


def require_known(names: Sequence[str] | None) -> None:
    """Refuse names that are none of ``CHECKS``."""
    for name in names or ():
        if name not in CHECKS:
            raise ParameterError(f"check {name!r} is not known; there are: {', '.join(CHECKS)}")


def run_checks(
    network: Network | None = None,
    domain: Domain | None = None,
    *,
    names: Sequence[str] | None = None,
) -> Iterator[Finding]:
    """Run the registered checks: those about a network, or without one the general ones.

    Parameters
    ----------
    network : Network, optional
    domain : Domain, optional
        All of R^D by default.
    names : sequence of str, optional
        Which lines of ``CHECKS``; all that fit by default.

    Yields
    ------
    Finding
        In the registry's order. A check that gives an error (a network that is too large, an
        operator it does not know) is "not applicable", with the error as the reason.

    Raises
    ------
    ParameterError
        If a name is none of ``CHECKS``.

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
    require_known(names)
    partition = None if network is None else partition_of(network, domain)
    for name, check in CHECKS.items():
        if check.needs_network != (partition is not None) or (names and name not in names):
            continue
        function = check_function(name)
        try:
            found = function(partition) if partition is not None else function()
        except ExactSplineError as error:
            found = Report(
                name=name, statement="", source="", verdict=NOT_APPLICABLE,
                reason=f"{type(error).__name__}: {error}",
            )  # fmt: skip
        for report in found if isinstance(found, list) else [found]:
            yield Finding(name, check.number, report)
