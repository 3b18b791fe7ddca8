"""The checks and the public names of the theory: a table that files and users fill."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from ..errors import ParameterError

__all__ = ["EXPORTS", "REGISTERED", "Check", "check", "exported"]

Thing = TypeVar("Thing", bound=Callable[..., Any])


class Check(NamedTuple):
    """A line of the table: the function, what it needs, and the number of its statement.

    Attributes
    ----------
    function : callable
    needs_network : bool
        Whether it is about a network; else it takes nothing.
    number : int
        Of the statement; a check of yours gets the next one that is free.
    arguments : int
        How many arguments it takes: ``(network, domain)``, the network alone, or none.
    own : bool
        Whether it is a user's. Such a check gets the `Network`; one of the theory a `Partition`
        in its place, so that regions are enumerated once for all.
    regions : bool
        Whether it gets that partition; else the network, of which it needs no regions.

    Examples
    --------
    >>> from exactspline import theory
    >>> line = theory.CHECKS["convexity"]
    >>> line.function.__name__, line.needs_network, line.number
    ('check_convexity', True, 1)
    """

    function: Callable[..., Any]
    needs_network: bool
    number: int
    arguments: int = 2
    own: bool = False
    regions: bool = True


REGISTERED: dict[str, Check] = {}  # by name, in the order in which files are loaded
EXPORTS: dict[str, Any] = {}  # what ``exactspline.theory`` offers by its name


def exported(thing: Thing) -> Thing:
    """Make a function or a class a name of ``exactspline.theory``.

    Raises
    ------
    ParameterError
        If another one has its name.
    """
    name = thing.__name__
    if name in EXPORTS:
        raise ParameterError(
            f"theory: {EXPORTS[name].__module__} exports {name!r} already; take another name"
        )
    EXPORTS[name] = thing
    return thing


def check(
    *, number: int | None = None, name: str = "", needs_network: bool | None = None,
    own: bool = False, regions: bool = True,
) -> Callable[[Thing], Thing]:  # fmt: skip
    """Register a function as the check of a statement; one of the theory is exported, too.

    Parameters
    ----------
    number : int, optional
        Of the statement in docs/theory.md; checks run in the order of these numbers. The next
        free one by default.
    name : str
        As the command ``exactspline theorems --check`` knows it; by default the function's name
        with blanks for underlines.
    needs_network : bool, optional
        Whether the function is about a network; by default, whether it takes an argument. One of
        the theory takes ``(network, domain)``, where a `Partition` may stand for the network,
        and returns a `Report` or a list of them.
    own : bool
        Whether it is a user's: `exactspline.check`, which says what such functions take.
    regions : bool
        Whether it goes through the network's regions; else they need not be enumerated for it.

    Raises
    ------
    ParameterError
        If another check has this name, or what is registered is no function of at most two
        arguments. A check of a user's replaces one of theirs.
    """

    def register(function: Callable[..., Any]) -> Any:
        arguments = _arguments(function)
        label = name or function.__name__.replace("_", " ").strip()
        known = REGISTERED.get(label)
        if known is not None and not (own and known.own):
            raise ParameterError(
                f"check {label!r}: {known.function.__module__} has one of that name; take another"
            )
        place = number if number is not None else known.number if known else _free()
        about = arguments > 0 if needs_network is None else needs_network
        made = function if own else _with_notes(function)
        REGISTERED[label] = Check(
            made, about, place, min(arguments, 2) if about else 0, own,
            about and regions and not own,
        )  # fmt: skip
        return made if own else exported(made)

    return register


def _free() -> int:
    return max((line.number for line in REGISTERED.values()), default=0) + 1


def _arguments(function: Any) -> int:
    """How many arguments of a check are given: at most two, and no others are needed."""
    if not callable(function) or not hasattr(function, "__name__"):
        raise ParameterError(
            f"check: a {type(function).__name__} is no function; write the decorator above a def"
        )
    parameters = list(inspect.signature(function).parameters.values())
    given = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        and p not in given[:2]
    ]  # fmt: skip
    if needed:
        raise ParameterError(
            f"check {function.__name__}: it also needs {', '.join(needed)}; a check takes "
            "(network, domain), (network) or nothing"
        )
    return min(len(given), 2)


def _with_notes(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same check; its reports say that an output operator is no part of what was checked."""

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        found = function(*arguments, **options)
        network = arguments[0] if arguments else options.get("network")
        network = getattr(network, "network", network)  # of a partition
        behind = getattr(network, "output_operator", "")
        if not behind:
            return found
        note = (
            f"the network ends in {behind}, which is no part of the affine spline: the statement "
            "is about the values before it"
        )
        if isinstance(found, list):
            return [replace(report, notes=(*report.notes, note)) for report in found]
        return replace(found, notes=(*found.notes, note))

    return run
