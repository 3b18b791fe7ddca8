"""Constants that are broadcast with variables: none of their axes may become the batch axis."""

from __future__ import annotations

import numpy as np

from .node import MIXES, NodeView
from .values import Value, Variable

__all__ = ["broadcast", "drop_batch_axis"]

Shape = tuple[int, ...]


def broadcast(node: NodeView, *shapes: Shape) -> Shape:
    """The shape of values that are combined entry by entry, or the error that names theirs."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        shown = ", ".join(str(shape) for shape in shapes[:8])
        raise node.wrong(f"values of shapes {shown} do not broadcast") from None


def drop_batch_axis(node: NodeView, x: Value, values: np.ndarray) -> np.ndarray:
    """A constant that is broadcast with ``x``, shaped to be broadcast with ``x.inner``."""
    rank = len(x.shape)
    if not isinstance(x, Variable) or not x.batch or values.ndim < rank:
        return values
    # the axes in front of x.inner are the batch axis and what broadcasting would put before it
    if any(n != 1 for n in values.shape[: values.ndim - len(x.inner)]):
        raise node.unsupported(
            f"a constant of shape {values.shape} would make a batch of an input of shape "
            f"{x.shape}; {MIXES}"
        )
    return values.reshape(values.shape[1:])
