"""NumPy archives: W0, b0, W1, b1, ... of a fully connected ReLU network."""

from __future__ import annotations

import io
import math
import re
import tokenize
import zipfile
import zlib
from typing import IO, BinaryIO

import numpy as np

from ..errors import ExactSplineError, FormatError
from ..mode import guarded
from ..network import Dense, Network, Operator, ReLU
from .files import PathLike, open_file, scan_stream
from .limits import MAX_BINARY_BYTES, Budget, build_network
from .registry import reader

__all__ = ["load_npz"]

_MEMBER = re.compile(r"([Wb])(0|[1-9][0-9]{0,5})\.npy\Z")
_MAX_MEMBERS = 20_000
_FREE_BYTES = 1 << 24  # unpacked bytes at which the compression ratio is not looked at
_MAX_RATIO = 100
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


@reader(".npz", holds="W0, b0, W1, ...")
@guarded
def load_npz(path: PathLike) -> Network:
    """Read a fully connected ReLU network from a NumPy archive.

    Parameters
    ----------
    path : path-like
        An ``.npz`` archive that holds ``W0, b0, W1, b1, ...`` and nothing else. ``W_i`` has
        shape (n_out, n_in), ``b_i`` shape (n_out,). A ReLU stands between two layers; the last
        layer is affine. Floats (of any width) and integers are taken exactly.

    Returns
    -------
    Network
        With input shape (n_in of ``W0``,).

    Raises
    ------
    FormatError
        If the archive is unreadable, truncated or too large (1 GiB, packed or unpacked), if an
        array is missing, of the wrong rank, pickled, or not expected.
    ParameterError
        For NaN or infinite entries.
    ShapeError
        If two layers do not fit.

    Notes
    -----
    Nothing is unpickled. An array's declared shape is compared with the size that the archive
    states before the array is read.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> name = os.path.join(tempfile.mkdtemp(), "net.npz")
    >>> np.savez(name, W0=[[1.0], [1.0]], b0=[0.0, -1.0], W1=[[1.0, -2.0]], b1=[0.0])
    >>> load_npz(name).forward([3.0])
    array([-1.])
    """
    with open_file(path, MAX_BINARY_BYTES) as stream:
        # the directory of an archive is parsed as a whole: count its entries' marks before
        sha256, members = scan_stream(stream, b"PK\x01\x02")
        if members > _MAX_MEMBERS:
            raise FormatError(f"{path}: has {members:,} members; up to {_MAX_MEMBERS:,} are read")
        arrays = _read_arrays(stream, path)
    layers = 1 + max((number for _, number in arrays), default=-1)
    if layers == 0:
        raise FormatError(f"{path}: the archive is empty; it needs W0, b0, W1, b1, ...")
    if 2 * layers != len(arrays):  # say which one is missing
        for number in range(layers):
            for letter in "Wb":
                if (letter, number) not in arrays:
                    raise FormatError(
                        f"{path}: {letter}{number} is missing; an archive with W{layers - 1} or "
                        f"b{layers - 1} needs W0, b0, ... W{layers - 1}, b{layers - 1}"
                    )
    operators: list[Operator] = []
    for number in range(layers):
        if number:
            relu = ReLU()
            relu.name = f"relu{number - 1}"
            operators.append(relu)
        try:
            operators.append(Dense(arrays["W", number], arrays["b", number], name=f"layer{number}"))
        except ExactSplineError as error:
            raise type(error)(f"{path}: {error}") from None
    return build_network(operators, (arrays["W", 0].shape[1],), sha256, path)


def _read_arrays(stream: BinaryIO, path: PathLike) -> dict[tuple[str, int], np.ndarray]:
    """All arrays of the archive, by letter and number."""
    try:
        archive = zipfile.ZipFile(stream)
    except _BROKEN as error:
        raise FormatError(f"{path}: is no NumPy archive (zip file): {_short(error)}") from None
    with archive:
        members = archive.infolist()
        unpacked = sum(info.file_size for info in members)
        packed = sum(info.compress_size for info in members)
        if unpacked > MAX_BINARY_BYTES:
            raise FormatError(
                f"{path}: unpacks to {unpacked:,} bytes, more than {MAX_BINARY_BYTES:,}"
            )
        if unpacked > _FREE_BYTES and unpacked > _MAX_RATIO * packed:
            raise FormatError(
                f"{path}: unpacks to {unpacked:,} bytes from {packed:,}, as a zip bomb does; "
                "save the arrays without compression (numpy.savez)"
            )
        arrays: dict[tuple[str, int], np.ndarray] = {}
        budget = Budget()
        for info in members:
            match = _MEMBER.match(info.filename)
            if not match:
                raise FormatError(
                    f"{path}: array {info.filename.removesuffix('.npy')!r} is not expected; "
                    "an archive holds W0, b0, W1, b1, ... and nothing else"
                )
            key = match.group(1), int(match.group(2))
            if key in arrays:
                raise FormatError(f"{path}: holds {key[0]}{key[1]} twice")
            where = f"{path}: {key[0]}{key[1]}"
            try:
                with archive.open(info) as member:
                    rank = 2 if key[0] == "W" else 1
                    arrays[key] = _read_array(member, info.file_size, rank, where, budget)
            except _BROKEN as error:
                raise FormatError(f"{where}: cannot be read ({_short(error)})") from None
        return arrays


def _read_array(member: IO[bytes], size: int, rank: int, where: str, budget: Budget) -> np.ndarray:
    """One ``.npy`` array, read only after its header was checked against its size."""
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
    shape, fortran, dtype = read(io.BytesIO(header[8:]))
    if dtype.hasobject:
        raise FormatError(
            f"{where}: holds pickled Python objects, which are not read; "
            "save floats, or write fractions as a .json network"
        )
    if dtype.kind not in "fiu":
        raise FormatError(f"{where}: has entries of type {dtype}; give floats or integers")
    if len(shape) != rank or any(n < 1 for n in shape):
        wanted = "(n_out, n_in)" if rank == 2 else "(n_out,)"
        raise FormatError(f"{where}: has shape {shape}; it needs shape {wanted}")
    count = math.prod(shape)
    if count * dtype.itemsize != size - len(header):
        raise FormatError(
            f"{where}: shape {shape} of {dtype} needs {count * dtype.itemsize:,} bytes, "
            f"but {size - len(header):,} are there"
        )
    budget.parameters(count, where)
    data = member.read(count * dtype.itemsize)
    flat = np.frombuffer(data, dtype=dtype, count=count)  # ValueError if truncated
    return flat.reshape(shape, order="F" if fortran else "C")


def _short(error: Exception) -> str:
    """NumPy's messages may quote a whole header."""
    return str(error)[:200] or type(error).__name__
