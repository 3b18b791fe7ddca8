"""Reading a file into memory: only regular files, only up to a stated size, hashed as read."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ..errors import FormatError

__all__ = ["PathLike", "open_file", "read_file", "scan_stream", "write_text"]

PathLike = str | os.PathLike[str]

_CHUNK = 1 << 20


@contextmanager
def open_file(path: PathLike, limit: int) -> Iterator[BinaryIO]:
    """Open a regular file of at most ``limit`` bytes for reading.

    Raises
    ------
    FormatError
        If it is missing, unreadable, a directory or device, or larger than the limit.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise FormatError(f"{path}: cannot be read ({_reason(error)})") from None
    # a named pipe or /dev/zero has no end: what is not a regular file is never opened
    if not stat.S_ISREG(status.st_mode):
        what = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise FormatError(f"{path}: is {what}; give a file")
    if status.st_size > limit:
        raise FormatError(
            f"{path}: has {status.st_size:,} bytes; files of this kind are read up to {limit:,}"
        )
    try:
        stream = open(path, "rb")  # noqa: SIM115 (closed below; only opening is guarded here)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({_reason(error)})") from None
    with stream:
        yield stream


def read_file(path: PathLike, limit: int) -> tuple[bytes, str]:
    """The bytes of a file and their SHA-256; see `open_file` for what is refused."""
    with open_file(path, limit) as stream:
        try:
            # one more than its size: the file may have grown since. Not up to the limit:
            # Python takes the memory for what is asked, not for what is there
            data = stream.read(os.fstat(stream.fileno()).st_size + 1)
        except OSError as error:
            raise FormatError(f"{path}: cannot be read ({_reason(error)})") from None
    if len(data) > limit:
        raise FormatError(f"{path}: grew beyond {limit:,} bytes while it was read")
    return data, hashlib.sha256(data).hexdigest()


def scan_stream(stream: BinaryIO, mark: bytes) -> tuple[str, int]:
    """SHA-256 of an open file and how often a mark stands in it, chunk by chunk.

    The position is back at the start afterwards.
    """
    digest, count, tail = hashlib.sha256(), 0, b""
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        count += (tail + chunk).count(mark)
        tail = chunk[-(len(mark) - 1) :]
    stream.seek(0)
    return digest.hexdigest(), count


def write_text(path: PathLike, text: str) -> None:
    """Write a UTF-8 file; ``FormatError`` if that is not possible."""
    try:
        with open(path, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: cannot be written ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
