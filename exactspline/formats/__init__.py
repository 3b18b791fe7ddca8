"""Files in and out: networks (ONNX, NumPy archives, JSON) and domains (VNN-LIB, JSON).

Every reader gives exactly the numbers that are stored, checks sizes before it takes memory,
follows no paths, unpickles nothing, and ends every malformed file in an ``ExactSplineError``
that says what is wrong and where. Nothing here computes with a network.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import FormatError
from .domain_json import domain_to_json, load_domain
from .files import PathLike
from .json import load_json, network_to_json, save_json
from .npz import load_npz
from .vnnlib import load_vnnlib, overlapping

if TYPE_CHECKING:
    from ..network import Network

__all__ = [
    "domain_to_json",
    "load",
    "load_domain",
    "load_json",
    "load_npz",
    "load_onnx",
    "load_vnnlib",
    "network_to_json",
    "overlapping",
    "save_json",
]


def load(path: PathLike) -> Network:
    """Read a network; the file's extension says how.

    Parameters
    ----------
    path : path-like
        ``.onnx`` (see `load_onnx`), ``.npz`` (see `load_npz`) or ``.json`` (see `load_json`).

    Returns
    -------
    Network
        Its ``sha256`` is that of the file.

    Raises
    ------
    FormatError
        For another extension, and for files that cannot be read or are malformed.
    ExactSplineError
        What the reader of the format says.

    Examples
    --------
    >>> load("net.h5")
    Traceback (most recent call last):
    exactspline.errors.FormatError: net.h5: extension '.h5' is not known; networks are read from \
.onnx, .npz and .json files
    """
    name = os.fspath(path)
    extension = os.path.splitext(name)[1].lower()
    if extension == ".onnx":
        return load_onnx(path)
    if extension == ".npz":
        return load_npz(path)
    if extension == ".json":
        return load_json(path)
    raise FormatError(
        f"{name}: extension {extension!r} is not known; "
        "networks are read from .onnx, .npz and .json files"
    )


def load_onnx(path: PathLike) -> Network:
    """Read an ONNX model; see `exactspline.formats.onnx.load_onnx`."""
    from .onnx import load_onnx as read

    return read(path)
