"""The table of all distinct codes, in bounded memory: sorted runs, and files where they grow."""

from __future__ import annotations

import bisect
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import LimitError
from .words import combined

__all__ = ["Collected", "Table", "matched"]

_BLOCK = 1 << 22  # bytes of a file that are merged at once
_COPIES = 4  # of what is held while two runs are merged


class _Folder:
    """A temporary folder that goes when nothing refers to it, at the latest with the process."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="exactspline-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class Collected:
    """Sorted distinct rows, in memory or in a file that goes when nothing refers to it.

    Attributes
    ----------
    rows : uint64 array, shape (regions, words + 2)
    spilled : bool
        Whether they are in a file.
    """

    def __init__(self, rows: np.ndarray, folder: _Folder | None) -> None:
        self.rows, self._folder = rows, folder
        self.spilled = folder is not None


class Table:
    """Rows are added; equal codes become one row.

    Parameters
    ----------
    width : int
        Words of a code.
    memory : int
        Bytes that may be held; beyond that, sorted runs go to files of a temporary folder.

    Notes
    -----
    Runs are merged when the one before is not twice as long, so that every row is moved a
    logarithmic number of times.
    """

    def __init__(self, width: int, memory: int) -> None:
        self._columns, self._most = width + 2, max(1, memory // (_COPIES * 8 * (width + 2)))
        self._runs: list[np.ndarray] = []
        self._files: list[Path] = []
        self._folder: _Folder | None = None

    def add(self, rows: np.ndarray) -> None:
        """Add a sorted table of distinct codes."""
        self._runs.append(rows)
        while len(self._runs) > 1 and 2 * len(self._runs[-1]) >= len(self._runs[-2]):
            self._runs[-2:] = [combined(self._runs[-2:])]
        if sum(map(len, self._runs)) > self._most:
            self._runs = [combined(self._runs)]
            if 2 * len(self._runs[0]) > self._most:  # else what repeats is gone now
                self._spill()

    def _spill(self) -> None:
        try:
            if self._folder is None:
                self._folder = _Folder()
            path = self._folder.path / f"run{len(self._files)}"
            combined(self._runs).tofile(path)
        except OSError as error:
            raise _no_room(error) from None
        self._files.append(path)
        self._runs = []

    def collected(self) -> Collected:
        """All rows, sorted."""
        if self._folder is None:
            empty = np.empty((0, self._columns), np.uint64)
            return Collected(combined(self._runs) if self._runs else empty, None)
        if self._runs:
            self._spill()
        path = self._folder.path / "all"
        try:
            with path.open("wb") as file:
                for block in self._merged():
                    block.tofile(file)
        except OSError as error:
            raise _no_room(error) from None
        for run in self._files:
            run.unlink()
        rows = np.memmap(path, np.uint64, "r").reshape(-1, self._columns)
        return Collected(rows, self._folder)

    def _merged(self) -> Iterator[np.ndarray]:
        runs = [np.memmap(p, np.uint64, "r").reshape(-1, self._columns) for p in self._files]
        for parts in _aligned(runs):
            yield combined([p for p in parts if len(p)])


def _aligned(runs: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Parts of sorted runs, one of each: what equals a code is in the parts of one step."""
    width = runs[0].shape[1] - 2
    step = max(1, _BLOCK // (8 * (width + 2)))
    begin = [0] * len(runs)

    def key(row: np.ndarray) -> list[int]:
        out: list[int] = row[:width].tolist()
        return out

    while True:
        blocks = [run[b : b + step] for run, b in zip(runs, begin, strict=True)]
        full = [block for block in blocks if len(block)]
        if not full:
            return
        least = min(key(block[-1]) for block in full)
        cuts = [bisect.bisect_right(block, least, key=key) for block in blocks]
        yield [np.array(block[:cut]) for block, cut in zip(blocks, cuts, strict=True)]
        begin = [b + cut for b, cut in zip(begin, cuts, strict=True)]


def matched(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Two sorted tables together, in blocks: per code that one of them has its two counts."""
    for a, b in _aligned([first, second]):
        both = np.concatenate([a, b])
        side = np.concatenate([np.zeros(len(a), np.int64), np.ones(len(b), np.int64)])
        order = np.lexsort(both[:, :-2].T[::-1])
        both, side = both[order], side[order]
        new = np.ones(len(both), bool)
        new[1:] = (both[1:, :-2] != both[:-1, :-2]).any(axis=1)
        counts = np.zeros((2, int(new.sum())), np.int64)
        counts[side, np.cumsum(new) - 1] = both[:, -2].astype(np.int64)
        yield counts[0], counts[1]


def _no_room(error: OSError) -> LimitError:
    return LimitError(
        f"census: codes that are not held in memory cannot be written to "
        f"{tempfile.gettempdir()} ({error.strerror or error}); make room there, let TMPDIR name "
        "another folder, or give more memory"
    )
