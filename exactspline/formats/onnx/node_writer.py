"""The nodes and stored numbers of a model that is being written, and who writes which operator."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ParameterError
from ...network import Operator
from ...rationals import as_fractions, compact, exact_array

if TYPE_CHECKING:
    from onnx import NodeProto

__all__ = ["WRITERS", "Shape", "Writer", "float32_exact", "writes"]

Shape = tuple[int, ...]


def float32_exact(values: np.ndarray) -> bool:
    """Whether every number is a float32."""
    if values.dtype == object:
        return False
    with np.errstate(over="ignore"):
        return bool(np.all(values.astype(np.float32).astype(np.float64) == values))


class Writer:
    """The nodes and stored numbers of a model that is being written.

    Values have a batch axis in front; the shapes given to the methods are without it.

    Attributes
    ----------
    numbers : dict
        Name to exact array and the operator that it belongs to; encoded once the data type of
        the whole model is known.
    integers : dict
        Name to list.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, tuple[np.ndarray, str]] = {}
        self.integers: dict[str, list[int]] = {}
        self._nodes: list[NodeProto] = []
        self._names: set[str] = set()
        self._operator = ""

    def begin(self, operator: str) -> None:
        """The nodes that follow belong to this operator."""
        self._operator = operator

    # --- nodes ---

    def node(
        self, kind: str, *inputs: str, part: str = "", unused: int = 0, **attributes: Any
    ) -> str:
        """Append a node and return its value; ``part`` marks all but the operator's main one.

        ``unused`` is how many outputs it has beside the first.
        """
        from onnx import helper

        wanted = f"{self._operator}/{part}" if part else self._operator
        name, k = wanted, 0
        while name in self._names:
            k += 1
            name = f"{wanted}_{k}"
        self._names.add(name)
        value = f"value_{len(self._nodes)}"
        values = [value, *(f"{value}_{i}" for i in range(1, 1 + unused))]
        self._nodes.append(helper.make_node(kind, list(inputs), values, name=name, **attributes))
        return value

    def finished(self, output: str) -> list[NodeProto]:
        """All nodes, the last value under the name "output"."""
        if output == "input" or any(output in node.input for node in self._nodes):
            self.begin("output")
            output = self.node("Identity", output)
        for node in self._nodes:
            if node.output[0] == output:
                node.output[0] = "output"
        return self._nodes

    # --- constants ---

    def number(self, values: Any) -> str:
        """A stored array of exact numbers."""
        name = f"{self._operator}.{len(self.numbers)}"
        self.numbers[name] = (compact(exact_array(values)), self._operator)
        return name

    def ints(self, values: Sequence[int]) -> str:
        """A stored list of integers: axes, shapes, indices."""
        name = f"integers_{len(self.integers)}"
        self.integers[name] = [int(v) for v in values]
        return name

    def data_type(self, rounded: bool) -> Any:
        """float32 if it holds every number, else float64."""
        dtype: Any = np.float32
        for values, where in self.numbers.values():
            if float32_exact(values):
                continue
            dtype = np.float64
            if values.dtype == object and not rounded:
                wrong = next(v for v in values.reshape(-1) if not _is_float64(v))
                raise ParameterError(
                    f"{where}: the parameter {_brief(wrong)} is no float64, so ONNX cannot hold "
                    "it; allow rounding with rounded=True, or write JSON"
                )
        return dtype

    # --- steps that several operators need ---

    def reshape(self, x: str, shape: Shape, part: str = "reshape") -> str:
        """The entries of a value under another shape."""
        return self.node("Reshape", x, self.ints((-1, *shape)), part=part)

    def with_rank(self, x: str, shape: Shape, rank: int) -> tuple[str, Shape]:
        """Axes of length 1 behind the batch axis, so that broadcasting meets no batch axis."""
        wanted = (1,) * (rank - len(shape)) + tuple(shape)
        return (x, shape) if wanted == shape else (self.reshape(x, wanted), wanted)

    def scaled(self, x: str, scale: np.ndarray) -> str:
        """scale * x; a scale that is no float64 is written as a product and a division."""
        if not np.any(scale != 1):
            return x
        if compact(scale).dtype == object:
            flat = as_fractions(scale).reshape(-1).tolist()
            above = exact_array([v.numerator for v in flat]).reshape(scale.shape)
            below = exact_array([v.denominator for v in flat]).reshape(scale.shape)
            if above.dtype != object and below.dtype != object:
                x = self.scaled(x, above)
                return self.node("Div", x, self.number(below), part="divide")
        return self.node("Mul", x, self.number(scale), part="scale")

    def shifted(self, x: str, shift: np.ndarray) -> str:
        """x + shift."""
        return self.node("Add", x, self.number(shift), part="shift") if np.any(shift != 0) else x


def _is_float64(value: Fraction) -> bool:
    return compact(np.array([value], dtype=object)).dtype != object


def _brief(value: Fraction) -> str:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) <= 128:
        return str(value)
    digits = (value.numerator.bit_length() - value.denominator.bit_length()) * math.log10(2)
    return f"of size about 10^{digits:.0f}"


Write = Callable[[Writer, Any, Sequence[str], Sequence[Shape], Shape], str]
WRITERS: dict[type[Operator], Write] = {}


def writes(*kinds: type[Operator]) -> Callable[[Write], Write]:
    """Register a function as the writer of operators.

    It is given the `Writer`, the operator, the names and the shapes of what it reads, and the
    shape of what it gives (all without the batch axis); it returns its value's name.
    """

    def register(function: Write) -> Write:
        for kind in kinds:
            WRITERS[kind] = function
        return function

    return register
