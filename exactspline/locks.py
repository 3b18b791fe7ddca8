"""Locks on files: one process at a time, free again when the process ends, however that ends."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

__all__ = ["FileLock", "LockTaken"]

_held: set[tuple[int, str]] = set()  # process and file: a system's lock is that of a process
_turns = threading.Lock()  # of threads that want one


class LockTaken(Exception):  # noqa: N818  # no error: who asks goes on otherwise
    """Another process, or another part of this one, holds the lock."""


class FileLock:
    """A lock on a file that is made for it, and removed at the end.

    The lock is POSIX's (``lockf``), which forked workers do not inherit: it is free as soon as
    the process that took it has gone.

    Parameters
    ----------
    name : str
        The file.

    Raises
    ------
    LockTaken
    OSError
        If the file cannot be made.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = os.getpid(), name
        with _turns:
            if self._key in _held:
                raise LockTaken
            self._take()
            _held.add(self._key)

    def _take(self) -> None:
        while True:
            self._descriptor = os.open(self.name, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(self._descriptor)
            except OSError:
                os.close(self._descriptor)
                raise LockTaken from None
            if self._is_current():
                break
            os.close(self._descriptor)  # who held it before removed the file a moment ago

    def _is_current(self) -> bool:
        try:
            there, mine = os.stat(self.name), os.fstat(self._descriptor)
        except FileNotFoundError:
            return False
        return (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev)

    def release(self) -> None:
        """Let others have it; a forked child has no lock to release."""
        if self._key in _held and self._key[0] == os.getpid():
            with contextlib.suppress(OSError):  # Windows does not remove open files
                os.unlink(self.name)
            os.close(self._descriptor)
            _held.discard(self._key)


def _lock(descriptor: int) -> None:
    """Take the lock or raise ``OSError`` at once."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
