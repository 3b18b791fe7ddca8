"""Inputs and outputs of PyTorch modules and programs: names, shapes, batch axes."""

from __future__ import annotations

import dataclasses
import inspect
import json
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind

from ...errors import ShapeError, UnsupportedOperatorError
from ..signature import MOST_INPUTS, Input

__all__ = [
    "examples_of",
    "input_of_sizes",
    "inputs_of_module",
    "inputs_of_program",
    "names_of_stored",
    "output_names",
    "shapes_given",
    "tensor_inputs",
]

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...] | dict[str, Shape]  # of several inputs, in order or by name
_MOST_AXES = 16
_MOST_NESTED = 16  # tuples in tuples that a module returns
_MOST_OUTPUTS = 100_000


def shapes_given(input_shape: Any) -> Shapes | None:
    """What was given as ``input_shape``: a shape of every input.

    Raises
    ------
    ShapeError
        If it is neither a shape nor several.
    """
    if input_shape is None:
        return None
    if isinstance(input_shape, Mapping):
        if not input_shape or not all(isinstance(name, str) for name in input_shape):
            raise ShapeError("from_torch: input_shape needs a shape for every input, by its name")
        return {name: _shape(s, f" of {name!r:.80}") for name, s in input_shape.items()}
    try:
        parts = list(input_shape)
    except TypeError:
        parts = None
    if parts and all(isinstance(part, Sequence) and not isinstance(part, str) for part in parts):
        return tuple(_shape(part, f" {k}") for k, part in enumerate(parts))
    return (_shape(input_shape, ""),)


def _shape(given: Any, of: str) -> Shape:
    try:
        shape = tuple(operator.index(n) for n in given)
    except TypeError:
        raise ShapeError(
            f"from_torch: input_shape{of} {given!r:.200} is not a sequence of integers; several "
            "inputs have a list of those, or a dictionary by their names; one has (2,), (1, 28, 28)"
        ) from None
    if any(n < 1 for n in shape):
        raise ShapeError(f"from_torch: input_shape{of} {shape} needs positive sizes")
    if len(shape) > _MOST_AXES:
        raise ShapeError(f"from_torch: input_shape{of} has {len(shape)} axes; up to {_MOST_AXES}")
    return shape


# --- inputs --------------------------------------------------------------------------------------


def inputs_of_module(
    module: torch.nn.Module, given: Shapes | None, batch: bool
) -> tuple[Input, ...]:
    """As `inputs_of_program`: what was given, or what a graph says of itself."""
    if isinstance(module, torch.fx.GraphModule):
        places = [n for n in module.graph.nodes if n.op == "placeholder"]
        if places and any(isinstance(n.meta.get("val"), torch.Tensor) for n in places):
            return _inputs_of(places, given, batch)
    if given is None:
        raise ShapeError(
            "from_torch: give input_shape, without the batch axis: from_torch(module, (1, 28, 28))"
        )
    named = given if isinstance(given, dict) else {str(k): s for k, s in enumerate(given)}
    lead = (1,) if batch else ()
    return tuple(Input(name, (*lead, *shape), batch) for name, shape in named.items())


def inputs_of_program(
    program: ExportedProgram, given: Shapes | None, batch: bool
) -> tuple[Input, ...]:
    """The tensors that a program takes, for a batch of one.

    Raises
    ------
    UnsupportedOperatorError
        If there is none, or one is not of real numbers.
    ShapeError
        If a shape is not known, differs from the one that was given, or has a batch of several.
    """
    return _inputs_of(tensor_inputs(program), given, batch)


def tensor_inputs(program: ExportedProgram) -> list[torch.fx.Node]:
    """The placeholders of the tensors that a user gives."""
    names = set(program.graph_signature.user_inputs)
    nodes = [n for n in program.graph.nodes if n.op == "placeholder" and n.name in names]
    return [n for n in nodes if isinstance(n.meta.get("val"), torch.Tensor)]


def _inputs_of(
    nodes: Sequence[torch.fx.Node], given: Shapes | None, batch: bool
) -> tuple[Input, ...]:
    tensors = {n.name: n.meta["val"] for n in nodes if isinstance(n.meta.get("val"), torch.Tensor)}
    if not 1 <= len(tensors) <= MOST_INPUTS:
        raise UnsupportedOperatorError(
            f"from_torch: the program takes {len(tensors)} tensors; 1 to {MOST_INPUTS:,} are read"
        )
    shown = ", ".join(map(repr, list(tensors)[:8]))
    if isinstance(given, dict) and given.keys() != tensors.keys():
        raise ShapeError(
            f"from_torch: input_shape has the inputs {', '.join(map(repr, list(given)[:8]))}; the "
            f"program takes {shown}"
        )
    if given is not None and len(given) != len(tensors):
        raise ShapeError(
            f"from_torch: input_shape is of {len(given)} inputs; the program takes {len(tensors)}, "
            f"{shown}: give a list of their shapes, or none"
        )
    out = []
    for k, (name, value) in enumerate(tensors.items()):
        if not value.is_floating_point():
            raise UnsupportedOperatorError(
                f"from_torch: the program's input {name!r} is of type {value.dtype}; a network "
                "takes real numbers. Wrap it in a module that holds it as a buffer, if it is a "
                "constant"
            )
        shape = None if given is None else given[name] if isinstance(given, dict) else given[k]
        sizes = [n if isinstance(n, int) else None for n in value.shape]  # None: of any length
        out.append(input_of_sizes(name, sizes, shape, batch))
    return tuple(out)


def input_of_sizes(
    name: str, sizes: Sequence[int | None], given: Shape | None, batch: bool
) -> Input:
    """One input of stated sizes, None for any, with the shape that is wanted for it."""
    shown = f"({', '.join('any' if n is None else str(n) for n in sizes)})"
    where = f"from_torch: the program's input {name[:80]!r} has shape {shown}"
    if len(sizes) > _MOST_AXES:
        raise ShapeError(f"{where}; up to {_MOST_AXES} axes are read")
    if given is not None and _fits(given, sizes):  # the whole shape: there is no batch axis
        return Input(name, given, False)
    lead = batch and (len(sizes) > 1 or (given is not None and len(sizes) == 1))
    inner = sizes[1:] if lead else sizes
    if lead and sizes[0] not in (1, None) and (given is None or _fits(given, inner)):
        raise ShapeError(
            f"{where}, a batch of {sizes[0]}; export it "
            "with a batch of one, or of any size (dynamic_shapes). If its first axis is no batch "
            f"axis, say so by batch=False, or give the whole shape: input_shape={shown}"
        )
    if given is None:
        known = tuple(n for n in inner if n is not None)
        if len(known) < len(inner):
            raise ShapeError(f"{where}; give input_shape{', without the batch axis' * lead}")
        return Input(name, (*[1] * lead, *known), lead)
    if not lead or not _fits(given, inner):
        raise ShapeError(
            f"from_torch: input_shape {given} does not fit the program's input {name[:80]!r} of "
            f"shape {shown}{', the batch axis in front' * lead}"
        )
    return Input(name, (1, *given), True)


def _fits(shape: Shape, sizes: Sequence[int | None]) -> bool:
    return len(shape) == len(sizes) and all(
        n is None or n == m for m, n in zip(shape, sizes, strict=True)
    )


def examples_of(
    module: torch.nn.Module, inputs: Sequence[Input], kind: torch.dtype, *, by_name: bool
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of a module: zeros of the shapes of its inputs."""
    if isinstance(module, torch.fx.GraphModule) and hasattr(module, "_in_spec"):
        shapes = {x.name: x.shape for x in inputs}
        flat = []
        for node in module.graph.nodes:
            if node.op == "placeholder":
                value = node.meta.get("val")
                flat.append(
                    torch.zeros(shapes[node.name], dtype=value.dtype)
                    if isinstance(value, torch.Tensor)
                    else value
                )
        args, kwargs = torch.utils._pytree.tree_unflatten(flat, module._in_spec)
        return tuple(args), dict(kwargs)
    if by_name:
        named = {x.name: torch.zeros(x.shape, dtype=kind) for x in inputs}
        order = [*inspect.signature(module.forward).parameters, *named]  # as forward has them
        return (), {name: named[name] for name in dict.fromkeys(order) if name in named}
    return tuple(torch.zeros(x.shape, dtype=kind) for x in inputs), {}


# --- outputs -------------------------------------------------------------------------------------


def output_names(program: ExportedProgram) -> list[str]:
    """Names of what a program returns: keys of dictionaries, positions in tuples and lists.

    Of a dictionary in a tuple they are joined: ``"0.logits"``.
    """
    specs = program.graph_signature.output_specs
    count = sum(spec.kind == OutputKind.USER_OUTPUT for spec in specs)
    names: list[str] = []
    _walk_spec(program.call_spec.out_spec, "", names)
    return names if len(names) == count else list(map(str, range(count)))


def _walk_spec(spec: Any, path: str, names: list[str]) -> None:
    """The names of the leaves of one of torch's trees."""
    if spec is None or spec.is_leaf():
        names.append(path or "0")
        return
    keys: Sequence[Any] = range(len(spec.children()))
    if isinstance(spec.context, list) and issubclass(spec.type, dict):
        found = spec.context  # of a defaultdict with what makes its values
        keys = found[1] if len(found) == 2 and isinstance(found[1], list) else found
    elif dataclasses.is_dataclass(spec.type) and isinstance(spec.context, list | tuple):
        keys = spec.context[0]
    elif isinstance(spec.context, type) and hasattr(spec.context, "_fields"):
        keys = spec.context._fields
    if len(keys) != len(spec.children()):  # a tree of a kind that is not known here
        keys = range(len(spec.children()))
    for key, child in zip(keys, spec.children(), strict=True):
        _walk_spec(child, f"{path}.{key}" if path else str(key), names)


def names_of_stored(text: Any, count: int) -> list[str]:
    """As `output_names`, of the tree that a file states as a text of JSON."""
    names: list[str] = []
    try:
        _, tree = json.loads(text)
        _walk_stored(tree, "", names, 0)
    except (KeyError, TypeError, ValueError, RecursionError):
        names = []  # other trees than tuples, lists and dictionaries: positions
    return names if len(names) == count else list(map(str, range(count)))


def _walk_stored(tree: Any, path: str, names: list[str], depth: int) -> None:
    if depth > _MOST_NESTED or len(names) > _MOST_OUTPUTS:
        raise ValueError("is too large a tree")
    children = tree["children_spec"]
    if tree["type"] is None:
        names.append(path or "0")
        return
    keys: Sequence[Any] = range(len(children))
    if tree["type"] in ("builtins.dict", "collections.OrderedDict"):
        keys = json.loads(tree["context"])
    for key, child in zip(keys, children, strict=True):
        _walk_stored(child, f"{path}.{key}" if path else str(key), names, depth + 1)
