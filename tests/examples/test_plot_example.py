"""The example that draws the moons: its pictures, and that it trains the network that is kept."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from folders import EXAMPLES, MOONS
from PIL import Image, ImageSequence

import exactspline as es


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import plot_moons

    yield plot_moons
    for name in ("plot_moons", "train_moons"):
        sys.modules.pop(name, None)


def test_pictures(example, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys.modules["train_moons"], "STEPS", 20)
    monkeypatch.setattr(example, "SHOWN", (0, 20))
    example.main(tmp_path)
    assert capsys.readouterr().out.startswith("<Picture: 281 regions of [-2, 3] x [-3/2, 2]>")
    for name in ("partition.png", "line.png"):
        size = Image.open(tmp_path / name).size  # letters differ from version to version
        assert np.allclose(size, Image.open(EXAMPLES.parent / "docs" / name).size, rtol=0.05)
    assert len(list(ImageSequence.Iterator(Image.open(tmp_path / "training.gif")))) == 2


@pytest.mark.slow
def test_the_last_checkpoint_is_the_network(example):
    last, kept = example.checkpoints()[-1], es.load(MOONS)
    assert len(example.SHOWN) == 9
    for a, b in zip(last.operators[::2], kept.operators[::2], strict=True):
        assert np.abs(a.weight - b.weight).max() < 1e-2  # other processors round otherwise
