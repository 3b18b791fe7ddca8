"""One ONNX node as the handlers see it: checked inputs and attributes, and its own errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ..errors import FormatError, UnsupportedOperatorError
from ..rationals import to_fraction
from .onnx_values import Chain, Constant, Variable, decode_tensor

if TYPE_CHECKING:
    from onnx import AttributeProto, NodeProto

__all__ = ["REGISTRY", "Handler", "NodeView", "Value", "describe_node", "handles"]

Value = Variable | Constant

_FLOAT, _INT, _TENSOR, _FLOATS, _INTS = 1, 2, 4, 6, 7  # AttributeProto.AttributeType


class NodeView:
    """A node with its input values.

    Attributes
    ----------
    kind, name, where : str
        ONNX's operator type; the node's name (``Gemm_3`` if it has none); what to say in errors.
    inputs : tuple of Value or None
        None for an optional input that is left out at the end or by an empty name.
    opset : int
        The version of ONNX's default operators that the file uses.
    """

    def __init__(
        self, node: NodeProto, index: int, inputs: tuple[Value | None, ...], opset: int
    ) -> None:
        self.kind: str = node.op_type
        self.name: str = node.name or f"{node.op_type}_{index}"
        self.where = describe_node(node, index)
        self.inputs = inputs
        self.opset = opset
        self.attributes: dict[str, AttributeProto] = {}
        for attribute in node.attribute:
            if attribute.name in self.attributes:
                raise FormatError(f"{self.where}: attribute {attribute.name!r} stands twice")
            if attribute.ref_attr_name:
                raise FormatError(f"{self.where}: attribute {attribute.name!r} is a reference")
            self.attributes[attribute.name] = attribute

    def unsupported(self, message: str) -> UnsupportedOperatorError:
        """The error for what is legal ONNX, but not supported."""
        return UnsupportedOperatorError(f"{self.where}: {message}")

    def wrong(self, message: str) -> FormatError:
        """The error for what is not legal ONNX."""
        return FormatError(f"{self.where}: {message}")

    def value(self, i: int) -> Value:
        """Input i, which must be there."""
        value = self.optional(i)
        if value is None:
            raise self.wrong(f"input {i} is missing")
        return value

    def optional(self, i: int) -> Value | None:
        """Input i, or None if it is left out."""
        return self.inputs[i] if i < len(self.inputs) else None

    def variable(self, i: int) -> Variable:
        """Input i, which must depend on the network's input."""
        value = self.value(i)
        if not isinstance(value, Variable):
            raise self.unsupported(
                f"{self.kind} of a constant is not computed; simplify the model before saving it"
            )
        return value

    def constant(self, i: int, what: str) -> Constant:
        """Input i, which must not depend on the network's input."""
        value = self.value(i)
        if not isinstance(value, Constant):
            raise self.unsupported(f"its {what} (input {i}) depends on the network's input")
        return value

    def constant_ints(self, i: int, what: str) -> list[int]:
        """A constant list of integers, such as a shape."""
        constant = self.constant(i, what)
        if not constant.integer or len(constant.shape) > 1 or constant.values.size > 32:
            raise self.wrong(f"its {what} (input {i}) is no short list of integers")
        return [int(v) for v in constant.values.reshape(-1)]

    def int_attribute(self, name: str, default: int) -> int:
        """An integer attribute."""
        found = self._attribute(name, _INT)
        return default if found is None else int(found.i)

    def float_attribute(self, name: str, default: float) -> Fraction:
        """A float32 attribute, exactly."""
        found = self._attribute(name, _FLOAT)
        value = default if found is None else found.f
        return to_fraction(float(value), f"{self.where}: attribute {name!r}")

    def ints_attribute(self, name: str) -> list[int] | None:
        """A list of integers, or None."""
        found = self._attribute(name, _INTS)
        return None if found is None else [int(v) for v in found.ints]

    def floats_attribute(self, name: str) -> list[float] | None:
        """A list of float32, or None."""
        found = self._attribute(name, _FLOATS)
        return None if found is None else [float(v) for v in found.floats]

    def tensor_attribute(self, name: str) -> Constant | None:
        """A stored tensor, or None."""
        found = self._attribute(name, _TENSOR)
        return None if found is None else decode_tensor(found.t, f"{self.where}: {name!r}")

    def _attribute(self, name: str, kind: int) -> AttributeProto | None:
        found = self.attributes.get(name)
        if found is not None and found.type != kind:
            raise self.wrong(f"attribute {name!r} has the wrong type")
        return found


def describe_node(node: NodeProto, index: int) -> str:
    """How messages name a node."""
    domain = f" of domain {node.domain!r}" if node.domain not in ("", "ai.onnx") else ""
    return f"node {index} {node.name!r} ({node.op_type}{domain})"


Function = Callable[[NodeView, Chain], Value]


@dataclass(frozen=True)
class Handler:
    """What reads one ONNX operator, and what such a node may have."""

    function: Function
    min_inputs: int
    max_inputs: int
    attributes: frozenset[str]

    def __call__(self, node: NodeView, chain: Chain) -> Value:
        if not self.min_inputs <= len(node.inputs) <= self.max_inputs:
            raise node.wrong(
                f"has {len(node.inputs)} inputs; it needs {self.min_inputs} to {self.max_inputs}"
            )
        unknown = sorted(set(node.attributes) - self.attributes)
        if unknown:  # an attribute that nobody reads could change what the node computes
            raise node.wrong(f"attribute {unknown[0][:80]!r} is not known")
        return self.function(node, chain)


REGISTRY: dict[tuple[str, str], Handler] = {}


def handles(
    *kinds: str, inputs: int | tuple[int, int] = 1, attributes: Iterable[str] = ()
) -> Callable[[Function], Function]:
    """Register a function as the reader of operators of ONNX's default domain."""
    low, high = (inputs, inputs) if isinstance(inputs, int) else inputs

    def register(function: Function) -> Function:
        for kind in kinds:
            REGISTRY["", kind] = Handler(function, low, high, frozenset(attributes))
        return function

    return register
