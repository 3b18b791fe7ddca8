"""ONNX models as queries declare them: with given shapes, several outputs, and inner values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import ExactSplineError, FormatError
from ...network import Network
from ..files import PathLike, read_file
from ..graph import build_graph
from ..limits import MAX_BINARY_BYTES
from ..signature import named_slices
from .external import ExternalFiles
from .ranges import Ranges
from .reader import parsed, read_model
from .signature import check_texts

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto

    from ..vnnlib.declared import DeclaredNetwork, DeclaredTensor

__all__ = ["LoadedModel", "fitted", "load_declared", "model_tensors"]

# TensorProto.DataType, and what queries call it
_KINDS = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16",
}  # fmt: skip
_FLOATS = (1, 10, 11, 16)
_DOUBLE = 11


@dataclass(frozen=True)
class LoadedModel:
    """A model as a network from all inputs to all declared values.

    Attributes
    ----------
    network : Network
        From a vector, the inputs one after the other, to the declared hidden and output tensors
        one after the other.
    local : bool
        Whether it is the model on the given box alone.
    notes : tuple of str
        Types that differ from the declared ones.
    """

    network: Network
    local: bool
    notes: tuple[str, ...]


def load_declared(path: PathLike, declared: DeclaredNetwork, ranges: Ranges) -> LoadedModel:
    """Read a model as a query declares it.

    Parameters
    ----------
    path : path-like
    declared : DeclaredNetwork
        Inputs and outputs are the model's in order, hidden tensors its values by name. No axis is
        a batch axis; axes of length 1 in front may be left out.
    ranges : Ranges
        Where inputs lie. Conditions that are the same all over the box are constants.

    Raises
    ------
    FormatError
        If the model has other inputs, outputs, values or shapes.
    UnsupportedOperatorError, ParameterError, ShapeError
        As `load_onnx`.
    """
    data, sha256 = read_file(path, MAX_BINARY_BYTES)
    files = ExternalFiles(path)
    try:
        model = parsed(data)
        check_texts(model.graph)
        pairs = model_tensors(model.graph, declared)
        notes = _shapes_set(model.graph, declared, pairs)
        target = _joined(model, [name for t, name in pairs if t.kind != "input"])
        graph, inputs, values = read_model(model, len(data), files, target, False, ranges)
        for tensor, name in pairs:
            value = values.get(name)
            if value is not None and not _same(tuple(value.shape), tensor.shape):
                raise FormatError(
                    f"{name[:80]!r} has shape {list(value.shape)}, but variable "
                    f"{tensor.name[:80]!r} is declared as {list(tensor.shape)}"
                )
    except ExactSplineError as error:
        raise type(error)(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise FormatError(f"{path}: a name is no UTF-8 text; the file is damaged") from None
    network = build_graph(
        graph.nodes, graph.input_shape, files.sha256(sha256), path, named=named_slices(inputs)
    )
    expected = sum(t.size for t in declared.of("hidden", "output"))
    if network.output_dim != expected:
        raise FormatError(
            f"{path}: gives {network.output_dim} numbers, but {expected} are declared"
        )
    return LoadedModel(network, ranges.used, tuple(f"{path}: {note}" for note in notes))


def model_tensors(graph: GraphProto, declared: DeclaredNetwork) -> list[tuple[DeclaredTensor, str]]:
    """The declared tensors, each with the name that the model has for it.

    Raises
    ------
    FormatError
        If there are more or fewer inputs or outputs, or no value of a name.
    """
    stored = {tensor.name for tensor in graph.initializer}
    out: list[tuple[DeclaredTensor, str]] = []
    for kind, names in (
        ("input", [v.name for v in graph.input if v.name not in stored]),
        ("output", [v.name for v in graph.output]),
    ):
        tensors = declared.of(kind)
        if len(tensors) != len(names):
            raise FormatError(
                f"has {len(names)} {kind}s, but network {declared.name[:80]!r} is declared with "
                f"{len(tensors)}"
            )
        for tensor, name in zip(tensors, names, strict=True):
            wanted = tensor.onnx_name
            if wanted is not None and wanted not in names:
                raise FormatError(f"has no {kind} {wanted[:80]!r}; it has {_shown(names)}")
            out.append((tensor, name if wanted is None else wanted))
    made = {name for node in graph.node for name in node.output if name}
    for tensor in declared.of("hidden"):
        name = tensor.onnx_name or tensor.name
        if name not in made:
            raise FormatError(
                f"has no value {name[:80]!r}, which variable {tensor.name[:80]!r} is; its nodes "
                f"give {_shown(sorted(made))}"
            )
        out.append((tensor, name))
    order = {t.name: i for i, t in enumerate(declared.tensors)}
    return sorted(out, key=lambda pair: order[pair[0].name])


def _shown(names: Sequence[str]) -> str:
    texts = [repr(name[:40]) for name in names[:8]]
    return ", ".join([*texts, *["..."] * (len(names) > 8)]) or "none"


def _shapes_set(
    graph: GraphProto, declared: DeclaredNetwork, pairs: Sequence[tuple[DeclaredTensor, str]]
) -> list[str]:
    """Write the declared shapes into the inputs; notes on types that differ."""
    notes = []
    by_name: dict[str, ValueInfoProto] = {v.name: v for v in (*graph.input, *graph.output)}
    for tensor, name in pairs:
        if name not in by_name:
            continue
        own = by_name[name].type.tensor_type
        kind = _KINDS.get(own.elem_type, f"type {own.elem_type}")
        if own.elem_type and tensor.type not in ("real", kind):
            notes.append(
                f"{tensor.kind} {name[:80]!r} is {kind}, but variable {tensor.name[:80]!r} is "
                f"declared as {tensor.type}; it is decided for real numbers"
            )
        if tensor.kind != "input":
            continue
        sizes = [d.dim_value for d in own.shape.dim] if own.HasField("shape") else None
        shape = fitted(sizes, tensor.shape)
        if shape is None:
            raise FormatError(
                f"input {name[:80]!r} has shape {sizes}, but variable {tensor.name[:80]!r} is "
                f"declared as {list(tensor.shape)}"
            )
        own.ClearField("shape")
        for n in shape:
            own.shape.dim.add().dim_value = n
        if not shape:
            own.shape.SetInParent()
    return notes


def fitted(sizes: Sequence[int] | None, declared: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of a model's input, of what the model says and the query; None if they differ.

    Axes of length 1 in front may be left out; a length below 1 is one that the model leaves open.
    """
    if sizes is None:
        return declared
    if len(sizes) == len(declared):
        filled = tuple(m if n < 1 else n for n, m in zip(sizes, declared, strict=True))
    else:
        filled = tuple(max(n, 1) for n in sizes)
    return filled if _same(filled, declared) else None


def _same(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two shapes are one, but for axes of length 1 in front."""
    return _without_front(a) == _without_front(b)


def _without_front(shape: Sequence[int]) -> tuple[int, ...]:
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return tuple(shape[first:])


def _joined(model: ModelProto, names: Sequence[str]) -> str:
    """Add nodes that put values one after the other, flat; returns the name of the result."""
    from onnx import helper

    graph = model.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    taken |= {v.name for v in (*graph.input, *graph.output, *graph.initializer)}
    begin = "declared values"
    while any(name.startswith(begin) for name in taken):
        begin += "'"
    integers = {
        v.name for v in (*graph.output, *graph.value_info)
        if v.type.tensor_type.elem_type not in (0, *_FLOATS)
    }  # fmt: skip
    graph.initializer.add(name=f"{begin}: flat", data_type=7, dims=[1], int64_data=[-1])
    parts = []
    for i, name in enumerate(names):
        source = name
        if name in integers:
            source = f"{begin}: {i} as numbers"
            graph.node.append(helper.make_node("Cast", [name], [source], to=_DOUBLE))
        if len(names) == 1:  # the network is flat anyway
            return _output(graph, source)
        graph.node.append(
            helper.make_node("Reshape", [source, f"{begin}: flat"], [f"{begin}: {i}"])
        )
        parts.append(f"{begin}: {i}")
    graph.node.append(helper.make_node("Concat", parts, [begin], axis=0))
    return _output(graph, begin)


def _output(graph: GraphProto, name: str) -> str:
    if all(value.name != name for value in graph.output):
        graph.output.add(name=name)
    return name
