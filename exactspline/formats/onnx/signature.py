"""What an ONNX graph takes and gives: inputs, outputs, and the nodes between them that are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...errors import FormatError, UnsupportedOperatorError
from ..signature import MOST_INPUTS, Input, Output, chosen_output
from .branches import is_choice, reads
from .constants import can_evaluate
from .node import describe_node
from .registry import REGISTRY, Handler, find_handler

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

__all__ = [
    "OLDEST_OPSET",
    "Opsets",
    "Signature",
    "check_texts",
    "handler_of",
    "opsets_of",
    "plain_domain",
]

Opsets = dict[str, int]

OLDEST_OPSET = 7  # broadcasting was another one before
_MOST_AXES = 16  # of an input
_FLOATS = {1: "FLOAT", 10: "FLOAT16", 11: "DOUBLE", 16: "BFLOAT16"}
_PLACES = "which entries are the largest is not continuous in the input; use their values alone"
_TRAINING = "such statistics belong to training; export the model in eval mode"
_SECOND = {"MaxPool": _PLACES, "TopK": _PLACES, "BatchNormalization": _TRAINING}
_OF_SHAPES = ("Shape", "Size")  # they depend on shapes alone, which are known
# fmt: off
_SMOOTH = frozenset({
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Attention", "Cos", "Cosh", "CumProd", "Det",
    "Erf", "Exp", "GRU", "GroupNormalization", "InstanceNormalization", "LRN", "LSTM",
    "LayerNormalization", "LpNormalization", "MeanVarianceNormalization", "Mish",
    "RMSNormalization", "Reciprocal",
    "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare", "Sin",
    "Sinh", "Softsign", "Sqrt", "SwiGLU", "Tan",
})
_JUMPS = frozenset({
    "ArgMax", "ArgMin", "BitCast", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr",
    "BitwiseXor", "Ceil", "ConvInteger", "DynamicQuantizeLinear", "Floor",
    "Hardmax", "MatMulInteger", "Mod", "NonMaxSuppression",
    "NonZero", "OneHot", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "Round",
    "Unique",
})
_RANDOM = frozenset({
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike",
})
_LOOPS = frozenset({"Loop", "Scan", "SequenceMap"})
# fmt: on


class Signature:
    """Inputs, stored tensors and outputs of a graph, checked.

    Parameters
    ----------
    graph : GraphProto
    opsets : dict
        Of every domain the version that the file states.
    batch : bool
        Whether the first axis of an input of several axes is the batch axis.

    Attributes
    ----------
    stored : dict
        Initializers by name.
    inputs : tuple of Input
    makers : dict
        Which node makes a value, by name.
    """

    def __init__(self, graph: GraphProto, opsets: Opsets, *, batch: bool = True) -> None:
        self.graph, self.opsets = graph, opsets
        check_texts(graph)
        self.stored = _stored_tensors(graph)
        self.inputs = _inputs(graph, self.stored, batch)
        self._sources = {x.name for x in self.inputs}
        self.makers: dict[str, int] = {}
        for index, node in enumerate(graph.node):
            for name in node.output:
                if name and (name in self.makers or name in self.stored or name in self._sources):
                    raise FormatError(
                        f"{describe_node(node, index)}: value {name[:80]!r} is made more than once"
                    )
                if name:
                    self.makers[name] = index

    # --- the output ---

    def output(self, wanted: Output) -> tuple[str, list[int]]:
        """The name of the output that is read, and the nodes that lead to it, in order.

        Raises
        ------
        FormatError
            If there is no such output, or several could be meant.
        UnsupportedOperatorError
            If a node cannot be read: the first one, before anything is computed.
        """
        names = [value.name for value in self.graph.output]

        def read(k: int) -> tuple[str, list[int]]:
            live = self._live_nodes(names[k])
            self._refuse_unknown(live, names[k])
            return names[k], live

        return chosen_output(names, wanted, self._float_outputs(), read)

    def _float_outputs(self) -> Iterator[int]:
        """Outputs that may be meant where none is named: no labels, no constants."""
        for k, value in enumerate(self.graph.output):
            tensor = value.type.tensor_type
            if value.type.HasField("tensor_type") and tensor.elem_type not in _FLOATS:
                continue
            if value.name in self.dependent(self._live_nodes(value.name)):
                yield k

    def _live_nodes(self, target: str) -> list[int]:
        """Indices of the nodes that lead to a value, in the file's order, which must be sorted."""
        known = self._sources | self.stored.keys()
        if target not in self.makers and target not in known:
            raise FormatError(f"output {target[:80]!r} is made by no node")
        live: set[int] = set()
        waiting = [self.makers[target]] if target in self.makers else []
        while waiting:
            index = waiting.pop()
            if index in live:
                continue
            live.add(index)
            node = self.graph.node[index]
            for name in reads(node):
                if name in self.makers:
                    if self.makers[name] >= index:
                        raise FormatError(
                            f"{describe_node(node, index)}: value {name[:80]!r} is used before it "
                            "is made; the graph has a cycle or its nodes are out of order"
                        )
                    waiting.append(self.makers[name])
                elif name and name not in known:
                    raise FormatError(
                        f"{describe_node(node, index)}: value {name[:80]!r} is made nowhere"
                    )
        return sorted(live)

    # --- which values depend on the input ---

    def dependent(self, live: Sequence[int]) -> set[str]:
        """The values that depend on an input, and not on its shape alone."""
        depends = set(self._sources)
        for index in live:
            node = self.graph.node[index]
            if plain_domain(node.domain) == "" and node.op_type in _OF_SHAPES:
                continue
            if any(name in depends for name in reads(node)):
                depends.update(name for name in node.output if name)
        return depends

    def _refuse_unknown(self, live: Sequence[int], target: str) -> None:
        found = self._first_unknown(live, target)
        if found is not None:
            raise found

    def _first_unknown(self, live: Sequence[int], target: str) -> UnsupportedOperatorError | None:
        """The error for the first node that nobody reads."""
        depends = self.dependent(live)
        used = {name for index in live for name in reads(self.graph.node[index])} | {target}
        for index in live:
            node = self.graph.node[index]
            if is_choice(node):  # its graph is known once its condition is
                continue
            handler = handler_of(node, self.opsets)
            if not any(name in depends for name in node.input):
                if handler is None and not (
                    plain_domain(node.domain) == "" and can_evaluate(node.op_type)
                ):
                    return self._unknown(index)
                continue
            if handler is None:
                return self._unknown(index)
            # few operators have a second output that is a function of the input
            others = [name for name in node.output[1:] if name and name in used]
            if others and not handler.several:
                why = _SECOND.get(node.op_type, "only the first output of this operator is read")
                return UnsupportedOperatorError(
                    f"{describe_node(node, index)}: its output {others[0][:80]!r} is used; {why}"
                )
        return None

    def _unknown(self, index: int) -> UnsupportedOperatorError:
        node = self.graph.node[index]
        domain = plain_domain(node.domain)
        name = f"operator {node.op_type[:80]!r} of domain {domain[:80] or 'ai.onnx'!r}"
        at = f"node {index}" + (f" {node.name[:200]!r}" if node.name else "")
        if domain == "" and node.op_type in _SMOOTH:
            return UnsupportedOperatorError(
                f"{at}: {name} is not piecewise affine; such a network has no finite partition "
                "into regions with affine pieces. Replace it by a piecewise-affine one"
            )
        if domain == "" and node.op_type in _JUMPS:
            return UnsupportedOperatorError(
                f"{at}: {name} is not continuous; a network's operators are continuous, most of "
                "them piecewise affine. Leave it out of the model, or choose another output"
            )
        if domain == "" and node.op_type in _RANDOM:
            return UnsupportedOperatorError(
                f"{at}: {name} is random, so the model is no function of its input; export it in "
                "eval mode, or store the numbers"
            )
        if domain == "" and node.op_type in _LOOPS:
            return UnsupportedOperatorError(
                f"{at}: {name} is a loop, which is not read; export the model with it unrolled (a "
                "Python loop over a known range is, when the model is traced)"
            )
        if (domain, node.op_type) in REGISTRY:
            return UnsupportedOperatorError(
                f"{at}: {name} does not exist in version {self.opsets.get(domain, 1)} of that "
                "domain, which the file states"
            )
        return UnsupportedOperatorError(
            f"{at}: {name} is not supported; docs/formats.md lists the operators that are read"
        )


def check_texts(graph: GraphProto) -> None:
    """Refuse a graph with a name that is no UTF-8 text."""
    if not all(isinstance(text, str) for text in _texts(graph)):
        raise FormatError("a name is no UTF-8 text; the file is damaged")


def _texts(graph: GraphProto) -> Iterator[object]:
    """All names; protobuf gives bytes where a text is no UTF-8, or raises, by its version."""
    for value in (*graph.input, *graph.output, *graph.initializer):
        yield value.name
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for attribute in node.attribute:
            yield attribute.name


def plain_domain(domain: str) -> str:
    """The name of an operator set; ONNX's own has two."""
    return "" if domain == "ai.onnx" else domain


def opsets_of(model: ModelProto) -> Opsets:
    """Of every domain the version that a model states; ONNX's own must be one that is read."""
    from onnx.defs import onnx_opset_version

    versions: dict[str, set[int]] = {}
    for entry in model.opset_import:
        versions.setdefault(plain_domain(entry.domain), set()).add(entry.version)
    if "" not in versions:
        raise FormatError("states no opset version; it is no complete ONNX model")
    for domain, several in versions.items():
        if len(several) > 1:
            raise FormatError(
                f"states several opset versions {sorted(several)[:5]} of domain {domain[:80]!r}"
            )
    opsets = {domain: next(iter(several)) for domain, several in versions.items()}
    newest = onnx_opset_version()
    if not OLDEST_OPSET <= opsets[""] <= newest:
        raise FormatError(
            f"uses opset {opsets['']}; {OLDEST_OPSET} to {newest} are read. "
            "Convert it with onnx.version_converter, or install a newer onnx package"
        )
    return opsets


def handler_of(node: NodeProto, opsets: Opsets) -> Handler | None:
    """Who reads a node."""
    domain = plain_domain(node.domain)
    return find_handler(domain, node.op_type, opsets.get(domain, 1))


# --- inputs ----------------------------------------------------------------------------------


def _stored_tensors(graph: GraphProto) -> dict[str, TensorProto]:
    stored: dict[str, TensorProto] = {}
    for tensor in graph.initializer:
        if tensor.name in stored:
            raise FormatError(f"initializer {tensor.name!r} stands twice")
        stored[tensor.name] = tensor
    return stored


def _inputs(graph: GraphProto, stored: dict[str, TensorProto], batch: bool) -> tuple[Input, ...]:
    """Name and shape of the inputs; initializers may be listed too."""
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
    if not 1 <= len(inputs) <= MOST_INPUTS:
        raise FormatError(f"has {len(inputs)} inputs; networks with 1 to {MOST_INPUTS:,} are read")
    return tuple(_input(value, batch) for value in inputs)


def _input(value: ValueInfoProto, batch: bool) -> Input:
    where = f"input {value.name!r}"
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        raise FormatError(f"{where}: has no known shape; export the model with input sizes")
    if tensor.elem_type not in _FLOATS:
        raise FormatError(
            f"{where}: its data type {tensor.elem_type} is no float type; a network's inputs are "
            "real numbers. Store it as a constant (an initializer) if it is one"
        )
    # a symbol, 0 or -1 is an unknown length
    sizes = [d.dim_value if d.dim_value > 0 else None for d in tensor.shape.dim]
    shown = [n if n else (d.dim_param or "?") for n, d in zip(sizes, tensor.shape.dim, strict=True)]
    if len(sizes) > _MOST_AXES:
        raise FormatError(f"{where}: has {len(sizes)} axes; up to {_MOST_AXES} are read")
    if len(sizes) >= 2 and (batch or sizes[0] == 1):
        if sizes[0] not in (None, 1):
            raise FormatError(
                f"{where}: has shape {shown}; its first axis is the batch axis and must be 1 or "
                "unknown. Export the model with a batch of one; or, if the axis is no batch axis, "
                "say so: load(path, batch=False), on the command line --no-batch"
            )
        sizes[0] = 1
    if None in sizes:
        raise FormatError(
            f"{where}: has shape {shown}; the length of axis {sizes.index(None)} must be known"
        )
    shape = tuple(n for n in sizes if n is not None)
    return Input(value.name, shape, len(shape) >= 2 and shape[0] == 1, tensor.elem_type)
