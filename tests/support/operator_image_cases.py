"""Random operators on images: convolutions, pooling, and what is taken over whole axes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import plain
from operator_draws import STYLES, Case, _shape, _some, array, tensor
from plain import Grid

import exactspline as es


def conv(rng):
    n, style = rng.choice((1, 1, 2, 2, 3)), rng.choice(STYLES)
    groups, circular = rng.choice((1, 1, 2, 3)), rng.random() < 0.25
    per_in, per_out = rng.randint(1, 2), rng.randint(1, 2)
    big = {1: 6, 2: 4, 3: 3}[n]
    kernel, stride = _some(rng, n, 1, 3), _some(rng, n, 1, 3)
    dilation = _some(rng, n, 1, 2)
    size = _some(rng, n, 2, big)
    pads = list(_some(rng, 2 * n, 0, 2))
    for a in range(n):
        if circular:
            pads[a], pads[n + a] = min(pads[a], size[a]), min(pads[n + a], size[a])
        lacking = dilation[a] * (kernel[a] - 1) + 1 - size[a] - pads[a] - pads[n + a]
        if lacking > 0:
            pads[a] += 0 if circular else lacking
            size = tuple(s + lacking if circular and i == a else s for i, s in enumerate(size))
    W = array(rng, (per_out * groups, per_in, *kernel), style)
    b = array(rng, (per_out * groups,), style)
    with_bias = rng.random() < 0.7
    zero = np.array([Fraction(0)] * len(b), dtype=object)

    def in_torch(x):
        from torch.nn import functional

        ends = [p for a in reversed(range(n)) for p in (pads[a], pads[n + a])]
        x = functional.pad(x, ends, mode="circular" if circular else "constant")
        function = getattr(functional, f"conv{n}d")
        bias = tensor(b) if with_bias else None
        return function(x, tensor(W), bias, stride=stride, dilation=dilation, groups=groups)

    operator = es.Conv(
        W, b if with_bias else None, stride=stride, padding=pads, dilation=dilation, groups=groups,
        padding_mode="circular" if circular else "zeros",
    )  # fmt: skip
    bias = Grid.of(b if with_bias else zero)
    return Case(
        operator, [(per_in * groups, *size)],
        lambda x: plain.conv(x, Grid.of(W), bias, stride, pads, dilation, groups, circular),
        in_torch,
    )  # fmt: skip


def conv_transpose(rng):
    n, style = rng.choice((1, 1, 2, 2, 3)), rng.choice(STYLES)
    groups = rng.choice((1, 1, 2))
    per_in, per_out = rng.randint(1, 2), rng.randint(1, 2)
    size, kernel = _some(rng, n, 1, 3), _some(rng, n, 1, 3)
    stride, dilation = _some(rng, n, 1, 3), _some(rng, n, 1, 2)
    extra = [rng.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True)]
    full = [
        (size[a] - 1) * stride[a] + dilation[a] * (kernel[a] - 1) + 1 + extra[a] for a in range(n)
    ]
    pads = [0] * (2 * n)
    for a in range(n):
        pads[a] = rng.randint(0, min(2, full[a] - 1))
        pads[n + a] = rng.randint(0, min(2, full[a] - 1 - pads[a]))
    W = array(rng, (per_in * groups, per_out, *kernel), style)
    b = array(rng, (per_out * groups,), style)

    def in_torch(x):
        from torch.nn import functional

        function = getattr(functional, f"conv_transpose{n}d")
        out = function(
            x, tensor(W), tensor(b), stride=stride, dilation=dilation, groups=groups,
            output_padding=extra,
        )  # fmt: skip
        for a in range(n):  # torch's padding is the same on both sides
            out = out.narrow(2 + a, pads[a], out.shape[2 + a] - pads[a] - pads[n + a])
        return out

    operator = es.ConvTranspose(
        W, b, stride=stride, padding=pads, output_padding=extra, dilation=dilation, groups=groups
    )
    return Case(
        operator, [(per_in * groups, *size)],
        lambda x: plain.conv_transpose(
            x, Grid.of(W), Grid.of(b), stride, pads, extra, dilation, groups
        ),
        in_torch,
    )  # fmt: skip


# --- Pooling ---------------------------------------------------------------------------------


def _pool(rng, dilates=True):
    """Options of a pool that leave no window in the padding, and whether torch allows them."""
    while True:
        n = rng.choice((1, 1, 2, 2, 3))
        big = {1: 7, 2: 4, 3: 3}[n]
        kernel, stride = _some(rng, n, 1, 3), _some(rng, n, 1, 3)
        dilation = _some(rng, n, 1, 2) if dilates and rng.random() < 0.4 else (1,) * n
        size, ceil = _some(rng, n, 1, big), rng.random() < 0.5
        pads = _some(rng, 2 * n, 0, 1)
        if rng.random() < 0.6:
            pads = pads[:n] * 2
        fits = True
        for a in range(n):
            on_axis = plain.windows_on(
                size[a], kernel[a], stride[a], pads[a], pads[n + a], dilation[a], ceil
            )
            fits &= bool(on_axis) and all(any(0 <= s < size[a] for s in w) for w in on_axis)
        if fits:
            # torch takes no other pads, and in 3-D no window larger than the image
            known = pads[:n] == pads[n:] and all(
                2 * p <= k and (n < 3 or d * (k - 1) < m)
                for p, k, d, m in zip(pads[:n], kernel, dilation, size, strict=True)
            )
            options = {
                "stride": stride, "padding": pads, "dilation": dilation, "ceil_mode": ceil,
            }  # fmt: skip
            return (rng.randint(1, 2), *size), kernel, options, known


def _torch_pool(name, n, kernel, options, **more):
    def function(x):
        from torch.nn import functional

        given = {
            "stride": options["stride"], "padding": options["padding"][:n],
            "ceil_mode": options["ceil_mode"], **more,
        }  # fmt: skip
        return getattr(functional, f"{name}_pool{n}d")(x, kernel, **given)

    return function


def max_pool(rng):
    shape, kernel, options, known = _pool(rng)
    n = len(kernel)
    in_torch = _torch_pool("max", n, kernel, options, dilation=options["dilation"])
    return Case(
        es.MaxPool(kernel, **options), [shape],
        lambda x: plain.max_pool(x, kernel, *options.values()),
        in_torch if known else None,
    )  # fmt: skip


def average_pool(rng):
    shape, kernel, options, known = _pool(rng)
    n, include = len(kernel), rng.random() < 0.5
    divisor = rng.choice((0, 0, 0, 3))
    known = known and set(options["dilation"]) == {1}
    more = {"count_include_pad": include}
    if divisor and n > 1:
        more["divisor_override"] = divisor
    known = known and not (divisor and n == 1)
    in_torch = _torch_pool("avg", n, kernel, options, **more)
    return Case(
        es.AveragePool(kernel, **options, count_include_pad=include, divisor=divisor), [shape],
        lambda x: plain.average_pool(x, kernel, *options.values(), include, divisor),
        in_torch if known else None,
    )  # fmt: skip


def sum_pool(rng):
    shape, kernel, options, known = _pool(rng)
    known = known and set(options["dilation"]) == {1} and len(kernel) > 1
    in_torch = _torch_pool("avg", len(kernel), kernel, options, divisor_override=1)
    return Case(
        es.SumPool(kernel, **options), [shape],
        lambda x: plain.sum_pool(x, kernel, *options.values()),
        in_torch if known else None,
    )  # fmt: skip


def _reduction(how):
    def case(rng):
        shape, keep = _shape(rng), rng.random() < 0.5
        axes = rng.sample(range(len(shape)), rng.randint(0, len(shape)))
        given = [a - len(shape) if rng.random() < 0.3 else a for a in axes]
        operator = getattr(es, f"Reduce{how.capitalize()}")(given, keepdims=keep)

        def in_torch(x):
            import torch

            name = {"max": "amax", "min": "amin"}.get(how, how)
            dims = [a + 1 for a in axes or range(len(shape))]
            return getattr(torch, name)(x, dim=dims, keepdim=keep)

        return Case(operator, [shape], lambda x: plain.reduce(x, given, keep, how), in_torch)

    return case
