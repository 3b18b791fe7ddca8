"""Writing a network as an ONNX model with exactly its parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import FormatError, ParameterError, UnsupportedOperatorError
from ...mode import guarded
from ...network import Network
from ...rationals import as_fractions, compact, exact_array
from ...texts import encodable
from ..files import PathLike

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = ["Writer", "float32_exact", "save_onnx"]

_OPSET = 20  # the first with Gelu, dilated average pooling and circular padding
_IR_VERSION = 9  # the one of that opset's release
Shape = tuple[int, ...]


@guarded
def save_onnx(net: Network, path: PathLike, *, rounded: bool = False) -> None:
    """Write a network as an ONNX model, with its output operator.

    Parameters
    ----------
    net : Network
    path : path-like
        Overwritten if it exists.
    rounded : bool
        Allow parameters that float64 cannot hold to be rounded to the nearest one.

    Raises
    ------
    ParameterError
        If a parameter would be rounded and that is not allowed, or is beyond float64's range.
    UnsupportedOperatorError
        If an operator is none of exactspline's own.
    FormatError
        If the file cannot be written, or would be larger than 2 GiB.

    Notes
    -----
    The model computes in float if every parameter is a float32, else in double. Its input
    "input" has a batch axis of any length in front. If nothing was rounded, `load_onnx` gives
    a network with the same exact function; scalar splines are written as sums of ReLUs, so
    its units may be others. Opset 20.

    Examples
    --------
    >>> import os, tempfile
    >>> from exactspline import Dense, Network, ReLU, load
    >>> name = os.path.join(tempfile.mkdtemp(), "net.onnx")
    >>> save_onnx(Network([Dense([[1, -2]], [3]), ReLU()], (2,)), name)
    >>> load(name).operators
    (<Dense 2 -> 1>, <ReLU>)
    """
    try:
        from onnx import ModelProto  # noqa: F401 (only whether it is there)
    except ImportError:
        raise FormatError("writing ONNX models needs the onnx package: pip install onnx") from None
    model = _model(net, rounded)
    try:
        data = model.SerializeToString()
    except Exception as error:  # protobuf's limit of 2 GiB, and what its back ends make of it
        raise FormatError(f"{path}: cannot be written as one ONNX file ({error})") from None
    try:
        with open(path, "wb") as stream:
            stream.write(data)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"{path}: cannot be written ({reason})") from None


def float32_exact(values: np.ndarray) -> bool:
    """Whether every number is a float32."""
    if values.dtype == object:
        return False
    with np.errstate(over="ignore"):
        return bool(np.all(values.astype(np.float32).astype(np.float64) == values))


def _model(net: Network, rounded: bool) -> ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    from .writer_operators import WRITERS

    writer = Writer()
    names: dict[int, str] = {-1: "input"}
    nodes = (*net.nodes, *net.output_nodes)
    shapes: dict[int, Shape] = {-1: net.input_shape}
    for position, node in enumerate(nodes):
        operator = node.operator
        write = WRITERS.get(type(operator))
        if write is None:
            raise UnsupportedOperatorError(
                f"operator {position} ({operator.kind}) has no ONNX form; it is none of "
                "exactspline's operators"
            )
        writer.begin(encodable(operator.name) or f"{operator.kind}_{position}")
        inputs = [names[i] for i in node.inputs]
        # a single number is written as a vector of length 1: its axis cannot be the batch axis
        read = [shapes[i] or (1,) for i in node.inputs]
        shapes[position] = node.shape
        names[position] = write(writer, operator, inputs, read, node.shape or (1,))
    last = len(nodes) - 1
    protos = writer.finished(names[last])
    dtype = writer.data_type(rounded)
    elem = TensorProto.FLOAT if dtype == np.float32 else TensorProto.DOUBLE
    stored = [
        numpy_helper.from_array(_rounded(values, dtype, where), name)
        for name, (values, where) in writer.numbers.items()
    ]
    stored += [
        numpy_helper.from_array(np.array(values, dtype=np.int64), name)
        for name, values in writer.integers.items()
    ]
    ends = [
        helper.make_tensor_value_info(name, elem, ["batch", *(shape or (1,))])
        for name, shape in (("input", net.input_shape), ("output", shapes[last]))
    ]
    graph = helper.make_graph(protos, "network", ends[:1], ends[1:], stored)
    opset = helper.make_opsetid("", _OPSET)
    return helper.make_model(
        graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="exactspline"
    )


def _rounded(values: np.ndarray, dtype: Any, where: str) -> np.ndarray:
    if values.dtype != object:
        return values.astype(dtype)
    try:
        floats = [float(v) for v in values.reshape(-1).tolist()]
    except OverflowError:
        raise ParameterError(
            f"{where}: a parameter is beyond the range of float64; rescale the network"
        ) from None
    return np.array(floats, dtype=dtype).reshape(values.shape)


class Writer:
    """The nodes and stored numbers of a model that is being written.

    Values have a batch axis in front; the shapes given to the methods are without it.

    Attributes
    ----------
    numbers : dict
        Name to exact array and the operator that it belongs to; encoded once the data type of
        the whole model is known.
    integers : dict
        Name to list.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, tuple[np.ndarray, str]] = {}
        self.integers: dict[str, list[int]] = {}
        self._nodes: list[NodeProto] = []
        self._names: set[str] = set()
        self._operator = ""

    def begin(self, operator: str) -> None:
        """The nodes that follow belong to this operator."""
        self._operator = operator

    # --- nodes ---

    def node(self, kind: str, *inputs: str, part: str = "", **attributes: Any) -> str:
        """Append a node and return its value; ``part`` marks all but the operator's main one."""
        from onnx import helper

        wanted = f"{self._operator}/{part}" if part else self._operator
        name, k = wanted, 0
        while name in self._names:
            k += 1
            name = f"{wanted}_{k}"
        self._names.add(name)
        value = f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [value], name=name, **attributes))
        return value

    def finished(self, output: str) -> list[NodeProto]:
        """All nodes, the last value under the name "output"."""
        if output == "input" or any(output in node.input for node in self._nodes):
            self.begin("output")
            output = self.node("Identity", output)
        for node in self._nodes:
            if node.output[0] == output:
                node.output[0] = "output"
        return self._nodes

    # --- constants ---

    def number(self, values: Any) -> str:
        """A stored array of exact numbers."""
        name = f"{self._operator}.{len(self.numbers)}"
        self.numbers[name] = (compact(exact_array(values)), self._operator)
        return name

    def ints(self, values: Sequence[int]) -> str:
        """A stored list of integers: axes, shapes, indices."""
        name = f"integers_{len(self.integers)}"
        self.integers[name] = [int(v) for v in values]
        return name

    def data_type(self, rounded: bool) -> Any:
        """float32 if it holds every number, else float64."""
        dtype: Any = np.float32
        for values, where in self.numbers.values():
            if float32_exact(values):
                continue
            dtype = np.float64
            if values.dtype == object and not rounded:
                wrong = next(v for v in values.reshape(-1) if not _is_float64(v))
                raise ParameterError(
                    f"{where}: the parameter {_brief(wrong)} is no float64, so ONNX cannot hold "
                    "it; allow rounding with rounded=True, or write JSON"
                )
        return dtype

    # --- steps that several operators need ---

    def reshape(self, x: str, shape: Shape, part: str = "reshape") -> str:
        """The entries of a value under another shape."""
        return self.node("Reshape", x, self.ints((-1, *shape)), part=part)

    def with_rank(self, x: str, shape: Shape, rank: int) -> tuple[str, Shape]:
        """Axes of length 1 behind the batch axis, so that broadcasting meets no batch axis."""
        wanted = (1,) * (rank - len(shape)) + tuple(shape)
        return (x, shape) if wanted == shape else (self.reshape(x, wanted), wanted)

    def scaled(self, x: str, scale: np.ndarray) -> str:
        """scale * x; a scale that is no float64 is written as a product and a division."""
        if not np.any(scale != 1):
            return x
        if compact(scale).dtype == object:
            flat = as_fractions(scale).reshape(-1).tolist()
            above = exact_array([v.numerator for v in flat]).reshape(scale.shape)
            below = exact_array([v.denominator for v in flat]).reshape(scale.shape)
            if above.dtype != object and below.dtype != object:
                x = self.scaled(x, above)
                return self.node("Div", x, self.number(below), part="divide")
        return self.node("Mul", x, self.number(scale), part="scale")

    def shifted(self, x: str, shift: np.ndarray) -> str:
        """x + shift."""
        return self.node("Add", x, self.number(shift), part="shift") if np.any(shift != 0) else x


def _is_float64(value: Fraction) -> bool:
    return compact(np.array([value], dtype=object)).dtype != object


def _brief(value: Fraction) -> str:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) <= 128:
        return str(value)
    digits = (value.numerator.bit_length() - value.denominator.bit_length()) * math.log10(2)
    return f"of size about 10^{digits:.0f}"
