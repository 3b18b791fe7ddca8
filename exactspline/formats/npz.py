"""NumPy archives: W0, b0, W1, b1, ... of a fully connected ReLU network."""

from __future__ import annotations

import re
from typing import BinaryIO

import numpy as np

from ..errors import ExactSplineError, FormatError
from ..mode import guarded
from ..network import Dense, Network, Operator, ReLU
from .archive import Archive
from .files import PathLike, open_file
from .limits import MAX_BINARY_BYTES, Budget, build_network
from .registry import hint, reader

__all__ = ["load_npz"]

hint(
    ".parquet", ".sqlite", ".db",
    reading="a partition or a store is opened with exactspline.open_partition",
)  # fmt: skip

_MEMBER = re.compile(r"([Wb])(0|[1-9][0-9]{0,5})\Z")
_FREE_BYTES = 1 << 24  # unpacked bytes at which the compression ratio is not looked at
_MAX_RATIO = 100
_OF_A_PARTITION = {"header", "codes", "witnesses"}  # arrays that `Partition.save` writes


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
        sha256, arrays = _read_arrays(stream, path)
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


def _read_arrays(stream: BinaryIO, path: PathLike) -> tuple[str, dict[tuple[str, int], np.ndarray]]:
    """The file's SHA-256, and all arrays of the archive by letter and number."""
    arrays: dict[tuple[str, int], np.ndarray] = {}
    budget = Budget()
    with Archive(stream, path, most_ratio=(_FREE_BYTES, _MAX_RATIO)) as archive:
        if set(archive.names) >= _OF_A_PARTITION:
            raise FormatError(
                f"{path}: holds a partition, no network; open it with exactspline.open_partition"
            )
        for name in archive.names:
            match = _MEMBER.match(name)
            if not match:
                raise FormatError(
                    f"{path}: array {name!r} is not expected; "
                    "an archive holds W0, b0, W1, b1, ... and nothing else"
                )
            key = match.group(1), int(match.group(2))
            rank = 2 if key[0] == "W" else 1
            with archive.opened(name) as array:
                if array.dtype.kind not in "fiu":
                    raise FormatError(
                        f"{array.where}: has entries of type {array.dtype}; give floats or integers"
                    )
                if len(array.shape) != rank or any(n < 1 for n in array.shape):
                    wanted = "(n_out, n_in)" if rank == 2 else "(n_out,)"
                    raise FormatError(
                        f"{array.where}: has shape {array.shape}; it needs shape {wanted}"
                    )
                budget.parameters(array.count, array.where)
                arrays[key] = array.whole()
    return archive.sha256, arrays
