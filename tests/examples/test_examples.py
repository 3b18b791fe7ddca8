"""The examples: the digits network by three ways, its training script, the images of the slice."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from folders import EXAMPLES

import exactspline as es


def script(path: Path):
    """A script of the examples as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


train = script(EXAMPLES / "digits" / "train.py")


def float_codes(net: es.Network, X: np.ndarray) -> np.ndarray:
    """Codes of a batch in float64, straight from the program's unit tables."""
    state, out = X.reshape(len(X), -1), []
    for layer in net.program.layers:
        forms, units = layer.members, layer.units
        weight = np.zeros((len(forms), forms.width))
        rows = np.repeat(np.arange(len(forms)), np.diff(forms.indptr))
        weight[rows, forms.indices] = forms.data
        u = state @ weight.T + forms.const
        codes = np.full((len(X), len(units)), -1)
        for k in range(len(units)):
            own = slice(*units.piece_start[k : k + 2])
            values = u[:, units.piece_member[own]]
            if units.lead[k]:
                codes[:, k] = (values * units.lead[k]).argmax(axis=1)
            else:  # how many of the increasing breakpoints lie below
                codes[:, k] = (values + units.piece_shift[own] > 0)[:, :-1].sum(axis=1)
        piece = units.piece_start[:-1] + codes
        made = units.piece_slope[piece] * np.take_along_axis(u, units.piece_member[piece], axis=1)
        state = np.concatenate([made + units.piece_offset[piece], state[:, layer.keep]], axis=1)
        out.append(codes)
    return np.concatenate(out, axis=1)


@pytest.fixture(scope="module")
def module():
    weights = torch.load(EXAMPLES / "digits" / "digits.pt", weights_only=True)
    net = train.Digits()
    net.load_state_dict(weights)
    return net.eval()


@pytest.fixture(scope="module")
def networks(module, tmp_path_factory):
    """The digits network from torch, from its ONNX file and from JSON."""
    path = tmp_path_factory.mktemp("digits") / "digits.json"
    direct = es.from_torch(module, (1, 8, 8))
    direct.save(path)
    onnx = es.load(EXAMPLES / "digits" / "digits.onnx")
    return {"torch": direct, "onnx": onnx, "json": es.load(path)}


def images() -> np.ndarray:
    return np.stack([np.load(EXAMPLES / "digits" / f"{n}.npy").reshape(-1) for n in "abc"])


@pytest.mark.slow
def test_one_network_three_ways(networks, module):
    rng = np.random.default_rng(0)
    X = rng.choice(images(), 3_000) + rng.normal(0, 0.1, (3_000, 64))
    codes = {name: float_codes(net, X) for name, net in networks.items()}
    assert np.array_equal(codes["torch"], codes["onnx"])
    assert np.array_equal(codes["torch"], codes["json"])
    # torch's own activations: the first layer, and those of both residual blocks
    double = train.Digits().double().eval()
    double.load_state_dict(module.state_dict())
    seen = []
    for part in (double.first, double.one.conv, double.two.conv):
        part.register_forward_hook(lambda _, __, out: seen.append(out.flatten(1).numpy() > 0))
    with torch.no_grad():
        values = double(torch.tensor(X.reshape(-1, 1, 8, 8))).numpy()
    layers = np.split(codes["torch"], networks["torch"].program.unit_start[1:-1], axis=1)
    for layer, active in zip((0, 1, 3), seen, strict=True):
        assert np.array_equal(layers[layer], active.astype(int))
    for net in networks.values():
        error = np.abs(net.forward(X) - values).max()
        assert error < 1e-12 * np.abs(values).max()


def test_one_count_three_ways(networks):
    points = images()
    low, high = points[0].astype(float), points[0].astype(float)
    pixels = [27, 28, 35, 36]  # the four in the middle
    low[pixels] -= 0.05
    high[pixels] += 0.05
    slice_ = es.Slice.through(points, es.Box(0, "1/8", dim=2))
    for domain, least in ((es.Box(low, high), 100), (slice_, 500)):
        counts = {name: es.count_regions(net, domain) for name, net in networks.items()}
        assert all(count.complete for count in counts.values())
        assert len({int(count) for count in counts.values()}) == 1
        assert counts["torch"] > least


def test_units_have_names(networks):
    net = networks["onnx"]
    assert net.unit_name(0).index == (0, 0, 0)
    last = net.unit_name(net.units - 1)
    assert last.index == (11, 1, 1)  # channel, i, j of the second pooling
    assert str(networks["torch"].unit_name(400)) == "one.relu[0, 2, 0]"


@pytest.mark.slow
def test_training_script(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "digits" / "train.py"), "--epochs", "1",
         "--out", str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert float(done.stdout.split()[-1]) > 0.3  # one pass: far better than chance
    assert es.load(tmp_path / "digits.onnx").units == 1104
    for name, image in zip("abc", images(), strict=True):
        assert np.array_equal(np.load(tmp_path / f"{name}.npy").reshape(-1), image)


def test_images_of_the_slice(tmp_path, monkeypatch):
    make = script(EXAMPLES / "slice" / "make_images.py")
    monkeypatch.setattr(make, "HERE", tmp_path)
    make.main()
    for name in "abc":
        committed = np.load(EXAMPLES / "slice" / f"{name}.npy")
        assert committed.shape == (1, 28, 28)
        assert np.allclose(np.load(tmp_path / f"{name}.npy"), committed, atol=1 / 255)
