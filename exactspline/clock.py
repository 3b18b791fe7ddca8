"""The cooperative clock: long loops ask it, and are left where the time for them is over.

A search is to end on time wherever it is: between two regions or in the middle of an exact
linear program. Whoever drives it makes a `Clock` and has single steps run under it; the loops
in the rooms below call `check`, which costs some hundred nanoseconds and, once the time is
over, leaves by `OutOfTime`. The driver takes that as "this step has not been done": what a step
writes it writes at its end, so that it can be asked again.

There are two times. After the first one nothing new is begun. What is under way has until the
second one: so a short limit does not keep a long step from ever being done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

__all__ = ["Clock", "OutOfTime", "allowance", "check", "current", "expect", "watched"]

SHARE, LEAST = 0.1, 1.0  # a limit of T seconds may be exceeded by the larger of T / 10 and 1 s
_STEP = 0.4  # of that, which a step under way may take
_EVERY = 2048  # entries of long lists between two looks

T = TypeVar("T")


class OutOfTime(Exception):  # noqa: N818  # no error: the driver goes on
    """A step was left because its time is over. It never leaves exactspline."""


def allowance(seconds: float) -> float:
    """By how much a limit may be exceeded, from call to return."""
    return max(SHARE * seconds, LEAST)


class Clock:
    """Says when to stop.

    Parameters
    ----------
    deadline : float, optional
        After it nothing new is begun.
    last : float, optional
        After it what is under way is left, too; never by default.
    outer : Clock, optional
        One that holds as well.
    now : callable
        What tells the time, in seconds.

    Examples
    --------
    >>> clock = Clock(deadline=5.0, last=6.0, now=lambda: 5.5)
    >>> clock.late(), clock.over()
    (True, False)
    """

    def __init__(
        self, deadline: float | None = None, last: float | None = None, *,
        outer: Clock | None = None, now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.deadline, self.last, self._outer, self.now = deadline, last, outer, now
        self.stoppable = False  # whether somebody may call `stop`

    @classmethod
    def limit(cls, seconds: float | None, *, now: Callable[[], float] = time.monotonic) -> Clock:
        """A clock for a time limit that begins now; it never stops if there is none."""
        if seconds is None:
            return cls(now=now)
        deadline = now() + seconds
        return cls(deadline, deadline + _STEP * allowance(seconds), now=now)

    @classmethod
    def of(cls, deadline: Clock | float | None) -> Clock:
        """A clock as it is, or one for a deadline at which no step is left undone."""
        return deadline if isinstance(deadline, Clock) else cls(deadline)

    @property
    def limited(self) -> bool:
        """Whether it may ever stop."""
        if self.deadline is not None or self.last is not None or self.stoppable:
            return True
        return self._outer is not None and self._outer.limited

    def stop(self, patience: float) -> None:
        """Let it be late from now on, and over when the patience is."""
        now = self.now()
        self.deadline = now if self.deadline is None else min(now, self.deadline)
        self.last = now + patience if self.last is None else min(now + patience, self.last)

    def late(self) -> bool:
        """Whether nothing new is to be begun."""
        if self.deadline is not None and self.now() > self.deadline:
            return True
        return self._outer is not None and self._outer.late()

    def over(self) -> bool:
        """Whether what is under way is to be left, too."""
        if self.last is not None and self.now() > self.last:
            return True
        return self._outer is not None and self._outer.over()

    def left(self) -> float:
        """Seconds until what is under way is to be left; infinite if it may go on."""
        own = float("inf") if self.last is None else max(0.0, self.last - self.now())
        return own if self._outer is None else min(own, self._outer.left())

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have `check` ask this clock until the end of the block.

        Nothing is to be yielded in the block: a generator has no context of its own.
        """
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


_current: ContextVar[Clock | None] = ContextVar("exactspline_clock", default=None)


def current() -> Clock | None:
    """The clock that is asked here, if any."""
    return _current.get()


def check() -> None:
    """Leave by `OutOfTime` if the time for what is under way is over."""
    clock = _current.get()
    if clock is not None and clock.over():
        raise OutOfTime


def expect(seconds: float) -> None:
    """Leave by `OutOfTime` if a step that nothing can interrupt would last too long."""
    clock = _current.get()
    if clock is not None and clock.left() < seconds:
        raise OutOfTime


def watched(values: Iterable[T], every: int = _EVERY) -> Iterator[T]:
    """The same values, with a `check` now and then: for lists of very many, or of long ones."""
    for i, value in enumerate(values):
        if i % every == 0:
            check()
        yield value
