"""Templates of an input: against torch's gradients, and as they are drawn."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

import exactspline as es
from exactspline.plot.templates import plot_templates


class Block(nn.Module):
    """activation(norm(conv(z))) + skip(z): the residual layer of the theory."""

    def __init__(self, n_in: int, n_out: int, activation, norm: bool) -> None:
        super().__init__()
        self.body = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.norm = nn.BatchNorm2d(n_out) if norm else nn.Identity()
        self.activation = activation
        self.skip = nn.Conv2d(n_in, n_out, 1)

    def forward(self, z):
        return self.activation(self.norm(self.body(z))) + self.skip(z)


class Images(nn.Module):
    """Images 3 x 6 x 6 to four numbers."""

    def __init__(self, residual: bool, activation, norm: bool) -> None:
        super().__init__()
        self.one = (
            Block(3, 4, activation, norm)
            if residual
            else nn.Sequential(
                nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4) if norm else nn.Identity()
            )
        )
        self.activation, self.pool, self.last = activation, nn.MaxPool2d(2), nn.Linear(36, 4)

    def forward(self, x):
        return self.last(self.pool(self.activation(self.one(x))).flatten(1))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("activation", [torch.relu, torch.abs])
@pytest.mark.parametrize("residual", [False, True])
def test_templates_are_gradients(residual, activation, norm):
    torch.manual_seed(3)
    net = Images(residual, activation, norm).double()
    if norm:
        net.train()
        net(torch.rand(16, 3, 6, 6, dtype=torch.float64))  # statistics that are not 0 and 1
    net.eval()
    x = torch.rand(1, 3, 6, 6, dtype=torch.float64)
    truth = torch.autograd.functional.jacobian(lambda v: net(v)[0], x)[:, 0].numpy()
    network = es.from_torch(net, (3, 6, 6))
    found = network.templates(x[0].numpy())
    assert found.A.shape == (4, 3, 6, 6)
    assert np.abs(found.A - truth).max() < 1e-10
    assert np.abs(found.matches + found.b - net(x)[0].detach().numpy()).max() < 1e-10
    (region,) = es.regions_at(network, x[0].numpy())
    assert (region.templates() == found.A.reshape(4, -1)).all()


def test_templates_of_a_partition():
    net = es.Network([es.ReLU(), es.Flatten(), es.Dense(np.arange(8).reshape(2, 4))], (2, 2))
    omega = es.enumerate_regions(net)
    for i, region in enumerate(omega):
        assert omega.templates(i).shape == (2, 2, 2)
        on = region.code.reshape(2, 2)
        assert (omega.templates(i) == np.arange(8).reshape(2, 2, 2) * on).all()
    assert (omega.templates(-1, exact=True) == np.arange(8).reshape(2, 2, 2)).all()
    with pytest.raises(IndexError):
        omega.templates(16)


def images_of(axes):
    (image,) = axes.get_images()
    return np.asarray(image.get_array())


def test_what_is_drawn():
    rng = np.random.default_rng(0)
    net = es.Network(
        [es.Flatten(), es.Dense(rng.normal(size=(12, 5))[:, [0, 1, 2, 3]], rng.normal(size=12))],
        (1, 2, 2),
    )
    x = rng.uniform(size=(1, 2, 2))
    figure = plot_templates(net, x)
    first, *panels, scores = figure.axes
    assert len(panels) == 12
    assert (images_of(first) == x[0]).all()
    found = net.templates(x)
    largest = np.abs(found.A).max()
    for c, panel in enumerate(panels):
        assert (images_of(panel) == found.A[c, 0]).all()
        assert panel.get_images()[0].get_clim() == (-largest, largest)
        assert panel.get_title() == f"{c}: {(found.matches + found.b)[c]:.3g}"
    assert [bar.get_width() for bar in scores.patches] == (found.matches + found.b).tolist()
    assert scores.lines[0].get_xdata().tolist() == found.b.tolist()
    best = int(np.argmax(net.forward(x)))
    assert [panel.title.get_fontweight() == "bold" for panel in panels].index(True) == best
    some = plot_templates(net, x, classes=[7, 2], labels=[f"${c}_$" for c in range(12)])
    assert [axes.get_title().split(":")[0] for axes in some.axes[1:-1]] == ["$7_$", "$2_$"]
    some.savefig("/dev/null", format="png")  # labels are text, no formulas


def test_colours_channels_and_bars():
    rng = np.random.default_rng(1)
    colour = es.Network([es.Flatten(), es.Dense(rng.normal(size=(3, 12)))], (3, 2, 2))
    x = rng.uniform(size=(3, 2, 2))
    shown = images_of(plot_templates(colour, x).axes[1])
    A = colour.templates(x).A
    assert shown == pytest.approx(np.moveaxis(A[0], 0, -1) / (2 * np.abs(A).max()) + 0.5)
    one = plot_templates(colour, x, channel=2)
    assert (images_of(one.axes[1]) == A[0, 2]).all()
    assert (images_of(one.axes[0]) == x[2]).all()
    flat = es.Network([es.Dense(rng.normal(size=(2, 6)))], (6,))
    bars = plot_templates(flat, np.ones(6)).axes[1].patches
    assert [bar.get_height() for bar in bars] == flat.templates(np.ones(6)).A[0].tolist()
    square = plot_templates(flat, np.ones(6), shape=(2, 3))
    assert (images_of(square.axes[2]).reshape(-1) == flat.templates(np.ones(6)).A[1]).all()
    from matplotlib.figure import Figure

    own = Figure().subplots(1, 3)
    assert plot_templates(flat, np.ones(6), axes=own, shape=(3, 2)) is own[0].figure
    assert images_of(own[1]).shape == (3, 2)


def test_bad_input_is_told(monkeypatch):
    flat = es.Network([es.Dense(np.ones((2, 100)))], (100,))
    many = es.Network([es.Flatten(), es.Dense(np.ones((2, 8)))], (2, 2, 2))
    wide = es.Network([es.Dense(np.ones((101, 4)))], (4,))
    x = np.ones(100)
    cases = [
        (flat, x, {}, es.ShapeError, r"shape=\(height, width\)"),
        (flat, x, {"shape": (3, 5)}, es.ShapeError, "does not hold the 100"),
        (flat, x, {"shape": (1, 1, 10, 10)}, es.ShapeError, "no image"),
        (flat, x, {"shape": "ab"}, es.ParameterError, "whole numbers"),
        (flat, x, {"shape": (10, 10), "classes": [2]}, es.ParameterError, "some of 0 to 1"),
        (flat, x, {"shape": (10, 10), "channel": 0}, es.ParameterError, "has none"),
        (flat, x, {"shape": (10, 10), "labels": ["a"]}, es.ShapeError, "give 2"),
        (flat, x, {"shape": (10, 10), "axes": [None]}, es.ShapeError, "need 3"),
        (flat, x[:99], {"shape": (10, 10)}, es.ShapeError, "99"),
        (flat, x * np.nan, {"shape": (10, 10)}, es.ParameterError, "not a finite"),
        (many, np.ones((2, 2, 2)), {}, es.ShapeError, "2 channels"),
        (many, np.ones((2, 2, 2)), {"channel": 2}, es.ParameterError, "give 0 to 1"),
        (wide, np.ones(4), {}, es.LimitError, "classes="),
    ]
    for network, at, options, error, text in cases:
        with pytest.raises(error, match=text):
            plot_templates(network, at, **options)
    with pytest.raises(es.ParameterError, match="give a Network"):
        plot_templates("net.onnx", x)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(es.ParameterError, match=r"pip install 'exactspline\[plot\]'"):
        plot_templates(flat, x)
