"""ONNX models, read and written. What that takes is loaded when the first one is."""

from __future__ import annotations

from ...mode import guarded
from ...network import Network
from ..files import PathLike
from ..registry import hint, reader

__all__ = ["load_onnx", "save_onnx"]

hint(".onnx", writing="net.to_onnx(path) writes an ONNX model")


@reader(".onnx")
@guarded
def load_onnx(path: PathLike, *, output: str | int | None = None, batch: bool = True) -> Network:
    """Read an ONNX model, as `load` does with a file that ends in .onnx.

    Parameters
    ----------
    path : path-like
        Which operators are read, and how, is in docs/formats.md.
    output : str or int, optional
        Which of several outputs is read: its name, or its position.
    batch : bool
        Whether the first axis of an input with several axes is the batch axis.

    Returns
    -------
    Network

    Raises
    ------
    FormatError, UnsupportedOperatorError, ParameterError, ShapeError

    Examples
    --------
    >>> import os, tempfile
    >>> from exactspline import Dense, Network, ReLU
    >>> name = os.path.join(tempfile.mkdtemp(), "net.onnx")
    >>> Network([Dense([[1, -2]], [3]), ReLU()], (2,)).to_onnx(name)
    >>> load_onnx(name).operators
    (<Dense 2 -> 1>, <ReLU>)
    """
    from .reader import load_onnx as read

    return read(path, output=output, batch=batch)


@guarded
def save_onnx(net: Network, path: PathLike, *, rounded: bool = False) -> None:
    """Write a network as an ONNX model, as `Network.to_onnx` does.

    Parameters
    ----------
    net : Network
    path : path-like
        Overwritten if it exists.
    rounded : bool
        Allow parameters that float64 cannot hold to be rounded to the nearest one.

    Raises
    ------
    FormatError, ParameterError, UnsupportedOperatorError

    Examples
    --------
    >>> import os, tempfile
    >>> from exactspline import Dense, Network
    >>> third = Network([Dense([["1/3"]])], (1,))
    >>> save_onnx(third, os.path.join(tempfile.mkdtemp(), "net.onnx"), rounded=True)
    """
    from .writer import save_onnx as write

    write(net, path, rounded=rounded)
