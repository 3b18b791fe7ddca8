"""PyTorch modules and programs: exported by torch.export, no ONNX in between."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

from ...errors import ExactSplineError, FormatError, ShapeError, UnsupportedOperatorError
from ...mode import guarded
from ...network import Network
from ..files import PathLike

__all__ = ["from_torch", "needs_torch"]

_WAY_OUT = (
    "from_torch: TorchScript (torch.jit) has no program that is read; give the torch.nn.Module it "
    "was made from, or write it with torch.onnx.export(module, args, path, dynamo=False) and load "
    "that"
)


@guarded
def from_torch(
    module: Any, input_shape: Sequence[int] | None = None, *, weights: PathLike | None = None
) -> Network:
    """Take the network of a PyTorch module or program; see `exactspline.from_torch`."""
    torch = needs_torch("from_torch")
    if isinstance(module, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        raise UnsupportedOperatorError(_WAY_OUT)
    if isinstance(module, torch.export.ExportedProgram):
        if weights is not None:
            raise FormatError(
                "from_torch: a program has its weights; give its module to load other ones"
            )
        return _of_program(module, _shape(input_shape))
    if not isinstance(module, torch.nn.Module):
        extra = ""
        if isinstance(module, dict):
            extra = (
                ". A state dict says nothing about how they are connected: save it to a file and "
                "call from_torch(module, input_shape, weights=path)"
            )
        raise UnsupportedOperatorError(
            "from_torch: a torch.nn.Module or a program of torch.export is needed, not a "
            f"{type(module).__name__}{extra}"
        )
    return _of_module(module, _shape(input_shape), weights, torch)


def _of_module(
    module: Any, shape: tuple[int, ...] | None, weights: PathLike | None, torch: Any
) -> Network:
    from .exporting import exported, input_of_module

    module = getattr(module, "_orig_mod", module)  # a compiled module holds the one it is of
    shape, lead = input_of_module(module, shape)
    kinds = (
        torch.nn.modules.batchnorm._NormBase, torch.nn.modules.dropout._DropoutNd, torch.nn.RReLU
    )  # fmt: skip
    if any(isinstance(part, kinds) and part.training for part in module.modules()):
        warnings.warn(
            "from_torch: the module is in training mode; its network is that of eval mode "
            "(no dropout, running statistics). Call module.eval() before, and this is not said",
            stacklevel=7,
        )
    try:
        traced = copy.deepcopy(module)
    except Exception as error:
        raise UnsupportedOperatorError(
            f"from_torch: the module cannot be copied ({type(error).__name__}: {error}); "
            "remove attributes that hold results of a computation"
        ) from None
    if weights is not None:
        from .weights import load_weights

        load_weights(traced, weights)
    for part in traced.modules():
        part.training = False
    return _read(exported(traced, shape, lead), shape, lead)


def _of_program(program: Any, shape: tuple[int, ...] | None) -> Network:
    from .exporting import input_of_program

    found, lead = input_of_program(program, shape)
    return _read(program, found, lead)


def _read(program: Any, shape: tuple[int, ...], lead: int) -> Network:
    import torch

    from .program import ProgramReader, plain_program

    with torch.no_grad():
        building = ProgramReader(plain_program(program), shape, lead)
        nodes = building.nodes_up_to(building.run())
    try:
        return Network.from_nodes(nodes, shape)
    except ExactSplineError as error:
        raise type(error)(f"from_torch: {error}") from None


def _shape(input_shape: Sequence[int] | None) -> tuple[int, ...] | None:
    if input_shape is None:
        return None
    try:
        shape = tuple(int(n) for n in input_shape)
    except (TypeError, ValueError):
        raise ShapeError(
            f"from_torch: input_shape {input_shape!r} is not a sequence of integers"
        ) from None
    if any(n < 1 for n in shape):
        raise ShapeError(f"from_torch: input_shape {shape} needs positive sizes")
    return shape


def needs_torch(what: object) -> Any:
    """PyTorch, or an error that says where to get it."""
    try:
        import torch
    except ImportError:
        raise FormatError(
            f"{what}: needs PyTorch, which is not installed; install exactspline[torch]"
        ) from None
    return torch
