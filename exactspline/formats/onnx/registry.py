"""Who reads which ONNX operator: a table by domain and operator, filled by the readers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ...errors import ExactSplineError, ParameterError
from .graph import Graph
from .node import NodeView
from .values import AnyValue
from .weights import affine_in_weight

__all__ = ["REGISTRY", "Handler", "find_handler", "handles"]

Result = AnyValue | tuple[AnyValue, ...]
Function = Callable[[NodeView, Graph], Result]


@dataclass(frozen=True)
class Handler:
    """What reads one ONNX operator, and what such a node may have.

    Attributes
    ----------
    since, until : int
        The first and the last version of the operator set in which it means this.
    several : bool
        Whether other outputs than the first one may be used.
    gates : bool
        Whether it takes functions that may jump (`NodeView.given`); for others these are made
        splines before, or refused.
    infinite : bool
        Whether it takes constants that are not finite.
    """

    function: Function
    min_inputs: int
    max_inputs: int
    attributes: frozenset[str]
    since: int
    until: int
    several: bool
    gates: bool
    infinite: bool

    def __call__(self, node: NodeView, graph: Graph) -> tuple[AnyValue, ...]:
        if not self.min_inputs <= len(node.inputs) <= self.max_inputs:
            raise node.wrong(
                f"has {len(node.inputs)} inputs; it needs {self.min_inputs} to {self.max_inputs}"
            )
        unknown = sorted(set(node.attributes) - self.attributes)
        if unknown:  # an attribute that nobody reads could change what the node computes
            raise node.wrong(f"attribute {unknown[0][:80]!r} is not known in opset {node.opset}")
        try:
            result: Result | None = affine_in_weight(node, graph, self._read)
            result = self.function(node, graph) if result is None else result
        except ExactSplineError as error:  # of the network's operators, which know no node
            if str(error).startswith(node.where):
                raise
            raise type(error)(f"{node.where}: {error}") from None
        return result if isinstance(result, tuple) else (result,)

    def _read(self, node: NodeView, graph: Graph) -> AnyValue:
        result = self.function(node, graph)
        return result[0] if isinstance(result, tuple) else result


_NEVER = 1 << 40
REGISTRY: dict[tuple[str, str], list[Handler]] = {}  # by domain and operator


def handles(
    *kinds: str,
    inputs: int | tuple[int, int] = 1,
    attributes: Iterable[str] = (),
    since: int = 1,
    until: int = _NEVER,
    domain: str = "",
    several: bool = False,
    gates: bool = False,
    infinite: bool = False,
) -> Callable[[Function], Function]:
    """Register a function as the reader of operators, in some versions of their domain.

    Raises
    ------
    ParameterError
        If another one reads them in one of these versions.
    """
    low, high = (inputs, inputs) if isinstance(inputs, int) else inputs

    def register(function: Function) -> Function:
        for kind in kinds:
            entry = Handler(
                function, low, high, frozenset(attributes), since, until, several, gates, infinite
            )
            others = REGISTRY.setdefault((domain, kind), [])
            for other in others:
                if since <= other.until and other.since <= until:
                    raise ParameterError(
                        f"{kind!r}: {other.function.__module__} reads it in opset "
                        f"{max(since, other.since)} already"
                    )
            others.append(entry)
        return function

    return register


def find_handler(domain: str, kind: str, opset: int) -> Handler | None:
    """The reader of an operator in a version of its domain."""
    for handler in REGISTRY.get((domain, kind), ()):
        if handler.since <= opset <= handler.until:
            return handler
    return None
