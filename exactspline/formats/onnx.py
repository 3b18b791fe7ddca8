"""ONNX models: the graph is checked, then walked as one chain from the input to the output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import ExactSplineError, FormatError, UnsupportedOperatorError
from ..network import Network, Operator, Reshape
from . import onnx_activations, onnx_affine, onnx_shapes  # noqa: F401 (they fill the registry)
from .files import PathLike, read_file
from .limits import MAX_BINARY_BYTES, build_network
from .onnx_node import REGISTRY, NodeView, Value, describe_node
from .onnx_values import Chain, Constant, Variable, decode_tensor

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto

__all__ = ["load_onnx"]

_OLDEST_OPSET = 7  # broadcasting was another one before
_FLOATS = {1: "FLOAT", 10: "FLOAT16", 11: "DOUBLE", 16: "BFLOAT16"}
# fmt: off
_SMOOTH = frozenset({
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp",
    "GRU", "Gelu", "HardSwish", "InstanceNormalization", "LSTM", "LayerNormalization", "Log",
    "LogSoftmax", "LpNormalization", "MeanVarianceNormalization", "Mish", "Pow", "RMSNormalization",
    "RNN", "Reciprocal", "ReduceL2", "ReduceLogSumExp", "Selu", "Sigmoid", "Sin", "Sinh", "Softmax",
    "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh",
})
# fmt: on


def load_onnx(path: PathLike) -> Network:
    """Read a piecewise-affine network from an ONNX model.

    Parameters
    ----------
    path : path-like
        A model with one input, one output and no branches. Its operators: MatMul and Gemm with
        a constant factor, Add, Sub, Mul, Div, Neg with constants, Relu, LeakyRelu, PRelu, Abs,
        Flatten, Reshape, Squeeze, Unsqueeze, Identity, Cast to float, and Dropout in inference.

    Returns
    -------
    Network
        Every stored number is taken exactly as it is stored. In an input of two or more axes
        the first one is the batch axis; it has length 1 or none, and the network is without it.

    Raises
    ------
    FormatError
        If the file is unreadable, over 1 GiB, damaged, refers to other files, or holds a graph
        that is no network from one input to one output.
    UnsupportedOperatorError
        For operators that are not piecewise affine or not supported, and for branches.
    ParameterError
        For NaN or infinite parameters, and division by zero.
    ShapeError
        If operators do not fit.

    Notes
    -----
    Opsets from 7 to the newest that the installed ``onnx`` package knows. Nodes that do not lead
    to the output are ignored. Casts between floats are read as the identity, as rounding has no
    place in the exact function.

    Examples
    --------
    >>> import os, tempfile
    >>> from onnx import TensorProto, helper
    >>> graph = helper.make_graph(
    ...     [helper.make_node("Relu", ["x"], ["y"])], "g",
    ...     [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
    ...     [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])])
    >>> name = os.path.join(tempfile.mkdtemp(), "net.onnx")
    >>> with open(name, "wb") as stream:
    ...     _ = stream.write(helper.make_model(graph).SerializeToString())
    >>> load_onnx(name).operators
    (<ReLU>,)
    """
    data, sha256 = read_file(path, MAX_BINARY_BYTES)
    try:
        operators, input_shape = _read_model(_parsed(data), Chain(len(data)))
    except ExactSplineError as error:
        raise type(error)(f"{path}: {error}") from None
    except UnicodeDecodeError:  # the other way in which protobuf reports it, see _texts
        raise FormatError(f"{path}: a name is no UTF-8 text; the file is damaged") from None
    return build_network(operators, input_shape, sha256, path)


def _parsed(data: bytes) -> ModelProto:
    try:
        from onnx import ModelProto
    except ImportError:
        raise FormatError("reading ONNX models needs the onnx package: pip install onnx") from None
    try:
        return ModelProto.FromString(data)
    except Exception as error:  # protobuf's DecodeError, and what its back ends add to it
        raise FormatError(f"is no ONNX model, or is damaged ({error})") from None


def _read_model(model: ModelProto, chain: Chain) -> tuple[list[Operator], tuple[int, ...]]:
    opset = _opset(model)
    for function in model.functions:  # a file may define a Relu of its own
        if function.domain in ("", "ai.onnx"):
            raise FormatError(f"redefines ONNX's operator {function.name!r}; inline its functions")
    graph = model.graph
    if not all(isinstance(text, str) for text in _texts(graph)):
        raise FormatError("a name is no UTF-8 text; the file is damaged")
    stored = _stored_tensors(graph)
    source, shape = _the_input(graph, stored)
    result = _walk(graph, opset, stored, source, shape, chain)
    if not result.inner:  # one number per input is a vector of length 1 everywhere else
        chain.operators.append(Reshape((1,)))
    return chain.operators, _variable(shape).inner


def _texts(graph: GraphProto) -> Iterator[object]:
    """All names; protobuf gives bytes where a text is no UTF-8, or raises, by its version."""
    for value in (*graph.input, *graph.output, *graph.initializer):
        yield value.name
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for attribute in node.attribute:
            yield attribute.name


def _opset(model: ModelProto) -> int:
    from onnx.defs import onnx_opset_version

    versions = {entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")}
    if not versions:
        raise FormatError("states no opset version; it is no complete ONNX model")
    if len(versions) > 1:
        raise FormatError(f"states several opset versions {sorted(versions)}")
    version = versions.pop()
    newest = onnx_opset_version()
    if not _OLDEST_OPSET <= version <= newest:
        raise FormatError(
            f"uses opset {version}; {_OLDEST_OPSET} to {newest} are read. "
            "Convert it with onnx.version_converter, or install a newer onnx package"
        )
    return int(version)


def _stored_tensors(graph: GraphProto) -> dict[str, TensorProto]:
    stored: dict[str, TensorProto] = {}
    for tensor in graph.initializer:
        if tensor.name in stored:
            raise FormatError(f"initializer {tensor.name!r} stands twice")
        stored[tensor.name] = tensor
    return stored


def _the_input(graph: GraphProto, stored: dict[str, TensorProto]) -> tuple[str, tuple[int, ...]]:
    """Name and shape (for a batch of one) of the one input; initializers may be listed too."""
    names = [value.name for value in graph.input]
    if len(set(names)) != len(names):
        raise FormatError("two inputs have the same name")
    for value in graph.input:
        declared = [d.dim_value for d in value.type.tensor_type.shape.dim]
        if value.name in stored and 0 not in declared and value.type.tensor_type.HasField("shape"):
            dims = list(stored[value.name].dims)
            if dims != declared:
                raise FormatError(
                    f"initializer {value.name!r} has shape {dims}, but is declared as {declared}"
                )
    inputs = [value for value in graph.input if value.name not in stored]
    if len(inputs) != 1:
        raise FormatError(
            f"has {len(inputs)} inputs {[value.name for value in inputs[:5]]}; "
            "networks with exactly one are read"
        )
    if len(graph.output) != 1:
        raise FormatError(
            f"has {len(graph.output)} outputs {[value.name for value in graph.output[:5]]}; "
            "networks with exactly one are read"
        )
    return inputs[0].name, _input_shape(inputs[0])


def _input_shape(value: ValueInfoProto) -> tuple[int, ...]:
    where = f"input {value.name!r}"
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        raise FormatError(f"{where}: has no known shape; export the model with input sizes")
    if tensor.elem_type not in _FLOATS:
        raise FormatError(f"{where}: its data type {tensor.elem_type} is no float type")
    # a symbol, 0 or -1 is an unknown length
    sizes = [d.dim_value if d.dim_value > 0 else None for d in tensor.shape.dim]
    shown = [n if n else (d.dim_param or "?") for n, d in zip(sizes, tensor.shape.dim, strict=True)]
    if not 1 <= len(sizes) <= 32:
        raise FormatError(f"{where}: has {len(sizes)} axes; it needs 1 to 32")
    if len(sizes) >= 2:
        if sizes[0] not in (None, 1):
            raise FormatError(
                f"{where}: has shape {shown}; its first axis is the batch axis and must be 1 or "
                "unknown. Export the model with a batch of one"
            )
        sizes[0] = 1
    if None in sizes:
        raise FormatError(
            f"{where}: has shape {shown}; the length of axis {sizes.index(None)} must be known"
        )
    return tuple(n for n in sizes if n is not None)


def _variable(shape: tuple[int, ...]) -> Variable:
    return Variable(shape[1:], True) if len(shape) >= 2 else Variable(shape, False)


def _walk(
    graph: GraphProto,
    opset: int,
    stored: dict[str, TensorProto],
    source: str,
    shape: tuple[int, ...],
    chain: Chain,
) -> Variable:
    """Apply the handlers to the nodes that lead to the output."""
    target = graph.output[0].name
    live = _live_nodes(graph, stored, source, target)
    _refuse_unknown(graph, live)
    users = _users(graph, live)
    chain.budget.value(shape, f"input {source!r}")
    values: dict[str, Value] = {source: _variable(shape)}

    def value_of(name: str) -> Value:
        if name not in values:  # decoded at the first use, so that unused ones cost nothing
            values[name] = decode_tensor(stored[name], f"initializer {name!r}")
        value = values[name]
        if isinstance(value, Variable) and len(users.get(name, ())) > 1:
            nodes = ", ".join(describe_node(graph.node[i], i) for i in users[name][:3])
            raise UnsupportedOperatorError(
                f"value {name!r} is used {len(users[name])} times ({nodes}); "
                "branches and residual connections are not supported yet"
            )
        return value

    for index in live:
        node = graph.node[index]
        inputs = tuple(value_of(name) if name else None for name in node.input)
        view = NodeView(node, index, inputs, opset)
        values[node.output[0]] = REGISTRY["", node.op_type](view, chain)
    result = values.get(target) or value_of(target)
    if isinstance(result, Constant):
        raise FormatError(f"output {target!r} does not depend on the input")
    return result


def _live_nodes(
    graph: GraphProto, stored: dict[str, TensorProto], source: str, target: str
) -> list[int]:
    """Indices of the nodes that lead to the output, in the file's order, which must be sorted."""
    maker: dict[str, int] = {}
    for index, node in enumerate(graph.node):
        for name in node.output:
            if name and (name in maker or name in stored or name == source):
                raise FormatError(
                    f"{describe_node(node, index)}: value {name!r} is made more than once"
                )
            if name:
                maker[name] = index
    if target not in maker and target != source and target not in stored:
        raise FormatError(f"output {target!r} is made by no node")
    live: set[int] = set()
    waiting = []
    if target in maker:
        _only_first_output(graph, maker[target], target)
        waiting.append(maker[target])
    while waiting:
        index = waiting.pop()
        if index in live:
            continue
        live.add(index)
        node = graph.node[index]
        for name in node.input:
            if name in maker:
                if maker[name] >= index:
                    raise FormatError(
                        f"{describe_node(node, index)}: value {name!r} is used before it is made; "
                        "the graph has a cycle or its nodes are out of order"
                    )
                _only_first_output(graph, maker[name], name)
                waiting.append(maker[name])
            elif name and name not in stored and name != source:
                raise FormatError(f"{describe_node(node, index)}: value {name!r} is made nowhere")
    return sorted(live)


def _only_first_output(graph: GraphProto, index: int, name: str) -> None:
    """No supported operator has a second output that matters (Dropout's mask is one)."""
    node = graph.node[index]
    if node.output[0] != name:
        raise UnsupportedOperatorError(
            f"{describe_node(node, index)}: its output {name!r} is used; "
            "only the first output of a node is supported"
        )


def _refuse_unknown(graph: GraphProto, live: Sequence[int]) -> None:
    """Name the first operator that cannot be read, before anything is computed."""
    for index in live:
        node = graph.node[index]
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (domain, node.op_type) in REGISTRY:
            continue
        name = f"operator {node.op_type!r} of domain {node.domain or 'ai.onnx'!r}"
        at = f"node {index}" + (f" {node.name!r}" if node.name else "")
        if domain == "" and node.op_type in _SMOOTH:
            raise UnsupportedOperatorError(
                f"{at}: {name} is not piecewise affine; such a network has no finite partition "
                "into regions with affine pieces"
            )
        known = ", ".join(sorted(kind for _, kind in REGISTRY))
        raise UnsupportedOperatorError(f"{at}: {name} is not supported; supported are {known}")


def _users(graph: GraphProto, live: Sequence[int]) -> dict[str, list[int]]:
    users: dict[str, list[int]] = {}
    for index in live:
        for name in graph.node[index].input:
            users.setdefault(name, []).append(index)
    return users
