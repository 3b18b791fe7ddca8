"""Small image networks by both of PyTorch's ONNX exporters: loaded as they are written."""

from __future__ import annotations

import contextlib
import io
import time
import warnings

import numpy as np
import pytest
import torch
import vision_models
from onnx_models import session_of

import exactspline as es


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A model as an exporter writes it: the file, the module, an input, and its value."""
    folder = tmp_path_factory.mktemp("vision")

    def write(name, dynamo):
        path = folder / f"{name}_{'dynamo' if dynamo else 'legacy'}.onnx"
        module, shape = vision_models.trained(name)
        torch.manual_seed(5)
        x = torch.randn(1, *shape)
        silent = io.StringIO()
        with (
            warnings.catch_warnings(), contextlib.redirect_stdout(silent),
            contextlib.redirect_stderr(silent),
        ):  # fmt: skip
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (x,), path, dynamo=dynamo)
        session = session_of(path)
        value = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0][0]
        return path, module, x.numpy()[0].astype(np.float64), value

    return write


@pytest.mark.slow
@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "legacy"])
@pytest.mark.parametrize("name", vision_models.MODELS)
def test_values_and_a_region(name, dynamo, written):
    path, module, x, wanted = written(name, dynamo)
    assert dynamo == path.with_name(path.name + ".data").exists()  # its weights stand beside it
    start = time.perf_counter()
    net = es.load(path)
    assert time.perf_counter() - start < 5
    got = net.forward(x)
    assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max()
    (region,) = es.regions_at(net, x.reshape(-1))
    A, b = (np.float64(part) for part in region.affine())
    value = A.reshape(got.size, -1) @ x.reshape(-1) + b.reshape(-1)
    assert np.abs(value - got.reshape(-1)).max() <= 1e-9 * np.abs(got).max()
    same = es.from_torch(module, x.shape)
    assert net.units == same.units
    # slopes and epsilons are float32 in ONNX, doubles in torch
    assert np.abs(same.forward(x) - got).max() <= 1e-6 * np.abs(got).max()


@pytest.mark.slow
def test_weights_beside_the_model_are_read(written):
    path, module, x, wanted = written("densenet", True)
    net = es.load(path)
    assert net.parameters >= sum(p.numel() for p in module.parameters()) - 3
    assert np.abs(net.forward(x) - wanted).max() <= 1e-5 * np.abs(wanted).max()
