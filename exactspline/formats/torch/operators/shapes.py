"""What moves entries in a PyTorch trace: reshapes, transposes, slices, joins; and identities.

torch itself is asked what such a function does: it is run on an array of entries numbered from
1 on, and the numbers say which entry stands where. How that is written (a reshape, slices along
axes, a transpose, or a list of entries) is found from the numbers alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ....errors import ShapeError, UnsupportedOperatorError
from ....network import Concat, Select, Transpose
from ..values import Const, Lowering, Var, handler

__all__ = ["MOVERS", "move"]

# torch functions and methods that only move entries; run on integers by `move`
MOVERS = frozenset({
    "__getitem__", "getitem", "broadcast_to", "channel_shuffle", "chunk", "diagonal", "dsplit",
    "expand", "expand_as", "flatten", "flip", "fliplr", "flipud", "hsplit", "index_select",
    "moveaxis", "movedim", "narrow", "permute", "pixel_shuffle", "pixel_unshuffle", "ravel",
    "repeat", "repeat_interleave", "reshape", "reshape_as", "roll", "rot90", "select", "split",
    "split_with_sizes", "squeeze", "swapaxes", "swapdims", "t", "tensor_split", "tile",
    "transpose", "unbind", "unflatten", "unfold", "unsqueeze", "view", "view_as", "vsplit",
})  # fmt: skip


def move(t: Lowering, function: Callable[..., Any], args: Sequence[Any], kwargs: Any) -> Any:
    """The result of a function that moves the entries of its first argument.

    Parameters
    ----------
    function : callable
        torch's own, or an unbound method.
    args, kwargs
        Values and constants among them stand for their shapes, or for indices.
    """
    x = t.operand(args[0])
    full = x.full
    numbered = torch.arange(1, 1 + math.prod(full)).reshape(full)
    like = function.__name__.endswith("_as")
    rest = [_plain(a, like) for a in args[1:]]
    named = {k: _plain(v, like) for k, v in kwargs.items()}
    try:
        out = function(numbered, *rest, **named)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        text = str(error).strip().split("\n")[0]
        if "not implemented" in text:  # for integers: it computes
            raise UnsupportedOperatorError("is not supported") from None
        raise ShapeError(f"does not fit a value of shape {full}: {text}") from None
    if isinstance(out, list | tuple):
        return tuple(_placed(t, x, part, f"{i}") for i, part in enumerate(out))
    return _placed(t, x, out, "")


def _plain(value: Any, like: bool) -> Any:
    """An argument as torch takes it; a value stands for its shape only if ``like`` says so."""
    if isinstance(value, Const):
        return value.tensor
    if isinstance(value, Var):
        if not like:
            raise UnsupportedOperatorError("takes an index or a size that depends on the input")
        return torch.empty(value.full, device="meta")
    if isinstance(value, torch.dtype):
        raise UnsupportedOperatorError(f"reads the bits of the entries as {value}")
    if isinstance(value, tuple) and not isinstance(value, torch.Size):
        return tuple(_plain(v, like) for v in value)
    if isinstance(value, list):
        return [_plain(v, like) for v in value]
    return value


def _placed(t: Lowering, x: Var | Const, out: torch.Tensor, part: str) -> Var | Const:
    """The value whose entries are the numbered ones of x."""
    places = out.numpy() - 1
    if places.size and places.min() < 0:
        raise UnsupportedOperatorError("fills in entries that are not the input's")
    if isinstance(x, Const):
        return Const(x.array.reshape(-1)[places])
    if out.ndim == 0 or out.shape[0] != 1:
        raise UnsupportedOperatorError(
            f"gives shape {tuple(out.shape)} for an input of shape {x.full} (a batch of one): "
            "the first axis must stay the batch"
        )
    return gather(t, x, places[0], part)


def gather(t: Lowering, x: Var, places: np.ndarray, part: str = "") -> Var:
    """The entries of a value at flat places, written as simply as possible."""
    size, shape = math.prod(x.shape), places.shape
    if places.size == size and np.array_equal(places.reshape(-1), np.arange(size)):
        return t.reshape(x, shape, part)
    lists = _along_axes(places, x.shape)
    if lists is not None:
        for axis, chosen in enumerate(lists):
            if chosen != list(range(x.shape[axis])):
                x = t.emit(Select(chosen, axis=axis), x, part=part)
        return t.reshape(x, shape, part)
    order = _order(places, x.shape)
    if order is not None:
        return t.emit(Transpose(order), x, part=part)
    flat = t.reshape(x, (size,), "flat")
    return t.reshape(t.emit(Select(places.reshape(-1).tolist()), flat, part=part), shape, part)


def _along_axes(places: np.ndarray, shape: tuple[int, ...]) -> list[list[int]] | None:
    """Positions on every axis, if the places are all combinations of those; else None.

    Axes of the input that are gone have one position; the places' own shape may lack them.
    """
    if places.size == 0:
        return None
    lists = []
    for axis, along in enumerate(np.unravel_index(places, shape)):
        if places.ndim == len(shape):  # read along the same axis, repetitions and all
            lists.append(np.moveaxis(along, axis, 0).reshape(along.shape[axis], -1)[:, 0].tolist())
        else:
            _, first = np.unique(along, return_index=True)
            lists.append(along.reshape(-1)[np.sort(first)].tolist())
    entries = np.arange(math.prod(shape)).reshape(shape)[np.ix_(*lists)]
    if entries.size == places.size and np.array_equal(entries.reshape(-1), places.reshape(-1)):
        return lists
    return None


def _order(places: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order of axes of a transpose that gives these places; else None."""
    if sorted(places.shape) != sorted(shape):
        return None
    strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    left, order = list(range(len(shape))), []
    for axis, n in enumerate(places.shape):
        step = int(places[tuple(1 if i == axis else 0 for i in range(places.ndim))]) if n > 1 else 0
        fits = [i for i in left if shape[i] == n and (n == 1 or strides[i] == step)]
        if not fits:
            return None
        order.append(fits[0])
        left.remove(fits[0])
    entries = np.arange(math.prod(shape)).reshape(shape).transpose(order)
    return tuple(order) if np.array_equal(entries, places) else None


# --- joins ------------------------------------------------------------------------------------


@handler("cat", "concat", "concatenate")
def _cat(t: Lowering, tensors: Any, dim: int = 0) -> Any:
    parts = [t.operand(x) for x in tensors]
    if not any(isinstance(x, Var) for x in parts):
        arrays = [x.array for x in parts if isinstance(x, Const)]
        return Const(np.concatenate(arrays, axis=dim))
    joined = [t.as_var(x) for x in parts]
    at = t.axis(dim, joined[0])
    return joined[0] if len(joined) == 1 else t.emit(Concat(at), *joined)


@handler("hstack")
def _hstack(t: Lowering, tensors: Any) -> Any:
    return _cat(t, tensors, 1)


@handler("stack")
def _stack(t: Lowering, tensors: Any, dim: int = 0) -> Any:
    parts = [t.operand(x) for x in tensors]
    if not any(isinstance(x, Var) for x in parts):
        return Const(np.stack([x.array for x in parts if isinstance(x, Const)], axis=dim))
    joined = [t.as_var(x) for x in parts]
    at = t.axis(dim, joined[0], extra=1)
    shaped = [t.reshape(x, (*x.shape[:at], 1, *x.shape[at:]), "part") for x in joined]
    return shaped[0] if len(shaped) == 1 else t.emit(Concat(at), *shaped)


# --- nothing ----------------------------------------------------------------------------------


@handler(
    "contiguous", "cpu", "cuda", "data", "detach", "double", "float", "half", "bfloat16",
    "requires_grad", "to", "type_as", view=True,
)  # fmt: skip
def _same(t: Lowering, x: Any, *args: Any, **kwargs: Any) -> Any:
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.dtype) and not value.is_floating_point:
            raise UnsupportedOperatorError(f"converts to {value}, which rounds")
    return t.operand(x)


@handler("clone")
def _clone(t: Lowering, x: Any, *, memory_format: Any = None) -> Any:
    return t.operand(x)


@handler(
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout",
    "feature_dropout", view=True,
)  # fmt: skip
def _dropout(
    t: Lowering, x: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    if training and p != 0:
        raise UnsupportedOperatorError(
            "drops entries also in eval mode; pass training=self.training"
        )
    return t.operand(x)


@handler("zeros_like", "new_zeros")
def _zeros(t: Lowering, x: Any, *size: Any, **kwargs: Any) -> Any:
    return Const(np.zeros(_size(x, size)))


@handler("ones_like", "new_ones")
def _ones(t: Lowering, x: Any, *size: Any, **kwargs: Any) -> Any:
    return Const(np.ones(_size(x, size)))


@handler("full_like")
def _full_like(t: Lowering, x: Any, fill_value: Any, **kwargs: Any) -> Any:
    value = t.constant(fill_value, "the value")
    return Const(np.broadcast_to(value, x.full))


@handler("new_full")
def _new_full(t: Lowering, x: Any, size: Any, fill_value: Any, **kwargs: Any) -> Any:
    return Const(np.broadcast_to(t.constant(fill_value, "the value"), tuple(size)))


def _size(x: Any, size: Any) -> tuple[int, ...]:
    if not size:
        return tuple(x.full)
    return tuple(size) if isinstance(size[0], int) else tuple(size[0])
