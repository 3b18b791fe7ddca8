"""Functions that a model defines itself: their nodes take the place of the calls.

Exporters write a module, or an operator of theirs, as a function of the file. How many nodes come
of it is counted before: a few functions that call each other twice would make billions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...errors import FormatError

if TYPE_CHECKING:
    from onnx import FunctionProto, ModelProto, NodeProto

__all__ = ["inlined"]

MOST_NODES = 1 << 16
_Key = tuple[str, str, str]


def inlined(model: ModelProto) -> ModelProto:
    """The model without functions of its own; the same one if it calls none.

    Parameters
    ----------
    model : ModelProto

    Raises
    ------
    FormatError
        If a function redefines an operator of ONNX, calls itself, or is defined twice, or if too
        many nodes would come of it.
    """
    if not model.functions:
        return model
    functions: dict[_Key, FunctionProto] = {}
    for function in model.functions:
        if function.domain in ("", "ai.onnx"):  # a file may define a Relu of its own
            raise FormatError(
                f"redefines ONNX's operator {function.name[:80]!r}; inline its functions"
            )
        key = (function.domain, function.name, function.overload)
        if key in functions:
            raise FormatError(f"defines the function {function.name[:80]!r} twice")
        functions[key] = function
    sizes: dict[_Key, int] = {}
    total = _nodes(model.graph.node, functions, sizes)
    if total == len(model.graph.node):
        return model
    if total > MOST_NODES:
        raise FormatError(
            f"has {total:,} nodes once its functions are written out; up to {MOST_NODES:,} are read"
        )
    import onnx.inliner

    try:
        return onnx.inliner.inline_local_functions(model)
    except Exception as error:  # whatever its C++ code raises
        text = " ".join(str(error).split())[:200]
        raise FormatError(f"its functions cannot be written out ({text})") from None


def _nodes(
    nodes: Iterable[NodeProto], functions: dict[_Key, FunctionProto], sizes: dict[_Key, int]
) -> int:
    """How many nodes come of some, every call written out.

    Without recursion of Python's: ``sizes`` is filled from the functions that call no other on.
    """
    waiting = [key for key in {_key(n) for n in nodes} if key in functions]
    open_: set[_Key] = set()  # those whose own calls are being looked at
    while waiting:
        key = waiting[-1]
        called = {_key(n) for n in functions[key].node} & functions.keys()
        left = called - sizes.keys()
        if key in sizes:
            waiting.pop()
        elif not left:
            sizes[key] = sum(sizes.get(_key(n), 1) for n in functions[key].node)
            open_.discard(key)
            waiting.pop()
        elif key in open_ or key in called:
            raise FormatError(f"its function {key[1][:80]!r} calls itself")
        else:
            open_.add(key)
            waiting += sorted(left)
    return sum(sizes.get(_key(n), 1) for n in nodes)


def _key(node: NodeProto) -> _Key:
    return node.domain, node.op_type, node.overload
