"""What later rooms make of a program once, and keep with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Kept"]

T = TypeVar("T")


class Kept:
    """Values by name, kept as long as what they were made of.

    What is kept must not refer to the program or the network: they would keep each other.
    A copy of it, and what is sent to another process, begins empty: values may hold addresses.

    Notes
    -----
    Threads need no lock: every step is one operation on a dictionary. Two threads that ask for
    one value at a time may both make it; both are given the one that came first.

    Examples
    --------
    >>> kept = Kept()
    >>> kept.of("squares", lambda: [0, 1, 4]) is kept.of("squares", lambda: [])
    True
    >>> kept.put("buffer", bytearray(8))
    >>> kept.take("buffer"), kept.take("buffer")  # nobody else has what was taken
    (bytearray(b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'), None)
    """

    __slots__ = ("_spare", "_values")

    def __init__(self) -> None:
        self._values: dict[Any, Any] = {}
        self._spare: dict[Any, Any] = {}

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        return Kept, ()

    def of(self, name: Any, make: Callable[[], T]) -> T:
        """The value of a name; it is made when it is first asked for.

        All who ask are given the same object, in all threads at a time, so it must not change.

        Parameters
        ----------
        name : hashable
            With all that the value depends on besides what it is kept with.
        make : callable
            What it raises (the clock's `OutOfTime`, say) goes to the caller, and nothing is kept.
        """
        try:
            value: T = self._values[name]
        except KeyError:
            value = self._values.setdefault(name, make())
        return value

    def take(self, name: Any) -> Any:
        """What was `put` under a name, for the caller alone; None if there is nothing.

        For what changes while it is used, such as buffers: put it back when it may be used again.
        """
        return self._spare.pop(name, None)

    def put(self, name: Any, value: Any) -> None:
        """Leave something for the next one that takes; it replaces what lies there."""
        self._spare[name] = value
