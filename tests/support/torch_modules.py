"""PyTorch modules for tests: with any parameters, of any function, compared with their network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from exactspline import from_torch

__all__ = ["Calls", "agree", "parameter", "randomised"]


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
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


class Calls(nn.Module):
    """A module whose forward is any function of itself and its input."""

    def __init__(self, function: Callable[[Any, torch.Tensor], Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


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


def parameter(*shape):
    return nn.Parameter(torch.zeros(shape))
