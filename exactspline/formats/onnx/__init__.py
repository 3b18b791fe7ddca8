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
def load_onnx(path: PathLike, *, output: str | None = None, batch: bool = True) -> Network:
    """Read an ONNX model; see `exactspline.formats.onnx.reader.load_onnx`."""
    from .reader import load_onnx as read

    return read(path, output=output, batch=batch)


@guarded
def save_onnx(net: Network, path: PathLike, *, rounded: bool = False) -> None:
    """Write an ONNX model; see `exactspline.formats.onnx.writer.save_onnx`."""
    from .writer import save_onnx as write

    write(net, path, rounded=rounded)
