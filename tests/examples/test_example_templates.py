"""The example of orthogonal templates, in a very short version."""

from __future__ import annotations

import importlib.util
import json
import math
import sys

import numpy as np
import pytest
import torch
from folders import EXAMPLES

PATH = EXAMPLES / "orthogonal_templates" / "train.py"


@pytest.fixture(scope="module")
def train():
    spec = importlib.util.spec_from_file_location("orthogonal_templates", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_it_runs_and_reports(train, tmp_path, capsys, monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setattr(train, "LAMBDAS", (0.0, 1.0))
    try:
        train.main(["--seeds", "2", "--epochs", "1", "--out", str(tmp_path)])
    finally:
        torch.set_num_threads(threads)
    for name in ("accuracy.png", "epochs.png", "templates.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG"), name
    text = (tmp_path / "report.md").read_text()
    assert "| 0 |" in text
    assert "| 1 |" in text
    assert "gain" in text
    assert text.count("batch norm") == 8
    found = json.loads((tmp_path / "results.json").read_text())
    assert set(found["runs"]) == {"0", "1"}
    for runs in found["runs"].values():
        assert [run["seed"] for run in runs] == [0, 1]
        assert all(0 < run["accuracy"] < 1 and len(run["history"]) == 1 for run in runs)
    assert found["runs"]["1"][0]["penalty"] < found["runs"]["0"][0]["penalty"]
    assert text in capsys.readouterr().out


def test_the_verdict_is_what_the_numbers_say(train):
    def runs(values):
        return [{"accuracy": v, "penalty": 0.0} for v in values]

    base = [0.90, 0.92, 0.91, 0.93]
    better = train.summary({0.0: runs(base), 1.0: runs([v + 0.03 for v in base])})
    assert better[1]["gain"] == pytest.approx(0.03)
    assert better[0]["deviation"] == pytest.approx(np.std(base, ddof=1))
    assert better[1]["maximum"] == pytest.approx(0.96)
    assert "So there is a gain, the largest at lambda = 1." in train.verdict(better)
    mixed = train.summary({0.0: runs(base), 1.0: runs([0.93, 0.90, 0.92, 0.92])})
    assert "no clear difference" in train.verdict(mixed)
    assert "So there is no gain" in train.verdict(mixed)
    worse = train.summary({0.0: runs(base), 1.0: runs([v - 0.03 for v in base])})
    assert "a loss of 3.00 points" in train.verdict(worse)
    one = train.summary({0.0: runs([0.9]), 1.0: runs([0.95])})
    assert math.isinf(one[1]["error"])
    assert "So there is no gain" in train.verdict(one)


def test_mnist_from_a_file(train, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "mnist.npz", x_train=rng.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        y_train=rng.integers(0, 10, 20), x_test=rng.integers(0, 256, (6, 28, 28), dtype=np.uint8),
        y_test=rng.integers(0, 10, 6),
    )  # fmt: skip
    data = train.mnist(tmp_path / "mnist.npz")
    assert data.train.shape == (20, 1, 28, 28)
    assert float(data.train.max()) <= 1
    net, history = train.fit(data, 0.1, 0, train.Settings(epochs=1), norm=True, residual=True)
    assert len(history) == 1
    assert net(data.test).shape == (6, 10)
