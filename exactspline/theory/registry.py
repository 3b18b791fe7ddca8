"""The checks and the public names of the theory: a table that their own files fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ..errors import ParameterError

__all__ = ["EXPORTS", "REGISTERED", "Check", "check", "exported"]

Thing = TypeVar("Thing", bound=Callable[..., Any])


class Check(NamedTuple):
    """A line of the table: the function, what it needs, and the number of its statement.

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


def check(*, number: int, name: str, needs_network: bool) -> Callable[[Thing], Thing]:
    """Register a function as the check of a statement; it is exported, too.

    Parameters
    ----------
    number : int
        Of the statement in docs/theory.md; checks run in the order of these numbers.
    name : str
        As the command ``exactspline theorems --check`` knows it.
    needs_network : bool
        Whether the function takes ``(network, domain)``, where a `Partition` may stand for
        the network; else it takes nothing. It returns a `Report` or a list of them.

    Raises
    ------
    ParameterError
        If another check has this name.
    """

    def register(function: Thing) -> Thing:
        if name in REGISTERED:
            raise ParameterError(
                f"check {name!r}: {REGISTERED[name].function.__module__} has one of that name; "
                "take another"
            )
        REGISTERED[name] = Check(function, needs_network, number)
        return exported(function)

    return register
