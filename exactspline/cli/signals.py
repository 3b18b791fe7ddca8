"""Ctrl-C and SIGTERM in the process of a command: exceptions while there is work."""

from __future__ import annotations

import signal
from types import FrameType

from ..interrupts import BOTH, Stopped, uninterrupted

__all__ = ["Signals", "Stopped", "uninterrupted"]


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
        for number in BOTH:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a shell's background
                signal.signal(number, self)

    def ignore(self) -> None:
        """Drop signals to the very end of the process."""
        self.armed = False
        for number in BOTH:
            signal.signal(number, signal.SIG_IGN)
