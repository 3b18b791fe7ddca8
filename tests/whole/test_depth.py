"""Thousands of operators in a row, and blocks in blocks: nothing recurses over a network."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch

import exactspline as es
from exactspline.bounds import upper_bounds
from exactspline.compile import compile_network
from exactspline.tasks.task import _problem, pack_problem

DEEP = 2200  # its half, too, is more than Python's stack holds
BOX = es.Box(-1, 1, dim=2)


def moves() -> es.Network:
    """Only moves entries, then one layer of units."""
    steps = [es.Reshape((2, 1)) if i % 2 == 0 else es.Flatten() for i in range(DEEP)]
    return es.Network([*steps, es.ReLU()], (2,))


def affine() -> es.Network:
    """x -> (x_0 + 1, -x_1) again and again: (x_0 + DEEP / 2, x_1) in the end."""
    steps = [
        es.Dense([[1, 0], [0, -1]], [1, 0]) if i % 2 == 0 else es.Identity() for i in range(DEEP)
    ]
    return es.Network([*steps, es.ReLU(), es.Dense([[1, 1]])], (2,))


def residual() -> es.Network:
    """x -> x + (-2 x): the sign changes DEEP / 2 times."""
    blocks = [es.Residual([es.Dense([[-2, 0], [0, -2]])]) for _ in range(DEEP // 2)]
    return es.Network([*blocks, es.ReLU()], (2,))


def units() -> es.Network:
    """max(x - 1, 0) again and again, DEEP / 2 layers: max(x - DEEP / 2, 0)."""
    steps = [step for _ in range(DEEP // 2) for step in (es.Dense([[1]], [-1]), es.ReLU())]
    return es.Network(steps, (1,))


CASES = {
    "moves": (moves, [0.5, -0.5], [0.5, 0.0], 4),
    "affine": (affine, [0.5, -0.5], [DEEP / 2 + 0.5], 2),
    "residual": (residual, [0.5, -0.5], [0.5, 0.0], 4),
    "units": (units, [DEEP / 2 + 0.5], [0.5], 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_every_route(case, tmp_path):
    make, x, expected, regions = CASES[case]
    net = make()
    domain = es.Box(-1, 1, dim=net.input_dim)
    assert len(net.nodes) >= DEEP
    assert net.forward(x).tolist() == expected
    assert net.forward(x, exact=True).tolist() == [Fraction(v) for v in expected]
    assert es.forward(net, x).tolist() == expected
    assert es.count_regions(net, domain, engine="rational") == regions
    assert len(es.regions_at(net, x)) == 1
    net.save(tmp_path / "net.json")
    net.to_onnx(tmp_path / "net.onnx")
    again = [es.load(tmp_path / "net.json"), es.load(tmp_path / "net.onnx")]
    again += [copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    for other in again:
        assert other.forward(x).tolist() == expected
        assert compile_network(other).sha256() == net.program.sha256()
    assert str(len(net.nodes)) in repr(net)
    assert len(net.layers) >= 1
    assert repr(net.layers).count("layer") >= len(net.layers)
    assert net.layers[0].as_maso().forward(np.array([x])).shape[0] == 1
    assert upper_bounds(net.program, net.input_dim)[-1].value >= regions


@pytest.mark.slow
@pytest.mark.parametrize("depth", [900, DEEP])
def test_blocks_in_blocks(depth):
    steps: list = [es.Dense([[-1]])]
    for _ in range(depth):
        steps = [es.Residual(steps), es.Dense([["1/2"]])]
    net = es.Network([*steps, es.ReLU()], (1,))
    assert len(net.nodes) == 2 * depth + 2
    assert net.forward([0.0], exact=True).tolist() == [0]
    # t -> (t + 1) / 2 of the slope, from -1 on: 1 - 2^(1 - depth)
    assert net.forward([1], exact=True).tolist() == [1 - Fraction(2, 2**depth)]
    assert len(net.program.layers) == 1


def test_branches_are_wired_in_order():
    """As written out by hand: the ends of branches, blocks in branches, empty branches."""
    a, b, c, d = (es.Dense([[w]], name=str(w)) for w in (2, 3, 5, 7))
    inner = es.Branches([[], [b, c], [d]], es.Add())
    net = es.Network([a, es.Branches([[inner], [es.Abs()], []], es.Concat()), es.Abs()], (1,))
    assert [node.inputs for node in net.nodes] == [
        (-1,), (0,), (1,), (0,), (0, 2, 3), (0,), (4, 5, 0), (6,),
    ]  # fmt: skip
    assert net.forward([1.0]).tolist() == [2 + 30 + 14, 2, 2]


@pytest.mark.slow
def test_torch():
    steps = [torch.nn.Linear(2, 2) if i % 2 == 0 else torch.nn.Identity() for i in range(DEEP)]
    for step in steps[::2]:
        with torch.no_grad():
            step.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
            step.bias.copy_(torch.tensor([1.0, 0.0]))
    net = es.from_torch(torch.nn.Sequential(*steps, torch.nn.ReLU()), (2,))
    assert es.count_regions(net, BOX, engine="rational") == 2
    assert net.forward([0.5, 0.5]).tolist() == [DEEP / 2 + 0.5, 0.5]


@pytest.mark.slow
def test_tasks():
    """What is sent to workers."""
    net = affine()
    again, domain = _problem(*pack_problem(net, BOX))
    assert domain.dim == 2
    assert again.program.sha256() == net.program.sha256()
