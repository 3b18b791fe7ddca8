"""Which ONNX operators are claimed in front of tools: those whose every ordinary use is decided."""

from __future__ import annotations

__all__ = ["claimed_operators", "opset_range"]

# read in some of their uses alone: products of two values of the network, powers, what is smooth,
# what jumps elsewhere than at a condition
_PARTLY = frozenset({
    "Celu", "Compress", "Div", "Einsum", "Elu", "Gelu", "GlobalLpPool", "HardSwish", "IsInf",
    "IsNaN", "Log", "LogSoftmax", "LpPool", "MaxUnpool", "Mul", "Pow", "RNN", "ReduceProd", "Selu",
    "Sigmoid", "Sign", "Softmax", "Softplus", "Swish", "Tanh",
})  # fmt: skip


def claimed_operators() -> list[str]:
    """Names in ONNX's own domain, in alphabetical order."""
    from ...discovery import load_files
    from . import operators
    from .registry import REGISTRY

    load_files(operators)  # they fill the registry
    return sorted(name for domain, name in REGISTRY if domain == "" and name not in _PARTLY)


def opset_range() -> tuple[int, int]:
    """The oldest and the newest version of ONNX's operator set that is read."""
    from onnx.defs import onnx_opset_version

    from .signature import OLDEST_OPSET

    return OLDEST_OPSET, onnx_opset_version()
