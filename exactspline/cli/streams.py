"""Standard output is for results; what libraries print, also in C, goes to standard error."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

from ..texts import plain
from .text import printable

__all__ = ["results", "results_only"]

_results: list[TextIO] = []


def results() -> TextIO:
    """Where results are written."""
    return _results[-1] if _results else sys.stdout


@contextlib.contextmanager
def results_only() -> Iterator[None]:
    """Keep everybody but `results` from standard output, and show warnings in one line.

    HiGHS and other libraries in C write to descriptor 1 whatever Python has for standard
    output, so results go to a duplicate of it, and the descriptor becomes standard error's.
    """
    before, own = sys.stdout, _duplicate(sys.stdout)
    _results.append(before if own is None else own)
    sys.stdout = sys.stderr
    shown, warnings.showwarning = warnings.showwarning, _show
    try:
        yield
    finally:
        warnings.showwarning = shown
        sys.stdout = before
        _results.pop()
        if own is not None:
            _restore(own)


def _duplicate(stream: TextIO) -> TextIO | None:
    """A stream on a duplicate of descriptor 1, which is standard error's from now on.

    None if the stream is not on that descriptor: then somebody in this process reads it.
    """
    try:
        if stream.fileno() != 1:
            return None
        stream.flush()
        kept = os.dup(1)
    except (OSError, ValueError, AttributeError):
        return None
    try:
        os.dup2(2, 1)
    except OSError:  # standard error is closed
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
    return io.TextIOWrapper(
        os.fdopen(kept, "wb"), stream.encoding, stream.errors, line_buffering=stream.isatty()
    )


def _restore(own: TextIO) -> None:
    with contextlib.suppress(OSError, AttributeError):  # what C still holds goes to stderr, too
        ctypes.CDLL(None).fflush(None)
    try:
        own.flush()
    except (OSError, ValueError):  # said already; what is left goes nowhere
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, own.fileno())
            os.close(null)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(own.fileno(), 1)
        own.close()


def _show(message: Warning | str, *_: Any, **__: Any) -> None:
    text = plain(" ".join(str(message).split()))
    with contextlib.suppress(OSError):
        sys.stderr.write(printable(f"exactspline: warning: {text}\n", sys.stderr))
        sys.stderr.flush()
