"""PyTorch modules and programs: exported by torch.export, no ONNX in between."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...errors import ExactSplineError, FormatError, UnsupportedOperatorError
from ...mode import guarded
from ...network import Network
from ..files import PathLike
from ..signature import Input, Output, chosen_output, named_slices

__all__ = ["from_torch", "needs_torch"]

_WAY_OUT = (
    "from_torch: TorchScript (torch.jit) has no program that is read; give the torch.nn.Module it "
    "was made from, or write it with torch.onnx.export(module, args, path, dynamo=False) and load "
    "that"
)


@guarded
def from_torch(
    module: Any,
    input_shape: Any = None,
    *,
    weights: PathLike | None = None,
    output: Output = None,
    batch: bool = True,
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
        return _of_program(module, input_shape, output, batch)
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
    from .exporting import exported
    from .inputs import inputs_of_module, shapes_given

    shapes = shapes_given(input_shape)
    module = getattr(module, "_orig_mod", module)  # a compiled module holds the one it is of
    inputs = inputs_of_module(module, shapes, batch)
    program = exported(_traced(module, weights, torch), inputs, by_name=isinstance(shapes, dict))
    return _read(program, inputs, output)


def _traced(module: Any, weights: PathLike | None, torch: Any) -> Any:
    """A copy of a module in eval mode."""
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
    return traced


def _of_program(program: Any, input_shape: Any, output: Output, batch: bool) -> Network:
    from .inputs import inputs_of_program, shapes_given

    inputs = inputs_of_program(program, shapes_given(input_shape), batch)
    return _read(program, inputs, output)


def _read(program: Any, inputs: Sequence[Input], output: Output) -> Network:
    import torch

    from .inputs import output_names, tensor_inputs
    from .program import ProgramReader, float_outputs, plain_program

    names = [node.name for node in tensor_inputs(program)]  # as forward calls them
    known = {x.name: x for x in inputs}
    inputs = [replace(known.get(name, x), name=name) for x, name in zip(inputs, names, strict=True)]
    plain = plain_program(program)

    def read(k: int) -> tuple[list[Any], tuple[int, ...]]:
        building = ProgramReader(plain, inputs)
        return building.nodes_up_to(building.run(k)), building.input_shape

    with torch.no_grad():
        try:
            nodes, shape = chosen_output(output_names(program), output, float_outputs(plain), read)
        except ExactSplineError as error:
            if str(error).startswith("from_torch: "):
                raise
            who = "the module " if str(error).startswith("has ") else ""
            raise type(error)(f"from_torch: {who}{error}") from None
    try:
        return Network.from_nodes(nodes, shape, inputs=named_slices(inputs))
    except ExactSplineError as error:
        raise type(error)(f"from_torch: {error}") from None


def needs_torch(what: object) -> Any:
    """PyTorch, or an error that says where to get it."""
    try:
        import torch
    except ImportError:
        raise FormatError(
            f"{what}: needs PyTorch, which is not installed: pip install 'exactspline[torch]'"
        ) from None
    return torch
