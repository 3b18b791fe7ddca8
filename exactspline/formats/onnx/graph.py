"""The network that an ONNX graph turns into: its nodes so far, and how readers add to it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...errors import FormatError
from ...network import Elementwise, Expand, Flatten, Operator, Reshape, Select
from ...rationals import as_fractions, compact
from ...room import MOST_MEMBERS
from ..limits import Budget, check_entries
from ..numbering import ValueNumbers
from .node import NodeView
from .ranges import Interval, Ranges
from .values import AnyValue, Constant, Gated, Infinite, Value, Variable

__all__ = ["Graph"]

Shape = tuple[int, ...]

_MAX_AXES = 15  # of a value; windows have two axes for each


class Graph:
    """The nodes found so far, in order, and what the file has used of its limits.

    Attributes
    ----------
    budget : Budget
    kind : int
        ONNX's data type of the input, hence of what is computed from it.
    nodes : list of (Operator, tuple of int)
        Each with the positions of what it reads; -1 is the network's input.
    numbers : ValueNumbers
        Which of them have the same value.
    ranges : Ranges or None
        Where inputs lie, if the model is read for a box alone.
    moved : bool
        Whether the file has put the batch axis elsewhere (time in front, for a recurrent layer):
        a first axis of length 1 may be any axis then.
    """

    def __init__(self, file_bytes: int, input_shape: Shape = ()) -> None:
        self.budget = Budget(file_bytes)
        self.nodes: list[tuple[Operator, tuple[int, ...]]] = []
        self.numbers = ValueNumbers(self.nodes)
        self.input_shape = input_shape
        self._shapes: dict[int, Shape] = {-1: input_shape}
        self.kind = 1
        self.moved = False
        self.ranges: Ranges | None = None
        self._zero: Variable | None = None
        self._splines: dict[int, tuple[Gated, Variable]] = {}

    def apply(
        self,
        node: NodeView,
        operator: Operator,
        *inputs: Variable,
        batch: bool | None = None,
        plain: bool = False,
    ) -> Variable:
        """Append an operator that reads ``inputs``.

        The batch axis stays what it is in the first one, unless ``batch`` says it. A first axis of
        length 1 is taken as the batch axis again, but for ``plain``, for steps inside of a reader.
        """
        operator.name = operator.name or node.name
        shape = operator.output_shape(*[x.inner for x in inputs])
        if len(shape) > _MAX_AXES:
            raise FormatError(
                f"{node.where}: a value has {len(shape)} axes; up to {_MAX_AXES} are read"
            )
        self.budget.value(shape, node.where)
        self.budget.parameters(operator.parameters, node.where)
        position = self.add(operator, [x.node for x in inputs], shape)
        out = Variable(shape, inputs[0].batch if batch is None else batch, position)
        if not plain and not out.batch and len(shape) >= 2 and shape[0] == 1:
            return self.reshape(node, out, shape)
        return out

    def without_batch_axis(self, node: NodeView, x: Variable) -> Variable:
        """The same entries, with the batch axis as an axis like others; for steps of a reader."""
        if not x.batch:
            return x
        return self.apply(node, Reshape(x.shape), x, batch=False, plain=True)

    def add(self, operator: Operator, inputs: Sequence[int], shape: Shape) -> int:
        """Append an operator that gives a value of a known shape; returns its position."""
        self.nodes.append((operator, tuple(inputs)))
        self._shapes[len(self.nodes) - 1] = shape
        return len(self.nodes) - 1

    def shape_of(self, position: int) -> Shape:
        """The shape of a node, or of the input (-1)."""
        return self._shapes[position]

    def reshape(
        self, node: NodeView, x: Variable, shape: Shape, *, keep_batch: bool = False
    ) -> Variable:
        """The same entries of a variable under another shape (as the file has it).

        A leading axis of length 1 in front of others is taken as the batch axis again; with
        ``keep_batch`` the batch axis stays what it was.
        """
        batch = x.batch if keep_batch else len(shape) >= 2 and shape[0] == 1
        return self.inner_reshape(node, x, shape[1:] if batch else shape, batch)

    def inner_reshape(self, node: NodeView, x: Variable, inner: Shape, batch: bool) -> Variable:
        """The same entries under another shape without the batch axis."""
        if inner == x.inner:
            return Variable(inner, batch, x.node)
        operator = Flatten() if len(inner) == 1 else Reshape(inner)
        return self.apply(node, operator, x, batch=batch)

    def run(self, node: NodeView, operator: Operator, x: Value) -> Value:
        """An operator applied to a value of either kind; a constant is computed exactly."""
        if isinstance(x, Variable):
            return self.apply(node, operator, x)
        if operator.smooth:
            raise node.not_computed()
        shape = operator.output_shape(x.shape)
        check_entries(shape, node.where)
        self.budget.about_to_compute(math.prod(shape) + x.values.size, node.where)
        moves = isinstance(operator, Expand | Select)
        values = x.values if moves else as_fractions(x.values)
        out = np.asarray(operator.forward(values[None])[0])
        self.budget.array(out, node.where)
        return Constant(compact(out.reshape(shape)), x.integer)

    def constant(self, node: NodeView, values: np.ndarray, batch: bool) -> Variable:
        """A constant where an operator needs a variable; its shape is without the batch axis."""
        check_entries(values.shape, node.where)
        if self._zero is None:  # 0 times an input
            x = Variable(self.input_shape, False, -1)
            x = self.inner_reshape(node, x, (math.prod(x.inner),), False)
            one = self.inner_reshape(node, self.apply(node, Select([0]), x), (), False)
            self._zero = self.apply(node, Elementwise(0), one)
        return self.apply(node, Elementwise(shift=values), self._zero, batch=batch)

    def plain(self, value: AnyValue | None) -> Value | None:
        """A value as operators read it: a function that may jump is a spline, or refused."""
        if isinstance(value, Infinite):
            return value.refused()
        if not isinstance(value, Gated):
            return value
        if id(value) not in self._splines:

            def emit(operator: Operator, *inputs: Variable) -> Variable:
                return self.apply(value.node, operator, *inputs, batch=value.root.batch)

            spline = value.gate.written(emit, value.root, value.node.where)
            self._splines[id(value)] = value, spline  # alive, so that an id means one object
        return self._splines[id(value)][1]

    def interval(self, value: AnyValue | None) -> Interval | None:
        """Where a value lies, if that is known."""
        if self.ranges is None or value is None or isinstance(value, Gated | Infinite):
            return None
        return self.ranges.of(value, self.nodes, self.input_shape)

    def maker(self, x: Value) -> tuple[Operator, tuple[int, ...]] | None:
        """The operator that gives a variable, and what it reads; None for the input."""
        return self.nodes[x.node] if isinstance(x, Variable) and x.node >= 0 else None

    def check_windows(self, node: NodeView, kernel: Shape, windows: Shape) -> None:
        """A few bytes describe a kernel of any size; its windows take memory once read."""
        gathered = math.prod(windows) * math.prod(kernel)
        if gathered > MOST_MEMBERS:
            raise FormatError(
                f"{node.where}: {math.prod(windows):,} windows of {math.prod(kernel):,} entries "
                f"are too many; up to {MOST_MEMBERS:,} entries are read"
            )
