"""Every operator once more: plain loops over Fractions, straight from the definitions.

Written from the documentation of torch and ONNX, for the tests to compare with. It imports
nothing from the package and shares no idea with it: no index tables, no sparse rows, no
broadcasting by NumPy; every entry of a result is computed by itself.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

Index = tuple[int, ...]


def exact(value: Any) -> Fraction:
    """A Fraction of Python's integers; NumPy's would compute in 64 bits."""
    value = value.item() if hasattr(value, "item") else value
    return Fraction(int(Fraction(value).numerator), int(Fraction(value).denominator))


class Grid:
    """A tensor without batch axis: a shape, and a Fraction for every index."""

    def __init__(self, shape: Sequence[int], value: Callable[..., Any]) -> None:
        self.shape = tuple(shape)
        self.at = {index: exact(value(*index)) for index in indices(self.shape)}

    @staticmethod
    def of(array: Any) -> Grid:
        """From a NumPy array or nested lists of exact numbers."""
        shape, inner = [], array
        while hasattr(inner, "__len__"):
            shape.append(len(inner))
            inner = inner[0]

        def value(*index: int) -> Any:
            out = array
            for i in index:
                out = out[i]
            return out

        return Grid(shape, value)

    @property
    def flat(self) -> list[Fraction]:
        """All entries in row-major order."""
        return [self.at[index] for index in indices(self.shape)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and self.shape == other.shape and self.at == other.at

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Grid{self.shape}({[str(v) for v in self.flat]})"


def indices(shape: Sequence[int]) -> Iterator[Index]:
    """All indices of a shape, the last axis fastest."""
    return itertools.product(*[range(n) for n in shape])


def _replaced(index: Sequence[int], axis: int, value: int) -> Index:
    out = list(index)
    out[axis] = value
    return tuple(out)


# --- Moving entries --------------------------------------------------------------------------


def reshape(x: Grid, shape: Sequence[int]) -> Grid:
    """The same entries in the same order; one size may be -1."""
    total, known = len(x.flat), 1
    for n in shape:
        known *= n if n != -1 else 1
    entries = iter(x.flat)
    return Grid([total // known if n == -1 else n for n in shape], lambda *_: next(entries))


def transpose(x: Grid, axes: Sequence[int]) -> Grid:
    """Axis i of the result is axis ``axes[i]`` of x."""
    rank = len(x.shape)
    axes = [a % rank for a in axes]

    def value(*index: int) -> Fraction:
        source = [0] * rank
        for i, a in enumerate(axes):
            source[a] = index[i]
        return x.at[tuple(source)]

    return Grid([x.shape[a] for a in axes], value)


def select(x: Grid, chosen: Sequence[int], axis: int) -> Grid:
    """Positions along an axis; negative ones count from the end."""
    axis %= len(x.shape)
    size = x.shape[axis]
    shape = _replaced(x.shape, axis, len(chosen))
    return Grid(shape, lambda *i: x.at[_replaced(i, axis, chosen[i[axis]] % size)])


def concat(xs: Sequence[Grid], axis: int) -> Grid:
    """One after the other along an axis."""
    axis %= len(xs[0].shape)

    def value(*index: int) -> Fraction:
        at = index[axis]
        for x in xs:
            if at < x.shape[axis]:
                return x.at[_replaced(index, axis, at)]
            at -= x.shape[axis]
        raise IndexError(index)

    return Grid(_replaced(xs[0].shape, axis, sum(x.shape[axis] for x in xs)), value)


def pad(x: Grid, pads: Sequence[int], mode: str, fill: Any = 0) -> Grid:
    """ONNX's Pad on the last ``len(pads) / 2`` axes; negative pads cut off first."""
    n, rank = len(pads) // 2, len(x.shape)
    before = [0] * (rank - n) + list(pads[:n])
    behind = [0] * (rank - n) + list(pads[n:])

    def place(i: int, axis: int) -> int | None:
        """Where entry i of the padded axis comes from."""
        first = max(0, -before[axis])  # the entries that are left: first, ..., last
        last = x.shape[axis] - 1 - max(0, -behind[axis])
        source = i - before[axis]
        if mode == "constant":
            return source if first <= source <= last else None
        if mode == "edge":
            return min(max(source, first), last)
        if mode == "reflect":
            if source < first:
                return 2 * first - source
            return 2 * last - source if source > last else source
        length = last - first + 1
        return first + (source - first) % length

    def value(*index: int) -> Any:
        source = [place(i, axis) for axis, i in enumerate(index)]
        return fill if None in source else x.at[tuple(source)]  # type: ignore[index]

    return Grid([s + before[a] + behind[a] for a, s in enumerate(x.shape)], value)


def broadcast_shape(shapes: Sequence[Sequence[int]]) -> Index:
    """NumPy's rule: axes are matched from the last one on, a 1 fits everything."""
    rank = max(len(s) for s in shapes)
    out = []
    for axis in range(1, rank + 1):
        sizes = {s[-axis] for s in shapes if len(s) >= axis} - {1}
        if len(sizes) > 1:
            raise ValueError(f"{shapes} do not broadcast")
        out.append(sizes.pop() if sizes else 1)
    return tuple(reversed(out))


def _seen(x: Grid, index: Index) -> Fraction:
    """The entry of x that stands at an index of a shape it is broadcast to."""
    own = index[len(index) - len(x.shape) :]
    return x.at[tuple(0 if size == 1 else i for i, size in zip(own, x.shape, strict=True))]


def expand(x: Grid, shape: Sequence[int]) -> Grid:
    """Copies by the broadcasting rule."""
    return Grid(broadcast_shape([x.shape, shape]), lambda *i: _seen(x, i))


# --- Affine ----------------------------------------------------------------------------------


def dense(x: Grid, weight: Grid, bias: Grid, axis: int) -> Grid:
    """W x + b along one axis."""
    axis %= len(x.shape)
    n_out, n_in = weight.shape

    def value(*index: int) -> Fraction:
        total = bias.at[(index[axis],)]
        for j in range(n_in):
            total += weight.at[index[axis], j] * x.at[_replaced(index, axis, j)]
        return total

    return Grid(_replaced(x.shape, axis, n_out), value)


def elementwise(x: Grid, scale: Grid, shift: Grid) -> Grid:
    """scale * x + shift with broadcasting."""
    shape = broadcast_shape([x.shape, scale.shape, shift.shape])
    return Grid(shape, lambda *i: _seen(scale, i) * _seen(x, i) + _seen(shift, i))


def add(xs: Sequence[Grid], coefficients: Sequence[Any]) -> Grid:
    """The weighted sum, with broadcasting."""
    shape = broadcast_shape([x.shape for x in xs])
    return Grid(
        shape,
        lambda *i: sum(Fraction(c) * _seen(x, i) for c, x in zip(coefficients, xs, strict=True)),
    )


def _from_bits(bits: int) -> float:
    return float(struct.unpack(">d", struct.pack(">Q", bits))[0])


def nearest_scale(gamma: Fraction, variance: Fraction) -> float:
    """The float64 nearest to gamma / sqrt(variance), half to even, by bisection of all floats.

    The bit patterns of the nonnegative floats are in the order of their values.
    """
    square = gamma * gamma / variance

    def above(value: Fraction) -> bool:
        return value * value > square

    low, high = 0, 0x7FEF_FFFF_FFFF_FFFF  # the largest finite one
    if not above(Fraction(_from_bits(high))):
        raise OverflowError("beyond float64")
    while high - low > 1:
        middle = (low + high) // 2
        if above(Fraction(_from_bits(middle))):
            high = middle
        else:
            low = middle
    half = (Fraction(_from_bits(low)) + Fraction(_from_bits(high))) / 2
    if half * half == square:
        chosen = low if low % 2 == 0 else high
    else:
        chosen = low if above(half) else high
    return _from_bits(chosen) if gamma >= 0 else -_from_bits(chosen)


def batch_norm(
    x: Grid, mean: Grid, variance: Grid, gamma: Grid, beta: Grid, epsilon: Fraction, axis: int
) -> Grid:
    """s (x - mean) + beta with the rounded scale s of every channel."""
    axis %= len(x.shape)
    scales = [
        Fraction(nearest_scale(g, v + epsilon))
        for g, v in zip(gamma.flat, variance.flat, strict=True)
    ]

    def value(*index: int) -> Fraction:
        c = index[axis]
        return scales[c] * (x.at[index] - mean.at[(c,)]) + beta.at[(c,)]

    return Grid(x.shape, value)


def conv(
    x: Grid, weight: Grid, bias: Grid, stride: Sequence[int], pads: Sequence[int],
    dilation: Sequence[int], groups: int, circular: bool = False,
) -> Grid:  # fmt: skip
    """Cross-correlation with pads before every axis, then behind every axis."""
    n = len(stride)
    kernel, size = weight.shape[2:], x.shape[1:]
    out = [
        (size[a] + pads[a] + pads[n + a] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1
        for a in range(n)
    ]
    channels_in, channels_out = x.shape[0] // groups, weight.shape[0] // groups

    def value(c_out: int, *place: int) -> Fraction:
        total = bias.at[(c_out,)]
        group = c_out // channels_out
        for c in range(channels_in):
            for k in indices(kernel):
                source = [place[a] * stride[a] - pads[a] + k[a] * dilation[a] for a in range(n)]
                if circular:
                    source = [s % m for s, m in zip(source, size, strict=True)]
                if all(0 <= s < m for s, m in zip(source, size, strict=True)):
                    entry = x.at[(group * channels_in + c, *source)]
                    total += weight.at[(c_out, c, *k)] * entry
        return total

    return Grid([weight.shape[0], *out], value)


def conv_transpose(
    x: Grid, weight: Grid, bias: Grid, stride: Sequence[int], pads: Sequence[int],
    output_padding: Sequence[int], dilation: Sequence[int], groups: int,
) -> Grid:  # fmt: skip
    """Every input entry stamps the kernel onto the output; pads are cut off afterwards."""
    n = len(stride)
    kernel, size = weight.shape[2:], x.shape[1:]
    out = [
        (size[a] - 1) * stride[a] - pads[a] - pads[n + a] + dilation[a] * (kernel[a] - 1)
        + output_padding[a] + 1
        for a in range(n)
    ]  # fmt: skip
    per_in, per_out = x.shape[0] // groups, weight.shape[1]
    result = Grid([per_out * groups, *out], lambda c, *_: bias.at[(c,)])
    for c_in, *source in indices(x.shape):
        group = c_in // per_in
        for c in range(per_out):
            for k in indices(kernel):
                target = [source[a] * stride[a] - pads[a] + k[a] * dilation[a] for a in range(n)]
                if all(0 <= t < m for t, m in zip(target, out, strict=True)):
                    product = x.at[(c_in, *source)] * weight.at[(c_in, c, *k)]
                    result.at[(group * per_out + c, *target)] += product
    return result


# --- Pooling ---------------------------------------------------------------------------------


def windows_on(
    size: int, kernel: int, stride: int, before: int, behind: int, dilation: int, ceil: bool
) -> list[list[int]]:
    """The places that every window on one axis covers; padding is outside of 0 .. size - 1."""
    exact = Fraction(size + before + behind - dilation * (kernel - 1) - 1, stride) + 1
    count = (
        -(-exact.numerator // exact.denominator) if ceil else exact.numerator // exact.denominator
    )
    if ceil and (count - 1) * stride >= size + before:
        count -= 1  # torch: windows that would start in the padding behind are ignored
    return [[w * stride - before + k * dilation for k in range(kernel)] for w in range(count)]


def _pooled(
    x: Grid, kernel: Sequence[int], stride: Sequence[int], pads: Sequence[int],
    dilation: Sequence[int], ceil: bool, take: Callable[[list[Fraction], int], Fraction],
) -> Grid:  # fmt: skip
    """``take`` gets the entries of a window and how many of its places image and pads hold."""
    n, size = len(kernel), x.shape[1:]
    axes = [
        windows_on(size[a], kernel[a], stride[a], pads[a], pads[n + a], dilation[a], ceil)
        for a in range(n)
    ]

    def value(c: int, *place: int) -> Fraction:
        entries, held = [], 0
        for source in itertools.product(*[axes[a][w] for a, w in enumerate(place)]):
            held += all(s < size[a] + pads[n + a] for a, s in enumerate(source))
            if all(0 <= s < m for s, m in zip(source, size, strict=True)):
                entries.append(x.at[(c, *source)])
        return take(entries, held)

    return Grid([x.shape[0], *map(len, axes)], value)


def max_pool(x: Grid, kernel: Any, stride: Any, pads: Any, dilation: Any, ceil: bool) -> Grid:
    """The largest entry; padding never wins."""
    return _pooled(x, kernel, stride, pads, dilation, ceil, lambda entries, _: max(entries))


def average_pool(
    x: Grid, kernel: Any, stride: Any, pads: Any, dilation: Any, ceil: bool,
    count_include_pad: bool, divisor: int = 0,
) -> Grid:  # fmt: skip
    """The mean; what lies even beyond the padding never counts."""

    def take(entries: list[Fraction], held: int) -> Fraction:
        count = divisor or (held if count_include_pad else len(entries))
        return sum(entries, Fraction(0)) / count

    return _pooled(x, kernel, stride, pads, dilation, ceil, take)


def sum_pool(x: Grid, kernel: Any, stride: Any, pads: Any, dilation: Any, ceil: bool) -> Grid:
    """The sum; padding is zero."""
    return _pooled(
        x, kernel, stride, pads, dilation, ceil, lambda entries, _: sum(entries, Fraction(0))
    )


def reduce(x: Grid, axes: Sequence[int], keepdims: bool, how: str) -> Grid:
    """max, min, sum or mean over whole axes; no axes are all axes."""
    rank = len(x.shape)
    gone = {a % rank for a in axes} if axes else set(range(rank))
    groups: dict[Index, list[Fraction]] = {}
    for index, v in x.at.items():
        if keepdims:
            key = tuple(0 if a in gone else i for a, i in enumerate(index))
        else:
            key = tuple(i for a, i in enumerate(index) if a not in gone)
        groups.setdefault(key, []).append(v)
    sizes = [1 if a in gone else n for a, n in enumerate(x.shape)]
    shape = [n for a, n in enumerate(sizes) if keepdims or a not in gone]
    take: dict[str, Callable[[list[Fraction]], Fraction]] = {
        "max": max,
        "min": min,
        "sum": lambda values: sum(values, Fraction(0)),
        "mean": lambda values: sum(values, Fraction(0)) / len(values),
    }
    return Grid(shape, lambda *i: take[how](groups[i]))


# --- Units -----------------------------------------------------------------------------------


def each(x: Grid, function: Callable[[Fraction], Any]) -> Grid:
    """A scalar function of every entry."""
    return Grid(x.shape, lambda *i: function(x.at[i]))


def prelu(x: Grid, slope: Grid) -> Grid:
    """ONNX: slope * u for u < 0, with slopes that broadcast to x."""
    return Grid(x.shape, lambda *i: x.at[i] if x.at[i] >= 0 else _seen(slope, i) * x.at[i])


def spline(
    u: Fraction, breaks: Sequence[Fraction], slopes: Sequence[Fraction], offsets: Sequence[Fraction]
) -> Fraction:
    """The piece whose interval holds u; two pieces agree where their intervals meet."""
    values = [
        slopes[r] * u + offsets[r]
        for r in range(len(slopes))
        if (r == 0 or breaks[r - 1] <= u) and (r == len(breaks) or u <= breaks[r])
    ]
    if len(set(values)) != 1:
        raise ValueError(f"no continuous value at {u}")
    return values[0]


def through_zero(breaks: Sequence[Fraction], slopes: Sequence[Fraction], u: Fraction) -> Fraction:
    """The integral from 0 to u of the function with the given slopes between the breaks."""
    total, low, high = Fraction(0), min(u, Fraction(0)), max(u, Fraction(0))
    ends = [None, *breaks, None]
    for r, slope in enumerate(slopes):
        a, b = ends[r], ends[r + 1]
        left = low if a is None else max(low, a)
        right = high if b is None else min(high, b)
        if left < right:
            total += slope * (right - left)
    return total if u >= 0 else -total


def largest(xs: Sequence[Grid], take: Callable[..., Fraction] = max) -> Grid:
    """Entry by entry with broadcasting; ``take`` is max or min."""
    shape = broadcast_shape([x.shape for x in xs])
    return Grid(shape, lambda *i: take(_seen(x, i) for x in xs))


def maxout(x: Grid, rank: int, axis: int) -> Grid:
    """Maxima of groups of neighbours along an axis."""
    axis %= len(x.shape)
    shape = _replaced(x.shape, axis, x.shape[axis] // rank)
    return Grid(
        shape,
        lambda *i: max(x.at[_replaced(i, axis, i[axis] * rank + r)] for r in range(rank)),
    )


def maso(x: Grid, A: Grid, B: Grid) -> Grid:
    """max_r <A_kr, x> + B_kr on the flattened input."""
    outputs, pieces, dim = A.shape
    flat = x.flat

    def value(k: int) -> Fraction:
        return max(
            sum((A.at[k, r, d] * flat[d] for d in range(dim)), B.at[k, r]) for r in range(pieces)
        )

    return Grid([outputs], value)


def simplified_maso(x: Grid, A: Grid, beta: Grid) -> Grid:
    """max_r <A_kr, x + beta>."""
    outputs, pieces, dim = A.shape
    moved = [v + b for v, b in zip(x.flat, beta.flat, strict=True)]

    def value(k: int) -> Fraction:
        return max(
            sum((A.at[k, r, d] * moved[d] for d in range(dim)), Fraction(0)) for r in range(pieces)
        )

    return Grid([outputs], value)
