"""Compiled kernels on disk: which are fresh, where they are read, and what if none can be kept.

Numba keeps what it compiles by each function's own file, and refuses to compile at all where it
can write nowhere. Here a change of any module of a room makes its kernels stale, a cache that
can only be read is read, and where none can be written kernels are compiled without one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numba as nb

__all__ = ["KernelCache", "compiled", "keep_quiet", "stamp", "warn_if_lost"]

_NOWHERE = "there is no folder for them that can be written"
_warned = False


@cache
def stamp(folder: Path, modules: tuple[str, ...]) -> str:
    """A hash of the modules with kernels or their constants.

    Of what they say: times change when an installation is copied or put into an image.
    """
    texts = hashlib.sha256()
    for name in modules:
        texts.update(hashlib.sha256((folder / f"{name}.py").read_bytes()).digest())
    return texts.hexdigest()


def compiled(function: Callable[..., Any], fresh: str, options: dict[str, Any]) -> Any:
    """A function that Numba compiles at its first call, or reads from disk.

    Parameters
    ----------
    function : callable
    fresh : str
        What an entry on disk must have been made for; see `stamp`.
    options : dict
        For `numba.njit`.
    """
    kernel = nb.njit(**options)(function)
    # where the inside of Numba is not as known here, it compiles in every process
    with contextlib.suppress(AttributeError, ImportError, TypeError):
        kernel._cache = KernelCache(function, fresh)
    return kernel


class KernelCache:
    """What a dispatcher of Numba asks for compiled code: never an error, at worst nothing.

    Parameters
    ----------
    function : callable
    fresh : str
    """

    def __init__(self, function: Callable[..., Any], fresh: str) -> None:
        from numba.core.caching import FunctionCache

        self._writable: Any = None
        with contextlib.suppress(RuntimeError, OSError):  # "no locator": nowhere
            self._writable = FunctionCache(function)
        own = self.cache_path
        self._caches = [] if own is None else [self._writable]
        named = bool(getattr(nb.config, "CACHE_DIR", ""))  # who names a folder means that one
        if own is None or not named:
            self._caches += [one for one in _readable(function) if one.cache_path != own]
        for one in self._caches:
            one._cache_file._source_stamp = fresh
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """Where entries are written; None if nowhere."""
        return None if self._writable is None else str(self._writable.cache_path)

    def holds(self, processor: Any, code: str = "") -> bool:
        """Whether there is an entry for a processor (of Numba's ``magic_tuple``).

        ``code`` is the name of a type that the entry's signature must have.
        """
        for one in self._caches:
            with contextlib.suppress(Exception):  # unreadable, or damaged
                index = one._cache_file._load_index()
                if any(key[1] == processor and code in str(key[0]) for key in index):
                    return True
        return False

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code of a signature; None if it must be compiled."""
        target_context.refresh()
        for one in self._caches if self._enabled else ():
            with contextlib.suppress(Exception):  # an entry that is damaged is compiled anew
                found = one.load_overload(sig, target_context)
                if found is not None:
                    return found
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code, if that can be done."""
        if not self._enabled:
            return
        if self._writable is None:
            _warn(_NOWHERE)
            return
        try:
            self._writable.save_overload(sig, data)
        except OSError as error:  # full, or read-only by now
            _warn(f"{error.strerror or error}: {self._writable.cache_path}")
        except Exception:  # the index is damaged: begin it anew
            with contextlib.suppress(Exception):
                self._writable.flush()
                self._writable.save_overload(sig, data)

    def enable(self) -> None:
        """Use the disk."""
        self._enabled = True

    def disable(self) -> None:
        """Compile in memory only."""
        self._enabled = False

    def flush(self) -> None:
        """Forget what is on disk."""
        if self._writable is not None:
            self._writable.flush()


def _readable(function: Callable[..., Any]) -> Iterator[Any]:
    """Caches of all the places where Numba would write if it could, and that are there."""
    from numba.core.caching import FunctionCache

    def ensure_cache_path(self: Any) -> None:
        if not os.path.isdir(self.get_cache_path()):
            raise FileNotFoundError(self.get_cache_path())

    made = FunctionCache._impl_class
    places: Iterable[Any] = made._locator_classes
    for place in places:
        lenient = type(place.__name__, (place,), {"ensure_cache_path": ensure_cache_path})
        one = type(made.__name__, (made,), {"_locator_classes": [lenient]})
        with contextlib.suppress(RuntimeError, OSError):  # not that one
            yield type("ReadOnlyCache", (FunctionCache,), {"_impl_class": one})(function)


def keep_quiet() -> None:
    """Give no warning in this process: the one that started it gives it."""
    global _warned
    _warned = True


def warn_if_lost(kernel: Any) -> None:
    """Warn if a kernel has no place on disk."""
    cache = getattr(kernel, "_cache", None)
    if isinstance(cache, KernelCache) and cache.cache_path is None:
        _warn(_NOWHERE)


def _warn(why: str) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"compiled kernels cannot be kept ({why}): every process compiles them again, for "
            "about a minute; set NUMBA_CACHE_DIR to a folder that can be written",
            stacklevel=2,
        )
