"""Random sequences of PyTorch's functions: the network's values are torch's, or it is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from marks import slow
from torch.nn import functional
from torch_modules import Calls

from exactspline import from_torch
from exactspline.errors import UnsupportedOperatorError


def numbers(rng, *shape):
    return torch.from_numpy(rng.integers(-4, 5, shape) / 2.0)


def assigned(y, axis):
    z = y.clone()
    z.select(axis, 0).mul_(2).add_(1)
    return z


def rectified(y):
    z = y.clone()
    z[y < 0] = 0
    return z


STEPS = [  # functions of a random generator, a tensor, an axis, another one
    lambda r, y, a, b: y.transpose(a, b),
    lambda r, y, a, b: y.permute(*r.permutation(y.dim()).tolist()),
    lambda r, y, a, b: y.flip(a).roll(1, b),
    lambda r, y, a, b: y.narrow(a, 0, max(1, y.shape[a] - 1)),
    lambda r, y, a, b: y.unsqueeze(a),
    lambda r, y, a, b: y.squeeze(),
    lambda r, y, a, b: y.flatten(min(a, b), max(a, b)),
    lambda r, y, a, b: y.reshape(-1, y.shape[-1]),
    lambda r, y, a, b: y.unfold(a, min(2, y.shape[a]), 1),
    lambda r, y, a, b: y.index_select(a, torch.from_numpy(r.integers(0, y.shape[a], 3))),
    lambda r, y, a, b: y.repeat_interleave(2, a).chunk(2, b)[0],
    lambda r, y, a, b: y.tril() if y.dim() > 1 else y,
    lambda r, y, a, b: functional.pad(y, (1, 2), value=0.5),
    lambda r, y, a, b: torch.cat([y, -y], a),
    lambda r, y, a, b: torch.stack([y, y.abs()], a),
    lambda r, y, a, b: y.masked_fill(torch.from_numpy(r.random(y.shape[-1:]) < 0.5), 1.5),
    lambda r, y, a, b: torch.zeros_like(y).scatter_add(
        a, torch.from_numpy(r.integers(0, y.shape[a], tuple(y.shape))), y
    ),
    lambda r, y, a, b: assigned(y, a),
    lambda r, y, a, b: y.cumsum(a),
    lambda r, y, a, b: y.sum(a, keepdim=bool(r.random() < 0.5)),
    lambda r, y, a, b: y.mean(a, keepdim=True) - y,
    lambda r, y, a, b: y + numbers(r, *y.shape[-2:]),
    lambda r, y, a, b: y * numbers(r, *y.shape[-1:]),
    lambda r, y, a, b: y @ numbers(r, y.shape[-1], 2),
    lambda r, y, a, b: numbers(r, 2, y.shape[-2]) @ y if y.dim() > 1 else y,
    lambda r, y, a, b: torch.einsum("...j,kj->...k", y, numbers(r, 2, y.shape[-1])),
    lambda r, y, a, b: y.relu(),
    lambda r, y, a, b: y.clamp(-1, 1),
    lambda r, y, a, b: y.amax(a, keepdim=True),
    lambda r, y, a, b: torch.maximum(y, y.flip(a)),
    lambda r, y, a, b: y.sort(a)[0] if y.shape[a] < 5 else y,
    lambda r, y, a, b: torch.where(y > 0, y, 0.5 * y),
    lambda r, y, a, b: rectified(y),
]


def sequence(seed, length):
    """A function of one tensor, the same one every time."""

    def function(module, x):
        rng = np.random.default_rng(seed)
        y = x
        for _ in range(length):
            a, b = rng.integers(0, y.dim(), 2).tolist()
            z = STEPS[rng.integers(len(STEPS))](rng, y, a, b)
            if 0 < z.numel() <= 400 and 0 < z.dim() <= 6:
                y = z
        return y if y.shape[0] == 1 else y.unsqueeze(0)

    return function


@pytest.mark.parametrize("block", slow(range(6)))
def test_random_sequences(block):
    rng = np.random.default_rng(block)
    same, refused = 0, 0
    for _ in range(30):
        function = sequence(int(rng.integers(1 << 30)), int(rng.integers(1, 9)))
        shape = tuple(rng.integers(1, 4, rng.integers(1, 4)).tolist())
        module = Calls(function, kind=torch.zeros(1, dtype=torch.float64))
        x = torch.from_numpy(rng.integers(-12, 13, (4, *shape)) / 4.0)
        with torch.no_grad():
            want = np.concatenate([module(x[i : i + 1].clone()).numpy() for i in range(4)])
        try:
            net = from_torch(module, shape)
        except UnsupportedOperatorError as error:
            assert "batch axis" in str(error)  # noqa: PT017 (all else is read)
            refused += 1
            continue
        got = net.forward(x.numpy())
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, atol=1e-9)
        same += 1
    assert same > refused
