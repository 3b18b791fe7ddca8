"""The command line of the census."""

from __future__ import annotations

import json

import numpy as np
import pytest

import exactspline as es
from exactspline.cli.main import main


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    net = es.Network([es.Dense([[1, 2], [2, -1], [1, 1]], [0, 1, -1]), es.ReLU()], (2,))
    net.save(tmp_path / "net.json")
    data = {"x": rng.normal(size=(300, 2)), "z": rng.normal(size=(100, 2)) * 3}
    data["y"] = rng.integers(0, 3, 300)
    for name, value in data.items():
        np.save(tmp_path / f"{name}.npy", value)
    paths = {name: str(tmp_path / f"{name}.npy") for name in data}
    return net, data, {**paths, "net": str(tmp_path / "net.json")}


def test_as_json(files, capsys):
    net, data, paths = files
    given = [paths["net"], paths["x"], "--labels", paths["y"], "--distances"]
    assert main(["census", *given, "--against", paths["z"], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    first = es.census(net, data["x"], data["y"], distances=True)
    second = es.census(net, data["z"], distances=True)
    assert told.pop("compared") == first.compare(second).to_json()
    assert told.pop("against") == second.to_json()
    assert told == first.to_json()
    assert told["regions"] == len(np.unique(es.codes(net, data["x"]), axis=0))
    assert told["class_samples"] == np.bincount(data["y"]).tolist()


def test_as_text(files, capsys):
    net, data, paths = files
    assert main(["census", paths["net"], paths["x"], "--against", paths["z"], "--float"]) == 0
    out, err = capsys.readouterr()
    first, second = (es.census(net, data[name], exact=False) for name in "xz")
    assert out == f"{first}\n\n{second}\n\n{first.compare(second)}\n"
    assert "300 samples in" in out
    assert not err


def test_bad_files(files, capsys):
    _, _, paths = files
    assert main(["census", paths["net"], paths["y"]]) == 2
    assert main(["census", paths["net"], paths["x"], "--labels", paths["x"]]) == 2
    assert main(["census", paths["net"], paths["net"]]) == 2
    out, err = capsys.readouterr()
    assert not out
    lines = [line.partition("error: ")[2] for line in err.splitlines()]
    begins = ("census: data of shape (300,)", "labels of type float64", f"data {paths['net']}")
    assert len(lines) == 3
    assert all(line.startswith(own) for line, own in zip(lines, begins, strict=True))
