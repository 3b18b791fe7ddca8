"""The reader of ONNX's RNN: the steps of a recurrent layer one after the other."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....network import (
    Add,
    Clip,
    Concat,
    Dense,
    Elementwise,
    Operator,
    ReLU,
    Reshape,
    Select,
    Sigmoid,
    Tanh,
    Transpose,
)
from ....rationals import as_fractions, compact
from ..graph import Graph
from ..node import NodeView
from ..registry import handles
from ..values import Variable

__all__: list[str] = []

_ACTIVATIONS: dict[str, type[Operator]] = {"Relu": ReLU, "Sigmoid": Sigmoid, "Tanh": Tanh}
_DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}
_MOST_STEPS = 10_000


@handles(
    "RNN",
    inputs=(3, 6),
    attributes=(
        "activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size",
        "layout",
    ),
    since=7,
    several=True,
)  # fmt: skip
def _rnn(node: NodeView, graph: Graph) -> tuple[Variable, ...]:
    """h = f(W x + R h + b), step after step."""
    return _Layer(node, graph).outputs()


class _Layer:
    """One recurrent layer: sizes, numbers, and the steps."""

    def __init__(self, node: NodeView, graph: Graph) -> None:
        self.node, self.graph = node, graph
        x = node.variable(0)
        kind = node.text_attribute("direction", "forward")
        if len(x.shape) != 3 or kind not in _DIRECTIONS:
            raise node.wrong(f"an input of shape {x.shape} or direction {kind[:80]!r} does not fit")
        self.directions = _DIRECTIONS[kind]
        self.backward = [kind == "reverse", True][: self.directions]
        whole = graph.without_batch_axis(node, x)
        self.last = node.int_attribute("layout", 0) == 1  # the batch axis stands in front
        if self.last:
            whole = self._apply(Transpose((1, 0, 2)), whole)
        self.steps, self.rows, size = whole.inner
        if self.steps > _MOST_STEPS:
            raise node.unsupported(f"has {self.steps:,} steps; up to {_MOST_STEPS:,} are read")
        self.x = whole
        self.w = self._numbers(1, "weight", (None, size))
        self.hidden = self.w.shape[1]
        self.r = self._numbers(2, "recurrence weight", (self.hidden, self.hidden))
        self.b = self._numbers(3, "bias", (2 * self.hidden,))
        lengths = node.optional_ints(4, "sequence_lens")
        if lengths is not None and any(n != self.steps for n in lengths):
            raise node.unsupported("stops earlier for some sequences (sequence_lens)")
        self.first = self._numbers(5, "initial_h", (self.rows, self.hidden))
        self.kinds = self._activations()
        limit = node.float_attribute("clip", 0.0)
        self.limit = limit if "clip" in node.attributes else None

    def _numbers(self, i: int, what: str, shape: tuple[int | None, ...]) -> Any:
        """A constant with an entry for each direction in front; zeros if it is left out."""
        if self.node.optional(i) is None:
            return np.zeros((self.directions, *(n or 1 for n in shape)))
        values = self.node.constant(i, what).values
        fits = len(values.shape) == len(shape) + 1 and values.shape[0] == self.directions
        pairs = zip(values.shape[1:], shape, strict=False)
        if not fits or any(n not in (None, m) for m, n in pairs):
            raise self.node.wrong(f"its {what} has shape {values.shape}, which does not fit")
        return values

    def _activations(self) -> list[type[Operator]]:
        found = self.node.attributes.get("activations")
        texts = [t.decode("utf-8", "replace")[:80] for t in found.strings] if found else []
        texts = texts or ["Tanh"] * self.directions
        unknown = [t for t in texts if t.capitalize() not in _ACTIVATIONS]
        if unknown:
            raise self.node.unsupported(
                f"its activation {unknown[0]!r} is not read in a recurrent layer; "
                f"{', '.join(_ACTIVATIONS)} are"
            )
        if len(texts) != self.directions:
            raise self.node.wrong(f"has {len(texts)} activations for {self.directions} directions")
        return [_ACTIVATIONS[t.capitalize()] for t in texts]

    def _apply(self, operator: Operator, *inputs: Variable) -> Variable:
        """As `Graph.apply`, of values whose first axis is no batch axis, whatever its length."""
        return self.graph.apply(self.node, operator, *inputs, plain=True)

    def _shaped(self, x: Variable, shape: tuple[int, ...]) -> Variable:
        return x if x.inner == shape else self._apply(Reshape(shape), x)

    def _direction(self, d: int) -> list[Variable]:
        """The hidden values after every step, in the order of time."""
        bias = as_fractions(self.b[d])
        together = compact(np.asarray(bias[: self.hidden] + bias[self.hidden :]))
        start = as_fractions(self.first[d]) @ as_fractions(self.r[d]).T
        hidden: Variable | None = None
        out: list[Variable] = []
        times = range(self.steps)
        for t in reversed(times) if self.backward[d] else times:
            x = self._shaped(self._apply(Select([t], axis=0), self.x), (self.rows, self.x.inner[2]))
            pre = self._apply(Dense(self.w[d], together), x)
            if hidden is not None:
                pre = self._apply(Add(), pre, self._apply(Dense(self.r[d]), hidden))
            elif np.any(start != Fraction(0)):
                pre = self._apply(Elementwise(shift=compact(np.asarray(start))), pre)
            if self.limit is not None:
                pre = self._apply(Clip(-self.limit, self.limit), pre)
            hidden = self._apply(self.kinds[d](), pre)
            out.append(hidden)
        return out[::-1] if self.backward[d] else out

    def outputs(self) -> tuple[Variable, ...]:
        """All hidden values, and the last ones."""
        found = [self._direction(d) for d in range(self.directions)]
        ends = [row[0 if back else -1] for row, back in zip(found, self.backward, strict=True)]
        by_time = [row[t] for t in range(self.steps) for row in found]
        return (
            self._joined(by_time, (self.steps, self.directions), (2, 0, 1, 3)),
            self._joined(ends, (self.directions,), (1, 0, 2)),
        )

    def _joined(
        self, parts: list[Variable], lead: tuple[int, ...], order: tuple[int, ...]
    ) -> Variable:
        flat = [self._shaped(x, (self.rows * self.hidden,)) for x in parts]
        y = flat[0] if len(flat) == 1 else self._apply(Concat(0), *flat)
        y = self._shaped(y, (*lead, self.rows, self.hidden))
        if self.last:
            y = self._apply(Transpose(order), y)
        return self.graph.reshape(self.node, y, y.inner)
