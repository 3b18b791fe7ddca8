"""What PyTorch modules are refused for: the message says what, where, and what to do."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import nn
from torch_modules import Calls, parameter

from exactspline import from_torch, load
from exactspline.errors import (
    ExactSplineError,
    FormatError,
    LimitError,
    ParameterError,
    ShapeError,
    UnsupportedOperatorError,
)


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.jit.script(nn.Sequential(nn.Linear(3, 3)))

    def forward(self, x):
        return self.inner(x)


UNSUPPORTED = {
    "lstm": (nn.Sequential(nn.LSTM(3, 3)), (2, 3), "LSTM"),
    "layer_norm": (nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)), (3,), "'1'.*LayerNorm"),
    "group_norm": (nn.GroupNorm(1, 3), (3, 2), "group_norm.*deviation"),
    "attention": (nn.MultiheadAttention(4, 2), (4, 4), "take one tensor|MultiheadAttention"),
    "transformer": (nn.TransformerEncoderLayer(4, 2), (4, 4), "MultiheadAttention.*multiplies"),
    "bilinear": (nn.Bilinear(2, 2, 2), (2,), "take one tensor"),
    "mish": (nn.Mish(), (3,), "mish"),
    "divisor depends": (nn.Softsign(), (3,), "divisor depends"),
    "glu": (nn.GLU(), (4,), "glu"),
    "hardshrink": (nn.Hardshrink(0.5), (3,), "jumps at -1/2 by 1/2"),
    "threshold": (nn.Threshold(0.0, 1.0), (3,), "jumps at 0"),
    "softplus": (nn.Softplus(threshold=2), (3,), "threshold"),
    "quantized": (
        torch.ao.nn.quantized.dynamic.Linear(3, 3), (3,), "quantized: it rounds"),
    "embedding": (nn.Embedding(3, 3), (3,), "indices.*Long"),
    "no_statistics": (nn.BatchNorm1d(3, track_running_stats=False),
        (3,), "statistics of the batch"),
    "script": (torch.jit.script(nn.Linear(3, 3)), (3,), "TorchScript"),
    "script_inside": (Scripted(), (3,), "inner"),
    "function": (torch.relu, (3,), "torch.nn.Module or a program"),
    "product": (Calls(lambda s, x: x * x.relu()), (3,), "'mul'.*piecewise affine"),
    "quotient": (Calls(lambda s, x: x / x.abs()), (3,), "div.*depends on the network's input"),
    "matrix_product": (Calls(lambda s, x: x @ x.mT), (3, 3), "matmul"),
    "weight_depends": (Calls(lambda s, x: F.linear(x, x)), (3,), "linear"),
    "square": (Calls(lambda s, x: x**2), (3,), "pow"),
    "exp": (Calls(lambda s, x: x.exp()), (3,), "aten.exp.*not piecewise affine"),
    "comparison": (Calls(lambda s, x: (x > 0) * 1.0), (3,), "jumps where .* is 0: 0 left"),
    "control": (Calls(lambda s, x: x if x.sum(1) else -x), (3,), "control flow"),
    "control_comparison": (Calls(lambda s, x: x if x.sum(1) > 0 else -x), (3,), "control flow"),
    "item": (Calls(lambda s, x: x * x.sum(1).item()), (3,), "control flow"),
    "float": (Calls(lambda s, x: x * float(x.sum(1))), (3,), "control flow"),
    "numpy": (Calls(lambda s, x: x.numpy()), (3,), "control flow"),
    "argmax": (Calls(lambda s, x: x.argmax(1)), (3,), "argmax"),
    "places of maxima": (Calls(lambda s, x: x.max(1).indices), (3,), "places of maxima"),
    "floor": (Calls(lambda s, x: x.floor()), (3,), "floor"),
    "to_integers": (Calls(lambda s, x: x.to(torch.int64)), (3,), "rounds"),
    "assignment": (Calls(lambda s, x: x.__setitem__((0, 0), 1.0)), (3,), "returns nothing"),
    "bits": (Calls(lambda s, x: x.view(torch.int64)), (3,), "view Float as Long"),
    "index_depends": (Calls(lambda s, x: s.w[x], w=parameter(3)), (3,), "tensors used as indices"),
    "dropout_always_on": (Calls(lambda s, x: F.dropout(x)), (3,), "eval mode"),
    "batch_sum": (Calls(lambda s, x: x.sum()), (3,), "batch axis"),
    "batch_mean": (Calls(lambda s, x: x.mean(0)), (3,), "batch axis"),
    "batch_permuted": (Calls(lambda s, x: x.permute(1, 0)), (3,), "batch"),
    "batch_folded": (Calls(lambda s, x: x.view(-1)), (3,), "batch"),
    "batch_joined": (Calls(lambda s, x: torch.cat([x, x])), (3,), "batch axis"),
    "batch_softmax": (nn.Softmax(dim=0), (3,), "batch axis"),
    "no_output": (Calls(lambda s, x: None), (3,), "returns nothing"),
    "two_inputs": (nn.PairwiseDistance(), (3,), "take one tensor"),
    "own_error": (Calls(lambda s, x: x.shape[7]), (3,), "IndexError"),
    "unknown_method": (Calls(lambda s, x: x.frobnicate()), (3,), "frobnicate"),
    "data": (Calls(lambda s, x: x.data.double()), (3,), "x.detach"),
    "random": (Calls(lambda s, x: x + torch.rand(3)), (3,), "is random"),
    "where": (Calls(lambda s, x: torch.where(x > 1, x, 2 * x)), (3,), "jumps where .* 1: 2 left"),
    "where_of_others": (Calls(lambda s, x: torch.where(x[:, :1] > 0, x, -x)), (3,),
        "differ where the condition changes"),
    "equality": (Calls(lambda s, x: torch.where(x != 0, x, x + 1)), (3,), "jumps where .* 0: 0 le"),
    "mask_of_a_comparison": (Calls(lambda s, x: (x > 0).view(1, 3) * x), (3,), "jumps where"),
    "masked": (Calls(lambda s, x: x.masked_fill(x < 0, -1.0)), (3,), "jumps where .* 0: -1 left"),
    "state_dict": (nn.Linear(2, 2).state_dict(), (2,), "weights=path"),
    "scatter_reduce": (
        Calls(lambda s, x: torch.zeros(1, 2).scatter(1, torch.tensor([[0, 0]]), x, reduce="add")),
        (2,), "computes with the entries"),
    "sorted": (Calls(lambda s, x: x.sort(1)[0]), (300,), "up to 256 are sorted"),
    "random_like": (Calls(lambda s, x: x + torch.randn_like(x)), (3,), "is random"),
    "norm": (Calls(lambda s, x: x.norm(dim=1)), (3,), "norm with p = 2"),
    "power_pooling": (nn.LPPool1d(2, 2), (1, 4), "power"),
    "cond": (
        Calls(lambda s, x: torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: -y, (x,))), (3,),
        "control flow"),
    "lstm_cell": (nn.Sequential(nn.Unflatten(1, (2, 2)), nn.LSTM(2, 2, batch_first=True)), (4,),
        "LSTM.*multiplies"),
    "out": (Calls(lambda s, x: torch.relu(x, out=x)), (3,), "'out'"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported(case):
    module, shape, text = UNSUPPORTED[case]
    with pytest.raises((UnsupportedOperatorError, LimitError), match=f"^from_torch: (.*)({text})"):
        from_torch(module, shape)


def test_message_names_node_function_and_module():
    module = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.Mish()))
    with pytest.raises(UnsupportedOperatorError) as caught:
        from_torch(module, (3,))
    assert "node 'mish'" in str(caught.value)
    assert "aten.mish" in str(caught.value)
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


@pytest.mark.filterwarnings("ignore")
def test_the_way_out_of_torchscript(tmp_path):
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    scripted = torch.jit.script(module)
    with pytest.raises(UnsupportedOperatorError, match=r"torch\.onnx\.export.*dynamo=False"):
        from_torch(scripted, (3,))
    path = str(tmp_path / "net.onnx")
    torch.onnx.export(scripted, (torch.zeros(1, 3),), path, dynamo=False)
    assert load(path).parameters == from_torch(module, (3,)).parameters == 26


def test_the_line_of_the_users_file_is_named():
    def chooses(s, x):
        return x if x.sum() > 0 else -x

    with pytest.raises(UnsupportedOperatorError) as caught:
        from_torch(Calls(chooses), (3,))
    assert "test_torch_refusals.py line" in str(caught.value)
    assert "`return x if x.sum() > 0 else -x`" in str(caught.value)
    with pytest.raises(UnsupportedOperatorError, match=r"torch_modules.py line \d+"):
        from_torch(Calls(lambda s, x: x.exp()), (3,))


def test_nothing_is_written_beside_the_error(capfd):
    with pytest.raises(UnsupportedOperatorError):
        from_torch(Calls(lambda s, x: x if x.sum() > 0 else -x), (3,))
    with pytest.raises(ShapeError):
        from_torch(nn.Linear(4, 3), (3,))
    assert capfd.readouterr() == ("", "")
