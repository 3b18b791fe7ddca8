"""Values while an ONNX graph is read: exact constants, and what depends on the input."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import FormatError, ParameterError, ShapeError
from ...rationals import as_fractions, compact, exact_array
from ..gates import Gate
from ..limits import Budget, check_entries
from .external import ExternalFiles

if TYPE_CHECKING:
    from onnx import TensorProto

__all__ = [
    "AnyValue",
    "Constant",
    "Gated",
    "Infinite",
    "Value",
    "Variable",
    "arithmetic",
    "constant_of",
    "decode_tensor",
    "stored_numbers",
]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Constant:
    """Exact numbers that do not depend on the input.

    ``integer`` is whether the file stores integers: ONNX divides those with truncation. ``kind``
    is ONNX's data type, 0 while nobody has asked for it.
    """

    values: np.ndarray
    integer: bool = False
    kind: int = 0

    @property
    def shape(self) -> Shape:
        """The shape, as the file has it."""
        return self.values.shape

    @property
    def batch(self) -> bool:
        """No axis of a constant is the batch axis."""
        return False


@dataclass(frozen=True)
class Variable:
    """What depends on the input: a node of the network that is being built.

    The network's operators know no batch axis. ONNX's do: ``batch`` says that the file's value
    has one more axis, of length 1, in front of ``inner``. A value with two axes or more that
    has no such axis does not begin with an axis of length 1.
    """

    inner: Shape
    batch: bool
    node: int  # -1 is the network's input

    @property
    def shape(self) -> Shape:
        """The shape as the file has it, for a batch of one."""
        return (1, *self.inner) if self.batch else self.inner


@dataclass(frozen=True)
class Gated:
    """A function of a variable that may jump; see `Gate`."""

    root: Variable
    gate: Gate
    node: Any  # the NodeView that has it

    @property
    def shape(self) -> Shape:
        """The shape as the file has it."""
        return self.root.shape

    @property
    def batch(self) -> bool:
        """As that of the root."""
        return self.root.batch


@dataclass(frozen=True)
class Infinite:
    """Stored floats that are not all finite: bounds that bound nothing."""

    array: np.ndarray
    kind: int
    where: str

    @property
    def shape(self) -> Shape:
        """The shape, as the file has it."""
        return self.array.shape

    @property
    def batch(self) -> bool:
        """No axis of a constant is the batch axis."""
        return False

    def refused(self) -> Constant:
        """What reading it as numbers ends in: the error that names the first one."""
        return Constant(exact_array(self.array, self.where))


Value = Variable | Constant
AnyValue = Variable | Constant | Gated | Infinite


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
    found = stored_numbers(tensor, where)
    return found if isinstance(found, Constant) else found.refused()


def stored_numbers(
    tensor: TensorProto, where: str, files: ExternalFiles | None = None
) -> Constant | Infinite:
    """As `decode_tensor`, with infinite entries, and with data in other files."""
    if tensor.HasField("segment"):
        raise FormatError(f"{where}: a segmented tensor is not supported")
    if tensor.data_type not in _TYPES:
        raise FormatError(
            f"{where}: data type {tensor.data_type} is not supported; "
            "store floats (16, 32, 64 bits, bfloat16) or integers"
        )
    kind, field, width, _ = _TYPES[tensor.data_type]
    shape = tuple(tensor.dims)
    if any(n < 0 for n in shape) or len(shape) > 32:
        raise FormatError(f"{where}: has the dimensions {shape[:33]}")
    count = math.prod(shape)
    typed = {name: len(getattr(tensor, name)) for name in _FIELDS if len(getattr(tensor, name))}
    raw = len(tensor.raw_data)
    if tensor.data_location == tensor.EXTERNAL or len(tensor.external_data):
        if raw or typed:
            raise FormatError(f"{where}: has data both in the model and in another file")
        data = (files or ExternalFiles()).read(tensor, count * width, where)
        return _decoded(_inline(tensor, data), where)
    expected: dict[str, int] = {} if raw or not count else {field: count}
    if raw != (count * width if raw else 0) or typed != expected:
        there = ", ".join([f"{raw} bytes"] * bool(raw) + [f"{n} in {f}" for f, n in typed.items()])
        raise FormatError(
            f"{where}: shape {shape} of {kind} needs {count} numbers ({count * width} bytes), "
            f"but there is {there or 'nothing'}; the file is damaged"
        )
    return _decoded(tensor, where)


def _inline(tensor: TensorProto, data: bytes) -> TensorProto:
    out = type(tensor)(dims=tensor.dims, data_type=tensor.data_type, name=tensor.name)
    out.raw_data = data
    return out


def _decoded(tensor: TensorProto, where: str) -> Constant | Infinite:
    """The numbers of a tensor whose sizes are what they should be."""
    from onnx import numpy_helper

    try:
        array = numpy_helper.to_array(tensor)
    except Exception as error:  # the helper raises whatever NumPy raises
        raise FormatError(f"{where}: cannot be read ({error})") from None
    kind, _, _, integer = _TYPES[tensor.data_type]
    number = tensor.data_type
    if kind == "BFLOAT16":  # no NumPy type of its own; every bfloat16 is a float32
        array, number = array.astype(np.float32), 1
    return constant_of(array.reshape(tuple(tensor.dims)), where, integer, number)


def constant_of(array: np.ndarray, where: str, integer: bool, kind: int) -> Constant | Infinite:
    """An array of ONNX's as exact numbers."""
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        return Infinite(array, kind, where)
    return Constant(exact_array(array, where), integer, kind)


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
    integer = a.integer and b.integer
    if integer and kind == "Div":  # ONNX cuts off the remainder
        result = np.vectorize(lambda v: v.__class__(math.trunc(v)), otypes=[object])(result)
    budget.array(result, where)
    return Constant(compact(result.reshape(shape)), integer, a.kind)
