"""What moves entries in a PyTorch program: reshapes, slices, masks, joins; and identities.

torch itself is asked what such a function does: it is run on arrays of entries numbered from 1 on,
and the numbers say which entry stands where; 0 is a zero that torch fills in. How that is written
(a reshape, slices along axes, a transpose, or a list of entries) is found from the numbers alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ....errors import ShapeError, UnsupportedOperatorError
from ....network import Add, Concat, Elementwise, Select, SparseLinear, Transpose
from ....rationals import as_fractions, compact, exact_array
from ..values import MAX_ENTRIES, Const, Gated, Lowering, Unreadable, Var, handler

__all__ = ["MOVERS", "gather", "index_of", "move", "onto", "places_of", "summed"]

# ATen functions whose results are entries of their arguments, or zeros; run on numbers by `move`
MOVERS = frozenset({
    "_reshape_alias", "_unsafe_view", "_upsample_nearest_exact1d", "_upsample_nearest_exact2d",
    "_upsample_nearest_exact3d", "as_strided", "as_strided_scatter", "block_diag", "broadcast_to",
    "channel_shuffle", "chunk", "copy", "diag", "diag_embed", "diagonal", "diagonal_scatter",
    "dsplit", "expand", "expand_as", "fill", "flatten", "flip", "fliplr", "flipud", "gather",
    "hsplit", "im2col", "index", "index_copy", "index_fill", "index_select", "masked_fill",
    "masked_scatter", "masked_select", "matrix_H", "moveaxis", "movedim", "mT", "narrow",
    "native_channel_shuffle", "numpy_T", "permute", "pixel_shuffle", "pixel_unshuffle", "ravel",
    "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "repeat", "repeat_interleave",
    "replication_pad1d", "replication_pad2d", "replication_pad3d", "reshape", "reshape_as",
    "roll", "rot90", "scatter", "select", "select_scatter", "slice", "slice_scatter", "split",
    "split_with_sizes", "squeeze", "swapaxes", "swapdims", "t", "take", "take_along_dim",
    "tensor_split", "tile", "transpose", "tril", "triu", "unbind", "unflatten", "unfold",
    "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "unsqueeze", "upsample_nearest1d",
    "upsample_nearest2d", "upsample_nearest3d", "view", "view_as", "vsplit", "where",
})  # fmt: skip


class _Numbered:
    """The entries of a function's arguments, numbered one after the other from 1 on."""

    def __init__(self, squared: bool = False) -> None:
        self._squared = squared
        self.sources: list[tuple[int, Var | Const]] = []
        self._next = 1

    def argument(self, value: Any, scalar: bool = False) -> Any:
        """An argument as torch takes it: data as numbers, indices and masks as they are."""
        if isinstance(value, tuple | list) and not isinstance(value, torch.Size):
            return type(value)(self.argument(v) for v in value)
        if isinstance(value, torch.dtype):
            raise UnsupportedOperatorError(f"reads the bits of the entries as {value}")
        if scalar and isinstance(value, bool | int | float):
            return float(self._numbers(Const(exact_array(value, "a number in the module"))))
        if isinstance(value, Const) and not value.is_float and value.shape:
            return value.tensor
        return self._numbers(value) if isinstance(value, Var | Const) else value

    def _numbers(self, value: Var | Const) -> torch.Tensor:
        size = math.prod(value.full)
        first, self._next = self._next, self._next + size
        if self._next > MAX_ENTRIES:
            raise ShapeError(f"reads more than {MAX_ENTRIES:,} entries")
        self.sources.append((first, value))
        found = torch.arange(first, self._next, dtype=torch.float64).reshape(value.full)
        return found**2 if self._squared else found  # exact: the numbers are below 2^26


def move(t: Lowering, function: Any, args: Sequence[Any], kwargs: Any) -> Any:
    """The result of a function that moves the entries of its arguments.

    Parameters
    ----------
    function : torch._ops.OpOverload
    args, kwargs
        Values, constants and numbers among them stand for their entries, or for indices.
    """
    args, kwargs = _written(t, args), {key: _written(t, a) for key, a in kwargs.items()}
    numbered = _Numbered()
    out = _run(numbered, function, args, kwargs)
    again = _run(_Numbered(squared=True), function, args, kwargs)
    if isinstance(out, list | tuple):
        for part, other in zip(out, again, strict=True):
            _check_moved(part, other)
        return tuple(_placed(t, numbered, part, f"{i}") for i, part in enumerate(out))
    _check_moved(out, again)
    return _placed(t, numbered, out, "")


def _written(t: Lowering, value: Any) -> Any:
    """Arguments in which what is made of comparisons has become a value."""
    if isinstance(value, tuple | list) and not isinstance(value, torch.Size):
        return type(value)(_written(t, v) for v in value)
    return t.operand(value) if isinstance(value, Gated | Unreadable) else value


def _check_moved(out: torch.Tensor, squares: torch.Tensor) -> None:
    """What sums or averages entries does not give the squares of their numbers."""
    if not torch.equal(out**2, squares):
        raise UnsupportedOperatorError("computes with the entries that it moves; not supported")


def _run(numbered: _Numbered, function: Any, args: Sequence[Any], kwargs: Any) -> Any:
    """The function, of numbers."""
    kinds = {a.name: isinstance(a.type, torch.NumberType) for a in function._schema.arguments}
    named = list(kinds.values())
    rest = [numbered.argument(a, named[i]) for i, a in enumerate(args)]
    words = {key: numbered.argument(a, kinds[key]) for key, a in kwargs.items()}
    try:
        return function(*rest, **words)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        text = str(error).strip().split("\n")[0]
        full = numbered.sources[0][1].full if numbered.sources else ()
        raise ShapeError(f"does not fit a value of shape {tuple(full)}: {text}") from None


def _placed(t: Lowering, numbered: _Numbered, out: torch.Tensor, part: str) -> Var | Const:
    """The value whose entries are the numbered ones."""
    numbers = out.numpy().astype(np.int64)
    values = [(first, x) for first, x in numbered.sources if isinstance(x, Var)]
    read = [
        (first, x)
        for first, x in values
        if np.any((numbers >= first) & (numbers < first + math.prod(x.full)))
    ]
    if not read:
        return Const(_constants(numbered, numbers)[0])
    lead = int(t.lead and out.ndim > 0 and out.shape[0] == 1)  # else the batch axis has moved
    places = numbers[0] if lead else numbers
    if len(read) == 1:
        first, x = read[0]
        if np.all((places >= first) & (places < first + math.prod(x.full))):
            return replace(gather(t, x, places - first, part), lead=lead)
    return replace(_mixed(t, numbered, read, places, part), lead=lead)


def _mixed(
    t: Lowering, numbered: _Numbered, read: list[tuple[int, Var]], places: np.ndarray, part: str
) -> Var:
    """Entries of several values and of constants."""
    constants, fixed = _constants(numbered, places)
    if len(read) == 1 and read[0][1].shape == places.shape:
        first, x = read[0]
        kept = places == first + np.arange(places.size).reshape(places.shape)
        if np.all(kept | fixed):  # a mask
            return t.emit(Elementwise(np.where(fixed, 0.0, 1.0), constants), x, part=part)
    flat = [replace(t.reshape(x, (math.prod(x.shape),), "flat"), lead=t.lead) for _, x in read]
    joined = flat[0] if len(flat) == 1 else t.emit(Concat(), *flat, part="joined")
    entries, offset = np.zeros(places.shape, dtype=np.int64), 0
    for first, x in read:
        size = math.prod(x.shape)
        mine = (places >= first) & (places < first + size)
        entries[mine] = places[mine] - first + offset
        offset += size
    if not fixed.any():
        return t.reshape(
            t.emit(Select(entries.reshape(-1).tolist()), joined, part=part), places.shape, part
        )
    counts = np.where(fixed, 0, 1).reshape(-1).tolist()
    out = t.emit(SparseLinear(offset, counts, entries[~fixed].tolist()), joined, part=part)
    out = t.reshape(out, places.shape, part)
    if np.any(constants != 0):
        out = t.affine(out, 1, constants, part=part)
    return out


def _constants(numbered: _Numbered, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The constants at their places, and which places these are."""
    fixed = places == 0
    found = np.full(places.shape, Fraction(0), dtype=object)
    for first, x in numbered.sources:
        if isinstance(x, Const):
            mine = (places >= first) & (places < first + math.prod(x.shape))
            if mine.any():
                found[mine] = as_fractions(x.array).reshape(-1)[places[mine] - first]
                fixed |= mine
    return compact(found), fixed


def gather(t: Lowering, x: Var, places: np.ndarray, part: str = "") -> Var:
    """The entries of a value at flat places, written as simply as possible, and once."""
    key = (x.node, places.shape, hashlib.sha256(places.tobytes()).digest())
    if key not in t.gathered:
        t.gathered[key] = _gathered(t, x, places, part).node
    return Var(t.gathered[key], places.shape, x.lead)


def _gathered(t: Lowering, x: Var, places: np.ndarray, part: str) -> Var:
    size, shape = math.prod(x.shape), places.shape
    if places.size == size and np.array_equal(places.reshape(-1), np.arange(size)):
        return t.reshape(x, shape, part)
    if not x.shape:  # one number, repeated
        x = t.reshape(x, (1,), "flat")
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


def summed(t: Lowering, x: Var, places: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Sums of the entries of a value that have the same place in the result.

    Parameters
    ----------
    places : ndarray of int, shape of x without the batch axis
        The place of every entry in the flattened result; -1 for what is left out.
    shape : tuple of int
        Of the result, without the batch axis.
    """
    flat = t.reshape(x, (places.size,), "flat")
    places = places.reshape(-1)
    order = np.argsort(places, kind="stable")[np.count_nonzero(places < 0) :]
    counts = np.bincount(places[places >= 0], minlength=math.prod(shape))
    linear = SparseLinear(places.size, counts.tolist(), order.tolist())
    return t.reshape(t.emit(linear, flat), shape)


# --- sums of entries that are moved ------------------------------------------------------------


def places_of(x: Var | Const) -> torch.Tensor:
    """The places of the entries of a value, as torch sees them."""
    return torch.arange(math.prod(x.full)).reshape(x.full)


def onto(t: Lowering, base: Any, x: Any, places: torch.Tensor, factor: Any = 1) -> Any:
    """A value with the entries of another one added at places."""
    base, x = t.operand(base), t.operand(x)
    value = t.as_var(x, base.lead if isinstance(base, Var) else t.lead)
    lead = base.lead if isinstance(base, Var) else int(t.lead and base.shape[:1] == (1,))
    moved = replace(summed(t, value, places.numpy(), base.full[lead:]), lead=lead)
    if factor != 1:
        moved = t.affine(moved, factor)
    if isinstance(base, Const) and not np.any(base.array != 0):
        return moved
    return t.emit(Add(), base, moved)


@handler("scatter_add")
def _scatter_add(t: Lowering, x: Any, dim: int, index: Any, src: Any) -> Any:
    """SparseLinear: entries added at constant places."""
    x, src, at = t.operand(x), t.operand(src), index_of(t, index)
    taken = tuple(slice(n) for n in at.shape)
    part = places_of(src)[taken]
    places = torch.full(src.full, -1)
    places[taken] = places_of(x).gather(dim, at) if part.numel() else part
    return onto(t, x, src, places)


@handler("index_add")
def _index_add(t: Lowering, x: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """SparseLinear: entries added at constant places."""
    x, source = t.operand(x), t.operand(source)
    return onto(t, x, source, places_of(x).index_select(dim, index_of(t, index)), alpha)


@handler("col2im")
def _col2im(
    t: Lowering, x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any,
    stride: Any,
) -> Any:  # fmt: skip
    """SparseLinear: torch's fold."""
    x = t.operand(x)
    height, width = output_size
    channels = x.shape[-2] // math.prod(kernel_size)
    image = torch.arange(1.0, 1 + channels * height * width, dtype=torch.float64)
    image = image.reshape(1, channels, height, width)
    windows = torch.ops.aten.im2col(image, kernel_size, dilation, padding, stride)
    places = windows.numpy()[0].astype(np.int64) - 1
    if places.shape != x.shape[-2:]:
        raise ShapeError(f"windows of shape {x.shape} do not fold to {tuple(output_size)}")
    return summed(t, x, places, (*x.shape[:-2], channels, height, width))


def index_of(t: Lowering, index: Any) -> torch.Tensor:
    if not isinstance(index, Const):
        raise UnsupportedOperatorError("takes an index that depends on the input")
    return index.tensor


# --- joins ------------------------------------------------------------------------------------


@handler("cat", "concat", "concatenate", exact=True)
def _cat(t: Lowering, tensors: Any, dim: int = 0) -> Any:
    """Concat."""
    parts = [t.operand(x) for x in tensors]
    parts = [x for x in parts if 0 not in x.full] or parts[:1]
    if all(isinstance(x, Const) for x in parts):
        return Const(np.concatenate([x.array for x in parts if isinstance(x, Const)], axis=dim))
    lead = min(x.lead for x in parts if isinstance(x, Var))
    joined = [t.with_lead(t.as_var(x, lead), lead) for x in parts]
    at = t.axis(dim, joined[0])
    return joined[0] if len(joined) == 1 else t.emit(Concat(at), *joined)


@handler("stack", exact=True)
def _stack(t: Lowering, tensors: Any, dim: int = 0) -> Any:
    """Concat."""
    parts = [t.operand(x) for x in tensors]
    if all(isinstance(x, Const) for x in parts):
        return Const(np.stack([x.array for x in parts if isinstance(x, Const)], axis=dim))
    values = [x for x in parts if isinstance(x, Var)]
    first = dim in (0, -len(values[0].full) - 1)  # in front of the batch axis
    lead = 0 if first else min(x.lead for x in values)
    joined = [t.with_lead(t.as_var(x, lead), lead) for x in parts]
    at = t.axis(dim, joined[0], extra=1)
    shaped = [t.reshape(x, (*x.shape[:at], 1, *x.shape[at:]), "part") for x in joined]
    return shaped[0] if len(shaped) == 1 else t.emit(Concat(at), *shaped)


# --- nothing ----------------------------------------------------------------------------------


@handler(
    "alias", "clone", "contiguous", "detach", "lift_fresh_copy", "positive", "_conj",
    "resolve_conj", "resolve_neg", exact=True,
)  # fmt: skip
def _kept(t: Lowering, x: Any, *, memory_format: Any = None) -> Any:
    """The identity."""
    return x


@handler("_to_copy", "to", "type_as", "nan_to_num")
def _same(t: Lowering, x: Any, *args: Any, **kwargs: Any) -> Any:
    """The identity."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.dtype) and not value.is_floating_point:
            if isinstance(x, Gated) and all(
                not np.any(np.asarray(s != 0)) for s, _ in x.gate.pieces
            ):  # 0 and 1, and what else a comparison gives
                return x
            raise UnsupportedOperatorError(f"converts to {value}, which rounds")
    return x


@handler("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout", exact=True)
def _dropout(t: Lowering, x: Any, p: float, train: bool) -> Any:
    """The identity; refused where it drops entries in inference too."""
    if train and p != 0:
        raise UnsupportedOperatorError(
            "drops entries also in eval mode; pass training=self.training"
        )
    return x


@handler("native_dropout")
def _native_dropout(t: Lowering, x: Any, p: float, train: bool | None) -> Any:
    """The identity; refused where it drops entries in inference too."""
    return _dropout(t, x, p, train is not False), Unreadable("the mask of dropout")
