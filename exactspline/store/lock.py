"""One run a store: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

from ..errors import StoreError

__all__ = ["Lock"]

_held: set[tuple[int, str]] = set()  # process and file: a system's lock is that of a process
_turns = threading.Lock()  # of threads that want one


class Lock:
    """The right to write a store: a lock on a file beside it, which is removed at the end.

    The lock is POSIX's (``lockf``), which forked workers do not inherit: it is free as soon as
    the process that took it has gone.

    Parameters
    ----------
    path : str
        The store's.

    Raises
    ------
    StoreError
        If another run holds it, or the folder cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._name = f"{os.path.realpath(path)}-lock"
        self._key = os.getpid(), self._name
        with _turns:
            if self._key in _held:
                raise _taken(path)
            self._take(path)
            _held.add(self._key)

    def _take(self, path: str) -> None:
        while True:
            try:
                self._descriptor = os.open(self._name, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise StoreError(
                    f"{path}: cannot be written ({error.strerror}: {self._name})"
                ) from None
            try:
                _lock(self._descriptor)
            except OSError:
                os.close(self._descriptor)
                raise _taken(path) from None
            if self._is_current():
                break
            os.close(self._descriptor)  # the run before removed the file a moment ago

    def _is_current(self) -> bool:
        try:
            there, mine = os.stat(self._name), os.fstat(self._descriptor)
        except FileNotFoundError:
            return False
        return (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev)

    def release(self) -> None:
        """Let others write; a forked child has no lock to release."""
        if self._key in _held and self._key[0] == os.getpid():
            with contextlib.suppress(OSError):  # Windows does not remove open files
                os.unlink(self._name)
            os.close(self._descriptor)
            _held.discard(self._key)


def _taken(path: str) -> StoreError:
    return StoreError(
        f"{path}: another run is writing this store; wait for it or stop it first (reading with "
        "open_partition is possible at any time)"
    )


def _lock(descriptor: int) -> None:
    """Take the lock or raise ``OSError`` at once."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
