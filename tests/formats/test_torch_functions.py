"""Functions, methods and operators of PyTorch in their spellings, and changes in place."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import nn
from torch_modules import Calls, agree, parameter

from exactspline import from_torch
from exactspline.errors import UnsupportedOperatorError

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
    "to_double": (lambda s, x: x.double(), (3,)),
    "loop": (lambda s, x: sum(x[:, i] * (i + 1) for i in range(x.shape[1])), (3, 2)),
    "control_on_shapes": (lambda s, x: x.relu() if x.dim() == 2 and x.shape[1] > 3 else x, (4,)),
    "constant_relu": (lambda s, x: x * torch.relu(s.b).clamp(max=1), (4,), {"b": parameter(4)}),
    "dropout_off": (lambda s, x: F.dropout(x, 0.5, training=s.training), (4,)),
    "stack_in_front": (lambda s, x: torch.stack([x, -x.relu(), 1 - x]).amax(0), (3, 2)),
    "stack_in_front_negative": (
        lambda s, x: torch.stack([x, x.relu()], -3).transpose(0, 1).flatten(1), (4,)),
    "power_one": (lambda s, x: x**1 + x.relu() ** 1.0, (4,)),
    "power_zero": (lambda s, x: x + x**0 + (x - x) ** 0.0, (4,)),
    "powers": (lambda s, x: torch.pow(x, s.p), (4,), {"p": torch.tensor([0, 1, 1, 0])}),
    "power_of_a_choice": (lambda s, x: torch.where(x > 0, x, 0.5 * x) ** 1, (4,)),
    "not_a_number": (
        lambda s, x: torch.where(x.isnan() | x.isinf(), 7.0, x) + x.isfinite().to(x.dtype), (4,)),
    "nan_to_num": (lambda s, x: x.nan_to_num(1.0, 2.0, 3.0), (4,)),
    "mask_of_nan": (lambda s, x: x.masked_fill(torch.isnan(x), 0.0) * (~x.isinf()), (4,)),
    "log_of_sigmoid": (lambda s, x: torch.log(torch.sigmoid(x)), (4,)),
    "log_of_softmax": (lambda s, x: x.softmax(1).log(), (4,)),
    "hardswish_by_hand": (lambda s, x: x * F.relu6(x + 3) / 6, (4,)),
    "hardswish_divided": (lambda s, x: x * (F.relu6(x + 3) / 6), (4,)),
    "hardswish_scaled": (lambda s, x: (x / 6) * torch.clamp(3 + x, 0, 6), (4,)),
    "hardswish_twice": (lambda s, x: (x @ s.w) * F.hardsigmoid(x @ s.w), (4,),
        {"w": parameter(4, 4)}),
    "silu_scaled": (lambda s, x: (2 * x) * torch.sigmoid(x) * 0.5, (4,)),
    "in_place_number": (lambda s, x: x.clone().mul_(2).add_(1).relu_(), (4,)),
    "in_place_functions": (lambda s, x: F.relu(F.leaky_relu_(x * 1, 0.1), inplace=True), (4,)),
}  # fmt: skip


@pytest.mark.parametrize("case", FUNCTIONS)
def test_function(case):
    function, shape, *parts = FUNCTIONS[case]
    agree(Calls(function, **(parts[0] if parts else {})), shape)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda s, x: torch.log(x), "not piecewise affine"),
        (lambda s, x: torch.log(torch.tanh(x)), "not piecewise affine"),
        (lambda s, x: x**2, "takes a power"),
        (lambda s, x: x ** torch.tensor([0.0, 1.0, 2.0, 1.0]), "takes a power"),
        (lambda s, x: 2**x, "takes a power"),
        (lambda s, x: x * torch.sigmoid(2 * x), "multiplies two values"),
        (lambda s, x: x * F.relu6(x + 2), "multiplies two values"),
        (lambda s, x: x * F.hardsigmoid(x - 1), "multiplies two values"),
        (lambda s, x: torch.where(x.isnan() | (x > 1), 0.0, x), "jumps"),
    ],
)
def test_what_is_near_and_refused(function, text):
    with pytest.raises(UnsupportedOperatorError, match=text):
        from_torch(Calls(function), (4,))


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


def in_place_slices(s, x):
    y = s.fc(x)
    halves = y.chunk(2, dim=1)
    halves[0].clamp_(min=0)
    halves[1].mul_(2).add_(y[:, :2])
    return y


@pytest.mark.slow
def test_in_place_through_a_view():
    agree(Calls(in_place_base), (4,))
    agree(Calls(in_place_slices, fc=nn.Linear(3, 4)), (3,))


def test_in_place_on_the_input():
    net = agree(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 2)), (3,))
    assert [op.kind for op in net.operators] == ["ReLU", "Dense"]


def test_a_choice_that_is_read_twice_is_one_unit():
    def twice(s, x):
        y = torch.where(x > 0, x, 0.1 * x)
        return y.sum(1, keepdim=True) + s.fc(y) - y

    net = agree(Calls(twice, fc=nn.Linear(3, 3)), (3,))
    assert net.units == 3
