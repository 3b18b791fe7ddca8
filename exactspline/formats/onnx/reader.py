"""ONNX models: the graph is checked, then its nodes are read in the file's order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...discovery import load_files
from ...errors import ExactSplineError, FormatError, UnsupportedOperatorError
from ...mode import guarded
from ...network import Network, Reshape, Select
from ..files import PathLike, read_file
from ..graph import build_graph
from ..limits import MAX_BINARY_BYTES
from ..signature import Input, Output, is_alone, named_slices, shape_of_all, slices_of
from . import operators
from .branches import is_choice, taken
from .constants import can_evaluate, evaluated, result_kind
from .external import ExternalFiles
from .functions import inlined
from .graph import Graph
from .node import NodeView, NotComputedError, describe_node
from .operators.patterns import put_together
from .ranges import Ranges
from .registry import Handler
from .signature import Signature, handler_of, opsets_of, plain_domain
from .values import AnyValue, Constant, Infinite, Variable, stored_numbers

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = ["load_onnx", "parsed", "read_model"]

load_files(operators)  # they fill the registry


@guarded
def load_onnx(path: PathLike, *, output: Output = None, batch: bool = True) -> Network:
    """Read a network from an ONNX model.

    Parameters
    ----------
    path : path-like
        A model of the operators that docs/formats.md lists: products with constants,
        convolutions, pooling, batch normalisation, the usual activations, sums, maxima,
        resampling, and what moves entries. What only depends on shapes and stored numbers is
        computed while the file is read. Weights may stand in another file of the same folder.
    output : str or int, optional
        Which of several outputs is read: its name, or its position. By default the only one that
        is a float tensor of such operators (scikit-learn's probabilities).
    batch : bool
        Whether the first axis of an input with several axes is the batch axis. With False it is
        an axis like others, of a known length.

    Returns
    -------
    Network
        Every stored number is taken exactly as it is stored. In an input of two or more axes
        the first one is the batch axis; it has length 1 or none, and the network is without it.
        Several inputs are one, of shape (D,): one after the other, each flattened;
        `Network.inputs` has the slice of each. A softmax, log-softmax or sigmoid at the end is
        the network's output operator.

    Raises
    ------
    FormatError
        If the file is unreadable, over 1 GiB, damaged, refers to files outside of its folder,
        or holds a graph that is no network to one output.
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
    files = ExternalFiles(path)
    try:
        graph, inputs, _ = read_model(parsed(data), len(data), files, output, batch)
    except ExactSplineError as error:
        raise type(error)(f"{path}: {error}") from None
    except UnicodeDecodeError:  # the other way in which protobuf reports it
        raise FormatError(f"{path}: a name is no UTF-8 text; the file is damaged") from None
    return build_graph(
        graph.nodes, graph.input_shape, files.sha256(sha256), path, named=named_slices(inputs)
    )


def parsed(data: bytes) -> ModelProto:
    """The bytes of a file as a model.

    Raises
    ------
    FormatError
        If they are none, or the onnx package is missing.
    """
    try:
        from onnx import ModelProto
    except ImportError:
        raise FormatError("reading ONNX models needs the onnx package: pip install onnx") from None
    try:
        return ModelProto.FromString(data)
    except Exception as error:  # protobuf's DecodeError, and what its back ends add to it
        raise FormatError(f"is no ONNX model, or is damaged ({error})") from None


def read_model(
    model: ModelProto,
    file_bytes: int,
    files: ExternalFiles,
    output: Output,
    batch: bool,
    ranges: Ranges | None = None,
) -> tuple[Graph, tuple[Input, ...], dict[str, AnyValue]]:
    """The operators that lead to an output, the inputs, and the values that were read, by name."""
    model = inlined(model)
    opsets = opsets_of(model)
    signature = Signature(model.graph, opsets, batch=batch)
    put_together(model.graph, signature.stored, signature.makers)
    target, live = signature.output(output)
    inputs = signature.inputs
    shape = shape_of_all(inputs)
    graph = Graph(file_bytes, shape)
    graph.ranges = ranges
    graph.kind = inputs[0].kind
    for x in inputs:
        graph.budget.value(x.shape, f"input {x.name[:80]!r}")
    if is_alone(inputs):
        values: dict[str, AnyValue] = {inputs[0].name: Variable(shape, inputs[0].batch, -1)}
    else:
        values = {name: _cut_out(graph, x, s) for x, (name, s) in _placed(inputs)}
    walk = _Walk(signature, graph, files, file_bytes, values)
    result = walk.result(target, live)
    del graph.nodes[result.node + 1 :]
    if not result.inner:  # one number per input is a vector of length 1 everywhere else
        graph.nodes.append((Reshape((1,)), (result.node,)))
    return graph, inputs, walk.values


def _placed(inputs: Sequence[Input]) -> list[tuple[Input, tuple[str, slice]]]:
    return list(zip(inputs, slices_of(inputs).items(), strict=True))


def _cut_out(graph: Graph, x: Input, place: slice) -> Variable:
    """One of several inputs: its coordinates, in its own shape."""
    size = place.stop - place.start
    at = graph.add(Select(range(place.start, place.stop), name=x.name[:200]), (-1,), (size,))
    if len(x.inner) != 1:
        at = graph.add(Reshape(x.inner), (at,), x.inner)
    return Variable(x.inner, x.batch, at)


class _Walk:
    """Applies the readers to the nodes that lead to the output."""

    def __init__(
        self,
        signature: Signature,
        graph: Graph,
        files: ExternalFiles,
        file_bytes: int,
        values: dict[str, AnyValue],
    ) -> None:
        self.signature, self.graph, self.files = signature, graph, files
        self.file_bytes = file_bytes
        self.values = values
        self.stored = dict(signature.stored)  # with those of graphs inside of nodes

    def value(self, name: str) -> AnyValue:
        """A value by its name; stored ones are decoded at the first use: unused ones are free."""
        if name not in self.values:
            if name not in self.stored:  # of a data type that is not read
                raise UnsupportedOperatorError(
                    f"value {name[:80]!r} was not computed: it is no array of numbers that are read"
                )
            tensor = self.stored[name]
            self.values[name] = stored_numbers(tensor, f"initializer {name[:80]!r}", self.files)
            self.graph.budget.holds(self.file_bytes + self.files.bytes)
        return self.values[name]

    def result(self, target: str, live: Sequence[int]) -> Variable:
        """The output, once all nodes have been read."""
        for index in live:
            self._run(self.signature.graph.node[index], index)
        result = self.graph.plain(self.value(target))
        if isinstance(result, Constant):
            if not result.values.size:
                raise FormatError(f"output {target[:80]!r} has no entries: shape {result.shape}")
            return self._constant_output(result)
        assert result is not None
        return result

    def _constant_output(self, result: Constant) -> Variable:
        """A network that gives the same value everywhere."""
        from onnx import NodeProto

        where = NodeView(NodeProto(op_type="Identity", name="output"), -1, (), 1)
        batch = len(result.shape) >= 2 and result.shape[0] == 1
        return self.graph.constant(where, result.values[0] if batch else result.values, batch)

    def _run(self, proto: NodeProto, index: int) -> None:
        """Read a node; ``index`` is that of the node of the model it stands in."""
        for name, value in zip(proto.output, self._read(proto, index), strict=False):
            if name and value is not None:
                self.values[name] = value

    def _choice(self, proto: NodeProto, index: int) -> tuple[AnyValue, ...]:
        """The values of the graph that an If takes."""
        where = describe_node(proto, index)
        names = [name for name in proto.input if name]
        graph = taken(proto, self._input(proto, index, names[0]) if names else None, where)
        made = [tensor.name for tensor in graph.initializer]
        made += [name for node in graph.node for name in node.output if name]
        for name, times in Counter(made).items():
            if name in self.values or name in self.stored or times > 1:
                raise FormatError(f"{where}: value {name[:80]!r} is made more than once")
        self.stored.update((tensor.name, tensor) for tensor in graph.initializer)
        for node in graph.node:
            domain = plain_domain(node.domain)
            known = handler_of(node, self.signature.opsets) is not None or is_choice(node)
            if not known and (domain or not can_evaluate(node.op_type)):
                raise UnsupportedOperatorError(
                    f"{where}: operator {node.op_type[:80]!r} in its graph is not supported; "
                    "docs/formats.md lists the operators that are read"
                )
            self._run(node, index)
        found = [self._input(proto, index, value.name) for value in graph.output]
        return tuple(value for value in found if value is not None)

    def _read(self, proto: NodeProto, index: int) -> tuple[AnyValue | None, ...]:
        if is_choice(proto):
            return self._choice(proto, index)
        opset = self.signature.opsets.get(plain_domain(proto.domain), 1)
        given = tuple(self._input(proto, index, name) for name in proto.input)
        view = NodeView(proto, index, given, opset)
        handler = handler_of(proto, self.signature.opsets)
        known = all(v is None or isinstance(v, Constant | Infinite) for v in given)
        if handler is not None:
            finite = not any(isinstance(v, Infinite) for v in given)
            if not known or finite or handler.infinite:
                view.inputs = tuple(self._for(handler, v) for v in given)
                try:
                    return self._typed(view, handler(view, self.graph))
                except NotComputedError:
                    if not known or plain_domain(proto.domain):
                        raise
        return evaluated(view, proto, opset, self.graph.budget)

    def _for(self, handler: Handler, value: AnyValue | None) -> Any:
        """A value as a handler takes it."""
        takes = handler.infinite if isinstance(value, Infinite) else handler.gates
        return value if takes else self.graph.plain(value)

    def _input(self, proto: NodeProto, index: int, name: str) -> AnyValue | None:
        if not name:
            return None
        if name not in self.values and name not in self.stored:
            raise FormatError(
                f"{describe_node(proto, index)}: value {name[:80]!r} was not computed: it is an "
                "output of another node that is not read, or made later"
            )
        return self.value(name)

    def _typed(self, view: NodeView, results: Sequence[AnyValue]) -> tuple[AnyValue, ...]:
        """Results with their data types, which rounding in other operators needs."""
        return tuple(
            replace(v, kind=result_kind(view, i)) if isinstance(v, Constant) and not v.kind else v
            for i, v in enumerate(results)
        )
