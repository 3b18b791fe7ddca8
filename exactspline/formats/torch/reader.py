"""PyTorch modules, traced by torch.fx: no ONNX in between, and the module stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from ...errors import ExactSplineError, FormatError, ShapeError, UnsupportedOperatorError
from ...mode import guarded
from ...network import Identity, Network
from ..files import PathLike

__all__ = ["from_torch"]


@guarded
def from_torch(
    module: Any, input_shape: Sequence[int], *, weights: PathLike | None = None
) -> Network:
    """Take the network of a PyTorch module; see `exactspline.from_torch`."""
    try:
        import torch
    except ImportError:
        raise FormatError(
            "from_torch: needs PyTorch, which is not installed; install exactspline[torch]"
        ) from None

    shape = _checked(module, input_shape, torch)
    module = getattr(module, "_orig_mod", module)  # a compiled module holds the one it is of
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

    from .trace import NetworkTracer

    with torch.no_grad():
        tracer = NetworkTracer(traced, shape)
        result = tracer.run()
    if result.node < 0:
        tracer.lowering.base = "identity"
        result = tracer.lowering.emit(Identity(), result)
    try:
        return Network.from_nodes(tracer.lowering.nodes, shape, output=result.node)
    except ExactSplineError as error:
        raise type(error)(f"from_torch: {error}") from None


def _checked(module: Any, input_shape: Sequence[int], torch: Any) -> tuple[int, ...]:
    if isinstance(module, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        raise UnsupportedOperatorError(
            "from_torch: a scripted or traced module (TorchScript) cannot be traced again; "
            "give the torch.nn.Module it was made from, or export it to ONNX"
        )
    if not isinstance(module, torch.nn.Module):
        raise UnsupportedOperatorError(
            f"from_torch: a torch.nn.Module is needed, not a {type(module).__name__}"
        )
    try:
        shape = tuple(int(n) for n in input_shape)
    except (TypeError, ValueError):
        raise ShapeError(
            f"from_torch: input_shape {input_shape!r} is not a sequence of integers"
        ) from None
    if any(n < 1 for n in shape):
        raise ShapeError(f"from_torch: input_shape {shape} needs positive sizes")
    return shape
