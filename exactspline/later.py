"""Methods of early rooms that later rooms carry out: a table of names to functions.

``network.save(path)`` belongs to a network, but files are a later room's matter, and a room
imports only from rooms before it. So the method asks this table, and the later room's function
stands in it: `wiring`, at the top, provides them all when the package is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .errors import ExactSplineError

__all__ = ["PROVIDED", "in_later_room", "provides"]

Function = TypeVar("Function", bound=Callable[..., Any])

PROVIDED: dict[str, Callable[..., Any]] = {}  # by the method's name, "Network.save"


def provides(name: str) -> Callable[[Function], Function]:
    """Register a function as what carries a method out; it takes the method's arguments.

    Parameters
    ----------
    name : str
        The class and its method, as ``"Network.save"``.

    Raises
    ------
    ExactSplineError
        If another function stands there.

    Examples
    --------
    >>> @provides("Box.shout")
    ... def shout(box, text):
    ...     return text.upper()
    >>> in_later_room("Box.shout", None, "hello")
    'HELLO'
    >>> del PROVIDED["Box.shout"]
    """

    def register(function: Function) -> Function:
        if name in PROVIDED:
            raise ExactSplineError(
                f"{name}: is provided twice, by {PROVIDED[name].__module__} and by "
                f"{function.__module__}; one function carries a method out"
            )
        PROVIDED[name] = function
        return function

    return register


def in_later_room(name: str, *args: Any, **kwargs: Any) -> Any:
    """Carry a method out by the function that a later room provides.

    Parameters
    ----------
    name : str
        As in `provides`.
    *args, **kwargs
        The method's arguments, the object first.

    Raises
    ------
    ExactSplineError
        If nothing is provided: the package was not imported as a whole.

    Examples
    --------
    >>> in_later_room("Box.shout", None)
    Traceback (most recent call last):
    exactspline.errors.ExactSplineError: Box.shout: no room provides it; import exactspline before \
it is called
    """
    function = PROVIDED.get(name)
    if function is None:
        raise ExactSplineError(
            f"{name}: no room provides it; import exactspline before it is called"
        )
    return function(*args, **kwargs)
