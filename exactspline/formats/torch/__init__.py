"""PyTorch modules and programs, read by way of torch.export. torch is loaded for the first one."""

from __future__ import annotations

from ...mode import guarded
from ...network import Network
from ..files import PathLike
from ..registry import hint, reader
from ..signature import Output

__all__: list[str] = []

hint(
    ".pt", ".pth",
    reading="a state dict needs its module: from_torch(module, input_shape, weights=...)",
)  # fmt: skip


@reader(".pt2", holds="torch.export")
@guarded
def load_program(path: PathLike, *, output: Output = None, batch: bool = True) -> Network:
    """Read a program of torch.export; see `exactspline.formats.torch.archive.load_program`."""
    from .reader import needs_torch

    needs_torch(path)
    from .archive import load_program as load

    return load(path, output=output, batch=batch)
