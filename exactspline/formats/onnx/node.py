"""One ONNX node as its reader sees it: checked inputs and attributes, and its own errors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from copy import copy
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...errors import FormatError, UnsupportedOperatorError
from ...rationals import to_fraction
from .values import AnyValue, Constant, Infinite, Value, Variable, decode_tensor, stored_numbers

if TYPE_CHECKING:
    from onnx import AttributeProto, NodeProto

__all__ = ["MIXES", "NodeView", "NotComputedError", "describe_node"]

MIXES = "it would combine the batch axis with others; networks are read for one input at a time"

# AttributeProto.AttributeType
_FLOAT, _INT, _STRING, _TENSOR, _FLOATS, _INTS = 1, 2, 3, 4, 6, 7
_LONGEST = 1 << 31  # of a size that stands in an attribute: sums of those fit 64 bits
_NAME = 200  # characters of a name that are kept


class NotComputedError(UnsupportedOperatorError):
    """A handler computes nothing from constants: the reference implementation may."""


class NodeView:
    """A node with its input values.

    Attributes
    ----------
    kind, name, where : str
        ONNX's operator type; the node's name (``Gemm_3`` if it has none); what to say in errors.
    inputs : tuple of Value or None
        None for an optional input that is left out at the end or by an empty name.
    given : tuple
        The same as they came, with functions that may jump and constants that are not finite.
    outputs : int
        How many outputs it lists.
    opset : int
        The version of its operator set that the file uses.
    """

    def __init__(
        self, node: NodeProto, index: int, given: tuple[AnyValue | None, ...], opset: int
    ) -> None:
        self.kind: str = node.op_type
        self.name: str = (node.name or f"{node.op_type}_{index}")[:_NAME]
        self.where = describe_node(node, index)
        self.given = given
        self.inputs: tuple[Value | None, ...] = given  # type: ignore[assignment]  # see the reader
        self.outputs = len(node.output)
        self.opset = opset
        self.attributes: dict[str, AttributeProto] = {}
        for attribute in node.attribute:
            if attribute.name in self.attributes:
                raise FormatError(f"{self.where}: attribute {attribute.name[:80]!r} stands twice")
            if attribute.ref_attr_name:
                raise FormatError(f"{self.where}: attribute {attribute.name[:80]!r} is a reference")
            self.attributes[attribute.name] = attribute

    def with_inputs(self, inputs: Iterable[Value | None]) -> NodeView:
        """The same node with other inputs."""
        out = copy(self)
        out.inputs = tuple(inputs)
        out.given = out.inputs
        return out

    def unsupported(self, message: str) -> UnsupportedOperatorError:
        """The error for what is legal ONNX, but not supported."""
        return UnsupportedOperatorError(f"{self.where}: {message}")

    def not_computed(self) -> NotComputedError:
        """The error for constants that a handler does not compute itself."""
        moving = [i for i, v in enumerate(self.inputs) if v is not None and not isinstance(
            v, Constant | Infinite)]  # fmt: skip
        if moving:
            return NotComputedError(
                f"{self.where}: its input {moving[0]} depends on the network's input while its "
                "first one is constant; it is not read as a function of that one"
            )
        return NotComputedError(
            f"{self.where}: {self.kind} of a constant is not computed; simplify the model "
            "(constant folding) before it is saved"
        )

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

    def plain(self, i: int) -> Value:
        """Input i, which must be there and finite."""
        value = self.value(i)
        return value.refused() if isinstance(value, Infinite) else value

    def variable(self, i: int) -> Variable:
        """Input i, which must depend on the network's input."""
        value = self.value(i)
        if not isinstance(value, Variable):
            raise self.not_computed()
        return value

    def image(self, i: int) -> Variable:
        """Input i: a variable with a batch axis, of any length, channels and others."""
        x = self.variable(i)
        if len(x.shape) < 3:
            raise self.wrong(f"an input of shape {x.shape} has no spatial axes")
        return x

    def constant(self, i: int, what: str) -> Constant:
        """Input i, which must not depend on the network's input."""
        value = self.value(i)
        if not isinstance(value, Constant):
            raise self.unsupported(f"its {what} (input {i}) depends on the network's input")
        return value

    def constant_ints(self, i: int, what: str) -> list[int]:
        """A constant list of integers, such as a shape."""
        constant = self.constant(i, what)
        if not constant.integer or len(constant.shape) > 1 or constant.values.size > 64:
            raise self.wrong(f"its {what} (input {i}) is no short list of integers")
        return [int(v) for v in constant.values.reshape(-1)]

    def bound(self, i: int, what: str) -> Fraction | float | None:
        """A constant with one entry, which may be infinite, or None if it is left out."""
        value = self.given[i] if i < len(self.given) else None
        if not isinstance(value, Infinite):
            return None if value is None else self.constant_number(i, what)
        if value.array.size != 1 or np.isnan(value.array).any():
            value.refused()
        return float(value.array.reshape(-1)[0])

    def constant_number(self, i: int, what: str) -> Fraction:
        """A constant with one entry."""
        constant = self.constant(i, what)
        if constant.values.size != 1:
            raise self.wrong(f"its {what} (input {i}) has shape {constant.shape}, not one entry")
        return to_fraction(constant.values.reshape(-1).tolist()[0], self.where)

    def optional_ints(self, i: int, what: str) -> list[int] | None:
        """A constant list of integers, or None if it is left out."""
        return None if self.optional(i) is None else self.constant_ints(i, what)

    def sizes(self, name: str, n: int, default: int, least: int) -> tuple[int, ...]:
        """An attribute with n sizes."""
        values = self.ints_attribute(name)
        if values is None:
            return (default,) * n
        if len(values) != n or any(not least <= v < _LONGEST for v in values):
            raise self.wrong(
                f"{name} {values[:20]} does not fit; it needs {n} numbers from {least} "
                f"to {_LONGEST - 1}"
            )
        return tuple(values)

    def axis(self, axis: int, rank: int) -> int:
        """An axis counted from the front."""
        if not -rank <= axis < rank:
            raise self.wrong(f"axis {axis} does not fit {rank} axes")
        return axis % rank

    def inner_axis(self, axis: int, x: Value) -> int:
        """An axis of a value's entries without the batch axis, which is refused."""
        place = self.axis(axis, len(x.shape)) - x.batch
        if place < 0:
            raise self.unsupported(f"works along axis 0: {MIXES}")
        return place

    def axes(self, axes: list[int], rank: int) -> list[int]:
        """Different axes, counted from the front."""
        places = [a + rank if a < 0 else a for a in axes]
        if rank > 64 or len(set(places)) != len(axes) or any(not 0 <= a < rank for a in places):
            raise self.wrong(f"axes {axes[:33]} do not fit {rank} axes")
        return places

    def int_attribute(self, name: str, default: int) -> int:
        """An integer attribute."""
        found = self._attribute(name, _INT)
        return default if found is None else int(found.i)

    def float_attribute(self, name: str, default: float) -> Fraction:
        """A float32 attribute, exactly."""
        found = self._attribute(name, _FLOAT)
        value = float(np.float32(default)) if found is None else found.f
        return to_fraction(float(value), f"{self.where}: attribute {name!r}")

    def float_or_infinite(self, name: str) -> Fraction | float | None:
        """A float32 attribute, exactly, or an infinity; None if it is left out."""
        found = self._attribute(name, _FLOAT)
        if found is not None and abs(found.f) == math.inf:
            return float(found.f)
        return None if found is None else self.float_attribute(name, 0.0)

    def text_attribute(self, name: str, default: str) -> str:
        """A text attribute."""
        found = self._attribute(name, _STRING)
        return default if found is None else found.s[:80].decode("utf-8", "replace")

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

    def stored(self, name: str) -> Constant | Infinite:
        """A stored tensor that must be there, infinite entries included."""
        found = self._attribute(name, _TENSOR)
        if found is None:
            raise self.wrong(f"its {name} is missing")
        return stored_numbers(found.t, f"{self.where}: {name!r}")

    def _attribute(self, name: str, kind: int) -> AttributeProto | None:
        found = self.attributes.get(name)
        if found is not None and found.type != kind:
            raise self.wrong(f"attribute {name!r} has the wrong type")
        return found


def describe_node(node: NodeProto, index: int) -> str:
    """How messages name a node."""
    domain = f" of domain {node.domain[:80]!r}" if node.domain not in ("", "ai.onnx") else ""
    return f"node {index} {node.name[:_NAME]!r} ({node.op_type[:80]}{domain})"
