"""Where values lie on a box of inputs: conditions that are the same all over it are constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ...approximation.intervals import Bounds, through
from ...approximation.proof import below, upwards
from ...errors import ExactSplineError
from ...network import Network, Operator
from .values import Constant, Value

__all__ = ["Ranges"]

Interval = tuple[np.ndarray, np.ndarray]  # lower and upper ends of all entries, float64
_TRUTH = 9  # ONNX's data type
_LIMITS = {  # of its integers, as far as float64 has them all
    2: (0, 2**8 - 1), 3: (-(2**7), 2**7 - 1), 4: (0, 2**16 - 1), 5: (-(2**15), 2**15 - 1),
    6: (-(2**31), 2**31 - 1), 7: (-(2**53), 2**53), 12: (0, 2**32 - 1), 13: (0, 2**53),
}  # fmt: skip


class Ranges:
    """Bounds of values on a box, by interval arithmetic that is rounded outwards.

    Parameters
    ----------
    low, high : sequences of Fraction or None
        Of every input coordinate; None where there is no bound.

    Attributes
    ----------
    used : bool
        Whether anything was decided: then what is read is the model on that box alone.
    """

    def __init__(self, low: Sequence[Fraction | None], high: Sequence[Fraction | None]) -> None:
        bottom = np.array([-math.inf if v is None else below(v) for v in low])
        top = np.array([math.inf if v is None else upwards(v) for v in high])
        self._inputs = Bounds(bottom, top, np.zeros(len(bottom)))
        self.used = False

    def of(
        self, x: Value, nodes: Sequence[tuple[Operator, tuple[int, ...]]], shape: tuple[int, ...]
    ) -> Interval:
        """The ends of a value, in the shape that the file has.

        Parameters
        ----------
        x : Value
        nodes : sequence of (Operator, tuple of int)
            Of the network so far.
        shape : tuple of int
            Of its input.
        """
        if isinstance(x, Constant):
            flat = x.values.reshape(-1).tolist()
            low = np.array([below(Fraction(v)) for v in flat])
            high = np.array([upwards(Fraction(v)) for v in flat])
            return low.reshape(x.shape), high.reshape(x.shape)
        found = self._inputs
        if x.node >= 0:
            try:
                network = Network.from_nodes(nodes[: x.node + 1], shape)
                found = through(network.program, self._inputs)
            except ExactSplineError:  # of smooth operators nothing is known
                size = math.prod(x.shape)
                found = Bounds(np.full(size, -math.inf), np.full(size, math.inf), np.zeros(size))
        return found.low.reshape(x.shape), found.high.reshape(x.shape)

    def compared(self, relation: str, a: Interval, b: Interval) -> Constant | None:
        """Whether a relation holds, entry by entry; None unless it is the same all over the box."""
        (a_low, a_high), (b_low, b_high) = a, b
        if relation in ("<", "<="):
            return self.compared({"<": ">", "<=": ">="}[relation], b, a)
        if relation == ">":
            yes, no = a_low > b_high, a_high <= b_low
        elif relation == ">=":
            yes, no = a_low >= b_high, a_high < b_low
        else:  # equal
            yes = (a_low == a_high) & (b_low == b_high) & (a_low == b_low)
            no = (a_high < b_low) | (a_low > b_high)
        yes, no = np.asarray(yes), np.asarray(no)
        return self._constant(yes.astype(np.float64), _TRUTH) if np.all(yes | no) else None

    def truth(self, a: Interval) -> Constant | None:
        """Whether entries differ from 0."""
        zero = np.zeros(())
        same = self.compared("==", a, (zero, zero))
        return None if same is None else self._constant(1.0 - same.values, _TRUTH)

    def truncated(self, a: Interval, kind: int) -> Constant | None:
        """Entries without what follows the point; None unless it is the same all over the box."""
        if not (np.all(np.isfinite(a[0])) and np.all(np.isfinite(a[1]))):
            return None
        low, high = np.trunc(a[0]), np.trunc(a[1])
        least, most = _LIMITS[kind]
        if not np.array_equal(low, high) or np.any(low < least) or np.any(low > most):
            return None
        return self._constant(low + 0.0, kind)  # there is one zero

    def _constant(self, values: np.ndarray, kind: int) -> Constant:
        self.used = True
        return Constant(np.asarray(values, dtype=np.float64), True, kind)
