"""Reads a program of torch.export: its ATen functions, node by node, into a network."""

from __future__ import annotations

import functools
import inspect
import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind

from ...discovery import load_files
from ...errors import ExactSplineError, ShapeError, UnsupportedOperatorError
from ...network import Identity, Select
from ..signature import Input, is_alone, shape_of_all, slices_of
from . import operators
from .exporting import is_own, quiet
from .inputs import tensor_inputs
from .operators.shapes import MOVERS, move
from .values import HANDLERS, MAX_ENTRIES, Const, Gated, Lowering, Unreadable, Var

__all__ = [
    "LIKE",
    "SILENT",
    "ProgramReader",
    "float_outputs",
    "plain_program",
]

load_files(operators)  # they fill the table of handlers

SILENT = frozenset({
    "_assert_tensor_metadata", "_assert_scalar", "_assert_async", "sym_constrain_range",
    "sym_constrain_range_for_size",
})  # fmt: skip
LIKE = frozenset({  # made of the shape of an argument alone
    "empty_like", "empty_strided", "full_like", "new_empty", "new_empty_strided", "new_full",
    "new_ones", "new_zeros", "ones_like", "zeros_like",
})  # fmt: skip
_SCOPES = ("wrap_with_set_grad_enabled", "wrap_with_autocast")  # with torch.no_grad(): ...
_PRODUCTS = frozenset({  # modules whose functions need not be looked at
    "MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer", "LSTM", "GRU",
    "LSTMCell", "GRUCell",
})  # fmt: skip
_KINDS = {
    InputKind.PARAMETER: "parameter", InputKind.BUFFER: "buffer",
    InputKind.CONSTANT_TENSOR: "constant",
}  # fmt: skip


def plain_program(program: ExportedProgram) -> ExportedProgram:
    """The same program in functions that are read, none of which changes a tensor in place."""
    if all(map(_is_plain, program.graph.nodes)):
        return program
    table = torch.export.default_decompositions()
    for function in list(table):
        if _name(function) in HANDLERS.keys() | MOVERS:
            del table[function]
    with quiet():
        return program.run_decompositions(table)


def _returned(program: ExportedProgram) -> list[Any]:
    """What a program returns to its user, in order: nodes, numbers, None."""
    (results,) = (n.args[0] for n in program.graph.nodes if n.op == "output")
    kinds = [spec.kind for spec in program.graph_signature.output_specs]
    return [r for r, kind in zip(results, kinds, strict=True) if kind == OutputKind.USER_OUTPUT]


def float_outputs(program: ExportedProgram) -> list[int]:
    """Positions of the float tensors among them that depend on the input."""
    depends = set(tensor_inputs(program))
    for node in program.graph.nodes:
        if _name(node.target) not in LIKE | {"sym_size"} and depends & set(node.all_input_nodes):
            depends.add(node)
    out = []
    for k, node in enumerate(_returned(program)):
        value = node.meta.get("val") if isinstance(node, torch.fx.Node) else None
        if isinstance(value, torch.Tensor) and value.is_floating_point() and node in depends:
            out.append(k)
    return out


def _leading_to(wanted: Any) -> set[torch.fx.Node]:
    """The nodes that lead to a result; it may be no node itself."""
    live: set[torch.fx.Node] = set()
    waiting = [wanted] if isinstance(wanted, torch.fx.Node) else []
    while waiting:
        node = waiting.pop()
        if node not in live:
            live.add(node)
            waiting.extend(node.all_input_nodes)
    return live


def _is_plain(node: torch.fx.Node) -> bool:
    function = node.target
    if node.op != "call_function" or not isinstance(function, torch._ops.OpOverload):
        return node.op != "call_function" or function is operator.getitem
    known = _name(function) in HANDLERS.keys() | MOVERS
    return known and not function._schema.is_mutable


def _name(function: Any) -> str:
    """The name of an ATen function, without its overload; others have none."""
    if not isinstance(function, torch._ops.OpOverload):
        return ""
    space, _, name = function._schema.name.partition("::")
    return name if space == "aten" else f"{space}::{name}"


class ProgramReader:
    """Builds a network from a program, for a batch of one.

    Parameters
    ----------
    program : torch.export.ExportedProgram
    inputs : sequence of Input
        The tensors that it takes, in order. Several are one vector, cut into pieces.
    """

    def __init__(self, program: ExportedProgram, inputs: Sequence[Input]) -> None:
        self._program = program
        self.input_shape = shape_of_all(inputs)
        self.lowering = Lowering(self.input_shape, int(any(x.batch for x in inputs)))
        self._inputs = inputs
        self._values: dict[torch.fx.Node, Any] = {}

    def run(self, output: int) -> Var:
        """Read the nodes that lead to one of the values that the program returns."""
        signature = self._program.graph_signature
        for spec in signature.output_specs:
            if spec.kind == OutputKind.BUFFER_MUTATION:
                raise UnsupportedOperatorError(
                    f"from_torch: changes the buffer {spec.target!r} in place; a network keeps "
                    "nothing from one call to the next"
                )
        wanted = _returned(self._program)[output]
        live = _leading_to(wanted)
        for node in self._program.graph.nodes:
            if node in live and isinstance(node.target, torch._ops.HigherOrderOperator):
                self._scope(node)
        self._values |= self._cut_out()
        given = {spec.arg.name: spec for spec in signature.input_specs}
        for node in self._program.graph.nodes:
            if node.op == "placeholder" and node not in self._values:
                self._values[node] = self._given(given[node.name])
        for node in self._program.graph.nodes:
            if node in live:
                self._step(self._program.graph_module, node)
        return self._result(self._plain(wanted))

    def _cut_out(self) -> dict[torch.fx.Node, Var]:
        """The inputs: the network's, or pieces of it in their own shapes."""
        nodes, lowering = tensor_inputs(self._program), self.lowering
        if len(nodes) != len(self._inputs):
            raise UnsupportedOperatorError(
                f"from_torch: the program takes {len(nodes)} tensors, not {len(self._inputs)}"
            )
        if is_alone(self._inputs):
            return {nodes[0]: lowering.input}
        out, whole = {}, replace(lowering.input, lead=0)
        places = slices_of(self._inputs).values()
        for node, x, place in zip(nodes, self._inputs, places, strict=True):
            lowering.base = x.name[:200]
            piece = lowering.emit(Select(range(place.start, place.stop)), whole)
            out[node] = replace(lowering.reshape(piece, x.inner), lead=int(x.batch))
        return out

    def nodes_up_to(self, result: Var) -> list[Any]:
        """The nodes of the network, the one of a value last."""
        if result.node < 0:
            self.lowering.base = "identity"
            result = self.lowering.emit(Identity(), result)
        return self.lowering.nodes[: result.node + 1]

    def _scope(self, node: torch.fx.Node) -> None:
        """Refuse what calls other graphs, but for a mere ``with torch.no_grad()``."""
        if getattr(node.target, "__name__", "") not in _SCOPES:
            raise UnsupportedOperatorError(
                f"from_torch: {_place(node)}: is control flow that depends on the data; that is no "
                "piecewise-affine network of fixed shape"
            )

    def _result(self, value: Any) -> Var:
        try:
            if value is None or isinstance(value, bool | int | float):
                raise UnsupportedOperatorError("is no tensor: the module returns nothing")
            self.lowering.base = "result"
            lead = self.lowering.lead
            if isinstance(value, Const):  # the same everywhere
                lead = int(lead and value.shape[:1] == (1,))
            found = self.lowering.as_var(self.lowering.operand(value, "it"), lead)
            if found.full[:1] != (1,) and lead:
                raise UnsupportedOperatorError(
                    f"has shape {found.full} for a batch of one; its first axis must be the batch"
                )
            return self.lowering.with_lead(found, lead)
        except ExactSplineError as error:
            raise UnsupportedOperatorError(f"from_torch: the module's result: {error}") from None

    def _given(self, spec: Any) -> Any:
        """What a placeholder stands for."""
        if spec.kind == InputKind.USER_INPUT:
            return getattr(spec.arg, "value", None)
        if spec.kind not in _KINDS:
            raise UnsupportedOperatorError(f"from_torch: {spec.target!r} is no tensor")
        stored = self._program.state_dict
        stored = stored if spec.target in stored else self._program.constants
        tensor = stored[spec.target]
        return Const(None, tensor, where=f"{_KINDS[spec.kind]} {spec.target}")

    def _body(self, module: torch.fx.GraphModule) -> Any:
        """Run a graph whose placeholders have their values; what it returns."""
        for node in module.graph.nodes:
            if node.op == "output":
                return self._plain(node.args[0])
            self._step(module, node)
        raise UnsupportedOperatorError("from_torch: the program returns nothing")

    def _step(self, module: torch.fx.GraphModule, node: torch.fx.Node) -> None:
        if node.op == "get_attr":
            self._values[node] = self._attribute(module, str(node.target))
        elif node.op == "call_function":
            self._values[node] = self._call(node)

    def _attribute(self, module: torch.fx.GraphModule, target: str) -> Any:
        found = operator.attrgetter(target)(module)
        return Const(None, found, where=target) if isinstance(found, torch.Tensor) else found

    def _call(self, node: torch.fx.Node) -> Any:
        """What a node gives; errors say where it stands."""
        function = node.target
        try:
            args, kwargs = self._plain(node.args), self._plain(node.kwargs)
            if isinstance(function, torch._ops.OpOverload):
                self._settle(node, _name(function))
                return self._function(node, function, args, kwargs)
            return self._other(function, args, kwargs)
        except ExactSplineError as error:
            if str(error).startswith("from_torch"):
                raise
            reason: Any = error
            if _module(node)[1].rpartition(".")[2] in _PRODUCTS:
                reason = (
                    "multiplies values that depend on the input; no piecewise-affine function. "
                    "Take the part of the network before or behind it (of recurrent layers RNN "
                    "with ReLU is read)"
                )
            raise type(error)(f"from_torch: {_place(node)}: {reason}") from None

    def _plain(self, value: Any) -> Any:
        """Arguments with every node replaced by its value."""
        if isinstance(value, torch.fx.Node):
            return self._values[value]
        if isinstance(value, tuple | list):
            return type(value)(self._plain(v) for v in value)
        if isinstance(value, dict):
            return {key: self._plain(v) for key, v in value.items()}
        return value

    # --- functions ---

    def _other(self, function: Any, args: Any, kwargs: Any) -> Any:
        """What is no ATen function: parts of results, arithmetic of sizes, scopes."""
        name = getattr(function, "__name__", str(function))
        if name in _SCOPES:
            at = next(i for i, a in enumerate(args) if isinstance(a, torch.fx.GraphModule))
            inner = args[at]
            places = [n for n in inner.graph.nodes if n.op == "placeholder"]
            self._values.update(zip(places, args[at + 1 :], strict=True))
            return self._body(inner)
        if any(isinstance(a, Var | Gated | Unreadable) for a in args):
            raise UnsupportedOperatorError("is no function of torch")
        return function(*args, **kwargs)

    def _function(self, node: torch.fx.Node, function: Any, args: Any, kwargs: Any) -> Any:
        name = _name(function)
        if name in SILENT:
            return None
        if name == "sym_size" and isinstance(args[0], Var | Const):
            return args[0].full[args[1]]
        known = HANDLERS.get(name)
        if known is None and torch.Tag.nondeterministic_seeded in function.tags:
            raise UnsupportedOperatorError("is random; keep what it draws as a buffer")
        if name in LIKE and isinstance(args[0], Var | Gated):
            like = args[0].full if isinstance(args[0], Var) else args[0].root.full
            kind = node.args[0].meta["val"].dtype  # type: ignore[union-attr]
            args = (Const(None, torch.zeros(like, dtype=kind)), *args[1:])
        if not _any(args, kwargs, lambda v: isinstance(v, Var | Gated | Unreadable)):
            return self._constant(node, function, args, kwargs)
        if known is not None:
            return _bound(known.run)(self.lowering, args, kwargs)
        if name in MOVERS:
            return move(self.lowering, function, args, kwargs)
        raise UnsupportedOperatorError("is not supported")

    def _constant(self, node: torch.fx.Node, function: Any, args: Any, kwargs: Any) -> Any:
        """A function of constants: exact where that is arithmetic, else as torch computes it."""
        name, known = _name(function), HANDLERS.get(_name(function))
        real = _any(args, kwargs, lambda v: isinstance(v, Const) and v.is_float)
        if real:
            try:
                found: Any = None
                if known is not None and known.exact:
                    found = _bound(known.run)(self.lowering, args, kwargs)
                elif name in MOVERS:
                    found = move(self.lowering, function, args, kwargs)
                if found is not None:
                    return _typed(found, node.meta.get("val"))
            except (UnsupportedOperatorError, ShapeError):
                pass  # torch knows what it is
        if name.startswith(("empty", "new_empty")):
            function, kwargs = _zeros(function, kwargs)
        _check_size(node.meta.get("val"))
        plain = _mapped(args, lambda c: c.tensor), _mapped(kwargs, lambda c: c.tensor)
        try:
            return _mapped_back(function(*plain[0], **plain[1]))
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            text = str(error).strip().split("\n")[0]
            raise UnsupportedOperatorError(f"cannot be computed of constants: {text}") from None

    def _settle(self, node: torch.fx.Node, name: str) -> None:
        """Names of the operators to come: a torch module's path, else the path and function."""
        path, kind = _module(node)
        whole = kind.startswith("torch.nn.modules.")
        self.lowering.module = kind.rpartition(".")[2] if whole else ""
        if whole:
            self.lowering.base = path or self.lowering.module
        else:
            plain = name.strip("_")
            self.lowering.base = f"{path}.{plain}" if path else plain


def _zeros(function: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Memory that is not filled yet is 0 here: whatever is read of it was written before."""

    def zeros(*args: Any, **named: Any) -> torch.Tensor:
        return torch.zeros_like(function(*args, **named))

    return zeros, kwargs


def _check_size(value: Any) -> None:
    """Constants are computed up to a size, so that a short program cannot take all memory."""
    for part in value if isinstance(value, tuple | list) else [value]:
        if isinstance(part, torch.Tensor):
            size = math.prod(n for n in part.shape if isinstance(n, int))
            if size > MAX_ENTRIES:
                raise ShapeError(f"makes a constant of {size:,} entries; up to {MAX_ENTRIES:,}")


def _typed(found: Any, value: Any) -> Any:
    """Exact results with the type that torch gives them, in which they are rounded for torch."""
    if isinstance(found, Const) and isinstance(value, torch.Tensor):
        return Const(found.array, dtype=value.dtype)
    return found


def _any(args: Any, kwargs: Any, test: Callable[[Any], bool]) -> bool:
    stack = [*args, *kwargs.values()]
    while stack:
        value = stack.pop()
        if isinstance(value, tuple | list):
            stack.extend(value)
        elif test(value):
            return True
    return False


def _mapped(value: Any, change: Callable[[Const], Any]) -> Any:
    if isinstance(value, Const):
        return change(value)
    if isinstance(value, dict):
        return {k: _mapped(v, change) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_mapped(v, change) for v in value)
    return value


def _mapped_back(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return Const(None, value)
    return tuple(map(_mapped_back, value)) if isinstance(value, tuple | list) else value


@functools.cache
def _bound(run: Callable[..., Any]) -> Callable[[Lowering, Any, Any], Any]:
    """A handler as a function of the lowering, arguments, and named ones, which are checked."""
    signature = inspect.signature(run)

    def call(lowering: Lowering, args: Any, kwargs: Any) -> Any:
        try:
            bound = signature.bind(lowering, *args, **kwargs)
        except TypeError as error:
            raise UnsupportedOperatorError(
                f"has arguments that are not supported: {error}"
            ) from None
        return run(*bound.args, **bound.kwargs)

    return call


# --- where a node stands ---


def _module(node: torch.fx.Node) -> tuple[str, str]:
    """Path and type of the module whose forward has the node."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    if not stack:
        return "", ""
    path, kind = stack[-1]
    return path, kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"


def _place(node: torch.fx.Node) -> str:
    """Where a node stands: its function, the module, the line of the user's file."""
    path, kind = _module(node)
    inside = f" in module {path!r} ({kind.rpartition('.')[2]})" if path else ""
    function = str(node.target).removeprefix("torch.ops.").removesuffix(".default")
    lines = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    own = [(file, line) for file, line in lines if is_own(file)]
    at = f", {own[-1][0].replace(chr(92), '/').rpartition('/')[2]} line {own[-1][1]}" if own else ""
    return f"node {node.name!r} ({function}){inside}{at}"
