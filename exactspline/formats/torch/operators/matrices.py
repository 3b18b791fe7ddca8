"""Products with constant matrices in a PyTorch program."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....errors import ShapeError, UnsupportedOperatorError
from ....network import Conv, Dense, Expand, Transpose
from ....rationals import as_fractions, compact
from ..values import Const, Lowering, Var, handler
from .arithmetic import add, multiply
from .reductions import reduce_sum
from .shapes import gather

__all__: list[str] = []


@handler("linear")
def _linear(t: Lowering, x: Any, weight: Any, bias: Any = None) -> Any:
    """Dense."""
    matrix = t.constant(weight, "the weight")
    offset = None if bias is None else t.constant(bias, "the bias")
    if matrix.ndim == 1 or isinstance(t.operand(x), Const):
        out = _matmul(t, x, Const(matrix.T))
        return out if offset is None else add(t, out, Const(offset))
    if offset is not None and offset.ndim < 2 and offset.size == 1:
        offset = np.broadcast_to(offset, matrix.shape[:1])
    return t.emit(Dense(matrix, offset), t.operand(x))


@handler("matmul", "mm", "mv", "dot", "bmm", "vdot", "inner", exact=True)
def _matmul(t: Lowering, x: Any, other: Any) -> Any:
    """Dense; Conv for a stack of matrices. The constant may stand on either side."""
    a, b = t.operand(x), t.operand(other)
    if isinstance(a, Const) and isinstance(b, Const):
        product = np.matmul(as_fractions(a.array), as_fractions(b.array))
        return Const(compact(np.asarray(product, dtype=object)))
    if isinstance(a, Var) and isinstance(b, Var):
        raise UnsupportedOperatorError(
            "multiplies two values that depend on the input; that is not piecewise affine"
        )
    left = isinstance(a, Const)
    value, constant = (b, a) if left else (a, b)
    assert isinstance(value, Var)
    assert isinstance(constant, Const)
    array = constant.array
    while array.ndim > 2 and array.shape[0] == 1 and array.ndim <= len(value.full):
        array = array[0]  # leading axes of length 1 say nothing
    if array.ndim == 0:
        raise ShapeError("a factor is a number; use a product of entries")
    if left and array.ndim == 1 and len(value.shape) < 2 and len(value.full) > 1:
        raise UnsupportedOperatorError(_BATCH)
    if left and len(value.shape) < min(2, len(value.full)):
        raise UnsupportedOperatorError(_BATCH)
    if array.ndim > 2:
        return _stacked(t, array if left else np.swapaxes(array, -1, -2), value, left=left)
    # the axis that is summed over: the last one, or the last but one of a matrix on the right
    axis = -2 if left and len(value.full) > 1 else -1
    rows = array if array.ndim == 1 or left else array.T
    if rows.ndim == 2:
        return t.emit(Dense(rows, axis=axis), value)
    out = t.emit(Dense(rows[None], axis=axis), value, part="dot")
    return t.reshape(out, (*out.shape[:-2], out.shape[-1]) if axis == -2 else out.shape[:-1])


_BATCH = "multiplies from the left along the batch axis; transpose it to x @ weight.T"


def _stacked(t: Lowering, w: np.ndarray, x: Var, *, left: bool) -> Any:
    """w_i x_i, or x_i w_i^T, for a stack: a convolution with a group for each matrix."""
    lead = w.shape[: max(0, w.ndim - len(x.shape))] if x.lead else ()
    if len(lead) > 1 or any(n != 1 for n in lead):
        raise ShapeError(
            f"a stack of matrices of shape {w.shape} meets a value of shape {x.full} on the "
            "batch axis; constants must not differ from sample to sample"
        )
    w = np.reshape(w, w.shape[len(lead) :])
    if len(x.shape) < 2:
        raise UnsupportedOperatorError(_BATCH)
    try:
        stack = np.broadcast_shapes(w.shape[:-2], x.shape[:-2])
    except ValueError:
        raise ShapeError(f"a stack of shape {w.shape} does not fit shape {x.shape}") from None
    n_out, n_in = w.shape[-2:]
    if n_in != x.shape[-2 if left else -1]:
        raise ShapeError(f"factors of shape {w.shape} and {x.shape} do not fit")
    if x.shape[:-2] != stack:
        x = t.emit(Expand((*stack, *x.shape[-2:])), x, part="stack")
    groups = math.prod(stack)
    if groups == 1:
        return t.emit(Dense(w.reshape(n_out, n_in), axis=-2 if left else -1), x)
    w = np.broadcast_to(w, (*stack, n_out, n_in)).reshape(-1, n_in, 1)
    swap = (*range(len(stack)), len(stack) + 1, len(stack))
    x = x if left else t.emit(Transpose(swap), x, part="rows")
    columns = x.shape[-1]
    flat = t.reshape(x, (groups * n_in, columns), "stack")
    out = t.reshape(t.emit(Conv(w, groups=groups), flat), (*stack, n_out, columns), "stack")
    return out if left else t.emit(Transpose(swap), out, part="rows")


@handler("addmm", "addmv", "baddbmm", exact=True)
def _addmm(t: Lowering, x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Dense; Conv for a stack of matrices. The constant may stand on either side."""
    known = t.operand(a)
    if isinstance(known, Var) and beta == 1 and alpha == 1:
        offset, matrix = t.operand(x), t.operand(b)
        if (
            isinstance(offset, Const)
            and isinstance(matrix, Const)
            and len(matrix.shape) == 2
            and offset.shape == matrix.shape[1:]
        ):
            return t.emit(Dense(matrix.array.T, offset.array), known)
    scaled = x if beta == 1 else multiply(t, beta, x)
    return add(t, _matmul(t, a, b), scaled) if alpha == 1 else add(
        t, scaled, _matmul(t, a, b), alpha=alpha
    )  # fmt: skip


# --- einsum ------------------------------------------------------------------------------------


@handler("einsum")
def _einsum(t: Lowering, equation: str, tensors: Any, *, path: Any = None) -> Any:
    """Dense; Conv for a stack of matrices. One operand depends on the input."""
    parts = [t.operand(x) for x in tensors]
    terms, out = _letters(equation, [len(p.full) for p in parts])
    values = [i for i, p in enumerate(parts) if isinstance(p, Var)]
    if len(values) != 1:
        raise UnsupportedOperatorError(
            "multiplies values that depend on the input; that is not piecewise affine"
        )
    x, letters = parts[values[0]], terms[values[0]]
    assert isinstance(x, Var)
    batch = letters[0] if x.lead else ""
    rest: list[tuple[Const, str]] = []
    for c, w in zip(parts, terms, strict=True):
        if isinstance(c, Const):
            if batch and batch in w and c.shape[w.index(batch)] == 1:
                c, w = Const(c.array.sum(axis=w.index(batch))), w.replace(batch, "")
            rest.append((c, w))
    if batch and (out[:1] != batch or letters.count(batch) > 1 or any(batch in w for _, w in rest)):
        raise UnsupportedOperatorError(
            f"works along the batch axis ({equation!r}); a network acts on every sample alone"
        )
    x, letters = _diagonal(t, x, letters[x.lead :])
    out = out[len(batch) :]
    sizes = dict(zip(letters, x.shape, strict=True))
    for c, w in rest:
        sizes.update(zip(w, c.shape, strict=True))
    inner = "".join(dict.fromkeys("".join(w for _, w in rest)))
    kept = "".join(a for a in inner if a in letters or a in out)
    matrix = _contracted(rest, kept)
    return _applied(t, x, letters, matrix, kept, out, sizes)


def _letters(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The letters of every operand and of the result, without dots and spaces."""
    plain = equation.replace(" ", "")
    left, arrow, out = plain.partition("->")
    terms = left.split(",")
    spare = [a for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if a not in plain]
    widths = [r - len(w.replace("...", "")) for w, r in zip(terms, ranks, strict=True)]
    widest = max([n for n, w in zip(widths, terms, strict=True) if "..." in w], default=0)
    dots = spare[:widest]
    terms = [
        w.replace("...", "".join(dots[widest - n :])) for n, w in zip(widths, terms, strict=True)
    ]
    if not arrow:
        every = "".join(terms)
        out = "..." + "".join(a for a in sorted(set(every)) if every.count(a) == 1)
        out = "".join(a for a in out if a not in dots)
        out = "..." + out.replace("...", "")
    return terms, out.replace("...", "".join(dots))


def _diagonal(t: Lowering, x: Var, letters: str) -> tuple[Var, str]:
    """A value with every letter once: where one repeats, the diagonal."""
    once = "".join(dict.fromkeys(letters))
    if once == letters:
        return x, letters
    entries = np.arange(math.prod(x.shape)).reshape(x.shape)
    number = {a: i for i, a in enumerate(once)}
    places = np.einsum(entries, [number[a] for a in letters], list(range(len(once))))
    return gather(t, x, np.array(places), "diagonal"), once


def _contracted(rest: list[tuple[Const, str]], kept: str) -> np.ndarray:
    """The product of the constants, summed over the letters that nothing else has."""
    if not rest:
        return np.ones(())
    number = {a: i for i, a in enumerate(dict.fromkeys("".join(w for _, w in rest)))}
    if len(rest) == 1 and set(kept) == set(rest[0][1]) and len(kept) == len(rest[0][1]):
        return rest[0][0].array.transpose([rest[0][1].index(a) for a in kept])
    arguments: list[Any] = []
    for c, w in rest:
        arguments += [as_fractions(c.array), [number[a] for a in w]]
    return compact(np.asarray(np.einsum(*arguments, [number[a] for a in kept]), dtype=object))


def _applied(
    t: Lowering, x: Var, letters: str, matrix: np.ndarray, kept: str, out: str,
    sizes: dict[str, int],
) -> Any:  # fmt: skip
    """The value times the constant, summed over what the result has not."""
    alone = tuple(i for i, a in enumerate(letters) if a not in kept and a not in out)
    if alone:
        x = reduce_sum(t, x, alone)
        letters = "".join(a for a in letters if a in kept or a in out)
    stack = [a for a in kept if a in letters and a in out]
    summed = [a for a in kept if a in letters and a not in out]
    fresh = [a for a in kept if a not in letters]
    free = [a for a in letters if a not in kept]
    value = _ordered(t, x, letters, [*stack, *free, *summed])

    def size(names: list[str]) -> int:
        return math.prod(sizes[a] for a in names)

    w = matrix.transpose([kept.index(a) for a in (*stack, *fresh, *summed)])
    w = w.reshape(*[sizes[a] for a in stack], size(fresh), size(summed))
    value = t.reshape(value, (*[sizes[a] for a in stack], size(free), size(summed)))
    if stack:
        found = _stacked(t, w, value, left=False)
    else:
        found = t.emit(Dense(w), value)
    shape = tuple(sizes[a] for a in (*stack, *free, *fresh))
    return _ordered(t, t.reshape(found, shape), [*stack, *free, *fresh], out)


def _ordered(t: Lowering, x: Var, letters: Any, wanted: Any) -> Var:
    order = tuple(list(letters).index(a) for a in wanted)
    if order == tuple(range(len(order))):
        return x
    moved: Var = t.emit(Transpose(order), x, part="order")
    return moved
