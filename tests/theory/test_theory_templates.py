"""Templates of an input and the penalty that makes templates orthogonal."""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np
import pytest
import torch
from theory_nets import WITH_FORWARD, exact, toy, two_layers
from torch import nn

import exactspline as es
from exactspline import theory


def test_templates_are_what_the_network_matches():
    for net, _, context in toy(30, kinds=WITH_FORWARD, seed="templates", skip=False):
        x = exact(np.random.default_rng(len(context)).integers(-6, 6, net.input_dim).tolist()) / 4
        found = theory.templates(net, x, exact=True)
        assert np.array_equal(found.matches + found.b, net.forward(x, exact=True)), context
        assert np.array_equal(found.A @ x, found.matches), context
        assert all(isinstance(v, Fraction) for v in found.A.reshape(-1)), context
        rounded = theory.templates(net, x)
        assert np.array_equal(rounded.A, found.A.astype(float)), context


def test_templates_are_gradients():
    """For a torch network with batch norm, pooling and a skip, against autograd."""

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3)
            self.skip, self.last = nn.Conv2d(1, 3, 1), nn.Linear(12, 2)

        def forward(self, x):
            z = torch.abs(self.norm(self.conv(x))) + self.skip(x)
            return self.last(torch.flatten(torch.max_pool2d(z, 2), 1))

    torch.manual_seed(0)
    module = Small().double()
    module(torch.randn(8, 1, 4, 4, dtype=torch.float64))  # running statistics
    module.eval()
    x = torch.randn(1, 4, 4, dtype=torch.float64)
    found = theory.templates(es.from_torch(module, (1, 4, 4)), x.numpy())
    assert found.A.shape == (2, 1, 4, 4)
    assert not found.on_boundary
    for c in range(2):
        point = x[None].clone().requires_grad_()
        module(point)[0, c].backward()
        assert np.allclose(found.A[c], point.grad[0].numpy())
    assert np.allclose(found.matches + found.b, module(x[None])[0].detach().numpy())


def test_boundaries():
    net = es.Network([es.Dense([[1, 0]]), es.ReLU()], (2,))
    found = theory.templates(net, [0, 1])
    assert found.on_boundary
    assert found.A.tolist() == [[0, 0]]
    assert found.code.tolist() == [0]
    for bad in ([0], [0, np.inf], [[0, 0], [1, 1]]):
        with pytest.raises(es.ExactSplineError):
            theory.templates(net, bad)
    assert theory.templates(two_layers(), ["1/3", "2"], exact=True).A.shape == (2, 2)


def plain_penalty(W):
    rows = [np.reshape(w, -1).tolist() for w in W]
    return sum(
        sum(a * b for a, b in zip(rows[i], rows[j], strict=True)) ** 2
        for i in range(len(rows)) for j in range(len(rows)) if i != j
    )  # fmt: skip


def test_penalty_by_hand_and_by_torch():
    rng = np.random.default_rng(0)
    for shape in ((3, 4), (2, 2, 3), (1, 5), (4, 1), (3,)):
        W = rng.normal(size=shape)
        value = plain_penalty(W)
        assert theory.orthogonality_penalty(W) == pytest.approx(value)
        tensor = torch.tensor(W, requires_grad=True)
        result = theory.orthogonality_penalty(tensor)
        assert result.item() == pytest.approx(value)
        result.backward()
        flat = W.reshape(shape[0], -1)
        gram = flat @ flat.T
        np.fill_diagonal(gram, 0)
        assert np.allclose(tensor.grad.numpy().reshape(flat.shape), 4 * gram @ flat)
    tensor = torch.tensor(rng.normal(size=(3, 2)), requires_grad=True)
    assert torch.autograd.gradcheck(theory.orthogonality_penalty, (tensor,))


@pytest.mark.slow
def test_penalty_is_zero_only_for_orthogonal_rows():
    assert theory.orthogonality_penalty([[1, 0, 0], [0, 3, 4], [0, -4, 3]]) == 0
    third = exact([["1/3", "2/3"], ["-2/3", "1/3"]])
    assert theory.orthogonality_penalty(third) == 0
    assert theory.orthogonality_penalty(exact([["1/3", 0], ["1/2", 1]])) == Fraction(1, 18)
    assert isinstance(theory.orthogonality_penalty(third), Fraction)
    # as a loss it does make rows orthogonal
    W = torch.eye(3, 4) + 0.3
    W.requires_grad_()
    optimizer = torch.optim.SGD([W], lr=0.05)
    start = float(theory.orthogonality_penalty(W.detach()))
    for _ in range(200):
        optimizer.zero_grad()
        theory.orthogonality_penalty(W).backward()
        optimizer.step()
    assert float(theory.orthogonality_penalty(W.detach())) < 1e-6 * start


def test_penalty_errors():
    for bad in (1.0, [], np.zeros((0, 3)), [[1], [1, 2]], torch.zeros(0, 2), torch.tensor(1.0)):
        with pytest.raises(es.ShapeError):
            theory.orthogonality_penalty(bad)
    for bad in ([[np.nan]], [[1j]], ["x"], [[None]]):
        with pytest.raises(es.ParameterError):
            theory.orthogonality_penalty(bad)


def tampered(path, **changes):
    out = copy.copy(path)
    out.__dict__.update(changes, _maps={})
    return out


def test_the_check_of_a_path_through_lower_faces():
    """Three lines meet in (0, 0), at t = 2/3, where A changes by a matrix of rank two."""
    net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))
    path = es.segment_path(net, [-2, -2], [1, 1])
    report = theory.check_path(net, path=path)
    assert report.holds
    assert report.details == {"events": 1, "lower face": 1, "pieces inside walls": 0}
    assert path.ranks.tolist() == [2]
    called_a_facet = tampered(path, kinds=np.array(["facet"], dtype=path.kinds.dtype))
    report = theory.check_path(net, path=called_a_facet)
    assert "across a facet has a rank above one" in report.reason


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda terms: [sum(terms)], "changes A by a rank above one"),
        (lambda terms: terms[1:], "do not add up"),
    ],
)
def test_ways_around_that_are_none(change, why, monkeypatch):
    net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))
    path = es.segment_path(net, [-2, -2], [1, 1])
    terms = path[0].terms()
    monkeypatch.setattr(type(path[0]), "terms", lambda self: change(terms))
    assert why in theory.check_path(net, path=path).reason
