"""A progress bar on a terminal."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, TextIO

from ..search.decisions import SEARCHING
from ..texts import duration, plain

if TYPE_CHECKING:
    from .request import AnyRun

__all__ = ["Progress"]

_EVERY = 0.1  # seconds between two drawings


class Progress:
    """Regions so far, rate and the share of the search tree that is done, in one line;
    while a file is written, the share of its rows.

    Parameters
    ----------
    stream : text stream
        Nothing is ever written if it is no terminal.
    label : str
        Put in front, to tell several domains apart.
    """

    def __init__(self, stream: TextIO, label: str = "") -> None:
        self._stream = stream
        self._label = f"{label} " if label else ""
        self.on = bool(getattr(stream, "isatty", lambda: False)())
        self._drawn = False
        self._step = ""
        self.start()

    def start(self) -> None:
        """Start the clock."""
        self._start = self._last = time.monotonic()
        self._before: int | None = None  # regions of an earlier run that is resumed

    def update(self, run: AnyRun) -> None:
        """Draw if it is time to."""
        now = time.monotonic()
        if self._before is None:
            self._before = run.before
        if not self.on or now - self._last < _EVERY:
            return
        self._last = now
        elapsed = now - self._start
        if run.phase != SEARCHING:
            detail = f", {run.detail}" if run.detail else f", {duration(elapsed)}"
            self._draw(0.0, f" {run.phase}{detail}")
            return
        text = (
            f" {run.share:6.1%} of the tree, {run.regions:,} regions, "
            f"{(run.regions - self._before) / elapsed:,.0f}/s, {duration(elapsed)}"
        )
        self._draw(run.share, text)

    def written(self, done: int, total: int) -> None:
        """Draw how much of a file is written, if it is time to."""
        self.part("of the file", done, total)

    def part(self, what: str, done: int, total: int) -> None:
        """Draw how much of something is done, if it is time to."""
        now = time.monotonic()
        if not self.on or now - self._last < _EVERY:
            return
        self._last = now
        share = done / max(1, total)
        self._draw(share, f" {share:6.1%} {what}, {duration(now - self._start)}")

    def compiling(self, text: str) -> None:
        """Draw how far the compilation of kernels is."""
        now = time.monotonic()
        if self.on and now - self._last >= _EVERY:
            self._last = now
            self._draw(0.0, f" compiling kernels, {text}")

    def step(self, what: str, done: int, total: int) -> None:
        """Draw which of several steps begins."""
        self._step = f"{done + 1}/{total} {what}"
        if self.on:
            elapsed = duration(time.monotonic() - self._start)
            self._draw(done / max(1, total), f" {self._step}, {elapsed}")

    def within(self, what: str, done: int, total: int) -> None:
        """Draw how far the step is that began last, if it is time to; a total of 0 is unknown."""
        now = time.monotonic()
        if not self.on or now - self._last < _EVERY:
            return
        self._last = now
        share = done / total if total else 0.0
        of = f" of {total:,}" if total else ""
        self._draw(share, f" {self._step}: {done:,}{of} {what}, {duration(now - self._start)}")

    def _draw(self, share: float, text: str) -> None:
        width = max(20, shutil.get_terminal_size().columns - 1)
        room = min(30, width - len(self._label) - len(text) - 2)
        bar = ""
        if room >= 5:
            full = int(room * share)
            bar = "[" + "#" * full + "." * (room - full) + "]"
        line = plain(self._label + bar + text)[:width]
        self._stream.write(f"\r{line:<{width}}")
        self._stream.flush()
        self._drawn = True

    def clear(self) -> None:
        """Wipe the line."""
        if self._drawn:
            width = max(20, shutil.get_terminal_size().columns - 1)
            self._stream.write("\r" + " " * width + "\r")
            self._stream.flush()
            self._drawn = False
