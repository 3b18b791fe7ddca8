"""Files and models in and out: networks (ONNX, .nnet, NumPy archives, JSON; PyTorch modules and
scikit-learn estimators) and domains (VNN-LIB, JSON).

Every reader gives exactly the numbers that are stored, checks sizes before it takes memory,
follows no paths, runs no code of a file, and ends every malformed file in an
``ExactSplineError`` that says what is wrong and where. Nothing here computes with a network.
A format is a file of this folder, or a folder in it, that registers its reader and its writer.
"""

from __future__ import annotations

import inspect
import sys

from ..discovery import load_files
from ..errors import ParameterError
from ..mode import guarded
from ..network import Network
from .files import PathLike
from .json.domain import domain_to_json, load_domain
from .json.network import load_json, network_to_json, save_json
from .nnet import load_nnet
from .npz import load_npz
from .onnx import load_onnx, save_onnx
from .registry import reader_of, writer_of
from .vnnlib.reader import load_vnnlib, overlapping

load_files(sys.modules[__name__])  # formats register themselves, by the extensions of their files

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
def load(path: PathLike, *, output: str | int | None = None, batch: bool = True) -> Network:
    """Read a network; the file's extension says how.

    Parameters
    ----------
    path : path-like
        ``.onnx`` (see `load_onnx`), ``.nnet`` (see `load_nnet`), ``.npz`` (see `load_npz`),
        ``.json`` (see `load_json`), or what else is registered (see `registry`).
    output : str or int, optional
        Which of a model's several outputs is read, by its name or position (ONNX, .pt2).
    batch : bool
        Whether the first axis of an input with several axes is the batch axis (ONNX, .pt2).

    Returns
    -------
    Network
        Its ``sha256`` is that of the file.

    Raises
    ------
    FormatError
        For another extension, and for files that cannot be read or are malformed.
    ParameterError
        If files with this extension have no such option.
    ExactSplineError
        What the reader of the format says.

    Examples
    --------
    >>> load("net.h5")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    exactspline.errors.FormatError: net.h5: extension '.h5' is not known; networks are read from \
.json, ... files
    """
    read, options = reader_of(path), {}
    for name, value, usual in (("output", output, None), ("batch", batch, True)):
        if value != usual:
            options[name] = value
            if name not in inspect.signature(read).parameters:
                raise ParameterError(f"{path}: such files have no {name}=; leave it out")
    return read(path, **options)


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
    writer_of(path)(net, path)
