"""Small PyTorch modules as people write them, for every route from a module to a network.

``MATRIX`` has layers, functions in several spellings, and blocks of whole models, each with its
input shape without the batch axis. They have about ten inputs, so that regions can be counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import nn
from torch_modules import Calls
from torch_nets import Block

__all__ = ["MATRIX", "Case"]


class Case(NamedTuple):
    """A module and the shape of its input."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]


MATRIX: dict[str, Case] = {}


def _weights(sizes: dict[str, Any]) -> dict[str, Any]:
    """Parameters of these shapes; what is no shape stays what it is."""
    return {
        name: nn.Parameter(torch.zeros(size)) if isinstance(size, tuple) else size
        for name, size in sizes.items()
    }


def _layers(cases: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]]) -> None:
    MATRIX.update({name: Case(*case) for name, case in cases.items()})


def _functions(cases: dict[str, tuple[Any, ...]]) -> None:
    for name, (function, shape, *parts) in cases.items():
        sizes = parts[0] if parts else {}
        MATRIX[name] = Case(
            lambda function=function, sizes=sizes: Calls(function, **_weights(sizes)), shape
        )


def _alone(kind: Callable[..., nn.Module], *args: Any, **kwargs: Any) -> Callable[[], nn.Module]:
    return lambda: kind(*args, **kwargs)


# --- layers ----------------------------------------------------------------------------------

_layers({
    "Linear": (_alone(nn.Linear, 4, 3), (4,)),
    "Linear of rows": (_alone(nn.Linear, 4, 3), (2, 4)),
    "Conv1d": (_alone(nn.Conv1d, 2, 3, 3, stride=2, padding=1), (2, 5)),
    "Conv2d": (_alone(nn.Conv2d, 1, 2, 2, padding="same"), (1, 3, 3)),
    "Conv2d grouped": (_alone(nn.Conv2d, 4, 4, (1, 2), groups=2), (4, 1, 3)),
    "Conv2d circular": (_alone(nn.Conv2d, 1, 2, 3, padding=1, padding_mode="circular"), (1, 3, 3)),
    "Conv2d reflected": (_alone(nn.Conv2d, 1, 2, 3, padding=1, padding_mode="reflect"), (1, 3, 3)),
    "Conv3d": (_alone(nn.Conv3d, 1, 2, 2), (1, 2, 2, 3)),
    "ConvTranspose1d": (_alone(nn.ConvTranspose1d, 2, 2, 3, stride=2, padding=1), (2, 4)),
    "ConvTranspose2d": (
        _alone(nn.ConvTranspose2d, 2, 2, 2, stride=2, output_padding=1), (2, 2, 2)),
    "BatchNorm1d": (_alone(nn.BatchNorm1d, 3), (3,)),
    "BatchNorm2d": (_alone(nn.BatchNorm2d, 2), (2, 2, 2)),
    "InstanceNorm1d": (
        _alone(nn.InstanceNorm1d, 2, affine=True, track_running_stats=True), (2, 4)),
    "InstanceNorm2d": (_alone(nn.InstanceNorm2d, 2, track_running_stats=True), (2, 2, 2)),
    "ReLU": (_alone(nn.ReLU), (5,)),
    "ReLU in place": (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True)), (3,)),
    "LeakyReLU": (_alone(nn.LeakyReLU, 0.2), (5,)),
    "PReLU": (_alone(nn.PReLU, 3), (3, 2)),
    "RReLU": (_alone(nn.RReLU), (5,)),
    "ReLU6": (_alone(nn.ReLU6), (5,)),
    "Hardtanh": (_alone(nn.Hardtanh, -0.5, 2.0), (5,)),
    "Hardtanh with an open end": (_alone(nn.Hardtanh, 0.0, float("inf")), (5,)),
    "Hardsigmoid": (_alone(nn.Hardsigmoid), (5,)),
    "Threshold": (_alone(nn.Threshold, 0.5, 0.5), (5,)),
    "Softshrink": (_alone(nn.Softshrink, 0.75), (5,)),
    "Sigmoid": (_alone(nn.Sigmoid), (5,)),
    "Tanh": (_alone(nn.Tanh), (5,)),
    "Tanhshrink": (_alone(nn.Tanhshrink), (5,)),
    "SiLU": (_alone(nn.SiLU), (5,)),
    "GELU": (_alone(nn.GELU), (5,)),
    "GELU by tanh": (_alone(nn.GELU, approximate="tanh"), (5,)),
    "ELU": (_alone(nn.ELU, 0.5), (5,)),
    "SELU": (_alone(nn.SELU), (5,)),
    "CELU": (_alone(nn.CELU, 2.0), (5,)),
    "Hardswish": (_alone(nn.Hardswish), (5,)),
    "Softplus": (_alone(nn.Softplus), (5,)),
    "LogSigmoid": (_alone(nn.LogSigmoid), (5,)),
    "Softmax": (_alone(nn.Softmax, dim=-1), (5,)),
    "LogSoftmax": (_alone(nn.LogSoftmax, dim=1), (5,)),
    "MaxPool1d": (_alone(nn.MaxPool1d, 3, stride=2, padding=1), (1, 7)),
    "MaxPool2d": (_alone(nn.MaxPool2d, 2, stride=1, ceil_mode=True), (1, 3, 3)),
    "MaxPool2d dilated": (_alone(nn.MaxPool2d, 2, stride=1, dilation=2), (1, 3, 4)),
    "MaxPool3d": (_alone(nn.MaxPool3d, 2), (1, 2, 2, 2)),
    "AvgPool1d": (_alone(nn.AvgPool1d, 2, padding=1, count_include_pad=False), (2, 5)),
    "AvgPool2d": (_alone(nn.AvgPool2d, 3, stride=2, padding=1, ceil_mode=True), (1, 4, 4)),
    "AvgPool3d": (_alone(nn.AvgPool3d, 2), (1, 2, 2, 3)),
    "LPPool1d with p = 1": (_alone(nn.LPPool1d, 1, 2), (1, 6)),
    "AdaptiveAvgPool1d": (_alone(nn.AdaptiveAvgPool1d, 3), (1, 7)),
    "AdaptiveAvgPool2d": (_alone(nn.AdaptiveAvgPool2d, (2, 1)), (1, 3, 3)),
    "AdaptiveMaxPool1d": (_alone(nn.AdaptiveMaxPool1d, 3), (1, 7)),
    "AdaptiveMaxPool2d": (_alone(nn.AdaptiveMaxPool2d, (2, None)), (1, 3, 3)),
    "Flatten and Unflatten": (
        lambda: nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, 2)), nn.ReLU()), (2, 3)),
    "Dropout": (lambda: nn.Sequential(nn.Dropout(0.9), nn.Linear(3, 2), nn.Dropout(0.1)), (3,)),
    "ZeroPad2d": (_alone(nn.ZeroPad2d, (1, 0, 0, 1)), (1, 2, 3)),
    "ConstantPad1d": (_alone(nn.ConstantPad1d, (2, -1), 1.5), (1, 4)),
    "ReflectionPad1d": (_alone(nn.ReflectionPad1d, 2), (1, 4)),
    "ReplicationPad2d": (_alone(nn.ReplicationPad2d, 1), (1, 2, 3)),
    "CircularPad1d": (_alone(nn.CircularPad1d, (1, 2)), (1, 4)),
    "PixelShuffle": (_alone(nn.PixelShuffle, 2), (4, 1, 2)),
    "PixelUnshuffle": (_alone(nn.PixelUnshuffle, 2), (1, 2, 4)),
    "ChannelShuffle": (_alone(nn.ChannelShuffle, 2), (4, 2, 1)),
    "Fold": (_alone(nn.Fold, (3, 3), 2), (4, 4)),
    "Unfold": (_alone(nn.Unfold, 2, padding=1), (1, 2, 2)),
    "Upsample nearest": (_alone(nn.Upsample, scale_factor=2), (1, 2, 2)),
    "Upsample bilinear": (_alone(nn.Upsample, scale_factor=2, mode="bilinear"), (1, 2, 3)),
    "Upsample with aligned corners": (
        _alone(nn.Upsample, size=(4, 3), mode="bilinear", align_corners=True), (1, 2, 2)),
    "Upsample linear": (_alone(nn.Upsample, size=7, mode="linear"), (1, 4)),
    "Upsample bicubic": (_alone(nn.Upsample, scale_factor=2, mode="bicubic"), (1, 3, 3)),
    "Upsample trilinear": (_alone(nn.Upsample, scale_factor=2, mode="trilinear"), (1, 2, 2, 2)),
    "Weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), (3,)),
    "Spectral norm": (lambda: nn.utils.spectral_norm(nn.Linear(3, 2)), (3,)),
    "Compiled inside": (lambda: nn.Sequential(torch.compile(nn.Linear(3, 2)), nn.ReLU()), (3,)),
})  # fmt: skip

# --- functions -------------------------------------------------------------------------------

_HALVES = torch.tensor([True, False, True, False])
_functions({
    "F.relu": (lambda s, x: F.relu(x), (5,)),
    "torch.relu": (lambda s, x: torch.relu(x), (5,)),
    "x.relu_": (lambda s, x: (x * 2).relu_(), (5,)),
    "F.leaky_relu": (lambda s, x: F.leaky_relu(x, 0.2), (5,)),
    "F.linear": (lambda s, x: F.linear(x, s.w, s.b), (4,), {"w": (3, 4), "b": (3,)}),
    "F.conv2d": (
        lambda s, x: F.conv2d(x, s.w, stride=2, padding=1), (1, 3, 3), {"w": (2, 1, 2, 2)}),
    "F.max_pool2d": (lambda s, x: F.max_pool2d(x, 2, 1), (1, 3, 3)),
    "F.batch_norm": (
        lambda s, x: F.batch_norm(x, s.m, s.running_var, s.w), (3,),
        {"m": torch.zeros(3), "running_var": torch.ones(3), "w": (3,)}),
    "F.instance_norm": (
        lambda s, x: F.instance_norm(x, s.m, s.running_var, use_input_stats=False), (2, 3),
        {"m": torch.zeros(2), "running_var": torch.ones(2)}),
    "F.interpolate nearest": (lambda s, x: F.interpolate(x, size=5), (1, 3)),
    "F.interpolate nearest-exact": (
        lambda s, x: F.interpolate(x, size=5, mode="nearest-exact"), (1, 3)),
    "F.interpolate bilinear": (
        lambda s, x: F.interpolate(x, scale_factor=(1.5, 2), mode="bilinear"), (1, 2, 3)),
    "F.interpolate area": (lambda s, x: F.interpolate(x, size=(2, 2), mode="area"), (1, 3, 4)),
    "F.interpolate antialiased": (
        lambda s, x: F.interpolate(x, size=(2, 2), mode="bilinear", antialias=True), (1, 3, 4)),
    "F.pad": (lambda s, x: F.pad(x, (1, 0, 2, 1), value=-1.5), (1, 2, 3)),
    "F.unfold": (lambda s, x: F.unfold(x, 2, stride=(1, 2)), (1, 2, 4)),
    "F.fold": (lambda s, x: F.fold(x, (2, 4), 2, stride=(1, 2)), (4, 2)),
    "F.normalize with p = 1 of constants": (
        lambda s, x: x @ F.normalize(s.w, p=1), (3,), {"w": (3, 2)}),
    "+": (lambda s, x: x + x.relu() + s.b, (4,), {"b": (4,)}),
    "-": (lambda s, x: 2 - x - x.abs(), (4,)),
    "*": (lambda s, x: 0.3 * x * s.b, (4,), {"b": (4,)}),
    "/": (lambda s, x: x / 3 / s.b, (4,), {"b": (4,)}),
    "+=": (lambda s, x: (x * 1).add_(x).mul_(2), (4,)),
    "torch.abs": (lambda s, x: torch.abs(x - 1), (5,)),
    "torch.maximum": (lambda s, x: torch.maximum(x, 1 - x), (5,)),
    "torch.minimum": (lambda s, x: torch.minimum(x, s.b), (5,), {"b": (5,)}),
    "clamp": (lambda s, x: x.clamp(-0.5, 0.5) + x.clamp(min=0), (5,)),
    "clamp with an infinite end": (lambda s, x: torch.clamp(x, 0, float("inf")), (5,)),
    "clamp by tensors": (lambda s, x: x.clamp(s.b - 1, s.b), (5,), {"b": (5,)}),
    "x @ W": (lambda s, x: x @ s.w, (2, 4), {"w": (4, 3)}),
    "W @ x": (lambda s, x: s.w @ x, (4, 2), {"w": (3, 4)}),
    "x @ stack": (lambda s, x: x @ s.w, (2, 2, 3), {"w": (2, 3, 2)}),
    "stack @ x": (lambda s, x: s.w @ x, (2, 3, 2), {"w": (1, 2, 2, 3)}),
    "torch.matmul by a vector": (lambda s, x: torch.matmul(x, s.w), (2, 4), {"w": (4,)}),
    "torch.bmm": (lambda s, x: torch.bmm(x, s.w), (2, 3), {"w": (1, 3, 2)}),
    "torch.addmm": (lambda s, x: torch.addmm(s.b, x, s.w), (4,), {"w": (4, 3), "b": (3,)}),
    "einsum of rows": (lambda s, x: torch.einsum("bij,jk->bik", x, s.w), (2, 3), {"w": (3, 4)}),
    "einsum of heads": (
        lambda s, x: torch.einsum("bhi,hij->bhj", x, s.w), (2, 3), {"w": (2, 3, 2)}),
    "einsum with dots": (lambda s, x: torch.einsum("...i,ij->...j", x, s.w), (2, 3), {"w": (3, 2)}),
    "einsum of three": (
        lambda s, x: torch.einsum("bij,jl,im->blm", x, s.w, s.v), (2, 3),
        {"w": (3, 2), "v": (2, 2)}),
    "einsum to a number": (lambda s, x: torch.einsum("bij,ij->b", x, s.w), (2, 3), {"w": (2, 3)}),
    "einsum of entries": (lambda s, x: torch.einsum("bi,i->bi", x, s.w), (3,), {"w": (3,)}),
    "einsum outwards": (lambda s, x: torch.einsum("bi,j->bij", x, s.w), (3,), {"w": (2,)}),
    "einsum alone": (lambda s, x: torch.einsum("bij->bj", x), (2, 3)),
    "einsum diagonal": (lambda s, x: torch.einsum("bii->bi", x), (3, 3)),
    "torch.tensordot": (
        lambda s, x: torch.tensordot(x, s.w, dims=([1, 2], [0, 1])), (2, 3), {"w": (2, 3, 2)}),
    "x.sum": (lambda s, x: x.sum(-1) + x.sum(dim=(1, 2), keepdim=True).flatten(1), (2, 3)),
    "x.mean": (lambda s, x: x.mean((1, 2)), (2, 3)),
    "cumsum": (lambda s, x: x.cumsum(1), (5,)),
    "cumsum of rows": (lambda s, x: torch.cumsum(x, dim=-1), (2, 3)),
    "diff": (lambda s, x: torch.diff(x, dim=1), (5,)),
    "amax": (lambda s, x: x.amax((1, 2)), (2, 3)),
    "amin": (lambda s, x: torch.amin(x, dim=-1, keepdim=True), (2, 3)),
    "max of a dimension": (lambda s, x: x.max(dim=2)[0], (2, 3)),
    "min of a dimension": (lambda s, x: torch.min(x, 1).values, (2, 3)),
    "aminmax": (lambda s, x: torch.stack(torch.aminmax(x, dim=1), 1), (5,)),
    "norm with p = 1": (lambda s, x: x.norm(p=1, dim=1), (5,)),
    "linalg.vector_norm with p = inf": (
        lambda s, x: torch.linalg.vector_norm(x, float("inf"), dim=1, keepdim=True), (5,)),
    "linalg.norm with p = 1": (lambda s, x: torch.linalg.norm(x, 1, dim=-1), (2, 3)),
    "F.pairwise distance with p = 1": (
        lambda s, x: F.pairwise_distance(x, s.b, p=1, eps=0.0), (4,), {"b": (1, 4)}),
    "torch.cdist with p = 1": (lambda s, x: torch.cdist(x, s.w, p=1), (2, 2), {"w": (1, 3, 2)}),
    "torch.outer": (lambda s, x: torch.outer(s.w, x[0])[None], (3,), {"w": (2,)}),
    "nan_to_num": (lambda s, x: torch.nan_to_num(x).relu(), (3,)),
    "topk": (lambda s, x: x.topk(2, dim=1).values, (4,)),
    "topk smallest": (lambda s, x: torch.topk(x, 2, 1, largest=False)[0], (4,)),
    "sort": (lambda s, x: x.sort(dim=1)[0], (4,)),
    "sort descending": (lambda s, x: torch.sort(x, dim=-1, descending=True).values, (2, 3)),
    "median": (lambda s, x: x.median(dim=1).values, (5,)),
    "kthvalue": (lambda s, x: torch.kthvalue(x, 2, dim=1).values, (4,)),
    "cat": (lambda s, x: torch.cat([x, -x, s.b], 1), (4,), {"b": (1, 2)}),
    "cat of nothing": (lambda s, x: torch.cat([x[:, :0], x.relu()], 1), (3,)),
    "stack": (lambda s, x: torch.stack([x, x.relu()], dim=-1), (3,)),
    "chunk": (lambda s, x: torch.maximum(*x.chunk(2, 1)), (6,)),
    "split": (lambda s, x: torch.split(x, [1, 3], 1)[1].relu(), (4,)),
    "unbind": (lambda s, x: torch.maximum(*x.unbind(2)), (3, 2)),
    "slice": (lambda s, x: x[:, 1:3, ::2, -1], (4, 3, 2)),
    "index by a list": (lambda s, x: x[:, [2, 0, 0]], (3, 2)),
    "index by a buffer": (lambda s, x: x[:, s.i], (4,), {"i": torch.tensor([3, 1])}),
    "index by a mask": (lambda s, x: x[:, s.m], (4,), {"m": _HALVES}),
    "index_select": (lambda s, x: x.index_select(1, s.i), (4,), {"i": torch.tensor([3, 1])}),
    "gather": (lambda s, x: x.gather(1, s.i), (4,), {"i": torch.tensor([[3, 1, 1]])}),
    "take_along_dim": (
        lambda s, x: torch.take_along_dim(x, s.i, dim=1), (4,), {"i": torch.tensor([[3, 1, 1]])}),
    "scatter": (
        lambda s, x: torch.zeros(1, 6, dtype=x.dtype).scatter(1, s.i, x), (3,),
        {"i": torch.tensor([[5, 0, 2]])}),
    "scatter_add": (
        lambda s, x: torch.zeros(1, 4, dtype=x.dtype).scatter_add(1, s.i, x), (4,),
        {"i": torch.tensor([[3, 0, 3, 1]])}),
    "index_add": (
        lambda s, x: torch.zeros(1, 3, dtype=x.dtype).index_add(1, s.i, x), (4,),
        {"i": torch.tensor([2, 0, 2, 1])}),
    "item assignment": (lambda s, x: _assigned(x), (4,)),
    "slice assignment": (lambda s, x: _halved(x), (4,)),
    "flip and roll": (lambda s, x: torch.flip(x, [1]).roll(1, 1), (4,)),
    "repeat": (lambda s, x: x.repeat(1, 2), (3,)),
    "tile": (lambda s, x: torch.tile(x, (1, 2, 2)), (2, 2)),
    "repeat_interleave": (lambda s, x: x.repeat_interleave(2, dim=1), (3,)),
    "expand": (lambda s, x: x.unsqueeze(1).expand(-1, 2, -1), (3,)),
    "view": (lambda s, x: x.view(x.size(0), -1), (2, 3)),
    "permute": (lambda s, x: x.permute(0, 2, 1).relu(), (2, 3)),
    "rot90": (lambda s, x: torch.rot90(x, 1, (1, 2)), (2, 3)),
    "diagonal": (lambda s, x: torch.diagonal(x, dim1=1, dim2=2), (3, 3)),
    "x.unfold": (lambda s, x: x.unfold(1, 3, 1).amax(-1), (5,)),
    "tril": (lambda s, x: torch.tril(x), (3, 3)),
    "triu": (lambda s, x: x.triu(1), (3, 3)),
    "masked_fill": (lambda s, x: x.masked_fill(s.m, -2.0), (4,), {"m": _HALVES}),
    "where with a constant mask": (lambda s, x: torch.where(s.m, x, -x), (4,), {"m": _HALVES}),
    "where x > 0": (lambda s, x: torch.where(x > 0, x, 0.1 * x), (4,)),
    "where x >= 1": (lambda s, x: torch.where(x >= 1, 2 * x - 1, x), (4,)),
    "view of a choice": (
        lambda s, x: torch.where(x > 0, x, -x).view(-1, 2, 2).permute(0, 2, 1), (4,)),
    "where a > b": (lambda s, x: torch.where(x[:, :2] > x[:, 2:], x[:, :2], x[:, 2:]), (4,)),
    "where x > b": (
        lambda s, x: torch.where(x > s.b, x - s.b, torch.zeros_like(x)), (4,), {"b": (4,)}),
    "x * (1 - (x > 0))": (lambda s, x: x * (1 - (x > 0).to(x.dtype)), (4,)),
    "sign(x) relu(|x| - 1/2)": (lambda s, x: torch.sign(x) * torch.relu(x.abs() - 0.5), (4,)),
    "where by hand": (
        lambda s, x: torch.where(x > 0.5, x - 0.5, torch.where(x < -0.5, x + 0.5, 0.0)), (4,)),
    "where 0 < x": (lambda s, x: torch.where(x > 0, x, torch.zeros_like(x)), (4,)),
    "masked_fill of negatives": (lambda s, x: x.masked_fill(x < 0, 0.0), (4,)),
    "x * (x > 0)": (lambda s, x: x * (x > 0), (4,)),
    "(x > 0).float() * x": (lambda s, x: (x > 0).to(x.dtype) * x, (4,)),
    "x[x < 0] = 0": (lambda s, x: _rectified(x), (4,)),
    "x * sign(x)": (lambda s, x: x * torch.sign(x), (4,)),
    "F.hardtanh": (lambda s, x: F.hardtanh(x, -0.25, 0.5), (5,)),
    "F.relu6": (lambda s, x: F.relu6(6 * x), (5,)),
    "F.softshrink": (lambda s, x: F.softshrink(x, 0.25), (5,)),
    "x * sigmoid(x)": (lambda s, x: x * torch.sigmoid(x), (4,)),
    "x * hardsigmoid(x)": (lambda s, x: x * F.hardsigmoid(x), (4,)),
    "x * relu6(x + 3) / 6": (lambda s, x: x * F.relu6(x + 3) / 6, (4,)),
    "constants made inside": (
        lambda s, x: x * torch.arange(1, 5, dtype=x.dtype) + torch.ones_like(x), (4,)),
    "constants of exp": (
        lambda s, x: x * s.w.exp() + torch.sigmoid(s.b), (3,), {"w": (3,), "b": (3,)}),
    "softmax of constants": (lambda s, x: x @ torch.softmax(s.w, 0), (3,), {"w": (3, 2)}),
    "torch.func.vmap": (
        lambda s, x: torch.func.vmap(lambda row: row.relu() @ s.w)(x), (3,), {"w": (3, 2)}),
    "lerp": (lambda s, x: torch.lerp(x, x.relu(), 0.25), (4,)),
    "addcmul": (lambda s, x: torch.addcmul(x, s.w, x.abs(), value=0.5), (4,), {"w": (4,)}),
    "logical shapes": (lambda s, x: x.relu() if x.dim() == 2 and x.shape[1] > 3 else x, (4,)),
})  # fmt: skip


def _assigned(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, 1] = 2.5
    y[:, 2] = y[:, 0].relu()
    return y


def _halved(x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros_like(x)
    y[:, :2] = x[:, 2:].abs()
    y[:, 2:] += x[:, :2]
    return y


def _rectified(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[y < 0] = 0
    return y


# --- blocks ----------------------------------------------------------------------------------


class Dense(nn.Module):
    """A dense block: every layer reads all before it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(1 + i, 1, 3, padding=1) for i in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = [x]
        for layer in self.layers:
            found.append(F.relu(layer(torch.cat(found, 1))))
        return torch.cat(found, 1).mean((2, 3))


class Unet(nn.Module):
    """Down and up, with a skip."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.inner = nn.Conv2d(1, 2, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2, mode=mode)
        self.last = nn.Conv2d(3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.inner(F.max_pool2d(x, 2)))
        return self.last(torch.cat([x, self.up(y)], 1))


class Mixer(nn.Module):
    """Tokens, then channels, with ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.channels = nn.Linear(3, 3), nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + F.relu(self.tokens(x.transpose(1, 2))).transpose(1, 2)
        return (x + F.relu(self.channels(x))).mean(1)


class Squeeze(nn.Module):
    """Squeeze and excite, with gates that are added, since products are no splines."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(2, 1, 1), nn.Conv2d(1, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = F.hardsigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))
        return x + gate


class Inverted(nn.Module):
    """An inverted residual of MobileNet, depthwise, with ReLU6."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 2, 1, bias=False), nn.BatchNorm2d(2), nn.ReLU6(inplace=True),
            nn.Conv2d(2, 2, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(2), nn.ReLU6(True),
            nn.Conv2d(2, 1, 1, bias=False), nn.BatchNorm2d(1),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


class Inception(nn.Module):
    """Branches side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.three = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = F.max_pool2d(x, 3, stride=1, padding=1)
        return torch.cat([self.one(x).relu(), self.three(x).relu(), pooled], dim=1)


class Recurrent(nn.Module):
    """A recurrent cell with ReLU, unrolled by a loop over time."""

    def __init__(self) -> None:
        super().__init__()
        self.reads, self.goes = nn.Linear(2, 3), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.zeros(x.shape[0], 3, dtype=x.dtype)
        for t in range(x.shape[1]):
            h = torch.relu(self.reads(x[:, t]) + self.goes(h))
        return h


class Sequence(nn.Module):
    """torch's own recurrent layer, with ReLU: the batch axis moves inside."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.RNN(2, 2, nonlinearity="relu", batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[0]


class MaxoutLayer(nn.Module):
    """Maxout as a view and a maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x).view(x.shape[0], 4, 2).max(dim=-1).values


class GroupSort(nn.Module):
    """GroupSort of Lipschitz networks: pairs are sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x).view(-1, 2, 2).sort(dim=-1)[0].view(-1, 4)


_layers({
    "perceptron": (
        lambda: nn.Sequential(
            nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)),
        (2,)),
    "classifier": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(), nn.Linear(4, 3), nn.Softmax(1)),
        (3,)),
    "LeNet": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 2, 2),
            nn.ReLU(), nn.Flatten(), nn.Linear(2, 3)),
        (1, 4, 4)),
    "residual block": (lambda: Block(1, 1), (1, 3, 3)),
    "residual block with stride": (lambda: Block(1, 2, 2), (1, 4, 4)),
    "dense block": (Dense, (1, 3, 3)),
    "U-Net nearest": (lambda: Unet("nearest"), (1, 4, 4)),
    "U-Net bilinear": (lambda: Unet("bilinear"), (1, 4, 4)),
    "mixer": (Mixer, (3, 2)),
    "squeeze": (Squeeze, (2, 2, 2)),
    "inverted residual": (Inverted, (1, 3, 3)),
    "inception": (Inception, (1, 3, 3)),
    "recurrent loop": (Recurrent, (3, 2)),
    "RNN": (Sequence, (3, 2)),
    "maxout layer": (MaxoutLayer, (3,)),
    "group sort": (GroupSort, (3,)),
    "max pooling of blocks": (
        lambda: nn.Sequential(nn.Conv1d(1, 2, 2), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(4, 2)),
        (1, 5)),
    "autoencoder": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 2, stride=2), nn.ReLU(), nn.ConvTranspose2d(2, 1, 2, stride=2)),
        (1, 4, 4)),
})  # fmt: skip
