"""Ctrl-C and SIGTERM while a search is going on: the first one is a request, the second ends it.

A search that is asked hands over what it has; an exception in the middle of it would lose the
regions since the last batch.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, Self

from .clock import Clock

__all__ = ["BOTH", "Requests", "Stopped", "uninterrupted"]

BOTH = (signal.SIGINT, signal.SIGTERM)
# without the search for a name of what is returned, which takes longer than all else
_set_handler = getattr(signal.signal, "__wrapped__", signal.signal)
_PATIENCE = 1.0  # seconds that a step may go on when the search is asked to stop


class Stopped(KeyboardInterrupt):
    """SIGTERM; Ctrl-C is a plain ``KeyboardInterrupt``."""


class Requests:
    """Takes the first signal as a request to stop; the second one ends at once.

    Parameters
    ----------
    clock : Clock
        Of the search: it is stopped.
    numbers : sequence of signals
        Those that are taken, in the main thread. One whose handler is not Python's stays as it
        is, unless ``always``.
    always : bool
        Take over from any handler but one that ignores.
    """

    def __init__(
        self, clock: Clock, numbers: Sequence[signal.Signals] = (signal.SIGINT,), *,
        always: bool = False,
    ) -> None:  # fmt: skip
        self.interrupt = KeyboardInterrupt()
        self.asked = False
        self._clock, self._numbers, self._always = clock, numbers, always
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in self._numbers:
                handler = signal.getsignal(number)
                if handler is signal.default_int_handler or (self._always and callable(handler)):
                    self._before[number] = handler
                    _set_handler(number, self._note)
        self._clock.stoppable = self._clock.stoppable or bool(self._before)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            _set_handler(number, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.asked:
            raise self.interrupt
        self.asked = True
        if signum == signal.SIGTERM:
            self.interrupt = Stopped()
        self._clock.stop(_PATIENCE)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put Ctrl-C and SIGTERM off until the end of the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        pending.append(signum)

    before: dict[int, Any] = {}
    try:
        for number in BOTH:
            before[number] = _set_handler(number, note)
        yield
    finally:
        _restore(before)
    if pending:
        signal.raise_signal(pending[0])


def _restore(handlers: dict[int, Any]) -> None:
    """Put handlers back, all of them even if one raises as soon as it is there."""
    for number in list(handlers):
        handler = handlers.pop(number)
        try:
            _set_handler(number, signal.SIG_DFL if handler is None else handler)
        except KeyboardInterrupt:
            _restore(handlers)
            raise
