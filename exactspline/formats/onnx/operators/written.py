"""How each of the network's operators is written in ONNX operators."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from .... import network as es
from ....network.windows import OUTSIDE, Windows
from ....rationals import as_fractions, compact, exact_array
from ..node_writer import Shape, Writer, float32_exact, writes

__all__: list[str] = []


def _is_float32(*values: Fraction) -> bool:
    return float32_exact(compact(exact_array(list(values))))


# --- moving entries --------------------------------------------------------------------------


@writes(es.Identity)
def _identity(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.node("Identity", x[0])


@writes(es.Flatten)
def _flatten(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.node("Flatten", x[0])


@writes(es.Reshape)
def _reshape(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.reshape(x[0], out, part="")


@writes(es.Transpose)
def _transpose(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    perm = [0, *(a % len(read[0]) + 1 for a in op.axes)] if op.axes else [0, 1]
    return w.node("Transpose", x[0], perm=perm)


@writes(es.Select)
def _select(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    axis = op.axis % len(read[0])
    return w.node("Gather", x[0], w.ints([i % read[0][axis] for i in op.indices]), axis=axis + 1)


@writes(es.Pad)
def _pad(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    y, shape, n = x[0], read[0], len(op.pads) // 2
    first = len(shape) - n
    cut = [i for i in range(n) if op.pads[i] < 0 or op.pads[n + i] < 0]
    if cut:  # first, whatever the mode is
        starts = [max(0, -op.pads[i]) for i in cut]
        ends = [shape[first + i] - max(0, -op.pads[n + i]) for i in cut]
        axes = [first + i + 1 for i in cut]
        y = w.node("Slice", y, w.ints(starts), w.ints(ends), w.ints(axes), part="cut")
    before = [max(0, p) for p in op.pads[:n]]
    behind = [max(0, p) for p in op.pads[n:]]
    zeros = [0] * (first + 1)
    pads = w.ints([*zeros, *before, *zeros, *behind])
    values = [w.number(op.value)] if op.mode == "constant" and op.value != 0 else []
    return w.node("Pad", y, pads, *values, mode=op.mode)


@writes(es.Expand)
def _expand(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    y, _ = w.with_rank(x[0], read[0], len(out))
    return w.node("Expand", y, w.ints((1, *out)))


@writes(es.Concat)
def _concat(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.node("Concat", *x, axis=op.axis % len(out) + 1)


# --- affine ----------------------------------------------------------------------------------


@writes(es.Dense)
def _dense(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    rank = len(read[0])
    axis = op.axis % rank
    biased = bool(np.any(op.bias != 0))
    if rank == 1:
        stored = [w.number(op.weight)] + ([w.number(op.bias)] if biased else [])
        return w.node("Gemm", x[0], *stored, transB=1)
    if axis == rank - 2:
        y = w.node("MatMul", w.number(op.weight), x[0])
        return w.shifted(y, op.bias[:, None])
    swap = [0, *(i + 1 for i in range(rank) if i != axis), axis + 1]
    moved = axis != rank - 1
    y = w.node("Transpose", x[0], perm=swap, part="transpose") if moved else x[0]
    y = w.shifted(w.node("MatMul", y, w.number(op.weight.T)), op.bias)
    if not moved:
        return y
    return w.node("Transpose", y, perm=np.argsort(swap).tolist(), part="transpose")


@writes(es.Elementwise)
def _elementwise(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    y, shape = w.with_rank(x[0], read[0], len(out))
    if np.any(op.scale != 1):
        y, shape = w.scaled(y, op.scale), np.broadcast_shapes(shape, op.scale.shape)
    if np.any(op.shift != 0):
        y, shape = w.shifted(y, op.shift), np.broadcast_shapes(shape, op.shift.shape)
    # what is only broadcast, with the scale 1 and the shift 0
    return y if shape == out else w.node("Expand", y, w.ints((1, *out)), part="expand")


@writes(es.BatchNorm)
def _batch_norm(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    axis = op.axis % len(read[0])
    stored = [op.gamma, op.beta, op.mean, op.variance]
    if axis == 0 and _is_float32(op.epsilon) and all(compact(v).dtype != object for v in stored):
        names = [w.number(v) for v in stored]
        return w.node("BatchNormalization", x[0], *names, epsilon=float(op.epsilon))
    # ONNX's epsilon is a float32: with another one the scale would not be the network's
    shape = [-1 if i == axis else 1 for i in range(len(read[0]))]
    y = w.shifted(x[0], -op.mean.reshape(shape))
    return w.shifted(w.scaled(y, op.scale.reshape(shape)), op.beta.reshape(shape))


@writes(es.Add)
def _add(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    values = [w.with_rank(v, s, len(out))[0] for v, s in zip(x, read, strict=True)]
    if op.coefficients is not None:
        weights = as_fractions(op.coefficients).tolist()
        if weights == [1, -1]:
            return w.node("Sub", *values)
        values = [w.scaled(v, exact_array(c)) for v, c in zip(values, weights, strict=True)]
    return w.node("Add" if len(values) == 2 else "Sum", *values)


@writes(es.Conv)
def _conv(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    y, pads, n = x[0], op.padding, op.weight.ndim - 2
    if op.padding_mode == "circular" and any(pads):
        zeros = [0, 0]
        y = w.node(
            "Pad", y, w.ints([*zeros, *pads[:n], *zeros, *pads[n:]]), mode="wrap", part="pad"
        )
        pads = (0,) * (2 * n)
    return w.node(
        "Conv", y, *_stored(w, op), strides=op.stride, pads=pads, dilations=op.dilation,
        group=op.groups,
    )  # fmt: skip


@writes(es.ConvTranspose)
def _conv_transpose(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    n = op.weight.ndim - 2
    pads, extra = list(op.padding), list(op.output_padding)
    for i in range(n):  # what is cut off and added again
        same = min(pads[n + i], extra[i])
        pads[n + i] -= same
        extra[i] -= same
    options = {"strides": op.stride, "dilations": op.dilation, "group": op.groups}
    if all(e < s for e, s in zip(extra, op.stride, strict=True)):
        stored = _stored(w, op)
        return w.node("ConvTranspose", x[0], *stored, pads=pads, output_padding=extra, **options)
    # onnxruntime adds no more than that: the full result, with zeros behind, is cut instead
    y = w.node("ConvTranspose", x[0], w.number(op.weight), **options)
    behind = []
    for i in range(n):
        full = (read[0][1 + i] - 1) * op.stride[i] + (op.weight.shape[2 + i] - 1) * op.dilation[i]
        behind.append(max(0, pads[i] + out[1 + i] - full - 1))
    y = w.node("Pad", y, w.ints([0] * (n + 4) + behind), part="pad")
    ends = [pads[i] + out[1 + i] for i in range(n)]
    y = w.node("Slice", y, w.ints(pads[:n]), w.ints(ends), w.ints(range(2, 2 + n)), part="cut")
    return w.shifted(y, op.bias.reshape(-1, *[1] * n))


def _stored(w: Writer, op: Any) -> list[str]:
    return [w.number(op.weight)] + ([w.number(op.bias)] if np.any(op.bias != 0) else [])


# --- pooling ---------------------------------------------------------------------------------


@writes(es.MaxPool)
def _max_pool(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return _pool(w, "MaxPool", op, x[0], _pads(op, read[0], out))


@writes(es.AveragePool)
def _average_pool(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    pads = _pads(op, read[0], out)
    # what lies beyond the padding counts in no divisor
    beyond = op.count_include_pad and any(a > b for a, b in zip(pads, op.padding, strict=True))
    if op.divisor:
        return w.scaled(_sums(w, op, x[0], read[0], out), exact_array(Fraction(1, op.divisor)))
    if not beyond:
        count = int(op.count_include_pad)
        return _pool(w, "AveragePool", op, x[0], pads, count_include_pad=count)
    windows = Windows(op.kernel, op.stride, op.padding, op.dilation, ceil=op.ceil_mode)
    counts = np.count_nonzero(windows.entries(read[0][1:]) != OUTSIDE, axis=1)
    divisors = w.number(counts.reshape(out[1:]))
    return w.node("Div", _sums(w, op, x[0], read[0], out), divisors, part="divide")


@writes(es.SumPool)
def _sum_pool(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return _sums(w, op, x[0], read[0], out)


def _pool(w: Writer, kind: str, op: Any, x: str, pads: Sequence[int], **more: Any) -> str:
    return w.node(
        kind, x, kernel_shape=op.kernel, strides=op.stride, pads=pads, dilations=op.dilation,
        **more,
    )  # fmt: skip


def _sums(w: Writer, op: Any, x: str, shape: Shape, out: Shape) -> str:
    """Sums over windows: a convolution of every channel with ones."""
    return w.node(
        "Conv", x, w.number(np.ones((shape[0], 1, *op.kernel))), strides=op.stride,
        pads=_pads(op, shape, out), dilations=op.dilation, group=shape[0],
    )  # fmt: skip


def _pads(op: Any, shape: Shape, out: Shape) -> list[int]:
    """Pads that give the same windows without ceil mode, which opsets define differently."""
    n, pads = len(op.kernel), list(op.padding)
    for i in range(n if op.ceil_mode else 0):  # behind, what the last window reads
        extent = (op.kernel[i] - 1) * op.dilation[i] + 1
        end = (out[1 + i] - 1) * op.stride[i] + extent
        pads[n + i] = max(0, end - shape[1 + i] - pads[i])
    return pads


# --- reductions ------------------------------------------------------------------------------


@writes(es.ReduceMax, es.ReduceMean, es.ReduceMin, es.ReduceSum)
def _reduce(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    rank = len(read[0])
    axes = [a % rank + 1 for a in op.axes] or list(range(1, rank + 1))
    # all axes: one stays, as a value has one axis at least
    keep = op.keepdims or len(axes) == rank
    y = w.node(op.kind, x[0], w.ints(sorted(axes)), keepdims=int(keep))
    return y if op.keepdims or len(axes) < rank or rank == 1 else w.reshape(y, out)


@writes(es.Maximum, es.Minimum)
def _maximum(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    values = [w.with_rank(v, s, len(out))[0] for v, s in zip(x, read, strict=True)]
    return w.node("Max" if isinstance(op, es.Maximum) and not op.concave else "Min", *values)


@writes(es.Maxout)
def _maxout(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    axis = op.axis % len(out)
    y = w.reshape(x[0], (*out[: axis + 1], op.rank, *out[axis + 1 :]))
    return w.node("ReduceMax", y, w.ints([axis + 2]), keepdims=0)


@writes(es.MASO, es.SimplifiedMASO)
def _maso(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    k, r, d = op.A.shape
    y = x[0] if len(read[0]) == 1 else w.node("Flatten", x[0], part="flatten")
    stored = []
    if isinstance(op, es.SimplifiedMASO):
        y = w.shifted(y, op.beta)
    elif np.any(op.B != 0):
        stored = [w.number(op.B.reshape(-1))]
    y = w.node("Gemm", y, w.number(op.A.reshape(k * r, d)), *stored, transB=1, part="pieces")
    y = w.reshape(y, (k, r))
    return w.node("ReduceMax", y, w.ints([2]), keepdims=0)


# --- scalar ----------------------------------------------------------------------------------

_PLAIN: dict[type[es.Operator], str] = {
    es.Abs: "Abs", es.ReLU: "Relu", es.Sigmoid: "Sigmoid", es.Tanh: "Tanh",
}  # fmt: skip


@writes(*_PLAIN)
def _plain(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.node(_PLAIN[type(op)], x[0])


@writes(es.LeakyReLU)
def _leaky(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    if _is_float32(op.slope):  # ONNX's attributes are
        return w.node("LeakyRelu", x[0], alpha=float(op.slope))
    return w.node("PRelu", x[0], w.number(op.slope))


@writes(es.MaxLeaky)
def _max_leaky(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    if op.eta <= 1:
        return _leaky(w, es.LeakyReLU(op.eta), x, read, out)
    return w.node("Max", x[0], w.scaled(x[0], exact_array(op.eta)))


@writes(es.PReLU)
def _prelu(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.node("PRelu", x[0], w.number(op.slope))


@writes(es.Clip)
def _clip(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    ends = ["" if end is None else w.number(end) for end in (op.low, op.high)]
    return w.node("Clip", x[0], *ends)


@writes(es.Threshold)
def _threshold(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.node("Clip", x[0], w.number(op.threshold))


@writes(es.HardSigmoid)
def _hard_sigmoid(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    if _is_float32(op.alpha, op.beta):
        return w.node("HardSigmoid", x[0], alpha=float(op.alpha), beta=float(op.beta))
    y = w.shifted(w.scaled(x[0], exact_array(op.alpha)), exact_array(op.beta))
    return w.node("Clip", y, w.number(0), w.number(1))


@writes(es.ScalarSpline)
def _scalar_spline(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    """slopes[0] u + offsets[0] + sum of (slopes[i+1] - slopes[i]) relu(u - breakpoints[i])."""
    slopes = as_fractions(op.slopes).tolist()
    first = w.scaled(x[0], exact_array(slopes[0]))
    terms = [w.shifted(first, exact_array(as_fractions(op.offsets).tolist()[0]))]
    for at, left, right in zip(as_fractions(op.breakpoints), slopes, slopes[1:], strict=False):
        if left == right:
            continue
        unit = w.node("Relu", w.shifted(x[0], exact_array(-at)))
        change = exact_array(right - left)
        if change.dtype != object:
            terms.append(w.scaled(unit, change))
        else:  # the difference of two floats is none: apart they are exact
            terms.append(w.scaled(unit, exact_array(right)))
            terms.append(w.scaled(unit, exact_array(-left)))
    return w.node("Sum", *terms, part="sum")


# --- smooth ----------------------------------------------------------------------------------


@writes(es.Softplus)
def _softplus(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    y = w.node("Softplus", w.scaled(x[0], exact_array(op.beta)))
    return w.scaled(y, exact_array(1 / op.beta))


@writes(es.SiLU)
def _silu(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.node("Mul", x[0], w.node("Sigmoid", x[0], part="sigmoid"))


@writes(es.HardSwish)
def _hard_swish(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.node("HardSwish", x[0])


@writes(es.GELU)
def _gelu(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.node("Gelu", x[0], approximate=op.approximate)


@writes(es.ELU)
def _elu(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    if _is_float32(op.alpha):
        return w.node("Elu", x[0], alpha=float(op.alpha))
    below = w.node("Elu", w.node("Clip", x[0], "", w.number(0), part="below"), alpha=1.0)
    above = w.node("Relu", x[0], part="above")
    return w.node("Add", above, w.scaled(below, exact_array(op.alpha)), part="sum")


@writes(es.Softmax, es.LogSoftmax)
def _softmax(w: Writer, op: Any, x: Sequence[str], read: Sequence[Shape], out: Shape) -> str:
    return w.node(op.kind, x[0], axis=op.axis % len(read[0]) + 1)
