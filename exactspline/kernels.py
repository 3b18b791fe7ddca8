"""Compiled kernels on disk: which are fresh, where they are kept, and what if none can be.

Numba keeps what it compiles beside each function's own file, and refuses to compile at all where
it can write nowhere. Here kernels are in a folder of the user, named after what all modules of
a room say: whatever installation asks, the same kernels are compiled once. A cache that can only
be read is read, and where none can be written kernels are compiled without one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numba as nb

__all__ = [
    "KernelCache",
    "cache_folder",
    "compiled",
    "inside_is_known",
    "keep_quiet",
    "stamp",
    "warn_if_lost",
]

# releases whose inside has been tried
KNOWN_NUMBA = ("0.61", "0.63", "0.65", "0.68")
KNOWN_LLVMLITE = ("0.44", "0.46", "0.47", "0.50")
_NOWHERE = "there is no folder for them that can be written"
_warned = False
_KEPT = 180 * 86_400.0  # seconds that the kernels of other versions are kept


def cache_folder() -> Path | None:
    """The folder for compiled kernels: ``NUMBA_CACHE_DIR``, or one in the user's cache.

    Returns
    -------
    Path or None
        None where the user has no home.
    """
    named = getattr(nb.config, "CACHE_DIR", "")
    if named:
        return Path(named)
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return Path(base, "exactspline") if os.path.isabs(base) else None


def inside_is_known() -> bool:
    """Whether kernels may use what is Numba's and LLVM's inside (blocks, vectors).

    Releases that have not been tried do without, and so does who sets the environment variable
    ``EXACTSPLINE_PLAIN_KERNELS`` to 1: searches hand named tuples over, samples go through NumPy.
    """

    def major_minor(version: str) -> str:
        return ".".join(version.split(".")[:2])

    plain = os.environ.get("EXACTSPLINE_PLAIN_KERNELS", "") not in ("", "0")
    if plain or getattr(nb.config, "DISABLE_JIT", False):
        return False
    import llvmlite

    return (
        major_minor(nb.__version__) in KNOWN_NUMBA
        and major_minor(llvmlite.__version__) in KNOWN_LLVMLITE
    )


@cache
def stamp(folder: Path, modules: tuple[str, ...]) -> str:
    """A hash of the modules with kernels or their constants.

    Of what they say: times change when an installation is copied or put into an image.
    """
    texts = hashlib.sha256()
    for name in modules:
        texts.update(hashlib.sha256((folder / f"{name}.py").read_bytes()).digest())
    return texts.hexdigest()


def compiled(
    function: Callable[..., Any], fresh: str, options: dict[str, Any], *, bare: bool = False
) -> Any:
    """A function that Numba compiles at its first call, or reads from disk.

    Parameters
    ----------
    function : callable
    fresh : str
        What an entry on disk must have been made for; see `stamp`.
    options : dict
        For `numba.njit`.
    bare : bool
        See `KernelCache`.
    """
    kernel = nb.njit(**options)(function)
    # where the inside of Numba is not as known here, it compiles in every process
    with contextlib.suppress(AttributeError, ImportError, TypeError):
        kernel._cache = KernelCache(function, fresh, bare=bare)
    return kernel


class KernelCache:
    """What a dispatcher of Numba asks for compiled code: never an error, at worst nothing.

    Parameters
    ----------
    function : callable
    fresh : str
    bare : bool
        Whether the code needs nothing of Numba's runtime: it allocates nothing, and calls no
        linear algebra.
    """

    def __init__(self, function: Callable[..., Any], fresh: str, *, bare: bool = False) -> None:
        self._bare = bare and inside_is_known()
        self._name, self._waiting = function.__name__, 0  # compilations that are not over
        self._writable: Any = None
        with contextlib.suppress(RuntimeError, OSError):  # "no locator": nowhere
            self._writable = _searching([_own_place(fresh), *_places()])(function)
        own = self.cache_path
        self._caches = [] if own is None else [self._writable]
        named = bool(getattr(nb.config, "CACHE_DIR", ""))  # who names a folder means that one
        if own is None or not named:
            self._caches += [one for one in _readable(function, fresh) if one.cache_path != own]
        for one in self._caches:
            one._cache_file._source_stamp = fresh
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """Where entries are written; None if nowhere."""
        return None if self._writable is None else str(self._writable.cache_path)

    def holds(self, processor: Any) -> bool:
        """Whether there is an entry for a processor (of Numba's ``magic_tuple``)."""
        for one in self._caches:
            with contextlib.suppress(Exception):  # unreadable, or damaged
                index = one._cache_file._load_index()
                if any(key[1] == processor for key in index):
                    return True
        return False

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code of a signature; None if it must be compiled.

        Before it reads code, Numba starts its runtime and fills its tables of all functions that
        it can compile: a quarter of a second. Bare code needs neither, and what is compiled later
        has it done then.
        """
        if not self._bare:
            target_context.refresh()
        for one in self._caches if self._enabled else ():
            with contextlib.suppress(Exception):  # an entry that is damaged is compiled anew
                load = one._load_overload if self._bare else one.load_overload
                found = load(sig, target_context)
                if found is not None:
                    return found
        self._waiting += 1
        _note.write(f"exactspline is compiling its kernels, once only ({self._name})")
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code, if that can be done."""
        if self._waiting:
            self._waiting -= 1
            _note.wipe()
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


def _places() -> list[Any]:
    """Where Numba looks for a place, in its order."""
    from numba.core.caching import FunctionCache

    return list(FunctionCache._impl_class._locator_classes)


def _searching(places: list[Any]) -> Any:
    """Numba's cache of a function, with places of ours."""
    from numba.core.caching import FunctionCache

    made = FunctionCache._impl_class
    one = type(made.__name__, (made,), {"_locator_classes": places})
    return type("PlacedCache", (FunctionCache,), {"_impl_class": one})


@cache
def _own_place(fresh: str) -> Any:
    """The folder of all kernels of one content, as Numba wants to be told of it."""
    import llvmlite
    from numba.core import caching

    versions = f"{fresh} {nb.__version__} {llvmlite.__version__} {sys.implementation.cache_tag}"
    tried: dict[tuple[bool, Path], bool] = {}  # written to or only read; usable
    name = "kernels-" + hashlib.sha256(versions.encode()).hexdigest()[:24]

    class Own(caching._CacheLocator):
        def __init__(self, line: int, folder: Path) -> None:
            self._line, self._path = str(line), folder / name

        def ensure_cache_path(self) -> None:
            if not self._path.is_dir():
                _forget_old(self._path.parent)
            super().ensure_cache_path()

        def get_cache_path(self) -> str:
            return str(self._path)

        def get_source_stamp(self) -> str:
            return fresh

        def get_disambiguator(self) -> str:
            return self._line

        @classmethod
        def from_function(cls, function: Any, file: str) -> Any:
            folder = cache_folder()
            if folder is None:
                return None
            found = cls(function.__code__.co_firstlineno, folder)
            key = cls is Own, folder
            if key not in tried:  # once is enough: all kernels have one folder
                tried[key] = False
                with contextlib.suppress(OSError):
                    found.ensure_cache_path()
                    tried[key] = True
            return found if tried[key] else None

    return Own


def _forget_old(folder: Path) -> None:
    """Remove kernels of other versions that nobody has added to for long."""
    with contextlib.suppress(OSError):
        for other in folder.glob("kernels-*"):
            if time.time() - other.stat().st_mtime > _KEPT:
                shutil.rmtree(other, ignore_errors=True)


def _readable(function: Callable[..., Any], fresh: str) -> Iterator[Any]:
    """Caches of all the places where Numba would write if it could, and that are there."""

    def ensure_cache_path(self: Any) -> None:
        if not os.path.isdir(self.get_cache_path()):
            raise FileNotFoundError(self.get_cache_path())

    for place in [_own_place(fresh), *_places()]:
        lenient = type(place.__name__, (place,), {"ensure_cache_path": ensure_cache_path})
        with contextlib.suppress(RuntimeError, OSError):  # not that one
            yield _searching([lenient])(function)


class _Note:
    """A line on the terminal while this process compiles; nothing elsewhere."""

    def __init__(self) -> None:
        self._width = 0
        self.quiet = False

    def write(self, text: str) -> None:
        """Draw it in place of what it said before."""
        stream = sys.stderr
        if not self.quiet and bool(getattr(stream, "isatty", lambda: False)()):
            self._put(stream, "\r" + text.ljust(self._width))
            self._width = len(text)

    def wipe(self) -> None:
        """Wipe the line."""
        if self._width:
            self._put(sys.stderr, "\r" + " " * self._width + "\r")
            self._width = 0

    def _put(self, stream: Any, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed
            stream.write(text)
            stream.flush()


_note = _Note()


def keep_quiet() -> None:
    """Say nothing in this process: the one that started it does."""
    global _warned
    _warned = _note.quiet = True


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
            "half a minute and more; set NUMBA_CACHE_DIR to a folder that can be written",
            stacklevel=2,
        )
