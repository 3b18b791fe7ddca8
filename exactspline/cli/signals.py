"""Ctrl-C and SIGTERM: exceptions while there is work, put off or dropped where they would harm."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

__all__ = ["Signals", "Stopped", "uninterrupted"]

_BOTH = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """SIGTERM; Ctrl-C is a plain ``KeyboardInterrupt``."""


class Signals:
    """The handler of a process that is a command: it raises until the command has its result.

    From then on signals are dropped: what is left is to clear up, which is short, and an
    exception there would lose the exit code. Python gives its own handlers back to the system
    late in its end, so that a signal would kill the process after all; `ignore` prevents that.

    Attributes
    ----------
    armed : bool
        Whether a signal raises. To set it takes no call, in which a signal could be dealt with.
    """

    def __init__(self) -> None:
        self.armed = True

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.armed:
            raise Stopped if signum == signal.SIGTERM else KeyboardInterrupt

    def begin(self) -> None:
        """Take the signals that are not ignored; in the main thread only."""
        for number in _BOTH:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a shell's background
                signal.signal(number, self)

    def ignore(self) -> None:
        """Drop signals to the very end of the process."""
        self.armed = False
        for number in _BOTH:
            signal.signal(number, signal.SIG_IGN)


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
        for number in _BOTH:
            before[number] = signal.signal(number, note)
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
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        except KeyboardInterrupt:
            _restore(handlers)
            raise
