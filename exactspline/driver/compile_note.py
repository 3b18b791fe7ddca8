"""A line on the terminal while kernels are compiled for a caller who shows no progress."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from ..search.decisions import COMPILING

if TYPE_CHECKING:
    from .request import AnyRun

__all__ = ["CompileNote"]

_EVERY = 0.5  # seconds between two drawings


class CompileNote:
    """Is called with a run like any progress; silent where standard error is no terminal."""

    def __init__(self) -> None:
        stream = sys.stderr
        self._on = stream is not None and bool(getattr(stream, "isatty", lambda: False)())
        self._last, self._width = 0.0, 0

    def __call__(self, run: AnyRun) -> None:
        if not self._on:
            return
        if run.phase != COMPILING:
            self.clear()
        elif time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            text = f"exactspline is compiling its kernels ({run.detail})"
            sys.stderr.write("\r" + text.ljust(self._width))
            sys.stderr.flush()
            self._width = len(text)

    def clear(self) -> None:
        """Wipe the line."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0
