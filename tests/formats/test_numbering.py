"""Equal values of a network that is read: found by their structure, never claimed of others."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from marks import first_quick
from onnx_models import agree, floats, make_model, node, save
from torch_modules import Calls, parameter
from torch_modules import agree as agree_with_torch

import exactspline as es
from exactspline.errors import UnsupportedOperatorError
from exactspline.formats.numbering import ValueNumbers


def drawn(rng, reads):
    """An operator of values of three entries; few parameters, so that equal ones are drawn."""
    weights = rng.integers(0, 2, 3).astype(float)
    one = [es.ReLU(), es.Identity(), es.Elementwise(weights, rng.integers(0, 2)), es.LeakyReLU(0.5),
           es.Dense(np.roll(np.eye(3), rng.integers(3), axis=0)), es.Select([2, 1, 0]),
           es.Elementwise(weights.astype(int).tolist())]  # fmt: skip
    two = [es.Add(), es.Add([1, -1]), es.Maximum(), es.Minimum()]
    if rng.random() < 0.6:
        return one[rng.integers(len(one))], reads[:1]
    return two[rng.integers(len(two))], reads


@pytest.mark.parametrize("seed", range(20))
def test_one_number_is_one_value(seed):
    rng = np.random.default_rng(seed)
    nodes, numbers = [], None
    found = {-1: [rng.integers(-5, 6, 3) for _ in range(4)]}
    numbers = ValueNumbers(nodes)  # nodes come later
    for position in range(40):
        operator, reads = drawn(rng, rng.integers(-1, position, 2).tolist())
        nodes.append((operator, reads))
        exact = [np.array([[Fraction(int(v)) for v in x] for x in found[r]], dtype=object)
                 if r == -1 else found[r] for r in reads]  # fmt: skip
        found[position] = operator.forward(*exact)
        if position % 7 == 0:
            numbers.first(position)
    firsts = [numbers.first(i) for i in range(40)]
    assert len(set(firsts)) < 40  # some are the same
    for i, first in enumerate(firsts):
        assert first <= i
        if first >= 0:
            assert np.all(found[i] == found[first])
            assert numbers.first(first) == first
    assert numbers.first(-1) == -1


def test_what_tells_values_apart():
    x, y = (es.Dense([[1, 2]]), (-1,)), (es.Dense([[1, 3]]), (-1,))
    nodes = [
        x, y, (es.Dense([[1, 2]], name="again"), (-1,)), (es.Dense([["1", "2"]]), (-1,)),
        (es.Dense([[1, 2]], [1]), (-1,)), (es.Dense([["1/3", 2]]), (-1,)),
        (es.Dense([["1/3", 2]]), (-1,)), (es.Add([1, -1]), (0, 1)), (es.Add([1, -1]), (1, 0)),
        (es.Add(), (0, 1)), (es.Add(), (1, 2)), (es.Maximum(), (1, 3)), (es.Minimum(), (3, 1)),
        (es.Maximum(), (0, 1)), (es.Concat(), (0, 1)), (es.Concat(), (1, 0)),
    ]  # fmt: skip
    many = list(range(300))  # of which a digest is kept
    nodes += [(es.Select(many), (-1,)), (es.Select([*many[:-1], 0]), (-1,)),
              (es.Select(many), (-1,))]  # fmt: skip
    numbers = ValueNumbers(nodes)
    firsts = [numbers.first(i) for i in range(len(nodes))]
    assert firsts == [0, 1, 0, 0, 4, 5, 5, 7, 8, 9, 9, 11, 12, 11, 14, 15, 16, 17, 16]


# --- in files and modules ------------------------------------------------------------------------

TWICE = {  # x @ w is computed anew wherever it is written
    "where": lambda s, x: torch.where(x @ s.w > 0, x @ s.w, 0.1 * (x @ s.w)),
    "masked": lambda s, x: (x @ s.w) * (x @ s.w > 0),
    "shifted": lambda s, x: torch.where(F.linear(x, s.v, s.b) > 1, F.linear(x, s.v, s.b) - 1, 0.0),
    "in two steps": lambda s, x: torch.where(
        (x @ s.w).abs() - 1 > 0, (x @ s.w).abs() - 1, (1 - (x @ s.w).abs()) * 2),
    "sums in another order": lambda s, x: torch.where(
        x @ s.w + x > 0, x + x @ s.w, torch.zeros_like(x)),
    "threshold of every entry": lambda s, x: ((x @ s.w) - s.b) * ((x @ s.w) - s.b > 0),
    "maximum": lambda s, x: torch.where(x @ s.w > x @ s.u, x @ s.w, x @ s.u),
    "minimum": lambda s, x: torch.where(x @ s.w <= x @ s.u, x @ s.w, x @ s.u),
    "maximum and a constant": lambda s, x: torch.where(x @ s.w > s.b, x @ s.w, s.b),
    "constant and a minimum": lambda s, x: torch.where(s.b < x @ s.w, s.b, x @ s.w),
    "differences": lambda s, x: torch.where(
        x @ s.w > x @ s.u, 3 * (x @ s.w) - 3 * (x @ s.u), torch.zeros_like(x)),
}  # fmt: skip
SIZES = {"w": (3, 3), "u": (3, 3), "v": (3, 3), "b": (3,)}


def twice(name):
    return Calls(TWICE[name], **{key: parameter(*size) for key, size in SIZES.items()})


@pytest.mark.parametrize("name", first_quick(list(TWICE), 2))
def test_products_written_twice_in_modules(name):
    net = agree_with_torch(twice(name), (3,))
    assert net.units == (6 if name == "in two steps" else 3)


@pytest.mark.parametrize("name", TWICE)
def test_products_written_twice_in_onnx_files(name, tmp_path):
    from torch_routes import onnx_file

    module = twice(name)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    net = agree(onnx_file(module.eval(), (3,), tmp_path / "net.onnx"), (1, 3))
    assert net.units == (6 if name == "in two steps" else 3)


@pytest.mark.parametrize("kind", ["Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
def test_thresholds_of_every_entry_in_onnx(kind, tmp_path):
    """Where with a threshold for every entry, in both orders of what is compared."""
    stored = {"t": floats(4), "m": np.float32([-1])}
    for left, right in (("x", "t"), ("t", "x")):
        nodes = [node(kind, f"{left} {right}", "c"), node("Where", "c x t")]
        agree(save(make_model(nodes, stored), tmp_path), (1, 4))
        wrong = [
            node(kind, f"{left} {right}", "c"),
            node("Mul", "t m", "n"),
            node("Where", "c x n"),
        ]
        with pytest.raises(
            UnsupportedOperatorError, match=r"the_Where.*differ where the condition"
        ):
            es.load(save(make_model(wrong, stored), tmp_path))


def test_products_that_differ_are_not_taken_for_one():
    module = Calls(
        lambda s, x: torch.where(x @ s.w > 0, x @ s.u, torch.zeros_like(x)),
        w=parameter(3, 3), u=parameter(3, 3),
    )  # fmt: skip
    with torch.no_grad():
        module.w.copy_(torch.eye(3))
        module.u.copy_(torch.eye(3) + 1e-6)
    with pytest.raises(UnsupportedOperatorError, match="differ where the condition changes"):
        es.from_torch(module, (3,))
