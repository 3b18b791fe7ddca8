"""Writing a network as an ONNX model with exactly its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...discovery import load_files
from ...errors import FormatError, ParameterError, UnsupportedOperatorError
from ...mode import guarded
from ...network import Network
from ...texts import encodable
from ..files import PathLike
from . import operators
from .node_writer import WRITERS, Shape, Writer

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["save_onnx"]

load_files(operators)  # they fill the table of writers

_OPSET = 20  # the first with Gelu, dilated average pooling and circular padding
_IR_VERSION = 9  # the one of that opset's release


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


def _model(net: Network, rounded: bool) -> ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    writer = Writer()
    names: dict[int, str] = {-1: "input"}
    nodes = (*net.nodes, *net.output_nodes)
    shapes: dict[int, Shape] = {-1: net.input_shape}
    for position, node in enumerate(nodes):
        operator = node.operator
        write = WRITERS.get(type(operator))
        if write is None:
            raise UnsupportedOperatorError(
                f"operator {position} ({operator.kind}) has no ONNX form; write the network as "
                "JSON, or register a writer (docs/contributing.md)"
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
