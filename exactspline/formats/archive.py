"""NumPy archives (.npz) from strangers: nothing is unpickled, and sizes are checked before reading.

What an archive states (its directory, its arrays' headers) is compared with what is there first;
an array is then read as a whole, or some rows at a time.
"""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Self

import numpy as np

from ..errors import FormatError
from .files import PathLike, scan_stream
from .limits import MAX_BINARY_BYTES

__all__ = ["Archive", "StoredArray"]

_MAX_MEMBERS = 20_000
# what zipfile, zlib and numpy's header parser raise on malformed input
_BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)


class StoredArray:
    """An array of an archive, its header read and checked, its numbers not yet read.

    Attributes
    ----------
    where : str
        The file and the array, for messages.
    shape, dtype, count
        As its header states them, the size being that of what is there.
    """

    def __init__(self, member: IO[bytes], size: int, where: str) -> None:
        self._member, self.where = member, where
        start = member.read(12)
        version = np.lib.format.read_magic(io.BytesIO(start))
        if version not in ((1, 0), (2, 0)):
            raise FormatError(f"{where}: .npy version {version} is not supported; save it anew")
        width = 2 if version == (1, 0) else 4
        length = int.from_bytes(start[8 : 8 + width], "little")
        if length > 10_000:
            raise FormatError(f"{where}: the header of {length:,} bytes is too long")
        header = start + member.read(8 + width + length - len(start))
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        self.shape, self._fortran, self.dtype = read(io.BytesIO(header[8:]))
        if self.dtype.hasobject:
            raise FormatError(
                f"{where}: holds pickled Python objects, which are not read; "
                "save floats, or write fractions as a .json network"
            )
        self.count = math.prod(self.shape)
        needed = self.count * self.dtype.itemsize
        if needed != size - len(header):
            raise FormatError(
                f"{where}: shape {self.shape} of {self.dtype} needs {needed:,} bytes, "
                f"but {size - len(header):,} are there"
            )

    def whole(self) -> np.ndarray:
        """All of it."""
        flat = self._entries(self.count)
        return flat.reshape(self.shape, order="F" if self._fortran else "C")

    def rows(self, step: int) -> Iterator[np.ndarray]:
        """Up to ``step`` rows at a time, in order."""
        if self._fortran and len(self.shape) > 1:
            raise FormatError(f"{self.where}: is stored column by column; save it row by row")
        width = math.prod(self.shape[1:])
        for start in range(0, self.shape[0], step):
            n = min(step, self.shape[0] - start)
            yield self._entries(n * width).reshape(n, *self.shape[1:])

    def _entries(self, count: int) -> np.ndarray:
        data = self._member.read(count * self.dtype.itemsize)
        return np.frombuffer(data, dtype=self.dtype, count=count)  # ValueError if truncated


class Archive:
    """The arrays of an open .npz file.

    Parameters
    ----------
    stream : binary file
    path : path-like
        For messages.
    most_ratio : (int, int), optional
        An archive that unpacks to more bytes than the first number, and to more than so many
        times its own, is refused.

    Raises
    ------
    FormatError
        If it is no zip file, or too large: over 20,000 arrays, or over 1 GiB.
    """

    def __init__(
        self, stream: BinaryIO, path: PathLike, most_ratio: tuple[int, int] | None = None
    ) -> None:
        self._path = path
        # the directory of an archive is parsed as a whole: count its entries' marks before
        self.sha256, members = scan_stream(stream, b"PK\x01\x02")
        if members > _MAX_MEMBERS:
            raise FormatError(f"{path}: has {members:,} members; up to {_MAX_MEMBERS:,} are read")
        try:
            self._zip = zipfile.ZipFile(stream)
        except _BROKEN as error:
            raise FormatError(f"{path}: is no NumPy archive (zip file): {_short(error)}") from None
        infos = self._zip.infolist()
        unpacked = sum(info.file_size for info in infos)
        packed = sum(info.compress_size for info in infos)
        if unpacked > MAX_BINARY_BYTES:
            raise FormatError(
                f"{path}: unpacks to {unpacked:,} bytes, more than {MAX_BINARY_BYTES:,}"
            )
        if most_ratio and unpacked > most_ratio[0] and unpacked > most_ratio[1] * packed:
            raise FormatError(
                f"{path}: unpacks to {unpacked:,} bytes from {packed:,}, as a zip bomb does; "
                "save the arrays without compression (numpy.savez)"
            )
        self._infos: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = info.filename.removesuffix(".npy")
            if name in self._infos:
                raise FormatError(f"{path}: holds {name} twice")
            self._infos[name] = info

    @property
    def names(self) -> tuple[str, ...]:
        """What the arrays are called, in their order."""
        return tuple(self._infos)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @contextmanager
    def opened(self, name: str) -> Iterator[StoredArray]:
        """One of the arrays, to be read in the block.

        Raises
        ------
        FormatError
            If there is none of that name, if it is malformed, or its size is not as stated.
        """
        where = f"{self._path}: {name}"
        if name not in self._infos:
            raise FormatError(f"{where} is missing")
        info = self._infos[name]
        try:
            with self._zip.open(info) as member:
                yield StoredArray(member, info.file_size, where)
        except _BROKEN as error:
            raise FormatError(f"{where}: cannot be read ({_short(error)})") from None


def _short(error: Exception) -> str:
    """NumPy's messages may quote a whole header."""
    return str(error)[:200] or type(error).__name__
