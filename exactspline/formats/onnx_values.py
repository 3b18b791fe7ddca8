"""Values while an ONNX graph is walked: exact constants, and the one variable of a chain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FormatError, ParameterError, ShapeError
from ..network import Operator
from ..rationals import as_fractions, compact, exact_array
from .limits import Budget, check_entries

if TYPE_CHECKING:
    from onnx import TensorProto

__all__ = ["Chain", "Constant", "Variable", "arithmetic", "decode_tensor"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Constant:
    """Exact numbers that do not depend on the input.

    ``integer`` is whether the file stores integers: ONNX divides those with truncation.
    """

    values: np.ndarray
    integer: bool = False

    @property
    def shape(self) -> Shape:
        """The shape, as the file has it."""
        return self.values.shape


@dataclass(frozen=True)
class Variable:
    """What depends on the input.

    The network's operators know no batch axis. ONNX's do: ``batch`` says that the file's value
    has one more axis, of length 1, in front of ``inner``.
    """

    inner: Shape
    batch: bool

    @property
    def shape(self) -> Shape:
        """The shape as the file has it, for a batch of one."""
        return (1, *self.inner) if self.batch else self.inner


class Chain:
    """The operators found so far, in order, and what the file has used of its limits."""

    def __init__(self, file_bytes: int) -> None:
        self.budget = Budget(file_bytes)
        self.operators: list[Operator] = []

    def apply(self, x: Variable, operator: Operator, where: str, name: str = "") -> Variable:
        """Append an operator that acts on ``x``; the batch axis stays what it was."""
        if name:
            operator.name = name
        try:
            inner = operator.output_shape(x.inner)
        except ShapeError as error:
            raise ShapeError(f"{where}: {error}") from None
        self.budget.value(inner, where)
        self.budget.parameters(operator.parameters, where)
        self.operators.append(operator)
        return Variable(inner, x.batch)


# TensorProto.DataType: the field that holds the numbers if raw_data does not, bytes in raw_data,
# whether it is an integer type. Strings, complex numbers and packed small types are left out.
_TYPES: dict[int, tuple[str, str, int, bool]] = {
    1: ("FLOAT", "float_data", 4, False),
    2: ("UINT8", "int32_data", 1, True),
    3: ("INT8", "int32_data", 1, True),
    4: ("UINT16", "int32_data", 2, True),
    5: ("INT16", "int32_data", 2, True),
    6: ("INT32", "int32_data", 4, True),
    7: ("INT64", "int64_data", 8, True),
    9: ("BOOL", "int32_data", 1, True),
    10: ("FLOAT16", "int32_data", 2, False),
    11: ("DOUBLE", "double_data", 8, False),
    12: ("UINT32", "uint64_data", 4, True),
    13: ("UINT64", "uint64_data", 8, True),
    16: ("BFLOAT16", "int32_data", 2, False),
}
_FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


def decode_tensor(tensor: TensorProto, where: str) -> Constant:
    """The exact numbers of a stored tensor, its size checked against the bytes that are there.

    Raises
    ------
    FormatError
        For external data, unsupported types, and dimensions that contradict the data.
    ParameterError
        For NaN or infinite entries.
    """
    from onnx import numpy_helper

    if tensor.data_location == tensor.EXTERNAL or len(tensor.external_data):
        raise FormatError(
            f"{where}: its data stand in another file; external data paths are not followed. "
            "Save the model as one file"
        )
    if tensor.HasField("segment"):
        raise FormatError(f"{where}: a segmented tensor is not supported")
    if tensor.data_type not in _TYPES:
        raise FormatError(
            f"{where}: data type {tensor.data_type} is not supported; "
            "store floats (16, 32, 64 bits, bfloat16) or integers"
        )
    kind, field, width, integer = _TYPES[tensor.data_type]
    shape = tuple(tensor.dims)
    if any(n < 0 for n in shape) or len(shape) > 32:
        raise FormatError(f"{where}: has the dimensions {shape[:33]}")
    count = math.prod(shape)
    typed = {name: len(getattr(tensor, name)) for name in _FIELDS if len(getattr(tensor, name))}
    raw = len(tensor.raw_data)
    expected: dict[str, int] = {} if raw or not count else {field: count}
    if raw != (count * width if raw else 0) or typed != expected:
        there = ", ".join([f"{raw} bytes"] * bool(raw) + [f"{n} in {f}" for f, n in typed.items()])
        raise FormatError(
            f"{where}: shape {shape} of {kind} needs {count} numbers ({count * width} bytes), "
            f"but there is {there or 'nothing'}; the file is damaged"
        )
    try:
        array = numpy_helper.to_array(tensor)
    except Exception as error:  # the helper raises whatever NumPy raises
        raise FormatError(f"{where}: cannot be read ({error})") from None
    if kind == "BFLOAT16":  # no NumPy type of its own; every bfloat16 is a float32
        array = array.astype(np.float32)
    return Constant(exact_array(array.reshape(shape), where), integer)


def arithmetic(kind: str, a: Constant, b: Constant, where: str, budget: Budget) -> Constant:
    """Add, Sub, Mul or Div of two constants, in rationals: nothing is rounded."""
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ShapeError(f"{where}: shapes {a.shape} and {b.shape} do not broadcast") from None
    check_entries(shape, where)
    budget.about_to_compute(math.prod(shape), where)
    if kind == "Div" and any(v == 0 for v in b.values.reshape(-1)):
        raise ParameterError(f"{where}: divides by zero")
    functions: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "Add": np.add,
        "Sub": np.subtract,
        "Mul": np.multiply,
        "Div": np.divide,
    }
    # NumPy gives a bare Fraction for 0-d operands
    result = np.asarray(functions[kind](as_fractions(a.values), as_fractions(b.values)))
    budget.array(result, where)
    integer = a.integer and b.integer
    if integer and any(v.denominator != 1 for v in result.reshape(-1)):
        raise FormatError(f"{where}: a division of integers has a remainder; ONNX truncates it")
    return Constant(compact(result.reshape(shape)), integer)
