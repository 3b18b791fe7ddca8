"""Long loops of checks: whoever runs a check may see how far it is, and end it.

A check says what it goes through; the caller's watcher is told now and then. Nothing is shown and
nothing ends by itself where a check is called directly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

__all__ = ["Watcher", "tell", "watched", "watching"]

T = TypeVar("T")
Watcher = Callable[[str, int, int], None]  # what, how many are done, of how many (0: unknown)
_EVERY = 0.05  # seconds between two calls

_watcher: ContextVar[Watcher | None] = ContextVar("exactspline_theory_watcher", default=None)


@contextmanager
def watching(watcher: Watcher | None) -> Iterator[None]:
    """Have a watcher told of the loops inside of the block; it may raise to end them."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def tell(what: str, done: int, total: int) -> None:
    """Tell the watcher, if there is one, how far a loop is."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher(what, done, total)


def watched(values: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The same values; the watcher hears how many of them are done.

    Examples
    --------
    >>> seen = []
    >>> with watching(lambda what, done, total: seen.append((what, done, total))):
    ...     list(watched("ab", 2, "letters"))
    ['a', 'b']
    >>> seen[0]
    ('letters', 0, 2)
    """
    watcher, last = _watcher.get(), -_EVERY
    for done, value in enumerate(values):
        if watcher is not None and (now := time.monotonic()) - last >= _EVERY:
            last = now
            watcher(what, done, total)
        yield value
