"""How far the writing of a file has come."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "Ticker"]

Progress = Callable[[int, int], None]


class Ticker:
    """Counts rows and tells a callable about it.

    Parameters
    ----------
    progress : callable or None
        Called with the rows that are written and those there are in all.
    total : int
    """

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def add(self, rows: int) -> None:
        """So many rows more are written."""
        self._done += rows
        if rows and self._progress is not None:
            self._progress(self._done, self._total)
