"""Gradients by torch, in float64, with a proved bound on their rounding.

Every number that a forward or backward pass computes is a sum over paths of products of weights,
and each product is rounded at most n times, where n counts the operations along the longest
path. So it is off by at most ((1 + u)^n - 1) times the sum of the products' absolute values
(u = 2^-53), provided every unit takes the piece that it takes exactly; which is proved by the
same bound on the values of its pieces. That takes numbers of moderate size, so that nothing
overflows and underflows vanish: sums of the sizes of weights bound whatever a pass computes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...rationals import as_float, as_fractions
from ..common.region_maps import dot
from ..common.samples import times

if TYPE_CHECKING:
    from ...network.network import Network
    from ...network.operator import Operator
    from ...network.spline import ASO

__all__ = ["Bounds", "Rounding", "module_jacobian", "torch_twin"]

_UNIT = Fraction(1, 2**53)
_LARGEST = 2**300  # of any number that a pass computes
# more than all underflows together, of parameters too, each times at most _LARGEST; and more than
# 2^20 times flushed subnormals
_TINY = Fraction(1, 2**700)
_PER_NODE = 16  # roundings of one operator besides its sum, batch normalisation's root included


@dataclass(frozen=True)
class Bounds:
    """How far float64 can be off at one point.

    Attributes
    ----------
    decided : bool
        Every unit takes the exact piece in float64 too.
    jacobian : object array, shape (C, D)
        Bounds on the errors of the gradients.
    """

    decided: bool
    jacobian: np.ndarray


class Rounding:
    """Bounds on the rounding of a network's forward and backward passes in float64."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.splines = []
        self._growth = Fraction(1)
        for node in network.nodes:
            shapes = [network.input_shape if i < 0 else network.nodes[i].shape for i in node.inputs]
            spline = node.operator.as_aso(*shapes)
            A, B = as_fractions(spline.A), as_fractions(spline.B)
            terms = _terms(node.operator, node.shape, abs(B))
            self.splines.append((spline, A, B, terms))
            self._growth *= _growth(A, terms, len(node.inputs))

    def at(self, x: Sequence[Fraction]) -> Bounds:
        """The bounds at a point that float64 holds."""
        found = _bounds(self.network, self.splines, x)
        # no value and no gradient is larger than that
        tame = self._growth * (1 + max(map(abs, x), default=Fraction(0))) < _LARGEST
        return found if tame else replace(found, decided=False)


_Spline = tuple["ASO", np.ndarray, np.ndarray, np.ndarray]  # with A, B and what B is a sum of


def _bounds(network: Network, splines: list[_Spline], x: Sequence[Fraction]) -> Bounds:
    d = network.input_dim
    point = np.array(list(x), dtype=object)
    eye = np.array([[Fraction(int(i == j)) for j in range(d)] for i in range(d)], dtype=object)
    values, sizes, paths = [point], [abs(point)], [eye.reshape(d, d)]
    roundings, gaps = 0, []  # gaps: difference of two pieces' values, and the sum of their sizes
    for node, (spline, A, B, terms) in zip(network.nodes, splines, strict=True):
        z = np.concatenate([values[i + 1] for i in node.inputs])
        size = np.concatenate([sizes[i + 1] for i in node.inputs])
        path = np.concatenate([paths[i + 1] for i in node.inputs])
        code, rows = spline.code(z.tolist()), np.arange(len(spline.pieces))
        for k, count in enumerate(spline.pieces.tolist()):
            chosen = A[k, code[k]], B[k, code[k]]
            for r in range(count):
                slope, offset = A[k, r] - chosen[0], B[k, r] - chosen[1]
                if any(slope) or offset:
                    sums = (abs(A[k, r]) + abs(chosen[0])).tolist()
                    both = dot(sums, size.tolist()) + terms[k, r] + terms[k, code[k]]
                    gaps.append((abs(dot(slope.tolist(), z.tolist()) + offset), both))
        picked, shift = A[rows, code], B[rows, code]
        roundings += max((sum(bool(v) for v in row) for row in picked.tolist()), default=0)
        roundings += _PER_NODE
        values.append(times(picked, z) + shift)
        sizes.append(_upwards(times(abs(picked), size) + terms[rows, code]))
        paths.append(_upwards(times(abs(picked), path)))
    gamma = (1 + _UNIT) ** (2 * roundings) - 1
    decided = all(gap > gamma * both + _TINY for gap, both in gaps)
    return Bounds(decided, paths[-1] * gamma + _TINY)


def _terms(operator: Operator, shape: Sequence[int], size: np.ndarray) -> np.ndarray:
    """The sizes of what the offsets are computed from: |B|, given, unless they are differences."""
    from ...network.affine import BatchNorm

    if not isinstance(operator, BatchNorm):
        return size
    # s (x - mean) + beta: the mean may be large where beta - s mean is not
    parts = abs(as_fractions(operator.beta)) + abs(
        as_fractions(operator.scale) * as_fractions(operator.mean)
    )
    along = [1] * len(shape)
    along[operator.axis] = -1
    return np.broadcast_to(parts.reshape(along), tuple(shape)).reshape(-1, 1)


def _growth(A: np.ndarray, terms: np.ndarray, inputs: int) -> Fraction:
    """By how much at most an operator makes values larger, and gradients on their way back.

    With 1 more than the largest value before it, no value behind it is above the product minus 1.
    A gradient reaches the same tensor once for every input that it is.
    """
    sizes = abs(A).max(axis=1)  # over the pieces
    sums = [*sizes.sum(axis=0).tolist(), *sizes.sum(axis=1).tolist(), *terms.reshape(-1)]
    return 1 + inputs * max(sums)


def _upwards(values: np.ndarray) -> np.ndarray:
    """Short numbers that are at least as large: bounds need no more digits."""
    from ...approximation.proof import up

    out = np.empty(values.shape, dtype=object)
    out.reshape(-1)[:] = [up(v) if v else v for v in values.reshape(-1)]
    return out


def _number(values: np.ndarray) -> Any:
    import torch

    rounded, error = as_float(values)
    known = error is None or bool(np.all(np.isfinite(error)))
    if not (known and np.all(np.isfinite(rounded))):
        raise OverflowError("a parameter is beyond float64: torch cannot hold the network")
    return torch.tensor(rounded, dtype=torch.float64)


def _conv(op: Any) -> Callable[..., Any] | None:
    from torch.nn import functional

    axes = op.weight.ndim - 2
    if op.padding[:axes] != op.padding[axes:] or op.padding_mode != "zeros" or axes > 3:
        return None
    run = (functional.conv1d, functional.conv2d, functional.conv3d)[axes - 1]
    weight, bias = _number(op.weight), _number(op.bias)
    return lambda x: run(
        x, weight, bias, stride=op.stride, padding=op.padding[:axes], dilation=op.dilation,
        groups=op.groups,
    )  # fmt: skip


def _pool(op: Any) -> Callable[..., Any] | None:
    from torch.nn import functional

    axes = len(op.kernel)
    if op.ceil_mode or axes > 2 or any(d != 1 for d in op.dilation) or any(op.padding):
        return None
    if op.kind == "MaxPool":
        run: Any = (functional.max_pool1d, functional.max_pool2d)[axes - 1]
    else:
        run = (functional.avg_pool1d, functional.avg_pool2d)[axes - 1]
    return lambda x: run(x, op.kernel, stride=op.stride)


def _batch_norm(op: Any) -> Callable[..., Any]:
    scale, shift, axis = _number(op.scale), _number(op.shift), op.axis

    def run(x: Any) -> Any:
        rank = x.ndim - 1
        shape = [1] * (rank + 1)
        shape[axis % rank + 1] = -1
        return x * scale.reshape(shape) + shift.reshape(shape)

    return run


def _operator_twin(op: Operator) -> Callable[..., Any] | None:
    """Torch's function for an operator, on batches; None if there is none here."""
    from torch.nn import functional

    o: Any = op
    kind = op.kind
    if kind == "Dense" and o.axis == -1:
        weight, bias = _number(o.weight), _number(o.bias)
        return lambda x: functional.linear(x, weight, bias)
    if kind == "Conv":
        return _conv(o)
    if kind in ("MaxPool", "AveragePool"):
        return _pool(o) if kind == "MaxPool" or not o.divisor else None
    if kind == "BatchNorm":
        return _batch_norm(o)
    if kind == "LeakyReLU":
        return lambda x: functional.leaky_relu(x, float(o.slope))
    if kind == "Add":
        weights = None if o.coefficients is None else _number(o.coefficients).tolist()
        return lambda *xs: sum(w * x for w, x in zip(weights or [1.0] * len(xs), xs, strict=True))
    simple: dict[str, Callable[..., Any]] = {
        "ReLU": functional.relu,
        "Abs": lambda x: x.abs(),
        "Flatten": lambda x: x.flatten(1),
        "Identity": lambda x: x,
    }
    return simple.get(kind)


def torch_twin(network: Network) -> Callable[[Any], Any] | None:
    """The network as torch's own functions on a batch; None if an operator has no twin here.

    Nor is there one where a parameter is beyond float64.
    """
    try:
        runs = [_operator_twin(node.operator) for node in network.nodes]
    except OverflowError:
        return None
    if any(run is None for run in runs):
        return None

    def forward(x: Any) -> Any:
        values = [x]
        for node, run in zip(network.nodes, runs, strict=True):
            assert run is not None
            values.append(run(*[values[i + 1] for i in node.inputs]))
        return values[-1]

    return forward


def double_module(module: Any) -> Callable[[Any], Any]:
    """A copy of a torch module in float64 and evaluation mode."""
    out: Callable[[Any], Any] = copy.deepcopy(module).double().eval()
    return out


def module_jacobian(
    forward: Callable[[Any], Any], x: Sequence[float], shape: Sequence[int]
) -> np.ndarray:
    """Torch's gradient of every output at one point; float64, shape (C, D)."""
    import torch

    at = torch.tensor(list(x), dtype=torch.float64).reshape(1, *shape).requires_grad_(True)
    outputs = forward(at).reshape(-1)
    rows = [
        torch.autograd.grad(output, at, retain_graph=True)[0].reshape(-1).numpy()
        for output in outputs
    ]
    return np.array(rows)
