"""ONNX models: the graph is checked, then its nodes are read in the file's order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...discovery import load_files
from ...errors import ExactSplineError, FormatError, UnsupportedOperatorError
from ...mode import guarded
from ...network import Network, Operator, Reshape
from ..files import PathLike, read_file
from ..graph import build_graph
from ..limits import MAX_BINARY_BYTES
from . import operators
from .graph import Graph
from .node import NodeView, describe_node
from .operators.patterns import put_together
from .registry import REGISTRY, Handler, find_handler
from .values import Constant, Value, Variable, decode_tensor

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

__all__ = ["load_onnx"]

load_files(operators)  # they fill the registry

_OLDEST_OPSET = 7  # broadcasting was another one before
_MOST_AXES = 16  # of the input
_FLOATS = {1: "FLOAT", 10: "FLOAT16", 11: "DOUBLE", 16: "BFLOAT16"}
# fmt: off
_SMOOTH = frozenset({
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Erf", "Exp", "GRU",
    "GroupNormalization", "GlobalLpPool", "HardSwish", "InstanceNormalization", "LRN", "LSTM",
    "LayerNormalization", "Log", "LpNormalization", "LpPool", "MeanVarianceNormalization", "Mish",
    "Pow", "RMSNormalization", "RNN", "Reciprocal", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
    "ReduceSumSquare", "Sin", "Sinh", "Softsign", "Sqrt", "Tan",
})
_JUMPS = frozenset({
    "And", "ArgMax", "ArgMin", "Ceil", "Floor", "Greater", "GreaterOrEqual", "Hardmax", "Less",
    "LessOrEqual", "Mod", "NonZero", "Not", "OneHot", "Or", "Round", "Sign", "Unique", "Xor",
})
# fmt: on
Opsets = dict[str, int]


@guarded
def load_onnx(path: PathLike) -> Network:
    """Read a network from an ONNX model.

    Parameters
    ----------
    path : path-like
        A model with one input and one output, of the operators that docs/formats.md lists:
        products with constants, convolutions, pooling, batch normalisation, the usual
        activations, sums, maxima, and what moves entries. What only depends on shapes and
        stored numbers is computed exactly while the file is read. Of several outputs the one
        is read that is a float tensor of such operators (scikit-learn's probabilities).

    Returns
    -------
    Network
        Every stored number is taken exactly as it is stored. In an input of two or more axes
        the first one is the batch axis; it has length 1 or none, and the network is without it.
        A softmax, log-softmax or sigmoid at the end is the network's output operator.

    Raises
    ------
    FormatError
        If the file is unreadable, over 1 GiB, damaged, refers to other files, or holds a graph
        that is no network from one input to one output.
    UnsupportedOperatorError
        For operators that are neither piecewise affine nor smooth ones that can be replaced by
        splines, and for what is not supported.
    ParameterError
        For NaN or infinite parameters, and division by zero.
    ShapeError
        If operators do not fit.

    Notes
    -----
    Opsets from 7 to the newest that the installed ``onnx`` package knows. Nodes that do not lead
    to the output are ignored. Casts between floats are read as the identity, as rounding has no
    place in the exact function. The function is the model's for a batch of one: shapes that the
    model computes have length 1 there.

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
        nodes, input_shape = _read_model(_parsed(data), len(data))
    except ExactSplineError as error:
        raise type(error)(f"{path}: {error}") from None
    except UnicodeDecodeError:  # the other way in which protobuf reports it, see _texts
        raise FormatError(f"{path}: a name is no UTF-8 text; the file is damaged") from None
    return build_graph(nodes, input_shape, sha256, path)


def _parsed(data: bytes) -> ModelProto:
    try:
        from onnx import ModelProto
    except ImportError:
        raise FormatError("reading ONNX models needs the onnx package: pip install onnx") from None
    try:
        return ModelProto.FromString(data)
    except Exception as error:  # protobuf's DecodeError, and what its back ends add to it
        raise FormatError(f"is no ONNX model, or is damaged ({error})") from None


def _read_model(
    model: ModelProto, file_bytes: int
) -> tuple[list[tuple[Operator, tuple[int, ...]]], tuple[int, ...]]:
    opsets = _opsets(model)
    for function in model.functions:  # a file may define a Relu of its own
        if function.domain in ("", "ai.onnx"):
            raise FormatError(
                f"redefines ONNX's operator {function.name[:80]!r}; inline its functions"
            )
    proto = model.graph
    if not all(isinstance(text, str) for text in _texts(proto)):
        raise FormatError("a name is no UTF-8 text; the file is damaged")
    stored = _stored_tensors(proto)
    source, shape = _the_input(proto, stored)
    makers = _makers(proto, stored, source)
    put_together(proto, stored, makers)
    target, live = _the_output(proto, opsets, stored, source, makers)
    x = Variable(shape[1:], True, -1) if len(shape) >= 2 else Variable(shape, False, -1)
    graph = Graph(file_bytes, x.inner)
    graph.budget.value(shape, f"input {source[:80]!r}")
    result = _walk(proto, opsets, stored, {source: x}, target, live, graph)
    nodes = graph.nodes[: result.node + 1]
    if not result.inner:  # one number per input is a vector of length 1 everywhere else
        nodes.append((Reshape((1,)), (result.node,)))
    return nodes, x.inner


def _texts(graph: GraphProto) -> Iterator[object]:
    """All names; protobuf gives bytes where a text is no UTF-8, or raises, by its version."""
    for value in (*graph.input, *graph.output, *graph.initializer):
        yield value.name
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for attribute in node.attribute:
            yield attribute.name


def _opsets(model: ModelProto) -> Opsets:
    from onnx.defs import onnx_opset_version

    versions: dict[str, set[int]] = {}
    for entry in model.opset_import:
        versions.setdefault(_plain_domain(entry.domain), set()).add(entry.version)
    if "" not in versions:
        raise FormatError("states no opset version; it is no complete ONNX model")
    for domain, several in versions.items():
        if len(several) > 1:
            raise FormatError(
                f"states several opset versions {sorted(several)[:5]} of domain {domain[:80]!r}"
            )
    opsets = {domain: next(iter(several)) for domain, several in versions.items()}
    newest = onnx_opset_version()
    if not _OLDEST_OPSET <= opsets[""] <= newest:
        raise FormatError(
            f"uses opset {opsets['']}; {_OLDEST_OPSET} to {newest} are read. "
            "Convert it with onnx.version_converter, or install a newer onnx package"
        )
    return opsets


def _plain_domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


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
    if not 1 <= len(sizes) <= _MOST_AXES:
        raise FormatError(f"{where}: has {len(sizes)} axes; it needs 1 to {_MOST_AXES}")
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


# --- which nodes are read --------------------------------------------------------------------


def _makers(graph: GraphProto, stored: dict[str, TensorProto], source: str) -> dict[str, int]:
    """Which node makes a value; every value is made once."""
    makers: dict[str, int] = {}
    for index, node in enumerate(graph.node):
        for name in node.output:
            if name and (name in makers or name in stored or name == source):
                raise FormatError(
                    f"{describe_node(node, index)}: value {name[:80]!r} is made more than once"
                )
            if name:
                makers[name] = index
    return makers


def _the_output(
    graph: GraphProto,
    opsets: Opsets,
    stored: dict[str, TensorProto],
    source: str,
    makers: dict[str, int],
) -> tuple[str, list[int]]:
    """The output that is read, and the nodes that lead to it."""
    names = [value.name for value in graph.output]
    if len(names) == 1:
        live = _live_nodes(graph, opsets, stored, source, names[0], makers)
        _refuse_unknown(graph, opsets, live)
        return names[0], live
    readable = []
    for value in graph.output[:64]:
        tensor = value.type.tensor_type
        if value.type.HasField("tensor_type") and tensor.elem_type not in _FLOATS:
            continue  # labels
        live = _live_nodes(graph, opsets, stored, source, value.name, makers)
        reads = any(source in graph.node[i].input for i in live)
        if reads and all(_handler(graph.node[i], opsets) for i in live):
            readable.append((value.name, live))
    if len(readable) == 1:
        return readable[0]
    raise FormatError(
        f"has {len(names)} outputs {[name[:80] for name in names[:5]]}, of which {len(readable)} "
        "can be read; networks with exactly one are read. Save the model with the one wanted"
    )


def _live_nodes(
    graph: GraphProto,
    opsets: Opsets,
    stored: dict[str, TensorProto],
    source: str,
    target: str,
    makers: dict[str, int],
) -> list[int]:
    """Indices of the nodes that lead to a value, in the file's order, which must be sorted."""
    if target not in makers and target != source and target not in stored:
        raise FormatError(f"output {target[:80]!r} is made by no node")
    live: set[int] = set()
    waiting = []
    if target in makers:
        _only_known_output(graph, opsets, makers[target], target)
        waiting.append(makers[target])
    while waiting:
        index = waiting.pop()
        if index in live:
            continue
        live.add(index)
        node = graph.node[index]
        for name in node.input:
            if name in makers:
                if makers[name] >= index:
                    raise FormatError(
                        f"{describe_node(node, index)}: value {name[:80]!r} is used before it is "
                        "made; the graph has a cycle or its nodes are out of order"
                    )
                _only_known_output(graph, opsets, makers[name], name)
                waiting.append(makers[name])
            elif name and name not in stored and name != source:
                raise FormatError(
                    f"{describe_node(node, index)}: value {name[:80]!r} is made nowhere"
                )
    return sorted(live)


def _handler(node: NodeProto, opsets: Opsets) -> Handler | None:
    domain = _plain_domain(node.domain)
    return find_handler(domain, node.op_type, opsets.get(domain, 1))


def _only_known_output(graph: GraphProto, opsets: Opsets, index: int, name: str) -> None:
    """Few operators have a second output that is a function of the input (no mask, no indices)."""
    node = graph.node[index]
    if node.output[0] == name:
        return
    handler = _handler(node, opsets)
    if handler is not None and not handler.several:
        raise UnsupportedOperatorError(
            f"{describe_node(node, index)}: its output {name[:80]!r} is used; "
            "only the first output of this operator is supported"
        )


def _refuse_unknown(graph: GraphProto, opsets: Opsets, live: Sequence[int]) -> None:
    """Name the first operator that cannot be read, before anything is computed."""
    for index in live:
        node = graph.node[index]
        if _handler(node, opsets) is not None:
            continue
        domain = _plain_domain(node.domain)
        name = f"operator {node.op_type[:80]!r} of domain {domain[:80] or 'ai.onnx'!r}"
        at = f"node {index}" + (f" {node.name[:200]!r}" if node.name else "")
        if domain == "" and node.op_type in _SMOOTH:
            raise UnsupportedOperatorError(
                f"{at}: {name} is not piecewise affine; such a network has no finite partition "
                "into regions with affine pieces"
            )
        if domain == "" and node.op_type in _JUMPS:
            raise UnsupportedOperatorError(
                f"{at}: {name} is not continuous; a network's operators are continuous, most of "
                "them piecewise affine"
            )
        if (domain, node.op_type) in REGISTRY:
            raise UnsupportedOperatorError(
                f"{at}: {name} does not exist in version {opsets.get(domain, 1)} of that domain, "
                "which the file states"
            )
        raise UnsupportedOperatorError(
            f"{at}: {name} is not supported; docs/formats.md lists the operators that are read"
        )


# --- reading them ----------------------------------------------------------------------------


def _walk(
    proto: GraphProto,
    opsets: Opsets,
    stored: dict[str, TensorProto],
    values: dict[str, Value],
    target: str,
    live: Sequence[int],
    graph: Graph,
) -> Variable:
    """Apply the readers to the nodes that lead to the output."""

    def value_of(name: str) -> Value:
        if name not in values:  # decoded at the first use, so that unused ones cost nothing
            values[name] = decode_tensor(stored[name], f"initializer {name[:80]!r}")
        return values[name]

    for index in live:
        node = proto.node[index]
        inputs = tuple(value_of(name) if name else None for name in node.input)
        view = NodeView(node, index, inputs, opsets.get(_plain_domain(node.domain), 1))
        handler = _handler(node, opsets)
        assert handler is not None  # see _refuse_unknown
        for name, value in zip(node.output, handler(view, graph), strict=False):
            values[name] = value
    result = value_of(target)
    if isinstance(result, Constant):
        raise FormatError(f"output {target[:80]!r} does not depend on the input")
    return result
