"""One run a store: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import os

from ..errors import StoreError
from ..locks import FileLock, LockTaken

__all__ = ["Lock"]


class Lock:
    """The right to write a store: a lock on a file beside it, which is removed at the end.

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
        name = f"{os.path.realpath(path)}-lock"
        try:
            self._lock = FileLock(name)
        except LockTaken:
            raise StoreError(
                f"{path}: another run is writing this store; wait for it or stop it first "
                "(reading with open_partition is possible at any time)"
            ) from None
        except OSError as error:
            raise StoreError(f"{path}: cannot be written ({error.strerror}: {name})") from None

    def release(self) -> None:
        """Let others write; a forked child has no lock to release."""
        self._lock.release()
