"""Files and models in and out: networks (ONNX, .nnet, NumPy archives, JSON; PyTorch modules and
scikit-learn estimators) and domains (VNN-LIB, JSON).

Every reader gives exactly the numbers that are stored, checks sizes before it takes memory,
follows no paths, runs no code of a file, and ends every malformed file in an
``ExactSplineError`` that says what is wrong and where. Nothing here computes with a network.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import FormatError
from ..mode import guarded
from .files import PathLike
from .json.domain import domain_to_json, load_domain
from .json.network import load_json, network_to_json, save_json
from .nnet import load_nnet
from .npz import load_npz
from .vnnlib.reader import load_vnnlib, overlapping

if TYPE_CHECKING:
    from ..network import Network

__all__ = [
    "domain_to_json",
    "load",
    "load_domain",
    "load_json",
    "load_nnet",
    "load_npz",
    "load_onnx",
    "load_vnnlib",
    "network_to_json",
    "overlapping",
    "save_json",
    "save_network",
    "save_onnx",
]


@guarded
def load(path: PathLike) -> Network:
    """Read a network; the file's extension says how.

    Parameters
    ----------
    path : path-like
        ``.onnx`` (see `load_onnx`), ``.nnet`` (see `load_nnet`), ``.npz`` (see `load_npz`) or
        ``.json`` (see `load_json`).

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
.onnx, .npz, .json and .nnet files
    """
    name = os.fspath(path)
    extension = os.path.splitext(name)[1].lower()
    if extension == ".onnx":
        return load_onnx(path)
    if extension == ".npz":
        return load_npz(path)
    if extension == ".json":
        return load_json(path)
    if extension == ".nnet":
        return load_nnet(path)
    advice = "networks are read from .onnx, .npz, .json and .nnet files"
    if extension in (".pt", ".pth"):
        advice += "; a state dict needs its module: from_torch(module, input_shape, weights=...)"
    raise FormatError(f"{name}: extension {extension!r} is not known; {advice}")


@guarded
def save_network(net: Network, path: PathLike) -> None:
    """Write a network; the file's extension says how.

    Parameters
    ----------
    net : Network
    path : path-like
        Ends in ``.json`` (see `save_json`); overwritten if it exists.

    Raises
    ------
    FormatError
        For another extension, and if the file cannot be written.
    ExactSplineError
        What the writer of the format says.

    Examples
    --------
    >>> import os, tempfile
    >>> from exactspline import Network, ReLU
    >>> name = os.path.join(tempfile.mkdtemp(), "net.json")
    >>> save_network(Network([ReLU()], (1,)), name)
    >>> load(name).operators
    (<ReLU>,)
    """
    name = os.fspath(path)
    extension = os.path.splitext(name)[1].lower()
    if extension == ".json":
        save_json(net, path)
        return
    advice = "networks are written as .json"
    if extension == ".onnx":
        advice += "; net.to_onnx(path) writes an ONNX model"
    raise FormatError(f"{name}: extension {extension!r} cannot be written here; {advice}")


@guarded
def load_onnx(path: PathLike) -> Network:
    """Read an ONNX model; see `exactspline.formats.onnx.reader.load_onnx`."""
    from .onnx.reader import load_onnx as read

    return read(path)


@guarded
def save_onnx(net: Network, path: PathLike, *, rounded: bool = False) -> None:
    """Write an ONNX model; see `exactspline.formats.onnx.writer.save_onnx`."""
    from .onnx.writer import save_onnx as write

    write(net, path, rounded=rounded)
