"""PyTorch modules: the network's values are the module's, and the module stays as it is."""

from __future__ import annotations

import copy
import io
import sys
import zipfile
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import nn

from exactspline import Network, formats, from_torch
from exactspline.errors import (
    ExactSplineError,
    FormatError,
    ParameterError,
    ShapeError,
    UnsupportedOperatorError,
)


def randomised(module, seed=0):
    """In double precision, with parameters and running statistics that are not the initial ones."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64))
        for name, b in module.named_buffers():
            if "running_var" in name:
                b.copy_(torch.rand(b.shape, generator=generator, dtype=torch.float64) + 0.1)
            elif b.is_floating_point():
                b.copy_(torch.randn(b.shape, generator=generator, dtype=torch.float64))
    return module


def agree(module, shape, samples=7, tolerance=1e-12):
    """The network and the module give the same values; the error is relative to the largest."""
    module = randomised(module)
    net = from_torch(module, shape)
    x = 2 * torch.randn(samples, *shape, generator=torch.Generator().manual_seed(5)).double()
    with torch.no_grad():
        expected = module(x.clone()).numpy()
    got = net.forward(x.numpy(), output_operator=True)
    assert got.shape == expected.shape
    error = np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-300)
    assert error < tolerance, f"relative error {error:.2g}"
    return net


class Calls(nn.Module):
    """A module whose forward is any function of itself and its input."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def parameter(*shape):
    return nn.Parameter(torch.zeros(shape))


# --- modules ---------------------------------------------------------------------------------

MODULES = {
    "linear": (nn.Linear(4, 3), (4,)),
    "linear_no_bias": (nn.Linear(4, 3, bias=False), (4,)),
    "linear_inner_axis": (nn.Linear(4, 3), (2, 5, 4)),
    "conv1d": (nn.Conv1d(3, 4, 3, stride=2, padding=1, dilation=2), (3, 11)),
    "conv2d": (nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 0)), (3, 7, 6)),
    "conv2d_groups": (nn.Conv2d(4, 6, 3, groups=2, bias=False), (4, 5, 5)),
    "conv2d_depthwise": (nn.Conv2d(4, 4, 3, groups=4, padding=1), (4, 5, 5)),
    "conv2d_same": (nn.Conv2d(2, 3, (4, 3), padding="same", dilation=(1, 2)), (2, 6, 7)),
    "conv2d_valid": (nn.Conv2d(2, 3, 3, padding="valid"), (2, 6, 7)),
    "conv3d": (nn.Conv3d(2, 3, 2, padding=1), (2, 3, 4, 3)),
    "conv2d_circular": (nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (2, 5, 4)),
    "conv2d_circular_same": (
        nn.Conv2d(2, 3, 4, padding="same", padding_mode="circular"),
        (2, 5, 6),
    ),
    "conv1d_reflect": (nn.Conv1d(2, 3, 3, padding=2, padding_mode="reflect"), (2, 6)),
    "conv2d_replicate": (nn.Conv2d(2, 3, 3, padding=(2, 1), padding_mode="replicate"), (2, 5, 4)),
    "transposed1d": (nn.ConvTranspose1d(3, 2, 3, stride=2, padding=1, output_padding=1), (3, 5)),
    "transposed2d": (nn.ConvTranspose2d(4, 6, 3, groups=2, dilation=2), (4, 3, 4)),
    "transposed3d": (nn.ConvTranspose3d(2, 2, 2, stride=2), (2, 2, 3, 2)),
    "norm1d": (nn.BatchNorm1d(3), (3,)),
    "norm1d_sequence": (nn.BatchNorm1d(3), (3, 4)),
    "norm2d": (nn.BatchNorm2d(3, eps=0.1), (3, 4, 2)),
    "norm3d_plain": (nn.BatchNorm3d(2, affine=False), (2, 2, 3, 2)),
    "relu": (nn.ReLU(), (5,)),
    "leaky": (nn.LeakyReLU(-0.3), (5,)),
    "leaky_default": (nn.LeakyReLU(), (5,)),
    "prelu": (nn.PReLU(), (3, 4)),
    "prelu_channels": (nn.PReLU(3), (3, 4, 2)),
    "prelu_features": (nn.PReLU(3), (3,)),
    "relu6": (nn.ReLU6(), (5,)),
    "hardtanh": (nn.Hardtanh(-0.5, 2.0), (5,)),
    "hardsigmoid": (nn.Hardsigmoid(), (30,)),
    "threshold": (nn.Threshold(0.5, 0.5), (9,)),
    "softplus": (nn.Softplus(), (9,)),
    "softplus_beta": (nn.Softplus(beta=0.5), (9,)),
    "sigmoid": (nn.Sigmoid(), (9,)),
    "tanh": (nn.Tanh(), (9,)),
    "silu": (nn.SiLU(), (9,)),
    "gelu": (nn.GELU(), (9,)),
    "gelu_tanh": (nn.GELU(approximate="tanh"), (9,)),
    "elu": (nn.ELU(0.7), (9,)),
    "selu": (nn.SELU(), (9,)),
    "celu": (nn.CELU(2.5), (9,)),
    "celu_1": (nn.CELU(), (9,)),
    "softshrink": (nn.Softshrink(0.8), (9,)),
    "tanhshrink": (nn.Tanhshrink(), (9,)),
    "logsigmoid": (nn.LogSigmoid(), (9,)),
    "rrelu": (nn.RReLU(0.1, 0.3), (9,)),
    "softmax": (nn.Softmax(dim=1), (5,)),
    "softmax_last": (nn.Softmax(dim=-1), (2, 5)),
    "softmax2d": (nn.Softmax2d(), (3, 2, 2)),
    "log_softmax": (nn.LogSoftmax(dim=1), (5,)),
    "softmin": (nn.Softmin(dim=1), (5,)),
    "maxpool1d": (nn.MaxPool1d(3, stride=2, padding=1), (2, 8)),
    "maxpool2d": (nn.MaxPool2d((2, 3)), (2, 5, 7)),
    "maxpool2d_overlap": (nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), (2, 6, 7)),
    "maxpool2d_dilated": (nn.MaxPool2d(2, stride=1, dilation=(2, 3)), (2, 6, 7)),
    "maxpool3d": (nn.MaxPool3d(2), (2, 4, 3, 2)),
    "avgpool1d": (nn.AvgPool1d(3, stride=2, padding=1, ceil_mode=True), (2, 8)),
    "avgpool2d": (nn.AvgPool2d(3, stride=2, padding=1), (2, 6, 7)),
    "avgpool2d_exclude": (
        nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False, ceil_mode=True),
        (2, 6, 7),
    ),
    "avgpool2d_divisor": (nn.AvgPool2d((2, 3), divisor_override=5), (2, 6, 7)),
    "avgpool3d_ceil": (nn.AvgPool3d(2, stride=2, padding=1, ceil_mode=True), (2, 4, 3, 2)),
    "adaptive_avg_1": (nn.AdaptiveAvgPool2d(1), (3, 4, 5)),
    "adaptive_avg_divides": (nn.AdaptiveAvgPool2d((2, None)), (3, 4, 5)),
    "adaptive_avg": (nn.AdaptiveAvgPool2d((3, 4)), (3, 7, 5)),
    "adaptive_avg_larger": (nn.AdaptiveAvgPool1d(7), (3, 4)),
    "adaptive_avg_3d": (nn.AdaptiveAvgPool3d((1, 2, 3)), (2, 3, 4, 5)),
    "adaptive_max_1": (nn.AdaptiveMaxPool1d(1), (3, 5)),
    "adaptive_max_divides": (nn.AdaptiveMaxPool2d(2), (3, 4, 6)),
    "adaptive_max": (nn.AdaptiveMaxPool2d((3, 4)), (3, 7, 5)),
    "flatten": (nn.Flatten(), (3, 4, 2)),
    "flatten_part": (nn.Flatten(2, 3), (3, 4, 2, 2)),
    "unflatten": (nn.Unflatten(1, (2, 3)), (6, 4)),
    "identity": (nn.Identity(), (3, 2)),
    "dropout": (nn.Sequential(nn.Dropout(), nn.Linear(3, 3), nn.AlphaDropout()), (3,)),
    "dropout2d": (nn.Sequential(nn.Dropout2d(), nn.Conv2d(2, 2, 1), nn.Dropout3d()), (2, 2, 2)),
    "zero_pad": (nn.ZeroPad2d((1, 2, 0, 3)), (2, 3, 4)),
    "constant_pad": (nn.ConstantPad1d((2, 1), 3.5), (2, 3)),
    "constant_pad_cuts": (nn.ConstantPad2d((-1, 1, 2, -2), 3.5), (2, 4, 3)),
    "reflection_pad": (nn.ReflectionPad2d((1, 2, 0, 1)), (2, 3, 4)),
    "replication_pad": (nn.ReplicationPad3d(2), (2, 3, 2, 2)),
    "circular_pad": (nn.CircularPad2d((1, 2, 0, 1)), (2, 3, 4)),
    "pixel_shuffle": (nn.PixelShuffle(2), (8, 2, 3)),
    "pixel_unshuffle": (nn.PixelUnshuffle(2), (2, 4, 6)),
    "channel_shuffle": (nn.ChannelShuffle(2), (6, 2, 2)),
    "in_place": (
        nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Hardtanh(inplace=True)),
        (4,),
    ),
    "lenet": (
        nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.1), nn.AvgPool2d(2), nn.Flatten(),
            nn.Dropout(0.5), nn.Linear(4, 3), nn.LogSoftmax(dim=1),
        ),
        (1, 8, 8),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MODULES)
def test_module(case):
    agree(*MODULES[case])


def test_every_traced_module_is_compared():
    from exactspline.formats.torch.trace import _THROUGH

    used = {type(m).__name__ for module, _ in MODULES.values() for m in module.modules()}
    refused = {"GLU", "Hardswish", "Mish", "Softsign", "Hardshrink"}
    containers = {"ModuleList", "ModuleDict", "NonDynamicallyQuantizableLinear"}
    same_forward = {
        "Dropout1d", "FeatureAlphaDropout", "ConstantPad3d", "ReflectionPad1d", "ReflectionPad3d",
        "ReplicationPad1d", "ReplicationPad2d", "CircularPad1d", "CircularPad3d", "ZeroPad1d",
        "ZeroPad3d", "AdaptiveMaxPool3d",
    }  # fmt: skip
    assert used - {"Sequential"} >= _THROUGH - refused - containers - same_forward - {"Sequential"}


# --- functions -------------------------------------------------------------------------------

IMAGE = (4, 6, 5)
FUNCTIONS = {
    "F.relu": (lambda s, x: F.relu(x), (5,)),
    "torch.relu": (lambda s, x: torch.relu(x), (5,)),
    "x.relu": (lambda s, x: x.relu(), (5,)),
    "F.leaky": (lambda s, x: F.leaky_relu(x, 0.2), (5,)),
    "F.linear": (lambda s, x: F.linear(x, s.w, s.b), (4,),
        {"w": parameter(3, 4), "b": parameter(3)}),
    "F.linear_folded": (lambda s, x: F.linear(x, s.w * s.b + 0.1, -s.b[0]), (4,), {
        "w": parameter(3, 4), "b": parameter(3, 1)}),
    "F.conv2d": (lambda s, x: F.conv2d(x, s.w, None, 2, 1), IMAGE, {"w": parameter(3, 4, 3, 3)}),
    "F.conv2d_words": (
        lambda s, x: F.conv2d(x, s.w, padding="same", groups=2), IMAGE,
        {"w": parameter(2, 2, 3, 3)}),
    "F.max_pool2d": (lambda s, x: F.max_pool2d(x, 2), IMAGE),
    "F.max_pool2d_indices": (lambda s, x: F.max_pool2d(x, 2, return_indices=True)[0], IMAGE),
    "F.avg_pool2d": (lambda s, x: F.avg_pool2d(x, kernel_size=(2, 3), padding=(1, 0)), IMAGE),
    "F.adaptive": (lambda s, x: F.adaptive_avg_pool2d(x, (1, 1)).flatten(1), IMAGE),
    "F.batch_norm": (
        lambda s, x: F.batch_norm(x, s.m, s.running_var, eps=0.5), IMAGE,
        {"m": torch.zeros(4), "running_var": torch.zeros(4)}),
    "F.pad": (lambda s, x: F.pad(x, (1, 0, 2, 1), value=-1.5), IMAGE),
    "F.pad_whole": (lambda s, x: F.pad(x, (1, 0, 2, 1, 1, 0, 0, 0), "constant", 2), IMAGE),
    "F.hardtanh": (lambda s, x: F.hardtanh(x, -0.1, 0.3), (5,)),
    "F.softmax_default": (lambda s, x: F.softmax(x), (5,)),
    "add": (lambda s, x: x + x.relu(), (5,)),
    "add_number": (lambda s, x: 0.1 + x + 3, (5,)),
    "add_parameter": (lambda s, x: x + s.b + s.c, (3, 4),
        {"b": parameter(4), "c": parameter(1, 3, 4)}),
    "add_broadcast": (lambda s, x: x + x.mean(2, keepdim=True), (3, 4)),
    "add_alpha": (lambda s, x: torch.add(x.relu(), x, alpha=0.5), (5,)),
    "add_alpha_constant": (lambda s, x: torch.add(s.b, x, alpha=3), (5,), {"b": parameter(5)}),
    "sub": (lambda s, x: 2 - x - x.abs(), (5,)),
    "sub_alpha": (lambda s, x: torch.sub(x, x.relu(), alpha=2).sub(s.b, alpha=0.1), (5,), {
        "b": parameter(5)}),
    "mul": (lambda s, x: 0.3 * x * s.b, (5,), {"b": parameter(5)}),
    "mul_widens": (lambda s, x: x * s.b, (1, 5), {"b": parameter(3, 5)}),
    "div": (lambda s, x: x / 3 / s.b, (5,), {"b": parameter(5)}),
    "neg": (lambda s, x: -x.relu(), (5,)),
    "abs": (lambda s, x: abs(x) + torch.abs(x - 1), (5,)),
    "silu_by_hand": (lambda s, x: x * torch.sigmoid(x), (5,)),
    "silu_reversed": (lambda s, x: x.sigmoid() * x, (5,)),
    "cat": (lambda s, x: torch.cat([x, x.relu(), -x], dim=1), IMAGE),
    "cat_last": (lambda s, x: torch.cat((x, 2 * x), -1), IMAGE),
    "cat_zeros": (lambda s, x: torch.cat([x, torch.zeros_like(x)[:, :2]], 1), IMAGE),
    "cat_made": (
        lambda s, x: torch.cat([x, torch.ones(x.size(0), 2, dtype=x.dtype)], 1), (5,)),
    "stack": (lambda s, x: torch.stack([x, x.relu()], dim=1), (3, 4)),
    "stack_last": (lambda s, x: torch.stack([x, x.relu()], dim=-1), (3, 4)),
    "chunk": (lambda s, x: sum(x.chunk(2, dim=1)), IMAGE),
    "split": (lambda s, x: torch.split(x, [1, 3], dim=1)[1], IMAGE),
    "unpack": (lambda s, x: (lambda a, b: a - b)(*torch.chunk(x, 2, 1)), IMAGE),
    "unbind": (lambda s, x: torch.maximum(*x.unbind(2)), (3, 2, 4)),
    "getitem": (lambda s, x: x[:, 1:3, ::2, -1], IMAGE),
    "getitem_ellipsis": (lambda s, x: x[..., 1:], IMAGE),
    "getitem_none": (lambda s, x: x[:, None, 2], IMAGE),
    "getitem_list": (lambda s, x: x[:, [2, 0, 0]], IMAGE),
    "getitem_buffer": (lambda s, x: x[:, s.i], IMAGE, {"i": torch.tensor([3, 1])}),
    "getitem_pairs": (lambda s, x: x[:, [2, 0], [1, 3]], IMAGE),
    "select": (lambda s, x: x.select(2, 1).narrow(1, 1, 2), IMAGE),
    "index_select": (lambda s, x: torch.index_select(x, 1, s.i), IMAGE,
        {"i": torch.tensor([3, 1])}),
    "flip": (lambda s, x: torch.flip(x, [2, 3]).roll(1, 1), IMAGE),
    "repeat": (lambda s, x: x.repeat(1, 2, 1, 3), (2, 2, 2)),
    "expand_as": (lambda s, x: x[:, :1].expand_as(x) + x.view_as(x.relu()), (3, 4)),
    "unfold": (lambda s, x: x.unfold(1, 3, 2), (7, 2)),
    "diagonal": (lambda s, x: torch.diagonal(x, dim1=1, dim2=2), (4, 4)),
    "expand": (lambda s, x: x.unsqueeze(2).expand(-1, -1, 3, -1), (2, 4)),
    "view": (lambda s, x: x.view(x.size(0), -1), IMAGE),
    "view_shape": (lambda s, x: x.view(x.shape[0], x.shape[1] * 2, -1), IMAGE),
    "view_minus": (lambda s, x: x.view(-1, 4 * 6 * 5), IMAGE),
    "reshape": (lambda s, x: x.reshape(len(x), 6, 20).relu(), IMAGE),
    "flatten": (lambda s, x: torch.flatten(x, 1), IMAGE),
    "squeeze": (lambda s, x: x.mean((2, 3), keepdim=True).squeeze(3).squeeze(-1), IMAGE),
    "unsqueeze": (lambda s, x: x.unsqueeze(1).unsqueeze(-1), (3,)),
    "permute": (lambda s, x: x.permute(0, 2, 3, 1).relu(), IMAGE),
    "transpose": (lambda s, x: torch.transpose(x, 1, -1), IMAGE),
    "movedim": (lambda s, x: x.movedim(1, -1).mT, IMAGE),
    "maximum": (lambda s, x: torch.maximum(x, 1 - x), (5,)),
    "minimum": (lambda s, x: torch.minimum(x, s.b), (2, 5), {"b": parameter(2, 1)}),
    "max_two": (lambda s, x: torch.max(x, -x), (5,)),
    "max_axis": (lambda s, x: x.max(dim=2)[0] + torch.max(x, 2).values, IMAGE),
    "min_axis": (lambda s, x: x.min(1, keepdim=True).values, IMAGE),
    "amax": (lambda s, x: x.amax((1, 3)) - x.amin(dim=(1, 3)), IMAGE),
    "numpy_words": (
        lambda s, x: torch.cat([x, -x], axis=1).mean(axis=2, keepdims=True).max(axis=1).values,
        IMAGE),
    "input_word": (
        lambda s, x: torch.flatten(input=F.relu(input=x * 1, inplace=True), start_dim=1), IMAGE),
    "mean": (lambda s, x: x.mean([2, 3]), IMAGE),
    "sum": (lambda s, x: x.sum(-1).sum(dim=1, keepdim=True), IMAGE),
    "clamp": (lambda s, x: torch.clamp(x, -0.5, 0.5) + x.clamp(min=0) + x.clip(max=1), (5,)),
    "clamp_tensors": (lambda s, x: x.clamp(s.b - 1, s.b), (5,), {"b": parameter(5)}),
    "clamp_max": (lambda s, x: x.clamp_max(0.3).clamp_min(-0.2), (5,)),
    "matmul": (lambda s, x: x @ s.w, (4,), {"w": parameter(4, 3)}),
    "matmul_left": (lambda s, x: torch.matmul(s.w, x), (4, 2), {"w": parameter(3, 4)}),
    "matmul_vector": (lambda s, x: x @ s.w, (3, 4), {"w": parameter(4)}),
    "matmul_vector_left": (lambda s, x: s.w @ x, (3, 4), {"w": parameter(3)}),
    "matmul_batched": (lambda s, x: x @ s.w, (3, 4), {"w": parameter(1, 4, 2)}),
    "addmm": (lambda s, x: torch.addmm(s.b, x, s.w.t()), (4,),
        {"w": parameter(3, 4), "b": parameter(3)}),
    "buffer": (lambda s, x: (x - s.mean) / s.running_var, (4,), {
        "mean": torch.zeros(4), "running_var": torch.zeros(4)}),
    "conversions": (lambda s, x: x.contiguous().to(x.device).to(x.dtype).clone().detach(), (3,)),
    "data": (lambda s, x: x.data.double(), (3,)),
    "loop": (lambda s, x: sum(x[:, i] * (i + 1) for i in range(x.shape[1])), (3, 2)),
    "control_on_shapes": (lambda s, x: x.relu() if x.dim() == 2 and x.shape[1] > 3 else x, (4,)),
    "constant_relu": (lambda s, x: x * torch.relu(s.b).clamp(max=1), (4,), {"b": parameter(4)}),
    "dropout_off": (lambda s, x: F.dropout(x, 0.5, training=s.training), (4,)),
    "in_place_number": (lambda s, x: x.clone().mul_(2).add_(1).relu_(), (4,)),
    "in_place_functions": (lambda s, x: F.relu(F.leaky_relu_(x * 1, 0.1), inplace=True), (4,)),
}  # fmt: skip


@pytest.mark.parametrize("case", FUNCTIONS)
def test_function(case):
    function, shape, *parts = FUNCTIONS[case]
    agree(Calls(function, **(parts[0] if parts else {})), shape)


def in_place_alias(s, x):
    y = x * 1
    z = y
    y += 3
    z.relu_()
    return y + 10 * z


def in_place_residual(s, x):
    x = x - 0.5
    out = F.relu(x, inplace=True)  # changes x: the skip is relu(x) too
    return s.fc(out) + x


def in_place_base(s, x):
    y = x * 1
    y.view(-1, 2, 2).relu_()
    return y


def test_in_place_changes_what_all_names_see():
    agree(Calls(in_place_alias), (3,))
    agree(Calls(in_place_residual, fc=nn.Linear(3, 3)), (3,))


def test_in_place_through_a_view_is_refused_when_read():
    with pytest.raises(UnsupportedOperatorError, match="through a view"):
        from_torch(Calls(in_place_base), (4,))


# --- whole modules ---------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.skip = None
        if stride != 1:
            self.skip = nn.Sequential(nn.Conv2d(channels, out, 1, stride), nn.BatchNorm2d(out))

    def forward(self, x):
        identity = x if self.skip is None else self.skip(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 3, 3, padding=1)
        self.layers = nn.ModuleList([Block(3, 3), Block(3, 4, 2)])
        self.fc = nn.Linear(4, 2)

    def forward(self, x, scale=1.0):
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, 1)
        for layer in self.layers:
            x = layer(x)
        return F.log_softmax(self.fc(x.mean((2, 3))) * scale, dim=-1)


def test_residual_network():
    net = agree(ResNet(), (1, 8, 8))
    assert net.output_operator == "LogSoftmax"
    names = [op.name for op in net.operators]
    assert {"stem", "relu", "layers.0.conv1", "layers.0.relu", "layers.0.relu_1"} <= set(names)
    assert "layers.0.add" in names
    assert len(set(names)) == len(names)
    assert str(net.unit_name(0)) == "relu[0, 0, 0]"
    assert net.rounded_scales > 0


def test_shared_modules():
    layer = nn.Linear(3, 3)
    net = agree(nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU()), (3,))
    assert [op.name for op in net.operators] == ["0", "1", "0_1", "3"]

    def tied(s, x):
        return s.fc(F.relu(s.fc(x)))

    net = agree(Calls(tied, fc=nn.Linear(3, 3)), (3,))
    assert [op.name for op in net.operators] == ["fc", "relu", "fc_1"]


def test_module_is_not_changed():
    module = ResNet().train()
    module.layers[0].eval()
    module.cache = "mine"
    before = copy.deepcopy(module.state_dict())
    flags = [m.training for m in module.modules()]
    attributes = {name: set(vars(m)) for name, m in module.named_modules()}
    from_torch(module, (1, 8, 8))
    assert [m.training for m in module.modules()] == flags
    assert {name: set(vars(m)) for name, m in module.named_modules()} == attributes
    after = module.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert all(p.requires_grad and p.grad is None for p in module.parameters())


def test_module_that_keeps_its_values_is_not_changed():
    def keeps(s, x):
        s.count += 1
        s.last = x
        return x + s.count

    module = Calls(keeps, count=torch.zeros(1))
    with pytest.raises(UnsupportedOperatorError, match="in place"):
        from_torch(module, (3,))
    assert module.count.item() == 0
    assert not hasattr(module, "last")


def test_training_mode_is_eval_mode():
    module = randomised(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.9)))
    module.train()
    net = from_torch(module, (3,))
    x = torch.randn(4, 3).double()
    with torch.no_grad():
        expected = module.eval()(x)
    np.testing.assert_allclose(net.forward(x.numpy()), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_parameters_are_exactly_what_is_stored(dtype):
    module = nn.Linear(3, 2).to(dtype)
    (dense,) = from_torch(module, (3,)).operators
    assert dense.weight.dtype == np.float64
    assert np.array_equal(dense.weight, module.weight.detach().to(torch.float64).numpy())


def test_numbers_are_exact():
    net = from_torch(Calls(lambda s, x: F.leaky_relu(x * 0.1, 0.01) / 3), (1,))
    assert net.operators[0].scale[()] == 0.1
    assert net.operators[1].slope == Fraction(0.01) != Fraction(1, 100)
    assert net.operators[2].scale[()] == Fraction(1, 3)
    assert from_torch(nn.Hardsigmoid(), (1,)).operators[0].alpha == Fraction(1, 6)
    assert from_torch(nn.BatchNorm1d(1), (1,)).operators[0].epsilon == Fraction(1e-5)


def test_products_of_parameters_are_exact():
    parts = {"a": parameter(2), "b": parameter(2), "c": parameter(2)}
    module = Calls(lambda s, x: x * (s.a * s.b - s.c), **parts)
    a, b, c = (p.detach() for p in (module.a, module.b, module.c))
    a[:], b[:], c[:] = torch.tensor([0.1, 3]), torch.tensor([0.7, 1 / 3]), torch.tensor([0.3, 5])
    (op,) = from_torch(module, (2,)).operators
    for i in range(2):
        exact = Fraction(a[i].item()) * Fraction(b[i].item()) - Fraction(c[i].item())
        assert Fraction(op.scale[i]) == exact


def test_circular_convolution_is_one_operator():
    net = from_torch(nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), (1, 4, 4))
    assert [op.kind for op in net.operators] == ["Conv"]
    assert net.operators[0].padding_mode == "circular"


def test_movements_are_written_plainly():
    def kinds(function, shape):
        return [op.kind for op in from_torch(Calls(function), shape).operators]

    assert kinds(lambda s, x: x[:, 1:].relu(), (3, 4)) == ["Select", "ReLU"]
    assert kinds(lambda s, x: x.permute(0, 3, 1, 2).relu(), (2, 3, 4)) == ["Transpose", "ReLU"]
    assert kinds(lambda s, x: x.view(-1, 24).relu(), (2, 3, 4)) == ["Flatten", "ReLU"]
    assert kinds(lambda s, x: x.expand(-1, 3, 4).relu(), (1, 4)) == ["Select", "ReLU"]


def test_exact_forward_and_regions():
    from exactspline import count_regions

    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2), nn.Softmax(dim=1))
    net = from_torch(module, (2,))
    exact = net.forward([Fraction(1, 3), Fraction(-2, 7)])
    assert all(isinstance(v, Fraction) for v in exact)
    assert net.output_operator == "Softmax"
    assert count_regions(net) == 7


# --- refusals --------------------------------------------------------------------------------


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.jit.script(nn.Sequential(nn.Linear(3, 3)))

    def forward(self, x):
        return self.inner(x)


def hooked():
    module = nn.Sequential(nn.Linear(3, 3))
    module[0].register_forward_hook(lambda m, inputs, out: out * 2)
    return module


UNSUPPORTED = {
    "lstm": (nn.Sequential(nn.LSTM(3, 3)), (2, 3), "LSTM"),
    "layer_norm": (nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)), (3,), "'1'.*LayerNorm"),
    "group_norm": (nn.GroupNorm(1, 3), (3, 2), "GroupNorm"),
    "attention": (nn.MultiheadAttention(4, 2), (4, 4), "take one tensor|MultiheadAttention"),
    "transformer": (nn.TransformerEncoderLayer(4, 2), (4, 4), "TransformerEncoderLayer"),
    "upsample": (nn.Sequential(nn.Upsample(scale_factor=2)), (1, 2, 2), "Upsample"),
    "bilinear": (nn.Bilinear(2, 2, 2), (2,), "take one tensor"),
    "hardswish": (nn.Sequential(nn.Hardswish()), (3,), "hardswish.*'0'.*Hardswish"),
    "mish": (nn.Mish(), (3,), "mish"),
    "softsign": (nn.Softsign(), (3,), "softsign"),
    "glu": (nn.GLU(), (4,), "glu"),
    "hardshrink": (nn.Hardshrink(0.5), (3,), "jumps at -1/2 by 1/2"),
    "threshold": (nn.Threshold(0.0, 1.0), (3,), "jumps at 0"),
    "softplus": (nn.Softplus(threshold=2), (3,), "threshold"),
    "quantized": (
        torch.ao.nn.quantized.dynamic.Linear(3, 3), (3,), "Linear is not supported"),
    "parallel": (nn.DataParallel(nn.Linear(3, 3)), (3,), "DataParallel"),
    "embedding": (nn.Embedding(3, 3), (3,), "Embedding"),
    "no_statistics": (nn.BatchNorm1d(3, track_running_stats=False),
        (3,), "statistics of the batch"),
    "hook": (hooked(), (3,), "'0'.*hooks"),
    "weight_norm": (
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))), (3,),
        "parametrized"),
    "script": (torch.jit.script(nn.Linear(3, 3)), (3,), "TorchScript"),
    "script_inside": (Scripted(), (3,), "inner"),
    "function": (torch.relu, (3,), "torch.nn.Module is needed"),
    "F.interpolate": (Calls(lambda s, x: F.interpolate(x, scale_factor=2)),
        (1, 2, 2), "interpolate"),
    "product": (Calls(lambda s, x: x * x.relu()), (3,), "'mul'.*piecewise affine"),
    "quotient": (Calls(lambda s, x: x / x.abs()), (3,), "truediv.*depends on the network's input"),
    "matrix_product": (Calls(lambda s, x: x @ x.mT), (3, 3), "matmul"),
    "weight_depends": (Calls(lambda s, x: F.linear(x, x)), (3,), "linear"),
    "square": (Calls(lambda s, x: x**2), (3,), "pow"),
    "exp": (Calls(lambda s, x: x.exp()), (3,), "method exp"),
    "constant_exp": (Calls(lambda s, x: x * s.w.exp(), w=parameter(3)),
        (3,), "keep it as a buffer"),
    "constant_sigmoid": (
        Calls(lambda s, x: x * torch.sigmoid(s.w), w=parameter(3)), (3,), "no exact value"),
    "where": (Calls(lambda s, x: torch.where(x.isfinite(), x, -x)), (3,), "isfinite"),
    "comparison": (Calls(lambda s, x: (x > 0) * 1.0), (3,), "'gt'"),
    "control": (Calls(lambda s, x: x if x.sum(1) else -x), (3,), "control flow"),
    "control_comparison": (Calls(lambda s, x: x if x.sum(1) > 0 else -x), (3,), "compares"),
    "item": (Calls(lambda s, x: x * x.sum(1).item()), (3,), "control flow"),
    "float": (Calls(lambda s, x: x * float(x.sum(1))), (3,), "control flow"),
    "numpy": (Calls(lambda s, x: x.numpy()), (3,), "control flow"),
    "argmax": (Calls(lambda s, x: x.argmax(1)), (3,), "argmax"),
    "indices": (Calls(lambda s, x: x.max(1).indices), (3,), "indices"),
    "floor": (Calls(lambda s, x: x.floor()), (3,), "floor"),
    "to_integers": (Calls(lambda s, x: x.to(torch.int64)), (3,), "rounds"),
    "assignment": (Calls(lambda s, x: x.__setitem__((0, 0), 1.0)), (3,), "setitem"),
    "bits": (Calls(lambda s, x: x.view(torch.int64)), (3,), "reads the bits"),
    "index_depends": (Calls(lambda s, x: s.w[x], w=parameter(3)), (3,), "depends on the input"),
    "unfold_pads": (Calls(lambda s, x: F.unfold(x, 2, padding=1)), (1, 3, 3), "functional.unfold"),
    "dropout_always_on": (Calls(lambda s, x: F.dropout(x)), (3,), "eval mode"),
    "batch_sum": (Calls(lambda s, x: x.sum()), (3,), "batch axis"),
    "batch_mean": (Calls(lambda s, x: x.mean(0)), (3,), "batch axis"),
    "batch_permuted": (Calls(lambda s, x: x.permute(1, 0)), (3,), "batch"),
    "batch_folded": (Calls(lambda s, x: x.view(-1)), (3,), "batch"),
    "batch_joined": (Calls(lambda s, x: torch.cat([x, x])), (3,), "batch axis"),
    "batch_softmax": (nn.Softmax(dim=0), (3,), "batch axis"),
    "two_outputs": (Calls(lambda s, x: (x, -x)), (3,), "returns a tuple"),
    "no_output": (Calls(lambda s, x: None), (3,), "returns nothing"),
    "constant_output": (Calls(lambda s, x: s.w, w=parameter(3)), (3,), "depends on its input"),
    "two_inputs": (nn.PairwiseDistance(), (3,), "take one tensor"),
    "own_error": (Calls(lambda s, x: x.shape[7]), (3,), "IndexError"),
    "unknown_method": (Calls(lambda s, x: x.frobnicate()), (3,), "frobnicate"),
    "out": (Calls(lambda s, x: torch.relu(x, out=x)), (3,), "'out'"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported(case):
    module, shape, text = UNSUPPORTED[case]
    with pytest.raises(UnsupportedOperatorError, match=f"^from_torch: (.*)({text})"):
        from_torch(module, shape)


def test_message_names_node_function_and_module():
    module = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.Mish()))
    with pytest.raises(UnsupportedOperatorError) as caught:
        from_torch(module, (3,))
    assert "node 'mish'" in str(caught.value)
    assert "torch.nn.functional.mish" in str(caught.value)
    assert "module '0.1' (Mish)" in str(caught.value)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Linear(4, 3), (3,)),
        (nn.Conv2d(3, 3, 3), (2, 5, 5)),
        (nn.Conv2d(3, 3, 3), (3, 5)),
        (nn.Conv2d(3, 3, 7), (3, 5, 5)),
        (nn.MaxPool2d(7), (3, 5, 5)),
        (nn.BatchNorm1d(3), (4,)),
        (nn.Unflatten(1, (2, 2)), (6,)),
        (Calls(lambda s, x: x.view(1, 7)), (6,)),
        (Calls(lambda s, x: x + s.w, w=parameter(2, 3)), (3,)),
        (Calls(lambda s, x: x + s.w, w=parameter(5)), (3,)),
        (Calls(lambda s, x: x[:, 5]), (3,)),
        (nn.Linear(3, 3), (0,)),
        (nn.Linear(3, 3), "ab"),
    ],
)
def test_shapes_that_do_not_fit(module, shape):
    with pytest.raises(ShapeError, match=r"^from_torch: "):
        from_torch(module, shape)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_parameters_that_are_not_finite(value):
    module = nn.Linear(2, 2)
    module.weight.detach()[0, 1] = value
    with pytest.raises(ParameterError, match="weight"):
        from_torch(module, (2,))


def test_parameters_without_values():
    with pytest.raises(FormatError, match="meta"):
        from_torch(nn.Linear(2, 2, device="meta"), (2,))
    with pytest.raises(ExactSplineError, match=r"lazy|Lazy"):
        from_torch(nn.LazyLinear(2), (2,))


# --- state dict files ------------------------------------------------------------------------


def saved(value, path, **options):
    torch.save(value, path, **options)
    return path


def test_weights_from_a_file(tmp_path):
    module, other = randomised(ResNet(), 1), randomised(ResNet(), 2)
    path = saved(module.state_dict(), tmp_path / "net.pt")
    before = copy.deepcopy(other.state_dict())
    net = from_torch(other, (1, 8, 8), weights=path)
    assert all(torch.equal(before[k], v) for k, v in other.state_dict().items())
    x = torch.randn(3, 1, 8, 8).double()
    with torch.no_grad():
        expected = module(x).numpy()
    np.testing.assert_allclose(net.forward(x.numpy(), output_operator=True), expected, rtol=1e-10)


def test_weights_are_not_rounded_to_the_modules_type(tmp_path):
    stored = nn.Linear(2, 2).double()
    path = saved(stored.state_dict(), tmp_path / "net.pt")
    (dense,) = from_torch(nn.Linear(2, 2), (2,), weights=path).operators
    assert np.array_equal(dense.weight, stored.weight.detach().numpy())


def tampered(path, change):
    """The file with its pickle changed."""
    members = zipfile.ZipFile(path)
    parts = {i.filename: members.read(i) for i in members.infolist()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(name, change(data) if name.endswith("data.pkl") else data)
    path.write_bytes(stream.getvalue())
    return path


class Evil:
    def __reduce__(self):
        return (open, ("/tmp/exactspline-evil", "w"))


def test_weights_refusals(tmp_path):
    module, path = nn.Linear(40, 2), tmp_path / "net.pt"
    state = module.state_dict()
    good = saved(state, path).read_bytes()
    assert from_torch(module, (40,), weights=path).parameters == 82

    def refused(text):
        with pytest.raises(FormatError, match=text):
            from_torch(module, (40,), weights=path)

    saved({"weight": torch.zeros(2, 41), "bias": torch.zeros(2)}, path)
    refused("does not fit")
    saved({"weight": torch.zeros(2, 40)}, path)
    refused("bias")
    saved({"state_dict": state, "epoch": 3}, path)
    refused("dictionary of tensors")
    saved([1, 2], path)
    refused("dictionary of tensors")
    saved(module, path)
    refused("weights_only")
    saved({"weight": Evil()}, path)
    refused("weights_only")
    saved(state, path, _use_new_zipfile_serialization=False)
    refused("zip")
    for end in (0, 1, 100, len(good) // 2, len(good) - 10):
        path.write_bytes(good[:end])
        refused("net.pt")
    path.write_bytes(good)
    tampered(path, lambda data: data.replace(b"K\x50t", b"J\x00\x00\x00\x7ft", 1))
    refused("bytes")
    refused_missing = tmp_path / "nothing.pt"
    with pytest.raises(FormatError, match="cannot be read"):
        from_torch(module, (40,), weights=refused_missing)


def test_random_damage_to_a_state_dict(tmp_path):
    module, path = nn.Linear(3, 2), tmp_path / "net.pt"
    good = saved(module.state_dict(), path).read_bytes()
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(150):
        data = bytearray(good)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] = rng.integers(0, 256)
        path.write_bytes(bytes(data))
        try:
            outcomes.add(type(from_torch(module, (3,), weights=path)))
        except ExactSplineError as error:
            outcomes.add(type(error))
    assert Network in outcomes
    assert FormatError in outcomes


def test_load_points_to_from_torch():
    with pytest.raises(FormatError, match="from_torch"):
        formats.load("net.pt")


def test_not_installed(monkeypatch):
    """Without the package there is one clear error, not an ImportError."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(FormatError, match=r"exactspline\[torch\]"):
        from_torch(object(), (2,))
