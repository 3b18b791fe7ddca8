"""Whole PyTorch modules: names, exact numbers, and that the module stays as it is."""

from __future__ import annotations

import copy
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import nn
from torch_modules import Calls, agree, parameter, randomised
from torch_nets import ResNet
from vision_models import MODELS

from exactspline import from_torch
from exactspline.errors import FormatError, UnsupportedOperatorError


@pytest.mark.slow
def test_residual_network():
    net = agree(ResNet(), (1, 8, 8))
    assert net.output_operator == "LogSoftmax"
    names = [op.name for op in net.operators]
    assert {"stem", "relu", "layers.0.conv1", "layers.0.relu", "layers.0.relu_1"} <= set(names)
    assert "layers.0.add" in names
    assert len(set(names)) == len(names)
    assert str(net.unit_name(0)) == "relu[0, 0, 0]"
    assert net.rounded_scales > 0


@pytest.mark.parametrize("name", MODELS)
def test_models_for_images(name):
    make, shape = MODELS[name]
    agree(make(), shape, samples=2)


def test_shared_modules():
    layer = nn.Linear(3, 3)
    net = agree(nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU()), (3,))
    assert [op.name for op in net.operators] == ["0", "1", "2", "3"]

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


def test_what_moves_or_chooses_exact_numbers_keeps_them():
    mask = torch.tensor([True, False])

    def computes(s, x):
        third = (s.a / 3).clone().detach().view(1, 2).flip(1)[0]
        chosen = torch.where(s.mask, third, 1 / s.a).masked_fill(~s.mask, 0.1)
        return x * torch.cat([chosen[:1], -third[1:]]).contiguous()

    module = Calls(computes, a=parameter(2), mask=mask)
    module.a.detach()[:] = torch.tensor([0.7, 0.1])
    (op,) = from_torch(module, (2,)).operators
    a = [Fraction(v) for v in module.a.tolist()]
    assert [Fraction(v) for v in op.scale] == [a[1] / 3, -a[0] / 3]


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


def test_not_installed(monkeypatch):
    """Without the package there is one clear error, not an ImportError."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(FormatError, match=r"exactspline\[torch\]"):
        from_torch(object(), (2,))
