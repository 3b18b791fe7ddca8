"""Writing files so that a failed run neither leaves half a file nor harms what was there."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from typing import BinaryIO, TypeVar

from ..errors import FormatError
from ..formats.files import PathLike

__all__ = ["by_suffix", "check_writable", "replaced"]

T = TypeVar("T")


def by_suffix(path: PathLike, known: Mapping[str, T], what: str) -> T:
    """What belongs to the extension of a path; ``FormatError`` names those that are known."""
    name = os.fspath(path)
    extension = os.path.splitext(name)[1].lower()
    if extension not in known:
        *others, last = known
        raise FormatError(
            f"{name}: extension {extension!r} is not known; {what} is written as "
            f"{', '.join(others)} or {last}"
        )
    return known[extension]


def check_writable(path: PathLike) -> None:
    """Refuse a path that cannot be written, before work is done for it.

    Raises
    ------
    FormatError
        If it is a directory, or a file or folder that may not be written.
    """
    target = _target(path)
    if target is None:
        return
    try:
        scratch, descriptor = _scratch(target)
        os.close(descriptor)
        os.unlink(scratch)
    except OSError as error:
        raise _unwritable(path, error) from None


@contextlib.contextmanager
def replaced(path: PathLike) -> Iterator[BinaryIO]:
    """Write a file under a scratch name; it takes the path's place when all is written.

    Whatever ends the block early, an exception or an interrupt, removes the scratch file and
    leaves the path as it was. What is no regular file (a pipe, ``/dev/stdout``) is written to
    as it is; a link stays one, and the file that it names is replaced.

    Raises
    ------
    FormatError
        If the file cannot be written.
    """
    target = _target(path)
    try:
        if target is None:
            with open(path, "wb") as stream:
                yield stream
            return
        scratch, descriptor = _scratch(target)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            with contextlib.suppress(FileNotFoundError):
                os.chmod(scratch, stat.S_IMODE(os.stat(target).st_mode))
            os.replace(scratch, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(scratch)
            raise
    except BrokenPipeError:  # the reader of a pipe went away: no error of the file's
        raise
    except OSError as error:
        raise _unwritable(path, error) from None


def _target(path: PathLike) -> str | None:
    """The file behind a path, or None for what is written to as it is."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return os.path.realpath(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise _unwritable(path, error) from None
    if stat.S_ISDIR(mode):
        raise FormatError(f"{os.fspath(path)}: is a directory; give the name of a file")
    if not os.access(path, os.W_OK):
        raise FormatError(f"{os.fspath(path)}: cannot be written (permission denied)")
    return os.path.realpath(path) if stat.S_ISREG(mode) else None


def _scratch(target: str) -> tuple[str, int]:
    """A new file in the folder of the target, with the rights that a new file has."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_BINARY", 0)
    name = os.path.join(os.path.dirname(target), f".exactspline-{secrets.token_hex(8)}.part")
    return name, os.open(name, flags, 0o666)


def _unwritable(path: PathLike, error: Exception) -> FormatError:
    reason = getattr(error, "strerror", None) or str(error)
    return FormatError(f"{os.fspath(path)}: cannot be written ({reason})")
