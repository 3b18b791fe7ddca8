"""Losses on templates: against NumPy's formulas, exact templates and difference quotients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import exactspline as es
from exactspline import theory
from exactspline import torch as losses


@pytest.fixture(name="small")
def _small():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.BatchNorm2d(3), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 4),
    ).double().eval()  # fmt: skip


def test_templates_are_the_exact_ones(small):
    x = torch.randn(3, 1, 4, 4, dtype=torch.float64)
    found = losses.templates(small, x, penalty=False)
    assert found.shape == (3, 4, 1, 4, 4)
    network = es.from_torch(small, (1, 4, 4))
    for point, A in zip(x, found, strict=True):
        assert np.allclose(network.templates(point.numpy()).A, A.numpy(), atol=1e-12)


def test_penalties_are_the_formulas():
    rng = np.random.default_rng(1)
    A, x, y = rng.normal(size=(5, 3, 2, 4)), rng.normal(size=(5, 2, 4)), rng.integers(3, size=5)
    T, X, Y = torch.tensor(A), torch.tensor(x), torch.tensor(y)
    a, p = A.reshape(5, 3, 8), x.reshape(5, 8)
    u = p / np.linalg.norm(p, axis=1, keepdims=True)
    pairs = [sum((r[c] @ r[d]) ** 2 for c in range(3) for d in range(3) if c != d) for r in a]
    assert np.isclose(float(losses.template_orthogonality(T)), np.mean(pairs))
    each = [float(losses.orthogonality_penalty(r)) for r in T]
    assert np.isclose(np.mean(each), np.mean(pairs))
    sizes = (a**2).sum(axis=(1, 2))
    assert np.isclose(float(losses.norm_penalty(T, 20.0)), np.mean(np.maximum(0, sizes - 20) ** 2))
    across = [[np.sum((r - (r @ v) * v) ** 2) for r in rows] for rows, v in zip(a, u, strict=True)]
    assert np.isclose(float(losses.collinear_penalty(T, X)), np.mean(np.sum(across, axis=1)))
    best = [theory.collinear_templates(v, 3, int(k), 2) for v, k in zip(p, y, strict=True)]
    gap = np.mean([np.sum((r - s) ** 2) for r, s in zip(a, best, strict=True)])
    assert np.isclose(float(losses.collinear_distance(T, X, Y, 2.0)), gap)
    cosines = np.einsum("ncd,nd->nc", a, u) / np.linalg.norm(a, axis=2)
    assert np.allclose(losses.template_cosines(T, X).numpy(), cosines)
    shares = float(losses.collinear_penalty(T, X, relative=True))
    assert np.isclose(shares, np.mean(np.sum(1 - cosines**2, axis=1)))


@pytest.mark.parametrize("seed", range(4))
def test_penalties_are_the_exact_ones(seed):
    """Each sample by itself against rationals; templates that are 0, orthogonal, collinear too."""
    rng = np.random.default_rng(seed)
    A, x = rng.normal(size=(6, 3, 4)), rng.normal(size=(6, 4))
    A[1, 2] = 0
    A[2] = np.eye(3, 4) * [[1.0], [2.0], [0.5]]
    A[3] = np.outer([1, -2, 0.5], x[3])
    x[4] = 0
    T, X = torch.tensor(A), torch.tensor(x)
    for i in range(6):
        exact = theory.template_penalties(A[i], x[i], alpha=5)
        found = (
            losses.template_orthogonality(T[i : i + 1]), losses.norm_penalty(T[i : i + 1], 5.0),
            losses.collinear_penalty(T[i : i + 1], X[i : i + 1]),
            losses.collinear_penalty(T[i : i + 1], X[i : i + 1], relative=True),
        )  # fmt: skip
        for value, loss in zip(exact, found, strict=True):
            assert np.isclose(float(loss), float(value), rtol=1e-12, atol=1e-24)
    assert theory.template_penalties(A[2], x[2])[0] == 0
    one = T[:1].clone().requires_grad_(True)
    for loss, slope in (
        (losses.template_orthogonality(one), lambda a, u: 4 * (a @ a.T - np.diag(np.diag(a @ a.T)))
         @ a),
        (losses.norm_penalty(one, 0.5), lambda a, u: 4 * (np.sum(a * a) - 0.5) * a),
        (losses.collinear_penalty(one, X[:1]), lambda a, u: 2 * (a - np.outer(a @ u, u))),
    ):  # fmt: skip
        (found,) = torch.autograd.grad(loss, one)
        assert np.allclose(found[0].numpy(), slope(A[0], x[0] / np.linalg.norm(x[0])), rtol=1e-10)


@pytest.mark.parametrize("name", ["orthogonal", "norm", "collinear", "distance"])
def test_gradients_reach_the_parameters(small, name):
    x, y = torch.randn(4, 1, 4, 4, dtype=torch.float64), torch.tensor([0, 3, 1, 2])

    def loss():
        A = losses.templates(small, x)
        return {
            "orthogonal": lambda: losses.template_orthogonality(A),
            "norm": lambda: losses.norm_penalty(A, 0.1),
            "collinear": lambda: losses.collinear_penalty(A, x),
            "distance": lambda: losses.collinear_distance(A, x, y),
        }[name]()

    loss().backward()
    for parameter in (small[0].weight, small[5].weight):
        slope = float(parameter.grad.reshape(-1)[2])
        with torch.no_grad():
            h = 1e-6
            parameter.reshape(-1)[2] += h
            up = float(loss())
            parameter.reshape(-1)[2] -= 2 * h
            down = float(loss())
            parameter.reshape(-1)[2] += h
        assert slope != 0
        assert np.isclose(slope, (up - down) / (2 * h), rtol=1e-4)


def test_what_is_refused(small):
    x = torch.randn(2, 1, 4, 4, dtype=torch.float64)
    with pytest.raises(es.ParameterError, match=r"eval\(\)"):
        losses.templates(small.train(), x)
    with pytest.raises(es.ShapeError, match="outputs of shape"):
        losses.templates(torch.nn.Identity(), x)
    with pytest.raises(es.ShapeError, match="floating-point"):
        losses.templates(small.eval(), [[1.0]])
    A = torch.ones(2, 3, 5)
    with pytest.raises(es.ShapeError, match="do not fit"):
        losses.collinear_penalty(A, torch.ones(2, 4))
    with pytest.raises(es.ShapeError, match="templates of shape"):
        losses.template_orthogonality(torch.ones(2, 3))
    with pytest.raises(es.ParameterError, match="labels"):
        losses.collinear_distance(A, torch.ones(2, 5), torch.tensor([0, 3]))
    for alpha in (0, -1, float("nan"), "x"):
        with pytest.raises(es.ParameterError, match="alpha"):
            losses.norm_penalty(A, alpha)
    zero = losses.template_cosines(torch.zeros(1, 2, 3, requires_grad=True), torch.zeros(1, 3))
    assert zero.tolist() == [[0, 0]]
    assert float(losses.collinear_penalty(A, torch.zeros(2, 5))) == 15
    assert not losses.templates(lambda z: torch.ones(len(z), 2), torch.ones(2, 3)).any()
