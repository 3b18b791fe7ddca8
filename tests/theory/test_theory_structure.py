"""Checks 4, 6, 7 and 8: affine splines, formulas of CNNs and ResNets, templates, hierarchies."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import theory_networks as toys
from marks import first_quick

import exactspline as es
from exactspline import theory
from exactspline.theory.filters import gradients, hierarchy
from exactspline.theory.structure import formulas, structure

CHECKS = {
    "piecewise affine": theory.check_piecewise_affine,
    "CNN formula": theory.check_cnn_formula,
    "ResNet formula": theory.check_resnet_formula,
    "hierarchy": theory.check_hierarchy,
}


def applies(name, net):
    """Whether a statement is about a network, told from its operators alone."""
    chain = all(node.inputs == (i - 1,) for i, node in enumerate(net.nodes))
    if name == "CNN formula":
        return chain and net.units > 0
    if name == "hierarchy":
        try:
            return bool([layer.as_maso() for layer in net.layers])
        except es.UnsupportedOperatorError:
            return False
    return name == "piecewise affine"


@pytest.mark.parametrize("seed", first_quick(range(70), 12))
def test_random_networks(seed):
    rng = random.Random(seed)
    net = toys.any_network(rng)
    domain = toys.domain(rng, net.input_dim)
    omega = es.enumerate_regions(net, domain, graph=True)
    for name, check in CHECKS.items():
        report = check(omega)
        if name == "ResNet formula":
            assert report.verdict != "fails"
            continue
        assert report.verdict == ("holds" if applies(name, net) else "not applicable"), report
        assert report.exact
        assert all(report.routes) or not report.holds
        if name != "hierarchy":
            assert report.checked in (0, len(omega))


@pytest.mark.parametrize("seed", range(40))
def test_residual_blocks_have_the_formula(seed):
    rng = random.Random(seed)
    net = toys.residual(rng)
    report = theory.check_resnet_formula(net, toys.domain(rng, net.input_dim))
    assert report.holds, report
    assert report.details["with skip connections"] >= 1
    assert theory.check_cnn_formula(net).verdict == "not applicable"


@pytest.mark.parametrize("seed", first_quick(range(40), 8))
def test_templates_are_gradients(seed):
    rng = random.Random(1000 + seed)
    net = toys.any_network(rng)
    report = theory.check_templates(net, toys.domain(rng, net.input_dim))
    assert report.holds, report
    assert report.details["the form W A[x], W B[x] + b"] == (
        len(net.layers) > 1 and net.layers[-1].is_affine
    )
    assert "torch's autograd" in report.details


def test_a_torch_module_gives_the_templates():
    import torch

    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv1d(1, 2, 2), torch.nn.BatchNorm1d(2), torch.nn.LeakyReLU(), torch.nn.Flatten(),
        torch.nn.Linear(4, 2),
    ).eval()  # fmt: skip
    net = es.from_torch(module, (1, 3))
    domain = es.Box([-2] * 3, [2] * 3)
    for given in (module, None):
        report = theory.check_templates(net, domain, module=given)
        assert report.holds, report
        count = len(es.enumerate_regions(net, domain))
        assert f"equal in {count} regions" in report.details["torch's autograd"]
    other = torch.nn.Sequential(*module[:-1], torch.nn.Linear(4, 2))
    report = theory.check_templates(net, domain, module=other)
    assert report.verdict == "fails"
    assert report.reason == "torch's gradient is not A[x]"


def test_rounding_is_allowed_only_as_far_as_it_is_proved(monkeypatch):
    """Thirds are rounded: the last bits are forgiven, and nothing above."""
    net = es.Network([es.Dense([["1/3"], ["2/7"]]), es.ReLU(), es.Dense([["1/3", "1/9"]])], (1,))
    report = theory.check_templates(net)
    assert report.holds
    assert "in 1 of them to the last bit" in report.details["torch's autograd"]  # both units off
    real = gradients.module_jacobian
    monkeypatch.setattr(gradients, "module_jacobian", lambda *a: toys.tampered(real(*a), 1e-12))
    assert theory.check_templates(net).verdict == "fails"


def test_max_pooling_over_ties_is_left_to_rationals():
    net = es.Network([es.Dense([[1], [2]]), es.ReLU(), es.MaxPool((2,))], (1, 1))
    report = theory.check_templates(net)
    assert report.holds
    left = "regions beyond the first 300, or where float64 decides nothing"
    assert report.details[left] == 1  # both units off: a tie of the maximum


def test_rounding_counts_what_batch_normalisation_subtracts():
    """s (x - mean) + beta loses every digit of x, though its offset beta - s mean is 0."""
    import torch

    far = 2.0**57
    module = torch.nn.Sequential(torch.nn.BatchNorm1d(1, eps=0.0), torch.nn.ReLU())
    with torch.no_grad():
        module[0].running_mean.fill_(far)
        module[0].bias.fill_(far)
    net = es.Network([es.BatchNorm([far], [1], [1], [far], epsilon=0), es.ReLU()], (1,))
    assert net.nodes[0].operator.shift.tolist() == [0.0]
    report = theory.check_templates(net, module=module)
    assert report.holds
    assert report.details["regions beyond the first 300, or where float64 decides nothing"] == 2


@pytest.mark.parametrize("weight", ["1e-400", "-1e-400", "1e-310", "1e-200", "1e200", "1e400"])
def test_gradients_at_the_ends_of_the_range(weight):
    """Where numbers could underflow or overflow, torch's gradients say nothing."""
    net = es.Network(
        [es.Dense([[weight], [1]], [0, -1]), es.ReLU(), es.Dense([["1e200", 1]])], (1,)
    )
    assert theory.check_templates(net).holds


# --- What is of another form -----------------------------------------------------------------


def test_torchs_residual_block_is_of_another_form():
    """relu(conv + skip) is sigma of a sum, not a sum with sigma."""
    body = [es.Dense([[1, 2], [0, 1]]), es.ReLU(), es.Dense([[1, 0], [1, 1]])]
    net = es.Network([es.Residual(body), es.ReLU()], (2,))
    report = theory.check_resnet_formula(net)
    assert report.verdict == "not applicable"
    assert "not sigma(C z + b)" in report.reason
    plain = es.Network([es.Residual([es.Dense([[1]])]), es.ReLU()], (1,))  # one affine map
    assert theory.check_resnet_formula(plain).verdict == "not applicable"
    cases = {
        "both branches": [es.Residual([es.ReLU()], [es.Abs()])],
        "coefficients": [es.Branches([[es.ReLU()], []], es.Add([1, 2]))],
        "does not add": [es.Branches([[es.ReLU()], []], es.Maximum())],
        "no activation; the form has no pooling": [es.ReduceMax(keepdims=True)],
        "no block": [es.Dense([[1, 0], [0, 1]]), es.ReLU()],
        "different shapes": [es.Residual([es.ReLU()], [es.Dense([[1, 1]])])],
        "inside of a branch": [es.Residual([es.Residual([es.ReLU()]), es.ReLU()])],
    }
    for reason, steps in cases.items():
        report = theory.check_resnet_formula(es.Network(steps, (2,)))
        assert report.verdict == "not applicable"
        assert reason in report.reason


def test_networks_without_units():
    for net in (es.Network([], (2,)), es.Network([es.Dense([[1, 2]], [3])], (2,))):
        assert theory.check_piecewise_affine(net).holds
        assert theory.check_cnn_formula(net).verdict == "not applicable"
        assert theory.check_resnet_formula(net).verdict == "not applicable"
        assert theory.check_templates(net).holds
    assert theory.check_hierarchy(es.Network([], (2,))).verdict == "not applicable"


# --- Broken formulas -------------------------------------------------------------------------

DENSE = es.Network([es.Dense([[1], [-2]], [1, "1/3"]), es.ReLU(), es.Dense([[1, -1]], [1])], (1,))
CNN = es.Network(
    [es.Conv([[[1, -1]], [[2, "1/3"]]], [0, 1]), es.Clip(0, 1), es.MaxPool((2,)), es.Flatten(),
     es.Dense([[1, -1]], [2])], (1, 3),
)  # fmt: skip
RES = es.Network(
    [es.Residual([es.Dense([[2]], [1]), es.ReLU()], [es.Dense([["1/2"]], [3])]),
     es.Residual([es.Dense([[-1]], [1]), es.Clip(-1, 1)]), es.Dense([[3]], [1])], (1,),
)  # fmt: skip


def test_the_networks_to_be_broken_hold():
    assert theory.check_piecewise_affine(DENSE).holds
    assert theory.check_cnn_formula(CNN).holds
    assert theory.check_resnet_formula(RES).holds
    assert theory.check_templates(DENSE).holds
    assert theory.check_hierarchy(DENSE).holds


@pytest.mark.parametrize(
    ("check", "side"),
    [("structure", s) for s in ("exact_forward", "A", "b", "over_t", "shift")]
    + [("templates", s) for s in ("exact_forward", "A", "over_t")],  # templates are slopes only
)
def test_a_change_of_forward_or_maps_is_found(check, side, monkeypatch):
    module = structure if check == "structure" else gradients
    run = theory.check_piecewise_affine if check == "structure" else theory.check_templates
    if side == "exact_forward":
        real = module.exact_forward
        monkeypatch.setattr(module, side, lambda n, x: toys.tampered(real(n, x)))
    else:
        maps = module.maps_of

        def changed(partition):
            found = maps(partition)
            return replace(found, **{side: toys.tampered(getattr(found, side))})

        monkeypatch.setattr(module, "maps_of", changed)
    report = run(DENSE)
    assert report.verdict == "fails"
    assert report.counterexample is not None
    assert report.reason


SIDES = ["products", "matrix", "over_t", "shift", "no B"]


@pytest.mark.parametrize(
    ("net", "side"),
    [*((CNN, side) for side in SIDES), *((RES, side) for side in [*SIDES, "no skip bias"])],
)
def test_a_broken_formula_is_found(net, side, monkeypatch):
    check = theory.check_cnn_formula if net is CNN else theory.check_resnet_formula
    if side == "products":
        real = formulas.cnn_products
        monkeypatch.setattr(
            formulas, "cnn_products", lambda *a: (toys.tampered(real(*a)[0]), real(*a)[1])
        )
    elif side == "matrix":
        matrix = formulas._matrix
        monkeypatch.setattr(
            formulas, "_matrix", lambda n, s: (matrix(n, s)[0], toys.tampered(matrix(n, s)[1]))
        )
    elif side == "no B":  # the theory's formula for operators with B_sigma = 0
        selected = formulas._selected

        def without(spline, z):
            picked, value = selected(spline, z)
            return (None if picked is None else (picked[0], 0 * picked[1])), value

        monkeypatch.setattr(formulas, "_selected", without)
    elif side == "no skip bias":
        products = formulas.cnn_products

        def dropped(form, x, formula):
            levels = tuple(
                replace(level, skip=None if level.skip is None else (level.skip[0], 0 * x))
                for level in form.levels
            )
            return products(replace(form, levels=levels), x, formula)

        monkeypatch.setattr(formulas, "cnn_products", dropped)
    else:
        maps = formulas.maps_of

        def changed(partition):
            found = maps(partition)
            return replace(found, **{side: toys.tampered(getattr(found, side))})

        monkeypatch.setattr(formulas, "maps_of", changed)
    report = check(net)
    assert report.verdict == "fails"
    assert "region" in report.counterexample


def test_a_change_of_the_nested_maxima_is_found(monkeypatch):
    masos = hierarchy._masos

    def changed(layers):
        first, *rest = masos(layers)
        return [es.MASO(toys.tampered(first.A), first.B), *rest]

    forward = hierarchy.exact_forward
    with monkeypatch.context() as patch:
        patch.setattr(hierarchy, "_masos", changed)
        report = theory.check_hierarchy(DENSE)
        assert report.verdict == "fails"
        x = np.array([report.counterexample["x"]], dtype=object)
        assert DENSE.forward(x, exact=True).reshape(-1).tolist() == report.counterexample["f(x)"]
    monkeypatch.setattr(
        hierarchy,
        "exact_forward",
        lambda n, x: toys.tampered(forward(n, x)) if n is DENSE else forward(n, x),
    )
    assert theory.check_hierarchy(DENSE).verdict == "fails"


def test_a_network_that_jumps_is_found(monkeypatch):
    """Every region's map shifted by a constant of its own: right slopes, torn at the facets."""
    maps = structure.maps_of

    def torn(partition):
        found = maps(partition)
        steps = np.arange(len(found.b))[:, None]
        return replace(found, b=found.b + steps, shift=found.shift + steps)

    monkeypatch.setattr(structure, "maps_of", torn)
    monkeypatch.setattr(structure, "values_disagree", lambda partition, A, b: (1, None))
    report = theory.check_piecewise_affine(DENSE)
    assert report.verdict == "fails"
    assert report.reason == "the maps on both sides of a facet do not meet on it"
    assert report.counterexample["jump of the offset"] != 0


@pytest.mark.parametrize("weight", ["1e400", "1e-400", "1/3"])
def test_parameters_that_torch_cannot_hold(weight):
    """What is rounded away for torch says nothing against the network."""
    net = es.Network([es.Dense([[weight], [1]], [0, -1]), es.ReLU(), es.Dense([[1, 1]])], (1,))
    report = es.theory.check_templates(net)
    assert report.verdict == "holds"
    asked = report.to_json()["details"]["torch's autograd"]
    assert asked.startswith("not compared") == (weight == "1e400")
