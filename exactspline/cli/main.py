"""The entry point: signals, errors and exit codes."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FrameType
from typing import NoReturn

from ..clock import Clock
from ..errors import ExactSplineError
from ..mode import guarded
from ..texts import plain
from .arguments import parse
from .guide import guide
from .signals import Signals, Stopped, uninterrupted
from .streams import results, results_only
from .text import printable

__all__ = ["main", "run"]

_DIGITS = 50_000  # of an integer in text; exactspline itself refuses numbers of over 20,000


def run() -> NoReturn:
    """The process of a command, from its first signal to its exit code; see `main`.

    Whenever a signal comes, the process ends with one of the documented exit codes: up to the
    result with that of an interrupt, from then on with that of the result.
    """
    signals = Signals()
    code = 130
    try:
        signals.begin()
        code = main(signals=signals)
        signals.armed = False
    except KeyboardInterrupt as interrupt:
        signals.armed = False
        code = 143 if isinstance(interrupt, Stopped) else 130
    signals.ignore()
    _forget_interrupt()
    sys.exit(code)


def main(argv: Sequence[str] | None = None, *, signals: Signals | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        ``sys.argv[1:]`` by default.
    signals : Signals, optional
        Is disarmed when the result has been written.

    Returns
    -------
    int
        The exit code: 0 done, 2 bad input, 130 interrupted, 141 broken pipe, 143 terminated.
    """
    for name in ("stdout", "stderr"):  # closed by whoever started us
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        if not given:
            sys.stdout.write(guide())
            return 0
        arguments = parse(given)
    except SystemExit as end:  # --help, --version, usage errors: argparse has printed
        return end.code if isinstance(end.code, int) else 0
    arguments.clock = Clock.limit(getattr(arguments, "time_limit", None))
    try:
        with results_only(), _sigterm(), _long_integers():
            code = guarded(_begin)(arguments)
            results().flush()
            if signals is not None:
                signals.armed = False
            _forget_interrupt()
            return code
    except BrokenPipeError:
        _drop_output()
        return 141
    except ExactSplineError as error:
        return _fail(str(error))
    except MemoryError:
        return _fail("there is not enough memory for this")
    except OSError as error:
        _drop_output()  # perhaps it was standard output that could not be written
        return _fail(str(error))
    except KeyboardInterrupt as interrupt:
        sys.stderr.write("exactspline: interrupted, no result\n")
        _forget_interrupt()
        return 130 if type(interrupt) is KeyboardInterrupt else 143


def _run_inside(argv: Sequence[str]) -> int:
    """Run a command inside of another one, whose streams, signals and errors are its own.

    Parameters
    ----------
    argv : sequence of str

    Returns
    -------
    int
        The exit code.
    """
    arguments = parse(argv)
    arguments.clock = Clock.limit(getattr(arguments, "time_limit", None))
    return _command(arguments.command)(arguments)


def _begin(arguments: argparse.Namespace) -> int:
    """Import a command and run it."""
    with uninterrupted():  # NumPy and Numba make other errors of one while they load
        command = _command(arguments.command)
    return command(arguments)


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """The function of a command; each is imported only when it runs."""
    if name == "count":
        from .count import count as command
    elif name == "enumerate":
        from .enumerate import enumerate_ as command
    elif name == "graph":
        from .graph import graph as command
    elif name == "preimage":
        from .preimage import preimage as command
    elif name == "radius":
        from .radius import radius as command
    elif name == "surface":
        from .surface import surface as command
    elif name == "plot":
        from .plot import plot as command
    elif name == "film":
        from .film import film as command
    elif name == "explore":
        from .explore import explore as command
    elif name == "region":
        from .region import region as command
    elif name == "prove":
        from .prove import prove as command
    elif name == "sweep":
        from .sweep import sweep as command
    elif name == "census":
        from .census import census as command
    elif name == "verify":
        from .verify import verify as command
    elif name == "supports":
        from .supports import supports as command
    elif name == "demo":
        from .demo import demo

        command = partial(demo, run=_run_inside)
    elif name == "doctor":
        from .doctor import doctor as command
    elif name == "completion":
        from .completion import completion as command
    elif name == "theorems":
        from .theorems import theorems as command
    else:
        from .info import info as command
    return command


def _forget_interrupt() -> None:
    """Let the exit code be ours after a Ctrl-C that was dealt with.

    CPython notes a KeyboardInterrupt that passes through code run from a string (namedtuples
    and Numba make classes so), and at the end dies of SIGINT even if the interrupt was caught
    further up. The next code from a string clears the note.
    """
    exec("")


def _fail(message: str) -> int:
    text = plain(" ".join(message.split()))
    with contextlib.suppress(OSError):
        sys.stderr.write(printable(f"exactspline: error: {text}\n", sys.stderr))
        sys.stderr.flush()
    return 2


def _drop_output() -> None:
    """Send what is still buffered for a closed output nowhere, so that the exit is quiet."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)


@contextlib.contextmanager
def _sigterm() -> Iterator[None]:
    """Let SIGTERM end a search as Ctrl-C does, with what it has."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Stopped

    if isinstance(signal.getsignal(signal.SIGTERM), Signals):
        yield
        return
    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _long_integers() -> Iterator[None]:
    """Allow integers of more digits than Python's default while the command runs."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(_DIGITS)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)
